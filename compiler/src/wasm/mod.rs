//! From WebAssembly to SSA.

mod bodies;
mod decode;
mod memory;
mod numeric;
mod references;
mod scan;
mod tables;
mod translate;

pub use bodies::Bodies;
pub use decode::{decode, open};
