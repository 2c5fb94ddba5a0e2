//! Each seeded bug of the register allocator is caught; a binary of its own, because the switch is process-wide.
#![cfg(feature = "seeded-bugs")]

use std::panic::catch_unwind;
use thumbsmith::choices::{Choices, Source};
use thumbsmith::regalloc::{allocate, check, simulate, testgen};
use thumbsmith::seeded::{self, BUGS, Bug};

/// Searches random functions for one where the bug is caught; gives how many it took.
fn hunt(number: u16, stage: &str) -> Option<u64> {
    (0..20_000).find(|&seed| {
        let f = testgen::function(&testgen::bytes(seed, 64 + (seed % 13) as usize * 90));
        let source = if seed % 2 == 0 {
            Source::Heuristic
        } else {
            Source::Seed(seed)
        };
        // The checker's bug is that it accepts what execution tells apart, so it is given a wrong allocation.
        seeded::set(if stage == "checker" {
            Bug::CallClobberKept as u16
        } else {
            number
        });
        // A value that the bug lost may have no place at all, which ends the allocator: that is noticed as well.
        let allocation = catch_unwind(|| allocate(&f, &mut Choices::new(source, None)));
        seeded::set(if stage == "checker" { number } else { 0 });
        let Ok(allocation) = allocation else {
            seeded::set(0);
            return stage != "checker";
        };
        let caught = allocation.is_ok_and(|a| match check(&f, &a) {
            Ok(()) => {
                let differs = simulate::differs(&f, &a);
                assert!(
                    !differs || stage == "checker",
                    "bug {number}: the checker accepts a wrong allocation"
                );
                differs
            }
            Err(_) => stage != "checker",
        });
        seeded::set(0);
        caught
    })
}

#[test]
fn each_seeded_bug_is_caught() {
    let mut count = 0;
    let rows = BUGS.iter().filter(|b| (150..200).contains(&b.number));
    for (number, name, stage) in rows.map(|b| (b.number, b.name, b.stage)) {
        let found = hunt(number, stage);
        println!("{number} {name}: function {found:?}");
        assert!(found.is_some(), "{number} {name} is not caught");
        count += 1;
    }
    assert!(count >= 8, "only {count} seeded bugs");
}
