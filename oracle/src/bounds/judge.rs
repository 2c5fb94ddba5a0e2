//! One module of sweeps: compiled, called, and compared with the model after every call.
//!
//! In: a [`Case`]. Out: [`Figures`], or what a call did that it must not. What is compared: how it ended; where it trapped, the byte
//! offset of exactly the access that the rule refuses; where it faulted, the address of exactly that access;
//! how many accesses were done before, what they loaded, every byte of memory and of what is mapped behind it, and that nothing
//! beside the module's data was touched. In mode `check` some modules are given to wasmtime too, which must agree with the rule.

use super::model::{End, Model};
use super::module::{DONE, GROW, SUM, make};
use super::operator::{OPERATORS, Operator};
use super::shape::{Home, Shape};
use super::sweep::{FORMS, Sweep};
use crate::arm::machine::Machine;
use crate::arm::memory::{Kind, Map};
use crate::arm::unicorn::{Missed, UnicornCore};
use crate::engine::{Engine, Outcome};
use crate::program::{Info, Program};
use crate::random::Random;
use crate::reference::Reference;
use serde_json::{Value, json};
use std::time::Duration;
use thumbsmith::options::Base;
use thumbsmith::{Bounds, Cpu, Level, Options, TrapKind};

/// After how much a call counts as endless.
const PATIENCE: Duration = Duration::from_secs(10);
/// A module makes one of so many of its functions, another one in each turn.
const SHARE: usize = 3;
/// One module of so many in mode `check` is given to wasmtime too.
const REFERENCE_SHARE: u64 = 4;
/// The memory grows before one call of so many.
const GROWS: u64 = 32;

/// What to compile, and for what.
#[derive(Clone, Copy)]
pub struct Case {
    /// The memory.
    pub shape: Shape,
    /// The mode.
    pub bounds: Bounds,
    /// The core.
    pub cpu: Cpu,
    /// The level.
    pub level: Level,
    /// Seed of constants, offsets and arguments.
    pub seed: u64,
}

/// How much ran.
#[derive(Clone, Copy, Default, Debug)]
pub struct Figures {
    /// Modules.
    pub modules: u64,
    /// Functions.
    pub functions: u64,
    /// Calls.
    pub calls: u64,
    /// Accesses, those among them that trapped or faulted.
    pub accesses: u64,
    /// Traps, each with its kind and place.
    pub traps: u64,
    /// Accesses to what is not mapped, in modes without checks.
    pub faults: u64,
    /// Calls that wasmtime took too.
    pub references: u64,
}

impl Figures {
    /// As a row of a report.
    pub fn json(&self) -> Value {
        json!({
            "accesses": self.accesses,
            "traps": self.traps,
            "faults": self.faults,
            "calls": self.calls,
            "calls of wasmtime": self.references,
            "functions": self.functions,
            "modules": self.modules,
        })
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Figures) {
        self.modules += other.modules;
        self.functions += other.functions;
        self.calls += other.calls;
        self.accesses += other.accesses;
        self.traps += other.traps;
        self.faults += other.faults;
        self.references += other.references;
    }
}

/// The engines of a thread.
pub struct Bench {
    machines: Vec<(Cpu, Machine<UnicornCore>, Missed)>,
    reference: Reference,
}

impl Bench {
    /// One machine for each CPU.
    ///
    /// # Errors
    /// Text of the simulators.
    pub fn new() -> Result<Bench, String> {
        let machine = |cpu| {
            let (core, missed) = UnicornCore::pointing(cpu, PATIENCE)?;
            Ok((cpu, Machine::new(core), missed))
        };
        Ok(Bench {
            machines: Cpu::ALL
                .into_iter()
                .map(machine)
                .collect::<Result<_, String>>()?,
            reference: Reference::new(None)?,
        })
    }

    /// Makes the module of a case and calls its functions.
    ///
    /// # Errors
    /// Text that names the case, the function, the call, and what is not as it must be.
    pub fn judge(&mut self, case: &Case) -> Result<Figures, String> {
        let place = |e: String| {
            let (shape, bounds) = (case.shape.name, case.bounds.name());
            let (cpu, level) = (case.cpu.name(), case.level.name());
            format!(
                "{shape}, {bounds}, {cpu} -O{level}, seed {}: {e}",
                case.seed
            )
        };
        self.run(case).map_err(place)
    }

