//! Random machine functions, for tests and fuzzing of the allocator.
//!
//! In: any bytes. Out: a function that satisfies every invariant of the machine IR (SSA, reverse post-order, no
//! critical edge) and that is rich in what breaks allocators: loops whose back edge permutes values, joins, breaks,
//! switches, calls, fixed and tied operands, results in pairs, many values alive at once, rematerializable values, and in
//! two functions of three all of that in both register files, with values that cross between them.
//! Bytes that run out read as zero, which ends blocks, so that a prefix is a smaller function.

use crate::backend::mir::{Abi, MBlock, MBlockId, MEdge, MFunc, MInst, MOp, Symbol, VReg};
use crate::isa::{self, Class, Cond, Op, Reg, RegSet, Role};
use crate::trap::TrapKind;
use smallvec::SmallVec;

/// What kinds of functions come out.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Most instructions outside of terminators.
    pub budget: u32,
    /// How far back operands reach: small is little pressure.
    pub reach: usize,
    /// Whether there are calls.
    pub calls: bool,
    /// What registers of the FPU are; of the core where there are none.
    pub floats: Class,
}

/// A function made from bytes; the shape too.
pub fn function(bytes: &[u8]) -> MFunc {
    let mut source = Source { bytes, at: 0 };
    let budget = [8, 30, 80, 250][source.below(4)];
    let reach = [3, 8, 20, 60][source.below(4)];
    let calls = source.below(2) == 1;
    let floats = [Class::Core, Class::Single, Class::Double][source.below(3)];
    shaped(
        &bytes[source.at.min(bytes.len())..],
        Shape {
            budget,
            reach,
            calls,
            floats,
        },
    )
}

/// A function of a shape, made from bytes.
pub fn shaped(bytes: &[u8], shape: Shape) -> MFunc {
    let mut g = Gen {
        source: Source { bytes, at: 0 },
        shape,
        left: shape.budget,
        f: MFunc {
            name: "random".into(),
            float_class: shape.floats,
            in_bytes: 4 * INCOMING as u32,
            ..MFunc::default()
        },
        scope: Scope::default(),
        depth: 0,
        breaks: Vec::new(),
        cold: false,
    };
    g.open(&[]);
    let args = g.fixed(5);
    let defs = g.values(&args);
    let mut inst = MInst::new(MOp::Args, &defs, &[]);
    inst.abi = Some(Box::new(Abi {
        uses: SmallVec::new(),
        defs: args,
        clobbers: RegSet::EMPTY,
    }));
    g.push(inst);
    g.enter(&defs);
    g.constant();
    if g.has_floats() {
        g.float_constant();
    }
    if g.source.below(5) == 4 {
        g.left /= 2;
        g.sequence(0);
        g.left = shape.budget / 2;
        g.endless();
    } else {
        g.sequence(0);
        g.finish();
    }
    // Values behind the last float need no word, and the text gives them none.
    let floats = g.f.float.iter().rposition(|float| *float);
    g.f.float.truncate(floats.map_or(0, |last| last + 1));
    g.f
}

/// Pseudo-random bytes from a seed (splitmix64), the same on every host.
pub fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(z ^ z >> 31).to_le_bytes());
    }
    out.truncate(count);
    out
}

/// Words of the area of incoming arguments.
const INCOMING: usize = 64;

struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Source<'_> {
    fn below(&mut self, n: usize) -> usize {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte as usize % n
    }
    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// Values that dominate a point: those of the core, and those of the FPU.
#[derive(Clone, Default)]
struct Scope([Vec<VReg>; 2]);

struct Gen<'a> {
    source: Source<'a>,
    shape: Shape,
    left: u32,
    f: MFunc,
    /// What dominates the current point.
    scope: Scope,
    depth: u32,
    /// Per loop around, blocks that jump to its end, each with what is in scope there.
    breaks: Vec<Vec<(u32, Scope)>>,
    cold: bool,
}

