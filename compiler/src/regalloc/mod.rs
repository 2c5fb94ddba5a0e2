//! Register allocation: from virtual registers to the fourteen of the core.

use crate::backend::mir::VReg;
use crate::isa::{Reg, RegSet};

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
    /// Number of 4-byte spill slots.
    pub slots: u32,
    /// Every register that is written anywhere.
    pub used: RegSet,
}
