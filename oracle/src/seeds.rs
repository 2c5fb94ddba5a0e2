//! Measures the oracle: which seeded bugs it finds, and how fast.
//!
//! In: the table of seeded bugs. Out: for each whether a hunt found it, after how much CPU time, in which family.
//! Each bug is hunted in a process of its own with `SEED_BUG=n`, since a bug is on for a whole process. Without
//! the feature `seeded-bugs` there is nothing to measure, which is an error, not an empty success.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// CPU seconds of the control hunt without a bug.
const CONTROL_SECONDS: f64 = 20.0;

/// What became of one bug.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// Its stage.
    pub stage: &'static str,
    /// Whether a hunt differed.
    pub found: bool,
    /// CPU seconds of the hunt.
    pub cpu_seconds: f64,
    /// Functions judged until then.
    pub functions: u64,
    /// Key of the difference.
    pub key: String,
    /// The pass that was blamed; nothing where the difference names its cause itself.
    pub guilty: String,
}

impl std::fmt::Display for Sought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.found { "found" } else { "MISSED" };
        write!(
            f,
            "{:4} {:24} {:10} {word:6} {:8.2} s {:9} functions  {:12} {}",
            self.number,
            self.name,
            self.stage,
            self.cpu_seconds,
            self.functions,
            self.guilty,
            self.key
        )
    }
}

/// Turns a seeded bug on in this process.
pub fn activate(number: u16) {
    #[cfg(feature = "seeded-bugs")]
    thumbsmith::seeded::set(number);
    #[cfg(not(feature = "seeded-bugs"))]
    eprintln!("oracle: built without seeded bugs; SEED_BUG={number} does nothing");
}

/// CPU time of this process so far (proc(5): fields 14 and 15 of `stat`, in ticks of 10 ms).
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field may hold spaces, but ends with the last parenthesis.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// Hunts every bug of the table, or those in `only`, `jobs` at a time and each for so many CPU seconds; `each` sees results as they come.
///
/// # Errors
/// Text if a child does not run, if this build has no seeded bugs, or if a hunt without any bug differs.
pub fn hunt_all(
    exe: &Path,
    seconds: f64,
    only: &[u16],
    jobs: usize,
    each: &mut (dyn FnMut(&Sought) + Send),
) -> Result<Vec<Sought>, String> {
    if !cfg!(feature = "seeded-bugs") {
        return Err("built without the feature `seeded-bugs`".into());
    }
    let rows: Vec<_> = thumbsmith::seeded::BUGS
        .iter()
        .filter(|b| only.is_empty() || only.contains(&b.0))
        .collect();
    // Without any bug nothing may differ, or every bug would count as found.
    let healthy = hunt_one(exe, seconds.min(CONTROL_SECONDS), &(0, "none", "", ""))?;
    if healthy.found {
        return Err(format!(
            "the compiler differs without any seeded bug: {}",
            healthy.key
        ));
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), each));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let result = hunt_one(exe, seconds, row);
                    let mut guard = results.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Ok(sought) = &result {
                        (guard.1)(sought);
                    }
                    guard.0.push(result);
                }
            });
        }
    });
    let (list, _) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut list = list.into_iter().collect::<Result<Vec<_>, _>>()?;
    list.sort_by_key(|s| s.number);
    Ok(list)
}

fn hunt_one(
    exe: &Path,
    seconds: f64,
    row: &(u16, &'static str, &'static str, &'static str),
) -> Result<Sought, String> {
    let output = Command::new(exe)
        .args([
            "hunt",
            "--first",
            "--json",
            "--threads",
            "1",
            "--seed",
            "1",
            "--seconds",
            "0",
            "--cpu-seconds",
            &seconds.to_string(),
        ])
        .env("SEED_BUG", row.0.to_string())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{}: {e}", exe.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    // A child that died tells as much as one that reported: the bug showed.
    let died = || json!({ "mismatches": 1, "found": ["crash"], "cpu_seconds": 0.0 });
    let summary: Value = match serde_json::from_str(last) {
        Ok(summary) => summary,
        Err(_) if output.status.code().is_none() => died(),
        Err(e) => return Err(format!("seed {}: the hunt gave no summary: {e}", row.0)),
    };
    let text = |key: &str| summary[key][0].as_str().unwrap_or_default().to_owned();
    Ok(Sought {
        number: row.0,
        name: row.1,
        stage: row.2,
        found: summary["mismatches"].as_u64().unwrap_or(0) > 0,
        cpu_seconds: summary["cpu_seconds"].as_f64().unwrap_or(0.0),
        functions: summary["functions"].as_u64().unwrap_or(0),
        key: text("found"),
        guilty: text("guilty"),
    })
}

/// The table as one JSON object.
pub fn json(list: &[Sought]) -> Value {
    let mut times: Vec<f64> = list
        .iter()
        .filter(|s| s.found)
        .map(|s| s.cpu_seconds)
        .collect();
    times.sort_by(f64::total_cmp);
    let rows: Vec<Value> = list
        .iter()
        .map(|s| {
            json!({ "number": s.number, "name": s.name, "stage": s.stage, "found": s.found,
                "cpu_seconds": s.cpu_seconds, "functions": s.functions, "key": s.key,
                "guilty": s.guilty })
        })
        .collect();
    json!({
        "bugs": list.len(),
        "found": times.len(),
        "median_seconds": times.get(times.len() / 2),
        "slowest_seconds": times.last(),
        "rows": rows,
    })
}
