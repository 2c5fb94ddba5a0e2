//! What instructions mean, as terms.
//!
//! In: the meaning of an instruction ([`Sem`]), its operands as terms, the carry. Out: the value of its first register
//! and, if it sets them, the flags. Only what a lowering rule may emit has terms: instructions whose whole effect is
//! one register and the flags. Invariant: where there is a term, it is what [`thumbsmith::isa::exec`] computes; checked by
//! running both on every operation. What is not known (a carry that the encoding of an immediate decides) is a
//! variable of its own, so that nothing can be proven from it.

use super::meaning::{leading_zeros, quotient};
use super::term::{Arena, Bin, Term};
use thumbsmith::isa::{Alu, Sem, ShiftKind, Size};

/// An instruction to be interpreted.
pub struct Operands<'a> {
    /// The registers at the places of the operand list, before the instruction; `None` for one that is only written.
    pub regs: &'a [Option<Term>],
    /// The immediate, 32 bits.
    pub imm: Option<Term>,
    /// The width of a bit field, 32 bits.
    pub imm2: Option<Term>,
    /// The shift of the last register, its amount 32 bits.
    pub shift: Option<(ShiftKind, Term)>,
    /// The carry flag before, one bit.
    pub carry: Term,
}

/// What an instruction leaves.
pub struct Effect {
    /// The first register.
    pub value: Term,
    /// N, Z, C and V, if the instruction sets flags: one bit each.
    pub flags: [Term; 4],
}

/// A value with the carry and overflow that it gives; `None` keeps the flag.
struct Flagged {
    value: Term,
    carry: Option<Term>,
    overflow: Option<Term>,
}

fn plain(value: Term) -> Flagged {
    Flagged {
        value,
        carry: None,
        overflow: None,
    }
}

/// The effect of an instruction; `None` if there are no terms for it, or an operand that it needs is not there.
/// `unknown` names the variables of what is not known.
pub fn effect(t: &mut Arena, sem: Sem, o: &Operands<'_>, unknown: &str) -> Option<Effect> {
    let r = |i: usize| o.regs.get(i).copied().flatten();
    let f = match sem {
        Sem::AluI(alu) => {
            let a = if alu.is_binary() { r(1)? } else { o.imm? };
            let shifter = t.var(&format!("{unknown}.shifter"), 1);
            compute(t, alu, a, o.imm?, shifter, o.carry)
        }
        Sem::AluR(alu) => {
            let last = if alu.is_binary() { r(2)? } else { r(1)? };
            let (b, shifter) = shifted(t, last, o);
            compute(t, alu, r(1)?, b, shifter, o.carry)
        }
        Sem::ShiftI(kind) => shift_flagged(t, r(1)?, kind, o.imm?, o.carry),
        Sem::ShiftR(kind) => {
            let low = t.extract(r(2)?, 7, 0);
            let amount = t.unsigned(low, 32);
            shift_flagged(t, r(1)?, kind, amount, o.carry)
        }
        Sem::Movt => {
            let (old, imm) = (t.extract(r(0)?, 15, 0), t.extract(o.imm?, 15, 0));
            plain(t.concat(imm, old))
        }
        Sem::Mul => plain(t.bin(Bin::Mul, r(1)?, r(2)?)),
        Sem::Mla => {
            let p = t.bin(Bin::Mul, r(1)?, r(2)?);
            plain(t.bin(Bin::Add, r(3)?, p))
        }
        Sem::Mls => {
            let p = t.bin(Bin::Mul, r(1)?, r(2)?);
            plain(t.bin(Bin::Sub, r(3)?, p))
        }
        Sem::Smmul => {
            let (a, b) = (t.signed(r(1)?, 64), t.signed(r(2)?, 64));
            let p = t.bin(Bin::Mul, a, b);
            plain(t.extract(p, 63, 32))
        }
        Sem::MulHalf { accumulate } => {
            let (a, b) = (low_signed(t, r(1)?, 16), low_signed(t, r(2)?, 16));
            let p = t.bin(Bin::Mul, a, b);
            plain(if accumulate {
                t.bin(Bin::Add, r(3)?, p)
            } else {
                p
            })
        }
        Sem::Div { signed } => {
            let op = if signed { Bin::Sdiv } else { Bin::Udiv };
            plain(quotient(t, op, r(1)?, r(2)?))
        }
        Sem::Clz => plain(leading_zeros(t, r(1)?)),
        Sem::Rbit => plain(pieces(
            t,
            r(1)?,
            &(0..32).map(|i| (i, i)).collect::<Vec<_>>(),
        )),
        Sem::Rev => plain(pieces(t, r(1)?, &[(0, 7), (8, 15), (16, 23), (24, 31)])),
        Sem::Rev16 => plain(pieces(t, r(1)?, &[(16, 23), (24, 31), (0, 7), (8, 15)])),
        Sem::Revsh => {
            let half = pieces(t, r(1)?, &[(0, 7), (8, 15)]);
            plain(t.signed(half, 32))
        }
        Sem::Extend(size) => {
            let x = rotated(t, r(1)?, o);
            plain(extend(t, size, x))
        }
        Sem::ExtendAdd(size) => {
            let x = rotated(t, r(2)?, o);
            let x = extend(t, size, x);
            plain(t.bin(Bin::Add, r(1)?, x))
        }
        Sem::FieldGet { signed } => {
            let up = field_gap(t, o.imm?, o.imm2?);
            let top = t.bin(Bin::Shl, r(1)?, up);
            let down = from_32(t, o.imm2?);
            let shift = if signed { Bin::Ashr } else { Bin::Lshr };
            plain(t.bin(shift, top, down))
        }
        Sem::FieldPut => plain(field_put(t, r(0)?, r(1)?, o.imm?, o.imm2?)),
        Sem::FieldClear => {
            let zero = t.value(0, 32);
            plain(field_put(t, r(0)?, zero, o.imm?, o.imm2?))
        }
        // Tests have no register, the others have more than one, or memory, or are jumps.
        Sem::TestI(_) | Sem::TestR(_) | Sem::Rrx | Sem::Saturate { .. } => return None,
        Sem::MulLong { .. } | Sem::Umaal | Sem::Adr => return None,
        Sem::Load(..) | Sem::Store(..) | Sem::LoadDual | Sem::StoreDual => return None,
        Sem::LoadMany { .. } | Sem::StoreMany { .. } | Sem::Push | Sem::Pop => return None,
        Sem::Branch | Sem::Call | Sem::CallReg | Sem::BranchReg => return None,
        Sem::CompareBranch { .. } | Sem::TableBranch { .. } | Sem::It => return None,
        Sem::Nop | Sem::Udf | Sem::Bkpt | Sem::Vfp(_) => return None,
    };
    let n = t.extract(f.value, 31, 31);
    let z = t.is(f.value, 0);
    // A flag that is kept has a value that nothing here knows, but for the carry.
    let overflow = t.var(&format!("{unknown}.v"), 1);
    Some(Effect {
        value: f.value,
        flags: [
            n,
            z,
            f.carry.unwrap_or(o.carry),
            f.overflow.unwrap_or(overflow),
        ],
    })
}

