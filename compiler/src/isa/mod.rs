//! The Thumb-2 instruction set: one table, and everything that is derived from it.

pub mod inst;
mod ops;
pub use inst::{Cond, Inst, Reg, RegSet, Shift, ShiftKind};
pub use ops::{Op, Role};
