//! The comparison: a reference and other engines take the same steps and must be seen to do the same.
//!
//! In: a loaded program on all sides and a list of steps. Out: nothing, or the first [`Difference`]. Compared after every
//! step: how it ended, results bit for bit, import calls with their arguments, the whole linear memory and its size,
//! every visible global, and the machine's contract. Where several voices are judged together, a difference says what each
//! of the others says. Invariant: whatever ends the comparison early is counted in
//! the [`Tally`], so that "equal" always says over how much.

use crate::arm::staged::VOICE;
use crate::engine::{Engine, Outcome};
use crate::program::Program;
use smallvec::SmallVec;
use thumbsmith::seeded::{Bug, on};
use thumbsmith::{Bounds, TrapKind};

/// One thing that the host does to an instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Calls an export with arguments, zero-extended to 64 bits.
    Call(usize, Vec<u64>),
    /// Sets a visible mutable global.
    Set(usize, u64),
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Kind {
    /// The compiler failed a check of its own, or panicked.
    Compiler,
    /// The compiler refused a module that is in its scope.
    Refused,
    /// The object does not link.
    Link,
    /// The static judge rejects the code.
    Static,
    /// A result has other bits.
    Result,
    /// One traps where the other returns, or with another kind.
    Trap,
    /// The machine did what no program may.
    Fault,
    /// Linear memory differs in contents or size.
    Memory,
    /// A visible global differs.
    Global,
    /// A visible table differs in size or in an entry.
    Table,
    /// Imports were called otherwise.
    Imports,
    /// A preserved register, the stack pointer, or bytes of others were changed.
    Contract,
}

impl Kind {
    /// Whether it is about what the program does, so that a pass can be blamed by running what passes leave. The others
    /// name their cause themselves.
    pub fn is_behaviour(self) -> bool {
        match self {
            Kind::Compiler | Kind::Refused | Kind::Link | Kind::Static => false,
            Kind::Result | Kind::Trap | Kind::Fault | Kind::Memory => true,
            Kind::Global | Kind::Table | Kind::Imports | Kind::Contract => true,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Compiler => "compiler",
            Kind::Refused => "refused",
            Kind::Link => "link",
            Kind::Static => "static",
            Kind::Result => "result",
            Kind::Trap => "trap",
            Kind::Fault => "fault",
            Kind::Memory => "memory",
            Kind::Global => "global",
            Kind::Table => "table",
            Kind::Imports => "imports",
            Kind::Contract => "contract",
        }
    }
}

/// A disagreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// Number of the step; `None` is compilation, linking or initialization.
    pub step: Option<usize>,
    /// Who disagrees with the reference.
    pub engine: String,
    /// What the reference says.
    pub expected: String,
    /// What the other says.
    pub got: String,
}

impl Difference {
    /// Whether it was seen in what a pass of the backend left, and not in the object.
    pub fn is_inside(&self) -> bool {
        self.engine.starts_with(VOICE)
    }
}

/// How much was compared.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Calls of exports that both sides made and that were compared.
    pub executions: u64,
    /// Of those, how many trapped, by kind ([`TrapKind::ALL`] order).
    pub traps: [u64; TrapKind::ALL.len()],
    /// Comparisons that ended early because the reference said nothing more.
    pub void: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.executions += other.executions;
        self.void += other.void;
        for (mine, theirs) in self.traps.iter_mut().zip(other.traps) {
            *mine += theirs;
        }
    }

    /// Counts one compared call.
    fn count(&mut self, outcome: &Outcome) {
        self.executions += 1;
        if let Outcome::Trapped(kind) = outcome
            && let Some(i) = TrapKind::ALL.iter().position(|k| k == kind)
        {
            self.traps[i] += 1;
        }
    }
}

/// Whether there is more to compare after a step.
#[derive(PartialEq, Eq, Debug)]
enum Next {
    Go,
    Stop,
}

/// What one voice's step was judged to be.
type Said = Result<Next, Box<Difference>>;

/// The verdicts of a step as one: the first difference, and what the other voices say, if there are others. Leaves `said`
/// empty.
fn together(said: &mut SmallVec<[Said; 4]>, voices: &[&mut dyn Engine]) -> Said {
    if said.iter().all(Result::is_ok) {
        let stop = said.contains(&Ok(Next::Stop));
        said.clear();
        return Ok(if stop { Next::Stop } else { Next::Go });
    }
    let first = said.iter().position(Result::is_err).unwrap_or(0);
    let others = said.iter().zip(voices).enumerate();
    let others: Vec<String> = others
        .filter(|(n, _)| *n != first)
        .map(|(_, (said, voice))| match said {
            Ok(_) => format!("{} says what wasmtime says", voice.name()),
            Err(d) => format!("{} says {}", voice.name(), d.got),
        })
        .collect();
    let mut verdict = said.swap_remove(first);
    said.clear();
    if let Err(difference) = &mut verdict
        && !others.is_empty()
    {
        difference.got += &format!(" ({})", others.join("; "));
    }
    verdict
}

