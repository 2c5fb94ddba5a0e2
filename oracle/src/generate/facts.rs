//! Functions about what is known of values: ranges, known bits, and what conditions say. A part of the family `rules`.
//!
//! Five shapes. One computes an operator over operands within small ranges and compares the result with constants beside
//! what the ends of the ranges give, so that a range that is off by one decides a comparison wrongly. One takes a range to
//! the other width and compares there. One compares the counter of a loop inside it, beside where it starts and ends; one is
//! a loop that counts from a constant to a constant, or differs from one in one place. The last tests a value again inside
//! of both arms of a condition on it; arms set a global, so that they stay branches. Invariants: operands are made so
//! that no division traps; a loop ends after [`ROUNDS`], whatever its own test says.

use super::body::{Body, Style};
use super::draft::{Draft, GlobalDraft, constant};
use super::draw::Draw;
use super::table::{NAMES, Partial, ROWS, Row};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

/// Most rounds of a loop.
const ROUNDS: i32 = 12;

/// A value within a range: its ends, as they are before they wrap.
#[derive(Clone, Copy)]
struct Range {
    low: i64,
    high: i64,
}

/// The global that arms set, added where there is none.
fn global(draft: &mut Draft) -> u32 {
    let found = draft
        .globals
        .iter()
        .position(|g| g.mutable && g.ty == Ty::I32);
    let index = found.unwrap_or_else(|| {
        draft.globals.push(GlobalDraft {
            ty: Ty::I32,
            mutable: true,
            value: 0,
            imported: false,
            exported: true,
        });
        draft.globals.len() - 1
    });
    index as u32
}

/// Adds a function of one of the shapes.
pub fn one(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let ty = draw.pick(&[Ty::I32, Ty::I32, Ty::I64]);
    let global = global(draft);
    let sig = Sig {
        params: vec![ty, ty],
        results: vec![Ty::I32],
    };
    let mut facts = Facts {
        body: Body::new(draw, draft, style, sig),
        ty,
        global,
    };
    match facts.body.draw.below(7) {
        0 | 1 => facts.compared(),
        2 => facts.converted(),
        3 => facts.looped(),
        4 | 5 => facts.counted(),
        _ => facts.nested(),
    }
    let mut ready = facts.body.finish(true);
    ready.cost *= ROUNDS as u64;
    draft.funcs.push(ready);
}

/// Whether the operator at this place of the table compares two values of the type.
fn compares(at: usize, ty: Ty) -> bool {
    let name = NAMES[at].get(3..).unwrap_or("");
    let kind = ["Eq", "Ne", "Lt", "Gt", "Le", "Ge"];
    ROWS[at].operands == [ty, ty] && kind.iter().any(|k| name.starts_with(k))
}

struct Facts<'d, 'a, 'm> {
    body: Body<'d, 'a, 'm>,
    ty: Ty,
    global: u32,
}

