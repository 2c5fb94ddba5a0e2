//! Compile speed: megabytes of WebAssembly a second, and peak memory, on a large module.
//!
//! In: the modules of the corpus. Out: a module of the size wanted, made of copies of one of them (functions renamed, calls
//! between them kept), and what compiling it takes. Figures of this machine: they are printed, never tested.

use crate::seeds::cpu_seconds;
use thumbsmith::{Level, Options};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, ExportKind, ExportSection, FunctionSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

/// What compiling a large module takes.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Size of the module in bytes.
    pub bytes: usize,
    /// The fastest of the runs, in CPU seconds.
    pub seconds: f64,
    /// Peak memory of this process while compiling, in bytes; 0 where the system does not tell.
    pub peak: u64,
}

struct Shift(u32);

impl Reencode for Shift {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, f: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(f + self.0)
    }
}

/// A module of at least `size` bytes, made of copies of the functions of `wasm`, which must import nothing.
///
/// # Errors
/// Text, if the module does not parse.
pub fn enlarge(wasm: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let text = |e: wasmparser::Error| e.to_string();
    let (mut types, mut bodies, mut exports) = (Vec::new(), Vec::new(), Vec::new());
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(text)?;
        match &payload {
            Payload::FunctionSection(r) => {
                for ty in r.clone() {
                    types.push(ty.map_err(text)?);
                }
            }
            Payload::ExportSection(r) => {
                for e in r.clone() {
                    let e = e.map_err(text)?;
                    exports.push((e.name.to_owned(), e.kind, e.index));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.clone()),
            Payload::CodeSectionStart { .. } | Payload::CustomSection(_) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    let bytes = wasm[range.start as usize..range.end as usize].to_vec();
                    sections.push((id, bytes));
                }
            }
        }
    }
    let code: usize = bodies.iter().map(|b| b.as_bytes().len() + 8).sum();
    let copies = size.div_ceil(code.max(1)) as u32;
    let (mut functions, mut out, mut names) = (
        FunctionSection::new(),
        CodeSection::new(),
        ExportSection::new(),
    );
    for copy in 0..copies {
        let mut shift = Shift(copy * types.len() as u32);
        for &ty in &types {
            functions.function(ty);
        }
        for body in &bodies {
            shift
                .parse_function_body(&mut out, body.clone())
                .map_err(|e| e.to_string())?;
        }
        for (name, kind, index) in &exports {
            match kind {
                ExternalKind::Func => {
                    names.export(&format!("{name}{copy}"), ExportKind::Func, index + shift.0);
                }
                ExternalKind::Memory if copy == 0 => {
                    names.export(name, ExportKind::Memory, *index);
                }
                _ => {}
            }
        }
    }
    let mut module = Module::new();
    let before = |id: u8| matches!(id, 1 | 2);
    let raw = |module: &mut Module, id: u8, data: &[u8]| {
        module.section(&RawSection { id, data });
    };
    for (id, data) in sections.iter().filter(|s| before(s.0)) {
        raw(&mut module, *id, data);
    }
    module.section(&functions);
    for (id, data) in sections.iter().filter(|s| matches!(s.0, 4..=6)) {
        raw(&mut module, *id, data);
    }
    module.section(&names);
    for (id, data) in sections.iter().filter(|s| matches!(s.0, 8 | 9 | 12)) {
        raw(&mut module, *id, data);
    }
    module.section(&out);
    for (id, data) in sections.iter().filter(|s| s.0 == 11) {
        raw(&mut module, *id, data);
    }
    Ok(module.finish())
}

/// Peak resident memory of this process in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Compiles a module several times.
///
/// # Errors
/// Text, if it does not compile.
pub fn measure(wasm: &[u8], level: Level, runs: usize) -> Result<Speed, String> {
    let options = Options {
        level,
        verify: false,
        name: "m".into(),
        ..Options::default()
    };
    let mut seconds = f64::INFINITY;
    for _ in 0..runs.max(1) {
        let start = cpu_seconds();
        thumbsmith::compile(wasm, &options).map_err(|e| e.to_string())?;
        seconds = seconds.min(cpu_seconds() - start);
    }
    Ok(Speed {
        bytes: wasm.len(),
        seconds,
        peak: peak(),
    })
}
