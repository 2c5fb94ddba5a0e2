//! Which values are in registers where: the first half of allocation.
//!
//! In: [`Facts`], [`Loops`], [`Liveness`]. Out: [`Plan`]: per block the values in registers on entry and exit, and
//! events (load before, leave at an instruction); per value whether it needs a slot and when it is stored.
//! Invariant: if every event is carried out, then at each instruction its operands, and what lives across it, fit
//! in the registers that its constraints leave; the next stage only chooses names. A value that is used while not
//! held is loaded there, so liveness is advice and never a matter of correctness.
//!
//! Method: Braun and Hack's furthest-next-use eviction, with entry sets of loops chosen by use in the loop. A value
//! is stored once: after its definition, or, if that is cheaper, at each place where it leaves the registers alive.
//! Rematerializable values are never stored; a definition whose own register nobody reads is omitted.

use super::facts::{CHEAP, Facts, NONE, PARAM};
use super::internal;
use super::liveness::{EXIT, FAR, Live, Liveness, Merge};
use super::loops::Loops;
use crate::backend::mir::{MInst, VReg};
use crate::choices::Choices;
use crate::error::Result;
use crate::seeded::{self, Bug};
use smallvec::SmallVec;

/// The next use of a value that has none.
const DEAD: u32 = u32::MAX;
const ABSENT: u8 = u8::MAX;

/// What happens to a value at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happening {
    /// Leaves its register before the instruction, alive.
    Evict,
    /// Comes into a register before the instruction.
    Load,
    /// Leaves its register once the instruction has read it, dead.
    Die,
    /// Leaves its register once the instruction has read it, alive.
    EvictAt,
    /// Is defined by the instruction and never used.
    Unused,
}

/// One event. Within an instruction, events come in the order of [`Happening`]'s rows, but that
/// `Evict` and `Load` alternate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Index of the instruction in its block.
    pub inst: u32,
    /// The value.
    pub value: u32,
    /// What happens.
    pub what: Happening,
    /// Whether a value that leaves its register alive may not have been stored before.
    pub unsaved: bool,
}

/// A value held in a register at a block boundary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The value.
    pub value: u32,
    /// Position of the next use, while inside of a block.
    next: u32,
    /// Whether the register may have been written by the definition itself (not by a load).
    pub original: bool,
}

/// The result.
pub(super) struct Plan {
    entries: Vec<(u32, u32)>,
    exits: Vec<(u32, u32)>,
    held: Vec<Held>,
    event_start: Vec<u32>,
    events: Vec<Event>,
    /// Per value, whether it needs a slot.
    pub spilled: Vec<bool>,
    /// Per value, whether it lives across a call.
    pub crosses: Vec<bool>,
    /// Per parameter, whether it is in a register on entry.
    pub param_held: Vec<bool>,
    /// Per value, whether it is stored where it leaves its register rather than after its definition.
    pub late: Vec<bool>,
    /// Per value, the last position that reads its slot.
    pub last_load: Vec<u32>,
    /// Per rematerializable value, whether the register written by its definition is read.
    pub original_used: Vec<bool>,
}

impl Plan {
    /// What is held on entry to a block, parameters included.
    pub fn entry(&self, b: u32) -> &[Held] {
        let (from, to) = self.entries[b as usize];
        &self.held[from as usize..to as usize]
    }

    /// What is held at the end of a block.
    pub fn exit(&self, b: u32) -> &[Held] {
        let (from, to) = self.exits[b as usize];
        &self.held[from as usize..to as usize]
    }

    /// The events in a block, by instruction.
    pub fn events(&self, b: u32) -> &[Event] {
        &self.events
            [self.event_start[b as usize] as usize..self.event_start[b as usize + 1] as usize]
    }

    /// Whether the definition of `v` need not be emitted: each use reads a copy made again.
    pub fn omitted(&self, facts: &Facts, v: u32) -> bool {
        facts.is_remat(v) && !self.original_used[v as usize]
    }
}

