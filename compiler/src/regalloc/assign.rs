//! Which register each held value is in: the second half of allocation.
//!
//! In: [`Facts`], the [`Plan`] of what is held where, [`Slots`]. Out: an [`Allocation`].
//! Invariant: within a block each held value has exactly one register, and `val` and `loc` are inverse to each
//! other. The plan leaves enough registers at each instruction, so a choice can only fail if the plan is broken,
//! which is an error and not a panic.
//!
//! Blocks are walked in reverse post-order. A block takes over the registers of its likeliest earlier predecessor;
//! what other edges have elsewhere is moved on the edge. At calls, values are moved out of clobbered registers and
//! into fixed ones by one parallel move.

use super::facts::{CHEAP, Facts, NONE};
use super::file::{MOST, Wish};
use super::hints::{Hints, NO_REG};
use super::loops::Loops;
use super::moves::{From, Move, Mover};
use super::slots::Slots;
use super::spill::{Event, Happening, Plan};
use super::{Allocation, Edit, Loc, internal};
use crate::backend::mir::{Abi, MInst};
use crate::choices::Choices;
use crate::error::Result;
use crate::isa::{Reg, RegSet};
use crate::seeded::{self, Bug};
use smallvec::SmallVec;

/// Registers of a block boundary: the value in each, or [`NONE`].
type Map = [u32; MOST];

const R12: RegSet = RegSet(0x1000);
const LR: RegSet = RegSet(0x4000);

/// Chooses registers and writes the allocation.
pub(super) fn assign(
    facts: &Facts,
    loops: &Loops,
    plan: &Plan,
    slots: &Slots,
    choices: &mut Choices,
) -> Result<Allocation> {
    let (n, values) = (facts.f.blocks.len(), facts.f.vregs as usize);
    let mut assigner = Assigner {
        facts,
        loops,
        plan,
        slots,
        heuristic: choices.is_heuristic(),
        choices,
        val: [NONE; MOST],
        free: facts.file.allocatable,
        loc: vec![NO_REG; values],
        leaving: vec![NONE; values],
        entry: vec![[NONE; MOST]; n],
        exit: vec![[NONE; MOST]; n],
        hints: Hints::new(values),
        mover: Mover::new(slots.count, facts.file),
        edits: Vec::new(),
        regs: Vec::new(),
        block: 0,
        out: Allocation::default(),
    };
    for b in 0..n as u32 {
        assigner.block(b)?;
    }
    // Where the last block leaves its values says nothing about the edges of others; it leaves some if it closes a loop.
    if !seeded::on(Bug::LastBlockStays) {
        assigner.vacate_all();
    }
    for b in 0..n as u32 {
        assigner.edges(b);
    }
    let Assigner { mut out, mover, .. } = assigner;
    out.slots = mover.slots();
    out.used = mover.used;
    Ok(out)
}

struct Assigner<'a, 'b> {
    facts: &'a Facts<'a>,
    loops: &'a Loops,
    plan: &'a Plan,
    slots: &'a Slots,
    choices: &'b mut Choices,
    heuristic: bool,
    /// Per register, the value in it.
    val: Map,
    /// Registers without a value.
    free: RegSet,
    /// Per value, its register.
    loc: Vec<u8>,
    /// Per value, the position of the instruction at which it leaves its register.
    leaving: Vec<u32>,
    entry: Vec<Map>,
    exit: Vec<Map>,
    hints: Hints,
    mover: Mover,
    edits: Vec<(u32, Edit)>,
    regs: Vec<Reg>,
    block: u32,
    out: Allocation,
}

