//! Measures triage: what it makes of the cases that hunts for seeded bugs leave.
//!
//! In: bugs, and how many hunts each, which differ in their random streams. Out: for each case that was found a
//! [`Triaged`] row: how long its triage took, how small it became, what was said to be guilty, under which key, and whether
//! its one line shows the same again, twice. Each hunt, each triage and each repetition is a process of its own. What the
//! answer should have been is derived from the bug's row: its stage says which passes run the defect, its line which
//! rule it is.

use super::{Plan, Sought};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use thumbsmith::seeded::{BUGS, Seed};

/// Wall time that a triage may take before it is stopped.
const LIMIT: Duration = Duration::from_secs(600);
/// CPU seconds of a hunt for a case.
const HUNT_SECONDS: f64 = 20.0;

/// What a triage said about a case of a seeded bug.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triaged {
    /// Seed of the hunt that found it.
    pub seed: u64,
    /// CPU seconds of the triage.
    pub seconds: f64,
    /// Operators that are left; `None` for an input of a check of a part, whose size is in bytes.
    pub operators: Option<u64>,
    /// The key.
    pub key: String,
    /// The guilty pass or room.
    pub pass: String,
    /// What sort of thing is guilty inside of it: see `triage::culprit`.
    pub sort: String,
    /// Its name.
    pub name: String,
    /// Who is to blame.
    pub party: String,
    /// Whether the one line of the report showed the same difference twice.
    pub again: bool,
    /// Whether everything that a folder holds was there.
    pub complete: bool,
}

impl Triaged {
    /// As it is kept.
    pub fn json(&self) -> Value {
        json!({
            "seed": self.seed, "seconds": self.seconds, "operators": self.operators, "key": self.key, "pass": self.pass,
            "sort": self.sort, "name": self.name, "party": self.party, "again": self.again, "complete": self.complete,
        })
    }

    /// As it was kept, or as `oracle triage --json` says it.
    pub fn from_json(row: &Value) -> Option<Triaged> {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        row["key"].as_str()?;
        Some(Triaged {
            seed: row["seed"].as_u64().unwrap_or(0),
            seconds: row["seconds"].as_f64().unwrap_or(0.0),
            operators: row["operators"].as_u64(),
            key: text("key"),
            pass: text("pass"),
            sort: text("sort"),
            name: text("name"),
            party: text("party"),
            again: row["again"] == true,
            complete: row["complete"] == true,
        })
    }
}

impl std::fmt::Display for Triaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operators = self.operators.map_or("-".into(), |n| n.to_string());
        let wrong = |right: bool, text| if right { "" } else { text };
        write!(
            f,
            "     {:2} {:7.2} s {operators:>4} ops  {:9} {:40} {}{}{}",
            self.seed,
            self.seconds,
            self.sort,
            self.key,
            self.party,
            wrong(self.again, " NOT AGAIN"),
            wrong(self.complete, " INCOMPLETE"),
        )
    }
}

/// Passes in which a defect of a stage may show first, and words of the party where it is not the compiler.
fn passes(stage: &str) -> &'static [&'static str] {
    const FOLDING: &[&str] = &[
        "translate",
        "simplify",
        "simplify-inlined",
        "ranges",
        "wide",
        "simplify-words",
    ];
    /// Those of them that rewrite.
    const EDITOR: &[&str] = FOLDING.split_at(1).1;
    match stage {
        // The interpreters of IR fold by the same function, so what it computes wrongly is wrong from the first pass on.
        "fold" => FOLDING,
        "rewrite" | "gvn" | "ranges" | "guards" | "simplify" => EDITOR,
        "translate" | "init" => &["translate"],
        // In IR a copy or fill is an operation, and access to several memories one with a number: both are what lowering makes of it.
        "helpers" => &["translate", "lower"],
        "wide" => &["wide"],
        "address" => &["address", "lower"],
        "lower" | "schedule" => &["lower"],
        "abi" => &["lower", "regalloc"],
        "spill" | "assign" | "moves" | "liveness" | "slots" => &["regalloc"],
        "emit" | "frame" => &["emit"],
        "finish" => &["finish"],
        "flags" => &["finish", "layout"],
        "layout" | "encode" => &["layout"],
        "object" | "link" => &["object", "layout"],
        "compare" | "statics" => &["judges"],
        "executor" | "isa" => &["isa"],
        "interpreter" => &["interpreter"],
        "machine-ir" => &["interpreter"],
        "checker" => &["checker"],
        _ => &[],
    }
}

/// Whether the pass that was named can be the seed's.
fn is_right_pass(seed: &Seed, t: &Triaged) -> bool {
    passes(seed.stage).contains(&t.pass.as_str())
}