/// Decides what is in registers where.
pub(super) fn plan(
    facts: &Facts,
    loops: &Loops,
    live: &Liveness,
    merge: &mut Merge,
    choices: &mut Choices,
) -> Result<Plan> {
    let (n, values) = (facts.blocks() as usize, facts.f.vregs as usize);
    let plan = Plan {
        entries: Vec::with_capacity(n),
        exits: Vec::with_capacity(n),
        held: Vec::with_capacity(n * 8),
        event_start: vec![0],
        events: Vec::with_capacity(values),
        spilled: vec![false; values],
        crosses: vec![false; values],
        param_held: vec![false; values],
        late: vec![false; values],
        last_load: vec![0; values],
        original_used: vec![false; values],
    };
    let mut spiller = Spiller {
        facts,
        loops,
        live,
        choices,
        plan,
        now: Vec::new(),
        place: vec![ABSENT; values],
        next: vec![(NONE, DEAD, false); values],
        seen: vec![(0, 0); values],
        after: Vec::new(),
        leave_cost: vec![0.0; values],
        block: 0,
        mark: 0,
        demanded: Vec::new(),
    };
    for b in 0..n as u32 {
        spiller.block(b, merge)?;
    }
    spiller.clear();
    for b in 0..n as u32 {
        spiller.couple(b);
    }
    spiller.settle_memory_parameters();
    spiller.choose_stores();
    Ok(spiller.plan)
}

struct Spiller<'a, 'b> {
    facts: &'a Facts<'a>,
    loops: &'a Loops,
    live: &'a Liveness,
    choices: &'b mut Choices,
    plan: Plan,
    /// The values in registers now.
    now: Vec<Held>,
    /// Per value, its index in `now`.
    place: Vec<u8>,
    /// Per value, (block that the rest is about, position of the next use, whether live across a call).
    next: Vec<(u32, u32, bool)>,
    /// Per value, a mark and a count.
    seen: Vec<(u32, u32)>,
    /// Per operand of the block (defs, then uses, of each instruction), the next use after the instruction.
    after: Vec<u32>,
    /// Per value, how often it leaves the registers alive; infinite if that happens on an edge.
    leave_cost: Vec<f32>,
    block: u32,
    mark: u32,
    /// Values whose slot is read, and that are parameters in memory: their edges must be looked at.
    demanded: Vec<u32>,
}

impl Spiller<'_, '_> {
    fn block(&mut self, b: u32, merge: &mut Merge) -> Result<()> {
        self.block = b;
        self.enter(b);
        self.scan(b, merge);
        for at in 0..self.now.len() {
            let v = self.now[at].value as usize;
            self.now[at].next = if self.next[v].0 == b {
                self.next[v].1
            } else {
                FAR
            };
        }
        let block = &self.facts.f.blocks[b as usize];
        let mut operand = 0;
        for (i, inst) in block.insts.iter().enumerate() {
            self.instruction(i as u32, inst, operand)?;
            operand += inst.defs.len() + inst.uses.len();
        }
        let from = self.plan.held.len() as u32;
        self.plan.held.extend_from_slice(&self.now);
        self.plan.exits.push((from, self.plan.held.len() as u32));
        self.plan.event_start.push(self.plan.events.len() as u32);
        Ok(())
    }

    /// How many registers there are.
    fn registers(&self) -> usize {
        self.facts.file.len()
    }

    fn clear(&mut self) {
        for held in self.now.drain(..) {
            self.place[held.value as usize] = ABSENT;
        }
    }

    /// Chooses the values in registers on entry to `b`.
    fn enter(&mut self, b: u32) {
        self.clear();
        if self.facts.is_loop_head(b) {
            self.enter_loop(b)
        } else {
            self.enter_join(b)
        }
        let params = &self.facts.f.blocks[b as usize].params;
        if !params.is_empty() {
            for at in 0..self.now.len() {
                let v = self.now[at].value;
                if self.facts.is_param_of(v, b) {
                    self.plan.param_held[v as usize] = true;
                }
            }
        }
        for live in self.live.live_in(b) {
            if self.facts.is_param_of(live.value, b) {
                self.plan.crosses[live.value as usize] = live.next.crosses();
            }
        }
        let from = self.plan.held.len() as u32;
        self.plan.held.extend_from_slice(&self.now);
        self.plan.entries.push((from, self.plan.held.len() as u32));
    }

