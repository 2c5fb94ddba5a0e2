//! The checks: bytes or a module in, verdict out. Fuzz targets, the hunt, the tests and the command all call these.
//!
//! A [`Judge`] holds long-lived engines: one reference, two machines for each CPU; it belongs to one thread. Samples
//! are given to the interpreter of the IR too, and a difference is blamed on a pass by it. Every object goes to the
//! static judge before it runs.
//! Invariant: a panic of the compiler is a difference like any other, not the end of the hunt.

use crate::arm::executor::ExecutorCore;
use crate::arm::machine::Machine;
use crate::arm::staged::StageCore;
use crate::arm::unicorn::UnicornCore;
pub use crate::case::{CALLS, Case, Setup};
use crate::compare::{Difference, Kind, Step, Tally, lockstep};
pub use crate::counts::Counts;
pub use crate::direct::Direct;
use crate::encoding;
use crate::engine::{Engine, Outcome};
use crate::program::{Info, Program};
use crate::qemu;
use crate::reference::Reference;
pub use crate::report::Report;
use crate::stage::{self, StageEngine};
use crate::statics::StaticJudge;
use crate::statistics::Seen;
pub use crate::voice::Voice;
use rustc_hash::FxHasher;
use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Once};
use std::time::Duration;
use thumbsmith::{Cpu, ErrorKind, Options, TrapKind, pipeline, stages};

/// What a check found.
pub type Verdict = Result<(), Box<Report>>;

/// After how much a run counts as endless.
struct Patience {
    /// Operators of the reference, where nothing else bounds them.
    fuel: u64,
    /// Wall time of unicorn.
    time: Duration,
    /// Instructions of the executor, nodes of the interpreter.
    steps: u64,
}

/// That of a judge who has time.
const PATIENT: Patience = Patience {
    fuel: 20_000_000,
    time: Duration::from_secs(2),
    steps: 30_000_000,
};

/// That of a judge in a hurry.
const HURRIED: Patience = Patience {
    fuel: 500_000,
    time: Duration::from_millis(30),
    steps: 1_000_000,
};

/// The voices that run emitted code for one CPU.
struct Machines {
    cpu: Cpu,
    unicorn: Machine<UnicornCore>,
    executor: Machine<ExecutorCore>,
}

impl Machines {
    fn give(&mut self, patience: &Patience) {
        self.unicorn.core_mut().set_limit(patience.time);
        self.executor.core_mut().set_limit(patience.steps);
    }
}

/// Which of the backend's passes are judged by what they leave, beside the object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stages {
    /// None.
    None,
    /// One of them, by this number modulo how many there are.
    One(u64),
    /// Each of them.
    All,
}

/// How a module is to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Every call ends by construction, so that the reference runs without fuel.
    pub bounded: bool,
    /// The executor over the instruction table is asked too.
    pub executor: bool,
    /// The interpreter is asked too, with the IR after the last pass over it.
    pub ir: bool,
    /// What passes of the backend leave is run too.
    pub backend: Stages,
    /// Unicorn is asked.
    pub unicorn: bool,
    /// The static judge is asked.
    pub statics: bool,
    /// A compiler that fails is a difference; otherwise such a module is passed over.
    pub checks: bool,
    /// QEMU is asked too, if the judge listens to it.
    pub qemu: bool,
}

impl Ask {
    /// Everything is checked and nothing trusted: for modules from outside and for replays.
    pub const THOROUGH: Ask = Ask {
        bounded: false,
        executor: true,
        ir: true,
        backend: Stages::All,
        unicorn: true,
        statics: true,
        checks: true,
        qemu: true,
    };

    /// What shows this difference again: what passes of the backend leave costs more than the rest together.
    pub fn again(difference: &Difference) -> Ask {
        let backend = match difference.is_inside() {
            true => Stages::All,
            false => Stages::None,
        };
        Ask {
            backend,
            ..Ask::THOROUGH
        }
    }

