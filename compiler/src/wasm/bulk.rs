//! Bulk memory: `memory.copy`, `memory.fill`, `memory.init`, `data.drop`.
//!
//! In: an operator. Out: guards over whole ranges, then one operation of the IR that moves bytes without asking (specification,
//! 4.4.7: the bounds are checked before the first byte moves, and a range of no bytes may begin at the end but not behind
//! it). The operands of the operation are what the guards yield. A passive segment that something drops has its length
//! in a global. `mask` wraps the beginning of a range and cuts the range at the end of memory; `mpu` and `none` check no
//! range of memory. Ranges of segments are checked in every mode: no region of an MPU tells one constant from another.

use super::memory::{Access, Accesses};
use super::translate::Translator;
use crate::ir::ops::SymKind;
use crate::ir::{Args, MACHINE, Node, Op, Ty, Value};
use crate::options::Bounds;
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use wasmparser as wp;

/// What is known of a size in bytes.
#[derive(Clone, Copy)]
enum Size {
    Known(u64),
    Value(Value),
}

impl Accesses {
    /// Translates a bulk operator; `false` if it is none.
    pub(super) fn bulk(&self, t: &mut Translator<'_>, op: &wp::Operator<'_>) -> bool {
        match *op {
            wp::Operator::MemoryFill { mem } => {
                let (length, value, to) = (t.pop(), t.pop(), t.pop());
                let (to, length) = self.range(mem, t, to, length);
                t.pin(
                    Op::MemoryFill,
                    Ty::Void,
                    &[to, value, length],
                    i64::from(mem),
                );
            }
            wp::Operator::MemoryCopy { dst_mem, src_mem } => {
                let (length, from, to) = (t.pop(), t.pop(), t.pop());
                let (to, length) = self.range(dst_mem, t, to, length);
                let (from, length) = self.range(src_mem, t, from, length);
                let (dst, src) = match on(Bug::CopyMemoriesSwapped) {
                    true => (src_mem, dst_mem),
                    false => (dst_mem, src_mem),
                };
                copy(t, (dst, to), (src, from), length);
            }
            wp::Operator::MemoryInit { data_index, mem } => {
                let (length, from, to) = (t.pop(), t.pop(), t.pop());
                let (to, length) = self.range(mem, t, to, length);
                let (from, length) = self.segment(data_index, t, from, length);
                let from = constants(t, data_index, from);
                copy(t, (mem, to), (MACHINE, from), length);
            }
            wp::Operator::DataDrop { data_index } => {
                // An active segment, or one that is used no more, is dropped already.
                let global = self.segments[data_index as usize].global;
                if let Some(g) = global.filter(|_| !on(Bug::DropForgotten)) {
                    let none = t.iconst(Ty::I32, 0);
                    t.pin(Op::GlobalSet, Ty::Void, &[none], g as i64);
                }
            }
            _ => return false,
        }
        true
    }

    /// Beginning and length of a range of a memory, after what the bounds mode does to them.
    fn range(&self, mem: u32, t: &mut Translator<'_>, at: Value, length: Value) -> (Value, Value) {
        let m = &self.memories[mem as usize];
        match self.bounds {
            Bounds::None | Bounds::Mpu => (at, length),
            Bounds::Mask => cut(m, t, at, length),
            Bounds::Check => {
                let size = match m.changing_size(t) {
                    Some(v) => Size::Value(v),
                    None => Size::Known(m.min_bytes),
                };
                within(t, size, at, length)
            }
        }
    }

    /// Beginning and length of a range of a segment, after a trap unless it lies within.
    fn segment(&self, n: u32, t: &mut Translator<'_>, at: Value, length: Value) -> (Value, Value) {
        let s = self.segments[n as usize];
        let size = match s.global {
            Some(g) => Size::Value(t.pin(Op::GlobalGet, Ty::I32, &[], g as i64)),
            None => Size::Known(u64::from(s.length)),
        };
        if on(Bug::SegmentUnchecked) {
            return (at, length);
        }
        within(t, size, at, length)
    }
}

/// A range that begins in memory and ends with it at the latest.
fn cut(m: &Access, t: &mut Translator<'_>, at: Value, length: Value) -> (Value, Value) {
    let mask = t.iconst(Ty::I32, m.mask);
    let at = t.float(Op::And, Ty::I32, &[at, mask]);
    if m.mask >= u64::from(u32::MAX) {
        return (at, length);
    }
    let size = t.iconst(Ty::I32, m.mask + 1);
    let room = t.float(Op::Sub, Ty::I32, &[size, at]);
    (at, t.float(Op::MinU, Ty::I32, &[length, room]))
}

/// `at` and `length`, after a trap unless `at + length` is at most `size`. No sum of this can overflow.
fn within(t: &mut Translator<'_>, size: Size, at: Value, length: Value) -> (Value, Value) {
    let trap = TrapKind::OutOfBounds;
    let size = match size {
        // All of the address space: only a sum that wraps is outside.
        Size::Known(s) if s > u64::from(u32::MAX) => {
            let zero = t.iconst(Ty::I32, 0);
            let limit = t.float(Op::Sub, Ty::I32, &[zero, length]);
            let past = t.float(Op::LtU, Ty::I32, &[limit, at]);
            let some = t.float(Op::Ne, Ty::I32, &[length, zero]);
            let bad = t.float(Op::And, Ty::I32, &[past, some]);
            return (t.guard(at, bad, trap), length);
        }
        Size::Known(s) => t.iconst(Ty::I32, s),
        Size::Value(v) => v,
    };
    if on(Bug::RangeWraps) {
        let end = t.float(Op::Add, Ty::I32, &[at, length]);
        let bad = t.float(Op::LtU, Ty::I32, &[size, end]);
        return (t.guard(at, bad, trap), length);
    }
    let less = match on(Bug::LongRangeSigned) {
        true => Op::LtS,
        false => Op::LtU,
    };
    let long = t.float(less, Ty::I32, &[size, length]);
    let length = t.guard(length, long, trap);
    let limit = t.float(Op::Sub, Ty::I32, &[size, length]);
    let past = match on(Bug::RangeAtEnd) {
        true => Op::LeU,
        false => Op::LtU,
    };
    let bad = t.float(past, Ty::I32, &[limit, at]);
    (t.guard(at, bad, trap), length)
}

fn copy(t: &mut Translator<'_>, to: (u32, Value), from: (u32, Value), length: Value) {
    let imm = i64::from(from.0) << 32 | i64::from(to.0);
    t.pin(Op::MemoryCopy, Ty::Void, &[to.1, from.1, length], imm);
}

/// The address of a byte of a segment.
fn constants(t: &mut Translator<'_>, segment: u32, offset: Value) -> Value {
    let symbol = i64::from(SymKind::Segment as u32 + segment) << 32;
    let base = t.f.add_node(Node {
        op: Op::Sym,
        ty: Ty::I32,
        args: Args::new(),
        imm: symbol,
        loc: t.loc,
    });
    if on(Bug::InitFromStart) {
        return base;
    }
    t.float(Op::Add, Ty::I32, &[base, offset])
}
