//! Instruction selection: from scheduled SSA of 32-bit words to machine IR.
//!
//! In: a function whose addresses are machine addresses, its schedule. Out: an [`MFunc`]. Blocks and nodes are walked
//! backwards, so that a node is emitted only if something emitted before needs it, and a pattern that covers
//! several nodes leaves the inner ones unneeded. Instructions of a block are collected in reverse. Invariants: as
//! stated in [`super::mir`]; an instruction that reads flags directly follows, but for instructions that keep flags, the
//! one that sets them. Guarded by the machine IR verifier and the oracle.

mod banks;
mod blocks;
mod calls;
mod compare;
mod floats;
mod memory;
mod pairs;
mod values;
mod vfp;

use super::abi::{Signature, Variant};
use super::mir::{MBlock, MBlockId, MFunc, MInst, MOp, VReg};
use super::symbols::Symbols;
use crate::choices::Choices;
use crate::error::Result;
use crate::ir::{Block, Cfg, Func, Module, Op, Ty, Value};
use crate::isa::{Class, RegSet};
use crate::opt::schedule::Schedule;
use crate::options::Options;
use crate::seeded::{Bug, on};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// What the lowering of all functions shares.
pub struct Context<'a> {
    /// The module, for types of callees.
    pub module: &'a Module,
    /// Options.
    pub options: &'a Options,
    /// Symbols, which lowering adds to.
    pub symbols: &'a mut Symbols,
    /// Decisions.
    pub choices: &'a mut Choices,
    /// How often each lowering rule fired.
    pub hits: &'a mut [u64],
    /// By module function index: the helper for each 64-bit division.
    pub helpers: &'a dyn Fn(Op) -> Option<u32>,
}

/// Lowers a function with this signature.
///
/// # Errors
/// `Internal`, if the function breaks an invariant.
pub fn lower(
    f: &Func,
    cfg: &Cfg,
    sched: &Schedule,
    sig: &Signature,
    name: &str,
    cx: &mut Context<'_>,
) -> Result<MFunc> {
    let mut l = Lower {
        f,
        cfg,
        sched,
        sig,
        variant: Variant::of(cx.options.cpu),
        cx,
        vreg: vec![None; f.nodes.len()],
        next_vreg: 0,
        native: Vec::new(),
        floats: FxHashMap::default(),
        pairs: pairs::Pairs::default(),
        doubles: FxHashMap::default(),
        selected: FxHashSet::default(),
        shared: FxHashSet::default(),
        before: Vec::new(),
        float: Vec::new(),
        rev: Vec::new(),
        now: Vec::new(),
        hoisted: FxHashMap::default(),
        pending: vec![Vec::new(); f.blocks.len()],
        words: FxHashMap::default(),
        block: Func::ENTRY,
        loc: 0,
        chunks: (0..f.blocks.len())
            .map(|_| blocks::Chunk::default())
            .collect(),
        extra: 0,
        out_bytes: 0,
        has_calls: false,
    };
    l.find_words();
    l.choose_banks();
    l.choose_pairs();
    for &b in cfg.rpo.iter().rev() {
        l.lower_block(b);
    }
    let mut blocks = l.assemble();
    if l.float.is_empty() {
        keep_floats(&mut blocks);
    }
    Ok(MFunc {
        name: name.to_owned(),
        blocks,
        vregs: l.next_vreg,
        out_bytes: l.out_bytes,
        in_bytes: sig.stack_bytes,
        has_calls: l.has_calls,
        float_class: match l.float.is_empty() {
            true => Class::Core,
            false if l.has_doubles() => Class::Double,
            false => Class::Single,
        },
        float: l.float,
    })
}

/// Where no value is in the FPU, what calls do to it does not matter.
fn keep_floats(blocks: &mut [MBlock]) {
    let insts = blocks.iter_mut().flat_map(|b| &mut b.insts);
    for abi in insts.filter_map(|i| i.abi.as_mut()) {
        abi.clobbers = abi.clobbers.minus(RegSet::FLOAT_CALLER_SAVED);
    }
}

/// A constant in a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Constant {
    /// Of the core.
    Word(i32),
    /// Of the FPU, a float of 32 bits.
    Single(i32),
    /// Of the FPU, a double: its low word and its high one.
    Double(i32, i32),
}

