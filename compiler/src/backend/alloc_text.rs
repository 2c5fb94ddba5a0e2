//! Machine IR with its allocation as text, and back.
//!
//! In: a function and an [`Allocation`]. Out: text; from it the same two. It is the text of the machine IR
//! ([`super::mir_text`]) with three additions: each operand has its register behind it, edits stand as lines of their own
//! before the instruction that they come before, and what is not emitted begins with `Omit`. Invariant: parsing the text
//! gives an equal function and an equal allocation.
//!
//! ```text
//! mfunc @f vregs 3 in 0 out 0 slots 1 used {r0, r4}
//! b0:
//!   v0:r0 = Args abi({} {r0} {})
//!   slot0 = Move r0
//!   r4 = Remat v7
//!   Swap r1, r2
//!   v1:r0 = AddI v0:r0 #1
//! ```

use super::mir::{MFunc, Symbol, VReg};
use super::mir_text::{self, block_head, head, header, instruction, line, register};
use crate::ir::cursor::{Cursor, ParseError};
use crate::isa::{Reg, RegSet};
use crate::regalloc::{Allocation, Edit, Loc};
use std::fmt::Write;

/// Text of a function with its allocation. `names` gives symbols' names, which follow as comments.
pub fn function(f: &MFunc, a: &Allocation, names: &dyn Fn(Symbol) -> Option<String>) -> String {
    let mut out = head(f);
    let used: Vec<_> = a.used.iter().map(register).collect();
    // Writing to a string cannot fail.
    let floats = match a.float_slots {
        0 => String::new(),
        slots => format!(" floatslots {slots}"),
    };
    let _ = writeln!(
        out,
        " slots {}{floats} used {{{}}}",
        a.slots,
        used.join(", ")
    );
    for (b, block) in f.blocks.iter().enumerate() {
        out.push_str(&block_head(b, block));
        let mut edits = a.edits[b].iter().peekable();
        for (i, m) in block.insts.iter().enumerate() {
            while let Some((_, e)) = edits.next_if(|e| e.0 == i as u32) {
                let _ = writeln!(out, "  {}", edit(*e));
            }
            let omitted = a.is_omitted(b as u32, i as u32);
            out.push_str(if omitted { "  Omit " } else { "  " });
            let places = a.operands(b as u32, i as u32, m);
            instruction(&mut out, m, places, block, names);
        }
    }
    out.push_str("end\n");
    out
}

fn location(at: Loc) -> String {
    match at {
        Loc::Reg(r) => register(r),
        Loc::Slot(s) => format!("slot{s}"),
    }
}

fn edit(e: Edit) -> String {
    match e {
        Edit::Move { from, to } => format!("{} = Move {}", location(to), location(from)),
        Edit::Remat { value, to } => format!("{} = Remat v{}", register(to), value.0),
        Edit::Swap(x, y) => format!("Swap {}, {}", register(x), register(y)),
    }
}

type Result<T> = std::result::Result<T, ParseError>;

/// Parses a function with its allocation.
///
/// # Errors
/// Line, column and what was expected.
pub fn parse(text: &str) -> Result<(MFunc, Allocation)> {
    let mut a = Allocation::default();
    let mut slots = (0, 0, RegSet::EMPTY);
    let first = |c: &mut Cursor<'_>| {
        let f = header(c)?;
        if !c.take_word("slots") {
            return c.expected("`slots`");
        }
        slots.0 = c.number_in(0, u32::MAX.into())? as u32;
        if c.take_word("floatslots") {
            slots.1 = c.number_in(0, u32::MAX.into())? as u32;
        }
        if !c.take_word("used") {
            return c.expected("`used`");
        }
        let used = mir_text::fixed(c)?;
        slots.2 = used.iter().fold(RegSet::EMPTY, |s, &r| s.or(RegSet::of(r)));
        c.end()?;
        Ok(f)
    };
    let f = mir_text::parse_with(text, first, |c, f| place(c, f, &mut a))?;
    // A block may end without a line of its own.
    room(&mut a, f.blocks.len());
    (a.slots, a.float_slots, a.used) = slots;
    Ok((f, a))
}