impl Assigner<'_, '_> {
    fn block(&mut self, b: u32) -> Result<()> {
        let facts = self.facts;
        self.block = b;
        self.vacate_all();
        let around = self.scan_hints(b);
        self.enter(b)?;
        if around {
            // What its back edge wants is known only now.
            self.scan_hints(b);
        }
        let block = &facts.f.blocks[b as usize];
        for param in &block.params {
            self.store_definition(param.0, 0);
        }
        let mut starts = Vec::with_capacity(block.insts.len());
        self.regs.reserve(self.hints.defs.len());
        let events = self.plan.events(b);
        let mut next = 0;
        for (i, inst) in block.insts.iter().enumerate() {
            starts.push(self.regs.len() as u32);
            let first = next;
            while events.get(next).is_some_and(|e| e.inst == i as u32) {
                next += 1;
            }
            self.instruction(i as u32, inst, &events[first..next])?;
        }
        self.exit[b as usize] = self.val;
        for edge in block.succs.iter().filter(|e| e.to.0 > b) {
            for (param, arg) in facts.f.blocks[edge.to.0 as usize]
                .params
                .iter()
                .zip(&edge.args)
            {
                if self.loc[arg.0 as usize] != NO_REG {
                    self.hints.param[param.0 as usize] = self.loc[arg.0 as usize];
                }
            }
        }
        self.out.edits.push(self.edits.as_slice().into());
        self.edits.clear();
        self.out.regs.push(std::mem::take(&mut self.regs));
        self.out.starts.push(starts);
        Ok(())
    }

    /// Finds out which registers the values of block `b` are wanted in; tells whether it is its own successor.
    fn scan_hints(&mut self, b: u32) -> bool {
        let facts = self.facts;
        let mut around = false;
        let mut ends: SmallVec<[(u32, u8); 32]> = SmallVec::new();
        for mut edge in &facts.f.blocks[b as usize].succs {
            // A block that only jumps on, as on a split edge, wants what its own successor wants.
            let target = &facts.f.blocks[edge.to.0 as usize];
            if let ([_], [next], true) = (
                &target.insts[..],
                &target.succs[..],
                target.params.is_empty(),
            ) {
                edge = next;
            }
            let s = edge.to.0 as usize;
            around |= edge.to.0 == b;
            let params = &facts.f.blocks[s].params;
            if edge.to.0 <= b {
                for (r, &v) in self.entry[s]
                    .iter()
                    .enumerate()
                    .filter(|&(_, &v)| v != NONE)
                {
                    let arg = params
                        .iter()
                        .position(|p| p.0 == v && facts.is_param_of(v, s as u32));
                    ends.push((arg.map_or(v, |k| edge.args[k].0), r as u8));
                }
            } else {
                for (param, arg) in params.iter().zip(&edge.args) {
                    let r = self.hints.param[param.0 as usize];
                    if r != NO_REG {
                        ends.push((arg.0, r));
                    }
                }
            }
        }
        self.hints.scan(facts, b, &ends);
        around
    }

    /// Gives the values held on entry their registers.
    fn enter(&mut self, b: u32) -> Result<()> {
        let facts = self.facts;
        let likely = |&&(p, _): &&(u32, u32)| {
            (
                !facts.f.blocks[p as usize].cold,
                self.loops.depth[p as usize],
                std::cmp::Reverse(p),
            )
        };
        let Some(&(p, k)) = facts
            .preds(b)
            .iter()
            .filter(|&&(p, _)| p < b)
            .max_by_key(likely)
        else {
            return Ok(());
        };
        let before = self.exit[p as usize];
        let head = facts.is_loop_head(b);
        let mut stay: SmallVec<[(u32, u8); 16]> = SmallVec::new();
        let mut rest: SmallVec<[(u32, u8); 16]> = SmallVec::new();
        self.set_locations(&before, true);
        for held in self.plan.entry(b) {
            let v = held.value;
            if held.original && self.plan.omitted(facts, v) {
                continue;
            }
            let param = facts.is_param_of(v, b);
            let source = if param {
                self.argument(b, (p, k), v)
            } else {
                v
            };
            let at = self.loc[source as usize];
            // In a loop with calls, a value moves out of their way once, before the loop.
            let moves_out = (param || head) && at != NO_REG && self.is_caller_saved(v, at);
            if at != NO_REG && !param && !moves_out {
                stay.push((v, at));
            } else {
                rest.push((v, if moves_out { NO_REG } else { at }));
            }
        }
        self.set_locations(&before, false);
        stay.iter().for_each(|&(v, at)| self.place(v, Reg(at)));
        for (v, at) in rest {
            let wish = if facts.is_param_of(v, b) {
                let want = self.hints.at_entry(facts, b, v);
                let want = if want == NO_REG {
                    self.hints.param[v as usize]
                } else {
                    want
                };
                if at != NO_REG && self.is_free(at) || want == NO_REG {
                    at
                } else {
                    want
                }
            } else {
                at
            };
            let r = self.choose(v, self.free, wish, RegSet::EMPTY)?;
            self.place(v, r);
        }
        self.entry[b as usize] = self.val;
        Ok(())
    }

