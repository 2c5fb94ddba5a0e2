//! Conversions that trap in the body builder.
//!
//! In: the builder, with a float on top of the stack. Out: the same float where the conversion is defined on it, else one.
//! The ends of the range become constants of the function, so that arguments lie on them and right beside.

use super::Body;
use crate::generate::draft::constant;
use crate::generate::table::{Row, ends};
use crate::program::Ty;
use wasm_encoder::Instruction;

impl Body<'_, '_, '_> {
    /// Makes the float on top of the stack one that the conversion does not trap on; NaN is within no range.
    pub(super) fn bring_into_range(&mut self, row: &Row) {
        let ty = row.operands[0];
        let (below, above) = ends(row);
        let (greater, less, one) = match ty {
            Ty::F32 => (
                Instruction::F32Gt,
                Instruction::F32Lt,
                u64::from(1f32.to_bits()),
            ),
            _ => (Instruction::F64Gt, Instruction::F64Lt, 1f64.to_bits()),
        };
        let float = self.local(ty);
        self.op(Instruction::LocalTee(float));
        self.op(constant(ty, one));
        self.op(Instruction::LocalGet(float));
        self.op(constant(ty, below));
        self.op(greater);
        self.op(Instruction::LocalGet(float));
        self.op(constant(ty, above));
        self.op(less);
        self.op(Instruction::I32And);
        self.op(Instruction::Select);
    }
}
