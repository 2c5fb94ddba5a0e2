//! The machine and the comparison, judged with objects that clang made: right ones pass, each wrong one is caught.

use super::Core;
use super::executor::ExecutorCore;
use super::machine::Machine;
use super::unicorn::UnicornCore;
use crate::compare::{Difference, Kind, Step, Tally, lockstep};
use crate::engine::Engine;
use crate::program::{Info, Program};
use crate::reference::Reference;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use thumbsmith::{Bounds, Cpu, Options};

/// Compiles C or assembly text to a relocatable object for a Cortex-M3.
fn object(language: &str, source: &str) -> Vec<u8> {
    object_for(Cpu::CortexM3, language, source)
}

/// Compiles C or assembly text to a relocatable object for a CPU, with floats in registers of its FPU if it has one.
fn object_for(cpu: Cpu, language: &str, source: &str) -> Vec<u8> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let out = std::env::temp_dir().join(format!(
        "thumbsmith-oracle-{}-{number}.o",
        std::process::id()
    ));
    let flags = [
        &format!("--target={}", cpu.triple()),
        &format!("-mcpu={}", cpu.without_fpu().name()),
        "-Wno-unused-command-line-argument",
        "-O2",
        "-ffreestanding",
        "-ffunction-sections",
        "-fdata-sections",
        "-c",
    ];
    let mut child = Command::new("clang-19")
        .args(flags)
        .args(["-x", language, "-", "-o"])
        .arg(&out)
        .stdin(Stdio::piped())
        .spawn()
        .expect("clang-19 is installed");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(source.as_bytes())
        .expect("clang reads");
    assert!(
        child.wait().expect("clang ends").success(),
        "clang refuses:\n{source}"
    );
    let bytes = std::fs::read(&out).expect("object was written");
    std::fs::remove_file(&out).expect("object can be removed");
    bytes
}

/// What a comparison says, and how much it compared.
type Said = (Result<(), Box<Difference>>, Tally);

/// Compares an object with a module over these steps, on each core; the cores must agree in their verdict.
fn compare(wat: &str, object: Vec<u8>, steps: &[Step]) -> Said {
    compare_for(Cpu::CortexM3, wat, object, steps)
}

fn compare_for(cpu: Cpu, wat: &str, object: Vec<u8>, steps: &[Step]) -> Said {
    let options = || Options {
        cpu,
        ..Options::default()
    };
    let limit = Duration::from_millis(300);
    let unicorn = UnicornCore::new(cpu, limit).expect("unicorn starts");
    let first = compare_with(unicorn, wat, object.clone(), steps, options());
    let executor = ExecutorCore::new(cpu, 10_000_000);
    let second = compare_with(executor, wat, object, steps, options());
    let kind = |said: &Said| said.0.as_ref().err().map(|d| d.kind);
    assert_eq!(kind(&first), kind(&second), "{:?}\n{:?}", first.0, second.0);
    first
}

fn compare_on(core: impl Core, wat: &str, object: Vec<u8>, steps: &[Step]) -> Said {
    compare_with(core, wat, object, steps, Options::default())
}

fn compare_with(
    core: impl Core,
    wat: &str,
    object: Vec<u8>,
    steps: &[Step],
    options: Options,
) -> Said {
    let wasm = wat::parse_str(wat).expect("text parses");
    let info = Info::read(&wasm).expect("in scope");
    let options = Options {
        name: "m".into(),
        ..options
    };
    let mut program = Program {
        wasm,
        info,
        object,
        options,
        memory_limit: None,
    };
    let mut machine = Machine::new(core);
    let mut tally = Tally::default();
    if let Err(e) = machine.load(&program) {
        let difference = Difference {
            kind: Kind::Link,
            step: None,
            engine: String::new(),
            expected: String::new(),
            got: e,
        };
        return (Err(Box::new(difference)), tally);
    }
    program.memory_limit = machine.memory_capacity();
    let mut reference = Reference::new(None).expect("wasmtime starts");
    reference.load(&program).expect("the module is valid");
    let others: &mut [&mut dyn Engine] = &mut [&mut machine];
    let result = lockstep(&program, steps, &mut reference, others, &mut tally);
    (result, tally)
}

