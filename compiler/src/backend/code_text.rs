//! Linear code as text, and back.
//!
//! In: the items of a function. Out: text, an item a line; from it the same items. Instructions are written and read as
//! assembly by the instruction table; what becomes instructions only at layout has a name with a capital letter, as in
//! machine IR. At the end of a line stands where it comes from, as `@` and a byte offset. Invariant: parsing the text
//! gives equal items.
//!
//! ```text
//! code @f
//! L0:
//!   cmp r0, #9
//!   Branch.hi L2
//!   Table r0, L3, L4 @0x2f
//! L2:
//!   Address movw r1, s3
//!   Trap 4
//! end
//! ```

use super::code::{Item, Kind, Label, Literal};
use super::mir::Symbol;
use super::mir_text::{finish_line, origin, physical};
use crate::ir::cursor::{Cursor, ParseError, error_at};
use crate::ir::text::symbol;
use crate::isa::{self, Cond, Inst, Op, Reg};
use std::fmt::Write;

/// Text of a function's items. `names` gives symbols' names, which follow as comments.
pub fn function(items: &[Item], name: &str, names: &dyn Fn(Symbol) -> Option<String>) -> String {
    let mut out = format!("code {}\n", symbol(name));
    for item in items {
        let mut line = String::new();
        let sym = write_item(&mut line, &item.kind);
        if !matches!(item.kind, Kind::Label(_)) {
            out.push_str("  ");
        }
        out.push_str(&line);
        finish_line(&mut out, item.loc, sym, names);
    }
    out.push_str("end\n");
    out
}

fn suffix(cond: Cond) -> String {
    match cond {
        Cond::Al => String::new(),
        c => format!(".{}", c.suffix()),
    }
}

/// Writes an item; gives the symbol that it names.
fn write_item(out: &mut String, kind: &Kind) -> Option<Symbol> {
    // Writing to a string cannot fail.
    let _ = match kind {
        Kind::Inst(i) => write!(out, "{i}"),
        Kind::HalfAddress(i, s) => {
            let _ = write!(out, "Address {} r{}", i.op.mnemonic(), i.regs[0].0);
            let _ = write!(out, ", s{}{}", s.0, offset(i.imm));
            return Some(*s);
        }
        Kind::Label(l) => write!(out, "L{}:", l.0),
        Kind::Branch(c, l) => write!(out, "Branch{} L{}", suffix(*c), l.0),
        Kind::BranchZero(r, zero, l) => {
            let cond = if *zero { Cond::Eq } else { Cond::Ne };
            write!(out, "BranchZero{} r{}, L{}", suffix(cond), r.0, l.0)
        }
        Kind::Call(s) => {
            let _ = write!(out, "Call s{}", s.0);
            return Some(*s);
        }
        Kind::TailCall(s) => {
            let _ = write!(out, "TailCall s{}", s.0);
            return Some(*s);
        }
        Kind::Load(r, Literal::Const(c)) => write!(out, "Load r{}, {c:#x}", r.0),
        Kind::Load(r, Literal::Addr(s, o)) => {
            let _ = write!(out, "Load r{}, s{}{}", r.0, s.0, offset(*o));
            return Some(*s);
        }
        Kind::Table(r, ls) => {
            let _ = write!(out, "Table r{}", r.0);
            ls.iter().try_for_each(|l| write!(out, ", L{}", l.0))
        }
        Kind::Trap(kind) => write!(out, "Trap {kind}"),
    };
    None
}

fn offset(o: i32) -> String {
    match o {
        0 => String::new(),
        o => format!(" + {o}"),
    }
}

type Result<T> = std::result::Result<T, ParseError>;

/// Parses a function: its name and its items.
///
/// # Errors
/// Line, column and what was expected.
pub fn parse(text: &str) -> Result<(String, Vec<Item>)> {
    let mut lines = Cursor::lines(text);
    let Some(mut head) = lines.next() else {
        return error_at((1, 1), "expected `code`");
    };
    if !head.take_word("code") {
        return head.expected("`code`");
    }
    let name = head.symbol()?;
    head.end()?;
    let mut items = Vec::new();
    for mut c in lines {
        if c.take_word("end") {
            c.end()?;
            return Ok((name, items));
        }
        items.push(item(c)?);
    }
    error_at((1, 1), "expected `end` at the end of the function")
}

