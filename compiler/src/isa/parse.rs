//! Text to instructions: the inverse of [`super::text`].
//!
//! In: one line of UAL assembly, in either dialect, without label and comment. Out: the [`Inst`] and the size
//! that its suffix forces. Invariant: the templates of the printer are the grammar, so what is printed can be
//! read. Text that fits several operations (`[pc, #4]` as base or as literal) is the one that can be encoded.

use super::decode::EVERYTHING;
use super::encode::{Place, select};
use super::table::{classes, forms};
use super::text::{around_condition, in_place, template};
use super::{Class, Cond, Inst, Op, Reg, Shift, ShiftKind};
use std::fmt;

/// Text that is not an instruction of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// What was found, and what could have stood there.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

/// Parses an instruction.
///
/// # Errors
/// If the text is not an instruction of the table. The operands may still be out of range: see
/// [`encode`](super::encode()).
pub fn parse(text: &str) -> Result<Inst, ParseError> {
    parse_sized(text).map(|(inst, _)| inst)
}

/// Parses an instruction; also the size in bytes that a suffix `.n` or `.w` or a mnemonic such as ADDW forces.
///
/// # Errors
/// As [`parse`].
pub fn parse_sized(text: &str) -> Result<(Inst, Option<u32>), ParseError> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (word, size) = match word.rsplit_once('.') {
        Some((word, "w")) => (word, Some(4)),
        Some((word, "n")) => (word, Some(2)),
        _ => (word, None),
    };
    if let Some(inst) = parse_it(word, rest) {
        return Ok((inst, size));
    }
    let mut first = None;
    let mut known = false;
    for name in names() {
        let Some((s, cond)) = suffixes(word, &name) else {
            continue;
        };
        known = true;
        let start = Inst {
            s,
            cond,
            ..Inst::new(name.op, &[], 0)
        };
        let Some(inst) = operands(&name, start, rest) else {
            continue;
        };
        let size = name.size.or(size);
        if encodable(&inst) {
            return Ok((inst, size));
        }
        first = first.or(Some((inst, size)));
    }
    first.ok_or_else(|| {
        error(
            if known {
                "operands do not fit"
            } else {
                "unknown mnemonic"
            },
            text,
        )
    })
}

fn error(what: &str, text: &str) -> ParseError {
    ParseError {
        message: format!("{what}: `{text}`"),
    }
}

/// A mnemonic with the operands that follow it.
struct Name {
    mnemonic: &'static str,
    op: Op,
    /// What follows, in two parts of a template.
    template: (&'static str, &'static str),
    /// The size that it forces.
    size: Option<u32>,
    /// Whether the immediate is subtracted.
    negative: bool,
    /// Whether the destination is the first source, too.
    in_place: bool,
}

/// How GNU as writes ADR.
const ADR: [Name; 3] = [
    adr("add", None, false),
    adr("addw", Some(4), false),
    adr("subw", Some(4), true),
];

const fn adr(mnemonic: &'static str, size: Option<u32>, negative: bool) -> Name {
    let template = ("A, pc, I", "");
    Name {
        mnemonic,
        op: Op::Adr,
        template,
        size,
        negative,
        in_place: false,
    }
}

/// Every mnemonic: GNU's ADR first, then each operation's own and those of single forms.
fn names() -> impl Iterator<Item = Name> {
    // IT has its letters inside the mnemonic and is read before.
    let own = Op::ALL.iter().filter(|op| **op != Op::It).flat_map(|&op| {
        let full = template(op.sem());
        let name = move |mnemonic, size, short: Option<_>| Name {
            mnemonic,
            op,
            template: short.unwrap_or((full, "")),
            size,
            negative: false,
            in_place: short.is_some(),
        };
        let special = forms(op)
            .iter()
            .filter_map(move |f| Some(name(f.mnemonic?, Some(f.size()), None)));
        let short = in_place(full).map(|short| name(op.mnemonic(), None, Some(short)));
        std::iter::once(name(op.mnemonic(), None, None))
            .chain(special)
            .chain(short)
    });
    ADR.into_iter().chain(own)
}