const MODULE: &str = r#"(module
  (import "env" "host" (func $host (param i32 i64 i32) (result i64)))
  (import "dev" "two" (func $two (param i64) (result i32 i64)))
  (import "env" "seen" (global $seen (mut i32)))
  (memory (export "memory") 1 2)
  (global $count (export "count") (mut i64) (i64.const 7))
  (data (i32.const 16) "\01\02\03\04")
  (func (export "add") (param i32 i64 i32) (result i64)
    (i64.add (local.get 1) (i64.extend_i32_u (i32.sub (local.get 0) (local.get 2)))))
  (func (export "many") (param i32 i32 i32 i32 i32 i64 i32) (result i32 i64)
    (i32.xor (local.get 4) (local.get 6)) (i64.sub (local.get 5) (i64.extend_i32_s (local.get 0))))
  (func (export "poke") (param i32 i32)
    (i32.store8 offset=16 (i32.and (local.get 0) (i32.const 255)) (local.get 1))
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (global.set $seen (local.get 1)))
  (func (export "ask") (param i32 i64) (result i64)
    (call $host (local.get 0) (local.get 1) (i32.const 9)))
  (func (export "pair") (param i64) (result i64)
    (local i64) (call $two (local.get 0)) (local.set 1) (i64.extend_i32_u) (i64.xor (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "stop") (param i32) (result i32)
    (i32.store (i32.const 4) (i32.const 77))
    (if (i32.eqz (local.get 0)) (then unreachable))
    (local.get 0)))"#;

/// The same as [`MODULE`] in C, with the compiler's names.
const C: &str = r#"
#define TRAP(n) __asm__ volatile("udf #" #n)
typedef unsigned u32; typedef unsigned long long u64; typedef long long s64;
struct pair { u32 a; u64 b; };
extern u64 host(u32, u64, u32); extern struct pair dev_two(u64); extern u32 seen; extern u32 m_stack_limit;
__attribute__((section(".bss.m_memory"), aligned(8))) unsigned char m_memory[2 << 16];
u32 m_memory_pages = 1; u64 count = 7;
static const unsigned char data[4] = { 1, 2, 3, 4 };
u64 add(u32 a, u64 b, u32 c) { return b + (u32)(a - c); }
struct pair many(u32 a, u32 b, u32 c, u32 d, u32 e, u64 f, u32 g)
  { struct pair p = { e ^ g, f - (s64)(int)a }; return p; }
void poke(u32 at, u32 v) { m_memory[16 + (at & 255)] = v; count++; seen = v; }
u64 ask(u32 a, u64 b) { return host(a, b, 9); }
u64 pair(u64 x) { struct pair p = dev_two(x); return p.a ^ p.b; }
u32 grow(u32 n) { u32 old = m_memory_pages; if (n > 2 - old) return -1; m_memory_pages += n; return old; }
u32 stop(u32 x) { *(volatile u32 *)(m_memory + 4) = 77; if (!x) TRAP(1); return x; }
void m_init(void) { for (u32 i = 0; i < 4; i++) m_memory[16 + i] = data[i]; (void)m_stack_limit; }
"#;

fn steps() -> Vec<Step> {
    let mut steps = vec![
        Step::Call(0, vec![5, 0x1_0000_0000, 7]),
        Step::Call(
            1,
            vec![1, 2, 3, 4, 0xffff_0000, 0x8000_0000_0000_0000, 0xff],
        ),
        Step::Call(2, vec![3, 0x1ff]),
        Step::Set(1, 0x1234_5678_9abc),
        Step::Set(0, 3),
        Step::Call(2, vec![0, 0xee]),
        Step::Call(6, vec![0]),
        Step::Call(6, vec![3]),
        Step::Call(5, vec![1]),
        Step::Call(5, vec![1]),
    ];
    for i in 0..40 {
        steps.push(Step::Call(3, vec![i, u64::MAX - i]));
        steps.push(Step::Call(4, vec![i << 31]));
    }
    steps
}

#[test]
fn clang_agrees_with_the_reference() {
    let (result, tally) = compare(MODULE, object("c", C), &steps());
    assert_eq!(result, Ok(()));
    assert_eq!(tally.executions, 88);
    assert_eq!(tally.traps.iter().sum::<u64>(), 1, "one call traps");
}

