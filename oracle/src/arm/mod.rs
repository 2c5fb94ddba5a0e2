//! The emitted code as an engine: link one object into a simulated memory, call it by the AAPCS, watch the machine.
//!
//! `link` places sections and applies relocations; `memory` holds the regions; a [`Core`] executes instructions;
//! `machine` marshals calls, models imports and judges what is left behind. A second ARM voice is a second [`Core`], and
//! so is what each pass of the backend leaves (`staged`).

pub mod abi;
pub mod executor;
pub mod link;
pub mod machine;
#[allow(unsafe_code)]
pub mod memory;
pub mod staged;
pub mod tracer;
#[allow(unsafe_code)]
pub mod unicorn;

use memory::Memory;
use std::ops::{Index, IndexMut};
use thumbsmith::isa::{Reg, exec};

/// The registers of a core; by index those of the integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Regs {
    /// r0-r15; 13 is SP, 14 LR, 15 PC.
    pub r: [u32; 16],
    /// s0-s31, of which d0-d15 are pairs; all zero for code that has no FPU.
    pub s: [u32; 32],
}

impl Index<usize> for Regs {
    type Output = u32;

    fn index(&self, n: usize) -> &u32 {
        &self.r[n]
    }
}

impl IndexMut<usize> for Regs {
    fn index_mut(&mut self, n: usize) -> &mut u32 {
        &mut self.r[n]
    }
}

/// The bit DN of FPSCR (Arm v7-M manual, A2.5.3).
const DEFAULT_NAN: u32 = 1 << 25;

impl Regs {
    /// The flags at the start of a run, N, Z, C, V in the upper four bits: junk, as r12 is.
    pub fn flags(&self) -> u32 {
        self.r[12] & 0xf000_0000
    }

    /// FPSCR at the start of a run: every NaN is the default one, as the firmware promises, and flags are junk, other than
    /// those of the core.
    pub fn fpscr(&self) -> u32 {
        self.r[12] << 4 & 0xf000_0000 | DEFAULT_NAN
    }

    /// Registers that are not the same in another, PC aside, with what that has.
    pub fn changes(&self, after: &Regs) -> Vec<(Reg, u32)> {
        let (old, new) = (self.r.iter().chain(&self.s), after.r.iter().chain(&after.s));
        let pairs = old.zip(new).enumerate();
        let pairs = pairs.map(|(n, pair)| (Reg(n as u8), pair));
        let differ = pairs.filter(|(reg, (old, new))| *reg != Reg::PC && old != new);
        differ.map(|(reg, (_, new))| (reg, *new)).collect()
    }

    /// Lets a machine be at the start of a run.
    fn put(&self, machine: &mut exec::Machine) {
        (machine.r, machine.s, machine.it) = (self.r, self.s, 0);
        machine.flags = flags(self.flags());
        machine.fpscr = flags(self.fpscr());
        machine.default_nan = true;
    }

    /// What a machine holds.
    fn of(machine: &exec::Machine) -> Regs {
        Regs {
            r: machine.r,
            s: machine.s,
        }
    }
}

/// N, Z, C, V from the upper four bits.
fn flags(bits: u32) -> exec::Flags {
    let bit = |n: u32| bits >> n & 1 == 1;
    exec::Flags {
        n: bit(31),
        z: bit(30),
        c: bit(29),
        v: bit(28),
    }
}

/// Number of the stack pointer in [`Regs`].
pub const SP: usize = 13;
/// Number of the link register in [`Regs`].
pub const LR: usize = 14;
/// Number of the program counter in [`Regs`].
pub const PC: usize = 15;

/// Why a core stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It reached the address it was asked to stop at.
    Until,
    /// It met `UDF #code` at `PC`.
    Udf(u16),
    /// It did something the machine cannot: the text says what and where.
    Fault(String),
    /// It ran longer than the core's time limit.
    Timeout,
}

/// Something that executes Thumb-2 instructions over a [`Memory`].
pub trait Core {
    /// Who speaks, for reports.
    fn name(&self) -> String;
    /// The regions of `memory` were created or moved, or code was rewritten: forget every translation.
    ///
    /// # Errors
    /// Text of the simulator.
    fn attach(&mut self, memory: &mut Memory) -> Result<(), String>;
    /// Runs from `regs[PC]` (bit 0 clear, Thumb state, no pending IT block) until `until` is about to execute.
    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop;
    /// Another run begins before the one that stopped at an import goes on: a core that keeps more of a run than registers
    /// and memory puts it aside.
    fn suspend(&mut self) {}
    /// The run that was put aside last goes on next.
    fn resume(&mut self) {}
}

#[cfg(test)]
mod tests;
