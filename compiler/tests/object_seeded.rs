//! The seeded bugs of objects, initialization and linking: each must be caught by a case of the firmware tests.
//!
//! A seeded bug is on for the whole process, so they go one after the other in one test. Without the feature there
//! are none; the workspace's tests have it on.
#![cfg(feature = "seeded-bugs")]

// Other tests use what this one does not.
#[allow(dead_code)]
mod firmware;

use firmware::{Build, CASES, Folder, Toolchain};
use thumbsmith::options::FloatHelpers;
use thumbsmith::seeded::{BUGS, set};
use thumbsmith::{Bounds, Cpu, Level};

/// The bugs of these rooms, and the case that catches each.
const CAUGHT_BY: &[(&str, &str)] = &[
    ("SegmentDropped", "state"),
    ("SegmentMisplaced", "state"),
    ("StartSkipped", "state"),
    ("GlobalHalfSet", "state"),
    ("TrapEntryLate", "traps"),
    ("ThumbBitLost", "state"),
    ("CallAddend", "imports"),
    ("OverlayOrder", "state"),
];

#[test]
fn every_seeded_bug_of_the_object_is_caught() {
    let build = Build {
        tools: Toolchain::Gnu,
        cpu: Cpu::CortexM3,
        level: Level::O2,
        bounds: Bounds::Check,
        float_helpers: FloatHelpers::Own,
    };
    let mut caught = 0;
    let rows = BUGS.iter().filter(|b| (120..140).contains(&b.number));
    for (number, name, text) in rows.map(|b| (b.number, b.name, b.text)) {
        let by = CAUGHT_BY.iter().find(|c| c.0 == name);
        let case = by.and_then(|c| CASES.iter().find(|k| k.name == c.1));
        let case = case.unwrap_or_else(|| panic!("no case is said to catch {name}"));
        let dir = Folder::new(&format!("seed-{number}"));
        set(0);
        case.judge(&dir.0, build)
            .unwrap_or_else(|e| panic!("{} without a bug: {e}", case.name));
        set(number);
        let said = case.judge(&dir.0, build);
        set(0);
        assert!(
            said.is_err(),
            "{name} ({text}) is not caught by `{}`",
            case.name
        );
        caught += 1;
    }
    assert_eq!(caught, CAUGHT_BY.len());
}
