//! The IR between two passes as an engine, and blame: which pass changed what a program does.
//!
//! In: a program and the name of a pass. Out: what the IR after that pass computes. The same steps go to the reference and
//! to what each pass left, in order: IR in its interpreter, the forms of the backend as cores of the machine that runs
//! emitted code ([`crate::arm::staged`]). The first pass whose result differs, or breaks an invariant of its form, is
//! guilty; if none does, what comes after the last pass is. Invariant: what is run comes from the run of the pipeline that made the object, with the same decisions.

use crate::arm::machine::Machine;
use crate::arm::staged::{StageCore, VOICE, broken};
use crate::compare::{Difference, Kind, Step, Tally, lockstep};
use crate::engine::{Engine, Outcome, Values, answer, copy, imported_global};
use crate::program::{Info, Program, Ty};
use std::rc::Rc;
use thumbsmith::Bounds;
use thumbsmith::ir::interp::{self, Host, Limits, Space, State, Stop};
use thumbsmith::ir::verify::Stage;
use thumbsmith::stages::{self, Between};

/// Steps of the interpreter after which a call counts as endless.
const STEPS: u64 = 30_000_000;
/// Bytes of linear memory that the interpreter reserves at most.
const MEMORY_LIMIT: u64 = 1 << 30;
/// What is to blame if what every pass leaves is right: what makes an object of it, or a simulator.
pub const OBJECT: &str = "object";

/// A module made ready.
struct Loaded {
    program: Rc<interp::Program>,
    init: u32,
    funcs: Rc<[u32]>,
    globals: usize,
    /// By memory: bytes that are reserved, and where its current size is.
    memories: Vec<(usize, Pages)>,
    words: bool,
}

/// Where the current size of a memory is.
#[derive(Clone, Copy)]
struct Pages {
    page_log2: u32,
    min: u32,
    global: Option<u32>,
    limit: Option<u32>,
    /// The greatest size of a memory from outside.
    outside: Option<u32>,
}

/// The interpreter at one stage.
pub struct StageEngine {
    pass: &'static str,
    given: Option<Between>,
    limit: u64,
    loaded: Option<Loaded>,
    state: State,
    world: World,
}

/// The outside world, as all engines see it.
#[derive(Default)]
struct World {
    info: Info,
    log: Vec<u64>,
    calls: u64,
    words: bool,
    pages: Vec<Pages>,
    /// What an import may call back into, and whether it may.
    exports: Option<(Rc<interp::Program>, Rc<[u32]>)>,
    free: bool,
}

impl World {
    /// Calls an export from within an import, and logs what it returns.
    fn call_back(&mut self, export: usize, args: &[u64], state: &mut State) -> Result<(), Stop> {
        let Some((program, funcs)) = self.exports.clone() else {
            return Err(Stop::Fault("nothing to call back into".into()));
        };
        let sig = self.info.exports[export].sig.clone();
        let args = flatten(args, &sig.params, self.words);
        let mut limits = Limits {
            steps: STEPS,
            ..Limits::default()
        };
        self.free = false;
        let result = program.call(state, funcs[export], &args, self, &mut limits);
        self.free = true;
        let values = gather(&result?, &sig.results, self.words);
        self.log.extend_from_slice(&values);
        Ok(())
    }

    /// Bytes of a linear memory at its current size.
    fn memory_size(&self, state: &State, memory: usize) -> usize {
        let Some(pages) = self.pages.get(memory) else {
            return 0;
        };
        let count = match pages.global {
            Some(g) => state.globals[g as usize],
            None => u64::from(pages.min),
        };
        let reserved = state.linear(memory as u32).map_or(0, Vec::len);
        ((count << pages.page_log2) as usize).min(reserved)
    }
}

fn flatten(values: &[u64], types: &[Ty], words: bool) -> Values {
    let mut out = Values::new();
    for (v, ty) in values.iter().zip(types) {
        match ty {
            Ty::I64 | Ty::F64 if words => out.extend([u64::from(*v as u32), v >> 32]),
            Ty::I32 | Ty::I64 | Ty::F32 | Ty::F64 => out.push(*v),
        }
    }
    out
}

