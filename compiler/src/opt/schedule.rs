//! Scheduling: every floating node gets a block and a place in it.
//!
//! In: a function. Out: [`Schedule`], an order of all live nodes for each block. A node may stand anywhere between the
//! deepest block of its operands and the deepest block that dominates its uses; it goes as late as possible, but
//! out of loops where it can (Click, "Global Code Motion / Global Value Numbering"). So values sink into the
//! branch that needs them, invariants leave loops, and nothing is computed twice. Constants get no place: whoever uses one
//! makes it. Within a block a node stands right before its first use. Invariant: definitions precede uses; checked by
//! [`Schedule::verify`] in debug builds.

use crate::choices::Choices;
use crate::ir::{Block, Cfg, Class, Func, Op, Value};
use crate::seeded::{Bug, on};

/// Where everything stands.
pub struct Schedule {
    /// By block: nodes in order, pinned ones included, constants and parameters not.
    pub order: Vec<Vec<Value>>,
    /// By value: its block; `None` if dead, or a constant.
    pub place: Vec<Option<Block>>,
    /// By value: number of uses by live nodes and terminators.
    pub uses: Vec<u32>,
}

const NONE: Block = Block(u32::MAX);

impl Schedule {
    /// Schedules a function.
    pub fn new(f: &Func, cfg: &Cfg, choices: &mut Choices) -> Schedule {
        let mut s = Scheduler {
            f,
            cfg,
            early: vec![NONE; f.nodes.len()],
            late: vec![NONE; f.nodes.len()],
            uses: vec![0; f.nodes.len()],
        };
        let topological = s.early_blocks();
        s.late_blocks(&topological, choices);
        s.order()
    }

