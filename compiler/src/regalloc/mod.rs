//! Register allocation: from virtual registers to the fourteen of the core and those of the FPU.
//!
//! In: an `MFunc`. Out: an [`Allocation`] beside it. Invariant: executing the allocation computes what the
//! function computes; [`check`] proves it for one allocation, without knowing how it was made.
//!
//! The register files share nothing, so each is allocated by itself (`file`). Stages, one file each: `facts` (dense
//! arrays), `loops`, `liveness` (next uses), `spill` (what is in registers where), `slots` (stack slots), `hints` and
//! `assign` (which register), `moves` (parallel moves). Which answer is taken where several are right is asked of
//! [`Choices`]. The stages read operands, ties, fixed registers and clobbers, and never an operation.

mod assign;
pub mod checker;
mod facts;
mod file;
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
use crate::seeded::{Bug, on};
use smallvec::SmallVec;

use file::File;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Loc {
    /// In a register.
    Reg(Reg),
    /// In a spill slot of the frame, by number; registers of the FPU have slots of their own, as wide as they are.
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
    /// Exchanges two registers without a third, leaving the flags alone.
    Swap(Reg, Reg),
}

impl Edit {
    /// The registers that it names.
    fn registers(&self) -> SmallVec<[Reg; 2]> {
        let reg = |loc: &Loc| match loc {
            Loc::Reg(r) => Some(*r),
            Loc::Slot(_) => None,
        };
        match self {
            Edit::Move { from, to } => [from, to].into_iter().filter_map(reg).collect(),
            Edit::Remat { to, .. } => SmallVec::from_slice(&[*to]),
            Edit::Swap(x, y) => SmallVec::from_slice(&[*x, *y]),
        }
    }

    /// The same with other registers.
    fn renamed(&self, rename: impl Fn(Reg) -> Reg) -> Edit {
        let at = |loc| match loc {
            Loc::Reg(r) => Loc::Reg(rename(r)),
            Loc::Slot(s) => Loc::Slot(s),
        };
        match *self {
            Edit::Move { from, to } => Edit::Move {
                from: at(from),
                to: at(to),
            },
            Edit::Remat { value, to } => Edit::Remat {
                value,
                to: rename(to),
            },
            Edit::Swap(x, y) => Edit::Swap(rename(x), rename(y)),
        }
    }
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
    /// Number of 4-byte spill slots for registers of the core.
    pub slots: u32,
    /// Number of spill slots for registers of the FPU.
    pub float_slots: u32,
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

    /// Whether an instruction defines a value for which `holds`.
    fn defines(&self, f: &MFunc, block: u32, index: u32, holds: impl Fn(VReg) -> bool) -> bool {
        let block = f.blocks.get(block as usize);
        let inst = block.and_then(|b| b.insts.get(index as usize));
        inst.is_some_and(|i| i.defs.iter().any(|d| holds(*d)))
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
/// cannot be met with the registers there are.
pub fn allocate(f: &MFunc, choices: &mut Choices) -> Result<Allocation> {
    if f.float.is_empty() {
        return allocate_in(f, &file::CORE, choices);
    }
    let mut whole = file::empty(f);
    for file in [&file::CORE, File::of_floats(f)] {
        let part = file.part(f)?;
        let allocation = allocate_in(&part, file, choices)?;
        file.join(f, &allocation, &mut whole);
    }
    Ok(whole)
}

/// Allocates the registers of one file for a function all of whose values it holds.
fn allocate_in(f: &MFunc, file: &'static File, choices: &mut Choices) -> Result<Allocation> {
    let facts = facts::Facts::new(f, file)?;
    let loops = loops::Loops::new(&facts);
    let (live, mut merge) = liveness::Liveness::new(&facts, &loops)?;
    let plan = spill::plan(&facts, &loops, &live, &mut merge, choices)?;
    let slots = slots::share(&facts, &plan);
    assign::assign(&facts, &loops, &plan, &slots, choices)
}

/// Checks that `a` is a right allocation of `f`.
///
/// # Errors
/// [`ErrorKind::Internal`], naming block, instruction and value.
pub fn check(f: &MFunc, a: &Allocation) -> Result<()> {
    if f.float.is_empty() {
        return checker::check(f, a, &file::CORE);
    }
    checker::has_all_operands(f, a)?;
    [&file::CORE, File::of_floats(f)]
        .into_iter()
        .take(if on(Bug::CheckerCoreAlone) { 1 } else { 2 })
        .try_for_each(|file| checker::check(&file.part(f)?, &file.part_of(f, a)?, file))
}

/// An error about a broken invariant in `f`.
fn internal<T>(f: &MFunc, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::new(
        ErrorKind::Internal,
        format!("register allocation of {}: {message}", f.name),
    ))
}
