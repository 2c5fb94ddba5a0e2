//! Register allocation: from virtual registers to the fourteen of the core.
//!
//! In: an `MFunc`. Out: an [`Allocation`] beside it. Invariant: executing the allocation computes what the
//! function computes; [`check`] proves it for one allocation, without knowing how it was made.
//!
//! Stages, one file each: `facts` (dense arrays), `loops`, `liveness` (next uses), `spill` (what is in registers
//! where), `slots` (stack slots), `hints` and `assign` (which register), `moves` (parallel moves). Which answer
//! is taken where several are right is asked of [`Choices`]. The stages read operands, ties, fixed registers and
//! clobbers, and never an operation.

mod assign;
pub mod checker;
mod facts;
mod hints;
mod known;
mod liveness;
mod loops;
mod moves;
#[doc(hidden)]
pub mod simulate;
mod slots;
mod spill;
#[doc(hidden)]
pub mod testgen;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_quality;

use crate::backend::mir::{MFunc, MInst, VReg};
use crate::choices::Choices;
use crate::error::{Error, ErrorKind, Result};
use crate::isa::{Reg, RegSet};

pub use checker::check;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Loc {
    /// In a register.
    Reg(Reg),
    /// In a 4-byte spill slot of the frame, by number.
    Slot(u32),
}

/// Something to do before an instruction of the machine IR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Copies a word. At most one side is a slot. Never touches the flags.
    Move {
        /// From here.
        from: Loc,
        /// To there.
        to: Loc,
    },
    /// Makes the rematerializable value again. Never touches the flags.
    Remat {
        /// Which value: its defining instruction is repeated.
        value: VReg,
        /// Into this register.
        to: Reg,
    },
    /// Exchanges two registers without a third (three EORs that leave the flags alone).
    Swap(Reg, Reg),
}

/// The result of allocation, beside the unchanged machine IR.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Allocation {
    /// Per block, the edits in order: (index of the instruction they come before, edit).
    pub edits: Vec<Vec<(u32, Edit)>>,
    /// Per block, per instruction: registers of the defs, then of the uses. Flat; see `starts`.
    pub regs: Vec<Vec<Reg>>,
    /// Per block, per instruction: where its registers start in `regs`.
    pub starts: Vec<Vec<u32>>,
    /// Instructions that must not be emitted, as (block, index) in order: rematerializable definitions whose
    /// register nobody reads, because each use reads a copy made by an [`Edit::Remat`]. Their registers mean nothing.
    pub omitted: Vec<(u32, u32)>,
    /// Number of 4-byte spill slots.
    pub slots: u32,
    /// Every register that is written anywhere.
    pub used: RegSet,
}

impl Allocation {
    /// The registers of an instruction's defs and of its uses.
    pub fn operands(&self, block: u32, index: u32, inst: &MInst) -> (&[Reg], &[Reg]) {
        let start = self.starts[block as usize][index as usize] as usize;
        let end = start + inst.defs.len() + inst.uses.len();
        self.regs[block as usize][start..end].split_at(inst.defs.len())
    }

    /// Whether the instruction must not be emitted.
    pub fn is_omitted(&self, block: u32, index: u32) -> bool {
        self.omitted.binary_search(&(block, index)).is_ok()
    }
}

/// Allocates registers for a verified function, whose edges out of blocks with one successor end in a
/// terminator without operands.
///
/// # Errors
/// [`ErrorKind::Internal`] if the function breaks an invariant of the machine IR, or an instruction's constraints
/// cannot be met with fourteen registers.
pub fn allocate(f: &MFunc, choices: &mut Choices) -> Result<Allocation> {
    let facts = facts::Facts::new(f)?;
    let loops = loops::Loops::new(&facts);
    let (live, mut merge) = liveness::Liveness::new(&facts, &loops)?;
    let plan = spill::plan(&facts, &loops, &live, &mut merge, choices)?;
    let slots = slots::share(&facts, &plan);
    assign::assign(&facts, &loops, &plan, &slots, choices)
}

/// An error about a broken invariant in `f`.
fn internal<T>(f: &MFunc, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::new(
        ErrorKind::Internal,
        format!("register allocation of {}: {message}", f.name),
    ))
}
