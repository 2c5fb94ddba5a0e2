//! The encoder: from an instruction to the bits of its smallest legal form.
//!
//! In: an [`Inst`], the CPU, and whether it stands in an IT block. Out: one or two halfwords, or why not.
//! Invariant: nothing out of range is ever cut to fit, and nothing that the manual calls UNPREDICTABLE is
//! encoded. Checked by decoding every result, and by `llvm-mc` and GNU as on every form.

use super::form::{FIXED, Flags, Form, Operand, Rule};
use super::inst::Class;
use super::{Cond, Inst, Op, Reg, RegSet, Role, Sem, Shift, ShiftKind, table::forms};
use crate::options::Cpu;
use crate::seeded::{Bug, on};
use std::fmt;

/// Where an instruction stands with respect to IT blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// Outside of any.
    Outside,
    /// Inside one, with another instruction after it.
    Inside,
    /// The last of one.
    Last,
}

/// An encoded instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// Halfwords in the order of their addresses; the second is 0 if there is none.
    pub hw: [u16; 2],
    /// Size in bytes: 2 or 4.
    pub size: u32,
}

impl Encoded {
    /// The halfwords that there are.
    pub fn halfwords(&self) -> &[u16] {
        &self.hw[..self.size as usize / 2]
    }

    fn new(word: u32, size: u32) -> Encoded {
        let hw = if size == 4 {
            [(word >> 16) as u16, word as u16]
        } else {
            [word as u16, 0]
        };
        Encoded { hw, size }
    }
}

/// Why an instruction has no encoding, judged by the form that allows most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The CPU does not have it.
    Cpu,
    /// Not at this place of an IT block, or its condition does not fit the place.
    Place,
    /// It cannot set, or cannot leave, the flags.
    Flags,
    /// A register cannot stand there, or two registers must or must not be the same.
    Register,
    /// The immediate is out of range.
    Immediate,
    /// The shift is not one that it takes.
    Shift,
    /// The register list is not one that it takes.
    List,
    /// There is no form of the size asked for.
    Size,
}

/// An instruction that cannot be encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodeError {
    /// The instruction.
    pub inst: Inst,
    /// The reason.
    pub why: Why,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Cpu => "the core does not have the instruction",
            Why::Place => "not allowed at this place of an IT block",
            Why::Flags => "no form that treats the flags so",
            Why::Register => "register not allowed",
            Why::Immediate => "immediate out of range",
            Why::Shift => "shift not allowed",
            Why::List => "register list not allowed",
            Why::Size => "no form of this size",
        };
        write!(f, "`{}`: {why}", self.inst)
    }
}

impl std::error::Error for EncodeError {}

/// The smallest legal encoding.
///
/// # Errors
/// If there is none: out of range, UNPREDICTABLE, or not on this CPU.
pub fn encode(inst: &Inst, cpu: Cpu, place: Place) -> Result<Encoded, EncodeError> {
    select(inst, cpu, place, None).map(|(form, word)| Encoded::new(word, form.size()))
}

/// The encoding with exactly `size` bytes (2 or 4), for code whose layout is already decided.
///
/// # Errors
/// As [`encode`], and if there is no form of this size.
pub fn encode_sized(
    inst: &Inst,
    cpu: Cpu,
    place: Place,
    size: u32,
) -> Result<Encoded, EncodeError> {
    select(inst, cpu, place, Some(size)).map(|(form, word)| Encoded::new(word, form.size()))
}

/// The 32-bit encoding.
///
/// # Errors
/// As [`encode_sized`].
pub fn encode_wide(inst: &Inst, cpu: Cpu, place: Place) -> Result<Encoded, EncodeError> {
    encode_sized(inst, cpu, place, 4)
}

/// Size in bytes of the smallest legal encoding.
///
/// # Errors
/// As [`encode`].
pub fn size(inst: &Inst, cpu: Cpu, place: Place) -> Result<u32, EncodeError> {
    select(inst, cpu, place, None).map(|(form, _)| form.size())
}

/// The form that encodes an instruction, with the bits: the first that can.
///
/// # Errors
/// As [`encode_sized`].
pub fn select(
    inst: &Inst,
    cpu: Cpu,
    place: Place,
    size: Option<u32>,
) -> Result<(&'static Form, u32), EncodeError> {
    let mut why = Why::Size;
    for form in forms(inst.op) {
        if size.is_none_or(|s| s == form.size()) {
            match form.encode(inst, cpu, place) {
                Ok(word) => return Ok((form, word)),
                Err(w) => why = w,
            }
        }
    }
    Err(EncodeError { inst: *inst, why })
}

