//! The static judge on code that is right and on code that is wrong in one way.

use super::cases::{assemble, count, findings, judge};
use thumbsmith::Cpu;

#[test]
fn right_code_passes_and_wrong_code_is_named() {
    assert!(count() > 20);
    for number in 0..count() {
        judge(number).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn what_a_core_lacks_is_not_legal() {
    let s = assemble(&["sxtab r0, r1, r2", "bx lr"]).expect("understood");
    assert_eq!(findings(&s, Cpu::CortexM4), "");
    assert!(findings(&s, Cpu::CortexM3).contains("not legal"));
    let all = [
        Cpu::CortexM4,
        Cpu::CortexM4F,
        Cpu::CortexM33F,
        Cpu::CortexM7F,
    ];
    for (line, legal) in [
        ("vpush {s16, s17}", [false, true, true, true]),
        ("vldr d0, [sp, #8]", [false, true, true, true]),
        ("vadd.f32 s0, s0, s1", [false, true, true, true]),
        ("vselgt.f32 s0, s0, s1", [false, false, true, true]),
        ("vadd.f64 d0, d0, d1", [false, false, false, true]),
        ("vcvt.f64.f32 d0, s0", [false, false, false, true]),
    ] {
        let s = assemble(&[line, "bx lr"]).expect("understood");
        let found = all.map(|cpu| !findings(&s, cpu).contains("not legal"));
        assert_eq!(found, legal, "{line}");
    }
}
