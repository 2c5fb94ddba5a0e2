//! The proof that an allocation computes what its function computes.
//!
//! In: an `MFunc` and an [`Allocation`]. Out: nothing, or the first place where the proof fails. It shares no code
//! with the allocator, knows nothing of liveness or hints, and follows the allocation as written.
//!
//! **State.** At each point, each place (register or slot) has a set of values that it is *known to hold* on
//! every path to that point. An empty set means "unknown". A place may hold several: a moved value is in two
//! places, and a block parameter is in each place where its argument was.
//!
//! **Order.** On paths that meet, a place is known to hold what it holds on both: sets are intersected. Sets only
//! shrink, so going round until nothing changes terminates. A block that has not been reached knows everything.
//!
//! **Steps.**
//! - A move makes the set of its target that of its source. An exchange exchanges two sets.
//! - A rematerialization makes its target's set that one value, which must be rematerializable (a word of the
//!   incoming stack area is not, if the function stores there). A parameter that gets this value on each edge
//!   is always equal to it, and joins the set.
//! - A use must find its value in the set of its register. Fixed uses must be in their registers, and an operand of
//!   a call that is not fixed in none of those. A tied definition must name the register of its use.
//! - Then clobbered registers become unknown.
//! - A definition makes a new instance of its value. Any place that held the value held an instance of an earlier
//!   iteration, so the value is taken out of all sets first. Definitions of one instruction are in distinct
//!   registers. A definition written early is in none of the use's registers.
//! - An omitted instruction must be rematerializable; it only takes the old instance out.
//! - An edge renames: each place gets the parameters whose arguments it holds, and keeps what it held apart from
//!   old instances of the parameters.
//!
//! **Size.** States share what they have in common (see `known`), so functions with many blocks and many slots
//! cost what changes, not blocks times slots.
//!
//! Registers are those that the allocator may use, written ones are in `used`, slots are below `slots`, edits are
//! ordered and come before an instruction of their block.

use super::file::{File, MOST};
use super::known::{Known, State};
use super::{Allocation, Edit, Loc, internal};
use crate::backend::mir::{MBlock, MFunc, MInst};
use crate::error::Result;
use crate::isa::Reg;
use crate::seeded::{self, Bug};
use smallvec::SmallVec;

/// Checks that an allocation has a register for each operand.
///
/// # Errors
/// [`crate::ErrorKind::Internal`], naming block and instruction.
pub(super) fn has_all_operands(f: &MFunc, a: &Allocation) -> Result<()> {
    let n = f.blocks.len();
    if a.edits.len() != n || a.regs.len() != n || a.starts.len() != n {
        return internal(f, "the allocation is of another function");
    }
    for (b, block) in f.blocks.iter().enumerate() {
        if a.starts[b].len() != block.insts.len() {
            return internal(f, format!("block {b}: instructions without registers"));
        }
        for (i, inst) in block.insts.iter().enumerate() {
            let end = a.starts[b][i] as usize + inst.defs.len() + inst.uses.len();
            if end > a.regs[b].len() {
                return internal(
                    f,
                    format!("block {b}, instruction {i}: operands without registers"),
                );
            }
        }
    }
    Ok(())
}

/// Checks that `a` is a right allocation of `f`.
///
/// # Errors
/// [`crate::ErrorKind::Internal`], naming block, instruction and value.
pub(super) fn check(f: &MFunc, a: &Allocation, file: &'static File) -> Result<()> {
    let mut checker = Checker::new(f, a, file)?;
    checker.shape()?;
    checker.flow()
}

struct Checker<'a> {
    f: &'a MFunc,
    a: &'a Allocation,
    file: &'static File,
    /// Per value, whether it may be made again.
    remat: Vec<bool>,
    /// (rematerializable value, parameter that is always equal to it), in order.
    equal: Vec<(u32, u32)>,
    /// Per block, what is known on entry; `None` if not reached yet.
    entry: Vec<Option<State>>,
    /// What is known now.
    now: State,
    /// Per value, the slots that have ever been known to hold it.
    slots: Vec<SmallVec<[u32; 2]>>,
}

