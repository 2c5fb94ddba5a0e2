//! The numeric operators: one row each.
//!
//! In: a WebAssembly operator. Out: the IR operation with the types of operands and result, the order of the operands,
//! and the checks that come before it. What is no numeric operator has no row.

use crate::ir::{Fp, Op, Ty};
use wasmparser::Operator;

/// How an operator's operands become those of the IR operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One operand.
    Unary,
    /// Two, in order.
    Binary,
    /// Two, exchanged (`a > b` is `b < a`).
    Swapped,
    /// Compared with zero.
    Eqz,
    /// Division: traps on a zero divisor.
    Divide,
    /// Signed division: traps on a zero divisor and on overflow.
    DivideSigned,
}

/// A row: operation, type of the operands, type of the result, shape.
pub type Row = (Op, Ty, Ty, Shape);

macro_rules! numeric {
    ($($name:ident $op:ident $arg:ident -> $ret:ident $shape:ident;)*) => {
        /// The row of an operator.
        pub fn row(op: &Operator<'_>) -> Option<Row> {
            match op {
                $(Operator::$name => Some((Op::$op, Ty::$arg, Ty::$ret, Shape::$shape)),)*
                _ => None,
            }
        }
    };
}

numeric! {
    I32Eqz Eq I32 -> I32 Eqz;
    I32Eq Eq I32 -> I32 Binary;
    I32Ne Ne I32 -> I32 Binary;
    I32LtS LtS I32 -> I32 Binary;
    I32LtU LtU I32 -> I32 Binary;
    I32GtS LtS I32 -> I32 Swapped;
    I32GtU LtU I32 -> I32 Swapped;
    I32LeS LeS I32 -> I32 Binary;
    I32LeU LeU I32 -> I32 Binary;
    I32GeS LeS I32 -> I32 Swapped;
    I32GeU LeU I32 -> I32 Swapped;
    I64Eqz Eq I64 -> I32 Eqz;
    I64Eq Eq I64 -> I32 Binary;
    I64Ne Ne I64 -> I32 Binary;
    I64LtS LtS I64 -> I32 Binary;
    I64LtU LtU I64 -> I32 Binary;
    I64GtS LtS I64 -> I32 Swapped;
    I64GtU LtU I64 -> I32 Swapped;
    I64LeS LeS I64 -> I32 Binary;
    I64LeU LeU I64 -> I32 Binary;
    I64GeS LeS I64 -> I32 Swapped;
    I64GeU LeU I64 -> I32 Swapped;
    I32Clz Clz I32 -> I32 Unary;
    I32Ctz Ctz I32 -> I32 Unary;
    I32Popcnt Popcnt I32 -> I32 Unary;
    I32Add Add I32 -> I32 Binary;
    I32Sub Sub I32 -> I32 Binary;
    I32Mul Mul I32 -> I32 Binary;
    I32DivS DivS I32 -> I32 DivideSigned;
    I32DivU DivU I32 -> I32 Divide;
    I32RemS RemS I32 -> I32 Divide;
    I32RemU RemU I32 -> I32 Divide;
    I32And And I32 -> I32 Binary;
    I32Or Or I32 -> I32 Binary;
    I32Xor Xor I32 -> I32 Binary;
    I32Shl Shl I32 -> I32 Binary;
    I32ShrS ShrS I32 -> I32 Binary;
    I32ShrU ShrU I32 -> I32 Binary;
    I32Rotl Rotl I32 -> I32 Binary;
    I32Rotr Rotr I32 -> I32 Binary;
    I64Clz Clz I64 -> I64 Unary;
    I64Ctz Ctz I64 -> I64 Unary;
    I64Popcnt Popcnt I64 -> I64 Unary;
    I64Add Add I64 -> I64 Binary;
    I64Sub Sub I64 -> I64 Binary;
    I64Mul Mul I64 -> I64 Binary;
    I64DivS DivS I64 -> I64 DivideSigned;
    I64DivU DivU I64 -> I64 Divide;
    I64RemS RemS I64 -> I64 Divide;
    I64RemU RemU I64 -> I64 Divide;
    I64And And I64 -> I64 Binary;
    I64Or Or I64 -> I64 Binary;
    I64Xor Xor I64 -> I64 Binary;
    I64Shl Shl I64 -> I64 Binary;
    I64ShrS ShrS I64 -> I64 Binary;
    I64ShrU ShrU I64 -> I64 Binary;
    I64Rotl Rotl I64 -> I64 Binary;
    I64Rotr Rotr I64 -> I64 Binary;
    I32WrapI64 Wrap I64 -> I32 Unary;
    I64ExtendI32S ExtendS I32 -> I64 Unary;
    I64ExtendI32U ExtendU I32 -> I64 Unary;
    I32Extend8S Sext8 I32 -> I32 Unary;
    I32Extend16S Sext16 I32 -> I32 Unary;
    I64Extend8S Sext8 I64 -> I64 Unary;
    I64Extend16S Sext16 I64 -> I64 Unary;
    I64Extend32S Sext32 I64 -> I64 Unary;
}