    fn run(&mut self, case: &Case) -> Result<Figures, String> {
        let mut random = Random::new(case.seed);
        let shape = &case.shape;
        let forms = FORMS - usize::from(!shape.grows());
        let all = (0..OPERATORS.len()).flat_map(|o| (0..forms).map(move |f| (o, f)));
        let first = case.seed as usize % SHARE;
        let mut draw = |(operator, form)| Sweep::draw(operator, form, shape.sizes(), &mut random);
        let sweeps: Vec<Sweep> = all.skip(first).step_by(SHARE).map(&mut draw).collect();
        let made = make(shape, &sweeps)?;
        let options = Options {
            cpu: case.cpu,
            level: case.level,
            bounds: case.bounds,
            name: "m".into(),
            memory_base: match shape.home {
                Home::Address => Base::Address(Map::SPARSE.base(Kind::Linear)),
                Home::Own | Home::Second | Home::Imported => Base::Symbol,
            },
            ..Options::default()
        };
        let output = thumbsmith::compile(&made.wasm, &options).map_err(|e| e.to_string())?;
        let program = Program {
            info: Info::read(&made.wasm)?,
            wasm: made.wasm,
            object: output.object,
            options,
            memory_limit: None,
        };
        let (_, machine, missed) = self
            .machines
            .iter_mut()
            .find(|(cpu, ..)| *cpu == case.cpu)
            .ok_or("no machine of this CPU")?;
        machine.load(&program)?;
        let asked = case.bounds == Bounds::Check && random.word().is_multiple_of(REFERENCE_SHARE);
        if asked {
            self.reference.load(&program)?;
        }
        let mut stage = Stage {
            case,
            info: &program.info,
            machine,
            missed,
            reference: asked.then_some(&mut self.reference),
            model: Model {
                bytes: Vec::new(),
                size: 0,
                most: shape.sizes().most,
                page: 1 << shape.page_log2,
                bounds: case.bounds,
                alone: shape.home != Home::Second,
                done: 0,
                sum: 0,
                tried: 0,
            },
            figures: Figures {
                modules: 1,
                functions: sweeps.len() as u64,
                ..Figures::default()
            },
            random,
        };
        stage.begin()?;
        for (n, (sweep, offsets)) in sweeps.iter().zip(&made.offsets).enumerate() {
            stage.sweep(n, sweep, offsets)?;
        }
        stage.figures.accesses = stage.model.tried;
        Ok(stage.figures)
    }
}

/// A module that is loaded.
struct Stage<'a> {
    case: &'a Case,
    info: &'a Info,
    machine: &'a mut Machine<UnicornCore>,
    missed: &'a Missed,
    reference: Option<&'a mut Reference>,
    model: Model,
    figures: Figures,
    random: Random,
}