/// What follows the mnemonic in `word`: whether flags are set, and the condition. `None`: another mnemonic.
fn suffixes(word: &str, name: &Name) -> Option<(bool, Cond)> {
    let (mnemonic, types) = around_condition(name.mnemonic);
    let rest = word.strip_prefix(mnemonic)?.strip_suffix(types)?;
    if let Some(cond) = condition(rest) {
        return Some((false, cond));
    }
    let sets = forms(name.op)
        .iter()
        .any(|f| f.allows_flags(true, Place::Outside));
    if name.op.sem().is_test() || !sets {
        return None;
    }
    Some((true, condition(rest.strip_prefix('s')?)?))
}

fn condition(text: &str) -> Option<Cond> {
    match text {
        "cs" => Some(Cond::Hs),
        "cc" => Some(Cond::Lo),
        "al" => Some(Cond::Al),
        _ => Cond::ALL.into_iter().find(|c| c.suffix() == text),
    }
}

fn encodable(inst: &Inst) -> bool {
    let places = [Place::Outside, Place::Last];
    places
        .iter()
        .any(|place| select(inst, EVERYTHING, *place, None).is_ok())
}

/// `it`, its letters and the first condition; see the printer for the mask.
fn parse_it(word: &str, rest: &str) -> Option<Inst> {
    let letters = word.strip_prefix("it")?;
    let cond = condition(rest.trim()).filter(|_| !rest.trim().is_empty())?;
    if letters.len() > 3 {
        return None;
    }
    let low = cond as i32 & 1;
    let mut mask = 0;
    for c in letters.chars() {
        mask = mask << 1
            | if c == 't' {
                low
            } else {
                (c == 'e').then_some(low ^ 1)?
            };
    }
    let mask = (mask << 1 | 1) << (3 - letters.len());
    Some(Inst {
        cond,
        ..Inst::new(Op::It, &[], mask)
    })
}

/// Reads operands along a template.
fn operands(name: &Name, mut inst: Inst, text: &str) -> Option<Inst> {
    let mut cursor = Cursor(text);
    for c in name.template.0.chars().chain(name.template.1.chars()) {
        match c {
            'A'..='D' => inst.regs[c as usize - 'A' as usize] = cursor.register()?,
            'I' => inst.imm = cursor.immediate()?,
            'F' => inst.imm = cursor.float()?.to_bits() as i32,
            'O' => {
                if cursor.eat(",") {
                    inst.imm = cursor.immediate()?;
                }
            }
            'S' => {
                if cursor.eat(",") {
                    inst.shift = cursor.shift()?;
                }
            }
            'L' => inst.list = cursor.list()?,
            'W' => inst.imm2 = u8::try_from(cursor.immediate()?).ok()?,
            'T' => inst.imm = cursor.target()?,
            ' ' => {}
            c => cursor.eat(c.encode_utf8(&mut [0; 4])).then_some(())?,
        }
    }
    if name.in_place {
        inst.regs[1] = inst.regs[0];
    }
    if name.negative {
        inst.imm = inst.imm.checked_neg()?;
    }
    // Several operations may have the name and differ in the kinds of registers.
    let kinds = inst.regs.iter().zip(classes(inst.op));
    let fit = kinds
        .into_iter()
        .all(|(r, class)| r.number(*class).is_some());
    (fit && cursor.0.trim().is_empty()).then_some(inst)
}

