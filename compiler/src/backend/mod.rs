//! From SSA to machine code.

pub mod abi;
pub mod lower;
pub mod mir;
pub mod rules;
pub mod symbols;
