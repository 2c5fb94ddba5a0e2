//! Arithmetic of the core: shifts, additions and saturation with exact flags.
//!
//! In: operand values and the carry. Out: results with carry and overflow. Invariant: these are the pseudocode
//! functions of the Arm v7-M manual (`Shift_C`, A7.4.2; `AddWithCarry`, A2.2.1; `SignedSatQ`, A2.2.1) and nothing
//! else computes a flag. Checked against another simulator on random and on boundary values.

use super::{Alu, Shift, ShiftKind};
use crate::seeded::{Bug, on};

/// A result with the carry and overflow it gives; `None` leaves the flag alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flagged {
    /// The result.
    pub value: u32,
    /// The carry flag after it.
    pub carry: Option<bool>,
    /// The overflow flag after it.
    pub overflow: Option<bool>,
}

impl Flagged {
    /// A result that leaves carry and overflow alone.
    pub fn plain(value: u32) -> Flagged {
        Flagged {
            value,
            carry: None,
            overflow: None,
        }
    }
}

/// `Shift_C` by 0 to 255: the value, and the last bit shifted out or, for no shift, the old carry.
pub fn shift_c(value: u32, kind: ShiftKind, amount: u32, carry: bool) -> (u32, bool) {
    let bit = |n: u32| n < 32 && value >> n & 1 != 0;
    match (kind, amount) {
        (_, 0) => (value, carry),
        (ShiftKind::Lsl, n) => (value.checked_shl(n).unwrap_or(0), n <= 32 && bit(32 - n)),
        (ShiftKind::Lsr, n) => (value.checked_shr(n).unwrap_or(0), bit(n - 1)),
        (ShiftKind::Asr, n) => ((value as i32 >> n.min(31)) as u32, bit((n - 1).min(31))),
        (ShiftKind::Ror, n) => {
            let r = value.rotate_right(n % 32);
            (r, r >> 31 != 0)
        }
    }
}

/// The shift of a register operand.
pub fn shifted(value: u32, shift: Shift, carry: bool) -> (u32, bool) {
    shift_c(value, shift.kind, u32::from(shift.amount), carry)
}

/// `AddWithCarry`.
fn add_with_carry(a: u32, b: u32, carry: bool) -> Flagged {
    let (sum, c1) = a.overflowing_add(b);
    let (value, c2) = sum.overflowing_add(u32::from(carry));
    let overflow = (a ^ value) & (b ^ value) & 0x8000_0000 != 0;
    Flagged {
        value,
        carry: Some(c1 | c2),
        overflow: Some(overflow),
    }
}

/// A computation on `a` and `b`; `shifter` is the carry out of the shift or rotated immediate that gave `b`,
/// `carry` the carry flag before.
pub fn compute(alu: Alu, a: u32, b: u32, shifter: Option<bool>, carry: bool) -> Flagged {
    let logical = |value| Flagged {
        value,
        carry: shifter,
        overflow: None,
    };
    match alu {
        Alu::Add => add_with_carry(a, b, false),
        Alu::Sub => add_with_carry(a, !b, true),
        Alu::Rsb => add_with_carry(!a, b, true),
        Alu::Adc => add_with_carry(a, b, carry),
        Alu::Sbc => add_with_carry(a, !b, carry != on(Bug::ExecutorBorrow)),
        Alu::And => logical(a & b),
        Alu::Orr => logical(a | b),
        Alu::Eor => logical(a ^ b),
        Alu::Bic => logical(a & !b),
        Alu::Orn => logical(a | !b),
        Alu::Mov => logical(b),
        Alu::Mvn => logical(!b),
    }
}

/// Saturation of a signed value to `bits` bits, signed or unsigned.
pub fn saturate(value: u32, bits: u32, signed: bool) -> u32 {
    let value = i64::from(value as i32);
    let (low, high) = match signed {
        true => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
        false => (0, (1i64 << bits) - 1),
    };
    value.clamp(low, high) as u32
}

/// Signed or unsigned division, rounded to zero; by zero it gives zero (A7.7.127, A7.7.195).
pub fn divide(a: u32, b: u32, signed: bool) -> u32 {
    match (b, signed) {
        (0, _) => 0,
        (_, true) if on(Bug::ExecutorDivide) => (a as i32).wrapping_div_euclid(b as i32) as u32,
        (_, true) => (a as i32).wrapping_div(b as i32) as u32,
        (_, false) => a / b,
    }
}