impl Stage<'_> {
    fn memory(&self) -> usize {
        self.case.shape.index() as usize
    }

    /// Begins with a memory of its first size, full of what nothing else holds where the host can write it.
    fn begin(&mut self) -> Result<(), String> {
        let memory = self.memory();
        let sizes = self.case.shape.sizes();
        let there = (memory == 0).then(|| self.random.bytes(sizes.least as usize));
        let there = there.unwrap_or_default();
        let engines: [Option<&mut dyn Engine>; 2] = [
            Some(&mut *self.machine),
            self.reference.as_deref_mut().map(|r| r as &mut dyn Engine),
        ];
        for engine in engines.into_iter().flatten() {
            match engine.instantiate() {
                Outcome::Returned(_) => {}
                other => return Err(format!("it does not start: {other}")),
            }
            if !engine.write_memory(0, &there) {
                return Err("the host cannot write the memory".into());
            }
        }
        let model = &mut self.model;
        model.bytes = self.machine.reserved(memory).to_vec();
        (model.size, model.done, model.sum) = (sizes.least, 0, 0);
        Ok(())
    }

    /// Now and then a page more, and another beginning once there is no more.
    fn grow(&mut self) -> Result<(), String> {
        let Some(grow) = self.info.export_named(GROW) else {
            return Ok(());
        };
        if !self.random.word().is_multiple_of(GROWS) {
            return Ok(());
        }
        let room = ((self.model.most - self.model.size) / self.model.page) as u32;
        let pages = match self.random.word() % 8 {
            // More than there is room for, as a number without a sign and with one.
            0 => room + 1,
            1 => u32::MAX,
            _ if room == 0 => return self.begin(),
            pick => pick as u32 % room + 1,
        };
        let before = self.model.grow(pages);
        let expected = Outcome::Returned([u64::from(before)].into_iter().collect());
        let got = self.machine.call(grow, &[u64::from(pages)]);
        if let Some(reference) = &mut self.reference {
            reference.call(grow, &[u64::from(pages)]);
        }
        match got == expected {
            true => Ok(()),
            false => Err(format!("grow {pages}: {expected}, not {got}")),
        }
    }

    fn sweep(&mut self, n: usize, sweep: &Sweep, offsets: &[u32]) -> Result<(), String> {
        let place = |e: String| {
            let (form, offset, known) = (sweep.form, sweep.offset, sweep.known);
            let operator = sweep.operator.text();
            format!("sweep{n} ({operator}, {form:?}, offset {offset:#x}, known {known}): {e}")
        };
        for turn in 0.. {
            self.grow()?;
            let Some(&args) = sweep.calls(self.model.size, &mut self.random).get(turn) else {
                break;
            };
            self.call(n, sweep, args, offsets).map_err(|e| {
                place(format!(
                    "called with {args:x?} in {} bytes: {e}",
                    self.model.size
                ))
            })?;
        }
        match self.machine.strays().as_slice() {
            [] => Ok(()),
            found => Err(place(found.join("; "))),
        }
    }

    fn call(
        &mut self,
        n: usize,
        sweep: &Sweep,
        args: [u32; 3],
        offsets: &[u32],
    ) -> Result<(), String> {
        // Only beside other data of the module is there an access of which nothing is promised.
        let before = (!self.model.alone).then(|| self.model.clone());
        let size = self.model.size;
        let end = self.model.call(sweep, args);
        if let (End::Elsewhere, Some(before)) = (&end, before) {
            self.model = before;
            return Ok(());
        }
        let words = args.map(u64::from);
        self.missed.set(None);
        let got = self.machine.call(n, &words);
        self.figures.calls += 1;
        let right = match (&end, &got) {
            (End::Returned, Outcome::Returned(_)) => Ok(()),
            (End::Trapped(access), Outcome::Trapped(TrapKind::OutOfBounds)) => {
                self.figures.traps += 1;
                let (named, there) = (self.machine.trap_offset(), offsets[*access]);
                match named == Some(there) {
                    true => Ok(()),
                    false => Err(format!(
                        "the trap names {named:x?}, not the access at {there:#x}"
                    )),
                }
            }
            (End::Fault(range), Outcome::Fault(_)) => {
                self.figures.faults += 1;
                self.fault(sweep, range)
            }
            _ => Err(format!("{end:?}, not {got}")),
        };
        right?;
        let found = self.machine.violations();
        if !found.is_empty() {
            return Err(found.join("; "));
        }
        let model = &self.model;
        for (global, word, what) in [(DONE, model.done, "accesses"), (SUM, model.sum, "sum")] {
            let got = self.machine.global(global as usize) as u32;
            if got != word {
                return Err(format!("{what}: {word:#x}, not {got:#x} ({end:?})"));
            }
        }
        let bytes = self.machine.reserved(self.memory());
        if bytes != model.bytes {
            let at = bytes.iter().zip(&model.bytes).position(|(a, b)| a != b);
            let at = at.unwrap_or(bytes.len().min(model.bytes.len()));
            return Err(format!("byte {at:#x} of memory is wrong ({end:?})"));
        }
        self.agrees(n, &words, &end, size)
    }

    /// Whether the fault was at the access to `range`. What that wrote of itself before is anybody's.
    fn fault(&mut self, sweep: &Sweep, range: &std::ops::Range<u64>) -> Result<(), String> {
        let address = self.missed.get().ok_or("a fault that is no access")?;
        let bytes = self.machine.reserved(0);
        let at = u64::from(address.wrapping_sub(Map::SPARSE.base(Kind::Linear)));
        let within = range.contains(&at) || range.contains(&(at + (1 << 32)));
        if !within || at < bytes.len() as u64 {
            return Err(format!("a fault at {at:#x} of memory, not in {range:x?}"));
        }
        let there = |n: u64| n.min(bytes.len() as u64) as usize;
        let mut spoilt = vec![there(range.start)..there(range.end)];
        if range.end > 1 << 32 {
            spoilt.push(0..there(range.end - (1 << 32)));
        }
        if let Operator::CopyFrom(n) = sweep.operator {
            spoilt.push(0..n as usize);
        }
        for range in spoilt {
            self.model.bytes[range.clone()].copy_from_slice(&bytes[range]);
        }
        Ok(())
    }

    /// What wasmtime says of the same call, if it is asked.
    fn agrees(&mut self, n: usize, args: &[u64], end: &End, size: u64) -> Result<(), String> {
        let Some(reference) = &mut self.reference else {
            return Ok(());
        };
        self.figures.references += 1;
        let said = reference.call(n, args);
        let same = match (end, &said) {
            (End::Returned, Outcome::Returned(_)) => true,
            (End::Trapped(_), Outcome::Trapped(kind)) => *kind == TrapKind::OutOfBounds,
            _ => false,
        };
        let state = [DONE, SUM].map(|global| reference.global(global as usize) as u32);
        match same && state == [self.model.done, self.model.sum] {
            true => Ok(()),
            false => Err(format!(
                "wasmtime: {said} {state:x?} of {size} bytes, and the rule {end:?}"
            )),
        }
    }
}
