//! The hunt: every thread makes cases from its own random stream and judges them until time is up.
//!
//! In: what to draw from, for how long, on how many threads. Out: counts, distinct differences as files, a status line
//! while it runs. Invariant: the same seed and thread count make the same cases in the same order; a hunt that
//! compared nothing says so, and the caller must not take it for success.

use crate::check::{Counts, Direct, Judge, Report, Setup};
use crate::compare::Kind;
use crate::generate::Family;
use crate::random::Random;
use crate::statics::Word;
use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thumbsmith::TrapKind;

/// What to hunt for and how long.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// What to draw from.
    pub setup: Setup,
    /// Checks of single parts to do besides.
    pub direct: Vec<Direct>,
    /// Whether to make modules: without them only the checks of single parts.
    pub modules: bool,
    /// Wall time; zero means until another limit ends it.
    pub seconds: f64,
    /// CPU time of the process; zero means no such limit. Unlike wall time it does not depend on what else runs.
    pub cpu_seconds: f64,
    /// Stop after so many functions; zero means no such limit.
    pub functions: u64,
    /// Stop once every rule of the compiler was observed.
    pub until_rules: bool,
    /// Start of the random streams.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
    /// Stop at the first difference.
    pub first: bool,
    /// Where to write differences.
    pub out: Option<PathBuf>,
    /// Print a status line.
    pub status: bool,
}

/// What a hunt brought home.
#[derive(Default)]
pub struct Bag {
    /// How much was judged.
    pub counts: Counts,
    /// One report for each key, the smallest module seen.
    pub differences: BTreeMap<String, Report>,
    /// Differences in all, duplicates included.
    pub mismatches: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Engines that did not start, or stopped.
    pub broken: Vec<String>,
    /// Every different instruction that the static judge saw.
    pub words: FxHashSet<Word>,
}

/// Bytes of one case: enough for the largest family to end by its own limits.
const CASE_BYTES: usize = 12 << 10;
/// Where modules are made, one input of so many goes to a check of a single part.
const DIRECT_SHARE: u64 = 3;
/// Bytes of an input of those: from so many, to so many more.
const DIRECT_BYTES: (usize, usize) = (64, 1200);
/// Stack of a worker: the compiler may recurse over what a generator nests.
const WORKER_STACK: usize = 64 << 20;

struct Shared<'a> {
    hunt: &'a Hunt,
    bag: Mutex<Bag>,
    stop: AtomicBool,
    start: Instant,
}

