//! Arithmetic on floats: one row an operation.
//!
//! The IR has no float types of its own: a float is the word, or the 64 bits, that it is stored as, so that loads, moves,
//! selects, constants and operations on bits (`abs`, `neg`, `copysign`) are those of integers. Only arithmetic knows: the
//! operation [`Op::Fp`](super::Op::Fp) computes the row that its immediate names. A row gives the name in text, the types of
//! operands and result as WebAssembly declares them, what it computes, and the helper of [`crate::softfloat`] for cores
//! that cannot.
//!
//! Invariant: results have the bits of IEEE 754-2019 with rounding to nearest even (specification, 4.3.3), and a NaN that
//! arithmetic makes is the canonical positive one. Checked by `tests/softfloat.rs`, which holds the helpers to
//! these rows, and by the oracle against another engine.

use super::ops::Ty;
use crate::options::Feature;
use crate::seeded::{Bug, on};

/// What a comparison asks of two floats that may be unordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// Equal.
    Eq,
    /// Different or unordered.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// A row of the table.
pub struct Row {
    /// Its name in text: the WebAssembly operator's.
    pub name: &'static str,
    /// Types of the operands.
    pub operands: &'static [Ty],
    /// Type of the result.
    pub result: Ty,
    /// The helper that computes it: its place in [`crate::softfloat::HELPERS`].
    pub helper: u32,
    /// For comparisons: what is asked of the order that the helper finds.
    pub relation: Option<Relation>,
    /// What it computes, from and to bits.
    pub eval: fn(&[u64]) -> u64,
}

macro_rules! relation {
    () => {
        None
    };
    ($relation:ident) => {
        Some(Relation::$relation)
    };
}

macro_rules! floats {
    ($($name:ident $text:literal [$($operand:ident)*] -> $result:ident $helper:ident $($relation:ident)? = $eval:expr;)*) => {
        /// An operation on floats.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)]
        #[repr(u8)]
        pub enum Fp { $($name,)* }
        /// Every operation, by number.
        pub const ALL: &[Fp] = &[$(Fp::$name,)*];
        const ROWS: &[Row] = &[$(Row {
            name: $text,
            operands: &[$(Ty::$operand),*],
            result: Ty::$result,
            helper: crate::softfloat::place(stringify!($helper)),
            relation: relation!($($relation)?),
            eval: $eval,
        },)*];
    };
}

/// An operand as a float of 32 bits.
fn s(x: u64) -> f32 {
    f32::from_bits(x as u32)
}

/// An operand as a float of 64 bits.
fn d(x: u64) -> f64 {
    f64::from_bits(x)
}

/// The bits of a result.
fn single(x: f32) -> u64 {
    let sign = if on(Bug::FloatFoldNan) { 1 << 31 } else { 0 };
    let nan = 0x7fc0_0000 | x.to_bits() & sign;
    u64::from(if x.is_nan() { nan } else { x.to_bits() })
}

/// The bits of a result.
fn double(x: f64) -> u64 {
    if x.is_nan() {
        0x7ff8 << 48
    } else {
        x.to_bits()
    }
}

/// The bits of a result of 32 bits.
fn word(x: i32) -> u64 {
    u64::from(x as u32)
}

/// `min` (specification, 4.3.3: fmin): -0 is below +0, and NaN if either is.
fn min(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        None => f64::NAN,
        Some(std::cmp::Ordering::Equal) if a.is_sign_negative() && !on(Bug::FloatFoldMin) => a,
        Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal) => b,
        Some(std::cmp::Ordering::Less) => a,
    }
}

/// `max` (specification, 4.3.3: fmax).
fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

/// `min` or `max` of floats of 32 bits: those of 64 bits hold them all.
fn wider(of: fn(f64, f64) -> f64, a: &[u64]) -> u64 {
    single(of(s(a[0]).into(), s(a[1]).into()) as f32)
}