impl Facts<'_, '_, '_> {
    fn number(&mut self, value: i64) {
        self.body.op(constant(self.ty, value as u64));
    }

    /// The operator of this name at the function's type.
    fn named(&mut self, name: &str) {
        let short = if self.ty == Ty::I32 { "I32" } else { "I64" };
        let is = |n: &&str| n.strip_prefix(short) == Some(name);
        if let Some(at) = NAMES.iter().position(is) {
            self.body.op(ROWS[at].instruction.clone());
        }
    }

    /// Leaves a parameter within a small range; `positive` keeps it above zero.
    fn ranged(&mut self, param: u32, positive: bool) -> Range {
        let draw = &mut *self.body.draw;
        if !positive && draw.chance(15) {
            // Nothing is known: what an operator says by itself.
            self.body.op(Instruction::LocalGet(param));
            let (low, high) = match self.ty.words() {
                1 => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            };
            return Range { low, high };
        }
        let mask = draw.pick(&[0, 1, 3, 7, 15, 31, 127, 0xff, 0xffff]);
        let offset = match positive {
            true => draw.range(1, 4) as i64,
            false => draw.pick(&[0, 0, 0, 1, 2, -1, -2, -8, -128, 100, 0x7fff_fff0]),
        };
        self.body.op(Instruction::LocalGet(param));
        self.number(mask);
        self.named("And");
        if offset != 0 {
            self.number(offset);
            self.named("Add");
        }
        Range {
            low: offset,
            high: mask + offset,
        }
    }

    /// A number that is an end of one of the ranges, or what arithmetic makes of two, or right beside.
    fn beside(&mut self, a: Range, b: Range) -> i64 {
        let draw = &mut *self.body.draw;
        let (x, y) = (draw.pick(&[a.low, a.high]), draw.pick(&[b.low, b.high]));
        let width = 32 * self.ty.words() as i64;
        let near = match draw.below(12) {
            0..=2 => x,
            3 => y,
            4 => x.wrapping_sub(y),
            5 => x.wrapping_add(y),
            6 => x.wrapping_mul(y),
            7 => x.checked_div(y).unwrap_or(0),
            8 => y.wrapping_neg(),
            9 => width,
            10 => draw.pick(&[0, 0x7fff, 0x80, -0x80, 0x7fff_ffff, -0x8000_0000]),
            _ => x.wrapping_shl(y as u32 % width as u32),
        };
        near.wrapping_add(draw.pick(&[0, 0, 1, -1, 2]))
    }

    /// Leaves the comparison of a local with a constant, or with another local.
    fn compare(&mut self, local: u32, with: Result<i64, u32>) {
        let ty = self.ty;
        let all: Vec<usize> = (0..ROWS.len()).filter(|at| compares(*at, ty)).collect();
        let at = self.body.draw.pick(&all);
        self.body.op(Instruction::LocalGet(local));
        match with {
            Ok(n) => self.number(n),
            Err(other) => self.body.op(Instruction::LocalGet(other)),
        }
        self.body.op(ROWS[at].instruction.clone());
    }

    /// An operator over ranges, and comparisons of its result.
    fn compared(&mut self) {
        let ty = self.ty;
        let fits = |row: &&Row| row.result == ty && row.operands.iter().all(|o| *o == ty);
        let rows: Vec<&'static Row> = ROWS.iter().filter(fits).collect();
        let row = self.body.draw.pick(&rows);
        let a = self.ranged(0, false);
        let mut b = a;
        if row.operands.len() == 2 {
            let divides = row.partial != Partial::Total;
            if !divides && self.body.draw.chance(30) {
                let n = self
                    .body
                    .draw
                    .pick(&[0, 1, 2, 4, 8, 16, 24, 31, 32, 40, 63, 255, -4]);
                self.number(n);
                b = Range { low: n, high: n };
            } else {
                b = self.ranged(1, divides);
            }
        }
        let local = self.body.local(ty);
        self.body.op(row.instruction.clone());
        self.body.op(Instruction::LocalSet(local));
        self.observe(local, a, b);
    }

    /// Leaves comparisons of a local with constants beside the ends of ranges, a bit each.
    fn observe(&mut self, local: u32, a: Range, b: Range) {
        for k in 0..4 {
            let n = self.beside(a, b);
            self.compare(local, Ok(n));
            if k > 0 {
                self.body.op(Instruction::I32Or);
            }
            if k < 3 {
                self.body.op(Instruction::I32Const(1));
                self.body.op(Instruction::I32Shl);
            }
        }
    }

    /// A range that is taken to the other width, and comparisons of what arrives.
    fn converted(&mut self) {
        let draw = &mut *self.body.draw;
        let range = match (self.ty, draw.chance(70)) {
            (Ty::I64, true) => {
                let mask = draw.pick(&[1, 7, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff]);
                let end = draw.pick(&[1 << 31, 1 << 32, 1 << 33, -(1 << 31), -(1 << 32), 1 << 40]);
                // Over the end of what a word holds, right below it, right at it.
                let low = end - draw.pick(&[0, 1, mask, mask + 1, mask / 2]);
                self.body.op(Instruction::LocalGet(0));
                self.number(mask);
                self.named("And");
                self.number(low);
                self.named("Add");
                Range {
                    low,
                    high: low + mask,
                }
            }
            _ => self.ranged(0, false),
        };
        let to = match self.ty {
            Ty::I64 => Ty::I32,
            _ => Ty::I64,
        };
        let signed = self.body.draw.chance(50);
        self.body.op(match (to, signed) {
            (Ty::I32, _) => Instruction::I32WrapI64,
            (_, true) => Instruction::I64ExtendI32S,
            (_, false) => Instruction::I64ExtendI32U,
        });
        self.ty = to;
        let local = self.body.local(to);
        self.body.op(Instruction::LocalSet(local));
        self.observe(local, range, range);
    }

    /// A counted loop, tested on the value that the step makes or on the one before it; the counter is compared in it.
    fn looped(&mut self) {
        let ty = self.ty;
        let draw = &mut *self.body.draw;
        let (step, times) = (draw.pick(&[1, 2, 3, 7]), draw.range(1, 6) as i64);
        let test = draw.pick(&["LtU", "Ne", "LtU", "LtS"]);
        let start = match test {
            "LtU" => draw.pick(&[0, 0, 1, 5, 0x7fff_fff8]),
            "LtS" => draw.pick(&[0, 0, 1, 5, -3, -20]),
            // It must be met exactly, from wherever.
            _ => draw.pick(&[0, 0, 1, 5, -3, 0x7fff_fff8]),
        };
        let slack = match test {
            "Ne" => 0,
            _ => draw.below(step as usize) as i64,
        };
        let end = start + step * times - slack;
        let (counter, seen) = (self.body.local(ty), self.body.local(Ty::I32));
        let before = self.body.draw.chance(50);
        self.number(start);
        self.body.op(Instruction::LocalSet(counter));
        self.body.op(Instruction::Loop(BlockType::Empty));
        self.body.op(Instruction::LocalGet(seen));
        self.body.op(Instruction::I32Const(4));
        self.body.op(Instruction::I32Rotl);
        let low = Range {
            low: start,
            high: start + step,
        };
        let high = Range {
            low: end,
            high: end - 1 + step,
        };
        self.observe(counter, high, low);
        self.body.op(Instruction::I32Xor);
        self.body.op(Instruction::LocalSet(seen));
        if before {
            self.compare_with(counter, end, test);
        }
        self.body.op(Instruction::LocalGet(counter));
        self.number(step);
        self.named("Add");
        self.body.op(Instruction::LocalSet(counter));
        if !before {
            self.compare_with(counter, end, test);
        }
        self.body.op(Instruction::BrIf(0));
        self.body.op(Instruction::End);
        self.body.op(Instruction::LocalGet(seen));
    }

    /// Leaves the comparison of this name of a local with a constant.
    fn compare_with(&mut self, local: u32, n: i64, name: &str) {
        self.body.op(Instruction::LocalGet(local));
        self.number(n);
        self.named(name);
    }

    /// A condition on values, and in each of its arms another one.
    fn nested(&mut self) {
        let mut held = [0, 0];
        let mut ranges = [Range { low: 0, high: 0 }; 2];
        for (i, range) in ranges.iter_mut().enumerate() {
            *range = self.ranged(i as u32, false);
            held[i] = self.body.local(self.ty);
            self.body.op(Instruction::LocalSet(held[i]));
        }
        self.condition(held, ranges);
        if self.body.draw.chance(40) {
            self.condition(held, ranges);
            let both = self.body.draw.chance(60);
            self.body.op(match both {
                true => Instruction::I32And,
                false => Instruction::I32Or,
            });
        }
        self.body.op(Instruction::If(BlockType::Empty));
        self.arm(held, ranges);
        self.body.op(Instruction::Else);
        self.arm(held, ranges);
        self.body.op(Instruction::End);
        self.body.op(Instruction::GlobalGet(self.global));
    }

    fn condition(&mut self, held: [u32; 2], ranges: [Range; 2]) {
        let i = self.body.draw.below(2);
        let with = match self.body.draw.chance(35) {
            true => Err(held[1 - i]),
            false => Ok(self.beside(ranges[i], ranges[i])),
        };
        self.compare(held[i], with);
    }

    fn arm(&mut self, held: [u32; 2], ranges: [Range; 2]) {
        let first = self.body.draw.below(100) as i32;
        self.condition(held, ranges);
        self.body.op(Instruction::If(BlockType::Empty));
        for value in [first, first + 1] {
            self.body.op(Instruction::I32Const(value));
            self.body.op(Instruction::GlobalSet(self.global));
            if value == first {
                self.body.op(Instruction::Else);
            }
        }
        self.body.op(Instruction::End);
    }

    /// A loop with a counter and a companion. Each is what one of them was, plus a step; the test asks about either, or
    /// about the counter before its step. Where all are the counter's own, the loop counts.
    fn counted(&mut self) {
        let held = [self.body.local(self.ty), self.body.local(self.ty)];
        let (before, left) = (self.body.local(self.ty), self.body.local(Ty::I32));
        let draw = &mut *self.body.draw;
        // A counter whose step from right below its end leaves the type, or is the last that does not.
        let leaves = draw.chance(20);
        let (starts, steps): (&[i64], &[i64]) = match leaves {
            true => (&[0, 1], &[2, 3, 8]),
            false => (&[0, 0, 1, 5, 100, -8], &[1, 1, 2, 3, 8, -1]),
        };
        let starts = [0, 1].map(|_| draw.pick(starts));
        let steps = [0, 1].map(|_| draw.pick(steps));
        let rounds = draw.range(1, 6) as i64;
        // Where it comes to after some rounds, or where a step leaves the type; in the latter case it is told from what it
        // may be taken for by where it comes to all the same.
        let there = starts[0] + steps[0] * rounds;
        let end = match draw.below(5) {
            _ if leaves => draw.pick(&[0, 1, 2]) - steps[0],
            0 | 1 => draw.pick(&[-1, -2, i64::MAX, i64::MIN, 0x7fff_ffff, -0x8000_0000]),
            _ => there + draw.pick(&[0, 0, 0, 1, -1]),
        };
        let range = Range {
            low: starts[0],
            high: draw.pick(&[end, there]),
        };
        for (local, start) in held.into_iter().zip(starts) {
            self.number(start);
            self.body.op(Instruction::LocalSet(local));
        }
        self.body.op(Instruction::I32Const(ROUNDS));
        self.body.op(Instruction::LocalSet(left));
        self.body.op(Instruction::Block(BlockType::Empty));
        self.body.op(Instruction::Loop(BlockType::Empty));
        self.body.op(Instruction::LocalGet(left));
        self.body.op(Instruction::I32Const(-1));
        self.body.op(Instruction::I32Add);
        self.body.op(Instruction::LocalTee(left));
        self.body.op(Instruction::I32Eqz);
        self.body.op(Instruction::BrIf(1));
        self.note(held[0], range);
        self.body.op(Instruction::LocalGet(held[0]));
        self.body.op(Instruction::LocalSet(before));
        for i in [1, 0] {
            let from = match leaves {
                true => i,
                false => self.body.draw.pick(&[i, i, i, i, i, 1 - i]),
            };
            self.body.op(Instruction::LocalGet(held[from]));
            self.number(steps[i]);
            self.named("Add");
            self.body.op(Instruction::LocalSet(held[i]));
        }
        let menu = [held[0], held[0], held[0], before, before, held[1]];
        let (tested, test) = match leaves {
            true => (before, "LtU"),
            false => {
                let tested = self.body.draw.pick(&menu);
                let tests = ["Ne", "LtU", "LtU", "LtS", "Eq"];
                (tested, self.body.draw.pick(&tests))
            }
        };
        self.again(tested, end, test);
        self.body.op(Instruction::End);
        self.body.op(Instruction::End);
        self.note(held[0], range);
        self.body.op(Instruction::GlobalGet(self.global));
    }

    /// Shifts a comparison of the local into the global.
    fn note(&mut self, local: u32, range: Range) {
        self.body.op(Instruction::GlobalGet(self.global));
        self.body.op(Instruction::I32Const(1));
        self.body.op(Instruction::I32Shl);
        let near = self.beside(range, range);
        self.compare(local, Ok(near));
        self.body.op(Instruction::I32Or);
        self.body.op(Instruction::GlobalSet(self.global));
    }

    /// Branches back while the local has not come to its end, as the comparison of this name says.
    fn again(&mut self, local: u32, end: i64, until: &str) {
        self.body.op(Instruction::LocalGet(local));
        self.number(end);
        self.named(until);
        if until == "Eq" {
            self.body.op(Instruction::I32Eqz);
        }
        self.body.op(Instruction::BrIf(0));
    }
}
