//! Family `scale`: sizes at which an encoding, a range or an instruction's immediate gives way to the next.
//!
//! Functions of more than 700 instructions (addresses by MOVW and MOVT in place of pools), branches over a hundred bytes
//! to several thousand in both directions, `br_table` beyond what bytes and halfwords reach, frames beyond 508, 1020 and
//! 4095 bytes by arguments, results and spills, few instructions that take more bytes than a literal load reaches. A few functions a module and few decisions a function: most operators
//! come from a stream of their own, so that a case does not run out of bytes.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, constant};
use super::draw::Draw;
use super::pressure::{call_seldom, distant};
use super::table::{Partial, ROWS, Row};
use super::{Shape, sig, surroundings};
use crate::program::{Sig, Ty};
use crate::random::Random;
use wasm_encoder::Instruction;

/// Operators of the lists between two ends of a branch: around what 16-bit and 32-bit forms reach.
const LENGTHS: [usize; 10] = [2, 40, 45, 50, 60, 90, 180, 380, 420, 900];

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (4, Expr::Get),
            (1, Expr::Const),
            (4, Expr::Op),
            (3, Expr::Load),
            (2, Expr::Global),
            (1, Expr::Call),
        ],
        stmts: vec![
            (2, Stmt::Set),
            (3, Stmt::Store),
            (2, Stmt::SetGlobal),
            (1, Stmt::Call),
            (1, Stmt::BrIf),
        ],
        depth: 2,
        body: (1, 1),
        operators: 20_000,
        longs: draw.pick(&[5, 30]),
        floats: 0,
        tame: 95,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 1,
            globals: 3,
            memory: 80,
        },
    );
    for _ in 0..draw.range(1, 3) {
        let kind = draw.below(5);
        if kind == 4 {
            far(draw, &mut draft);
            continue;
        }
        let style = style(draw);
        let (params, results) = match kind {
            3 => draw.pick(&[(3, 2), (20, 6), (70, 3), (140, 40), (280, 8), (6, 150)]),
            _ => (4, 2),
        };
        let sig = sig(draw, params, results, style.longs);
        let mut filled = Filled::new(draw, &mut draft, &style, sig, kind == 3);
        match kind {
            0 => filled.straight(),
            1 => filled.branches(),
            2 => filled.table(),
            _ => filled.straight_over(&[2, 60, 300]),
        }
        // Each result folds its share of the locals, so that many results do not mean even more folds.
        filled.body.results(8 + 400 / results.max(1));
        let ready = filled.body.finish(true);
        draft.funcs.push(ready);
    }
    draft
}

