//! Lowering of terminators, edges and block order.

use super::{Draft, Lower, Target, pairs};
use crate::backend::mir::{MBlock, MBlockId, MEdge, MInst, MOp, VReg};
use crate::ir::{Block, Edge, Func, Op, TermOp, Value};
use crate::isa::{self, Cond, Op as I};
use crate::seeded::{Bug, on};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

/// The machine blocks that a block of the IR became: itself, then blocks split from its edges.
#[derive(Default)]
pub(super) struct Chunk {
    drafts: Vec<Draft>,
}

/// A switch with no more targets than this is a chain of comparisons.
const CHAIN: usize = 4;

impl Lower<'_, '_> {
    fn new_id(&mut self) -> u32 {
        self.extra += 1;
        self.f.blocks.len() as u32 + self.extra - 1
    }

    fn add_extra(&mut self, id: u32, block: MBlock) {
        self.chunks[self.block.0 as usize]
            .drafts
            .push(Draft { id, block });
    }

    fn edge_args(&mut self, e: &Edge) -> SmallVec<[VReg; 2]> {
        let params = &self.f.block(e.to).params;
        let mut out = SmallVec::new();
        for (k, (&a, &p)) in e.args.iter().zip(params).enumerate() {
            if self.pairs.is_high(p) {
                continue;
            }
            let high = self.pairs.high(p);
            out.push(match high.and_then(|high| pairs::behind(params, k, high)) {
                Some(high) => self.double_here(a, e.args[high]),
                None => self.reg_in(a, self.in_fpu(p)),
            });
        }
        out
    }

    /// The target of one of several edges: a block between, if the target has other predecessors.
    fn split(&mut self, e: &Edge) -> Target {
        if self.cfg.preds(e.to).len() == 1 {
            let args = self.edge_args(e);
            return (MBlockId(e.to.0), args);
        }
        let id = self.new_id();
        // Constants for the edge are made in the new block.
        let outer = std::mem::take(&mut self.rev);
        let waiting = (
            std::mem::take(&mut self.now),
            std::mem::take(&mut self.before),
        );
        self.emit(MInst::new(MOp::Jump, &[], &[]));
        let args = self.edge_args(e);
        self.flush();
        let mut insts = std::mem::replace(&mut self.rev, outer);
        (self.now, self.before) = waiting;
        insts.reverse();
        let succs = smallvec![MEdge {
            to: MBlockId(e.to.0),
            args
        }];
        let block = MBlock {
            insts,
            succs,
            ..MBlock::default()
        };
        self.add_extra(id, block);
        (MBlockId(id), SmallVec::new())
    }

    pub(super) fn terminator(&mut self, b: Block) {
        let t = &self.f.block(b).term;
        self.loc = t.loc;
        let mut succs: SmallVec<[Target; 2]> = SmallVec::new();
        match t.op {
            TermOp::Jump => {
                let args = self.edge_args(&t.edges[0]);
                succs.push((MBlockId(t.edges[0].to.0), args));
                self.emit(MInst::new(MOp::Jump, &[], &[]));
            }
            TermOp::Br => {
                succs.extend([self.split(&t.edges[0]), self.split(&t.edges[1])]);
                self.branch(t.args[0]);
            }
            TermOp::Switch => self.switch(t.args[0], &t.edges, &mut succs),
            TermOp::Return => self.ret(&t.args),
            TermOp::TailCall(_) | TermOp::TailCallIndirect(_) => self.tail_call(t.op, &t.args),
            TermOp::Trap(kind) => {
                let mut m = MInst::new(MOp::Trap, &[], &[]);
                m.imm = kind.code() as i32;
                self.emit(m);
            }
        }
        let block = MBlock {
            succs: edges(succs),
            ..MBlock::default()
        };
        self.chunks[b.0 as usize]
            .drafts
            .insert(0, Draft { id: b.0, block });
    }

    fn branch(&mut self, cond: Value) {
        let v = self.bare(cond);
        let n = self.f.node(v);
        let compares = super::compare::condition(n.op).is_some()
            || self.is_float_condition(v)
            || matches!(n.op, Op::And | Op::Or) && self.may_enter(v);
        if !compares && self.f.as_const(v).is_none() {
            let r = self.reg(v);
            let mut m = MInst::new(MOp::BranchZero, &[], &[r]);
            m.cond = Cond::Ne;
            self.emit(m);
            return;
        }
        let (insts, cond) = self.flags(v);
        let mut m = MInst::new(MOp::Branch, &[], &[]);
        m.cond = cond;
        self.emit(m);
        self.emit_all(insts);
    }

    /// Equal edges of a switch share one target.
    fn switch_targets(&mut self, es: &[Edge]) -> Vec<Target> {
        let mut known: FxHashMap<(u32, SmallVec<[Value; 3]>), Target> = FxHashMap::default();
        let mut out = Vec::with_capacity(es.len());
        for e in es {
            let key = (e.to.0, e.args.clone());
            if !known.contains_key(&key) {
                let t = self.split(e);
                known.insert(key.clone(), t);
            }
            out.push(known[&key].clone());
        }
        out
    }

