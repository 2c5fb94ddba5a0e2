//! Layout: addresses, sizes of branches, literal pools, bytes.
//!
//! In: finished items. Out: [`Code`]. Branches start short and grow until all reach; sizes only grow, so this ends. A
//! zero branch that does not reach becomes a comparison and a branch, a conditional branch that does not reach a jump and a
//! branch around it. Jump tables stand behind their TBB or TBH, and behind
//! a table the branches through which entries go that do not reach; literals at the end. Invariant: the size that layout assumes of an instruction is the size that is encoded (each is asked of
//! the one encoder, and the encoder is told the size).

use super::code::{Code, Item, Kind, Label, Literal, Reloc, RelocKind};
use super::finish::Jumps;
use crate::error::{Error, ErrorKind, Result};
use crate::isa::{self, Class, Cond, Encoded, Inst, Op as I, Place, Reg};
use crate::options::Cpu;
use crate::seeded::{Bug, on};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::OnceCell;

/// The place of a label that stands nowhere: no function is so large.
const NOWHERE: u32 = u32::MAX;

/// Bytes of a conditional branch further than its encodings reach (1 MiB): a short one around a jump.
const FAR_CONDITIONAL: u32 = 6;

fn branch(cond: Cond, displacement: i32) -> Inst {
    Inst {
        cond,
        ..Inst::new(I::B, &[], displacement)
    }
}

/// The jump of a far conditional branch: it stands behind a halfword.
fn far_branch(displacement: i32) -> Inst {
    branch(Cond::Al, displacement - 2)
}

/// Lays out a function. With `listing`, its text is kept.
///
/// # Errors
/// `Limit` if a jump table is too large; `Internal` if an instruction has no encoding.
pub fn layout(items: &[Item], cpu: Cpu, name: &str, listing: bool) -> Result<Code> {
    layout_with_labels(items, cpu, name, listing).map(|(code, _)| code)
}

/// Lays out a function, and says by label at which offset of the code it stands; `u32::MAX` for one that stands nowhere.
///
/// # Errors
/// As [`layout`].
pub fn layout_with_labels(
    items: &[Item],
    cpu: Cpu,
    name: &str,
    listing: bool,
) -> Result<(Code, Vec<u32>)> {
    let places = it_places(items);
    let mut l = Layout {
        items,
        cpu,
        name,
        places,
        size: vec![0; items.len()],
        encoded: vec![None; items.len()],
        at: vec![0; items.len()],
        labels: Vec::new(),
        jumps: OnceCell::new(),
        flexible: Vec::new(),
        literals: Vec::new(),
        pool: 0,
        code: Code::default(),
        listing,
    };
    l.measure()?;
    l.relax()?;
    l.encode()?;
    Ok((l.code, l.labels))
}

/// By item: where it stands with respect to IT blocks.
fn it_places(items: &[Item]) -> Vec<Place> {
    let mut places = vec![Place::Outside; items.len()];
    for (i, item) in items.iter().enumerate() {
        if let Kind::Inst(Inst { op: I::It, imm, .. }) = item.kind {
            let n = 4 - (imm.trailing_zeros() as usize).min(3);
            for (k, p) in places[i + 1..].iter_mut().take(n).enumerate() {
                *p = if k + 1 == n {
                    Place::Last
                } else {
                    Place::Inside
                };
            }
        }
    }
    places
}

struct Layout<'a> {
    items: &'a [Item],
    cpu: Cpu,
    name: &'a str,
    places: Vec<Place>,
    size: Vec<u32>,
    /// Instructions whose bits do not depend on where they are.
    encoded: Vec<Option<Encoded>>,
    at: Vec<u32>,
    /// By label: where it stands; [`NOWHERE`] if it does not.
    labels: Vec<u32>,
    /// Where blocks that only jump go, if a table needs to know.
    jumps: OnceCell<Jumps>,
    /// Items whose size depends on where things are.
    flexible: Vec<usize>,
    /// Pool entries in order, each once.
    literals: Vec<Literal>,
    /// Address of the pool.
    pool: u32,
    code: Code,
    listing: bool,
}

/// The most bytes that an entry of a jump table reaches, from the table's first byte: halfwords count halfwords.
const TABLE_REACH: i64 = 2 * 0xffff;

