//! The machine IR as text, and back.
//!
//! In: a function. Out: text, one instruction a line; from it the same function. Everything is derived from the
//! uniform record: `defs = Name[.s][.cond] uses #imm width shift @symbol fixed registers @loc`, and only what is not neutral
//! is written. Invariant: parsing the text gives an equal function. Checked on random functions and on what
//! lowering makes.
//!
//! ```text
//! mfunc @f vregs 3 in 0 out 0
//! b0:
//!   v0 = Args abi({} {r0} {})
//!   v1 = AddI v0 #1
//!   CmpI v1 #100
//!   Branch.lt b1(v1), b2()
//! ```

use super::mir::{Abi, MBlock, MBlockId, MEdge, MFunc, MInst, MOp, Symbol, VReg};
use crate::ir::cursor::{Cursor, ParseError, error_at};
use crate::ir::text::symbol;
use crate::isa::{Class, Cond, Op, Reg, RegSet, Shift, ShiftKind};
use smallvec::SmallVec;
use std::fmt::Write;

/// Operations that are not of the instruction set, with their names.
const OPS: [(&str, MOp); 25] = [
    ("Args", MOp::Args),
    ("Copy", MOp::Copy),
    ("Const", MOp::Const),
    ("FloatConst", MOp::FloatConst),
    ("DoubleConst", MOp::DoubleConst),
    ("HighHalf", MOp::HighHalf),
    ("PutHigh", MOp::PutHigh),
    ("SymAddr", MOp::SymAddr),
    ("InArg", MOp::InArg),
    ("InStore", MOp::InStore),
    ("OutArg", MOp::OutArg),
    ("OutLoad", MOp::OutLoad),
    ("OutAddr", MOp::OutAddr),
    ("Call", MOp::Call),
    ("CallReg", MOp::CallReg),
    ("TrapIf", MOp::TrapIf),
    ("TrapIfZero", MOp::TrapIfZero),
    ("Jump", MOp::Jump),
    ("Branch", MOp::Branch),
    ("BranchZero", MOp::BranchZero),
    ("Switch", MOp::Switch),
    ("Ret", MOp::Ret),
    ("TailCall", MOp::TailCall),
    ("TailCallReg", MOp::TailCallReg),
    ("Trap", MOp::Trap),
];

fn name(op: MOp) -> &'static str {
    match op {
        MOp::Isa(op) => op.name(),
        _ => OPS.iter().find(|o| o.1 == op).map_or("?", |o| o.0),
    }
}

fn op_named(name: &str) -> Option<MOp> {
    let isa = || {
        Op::ALL
            .iter()
            .find(|o| o.name() == name)
            .map(|&o| MOp::Isa(o))
    };
    let own = OPS.iter().find(|o| o.0 == name).map(|o| o.1);
    own.or_else(isa)
}

/// Text of a function. `names` gives symbols' names, which follow as comments.
pub fn function(f: &MFunc, names: &dyn Fn(Symbol) -> Option<String>) -> String {
    let mut out = head(f) + "\n";
    for (i, b) in f.blocks.iter().enumerate() {
        out.push_str(&block_head(i, b));
        for m in &b.insts {
            out.push_str("  ");
            instruction(&mut out, m, (&[], &[]), b, names);
        }
    }
    out.push_str("end\n");
    out
}

/// The first line.
pub(super) fn head(f: &MFunc) -> String {
    let name = symbol(&f.name);
    let calls = if f.has_calls { " calls" } else { "" };
    format!(
        "mfunc {name} vregs {} in {} out {}{calls}{}",
        f.vregs,
        f.in_bytes,
        f.out_bytes,
        floats(f)
    )
}

/// Which virtual registers are of the FPU: ` singles {v1, v4}`, or `doubles`.
fn floats(f: &MFunc) -> String {
    let Some((_, word)) = FLOATS.iter().find(|(class, _)| *class == f.float_class) else {
        return String::new();
    };
    let all: Vec<VReg> = (0..f.vregs).map(VReg).filter(|v| f.is_float(*v)).collect();
    format!(" {word} {{{}}}", registers(&all, &[]))
}

