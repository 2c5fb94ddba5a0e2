//! The project's own executor over the instruction table as a core: the second ARM voice.
//!
//! In: registers and memory. Out: why it stopped. It faults where boards do and unicorn does not: LDRD, STRD, LDM and
//! STM at addresses that are not a multiple of four, words that are no instruction of the table, instructions that
//! the CPU does not have. It is slower, so the hunt asks it about some modules and a replay about all.

use super::memory::{Kind, Memory};
use super::{Core, PC, Regs, Stop};
use thumbsmith::Cpu;
use thumbsmith::isa::exec::{self, Bus, BusFault};
use thumbsmith::seeded::{Bug, on};

/// The executor with one CPU.
pub struct ExecutorCore {
    machine: exec::Machine,
    limit: u64,
}

impl ExecutorCore {
    /// A core that knows the instructions of `cpu` and gives up on a run after `limit` of them.
    pub fn new(cpu: Cpu, limit: u64) -> ExecutorCore {
        ExecutorCore {
            machine: exec::Machine::new(cpu),
            limit,
        }
    }

    /// Gives up on later runs after so many instructions.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Instructions executed and cycles taken so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.machine.instructions, self.machine.cycles)
    }
}

/// Memory with the rights of its regions.
pub(super) struct View<'a>(pub(super) &'a mut Memory);

impl View<'_> {
    fn place(&self, address: u32, size: u32) -> Result<(Kind, usize), BusFault> {
        self.0
            .locate(address, size as usize)
            .ok_or(BusFault { address })
    }
}

impl Bus for View<'_> {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let (kind, at) = self.place(address, size)?;
        let mut word = [0; 4];
        word[..size as usize].copy_from_slice(&self.0.bytes(kind)[at..at + size as usize]);
        Ok(u32::from_le_bytes(word))
    }

    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        let (kind, at) = self.place(address, size)?;
        if !kind.writable() {
            return Err(BusFault { address });
        }
        let bytes = value.to_le_bytes();
        self.0.bytes_mut(kind)[at..at + size as usize].copy_from_slice(&bytes[..size as usize]);
        Ok(())
    }

    fn fetch(&mut self, address: u32) -> Result<u16, BusFault> {
        match self.place(address, 2)?.0 {
            Kind::Stubs | Kind::Code => self.load(address, 2).map(|v| v as u16),
            Kind::Ram | Kind::Linear | Kind::Stack => Err(BusFault { address }),
        }
    }
}

impl Core for ExecutorCore {
    fn name(&self) -> String {
        format!("executor {}", self.machine.cpu.name())
    }

    fn attach(&mut self, _: &mut Memory) -> Result<(), String> {
        if !on(Bug::ExecutorStale) {
            self.machine.forget_code();
        }
        Ok(())
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        let m = &mut self.machine;
        regs.put(m);
        let result = m.run(&mut View(memory), until, self.limit);
        *regs = Regs::of(m);
        match result {
            Ok(()) => Stop::Until,
            Err(exec::Stop::Udf(code)) => Stop::Udf(code as u16),
            Err(exec::Stop::Limit) => Stop::Timeout,
            Err(other) => Stop::Fault(format!("{other} at {:#x}", regs[PC])),
        }
    }
}
