//! The gate: what a change of the compiler must pass beside the tests.
//!
//! In: the folders of the repository. Out: [`Report`]: what ran, and what failed. [`PARTS`] lists them: every regression on every
//! CPU and level; every workload of the corpus on every CPU, level and bounds mode, beside wasmtime; the specification's tests;
//! a hunt of one thread that goes on until every rule was observed; a differential run of fixed size from fixed seeds, in which
//! no family may degenerate; LLVM's opinion on every different instruction of these; size and speed of the workloads against
//! the committed baseline. QEMU's boards run all regressions, the corpus, the specification's tests and a sample of the run. A release
//! adds each optimization on and off, operators on floats by the ten million, accesses around every bound of a memory.
//! Invariant: each part has a least amount that it must have run; one that did less failed, whatever it found.

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
#[derive(Clone, Debug)]
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
    /// Whether the parts of a release run too.
    pub release: bool,
    /// Only these parts; all of them if it is empty.
    pub only: Vec<String>,
}

/// One part.
pub struct Part {
    /// Its name on the command line.
    pub name: &'static str,
    /// Whether only a release needs it.
    pub release: bool,
    run: fn(&mut Gate<'_>) -> Result<(), String>,
}

const fn part(name: &'static str, run: fn(&mut Gate<'_>) -> Result<(), String>) -> Part {
    let release = false;
    Part { name, release, run }
}

const fn release(name: &'static str, run: fn(&mut Gate<'_>) -> Result<(), String>) -> Part {
    let release = true;
    Part { name, release, run }
}

/// All parts in order. `encodings` judges the instructions that those before it have seen.
pub const PARTS: [Part; 10] = [
    part("regressions", regressions),
    part("corpus", corpus),
    part("specification", specification),
    part("rules", rules),
    part("hunt", hunt),
    part("encodings", encodings),
    part("baseline", baseline),
    release("ledger", each_optimization),
    release("floats", operators_on_floats),
    release("memory", memory),
];

/// A run of the gate.
struct Gate<'a> {
    root: &'a Path,
    demand: &'a Demand,
    judge: Judge,
    workloads: Vec<bench::Workload>,
    /// Every different instruction so far.
    words: FxHashSet<Word>,
    report: Report,
}

/// What the gate did.
#[derive(Default)]
pub struct Report {
    /// One text for each failure.
    pub failures: Vec<String>,
    /// How much ran, by part.
    pub parts: Vec<(&'static str, Value)>,
}

/// Runs the parts that are demanded. `root` is the repository; `each` sees what a part ran, and the failures so far, when it ends.
///
/// # Errors
/// Text, if a folder or the baseline cannot be read, or a part has no such name.
pub fn gate(root: &Path, demand: &Demand, each: &mut dyn FnMut(&Report)) -> Result<Report, String> {
    if let Some(odd) = demand
        .only
        .iter()
        .find(|n| PARTS.iter().all(|p| p.name != **n))
    {
        let names = PARTS.map(|p| p.name).join(", ");
        return Err(format!("no part of the gate is called {odd}: {names}"));
    }
    let mut gate = Gate {
        root,
        demand,
        judge: Judge::new()?,
        workloads: bench::workloads(&root.join("corpus"))?,
        words: FxHashSet::default(),
        report: Report::default(),
    };
    gate.judge.listen(false)?;
    for part in PARTS {
        let wanted = match demand.only.as_slice() {
            [] => demand.release || !part.release,
            only => only.iter().any(|name| name == part.name),
        };
        if wanted {
            (part.run)(&mut gate)?;
            each(&gate.report);
        }
    }
    Ok(gate.report)
}

impl Gate<'_> {
    fn ran(&mut self, name: &'static str, ran: u64, least: u64, what: Value) {
        if ran < least {
            self.failed([format!("{name}: ran {ran}, at least {least} are demanded")]);
        }
        self.report.parts.push((name, what));
    }

    fn failed(&mut self, failures: impl IntoIterator<Item = String>) {
        self.report.failures.extend(failures);
    }