    fn switch(&mut self, index: Value, es: &[Edge], succs: &mut SmallVec<[Target; 2]>) {
        let targets = self.switch_targets(es);
        let n = targets.len() - 1;
        let mut counts: FxHashMap<MBlockId, u32> = FxHashMap::default();
        for t in &targets {
            *counts.entry(t.0).or_default() += 1;
        }
        let r = self.reg(index);
        if n == 0 {
            // Only the default: the index does not matter, but it was needed above; a jump is enough.
            succs.push(targets[0].clone());
            self.emit(MInst::new(MOp::Jump, &[], &[]));
            return;
        }
        if n <= CHAIN && self.cx.choices.flip(true) {
            return self.chain(r, &targets, &counts, succs);
        }
        let table = self.new_id();
        let entries = targets[..n]
            .iter()
            .map(|t| self.unshared(t, &counts))
            .collect();
        let block = MBlock {
            insts: vec![MInst::new(MOp::Switch, &[], &[r])],
            succs: edges(entries),
            ..MBlock::default()
        };
        self.add_extra(table, block);
        let default = self.unshared(&targets[n], &counts);
        succs.extend([default, (MBlockId(table), SmallVec::new())]);
        let limit = if on(Bug::SwitchOffByOne) {
            n as i32 + 1
        } else {
            n as i32
        };
        let limit = match on(Bug::TableLimitByte) && limit > 256 {
            true => limit & 0xff,
            false => limit,
        };
        let mut b = MInst::new(MOp::Branch, &[], &[]);
        b.cond = match on(Bug::TableSigned) {
            true => Cond::Ge,
            false => Cond::Hs,
        };
        self.emit(b);
        if isa::fits(I::CmpI, limit, false) {
            let mut c = MInst::new(MOp::Isa(I::CmpI), &[], &[r]);
            c.imm = limit;
            self.emit(c);
        } else {
            let k = self.constant_here(limit);
            self.emit(MInst::new(MOp::Isa(I::CmpR), &[], &[r, k]));
        }
    }

    /// A target that several ways out of a switch share gets a block between for each of them, so that no edge
    /// from a block with several successors goes to one with several predecessors.
    fn unshared(&mut self, t: &Target, counts: &FxHashMap<MBlockId, u32>) -> Target {
        if counts[&t.0] == 1 {
            return t.clone();
        }
        let id = self.new_id();
        let block = MBlock {
            insts: vec![MInst::new(MOp::Jump, &[], &[])],
            succs: edges(smallvec![t.clone()]),
            ..MBlock::default()
        };
        self.add_extra(id, block);
        (MBlockId(id), SmallVec::new())
    }

    /// One comparison after the other. Each target is reached from several comparisons only through blocks between.
    fn chain(
        &mut self,
        r: VReg,
        targets: &[Target],
        counts: &FxHashMap<MBlockId, u32>,
        succs: &mut SmallVec<[Target; 2]>,
    ) {
        let n = targets.len() - 1;
        let mut next = self.unshared(&targets[n], counts);
        for i in (0..n).rev() {
            let here = self.unshared(&targets[i], counts);
            let mut b = MInst::new(MOp::Branch, &[], &[]);
            b.cond = Cond::Eq;
            let mut c = MInst::new(MOp::Isa(I::CmpI), &[], &[r]);
            let late = on(Bug::ChainLastCase) && n == CHAIN && i + 1 == n;
            c.imm = i as i32 + late as i32;
            if i == 0 {
                succs.extend([here, next.clone()]);
                self.emit(b);
                self.emit(c);
            } else {
                let id = self.new_id();
                let block = MBlock {
                    insts: vec![c, b],
                    succs: edges(smallvec![here, next]),
                    ..MBlock::default()
                };
                self.add_extra(id, block);
                next = (MBlockId(id), SmallVec::new());
            }
        }
    }

    /// Moves parameters of a block to the register file where they are needed too.
    pub(super) fn cross_parameters(&mut self, b: Block) {
        let f = self.f;
        let params = &f.block(b).params;
        params.iter().for_each(|&p| self.cross(p));
        params.iter().for_each(|&p| self.take_words(p));
    }

    /// The register of a block's parameter; that of a double, for its low word.
    fn parameter(&mut self, p: Value) -> VReg {
        if self.pairs.high(p).is_some() {
            return self.double_of(p);
        }
        match self.in_fpu(p) {
            true => self.float_reg(p),
            false => self.reg(p),
        }
    }

