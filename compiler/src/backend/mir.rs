//! The machine IR: SSA over virtual registers, instructions as uniform records.
//!
//! In: what lowering emits. Out: what the register allocator reads (it never changes it; its result is an
//! [`crate::regalloc::Allocation`] beside it). Invariants, checked by [`verify`](super::verify):
//! every virtual register has one definition that dominates its uses; the block arguments of an edge match the
//! parameters of its target; critical edges are split; flags are read only right after the instruction that
//! set them, where "right after" may be separated only by instructions that leave flags alone.

use crate::isa::{self, Class, Cond, Op, Reg, RegSet, Role, Shift};
use smallvec::SmallVec;

/// A virtual register: one SSA value of 32 bits; of 64, where it is a `d` register of the FPU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct VReg(pub u32);

/// A block of a machine function; its number is its place in layout order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct MBlockId(pub u32);

/// A symbol of the module's symbol table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Symbol(pub u32);

/// Operations of the machine IR: those of the instruction set, and those that become instructions only when
/// registers, frame and layout are known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MOp {
    /// An instruction of the table; operands in role order (a `Tied` role takes a def and a use).
    Isa(Op),
    /// Defines the incoming register arguments (registers in `abi.defs`). First of the entry block.
    Args,
    /// `def = use`; a move that the allocator tries to make disappear.
    Copy,
    /// `def = imm`, by the cheapest form. Rematerializable.
    Const,
    /// `def = ` the float of 32 bits whose bits are `imm`, in a register of the FPU. Rematerializable.
    FloatConst,
    /// `def = ` the double that is equal to the float of 32 bits whose bits are `imm`, one that VMOV has. Rematerializable.
    DoubleConst,
    /// `def = ` the upper half of the use as a float of 32 bits; both are `d` registers.
    HighHalf,
    /// `def = ` the first use with its upper half replaced by the lower one of the second; all are `d` registers, and the first
    /// use is tied.
    PutHigh,
    /// `def = address of sym + imm`. Rematerializable.
    SymAddr,
    /// `def = ` word at byte `imm` of the incoming stack arguments. Rematerializable.
    InArg,
    /// Stores the use as a word at byte `imm` of the incoming stack area (results past the registers).
    InStore,
    /// Stores the use as a word at byte `imm` of the outgoing stack area.
    OutArg,
    /// `def = ` word at byte `imm` of the outgoing stack area (results past the registers of the last call).
    OutLoad,
    /// `def = address of` byte `imm` of the outgoing stack area.
    OutAddr,
    /// Calls `sym`. Uses and defs are fixed by `abi`, which also lists the clobbered registers.
    Call,
    /// Calls the address in the first use, which must be in a register not named by `abi.uses`; else like `Call`.
    CallReg,
    /// Traps with kind `imm` if `cond` holds on the flags.
    TrapIf,
    /// Traps with kind `imm` if the use is zero (`cond` = `Eq`) or not (`Ne`). Clobbers flags.
    TrapIfZero,
    /// Terminator: jumps to the only successor.
    Jump,
    /// Terminator: to successor 0 if `cond` holds on the flags, else to successor 1.
    Branch,
    /// Terminator: to successor 0 if the use is zero (`cond` = `Eq`) or not (`Ne`), else to 1. Clobbers flags.
    BranchZero,
    /// Terminator: to successor `use` (known to be less than the number of successors). Clobbers flags.
    /// A def, if present, is a scratch register that is distinct from the use.
    Switch,
    /// Terminator: returns; uses fixed by `abi`.
    Ret,
    /// Terminator: goes to `sym`, which returns to the caller; uses fixed by `abi`, stack arguments in the incoming area.
    TailCall,
    /// Terminator: as `TailCall`, to the address in the first use, which `abi` puts where returning leaves it alone.
    TailCallReg,
    /// Terminator: traps with kind `imm`.
    Trap,
}

