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
    /// A linear memory, by index.
    Memory(u32),
    /// The module's own global variables.
    Globals,
    /// A global that others see, by index.
    Global(u32),
    /// The word that holds the lowest stack address that may be used; the firmware defines it.
    StackLimit,
    /// The initialization function.
    Init,
    /// Contents of memory that initialization copies, by number.
    Data(u32),
    /// Contents of a passive data segment, by index.
    Segment(u32),
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
        let symbol = (imm >> 32) as u32;
        if let Some(memory) = SymKind::memory(symbol) {
            return (self.get(SymbolKind::Memory(memory)), imm as i32);
        }
        let kind = match symbol {
            k if k == SymKind::Globals as u32 => SymbolKind::Globals,
            k if k >= SymKind::Segment as u32 => SymbolKind::Segment(k - SymKind::Segment as u32),
            k if k >= SymKind::Data as u32 => SymbolKind::Data(k - SymKind::Data as u32),
            k => SymbolKind::Global(k - SymKind::Global as u32),
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
        SymbolKind::Memory(i) => match &module.memories[*i as usize].import {
            Some(import) => import.symbol(),
            None => numbered(name, *i),
        },
        SymbolKind::Globals => format!("{name}.globals"),
        SymbolKind::Global(i) => {
            let g = &module.globals[*i as usize];
            match (&g.import, g.exports.first()) {
                (Some(import), _) => import.symbol(),
                (None, Some(e)) => e.clone(),
                (None, None) => match module.memory_of_global(*i) {
                    Some((memory, true)) => format!("{}_pages", numbered(name, memory)),
                    Some((memory, false)) => format!("{}_max_pages", numbered(name, memory)),
                    None => format!("{name}.global{i}"),
                },
            }
        }
        SymbolKind::StackLimit => format!("{name}_stack_limit"),
        SymbolKind::Init => format!("{name}_init"),
        SymbolKind::Data(i) => format!("{name}.data{i}"),
        SymbolKind::Segment(i) => format!("{name}.segment{i}"),
    }
}

/// The symbol of a memory of the module.
pub fn numbered(name: &str, memory: u32) -> String {
    match memory {
        0 => format!("{name}_memory"),
        k => format!("{name}_memory{k}"),
    }
}
