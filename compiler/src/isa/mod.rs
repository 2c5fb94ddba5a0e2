//! The Thumb-2 instruction set: one table, and everything that is derived from it.
//!
//! [`ops`](Op) says which operations there are and what they do, [`table`] how each is encoded. From these two
//! come the encoder, the decoder, text, effects, cycles and the executor. Nothing here knows the compiler.

mod alu;
pub mod cycles;
pub mod decode;
pub mod effects;
pub mod encode;
pub mod exec;
mod float;
pub mod form;
mod imm;
pub mod inst;
mod ops;
pub mod parse;
pub mod pattern;
pub mod select;
mod sem;
mod semantics;
pub mod table;
pub mod text;
mod vfp;

pub use cycles::cycles;
pub use decode::{DecodeError, decode};
pub use effects::{reads, reads_flags, writes, writes_flags};
pub use encode::{EncodeError, Encoded, Place, Why, encode, encode_sized, encode_wide, size};
pub use imm::{Imm, decode_modified_imm, encode_modified_imm, modified_imm_carry};
pub use inst::{Class, Cond, Inst, Reg, RegSet, Shift, ShiftKind};
pub use ops::{Op, Role};
pub use parse::{ParseError, parse, parse_sized};
pub use select::{commuted, fits, has_narrow, narrow, narrow_if_flags_dead, narrows_with_flags};
pub use sem::{Addr, Alu, Arith, Precision, Rounding, Sem, Size, Vfp};
pub use text::{Dialect, Text};

/// The address that displacements of literals count from, for an instruction at `address`: its PC, rounded down to a
/// multiple of four (Arm v7-M manual, A5.1.2 and A7.7.43).
pub fn literal_base(address: u32) -> u32 {
    let pc = address.wrapping_add(4);
    if crate::seeded::on(crate::seeded::Bug::LiteralRoundedUp) {
        return pc.wrapping_add(2) & !3;
    }
    pc & !3
}