pub(super) struct Lower<'a, 'b> {
    f: &'a Func,
    cfg: &'a Cfg,
    sched: &'a Schedule,
    sig: &'a Signature,
    cx: &'a mut Context<'b>,
    /// By value: its register, once something needs it.
    vreg: Vec<Option<VReg>>,
    next_vreg: u32,
    /// How floats are passed.
    variant: Variant,
    /// By value: whether its definition leaves it in a register of the FPU. Empty if nothing is there.
    native: Vec<bool>,
    /// The register of the FPU of each value that is needed in one.
    floats: FxHashMap<Value, VReg>,
    /// Doubles that are kept whole beside those that the FPU computes.
    pairs: pairs::Pairs,
    /// The register of the FPU of each double that is needed in one: by the node that computes it, or its low word.
    doubles: FxHashMap<Value, VReg>,
    /// Selections of doubles that have been emitted, by their low words.
    selected: FxHashSet<Value>,
    /// Their conditions: two uses are one there.
    shared: FxHashSet<Value>,
    /// Instructions that those being emitted need, in program order, to be right before them.
    before: Vec<MInst>,
    /// By virtual register: whether it is one of the FPU; those past the end are none.
    float: Vec<bool>,
    /// Instructions of the current block, last first.
    rev: Vec<MInst>,
    /// Constants that the instructions being emitted need, to be made right before them.
    now: Vec<(VReg, Constant)>,
    /// Constants that loops need, made before the loop: by block and constant.
    hoisted: FxHashMap<(Block, Constant), VReg>,
    /// By block: constants to make at its end.
    pending: Vec<Vec<(VReg, Constant)>>,
    /// Words of pairs and calls: (node, word) to the node that names it.
    words: FxHashMap<(Value, u32), Value>,
    block: Block,
    loc: u32,
    chunks: Vec<blocks::Chunk>,
    /// Blocks beyond those of the function.
    extra: u32,
    out_bytes: u32,
    has_calls: bool,
}

impl Lower<'_, '_> {
    fn find_words(&mut self) {
        for (i, n) in self.f.nodes.iter().enumerate() {
            let v = Value(i as u32);
            if self.sched.place[i].is_none() {
                continue;
            }
            match n.op {
                Op::Lo => self.words.insert((n.args[0], 0), v),
                Op::Hi => self.words.insert((n.args[0], 1), v),
                Op::Proj => self.words.insert((n.args[0], n.imm as u32), v),
                Op::Fp if n.ty == Ty::I32 => self.words.insert((v, 0), v),
                _ => None,
            };
        }
    }

    fn fresh(&mut self) -> VReg {
        self.next_vreg += 1;
        VReg(self.next_vreg - 1)
    }

    /// The value behind guards, which give it no register of its own.
    fn bare(&self, mut v: Value) -> Value {
        while matches!(self.f.node(v).op, Op::Guard | Op::Assume) {
            v = self.f.node(v).args[0];
        }
        v
    }

    fn as_const(&self, v: Value) -> Option<i32> {
        self.f.as_const(self.bare(v)).map(|c| c as i32)
    }

    /// The register that holds a value; from here on the value is needed.
    fn reg(&mut self, v: Value) -> VReg {
        let v = self.bare(v);
        if let Some(c) = self.f.as_const(v) {
            return self.constant(c as i32);
        }
        if let Some(r) = self.vreg[v.0 as usize] {
            return r;
        }
        let r = self.fresh();
        self.vreg[v.0 as usize] = Some(r);
        r
    }

    /// Like [`Self::reg`], but a constant is made right here: for operands that are moved anyway.
    fn reg_here(&mut self, v: Value) -> VReg {
        match self.as_const(v) {
            Some(c) => self.constant_here(c),
            None => self.reg(v),
        }
    }

    fn constant_here(&mut self, c: i32) -> VReg {
        self.make_here(Constant::Word(c))
    }

    /// A constant, made right before what is being emitted.
    fn make_here(&mut self, c: Constant) -> VReg {
        let r = self.fresh_for(c);
        self.now.push((r, c));
        r
    }

    /// A new register for a constant.
    fn fresh_for(&mut self, c: Constant) -> VReg {
        match c {
            Constant::Word(_) => self.fresh(),
            Constant::Single(_) | Constant::Double(..) => self.fresh_float(),
        }
    }

    fn constant(&mut self, c: i32) -> VReg {
        self.make(Constant::Word(c))
    }

    /// A constant: in a loop, made once before the outermost one.
    fn make(&mut self, c: Constant) -> VReg {
        let Some(mut header) = self.cfg.header[self.block.0 as usize] else {
            return self.make_here(c);
        };
        while let Some(outer) = self.cfg.outer(header) {
            header = outer;
        }
        let before = self.cfg.idom[header.0 as usize];
        let choices = &mut self.cx.choices;
        if header == Func::ENTRY || !choices.allows("hoist") || !choices.flip(true) {
            return self.make_here(c);
        }
        if let Some(&r) = self.hoisted.get(&(before, c)) {
            return r;
        }
        let r = self.fresh_for(c);
        self.hoisted.insert((before, c), r);
        self.pending[before.0 as usize].push((r, c));
        r
    }

    /// The register of a value that is needed, or none.
    fn needed(&self, v: Value) -> Option<VReg> {
        self.vreg[v.0 as usize]
    }

    fn word(&self, v: Value, word: u32) -> Option<VReg> {
        self.words.get(&(v, word)).and_then(|&w| self.needed(w))
    }

    /// Emits instructions, given in program order, before everything emitted so far in this block.
    fn emit_all(&mut self, insts: impl IntoIterator<Item = MInst, IntoIter: DoubleEndedIterator>) {
        for mut i in insts.into_iter().rev() {
            i.loc = self.loc;
            self.rev.push(i);
        }
    }

