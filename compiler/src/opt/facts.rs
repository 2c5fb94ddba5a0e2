//! Facts about values: known bits and ranges.
//!
//! In: a node and the facts of its operands. Out: a [`Fact`] that holds for every value the node can have.
//! Known bits, an unsigned and a signed range refine each other. Invariant: for all operand values within their facts,
//! the result of [`crate::ir::eval`] is within the node's; a test enumerates small widths and corner operands.

use crate::ir::eval::sext;
use crate::ir::{Fp, Op, Ty};
use crate::seeded::{Bug, on};

/// What is known of a value of `i32` or `i64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Bits known to be 0 (bits above the width are always 0).
    pub zeros: u64,
    /// Bits known to be 1.
    pub ones: u64,
    /// Least value, unsigned.
    pub umin: u64,
    /// Greatest value, unsigned.
    pub umax: u64,
    /// Least value, signed.
    pub smin: i64,
    /// Greatest value, signed.
    pub smax: i64,
}

fn bits(ty: Ty) -> u32 {
    if ty == Ty::I32 { 32 } else { 64 }
}

fn signed_limits(ty: Ty) -> (i64, i64) {
    if ty == Ty::I32 {
        (i32::MIN as i64, i32::MAX as i64)
    } else {
        (i64::MIN, i64::MAX)
    }
}

/// All bits up to the highest one of `x`.
fn fill(x: u64) -> u64 {
    if x == 0 {
        0
    } else {
        u64::MAX >> x.leading_zeros()
    }
}

impl Fact {
    /// Nothing known of 64 bits.
    pub const ANYTHING: Fact = Fact {
        zeros: 0,
        ones: 0,
        umin: 0,
        umax: u64::MAX,
        smin: i64::MIN,
        smax: i64::MAX,
    };

    /// Nothing known.
    pub fn top(ty: Ty) -> Fact {
        let (smin, smax) = signed_limits(ty);
        Fact {
            zeros: !ty.mask(),
            umax: ty.mask(),
            smin,
            smax,
            ..Fact::ANYTHING
        }
    }

    /// Exactly this value.
    pub fn constant(ty: Ty, v: u64) -> Fact {
        let v = v & ty.mask();
        let s = sext(v, bits(ty)) as i64;
        Fact {
            zeros: !v,
            ones: v,
            umin: v,
            umax: v,
            smin: s,
            smax: s,
        }
    }

    /// The value, if only one is possible.
    pub fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// Values from `lo` to `hi`, unsigned.
    pub fn unsigned(ty: Ty, lo: u64, hi: u64) -> Fact {
        Fact {
            umin: lo,
            umax: hi,
            ..Fact::top(ty)
        }
        .refine(ty)
    }

    /// Values from `lo` to `hi`, signed.
    pub fn signed(ty: Ty, lo: i64, hi: i64) -> Fact {
        Fact {
            smin: lo,
            smax: hi,
            ..Fact::top(ty)
        }
        .refine(ty)
    }

    /// What holds if either fact holds.
    pub fn union(&self, o: &Fact) -> Fact {
        Fact {
            zeros: self.zeros & o.zeros,
            ones: self.ones & o.ones,
            umin: self.umin.min(o.umin),
            umax: self.umax.max(o.umax),
            smin: self.smin.min(o.smin),
            smax: match on(Bug::UnionTop) {
                true => self.smax,
                false => self.smax.max(o.smax),
            },
        }
    }

    /// What holds if both hold. Contradicting facts (dead code) give the first.
    pub fn intersect(&self, o: &Fact, ty: Ty) -> Fact {
        let f = Fact {
            zeros: self.zeros | o.zeros,
            ones: self.ones | o.ones,
            umin: self.umin.max(o.umin),
            umax: self.umax.min(o.umax),
            smin: self.smin.max(o.smin),
            smax: self.smax.min(o.smax),
        };
        let f = f.refine(ty);
        if f.is_empty() { *self } else { f }
    }

    /// Whether no value is possible.
    pub fn is_empty(&self) -> bool {
        self.zeros & self.ones != 0 || self.umin > self.umax || self.smin > self.smax
    }

    /// Lets bits and ranges sharpen each other.
    pub fn refine(self, ty: Ty) -> Fact {
        if self == Fact::top(ty) {
            return self;
        }
        let once = self.sharpen(ty);
        if once == self {
            return self;
        }
        once.sharpen(ty)
    }

