//! Which values are live into each block, how far away their next use is, and whether a call lies in their way.
//!
//! In: [`Facts`], [`Loops`]. Out: [`Liveness`]: per block a set of (value, [`NextUse`]); per loop the register
//! pressure inside. The distance of a use is counted in instructions along the nearest path; leaving a loop or
//! entering an unlikely block adds a penalty, so that "nearest" means "most often soonest" (Braun and Hack,
//! "Register Spilling and Live-Range Splitting for SSA-Form Programs", section 4.1).
//!
//! Bounded: a block keeps its [`LIMIT`] nearest values only, and sweeps over loops are counted. The stages that
//! follow take these sets as advice: a value that is missing here is reloaded where it is used. [`Liveness::exact`]
//! tells whether nothing was cut, so that "not in the set" means "dead".

use super::facts::{Facts, NONE};
use super::internal;
use super::loops::Loops;
use crate::error::Result;
use crate::seeded::{self, Bug};

/// The distance from which on a use is outside of the innermost loop.
pub(super) const EXIT: u32 = 1 << 20;
/// What entering an unlikely block adds to a distance.
const COLD: u32 = 1 << 13;
/// Distances stay below this.
pub(super) const FAR: u32 = 1 << 28;
/// How many values a block's set keeps: far more than registers, so that the cut never touches what competes.
const LIMIT: usize = 64;

/// A distance in instructions, and whether a call comes before the *last* use. Orders by distance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct NextUse(u32);

impl NextUse {
    fn new(distance: u32, crosses: bool) -> NextUse {
        NextUse(distance.min(FAR) << 1 | crosses as u32)
    }
    /// Instructions until the next use.
    pub fn distance(self) -> u32 {
        self.0 >> 1
    }
    /// Whether the value lives across a call.
    pub fn crosses(self) -> bool {
        self.0 & 1 != 0
    }
    fn merge(self, o: NextUse) -> NextUse {
        NextUse::new(
            self.distance().min(o.distance()),
            self.crosses() || o.crosses(),
        )
    }
}

/// A live value and its next use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    /// The value.
    pub value: u32,
    /// Its next use, from the point that the set describes.
    pub next: NextUse,
}

/// Register pressure inside of a loop.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pressure {
    /// Most values live at once.
    pub all: u32,
    /// Most values live across one call.
    pub call: u32,
}

/// A set of live values under construction: a list, and where each value stands in it.
pub(super) struct Merge {
    place: Vec<u32>,
    /// The values so far, in no order.
    pub list: Vec<Live>,
}

impl Merge {
    fn new(values: usize) -> Merge {
        Merge {
            place: vec![0; values],
            list: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.list.clear();
    }

    fn find(&mut self, value: u32) -> Option<&mut Live> {
        // A stale place gives another value or none, so places need no clearing.
        let at = self.place[value as usize];
        self.list
            .get_mut(at as usize)
            .filter(|live| live.value == value)
    }

    fn add(&mut self, value: u32, next: NextUse) {
        match self.find(value) {
            Some(live) => live.next = live.next.merge(next),
            None => {
                self.place[value as usize] = self.list.len() as u32;
                self.list.push(Live { value, next });
            }
        }
    }
}

/// The result.
pub(super) struct Liveness {
    sets: Vec<(u32, u32)>,
    pool: Vec<Live>,
    /// Whether no set was cut and the sweeps reached the fixed point.
    pub exact: bool,
    /// Per loop head, the pressure anywhere in the loop; zero elsewhere.
    pub pressure: Vec<Pressure>,
}

/// Uses in a block of values that come from before it.
struct Exposed {
    start: Vec<u32>,
    list: Vec<Live>,
    calls: Vec<bool>,
}

impl Liveness {
    /// Computes the sets. Fails if a value is used that nothing defines.
    pub fn new(facts: &Facts, loops: &Loops) -> Result<(Liveness, Merge)> {
        let n = facts.blocks() as usize;
        let mut merge = Merge::new(facts.f.vregs as usize);
        let exposed = exposed_uses(facts, &mut merge)?;
        let mut live = Liveness {
            sets: vec![(0, 0); n],
            pool: Vec::with_capacity(n * 8),
            exact: true,
            pressure: vec![Pressure::default(); n],
        };
        let mut dirty = vec![false; n];
        for b in (0..n as u32).rev() {
            live.update(facts, loops, &exposed, &mut merge, b);
            for &(p, _) in facts.preds(b) {
                dirty[p as usize] |= p >= b;
            }
        }
        if loops.max_depth > 0 {
            let believed = seeded::on(Bug::SweepsSkipped);
            let sweeps = match believed {
                true => 0,
                false => loops.max_depth.min(6) + 2,
            };
            for _ in 0..sweeps {
                for b in (0..n as u32).rev() {
                    if std::mem::take(&mut dirty[b as usize])
                        && live.update(facts, loops, &exposed, &mut merge, b)
                    {
                        facts
                            .preds(b)
                            .iter()
                            .for_each(|&(p, _)| dirty[p as usize] = true);
                    }
                }
                if !dirty.contains(&true) {
                    break;
                }
            }
            live.exact &= !dirty.contains(&true) || believed;
            live.loop_pressure(facts, loops, &mut merge);
        }
        Ok((live, merge))
    }

    /// The values live into a block, with its parameters.
    pub fn live_in(&self, b: u32) -> &[Live] {
        let (start, len) = self.sets[b as usize];
        &self.pool[start as usize..(start + len) as usize]
    }

