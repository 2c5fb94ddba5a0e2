//! Family `whole`: modules that use everything at once.
//!
//! Floats, 64-bit values, several memories that grow and are copied between, tables that change, references in globals,
//! passive segments of both kinds, imports, several results, tail calls: all in one module, and most of it in one function.
//! What numbers or places things of one kind meets things of the others here. All modules are tame: bounds are what other
//! families are for.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, GlobalDraft};
use super::draw::Draw;
use super::{Shape, function, memory, surroundings, tables};
use crate::program::{Sig, Ty};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (5, Expr::Get),
            (2, Expr::Const),
            (6, Expr::Op),
            (1, Expr::Tee),
            (3, Expr::Load),
            (2, Expr::Global),
            (1, Expr::Size),
            (1, Expr::Grow),
            (2, Expr::Call),
            (1, Expr::Select),
            (1, Expr::If),
            (1, Expr::Block),
        ],
        stmts: vec![
            (5, Stmt::Set),
            (2, Stmt::SetGlobal),
            (3, Stmt::Store),
            (3, Stmt::Bulk),
            (2, Stmt::Call),
            (1, Stmt::If),
            (1, Stmt::Loop),
            (1, Stmt::BrIf),
        ],
        depth: 2,
        body: (0, 3),
        operators: 100,
        longs: 30,
        floats: draw.pick(&[20, 40]),
        tame: 100,
    }
}

fn types(draw: &mut Draw<'_>, least: usize, most: usize) -> Vec<Ty> {
    let ty = |draw: &mut Draw<'_>| draw.pick(&[Ty::I32, Ty::I32, Ty::I64, Ty::F32, Ty::F64]);
    (0..draw.range(least, most)).map(|_| ty(draw)).collect()
}

fn sig(draw: &mut Draw<'_>) -> Sig {
    let results = draw.pick(&[1, 2, 3, 7]);
    Sig {
        params: types(draw, 0, 6),
        results: types(draw, 1, results),
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let shape = Shape {
        imports: 1,
        globals: 2,
        memory: 100,
    };
    let mut draft = surroundings(draw, &shape);
    draft.wild = false;
    draft.memory.get_or_insert((1, Some(2)));
    let mut pool = Vec::new();
    for _ in 0..draw.range(1, 3) {
        pool.push(sig(draw));
    }
    if draw.chance(50) {
        draft.imports.push(pool[0].clone());
    }
    for ty in types(draw, 1, 2) {
        draft.globals.push(GlobalDraft {
            ty,
            mutable: true,
            value: ty.wrap(draw.double()),
            imported: false,
            exported: draw.chance(50),
        });
    }
    memory::another(draw, &mut draft, 0);
    memory::segments(draw, &mut draft);
    for i in 0..draw.range(3, 5) {
        let style = style(draw);
        let sig = pool[i % pool.len()].clone();
        function(draw, &mut draft, &style, sig);
    }
    draft.leaves = Some(draft.funcs.len());
    for _ in 0..draw.range(1, 2) {
        tables::table(draw, &mut draft, &pool);
        tables::global(draw, &mut draft, &pool);
    }
    for _ in 0..draw.range(4, 9) {
        mixed(draw, &mut draft);
    }
    draft
}

/// Statements of every kind, and half of the time a tail call behind them.
fn mixed(draw: &mut Draw<'_>, draft: &mut Draft) {
    let style = style(draw);
    let leaves = draw.chance(50).then(|| tables::leaving(draw, draft));
    let results = match &leaves {
        Some((_, results)) => results.clone(),
        None => types(draw, 1, 3),
    };
    let params = types(draw, 1, 6);
    let mut body = Body::new(draw, draft, &style, Sig { params, results });
    let all = 0..body.draft.tables.len();
    for _ in 0..body.draw.range(2, 6) {
        match body.draw.chance(40) {
            true => tables::step(&mut body, all.clone()),
            false => _ = body.stmt(style.depth),
        }
    }
    match leaves {
        Some((callee, _)) => tables::leave(&mut body, callee),
        None => body.results(8),
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}
