//! What conditions and loops say about values.
//!
//! In: a function. Out: [`Known`], for the next copy: facts of the parameters of counted loops, guards that a
//! dominating condition makes superfluous, branches that one decides. Facts that hold only behind a condition are
//! kept in a scoped table while the dominator tree is walked, since floating nodes have no place of their own. A guard
//! that goes leaves an `assume` behind, so that what depends on it (a division, say) cannot move above the condition.

use super::facts::{self, Fact};
use super::simplify::Known;
use crate::choices::Choices;
use crate::ir::{Block, Cfg, Class, Func, Op, TermOp, Ty, Value};
use crate::seeded::{Bug, on};
use rustc_hash::FxHashMap;

/// How deep a condition's operands are looked into.
const DEPTH: u32 = 4;

/// Computes what the next copy may use.
pub fn analyze(f: &Func, choices: &mut Choices) -> Known {
    let cfg = Cfg::new(f);
    let mut r = Ranges {
        f,
        base: Vec::new(),
        scoped: FxHashMap::default(),
        undo: Vec::new(),
        known: Known::default(),
    };
    r.counted_loops(&cfg);
    r.base_facts(&cfg);
    r.walk(&cfg, choices);
    r.known
}

struct Ranges<'a> {
    f: &'a Func,
    /// Facts that hold everywhere, by value, of what conditions depend on; nothing is known of the rest.
    base: Vec<Fact>,
    /// Facts that hold here.
    scoped: FxHashMap<Value, Fact>,
    /// What the scoped table said before.
    undo: Vec<(Value, Option<Fact>)>,
    known: Known,
}