fn label(c: &mut Cursor<'_>) -> Result<Label> {
    c.numbered("L", "a label such as `L0`").map(Label)
}

fn item(mut c: Cursor<'_>) -> Result<Item> {
    let kind = if c.is_numbered("L") {
        let l = label(&mut c)?;
        c.need(":")?;
        Kind::Label(l)
    } else {
        kind(&mut c)?
    };
    let loc = origin(&mut c)?;
    Ok(Item { kind, loc })
}

fn kind(c: &mut Cursor<'_>) -> Result<Kind> {
    let start = c.clone();
    let (word, cond) = c.peek().split_once('.').unwrap_or((c.peek(), ""));
    let cond = Cond::ALL.into_iter().find(|k| k.suffix() == cond);
    if !word.starts_with(|x: char| x.is_ascii_uppercase()) {
        return instruction(c).map(Kind::Inst);
    }
    c.word();
    Ok(match (word, cond) {
        ("Branch", Some(cond)) => Kind::Branch(cond, label(c)?),
        ("BranchZero", Some(cond @ (Cond::Eq | Cond::Ne))) => {
            let r = register(c)?;
            Kind::BranchZero(r, cond == Cond::Eq, label(c)?)
        }
        ("Address", Some(Cond::Al)) => half_address(c)?,
        ("Call", Some(Cond::Al)) => Kind::Call(Symbol(c.numbered("s", "a symbol")?)),
        ("TailCall", Some(Cond::Al)) => Kind::TailCall(Symbol(c.numbered("s", "a symbol")?)),
        ("Load", Some(Cond::Al)) => {
            let r = register(c)?;
            Kind::Load(r, literal(c)?)
        }
        ("Table", Some(Cond::Al)) => {
            let r = register(c)?;
            let mut labels = vec![label(c)?];
            while c.take(",") {
                labels.push(label(c)?);
            }
            Kind::Table(r, labels)
        }
        ("Trap", Some(Cond::Al)) => Kind::Trap(c.number_in(0, 255)? as u8),
        _ => return start.expected("an instruction"),
    })
}

/// A register and the comma behind it.
fn register(c: &mut Cursor<'_>) -> Result<Reg> {
    let r = physical(c)?;
    c.need(",")?;
    Ok(r)
}

/// A symbol and what is added to it.
fn address(c: &mut Cursor<'_>) -> Result<(Symbol, i32)> {
    let s = Symbol(c.numbered("s", "a symbol")?);
    let offset = match c.take("+") {
        true => c.number_in(i32::MIN.into(), i32::MAX.into())? as i32,
        false => 0,
    };
    Ok((s, offset))
}

fn literal(c: &mut Cursor<'_>) -> Result<Literal> {
    if c.is_numbered("s") {
        let (s, offset) = address(c)?;
        return Ok(Literal::Addr(s, offset));
    }
    Ok(Literal::Const(c.number_in(0, u32::MAX.into())? as u32))
}

fn half_address(c: &mut Cursor<'_>) -> Result<Kind> {
    let halves = [Op::Movw, Op::Movt];
    let Some(&op) = halves.iter().find(|op| c.peek() == op.mnemonic()) else {
        return c.expected("`movw` or `movt`");
    };
    c.word();
    let r = register(c)?;
    let (s, offset) = address(c)?;
    Ok(Kind::HalfAddress(Inst::new(op, &[r], offset), s))
}

