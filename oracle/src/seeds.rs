//! Measures the oracle: which seeded bugs it finds, how fast, and which generator and voice it takes.
//!
//! In: the table of seeded bugs. Out: for each whether a hunt found it, after how much CPU time, in which family and by
//! which voice; with [`Plan::without`] also whether anybody else finds it where that family, or that voice, is left out.
//! Each bug is hunted in a process of its own with `SEED_BUG=n`, since a bug is on for a whole process. Without the
//! feature `seeded-bugs` there is nothing to measure, which is an error, not an empty success. Pages of tables are in
//! [`table`].

pub mod table;
pub mod triaged;

use crate::check::{Direct, Voice};
use crate::generate::Family;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use thumbsmith::seeded::{BUGS, Seed};
use triaged::Triaged;

/// One module of so many goes to QEMU too.
const BOARD_SHARE: &str = "8";
/// CPU seconds of the control hunts without a bug.
const CONTROL_SECONDS: f64 = 20.0;

/// What is asked of the bugs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// CPU seconds of the hunt for a bug.
    pub seconds: f64,
    /// Numbers of the bugs, both ends included; all if empty.
    pub only: Vec<(u16, u16)>,
    /// Bugs hunted at the same time.
    pub jobs: usize,
    /// CPU seconds of a hunt without the family that found a bug, and of one without the voice, if those are asked.
    pub without: Option<f64>,
}

impl Plan {
    fn wants(&self, seed: &Seed) -> bool {
        let within = |&(first, last): &(u16, u16)| (first..=last).contains(&seed.number);
        self.only.is_empty() || self.only.iter().any(within)
    }
}

/// What a hunt brought home for whose first finder was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Without {
    /// Who found it instead, after how much; nobody in the time that was given.
    pub instead: Option<String>,
    /// CPU seconds of the hunt.
    pub cpu_seconds: f64,
}

impl Without {
    fn json(&self) -> Value {
        json!({ "instead": self.instead, "cpu_seconds": self.cpu_seconds })
    }

    fn from_json(row: &Value) -> Option<Without> {
        Some(Without {
            instead: row["instead"].as_str().map(str::to_owned),
            cpu_seconds: row["cpu_seconds"].as_f64()?,
        })
    }
}

/// What became of one bug.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// Its number.
    pub number: u16,
    /// Whether a hunt differed.
    pub found: bool,
    /// CPU seconds of the hunt.
    pub cpu_seconds: f64,
    /// Functions judged until then.
    pub functions: u64,
    /// Key of the difference.
    pub key: String,
    /// The family or check of a part that made the case.
    pub family: String,
    /// The voice or check of a part that noticed.
    pub voice: String,
    /// The pass that was blamed; nothing where the difference names its cause itself.
    pub guilty: String,
    /// The hunt without that family or check of a part.
    pub without_family: Option<Without>,
    /// The hunt without that voice or check of a part.
    pub without_voice: Option<Without>,
    /// What triages said about cases of it.
    pub triaged: Vec<Triaged>,
}

impl Sought {
    /// Its row of the table of bugs.
    pub fn seed(&self) -> Option<&'static Seed> {
        BUGS.iter().find(|seed| seed.number == self.number)
    }

    /// As it is kept.
    pub fn json(&self) -> Value {
        let seed = self.seed();
        let mut row = json!({
            "number": self.number, "name": seed.map(|s| s.name), "class": seed.map(|s| s.class),
            "stage": seed.map(|s| s.stage), "found": self.found, "cpu_seconds": self.cpu_seconds,
            "functions": self.functions, "key": self.key, "family": self.family, "voice": self.voice,
            "guilty": self.guilty,
        });
        for (key, without) in [
            ("without_family", &self.without_family),
            ("without_voice", &self.without_voice),
        ] {
            if let Some(without) = without {
                row[key] = without.json();
            }
        }
        if !self.triaged.is_empty() {
            row["triaged"] = json!(self.triaged.iter().map(Triaged::json).collect::<Vec<_>>());
        }
        row
    }

    /// A row as it was kept; `None` if it is none, or of a bug that there is no more.
    pub fn from_json(row: &Value) -> Option<Sought> {
        let number = u16::try_from(row["number"].as_u64()?).ok()?;
        let name = BUGS.iter().find(|seed| seed.number == number)?.name;
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        (row["name"] == name).then(|| Sought {
            number,
            found: row["found"] == true,
            cpu_seconds: row["cpu_seconds"].as_f64().unwrap_or(0.0),
            functions: row["functions"].as_u64().unwrap_or(0),
            key: text("key"),
            family: text("family"),
            voice: text("voice"),
            guilty: text("guilty"),
            without_family: Without::from_json(&row["without_family"]),
            without_voice: Without::from_json(&row["without_voice"]),
            triaged: row["triaged"]
                .as_array()
                .map(|all| all.iter().filter_map(Triaged::from_json).collect())
                .unwrap_or_default(),
        })
    }
}

