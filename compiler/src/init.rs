//! Functions that the compiler makes: initialization, and wrappers of exports.
//!
//! In: a module. Out: SSA that enters the pipeline like any function of the module, and the initial contents of
//! memory as [`Chunk`]s that lie in flash. `NAME_init` does what instantiation does (specification, 4.5.4): globals and tables,
//! then element segments and data segments in order, then the start function.

use crate::backend::abi::Variant;
use crate::ir::ops::SymKind;
use crate::ir::{
    Args, Block, Edge, ElemMode, ExprOp, Func, FuncType, GlobalInit, Memory, Module, Node, Op,
    Term, TermOp, Ty, Value,
};
use crate::opt::address::sym_imm;
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use smallvec::smallvec;

/// A piece of the initial contents of memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Which memory it goes to.
    pub memory: u32,
    /// Where it goes.
    pub to: GlobalInit,
    /// Whether the firmware decides if it fits: then `NAME_init` asks.
    pub checked: bool,
    /// Its words. At a constant address, which is a multiple of 4, they are copied as they are; at an address that an
    /// imported global gives, each holds one byte.
    pub words: Vec<u32>,
    /// Whether it does not fit memory, so that instantiation traps here.
    pub out_of_bounds: bool,
    /// Byte offset of the segment in the binary.
    pub at: u32,
}

/// Neighbours with gaps of no more bytes than this are one chunk.
const GAP: u32 = 16;

/// The data segments as chunks: segments at constant addresses are laid over each other in order.
pub fn image(module: &Module) -> Vec<Chunk> {
    let mut out: Vec<Chunk> = Vec::new();
    let mut run: Vec<(u32, &[u8])> = Vec::new();
    let mut last = 0;
    for d in &module.data {
        let Some(to) = d.offset else { continue };
        let memory = match on(Bug::SegmentsToFirst) {
            true => 0,
            false => d.memory,
        };
        let m = module.memories.get(memory as usize);
        let size = m.map_or(0, Memory::min_bytes);
        if memory != last {
            out.extend(overlay(last, &std::mem::take(&mut run)));
            last = memory;
        }
        match to {
            GlobalInit::Const(at) if at + d.bytes.len() as u64 <= size => {
                run.push((at as u32, &d.bytes))
            }
            to => {
                out.extend(overlay(memory, &std::mem::take(&mut run)));
                let unknown = m.is_some_and(|m| m.import.is_some() && m.grows);
                let checked = unknown || !matches!(to, GlobalInit::Const(_));
                let out_of_bounds = !checked;
                let words = d.bytes.iter().map(|&b| b as u32).collect();
                out.push(Chunk {
                    memory,
                    to,
                    checked,
                    words,
                    out_of_bounds,
                    at: d.at,
                });
                if out_of_bounds {
                    return out;
                }
            }
        }
    }
    out.extend(overlay(last, &run));
    out
}

fn overlay(memory: u32, run: &[(u32, &[u8])]) -> Vec<Chunk> {
    let mut sorted: Vec<(u32, u32)> = run
        .iter()
        .filter(|s| !s.1.is_empty())
        .map(|&(a, b)| (a & !3, (a + b.len() as u32).next_multiple_of(4)))
        .collect();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for (a, b) in sorted {
        match ranges.last_mut() {
            Some(last) if a <= last.1.saturating_add(GAP) => {
                last.1 = match on(Bug::ContainedSegment) {
                    true => b,
                    false => last.1.max(b),
                }
            }
            _ => ranges.push((a, b)),
        }
    }
    let fill = |&(a, b): &(u32, u32)| {
        let mut bytes = vec![0u8; (b - a) as usize];
        let order: Vec<_> = if on(Bug::OverlayOrder) {
            run.iter().rev().collect()
        } else {
            run.iter().collect()
        };
        for &&(at, data) in &order {
            if at >= a && at < b {
                let room = &mut bytes[(at - a) as usize..];
                for (to, from) in room.iter_mut().zip(data) {
                    *to = *from;
                }
            }
        }
        let words = bytes
            .chunks_exact(4)
            .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
            .collect();
        Chunk {
            memory,
            to: GlobalInit::Const(a as u64),
            checked: false,
            words,
            out_of_bounds: false,
            at: 0,
        }
    };
    ranges.iter().map(fill).collect()
}

struct Builder {
    f: Func,
    block: Block,
}