/// What the comparison says of the C program with `right` replaced by `wrong`.
fn mutant(right: &str, wrong: &str) -> Kind {
    assert!(C.contains(right), "{right} is not there");
    match compare(MODULE, object("c", &C.replace(right, wrong)), &steps()).0 {
        Ok(()) => panic!("`{wrong}` was not caught"),
        Err(difference) => difference.kind,
    }
}

#[test]
fn wrong_programs_are_caught() {
    assert_eq!(
        mutant("return b + (u32)(a - c)", "return b + (s64)(int)(a - c)"),
        Kind::Result
    );
    assert_eq!(mutant("f - (s64)(int)a", "f - a - 1"), Kind::Result);
    assert_eq!(mutant("m_memory[16 + (at & 255)] = v;", ""), Kind::Memory);
    assert_eq!(mutant("m_memory_pages += n;", ""), Kind::Memory);
    assert_eq!(mutant("count++;", ""), Kind::Global);
    assert_eq!(mutant("seen = v;", ""), Kind::Global);
    assert_eq!(mutant("host(a, b, 9)", "host(a, b, 8)"), Kind::Imports);
    assert_eq!(
        mutant("host(a, b, 9);", "host(a, b, 9) + 0 * host(a, b, 9);"),
        Kind::Imports
    );
    assert_eq!(mutant("TRAP(1)", "TRAP(2)"), Kind::Trap);
    assert_eq!(mutant("if (!x)", "if (0)"), Kind::Trap);
    assert_eq!(mutant("= 77", "= 76"), Kind::Memory);
    assert_eq!(mutant("TRAP(1)", "TRAP(99)"), Kind::Fault);
    assert_eq!(mutant("u64 count = 7", "u64 count = 8"), Kind::Global);
    assert_eq!(mutant("{ 1, 2, 3, 4 }", "{ 1, 2, 3, 5 }"), Kind::Memory);
    assert_eq!(mutant("[2 << 16]", "[1 << 15]"), Kind::Link);
    assert_eq!(mutant("u64 add(", "u64 plus("), Kind::Link);
    assert_eq!(
        mutant("seen = v;", "seen = v; *(volatile u32 *)0x10000000 = 1;"),
        Kind::Fault
    );
    assert_eq!(
        mutant("seen = v;", "seen = v; *(volatile u32 *)(&seen + 5) = 1;"),
        Kind::Contract
    );
    assert_eq!(
        mutant("seen = v;", "seen = v; m_stack_limit = 0;"),
        Kind::Contract
    );
    // Beyond the current size: found at the end, or when growing shows a page that is not zero.
    assert_eq!(
        mutant("seen = v;", "seen = v; m_memory[0x1fff0] = 1;"),
        Kind::Memory
    );
    let early = C.replace("seen = v;", "seen = v; m_memory[0x1fff0] = 1;");
    let found = compare(MODULE, object("c", &early), &steps()[..3])
        .0
        .map_err(|d| d.kind);
    assert_eq!(found, Err(Kind::Contract));
    assert_eq!(
        mutant("seen = v;", "seen = v; for (;;) __asm__ volatile(\"\");"),
        Kind::Fault
    );
}

/// A module with one function of no consequence, and its object from assembly.
fn assembly(body: &str) -> Result<(), Box<Difference>> {
    let wat = r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#;
    let source = format!(
        ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: bx lr\n\
         .global f\n.type f, %function\nf: {body}\nbx lr\n"
    );
    compare(
        wat,
        object("assembler", &source),
        &[Step::Call(0, vec![5]), Step::Call(0, vec![6])],
    )
    .0
}

#[test]
fn the_contract_of_a_call_is_watched() {
    let kind = |body: &str| assembly(body).err().map(|d| d.kind);
    assert_eq!(kind("nop"), None);
    assert_eq!(kind("push {r4, lr}; movs r4, #0; pop {r4, pc}"), None);
    assert_eq!(
        kind("movs r1, #0; movs r2, #0; movs r3, #0; mov r12, r1"),
        None
    );
    for register in 4..12 {
        assert_eq!(
            kind(&format!("mov.w r{register}, #0")),
            Some(Kind::Contract),
            "r{register}"
        );
    }
    assert_eq!(kind("sub sp, #8"), Some(Kind::Contract));
    assert_eq!(kind("str r0, [sp]"), Some(Kind::Contract));
    assert_eq!(kind("str r0, [sp, #-4]"), None);
    assert_eq!(kind("b ."), Some(Kind::Fault));
    assert_eq!(kind(".short 0xde03"), Some(Kind::Trap));
    // The upper half of a register is junk on entry: a function that trusts it is caught.
    assert_eq!(kind("movs r0, r1"), Some(Kind::Result));
}