impl Form {
    /// The bits of an instruction in this form; a 32-bit form has its first halfword on top.
    ///
    /// # Errors
    /// If the instruction is not one that this form encodes, the first reason.
    pub fn encode(&self, inst: &Inst, cpu: Cpu, place: Place) -> Result<u32, Why> {
        debug_assert_eq!(self.op, inst.op);
        if !self.exists_on(cpu) {
            return Err(Why::Cpu);
        }
        let mut word = self.pattern.value;
        word |= self.place_bits(inst, place)?;
        word |= self.flag_bits(inst, place)?;
        word |= self.register_bits(inst)?;
        word |= self
            .pattern_imm(inst.imm, inst.imm2)
            .ok_or(Why::Immediate)?;
        word |= self.shift_bits(inst.shift).ok_or(Why::Shift)?;
        word |= self.list_bits(inst.list).ok_or(Why::List)?;
        self.rules
            .iter()
            .try_for_each(|rule| follows(*rule, inst))?;
        Ok(word)
    }

    /// The bits of an immediate and of the width of a bit field, or `None` if they do not fit.
    pub fn pattern_imm(&self, imm: i32, imm2: u8) -> Option<u32> {
        self.imm.pack(&self.pattern, imm, imm2)
    }

    /// Whether this form treats the flags as `s` asks at this place.
    pub fn allows_flags(&self, s: bool, place: Place) -> bool {
        match self.flags {
            Flags::Keep => !s,
            Flags::Bit | Flags::Always => true,
            Flags::OutsideIt => {
                let bug = on(Bug::LiveFlagsSet) && self.size() == 2 && !s && self.op == Op::AddI;
                s == (place == Place::Outside) || bug
            }
        }
    }

    fn place_bits(&self, inst: &Inst, place: Place) -> Result<u32, Why> {
        let standing = match place {
            Place::Outside => true,
            Place::Inside => !self.has(Rule::Outside) && !self.has(Rule::Last) && !writes_pc(inst),
            Place::Last => !self.has(Rule::Outside),
        };
        // A condition field is the instruction's own condition; otherwise the condition is the IT block's.
        let own = self.pattern.has(b'c');
        let conditional = inst.cond != Cond::Al;
        if !standing || conditional != (own || place != Place::Outside) {
            return Err(Why::Place);
        }
        Ok(if own {
            self.pattern.insert(b'c', inst.cond as u32)
        } else {
            0
        })
    }

    fn flag_bits(&self, inst: &Inst, place: Place) -> Result<u32, Why> {
        if !self.allows_flags(inst.s, place) {
            return Err(Why::Flags);
        }
        Ok(self.pattern.insert(b's', u32::from(inst.s)))
    }

    fn register_bits(&self, inst: &Inst) -> Result<u32, Why> {
        let roles = inst.op.roles();
        let mut word = 0;
        for (i, operand) in self.operands[..roles.len()].iter().enumerate() {
            let reg = inst.regs[i];
            if !self.accepts(operand, reg) {
                return Err(Why::Register);
            }
            if operand.field != 0 {
                if inst.regs[operand.first as usize] != reg {
                    return Err(Why::Register);
                }
                word |= operand.pack(&self.pattern, reg).ok_or(Why::Register)?;
            }
        }
        if let Some(last) = roles.len().checked_sub(1) {
            word |= self.pattern.insert(b'x', u32::from(inst.regs[last].0));
        }
        Ok(word)
    }

    /// Whether the register may stand at the operand's place, other operands aside.
    pub fn accepts(&self, operand: &Operand, reg: Reg) -> bool {
        match (operand.field, reg) {
            (0, _) => reg == FIXED,
            _ if reg.number(operand.class).is_none() => false,
            _ if operand.class != Class::Core => true,
            (_, Reg::SP) => operand.sp && self.pattern.width(operand.field) == 4,
            (_, Reg::PC) => operand.pc && self.pattern.width(operand.field) == 4,
            (field, _) => {
                let bug = on(Bug::HighRegisterMasked) && reg == Reg::R8;
                reg.0 >> self.pattern.width(field) == 0 || bug
            }
        }
    }

