//! Parallel moves, done one after the other.
//!
//! In: moves that happen at once, from registers, slots, or nothing (rematerialization), to distinct places.
//! Out: edits in an order that gives the same result. Invariant: each source is read before it is written,
//! and registers that the caller names as kept do not change.
//!
//! A move is ready when nothing still reads its destination. What is never ready is a set of cycles; each is
//! broken through a free register, else through exchanges, else (slot to slot) through an emergency slot. A word
//! goes from slot to slot through a free register; where there is none, `r0` is put aside for it.

use super::file::{File, MOST};
use super::{Edit, Loc};
use crate::backend::mir::VReg;
use crate::isa::{Reg, RegSet};
use crate::seeded::{self, Bug};

/// Where a moved word comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum From {
    /// A place.
    Loc(Loc),
    /// Made again.
    Remat(u32),
}

/// One of the moves that happen at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Move {
    /// Source.
    pub from: From,
    /// Destination, distinct from those of the other moves.
    pub to: Loc,
}

/// State that outlives one set of moves.
pub(super) struct Mover {
    file: &'static File,
    /// The moves to do next.
    pub moves: Vec<Move>,
    /// Per place (registers, then slots): how many pending moves read it, and the pending move that writes it.
    places: Vec<(u32, u32)>,
    ready: Vec<u32>,
    slots: u32,
    /// Emergency slots in use: 0 to 2.
    emergency: u32,
    /// Every register written by an edit.
    pub used: RegSet,
}

const NO_MOVE: u32 = u32::MAX;

impl Mover {
    /// A mover for a function with so many slots.
    pub fn new(slots: u32, file: &'static File) -> Mover {
        Mover {
            file,
            moves: Vec::new(),
            places: vec![(0, NO_MOVE); MOST + slots as usize],
            ready: Vec::new(),
            slots,
            emergency: 0,
            used: RegSet::EMPTY,
        }
    }

    /// Number of slots with the emergency slots.
    pub fn slots(&self) -> u32 {
        self.slots + self.emergency
    }

    /// Appends one edit.
    pub fn edit(&mut self, at: u32, edit: Edit, out: &mut Vec<(u32, Edit)>) {
        match edit {
            Edit::Move {
                to: Loc::Reg(r), ..
            } => self.used.insert(r),
            Edit::Remat { to: r, .. } => {
                if !seeded::on(Bug::RematUnsaved) {
                    self.used.insert(r);
                }
            }
            Edit::Move {
                to: Loc::Slot(_), ..
            } => {}
            Edit::Swap(a, b) => {
                self.used.insert(a);
                self.used.insert(b);
            }
        }
        out.push((at, edit));
    }

    /// Does `self.moves` at once, as edits before instruction `at`, and empties it. Registers in `kept`
    /// hold something that is read later and is not moved.
    pub fn run(&mut self, at: u32, kept: RegSet, out: &mut Vec<(u32, Edit)>) {
        self.moves.retain(|m| m.from != From::Loc(m.to));
        let moves = std::mem::take(&mut self.moves);
        if let [only] = moves[..] {
            self.one(at, only, kept, out);
        } else if seeded::on(Bug::ParallelLost) {
            moves.iter().for_each(|&m| self.one(at, m, kept, out));
        } else if !moves.is_empty() {
            self.many(at, &moves, kept, out);
        }
        self.moves = moves;
        self.moves.clear();
    }

    fn index(loc: Loc) -> usize {
        match loc {
            Loc::Reg(r) => r.0 as usize,
            Loc::Slot(s) => MOST + s as usize,
        }
    }

    fn many(&mut self, at: u32, moves: &[Move], kept: RegSet, out: &mut Vec<(u32, Edit)>) {
        let mut busy = kept;
        for (k, m) in moves.iter().enumerate() {
            self.places[Mover::index(m.to)].1 = k as u32;
            if let From::Loc(from) = m.from {
                self.places[Mover::index(from)].0 += 1;
            }
            for loc in [Some(m.to), m.from.loc()].into_iter().flatten() {
                if let Loc::Reg(r) = loc {
                    busy.insert(r);
                }
            }
        }
        let ready = |&(_, m): &(usize, &Move)| self.places[Mover::index(m.to)].0 == 0;
        self.ready.extend(
            moves
                .iter()
                .enumerate()
                .filter(ready)
                .map(|(k, _)| k as u32),
        );
        loop {
            while let Some(k) = self.ready.pop() {
                self.finish(at, moves[k as usize], busy, out);
            }
            // All that is left lies on cycles.
            let left = |m: &&Move| self.places[Mover::index(m.to)].1 != NO_MOVE;
            let Some(&first) = moves.iter().find(left) else {
                break;
            };
            self.cycle(at, moves, first, busy, out);
        }
    }

