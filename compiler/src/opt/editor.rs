//! Making nodes: folding, rewriting and sharing as they are made.
//!
//! In: requests for nodes. Out: values of a new function. Each request folds constants, tries the rules of
//! [`super::rules`], and is shared with an equal floating node if there is one (global value numbering: floating
//! nodes have no place, so equality is all it takes). Facts are kept for every node. Invariant: the value returned
//! equals the node asked for, for all operand values; guarded by the judge of the rules and the oracle.

use super::facts::{self, Fact};
use super::float_bits;
use super::matcher::{Bound, Graph, View, operand_width, width};
use super::rule::{self, Res};
use super::rules;
use super::ruleset::Operands;
use super::typing;
use crate::choices::Choices;
use crate::ir::eval::eval;
use crate::ir::{Args, Block, Class, Fp, Func, Node, Op, Ty, Value};
use crate::options::Cpu;
use crate::seeded::{Bug, on};
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Rewrites of one request, at most: a cycle of rules would be a defect, and ends here.
const DEPTH: u32 = 64;

/// A function under construction.
pub struct Editor<'a> {
    /// The function.
    pub f: Func,
    /// Facts by value.
    pub facts: Vec<Fact>,
    /// Decisions and fuel.
    pub choices: &'a mut Choices,
    /// How often each rule fired.
    pub hits: &'a mut [u64],
    /// Whether rules are tried.
    pub rewrite: bool,
    /// The core to compile for: which forms of an operation on floats it computes cheaply.
    pub cpu: Cpu,
    table: HashTable<Value>,
    depth: u32,
}

/// The immediate by which a node is told from others.
fn shared_imm(n: &Node) -> i64 {
    match n.op {
        Op::Proj if on(Bug::SharedProjection) => 0,
        Op::Fp if on(Bug::FloatShared) => n.imm / 2,
        _ => n.imm,
    }
}

/// Whether operands may be exchanged. (Those of an operation on floats are not words yet if there are two.)
fn is_commutative(n: &Node) -> bool {
    let exchanges = || Fp::from_imm(n.imm).is_some_and(Fp::is_commutative);
    n.op.is_commutative() || n.op == Op::Fp && n.args.len() == 2 && exchanges()
}

fn hash(n: &Node) -> u64 {
    let mut h = FxHasher::default();
    let ty = match on(Bug::SharedAcrossTypes) {
        true => Ty::I32,
        false => n.ty,
    };
    h.write_u64((n.op as u64) << 8 | ty as u64);
    h.write_i64(shared_imm(n));
    for a in &n.args {
        h.write_u32(a.0);
    }
    h.finish()
}

