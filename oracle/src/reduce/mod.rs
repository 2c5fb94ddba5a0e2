//! The reducer: from a difference to a few operators.
//!
//! In: a case that differs. Out: a smaller case that differs in the same kind, with the reference's values. First the
//! options: no choices, list of passes or fuel that it does not need ([`simpler`]). Then the
//! steps: only the failing call if that is enough. Then whole expressions and statements by [`structure`], then wasm-shrink
//! takes away functions and sections, then edits over the operator sequence of [`edit`], smallest first, each kept only if the module still validates and
//! still differs. Last, the guilty rewrite is named by bisecting fuel ([`blame`]). Invariant: every accepted candidate was judged, so the result differs by construction.

pub mod blame;
mod carve;
pub mod edit;
mod simpler;
pub mod structure;
#[cfg(test)]
mod tests;

use crate::check::{Ask, Judge};
use crate::compare::{Difference, Kind, Step};
use crate::program::{Info, is_valid};
use crate::regression::Case;
use crate::seeds::cpu_seconds;
use blame::Guilty;
use edit::Module;
use thumbsmith::choices::Source;

/// A candidate: a module and what is done with it.
#[derive(Clone)]
pub struct Candidate {
    /// The module.
    pub wasm: Vec<u8>,
    /// The steps; the last one differs.
    pub steps: Vec<Step>,
}

/// Says whether a candidate still shows the difference.
pub type Test<'a> = &'a mut dyn FnMut(&Candidate) -> bool;

/// Random streams of decisions that are tried for each candidate.
const STREAMS: u64 = 6;
/// Attempts of wasm-shrink that may fail in a row.
const SHRINK_ATTEMPTS: u32 = 300;
/// CPU seconds after which the smallest candidate so far is good enough.
const LIMIT: f64 = 60.0;

/// Reduces a case that differs under `judge`.
///
/// # Errors
/// Text if the case does not differ, or the reference cannot give expectations.
pub fn reduce(judge: &mut Judge, case: &Case) -> Result<Case, String> {
    let found = cause(judge, case);
    judge.hurry(false);
    found.map(|c| c.case)
}

/// A reduced case, and what is guilty.
pub struct Cause {
    /// The case.
    pub case: Case,
    /// What differs in it.
    pub difference: Difference,
    /// The guilty pass, if what passes leave tells.
    pub pass: Option<String>,
    /// What breaks an invariant of the form that the guilty pass left, if that is what is wrong.
    pub broken: Option<String>,
    /// The guilty rewrite.
    pub guilty: Guilty,
    wanted: Wanted,
}

impl Cause {
    /// Whether the case still differs under other options.
    pub fn differs(&self, judge: &mut Judge, options: &thumbsmith::Options) -> bool {
        let candidate = Candidate {
            wasm: self.case.wasm.clone(),
            steps: self.case.steps.clone(),
        };
        differs(judge, options, &candidate, self.wanted)
    }
}

/// Reduces a case that differs, and names what is guilty. The judge stays in a hurry if the case shows in one: of a run
/// that does not end, whoever goes on with the case has to wait for many.
///
/// # Errors
/// As [`reduce`].
pub fn cause(judge: &mut Judge, case: &Case) -> Result<Cause, String> {
    let options = case.options.clone();
    let first = judge.judge("reduce", &case.wasm, &options, &case.steps, Ask::THOROUGH);
    let Err(report) = first else {
        return Err("the case does not differ".into());
    };
    let wanted = Wanted {
        kind: report.difference.kind,
        ask: Ask::who_noticed(&report.difference),
    };
    let first = Candidate {
        wasm: case.wasm.clone(),
        steps: report.steps.clone(),
    };
    // Unless it is about a long run itself.
    judge.hurry(true);
    let quick = differs(judge, &options, &first, wanted);
    judge.hurry(quick);
    let options = simpler::simpler(options, &mut |o| differs(judge, o, &first, wanted));
    let (mut small, mut options) = shrunk(judge, &first, &options, wanted);
    judge.hurry(false);
    // The simulator's patience is wall time: on a machine that is busy, a run that ends may have been given up.
    let shown = differs(judge, &options, &small, wanted);
    judge.hurry(quick && shown);
    if !shown {
        (small, options) = shrunk(judge, &first, &options, wanted);
    }
    // A small module may need less.
    let options = simpler::simpler(options, &mut |o| differs(judge, o, &small, wanted));
    let guilty = blame::guilty(judge, &options, &small, wanted);
    let expected = judge.expectations(&small.wasm, &options, &small.steps)?;
    let thorough = Ask::again(&report.difference);
    let last = judge.judge("reduce", &small.wasm, &options, &small.steps, thorough);
    let last = last.err().unwrap_or(report);
    // What is done after the guilty rewrite need not be looked through.
    let mut blamed = (*last).clone();
    if let Guilty::Rewrite { number, .. } = &guilty {
        blamed.options.fuel = Some(*number);
    }
    let (pass, broken) = judge.first_wrong(&blamed).unzip();
    let broken = broken.flatten();
    let case = Case {
        found_by: case.found_by.clone(),
        guilty: match &pass {
            Some(pass) => format!("{pass}: {guilty}"),
            None => guilty.to_string(),
        },
        options,
        text: wasmprinter::print_bytes(&small.wasm).map_err(|e| e.to_string())?,
        wasm: small.wasm,
        steps: small.steps,
        expected,
    };
    Ok(Cause {
        case,
        difference: last.difference,
        pass,
        broken,
        guilty,
        wanted,
    })
}

