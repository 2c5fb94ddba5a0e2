//! Family `real`: pieces of the corpus and of the specification's tests, put together anew.
//!
//! In: decisions, and the functions that [`super::donor`] took apart. Out: modules whose functions are whole ones of
//! those, or collages of their statements and expressions, with constants and operators changed and
//! expressions replaced by others of the same type, over the corpus' data. Invariants: a piece keeps the stack's types, so the result
//! validates; loops and calls use up a counter and return when it is spent, which is no trap; unless the
//! module is wild, addresses are masked into the memory and divisors are odd.

use super::body::{Body, Style};
use super::donor::{Access, Donor, Op, Piece, donors, memory, tests_of_the_specification};
use super::draft::{Draft, GlobalDraft, Ready};
use super::draw::Draw;
use super::table::{Partial, ROWS, Row};
use super::{Made, sig as signature};
use crate::program::{Sig, Ty};
use std::collections::HashMap;
use wasm_encoder::{BlockType, Instruction};

/// Loop iterations and calls that one call of an export may make.
const FUEL: u32 = 120;
/// The global that holds what is left of them.
const FUEL_GLOBAL: u32 = 0;
/// Addresses and offsets are cut to this: twice as much is less than a page.
const WITHIN: u32 = 0x7fff;
/// Percent of the pieces that are from the specification's tests.
const SPECIFIED: usize = 30;
/// Most operators of a function; one that is longer gets no more pieces.
const LONG: usize = 160;

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Made {
    let mut draft = surroundings(draw);
    let style = Style {
        exprs: Vec::new(),
        stmts: Vec::new(),
        depth: 0,
        body: (1, 6),
        operators: LONG,
        longs: 30,
        floats: 0,
        tame: 100,
    };
    for _ in 0..draw.range(8, 20) {
        if draw.chance(35) {
            whole(draw, &mut draft, &style);
        } else {
            collage(draw, &mut draft, &style);
        }
    }
    Made {
        wasm: draft.encode(),
        fuel: Some((FUEL_GLOBAL, FUEL)),
        foreign: false,
    }
}

/// Memory, data and globals that pieces refer to.
fn surroundings(draw: &mut Draw<'_>) -> Draft {
    let mut draft = Draft {
        wild: draw.chance(10),
        memory: Some((1, draw.pick(&[Some(1), Some(1), Some(3)]))),
        memory_exported: draw.chance(50),
        fuel: Some(FUEL_GLOBAL),
        ..Draft::default()
    };
    for _ in 0..draw.below(3) {
        draft.imports.push(signature(draw, 3, 1, 30));
    }
    let kinds = [
        (Ty::I32, true, true),
        (Ty::I32, true, true),
        (Ty::I64, true, true),
        (Ty::I32, false, false),
        (Ty::I64, false, false),
    ];
    for (ty, mutable, exported) in kinds {
        let value = ty.wrap(draw.long());
        draft.globals.push(GlobalDraft {
            ty,
            mutable,
            value,
            imported: false,
            exported,
        });
    }
    let data: Vec<_> = donors().iter().flat_map(|d| &d.data).collect();
    for _ in 0..draw.below(4) {
        let (at, bytes) = draw.pick(&data);
        let bytes = &bytes[..bytes.len().min(256)];
        draft.data.push((at & WITHIN, bytes.to_vec()));
    }
    draft
}

/// Where the next piece is from: mostly the corpus.
fn source(draw: &mut Draw<'_>) -> &'static [Donor] {
    match draw.chance(SPECIFIED) {
        true => tests_of_the_specification(),
        false => donors(),
    }
}

/// A whole function.
fn whole(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let all: Vec<&Donor> = source(draw).iter().collect();
    let donor = draw.pick(&all);
    let function = draw.below(donor.functions.len());
    let sig = donor.functions[function].sig.clone();
    let mut splice = Splice::new(draw, draft, style, sig);
    let piece = Piece {
        function,
        start: 0,
        end: donor.functions[function].ops.len() - 1,
    };
    let params = donor.functions[function].sig.params.len() as u32;
    let map = (0..params).map(|l| (l, l)).collect();
    splice.piece(donor, piece, map, 0);
    let ready = splice.done();
    draft.funcs.push(ready);
}

/// Statements, expressions that are kept in locals, conditions around them; then what the locals hold.
fn collage(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style) {
    let sig = signature(draw, 4, 2, style.longs);
    let (least, most) = style.body;
    let mut splice = Splice::new(draw, draft, style, sig);
    for _ in 0..splice.body.draw.range(least, most) {
        if splice.length > LONG {
            break;
        }
        match splice.body.draw.below(8) {
            0 => {
                splice.some(Some(Ty::I32), 0);
                splice.op(Instruction::If(BlockType::Empty));
                splice.some(None, 0);
                splice.op(Instruction::Else);
                splice.some(None, 0);
                splice.op(Instruction::End);
            }
            1..=3 => splice.some(None, 0),
            _ => {
                let ty = splice.body.ty();
                splice.some(Some(ty), 0);
                let local = splice.body.target(ty);
                splice.op(Instruction::LocalSet(local));
            }
        }
    }
    splice.body.results(5);
    let ready = splice.done();
    draft.funcs.push(ready);
}

/// A function that pieces are put into.
struct Splice<'d, 'a, 'm> {
    body: Body<'d, 'a, 'm>,
    results: Vec<Ty>,
    length: usize,
}

