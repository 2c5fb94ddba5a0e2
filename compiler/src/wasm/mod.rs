//! From WebAssembly to SSA.

mod decode;
mod memory;
mod numeric;
mod scan;
mod translate;

pub use decode::decode;
