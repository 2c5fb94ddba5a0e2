//! The rebuilding pass: a function is copied node by node through the [`Editor`].
//!
//! In: a function. Out: an equal one in which everything unreachable or unused is gone, floating nodes are folded,
//! rewritten and shared, constant branches are taken, guards that cannot fail are dropped, a block whose only way in is
//! a jump is joined with where it comes from, and short arms without effects become selects. Every pass that changes values works through this copy, so there is one place where values are
//! renamed.

use super::editor::Editor;
use super::facts::Fact;
use super::params;
use crate::choices::Choices;
use crate::ir::func::map_args;
use crate::ir::{Args, Block, BlockData, Cfg, Edge, Func, Node, Op, Term, TermOp, Ty, Value};
use crate::options::Cpu;
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

/// What the copy knows beyond the function itself.
#[derive(Default)]
pub struct Known {
    /// Facts of old block parameters, by value.
    pub params: FxHashMap<Value, Fact>,
    /// Guards that a dominating condition makes superfluous.
    pub held: FxHashSet<Value>,
    /// Branches (by block) of which a dominating condition decides the edge.
    pub taken: FxHashMap<Block, usize>,
}

impl Known {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty() && self.held.is_empty() && self.taken.is_empty()
    }
}

/// How eager if-conversion is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IfConversion {
    /// Most nodes that may be computed although their arm is not taken.
    pub nodes: usize,
    /// Most selects made of one branch.
    pub selects: usize,
}

