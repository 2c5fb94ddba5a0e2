//! Objects in a firmware: linked by GNU ld and lld to a start-up of a page, run in QEMU.
//!
//! Every case of `firmware/cases.rs` is built by both toolchains at several levels, for an M3, which QEMU's board has.
//! What it prints and the operators that its traps stand for must be as written there.

mod firmware;

use firmware::{Build, CASES, Folder, Toolchain, firmware, symbols};
use thumbsmith::{Bounds, Cpu, Level};

fn build(tools: Toolchain, level: Level) -> Build {
    Build {
        tools,
        cpu: Cpu::CortexM3,
        level,
        bounds: Bounds::Check,
    }
}

fn all_cases(level: Level) {
    let mut wrong = Vec::new();
    for case in CASES {
        for tools in Toolchain::ALL {
            let dir = Folder::new(&format!("{}-{}-{tools:?}", case.name, level.name()));
            let said = case.judge(&dir.0, build(tools, level));
            if let Err(e) = said {
                wrong.push(format!("{} -O{} {tools:?}: {e}", case.name, level.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cases_run_unoptimized() {
    all_cases(Level::O0);
}

#[test]
fn cases_run_at_the_default_level() {
    all_cases(Level::O2);
}

#[test]
fn cases_run_for_speed() {
    all_cases(Level::O3);
}

#[test]
fn cases_run_for_size() {
    all_cases(Level::Oz);
}

/// The traps' case with its memory in the middle of RAM: `mask` wraps, `none` and `mpu` do not look.
#[test]
fn unchecked_modes_leave_the_other_traps() {
    let wat = r#"(module (memory 1)
        (func (export "store") (param i32) (i32.store8 offset=1 (local.get 0) (i32.const 7)))
        (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))"#;
    let c = r#"
        #include "m.h"
        uint32_t m_stack_limit;
        static volatile uint32_t a;
        static void f(void) { store(0x300000); }
        static void g(void) { a = divide(a); }
        int main(void) {
            m_init();
            show("store", catch (f));
            show("wrapped", m_memory[1]);
            show("divide", catch (g));
            return 0;
        }"#;
    for (bounds, wrapped) in [(Bounds::Mask, 7), (Bounds::Mpu, 0), (Bounds::None, 0)] {
        let dir = Folder::new(&format!("bounds-{}", bounds.name()));
        let parts = [firmware::Part { name: "m", wat }];
        let build = Build {
            bounds,
            ..build(Toolchain::Gnu, Level::O2)
        };
        let ran = firmware(&dir.0, &parts, c, build).unwrap();
        let want = [
            "store=0".to_owned(),
            format!("wrapped={wrapped}"),
            "divide=2".to_owned(),
        ];
        assert_eq!(ran.lines, want, "{}", bounds.name());
        assert_eq!(ran.trapped, [Some(0x6e)]);
    }
}

/// What nothing refers to goes, with its memory and constants; the table of traps still fits what is left.
#[test]
fn unused_functions_are_collected() {
    let case = CASES.iter().find(|c| c.name == "traps").unwrap();
    for tools in Toolchain::ALL {
        let dir = Folder::new(&format!("collected-{tools:?}"));
        let ran = firmware(&dir.0, case.parts, case.c, build(tools, Level::O2)).unwrap();
        let names = symbols(&dir.0.join("image.elf"));
        assert!(names.iter().any(|n| n == "divide"), "{tools:?}");
        assert!(
            !names.iter().any(|n| n == "unused"),
            "{tools:?}: an unused export stays"
        );
        assert!(ran.trapped.iter().all(Option::is_some), "{tools:?}");
    }
}