    /// Only who noticed this difference is asked: for the many candidates of a reduction.
    pub fn who_noticed(difference: &Difference) -> Ask {
        let noticed = Voice::of(difference);
        let is = |voice| voice == noticed || noticed.asks() == Some(voice);
        // The compiler's checks are also those of what it makes of each stage for an engine.
        let checks = is(Voice::Checks);
        Ask {
            executor: is(Voice::Executor),
            ir: is(Voice::Interpreter) || checks,
            backend: match is(Voice::Stages) || checks {
                true => Stages::All,
                false => Stages::None,
            },
            unicorn: is(Voice::Unicorn),
            statics: is(Voice::Statics),
            qemu: is(Voice::Qemu),
            ..Ask::THOROUGH
        }
    }
}

/// Engines of one thread.
pub struct Judge {
    trusting: Reference,
    fuelled: Option<Reference>,
    machines: Vec<Machines>,
    /// Machines for what passes of the backend leave, as many as were ever needed.
    staged: Vec<Machine<StageCore>>,
    pub(crate) bench: Option<encoding::Bench>,
    /// Rules that fired in the module that is judged.
    rules: Vec<&'static str>,
    /// Whether runs that do not end are given up early.
    hurried: bool,
    /// Whether every module is judged behind another one.
    behind: bool,
    pub(crate) qemu: Option<qemu::Voice>,
    /// The judge of code that is not run, with every instruction that it saw.
    pub statics: StaticJudge,
    /// What was judged so far.
    pub counts: Counts,
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes panics inside [`compile`] silent and remembers their text; all others print as before.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                PANIC.with_borrow_mut(|text| *text = info.to_string().replace('\n', " "));
            } else {
                before(info);
            }
        }));
    });
}

/// Does something with the compiler; a panic becomes an error text.
pub(crate) fn quietly<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(what));
    QUIET.set(false);
    result.map_err(|_| PANIC.with_borrow(Clone::clone))
}

/// Compiles; a panic becomes an error text.
fn compile(
    wasm: &[u8],
    options: &Options,
) -> Result<Result<thumbsmith::Output, thumbsmith::Error>, String> {
    quietly(|| thumbsmith::compile(wasm, options))
}

/// What a compilation counted; `None` if it fails.
pub fn stats(wasm: &[u8], options: &Options) -> Option<thumbsmith::Stats> {
    install_hook();
    compile(wasm, options).ok()?.ok().map(|output| output.stats)
}

/// Calls after which all of so many exports were seen; no number is enough if the steps leave one out.
fn called(steps: &[Step], exports: usize) -> u64 {
    let mut seen = vec![false; exports];
    let mut calls = 0;
    for step in steps {
        match step {
            Step::Call(export, _) => {
                seen[*export] = true;
                calls += 1;
            }
            Step::Set(..) => {}
        }
    }
    if exports > 0 && seen.iter().all(|s| *s) {
        calls
    } else {
        u64::MAX
    }
}

/// The machines for a CPU, made on first use.
fn machines(all: &mut Vec<Machines>, cpu: Cpu) -> Result<&mut Machines, String> {
    let at = match all.iter().position(|m| m.cpu == cpu) {
        Some(at) => at,
        None => {
            let unicorn = Machine::new(UnicornCore::new(cpu, PATIENT.time)?);
            let executor = Machine::new(ExecutorCore::new(cpu, PATIENT.steps));
            all.push(Machines {
                cpu,
                unicorn,
                executor,
            });
            all.len() - 1
        }
    };
    Ok(&mut all[at])
}

