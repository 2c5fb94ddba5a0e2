//! From SSA to machine code.

pub mod abi;
pub mod code;
pub mod emit;
pub mod finish;
pub mod layout;
pub mod lower;
pub mod mir;
pub mod mir_text;
pub mod rules;
pub mod symbols;
pub mod verify;