    /// The argument for parameter `v` of block `b` on an edge.
    fn argument(&self, b: u32, (p, k): (u32, u32), v: u32) -> u32 {
        let params = &self.facts.f.blocks[b as usize].params;
        let edge = &self.facts.f.blocks[p as usize].succs[k as usize];
        params
            .iter()
            .zip(&edge.args)
            .find(|(param, _)| param.0 == v)
            .map_or(v, |(_, arg)| arg.0)
    }

    /// Whether register `r` is wrong for `v` because `v` stays in a register across a call.
    fn is_caller_saved(&self, v: u32, r: u8) -> bool {
        self.wants_callee_saved(v) && !self.facts.file.callee_saved.contains(Reg(r))
    }

    fn wants_callee_saved(&self, v: u32) -> bool {
        let v = v as usize;
        self.plan.crosses[v] && !self.plan.spilled[v] && self.facts.kind[v] & CHEAP == 0
    }

    fn is_free(&self, r: u8) -> bool {
        r != NO_REG && self.val[r as usize] == NONE
    }

    fn place(&mut self, v: u32, r: Reg) {
        self.val[r.0 as usize] = v;
        self.free.remove(r);
        self.loc[v as usize] = r.0;
        self.mover.used.insert(r);
    }

    fn vacate(&mut self, v: u32) {
        let r = std::mem::replace(&mut self.loc[v as usize], NO_REG);
        if r != NO_REG {
            self.val[r as usize] = NONE;
            self.free.insert(Reg(r));
        }
    }

    fn vacate_all(&mut self) {
        for v in std::mem::replace(&mut self.val, [NONE; MOST]) {
            if v != NONE {
                self.loc[v as usize] = NO_REG;
            }
        }
        self.free = self.facts.file.allocatable;
    }

    /// Chooses a register for `v` among `allowed`: `wish` if it can be had, else by cost; rather none of `avoid`.
    fn choose(&mut self, v: u32, allowed: RegSet, wish: u8, avoid: RegSet) -> Result<Reg> {
        if allowed.is_empty() {
            return internal(self.facts.f, format!("no register is left for v{v}"));
        }
        let wished =
            wish != NO_REG && allowed.contains(Reg(wish)) && !self.is_caller_saved(v, wish);
        let best = if wished {
            Reg(wish)
        } else {
            self.cheapest(v, allowed, avoid)
        };
        if self.heuristic {
            return Ok(best);
        }
        let all: SmallVec<[Reg; MOST]> = allowed.iter().collect();
        let at = all.iter().position(|&r| r == best).unwrap_or(0);
        Ok(all[self.choices.pick(all.len(), at)])
    }

    /// The register of `allowed` that costs least; rather none of `avoid`.
    fn cheapest(&self, v: u32, allowed: RegSet, avoid: RegSet) -> Reg {
        let wish = Wish {
            crosses: self.wants_callee_saved(v),
            low: self.facts.low[v as usize],
            avoid,
            used: self.mover.used,
            calls: self.facts.f.has_calls,
        };
        self.facts.file.cheapest(allowed, &wish)
    }

    fn instruction(&mut self, i: u32, inst: &MInst, events: &[Event]) -> Result<()> {
        let position = self.facts.base[self.block as usize] + 1 + i;
        for e in events {
            let v = e.value;
            match e.what {
                Happening::Evict => {
                    self.store_leaving(e, i);
                    self.vacate(v);
                }
                // Loads for fixed uses are part of the parallel move.
                Happening::Load if inst.abi.is_some() => {}
                Happening::Load => self.load(v, i, inst)?,
                Happening::Die => self.leaving[v as usize] = position,
                Happening::EvictAt => {
                    self.store_leaving(e, i);
                    self.leaving[v as usize] = position;
                }
                Happening::Unused => {}
            }
        }
        let operand = self.regs.len();
        let operands = inst.defs.len() + inst.uses.len();
        self.regs.resize(operand + operands, Reg::R0);
        if let [d] = inst.defs[..]
            && self.plan.omitted(self.facts, d.0)
        {
            events.iter().for_each(|e| self.vacate(e.value));
            self.out.omitted.push((self.block, i));
            return Ok(());
        }
        match &inst.abi {
            Some(abi) => self.fixed(i, inst, abi, events, operand)?,
            None => self.plain(i, inst, events, operand)?,
        }
        for d in &inst.defs {
            self.store_definition(d.0, i + 1);
        }
        // After the store: where liveness was cut, "unused" only says that no use is near.
        for e in events.iter().filter(|e| e.what == Happening::Unused) {
            self.vacate(e.value);
        }
        Ok(())
    }

