//! From the stack machine to SSA.
//!
//! In: a validated function body. Out: a [`Func`]. Values of locals are kept in a vector; an undo log says what a
//! control frame changed, so that a branch carries only the locals that were set since its target was opened, and a
//! join gets a parameter only where the incoming values differ. Loop headers get parameters for the locals that the
//! loop assigns ([`super::scan`]). Invariants: unreachable code makes no nodes; work and memory are bounded by
//! [`LIMIT`] records a function. Guarded by the IR verifier and the oracle.

use super::bodies::Changes;
use super::decode::{func_type, invalid, malformed, unsupported, value_type};
use super::floats;
use super::memory::Accesses;
use super::numeric::{self, Shape};
use super::references::References;
use super::scan::Scan;
use super::sizes;
use super::tables;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{
    Block, Edge, Func, FuncType, Global, GlobalInit, Module, Op, Term, TermOp, Ty, Value,
};
use crate::options::Options;
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use smallvec::{SmallVec, smallvec};
use wasmparser as wp;

/// Most nodes, edge arguments and join records of a function.
const LIMIT: usize = 6_000_000;

/// What translation needs to know of the module.
pub struct Context {
    types: Vec<Option<wp::FuncType>>,
    funcs: Vec<FuncType>,
    names: Vec<Option<String>>,
    globals: Vec<Global>,
    /// How memory is accessed.
    pub accesses: Accesses,
    /// What is known of tables and references.
    references: References,
}

impl Context {
    /// Decides how memories are accessed; `changes` says what bodies do to them.
    ///
    /// # Errors
    /// `Options` if the bounds mode does not fit the memory.
    pub fn new(
        module: &mut Module,
        types: Vec<Option<wp::FuncType>>,
        references: References,
        changes: &Changes,
        options: &Options,
    ) -> Result<Context> {
        sizes::add(module, changes, options);
        Ok(Context {
            types,
            funcs: module.funcs.iter().map(|f| f.ty.clone()).collect(),
            names: (0..module.funcs.len() as u32)
                .map(|i| module.func_name(i).map(str::to_owned))
                .collect(),
            globals: module.globals.clone(),
            accesses: Accesses::new(module, options)?,
            references,
        })
    }

    /// A function's name for messages.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.names[index as usize].as_deref()
    }
}

/// A branch to the end of a frame, waiting for the join.
struct Incoming {
    from: Block,
    edge: u32,
    /// Locals that may differ from the frame's entry, with their values.
    locals: Vec<(u32, Value)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    /// With the block of the arm that runs where the condition is zero, until `else` is seen.
    If(Option<Block>),
}

struct Frame {
    kind: Kind,
    /// Height of the operand stack below the frame's parameters.
    height: usize,
    params: Vec<Ty>,
    results: Vec<Ty>,
    /// Target of a branch to a loop.
    header: Block,
    /// Locals that are parameters of the header after the loop's own.
    assigned: Vec<u32>,
    /// Operands at an `if`, for its other arm.
    saved: Vec<Value>,
    /// Where the undo log stood at entry.
    log: usize,
    incoming: Vec<Incoming>,
}

/// Translation of one function.
pub(super) struct Translator<'a> {
    cx: &'a Context,
    pub(super) f: Func,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    locals: Vec<Value>,
    /// (local, value before, mark before) for each first assignment within a frame.
    log: Vec<(u32, Value, u32)>,
    /// Number of the innermost frame (plus one) in whose part of the log the local stands.
    marks: Vec<u32>,
    pub(super) block: Block,
    reachable: bool,
    /// Frames opened in unreachable code.
    skipped: u32,
    next_loop: usize,
    records: usize,
    pub(super) loc: u32,
}