/// An instruction of the table, up to where it comes from.
fn instruction(c: &mut Cursor<'_>) -> Result<Inst> {
    let start = c.clone();
    let text = c.take_until('@');
    match isa::parse(text) {
        Ok(inst) => Ok(inst),
        Err(e) => error_at(start.spot(), e.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::code::verify;

    const GOOD: &str = "code @f
L0:
  push {r4, lr}
  cmp r0, #9
  Branch.hi L2
  Table r0, L1, L2 @0x2f
L1:
  Address movw r1, s3
  Address movt r1, s3 + 4
  Load r2, 0xdeadbeef
  Load r3, s3 + -8
  BranchZero.ne r2, L3
  it lt
  addlt r4, r4, r1, lsl #2
  Call s5 @0x30
L3:
  pop {r4, pc}
L5:
  TailCall s6
L2:
  Trap 4
end
";

    #[test]
    fn text_reads_back_the_same() {
        let (name, items) = parse(GOOD).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(function(&items, &name, &|_| None), GOOD);
        assert_eq!(verify(&items), Ok(()));
        let named = function(&items, &name, &|s| Some(format!("symbol {}", s.0)));
        assert!(named.contains("Call s5 @0x30 ; symbol 5\n"), "{named}");
        assert_eq!(parse(&named), Ok((name, items)));
    }

    #[test]
    fn text_that_is_wrong_is_refused_where_it_is() {
        for (from, to, at) in [
            ("code @f", "mfunc @f", (1, 1)),
            ("L0:", "L0", (2, 3)),
            ("cmp r0", "cmq r0", (4, 3)),
            ("Branch.hi", "Branch.xx", (5, 3)),
            ("r0, L1, L2", "r0, L1, 2", (6, 17)),
            ("movw r1", "movs r1", (8, 11)),
            ("0xdeadbeef", "0xdeadbeef0", (10, 12)),
            ("BranchZero.ne", "BranchZero.lt", (12, 3)),
            ("@0x30", "@x", (15, 12)),
            ("Trap 4", "Trap 256", (21, 8)),
            ("end", "", (1, 1)),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let e = parse(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert_eq!((e.line, e.column), at, "{to}: {e}");
        }
        for end in 0..GOOD.len() {
            // No prefix of it makes the parser panic.
            let _ = parse(&GOOD[..end]);
        }
    }

    #[test]
    fn the_verifier_says_what_is_wrong() {
        for (from, to, says) in [
            ("L3:", "L1:", "label 1 stands twice"),
            ("ne r2, L3", "ne r2, L9", "label 9, which stands nowhere"),
            ("L1, L2 @", "L1, L7 @", "label 7"),
            ("  Trap 4\n", "", "past the end"),
            ("it lt", "it gt", "Lt and not Gt"),
            ("it lt", "itt lt", "stands in an IT block"),
            ("pop", "poplt", "Lt and not Al"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let (_, items) = parse(&GOOD.replacen(from, to, 1)).unwrap_or_else(|e| panic!("{e}"));
            let e = verify(&items).expect_err(to);
            assert!(e.contains(says), "{to}: {e}, expected {says}");
        }
    }
    /// The mnemonic says which instructions take the condition (`t`) and which the opposite one (`e`).
    #[test]
    fn blocks_of_every_length_give_their_conditions() {
        let letters = |n: u32, k: u32| if n >> k & 1 == 0 { 't' } else { 'e' };
        for (cond, other) in [("eq", "ne"), ("ne", "eq"), ("lt", "ge"), ("hi", "ls")] {
            for (count, n) in (0..4).flat_map(|count| (0..1 << count).map(move |n| (count, n))) {
                let rest: String = (0..count).map(|k| letters(n, k)).collect();
                let text = |wrong: Option<usize>| {
                    let line = |(k, c): (usize, char)| {
                        let c = if (c == 't') == (wrong != Some(k)) {
                            cond
                        } else {
                            other
                        };
                        format!("  add{c} r0, r0, #1\n")
                    };
                    let lines: String = format!("t{rest}").chars().enumerate().map(line).collect();
                    format!("code @f\nL0:\n  it{rest} {cond}\n{lines}  bx lr\nend\n")
                };
                let judged = |wrong| verify(&parse(&text(wrong)).expect("it is code").1);
                assert_eq!(judged(None), Ok(()), "{}", text(None));
                for k in 0..=count as usize {
                    assert!(judged(Some(k)).is_err(), "{}", text(Some(k)));
                }
            }
        }
    }
}
