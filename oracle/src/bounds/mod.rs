//! Adversarial memory: accesses around every bound, judged by the specification's rule.
//!
//! In: how many accesses, and of which modes, CPUs and levels. Out: [`Figures`], or what is wrong. Modules whose functions sweep over
//! addresses (`sweep`, `body`, `module`) are compiled in every mode, for every CPU and level, for memories of every shape
//! (`shape`), and run in unicorn with everything outside unmapped; `model` says what each call must do, `stage` compares. The loops
//! run as emitted code, so that a hundred million accesses take minutes.

pub mod body;
pub mod judge;
pub mod model;
pub mod module;
pub mod operator;
pub mod shape;
pub mod stage;
pub mod sweep;

pub use judge::{Case, Figures};

use judge::Bench;
use shape::SHAPES;
use std::sync::Mutex;
use std::sync::PoisonError;
use thumbsmith::{Bounds, Cpu, Level};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Plan {
    /// At least so many accesses.
    pub accesses: u64,
    /// Modes; all if none is named, as with CPUs and levels.
    pub bounds: Vec<Bounds>,
    /// CPUs.
    pub cpus: Vec<Cpu>,
    /// Levels.
    pub levels: Vec<Level>,
    /// The first case's number, from which all of it follows.
    pub first: u64,
    /// Worker threads.
    pub threads: usize,
}

/// What was found.
#[derive(Default, Debug)]
pub struct Done {
    /// How much ran.
    pub figures: Figures,
    /// One text for each module in which something is wrong.
    pub wrong: Vec<String>,
}

/// Modules with something wrong after which no more is tried.
const ENOUGH: usize = 10;

/// A step through all cases that meets every one before it meets one twice, and unlike ones next to each other.
const STRIDE: u64 = 631;

/// Case number `n`: combinations come up in turn, with other constants each time.
fn case(n: u64) -> Case {
    let kinds = [
        SHAPES.len(),
        Bounds::ALL.len(),
        Cpu::ALL.len(),
        Level::ALL.len(),
    ];
    let all = kinds.iter().product::<usize>() as u64;
    let mut rest = (n * STRIDE % all) as usize;
    let [shape, bounds, cpu, level] = kinds.map(|count| {
        let digit = rest % count;
        rest /= count;
        digit
    });
    Case {
        shape: SHAPES[shape],
        bounds: Bounds::ALL[bounds],
        cpu: Cpu::ALL[cpu],
        level: Level::ALL[level],
        seed: n,
    }
}

impl Plan {
    fn wants(&self, case: &Case) -> bool {
        let named = |all: bool, has: bool| all || has;
        named(self.bounds.is_empty(), self.bounds.contains(&case.bounds))
            && named(self.cpus.is_empty(), self.cpus.contains(&case.cpu))
            && named(self.levels.is_empty(), self.levels.contains(&case.level))
            && case.shape.admits(case.bounds)
    }

    /// Judges case after case until there were enough accesses.
    ///
    /// # Errors
    /// Text of the simulators, if they do not start.
    pub fn run(&self) -> Result<Done, String> {
        let state = Mutex::new((self.first, Done::default()));
        let work = || -> Result<(), String> {
            let mut bench = Bench::new()?;
            loop {
                let case = {
                    let (next, done) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
                    if done.figures.accesses >= self.accesses || done.wrong.len() >= ENOUGH {
                        return Ok(());
                    }
                    let mut cases = (*next..).map(case);
                    let case = cases.find(|case| self.wants(case)).ok_or("no case")?;
                    *next = case.seed + 1;
                    case
                };
                let judged = bench.judge(&case);
                let (_, done) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
                match judged {
                    Ok(figures) => done.figures.add(&figures),
                    Err(wrong) => done.wrong.push(wrong),
                }
            }
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..self.threads.max(1))
                .map(|_| scope.spawn(work))
                .collect();
            let ended = |t: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
                t.join().unwrap_or_else(|_| Err("a thread died".into()))
            };
            all.into_iter().map(ended).collect::<Vec<_>>()
        })
        .into_iter()
        .collect::<Result<(), String>>()?;
        let (_, done) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(done)
    }
}
