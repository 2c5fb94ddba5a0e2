//! The C header: what a firmware calls and what it must provide.
//!
//! In: a module. Out: text. Names that are no C identifiers get an `__asm__` label, so every export can be called.

use crate::ir::{FuncType, Module, Ty};
use crate::options::Options;
use std::fmt::Write;

fn c_type(t: Ty) -> &'static str {
    match t {
        Ty::I64 | Ty::Pair => "uint64_t",
        Ty::I32 | Ty::Void => "uint32_t",
    }
}

/// A C identifier for a symbol.
fn identifier(symbol: &str) -> String {
    let mut s: String = symbol
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if s.starts_with(|c: char| c.is_ascii_digit()) || is_keyword(&s) {
        s.insert(0, '_');
    }
    s
}

fn is_keyword(s: &str) -> bool {
    const WORDS: &str = " auto break case char const continue default do double else enum extern float for goto if inline int \
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main ";
    WORDS.contains(&format!(" {s} "))
}

/// A label for the assembler where the C name is another.
fn label(symbol: &str) -> String {
    if identifier(symbol) == symbol {
        return String::new();
    }
    let escaped: String = symbol.chars().flat_map(|c| c.escape_default()).collect();
    format!(" __asm__(\"{escaped}\")")
}

fn prototype(out: &mut String, symbol: &str, ty: &FuncType) {
    let name = identifier(symbol);
    let params: Vec<_> = ty.params.iter().map(|&t| c_type(t)).collect();
    let params = if params.is_empty() {
        "void".into()
    } else {
        params.join(", ")
    };
    let result = match ty.results.as_slice() {
        [] => "void".to_owned(),
        [t] => c_type(*t).to_owned(),
        many => {
            let _ = write!(out, "struct {name}_results {{");
            for (i, &t) in many.iter().enumerate() {
                let _ = write!(out, " {} r{i};", c_type(t));
            }
            out.push_str(" };\n");
            format!("struct {name}_results")
        }
    };
    let _ = writeln!(out, "{result} {name}({params}){};", label(symbol));
}

/// The header's text.
pub fn text(m: &Module, options: &Options) -> String {
    let n = &options.name;
    let guard = identifier(&format!("{n}_H")).to_uppercase();
    let mut o = format!(
        "#ifndef {guard}\n#define {guard}\n#include <stdint.h>\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n"
    );
    let ident = identifier(n);
    let _ = writeln!(
        o,
        "/* Call once before anything else: sets globals and memory, runs the start function. */"
    );
    let _ = writeln!(
        o,
        "void {ident}_init(void){};\n",
        label(&format!("{n}_init"))
    );
    if options.stack_check {
        let _ = writeln!(
            o,
            "/* Define it: the lowest address that the stack may reach. */"
        );
        let _ = writeln!(
            o,
            "extern uint32_t {ident}_stack_limit{};\n",
            label(&format!("{n}_stack_limit"))
        );
    }
    if let Some(mem) = &m.memory {
        let _ = writeln!(o, "/* Linear memory: {} bytes. */", mem.max_bytes());
        let _ = writeln!(
            o,
            "extern uint8_t {ident}_memory[]{};",
            label(&format!("{n}_memory"))
        );
        if mem.grows {
            let _ = writeln!(o, "/* Its current size in pages of 64 KiB. */");
            let _ = writeln!(
                o,
                "extern uint32_t {ident}_memory_pages{};",
                label(&format!("{n}_memory_pages"))
            );
        }
        o.push('\n');
    }
    let imports: Vec<_> = m
        .funcs
        .iter()
        .filter_map(|f| f.import.as_ref().map(|i| (i.symbol(), &f.ty)))
        .collect();
    if !imports.is_empty() {
        o.push_str("/* Imports: define them. */\n");
        for (s, ty) in imports {
            prototype(&mut o, &s, ty);
        }
        o.push('\n');
    }
    o.push_str("/* Exports. */\n");
    for f in &m.funcs {
        for e in &f.exports {
            prototype(&mut o, e, &f.ty);
        }
    }
    for g in &m.globals {
        let imported = g.import.as_ref().map(|i| i.symbol());
        for e in g.exports.iter().chain(&imported) {
            let _ = writeln!(o, "extern {} {}{};", c_type(g.ty), identifier(e), label(e));
        }
    }
    o.push_str("\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
    o
}
