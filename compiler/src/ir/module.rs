//! Modules: functions and everything around them, as the closed world that the optimizer sees.

use super::func::Func;
use super::ops::Ty;
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

/// The initial value of a global.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GlobalInit {
    /// These bits.
    Const(u64),
    /// The value of an imported global, read by `NAME_init`.
    Global(u32),
}

/// The linear memory.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Initial size in pages of 64 KiB.
    pub min_pages: u32,
    /// The most it can have; grows past it fail.
    pub max_pages: u32,
    /// Whether any function grows it; if not, `min_pages` is its size for ever.
    pub grows: bool,
    /// The global that holds the current size in pages, if it can change.
    pub pages_global: Option<u32>,
    /// Names under which it is exported.
    pub exports: Vec<String>,
}

impl Memory {
    /// Size in bytes at the start.
    pub fn min_bytes(&self) -> u64 {
        (self.min_pages as u64) << 16
    }
    /// Size in bytes when fully grown: what is reserved.
    pub fn max_bytes(&self) -> u64 {
        (if self.grows {
            self.max_pages
        } else {
            self.min_pages
        } as u64)
            << 16
    }
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct Data {
    /// Start address.
    pub offset: GlobalInit,
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
    /// The memory, if any.
    pub memory: Option<Memory>,
    /// Active data segments in order.
    pub data: Vec<Data>,
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
}