    /// Where a value that is in no register comes from.
    fn memory(&self, v: u32) -> From {
        if self.facts.is_remat(v) {
            From::Remat(v)
        } else {
            From::Loc(Loc::Slot(self.slots.of[v as usize]))
        }
    }

    fn load(&mut self, v: u32, i: u32, inst: &MInst) -> Result<()> {
        let avoid = self.hints.avoid[i as usize];
        let mut r = self.choose(v, self.free, NO_REG, avoid)?;
        if seeded::on(Bug::LoadIntoLive)
            && let Some(other) = inst
                .uses
                .iter()
                .map(|u| self.loc[u.0 as usize])
                .find(|&r| r != NO_REG)
        {
            r = Reg(other);
        }
        self.mover.moves.push(Move {
            from: self.memory(v),
            to: Loc::Reg(r),
        });
        self.mover.run(i, RegSet::EMPTY, &mut self.edits);
        self.place(v, r);
        Ok(())
    }

    /// Stores a value that leaves its register, if that is when it is stored.
    fn store_leaving(&mut self, e: &Event, i: u32) {
        let v = e.value as usize;
        let r = self.loc[v];
        // Past the end of its slot's lifetime, no load can follow.
        let position = self.facts.base[self.block as usize] + 1 + i;
        if e.unsaved && self.plan.late[v] && r != NO_REG && position <= self.slots.end[v] {
            self.store(e.value, Reg(r), i);
        }
    }

    /// Stores a value that has just been defined, if that is when it is stored.
    fn store_definition(&mut self, v: u32, i: u32) {
        let r = self.loc[v as usize];
        if !self.plan.spilled[v as usize] || self.plan.late[v as usize] || r == NO_REG {
            return;
        }
        if !(seeded::on(Bug::StoreLost) && i == 0) {
            self.store(v, Reg(r), i);
        }
    }

    fn store(&mut self, v: u32, r: Reg, i: u32) {
        let to = Loc::Slot(self.slots.of[v as usize]);
        self.mover.edit(
            i,
            Edit::Move {
                from: Loc::Reg(r),
                to,
            },
            &mut self.edits,
        );
    }

    fn is_leaving(&self, v: u32, i: u32) -> bool {
        self.leaving[v as usize] == self.facts.base[self.block as usize] + 1 + i
    }