/// Loads what passes of the backend leave into machines, which are made where there are too few.
fn load_stages<'a>(
    machines: &'a mut Vec<Machine<StageCore>>,
    program: &Program,
    which: Stages,
) -> Result<&'a mut [Machine<StageCore>], String> {
    if which == Stages::None {
        return Ok(&mut []);
    }
    let backend = quietly(|| stages::backend(&program.wasm, &program.options))?;
    let backend = backend.map_err(|e| e.to_string())?;
    let all = backend.stages.iter();
    let wanted: Vec<_> = match which {
        Stages::One(n) => {
            let turn = n as usize % backend.stages.len();
            all.skip(turn).take(1).collect()
        }
        Stages::None | Stages::All => all.collect(),
    };
    if machines.len() < wanted.len() {
        machines.resize_with(wanted.len(), || Machine::new(StageCore::empty()));
    }
    let machines = &mut machines[..wanted.len()];
    for (machine, stage) in machines.iter_mut().zip(wanted) {
        machine.load_stage(&backend, stage, program)?;
    }
    Ok(machines)
}

/// A difference before anything runs.
fn early(kind: Kind, got: String) -> Box<Difference> {
    Box::new(Difference {
        kind,
        step: None,
        engine: "thumbsmith".into(),
        expected: "a module that runs".into(),
        got,
    })
}

impl Judge {
    /// A judge with fresh engines.
    ///
    /// # Errors
    /// Text of an engine that does not start on this host.
    pub fn new() -> Result<Judge, String> {
        install_hook();
        let trusting = Reference::new(None)?;
        Ok(Judge {
            trusting,
            fuelled: None,
            machines: Vec::new(),
            staged: Vec::new(),
            bench: None,
            rules: Vec::new(),
            hurried: false,
            behind: false,
            qemu: None,
            statics: StaticJudge::default(),
            counts: Counts::default(),
        })
    }

    /// Gives up early, or no more, on runs that do not end: most candidates of a reduction that take long never end. Returns
    /// whether it did so before.
    pub fn hurry(&mut self, hurried: bool) -> bool {
        std::mem::replace(&mut self.hurried, hurried)
    }

    /// Judges every module behind another one from now on, or no more, on machines that have run nothing else: what a voice keeps
    /// of one program and takes for a part of the next shows only so.
    pub fn behind_another(&mut self, behind: bool) {
        self.behind = behind;
    }

    /// Whether modules are judged behind another one.
    pub fn is_behind_another(&self) -> bool {
        self.behind
    }

    /// Runs a program that has nothing to do with what is judged, if one is to run before that.
    fn another(&mut self, options: &Options) {
        static WASM: LazyLock<Vec<u8>> = LazyLock::new(another);
        if self.behind {
            self.machines.clear();
            self.staged.clear();
            let steps = [Step::Call(0, vec![0x1234_5678, 9])];
            // Nobody asked what it does.
            let _ = self.differ("another", &WASM, options, &steps, Ask::THOROUGH);
        }
    }