fn low_signed(t: &mut Arena, x: Term, bits: u32) -> Term {
    let low = t.extract(x, bits - 1, 0);
    t.signed(low, 32)
}

/// Ranges of bits (lowest, highest), the first at the top.
fn pieces(t: &mut Arena, x: Term, ranges: &[(u32, u32)]) -> Term {
    let mut out = t.extract(x, ranges[0].1, ranges[0].0);
    for (low, high) in &ranges[1..] {
        let next = t.extract(x, *high, *low);
        out = t.concat(out, next);
    }
    out
}

fn extend(t: &mut Arena, size: Size, x: Term) -> Term {
    let low = t.extract(x, 8 * size.bytes() - 1, 0);
    match size {
        Size::U8 | Size::U16 | Size::W32 => t.unsigned(low, 32),
        Size::S8 | Size::S16 => t.signed(low, 32),
    }
}

/// The register that an extension takes, rotated by the shift's amount.
fn rotated(t: &mut Arena, x: Term, o: &Operands<'_>) -> Term {
    match o.shift {
        Some((_, amount)) => rotr(t, x, amount),
        None => x,
    }
}

fn rotr(t: &mut Arena, x: Term, amount: Term) -> Term {
    let most = t.value(31, 32);
    let amount = t.bin(Bin::And, amount, most);
    let right = t.bin(Bin::Lshr, x, amount);
    let back = t.neg(amount);
    let back = t.bin(Bin::And, back, most);
    let left = t.bin(Bin::Shl, x, back);
    t.bin(Bin::Or, left, right)
}

/// The last register shifted as the instruction says, and the carry out of the shifter.
fn shifted(t: &mut Arena, x: Term, o: &Operands<'_>) -> (Term, Term) {
    match o.shift {
        Some((kind, amount)) => shift_c(t, x, kind, amount, o.carry),
        None => (x, o.carry),
    }
}

fn shift_flagged(t: &mut Arena, x: Term, kind: ShiftKind, amount: Term, carry: Term) -> Flagged {
    let (value, carry) = shift_c(t, x, kind, amount, carry);
    Flagged {
        value,
        carry: Some(carry),
        overflow: None,
    }
}

/// `Shift_C` of the manual (A7.4.2), by 0 to 255.
fn shift_c(t: &mut Arena, x: Term, kind: ShiftKind, amount: Term, carry: Term) -> (Term, Term) {
    // One bit more on the side to which bits leave holds the last of them.
    let wide_amount = t.unsigned(amount, 33);
    let zero = t.value(0, 1);
    let (value, out) = match kind {
        ShiftKind::Lsl => {
            let above = t.concat(zero, x);
            let all = t.bin(Bin::Shl, above, wide_amount);
            (t.extract(all, 31, 0), t.extract(all, 32, 32))
        }
        ShiftKind::Lsr | ShiftKind::Asr => {
            let below = t.concat(x, zero);
            let op = if kind == ShiftKind::Lsr {
                Bin::Lshr
            } else {
                Bin::Ashr
            };
            let all = t.bin(op, below, wide_amount);
            (t.extract(all, 32, 1), t.extract(all, 0, 0))
        }
        ShiftKind::Ror => {
            let r = rotr(t, x, amount);
            (r, t.extract(r, 31, 31))
        }
    };
    let none = t.is(amount, 0);
    (value, t.ite(none, carry, out))
}