fn gather(values: &[u64], types: &[Ty], words: bool) -> Values {
    let mut rest = values.iter().copied();
    let mut next = || rest.next().unwrap_or(0);
    let value = |ty: &Ty| match ty {
        Ty::I64 | Ty::F64 if words => next() | next() << 32,
        Ty::I32 | Ty::I64 | Ty::F32 | Ty::F64 => next(),
    };
    types.iter().map(value).collect()
}

impl Host for World {
    fn call(&mut self, func: u32, args: &[u64], state: &mut State) -> Result<Values, Stop> {
        let index = func as usize;
        let Some(import) = self.info.imports.get(index) else {
            return Err(Stop::Fault(format!("function {func} has no body")));
        };
        let sig = import.sig.clone();
        let args = gather(args, &sig.params, self.words);
        self.log.push(index as u64);
        self.log.extend_from_slice(&args);
        let reply = answer(&self.info, index, self.calls, &args, self.free);
        self.calls += 1;
        if let Some((export, args)) = &reply.call {
            self.call_back(*export, args, state)?;
        }
        if let Some((address, byte)) = reply.store {
            let size = self.memory_size(state, 0);
            if size > 0 {
                state.memory[address as usize % size] = byte;
            }
        }
        if let Some(range) = reply.copy {
            let size = self.memory_size(state, 0);
            copy(&mut state.memory[..size], range);
        }
        if let Some((which, value)) = reply.set {
            let settable = self.info.settable_by_imports();
            let g = settable[which % settable.len()];
            state.globals[g] = self.info.globals[g].ty.wrap(value);
        }
        Ok(flatten(&reply.results, &sig.results, self.words))
    }
}

impl StageEngine {
    /// An engine that compiles what it loads and runs the IR after `pass`.
    pub fn new(pass: &'static str) -> StageEngine {
        StageEngine {
            pass,
            given: None,
            limit: STEPS,
            loaded: None,
            state: State::default(),
            world: World::default(),
        }
    }

    /// An engine that runs this IR, whatever program it is told to load.
    pub fn with(between: Between) -> StageEngine {
        StageEngine {
            given: Some(between),
            ..StageEngine::new("")
        }
    }

    /// Gives up on later calls after so many steps.
    pub fn set_limit(&mut self, steps: u64) {
        self.limit = steps;
    }

    fn run(&mut self, func: u32, args: &[u64]) -> Result<Values, Outcome> {
        let Some(l) = &self.loaded else {
            return Err(Outcome::Fault("nothing loaded".into()));
        };
        self.world.log.clear();
        let mut limits = Limits {
            steps: self.limit,
            ..Limits::default()
        };
        let result = l
            .program
            .call(&mut self.state, func, args, &mut self.world, &mut limits);
        result.map_err(|stop| match stop {
            Stop::Trap(kind, _) => Outcome::Trapped(kind),
            Stop::Fault(what) => Outcome::Fault(what),
            Stop::Fuel => Outcome::Fault("still running after the limit of steps".into()),
        })
    }
}

impl Loaded {
    fn new(between: &Between, program: &Program) -> Result<Loaded, String> {
        let (m, info) = (&between.module, &program.info);
        // An access that wraps by its mask may end past the last byte.
        let slack = match program.options.bounds {
            Bounds::Mask => 8,
            Bounds::Check | Bounds::Mpu | Bounds::None => 0,
        };
        let mut memories = Vec::new();
        for (i, m) in m.memories.iter().enumerate() {
            let outside = m.import.is_some().then(|| info.memories[i].limit() as u32);
            let reserved = match outside {
                Some(pages) => u64::from(pages) << m.page_log2,
                None => m.reserved_bytes(),
            };
            if reserved > MEMORY_LIMIT {
                return Err(format!("memory of {reserved} bytes is too large"));
            }
            let pages = Pages {
                page_log2: m.page_log2,
                min: m.min_pages,
                global: m.pages_global,
                limit: m.limit_global,
                outside,
            };
            memories.push((reserved as usize + slack, pages));
        }
        let space = Space::new(m, &between.places, &between.data);
        let mut program = interp::Program::new(m, space);
        let init = program.add(&between.init);
        Ok(Loaded {
            program: Rc::new(program),
            init,
            funcs: info.exports.iter().map(|e| e.func).collect(),
            globals: m.globals.len(),
            memories,
            words: between.stage > Stage::Source,
        })
    }
}

