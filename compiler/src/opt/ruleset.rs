//! A table of rules: lines of text, parsed once, found by the operation at the root of their patterns.
//!
//! In: lines, and how one is parsed. Out: the rules in order, and for each root operation its rules, each with what can be said
//! of a node's operands before it is matched: a rule that is not admitted does not match (checked where debug builds rewrite).
//! The rewrite rules and the lowering rules are both such tables. Invariant: every line parses and its name is its own,
//! in the table and in the other one, since rules are counted by name; checked by the tests of this file.

use super::rule::Pat;
use crate::ir::{Func, Node, Op, Value};

/// A set of operations, a bit each.
type OpSet = u128;
const _: () = assert!(Op::ALL.len() <= OpSet::BITS as usize);

/// What candidates ask of a node: its first two operands.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    /// Their operations, each as a set of one; everything where there is no operand.
    ops: [OpSet; 2],
    /// Their values where they are constants.
    constants: [Option<u64>; 2],
    /// All bits of their types.
    masks: [u64; 2],
    /// Whether they are one value.
    same: bool,
}

impl Operands {
    /// Those of a node.
    pub fn of(f: &Func, n: &Node) -> Operands {
        let args: &[Value] = &n.args;
        let mut o = Operands {
            ops: [OpSet::MAX; 2],
            constants: [None; 2],
            masks: [0; 2],
            same: matches!(args, [a, b] if a == b),
        };
        for (i, &a) in args.iter().take(2).enumerate() {
            let arg = f.node(a);
            o.ops[i] = 1 << arg.op as u32;
            o.constants[i] = (arg.op == Op::Const).then_some(arg.imm as u64);
            o.masks[i] = arg.ty.mask();
        }
        o
    }
}

/// A rule that is tried on nodes of one operation, and what the first operands must be for its pattern to match: most
/// patterns fail there, before anything is bound.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The number of the rule.
    pub rule: u16,
    commutes: bool,
    ops: [OpSet; 2],
    literals: [Option<i64>; 2],
    same: bool,
}

impl Candidate {
    fn new(rule: u16, op: Op, args: &[Pat]) -> Candidate {
        let ops = |i: usize| match args.get(i) {
            None | Some(Pat::Var(_)) => OpSet::MAX,
            Some(Pat::Const(_) | Pat::Lit(_)) => 1 << Op::Const as u32,
            Some(Pat::Op(op, _)) => 1 << *op as u32,
        };
        let literal = |i: usize| match args.get(i) {
            Some(Pat::Lit(x)) => Some(*x),
            Some(Pat::Var(_) | Pat::Const(_) | Pat::Op(..)) | None => None,
        };
        Candidate {
            rule,
            commutes: op.is_commutative(),
            ops: [ops(0), ops(1)],
            literals: [literal(0), literal(1)],
            same: matches!(args, [Pat::Var(a), Pat::Var(b)] if a == b),
        }
    }

    /// Whether a node with these operands may match.
    pub fn admits(&self, operands: &Operands) -> bool {
        let fits = |pattern: usize, operand: usize| {
            let is =
                |x: i64| operands.constants[operand] == Some(x as u64 & operands.masks[operand]);
            self.ops[pattern] & operands.ops[operand] != 0 && self.literals[pattern].is_none_or(is)
        };
        (!self.same || operands.same)
            && (fits(0, 0) && fits(1, 1) || self.commutes && fits(0, 1) && fits(1, 0))
    }
}

/// What a line of a table becomes.
pub trait Line: Sized {
    /// Parses a line.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn parse(text: &'static str) -> Result<Self, String>;
    /// The rule's name.
    fn name(&self) -> &'static str;
    /// What it matches.
    fn pattern(&self) -> &Pat;
}

/// The name of a group of rules, and their lines.
pub type Group = (&'static str, &'static [&'static str]);

/// A table of rules.
#[derive(Debug)]
pub struct Table<R> {
    rules: Vec<R>,
    by_op: Vec<Vec<Candidate>>,
}

impl<R: Line> Table<R> {
    /// The table of these lines. A line that does not parse is left out: tables are part of the program, so that a
    /// test that parses every line is enough, and the compiler need not panic.
    pub fn new(groups: &[Group]) -> Table<R> {
        let lines = groups.iter().flat_map(|g| g.1);
        let rules: Vec<R> = lines
            .filter_map(|l| R::parse(crate::seeded::rule(l)).ok())
            .collect();
        let mut by_op = vec![Vec::new(); Op::ALL.len()];
        for (i, r) in rules.iter().enumerate() {
            if let Pat::Op(op, args) = r.pattern() {
                by_op[*op as usize].push(Candidate::new(i as u16, *op, args));
            }
        }
        Table { rules, by_op }
    }

    /// The rules, in the order of the lines.
    pub fn all(&self) -> &[R] {
        &self.rules
    }

    /// The rules for a root operation, in the order in which they are tried.
    pub fn for_op(&self, op: Op) -> &[Candidate] {
        &self.by_op[op as usize]
    }

    /// Names of the rules, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rules.iter().map(Line::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend, opt};

    fn every_line_parses<R: Line>(groups: &[Group], table: &Table<R>) {
        for line in groups.iter().flat_map(|g| g.1) {
            R::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        let lines: usize = groups.iter().map(|g| g.1.len()).sum();
        assert_eq!(table.all().len(), lines);
        let found: usize = Op::ALL.iter().map(|op| table.for_op(*op).len()).sum();
        assert_eq!(found, lines, "every rule is found by its root");
    }

    #[test]
    fn every_rule_parses_and_has_its_own_name() {
        every_line_parses(opt::rules::GROUPS, opt::rules::table());
        every_line_parses(backend::rules::GROUPS, backend::rules::table());
        let mut names = std::collections::HashSet::new();
        for name in crate::rules() {
            assert!(names.insert(name), "two rules named {name}");
        }
    }
}