/// A small candidate, and the options under which it differs.
fn shrunk(
    judge: &mut Judge,
    first: &Candidate,
    options: &thumbsmith::Options,
    wanted: Wanted,
) -> (Candidate, thumbsmith::Options) {
    let mut options = options.clone();
    let mut test = |c: &Candidate| {
        let found = streams(&options)
            .into_iter()
            .find(|o| differs(judge, o, c, wanted));
        if let Some(found) = found {
            options = found;
            return true;
        }
        false
    };
    let small = shrink(first.clone(), &mut test);
    (small, options)
}

/// The options, and where decisions come from a random stream, with others: a smaller module asks for other decisions, so
/// that the same stream means something else.
fn streams(options: &thumbsmith::Options) -> Vec<thumbsmith::Options> {
    let mut all = vec![options.clone()];
    if let Source::Seed(seed) = options.choices {
        all.extend((1..STREAMS).map(|n| thumbsmith::Options {
            choices: Source::Seed(seed.wrapping_add(n)),
            ..options.clone()
        }));
    }
    all
}

/// What must show, and who has to be asked for it.
#[derive(Clone, Copy)]
struct Wanted {
    kind: Kind,
    ask: Ask,
}

/// Whether a candidate differs in this kind. A candidate that the compiler refuses does not count, unless being
/// refused is what is reduced.
fn differs(
    judge: &mut Judge,
    options: &thumbsmith::Options,
    c: &Candidate,
    wanted: Wanted,
) -> bool {
    match judge.judge("reduce", &c.wasm, options, &c.steps, wanted.ask) {
        Err(report) => report.difference.kind == wanted.kind,
        Ok(()) => false,
    }
}

/// All passes in order, the last ones until nothing changes any more.
pub fn shrink(mut best: Candidate, test: Test<'_>) -> Candidate {
    let deadline = cpu_seconds() + LIMIT;
    fewer_steps(&mut best, test);
    only_needed_exports(&mut best, test);
    loop {
        let before = best.wasm.len();
        let steps = best.steps.len();
        // Again after the edits: what they cut loose (imports, types, functions) it takes away.
        carve::carve(&mut best, test);
        structured(&mut best, test, deadline);
        generic(&mut best, test, deadline);
        carve::endings(&mut best, test, deadline);
        edits(&mut best, test, deadline);
        fewer_steps(&mut best, test);
        only_needed_exports(&mut best, test);
        let same = best.wasm.len() == before && best.steps.len() == steps;
        if same || cpu_seconds() > deadline {
            return best;
        }
    }
}