#[test]
fn a_dsp_instruction_or_unmapped_read_faults() {
    let kind = |body: &str| assembly(body).err().map(|d| d.kind);
    assert_eq!(
        kind("mov.w r1, #0x60000000; ldr r1, [r1]"),
        Some(Kind::Fault)
    );
    assert_eq!(kind("movs r1, #0; bx r1"), Some(Kind::Fault));
}

#[test]
fn a_trap_inside_an_it_block_leaves_no_condition_for_the_next_call() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable)) (i32.const 7)))"#;
    // CMP r0, #0; ITTTT EQ; UDF #1 and three more of the block; then the result.
    let source = ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: bx lr\n\
        .global f\n.type f, %function\nf: .short 0x2800, 0xbf01, 0xde01, 0xbf00, 0xbf00, 0xbf00\nmovs r0, #7\nbx lr\n";
    let limit = Duration::from_millis(300);
    let core = UnicornCore::new(Cpu::CortexM3, limit).expect("unicorn starts");
    let steps: Vec<Step> = [0, 0, 5, 0, 6].map(|n| Step::Call(0, vec![n])).to_vec();
    let (result, tally) = compare_on(core, wat, object("assembler", source), &steps);
    assert_eq!(result, Ok(()));
    assert_eq!(tally.traps.iter().sum::<u64>(), 3);
}

#[test]
fn what_boards_refuse_and_unicorn_does_not_is_left_to_the_executor() {
    let body = "bx lr\n.global f\n.type f, %function\nf: sub sp, #16\nadd r1, sp, #2\nstrd r0, r0, [r1]\nadd sp, #16";
    let source = format!(
        ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: {body}\nbx lr\n"
    );
    let wat = r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#;
    let steps = [Step::Call(0, vec![5])];
    let executor = ExecutorCore::new(Cpu::CortexM3, 1_000_000);
    let said = compare_on(executor, wat, object("assembler", &source), &steps);
    assert_eq!(said.0.err().map(|d| d.kind), Some(Kind::Fault));
}

#[test]
fn every_relocation_that_compilers_emit_is_applied() {
    // BL and B.W across sections, MOVW and MOVT, absolute words with addends, a word in writable data.
    let wat = r#"(module
      (func (export "f") (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 11))))"#;
    let source = r#"
    .syntax unified
    .thumb
    .section .text.a,"ax",%progbits
    .global m_init
    .type m_init, %function
    m_init: bx lr
    .section .text.b,"ax",%progbits
    .type times, %function
    times: movw r1, #:lower16:three + 4
      movt r1, #:upper16:three + 4
      ldr r1, [r1]
      muls r0, r1, r0
      bx lr
    .space 70000
    .section .text.c,"ax",%progbits
    .global f
    .type f, %function
    f: push {r4, lr}
      bl times
      ldr r1, =pointer
      ldr r1, [r1]
      blx r1
      pop {r4, pc}
    .ltorg
    .section .text.d,"ax",%progbits
    .type more, %function
    more: b.w last
    .section .text.e,"ax",%progbits
    .type last, %function
    last: adds r0, #11
      bx lr
    .section .data.p,"aw",%progbits
    .p2align 2
    pointer: .word more
    .section .rodata.t,"a",%progbits
    .p2align 2
    three: .word 9, 3
    "#;
    let (result, tally) = compare(
        wat,
        object("assembler", source),
        &[Step::Call(0, vec![5]), Step::Call(0, vec![0])],
    );
    assert_eq!(result, Ok(()));
    assert_eq!(tally.executions, 2);
}

