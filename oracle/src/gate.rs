//! The gate: what a change of the compiler must pass beside the tests.
//!
//! In: the folders of the repository. Out: [`Report`]: what ran, and what failed. Eight parts: every regression on every CPU
//! and level; every workload of the corpus on every CPU, level and bounds mode, beside wasmtime; the specification's tests; a hunt of one thread that
//! goes on until every rule was observed; a differential run of fixed size from fixed seeds, in which no family may
//! degenerate; QEMU's boards on all regressions, the corpus and a sample of that run; LLVM's opinion on every different
//! instruction of these; size and speed of the workloads against the committed baseline. A release adds each optimization on and off, and operators on
//! floats by the ten million, accesses around every bound of a memory. Each part has a least amount
//! that it must have run: a part that did less failed, whatever it found.

use crate::bench;
use crate::bounds;
use crate::check::{Ask, Direct, Judge, Setup};
use crate::floats;
use crate::generate::Family;
use crate::hunt::{Bag, Hunt, run};
use crate::ledger;
use crate::qemu::board::{BOARDS, LARGE};
use crate::replay;
use crate::spec;
use crate::statics::{Word, second};
use crate::statistics::{ENOUGH, Statistics};
use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use std::path::Path;
use thumbsmith::{Bounds, Cpu, Level, Options, ir, optimizations};

/// Least number of different instructions given to the second judge of encodings.
const ENCODINGS: u64 = 5_000;

/// Least number of directives of the specification's tests that hold, on each CPU and level.
const ASSERTIONS: u64 = 55_400;

/// Least number of calls of these tests that a board of QEMU runs.
const QEMU_CALLS: u64 = 40_000;

/// One module of the differential run of so many is given to QEMU's boards.
const QEMU_SHARE: u64 = 3;

/// Operands of each operator on floats in a release.
const FLOAT_OPERANDS: u64 = 10_000_000;

/// Accesses around the bounds of memories that a release needs.
pub const ACCESSES: u64 = 100_000_000;

/// What the gate demands.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Distinct functions of the differential run.
    pub functions: u64,
    /// Executions that it must reach.
    pub executions: u64,
    /// Modules of it that QEMU's boards must have run.
    pub qemu: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
    /// Whether every optimization is judged on and off too, the ledger of them checked, and the bounds of memories tried.
    pub release: bool,
}

/// What the gate did.
#[derive(Default)]
pub struct Report {
    /// One text for each failure.
    pub failures: Vec<String>,
    /// How much ran, by part.
    pub parts: Vec<(&'static str, Value)>,
}

impl Report {
    fn part(&mut self, name: &'static str, ran: u64, least: u64, what: Value) {
        if ran < least {
            self.failures
                .push(format!("{name}: ran {ran}, at least {least} are demanded"));
        }
        self.parts.push((name, what));
    }