impl<'a> Editor<'a> {
    /// An empty function with these results and no blocks, and room for `nodes` nodes.
    pub fn new(
        results: Vec<Ty>,
        nodes: usize,
        choices: &'a mut Choices,
        hits: &'a mut [u64],
        rewrite: bool,
        cpu: Cpu,
    ) -> Editor<'a> {
        Editor {
            f: Func {
                results,
                nodes: Vec::with_capacity(nodes),
                blocks: Vec::new(),
            },
            facts: Vec::with_capacity(nodes),
            choices,
            hits,
            rewrite,
            cpu,
            table: HashTable::with_capacity(nodes * 3 / 4),
            depth: 0,
        }
    }

    /// The fact of a value.
    pub fn fact(&self, v: Value) -> &Fact {
        &self.facts[v.0 as usize]
    }

    /// A block parameter with this fact.
    pub fn param(&mut self, block: Block, ty: Ty, fact: Fact) -> Value {
        let v = self.f.add_param(block, ty);
        self.facts.push(fact);
        v
    }

    /// A pinned node at the end of a block.
    pub fn pin(&mut self, block: Block, node: Node) -> Value {
        let fact = self.fact_of(&node);
        let v = self.f.add_node(node);
        self.facts.push(fact);
        self.f.block_mut(block).insts.push(v);
        v
    }

    /// A constant.
    pub fn iconst(&mut self, ty: Ty, v: u64) -> Value {
        let node = Node {
            op: Op::Const,
            ty,
            args: Args::new(),
            imm: (v & ty.mask()) as i64,
            loc: 0,
        };
        let h = hash(&node);
        match self.shared(&node, h) {
            Some(v) => v,
            None => self.add(node, h, Fact::constant(ty, v)),
        }
    }

    fn fact_of(&self, n: &Node) -> Fact {
        if n.args.len() > 4 || n.ty == Ty::Void {
            return Fact::top(n.ty);
        }
        let mut a = [&Fact::ANYTHING; 4];
        for (f, v) in a.iter_mut().zip(&n.args) {
            *f = &self.facts[v.0 as usize];
        }
        facts::of(n.op, n.ty, self.arg_ty(n), n.imm, &a[..n.args.len()])
    }

    fn arg_ty(&self, n: &Node) -> Ty {
        n.args.first().map_or(n.ty, |&a| self.f.ty(a))
    }

    /// A floating node, or a value equal to it.
    pub fn make(&mut self, op: Op, ty: Ty, args: &[Value], imm: i64, loc: u32) -> Value {
        self.make_node(Node {
            op,
            ty,
            args: Args::from_slice(args),
            imm,
            loc,
        })
    }

    /// Like [`Editor::make`].
    pub fn make_node(&mut self, mut node: Node) -> Value {
        let ty = node.ty;
        if let Some(v) = self.fold(&node) {
            return self.iconst(ty, v);
        }
        self.canonicalize(&mut node);
        let h = hash(&node);
        // An equal node was left as it is by the rules, and would be again.
        if let Some(v) = self.shared(&node, h)
            && self.choices.allows("share")
        {
            return v;
        }
        let rewrite = self.rewrite && self.depth < DEPTH;
        if rewrite && node.op == Op::Fp {
            if let Some(v) = float_bits::compare(self, &node) {
                return v;
            }
        } else if rewrite {
            self.depth += 1;
            let better = self.apply_rules(&node);
            self.depth -= 1;
            if let Some(v) = better {
                return v;
            }
        }
        let fact = self.fact_of(&node);
        if rewrite
            && matches!(ty, Ty::I32 | Ty::I64)
            && let Some(v) = fact.as_constant()
            && self.choices.fuel("constant-by-range")
        {
            return self.iconst(ty, v);
        }
        self.add(node, h, fact)
    }

    fn fold(&self, n: &Node) -> Option<u64> {
        if !matches!(n.ty, Ty::I32 | Ty::I64) {
            return None;
        }
        // A word of a pair of constants folds through the pair.
        if matches!(n.op, Op::Lo | Op::Hi) {
            let inner = self.f.node(n.args[0]);
            let pair = self.value_of(inner, Ty::Pair)?;
            return eval(n.op, n.ty, Ty::Pair, &[pair], 0);
        }
        self.value_of(n, n.ty)
    }

    /// What a node computes, as a value of type `ty`, if its operands are constants.
    fn value_of(&self, n: &Node, ty: Ty) -> Option<u64> {
        let mut constants = [0; 4];
        let constants = constants.get_mut(..n.args.len())?;
        for (c, &v) in constants.iter_mut().zip(&n.args) {
            *c = self.f.as_const(v)?;
        }
        eval(n.op, ty, self.arg_ty(n), constants, n.imm)
    }

    /// The second of three rotations of one value that an exclusive or of them brings together.
    fn second_rotation(&self, n: &Node) -> Option<Value> {
        let rotated = |v: Value| {
            let m = self.f.node(v);
            (m.op == Op::Rotl).then(|| m.args[0])
        };
        let &[inner, third] = n.args.as_slice() else {
            return None;
        };
        let pair = self.f.node(inner);
        let &[first, second] = pair.args.as_slice() else {
            return None;
        };
        let x = rotated(third)?;
        let same = rotated(first) == Some(x) && rotated(second) == Some(x);
        (n.op == Op::Xor && pair.op == Op::Xor && same).then_some(second)
    }

    /// Constants to the right, shift amounts below the width.
    fn canonicalize(&mut self, n: &mut Node) {
        if on(Bug::ThirdRotation)
            && let Some(second) = self.second_rotation(n)
        {
            n.args[1] = second;
        }
        if is_commutative(n) {
            let key = |e: &Self, v: Value| (e.f.node(v).op == Op::Const, v);
            if key(self, n.args[0]) > key(self, n.args[1]) {
                n.args.swap(0, 1);
            }
        }
        if matches!(n.op, Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr)
            && let Some(k) = self.f.as_const(n.args[1])
        {
            let w = width(n.ty) as u64;
            if k >= w + on(Bug::ShiftByWidth) as u64 {
                n.args[1] = self.iconst(n.ty, k % w);
            }
        }
    }

    /// The floating node that is equal to this one, whose hash is `h`.
    fn shared(&self, node: &Node, h: u64) -> Option<Value> {
        let same = |&v: &Value| {
            let m = self.f.node(v);
            let types = m.ty == node.ty || on(Bug::SharedAcrossTypes) && m.op == Op::Const;
            m.op == node.op && types && shared_imm(m) == shared_imm(node) && m.args == node.args
        };
        self.table.find(h, same).copied()
    }

    /// A new floating node, to be shared from now on.
    fn add(&mut self, node: Node, h: u64, fact: Fact) -> Value {
        let v = self.f.add_node(node);
        self.facts.push(fact);
        let nodes = &self.f.nodes;
        self.table
            .insert_unique(h, v, |&v| hash(&nodes[v.0 as usize]));
        v
    }

    fn apply_rules(&mut self, n: &Node) -> Option<Value> {
        let candidates = rules::table().for_op(n.op);
        if candidates.is_empty() {
            return None;
        }
        let operands = Operands::of(&self.f, n);
        debug_assert!(
            candidates
                .iter()
                .all(|c| c.admits(&operands) || self.match_rule(c.rule, n).is_none()),
            "a rule that matches was not tried"
        );
        let candidates = candidates.iter().filter(|c| c.admits(&operands));
        for i in candidates.map(|c| c.rule) {
            if let Some(bound) = self.match_rule(i, n) {
                if !self.choices.fuel(rules::table().all()[i as usize].name) {
                    continue;
                }
                self.hits[i as usize] += 1;
                return Some(self.build_rule(i, n, &bound));
            }
        }
        None
    }

    fn match_rule(&self, i: u16, n: &Node) -> Option<Bound> {
        let r = &rules::table().all()[i as usize];
        let graph = Graph {
            f: &self.f,
            facts: &self.facts,
            enter: &|_| true,
        };
        graph
            .matches(r, n)
            .filter(|b| typing::fits(&r.result, n.ty, &self.var_types(b)))
    }

    fn build_rule(&mut self, i: u16, n: &Node, bound: &Bound) -> Value {
        let result = &rules::table().all()[i as usize].result;
        self.build(result, n.ty, bound, operand_width(&self.f, n), n.loc)
    }

    /// What one rule makes of a node, if it matches: for those who judge rules one by one.
    pub fn apply_rule(&mut self, i: u16, n: &Node) -> Option<Value> {
        let bound = self.match_rule(i, n)?;
        Some(self.build_rule(i, n, &bound))
    }

    /// Types of bound values.
    fn var_types<'b>(&'b self, b: &'b Bound) -> impl Fn(u8) -> Ty + 'b {
        |v| self.f.ty(b.vars[v as usize])
    }

    fn build(&mut self, r: &Res, ty: Ty, b: &Bound, n: u32, loc: u32) -> Value {
        match r {
            Res::Var(v) => b.vars[*v as usize],
            Res::Expr(e) => {
                let v = rule::eval(
                    e,
                    n,
                    &View {
                        bound: b,
                        facts: &self.facts,
                    },
                );
                self.iconst(ty, typing::constant(v, n, ty))
            }
            Res::Op(op, args) => {
                let types = typing::operands(*op, args, ty, &self.var_types(b));
                let mut vals: smallvec::SmallVec<[Value; 4]> = smallvec::SmallVec::new();
                for (a, want) in args.iter().zip(types) {
                    vals.push(self.build(a, want, b, n, loc));
                }
                let ty = typing::made(*op, ty);
                debug_assert!(op.class() == Class::Float);
                self.make(*op, ty, &vals, 0, loc)
            }
        }
    }
}
