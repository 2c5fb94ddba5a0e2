//! Family `ops`: every operator, alone or two deep, over each way its operands can arrive.
//!
//! Many tiny functions in a module: an operator's operands are parameters, constants on either side or both, or
//! one parameter twice; the result is returned as it is, or feeds one more operator, a select, a branch.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, constant};
use super::draw::Draw;
use super::table::{Partial, ROWS, Row, of_type};
use super::{Shape, surroundings};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

fn style() -> Style {
    Style {
        exprs: vec![(3, Expr::Get), (1, Expr::Const)],
        stmts: vec![(1, Stmt::Set)],
        depth: 1,
        body: (0, 0),
        operators: 60,
        longs: 50,
        floats: 0,
        tame: 10,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 0,
            globals: 0,
            memory: 0,
        },
    );
    // Traps are cheap here, one small function each, and half of what division has to show.
    draft.wild |= draw.chance(20);
    let style = style();
    for _ in 0..draw.range(24, 48) {
        let row = &ROWS[draw.below(ROWS.len())];
        one(draw, &mut draft, &style, row);
    }
    draft
}

/// How the operator's result is used.
#[derive(Clone, Copy)]
enum Use {
    Returned,
    Nested,
    Select,
    If,
    BrIf,
}

fn one(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, row: &'static Row) {
    let usage = draw.pick(&[
        Use::Returned,
        Use::Returned,
        Use::Nested,
        Use::Nested,
        Use::Select,
        Use::If,
        Use::BrIf,
    ]);
    let outer: Vec<&'static Row> = ROWS
        .iter()
        .filter(|r| r.operands.contains(&row.result))
        .collect();
    let outer = draw.pick(&outer);
    let result = match usage {
        Use::Nested => outer.result,
        Use::Returned => row.result,
        Use::Select | Use::If | Use::BrIf => draw.pick(&[Ty::I32, Ty::I64]),
    };
    // Two parameters of each type: every operand can be one, and junk around the pairs is real.
    let params = draw
        .pick(&[
            [Ty::I32, Ty::I64, Ty::I32, Ty::I64],
            [Ty::I64, Ty::I32, Ty::I32, Ty::I64],
        ])
        .to_vec();
    let sig = Sig {
        params: if row.operands.len() == 2 && draw.chance(50) {
            same(row, result)
        } else {
            params
        },
        results: vec![result],
    };
    let mut body = Body::new(draw, draft, style, sig);
    match usage {
        Use::Returned => operands(&mut body, row),
        Use::Nested => nested(&mut body, row, outer),
        Use::Select | Use::If | Use::BrIf => condition(&mut body, row, usage, result),
    }
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

/// Only parameters of the operator's own type, first in registers: the shape of the smallest C function.
fn same(row: &Row, result: Ty) -> Vec<Ty> {
    let mut params = row.operands.to_vec();
    params.push(result);
    params
}

/// The operands by one of the forms, then the operator.
fn operands(body: &mut Body<'_, '_, '_>, row: &'static Row) {
    match row.operands {
        [one] => {
            if body.draw.chance(10) {
                body.constant(*one);
            } else {
                body.leaf(*one);
            }
        }
        [ty, _] if row.partial == Partial::ZeroOrOverflow && body.draw.chance(30) => {
            overflowing(body, *ty);
        }
        [left, right] => match body.draw.below(6) {
            0 | 1 => {
                body.leaf(*left);
                body.leaf(*right);
            }
            2 => {
                body.constant(*left);
                body.leaf(*right);
            }
            3 => {
                body.leaf(*left);
                body.constant(*right);
            }
            4 => {
                body.leaf(*left);
                let l = body.local(*left);
                body.op(Instruction::LocalTee(l));
                body.op(Instruction::LocalGet(l));
            }
            _ => {
                body.constant(*left);
                body.constant(*right);
            }
        },
        _ => unreachable!("operators have one or two operands"),
    }
    body.apply(row);
}

/// Operands of the one quotient that overflows: both constants, or one of them and whatever the other is.
fn overflowing(body: &mut Body<'_, '_, '_>, ty: Ty) {
    let least = 1 << (32 * ty.words() - 1);
    let (least, minus_one) = (constant(ty, least), constant(ty, u64::MAX));
    let known = body.draw.below(3);
    for (side, constant) in [(1, least), (2, minus_one)] {
        if known == side {
            body.leaf(ty);
        } else {
            body.op(constant);
        }
    }
}

/// The result as left or right operand of another operator; the other side is a leaf, or a second nested operator.
fn nested(body: &mut Body<'_, '_, '_>, row: &'static Row, outer: &'static Row) {
    match outer.operands {
        [_] => operands(body, row),
        [left, right] => {
            let on_left = *left == row.result && body.draw.chance(50) || *right != row.result;
            if on_left {
                operands(body, row);
                other(body, *right);
            } else {
                other(body, *left);
                operands(body, row);
            }
        }
        _ => unreachable!("operators have one or two operands"),
    }
    body.apply(outer);
}

fn other(body: &mut Body<'_, '_, '_>, ty: Ty) {
    match body.draw.below(3) {
        0 => body.leaf(ty),
        1 => body.constant(ty),
        _ => {
            let rows: Vec<&'static Row> = of_type(ty).collect();
            let row = body.draw.pick(&rows);
            operands(body, row);
        }
    }
}

/// The result decides something.
fn condition(body: &mut Body<'_, '_, '_>, row: &'static Row, usage: Use, result: Ty) {
    let test = |body: &mut Body<'_, '_, '_>| {
        operands(body, row);
        if row.result == Ty::I64 {
            body.op(Instruction::I64Eqz);
        } else if body.draw.chance(30) {
            body.op(Instruction::I32Eqz);
        }
    };
    let bt = BlockType::Result(super::draft::val_type(result));
    match usage {
        Use::If => {
            test(body);
            body.op(Instruction::If(bt));
            other(body, result);
            body.op(Instruction::Else);
            other(body, result);
            body.op(Instruction::End);
        }
        Use::BrIf => {
            body.op(Instruction::Block(bt));
            other(body, result);
            test(body);
            body.op(Instruction::BrIf(0));
            other(body, result);
            body.combine(result);
            body.op(Instruction::End);
        }
        Use::Select | Use::Returned | Use::Nested => {
            other(body, result);
            other(body, result);
            test(body);
            body.op(Instruction::Select);
        }
    }
}