impl<'d, 'a, 'm> Splice<'d, 'a, 'm> {
    fn new(draw: &'d mut Draw<'a>, draft: &'m mut Draft, style: &'m Style, sig: Sig) -> Self {
        let results = sig.results.clone();
        let mut splice = Splice {
            body: Body::new(draw, draft, style, sig),
            results,
            length: 0,
        };
        splice.spend();
        splice
    }

    fn done(self) -> Ready {
        let exported = !self.body.draw.chance(15);
        self.body.finish(exported)
    }

    fn op(&mut self, instruction: Instruction<'static>) {
        self.length += 1;
        self.body.op(instruction);
    }

    /// Takes one from the counter, or returns zeros if it is spent.
    fn spend(&mut self) {
        self.op(Instruction::GlobalGet(FUEL_GLOBAL));
        self.op(Instruction::I32Eqz);
        self.op(Instruction::If(BlockType::Empty));
        for ty in self.results.clone() {
            self.op(zero(ty));
        }
        self.op(Instruction::Return);
        self.op(Instruction::End);
        self.op(Instruction::GlobalGet(FUEL_GLOBAL));
        self.op(Instruction::I32Const(1));
        self.op(Instruction::I32Sub);
        self.op(Instruction::GlobalSet(FUEL_GLOBAL));
    }

    /// Some expression of the type, or some statement.
    fn some(&mut self, ty: Option<Ty>, depth: usize) {
        let from: Vec<&Donor> = source(self.body.draw)
            .iter()
            .filter(|d| !d.pieces(ty).is_empty())
            .collect();
        let donor = self.body.draw.pick(&from);
        let piece = self.body.draw.pick(donor.pieces(ty));
        self.piece(donor, piece, HashMap::new(), depth);
    }

    /// A piece, changed here and there. `map` gives the locals that it has in common with this function.
    fn piece(
        &mut self,
        donor: &'static Donor,
        piece: Piece,
        mut map: HashMap<u32, u32>,
        depth: usize,
    ) {
        let function = &donor.functions[piece.function];
        let mut at = piece.start;
        while at <= piece.end {
            let op = &function.ops[at];
            if op.address_of.is_some_and(|store| store <= piece.end) {
                self.mask();
            }
            let inner = op.expressions.iter().filter(|(end, _)| {
                *end <= piece.end && (at, *end) != (piece.start, piece.end) && *end > at
            });
            let inner: Vec<_> = inner.copied().collect();
            if depth < 2 && self.length < LONG && !inner.is_empty() && self.body.draw.chance(4) {
                let (end, ty) = self.body.draw.pick(&inner);
                self.some(Some(ty), depth + 1);
                at = end + 1;
                continue;
            }
            self.instruction(donor, piece.function, op, &mut map);
            at += 1;
        }
    }