    /// Counts, per value, the earlier edges into `b` on which it is in a register; gives the mark and the edges.
    fn count_held(&mut self, b: u32) -> (u32, u32) {
        self.mark += 1;
        let mut edges = 0;
        let facts = self.facts;
        for &(p, k) in facts.preds(b).iter().filter(|&&(p, _)| p < b) {
            edges += 1;
            let (from, to) = self.plan.exits[p as usize];
            for at in from..to {
                let held = self.plan.held[at as usize];
                let original = if held.original { ORIGINAL } else { 0 };
                bump(&mut self.seen, self.mark, held.value, original);
                self.place[held.value as usize] = 0;
            }
            let args = &facts.f.blocks[p as usize].succs[k as usize].args;
            for (param, arg) in facts.f.blocks[b as usize].params.iter().zip(args) {
                let made = facts.kind[arg.0 as usize] & CHEAP != 0;
                if made || self.place[arg.0 as usize] != ABSENT {
                    bump(&mut self.seen, self.mark, param.0, 0);
                }
            }
            for at in from..to {
                self.place[self.plan.held[at as usize].value as usize] = ABSENT;
            }
        }
        (self.mark, edges)
    }

    fn count(&self, value: u32, mark: u32) -> u32 {
        let (m, count) = self.seen[value as usize];
        if m == mark { count & !ORIGINAL } else { 0 }
    }

    /// Entry of a block all of whose predecessors are done: what they agree on, then what most of them hold.
    fn enter_join(&mut self, b: u32) {
        let (mark, edges) = self.count_held(b);
        let live = self.live;
        let mut wanted: SmallVec<[(bool, Live); 32]> = SmallVec::new();
        for &l in live.live_in(b) {
            let count = self.count(l.value, mark);
            if count == edges || (count * 2 >= edges && count > 0 && l.next.distance() < EXIT) {
                wanted.push((count != edges, l));
            }
        }
        if wanted.len() > self.registers() {
            wanted.sort_unstable_by_key(|&(partial, l)| (partial, l.next, l.value));
        }
        for &(_, l) in wanted.iter().take(self.registers()) {
            if self.choices.is_heuristic() || self.choices.flip(true) {
                self.hold_on_entry(b, l.value);
            }
        }
    }

    /// Entry of a loop: what is used in the loop first; then, while the pressure inside leaves room, what
    /// lives through it and is in a register before it.
    fn enter_loop(&mut self, b: u32) {
        let (mark, edges) = self.count_held(b);
        let live = self.live;
        let mut inside: SmallVec<[Live; 64]> = SmallVec::new();
        let mut through: SmallVec<[Live; 64]> = SmallVec::new();
        for &l in live.live_in(b) {
            let used = l.next.distance() < EXIT;
            if used {
                inside.push(l);
            } else if self.count(l.value, mark) == edges {
                through.push(l);
            }
        }
        inside.sort_unstable_by_key(|l| (l.next, l.value));
        through.sort_unstable_by_key(|l| (l.next, l.value));
        let pressure = self.live.pressure[b as usize];
        let excess = pressure.all.saturating_sub(self.registers() as u32);
        let excess = excess.max(
            pressure
                .call
                .saturating_sub(self.facts.file.callee_saved.len() as u32),
        );
        let room = through.len().saturating_sub(excess as usize);
        through.truncate(room);
        for l in inside.iter().chain(&through) {
            if self.now.len() < self.registers()
                && (self.choices.is_heuristic() || self.choices.flip(true))
            {
                self.hold_on_entry(b, l.value);
            }
        }
    }

    /// Holds a value from the entry on; the counts are those of the edges into `b`.
    fn hold_on_entry(&mut self, b: u32, value: u32) {
        let (m, count) = self.seen[value as usize];
        let original = m == self.mark && count & ORIGINAL != 0;
        let original = original || self.facts.is_param_of(value, b);
        self.hold(Held {
            value,
            next: FAR,
            original,
        });
    }

    fn hold(&mut self, held: Held) {
        self.place[held.value as usize] = self.now.len() as u8;
        self.now.push(held);
    }

    fn release(&mut self, at: usize) -> Held {
        let gone = self.now.swap_remove(at);
        self.place[gone.value as usize] = ABSENT;
        if let Some(moved) = self.now.get(at) {
            self.place[moved.value as usize] = at as u8;
        }
        gone
    }

