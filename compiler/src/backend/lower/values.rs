//! Lowering of floating values: rules, selects, comparisons as values, 64-bit operations.

use super::Lower;
use super::compare::FlagInsts;
use crate::backend::mir::{MInst, MOp, VReg};
use crate::backend::rules::{self, LowerRule, Operand};
use crate::ir::ops::SymKind;
use crate::ir::{Base, Node, Op, Value};
use crate::isa::{self, Cond, Op as I};
use crate::opt::matcher::{Bound, Graph};
use crate::opt::ruleset::Operands;
use crate::seeded::{Bug, on};

impl Lower<'_, '_> {
    /// Emits the computation of `v` into `d`.
    pub(super) fn value(&mut self, v: Value, n: &Node, d: VReg) {
        match n.op {
            Op::Sym => {
                if let Some(at) = self.placed(n.imm) {
                    self.emit_constant(d, at);
                    return;
                }
                let (sym, imm) = self.cx.symbols.of_imm(n.imm);
                let mut i = MInst::new(MOp::SymAddr, &[d], &[]);
                i.sym = Some(sym);
                i.imm = imm;
                self.emit(i);
            }
            Op::Select => self.select(n, d),
            Op::MinS => self.extremum(n, d, Cond::Gt),
            Op::MaxS => self.extremum(n, d, Cond::Lt),
            Op::MinU => self.extremum(n, d, Cond::Hi),
            Op::MaxU => self.extremum(n, d, Cond::Lo),
            _ => {
                if !self.by_rule(n, d) {
                    self.boolean(v, d);
                }
            }
        }
    }

    /// The machine address that a symbol stands for, if the options say where it is.
    fn placed(&self, imm: i64) -> Option<i32> {
        let memory = SymKind::memory((imm >> 32) as u32)?;
        match self.cx.module.memories.get(memory as usize)?.base {
            Base::Address(at) => Some(at.wrapping_add(imm as u32) as i32),
            Base::Symbol | Base::Identity => None,
        }
    }

    /// Tries the lowering rules.
    fn by_rule(&mut self, n: &Node, d: VReg) -> bool {
        let candidates = rules::table().for_op(n.op);
        let skip = if self.cx.choices.is_heuristic() {
            0
        } else {
            self.cx.choices.pick(4, 0).saturating_sub(1)
        };
        let mut last = None;
        let mut matched = 0;
        let operands = Operands::of(self.f, n);
        for i in candidates
            .iter()
            .filter(|c| c.admits(&operands))
            .map(|c| c.rule)
        {
            let r = &rules::table().all()[i as usize];
            let bound = {
                let enter = |v: Value| self.may_enter(v);
                let graph = Graph {
                    f: self.f,
                    facts: &[],
                    enter: &enter,
                };
                graph.matches_pattern(&r.pattern, r.condition.as_ref(), n)
            };
            let Some(bound) = bound else { continue };
            let Some(insts) = rules::instantiate(r, &bound, self.cx.options.cpu) else {
                continue;
            };
            last = Some((i, bound, insts));
            matched += 1;
            // A choice may pass over the best rules: any that matches is right.
            if matched > skip && self.cx.choices.allows(r.name) {
                break;
            }
        }
        let Some((i, bound, insts)) = last else {
            return false;
        };
        self.cx.hits[i as usize] += 1;
        if on(Bug::SharedOperandEaten) {
            for &v in n.args.iter().filter(|v| !bound.vars.contains(*v)) {
                if self.may_enter(v) {
                    self.vreg[v.0 as usize] = None;
                }
            }
        }
        self.emit_template(&rules::table().all()[i as usize], &bound, insts, d);
        true
    }

    fn emit_template(&mut self, r: &LowerRule, bound: &Bound, mut insts: Vec<MInst>, d: VReg) {
        let temps: Vec<VReg> = (1..insts.len()).map(|_| self.fresh()).collect();
        for (k, (m, t)) in insts.iter_mut().zip(&r.insts).enumerate() {
            m.defs.push(temps.get(k).copied().unwrap_or(d));
            for o in &t.uses {
                let r = match o {
                    Operand::Var(i) => self.reg(bound.vars[*i as usize]),
                    Operand::Temp(i) => temps[*i as usize],
                };
                m.uses.push(r);
            }
        }
        self.emit_all(insts);
    }

    /// A comparison as a value: 0, then 1 where the condition holds.
    fn boolean(&mut self, v: Value, d: VReg) {
        let zero = self.fresh();
        let flags = self.flags(v);
        self.boolean_of(zero, flags, d);
    }

    /// 1 where the condition holds after the instructions, else 0, which is made first.
    pub(super) fn boolean_of(&mut self, zero: VReg, (insts, cond): (FlagInsts, Cond), d: VReg) {
        let mut one = MInst::new(MOp::Isa(I::MovI), &[d], &[zero]);
        one.imm = 1;
        one.cond = cond;
        self.emit(one);
        self.emit_all(insts);
        self.emit_constant(zero, 0);
    }

