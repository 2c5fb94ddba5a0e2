//! The integer operators: one row each.

use crate::program::Ty::{self, I32, I64};
use wasm_encoder::Instruction;

/// What operands an operator traps on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partial {
    /// It is defined on all operands.
    Total,
    /// It traps on a zero divisor.
    Zero,
    /// It traps on a zero divisor and on the one quotient that overflows.
    ZeroOrOverflow,
}

/// One operator.
pub struct Row {
    /// Its instruction.
    pub instruction: Instruction<'static>,
    /// Its operand types; one or two.
    pub operands: &'static [Ty],
    /// Its result type.
    pub result: Ty,
    /// What it traps on.
    pub partial: Partial,
}

macro_rules! rows {
    ($($name:ident [$($operand:ident)*] $result:ident $partial:ident;)*) => {
        /// Every integer operator without an immediate.
        pub static ROWS: &[Row] = &[$(Row {
            instruction: Instruction::$name,
            operands: &[$($operand),*],
            result: $result,
            partial: Partial::$partial,
        },)*];
        /// The name of each row of [`ROWS`], as the binary parser spells it.
        pub const NAMES: &[&str] = &[$(stringify!($name),)*];
    };
}

rows! {
    I32Add [I32 I32] I32 Total;
    I32Sub [I32 I32] I32 Total;
    I32Mul [I32 I32] I32 Total;
    I32DivS [I32 I32] I32 ZeroOrOverflow;
    I32DivU [I32 I32] I32 Zero;
    I32RemS [I32 I32] I32 Zero;
    I32RemU [I32 I32] I32 Zero;
    I32And [I32 I32] I32 Total;
    I32Or [I32 I32] I32 Total;
    I32Xor [I32 I32] I32 Total;
    I32Shl [I32 I32] I32 Total;
    I32ShrS [I32 I32] I32 Total;
    I32ShrU [I32 I32] I32 Total;
    I32Rotl [I32 I32] I32 Total;
    I32Rotr [I32 I32] I32 Total;
    I32Clz [I32] I32 Total;
    I32Ctz [I32] I32 Total;
    I32Popcnt [I32] I32 Total;
    I32Eqz [I32] I32 Total;
    I32Eq [I32 I32] I32 Total;
    I32Ne [I32 I32] I32 Total;
    I32LtS [I32 I32] I32 Total;
    I32LtU [I32 I32] I32 Total;
    I32GtS [I32 I32] I32 Total;
    I32GtU [I32 I32] I32 Total;
    I32LeS [I32 I32] I32 Total;
    I32LeU [I32 I32] I32 Total;
    I32GeS [I32 I32] I32 Total;
    I32GeU [I32 I32] I32 Total;
    I32Extend8S [I32] I32 Total;
    I32Extend16S [I32] I32 Total;
    I32WrapI64 [I64] I32 Total;
    I64Add [I64 I64] I64 Total;
    I64Sub [I64 I64] I64 Total;
    I64Mul [I64 I64] I64 Total;
    I64DivS [I64 I64] I64 ZeroOrOverflow;
    I64DivU [I64 I64] I64 Zero;
    I64RemS [I64 I64] I64 Zero;
    I64RemU [I64 I64] I64 Zero;
    I64And [I64 I64] I64 Total;
    I64Or [I64 I64] I64 Total;
    I64Xor [I64 I64] I64 Total;
    I64Shl [I64 I64] I64 Total;
    I64ShrS [I64 I64] I64 Total;
    I64ShrU [I64 I64] I64 Total;
    I64Rotl [I64 I64] I64 Total;
    I64Rotr [I64 I64] I64 Total;
    I64Clz [I64] I64 Total;
    I64Ctz [I64] I64 Total;
    I64Popcnt [I64] I64 Total;
    I64Eqz [I64] I32 Total;
    I64Eq [I64 I64] I32 Total;
    I64Ne [I64 I64] I32 Total;
    I64LtS [I64 I64] I32 Total;
    I64LtU [I64 I64] I32 Total;
    I64GtS [I64 I64] I32 Total;
    I64GtU [I64 I64] I32 Total;
    I64LeS [I64 I64] I32 Total;
    I64LeU [I64 I64] I32 Total;
    I64GeS [I64 I64] I32 Total;
    I64GeU [I64 I64] I32 Total;
    I64ExtendI32S [I32] I64 Total;
    I64ExtendI32U [I32] I64 Total;
    I64Extend8S [I64] I64 Total;
    I64Extend16S [I64] I64 Total;
    I64Extend32S [I64] I64 Total;
}

/// The row whose instruction the parser calls `name`.
pub fn named(name: &str) -> &'static Row {
    let at = NAMES
        .iter()
        .position(|n| *n == name)
        .expect("the generators name operators of the table");
    &ROWS[at]
}

/// Rows with this result type, totals first.
pub fn of_type(ty: Ty) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |r| r.result == ty)
}
