//! Every planted bug of the bounds checks is found by accesses around the bounds.
//!
//! One test, because a seeded bug is on for the whole process.

use thumbsmith::seeded::{BUGS, set};
use thumbsmith_oracle::bounds::Plan;

#[test]
fn every_planted_bug_of_bounds_checks_is_found() {
    let mut found = 0;
    for bug in BUGS.iter().filter(|bug| bug.class == "bounds checks") {
        set(bug.number);
        let plan = Plan {
            accesses: 1_000_000,
            bounds: Vec::new(),
            cpus: Vec::new(),
            levels: Vec::new(),
            first: 0,
            threads: 2,
        };
        let done = plan.run().expect("the simulators start");
        println!("{} {}: {:?}", bug.number, bug.name, done.wrong.first());
        assert!(!done.wrong.is_empty(), "{} {}", bug.number, bug.name);
        found += 1;
    }
    assert!(found >= 5, "only {found} bugs");
}