    fn sharpen(mut self, ty: Ty) -> Fact {
        let n = bits(ty);
        let sign = 1u64 << (n - 1);
        // Bits bound the unsigned range.
        self.umin = self.umin.max(self.ones);
        self.umax = self.umax.min(!self.zeros);
        // The range's common high bits are known.
        if self.umin <= self.umax {
            let known = !fill(self.umin ^ self.umax);
            self.ones |= self.umin & known;
            self.zeros |= !self.umin & known;
        }
        // One sign: signed and unsigned order agree.
        if self.umax < sign || self.umin >= sign {
            self.smin = self.smin.max(sext(self.umin, n) as i64);
            self.smax = self.smax.min(sext(self.umax, n) as i64);
        }
        if self.smin >= 0 || self.smax < 0 {
            self.umin = self.umin.max(self.smin as u64 & ty.mask());
            self.umax = self.umax.min(self.smax as u64 & ty.mask());
        }
        if self.zeros & sign != 0 {
            self.smin = self.smin.max(0);
        }
        if self.ones & sign != 0 {
            self.smax = self.smax.min(-1);
        }
        self
    }

    /// Number of low bits known to be zero.
    fn low_zeros(&self) -> u32 {
        self.zeros.trailing_ones()
    }
}

/// The fact of a floating node (or of one whose value is like one, such as a narrow load).
/// `a` are the facts of the operands, `arg_ty` the type of the first.
pub fn of(op: Op, ty: Ty, arg_ty: Ty, imm: i64, a: &[&Fact]) -> Fact {
    if !matches!(ty, Ty::I32 | Ty::I64) {
        return Fact::ANYTHING;
    }
    let f = match op {
        Op::Const => return Fact::constant(ty, imm as u64),
        Op::Add => add(ty, a[0], a[1]),
        Op::Sub => sub(ty, a[0], a[1]),
        Op::Mul => mul(ty, a[0], a[1]),
        Op::And => Fact {
            zeros: a[0].zeros | a[1].zeros,
            ones: a[0].ones & a[1].ones,
            umax: a[0].umax.min(a[1].umax),
            ..Fact::top(ty)
        },
        Op::Or => Fact {
            zeros: a[0].zeros & a[1].zeros,
            ones: a[0].ones | a[1].ones,
            umin: a[0].umin.max(a[1].umin),
            ..Fact::top(ty)
        },
        Op::Xor => Fact {
            zeros: a[0].zeros & a[1].zeros | a[0].ones & a[1].ones,
            ones: match on(Bug::XorKnownBits) {
                true => a[0].zeros & a[1].ones | a[0].ones,
                false => a[0].zeros & a[1].ones | a[0].ones & a[1].zeros,
            },
            ..Fact::top(ty)
        },
        Op::Shl | Op::ShrU | Op::ShrS => shift(op, ty, a[0], a[1]),
        Op::DivU if a[1].umin > 0 => Fact {
            umin: a[0].umin / a[1].umax,
            umax: match on(Bug::DivURangeTop) {
                true => a[0].umax / a[1].umax,
                false => a[0].umax / a[1].umin,
            },
            ..Fact::top(ty)
        },
        Op::RemU if a[1].umin > 0 => Fact {
            umax: a[0].umax.min(a[1].umax - 1),
            ..Fact::top(ty)
        },
        Op::RemS if a[1].smin > 0 => Fact {
            smin: if a[0].smin >= 0 {
                0
            } else {
                let most = if on(Bug::RemRangeSign) {
                    a[1].smin
                } else {
                    a[1].smax
                };
                a[0].smin.max(-(most - 1))
            },
            smax: if a[0].smax <= 0 {
                0
            } else {
                a[0].smax.min(a[1].smax - 1)
            },
            ..Fact::top(ty)
        },
        Op::DivS if a[1].smin > 0 => {
            let q = [
                a[0].smin / a[1].smin,
                a[0].smin / a[1].smax,
                a[0].smax / a[1].smin,
                a[0].smax / a[1].smax,
            ];
            Fact {
                smin: *q.iter().min().unwrap_or(&0),
                smax: *q.iter().max().unwrap_or(&0),
                ..Fact::top(ty)
            }
        }
        Op::Clz => {
            let n = bits(ty) as u64;
            let lz = |x: u64| x.leading_zeros() as u64 - (64 - n);
            Fact {
                umin: lz(a[0].umax),
                umax: lz(a[0].umin),
                ..Fact::top(ty)
            }
        }
        Op::Ctz => Fact {
            umin: (a[0].low_zeros() as u64).min(bits(ty) as u64),
            umax: bits(ty) as u64 - on(Bug::CtzRangeZero) as u64,
            ..Fact::top(ty)
        },
        Op::Popcnt => Fact {
            umin: (a[0].ones & ty.mask()).count_ones() as u64,
            umax: ((!a[0].zeros).count_ones() as u64)
                .min(bits(ty) as u64 - on(Bug::PopcntRangeAll) as u64),
            ..Fact::top(ty)
        },
        Op::Sext8 => extend(ty, a[0], 8),
        Op::Sext16 => extend(ty, a[0], 16),
        Op::Sext32 => extend(ty, a[0], 32),
        Op::ExtendS => extend(ty, a[0], 32),
        Op::ExtendU => Fact {
            zeros: a[0].zeros,
            ones: a[0].ones,
            umin: a[0].umin,
            umax: a[0].umax,
            ..Fact::top(ty)
        },
        Op::Wrap => {
            let mut f = Fact {
                zeros: a[0].zeros | !ty.mask(),
                ones: a[0].ones & ty.mask(),
                ..Fact::top(ty)
            };
            if a[0].umax <= ty.mask() {
                (f.umin, f.umax) = (a[0].umin, a[0].umax);
            }
            let above = a[0].smin >= i32::MIN as i64 || on(Bug::WrapRangeBelow);
            if above && a[0].smax <= i32::MAX as i64 {
                (f.smin, f.smax) = (a[0].smin, a[0].smax);
            }
            f
        }
        Op::Eq | Op::Ne | Op::LtS | Op::LtU | Op::LeS | Op::LeU => compare(op, arg_ty, a[0], a[1]),
        Op::Fp if Fp::from_imm(imm).is_some_and(|fp| fp.row().relation.is_some()) => Fact {
            umax: 1,
            ..Fact::top(ty)
        },
        Op::LtU64 | Op::LtS64 => Fact {
            umax: 1,
            ..Fact::top(ty)
        },
        Op::MinS => Fact {
            smin: a[0].smin.min(a[1].smin),
            smax: a[0].smax.min(a[1].smax),
            ..a[0].union(a[1])
        },
        Op::MaxS => Fact {
            smin: a[0].smin.max(a[1].smin),
            smax: a[0].smax.max(a[1].smax),
            ..a[0].union(a[1])
        },
        Op::MinU => Fact {
            umin: a[0].umin.min(a[1].umin),
            umax: a[0].umax.min(a[1].umax),
            ..a[0].union(a[1])
        },
        Op::MaxU => Fact {
            umin: a[0].umin.max(a[1].umin),
            umax: a[0].umax.max(a[1].umax),
            ..a[0].union(a[1])
        },
        Op::Select => a[1].union(a[2]),
        Op::Guard | Op::Assume => *a[0],
        Op::Load8U => Fact {
            umax: 0xff,
            ..Fact::top(ty)
        },
        Op::Load16U => Fact {
            umax: if on(Bug::LoadRangeTop) {
                0x7fff
            } else {
                0xffff
            },
            ..Fact::top(ty)
        },
        Op::Load8S => Fact {
            smin: -0x80,
            smax: 0x7f,
            ..Fact::top(ty)
        },
        Op::Load16S => Fact {
            smin: -0x8000,
            smax: 0x7fff,
            ..Fact::top(ty)
        },
        Op::Rotl | Op::Rotr => rotate(op, ty, a[0], a[1]),
        Op::Param
        | Op::Fp
        | Op::DivU
        | Op::RemU
        | Op::RemS
        | Op::DivS
        | Op::Proj
        | Op::Lo
        | Op::Hi
        | Op::Add64
        | Op::Sub64
        | Op::MulWideU
        | Op::MulWideS
        | Op::MulAddU
        | Op::MulAddS
        | Op::Shl64
        | Op::ShrU64
        | Op::ShrS64
        | Op::DivU64
        | Op::DivS64
        | Op::RemU64
        | Op::RemS64
        | Op::Load32
        | Op::Load64
        | Op::Store8
        | Op::Store16
        | Op::Store32
        | Op::Store64
        | Op::MemoryCopy
        | Op::MemoryFill
        | Op::GlobalGet
        | Op::GlobalSet
        | Op::GlobalLoad
        | Op::GlobalStore
        | Op::Sym
        | Op::Call
        | Op::CallIndirect => return Fact::top(ty),
    };
    f.refine(ty)
}

