//! Modules: functions and everything around them, as the closed world that the optimizer sees.

use super::func::Func;
use super::ops::{Op, SymKind, Ty};
use rustc_hash::FxHashMap;

/// A function type, as it is declared.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    /// Parameters.
    pub params: Vec<Ty>,
    /// Results.
    pub results: Vec<Ty>,
}

impl FuncType {
    /// The types that its parameters and results have as values of the IR.
    pub fn bits(&self) -> FuncType {
        let list = |types: &[Ty]| types.iter().map(|t| t.bits()).collect();
        FuncType {
            params: list(&self.params),
            results: list(&self.results),
        }
    }
}

/// Module and field name of an import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// Module name.
    pub module: String,
    /// Field name.
    pub field: String,
}

impl Import {
    /// The undefined symbol: the field for module `env`, else `<module>_<field>`.
    pub fn symbol(&self) -> String {
        if self.module == "env" {
            self.field.clone()
        } else {
            format!("{}_{}", self.module, self.field)
        }
    }
}

/// A function of the module's index space.
#[derive(Clone, Debug)]
pub struct FuncDecl {
    /// Type.
    pub ty: FuncType,
    /// Where it comes from, if it is imported.
    pub import: Option<Import>,
    /// Names under which it is exported.
    pub exports: Vec<String>,
    /// Name from the name section.
    pub name: Option<String>,
    /// The body; `None` for imports and for functions that were dropped.
    pub body: Option<Func>,
    /// Byte offset of the body in the binary.
    pub offset: u32,
    /// How it is entered other than by calls that name it.
    pub entry: Entry,
}

/// How a function is entered other than by calls that name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// The number of its type in [`Module::types`].
    pub type_number: u32,
    /// Whether anything refers to it, so that it may be called by reference.
    pub referenced: bool,
    /// Whether references enter it through a function of their own: it is imported, or has a wider stack area.
    pub thunk: bool,
    /// The word in front of what references enter, by which calls tell types apart.
    pub id: Option<u32>,
    /// Bytes of stack for arguments that its callers have, if more than it takes itself: a function that it calls in its
    /// place takes so many.
    pub area: u32,
}

impl Entry {
    /// Bytes from the word that tells a function's type to a reference to the function, which has the Thumb bit.
    pub const ID_BEFORE: u32 = 5;
}

impl FuncDecl {
    /// The export names that need a symbol of the object. An import that is exported under its own symbol has one
    /// already, where it is defined.
    pub fn own_exports(&self) -> impl Iterator<Item = &String> {
        let import = self.import.as_ref().map(Import::symbol);
        self.exports
            .iter()
            .filter(move |&e| import.as_ref() != Some(e))
    }

    /// Whether callers from outside enter the body itself: one convention serves both.
    pub fn exports_body(&self) -> bool {
        let convention = self.ty.results.len() < 2 && self.entry.area == 0;
        self.import.is_none() && convention && !self.exports.is_empty()
    }

    /// Whether callers from outside enter through a function of its own: to give several results as C does, or to
    /// go on to an import.
    pub fn needs_wrapper(&self) -> bool {
        !self.exports_body() && self.own_exports().next().is_some()
    }
}

/// A global variable.
#[derive(Clone, Debug)]
pub struct Global {
    /// Type.
    pub ty: Ty,
    /// Whether it can change.
    pub mutable: bool,
    /// Where it comes from, if it is imported.
    pub import: Option<Import>,
    /// Names under which it is exported.
    pub exports: Vec<String>,
    /// Initial value; another global's, if it starts as a copy of an import.
    pub init: GlobalInit,
}

/// The initial value of a global, or the offset of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GlobalInit {
    /// These bits.
    Const(u64),
    /// The value of a global that `NAME_init` reads: one that is imported, or that it has computed before.
    Global(u32),
    /// The value of an extended constant expression, by its number in [`Module::exprs`], computed by `NAME_init`.
    Expr(u32),
    /// A reference to this function.
    Func(u32),
}

