//! A table of rules: lines of text, parsed once, found by the operation at the root of their patterns.
//!
//! In: lines, and how one is parsed. Out: the rules in order, and for each root operation the numbers of its rules.
//! The rewrite rules and the lowering rules are both such tables. Invariant: every line parses and its name is its own,
//! in the table and in the other one, since rules are counted by name; checked by the tests of this file.

use super::rule::Pat;
use crate::ir::Op;

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

/// A table of rules.
#[derive(Debug)]
pub struct Table<R> {
    rules: Vec<R>,
    by_op: Vec<Vec<u16>>,
}

impl<R: Line> Table<R> {
    /// The table of these lines. A line that does not parse is left out: tables are part of the program, so that a
    /// test that parses every line is enough, and the compiler need not panic.
    pub fn new(lines: &[&'static str]) -> Table<R> {
        let rules: Vec<R> = lines.iter().filter_map(|l| R::parse(l).ok()).collect();
        let mut by_op = vec![Vec::new(); Op::ALL.len()];
        for (i, r) in rules.iter().enumerate() {
            if let Pat::Op(op, _) = r.pattern() {
                by_op[*op as usize].push(i as u16);
            }
        }
        Table { rules, by_op }
    }

    /// The rules, in the order of the lines.
    pub fn all(&self) -> &[R] {
        &self.rules
    }

    /// Numbers of the rules for a root operation, in the order in which they are tried.
    pub fn for_op(&self, op: Op) -> &[u16] {
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

    fn every_line_parses<R: Line>(lines: &[&'static str], table: &Table<R>) {
        for line in lines {
            R::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert_eq!(table.all().len(), lines.len());
        let found: usize = Op::ALL.iter().map(|op| table.for_op(*op).len()).sum();
        assert_eq!(found, lines.len(), "every rule is found by its root");
    }

    #[test]
    fn every_rule_parses_and_has_its_own_name() {
        every_line_parses(opt::rules::TEXT, opt::rules::table());
        every_line_parses(backend::rules::TEXT, backend::rules::table());
        let mut names = std::collections::HashSet::new();
        for name in crate::rules() {
            assert!(names.insert(name), "two rules named {name}");
        }
    }
}
