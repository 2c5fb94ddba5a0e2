//! Family `pressure`: more values alive than there are registers.
//!
//! Fourteen to thirty locals computed from each other, folded in another order after calls and loops; operand stacks
//! of many values; parameters changed under a pending `local.get`; i64 halves that overlap; loops that hand round or set
//! more values than any register file holds. Some modules have a function of
//! more than 4 KB of results, so that those that call it have slots that no offset of an instruction reaches.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, constant};
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (5, Expr::Get),
            (1, Expr::Const),
            (10, Expr::Op),
            (3, Expr::Tee),
            (4, Expr::SetUnderGet),
            (1, Expr::Load),
            (2, Expr::Select),
            (2, Expr::Call),
            (1, Expr::If),
        ],
        stmts: vec![
            (10, Stmt::Set),
            (3, Stmt::Deep),
            (1, Stmt::Store),
            (2, Stmt::Call),
            (1, Stmt::If),
            (1, Stmt::Loop),
            (1, Stmt::SwapLoop),
        ],
        depth: 3,
        body: (5, 14),
        operators: 150,
        longs: draw.pick(&[10, 40, 80]),
        floats: 0,
        tame: 90,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 2,
            globals: 2,
            memory: 50,
        },
    );
    let distant = draw.chance(7).then(|| distant(draw, &mut draft));
    for _ in 0..draw.range(6, 14) {
        let style = style(draw);
        let sig = sig(draw, 8, 2, style.longs);
        match (distant, draw.below(8)) {
            (Some(callee), 0..=3) => far(draw, &mut draft, &style, sig, callee),
            (None, 0) => rejoined(draw, &mut draft, &style, sig),
            (None, 1) if draw.chance(40) => ring(draw, &mut draft, &style, sig),
            (None, 2) if draw.chance(40) => crowd(draw, &mut draft, &style, sig),
            _ => function(draw, &mut draft, &style, sig),
        }
    }
    draft
}

/// A function with so many results that whoever calls it has slots beyond the reach of one offset.
pub(super) fn distant(draw: &mut Draw<'_>, draft: &mut Draft) -> u32 {
    let n = draw.pick(&[505, 512, 530, 600, 900]);
    let sig = Sig {
        params: vec![Ty::I32],
        results: vec![Ty::I64; n],
    };
    let style = style(draw);
    let mut body = Body::new(draw, draft, &style, sig);
    for _ in 0..n {
        body.op(Instruction::LocalGet(0));
        body.op(Instruction::I64ExtendI32U);
    }
    let ready = body.finish(false);
    draft.funcs.push(ready);
    (draft.imports.len() + draft.funcs.len() - 1) as u32
}

/// Pressure around a call that is seldom made, for which the frame is large all the same.
fn far(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, sig: Sig, callee: u32) {
    let mut body = Body::new(draw, draft, style, sig);
    let stmts = |body: &mut Body<'_, '_, '_>| {
        for _ in 0..body.draw.range(3, 8) {
            body.stmt(2);
        }
    };
    stmts(&mut body);
    call_seldom(&mut body, callee);
    stmts(&mut body);
    body.results(24);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// A call of what [`distant`] made, on a condition that seldom holds. Gives the local that has its last result.
pub(super) fn call_seldom(body: &mut Body<'_, '_, '_>, callee: u32) -> u32 {
    body.leaf(Ty::I32);
    body.op(Instruction::I32Const(7));
    body.op(Instruction::I32And);
    body.op(Instruction::I32Eqz);
    body.op(Instruction::If(BlockType::Empty));
    body.leaf(Ty::I32);
    body.op(Instruction::Call(callee));
    let results = body.draft.sig(callee as usize).results.len();
    let kept = body.target(Ty::I64);
    body.op(Instruction::LocalSet(kept));
    for _ in 1..results {
        body.op(Instruction::Drop);
    }
    body.op(Instruction::End);
    kept
}

/// Locals of one type that hold something of the parameters.
fn filled(body: &mut Body<'_, '_, '_>, ty: Ty, count: usize) -> Vec<u32> {
    let fill = |i: usize| {
        body.leaf(ty);
        body.op(constant(ty, (i as u64).wrapping_mul(0x0123_4567_89ab)));
        body.combine(ty);
        let l = body.local(ty);
        body.op(Instruction::LocalSet(l));
        l
    };
    (0..count).map(fill).collect()
}

