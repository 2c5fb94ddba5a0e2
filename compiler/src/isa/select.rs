//! Questions that earlier stages ask of the table: what fits, what can be narrow.
//!
//! In: an operation, an immediate, an instruction. Out: answers derived from the rows. Invariant: an answer of
//! "fits" means that the encoder has a form for registers r0-r12 and LR (for a 16-bit-only operation: r0-r7).

use super::encode::{select, size};
use super::{Inst, Op, Place, form::Flags, table::forms};
use crate::options::Cpu;

/// Whether the operation can have this immediate (with the flags set if `s`, outside of IT blocks) whatever
/// its registers are.
pub fn fits(op: Op, imm: i32, s: bool) -> bool {
    let wide_exists = forms(op).iter().any(|f| f.size() == 4);
    // The width of a bit field does not change which lowest bits there are, as long as it is small.
    let imm2 = u8::from(matches!(
        forms(op)[0].imm,
        super::Imm::FieldMsb | super::Imm::FieldWidth
    ));
    forms(op).iter().any(|f| {
        (f.size() == 4 || !wide_exists)
            && f.allows_flags(s, Place::Outside)
            && f.pattern_imm(imm, imm2).is_some()
    })
}

/// Whether the operation has a 16-bit form, so that low registers make it smaller.
pub fn has_narrow(op: Op) -> bool {
    forms(op)[0].size() == 2
}

/// Whether the operation has a 16-bit form that sets the flags as a side effect outside of IT blocks.
pub fn narrows_with_flags(op: Op) -> bool {
    forms(op)
        .iter()
        .any(|f| f.size() == 2 && f.flags == Flags::OutsideIt)
}

/// The instruction with its commutative operands exchanged, if it has any and they are not shifted.
pub fn commuted(inst: &Inst) -> Option<Inst> {
    let (a, b) = inst.op.sem().commutes()?;
    if inst.shift.amount != 0 {
        return None;
    }
    let mut other = *inst;
    other.regs.swap(a, b);
    Some(other)
}

/// An equal instruction of 16 bits for one of 32 bits: operands exchanged, and, if `flags_dead` says that
/// nothing reads the flags afterwards and the place is outside of IT blocks, flags set.
/// `None` if it is 16 bits wide already, or cannot be.
pub fn narrow(inst: &Inst, cpu: Cpu, place: Place, flags_dead: bool) -> Option<Inst> {
    let is_narrow = |i: &Inst| select(i, cpu, place, Some(2)).is_ok();
    if !has_narrow(inst.op) || is_narrow(inst) {
        return None;
    }
    let may_set = flags_dead && place == Place::Outside && !inst.s && narrows_with_flags(inst.op);
    let setting = |i: Inst| may_set.then_some(Inst { s: true, ..i });
    let commuted = commuted(inst);
    let candidates = [setting(*inst), commuted, commuted.and_then(setting)];
    let found = candidates.into_iter().flatten().find(is_narrow)?;
    // What has no encoding at all has no equal.
    size(inst, cpu, place).is_ok().then_some(found)
}

/// The 16-bit flag-setting equal of a 32-bit instruction outside of IT blocks that leaves the flags alone.
pub fn narrow_if_flags_dead(inst: &Inst) -> Option<Inst> {
    narrow(inst, Cpu::default(), Place::Outside, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Reg;

    fn regs(n: &[u8]) -> Vec<Reg> {
        n.iter().copied().map(Reg).collect()
    }

    #[test]
    fn narrowing_exchanges_operands_and_sets_dead_flags() {
        let and = Inst::new(Op::AndR, &regs(&[0, 1, 0]), 0);
        let ands = Inst {
            s: true,
            ..Inst::new(Op::AndR, &regs(&[0, 0, 1]), 0)
        };
        assert_eq!(narrow_if_flags_dead(&and), Some(ands));
        assert_eq!(narrow(&and, Cpu::CortexM3, Place::Outside, false), None);
        let mul = Inst::new(Op::Mul, &regs(&[0, 0, 1]), 0);
        assert_eq!(
            narrow_if_flags_dead(&mul).map(|i| (i.s, i.regs[2])),
            Some((true, Reg(0)))
        );
        let add = Inst::new(Op::AddR, &regs(&[8, 1, 8]), 0);
        assert_eq!(
            narrow(&add, Cpu::CortexM3, Place::Outside, false),
            commuted(&add)
        );
        assert_eq!(
            narrow_if_flags_dead(&Inst::new(Op::MovR, &regs(&[0, 1]), 0)),
            None
        );
        assert!(
            narrow_if_flags_dead(&Inst::new(Op::MovI, &regs(&[3]), 200))
                .unwrap()
                .s
        );
    }

    #[test]
    fn immediates_that_fit() {
        for (op, imm, s, fit) in [
            (Op::AddI, 4095, false, true),
            (Op::AddI, 4095, true, false),
            (Op::AddI, -1, false, true),
            (Op::AddI, -2, false, false),
            (Op::LdrI, 4095, false, true),
            (Op::LdrI, -255, false, true),
            (Op::LdrI, -256, false, false),
            (Op::LdrdI, 1020, false, true),
            (Op::LdrdI, 1022, false, false),
            (Op::CmpI, 0x00ff_00ff, false, true),
            (Op::Cbz, 126, false, true),
            (Op::Cbz, 128, false, false),
            (Op::LsrI, 32, false, true),
            (Op::LslI, 32, false, false),
        ] {
            assert_eq!(fits(op, imm, s), fit, "{op:?} {imm} {s}");
        }
    }
}
