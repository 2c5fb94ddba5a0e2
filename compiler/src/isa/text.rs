//! Instructions as text: UAL syntax that GNU as and `llvm-mc` accept.
//!
//! In: an [`Inst`], optionally the size its text must force, and a dialect. Out: text. The operand part of each
//! operation's text is a template, which [`super::parse()`] reads too. Invariant: parsing what was printed
//! gives the instruction back. Checked by that round trip and by two assemblers.

use super::form::{Flags, Form};
use super::{
    Addr, Alu, Class, Cond, Imm, Inst, Place, Reg, RegSet, Sem, Shift, ShiftKind, Vfp, encode,
};
use crate::options::Cpu;
use std::fmt::{self, Display, Write};

/// Whose syntax, where they differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// GNU as: branch targets are `.+8`, ADR is an addition to `pc`.
    #[default]
    Gnu,
    /// `llvm-mc`: branch targets are `#4` from the PC.
    Llvm,
}

/// Template of the operands of an operation: `A` to `D` are the registers, `I` the immediate, `O` an offset that
/// is left out if zero, `F` the immediate as a float, `S` a shift that is left out if none, `L` the list, `T` a target,
/// `W` the width of a bit field; everything else stands for itself.
pub(super) fn template(sem: Sem) -> &'static str {
    match sem {
        Sem::AluI(Alu::Mov | Alu::Mvn) | Sem::Movt | Sem::TestI(_) => "A, I",
        Sem::AluI(_) | Sem::ShiftI(_) => "A, B, I",
        Sem::AluR(Alu::Mov | Alu::Mvn) | Sem::TestR(_) | Sem::Extend(_) => "A, BS",
        Sem::AluR(_) | Sem::ExtendAdd(_) => "A, B, CS",
        Sem::Rrx | Sem::Clz | Sem::Rbit | Sem::Rev | Sem::Rev16 | Sem::Revsh => "A, B",
        Sem::ShiftR(_) | Sem::Mul | Sem::Div { .. } | Sem::Smmul => "A, B, C",
        Sem::MulHalf { accumulate: false } => "A, B, C",
        Sem::MulHalf { accumulate: true } | Sem::Mla | Sem::Mls => "A, B, C, D",
        Sem::MulLong { .. } | Sem::Umaal => "A, B, C, D",
        Sem::FieldGet { .. } | Sem::FieldPut => "A, B, I, W",
        Sem::FieldClear => "A, I, W",
        Sem::Saturate { .. } => "A, I, BS",
        Sem::Load(_, addr) | Sem::Store(_, addr) => match addr {
            Addr::Offset => "A, [BO]",
            Addr::Index => "A, [B, CS]",
            Addr::Pre => "A, [B, I]!",
            Addr::Post => "A, [B], I",
            Addr::Literal => "A, [pc, I]",
        },
        Sem::Adr => "A, I",
        Sem::LoadDual | Sem::StoreDual => "A, B, [CO]",
        Sem::LoadMany {
            writeback: true, ..
        }
        | Sem::StoreMany {
            writeback: true, ..
        } => "A!, L",
        Sem::LoadMany { .. } | Sem::StoreMany { .. } => "A, L",
        Sem::Push | Sem::Pop => "L",
        Sem::Branch | Sem::Call => "T",
        Sem::CallReg | Sem::BranchReg => "A",
        Sem::CompareBranch { .. } => "A, T",
        Sem::TableBranch { wide: false } => "[A, B]",
        Sem::TableBranch { wide: true } => "[A, B, lsl #1]",
        Sem::It | Sem::Nop => "",
        Sem::Udf | Sem::Bkpt => "I",
        Sem::Vfp(vfp) => match vfp {
            Vfp::Arith(..) | Vfp::Select(..) | Vfp::FromPair | Vfp::ToPair => "A, B, C",
            Vfp::Sqrt(_) | Vfp::Neg(_) | Vfp::Abs(_) | Vfp::Move(_) | Vfp::Round(..) => "A, B",
            Vfp::Compare(_) | Vfp::ToInt { .. } | Vfp::FromInt { .. } => "A, B",
            Vfp::Widen | Vfp::Narrow | Vfp::FromCore | Vfp::ToCore => "A, B",
            Vfp::Const(_) => "A, F",
            Vfp::CompareZero(_) => "A, #0.0",
            Vfp::Flags => "apsr_nzcv, fpscr",
            Vfp::Load(_, Addr::Literal) => "A, [pc, I]",
            Vfp::Load(..) | Vfp::Store(_) => "A, [BO]",
            Vfp::Push | Vfp::Pop => "L",
        },
    }
}

