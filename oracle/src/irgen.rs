//! Random modules of IR, made directly.
//!
//! In: decisions. Out: a module that the verifier accepts, with what translation from WebAssembly never or rarely makes: joins
//! and loops whose parameters have nothing to do with locals, floating values far from their uses, guards
//! on any condition, minima and fused comparisons in the source, switches with equal targets, equal edges with different
//! arguments, functions without a way out. Invariants: a value is used only where its definition dominates; loops count down from at most eight; calls go
//! to earlier functions and imports only; divisors are guarded or odd; addresses stay within the memory.

use crate::generate::draw::Draw;
use smallvec::{SmallVec, smallvec};
use thumbsmith::TrapKind;
use thumbsmith::ir::floats::ALL;
use thumbsmith::ir::{
    Base, Block, Class, Edge, Entry, Func, FuncDecl, FuncType, Global, GlobalInit, Import, Memory,
    Module, Node, Op, Sig, Term, TermOp, Ty, Value,
};

/// Most operations of a function outside of terminators.
const LONGEST: usize = 70;
/// Most functions with bodies.
const FUNCTIONS: usize = 4;

/// Makes a module.
pub fn module(draw: &mut Draw<'_>) -> Module {
    let mut module = surroundings(draw);
    for n in 0..draw.range(1, FUNCTIONS) {
        let ty = FuncType {
            params: types(draw, 0, 4),
            results: types(draw, 1, 2),
        };
        let body = Maker::new(draw, &module, &ty).function(&ty.results);
        module.funcs.push(FuncDecl {
            ty,
            import: None,
            exports: vec![format!("f{n}")],
            name: None,
            body: Some(body),
            offset: 0,
            entry: Entry::default(),
        });
    }
    module
}

fn ty(draw: &mut Draw<'_>) -> Ty {
    if draw.chance(35) { Ty::I64 } else { Ty::I32 }
}

fn types(draw: &mut Draw<'_>, least: usize, most: usize) -> Vec<Ty> {
    (0..draw.range(least, most)).map(|_| ty(draw)).collect()
}

/// Imports, globals and memory.
fn surroundings(draw: &mut Draw<'_>) -> Module {
    let mut module = Module::default();
    for n in 0..draw.below(3) {
        module.funcs.push(FuncDecl {
            ty: FuncType {
                params: types(draw, 0, 3),
                results: types(draw, 0, 2),
            },
            import: Some(Import {
                module: "env".into(),
                field: format!("host{n}"),
            }),
            exports: Vec::new(),
            name: None,
            body: None,
            offset: 0,
            entry: Entry::default(),
        });
    }
    for n in 0..draw.below(4) {
        let ty = ty(draw);
        let exports = match draw.chance(50) {
            true => vec![format!("g{n}")],
            false => Vec::new(),
        };
        module.globals.push(Global {
            ty,
            mutable: true,
            import: None,
            exports,
            init: GlobalInit::Const(draw.long() & ty.mask()),
        });
    }
    if draw.chance(70) {
        module.memories.push(Memory {
            import: None,
            base: Base::Symbol,
            page_log2: 16,
            min_pages: 1,
            max_pages: 1,
            grows: false,
            pages_global: None,
            limit_global: None,
            exports: vec!["memory".into()],
        });
    }
    module
}

/// One function under construction.
struct Maker<'d, 'a, 'm> {
    draw: &'d mut Draw<'a>,
    module: &'m Module,
    f: Func,
    at: Block,
    /// Values that may be used here.
    live: Vec<Value>,
    length: usize,
    depth: usize,
    /// Iterations of the loops around this place.
    iterations: usize,
    /// Calls that may still be made.
    calls: usize,
}

