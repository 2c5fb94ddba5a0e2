//! The rebuilding pass: a function is copied node by node through the [`Editor`].
//!
//! In: a function. Out: an equal one in which everything unreachable or unused is gone, floating nodes are folded,
//! rewritten and shared, constant branches are taken, guards that cannot fail are dropped and blocks with one way in
//! are joined with it. Every pass that changes values works through this copy, so there is one place where values are
//! renamed.

use super::editor::Editor;
use super::facts::Fact;
use super::params;
use crate::choices::Choices;
use crate::ir::{Args, Block, BlockData, Cfg, Edge, Func, Node, Op, Term, TermOp, Value};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use smallvec::SmallVec;

/// What the copy knows beyond the function itself.
#[derive(Default)]
pub struct Known {
    /// Facts of old block parameters, by value.
    pub params: rustc_hash::FxHashMap<Value, Fact>,
}

/// Copies a function through the editor.
pub fn simplify(
    old: &Func,
    known: &Known,
    choices: &mut Choices,
    hits: &mut [u64],
    rewrite: bool,
) -> Func {
    let cfg = Cfg::new(old);
    let live = params::Liveness::new(old, &cfg);
    let mut c = Copy {
        old,
        cfg: &cfg,
        live: &live,
        known,
        e: Editor::new(old.results.clone(), choices, hits, rewrite),
        map: vec![None; old.nodes.len()],
        blocks: vec![None; old.blocks.len()],
        edges_in: vec![0; old.blocks.len()],
    };
    c.run();
    c.e.f
}

struct Copy<'a, 'b> {
    old: &'a Func,
    cfg: &'a Cfg,
    live: &'a params::Liveness,
    known: &'a Known,
    e: Editor<'b>,
    map: Vec<Option<Value>>,
    blocks: Vec<Option<Block>>,
    /// Edges into an old block that the copy has emitted so far.
    edges_in: Vec<u32>,
}

impl Copy<'_, '_> {
    fn run(&mut self) {
        for i in 0..self.cfg.rpo.len() {
            let b = self.cfg.rpo[i];
            // A block is copied if an edge to it was; a loop header's forward edge comes first.
            if b == Func::ENTRY {
                self.open(b);
            } else if self.edges_in[b.0 as usize] == 0 || self.blocks[b.0 as usize].is_none() {
                continue;
            }
            self.block(b);
        }
    }

    fn open(&mut self, b: Block) -> Block {
        if let Some(n) = self.blocks[b.0 as usize] {
            return n;
        }
        let n = self.e.f.add_block();
        self.blocks[b.0 as usize] = Some(n);
        let old = self.old.block(b);
        for &p in &old.params {
            if b != Func::ENTRY && (!self.live.is_live(p) || self.live.copy_of(p) != p) {
                continue;
            }
            let ty = self.old.ty(p);
            let fact = self.known.params.get(&p).copied().unwrap_or(Fact::top(ty));
            self.map[p.0 as usize] = Some(self.e.param(n, ty, fact));
        }
        n
    }

    fn block(&mut self, b: Block) {
        let BlockData { insts, term, .. } = self.old.block(b);
        let new = self.blocks[b.0 as usize].expect("opened by an edge");
        for &v in insts {
            let n = self.old.node(v);
            if n.op.is_removable() && !self.live.is_live(v) {
                continue;
            }
            match n.op {
                Op::Guard => {
                    if let Some(trap) = self.guard(new, v, n) {
                        self.e.f.block_mut(new).term = trap;
                        return;
                    }
                }
                _ => {
                    let args: Args = n.args.iter().map(|&a| self.value(a)).collect();
                    self.map[v.0 as usize] = Some(self.e.pin(new, Node { args, ..n.clone() }));
                }
            }
        }
        self.term(new, term);
    }

