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

/// The sixteen core registers; 13 is SP, 14 LR, 15 PC.
pub type Regs = [u32; 16];

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