/// How a jump table is encoded.
struct Table {
    /// Bytes of an entry.
    entry: u32,
    /// Bytes of all entries.
    bytes: u32,
    /// Where the branches behind the table go, for entries that do not reach.
    far: Vec<Label>,
}

impl Table {
    /// Bytes with the branch that reads it.
    fn size(&self) -> u32 {
        4 + self.bytes + 4 * self.far.len() as u32
    }
}

impl Layout<'_> {
    fn internal(&self, what: impl std::fmt::Display) -> Error {
        Error::new(
            ErrorKind::Internal,
            format!("layout of {}: {what}", self.name),
        )
    }

    /// Smallest sizes.
    fn measure(&mut self) -> Result<()> {
        for (i, item) in self.items.iter().enumerate() {
            match item.kind {
                Kind::Branch(..) | Kind::BranchZero(..) | Kind::Load(..) | Kind::Table(..) => {
                    self.flexible.push(i);
                }
                Kind::Label(l) => {
                    let least = l.0 as usize + 1;
                    self.labels.resize(self.labels.len().max(least), NOWHERE);
                }
                Kind::Inst(_) | Kind::HalfAddress(..) | Kind::Call(_) | Kind::Trap(_) => {}
                Kind::TailCall(_) => {}
            }
            self.size[i] = match &item.kind {
                Kind::Inst(inst) => {
                    let e = isa::encode(inst, self.cpu, self.places[i])
                        .map_err(|e| self.internal(e))?;
                    self.encoded[i] = Some(e);
                    e.size
                }
                Kind::HalfAddress(..) | Kind::Call(_) | Kind::TailCall(_) => 4,
                Kind::Label(_) => 0,
                Kind::Branch(..) | Kind::Trap(_) => 2,
                Kind::BranchZero(r, _, _) => {
                    if r.is_low() {
                        2
                    } else {
                        4
                    }
                }
                Kind::Load(r, lit) => {
                    if !self.literals.iter().any(|known| same(known, lit)) {
                        self.literals.push(*lit);
                    }
                    if r.is_low() { 2 } else { 4 }
                }
                Kind::Table(_, ls) => 4 + (ls.len() as u32).next_multiple_of(2),
            };
        }
        Ok(())
    }

    fn place(&mut self) {
        let mut at = 0;
        for (i, item) in self.items.iter().enumerate() {
            self.at[i] = at;
            if let Kind::Label(l) = item.kind {
                self.labels[l.0 as usize] = at;
            }
            at += self.size[i];
        }
        self.pool = at.next_multiple_of(4);
    }

    fn target(&self, l: Label) -> Result<u32> {
        self.labels
            .get(l.0 as usize)
            .copied()
            .filter(|&at| at != NOWHERE)
            .ok_or_else(|| self.internal(format!("label {} stands nowhere", l.0)))
    }

    /// Displacement from the PC of an instruction at `at`.
    fn displacement(&self, at: u32, l: Label) -> Result<i32> {
        Ok(self.target(l)? as i32 - (at as i32 + 4))
    }

    fn literal_displacement(&self, at: u32, lit: &Literal) -> Result<i32> {
        let k = self
            .literals
            .iter()
            .position(|x| same(x, lit))
            .ok_or_else(|| self.internal("a literal is missing"))?;
        Ok((self.pool + 4 * k as u32) as i32 - isa::literal_base(at) as i32)
    }

    fn relax(&mut self) -> Result<()> {
        loop {
            self.place();
            let mut grew = false;
            for k in 0..self.flexible.len() {
                let i = self.flexible[k];
                let needed = self.needed(i)?;
                if needed > self.size[i] {
                    self.size[i] = needed;
                    grew = true;
                }
            }
            if !grew || on(Bug::RelaxOnce) {
                self.place();
                return Ok(());
            }
        }
    }

    /// Size that an item needs where everything is now.
    fn needed(&self, i: usize) -> Result<u32> {
        let at = self.at[i];
        Ok(match &self.items[i].kind {
            Kind::Branch(c, l) => self.branch_size(*c, self.displacement(at, *l)?)?,
            Kind::BranchZero(r, zero, l) => {
                let displacement = self.displacement(at, *l)?;
                let inst = zero_branch(*r, *zero, displacement);
                let reaches = isa::encode(&inst, self.cpu, Place::Outside).is_ok();
                if r.is_low() && reaches {
                    2
                } else {
                    let cmp = compare_zero(*r);
                    let size =
                        isa::size(&cmp, self.cpu, Place::Outside).map_err(|e| self.internal(e))?;
                    size + self.branch_size(Cond::Ne, self.displacement(at + size, *l)?)?
                }
            }
            Kind::Load(r, lit) => {
                let load = literal_load(*r, self.literal_displacement(at, lit)?);
                isa::size(&load, self.cpu, Place::Outside).map_err(|e| self.internal(e))?
            }
            Kind::Table(_, ls) => {
                let table = self.table(at, ls)?;
                let last = 4 * table.far.len().saturating_sub(1) as i64;
                if !table.far.is_empty() && i64::from(table.bytes) + last > TABLE_REACH {
                    return Err(Error::new(
                        ErrorKind::Limit,
                        format!("function {} has too large a jump table", self.name),
                    )
                    .help("split the function"));
                }
                for l in &table.far {
                    self.branch_size(Cond::Al, self.displacement(at, *l)?)?;
                }
                table.size()
            }
            Kind::Inst(_)
            | Kind::HalfAddress(..)
            | Kind::Label(_)
            | Kind::Call(_)
            | Kind::TailCall(_)
            | Kind::Trap(_) => self.size[i],
        })
    }

    /// How a jump table at `at` is encoded where everything is now.
    fn table(&self, at: u32, ls: &[Label]) -> Result<Table> {
        let n = ls.len() as u32;
        let (mut wide, mut far) = (false, Vec::new());
        let mut known = FxHashSet::default();
        for l in ls {
            let offset = self.table_offset(at, *l)?;
            wide |= offset > 2 * (0xff + on(Bug::TableByteLimit) as i64);
            if !(0..=TABLE_REACH).contains(&offset) {
                let to = self.far_target(*l);
                if known.insert(to) {
                    far.push(to);
                }
            }
        }
        let (entry, bytes) = match wide || !far.is_empty() {
            true => (2, 2 * n),
            false => (1, n.next_multiple_of(2)),
        };
        Ok(Table { entry, bytes, far })
    }

    /// Bytes from the first entry of a jump table to a label.
    fn table_offset(&self, at: u32, l: Label) -> Result<i64> {
        Ok(i64::from(self.target(l)?) - (i64::from(at) + 4))
    }

    /// Where the branch goes that stands for entries which do not reach a label: one serves all that end there.
    fn far_target(&self, l: Label) -> Label {
        self.jumps.get_or_init(|| Jumps::of(self.items)).resolve(l)
    }

    fn branch_size(&self, cond: Cond, displacement: i32) -> Result<u32> {
        let size = |b: &Inst| isa::size(b, self.cpu, Place::Outside).ok();
        let far = || size(&far_branch(displacement)).filter(|_| cond != Cond::Al);
        let found = size(&branch(cond, displacement)).or_else(|| far().map(|_| FAR_CONDITIONAL));
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::Limit,
                format!("function {} is too large for its branches", self.name),
            )
            .help("split the function")
        })
    }

    /// A branch of this size: one that a condition does not reach goes around a jump.
    fn put_branch(&mut self, cond: Cond, displacement: i32, size: u32, loc: u32) -> Result<()> {
        if size != FAR_CONDITIONAL {
            return self.put(&branch(cond, displacement), size, Place::Outside, loc);
        }
        self.put(&branch(cond.invert(), 2), 2, Place::Outside, loc)?;
        self.put(&far_branch(displacement), 4, Place::Outside, loc)
    }

    fn put(&mut self, inst: &Inst, size: u32, place: Place, loc: u32) -> Result<()> {
        let e = isa::encode_sized(inst, self.cpu, place, size).map_err(|e| self.internal(e))?;
        self.put_encoded(inst, e, place, loc);
        Ok(())
    }

    fn put_encoded(&mut self, inst: &Inst, e: Encoded, place: Place, loc: u32) {
        let size = e.size;
        let at = self.code.bytes.len() as u32;
        for hw in e.halfwords() {
            self.code.bytes.extend(hw.to_le_bytes());
        }
        self.code.instructions += 1;
        if self.code.lines.last().is_none_or(|&(_, l)| l != loc) && loc != 0 {
            self.code.lines.push((at, loc));
        }
        if self.listing {
            let text = inst.text_sized(self.cpu, place, size, isa::Dialect::Gnu);
            self.code.listing.push((at, loc, text));
        }
    }

    fn reloc(&mut self, kind: RelocKind, symbol: super::mir::Symbol) {
        let offset = self.code.bytes.len() as u32;
        self.code.relocs.push(Reloc {
            offset,
            kind,
            symbol,
        });
    }

    /// Whether a jump table's instruction is what comes next.
    fn precedes_table(&self, i: usize) -> bool {
        let mut after = self.items[i + 1..].iter();
        let next = after.find(|item| !matches!(item.kind, Kind::Label(_)));
        next.is_some_and(|item| matches!(item.kind, Kind::Table(..)))
    }

    fn encode(&mut self) -> Result<()> {
        for i in 0..self.items.len() {
            let (at, size, loc) = (self.at[i], self.size[i], self.items[i].loc);
            if self.code.bytes.len() as u32 != at {
                return Err(self.internal(format!(
                    "item {i} was planned at {at:#x} and is at {:#x}",
                    self.code.bytes.len()
                )));
            }
            match &self.items[i].kind {
                Kind::Label(_) => {}
                Kind::Inst(inst) => match self.encoded[i] {
                    Some(e) => self.put_encoded(inst, e, self.places[i], loc),
                    None => self.put(inst, size, self.places[i], loc)?,
                },
                Kind::HalfAddress(inst, s) => {
                    self.reloc(
                        if inst.op == I::Movw {
                            RelocKind::MovwAbs
                        } else {
                            RelocKind::MovtAbs
                        },
                        *s,
                    );
                    self.put(inst, 4, Place::Outside, loc)?;
                }
                Kind::Call(s) => {
                    self.reloc(RelocKind::Call, *s);
                    // REL: the addend -4 stands in the instruction, as its displacement from the PC.
                    let addend = if on(Bug::CallAddend) { 0 } else { -4 };
                    self.put(&Inst::new(I::Bl, &[], addend), 4, Place::Outside, loc)?;
                }
                Kind::TailCall(s) => {
                    self.reloc(RelocKind::Jump, *s);
                    self.put(&Inst::new(I::B, &[], -4), 4, Place::Outside, loc)?;
                }
                Kind::Branch(c, l) => {
                    let displacement = match self.displacement(at, *l)? {
                        -2 if on(Bug::JumpToNext) => 0,
                        -2 if on(Bug::JumpBeforeTable) && self.precedes_table(i) => 0,
                        displacement => displacement,
                    };
                    self.put_branch(*c, displacement, size, loc)?;
                }
                Kind::BranchZero(r, zero, l) => {
                    self.put_zero_branch(*r, *zero, *l, at, size, loc)?
                }
                Kind::Load(r, lit) => {
                    let mut d = self.literal_displacement(at, lit)?;
                    if on(Bug::LiteralMisaligned) && at % 4 == 2 && d >= 8 {
                        d -= 4;
                    }
                    self.put(&literal_load(*r, d), size, Place::Outside, loc)?;
                }
                Kind::Trap(kind) => {
                    self.code.traps.push((at, *kind, loc));
                    self.put(
                        &Inst::new(I::Udf, &[], *kind as i32),
                        2,
                        Place::Outside,
                        loc,
                    )?;
                }
                Kind::Table(r, ls) => self.put_table(*r, ls, at, loc)?,
            }
        }
        self.put_pool();
        Ok(())
    }

    fn put_zero_branch(
        &mut self,
        r: Reg,
        zero: bool,
        l: Label,
        at: u32,
        size: u32,
        loc: u32,
    ) -> Result<()> {
        if size == 2 {
            return self.put(
                &zero_branch(r, zero, self.displacement(at, l)?),
                2,
                Place::Outside,
                loc,
            );
        }
        let cmp = compare_zero(r);
        let cmp_size = isa::size(&cmp, self.cpu, Place::Outside).map_err(|e| self.internal(e))?;
        self.put(&cmp, cmp_size, Place::Outside, loc)?;
        let cond = if zero != on(Bug::FarZeroBranch) {
            Cond::Eq
        } else {
            Cond::Ne
        };
        let base = match on(Bug::FarZeroBranchBase) {
            true => at,
            false => at + cmp_size,
        };
        self.put_branch(cond, self.displacement(base, l)?, size - cmp_size, loc)
    }

    fn put_table(&mut self, r: Reg, ls: &[Label], at: u32, loc: u32) -> Result<()> {
        let table = self.table(at, ls)?;
        let op = if table.entry == 1 { I::Tbb } else { I::Tbh };
        self.put(&Inst::new(op, &[Reg::PC, r], 0), 4, Place::Outside, loc)?;
        let start = at + 4;
        let places: FxHashMap<Label, u32> = (table.far.iter().zip(0..))
            .map(|(l, k)| (*l, table.bytes + 4 * k))
            .collect();
        for l in ls {
            let offset = match self.table_offset(at, *l)? {
                near @ 0..=TABLE_REACH => near as u32,
                _ => places[&self.far_target(*l)],
            } / 2;
            if table.entry == 1 {
                self.code.bytes.push(offset as u8);
            } else {
                self.code.bytes.extend((offset as u16).to_le_bytes());
            }
        }
        let end = start + table.bytes;
        self.code.bytes.resize(end as usize, 0);
        self.code.data.push((start, end));
        if self.listing {
            self.code
                .listing
                .push((start, loc, format!("@ jump table of {} entries", ls.len())));
        }
        for (l, at) in table.far.iter().zip((end..).step_by(4)) {
            let b = Inst::new(I::B, &[], self.displacement(at, *l)?);
            self.put(&b, 4, Place::Outside, loc)?;
        }
        Ok(())
    }

    fn put_pool(&mut self) {
        if self.literals.is_empty() {
            return;
        }
        let start = self.code.bytes.len() as u32;
        self.code.bytes.resize(self.pool as usize, 0);
        for k in 0..self.literals.len() {
            let at = self.code.bytes.len() as u32;
            let word = match self.literals[k] {
                Literal::Const(c) => c,
                Literal::Addr(s, offset) => {
                    self.reloc(RelocKind::Abs32, s);
                    offset as u32
                }
            };
            self.code.bytes.extend(word.to_le_bytes());
            if self.listing {
                self.code.listing.push((at, 0, format!(".word {word:#x}")));
            }
        }
        self.code.data.push((start, self.code.bytes.len() as u32));
    }
}

