//! Triage over seeded bugs: who is guilty, under one key for two programs that show one bug and under different keys for
//! different bugs, with few operators left.
//!
//! A seeded bug is on for a whole process: the command runs in ones of their own, and one test turns bugs on in this.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use thumbsmith_oracle::check::{Direct, Judge};
use thumbsmith_oracle::random::Random;
use thumbsmith_oracle::regression::Case;
use thumbsmith_oracle::seeds;
use thumbsmith_oracle::triage::{self, Party, Triage};

/// A bug, two programs that show it, what must be named, and the most operators that may be left.
struct Row {
    bug: u16,
    modules: [&'static str; 2],
    pass: &'static str,
    sort: &'static str,
    name: &'static str,
    most: u64,
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
        name: "division",
        most: 3,
    },
];

fn triaged(judge: &mut Judge, text: &str) -> Triage {
    let case = Case::parse(text).expect("understood");
    triage::triage(judge, &case).expect("it differs")
}

/// What the command says of a case with a bug on, in a process of its own: rules are read once a process. `None` where
/// the case does not differ.
fn told(bug: u16, text: &str) -> Option<(Value, String)> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("triage-{bug}"));
    std::fs::create_dir_all(&dir).expect("a folder");
    let (file, out) = (dir.join("case.wat"), dir.join("out"));
    std::fs::write(&file, text).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_oracle"))
        .args(["triage", "--json", "-o"])
        .args([&out, &file])
        .env("SEED_BUG", bug.to_string())
        .output()
        .expect("the command runs");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("does not differ"), "bug {bug}: {said}");
        return None;
    }
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let folder = out.join(found["key"].as_str().expect("a key"));
    for name in found["files"].as_array().expect("files") {
        let file = folder.join(name.as_str().expect("a name"));
        let size = std::fs::metadata(&file).map_or(0, |m| m.len());
        assert!(size > 0, "bug {bug}: {} is empty", file.display());
    }
    let report = std::fs::read_to_string(folder.join("report.txt")).expect("a report");
    Some((found, report))
}

#[test]
fn causes_are_named_and_duplicates_collapse() {
    let mut keys: BTreeMap<String, u16> = BTreeMap::new();
    for row in ROWS {
        let bug = row.bug;
        let [one, two] = row.modules.map(|text| {
            assert_eq!(told(0, text), None, "bug {bug} is off");
            told(bug, text).unwrap_or_else(|| panic!("bug {bug} does not show"))
        });
        for (t, report) in [&one, &two] {
            for (what, wanted) in [
                ("pass", row.pass),
                ("sort", row.sort),
                ("name", row.name),
                ("party", "compiler"),
            ] {
                assert_eq!(t[what], wanted, "bug {bug}: {report}");
            }
            let operators = t["operators"].as_u64().expect("a number");
            assert!(operators <= row.most, "bug {bug}: {report}");
            let files = t["files"].to_string();
            for name in ["trace.txt", "before.txt", "after.txt"] {
                assert!(files.contains(name), "bug {bug}: {files} {report}");
            }
            assert!(report.contains("wasmtime, optimizing"), "{report}");
        }
        assert_eq!(one.0["key"], two.0["key"], "bug {bug}");
        let key = one.0["key"].to_string();
        assert_eq!(keys.insert(key, bug), None, "bug {bug}");
    }
}

#[test]
fn a_simulator_is_to_blame_for_its_own_and_bytes_are_triaged() {
    let mut judge = Judge::new().expect("engines start");
    the_executor_is_to_blame(&mut judge);
    what_is_kept_of_another_program_is_found();
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

/// A case that is right in a judge that has seen nothing else: the executor goes on with instructions of what ran before.
fn what_is_kept_of_another_program_is_found() {
    seeds::activate(723);
    let text = r#";; options: cortex-m3 -O2 check choices=heuristic
(module (func (export "f") (param i32 i32) (result i32)
  (i32.sub (i32.shl (local.get 0) (i32.const 3)) (local.get 1))))
;; call f 0x5 0x2
"#;
    let mut judge = Judge::new().expect("engines start");
    let t = triaged(&mut judge, text);
    let report = triage::text(&t);
    assert_eq!(t.party, Party::Table, "{report}");
    assert_eq!(
        t.culprit.key(),
        "isa-what_is_left_of_another_program",
        "{report}"
    );
    assert!(!judge.is_behind_another());
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