/// Whether the rule that was named is the seed's own; nothing where the seed is no rule.
fn is_right_rule(seed: &Seed, t: &Triaged) -> Option<bool> {
    let name = seed.line?.split(':').next()?;
    Some(name == t.name)
}

/// Whether the defect is of a checker, a simulator or the instruction table, and so not of what the compiler emits.
fn is_checkers(seed: &Seed) -> bool {
    seed.class == "checkers" || matches!(seed.stage, "executor" | "isa" | "checker")
}

/// Whether the party is right: a checker's defect must not be laid at the compiler's door, nor the other way round.
fn is_right_party(seed: &Seed, t: &Triaged) -> bool {
    is_checkers(seed) != (t.party == "compiler")
}

fn run(command: &mut Command) -> Result<Output, String> {
    let mut child: Child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let start = Instant::now();
    // Reports are longer than a pipe holds, so somebody has to read while the child runs.
    let out = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut out) = out {
            let _ = std::io::Read::read_to_end(&mut out, &mut text);
        }
        text
    });
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if start.elapsed() > LIMIT => {
                child.kill().map_err(|e| e.to_string())?;
                break child.wait().map_err(|e| e.to_string())?;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    Ok(Output {
        status,
        stdout: reader.join().unwrap_or_default(),
        stderr: Vec::new(),
    })
}

/// Hunts a bug once and triages what was found; nothing if it was not.
fn one(exe: &Path, dir: &Path, number: u16, seed: u64) -> Result<Option<Triaged>, String> {
    let io = |e: std::io::Error| format!("{}: {e}", dir.display());
    let command = || {
        let mut command = Command::new(exe);
        command.env("SEED_BUG", number.to_string());
        command
    };
    let found = dir.join("found");
    if found.exists() {
        std::fs::remove_dir_all(&found).map_err(io)?;
    }
    let limit = HUNT_SECONDS.to_string();
    run(command()
        .args([
            "hunt",
            "--first",
            "--json",
            "--threads",
            "1",
            "--seconds",
            "0",
        ])
        .args([
            "--cpu-seconds",
            &limit,
            "--seed",
            &seed.to_string(),
            "--out",
        ])
        .arg(&found))?;
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&found) {
        Ok(list) => list.flatten().map(|e| e.path()).collect(),
        Err(_) => return Ok(None),
    };
    files.sort();
    let with = |end: &str| {
        files
            .iter()
            .find(|f| f.extension().is_some_and(|e| e == end))
    };
    let out = dir.join("triage");
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(io)?;
    }
    let mut again = command();
    let mut triage = command();
    triage.args(["triage", "--json", "-o"]).arg(&out);
    let (name, case) = match (with("wat"), with("bin")) {
        (Some(case), _) => ("case.wat", case),
        (None, Some(input)) => ("case.bin", input),
        (None, None) => return Ok(None),
    };
    let part = case
        .file_stem()
        .and_then(|s| s.to_str()?.split('-').nth(1).map(str::to_owned));
    if let (Some(part), true) = (&part, name == "case.bin") {
        triage.args(["--check", part]);
    }
    let said = run(triage.arg(case))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let row = text.lines().last().unwrap_or_default();
    let row: Value = serde_json::from_str(row).unwrap_or(Value::Null);
    let Some(mut triaged) = Triaged::from_json(&row) else {
        return Ok(Some(Triaged {
            seed,
            key: "none".into(),
            ..Triaged::default()
        }));
    };
    triaged.seed = seed;
    let folder = out.join(&triaged.key);
    // Where a check fails on every input, the smallest is empty.
    let there = |name: &str| {
        let file = folder.join(name).metadata();
        file.is_ok_and(|m| m.len() > 0 || name.ends_with(".bin"))
    };
    triaged.complete = row["files"]
        .as_array()
        .is_some_and(|f| f.len() > 2 && f.iter().all(|n| n.as_str().is_some_and(&there)));
    again.arg("check").arg(folder.join(name));
    if let (Some(part), true) = (&part, name == "case.bin") {
        again.args(["--check", part]);
    }
    let (first, second) = (run(&mut again)?, run(&mut again)?);
    triaged.again = first.status.code() == Some(1) && first.stdout == second.stdout;
    Ok(Some(triaged))
}

