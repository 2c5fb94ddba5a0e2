//! Large steps of the reducer, over a whole function: one expression is all that is left of it, a local is what it was set to,
//! a parameter is its argument.
//!
//! In: a candidate and a test. Out: the candidate after every step that the test admits. Invariant: as everywhere in the
//! reducer, a step is kept only if the module validates and the test still holds; types and numbers of locals are changed
//! together with everything that names them.

use super::edit::Module;
use super::structure::{self, Segment};
use super::{Candidate, Test, renumber};
use crate::compare::Step;
use crate::program::{Info, is_valid};
use crate::seeds::cpu_seconds;

/// All large steps, each as often as it helps.
pub(super) fn carve(best: &mut Candidate, test: Test<'_>) {
    alone(best, test);
    parameters(best, test);
    unused(best, test);
}

/// The body that the last call runs, among those of the module.
fn called(best: &Candidate) -> Option<(usize, u32)> {
    let info = Info::read(&best.wasm).ok()?;
    let Some(Step::Call(export, _)) = best.steps.last() else {
        return None;
    };
    let func = info.exports.get(*export)?.func;
    let body = (func as usize).checked_sub(info.imports.len())?;
    Some((body, func))
}

fn accept(best: &mut Candidate, module: &Module, steps: Vec<Step>, test: Test<'_>) -> bool {
    let wasm = module.encode();
    if !is_valid(&wasm) {
        return false;
    }
    let next = Candidate { wasm, steps };
    let better = test(&next);
    if better {
        *best = next;
    }
    better
}

/// The steps, as the exports of another module number them.
fn steps_of(best: &Candidate, module: &Module) -> Option<Vec<Step>> {
    let wasm = module.encode();
    renumber(
        &Info::read(&best.wasm).ok()?,
        &Info::read(&wasm).ok()?,
        &best.steps,
    )
}

/// The smallest expression of the called function that shows the difference by itself is all of the function.
fn alone(best: &mut Candidate, test: Test<'_>) {
    let (Some((body, func)), Some(module)) = (called(best), Module::read(&best.wasm)) else {
        return;
    };
    let mut all: Vec<Segment> = structure::segments(&best.wasm);
    all.retain(|s| s.body == body && s.ty.is_some() && s.to - s.from > 1);
    all.sort_by_key(|s| s.to - s.from);
    for segment in &all {
        let Some(next) = module.only(segment, func) else {
            continue;
        };
        if next.weight() >= module.weight() {
            continue;
        }
        let Some(steps) = steps_of(best, &next) else {
            continue;
        };
        if accept(best, &next, steps, test) {
            return;
        }
    }
}

/// Functions end where nothing behind matters any more.
pub(super) fn endings(best: &mut Candidate, test: Test<'_>, deadline: f64) {
    let Some(mut module) = Module::read(&best.wasm) else {
        return;
    };
    for body in 0..module.bodies() {
        let mut at = 0;
        while cpu_seconds() < deadline
            && let Some(next) = module.ended(body, at)
        {
            let steps = best.steps.clone();
            if next.weight() < module.weight() && accept(best, &next, steps, test) {
                module = next;
                break;
            }
            at += 1;
        }
    }
}

/// Parameters that are constants: those of the last call.
fn parameters(best: &mut Candidate, test: Test<'_>) {
    let Some((body, _)) = called(best) else {
        return;
    };
    let Some(Step::Call(_, args)) = best.steps.last().cloned() else {
        return;
    };
    for (local, value) in args.iter().enumerate() {
        let Some(module) = Module::read(&best.wasm) else {
            return;
        };
        let Some(next) = module.with_constant(body, local as u32, *value) else {
            continue;
        };
        let steps = best.steps.clone();
        accept(best, &next, steps, test);
    }
}

/// Parameters and locals that nothing names.
fn unused(best: &mut Candidate, test: Test<'_>) {
    let Some((body, func)) = called(best) else {
        return;
    };
    let Some(Step::Call(export, args)) = best.steps.last().cloned() else {
        return;
    };
    for local in (0..args.len()).rev() {
        let Some(module) = Module::read(&best.wasm) else {
            return;
        };
        let Some(next) = module.without_parameter(body, func, local as u32) else {
            continue;
        };
        let fewer = |step: &Step| match step {
            Step::Call(e, args) if *e == export && local < args.len() => {
                let mut args = args.clone();
                args.remove(local);
                Step::Call(*e, args)
            }
            Step::Call(..) | Step::Set(..) => step.clone(),
        };
        let steps = best.steps.iter().map(fewer).collect();
        accept(best, &next, steps, test);
    }
    let mut at = 0;
    while let Some(module) = Module::read(&best.wasm) {
        let Some(params) = module.params(func) else {
            return;
        };
        if at >= module.locals(body) {
            return;
        }
        let steps = best.steps.clone();
        let next = module.without_local(body, params as u32, at as u32);
        let gone = next.is_some_and(|next| accept(best, &next, steps, test));
        at += usize::from(!gone);
    }
}