/// Fixed registers of a call, a return, or the arguments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Abi {
    /// The register of each use (for `CallReg`: of each use but the first), in order.
    pub uses: SmallVec<[Reg; 4]>,
    /// The register of each def, in order.
    pub defs: SmallVec<[Reg; 4]>,
    /// Registers whose contents are lost, apart from the defs.
    pub clobbers: RegSet,
}

/// One machine instruction over virtual registers.
#[derive(Clone, PartialEq, Debug)]
pub struct MInst {
    /// The operation.
    pub op: MOp,
    /// Condition: of a branch or trap, or of a predicated instruction. A predicated instruction (an `Isa` op with
    /// `cond` other than `Al`) has one more use after those of its roles for each `Def` role: the value that
    /// the def keeps where the condition fails, tied to it.
    pub cond: Cond,
    /// Whether it sets the flags (comparisons need not say so).
    pub s: bool,
    /// Values defined.
    pub defs: SmallVec<[VReg; 2]>,
    /// Values used.
    pub uses: SmallVec<[VReg; 3]>,
    /// Immediate, offset, or trap kind.
    pub imm: i32,
    /// Width of a bit field.
    pub imm2: u8,
    /// Shift of the last register operand.
    pub shift: Shift,
    /// Symbol of a call or address.
    pub sym: Option<Symbol>,
    /// Fixed registers.
    pub abi: Option<Box<Abi>>,
    /// Byte offset in the WebAssembly binary that this instruction comes from; 0 if none.
    pub loc: u32,
}

impl MInst {
    /// An instruction with these defs and uses; everything else neutral.
    pub fn new(op: MOp, defs: &[VReg], uses: &[VReg]) -> MInst {
        MInst {
            op,
            cond: Cond::Al,
            s: false,
            defs: SmallVec::from_slice(defs),
            uses: SmallVec::from_slice(uses),
            imm: 0,
            imm2: 0,
            shift: Shift::NONE,
            sym: None,
            abi: None,
            loc: 0,
        }
    }

    /// Pairs of (index in `defs`, index in `uses`) that must share a register.
    #[inline]
    pub fn tied(&self) -> SmallVec<[(usize, usize); 2]> {
        match self.op {
            MOp::Isa(_) if self.defs.is_empty() => SmallVec::new(),
            MOp::Isa(op) if self.cond != Cond::Al || op.ties() => self.ties(op),
            MOp::PutHigh if !self.defs.is_empty() => SmallVec::from_slice(&[(0, 0)]),
            _ => SmallVec::new(),
        }
    }

    fn ties(&self, op: Op) -> SmallVec<[(usize, usize); 2]> {
        let (mut d, mut u) = (0, 0);
        let mut pairs = SmallVec::new();
        let mut plain_defs: SmallVec<[usize; 2]> = SmallVec::new();
        for role in op.roles() {
            match role {
                Role::Def => {
                    plain_defs.push(d);
                    d += 1;
                }
                Role::Use => u += 1,
                Role::Tied => {
                    pairs.push((d, u));
                    d += 1;
                    u += 1;
                }
            }
        }
        if self.cond != Cond::Al {
            for d in plain_defs {
                pairs.push((d, u));
                u += 1;
            }
        }
        pairs
    }

    /// Whether the value it defines can be made again anywhere, from nothing.
    pub fn is_rematerializable(&self) -> bool {
        matches!(
            self.op,
            MOp::Const | MOp::FloatConst | MOp::DoubleConst | MOp::SymAddr | MOp::InArg
        )
    }

    /// Whether making its value again costs no more than copying it from a register.
    pub fn is_cheap(&self) -> bool {
        match self.op {
            MOp::Const => (0..256).contains(&self.imm),
            MOp::FloatConst => isa::fits(Op::VmovIF32, self.imm, false),
            MOp::DoubleConst => true,
            _ => false,
        }
    }