/// A loop that hands its locals round, more than there are registers: its back edge is one long cycle of moves. Floats are
/// computed with besides, or they would not be in registers of the FPU.
fn ring(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, mut sig: Sig) {
    let ty = draw.pick(&[Ty::I32, Ty::I32, Ty::F32, Ty::F64]);
    let float = matches!(ty, Ty::F32 | Ty::F64);
    if float {
        sig.results = vec![ty];
    }
    let mut body = Body::new(draw, draft, style, sig);
    let count = match ty {
        Ty::F32 => body.draw.range(34, 44),
        Ty::I32 | Ty::I64 | Ty::F64 => body.draw.range(18, 26),
    };
    let all = filled(&mut body, ty, count);
    let counter = body.open_loop();
    if body.draw.chance(60) {
        body.stmt(1);
    }
    for i in 1..=count {
        body.op(Instruction::LocalGet(all[i % count]));
        if float && i.is_multiple_of(3) {
            body.op(Instruction::LocalGet(all[i / 3]));
            body.combine(ty);
        }
    }
    for l in all.iter().rev() {
        body.op(Instruction::LocalSet(*l));
    }
    body.close_loop(counter);
    body.results(count + 4);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// A loop, or an arm, that sets dozens of 64-bit locals from each other, around calls.
fn crowd(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, sig: Sig) {
    let mut body = Body::new(draw, draft, style, sig);
    let count = body.draw.range(22, 40);
    let all = filled(&mut body, Ty::I64, count);
    let counter = body.draw.chance(60).then(|| body.open_loop());
    if counter.is_none() {
        body.open_block();
        body.leaf(Ty::I32);
        body.op(Instruction::BrIf(0));
    }
    if body.draw.chance(60) {
        body.stmt(1);
    }
    for (i, l) in all.iter().enumerate() {
        body.op(Instruction::LocalGet(*l));
        body.op(Instruction::LocalGet(all[(7 * i + 3) % count]));
        body.combine(Ty::I64);
        body.op(Instruction::LocalSet(*l));
    }
    match counter {
        Some(counter) => body.close_loop(counter),
        None => body.close_block(),
    }
    body.results(count + 4);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Locals that are the same small constants on both ways to a join, set aside while everything else is used, and then
/// compared: each is made again between the two halves of a condition.
fn rejoined(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, sig: Sig) {
    let mut body = Body::new(draw, draft, style, sig);
    let constants: Vec<(u32, i32)> = (0..5)
        .map(|_| (body.local(Ty::I32), body.draw.below(2) as i32))
        .collect();
    let others: Vec<u32> = (0..16).map(|_| body.local(Ty::I32)).collect();
    let folded = body.local(Ty::I32);
    body.leaf(Ty::I32);
    body.op(Instruction::If(BlockType::Empty));
    for end in [Instruction::Else, Instruction::End] {
        for other in &others {
            // Small, so that they are often equal.
            body.leaf(Ty::I32);
            body.op(Instruction::I32Const(1));
            body.op(Instruction::I32And);
            body.op(Instruction::LocalSet(*other));
        }
        for (local, value) in &constants {
            body.op(Instruction::I32Const(*value));
            body.op(Instruction::LocalSet(*local));
        }
        body.op(end);
    }
    body.op(Instruction::LocalGet(others[0]));
    for other in &others[1..] {
        body.op(Instruction::LocalGet(*other));
        body.combine(Ty::I32);
    }
    body.op(Instruction::LocalSet(folded));
    for (i, (local, _)) in constants.iter().enumerate() {
        body.op(Instruction::LocalGet(others[i]));
        body.op(Instruction::LocalGet(folded));
        both_halves(
            &mut body,
            [others[i + 1], others[i + 2], others[i + 3]],
            *local,
        );
        body.op(Instruction::Select);
        body.op(Instruction::LocalSet(folded));
    }
    body.results(17);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Two comparisons for equality joined by `and`, or for inequality by `or`; one is of a local and a constant's local.
fn both_halves(body: &mut Body<'_, '_, '_>, others: [u32; 3], constant: u32) {
    let (compare, join) = match body.draw.chance(50) {
        true => (Instruction::I32Eq, Instruction::I32And),
        false => (Instruction::I32Ne, Instruction::I32Or),
    };
    let first = body.draw.chance(50);
    for half in [first, !first] {
        let [a, b, c] = others;
        let (one, other) = if half { (a, constant) } else { (b, c) };
        body.op(Instruction::LocalGet(one));
        body.op(Instruction::LocalGet(other));
        body.op(compare.clone());
    }
    body.op(join);
}