    /// An instruction without fixed registers.
    fn plain(&mut self, i: u32, inst: &MInst, events: &[Event], operand: usize) -> Result<()> {
        let hint = |s: &Self, k: usize| s.hints.defs[operand + k];
        let avoid = self.hints.avoid[i as usize];
        let uses = operand + inst.defs.len();
        for (k, u) in inst.uses.iter().enumerate() {
            let r = self.loc[u.0 as usize];
            if r == NO_REG {
                return internal(
                    self.facts.f,
                    format!("v{} is in no register where it is used", u.0),
                );
            }
            self.regs[uses + k] = Reg(r);
        }
        let mut own: SmallVec<[u8; 4]> = SmallVec::from_elem(NO_REG, inst.defs.len());
        let mut free = self.free;
        for (d, u) in inst.tied() {
            let v = inst.uses[u].0;
            let r = self.regs[uses + u];
            let shares = own.contains(&r.0) && !seeded::on(Bug::TiedTwice);
            if !shares && (self.is_leaving(v, i) || seeded::on(Bug::TiedUseClobbered)) {
                own[d] = r.0;
                continue;
            }
            let to = self.choose(inst.defs[d].0, free, hint(self, d), avoid)?;
            free.remove(to);
            self.mover.edit(
                i,
                Edit::Move {
                    from: Loc::Reg(r),
                    to: Loc::Reg(to),
                },
                &mut self.edits,
            );
            self.regs[uses + u] = to;
            own[d] = to.0;
        }
        if inst.is_early_clobber() && !seeded::on(Bug::EarlyClobberShared) {
            for (d, own) in own
                .iter_mut()
                .enumerate()
                .filter(|(_, own)| **own == NO_REG)
            {
                let to = self.choose(inst.defs[d].0, free, hint(self, d), avoid)?;
                free.remove(to);
                *own = to.0;
            }
        }
        for e in events
            .iter()
            .filter(|e| matches!(e.what, Happening::Die | Happening::EvictAt))
        {
            let r = self.loc[e.value as usize];
            if r != NO_REG && (!own.contains(&r) || seeded::on(Bug::TiedFreed)) {
                free.insert(Reg(r));
            }
            self.vacate(e.value);
        }
        for (d, v) in inst.defs.iter().enumerate() {
            if own[d] == NO_REG {
                // A result in the register of the first operand has a 16-bit form more often.
                let wish = match hint(self, d) {
                    NO_REG if !inst.uses.is_empty() && !avoid.contains(self.regs[uses]) => {
                        self.regs[uses].0
                    }
                    r => r,
                };
                own[d] = self.choose(v.0, free, wish, avoid)?.0;
                free.remove(Reg(own[d]));
            }
            self.regs[operand + d] = Reg(own[d]);
        }
        for (v, r) in inst.defs.iter().zip(own) {
            self.place(v.0, Reg(r));
        }
        Ok(())
    }

    /// An instruction with fixed registers: one parallel move brings the operands there and what lives on
    /// out of the way.
    fn fixed(
        &mut self,
        i: u32,
        inst: &MInst,
        abi: &Abi,
        events: &[Event],
        operand: usize,
    ) -> Result<()> {
        let set = |regs: &[Reg]| regs.iter().fold(0u64, |s, r| s | 1 << r.0);
        let (fixed_uses, fixed_defs) = (RegSet(set(&abi.uses)), RegSet(set(&abi.defs)));
        let mut lost = abi.clobbers.or(fixed_defs);
        if seeded::on(Bug::CallClobberKept) {
            lost = lost.minus(R12.or(LR));
        }
        let stays = self.facts.file.allocatable.minus(lost).minus(fixed_uses);
        let free_uses = inst.uses.len() - abi.uses.len();
        // What lives on and where it will be.
        let mut homes: SmallVec<[(u32, Reg); 14]> = SmallVec::new();
        let mut evicted: SmallVec<[u32; 14]> = SmallVec::new();
        let mut taken = RegSet::EMPTY;
        for r in self.facts.file.allocatable.iter() {
            let v = self.val[r.0 as usize];
            if v == NONE || self.is_leaving(v, i) {
                continue;
            }
            let own = inst.uses[free_uses..]
                .iter()
                .zip(&abi.uses)
                .any(|(u, &f)| u.0 == v && f == r);
            if stays.contains(r)
                || (own && (!lost.contains(r) || seeded::on(Bug::CallArgumentKept)))
            {
                homes.push((v, r));
                taken.insert(r);
            } else {
                evicted.push(v);
            }
        }
        let loads = events
            .iter()
            .filter(|e| e.what == Happening::Load && !self.is_leaving(e.value, i));
        evicted.extend(loads.map(|e| e.value));
        for v in evicted {
            let room = stays.minus(taken);
            let empty = room.and(self.free);
            let room = if self.heuristic && !empty.is_empty() {
                empty
            } else {
                room
            };
            let to = self.choose(v, room, NO_REG, RegSet::EMPTY)?;
            taken.insert(to);
            homes.push((v, to));
            self.bring(v, to);
        }
        let uses = operand + inst.defs.len();
        for (k, u) in inst.uses[..free_uses].iter().enumerate() {
            let home = homes
                .iter()
                .find(|&&(v, r)| v == u.0 && !fixed_uses.contains(r));
            let r = match home {
                Some(&(_, r)) => r,
                None => self.free_operand(u.0, fixed_uses.or(taken))?,
            };
            taken.insert(r);
            self.regs[uses + k] = r;
        }
        for (k, (u, &r)) in inst.uses[free_uses..].iter().zip(&abi.uses).enumerate() {
            self.regs[uses + free_uses + k] = r;
            self.bring(u.0, r);
        }
        self.mover.run(i, taken.or(fixed_uses), &mut self.edits);
        self.vacate_all();
        for (v, r) in homes {
            if !self.is_leaving(v, i) {
                self.place(v, r);
            }
        }
        for (k, (d, &r)) in inst.defs.iter().zip(&abi.defs).enumerate() {
            self.regs[operand + k] = r;
            self.place(d.0, r);
        }
        Ok(())
    }

