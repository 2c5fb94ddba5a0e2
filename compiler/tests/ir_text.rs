//! The text of the IR and of every form of the backend: round trips of what the passes make, and errors that say where.

use thumbsmith::backend::{self, alloc_text, code_text, mir_text};
use thumbsmith::choices::Source;
use thumbsmith::ir::verify::{Stage, verify};
use thumbsmith::ir::{Block, Func, Value, parse, text};
use thumbsmith::regalloc;
use thumbsmith::stages::{self, Between, Form};
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
    stages::stages(&wasm, &options, None).expect("compiles")
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
                    verify(&again, between.stage, Some(module))
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

/// The module above and those of the corpus.
fn modules() -> Vec<Vec<u8>> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus");
    let files = [
        "gust_mix.wat",
        "kernels/fixed.wasm",
        "kernels/hash.wasm",
        "kernels/sort.wasm",
    ];
    let read = |f: &&str| {
        let bytes = std::fs::read(format!("{corpus}/{f}")).expect("a file of the corpus");
        wat::parse_bytes(&bytes).expect("text parses").into_owned()
    };
    let mut all: Vec<_> = files.iter().map(read).collect();
    all.push(wat::parse_str(MODULE).expect("text parses"));
    all
}

/// Prints, reads back, compares and verifies a function in a form that has text; whether it has.
fn same_again(form: &Form) -> bool {
    let names = |s: backend::mir::Symbol| Some(format!("symbol {}", s.0));
    match form {
        Form::Virtual(f) => {
            let printed = mir_text::function(f, &names);
            let again = mir_text::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert_eq!(again, *f, "{printed}");
            backend::verify::verify(&again).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        }
        Form::Allocated(f, a) => {
            let printed = alloc_text::function(f, a, &names);
            let again = alloc_text::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert_eq!((&again.0, &again.1), (f, a), "{printed}");
            regalloc::check(&again.0, &again.1).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        }
        Form::Linear(items) => {
            let printed = code_text::function(items, "a name", &names);
            let again = code_text::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert_eq!((again.0.as_str(), &again.1), ("a name", items), "{printed}");
            backend::code::verify(&again.1).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        }
        Form::Code(_) => return false,
        Form::Ir(_) => panic!("IR in the backend"),
    }
    true
}

#[test]
fn what_the_backend_makes_reads_back_equal() {
    let mut counts = std::collections::BTreeMap::new();
    for wasm in modules() {
        for level in Level::ALL {
            for choices in [Source::Heuristic, Source::Seed(11)] {
                let options = Options {
                    level,
                    choices,
                    ..Options::default()
                };
                let backend = stages::backend(&wasm, &options).expect("compiles");
                for stage in &backend.stages {
                    let same = stage.functions.iter().filter(|(_, f)| same_again(f));
                    *counts.entry(stage.pass).or_insert(0) += same.count();
                }
            }
        }
    }
    assert_eq!(counts.remove("layout"), Some(0));
    let passes: Vec<_> = counts.keys().copied().collect();
    assert_eq!(passes, ["emit", "finish", "lower", "regalloc"]);
    assert!(counts.values().all(|n| *n > 150), "{counts:?}");
}

const GOOD: &str = "memory 1 1
global mut i64 5
import \"env\" \"g\" func @g(i32, i64) -> (i64)
func @f(i32, i64) -> (i64) export \"f\" {
b0(v0: i32, v1: i64):
  v2 = const.i32 3
  v3 = add.i32 v0, v2 @0x2f
  v4 = load32 v3 +8
  br v4, b1(v1), b2()
b1(v5: i64):
  v6 = call f0 v0, v5
  v7 = proj.i64 v6 0
  jump b3(v7)
b2():
  v8 = global.get.i64 g0
  jump b3(v8)
b3(v9: i64):
  return v9
}
";

