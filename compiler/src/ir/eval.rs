//! The meaning of floating operations on constants.
//!
//! One function for the interpreter, for constant folding and for judging rules. Values travel as 64 bits:
//! an `i32` zero-extended, a pair as low word | high word << 32.

use super::floats::Fp;
use super::ops::{Op, Ty};

/// Sign-extends the low `bits` bits.
pub fn sext(x: u64, bits: u32) -> u64 {
    (((x << (64 - bits)) as i64) >> (64 - bits)) as u64
}

/// The result of a floating operation other than `const` (bits of the result type), or `None` if the op does not float.
/// `ty` is the type of the result, `arg_ty` of the first operand; `imm` is the node's.
pub fn eval(op: Op, ty: Ty, arg_ty: Ty, a: &[u64], imm: i64) -> Option<u64> {
    let n = if arg_ty == Ty::I32 { 32 } else { 64 };
    let s = |i: usize| sext(a[i], n) as i64;
    let pair = |i: usize| a[i] | a[i + 1] << 32;
    let amount = |i: usize| (a[i] % n as u64) as u32;
    let r = match op {
        Op::Const => imm as u64,
        Op::Add => a[0].wrapping_add(a[1]),
        Op::Sub => a[0].wrapping_sub(a[1]),
        Op::Mul => a[0].wrapping_mul(a[1]),
        Op::And => a[0] & a[1],
        Op::Or => a[0] | a[1],
        Op::Xor => a[0] ^ a[1],
        Op::Shl => a[0] << amount(1),
        Op::ShrS => (s(0) >> amount(1)) as u64,
        Op::ShrU => a[0] >> amount(1),
        Op::Rotl => rotl(a[0], amount(1), n),
        Op::Rotr if crate::seeded::on(crate::seeded::Bug::FoldRotr) && n == 64 => {
            rotl(a[0], (n - amount(1)) % 32, n)
        }
        Op::Rotr => rotl(a[0], (n - amount(1)) % n, n),
        Op::DivS => div_s(s(0), s(1)),
        Op::DivU => a[0].checked_div(a[1]).unwrap_or(0),
        Op::RemS => {
            if a[1] == 0 {
                a[0]
            } else {
                s(0).wrapping_rem(s(1)) as u64
            }
        }
        Op::RemU => a[0].checked_rem(a[1]).unwrap_or(a[0]),
        Op::Clz => (a[0].leading_zeros() - (64 - n)) as u64,
        Op::Ctz => a[0].trailing_zeros().min(n) as u64,
        Op::Popcnt => a[0].count_ones() as u64,
        Op::Sext8 => sext(a[0], 8),
        Op::Sext16 => sext(a[0], 16),
        Op::Sext32 | Op::ExtendS => sext(a[0], 32),
        Op::ExtendU | Op::Wrap => a[0] & 0xffff_ffff,
        Op::Eq => (a[0] == a[1]) as u64,
        Op::Ne => (a[0] != a[1]) as u64,
        Op::LtS => (s(0) < s(1)) as u64,
        Op::LtU => (a[0] < a[1]) as u64,
        Op::LeS => (s(0) <= s(1)) as u64,
        Op::LeU => (a[0] <= a[1]) as u64,
        Op::MinS => s(0).min(s(1)) as u64,
        Op::MaxS => s(0).max(s(1)) as u64,
        Op::MinU => a[0].min(a[1]),
        Op::MaxU => a[0].max(a[1]),
        Op::Select => {
            if a[0] != 0 {
                a[1]
            } else {
                a[2]
            }
        }
        Op::Lo => a[0],
        Op::Hi => a[0] >> 32,
        Op::Add64 => pair(0).wrapping_add(pair(2)),
        Op::Sub64 => pair(0).wrapping_sub(pair(2)),
        Op::MulWideU => a[0] * a[1],
        Op::MulWideS => s(0).wrapping_mul(s(1)) as u64,
        Op::MulAddU => pair(0).wrapping_add(a[2] * a[3]),
        Op::MulAddS => pair(0).wrapping_add(s(2).wrapping_mul(s(3)) as u64),
        Op::Shl64 => pair(0) << (a[2] & 63),
        Op::ShrU64 => pair(0) >> (a[2] & 63),
        Op::ShrS64 => (pair(0) as i64 >> (a[2] & 63)) as u64,
        Op::LtU64 => (pair(0) < pair(2)) as u64,
        Op::LtS64 => ((pair(0) as i64) < pair(2) as i64) as u64,
        Op::DivU64 => pair(0).checked_div(pair(2)).unwrap_or(0),
        Op::DivS64 => div_s(pair(0) as i64, pair(2) as i64),
        Op::RemU64 => pair(0).checked_rem(pair(2)).unwrap_or(pair(0)),
        Op::RemS64 => {
            if pair(2) == 0 {
                pair(0)
            } else {
                (pair(0) as i64).wrapping_rem(pair(2) as i64) as u64
            }
        }
        Op::Fp => Fp::from_imm(imm)?.eval(a)?,
        Op::Param
        | Op::Proj
        | Op::Guard
        | Op::Assume
        | Op::Load8U
        | Op::Load8S
        | Op::Load16U
        | Op::Load16S
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
        | Op::CallIndirect => return None,
    };
    Some(r & ty.mask())
}

fn rotl(x: u64, k: u32, n: u32) -> u64 {
    if k == 0 { x } else { x << k | x >> (n - k) }
}

fn div_s(a: i64, b: i64) -> u64 {
    if b == 0 { 0 } else { a.wrapping_div(b) as u64 }
}
