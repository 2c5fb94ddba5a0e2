//! Where control and literals go: every target is an instruction, every literal is data.
//!
//! In: a section and its instructions. Out: findings, and [`successors`] for the analysis of alignment. Invariants judged: a
//! branch lands on an instruction of the section that is not inside an IT block; code never runs into data or off
//! the end; each entry of a jump table lands on an instruction; a literal is read from data. A size estimate that
//! disagrees with the encoder shows here even where no run takes the branch.

use super::Findings;
use super::section::{Code, Item, Section};
use smallvec::SmallVec;
use thumbsmith::isa::{Precision, Reg, Sem, Vfp, literal_base};
use thumbsmith::seeded::{Bug, on};

/// Where an instruction may go next: instructions by number.
pub(super) type Next = SmallVec<[usize; 2]>;

/// Bytes from an instruction to the PC that its displacement counts from (Arm v7-M manual, A5.1.2).
const AHEAD: i64 = 4;

/// What an instruction does to control.
enum Control {
    /// Goes on to the next.
    Through,
    /// Jumps within the section, and goes on only if it is conditional.
    To(i64),
    /// Jumps by a table behind it.
    Table {
        /// Entries are halfwords.
        wide: bool,
    },
    /// Leaves the function, and goes on only if it is conditional.
    Leaves,
}

fn control(section: &Section, item: &Item) -> Control {
    let to = i64::from(item.at) + AHEAD + i64::from(item.inst.imm);
    let pc = |n: usize| item.inst.regs[n] == Reg::PC;
    match item.inst.op.sem() {
        // A tail call.
        Sem::Branch if relocated(section, item) => Control::Leaves,
        Sem::Branch | Sem::CompareBranch { .. } => Control::To(to),
        Sem::TableBranch { wide } => Control::Table { wide },
        Sem::BranchReg | Sem::Udf => Control::Leaves,
        Sem::Pop | Sem::LoadMany { .. } if item.inst.list.contains(Reg::PC) => Control::Leaves,
        Sem::Load(..) | Sem::AluR(_) if pc(0) => Control::Leaves,
        Sem::Pop | Sem::LoadMany { .. } | Sem::Load(..) | Sem::AluR(_) => Control::Through,
        Sem::Call | Sem::CallReg | Sem::It | Sem::Nop | Sem::Bkpt => Control::Through,
        Sem::AluI(_) | Sem::TestI(_) | Sem::TestR(_) | Sem::Movt | Sem::ShiftI(_) => {
            Control::Through
        }
        Sem::ShiftR(_) | Sem::Rrx | Sem::Mul | Sem::Mla | Sem::Mls | Sem::MulLong { .. } => {
            Control::Through
        }
        Sem::Umaal | Sem::Div { .. } | Sem::Smmul | Sem::MulHalf { .. } | Sem::Clz | Sem::Rbit => {
            Control::Through
        }
        Sem::Rev | Sem::Rev16 | Sem::Revsh | Sem::Extend(_) | Sem::ExtendAdd(_) => Control::Through,
        Sem::FieldGet { .. } | Sem::FieldPut | Sem::FieldClear | Sem::Saturate { .. } => {
            Control::Through
        }
        Sem::Store(..) | Sem::Adr | Sem::LoadDual | Sem::StoreDual | Sem::Push => Control::Through,
        Sem::StoreMany { .. } | Sem::Vfp(_) => Control::Through,
    }
}

/// Whether an instruction calls a symbol, or jumps to it. Its own displacement is the addend then, and the symbol stands for where the
/// function begins (ELF for the Arm Architecture, 5.6.1.2).
fn relocated(section: &Section, item: &Item) -> bool {
    let branch = matches!(item.inst.op.sem(), Sem::Branch | Sem::Call);
    branch && section.targets.contains_key(&item.at)
}

