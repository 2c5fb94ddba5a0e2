//! The corpus and the specification's tests taken apart: whole functions, and the pieces of them that stand alone.
//!
//! In: the modules of `corpus/` and of the tests, which are part of this program, so that the same bytes of a fuzzer mean the
//! same module wherever it runs. Out: [`Donor`]s. A piece is a run of operators that takes nothing from the operand stack, leaves one value
//! or none, and branches nowhere outside of itself. Invariant: functions with operators or types that are not known
//! here are left out; a test demands that the corpus has none.

use super::specification;
use super::table::{ROWS, Row};
use crate::program::{Sig, Ty};
use std::mem::discriminant;
use std::sync::LazyLock;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Instruction, MemArg};
use wasmparser::{Parser, Payload, TypeRef};

/// How an operator touches memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It loads a value of this type.
    Load(Ty),
    /// It stores.
    Store,
}

/// One operator, and what begins there.
pub struct Op {
    /// The operator.
    pub instruction: Instruction<'static>,
    /// Its row, if it is arithmetic.
    pub row: Option<&'static Row>,
    /// What it does with memory.
    pub access: Option<Access>,
    /// Expressions that begin here: last operator and type of each.
    pub expressions: Vec<(usize, Ty)>,
    /// The value that begins here is what this operator, a store, writes: the address is ready.
    pub address_of: Option<usize>,
}

/// A function.
pub struct Function {
    /// Its type.
    pub sig: Sig,
    /// Types of parameters and locals.
    pub locals: Vec<Ty>,
    /// Operators, without the last `end`.
    pub ops: Vec<Op>,
    /// Runs of operators that leave nothing: first and last.
    statements: Vec<(usize, usize)>,
}

/// Some operators of a function, first and last.
#[derive(Clone, Copy)]
pub struct Piece {
    /// Number of the function in its donor.
    pub function: usize,
    /// First operator.
    pub start: usize,
    /// Last operator.
    pub end: usize,
}

/// A module of the corpus.
#[derive(Default)]
pub struct Donor {
    /// Functions with bodies.
    pub functions: Vec<Function>,
    /// Types of all functions, imported ones first; nothing for types that are not known here.
    sigs: Vec<Option<Sig>>,
    /// Types of globals, likewise.
    globals: Vec<Option<Ty>>,
    /// Data segments: address and contents.
    pub data: Vec<(u32, Vec<u8>)>,
    /// How many bodies were left out.
    pub unknown: usize,
    words: Vec<Piece>,
    longs: Vec<Piece>,
    statements: Vec<Piece>,
}

impl Donor {
    /// The type of a function, if it is known.
    pub fn sig(&self, function: u32) -> Option<&Sig> {
        self.sigs.get(function as usize)?.as_ref()
    }

    /// The type of a global, if it is known.
    pub fn global(&self, global: u32) -> Option<Ty> {
        *self.globals.get(global as usize)?
    }

    /// Pieces that leave one value of this type, or nothing.
    pub fn pieces(&self, ty: Option<Ty>) -> &[Piece] {
        match ty {
            Some(Ty::I32) => &self.words,
            Some(Ty::I64) => &self.longs,
            Some(Ty::F32 | Ty::F64) => &[],
            None => &self.statements,
        }
    }
}

/// Longest piece, in operators.
const LONGEST: usize = 70;

/// The modules of the corpus.
pub fn donors() -> &'static [Donor] {
    static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        wat::parse_str(include_str!("../../../corpus/gust_mix.wat")).unwrap_or_default()
    });
    static DONORS: LazyLock<Vec<Donor>> = LazyLock::new(|| {
        let modules: [&'static [u8]; 4] = [
            include_bytes!("../../../corpus/kernels/fixed.wasm"),
            include_bytes!("../../../corpus/kernels/hash.wasm"),
            include_bytes!("../../../corpus/kernels/sort.wasm"),
            &TEXT,
        ];
        let donors = modules.into_iter().filter_map(|m| Donor::read(m, |_| true));
        donors.filter(|d| !d.functions.is_empty()).collect()
    });
    &DONORS
}

/// Longest table of a function of the specification's tests that is taken: one test has 24,000 entries, and two such functions are
/// beyond the reach of a jump table.
const TABLE: usize = 1024;