    /// Shift fields: `h` is the kind (one bit: LSL or ASR), `v` the amount, `o` a rotation by bytes.
    fn shift_bits(&self, shift: Shift) -> Option<u32> {
        let p = &self.pattern;
        let amount = u32::from(shift.amount);
        if shift == Shift::NONE {
            return Some(0);
        }
        let value = match shift.kind {
            ShiftKind::Lsl => (1..32).contains(&amount).then_some(amount)?,
            ShiftKind::Lsr => (1..=32).contains(&amount).then_some(amount & 31)?,
            ShiftKind::Asr if p.width(b'h') == 1 => (1..32).contains(&amount).then_some(amount)?,
            ShiftKind::Asr => (1..=32).contains(&amount).then_some(amount & 31)?,
            ShiftKind::Ror => (1..32).contains(&amount).then_some(amount)?,
        };
        let kind = shift.kind as u32;
        match (p.width(b'v'), p.width(b'h')) {
            (0, _) if p.has(b'o') && shift.kind == ShiftKind::Ror && amount % 8 == 0 => {
                Some(p.insert(b'o', amount / 8))
            }
            (5, 2) => Some(p.insert(b'h', kind) | p.insert(b'v', value)),
            (5, 1) => match shift.kind {
                ShiftKind::Lsl => Some(p.insert(b'v', value)),
                ShiftKind::Asr => Some(p.insert(b'h', 1) | p.insert(b'v', value)),
                ShiftKind::Lsr | ShiftKind::Ror => None,
            },
            (2, 0) if shift.kind == ShiftKind::Lsl && amount < 4 => Some(p.insert(b'v', value)),
            _ => None,
        }
    }

    /// List fields: `r` from r0 up, `y` LR, `z` PC, `q` the number of the only register, or with `b` that of the
    /// first of `b` successive `d` registers.
    fn list_bits(&self, list: RegSet) -> Option<u32> {
        let p = &self.pattern;
        if p.has(b'b') {
            let first = list.iter().next()?.number(Class::Single)? / 2;
            let count = list.len() as u8 / 2;
            let fields = p.insert(b'q', first.into()) | p.insert(b'b', count.into());
            return (doubles(first, count) == list).then_some(fields);
        }
        if p.has(b'q') {
            let reg = list
                .iter()
                .next()
                .filter(|r| list.len() == 1 && *r != Reg::SP)?;
            let allowed = reg != Reg::PC || self.op.sem() == Sem::Pop;
            return allowed.then(|| p.insert(b'q', u32::from(reg.0)));
        }
        if !p.has(b'r') {
            return list.is_empty().then_some(0);
        }
        let mut rest = list;
        let mut word = 0;
        for (letter, reg) in [(b'y', Reg::LR), (b'z', Reg::PC)] {
            if p.has(letter) && rest.contains(reg) {
                rest.remove(reg);
                word |= p.insert(letter, 1);
            }
        }
        let fits = rest.0 >> p.width(b'r') == 0 && !list.is_empty();
        fits.then(|| word | p.insert(b'r', rest.0 as u32))
    }
}

/// `count` successive `d` registers; none if there are not so many.
pub(super) fn doubles(first: u8, count: u8) -> RegSet {
    let last = first.checked_add(count).filter(|end| *end <= 16);
    let mut list = RegSet::EMPTY;
    (first..last.unwrap_or(first)).for_each(|n| list.insert(Reg::d(n)));
    list
}

/// Whether PC is among the registers that the operands or the list name as written.
fn writes_pc(inst: &Inst) -> bool {
    let operand = inst.op.roles().iter().zip(inst.regs);
    inst.list.contains(Reg::PC)
        || operand
            .into_iter()
            .any(|(role, reg)| *role != Role::Use && reg == Reg::PC)
}

/// Checks a rule on an instruction whose registers are each allowed; rules about place and CPU are checked
/// with the place and the CPU.
fn follows(rule: Rule, inst: &Inst) -> Result<(), Why> {
    let r = &inst.regs;
    let list = inst.list;
    let (ok, why) = match rule {
        Rule::Outside | Rule::Last | Rule::Needs(_) => (true, Why::Place),
        Rule::Differ(a, b) => (r[a] != r[b], Why::Register),
        Rule::SpFromSp => (r[0] != Reg::SP || r[1] == Reg::SP, Why::Register),
        Rule::SpShift => {
            let small = inst.shift.kind == ShiftKind::Lsl && inst.shift.amount < 4;
            (r[0] != Reg::SP || small, Why::Shift)
        }
        Rule::PcWord => (r[0] != Reg::PC || inst.imm % 4 == 0, Why::Immediate),
        Rule::High(a, b) => (!r[a].is_low() || !r[b].is_low(), Why::Register),
        Rule::ListTwo => (list.len() >= 2, Why::List),
        Rule::ListNotLrPc => (
            !(list.contains(Reg::LR) && list.contains(Reg::PC)),
            Why::List,
        ),
        Rule::ListHasBase => (list.contains(r[0]), Why::List),
        Rule::ListLacksBase => (!list.contains(r[0]), Why::List),
    };
    if ok { Ok(()) } else { Err(why) }
}