/// Translates one function body while validating it.
///
/// # Errors
/// `Malformed`, `Invalid`, `Unsupported` or `Limit`, with the byte offset.
pub fn function(
    cx: &Context,
    validator: &mut wp::FuncValidator<wp::ValidatorResources>,
    index: u32,
    body: &wp::FunctionBody<'_>,
    scan: &Scan,
) -> Result<Func> {
    let ty = &cx.funcs[index as usize];
    let mut t = Translator {
        cx,
        f: Func::new(&ty.params, &ty.results),
        stack: Vec::new(),
        frames: Vec::new(),
        locals: Vec::new(),
        log: Vec::new(),
        marks: Vec::new(),
        block: Func::ENTRY,
        reachable: true,
        skipped: 0,
        next_loop: 0,
        records: 0,
        loc: 0,
    };
    t.locals = t.f.block(Func::ENTRY).params.clone();
    t.declare_locals(validator, body)?;
    t.marks = vec![0; t.locals.len()];
    t.push_frame(
        Kind::Block,
        FuncType {
            params: Vec::new(),
            results: t.f.results.clone(),
        },
        Func::ENTRY,
    );
    let mut ops = body.get_operators_reader().map_err(malformed)?;
    while !ops.eof() {
        let (op, at) = ops.read_with_offset().map_err(malformed)?;
        validator.op(at, &op).map_err(invalid)?;
        t.loc = at as u32;
        t.operator(&op, scan, at).map_err(|e| e.at(at))?;
        t.records += 1;
        if t.records + t.f.nodes.len() > LIMIT {
            return Err(Error::new(ErrorKind::Limit, "function too large")
                .at(at)
                .help("split the function"));
        }
    }
    ops.finish().map_err(malformed)?;
    Ok(t.f)
}