/// The modules of the specification's tests, but for functions that trap on purpose.
pub fn tests_of_the_specification() -> &'static [Donor] {
    static DONORS: LazyLock<Vec<Donor>> = LazyLock::new(|| {
        let modules = specification::modules().iter();
        let whole = |f: &Function| {
            let mut ops = f.ops.iter();
            ops.all(|op| match &op.instruction {
                Instruction::Unreachable => false,
                Instruction::BrTable(all, _) => all.len() <= TABLE,
                _ => true,
            })
        };
        let donors = modules.filter_map(|m| Donor::read(m, whole));
        donors.filter(|d| !d.functions.is_empty()).collect()
    });
    &DONORS
}

fn ty(ty: wasmparser::ValType) -> Option<Ty> {
    match ty {
        wasmparser::ValType::I32 => Some(Ty::I32),
        wasmparser::ValType::I64 => Some(Ty::I64),
        _ => None,
    }
}

fn types(list: &[wasmparser::ValType]) -> Option<Vec<Ty>> {
    list.iter().copied().map(ty).collect()
}

impl Donor {
    /// Takes a module apart, of which it keeps such functions; `None` if it is not valid.
    fn read(wasm: &'static [u8], keeps: fn(&Function) -> bool) -> Option<Donor> {
        let (mut donor, mut kinds, mut bodies) = (Donor::default(), Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::TypeSection(reader) => {
                    for kind in reader.into_iter_err_on_gc_types() {
                        let kind = kind.ok()?;
                        let (params, results) = (types(kind.params()), types(kind.results()));
                        let sig = |(params, results)| Sig { params, results };
                        kinds.push(params.zip(results).map(sig));
                    }
                }
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        match import.ok()?.ty {
                            TypeRef::Func(n) => donor.sigs.push(kinds.get(n as usize)?.clone()),
                            TypeRef::Global(g) => donor.globals.push(ty(g.content_type)),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(reader) => {
                    for n in reader {
                        donor.sigs.push(kinds.get(n.ok()? as usize)?.clone());
                    }
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        donor.globals.push(ty(global.ok()?.ty.content_type));
                    }
                }
                Payload::DataSection(reader) => {
                    for data in reader {
                        donor.data.extend(segment(&data.ok()?));
                    }
                }
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        let imported = donor.sigs.len() - bodies.len();
        for (i, body) in bodies.iter().enumerate() {
            let sig = donor.sigs[imported + i].as_ref();
            match sig.and_then(|sig| function(&donor, sig, body)) {
                Some(function) if keeps(&function) => donor.functions.push(function),
                Some(_) => {}
                None => donor.unknown += 1,
            }
        }
        donor.cut();
        Some(donor)
    }

    /// Lists the pieces.
    fn cut(&mut self) {
        for (number, function) in self.functions.iter().enumerate() {
            let piece = |start: usize, end: usize| {
                let fits = end - start < LONGEST && alone(&function.ops[start..=end]);
                fits.then_some(Piece {
                    function: number,
                    start,
                    end,
                })
            };
            for (start, op) in function.ops.iter().enumerate() {
                for (end, ty) in op.expressions.iter().filter(|(end, _)| *end > start) {
                    match ty {
                        Ty::I32 => self.words.extend(piece(start, *end)),
                        Ty::I64 => self.longs.extend(piece(start, *end)),
                        // Pieces of floats are not told from others yet.
                        Ty::F32 | Ty::F64 => {}
                    }
                }
            }
            let statements = function.statements.iter();
            self.statements
                .extend(statements.filter_map(|(start, end)| piece(*start, *end)));
        }
    }
}

fn segment(data: &wasmparser::Data<'_>) -> Option<(u32, Vec<u8>)> {
    let wasmparser::DataKind::Active { offset_expr, .. } = &data.kind else {
        return None;
    };
    match offset_expr.get_operators_reader().read().ok()? {
        wasmparser::Operator::I32Const { value } => Some((value as u32, data.data.to_vec())),
        _ => None,
    }
}

/// Whether all branches stay inside.
fn alone(ops: &[Op]) -> bool {
    let mut depth = 0_u32;
    ops.iter().all(|op| match &op.instruction {
        Instruction::Block(_) | Instruction::Loop(_) | Instruction::If(_) => {
            depth += 1;
            true
        }
        Instruction::End => {
            depth = depth.saturating_sub(1);
            true
        }
        Instruction::Br(to) | Instruction::BrIf(to) => *to < depth,
        Instruction::BrTable(all, default) => all.iter().chain([default]).all(|to| *to < depth),
        Instruction::Return => false,
        _ => true,
    })
}

/// The immediate of a load or a store.
pub fn memory<'i>(instruction: &'i mut Instruction<'static>) -> Option<&'i mut MemArg> {
    match instruction {
        Instruction::I32Load(m)
        | Instruction::I32Load8S(m)
        | Instruction::I32Load8U(m)
        | Instruction::I32Load16S(m)
        | Instruction::I32Load16U(m)
        | Instruction::I64Load(m)
        | Instruction::I64Load8S(m)
        | Instruction::I64Load8U(m)
        | Instruction::I64Load16S(m)
        | Instruction::I64Load16U(m)
        | Instruction::I64Load32S(m)
        | Instruction::I64Load32U(m)
        | Instruction::I32Store(m)
        | Instruction::I32Store8(m)
        | Instruction::I32Store16(m)
        | Instruction::I64Store(m)
        | Instruction::I64Store8(m)
        | Instruction::I64Store16(m)
        | Instruction::I64Store32(m) => Some(m),
        _ => None,
    }
}

/// What an operator does with memory, if it is a load or a store.
fn access(instruction: &Instruction<'static>) -> Option<Access> {
    memory(&mut instruction.clone())?;
    let name = format!("{instruction:?}");
    let ty = match name.starts_with("I64") {
        true => Ty::I64,
        false => Ty::I32,
    };
    Some(match name.contains("Store") {
        true => Access::Store,
        false => Access::Load(ty),
    })
}

/// A value on the operand stack: its type, and where the expression that made it begins.
#[derive(Clone, Copy)]
struct Entry {
    ty: Ty,
    start: usize,
}

struct Frame {
    start: usize,
    height: usize,
    result: Option<Ty>,
}

/// The walk over one body.
struct Walk<'d> {
    donor: &'d Donor,
    locals: &'d [Ty],
    ops: Vec<Op>,
    statements: Vec<(usize, usize)>,
    stack: Vec<Entry>,
    frames: Vec<Frame>,
    /// How many blocks were opened since code became unreachable, if it is.
    dead: Option<usize>,
}