    fn emit(&mut self, inst: MInst) {
        self.emit_all([inst]);
    }

    /// Emits what the instructions just emitted need: what is put together, and before that constants.
    fn flush(&mut self) {
        let before = std::mem::take(&mut self.before);
        self.emit_all(before);
        for (r, c) in std::mem::take(&mut self.now) {
            self.emit_made(r, c);
        }
    }

    fn emit_made(&mut self, r: VReg, c: Constant) {
        match c {
            Constant::Word(c) => self.emit_constant(r, c),
            Constant::Single(c) => self.emit_single(r, c),
            Constant::Double(low, high) => self.emit_double(r, low, high),
        }
    }

    fn emit_constant(&mut self, r: VReg, c: i32) {
        let mut i = MInst::new(MOp::Const, &[r], &[]);
        i.imm = c;
        self.emit(i);
    }

    fn lower_block(&mut self, b: Block) {
        self.block = b;
        debug_assert!(self.rev.is_empty() && self.now.is_empty() && self.before.is_empty());
        self.terminator(b);
        self.flush();
        for (r, c) in std::mem::take(&mut self.pending[b.0 as usize]) {
            self.emit_made(r, c);
        }
        let sched = self.sched;
        for &v in sched.order[b.0 as usize].iter().rev() {
            self.loc = self.f.node(v).loc;
            self.node(v);
            self.flush();
        }
        self.loc = 0;
        match b {
            Func::ENTRY => self.arguments(),
            _ => self.cross_parameters(b),
        }
        self.finish_block(b);
    }

    /// Lowers one scheduled node.
    fn node(&mut self, v: Value) {
        let n = self.f.node(v);
        self.cross(v);
        match n.op {
            Op::Guard => self.guard(n),
            // Results that have no instruction of their own.
            Op::Assume | Op::Param | Op::Const | Op::Lo | Op::Hi | Op::Proj => {}
            Op::Load8U | Op::Load8S | Op::Load16U | Op::Load16S | Op::Load32 | Op::GlobalLoad => {
                self.load(v, n)
            }
            Op::Store8 | Op::Store16 | Op::Store32 | Op::GlobalStore => self.store(n),
            Op::Call => self.call(v, n),
            Op::MemoryCopy | Op::MemoryFill => self.bulk_call(v, n),
            Op::CallIndirect => self.call_indirect(v, n),
            Op::Add64
            | Op::Sub64
            | Op::MulWideU
            | Op::MulWideS
            | Op::MulAddU
            | Op::MulAddS
            | Op::Shl64
            | Op::ShrU64
            | Op::ShrS64 => self.wide(v, n),
            Op::DivU64 | Op::DivS64 | Op::RemU64 | Op::RemS64 => self.helper_call(v, n),
            Op::Fp => self.float_operation(v, n),
            Op::Add
            | Op::Sub
            | Op::Mul
            | Op::And
            | Op::Or
            | Op::Xor
            | Op::Shl
            | Op::ShrS
            | Op::ShrU
            | Op::Rotl
            | Op::Rotr
            | Op::DivS
            | Op::DivU
            | Op::RemS
            | Op::RemU
            | Op::Clz
            | Op::Ctz
            | Op::Popcnt
            | Op::Sext8
            | Op::Sext16
            | Op::Eq
            | Op::Ne
            | Op::LtS
            | Op::LtU
            | Op::LeS
            | Op::LeU
            | Op::MinS
            | Op::MaxS
            | Op::MinU
            | Op::MaxU
            | Op::Select
            | Op::LtU64
            | Op::LtS64
            | Op::Sym => {
                if self.pairs.of(v).is_some() {
                    self.select_double(v);
                } else if let Some(d) = self.float_needed(v).filter(|_| self.in_fpu(v)) {
                    self.value_in_fpu(n, d);
                } else if let Some(d) = self.needed(v) {
                    self.value(v, n, d);
                }
            }
            Op::Sext32
            | Op::ExtendS
            | Op::ExtendU
            | Op::Wrap
            | Op::Load64
            | Op::Store64
            | Op::GlobalGet
            | Op::GlobalSet => debug_assert!(false, "{} is gone before lowering", n.op.text()),
        }
    }

    /// Whether a pattern may look into an operand: it stands in this block and nothing else uses it.
    fn may_enter(&self, v: Value) -> bool {
        let uses = self.sched.uses[v.0 as usize];
        self.sched.place[v.0 as usize] == Some(self.block)
            && ((uses == 1 || uses == 2 && self.shared.contains(&v))
                && self.needed(v).is_none()
                && self.float_needed(v).is_none()
                || on(Bug::SharedOperandEaten) && self.sched.uses[v.0 as usize] == 2)
    }
}

/// A block being assembled, with successors still named by block or extra block.
pub(super) type Target = (MBlockId, SmallVec<[VReg; 2]>);

/// A machine block under construction.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) id: u32,
    pub(super) block: MBlock,
}
