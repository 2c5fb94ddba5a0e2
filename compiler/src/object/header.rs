//! The C header: what a firmware calls and what it must provide.
//!
//! In: a module. Out: text that C and C++ compilers take without warnings. A symbol that is no C identifier, or a
//! word of C or C++, is declared under a near identifier with an assembler label, so that everything can be called.
//! Invariant: no two declarations share an identifier, and none is made twice. Checked by `tests/header.rs`.

use crate::backend::symbols::numbered;
use crate::ir::{Base, FuncType, Global, Import, Memory, Module, Ty};
use crate::options::Options;
use rustc_hash::FxHashSet;
use std::fmt::Write;

fn c_type(t: Ty) -> &'static str {
    match t {
        Ty::F32 => "float",
        Ty::F64 => "double",
        Ty::I64 | Ty::Pair => "uint64_t",
        Ty::I32 | Ty::Void => "uint32_t",
    }
}

/// Words that no declaration may take: C11 (6.4.1), C++20 (5.11), and what the header itself uses.
const WORDS: &str = "\
_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local alignas alignof and and_eq \
asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await co_return co_yield compl concept const \
const_cast consteval constexpr constinit continue decltype default delete do double dynamic_cast else enum explicit export \
extern false float for friend goto if inline int long main mutable namespace new noexcept not not_eq nullptr operator or or_eq \
private protected public register reinterpret_cast requires restrict return short signed sizeof static static_assert \
static_cast struct switch template this thread_local throw true try typedef typeid typename typeof uint32_t uint64_t uint8_t union unsigned \
using virtual void volatile wchar_t while xor xor_eq";

/// Functions that C compilers know by name, and warn about when they are declared with other types (C11, 7).
const LIBRARY: &str = "\
abort abs acos acosh alloca asin asinh atan atan2 atanh bcmp bcopy bzero calloc cbrt ceil clog copysign cos cosh cpow csin \
erf erfc exit exp exp2 expm1 fabs fdim ffs floor fma fmax fmin fmod fprintf fputc fputs free frexp fscanf fwrite gamma hypot \
ilogb index isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit j0 j1 jn labs \
ldexp lgamma llabs llrint llround log log10 log1p log2 logb lrint lround malloc memchr memcmp memcpy memmove mempcpy memset \
modf nan nearbyint nextafter pow printf putchar puts realloc remainder remquo rindex rint round scalbln scalbn scanf signbit \
sin sincos sinh snprintf sprintf sqrt sscanf stpcpy strcasecmp strcat strchr strcmp strcpy strcspn strdup strlen strncat \
strncmp strncpy strpbrk strrchr strspn strstr tan tanh tgamma tolower toupper trunc vfprintf vprintf vsnprintf vsprintf y0 \
y1 yn";

struct Header {
    text: String,
    /// Identifiers in use.
    identifiers: FxHashSet<String>,
    /// Symbols that are declared.
    symbols: FxHashSet<String>,
}

/// A C identifier near a text.
fn near(symbol: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '_'
        }
    };
    let mut s: String = symbol.chars().map(plain).collect();
    let word = |list: &str| list.split(' ').any(|w| w == s);
    if s.is_empty() || s.starts_with(|c: char| c.is_ascii_digit()) || word(WORDS) || word(LIBRARY) {
        s.insert_str(0, "wasm_");
    }
    s
}

impl Header {
    /// The identifier and label for a symbol, if it is not declared yet.
    fn declare(&mut self, symbol: &str) -> Option<(String, String)> {
        let new = self.symbols.insert(symbol.to_owned());
        new.then(|| self.label(symbol, symbol))
    }