impl Engine for StageEngine {
    fn name(&self) -> String {
        match &self.given {
            Some(b) => format!("IR after {}", b.pass),
            None => format!("IR after {}", self.pass),
        }
    }

    fn load(&mut self, program: &Program) -> Result<(), String> {
        let compiled;
        let between = match &self.given {
            Some(b) => b,
            None => {
                let all = stages::stages(&program.wasm, &program.options, Some(self.pass));
                let found = all.map_err(|e| e.to_string())?.pop();
                compiled = found.ok_or_else(|| format!("pass {} does not run here", self.pass))?;
                &compiled
            }
        };
        let loaded = Loaded::new(between, program)?;
        self.world = World {
            info: program.info.clone(),
            words: loaded.words,
            pages: loaded.memories.iter().map(|m| m.1).collect(),
            exports: Some((loaded.program.clone(), loaded.funcs.clone())),
            ..World::default()
        };
        self.loaded = Some(loaded);
        Ok(())
    }

    fn instantiate(&mut self) -> Outcome {
        let Some(l) = &self.loaded else {
            return Outcome::Fault("nothing loaded".into());
        };
        let mut memories = l.memories.iter().map(|m| vec![0; m.0]);
        self.state = State {
            memory: memories.next().unwrap_or_default(),
            others: memories.collect(),
            globals: vec![0; l.globals],
            words: l.program.words(),
        };
        for (_, pages) in &l.memories {
            let Some(most) = pages.outside else { continue };
            for (global, value) in [(pages.global, pages.min), (pages.limit, most)] {
                if let Some(g) = global {
                    self.state.globals[g as usize] = value.into();
                }
            }
        }
        for (i, g) in self.world.info.globals.iter().enumerate() {
            if g.import.is_some() {
                self.state.globals[i] = imported_global(i, g.ty);
            }
        }
        self.world.calls = 0;
        self.world.free = false;
        match self.run(l.init, &[]) {
            Ok(values) => Outcome::Returned(values),
            Err(outcome) => outcome,
        }
    }

    fn call(&mut self, export: usize, args: &[u64]) -> Outcome {
        let sig = self.world.info.exports[export].sig.clone();
        let words = self.world.words;
        let func = match &self.loaded {
            Some(l) => l.funcs[export],
            None => 0,
        };
        self.world.free = true;
        match self.run(func, &flatten(args, &sig.params, words)) {
            Ok(values) => Outcome::Returned(gather(&values, &sig.results, words)),
            Err(outcome) => outcome,
        }
    }

    fn memory(&mut self, memory: usize) -> &[u8] {
        let size = self.world.memory_size(&self.state, memory);
        let linear = self.state.linear(memory as u32);
        linear.map_or(&[], |bytes| &bytes[..size])
    }

    fn write_memory(&mut self, at: u32, bytes: &[u8]) -> bool {
        let size = self.world.memory_size(&self.state, 0);
        let linear = self.state.linear_mut(0);
        let range = at as usize..(at as usize).saturating_add(bytes.len());
        let place = linear.and_then(|all| all.get_mut(..size)?.get_mut(range));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }

    fn global(&mut self, global: usize) -> u64 {
        self.state.globals.get(global).copied().unwrap_or(0)
    }

    fn table(&mut self, table: usize) -> Vec<u32> {
        let entries = match &self.loaded {
            Some(l) => l.program.table(&self.state, table as u32),
            None => Vec::new(),
        };
        let seen = |&word: &u32| match (word, self.world.info.tables[table].funcref) {
            (0, _) => 0,
            (_, true) => 1,
            (handle, false) => handle,
        };
        entries.iter().map(seen).collect()
    }

    fn set_global(&mut self, global: usize, value: u64) {
        if let Some(g) = self.state.globals.get_mut(global) {
            *g = self.world.info.globals[global].ty.wrap(value);
        }
    }

    fn import_log(&self) -> &[u64] {
        &self.world.log
    }

