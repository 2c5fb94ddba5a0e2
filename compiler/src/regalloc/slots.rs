//! Stack slots for spilled values, shared where lifetimes are disjoint.
//!
//! In: [`Facts`], and per value whether it needs a slot and where it is last loaded ([`Plan`]). Out: [`Slots`].
//! Invariant: between a store of a value and a load that it reaches, nothing else is stored in its slot.
//!
//! A lifetime is one interval of positions, from the definition to the last load. Blocks are in reverse post-order,
//! so execution leaves the interval and comes back only over a retreating edge to a block inside of it (not the
//! defining block: the definition dominates the loads); the interval is therefore extended to the source of each
//! such edge until nothing changes. A parameter and its arguments get the same slot where they can.

use super::facts::{Facts, NONE};
use super::spill::Plan;
use crate::seeded::{self, Bug};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The slot of each spilled value.
pub(super) struct Slots {
    /// Per value; [`NONE`] if it needs none.
    pub of: Vec<u32>,
    /// Per value with a slot, the last position from which a load of it can be reached.
    pub end: Vec<u32>,
    /// How many slots there are.
    pub count: u32,
}

/// Gives each spilled value a slot.
pub(super) fn share(facts: &Facts, plan: &Plan) -> Slots {
    let values = facts.f.vregs as usize;
    let mut slots = Slots {
        of: vec![NONE; values],
        end: Vec::new(),
        count: 0,
    };
    if !plan.spilled.contains(&true) {
        return slots;
    }
    let reach = Reach::new(facts);
    slots.end = vec![0; values];
    let mut partner = vec![NONE; values];
    for block in &facts.f.blocks {
        for edge in &block.succs {
            for (param, arg) in facts.f.blocks[edge.to.0 as usize]
                .params
                .iter()
                .zip(&edge.args)
            {
                partner[arg.0 as usize] = param.0;
            }
        }
    }
    // Per slot, the end of the last lifetime given to it; and the ends still to come.
    let mut ends: Vec<u32> = Vec::new();
    let mut open: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
    let mut free: Vec<u32> = Vec::new();
    let early = seeded::on(Bug::SlotOneEarly) as u32;
    let mut give = |v: u32, start: u32, hints: &mut dyn Iterator<Item = u32>, slots: &mut Slots| {
        let end = reach.extend(
            facts,
            facts.def_block[v as usize],
            plan.last_load[v as usize].max(start),
        );
        while let Some(&Reverse((end, slot))) = open.peek() {
            if end > start + early {
                break;
            }
            open.pop();
            free.push(slot);
        }
        // A slot in `free` may have been taken through a hint since; its end tells.
        let hint = hints
            .map(|h| slots.of[h as usize])
            .find(|&s| s != NONE && ends[s as usize] <= start);
        let slot = hint.unwrap_or_else(|| {
            while let Some(slot) = free.pop() {
                if ends[slot as usize] <= start + early {
                    return slot;
                }
            }
            ends.push(0);
            ends.len() as u32 - 1
        });
        ends[slot as usize] = end;
        open.push(Reverse((end, slot)));
        slots.of[v as usize] = slot;
        slots.end[v as usize] = end;
    };
    for (b, block) in facts.f.blocks.iter().enumerate() {
        let base = facts.base[b];
        let args = facts
            .preds(b as u32)
            .first()
            .map(|&(p, k)| &facts.f.blocks[p as usize].succs[k as usize].args);
        for (k, param) in block
            .params
            .iter()
            .enumerate()
            .filter(|(_, p)| plan.spilled[p.0 as usize])
        {
            let hint = args.map(|a| a[k].0);
            give(param.0, base, &mut hint.into_iter(), &mut slots);
        }
        for (i, inst) in block.insts.iter().enumerate() {
            for d in inst.defs.iter().filter(|d| plan.spilled[d.0 as usize]) {
                let hint = Some(partner[d.0 as usize]).filter(|&p| p != NONE);
                give(d.0, base + 1 + i as u32, &mut hint.into_iter(), &mut slots);
            }
        }
    }
    slots.count = ends.len() as u32;
    slots
}

/// For ranges of blocks, the farthest source of a retreating edge into them: maxima over powers of two.
struct Reach {
    levels: Vec<Vec<u32>>,
}

impl Reach {
    fn new(facts: &Facts) -> Reach {
        let n = facts.blocks();
        let own = |b: u32| {
            facts
                .preds(b)
                .iter()
                .map(|&(p, _)| p)
                .filter(|&p| p >= b)
                .max()
                .unwrap_or(0)
        };
        let mut levels: Vec<Vec<u32>> = vec![(0..n).map(own).collect()];
        let mut width = 1;
        while width * 2 <= n as usize {
            let last = &levels[levels.len() - 1];
            let next = (0..=n as usize - width * 2)
                .map(|b| last[b].max(last[b + width]))
                .collect();
            levels.push(next);
            width *= 2;
        }
        Reach { levels }
    }

    /// The greatest source of a retreating edge into blocks `from..=to`.
    fn max(&self, from: u32, to: u32) -> u32 {
        if from > to {
            return 0;
        }
        let level = (to - from + 1).ilog2();
        let row = &self.levels[level as usize];
        row[from as usize].max(row[(to + 1 - (1 << level)) as usize])
    }

    /// The end of a lifetime that starts in `block` and is last read at position `end`.
    fn extend(&self, facts: &Facts, block: u32, end: u32) -> u32 {
        if seeded::on(Bug::SlotFreedEarly) {
            return end;
        }
        let mut last = facts.base.partition_point(|&base| base <= end) as u32 - 1;
        let mut end = end;
        loop {
            let to = self.max(block + 1, last);
            if to <= last && (to < last || end >= facts.end(to)) {
                return end;
            }
            if to > last {
                last = to;
                end = facts.end(to);
            } else {
                end = end.max(facts.end(to));
            }
        }
    }
}
