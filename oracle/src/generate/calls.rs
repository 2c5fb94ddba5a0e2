//! Family `calls`: the calling convention from both sides.
//!
//! Arguments past four words, i64 holes in registers and on the stack, many results, imports that change the
//! memory and globals behind the caller's back or call exports in turn, internal functions that are not exported, bounded recursion, start.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, GlobalDraft};
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (6, Expr::Get),
            (2, Expr::Const),
            (4, Expr::Op),
            (6, Expr::Call),
            (1, Expr::Tee),
            (1, Expr::Load),
            (2, Expr::Global),
            (1, Expr::If),
            (1, Expr::SetUnderGet),
        ],
        stmts: vec![
            (4, Stmt::Set),
            (6, Stmt::Call),
            (2, Stmt::SetGlobal),
            (1, Stmt::Store),
            (1, Stmt::If),
            (1, Stmt::Loop),
            (1, Stmt::Deep),
        ],
        depth: 2,
        body: (1, 5),
        operators: 100,
        longs: draw.pick(&[20, 50]),
        floats: 0,
        tame: 90,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 4,
            globals: 4,
            memory: 50,
        },
    );
    draft.calls_back = !draft.imports.is_empty() && draw.chance(50);
    let watched = draft.calls_back.then(|| watched(draw, &mut draft));
    for _ in 0..draw.range(10, 24) {
        let style = style(draw);
        let many = draw.pick(&[2, 4, 6, 12]);
        let results = draw.pick(&[1, 1, 2, 5]);
        let sig = sig(draw, many, results, style.longs);
        if let Some(global) = watched.filter(|_| draw.chance(15)) {
            around_call(draw, &mut draft, &style, sig, global);
        } else if draw.chance(8) {
            permuted(draw, &mut draft, &style);
        } else if draw.chance(12) {
            recursive(draw, &mut draft, &style, sig);
        } else {
            function(draw, &mut draft, &style, sig);
        }
        if let Some(last) = draft.funcs.last_mut() {
            last.exported = !draw.chance(25);
        }
    }
    if draw.chance(25) {
        let style = style(draw);
        function(draw, &mut draft, &style, Sig::default());
        draft.start = Some(draft.funcs.len() - 1);
    }
    draft
}

/// A global that only the module sees, and an export that sets it: an import that calls back changes what it cannot name.
fn watched(draw: &mut Draw<'_>, draft: &mut Draft) -> u32 {
    let ty = draw.pick(&[Ty::I32, Ty::I64]);
    draft.globals.push(GlobalDraft {
        ty,
        mutable: true,
        value: draw.long(),
        imported: false,
        exported: false,
    });
    let global = draft.globals.len() as u32 - 1;
    let sig = Sig {
        params: vec![ty],
        results: Vec::new(),
    };
    let style = style(draw);
    let mut body = Body::new(draw, draft, &style, sig);
    body.op(Instruction::LocalGet(0));
    body.op(Instruction::GlobalSet(global));
    let ready = body.finish(true);
    draft.funcs.push(ready);
    global
}

/// The global's value before and after the call of an import that may call back.
fn around_call(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, mut sig: Sig, global: u32) {
    let ty = draft.globals[global as usize].ty;
    sig.results.insert(0, ty);
    let mut body = Body::new(draw, draft, style, sig);
    if body.draw.chance(50) {
        body.stmt(1);
    }
    body.op(Instruction::GlobalGet(global));
    let import = body.draft.imports[0].clone();
    for ty in &import.params {
        body.leaf(*ty);
    }
    body.op(Instruction::Call(0));
    for ty in import.results.iter().rev() {
        let l = body.target(*ty);
        body.op(Instruction::LocalSet(l));
    }
    body.op(Instruction::GlobalGet(global));
    body.combine(ty);
    let seen = body.local(ty);
    body.op(Instruction::LocalSet(seen));
    body.results(6);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// More argument words and results than there are registers, and each result is an argument or two: all wait in
/// registers, slots or the caller's words while results are put in their places.
fn permuted(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let most = draw.pick(&[8, 20, 30]);
    let mut sig = sig(draw, most, 0, style.longs);
    sig.params.resize(sig.params.len().max(7), Ty::I32);
    let n = sig.params.len();
    let chosen: Vec<usize> = (0..draw.range(5, 32)).map(|_| draw.below(n)).collect();
    sig.results = chosen.iter().map(|p| sig.params[*p]).collect();
    let mut body = Body::new(draw, draft, style, sig.clone());
    if body.draw.chance(30) {
        body.stmt(1);
    }
    for (p, ty) in chosen.into_iter().zip(&sig.results) {
        body.op(Instruction::LocalGet(p as u32));
        if body.draw.chance(25) {
            body.leaf(*ty);
            body.combine(*ty);
        }
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// `f(n, ...)`: at `n & 7 == 0` a leaf, else statements around one call of itself with `(n & 7) - 1`.
fn recursive(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, mut sig: Sig) {
    sig.params.insert(0, Ty::I32);
    let index = (draft.imports.len() + draft.funcs.len()) as u32;
    let mut body = Body::new(draw, draft, style, sig.clone());
    let depth = body.local(Ty::I32);
    for op in [
        Instruction::LocalGet(0),
        Instruction::I32Const(7),
        Instruction::I32And,
        Instruction::LocalTee(depth),
    ] {
        body.op(op);
    }
    body.op(Instruction::If(BlockType::Empty));
    body.op(Instruction::LocalGet(depth));
    body.op(Instruction::I32Const(1));
    body.op(Instruction::I32Sub);
    for ty in &sig.params[1..] {
        body.expr(*ty, 1);
    }
    body.op(Instruction::Call(index));
    for ty in sig.results.iter().rev() {
        let l = body.local(*ty);
        body.op(Instruction::LocalSet(l));
    }
    body.op(Instruction::End);
    body.results(8);
    let mut ready = body.finish(true);
    ready.cost *= 8;
    draft.funcs.push(ready);
}