    /// One walk backwards: next uses after each operand, and which definitions live across a call.
    fn scan(&mut self, b: u32, merge: &mut Merge) {
        let facts = self.facts;
        let block = &facts.f.blocks[b as usize];
        let length = block.insts.len() as u32;
        self.live.live_out(facts, self.loops, b, merge);
        for l in &merge.list {
            self.next[l.value as usize] = (b, length + 1 + l.next.distance(), l.next.crosses());
            self.seen[l.value as usize].1 = u32::MAX;
        }
        self.mark += 1;
        for arg in block.succs.iter().flat_map(|e| &e.args) {
            let live_out = self.next[arg.0 as usize];
            let crosses = live_out.0 == b && live_out.2;
            self.see(arg.0, length, b, crosses, live_out.0 == b);
        }
        let operands: usize = block
            .insts
            .iter()
            .map(|i| i.defs.len() + i.uses.len())
            .sum();
        self.after.clear();
        self.after.resize(operands, DEAD);
        let mut at = operands;
        let mut call = u32::MAX;
        for (i, inst) in block.insts.iter().enumerate().rev() {
            at -= inst.defs.len() + inst.uses.len();
            for (k, d) in inst.defs.iter().enumerate() {
                let (about, next, crosses) = self.next[d.0 as usize];
                if about == b {
                    self.after[at + k] = next;
                    // The last use in the block; past its end for values live out.
                    let last = self.seen[d.0 as usize].1;
                    self.plan.crosses[d.0 as usize] = crosses || call < last;
                }
            }
            if inst.abi.as_ref().is_some_and(|a| !a.clobbers.is_empty()) {
                call = i as u32;
            }
            for (k, u) in inst.uses.iter().enumerate() {
                let (about, next, _) = self.next[u.0 as usize];
                self.after[at + inst.defs.len() + k] = if about == b { next } else { DEAD };
            }
            for u in &inst.uses {
                let (about, _, crosses) = self.next[u.0 as usize];
                self.see(u.0, i as u32, b, about == b && crosses, about == b);
            }
        }
    }

    /// Records a use at `position`; the first one seen (the last one in the block) also as that.
    fn see(&mut self, v: u32, position: u32, b: u32, crosses: bool, known: bool) {
        self.next[v as usize] = (b, position, crosses);
        if !known {
            self.seen[v as usize] = (self.mark, position);
        }
    }

    fn instruction(&mut self, i: u32, inst: &MInst, operand: usize) -> Result<()> {
        let uses_at = operand + inst.defs.len();
        let extra = self.extra_registers(inst, &self.after[uses_at..uses_at + inst.uses.len()]);
        let mut missing: SmallVec<[u32; 4]> = SmallVec::new();
        for u in &inst.uses {
            match self.place[u.0 as usize] {
                ABSENT if !missing.contains(&u.0) => missing.push(u.0),
                ABSENT => {}
                at => {
                    let held = self.now[at as usize];
                    self.now[at as usize].next = i;
                    self.plan.original_used[u.0 as usize] |= held.original;
                }
            }
        }
        for &v in &missing {
            self.make_room(self.registers() - 1, i, Happening::Evict, true)?;
            self.event(i, v, Happening::Load, false);
            self.hold(Held {
                value: v,
                next: i,
                original: false,
            });
            self.loaded(v, self.facts.base[self.block as usize] + 1 + i);
        }
        if extra > 0 {
            self.make_room(self.registers() - extra, i, Happening::Evict, true)?;
        }
        for (k, u) in inst.uses.iter().enumerate() {
            let at = self.place[u.0 as usize];
            if at == ABSENT {
                continue;
            }
            let next = self.after[uses_at + k];
            self.now[at as usize].next = next;
            if next == DEAD {
                self.release(at as usize);
                self.event(i, u.0, Happening::Die, false);
            }
        }
        self.leave_at(i, inst)?;
        for (k, d) in inst.defs.iter().enumerate() {
            match self.after[operand + k] {
                DEAD => self.event(i, d.0, Happening::Unused, false),
                next => self.hold(Held {
                    value: d.0,
                    next,
                    original: true,
                }),
            }
        }
        Ok(())
    }

    /// Registers that an instruction needs before it runs, beyond one for each value held: copies of
    /// tied operands that live on, and definitions written before the operands are read.
    fn extra_registers(&self, inst: &MInst, after: &[u32]) -> usize {
        let ties = inst.tied();
        let mut extra = if inst.is_early_clobber() {
            inst.defs.len()
        } else {
            0
        };
        for (k, &(_, u)) in ties.iter().enumerate() {
            let again = ties[..k]
                .iter()
                .any(|&(_, other)| inst.uses[other] == inst.uses[u]);
            extra += (after[u] != DEAD || again) as usize;
        }
        extra
    }

