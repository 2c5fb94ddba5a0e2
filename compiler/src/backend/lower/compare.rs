//! Conditions: from a value to flags.

use super::Lower;
use crate::backend::mir::{MInst, MOp};
use crate::ir::{Node, Op, Value};
use crate::isa::{self, Cond, Op as I};
use crate::seeded::{Bug, on};
use smallvec::{SmallVec, smallvec};

/// Instructions in program order that set the flags.
pub(super) type FlagInsts = SmallVec<[MInst; 2]>;

/// The condition of a comparison of words.
pub(super) fn condition(op: Op) -> Option<Cond> {
    match op {
        Op::Eq => Some(Cond::Eq),
        Op::Ne => Some(Cond::Ne),
        Op::LtS | Op::LtS64 => Some(Cond::Lt),
        Op::LtU | Op::LtU64 => Some(Cond::Lo),
        Op::LeS => Some(Cond::Le),
        Op::LeU => Some(Cond::Ls),
        _ => None,
    }
}

impl Lower<'_, '_> {
    /// Instructions after which the condition says whether `v` is not zero. The caller emits what reads the flags first.
    pub(super) fn flags(&mut self, v: Value) -> (FlagInsts, Cond) {
        let v = self.bare(v);
        let n = self.f.node(v);
        match n.op {
            Op::Eq | Op::Ne | Op::LtS | Op::LtU | Op::LeS | Op::LeU => self.compare(n),
            Op::LtU64 | Op::LtS64 => self.compare64(n),
            Op::And | Op::Or => self.logic(v, n),
            Op::Fp if self.is_float_condition(v) => match self.float_compare(n) {
                Some(found) => found,
                None => self.not_zero(v),
            },
            _ => self.not_zero(v),
        }
    }

    fn not_zero(&mut self, v: Value) -> (FlagInsts, Cond) {
        let r = self.reg(v);
        (
            smallvec![MInst::new(MOp::Isa(I::CmpI), &[], &[r])],
            Cond::Ne,
        )
    }

    fn compare(&mut self, n: &Node) -> (FlagInsts, Cond) {
        let cond = condition(n.op).unwrap_or(Cond::Ne);
        if self.as_const(n.args[1]) == Some(0)
            && matches!(n.op, Op::Eq | Op::Ne)
            && let Some(r) = self.compare_zero(n.args[0], cond)
        {
            return r;
        }
        self.compare_values(n.args[0], n.args[1], cond)
    }

    /// Comparisons of a logical operation with zero: TST, TEQ, and pairs of words compared in turn.
    fn compare_zero(&mut self, v: Value, cond: Cond) -> Option<(FlagInsts, Cond)> {
        if !self.may_enter(v) {
            return None;
        }
        let n = self.f.node(v);
        match n.op {
            Op::And => Some((smallvec![self.test(n)], cond)),
            Op::Or => {
                let (a, b) = (n.args[0], n.args[1]);
                let both_xor = [a, b]
                    .iter()
                    .all(|&x| self.f.node(x).op == Op::Xor && self.may_enter(x));
                if both_xor && a != b {
                    let (x, y) = (self.f.node(a), self.f.node(b));
                    let (mut first, _) = self.compare_values(x.args[0], x.args[1], Cond::Eq);
                    let (second, _) = self.compare_values(y.args[0], y.args[1], Cond::Eq);
                    first.extend(second.into_iter().map(|m| MInst {
                        cond: Cond::Eq,
                        ..m
                    }));
                    return Some((first, cond));
                }
                let d = self.fresh();
                let (a, b) = (self.reg(a), self.reg(b));
                let mut m = MInst::new(MOp::Isa(I::OrrR), &[d], &[a, b]);
                m.s = true;
                Some((smallvec![m], cond))
            }
            _ => None,
        }
    }

    fn test(&mut self, n: &Node) -> MInst {
        let a = self.reg(n.args[0]);
        match self.as_const(n.args[1]) {
            Some(c) if isa::fits(I::TstI, c, false) => {
                let mut m = MInst::new(MOp::Isa(I::TstI), &[], &[a]);
                m.imm = c;
                m
            }
            _ => {
                let b = self.reg(n.args[1]);
                MInst::new(MOp::Isa(I::TstR), &[], &[a, b])
            }
        }
    }