macro_rules! floats {
    ($($name:ident $fp:ident;)*) => {
        /// The operation of an operator on floats.
        pub fn float(op: &Operator<'_>) -> Option<Fp> {
            match op {
                $(Operator::$name => Some(Fp::$fp),)*
                _ => None,
            }
        }
    };
}

floats! {
    F32Add F32Add;
    F32Sub F32Sub;
    F32Mul F32Mul;
    F32Div F32Div;
    F32Min F32Min;
    F32Max F32Max;
    F32Sqrt F32Sqrt;
    F32Ceil F32Ceil;
    F32Floor F32Floor;
    F32Trunc F32Trunc;
    F32Nearest F32Nearest;
    F32Eq F32Eq;
    F32Ne F32Ne;
    F32Lt F32Lt;
    F32Le F32Le;
    F32Gt F32Gt;
    F32Ge F32Ge;
    F64Add F64Add;
    F64Sub F64Sub;
    F64Mul F64Mul;
    F64Div F64Div;
    F64Min F64Min;
    F64Max F64Max;
    F64Sqrt F64Sqrt;
    F64Ceil F64Ceil;
    F64Floor F64Floor;
    F64Trunc F64Trunc;
    F64Nearest F64Nearest;
    F64Eq F64Eq;
    F64Ne F64Ne;
    F64Lt F64Lt;
    F64Le F64Le;
    F64Gt F64Gt;
    F64Ge F64Ge;
    F32ConvertI32S F32ConvertI32S;
    F32ConvertI32U F32ConvertI32U;
    F32ConvertI64S F32ConvertI64S;
    F32ConvertI64U F32ConvertI64U;
    F64ConvertI32S F64ConvertI32S;
    F64ConvertI32U F64ConvertI32U;
    F64ConvertI64S F64ConvertI64S;
    F64ConvertI64U F64ConvertI64U;
    I32TruncSatF32S I32TruncSatF32S;
    I32TruncSatF32U I32TruncSatF32U;
    I32TruncSatF64S I32TruncSatF64S;
    I32TruncSatF64U I32TruncSatF64U;
    I64TruncSatF32S I64TruncSatF32S;
    I64TruncSatF32U I64TruncSatF32U;
    I64TruncSatF64S I64TruncSatF64S;
    I64TruncSatF64U I64TruncSatF64U;
    F32DemoteF64 F32Demote;
    F64PromoteF32 F64Promote;
}

macro_rules! accesses {
    (loads { $($lname:ident $lop:ident $conv:ident;)* } stores { $($sname:ident $sop:ident $wrap:literal;)* }) => {
        /// The row of a load: operation and what makes its result an i64 (`Wrap` stands for nothing).
        pub fn load(op: &Operator<'_>) -> Option<(Op, Op, wasmparser::MemArg)> {
            match op {
                $(Operator::$lname { memarg } => Some((Op::$lop, Op::$conv, *memarg)),)*
                _ => None,
            }
        }
        /// The row of a store: operation, and whether the value is an i64 whose low word is stored.
        pub fn store(op: &Operator<'_>) -> Option<(Op, bool, wasmparser::MemArg)> {
            match op {
                $(Operator::$sname { memarg } => Some((Op::$sop, $wrap, *memarg)),)*
                _ => None,
            }
        }
    };
}

accesses! {
    loads {
    I32Load Load32 Wrap;
    I32Load8S Load8S Wrap;
    I32Load8U Load8U Wrap;
    I32Load16S Load16S Wrap;
    I32Load16U Load16U Wrap;
    F32Load Load32 Wrap;
    F64Load Load64 Wrap;
    I64Load Load64 Wrap;
    I64Load8S Load8S ExtendS;
    I64Load8U Load8U ExtendU;
    I64Load16S Load16S ExtendS;
    I64Load16U Load16U ExtendU;
    I64Load32S Load32 ExtendS;
    I64Load32U Load32 ExtendU;
    }
    stores {
    I32Store Store32 false;
    I32Store8 Store8 false;
    I32Store16 Store16 false;
    F32Store Store32 false;
    F64Store Store64 false;
    I64Store Store64 false;
    I64Store8 Store8 true;
    I64Store16 Store16 true;
    I64Store32 Store32 true;
    }
}
