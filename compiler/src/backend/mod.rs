//! From SSA to machine code.

pub mod abi;
pub mod alloc_text;
pub mod code;
pub mod code_text;
pub mod emit;
pub mod finish;
pub mod interp;
pub mod layout;
pub mod linear;
pub mod lower;
pub mod mir;
pub mod mir_text;
pub mod rules;
pub mod symbols;
pub mod verify;
