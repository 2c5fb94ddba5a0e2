//! What every pass leaves, executed and as text, over generated modules.

use thumbsmith::backend::{alloc_text, code_text, mir_text};
use thumbsmith::ir::{parse, text, verify};
use thumbsmith::stages::{self, Form, MachineStage};
use thumbsmith_oracle::arm::machine::Machine;
use thumbsmith_oracle::arm::staged::{StageCore, broken};
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
    machine_functions: u64,
    machine_executions: u64,
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

/// The same of the forms of the backend that have text; bytes have none.
fn machine_round_trip(stage: &MachineStage) -> u64 {
    let mut count = 0;
    for (_, form) in &stage.functions {
        let same = |printed: String, again: Result<bool, String>| match again {
            Ok(true) => 1,
            Ok(false) => panic!("after {}: another function\n{printed}", stage.pass),
            Err(e) => panic!("after {}: {e}\n{printed}", stage.pass),
        };
        count += match form {
            Form::Virtual(f) => {
                let printed = mir_text::function(f, &|_| None);
                let again = mir_text::parse(&printed).map(|g| g == *f);
                same(printed, again.map_err(|e| e.to_string()))
            }
            Form::Allocated(f, a) => {
                let printed = alloc_text::function(f, a, &|_| None);
                let again = alloc_text::parse(&printed).map(|(g, b)| g == *f && b == *a);
                same(printed, again.map_err(|e| e.to_string()))
            }
            Form::Linear(items) => {
                let printed = code_text::function(items, "f", &|_| None);
                let again = code_text::parse(&printed).map(|(_, again)| again == *items);
                same(printed, again.map_err(|e| e.to_string()))
            }
            Form::Code(_) => 0,
            Form::Ir(_) => panic!("IR after {}", stage.pass),
        };
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
        memory_limit: all[0].module.memory().map(|m| m.max_bytes()),
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
    let backend = stages::backend(&case.made.wasm, &case.options).expect("it compiles again");
    let passes: Vec<_> = backend.stages.iter().map(|s| s.pass).collect();
    assert_eq!(passes, ["lower", "regalloc", "emit", "finish", "layout"]);
    let mut machine = Machine::new(StageCore::empty());
    for stage in &backend.stages {
        assert_eq!(broken(stage), None, "after {}", stage.pass);
        done.machine_functions += machine_round_trip(stage);
        machine
            .load_stage(&backend, stage, &program)
            .expect("it loads");
        let mut tally = Tally::default();
        let others: &mut [&mut dyn Engine] = &mut [&mut machine];
        if let Err(d) = lockstep(&program, &case.steps, reference, others, &mut tally) {
            panic!("{}: {d:?}\n{:?}", case.family.name(), case.options);
        }
        done.machine_executions += tally.executions;
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
    assert!(
        done.machine_functions >= MODULES * 20,
        "only {} functions of the backend",
        done.machine_functions
    );
    assert!(
        done.machine_executions >= done.machine_functions,
        "only {} executions of what the backend made",
        done.machine_executions
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