    /// A register outside of `not` for an operand that may be anywhere and is not needed afterwards.
    fn free_operand(&mut self, v: u32, not: RegSet) -> Result<Reg> {
        let now = self.loc[v as usize];
        if now != NO_REG && (!not.contains(Reg(now)) || seeded::on(Bug::CallTargetOverwritten)) {
            return Ok(Reg(now));
        }
        let to = self.choose(
            v,
            self.facts.file.allocatable.minus(not),
            NO_REG,
            RegSet::EMPTY,
        )?;
        self.bring(v, to);
        Ok(to)
    }

    /// Adds the move of `v` to `to` to the parallel move.
    fn bring(&mut self, v: u32, to: Reg) {
        let from = match self.loc[v as usize] {
            NO_REG => self.memory(v),
            r if r == to.0 => return,
            r => From::Loc(Loc::Reg(Reg(r))),
        };
        self.mover.moves.push(Move {
            from,
            to: Loc::Reg(to),
        });
    }

    /// The moves on the edges out of block `p`.
    fn edges(&mut self, p: u32) {
        let facts = self.facts;
        let exit = self.exit[p as usize];
        self.set_locations(&exit, true);
        for edge in &facts.f.blocks[p as usize].succs {
            let s = edge.to.0;
            let entry = self.entry[s as usize];
            let mut kept = RegSet::EMPTY;
            for (r, &v) in entry.iter().enumerate().filter(|&(_, &v)| v != NONE) {
                kept.insert(Reg(r as u8));
                if !facts.is_param_of(v, s) {
                    self.bring(v, Reg(r as u8));
                }
            }
            for (param, arg) in facts.f.blocks[s as usize].params.iter().zip(&edge.args) {
                let r = if self.plan.param_held[param.0 as usize] {
                    entry.iter().position(|&v| v == param.0)
                } else {
                    None
                };
                match r {
                    Some(r) => self.bring(arg.0, Reg(r as u8)),
                    None if self.slots.of[param.0 as usize] != NONE => {
                        let from = match self.loc[arg.0 as usize] {
                            NO_REG => self.memory(arg.0),
                            r => From::Loc(Loc::Reg(Reg(r))),
                        };
                        let to = Loc::Slot(self.slots.of[param.0 as usize]);
                        self.mover.moves.push(Move { from, to });
                    }
                    None => {}
                }
            }
            self.edge_edits(p, s, kept);
        }
        self.set_locations(&exit, false);
    }

    fn set_locations(&mut self, map: &Map, on: bool) {
        for (r, &v) in map.iter().enumerate().filter(|&(_, &v)| v != NONE) {
            self.loc[v as usize] = if on { r as u8 } else { NO_REG };
        }
    }

    /// Does the moves of an edge where only it passes: at the start of its target, else at the end of its source.
    fn edge_edits(&mut self, p: u32, s: u32, kept: RegSet) {
        if self.facts.preds(s).len() == 1 {
            self.mover.run(0, kept, &mut self.edits);
            self.out.edits[s as usize].splice(0..0, self.edits.drain(..));
        } else {
            let last = self.facts.f.blocks[p as usize].insts.len() as u32 - 1;
            let kept = match seeded::on(Bug::EdgeTemporary) {
                true => RegSet::EMPTY,
                false => kept,
            };
            self.mover.run(last, kept, &mut self.out.edits[p as usize]);
        }
    }
}
