//! The executor as a core that writes down what it does.
//!
//! In: registers and memory. Out: a [`Line`] an instruction: where it stands, its text, the registers that it changed, and
//! its effect on what the outside sees. Slow, for triage only. Invariant: it executes as
//! [`executor`](super::executor) does, an instruction at a time.

use super::executor::View;
use super::memory::{Kind, Memory};
use super::{Core, PC, Regs, Stop};
use thumbsmith::Cpu;
use thumbsmith::isa::exec::{self, Bus, BusFault};
use thumbsmith::isa::{Reg, decode};

/// One executed instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its address.
    pub pc: u32,
    /// Registers before it.
    pub before: Regs,
    /// Its text.
    pub text: String,
    /// Registers that it changed, PC aside, with their new values.
    pub changes: Vec<(Reg, u32)>,
    /// What it did to linear memory, to other data or to an import, in words.
    pub effect: Option<String>,
}

/// Lines after which no more are written down.
const MOST: usize = 200_000;

/// The core.
pub struct Tracer {
    machine: exec::Machine,
    limit: u64,
    /// What was executed since it was last cleared.
    pub lines: Vec<Line>,
}

impl Tracer {
    /// A core that knows the instructions of `cpu` and gives up on a run after `limit` of them.
    pub fn new(cpu: Cpu, limit: u64) -> Tracer {
        Tracer {
            machine: exec::Machine::new(cpu),
            limit,
            lines: Vec::new(),
        }
    }

    /// The text of the instruction at PC.
    fn text(&self, bus: &mut impl Bus) -> String {
        let pc = self.machine.r[PC];
        let halves = [bus.fetch(pc), bus.fetch(pc.wrapping_add(2))];
        let halves: Vec<u16> = halves.into_iter().map_while(Result::ok).collect();
        match decode(&halves, self.machine.it_condition()) {
            Ok((inst, _)) => inst.to_string(),
            Err(e) => e.to_string(),
        }
    }

    fn step(&mut self, memory: &mut Memory) -> Result<(), exec::Stop> {
        let mut bus = Watch {
            view: View(memory),
            stored: None,
        };
        let before = Regs::of(&self.machine);
        let text = self.text(&mut bus);
        let result = self.machine.step(&mut bus);
        if self.lines.len() < MOST {
            let changes = before.changes(&Regs::of(&self.machine));
            self.lines.push(Line {
                pc: before[PC],
                before,
                text,
                changes,
                effect: bus.stored,
            });
        }
        result
    }
}

/// Memory that remembers what was last stored where others see it.
struct Watch<'a> {
    view: View<'a>,
    stored: Option<String>,
}

impl Bus for Watch<'_> {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        self.view.load(address, size)
    }

    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        let home = self.view.0.locate(address, size as usize);
        if let Some((kind @ (Kind::Linear | Kind::Ram), offset)) = home {
            let value = value & (u32::MAX >> (32 - 8 * size));
            self.stored = Some(format!("{kind:?} +{offset:#x} = {value:#x}, {size} bytes"));
        }
        self.view.store(address, size, value)
    }

    fn fetch(&mut self, address: u32) -> Result<u16, BusFault> {
        self.view.fetch(address)
    }
}

impl Core for Tracer {
    fn name(&self) -> String {
        format!("tracer {}", self.machine.cpu.name())
    }

    fn attach(&mut self, _: &mut Memory) -> Result<(), String> {
        self.machine.forget_code();
        Ok(())
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        regs.put(&mut self.machine);
        let mut result = Ok(());
        let mut left = self.limit;
        while result.is_ok() && self.machine.r[PC] != until {
            result = match left {
                0 => Err(exec::Stop::Limit),
                _ => self.step(memory),
            };
            left = left.saturating_sub(1);
        }
        *regs = Regs::of(&self.machine);
        match result {
            Ok(()) => Stop::Until,
            Err(exec::Stop::Udf(code)) => {
                if let Some(last) = self.lines.last_mut() {
                    let args = &regs.r[..4];
                    last.effect = Some(format!("UDF #{code}, r0-r3 {args:x?}"));
                }
                Stop::Udf(code as u16)
            }
            Err(exec::Stop::Limit) => Stop::Timeout,
            Err(other) => Stop::Fault(format!("{other} at {:#x}", regs[PC])),
        }
    }
}
