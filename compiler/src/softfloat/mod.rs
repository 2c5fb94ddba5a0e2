//! Floating point without an FPU: helpers in Thumb-2 assembly.
//!
//! In: which helpers a program calls. Out: their code, with the offset of each entry. One row of [`HELPERS`] a helper; the text
//! stands in a `.s` file a theme. They follow the base AAPCS: a float in one register, a double in two, low word first; they
//! change r0-r3, r12 and the flags, touch no memory but what they push, and run on every CPU of the compiler.
//!
//! Invariants: results have the bits of IEEE 754-2019 with rounding to nearest even and exact subnormals; a NaN that they make
//! is 0x7fc00000 or 0x7ff8000000000000, whatever the operands. Checked by
//! `tests/softfloat.rs` against the host's arithmetic.

pub mod text;

use crate::backend::code::Code;
use crate::backend::layout;
use crate::backend::symbols::SymbolKind;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Cpu;
use std::sync::OnceLock;

/// The type of an operand or result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An integer of 32 bits.
    I32,
    /// An integer of 64 bits.
    I64,
    /// A float of 32 bits.
    F32,
    /// A float of 64 bits.
    F64,
    /// How two floats compare, in the flags as VCMP and VMRS leave them for the conditions EQ, NE, MI (less), LS (at most), GT,
    /// GE and VS (unordered): a caller branches on a call as it does on an FPU's comparison.
    Order,
}

impl Kind {
    /// Registers that a value takes.
    pub const fn words(self) -> usize {
        match self {
            Kind::I32 | Kind::F32 => 1,
            Kind::I64 | Kind::F64 => 2,
            Kind::Order => 0,
        }
    }
}

/// A helper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Helper {
    /// Its name: its label in the text.
    pub name: &'static str,
    /// Its operands.
    pub operands: &'static [Kind],
    /// Its result.
    pub result: Kind,
    /// What it computes, in words.
    pub computes: &'static str,
    /// The file of its text.
    pub file: &'static str,
    /// The function of the run-time ABI (RTABI32, 4.1.2) that computes the same wherever the specification says what, if one
    /// does. Conversions to integers have none: there is no saying what those give out of range.
    pub aeabi: Option<&'static str>,
}

macro_rules! optional {
    () => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! helpers {
    ($($file:literal { $($name:ident [$($operand:ident)*] $result:ident $computes:literal $(= $aeabi:literal)?;)* })*) => {
        /// Every helper. Those of one file share code.
        pub const HELPERS: &[Helper] = &[$($(Helper {
            name: stringify!($name),
            operands: &[$(Kind::$operand),*],
            result: Kind::$result,
            computes: $computes,
            file: $file,
            aeabi: optional!($($aeabi)?),
        },)*)*];
        /// The files and their texts.
        pub const FILES: &[(&str, &str)] = &[$(($file, include_str!($file)),)*];
    };
}

helpers! {
    "f32_add.s" {
        f32_add [F32 F32] F32 "the sum" = "__aeabi_fadd";
        f32_sub [F32 F32] F32 "the first less the second" = "__aeabi_fsub";
    }
    "f32_mul.s" {
        f32_mul [F32 F32] F32 "the product" = "__aeabi_fmul";
    }
    "f32_div.s" {
        f32_div [F32 F32] F32 "the quotient" = "__aeabi_fdiv";
    }
    "f64_add.s" {
        f64_add [F64 F64] F64 "the sum" = "__aeabi_dadd";
        f64_sub [F64 F64] F64 "the first less the second" = "__aeabi_dsub";
    }
    "f64_mul.s" {
        f64_mul [F64 F64] F64 "the product" = "__aeabi_dmul";
    }
    "f64_div.s" {
        f64_div [F64 F64] F64 "the quotient" = "__aeabi_ddiv";
    }
    "f32_order.s" {
        f32_cmp [F32 F32] Order "how they compare";
        f32_min [F32 F32] F32 "the smaller, -0 below +0, NaN if either is";
        f32_max [F32 F32] F32 "the greater, +0 above -0, NaN if either is";
    }
    "f64_order.s" {
        f64_cmp [F64 F64] Order "how they compare";
        f64_min [F64 F64] F64 "the smaller, -0 below +0, NaN if either is";
        f64_max [F64 F64] F64 "the greater, +0 above -0, NaN if either is";
    }
    "from_int.s" {
        f32_from_i32 [I32] F32 "the nearest to a signed integer" = "__aeabi_i2f";
        f32_from_u32 [I32] F32 "the nearest to an unsigned integer" = "__aeabi_ui2f";
        f32_from_i64 [I64] F32 "the nearest to a signed integer" = "__aeabi_l2f";
        f32_from_u64 [I64] F32 "the nearest to an unsigned integer" = "__aeabi_ul2f";
        f64_from_i32 [I32] F64 "a signed integer" = "__aeabi_i2d";
        f64_from_u32 [I32] F64 "an unsigned integer" = "__aeabi_ui2d";
        f64_from_i64 [I64] F64 "the nearest to a signed integer" = "__aeabi_l2d";
        f64_from_u64 [I64] F64 "the nearest to an unsigned integer" = "__aeabi_ul2d";
    }
    "to_int.s" {
        f32_to_i32 [F32] I32 "truncated to signed, saturated, NaN to 0";
        f32_to_u32 [F32] I32 "truncated to unsigned, saturated, NaN to 0";
        f32_to_i64 [F32] I64 "truncated to signed, saturated, NaN to 0";
        f32_to_u64 [F32] I64 "truncated to unsigned, saturated, NaN to 0";
        f64_to_i32 [F64] I32 "truncated to signed, saturated, NaN to 0";
        f64_to_u32 [F64] I32 "truncated to unsigned, saturated, NaN to 0";
        f64_to_i64 [F64] I64 "truncated to signed, saturated, NaN to 0";
        f64_to_u64 [F64] I64 "truncated to unsigned, saturated, NaN to 0";
    }
    "between.s" {
        f64_from_f32 [F32] F64 "the same number" = "__aeabi_f2d";
        f32_from_f64 [F64] F32 "the nearest" = "__aeabi_d2f";
    }
    "round.s" {
        f32_ceil [F32] F32 "the next integer up";
        f32_floor [F32] F32 "the next integer down";
        f32_trunc [F32] F32 "the next integer towards zero";
        f32_nearest [F32] F32 "the nearest integer, ties to even";
        f64_ceil [F64] F64 "the next integer up";
        f64_floor [F64] F64 "the next integer down";
        f64_trunc [F64] F64 "the next integer towards zero";
        f64_nearest [F64] F64 "the nearest integer, ties to even";
    }
    "sqrt.s" {
        f32_sqrt [F32] F32 "the square root";
        f64_sqrt [F64] F64 "the square root";
    }
}

impl Helper {
    /// The helper of this name.
    pub fn named(name: &str) -> Option<&'static Helper> {
        HELPERS.iter().find(|h| h.name == name)
    }
}