const SLOTS: u32 = MOST as u32;
const REGS: std::ops::Range<u32> = 0..SLOTS;

fn place(loc: Loc) -> u32 {
    match loc {
        Loc::Reg(r) => r.0 as u32,
        Loc::Slot(s) => SLOTS + s,
    }
}

impl<'a> Checker<'a> {
    fn new(f: &'a MFunc, a: &'a Allocation, file: &'static File) -> Result<Checker<'a>> {
        let stores = f
            .blocks
            .iter()
            .any(|b| b.insts.iter().any(MInst::writes_incoming));
        let mut remat = vec![false; f.vregs as usize];
        for inst in f.blocks.iter().flat_map(|b| &b.insts) {
            if let ([d], true) = (
                &inst.defs[..],
                inst.is_rematerializable() && inst.uses.is_empty(),
            ) {
                match remat.get_mut(d.0 as usize) {
                    Some(remat) => *remat = !(stores && inst.reads_incoming()),
                    None => return internal(f, format!("v{} is out of range", d.0)),
                }
            }
        }
        Ok(Checker {
            f,
            a,
            file,
            equal: equal_parameters(f, &remat),
            remat,
            entry: vec![None; f.blocks.len()],
            now: State::new(SLOTS + a.slots),
            slots: vec![SmallVec::new(); f.vregs as usize],
        })
    }

    fn fail<T>(&self, b: usize, i: usize, what: impl std::fmt::Display) -> Result<T> {
        internal(self.f, format!("block {b}, instruction {i}: {what}"))
    }

    /// What can be said without following execution: sizes, ranges, constraints between operands.
    fn shape(&self) -> Result<()> {
        let (f, a) = (self.f, self.a);
        has_all_operands(f, a)?;
        for (b, block) in f.blocks.iter().enumerate() {
            for (i, inst) in block.insts.iter().enumerate() {
                let omitted = a.is_omitted(b as u32, i as u32);
                if omitted
                    && !inst
                        .defs
                        .iter()
                        .all(|d| inst.defs.len() == 1 && self.remat[d.0 as usize])
                {
                    return self.fail(
                        b,
                        i,
                        "an instruction is omitted that is not rematerializable",
                    );
                }
                if !omitted {
                    self.constraints(b, i, inst)?;
                }
            }
            let mut last = 0;
            for &(at, edit) in &a.edits[b] {
                if at < last || at as usize >= block.insts.len() {
                    return self.fail(b, at as usize, "an edit out of order");
                }
                last = at;
                self.edit_shape(b, at as usize, edit)?;
            }
        }
        if !a.omitted.is_sorted() || !a.used.minus(self.file.allocatable).is_empty() {
            return internal(f, "the allocation's lists are inconsistent");
        }
        Ok(())
    }

    fn constraints(&self, b: usize, i: usize, inst: &MInst) -> Result<()> {
        let (defs, uses) = self.a.operands(b as u32, i as u32, inst);
        let both = defs.iter().chain(uses);
        if let Some(r) = both.copied().find(|&r| !self.file.allocatable.contains(r)) {
            return self.fail(b, i, format!("{r} is not for allocation"));
        }
        if let Some(r) = defs.iter().find(|&&r| !self.a.used.contains(r)) {
            return self.fail(
                b,
                i,
                format!("{r} is written and not in the set of used registers"),
            );
        }
        if (1..defs.len()).any(|k| defs[..k].contains(&defs[k])) {
            return self.fail(b, i, "two results in one register");
        }
        for (d, u) in inst.tied() {
            if defs.get(d) != uses.get(u) {
                return self.fail(
                    b,
                    i,
                    "a tied operand is in another register than its result",
                );
            }
        }
        if inst.is_early_clobber() && defs.iter().any(|d| uses.contains(d)) {
            return self.fail(b, i, "a result overwrites an operand too early");
        }
        let Some(abi) = &inst.abi else { return Ok(()) };
        let Some(free) = uses.len().checked_sub(abi.uses.len()) else {
            return self.fail(b, i, "fewer operands than fixed registers");
        };
        if uses[free..] != abi.uses[..] || uses[..free].iter().any(|r| abi.uses.contains(r)) {
            return self.fail(b, i, "an operand is not in its fixed register");
        }
        if defs != &abi.defs[..] {
            return self.fail(b, i, "a result is not in its fixed register");
        }
        Ok(())
    }

    fn edit_shape(&self, b: usize, i: usize, edit: Edit) -> Result<()> {
        let loc_ok = |l: Loc| match l {
            Loc::Reg(r) => self.file.allocatable.contains(r),
            Loc::Slot(s) => s < self.a.slots,
        };
        let written = |r: Reg| self.a.used.contains(r) && self.file.allocatable.contains(r);
        let ok = match edit {
            Edit::Move {
                from: Loc::Slot(_),
                to: Loc::Slot(_),
            } => false,
            Edit::Move {
                from,
                to: Loc::Reg(r),
            } => loc_ok(from) && written(r),
            Edit::Move { from, to } => loc_ok(from) && loc_ok(to),
            Edit::Remat { value, to } => {
                written(to) && self.remat.get(value.0 as usize).is_some_and(|&remat| remat)
            }
            Edit::Swap(x, y) => x != y && written(x) && written(y),
        };
        if ok {
            Ok(())
        } else {
            self.fail(b, i, format!("{edit:?} is not possible"))
        }
    }

    fn flow(&mut self) -> Result<()> {
        let n = self.f.blocks.len();
        let mut dirty = vec![false; n];
        if let Some(entry) = self.entry.first_mut() {
            *entry = Some(self.now.clone());
            dirty[0] = true;
        }
        while dirty.contains(&true) {
            for b in 0..n {
                if std::mem::take(&mut dirty[b]) {
                    self.block(b)?;
                    for k in 0..self.f.blocks[b].succs.len() {
                        if self.edge(b, k)? {
                            dirty[self.f.blocks[b].succs[k].to.0 as usize] = true;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Follows one block from its entry state.
    fn block(&mut self, b: usize) -> Result<()> {
        if let Some(entry) = &self.entry[b] {
            self.now = entry.clone();
        }
        let block: &'a MBlock = &self.f.blocks[b];
        let edits: &'a [(u32, Edit)] = &self.a.edits[b];
        let mut next = 0;
        for (i, inst) in block.insts.iter().enumerate() {
            while let Some(&(at, edit)) = edits.get(next).filter(|e| e.0 == i as u32) {
                debug_assert_eq!(at, i as u32);
                self.edit(edit);
                next += 1;
            }
            self.instruction(b, i, inst)?;
        }
        Ok(())
    }

    /// Makes `known` the set of `place`.
    fn set(&mut self, place: u32, known: Known) {
        if place >= SLOTS {
            for &v in &known {
                self.may_be_in(v, place);
            }
        }
        self.now.set(place, known);
    }

    fn may_be_in(&mut self, v: u32, place: u32) {
        let slots = &mut self.slots[v as usize];
        if place >= SLOTS && !slots.contains(&place) {
            slots.push(place);
        }
    }

    /// The places that hold `v` now.
    fn holders(&self, v: u32) -> SmallVec<[u32; 8]> {
        let slots = self.slots[v as usize].iter().copied();
        REGS.chain(slots)
            .filter(|&p| self.now.get(p).contains(&v))
            .collect()
    }

    fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Move { from, to } => {
                let known = self.now.get(place(from)).clone();
                self.set(place(to), known);
            }
            Edit::Remat { value, to } => {
                let mut known = Known::from_slice(&[value.0]);
                let from = self.equal.partition_point(|&(v, _)| v < value.0);
                known.extend(
                    self.equal[from..]
                        .iter()
                        .take_while(|e| e.0 == value.0)
                        .map(|e| e.1),
                );
                self.set(to.0 as u32, known);
            }
            Edit::Swap(x, y) => {
                let (kx, ky) = (
                    self.now.get(x.0 as u32).clone(),
                    self.now.get(y.0 as u32).clone(),
                );
                self.set(x.0 as u32, ky);
                if !seeded::on(Bug::CheckerExchange) {
                    self.set(y.0 as u32, kx);
                }
            }
        }
    }

    fn instruction(&mut self, b: usize, i: usize, inst: &MInst) -> Result<()> {
        let a = self.a;
        if a.is_omitted(b as u32, i as u32) {
            inst.defs.iter().for_each(|d| self.forget(d.0));
            return Ok(());
        }
        let (defs, uses) = a.operands(b as u32, i as u32, inst);
        for (u, r) in inst.uses.iter().zip(uses) {
            let holds = self.now.get(r.0 as u32);
            if !holds.contains(&u.0) {
                return self.fail(
                    b,
                    i,
                    format!("v{} is read in {r}, which holds {holds:?}", u.0),
                );
            }
        }
        if let Some(abi) = inst
            .abi
            .as_ref()
            .filter(|_| !seeded::on(Bug::CheckerSkipsClobbers))
        {
            for r in abi.clobbers.iter() {
                self.set(r.0 as u32, Known::new());
            }
        }
        for d in &inst.defs {
            self.forget(d.0);
        }
        for (d, r) in inst.defs.iter().zip(defs) {
            self.set(r.0 as u32, Known::from_slice(&[d.0]));
        }
        Ok(())
    }

    /// Takes old instances of a value out of all places.
    fn forget(&mut self, v: u32) {
        for place in self.holders(v) {
            let mut known = self.now.get(place).clone();
            known.retain(|known| *known != v);
            self.now.set(place, known);
        }
    }

    /// Meets the state at the end of block `b` into the target of its edge `k`; tells whether that changed.
    fn edge(&mut self, b: usize, k: usize) -> Result<bool> {
        let edge = &self.f.blocks[b].succs[k];
        let Some(params) = self.f.blocks.get(edge.to.0 as usize).map(|t| &t.params) else {
            return self.fail(b, k, "an edge to nowhere");
        };
        // Arguments are read before parameters are written.
        let before = self.now.clone();
        let holders: Vec<_> = edge.args.iter().map(|arg| self.holders(arg.0)).collect();
        if !seeded::on(Bug::CheckerOldInstance) {
            params.iter().for_each(|p| self.forget(p.0));
        }
        for (param, places) in params.iter().zip(holders) {
            for place in places {
                let mut known = self.now.get(place).clone();
                known.push(param.0);
                self.set(place, known);
            }
        }
        let after = std::mem::replace(&mut self.now, before);
        Ok(match &mut self.entry[edge.to.0 as usize] {
            unreached @ None => {
                *unreached = Some(after);
                true
            }
            Some(_) if seeded::on(Bug::CheckerMeet) => false,
            Some(entry) => entry.meet(&after),
        })
    }
}

/// Parameters that get the same rematerializable value on each edge, as (value, parameter).
fn equal_parameters(f: &MFunc, remat: &[bool]) -> Vec<(u32, u32)> {
    let mut argument: Vec<Option<(u32, bool)>> = vec![None; f.vregs as usize];
    for edge in f.blocks.iter().flat_map(|b| &b.succs) {
        let params = f
            .blocks
            .get(edge.to.0 as usize)
            .map_or(&[][..], |b| &b.params);
        for (p, arg) in params.iter().zip(&edge.args) {
            let same = &mut argument[p.0 as usize];
            *same = Some((
                arg.0,
                same.is_none_or(|(other, same)| same && other == arg.0),
            ));
        }
    }
    let one = |(p, argument): (usize, &Option<(u32, bool)>)| {
        let (v, same) = (*argument)?;
        (same && remat[v as usize]).then_some((v, p as u32))
    };
    let mut equal: Vec<_> = argument.iter().enumerate().filter_map(one).collect();
    equal.sort_unstable();
    equal
}
