//! Family `tables`: calls by reference, tables that change, tail calls.
//!
//! Tables of one type and of several, with null entries, never changed or changed by every operator there is; indexes and
//! ranges around their ends; segments over each other; tail calls with more words on the stack than the caller has, with
//! results on the stack, and mutual recursion by them.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, ElemDraft, TableDraft};
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (6, Expr::Get),
            (2, Expr::Const),
            (3, Expr::Op),
            (1, Expr::Call),
            (1, Expr::Tee),
            (1, Expr::Global),
            (1, Expr::SetUnderGet),
        ],
        stmts: vec![
            (4, Stmt::Set),
            (1, Stmt::Call),
            (2, Stmt::SetGlobal),
            (1, Stmt::Store),
            (1, Stmt::If),
        ],
        depth: 2,
        body: (0, 2),
        operators: 120,
        longs: draw.pick(&[20, 50]),
        floats: 0,
        tame: 95,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let shape = Shape {
        imports: 2,
        globals: 3,
        memory: 30,
    };
    let mut draft = surroundings(draw, &shape);
    draft.wild = draw.chance(20);
    let pool = pool(draw, &draft);
    for i in 0..draw.range(3, 8) {
        let style = style(draw);
        let sig = pool[i % pool.len()].clone();
        function(draw, &mut draft, &style, sig);
        last_exported(&mut draft, draw.chance(30));
    }
    draft.leaves = Some(draft.funcs.len());
    for _ in 0..draw.range(1, 3) {
        table(draw, &mut draft, &pool);
    }
    for _ in 0..draw.below(3) {
        global(draw, &mut draft, &pool);
    }
    // Some modules never change a table, some only the last one.
    let changed = match draw.below(3) {
        0 => 0..0,
        1 => draft.tables.len() - 1..draft.tables.len(),
        _ => 0..draft.tables.len(),
    };
    for _ in 0..draw.range(3, 8) {
        let style = style(draw);
        match draw.below(10) {
            0 | 1 => tail(draw, &mut draft, &style),
            2 => together(draw, &mut draft, &style),
            _ => through(draw, &mut draft, &style, changed.clone()),
        }
    }
    // Last, so that what they leave in tables meets no call of another function.
    for _ in 0..draw.range(1, 3) {
        let style = style(draw);
        direct(draw, &mut draft, &style, changed.clone());
    }
    draft
}