/// Copies a function through the editor.
pub fn simplify(
    old: &Func,
    known: &Known,
    choices: &mut Choices,
    hits: &mut [u64],
    convert: Option<IfConversion>,
    cpu: Cpu,
) -> Func {
    let cfg = Cfg::new(old);
    let live = params::Liveness::new(old, &cfg);
    let mut c = Copy {
        old,
        cfg: &cfg,
        live: &live,
        known,
        e: Editor::new(
            old.results.clone(),
            old.nodes.len(),
            choices,
            hits,
            true,
            cpu,
        ),
        uses: convert.map(|_| count_uses(old, &cfg)).unwrap_or_default(),
        convert,
        map: vec![None; old.nodes.len()],
        blocks: vec![None; old.blocks.len()],
        edges_in: vec![0; old.blocks.len()],
        stack: Vec::new(),
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
    /// Uses by old value, if branches are converted.
    uses: Vec<u32>,
    convert: Option<IfConversion>,
    /// Values that wait for their operands; empty between requests.
    stack: Vec<Value>,
}

fn count_uses(f: &Func, cfg: &Cfg) -> Vec<u32> {
    let mut uses = vec![0; f.nodes.len()];
    for n in &f.nodes {
        for a in &n.args {
            uses[a.0 as usize] += 1;
        }
    }
    for &b in &cfg.rpo {
        let t = &f.block(b).term;
        for a in t
            .args
            .iter()
            .chain(t.edges.iter().flat_map(|e| e.args.iter()))
        {
            uses[a.0 as usize] += 1;
        }
    }
    uses
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
                    let args = map_args(&n.args, |a| self.value(a));
                    self.map[v.0 as usize] = Some(self.pin(new, n, args));
                }
            }
        }
        self.term(b, new, term);
    }

    /// Copies a guard; a terminator if it always traps.
    fn guard(&mut self, new: Block, v: Value, n: &Node) -> Option<Term> {
        let (value, cond) = (self.value(n.args[0]), self.value(n.args[1]));
        if self.known.held.contains(&v) {
            let node = Node {
                op: Op::Assume,
                args: Args::from_slice(&[value]),
                imm: 0,
                ..n.clone()
            };
            self.map[v.0 as usize] = Some(self.e.pin(new, node));
            return None;
        }
        let known = *self.e.fact(cond);
        let holds = known.umax == 0
            || (on(Bug::GuardDroppedEarly)
                && known.umin == 0
                && known.umax <= 1
                && self.e.fact(value).umax < 0x100);
        if holds && self.e.choices.fuel("guard-by-range") {
            self.map[v.0 as usize] = Some(value);
            return None;
        }
        if known.umin > 0 {
            let kind = TrapKind::from_code(n.imm as u8).unwrap_or(TrapKind::Unreachable);
            return Some(Term::trap(kind, n.loc));
        }
        let args = Args::from_slice(&[value, cond]);
        self.map[v.0 as usize] = Some(self.pin(new, n, args));
        None
    }

    /// Pins a copy of a node with other operands.
    fn pin(&mut self, new: Block, n: &Node, args: Args) -> Value {
        self.e.pin(new, n.with_args(args))
    }

    /// The new value of an old one; copies floating nodes on demand, operands first.
    fn value(&mut self, v: Value) -> Value {
        let v = self.live.copy_of(v);
        if let Some(n) = self.map[v.0 as usize] {
            return n;
        }
        self.stack.push(v);
        while let Some(&top) = self.stack.last() {
            if self.map[top.0 as usize].is_some() {
                self.stack.pop();
                continue;
            }
            let n = self.old.node(top);
            debug_assert!(
                self.old.floats(top),
                "{v:?} needs {top:?} ({}) before it is copied",
                n.op.text()
            );
            let before = self.stack.len();
            for &a in &n.args {
                let a = self.live.copy_of(a);
                if self.map[a.0 as usize].is_none() {
                    self.stack.push(a);
                }
            }
            if self.stack.len() > before {
                continue;
            }
            self.stack.pop();
            let args = map_args(&n.args, |a| self.mapped(a));
            self.map[top.0 as usize] = Some(self.e.make_node(n.with_args(args)));
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

    fn term(&mut self, b: Block, new: Block, t: &Term) {
        let mut args: SmallVec<[Value; 2]> = t.args.iter().map(|&a| self.value(a)).collect();
        let taken = match t.op {
            TermOp::Jump => Some(0),
            TermOp::Br | TermOp::Switch => self.taken(b, t, args[0]),
            TermOp::Return | TermOp::Trap(_) => None,
            TermOp::TailCall(_) | TermOp::TailCallIndirect(_) => None,
        };
        if let Some(i) = taken {
            return self.jump(new, &t.edges[i], t.loc);
        }
        if t.op == TermOp::Br
            && let Some((to, selects)) = self.convertible(t)
        {
            return self.select_edge(new, to, &selects, args[0], t.loc);
        }
        let mut edges: SmallVec<[Edge; 2]> = t.edges.iter().map(|e| self.edge(e)).collect();
        if t.op == TermOp::Br {
            // A branch on "is zero" takes the other way on the value itself.
            let n = self.e.f.node(args[0]);
            let word = n.args.first().is_some_and(|&a| self.e.f.ty(a) == Ty::I32);
            let word = word || on(Bug::WideBranchOnZero);
            if matches!(n.op, Op::Eq | Op::Ne) && word && self.e.f.as_const(n.args[1]) == Some(0) {
                if n.op == Op::Eq {
                    edges.swap(0, 1);
                }
                args[0] = n.args[0];
            }
            if edges[0] == edges[1] {
                edges.truncate(1);
                let op = TermOp::Jump;
                self.e.f.block_mut(new).term = Term {
                    op,
                    args: SmallVec::new(),
                    edges,
                    loc: t.loc,
                };
                return;
            }
        }
        self.e.f.block_mut(new).term = Term {
            op: t.op,
            args,
            edges,
            loc: t.loc,
        };
    }

    /// The edge that is always taken.
    fn taken(&mut self, b: Block, t: &Term, value: Value) -> Option<usize> {
        if let Some(&i) = self.known.taken.get(&b) {
            return Some(i);
        }
        let f = self.e.fact(value);
        let way = match t.op {
            TermOp::Br if f.umin > 0 => Some(0),
            TermOp::Br if f.umax == 0 => Some(1),
            TermOp::Switch => {
                let cut = on(Bug::SwitchOfConstant) as usize;
                f.as_constant()
                    .map(|i| (i as usize).min((t.edges.len() - 1).saturating_sub(cut)))
            }
            _ => None,
        };
        way.filter(|_| self.e.choices.fuel("branch-by-range"))
    }

    /// A jump; to a block with no other way in, its contents follow right here.
    fn jump(&mut self, new: Block, e: &Edge, loc: u32) {
        let to = e.to.0 as usize;
        if self.cfg.preds(e.to).len() == 1 && self.blocks[to].is_none() && e.to != Func::ENTRY {
            let old = self.old;
            for (&p, &a) in old.block(e.to).params.iter().zip(&e.args) {
                if self.live.is_live(p) {
                    self.map[p.0 as usize] = Some(self.value(a));
                }
            }
            self.blocks[to] = Some(new);
            self.edges_in[to] += 1;
            return;
        }
        let edge = self.edge(e);
        self.e.f.block_mut(new).term = Term {
            op: TermOp::Jump,
            args: SmallVec::new(),
            edges: smallvec![edge],
            loc,
        };
    }

    /// Where both arms of a branch meet, with the values that each brings, if they are short enough to compute both.
    fn convertible(&mut self, t: &Term) -> Option<(Block, Vec<(Value, Value)>)> {
        let limits = self.convert?;
        let mut cost = 0;
        let (to, yes) = self.arm(&t.edges[0], &mut cost, limits)?;
        let (other, no) = self.arm(&t.edges[1], &mut cost, limits)?;
        if to != other || !self.e.choices.flip(true) || !self.e.choices.fuel("if-convert") {
            return None;
        }
        let pairs: Vec<(Value, Value)> = yes.into_iter().zip(no).collect();
        let live = |k: usize| self.live.is_live(self.old.block(to).params[k]);
        let selects = pairs
            .iter()
            .enumerate()
            .filter(|(k, (a, b))| a != b && live(*k))
            .count();
        (selects <= limits.selects).then_some((to, pairs))
    }

    /// Where an arm leads and with which values: directly, or through a block of nothing but a few floating nodes.
    fn arm(&self, e: &Edge, cost: &mut usize, limits: IfConversion) -> Option<(Block, Vec<Value>)> {
        let d = self.old.block(e.to);
        let through =
            self.cfg.preds(e.to).len() == 1 && d.term.op == TermOp::Jump && d.insts.is_empty();
        if !through {
            return Some((e.to, e.args.to_vec()));
        }
        let own = |v: Value| {
            d.params
                .iter()
                .position(|&p| p == v)
                .map_or(v, |k| e.args[k])
        };
        for &a in &d.term.edges[0].args {
            self.cost(a, cost, limits.nodes);
            // A parameter of the arm inside an expression would have to be renamed first.
            if *cost > limits.nodes || (!d.params.is_empty() && own(a) == a && self.old.floats(a)) {
                return None;
            }
        }
        Some((
            d.term.edges[0].to,
            d.term.edges[0].args.iter().map(|&a| own(a)).collect(),
        ))
    }

    /// Adds the price of the nodes that only this value needs.
    fn cost(&self, v: Value, cost: &mut usize, limit: usize) {
        let n = self.old.node(v);
        if *cost > limit || !self.old.floats(v) || n.op == Op::Const || self.uses[v.0 as usize] > 1
        {
            return;
        }
        let heavy = matches!(n.op, Op::DivS | Op::DivU | Op::RemS | Op::RemU | Op::Popcnt);
        *cost += if heavy {
            limit + 1
        } else {
            n.ty.words().max(1) as usize
        };
        for &a in &n.args {
            self.cost(a, cost, limit);
        }
    }

    fn select_edge(
        &mut self,
        new: Block,
        to: Block,
        pairs: &[(Value, Value)],
        cond: Value,
        loc: u32,
    ) {
        let mut args = SmallVec::new();
        self.edges_in[to.0 as usize] += 1;
        let target = self.open(to);
        let old = self.old;
        for (&p, &(a, b)) in old.block(to).params.iter().zip(pairs) {
            if self.live.is_live(p) && self.live.copy_of(p) == p {
                let (mut a, mut b) = (self.value(a), self.value(b));
                let constant = |v: Value| self.e.f.as_const(v).is_some();
                if on(Bug::IfConvertConstant) && constant(a) && !constant(b) {
                    std::mem::swap(&mut a, &mut b);
                }
                let ty = self.e.f.ty(a);
                args.push(if a == b {
                    a
                } else {
                    self.e.make(Op::Select, ty, &[cond, a, b], 0, loc)
                });
            }
        }
        self.e.f.block_mut(new).term = Term {
            op: TermOp::Jump,
            args: SmallVec::new(),
            edges: smallvec![Edge { to: target, args }],
            loc,
        };
    }
}
