//! The verifier: everything that passes may rely on.
//!
//! In: a function, how far it is on its way, and the module around it if there is one. Out: nothing, or the first
//! invariant that does not hold. Time is linear in nodes and edges.
//!
//! - Operands, their number and types, and the type of the result are as the row of the operation says; all `T` of a
//!   row are one type, `i32` or `i64`; immediates are within what [`ImmKind`] says.
//! - A pinned node stands in one block, once; a parameter at the block that it names. The entry has no predecessors.
//! - A terminator has the operands and edges of its kind; a return, the function's results; an edge, the parameters
//!   of its target, in number and type.
//! - Everything reachable can be computed in time: a pinned operand stands before its user on every way, and the
//!   operands of a floating node stand on one path of the dominator tree, whose end dominates all its uses. Floating
//!   nodes do not depend on themselves.
//! - `proj` reads calls only, and no more than they return; pairs are read by `lo` and `hi` only.
//! - After 64-bit values are split there is no `i64`; after addresses are lowered, every access to linear memory has an
//!   address made from a `sym`, and globals are reached by address only.

use super::cfg::Cfg;
use super::floats::Fp;
use super::func::{Block, Func, Node, TermOp, Value};
use super::module::{Base, FuncType, MACHINE, Module};
use super::ops::{Class, ImmKind, Op, Sig, Ty, memory_of};
use super::order::term_uses;
use crate::trap::TrapKind;

/// How far a function is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// `i32` and `i64` values, addresses of linear memory, globals by number.
    Source,
    /// Only words and pairs.
    Words,
    /// Machine addresses.
    Machine,
}

/// Checks a function.
///
/// # Errors
/// The invariant that does not hold, with the values concerned by node number (`%3`).
pub fn verify(f: &Func, stage: Stage, module: Option<&Module>) -> Result<(), String> {
    if f.blocks.is_empty() {
        return Err("there is no entry block".into());
    }
    let mut v = Verifier {
        f,
        stage,
        module,
        block: vec![None; f.nodes.len()],
        at: vec![0; f.nodes.len()],
    };
    v.standing()?;
    for i in 0..f.nodes.len() {
        v.node(Value(i as u32))?;
    }
    for b in f.block_ids() {
        v.terminator(b)?;
    }
    v.placement()
}

struct Verifier<'a> {
    f: &'a Func,
    stage: Stage,
    module: Option<&'a Module>,
    /// By value: where it stands, if it is pinned or a parameter.
    block: Vec<Option<Block>>,
    /// By value: its place in the block; parameters have 0.
    at: Vec<u32>,
}

type Check = Result<(), String>;

fn show(f: &Func, v: Value) -> String {
    match f.nodes.get(v.0 as usize) {
        Some(n) => format!("%{} ({})", v.0, n.op.text()),
        None => format!("%{}", v.0),
    }
}

