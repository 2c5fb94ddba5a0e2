//! The executor over the instruction table against unicorn: every form, 10,000 random states each.

use thumbsmith::Cpu;
use thumbsmith::isa::Sem;
use thumbsmith::isa::table::FORMS;
use thumbsmith_oracle::encoding::{Bench, Counts, Random, Trial};

/// Instructions of a form, and states of each: 10,000 in all.
const INSTRUCTIONS: usize = 50;
const STATES: usize = 200;

#[test]
fn executor_agrees_with_unicorn() {
    let mut random = Random::new(6);
    let mut bench = Bench::new().expect("engines start");
    let mut total = Counts::default();
    let mut failures = Vec::new();
    for form in &FORMS {
        let mut counts = Counts::default();
        let mut n = 0;
        while counts.states < INSTRUCTIONS * STATES && failures.len() <= 12 {
            n += 1;
            let cpu = Cpu::ALL[n % Cpu::ALL.len()];
            let Some(trial) = Trial::new(form, cpu, &mut random) else {
                continue;
            };
            failures.extend(bench.run(&trial, STATES, &mut random, &mut counts).err());
        }
        // Traps trap and jumps to random words miss the Thumb bit; all others mostly run.
        let special = matches!(form.op.sem(), Sem::Udf | Sem::Bkpt);
        let useful = if special { counts.traps } else { counts.ran };
        assert!(
            failures.len() > 12 || useful * 4 > counts.states,
            "{:?} {}: {counts:?}",
            form.op,
            form.name
        );
        total.states += counts.states;
        total.ran += counts.ran;
        total.faulted += counts.faulted;
        total.unaligned += counts.unaligned;
        total.traps += counts.traps;
        total.not_thumb += counts.not_thumb;
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{} forms, {total:?}", FORMS.len());
    assert!(total.states >= FORMS.len() * INSTRUCTIONS * STATES);
    assert!(total.unaligned > 1_000 && total.faulted > 1_000);
}

#[test]
fn instructions_that_bytes_choose_agree() {
    let mut bench = Bench::new().expect("engines start");
    let (mut states, mut ran) = (0, 0);
    for seed in 0..300 {
        let bytes = thumbsmith_oracle::random::Random::new(seed).bytes(192);
        let counts = bench.check(&bytes).unwrap_or_else(|e| panic!("{e}"));
        states += counts.states;
        ran += counts.ran;
    }
    assert!(states > 5_000 && ran * 2 > states, "{ran} of {states} ran");
}
