//! One module of sweeps: made, compiled, loaded, and its functions called.
//!
//! In: a [`Case`]. Out: [`Figures`], or what is not as it must be. In mode `check` some modules are given to wasmtime too, which must
//! agree with the rule.

use super::model::Model;
use super::module::make;
use super::operator::OPERATORS;
use super::shape::{Home, Shape};
use super::stage::Stage;
use super::sweep::{FORMS, Sweep};
use crate::arm::machine::Machine;
use crate::arm::memory::{Kind, Map};
use crate::arm::unicorn::{Missed, UnicornCore};
use crate::engine::Engine;
use crate::program::{Info, Program};
use crate::random::Random;
use crate::reference::Reference;
use serde_json::{Value, json};
use std::time::Duration;
use thumbsmith::options::Base;
use thumbsmith::{Bounds, Cpu, Level, Options};

/// After how much a call counts as endless.
const PATIENCE: Duration = Duration::from_secs(10);
/// A module makes one of so many of its functions, another one in each turn.
const SHARE: usize = 3;
/// One module of so many in mode `check` is given to wasmtime too.
const REFERENCE_SHARE: u64 = 4;

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