impl Builder {
    fn pin(&mut self, op: Op, ty: Ty, args: &[Value], imm: i64) -> Value {
        self.f.pin(self.block, op, ty, args, imm, 0)
    }
    fn k(&mut self, v: u32) -> Value {
        self.f.iconst(Ty::I32, v as u64)
    }
    fn sym(&mut self, imm: i64) -> Value {
        let v = self.f.float(Op::Sym, Ty::I32, &[]);
        self.f.nodes[v.0 as usize].imm = imm;
        v
    }

    /// A trap of this kind where `bad` is not zero.
    fn guard(&mut self, value: Value, bad: Value, kind: TrapKind, loc: u32) -> Value {
        let (ty, kind) = (self.f.ty(value), i64::from(kind.code()));
        self.f
            .pin(self.block, Op::Guard, ty, &[value, bad], kind, loc)
    }

    fn init_value(&mut self, module: &Module, init: GlobalInit, ty: Ty) -> Value {
        match init {
            GlobalInit::Func(f) => self.sym(module.reference(f)),
            GlobalInit::Const(c) if on(Bug::GlobalHalfSet) => self.f.iconst(ty, c & 0xffff_ffff),
            GlobalInit::Const(c) => self.f.iconst(ty, c),
            GlobalInit::Global(g) => self.pin(Op::GlobalGet, ty, &[], g as i64),
            GlobalInit::Expr(e) => self.expression(module, &module.exprs[e as usize]),
        }
    }

    /// The value of an extended constant expression.
    fn expression(&mut self, module: &Module, steps: &[ExprOp]) -> Value {
        let mut stack: Vec<Value> = Vec::new();
        for step in steps {
            let v = match *step {
                ExprOp::Const(ty, bits) => self.f.iconst(ty, bits),
                ExprOp::Global(g) => {
                    let ty = module.globals[g as usize].ty.bits();
                    self.pin(Op::GlobalGet, ty, &[], g as i64)
                }
                ExprOp::Func(f) => self.sym(module.reference(f)),
                ExprOp::Binary(op) => {
                    let b = stack.pop().expect("validated");
                    let a = stack.pop().expect("validated");
                    let ty = self.f.ty(a);
                    let args = match on(Bug::ExpressionDifference) {
                        true => [b, a],
                        false => [a, b],
                    };
                    self.f.float(op, ty, &args)
                }
            };
            stack.push(v);
        }
        stack.pop().expect("validated")
    }

    /// The current size of a memory in bytes, if only the firmware knows it.
    fn size(&mut self, m: &Memory) -> Option<Value> {
        let pages = m.pages_global.filter(|_| m.import.is_some() && m.grows)?;
        let pages = self.pin(Op::GlobalGet, Ty::I32, &[], pages as i64);
        if m.page_log2 == 0 {
            return Some(pages);
        }
        let shift = self.k(m.page_log2);
        Some(self.f.float(Op::Shl, Ty::I32, &[pages, shift]))
    }

    /// Where a chunk goes, after a trap unless it fits there.
    fn placed(&mut self, module: &Module, c: &Chunk) -> Value {
        let base = self.init_value(module, c.to, Ty::I32);
        let count = c.words.len() as u32;
        let m = module.memories.get(c.memory as usize);
        let bad = match m.and_then(|m| self.size(m)) {
            Some(size) => {
                let length = self.k(count);
                let long = self.f.float(Op::LtU, Ty::I32, &[size, length]);
                let limit = self.f.float(Op::Sub, Ty::I32, &[size, length]);
                let past = self.f.float(Op::LtU, Ty::I32, &[limit, base]);
                self.f.float(Op::Or, Ty::I32, &[long, past])
            }
            None => match m.map_or(0, Memory::min_bytes).checked_sub(count as u64) {
                Some(limit) => {
                    let limit = self.k(limit.min(u32::MAX.into()) as u32);
                    self.f.float(Op::LtU, Ty::I32, &[limit, base])
                }
                None => self.k(1),
            },
        };
        let kind = TrapKind::OutOfBounds.code() as i64;
        let (block, args) = (self.block, [base, bad]);
        self.f.pin(block, Op::Guard, Ty::I32, &args, kind, c.at)
    }
    fn ret(mut self) -> Func {
        let term = Term {
            op: TermOp::Return,
            args: smallvec![],
            edges: smallvec![],
            loc: 0,
        };
        self.f.block_mut(self.block).term = term;
        self.f
    }

    /// Copies the words of data number `data` to a memory: word `i` to `base + step * i`, of which `step` bytes.
    fn copy(&mut self, data: usize, c: &Chunk, base: Value, base_imm: u32, step: u32) {
        let count = c.words.len() as u32;
        let base_imm = i64::from(c.memory) << 32 | i64::from(base_imm);
        let source = sym_imm(SymKind::Data as u32 + data as u32, 0);
        let op = if step == 4 { Op::Store32 } else { Op::Store8 };
        self.copy_words(source, op, count, base, base_imm);
    }