/// The offsets that the entries of a jump table stand for.
fn table(section: &Section, item: &Item, wide: bool) -> Result<Vec<i64>, String> {
    let start = item.at + item.size;
    if item.inst.regs[0] != Reg::PC {
        return Err("a jump table that is not behind its branch".into());
    }
    let (first, end) = section
        .data(i64::from(start), 2)
        .ok_or("no data behind a table branch")?;
    if first != start {
        return Err("the jump table's data does not begin behind its branch".into());
    }
    let base = i64::from(item.at) + AHEAD;
    let bytes = &section.bytes[start as usize..end as usize];
    let mut entries: Vec<i64> = match wide {
        true => bytes
            .chunks_exact(2)
            .map(|b| i64::from(u16::from_le_bytes([b[0], b[1]])))
            .collect(),
        false => bytes.iter().copied().map(i64::from).collect(),
    };
    // A table of an odd number of bytes ends in one that pads it.
    if !wide && entries.len() > 1 && entries.last() == Some(&0) {
        entries.pop();
    }
    if on(Bug::StaticTableEnd) && entries.len() > 1 {
        entries.pop();
    }
    Ok(entries.iter().map(|e| base + 2 * e).collect())
}

/// Where an instruction may go.
///
/// # Errors
/// Text, if it may go where there is no instruction.
pub(super) fn successors(section: &Section, code: &Code, number: usize) -> Result<Next, String> {
    let item = &code.items[number];
    let land = |to: i64| {
        let target = code
            .at(to)
            .ok_or_else(|| format!("a jump to {to:#x}, where no instruction begins"))?;
        match code.items[target].it & 15 {
            0 => Ok(target),
            _ if on(Bug::StaticIntoBlock) => Ok(target),
            _ => Err(format!("a jump into the IT block at {to:#x}")),
        }
    };
    let through = || {
        let after = item.at + item.size;
        code.at(i64::from(after))
            .ok_or_else(|| "execution runs off the code".to_owned())
    };
    let mut next = Next::new();
    match control(section, item) {
        Control::Through => next.push(through()?),
        Control::To(to) => {
            next.push(land(to)?);
            let zero_test = matches!(item.inst.op.sem(), Sem::CompareBranch { .. });
            if zero_test || item.conditional() {
                next.push(through()?);
            }
        }
        Control::Table { wide } => {
            for to in table(section, item, wide)? {
                next.push(land(to)?);
            }
        }
        Control::Leaves if item.conditional() => next.push(through()?),
        Control::Leaves => {}
    }
    Ok(next)
}

/// The offset of the literal that an instruction reads or whose address it takes, and its bytes.
pub(super) fn literal(item: &Item) -> Option<(i64, u32)> {
    use thumbsmith::isa::Addr::Literal;
    let bytes = match item.inst.op.sem() {
        Sem::Load(_, Literal) | Sem::Adr | Sem::Vfp(Vfp::Load(Precision::F32, Literal)) => 4,
        Sem::Vfp(Vfp::Load(Precision::F64, Literal)) => 8,
        // The address form is the only thing that matters here; everything else names no literal.
        _ => return None,
    };
    let at = i64::from(literal_base(item.at)) + i64::from(item.inst.imm);
    Some((at, bytes))
}

/// Judges every instruction's targets and literals, and that what is there is an entry, code or data in use.
pub(super) fn judge(section: &Section, code: &Code) -> Findings {
    let mut found = Vec::new();
    for entry in &section.entries {
        if code.at(i64::from(*entry)).is_none() {
            found.push((*entry, "a function begins where no instruction does".into()));
        }
    }
    for (number, item) in code.items.iter().enumerate() {
        if let Err(text) = successors(section, code, number) {
            found.push((item.at, text));
        }
        let off = i64::from(item.inst.imm) + AHEAD;
        if relocated(section, item) && off != 0 && !on(Bug::StaticCallAddend) {
            let text = format!("a call lands {off} bytes from where its function begins");
            found.push((item.at, text));
        }
        if let Some((at, bytes)) = literal(item)
            && section.data(at, bytes).is_none()
        {
            found.push((item.at, format!("a literal at {at:#x}, which is not data")));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}