    /// An identifier near a name, and the label for the symbol that it stands for.
    fn label(&mut self, name: &str, symbol: &str) -> (String, String) {
        let base = near(name);
        let mut name = base.clone();
        let mut n = 2;
        while !self.identifiers.insert(name.clone()) {
            name = format!("{base}_{n}");
            n += 1;
        }
        if name == symbol {
            return (name, String::new());
        }
        let mut escaped = String::new();
        // Octal escapes end after three digits, so what follows cannot join them.
        let octal = |b: u8| format!("\\{b:03o}");
        for chunk in super::names::symbol(symbol).utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => escaped.extend(['\\', c]),
                    c if c.is_ascii_control() => escaped.push_str(&octal(c as u8)),
                    c => escaped.push(c),
                }
            }
            let rest = chunk.invalid().iter();
            escaped.extend(rest.map(|b| octal(*b)));
        }
        (name, format!(" THUMBSMITH_SYMBOL(\"{escaped}\")"))
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn function(&mut self, symbol: &str, ty: &FuncType) {
        let Some((name, label)) = self.declare(symbol) else {
            return;
        };
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
                let mut fields = String::new();
                for (i, &t) in many.iter().enumerate() {
                    let _ = write!(fields, " {} r{i};", c_type(t));
                }
                self.line(&format!("struct {name}_results {{{fields} }};"));
                format!("struct {name}_results")
            }
        };
        self.line(&format!("{result} {name}({params}){label};"));
    }

    /// A memory that the module defines, and the variables beside it.
    fn memory(&mut self, memory: &Memory, symbol: &str) {
        if memory.import.is_none() {
            match memory.base {
                Base::Symbol | Base::Address(_) => {
                    let bytes = memory.max_bytes();
                    self.line(&format!("\n/* Linear memory: {bytes} bytes. */"));
                    self.variable("uint8_t", symbol, "[]");
                }
                Base::Identity => {
                    self.line("\n/* Addresses of linear memory are machine addresses. */")
                }
            }
            let unit = page(memory);
            if memory.pages_global.is_some() {
                self.line(&format!("/* Its current size in {unit}. */"));
                self.variable("uint32_t", &format!("{symbol}_pages"), "");
            }
            if memory.limit_global.is_some() {
                self.line(&format!("/* Its greatest size in {unit}. */"));
                self.variable("uint32_t", &format!("{symbol}_max_pages"), "");
            }
        }
    }

    /// A variable under the names of its exports: symbols, but for one that is imported, which has one symbol, where it is defined.
    fn exported(&mut self, ty: &str, import: Option<&Import>, exports: &[String], array: &str) {
        let import = import.map(Import::symbol);
        for e in exports {
            match &import {
                Some(symbol) if symbol != e => {
                    let (name, label) = self.label(e, symbol);
                    self.line(&format!("extern {ty} {name}{array}{label};"));
                }
                _ => self.variable(ty, e, array),
            }
        }
    }

    fn variable(&mut self, ty: &str, symbol: &str, array: &str) {
        if let Some((name, label)) = self.declare(symbol) {
            self.line(&format!("extern {ty} {name}{array}{label};"));
        }
    }
}

/// Bytes of a page in words.
fn page(memory: &Memory) -> &'static str {
    match memory.page_log2 {
        16 => "pages of 64 KiB",
        _ => "bytes",
    }
}

fn variable_type(g: &Global) -> String {
    let constant = if g.mutable { "" } else { "const " };
    format!("{constant}{}", c_type(g.ty))
}

/// How a table that others see is declared.
const TABLE: &str = "[/* size, greatest size, references */]";

/// How a label is written, so that the assembler takes any text: gcc prints it as it stands, clang quotes it.
const LABELS: &str = "\
#ifndef THUMBSMITH_SYMBOL
#ifdef __clang__
#define THUMBSMITH_SYMBOL(s) __asm__(s)
#else
#define THUMBSMITH_SYMBOL(s) __asm__(\"\\\"\" s \"\\\"\")
#endif
#endif
";

/// The header's text.
pub fn text(m: &Module, options: &Options) -> String {
    let n = &options.name;
    let guard = near(n).to_uppercase();
    let mut h = Header {
        text: format!(
            "#ifndef THUMBSMITH_{guard}_H\n#define THUMBSMITH_{guard}_H\n#include <stdint.h>\n"
        ),
        identifiers: FxHashSet::default(),
        symbols: FxHashSet::default(),
    };
    h.text.push_str(LABELS);
    h.line("#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    h.line(
        "/* Call once before anything else: sets globals and memory, runs the start function. */",
    );
    h.function(&format!("{n}_init"), &FuncType::default());
    if options.stack_check {
        h.line("\n/* Define it: the lowest address that the stack may reach. */");
        h.variable("uint32_t", &format!("{n}_stack_limit"), "");
    }
    for (i, mem) in m.memories.iter().enumerate() {
        h.memory(mem, &numbered(n, i as u32));
    }
    h.line("\n/* Imports: define them. */");
    for f in &m.funcs {
        if let Some(i) = &f.import {
            h.function(&i.symbol(), &f.ty);
        }
    }
    for g in &m.globals {
        if let Some(i) = &g.import {
            h.variable(&variable_type(g), &i.symbol(), "");
        }
    }
    for memory in &m.memories {
        if let Some(i) = &memory.import {
            h.line(&format!("/* {} bytes at least. */", memory.min_bytes()));
            h.variable("uint8_t", &i.symbol(), "[]");
        }
    }
    for t in &m.tables {
        if let Some(i) = &t.import {
            h.variable("uint32_t", &i.symbol(), TABLE);
        }
    }
    h.line("\n/* Exports. */");
    for f in &m.funcs {
        for e in &f.exports {
            h.function(e, &f.ty);
        }
    }
    for g in &m.globals {
        h.exported(&variable_type(g), g.import.as_ref(), &g.exports, "");
    }
    for t in &m.tables {
        h.exported("uint32_t", t.import.as_ref(), &t.exports, TABLE);
    }
    h.line("\n#ifdef __cplusplus\n}\n#endif\n#endif");
    h.text
}
