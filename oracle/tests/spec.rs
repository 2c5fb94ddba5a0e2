//! A sample of the specification's tests as Thumb-2; `oracle spec` runs all of them.

use thumbsmith::{Cpu, Level};
use thumbsmith_oracle::spec::{Counts, SUITES, run};

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
    let mut scripts = 0;
    for (name, files) in SAMPLE {
        let suite = SUITES.iter().find(|s| s.name == *name).expect("a suite");
        for file in suite.scripts() {
            if !files.contains(&file.name().trim_end_matches(".wast")) {
                continue;
            }
            scripts += 1;
            for (cpu, level) in [(Cpu::CortexM3, Level::O0), (Cpu::CortexM7, Level::Oz)] {
                counts.add(run(suite, &file, cpu, level).expect("the script runs"));
            }
        }
    }
    assert_eq!(counts.wrong, Vec::<String>::new());
    assert!(scripts >= 15, "only {scripts} scripts");
    assert!(counts.total() > 5_000, "only {} assertions", counts.total());
}