    /// A part of QEMU's: `of` programs were judged on all CPUs alike, so the boards have run their share of them.
    fn boards(&mut self, name: &'static str, of: u64) -> Result<(), String> {
        let found = self.judge.settle(true)?;
        self.failed(found.iter().map(ToString::to_string));
        let ran = std::mem::take(&mut self.judge.counts.qemu);
        let least = of * BOARDS.len() as u64 / Cpu::ALL.len() as u64;
        let least = least.saturating_sub(ran.left_out);
        self.ran(name, ran.cases, least, ran.json());
        if ran.left_out * 10 > of {
            self.failed([format!("{name}: {} of {of} left out", ran.left_out)]);
        }
        Ok(())
    }

    fn findings(&mut self, bag: &Bag) {
        self.failed(bag.differences.values().map(ToString::to_string));
        self.failed(bag.broken.iter().cloned());
    }
}

/// LLVM's opinion on every different instruction.
fn encodings(gate: &mut Gate<'_>) -> Result<(), String> {
    gate.words.extend(gate.judge.statics.seen());
    let rejected = second::rejected(gate.words.iter())?;
    gate.failed(rejected);
    let different = gate.words.len() as u64;
    let what = json!({ "different": different });
    gate.ran("encodings", different, ENCODINGS, what);
    Ok(())
}

/// Size and speed of the workloads against the committed baseline.
fn baseline(gate: &mut Gate<'_>) -> Result<(), String> {
    let path = gate.root.join("ci/baseline.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let baseline: Value =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let table = bench::table(&gate.workloads)?;
    gate.failed(bench::regressed(&baseline, &table));
    let measured = table.len() as u64;
    gate.ran("baseline", measured, 6, json!({ "rows": measured }));
    Ok(())
}

/// Each optimization on and off over corpus and regressions, and its row in the ledger.
fn each_optimization(gate: &mut Gate<'_>) -> Result<(), String> {
    let (_, wrong) = ledger::check(gate.root, &gate.workloads)?;
    gate.failed(wrong);
    let all = optimizations::names().len() as u64;
    let (runs, failures) = ledger::without_each(gate.root, &mut gate.judge, &gate.workloads)?;
    gate.failed(failures);
    let what = json!({ "optimizations": all, "runs": runs });
    gate.ran("ledger", runs, 2 * all * gate.workloads.len() as u64, what);
    let found = gate.judge.settle(true)?;
    gate.failed(found.iter().map(ToString::to_string));
    Ok(())
}

/// Operators on floats: each on ten million operands, and on all of 2^32 where there are no more.
fn operators_on_floats(gate: &mut Gate<'_>) -> Result<(), String> {
    let judged = floats::judge_all(Cpu::default(), FLOAT_OPERANDS, true);
    let mut compared = 0;
    for (_, judged) in judged {
        match judged {
            Ok(n) => compared += n,
            Err(e) => gate.failed([e]),
        }
    }
    let all = ir::floats::ALL.iter();
    let every = all
        .clone()
        .filter(|fp| floats::is_exhaustible(**fp))
        .count() as u64;
    let least = all.count() as u64 * FLOAT_OPERANDS + (every << 32);
    gate.ran("floats", compared, least, json!({ "compared": compared }));
    Ok(())
}

/// Accesses around every bound of a memory.
fn memory(gate: &mut Gate<'_>) -> Result<(), String> {
    let plan = bounds::Plan {
        accesses: ACCESSES,
        bounds: Vec::new(),
        cpus: Vec::new(),
        levels: Vec::new(),
        first: 0,
        threads: gate.demand.threads,
    };
    let done = plan.run()?;
    gate.failed(done.wrong);
    let (ran, what) = (done.figures.accesses, done.figures.json());
    gate.ran("memory", ran, ACCESSES, what);
    Ok(())
}

/// Every regression on every CPU and level.
fn regressions(gate: &mut Gate<'_>) -> Result<(), String> {
    let done = replay::replay(&mut gate.judge, &gate.root.join("regressions"))?;
    let least = (done.files * Cpu::ALL.len() * Level::ALL.len()).max(1) as u64;
    gate.failed(done.failures);
    let what = json!({ "files": done.files, "runs": done.runs });
    gate.ran("regressions", done.runs as u64, least, what);
    gate.boards("regressions in QEMU", least)
}

/// Every workload on every CPU, level and bounds mode.
fn corpus(gate: &mut Gate<'_>) -> Result<(), String> {
    let before = gate.judge.counts.tally.executions;
    let modes = Cpu::ALL.into_iter().flat_map(|cpu| {
        let levels = Level::ALL.into_iter();
        levels.flat_map(move |level| Bounds::ALL.into_iter().map(move |b| (cpu, level, b)))
    });
    let mut runs = 0;
    for (cpu, level, bounds) in modes {
        let options = Options {
            cpu,
            level,
            bounds,
            name: "m".into(),
            ..Options::default()
        };
        for w in &gate.workloads {
            runs += 1;
            let (wasm, steps) = (&w.case.wasm, &w.case.steps);
            let judged = gate
                .judge
                .judge(&w.name, wasm, &options, steps, Ask::THOROUGH);
            gate.report
                .failures
                .extend(judged.err().map(|r| r.to_string()));
        }
    }
    let executions = gate.judge.counts.tally.executions - before;
    let workloads = gate.workloads.len();
    let what = json!({ "workloads": workloads, "runs": runs, "executions": executions });
    gate.ran("corpus", executions, 96 * workloads.max(1) as u64, what);
    gate.boards("corpus in QEMU", runs)
}

/// The specification's tests, all of them.
fn specification(gate: &mut Gate<'_>) -> Result<(), String> {
    let (cpus, mut all) = (spec::cpus(), spec::Counts::default());
    for suite in spec::SUITES {
        all.add(suite.run(&|_| true, &cpus, &spec::LEVELS)?);
    }
    let runs = (cpus.len() * spec::LEVELS.len()) as u64;
    let wrong = all.wrong.iter();
    gate.failed(wrong.map(|w| format!("specification: {w}")));
    let (held, what) = (all.total(), json!(all.held));
    gate.ran("specification", held, runs * ASSERTIONS, what);
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
        gate.failed(wrong);
        if board.cpu == LARGE.cpu && heard.left_out > 0 {
            gate.failed(heard.reasons);
        }
        let what =
            json!({ "scripts": heard.scripts, "calls": heard.calls, "left_out": heard.left_out });
        gate.ran(name, heard.calls, QEMU_CALLS, what);
    }
    Ok(())
}