/// A mnemonic before and after the place of its condition: `vadd` and `.f32`.
pub(super) fn around_condition(mnemonic: &'static str) -> (&'static str, &'static str) {
    mnemonic.split_at(mnemonic.find('.').unwrap_or(mnemonic.len()))
}

impl Cond {
    /// The suffix; nothing for `Al`.
    pub fn suffix(self) -> &'static str {
        [
            "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "",
        ][self as usize]
    }
}

impl ShiftKind {
    /// The mnemonic.
    pub fn mnemonic(self) -> &'static str {
        ["lsl", "lsr", "asr", "ror"][self as usize]
    }
}

impl Display for RegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        let mut rest = *self;
        let mut separator = "";
        while let Some(first) = rest.iter().next() {
            // Both halves of a `d` register are that register.
            let double = first.number(Class::Single).map(|n| Reg::d(n / 2));
            let r = double.filter(|d| rest.contains(*d)).unwrap_or(first);
            write!(f, "{separator}{r}")?;
            rest.remove(r);
            separator = ", ";
        }
        f.write_char('}')
    }
}

/// An instruction to be printed.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The instruction.
    pub inst: &'a Inst,
    /// The form whose size and mnemonic the text forces, if it must.
    pub form: Option<&'a Form>,
    /// Whose syntax.
    pub dialect: Dialect,
    /// The name of a branch target, instead of its distance.
    pub target: Option<&'a str>,
}

impl Inst {
    /// The text with a suffix that forces the size (2 or 4) where the operation has forms of both sizes.
    /// If no form of the size encodes the instruction, there is no suffix.
    pub fn text_sized(&self, cpu: Cpu, place: Place, size: u32, dialect: Dialect) -> String {
        let form = encode::select(self, cpu, place, Some(size))
            .ok()
            .map(|(form, _)| form);
        Text {
            inst: self,
            form,
            dialect,
            target: None,
        }
        .to_string()
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text {
            inst: self,
            form: None,
            dialect: Dialect::default(),
            target: None,
        }
        .fmt(f)
    }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inst = self.inst;
        if inst.op.sem() == Sem::It {
            return write!(f, "{} {}", it_mnemonic(inst), inst.cond.suffix());
        }
        let (mnemonic, types) = around_condition(self.mnemonic());
        f.write_str(mnemonic)?;
        if inst.s && !inst.op.sem().is_test() {
            f.write_char('s')?;
        }
        f.write_str(inst.cond.suffix())?;
        f.write_str(types)?;
        f.write_str(self.width())?;
        let full = template(inst.op.sem());
        let short = self
            .form
            .filter(|form| self.dialect == Dialect::Llvm && is_in_place(form));
        let template = match short.and_then(|_| in_place(full)) {
            Some((first, rest)) => format!("{first}{rest}"),
            None => full.to_owned(),
        };
        if !template.is_empty() {
            f.write_char(' ')?;
        }
        template.chars().try_for_each(|c| self.piece(f, c))
    }
}