impl Translator<'_> {
    fn declare_locals(
        &mut self,
        validator: &mut wp::FuncValidator<wp::ValidatorResources>,
        body: &wp::FunctionBody<'_>,
    ) -> Result<()> {
        let mut zeros: [Option<Value>; 2] = [None; 2];
        let mut reader = body.get_locals_reader().map_err(malformed)?;
        for _ in 0..reader.get_count() {
            let at = reader.original_position();
            let (count, ty) = reader.read().map_err(malformed)?;
            validator.define_locals(at, count, ty).map_err(invalid)?;
            let ty = value_type(ty, at)?.bits();
            let zero = *zeros[(ty == Ty::I64) as usize].get_or_insert_with(|| self.f.iconst(ty, 0));
            self.locals.resize(self.locals.len() + count as usize, zero);
        }
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated")
    }

    pub(super) fn push(&mut self, v: Value) {
        self.stack.push(v);
    }

    pub(super) fn pop_n(&mut self, n: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - n)
    }

    pub(super) fn float(&mut self, op: Op, ty: Ty, args: &[Value]) -> Value {
        let v = self.f.float(op, ty, args);
        self.f.nodes[v.0 as usize].loc = self.loc;
        v
    }

    pub(super) fn pin(&mut self, op: Op, ty: Ty, args: &[Value], imm: i64) -> Value {
        self.f.pin(self.block, op, ty, args, imm, self.loc)
    }

    pub(super) fn iconst(&mut self, ty: Ty, v: u64) -> Value {
        self.f.iconst(ty, v)
    }

    /// `value`, known to be safe after a trap of this kind where `bad` is not zero.
    pub(super) fn guard(&mut self, value: Value, bad: Value, kind: TrapKind) -> Value {
        let ty = self.f.ty(value);
        self.pin(Op::Guard, ty, &[value, bad], kind.code() as i64)
    }

    /// Nothing that follows is reached.
    pub(super) fn stop(&mut self) {
        self.reachable = false;
    }

    /// Returns what is on the stack.
    pub(super) fn return_(&mut self) {
        self.branch(self.frames.len() as u32 - 1);
    }

    pub(super) fn end_block(&mut self, term: Term) {
        let loc = self.loc;
        self.f.block_mut(self.block).term = Term { loc, ..term };
    }

    fn set_local(&mut self, local: u32, value: Value) {
        let mark = self.frames.len() as u32;
        let l = local as usize;
        if self.marks[l] < mark {
            self.log.push((local, self.locals[l], self.marks[l]));
            self.marks[l] = mark;
        }
        self.locals[l] = value;
    }

    fn block_type(&self, ty: wp::BlockType, at: u64) -> Result<FuncType> {
        Ok(match ty {
            wp::BlockType::Empty => FuncType::default(),
            wp::BlockType::Type(t) => FuncType {
                params: Vec::new(),
                results: vec![value_type(t, at)?.bits()],
            },
            wp::BlockType::FuncType(i) => func_type(&self.cx.types, i, at)?.bits(),
        })
    }

    fn push_frame(&mut self, kind: Kind, ty: FuncType, header: Block) {
        self.frames.push(Frame {
            kind,
            height: self.stack.len() - ty.params.len(),
            params: ty.params,
            results: ty.results,
            header,
            assigned: Vec::new(),
            saved: Vec::new(),
            log: self.log.len(),
            incoming: Vec::new(),
        });
    }

    fn open_loop(&mut self, ty: FuncType, assigned: &[u32]) {
        // The scan has not validated: locals that there are not get their error where they are set.
        let known = assigned.partition_point(|&l| (l as usize) < self.locals.len());
        let assigned = &assigned[..known];
        let header = self.f.add_block();
        let args = self.pop_n(ty.params.len());
        self.records += ty.params.len() + assigned.len();
        let entry: Vec<Value> = args
            .iter()
            .copied()
            .chain(assigned.iter().map(|&l| self.locals[l as usize]))
            .collect();
        self.end_block(Term::jump(header, entry.iter().copied()));
        let params: Vec<Value> = entry
            .iter()
            .map(|&v| self.f.add_param(header, self.f.ty(v)))
            .collect();
        let n = ty.params.len();
        self.stack.extend_from_slice(&params[..n]);
        self.push_frame(Kind::Loop, ty, header);
        self.frames.last_mut().expect("just pushed").assigned = assigned.to_vec();
        self.block = header;
        for (&l, &p) in assigned.iter().zip(&params[n..]) {
            self.set_local(l, p);
        }
    }

    fn open_if(&mut self, ty: FuncType) {
        let cond = self.pop();
        let (then, other) = (self.f.add_block(), self.f.add_block());
        let edge = |to| Edge {
            to,
            args: SmallVec::new(),
        };
        self.end_block(Term {
            op: TermOp::Br,
            args: smallvec![cond],
            edges: smallvec![edge(then), edge(other)],
            loc: 0,
        });
        let saved = self.stack[self.stack.len() - ty.params.len()..].to_vec();
        self.push_frame(Kind::If(Some(other)), ty, other);
        self.frames.last_mut().expect("just pushed").saved = saved;
        self.block = then;
    }

    /// The edge of a branch to the frame at `depth`, from `self.block`, as its edge number `edge`.
    fn branch_edge(&mut self, depth: u32, edge: u32) -> Edge {
        let i = self.frames.len() - 1 - depth as usize;
        let frame = &self.frames[i];
        if frame.kind == Kind::Loop {
            let n = frame.params.len();
            let mut args: SmallVec<[Value; 3]> = self.stack[self.stack.len() - n..]
                .iter()
                .copied()
                .chain(frame.assigned.iter().map(|&l| self.locals[l as usize]))
                .collect();
            if on(Bug::LoopParamsSwapped)
                && args.len() > 1
                && self.f.ty(args[0]) == self.f.ty(args[1])
            {
                args.swap(0, 1);
            }
            if on(Bug::WideLoopSwapped) && n > 6 && self.f.ty(args[n - 1]) == self.f.ty(args[n - 2])
            {
                args.swap(n - 1, n - 2);
            }
            if on(Bug::LatchForgotten)
                && let (true, [.., last]) = (self.ways_to(frame.header) > 5, &mut args[n..])
            {
                *last = *self.f.block(frame.header).params.last().expect("assigned");
            }
            self.records += args.len() + 1;
            return Edge {
                to: frame.header,
                args,
            };
        }
        let args: SmallVec<[Value; 3]> =
            SmallVec::from_slice(&self.stack[self.stack.len() - frame.results.len()..]);
        // The function's own frame has no locals after it.
        let mut locals: Vec<(u32, Value)> = Vec::new();
        if i > 0 {
            locals.extend(
                self.log[frame.log..]
                    .iter()
                    .map(|&(l, _, _)| (l, self.locals[l as usize])),
            );
            locals.sort_unstable();
            locals.dedup();
        }
        self.records += args.len() + locals.len() + 1;
        self.frames[i].incoming.push(Incoming {
            from: self.block,
            edge,
            locals,
        });
        // The target is filled in when the frame ends.
        Edge {
            to: Func::ENTRY,
            args,
        }
    }

    /// For a seeded bug: how many blocks lead to this one so far, the one before a loop among them.
    fn ways_to(&self, block: Block) -> usize {
        let ways = self.f.blocks.iter().map(|b| &b.term.edges);
        let ways = ways.filter(|edges| edges.iter().any(|e| e.to == block));
        ways.count()
    }

    fn branch(&mut self, depth: u32) {
        let edge = self.branch_edge(depth, 0);
        self.end_block(Term {
            op: TermOp::Jump,
            args: SmallVec::new(),
            edges: smallvec![edge],
            loc: 0,
        });
        self.reachable = false;
    }

    fn branch_if(&mut self, depth: u32) {
        let mut cond = self.pop();
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        if on(Bug::ValuedBranchInverted) && frame.kind != Kind::Loop && !frame.results.is_empty() {
            let zero = self.iconst(Ty::I32, 0);
            cond = self.float(Op::Eq, Ty::I32, &[cond, zero]);
        }
        let edge = self.branch_edge(depth, 0);
        let next = self.f.add_block();
        let other = Edge {
            to: next,
            args: SmallVec::new(),
        };
        self.end_block(Term {
            op: TermOp::Br,
            args: smallvec![cond],
            edges: smallvec![edge, other],
            loc: 0,
        });
        self.block = next;
    }

    fn branch_table(&mut self, table: &wp::BrTable<'_>) -> Result<()> {
        let index = self.pop();
        let mut edges: SmallVec<[Edge; 2]> = SmallVec::new();
        for target in table.targets().chain([Ok(table.default())]) {
            let edge = self.branch_edge(target.map_err(malformed)?, edges.len() as u32);
            edges.push(edge);
            if self.records > LIMIT {
                return Err(Error::new(ErrorKind::Limit, "branch tables too large")
                    .help("split the function"));
            }
        }
        self.end_block(Term {
            op: TermOp::Switch,
            args: smallvec![index],
            edges,
            loc: 0,
        });
        self.reachable = false;
        Ok(())
    }

    /// Takes back what the innermost frame did to the locals.
    fn undo(&mut self) {
        let start = self.frames.last().expect("validated").log;
        let stays = on(Bug::UndoMarks);
        for (l, old, mark) in self.log.drain(start..).rev() {
            self.locals[l as usize] = old;
            if !stays || mark == 0 {
                self.marks[l as usize] = mark;
            }
        }
    }

    fn other_arm(&mut self) {
        if self.reachable {
            self.branch(0);
        }
        let set: Vec<(u32, Value)> = self.log[self.frames.last().expect("validated").log..]
            .iter()
            .map(|&(l, _, _)| (l, self.locals[l as usize]))
            .filter(|&(_, v)| on(Bug::ElseKeepsConstants) && self.f.as_const(v).is_some())
            .collect();
        self.undo();
        for (l, v) in set {
            self.locals[l as usize] = v;
        }
        let frame = self.frames.last_mut().expect("validated");
        let Kind::If(Some(other)) = frame.kind else {
            unreachable!("validated: else follows if")
        };
        frame.kind = Kind::If(None);
        self.block = other;
        self.stack.truncate(frame.height);
        if on(Bug::IfParameters) {
            let (a, b) = (frame.saved.first(), frame.saved.last());
            let types = a.zip(b).map(|(a, b)| (self.f.ty(*a), self.f.ty(*b)));
            if types.is_some_and(|(a, b)| a == b) {
                frame.saved.reverse();
            }
        }
        self.stack.extend_from_slice(&frame.saved);
        self.reachable = true;
    }

    fn end(&mut self) -> Result<()> {
        if let Kind::If(Some(_)) = self.frames.last().expect("validated").kind {
            self.other_arm();
        }
        if self.reachable {
            match self.frames.last().expect("validated").kind {
                // Falling off the end of a loop is no branch to its header.
                Kind::Loop => return self.end_loop(),
                Kind::Block | Kind::If(_) => self.branch(0),
            }
        }
        self.undo();
        let frame = self.frames.pop().expect("validated");
        self.stack.truncate(frame.height);
        self.reachable = !frame.incoming.is_empty();
        if self.reachable {
            self.join(frame)?;
        }
        if self.frames.is_empty() && self.reachable {
            let args = SmallVec::from_vec(std::mem::take(&mut self.stack));
            self.end_block(Term {
                op: TermOp::Return,
                args,
                edges: SmallVec::new(),
                loc: 0,
            });
        }
        Ok(())
    }

    /// The end of a loop that is reached from inside: its locals flow on as they are.
    fn end_loop(&mut self) -> Result<()> {
        let frame = self.frames.pop().expect("validated");
        let changed: Vec<(u32, Value)> = self.log[frame.log..]
            .iter()
            .map(|&(l, _, _)| (l, self.locals[l as usize]))
            .collect();
        let lost = (on(Bug::LoopEndLocal) && changed.len() > 2) as usize;
        self.records += changed.len();
        for (l, old, mark) in self.log.drain(frame.log..).rev() {
            self.locals[l as usize] = old;
            self.marks[l as usize] = mark;
        }
        let kept = changed.len() - lost;
        for (l, v) in changed.into_iter().take(kept) {
            self.set_local(l, v);
        }
        Ok(())
    }

    /// The block after a frame: a parameter for each result, and for each local whose incoming values differ.
    fn join(&mut self, frame: Frame) -> Result<()> {
        let block = self.f.add_block();
        for &ty in &frame.results {
            let p = self.f.add_param(block, ty);
            self.stack.push(p);
        }
        let mut changed: Vec<u32> = frame
            .incoming
            .iter()
            .flat_map(|i| i.locals.iter().map(|&(l, _)| l))
            .collect();
        changed.sort_unstable();
        changed.dedup();
        self.records += changed.len() * frame.incoming.len();
        if self.records > LIMIT {
            return Err(Error::new(
                ErrorKind::Limit,
                "too many locals change on too many branches",
            )
            .help("split the function"));
        }
        for &Incoming { from, edge, .. } in &frame.incoming {
            self.f.block_mut(from).term.edges[edge as usize].to = block;
        }
        let mut cursors = vec![0usize; frame.incoming.len()];
        let mut values = Vec::with_capacity(frame.incoming.len());
        for l in changed {
            let before = self.locals[l as usize];
            values.clear();
            for (i, c) in frame.incoming.iter().zip(&mut cursors) {
                values.push(match i.locals.get(*c) {
                    Some(&(m, v)) if m == l => {
                        *c += 1;
                        v
                    }
                    _ => before,
                });
            }
            let crowded = values.len() > 8 && !frame.results.is_empty();
            if on(Bug::JoinForgetsLast) && values.len() > 2 || on(Bug::CrowdedJoin) && crowded {
                values.pop();
                values.push(before);
            }
            let first = values[0];
            if values.iter().all(|&v| v == first) {
                self.set_local(l, first);
                continue;
            }
            let p = self.f.add_param(block, self.f.ty(first));
            for (i, &v) in frame.incoming.iter().zip(&values) {
                self.f.block_mut(i.from).term.edges[i.edge as usize]
                    .args
                    .push(v);
            }
            self.set_local(l, p);
        }
        self.block = block;
        Ok(())
    }

    fn operator(&mut self, op: &wp::Operator<'_>, scan: &Scan, at: u64) -> Result<()> {
        use wp::Operator as O;
        if !self.reachable {
            return self.skip(op);
        }
        if let Some((op, arg, ret, shape)) = numeric::row(op) {
            self.numeric(op, arg, ret, shape);
            return Ok(());
        }
        match op {
            O::Nop => {}
            O::Unreachable => {
                self.end_block(Term::trap(TrapKind::Unreachable, 0));
                self.reachable = false;
            }
            O::Block { blockty } => {
                let ty = self.block_type(*blockty, at)?;
                self.push_frame(Kind::Block, ty, Func::ENTRY);
            }
            O::Loop { blockty } => {
                let ty = self.block_type(*blockty, at)?;
                let assigned = &scan.loops[self.next_loop];
                self.next_loop += 1;
                self.open_loop(ty, assigned);
            }
            O::If { blockty } => {
                let ty = self.block_type(*blockty, at)?;
                self.open_if(ty);
            }
            O::Else => self.other_arm(),
            O::End => self.end()?,
            O::Br { relative_depth } => self.branch(*relative_depth),
            O::BrIf { relative_depth } => self.branch_if(*relative_depth),
            O::BrTable { targets } => self.branch_table(targets)?,
            O::Return => self.return_(),
            O::Call { function_index } => self.call(*function_index),
            O::Drop => {
                self.pop();
            }
            O::Select | O::TypedSelect { .. } => {
                let (c, b, a) = (self.pop(), self.pop(), self.pop());
                let ty = self.f.ty(a);
                let v = self.float(Op::Select, ty, &[c, a, b]);
                self.push(v);
            }
            O::LocalGet { local_index } => self.push(self.locals[*local_index as usize]),
            O::LocalSet { local_index } => {
                let v = self.pop();
                self.set_local(*local_index, v);
            }
            O::LocalTee { local_index } => {
                self.set_local(*local_index, *self.stack.last().expect("validated"))
            }
            O::GlobalGet { global_index } => self.global_get(*global_index),
            O::GlobalSet { global_index } => {
                let v = self.pop();
                self.pin(Op::GlobalSet, Ty::Void, &[v], *global_index as i64);
            }
            O::I32Const { value } => {
                let v = self.iconst(Ty::I32, *value as u32 as u64);
                self.push(v);
            }
            O::I64Const { value } => {
                let v = self.iconst(Ty::I64, *value as u64);
                self.push(v);
            }
            other => {
                let cx = self.cx;
                if !cx.accesses.operator(self, other)
                    && !floats::operator(self, other)
                    && !cx.references.operator(self, other, at)?
                {
                    return Err(unsupported(&format!("operator {} is", mnemonic(other)), at));
                }
            }
        }
        Ok(())
    }

    /// Unreachable code: only its nesting matters.
    fn skip(&mut self, op: &wp::Operator<'_>) -> Result<()> {
        use wp::Operator as O;
        match op {
            O::Block { .. } | O::If { .. } => self.skipped += 1,
            O::Loop { .. } => {
                self.skipped += 1;
                self.next_loop += !on(Bug::SkippedLoop) as usize;
            }
            O::Else if self.skipped == 0 || on(Bug::SkippedElse) => self.other_arm(),
            O::End if self.skipped == 0 => self.end()?,
            O::End => self.skipped -= 1,
            _ => {}
        }
        Ok(())
    }

    fn numeric(&mut self, op: Op, arg: Ty, ret: Ty, shape: Shape) {
        let v = match shape {
            Shape::Unary => {
                let a = self.pop();
                self.float(op, ret, &[a])
            }
            Shape::Eqz => {
                let (a, zero) = (self.pop(), self.iconst(arg, 0));
                self.float(op, ret, &[a, zero])
            }
            Shape::Binary | Shape::Swapped => {
                let (b, a) = (self.pop(), self.pop());
                let args = if shape == Shape::Swapped {
                    [b, a]
                } else {
                    [a, b]
                };
                self.float(op, ret, &args)
            }
            Shape::Divide | Shape::DivideSigned => {
                let (b, a) = (self.pop(), self.pop());
                self.divide(op, ret, a, b, shape == Shape::DivideSigned)
            }
        };
        self.push(v);
    }

    fn divide(&mut self, op: Op, ty: Ty, mut a: Value, mut b: Value, overflows: bool) -> Value {
        if !(on(Bug::DivZeroGuardLost) && op == Op::DivU) {
            let zero = self.iconst(ty, 0);
            let bad = self.float(Op::Eq, Ty::I32, &[b, zero]);
            b = self.guard(b, bad, TrapKind::DivideByZero);
        }
        let least = if ty == Ty::I32 { 1 << 31 } else { 1 << 63 };
        let unguarded = on(Bug::WideOverflowLost) && ty == Ty::I64
            || on(Bug::LeastUnguarded) && self.f.as_const(a) == Some(least);
        if overflows && !unguarded {
            let (min, minus_one) = (self.iconst(ty, least), self.iconst(ty, u64::MAX));
            let is_min = self.float(Op::Eq, Ty::I32, &[a, min]);
            let is_minus_one = self.float(Op::Eq, Ty::I32, &[b, minus_one]);
            let bad = self.float(Op::And, Ty::I32, &[is_min, is_minus_one]);
            let kind = match on(Bug::OverflowKind) && ty == Ty::I32 {
                true => TrapKind::DivideByZero,
                false => TrapKind::IntegerOverflow,
            };
            a = self.guard(a, bad, kind);
        }
        self.float(op, ty, &[a, b])
    }

    /// Puts the results of a call on the stack.
    pub(super) fn push_results(&mut self, call: Value, types: &[Ty]) {
        for (i, &ty) in types.iter().enumerate() {
            let v = self.float(Op::Proj, ty.bits(), &[call]);
            self.f.nodes[v.0 as usize].imm = i as i64;
            self.push(v);
        }
    }

    pub(super) fn call(&mut self, index: u32) {
        let cx = self.cx;
        let ty = &cx.funcs[index as usize];
        let args = self.pop_n(ty.params.len());
        let call = self.pin(Op::Call, Ty::Void, &args, index as i64);
        self.push_results(call, &ty.results);
        if let (true, [.., a, b]) = (on(Bug::ResultsExchanged), ty.results.as_slice()) {
            let top = self.stack.len();
            if a == b {
                self.stack.swap(top - 1, top - 2);
            }
        }
    }

    fn global_get(&mut self, index: u32) {
        let cx = self.cx;
        let g = &cx.globals[index as usize];
        let fixed = !g.mutable && g.import.is_none();
        if let Some(v) = tables::constant(self, &cx.references, g.init).filter(|_| fixed) {
            return self.push(v);
        }
        let v = match g.init {
            GlobalInit::Const(bits) if !g.mutable && g.import.is_none() => {
                self.iconst(g.ty.bits(), bits)
            }
            GlobalInit::Const(_)
            | GlobalInit::Global(_)
            | GlobalInit::Expr(_)
            | GlobalInit::Func(_) => self.pin(Op::GlobalGet, g.ty.bits(), &[], index as i64),
        };
        self.push(v);
    }
}

/// What stands before the dot in operators' names.
const PREFIXES: &str = "i32 i64 f32 f64 v128 i8x16 i16x8 i32x4 i64x2 f32x4 f64x2 table ref memory elem data struct array any \
extern i31 atomic";

/// An operator's name as the text format spells it, near enough for a message.
pub(super) fn mnemonic(op: &wp::Operator<'_>) -> String {
    let debug = format!("{op:?}");
    let name = debug.split([' ', '{', '(']).next().unwrap_or_default();
    let mut out = String::new();
    let chars = name.chars().peekable();
    for c in chars {
        if c.is_ascii_uppercase() && !out.is_empty() {
            let prefix = PREFIXES.split(' ').any(|p| p == out);
            out.push(if prefix { '.' } else { '_' });
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