/// Seconds on one core in which every rule must have been observed.
const RULES_SECONDS: f64 = 600.0;

/// The hunt until every rule was observed.
fn rules(gate: &mut Gate<'_>) -> Result<(), String> {
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
        ..fixed(gate.demand)
    });
    gate.findings(&bag);
    let silent = bag.silent_rules();
    if !silent.is_empty() {
        gate.failed([format!("rules never observed: {}", silent.join(", "))]);
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
    gate.ran("rules", observed, total as u64, what);
    gate.words.extend(bag.words);
    Ok(())
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

/// The differential run.
fn hunt(gate: &mut Gate<'_>) -> Result<(), String> {
    let demand = gate.demand;
    let mut plan = fixed(demand);
    plan.setup.qemu = QEMU_SHARE;
    let bag = run(&plan);
    gate.findings(&bag);
    gate.failed(bag.degenerate());
    let enough = |s: &&Statistics| s.modules >= ENOUGH;
    let judged = bag.counts.statistics.values().filter(enough).count() as u64;
    let families = Family::ALL.len() as u64;
    gate.ran("families", judged, families, json!({ "judged": judged }));
    let (functions, executions) = (bag.counts.functions, bag.counts.tally.executions);
    gate.ran("functions", functions, demand.functions, json!(functions));
    gate.ran("executions", executions, demand.executions, bag.json());
    let heard = bag.counts.qemu;
    gate.ran("sample in QEMU", heard.cases, demand.qemu, heard.json());
    gate.words.extend(bag.words);
    Ok(())
}
