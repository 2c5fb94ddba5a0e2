//! Linear code: what emission makes, and layout turns into bytes.
//!
//! In: nothing. Out: [`Item`], [`Code`]. An item is an instruction, or something whose size depends on where things are.

use super::mir::Symbol;
use crate::isa::{Cond, Inst, Reg};

/// A place in the code of a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Label(pub u32);

/// A word in a literal pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Literal {
    /// These bits.
    Const(u32),
    /// The address of a symbol plus an offset.
    Addr(Symbol, i32),
}

/// One piece of code.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// An instruction.
    Inst(Inst),
    /// MOVW or MOVT of a symbol's address; the immediate is the addend.
    HalfAddress(Inst, Symbol),
    /// A label.
    Label(Label),
    /// A branch.
    Branch(Cond, Label),
    /// A branch if a register is zero (`true`) or not.
    BranchZero(Reg, bool, Label),
    /// A call.
    Call(Symbol),
    /// Loads a word from the literal pool.
    Load(Reg, Literal),
    /// Jumps to the label whose number is in the register.
    Table(Reg, Vec<Label>),
    /// UDF with a trap kind.
    Trap(u8),
}

/// One piece of code with its origin.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// What.
    pub kind: Kind,
    /// Byte offset in the WebAssembly binary; 0 if none.
    pub loc: u32,
}

/// How a relocated place is computed (ELF for the Arm Architecture, section 5.6).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RelocKind {
    Abs32,
    Call,
    MovwAbs,
    MovtAbs,
}

/// A relocation; addends are in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reloc {
    /// Byte offset in the code.
    pub offset: u32,
    /// How.
    pub kind: RelocKind,
    /// Against what.
    pub symbol: Symbol,
}

/// The finished code of a function.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Code {
    /// Bytes.
    pub bytes: Vec<u8>,
    /// Relocations in order.
    pub relocs: Vec<Reloc>,
    /// Ranges of bytes that are data: jump tables and literal pools.
    pub data: Vec<(u32, u32)>,
    /// Offsets in the code at which the WebAssembly offset changes.
    pub lines: Vec<(u32, u32)>,
    /// Traps: offset of the UDF, kind, WebAssembly offset.
    pub traps: Vec<(u32, u8, u32)>,
    /// Assembly text, a line each: offset, WebAssembly offset, text. Empty unless asked for.
    pub listing: Vec<(u32, u32, String)>,
    /// Number of instructions.
    pub instructions: u32,
    /// Bytes of stack that the function itself uses.
    pub frame: u32,
}
