//! Sizes that change while a module runs: variables that the compiler adds.
//!
//! In: a decoded module, and what its bodies grow and drop. Out: the same, with a global for the size in pages of each memory
//! that can change, and one for the length of each passive segment that something drops. The size of an imported memory
//! is fixed where the import says so (its minimum is its maximum: specification, 4.5.2); else it is a variable beside the
//! memory, which whoever defines the memory defines too. With `--memory-open` this module defines those of its exports.

use super::bodies::Changes;
use crate::ir::{Global, GlobalInit, Import, Module, Ty};
use crate::options::Options;
use crate::seeded::{Bug, on};

/// The largest memory that grows, in pages of 64 KiB: one less than the address space, so that its size in bytes fits a word.
pub const MAX_PAGES: u64 = 65535;

/// Adds the variables.
pub fn add(module: &mut Module, changes: &Changes, options: &Options) {
    for k in 0..module.memories.len() {
        memory(module, k, changes.grown.contains(&(k as u32)), options);
    }
    for (n, d) in module.data.iter_mut().enumerate() {
        if d.offset.is_none() && changes.dropped.contains(&(n as u32)) {
            let length = GlobalInit::Const(d.bytes.len() as u64);
            d.length_global = Some(variable(&mut module.globals, None, length));
        }
    }
}

fn memory(module: &mut Module, k: usize, grown: bool, options: &Options) {
    let m = &mut module.memories[k];
    let changes = m.max_pages > m.min_pages;
    if let Some(import) = &m.import {
        m.grows = changes && !on(Bug::ImportedSizeFixed);
        if m.grows {
            let named = |suffix: &str| Import {
                module: import.module.clone(),
                field: format!("{}{suffix}", import.field),
            };
            let (pages, limit) = (named("_pages"), named("_max_pages"));
            let unknown = GlobalInit::Const(0);
            m.pages_global = Some(variable(&mut module.globals, Some(pages), unknown));
            if grown {
                m.limit_global = Some(variable(&mut module.globals, Some(limit), unknown));
            }
        }
        return;
    }
    let open = options.memory_open && !m.exports.is_empty();
    m.grows = (grown || open) && changes;
    if m.grows || open {
        let pages = GlobalInit::Const(m.min_pages as u64);
        m.pages_global = Some(variable(&mut module.globals, None, pages));
    }
    if open {
        let limit = GlobalInit::Const(m.max_pages as u64);
        m.limit_global = Some(variable(&mut module.globals, None, limit));
    }
}

/// Adds a variable of 32 bits; gives its number.
fn variable(globals: &mut Vec<Global>, import: Option<Import>, init: GlobalInit) -> u32 {
    globals.push(Global {
        ty: Ty::I32,
        mutable: true,
        import,
        exports: Vec::new(),
        init,
    });
    let referring = |g: &&Global| matches!(g.init, GlobalInit::Func(_));
    let uncounted = match on(Bug::VariablesMisnumbered) {
        true => globals.iter().filter(referring).count(),
        false => 0,
    };
    (globals.len() - uncounted) as u32 - 1
}