/// Few instructions of many bytes behind constants: values that all wait in slots, beyond what one offset reaches, while a
/// function is called that has too many results. Folded from the last to the first, so that all are alive at once.
fn far(draw: &mut Draw<'_>, draft: &mut Draft) {
    let callee = distant(draw, draft);
    let style = style(draw);
    let sig = Sig {
        params: vec![Ty::I32; 4],
        results: vec![Ty::I32],
    };
    let mut body = Body::new(draw, draft, &style, sig);
    let values = body.draw.range(140, 170);
    let mut last = 0;
    let mut all = Vec::new();
    for i in 0..values {
        body.op(Instruction::LocalGet(last));
        if i < CONSTANTS {
            body.constant(Ty::I32);
        } else {
            body.op(Instruction::LocalGet(i as u32 % 4));
        }
        body.combine(Ty::I32);
        last = body.local(Ty::I32);
        body.op(Instruction::LocalSet(last));
        all.push(last);
    }
    let kept = call_seldom(&mut body, callee);
    body.op(Instruction::LocalGet(kept));
    body.op(Instruction::I32WrapI64);
    for value in all.into_iter().rev() {
        body.op(Instruction::LocalGet(value));
        body.combine(Ty::I32);
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Constants at the start of [`far`].
const CONSTANTS: usize = 8;

/// A body with locals to compute on and a stream of operators.
struct Filled<'d, 'a, 'm> {
    body: Body<'d, 'a, 'm>,
    random: Random,
    pool: Vec<(Ty, u32)>,
}

impl<'d, 'a, 'm> Filled<'d, 'a, 'm> {
    /// A body whose locals all hold something of the parameters; `wide` with as many as a frame takes.
    fn new(
        draw: &'d mut Draw<'a>,
        draft: &'m mut Draft,
        style: &'m Style,
        sig: Sig,
        wide: bool,
    ) -> Self {
        let params = sig.params.clone();
        let random = Random::new(draw.bits());
        let locals = match wide {
            true => draw.pick(&[2, 40, 130, 260, 130, 260, 1040]),
            false => draw.pick(&[2, 5, 9, 16, 40]),
        };
        let mut body = Body::new(draw, draft, style, sig);
        let mut pool: Vec<(Ty, u32)> = params.into_iter().zip(0..).collect();
        for i in 0..locals {
            let ty = body.ty();
            let l = body.local(ty);
            match body.param(i, ty) {
                Some(p) => body.op(Instruction::LocalGet(p)),
                None => body.constant(ty),
            }
            let factor = if ty == Ty::I32 {
                0x0123_4567
            } else {
                0x0123_4567_89ab
            };
            body.op(constant(ty, (i as u64).wrapping_mul(factor)));
            body.combine(ty);
            body.op(Instruction::LocalSet(l));
            pool.push((ty, l));
        }
        Filled { body, random, pool }
    }

    /// A number below `n` of the stream.
    fn below(&mut self, n: usize) -> usize {
        (self.random.word() >> 32) as usize % n
    }

    fn one_of(&mut self, ty: Ty) -> Option<u32> {
        let start = self.below(self.pool.len());
        let around = self.pool[start..].iter().chain(&self.pool[..start]);
        around.into_iter().find(|p| p.0 == ty).map(|p| p.1)
    }

    fn operand(&mut self, ty: Ty) {
        match self.one_of(ty) {
            Some(l) if self.below(5) > 0 => self.body.op(Instruction::LocalGet(l)),
            Some(_) | None => {
                let word = self.random.word() >> self.below(64);
                self.body.op(constant(ty, word));
            }
        }
    }

    /// About `operators` operators, one of sixteen statements drawn and not streamed.
    fn fill(&mut self, operators: usize) {
        let total: Vec<&'static Row> = ROWS
            .iter()
            .filter(|r| r.partial == Partial::Total)
            .collect();
        // Helpers and long expansions are no use for distance: the plain operators are most.
        let plain: Vec<&'static Row> = total
            .iter()
            .copied()
            .filter(|r| r.operands == [Ty::I32, Ty::I32])
            .collect();
        for _ in 0..operators.div_ceil(4) {
            if self.below(16) == 0 {
                self.body.stmt(1);
                continue;
            }
            let from = if self.below(8) == 0 { &total } else { &plain };
            let row = from[self.below(from.len())];
            for ty in row.operands {
                self.operand(*ty);
            }
            self.body.op(row.instruction.clone());
            match self.one_of(row.result) {
                Some(l) => self.body.op(Instruction::LocalSet(l)),
                None => self.body.op(Instruction::Drop),
            }
        }
    }

    fn straight(&mut self) {
        self.straight_over(&[20, 300, 1200, 2400]);
    }

    /// One list of operators, of one of these lengths.
    fn straight_over(&mut self, lengths: &[usize]) {
        let n = self.body.draw.pick(lengths);
        self.fill(n);
    }

    /// Branches forward over, and backward to, lists of many lengths.
    fn branches(&mut self) {
        for _ in 0..self.body.draw.range(1, 4) {
            let length = self.body.draw.pick(&LENGTHS);
            if self.body.draw.chance(30) {
                let counter = self.body.open_loop();
                self.fill(length);
                self.body.close_loop(counter);
            } else {
                self.body.open_block();
                self.operand(Ty::I32);
                self.body.op(Instruction::I32Const(3));
                self.body.op(Instruction::I32And);
                self.body.op(Instruction::BrIf(0));
                self.fill(length);
                self.body.close_block();
            }
        }
    }

    /// A table with more targets, or longer arms, than the short forms reach.
    fn table(&mut self) {
        let arms = self.body.draw.pick(&[2, 5, 20, 70, 140]);
        let length = self.body.draw.pick(&[4, 8, 20, 60]);
        let entries = self.body.draw.pick(&[arms, arms, 300]);
        for _ in 0..=arms {
            self.body.open_block();
        }
        self.operand(Ty::I32);
        self.body.op(Instruction::I32Const(0x1ff));
        self.body.op(Instruction::I32And);
        let targets: Vec<u32> = (0..entries).map(|i| (i % arms) as u32).collect();
        self.body
            .op(Instruction::BrTable(targets.into(), arms as u32));
        for arm in 0..arms {
            self.body.close_block();
            self.fill(length);
            // Out past the arm of the default, from some; others fall into the next.
            if self.below(3) > 0 {
                self.body.op(Instruction::Br((arms - arm - 1) as u32));
            }
        }
        self.body.close_block();
    }
}