    /// Moves what was emitted into the block's draft.
    pub(super) fn finish_block(&mut self, b: Block) {
        let mut insts = std::mem::take(&mut self.rev);
        insts.reverse();
        self.chunks[b.0 as usize].drafts[0].block.insts = insts;
        let params: Vec<VReg> = if b == Func::ENTRY {
            Vec::new()
        } else {
            // A parameter that nothing needs still takes its argument.
            let f = self.f;
            let params = f.block(b).params.iter().copied();
            let whole: Vec<Value> = params.filter(|p| !self.pairs.is_high(*p)).collect();
            whole.into_iter().map(|p| self.parameter(p)).collect()
        };
        self.chunks[b.0 as usize].drafts[0].block.params = params;
    }

    /// Blocks in their final order, numbered, with predecessors.
    pub(super) fn assemble(&mut self) -> Vec<MBlock> {
        let order = self.layout_order();
        let mut number = vec![u32::MAX; self.f.blocks.len() + self.extra as usize];
        let mut drafts: Vec<Draft> = Vec::new();
        for b in order {
            let mut chunk = std::mem::take(&mut self.chunks[b.0 as usize]);
            let depth = self.cfg.loop_depth[b.0 as usize];
            // Extra blocks were made last first.
            chunk.drafts[1..].reverse();
            for mut d in chunk.drafts {
                d.block.loop_depth = depth;
                d.block.cold = d.block.insts.last().is_some_and(|i| i.op == MOp::Trap);
                drafts.push(d);
            }
        }
        sort_extras(&mut drafts, self.f.blocks.len() as u32);
        for (i, d) in drafts.iter().enumerate() {
            number[d.id as usize] = i as u32;
        }
        let mut blocks: Vec<MBlock> = drafts.into_iter().map(|d| d.block).collect();
        for b in &mut blocks {
            for e in &mut b.succs {
                e.to = MBlockId(number[e.to.0 as usize]);
            }
        }
        for i in 0..blocks.len() {
            let tos: Vec<MBlockId> = blocks[i].succs.iter().map(|e| e.to).collect();
            for to in tos {
                blocks[to.0 as usize].preds.push(MBlockId(i as u32));
            }
        }
        blocks
    }

    /// Reverse post-order in which a loop's blocks stay together: ways that leave loops, and traps, come last.
    fn layout_order(&self) -> Vec<Block> {
        let rank = |b: Block| {
            let traps = matches!(self.f.block(b).term.op, TermOp::Trap(_));
            (!traps as u32, self.cfg.loop_depth[b.0 as usize])
        };
        let sorted = |b: Block| {
            let mut s: Vec<Block> = self.f.succs(b).collect();
            // Taken from the back: least likely first, so that it finishes first and is laid out last.
            s.sort_by_key(|&x| std::cmp::Reverse(rank(x)));
            s.dedup();
            s
        };
        let mut seen = vec![false; self.f.blocks.len()];
        let mut post = Vec::new();
        let mut stack = vec![(Func::ENTRY, sorted(Func::ENTRY))];
        seen[0] = true;
        while let Some((b, succs)) = stack.last_mut() {
            match succs.pop() {
                Some(s) => {
                    if !std::mem::replace(&mut seen[s.0 as usize], true) {
                        stack.push((s, sorted(s)));
                    }
                }
                None => {
                    post.push(*b);
                    stack.pop();
                }
            }
        }
        post.reverse();
        post
    }
}

fn edges(targets: SmallVec<[Target; 2]>) -> SmallVec<[MEdge; 2]> {
    targets
        .into_iter()
        .map(|(to, args)| MEdge { to, args })
        .collect()
}

/// Puts the blocks between (ids from `first` on) after their predecessors: within a run of them, those that jump to
/// others of the run come first.
fn sort_extras(drafts: &mut [Draft], first: u32) {
    let mut i = 0;
    while i < drafts.len() {
        if drafts[i].id < first {
            i += 1;
            continue;
        }
        let end = drafts[i..]
            .iter()
            .position(|d| d.id < first)
            .map_or(drafts.len(), |n| i + n);
        let run = &mut drafts[i..end];
        let place: FxHashMap<u32, usize> = run.iter().enumerate().map(|(k, d)| (d.id, k)).collect();
        // Depth: the longest way from a block of the run that nothing in the run goes to.
        let mut depth = vec![0usize; run.len()];
        for _ in 0..run.len().min(8) {
            for k in 0..run.len() {
                for e in &run[k].block.succs {
                    if let Some(&to) = place.get(&e.to.0) {
                        depth[to] = depth[to].max(depth[k] + 1);
                    }
                }
            }
        }
        let mut order: Vec<usize> = (0..run.len()).collect();
        order.sort_by_key(|&k| depth[k]);
        let mut taken: Vec<Option<Draft>> =
            run.iter_mut().map(|d| Some(std::mem::take(d))).collect();
        for (slot, k) in run.iter_mut().zip(order) {
            if let Some(d) = taken[k].take() {
                *slot = d;
            }
        }
        i = end;
    }
}
