//! The meanings that operations have: the vocabulary of the rows of [`super::ops`].
//!
//! In: nothing. Out: [`Sem`] and what it is made of, with the questions that depend on meaning alone.
//! Invariant: two operations with the same `Sem` differ in encodings only (MOV and MOVW).
//! Where a comment says `r0`..`r3` it means the first to fourth register operand.

use super::{Cond, ShiftKind};

/// A two-operand computation; `a` is the first source and `b` the second (Arm v7-M manual, A7.7).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alu {
    /// `a + b`, `a - b`, `b - a`, `a + b + C`, `a - b - !C`; these set C and V by the addition.
    Add,
    Sub,
    Rsb,
    Adc,
    Sbc,
    /// The others set C by the shifter or the rotated immediate, and leave V alone.
    And,
    Orr,
    Eor,
    Bic,
    Orn,
    /// `b` alone, and its complement: there is no `a`.
    Mov,
    Mvn,
}

impl Alu {
    /// Whether there is a first source.
    pub const fn is_binary(self) -> bool {
        !matches!(self, Alu::Mov | Alu::Mvn)
    }
    /// Whether `a` and `b` may change places.
    pub const fn commutes(self) -> bool {
        matches!(self, Alu::Add | Alu::Adc | Alu::And | Alu::Orr | Alu::Eor)
    }
    /// Whether the carry flag is an input.
    pub const fn reads_carry(self) -> bool {
        matches!(self, Alu::Adc | Alu::Sbc)
    }
}

/// Width and extension of a value in memory or in the low bits of a register.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    U8,
    S8,
    U16,
    S16,
    W32,
}

impl Size {
    /// Width in bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            Size::U8 | Size::S8 => 1,
            Size::U16 | Size::S16 => 2,
            Size::W32 => 4,
        }
    }
    /// The low bits of `v`, extended to 32 bits.
    pub const fn extend(self, v: u32) -> u32 {
        match self {
            Size::U8 => v as u8 as u32,
            Size::S8 => v as i8 as u32,
            Size::U16 => v as u16 as u32,
            Size::S16 => v as i16 as u32,
            Size::W32 => v,
        }
    }
}

/// How an address is formed (Arm v7-M manual, A4.6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addr {
    /// `[rn, #imm]`
    Offset,
    /// `[rn, rm, lsl #n]`
    Index,
    /// `[rn, #imm]!`: the sum is written back to the base.
    Pre,
    /// `[rn], #imm`: the base is the address, then the sum is written back.
    Post,
    /// `[pc, #imm]` from the aligned PC.
    Literal,
}

/// Width of a float.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    F32,
    F64,
}

/// A computation of two floats (Arm v7-M manual, A2.5; of the v8-M manual `FPMaxNum` and `FPMinNum`).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    /// The greater and the lesser: -0 is below +0, and a number wins over a quiet NaN.
    MaxNm,
    MinNm,
}

/// Where a float goes that is not integral.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// To the nearest integer, from the middle to the even one: the mode of FPSCR after reset, too.
    Even,
    /// To the nearest integer, from the middle away from zero.
    Away,
    /// Up.
    Up,
    /// Down.
    Down,
    /// To zero.
    Zero,
}

