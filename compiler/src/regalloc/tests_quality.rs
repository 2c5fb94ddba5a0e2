//! Tests of how good allocations are, on small functions written by hand, and that hostile ones take linear time.

use super::{Allocation, Edit, Loc, allocate, check};
use crate::backend::mir::{Abi, MBlock, MBlockId, MEdge, MFunc, MInst, MOp, Symbol, VReg};
use crate::choices::{Choices, Source};
use crate::isa::{Op, Reg, RegSet};

/// A function under construction: blocks are appended in order, edges name blocks that may come later.
#[derive(Default)]
struct Build {
    f: MFunc,
    edges: Vec<(usize, u32, Vec<VReg>)>,
}

impl Build {
    fn block<const N: usize>(&mut self, depth: u32) -> [VReg; N] {
        let params = [(); N].map(|_| self.value());
        self.f.blocks.push(MBlock {
            params: params.to_vec(),
            loop_depth: depth,
            ..MBlock::default()
        });
        params
    }
    fn value(&mut self) -> VReg {
        self.f.vregs += 1;
        VReg(self.f.vregs - 1)
    }
    fn inst<const N: usize>(&mut self, op: MOp, uses: &[VReg]) -> [VReg; N] {
        let defs = [(); N].map(|_| self.value());
        self.push(MInst::new(op, &defs, uses));
        defs
    }
    fn push(&mut self, inst: MInst) {
        self.f.blocks.last_mut().unwrap().insts.push(inst);
    }
    fn isa(&mut self, op: Op, uses: &[VReg]) -> VReg {
        let [d] = self.inst(MOp::Isa(op), uses);
        d
    }
    fn constant(&mut self, imm: i32) -> VReg {
        let d = self.value();
        let mut inst = MInst::new(MOp::Const, &[d], &[]);
        inst.imm = imm;
        self.push(inst);
        d
    }
    /// An instruction with operands in r0, r1, ... and results there.
    fn fixed<const N: usize>(&mut self, op: MOp, uses: &[VReg], clobbers: RegSet) -> [VReg; N] {
        let defs = [(); N].map(|_| self.value());
        let mut inst = MInst::new(op, &defs, uses);
        let first = |n: usize| (0..n as u8).map(Reg).collect();
        inst.abi = Some(Box::new(Abi {
            uses: first(uses.len()),
            defs: first(N),
            clobbers,
        }));
        inst.sym = (op == MOp::Call).then_some(Symbol(0));
        self.f.has_calls |= op == MOp::Call;
        self.push(inst);
        defs
    }
    fn args<const N: usize>(&mut self) -> [VReg; N] {
        self.fixed(MOp::Args, &[], RegSet::EMPTY)
    }
    fn call<const N: usize>(&mut self, uses: &[VReg]) -> [VReg; N] {
        self.fixed(MOp::Call, uses, RegSet::CALLER_SAVED)
    }
    fn ret(&mut self, uses: &[VReg]) {
        let [] = self.fixed(MOp::Ret, uses, RegSet::EMPTY);
    }
    fn end(&mut self, op: MOp, uses: &[VReg], targets: &[(u32, &[VReg])]) {
        let [] = self.inst(op, uses);
        let from = self.f.blocks.len() - 1;
        self.edges
            .extend(targets.iter().map(|&(to, args)| (from, to, args.to_vec())));
    }
    fn done(mut self) -> MFunc {
        self.f.name = "test".into();
        for (from, to, args) in self.edges {
            self.f.blocks[from].succs.push(MEdge {
                to: MBlockId(to),
                args: args.into(),
            });
            self.f.blocks[to as usize].preds.push(MBlockId(from as u32));
        }
        self.f
    }
}

fn allocated(f: &MFunc) -> Allocation {
    let a = allocate(f, &mut Choices::new(Source::Heuristic, None)).unwrap();
    check(f, &a).unwrap();
    a
}

fn edits(a: &Allocation) -> Vec<Edit> {
    a.edits.iter().flatten().map(|e| e.1).collect()
}

#[test]
fn a_leaf_keeps_to_scratch_registers_and_moves_nothing() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [a, b, c] = g.args();
    let t = g.isa(Op::AddR, &[a, b]);
    let u = g.isa(Op::Mul, &[t, c]);
    let v = g.isa(Op::EorR, &[u, a]);
    g.ret(&[v]);
    let a = allocated(&g.done());
    assert_eq!(edits(&a), []);
    assert_eq!(a.used.minus(RegSet(0x000f)), RegSet::EMPTY);
}

