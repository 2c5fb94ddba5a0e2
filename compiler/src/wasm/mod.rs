//! From WebAssembly to SSA.

mod bodies;
mod decode;
mod floats;
mod memory;
mod numeric;
mod scan;
mod translate;

pub use bodies::Bodies;
pub use decode::{decode, open};
