//! Memory in the body builder: addresses, loads, stores, size and growth.
//!
//! In: the builder. Out: operators appended to it. Invariant: in a tame module every address with its offset and
//! width lies inside the memory's initial size; in a wild one addresses gather around the boundaries.

use super::Body;
use crate::program::Ty;
use wasm_encoder::{Instruction, MemArg, MemArgTarget};

/// The operator of an access.
type Access = fn(MemArg) -> Instruction<'static>;

impl Body<'_, '_, '_> {
    pub(super) fn memory_size(&mut self, ty: Ty, grow: bool, depth: usize) {
        if self.draft.memory.is_none() || matches!(ty, Ty::F32 | Ty::F64) {
            return self.leaf(ty);
        }
        if grow {
            if self.draw.chance(60) {
                let pages = self.draw.pick(&[0, 1, 2, 3, -1, 65536, 0x7fff_ffff]);
                self.op(Instruction::I32Const(pages));
            } else {
                self.expr(Ty::I32, depth - 1);
            }
            let memory = self.memory();
            self.op(Instruction::MemoryGrow(memory));
        } else {
            let memory = self.memory();
            self.op(Instruction::MemorySize(memory));
        }
        if ty == Ty::I64 {
            let signed = self.draw.chance(50);
            self.op(if signed {
                Instruction::I64ExtendI32S
            } else {
                Instruction::I64ExtendI32U
            });
        }
    }

    /// An address on the stack and the access's immediate, for `bytes` bytes.
    pub fn address(&mut self, bytes: u32, depth: usize) -> MemArg {
        let memory = self.memory();
        let size = self.draft.bytes(memory);
        let align = self.draw.below(bytes.trailing_zeros() as usize + 1) as u32;
        let arg = |offset: u64| MemArg {
            offset,
            align,
            target: MemArgTarget::Memory(memory),
            ordering: None,
        };
        if self.draft.wild && !self.draw.chance(self.style.tame) {
            let near = self
                .draw
                .pick(&[0, size, 0x8000_0000, u32::MAX, 1 << 31, size / 2]);
            let at = near
                .wrapping_add(self.draw.below(33) as u32)
                .wrapping_sub(16);
            let offset = match self.draw.below(6) {
                0 | 1 => 0,
                2 => self.draw.below(17) as u32,
                3 => at,
                4 => self.draw.word(),
                _ => u32::MAX - self.draw.below(17) as u32,
            };
            match self.draw.below(3) {
                0 => self.op(Instruction::I32Const(at as i32)),
                1 => self.expr(Ty::I32, depth),
                _ => {
                    // The sum of address and offset lands near a boundary.
                    self.op(Instruction::I32Const(at.wrapping_sub(offset) as i32));
                }
            }
            return arg(u64::from(offset));
        }
        // Small windows make accesses meet each other; 0x7fff spreads them.
        let window = self.draw.pick(&[0x7, 0x1f, 0xff, 0xfff, 0x7ff8, 0x7fff]);
        let window = match size {
            0..=0xffff => window & ((size / 4).next_power_of_two() / 2 - 1),
            _ => window,
        };
        let room = size - window - bytes;
        let offset = match self.draw.below(6) {
            0..=2 => self.draw.below(16) as u32,
            3 => room,
            4 => self
                .draw
                .pick(&[124, 128, 255, 256, 1020, 1024, 4095, 4096]),
            _ => self.draw.below(room as usize + 1) as u32,
        };
        if size >= 1024 && self.draw.chance(20) {
            // An element of an array: an index scaled by a shift, on top of a base.
            let shapes = [
                (3, 0x1f),
                (2, 0x1f),
                (1, 0x3f),
                (3, 0x7),
                (4, 0xf),
                (5, 0x7),
            ];
            let (shift, spread) = self.draw.pick(&shapes);
            let window = (spread << shift) + 0x1f;
            self.expr(Ty::I32, depth);
            self.op(Instruction::I32Const(spread));
            self.op(Instruction::I32And);
            self.op(Instruction::I32Const(shift));
            self.op(Instruction::I32Shl);
            if self.draw.chance(60) {
                self.leaf(Ty::I32);
                self.op(Instruction::I32Const(0x1f));
                self.op(Instruction::I32And);
                self.op(Instruction::I32Add);
            }
            return arg(u64::from(offset.min(size - window as u32 - bytes)));
        }
        if self.draw.chance(4) {
            // The last bytes that there are, by the offset alone.
            self.op(Instruction::I32Const(0));
            return arg(u64::from(size - bytes));
        }
        if self.draw.chance(25) {
            let at = self.draw.below(window as usize + 1) as i32;
            self.op(Instruction::I32Const(at));
        } else {
            self.expr(Ty::I32, depth);
            self.op(Instruction::I32Const(window as i32));
            self.op(Instruction::I32And);
        }
        arg(u64::from(offset.min(room)))
    }

    /// The number of a memory.
    pub(super) fn memory(&mut self) -> u32 {
        match self.draft.others.len() {
            0 => 0,
            n => self.draw.below(n + 1) as u32,
        }
    }

    pub(super) fn has_memory(&self) -> bool {
        self.draft.memory.is_some_and(|(min, _)| min > 0)
    }

    pub(super) fn load(&mut self, ty: Ty, depth: usize) {
        if !self.has_memory() {
            return self.leaf(ty);
        }
        let (bytes, load) = self.some_load(ty);
        let arg = self.address(bytes, depth - 1);
        self.op(load(arg));
    }

    /// A load of this type, with its bytes.
    fn some_load(&mut self, ty: Ty) -> (u32, Access) {
        let loads: &[(u32, Access)] = match ty {
            Ty::I32 => &[
                (4, Instruction::I32Load),
                (1, Instruction::I32Load8S),
                (1, Instruction::I32Load8U),
                (2, Instruction::I32Load16S),
                (2, Instruction::I32Load16U),
            ],
            Ty::I64 => &[
                (8, Instruction::I64Load),
                (1, Instruction::I64Load8S),
                (1, Instruction::I64Load8U),
                (2, Instruction::I64Load16S),
                (2, Instruction::I64Load16U),
                (4, Instruction::I64Load32S),
                (4, Instruction::I64Load32U),
            ],
            Ty::F32 => &[(4, Instruction::F32Load)],
            Ty::F64 => &[(8, Instruction::F64Load)],
        };
        self.draw.pick(loads)
    }

    pub(super) fn store(&mut self, depth: usize) {
        if !self.has_memory() {
            return;
        }
        let ty = self.ty();
        let (bytes, store) = self.some_store(ty);
        let arg = self.address(bytes, depth);
        self.expr(ty, depth);
        self.op(store(arg));
    }

    /// A store of this type, with its bytes.
    fn some_store(&mut self, ty: Ty) -> (u32, Access) {
        let stores: &[(u32, Access)] = match ty {
            Ty::I32 => &[
                (4, Instruction::I32Store),
                (1, Instruction::I32Store8),
                (2, Instruction::I32Store16),
            ],
            Ty::I64 => &[
                (8, Instruction::I64Store),
                (1, Instruction::I64Store8),
                (2, Instruction::I64Store16),
                (4, Instruction::I64Store32),
            ],
            Ty::F32 => &[(4, Instruction::F32Store)],
            Ty::F64 => &[(8, Instruction::F64Store)],
        };
        self.draw.pick(stores)
    }

    /// Accesses of several widths in any order, with one address between them: a parameter brought to the end of a memory,
    /// by an offset that may be the most of it, so that each of them lies inside, across the end or behind it.
    pub fn at_the_end(&mut self) {
        let memory = self.memory();
        let end = self.draft.bytes(memory).wrapping_sub(16);
        let most = u32::MAX - self.draw.below(24) as u32;
        let offset = self.draw.pick(&[0, 0, 7, end, most]);
        let at = self.local(Ty::I32);
        self.leaf(Ty::I32);
        for op in [
            Instruction::I32Const(15),
            Instruction::I32And,
            Instruction::I32Const(end.wrapping_sub(offset) as i32),
            Instruction::I32Add,
            Instruction::LocalSet(at),
        ] {
            self.op(op);
        }
        for _ in 0..self.draw.range(1, 3) {
            let arg = MemArg {
                offset: u64::from(offset.saturating_add(self.draw.below(9) as u32)),
                align: 0,
                target: MemArgTarget::Memory(memory),
                ordering: None,
            };
            let ty = self.ty();
            self.op(Instruction::LocalGet(at));
            if self.draw.chance(60) {
                let (_, load) = self.some_load(ty);
                self.op(load(arg));
                self.keep(&[ty]);
            } else {
                let (_, store) = self.some_store(ty);
                self.leaf(ty);
                self.op(store(arg));
            }
        }
    }
}
