//! What can be left out without changing what a program does: the names that `--without` takes.
//!
//! In: the tables of passes and rules, and [`DECISIONS`]. Out: [`names`], and [`left_out`], which turns such names into those
//! of single rewrites. Invariant: any set of them may be left out, of any level, and the code is right; the oracle's
//! gate measures each alone, on and off, against the ledger in `docs/optimizations.md`, in which each has a row.

use crate::error::{Error, ErrorKind, Result};
use crate::opt::ruleset::Group;
use crate::pipeline::PASSES;
use crate::{backend, opt};
use rustc_hash::FxHashSet;

/// Optimizations that are neither a pass nor a group of rules, by the name under which [`crate::choices::Choices`]
/// is asked for them.
pub const DECISIONS: &[&str] = &[
    "branch-by-range",
    "compare-bits",
    "constant-by-range",
    "guard-by-range",
    "hoist",
    "if-convert",
    "jumps",
    "narrow",
    "share",
];

/// Before the name of a group of rewrite rules, and of one of lowering rules.
const PREFIXES: [&str; 2] = ["rewrite", "lower"];

fn groups() -> impl Iterator<Item = (String, &'static Group)> {
    let tables = [opt::rules::GROUPS, backend::rules::GROUPS];
    PREFIXES
        .iter()
        .zip(tables)
        .flat_map(|(prefix, table)| table.iter().map(move |g| (format!("{prefix}-{}", g.0), g)))
}

/// Every name: passes that not every level runs, groups of rules, decisions.
pub fn names() -> Vec<String> {
    let passes = PASSES.iter().filter(|p| p.is_optional());
    let passes = passes.map(|p| p.name.to_owned());
    let decisions = DECISIONS.iter().map(|d| (*d).to_owned());
    passes
        .chain(groups().map(|g| g.0))
        .chain(decisions)
        .collect()
}

/// The rewrites and decisions that go with these names. Names of passes stand for themselves.
///
/// # Errors
/// [`ErrorKind::Options`], if there is no such optimization, with those that there are.
pub fn left_out(without: &[String]) -> Result<FxHashSet<&'static str>> {
    let mut off = FxHashSet::default();
    for name in without {
        if let Some((_, group)) = groups().find(|g| g.0 == *name) {
            let rule = |line: &&'static str| line.split_once(':').map(|l| l.0);
            off.extend(group.1.iter().filter_map(rule));
        } else if let Some(decision) = DECISIONS.iter().find(|d| *d == name) {
            off.insert(*decision);
        } else if let Some(rule) = crate::rules().into_iter().find(|r| r == name) {
            // One rule of a group: where only it can match, instruction selection takes it nevertheless.
            off.insert(rule);
        } else if !PASSES.iter().any(|p| p.is_optional() && p.name == name) {
            let what = format!("there is no optimization `{name}` that can be left out");
            return Err(Error::new(ErrorKind::Options, what)
                .help(format!("one of: {}", names().join(", "))));
        }
    }
    Ok(off)
}