#[test]
fn engines_can_be_reused_after_errors_and_with_other_sizes() {
    let mut machine = Machine::new(
        UnicornCore::new(Cpu::CortexM4, Duration::from_millis(300)).expect("unicorn starts"),
    );
    let mut reference = Reference::new(None).expect("wasmtime starts");
    for (wat, c) in [
        (MODULE, C),
        (
            r#"(module (func (export "f")))"#,
            "void f(void){} void m_init(void){}",
        ),
        (MODULE, C),
    ] {
        let wasm = wat::parse_str(wat).expect("text parses");
        let info = Info::read(&wasm).expect("in scope");
        let options = Options {
            name: "m".into(),
            ..Options::default()
        };
        let mut program = Program {
            wasm,
            info,
            object: object("c", c),
            options,
            memory_limit: None,
        };
        let broken = Program {
            wasm: vec![],
            info: Info::default(),
            object: vec![1, 2, 3],
            options: Options::default(),
            memory_limit: None,
        };
        assert!(machine.load(&broken).is_err());
        machine.load(&program).expect("links");
        program.memory_limit = machine.memory_capacity();
        reference.load(&program).expect("valid");
        let steps = if wat == MODULE {
            steps()
        } else {
            vec![Step::Call(0, vec![])]
        };
        assert_eq!(
            lockstep(
                &program,
                &steps,
                &mut reference,
                &mut [&mut machine],
                &mut Tally::default()
            ),
            Ok(())
        );
    }
}

#[test]
fn the_end_of_the_stack_is_a_trap_and_never_a_wild_access() {
    let wat = r#"(module (func (export "f") (call 0)) (func (export "g")))"#;
    let program = |check: &str| {
        let source = format!(
            ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: bx lr\n\
             .global g\n.type g, %function\ng: bx lr\n\
             .global f\n.type f, %function\nf: push {{r4, lr}}\n{check}\n1: bl f\npop {{r4, pc}}\n.ltorg\n"
        );
        let (result, tally) = compare(
            wat,
            object("assembler", &source),
            &[
                Step::Call(1, vec![]),
                Step::Call(0, vec![]),
                Step::Call(1, vec![]),
            ],
        );
        (result.map_err(|d| d.kind), tally.executions, tally.void)
    };
    let check = "ldr r1, =m_stack_limit\nldr r1, [r1]\ncmp sp, r1\nbhs 1f\nudf #5";
    // What comes after a stack overflow is not compared, and counted as such.
    assert_eq!(program(check), (Ok(()), 1, 1));
    assert_eq!(program(""), (Err(Kind::Fault), 1, 0));
}

#[test]
fn without_checks_an_access_outside_ends_the_comparison() {
    let wat = r#"(module (memory 1 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))"#;
    let c = "__attribute__((section(\".bss.m_memory\"))) unsigned char m_memory[65536];\n\
        int f(unsigned at) { return *(int *)(m_memory + at); } void m_init(void) {}";
    let steps = [0, 65532, 65533, 0].map(|at| Step::Call(0, vec![at]));
    for (bounds, expected, executions) in [
        (Bounds::None, Ok(()), 2),
        (Bounds::Mpu, Ok(()), 2),
        // What does not wrap as the mode says goes astray.
        (Bounds::Mask, Err(Kind::Fault), 2),
        (Bounds::Check, Err(Kind::Fault), 2),
    ] {
        let core = ExecutorCore::new(Cpu::CortexM3, 1_000_000);
        let options = Options {
            bounds,
            ..Options::default()
        };
        let (result, tally) = compare_with(core, wat, object("c", c), &steps, options);
        assert_eq!(result.map_err(|d| d.kind), expected, "{bounds:?}");
        assert_eq!(tally.executions, executions, "{bounds:?}");
    }
}

/// What the comparison says of C for a module that calls imports, over calls of its exports in turn.
fn with_imports(wat: &str, language: &str, source: &str) -> Option<Kind> {
    let exports = wat.matches("(export").count() as u64;
    let steps: Vec<Step> = (0..60)
        .map(|i| Step::Call((i % exports) as usize, vec![i * 7]))
        .collect();
    let (result, tally) = compare(wat, object(language, source), &steps);
    assert!(result.is_err() || tally.executions == 60, "{tally:?}");
    result.err().map(|d| d.kind)
}

