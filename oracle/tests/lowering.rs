//! The compiler against the reference: every family with fixed seeds, arbitrary bytes, every regression.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::path::Path;
use thumbsmith_oracle::allocation;
use thumbsmith_oracle::check::{self, Direct, Judge, Setup};
use thumbsmith_oracle::generate::Family;
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::replay;

/// Modules of each family.
const MODULES: u64 = 40;

/// Judges modules of one family; fails with the first report, or if too little was compared.
fn family(family: Family) {
    // A module of `scale` is one to three functions, but long ones.
    let functions = if family == Family::Scale { 1 } else { 4 };
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
        counts.functions >= MODULES * functions,
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
fn scale() {
    family(Family::Scale);
}

/// Judges inputs of a check without a module.
fn direct(which: Direct, inputs: u64) {
    let mut judge = Judge::new().expect("engines start");
    for seed in 0..inputs {
        let bytes = Random::new(seed).bytes(64 + seed as usize % 1200);
        if let Err(report) = judge.direct(which, &bytes) {
            panic!("{report}");
        }
    }
    assert_eq!(judge.counts.direct, inputs);
}

#[test]
fn regalloc() {
    direct(Direct::Regalloc, 1500);
}

#[test]
fn encoding() {
    direct(Direct::Encoding, 600);
}

#[test]
fn execution_tells_spoiled_allocations_apart() {
    let told: u64 = (0..300)
        .map(|seed| {
            allocation::judge(&Random::new(seed).bytes(900)).unwrap_or_else(|e| panic!("{e}"))
        })
        .sum();
    assert!(
        told >= 10,
        "only {told} spoiled allocations were told apart"
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
