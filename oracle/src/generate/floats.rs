//! Family `floats`: arithmetic on floats, and what surrounds it.
//!
//! Every operator by operands at the ends of its ranges, beside them and inside; conversions that trap just past them;
//! comparisons as values, as conditions and joined; floats in memory, globals, parameters of both kinds mixed, many
//! results; more of them alive than there are registers, around calls, since each operation may be one.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, GlobalDraft, constant};
use super::draw::Draw;
use super::table::{FLOATS, Partial, Row};
use super::{Shape, function, surroundings};
use crate::program::{Sig, Ty};
use wasm_encoder::Instruction;

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (4, Expr::Get),
            (2, Expr::Const),
            (12, Expr::Op),
            (2, Expr::SameTwice),
            (2, Expr::Tee),
            (2, Expr::SetUnderGet),
            (3, Expr::Load),
            (1, Expr::Global),
            (3, Expr::Select),
            (2, Expr::Call),
            (2, Expr::If),
            (1, Expr::Block),
        ],
        stmts: vec![
            (10, Stmt::Set),
            (2, Stmt::SetGlobal),
            (3, Stmt::Store),
            (2, Stmt::Call),
            (2, Stmt::If),
            (1, Stmt::Loop),
            (1, Stmt::SwapLoop),
            (1, Stmt::BrIf),
            (1, Stmt::Deep),
        ],
        depth: 3,
        body: (2, 8),
        operators: 70,
        longs: 30,
        floats: draw.pick(&[50, 70, 90]),
        tame: 80,
    }
}

fn ty(draw: &mut Draw<'_>) -> Ty {
    draw.pick(&[Ty::F32, Ty::F64, Ty::F32, Ty::F64, Ty::I32, Ty::I64])
}

fn sig(draw: &mut Draw<'_>) -> Sig {
    // Some have more floats than an FPU has registers for them.
    let most = if draw.chance(15) { 24 } else { 7 };
    let params = (0..draw.below(most)).map(|_| ty(draw)).collect();
    let results = (0..draw.pick(&[1, 1, 1, 2, 3])).map(|_| ty(draw)).collect();
    Sig { params, results }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 0,
            globals: 0,
            memory: 60,
        },
    );
    for _ in 0..draw.below(3) {
        let sig = sig(draw);
        draft.imports.push(sig);
    }
    let imported = draw.below(2);
    for i in 0..draw.below(4) {
        let ty = ty(draw);
        let value = ty.wrap(draw.double());
        let (mutable, exported) = (!draw.chance(25), draw.chance(50));
        draft.globals.push(GlobalDraft {
            ty,
            mutable,
            value,
            imported: i < imported,
            exported,
        });
    }
    for _ in 0..draw.range(5, 10) {
        match draw.below(6) {
            0 | 1 => single(draw, &mut draft),
            2 => folded(draw, &mut draft),
            _ => {
                let (style, sig) = (style(draw), sig(draw));
                function(draw, &mut draft, &style, sig);
            }
        }
    }
    if draw.chance(40) {
        apart(draw, &mut draft);
    }
    draft
}

