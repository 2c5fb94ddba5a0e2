//! The IR after every pass, executed and as text, over generated modules.

use thumbsmith::ir::{parse, text, verify};
use thumbsmith::stages;
use thumbsmith_oracle::check::{Case, Setup};
use thumbsmith_oracle::compare::{Tally, lockstep};
use thumbsmith_oracle::engine::Engine;
use thumbsmith_oracle::generate::Family;
use thumbsmith_oracle::program::{Info, Program};
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::reference::Reference;
use thumbsmith_oracle::stage::StageEngine;

/// Modules of each family.
const MODULES: u64 = 25;

#[derive(Default)]
struct Done {
    stages: u64,
    functions: u64,
    executions: u64,
}

/// Text of every body after a pass reads back, is right, and prints the same.
fn round_trip(between: &stages::Between) -> u64 {
    let m = &between.module;
    let bodies = m.funcs.iter().filter_map(|d| d.body.as_ref());
    let mut count = 0;
    for f in bodies.chain([&between.init]) {
        let printed = text::function(f, "f", true);
        let again = parse::function(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        verify::verify(&again.1, between.stage, Some(m))
            .unwrap_or_else(|e| panic!("after {}: {e}\n{printed}", between.pass));
        assert_eq!(text::function(&again.1, "f", true), printed);
        count += 1;
    }
    count
}

fn judge(case: &Case, reference: &mut Reference, done: &mut Done) {
    let all = match stages::stages(&case.made.wasm, &case.options, None) {
        Ok(all) => all,
        // wasm-smith may leave the compiler's scope.
        Err(e) if case.family == Family::Smith => {
            return assert!(!e.to_string().contains("internal"));
        }
        Err(e) => panic!("{e}"),
    };
    let program = Program {
        wasm: case.made.wasm.clone(),
        info: Info::read(&case.made.wasm).expect("in scope"),
        object: Vec::new(),
        options: case.options.clone(),
        memory_limit: all[0].module.memory.as_ref().map(|m| m.max_bytes() >> 16),
    };
    reference.load(&program).expect("wasmtime loads it");
    for between in all {
        done.stages += 1;
        done.functions += round_trip(&between);
        let mut engine = StageEngine::with(between);
        engine.load(&program).expect("it loads");
        let mut tally = Tally::default();
        let others: &mut [&mut dyn Engine] = &mut [&mut engine];
        if let Err(d) = lockstep(&program, &case.steps, reference, others, &mut tally) {
            panic!("{}: {d:?}\n{:?}", case.family.name(), case.options);
        }
        done.executions += tally.executions;
    }
}

fn family(family: Family) {
    let mut reference = Reference::new(None).expect("wasmtime starts");
    let setup = Setup {
        families: vec![family],
        ..Setup::default()
    };
    let mut done = Done::default();
    for seed in 0..MODULES {
        let bytes = Random::new(seed + 1000).bytes(12 << 10);
        if let Some(case) = Case::from_bytes(&bytes, &setup) {
            judge(&case, &mut reference, &mut done);
        }
    }
    assert!(done.stages >= MODULES * 2, "only {} stages", done.stages);
    assert!(
        done.functions >= MODULES * 20,
        "only {} functions",
        done.functions
    );
    assert!(
        done.executions >= done.functions,
        "only {} executions",
        done.executions
    );
}

#[test]
fn ops() {
    family(Family::Ops);
}

#[test]
fn pressure() {
    family(Family::Pressure);
}

#[test]
fn control() {
    family(Family::Control);
}

#[test]
fn memory() {
    family(Family::Memory);
}

#[test]
fn calls() {
    family(Family::Calls);
}

#[test]
fn smith() {
    family(Family::Smith);
}

#[test]
fn rules() {
    family(Family::Rules);
}
