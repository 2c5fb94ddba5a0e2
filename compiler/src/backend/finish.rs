//! The last changes to linear code: dead moves, jumps, IT blocks, narrow encodings.
//!
//! In: items as emitted. Out: items in which moves to themselves and jumps to the next place are gone, branches skip empty
//! blocks, predicated instructions stand in IT blocks, and instructions whose flags nobody reads take the 16-bit
//! flag-setting form. Invariant: flags are never live into a label.

use super::code::{Item, Kind, Label};
use crate::choices::Choices;
use crate::isa::{self, Cond, Inst, Op as I, Place, Reg};
use crate::options::Cpu;
use crate::seeded::{Bug, on};

/// Runs all of it.
pub fn finish(mut items: Vec<Item>, cpu: Cpu, choices: &mut Choices) -> Vec<Item> {
    items.retain(|i| !matches!(&i.kind, Kind::Inst(i) if matches!(i.op, I::MovR | I::VmovRF32 | I::VmovRF64) && i.regs[0] == i.regs[1] && i.shift.amount == 0 && !i.s));
    if choices.allows("jumps") {
        thread(&mut items);
        drop_jumps(&mut items);
    }
    if on(Bug::PairAtAnyAddress) || on(Bug::AlignmentForgotten) {
        pair_loads(&mut items);
    }
    if choices.allows("narrow") {
        narrow(&mut items, cpu, choices);
    }
    it_blocks(&mut items);
    items
}

/// Most rounds of removing jumps; each may uncover work for the next, but not for long in code that is not made for it.
const ROUNDS: usize = 16;

