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
}