    /// A part of QEMU's: `of` programs were judged on all CPUs alike, so the boards have run their share of them.
    fn boards(&mut self, name: &'static str, judge: &mut Judge, of: u64) -> Result<(), String> {
        let found = judge.settle(true)?;
        self.failures.extend(found.iter().map(ToString::to_string));
        let ran = std::mem::take(&mut judge.counts.qemu);
        let least = of * BOARDS.len() as u64 / Cpu::ALL.len() as u64;
        let least = least.saturating_sub(ran.left_out);
        self.part(name, ran.cases, least, ran.json());
        if ran.left_out * 10 > of {
            let text = format!("{name}: {} of {of} left out", ran.left_out);
            self.failures.push(text);
        }
        Ok(())
    }
}

/// Runs all parts. `root` is the repository.
///
/// # Errors
/// Text, if a folder or the baseline cannot be read.
pub fn gate(root: &Path, demand: &Demand) -> Result<Report, String> {
    let mut report = Report::default();
    let mut judge = Judge::new()?;
    judge.listen(false)?;
    regressions(root, &mut judge, &mut report)?;
    let workloads = bench::workloads(&root.join("corpus"))?;
    corpus(&workloads, &mut judge, &mut report)?;
    specification(&mut report)?;
    let mut words = rules(demand, &mut report);
    words.extend(hunt(demand, &mut report));
    words.extend(judge.statics.seen());
    report.failures.extend(second::rejected(words.iter())?);
    let different = words.len() as u64;
    report.part(
        "encodings",
        different,
        ENCODINGS,
        json!({ "different": different }),
    );
    let path = root.join("ci/baseline.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let baseline: Value =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let table = bench::table(&workloads)?;
    report.failures.extend(bench::regressed(&baseline, &table));
    let measured = table.len() as u64;
    report.part("baseline", measured, 6, json!({ "rows": measured }));
    if demand.release {
        release(root, &workloads, &mut judge, &mut report)?;
        memory(demand, &mut report)?;
    }
    Ok(report)
}

/// The part of a release: each optimization on and off over corpus and regressions, and its row in the ledger.
fn release(
    root: &Path,
    workloads: &[bench::Workload],
    judge: &mut Judge,
    report: &mut Report,
) -> Result<(), String> {
    let (_, wrong) = ledger::check(root, workloads)?;
    report.failures.extend(wrong);
    let all = optimizations::names().len() as u64;
    let (runs, failures) = ledger::without_each(root, judge, workloads)?;
    report.failures.extend(failures);
    let what = json!({ "optimizations": all, "runs": runs });
    report.part("ledger", runs, 2 * all * workloads.len() as u64, what);
    let found = judge.settle(true)?;
    report
        .failures
        .extend(found.iter().map(ToString::to_string));
    operators_on_floats(report);
    Ok(())
}

/// Operators on floats: each on ten million operands, and on all of 2^32 where there are no more.
fn operators_on_floats(report: &mut Report) {
    let judged = floats::judge_all(Cpu::default(), FLOAT_OPERANDS, true);
    let mut compared = 0;
    for (_, judged) in judged {
        match judged {
            Ok(n) => compared += n,
            Err(e) => report.failures.push(e),
        }
    }
    let all = ir::floats::ALL.iter();
    let every = all
        .clone()
        .filter(|fp| floats::is_exhaustible(**fp))
        .count() as u64;
    let least = all.count() as u64 * FLOAT_OPERANDS + (every << 32);
    report.part("floats", compared, least, json!({ "compared": compared }));
}

/// The part of a release about memory: accesses around every bound.
fn memory(demand: &Demand, report: &mut Report) -> Result<(), String> {
    let plan = bounds::Plan {
        accesses: ACCESSES,
        bounds: Vec::new(),
        cpus: Vec::new(),
        levels: Vec::new(),
        first: 0,
        threads: demand.threads,
    };
    let done = plan.run()?;
    report.failures.extend(done.wrong);
    let (ran, what) = (done.figures.accesses, done.figures.json());
    report.part("memory", ran, ACCESSES, what);
    Ok(())
}

fn regressions(root: &Path, judge: &mut Judge, report: &mut Report) -> Result<(), String> {
    let done = replay::replay(judge, &root.join("regressions"))?;
    let least = (done.files * Cpu::ALL.len() * Level::ALL.len()).max(1) as u64;
    report.failures.extend(done.failures);
    report.part(
        "regressions",
        done.runs as u64,
        least,
        json!({ "files": done.files, "runs": done.runs }),
    );
    report.boards("regressions in QEMU", judge, least)
}

fn corpus(
    workloads: &[bench::Workload],
    judge: &mut Judge,
    report: &mut Report,
) -> Result<(), String> {
    let before = judge.counts.tally.executions;
    let mut runs = 0;
    for w in workloads {
        for cpu in Cpu::ALL {
            for level in Level::ALL {
                for bounds in Bounds::ALL {
                    let options = Options {
                        cpu,
                        level,
                        bounds,
                        name: "m".into(),
                        ..Options::default()
                    };
                    runs += 1;
                    if let Err(r) = judge.judge(
                        &w.name,
                        &w.case.wasm,
                        &options,
                        &w.case.steps,
                        Ask::THOROUGH,
                    ) {
                        report.failures.push(r.to_string());
                    }
                }
            }
        }
    }
    let executions = judge.counts.tally.executions - before;
    let what = json!({ "workloads": workloads.len(), "runs": runs, "executions": executions });
    report.part(
        "corpus",
        executions,
        96 * workloads.len().max(1) as u64,
        what,
    );
    report.boards("corpus in QEMU", judge, runs)
}

/// The specification's tests, all of them.
fn specification(report: &mut Report) -> Result<(), String> {
    let (cpus, mut all) = (spec::cpus(), spec::Counts::default());
    for suite in spec::SUITES {
        all.add(suite.run(&|_| true, &cpus, &spec::LEVELS)?);
    }
    let runs = (cpus.len() * spec::LEVELS.len()) as u64;
    let wrong = all.wrong.iter();
    let wrong = wrong.map(|w| format!("specification: {w}"));
    report.failures.extend(wrong);
    report.part(
        "specification",
        all.total(),
        runs * ASSERTIONS,
        json!(all.held),
    );
    let suites: Vec<_> = spec::SUITES.iter().collect();
    // One board for each way to pass floats.
    for (fpu, name) in [
        (false, "specification in QEMU"),
        (true, "specification in QEMU with FPU"),
    ] {
        let Some(board) = BOARDS.into_iter().find(|b| b.fpu() == fpu) else {
            continue;
        };
        let heard = spec::boards::all(&suites, &|_| true, &board, Level::O2)?;
        let wrong = heard.wrong.iter().map(|w| format!("{name}: {w}"));
        report.failures.extend(wrong);
        if board.cpu == LARGE.cpu && heard.left_out > 0 {
            report.failures.extend(heard.reasons);
        }
        let what =
            json!({ "scripts": heard.scripts, "calls": heard.calls, "left_out": heard.left_out });
        report.part(name, heard.calls, QEMU_CALLS, what);
    }
    Ok(())
}

/// Seconds on one core in which every rule must have been observed.
const RULES_SECONDS: f64 = 600.0;

/// The hunt until every rule was observed; gives every different instruction that it judged.
fn rules(demand: &Demand, report: &mut Report) -> FxHashSet<Word> {
    let bag = run(&Hunt {
        setup: Setup {
            families: vec![Family::Rules],
            ..Setup::default()
        },
        direct: Vec::new(),
        seconds: RULES_SECONDS,
        functions: 0,
        until_rules: true,
        threads: 1,
        ..fixed(demand)
    });
    findings(&bag, report);
    let silent = bag.silent_rules();
    if !silent.is_empty() {
        report
            .failures
            .push(format!("rules never observed: {}", silent.join(", ")));
    }
    let total = thumbsmith::rules().len();
    let what = json!({
        "rules": total,
        "fired": bag.counts.fired.len(),
        "observed": bag.counts.observed.len(),
        "functions": bag.counts.functions,
        "seconds": bag.seconds.round(),
    });
    let observed = (total - silent.len()) as u64;
    report.part("rules", observed, total as u64, what);
    bag.words
}

/// A hunt from the demanded seed that ends after the demanded functions.
fn fixed(demand: &Demand) -> Hunt {
    Hunt {
        setup: Setup::default(),
        direct: Direct::TURNS.to_vec(),
        modules: true,
        seconds: 0.0,
        cpu_seconds: 0.0,
        functions: demand.functions,
        until_rules: false,
        seed: demand.seed,
        threads: demand.threads,
        first: false,
        out: None,
        status: false,
    }
}

fn findings(bag: &Bag, report: &mut Report) {
    let found = bag.differences.values().map(ToString::to_string);
    report.failures.extend(found);
    report.failures.extend(bag.broken.iter().cloned());
}

/// The differential run; gives every different instruction that it judged.
fn hunt(demand: &Demand, report: &mut Report) -> FxHashSet<Word> {
    let mut plan = fixed(demand);
    plan.setup.qemu = QEMU_SHARE;
    let bag = run(&plan);
    findings(&bag, report);
    report.failures.extend(bag.degenerate());
    let enough = |s: &&Statistics| s.modules >= ENOUGH;
    let judged = bag.counts.statistics.values().filter(enough).count() as u64;
    let families = Family::ALL.len() as u64;
    report.part("families", judged, families, json!({ "judged": judged }));
    let (functions, executions) = (bag.counts.functions, bag.counts.tally.executions);
    report.part("functions", functions, demand.functions, json!(functions));
    report.part("executions", executions, demand.executions, bag.json());
    let heard = bag.counts.qemu;
    report.part("sample in QEMU", heard.cases, demand.qemu, heard.json());
    bag.words
}