/// Hunts each bug of the plan so many times and triages what is found; `each` sees the rows of a bug as they come.
///
/// # Errors
/// Text, if a process does not start, or this build has no seeded bugs.
pub fn triage_all(
    exe: &Path,
    plan: &Plan,
    hunts: u64,
    each: &mut dyn FnMut(&Sought),
) -> Result<Vec<Sought>, String> {
    if !cfg!(feature = "seeded-bugs") {
        return Err("built without the feature `seeded-bugs`".into());
    }
    let dir = std::env::temp_dir().join(format!("oracle-triage-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    for seed in BUGS.iter().filter(|seed| plan.wants(seed)) {
        let mut sought = Sought {
            number: seed.number,
            ..Sought::default()
        };
        for hunt in 1..=hunts {
            sought.triaged.extend(one(exe, &dir, seed.number, hunt)?);
        }
        each(&sought);
        all.push(sought);
    }
    std::fs::remove_dir_all(&dir).map_err(|e| e.to_string())?;
    Ok(all)
}

/// A count of those that hold, and of all.
#[derive(Clone, Copy, Default)]
struct Share(usize, usize);

impl Share {
    fn of(mut list: impl Iterator<Item = bool>) -> Share {
        list.by_ref().fold(Share::default(), |s, holds| {
            Share(s.0 + usize::from(holds), s.1 + 1)
        })
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = 100.0 * self.0 as f64 / self.1.max(1) as f64;
        write!(f, "{} of {} ({percent:.1} %)", self.0, self.1)
    }
}

/// The number at this share of a sorted list.
fn at<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let place = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or_default()
}

