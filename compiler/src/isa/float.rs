//! Arithmetic of the FPU: floats from and to bits.
//!
//! In: bits of operands, and whether NaNs are the default one. Out: bits, integers, flags. Invariant: these are the
//! pseudocode functions of the Arm v7-M manual, A2.5 (`FPAdd` to `FPToFixed`), with FPSCR as after reset but for its
//! bit DN: rounded to nearest even, subnormal numbers exact. The cumulative exception flags are not modelled.
//! Checked against another simulator on corners and random floats, in both modes of NaN.
//!
//! A NaN that is an operand comes out quiet with its sign and payload, a signalling one first, then the first of the
//! operands (`FPProcessNaNs`); one that an operation makes is the default NaN, positive and without payload. With DN
//! set every NaN result is the default one. Signs, moves, loads and selection leave NaNs as they are in both modes.
//!
//! Floats of 32 bits are computed in 64 and rounded once more: 53 bits are two more than twice 24, so that
//! nothing is rounded wrong by rounding twice (S. A. Figueroa, When is double rounding innocuous?, 1995), and a
//! subnormal result has fewer bits still.

use super::exec::Flags;
use super::{Arith, Precision, Rounding};
use crate::seeded::{Bug, on};
use std::cmp::Ordering;

impl Precision {
    /// The bit that says that a NaN is quiet.
    const fn quiet(self) -> u64 {
        match self {
            Precision::F32 => 1 << 22,
            Precision::F64 => 1 << 51,
        }
    }

    /// The default NaN.
    const fn nan(self) -> u64 {
        match self {
            Precision::F32 => 0x7fc0_0000,
            Precision::F64 => 0x7ff8 << 48,
        }
    }

    /// The sign's bit.
    pub(super) const fn sign(self) -> u64 {
        match self {
            Precision::F32 => 1 << 31,
            Precision::F64 => 1 << 63,
        }
    }

    /// Bits as a float that has their value.
    fn value(self, bits: u64) -> f64 {
        match self {
            Precision::F32 => f32::from_bits(bits as u32).into(),
            Precision::F64 => f64::from_bits(bits),
        }
    }

    /// The bits of a result that no operand's NaN gave.
    fn round(self, value: f64) -> u64 {
        match self {
            _ if value.is_nan() => self.nan(),
            Precision::F32 => (value as f32).to_bits().into(),
            Precision::F64 => value.to_bits(),
        }
    }

    fn is_signalling(self, bits: u64) -> bool {
        self.value(bits).is_nan() && bits & self.quiet() == 0
    }

    /// The NaN that operands give, if one of them is a NaN (`FPProcessNaNs`).
    fn nan_of(self, operands: &[u64], default: bool) -> Option<u64> {
        let signalling = operands.iter().find(|x| self.is_signalling(**x));
        let quiet = || operands.iter().find(|x| self.value(**x).is_nan());
        let nan = match on(Bug::QuietNanFirst) {
            true => quiet()?,
            false => signalling.or_else(quiet)?,
        };
        Some(match default {
            true => self.nan(),
            false => nan | self.quiet(),
        })
    }
}

/// `a op b`. `default`: whether a NaN is the default one (DN).
pub fn arith(op: Arith, p: Precision, a: u64, b: u64, default: bool) -> u64 {
    let minimum = op == Arith::MinNm;
    if let Arith::MaxNm | Arith::MinNm = op {
        // A quiet NaN beside what is none counts as the infinity that loses.
        let quiet = |x| p.value(x).is_nan() && !p.is_signalling(x);
        match (quiet(a), quiet(b)) {
            (true, false) if !p.value(b).is_nan() => return b,
            (false, true) if !p.value(a).is_nan() => return a,
            _ => {}
        }
    }
    if let Some(nan) = p.nan_of(&[a, b], default) {
        return nan;
    }
    let (x, y) = (p.value(a), p.value(b));
    p.round(match op {
        Arith::Add => x + y,
        Arith::Sub => x - y,
        Arith::Mul => x * y,
        Arith::Div => x / y,
        Arith::MaxNm | Arith::MinNm => {
            let less = match x.partial_cmp(&y) {
                Some(Ordering::Equal) if on(Bug::MinimumOfZeros) => false,
                Some(Ordering::Equal) => x.is_sign_negative(),
                order => order == Some(Ordering::Less),
            };
            if less == minimum { x } else { y }
        }
    })
}

/// The square root.
pub fn root(p: Precision, a: u64, default: bool) -> u64 {
    p.nan_of(&[a], default)
        .unwrap_or_else(|| p.round(p.value(a).sqrt()))
}

fn integral(rounding: Rounding, x: f64) -> f64 {
    match rounding {
        Rounding::Even => x.round_ties_even(),
        Rounding::Away if on(Bug::RoundAway) => x.round_ties_even(),
        Rounding::Away => x.round(),
        Rounding::Up => x.ceil(),
        Rounding::Down => x.floor(),
        Rounding::Zero => x.trunc(),
    }
}

/// The integral float that `a` is rounded to; its sign stays (`FPRoundInt`).
pub fn round(rounding: Rounding, p: Precision, a: u64, default: bool) -> u64 {
    p.nan_of(&[a], default)
        .unwrap_or_else(|| p.round(integral(rounding, p.value(a))))
}

/// The flags of a comparison (`FPCompare`).
pub fn compare(p: Precision, a: u64, b: u64) -> Flags {
    let order = p.value(a).partial_cmp(&p.value(b));
    Flags {
        n: order == Some(Ordering::Less),
        z: order == Some(Ordering::Equal),
        c: order != Some(Ordering::Less),
        v: order.is_none() && !on(Bug::UnorderedLost),
    }
}

/// A float as an integer of 32 bits (`FPToFixed`).
pub fn to_int(p: Precision, a: u64, signed: bool, rounding: Rounding) -> u32 {
    let rounding = match rounding {
        Rounding::Zero if on(Bug::ConversionRounds) => Rounding::Even,
        rounding => rounding,
    };
    let x = integral(rounding, p.value(a));
    match signed {
        true => x as i32 as u32,
        false => x as u32,
    }
}

/// An integer of 32 bits as a float (`FixedToFP`).
pub fn from_int(p: Precision, x: u32, signed: bool) -> u64 {
    p.round(match signed {
        true => f64::from(x as i32),
        false => x.into(),
    })
}

/// A float of 32 bits as one of 64: a NaN keeps sign and payload (`FPSingleToDouble`).
pub fn widen(a: u64, default: bool) -> u64 {
    match Precision::F32.nan_of(&[a], default) {
        Some(nan) => nan >> 31 << 63 | Precision::F64.nan() | (nan & 0x3f_ffff) << 29,
        None => Precision::F64.round(Precision::F32.value(a)),
    }
}

/// A float of 64 bits as one of 32: a NaN keeps sign and the upper bits of the payload (`FPDoubleToSingle`).
pub fn narrow(a: u64, default: bool) -> u64 {
    match Precision::F64.nan_of(&[a], default) {
        Some(nan) => nan >> 63 << 31 | Precision::F32.nan() | nan >> 29 & 0x3f_ffff,
        None => Precision::F32.round(Precision::F64.value(a)),
    }
}
