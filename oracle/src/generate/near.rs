//! Near misses of a pattern: what a rule must not take for its own.
//!
//! In: a pattern of a rule. Out: patterns that differ from it in one place each: a number one more or less, another
//! operation of the same shape, two values or constants where it wants the same one twice. Invariant: derived from the
//! pattern alone, so that a rule has its near misses the day it is written.

use thumbsmith::ir::{Class, Op};
use thumbsmith::opt::rule::Pat;

/// Operations with the operands and the result of this one, in the order of the table from it on.
pub fn siblings(op: Op) -> impl Iterator<Item = Op> {
    let at = Op::ALL.iter().position(|o| *o == op).unwrap_or(0);
    let others = Op::ALL[at + 1..].iter().chain(&Op::ALL[..at]).copied();
    others.filter(move |o| {
        o.class() == Class::Float && o.arg_sigs() == op.arg_sigs() && o.ret_sig() == op.ret_sig()
    })
}

/// Patterns that differ in one place.
pub fn misses(pattern: &Pat) -> Vec<Pat> {
    let mut seen = Vec::new();
    let fresh = fresh(pattern);
    inside(pattern, &mut seen, fresh)
}

/// Numbers that no value and no constant of the pattern has.
fn fresh(pattern: &Pat) -> (u8, u8) {
    match pattern {
        Pat::Var(v) => (v + 1, 0),
        Pat::Const(c) => (0, c + 1),
        Pat::Lit(_) => (0, 0),
        Pat::Op(_, args) => args
            .iter()
            .map(fresh)
            .fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d))),
    }
}

/// The near misses that differ inside this part; `seen` holds the names before it.
fn inside(part: &Pat, seen: &mut Vec<Pat>, new: (u8, u8)) -> Vec<Pat> {
    match part {
        Pat::Var(_) | Pat::Const(_) if !seen.contains(part) => {
            seen.push(part.clone());
            Vec::new()
        }
        Pat::Var(_) => vec![Pat::Var(new.0)],
        Pat::Const(_) => vec![Pat::Const(new.1)],
        Pat::Lit(n) => vec![Pat::Lit(n.wrapping_add(1)), Pat::Lit(n.wrapping_sub(1))],
        Pat::Op(op, args) => {
            let mut out: Vec<Pat> = siblings(*op).map(|o| Pat::Op(o, args.clone())).collect();
            for (i, a) in args.iter().enumerate() {
                for changed in inside(a, seen, new) {
                    let mut args = args.clone();
                    args[i] = changed;
                    out.push(Pat::Op(*op, args));
                }
            }
            out
        }
    }
}
