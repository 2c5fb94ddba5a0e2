//! Random machine functions, for tests and fuzzing of the allocator.
//!
//! In: any bytes. Out: a function that satisfies every invariant of the machine IR (SSA, reverse post-order, no
//! critical edge) and that is rich in what breaks allocators: loops whose back edge permutes values, joins, breaks,
//! switches, calls, fixed and tied operands, results in pairs, many values alive at once, rematerializable values.
//! Bytes that run out read as zero, which ends blocks, so that a prefix is a smaller function.

use crate::backend::mir::{Abi, MBlock, MBlockId, MEdge, MFunc, MInst, MOp, Symbol, VReg};
use crate::isa::{Cond, Op, Reg, RegSet};
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
}

/// A function made from bytes; the shape too.
pub fn function(bytes: &[u8]) -> MFunc {
    let mut source = Source { bytes, at: 0 };
    let budget = [8, 30, 80, 250][source.below(4)];
    let reach = [3, 8, 20, 60][source.below(4)];
    let calls = source.below(2) == 1;
    shaped(
        &bytes[source.at.min(bytes.len())..],
        Shape {
            budget,
            reach,
            calls,
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
            ..MFunc::default()
        },
        scope: Vec::new(),
        depth: 0,
        breaks: Vec::new(),
        cold: false,
    };
    g.open(&[]);
    let args = g.source.below(5);
    let defs = g.values(args);
    let mut inst = MInst::new(MOp::Args, &defs, &[]);
    inst.abi = Some(Box::new(Abi {
        uses: SmallVec::new(),
        defs: registers(args),
        clobbers: RegSet::EMPTY,
    }));
    g.push(inst);
    g.scope = defs;
    g.constant();
    if g.source.below(5) == 4 {
        g.left /= 2;
        g.sequence(0);
        g.left = shape.budget / 2;
        g.endless();
    } else {
        g.sequence(0);
        g.finish();
    }
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

/// The first registers of the calling convention.
fn registers(n: usize) -> SmallVec<[Reg; 4]> {
    (0..n as u8).map(Reg).collect()
}

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

struct Gen<'a> {
    source: Source<'a>,
    shape: Shape,
    left: u32,
    f: MFunc,
    /// Values that dominate the current point.
    scope: Vec<VReg>,
    depth: u32,
    /// Per loop around, blocks that jump to its end, each with what is in scope there.
    breaks: Vec<Vec<(u32, Vec<VReg>)>>,
    cold: bool,
}