    /// Evicts until what lives across the instruction fits in the registers that it leaves alone.
    fn leave_at(&mut self, i: u32, inst: &MInst) -> Result<()> {
        let Some(abi) = &inst.abi else {
            return self.make_room(
                self.registers() - inst.defs.len(),
                i,
                Happening::EvictAt,
                false,
            );
        };
        let mut taken = abi.clobbers;
        abi.defs
            .iter()
            .chain(&abi.uses)
            .for_each(|&r| taken.insert(r));
        let through = self.facts.file.allocatable.minus(taken).len();
        // The free operands may need registers of their own.
        let operands = inst.uses.len();
        if !abi.clobbers.is_empty() {
            for at in (0..self.now.len()).rev() {
                let held = self.now[at];
                let cheap = self.facts.kind[held.value as usize] & CHEAP != 0;
                if cheap && (self.choices.is_heuristic() || self.choices.flip(true)) {
                    self.release(at);
                    self.event(i, held.value, Happening::EvictAt, held.original);
                }
            }
        }
        self.make_room(
            through.min(self.registers().saturating_sub(operands)),
            i,
            Happening::EvictAt,
            false,
        )
    }

    /// Evicts until at most `room` values are held; those with a use at `i` stay if `pinned`.
    fn make_room(&mut self, room: usize, i: u32, what: Happening, pinned: bool) -> Result<()> {
        while self.now.len() > room {
            let score = |held: &Held| {
                let v = held.value as usize;
                let distance = held.next.saturating_sub(i).min(FAR);
                // Costs no store: as good as twice as far.
                let free = self.facts.is_remat(held.value) || self.plan.spilled[v];
                (distance << free as u32, held.value)
            };
            let movable = |held: &&Held| !(pinned && held.next == i);
            let best = self
                .now
                .iter()
                .filter(movable)
                .max_by_key(|h| score(h))
                .map(|h| h.value);
            let Some(mut victim) = best else {
                return internal(
                    self.facts.f,
                    "an instruction needs more registers than there are",
                );
            };
            if !self.choices.is_heuristic() {
                let movable: Vec<u32> = self.now.iter().filter(movable).map(|h| h.value).collect();
                let best = movable.iter().position(|&v| v == victim).unwrap_or(0);
                victim = movable[self.choices.pick(movable.len(), best)];
            }
            let victim = self.release(self.place[victim as usize] as usize);
            self.event(i, victim.value, what, victim.original);
        }
        Ok(())
    }

    fn event(&mut self, inst: u32, value: u32, what: Happening, unsaved: bool) {
        if unsaved {
            self.leave_cost[value as usize] += self.frequency(self.block);
        }
        self.plan.events.push(Event {
            inst,
            value,
            what,
            unsaved,
        });
    }

    /// Notes that a value is loaded at a position.
    fn loaded(&mut self, v: u32, position: u32) {
        if self.facts.is_remat(v) {
            return;
        }
        let last = &mut self.plan.last_load[v as usize];
        *last = (*last).max(position);
        if !self.plan.spilled[v as usize] {
            self.plan.spilled[v as usize] = true;
            if self.facts.kind[v as usize] & PARAM != 0 {
                self.demanded.push(v);
            }
        }
    }

    /// An estimate of how often a block runs.
    fn frequency(&self, b: u32) -> f32 {
        let often = 8f32.powi(self.loops.depth[b as usize].min(8) as i32);
        if self.facts.f.blocks[b as usize].cold {
            often / 64.0
        } else {
            often
        }
    }