    /// Stores words from a symbol on from `base` on: each as a word, or its low byte if the operation stores bytes.
    fn copy_words(&mut self, from: i64, op: Op, count: u32, base: Value, base_imm: i64) {
        let (body, done) = (self.f.add_block(), self.f.add_block());
        let zero = self.k(0);
        self.f.block_mut(self.block).term = Term::jump(body, [zero]);
        self.block = body;
        let i = self.f.add_param(body, Ty::I32);
        let sym = self.sym(from);
        let source = self.f.float(Op::Add, Ty::I32, &[sym, i]);
        let v = self.pin(Op::GlobalLoad, Ty::I32, &[source], 0);
        if op != Op::Store8 {
            let to = self.f.float(Op::Add, Ty::I32, &[base, i]);
            self.pin(op, Ty::Void, &[to, v], base_imm);
        } else {
            let two = self.k(2);
            let at = self.f.float(Op::ShrU, Ty::I32, &[i, two]);
            let to = self.f.float(Op::Add, Ty::I32, &[base, at]);
            self.pin(Op::Store8, Ty::Void, &[to, v], base_imm);
        }
        let four = self.k(4);
        let next = self.f.float(Op::Add, Ty::I32, &[i, four]);
        let end = self.k(4 * count);
        let more = self.f.float(Op::Ne, Ty::I32, &[next, end]);
        let edges = smallvec![
            Edge {
                to: body,
                args: smallvec![next]
            },
            Edge {
                to: done,
                args: smallvec![]
            }
        ];
        self.f.block_mut(body).term = Term {
            op: TermOp::Br,
            args: smallvec![more],
            edges,
            loc: 0,
        };
        self.block = done;
    }
}

/// Sets tables that are variables, segments that hold what is known only now, and copies active segments. A
/// segment that does not fit is a trap.
fn tables(b: &mut Builder, module: &Module) {
    for (i, t) in module.tables.iter().enumerate() {
        if t.import.is_some() || t.contents.is_some() {
            continue;
        }
        let base = b.sym(SymKind::Table.imm(i as u32));
        if t.is_sized() {
            for (word, value) in [(0, t.min), (4, t.max)] {
                let value = b.k(value);
                b.pin(Op::GlobalStore, Ty::Void, &[base, value], word);
            }
        }
        if t.init != GlobalInit::NULL && t.min > 0 {
            fill(
                b,
                module,
                t.init,
                t.min,
                SymKind::Table.imm(i as u32) | i64::from(t.first()),
            );
        }
    }
    for (i, e) in module.elems.iter().enumerate() {
        if !e.is_constant() {
            for (k, &item) in e.items.iter().enumerate() {
                let (base, v) = (
                    b.sym(SymKind::Elem.imm(i as u32) + 4 * k as i64),
                    b.init_value(module, item, Ty::I32),
                );
                b.pin(Op::GlobalStore, Ty::Void, &[base, v], 0);
            }
        }
    }
    for (i, e) in module.elems.iter().enumerate() {
        let ElemMode::Active(table, offset) = e.mode else {
            continue;
        };
        let t = &module.tables[table as usize];
        if t.contents.is_some() || on(Bug::ActiveSegmentDropped) && i > 0 {
            continue;
        }
        let count = e.items.len() as u32;
        let size = match t.is_sized() {
            true => {
                let base = b.sym(SymKind::Table.imm(table));
                b.pin(Op::GlobalLoad, Ty::I32, &[base], 0)
            }
            false => b.k(t.min),
        };
        let at = b.init_value(module, offset, Ty::I32);
        let count_value = b.k(count);
        let long = b.f.float(Op::LtU, Ty::I32, &[size, count_value]);
        let at = b.guard(at, long, TrapKind::TableOutOfBounds, e.at);
        let room = b.f.float(Op::Sub, Ty::I32, &[size, count_value]);
        let late = b.f.float(Op::LtU, Ty::I32, &[room, at]);
        let at = b.guard(at, late, TrapKind::TableOutOfBounds, e.at);
        if count > 0 {
            let shift = 4 * on(Bug::ElementsShifted) as i64 * (count > 1) as i64;
            let base = b.sym(SymKind::Table.imm(table) | i64::from(t.first()));
            let two = b.k(2);
            let offset = b.f.float(Op::Shl, Ty::I32, &[at, two]);
            let to = b.f.float(Op::Add, Ty::I32, &[base, offset]);
            let from = SymKind::Elem.imm(i as u32) + shift;
            let count = count - (shift != 0) as u32;
            b.copy_words(from, Op::GlobalStore, count, to, 0);
        }
    }
}

