//! Replays `regressions/`: every file, on every CPU, at every level.
//!
//! In: a folder. Out: how many files and runs, and what failed. Invariants: the expectations in a file are compared
//! with the reference too, so a file that says something wrong fails; a folder that cannot be read is an error.

use crate::check::{Ask, Judge};
use crate::regression::Case;
use std::path::{Path, PathBuf};
use thumbsmith::{Cpu, Level, Options};

/// What a replay did.
#[derive(Debug, Default)]
pub struct Replay {
    /// Files read.
    pub files: usize,
    /// Comparisons made.
    pub runs: usize,
    /// One text for each failure.
    pub failures: Vec<String>,
}

/// The name of a file, and the case in it or what is wrong with it.
pub type Named = (String, Result<Case, String>);

/// All `.wat` files of a folder in the order of their names, each as a case or as what is wrong with it.
///
/// # Errors
/// Text if the folder cannot be read.
pub fn cases(dir: &Path) -> Result<Vec<Named>, String> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .map_err(|e| format!("{}: {e}", dir.display()))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "wat"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        let case = text.and_then(|text| Case::parse(&text));
        let name = path.display().to_string();
        (name.clone(), case.map_err(|e| format!("{name}: {e}")))
    };
    Ok(paths.iter().map(read).collect())
}

/// Replays all `.wat` files of a folder.
///
/// # Errors
/// Text if the folder cannot be read.
pub fn replay(judge: &mut Judge, dir: &Path) -> Result<Replay, String> {
    let mut done = Replay::default();
    for (name, case) in cases(dir)? {
        done.files += 1;
        match case {
            Ok(case) => replay_case(judge, &name, &case, &mut done),
            Err(e) => done.failures.push(e),
        }
    }
    Ok(done)
}

/// Replays one case under its own options and under those of every CPU and level.
pub fn replay_case(judge: &mut Judge, name: &str, case: &Case, done: &mut Replay) {
    match judge.expectations(&case.wasm, &case.options, &case.steps) {
        Ok(said) => {
            for (i, (said, written)) in said.iter().zip(&case.expected).enumerate() {
                if written.is_some() && said != written {
                    done.failures.push(format!(
                        "{name}: step {i}: written {written:?}, the reference says {said:?}"
                    ));
                }
            }
        }
        Err(e) => done.failures.push(format!("{name}: {e}")),
    }
    let mut variants = vec![case.options.clone()];
    for cpu in Cpu::ALL {
        for level in Level::ALL {
            variants.push(Options {
                cpu,
                level,
                choices: Default::default(),
                fuel: None,
                passes: None,
                ..case.options.clone()
            });
        }
    }
    for options in variants {
        done.runs += 1;
        if let Err(report) = judge.judge(name, &case.wasm, &options, &case.steps, Ask::THOROUGH) {
            done.failures.push(report.to_string());
        }
    }
}