    /// Whether its value comes from the incoming stack area, so that it cannot be made again after
    /// something was stored there.
    pub fn reads_incoming(&self) -> bool {
        self.op == MOp::InArg
    }

    /// Whether it stores into the incoming stack area.
    pub fn writes_incoming(&self) -> bool {
        self.op == MOp::InStore
    }

    /// Whether its defs are written before its uses are read, so that they must not share a register.
    pub fn is_early_clobber(&self) -> bool {
        self.op == MOp::Switch
    }

    /// Whether it is shorter with its operands in `r0`-`r7`: most data-processing, load and store encodings
    /// of 16 bits have three-bit register fields (Arm v7-M manual, A5.2). Moves and calls reach all registers.
    pub fn prefers_low(&self) -> bool {
        match self.op {
            MOp::Isa(_)
            | MOp::Const
            | MOp::FloatConst
            | MOp::DoubleConst
            | MOp::HighHalf
            | MOp::PutHigh
            | MOp::SymAddr
            | MOp::InArg
            | MOp::InStore
            | MOp::OutArg
            | MOp::OutLoad
            | MOp::OutAddr
            | MOp::TrapIfZero
            | MOp::BranchZero => true,
            MOp::Args
            | MOp::Copy
            | MOp::Call
            | MOp::CallReg
            | MOp::TrapIf
            | MOp::Jump
            | MOp::Branch
            | MOp::Switch
            | MOp::Ret
            | MOp::TailCall
            | MOp::TailCallReg
            | MOp::Trap => false,
        }
    }

    /// Whether it ends a block.
    pub fn is_terminator(&self) -> bool {
        matches!(
            self.op,
            MOp::Jump | MOp::Branch | MOp::BranchZero | MOp::Switch | MOp::Ret | MOp::Trap
        ) || self.leaves()
    }

    /// Whether it calls in the place of the function.
    pub fn leaves(&self) -> bool {
        matches!(self.op, MOp::TailCall | MOp::TailCallReg)
    }
}

/// A way from the end of one block to the start of another, with the arguments of the target's parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct MEdge {
    /// The target.
    pub to: MBlockId,
    /// One value for each parameter of the target.
    pub args: SmallVec<[VReg; 2]>,
}

/// A basic block; its last instruction, and only that, is a terminator.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MBlock {
    /// Values defined on entry, chosen by the edge taken.
    pub params: Vec<VReg>,
    /// Instructions.
    pub insts: Vec<MInst>,
    /// Successors.
    pub succs: SmallVec<[MEdge; 2]>,
    /// Predecessors, one entry an edge (so a block may stand here twice).
    pub preds: Vec<MBlockId>,
    /// How many loops it is in.
    pub loop_depth: u32,
    /// Whether it ends in a trap or is otherwise unlikely.
    pub cold: bool,
}

/// A machine function. Block 0 is the entry, which has no predecessors and no parameters.
/// Blocks are in reverse post-order: every predecessor that is not a back edge comes first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MFunc {
    /// Name, for messages.
    pub name: String,
    /// Blocks.
    pub blocks: Vec<MBlock>,
    /// Number of virtual registers.
    pub vregs: u32,
    /// By virtual register: whether it is one of the FPU. Empty if none is; those past the end are none.
    pub float: Vec<bool>,
    /// What registers of the FPU are: all `s`, or all `d`, each of which may hold a float of 32 bits in its lower half.
    pub float_class: Class,
    /// Bytes of the outgoing stack area.
    pub out_bytes: u32,
    /// Bytes of incoming stack arguments and results.
    pub in_bytes: u32,
    /// Whether it calls anything (so that lr is lost).
    pub has_calls: bool,
}

impl MFunc {
    /// Whether a value is in a register of the FPU.
    #[inline]
    pub fn is_float(&self, v: VReg) -> bool {
        self.float.get(v.0 as usize).copied().unwrap_or(false)
    }
}
