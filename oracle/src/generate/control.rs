//! Family `control`: every way control can split, carry values and meet again.
//!
//! Valued blocks, loops whose parameters, few or many, the back edge permutes, `br_table` with no, one and many targets, loops
//! around them with many ways back, branches out of several blocks at once, early returns, code after unconditional branches, loops that only a trap ends. Some modules are functions that grow by one
//! instruction from one to the next, so that a distance in them passes what a short form reaches, whatever the rest is.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};
use crate::program::{Sig, Ty};
use crate::random::Random;
use wasm_encoder::{BlockType, Instruction};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (6, Expr::Get),
            (1, Expr::Const),
            (5, Expr::Op),
            (2, Expr::Tee),
            (3, Expr::If),
            (3, Expr::Block),
            (2, Expr::Table),
            (2, Expr::Select),
            (1, Expr::Global),
            (1, Expr::SetUnderGet),
        ],
        stmts: vec![
            (4, Stmt::Set),
            (3, Stmt::If),
            (3, Stmt::Block),
            (3, Stmt::Loop),
            (3, Stmt::SwapLoop),
            (1, Stmt::WideLoop),
            (1, Stmt::Machine),
            (3, Stmt::Table),
            (3, Stmt::BrIf),
            (2, Stmt::Br),
            (1, Stmt::Return),
            (1, Stmt::Unreachable),
            (1, Stmt::SetGlobal),
        ],
        depth: 3,
        body: (1, 4),
        operators: 90,
        longs: draw.pick(&[10, 40]),
        floats: 0,
        tame: 80,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 0,
            globals: 3,
            memory: 0,
        },
    );
    if draw.chance(5) {
        edges(draw, &mut draft);
        return draft;
    }
    for _ in 0..draw.range(10, 24) {
        let style = style(draw);
        let sig = sig(draw, 4, 3, style.longs);
        function(draw, &mut draft, &style, sig);
    }
    if draft.wild {
        for _ in 0..draw.below(4) {
            without_end(draw, &mut draft);
        }
    }
    draft
}

/// A function without a way out: its last block closes a loop.
fn without_end(draw: &mut Draw<'_>, draft: &mut Draft) {
    let style = style(draw);
    let sig = sig(draw, 4, 3, style.longs);
    let mut body = Body::new(draw, draft, &style, sig);
    body.stmts(4, style.depth);
    body.endless(style.depth);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Functions of one shape, each one operator longer than the one before, around a distance that an encoding just reaches.
fn edges(draw: &mut Draw<'_>, draft: &mut Draft) {
    let shape = draw.pick(&[
        Edge::Zero,
        Edge::Forward,
        Edge::Backward,
        Edge::Table,
        Edge::Table,
    ]);
    // An operator is mostly two bytes; what stands around it makes the rest uncertain, so the start is drawn.
    let (limit, around) = match shape {
        Edge::Zero => (126, 16),
        Edge::Forward | Edge::Backward => (254, 24),
        Edge::Table => (510, 36),
    };
    let first = limit / 2 - draw.below(around);
    let seed = draw.bits();
    let style = style(draw);
    for i in 0..EDGES {
        let sig = Sig {
            params: vec![Ty::I32; 4],
            results: vec![Ty::I32],
        };
        let mut body = Body::new(draw, draft, &style, sig);
        let mut random = Random::new(seed);
        edge(&mut body, shape, first + i, &mut random);
        body.op(Instruction::LocalGet(0));
        for l in 1..4 {
            body.op(Instruction::LocalGet(l));
            body.combine(Ty::I32);
        }
        let ready = body.finish(true);
        draft.funcs.push(ready);
    }
}

/// Functions of one module of edges.
const EDGES: usize = 12;

/// What the distance is from.
#[derive(Clone, Copy)]
enum Edge {
    /// A test for zero, forward.
    Zero,
    /// A comparison, forward.
    Forward,
    /// A comparison, backward; it runs at most twice.
    Backward,
    /// A jump table, to its last target.
    Table,
}

/// One distance of so many operators.
fn edge(body: &mut Body<'_, '_, '_>, shape: Edge, operators: usize, random: &mut Random) {
    let mut fill = |body: &mut Body<'_, '_, '_>| {
        for _ in 0..operators {
            // Each local goes on in itself: nothing is dead, and two bytes are enough.
            let word = (random.word() >> 32) as u32;
            let to = word & 3;
            let other = (to + 1 + (word >> 2) % 3) & 3;
            body.op(Instruction::LocalGet(to));
            body.op(Instruction::LocalGet(other));
            body.op(match word >> 8 & 3 {
                0 | 1 => Instruction::I32Add,
                2 => Instruction::I32Xor,
                _ => Instruction::I32Sub,
            });
            body.op(Instruction::LocalSet(to));
        }
    };
    match shape {
        Edge::Zero | Edge::Forward => {
            body.op(Instruction::Block(BlockType::Empty));
            body.op(Instruction::LocalGet(0));
            if matches!(shape, Edge::Forward) {
                body.op(Instruction::LocalGet(1));
                body.op(Instruction::I32LtS);
            }
            body.op(Instruction::BrIf(0));
            fill(body);
            body.op(Instruction::End);
        }
        Edge::Backward => {
            let again = body.local(Ty::I32);
            body.op(Instruction::Loop(BlockType::Empty));
            fill(body);
            for op in [
                Instruction::LocalGet(0),
                Instruction::LocalGet(1),
                Instruction::I32LtS,
                Instruction::LocalGet(again),
                Instruction::I32Eqz,
                Instruction::I32And,
                Instruction::I32Const(1),
                Instruction::LocalSet(again),
                Instruction::BrIf(0),
                Instruction::End,
            ] {
                body.op(op);
            }
        }
        Edge::Table => {
            for _ in 0..6 {
                body.op(Instruction::Block(BlockType::Empty));
            }
            body.op(Instruction::LocalGet(0));
            body.op(Instruction::I32Const(7));
            body.op(Instruction::I32And);
            body.op(Instruction::BrTable(vec![0, 1, 2, 3, 4].into(), 5));
            for arm in 0..6 {
                body.op(Instruction::End);
                if arm == 0 {
                    fill(body);
                } else if arm < 5 {
                    body.op(Instruction::LocalGet(arm as u32 & 3));
                    body.op(Instruction::I32Const(arm));
                    body.op(Instruction::I32Mul);
                    body.op(Instruction::LocalSet(0));
                }
                if arm < 5 {
                    body.op(Instruction::Br(4 - arm as u32));
                }
            }
        }
    }
}