/// An operator: one in four is a conversion that traps, of which each has ends of its own.
fn row(draw: &mut Draw<'_>) -> &'static Row {
    let traps = |row: &&Row| row.partial == Partial::Range;
    match draw.chance(25) {
        true => draw.pick(&FLOATS.iter().filter(traps).collect::<Vec<_>>()),
        false => &FLOATS[draw.below(FLOATS.len())],
    }
}

/// A function of one operator, of parameters or of a constant on either side.
fn single(draw: &mut Draw<'_>, draft: &mut Draft) {
    let row = row(draw);
    let sig = Sig {
        params: row.operands.to_vec(),
        results: vec![row.result],
    };
    let fixed = draw.below(2 * row.operands.len() + 2);
    let same = draw.chance(10);
    let style = style(draw);
    let mut body = Body::new(draw, draft, &style, sig);
    for (i, ty) in row.operands.iter().enumerate() {
        match i == fixed {
            true => body.constant(*ty),
            false if same && row.operands.len() == 2 && row.operands[0] == row.operands[1] => {
                body.op(Instruction::LocalGet(0))
            }
            false => body.op(Instruction::LocalGet(i as u32)),
        }
    }
    body.apply(row);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// A function with a double that its loop carries as two words, in any order and with other words between them, and that its
/// operators ask for so often that it is worth a register.
fn apart(draw: &mut Draw<'_>, draft: &mut Draft) {
    let binary = |row: &&Row| row.operands == [Ty::F64, Ty::F64] && row.result == Ty::F64;
    let rows: Vec<_> = FLOATS.iter().filter(binary).collect();
    let words = draw.range(2, 5);
    let low = draw.below(words) as u32;
    let high = (low + draw.range(1, words - 1) as u32) % words as u32;
    let results = vec![Ty::I32; words];
    let params = [&results[..], &[Ty::F64]].concat();
    let style = style(draw);
    let mut body = Body::new(draw, draft, &style, Sig { params, results });
    let (double, bits) = (body.local(Ty::F64), body.local(Ty::I64));
    let counter = body.open_loop();
    for word in [low, high] {
        body.op(Instruction::LocalGet(word));
        body.op(Instruction::I64ExtendI32U);
    }
    body.op(Instruction::I64Const(32));
    body.op(Instruction::I64Shl);
    body.op(Instruction::I64Or);
    body.op(Instruction::F64ReinterpretI64);
    body.op(Instruction::LocalTee(double));
    body.op(Instruction::LocalGet(words as u32));
    for again in (0..body.draw.range(1, 3)).rev() {
        let row = body.draw.pick(&rows);
        body.apply(row);
        if again > 0 {
            body.op(Instruction::LocalGet(double));
        }
    }
    body.op(Instruction::I64ReinterpretF64);
    body.op(Instruction::LocalTee(bits));
    body.op(Instruction::I32WrapI64);
    body.op(Instruction::LocalSet(low));
    body.op(Instruction::LocalGet(bits));
    body.op(Instruction::I64Const(32));
    body.op(Instruction::I64ShrU);
    body.op(Instruction::I32WrapI64);
    body.op(Instruction::LocalSet(high));
    for word in (0..words as u32).filter(|w| ![low, high].contains(w)) {
        body.op(Instruction::LocalGet(word));
        body.leaf(Ty::I32);
        body.combine(Ty::I32);
        body.op(Instruction::LocalSet(word));
    }
    body.close_loop(counter);
    for word in 0..words as u32 {
        body.op(Instruction::LocalGet(word));
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// A function of operators of constants alone, which fold.
fn folded(draw: &mut Draw<'_>, draft: &mut Draft) {
    let rows: Vec<_> = (0..draw.range(1, 6)).map(|_| row(draw)).collect();
    let sig = Sig {
        params: Vec::new(),
        results: rows.iter().map(|r| r.result).collect(),
    };
    let style = style(draw);
    let mut body = Body::new(draw, draft, &style, sig);
    for row in rows {
        let mut bits = 0;
        for (i, ty) in row.operands.iter().enumerate() {
            bits = beside(body.draw, *ty, (i > 0).then_some(bits));
            body.op(constant(*ty, bits));
        }
        body.apply(row);
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// The bits of an operand: a zero of either sign, any value, or the operand before it, or that with the other sign.
fn beside(draw: &mut Draw<'_>, ty: Ty, before: Option<u64>) -> u64 {
    let sign = match ty {
        Ty::F32 | Ty::I32 => 1 << 31,
        Ty::F64 | Ty::I64 => 1 << 63,
    };
    match (draw.below(8), before) {
        (0, _) => 0,
        (1, _) => sign,
        (2, Some(bits)) => bits,
        (3 | 4, Some(bits)) => bits ^ sign,
        _ => draw.value(ty),
    }
}
