//! Triage over seeded bugs: who is guilty, under one key for two programs that show one bug and under different keys for
//! different bugs, with few operators left.
//!
//! One test, since a seeded bug is on for the whole process.

use std::collections::BTreeMap;
use thumbsmith_oracle::check::{Direct, Judge};
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::regression::Case;
use thumbsmith_oracle::triage::{self, Party, Triage};
use thumbsmith_oracle::{reduce, seeds};

/// A bug, two programs that show it, what must be named, and the most operators that may be left.
struct Row {
    bug: u16,
    modules: [&'static str; 2],
    pass: &'static str,
    sort: &'static str,
    name: &'static str,
    most: usize,
}

const ROWS: &[Row] = &[
    // A rewrite that numbers refute, among others that are right.
    Row {
        bug: 303,
        modules: [
            r#";; options: cortex-m7 -O3 check choices=heuristic
(module (memory 1) (func (export "f") (param i32 i32) (result i32)
  (i32.store (i32.const 8) (i32.mul (local.get 1) (i32.const 8)))
  (i32.xor (i32.load (i32.const 8)) (i32.sub (i32.const 100) (i32.add (local.get 0) (i32.const 7))))))
;; call f 0x5 0x6
"#,
            r#";; options: cortex-m3 -Os mask choices=heuristic
(module (func (export "g") (param i64 i32 i64) (result i64 i64)
  (if (result i64) (local.get 1)
    (then (i64.sub (i64.const 3) (i64.add (i64.mul (local.get 0) (local.get 2)) (i64.const -9))))
    (else (i64.const 4)))
  (i64.rotl (local.get 0) (local.get 2))))
;; call g 0x1 0x1 0x2
"#,
        ],
        pass: "simplify",
        sort: "rewrite",
        name: "sub-from-add",
        most: 5,
    },
    // A rule of instruction selection that has no other beside it.
    Row {
        bug: 370,
        modules: [
            r#";; options: cortex-m3 -O2 check choices=heuristic
(module (func (export "f") (param i32 i32) (result i32 i32)
  (i32.rotl (i32.add (local.get 0) (i32.const 3)) (local.get 1)) (i32.mul (local.get 0) (local.get 1))))
;; call f 0x5 0x6
"#,
            r#";; options: cortex-m4 -O0 none choices=heuristic
(module (func (export "g") (param i32) (result i32)
  (loop (result i32) (i32.popcnt (i32.rotl (i32.const 12345) (i32.or (local.get 0) (i32.const 64))))
    (drop) (i32.rotl (i32.const -2) (local.get 0)))))
;; call g 0x7
"#,
        ],
        pass: "lower",
        sort: "rule",
        name: "rol",
        most: 3,
    },
    // A wrong fact, believed by whatever comes along.
    Row {
        bug: 405,
        modules: [
            r#";; options: cortex-m3 -O2 check choices=heuristic
(module (func (export "f") (param i32) (result i32)
  (i32.lt_u (i32.popcnt (local.get 0)) (i32.const 32))))
;; call f 0xffffffff
"#,
            r#";; options: cortex-m7 -O3 check choices=heuristic
(module (func (export "g") (param i32 i32) (result i32)
  (if (result i32) (i32.eq (i32.popcnt (local.get 1)) (i32.const 32)) (then (i32.const 11)) (else (local.get 0)))))
;; call g 0x3 0xffffffff
"#,
        ],
        pass: "simplify",
        sort: "fact",
        name: "popcnt",
        most: 6,
    },
    // No rewrite: translation.
    Row {
        bug: 1,
        modules: [
            r#";; options: cortex-m3 -O2 check choices=heuristic
(module (func (export "f") (param i32 i32) (result i32)
  (i32.add (i32.const 77) (i32.div_u (i32.mul (local.get 0) (i32.const 3)) (local.get 1)))))
;; call f 0x5 0x0
"#,
            r#";; options: cortex-m7 -O1 none choices=heuristic
(module (func (export "g") (param i64 i64) (result i64)
  (i64.div_u (local.get 0) (i64.and (local.get 1) (i64.const 6)))))
;; call g 0x9 0x1
"#,
        ],
        pass: "translate",
        sort: "place",
        name: "div",
        most: 3,
    },
];

fn triaged(judge: &mut Judge, text: &str) -> Triage {
    let case = Case::parse(text).expect("understood");
    triage::triage(judge, &case).expect("it differs")
}

#[test]
fn causes_are_named_and_duplicates_collapse() {
    let mut judge = Judge::new().expect("engines start");
    let mut keys: BTreeMap<String, u16> = BTreeMap::new();
    for row in ROWS {
        seeds::activate(0);
        for text in row.modules {
            let healthy = Case::parse(text).expect("understood");
            assert!(
                reduce::reduce(&mut judge, &healthy).is_err(),
                "bug {}",
                row.bug
            );
        }
        seeds::activate(row.bug);
        let [one, two] = row.modules.map(|text| triaged(&mut judge, text));
        for t in [&one, &two] {
            let report = triage::text(t);
            let (what, bug) = (&t.culprit.what, row.bug);
            assert_eq!(
                (what.sort(), what.name()),
                (row.sort, row.name),
                "bug {bug}: {report}"
            );
            assert_eq!(
                (t.culprit.pass.as_str(), t.party),
                (row.pass, Party::Compiler),
                "bug {bug}: {report}"
            );
            assert!(t.operators <= row.most, "bug {bug}: {report}");
            assert!(
                t.trace.is_some() && t.forms.is_some(),
                "bug {bug}: {report}"
            );
            assert!(report.contains(&t.key()) && report.contains("wasmtime, optimizing"));
        }
        assert_eq!(one.key(), two.key(), "bug {}", row.bug);
        assert_eq!(keys.insert(one.key(), row.bug), None, "{}", one.key());
    }
    the_executor_is_to_blame(&mut judge);
    bytes_are_triaged(&mut judge);
    seeds::activate(0);
}

/// A defect of the executor is not laid at the compiler's door, and its instruction is found by lock-step.
fn the_executor_is_to_blame(judge: &mut Judge) {
    seeds::activate(709);
    let text = r#";; options: cortex-m3 -O2 check choices=heuristic
(module (func (export "f") (param i32 i32) (result i32)
  (i32.add (local.get 0) (i32.div_s (local.get 0) (local.get 1)))))
;; call f 0xfffffff9 0x2
"#;
    let t = triaged(judge, text);
    let report = triage::text(&t);
    assert_eq!(t.party, Party::Table, "{report}");
    assert_eq!(t.culprit.key(), "isa-sdiv", "{report}");
    assert!(report.contains("unicorn has r"), "{report}");
}

/// An input of a check without a module becomes shorter and keeps its words.
fn bytes_are_triaged(judge: &mut Judge) {
    seeds::activate(154);
    let fails = |judge: &mut Judge, bytes: &[u8]| judge.direct(Direct::Regalloc, bytes).is_err();
    let found = (0..200).map(|seed| Random::new(seed).bytes(800));
    let found: Vec<Vec<u8>> = found.filter(|b| fails(judge, b)).take(2).collect();
    assert_eq!(found.len(), 2);
    let all: Vec<_> = found
        .iter()
        .map(|bytes| triage::direct(judge, Direct::Regalloc, bytes).expect("it fails"))
        .collect();
    for (t, bytes) in all.iter().zip(&found) {
        assert_eq!(t.culprit.pass, "regalloc", "{}", t.text());
        assert!(
            t.bytes.len() < bytes.len() && fails(judge, &t.bytes),
            "{}",
            t.text()
        );
    }
    assert_eq!(all[0].key(), all[1].key());
}