#[test]
fn a_loop_moves_nothing_inside() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [base, n] = g.args();
    let zero = g.constant(0);
    g.end(MOp::Jump, &[], &[(1, &[zero, n])]);
    let [sum, i] = g.block(1);
    let x = g.isa(Op::LdrR, &[base, i]);
    let sum2 = g.isa(Op::AddR, &[sum, x]);
    let i2 = g.isa(Op::SubI, &[i]);
    g.end(MOp::BranchZero, &[i2], &[(3, &[]), (2, &[])]);
    let [] = g.block(1);
    g.end(MOp::Jump, &[], &[(1, &[sum2, i2])]);
    let [] = g.block(0);
    g.ret(&[sum2]);
    let a = allocated(&g.done());
    assert_eq!((&a.edits[1][..], &a.edits[2][..]), (&[][..], &[][..]));
    assert!(edits(&a).len() <= 1, "{:?}", a.edits);
    assert_eq!(a.used.minus(RegSet(0x100f)), RegSet::EMPTY);
}

#[test]
fn a_loop_with_a_call_moves_only_arguments() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [base, n] = g.args();
    g.end(MOp::Jump, &[], &[(1, &[n])]);
    let [i] = g.block(1);
    let x = g.isa(Op::LdrR, &[base, i]);
    let [y] = g.call(&[x]);
    let z = g.isa(Op::StrR, &[y, base, i]);
    let _ = z;
    let i2 = g.isa(Op::SubI, &[i]);
    g.end(MOp::BranchZero, &[i2], &[(3, &[]), (2, &[])]);
    let [] = g.block(1);
    g.end(MOp::Jump, &[], &[(1, &[i2])]);
    let [] = g.block(0);
    g.ret(&[i2]);
    let mut f = g.done();
    f.blocks[1].insts[2].defs.clear();
    let a = allocated(&f);
    assert_eq!(
        (&a.edits[1][..], &a.edits[2][..]),
        (&[][..], &[][..]),
        "{a:?}"
    );
    assert_eq!(a.slots, 0);
    assert_eq!(a.used.and(RegSet::CALLEE_SAVED), RegSet(0x0030));
}

#[test]
fn a_rotating_loop_takes_two_moves() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [a0, b0, n0] = g.args();
    g.end(MOp::Jump, &[], &[(1, &[a0, b0, n0])]);
    let [a, b, n] = g.block(1);
    let c = g.isa(Op::AddR, &[a, b]);
    let n2 = g.isa(Op::SubI, &[n]);
    g.end(MOp::BranchZero, &[n2], &[(3, &[]), (2, &[])]);
    let [] = g.block(1);
    g.end(MOp::Jump, &[], &[(1, &[b, c, n2])]);
    let [] = g.block(0);
    g.ret(&[c]);
    let a = allocated(&g.done());
    assert_eq!(a.edits[1].len() + a.edits[2].len(), 2, "{:?}", a.edits);
}

#[test]
fn what_a_loop_does_not_use_is_spilled_before_it() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [p, n] = g.args();
    let outside: Vec<VReg> = (0..10).map(|_| g.isa(Op::LdrI, &[p])).collect();
    let inside: Vec<VReg> = (0..9).map(|_| g.isa(Op::LdrI, &[p])).collect();
    g.end(MOp::Jump, &[], &[(1, &[n])]);
    let [i] = g.block(1);
    let mut x = i;
    for &v in &inside {
        x = g.isa(Op::AddR, &[x, v]);
    }
    g.end(MOp::BranchZero, &[x], &[(3, &[]), (2, &[])]);
    let [] = g.block(1);
    g.end(MOp::Jump, &[], &[(1, &[x])]);
    let [] = g.block(0);
    let mut y = x;
    for &v in &outside {
        y = g.isa(Op::AddR, &[y, v]);
    }
    g.ret(&[y]);
    let a = allocated(&g.done());
    let memory = |e: &&(u32, Edit)| {
        matches!(
            e.1,
            Edit::Move {
                from: Loc::Slot(_),
                ..
            } | Edit::Move {
                to: Loc::Slot(_),
                ..
            }
        )
    };
    assert_eq!(
        a.edits[1].iter().chain(&a.edits[2]).filter(memory).count(),
        0,
        "{:?}",
        a.edits
    );
    assert!((6..=10).contains(&a.slots), "{}", a.slots);
}