/// What an operation of the floating-point extension does (Arm v7-M manual, A2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vfp {
    /// `r0 = r1 op r2`
    Arith(Arith, Precision),
    /// `r0 =` square root of `r1`.
    Sqrt(Precision),
    /// `r0 = r1` with the sign changed; of a NaN too.
    Neg(Precision),
    /// `r0 = r1` without sign; of a NaN too.
    Abs(Precision),
    /// `r0 = r1`, any bits.
    Move(Precision),
    /// `r0 = imm`
    Const(Precision),
    /// `r0 = r1` rounded to an integral float.
    Round(Rounding, Precision),
    /// Flags of FPSCR: `r0` against `r1`.
    Compare(Precision),
    /// Flags of FPSCR: `r0` against +0.
    CompareZero(Precision),
    /// The flags become those of FPSCR.
    Flags,
    /// `r0 = r1` if the condition holds, else `r2`; any bits.
    Select(Cond, Precision),
    /// `r0 =` the float `r1` as an integer of 32 bits, saturated; 0 for NaN.
    ToInt {
        /// It is signed.
        signed: bool,
        /// Where a float goes that is not integral.
        rounding: Rounding,
        /// The float.
        from: Precision,
    },
    /// `r0 =` the integer of 32 bits in `r1` as a float.
    FromInt {
        /// It is signed.
        signed: bool,
        /// The float.
        to: Precision,
    },
    /// `r0 =` the float of 32 bits in `r1` as one of 64.
    Widen,
    /// `r0 =` the float of 64 bits in `r1` as one of 32.
    Narrow,
    /// The `s` register `r0 =` the core register `r1`.
    FromCore,
    /// The core register `r0 =` the `s` register `r1`.
    ToCore,
    /// The `d` register `r0 = r2:r1`.
    FromPair,
    /// `r1:r0 =` the `d` register `r2`.
    ToPair,
    /// `r0 =` memory at a multiple of four.
    Load(Precision, Addr),
    /// Memory at a multiple of four, `r1 + imm`, `= r0`.
    Store(Precision),
    /// The list to the stack.
    Push,
    /// The list from the stack.
    Pop,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sem {
    /// `r0 = r1 op imm`, or `r0 = op imm`.
    AluI(Alu),
    /// `r0 = r1 op shift(r2)`, or `r0 = op shift(r1)`.
    AluR(Alu),
    /// Flags of `r0 op imm`.
    TestI(Alu),
    /// Flags of `r0 op shift(r1)`.
    TestR(Alu),
    /// The upper half of `r0` becomes `imm`.
    Movt,
    /// `r0 = r1` shifted by `imm`.
    ShiftI(ShiftKind),
    /// `r0 = r1` shifted by the low byte of `r2`.
    ShiftR(ShiftKind),
    /// `r0 = C:r1` rotated right by one.
    Rrx,
    /// `r0 = r1 * r2`
    Mul,
    /// `r0 = r1 * r2 + r3`
    Mla,
    /// `r0 = r3 - r1 * r2`
    Mls,
    /// `r1:r0 = r2 * r3`, 64 bits, with `r1:r0` added if it accumulates.
    MulLong {
        /// Operands are signed.
        signed: bool,
        /// The old destination is added.
        accumulate: bool,
    },
    /// `r1:r0 = r2 * r3 + r0 + r1`, unsigned.
    Umaal,
    /// `r0 = r1 / r2` rounded to zero; division by zero gives zero.
    Div {
        /// Operands are signed.
        signed: bool,
    },
    /// `r0 =` upper half of signed `r1 * r2`.
    Smmul,
    /// `r0 =` product of the signed lower halves of `r1` and `r2`, plus `r3` if it accumulates.
    MulHalf {
        /// `r3` is added.
        accumulate: bool,
    },
    /// `r0 =` leading zeros of `r1`.
    Clz,
    /// `r0 = r1` with bits reversed.
    Rbit,
    /// `r0 = r1` with bytes reversed.
    Rev,
    /// `r0 = r1` with the bytes of each half reversed.
    Rev16,
    /// `r0 =` reversed low half of `r1`, sign-extended.
    Revsh,
    /// `r0 =` extension of the rotated `r1`.
    Extend(Size),
    /// `r0 = r1 +` extension of the rotated `r2`.
    ExtendAdd(Size),
    /// `r0 =` field of `r1` at bit `imm`, `imm2` wide.
    FieldGet {
        /// It is sign-extended.
        signed: bool,
    },
    /// The field of `r0` becomes the low bits of `r1`.
    FieldPut,
    /// The field of `r0` becomes zero.
    FieldClear,
    /// `r0 =` shifted `r1` saturated to `imm` bits.
    Saturate {
        /// To a signed range.
        signed: bool,
    },
    /// `r0 =` memory.
    Load(Size, Addr),
    /// Memory `= r0`.
    Store(Size, Addr),
    /// `r0 =` aligned PC `+ imm`.
    Adr,
    /// `r0, r1 =` two words at `r2 + imm`.
    LoadDual,
    /// Two words at `r2 + imm` `= r0, r1`.
    StoreDual,
    /// The list from words at `r0`, lowest register at the lowest address.
    LoadMany {
        /// The words end below `r0` instead of starting there.
        before: bool,
        /// `r0` moves past the words.
        writeback: bool,
    },
    /// The list to words at `r0`.
    StoreMany {
        /// The words end below `r0` instead of starting there.
        before: bool,
        /// `r0` moves past the words.
        writeback: bool,
    },
    /// The list to the stack.
    Push,
    /// The list from the stack.
    Pop,
    /// To PC `+ imm`.
    Branch,
    /// To PC `+ imm`, LR is the return address.
    Call,
    /// To `r0`, LR is the return address.
    CallReg,
    /// To `r0`.
    BranchReg,
    /// To PC `+ imm` if `r0` is zero, or if it is not.
    CompareBranch {
        /// Branches if zero.
        zero: bool,
    },
    /// To PC plus twice the table entry at `r0 + r1`, or `r0 + 2 * r1`.
    TableBranch {
        /// Entries are halfwords.
        wide: bool,
    },
    /// Starts an IT block.
    It,
    /// Nothing.
    Nop,
    /// Permanently undefined: the trap instruction.
    Udf,
    /// Breakpoint.
    Bkpt,
    /// An operation of the floating-point extension.
    Vfp(Vfp),
}

