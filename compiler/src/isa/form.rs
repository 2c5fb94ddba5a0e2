//! What a row of the table of encodings is made of.
//!
//! In: the text of a row. Out: [`Form`]: bit pattern, operands, immediate, flags and rules, from which encoder,
//! decoder, sizes and legality are derived. Invariant: a form says everything about one encoding; no other
//! file knows an encoding's exceptions. A malformed row does not compile.

use super::inst::Class;
use super::{Imm, Op, Reg, pattern::Pattern};
use crate::options::{Cpu, Feature};
use crate::seeded::{Bug, on};

/// The register that may stand at one place of the operand list.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The field of the pattern that holds it; 0 if it is always `SP`. Two operands with one field must be equal.
    pub field: u8,
    /// For an `s` register, the field of the lowest bit of its number; 0 for others.
    pub low: u8,
    /// Which registers it can be.
    pub class: Class,
    /// The first operand with this field: itself, but for a repetition.
    pub first: u8,
    /// Whether it may be `SP`.
    pub sp: bool,
    /// Whether it may be `PC`.
    pub pc: bool,
}

/// How a form treats the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flags {
    /// Never sets them.
    Keep,
    /// Sets them if field `s` is 1.
    Bit,
    /// Sets them outside of IT blocks and only there.
    OutsideIt,
    /// Always sets them: comparisons.
    Always,
}

/// A restriction beyond fields and widths; numbers are places of the operand list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Only outside of IT blocks.
    Outside,
    /// Inside an IT block only as its last instruction.
    Last,
    /// Only on cores with this feature.
    Needs(Feature),
    /// The two registers differ.
    Differ(usize, usize),
    /// Operand 0 may be `SP` only if operand 1 is.
    SpFromSp,
    /// If operand 0 is `SP`, the shift is LSL by 0 to 3.
    SpShift,
    /// If operand 0 is `PC`, the immediate is a multiple of four.
    PcWord,
    /// One of the two registers is above `r7`.
    High(usize, usize),
    /// The list has two or more registers.
    ListTwo,
    /// The list does not have both `LR` and `PC`.
    ListNotLrPc,
    /// The list has operand 0.
    ListHasBase,
    /// The list does not have operand 0.
    ListLacksBase,
}

/// One encoding of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The operation.
    pub op: Op,
    /// The manual's name of the encoding: `T1` to `T4`.
    pub name: &'static str,
    /// Its bits.
    pub pattern: Pattern,
    /// Its register operands, as many as the operation has roles.
    pub operands: [Operand; 4],
    /// How its immediate is encoded.
    pub imm: Imm,
    /// What it does to the flags.
    pub flags: Flags,
    /// Its restrictions.
    pub rules: &'static [Rule],
    /// The mnemonic where it is not that of the operation (ADDW).
    pub mnemonic: Option<&'static str>,
}

impl Form {
    /// Size in bytes: 2 or 4.
    pub const fn size(&self) -> u32 {
        self.pattern.size
    }

    /// Whether the core has the instruction.
    pub fn exists_on(&self, cpu: Cpu) -> bool {
        let has = |rule: &Rule| match rule {
            Rule::Needs(feature) => cpu.has(*feature),
            _ => true,
        };
        self.rules.iter().all(has)
    }

    /// Whether a rule applies.
    pub fn has(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }
}

impl Operand {
    /// The bits of a register of the operand's class in its fields; none if it is not of the class.
    pub(super) fn pack(&self, p: &Pattern, reg: Reg) -> Option<u32> {
        let number = u32::from(reg.number(self.class)?);
        if self.low == 0 {
            return Some(p.insert(self.field, number));
        }
        let (high, low) = match on(Bug::SingleNumber) {
            true => (number & 15, number >> 4),
            false => (number >> 1, number & 1),
        };
        Some(p.insert(self.field, high) | p.insert(self.low, low))
    }

    /// The register that its fields name.
    pub(super) fn unpack(&self, p: &Pattern, word: u32) -> Option<Reg> {
        let number = p.extract(word, self.field);
        let number = match self.low {
            0 => number,
            low => number << 1 | p.extract(word, low),
        };
        self.class.reg(number as u8)
    }
}

/// Parses an operand list: letters are fields; `+` after one allows `SP`, `%` `PC`, `*` both;
/// `S` is always `SP`. As the manual writes the numbers of registers of the FPU (Arm v7-M manual, A6.3), `d:f` is an `s`
/// register with the lowest bit of its number in field `f`, and `0:d` a `d` register.
pub(super) const fn operands(text: &str) -> [Operand; 4] {
    let mut out = [Operand {
        field: 0,
        low: 0,
        class: Class::Core,
        first: 0,
        sp: false,
        pc: false,
    }; 4];
    let bytes = text.as_bytes();
    let (mut i, mut n) = (0, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'S' => {
                out[n].sp = true;
                n += 1;
            }
            b'+' => out[n - 1].sp = true,
            b'*' => {
                out[n - 1].sp = true;
                out[n - 1].pc = true;
            }
            b'%' => out[n - 1].pc = true,
            b':' if bytes[i - 1] == b'0' => out[n].class = Class::Double,
            b':' => {
                i += 1;
                out[n - 1].class = Class::Single;
                out[n - 1].low = bytes[i];
            }
            b'0' => {}
            b' ' => {}
            letter => {
                assert!(
                    letter.is_ascii_lowercase(),
                    "a field is a lower-case letter"
                );
                out[n].field = letter;
                while out[out[n].first as usize].field != letter {
                    out[n].first += 1;
                }
                n += 1;
            }
        }
        i += 1;
    }
    out
}

/// The register that an operand without a field is.
pub(super) const FIXED: Reg = Reg::SP;