    /// Whether each operand is placed before its user.
    pub fn verify(&self, f: &Func, cfg: &Cfg) -> Result<(), String> {
        let mut at = vec![0u32; f.nodes.len()];
        for &b in &cfg.rpo {
            for (i, &v) in self.order[b.0 as usize].iter().enumerate() {
                at[v.0 as usize] = i as u32 + 1;
            }
        }
        for &b in &cfg.rpo {
            for &v in &self.order[b.0 as usize] {
                for &a in &f.node(v).args {
                    let pa = match self.place[a.0 as usize] {
                        Some(p) => p,
                        None if f.node(a).op == Op::Const => continue,
                        None => return Err(format!("{a:?}, operand of {v:?}, has no place")),
                    };
                    let ok = if pa == b {
                        at[a.0 as usize] < at[v.0 as usize]
                    } else {
                        cfg.dominates(pa, b)
                    };
                    if !ok {
                        return Err(format!(
                            "{a:?} in {pa:?} does not precede its use by {v:?} in {b:?}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

struct Scheduler<'a> {
    f: &'a Func,
    cfg: &'a Cfg,
    early: Vec<Block>,
    /// Final block once chosen; the common dominator of the uses so far before.
    late: Vec<Block>,
    uses: Vec<u32>,
}

impl Scheduler<'_> {
    /// The earliest block of every live node, and the live floating nodes, operands first.
    fn early_blocks(&mut self) -> Vec<Value> {
        let mut topological = Vec::new();
        for &b in &self.cfg.rpo {
            for &p in &self.f.block(b).params {
                self.early[p.0 as usize] = b;
                self.late[p.0 as usize] = b;
            }
            for &v in &self.f.block(b).insts {
                self.early[v.0 as usize] = b;
                self.late[v.0 as usize] = b;
            }
        }
        let mut stack = Vec::new();
        for &b in &self.cfg.rpo {
            let d = self.f.block(b);
            for &v in &d.insts {
                stack.extend(self.f.node(v).args.iter().copied());
            }
            stack.extend(d.term.args.iter().copied());
            stack.extend(d.term.edges.iter().flat_map(|e| e.args.iter().copied()));
            while let Some(&v) = stack.last() {
                let i = v.0 as usize;
                let n = self.f.node(v);
                if self.early[i] != NONE || n.op == Op::Const {
                    stack.pop();
                    continue;
                }
                let before = stack.len();
                stack.extend(n.args.iter().copied().filter(|a| {
                    self.early[a.0 as usize] == NONE && self.f.node(*a).op != Op::Const
                }));
                if stack.len() > before {
                    continue;
                }
                stack.pop();
                let mut early = Func::ENTRY;
                for a in &n.args {
                    let e = self.early[a.0 as usize];
                    if e != NONE
                        && self.cfg.dom_depth[e.0 as usize] > self.cfg.dom_depth[early.0 as usize]
                    {
                        early = e;
                    }
                }
                self.early[i] = early;
                topological.push(v);
            }
        }
        topological
    }

    fn use_at(&mut self, v: Value, b: Block) {
        let i = v.0 as usize;
        self.uses[i] += 1;
        let n = self.f.node(v);
        if n.op.class() == Class::Float && n.op != Op::Const {
            self.late[i] = if self.late[i] == NONE {
                b
            } else {
                if on(Bug::PlacedAtLastUse) && self.cfg.dominates(self.late[i], b) {
                    b
                } else {
                    self.cfg.common_dominator(self.late[i], b)
                }
            };
        }
    }

    fn late_blocks(&mut self, topological: &[Value], choices: &mut Choices) {
        for i in 0..self.cfg.rpo.len() {
            let b = self.cfg.rpo[i];
            let d = self.f.block(b);
            for &v in &d.insts {
                for &a in &self.f.node(v).args {
                    self.use_at(a, b);
                }
            }
            for &a in d
                .term
                .args
                .iter()
                .chain(d.term.edges.iter().flat_map(|e| e.args.iter()))
            {
                self.use_at(a, b);
            }
        }
        // Users come after their operands in topological order, so walk it backwards.
        for &v in topological.iter().rev() {
            let i = v.0 as usize;
            let place = self.choose(self.early[i], self.late[i], choices);
            self.late[i] = place;
            for k in 0..self.f.node(v).args.len() {
                let a = self.f.node(v).args[k];
                self.use_at(a, place);
            }
        }
    }

    /// The latest block from `late` up to `early` that is in the fewest loops.
    fn choose(&self, early: Block, late: Block, choices: &mut Choices) -> Block {
        let mut best = late;
        let mut b = late;
        loop {
            let better = self.cfg.loop_depth[b.0 as usize] < self.cfg.loop_depth[best.0 as usize]
                && choices.allows("hoist");
            if better || (!choices.is_heuristic() && choices.flip(false)) {
                best = b;
            }
            if b == early || b == self.cfg.idom[b.0 as usize] {
                if on(Bug::HoistedTooFar) && b == early && b != Func::ENTRY && best == early {
                    return self.cfg.idom[b.0 as usize];
                }
                return best;
            }
            b = self.cfg.idom[b.0 as usize];
        }
    }

    /// Orders each block: before each pinned node and the terminator, the nodes they need that are placed here.
    fn order(self) -> Schedule {
        let n = self.f.nodes.len();
        let mut done = vec![false; n];
        let mut count: Vec<usize> = self.f.blocks.iter().map(|b| b.insts.len()).collect();
        // The floating nodes of each block as a chain, last first.
        let mut first: Vec<Option<Value>> = vec![None; self.f.blocks.len()];
        let mut next: Vec<Option<Value>> = vec![None; n];
        for (i, next) in next.iter_mut().enumerate() {
            let v = Value(i as u32);
            if self.early[i] != NONE && self.f.floats(v) {
                let b = self.late[i].0 as usize;
                *next = first[b].replace(v);
                count[b] += 1;
            }
        }
        let mut order: Vec<Vec<Value>> = count.into_iter().map(Vec::with_capacity).collect();
        let mut stack = Vec::new();
        for &b in &self.cfg.rpo {
            let d = self.f.block(b);
            let out: &mut Vec<Value> = &mut order[b.0 as usize];
            let roots = d.insts.iter().copied().chain(d.term.args.iter().copied());
            let roots = roots.chain(d.term.edges.iter().flat_map(|e| e.args.iter().copied()));
            // Nodes that only later blocks use come last.
            let chain = std::iter::successors(first[b.0 as usize], |v| next[v.0 as usize]);
            for root in roots.chain(chain) {
                stack.push(root);
                while let Some(&v) = stack.last() {
                    let i = v.0 as usize;
                    if done[i] || self.late[i] != b || self.f.node(v).op == Op::Param {
                        stack.pop();
                        continue;
                    }
                    let before = stack.len();
                    for &a in self.f.node(v).args.iter().rev() {
                        let k = a.0 as usize;
                        if !done[k]
                            && self.late[k] == b
                            && self.f.node(a).op.class() == Class::Float
                        {
                            stack.push(a);
                        }
                    }
                    if stack.len() == before {
                        stack.pop();
                        done[i] = true;
                        out.push(v);
                    }
                }
            }
        }
        let place = self
            .late
            .iter()
            .map(|&b| (b != NONE).then_some(b))
            .collect();
        Schedule {
            order,
            place,
            uses: self.uses,
        }
    }
}