    /// Copies a guard; a terminator if it always traps.
    fn guard(&mut self, new: Block, v: Value, n: &Node) -> Option<Term> {
        let (value, cond) = (self.value(n.args[0]), self.value(n.args[1]));
        let known = self.e.fact(cond);
        if known.umax == 0
            || (on(Bug::GuardDroppedEarly)
                && known.umin == 0
                && known.umax <= 1
                && self.e.fact(value).umax < 0x100)
        {
            self.map[v.0 as usize] = Some(value);
            return None;
        }
        if known.umin > 0 {
            let kind = TrapKind::from_code(n.imm as u8).unwrap_or(TrapKind::Unreachable);
            return Some(Term::trap(kind, n.loc));
        }
        let args = Args::from_slice(&[value, cond]);
        self.map[v.0 as usize] = Some(self.e.pin(new, Node { args, ..n.clone() }));
        None
    }

    /// The new value of an old one; copies floating nodes on demand, operands first.
    fn value(&mut self, v: Value) -> Value {
        let v = self.live.copy_of(v);
        if let Some(n) = self.map[v.0 as usize] {
            return n;
        }
        let mut stack = vec![v];
        while let Some(&top) = stack.last() {
            if self.map[top.0 as usize].is_some() {
                stack.pop();
                continue;
            }
            let n = self.old.node(top);
            debug_assert!(
                self.old.floats(top),
                "{v:?} needs {top:?} ({}) before it is copied",
                n.op.text()
            );
            let before = stack.len();
            for &a in &n.args {
                let a = self.live.copy_of(a);
                if self.map[a.0 as usize].is_none() {
                    stack.push(a);
                }
            }
            if stack.len() > before {
                continue;
            }
            stack.pop();
            let args: Args = n.args.iter().map(|&a| self.mapped(a)).collect();
            self.map[top.0 as usize] = Some(self.e.make(n.op, n.ty, &args, n.imm, n.loc));
        }
        self.mapped(v)
    }

    fn mapped(&self, v: Value) -> Value {
        self.map[self.live.copy_of(v).0 as usize].expect("copied")
    }

    fn edge(&mut self, e: &Edge) -> Edge {
        self.edges_in[e.to.0 as usize] += 1;
        let to = self.open(e.to);
        let mut args = SmallVec::new();
        for (&p, &a) in self.old.block(e.to).params.iter().zip(&e.args) {
            if self.live.is_live(p) && self.live.copy_of(p) == p {
                args.push(self.value(a));
            }
        }
        Edge { to, args }
    }

    fn term(&mut self, new: Block, t: &Term) {
        let args: SmallVec<[Value; 2]> = t.args.iter().map(|&a| self.value(a)).collect();
        let constant = |c: &Self| c.e.fact(args[0]).as_constant();
        let taken = match t.op {
            TermOp::Br => match self.e.fact(args[0]) {
                f if f.umin > 0 => Some(0),
                f if f.umax == 0 => Some(1),
                _ => None,
            },
            TermOp::Switch => constant(self).map(|i| (i as usize).min(t.edges.len() - 1)),
            TermOp::Jump | TermOp::Return | TermOp::Trap(_) => None,
        };
        let term = match taken {
            Some(i) => {
                let edge = self.edge(&t.edges[i]);
                Term {
                    op: TermOp::Jump,
                    args: SmallVec::new(),
                    edges: smallvec::smallvec![edge],
                    loc: t.loc,
                }
            }
            None => {
                let mut edges: SmallVec<[Edge; 2]> = t.edges.iter().map(|e| self.edge(e)).collect();
                let mut args = args;
                // A branch on "is zero" takes the other way on the value itself.
                if t.op == TermOp::Br {
                    let n = self.e.f.node(args[0]);
                    let zero = |v: Value| self.e.f.as_const(v) == Some(0);
                    if matches!(n.op, Op::Eq | Op::Ne)
                        && zero(n.args[1])
                        && self.e.f.ty(n.args[0]) == crate::ir::Ty::I32
                    {
                        if n.op == Op::Eq {
                            edges.swap(0, 1);
                        }
                        args[0] = n.args[0];
                    }
                }
                if t.op == TermOp::Br && edges[0] == edges[1] {
                    edges.truncate(1);
                    Term {
                        op: TermOp::Jump,
                        args: SmallVec::new(),
                        edges,
                        loc: t.loc,
                    }
                } else {
                    Term {
                        op: t.op,
                        args,
                        edges,
                        loc: t.loc,
                    }
                }
            }
        };
        self.e.f.block_mut(new).term = term;
    }
}
