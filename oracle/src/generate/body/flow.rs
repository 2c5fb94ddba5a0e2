//! The control constructs of the body builder: blocks, tables, loops, branches.
//!
//! In: the builder. Out: operators appended to it. Invariant: labels are pushed and popped as blocks open and close, so
//! that a branch carries what its label takes; every loop ends by its own counter, to which nothing else writes.

use super::{Body, Label};
use crate::generate::draft::val_type;
use crate::generate::table::named;
use crate::program::{Sig, Ty};
use std::ops::RangeInclusive;
use wasm_encoder::{BlockType, Instruction};

/// The counter of a loop.
#[derive(Clone, Copy)]
pub struct Counter {
    local: u32,
    times: u64,
    start: i32,
    step: i32,
}

impl Body<'_, '_, '_> {
    pub(super) fn block_type(&mut self, params: &[Ty], results: &[Ty]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [one]) => BlockType::Result(val_type(*one)),
            _ => BlockType::FunctionType(self.draft.type_index(&Sig {
                params: params.to_vec(),
                results: results.to_vec(),
            })),
        }
    }

    pub(super) fn open(&mut self, types: &[Ty], is_loop: bool) {
        self.labels.push(Label {
            types: types.to_vec(),
            is_loop,
        });
    }

    pub(super) fn close(&mut self) {
        self.labels.pop();
        self.op(Instruction::End);
    }

    pub(super) fn values(&mut self, types: &[Ty], depth: usize) {
        for ty in types {
            self.expr(*ty, depth);
        }
    }

    pub(super) fn if_value(&mut self, ty: Ty, depth: usize) {
        // Values that wait below the condition reach both arms.
        let params: Vec<Ty> = match self.draw.below(4) {
            0 => vec![self.ty(); self.draw.range(2, 3)],
            1 => (0..self.draw.below(3)).map(|_| self.ty()).collect(),
            _ => Vec::new(),
        };
        self.values(&params, depth - 1);
        self.condition(depth - 1);
        let bt = self.block_type(&params, &[ty]);
        self.op(Instruction::If(bt));
        self.open(&[ty], false);
        for arm in 0..2 {
            if arm == 1 {
                self.op(Instruction::Else);
            }
            self.keep(&params);
            self.stmts(1, depth - 1);
            self.expr(ty, depth - 1);
        }
        self.close();
    }

    /// A condition: any i32, or comparisons joined by `and`, `or` and `eqz`, as programs write them.
    pub(super) fn condition(&mut self, depth: usize) {
        if self.full() || !self.draw.chance(35) {
            return self.expr(Ty::I32, depth);
        }
        let parts = self.draw.pick(&[1, 2, 2, 2, 3]);
        let all = self.draw.chance(50);
        for part in 0..parts {
            self.comparison();
            if part > 0 {
                self.op(match all {
                    true => Instruction::I32And,
                    false => Instruction::I32Or,
                });
            }
        }
        if self.draw.chance(20) {
            self.op(Instruction::I32Eqz);
        }
    }

    /// A comparison, for equality more often than not, of values that are often equal.
    fn comparison(&mut self) {
        let ty = self.ty();
        if matches!(ty, Ty::F32 | Ty::F64) {
            return self.float_comparison(ty);
        }
        let small = self.draw.pick(&[None, Some(1), Some(1), Some(3)]);
        let number = |value: i64| match ty {
            Ty::I32 => Instruction::I32Const(value as i32),
            _ => Instruction::I64Const(value),
        };
        for side in 0..2 {
            if side == 1 && self.draw.chance(40) {
                let value = self.draw.below(small.map_or(256, |m| m as usize + 1));
                self.op(number(value as i64));
                continue;
            }
            self.leaf(ty);
            if let Some(mask) = small {
                self.op(number(mask));
                self.op(match ty {
                    Ty::I32 => Instruction::I32And,
                    _ => Instruction::I64And,
                });
            }
        }
        let name = self
            .draw
            .pick(&["Eq", "Ne", "Eq", "Ne", "LtS", "LeU", "GtU", "GeS"]);
        let short = if ty == Ty::I32 { "I32" } else { "I64" };
        self.op(named(&format!("{short}{name}")).instruction.clone());
    }

    fn float_comparison(&mut self, ty: Ty) {
        self.leaf(ty);
        self.leaf(ty);
        let name = self.draw.pick(&["Eq", "Ne", "Lt", "Le", "Gt", "Ge"]);
        let short = if ty == Ty::F32 { "F32" } else { "F64" };
        self.op(named(&format!("{short}{name}")).instruction.clone());
    }

    pub(super) fn block_value(&mut self, ty: Ty, depth: usize) {
        let params: Vec<Ty> = (0..self.draw.below(3)).map(|_| self.ty()).collect();
        self.values(&params, depth - 1);
        let bt = self.block_type(&params, &[ty]);
        self.op(Instruction::Block(bt));
        self.open(&[ty], false);
        self.keep(&params);
        self.stmts(2, depth - 1);
        self.expr(ty, depth - 1);
        self.close();
    }

    /// `br_table` over nested blocks that all carry the same value, or none.
    pub(super) fn table(&mut self, carried: Option<Ty>, depth: usize) {
        let types: Vec<Ty> = carried.into_iter().collect();
        let arms = self.draw.pick(&[1, 2, 3, 4, 5, 9]);
        let bt = self.block_type(&[], &types);
        for _ in 0..arms {
            self.op(Instruction::Block(bt));
            self.open(&types, false);
        }
        self.values(&types, depth.saturating_sub(1));
        self.expr(Ty::I32, depth.saturating_sub(1));
        if self.draw.chance(60) {
            self.op(Instruction::I32Const(15));
            self.op(Instruction::I32And);
        }
        // Tables that go through the arms in order, and tables that share them out.
        let entries = self.draw.pick(&[arms, arms, 0, 1, 4, arms + 3, 24]);
        let in_order = self.draw.chance(30);
        let targets: Vec<u32> = (0..entries)
            .map(|i| match in_order {
                true => (i % arms) as u32,
                false => self.draw.below(arms) as u32,
            })
            .collect();
        let default = match in_order {
            true => arms as u32 - 1,
            false => self.draw.below(arms) as u32,
        };
        self.op(Instruction::BrTable(targets.into(), default));
        for arm in 0..arms {
            if arm == 0 {
                self.tail(&types);
            }
            self.close();
            if let Some(ty) = carried {
                self.leaf(ty);
                self.combine(ty);
            }
            self.stmts(1, depth.saturating_sub(1));
            if arm + 1 < arms && self.draw.chance(40) {
                let out = (arms - arm - 2) as u32;
                self.op(Instruction::Br(out));
                self.tail(&types);
            }
        }
    }

    /// Unreachable code after a branch, valid by the polymorphic stack; sometimes none.
    pub(super) fn tail(&mut self, types: &[Ty]) {
        match self.draw.below(5) {
            0 | 1 => {}
            2 => self.op(Instruction::Unreachable),
            3 => {
                self.op(Instruction::I32Add);
                self.op(Instruction::Drop);
                self.values(types, 1);
            }
            _ => {
                self.op(Instruction::Drop);
                self.op(Instruction::Drop);
            }
        }
    }

    pub(super) fn if_stmt(&mut self, depth: usize) {
        self.condition(depth);
        self.op(Instruction::If(BlockType::Empty));
        self.open(&[], false);
        self.stmts(3, depth.saturating_sub(1));
        if self.draw.chance(50) {
            self.op(Instruction::Else);
            self.stmts(3, depth.saturating_sub(1));
        }
        self.close();
    }

    /// Begins a loop's body: its counter starts, and the way it counts is drawn.
    pub(super) fn begin_loop(&mut self) -> Counter {
        let times = self.draw.range(1, 5);
        let step = self.draw.pick(&[-1, 1, 2, 7, -1]);
        let local = self.local(Ty::I32);
        self.fixed.push(local);
        // Down to zero, or up from a start that is seldom anything but zero.
        let start = if step < 0 {
            times as i32
        } else {
            self.draw.pick(&[0, 0, 0, -3])
        };
        self.op(Instruction::I32Const(start));
        self.op(Instruction::LocalSet(local));
        Counter {
            local,
            times: times as u64,
            start,
            step,
        }
    }

    /// Ends it: counts, and branches back until the loop has run so many times.
    pub(super) fn end_loop(&mut self, counter: Counter) {
        self.op(Instruction::LocalGet(counter.local));
        self.op(Instruction::I32Const(counter.step));
        self.op(Instruction::I32Add);
        self.op(Instruction::LocalTee(counter.local));
        if counter.step > 0 {
            let end = counter.start + counter.step * counter.times as i32;
            // Bounds that are met exactly, and bounds that are passed.
            let slack = self.draw.below(counter.step as usize) as i32;
            let compare = self.draw.below(3);
            // An unsigned comparison would end a loop at once while the counter is negative.
            let compare = if counter.start < 0 { 0 } else { compare };
            self.op(Instruction::I32Const(if compare == 2 {
                end
            } else {
                end - slack
            }));
            self.op(match compare {
                0 => Instruction::I32LtS,
                1 => Instruction::I32LtU,
                _ => Instruction::I32Ne,
            });
        }
        self.op(Instruction::BrIf(0));
        self.iterations /= counter.times;
    }

    pub(super) fn counted_loop(&mut self, depth: usize) {
        if self.iterations > 60 {
            return;
        }
        let counter = self.open_loop();
        self.stmts(4, depth);
        self.close_loop(counter);
    }

    /// Opens a block without values for a body that the caller appends.
    pub fn open_block(&mut self) {
        self.op(Instruction::Block(BlockType::Empty));
        self.open(&[], false);
    }

    /// Closes what [`Self::open_block`] opened.
    pub fn close_block(&mut self) {
        self.close();
    }

    /// Opens a loop for a body that the caller appends; it runs a few times.
    pub fn open_loop(&mut self) -> Counter {
        let counter = self.begin_loop();
        self.op(Instruction::Loop(BlockType::Empty));
        self.open(&[], true);
        self.iterations *= counter.times;
        counter
    }

    /// Closes what [`Self::open_loop`] opened.
    pub fn close_loop(&mut self, counter: Counter) {
        self.end_loop(counter);
        self.close();
    }

    /// A loop that only a trap ends, with two ways back, as the end of a function: its counter becomes a divisor.
    pub fn endless(&mut self, depth: usize) {
        let times = self.draw.range(1, 4);
        let counter = self.local(Ty::I32);
        self.fixed.push(counter);
        self.op(Instruction::I32Const(times as i32));
        self.op(Instruction::LocalSet(counter));
        self.op(Instruction::Loop(BlockType::Empty));
        self.open(&[], true);
        self.iterations *= times as u64;
        self.stmts(3, depth);
        self.leaf(Ty::I32);
        self.op(Instruction::LocalGet(counter));
        self.op(Instruction::I32Const(1));
        self.op(Instruction::I32Sub);
        self.op(Instruction::LocalTee(counter));
        self.op(Instruction::I32DivU);
        let quotient = self.target(Ty::I32);
        self.op(Instruction::LocalSet(quotient));
        self.stmts(2, depth);
        self.condition(depth);
        self.op(Instruction::BrIf(0));
        self.stmts(3, depth);
        self.op(Instruction::Br(0));
        self.iterations /= times as u64;
        self.close();
        self.op(Instruction::Unreachable);
    }

    /// A loop around a jump table, as an interpreter has it. Arms set what is dispatched on next, and go back to the loop from
    /// where they are, on to the next arm, or out; what bounds it is counted where it begins.
    pub(super) fn machine(&mut self, depth: usize) {
        if self.iterations > 30 {
            return;
        }
        let arms = self.draw.range(4, 9) as u32;
        let times = self.draw.range(3, 8);
        let (left, state) = (self.local(Ty::I32), self.local(Ty::I32));
        self.fixed.push(left);
        self.op(Instruction::I32Const(times as i32));
        self.op(Instruction::LocalSet(left));
        self.op(Instruction::Loop(BlockType::Empty));
        self.open(&[], true);
        self.iterations *= times as u64;
        for _ in 0..=arms {
            self.open_block();
        }
        for op in [
            Instruction::LocalGet(left),
            Instruction::I32Eqz,
            Instruction::BrIf(arms),
            Instruction::LocalGet(left),
            Instruction::I32Const(1),
            Instruction::I32Sub,
            Instruction::LocalSet(left),
            Instruction::LocalGet(state),
            Instruction::I32Const(15),
            Instruction::I32And,
        ] {
            self.op(op);
        }
        let targets: Vec<u32> = (0..arms).collect();
        let default = self.draw.below(arms as usize + 1) as u32;
        self.op(Instruction::BrTable(targets.into(), default));
        for arm in 0..arms {
            self.close();
            self.arm(arms - arm, state, depth);
        }
        self.close();
        self.iterations /= times as u64;
        self.close();
    }

    /// An arm of [`Self::machine`], from which so many labels lead to the loop.
    fn arm(&mut self, again: u32, state: u32, depth: usize) {
        self.stmts(1, depth.saturating_sub(1));
        self.expr(Ty::I32, 1);
        self.op(Instruction::LocalSet(state));
        let ty = self.ty();
        let set = self.target(ty);
        self.op(Instruction::LocalGet(set));
        self.leaf(ty);
        self.combine(ty);
        self.op(Instruction::LocalSet(set));
        match self.draw.below(8) {
            0..=2 => self.op(Instruction::Br(again)),
            3 | 4 => {
                self.leaf(Ty::I32);
                self.op(Instruction::BrIf(again));
            }
            5 | 6 => {
                self.condition(1);
                self.op(Instruction::If(BlockType::Empty));
                self.open(&[], false);
                self.stmts(1, 1);
                self.op(Instruction::Br(again + 1));
                self.close();
            }
            _ => self.op(Instruction::Br(again - 1)),
        }
    }

    /// A loop with so many parameters, which its back edge permutes.
    pub(super) fn swap_loop(&mut self, params: RangeInclusive<usize>, depth: usize) {
        if self.iterations > 60 {
            return;
        }
        let ty = self.ty();
        let types = vec![ty; self.draw.range(*params.start(), *params.end())];
        let counter = self.begin_loop();
        self.values(&types, 1);
        let bt = self.block_type(&types, &types);
        self.op(Instruction::Loop(bt));
        self.open(&types, true);
        self.iterations *= counter.times;
        let held: Vec<u32> = types.iter().map(|ty| self.local(*ty)).collect();
        for l in held.iter().rev() {
            self.op(Instruction::LocalSet(*l));
        }
        self.stmts(2, depth);
        let turn = self.draw.below(held.len());
        for i in 0..held.len() {
            self.op(Instruction::LocalGet(held[(i + turn) % held.len()]));
            if self.draw.chance(30) {
                self.leaf(ty);
                self.combine(ty);
            }
        }
        self.end_loop(counter);
        self.close();
        self.keep(&types);
    }

    /// A label that may be branched to: not a loop's, whose own back edge alone bounds it.
    pub(super) fn label(&mut self) -> Option<u32> {
        let menu: Vec<u32> = (0..self.labels.len() as u32)
            .filter(|i| !self.labels[self.labels.len() - 1 - *i as usize].is_loop)
            .collect();
        (!menu.is_empty()).then(|| self.draw.pick(&menu))
    }

    pub(super) fn label_types(&self, label: u32) -> Vec<Ty> {
        self.labels[self.labels.len() - 1 - label as usize]
            .types
            .clone()
    }

    pub(super) fn br_if(&mut self, depth: usize) {
        let Some(label) = self.label() else { return };
        let types = self.label_types(label);
        self.values(&types, depth.saturating_sub(1));
        self.condition(depth);
        self.op(Instruction::BrIf(label));
        self.keep(&types);
    }

    pub(super) fn br(&mut self, depth: usize) -> bool {
        if self.labels.len() < 2 {
            return false;
        }
        let Some(label) = self.label() else {
            return false;
        };
        let types = self.label_types(label);
        self.values(&types, depth.saturating_sub(1));
        self.op(Instruction::Br(label));
        self.tail(&[]);
        true
    }

    pub(super) fn ret(&mut self, depth: usize) -> bool {
        // In the middle of a body a return would leave the rest dead; inside an arm it is an early exit.
        if self.labels.len() < 2 {
            return false;
        }
        let types = self.sig.results.clone();
        self.values(&types, depth.saturating_sub(1));
        self.op(Instruction::Return);
        self.tail(&[]);
        true
    }
}