#[test]
fn an_import_may_call_an_export_that_changes_a_global() {
    let wat = r#"(module (import "back" "call0" (func $back (param i32) (result i32)))
      (global $g (mut i32) (i32.const 0))
      (func (export "f") (param i32) (result i32)
        (i32.mul (global.get $g) (i32.const 3)) (call $back (local.get 0)) (i32.add)
        (i32.mul (global.get $g) (i32.const 5)) (i32.add))
      (func (export "set") (param i32) (global.set $g (local.get 0))))"#;
    let c = "typedef unsigned u32; extern u32 back_call0(u32); static u32 g; void m_init(void) {}\n\
        u32 f(u32 x) { u32 a = g; u32 b = back_call0(x); return a * 3 + b + g * 5; }\n\
        void set(u32 v) { g = v; }";
    assert_eq!(with_imports(wat, "c", c), None);
    let once = c.replace("g * 5", "a * 5");
    // The export that was called back sees nothing of it: a result of its caller does.
    assert_eq!(with_imports(wat, "c", &once), Some(Kind::Result));
}

#[test]
fn an_import_destroys_what_lies_below_the_stack_pointer() {
    let wat = r#"(module (import "env" "host" (func $host (param i32) (result i32)))
      (func (export "f") (param i32) (result i32) (drop (call $host (local.get 0))) (local.get 0)))"#;
    let source = |at: &str| {
        format!(
            ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: bx lr\n\
             .global f\n.type f, %function\nf: push {{r2, r3, r4, lr}}; str r0, [sp, #{at}]\n\
             bl host\nldr r0, [sp, #{at}]; pop {{r2, r3, r4, pc}}\n"
        )
    };
    assert_eq!(with_imports(wat, "assembler", &source("4")), None);
    let below = with_imports(wat, "assembler", &source("-4"));
    assert_eq!(below, Some(Kind::Result));
}

/// The CPUs whose calls pass floats in registers of the FPU.
const FPUS: [Cpu; 3] = [Cpu::CortexM4F, Cpu::CortexM33F, Cpu::CortexM7F];

/// Values of every kind pass in every way: registers, holes between them, the stack, structures.
const FLOATS: &str = r#"(module
  (import "env" "host" (func $host (param f32 i32 f64 f32 i64 f64 i32) (result f64)))
  (import "dev" "two" (func $two (param f64 f32) (result f32 f32)))
  (import "dev" "mixed" (func $mixed (param f32) (result f32 i64)))
  (func (export "ask") (param f64 i32 f32) (result f64)
    (call $host (local.get 2) (local.get 1) (local.get 0) (f32.const 1.5) (i64.const 7) (f64.const 3) (local.get 1)))
  (func (export "pair") (param f64 f32) (result f32 f32) (call $two (local.get 0) (local.get 1)))
  (func (export "mix") (param f32) (result f32 i64) (call $mixed (local.get 0)))
  (func (export "holes") (param f32 f64 f32 i32 f32) (result f32 f32 f32)
    (local.get 2) (local.get 4) (local.get 0))
  (func (export "doubles") (param f64 f64 f64 f64) (result f64 f64 f64 f64)
    (local.get 3) (local.get 0) (local.get 2) (local.get 1))
  (func (export "spilled")
    (param f64 f64 f64 f64 f64 f64 f64 f32 f64 f32 i32 i64 f32 i64 f64 i32) (result f64 i32 f32 i64 f32)
    (local.get 14) (local.get 15) (local.get 9) (local.get 13) (local.get 12))
  (func (export "eighth") (param f64 f64 f64 f64 f64 f64 f64 f64 f32) (result f64) (local.get 7))
  (func (export "sum") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1))))"#;

/// The same as [`FLOATS`] in C.
const FLOATS_C: &str = r#"
typedef unsigned u32; typedef unsigned long long u64;
struct two { float a, b; }; struct three { float a, b, c; }; struct four { double a, b, c, d; };
struct mixed { float a; u64 b; }; struct five { double a; u32 b; float c; u64 d; float e; };
extern double host(float, u32, double, float, u64, double, u32);
extern struct two dev_two(double, float); extern struct mixed dev_mixed(float);
double ask(double a, u32 b, float c) { return host(c, b, a, 1.5f, 7, 3, b); }
struct two pair(double a, float b) { return dev_two(a, b); }
struct mixed mix(float a) { return dev_mixed(a); }
struct three holes(float a, double b, float c, u32 d, float e) { struct three t = { c, e, a }; return t; }
struct four doubles(double a, double b, double c, double d) { struct four f = { d, a, c, b }; return f; }
struct five spilled(double a, double b, double c, double d, double e, double f, double g, float h,
    double i, float j, u32 k, u64 l, float m, u64 n, double o, u32 p)
  { struct five r = { o, p, j, n, m }; return r; }