/// The load of a literal into a register of the core or of the FPU.
fn literal_load(r: Reg, displacement: i32) -> Inst {
    let op = match r.number(Class::Single) {
        Some(_) => I::VldrLitS,
        None => I::LdrLit,
    };
    Inst::new(op, &[r], displacement)
}

/// Whether two literals are one entry of the pool.
fn same(a: &Literal, b: &Literal) -> bool {
    match (a, b) {
        (Literal::Addr(x, _), Literal::Addr(y, _)) if on(Bug::PoolOffsets) => x == y,
        _ => a == b,
    }
}

fn zero_branch(r: Reg, zero: bool, displacement: i32) -> Inst {
    Inst::new(if zero { I::Cbz } else { I::Cbnz }, &[r], displacement)
}

fn compare_zero(r: Reg) -> Inst {
    Inst::new(I::CmpI, &[r], 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code of a branch over 2 MiB of instructions, in either direction, and the offset at which it begins.
    fn over(kind: Kind, back: bool) -> (Vec<u8>, usize) {
        let item = |kind: Kind| Item { kind, loc: 0 };
        let mut items = vec![item(Kind::Inst(Inst::new(I::Movw, &[Reg::R0], 0x1234))); 1 << 19];
        let label = item(Kind::Label(Label(0)));
        let (first, last) = match back {
            true => (label, item(kind)),
            false => (item(kind), label),
        };
        items.insert(0, first);
        items.push(last);
        items.push(item(Kind::Trap(0)));
        let code = layout(&items, Cpu::CortexM3, "f", false).expect("it reaches");
        let at = if back { 4 << 19 } else { 0 };
        (code.bytes, at)
    }

    #[test]
    fn conditions_reach_everywhere() {
        for back in [false, true] {
            let (bytes, at) = over(Kind::Branch(Cond::Ne, Label(0)), back);
            // beq over the jump (A7.7.12, T1), and b.w (T4).
            assert_eq!(bytes[at..at + 2], [0x01, 0xd0]);
            assert_eq!(bytes[at + 3] >> 3, 0xf0 >> 3);
            let (bytes, at) = over(Kind::BranchZero(Reg::R3, true, Label(0)), back);
            // cmp r3, #0; bne over the jump.
            assert_eq!(bytes[at..at + 4], [0x00, 0x2b, 0x01, 0xd1]);
        }
    }
}