impl Text<'_> {
    fn mnemonic(&self) -> &'static str {
        let inst = self.inst;
        if inst.op.sem() == Sem::Adr && self.dialect == Dialect::Gnu {
            return match self.form {
                _ if inst.imm < 0 => "subw",
                Some(form) if form.size() == 4 => "addw",
                _ => "add",
            };
        }
        // Without a form, the mnemonic of the first 32-bit one that takes the immediate fits the smallest too.
        let takes = |f: &&Form| f.size() == 4 && f.pattern_imm(inst.imm, inst.imm2).is_some();
        let form = self
            .form
            .or_else(|| super::table::forms(inst.op).iter().find(takes));
        form.and_then(|form| form.mnemonic)
            .unwrap_or(inst.op.mnemonic())
    }

    /// `.n` or `.w`, unless the mnemonic or the operation has one size only.
    fn width(&self) -> &'static str {
        let Some(form) = self.form else { return "" };
        let single = super::table::forms(form.op)
            .iter()
            .all(|f| f.size() == form.size());
        let adr = form.op.sem() == Sem::Adr && self.dialect == Dialect::Gnu;
        match form.size() {
            _ if single => "",
            4 if adr || form.mnemonic.is_some() => "",
            4 if self.dialect == Dialect::Llvm && only_bare(form) => "",
            4 => ".w",
            _ => ".n",
        }
    }

    fn piece(&self, f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
        let inst = self.inst;
        match c {
            'A'..='D' => write!(f, "{}", inst.regs[c as usize - 'A' as usize]),
            'I' if inst.op.sem() == Sem::Adr && self.dialect == Dialect::Gnu => {
                write!(f, "pc, #{}", inst.imm.unsigned_abs())
            }
            'I' if self.is_bits() => write!(f, "#{}", inst.imm as u32),
            'I' => write!(f, "#{}", inst.imm),
            'O' if inst.imm == 0 => Ok(()),
            'O' => write!(f, ", #{}", inst.imm),
            'S' => shift(f, inst.shift),
            'F' => write!(f, "#{:?}", f32::from_bits(inst.imm as u32)),
            'L' => write!(f, "{}", inst.list),
            'W' => write!(f, "#{}", inst.imm2),
            'T' => match (self.target, self.dialect) {
                (Some(name), _) => f.write_str(name),
                (None, Dialect::Llvm) => write!(f, "#{}", inst.imm),
                (None, Dialect::Gnu) => write!(f, ".{:+}", i64::from(inst.imm) + 4),
            },
            c => f.write_char(c),
        }
    }

    /// Whether the immediate is 32 bits rather than a distance.
    fn is_bits(&self) -> bool {
        matches!(
            self.inst.op.sem(),
            Sem::AluI(_) | Sem::TestI(_) | Sem::Udf | Sem::Bkpt
        )
    }
}

/// The template of an operation on its own destination (`adds r0, #1`), in two parts, if it has a second operand.
pub(super) fn in_place(template: &'static str) -> Option<(&'static str, &'static str)> {
    template.strip_prefix("A, B, ").map(|rest| ("A, ", rest))
}

/// Whether the form has an immediate and the destination is its first source: `llvm-mc` takes another form if
/// both are written.
fn is_in_place(form: &Form) -> bool {
    let [a, b, ..] = form.operands;
    form.op.roles().len() == 2 && form.imm != Imm::None && a.field != 0 && a.field == b.field
}

/// Whether `llvm-mc` knows the 32-bit form only without suffix: MUL, because MULS is the narrow one, and
/// negative offsets.
fn only_bare(form: &Form) -> bool {
    let all = super::table::forms(form.op);
    let mul = all[0].flags == Flags::OutsideIt && all.iter().all(|f| f.flags != Flags::Bit);
    let negative = matches!(form.imm, Imm::Negative(_)) && form.op.sem() != Sem::Adr;
    negative || mul && form.flags == Flags::Keep
}

fn shift(f: &mut fmt::Formatter<'_>, shift: Shift) -> fmt::Result {
    if shift.amount == 0 {
        return Ok(());
    }
    write!(f, ", {} #{}", shift.kind.mnemonic(), shift.amount)
}

/// `it` and a letter for each further instruction of the block: `t` where the bit of the mask equals the lowest
/// bit of the condition, `e` where it does not (Arm v7-M manual, A7.7.38).
fn it_mnemonic(inst: &Inst) -> String {
    let mask = inst.imm as u32 & 15;
    let others = 3 - mask.trailing_zeros().min(3);
    let letters = (0..others).map(|i| {
        let bit = mask >> (3 - i) & 1;
        if bit == inst.cond as u32 & 1 {
            't'
        } else {
            'e'
        }
    });
    "it".chars().chain(letters).collect()
}
