//! A defect that unicorn cannot see, and what sees it: LDRD where nothing says that the address is aligned.
//!
//! One test, because a seeded bug is on for the whole process. The static judge refuses such an object before it runs, so
//! QEMU is given the program directly.

use std::time::Duration;
use thumbsmith::seeded::{Bug, set};
use thumbsmith::{Cpu, Options};
use thumbsmith_oracle::arm::executor::ExecutorCore;
use thumbsmith_oracle::arm::machine::Machine;
use thumbsmith_oracle::arm::unicorn::UnicornCore;
use thumbsmith_oracle::compare::{Difference, Kind, Step, Tally, lockstep};
use thumbsmith_oracle::engine::Engine;
use thumbsmith_oracle::program::{Info, Program};
use thumbsmith_oracle::qemu::Voice;
use thumbsmith_oracle::qemu::board::BOARDS;
use thumbsmith_oracle::reference::Reference;
use thumbsmith_oracle::statics::StaticJudge;

const MODULE: &str = r#"(module
  (memory (export "memory") 1)
  (data (i32.const 16) "\01\02\03\04\05\06\07\08\09")
  (func (export "f") (param i32) (result i64) (i64.load align=1 (local.get 0))))"#;

fn program(cpu: Cpu) -> Program {
    let wasm = wat::parse_str(MODULE).expect("text parses");
    let options = Options {
        cpu,
        name: "m".into(),
        ..Options::default()
    };
    let object = thumbsmith::compile(&wasm, &options)
        .expect("in scope")
        .object;
    Program {
        info: Info::read(&wasm).expect("in scope"),
        wasm,
        object,
        options,
        memory_limit: None,
    }
}

/// What unicorn and then QEMU say of one call, beside the reference.
fn said(program: &Program, address: u64) -> Result<(), Box<Difference>> {
    let steps = [Step::Call(0, vec![address])];
    let mut reference = Reference::new(None).expect("wasmtime starts");
    reference.load(program).expect("a valid module");
    let core = UnicornCore::new(program.options.cpu, Duration::from_secs(1));
    let mut machine = Machine::new(core.expect("unicorn starts"));
    machine.load(program).expect("the object links");
    let mut tally = Tally::default();
    let others: &mut [&mut dyn Engine] = &mut [&mut machine];
    lockstep(program, &steps, &mut reference, others, &mut tally).expect("unicorn sees nothing");
    assert_eq!(tally.executions, 1);
    let mut voice = Voice::new(true).expect("QEMU is there");
    let heard = voice.hear("a test", program, &steps, &mut reference);
    assert_eq!(voice.counts.cases, 1);
    heard
}

/// What a report says where unicorn and the executor are asked together.
fn together(program: &Program, address: u64) -> Result<(), Box<Difference>> {
    let mut reference = Reference::new(None).expect("wasmtime starts");
    reference.load(program).expect("a valid module");
    let core = UnicornCore::new(program.options.cpu, Duration::from_secs(1));
    let mut unicorn = Machine::new(core.expect("unicorn starts"));
    let mut executor = Machine::new(ExecutorCore::new(program.options.cpu, 1_000_000));
    unicorn.load(program).expect("the object links");
    executor.load(program).expect("the object links");
    let others: &mut [&mut dyn Engine] = &mut [&mut unicorn, &mut executor];
    let steps = [Step::Call(0, vec![address])];
    lockstep(
        program,
        &steps,
        &mut reference,
        others,
        &mut Tally::default(),
    )
}

#[test]
fn qemu_and_the_static_judge_see_what_unicorn_does_not() {
    for board in BOARDS {
        set(0);
        let right = program(board.cpu);
        assert_eq!(said(&right, 17), Ok(()));
        assert!(
            StaticJudge::default()
                .judge(&right.object, board.cpu)
                .is_ok()
        );
        set(Bug::PairAtAnyAddress as u16);
        let wrong = program(board.cpu);
        assert_ne!(wrong.object, right.object, "the defect is in the code");
        assert_eq!(said(&wrong, 16), Ok(()), "an aligned address");
        let difference = said(&wrong, 17).expect_err("a fault");
        assert_eq!(difference.kind, Kind::Fault, "{difference:?}");
        assert_eq!(difference.step, Some(0));
        assert_eq!(difference.engine, format!("qemu {}", board.cpu.name()));
        assert!(difference.got.contains("UNALIGNED"), "{difference:?}");
        assert_eq!(together(&wrong, 16), Ok(()));
        let apart = together(&wrong, 17).expect_err("the executor faults too");
        assert_eq!(apart.engine, format!("executor {}", board.cpu.name()));
        let who = format!("(unicorn {} says what wasmtime says)", board.cpu.name());
        assert!(apart.got.ends_with(&who), "{apart:?}");
        let judged = StaticJudge::default().judge(&wrong.object, board.cpu);
        assert!(judged.is_err_and(|e| e.contains("ldrd")));
    }
}