impl Gen<'_> {
    fn value(&mut self) -> VReg {
        self.f.vregs += 1;
        VReg(self.f.vregs - 1)
    }

    fn values(&mut self, n: usize) -> Vec<VReg> {
        (0..n).map(|_| self.value()).collect()
    }

    /// A value in scope.
    fn any(&mut self) -> VReg {
        let reach = self.scope.len().min(self.shape.reach);
        let back = self.source.below(reach);
        self.scope[self.scope.len() - 1 - back]
    }

    fn some(&mut self, n: usize) -> Vec<VReg> {
        (0..n).map(|_| self.any()).collect()
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
        let v = self.value();
        let mut inst = MInst::new(
            [MOp::Const, MOp::SymAddr, MOp::InArg][self.source.below(3)],
            &[v],
            &[],
        );
        inst.imm = self.source.below(64) as i32 * 4;
        if inst.op == MOp::SymAddr {
            inst.sym = Some(Symbol(inst.imm as u32));
        }
        self.push(inst);
        self.scope.push(v);
    }

    /// An instruction with operands in scope, `defs` results and an immediate.
    fn plain(&mut self, op: MOp, defs: usize, uses: usize) {
        let uses = self.some(uses);
        let defs = self.values(defs);
        let mut inst = MInst::new(op, &defs, &uses);
        inst.imm = self.source.below(8) as i32;
        self.push(inst);
        self.scope.extend(defs);
    }

    fn predicated(&mut self) {
        self.plain(MOp::Isa(Op::CmpR), 0, 2);
        let uses = self.some(2);
        let def = self.value();
        let mut inst = MInst::new(MOp::Isa(Op::AddI), &[def], &uses);
        inst.cond = Cond::Ge;
        self.push(inst);
        self.scope.push(def);
    }

    fn call(&mut self) {
        let indirect = self.source.below(3) == 0;
        let (args, results) = (self.source.below(5), self.source.below(3));
        let mut uses = self.some(args + indirect as usize);
        if self.source.below(4) == 0 && uses.len() > 1 {
            uses[0] = uses[1];
        }
        let defs = self.values(results);
        let mut inst = MInst::new(
            if indirect { MOp::CallReg } else { MOp::Call },
            &defs,
            &uses,
        );
        let mut abi = Abi {
            uses: registers(args),
            defs: registers(results),
            clobbers: RegSet::CALLER_SAVED,
        };
        if self.source.below(4) == 0 {
            // Inside of a module a function may have a convention of its own.
            abi.uses.iter_mut().for_each(|r| r.0 = (r.0 * 3 + 2) % 13);
            abi.defs.iter_mut().for_each(|r| r.0 = 8 - r.0);
            abi.clobbers = RegSet(0x5a5a & RegSet::ALLOCATABLE.0);
        }
        inst.sym = Some(Symbol(args as u32));
        inst.abi = Some(Box::new(abi));
        self.f.has_calls = true;
        self.push(inst);
        self.scope.extend(defs);
    }

    fn instruction(&mut self) {
        match self.source.below(20) {
            0..=4 => self.plain(MOp::Isa(Op::AddR), 1, 2),
            5 => self.plain(MOp::Isa(Op::LdrI), 1, 1),
            6 => self.plain(MOp::Isa(Op::StrR), 0, 3),
            7 => self.plain(MOp::Isa(Op::Mla), 1, 3),
            8 => self.plain(MOp::Isa(Op::Umull), 2, 2),
            9 => self.plain(MOp::Isa(Op::Umlal), 2, 4),
            10 => self.plain(MOp::Isa(Op::Bfi), 1, 2),
            11 => self.plain(MOp::Isa(Op::LdrPost), 2, 1),
            12 => self.plain(MOp::Isa(Op::LdrdI), 2, 1),
            13 => self.plain(MOp::Copy, 1, 1),
            14 => self.plain(MOp::TrapIfZero, 0, 1),
            15 => self.predicated(),
            16 if self.source.below(8) == 0 => self.plain(MOp::InStore, 0, 1),
            17.. if self.shape.calls => self.call(),
            _ => self.constant(),
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
        if self.source.below(2) == 0 {
            self.plain(MOp::Isa(Op::CmpR), 0, 2);
            self.push(MInst::new(MOp::Branch, &[], &[]));
        } else {
            let v = self.any();
            self.push(MInst::new(MOp::BranchZero, &[], &[v]));
        }
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
            let params = self.source.below(3);
            let args = self.some(params);
            let params = self.values(params);
            let cold = self.cold;
            self.cold |= self.source.below(6) == 0;
            let b = self.open(&params);
            self.edge(from, b, &args);
            self.scope.extend(params);
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
    fn join(&mut self, ends: Vec<(u32, Vec<VReg>)>) {
        let count = self.source.below(6);
        let params = self.values(count);
        let b = self.open(&params);
        let scope = std::mem::take(&mut self.scope);
        for (end, inner) in ends {
            self.scope = inner;
            let args = self.some(count);
            self.edge(end, b, &args);
        }
        self.scope = scope;
        self.scope.extend(params);
    }

    fn diamond(&mut self, nesting: u32) {
        let from = self.branch();
        self.arms(from, 2, nesting);
    }

    fn switch(&mut self, nesting: u32) {
        let v = self.any();
        let defs = if self.source.below(2) == 0 {
            vec![]
        } else {
            self.values(1)
        };
        self.push(MInst::new(MOp::Switch, &defs, &[v]));
        let arms = 2 + self.source.below(4);
        let from = self.current();
        self.arms(from, arms, nesting);
    }

    fn loop_(&mut self, nesting: u32) {
        let count = self.source.below(7);
        let initial = self.some(count);
        let before = self.jump();
        let params = self.values(count);
        self.depth += 1;
        let head = self.open(&params);
        self.edge(before, head, &initial);
        self.scope.extend(&params);
        let scope = self.scope.clone();
        self.breaks.push(Vec::new());
        self.sequence(nesting + 1);
        let from = self.branch();
        let latch = self.open(&[]);
        self.edge(from, latch, &[]);
        self.jump();
        // Back edges permute the parameters, keep them, or pass anything.
        let args = match self.source.below(3) {
            0 => (0..count).map(|k| params[(k + 1) % count]).collect(),
            1 => self.some(count),
            _ => params
                .iter()
                .map(|&p| {
                    if self.source.below(3) == 0 {
                        self.any()
                    } else {
                        p
                    }
                })
                .collect(),
        };
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
        let count = self.source.below(7);
        let initial = self.some(count);
        let before = self.jump();
        let params = self.values(count);
        self.depth += 1;
        let head = self.open(&params);
        self.edge(before, head, &initial);
        self.scope.extend(&params);
        // What breaks off inside goes on from the head.
        self.breaks.push(Vec::new());
        self.sequence(1);
        let end = self.jump();
        let mut ends = self.breaks.pop().unwrap_or_default();
        ends.push((end, std::mem::take(&mut self.scope)));
        for (end, scope) in ends {
            self.scope = scope;
            let args = self.some(count);
            self.edge(end, head, &args);
        }
    }

    /// A loop that is entered at two places: `from` goes to `a` or `b`, `a` to `b`, `b` to `a` or out.
    fn two_entries(&mut self, nesting: u32) {
        let count = self.source.below(4);
        let from = self.branch();
        let scope = self.scope.clone();
        let to_a = self.open(&[]);
        self.edge(from, to_a, &[]);
        let args = self.some(count);
        self.jump();
        self.depth += 1;
        let params = self.values(count);
        let a = self.open(&params);
        self.edge(to_a, a, &args);
        self.scope.extend(&params);
        self.sequence(nesting + 1);
        let args = self.some(count);
        let end_a = self.jump();
        self.depth -= 1;
        self.scope = scope;
        let to_b = self.open(&[]);
        self.edge(from, to_b, &[]);
        let args_b = self.some(count);
        self.jump();
        self.depth += 1;
        let params = self.values(count);
        let b = self.open(&params);
        self.edge(end_a, b, &args);
        self.edge(to_b, b, &args_b);
        self.scope.extend(&params);
        self.sequence(nesting + 1);
        let end_b = self.branch();
        let latch = self.open(&[]);
        self.edge(end_b, latch, &[]);
        let args = self.some(count);
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
            self.push(MInst::new(MOp::Trap, &[], &[]));
            return;
        }
        let results = self.source.below(5);
        let uses = self.some(results);
        let mut inst = MInst::new(MOp::Ret, &[], &uses);
        inst.abi = Some(Box::new(Abi {
            uses: registers(results),
            defs: SmallVec::new(),
            clobbers: RegSet::EMPTY,
        }));
        self.push(inst);
    }
}