/// One operator on a table, whose operands are parameters brought near its ends.
fn direct(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, changed: std::ops::Range<usize>) {
    let table = draw.below(draft.tables.len());
    let changes = changed.contains(&table);
    let sig = Sig {
        params: vec![Ty::I32; 3],
        results: vec![Ty::I32],
    };
    let mut body = Body::new(draw, draft, style, sig);
    body.one_operator(table as u32, changes);
    body.results(8);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

fn last_exported(draft: &mut Draft, exported: bool) {
    if let Some(last) = draft.funcs.last_mut() {
        last.exported = exported;
    }
}

/// The types of functions that tables hold: an import's among them, if there is one.
fn pool(draw: &mut Draw<'_>, draft: &Draft) -> Vec<Sig> {
    let mut pool = Vec::new();
    for _ in 0..draw.pick(&[1, 1, 2, 3]) {
        let most = draw.pick(&[2, 4, 8]);
        let results = draw.pick(&[1, 1, 2, 7]);
        pool.push(sig(draw, most, results, 30));
    }
    if let Some(import) = draft.imports.first().filter(|_| draw.chance(50)) {
        pool[0] = import.clone();
    }
    pool
}

/// A table and the segments that fill it: functions of one type first, then maybe others and nothing.
pub(super) fn table(draw: &mut Draw<'_>, draft: &mut Draft, pool: &[Sig]) {
    let number = draft.tables.len() as u32;
    let funcref = number == 0 || !draw.chance(25);
    let sig = pool[draw.below(pool.len())].clone();
    let own = draft.referable(&sig);
    let callable = match funcref {
        true => draw.range(1, 6) as u32,
        false => 0,
    };
    let tail = draw.pick(&[0, 0, 1, 2, 4]);
    let min = callable + tail + u32::from(!funcref);
    let max = match draw.below(3) {
        0 => Some(min),
        _ => Some(min + draw.below(5) as u32),
    };
    let mut items: Vec<Option<u32>> = Vec::new();
    for _ in 0..callable {
        items.push(Some(draw.pick(&own)));
    }
    for _ in 0..draw.below(tail as usize + 1) {
        items.push((!draw.chance(40)).then(|| draw.below(draft.leaves()) as u32));
    }
    if funcref && draw.chance(30) {
        // Another segment below, which the next one covers.
        let other = ElemDraft::active(
            number,
            0,
            vec![Some(draw.pick(&own)); 1 + draw.below(callable as usize)],
        );
        draft.elems.push(other);
    }
    if funcref {
        draft.elems.push(ElemDraft::active(number, 0, items));
    }
    draft.tables.push(TableDraft {
        funcref,
        min,
        max,
        exported: draw.chance(30),
        sig: sig.clone(),
        callable,
    });
    if draw.chance(40) {
        let n = draw.below(5);
        let items = match funcref {
            true => (0..n).map(|_| Some(draw.pick(&own))).collect(),
            false => vec![None; n],
        };
        draft.elems.push(ElemDraft::passive(funcref, sig, items));
    }
}

/// A global that refers to a function.
pub(super) fn global(draw: &mut Draw<'_>, draft: &mut Draft, pool: &[Sig]) {
    let sig = pool[draw.below(pool.len())].clone();
    let f = draw.pick(&draft.referable(&sig));
    draft.references.push((f, draw.chance(50)));
}

/// Calls through tables, and what changes them.
fn through(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, changed: std::ops::Range<usize>) {
    let sig = sig(draw, 4, 2, style.longs);
    let mut body = Body::new(draw, draft, style, sig);
    for _ in 0..body.draw.range(2, 6) {
        step(&mut body, changed.clone());
    }
    body.results(8);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// A call through a table, a question to one or a change of one of `changed`; seldom a statement of another kind.
pub(super) fn step(body: &mut Body<'_, '_, '_>, changed: std::ops::Range<usize>) {
    let table = body.draw.below(body.draft.tables.len()) as u32;
    let calls = body.draft.tables[table as usize].funcref;
    match body.draw.below(8) {
        0..=3 if calls => body.call_table(table),
        4 => body.is_null(table),
        5 | 6 if !changed.is_empty() => {
            let table = body.draw.range(changed.start, changed.end - 1) as u32;
            body.change_table(table);
        }
        7 => {
            body.stmt(1);
        }
        _ if calls => body.call_table(table),
        _ => body.is_null(table),
    }
}

/// Where a tail call goes.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Function(u32),
    Table(u32),
}

/// Where a function's last call goes, and what that makes its results.
pub(super) fn leaving(draw: &mut Draw<'_>, draft: &Draft) -> (Callee, Vec<Ty>) {
    let tables: Vec<u32> = (0..draft.tables.len() as u32)
        .filter(|t| draft.tables[*t as usize].funcref)
        .collect();
    let table = draw.chance(40).then(|| draw.pick(&tables));
    let function = draw.below(draft.imports.len() + draft.funcs.len());
    match table {
        Some(t) => (
            Callee::Table(t),
            draft.tables[t as usize].sig.results.clone(),
        ),
        None => (
            Callee::Function(function as u32),
            draft.sig(function).results.clone(),
        ),
    }
}

/// The tail call.
pub(super) fn leave(body: &mut Body<'_, '_, '_>, callee: Callee) {
    match callee {
        Callee::Table(t) => body.return_call_table(t),
        Callee::Function(f) => body.return_call(f),
    }
}

/// A function that ends in a tail call: of a function with other parameters, or through a table.
fn tail(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let (callee, results) = leaving(draw, draft);
    let params = draw.pick(&[0, 2, 6]);
    let params = sig(draw, params, 0, style.longs).params;
    let mut body = Body::new(draw, draft, style, Sig { params, results });
    if body.draw.chance(40) {
        body.stmt(1);
    }
    let early = body.draw.chance(30);
    if early {
        body.leaf(Ty::I32);
        body.op(Instruction::If(BlockType::Empty));
        body.results(8);
        body.op(Instruction::Return);
        body.op(Instruction::End);
    }
    leave(&mut body, callee);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Two functions that end in tail calls of each other, one with more words than the other, until a depth is used up.
fn together(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let results = draw.pick(&[0, 1, 2, 7]);
    let results = sig(draw, 0, results, style.longs).results;
    let mut sides: Vec<Vec<Ty>> = Vec::new();
    for most in [3, 9] {
        let mut params = sig(draw, most, 0, style.longs).params;
        params.insert(0, Ty::I32);
        sides.push(params);
    }
    let first = (draft.imports.len() + draft.funcs.len()) as u32;
    let table = draw.chance(40).then(|| {
        let number = draft.tables.len() as u32;
        let items = vec![Some(first), Some(first + 1)];
        draft.elems.push(ElemDraft::active(number, 0, items));
        draft.tables.push(TableDraft {
            funcref: true,
            min: 2,
            max: Some(2),
            exported: false,
            sig: Sig {
                params: sides[0].clone(),
                results: results.clone(),
            },
            callable: 0,
        });
        number
    });
    // Neither is there yet for the other, which would else call it with a depth that goes down no more.
    let mut both = Vec::new();
    for side in 0..2u32 {
        let sig = Sig {
            params: sides[side as usize].clone(),
            results: results.clone(),
        };
        let other = 1 - side;
        let mut body = Body::new(draw, draft, style, sig);
        body.op(Instruction::LocalGet(0));
        body.op(Instruction::I32Const(15));
        body.op(Instruction::I32And);
        body.op(Instruction::If(BlockType::Empty));
        let by = table.map(|t| (t, other));
        body.go_on(first + other, &sides[other as usize], by);
        body.op(Instruction::End);
        body.results(8);
        let mut ready = body.finish(true);
        ready.cost *= 16;
        both.push(ready);
    }
    draft.funcs.extend(both);
}