/// The kind of a trap as the reference knows it: it does not tell a call past the end of a table from other accesses there.
fn past_end(kind: TrapKind) -> TrapKind {
    match kind {
        TrapKind::UndefinedElement => TrapKind::TableOutOfBounds,
        kind => kind,
    }
}

struct Pair<'a> {
    program: &'a Program,
    reference: &'a mut dyn Engine,
    other: &'a mut dyn Engine,
    visible: &'a [usize],
    step: Option<usize>,
}

/// Initializes all engines and takes the steps on all, judging each of `others` against the reference.
///
/// # Errors
/// The first difference.
pub fn lockstep(
    program: &Program,
    steps: &[Step],
    reference: &mut dyn Engine,
    others: &mut [&mut dyn Engine],
    tally: &mut Tally,
) -> Result<(), Box<Difference>> {
    let visible = program.info.visible_globals();
    let judge = |reference: &mut dyn Engine,
                 other: &mut dyn Engine,
                 step: Option<usize>,
                 expected: &Outcome,
                 got: &Outcome,
                 state: bool| {
        let mut pair = Pair {
            program,
            reference,
            other,
            visible: &visible,
            step,
        };
        pair.judge(expected, got, state)
    };
    let expected = reference.instantiate();
    // A module whose initialization trapped has no instance: the specification says nothing about the rest.
    let alive = expected == Outcome::Returned(Default::default());
    let mut next = if alive { Next::Go } else { Next::Stop };
    let mut said: SmallVec<[Said; 4]> = SmallVec::new();
    for other in others.iter_mut() {
        let got = other.instantiate();
        said.push(judge(reference, *other, None, &expected, &got, alive));
    }
    if together(&mut said, others)? == Next::Stop {
        next = Next::Stop;
    }
    for (i, step) in steps.iter().enumerate() {
        if next == Next::Stop {
            tally.void += 1;
            return Ok(());
        }
        match step {
            Step::Set(global, value) => {
                reference.set_global(*global, *value);
                for other in others.iter_mut() {
                    other.set_global(*global, *value);
                }
            }
            Step::Call(export, args) => {
                let expected = reference.call(*export, args);
                // Nothing is compared with a reference that says nothing: others need not run as long as it did.
                if matches!(expected, Outcome::Void(_)) {
                    next = Next::Stop;
                    continue;
                }
                for other in others.iter_mut() {
                    let got = other.call(*export, args);
                    said.push(judge(reference, *other, Some(i), &expected, &got, true));
                }
                next = together(&mut said, others)?;
                if next == Next::Go {
                    tally.count(&expected);
                }
            }
        }
    }
    for other in others.iter_mut() {
        if let found @ [_, ..] = other.finish().as_slice() {
            return Err(Box::new(Difference {
                kind: Kind::Contract,
                step: steps.len().checked_sub(1),
                engine: other.name(),
                expected: "nothing else touched".into(),
                got: found.join("; "),
            }));
        }
    }
    Ok(())
}

/// Judges what an engine did, and what it left, against the reference, where both took a step. Gives whether there is more
/// to compare.
///
/// # Errors
/// The difference.
pub fn judge(
    program: &Program,
    engines: (&mut dyn Engine, &mut dyn Engine),
    step: usize,
    (expected, got): (&Outcome, &Outcome),
) -> Result<bool, Box<Difference>> {
    let mut pair = Pair {
        program,
        reference: engines.0,
        other: engines.1,
        visible: &program.info.visible_globals(),
        step: Some(step),
    };
    Ok(pair.judge(expected, got, true)? == Next::Go)
}