/// Operations that float before 64-bit values are split, but constants and projections.
fn operations() -> impl Iterator<Item = Op> {
    let source = |op: &Op| {
        let words = op
            .arg_sigs()
            .iter()
            .all(|s| matches!(s, Sig::T | Sig::I | Sig::L));
        let made = matches!(op.ret_sig(), Sig::T | Sig::I | Sig::L);
        let splits = matches!(op, Op::LtU64 | Op::LtS64 | Op::Sym | Op::Const);
        op.class() == Class::Float && words && made && !splits && op.arity().is_some()
    };
    Op::ALL.iter().copied().filter(source)
}

impl<'d, 'a, 'm> Maker<'d, 'a, 'm> {
    fn new(draw: &'d mut Draw<'a>, module: &'m Module, ty: &FuncType) -> Self {
        let f = Func::new(&ty.params, &ty.results);
        let live = f.block(Func::ENTRY).params.clone();
        Maker {
            draw,
            module,
            f,
            at: Func::ENTRY,
            live,
            length: 0,
            depth: 0,
            iterations: 1,
            calls: 3,
        }
    }

    fn function(mut self, results: &[Ty]) -> Func {
        self.statements(14);
        if self.draw.chance(12) {
            self.endless();
            return self.f;
        }
        let values: SmallVec<[Value; 2]> = results.iter().map(|t| self.digest(*t)).collect();
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Return,
            args: values,
            edges: SmallVec::new(),
            loc: 0,
        };
        self.f
    }

    fn full(&self) -> bool {
        self.length > LONGEST || self.draw.exhausted()
    }

    fn float(&mut self, op: Op, ty: Ty, args: &[Value]) -> Value {
        self.length += 1;
        let v = self.f.float(op, ty, args);
        self.live.push(v);
        v
    }

    fn pin(&mut self, op: Op, ty: Ty, args: &[Value], imm: i64) -> Value {
        self.length += 1;
        let v = self.f.pin(self.at, op, ty, args, imm, 0);
        if ty != Ty::Void {
            self.live.push(v);
        }
        v
    }

    fn constant(&mut self, ty: Ty) -> Value {
        let bits = match ty {
            Ty::I64 => self.draw.long(),
            Ty::I32 | Ty::Void | Ty::Pair | Ty::F32 | Ty::F64 => u64::from(self.draw.word()),
        };
        self.f.iconst(ty, bits)
    }

    /// A value of the type: mostly a recent one, else any, else a constant.
    fn value(&mut self, ty: Ty) -> Value {
        let all: Vec<Value> = self
            .live
            .iter()
            .copied()
            .filter(|v| self.f.ty(*v) == ty)
            .collect();
        if all.is_empty() || self.draw.chance(15) {
            return self.constant(ty);
        }
        let from = match self.draw.chance(70) {
            true => all.len().saturating_sub(5),
            false => 0,
        };
        all[from + self.draw.below(all.len() - from)]
    }

    /// A value that depends on several of the type.
    fn digest(&mut self, ty: Ty) -> Value {
        let mut sum = self.value(ty);
        let all: Vec<Value> = self
            .live
            .iter()
            .copied()
            .filter(|v| self.f.ty(*v) == ty)
            .collect();
        for v in all.into_iter().rev().take(4) {
            let five = self.f.iconst(ty, 5);
            let turned = self.float(Op::Rotl, ty, &[sum, five]);
            sum = self.float(Op::Xor, ty, &[turned, v]);
        }
        sum
    }

    fn statements(&mut self, most: usize) {
        for _ in 0..self.draw.below(most) + 1 {
            if self.full() {
                return;
            }
            match self.draw.below(20) {
                0..=9 => self.operation(),
                10 => self.guard(),
                11 | 12 => self.access(),
                13 => self.global(),
                14 => self.call(),
                15 | 16 if self.depth < 4 => self.branch(),
                17 if self.depth < 3 => self.repeat(),
                18 if self.depth < 3 => self.switch(),
                _ => {
                    let ty = ty(self.draw);
                    let v = self.value(ty);
                    self.pin(Op::Assume, ty, &[v], 0);
                }
            }
        }
    }

    /// A floating operation.
    fn operation(&mut self) {
        if self.draw.chance(6) {
            return self.float_operation();
        }
        let all: Vec<Op> = operations().collect();
        let op = self.draw.pick(&all);
        let t = ty(self.draw);
        let of = |sig: Sig| match sig {
            Sig::L => Ty::I64,
            Sig::I => Ty::I32,
            Sig::T | Sig::P | Sig::V | Sig::A => t,
        };
        let mut args: Vec<Value> = Vec::new();
        for sig in op.arg_sigs() {
            let same = args.last().copied().filter(|a| self.f.ty(*a) == of(*sig));
            let v = match same {
                Some(v) if self.draw.chance(8) => v,
                _ => self.value(of(*sig)),
            };
            args.push(v);
        }
        if matches!(op, Op::DivS | Op::DivU | Op::RemS | Op::RemU) {
            args[1] = self.divisor(t, args[1]);
        }
        self.float(op, of(op.ret_sig()), &args);
    }

    /// An operation on floats, of any bits.
    fn float_operation(&mut self) {
        let fp = self.draw.pick(ALL);
        let row = fp.row();
        let args: Vec<Value> = row.operands.iter().map(|t| self.value(t.bits())).collect();
        let v = self.float(Op::Fp, row.result.bits(), &args);
        self.f.nodes[v.0 as usize].imm = fp as i64;
    }

    /// The value made fit to divide by: odd and positive, or checked.
    fn divisor(&mut self, ty: Ty, v: Value) -> Value {
        let most = self.f.iconst(ty, ty.mask() >> 1);
        let one = self.f.iconst(ty, 1);
        let positive = self.float(Op::And, ty, &[v, most]);
        if self.draw.chance(50) {
            return self.float(Op::Or, ty, &[positive, one]);
        }
        let zero = self.f.iconst(ty, 0);
        let bad = self.float(Op::Eq, Ty::I32, &[positive, zero]);
        let code = i64::from(TrapKind::DivideByZero as u8);
        self.pin(Op::Guard, ty, &[positive, bad], code)
    }

    /// A guard that seldom traps, on a condition of any kind.
    fn guard(&mut self) {
        let (ty, t) = (ty(self.draw), ty(self.draw));
        let (v, a) = (self.value(ty), self.value(t));
        let b = self.constant(t);
        let op = self.draw.pick(&[Op::Eq, Op::Eq, Op::LtU]);
        let b = match op {
            Op::LtU => self.f.iconst(t, 2),
            _ => b,
        };
        let mut bad = self.float(op, Ty::I32, &[a, b]);
        if self.draw.chance(30) {
            // Any bit says so, not the lowest alone.
            let by = self.draw.range(1, 31) as u64;
            let by = self.f.iconst(Ty::I32, by);
            bad = self.float(Op::Shl, Ty::I32, &[bad, by]);
        }
        let kind = self.draw.pick(&TrapKind::ALL[..4]);
        self.pin(Op::Guard, ty, &[v, bad], i64::from(kind as u8));
    }

    fn access(&mut self) {
        const ACCESSES: [Op; 10] = [
            Op::Load8U,
            Op::Load8S,
            Op::Load16U,
            Op::Load16S,
            Op::Load32,
            Op::Load64,
            Op::Store8,
            Op::Store16,
            Op::Store32,
            Op::Store64,
        ];
        if self.module.memories.is_empty() {
            return self.operation();
        }
        let op = self.draw.pick(&ACCESSES);
        let any = self.value(Ty::I32);
        let within = self.f.iconst(Ty::I32, 0x3f);
        let address = self.float(Op::And, Ty::I32, &[any, within]);
        let offset = self.draw.pick(&[0, 1, 4, 60, 1020, 4092]);
        let value = match op.arg_sigs() {
            [_, Sig::L] => Some(self.value(Ty::I64)),
            [_, _] => Some(self.value(Ty::I32)),
            _ => None,
        };
        match (op.ret_sig(), value) {
            (_, Some(v)) => self.pin(op, Ty::Void, &[address, v], offset),
            (Sig::L, None) => self.pin(op, Ty::I64, &[address], offset),
            (_, None) => self.pin(op, Ty::I32, &[address], offset),
        };
    }

    fn global(&mut self) {
        if self.module.globals.is_empty() {
            return self.operation();
        }
        let g = self.draw.below(self.module.globals.len());
        let ty = self.module.globals[g].ty;
        if self.draw.chance(50) {
            self.pin(Op::GlobalGet, ty, &[], g as i64);
        } else {
            let v = self.value(ty);
            self.pin(Op::GlobalSet, Ty::Void, &[v], g as i64);
        }
    }

    fn call(&mut self) {
        if self.module.funcs.is_empty() || self.calls == 0 || self.iterations > 4 {
            return self.operation();
        }
        self.calls -= 1;
        let callee = self.draw.below(self.module.funcs.len());
        let ty = self.module.funcs[callee].ty.clone();
        let args: Vec<Value> = ty.params.iter().map(|t| self.value(*t)).collect();
        let call = self.pin(Op::Call, Ty::Void, &args, callee as i64);
        for (i, ty) in ty.results.iter().enumerate() {
            let v = self.f.add_node(Node {
                op: Op::Proj,
                ty: *ty,
                args: smallvec![call],
                imm: i as i64,
                loc: 0,
            });
            self.live.push(v);
        }
    }

    fn edge(&mut self, to: Block) -> Edge {
        let params = self.f.block(to).params.clone();
        let types: Vec<Ty> = params.iter().map(|p| self.f.ty(*p)).collect();
        Edge {
            to,
            args: types.into_iter().map(|t| self.value(t)).collect(),
        }
    }

    /// A block with parameters, not connected yet.
    fn join(&mut self) -> Block {
        let to = self.f.add_block();
        for ty in types(self.draw, 0, 3) {
            self.f.add_param(to, ty);
        }
        to
    }

    /// Goes on in a block: only what was alive at the branch is, and its parameters.
    fn enter(&mut self, block: Block, live: &[Value]) {
        self.at = block;
        self.live = live.to_vec();
        self.live.extend(&self.f.block(block).params);
    }

    /// An arm: statements, then to `to`, or seldom a trap.
    fn arm(&mut self, arm: Block, live: &[Value], to: Block) {
        self.enter(arm, live);
        self.statements(4);
        self.f.block_mut(self.at).term = if self.draw.chance(3) {
            Term::trap(TrapKind::Unreachable, 0)
        } else {
            let edge = self.edge(to);
            Term::jump(edge.to, edge.args)
        };
    }

    fn branch(&mut self) {
        self.depth += 1;
        let condition = self.value(Ty::I32);
        if self.draw.chance(12) {
            return self.either(condition);
        }
        let (then, to) = (self.f.add_block(), self.join());
        let live = self.live.clone();
        let first = self.edge(then);
        // Without a second arm, an edge of the branch goes to the join itself.
        let other = match self.draw.chance(50) {
            true => Some(self.f.add_block()),
            false => None,
        };
        let second = self.edge(other.unwrap_or(to));
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Br,
            args: smallvec![condition],
            edges: smallvec![first, second],
            loc: 0,
        };
        self.arm(then, &live, to);
        if let Some(other) = other {
            self.arm(other, &live, to);
        }
        self.enter(to, &live);
        self.depth -= 1;
    }

    /// Both edges of a branch to one block, each with values of its own.
    fn either(&mut self, condition: Value) {
        let to = self.join();
        let live = self.live.clone();
        let edges = smallvec![self.edge(to), self.edge(to)];
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Br,
            args: smallvec![condition],
            edges,
            loc: 0,
        };
        self.enter(to, &live);
        self.depth -= 1;
    }

    /// Enters a loop that is to count down from `times`, and fills its body. Gives its header, the counter, and the
    /// counter's place among the header's parameters.
    fn counted(&mut self, times: usize) -> (Block, Value, usize) {
        let header = self.join();
        let counter = self.f.add_param(header, Ty::I32);
        let live = self.live.clone();
        let mut entry = self.edge(header);
        let last = entry.args.len() - 1;
        entry.args[last] = self.f.iconst(Ty::I32, times as u64);
        self.f.block_mut(self.at).term = Term::jump(entry.to, entry.args);
        self.enter(header, &live);
        self.iterations *= times;
        self.statements(5);
        (header, counter, last)
    }

    /// A loop that counts down, with other parameters that its back edge sets to anything.
    fn repeat(&mut self) {
        self.depth += 1;
        let times = self.draw.range(1, 8);
        let (header, counter, last) = self.counted(times);
        let one = self.f.iconst(Ty::I32, 1);
        let next = self.float(Op::Sub, Ty::I32, &[counter, one]);
        let mut back = self.edge(header);
        back.args[last] = next;
        let exit = self.join();
        let out = self.edge(exit);
        let inside = self.live.clone();
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Br,
            args: smallvec![next],
            edges: smallvec![back, out],
            loc: 0,
        };
        // The body dominates the exit: what it made may be used after it.
        self.enter(exit, &inside);
        self.iterations /= times;
        self.depth -= 1;
    }

    /// A loop that only a guard ends, with two ways back: the function has no way out, and its last block closes the loop.
    fn endless(&mut self) {
        self.depth += 1;
        let times = self.draw.range(1, 6);
        let (header, counter, last) = self.counted(times);
        let (zero, one) = (self.f.iconst(Ty::I32, 0), self.f.iconst(Ty::I32, 1));
        let next = self.float(Op::Sub, Ty::I32, &[counter, one]);
        let over = self.float(Op::Eq, Ty::I32, &[next, zero]);
        let kind = i64::from(TrapKind::DivideByZero as u8);
        let next = self.pin(Op::Guard, Ty::I32, &[next, over], kind);
        let condition = self.value(Ty::I32);
        let arms = [self.f.add_block(), self.f.add_block()];
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Br,
            args: smallvec![condition],
            edges: arms
                .iter()
                .map(|&to| Edge {
                    to,
                    args: SmallVec::new(),
                })
                .collect(),
            loc: 0,
        };
        let live = self.live.clone();
        for arm in arms {
            self.enter(arm, &live);
            self.statements(4);
            let mut back = self.edge(header);
            back.args[last] = next;
            self.f.block_mut(self.at).term = Term::jump(back.to, back.args);
        }
    }

    fn switch(&mut self) {
        self.depth += 1;
        let index = self.value(Ty::I32);
        let three = self.f.iconst(Ty::I32, 3);
        let index = match self.draw.chance(70) {
            true => self.float(Op::And, Ty::I32, &[index, three]),
            false => index,
        };
        let to = self.join();
        let live = self.live.clone();
        let arms: Vec<Block> = (0..self.draw.range(1, 3))
            .map(|_| self.f.add_block())
            .collect();
        let mut edges: SmallVec<[Edge; 2]> = SmallVec::new();
        for n in 0..self.draw.range(1, 5) {
            // Every arm is reached; beyond them, targets repeat, and the join is one of them.
            let target = match arms.get(n) {
                Some(arm) => *arm,
                None if self.draw.chance(50) => to,
                None => self.draw.pick(&arms),
            };
            let edge = self.edge(target);
            edges.push(edge);
        }
        for arm in arms.iter().skip(edges.len()) {
            edges.push(Edge {
                to: *arm,
                args: SmallVec::new(),
            });
        }
        self.f.block_mut(self.at).term = Term {
            op: TermOp::Switch,
            args: smallvec![index],
            edges,
            loc: 0,
        };
        for arm in arms {
            self.arm(arm, &live, to);
        }
        self.enter(to, &live);
        self.depth -= 1;
    }
}