/// `AddWithCarry` of the manual (A2.2.1). `value` is its result, as arithmetic of 32 bits: solvers know sums better than
/// carries.
fn add_with_carry(t: &mut Arena, value: Term, a: Term, b: Term, carry: Term) -> Flagged {
    let (wide_a, wide_b) = (t.unsigned(a, 33), t.unsigned(b, 33));
    let sum = t.bin(Bin::Add, wide_a, wide_b);
    let carry_in = t.unsigned(carry, 33);
    let sum = t.bin(Bin::Add, sum, carry_in);
    let (x, y) = (t.bin(Bin::Xor, a, value), t.bin(Bin::Xor, b, value));
    let both = t.bin(Bin::And, x, y);
    Flagged {
        value,
        carry: Some(t.extract(sum, 32, 32)),
        overflow: Some(t.extract(both, 31, 31)),
    }
}

/// A computation on `a` and `b`; `shifter` is the carry that gave `b`.
fn compute(t: &mut Arena, alu: Alu, a: Term, b: Term, shifter: Term, carry: Term) -> Flagged {
    let (yes, no) = (t.value(1, 1), t.value(0, 1));
    let (not_a, not_b) = (t.not(a), t.not(b));
    let (sum, less) = (t.bin(Bin::Add, a, b), t.bin(Bin::Sub, a, b));
    let more = t.bin(Bin::Sub, b, a);
    let one = t.unsigned(carry, 32);
    let none = t.not(carry);
    let borrow = t.unsigned(none, 32);
    let with_carry = t.bin(Bin::Add, sum, one);
    let with_borrow = t.bin(Bin::Sub, less, borrow);
    let value = match alu {
        Alu::Add => return add_with_carry(t, sum, a, b, no),
        Alu::Sub => return add_with_carry(t, less, a, not_b, yes),
        Alu::Rsb => return add_with_carry(t, more, not_a, b, yes),
        Alu::Adc => return add_with_carry(t, with_carry, a, b, carry),
        Alu::Sbc => return add_with_carry(t, with_borrow, a, not_b, carry),
        Alu::And => t.bin(Bin::And, a, b),
        Alu::Orr => t.bin(Bin::Or, a, b),
        Alu::Eor => t.bin(Bin::Xor, a, b),
        Alu::Bic => t.bin(Bin::And, a, not_b),
        Alu::Orn => t.bin(Bin::Or, a, not_b),
        Alu::Mov => b,
        Alu::Mvn => not_b,
    };
    Flagged {
        value,
        carry: Some(shifter),
        overflow: None,
    }
}

/// `32 - x`.
fn from_32(t: &mut Arena, x: Term) -> Term {
    let all = t.value(32, 32);
    t.bin(Bin::Sub, all, x)
}

/// Bits above a field.
fn field_gap(t: &mut Arena, lsb: Term, width: Term) -> Term {
    let end = t.bin(Bin::Add, lsb, width);
    from_32(t, end)
}

fn field_put(t: &mut Arena, old: Term, value: Term, lsb: Term, width: Term) -> Term {
    let (all, above) = (t.value(u64::MAX, 32), from_32(t, width));
    let ones = t.bin(Bin::Lshr, all, above);
    let field = t.bin(Bin::Shl, ones, lsb);
    let others = t.not(field);
    let kept = t.bin(Bin::And, old, others);
    let low = t.bin(Bin::And, value, ones);
    let put = t.bin(Bin::Shl, low, lsb);
    t.bin(Bin::Or, kept, put)
}

/// Whether a field of the immediates exists in a register: one to 32 bits that end within it.
pub fn field_exists(t: &mut Arena, lsb: Term, width: Term) -> Term {
    let (lsb, width) = (t.unsigned(lsb, 33), t.unsigned(width, 33));
    let end = t.bin(Bin::Add, lsb, width);
    // Both are compared too, so that no sum that wraps looks small.
    let all = t.value(32, 33);
    let (fits, starts) = (t.bin(Bin::Ule, end, all), t.bin(Bin::Ult, lsb, all));
    let some = t.truth(width);
    let both = t.bin(Bin::And, fits, starts);
    t.bin(Bin::And, both, some)
}

/// Whether a register operand can be shifted so: LSL by 0 to 31, LSR and ASR by 1 to 32, ROR by 1 to 31.
pub fn shift_exists(t: &mut Arena, kind: ShiftKind, amount: Term) -> Term {
    let (least, most) = match kind {
        ShiftKind::Lsl => (0, 31),
        ShiftKind::Lsr | ShiftKind::Asr => (1, 32),
        ShiftKind::Ror => (1, 31),
    };
    let (least, most) = (t.value(least, 32), t.value(most, 32));
    let (low, high) = (
        t.bin(Bin::Ule, least, amount),
        t.bin(Bin::Ule, amount, most),
    );
    t.bin(Bin::And, low, high)
}