fn add(ty: Ty, a: &Fact, b: &Fact) -> Fact {
    let mut f = Fact::top(ty);
    let low = (a.zeros | a.ones)
        .trailing_ones()
        .min((b.zeros | b.ones).trailing_ones());
    if low > 0 {
        // The low bits are all known, so are those of the sum.
        let mask = if low >= 64 { u64::MAX } else { (1 << low) - 1 };
        let sum = a.ones.wrapping_add(b.ones);
        f.ones |= sum & mask & ty.mask();
        f.zeros |= !sum & mask;
    }
    let low_zeros = match on(Bug::AddKnownZeros) {
        true => a.low_zeros().max(b.low_zeros()),
        false => a.low_zeros().min(b.low_zeros()),
    };
    f.zeros |= (1u64 << low_zeros.min(63)) - 1;
    if let (lo, Some(hi)) = (a.umin.wrapping_add(b.umin), a.umax.checked_add(b.umax))
        && hi <= ty.mask()
    {
        (f.umin, f.umax) = (lo, hi);
    }
    let (min, max) = signed_limits(ty);
    if let (Some(lo), Some(hi)) = (a.smin.checked_add(b.smin), a.smax.checked_add(b.smax))
        && lo >= min
        && (hi <= max || on(Bug::AddRangeWraps))
    {
        (f.smin, f.smax) = (lo, hi.min(max));
    }
    f
}

