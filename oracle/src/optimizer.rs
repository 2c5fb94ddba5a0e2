//! The optimizer judged by itself: modules of IR that no WebAssembly was translated to.
//!
//! In: bytes. Out: nothing, or what is wrong. The bytes make a module ([`crate::irgen`]), options with any choices, any set of
//! optimizations left out and any legal list of passes, and arguments. What each pass leaves is verified by the compiler
//! and executed by the interpreter; it must do what the module did before the first pass: results, traps,
//! imports, memory, globals. Invariant: nothing of translation or of the backend is asked, so a difference is the
//! fault of a pass over IR, of the interpreter, or of what folding and interpreter share.

use crate::compare::{Step, Tally, lockstep};
use crate::generate::chaos;
use crate::generate::draw::Draw;
use crate::irgen;
use crate::program::{ExportFn, Global, ImportFn, Info, MemoryInfo, Program, Sig, Ty};
use crate::stage::StageEngine;
use thumbsmith::ir::{self, Module};
use thumbsmith::{Level, Options, stages};

/// More rewrites than a module of the oracle's makes.
const MOST: u64 = 1 << 20;
/// Calls of each function.
const CALLS: usize = 8;

/// Judges what every pass over IR makes of the module that the bytes mean. Returns how many calls were compared.
///
/// # Errors
/// Text that names the pass, and says what differs.
pub fn judge(bytes: &[u8]) -> Result<u64, String> {
    judge_within(bytes, None)
}

/// The rewrite with which the module of these bytes goes wrong, and without which it does not; `None` if it goes wrong without
/// any.
pub fn guilty(bytes: &[u8]) -> Option<&'static str> {
    if judge_within(bytes, Some(0)).is_err() {
        return None;
    }
    let mut wrong = 1;
    while judge_within(bytes, Some(wrong)).is_ok() {
        wrong = wrong.checked_mul(2).filter(|n| *n <= MOST)?;
    }
    let mut right = wrong / 2;
    while wrong - right > 1 {
        let middle = right + (wrong - right) / 2;
        match judge_within(bytes, Some(middle)) {
            Ok(_) => right = middle,
            Err(_) => wrong = middle,
        }
    }
    let mut draw = Draw::new(bytes);
    let options = Options {
        fuel: Some(wrong),
        // What a verifier refuses is named too.
        verify: false,
        ..options(&mut draw)
    };
    stages::after_each(irgen::module(&mut draw), &options)
        .ok()?
        .1
}

/// As [`judge`], with at most so many rewrites instead of what the bytes say.
fn judge_within(bytes: &[u8], fuel: Option<u64>) -> Result<u64, String> {
    let mut draw = Draw::new(bytes);
    let mut options = options(&mut draw);
    options.fuel = fuel.or(options.fuel);
    let module = irgen::module(&mut draw);
    let info = surface(&module);
    let steps = steps(&mut draw, &info);
    let text = crate::regression::options_text(&options);
    let mut all = stages::after_each(module, &options)
        .map_err(|e| format!("{e} ({text})"))?
        .0
        .into_iter();
    let program = Program {
        wasm: Vec::new(),
        info,
        object: Vec::new(),
        options,
        memory_limit: None,
    };
    let load = |between| {
        let mut engine = StageEngine::with(between);
        crate::engine::Engine::load(&mut engine, &program).map(|()| engine)
    };
    let first = all.next().ok_or("nothing before the first pass")?;
    let mut before = load(first)?;
    let mut tally = Tally::default();
    for between in all {
        let (pass, shown) = (between.pass, shown(&between.module));
        let mut engine = load(between)?;
        lockstep(
            &program,
            &steps,
            &mut before,
            &mut [&mut engine],
            &mut tally,
        )
        .map_err(|d| {
            let step = d.step.map(|s| &steps[s]);
            let (kind, expected, got) = (d.kind.name(), d.expected, d.got);
            format!("{pass}: {kind} at {step:x?}: {expected}, then {got} ({text})\n{shown}")
        })?;
    }
    match tally.executions {
        0 => Err(format!("nothing was compared ({text})")),
        n => Ok(n),
    }
}

/// The functions of a module as text, for a report.
fn shown(module: &Module) -> String {
    let bodies = module.funcs.iter().enumerate();
    let bodies = bodies.filter_map(|(i, f)| Some((i, f.body.as_ref()?)));
    bodies
        .map(|(i, f)| ir::text::function(f, &format!("f{i}"), true))
        .collect()
}

fn options(draw: &mut Draw<'_>) -> Options {
    let base = Options {
        level: draw.pick(&Level::ALL),
        name: "m".into(),
        verify: true,
        ..Options::default()
    };
    chaos::options(draw, base)
}

fn sig(kind: &ir::FuncType) -> Sig {
    let list = |types: &[ir::Ty]| types.iter().copied().map(Ty::of).collect();
    Sig {
        params: list(&kind.params),
        results: list(&kind.results),
    }
}

/// What is seen of a module from outside.
fn surface(module: &Module) -> Info {
    let mut info = Info::default();
    for (i, f) in module.funcs.iter().enumerate() {
        match &f.import {
            Some(import) => info.imports.push(ImportFn {
                module: import.module.clone(),
                field: import.field.clone(),
                sig: sig(&f.ty),
            }),
            None => info.defined += 1,
        }
        if f.import.is_none() {
            let exports = f.exports.iter().map(|name| ExportFn {
                name: name.clone(),
                func: i as u32,
                sig: sig(&f.ty),
            });
            info.exports.extend(exports);
        }
    }
    info.globals = module
        .globals
        .iter()
        .map(|g| Global {
            ty: Ty::of(g.ty),
            mutable: g.mutable,
            import: g
                .import
                .as_ref()
                .map(|i| (i.module.clone(), i.field.clone())),
            export: g.exports.first().cloned(),
            reference: false,
        })
        .collect();
    let memory = |m: &thumbsmith::ir::Memory| MemoryInfo {
        import: None,
        page_log2: m.page_log2,
        min: u64::from(m.min_pages),
        max: Some(u64::from(m.max_pages)),
        exported: true,
    };
    info.memories = module.memories.iter().map(memory).collect();
    info
}

fn steps(draw: &mut Draw<'_>, info: &Info) -> Vec<Step> {
    // Modules use up the bytes; arguments come from what they were, so that they are never all zero.
    let seed = draw.bits() ^ info.exports.len() as u64;
    let bytes = crate::random::Random::new(seed).bytes(info.exports.len() * CALLS * 64);
    let mut draw = Draw::new(&bytes);
    let mut steps = Vec::new();
    for (export, function) in info.exports.iter().enumerate() {
        for _ in 0..CALLS {
            let value = |ty: &Ty| match ty {
                Ty::I32 => u64::from(draw.word()),
                Ty::I64 => draw.long(),
                Ty::F32 => draw.single().into(),
                Ty::F64 => draw.double(),
            };
            let args = function.sig.params.iter().map(value).collect();
            steps.push(Step::Call(export, args));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_every_pass_leaves_does_the_same() {
        let mut compared = 0;
        for seed in 0..400 {
            let bytes = Random::new(seed).bytes(200 + seed as usize % 1500);
            compared += judge(&bytes).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        assert!(compared > 20_000, "only {compared} calls were compared");
        judge(&[]).expect("no bytes are a module too");
    }
}
