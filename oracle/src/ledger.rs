//! The ledger of optimizations: `docs/optimizations.md`, held to what the compiler does.
//!
//! In: the page's table, a row an optimization that can be left out. Out: the same with its effect measured anew, and what is
//! missing. Invariants: every optimization has one row, and every row an optimization; each row names the statement that would
//! falsify it, seeded bugs that exist and generators that exist; the effect in the page is the effect measured.

use crate::bench::{self, Workload};
use crate::check::{Ask, Direct, Judge};
use crate::generate::Family;
use crate::regression::Case;
use rayon::prelude::*;
use std::path::Path;
use thumbsmith::{Cpu, Level, Options, optimizations, seeded};

/// The page, below the root of the repository.
pub const PAGE: &str = "docs/optimizations.md";

/// Column heads of the table, in order.
const HEAD: [&str; 7] = [
    "optimization",
    "what it does",
    "falsified by",
    "seeded bugs",
    "generators",
    "bytes",
    "cycles",
];
/// The level at which the effect is measured.
const MEASURED: Level = Level::O2;
/// The levels at which an optimization is judged on and off.
const LEVELS: [Level; 2] = [Level::O2, Level::Oz];

/// A row of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    cells: Vec<String>,
}

impl Row {
    fn name(&self) -> &str {
        self.cells[0].trim_matches('`')
    }

    fn print(&self) -> String {
        format!("| {} |\n", self.cells.join(" | "))
    }
}

/// The page as text before, rows, text after.
struct Page {
    before: String,
    rows: Vec<Row>,
    after: String,
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|c| c.trim().to_owned()).collect())
}

fn read(text: &str) -> Result<Page, String> {
    let mut page = Page {
        before: String::new(),
        rows: Vec::new(),
        after: String::new(),
    };
    let mut lines = text.lines();
    let mut found = false;
    for line in lines.by_ref() {
        page.before += &format!("{line}\n");
        if found {
            break;
        }
        found = cells(line).is_some_and(|c| c == HEAD);
    }
    if !found {
        return Err(format!("{PAGE} has no table of {}", HEAD.join(", ")));
    }
    for line in lines {
        match cells(line) {
            Some(cells) if page.after.is_empty() => {
                if cells.len() != HEAD.len() {
                    return Err(format!("{PAGE}: {} cells in `{line}`", cells.len()));
                }
                page.rows.push(Row { cells });
            }
            _ => page.after += &format!("{line}\n"),
        }
    }
    Ok(page)
}

/// Code size and cycles of all workloads together.
fn cost(all: &[Workload], without: &[String]) -> Result<(u64, u64), String> {
    let options = Options {
        cpu: Cpu::CortexM3,
        level: MEASURED,
        without: without.to_vec(),
        ..Options::default()
    };
    let costs = all
        .iter()
        .map(|w| bench::measure(w, &options))
        .collect::<Result<Vec<_>, _>>()?;
    let sum = |f: fn(&bench::Cost) -> u64| costs.iter().map(f).sum();
    Ok((sum(|c| c.bytes), sum(|c| c.cycles)))
}

/// What leaving an optimization out changes, as the page shows it: what it saves is negative.
fn effect(with: u64, without: u64) -> String {
    let difference = with as i64 - without as i64;
    let share = 100.0 * difference as f64 / without.max(1) as f64;
    match difference {
        0 => "0".into(),
        _ => format!("{difference:+} ({share:+.1} %)"),
    }
}

/// Whether a cell that lists things lists only such that there are, and at least one.
fn lists(cell: &str, known: impl Fn(&str) -> bool) -> Result<(), String> {
    let mut any = false;
    for item in cell.split([',', ' ']).filter(|i| !i.is_empty()) {
        let item = item.trim_matches('`');
        if !known(item) {
            return Err(format!("there is no `{item}`"));
        }
        any = true;
    }
    if any { Ok(()) } else { Err("none".into()) }
}

fn evidence(row: &Row) -> Vec<String> {
    let mut missing = Vec::new();
    let mut lacks = |what: &str, why: String| {
        missing.push(format!("{PAGE}: {}: {what}: {why}", row.name()));
    };
    if !optimizations::names().iter().any(|n| n == row.name()) {
        lacks("optimization", "the compiler has none of this name".into());
    }
    for column in [1, 2] {
        if row.cells[column].len() < 10 {
            lacks(HEAD[column], "nothing is said".into());
        }
    }
    let seed = |n: &str| {
        let number = n.parse::<u16>();
        number.is_ok_and(|n| seeded::BUGS.iter().any(|b| b.number == n))
    };
    if let Err(why) = lists(&row.cells[3], seed) {
        lacks(HEAD[3], why);
    }
    let generator =
        |n: &str| Family::ALL.iter().any(|f| f.name() == n) || Direct::named(n).is_some();
    if let Err(why) = lists(&row.cells[4], generator) {
        lacks(HEAD[4], why);
    }
    missing
}