fn sub(ty: Ty, a: &Fact, b: &Fact) -> Fact {
    let mut f = Fact::top(ty);
    f.zeros |= (1u64 << a.low_zeros().min(b.low_zeros()).min(63)) - 1;
    if a.umin >= b.umax || on(Bug::SubRangeWraps) && a.umax >= b.umax {
        (f.umin, f.umax) = (a.umin.saturating_sub(b.umax), a.umax - b.umin);
    }
    let (min, max) = signed_limits(ty);
    if let (Some(lo), Some(hi)) = (a.smin.checked_sub(b.smax), a.smax.checked_sub(b.smin))
        && lo >= min
        && hi <= max
    {
        (f.smin, f.smax) = (lo, hi);
    }
    f
}

fn mul(ty: Ty, a: &Fact, b: &Fact) -> Fact {
    let mut f = Fact::top(ty);
    f.zeros |= (1u64 << (a.low_zeros() + b.low_zeros()).min(63)) - 1;
    if let (Some(lo), Some(hi)) = (a.umin.checked_mul(b.umin), a.umax.checked_mul(b.umax))
        && hi <= ty.mask()
    {
        (f.umin, f.umax) = (lo, hi);
    }
    let (min, max) = signed_limits(ty);
    let corners = [
        a.smin.checked_mul(b.smin),
        a.smax.checked_mul(b.smax),
        a.smin.checked_mul(b.smax),
        a.smax.checked_mul(b.smin),
    ];
    let products = &corners[..if on(Bug::MulRangeCorners) { 2 } else { 4 }];
    if products
        .iter()
        .all(|p| p.is_some_and(|p| p >= min && p <= max))
    {
        f.smin = products.iter().flatten().copied().min().unwrap_or(min);
        f.smax = products.iter().flatten().copied().max().unwrap_or(max);
    }
    f
}

