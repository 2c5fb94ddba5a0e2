//! What the operations of the IR mean, as terms.
//!
//! In: an operation, its operands as terms, the widths of the two integer types. Out: the result as a term. Invariant:
//! at the real widths it is [`thumbsmith::ir::eval::eval`]; checked by evaluating both on boundary and random operands,
//! every operation in turn. A new operation does not compile until it says what it means here.

use super::term::{Arena, Bin, Term};
use thumbsmith::ir::{Op, Ty};

/// Widths of `i32` and `i64` in bits, powers of two; smaller than the real ones where a proof is too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Widths {
    /// Of `i32`.
    pub word: u32,
    /// Of `i64`.
    pub long: u32,
}

impl Widths {
    /// Those of WebAssembly.
    pub const REAL: Widths = Widths { word: 32, long: 64 };

    /// The width of a type; a pair is two words.
    pub fn of(self, ty: Ty) -> u32 {
        match ty {
            Ty::I32 => self.word,
            Ty::I64 => self.long,
            Ty::Pair => 2 * self.word,
            Ty::Void => 0,
        }
    }
}

/// The result of a floating operation of result type `ty`, or `None` if its meaning is not a function of its operands.
pub fn meaning(t: &mut Arena, op: Op, ty: Ty, a: &[Term], widths: Widths) -> Option<Term> {
    let width = widths.of(ty);
    let wide = |t: &mut Arena, i: usize| t.concat(a[i + 1], a[i]);
    let truth = |t: &mut Arena, bin: Bin| {
        let r = t.bin(bin, a[0], a[1]);
        t.unsigned(r, width)
    };
    Some(match op {
        Op::Add => t.bin(Bin::Add, a[0], a[1]),
        Op::Sub => t.bin(Bin::Sub, a[0], a[1]),
        Op::Mul => t.bin(Bin::Mul, a[0], a[1]),
        Op::And => t.bin(Bin::And, a[0], a[1]),
        Op::Or => t.bin(Bin::Or, a[0], a[1]),
        Op::Xor => t.bin(Bin::Xor, a[0], a[1]),
        Op::Shl => shift(t, Bin::Shl, a[0], a[1]),
        Op::ShrS => shift(t, Bin::Ashr, a[0], a[1]),
        Op::ShrU => shift(t, Bin::Lshr, a[0], a[1]),
        Op::Rotl => rotl(t, a[0], a[1]),
        Op::Rotr => {
            let back = t.neg(a[1]);
            rotl(t, a[0], back)
        }
        Op::DivS => quotient(t, Bin::Sdiv, a[0], a[1]),
        Op::DivU => quotient(t, Bin::Udiv, a[0], a[1]),
        Op::RemS => remainder(t, Bin::Sdiv, a[0], a[1]),
        Op::RemU => remainder(t, Bin::Udiv, a[0], a[1]),
        Op::Clz => leading_zeros(t, a[0]),
        Op::Ctz => trailing_zeros(t, a[0]),
        Op::Popcnt => ones(t, a[0]),
        Op::Sext8 => low_signed(t, a[0], 8),
        Op::Sext16 => low_signed(t, a[0], 16),
        Op::Sext32 => low_signed(t, a[0], widths.word),
        Op::ExtendS => t.signed(a[0], width),
        Op::ExtendU | Op::Wrap => t.unsigned(a[0], width),
        Op::Eq => truth(t, Bin::Eq),
        Op::Ne => {
            let same = t.bin(Bin::Eq, a[0], a[1]);
            let differ = t.not(same);
            t.unsigned(differ, width)
        }
        Op::LtS => truth(t, Bin::Slt),
        Op::LtU => truth(t, Bin::Ult),
        Op::LeS => truth(t, Bin::Sle),
        Op::LeU => truth(t, Bin::Ule),
        Op::MinS => choice(t, Bin::Slt, a, [a[0], a[1]]),
        Op::MaxS => choice(t, Bin::Slt, a, [a[1], a[0]]),
        Op::MinU => choice(t, Bin::Ult, a, [a[0], a[1]]),
        Op::MaxU => choice(t, Bin::Ult, a, [a[1], a[0]]),
        Op::Select => {
            let c = t.truth(a[0]);
            t.ite(c, a[1], a[2])
        }
        Op::Lo => t.extract(a[0], widths.word - 1, 0),
        Op::Hi => t.extract(a[0], 2 * widths.word - 1, widths.word),
        Op::Add64
        | Op::Sub64
        | Op::LtU64
        | Op::LtS64
        | Op::DivU64
        | Op::DivS64
        | Op::RemU64
        | Op::RemS64 => {
            let operands = [wide(t, 0), wide(t, 2)];
            let r = meaning(t, narrow(op)?, Ty::Pair, &operands, widths)?;
            t.unsigned(r, width)
        }
        Op::Shl64 | Op::ShrU64 | Op::ShrS64 => {
            let operands = [wide(t, 0), t.unsigned(a[2], 2 * widths.word)];
            meaning(t, narrow(op)?, Ty::Pair, &operands, widths)?
        }
        Op::MulWideU => product(t, a[0], a[1], Arena::unsigned),
        Op::MulWideS => product(t, a[0], a[1], Arena::signed),
        Op::MulAddU => {
            let (sum, p) = (wide(t, 0), product(t, a[2], a[3], Arena::unsigned));
            t.bin(Bin::Add, sum, p)
        }
        Op::MulAddS => {
            let (sum, p) = (wide(t, 0), product(t, a[2], a[3], Arena::signed));
            t.bin(Bin::Add, sum, p)
        }
        Op::Param | Op::Const | Op::Proj | Op::Sym => return None,
        Op::Guard | Op::Assume | Op::Call => return None,
        Op::Load8U | Op::Load8S | Op::Load16U | Op::Load16S | Op::Load32 | Op::Load64 => {
            return None;
        }
        Op::Store8 | Op::Store16 | Op::Store32 | Op::Store64 => return None,
        Op::GlobalGet | Op::GlobalSet | Op::GlobalLoad | Op::GlobalStore => return None,
        Op::MemoryCopy | Op::MemoryFill => return None,
    })
}