    fn select(&mut self, n: &Node, d: VReg) {
        let (insts, mut cond) = self.flags(n.args[0]);
        let (mut yes, mut no) = (n.args[1], n.args[2]);
        // The value that is there first is tied; a constant is better moved under the condition.
        if self.as_const(no).is_some() && self.as_const(yes).is_none() {
            std::mem::swap(&mut yes, &mut no);
            cond = cond.invert();
        }
        if on(Bug::SelectSwapped) && self.as_const(yes).is_some() && self.as_const(no).is_some() {
            std::mem::swap(&mut yes, &mut no);
        }
        self.conditional_move(yes, no, cond, d);
        self.emit_all(insts);
    }

    /// A value that is computed into a register of the FPU.
    pub(super) fn value_in_fpu(&mut self, n: &Node, d: VReg) {
        if let Some(op) = self.sign_change(n) {
            let a = self.float_reg(n.args[0]);
            return self.emit(MInst::new(MOp::Isa(op), &[d], &[a]));
        }
        debug_assert_eq!(n.op, Op::Select, "nothing else is there");
        self.select(n, d);
    }

    /// `d` = `yes` where the condition holds on the flags, else `no`.
    fn conditional_move(&mut self, yes: Value, no: Value, cond: Cond, d: VReg) {
        if self.is_float(d) {
            let (yes, no) = (self.float_reg(yes), self.float_here(no));
            let mut m = MInst::new(MOp::Isa(I::VmovRF32), &[d], &[yes, no]);
            m.cond = cond;
            return self.emit(m);
        }
        let no = self.reg_here(no);
        let mut m = match self.as_const(yes) {
            Some(c) if isa::fits(I::MovI, c, false) => {
                let mut m = MInst::new(MOp::Isa(I::MovI), &[d], &[no]);
                m.imm = c;
                m
            }
            Some(c) if isa::fits(I::MvnI, !c, false) => {
                let mut m = MInst::new(MOp::Isa(I::MvnI), &[d], &[no]);
                m.imm = !c;
                m
            }
            _ => {
                let yes = self.reg(yes);
                MInst::new(MOp::Isa(I::MovR), &[d], &[yes, no])
            }
        };
        m.cond = cond;
        self.emit(m);
    }

    /// The second operand where `first cond second`, else the first.
    fn extremum(&mut self, n: &Node, d: VReg, cond: Cond) {
        // With a constant on the right the condition may include equality, which is the same value.
        let (insts, cond) = self.compare_values(n.args[0], n.args[1], cond);
        self.conditional_move(n.args[1], n.args[0], cond, d);
        self.emit_all(insts);
    }

    /// 64-bit operations that make a pair.
    pub(super) fn wide(&mut self, v: Value, n: &Node) {
        let (lo, hi) = (self.word(v, 0), self.word(v, 1));
        if lo.is_none() && hi.is_none() {
            return;
        }
        match n.op {
            Op::Add64 => self.add64(n, lo, hi, (I::AddR, I::AddI, I::AdcR, I::AdcI)),
            Op::Sub64 => self.add64(n, lo, hi, (I::SubR, I::SubI, I::SbcR, I::SbcI)),
            Op::MulWideU => self.multiply(n, lo, hi, I::Umull),
            Op::MulWideS => self.multiply(n, lo, hi, I::Smull),
            Op::MulAddU => self.multiply(n, lo, hi, I::Umlal),
            Op::MulAddS => self.multiply(n, lo, hi, I::Smlal),
            Op::Shl64 => self.shift64(n, hi, lo, (I::LslR, I::LsrR, true)),
            Op::ShrU64 => self.shift64(n, lo, hi, (I::LsrR, I::LslR, false)),
            Op::ShrS64 => self.shift64_signed(n, lo, hi),
            _ => debug_assert!(false, "{} makes no pair here", n.op.text()),
        }
    }

    /// A two-operand instruction, with the immediate form where the constant fits.
    fn binary(&mut self, d: VReg, a: Value, b: Value, reg: I, imm: I, s: bool) -> MInst {
        let ra = self.reg(a);
        let mut m = match self.as_const(b) {
            Some(c) if isa::fits(imm, c, s) => {
                let mut m = MInst::new(MOp::Isa(imm), &[d], &[ra]);
                m.imm = c;
                m
            }
            _ => {
                let rb = self.reg(b);
                MInst::new(MOp::Isa(reg), &[d], &[ra, rb])
            }
        };
        m.s = s;
        m
    }

    fn add64(&mut self, n: &Node, lo: Option<VReg>, hi: Option<VReg>, ops: (I, I, I, I)) {
        let low = lo.unwrap_or_else(|| self.fresh());
        let first = self.binary(
            low,
            n.args[0],
            n.args[2],
            ops.0,
            ops.1,
            hi.is_some() && !on(Bug::CarryLost) && !(lo.is_none() && on(Bug::CarryOfUnneeded)),
        );
        match hi {
            Some(h) => {
                let second = self.binary(h, n.args[1], n.args[3], ops.2, ops.3, false);
                self.emit_all([first, second]);
            }
            None => self.emit(first),
        }
    }

