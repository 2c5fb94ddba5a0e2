//! Copies and fills of few bytes, whose number is known, become loads and stores.
//!
//! In: a `memory.copy` or `memory.fill` of constant length, checked. Out: accesses of words, halves and bytes, without
//! a call. A copy loads everything before it stores anything, so that ranges may overlap (specification, 4.4.7); what
//! it moves must fit registers, which limits its length.

use super::editor::Editor;
use crate::ir::{Args, Block, Node, Op, Ty, Value, ops::memory_of};
use crate::seeded::{Bug, on};

/// Most bytes of a copy: four registers.
const COPY: u64 = 16;
/// Most bytes of a fill.
const FILL: u64 = 32;

/// Pieces of a range: offsets, with the operations that load and store there. From the largest to the smallest.
fn pieces(length: u32) -> impl Iterator<Item = (u32, Op, Op)> {
    let kinds = [
        (4, Op::Load32, Op::Store32),
        (2, Op::Load16U, Op::Store16),
        (1, Op::Load8U, Op::Store8),
    ];
    let mut at = 0;
    std::iter::from_fn(move || {
        let (bytes, load, store) = kinds.into_iter().find(|k| at + k.0 <= length)?;
        at += bytes;
        Some((at - bytes, load, store))
    })
}

/// Replaces an operation whose operands are those of the new function. `false` if it stays.
pub fn expand(e: &mut Editor<'_>, block: Block, n: &Node, args: &[Value]) -> bool {
    let Some(length) = e.f.as_const(args[2]) else {
        return false;
    };
    let limit = match n.op {
        Op::MemoryCopy => COPY,
        _ => FILL,
    };
    if length > limit || length > 0 && !e.choices.flip(e.rewrite) {
        return false;
    }
    let length = length as u32;
    let mut pin = |op: Op, ty: Ty, args: &[Value], memory: u32, offset: u32| {
        let node = Node {
            op,
            ty,
            args: Args::from_slice(args),
            imm: i64::from(memory) << 32 | i64::from(offset),
            loc: n.loc,
        };
        e.pin(block, node)
    };
    if n.op == Op::MemoryCopy {
        let (to, from) = (n.imm as u32, memory_of(n.imm));
        let mut loaded = Vec::new();
        for (offset, load, store) in pieces(length) {
            let v = pin(load, Ty::I32, &[args[1]], from, offset);
            match on(Bug::SmallCopyInTurns) {
                true => _ = pin(store, Ty::Void, &[args[0], v], to, offset),
                false => loaded.push((offset, store, v)),
            }
        }
        for (offset, store, v) in loaded {
            pin(store, Ty::Void, &[args[0], v], to, offset);
        }
        return true;
    }
    let value = spread(e, args[1], n.loc);
    for (offset, _, store) in pieces(length) {
        if on(Bug::SmallFillOdd) && store == Op::Store8 && offset > 0 {
            continue;
        }
        let node = Node {
            op: store,
            ty: Ty::Void,
            args: Args::from_slice(&[args[0], value]),
            imm: i64::from(n.imm as u32) << 32 | i64::from(offset),
            loc: n.loc,
        };
        e.pin(block, node);
    }
    true
}

/// A word of four times the low byte of a value.
fn spread(e: &mut Editor<'_>, value: Value, loc: u32) -> Value {
    let byte = e.iconst(Ty::I32, 255);
    let low = e.make(Op::And, Ty::I32, &[value, byte], 0, loc);
    let ones = e.iconst(Ty::I32, 0x0101_0101);
    e.make(Op::Mul, Ty::I32, &[low, ones], 0, loc)
}
