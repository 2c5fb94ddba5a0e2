//! A sample of the specification's tests as Thumb-2; `oracle spec` runs all of them.

use thumbsmith::{Cpu, Level};
use thumbsmith_oracle::qemu::board::{BOARDS, Board};
use thumbsmith_oracle::spec::{Counts, SUITES};

/// Collections, and scripts of theirs.
const SAMPLE: &[(&str, &[&str])] = &[
    (
        "v1",
        &[
            "i32",
            "br_table",
            "memory",
            "data",
            "imports",
            "fac",
            "memory_redundancy",
            "f32",
            "f64_cmp",
            "conversions",
            "call_indirect",
            "names",
        ],
    ),
    (
        "v2",
        &[
            "memory_copy",
            "memory_fill",
            "memory_init",
            "bulk",
            "linking",
            "elem",
            "exports",
            "table_copy",
            "table_grow",
        ],
    ),
    ("tail-call", &["return_call", "return_call_indirect"]),
    ("extended-const", &["data", "global"]),
    ("custom-page-sizes", &["custom-page-sizes"]),
    (
        "multi-memory",
        &["memory_copy1", "linking1", "imports2", "load2"],
    ),
];

#[test]
fn a_sample_of_the_scripts_holds() {
    let mut counts = Counts::default();
    let base = [(Cpu::CortexM3, Level::O0), (Cpu::CortexM7, Level::Oz)];
    let fpu = BOARDS
        .into_iter()
        .find(Board::fpu)
        .map(|b| (b.cpu, Level::O2));
    for (name, files) in SAMPLE {
        let suite = SUITES.iter().find(|s| s.name == *name).expect("a suite");
        for file in *files {
            for (cpu, level) in base.into_iter().chain(fpu) {
                let ran = suite.run(&|script| script == *file, &[cpu], &[level]);
                let ran = ran.expect("the script runs");
                assert!(ran.total() > 0, "{name}/{file} asserts nothing");
                counts.add(ran);
            }
        }
    }
    println!("{:?}", counts.held);
    assert_eq!(counts.wrong, Vec::<String>::new());
    assert!(counts.total() > 5_000, "only {} assertions", counts.total());
}
