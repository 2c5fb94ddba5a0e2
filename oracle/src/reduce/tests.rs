//! The reducer on tests that stand in for a compiler: small is reached, and what made the difference stays.

use super::*;
use crate::generate::Family;
use crate::generate::draw::Draw;
use crate::random::Random;

/// A module of the family whose text contains `needle`.
fn module_with(family: Family, needle: &str) -> Vec<u8> {
    let made = |seed: u64| {
        family
            .make(&mut Draw::new(&Random::new(seed).bytes(8192)), &[])
            .map(|m| m.wasm)
    };
    (0..200)
        .filter_map(made)
        .find(|w| text(w).contains(needle))
        .expect("some module has it")
}

fn text(wasm: &[u8]) -> String {
    wasmprinter::print_bytes(wasm).expect("valid modules print")
}

#[test]
fn a_module_shrinks_to_the_operator_that_matters() {
    let wasm = module_with(Family::Pressure, "i64.rotr");
    let mut tests = 0;
    let mut test = |c: &Candidate| {
        tests += 1;
        text(&c.wasm).contains("i64.rotr")
    };
    let small = shrink(
        Candidate {
            wasm: wasm.clone(),
            steps: Vec::new(),
        },
        &mut test,
    );
    let text = text(&small.wasm);
    assert!(
        small.wasm.len() <= 60,
        "{} of {} bytes are left after {tests} tests:\n{text}",
        small.wasm.len(),
        wasm.len()
    );
    wasmparser::validate(&small.wasm).expect("valid");
}

#[test]
fn several_memories_with_pages_of_one_byte_are_no_obstacle() {
    let wasm = wat::parse_str(
        r#"(module (memory 1 1) (memory 40001 40001 (pagesize 1)) (func $g (param i32) (result i32) (local.get 0))
           (func (export "f") (param i32) (result i32)
             (i32.store 1 offset=9 (call $g (local.get 0)) (memory.size 1))
             (i32.rotl (i32.load16_u offset=4 (i32.and (local.get 0) (i32.const 31))) (call $g (i32.const 5)))))"#,
    )
    .expect("text parses");
    let mut test = |c: &Candidate| {
        let t = text(&c.wasm);
        t.contains("memory.size 1") && c.steps.len() == 1
    };
    let steps = vec![Step::Call(0, vec![3])];
    let small = text(&shrink(Candidate { wasm, steps }, &mut test).wasm);
    for gone in ["call", "load", "rotl"] {
        assert!(!small.contains(gone), "{small}");
    }
}

#[test]
fn steps_parameters_and_arguments_shrink_and_the_called_export_stays() {
    let wasm = wat::parse_str(
        r#"(module (func (export "a") (param i32 i64) (result i32)
             (i32.add (i32.mul (local.get 0) (i32.const 77)) (i32.wrap_i64 (local.get 1))))
           (func (export "b") (param i64)) (global (export "g") (mut i32) (i32.const 0)))"#,
    )
    .expect("text parses");
    let steps = [
        Step::Call(1, vec![4]),
        Step::Set(0, 5),
        Step::Call(0, vec![0xffff_1234, 0x1_0000_0001]),
        Step::Call(1, vec![9]),
    ];
    // The difference: `a` is called with an odd last argument, and multiplies.
    let mut test = |c: &Candidate| {
        let info = Info::read(&c.wasm).expect("in scope");
        let odd = |args: &[u64]| args.last().is_some_and(|a| a & 1 == 1);
        let called = c
            .steps
            .iter()
            .any(|s| matches!(s, Step::Call(e, args) if info.exports[*e].name == "a" && odd(args)));
        called && text(&c.wasm).contains("i32.mul")
    };
    let small = shrink(
        Candidate {
            wasm,
            steps: steps[..3].to_vec(),
        },
        &mut test,
    );
    assert_eq!(small.steps, vec![Step::Call(0, vec![1])]);
    assert!(!text(&small.wasm).contains("\"b\""));
}

#[test]
fn blocks_open_and_constants_halve() {
    let wasm = wat::parse_str(
        r#"(module (func (export "f") (param i32) (result i32)
             (block (result i32) (loop (result i32) (i32.shl (local.get 0) (i32.const 1000))))))"#,
    )
    .expect("text parses");
    let big = |t: &str| {
        t.split("i32.const ")
            .nth(1)
            .and_then(|n| n.split_whitespace().next()?.parse::<i32>().ok())
    };
    let mut test = |c: &Candidate| {
        let t = text(&c.wasm);
        t.contains("i32.shl")
            && t.lines().count() > 3
            && big(&t).is_some_and(|n| n > 30)
            && c.steps.len() == 1
    };
    let small = shrink(
        Candidate {
            wasm,
            steps: vec![Step::Call(0, vec![3])],
        },
        &mut test,
    );
    let t = text(&small.wasm);
    assert!(!t.contains("block") && !t.contains("loop"), "{t}");
    assert!(big(&t).is_some_and(|n| n <= 62), "{t}");
}

#[test]
fn functions_end_early_and_one_arm_is_enough() {
    let wasm = wat::parse_str(
        r#"(module (import "env" "i" (func $i (param f64 i64) (result f64 i32))) (memory 1 1)
           (func (export "f") (param i32) (result f64 i32)
             (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 4)) (else (i32.clz (local.get 0))))
             (i32.store (i32.const 7))
             (return_call $i (f64.const 2.5) (i64.const 3))))"#,
    );
    let wasm = wasm.expect("text parses");
    let mut test = |c: &Candidate| {
        let t = text(&c.wasm);
        t.contains("i32.store") && t.contains("i32.clz")
    };
    let steps = vec![Step::Call(0, vec![3])];
    let small = text(&shrink(Candidate { wasm, steps }, &mut test).wasm);
    for gone in ["return", "import", "2.5", "if", "else"] {
        assert!(!small.contains(gone), "{gone} in {small}");
    }
}
