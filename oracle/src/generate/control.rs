//! Family `control`: every way control can split, carry values and meet again.
//!
//! Valued blocks, loops whose parameters the back edge permutes, `br_table` with no, one and many targets, branches out
//! of several blocks at once, early returns, code after unconditional branches.

use super::body::{Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};

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
    for _ in 0..draw.range(10, 24) {
        let style = style(draw);
        let sig = sig(draw, 4, 3, style.longs);
        function(draw, &mut draft, &style, sig);
    }
    draft
}
