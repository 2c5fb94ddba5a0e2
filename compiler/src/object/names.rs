//! Names: every symbol that others see stands for one thing.
//!
//! In: a module and its prefix. Out: nothing, or an error that says which names meet and what to do. Exports keep
//! their names, so they may meet the names of imports or those that the compiler gives; a linker would report
//! that late, or silently take one for the other. Checked before anything is compiled.

use crate::backend::symbols::numbered;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{FuncType, Module, Ty};
use crate::options::Options;
use rustc_hash::FxHashMap;

/// What an undefined symbol must be.
#[derive(PartialEq, Eq)]
enum Wanted<'a> {
    Func(&'a FuncType),
    Global(Ty),
    Memory,
    Table,
}

fn clash(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Options, format!("symbol `{name}` {what}"))
        .help("choose another prefix with --name, or rename it in the module")
}

/// The names that the compiler gives to what others see.
pub fn own(prefix: &str, memories: usize) -> Vec<String> {
    let fixed = ["init", "memory", "memory_pages", "stack_limit"];
    let mut names: Vec<_> = fixed.map(|n| format!("{prefix}_{n}")).into();
    for k in 0..memories {
        let memory = numbered(prefix, k as u32);
        names.extend(["", "_pages", "_max_pages"].map(|n| format!("{memory}{n}")));
    }
    names
}

/// Refuses a module whose symbols cannot all be told apart.
///
/// # Errors
/// `Options`, naming the symbol; `Unsupported` for what ELF cannot say.
pub fn check(m: &Module, options: &Options) -> Result<()> {
    let own = own(&options.name, m.memories.len());
    let mut wanted: FxHashMap<String, Wanted<'_>> = FxHashMap::default();
    let funcs = m.funcs.iter().filter_map(|f| {
        let i = f.import.as_ref()?;
        Some((i.symbol(), Wanted::Func(&f.ty)))
    });
    let globals = m.globals.iter().filter_map(|g| {
        let i = g.import.as_ref()?;
        Some((i.symbol(), Wanted::Global(g.ty)))
    });
    let memories = m.memories.iter().filter_map(|m| {
        let i = m.import.as_ref()?;
        Some((i.symbol(), Wanted::Memory))
    });
    let tables = m.tables.iter().filter_map(|t| {
        let i = t.import.as_ref()?;
        Some((i.symbol(), Wanted::Table))
    });
    for (symbol, what) in funcs.chain(globals).chain(memories).chain(tables) {
        printable(&symbol)?;
        if own.contains(&symbol) {
            return Err(clash(&symbol, "is imported, and the compiler gives it"));
        }
        if wanted.get(&symbol).is_some_and(|w| *w != what) {
            return Err(clash(&symbol, "is imported with two types"));
        }
        wanted.insert(symbol, what);
    }
    for g in &m.globals {
        if let Some(symbol) = g.import.as_ref().map(|i| i.symbol())
            && let Some(other) = g.exports.iter().find(|&e| *e != symbol)
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("imported global `{symbol}` is exported as `{other}`, and a symbol has one name where it is not defined"),
            )
            .help("export it under the name of its symbol, or not at all"));
        }
    }
    for t in &m.tables {
        if let Some(symbol) = t.import.as_ref().map(|i| i.symbol())
            && let Some(other) = t.exports.iter().find(|&e| *e != symbol)
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("imported table `{symbol}` is exported as `{other}`, and a symbol has one name where it is not defined"),
            )
            .help("export it under the name of its symbol, or not at all"));
        }
    }
    let globals = m.globals.iter().filter(|g| g.import.is_none());
    let tables = m.tables.iter().filter(|t| t.import.is_none());
    let defined = m
        .funcs
        .iter()
        .flat_map(|f| f.own_exports())
        .chain(globals.flat_map(|g| &g.exports))
        .chain(tables.flat_map(|t| &t.exports));
    for e in defined {
        printable(e)?;
        if own.contains(e) {
            return Err(clash(e, "is exported, and the compiler gives it"));
        }
        if wanted.contains_key(e) {
            return Err(clash(e, "is exported, and is the name of an import too"));
        }
    }
    Ok(())
}

/// Refuses the names of mapping symbols (ELF for the Arm Architecture, 5.5.5), which would hide code from tools.
fn printable(name: &str) -> Result<()> {
    let mapping = ["$a", "$d", "$t", "$x"];
    let rest = mapping.iter().find_map(|m| name.strip_prefix(m));
    if rest.is_some_and(|r| r.is_empty() || r.starts_with('.')) {
        return Err(clash(name, "is a mapping symbol of ELF"));
    }
    if name.is_empty() || name.contains('\0') {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("symbol {name:?} is empty or has a zero byte"),
        )
        .help("object files cannot hold it; rename it"));
    }
    Ok(())
}
