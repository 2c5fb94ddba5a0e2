//! The decoder: from halfwords to an instruction.
//!
//! In: one or two halfwords, and the condition of the IT block they stand in. Out: the [`Inst`] and its size.
//! Invariant: a word decodes only if encoding the result in the same form gives the word back, so that the
//! encoder's rules are the decoder's too, and what the compiler never writes is refused.
//! Checked on all 65,536 halfwords and on random words.

use super::encode::doubles;
use super::form::{FIXED, Form};
use super::{Cond, Inst, Place, Reg, RegSet, Shift, ShiftKind, table::FORMS};
use crate::options::Cpu;
use std::fmt;

/// Bits that are no instruction of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The bits; the first halfword on top if there are two.
    pub word: u32,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} is no instruction of the table", self.word)
    }
}

impl std::error::Error for DecodeError {}

/// A core that has every instruction.
pub(super) const EVERYTHING: Cpu = Cpu::CortexM7F;

/// Whether a halfword is the first of a 32-bit instruction (Arm v7-M manual, A5.1).
pub const fn is_wide(first: u16) -> bool {
    first >> 11 >= 0b11101
}

/// Decodes the instruction at the start of `hw`. `in_it` is the condition that an IT block gives it, if it
/// stands in one; it may then be the block's last. Every core's instructions are known.
///
/// # Errors
/// If the bits are no instruction of the table, are UNPREDICTABLE, or are cut short.
pub fn decode(hw: &[u16], in_it: Option<Cond>) -> Result<(Inst, u32), DecodeError> {
    decode_form(hw, in_it).map(|(form, inst)| (inst, form.size()))
}

/// Like [`decode`], with the form.
///
/// # Errors
/// As [`decode`].
pub fn decode_form(hw: &[u16], in_it: Option<Cond>) -> Result<(&'static Form, Inst), DecodeError> {
    let (word, size) = match hw {
        [first, ..] if !is_wide(*first) => (u32::from(*first), 2),
        [first, second, ..] => (u32::from(*first) << 16 | u32::from(*second), 4),
        [first] => {
            return Err(DecodeError {
                word: u32::from(*first) << 16,
            });
        }
        [] => return Err(DecodeError { word: 0 }),
    };
    FORMS
        .iter()
        .filter(|form| form.size() == size)
        .find_map(|form| Some((form, form.decode(word, in_it)?)))
        .ok_or(DecodeError { word })
}

impl Form {
    /// The instruction that this form writes as `word`, if there is one.
    pub fn decode(&self, word: u32, in_it: Option<Cond>) -> Option<Inst> {
        let p = &self.pattern;
        if !p.matches(word) {
            return None;
        }
        let mut inst = Inst::new(self.op, &[], 0);
        for (reg, operand) in inst
            .regs
            .iter_mut()
            .zip(&self.operands[..self.op.roles().len()])
        {
            *reg = match operand.field {
                0 => FIXED,
                _ => operand.unpack(p, word)?,
            };
        }
        (inst.imm, inst.imm2) = self.imm.unpack(p, word)?;
        inst.shift = self.shift(word);
        inst.list = self.list(word);
        let place = if in_it.is_some() {
            Place::Last
        } else {
            Place::Outside
        };
        inst.cond = in_it.unwrap_or(Cond::Al);
        if p.has(b'c') {
            inst.cond = *Cond::ALL.get(p.extract(word, b'c') as usize)?;
        }
        inst.s = match p.has(b's') {
            true => p.extract(word, b's') != 0,
            false => !self.allows_flags(false, place),
        };
        // Cores differ in what they have, not in what bits mean.
        let again = self.encode(&inst, EVERYTHING, place);
        (again == Ok(word)).then_some(inst)
    }

    /// The instruction whose fields are taken from `bits`, if they are legal: random bits give random
    /// instructions of this form.
    pub fn sample(&self, bits: u32, in_it: Option<Cond>) -> Option<Inst> {
        let p = &self.pattern;
        let mut word = bits & !p.mask | p.value;
        if let (true, Some(last)) = (p.has(b'x'), self.op.roles().len().checked_sub(1)) {
            let reg = p.extract(word, self.operands[last].field);
            word = word & !p.insert(b'x', !0) | p.insert(b'x', reg);
        }
        let word = if p.size == 2 { word & 0xffff } else { word };
        self.decode(word, in_it)
    }

    fn shift(&self, word: u32) -> Shift {
        let p = &self.pattern;
        let v = p.extract(word, b'v') as u8;
        let (kind, amount) = match p.width(b'h') {
            0 if p.has(b'o') => (ShiftKind::Ror, p.extract(word, b'o') as u8 * 8),
            0 => (ShiftKind::Lsl, v),
            1 if p.extract(word, b'h') == 0 => (ShiftKind::Lsl, v),
            1 => (ShiftKind::Asr, v),
            _ => match p.extract(word, b'h') {
                0 => (ShiftKind::Lsl, v),
                1 => (ShiftKind::Lsr, (v + 31) % 32 + 1),
                2 => (ShiftKind::Asr, (v + 31) % 32 + 1),
                _ => (ShiftKind::Ror, v),
            },
        };
        // ROR by nothing in a rotation field is no shift; elsewhere it is RRX, which no form encodes.
        if amount == 0 && p.has(b'o') {
            Shift::NONE
        } else {
            Shift { kind, amount }
        }
    }

    fn list(&self, word: u32) -> RegSet {
        let p = &self.pattern;
        if p.has(b'b') {
            return doubles(p.extract(word, b'q') as u8, p.extract(word, b'b') as u8);
        }
        if p.has(b'q') {
            return RegSet::of(Reg(p.extract(word, b'q') as u8));
        }
        let (r, y, z) = (
            p.extract(word, b'r'),
            p.extract(word, b'y'),
            p.extract(word, b'z'),
        );
        RegSet((r | y << 14 | z << 15).into())
    }
}