    /// `a cond b`; the condition returned may be another that says the same of what is compared.
    pub(super) fn compare_values(&mut self, a: Value, b: Value, cond: Cond) -> (FlagInsts, Cond) {
        if self.as_const(a).is_some() && self.as_const(b).is_none() {
            let stays = on(Bug::UnsignedSwap) && matches!(cond, Cond::Lo | Cond::Ls);
            let cond = if stays { cond } else { cond.swap() };
            return self.compare_values(b, a, cond);
        }
        let ra = self.reg(a);
        let Some(c) = self.as_const(b) else {
            let rb = self.reg(b);
            return (
                smallvec![MInst::new(MOp::Isa(I::CmpR), &[], &[ra, rb])],
                cond,
            );
        };
        // x < c is x <= c - 1, and so on, where that is a constant that fits.
        let neighbour = match cond {
            Cond::Lt | Cond::Ge if c != i32::MIN => {
                Some((c - 1, if cond == Cond::Lt { Cond::Le } else { Cond::Gt }))
            }
            Cond::Le | Cond::Gt if on(Bug::NeighbourWraps) => Some((
                c.wrapping_add(1),
                if cond == Cond::Le { Cond::Lt } else { Cond::Ge },
            )),
            Cond::Le | Cond::Gt if c != i32::MAX => {
                let strict = match on(Bug::NeighbourCondition) {
                    true => Cond::Le,
                    false => Cond::Lt,
                };
                Some((c + 1, if cond == Cond::Le { strict } else { Cond::Ge }))
            }
            Cond::Lo | Cond::Hs if c != 0 => Some((
                c.wrapping_sub(1),
                if cond == Cond::Lo { Cond::Ls } else { Cond::Hi },
            )),
            Cond::Ls | Cond::Hi if c != -1 => Some((
                c.wrapping_add(1),
                if cond == Cond::Ls { Cond::Lo } else { Cond::Hs },
            )),
            _ => None,
        };
        for (c, cond) in [Some((c, cond)), neighbour].into_iter().flatten() {
            let with = |op: I, imm: i32| {
                let mut m = MInst::new(MOp::Isa(op), &[], &[ra]);
                m.imm = imm;
                m
            };
            if isa::fits(I::CmpI, c, false) {
                return (smallvec![with(I::CmpI, c)], cond);
            }
            // CMN compares with the negative; 0 and INT_MIN set other carries and overflows.
            if c != 0 && c != i32::MIN && isa::fits(I::CmnI, c.wrapping_neg(), false) {
                return (smallvec![with(I::CmnI, c.wrapping_neg())], cond);
            }
        }
        let rb = self.reg(b);
        (
            smallvec![MInst::new(MOp::Isa(I::CmpR), &[], &[ra, rb])],
            cond,
        )
    }

    /// A 64-bit comparison: the low words' borrow into the difference of the high words.
    fn compare64(&mut self, n: &Node) -> (FlagInsts, Cond) {
        let cond = condition(n.op).unwrap_or(Cond::Lt);
        let low_cond = if on(Bug::LowWordsSigned) {
            Cond::Lt
        } else {
            Cond::Lo
        };
        let (lo, hi) = (self.reg(n.args[0]), self.reg(n.args[1]));
        let mut first = match self.as_const(n.args[2]) {
            Some(c) if isa::fits(I::CmpI, c, false) => {
                let mut m = MInst::new(MOp::Isa(I::CmpI), &[], &[lo]);
                m.imm = c;
                m
            }
            _ => {
                let b = self.reg(n.args[2]);
                MInst::new(MOp::Isa(I::CmpR), &[], &[lo, b])
            }
        };
        if low_cond == Cond::Lt {
            first.uses = smallvec![hi];
            first.op = MOp::Isa(I::CmpI);
            first.imm = 0;
        }
        let d = self.fresh();
        let mut second = match self.as_const(n.args[3]) {
            Some(c) if isa::fits(I::SbcI, c, true) => {
                let mut m = MInst::new(MOp::Isa(I::SbcI), &[d], &[hi]);
                m.imm = c;
                m
            }
            _ => {
                let b = self.reg(n.args[3]);
                MInst::new(MOp::Isa(I::SbcR), &[d], &[hi, b])
            }
        };
        second.s = true;
        (smallvec![first, second], cond)
    }

    /// `x && y` and `x || y` of comparisons with one condition: the second comparison runs only if the first
    /// left the outcome open.
    fn logic(&mut self, v: Value, n: &Node) -> (FlagInsts, Cond) {
        let (a, b) = (self.f.node(n.args[0]), self.f.node(n.args[1]));
        let wanted = if n.op == Op::And { Op::Eq } else { Op::Ne };
        let chain = a.op == wanted
            && (b.op == wanted || on(Bug::ChainedOpposite) && matches!(b.op, Op::Eq | Op::Ne))
            && self.may_enter(n.args[0])
            && self.may_enter(n.args[1]);
        if !chain || !self.may_merge(v) {
            if n.op == Op::And && self.may_merge(v) {
                return (smallvec![self.test(n)], Cond::Ne);
            }
            return self.not_zero(v);
        }
        let (mut first, cond) =
            self.compare_values(a.args[0], a.args[1], condition(a.op).unwrap_or(Cond::Eq));
        let (second, _) =
            self.compare_values(b.args[0], b.args[1], condition(b.op).unwrap_or(Cond::Eq));
        first.extend(second.into_iter().map(|m| MInst {
            cond: Cond::Eq,
            ..m
        }));
        (first, cond)
    }

    /// Whether a condition's own node need not exist beside its flags.
    fn may_merge(&self, v: Value) -> bool {
        self.may_enter(v)
    }
}
