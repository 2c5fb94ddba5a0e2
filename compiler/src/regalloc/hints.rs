//! Which registers values would like, found by one backward walk over a block.
//!
//! In: a block and what is known about the entry of its successors. Out: per operand of a definition, a register
//! that a later fixed use, tied use, copy or block parameter wants the value in, if nothing on the way there
//! claims that register; per instruction, registers that the next fixed uses want, for others to avoid.
//! Hints never bind: any answer gives correct code.

use super::facts::Facts;
use super::file::MOST;
use crate::backend::mir::{MBlock, MInst, MOp};
use crate::isa::{Reg, RegSet};

/// "No register".
pub(super) const NO_REG: u8 = u8::MAX;

/// Hints for the block being assigned, and what carries over between blocks.
pub(super) struct Hints {
    /// Per value: position of the use that wants it (which also tells stale entries), register.
    want: Vec<(u32, u8)>,
    /// Per parameter, the register that an argument of it had.
    pub param: Vec<u8>,
    /// Per operand of the block (as in `Allocation::regs`), the register wanted for a def.
    pub defs: Vec<u8>,
    /// Per instruction, registers that the nearest later fixed uses take.
    pub avoid: Vec<RegSet>,
}

impl Hints {
    /// No hints yet.
    pub fn new(values: usize) -> Hints {
        Hints {
            want: vec![(u32::MAX, NO_REG); values],
            param: vec![NO_REG; values],
            defs: Vec::new(),
            avoid: Vec::new(),
        }
    }

    /// What a value that is live into block `b` is wanted in there.
    pub fn at_entry(&self, facts: &Facts, b: u32, v: u32) -> u8 {
        let (position, reg) = self.want[v as usize];
        if (facts.base[b as usize]..=facts.end(b)).contains(&position) {
            reg
        } else {
            NO_REG
        }
    }

    /// Walks block `b`; `ends` holds (value, register) pairs wanted at its end.
    pub fn scan(&mut self, facts: &Facts, b: u32, ends: &[(u32, u8)]) {
        let block = &facts.f.blocks[b as usize];
        let base = facts.base[b as usize];
        let end = facts.end(b);
        let mut avoid = RegSet::EMPTY;
        for &(v, r) in ends {
            self.want[v as usize] = (end, r);
            avoid.insert(Reg(r));
        }
        let operands = block
            .insts
            .iter()
            .map(|i| i.defs.len() + i.uses.len())
            .sum();
        self.defs.clear();
        self.defs.resize(operands, NO_REG);
        self.avoid.clear();
        self.avoid.resize(block.insts.len(), RegSet::EMPTY);
        // Per register, the nearest later position that claims it for something else.
        let mut claimed = [u32::MAX; MOST];
        let mut at = operands;
        for (i, inst) in block.insts.iter().enumerate().rev() {
            let position = base + 1 + i as u32;
            at -= inst.defs.len() + inst.uses.len();
            self.avoid[i] = avoid;
            for (k, d) in inst.defs.iter().enumerate() {
                let (use_, reg) = self.want[d.0 as usize];
                if (position..=end).contains(&use_) && claimed[reg as usize] >= use_ {
                    self.defs[at + k] = reg;
                }
            }
            self.pass_on(inst, position, at);
            if let Some(abi) = &inst.abi {
                let mut taken = abi.clobbers;
                abi.defs
                    .iter()
                    .chain(&abi.uses)
                    .for_each(|&r| taken.insert(r));
                taken.iter().for_each(|r| claimed[r.0 as usize] = position);
                let free = inst.uses.len() - abi.uses.len();
                avoid = RegSet::EMPTY;
                for (u, &r) in inst.uses[free..].iter().zip(&abi.uses) {
                    self.want[u.0 as usize] = (position, r.0);
                    avoid.insert(r);
                }
            }
        }
        self.forget_claimed(block, base, end, &claimed);
    }

    /// A copy's or tied operand's source would like the register of the result.
    fn pass_on(&mut self, inst: &MInst, position: u32, at: usize) {
        let mut pass = |d: usize, u: usize| {
            let reg = self.defs[at + d];
            if reg != NO_REG {
                self.want[inst.uses[u].0 as usize] = (position, reg);
            }
        };
        if inst.op == MOp::Copy && !inst.defs.is_empty() {
            pass(0, 0);
        }
        inst.tied().iter().for_each(|&(d, u)| pass(d, u));
    }

    /// Parameters must not be hinted to a register that something claims before the use that wants it.
    fn forget_claimed(&mut self, block: &MBlock, base: u32, end: u32, claimed: &[u32; MOST]) {
        for p in &block.params {
            let want = &mut self.want[p.0 as usize];
            if (base..=end).contains(&want.0) && claimed[want.1 as usize] < want.0 {
                want.1 = NO_REG;
            }
        }
    }
}
