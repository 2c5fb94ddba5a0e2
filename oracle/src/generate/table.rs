//! The operators: one row each, those of integers and those of floats.

use crate::program::Ty::{self, F32, F64, I32, I64};
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
    /// It traps on what is no number, or out of the result's range.
    Range,
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
    ($rows:ident $names:ident: $($name:ident [$($operand:ident)*] $result:ident $partial:ident;)*) => {
        /// Operators without an immediate.
        pub static $rows: &[Row] = &[$(Row {
            instruction: Instruction::$name,
            operands: &[$($operand),*],
            result: $result,
            partial: Partial::$partial,
        },)*];
        /// The name of each row, as the binary parser spells it.
        pub const $names: &[&str] = &[$(stringify!($name),)*];
    };
}

rows! {
    ROWS NAMES:
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

rows! {
    FLOATS FLOAT_NAMES:
    F32Add [F32 F32] F32 Total;
    F32Sub [F32 F32] F32 Total;
    F32Mul [F32 F32] F32 Total;
    F32Div [F32 F32] F32 Total;
    F32Min [F32 F32] F32 Total;
    F32Max [F32 F32] F32 Total;
    F32Copysign [F32 F32] F32 Total;
    F32Abs [F32] F32 Total;
    F32Neg [F32] F32 Total;
    F32Sqrt [F32] F32 Total;
    F32Ceil [F32] F32 Total;
    F32Floor [F32] F32 Total;
    F32Trunc [F32] F32 Total;
    F32Nearest [F32] F32 Total;
    F32Eq [F32 F32] I32 Total;
    F32Ne [F32 F32] I32 Total;
    F32Lt [F32 F32] I32 Total;
    F32Le [F32 F32] I32 Total;
    F32Gt [F32 F32] I32 Total;
    F32Ge [F32 F32] I32 Total;
    F32ConvertI32S [I32] F32 Total;
    F32ConvertI32U [I32] F32 Total;
    F32ConvertI64S [I64] F32 Total;
    F32ConvertI64U [I64] F32 Total;
    F32ReinterpretI32 [I32] F32 Total;
    I32ReinterpretF32 [F32] I32 Total;
    F64Add [F64 F64] F64 Total;
    F64Sub [F64 F64] F64 Total;
    F64Mul [F64 F64] F64 Total;
    F64Div [F64 F64] F64 Total;
    F64Min [F64 F64] F64 Total;
    F64Max [F64 F64] F64 Total;
    F64Copysign [F64 F64] F64 Total;
    F64Abs [F64] F64 Total;
    F64Neg [F64] F64 Total;
    F64Sqrt [F64] F64 Total;
    F64Ceil [F64] F64 Total;
    F64Floor [F64] F64 Total;
    F64Trunc [F64] F64 Total;
    F64Nearest [F64] F64 Total;
    F64Eq [F64 F64] I32 Total;
    F64Ne [F64 F64] I32 Total;
    F64Lt [F64 F64] I32 Total;
    F64Le [F64 F64] I32 Total;
    F64Gt [F64 F64] I32 Total;
    F64Ge [F64 F64] I32 Total;
    F64ConvertI32S [I32] F64 Total;
    F64ConvertI32U [I32] F64 Total;
    F64ConvertI64S [I64] F64 Total;
    F64ConvertI64U [I64] F64 Total;
    F64ReinterpretI64 [I64] F64 Total;
    I64ReinterpretF64 [F64] I64 Total;
    I32TruncSatF32S [F32] I32 Total;
    I32TruncF32S [F32] I32 Range;
    I32TruncSatF32U [F32] I32 Total;
    I32TruncF32U [F32] I32 Range;
    I32TruncSatF64S [F64] I32 Total;
    I32TruncF64S [F64] I32 Range;
    I32TruncSatF64U [F64] I32 Total;
    I32TruncF64U [F64] I32 Range;
    I64TruncSatF32S [F32] I64 Total;
    I64TruncF32S [F32] I64 Range;
    I64TruncSatF32U [F32] I64 Total;
    I64TruncF32U [F32] I64 Range;
    I64TruncSatF64S [F64] I64 Total;
    I64TruncF64S [F64] I64 Range;
    I64TruncSatF64U [F64] I64 Total;
    I64TruncF64U [F64] I64 Range;
    F32DemoteF64 [F64] F32 Total;
    F64PromoteF32 [F32] F64 Total;
}

/// The row whose instruction the parser calls `name`.
pub fn named(name: &str) -> &'static Row {
    let tables = [(NAMES, ROWS), (FLOAT_NAMES, FLOATS)];
    let found = tables.iter().find_map(|(names, rows)| {
        let at = names.iter().position(|n| *n == name)?;
        Some(&rows[at])
    });
    found.expect("the generators name operators of the table")
}

/// The name of a row of floats.
fn float_name(row: &Row) -> &'static str {
    let at = FLOATS.iter().position(|r| std::ptr::eq(r, row));
    FLOAT_NAMES[at.expect("a row of the table")]
}

/// The conversion that saturates where this one traps.
pub fn saturating(row: &Row) -> &'static Row {
    named(&float_name(row).replace("Trunc", "TruncSat"))
}

/// The bits of the two floats between which a conversion to an integer does not trap: the greatest below its range and
/// the least above it.
pub fn ends(row: &Row) -> (u64, u64) {
    let signed = float_name(row).ends_with('S');
    let magnitude = 32 * row.result.words() as i32 - i32::from(signed);
    let end = 2f64.powi(magnitude);
    let least = if signed { -end } else { 0.0 };
    // What is one below rounds to the end itself where floats lie further apart.
    match row.operands[0] {
        F32 => {
            let least = least as f32;
            let one = least - 1.0;
            let below = if one < least { one } else { least.next_down() };
            (below.to_bits().into(), (end as f32).to_bits().into())
        }
        _ => {
            let one = least - 1.0;
            let below = if one < least { one } else { least.next_down() };
            (below.to_bits(), end.to_bits())
        }
    }
}

/// Rows with this result type; those of floats only if they are wanted.
pub fn of_type_among(ty: Ty, floats: bool) -> impl Iterator<Item = &'static Row> {
    let floats = FLOATS.iter().filter(move |r| floats && r.result == ty);
    of_type(ty).chain(floats)
}

/// Rows with this result type, totals first.
pub fn of_type(ty: Ty) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |r| r.result == ty)
}