    fn patience(&self) -> &'static Patience {
        if self.hurried { &HURRIED } else { &PATIENT }
    }

    /// Judges one module under one set of options.
    ///
    /// # Errors
    /// The report of a difference. A module that the compiler refuses is a difference of kind [`Kind::Refused`].
    pub fn judge(
        &mut self,
        origin: &str,
        wasm: &[u8],
        options: &Options,
        steps: &[Step],
        ask: Ask,
    ) -> Verdict {
        self.another(options);
        self.rules.clear();
        let result = self.differ(origin, wasm, options, steps, ask);
        result.map_err(|difference| {
            let end = difference.step.map_or(0, |s| s + 1).min(steps.len());
            Box::new(Report {
                origin: origin.to_owned(),
                wasm: wasm.to_vec(),
                options: options.clone(),
                steps: steps[..end].to_vec(),
                difference: *difference,
                guilty: None,
            })
        })
    }

    /// What the compiler makes of a module, counted and judged by reading; `None` where it fails and nobody asked whether.
    fn compiled(
        &mut self,
        wasm: &[u8],
        options: &Options,
        ask: Ask,
    ) -> Result<Option<thumbsmith::Output>, Box<Difference>> {
        let output = match compile(wasm, options) {
            Ok(Ok(output)) => output,
            Ok(Err(e)) if matches!(e.kind, ErrorKind::Unsupported | ErrorKind::Limit) => {
                return Err(early(Kind::Refused, e.to_string()));
            }
            Ok(Err(_)) | Err(_) if !ask.checks => return Ok(None),
            Ok(Err(e)) => return Err(early(Kind::Compiler, e.to_string())),
            Err(panic) => return Err(early(Kind::Compiler, panic)),
        };
        for (name, n) in &output.stats.rules_fired {
            *self.counts.fired.entry(name).or_default() += n;
            self.rules.push(name);
        }
        if ask.statics {
            let judged = self.statics.judge(&output.object, options.cpu);
            self.counts.instructions += judged.map_err(|e| early(Kind::Static, e))?.instructions;
        }
        Ok(Some(output))
    }

    fn differ(
        &mut self,
        origin: &str,
        wasm: &[u8],
        options: &Options,
        steps: &[Step],
        ask: Ask,
    ) -> Result<(), Box<Difference>> {
        let info =
            Info::read(wasm).map_err(|e| early(Kind::Refused, format!("the oracle: {e}")))?;
        let Some(output) = self.compiled(wasm, options, ask)? else {
            return Ok(());
        };
        let mut program = Program {
            wasm: wasm.to_vec(),
            info,
            object: output.object,
            options: options.clone(),
            memory_limit: None,
        };
        let link = |e: String| early(Kind::Link, e);
        let patience = self.patience();
        let machines = machines(&mut self.machines, options.cpu).map_err(link)?;
        machines.give(patience);
        match machines.unicorn.load(&program) {
            Ok(()) => {}
            Err(_) if !ask.unicorn => return Ok(()),
            Err(e) => return Err(link(e)),
        }
        program.memory_limit = machines.unicorn.memory_capacity();
        let mut others: Vec<&mut dyn Engine> = Vec::new();
        if ask.unicorn {
            others.push(&mut machines.unicorn);
        }
        if ask.executor {
            machines.executor.load(&program).map_err(link)?;
            others.push(&mut machines.executor);
        }
        let last = stages::ir_passes(options).pop();
        let mut ir = StageEngine::new(last.unwrap_or(pipeline::TRANSLATE));
        ir.set_limit(patience.steps);
        if ask.ir {
            match quietly(|| ir.load(&program)) {
                Ok(loaded) => loaded.map_err(link)?,
                Err(_) if !ask.checks => return Ok(()),
                Err(panic) => return Err(early(Kind::Compiler, panic)),
            }
            others.push(&mut ir);
        }
        let staged = load_stages(&mut self.staged, &program, ask.backend);
        let staged = match staged {
            Ok(staged) => staged,
            Err(_) if !ask.checks => return Ok(()),
            Err(e) => return Err(early(Kind::Compiler, e)),
        };
        others.extend(staged.iter_mut().map(|m| m as &mut dyn Engine));
        let reference = match (ask.bounded, &mut self.fuelled) {
            (true, _) => &mut self.trusting,
            (false, Some(fuelled)) => fuelled,
            (false, none) => {
                none.insert(Reference::new(Some(PATIENT.fuel)).map_err(|e| early(Kind::Link, e))?)
            }
        };
        reference.set_fuel(patience.fuel);
        reference
            .load(&program)
            .map_err(|e| early(Kind::Refused, format!("wasmtime: {e}")))?;
        self.counts.modules += 1;
        self.counts.functions += program.info.exports.len() as u64;
        let tally = &mut self.counts.tally;
        let (executions, void) = (tally.executions, tally.void);
        lockstep(&program, steps, reference, &mut others, tally)?;
        let compared = tally.executions - executions;
        if tally.void == void && compared >= called(steps, program.info.exports.len()) {
            for (name, n) in &output.stats.rules_fired {
                *self.counts.observed.entry(name).or_default() += n;
            }
        }
        match &mut self.qemu {
            Some(voice) if ask.qemu => voice.hear(origin, &program, steps, reference),
            Some(_) | None => Ok(()),
        }
    }

    /// Which pass is to blame for a difference in what a program does: the first that leaves something which does
    /// something else than the reference, or what makes the object. Other differences name their cause themselves: `None`.
    pub fn blame(&mut self, report: &Report) -> Option<String> {
        self.first_wrong(report).map(|(pass, _)| pass)
    }

    /// As [`Judge::blame`], and what breaks an invariant of the form that the pass left, if it is that.
    pub fn first_wrong(&mut self, report: &Report) -> Option<(String, Option<String>)> {
        if !report.difference.kind.is_behaviour() {
            return None;
        }
        let mut program = Program {
            wasm: report.wasm.clone(),
            info: Info::read(&report.wasm).ok()?,
            object: compile(&report.wasm, &report.options).ok()?.ok()?.object,
            options: report.options.clone(),
            memory_limit: None,
        };
        let machine = &mut machines(&mut self.machines, report.options.cpu)
            .ok()?
            .unicorn;
        machine.load(&program).ok()?;
        program.memory_limit = machine.memory_capacity();
        let mut reference = Reference::new(Some(PATIENT.fuel)).ok()?;
        reference.load(&program).ok()?;
        let found = quietly(|| stage::first_wrong(&program, &report.steps, &mut reference));
        Some(match found.ok()?.ok()? {
            Some((pass, d)) => (pass.to_owned(), (d.kind == Kind::Compiler).then_some(d.got)),
            None => (stage::OBJECT.to_owned(), None),
        })
    }

    /// What the reference says to each step, and where it says nothing more, nothing.
    ///
    /// # Errors
    /// Text that says why the reference cannot run the module.
    pub fn expectations(
        &mut self,
        wasm: &[u8],
        options: &Options,
        steps: &[Step],
    ) -> Result<Vec<Option<Outcome>>, String> {
        let info = Info::read(wasm)?;
        let mut program = Program {
            wasm: wasm.to_vec(),
            info,
            object: Vec::new(),
            options: options.clone(),
            memory_limit: None,
        };
        if let Ok(Ok(output)) = compile(wasm, options) {
            // The object's room for memory is part of the answer: growing beyond it fails on both sides.
            program.object = output.object;
            let machine = &mut machines(&mut self.machines, options.cpu)?.unicorn;
            if machine.load(&program).is_ok() {
                program.memory_limit = machine.memory_capacity();
            }
        }
        let mut reference = Reference::new(Some(PATIENT.fuel))?;
        reference.load(&program)?;
        let mut out = vec![None; steps.len()];
        if reference.instantiate() != Outcome::Returned(Default::default()) {
            return Ok(out);
        }
        for (slot, step) in out.iter_mut().zip(steps) {
            match step {
                Step::Set(global, value) => reference.set_global(*global, *value),
                Step::Call(export, args) => {
                    let outcome = reference.call(*export, args);
                    if matches!(
                        outcome,
                        Outcome::Void(_) | Outcome::Trapped(TrapKind::StackExhausted)
                    ) {
                        break;
                    }
                    *slot = Some(outcome);
                }
            }
        }
        Ok(out)
    }

    /// Each engine's answer to each step, for triage: the reference first, the reference with its optimizer, unicorn, the
    /// executor, then what each pass left.
    ///
    /// # Errors
    /// Text that says why the module cannot be compiled, linked or run.
    pub fn answers(
        &mut self,
        wasm: &[u8],
        options: &Options,
        steps: &[Step],
    ) -> Result<Vec<Vec<String>>, String> {
        self.another(options);
        let info = Info::read(wasm)?;
        let output = compile(wasm, options)?.map_err(|e| e.to_string())?;
        let mut program = Program {
            wasm: wasm.to_vec(),
            info,
            object: output.object,
            options: options.clone(),
            memory_limit: None,
        };
        let patience = self.patience();
        let machines = machines(&mut self.machines, options.cpu)?;
        machines.give(patience);
        machines.unicorn.load(&program)?;
        machines.executor.load(&program)?;
        program.memory_limit = machines.unicorn.memory_capacity();
        let mut reference = Reference::new(Some(PATIENT.fuel))?;
        reference.load(&program)?;
        let mut optimizing = Reference::optimizing(Some(PATIENT.fuel))?;
        optimizing.load(&program)?;
        let voices: [&mut dyn Engine; 4] = [
            &mut reference,
            &mut optimizing,
            &mut machines.unicorn,
            &mut machines.executor,
        ];
        let mut said: Vec<Transcript> = voices
            .into_iter()
            .map(|engine| transcript(engine, steps, &program.info))
            .collect();
        for between in stages::stages(wasm, options, None).map_err(|e| e.to_string())? {
            let mut engine = StageEngine::with(between);
            engine.set_limit(patience.steps);
            engine.load(&program)?;
            said.push(transcript(&mut engine, steps, &program.info));
        }
        let backend = stages::backend(wasm, options).map_err(|e| e.to_string())?;
        let mut machine = Machine::new(StageCore::empty());
        for stage in &backend.stages {
            machine.load_stage(&backend, stage, &program)?;
            said.push(transcript(&mut machine, steps, &program.info));
        }
        Ok(beside_the_first(said))
    }

    /// Makes a module and options from bytes, and judges it.
    ///
    /// # Errors
    /// The report of a difference.
    pub fn generated(&mut self, bytes: &[u8], setup: &Setup) -> Verdict {
        match Case::from_bytes(bytes, setup) {
            Some(case) => self.case(&case),
            None => Ok(()),
        }
    }

    /// Judges a case, and counts what it says about its family.
    ///
    /// # Errors
    /// The report of a difference.
    pub fn case(&mut self, case: &Case) -> Verdict {
        let traps = |tally: &Tally| tally.traps.iter().sum::<u64>();
        let before = (
            self.counts.functions,
            self.counts.tally.executions,
            traps(&self.counts.tally),
            self.counts.instructions,
        );
        *self.counts.families.entry(case.family.name()).or_default() += 1;
        let verdict = self.judge(
            case.family.name(),
            &case.made.wasm,
            &case.options,
            &case.steps,
            case.ask,
        );
        match verdict {
            // What wasm-smith or wasm-mutate made may leave the compiler's scope; our own families may not.
            Err(report) if case.made.foreign && report.difference.kind == Kind::Refused => {
                self.counts.refused += 1;
                Ok(())
            }
            Ok(()) => {
                let seen = Seen {
                    functions: self.counts.functions - before.0,
                    executions: self.counts.tally.executions - before.1,
                    traps: traps(&self.counts.tally) - before.2,
                    instructions: self.counts.instructions - before.3,
                    rules: &self.rules,
                };
                let all = &mut self.counts.statistics;
                let statistics = all.entry(case.family.name()).or_default();
                statistics.count(&case.made.wasm, &seen);
                Ok(())
            }
            other => other,
        }
    }
}

