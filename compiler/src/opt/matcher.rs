//! Matching patterns against nodes.
//!
//! In: a rule's pattern and condition, a node. Out: the bindings under which it matches. Commutative operands are tried both
//! ways at every depth before a match fails. The optimizer and instruction selection share this matcher; selection
//! restricts which operands a pattern may look into.

use super::facts::Fact;
use super::rule::{self, Bindings, Expr, FactOf, Pat, Rule};
use crate::ir::{Func, Node, Sig, Ty, Value};

/// What a match bound: values and constants by number.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Values.
    pub vars: [Value; 6],
    /// Constants, zero-extended.
    pub consts: [u64; 6],
    has: u16,
}

impl Bound {
    /// Constants alone, by number: for those who judge what a rule computes from them.
    pub fn constants(consts: &[u64]) -> Bound {
        let mut b = Bound::none();
        for (slot, c) in b.consts.iter_mut().zip(consts) {
            *slot = *c;
        }
        b
    }

    fn none() -> Bound {
        Bound {
            vars: [Value(0); 6],
            consts: [0; 6],
            has: 0,
        }
    }
}

/// Bindings with the facts of the values.
pub struct View<'a> {
    /// The bindings.
    pub bound: &'a Bound,
    /// Facts by value.
    pub facts: &'a [Fact],
}

impl Bindings for View<'_> {
    fn constant(&self, c: u8) -> u64 {
        self.bound.consts[c as usize]
    }
    fn fact(&self, f: FactOf, v: u8) -> u64 {
        let fact = &self.facts[self.bound.vars[v as usize].0 as usize];
        match f {
            FactOf::Zeros => fact.zeros,
            FactOf::Ones => fact.ones,
            FactOf::Umin => fact.umin,
            FactOf::Umax => fact.umax,
            FactOf::Smin => fact.smin as u64,
            FactOf::Smax => fact.smax as u64,
        }
    }
}

/// Width of a value in bits.
pub fn width(ty: Ty) -> u32 {
    if ty == Ty::I32 { 32 } else { 64 }
}

/// The width at which the expressions of a rule for this node are computed: that of the operands that the row of
/// the operation says are of one type (a `select` is as wide as what it selects, not as its condition).
pub fn operand_width(f: &Func, n: &Node) -> u32 {
    let mut typed = n.op.arg_sigs().iter().zip(&n.args);
    let same = typed.find(|(sig, _)| **sig == Sig::T).map(|(_, &a)| a);
    let operand = same.or_else(|| n.args.first().copied());
    width(operand.map_or(n.ty, |a| f.ty(a)))
}

/// What patterns are matched against.
pub struct Graph<'a> {
    /// The function.
    pub f: &'a Func,
    /// Facts by value.
    pub facts: &'a [Fact],
    /// Whether a pattern may look into an operand.
    pub enter: &'a dyn Fn(Value) -> bool,
}

impl Graph<'_> {
    /// Bindings under which the rule matches, its condition included.
    pub fn matches(&self, r: &Rule, n: &Node) -> Option<Bound> {
        self.matches_pattern(&r.pattern, r.condition.as_ref(), n)
    }

    /// Bindings under which a pattern (an operation) and a condition match.
    pub fn matches_pattern(&self, p: &Pat, condition: Option<&Expr>, n: &Node) -> Option<Bound> {
        let Pat::Op(_, args) = p else { return None };
        let mut b = Bound::none();
        let bits = operand_width(self.f, n);
        let found = std::cell::Cell::new(None);
        let accept = |b: &Bound| {
            let ok = condition.is_none_or(|c| {
                rule::eval(
                    c,
                    bits,
                    &View {
                        bound: b,
                        facts: self.facts,
                    },
                ) != 0
            });
            if ok {
                found.set(Some(*b));
            }
            ok
        };
        self.args(args, n, &mut b, &accept);
        found.get()
    }

    fn args(&self, pats: &[Pat], n: &Node, b: &mut Bound, then: &dyn Fn(&Bound) -> bool) -> bool {
        let saved = *b;
        if self.sequence(pats, &n.args, b, then) {
            return true;
        }
        if n.op.is_commutative() {
            *b = saved;
            return self.sequence(pats, &[n.args[1], n.args[0]], b, then);
        }
        false
    }

    /// Matches the first pattern, then the rest, then `then`: so that a commutative operand deep inside is tried
    /// both ways before the whole fails.
    fn sequence(
        &self,
        pats: &[Pat],
        vals: &[Value],
        b: &mut Bound,
        then: &dyn Fn(&Bound) -> bool,
    ) -> bool {
        let (Some((p, pats)), Some((&v, vals))) = (pats.split_first(), vals.split_first()) else {
            return then(b);
        };
        match p {
            Pat::Var(i) => {
                let (i, bit) = (*i as usize, 1 << i);
                if b.has & bit != 0 && b.vars[i] != v {
                    return false;
                }
                b.has |= bit;
                b.vars[i] = v;
            }
            Pat::Const(i) => {
                let Some(c) = self.f.as_const(v) else {
                    return false;
                };
                let (i, bit) = (*i as usize, 1 << (8 + i));
                if b.has & bit != 0 && b.consts[i] != c {
                    return false;
                }
                b.has |= bit;
                b.consts[i] = c;
            }
            Pat::Lit(x) => {
                if self.f.as_const(v) != Some(*x as u64 & self.f.ty(v).mask()) {
                    return false;
                }
            }
            Pat::Op(op, inner) => {
                let n = self.f.node(v);
                if n.op != *op || !(self.enter)(v) {
                    return false;
                }
                let rest = |bound: &Bound| self.sequence(pats, vals, &mut bound.clone(), then);
                return self.args(inner, n, b, &rest);
            }
        }
        self.sequence(pats, vals, b, then)
    }
}
