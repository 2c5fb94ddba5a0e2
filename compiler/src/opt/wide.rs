//! 64-bit values become 32-bit words.
//!
//! In: a function with `i64` values. Out: an equal one with only `i32` values and pairs. Each `i64` value is a low and a
//! high word; parameters, results, call operands and globals are flattened in that order. The words go
//! through the [`Editor`], so that what is constant, zero or an extension folds at once. Loads and stores of eight bytes become
//! two of four: the check before them covers both, and no address needs to be aligned.

use super::editor::Editor;
use crate::choices::Choices;
use crate::ir::{Args, Block, Cfg, Edge, Func, FuncType, Module, Node, Op, Term, Ty, Value};
use crate::options::Cpu;
use crate::seeded::{Bug, on};
use smallvec::SmallVec;

/// A value's words: the second is there for `i64` only.
type Words = (Value, Option<Value>);

/// Splits all 64-bit values of a function. `module` gives the types of callees.
pub fn widen(
    old: &Func,
    module: &Module,
    choices: &mut Choices,
    hits: &mut [u64],
    rewrite: bool,
    cpu: Cpu,
) -> Func {
    let results = flatten(&old.results);
    let cfg = Cfg::new(old);
    let mut w = Wide {
        old,
        module,
        e: Editor::new(
            results,
            old.nodes.len() * 3 / 2,
            choices,
            hits,
            rewrite,
            cpu,
        ),
        map: vec![None; old.nodes.len()],
        blocks: vec![Block(0); old.blocks.len()],
        at: Block(0),
        stack: Vec::new(),
    };
    for &b in &cfg.rpo {
        let n = w.e.f.add_block();
        w.blocks[b.0 as usize] = n;
        let mut longs = 0;
        for &p in &old.block(b).params {
            let fact = super::facts::Fact::top(Ty::I32);
            let lo = w.e.param(n, Ty::I32, fact);
            let hi = (old.ty(p) == Ty::I64).then(|| w.e.param(n, Ty::I32, fact));
            longs += hi.is_some() as usize;
            w.map[p.0 as usize] = Some(match hi {
                Some(hi) if on(Bug::CrowdedPairs) && longs == 25 && b != Func::ENTRY => {
                    (hi, Some(lo))
                }
                _ => (lo, hi),
            });
        }
    }
    for &b in &cfg.rpo {
        w.block(b);
    }
    w.e.f
}

/// Types as words.
pub fn flatten(types: &[Ty]) -> Vec<Ty> {
    types
        .iter()
        .flat_map(|t| std::iter::repeat_n(Ty::I32, t.words() as usize))
        .collect()
}

/// The offset of the high word: offsets are words, as addresses are.
fn next_word(offset: i64) -> i64 {
    if on(Bug::WideOffsetWraps) {
        return offset + 4;
    }
    let next = i64::from((offset as u32).wrapping_add(4));
    match on(Bug::HighWordElsewhere) {
        true => next,
        false => offset & !0xffff_ffff | next,
    }
}

struct Wide<'a, 'b> {
    old: &'a Func,
    module: &'a Module,
    e: Editor<'b>,
    map: Vec<Option<Words>>,
    blocks: Vec<Block>,
    at: Block,
    /// Values that wait for their operands; empty between requests.
    stack: Vec<Value>,
}

impl Wide<'_, '_> {
    fn block(&mut self, b: Block) {
        self.at = self.blocks[b.0 as usize];
        let data = self.old.block(b);
        for (i, &v) in data.insts.iter().enumerate() {
            if on(Bug::GlobalAcrossImport)
                && let Some(before) = self.read_before(&data.insts[..i], v)
            {
                self.map[v.0 as usize] = self.map[before.0 as usize];
                continue;
            }
            self.pinned(v);
        }
        let args = data.term.args.iter().flat_map(|&a| self.words(a)).collect();
        let edges = data
            .term
            .edges
            .iter()
            .map(|e| Edge {
                to: self.blocks[e.to.0 as usize],
                args: e.args.iter().flat_map(|&a| self.words(a)).collect(),
            })
            .collect();
        self.e.f.block_mut(self.at).term = Term {
            op: data.term.op,
            args,
            edges,
            loc: data.term.loc,
        };
    }

