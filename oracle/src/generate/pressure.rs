//! Family `pressure`: more values alive than there are registers.
//!
//! Fourteen to thirty locals computed from each other, folded in another order after calls and loops; operand stacks
//! of many values; parameters changed under a pending `local.get`; i64 halves that overlap.

use super::body::{Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};

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
    for _ in 0..draw.range(6, 14) {
        let style = style(draw);
        let sig = sig(draw, 8, 2, style.longs);
        function(draw, &mut draft, &style, sig);
    }
    draft
}