/// Takes a body apart; `None` if an operator is not known.
fn function(
    donor: &Donor,
    sig: &Sig,
    body: &wasmparser::FunctionBody<'static>,
) -> Option<Function> {
    let mut locals = sig.params.clone();
    for group in body.get_locals_reader().ok()? {
        let (count, kind) = group.ok()?;
        let kind = ty(kind)?;
        locals.extend((0..count).map(|_| kind));
    }
    let mut walk = Walk {
        donor,
        locals: &locals,
        ops: Vec::new(),
        statements: Vec::new(),
        stack: Vec::new(),
        frames: Vec::new(),
        dead: None,
    };
    for operator in body.get_operators_reader().ok()? {
        let instruction = RoundtripReencoder.instruction(operator.ok()?).ok()?;
        if instruction_ends(&instruction) && walk.frames.is_empty() && walk.dead.unwrap_or(0) == 0 {
            break;
        }
        let op = Op {
            row: ROWS
                .iter()
                .find(|r| discriminant(&r.instruction) == discriminant(&instruction)),
            access: access(&instruction),
            instruction,
            expressions: Vec::new(),
            address_of: None,
        };
        walk.step(&op)?;
        walk.ops.push(op);
    }
    let (ops, statements) = (walk.ops, walk.statements);
    (!ops.is_empty()).then(|| Function {
        sig: sig.clone(),
        ops,
        statements,
        locals,
    })
}

fn instruction_ends(instruction: &Instruction<'static>) -> bool {
    matches!(instruction, Instruction::End)
}

fn result(block: &BlockType) -> Option<Option<Ty>> {
    match block {
        BlockType::Empty => Some(None),
        BlockType::Result(wasm_encoder::ValType::I32) => Some(Some(Ty::I32)),
        BlockType::Result(wasm_encoder::ValType::I64) => Some(Some(Ty::I64)),
        BlockType::Result(_) | BlockType::FunctionType(_) => None,
    }
}