    /// A seeded bug: an earlier read of a global that nobody outside names, across calls of imports only.
    fn read_before(&self, before: &[Value], v: Value) -> Option<Value> {
        let read = self.old.node(v);
        let global = self.module.globals.get(read.imm as usize)?;
        if read.op != Op::GlobalGet || global.import.is_some() || !global.exports.is_empty() {
            return None;
        }
        for &w in before.iter().rev() {
            let n = self.old.node(w);
            let import = |f: i64| self.module.funcs[f as usize].import.is_some();
            match n.op {
                Op::GlobalGet if n.imm == read.imm => return Some(w),
                Op::GlobalSet if n.imm == read.imm => return None,
                Op::Call if !import(n.imm) => return None,
                _ => {}
            }
        }
        None
    }

    fn words(&mut self, v: Value) -> SmallVec<[Value; 2]> {
        let (lo, hi) = self.value(v);
        std::iter::once(lo).chain(hi).collect()
    }

    /// The words of a value; splits floating nodes on demand, operands first.
    fn value(&mut self, v: Value) -> Words {
        if let Some(words) = self.map[v.0 as usize] {
            return words;
        }
        self.stack.push(v);
        while let Some(&top) = self.stack.last() {
            if self.map[top.0 as usize].is_some() {
                self.stack.pop();
                continue;
            }
            let before = self.stack.len();
            let operands = self.old.node(top).args.iter().copied();
            self.stack
                .extend(operands.filter(|a| self.map[a.0 as usize].is_none()));
            if self.stack.len() == before {
                self.stack.pop();
                let words = self.float(top);
                self.map[top.0 as usize] = Some(words);
            }
        }
        self.done(v)
    }

    fn done(&self, v: Value) -> Words {
        self.map[v.0 as usize].expect("operands are split first")
    }

    fn m(&mut self, op: Op, args: &[Value]) -> Value {
        self.e.make(op, Ty::I32, args, 0, 0)
    }

    fn k(&mut self, v: u32) -> Value {
        self.e.iconst(Ty::I32, v as u64)
    }

    /// Both words of an operation that makes a pair.
    fn pair(&mut self, op: Op, args: &[Value], loc: u32) -> Words {
        let p = self.e.make(op, Ty::Pair, args, 0, loc);
        self.halves(p)
    }

    fn halves(&mut self, pair: Value) -> Words {
        (self.m(Op::Lo, &[pair]), Some(self.m(Op::Hi, &[pair])))
    }