impl Verifier<'_> {
    fn fail<T>(&self, v: Value, what: impl std::fmt::Display) -> Result<T, String> {
        Err(format!("{}: {what}", show(self.f, v)))
    }

    fn exists(&self, v: Value) -> bool {
        (v.0 as usize) < self.f.nodes.len()
    }

    /// Parameters and pinned nodes stand where they should, once; nothing else stands anywhere.
    fn standing(&mut self) -> Check {
        let f = self.f;
        for b in f.block_ids() {
            let d = f.block(b);
            let params = d.params.iter().map(|&p| (p, Class::Param, 0));
            let insts = d.insts.iter().zip(1..).map(|(&v, i)| (v, Class::Pin, i));
            for (v, class, at) in params.chain(insts) {
                if !self.exists(v) {
                    return Err(format!("block {} holds {}", b.0, show(f, v)));
                }
                let n = f.node(v);
                if n.op.class() != class {
                    return self.fail(v, format!("stands in block {} as {class:?}", b.0));
                }
                if self.block[v.0 as usize].replace(b).is_some() {
                    return self.fail(v, "stands in two places");
                }
                if class == Class::Param && n.imm != i64::from(b.0) {
                    return self.fail(v, format!("names block {}, stands at {}", n.imm, b.0));
                }
                self.at[v.0 as usize] = at;
            }
        }
        for (i, n) in f.nodes.iter().enumerate() {
            if n.op.class() != Class::Float && self.block[i].is_none() {
                return self.fail(Value(i as u32), "stands in no block");
            }
        }
        Ok(())
    }

    fn node(&self, v: Value) -> Check {
        let n = self.f.node(v);
        if let Some(&a) = n.args.iter().find(|a| !self.exists(**a)) {
            return self.fail(v, format!("operand %{} does not exist", a.0));
        }
        if let Some(want) = n.op.arity().filter(|&want| want != n.args.len()) {
            return self.fail(v, format!("{} operands instead of {want}", n.args.len()));
        }
        self.types(v, n)?;
        self.immediate(v, n)?;
        self.special(v, n)?;
        self.stage(v, n)
    }

    /// Types by the row; the type of `T` is that of the first `T` met.
    fn types(&self, v: Value, n: &Node) -> Check {
        let mut t = None;
        let args = n.op.arg_sigs().iter().zip(&n.args);
        let args = args.map(|(&s, &a)| (s, self.f.ty(a)));
        for (sig, ty) in args.chain([(n.op.ret_sig(), n.ty)]) {
            let ok = match sig {
                Sig::T => matches!(ty, Ty::I32 | Ty::I64) && *t.get_or_insert(ty) == ty,
                Sig::I => ty == Ty::I32,
                Sig::L => ty == Ty::I64,
                Sig::P => ty == Ty::Pair,
                Sig::V => ty == Ty::Void,
                // Parameters and projections are values; what a projection reads is checked below.
                Sig::A => matches!(n.op, Op::Proj | Op::Fp) || matches!(ty, Ty::I32 | Ty::I64),
            };
            if !ok {
                return self.fail(v, format!("{} where the row says {sig:?}", ty.name()));
            }
        }
        let value = |a: &&Value| !matches!(self.f.ty(**a), Ty::I32 | Ty::I64);
        match n.op.arity() {
            None if n.args.iter().any(|a| value(&a)) => self.fail(v, "an operand is no value"),
            _ => Ok(()),
        }
    }

    fn immediate(&self, v: Value, n: &Node) -> Check {
        let word = (0..=i64::from(u32::MAX)).contains(&n.imm);
        let ok = match n.op.imm_kind() {
            ImmKind::None => n.imm == 0,
            ImmKind::Bits => n.imm as u64 & !n.ty.mask() == 0,
            ImmKind::Trap => u8::try_from(n.imm).is_ok_and(|c| TrapKind::from_code(c).is_some()),
            ImmKind::Global => n.imm >> 32 == 0 || self.stage > Stage::Source && n.imm >> 32 == 1,
            ImmKind::Offset if n.op.access_bytes().is_some() => {
                n.imm >= 0 && self.is_memory(memory_of(n.imm))
            }
            ImmKind::Memory => word && self.is_memory(n.imm as u32),
            ImmKind::Memories => {
                let (to, from) = (n.imm as u32, memory_of(n.imm));
                n.imm >= 0 && self.is_memory(to) && self.is_memory(from)
            }
            ImmKind::Offset | ImmKind::Index | ImmKind::Func | ImmKind::Block => word,
            ImmKind::Type => word,
            ImmKind::Sym => n.imm >= 0,
            ImmKind::Fp => Fp::from_imm(n.imm).is_some(),
        };
        if ok {
            Ok(())
        } else {
            self.fail(v, format!("immediate {:#x}", n.imm))
        }
    }

    /// Whether there is a memory of this number. Constants are read at machine addresses, and helpers know no others; the first
    /// memory need not be declared.
    fn is_memory(&self, memory: u32) -> bool {
        let there = |m: &Module| (memory as usize) < m.memories.len();
        matches!(memory, 0 | MACHINE) || self.module.is_none_or(there)
    }

    /// Whether a machine address in this memory is the sum with a symbol.
    fn has_base(&self, imm: i64) -> bool {
        let memories = self.module.map_or(&[][..], |m| &m.memories);
        let memory = memories.get(memory_of(imm) as usize);
        memory_of(imm) != MACHINE && memory.is_none_or(|m| m.base != Base::Identity)
    }

    /// What the rows cannot say: shift amounts, calls, projections, globals.
    fn special(&self, v: Value, n: &Node) -> Check {
        // What selects instructions relies on it.
        if self.stage > Stage::Source
            && matches!(n.op, Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr)
            && self.f.as_const(n.args[1]).is_some_and(|k| k >= 32)
        {
            return self.fail(v, "its constant amount is not below the width");
        }
        if n.op == Op::Proj {
            let call = self.f.node(n.args[0]);
            if !matches!(call.op, Op::Call | Op::CallIndirect) {
                return self.fail(v, "projects what is no call");
            }
            if let Some(ty) = self.callee(call) {
                let results = self.flat(&ty.results);
                if results.get(n.imm as usize) != Some(&n.ty) {
                    return self.fail(v, format!("the call returns {results:?}"));
                }
            }
        }
        if n.op == Op::Fp {
            self.float(v, n)?;
        }
        let Some(m) = self.module else { return Ok(()) };
        if matches!(n.op, Op::Call | Op::CallIndirect) {
            let Some(ty) = self.callee(n) else {
                return self.fail(v, format!("there is no callee {}", n.imm));
            };
            let args = (n.args.iter().map(|&a| self.f.ty(a))).collect::<Vec<_>>();
            if let Err(what) = self.takes(&args, ty, n.op == Op::CallIndirect) {
                return self.fail(v, what);
            }
        }
        if matches!(n.op, Op::GlobalGet | Op::GlobalSet) {
            let ty = match n.op {
                Op::GlobalGet => n.ty,
                _ => self.f.ty(n.args[0]),
            };
            let global = m.globals.get(n.imm as u32 as usize);
            let words = global.map(|g| self.flat(&[g.ty]));
            let word = words.and_then(|w| w.get((n.imm >> 32) as usize).copied());
            if word != Some(ty) {
                return self.fail(v, "the global has another type, or is not there");
            }
        }
        Ok(())
    }

    /// Operands and result of an operation on floats are of the types of its row.
    fn float(&self, v: Value, n: &Node) -> Check {
        let Some(row) = Fp::from_imm(n.imm).map(Fp::row) else {
            return self.fail(v, "there is no such operation on floats");
        };
        let got = n.args.iter().map(|&a| self.f.ty(a));
        let want = self.flat(row.operands);
        if !got.eq(want.iter().copied()) {
            return self.fail(v, format!("{} takes {want:?}", row.name));
        }
        let result = match (self.stage, row.result.words()) {
            (Stage::Source, _) => row.result.bits(),
            (_, 1) => Ty::I32,
            (_, _) => Ty::Pair,
        };
        match n.ty == result {
            true => Ok(()),
            false => self.fail(v, format!("{} gives {}", row.name, result.name())),
        }
    }

    fn callee(&self, call: &Node) -> Option<&FuncType> {
        self.func_type(call.imm as u32, call.op == Op::CallIndirect)
    }

    /// The type of a function, or the type with this number.
    fn func_type(&self, number: u32, indirect: bool) -> Option<&FuncType> {
        let m = self.module?;
        match indirect {
            true => m.types.get(number as usize).map(|t| &t.ty),
            false => m.funcs.get(number as usize).map(|f| &f.ty),
        }
    }

    /// Whether a call passes what the callee takes, behind the reference to it if there is one.
    fn takes(&self, args: &[Ty], ty: &FuncType, indirect: bool) -> Check {
        let mut want = self.flat(&ty.params);
        if indirect {
            want.insert(0, Ty::I32);
        }
        match args == want {
            true => Ok(()),
            false => Err(format!("the callee takes {want:?}")),
        }
    }

    /// A call in the place of the function: results are the function's.
    fn tail_call(&self, args: &[Ty], number: u32, indirect: bool) -> Check {
        if self.module.is_none() {
            return Ok(());
        }
        let Some(ty) = self.func_type(number, indirect) else {
            return Err(format!("there is no callee {number}"));
        };
        if self.flat(&ty.results) != self.f.results {
            return Err(format!("the callee returns {:?}", ty.results));
        }
        self.takes(args, ty, indirect)
    }

    /// Types as they are at this stage.
    fn flat(&self, types: &[Ty]) -> Vec<Ty> {
        if self.stage == Stage::Source {
            return types.iter().map(|t| t.bits()).collect();
        }
        let words = types.iter().map(|t| t.words() as usize);
        words
            .flat_map(|n| std::iter::repeat_n(Ty::I32, n))
            .collect()
    }

    fn stage(&self, v: Value, n: &Node) -> Check {
        let wide = n.ty == Ty::I64 || n.args.iter().any(|&a| self.f.ty(a) == Ty::I64);
        if self.stage > Stage::Source && wide {
            return self.fail(v, "a 64-bit value after they were split");
        }
        let by_number = matches!(n.op, Op::GlobalGet | Op::GlobalSet);
        if self.stage == Stage::Machine && by_number {
            return self.fail(v, "a global by number after addresses were lowered");
        }
        Ok(())
    }

    fn terminator(&self, b: Block) -> Check {
        let (f, t) = (self.f, &self.f.block(b).term);
        let fail = |what: String| Err(format!("block {}: {what}", b.0));
        if let Some(v) = term_uses(f, b).find(|&v| !self.exists(v)) {
            return fail(format!("operand %{} does not exist", v.0));
        }
        let results = f.results.as_slice();
        let types = |vs: &[Value]| vs.iter().map(|&v| f.ty(v)).collect::<Vec<_>>();
        let own = types(&t.args);
        let (args, edges): (&[Ty], _) = match t.op {
            TermOp::Jump => (&[], 1..=1),
            TermOp::Br => (&[Ty::I32], 2..=2),
            TermOp::Switch => (&[Ty::I32], 1..=usize::MAX),
            TermOp::Return => (results, 0..=0),
            TermOp::Trap(_) => (&[], 0..=0),
            TermOp::TailCall(callee) => {
                self.tail_call(&own, callee, false).or_else(fail)?;
                (&own, 0..=0)
            }
            TermOp::TailCallIndirect(ty) => {
                self.tail_call(&own, ty, true).or_else(fail)?;
                (&own, 0..=0)
            }
        };
        if own != args {
            return fail(format!("{:?} with {own:?}", t.op));
        }
        if !edges.contains(&t.edges.len()) {
            return fail(format!("{:?} with {} edges", t.op, t.edges.len()));
        }
        for e in &t.edges {
            if e.to == Func::ENTRY || e.to.0 as usize >= f.blocks.len() {
                return fail(format!("an edge to block {}", e.to.0));
            }
            let want = types(&f.block(e.to).params);
            if types(&e.args) != want {
                let got = types(&e.args);
                return fail(format!(
                    "{got:?} for block {}, which takes {want:?}",
                    e.to.0
                ));
            }
        }
        Ok(())
    }

    /// Every use can be computed in time.
    fn placement(&self) -> Check {
        let f = self.f;
        let cfg = Cfg::new(f);
        let mut p = Placement {
            v: self,
            tree: tree_intervals(&cfg),
            ready: vec![None; f.nodes.len()],
            open: vec![false; f.nodes.len()],
            symbolic: vec![false; f.nodes.len()],
        };
        for &b in &cfg.rpo {
            for &v in &f.block(b).insts {
                for &a in &f.node(v).args {
                    p.used(a, (b, self.at[v.0 as usize]), v)?;
                }
                let op = f.node(v).op;
                let access = op.is_load() || op.is_store();
                let placed = access && self.has_base(f.node(v).imm);
                if self.stage == Stage::Machine && placed && !p.is_from_symbol(f.node(v).args[0]) {
                    return self.fail(v, "an address that no symbol is part of");
                }
            }
            for a in term_uses(f, b) {
                p.used(a, (b, u32::MAX), a)?;
            }
        }
        Ok(())
    }
}

