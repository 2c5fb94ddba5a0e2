//! The symbols of an object, while it is made.
//!
//! In: names and kinds. Out: numbers that the machine IR and relocations carry. One place decides every name.

use super::mir::Symbol;
use crate::ir::Module;
use crate::ir::ops::SymKind;
use rustc_hash::FxHashMap;

/// What a symbol stands for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum SymbolKind {
    /// The body of a function of the module, by index.
    Func(u32),
    /// The wrapper that gives an exported function of several results the external convention.
    Wrapper(u32),
    /// The linear memory.
    Memory,
    /// The module's own global variables.
    Globals,
    /// A global that others see, by index.
    Global(u32),
    /// The word that holds the lowest stack address that may be used; the firmware defines it.
    StackLimit,
    /// The initialization function.
    Init,
    /// Contents of a data segment, by number.
    Data(u32),
    /// The function through which references enter a function, by index.
    Thunk(u32),
    /// A table, by index.
    Table(u32),
    /// The references of an element segment, by index.
    Elem(u32),
}

/// The table of symbols.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// By number.
    pub kinds: Vec<SymbolKind>,
    index: FxHashMap<SymbolKind, Symbol>,
}

impl Symbols {
    /// The number of a symbol.
    pub fn get(&mut self, kind: SymbolKind) -> Symbol {
        if let Some(&s) = self.index.get(&kind) {
            return s;
        }
        let s = Symbol(self.kinds.len() as u32);
        self.kinds.push(kind.clone());
        self.index.insert(kind, s);
        s
    }

    /// The number of a symbol that something already named.
    pub fn find(&self, kind: &SymbolKind) -> Option<Symbol> {
        self.index.get(kind).copied()
    }

    /// The symbol and byte offset that an IR `sym` with this immediate is the address of.
    pub fn of_imm(&mut self, imm: i64) -> (Symbol, i32) {
        let (kind, index) = SymKind::split((imm >> 32) as u32);
        let kind = match kind {
            SymKind::Memory => SymbolKind::Memory,
            SymKind::Globals => SymbolKind::Globals,
            SymKind::Global => SymbolKind::Global(index),
            SymKind::Data => SymbolKind::Data(index),
            SymKind::Func => SymbolKind::Func(index),
            SymKind::Thunk => SymbolKind::Thunk(index),
            SymKind::Table => SymbolKind::Table(index),
            SymKind::Elem => SymbolKind::Elem(index),
        };
        (self.get(kind), imm as i32)
    }
}

/// The text of a symbol. `name` is the module's prefix.
pub fn text(kind: &SymbolKind, module: &Module, name: &str) -> String {
    match kind {
        SymbolKind::Func(i) => {
            let f = &module.funcs[*i as usize];
            match &f.import {
                Some(import) => import.symbol(),
                None => match f.name.as_deref().or(f.exports.first().map(String::as_str)) {
                    Some(n) => format!("{name}.{n}"),
                    None => format!("{name}.func{i}"),
                },
            }
        }
        SymbolKind::Wrapper(i) => format!("{name}.export{i}"),
        SymbolKind::Memory => format!("{name}_memory"),
        SymbolKind::Globals => format!("{name}.globals"),
        SymbolKind::Global(i) => {
            let g = &module.globals[*i as usize];
            match (&g.import, g.exports.first()) {
                (Some(import), _) => import.symbol(),
                (None, Some(e)) => e.clone(),
                (None, None) => format!("{name}_memory_pages"),
            }
        }
        SymbolKind::StackLimit => format!("{name}_stack_limit"),
        SymbolKind::Init => format!("{name}_init"),
        SymbolKind::Data(i) => format!("{name}.data{i}"),
        SymbolKind::Thunk(i) => format!("{name}.reference{i}"),
        SymbolKind::Table(i) => {
            let t = &module.tables[*i as usize];
            match (&t.import, t.exports.first()) {
                (Some(import), _) => import.symbol(),
                (None, Some(e)) => e.clone(),
                (None, None) => format!("{name}.table{i}"),
            }
        }
        SymbolKind::Elem(i) => format!("{name}.elem{i}"),
    }
}