/// Room for this many blocks.
fn room(a: &mut Allocation, blocks: usize) {
    a.edits.resize_with(blocks, Vec::new);
    a.regs.resize_with(blocks, Vec::new);
    a.starts.resize_with(blocks, Vec::new);
}

/// Reads an edit or an instruction.
fn place(mut c: Cursor<'_>, f: &mut MFunc, a: &mut Allocation) -> Result<()> {
    room(a, f.blocks.len());
    let block = f.blocks.len() - 1;
    let index = f.blocks[block].insts.len() as u32;
    if let Some(edit) = parse_edit(&mut c)? {
        c.end()?;
        a.edits[block].push((index, edit));
        return Ok(());
    }
    if c.take_word("Omit") {
        a.omitted.push((block as u32, index));
    }
    a.starts[block].push(a.regs[block].len() as u32);
    line(c, f, Some(&mut a.regs[block]))
}

/// An edit, if one stands here.
fn parse_edit(c: &mut Cursor<'_>) -> Result<Option<Edit>> {
    if c.take_word("Swap") {
        let x = mir_text::physical(c)?;
        c.need(",")?;
        return Ok(Some(Edit::Swap(x, mir_text::physical(c)?)));
    }
    if !mir_text::is_physical(c) && !c.is_numbered("slot") {
        return Ok(None);
    }
    let to = parse_location(c)?;
    c.need("=")?;
    if c.take_word("Move") {
        let from = parse_location(c)?;
        return Ok(Some(Edit::Move { from, to }));
    }
    match to {
        Loc::Reg(to) if c.take_word("Remat") => {
            let value = VReg(c.numbered("v", "a virtual register")?);
            Ok(Some(Edit::Remat { value, to }))
        }
        Loc::Reg(_) | Loc::Slot(_) => c.expected("`Move` or `Remat`"),
    }
}

fn parse_location(c: &mut Cursor<'_>) -> Result<Loc> {
    if c.is_numbered("slot") {
        return Ok(Loc::Slot(c.numbered("slot", "a slot")?));
    }
    mir_text::physical(c).map(|r: Reg| Loc::Reg(r))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::{Choices, Source};
    use crate::regalloc::{allocate, testgen};

    #[test]
    fn random_allocations_read_back_equal() {
        let (mut edits, mut omitted, mut slots) = (0, 0, 0);
        for seed in 0..300 {
            let f = testgen::function(&testgen::bytes(seed, 3000));
            let a = allocate(&f, &mut Choices::new(Source::Seed(seed), None)).expect("allocates");
            let text = function(&f, &a, &|s| Some(format!("symbol {}", s.0)));
            let again = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(again, (f, a), "{text}");
            edits += again.1.edits.iter().map(Vec::len).sum::<usize>();
            omitted += again.1.omitted.len();
            slots += again.1.slots;
        }
        assert!(
            edits > 1000 && omitted > 10 && slots > 100,
            "{edits} edits, {omitted} omitted, {slots} slots"
        );
    }

    const GOOD: &str = "mfunc @f vregs 3 in 0 out 0 slots 1 used {r0, r1, r4}
b0:
  v0:r0, v1:r1 = Args abi({} {r0, r1} {})
  slot0 = Move r0
  Omit v2:r4 = Const #7
  Swap r0, r1
  r0 = Remat v2
  Ret v2:r0 abi({r0} {} {})
end
";

    #[test]
    fn text_that_is_wrong_is_refused_where_it_is() {
        parse(GOOD).expect("right as it stands");
        for (from, to, at) in [
            ("slots 1", "1", (1, 29)),
            ("used {r0, ", "used {r0, r16, ", (1, 47)),
            ("v0:r0", "v0", (3, 5)),
            ("slot0 = Move r0", "slot0 = Remat v2", (4, 11)),
            ("slot0 = Move r0", "slot0 = Move v0", (4, 16)),
            ("Swap r0, r1", "Swap r0", (6, 10)),
            ("Remat v2", "Remat r2", (7, 14)),
            ("Omit v2", "Omit slot2", (5, 8)),
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
}