    fn multiply(&mut self, n: &Node, lo: Option<VReg>, hi: Option<VReg>, op: I) {
        let accumulates = n.args.len() == 4;
        let factors = if accumulates {
            [n.args[2], n.args[3]]
        } else {
            [n.args[0], n.args[1]]
        };
        let (a, b) = (self.reg(factors[0]), self.reg(factors[1]));
        match (lo, hi) {
            (Some(lo), None) if !accumulates => {
                self.emit(MInst::new(MOp::Isa(I::Mul), &[lo], &[a, b]))
            }
            _ => {
                let (lo, hi) = (
                    lo.unwrap_or_else(|| self.fresh()),
                    hi.unwrap_or_else(|| self.fresh()),
                );
                let mut m = MInst::new(MOp::Isa(op), &[lo, hi], &[]);
                if accumulates {
                    m.uses
                        .extend([self.reg_here(n.args[0]), self.reg_here(n.args[1])]);
                }
                m.uses.extend([a, b]);
                self.emit(m);
            }
        }
    }

    fn three(&mut self, op: I, a: VReg, b: VReg) -> (VReg, MInst) {
        let d = self.fresh();
        (d, MInst::new(MOp::Isa(op), &[d], &[a, b]))
    }

    fn amount(&mut self, v: Value) -> (VReg, MInst) {
        let (r, d) = (self.reg(v), self.fresh());
        let mut m = MInst::new(MOp::Isa(I::AndI), &[d], &[r]);
        m.imm = if on(Bug::ShiftAmountMask) { 31 } else { 63 };
        (d, m)
    }

    fn with_imm(&mut self, op: I, a: VReg, imm: i32) -> (VReg, MInst) {
        let d = self.fresh();
        let mut m = MInst::new(MOp::Isa(op), &[d], &[a]);
        m.imm = imm;
        (d, m)
    }

    /// Shifts whose vacated bits are zero. `outer` is the word that bits move towards (high for a left shift), `inner`
    /// the one they leave. Register shifts use the low byte of the amount and give 0 from 32 on, so
    /// of the two contributions to `outer`, by `32 - n` and by `n - 32`, one is always 0 (for `n` = 32 they are equal).
    fn shift64(&mut self, n: &Node, outer: Option<VReg>, inner: Option<VReg>, ops: (I, I, bool)) {
        let (towards, back, left) = ops;
        let (lo, hi) = (self.reg(n.args[0]), self.reg(n.args[1]));
        let (from, to) = if left { (lo, hi) } else { (hi, lo) };
        let (k, mask) = self.amount(n.args[2]);
        let mut seq = vec![mask];
        if let Some(d) = outer {
            let (rest, m1) = self.with_imm(I::RsbI, k, 32);
            let (over, m2) = self.with_imm(I::SubI, k, 32);
            let (a, m3) = self.three(towards, to, k);
            let (b, m4) = self.three(back, from, rest);
            let (ab, m5) = self.three(I::OrrR, a, b);
            let (c, m6) = self.three(towards, from, over);
            seq.extend([
                m1,
                m2,
                m3,
                m4,
                m5,
                m6,
                MInst::new(MOp::Isa(I::OrrR), &[d], &[ab, c]),
            ]);
        }
        if let Some(d) = inner {
            seq.push(MInst::new(MOp::Isa(towards), &[d], &[from, k]));
        }
        self.emit_all(seq);
    }

    /// The arithmetic right shift: past 32 the contribution of the high word is its sign, not 0, so it is
    /// added under a condition.
    fn shift64_signed(&mut self, n: &Node, lo: Option<VReg>, hi: Option<VReg>) {
        let (l, h) = (self.reg(n.args[0]), self.reg(n.args[1]));
        let (k, mask) = self.amount(n.args[2]);
        let mut seq = vec![mask];
        if let Some(d) = lo {
            let (rest, m1) = self.with_imm(I::RsbI, k, 32);
            let (a, m2) = self.three(I::LsrR, l, k);
            let (b, m3) = self.three(I::LslR, h, rest);
            let (ab, m4) = self.three(I::OrrR, a, b);
            let (over, mut m5) = self.with_imm(I::SubI, k, 32);
            m5.s = true;
            let (c, m6) = self.three(I::AsrR, h, over);
            let mut last = MInst::new(MOp::Isa(I::OrrR), &[d], &[ab, c, ab]);
            last.cond = Cond::Pl;
            seq.extend([m1, m2, m3, m4, m5, m6, last]);
        }
        if let Some(d) = hi {
            seq.push(MInst::new(MOp::Isa(I::AsrR), &[d], &[h, k]));
        }
        self.emit_all(seq);
    }
}