    fn float(&mut self, v: Value) -> Words {
        let n = self.old.node(v);
        let args: SmallVec<[Words; 4]> = n.args.iter().map(|&a| self.done(a)).collect();
        let narrow = n.args.iter().all(|&a| self.old.ty(a) != Ty::I64);
        if n.op == Op::Proj {
            return self.projection(n, args[0].0);
        }
        if n.op == Op::Fp {
            return self.float_operation(n, &args);
        }
        if n.ty != Ty::I64 && narrow {
            let a: Args = args.iter().map(|w| w.0).collect();
            return (self.e.make(n.op, n.ty, &a, n.imm, n.loc), None);
        }
        let lo = |i: usize| args[i].0;
        let hi = |i: usize| args[i].1.unwrap_or(args[i].0);
        match n.op {
            Op::Const => (
                self.k(n.imm as u32),
                Some(self.k((n.imm as u64 >> 32) as u32)),
            ),
            Op::Wrap => (lo(0), None),
            Op::ExtendU => (lo(0), Some(self.k(0))),
            Op::ExtendS => self.sign_extended(lo(0)),
            Op::Sext8 | Op::Sext16 => {
                let l = self.m(n.op, &[lo(0)]);
                self.sign_extended(l)
            }
            Op::Sext32 => self.sign_extended(lo(0)),
            Op::Add => self.pair(Op::Add64, &[lo(0), hi(0), lo(1), hi(1)], n.loc),
            Op::Sub => self.pair(Op::Sub64, &[lo(0), hi(0), lo(1), hi(1)], n.loc),
            Op::Mul => self.multiply(args[0], args[1], n.loc),
            Op::And | Op::Or | Op::Xor => (
                self.m(n.op, &[lo(0), lo(1)]),
                Some(self.m(n.op, &[hi(0), hi(1)])),
            ),
            Op::Shl => self.shift(Op::Shl64, args[0], lo(1), n.loc),
            Op::ShrU => self.shift(Op::ShrU64, args[0], lo(1), n.loc),
            Op::ShrS => self.shift(Op::ShrS64, args[0], lo(1), n.loc),
            Op::Rotl => self.rotate(args[0], lo(1), false, n.loc),
            Op::Rotr => self.rotate(args[0], lo(1), true, n.loc),
            Op::DivS => self.divide(Op::DivS64, Op::DivS, args[0], args[1], n.loc),
            Op::DivU => self.divide(Op::DivU64, Op::DivU, args[0], args[1], n.loc),
            Op::RemS => self.divide(Op::RemS64, Op::RemS, args[0], args[1], n.loc),
            Op::RemU => self.divide(Op::RemU64, Op::RemU, args[0], args[1], n.loc),
            Op::Clz => self.count_zeros(Op::Clz, hi(0), lo(0)),
            Op::Ctz => self.count_zeros(Op::Ctz, lo(0), hi(0)),
            Op::Popcnt => {
                let (a, b) = (self.m(Op::Popcnt, &[lo(0)]), self.m(Op::Popcnt, &[hi(0)]));
                (self.m(Op::Add, &[a, b]), Some(self.k(0)))
            }
            Op::Eq | Op::Ne => {
                let (a, b) = (
                    self.m(Op::Xor, &[lo(0), lo(1)]),
                    self.m(Op::Xor, &[hi(0), hi(1)]),
                );
                let (any, zero) = (self.m(Op::Or, &[a, b]), self.k(0));
                (self.m(n.op, &[any, zero]), None)
            }
            Op::LtS | Op::LtU | Op::LeS | Op::LeU => (self.less(n.op, args[0], args[1]), None),
            Op::MinS => self.select_less(Op::LtS, args[0], args[1], args[0], args[1]),
            Op::MaxS => self.select_less(Op::LtS, args[1], args[0], args[0], args[1]),
            Op::MinU => self.select_less(Op::LtU, args[0], args[1], args[0], args[1]),
            Op::MaxU if on(Bug::WideMaxU) => {
                self.select_less(Op::LtS, args[1], args[0], args[0], args[1])
            }
            Op::MaxU => self.select_less(Op::LtU, args[1], args[0], args[0], args[1]),
            Op::Select => (
                self.m(Op::Select, &[lo(0), lo(1), lo(2)]),
                Some(self.m(Op::Select, &[lo(0), hi(1), hi(2)])),
            ),
            Op::Param
            | Op::Fp
            | Op::Proj
            | Op::Lo
            | Op::Hi
            | Op::Add64
            | Op::Sub64
            | Op::MulWideU
            | Op::MulWideS
            | Op::MulAddU
            | Op::MulAddS
            | Op::Shl64
            | Op::ShrU64
            | Op::ShrS64
            | Op::LtU64
            | Op::LtS64
            | Op::DivU64
            | Op::DivS64
            | Op::RemU64
            | Op::RemS64
            | Op::Guard
            | Op::Assume
            | Op::Load8U
            | Op::Load8S
            | Op::Load16U
            | Op::Load16S
            | Op::Load32
            | Op::Load64
            | Op::Store8
            | Op::Store16
            | Op::Store32
            | Op::Store64
            | Op::MemoryCopy
            | Op::MemoryFill
            | Op::GlobalGet
            | Op::GlobalSet
            | Op::GlobalLoad
            | Op::GlobalStore
            | Op::Sym
            | Op::Call
            | Op::CallIndirect => unreachable!("{} has no 64-bit form that floats", n.op.text()),
        }
    }

