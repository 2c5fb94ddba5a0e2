//! A sample of the accesses around the bounds of memories; `oracle memory` makes a hundred times as many.

use thumbsmith::Bounds;
use thumbsmith_oracle::bounds::{Figures, Plan};

/// So many accesses, and what they did.
fn sample(bounds: &[Bounds]) -> Figures {
    let done = Plan {
        accesses: 400_000,
        bounds: bounds.to_vec(),
        cpus: Vec::new(),
        levels: Vec::new(),
        first: 0,
        threads: 2,
    }
    .run()
    .expect("the simulators start");
    println!("{bounds:?}: {}", done.figures.json());
    assert_eq!(done.wrong, Vec::<String>::new());
    assert!(done.figures.accesses >= 400_000);
    done.figures
}

#[test]
fn what_is_checked_traps_and_never_faults() {
    let done = sample(&[Bounds::Check]);
    assert_eq!(done.faults, 0);
    assert!(done.traps > 5_000, "{done:?}");
    assert!(done.references > 1_000, "{done:?}");
}

#[test]
fn what_wraps_never_faults() {
    let done = sample(&[Bounds::Mask]);
    assert_eq!(done.faults, 0);
}

#[test]
fn what_nothing_checks_faults_exactly_outside() {
    let done = sample(&[Bounds::Mpu, Bounds::None]);
    assert!(done.faults > 1_000, "{done:?}");
}