/// The words for what registers of the FPU are.
const FLOATS: [(Class, &str); 2] = [(Class::Single, "singles"), (Class::Double, "doubles")];

/// A physical register: `r0`-`r15`, `s0`-`s31`, `d0`-`d15`.
pub(super) fn register(r: Reg) -> String {
    match r.number(Class::Core) {
        Some(n) => format!("r{n}"),
        None => r.to_string(),
    }
}

/// The line of block number `i`.
pub(super) fn block_head(i: usize, b: &MBlock) -> String {
    let params = match b.params.is_empty() {
        true => String::new(),
        false => format!("({})", registers(&b.params, &[])),
    };
    let depth = match b.loop_depth {
        0 => String::new(),
        n => format!(" depth {n}"),
    };
    let cold = if b.cold { " cold" } else { "" };
    format!("b{i}{params}{depth}{cold}:\n")
}

/// Virtual registers, each with its place if there are places.
fn registers(vs: &[VReg], places: &[Reg]) -> String {
    let name = |(i, v): (usize, &VReg)| match places.get(i) {
        Some(r) => format!("v{}:{}", v.0, register(*r)),
        None => format!("v{}", v.0),
    };
    let names: Vec<_> = vs.iter().enumerate().map(name).collect();
    names.join(", ")
}

/// The line of an instruction of the block, with the places of its defs and uses if there are any.
pub(super) fn instruction(
    out: &mut String,
    m: &MInst,
    places: (&[Reg], &[Reg]),
    block: &MBlock,
    names: &dyn Fn(Symbol) -> Option<String>,
) {
    // Writing to a string cannot fail.
    if !m.defs.is_empty() {
        let _ = write!(out, "{} = ", registers(&m.defs, places.0));
    }
    out.push_str(name(m.op));
    if m.s {
        out.push_str(".s");
    }
    if m.cond != Cond::Al {
        let _ = write!(out, ".{}", m.cond.suffix());
    }
    if !m.uses.is_empty() {
        let _ = write!(out, " {}", registers(&m.uses, places.1));
    }
    if m.imm != 0 {
        let _ = write!(out, " #{}", m.imm);
    }
    if m.imm2 != 0 {
        let _ = write!(out, " width {}", m.imm2);
    }
    if m.shift != Shift::NONE {
        let _ = write!(out, " {} {}", m.shift.kind.mnemonic(), m.shift.amount);
    }
    if let Some(s) = m.sym {
        let _ = write!(out, " s{}", s.0);
    }
    if let Some(abi) = &m.abi {
        let list = |regs: &[Reg]| {
            let names: Vec<_> = regs.iter().map(|r| register(*r)).collect();
            format!("{{{}}}", names.join(", "))
        };
        let clobbers: Vec<Reg> = abi.clobbers.iter().collect();
        let (uses, defs) = (list(&abi.uses), list(&abi.defs));
        let _ = write!(out, " abi({uses} {defs} {})", list(&clobbers));
    }
    let succs = if m.is_terminator() {
        &block.succs[..]
    } else {
        &[]
    };
    for (i, e) in succs.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, "{comma} b{}({})", e.to.0, registers(&e.args, &[]));
    }
    finish_line(out, m.loc, m.sym, names);
}

/// What ends a line: where it comes from, and as a comment the name of its symbol.
pub(super) fn finish_line(
    out: &mut String,
    loc: u32,
    sym: Option<Symbol>,
    names: &dyn Fn(Symbol) -> Option<String>,
) {
    if loc != 0 {
        let _ = write!(out, " @{loc:#x}");
    }
    if let Some(name) = sym.and_then(names) {
        let _ = write!(out, " ; {name}");
    }
    out.push('\n');
}

type Result<T> = std::result::Result<T, ParseError>;

/// Parses a function.
///
/// # Errors
/// Line, column and what was expected.
pub fn parse(text: &str) -> Result<MFunc> {
    let whole = |c: &mut Cursor<'_>| {
        let f = header(c)?;
        c.end().map(|()| f)
    };
    parse_with(text, whole, |c, f| line(c, f, None))
}