/// The rest of the text.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Skips spaces and takes `token` if it stands there.
    fn eat(&mut self, token: &str) -> bool {
        match self.0.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Takes letters and digits.
    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len());
        self.0 = &text[end..];
        &text[..end]
    }

    fn register(&mut self) -> Option<Reg> {
        match self.word() {
            "sp" => Some(Reg::SP),
            "lr" => Some(Reg::LR),
            "pc" => Some(Reg::PC),
            word => {
                let classes = [
                    ('r', Class::Core),
                    ('s', Class::Single),
                    ('d', Class::Double),
                ];
                let of = |(letter, class): (char, Class)| {
                    class.reg(word.strip_prefix(letter)?.parse().ok()?)
                };
                classes.into_iter().find_map(of)
            }
        }
    }

    /// A number with sign, decimal or hexadecimal, that 32 bits hold.
    fn number(&mut self) -> Option<i64> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let word = self.word();
        let value = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => word.parse().ok()?,
        };
        Some(if negative {
            -i64::from(value)
        } else {
            i64::from(value)
        })
    }

    fn immediate(&mut self) -> Option<i32> {
        if !self.eat("#") {
            return None;
        }
        let value = self.number()?;
        (value >= i64::from(i32::MIN)).then_some(value as i32)
    }

    /// A float in decimal notation.
    fn float(&mut self) -> Option<f32> {
        if !self.eat("#") {
            return None;
        }
        let text = self.0.trim_start();
        let end = text.find([',', ' ']).unwrap_or(text.len());
        self.0 = &text[end..];
        text[..end].parse().ok()
    }

    /// `.+8` is from the instruction, `#4` from its PC.
    fn target(&mut self) -> Option<i32> {
        if self.eat(".") {
            return i32::try_from(self.number()? - 4).ok();
        }
        self.immediate()
    }

    fn shift(&mut self) -> Option<Shift> {
        let word = self.word();
        let kinds = [
            ShiftKind::Lsl,
            ShiftKind::Lsr,
            ShiftKind::Asr,
            ShiftKind::Ror,
        ];
        let kind = kinds.into_iter().find(|k| k.mnemonic() == word)?;
        let amount = u8::try_from(self.immediate()?).ok()?;
        Some(if amount == 0 && kind == ShiftKind::Lsl {
            Shift::NONE
        } else {
            Shift { kind, amount }
        })
    }

    fn list(&mut self) -> Option<super::RegSet> {
        let mut list = super::RegSet::EMPTY;
        if !self.eat("{") {
            return None;
        }
        while !self.eat("}") {
            let first = self.register()?;
            let last = if self.eat("-") {
                self.register()?
            } else {
                first
            };
            (first.0..=last.0).for_each(|r| list.insert(Reg(r)));
            if !self.eat(",") && !self.0.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, printed) in [
            ("adds.n r0,r1, r2", "adds r0, r1, r2"),
            ("ldrb r1, [r2, #0x10]", "ldrb r1, [r2, #16]"),
            ("push {r4-r6, lr}", "push {r4, r5, r6, lr}"),
            ("bls .-8", "bls .-8"),
            ("bl #4", "bl .+8"),
            ("itte cs", "itte hs"),
            ("subw r0, pc, #8", "subw r0, pc, #8"),
            ("adds r3, #1", "adds r3, r3, #1"),
            ("ldr r0, [pc, #8]", "ldr r0, [pc, #8]"),
            ("muls r0, r1, r0", "muls r0, r1, r0"),
            ("mov r0, #-2", "mov r0, #4294967294"),
            ("uxtb r0, r1, ror #8", "uxtb r0, r1, ror #8"),
            ("vaddeq.f32 s0,s31, s2", "vaddeq.f32 s0, s31, s2"),
            ("vmov s1, lr", "vmov s1, lr"),
            ("vmov r2, r3, d15", "vmov r2, r3, d15"),
            ("vmov.f64 d1, #-0.5", "vmov.f64 d1, #-0.5"),
            ("vcmp.f32 s3, #0.0", "vcmp.f32 s3, #0.0"),
            ("vmrs apsr_nzcv, fpscr", "vmrs apsr_nzcv, fpscr"),
            ("vpush {d8-d10}", "vpush {d8, d9, d10}"),
            ("vldr s0, [pc, #8]", "vldr s0, [pc, #8]"),
            ("vldrmi d0, [sp, #-8]", "vldrmi d0, [sp, #-8]"),
            ("vseleq.f64 d0, d1, d2", "vseleq.f64 d0, d1, d2"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), printed);
        }
        assert_eq!(parse("ldr r0, [pc, #8]").unwrap().op, Op::LdrLit);
        for bad in [
            "",
            "adds",
            "foo r0",
            "add r0",
            "ldr r0, [r1, #4",
            "b .+x",
            "mov r16, #1",
            "it",
            "vadd.f32 s0, s1, d2",
            "vadd.f64 s0, s1, s2",
            "vmov d0, r0",
            "vmov.f32 s32, s0",
            "vpush {s0, s1, r0",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
