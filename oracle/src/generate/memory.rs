//! Family `memory`: loads and stores of every width that meet, overlap, straddle and miss the bound.
//!
//! Addresses within 16 of 0, of the bound, of 2^31 and 2^32, offsets up to 2^32-1, unaligned everywhere; sizes read
//! and grown in between; data segments under it all. In wild modules accesses miss the memory, and some functions do nothing but
//! that: by a byte, by several widths at one address, by segments of which nothing is left.

use super::body::{Body, Expr, Stmt, Style};
use super::draft::{Draft, MemoryDraft, constant};
use super::draw::Draw;
use super::{Shape, function, sig, surroundings};
use crate::program::Ty;
use wasm_encoder::Instruction;

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
            (5, Stmt::Bulk),
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

/// Sizes in bytes of memories whose pages are bytes.
const SMALL: [u64; 6] = [100, 255, 1024, 4098, 40_001, 70_001];

/// The memory has pages of a byte, or comes from outside.
fn small(draw: &mut Draw<'_>, draft: &mut Draft) {
    if draw.chance(50) {
        draft.memory_imported = true;
        return;
    }
    let min = draw.pick(&SMALL);
    draft.small_pages = true;
    draft.memory = Some((min, Some(min + draw.pick(&[0, 1, 7, 1000]))));
    for (at, bytes) in &mut draft.data {
        bytes.truncate(20);
        *at %= min as u32 - 20;
    }
}

/// One or two memories more, of either page size; the first one may come from outside.
fn others(draw: &mut Draw<'_>, draft: &mut Draft) {
    draft.memory_imported = draw.chance(25);
    for _ in 0..draw.range(1, 2) {
        another(draw, draft, 70);
    }
}

/// A memory behind those that there are; the chance of pages of a byte is in percent.
pub(super) fn another(draw: &mut Draw<'_>, draft: &mut Draft, small: usize) {
    let small_pages = draw.chance(small);
    let min = if small_pages { draw.pick(&SMALL) } else { 1 };
    let bytes: Vec<u8> = (0..draw.below(20)).map(|_| draw.below(256) as u8).collect();
    let room = min << if small_pages { 0 } else { 16 };
    let at = draw.pick(&[0, 3, 16, room as u32 - 20]);
    draft.others.push(MemoryDraft {
        min,
        max: min + draw.pick(&[0, 0, 1, 3]),
        small_pages,
        data: (at, bytes),
    });
}

/// Passive segments.
pub(super) fn segments(draw: &mut Draw<'_>, draft: &mut Draft) {
    for _ in 0..draw.below(4) {
        let bytes = (0..draw.below(40)).map(|_| draw.below(256) as u8);
        draft.passive.push(bytes.collect());
    }
}

/// Initial values that are sums, differences and products; offsets that name what comes from outside.
fn constants(draw: &mut Draw<'_>, draft: &mut Draft) {
    let outside = draft.globals.iter().position(|g| {
        let known = g.imported && !g.mutable;
        known && g.ty == Ty::I32
    });
    if draw.chance(50) {
        draft.outside = outside.map(|g| g as u32);
    }
    for (i, g) in draft
        .globals
        .iter()
        .enumerate()
        .filter(|(_, g)| !g.imported)
    {
        if draw.chance(40) {
            continue;
        }
        let constant = |v: u64| constant(g.ty, v);
        let operators = match g.ty.words() {
            1 => [
                Instruction::I32Sub,
                Instruction::I32Add,
                Instruction::I32Mul,
            ],
            _ => [
                Instruction::I64Sub,
                Instruction::I64Add,
                Instruction::I64Mul,
            ],
        };
        let first = match outside {
            Some(o) if g.ty == Ty::I32 && draw.chance(50) => Instruction::GlobalGet(o as u32),
            _ => constant(draw.long()),
        };
        let mut steps = vec![first, constant(g.value)];
        steps.push(operators[draw.below(3)].clone());
        if draw.chance(50) {
            steps.push(constant(draw.long()));
            steps.push(operators[draw.below(3)].clone());
        }
        draft.extended.push((i as u32, steps));
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 1,
            globals: 3,
            memory: 100,
        },
    );
    if draft.memory.is_none() {
        // Only when the bytes ran out: the family is nothing without a memory.
        draft.memory = Some((1, Some(2)));
    }
    match draw.below(8) {
        0..=2 => {}
        3 => small(draw, &mut draft),
        _ => others(draw, &mut draft),
    }
    segments(draw, &mut draft);
    constants(draw, &mut draft);
    if draw.chance(10) {
        // Wild more often than other families: missing the memory is half of what this one is for.
        draft.wild = true;
    }
    for _ in 0..draw.range(10, 24) {
        let style = style(draw);
        let sig = sig(draw, 4, 2, style.longs);
        function(draw, &mut draft, &style, sig);
    }
    if draft.wild {
        for _ in 0..draw.range(3, 6) {
            bound(draw, &mut draft);
        }
    }
    draft
}

/// Nothing but accesses around a bound: what stands before them elsewhere traps first, often.
fn bound(draw: &mut Draw<'_>, draft: &mut Draft) {
    let style = style(draw);
    let sig = sig(draw, 3, 2, style.longs);
    let mut body = Body::new(draw, draft, &style, sig);
    match body.draft.passive.is_empty() || body.draw.chance(60) {
        true => body.at_the_end(),
        false => body.init_of_nothing(1),
    }
    body.results(4);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}