/// Parses a function whose first line and further lines are read by these.
pub(super) fn parse_with(
    text: &str,
    first: impl FnOnce(&mut Cursor<'_>) -> Result<MFunc>,
    mut rest: impl FnMut(Cursor<'_>, &mut MFunc) -> Result<()>,
) -> Result<MFunc> {
    let mut lines = Cursor::lines(text);
    let Some(mut head) = lines.next() else {
        return error_at((1, 1), "expected `mfunc`");
    };
    let mut f = first(&mut head)?;
    loop {
        let Some(mut c) = lines.next() else {
            return error_at((1, 1), "expected `end` at the end of the function");
        };
        if c.take_word("end") {
            c.end()?;
            break;
        }
        if c.is_numbered("b") {
            let number = f.blocks.len();
            f.blocks.push(label(c, number)?);
            continue;
        }
        match f.blocks.is_empty() {
            false => rest(c, &mut f)?,
            true => return c.expected("a block such as `b0:`"),
        }
    }
    predecessors(&mut f)?;
    Ok(f)
}

/// What the first line of every form of machine IR begins with.
pub(super) fn header(c: &mut Cursor<'_>) -> Result<MFunc> {
    let number = |c: &mut Cursor<'_>, word: &str| -> Result<u32> {
        match c.take_word(word) {
            true => Ok(c.number_in(0, u32::MAX.into())? as u32),
            false => c.expected(&format!("`{word}`")),
        }
    };
    if !c.take_word("mfunc") {
        return c.expected("`mfunc`");
    }
    let mut f = MFunc {
        name: c.symbol()?,
        vregs: number(c, "vregs")?,
        in_bytes: number(c, "in")?,
        out_bytes: number(c, "out")?,
        has_calls: c.take_word("calls"),
        ..MFunc::default()
    };
    if let Some((class, _)) = FLOATS.iter().find(|(_, word)| c.take_word(word)) {
        f.float_class = *class;
        c.need("{")?;
        for v in values(c, None)? {
            let start = c.clone();
            if v.0 >= f.vregs {
                return start.expected("a virtual register of the function");
            }
            if f.float.len() <= v.0 as usize {
                f.float.resize(v.0 as usize + 1, false);
            }
            f.float[v.0 as usize] = true;
        }
        c.need("}")?;
    }
    Ok(f)
}

fn label(mut c: Cursor<'_>, number: usize) -> Result<MBlock> {
    let start = c.clone();
    if c.numbered("b", "a block")? as usize != number {
        return start.expected(&format!("block b{number}"));
    }
    let mut b = MBlock::default();
    if c.take("(") {
        b.params = values(&mut c, None)?.to_vec();
        c.need(")")?;
    }
    if c.take_word("depth") {
        b.loop_depth = c.number_in(0, u32::MAX.into())? as u32;
    }
    b.cold = c.take_word("cold");
    c.need(":")?;
    c.end()?;
    Ok(b)
}

/// Registers with commas between, maybe none; their places go to the end of `places` if there are any.
fn values(c: &mut Cursor<'_>, mut places: Option<&mut Vec<Reg>>) -> Result<SmallVec<[VReg; 4]>> {
    let mut out = SmallVec::new();
    while c.is_numbered("v") {
        out.push(VReg(c.numbered("v", "a register")?));
        if let Some(places) = &mut places {
            c.need(":")?;
            places.push(physical(c)?);
        }
        if !c.take(",") {
            break;
        }
    }
    Ok(out)
}

/// Reads an instruction to the end of the last block; the places of its registers go to the end of `places`.
pub(super) fn line(
    mut c: Cursor<'_>,
    f: &mut MFunc,
    mut places: Option<&mut Vec<Reg>>,
) -> Result<()> {
    let Some(block) = f.blocks.last_mut() else {
        return c.expected("a block such as `b0:`");
    };
    if block.insts.last().is_some_and(MInst::is_terminator) {
        return c.expected("a block after a terminator");
    }
    let defs = values(&mut c, places.as_deref_mut())?;
    if !defs.is_empty() {
        c.need("=")?;
    }
    let start = c.clone();
    let mut words = c.word().split('.');
    let Some(op) = op_named(words.next().unwrap_or_default()) else {
        return start.expected("an operation");
    };
    let mut m = MInst::new(op, &defs, &[]);
    for suffix in words {
        match Cond::ALL
            .iter()
            .find(|k| k.suffix() == suffix && **k != Cond::Al)
        {
            Some(&cond) => m.cond = cond,
            None if suffix == "s" => m.s = true,
            None => return start.expected("`.s` or a condition as suffix"),
        }
    }
    m.uses = SmallVec::from_slice(&values(&mut c, places)?);
    details(&mut c, &mut m)?;
    while c.is_numbered("b") {
        let to = MBlockId(c.numbered("b", "a block")?);
        c.need("(")?;
        let args = SmallVec::from_slice(&values(&mut c, None)?);
        c.need(")")?;
        block.succs.push(MEdge { to, args });
        if !c.take(",") {
            break;
        }
    }
    m.loc = origin(&mut c)?;
    block.insts.push(m);
    Ok(())
}

/// Where a line comes from, at its end.
pub(super) fn origin(c: &mut Cursor<'_>) -> Result<u32> {
    let loc = match c.take("@") {
        true => c.number_in(0, u32::MAX.into())? as u32,
        false => 0,
    };
    c.end()?;
    Ok(loc)
}

/// What stands between the uses and the successors.
fn details(c: &mut Cursor<'_>, m: &mut MInst) -> Result<()> {
    if c.take("#") {
        m.imm = c.number_in(i32::MIN.into(), u32::MAX.into())? as u32 as i32;
    }
    if c.take_word("width") {
        m.imm2 = c.number_in(0, 32)? as u8;
    }
    let kinds = [
        ShiftKind::Lsl,
        ShiftKind::Lsr,
        ShiftKind::Asr,
        ShiftKind::Ror,
    ];
    if let Some(&kind) = kinds.iter().find(|k| c.peek() == k.mnemonic()) {
        c.word();
        let amount = c.number_in(0, 32)? as u8;
        m.shift = Shift { kind, amount };
    }
    if c.is_numbered("s") {
        m.sym = Some(Symbol(c.numbered("s", "a symbol")?));
    }
    if c.take_word("abi") {
        c.need("(")?;
        let abi = Abi {
            uses: fixed(c)?,
            defs: fixed(c)?,
            clobbers: fixed(c)?
                .iter()
                .fold(RegSet::EMPTY, |s, &r| s.or(RegSet::of(r))),
        };
        c.need(")")?;
        m.abi = Some(Box::new(abi));
    }
    Ok(())
}

/// Physical registers in braces.
pub(super) fn fixed(c: &mut Cursor<'_>) -> Result<SmallVec<[Reg; 4]>> {
    let mut out = SmallVec::new();
    c.need("{")?;
    while !c.take("}") {
        out.push(physical(c)?);
        c.take(",");
    }
    Ok(out)
}

/// The letters of physical registers.
const LETTERS: [(&str, Class); 3] = [
    ("r", Class::Core),
    ("s", Class::Single),
    ("d", Class::Double),
];

/// Whether a physical register comes next.
pub(super) fn is_physical(c: &Cursor<'_>) -> bool {
    LETTERS.iter().any(|(letter, _)| c.is_numbered(letter))
}

/// A physical register such as `r0`.
pub(super) fn physical(c: &mut Cursor<'_>) -> Result<Reg> {
    let start = c.clone();
    let of_fpu = LETTERS[1..].iter().find(|l| c.is_numbered(l.0));
    let (letter, class) = of_fpu.unwrap_or(&LETTERS[0]);
    let number = c.numbered(letter, "a register such as `r0`")?;
    match u8::try_from(number).ok().and_then(|n| class.reg(n)) {
        Some(r) => Ok(r),
        None => start.expected(&format!(
            "a register from `{letter}0` to `{letter}{}`",
            class.count() - 1
        )),
    }
}

fn predecessors(f: &mut MFunc) -> Result<()> {
    for i in 0..f.blocks.len() {
        for k in 0..f.blocks[i].succs.len() {
            let to = f.blocks[i].succs[k].to;
            match f.blocks.get_mut(to.0 as usize) {
                Some(b) => b.preds.push(MBlockId(i as u32)),
                None => return error_at((1, 1), format!("there is no block b{}", to.0)),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::verify::verify;
    use crate::regalloc::testgen;

    #[test]
    fn random_functions_read_back_equal() {
        let mut insts = 0;
        for seed in 0..300 {
            let f = testgen::function(&testgen::bytes(seed, 3000));
            let text = function(&f, &|s| Some(format!("symbol {}", s.0)));
            let again = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(again, f, "{text}");
            insts += f.blocks.iter().map(|b| b.insts.len()).sum::<usize>();
        }
        assert!(insts > 10_000, "only {insts} instructions");
    }

    #[test]
    fn every_name_is_one_operation() {
        for &op in Op::ALL {
            assert_eq!(op_named(op.name()), Some(MOp::Isa(op)));
        }
        for (text, op) in OPS {
            assert_eq!((name(op), op_named(text)), (text, Some(op)));
        }
    }

    const GOOD: &str = "mfunc @f vregs 5 in 8 out 0
b0:
  v0, v1 = Args abi({} {r0, r1} {})
  CmpR v0, v1
  v2 = MovI.lt v1 #7
  Branch.ne b1(), b2()
b1:
  Jump b3(v2)
b2:
  v3 = InArg #4
  Jump b3(v3)
b3(v4):
  Ret v4 abi({r0} {} {})
end
";

    #[test]
    fn the_verifier_says_what_is_wrong() {
        let judge = |text: &str| verify(&parse(text).unwrap_or_else(|e| panic!("{e}\n{text}")));
        assert_eq!(judge(GOOD), Ok(()));
        for (from, to, says) in [
            (
                "CmpR v0, v1",
                "CmpR v0, v3",
                "v3 is defined in block 2 only",
            ),
            ("CmpR v0, v1", "TstR v0, v1", "Lt on flags"),
            ("  CmpR v0, v1\n", "", "Lt on flags"),
            (
                "  CmpR v0, v1\n",
                "  CmpR v0, v1\n  TrapIfZero.eq v0 #1\n",
                "Lt on flags",
            ),
            ("v3 = InArg #4", "v2 = InArg #4", "defined twice"),
            ("v3 = InArg #4", "v3 = InArg #8", "InArg: 8"),
            ("v3 = InArg #4", "v3 = AdcI v0 #4", "without a carry"),
            ("v3 = InArg #4", "v3 = AddI v0, v1 #4", "1 defs and 2 uses"),
            ("Jump b3(v3)", "Jump b3()", "0 arguments for 1"),
            ("b1(), b2()", "b1(), b3(v1)", "critical"),
            ("b1(), b2()", "b1()", "1 successors"),
            ("Jump b3(v2)", "Jump b1()", "critical"),
            ("  Ret v4", "  v4 = Copy v2\n  Ret v4", "defined twice"),
            ("Ret v4 abi", "Ret v2 abi", ""),
            ("vregs 5", "vregs 4", "v4 of 4"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let text = GOOD.replace(from, to);
            match judge(&text) {
                Err(e) if !says.is_empty() && e.contains(says) => {}
                Ok(()) if says.is_empty() => {}
                other => panic!("{to}: {other:?}, expected {says}"),
            }
        }
    }

    #[test]
    fn text_that_is_wrong_is_refused_where_it_is() {
        for (from, to, at) in [
            ("CmpR", "CmpX", (4, 3)),
            ("#7", "#x", (5, 20)),
            ("b1(), b2()", "b1(), b9()", (1, 1)),
            ("{r0, r1}", "{r0, r16}", (3, 29)),
            ("b2:", "b3:", (9, 1)),
            ("end", "", (1, 1)),
            ("Branch.ne", "Branch.xx", (6, 3)),
        ] {
            let e = parse(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert_eq!((e.line, e.column), at, "{to}: {e}");
        }
        for end in 0..GOOD.len() {
            // No prefix of it makes the parser panic.
            let _ = parse(&GOOD[..end]);
        }
    }
}