floats! {
    F32Add "f32.add" [F32 F32] -> F32 f32_add = |a| single(s(a[0]) + s(a[1]));
    F32Sub "f32.sub" [F32 F32] -> F32 f32_sub = |a| single(s(a[0]) - s(a[1]));
    F32Mul "f32.mul" [F32 F32] -> F32 f32_mul = |a| single(s(a[0]) * s(a[1]));
    F32Div "f32.div" [F32 F32] -> F32 f32_div = |a| single(s(a[0]) / s(a[1]));
    F32Min "f32.min" [F32 F32] -> F32 f32_min = |a| wider(min, a);
    F32Max "f32.max" [F32 F32] -> F32 f32_max = |a| wider(max, a);
    F32Sqrt "f32.sqrt" [F32] -> F32 f32_sqrt = |a| single(s(a[0]).sqrt());
    F32Ceil "f32.ceil" [F32] -> F32 f32_ceil = |a| single(s(a[0]).ceil());
    F32Floor "f32.floor" [F32] -> F32 f32_floor = |a| single(s(a[0]).floor());
    F32Trunc "f32.trunc" [F32] -> F32 f32_trunc = |a| single(s(a[0]).trunc());
    F32Nearest "f32.nearest" [F32] -> F32 f32_nearest = |a| single(s(a[0]).round_ties_even());
    F32Eq "f32.eq" [F32 F32] -> I32 f32_cmp Eq = |a| (s(a[0]) == s(a[1])).into();
    F32Ne "f32.ne" [F32 F32] -> I32 f32_cmp Ne = |a| (s(a[0]) != s(a[1])).into();
    F32Lt "f32.lt" [F32 F32] -> I32 f32_cmp Lt = |a| (s(a[0]) < s(a[1])).into();
    F32Le "f32.le" [F32 F32] -> I32 f32_cmp Le = |a| (s(a[0]) <= s(a[1])).into();
    F32Gt "f32.gt" [F32 F32] -> I32 f32_cmp Gt = |a| (s(a[0]) > s(a[1])).into();
    F32Ge "f32.ge" [F32 F32] -> I32 f32_cmp Ge = |a| (s(a[0]) >= s(a[1])).into();
    F64Add "f64.add" [F64 F64] -> F64 f64_add = |a| double(d(a[0]) + d(a[1]));
    F64Sub "f64.sub" [F64 F64] -> F64 f64_sub = |a| double(d(a[0]) - d(a[1]));
    F64Mul "f64.mul" [F64 F64] -> F64 f64_mul = |a| double(d(a[0]) * d(a[1]));
    F64Div "f64.div" [F64 F64] -> F64 f64_div = |a| double(d(a[0]) / d(a[1]));
    F64Min "f64.min" [F64 F64] -> F64 f64_min = |a| double(min(d(a[0]), d(a[1])));
    F64Max "f64.max" [F64 F64] -> F64 f64_max = |a| double(max(d(a[0]), d(a[1])));
    F64Sqrt "f64.sqrt" [F64] -> F64 f64_sqrt = |a| double(d(a[0]).sqrt());
    F64Ceil "f64.ceil" [F64] -> F64 f64_ceil = |a| double(d(a[0]).ceil());
    F64Floor "f64.floor" [F64] -> F64 f64_floor = |a| double(d(a[0]).floor());
    F64Trunc "f64.trunc" [F64] -> F64 f64_trunc = |a| double(d(a[0]).trunc());
    F64Nearest "f64.nearest" [F64] -> F64 f64_nearest = |a| double(d(a[0]).round_ties_even());
    F64Eq "f64.eq" [F64 F64] -> I32 f64_cmp Eq = |a| (d(a[0]) == d(a[1])).into();
    F64Ne "f64.ne" [F64 F64] -> I32 f64_cmp Ne = |a| (d(a[0]) != d(a[1])).into();
    F64Lt "f64.lt" [F64 F64] -> I32 f64_cmp Lt = |a| (d(a[0]) < d(a[1])).into();
    F64Le "f64.le" [F64 F64] -> I32 f64_cmp Le = |a| (d(a[0]) <= d(a[1])).into();
    F64Gt "f64.gt" [F64 F64] -> I32 f64_cmp Gt = |a| (d(a[0]) > d(a[1])).into();
    F64Ge "f64.ge" [F64 F64] -> I32 f64_cmp Ge = |a| (d(a[0]) >= d(a[1])).into();
    F32ConvertI32S "f32.convert_i32_s" [I32] -> F32 f32_from_i32 = |a| single(a[0] as i32 as f32);
    F32ConvertI32U "f32.convert_i32_u" [I32] -> F32 f32_from_u32 = |a| single(a[0] as u32 as f32);
    F32ConvertI64S "f32.convert_i64_s" [I64] -> F32 f32_from_i64 = |a| single(a[0] as i64 as f32);
    F32ConvertI64U "f32.convert_i64_u" [I64] -> F32 f32_from_u64 = |a| single(a[0] as f32);
    F64ConvertI32S "f64.convert_i32_s" [I32] -> F64 f64_from_i32 = |a| double(a[0] as i32 as f64);
    F64ConvertI32U "f64.convert_i32_u" [I32] -> F64 f64_from_u32 = |a| double(a[0] as u32 as f64);
    F64ConvertI64S "f64.convert_i64_s" [I64] -> F64 f64_from_i64 = |a| double(a[0] as i64 as f64);
    F64ConvertI64U "f64.convert_i64_u" [I64] -> F64 f64_from_u64 = |a| double(a[0] as f64);
    I32TruncSatF32S "i32.trunc_sat_f32_s" [F32] -> I32 f32_to_i32 = |a| word(s(a[0]) as i32);
    I32TruncSatF32U "i32.trunc_sat_f32_u" [F32] -> I32 f32_to_u32 = |a| (s(a[0]) as u32).into();
    I64TruncSatF32S "i64.trunc_sat_f32_s" [F32] -> I64 f32_to_i64 = |a| s(a[0]) as i64 as u64;
    I64TruncSatF32U "i64.trunc_sat_f32_u" [F32] -> I64 f32_to_u64 = |a| s(a[0]) as u64;
    I32TruncSatF64S "i32.trunc_sat_f64_s" [F64] -> I32 f64_to_i32 = |a| word(d(a[0]) as i32);
    I32TruncSatF64U "i32.trunc_sat_f64_u" [F64] -> I32 f64_to_u32 = |a| (d(a[0]) as u32).into();
    I64TruncSatF64S "i64.trunc_sat_f64_s" [F64] -> I64 f64_to_i64 = |a| d(a[0]) as i64 as u64;
    I64TruncSatF64U "i64.trunc_sat_f64_u" [F64] -> I64 f64_to_u64 = |a| d(a[0]) as u64;
    F32Demote "f32.demote_f64" [F64] -> F32 f32_from_f64 = |a| single(d(a[0]) as f32);
    F64Promote "f64.promote_f32" [F32] -> F64 f64_from_f32 = |a| double(s(a[0]).into());
}

