//! The compiler against the reference: every family with fixed seeds, arbitrary bytes, every regression.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::path::Path;
use thumbsmith_oracle::check::{self, Judge, Setup};
use thumbsmith_oracle::generate::Family;
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::replay;

/// Modules of each family.
const MODULES: u64 = 40;

/// Judges modules of one family; fails with the first report, or if too little was compared.
fn family(family: Family) {
    let mut judge = Judge::new().expect("engines start");
    let setup = Setup {
        families: vec![family],
        ..Setup::default()
    };
    for seed in 0..MODULES {
        if let Err(report) = judge.generated(&Random::new(seed).bytes(12 << 10), &setup) {
            panic!("{report}");
        }
    }
    let counts = &judge.counts;
    assert!(
        counts.functions >= MODULES * 4,
        "only {} functions",
        counts.functions
    );
    assert!(
        counts.tally.executions >= counts.functions * 2,
        "only {} executions",
        counts.tally.executions
    );
}

#[test]
fn ops() {
    family(Family::Ops);
}

#[test]
fn pressure() {
    family(Family::Pressure);
}

#[test]
fn control() {
    family(Family::Control);
}

#[test]
fn memory() {
    family(Family::Memory);
}

#[test]
fn calls() {
    family(Family::Calls);
}

#[test]
fn rules() {
    family(Family::Rules);
}

#[test]
fn smith() {
    family(Family::Smith);
}

proptest! {
    #![proptest_config(Config { cases: 150, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() })]

    /// What a fuzzer feeds: short and long inputs that end anywhere.
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        if let Err(report) = check::lowering(&bytes) {
            return Err(TestCaseError::fail(report.to_string()));
        }
    }
}

#[test]
fn regressions_stay_fixed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../regressions");
    let mut judge = Judge::new().expect("engines start");
    let done = replay::replay(&mut judge, &dir).expect("the folder is there");
    assert!(done.failures.is_empty(), "{}", done.failures.join("\n"));
    assert!(done.files > 0 && done.runs >= done.files * 24, "{done:?}");
}