    /// Looks at the edges out of `b`: what must be loaded on them, what leaves the registers on them.
    fn couple(&mut self, b: u32) {
        let facts = self.facts;
        self.mark += 1;
        let (mark, (from, to)) = (self.mark, self.plan.exits[b as usize]);
        for at in from..to {
            let held = self.plan.held[at as usize];
            self.seen[held.value as usize] = (mark, held.original as u32);
        }
        for edge in &facts.f.blocks[b as usize].succs {
            let s = edge.to.0;
            let position = facts.end(b);
            for at in self.plan.entries[s as usize].0..self.plan.entries[s as usize].1 {
                let held = self.plan.held[at as usize];
                let v = held.value as usize;
                if facts.is_param_of(held.value, s) {
                    continue;
                }
                match self.seen[v] {
                    // Only around irreducible loops can an original arrive where none was expected.
                    (m, original) if m == mark => {
                        if original != 0 && !held.original {
                            self.plan.original_used[v] = true;
                            self.leave_cost[v] = f32::INFINITY;
                        }
                    }
                    _ => self.loaded(held.value, position),
                }
            }
            for (param, arg) in facts.f.blocks[s as usize].params.iter().zip(&edge.args) {
                match self.seen[arg.0 as usize] {
                    (m, original) if m == mark => {
                        self.plan.original_used[arg.0 as usize] |= original != 0
                    }
                    _ if self.plan.param_held[param.0 as usize] => self.loaded(arg.0, position),
                    _ => {}
                }
            }
        }
    }

    /// Spilled values live into a successor of `b` that are held before the edge and not after it cannot be
    /// stored late.
    fn leave_on_edges(&mut self, b: u32) {
        self.mark += 1;
        let (from, to) = self.plan.exits[b as usize];
        let mut any = false;
        for at in from..to {
            let held = self.plan.held[at as usize];
            if held.original && self.plan.spilled[held.value as usize] {
                self.seen[held.value as usize].0 = self.mark;
                any = true;
            }
        }
        if !any || seeded::on(Bug::EdgeStoreLost) {
            return;
        }
        for edge in &self.facts.f.blocks[b as usize].succs {
            self.place_entry(edge.to.0, 0);
            for live in self.live.live_in(edge.to.0) {
                let v = live.value as usize;
                if self.seen[v].0 == self.mark && self.place[v] == ABSENT {
                    self.leave_cost[v] = f32::INFINITY;
                }
            }
            self.place_entry(edge.to.0, ABSENT);
        }
    }

    fn place_entry(&mut self, s: u32, to: u8) {
        let (from, end) = self.plan.entries[s as usize];
        for at in from..end {
            self.place[self.plan.held[at as usize].value as usize] = to;
        }
    }

    /// A parameter in memory whose slot is read demands that each edge stores its argument, which may be
    /// in memory itself.
    fn settle_memory_parameters(&mut self) {
        let facts = self.facts;
        let mut index = vec![];
        while let Some(v) = self.demanded.pop() {
            if self.plan.param_held[v as usize] {
                continue;
            }
            let b = facts.def_block[v as usize];
            if index.is_empty() {
                index = parameter_indexes(facts);
            }
            for &(p, k) in facts.preds(b) {
                let arg =
                    facts.f.blocks[p as usize].succs[k as usize].args[index[v as usize] as usize];
                if !self.plan.exit(p).iter().any(|held| held.value == arg.0) {
                    self.loaded(arg.0, facts.end(p));
                }
            }
        }
    }

    fn choose_stores(&mut self) {
        if !self.live.exact || !self.plan.spilled.contains(&true) {
            return;
        }
        for b in 0..self.facts.blocks() {
            self.leave_on_edges(b);
        }
        for v in 0..self.plan.spilled.len() {
            if !self.plan.spilled[v]
                || (self.facts.kind[v] & PARAM != 0 && !self.plan.param_held[v])
            {
                continue;
            }
            let leave = self.leave_cost[v];
            if leave.is_finite() {
                let cheaper = leave < self.frequency(self.facts.def_block[v]);
                self.plan.late[v] = if self.choices.is_heuristic() {
                    cheaper
                } else {
                    self.choices.flip(cheaper)
                };
            }
        }
    }
}

/// A bit of a count: some of what was counted is original.
const ORIGINAL: u32 = 1 << 31;

fn bump(seen: &mut [(u32, u32)], mark: u32, value: u32, original: u32) {
    let (m, count) = &mut seen[value as usize];
    *count = if *m == mark { *count + 1 } else { 1 } | original;
    *m = mark;
}

/// Per parameter, its index among those of its block.
fn parameter_indexes(facts: &Facts) -> Vec<u32> {
    let mut index = vec![0; facts.f.vregs as usize];
    for block in &facts.f.blocks {
        for (k, &VReg(v)) in block.params.iter().enumerate() {
            index[v as usize] = k as u32;
        }
    }
    index
}
