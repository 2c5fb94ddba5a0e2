//! The operators that access memory, one row each.
//!
//! Out: the type, width and instruction of each load and store, and the bulk operators over ranges of several lengths.

use crate::program::Ty;
use wasm_encoder::{Instruction, MemArg};

/// The instruction of a load or a store.
pub type Make = fn(MemArg) -> Instruction<'static>;

/// What an access does.
#[derive(Clone, Copy)]
pub enum Operator {
    /// Loads so many bytes; a narrow integer is extended by its sign or by zeros.
    Load(Ty, u32, bool, Make),
    /// Stores so many bytes.
    Store(Ty, u32, Make),
    /// `memory.fill` of so many bytes.
    Fill(u32),
    /// `memory.copy` of so many bytes from the beginning of memory.
    CopyTo(u32),
    /// `memory.copy` of so many bytes to the beginning of memory.
    CopyFrom(u32),
    /// `memory.init` of so many bytes, the last ones of a segment of 37: one more is outside of that.
    Init(u32),
}

impl Operator {
    /// Bytes that it touches at its address.
    pub fn width(self) -> u32 {
        match self {
            Operator::Load(_, n, ..) | Operator::Store(_, n, _) => n,
            Operator::Fill(n) | Operator::CopyTo(n) | Operator::CopyFrom(n) | Operator::Init(n) => {
                n
            }
        }
    }

    /// Its words in a report.
    pub fn text(self) -> String {
        match self {
            Operator::Load(ty, n, signed, _) => {
                format!("load of {n} bytes as {ty:?}, signed {signed}")
            }
            Operator::Store(ty, n, _) => format!("store of {n} bytes of {ty:?}"),
            Operator::Fill(n) => format!("fill of {n} bytes"),
            Operator::CopyTo(n) => format!("copy of {n} bytes to it"),
            Operator::CopyFrom(n) => format!("copy of {n} bytes from it"),
            Operator::Init(n) => format!("init of {n} bytes"),
        }
    }

    /// Whether its length is an operand, and it has no static offset.
    pub fn bulk(self) -> bool {
        !matches!(self, Operator::Load(..) | Operator::Store(..))
    }
}

/// A load of one byte, which a wider access at the same address follows.
pub const BYTE: Operator = Operator::Load(Ty::I32, 1, false, Instruction::I32Load8U);

/// Every operator; ranges are none, one byte, what moves without a call, and more.
pub const OPERATORS: &[Operator] = &[
    Operator::Load(Ty::I32, 4, false, Instruction::I32Load),
    Operator::Load(Ty::I32, 1, true, Instruction::I32Load8S),
    BYTE,
    Operator::Load(Ty::I32, 2, true, Instruction::I32Load16S),
    Operator::Load(Ty::I32, 2, false, Instruction::I32Load16U),
    Operator::Load(Ty::I64, 8, false, Instruction::I64Load),
    Operator::Load(Ty::I64, 1, true, Instruction::I64Load8S),
    Operator::Load(Ty::I64, 1, false, Instruction::I64Load8U),
    Operator::Load(Ty::I64, 2, true, Instruction::I64Load16S),
    Operator::Load(Ty::I64, 2, false, Instruction::I64Load16U),
    Operator::Load(Ty::I64, 4, true, Instruction::I64Load32S),
    Operator::Load(Ty::I64, 4, false, Instruction::I64Load32U),
    Operator::Load(Ty::F32, 4, false, Instruction::F32Load),
    Operator::Load(Ty::F64, 8, false, Instruction::F64Load),
    Operator::Store(Ty::I32, 4, Instruction::I32Store),
    Operator::Store(Ty::I32, 1, Instruction::I32Store8),
    Operator::Store(Ty::I32, 2, Instruction::I32Store16),
    Operator::Store(Ty::I64, 8, Instruction::I64Store),
    Operator::Store(Ty::I64, 1, Instruction::I64Store8),
    Operator::Store(Ty::I64, 2, Instruction::I64Store16),
    Operator::Store(Ty::I64, 4, Instruction::I64Store32),
    Operator::Store(Ty::F32, 4, Instruction::F32Store),
    Operator::Store(Ty::F64, 8, Instruction::F64Store),
    Operator::Fill(0),
    Operator::Fill(1),
    Operator::Fill(16),
    Operator::Fill(37),
    Operator::CopyTo(0),
    Operator::CopyTo(8),
    Operator::CopyTo(37),
    Operator::CopyFrom(1),
    Operator::CopyFrom(16),
    Operator::CopyFrom(37),
    Operator::Init(0),
    Operator::Init(13),
    Operator::Init(37),
    Operator::Init(38),
];