/// The operation on one value that an operation on two words is.
fn narrow(op: Op) -> Option<Op> {
    const ROWS: [(Op, Op); 11] = [
        (Op::Add64, Op::Add),
        (Op::Sub64, Op::Sub),
        (Op::LtU64, Op::LtU),
        (Op::LtS64, Op::LtS),
        (Op::DivU64, Op::DivU),
        (Op::DivS64, Op::DivS),
        (Op::RemU64, Op::RemU),
        (Op::RemS64, Op::RemS),
        (Op::Shl64, Op::Shl),
        (Op::ShrU64, Op::ShrU),
        (Op::ShrS64, Op::ShrS),
    ];
    ROWS.iter().find(|r| r.0 == op).map(|r| r.1)
}

/// A shift by an amount modulo the width.
fn shift(t: &mut Arena, op: Bin, x: Term, amount: Term) -> Term {
    let width = t.width(x);
    debug_assert!(width.is_power_of_two());
    let most = t.value(u64::from(width - 1), width);
    let amount = t.bin(Bin::And, amount, most);
    t.bin(op, x, amount)
}

fn rotl(t: &mut Arena, x: Term, amount: Term) -> Term {
    let left = shift(t, Bin::Shl, x, amount);
    let back = t.neg(amount);
    let right = shift(t, Bin::Lshr, x, back);
    t.bin(Bin::Or, left, right)
}

/// The quotient; zero where the divisor is zero.
pub fn quotient(t: &mut Arena, op: Bin, x: Term, y: Term) -> Term {
    let (zero, by_zero) = (t.value(0, t.width(x)), t.is(y, 0));
    let q = t.bin(op, x, y);
    t.ite(by_zero, zero, q)
}

/// What the quotient leaves: the dividend where the divisor is zero.
fn remainder(t: &mut Arena, op: Bin, x: Term, y: Term) -> Term {
    let q = quotient(t, op, x, y);
    let back = t.bin(Bin::Mul, q, y);
    t.bin(Bin::Sub, x, back)
}

fn bit(t: &mut Arena, x: Term, i: u32) -> Term {
    t.extract(x, i, i)
}

/// Zeros above the highest one; the width for 0.
pub fn leading_zeros(t: &mut Arena, x: Term) -> Term {
    let width = t.width(x);
    let mut r = t.value(u64::from(width), width);
    for i in 0..width {
        let (b, n) = (bit(t, x, i), t.value(u64::from(width - 1 - i), width));
        r = t.ite(b, n, r);
    }
    r
}

/// Zeros below the lowest one; the width for 0.
pub fn trailing_zeros(t: &mut Arena, x: Term) -> Term {
    let width = t.width(x);
    let mut r = t.value(u64::from(width), width);
    for i in (0..width).rev() {
        let (b, n) = (bit(t, x, i), t.value(u64::from(i), width));
        r = t.ite(b, n, r);
    }
    r
}

/// The number of ones, summed as a tree.
fn ones(t: &mut Arena, x: Term) -> Term {
    let width = t.width(x);
    let mut sums: Vec<Term> = (0..width)
        .map(|i| {
            let b = bit(t, x, i);
            t.unsigned(b, width)
        })
        .collect();
    while sums.len() > 1 {
        sums = sums
            .chunks(2)
            .map(|two| t.bin(Bin::Add, two[0], two[two.len() - 1]))
            .collect();
    }
    sums[0]
}

/// The low bits, sign-extended to the width; the value itself if it has no more.
fn low_signed(t: &mut Arena, x: Term, bits: u32) -> Term {
    if bits >= t.width(x) {
        return x;
    }
    let low = t.extract(x, bits - 1, 0);
    t.signed(low, t.width(x))
}

/// The first of `pick` where `a[0] less a[1]`, else the second.
fn choice(t: &mut Arena, less: Bin, a: &[Term], pick: [Term; 2]) -> Term {
    let c = t.bin(less, a[0], a[1]);
    t.ite(c, pick[0], pick[1])
}

fn product(t: &mut Arena, x: Term, y: Term, extend: fn(&mut Arena, Term, u32) -> Term) -> Term {
    let width = 2 * t.width(x);
    let (x, y) = (extend(t, x, width), extend(t, y, width));
    t.bin(Bin::Mul, x, y)
}
