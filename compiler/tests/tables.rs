//! What calls by reference cost, and what becomes of tables, end to end: modules in text form, and their assembly.

use thumbsmith::{ErrorKind, Level, Options, pipeline, report};

/// The assembly of a module at a level.
fn listing(text: &str, level: Level) -> String {
    let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let options = Options {
        level,
        ..Options::default()
    };
    let compiled = pipeline::compile(&wasm, &options, None, true).unwrap_or_else(|e| panic!("{e}"));
    report::listing(&compiled, &options)
}

/// The mnemonics of a function, in order, without its stack check and its prologue.
fn mnemonics(listing: &str, function: &str) -> Vec<String> {
    let head = format!("module.{function}:");
    let lines = listing
        .lines()
        .skip_while(|l| !l.starts_with(&head))
        .skip(1);
    let body = lines.take_while(|l| !l.is_empty());
    let words = body.filter_map(|l| l.split_whitespace().nth(1));
    let all: Vec<String> = words
        .map(|w| w.trim_end_matches(".n").trim_end_matches(".w").to_owned())
        .collect();
    let start = all.iter().position(|w| w == "push").map_or(0, |at| at + 1);
    let end = all.iter().position(|w| w == "udf").unwrap_or(all.len());
    all[start..end.max(start)].to_vec()
}

/// A table of functions, and a call through it by the function `f`.
fn through(elements: &str, size: usize) -> String {
    format!(
        r#"(module (type $t (func (param i32 i32) (result i32))) (table {size} {size} funcref)
        (func $a (type $t) (i32.add (local.get 0) (local.get 1)))
        (func $b (type $t) (i32.mul (local.get 0) (local.get 1)))
        (func $c (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
        (elem (i32.const 0) funcref {elements})
        (func (export "f") (param i32 i32 i32) (result i32)
          (call_indirect (type $t) (local.get 0) (local.get 1) (local.get 2))))"#
    )
}

#[test]
fn a_table_of_one_type_costs_a_compare_and_a_load() {
    let text = listing(&through("(ref.func $a) (ref.func $b)", 2), Level::O2);
    let f = mnemonics(&text, "f");
    assert_eq!(f, ["cmp", "bhi", "ldr", "ldr", "blx", "pop"], "{text}");
    assert!(!text.contains("#-5]"), "{text}");
}

#[test]
fn entries_without_a_function_and_of_other_types_cost_a_check_each() {
    let null = listing(&through("(ref.func $a) (ref.func $b)", 3), Level::O2);
    assert_eq!(
        mnemonics(&null, "f"),
        ["cmp", "bhi", "ldr", "ldr", "cbz", "blx", "pop"],
        "{null}"
    );
    let types = listing(
        &through("(ref.func $a) (ref.func $b) (ref.func $c)", 3),
        Level::O2,
    );
    assert!(types.contains("#-5]"), "{types}");
    let f = mnemonics(&types, "f");
    assert!(!f.contains(&"cbz".into()), "{types}");
}

#[test]
fn what_has_one_target_is_called_by_name() {
    let one = listing(&through("(ref.func $a) (ref.func $a)", 2), Level::O0);
    assert!(one.contains("-> module.a") && !one.contains("blx"), "{one}");
    assert!(!one.contains("table0"), "{one}");
    let other = listing(&through("(ref.func $a) (ref.func $c)", 2), Level::O0);
    assert!(
        other.contains("-> module.a") && !other.contains("blx"),
        "{other}"
    );
    let inlined = listing(&through("(ref.func $a) (ref.func $a)", 2), Level::O2);
    assert!(
        !mnemonics(&inlined, "f").contains(&"bl".into()),
        "{inlined}"
    );
}

#[test]
fn what_nothing_calls_goes_with_its_table() {
    let text =
        r#"(module (table 1 1 funcref) (elem (i32.const 0) $a) (func $a) (func (export "f")))"#;
    let text = listing(text, Level::O2);
    assert!(
        !text.contains("module.a:") && !text.contains("table0"),
        "{text}"
    );
}

#[test]
fn tail_calls_leave_nothing_behind() {
    let text = r#"(module (func $even (export "even") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
          (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 7)))
        (func $odd (param i32 i32 i32 i32 i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (return (i32.sub (local.get 4) (i32.const 7)))))
          (return_call $even (i32.sub (local.get 0) (i32.const 1)))))"#;
    for level in [Level::O0, Level::O2, Level::Oz] {
        let text = listing(text, level);
        let jumps = |from: &str, to: &str| {
            let head = format!("module.{from}:");
            let body = text.lines().skip_while(|l| !l.starts_with(&head)).skip(1);
            let mut body = body.take_while(|l| !l.is_empty());
            body.any(|l| l.contains(" b.w ") && l.contains(&format!("-> module.{to}")))
        };
        assert!(jumps("even", "odd") && jumps("odd", "even"), "{text}");
        // The caller of the export has no room for the argument on the stack: it enters by a wrapper that has.
        assert!(text.contains("module.export0:"), "{text}");
    }
}

#[test]
fn the_greatest_size_of_a_table_is_what_was_asked_for() {
    let text = r#"(module (table (export "t") 2 funcref) (func (export "f") (param i32) (result i32)
        (table.grow (ref.null func) (local.get 0))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let bytes = |table_max| {
        let options = Options {
            table_max,
            ..Options::default()
        };
        let compiled = pipeline::compile(&wasm, &options, None, false).unwrap();
        compiled.module.tables[0].bytes()
    };
    assert_eq!((bytes(None), bytes(Some(10)), bytes(Some(1))), (16, 48, 16));
}

#[test]
fn tables_that_no_memory_holds_are_refused() {
    let wasm = wat::parse_str("(module (table 100000000 funcref))").unwrap();
    let e = thumbsmith::compile(&wasm, &Options::default())
        .err()
        .unwrap();
    assert_eq!(e.kind, ErrorKind::Limit, "{e}");
}
