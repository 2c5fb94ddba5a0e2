//! The symbols of an object, while it is made.
//!
//! In: names and kinds. Out: numbers that the machine IR and relocations carry. One place decides every name.

use super::mir::Symbol;
use crate::ir::Module;
use crate::ir::ops::SymKind;
use crate::softfloat::{FILES, HELPERS};
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
    /// A helper of floats, by its place in [`crate::softfloat::HELPERS`].
    Float(u32),
    /// The code of helpers of floats that stand in one file, by its place in [`crate::softfloat::FILES`].
    FloatText(u32),
    /// A function of the run-time ABI, which another object defines.
    Aeabi(&'static str),
    /// Contents of a passive data segment, by index.
    Segment(u32),
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
            SymKind::Memory | SymKind::Memories => SymbolKind::Memory(index),
            SymKind::Globals => SymbolKind::Globals,
            SymKind::Global => SymbolKind::Global(index),
            SymKind::Data => SymbolKind::Data(index),
            SymKind::Segment => SymbolKind::Segment(index),
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
        SymbolKind::FloatText(i) => {
            let file = FILES[*i as usize].0;
            format!("{name}.float.{}", file.trim_end_matches(".s"))
        }
        SymbolKind::Float(i) => format!("{name}.{}", HELPERS[*i as usize].name),
        SymbolKind::Aeabi(function) => (*function).to_owned(),
        SymbolKind::Segment(i) => format!("{name}.segment{i}"),
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

/// The symbol of a memory of the module.
pub fn numbered(name: &str, memory: u32) -> String {
    match memory {
        0 => format!("{name}_memory"),
        k => format!("{name}_memory{k}"),
    }
}
