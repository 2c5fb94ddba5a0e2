//! What is alive, and which block parameters are copies.
//!
//! In: a function and its shape. Out: [`Liveness`]: the values that something observable needs, and for each block
//! parameter whose incoming values are all one value (or itself) that value. A parameter is alive only if a live
//! value needs it, so cycles of parameters that only feed each other die.

use crate::ir::{Block, Cfg, Class, Func, Op, Value};
use crate::seeded::{Bug, on};

/// The result.
pub struct Liveness {
    live: Vec<bool>,
    copy: Vec<Value>,
}

impl Liveness {
    /// Computes both.
    pub fn new(f: &Func, cfg: &Cfg) -> Liveness {
        let incoming = Incoming::new(f, cfg);
        let mut l = Liveness {
            live: vec![false; f.nodes.len()],
            copy: (0..f.nodes.len() as u32).map(Value).collect(),
        };
        l.find_copies(f, cfg, &incoming);
        l.mark(f, cfg, &incoming);
        l
    }

    /// Whether something observable needs the value.
    pub fn is_live(&self, v: Value) -> bool {
        self.live[v.0 as usize]
    }

    /// The value that this one is a copy of, or itself.
    pub fn copy_of(&self, v: Value) -> Value {
        self.copy[v.0 as usize]
    }

    fn resolve(&self, mut v: Value) -> Value {
        while self.copy[v.0 as usize] != v {
            v = self.copy[v.0 as usize];
        }
        v
    }

    /// Repeats until no parameter is newly found to be a copy. Each round is linear; rounds are few because
    /// blocks are walked in reverse post-order, and their number is bounded.
    fn find_copies(&mut self, f: &Func, cfg: &Cfg, incoming: &Incoming) {
        let mut found = false;
        let most = if on(Bug::CopyOfTwo) { 2 } else { usize::MAX };
        for _ in 0..16 {
            let mut changed = false;
            for &b in &cfg.rpo[1..] {
                for (k, &p) in f.block(b).params.iter().enumerate() {
                    if self.copy[p.0 as usize] != p {
                        continue;
                    }
                    let mut only = None;
                    let first = |&&(from, i): &&(Block, usize)| {
                        let before = &f.block(from).term.edges[..i];
                        !on(Bug::EqualEdges) || before.iter().all(|e| e.to != b)
                    };
                    let edges = incoming.of(b).iter().filter(first);
                    let same = edges.take(most).all(|&(from, i)| {
                        let a = self.resolve(f.block(from).term.edges[i].args[k]);
                        if a == p {
                            return true;
                        }
                        *only.get_or_insert(a) == a
                    });
                    if let (true, Some(v)) = (same, only) {
                        self.copy[p.0 as usize] = v;
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
            found = true;
        }
        if found {
            for i in 0..self.copy.len() {
                self.copy[i] = self.resolve(Value(i as u32));
            }
        }
    }

    fn mark(&mut self, f: &Func, cfg: &Cfg, incoming: &Incoming) {
        let mut work: Vec<Value> = Vec::new();
        // Where each parameter's values come from: asked only once it is alive.
        let mut index = vec![0u32; f.nodes.len()];
        for &b in &cfg.rpo {
            let d = f.block(b);
            for (k, &p) in d.params.iter().enumerate() {
                index[p.0 as usize] = k as u32;
            }
            work.extend(
                d.insts
                    .iter()
                    .copied()
                    .filter(|&v| !f.node(v).op.is_removable()),
            );
            work.extend(d.term.args.iter().copied());
        }
        while let Some(v) = work.pop() {
            let v = self.copy[v.0 as usize];
            if std::mem::replace(&mut self.live[v.0 as usize], true) {
                continue;
            }
            let n = f.node(v);
            if n.op.class() == Class::Param {
                debug_assert!(n.op == Op::Param);
                let k = index[v.0 as usize] as usize;
                for &(b, i) in incoming.of(Block(n.imm as u32)) {
                    work.push(f.block(b).term.edges[i].args[k]);
                }
            } else {
                work.extend(n.args.iter().copied());
            }
        }
    }
}

/// Edges with arguments, by target, in one array.
struct Incoming {
    start: Vec<u32>,
    edges: Vec<(Block, usize)>,
}

impl Incoming {
    fn new(f: &Func, cfg: &Cfg) -> Incoming {
        let mut start = vec![0u32; f.blocks.len() + 1];
        let with_args = |b: Block| {
            f.block(b)
                .term
                .edges
                .iter()
                .enumerate()
                .filter(|(_, e)| !e.args.is_empty())
        };
        for &b in &cfg.rpo {
            for (_, e) in with_args(b) {
                start[e.to.0 as usize + 1] += 1;
            }
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let mut next = start.clone();
        let mut edges = vec![(Block(0), 0); start[start.len() - 1] as usize];
        for &b in &cfg.rpo {
            for (i, e) in with_args(b) {
                let at = &mut next[e.to.0 as usize];
                edges[*at as usize] = (b, i);
                *at += 1;
            }
        }
        Incoming { start, edges }
    }

    fn of(&self, b: Block) -> &[(Block, usize)] {
        let b = b.0 as usize;
        &self.edges[self.start[b] as usize..self.start[b + 1] as usize]
    }
}