    /// One operator of the corpus, with its locals, globals and callees found here.
    fn instruction(
        &mut self,
        donor: &Donor,
        function: usize,
        op: &Op,
        map: &mut HashMap<u32, u32>,
    ) {
        let tame = !self.body.draft.wild;
        let instruction = &op.instruction;
        match instruction {
            Instruction::LocalGet(l) | Instruction::LocalSet(l) | Instruction::LocalTee(l) => {
                let ty = donor.functions[function].locals[*l as usize];
                let mine = *map.entry(*l).or_insert_with(|| self.body.target(ty));
                self.op(match instruction {
                    Instruction::LocalGet(_) => Instruction::LocalGet(mine),
                    Instruction::LocalSet(_) => Instruction::LocalSet(mine),
                    _ => Instruction::LocalTee(mine),
                });
            }
            Instruction::GlobalGet(g) => {
                let ty = donor
                    .global(*g)
                    .expect("known, or the function was left out");
                let mine = self.global(ty, false);
                self.op(Instruction::GlobalGet(mine));
            }
            Instruction::GlobalSet(g) => {
                let ty = donor
                    .global(*g)
                    .expect("known, or the function was left out");
                let mine = self.global(ty, true);
                self.op(Instruction::GlobalSet(mine));
            }
            Instruction::Call(f) => {
                self.call(donor.sig(*f).expect("known, or the function was left out"));
            }
            Instruction::Loop(_) => {
                self.op(instruction.clone());
                self.spend();
            }
            Instruction::I32Const(n) => {
                let n = self.changed(u64::from(*n as u32)) as i32;
                self.op(Instruction::I32Const(n));
            }
            Instruction::I64Const(n) => {
                let n = self.changed(*n as u64) as i64;
                self.op(Instruction::I64Const(n));
            }
            other => {
                if matches!(op.access, Some(Access::Load(_))) {
                    self.mask();
                }
                let mut same = other.clone();
                if tame && let Some(memory) = memory(&mut same) {
                    memory.offset &= u64::from(WITHIN);
                }
                match op.row {
                    Some(row) => self.operator(row, tame),
                    None => self.op(same),
                }
            }
        }
    }

    /// An operator without immediate that belongs to the corpus: sometimes another one of its type.
    fn operator(&mut self, mut row: &'static Row, tame: bool) {
        if self.body.draw.chance(6) {
            let like = |r: &&Row| r.operands == row.operands && r.result == row.result;
            let rows: Vec<&'static Row> = ROWS.iter().filter(like).collect();
            row = self.body.draw.pick(&rows);
        }
        if tame && row.partial != Partial::Total {
            self.odd(row);
        }
        self.op(row.instruction.clone());
    }

    /// Makes the divisor on top of the stack odd, and not -1.
    fn odd(&mut self, row: &Row) {
        let ops = match row.operands[0].words() {
            1 => [
                Instruction::I32Const(i32::MAX),
                Instruction::I32And,
                Instruction::I32Const(1),
                Instruction::I32Or,
            ],
            _ => [
                Instruction::I64Const(i64::MAX),
                Instruction::I64And,
                Instruction::I64Const(1),
                Instruction::I64Or,
            ],
        };
        for op in ops {
            self.op(op);
        }
    }

    /// Cuts the address on top of the stack, unless the module is wild.
    fn mask(&mut self) {
        if !self.body.draft.wild {
            self.op(Instruction::I32Const(WITHIN as i32));
            self.op(Instruction::I32And);
        }
    }

    /// A constant of the corpus: mostly itself, else its neighbour, its complement, or another.
    fn changed(&mut self, bits: u64) -> u64 {
        if !self.body.draw.chance(15) {
            return bits;
        }
        match self.body.draw.below(6) {
            0 => bits.wrapping_add(1),
            1 => bits.wrapping_sub(1),
            2 => bits ^ 1 << self.body.draw.below(64),
            3 => !bits,
            4 => u64::from(self.body.draw.word()),
            _ => self.body.draw.long(),
        }
    }

    /// A global of the type, but not the counter.
    fn global(&mut self, ty: Ty, mutable: bool) -> u32 {
        let all = self.body.draft.globals.iter().enumerate();
        let fits =
            all.filter(|(i, g)| *i as u32 != FUEL_GLOBAL && g.ty == ty && (g.mutable || !mutable));
        let fits: Vec<u32> = fits.map(|(i, _)| i as u32).collect();
        self.body.draw.pick(&fits)
    }

    /// Calls a function of the type that is there already; without one, its results are zeros.
    fn call(&mut self, sig: &Sig) {
        let total = self.body.draft.imports.len() + self.body.draft.funcs.len();
        let fits = (0..total).filter(|f| self.body.draft.sig(*f) == sig);
        let fits: Vec<u32> = fits.map(|f| f as u32).collect();
        if fits.is_empty() {
            for _ in &sig.params {
                self.op(Instruction::Drop);
            }
            for ty in &sig.results {
                self.op(zero(*ty));
            }
        } else {
            let callee = self.body.draw.pick(&fits);
            self.op(Instruction::Call(callee));
        }
    }
}

fn zero(ty: Ty) -> Instruction<'static> {
    super::draft::constant(ty, 0)
}