    /// Collects into `merge` the values live out of a block, with distances from its end.
    pub fn live_out(&self, facts: &Facts, loops: &Loops, b: u32, merge: &mut Merge) {
        merge.clear();
        let block = &facts.f.blocks[b as usize];
        for edge in &block.succs {
            let s = edge.to.0;
            let mut penalty = if loops.leaves(b, s) { EXIT } else { 0 };
            if facts.f.blocks[s as usize].cold && !block.cold {
                penalty += COLD;
            }
            for live in self.live_in(s) {
                if !facts.is_param_of(live.value, s) {
                    let next = NextUse::new(live.next.distance() + penalty, live.next.crosses());
                    merge.add(live.value, next);
                }
            }
        }
    }

    /// Recomputes the live-in set of a block; tells whether it changed.
    fn update(
        &mut self,
        facts: &Facts,
        loops: &Loops,
        exposed: &Exposed,
        merge: &mut Merge,
        b: u32,
    ) -> bool {
        self.live_out(facts, loops, b, merge);
        let length = facts.f.blocks[b as usize].insts.len() as u32 + 1;
        let calls = exposed.calls[b as usize];
        merge.list.retain_mut(|live| {
            live.next = NextUse::new(live.next.distance() + length, live.next.crosses() || calls);
            facts.def_block[live.value as usize] != b || facts.is_param_of(live.value, b)
        });
        for (at, live) in merge.list.iter().enumerate() {
            merge.place[live.value as usize] = at as u32;
        }
        let (from, to) = (exposed.start[b as usize], exposed.start[b as usize + 1]);
        for &use_ in &exposed.list[from as usize..to as usize] {
            merge.add(use_.value, use_.next);
        }
        let set = &mut merge.list;
        if set.len() > LIMIT {
            set.select_nth_unstable_by_key(LIMIT, |live| (live.next, live.value));
            set.truncate(LIMIT);
            self.exact = false;
        }
        self.store(b, set)
    }

    fn store(&mut self, b: u32, set: &[Live]) -> bool {
        let digest = |set: &[Live]| {
            set.iter().fold(0u64, |sum, live| {
                let word = (live.value as u64) << 32 | live.next.0 as u64;
                sum.wrapping_add(
                    (word ^ word >> 29)
                        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                        .rotate_left(23),
                )
            })
        };
        let (start, len) = self.sets[b as usize];
        let changed = len as usize != set.len() || digest(self.live_in(b)) != digest(set);
        if changed && set.len() <= len as usize {
            self.pool[start as usize..start as usize + set.len()].copy_from_slice(set);
            self.sets[b as usize].1 = set.len() as u32;
        } else if changed {
            self.sets[b as usize] = (self.pool.len() as u32, set.len() as u32);
            self.pool.extend_from_slice(set);
        }
        changed
    }

    /// Measures the pressure in each block of a loop and takes the maximum over each loop.
    fn loop_pressure(&mut self, facts: &Facts, loops: &Loops, merge: &mut Merge) {
        let mut last_seen = vec![NONE; facts.f.vregs as usize];
        for b in (0..facts.blocks()).rev() {
            let head = loops.inner[b as usize];
            if head == NONE {
                continue;
            }
            self.live_out(facts, loops, b, merge);
            let mut now = 0u32;
            let mut most = Pressure::default();
            let block = &facts.f.blocks[b as usize];
            let args = block.succs.iter().flat_map(|e| e.args.iter().map(|a| a.0));
            for v in merge.list.iter().map(|l| l.value).chain(args) {
                now += (last_seen[v as usize] != b) as u32;
                last_seen[v as usize] = b;
            }
            most.all = now;
            for inst in block.insts.iter().rev() {
                for d in &inst.defs {
                    if last_seen[d.0 as usize] == b {
                        last_seen[d.0 as usize] = NONE;
                        now -= 1;
                    }
                }
                if inst.abi.as_ref().is_some_and(|a| !a.clobbers.is_empty()) {
                    most.call = most.call.max(now);
                }
                for u in &inst.uses {
                    now += (last_seen[u.0 as usize] != b) as u32;
                    last_seen[u.0 as usize] = b;
                }
                most.all = most.all.max(now + inst.defs.len() as u32);
            }
            self.raise(head, most);
            if b == head && loops.outer[b as usize] != NONE {
                self.raise(loops.outer[b as usize], self.pressure[b as usize]);
            }
        }
    }

    fn raise(&mut self, head: u32, by: Pressure) {
        let p = &mut self.pressure[head as usize];
        *p = Pressure {
            all: p.all.max(by.all),
            call: p.call.max(by.call),
        };
    }
}

/// Collects, per block, the uses that are not of the block's own instructions, nearest first use each.
fn exposed_uses(facts: &Facts, merge: &mut Merge) -> Result<Exposed> {
    let mut all = Exposed {
        start: vec![0],
        list: Vec::new(),
        calls: Vec::new(),
    };
    for (b, block) in facts.f.blocks.iter().enumerate() {
        merge.clear();
        let mut called = false;
        let mut see = |v: u32, at: usize, called: bool| {
            let def = facts.def_block[v as usize];
            if def == NONE {
                return internal(facts.f, format!("v{v} is used and never defined"));
            }
            if def != b as u32 || facts.is_param_of(v, b as u32) {
                merge.add(v, NextUse::new(at as u32, called));
            }
            Ok(())
        };
        for (i, inst) in block.insts.iter().enumerate() {
            for u in &inst.uses {
                see(u.0, i, called)?;
            }
            called |= inst.abi.as_ref().is_some_and(|a| !a.clobbers.is_empty());
        }
        for arg in block.succs.iter().flat_map(|e| &e.args) {
            see(arg.0, block.insts.len(), called)?;
        }
        all.list.extend_from_slice(&merge.list);
        all.start.push(all.list.len() as u32);
        all.calls.push(called);
    }
    Ok(all)
}
