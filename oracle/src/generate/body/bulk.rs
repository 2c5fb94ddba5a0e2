//! Bulk memory in the body builder: copies, fills, segments.
//!
//! In: the builder. Out: operators appended to it. Invariant: in a tame module every range lies inside the initial size of
//! its memory or segment, and a segment that something drops gives no bytes; in a wild one ranges begin and end around the
//! boundaries, and bytes are asked of segments that were dropped. Ranges of one memory overlap more often than not.

use super::Body;
use crate::program::Ty;
use wasm_encoder::Instruction;

/// Most bytes of a range in a tame module, but for those that end at the bound.
const LONGEST: u32 = 96;
/// Distance of ranges that are meant to overlap.
const NEAR: u32 = 24;

impl Body<'_, '_, '_> {
    pub(super) fn bulk(&mut self, depth: usize) {
        if !self.has_memory() {
            return;
        }
        self.cost += self.iterations * 60;
        match self.draw.below(8) {
            0..=3 => self.copy(depth),
            4 | 5 => {
                let mem = self.memory();
                let (at, length) = self.range(mem, depth);
                self.value(at);
                self.expr(Ty::I32, depth);
                self.value(length);
                self.op(Instruction::MemoryFill(mem));
            }
            _ => self.segment(depth),
        }
    }

    /// A constant, or what a local holds.
    fn value(&mut self, v: Known) {
        self.op(match v {
            Known::Constant(c) => Instruction::I32Const(c as i32),
            Known::Local(l) => Instruction::LocalGet(l),
        });
    }

    /// A value of at most `most`, made of an expression or constant.
    fn below(&mut self, base: u32, most: u32, depth: usize) -> Known {
        let window = (most + 1).next_power_of_two() / 2;
        let window = if window * 2 == most + 1 {
            most
        } else {
            window.saturating_sub(1)
        };
        if self.draw.chance(40) || window == 0 {
            return Known::Constant(base + self.draw.below(most as usize + 1) as u32);
        }
        self.expr(Ty::I32, depth);
        self.op(Instruction::I32Const(window as i32));
        self.op(Instruction::I32And);
        self.op(Instruction::I32Const(base as i32));
        self.op(Instruction::I32Add);
        let l = self.local(Ty::I32);
        self.op(Instruction::LocalSet(l));
        self.fixed.push(l);
        Known::Local(l)
    }

    /// Beginning and length of a range of a memory.
    fn range(&mut self, mem: u32, depth: usize) -> (Known, Known) {
        let size = self.draft.bytes(mem);
        if self.draft.wild && !self.draw.chance(self.style.tame) {
            return self.around(size);
        }
        if self.draw.chance(15) {
            // Right up to the end, and nothing at it.
            let length = self.draw.below(20) as u32;
            return (Known::Constant(size - length), Known::Constant(length));
        }
        let most = LONGEST.min(size / 4);
        let base = self.draw.below((size - 3 * most) as usize) as u32;
        let base = if self.draw.chance(60) {
            base % 64
        } else {
            base
        };
        let at = self.below(base.min(size - 3 * most), most, depth);
        (at, self.length(most, depth))
    }

    /// A length: a small constant, which is moved without a call, more often than others.
    fn length(&mut self, most: u32, depth: usize) -> Known {
        match self.draw.chance(35) {
            true => Known::Constant(self.draw.below(most.min(34) as usize + 1) as u32),
            false => self.below(0, most, depth),
        }
    }

    /// A range that begins or ends around a boundary.
    fn around(&mut self, size: u32) -> (Known, Known) {
        let near = self
            .draw
            .pick(&[0, size, size, 0x8000_0000, u32::MAX, size / 2]);
        let by = self.draw.below(33) as u32;
        let at = near.wrapping_add(by).wrapping_sub(16);
        let exact = size.wrapping_sub(at);
        // What is long runs once.
        let exact = if exact > 4096 && self.iterations > 1 {
            1
        } else {
            exact
        };
        let length = match self.draw.below(7) {
            0 | 1 => 0,
            2 => exact,
            3 => exact.wrapping_add(1),
            4 => self.draw.below(64) as u32,
            5 => at.wrapping_neg(),
            _ => self.draw.word() | 0x8000_0000,
        };
        (Known::Constant(at), Known::Constant(length))
    }

    fn copy(&mut self, depth: usize) {
        let (dst, src) = (self.memory(), self.memory());
        let (to, mut length) = self.range(dst, depth);
        let (from, other) = self.range(src, depth);
        let tame = !self.draft.wild;
        if dst == src && self.draw.chance(70) {
            // Both ways, by less than the length mostly.
            let size = self.draft.bytes(dst);
            let most = LONGEST.min(size / 4);
            if size > 2 * NEAR + 2 * most {
                let span = size - 2 * NEAR - 2 * most;
                let base = NEAR + self.draw.below(span as usize) as u32;
                let base = if self.draw.chance(60) {
                    NEAR + base % 64
                } else {
                    base
                };
                let at = self.below(base.min(NEAR + span), most, depth);
                let by = self.draw.below(NEAR as usize) as i32;
                let length = self.length(most, depth);
                self.value(at);
                self.value(at);
                let by = if self.draw.chance(50) { by } else { -by };
                self.op(Instruction::I32Const(by));
                self.op(Instruction::I32Add);
                self.value(length);
                self.op(Instruction::MemoryCopy {
                    dst_mem: dst,
                    src_mem: src,
                });
                return;
            }
        }
        if tame {
            // The lesser of two lengths fits both.
            let l = self.local(Ty::I32);
            self.value(length);
            self.value(other);
            self.value(length);
            self.value(other);
            self.op(Instruction::I32LtU);
            self.op(Instruction::Select);
            self.op(Instruction::LocalSet(l));
            length = Known::Local(l);
        } else if self.draw.chance(50) {
            length = other;
        }
        self.value(to);
        self.value(from);
        self.value(length);
        self.op(Instruction::MemoryCopy {
            dst_mem: dst,
            src_mem: src,
        });
    }

    /// `memory.init` and `data.drop`.
    fn segment(&mut self, depth: usize) {
        let Some(last) = self.draft.passive.len().checked_sub(1) else {
            return;
        };
        let active = self.draft.active();
        let mem = self.memory();
        if self.draft.wild && self.draw.chance(25) {
            return self.init_of_nothing(depth);
        }
        let wild = self.draft.wild && !self.draw.chance(self.style.tame);
        let n = self.draw.below(last + 1);
        if self.draw.chance(15) {
            // Only the last one is ever dropped in a tame module.
            let n = if wild { n } else { last };
            self.op(Instruction::DataDrop((active + n) as u32));
            return;
        }
        let (at, length) = self.range(mem, depth);
        let index = match (wild, active) {
            (true, 1..) if self.draw.chance(25) => self.draw.below(active),
            _ => active + n,
        };
        let bytes = match index.checked_sub(active) {
            Some(n) if wild || n != last => self.draft.passive[n].len() as u32,
            Some(_) => 0,
            None => self.draft.segment_length(index),
        };
        let (from, length) = match wild {
            true => match self.draw.chance(50) {
                true => (self.around(bytes).0, length),
                false => {
                    let from = self.draw.below(bytes as usize + 2) as u32;
                    let length = bytes
                        .wrapping_sub(from)
                        .wrapping_add(self.draw.below(2) as u32);
                    (Known::Constant(from), Known::Constant(length))
                }
            },
            false => {
                // No more than fits the range: the ends of both are met elsewhere.
                let room = self.draft.bytes(mem);
                let most = bytes.min(LONGEST.min(room / 4));
                let from = self.draw.below(most as usize + 1) as u32;
                let length = self.below(0, most - from, depth);
                let at = self.below(0, LONGEST.min(room / 4), depth);
                return self.init(mem, index, at, (Known::Constant(from), length));
            }
        };
        self.init(mem, index, at, (from, length));
    }

    /// `memory.init` of what a segment had before it was dropped: by instantiation, if it is active, else by the operator
    /// before, mostly. Nothing is left of it, so only a range of no bytes at its beginning is let through.
    pub fn init_of_nothing(&mut self, depth: usize) {
        let mem = self.memory();
        let index = self
            .draw
            .below(self.draft.active() + self.draft.passive.len());
        if index >= self.draft.active() && self.draw.chance(80) {
            self.op(Instruction::DataDrop(index as u32));
        }
        let bytes = self.draft.segment_length(index);
        let from = self.draw.below(bytes as usize + 1) as u32;
        let length = self.draw.below((bytes - from) as usize + 1) as u32;
        let at = self.below(0, LONGEST.min(self.draft.bytes(mem) / 4), depth);
        self.init(
            mem,
            index,
            at,
            (Known::Constant(from), Known::Constant(length)),
        );
    }

    fn init(&mut self, mem: u32, segment: usize, to: Known, (from, length): (Known, Known)) {
        self.value(to);
        self.value(from);
        self.value(length);
        self.op(Instruction::MemoryInit {
            mem,
            data_index: segment as u32,
        });
    }
}

/// A value that can be used more than once.
#[derive(Clone, Copy)]
enum Known {
    Constant(u32),
    Local(u32),
}
