//! The failing call, instruction by instruction, beside the same call of code that is right.
//!
//! In: a reduced case, and options under which it is right. Out: a [`Trace`], with the first instruction marked after which the
//! two differ: in what the outside sees (stores, imports, traps), or, while the code of both is the same, in a
//! register. Where no options are right, what is marked is the last instruction that wrote what is not as the reference has it.
//! Invariant: both runs start from the same memory, globals and junk in registers.

use crate::arm::link::Image;
use crate::arm::machine::Machine;
use crate::arm::tracer::{Line, Tracer};
use crate::arm::unicorn::UnicornCore;
use crate::arm::{Core, PC, Regs};
use crate::compare::{Difference, Kind, Step};
use crate::engine::Engine;
use crate::program::{Info, Program};
use crate::regression::Case;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use thumbsmith::backend::symbols;
use thumbsmith::isa::{Class, Reg};
use thumbsmith::{Options, pipeline};

/// Instructions after which a run counts as endless.
const LIMIT: u64 = 2_000_000;
/// Lines shown before and after the mark.
const AROUND: usize = 24;

/// Wall time after which a watched run of unicorn counts as endless.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// One run.
struct Run {
    lines: Vec<Line>,
    outcome: String,
    places: Places,
}

/// Where instructions stand: by address, the function's name, and the offset of the wasm operator.
struct Places {
    functions: BTreeMap<u32, String>,
    operators: BTreeMap<u32, u32>,
}

/// A trace with its mark.
pub struct Trace {
    run: Run,
    /// The line at which it leaves the right one.
    mark: Option<usize>,
    /// Why there.
    why: String,
    /// Whether a run that is right says so; else only the reference's answer does.
    compared: bool,
    /// How the right run ended.
    right: String,
}

/// The trace of the last call of a case, or of its initialization; `None` if the case does not link.
pub(super) fn of(case: &Case, difference: &Difference, healthy: &Options) -> Option<Trace> {
    let wrong = run(case, &case.options)?;
    let right = run(case, healthy)?;
    let found = first_difference(&wrong, &right);
    let compared = found.is_some();
    let (mark, why) = found.unwrap_or_else(|| last_written(&wrong, difference));
    Some(Trace {
        mark,
        why,
        compared,
        right: match compared {
            true => right.outcome,
            false => format!("{} (by the reference)", difference.expected),
        },
        run: wrong,
    })
}

/// The trace of the last call of a case whose simulators disagree: marked at the first instruction after which unicorn has
/// other registers than the executor, or goes elsewhere. `None` if the case has no call or does not link.
pub(super) fn lockstep(case: &Case) -> Option<Trace> {
    let ours = run(case, &case.options)?;
    let program = program(case, &case.options)?;
    let (core, seen) = UnicornCore::watched(case.options.cpu, TIME_LIMIT).ok()?;
    let mut machine = Machine::new(core);
    machine.load(&program).ok()?;
    let right = take_steps(case, &mut machine, |_| seen.borrow_mut().clear());
    let (mark, why) = parted(&ours.lines, &seen.borrow());
    Some(Trace {
        mark,
        why,
        compared: true,
        right,
        run: ours,
    })
}

/// The line of the executor after which unicorn's registers are not the same.
fn parted(lines: &[Line], seen: &[Regs]) -> (Option<usize>, String) {
    for (i, (line, theirs)) in lines.iter().zip(seen).enumerate() {
        let before = i.saturating_sub(1);
        if line.pc != theirs[PC] {
            return (Some(before), format!("unicorn goes to {:#x}", theirs[PC]));
        }
        if let Some((reg, value)) = line.before.changes(theirs).first() {
            return (Some(before), format!("unicorn has {reg}={value:#x}"));
        }
    }
    let last = lines.len().min(seen.len()).checked_sub(1);
    (last, "registers are the same in both up to here".into())
}

fn program(case: &Case, options: &Options) -> Option<Program> {
    Some(Program {
        wasm: case.wasm.clone(),
        info: Info::read(&case.wasm).ok()?,
        object: thumbsmith::compile(&case.wasm, options).ok()?.object,
        options: options.clone(),
        memory_limit: None,
    })
}

/// Initializes and takes the steps of a case; `fresh` is told before each call. How the last one ended.
fn take_steps<C: Core>(
    case: &Case,
    machine: &mut Machine<C>,
    mut fresh: impl FnMut(&mut C),
) -> String {
    let mut outcome = machine.instantiate().to_string();
    for step in &case.steps {
        match step {
            Step::Set(global, value) => machine.set_global(*global, *value),
            Step::Call(export, args) => {
                fresh(machine.core_mut());
                outcome = machine.call(*export, args).to_string();
            }
        }
    }
    outcome
}

fn run(case: &Case, options: &Options) -> Option<Run> {
    let compiled = pipeline::compile(&case.wasm, options, None, true).ok()?;
    let program = program(case, options)?;
    let mut machine = Machine::new(Tracer::new(options.cpu, LIMIT));
    machine.load(&program).ok()?;
    let outcome = take_steps(case, &mut machine, |core| core.lines.clear());
    let places = places(machine.image(), &compiled, options);
    Some(Run {
        lines: std::mem::take(&mut machine.core_mut().lines),
        outcome,
        places,
    })
}

fn places(image: &Image, compiled: &pipeline::Compiled, options: &Options) -> Places {
    let mut operators = BTreeMap::new();
    for (kind, code) in &compiled.functions {
        let name = symbols::text(kind, &compiled.module, &options.name);
        let start = image.functions.iter().find(|(_, n)| **n == name);
        let Some((start, _)) = start else { continue };
        for (at, operator, _) in &code.listing {
            operators.insert(start + at, *operator);
        }
    }
    Places {
        functions: image.functions.clone(),
        operators,
    }
}