    /// An operation on floats: operands in words, and a result of 64 bits as a pair.
    fn float_operation(&mut self, n: &Node, args: &[Words]) -> Words {
        let words = args
            .iter()
            .flat_map(|&(lo, hi)| std::iter::once(lo).chain(hi));
        let mut words: Args = words.collect();
        if on(Bug::FloatWordsSwapped) && words.len() == 4 {
            words.swap(2, 3);
        }
        if n.ty != Ty::I64 {
            return (self.e.make(n.op, n.ty, &words, n.imm, n.loc), None);
        }
        let p = self.e.make(n.op, Ty::Pair, &words, n.imm, n.loc);
        let (lo, hi) = self.halves(p);
        (lo, if on(Bug::FloatHalf) { Some(lo) } else { hi })
    }

    fn sign_extended(&mut self, lo: Value) -> Words {
        if on(Bug::HighHalfZero) {
            return (lo, Some(self.k(0)));
        }
        let k = self.k(31);
        (lo, Some(self.m(Op::ShrS, &[lo, k])))
    }

    /// Whether the high word is the sign of the low one.
    fn is_sign_extended(&self, w: Words) -> bool {
        let hi = self.e.f.node(w.1.expect("64 bits"));
        let by_shift =
            hi.op == Op::ShrS && hi.args[0] == w.0 && self.e.f.as_const(hi.args[1]) == Some(31);
        by_shift || (self.is_zero(w.1) && self.e.fact(w.0).smin >= 0)
    }

    fn is_zero(&self, v: Option<Value>) -> bool {
        v.is_some_and(|v| self.e.f.as_const(v) == Some(0))
    }

    fn multiply(&mut self, a: Words, b: Words, loc: u32) -> Words {
        let (ah, bh) = (a.1.expect("64 bits"), b.1.expect("64 bits"));
        let (x, y) = (self.is_sign_extended(a), self.is_sign_extended(b));
        if x && y || (x || y) && on(Bug::WideMulMixed) {
            return self.pair(Op::MulWideS, &[a.0, b.0], loc);
        }
        let (lo, hi) = self.pair(Op::MulWideU, &[a.0, b.0], loc);
        let (x, y) = (self.m(Op::Mul, &[a.0, bh]), self.m(Op::Mul, &[ah, b.0]));
        let hi = self.m(Op::Add, &[hi.expect("64 bits"), x]);
        (lo, Some(self.m(Op::Add, &[hi, y])))
    }

    fn shift(&mut self, op: Op, a: Words, amount: Value, loc: u32) -> Words {
        let (lo, hi) = (a.0, a.1.expect("64 bits"));
        let Some(k) = self.e.f.as_const(amount) else {
            return self.pair(op, &[lo, hi, amount], loc);
        };
        let k = (k & 63) as u32;
        if k == 0 {
            return a;
        }
        if op == Op::Shl64 {
            let (low, high) = self.shift_left(lo, hi, k);
            return (low, Some(high));
        }
        let word_op = if op == Op::ShrS64 { Op::ShrS } else { Op::ShrU };
        if k >= 32 + on(Bug::WideShrBy32) as u32 {
            let (c, top) = (self.k(k - 32), self.k(31));
            let low = self.m(word_op, &[hi, c]);
            let high = if op == Op::ShrS64 {
                self.m(Op::ShrS, &[hi, top])
            } else {
                self.k(0)
            };
            return (low, Some(high));
        }
        let (c, d) = (self.k(k), self.k(32 - k));
        let (x, y) = (self.m(Op::ShrU, &[lo, c]), self.m(Op::Shl, &[hi, d]));
        (self.m(Op::Or, &[x, y]), Some(self.m(word_op, &[hi, c])))
    }

