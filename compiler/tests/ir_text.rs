//! The text of the IR and of the machine IR: round trips of what the passes make, and errors that say where.

use thumbsmith::ir::{parse, text, verify};
use thumbsmith::pipeline::{self, Between};
use thumbsmith::{Level, Options};

/// Something of everything: loops, tables, calls of many words, 64-bit arithmetic, memory that grows, globals.
const MODULE: &str = r#"(module
  (import "env" "sum" (func $sum (param i64 i32) (result i64 i32)))
  (global $g (mut i64) (i64.const -5)) (global (export "h") (mut i32) (i32.const 7))
  (memory (export "m") 1 3) (data (i32.const 16) "hello\00\ff\"world")
  (func $start (global.set $g (i64.const 9))) (start $start)
  (func (export "f") (param $a i64) (param $b i64) (param $n i32) (result i64)
    (local $t i64)
    (loop $l
      (local.set $t (local.get $a)) (local.set $a (local.get $b)) (local.set $b (local.get $t))
      (i64.store offset=5 (local.get $n) (i64.div_s (local.get $a) (local.get $b)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (drop (memory.grow (i32.const 1)))
    (call $sum (i64.mul (local.get $a) (global.get $g)) (local.get $n)) drop)
  (func $six (export "six") (param i32) (result i32 i64 i32 i64)
    (block (block (block (block (block (block
      (br_table 0 1 2 3 4 0 1 5 (local.get 0)))
      (return (i32.const 1) (i64.const 2) (local.get 0) (i64.const 3)))
      (unreachable))))
      (return (i32.const 1) (i64.rotl (global.get $g) (i64.const 3)) (i32.popcnt (local.get 0)) (i64.const 3)))
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 100)) (then (i32.load8_s offset=3 (local.get 0))) (else (i32.const -1)))
    (i64.extend_i32_s (i32.load16_u (local.get 0)))
    (i32.clz (local.get 0)) (i64.shl (global.get $g) (i64.extend_i32_u (local.get 0))))
  (func (export "twice") (param i32) (result i32)
    (call $six (local.get 0)) drop drop drop
    (call $six (i32.div_u (local.get 0) (i32.const 3))) drop drop drop i32.add))"#;

fn all_stages(level: Level) -> Vec<Between> {
    let wasm = wat::parse_str(MODULE).expect("text parses");
    let options = Options {
        level,
        ..Options::default()
    };
    pipeline::stages(&wasm, &options, None).expect("compiles")
}

#[test]
fn what_passes_make_reads_back_and_prints_the_same() {
    let mut functions = 0;
    for level in Level::ALL {
        for between in all_stages(level) {
            let module = &between.module;
            let mut bodies: Vec<_> = module
                .funcs
                .iter()
                .filter_map(|d| d.body.as_ref())
                .collect();
            bodies.push(&between.init);
            for f in bodies {
                for locs in [false, true] {
                    let printed = text::function(f, "a name", locs);
                    let (name, again) = parse::function(&printed)
                        .unwrap_or_else(|e| panic!("{}: {e}\n{printed}", between.pass));
                    assert_eq!(name, "a name");
                    verify::verify(&again, between.stage, Some(module))
                        .unwrap_or_else(|e| panic!("{}: {e}\n{printed}", between.pass));
                    assert_eq!(text::function(&again, &name, locs), printed);
                }
                functions += 1;
            }
            let printed = text::module(module, true);
            let again = parse::module(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert_eq!(text::module(&again, true), printed, "{}", between.pass);
        }
    }
    assert!(functions > 100, "only {functions} functions");
}
