//! Tests of the allocator over random functions and random choices.

use super::{Allocation, Edit, Loc, allocate, check, simulate, testgen};
use crate::backend::mir::MFunc;
use crate::choices::{Choices, Source};
use crate::isa::Reg;

const STEPS: usize = 400;

fn random(seed: u64) -> MFunc {
    testgen::function(&testgen::bytes(seed, 64 + (seed % 13) as usize * 90))
}

fn source(seed: u64) -> Source {
    match seed % 3 {
        0 => Source::Heuristic,
        1 => Source::Seed(seed),
        _ => Source::Bytes(testgen::bytes(seed ^ 77, 400)),
    }
}

/// Whether execution of the allocation differs from that of the function on one of a few paths.
fn differs(f: &MFunc, a: &Allocation) -> bool {
    (0..4).any(|s| simulate::run_virtual(f, s, STEPS) != simulate::run_allocated(f, a, s, STEPS))
}

#[test]
fn random_functions_with_random_choices_are_allocated_rightly() {
    let (mut insts, mut edits) = (0, 0);
    for seed in 0..20_000 {
        let f = random(seed);
        let a = allocate(&f, &mut Choices::new(source(seed), None)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        if let Err(e) = check(&f, &a) {
            panic!("seed {seed}: {e}");
        }
        assert!(!differs(&f, &a), "seed {seed}: execution differs and the checker accepts");
        insts += f.blocks.iter().map(|b| b.insts.len()).sum::<usize>();
        edits += a.edits.iter().map(Vec::len).sum::<usize>();
    }
    assert!(insts > 500_000 && edits > 50_000, "the generator degenerated: {insts} instructions, {edits} edits");
}

#[allow(dead_code)]
fn dump(f: &MFunc, a: &Allocation) -> String {
    use std::fmt::Write;
    let mut s = String::new();
    for (b, block) in f.blocks.iter().enumerate() {
        writeln!(s, "b{b} {:?} preds {:?} cold {}", block.params, block.preds, block.cold).unwrap();
        for (i, inst) in block.insts.iter().enumerate() {
            for (_, e) in a.edits[b].iter().filter(|e| e.0 == i as u32) {
                writeln!(s, "        {e:?}").unwrap();
            }
            let (d, u) = a.operands(b as u32, i as u32, inst);
            let o = if a.is_omitted(b as u32, i as u32) { "omitted" } else { "" };
            writeln!(s, "   {i}: {:?} {:?} = {:?}   {d:?} {u:?} {o} {:?}", inst.op, inst.defs, inst.uses, inst.abi).unwrap();
        }
        for e in &block.succs {
            writeln!(s, "   -> {:?} {:?}", e.to, e.args).unwrap();
        }
    }
    s.replace("VReg(", "v").replace("MBlockId(", "b").replace("Reg(", "").replace("Slot(", "s").replace(")", "")
}

#[test]
fn dbg() {
    let Ok(seed) = std::env::var("SEED") else { return };
    let seed: u64 = seed.parse().unwrap();
    let f = random(seed);
    let a = allocate(&f, &mut Choices::new(source(seed), None)).unwrap();
    println!("{}", dump(&f, &a));
    println!("{:?}", check(&f, &a));
}