/// One more than the greatest number of a label that stands somewhere.
fn labels(items: &[Item]) -> usize {
    let numbers = items.iter().filter_map(|i| match i.kind {
        Kind::Label(l) => Some(l.0 as usize + 1),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}

/// By label: where the code behind it jumps at once.
pub(super) struct Jumps(Vec<Option<Label>>);

impl Jumps {
    /// Of this code.
    pub(super) fn of(items: &[Item]) -> Jumps {
        let mut jumps: Vec<Option<Label>> = vec![None; labels(items)];
        let mut waiting: Vec<Label> = Vec::new();
        for i in items.iter() {
            match &i.kind {
                Kind::Label(l) => waiting.push(*l),
                Kind::Branch(Cond::Al, to) => {
                    for l in waiting.drain(..) {
                        jumps[l.0 as usize] = Some(*to);
                    }
                }
                _ => waiting.clear(),
            }
        }
        Jumps(jumps)
    }

    /// Where control that goes to a label goes in the end.
    pub(super) fn resolve(&self, l: Label) -> Label {
        let mut to = l;
        // An endless loop of jumps ends where it began.
        for _ in 0..64 {
            match self.0.get(to.0 as usize) {
                Some(&Some(n)) if n != to => to = n,
                _ => break,
            }
        }
        to
    }
}

/// Branches to a block that only jumps go where it jumps. Entries of tables stay, as they reach forward only.
fn thread(items: &mut [Item]) {
    let jumps = Jumps::of(items);
    for i in items.iter_mut() {
        match &mut i.kind {
            Kind::Branch(_, l) | Kind::BranchZero(_, _, l) => *l = jumps.resolve(*l),
            _ => {}
        }
    }
}

/// Removes code after jumps up to the next label that something goes to, turns around branches over jumps, and removes
/// jumps to what follows.
/// Code made to have more rounds than [`ROUNDS`] keeps a jump or two.
fn drop_jumps(items: &mut Vec<Item>) {
    let mut spots = spots(items);
    let labels = labels(items);
    for _ in 0..ROUNDS {
        let before = spots.len();
        remove_unreachable(items, &mut spots, labels);
        invert_over_jumps(items, &mut spots);
        remove_jumps_to_next(items, &mut spots, labels);
        if spots.len() == before {
            break;
        }
    }
    keep_spots(items, &spots);
}

/// Whether control neither comes nor goes here.
fn is_plain(item: &Item) -> bool {
    !matches!(item.kind, Kind::Label(_)) && item.targets().is_empty() && !item.is_end()
}

/// Where control comes or goes, and the first of each run of plain items: numbers of items. The rounds look at
/// these only, and a run that goes, goes as a whole.
fn spots(items: &[Item]) -> Vec<usize> {
    let mut spots = Vec::with_capacity(items.len() / 2);
    let mut run = false;
    for (i, item) in items.iter().enumerate() {
        let plain = is_plain(item);
        if !(plain && run) {
            spots.push(i);
        }
        run = plain;
    }
    spots
}

/// Removes the items whose spots are gone.
fn keep_spots(items: &mut Vec<Item>, spots: &[usize]) {
    let mut spots = spots.iter().peekable();
    let (mut at, mut run, mut keep) = (0, false, false);
    items.retain(|item| {
        // A jump that an inverted branch went over is a label now: no plainer than it was.
        let plain = is_plain(item);
        if !(plain && run) {
            keep = spots.next_if_eq(&&at).is_some();
        }
        run = plain;
        at += 1;
        keep
    });
}

fn remove_unreachable(items: &[Item], spots: &mut Vec<usize>, labels: usize) {
    let mut used = vec![false; labels];
    let mut mark = |l: &Label| {
        if let Some(u) = used.get_mut(l.0 as usize) {
            *u = true;
        }
    };
    for &i in spots.iter() {
        items[i].targets().iter().for_each(&mut mark);
    }
    let mut reachable = true;
    spots.retain(|&i| {
        if let Kind::Label(l) = &items[i].kind {
            reachable |= used[l.0 as usize];
            return used[l.0 as usize];
        }
        let keep = reachable;
        reachable &= !items[i].is_end();
        keep
    });
}

/// Whether the label stands at the first of the spots, possibly among others.
fn is_at(items: &[Item], spots: &[usize], label: Label) -> bool {
    let mut labels = spots.iter().map_while(|&i| match items[i].kind {
        Kind::Label(l) => Some(l),
        _ => None,
    });
    labels.any(|l| l == label)
}

fn invert_over_jumps(items: &mut [Item], spots: &mut Vec<usize>) {
    // A jump that goes is passed over as a label is.
    const GONE: Label = Label(u32::MAX);
    let mut inverted_any = false;
    for k in 1..spots.len() {
        let (here, next, after) = (spots[k - 1], spots[k], &spots[k + 1..]);
        let Kind::Branch(Cond::Al, to) = items[next].kind else {
            continue;
        };
        let inverted = match &items[here].kind {
            Kind::Branch(c, l) if *c != Cond::Al && is_at(items, after, *l) => {
                let turned = if on(Bug::BranchNotTurned) {
                    *c
                } else {
                    c.invert()
                };
                Kind::Branch(turned, to)
            }
            Kind::BranchZero(r, z, l) if is_at(items, after, *l) => Kind::BranchZero(*r, !z, to),
            _ => continue,
        };
        items[here].kind = inverted;
        items[next].kind = Kind::Label(GONE);
        inverted_any = true;
    }
    if inverted_any {
        spots.retain(|&i| !matches!(items[i].kind, Kind::Label(GONE)));
    }
}

/// From the end, so that a jump over a jump that goes is seen in the same round: chains of them are one pass.
fn remove_jumps_to_next(items: &[Item], spots: &mut Vec<usize>, labels: usize) {
    let mut keep = vec![true; spots.len()];
    // Labels between here and the next item that stays are those marked with its number, counted from the end.
    let mut mark = vec![0; labels];
    let mut stays = 1u32;
    for (&i, keep) in spots.iter().zip(&mut keep).rev() {
        match &items[i].kind {
            Kind::Label(l) => {
                mark[l.0 as usize] = stays;
                continue;
            }
            Kind::Branch(_, l) | Kind::BranchZero(_, _, l) => {
                *keep = mark.get(l.0 as usize) != Some(&stays);
            }
            Kind::Inst(_)
            | Kind::HalfAddress(..)
            | Kind::Call(_)
            | Kind::TailCall(_)
            | Kind::Load(..)
            | Kind::Table(..)
            | Kind::Trap(_) => {}
        }
        stays += *keep as u32;
    }
    if keep.iter().any(|k| !k) {
        let mut keep = keep.iter();
        spots.retain(|_| *keep.next().unwrap_or(&true));
    }
}

/// A seeded bug: two loads of neighbouring words become one LDRD, which faults unless its address is a multiple of four
/// (Arm v7-M manual, A3.2.1). Those from the stack stay, since the stack pointer is aligned.
fn pair_loads(items: &mut Vec<Item>) {
    let load = |item: &Item| match &item.kind {
        Kind::Inst(i) if i.op == I::LdrI && i.cond == Cond::Al && i.regs[1] != Reg::SP => {
            Some((i.regs[0], i.regs[1], i.imm))
        }
        _ => None,
    };
    let mut at = 1;
    while at < items.len() {
        let sum = |base: Reg| {
            let before = at.checked_sub(2).map(|i| &items[i].kind);
            matches!(before, Some(Kind::Inst(i)) if i.op == I::AddR && i.regs[0] == base)
        };
        if let (Some((low, base, offset)), Some((high, other, next))) =
            (load(&items[at - 1]), load(&items[at]))
            && (on(Bug::PairAtAnyAddress) || sum(base))
            && (base, offset + 4) == (other, next)
            && low != base
            && low != high
            && (0..=1020).contains(&offset)
            && offset % 4 == 0
        {
            items[at - 1].kind = Kind::Inst(Inst::new(I::LdrdI, &[low, high, base], offset));
            items.remove(at);
        }
        at += 1;
    }
}

/// Takes 16-bit encodings that set the flags where nothing reads them.
fn narrow(items: &mut [Item], cpu: Cpu, choices: &mut Choices) {
    let mut live = false;
    for item in items.iter_mut().rev() {
        match &mut item.kind {
            Kind::Inst(i) => {
                if i.cond == Cond::Al
                    && choices.flip(true)
                    && let Some(n) =
                        isa::narrow(i, cpu, Place::Outside, !live || on(Bug::FlagsClobbered))
                {
                    *i = n;
                }
                if isa::writes_flags(i) && i.cond == Cond::Al {
                    live = false;
                }
                if isa::reads_flags(i) && !(i.cond != Cond::Al && on(Bug::ConditionalReads)) {
                    live = true;
                }
            }
            Kind::Branch(c, _) => live = *c != Cond::Al,
            Kind::BranchZero(..)
            | Kind::Call(_)
            | Kind::TailCall(_)
            | Kind::Table(..)
            | Kind::Trap(_)
            | Kind::Label(_) => live = false,
            Kind::HalfAddress(..) | Kind::Load(..) => {}
        }
    }
}

/// Puts runs of predicated instructions under IT instructions (Arm v7-M manual, A7.7.38).
fn it_blocks(items: &mut Vec<Item>) {
    if !items
        .iter()
        .any(|i| matches!(&i.kind, Kind::Inst(i) if i.cond != Cond::Al))
    {
        return;
    }
    let predicated = |i: &Item| match &i.kind {
        Kind::Inst(i) if i.cond != Cond::Al => Some(*i),
        _ => None,
    };
    let mut out = Vec::with_capacity(items.len() + 8);
    let mut at = 0;
    while at < items.len() {
        let Some(first) = predicated(&items[at]) else {
            out.push(items[at].clone());
            at += 1;
            continue;
        };
        let mut run = 1;
        // What sets the flags ends the block: later conditions are about its flags.
        while run < 4 && !isa::writes_flags(&predicated(&items[at + run - 1]).unwrap_or(first)) {
            match items.get(at + run).and_then(predicated) {
                Some(i) if i.cond == first.cond || i.cond == first.cond.invert() => run += 1,
                _ => break,
            }
        }
        let covered = run;
        let mut mask = 0;
        for k in 0..run {
            let c = predicated(&items[at + k]).map_or(first.cond, |i| i.cond);
            if k > 0 {
                mask |= (c as i32 & 1) << (4 - k);
            }
        }
        // A block of one that goes on over what follows a comparison in it, on the same condition.
        if on(Bug::ItTooLong) && run == 1 && isa::writes_flags(&first) {
            mask |= (first.cond as i32 & 1) << 3;
            run = 2;
        }
        mask |= 1 << (4 - run);
        let mut it = Inst::new(I::It, &[], mask);
        it.cond = match first.cond {
            Cond::Gt if on(Bug::ItBoundary) => Cond::Ge,
            cond => cond,
        };
        out.push(Item {
            kind: Kind::Inst(it),
            loc: items[at].loc,
        });
        out.extend_from_slice(&items[at..at + covered]);
        at += covered;
    }
    *items = out;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::code::verify;
    use crate::backend::code_text::parse;

    /// Runs of predicated instructions become the blocks that the verifier expects: on one condition and its opposite, at
    /// most four, and none behind an instruction that sets the flags.
    #[test]
    fn runs_of_predicated_instructions_become_blocks() {
        for (conds, blocks) in [
            (&["lt"] as &[&str], 1),
            (&["lt", "lt"], 1),
            (&["lt", "ge"], 1),
            (&["ge", "lt", "lt"], 1),
            (&["eq", "ne", "eq", "ne"], 1),
            (&["eq", "eq", "eq", "ne"], 1),
            (&["ne", "eq", "eq", "eq", "eq"], 2),
            (&["lt", "le"], 2),
            (&["hi", "ls", "eq"], 2),
        ] {
            let lines = conds.iter().map(|c| format!("  add{c} r0, r0, r1\n"));
            let text = format!("code @f\nL0:\n{}  bx lr\nend\n", lines.collect::<String>());
            let (_, items) = parse(&text).unwrap_or_else(|e| panic!("{e}"));
            let mut made = items.clone();
            it_blocks(&mut made);
            assert_eq!(verify(&made), Ok(()), "{text}");
            assert_eq!(made.iter().filter(|i| i.is_it()).count(), blocks, "{text}");
            made.retain(|i| !i.is_it());
            assert_eq!(made, items, "{text}");
        }
        let flags =
            "code @f\nL0:\n  addlt r0, r0, #1\n  cmplt r0, #4\n  addlt r0, r0, #1\n  bx lr\nend\n";
        let (_, mut items) = parse(flags).unwrap_or_else(|e| panic!("{e}"));
        it_blocks(&mut items);
        assert_eq!(verify(&items), Ok(()));
        assert_eq!(items.iter().filter(|i| i.is_it()).count(), 2);
    }
}