/// Checks the page, and measures every effect anew. Returns the page as it should be, and what is wrong with it.
///
/// # Errors
/// Text, if the page cannot be read or a workload does not run.
pub fn check(root: &Path, workloads: &[Workload]) -> Result<(String, Vec<String>), String> {
    let path = root.join(PAGE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut page = read(&text)?;
    let mut wrong: Vec<String> = page.rows.iter().flat_map(evidence).collect();
    for name in optimizations::names() {
        match page.rows.iter().filter(|r| r.name() == name).count() {
            1 => {}
            n => wrong.push(format!("{PAGE}: `{name}` has {n} rows")),
        }
    }
    let (bytes, cycles) = cost(workloads, &[])?;
    let costs: Vec<_> = page
        .rows
        .par_iter()
        .map(|r| cost(workloads, &[r.name().to_owned()]))
        .collect();
    for (row, cost) in page.rows.iter_mut().zip(costs) {
        let Ok((b, c)) = cost else { continue };
        let now = [effect(bytes, b), effect(cycles, c)];
        if row.cells[5..] != now {
            wrong.push(format!(
                "{PAGE}: {}: says {} and {}, measured {} and {}",
                row.name(),
                row.cells[5],
                row.cells[6],
                now[0],
                now[1]
            ));
            row.cells.splice(5.., now);
        }
    }
    let rows: String = page.rows.iter().map(Row::print).collect();
    Ok((page.before + &rows + &page.after, wrong))
}

/// Judges every workload and regression without each optimization, and without all. Returns comparisons and failures.
///
/// # Errors
/// Text, if an engine does not start or a file cannot be read.
pub fn without_each(
    root: &Path,
    judge: &mut Judge,
    workloads: &[Workload],
) -> Result<(u64, Vec<String>), String> {
    let mut cases: Vec<(String, Case)> = Vec::new();
    for (path, case) in crate::replay::cases(&root.join("regressions"))? {
        cases.push((path, case?));
    }
    cases.extend(workloads.iter().map(|w| (w.name.clone(), w.case.clone())));
    let names = optimizations::names();
    let mut sets: Vec<Vec<String>> = names.iter().map(|n| vec![n.clone()]).collect();
    sets.push(names);
    let (mut runs, mut failures) = (0, Vec::new());
    for without in &sets {
        for level in LEVELS {
            for (name, case) in &cases {
                let options = Options {
                    level,
                    choices: Default::default(),
                    fuel: None,
                    without: without.clone(),
                    ..case.options.clone()
                };
                runs += 1;
                let verdict = judge.judge(name, &case.wasm, &options, &case.steps, Ask::THOROUGH);
                if let Err(report) = verdict {
                    failures.push(report.to_string());
                }
            }
        }
    }
    Ok((runs, failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Ledger\n\n\
        | optimization | what it does | falsified by | seeded bugs | generators | bytes | cycles |\n\
        |---|---|---|---|---|---|---|\n\
        | `inline` | puts bodies of callees into callers | a call that returns something else | 1, 10 | `calls` | 0 | 0 |\n\
        \nMore.\n";

    #[test]
    fn a_page_is_read_and_printed() {
        let page = read(TEXT).expect("a page");
        assert_eq!(page.rows.len(), 1);
        assert_eq!(page.rows[0].name(), "inline");
        let rows: String = page.rows.iter().map(Row::print).collect();
        assert_eq!(page.before + &rows + &page.after, TEXT);
        assert!(read("# Ledger\n").is_err());
    }

    #[test]
    fn a_row_without_evidence_is_refused() {
        let with = |from: &str, to: &str| {
            let page = read(&TEXT.replace(from, to)).expect("a page");
            page.rows.iter().flat_map(evidence).count()
        };
        assert_eq!(with("-", "-"), 0);
        assert_eq!(with("`inline`", "`outline`"), 1);
        assert_eq!(with("puts bodies of callees into callers", ""), 1);
        assert_eq!(with("a call that returns something else", ""), 1);
        assert_eq!(with("1, 10", ""), 1);
        assert_eq!(with("1, 10", "1, 9999"), 1);
        assert_eq!(with("`calls`", "`hopes`"), 1);
    }

    #[test]
    fn an_effect_says_what_is_saved() {
        assert_eq!(effect(100, 100), "0");
        assert_eq!(effect(90, 100), "-10 (-10.0 %)");
        assert_eq!(effect(101, 100), "+1 (+1.0 %)");
    }
}