impl Shared<'_> {
    fn bag(&self) -> std::sync::MutexGuard<'_, Bag> {
        self.bag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The check that a worker's case of this number is for, if it is not for a module.
    fn direct(&self, number: u64) -> Option<Direct> {
        let share = if self.hunt.modules { DIRECT_SHARE } else { 1 };
        let all = &self.hunt.direct;
        let turn = number / share;
        (number.is_multiple_of(share) && !all.is_empty()).then(|| all[turn as usize % all.len()])
    }

    /// A worker's life. Its panic, which would leave the others and the watch without an end, ends the hunt as broken.
    fn guarded(&self, thread: usize) {
        let work = std::panic::AssertUnwindSafe(|| self.work(thread));
        if std::panic::catch_unwind(work).is_err() {
            self.broke(format!(
                "worker {thread} panicked; its message stands above"
            ));
        }
    }

    fn work(&self, thread: usize) {
        let mut judge = match self.judge() {
            Ok(judge) => judge,
            Err(e) => return self.broke(e),
        };
        let mut random = Random::new(self.hunt.seed ^ (thread as u64) << 48);
        let mut cases = 0;
        while !self.over() {
            cases += 1;
            let verdict = match self.direct(cases) {
                Some(which) => {
                    let (least, more) = DIRECT_BYTES;
                    let count = least + random.word() as usize % more;
                    judge.direct(which, &random.bytes(count))
                }
                None => judge.generated(&random.bytes(CASE_BYTES), &self.hunt.setup),
            };
            let found = judge.settle(false).map(|mut reports| {
                reports.extend(verdict.err().map(|report| *report));
                reports
            });
            self.account(&mut judge, found);
            let bag = self.bag();
            let enough = self.hunt.functions > 0 && bag.counts.functions >= self.hunt.functions;
            let late =
                self.hunt.seconds > 0.0 && self.start.elapsed().as_secs_f64() >= self.hunt.seconds;
            let spent =
                self.hunt.cpu_seconds > 0.0 && crate::seeds::cpu_seconds() >= self.hunt.cpu_seconds;
            let covered = self.hunt.until_rules && bag.silent_rules().is_empty();
            if enough || late || spent || covered {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
        // What still waits for QEMU.
        let found = judge.settle(true);
        self.account(&mut judge, found);
        self.bag().words.extend(judge.statics.seen());
    }

    /// The engines of a worker.
    fn judge(&self) -> Result<Judge, String> {
        let mut judge = Judge::new()?;
        if self.hunt.setup.qemu > 0 {
            judge.listen(false)?;
        }
        Ok(judge)
    }

    /// An engine does not start, or stopped: the hunt is over, and not clean.
    fn broke(&self, what: String) {
        self.bag().broken.push(what);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Takes over what a judge counted and found.
    fn account(&self, judge: &mut Judge, found: Result<Vec<Report>, String>) {
        let counts = std::mem::take(&mut judge.counts);
        self.bag().counts.add(&counts);
        match found {
            Err(e) => self.broke(e),
            Ok(reports) => {
                for mut report in reports {
                    if self.bag().is_new(&report) {
                        report.guilty = judge.blame(&report);
                    }
                    let mut bag = self.bag();
                    bag.mismatches += 1;
                    bag.keep(report);
                    if self.hunt.first {
                        self.stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}

impl Bag {
    /// Whether no smaller module shows the same.
    fn is_new(&self, report: &Report) -> bool {
        let smaller = |old: &Report| report.wasm.len() < old.wasm.len();
        self.differences.get(&report.key()).is_none_or(smaller)
    }

    fn keep(&mut self, report: Report) {
        if self.is_new(&report) {
            self.differences.insert(report.key(), report);
        }
    }

    /// Share of compared calls that trapped.
    pub fn trapped(&self) -> f64 {
        let traps: u64 = self.counts.tally.traps.iter().sum();
        traps as f64 / self.counts.tally.executions.max(1) as f64
    }

    /// Names of the compiler's rules that were never observed: that did not fire where what they made was compared.
    pub fn silent_rules(&self) -> Vec<&'static str> {
        let observed = |name: &&'static str| self.counts.observed.contains_key(name);
        thumbsmith::rules()
            .into_iter()
            .filter(|r| !observed(r))
            .collect()
    }

    /// What is wrong with families below their thresholds.
    pub fn degenerate(&self) -> Vec<String> {
        let all = self.counts.statistics.iter();
        let named = all.filter_map(|(name, s)| Some((Family::named(name)?, s)));
        named.flat_map(|(f, s)| s.degenerate(f)).collect()
    }

    /// A line a family: how good its modules were.
    pub fn statistics(&self) -> String {
        let all = self.counts.statistics.iter();
        all.map(|(name, s)| s.line(name) + "\n").collect()
    }

    fn status(&self, seconds: f64) -> String {
        let (c, t) = (&self.counts, &self.counts.tally);
        let rate = |n: u64| n as f64 / seconds.max(0.001);
        let kinds: Vec<String> = TrapKind::ALL
            .iter()
            .zip(t.traps)
            .filter(|(_, n)| *n > 0)
            .map(|(k, n)| format!("{k:?} {n}"))
            .collect();
        format!(
            "{seconds:.0}s  {} modules  {} functions ({:.0}/s)  {} executions ({:.0}/s)  trapped {:.1}% [{}]  \
             rules silent {}  refused {}  direct {}  mismatches {}",
            c.modules,
            c.functions,
            rate(c.functions),
            t.executions,
            rate(t.executions),
            100.0 * self.trapped(),
            kinds.join(", "),
            self.silent_rules().len(),
            c.refused,
            c.direct,
            self.mismatches,
        )
    }

    /// The summary, as the last line of a hunt.
    pub fn json(&self) -> Value {
        let (c, t) = (&self.counts, &self.counts.tally);
        let rules = thumbsmith::rules().len();
        let traps: BTreeMap<String, u64> = TrapKind::ALL
            .iter()
            .zip(t.traps)
            .map(|(k, n)| (k.text().to_owned(), n))
            .collect();
        json!({
            "modules": c.modules,
            "functions": c.functions,
            "executions": t.executions,
            "instructions": c.instructions,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "mismatches": self.mismatches,
            "distinct_mismatches": self.differences.len(),
            "rules_total": rules,
            "rules_fired": c.fired.len(),
            "rules_observed": c.observed.len(),
            "rules_silent": self.silent_rules(),
            "refused": c.refused,
            "void": t.void,
            "direct": c.direct,
            "qemu": c.qemu.json(),
            "traps": traps,
            "families": c.families,
            "statistics": c.statistics.iter().map(|(n, s)| (*n, s.json())).collect::<BTreeMap<_, _>>(),
            "degenerate": self.degenerate(),
            "found": self.differences.keys().collect::<Vec<_>>(),
            "found_by": self.differences.values().map(Report::found_by).collect::<Vec<_>>(),
            "found_in": self.differences.values().map(|r| &r.origin).collect::<Vec<_>>(),
            "broken": self.broken,
        })
    }

    /// Whether the hunt compared something and found nothing.
    pub fn clean(&self) -> bool {
        self.mismatches == 0
            && self.broken.is_empty()
            && self.counts.tally.executions + self.counts.direct > 0
    }
}

/// Runs a hunt.
pub fn run(hunt: &Hunt) -> Bag {
    let shared = Shared {
        hunt,
        bag: Mutex::default(),
        stop: AtomicBool::new(false),
        start: Instant::now(),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(hunt.threads + 1)
        .stack_size(WORKER_STACK)
        .build();
    match pool {
        Ok(pool) => pool.scope(|scope| {
            for thread in 0..hunt.threads {
                let shared = &shared;
                scope.spawn(move |_| shared.guarded(thread));
            }
            watch(&shared);
        }),
        Err(e) => shared.bag().broken.push(e.to_string()),
    }
    let seconds = shared.start.elapsed().as_secs_f64();
    let mut bag = shared
        .bag
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    bag.seconds = seconds;
    if let Some(out) = &hunt.out {
        for report in bag.differences.values() {
            if let Err(e) = write_report(out, report) {
                eprintln!("{}: {e}", out.display());
            }
        }
    }
    bag
}

/// Prints the status line until the workers are told to stop.
fn watch(shared: &Shared<'_>) {
    let mut ticks = 0;
    while !shared.over() {
        std::thread::sleep(Duration::from_millis(100));
        ticks += 1;
        if shared.hunt.status && ticks % 10 == 0 {
            eprint!(
                "\r\x1b[K{}",
                shared.bag().status(shared.start.elapsed().as_secs_f64())
            );
        }
    }
    if shared.hunt.status {
        eprintln!(
            "\r\x1b[K{}",
            shared.bag().status(shared.start.elapsed().as_secs_f64())
        );
    }
}

/// Writes a difference as module, case and report; one of a check without a module as its input, `.bin`, and report.
///
/// # Errors
/// Those of the file system.
pub fn write_report(out: &Path, report: &Report) -> std::io::Result<()> {
    std::fs::create_dir_all(out)?;
    let stem = report.key().replace(['/', ' '], "_");
    std::fs::write(out.join(format!("{stem}.txt")), format!("{report}\n"))?;
    if Direct::named(&report.origin).is_some() {
        return std::fs::write(out.join(format!("{stem}.bin")), &report.wasm);
    }
    std::fs::write(out.join(format!("{stem}.wasm")), &report.wasm)?;
    let mut case = crate::regression::Case::from_report(report);
    if report.difference.kind == Kind::Refused {
        case.guilty = "refused".into();
    }
    std::fs::write(out.join(format!("{stem}.wat")), case.print())
}