fn shift(op: Op, ty: Ty, a: &Fact, amount: &Fact) -> Fact {
    let n = bits(ty) as u64;
    let Some(k) = amount.as_constant().map(|k| (k % n) as u32) else {
        return match op {
            // An unknown amount still cannot raise the value, or change its sign.
            Op::ShrU => Fact {
                umax: a.umax,
                ..Fact::top(ty)
            },
            Op::ShrS => Fact {
                smin: a.smin.min(0),
                smax: a.smax.max(-1),
                ..Fact::top(ty)
            },
            _ => Fact {
                zeros: !ty.mask() | ((1u64 << a.low_zeros().min(63)) - 1),
                ..Fact::top(ty)
            },
        };
    };
    let mut f = Fact::top(ty);
    match op {
        Op::Shl => {
            f.zeros = (a.zeros << k) | ((1u64 << k) - 1) | !ty.mask();
            f.ones = (a.ones << k) & ty.mask();
            if a.umax <= ty.mask() >> k {
                (f.umin, f.umax) = (a.umin << k, a.umax << k);
            }
            let (min, max) = signed_limits(ty);
            if a.smin >= min >> k && (a.smax <= max >> k || on(Bug::ShlRangeTop)) {
                (f.smin, f.smax) = (a.smin << k, (a.smax.min(max >> k)) << k);
            }
        }
        Op::ShrU => {
            f.zeros = (a.zeros >> k) | !(ty.mask() >> k);
            f.ones = a.ones >> k;
            (f.umin, f.umax) = (a.umin >> k, a.umax >> k);
        }
        _ => {
            let sx = |x: u64| (sext(x & ty.mask(), n as u32) as i64 >> k) as u64;
            f.zeros = match on(Bug::ShrSKnownZeros) {
                true => (a.zeros >> k) | !(ty.mask() >> k),
                false => sx(a.zeros) & ty.mask() | !ty.mask(),
            };
            f.ones = sx(a.ones) & ty.mask();
            (f.smin, f.smax) = (a.smin >> k, a.smax >> k);
        }
    }
    f
}

fn rotate(op: Op, ty: Ty, a: &Fact, amount: &Fact) -> Fact {
    let mut f = Fact::top(ty);
    let n = bits(ty);
    if let Some(k) = amount.as_constant() {
        let k = (k % n as u64) as u32;
        let left = op == Op::Rotl || on(Bug::RotateKnownBits);
        let k = if left { k } else { (n - k) % n };
        let rot = |x: u64| {
            if k == 0 {
                x
            } else {
                (x << k | (x & ty.mask()) >> (n - k)) & ty.mask()
            }
        };
        f.zeros = rot(a.zeros & ty.mask()) | !ty.mask();
        f.ones = rot(a.ones);
    }
    f
}

fn extend(ty: Ty, a: &Fact, from: u32) -> Fact {
    let (lo, hi) = (-(1i64 << (from - 1)), (1i64 << (from - 1)) - 1);
    // An i32 operand of `extend_s` and a value that already fits keep their range.
    if a.smin >= lo && (a.smax <= hi || on(Bug::ExtendRangeTop)) {
        return Fact {
            smin: a.smin,
            smax: a.smax,
            ..Fact::top(ty)
        };
    }
    let low = (1u64 << (from - 1)) - 1;
    let mut f = Fact {
        smin: lo,
        smax: hi,
        ..Fact::top(ty)
    };
    f.zeros |= a.zeros & low;
    f.ones |= a.ones & low;
    let sign = 1u64 << (from - 1);
    if a.zeros & sign != 0 {
        f.zeros |= !low;
    }
    if a.ones & sign != 0 {
        f.ones |= !low & ty.mask();
    }
    f
}

/// The result of a comparison, where the operands' facts decide it.
fn compare(op: Op, ty: Ty, a: &Fact, b: &Fact) -> Fact {
    let known = match op {
        Op::Eq | Op::Ne => {
            let touch = on(Bug::EqKnownFalse) && a.umax == b.umin && a.umin < b.umin;
            let differ = a.umax < b.umin
                || touch
                || b.umax < a.umin
                || a.smax < b.smin
                || b.smax < a.smin
                || a.ones & b.zeros != 0
                || a.zeros & b.ones & ty.mask() != 0;
            let same = a.as_constant().is_some() && a.as_constant() == b.as_constant();
            if differ {
                Some(op == Op::Ne)
            } else if same {
                Some(op == Op::Eq)
            } else {
                None
            }
        }
        Op::LtS if a.smax < b.smin => Some(true),
        Op::LtS if a.smin >= b.smax => Some(false),
        Op::LtU if a.umax < b.umin => Some(true),
        Op::LtU if a.umin >= b.umax => Some(false),
        Op::LeS if a.smax <= b.smin => Some(true),
        Op::LeS if a.smin > b.smax => Some(false),
        Op::LeS if on(Bug::LeSKnownFalse) && a.smin == b.smax => Some(false),
        Op::LeU if a.umax <= b.umin => Some(true),
        Op::LeU if a.umin > b.umax => Some(false),
        _ => None,
    };
    match known {
        Some(v) => Fact::constant(Ty::I32, v as u64),
        None => Fact {
            umax: 1,
            ..Fact::top(Ty::I32)
        },
    }
}