#[test]
fn a_store_for_an_unlikely_call_is_made_there() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [p] = g.args();
    let many: Vec<VReg> = (0..12).map(|_| g.isa(Op::LdrI, &[p])).collect();
    g.end(MOp::BranchZero, &[p], &[(1, &[]), (2, &[])]);
    let [] = g.block(0);
    let [] = g.call(&[]);
    g.end(MOp::Jump, &[], &[(3, &[])]);
    let [] = g.block(0);
    g.end(MOp::Jump, &[], &[(3, &[])]);
    let [] = g.block(0);
    let mut y = p;
    for &v in &many {
        y = g.isa(Op::AddR, &[y, v]);
    }
    g.ret(&[y]);
    let mut f = g.done();
    f.blocks[1].cold = true;
    let a = allocated(&f);
    assert_eq!(
        (&a.edits[2][..], &a.edits[3][..]),
        (&[][..], &[][..]),
        "{:?}",
        a.edits
    );
    let stores = |e: &&(u32, Edit)| {
        matches!(
            e.1,
            Edit::Move {
                to: Loc::Slot(_),
                ..
            }
        )
    };
    assert_eq!(a.edits[0].iter().filter(stores).count(), 0, "{:?}", a.edits);
}

#[test]
fn constants_are_made_again_rather_than_kept() {
    let mut g = Build::default();
    let [] = g.block(0);
    let [p] = g.args();
    let k = g.constant(7);
    let [] = g.call(&[k]);
    let [] = g.call(&[k]);
    let [] = g.call(&[k]);
    g.ret(&[p]);
    let a = allocated(&g.done());
    assert_eq!(a.slots, 0);
    // Only the argument outlives the calls, in one saved register.
    assert_eq!(a.used.and(RegSet::CALLEE_SAVED).len(), 1, "{a:?}");
}

/// Allocates and checks hostile functions of 50,000 blocks or values; quadratic behaviour would take minutes.
#[test]
fn hostile_functions_take_linear_time() {
    const N: u32 = 50_000;
    let start = std::time::Instant::now();
    // Everything is defined first and used last, with blocks in between.
    let mut g = Build::default();
    let [] = g.block(0);
    let [p] = g.args();
    let all: Vec<VReg> = (0..N).map(|_| g.isa(Op::LdrI, &[p])).collect();
    g.end(MOp::Jump, &[], &[(1, &[])]);
    for b in 1..N {
        let [] = g.block(0);
        g.end(MOp::Jump, &[], &[(b + 1, &[])]);
    }
    let [] = g.block(0);
    let mut sum = p;
    for &v in &all {
        sum = g.isa(Op::AddR, &[sum, v]);
    }
    g.ret(&[sum]);
    let a = allocated(&g.done());
    assert!(a.slots >= N - 14);
    // A switch to every block, each of which passes a value to one join; and a loop around it all.
    let mut g = Build::default();
    let [] = g.block(0);
    let [p] = g.args();
    g.end(MOp::Jump, &[], &[(1, &[p])]);
    let [x] = g.block(1);
    let targets: Vec<(u32, &[VReg])> = (0..N).map(|k| (k + 2, &[][..])).collect();
    g.end(MOp::Switch, &[x], &targets);
    for _ in 0..N {
        let [] = g.block(1);
        let v = g.isa(Op::AddI, &[p]);
        g.end(MOp::Jump, &[], &[(N + 2, &[v])]);
    }
    let [y] = g.block(1);
    g.end(MOp::BranchZero, &[y], &[(N + 3, &[]), (N + 4, &[])]);
    let [] = g.block(1);
    g.end(MOp::Jump, &[], &[(1, &[y])]);
    let [] = g.block(0);
    g.ret(&[p]);
    allocated(&g.done());
    // Loops within loops.
    let deep = 3_000;
    let mut g = Build::default();
    let [] = g.block(0);
    let [p] = g.args();
    g.end(MOp::Jump, &[], &[(1, &[p])]);
    for d in 1..=deep {
        let [x] = g.block(d);
        g.end(MOp::Jump, &[], &[(d + 1, &[x])]);
    }
    let [_] = g.block(deep);
    g.end(MOp::Jump, &[], &[(deep + 2, &[])]);
    for d in (1..=deep).rev() {
        // A latch test, the latch, and the way out.
        let at = g.f.blocks.len() as u32;
        let [] = g.block(d);
        g.end(MOp::BranchZero, &[p], &[(at + 1, &[]), (at + 2, &[])]);
        let [] = g.block(d);
        g.end(MOp::Jump, &[], &[(d, &[p])]);
        let [] = g.block(d - 1);
        g.end(MOp::Jump, &[], &[(at + 3, &[])]);
    }
    let [] = g.block(0);
    g.ret(&[p]);
    allocated(&g.done());
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    println!("{:?}", start.elapsed());
}