/// From where on a value can be there: a block, and a place in it.
type Point = (Block, u32);

struct Placement<'a> {
    v: &'a Verifier<'a>,
    /// By block: first and last number of its subtree in the dominator tree.
    tree: Vec<(u32, u32)>,
    ready: Vec<Option<Point>>,
    /// Floating nodes whose operands are being looked at.
    open: Vec<bool>,
    /// Whether a symbol is part of the value.
    symbolic: Vec<bool>,
}

/// Numbers of the dominator tree in preorder: a block dominates what lies in its interval. Unreachable: empty.
fn tree_intervals(cfg: &Cfg) -> Vec<(u32, u32)> {
    let mut children: Vec<Vec<Block>> = vec![Vec::new(); cfg.idom.len()];
    for &b in cfg.rpo.iter().skip(1) {
        children[cfg.idom[b.0 as usize].0 as usize].push(b);
    }
    let mut out = vec![(1, 0); cfg.idom.len()];
    let mut next = 0;
    let mut stack = vec![(Func::ENTRY, 0)];
    while let Some((b, child)) = stack.last_mut() {
        let i = b.0 as usize;
        if *child == 0 {
            out[i].0 = next;
            next += 1;
        }
        match children[i].get(*child) {
            Some(&c) => {
                *child += 1;
                stack.push((c, 0));
            }
            None => {
                out[i].1 = next - 1;
                stack.pop();
            }
        }
    }
    out
}