/// A module of one function without branches, so that all its code runs: longer than what most programs have at those
/// addresses.
fn another() -> Vec<u8> {
    let line = "(local.set 0 (i32.xor (i32.rotl (local.get 0) (local.get 1)) (i32.mul (local.get 1) (local.get 0))))";
    let text = format!(
        r#"(module (func (export "f") (param i32 i32) (result i32) {} (local.get 0)))"#,
        line.repeat(1024)
    );
    wat::parse_str(text).unwrap_or_default()
}

/// What one engine says to each step, and a digest of what it left then.
type Transcript = Vec<(String, u64)>;

/// What one engine says to each step.
fn transcript(engine: &mut dyn Engine, steps: &[Step], info: &Info) -> Transcript {
    let init = format!("{}: init {}", engine.name(), engine.instantiate());
    let mut lines = vec![(init, left(engine, info))];
    // Where the stack ends is each engine's own affair, and so is what it did until then.
    let mut compared = true;
    for step in steps {
        match step {
            Step::Set(global, value) => engine.set_global(*global, *value),
            Step::Call(export, args) => {
                let outcome = engine.call(*export, args);
                let mut line = format!("{}: {outcome}", engine.name());
                if !engine.import_log().is_empty() {
                    line += &format!("; imports {:x?}", engine.import_log());
                }
                for violation in engine.violations() {
                    line += &format!("; {violation}");
                }
                compared &= outcome != Outcome::Trapped(TrapKind::StackExhausted);
                let left = if compared { left(engine, info) } else { 0 };
                lines.push((line, left));
            }
        }
    }
    lines.extend(engine.finish().into_iter().map(|line| (line, 0)));
    lines
}