/// The place in [`HELPERS`] of the helper of this name. Asked at compile time: a name that there is not does not compile.
pub(crate) const fn place(name: &str) -> u32 {
    let name = name.as_bytes();
    let mut at = 0;
    while at < HELPERS.len() {
        let other = HELPERS[at].name.as_bytes();
        let mut same = 0;
        while same < name.len() && same < other.len() && name[same] == other[same] {
            same += 1;
        }
        if same == name.len() && same == other.len() {
            return at as u32;
        }
        at += 1;
    }
    panic!("no helper has this name")
}

/// Code of one or more helpers.
#[derive(Debug)]
pub struct Assembled {
    /// The code. It has no relocations.
    pub code: Code,
    /// By helper asked for: the offset of its entry in the code.
    pub entries: Vec<u32>,
}

/// Bytes of stack that a helper needs, at most.
pub const STACK: u32 = 24;

/// The code that serves these helpers (places in [`HELPERS`], each once), a piece for each file that has some of them.
///
/// # Errors
/// As [`assemble`].
pub fn code_of(wanted: &[u32], cpu: Cpu, listing: bool) -> Result<Vec<(SymbolKind, Code)>> {
    let mut out = Vec::new();
    for (i, (file, _)) in FILES.iter().enumerate() {
        let here = wanted
            .iter()
            .filter(|&&h| HELPERS[h as usize].file == *file);
        let here: Vec<u32> = here.copied().collect();
        if here.is_empty() {
            continue;
        }
        let names: Vec<&str> = here.iter().map(|&h| HELPERS[h as usize].name).collect();
        let Assembled { mut code, entries } = reached(file, source(i)?, &names, cpu, listing)?;
        code.frame = STACK;
        let kinds = here.iter().map(|&h| SymbolKind::Float(h));
        code.entries = kinds.zip(entries).collect();
        out.push((SymbolKind::FloatText(i as u32), code));
    }
    Ok(out)
}

/// The text of a file of [`FILES`], which is read once a process.
fn source(file: usize) -> Result<&'static text::Source<'static>> {
    static READ: [OnceLock<Result<text::Source<'static>>>; FILES.len()] =
        [const { OnceLock::new() }; FILES.len()];
    let (name, text) = FILES[file];
    let read = READ[file].get_or_init(|| text::read(name, text));
    read.as_ref().map_err(Error::clone)
}

/// Makes the code of helpers of one file, and only what they reach.
///
/// # Errors
/// `Internal`, if the text does not read or a helper is not of this text.
pub fn assemble(
    file: &str,
    text: &str,
    names: &[&str],
    cpu: Cpu,
    listing: bool,
) -> Result<Assembled> {
    reached(file, &text::read(file, text)?, names, cpu, listing)
}

/// The code of helpers of a text that was read, and what they reach.
fn reached(
    file: &str,
    source: &text::Source<'_>,
    names: &[&str],
    cpu: Cpu,
    listing: bool,
) -> Result<Assembled> {
    let label = |name: &&str| {
        let none = || Error::new(ErrorKind::Internal, format!("{file} has no {name}"));
        source.labels.get(name).copied().ok_or_else(none)
    };
    let labels = names.iter().map(label).collect::<Result<Vec<_>>>()?;
    let items = text::reached(&source.items, &labels);
    crate::backend::code::verify(&items)
        .map_err(|e| Error::new(ErrorKind::Internal, format!("{file}: {e}")))?;
    let (code, places) = layout::layout_with_labels(&items, cpu, file, listing)?;
    let entries = labels.iter().map(|l| places[l.0 as usize]).collect();
    Ok(Assembled { code, entries })
}

/// Makes the code of helpers, which must be of one file.
///
/// # Errors
/// As [`assemble`].
pub fn helpers(wanted: &[&Helper], cpu: Cpu) -> Result<Assembled> {
    let file = wanted.first().map_or("", |h| h.file);
    let text = FILES.iter().find(|(name, _)| *name == file);
    let text = text.map_or("", |(_, text)| text);
    let names: Vec<&str> = wanted.iter().map(|h| h.name).collect();
    assemble(file, text, &names, cpu, false)
}