impl std::fmt::Display for Sought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.found { "found" } else { "MISSED" };
        let seed = self.seed();
        write!(
            f,
            "{:4} {:24} {:20} {word:6} {:8.2} s {:9} functions  {:11} {:12} {}",
            self.number,
            seed.map_or("none", |s| s.name),
            seed.map_or("", |s| s.class),
            self.cpu_seconds,
            self.functions,
            self.voice,
            self.guilty,
            self.key
        )?;
        for (who, without) in [
            (&self.family, &self.without_family),
            (&self.voice, &self.without_voice),
        ] {
            if let Some(without) = without {
                let instead = without.instead.as_deref().unwrap_or("nobody");
                write!(
                    f,
                    "; without {who} {instead} after {:.2} s",
                    without.cpu_seconds
                )?;
            }
        }
        Ok(())
    }
}

/// Turns a seeded bug on in this process.
pub fn activate(number: u16) {
    #[cfg(feature = "seeded-bugs")]
    thumbsmith::seeded::set(number);
    #[cfg(not(feature = "seeded-bugs"))]
    eprintln!("oracle: built without seeded bugs; SEED_BUG={number} does nothing");
}

/// CPU time of this process and of the children that it waited for, so far (proc(5): fields 14 to 17 of `stat`, in ticks
/// of 10 ms).
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field may hold spaces, but ends with the last parenthesis.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|n| n.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// Hunts the bugs that the plan names, in their order; `each` sees results as they come.
///
/// # Errors
/// Text if a child does not run, if this build has no seeded bugs, or if a hunt without any bug differs.
pub fn hunt_all(
    exe: &Path,
    plan: &Plan,
    each: &mut (dyn FnMut(&Sought) + Send),
) -> Result<Vec<Sought>, String> {
    if !cfg!(feature = "seeded-bugs") {
        return Err("built without the feature `seeded-bugs`".into());
    }
    let rows: Vec<_> = BUGS.iter().filter(|seed| plan.wants(seed)).collect();
    if rows.is_empty() {
        return Err("there is no such bug".into());
    }
    // Without any bug nothing may differ, or every bug would count as found.
    let healthy = hunt_one(exe, plan.seconds.min(CONTROL_SECONDS), 0, "", "")?;
    if healthy.found {
        let key = healthy.key;
        return Err(format!(
            "the compiler differs without any seeded bug: {key}"
        ));
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), each));
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let result = seek(exe, plan, row.number);
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

/// Hunts one bug: with everything, and where the plan says so without who found it.
fn seek(exe: &Path, plan: &Plan, number: u16) -> Result<Sought, String> {
    let mut sought = hunt_one(exe, plan.seconds, number, "", "")?;
    let Some(seconds) = plan.without.filter(|_| sought.found) else {
        return Ok(sought);
    };
    let without = |alone: Sought, who: fn(Sought) -> String| Without {
        cpu_seconds: alone.cpu_seconds,
        instead: alone.found.then(|| who(alone)),
    };
    let mut families = others(&sought.family);
    let mut alone = hunt_one(exe, seconds, number, &families, "")?;
    // Chaos has a part of every family: what neither of the two finds without the other's part is that family's.
    if sought.family == Family::Chaos.name() && alone.found {
        let rest = others(&alone.family);
        let again = hunt_one(exe, seconds, number, &rest, "")?;
        if !again.found {
            (sought.family, families, alone) = (alone.family, rest, again);
        }
    }
    sought.without_family = Some(without(alone, |s| s.family));
    let alone = match Voice::named(&sought.voice) {
        Some(voice) => {
            // Who asks that voice is not asked either.
            let needs = |asked: Option<Voice>| asked == Some(voice);
            let deaf = Direct::ALL.into_iter().find(|d| needs(d.asks()));
            let families = others(deaf.map_or("", Direct::name));
            let out = |v: &Voice| *v == voice || needs(v.asks());
            let unasked: Vec<_> = Voice::ALL
                .into_iter()
                .filter(out)
                .map(Voice::name)
                .collect();
            hunt_one(exe, seconds, number, &families, &unasked.join(","))?
        }
        // A check of a part is its own voice; a process that died needs none.
        None => hunt_one(exe, seconds, number, &families, "")?,
    };
    sought.without_voice = Some(without(alone, |s| s.voice));
    Ok(sought)
}

