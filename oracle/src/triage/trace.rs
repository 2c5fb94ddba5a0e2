//! The failing call, instruction by instruction, beside the same call of code that is right.
//!
//! In: a reduced case, and options under which it is right. Out: a [`Trace`], with the first instruction marked after which the
//! two differ: in what the outside sees (stores, imports, traps), or, while the code of both is the same, in a
//! register. Invariant: both runs start from the same memory, globals and junk in registers.

use crate::arm::link::Image;
use crate::arm::machine::Machine;
use crate::arm::tracer::{Line, Tracer};
use crate::compare::Step;
use crate::engine::Engine;
use crate::program::{Info, Program};
use crate::regression::Case;
use std::collections::BTreeMap;
use std::fmt::Write;
use thumbsmith::backend::symbols;
use thumbsmith::{Options, pipeline};

/// Instructions after which a run counts as endless.
const LIMIT: u64 = 2_000_000;
/// Lines shown before and after the mark.
const AROUND: usize = 24;

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
    /// How the right run ended.
    right: String,
}

/// The trace of the last call of a case; `None` if the case has no call, or does not link.
pub(super) fn of(case: &Case, healthy: &Options) -> Option<Trace> {
    let wrong = run(case, &case.options)?;
    let right = run(case, healthy)?;
    let (mark, why) = first_difference(&wrong, &right);
    Some(Trace {
        mark,
        why,
        right: right.outcome,
        run: wrong,
    })
}

fn run(case: &Case, options: &Options) -> Option<Run> {
    let compiled = pipeline::compile(&case.wasm, options, None, true).ok()?;
    let output = thumbsmith::compile(&case.wasm, options).ok()?;
    let program = Program {
        wasm: case.wasm.clone(),
        info: Info::read(&case.wasm).ok()?,
        object: output.object,
        options: options.clone(),
        memory_limit: None,
    };
    let mut machine = Machine::new(Tracer::new(options.cpu, LIMIT));
    machine.load(&program).ok()?;
    let mut outcome = machine.instantiate().to_string();
    for step in &case.steps {
        match step {
            Step::Set(global, value) => machine.set_global(*global, *value),
            Step::Call(export, args) => {
                machine.core_mut().lines.clear();
                outcome = machine.call(*export, args).to_string();
            }
        }
    }
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

/// The first line of `wrong` after which it is not as `right`.
fn first_difference(wrong: &Run, right: &Run) -> (Option<usize>, String) {
    // While both execute the same code, registers tell the most.
    let same = |a: &Line, b: &Line| a.text == b.text;
    for (i, (a, b)) in wrong.lines.iter().zip(&right.lines).enumerate() {
        if !same(a, b) {
            break;
        }
        if a.changes != b.changes || a.effect != b.effect {
            return (Some(i), "the same instruction gives something else".into());
        }
    }
    let effects = |run: &Run| -> Vec<(usize, String)> {
        let all = run.lines.iter().enumerate();
        all.filter_map(|(i, l)| Some((i, l.effect.clone()?)))
            .collect()
    };
    let (a, b) = (effects(wrong), effects(right));
    for (k, (line, what)) in a.iter().enumerate() {
        match b.get(k) {
            Some((_, expected)) if expected == what => {}
            Some((_, expected)) => return (Some(*line), format!("right is: {expected}")),
            None => return (Some(*line), "right does nothing more".into()),
        }
    }
    let last = wrong.lines.len().checked_sub(1);
    if let Some((_, expected)) = b.get(a.len()) {
        return (last, format!("right goes on to: {expected}"));
    }
    if wrong.outcome == right.outcome {
        return (None, "both runs do the same".into());
    }
    (
        last_definition(wrong).or(last),
        "the value that is returned comes from here".into(),
    )
}

/// The last line that changes r0 or r1: where the result was made.
fn last_definition(run: &Run) -> Option<usize> {
    let makes = |l: &Line| l.changes.iter().any(|(r, _)| *r < 2);
    run.lines.iter().rposition(makes)
}

impl Trace {
    /// The mnemonic of the marked instruction.
    pub fn marked_mnemonic(&self) -> Option<&str> {
        let text = &self.run.lines.get(self.mark?)?.text;
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
                let _ = write!(changes, " r{r}={value:#x}");
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
                let _ = writeln!(out, "   ^ first difference: {}", self.why);
            }
        }
        out
    }

    /// The lines around the mark.
    pub(super) fn excerpt(&self) -> String {
        self.print(Some(AROUND))
    }
}