/// Drops steps: all but the last, then halves, then one by one.
fn fewer_steps(best: &mut Candidate, test: Test<'_>) {
    let mut size = best.steps.len().saturating_sub(1);
    while size > 0 {
        let mut at = 0;
        while at + size < best.steps.len() {
            let mut steps = best.steps.clone();
            steps.drain(at..at + size);
            let candidate = Candidate {
                wasm: best.wasm.clone(),
                steps,
            };
            if test(&candidate) {
                *best = candidate;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

/// The steps of a candidate said by export name, so that exports may be renumbered.
fn renumber(old: &Info, new: &Info, steps: &[Step]) -> Option<Vec<Step>> {
    let step = |step: &Step| match step {
        Step::Call(export, args) => {
            let name = &old.exports.get(*export)?.name;
            let at = new.export_named(name)?;
            (new.exports[at].sig.params.len() == args.len()).then(|| Step::Call(at, args.clone()))
        }
        Step::Set(global, value) => new
            .settable_globals()
            .contains(global)
            .then_some(Step::Set(*global, *value)),
    };
    steps.iter().map(step).collect()
}

fn with_module(best: &Candidate, wasm: Vec<u8>) -> Option<Candidate> {
    if !is_valid(&wasm) {
        return None;
    }
    let steps = renumber(
        &Info::read(&best.wasm).ok()?,
        &Info::read(&wasm).ok()?,
        &best.steps,
    )?;
    Some(Candidate { wasm, steps })
}

fn accept(best: &mut Candidate, wasm: Vec<u8>, test: Test<'_>) -> bool {
    match with_module(best, wasm) {
        Some(candidate) if test(&candidate) => {
            *best = candidate;
            true
        }
        _ => false,
    }
}

/// Drops exports that no step calls.
fn only_needed_exports(best: &mut Candidate, test: Test<'_>) {
    let (Ok(info), Some(mut module)) = (Info::read(&best.wasm), Module::read(&best.wasm)) else {
        return;
    };
    let called = |index: usize| {
        best.steps
            .iter()
            .any(|s| matches!(s, Step::Call(e, _) if *e == index))
    };
    let names: Vec<String> = (0..info.exports.len())
        .filter(|i| called(*i))
        .map(|i| info.exports[i].name.clone())
        .collect();
    module.keep_function_exports(&names);
    let wasm = module.encode();
    if wasm.len() < best.wasm.len() {
        accept(best, wasm, test);
    }
}

/// The generic shrinker: strong at whole functions, sections and dead weight.
fn generic(best: &mut Candidate, test: Test<'_>, deadline: f64) {
    let start = best.clone();
    let mut smallest = start.clone();
    let mut interesting = |wasm: &[u8]| match with_module(&start, wasm.to_vec()) {
        Some(candidate) if cpu_seconds() < deadline && test(&candidate) => {
            if candidate.wasm.len() < smallest.wasm.len() {
                smallest = candidate;
            }
            true
        }
        _ => false,
    };
    // Its only errors are about the input: an unreducible module stays as it is.
    let _ = wasm_shrink::WasmShrink::default()
        .attempts(SHRINK_ATTEMPTS)
        .allow_empty(true)
        .run(start.wasm.clone(), |wasm| Ok(interesting(wasm)));
    *best = smallest;
}

/// Whole expressions and statements, largest first, until none can go.
fn structured(best: &mut Candidate, test: Test<'_>, deadline: f64) {
    let mut at = 0;
    loop {
        let Some(module) = Module::read(&best.wasm) else {
            return;
        };
        let all = structure::segments(&best.wasm);
        let mut changed = false;
        while at < all.len() && !changed {
            if cpu_seconds() > deadline {
                return;
            }
            changed = module
                .replaced(&all[at])
                .into_iter()
                .any(|next| accept(best, next.encode(), test));
            at += usize::from(!changed);
        }
        if !changed {
            return;
        }
    }
}

/// Edits of single functions and of the module around them, until none helps.
fn edits(best: &mut Candidate, test: Test<'_>, deadline: f64) {
    let Some(mut module) = Module::read(&best.wasm) else {
        return;
    };
    let mut at = 0;
    while let Some(next) = module.edited(at) {
        if cpu_seconds() > deadline {
            return;
        }
        let wasm = next.encode();
        // An edit must make progress by the module's own measure, so the search ends.
        if next.weight() < module.weight() && accept(best, wasm, test) {
            // Positions behind the edit have moved up: stay here.
            module = next;
        } else {
            at += 1;
        }
    }
    shrink_arguments(best, test);
}

/// Small arguments instead of large ones.
fn shrink_arguments(best: &mut Candidate, test: Test<'_>) {
    for step in 0..best.steps.len() {
        let Step::Call(_, args) = best.steps[step].clone() else {
            continue;
        };
        for (i, old) in args.iter().enumerate() {
            for value in [0, 1, 2, old & 0xff, old & 0xffff, old & 0xffff_ffff] {
                let Step::Call(export, now) = best.steps[step].clone() else {
                    break;
                };
                if value >= now[i] {
                    continue;
                }
                let mut candidate = best.clone();
                let mut smaller = now;
                smaller[i] = value;
                candidate.steps[step] = Step::Call(export, smaller);
                if test(&candidate) {
                    *best = candidate;
                    break;
                }
            }
        }
    }
}
