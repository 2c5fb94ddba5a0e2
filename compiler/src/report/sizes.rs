//! The report of sizes: bytes of code, instructions, stack of each function, and the deepest stack below it.
//!
//! In: a [`Compiled`] module. Out: a table as text. The deepest stack follows direct calls; recursion has no bound, and
//! what an import needs is not known here, so both are marked. Checked by `tests/cli.rs`.

use crate::backend::code::RelocKind;
use crate::backend::symbols::{self, SymbolKind};
use crate::options::Options;
use crate::pipeline::Compiled;
use rustc_hash::FxHashMap;
use std::fmt::Write;

/// The deepest stack below the entry of a function.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Depth {
    /// Bytes, its own frame included.
    bytes: u64,
    /// Whether it can call itself again, so that there is no bound.
    recursive: bool,
    /// Whether it calls imports, whose stack comes on top.
    imports: bool,
}

/// The functions that each function calls, by position; and whether it calls imports.
fn calls(c: &Compiled) -> Vec<(Vec<usize>, bool)> {
    let at: FxHashMap<&SymbolKind, usize> = c
        .functions
        .iter()
        .enumerate()
        .flat_map(|(i, (kind, code))| {
            let entries = code.entries.iter().map(|(entry, _)| entry);
            std::iter::once(kind).chain(entries).map(move |k| (k, i))
        })
        .collect();
    let of = |code: &crate::backend::code::Code| {
        let (mut callees, mut imports) = (Vec::new(), false);
        for r in code.relocs.iter().filter(|r| r.kind == RelocKind::Call) {
            match at.get(&c.symbols.kinds[r.symbol.0 as usize]) {
                Some(&i) => callees.push(i),
                None => imports = true,
            }
        }
        callees.sort_unstable();
        callees.dedup();
        (callees, imports)
    };
    c.functions.iter().map(|(_, code)| of(code)).collect()
}

/// The depth of every function: depth first, with a stack of our own, as call chains can be long.
fn depths(c: &Compiled) -> Vec<Depth> {
    let graph = calls(c);
    let mut done: Vec<Option<Depth>> = vec![None; graph.len()];
    let mut open = vec![false; graph.len()];
    for root in 0..graph.len() {
        if done[root].is_some() {
            continue;
        }
        let mut path: Vec<(usize, usize, Depth)> = vec![(root, 0, Depth::default())];
        open[root] = true;
        while let Some((f, next, deepest)) = path.last_mut() {
            let (f, callee) = (*f, graph[*f].0.get(*next).copied());
            let Some(callee) = callee else {
                let depth = Depth {
                    bytes: deepest.bytes + c.functions[f].1.frame as u64,
                    imports: deepest.imports | graph[f].1,
                    ..*deepest
                };
                done[f] = Some(depth);
                open[f] = false;
                path.pop();
                continue;
            };
            if open[callee] {
                deepest.recursive = true;
            } else if let Some(d) = done[callee] {
                deepest.bytes = deepest.bytes.max(d.bytes);
                deepest.recursive |= d.recursive;
                deepest.imports |= d.imports;
            } else {
                open[callee] = true;
                path.push((callee, 0, Depth::default()));
                // The callee is looked at again when it is done.
                continue;
            }
            *next += 1;
        }
    }
    done.into_iter().map(Option::unwrap_or_default).collect()
}

/// The table, largest code first.
pub fn sizes(c: &Compiled, options: &Options) -> String {
    let mut out = String::from("    code  instrs   stack    deepest  function\n");
    let depths = depths(c);
    let mut order: Vec<usize> = (0..c.functions.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(c.functions[i].1.bytes.len()));
    for i in order {
        let (kind, code) = &c.functions[i];
        let d = depths[i];
        let deepest = if d.recursive {
            "no bound".to_owned()
        } else {
            format!("{}{}", d.bytes, if d.imports { "+imp" } else { "" })
        };
        let _ = writeln!(
            out,
            "{:8} {:7} {:7} {deepest:>10}  {}",
            code.bytes.len(),
            code.instructions,
            code.frame,
            symbols::text(kind, &c.module, &options.name)
        );
    }
    let code: usize = c.functions.iter().map(|(_, f)| f.bytes.len()).sum();
    let data: usize = c.image.iter().map(|chunk| 4 * chunk.words.len()).sum();
    let reserved = c.module.memories.iter().filter(|m| m.is_reserved());
    let memory: u64 = reserved.map(|m| m.max_bytes()).sum();
    let _ = writeln!(
        out,
        "{} functions: {code} bytes of code, {data} of constants, {} of globals, {memory} of linear memory",
        c.functions.len(),
        c.globals.size
    );
    out
}