impl Sem {
    /// The two register operands that may change places without changing the result (if there is no shift).
    pub const fn commutes(self) -> Option<(usize, usize)> {
        match self {
            Sem::AluR(a) if a.is_binary() && a.commutes() => Some((1, 2)),
            Sem::TestR(a) if a.commutes() => Some((0, 1)),
            Sem::Mul | Sem::Mla | Sem::Mls | Sem::Smmul | Sem::MulHalf { .. } => Some((1, 2)),
            Sem::MulLong { .. } | Sem::Umaal => Some((2, 3)),
            Sem::AluI(_) | Sem::AluR(_) | Sem::TestI(_) | Sem::TestR(_) | Sem::Movt => None,
            Sem::ShiftI(_) | Sem::ShiftR(_) | Sem::Rrx | Sem::Div { .. } => None,
            Sem::Clz | Sem::Rbit | Sem::Rev | Sem::Rev16 | Sem::Revsh => None,
            Sem::Extend(_) | Sem::ExtendAdd(_) | Sem::Saturate { .. } => None,
            Sem::FieldGet { .. } | Sem::FieldPut | Sem::FieldClear => None,
            Sem::Load(..) | Sem::Store(..) | Sem::Adr | Sem::LoadDual | Sem::StoreDual => None,
            Sem::LoadMany { .. } | Sem::StoreMany { .. } | Sem::Push | Sem::Pop => None,
            Sem::Branch | Sem::Call | Sem::CallReg | Sem::BranchReg => None,
            Sem::CompareBranch { .. } | Sem::TableBranch { .. } => None,
            Sem::It | Sem::Nop | Sem::Udf | Sem::Bkpt => None,
            // A NaN of which both operands are is the first one's.
            Sem::Vfp(_) => None,
        }
    }

    /// Whether it sets the flags without an `S` suffix.
    pub const fn is_test(self) -> bool {
        matches!(self, Sem::TestI(_) | Sem::TestR(_) | Sem::Vfp(Vfp::Flags))
    }

    /// Whether it may set the program counter other than by an operand or list that names it.
    pub const fn is_branch(self) -> bool {
        matches!(
            self,
            Sem::Branch
                | Sem::Call
                | Sem::CallReg
                | Sem::BranchReg
                | Sem::CompareBranch { .. }
                | Sem::TableBranch { .. }
        )
    }

    /// Whether the displacement in `imm` is from the PC of the instruction (its address + 4).
    pub const fn is_pc_relative(self) -> bool {
        matches!(self, Sem::Branch | Sem::Call | Sem::CompareBranch { .. })
    }
}
