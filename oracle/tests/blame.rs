//! Blame: a seeded bug of a stage is blamed on that stage, and on nothing where there is none.
//!
//! One test, since a seeded bug is on for the whole process.

use thumbsmith_oracle::check::{self, Ask, Judge, Report, Setup};
use thumbsmith_oracle::generate::Family;
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::regression::Case;
use thumbsmith_oracle::stage::OBJECT;
use thumbsmith_oracle::{reduce, seeds};

const MODULE: &str = r#";; options: cortex-m3 -O2 check choices=heuristic
(module (memory 1)
  (func (export "f") (param i32 i64 i32) (result i64 i32)
    (i64.store offset=3000 (local.get 0) (i64.mul (local.get 1) (i64.extend_i32_s (local.get 2))))
    (i64.shl (i64.extend_i32_s (local.get 0)) (local.get 1))
    (i32.div_u (i32.load offset=3004 (local.get 0)) (local.get 2))))
;; call f 0x80 0x100000001 0xfffffff3
;; call f 0xf444 0x100000001 0x3
;; call f 0x4 0xffffffffffffffff 0x7
;; call f 0x4 0xffffffffffffffff 0x0
"#;

/// Bugs that the module above shows, and the pass that should be blamed.
const BUGS: [(u16, &str); 5] = [
    (1, "translate"),
    (14, "translate"),
    (20, "wide"),
    (21, "address"),
    (43, "lower"),
];

/// Bugs of the backend and the object that generated modules show, the family that shows them soon, and the pass that
/// should be blamed.
const GENERATED: [(u16, Family, &str); 22] = [
    (41, Family::Pressure, "lower"),
    (42, Family::Pressure, "lower"),
    (45, Family::Memory, "lower"),
    (46, Family::Control, "lower"),
    (47, Family::Pressure, "lower"),
    (100, Family::Pressure, "lower"),
    (150, Family::Calls, "regalloc"),
    (151, Family::Pressure, "regalloc"),
    (154, Family::Pressure, "regalloc"),
    (159, Family::Pressure, "regalloc"),
    (160, Family::Pressure, "regalloc"),
    (52, Family::Pressure, "emit"),
    (54, Family::Calls, "emit"),
    (55, Family::Rules, "finish"),
    (56, Family::Control, "finish"),
    (51, Family::Pressure, "layout"),
    (126, Family::Pressure, "layout"),
    (200, Family::Pressure, "layout"),
    (201, Family::Calls, "layout"),
    (202, Family::Memory, "layout"),
    (53, Family::Scale, OBJECT),
    (124, Family::Pressure, OBJECT),
];

/// Modules tried for one bug.
const MODULES: u64 = 300;

/// The first generated module that shows the bug which is on: as a difference in what it does, not as an error.
fn shown(judge: &mut Judge, family: Family) -> Option<Box<Report>> {
    let setup = Setup {
        families: vec![family],
        ..Setup::default()
    };
    for seed in 0..MODULES {
        let bytes = Random::new(seed).bytes(12 << 10);
        let Some(mut case) = check::Case::from_bytes(&bytes, &setup) else {
            continue;
        };
        // The compiler's own checks and the static judge would refuse what is wrong; that is for other tests.
        case.options.verify = false;
        case.ask.statics = false;
        let wasm = &case.made.wasm;
        let verdict = judge.judge(family.name(), wasm, &case.options, &case.steps, case.ask);
        match verdict {
            Err(report) if report.difference.kind.is_behaviour() => return Some(report),
            Ok(()) | Err(_) => {}
        }
    }
    None
}

#[test]
fn the_guilty_pass_is_named() {
    let case = Case::parse(MODULE).expect("understood");
    let mut judge = Judge::new().expect("engines start");
    let judge_it = |judge: &mut Judge| {
        judge.judge(
            "blame",
            &case.wasm,
            &case.options,
            &case.steps,
            Ask::THOROUGH,
        )
    };
    assert!(judge_it(&mut judge).is_ok());
    for (number, pass) in BUGS {
        seeds::activate(number);
        let report = judge_it(&mut judge).expect_err(&format!("bug {number} shows"));
        assert_eq!(
            judge.blame(&report).as_deref(),
            Some(pass),
            "bug {number}: {report}"
        );
    }
    // The reducer writes it down.
    let small = reduce::reduce(&mut judge, &case).expect("it differs");
    assert!(small.guilty.starts_with("lower"), "{}", small.print());
    for (number, family, pass) in GENERATED {
        seeds::activate(number);
        let report = shown(&mut judge, family).unwrap_or_else(|| panic!("bug {number} shows"));
        let guilty = judge.blame(&report);
        assert_eq!(guilty.as_deref(), Some(pass), "bug {number}: {report}");
    }
    seeds::activate(0);
    assert!(judge_it(&mut judge).is_ok());
}
