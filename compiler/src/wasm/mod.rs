//! From WebAssembly to SSA.

mod bodies;
mod bulk;
mod constant;
mod decode;
mod floats;
mod memory;
mod numeric;
mod references;
mod scan;
mod sizes;
mod tables;
mod translate;

pub use bodies::Bodies;
pub use decode::{decode, open};