impl Placement<'_> {
    fn dominates(&self, a: Block, b: Block) -> bool {
        let (a, b) = (self.tree[a.0 as usize], self.tree[b.0 as usize]);
        a.0 <= b.0 && b.1 <= a.1
    }

    /// Whether what is there from `a` on is there at `b`.
    fn precedes(&self, a: Point, b: Point) -> bool {
        if a.0 == b.0 {
            a.1 < b.1
        } else {
            self.dominates(a.0, b.0)
        }
    }

    fn used(&mut self, v: Value, at: Point, by: Value) -> Check {
        let ready = self.ready(v)?;
        if self.precedes(ready, at) {
            return Ok(());
        }
        let f = self.v.f;
        Err(format!(
            "{}, ready in block {}, is used in block {} by {} before it is there",
            show(f, v),
            ready.0.0,
            at.0.0,
            if by == v {
                "the terminator".into()
            } else {
                show(f, by)
            },
        ))
    }

    /// From where on a value can be there: for a floating node, where the last of its operands is.
    fn ready(&mut self, v: Value) -> Result<Point, String> {
        let f = self.v.f;
        let mut stack = vec![v];
        while let Some(&top) = stack.last() {
            let i = top.0 as usize;
            if self.ready[i].is_some() {
                stack.pop();
                continue;
            }
            if let Some(b) = self.v.block[i] {
                self.ready[i] = Some((b, self.v.at[i]));
                continue;
            }
            let args = &f.node(top).args;
            let missing = args.iter().filter(|a| self.ready[a.0 as usize].is_none());
            let before = stack.len();
            stack.extend(missing.copied());
            if stack.len() == before {
                self.ready[i] = Some(self.last_of(top)?);
                self.symbolic[i] =
                    f.node(top).op == Op::Sym || args.iter().any(|a| self.symbolic[a.0 as usize]);
            } else if std::mem::replace(&mut self.open[i], true) {
                return Err(format!("{} depends on itself", show(f, top)));
            }
        }
        Ok(self.ready[v.0 as usize].unwrap_or((Func::ENTRY, 0)))
    }

    /// The last of the operands' points, all of which must lie on one path of the dominator tree.
    fn last_of(&self, v: Value) -> Result<Point, String> {
        let mut last = (Func::ENTRY, 0);
        for a in &self.v.f.node(v).args {
            let p = self.ready[a.0 as usize].unwrap_or(last);
            if self.precedes(last, p) || last == p {
                last = p;
            } else if !self.precedes(p, last) {
                let f = self.v.f;
                return Err(format!(
                    "{} has operands in blocks {} and {}, neither of which dominates the other",
                    show(f, v),
                    last.0.0,
                    p.0.0
                ));
            }
        }
        Ok(last)
    }

    /// Whether the address is made from a symbol: looks through checks, which yield the address.
    fn is_from_symbol(&self, mut v: Value) -> bool {
        let f = self.v.f;
        while matches!(f.node(v).op, Op::Guard | Op::Assume) {
            v = f.node(v).args[0];
        }
        self.symbolic[v.0 as usize]
    }
}
