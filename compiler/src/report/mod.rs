//! Reports on compiled code.

mod sizes;
pub use sizes::sizes;

use crate::backend::symbols;
use crate::options::Options;
use crate::pipeline::Compiled;
use std::fmt::Write;

/// The assembly listing: a line an instruction, with its offset and that of its WebAssembly operator.
pub fn listing(c: &Compiled, options: &Options) -> String {
    let mut out = String::new();
    for (kind, code) in &c.functions {
        let name = symbols::text(kind, &c.module, &options.name);
        let _ = writeln!(
            out,
            "{name}:  @ {} bytes, {} instructions, {} bytes of stack",
            code.bytes.len(),
            code.instructions,
            code.frame
        );
        for (at, loc, text) in &code.listing {
            let reloc = code.relocs.iter().find(|r| r.offset == *at);
            let target = reloc.map(|r| {
                let k = &c.symbols.kinds[r.symbol.0 as usize];
                format!("  @ -> {}", symbols::text(k, &c.module, &options.name))
            });
            let wasm = if *loc == 0 {
                String::new()
            } else {
                format!("  @ wasm {loc:#x}")
            };
            let _ = writeln!(
                out,
                "  {at:5x}:  {text}{}{wasm}",
                target.unwrap_or_default()
            );
        }
        out.push('\n');
    }
    out
}
