//! How much was judged: what a hunt prints and the gate demands.
//!
//! In: what judges did. Out: sums. Invariant: only what was compared to the end counts as observed.

use crate::compare::Tally;
use crate::qemu;
use crate::statistics::Statistics;
use std::collections::BTreeMap;

/// How much a judge has judged.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Modules compared.
    pub modules: u64,
    /// Exported functions compared.
    pub functions: u64,
    /// Instructions that the static judge found right.
    pub instructions: u64,
    /// Modules that the compiler refused as out of its scope.
    pub refused: u64,
    /// Inputs of checks without a module that were judged to the end.
    pub direct: u64,
    /// Modules of each family, and inputs of each check without a module.
    pub families: BTreeMap<&'static str, u64>,
    /// How good each family's modules were.
    pub statistics: BTreeMap<&'static str, Statistics>,
    /// Times that each rule of the compiler fired.
    pub fired: BTreeMap<&'static str, u64>,
    /// Of those, times that it fired in a module each of whose exports was called and compared to the end.
    pub observed: BTreeMap<&'static str, u64>,
    /// What the comparisons covered.
    pub tally: Tally,
    /// What QEMU ran.
    pub qemu: qemu::Counts,
}

impl Counts {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Counts) {
        self.modules += other.modules;
        self.functions += other.functions;
        self.instructions += other.instructions;
        self.refused += other.refused;
        self.direct += other.direct;
        self.tally.add(&other.tally);
        self.qemu.add(&other.qemu);
        for (name, n) in &other.families {
            *self.families.entry(name).or_default() += n;
        }
        for (name, seen) in &other.statistics {
            self.statistics.entry(name).or_default().add(seen);
        }
        for (name, n) in &other.fired {
            *self.fired.entry(name).or_default() += n;
        }
        for (name, n) in &other.observed {
            *self.observed.entry(name).or_default() += n;
        }
    }
}