    fn violations(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn finish(&mut self) -> Vec<String> {
        let beyond = |memory: usize| {
            let size = self.world.memory_size(&self.state, memory);
            let linear = self.state.linear(memory as u32);
            linear.is_some_and(|bytes| bytes[size..].iter().any(|b| *b != 0))
        };
        match (0..self.world.pages.len()).any(beyond) {
            true => vec!["linear memory was written beyond its current size".into()],
            false => Vec::new(),
        }
    }
}

/// The pass after which the program first does something else than the reference says, and what; `None` if
/// what they leave is right to the end.
///
/// # Errors
/// Text that says why the module cannot be compiled or run at a stage.
pub fn first_wrong(
    program: &Program,
    steps: &[Step],
    reference: &mut dyn Engine,
) -> Result<Option<(&'static str, Box<Difference>)>, String> {
    let all = stages::stages(&program.wasm, &program.options, None).map_err(|e| e.to_string())?;
    for between in all {
        let pass = between.pass;
        let mut engine = StageEngine::with(between);
        engine.load(program)?;
        let mut tally = Tally::default();
        let judged = lockstep(program, steps, reference, &mut [&mut engine], &mut tally);
        if let Err(difference) = judged {
            return Ok(Some((pass, difference)));
        }
    }
    let backend = stages::backend(&program.wasm, &program.options).map_err(|e| e.to_string())?;
    let mut machine = Machine::new(StageCore::empty());
    for stage in &backend.stages {
        if let Some(what) = broken(stage) {
            return Ok(Some((stage.pass, refused_form(stage.pass, what))));
        }
        machine.load_stage(&backend, stage, program)?;
        let mut tally = Tally::default();
        let judged = lockstep(program, steps, reference, &mut [&mut machine], &mut tally);
        if let Err(difference) = judged {
            return Ok(Some((stage.pass, difference)));
        }
    }
    Ok(None)
}

/// The difference of functions that break an invariant of their form.
fn refused_form(pass: &str, got: String) -> Box<Difference> {
    Box::new(Difference {
        kind: Kind::Compiler,
        step: None,
        engine: format!("{VOICE}{pass}"),
        expected: "functions whose form is right".into(),
        got,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;
    use thumbsmith::{Level, Options};

    /// Imports call back into exports alike in the reference and in every form between the passes.
    #[test]
    fn every_stage_calls_back_as_the_reference_does() {
        let wasm = wat::parse_str(
            r#"(module (import "back" "call0" (func $back (param i64 i32) (result i64)))
            (memory (export "memory") 1 1) (global $g (mut i64) (i64.const 3))
            (func (export "f") (param i64 i32) (result i64)
              (i64.add (call $back (global.get $g) (local.get 1))
                (i64.xor (global.get $g) (i64.load (i32.and (local.get 1) (i32.const 255))))))
            (func (export "set") (param i64 i32) (result i32 i64)
              (global.set $g (local.get 0))
              (i64.store (i32.and (local.get 1) (i32.const 255)) (call $back (local.get 0) (i32.const 1)))
              (i32.wrap_i64 (local.get 0)) (global.get $g))
            (func (export "stop") (param i32) (if (i32.gt_u (local.get 0) (i32.const 9)) (then unreachable))))"#,
        )
        .expect("text parses");
        let mut reference = Reference::new(None).expect("wasmtime starts");
        for level in Level::ALL {
            let options = Options {
                level,
                name: "m".into(),
                ..Options::default()
            };
            let program = Program {
                info: Info::read(&wasm).expect("in scope"),
                object: thumbsmith::compile(&wasm, &options)
                    .expect("compiles")
                    .object,
                wasm: wasm.clone(),
                options,
                memory_limit: None,
            };
            let args = |i: u64| match i % 3 {
                2 => vec![i],
                _ => vec![i << 30, i],
            };
            let steps: Vec<Step> = (0..60)
                .map(|i| Step::Call(i as usize % 3, args(i)))
                .collect();
            reference.load(&program).expect("wasmtime compiles");
            let wrong = first_wrong(&program, &steps, &mut reference).expect("stages run");
            assert_eq!(wrong, None, "-O{}", level.name());
        }
    }
}