double eighth(double a, double b, double c, double d, double e, double f, double g, double h, float i) { return h; }
float sum(float a, float b) { return a + b; }
void m_init(void) {}
"#;

/// Calls of every export of [`FLOATS`]: any bits, NaNs with payloads among them.
fn float_steps() -> Vec<Step> {
    let info = Info::read(&wat::parse_str(FLOATS).expect("text parses")).expect("in scope");
    let bits = |n: u64| match n % 5 {
        0 => n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        1 => 0x7fa0_0001_7fa1_2345,
        2 => 0xfff8_0000_ffc0_0001,
        3 => 0x3ff8_0000_3fc0_0000 + n,
        _ => 0x0000_0001_8000_0001,
    };
    let call = |n: u64| {
        let export = n as usize % info.exports.len();
        let types = &info.exports[export].sig.params;
        let args = types.iter().enumerate();
        let args = args.map(|(i, ty)| ty.wrap(bits(n * 16 + i as u64)));
        Step::Call(export, args.collect())
    };
    (0..160).map(call).collect()
}

#[test]
fn clang_passes_floats_as_the_standard_says() {
    for cpu in FPUS {
        let object = object_for(cpu, "c", FLOATS_C);
        let (result, tally) = compare_for(cpu, FLOATS, object, &float_steps());
        assert_eq!(result, Ok(()), "{}", cpu.name());
        assert_eq!(tally.executions, 160);
    }
    // The same in the base variant, on a core without an FPU; its sum needs a library.
    let c = FLOATS_C.replace("a + b", "a");
    let sum = "(f32.add (local.get 0) (local.get 1))";
    let object = object_for(Cpu::CortexM4, "c", &c);
    let wat = FLOATS.replace(sum, "(local.get 0)");
    let (result, _) = compare_for(Cpu::CortexM4, &wat, object, &float_steps());
    assert_eq!(result, Ok(()));
}

#[test]
fn floats_that_travel_otherwise_are_caught() {
    let mutant = |right: &str, wrong: &str| {
        assert!(FLOATS_C.contains(right), "{right} is not there");
        let object = object_for(Cpu::CortexM4F, "c", &FLOATS_C.replace(right, wrong));
        let said = compare_for(Cpu::CortexM4F, FLOATS, object, &float_steps()).0;
        said.err().map(|d| d.kind)
    };
    for (right, wrong, kind) in [
        ("{ c, e, a }", "{ c, e, e }", Kind::Result),
        ("{ o, p, j, n, m }", "{ o, p, m, n, j }", Kind::Result),
        ("return h;", "return g;", Kind::Result),
        ("host(c, b, a, 1.5f,", "host(c, b, a, c,", Kind::Imports),
        ("dev_two(a, b); }", "dev_two(a, 0); }", Kind::Imports),
        // By the base variant: a word in a core register where the standard has one of the FPU.
        (
            "float sum(",
            "__attribute__((pcs(\"aapcs\"))) float sum(",
            Kind::Result,
        ),
        (
            "extern double host(",
            "extern __attribute__((pcs(\"aapcs\"))) double host(",
            Kind::Imports,
        ),
    ] {
        assert_eq!(mutant(right, wrong), Some(kind), "{wrong}");
    }
}

/// What the comparison says of a function of two floats in assembly, which is to be as one of WebAssembly.
fn float_assembly(cpu: Cpu, wat: &str, body: &str) -> Option<Kind> {
    let wat = format!(
        r#"(module (import "env" "host" (func $host (param f32) (result f32)))
        (func (export "f") (param f32 f32) (result f32) {wat}))"#
    );
    let source = format!(
        ".syntax unified\n.thumb\n.text\n.global m_init\n.type m_init, %function\nm_init: bx lr\n\
         .global f\n.type f, %function\nf: {body}\nbx lr\n"
    );
    let float = |x: f32| u64::from(x.to_bits());
    let steps = [
        // The first run of an engine has the mode of NaNs too.
        Step::Call(0, vec![0x7fa1_2345, float(1.0)]),
        Step::Call(0, vec![float(1.5), float(-7.25)]),
        Step::Call(0, vec![float(f32::MIN_POSITIVE), 0x8000_0001]),
        Step::Call(0, vec![0xffc0_0007, 0x7f81_0000]),
    ];
    // Again and again, so that junk in the flags is of every kind.
    let steps: Vec<Step> = std::iter::repeat_n(steps, 8).flatten().collect();
    let said = compare_for(cpu, &wat, object_for(cpu, "assembler", &source), &steps);
    said.0.err().map(|d| d.kind)
}