/// Who makes cases, families and checks of parts, but for one: a list for the command line.
fn others(one: &str) -> String {
    let families = Family::ALL.map(Family::name).into_iter();
    let all = families.chain(Direct::ALL.map(Direct::name));
    let rest: Vec<&str> = all.filter(|name| *name != one).collect();
    rest.join(",")
}

/// A hunt in a process of its own, with these families, all if the list is empty, and without these voices.
fn hunt_one(
    exe: &Path,
    seconds: f64,
    number: u16,
    families: &str,
    unasked: &str,
) -> Result<Sought, String> {
    let seconds = seconds.to_string();
    let mut command = Command::new(exe);
    command.args(["hunt", "--first", "--json", "--threads", "1", "--seed", "1"]);
    command.args(["--seconds", "0", "--cpu-seconds", &seconds]);
    command.args(["--qemu", BOARD_SHARE]);
    for (option, list) in [("--families", families), ("--unasked", unasked)] {
        if !list.is_empty() {
            command.args([option, list]);
        }
    }
    let output = command
        .env("SEED_BUG", number.to_string())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{}: {e}", exe.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    // A child that died tells as much as one that reported: the bug showed.
    let died = || {
        json!({ "mismatches": 1, "found": ["crash"], "found_by": ["crash"], "found_in": ["crash"],
            "cpu_seconds": 0.0 })
    };
    let summary: Value = match serde_json::from_str(last) {
        Ok(summary) => summary,
        Err(_) if output.status.code().is_none() => died(),
        Err(e) => return Err(format!("seed {number}: the hunt gave no summary: {e}")),
    };
    let text = |key: &str| summary[key][0].as_str().unwrap_or_default().to_owned();
    Ok(Sought {
        number,
        found: summary["mismatches"].as_u64().unwrap_or(0) > 0,
        cpu_seconds: summary["cpu_seconds"].as_f64().unwrap_or(0.0),
        functions: summary["functions"].as_u64().unwrap_or(0),
        key: text("found"),
        family: text("found_in"),
        voice: text("found_by"),
        guilty: text("guilty"),
        ..Sought::default()
    })
}

/// Rows that were kept in a file; none if there is no such file.
///
/// # Errors
/// Text, if the file is not what [`keep`] wrote.
pub fn kept(path: &Path) -> Result<Vec<Sought>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("{}: {e}", path.display())),
    };
    let all: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let rows = all["rows"].as_array();
    let rows = rows.ok_or_else(|| format!("{}: no rows", path.display()))?;
    Ok(rows.iter().filter_map(Sought::from_json).collect())
}

/// Puts new rows in the place of old ones; one that was not hunted without its finder keeps what the old one knew of that,
/// if the finder is the same, and one that was not triaged what triages said.
pub fn merge(old: Vec<Sought>, new: Vec<Sought>) -> Vec<Sought> {
    let mut all: BTreeMap<u16, Sought> = old.into_iter().map(|s| (s.number, s)).collect();
    for mut sought in new {
        if let Some(before) = all.remove(&sought.number) {
            if before.family == sought.family {
                sought.without_family = sought.without_family.or(before.without_family);
            }
            if before.voice == sought.voice {
                sought.without_voice = sought.without_voice.or(before.without_voice);
            }
            if sought.triaged.is_empty() {
                sought.triaged = before.triaged;
            }
        }
        all.insert(sought.number, sought);
    }
    all.into_values().collect()
}

/// Puts what triages said into the rows of their bugs, and leaves everything else in those.
pub fn merge_triaged(old: Vec<Sought>, new: &[Sought]) -> Vec<Sought> {
    let mut all: BTreeMap<u16, Sought> = old.into_iter().map(|s| (s.number, s)).collect();
    for sought in new {
        let row = all.entry(sought.number).or_insert_with(|| Sought {
            number: sought.number,
            ..Sought::default()
        });
        row.triaged.clone_from(&sought.triaged);
    }
    all.into_values().collect()
}

/// Writes rows to a file, one a line.
///
/// # Errors
/// Text, if the file cannot be written.
pub fn keep(path: &Path, list: &[Sought]) -> Result<(), String> {
    let rows: Vec<String> = list.iter().map(|s| s.json().to_string()).collect();
    let text = format!("{{\"rows\": [\n{}\n]}}\n", rows.join(",\n"));
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