    /// Does a ready move; what it read may be written now.
    fn finish(&mut self, at: u32, m: Move, busy: RegSet, out: &mut Vec<(u32, Edit)>) {
        self.one(at, m, busy, out);
        self.places[Mover::index(m.to)].1 = NO_MOVE;
        if let From::Loc(from) = m.from {
            let place = &mut self.places[Mover::index(from)];
            place.0 -= 1;
            if place.0 == 0 && place.1 != NO_MOVE {
                self.ready.push(place.1);
            }
        }
    }

    /// Does the cycle of moves that `first` is on.
    fn cycle(
        &mut self,
        at: u32,
        moves: &[Move],
        first: Move,
        busy: RegSet,
        out: &mut Vec<(u32, Edit)>,
    ) {
        // `places[i]` is written with what `places[i + 1]` holds, the last with what the first holds.
        let mut ring = vec![first.to];
        let mut from = first.from.loc();
        while let Some(loc) = from.filter(|&l| l != first.to) {
            ring.push(loc);
            from = moves[self.places[Mover::index(loc)].1 as usize].from.loc();
        }
        for &loc in &ring {
            self.places[Mover::index(loc)] = (0, NO_MOVE);
        }
        let is_reg = |l: &Loc| matches!(l, Loc::Reg(_));
        let temp = self.temporary(busy);
        if let (None, true) = (temp, ring.iter().all(is_reg)) {
            if seeded::on(Bug::RingReversed) {
                ring.reverse();
            }
            for pair in ring.windows(2) {
                if let [Loc::Reg(a), Loc::Reg(b)] = *pair {
                    self.edit(at, Edit::Swap(a, b), out);
                }
            }
            return;
        }
        let pairs = ring.len();
        let memory_only = (0..pairs).any(|i| !is_reg(&ring[i]) && !is_reg(&ring[(i + 1) % pairs]));
        let saved = match temp {
            Some(r) if !memory_only => Loc::Reg(r),
            _ => self.emergency(0),
        };
        if !(seeded::on(Bug::CycleBrokenWrong) || seeded::on(Bug::LongCycle) && pairs > 16) {
            self.one(
                at,
                Move {
                    from: From::Loc(ring[0]),
                    to: saved,
                },
                busy,
                out,
            );
        }
        for pair in ring.windows(2) {
            self.one(
                at,
                Move {
                    from: From::Loc(pair[1]),
                    to: pair[0],
                },
                busy,
                out,
            );
        }
        self.one(
            at,
            Move {
                from: From::Loc(saved),
                to: ring[pairs - 1],
            },
            busy,
            out,
        );
    }

    fn emergency(&mut self, which: u32) -> Loc {
        self.emergency = self.emergency.max(which + 1);
        Loc::Slot(self.slots + which)
    }

    /// A register that nothing needs now: rather one that has been written already or costs no save.
    fn temporary(&self, busy: RegSet) -> Option<Reg> {
        let free = self.file.allocatable.minus(busy);
        let cheap = free.and(self.used.or(self.file.unsaved()));
        cheap.iter().next().or_else(|| free.iter().next())
    }

    /// Does one move whose destination nothing reads any more.
    fn one(&mut self, at: u32, m: Move, busy: RegSet, out: &mut Vec<(u32, Edit)>) {
        match (m.from, m.to) {
            (From::Loc(from), to) if matches!((from, to), (Loc::Reg(_), _) | (_, Loc::Reg(_))) => {
                self.edit(at, Edit::Move { from, to }, out);
            }
            (From::Remat(value), Loc::Reg(to)) => self.edit(
                at,
                Edit::Remat {
                    value: VReg(value),
                    to,
                },
                out,
            ),
            (from, to) => {
                let free = self.temporary(busy);
                let temp = free.unwrap_or(Reg::R0);
                let aside = if free.is_none() {
                    let apart = !seeded::on(Bug::EmergencyShared) as u32;
                    Some(self.emergency(apart))
                } else {
                    None
                };
                if let Some(aside) = aside {
                    self.edit(
                        at,
                        Edit::Move {
                            from: Loc::Reg(temp),
                            to: aside,
                        },
                        out,
                    );
                }
                self.one(
                    at,
                    Move {
                        from,
                        to: Loc::Reg(temp),
                    },
                    busy,
                    out,
                );
                self.edit(
                    at,
                    Edit::Move {
                        from: Loc::Reg(temp),
                        to,
                    },
                    out,
                );
                if let Some(aside) = aside {
                    self.edit(
                        at,
                        Edit::Move {
                            from: aside,
                            to: Loc::Reg(temp),
                        },
                        out,
                    );
                }
            }
        }
    }
}

impl From {
    fn loc(self) -> Option<Loc> {
        match self {
            From::Loc(loc) => Some(loc),
            From::Remat(_) => None,
        }
    }
}