impl Walk<'_> {
    /// One operator that is about to be appended; `None` if it is not known.
    fn step(&mut self, op: &Op) -> Option<()> {
        let at = self.ops.len();
        match (&op.instruction, self.dead) {
            (Instruction::Block(_) | Instruction::Loop(_) | Instruction::If(_), Some(n)) => {
                self.dead = Some(n + 1);
            }
            (Instruction::End, Some(n)) if n > 0 => self.dead = Some(n - 1),
            (Instruction::End, _) => {
                self.dead = None;
                let frame = self.frames.pop()?;
                self.stack.truncate(frame.height);
                self.leave(frame.start, at, frame.result);
            }
            (Instruction::Else, None | Some(0)) => {
                self.dead = None;
                self.stack.truncate(self.frames.last()?.height);
            }
            // Nothing is computed there, but it must be known all the same.
            (
                Instruction::Br(_)
                | Instruction::BrIf(_)
                | Instruction::BrTable(..)
                | Instruction::Return
                | Instruction::Unreachable
                | Instruction::Select,
                Some(_),
            ) => {}
            (_, Some(_)) => drop(self.effect(op)?),
            (Instruction::Block(kind) | Instruction::Loop(kind), None) => self.frames.push(Frame {
                start: at,
                height: self.stack.len(),
                result: result(kind)?,
            }),
            (Instruction::If(kind), None) => {
                let start = self.stack.pop()?.start;
                self.frames.push(Frame {
                    start,
                    height: self.stack.len(),
                    result: result(kind)?,
                });
            }
            (
                Instruction::Br(_)
                | Instruction::BrTable(..)
                | Instruction::Return
                | Instruction::Unreachable,
                None,
            ) => self.dead = Some(0),
            (Instruction::BrIf(_), None) => {
                let start = self.stack.pop()?.start;
                self.leave(start, at, None);
            }
            (_, None) => {
                let (operands, result) = self.effect(op)?;
                let first = self.stack.len().checked_sub(operands)?;
                let start = self.stack.get(first).map_or(at, |e| e.start);
                if op.access == Some(Access::Store) {
                    let value = self.stack.last()?.start;
                    self.ops[value].address_of = Some(at);
                }
                self.stack.truncate(first);
                self.leave(start, at, result);
            }
        }
        Some(())
    }

    /// Notes what begins at `start` and is complete with the operator that is about to be appended.
    fn leave(&mut self, start: usize, at: usize, result: Option<Ty>) {
        match result {
            Some(ty) => {
                self.stack.push(Entry { ty, start });
                if start < at {
                    self.ops[start].expressions.push((at, ty));
                }
            }
            None => self.statements.push((start, at)),
        }
    }

    /// How many operands an operator takes, and what it leaves; `None` if it is not known.
    fn effect(&self, op: &Op) -> Option<(usize, Option<Ty>)> {
        if let Some(row) = op.row {
            return Some((row.operands.len(), Some(row.result)));
        }
        match op.access {
            Some(Access::Load(ty)) => return Some((1, Some(ty))),
            Some(Access::Store) => return Some((2, None)),
            None => {}
        }
        let local = |l: &u32| self.locals.get(*l as usize).copied();
        Some(match &op.instruction {
            Instruction::Nop => (0, None),
            Instruction::I32Const(_) | Instruction::MemorySize(_) => (0, Some(Ty::I32)),
            Instruction::I64Const(_) => (0, Some(Ty::I64)),
            Instruction::MemoryGrow(_) => (1, Some(Ty::I32)),
            Instruction::LocalGet(l) => (0, Some(local(l)?)),
            Instruction::LocalTee(l) => (1, Some(local(l)?)),
            Instruction::LocalSet(_) | Instruction::Drop => (1, None),
            Instruction::GlobalSet(g) => self.donor.global(*g).map(|_| (1, None))?,
            Instruction::GlobalGet(g) => (0, Some(self.donor.global(*g)?)),
            Instruction::Select => {
                let second = self.stack.len().checked_sub(2)?;
                (3, Some(self.stack[second].ty))
            }
            Instruction::Call(f) => {
                let sig = self.donor.sig(*f)?;
                match sig.results.as_slice() {
                    [] => (sig.params.len(), None),
                    [one] => (sig.params.len(), Some(*one)),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_corpus_is_known_and_comes_apart() {
        let donors = donors();
        assert_eq!(donors.len(), 4, "modules of the corpus");
        let count = |of: fn(&Donor) -> usize| donors.iter().map(of).sum::<usize>();
        assert_eq!(count(|d| d.unknown), 0, "functions left out");
        let pieces = [Some(Ty::I32), Some(Ty::I64), None];
        let counts = pieces.map(|ty| donors.iter().map(|d| d.pieces(ty).len()).sum::<usize>());
        assert!(count(|d| d.functions.len()) >= 20);
        assert!(
            counts[0] >= 300 && counts[1] >= 20 && counts[2] >= 100,
            "{counts:?}"
        );
    }

    #[test]
    fn tests_of_the_specification_come_apart() {
        let donors = tests_of_the_specification();
        let functions: usize = donors.iter().map(|d| d.functions.len()).sum();
        let pieces = [Some(Ty::I32), Some(Ty::I64), None];
        let counts = pieces.map(|ty| donors.iter().map(|d| d.pieces(ty).len()).sum::<usize>());
        assert!(functions >= 400, "{functions} functions");
        assert!(counts.iter().all(|n| *n >= 100), "{counts:?}");
    }
}