impl GlobalInit {
    /// The null reference.
    pub const NULL: GlobalInit = GlobalInit::Const(0);
}

/// A type by which functions are called through references.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeDecl {
    /// Parameters and results.
    pub ty: FuncType,
    /// The word that tells it from other types, of this module and of others (`docs/abi.md`).
    pub id: u32,
    /// Bytes of stack for arguments at calls by reference; see [`Entry::area`].
    pub area: u32,
}

/// A table of references.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// Entries at the start.
    pub min: u32,
    /// The most that it can have; grows past it fail.
    pub max: u32,
    /// What entries hold before segments are written to it.
    pub init: GlobalInit,
    /// Where it comes from, if it is imported.
    pub import: Option<Import>,
    /// Names under which it is exported.
    pub exports: Vec<String>,
    /// Whether any function grows it.
    pub grows: bool,
    /// What it holds, if nothing ever changes that: then it lies in flash.
    pub contents: Option<Vec<GlobalInit>>,
}

impl Table {
    /// Bytes in front of the entries of a table whose size may change: the size and the greatest size, a word each.
    pub const HEADER: u32 = 8;

    /// Whether others see it.
    pub fn is_shared(&self) -> bool {
        self.import.is_some() || !self.exports.is_empty()
    }

    /// Whether its size may change; if not, it is `min`.
    pub fn is_sized(&self) -> bool {
        self.is_shared() || self.grows && self.max > self.min
    }

    /// Byte offset of the first entry.
    pub fn first(&self) -> u32 {
        if self.is_sized() { Table::HEADER } else { 0 }
    }

    /// Bytes of the table when fully grown, if the module defines it.
    pub fn bytes(&self) -> u32 {
        self.first() + 4 * if self.is_sized() { self.max } else { self.min }
    }
}

/// Where an element segment goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElemMode {
    /// To this place of a table, by `NAME_init`.
    Active(u32, GlobalInit),
    /// Where `table.init` puts it.
    Passive,
    /// Nowhere: it only declares references.
    Declared,
}

/// An element segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elem {
    /// Where it goes.
    pub mode: ElemMode,
    /// Its references.
    pub items: Vec<GlobalInit>,
    /// The global that holds how many are left, if it may be dropped.
    pub left: Option<u32>,
    /// Byte offset of the segment in the binary.
    pub at: u32,
}

impl Elem {
    /// Whether its references are known before anything runs: then it lies in flash.
    pub fn is_constant(&self) -> bool {
        !self
            .items
            .iter()
            .any(|i| matches!(i, GlobalInit::Global(_)))
    }
}

/// A step of a constant expression, which works on a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExprOp {
    /// Pushes these bits.
    Const(Ty, u64),
    /// Pushes the value of a global.
    Global(u32),
    /// Pushes a reference to a function.
    Func(u32),
    /// Replaces two values by their sum, difference or product.
    Binary(Op),
}

/// Where the addresses of a memory begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Base {
    /// At a symbol.
    #[default]
    Symbol,
    /// At this machine address.
    Address(u32),
    /// Nowhere: its addresses are machine addresses.
    Identity,
}

/// The number that an access has instead of a memory's if its address is a machine address: helpers have no other, and
/// data segments lie outside of every memory.
pub const MACHINE: u32 = 0x7fff_ffff;

/// A linear memory.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Where it comes from, if it is imported.
    pub import: Option<Import>,
    /// Where it is.
    pub base: Base,
    /// Binary logarithm of the bytes of a page: 16, or 0 (proposal "custom page sizes").
    pub page_log2: u32,
    /// Initial size in pages; of an imported memory, what it has at least.
    pub min_pages: u32,
    /// The most it can have; grows past it fail.
    pub max_pages: u32,
    /// Whether its size may change; if not, `min_pages` is its size for ever.
    pub grows: bool,
    /// The global that holds the current size in pages, if it can change.
    pub pages_global: Option<u32>,
    /// The global that holds the greatest size in pages, where whoever defines the memory knows it.
    pub limit_global: Option<u32>,
    /// Names under which it is exported.
    pub exports: Vec<String>,
}