    fn shift_left(&mut self, lo: Value, hi: Value, k: u32) -> (Value, Value) {
        if k >= 32 + on(Bug::WideShlBy32) as u32 {
            let c = self.k(k - 32);
            return (self.k(0), self.m(Op::Shl, &[lo, c]));
        }
        let (c, d) = (self.k(k), self.k(32 - k));
        let (x, y) = (self.m(Op::Shl, &[hi, c]), self.m(Op::ShrU, &[lo, d]));
        (self.m(Op::Shl, &[lo, c]), self.m(Op::Or, &[x, y]))
    }

    fn rotate(&mut self, a: Words, amount: Value, right: bool, loc: u32) -> Words {
        let sixty_four = self.k(64);
        let back = self.m(Op::Sub, &[sixty_four, amount]);
        let (l, r) = if right {
            (back, amount)
        } else {
            (amount, back)
        };
        // A rotation by 0 is x | x; amounts are taken modulo 64 by the shifts.
        let x = self.shift(Op::Shl64, a, l, loc);
        let y = self.shift(Op::ShrU64, a, r, loc);
        let (xh, yh) = (x.1.expect("64 bits"), y.1.expect("64 bits"));
        (self.m(Op::Or, &[x.0, y.0]), Some(self.m(Op::Or, &[xh, yh])))
    }

    fn divide(&mut self, op: Op, word_op: Op, a: Words, b: Words, loc: u32) -> Words {
        let positive = |w: &Self, v: Words| {
            let any = matches!(word_op, Op::DivU | Op::RemU) || on(Bug::WideDivNarrow);
            w.is_zero(v.1) && (w.e.fact(v.0).smin >= 0 || any)
        };
        if positive(self, a) && positive(self, b) {
            return (self.m(word_op, &[a.0, b.0]), Some(self.k(0)));
        }
        let (ah, bh) = (a.1.expect("64 bits"), b.1.expect("64 bits"));
        self.pair(op, &[a.0, ah, b.0, bh], loc)
    }

    /// Zeros of `first`, and where that is 0, 32 more and those of `then`.
    fn count_zeros(&mut self, op: Op, first: Value, then: Value) -> Words {
        let (x, y, n) = (self.m(op, &[first]), self.m(op, &[then]), self.k(32));
        let more = self.m(Op::Add, &[y, n]);
        (self.m(Op::Select, &[first, x, more]), Some(self.k(0)))
    }

    /// A 64-bit comparison.
    fn less(&mut self, op: Op, a: Words, b: Words) -> Value {
        let swapped = match op {
            Op::LeU => !on(Bug::WideLeU),
            op => op == Op::LeS,
        };
        let (x, y) = if swapped { (b, a) } else { (a, b) };
        let wide = if matches!(op, Op::LtS | Op::LeS) {
            Op::LtS64
        } else {
            Op::LtU64
        };
        let (xh, yh) = (x.1.expect("64 bits"), y.1.expect("64 bits"));
        let less = self.m(wide, &[x.0, xh, y.0, yh]);
        if !swapped {
            return less;
        }
        let zero = self.k(0);
        self.m(Op::Eq, &[less, zero])
    }

    /// `yes` where `a` is less than `b`, else `no`.
    fn select_less(&mut self, op: Op, a: Words, b: Words, yes: Words, no: Words) -> Words {
        let c = self.less(op, a, b);
        let (yh, nh) = (yes.1.expect("64 bits"), no.1.expect("64 bits"));
        (
            self.m(Op::Select, &[c, yes.0, no.0]),
            Some(self.m(Op::Select, &[c, yh, nh])),
        )
    }

