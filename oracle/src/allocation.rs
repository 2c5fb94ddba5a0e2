//! The allocator's checker judged by execution: allocations that were spoiled on purpose.
//!
//! In: bytes that make a machine function, choices and damage. Out: nothing, or what is wrong. First the allocation as it
//! is: the checker must accept it and execution agree. Then copies with a defect, of the kinds that allocators have (a
//! missing edit, a value in a register that a call or another value needs): where execution tells the copy from the
//! original, the checker must have refused it. The reverse is not demanded: a path that is never taken is checked too.
//!
//! Before that the verifier of the machine IR, on which the allocator relies: it must accept the function, and refuse it with
//! one value moved to the other register file.

use crate::random::Random;
use thumbsmith::backend::mir::{MFunc, MInst};
use thumbsmith::backend::verify::verify;
use thumbsmith::choices::{Choices, Source};
use thumbsmith::isa::Reg;
use thumbsmith::regalloc::{Allocation, Edit, Loc, allocate, check, simulate, testgen};

/// Spoiled copies of each allocation.
const COPIES: usize = 6;

/// Judges the allocation of the function that the bytes make, and the checker on spoiled copies of it. Returns how many
/// copies execution told from the original.
///
/// # Errors
/// Text that says which of allocator and checker is wrong.
pub fn judge(bytes: &[u8]) -> Result<u64, String> {
    let f = testgen::function(&bytes[bytes.len() / 3..]);
    verified(&f, bytes.len())?;
    simulate::judge(bytes).map_err(|e| e.to_string())?;
    let a = allocate(&f, &mut Choices::new(Source::Heuristic, None)).map_err(|e| e.to_string())?;
    let seed = bytes
        .iter()
        .fold(0, |h, b| crate::engine::mix(h ^ u64::from(*b)));
    let mut random = Random::new(seed);
    let mut told = 0;
    for _ in 0..COPIES {
        let mut copy = a.clone();
        let Some(damage) = spoil(&f, &mut copy, &mut random) else {
            continue;
        };
        let accepted = check(&f, &copy).is_ok();
        // Execution is the slower judge: it is asked where the checker is content, and now and then for the count.
        if !accepted && !random.word().is_multiple_of(8) {
            continue;
        }
        if simulate::differs(&f, &copy) {
            told += 1;
            if accepted {
                return Err(format!(
                    "the checker accepts an allocation that execution tells from a right one: {damage}"
                ));
            }
        }
    }
    Ok(told)
}

/// The verifier's word about a function, and about it with a value, picked by a number, in the other register file.
fn verified(f: &MFunc, pick: usize) -> Result<(), String> {
    match verify(f) {
        Ok(()) => {}
        // The allocator takes loops that are entered at two places; lowering makes none.
        Err(e) if e.ends_with("closes no loop") => return Ok(()),
        Err(e) => {
            return Err(format!(
                "the verifier refuses a function without defect: {e}"
            ));
        }
    }
    let mut moved = f.clone();
    let Some(v) = pick.checked_rem(f.float.len()) else {
        return Ok(());
    };
    moved.float[v] = !moved.float[v];
    match verify(&moved) {
        Err(_) => Ok(()),
        Ok(()) => Err(format!(
            "the verifier accepts v{v} in another register file than its places"
        )),
    }
}

fn below(random: &mut Random, n: usize) -> usize {
    (random.word() >> 16) as usize % n.max(1)
}

/// Puts a defect into an allocation; says which, or `None` if there is no place for one here.
fn spoil(f: &MFunc, a: &mut Allocation, random: &mut Random) -> Option<String> {
    let b = below(random, f.blocks.len());
    match below(random, 4) {
        0 => {
            let edits = &mut a.edits[b];
            let k = below(random, edits.len());
            (k < edits.len()).then(|| format!("without {:?} in block {b}", edits.remove(k)))
        }
        1 => {
            let edits = &mut a.edits[b];
            let k = below(random, edits.len());
            let (_, edit) = edits.get_mut(k)?;
            let before = *edit;
            *edit = match before {
                Edit::Move { from, to } => Edit::Move { from: to, to: from },
                Edit::Remat { value, to } => Edit::Remat {
                    value,
                    to: like(to, (to.0 + 1) % 8),
                },
                Edit::Swap(x, y) => Edit::Move {
                    from: Loc::Reg(x),
                    to: Loc::Reg(y),
                },
            };
            Some(format!("{edit:?} for {before:?} in block {b}"))
        }
        _ => renamed(f, a, b, random),
    }
}

/// The register with a number, of the file that another one is of.
fn like(r: Reg, number: u8) -> Reg {
    r.class().reg(number).unwrap_or(r)
}

/// From one definition to the next definition of its register, reads another register instead: right where nothing
/// else uses that register meanwhile, wrong where a call or another value destroys it.
fn renamed(f: &MFunc, a: &mut Allocation, b: usize, random: &mut Random) -> Option<String> {
    let block = &f.blocks[b];
    let start = below(random, block.insts.len());
    let d = below(random, block.insts[start].defs.len());
    let (defs, uses) = a.operands(b as u32, start as u32, &block.insts[start]);
    let old = *defs.get(d)?;
    // Fixed operands say themselves where they are; tied ones would have to move together.
    let bound = |inst: &MInst| inst.abi.is_some() || !inst.tied().is_empty();
    if bound(&block.insts[start]) || uses.contains(&old) {
        return None;
    }
    let new = like(old, [0, 1, 2, 3, 12, 4, 14][below(random, 7)]);
    let at = a.starts[b][start] as usize;
    a.regs[b][at + d] = new;
    let mut edits = a.edits[b].iter_mut().peekable();
    while edits.next_if(|e| e.0 as usize <= start).is_some() {}
    for i in start + 1..block.insts.len() {
        while let Some((_, edit)) = edits.next_if(|e| e.0 as usize == i) {
            match edit {
                Edit::Move { from, .. } if *from == Loc::Reg(old) => *from = Loc::Reg(new),
                Edit::Move { .. } | Edit::Remat { .. } | Edit::Swap(..) => {}
            }
        }
        let inst = &block.insts[i];
        let at = a.starts[b][i] as usize;
        let (defs, uses) =
            a.regs[b][at..at + inst.defs.len() + inst.uses.len()].split_at_mut(inst.defs.len());
        let ends = defs.contains(&old);
        if !bound(inst) {
            uses.iter_mut()
                .filter(|u| **u == old)
                .for_each(|u| *u = new);
        }
        if ends {
            break;
        }
    }
    a.used.insert(new);
    Some(format!(
        "{new} for {old} from instruction {start} of block {b}"
    ))
}
