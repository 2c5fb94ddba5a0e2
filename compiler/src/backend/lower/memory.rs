//! Lowering of loads, stores and guards: addressing modes.

use super::Lower;
use crate::backend::mir::{MInst, MOp, VReg};
use crate::ir::{Node, Op, Value};
use crate::isa::{self, Op as I, Shift, ShiftKind};
use crate::seeded::{Bug, on};
use smallvec::SmallVec;

/// The instruction forms of an access: with immediate offset, and with register offset.
fn forms(op: Op) -> (I, I) {
    match op {
        Op::Load8U => (I::LdrbI, I::LdrbR),
        Op::Load8S => (I::LdrsbI, I::LdrsbR),
        Op::Load16U => (I::LdrhI, I::LdrhR),
        Op::Load16S if on(Bug::IndexedLoadSign) => (I::LdrshI, I::LdrhR),
        Op::Load16S => (I::LdrshI, I::LdrshR),
        Op::Store8 => (I::StrbI, I::StrbR),
        Op::Store16 => (I::StrhI, I::StrhR),
        Op::Store32 | Op::GlobalStore => (I::StrI, I::StrR),
        _ => (I::LdrI, I::LdrR),
    }
}

/// Address operands: registers after the value, offset, shift of the index.
struct Address {
    regs: SmallVec<[VReg; 2]>,
    imm: i32,
    shift: u8,
}

impl Lower<'_, '_> {
    fn address(&mut self, n: &Node, imm_form: I) -> Address {
        let (ptr, offset) = (n.args[0], n.imm as i32);
        let sum = self.f.node(ptr);
        if (offset == 0 || offset == 8 && on(Bug::IndexedOffset))
            && sum.op == Op::Add
            && self.may_enter(ptr)
            && self.as_const(sum.args[1]).is_none()
        {
            return self.indexed(sum);
        }
        // A constant addend joins the offset.
        if sum.op == Op::Add
            && self.may_enter(ptr)
            && let Some(c) = self.as_const(sum.args[1])
        {
            let total = offset.wrapping_add(c);
            if isa::fits(imm_form, total, false) {
                let r = self.reg(sum.args[0]);
                return Address {
                    regs: SmallVec::from_slice(&[r]),
                    imm: total,
                    shift: 0,
                };
            }
        }
        let r = self.reg(ptr);
        if isa::fits(imm_form, offset, false) {
            return Address {
                regs: SmallVec::from_slice(&[r]),
                imm: offset,
                shift: 0,
            };
        }
        let index = self.constant(offset);
        Address {
            regs: SmallVec::from_slice(&[r, index]),
            imm: 0,
            shift: 0,
        }
    }

    /// Base and index; an index scaled by up to 8 is shifted by the access itself.
    fn indexed(&mut self, sum: &Node) -> Address {
        for (base, index) in [(sum.args[0], sum.args[1]), (sum.args[1], sum.args[0])] {
            let inner = self.bare(index);
            let s = self.f.node(inner);
            if s.op == Op::Shl
                && inner == index
                && self.may_enter(index)
                && let Some(k) = self.as_const(s.args[1])
                && (1..=3 + on(Bug::IndexScale16) as i32).contains(&k)
            {
                let regs = SmallVec::from_slice(&[self.reg(base), self.reg(s.args[0])]);
                let shift = if on(Bug::IndexScale) && k == 3 {
                    2
                } else {
                    k as u8 & 3
                };
                return Address {
                    regs,
                    imm: 0,
                    shift,
                };
            }
        }
        let regs = SmallVec::from_slice(&[self.reg(sum.args[0]), self.reg(sum.args[1])]);
        Address {
            regs,
            imm: 0,
            shift: 0,
        }
    }

    fn access(&mut self, n: &Node, def: Option<VReg>, value: Option<VReg>) {
        let (imm_form, reg_form) = forms(n.op);
        let a = self.address(n, imm_form);
        let op = if a.regs.len() == 2 {
            reg_form
        } else {
            imm_form
        };
        let mut m = MInst::new(MOp::Isa(op), &[], &[]);
        m.defs.extend(def);
        m.uses.extend(value);
        m.uses.extend(a.regs);
        m.imm = a.imm;
        m.shift = Shift {
            kind: ShiftKind::Lsl,
            amount: a.shift,
        };
        self.emit(m);
    }

    pub(super) fn load(&mut self, v: Value, n: &Node) {
        if let Some(d) = self.needed(v) {
            self.access(n, Some(d), None);
        }
    }

    pub(super) fn store(&mut self, n: &Node) {
        let value = self.reg(n.args[1]);
        self.access(n, None, Some(value));
    }

    pub(super) fn guard(&mut self, n: &Node) {
        let cond = self.bare(n.args[1]);
        let c = self.f.node(cond);
        let zero_test = matches!(c.op, Op::Eq | Op::Ne) && self.as_const(c.args[1]) == Some(0);
        if zero_test && !self.may_enter(c.args[0]) && self.as_const(c.args[0]).is_none() {
            let r = self.reg(c.args[0]);
            let mut m = MInst::new(MOp::TrapIfZero, &[], &[r]);
            m.cond = if c.op == Op::Eq {
                isa::Cond::Eq
            } else {
                isa::Cond::Ne
            };
            m.imm = n.imm as i32;
            self.emit(m);
            return;
        }
        let (insts, cond) = self.flags(cond);
        let mut m = MInst::new(MOp::TrapIf, &[], &[]);
        m.cond = cond;
        m.imm = n.imm as i32;
        self.emit(m);
        self.emit_all(insts);
    }
}
