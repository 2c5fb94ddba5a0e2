//! Family `memory`: loads and stores of every width that meet, overlap, straddle and miss the bound.
//!
//! Addresses within 16 of 0, of the bound, of 2^31 and 2^32, offsets up to 2^32-1, unaligned everywhere; sizes read
//! and grown in between; data segments under it all. In wild modules accesses miss the memory.

use super::body::{Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};

fn style(draw: &mut Draw<'_>) -> Style {
    Style {
        exprs: vec![
            (4, Expr::Get),
            (1, Expr::Const),
            (4, Expr::Op),
            (8, Expr::Load),
            (1, Expr::Size),
            (1, Expr::Grow),
            (1, Expr::Tee),
            (1, Expr::If),
        ],
        stmts: vec![
            (8, Stmt::Store),
            (4, Stmt::Set),
            (1, Stmt::Drop),
            (1, Stmt::If),
            (1, Stmt::Loop),
            (1, Stmt::Call),
            (1, Stmt::BrIf),
        ],
        depth: 2,
        body: (1, 6),
        operators: 90,
        longs: draw.pick(&[15, 40]),
        floats: 0,
        tame: 60,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 1,
            globals: 1,
            memory: 100,
        },
    );
    if draft.memory.is_none() {
        // Only when the bytes ran out: the family is nothing without a memory.
        draft.memory = Some((1, Some(2)));
    }
    if draw.chance(10) {
        // Wild more often than other families: missing the memory is half of what this one is for.
        draft.wild = true;
    }
    for _ in 0..draw.range(10, 24) {
        let style = style(draw);
        let sig = sig(draw, 4, 2, style.longs);
        function(draw, &mut draft, &style, sig);
    }
    draft
}
