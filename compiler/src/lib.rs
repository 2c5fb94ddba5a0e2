//! Thumbsmith: an optimizing ahead-of-time compiler from WebAssembly to ARM Thumb-2.

pub mod backend;
mod budget;
pub mod choices;
pub mod error;
pub mod helpers;
pub mod init;
pub mod ir;
pub mod isa;
pub mod keep;
pub mod object;
pub mod opt;
pub mod optimizations;
pub mod options;
pub mod pipeline;
mod plan;
pub mod regalloc;
pub mod report;
pub mod seeded;
pub mod softfloat;
pub mod stages;
pub mod trap;
pub mod wasm;

pub use error::{Error, ErrorKind, Result};
pub use options::{Bounds, Cpu, Level, Options};
pub use trap::TrapKind;

/// What one compilation gives.
pub struct Output {
    /// The relocatable ELF object.
    pub object: Vec<u8>,
    /// The C header for exports and imports.
    pub header: String,
    /// The assembly listing with WebAssembly offsets, if asked for.
    pub asm: String,
    /// The IR after the pass that was asked for.
    pub ir: String,
    /// Numbers that describe the compilation.
    pub stats: Stats,
}

/// Numbers that describe a compilation.
#[derive(Clone, Default, Debug)]
pub struct Stats {
    /// Functions in the object.
    pub functions: usize,
    /// Bytes of code.
    pub code_bytes: usize,
    /// Names of the rules that fired, each with its count.
    pub rules_fired: Vec<(&'static str, u64)>,
    /// Rewrites done, for bisecting by fuel.
    pub fuel_used: u64,
    /// Name of the last rewrite done.
    pub last_rewrite: Option<&'static str>,
}

/// Names of all rewrite and lowering rules.
pub fn rules() -> Vec<&'static str> {
    let rewrites = opt::rules::table().names();
    rewrites.chain(backend::rules::table().names()).collect()
}

/// Compiles a WebAssembly binary.
///
/// # Errors
/// One [`Error`] with kind, function and byte offset; nothing is written anywhere.
pub fn compile(wasm: &[u8], options: &Options) -> Result<Output> {
    compile_with(wasm, options, None, false)
}

/// Like [`compile`], with the IR after a named pass, or with an assembly listing.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(
    wasm: &[u8],
    options: &Options,
    dump: Option<&str>,
    listing: bool,
) -> Result<Output> {
    let c = pipeline::compile(wasm, options, dump, listing)?;
    let hits = c.hits.0.iter().chain(&c.hits.1).copied();
    let rules_fired = rules().into_iter().zip(hits).filter(|(_, n)| *n > 0);
    let asm = if listing {
        report::listing(&c, options)
    } else {
        String::new()
    };
    Ok(Output {
        object: object::elf::write(&c, options)?,
        header: object::header::text(&c.module, options),
        asm,
        ir: c.dump.clone().unwrap_or_default(),
        stats: Stats {
            functions: c.functions.len(),
            code_bytes: c.functions.iter().map(|(_, f)| f.bytes.len()).sum(),
            rules_fired: rules_fired.collect(),
            fuel_used: c.fuel_used,
            last_rewrite: c.last_rewrite,
        },
    })
}
