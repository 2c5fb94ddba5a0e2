//! Objects in a firmware: linked by GNU ld and lld to a start-up of a page, run in QEMU.
//!
//! Every case of `firmware/cases.rs` is built by both toolchains at several levels, for an M3, which QEMU's board has.
//! What it prints and the operators that its traps stand for must be as written there.

mod firmware;

use firmware::{Build, CASES, Folder, Toolchain, firmware, symbols};
use thumbsmith::options::FloatHelpers;
use thumbsmith::{Bounds, Cpu, Level};

fn build(tools: Toolchain, level: Level) -> Build {
    Build {
        tools,
        cpu: Cpu::CortexM3,
        level,
        bounds: Bounds::Check,
        float_helpers: FloatHelpers::Own,
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

/// Every comparison of the operands, a bit each, the first lowest.
fn comparisons(ty: &str, a: u32, b: u32) -> String {
    let bit = |(k, op): (usize, &str)| {
        format!("(i32.shl ({ty}.{op} (local.get {a}) (local.get {b})) (i32.const {k}))")
    };
    let bits = ["eq", "ne", "lt", "le", "gt", "ge"].into_iter().enumerate();
    let bits: Vec<String> = bits.map(bit).collect();
    let both = |all: String, bit: &String| format!("(i32.or {all} {bit})");
    bits[1..].iter().fold(bits[0].clone(), both)
}

/// The object's own helpers and the library's give the same, and each object names only those that it should.
#[test]
fn floats_by_either_helpers() {
    let wat = format!(
        r#"(module
        (func (export "sums") (param f32 f32) (result f32)
          (f32.sub (f32.div (f32.add (local.get 0) (local.get 1)) (f32.const 3))
            (f32.mul (local.get 0) (local.get 1))))
        (func (export "wide") (param f64 i64) (result f64)
          (f64.div (f64.sub (f64.mul (local.get 0) (local.get 0)) (f64.convert_i64_s (local.get 1)))
            (f64.promote_f32 (f32.demote_f64 (f64.add (local.get 0) (f64.const 0.1))))))
        (func (export "order") (param f32 f32) (result i32) {})
        (func (export "worder") (param f64 f64) (result i32) {})
        (func (export "branch") (param f32 f32) (result i32)
          (if (result i32) (f32.gt (local.get 0) (local.get 1)) (then (i32.const 1)) (else (i32.const 2)))))"#,
        comparisons("f32", 0, 1),
        comparisons("f64", 0, 1)
    );
    let c = r#"
        #include "m.h"
        #include <string.h>
        uint32_t m_stack_limit;
        static uint64_t bits(double x) { uint64_t n; memcpy(&n, &x, 8); return n; }
        static uint32_t half(float x) { uint32_t n; memcpy(&n, &x, 4); return n; }
        int main(void) {
            const float nan = __builtin_nanf("");
            m_init();
            show("sums", half(sums(1.5f, 2.25f)));
            show("wide", bits(wide(1e10, -12345678901234567)));
            show("less", order(1.0f, 2.0f) << 8 | worder(1.0, 2.0));
            show("same", order(-0.0f, 0.0f) << 8 | worder(2.0, 2.0));
            show("more", order(3.0f, -2.0f) << 8 | worder(3.0, -2.0));
            show("none", order(nan, 1.0f) << 8 | worder(1.0, nan));
            show("branch", branch(2.0f, 1.0f) << 8 | branch(nan, 1.0f));
            stop();
        }"#;
    let sums = ((1.5f32 + 2.25) / 3.0 - 1.5 * 2.25).to_bits();
    let wide = (1e20 + 12_345_678_901_234_567f64) / f64::from((1e10f64 + 0.1) as f32);
    let want = [
        format!("sums={sums:x}"),
        format!("wide={:x}", wide.to_bits()),
        "less=e0e".to_owned(),
        "same=2929".to_owned(),
        "more=3232".to_owned(),
        "none=202".to_owned(),
        "branch=102".to_owned(),
    ];
    for float_helpers in FloatHelpers::ALL {
        let dir = Folder::new(&format!("floats-{}", float_helpers.name()));
        let parts = [firmware::Part {
            name: "m",
            wat: &wat,
        }];
        let build = Build {
            float_helpers,
            ..build(Toolchain::Gnu, Level::O2)
        };
        let ran = firmware(&dir.0, &parts, c, build).unwrap();
        assert_eq!(ran.lines, want, "{}", float_helpers.name());
        let names = symbols(&dir.0.join("m.o"));
        let has = |start: &str| names.iter().any(|n| n.starts_with(start));
        let own = float_helpers == FloatHelpers::Own;
        assert_eq!(
            (has("m.f32_add"), has("__aeabi_")),
            (own, !own),
            "{names:?}"
        );
    }
}

/// Firmware and module pass floats to each other as the CPU says, in both directions and in every kind of place.
#[test]
fn floats_pass_as_c_passes_them() {
    let wat = r#"(module
        (import "env" "scale" (func $scale (param f64 i32 f32) (result f32)))
        (import "env" "split" (func $split (param f32 f64) (result f64 f64)))
        (func (export "apply") (param f32 f64 i32) (result f32)
          (call $scale (local.get 1) (local.get 2) (local.get 0)))
        (func (export "turn") (param f32 f64 f32) (result f32 f32 f64)
          (local.get 2) (local.get 0) (local.get 1))
        (func (export "triple") (param f32 f64 f32) (result f32 f32 f32)
          (local.get 2) (local.get 0) (f32.const 0.5))
        (func (export "halves") (param f32 f64) (result f64 f64)
          (call $split (local.get 0) (local.get 1)))
        (func (export "ninth") (param f64 f64 f64 f64 f64 f64 f64 f32 f64 f64 f32 i32 i64) (result f64)
          (if (result f64) (local.get 11) (then (local.get 9)) (else (f64.promote_f32 (local.get 10))))))"#;
    let c = r#"
        #include "m.h"
        #include <string.h>
        uint32_t m_stack_limit;
        static uint64_t bits(double x) { uint64_t n; memcpy(&n, &x, 8); return n; }
        static uint32_t half(float x) { uint32_t n; memcpy(&n, &x, 4); return n; }
        float scale(double a, uint32_t b, float c) { return a == 7.0 && b == 3 ? c * 2 : 0; }
        struct split_results split(float a, double b) {
            struct split_results r = { b, a };
            return r;
        }
        int main(void) {
            m_init();
            show("apply", half(apply(1.25f, 7.0, 3)));
            show("turn", half(turn(1.0f, 2.0, 3.0f).r0) ^ bits(turn(1.0f, 2.0, 3.0f).r2));
            show("triple", half(triple(1.0f, 2.0, 3.0f).r0) + half(triple(1.0f, 2.0, 3.0f).r2));
            show("halves", bits(halves(1.0f, 2.0).r0) - bits(halves(1.0f, 2.0).r1));
            show("ninth", bits(ninth(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 12)));
            show("tenth", bits(ninth(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 12)));
            stop();
        }"#;
    let single = |x: f32| u64::from(x.to_bits());
    let want = [
        ("apply", single(2.5)),
        ("turn", single(3.0) ^ 2f64.to_bits()),
        ("triple", single(3.0) + single(0.5)),
        ("halves", 2f64.to_bits() - 1f64.to_bits()),
        ("ninth", 10f64.to_bits()),
        ("tenth", 11f64.to_bits()),
    ];
    let want = want.map(|(name, bits)| format!("{name}={bits:x}"));
    for cpu in Cpu::ALL {
        if firmware::board(cpu).is_none() {
            continue;
        }
        let dir = Folder::new(&format!("floats-{}", cpu.name()));
        let parts = [firmware::Part { name: "m", wat }];
        for level in [Level::O0, Level::O2] {
            let build = Build {
                cpu,
                // The C that is compiled for a core without an FPU computes by the library.
                float_helpers: FloatHelpers::Aeabi,
                ..build(Toolchain::Gnu, level)
            };
            let ran = firmware(&dir.0, &parts, c, build).unwrap();
            assert_eq!(ran.lines, want, "{} -O{}", cpu.name(), level.name());
        }
    }
}