impl Gen<'_> {
    fn has_floats(&self) -> bool {
        self.shape.floats != Class::Core
    }

    fn value(&mut self, float: bool) -> VReg {
        if self.has_floats() {
            self.f.float.push(float);
        }
        self.f.vregs += 1;
        VReg(self.f.vregs - 1)
    }

    /// Values for these registers.
    fn values(&mut self, regs: &[Reg]) -> Vec<VReg> {
        regs.iter().map(|r| self.value(r.is_float())).collect()
    }

    /// Fewer than `n` parameters of a block, of either file.
    fn params(&mut self, n: usize) -> Vec<VReg> {
        let count = self.source.below(n);
        let floats = if self.has_floats() { 2 } else { 1 };
        (0..count)
            .map(|_| {
                let float = self.source.below(floats) == 1;
                self.value(float)
            })
            .collect()
    }

    /// The first registers of the calling convention: fewer than `n` of each file.
    fn fixed(&mut self, n: usize) -> SmallVec<[Reg; 4]> {
        let core = self.source.below(n) as u8;
        let mut regs: SmallVec<[Reg; 4]> = (0..core).map(Reg).collect();
        if self.has_floats() {
            let floats = self.source.below(n) as u8;
            regs.extend((0..floats).filter_map(|k| self.shape.floats.reg(k)));
        }
        regs
    }

    /// Brings values into scope.
    fn enter(&mut self, values: &[VReg]) {
        for v in values {
            self.scope.0[usize::from(self.f.is_float(*v))].push(*v);
        }
    }

    /// A value in scope, of a file.
    fn any(&mut self, float: bool) -> VReg {
        let scope = &self.scope.0[usize::from(float)];
        let back = self.source.below(scope.len().min(self.shape.reach));
        scope[scope.len() - 1 - back]
    }

    /// Values in scope for these places.
    fn some(&mut self, floats: impl IntoIterator<Item = bool>) -> Vec<VReg> {
        floats.into_iter().map(|float| self.any(float)).collect()
    }

    /// Values in scope for parameters.
    fn arguments(&mut self, params: &[VReg]) -> Vec<VReg> {
        let files: Vec<bool> = params.iter().map(|p| self.f.is_float(*p)).collect();
        self.some(files)
    }

    /// Opens a block and gives its number.
    fn open(&mut self, params: &[VReg]) -> u32 {
        let block = MBlock {
            params: params.to_vec(),
            loop_depth: self.depth,
            cold: self.cold,
            ..MBlock::default()
        };
        self.f.blocks.push(block);
        self.f.blocks.len() as u32 - 1
    }

    fn current(&self) -> u32 {
        self.f.blocks.len() as u32 - 1
    }

    fn push(&mut self, inst: MInst) {
        let b = self.current() as usize;
        self.f.blocks[b].insts.push(inst);
    }

    fn edge(&mut self, from: u32, to: u32, args: &[VReg]) {
        let edge = MEdge {
            to: MBlockId(to),
            args: SmallVec::from_slice(args),
        };
        self.f.blocks[from as usize].succs.push(edge);
        self.f.blocks[to as usize].preds.push(MBlockId(from));
    }

    fn constant(&mut self) {
        let op = [MOp::Const, MOp::SymAddr, MOp::InArg][self.source.below(3)];
        let imm = self.source.below(INCOMING) as i32 * 4;
        self.define(op, imm);
    }

    fn float_constant(&mut self) {
        let imm = self.source.below(64) as i32;
        self.define(MOp::FloatConst, imm);
    }

    /// An instruction without operands whose result can be made again.
    fn define(&mut self, op: MOp, imm: i32) {
        let v = self.value(op == MOp::FloatConst);
        let mut inst = MInst::new(op, &[v], &[]);
        inst.imm = imm;
        if op == MOp::SymAddr {
            inst.sym = Some(Symbol(imm as u32));
        }
        self.push(inst);
        self.enter(&[v]);
    }

    /// An instruction with operands in scope and an immediate: for each result and each operand, whether it is in the FPU.
    fn plain(&mut self, op: MOp, defs: &[bool], uses: &[bool]) {
        let uses = self.some(uses.iter().copied());
        let defs: Vec<VReg> = defs.iter().map(|float| self.value(*float)).collect();
        let mut inst = MInst::new(op, &defs, &uses);
        inst.imm = self.source.below(8) as i32;
        self.push(inst);
        self.enter(&defs);
    }

    /// An instruction with the operands that the instruction table gives it.
    fn isa(&mut self, op: Op) {
        let places = || op.roles().iter().zip(isa::table::classes(op));
        let of = |without: Role| -> SmallVec<[bool; 4]> {
            let named = places().filter(|p| *p.0 != without);
            named.map(|p| *p.1 != Class::Core).collect()
        };
        self.plain(MOp::Isa(op), &of(Role::Use), &of(Role::Def));
    }

    fn store_incoming(&mut self) {
        let v = self.any(false);
        let mut inst = MInst::new(MOp::InStore, &[], &[v]);
        inst.imm = self.source.below(8) as i32 * 4;
        self.push(inst);
    }

    /// A trap; one under a condition if it has an operand.
    fn trap(&mut self, op: MOp, uses: &[VReg]) {
        let mut inst = MInst::new(op, &[], uses);
        inst.imm = TrapKind::Unreachable.code().into();
        if !uses.is_empty() {
            inst.cond = Cond::Eq;
        }
        self.push(inst);
    }

    fn predicated(&mut self) {
        self.isa(Op::CmpR);
        let uses = self.some([false, false]);
        let def = self.value(false);
        let mut inst = MInst::new(MOp::Isa(Op::AddI), &[def], &uses);
        inst.cond = Cond::Ge;
        self.push(inst);
        self.enter(&[def]);
    }

    fn call(&mut self) {
        let indirect = self.source.below(3) == 0;
        let mut abi = Abi {
            uses: self.fixed(5),
            defs: self.fixed(3),
            clobbers: RegSet::CALLER_SAVED,
        };
        if self.has_floats() {
            abi.clobbers = abi.clobbers.or(RegSet::FLOAT_CALLER_SAVED);
        }
        let floats: SmallVec<[bool; 8]> = abi.uses.iter().map(|r| r.is_float()).collect();
        let mut uses = self.some(std::iter::repeat_n(false, indirect.into()).chain(floats));
        let alike = uses.len() > 1 && self.f.is_float(uses[0]) == self.f.is_float(uses[1]);
        if self.source.below(4) == 0 && alike {
            uses[0] = uses[1];
        }
        let defs = self.values(&abi.defs);
        let op = if indirect { MOp::CallReg } else { MOp::Call };
        let mut inst = MInst::new(op, &defs, &uses);
        inst.sym = (!indirect).then_some(Symbol(abi.uses.len() as u32));
        if self.source.below(4) == 0 {
            self.own_convention(&mut abi);
        }
        inst.abi = Some(Box::new(abi));
        self.f.has_calls = true;
        self.push(inst);
        self.enter(&defs);
    }

    /// Other registers for a call: inside of a module a function may have a convention of its own.
    fn own_convention(&self, abi: &mut Abi) {
        let class = self.shape.floats;
        let moved = |r: &mut Reg, core: fn(u8) -> u8, float: fn(u8) -> u8| {
            *r = match r.number(Class::Core) {
                Some(n) => Reg(core(n)),
                None => r
                    .number(class)
                    .and_then(|n| class.reg(float(n)))
                    .unwrap_or(*r),
            };
        };
        abi.uses
            .iter_mut()
            .for_each(|r| moved(r, |n| (n * 3 + 2) % 13, |n| (n * 3 + 5) % 16));
        abi.defs
            .iter_mut()
            .for_each(|r| moved(r, |n| 8 - n, |n| 10 - n));
        let lost = RegSet(0x5a5a).and(RegSet::ALLOCATABLE);
        abi.clobbers = abi.clobbers.or(lost);
        if self.has_floats() {
            // Whole `d` registers.
            abi.clobbers = abi.clobbers.or(RegSet(0x0f3c_c3f0_0000));
        }
    }

    fn instruction(&mut self) {
        if self.has_floats() && self.source.below(2) == 1 {
            return self.float_instruction();
        }
        match self.source.below(20) {
            0..=4 => self.isa(Op::AddR),
            5 => self.isa(Op::LdrI),
            6 => self.isa(Op::StrR),
            7 => self.isa(Op::Mla),
            8 => self.isa(Op::Umull),
            9 => self.isa(Op::Umlal),
            10 => self.isa(Op::Bfi),
            11 => self.isa(Op::LdrPost),
            12 => self.isa(Op::LdrdI),
            13 => self.plain(MOp::Copy, &[false], &[false]),
            14 => {
                let v = self.any(false);
                self.trap(MOp::TrapIfZero, &[v]);
            }
            15 => self.predicated(),
            16 if self.source.below(8) == 0 => self.store_incoming(),
            17.. if self.shape.calls => self.call(),
            _ => self.constant(),
        }
    }

    /// An instruction of the FPU; of values of 64 bits where its registers are so wide.
    fn float_instruction(&mut self) {
        let double = self.shape.floats == Class::Double;
        match self.source.below(12) {
            0..=1 => self.isa(Op::VaddF32),
            2..=3 if double => self.isa(Op::VmulF64),
            2..=3 => self.isa(Op::VmulF32),
            4 => self.isa(Op::VmovSR),
            5 => self.isa(Op::VmovRS),
            6 if double => self.isa(Op::VmovDRR),
            7 if double => self.isa(Op::VmovRRD),
            8 if double => self.plain(MOp::PutHigh, &[true], &[true, true]),
            9 if double => self.plain(MOp::HighHalf, &[true], &[true]),
            10 => self.plain(MOp::Copy, &[true], &[true]),
            11 => self.isa(Op::VcmpF32),
            _ => self.float_constant(),
        }
    }

    /// Instructions and nested control flow, up to the end of a region.
    fn sequence(&mut self, nesting: u32) {
        while self.left > 0 && !self.source.is_empty() {
            self.left -= 1;
            match self.source.below(24) {
                0 if nesting > 0 => break,
                1 if nesting < 6 => self.diamond(nesting),
                2 if nesting < 6 => self.loop_(nesting),
                3 if nesting < 6 => self.switch(nesting),
                4 if !self.breaks.is_empty() => self.break_if(),
                5 if nesting < 6 && self.source.below(4) == 0 => self.two_entries(nesting),
                _ => self.instruction(),
            }
        }
    }

    /// Ends the current block with a two-way branch; the successors are added by the caller.
    fn branch(&mut self) -> u32 {
        let (op, cond, uses) = match self.source.below(2) {
            0 => {
                self.isa(Op::CmpR);
                (MOp::Branch, Cond::Ge, vec![])
            }
            _ => (MOp::BranchZero, Cond::Eq, vec![self.any(false)]),
        };
        let mut inst = MInst::new(op, &[], &uses);
        inst.cond = cond;
        self.push(inst);
        self.current()
    }

    fn jump(&mut self) -> u32 {
        self.push(MInst::new(MOp::Jump, &[], &[]));
        self.current()
    }

    /// Arms out of block `from`, and the join after them.
    fn arms(&mut self, from: u32, arms: usize, nesting: u32) {
        let scope = self.scope.clone();
        let mut ends = Vec::new();
        for _ in 0..arms {
            let params = self.params(3);
            let args = self.arguments(&params);
            let cold = self.cold;
            self.cold |= self.source.below(6) == 0;
            let b = self.open(&params);
            self.edge(from, b, &args);
            self.enter(&params);
            self.sequence(nesting + 1);
            ends.push((
                self.jump(),
                std::mem::replace(&mut self.scope, scope.clone()),
            ));
            self.cold = cold;
        }
        self.join(ends);
    }

    /// A block where ends meet, with parameters picked from each end's scope.
    fn join(&mut self, ends: Vec<(u32, Scope)>) {
        let params = self.params(6);
        let b = self.open(&params);
        let scope = std::mem::take(&mut self.scope);
        for (end, inner) in ends {
            self.scope = inner;
            let args = self.arguments(&params);
            self.edge(end, b, &args);
        }
        self.scope = scope;
        self.enter(&params);
    }

    fn diamond(&mut self, nesting: u32) {
        let from = self.branch();
        self.arms(from, 2, nesting);
    }

    fn switch(&mut self, nesting: u32) {
        let v = self.any(false);
        let defs = match self.source.below(2) {
            0 => vec![],
            _ => vec![self.value(false)],
        };
        self.push(MInst::new(MOp::Switch, &defs, &[v]));
        let arms = 2 + self.source.below(4);
        let from = self.current();
        self.arms(from, arms, nesting);
    }

    /// Opens the head of a loop.
    fn head(&mut self) -> (u32, Vec<VReg>) {
        let params = self.params(7);
        let initial = self.arguments(&params);
        let before = self.jump();
        self.depth += 1;
        let head = self.open(&params);
        self.edge(before, head, &initial);
        self.enter(&params);
        (head, params)
    }

    /// Back edges permute the parameters, keep them, or pass anything.
    fn back(&mut self, params: &[VReg]) -> Vec<VReg> {
        match self.source.below(3) {
            0 => {
                let f = &self.f;
                let of = |float| params.iter().filter(move |p| f.is_float(**p) == float);
                let mut next = [false, true].map(|float| of(float).cycle().skip(1));
                let rotated = params.iter();
                rotated
                    .filter_map(|p| next[usize::from(f.is_float(*p))].next().copied())
                    .collect()
            }
            1 => self.arguments(params),
            _ => params
                .iter()
                .map(|&p| match self.source.below(3) {
                    0 => self.any(self.f.is_float(p)),
                    _ => p,
                })
                .collect(),
        }
    }

    fn loop_(&mut self, nesting: u32) {
        let (head, params) = self.head();
        let scope = self.scope.clone();
        self.breaks.push(Vec::new());
        self.sequence(nesting + 1);
        let from = self.branch();
        let latch = self.open(&[]);
        self.edge(from, latch, &[]);
        self.jump();
        let args = self.back(&params);
        self.edge(latch, head, &args);
        self.depth -= 1;
        self.open(&[]);
        self.edge(from, self.current(), &[]);
        let mut ends = self.breaks.pop().unwrap_or_default();
        if !ends.is_empty() {
            let end = self.jump();
            ends.push((end, std::mem::replace(&mut self.scope, scope)));
            self.join(ends);
        }
    }

    /// A loop with several ways back and none out: the last block of the function closes it.
    fn endless(&mut self) {
        let (head, params) = self.head();
        // What breaks off inside goes on from the head.
        self.breaks.push(Vec::new());
        self.sequence(1);
        let end = self.jump();
        let mut ends = self.breaks.pop().unwrap_or_default();
        ends.push((end, std::mem::take(&mut self.scope)));
        for (end, scope) in ends {
            self.scope = scope;
            let args = self.arguments(&params);
            self.edge(end, head, &args);
        }
    }

    /// A loop that is entered at two places: `from` goes to `a` or `b`, `a` to `b`, `b` to `a` or out.
    fn two_entries(&mut self, nesting: u32) {
        let from = self.branch();
        let scope = self.scope.clone();
        let to_a = self.open(&[]);
        self.edge(from, to_a, &[]);
        let (a, first) = self.head();
        self.sequence(nesting + 1);
        let second = self.params(4);
        let args = self.arguments(&second);
        let end_a = self.jump();
        self.depth -= 1;
        self.scope = scope;
        let to_b = self.open(&[]);
        self.edge(from, to_b, &[]);
        let args_b = self.arguments(&second);
        self.jump();
        self.depth += 1;
        let b = self.open(&second);
        self.edge(end_a, b, &args);
        self.edge(to_b, b, &args_b);
        self.enter(&second);
        self.sequence(nesting + 1);
        let end_b = self.branch();
        let latch = self.open(&[]);
        self.edge(end_b, latch, &[]);
        let args = self.arguments(&first);
        self.jump();
        self.edge(latch, a, &args);
        self.depth -= 1;
        self.open(&[]);
        self.edge(end_b, self.current(), &[]);
    }

    fn break_if(&mut self) {
        let from = self.branch();
        let out = self.open(&[]);
        self.edge(from, out, &[]);
        self.jump();
        let outer = self.source.below(self.breaks.len());
        let scope = self.scope.clone();
        self.breaks[outer].push((out, scope));
        self.open(&[]);
        self.edge(from, self.current(), &[]);
    }

    fn finish(&mut self) {
        if self.source.below(8) == 1 {
            self.trap(MOp::Trap, &[]);
            return;
        }
        let results = self.fixed(5);
        let floats: SmallVec<[bool; 8]> = results.iter().map(|r| r.is_float()).collect();
        let uses = self.some(floats);
        let mut inst = MInst::new(MOp::Ret, &[], &uses);
        inst.abi = Some(Box::new(Abi {
            uses: results,
            defs: SmallVec::new(),
            clobbers: RegSet::EMPTY,
        }));
        self.push(inst);
    }
}
