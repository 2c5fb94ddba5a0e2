//! Tests of the allocator and of its checker, over random functions and random choices.

use super::simulate::{self, differs};
use super::{Allocation, Edit, Loc, allocate, check, testgen};
use crate::backend::mir::MFunc;
use crate::choices::{Choices, Source};
use crate::isa::{Class, Reg, RegSet};

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

fn count_insts(f: &MFunc) -> usize {
    f.blocks.iter().map(|b| b.insts.len()).sum()
}

fn judge(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let (mut insts, mut edits) = (0, 0);
    for seed in seeds {
        let f = random(seed);
        let a = allocate(&f, &mut Choices::new(source(seed), None))
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        if let Err(e) = check(&f, &a) {
            panic!("seed {seed}: {e}");
        }
        assert!(
            !differs(&f, &a),
            "seed {seed}: execution differs and the checker accepts"
        );
        insts += count_insts(&f);
        edits += a.edits.iter().map(Vec::len).sum::<usize>();
    }
    (insts, edits)
}

#[test]
fn random_functions_with_random_choices_are_allocated_rightly() {
    let (insts, edits) = judge(0..20_000);
    assert!(
        insts > 500_000 && edits > 50_000,
        "the generator degenerated: {insts} instructions, {edits} edits"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_a_function_that_is_allocated_rightly(bytes in proptest::collection::vec(0u8.., 0..600)) {
        simulate::judge(&bytes).unwrap();
    }
}

/// The same over far more functions; run it with `--ignored` after changing the allocator.
#[test]
#[ignore = "minutes"]
fn many_more_random_functions_are_allocated_rightly() {
    let (insts, edits) = judge(20_000..1_000_000);
    println!("{insts} instructions, {edits} edits");
}

/// Changes one thing in an allocation; `false` if there was nothing to change.
fn corrupt(f: &MFunc, a: &mut Allocation, seed: u64) -> bool {
    let pick = |n: usize, salt: u64| {
        let bytes = testgen::bytes(seed.wrapping_mul(31) + salt, 8);
        bytes
            .iter()
            .fold(0usize, |sum, &b| sum << 8 | b as usize)
            .checked_rem(n)
    };
    let Some(b) = pick(f.blocks.len(), 1) else {
        return false;
    };
    let Some(e) = pick(a.edits[b].len().max(1), 2) else {
        return false;
    };
    let other = |r: Reg| {
        let number = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14][pick(14, 3).unwrap_or(0)];
        r.class().reg(number).unwrap_or(r)
    };
    let slots = |edit: &Edit| match edit.registers().iter().any(|r| r.is_float()) {
        true => a.float_slots,
        false => a.slots,
    };
    let slot = a.edits[b]
        .get(e)
        .and_then(|e| pick(slots(&e.1) as usize, 4));
    let slot = slot.unwrap_or(0) as u32;
    let before = a.clone();
    let exchangeable = a.edits[b].get(e).map(|e| e.0) == a.edits[b].get(e + 1).map(|e| e.0);
    match (seed % 6, a.edits[b].get_mut(e)) {
        (0, Some(_)) => {
            a.edits[b].remove(e);
        }
        (1, Some((_, Edit::Move { from, .. }))) => {
            *from = match *from {
                Loc::Reg(r) => Loc::Reg(other(r)),
                Loc::Slot(_) => Loc::Slot(slot),
            };
        }
        (2, Some((_, Edit::Move { to, .. }))) => {
            *to = match *to {
                Loc::Reg(r) => Loc::Reg(other(r)),
                Loc::Slot(_) => Loc::Slot(slot),
            };
        }
        (3, Some((_, Edit::Swap(x, y)))) => {
            let (x, y) = (*x, *y);
            a.edits[b][e].1 = Edit::Move {
                from: Loc::Reg(x),
                to: Loc::Reg(y),
            };
        }
        (3, Some((_, Edit::Remat { to, .. }))) => *to = other(*to),
        (4, Some(_)) if exchangeable => a.edits[b].swap(e, e + 1),
        _ => {
            if let Some(r) = pick(a.regs[b].len(), 5) {
                a.regs[b][r] = other(a.regs[b][r]);
            }
        }
    }
    a.used = RegSet::ALLOCATABLE
        .or(RegSet::FLOAT_CALLER_SAVED)
        .or(RegSet::FLOAT_CALLEE_SAVED);
    before.edits != a.edits || before.regs != a.regs
}

