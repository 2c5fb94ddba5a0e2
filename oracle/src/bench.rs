//! Workloads: what the compiler is measured on, and how.
//!
//! In: `corpus/`, where a workload is a module (`.wat`, or `.wasm` with its calls beside it in `.calls`) and the calls
//! that exercise it. Out: for a CPU and level, bytes of code, and instructions and modelled cycles that the calls
//! execute in the executor over the instruction table. All three are exact: a difference is a difference of the compiler.

use crate::arm::executor::ExecutorCore;
use crate::arm::machine::Machine;
use crate::compare::Step;
use crate::engine::{Engine, Outcome};
use crate::program::{Info, Program};
use crate::regression::Case;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use thumbsmith::{Cpu, Level, Options};

/// Instructions after which a call is given up.
const LIMIT: u64 = 50_000_000;

/// A module with the calls that exercise it.
pub struct Workload {
    /// Its name: the file's stem.
    pub name: String,
    /// The module and its calls.
    pub case: Case,
}

/// What one workload takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Bytes of code, jump tables and literals included.
    pub bytes: u64,
    /// Instructions executed.
    pub instructions: u64,
    /// Modelled cycles.
    pub cycles: u64,
}

/// Reads all workloads of a folder, those of its subfolders included, by name.
///
/// # Errors
/// Text that names the file that is not understood.
pub fn workloads(dir: &Path) -> Result<Vec<Workload>, String> {
    let mut out = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for path in entries.filter_map(|e| e.ok().map(|e| e.path())) {
            let context = |e: String| format!("{}: {e}", path.display());
            let read = |p: &Path| std::fs::read(p).map_err(|e| context(e.to_string()));
            let case = match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => {
                    folders.push(path);
                    continue;
                }
                Some("wat") => {
                    Case::parse(&String::from_utf8_lossy(&read(&path)?)).map_err(context)?
                }
                Some("wasm") => {
                    let calls = read(&path.with_extension("calls"))?;
                    Case::of(read(&path)?, &String::from_utf8_lossy(&calls)).map_err(context)?
                }
                _ => continue,
            };
            let name = path
                .file_stem()
                .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
            out.push(Workload { name, case });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// Measures one workload.
///
/// # Errors
/// Text, if it does not compile, link or run to its end.
pub fn measure(w: &Workload, options: &Options) -> Result<Cost, String> {
    let options = Options {
        name: "m".into(),
        ..options.clone()
    };
    let (cpu, level) = (options.cpu, options.level);
    let output = thumbsmith::compile(&w.case.wasm, &options).map_err(|e| e.to_string())?;
    let program = Program {
        wasm: w.case.wasm.clone(),
        info: Info::read(&w.case.wasm)?,
        object: output.object,
        options,
        memory_limit: None,
    };
    let mut machine = Machine::new(ExecutorCore::new(cpu, LIMIT));
    machine.load(&program)?;
    let ended = |o: Outcome| match o {
        Outcome::Returned(_) | Outcome::Trapped(_) => Ok(()),
        other => Err(format!("{} at -O{}: {other}", w.name, level.name())),
    };
    ended(machine.instantiate())?;
    let (i0, c0) = machine.core().counts();
    for step in &w.case.steps {
        match step {
            Step::Call(export, args) => ended(machine.call(*export, args))?,
            Step::Set(global, value) => machine.set_global(*global, *value),
        }
    }
    let (i1, c1) = machine.core().counts();
    Ok(Cost {
        bytes: output.stats.code_bytes as u64,
        instructions: i1 - i0,
        cycles: c1 - c0,
    })
}

/// Costs by `workload -Olevel`, on Cortex-M3.
///
/// # Errors
/// As [`measure`].
pub fn table(all: &[Workload]) -> Result<BTreeMap<String, Cost>, String> {
    let mut out = BTreeMap::new();
    for w in all {
        for level in Level::ALL {
            let options = Options {
                cpu: Cpu::CortexM3,
                level,
                ..Options::default()
            };
            out.insert(
                format!("{} -O{}", w.name, level.name()),
                measure(w, &options)?,
            );
        }
    }
    Ok(out)
}

/// The table as it is committed.
pub fn to_json(table: &BTreeMap<String, Cost>) -> Value {
    table
        .iter()
        .map(|(k, c)| (k.clone(), json!([c.bytes, c.instructions, c.cycles])))
        .collect()
}

/// Rows of `now` that cost more than in `baseline`, or that it does not have, with the reason.
pub fn regressed(baseline: &Value, now: &BTreeMap<String, Cost>) -> Vec<String> {
    let mut out = Vec::new();
    for (name, c) in now {
        let Some(row) = baseline[name].as_array() else {
            out.push(format!("{name}: not in the baseline"));
            continue;
        };
        for (what, old, new) in [
            ("bytes", 0, c.bytes),
            ("instructions", 1, c.instructions),
            ("cycles", 2, c.cycles),
        ] {
            let old = row.get(old).and_then(Value::as_u64).unwrap_or(0);
            if new > old {
                out.push(format!("{name}: {new} {what}, {old} in the baseline"));
            }
        }
    }
    let gone = baseline
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(k, _)| !now.contains_key(*k));
    out.extend(gone.map(|(k, _)| format!("{k}: in the baseline, and no longer measured")));
    out
}