impl Pair<'_> {
    fn difference(&self, kind: Kind, expected: String, got: String) -> Box<Difference> {
        Box::new(Difference {
            kind,
            step: self.step,
            engine: self.other.name(),
            expected,
            got,
        })
    }

    /// Judges one step's outcome, then everything visible.
    fn judge(
        &mut self,
        expected: &Outcome,
        got: &Outcome,
        compare_state: bool,
    ) -> Result<Next, Box<Difference>> {
        let text = || (expected.to_string(), got.to_string());
        let fail = |pair: &Self, kind: Kind| {
            let (e, g) = text();
            Err(pair.difference(kind, e, g))
        };
        let checked = self.program.options.bounds == Bounds::Check;
        let wraps = self.program.options.bounds == Bounds::Mask;
        match (expected, got) {
            (Outcome::Void(_), _) => return Ok(Next::Stop),
            // Where the stack ends is each engine's own affair, but its end is a trap, never a wild access.
            (Outcome::Trapped(TrapKind::StackExhausted), Outcome::Fault(_)) => {
                return fail(self, Kind::Fault);
            }
            (Outcome::Trapped(TrapKind::StackExhausted), _) => return Ok(Next::Stop),
            // What wraps stays inside of the memory's section, whatever the address.
            (Outcome::Trapped(TrapKind::OutOfBounds), Outcome::Fault(_)) if wraps => {
                return fail(self, Kind::Fault);
            }
            // Without checks an access outside of memory is the program's fault; what follows means nothing.
            (Outcome::Trapped(TrapKind::OutOfBounds), _) if !checked => return Ok(Next::Stop),
            (_, Outcome::Fault(_)) => return fail(self, Kind::Fault),
            // Before results, which an import's answer decides.
            _ if !self.same_imports() => {
                return Err(self.imports());
            }
            (Outcome::Returned(a), Outcome::Returned(b)) if a != b => {
                return fail(self, Kind::Result);
            }
            (Outcome::Trapped(a), Outcome::Trapped(b))
                if past_end(*a) != past_end(*b) && !on(Bug::CompareTrapKinds) =>
            {
                return fail(self, Kind::Trap);
            }
            (Outcome::Returned(_), Outcome::Returned(_))
            | (Outcome::Trapped(_), Outcome::Trapped(_)) => {}
            _ => return fail(self, Kind::Trap),
        }
        if compare_state {
            self.state()?;
        }
        match self.other.violations().as_slice() {
            [] => Ok(Next::Go),
            found => {
                Err(self.difference(Kind::Contract, "the contract kept".into(), found.join("; ")))
            }
        }
    }

    fn same_imports(&self) -> bool {
        let (a, mut b) = (self.reference.import_log(), self.other.import_log());
        if on(Bug::CompareImportCount) {
            b = &b[..b.len().min(a.len())];
        }
        a == b
    }

    fn imports(&self) -> Box<Difference> {
        let text = |log: &[u64]| format!("import calls {log:x?}");
        let (e, g) = (
            text(self.reference.import_log()),
            text(self.other.import_log()),
        );
        self.difference(Kind::Imports, e, g)
    }

    /// Globals and memory.
    fn state(&mut self) -> Result<(), Box<Difference>> {
        for &g in self.visible {
            let (a, b) = (self.reference.global(g), self.other.global(g));
            let half = on(Bug::CompareGlobalHalf) && a as u32 == b as u32;
            if a != b && !half {
                return Err(self.difference(
                    Kind::Global,
                    format!("global {g} is {a:#x}"),
                    format!("{b:#x}"),
                ));
            }
        }
        for t in self.program.info.visible_tables() {
            let (a, b) = (self.reference.table(t), self.other.table(t));
            if a != b {
                let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
                let text = |all: &[u32]| match all.get(at) {
                    Some(element) if a.len() == b.len() => {
                        format!("table {t} holds {element:#x} at {at}")
                    }
                    _ => format!("table {t} of {} elements", all.len()),
                };
                return Err(self.difference(Kind::Table, text(&a), text(&b)));
            }
        }
        for memory in 0..self.program.info.memories.len() {
            self.memory(memory)?;
        }
        Ok(())
    }

    fn memory(&mut self, memory: usize) -> Result<(), Box<Difference>> {
        let (mut a, mut b) = (self.reference.memory(memory), self.other.memory(memory));
        if on(Bug::CompareLastWord) && a.len() == b.len() {
            let end = a.len().saturating_sub(4);
            (a, b) = (&a[..end], &b[..end]);
        }
        if a == b {
            return Ok(());
        }
        let name = match memory {
            0 => "memory".to_owned(),
            n => format!("memory {n}"),
        };
        if a.len() != b.len() {
            let text = |m: &[u8]| match m.len() & 0xffff {
                0 => format!("{name} of {} pages", m.len() >> 16),
                _ => format!("{name} of {} bytes", m.len()),
            };
            let (e, g) = (text(a), text(b));
            return Err(self.difference(Kind::Memory, e, g));
        }
        let at = a.iter().zip(b).position(|(x, y)| x != y).unwrap_or(0);
        let end = (at + 8).min(a.len());
        let (e, g) = (
            format!("{name} at {at:#x}: {:02x?}", &a[at..end]),
            format!("{:02x?}", &b[at..end]),
        );
        Err(self.difference(Kind::Memory, e, g))
    }
}