impl Places {
    /// `function+offset`.
    fn name(&self, pc: u32) -> String {
        match self.functions.range(..=pc).next_back() {
            Some((start, name)) => format!("{name}+{:#x}", pc - start),
            None => format!("{pc:#x}"),
        }
    }
}

/// The first line of `wrong` after which it is not as `right`, and why; nothing if both do the same.
fn first_difference(wrong: &Run, right: &Run) -> Option<(Option<usize>, String)> {
    // While both execute the same code, registers tell the most.
    let same = |a: &Line, b: &Line| a.text == b.text;
    for (i, (a, b)) in wrong.lines.iter().zip(&right.lines).enumerate() {
        if !same(a, b) {
            break;
        }
        if a.changes != b.changes || a.effect != b.effect {
            return Some((Some(i), "the same instruction gives something else".into()));
        }
    }
    let (a, b) = (effects(wrong), effects(right));
    for (k, (line, what)) in a.iter().enumerate() {
        match b.get(k) {
            Some((_, expected)) if expected == what => {}
            Some((_, expected)) => return Some((Some(*line), format!("right is: {expected}"))),
            None => return Some((Some(*line), "right does nothing more".into())),
        }
    }
    let last = wrong.lines.len().checked_sub(1);
    if let Some((_, expected)) = b.get(a.len()) {
        return Some((last, format!("right goes on to: {expected}")));
    }
    (wrong.outcome != right.outcome).then(|| {
        (
            last_definition(wrong).or(last),
            "the value that is returned comes from here".into(),
        )
    })
}

/// What others see of a run: lines, and what each does.
fn effects(run: &Run) -> Vec<(usize, &str)> {
    let all = run.lines.iter().enumerate();
    all.filter_map(|(i, l)| Some((i, l.effect.as_deref()?)))
        .collect()
}

/// The last line that wrote what the reference has otherwise, or at which the run ended, and why it is that one; no line where a
/// check speaks of code that need not run.
fn last_written(wrong: &Run, d: &Difference) -> (Option<usize>, String) {
    let last = wrong.lines.len().checked_sub(1);
    let stored = |into: &str| {
        let mut all = effects(wrong).into_iter();
        all.rfind(|(_, what)| what.starts_with(into)).map(|e| e.0)
    };
    let (line, what) = match d.kind {
        Kind::Result => (last_definition(wrong), "what is returned comes from here"),
        Kind::Memory => (stored("Linear"), "memory was last written here"),
        Kind::Global | Kind::Table | Kind::Contract => {
            (stored("Ram"), "data was last written here")
        }
        Kind::Trap | Kind::Fault | Kind::Imports => (last, "this is where it ends"),
        Kind::Compiler | Kind::Refused | Kind::Link | Kind::Static => {
            return (None, "a check failed, and both runs do the same".into());
        }
    };
    let why = format!("no options are right; {what}, right is: {}", d.expected);
    (line.or(last), why)
}

/// The last line that changes a register in which one result may be: where it was made.
fn last_definition(run: &Run) -> Option<usize> {
    let single = |r: Reg| r.number(Class::Single);
    let home = |r: Reg| r.0 < 2 || single(r).is_some_and(|n| n < 2);
    let makes = |l: &Line| l.changes.iter().any(|(r, _)| home(*r));
    run.lines.iter().rposition(makes)
}

impl Trace {
    /// The mnemonic of the marked instruction, if a run that is right shows that it is the first that differs.
    pub fn marked_mnemonic(&self) -> Option<&str> {
        let mark = self.mark.filter(|_| self.compared)?;
        let text = &self.run.lines.get(mark)?.text;
        text.split_whitespace().next()
    }

    /// The trace as text: all of it, or only so many lines around the mark.
    pub fn print(&self, around: Option<usize>) -> String {
        let mark = self.mark.unwrap_or(0);
        let (from, to) = match around {
            Some(n) => (
                mark.saturating_sub(n),
                (mark + n + 1).min(self.run.lines.len()),
            ),
            None => (0, self.run.lines.len()),
        };
        let mut out = format!(
            "{} instructions; ended: {}; right: {}\n",
            self.run.lines.len(),
            self.run.outcome,
            self.right
        );
        for (i, l) in self.run.lines.iter().enumerate().take(to).skip(from) {
            let sign = if Some(i) == self.mark { "=>" } else { "  " };
            let place = self.run.places.name(l.pc);
            let operator = match self.run.places.operators.get(&l.pc) {
                Some(0) | None => String::new(),
                Some(offset) => format!("  @ wasm {offset:#x}"),
            };
            let mut changes = String::new();
            for (r, value) in &l.changes {
                let _ = write!(changes, " {r}={value:#x}");
            }
            let effect = l
                .effect
                .as_ref()
                .map_or(String::new(), |e| format!(" [{e}]"));
            let _ = writeln!(
                out,
                "{sign} {place:24} {:32}{changes}{effect}{operator}",
                l.text
            );
            if Some(i) == self.mark {
                let what = match self.compared {
                    true => "first difference: ",
                    false => "",
                };
                let _ = writeln!(out, "   ^ {what}{}", self.why);
            }
        }
        out
    }

    /// The lines around the mark.
    pub(super) fn excerpt(&self) -> String {
        self.print(Some(AROUND))
    }
}
