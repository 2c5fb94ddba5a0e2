//! Thumbsmith: an optimizing ahead-of-time compiler from WebAssembly to ARM Thumb-2.

pub mod backend;
pub mod choices;
pub mod error;
pub mod ir;
pub mod isa;
pub mod opt;
pub mod options;
pub mod regalloc;
pub mod seeded;
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
    Vec::new()
}

/// Compiles a WebAssembly binary.
///
/// # Errors
/// One [`Error`] with kind, function and byte offset; nothing is written anywhere.
pub fn compile(wasm: &[u8], options: &Options) -> Result<Output> {
    let _ = (wasm, options);
    Err(Error::new(ErrorKind::Unsupported, "not connected yet"))
}