/// The figures, a line each: what it is, and what was measured.
pub fn figures(list: &[Sought]) -> Vec<(&'static str, String)> {
    let rows: Vec<(&'static Seed, &Triaged)> = list
        .iter()
        .filter_map(|s| Some((s.seed()?, s)))
        .flat_map(|(seed, s)| s.triaged.iter().map(move |t| (seed, t)))
        .collect();
    let mut seconds: Vec<f64> = rows.iter().map(|r| r.1.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let mut operators: Vec<u64> = rows.iter().filter_map(|r| r.1.operators).collect();
    operators.sort_unstable();
    let compiler = |r: &&(&Seed, &Triaged)| !is_checkers(r.0);
    let of = |f: &dyn Fn(&Seed, &Triaged) -> bool| {
        Share::of(rows.iter().filter(compiler).map(|r| f(r.0, r.1))).to_string()
    };
    let sort = |name: &'static str| move |_: &Seed, t: &Triaged| t.sort == name;
    let (duplicates, collapsed) = duplicates(list);
    vec![
        (
            "bugs triaged",
            list.iter()
                .filter(|s| !s.triaged.is_empty())
                .count()
                .to_string(),
        ),
        ("cases triaged", rows.len().to_string()),
        ("CPU seconds, median", format!("{:.2}", at(&seconds, 0.5))),
        (
            "CPU seconds, 95th percentile",
            format!("{:.2}", at(&seconds, 0.95)),
        ),
        ("CPU seconds, slowest", format!("{:.2}", at(&seconds, 1.0))),
        ("operators left, median", at(&operators, 0.5).to_string()),
        (
            "operators left, 95th percentile",
            at(&operators, 0.95).to_string(),
        ),
        ("the pass is one that runs the defect", of(&is_right_pass)),
        (
            "a rewrite, rule or fact is named",
            of(&|_, t| ["rewrite", "rule", "fact"].contains(&t.sort.as_str())),
        ),
        (
            "no rewrite: a check's own words are named",
            of(&sort("check")),
        ),
        (
            "no rewrite: an operator or instruction is named",
            of(&sort("place")),
        ),
        ("nothing but a pass is named", of(&|_, t| t.name.is_empty())),
        (
            "of seeded rules, that very rule is named",
            Share::of(rows.iter().filter_map(|r| is_right_rule(r.0, r.1))).to_string(),
        ),
        (
            "the right party is to blame",
            Share::of(rows.iter().map(|r| is_right_party(r.0, r.1))).to_string(),
        ),
        (
            "duplicates that collapse under a key",
            Share(collapsed, duplicates).to_string(),
        ),
        (
            "keys that more than one bug has",
            shared(list).len().to_string(),
        ),
        (
            "the one line shows the same twice",
            Share::of(rows.iter().map(|r| r.1.again)).to_string(),
        ),
        (
            "the folder is complete",
            Share::of(rows.iter().map(|r| r.1.complete)).to_string(),
        ),
    ]
}

/// Cases of a bug beyond its first, and how many of them have a key that another case of the bug has already.
fn duplicates(list: &[Sought]) -> (usize, usize) {
    let mut sum = (0, 0);
    for s in list.iter().filter(|s| !s.triaged.is_empty()) {
        let keys: BTreeSet<&str> = s.triaged.iter().map(|t| t.key.as_str()).collect();
        sum.0 += s.triaged.len() - 1;
        sum.1 += s.triaged.len() - keys.len();
    }
    sum
}

/// Keys under which cases of several bugs fall, with those bugs.
fn shared(list: &[Sought]) -> BTreeMap<&str, BTreeSet<u16>> {
    let mut all: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for s in list {
        for t in &s.triaged {
            all.entry(&t.key).or_default().insert(s.number);
        }
    }
    all.retain(|_, bugs| bugs.len() > 1);
    all
}

const HEAD: &str = "\
# Triage of the seeded bugs

Written by `oracle seeds --results FILE --triage N --markdown`. Each bug is hunted N times with different random streams, and what
each hunt finds first is triaged in a process of its own. `sort` says what is named as guilty: a `rewrite` (found by fuel), a `rule`
of instruction selection (found by leaving it out, or refuted by numbers), a `fact` of an operation (refuted by numbers); where the
defect is none of these, a `place` (an operator or instruction) or the words of the `check` that failed. `pass` and `party` have
a `!` where they are not those of the bug's row in `compiler/src/seeded.rs`.
";

/// The page of tables.
pub fn page(list: &[Sought]) -> String {
    let mut out = HEAD.to_owned();
    let triaged: Vec<&Sought> = list.iter().filter(|s| !s.triaged.is_empty()).collect();
    let _ = writeln!(
        out,
        "\nOf {} bugs {} are in it. The others need more than the {HUNT_SECONDS} CPU seconds that a hunt has here.",
        BUGS.len(),
        triaged.len()
    );
    out += "\n| what | measured |\n|---|---|\n";
    for (what, figure) in figures(list) {
        let _ = writeln!(out, "| {what} | {figure} |");
    }
    out += "\n| bug | stage | keys | pass | sort | name | party | operators | CPU s |\n|---|---|---|---|---|---|---|---|---|\n";
    for s in triaged {
        let Some(seed) = s.seed() else { continue };
        let all = |of: &dyn Fn(&Triaged) -> String| {
            let mut seen: Vec<String> = Vec::new();
            for text in s.triaged.iter().map(of) {
                if !seen.contains(&text) {
                    seen.push(text);
                }
            }
            seen.join(", ")
        };
        let each = |of: &dyn Fn(&Triaged) -> String| {
            s.triaged.iter().map(of).collect::<Vec<_>>().join(" ")
        };
        let mark = |right: bool| if right { "" } else { "!" };
        let keys: BTreeSet<&str> = s.triaged.iter().map(|t| t.key.as_str()).collect();
        let compiler = !is_checkers(seed);
        let _ = writeln!(
            out,
            "| {} {} | {} | {} of {} | {} | {} | {} | {} | {} | {} |",
            seed.number,
            seed.name,
            seed.stage,
            keys.len(),
            s.triaged.len(),
            all(&|t| t.pass.clone() + mark(!compiler || is_right_pass(seed, t))),
            all(&|t| t.sort.clone()),
            all(&|t| t.name.clone()),
            all(&|t| t.party.clone() + mark(is_right_party(seed, t))),
            each(&|t| t.operators.map_or("-".into(), |n| n.to_string())),
            each(&|t| format!("{:.1}", t.seconds)),
        );
    }
    out += "\n## Keys that several bugs share\n\n| key | bugs |\n|---|---|\n";
    for (key, bugs) in shared(list) {
        let bugs: Vec<String> = bugs.iter().map(u16::to_string).collect();
        let _ = writeln!(out, "| {key} | {} |", bugs.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u16, keys: &[&str]) -> Sought {
        let triaged = |(i, key): (usize, &&str)| Triaged {
            seed: i as u64,
            seconds: i as f64,
            operators: Some(i as u64),
            key: (*key).to_owned(),
            pass: "lower".into(),
            sort: "rule".into(),
            name: "uxtab".into(),
            party: "compiler".into(),
            again: true,
            complete: i > 0,
        };
        Sought {
            number,
            triaged: keys.iter().enumerate().map(triaged).collect(),
            ..Sought::default()
        }
    }

    #[test]
    fn figures_are_counted() {
        let list = [
            row(351, &["a", "a", "b"]),
            row(352, &["b", "b"]),
            row(353, &[]),
        ];
        assert_eq!(duplicates(&list), (3, 2));
        assert_eq!(shared(&list)["b"], BTreeSet::from([351, 352]));
        let all: BTreeMap<_, _> = figures(&list).into_iter().collect();
        assert_eq!(all["cases triaged"], "5");
        assert_eq!(
            all["of seeded rules, that very rule is named"],
            "3 of 5 (60.0 %)"
        );
        assert_eq!(all["the folder is complete"], "3 of 5 (60.0 %)");
        assert_eq!(
            all["the pass is one that runs the defect"],
            "5 of 5 (100.0 %)"
        );
        assert!(page(&list).contains("| 351 LowerUxtab | lower | 2 of 3 | lower | rule |"));
    }

    #[test]
    fn every_stage_has_passes_and_rows_read_back() {
        for seed in BUGS {
            assert!(!passes(seed.stage).is_empty(), "{}", seed.stage);
        }
        for t in &row(351, &["a", "b"]).triaged {
            assert_eq!(Triaged::from_json(&t.json()).as_ref(), Some(t));
        }
    }
}