#[test]
fn text_that_is_wrong_is_refused_where_it_is() {
    for (from, to, place, says) in [
        (
            "add.i32 v0",
            "plus.i32 v0",
            (7, 8),
            "expected an operation, found `plus.i32",
        ),
        ("add.i32 v0", "add v0", (7, 8), "a type as suffix"),
        ("load32 v3", "load32.i32 v3", (8, 8), "no suffix"),
        ("v0, v2 @", "v0 @", (7, 8), "2 operands of add"),
        ("v0, v2 @", "v0, v99 @", (7, 20), "v99 is not defined"),
        ("v3 = add", "v2 = add", (7, 3), "v2 is defined twice"),
        ("+8", "8", (8, 18), "the end of the line, found `8`"),
        (
            "const.i32 3",
            "const.i32 4294967296",
            (6, 18),
            "a number from",
        ),
        ("b2()\n", "b7()\n", (9, 18), "b7 is not defined"),
        ("b2():", "b1():", (14, 1), "b1 is defined twice"),
        (
            "  jump b3(v7)\n",
            "",
            (13, 1),
            "a terminator before the next block",
        ),
        ("v1: i64)", "v1: f32)", (5, 17), "`i32` or `i64`"),
        (
            "func @f(i32, i64)",
            "func @f(i32)",
            (4, 1),
            "parameters are not the function's",
        ),
        ("return v9\n}", "return v9\n", (4, 1), "expected `}`"),
        (
            "global mut i64 5",
            "global mut i64",
            (2, 15),
            "a number, found the end",
        ),
        ("memory 1 1", "memory 2 1", (1, 10), "from 2 to 4294967295"),
        ("export \"f\"", "export f", (4, 35), "text in quotes"),
        ("g0\n", "h0\n", (15, 23), "a global such as"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let e = parse::module(&GOOD.replacen(from, to, 1)).expect_err(to);
        assert_eq!((e.line, e.column), place, "{to}: {e}");
        assert!(e.message.contains(says), "{to}: {e}");
    }
    for end in 0..GOOD.len() {
        // No beginning of it makes the parser panic, nor one with a byte in it that does not belong.
        let _ = parse::module(&GOOD[..end]);
        let _ = parse::module(&format!("{}\u{e9}{}", &GOOD[..end], &GOOD[end..]));
    }
}

fn verified(text: &str, stage: Stage) -> Result<(), String> {
    let m = parse::module(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let f = m.funcs[1].body.as_ref().expect("a body");
    verify(f, stage, Some(&m))
}

#[test]
fn the_verifier_says_what_is_wrong() {
    assert_eq!(verified(GOOD, Stage::Source), Ok(()));
    for (from, to, says) in [
        (
            "add.i32 v0, v2",
            "add.i32 v0, v1",
            "i64 where the row says T",
        ),
        (
            "add.i32 v0, v2",
            "add.i64 v0, v2",
            "i64 where the row says T",
        ),
        ("add.i32 v0, v2", "wrap v0", "i32 where the row says L"),
        ("add.i32 v0, v2", "add.i32 v3, v2", "depends on itself"),
        ("add.i32 v0, v2", "clz.i32 v4", "before it is there"),
        ("br v4,", "br v1,", "Br with [I64]"),
        (
            "b1(v1), b2()",
            "b1(v0), b2()",
            "[I32] for block 1, which takes [I64]",
        ),
        ("b1(v1), b2()", "b1(), b2()", "[] for block 1"),
        ("b1(v1), b2()", "b1(v1)", "Br with 1 edges"),
        ("jump b3(v8)", "jump b0(v0, v8)", "an edge to block 0"),
        ("jump b3(v8)", "jump b3(v7)", "before it is there"),
        ("jump b3(v8)", "jump b3(v5)", "before it is there"),
        ("return v9", "return v0", "Return with [I32]"),
        ("return v9", "return v9, v9", "Return with [I64, I64]"),
        (
            "call f0 v0, v5",
            "call f0 v0, v0",
            "the callee takes [I32, I64]",
        ),
        ("call f0 v0, v5", "call f9 v0, v5", "there is no callee 9"),
        ("proj.i64 v6 0", "proj.i64 v6 1", "the call returns [I64]"),
        ("proj.i64 v6 0", "proj.i64 v5 0", "projects what is no call"),
        ("global.get.i64 g0", "global.get.i64 g1", "not there"),
        ("global.get.i64 g0", "global.get.i64 g0.1", "immediate"),
        (
            "jump b3(v8)",
            "switch v0, b3(v8), b3(v6)",
            "[Void] for block 3",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let e = verified(&GOOD.replacen(from, to, 1), Stage::Source).expect_err(to);
        assert!(e.contains(says), "{to}: {e}, expected {says}");
    }
    let e = verified(GOOD, Stage::Words).expect_err("64-bit values");
    assert!(e.contains("64-bit"), "{e}");
}

const WORDS: &str = "memory 1 1
func @g() -> () {
b0():
  return
}
func @f(i32, i32) -> (i32) {
b0(v0: i32, v1: i32):
  v2 = sym memory+16
  v3 = add.i32 v0, v2
  v4 = load32 v3
  v5 = add64 v0, v1, v4, v1
  v6 = hi v5
  return v6
}
";

#[test]
fn the_verifier_knows_the_stages() {
    assert_eq!(verified(WORDS, Stage::Machine), Ok(()));
    for (from, to, says) in [
        ("load32 v3", "load32 v0", "no symbol"),
        ("hi v5", "hi v4", "i32 where the row says P"),
        ("hi v5", "clz.i32 v5", "pair where the row says T"),
        ("load32 v3", "global.get.i32 g0", "global"),
    ] {
        let e = verified(&WORDS.replacen(from, to, 1), Stage::Machine).expect_err(to);
        assert!(e.contains(says), "{to}: {e}, expected {says}");
    }
    let by_address = WORDS.replace("load32 v3", "load32 v0");
    assert_eq!(verified(&by_address, Stage::Words), Ok(()));
}

/// What text cannot say.
#[test]
fn the_verifier_checks_where_nodes_stand() {
    let m = parse::module(GOOD).expect("parses");
    let good = m.funcs[1].body.clone().expect("a body");
    let load = good.blocks[0].insts[0];
    let judge = |change: &dyn Fn(&mut Func), says: &str| {
        let mut f = good.clone();
        change(&mut f);
        let e = verify(&f, Stage::Source, Some(&m)).expect_err(says);
        assert!(e.contains(says), "{e}, expected {says}");
    };
    judge(&|f| f.blocks[2].insts.push(load), "stands in two places");
    judge(&|f| f.blocks[0].insts.clear(), "stands in no block");
    judge(&|f| f.nodes[load.0 as usize].imm = -1, "immediate");
    judge(&|f| f.nodes[load.0 as usize].args.clear(), "0 operands");
    judge(&|f| f.nodes[0].imm = 1, "names block 1, stands at 0");
    judge(&|f| f.blocks[0].insts[0] = Value(999), "holds %999");
    judge(&|f| f.blocks[0].insts[0] = Value(0), "as Pin");
    judge(&|f| f.blocks[3].term.args[0] = Value(999), "does not exist");
    judge(
        &|f| f.blocks[0].term.edges[1].to = Block(99),
        "an edge to block 99",
    );
    judge(&|f| f.blocks.clear(), "no entry");
}