impl Fp {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The operation that an immediate names.
    pub fn from_imm(imm: i64) -> Option<Fp> {
        ALL.get(usize::try_from(imm).ok()?).copied()
    }

    /// The operation of this name.
    pub fn named(name: &str) -> Option<Fp> {
        ALL.iter().copied().find(|f| f.row().name == name)
    }

    /// What a core needs to compute it by itself (Arm v7-M manual, A2.5); `None`: no core does.
    pub fn feature(self) -> Option<Feature> {
        let row = self.row();
        let touches = |ty| row.result == ty || row.operands.contains(&ty);
        match self {
            _ if touches(Ty::I64) => None,
            _ if touches(Ty::F64) => Some(Feature::Fpv5Dp),
            Fp::F32Ceil | Fp::F32Floor | Fp::F32Trunc | Fp::F32Nearest => Some(Feature::Fpv5Sp),
            Fp::F32Min | Fp::F32Max => Some(Feature::Fpv5Sp),
            _ => Some(Feature::Fpv4Sp),
        }
    }

    /// Whether operands may be exchanged: results are the same to the bit, as every NaN is.
    pub fn is_commutative(self) -> bool {
        matches!(
            self,
            Fp::F32Add | Fp::F32Mul | Fp::F32Min | Fp::F32Max | Fp::F32Eq | Fp::F32Ne
        ) || matches!(
            self,
            Fp::F64Add | Fp::F64Mul | Fp::F64Min | Fp::F64Max | Fp::F64Eq | Fp::F64Ne
        )
    }

    /// The result for operands that come as they are in the IR: each whole, or, after 64-bit values are split, in
    /// words, the low one first. `None` if there are too few.
    pub fn eval(self, values: &[u64]) -> Option<u64> {
        let row = self.row();
        let split = values.len() > row.operands.len();
        let mut operands = [0; 2];
        let mut at = 0;
        for (x, ty) in operands.iter_mut().zip(row.operands) {
            *x = *values.get(at)?;
            at += 1;
            if split && ty.words() == 2 {
                *x |= values.get(at)? << 32;
                at += 1;
            }
        }
        Some((row.eval)(&operands[..row.operands.len()]))
    }
}