/// A digest of visible globals and tables and of all memories.
fn left(engine: &mut dyn Engine, info: &Info) -> u64 {
    let mut hash = FxHasher::default();
    for global in info.visible_globals() {
        engine.global(global).hash(&mut hash);
    }
    for table in info.visible_tables() {
        engine.table(table).hash(&mut hash);
    }
    for memory in 0..info.memories.len() {
        engine.memory(memory).hash(&mut hash);
    }
    hash.finish()
}

/// The lines of all engines; one that says what the first says and leaves something else says so.
fn beside_the_first(said: Vec<Transcript>) -> Vec<Vec<String>> {
    let first: Vec<u64> = said.first().into_iter().flatten().map(|l| l.1).collect();
    let line = |(at, (line, left)): (usize, (String, u64))| match first.get(at) {
        Some(expected) if left != *expected => line + "; leaves other memory, globals or tables",
        _ => line,
    };
    said.into_iter()
        .map(|lines| lines.into_iter().enumerate().map(line).collect())
        .collect()
}

/// The check behind the fuzz target `lowering`: bytes make a module and options; emitted code against wasmtime.
///
/// # Errors
/// The report of a difference.
///
/// # Panics
/// If an engine does not start on this host: a fuzz run that compares nothing must not look like one that does.
pub fn lowering(bytes: &[u8]) -> Verdict {
    with_judge(|judge| judge.generated(bytes, &Setup::default()))
}

