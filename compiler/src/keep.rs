//! Which functions, tables and segments an object holds.
//!
//! In: finished code with its relocations. Out: the functions that something refers to, and the tables and segments that code
//! names or others see. Invariant: what an object names and defines itself is kept; the linker has nothing left to drop.

use crate::backend::code::Code;
use crate::backend::mir::Symbol;
use crate::backend::symbols::{SymbolKind, Symbols};
use crate::ir::{GlobalInit, Module};
use rustc_hash::FxHashMap;

/// Drops functions to which nothing in the finished code refers, nor any table or segment that it names. Gives those tables
/// and segments, beside the tables that others see.
pub(crate) fn referenced(
    functions: &mut Vec<(SymbolKind, Code)>,
    symbols: &mut Symbols,
    module: &Module,
) -> Vec<SymbolKind> {
    let place: FxHashMap<&SymbolKind, usize> = functions
        .iter()
        .enumerate()
        .map(|(i, (k, _))| (k, i))
        .collect();
    let kinds = symbols.kinds.clone();
    let mut kept = vec![false; functions.len()];
    let mut work: Vec<usize> = Vec::new();
    for (i, (kind, _)) in functions.iter().enumerate() {
        match kind {
            SymbolKind::Func(f) if !module.funcs[*f as usize].exports_body() => {}
            SymbolKind::Thunk(_) => {}
            _ => work.push(i),
        }
    }
    let mut held: Vec<SymbolKind> = Vec::new();
    // What finds a table or segment keeps what that holds.
    let mut hold = |kind: &SymbolKind, work: &mut Vec<usize>| {
        if held.contains(kind) {
            return;
        }
        let items = match kind {
            SymbolKind::Table(t) => module.tables[*t as usize].contents.as_ref(),
            SymbolKind::Elem(e) => Some(&module.elems[*e as usize].items),
            _ => return,
        };
        held.push(kind.clone());
        let funcs = items.into_iter().flatten().filter_map(|i| match i {
            GlobalInit::Func(f) => Some(symbols.get(reference(module, *f))),
            GlobalInit::Const(_) | GlobalInit::Global(_) | GlobalInit::Expr(_) => None,
        });
        let funcs: Vec<Symbol> = funcs.collect();
        work.extend(
            funcs
                .iter()
                .filter_map(|s| place.get(&symbols.kinds[s.0 as usize])),
        );
    };
    for (t, table) in module.tables.iter().enumerate() {
        if table.is_shared() {
            hold(&SymbolKind::Table(t as u32), &mut work);
        }
    }
    while let Some(i) = work.pop() {
        if !std::mem::replace(&mut kept[i], true) {
            for r in &functions[i].1.relocs {
                let kind = kinds[r.symbol.0 as usize].clone();
                work.extend(place.get(&kind));
                hold(&kind, &mut work);
            }
        }
    }
    let mut kept = kept.into_iter();
    functions.retain(|_| kept.next().unwrap_or(true));
    held
}

/// The symbol whose address is a reference to a function.
pub fn reference(module: &Module, func: u32) -> SymbolKind {
    match module.funcs[func as usize].entry.thunk {
        true => SymbolKind::Thunk(func),
        false => SymbolKind::Func(func),
    }
}
