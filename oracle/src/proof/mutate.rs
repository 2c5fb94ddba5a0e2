//! Wrong rules, made from right ones.
//!
//! In: a rule. Out: rules that differ from it in one thing each. They measure the proofs: a mutant must be refuted by a
//! counterexample that the compiler's own evaluators confirm, or be proven, which only a mutant that happens to hold can be.

use crate::generate::near::siblings;
use thumbsmith::backend::rules::LowerRule;
use thumbsmith::isa::{self, ShiftKind};
use thumbsmith::opt::rule::{Bin, Expr, Res, Rule};

/// What was changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// Two operands exchanged.
    Swapped,
    /// The condition left out.
    Unconditional,
    /// Another operation of the same shape.
    OtherOp,
    /// A constant one more than it should be.
    OffByOne,
}

impl Change {
    /// Every one.
    pub const ALL: [Change; 4] = [
        Change::Swapped,
        Change::Unconditional,
        Change::OtherOp,
        Change::OffByOne,
    ];
}

/// Mutants of a rewrite rule.
pub fn rewrite(rule: &Rule) -> Vec<(Change, Rule)> {
    let mut out: Vec<(Change, Rule)> = results(&rule.result)
        .into_iter()
        .map(|(change, result)| {
            let rule = rule.clone();
            (change, Rule { result, ..rule })
        })
        .collect();
    if rule.condition.is_some() {
        let rule = rule.clone();
        out.push((
            Change::Unconditional,
            Rule {
                condition: None,
                ..rule
            },
        ));
    }
    out
}

fn plus_one(e: &Expr) -> Expr {
    Expr::Bin(Bin::Add, Box::new(e.clone()), Box::new(Expr::Lit(1)))
}

/// A result with one thing changed.
fn results(r: &Res) -> Vec<(Change, Res)> {
    match r {
        Res::Var(_) => Vec::new(),
        Res::Expr(e) => vec![(Change::OffByOne, Res::Expr(plus_one(e)))],
        Res::Op(op, args) => {
            let mut out = Vec::new();
            let last = args.len() - 1;
            let same = last > 0 && op.arg_sigs()[last] == op.arg_sigs()[last - 1];
            if same && !op.is_commutative() && args[last] != args[last - 1] {
                let mut args = args.clone();
                args.swap(last, last - 1);
                out.push((Change::Swapped, Res::Op(*op, args)));
            }
            if let Some(other) = siblings(*op).next() {
                out.push((Change::OtherOp, Res::Op(other, args.clone())));
            }
            for (i, a) in args.iter().enumerate() {
                for (change, a) in results(a) {
                    let mut args = args.clone();
                    args[i] = a;
                    out.push((change, Res::Op(*op, args)));
                }
            }
            out
        }
    }
}

/// Mutants of a lowering rule.
pub fn lower(rule: &LowerRule) -> Vec<(Change, LowerRule)> {
    let mut out = Vec::new();
    let mut with = |change: Change, edit: &dyn Fn(&mut LowerRule)| {
        let mut mutant = rule.clone();
        edit(&mut mutant);
        out.push((change, mutant));
    };
    for (k, i) in rule.insts.iter().enumerate() {
        let commutes = i.op.sem().commutes().is_some() && i.shift.is_none();
        if i.uses.len() == 2 && i.uses[0] != i.uses[1] && !commutes {
            with(Change::Swapped, &|r| r.insts[k].uses.swap(0, 1));
        }
        if let Some(other) = other_instruction(i.op) {
            with(Change::OtherOp, &|r| r.insts[k].op = other);
        }
        if let Some(e) = &i.imm {
            with(Change::OffByOne, &|r| r.insts[k].imm = Some(plus_one(e)));
        }
        if let Some(e) = &i.imm2 {
            with(Change::OffByOne, &|r| r.insts[k].imm2 = Some(plus_one(e)));
        }
        if let Some((kind, e)) = &i.shift {
            let (kind, more) = (*kind, plus_one(e));
            with(Change::OffByOne, &|r| {
                r.insts[k].shift = Some((kind, more.clone()))
            });
            let other = if kind == ShiftKind::Lsl {
                ShiftKind::Lsr
            } else {
                ShiftKind::Lsl
            };
            with(Change::OtherOp, &|r| {
                r.insts[k].shift = Some((other, e.clone()))
            });
        }
    }
    if rule.condition.is_some() {
        with(Change::Unconditional, &|r| r.condition = None);
    }
    out
}

/// The next instruction of the table with the same kind of meaning and operands.
fn other_instruction(op: isa::Op) -> Option<isa::Op> {
    let all = isa::Op::ALL;
    let at = all.iter().position(|o| *o == op)?;
    let kind = std::mem::discriminant(&op.sem());
    let mut others = all[at + 1..].iter().chain(&all[..at]).copied();
    others.find(|o| {
        std::mem::discriminant(&o.sem()) == kind && o.roles() == op.roles() && o.sem() != op.sem()
    })
}