impl Memory {
    /// Size in bytes at the start.
    pub fn min_bytes(&self) -> u64 {
        (self.min_pages as u64) << self.page_log2
    }
    /// Size in bytes when fully grown: what is reserved.
    pub fn max_bytes(&self) -> u64 {
        (if self.grows {
            self.max_pages
        } else {
            self.min_pages
        } as u64)
            << self.page_log2
    }
    /// Bytes that the object reserves for it: initialization copies whole words. A section has no more than 32 bits say.
    pub fn reserved_bytes(&self) -> u64 {
        self.max_bytes().next_multiple_of(4).min(u32::MAX.into())
    }
    /// Whether the object reserves it.
    pub fn is_reserved(&self) -> bool {
        self.import.is_none() && self.base == Base::Symbol
    }
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct Data {
    /// Start address; `None` for a passive segment.
    pub offset: Option<GlobalInit>,
    /// The memory that an active segment initializes.
    pub memory: u32,
    /// The global that holds its length in bytes, if it is passive and something drops it.
    pub length_global: Option<u32>,
    /// Contents.
    pub bytes: Vec<u8>,
    /// Byte offset of the segment in the binary.
    pub at: u32,
}

/// A module.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Functions by index: imports first.
    pub funcs: Vec<FuncDecl>,
    /// Globals by index: imports first.
    pub globals: Vec<Global>,
    /// Memories by index: imports first.
    pub memories: Vec<Memory>,
    /// Data segments by index.
    pub data: Vec<Data>,
    /// Extended constant expressions in postfix order, each of one value.
    pub exprs: Vec<Vec<ExprOp>>,
    /// Types by which functions are called through references: no two are equal.
    pub types: Vec<TypeDecl>,
    /// Tables by index: imports first.
    pub tables: Vec<Table>,
    /// Element segments by index.
    pub elems: Vec<Elem>,
    /// The start function.
    pub start: Option<u32>,
    /// Names for messages.
    pub names: FxHashMap<u32, String>,
}

impl Module {
    /// Whether floats are passed to or from functions of others: imports, exports, and what shared tables refer to.
    pub fn passes_floats(&self) -> bool {
        let has = |ty: &FuncType| {
            let all = ty.params.iter().chain(&ty.results);
            all.into_iter().any(|t| matches!(t, Ty::F32 | Ty::F64))
        };
        let outside = |f: &&FuncDecl| f.import.is_some() || !f.exports.is_empty();
        let shared = self.tables.iter().any(Table::is_shared);
        self.funcs.iter().filter(outside).any(|f| has(&f.ty))
            || shared && self.types.iter().any(|t| has(&t.ty))
    }

    /// The immediate of the `sym` that is a reference to a function.
    pub fn reference(&self, func: u32) -> i64 {
        match self.funcs.get(func as usize).is_some_and(|f| f.entry.thunk) {
            true => SymKind::Thunk.imm(func),
            false => SymKind::Func.imm(func),
        }
    }

    /// A function's best name for messages and symbols.
    pub fn func_name(&self, index: u32) -> Option<&str> {
        let f = self.funcs.get(index as usize)?;
        f.name
            .as_deref()
            .or_else(|| f.exports.first().map(String::as_str))
    }

    /// The first memory, which most modules have alone.
    pub fn memory(&self) -> Option<&Memory> {
        self.memories.first()
    }

    /// The memory whose size in pages (then `true`) or greatest size a global holds.
    pub fn memory_of_global(&self, global: u32) -> Option<(u32, bool)> {
        let found = |(k, m): (usize, &Memory)| {
            let pages = m.pages_global == Some(global);
            (pages || m.limit_global == Some(global)).then_some((k as u32, pages))
        };
        self.memories.iter().enumerate().find_map(found)
    }
}