    /// Result `imm` of a call: its first word follows those of the results before it.
    fn projection(&mut self, n: &Node, call: Value) -> Words {
        let old_call = self.old.node(n.args[0]);
        let ty: &FuncType = match old_call.op {
            Op::CallIndirect => &self.module.types[old_call.imm as usize].ty,
            _ => &self.module.funcs[old_call.imm as usize].ty,
        };
        let first: u32 = ty.results[..n.imm as usize]
            .iter()
            .map(|t| {
                if on(Bug::WideProjection) {
                    1
                } else {
                    t.words()
                }
            })
            .sum();
        let mut word = |i: u32| self.e.make(Op::Proj, Ty::I32, &[call], i as i64, n.loc);
        let lo = word(first);
        (lo, (n.ty == Ty::I64).then(|| word(first + 1)))
    }

    fn pin(&mut self, op: Op, ty: Ty, args: &[Value], imm: i64, loc: u32) -> Value {
        self.e.pin(
            self.at,
            Node {
                op,
                ty,
                args: Args::from_slice(args),
                imm,
                loc,
            },
        )
    }

    fn pinned(&mut self, v: Value) {
        let n = self.old.node(v);
        let mut args = Args::new();
        for &a in &n.args {
            args.extend(self.words(a));
        }
        let words = match n.op {
            // The second word is pinned behind the check of the first.
            Op::Guard if n.ty == Ty::I64 => {
                let lo = self.pin(Op::Guard, Ty::I32, &[args[0], args[2]], n.imm, n.loc);
                (
                    lo,
                    Some(self.pin(Op::Assume, Ty::I32, &[args[1]], 0, n.loc)),
                )
            }
            Op::Assume if n.ty == Ty::I64 => {
                let lo = self.pin(Op::Assume, Ty::I32, &args[..1], 0, n.loc);
                (
                    lo,
                    Some(self.pin(Op::Assume, Ty::I32, &args[1..], 0, n.loc)),
                )
            }
            Op::Load64 => {
                let lo = self.pin(Op::Load32, Ty::I32, &args, n.imm, n.loc);
                (
                    lo,
                    Some(self.pin(Op::Load32, Ty::I32, &args, next_word(n.imm), n.loc)),
                )
            }
            Op::Store64 => {
                self.pin(Op::Store32, Ty::Void, &args[..2], n.imm, n.loc);
                (
                    self.pin(
                        Op::Store32,
                        Ty::Void,
                        &[args[0], args[2]],
                        next_word(n.imm),
                        n.loc,
                    ),
                    None,
                )
            }
            Op::MemoryCopy | Op::MemoryFill
                if super::bulk::expand(&mut self.e, self.at, n, &args) =>
            {
                return;
            }
            Op::GlobalGet if n.ty == Ty::I64 => {
                let lo = self.pin(Op::GlobalGet, Ty::I32, &[], n.imm, n.loc);
                (
                    lo,
                    Some(self.pin(Op::GlobalGet, Ty::I32, &[], n.imm | 1 << 32, n.loc)),
                )
            }
            Op::GlobalStore if args.len() == 3 => {
                self.pin(Op::GlobalStore, Ty::Void, &args[..2], n.imm, n.loc);
                (
                    self.pin(
                        Op::GlobalStore,
                        Ty::Void,
                        &[args[0], args[2]],
                        n.imm + 4,
                        n.loc,
                    ),
                    None,
                )
            }
            Op::GlobalSet if args.len() == 2 => {
                self.pin(Op::GlobalSet, Ty::Void, &args[..1], n.imm, n.loc);
                (
                    self.pin(Op::GlobalSet, Ty::Void, &args[1..], n.imm | 1 << 32, n.loc),
                    None,
                )
            }
            _ => (self.pin(n.op, n.ty, &args, n.imm, n.loc), None),
        };
        self.map[v.0 as usize] = Some(words);
    }
}
