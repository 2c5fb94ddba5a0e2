//! From "the board left something else" to what a program did otherwise.
//!
//! In: a script and the number of the segment after which the board is apart, with a dump of its memory. Out: the same
//! program on a machine whose core is the recorded one until there, and then what the board left; so marshalling,
//! imports and judgement are those of every other voice. Invariant: before that segment board and recorded core left
//! the same, so the answers that imports gave are those that they would have given.

use super::batch::{Dump, Saw};
use super::record::in_use;
use crate::arm::memory::{Kind, Memory};
use crate::arm::{Core, Regs, SP, Stop};
use thumbsmith::Cpu;

/// What a board left after one segment.
pub struct Apart {
    /// Number of the segment.
    pub segment: usize,
    /// Registers.
    pub saw: Saw,
    /// Why it ended.
    pub stop: Stop,
    /// Memory.
    pub dump: Dump,
}

/// The recorded core with one run replaced.
pub struct Replayed<C: Core> {
    inner: C,
    cpu: Cpu,
    apart: Apart,
    runs: usize,
}

impl<C: Core> Replayed<C> {
    /// `inner` is what the script was recorded on.
    pub fn new(inner: C, cpu: Cpu, apart: Apart) -> Replayed<C> {
        Replayed {
            inner,
            cpu,
            apart,
            runs: 0,
        }
    }
}

/// The name of the voice for a CPU.
pub fn name(cpu: Cpu) -> String {
    format!("qemu {}", cpu.name())
}

impl<C: Core> Core for Replayed<C> {
    fn name(&self) -> String {
        name(self.cpu)
    }

    fn attach(&mut self, memory: &mut Memory) -> Result<(), String> {
        self.runs = 0;
        self.inner.attach(memory)
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        self.runs += 1;
        if self.runs != self.apart.segment + 1 {
            return self.inner.run(regs, memory, until);
        }
        let dump = &self.apart.dump;
        *regs = self.apart.saw.regs;
        for (kind, bytes) in [
            (Kind::Ram, &dump.ram),
            (Kind::Linear, &dump.linear),
            (Kind::Stack, &dump.guard),
        ] {
            memory.bytes_mut(kind)[..bytes.len()].copy_from_slice(bytes);
        }
        if in_use(memory, regs[SP]).len() == dump.stack.len() {
            memory.write(regs[SP], &dump.stack);
        }
        self.apart.stop.clone()
    }
}
