//! Blame: a seeded bug of a stage is blamed on that stage, and on nothing where there is none.
//!
//! One test, since a seeded bug is on for the whole process.

use thumbsmith_oracle::check::{Ask, Judge};
use thumbsmith_oracle::regression::Case;
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

/// Number of a seeded bug, and the pass that should be blamed.
const BUGS: [(u16, &str); 5] = [
    (1, "translate"),
    (14, "translate"),
    (20, "wide"),
    (21, "address"),
    (43, "backend"),
];

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
    assert!(small.guilty.starts_with("backend"), "{}", small.print());
    seeds::activate(0);
    assert!(judge_it(&mut judge).is_ok());
}