/// The check behind the fuzz target `regalloc`: bytes make a machine function; the allocation of it, and the checker on
/// spoiled copies of that, against execution.
///
/// # Errors
/// The report of a difference.
///
/// # Panics
/// As [`lowering`].
pub fn regalloc(bytes: &[u8]) -> Verdict {
    with_judge(|judge| judge.direct(Direct::Regalloc, bytes))
}

/// The check behind the fuzz target `encoding`: bytes choose instructions; encoder, decoder and executor against unicorn.
///
/// # Errors
/// The report of a difference.
///
/// # Panics
/// As [`lowering`].
pub fn encoding(bytes: &[u8]) -> Verdict {
    with_judge(|judge| judge.direct(Direct::Encoding, bytes))
}

/// The check behind the fuzz target `optimizer`: bytes make a module of IR, options and a list of passes; what each pass
/// leaves against what there was before, in the interpreter.
///
/// # Errors
/// The report of a difference.
///
/// # Panics
/// As [`lowering`].
pub fn optimizer(bytes: &[u8]) -> Verdict {
    with_judge(|judge| judge.direct(Direct::Optimizer, bytes))
}

/// The check behind the fuzz target `object`: bytes make a module with many names; symbols, relocations, trap table and
/// header of its object against what it says.
///
/// # Errors
/// The report of a difference.
///
/// # Panics
/// As [`lowering`].
pub fn object(bytes: &[u8]) -> Verdict {
    with_judge(|judge| judge.direct(Direct::Object, bytes))
}

/// The judge of this thread, made on first use.
fn with_judge(check: impl FnOnce(&mut Judge) -> Verdict) -> Verdict {
    thread_local! {
        static JUDGE: RefCell<Option<Judge>> = const { RefCell::new(None) };
    }
    JUDGE.with_borrow_mut(|slot| {
        check(slot.get_or_insert_with(|| Judge::new().expect("engines start")))
    })
}