#[test]
fn the_contract_of_the_fpu_is_watched() {
    for cpu in FPUS {
        let sum = "(f32.add (local.get 0) (local.get 1))";
        let kind = |body: &str| float_assembly(cpu, sum, body);
        const ADD: &str = "vadd.f32 s0, s0, s1";
        assert_eq!(kind(ADD), None, "{}", cpu.name());
        // What is free to change, and what is kept.
        let all: String = (2..16).map(|s| format!("vmov s{s}, r1; ")).collect();
        assert_eq!(kind(&format!("{ADD}; {all} vcmp.f32 s0, s1")), None);
        let saved = "vpush {d8, d9}; vmov s16, r0; vmov s19, r0; vpop {d8, d9}";
        assert_eq!(kind(&format!("{ADD}; {saved}")), None);
        for s in 16..32 {
            let body = format!("{ADD}; vmov s{s}, r0");
            assert_eq!(kind(&body), Some(Kind::Contract), "s{s}");
        }
        // Registers and flags hold junk on entry, those of the core are not those of the FPU.
        assert_eq!(kind("vadd.f32 s0, s1, s2"), Some(Kind::Result));
        let flags = "vmrs apsr_nzcv, fpscr; it mi; vmovmi s1, s0;";
        assert_eq!(kind(&format!("{flags} {ADD}")), Some(Kind::Result));
        assert_eq!(kind("vmov r0, s0; vmov r1, s1"), Some(Kind::Result));
        // What an import may destroy is destroyed, and what it may not is kept.
        let calls = "(drop (call $host (local.get 1))) (local.get 0)";
        for (home, found) in [
            ("s1", Some(Kind::Result)),
            ("s15", Some(Kind::Result)),
            ("s16", None),
            ("s19", None),
        ] {
            let body = format!(
                "push {{r4, lr}}; vpush {{d8, d9}}; vmov {home}, s0; vmov s0, s1; bl host; \
                 vmov s0, {home}; vpop {{d8, d9}}; pop {{r4, pc}}"
            );
            // An argument is moved before it is overwritten.
            let body = body.replace(
                "vmov s1, s0; vmov s0, s1",
                "vmov s2, s0; vmov s0, s1; vmov s1, s2",
            );
            assert_eq!(float_assembly(cpu, calls, &body), found, "{home}");
        }
    }
}

#[test]
fn what_a_core_lacks_is_no_instruction_of_the_executor() {
    let run = |cpu: Cpu, double: &str| {
        let source = format!(
            ".syntax unified\n.thumb\n.cpu cortex-m7\n.fpu fpv5-d16\n.text\n.global m_init\n\
             .type m_init, %function\nm_init: bx lr\n.global f\n.type f, %function\nf: {double}\nbx lr\n"
        );
        let wat = r#"(module (func (export "f") (param f32) (result f32) (local.get 0)))"#;
        let core = ExecutorCore::new(cpu, 1_000);
        let options = Options {
            cpu,
            ..Options::default()
        };
        let object = object_for(Cpu::CortexM7F, "assembler", &source);
        let said = compare_with(core, wat, object, &[Step::Call(0, vec![7])], options);
        said.0.err().map(|d| d.kind)
    };
    let double = "vadd.f64 d1, d2, d3";
    assert_eq!(run(Cpu::CortexM7F, double), None);
    assert_eq!(run(Cpu::CortexM4F, double), Some(Kind::Fault));
    assert_eq!(run(Cpu::CortexM33F, double), Some(Kind::Fault));
    assert_eq!(run(Cpu::CortexM33F, "vrintz.f32 s1, s1"), None);
    assert_eq!(run(Cpu::CortexM4F, "vrintz.f32 s1, s1"), Some(Kind::Fault));
}