impl Ranges<'_> {
    /// Loops `for (p = start; ; p += step)` left when the next value reaches a constant end, tested at the bottom.
    fn counted_loops(&mut self, cfg: &Cfg) {
        for &h in &cfg.rpo {
            if cfg.header[h.0 as usize] != Some(h) || cfg.preds(h).len() != 2 {
                continue;
            }
            let back = cfg
                .preds(h)
                .iter()
                .copied()
                .find(|&p| cfg.is_back_edge(p, h));
            let front = cfg
                .preds(h)
                .iter()
                .copied()
                .find(|&p| !cfg.is_back_edge(p, h));
            if let (Some(back), Some(front)) = (back, front) {
                for k in 0..self.f.block(h).params.len() {
                    self.counted(h, k, front, back);
                }
            }
        }
    }

    fn counted(&mut self, h: Block, k: usize, front: Block, back: Block) {
        let f = self.f;
        let p = f.block(h).params[k];
        let arg = |b: Block| {
            f.block(b)
                .term
                .edges
                .iter()
                .find(|e| e.to == h)
                .map(|e| e.args[k])
        };
        let (Some(start), Some(next)) = (arg(front).and_then(|v| f.as_const(v)), arg(back)) else {
            return;
        };
        let (n, t) = (f.node(next), &f.block(back).term);
        if n.op != Op::Add || n.args[0] != p || t.op != TermOp::Br || t.edges[0].to == t.edges[1].to
        {
            return;
        }
        let Some(step) = f.as_const(n.args[1]) else {
            return;
        };
        let c = f.node(t.args[0]);
        let again = t.edges[0].to == h;
        // The condition under which the loop goes on, as `next != end` or `next < end`.
        let (op, tested, end) = match (c.op, again) {
            (Op::Ne, true) | (Op::Eq, false) => (Op::Ne, c.args[0], f.as_const(c.args[1])),
            (Op::LtU, true) => (Op::LtU, c.args[0], f.as_const(c.args[1])),
            (Op::LtU, false) => return,
            _ if t.args[0] == next && again => (Op::Ne, next, Some(0)),
            _ => return,
        };
        let Some(end) = end else { return };
        let tested = match on(Bug::LoopTestsOther) && tested != next {
            true => p,
            false => tested,
        };
        if tested != next && tested != p {
            return;
        }
        let ty = f.ty(p);
        let end = if end == 0 && op == Op::Ne && ty == Ty::I32 {
            1u64 << 32
        } else {
            end
        };
        if step == 0 || step >= 1 << 31 || start >= end {
            return;
        }
        // The greatest value of `p`; the tests make sure that neither it nor its successor wraps.
        let last = match (op, tested == next) {
            (Op::Ne, _) if (end - start) % step != 0 => return,
            (Op::Ne, true) => end - step,
            (Op::Ne, false) => end,
            (_, true) => end - 1,
            (_, false) if on(Bug::LoopTestedBefore) => end - 1,
            (_, false) if on(Bug::LoopStepWraps) => (end - 1).wrapping_add(step),
            // The step after the last test may leave 64 bits.
            (_, false) => match (end - 1).checked_add(step) {
                Some(last) => last,
                None => return,
            },
        };
        if last > ty.mask() || op == Op::LtU && last > ty.mask() - step {
            return;
        }
        let last = if on(Bug::LoopOneShort) && op == Op::Ne {
            last.saturating_sub(step).max(start)
        } else {
            last
        };
        self.known.params.insert(p, Fact::unsigned(ty, start, last));
    }

    /// The facts of everything that a condition depends on: nothing else is asked for.
    fn base_facts(&mut self, cfg: &Cfg) {
        let f = self.f;
        self.base = f.nodes.iter().map(|n| Fact::top(n.ty)).collect();
        let mut done = vec![false; f.nodes.len()];
        for p in cfg.rpo.iter().flat_map(|&b| &f.block(b).params) {
            done[p.0 as usize] = true;
            if let Some(&fact) = self.known.params.get(p) {
                self.base[p.0 as usize] = fact;
            }
        }
        let mut stack: Vec<Value> = Vec::new();
        for &b in &cfg.rpo {
            let d = f.block(b);
            let guards = d.insts.iter().filter(|v| f.node(**v).op == Op::Guard);
            let decides = matches!(d.term.op, TermOp::Br | TermOp::Switch);
            let condition = d.term.args.iter().filter(|_| decides);
            for &root in guards.chain(condition) {
                stack.push(root);
                while let Some(&v) = stack.last() {
                    if done[v.0 as usize] {
                        stack.pop();
                        continue;
                    }
                    let before = stack.len();
                    let operands = f.node(v).args.iter().copied();
                    stack.extend(operands.filter(|a| !done[a.0 as usize]));
                    if stack.len() == before {
                        stack.pop();
                        done[v.0 as usize] = true;
                        self.base[v.0 as usize] = self.compute(v, &|a| self.base[a.0 as usize]);
                    }
                }
            }
        }
    }

    fn compute(&self, v: Value, of: &dyn Fn(Value) -> Fact) -> Fact {
        let n = self.f.node(v);
        if n.args.len() > 4 || !matches!(n.ty, Ty::I32 | Ty::I64) {
            return Fact::top(n.ty);
        }
        let mut a = [Fact::ANYTHING; 4];
        for (slot, &v) in a.iter_mut().zip(&n.args) {
            *slot = of(v);
        }
        let a = a.each_ref();
        let arg_ty = n.args.first().map_or(n.ty, |&a| self.f.ty(a));
        facts::of(n.op, n.ty, arg_ty, n.imm, &a[..n.args.len()])
    }

    /// What holds here.
    fn fact(&self, v: Value, depth: u32) -> Fact {
        let mut known = self.base[v.0 as usize];
        let ty = self.f.ty(v);
        if let Some(s) = self.scoped.get(&v) {
            known = known.intersect(s, ty);
        }
        let n = self.f.node(v);
        let transparent = n.op.class() == Class::Float || matches!(n.op, Op::Guard | Op::Assume);
        if depth > 0 && transparent && n.op != Op::Const && !self.scoped.is_empty() {
            known = known.intersect(&self.compute(v, &|a| self.fact(a, depth - 1)), ty);
        }
        known
    }

    fn set(&mut self, v: Value, fact: Fact) {
        let ty = self.f.ty(v);
        let now = self.fact(v, 0).intersect(&fact, ty);
        let before = self.scoped.insert(v, now);
        self.undo.push((v, before));
        // What is known of a guard's value is known of its operand.
        let n = self.f.node(v);
        if matches!(n.op, Op::Guard | Op::Assume) {
            self.set(n.args[0], fact);
        }
        // x + c within a range that does not wrap says the same of x.
        if n.op == Op::Add
            && let Some(c) = self.f.as_const(n.args[1])
        {
            let (lo, hi) = (
                now.umin.wrapping_sub(c) & ty.mask(),
                now.umax.wrapping_sub(c) & ty.mask(),
            );
            if lo <= hi {
                self.set(n.args[0], Fact::unsigned(ty, lo, hi));
            }
        }
    }

    /// The condition is known to be true or false from here on.
    fn learn(&mut self, cond: Value, truth: bool, depth: u32) {
        let n = self.f.node(cond);
        let ty = self.f.ty(cond);
        if !truth {
            self.set(cond, Fact::constant(ty, 0));
        } else if self.fact(cond, 0).umax == 1 {
            self.set(cond, Fact::constant(ty, 1));
        } else {
            self.set(
                cond,
                Fact {
                    umin: 1,
                    ..Fact::top(ty)
                },
            );
        }
        if depth == 0 || n.args.len() != 2 {
            return;
        }
        let (a, b) = (n.args[0], n.args[1]);
        match (n.op, truth) {
            (Op::And, true) if self.fact(a, 1).umax <= 1 && self.fact(b, 1).umax <= 1 => {
                self.learn(a, true, depth - 1);
                self.learn(b, true, depth - 1);
            }
            (op, false) if op == Op::Or || op == Op::And && on(Bug::LearnAndFalse) => {
                self.learn(a, false, depth - 1);
                self.learn(b, false, depth - 1);
            }
            (Op::Eq, true) | (Op::Ne, false) => self.equal(a, b),
            (Op::Eq, false) | (Op::Ne, true) => self.different(a, b, depth),
            (Op::LtU, true) | (Op::LeU, true) => self.below(a, b, n.op == Op::LtU),
            (Op::LtU, false) | (Op::LeU, false) => {
                self.below(b, a, n.op == Op::LeU || on(Bug::LearnNotBelow))
            }
            (Op::LtS, true) | (Op::LeS, true) => self.less(a, b, n.op == Op::LtS),
            (Op::LtS, false) | (Op::LeS, false) => {
                self.less(b, a, n.op == Op::LeS || on(Bug::LearnNotLess))
            }
            _ => {}
        }
    }

    fn equal(&mut self, a: Value, b: Value) {
        let (fa, fb) = (self.fact(a, 1), self.fact(b, 1));
        self.set(a, fb);
        self.set(b, fa);
    }

    /// `a != b`, where `b` is a constant at an end of what `a` can be.
    fn different(&mut self, a: Value, b: Value, depth: u32) {
        let Some(c) = self.f.as_const(b) else { return };
        let (ty, fact) = (self.f.ty(a), self.fact(a, 1));
        if c == 0 && self.fact(a, 0).umax <= 1 {
            return self.learn(a, true, depth - 1);
        }
        if fact.umin == c && c < ty.mask() {
            self.set(a, Fact::unsigned(ty, c + 1, ty.mask()));
        } else if fact.umax == c && c > 0 {
            self.set(a, Fact::unsigned(ty, 0, c - 1));
        }
    }

    /// `a < b`, or `a <= b`, unsigned.
    fn below(&mut self, a: Value, b: Value, strict: bool) {
        let (ty, fa, fb) = (self.f.ty(a), self.fact(a, 1), self.fact(b, 1));
        let s = strict as u64;
        if fb.umax >= s {
            self.set(a, Fact::unsigned(ty, 0, fb.umax - s));
        }
        if fa.umin <= ty.mask() - s {
            self.set(b, Fact::unsigned(ty, fa.umin + s, ty.mask()));
        }
    }

    /// `a < b`, or `a <= b`, signed.
    fn less(&mut self, a: Value, b: Value, strict: bool) {
        let (ty, fa, fb) = (self.f.ty(a), self.fact(a, 1), self.fact(b, 1));
        let (top, s) = (Fact::top(ty), strict as i64);
        if fb.smax > top.smin {
            self.set(a, Fact::signed(ty, top.smin, fb.smax - s));
        }
        if fa.smin < top.smax {
            self.set(b, Fact::signed(ty, fa.smin + s, top.smax));
        }
    }

    fn walk(&mut self, cfg: &Cfg, choices: &mut Choices) {
        let mut children: Vec<Vec<Block>> = vec![Vec::new(); self.f.blocks.len()];
        for &b in &cfg.rpo[1..] {
            children[cfg.idom[b.0 as usize].0 as usize].push(b);
        }
        // (block, where the undo list stood when it was entered); `None` marks leaving.
        let mut stack: Vec<(Block, Option<usize>)> = vec![(Func::ENTRY, None)];
        while let Some((b, leave)) = stack.pop() {
            if let Some(mark) = leave {
                let leaks = on(Bug::ScopeLeaks) as usize;
                let learned = self.undo.split_off(mark).into_iter().rev();
                for (v, before) in learned.skip(leaks) {
                    match before {
                        Some(fact) => self.scoped.insert(v, fact),
                        None => self.scoped.remove(&v),
                    };
                }
                continue;
            }
            stack.push((b, Some(self.undo.len())));
            self.enter(b, cfg);
            self.block(b, choices);
            stack.extend(children[b.0 as usize].iter().map(|&c| (c, None)));
        }
    }

    /// What the only way into a block says.
    fn enter(&mut self, b: Block, cfg: &Cfg) {
        let &[p] = cfg.preds(b) else {
            return;
        };
        let t = &self.f.block(p).term;
        match t.op {
            TermOp::Br if t.edges[0].to != t.edges[1].to => {
                self.learn(t.args[0], t.edges[0].to == b, 3)
            }
            TermOp::Switch => {
                if let Some(i) = t.edges.iter().position(|e| e.to == b) {
                    let ty = Ty::I32;
                    let last = t.edges.len() - 1;
                    let fact = if i < last {
                        Fact::constant(ty, i as u64)
                    } else {
                        let first = last as u64 + on(Bug::SwitchDefaultRange) as u64;
                        Fact::unsigned(ty, first, ty.mask())
                    };
                    self.set(t.args[0], fact);
                }
            }
            _ => {}
        }
    }

    fn block(&mut self, b: Block, choices: &mut Choices) {
        let d = self.f.block(b);
        for &v in &d.insts {
            let n = self.f.node(v);
            if n.op == Op::Guard {
                let bad = self.fact(n.args[1], DEPTH);
                let holds = bad.umax == 0 || on(Bug::GuardLowBit) && bad.zeros & 1 != 0;
                if holds && choices.fuel("guard-by-range") {
                    self.known.held.insert(v);
                }
                self.learn(n.args[1], false, 3);
            }
        }
        let t = &d.term;
        let fact = match t.op {
            TermOp::Br | TermOp::Switch => self.fact(t.args[0], DEPTH),
            TermOp::Jump | TermOp::Return | TermOp::Trap(_) => return,
            TermOp::TailCall(_) | TermOp::TailCallIndirect(_) => return,
        };
        let taken = match t.op {
            TermOp::Br if fact.umin > 0 => Some(0),
            TermOp::Br if fact.umax == 0 => Some(1),
            TermOp::Switch => fact
                .as_constant()
                .map(|i| (i as usize).min(t.edges.len() - 1)),
            _ => None,
        };
        if let Some(i) = taken.filter(|_| choices.fuel("branch-by-range")) {
            self.known.taken.insert(b, i);
        }
    }
}
