//! What the compiler does not have is refused by name and place: a row a feature.

use thumbsmith::{ErrorKind, Options, compile};

/// Operators: a function body, and the operator that the error names.
const OPERATORS: &[(&str, &str)] = &[
    ("v128.const i32x4 0 0 0 0 drop", "v128.const"),
    ("i32.const 0 i8x16.splat drop", "i8x16.splat"),
    ("i32.const 0 i32.atomic.load drop", "i32.atomic"),
    ("atomic.fence", "atomic.fence"),
    (
        "i64.const 0 i64.const 0 i64.const 0 i64.const 0 i64.add128 drop drop",
        "i64.add128",
    ),
    ("throw 0", "throw"),
    ("try_table end", "try_table"),
    ("i32.const 0 ref.i31 drop", "ref.i31"),
    ("ref.func 0 ref.as_non_null drop", "ref.as_non_null"),
    ("ref.func 0 call_ref 0", "call_ref"),
    ("ref.func 0 return_call_ref 0", "return_call_ref"),
    ("ref.func 0 br_on_null 0 drop", "br_on_null"),
];

/// Declarations: a module, and a part of the message.
const DECLARATIONS: &[(&str, &str)] = &[
    ("(func (param v128))", "vectors"),
    ("(func (param anyref))", "references other than"),
    (
        "(func (result (ref func)) unreachable)",
        "references other than",
    ),
    (
        "(type $t (func)) (global (ref null $t) (ref.null $t))",
        "references other than",
    ),
    ("(table 1 anyref)", "references other than"),
    (
        "(import \"env\" \"t\" (table 1 eqref))",
        "references other than",
    ),
    ("(table i64 1 funcref)", "64-bit"),
    ("(func (local i31ref))", "references other than"),
    ("(import \"env\" \"e\" (tag))", "exception tags"),
    ("(memory i64 1)", "64-bit"),
    ("(memory 1 1 shared)", "threads"),
    ("(import \"env\" \"m\" (memory i64 1))", "64-bit"),
    ("(import \"env\" \"m\" (memory 1 2 shared))", "threads"),
    ("(tag)", "exception tags"),
];

#[test]
fn operators_are_refused_by_name_function_and_offset() {
    for (body, operator) in OPERATORS {
        // Declarations around the function would be refused themselves: the error must be about the first
        // that stands in the module, so only what the operator cannot do without is there.
        let needs = [
            ("throw", "(tag)"),
            ("load", "(memory 1)"),
            ("memory", "(memory 1)"),
        ];
        let around: String = needs
            .iter()
            .filter(|n| body.contains(n.0) && !body.contains("try_table"))
            .map(|n| n.1)
            .collect();
        let text = format!(
            "(module {around} (func $zero) (func $named (export \"named\") {body}) (export \"z\" (func $zero)))"
        );
        let wasm = wat::parse_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let e = compile(&wasm, &Options::default())
            .err()
            .unwrap_or_else(|| panic!("{operator} compiles"));
        let said = e.to_string();
        assert_eq!(e.kind, ErrorKind::Unsupported, "{said}");
        if body.contains("throw") {
            // Its tag stands before it and is refused first.
            assert!(
                said.contains("exception tags") && e.offset.is_some(),
                "{said}"
            );
            continue;
        }
        assert!(said.contains(operator), "{operator}: {said}");
        assert_eq!(e.function, Some((1, Some("named".into()))), "{said}");
        let at = e.offset.unwrap_or_else(|| panic!("{said}")) as usize;
        // The offset is that of an operator of this function: its first byte is found there.
        assert!(at > 8 && at < wasm.len(), "{said}");
    }
}

#[test]
fn declarations_are_refused_where_they_stand() {
    for (fields, says) in DECLARATIONS {
        let wasm = wat::parse_str(format!("(module {fields})"))
            .unwrap_or_else(|e| panic!("{fields}: {e}"));
        let e = compile(&wasm, &Options::default())
            .err()
            .unwrap_or_else(|| panic!("{fields} compiles"));
        let said = e.to_string();
        assert_eq!(e.kind, ErrorKind::Unsupported, "{said}");
        assert!(said.contains(says), "{fields}: {said}");
        assert!(e.offset.is_some_and(|o| o >= 8), "{said}");
    }
    let component = wat::parse_str("(component)").unwrap();
    let said = compile(&component, &Options::default())
        .err()
        .unwrap()
        .to_string();
    assert!(said.contains("components"), "{said}");
}

/// What linkers leave behind and nothing uses is no reason to refuse a module.
#[test]
fn unused_leftovers_are_accepted() {
    for fields in [
        "(table 0 funcref)",
        "(table 1 1 funcref)",
        "(type (func (param f32)))",
        "(@custom \"x\" \"\\ff\\ff\")",
    ] {
        let wasm = wat::parse_str(format!("(module {fields} (func (export \"f\")))")).unwrap();
        compile(&wasm, &Options::default()).unwrap_or_else(|e| panic!("{fields}: {e}"));
    }
}

/// Symbols that cannot be told apart are refused, and those that can are not.
#[test]
fn names_that_meet_are_refused() {
    let module = |fields: &str| {
        let wasm = wat::parse_str(format!("(module {fields})")).unwrap();
        compile(&wasm, &Options::default())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    for (fields, says) in [
        ("(func (export \"module_init\"))", "the compiler gives it"),
        (
            "(memory 1) (global (export \"module_memory\") i32 (i32.const 1))",
            "the compiler gives it",
        ),
        (
            "(import \"module\" \"stack_limit\" (func))",
            "the compiler gives it",
        ),
        (
            "(import \"env\" \"f\" (func)) (func (export \"f\"))",
            "the name of an import",
        ),
        (
            "(import \"a\" \"b\" (func)) (func (export \"a_b\"))",
            "the name of an import",
        ),
        (
            "(import \"a\" \"b_c\" (func)) (import \"a_b\" \"c\" (func (param i32)))",
            "two types",
        ),
        (
            "(import \"env\" \"f\" (func)) (import \"env\" \"f\" (global i32))",
            "two types",
        ),
    ] {
        let said = module(fields).expect_err(fields);
        assert!(
            said.contains(says) && said.contains("help: "),
            "{fields}: {said}"
        );
    }
    for fields in [
        "(import \"env\" \"f\" (func)) (import \"env\" \"f\" (func))",
        "(import \"env\" \"f\" (func)) (export \"f\" (func 0)) (export \"g\" (func 0))",
        "(import \"env\" \"g\" (global i32)) (export \"g\" (global 0))",
        "(func (export \"a\") (export \"b\") (export \"c d\"))",
        "(import \"env\" \"g\" (global i32)) (export \"h\" (global 0)) (export \"i\" (global 0))",
        "(import \"env\" \"t\" (table 1 funcref)) (export \"h\" (table 0))",
        "(func (export \"$total\"))",
        "(func (export \"$t\") (export \"$d.1\") (export \"\") (export \"\\00\"))",
        "(import \"env\" \"\" (func))",
        "(memory (export \"module_memory\") 1)",
    ] {
        module(fields).unwrap_or_else(|e| panic!("{fields}: {e}"));
    }
}