#[test]
fn what_execution_tells_apart_the_checker_rejects() {
    let (mut different, mut harmless, mut strict) = (0, 0, 0);
    for seed in 0..30_000 {
        let f = random(seed);
        let mut a = allocate(&f, &mut Choices::new(source(seed), None)).unwrap();
        if !corrupt(&f, &mut a, seed) {
            continue;
        }
        match (check(&f, &a).is_ok(), differs(&f, &a)) {
            (true, true) => panic!("seed {seed}: execution differs and the checker accepts"),
            (false, true) => different += 1,
            (true, false) => harmless += 1,
            (false, false) => strict += 1,
        }
    }
    // The checker judges all paths, execution a few of them, so some rejections have no witness.
    assert!(
        different > 8_000,
        "rejected {different}, accepted {harmless}, rejected without witness {strict}"
    );
}

/// A shape with its name.
const fn shape(name: &str, reach: usize, calls: bool, floats: Class) -> (&str, testgen::Shape) {
    let shape = testgen::Shape {
        budget: 250,
        reach,
        calls,
        floats,
    };
    (name, shape)
}

const SHAPES: [(&str, testgen::Shape); 5] = [
    shape("leaf, low pressure", 6, false, Class::Core),
    shape("leaf, high pressure", 30, false, Class::Core),
    shape("calls, low", 6, true, Class::Core),
    shape("calls, high", 30, true, Class::Core),
    shape("floats, high", 30, true, Class::Double),
];

fn functions(shape: testgen::Shape, count: u64) -> Vec<MFunc> {
    (0..count)
        .map(|seed| testgen::shaped(&testgen::bytes(seed, 2000), shape))
        .collect()
}

fn by_heuristics(f: &MFunc) -> Allocation {
    allocate(f, &mut Choices::new(Source::Heuristic, None)).unwrap()
}

/// Cycles that the edits of an allocation take on Cortex-M3 if every loop runs eight times, of those three levels deep and deeper the
/// outer three.
fn cycles(f: &MFunc, a: &Allocation) -> u64 {
    let of = |edit: &Edit| match edit {
        Edit::Move {
            from: Loc::Slot(_), ..
        } => 2,
        Edit::Move { .. } | Edit::Remat { .. } => 1,
        Edit::Swap(..) => 3,
    };
    let blocks = f.blocks.iter().zip(&a.edits);
    blocks
        .map(|(b, edits)| edits.iter().map(|e| of(&e.1)).sum::<u64>() << (3 * b.loop_depth.min(3)))
        .sum()
}

/// Right code may still be bad: a change of the allocator that costs cycles fails, one that saves some lowers the figure.
#[test]
fn edits_take_no_more_cycles_than_they_did() {
    let before = [3_398_214, 17_087_211, 9_717_035, 32_873_901, 34_676_471];
    let now = SHAPES.map(|(name, shape)| {
        let all = functions(shape, 300);
        let each = all.iter().map(|f| cycles(f, &by_heuristics(f)));
        (name, each.sum::<u64>())
    });
    let mut pairs = now.iter().zip(before);
    assert!(
        pairs.all(|(now, before)| now.1 <= before),
        "cycles are {now:?}"
    );
}

/// Prints time and quality per shape; run it with `--release --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure() {
    for (name, shape) in SHAPES {
        let functions = functions(shape, 400);
        let insts: usize = functions.iter().map(count_insts).sum();
        let mut best = f64::INFINITY;
        let mut counts = [0usize; 5];
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let all: Vec<Allocation> = functions.iter().map(by_heuristics).collect();
            best = best.min(start.elapsed().as_nanos() as f64 / insts as f64);
            counts = [0; 5];
            for (_, edit) in all.iter().flat_map(|a| a.edits.iter().flatten()) {
                let kind = match edit {
                    Edit::Move {
                        from: Loc::Reg(_),
                        to: Loc::Reg(_),
                    } => 0,
                    Edit::Move {
                        from: Loc::Slot(_), ..
                    } => 1,
                    Edit::Move { .. } => 2,
                    Edit::Remat { .. } => 3,
                    Edit::Swap(..) => 4,
                };
                counts[kind] += 1;
            }
        }
        let start = std::time::Instant::now();
        for f in &functions {
            check(f, &by_heuristics(f)).unwrap();
        }
        let checked = start.elapsed().as_nanos() as f64 / insts as f64 - best;
        let per = counts.map(|c| c as f64 / insts as f64);
        println!(
            "{name}: {insts} instructions, {best:.0} ns each ({checked:.0} to check); per instruction: moves {:.3}, \
             loads {:.3}, stores {:.3}, remats {:.3}, swaps {:.4}",
            per[0], per[1], per[2], per[3], per[4]
        );
    }
}
