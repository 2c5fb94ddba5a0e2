//! Names: every symbol that others see stands for one thing.
//!
//! In: a module and its prefix. Out: nothing, or an error that says which names meet and what to do. Exports keep
//! their names, so they may meet the names of imports or those that the compiler gives; a linker would report
//! that late, or silently take one for the other. Checked before anything is compiled. A name that an object cannot hold
//! has a spelling that no other name has ([`symbol`]).

use crate::backend::symbols::numbered;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{FuncType, Module, Ty};
use crate::options::Options;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// First byte of what stands for something else in a symbol: no UTF-8 has it, so no name does.
const ESCAPE: u8 = 0xc0;

/// The symbol of a name: the name, but for what an object cannot hold. A zero byte, and the `$` of what would be a mapping
/// symbol (ELF for the Arm Architecture, 5.5.5), become their overlong UTF-8 of two bytes; the empty name the first of these alone.
pub fn symbol(name: &str) -> Cow<'_, [u8]> {
    let mapping = ["$a", "$d", "$t", "$x"];
    let rest = mapping.iter().find_map(|m| name.strip_prefix(m));
    let mapping = rest.is_some_and(|r| r.is_empty() || r.starts_with('.'));
    if !name.is_empty() && !mapping && !name.contains('\0') {
        return Cow::Borrowed(name.as_bytes());
    }
    let mut out = Vec::with_capacity(name.len() + 1);
    for (i, b) in name.bytes().enumerate() {
        match b {
            0 | b'$' if b == 0 || mapping && i == 0 => out.extend([ESCAPE, 0x80 | b]),
            b => out.push(b),
        }
    }
    if out.is_empty() {
        out.push(ESCAPE);
    }
    Cow::Owned(out)
}

/// The name whose symbol this is; `None` if it is the symbol of no name.
pub fn name(symbol: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(symbol.len());
    let mut bytes = symbol.iter();
    while let Some(&b) = bytes.next() {
        match b {
            ESCAPE if symbol.len() > 1 => out.push(bytes.next()? & 0x7f),
            ESCAPE => {}
            b => out.push(b),
        }
    }
    let name = String::from_utf8(out).ok()?;
    (*self::symbol(&name) == *symbol).then_some(name)
}

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
/// `Options`, naming the symbol.
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
        if own.contains(&symbol) {
            return Err(clash(&symbol, "is imported, and the compiler gives it"));
        }
        if wanted.get(&symbol).is_some_and(|w| *w != what) {
            return Err(clash(&symbol, "is imported with two types"));
        }
        wanted.insert(symbol, what);
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
        if own.contains(e) {
            return Err(clash(e, "is exported, and the compiler gives it"));
        }
        if wanted.contains_key(e) {
            return Err(clash(e, "is exported, and is the name of an import too"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{name, symbol};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_has_a_symbol_of_its_own(text in "[$adtx.\0\u{40}é]{0,4}") {
            let made = symbol(&text);
            prop_assert!(!made.is_empty() && !made.contains(&0));
            prop_assert!(!["$a", "$d", "$t", "$x"].iter().any(|m| made.starts_with(m.as_bytes())
                && made.get(2).is_none_or(|b| *b == b'.')));
            prop_assert_eq!(name(&made), Some(text));
        }
    }

    #[test]
    fn what_an_object_can_hold_is_the_symbol() {
        for text in ["f", "a b", "$", "$ta", "$a$", "größe", "\u{1}", "\"\\"] {
            assert_eq!(*symbol(text), *text.as_bytes());
        }
        assert_eq!(*symbol(""), [0xc0]);
        assert_eq!(*symbol("a\0b"), *b"a\xc0\x80b");
        assert_eq!(*symbol("$d.1"), *b"\xc0\xa4d.1");
        assert_eq!(name(b"\xc0"), Some(String::new()));
        assert_eq!(name(b"\xc0\xe1"), None);
    }
}
