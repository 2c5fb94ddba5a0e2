//! Modules: functions and everything around them, as the closed world that the optimizer sees.

use super::func::Func;
use super::ops::{Op, Ty};
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
        self.import.is_none() && self.ty.results.len() < 2 && !self.exports.is_empty()
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
}

/// A step of a constant expression, which works on a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExprOp {
    /// Pushes these bits.
    Const(Ty, u64),
    /// Pushes the value of a global.
    Global(u32),
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
    /// The start function.
    pub start: Option<u32>,
    /// Names for messages.
    pub names: FxHashMap<u32, String>,
}

impl Module {
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
