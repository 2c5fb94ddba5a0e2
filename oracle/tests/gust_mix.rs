//! The seed function: right on all 65,536 inputs whatever the upper bits hold, in at most 12 instructions.

use thumbsmith::isa::{Op, decode};
use thumbsmith::{Cpu, Level, Options};
use thumbsmith_oracle::arm::executor::ExecutorCore;
use thumbsmith_oracle::arm::machine::Machine;
use thumbsmith_oracle::engine::{Engine, Outcome};
use thumbsmith_oracle::program::{Info, Program};

/// What the function is, in plain arithmetic.
fn expected(channel: u16) -> u64 {
    let centered = (256 * (channel as i32 - 1024)) >> 8;
    (1500 + centered).clamp(1000, 2000) as u64
}

fn program(level: Level) -> Program {
    let wasm =
        wat::parse_str(include_str!("../../corpus/gust_mix.wat")).expect("the corpus parses");
    let options = Options {
        level,
        name: "m".into(),
        ..Options::default()
    };
    let object = thumbsmith::compile(&wasm, &options)
        .expect("compiles")
        .object;
    let info = Info::read(&wasm).expect("reads");
    Program {
        wasm,
        info,
        object,
        options,
        memory_limit: None,
    }
}

#[test]
fn every_input_with_clean_and_dirty_upper_bits() {
    for level in [Level::O0, Level::O2, Level::Oz] {
        let mut machine = Machine::new(ExecutorCore::new(Cpu::CortexM3, 10_000));
        machine.load(&program(level)).expect("links");
        machine.instantiate();
        for channel in 0..=u16::MAX {
            for upper in [
                0u64,
                0xffff_0000,
                (channel as u64).wrapping_mul(0x9e37_79b1) & 0xffff_0000,
            ] {
                let got = machine.call(0, &[upper | channel as u64]);
                let want = Outcome::Returned([expected(channel)].as_slice().into());
                assert_eq!(
                    got,
                    want,
                    "{channel} with upper bits {upper:#x} at -O{}",
                    level.name()
                );
            }
        }
    }
}

#[test]
fn at_most_twelve_instructions() {
    let wasm =
        wat::parse_str(include_str!("../../corpus/gust_mix.wat")).expect("the corpus parses");
    let options = Options {
        name: "m".into(),
        ..Options::default()
    };
    let asm = thumbsmith::compile_with(&wasm, &options, None, true)
        .expect("compiles")
        .asm;
    let head = asm
        .lines()
        .find(|l| l.contains("gust_mix:"))
        .expect("listed");
    let words: Vec<&str> = head.split_whitespace().collect();
    let at = words
        .iter()
        .position(|w| w.starts_with("instructions"))
        .expect("counted");
    let count: u32 = words[at - 1].parse().expect("a number");
    assert!(count <= 12, "{head}");
    // The decoder knows the return, so the listing is of real code.
    assert_eq!(decode(&[0x4770], None).map(|d| d.0.op), Ok(Op::BxR));
}
