//! The operators on floats.
//!
//! In: a WebAssembly operator. Out: IR over the bits of floats: arithmetic by the rows of [`crate::ir::floats`], what only moves
//! or changes single bits as operations on integers. A conversion that may trap compares the bits, as integers, with those
//! of the ends of its range, and then saturates, which changes nothing that is left.

use super::numeric;
use super::translate::Translator;
use crate::ir::{Fp, Op, Ty, Value};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use wasmparser::Operator as O;

/// A width: the IR's type, the bits of the sign, of infinity and of 1.0, and of 2 to a power.
struct Width {
    ty: Ty,
    sign: u64,
    infinity: u64,
    one: u64,
    power: fn(i32) -> u64,
}

const SINGLE: Width = Width {
    ty: Ty::I32,
    sign: 1 << 31,
    infinity: 0x7f80_0000,
    one: 0x3f80_0000,
    power: |n| u64::from(2f32.powi(n).to_bits()),
};

const DOUBLE: Width = Width {
    ty: Ty::I64,
    sign: 1 << 63,
    infinity: 0x7ff0 << 48,
    one: 0x3ff0 << 48,
    power: |n| 2f64.powi(n).to_bits(),
};

/// Translates an operator on floats; `false` if it is none.
pub(super) fn operator(t: &mut Translator<'_>, op: &O<'_>) -> bool {
    if let Some(fp) = numeric::float(op) {
        arithmetic(t, fp);
        return true;
    }
    match op {
        O::F32Const { value } => constant(t, Ty::I32, value.bits().into()),
        O::F64Const { value } => constant(t, Ty::I64, value.bits()),
        O::F32Abs => with_sign(t, &SINGLE, Op::And),
        O::F64Abs => with_sign(t, &DOUBLE, Op::And),
        O::F32Neg => with_sign(t, &SINGLE, Op::Xor),
        O::F64Neg => with_sign(t, &DOUBLE, Op::Xor),
        O::F32Copysign => copysign(t, &SINGLE),
        O::F64Copysign => copysign(t, &DOUBLE),
        // A float is its bits already.
        O::I32ReinterpretF32 | O::I64ReinterpretF64 => {}
        O::F32ReinterpretI32 | O::F64ReinterpretI64 => {}
        O::I32TruncF32S => truncate(t, &SINGLE, Fp::I32TruncSatF32S),
        O::I32TruncF32U => truncate(t, &SINGLE, Fp::I32TruncSatF32U),
        O::I64TruncF32S => truncate(t, &SINGLE, Fp::I64TruncSatF32S),
        O::I64TruncF32U => truncate(t, &SINGLE, Fp::I64TruncSatF32U),
        O::I32TruncF64S => truncate(t, &DOUBLE, Fp::I32TruncSatF64S),
        O::I32TruncF64U => truncate(t, &DOUBLE, Fp::I32TruncSatF64U),
        O::I64TruncF64S => truncate(t, &DOUBLE, Fp::I64TruncSatF64S),
        O::I64TruncF64U => truncate(t, &DOUBLE, Fp::I64TruncSatF64U),
        _ => return false,
    }
    true
}

fn constant(t: &mut Translator<'_>, ty: Ty, bits: u64) {
    let v = t.iconst(ty, bits);
    t.push(v);
}

fn apply(t: &mut Translator<'_>, fp: Fp, args: &[Value]) -> Value {
    let v = t.float(Op::Fp, fp.row().result.bits(), args);
    t.f.nodes[v.0 as usize].imm = fp as i64;
    v
}

fn arithmetic(t: &mut Translator<'_>, fp: Fp) {
    let b = t.pop();
    let v = match fp.row().operands.len() {
        1 => apply(t, fp, &[b]),
        _ => {
            let a = t.pop();
            apply(t, fp, &[a, b])
        }
    };
    t.push(v);
}

/// The operand with its sign cleared (`And`) or turned (`Xor`), whatever it is (specification, 4.3.3: fabs, fneg).
fn with_sign(t: &mut Translator<'_>, w: &Width, op: Op) {
    let a = t.pop();
    let mask = t.iconst(w.ty, if op == Op::And { !w.sign } else { w.sign });
    let v = t.float(op, w.ty, &[a, mask]);
    t.push(v);
}

fn copysign(t: &mut Translator<'_>, w: &Width) {
    let (b, a) = (t.pop(), t.pop());
    let (sign, rest) = (t.iconst(w.ty, w.sign), t.iconst(w.ty, !w.sign));
    let magnitude = t.float(Op::And, w.ty, &[a, rest]);
    let sign = t.float(Op::And, w.ty, &[b, sign]);
    let v = t.float(Op::Or, w.ty, &[magnitude, sign]);
    t.push(v);
}

/// The bits from which on a positive operand, and the magnitude of a negative one, is too large for the result.
fn limits(w: &Width, fp: Fp) -> (u64, u64) {
    let row = fp.row();
    let bits = 32 * row.result.words() as i32;
    let signed = matches!(
        fp,
        Fp::I32TruncSatF32S | Fp::I64TruncSatF32S | Fp::I32TruncSatF64S | Fp::I64TruncSatF64S
    );
    if !signed {
        return ((w.power)(bits), w.one);
    }
    let end = (w.power)(bits - 1);
    // -2^31 - 0.5 is in range: a double has bits for it, and -2^31 - 1 is the first that is not.
    let below = match (w.ty, bits) {
        (Ty::I64, 32) if !on(Bug::TruncateLeast) => 2_147_483_649f64.to_bits(),
        _ => end + 1,
    };
    (end, below)
}

/// A conversion to an integer that traps where there is none (specification, 4.3.3: trunc).
fn truncate(t: &mut Translator<'_>, w: &Width, fp: Fp) {
    let mut a = t.pop();
    let (above, below) = limits(w, fp);
    let (above, below) = (t.iconst(w.ty, above), t.iconst(w.ty, below));
    let (sign, infinity) = (t.iconst(w.ty, w.sign), t.iconst(w.ty, w.infinity));
    let rest = t.iconst(w.ty, !w.sign);
    let magnitude = t.float(Op::And, w.ty, &[a, rest]);
    let nan = t.float(Op::LtU, Ty::I32, &[infinity, magnitude]);
    if !on(Bug::TruncateNan) {
        a = t.guard(a, nan, TrapKind::InvalidConversion);
    }
    // A negative operand's bits are above every limit, and a positive one's, less the sign, too.
    let fits = t.float(Op::LtU, Ty::I32, &[a, above]);
    let negative = t.float(Op::Sub, w.ty, &[a, sign]);
    let fits_below = t.float(Op::LtU, Ty::I32, &[negative, below]);
    let either = t.float(Op::Or, Ty::I32, &[fits, fits_below]);
    let zero = t.iconst(Ty::I32, 0);
    let bad = t.float(Op::Eq, Ty::I32, &[either, zero]);
    a = t.guard(a, bad, TrapKind::IntegerOverflow);
    let v = apply(t, fp, &[a]);
    t.push(v);
}
