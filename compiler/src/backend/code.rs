//! Linear code: what emission makes, and layout turns into bytes.
//!
//! In: nothing. Out: [`Item`], [`Code`]. An item is an instruction, or something whose size depends on where things are.
//! Invariants of the items of a function, checked by [`verify`]: every label stands in one place, every label that is
//! named stands somewhere, nothing runs past the end, and IT instructions are followed by what they say.

use super::mir::Symbol;
use super::symbols::SymbolKind;
use crate::isa::{Cond, Inst, Op, Reg};
use rustc_hash::FxHashSet;

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
    /// A jump to a function, which returns to the caller of this one.
    TailCall(Symbol),
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

impl Item {
    /// Whether it is an IT instruction.
    pub fn is_it(&self) -> bool {
        matches!(&self.kind, Kind::Inst(i) if i.op == Op::It)
    }

    /// Bytes that it may take at most, with its literal.
    pub fn most_bytes(&self) -> u32 {
        match &self.kind {
            Kind::Label(_) => 0,
            Kind::Trap(_) => 2,
            Kind::Inst(_) | Kind::HalfAddress(..) | Kind::Branch(..) => 4,
            Kind::Call(_) | Kind::TailCall(_) => 4,
            // The load and its word; a comparison and a branch.
            Kind::Load(..) | Kind::BranchZero(..) => 8,
            // Its entries reach in code that is not much larger than what loads of literals reach.
            Kind::Table(_, labels) => 4 + 2 * labels.len() as u32,
        }
    }

    /// Whether control never goes on behind it.
    pub fn is_end(&self) -> bool {
        match &self.kind {
            Kind::Branch(cond, _) => *cond == Cond::Al,
            Kind::Table(..) | Kind::Trap(_) | Kind::TailCall(_) => true,
            Kind::Inst(i) => {
                i.cond == Cond::Al
                    && (i.op == Op::BxR || i.op == Op::Pop && i.list.contains(Reg::PC))
            }
            Kind::HalfAddress(..)
            | Kind::Label(_)
            | Kind::BranchZero(..)
            | Kind::Call(_)
            | Kind::Load(..) => false,
        }
    }

    /// The labels that it goes to.
    pub fn targets(&self) -> &[Label] {
        match &self.kind {
            Kind::Branch(_, l) | Kind::BranchZero(_, _, l) => std::slice::from_ref(l),
            Kind::Table(_, ls) => ls,
            Kind::Inst(_)
            | Kind::HalfAddress(..)
            | Kind::Label(_)
            | Kind::Call(_)
            | Kind::TailCall(_)
            | Kind::Load(..)
            | Kind::Trap(_) => &[],
        }
    }
}

/// Checks the items of a function. As long as there is no IT instruction, each predicated instruction stands by itself.
///
/// # Errors
/// The invariant that does not hold, with the number of the item.
pub fn verify(items: &[Item]) -> Result<(), String> {
    let mut labels = FxHashSet::default();
    for item in items {
        if let Kind::Label(l) = item.kind
            && !labels.insert(l)
        {
            return Err(format!("label {} stands twice", l.0));
        }
    }
    if !items.last().is_some_and(Item::is_end) {
        return Err("control runs past the end".into());
    }
    let has_it = items.iter().any(Item::is_it);
    // Conditions of the IT block that is open, last first.
    let mut block: Vec<Cond> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if let Some(l) = item.targets().iter().find(|l| !labels.contains(l)) {
            return Err(format!(
                "item {i} goes to label {}, which stands nowhere",
                l.0
            ));
        }
        let wanted = block.pop();
        match &item.kind {
            Kind::Inst(it) if it.op == Op::It && wanted.is_none() => block = it_conditions(it),
            Kind::Inst(inst) => {
                let wanted = match wanted {
                    None if !has_it => inst.cond,
                    None => Cond::Al,
                    Some(cond) => cond,
                };
                if inst.cond != wanted {
                    return Err(format!("item {i} is {:?} and not {wanted:?}", inst.cond));
                }
            }
            Kind::HalfAddress(..)
            | Kind::Label(_)
            | Kind::Branch(..)
            | Kind::BranchZero(..)
            | Kind::Call(_)
            | Kind::TailCall(_)
            | Kind::Load(..)
            | Kind::Table(..)
            | Kind::Trap(_) => {
                if wanted.is_some() {
                    return Err(format!("item {i} stands in an IT block"));
                }
            }
        }
    }
    Ok(())
}

/// The conditions that an IT instruction gives to those behind it, last first (Arm v7-M manual, A7.7.38).
fn it_conditions(it: &Inst) -> Vec<Cond> {
    let mask = it.imm as u32 & 15;
    let count = 4 - mask.trailing_zeros().min(3);
    let cond = |k: u32| match k == 0 || mask >> (4 - k) & 1 == it.cond as u32 & 1 {
        true => it.cond,
        false => it.cond.invert(),
    };
    (0..count).rev().map(cond).collect()
}

/// How a relocated place is computed (ELF for the Arm Architecture, section 5.6).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RelocKind {
    Abs32,
    Call,
    Jump,
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
    /// Entries of its own that symbols name, with their offsets: of code that several functions share.
    pub entries: Vec<(SymbolKind, u32)>,
    /// Number of instructions.
    pub instructions: u32,
    /// Bytes of stack that the function itself uses.
    pub frame: u32,
    /// The word in front of the code by which references tell the function's type.
    pub id: Option<u32>,
}