/// Sets all entries of a table to a reference.
fn fill(b: &mut Builder, module: &Module, init: GlobalInit, count: u32, place: i64) {
    let v = b.init_value(module, init, Ty::I32);
    let base = b.sym(place);
    b.pin(Op::GlobalStore, Ty::Void, &[base, v], 0);
    if count > 1 {
        // Each entry is a copy of the one before it.
        let next = b.sym(place + 4);
        b.copy_words(place, Op::GlobalStore, count - 1, next, 0);
    }
}

/// The initialization function.
pub fn init_function(module: &Module, image: &[Chunk]) -> (FuncType, Func) {
    let mut b = Builder {
        f: Func::new(&[], &[]),
        block: Func::ENTRY,
    };
    for (i, g) in module.globals.iter().enumerate() {
        let read = g.mutable || !g.exports.is_empty() || !matches!(g.init, GlobalInit::Const(_));
        if g.import.is_none() && read {
            let v = b.init_value(module, g.init, g.ty.bits());
            b.pin(Op::GlobalSet, Ty::Void, &[v], i as i64);
        }
    }
    tables(&mut b, module);
    let pieces = image.len() - (on(Bug::SegmentDropped) && image.len() > 1) as usize;
    for (n, c) in image.iter().enumerate().take(pieces) {
        if c.out_of_bounds {
            b.f.block_mut(b.block).term = Term::trap(TrapKind::OutOfBounds, c.at);
            return (FuncType::default(), b.f);
        }
        let empty = c.words.is_empty();
        if c.checked {
            let base = b.placed(module, c);
            if !empty {
                b.copy(n, c, base, 0, 1);
            }
        } else if let (GlobalInit::Const(at), false) = (c.to, empty) {
            let zero = b.k(0);
            let shift = 4 * on(Bug::SegmentMisplaced) as u32;
            b.copy(n, c, zero, at as u32 + shift, 4);
        }
    }
    if let Some(start) = module.start.filter(|_| !on(Bug::StartSkipped)) {
        b.pin(Op::Call, Ty::Void, &[], start as i64);
    }
    (FuncType::default(), b.ret())
}

/// The function through which outside callers reach a function: one of several results takes a pointer to a struct in
/// front of the parameters (AAPCS, 6.4) and has them stored there; an import that is exported again is called.
pub fn export_wrapper(module: &Module, index: u32, variant: Variant) -> (FuncType, Func) {
    let ty = &module.funcs[index as usize].ty;
    if ty.results.len() < 2 || variant.is_homogeneous(&ty.results) {
        return forwarder(ty, index);
    }
    let params = std::iter::once(Ty::I32)
        .chain(ty.params.iter().copied())
        .collect();
    let wrapper = FuncType {
        params,
        results: Vec::new(),
    };
    let mut b = Builder {
        f: Func::new(&wrapper.params, &[]),
        block: Func::ENTRY,
    };
    let args: Vec<Value> = b.f.block(Func::ENTRY).params.clone();
    let call = b.pin(Op::Call, Ty::Void, &args[1..], index as i64);
    let mut offset = 0u32;
    for (i, &t) in ty.results.iter().enumerate() {
        let node = Node {
            op: Op::Proj,
            ty: t.bits(),
            args: Args::from_slice(&[call]),
            imm: i as i64,
            loc: 0,
        };
        let v = b.f.add_node(node);
        offset = offset.next_multiple_of(4 * t.words());
        b.pin(Op::GlobalStore, Ty::Void, &[args[0], v], offset as i64);
        offset += 4 * t.words();
    }
    (wrapper, b.ret())
}

/// A function that calls another with its own arguments and gives its result.
pub fn forwarder(ty: &FuncType, index: u32) -> (FuncType, Func) {
    let mut b = Builder {
        f: Func::new(&ty.params, &ty.results),
        block: Func::ENTRY,
    };
    let args: Vec<Value> = b.f.block(Func::ENTRY).params.clone();
    let call = b.pin(Op::Call, Ty::Void, &args, index as i64);
    let mut results = Vec::new();
    for (i, &t) in ty.results.iter().enumerate() {
        let v = b.f.float(Op::Proj, t.bits(), &[call]);
        b.f.nodes[v.0 as usize].imm = i as i64;
        results.push(v);
    }
    let mut f = b.ret();
    f.block_mut(Func::ENTRY).term.args = results.into_iter().collect();
    (ty.clone(), f)
}
