//! The verifier of the machine IR: everything that register allocation and emission may rely on.
//!
//! In: a function. Out: nothing, or the first invariant that does not hold. Time is linear.
//!
//! - A block ends in a terminator and has no other; it has the successors of its terminator; predecessors are those
//!   edges, once each. The entry has neither predecessors nor parameters. Blocks are in reverse post-order: an edge that
//!   goes up goes to a block that dominates its source.
//! - Critical edges are split: what a block with several successors goes to has no other predecessor. An edge has an
//!   argument for each parameter of its target, in the same register file.
//! - Every virtual register has one definition, which stands before each use on every way.
//! - An instruction has the operands of its roles, those of its fixed registers, and no others; stack offsets lie within
//!   their area, in words. A call loses every register that a callee may change.
//! - Flags are read only where the instruction that set them is followed by nothing that destroys them, in the same
//!   block; a condition reads only flags that it sets.

use super::mir::{MBlock, MFunc, MInst, MOp, VReg};
use crate::isa::{self, Alu, Class, Cond, Op, Reg, RegSet, Role, Sem, Vfp};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use smallvec::SmallVec;

type Check = Result<(), String>;

/// Checks a function.
///
/// # Errors
/// The invariant that does not hold, with block, instruction number and registers.
pub fn verify(f: &MFunc) -> Result<(), String> {
    let Some(entry) = f.blocks.first() else {
        return Err("there is no entry block".into());
    };
    if !entry.params.is_empty() || !entry.preds.is_empty() {
        return Err("the entry has parameters or predecessors".into());
    }
    shape(f)?;
    let idom = dominators(f)?;
    let tree = intervals(&idom);
    let defs = definitions(f)?;
    for (i, b) in f.blocks.iter().enumerate() {
        let at = |k: usize, e: String| format!("block {i}, instruction {k}: {e}");
        let mut flags = Flags::default();
        for (k, inst) in b.insts.iter().enumerate() {
            operands(f, inst, i == 0 && k == 0).map_err(|e| at(k, e))?;
            flags.step(inst).map_err(|e| at(k, e))?;
            let place = (i as u32, k as u32 + 1);
            used(&defs, &tree, &inst.uses, place).map_err(|e| at(k, e))?;
        }
        for e in &b.succs {
            let place = (i as u32, u32::MAX);
            used(&defs, &tree, &e.args, place).map_err(|e| at(b.insts.len() - 1, e))?;
        }
    }
    Ok(())
}

/// Terminators, edges and predecessors.
fn shape(f: &MFunc) -> Check {
    let mut preds: Vec<Vec<u32>> = vec![Vec::new(); f.blocks.len()];
    for (i, b) in f.blocks.iter().enumerate() {
        let ends = b.insts.iter().rposition(|m| !m.is_terminator());
        let body = ends.map_or(0, |e| e + 1);
        if body + 1 != b.insts.len() || b.insts[..body].iter().any(MInst::is_terminator) {
            return Err(format!("block {i} does not end in its only terminator"));
        }
        let n = b.succs.len();
        let (op, ok) = (b.insts[body].op, successors(&b.insts[body], n));
        if !ok {
            return Err(format!("block {i}: {op:?} with {n} successors"));
        }
        for e in &b.succs {
            let Some(to) = f.blocks.get(e.to.0 as usize).filter(|_| e.to.0 > 0) else {
                return Err(format!("block {i}: an edge to block {}", e.to.0));
            };
            if e.args.len() != to.params.len() {
                let (a, p) = (e.args.len(), to.params.len());
                return Err(format!("block {i}: {a} arguments for {p} of {}", e.to.0));
            }
            let mut pairs = e.args.iter().zip(&to.params);
            if pairs.any(|(a, p)| f.is_float(*a) != f.is_float(*p)) && !on(Bug::EdgeFileUnchecked) {
                let to = e.to.0;
                return Err(format!(
                    "block {i}: an argument for {to} of another register file"
                ));
            }
            if n > 1 && to.preds.len() != 1 {
                return Err(format!("block {i}: the edge to {} is critical", e.to.0));
            }
            preds[e.to.0 as usize].push(i as u32);
        }
    }
    for (i, (b, want)) in f.blocks.iter().zip(&mut preds).enumerate() {
        let mut got: Vec<u32> = b.preds.iter().map(|p| p.0).collect();
        got.sort_unstable();
        want.sort_unstable();
        if got != *want {
            return Err(format!("block {i}: predecessors {got:?}, edges {want:?}"));
        }
    }
    Ok(())
}

/// Whether a terminator has this many successors.
fn successors(inst: &MInst, n: usize) -> bool {
    match inst.op {
        MOp::Jump => n == 1,
        MOp::Branch | MOp::BranchZero => n == 2,
        MOp::Switch => n > 0,
        MOp::Ret | MOp::TailCall | MOp::TailCallReg | MOp::Trap => n == 0,
        MOp::Isa(_) | MOp::Args | MOp::Copy | MOp::Const | MOp::FloatConst => false,
        MOp::DoubleConst | MOp::HighHalf | MOp::PutHigh => false,
        MOp::SymAddr | MOp::InArg => false,
        MOp::InStore | MOp::OutArg | MOp::OutLoad | MOp::OutAddr => false,
        MOp::Call | MOp::CallReg | MOp::TrapIf | MOp::TrapIfZero => false,
    }
}

/// Immediate dominators by block number, which is a reverse post-order: one round finds them, and a second
/// that finds others means that the order is none.
fn dominators(f: &MFunc) -> Result<Vec<u32>, String> {
    let mut idom: Vec<u32> = vec![u32::MAX; f.blocks.len()];
    idom[0] = 0;
    let meet = |idom: &[u32], mut a: u32, mut b: u32| {
        while a != b {
            while a > b {
                a = idom[a as usize];
            }
            while b > a {
                b = idom[b as usize];
            }
        }
        a
    };
    for (i, b) in f.blocks.iter().enumerate().skip(1) {
        let before = b.preds.iter().map(|p| p.0).filter(|p| (*p as usize) < i);
        match before.reduce(|a, p| meet(&idom, a, p)) {
            Some(d) => idom[i] = d,
            None => return Err(format!("block {i} comes before its predecessors")),
        }
    }
    let tree = intervals(&idom);
    for (i, b) in f.blocks.iter().enumerate() {
        let up = b.succs.iter().map(|e| e.to.0).find(|&to| {
            let back = to as usize <= i;
            back && !dominates(&tree, to, i as u32)
        });
        if let Some(to) = up {
            return Err(format!("the edge from {i} up to {to} closes no loop"));
        }
    }
    Ok(idom)
}

/// First and last number of each block's subtree in the dominator tree, in preorder.
fn intervals(idom: &[u32]) -> Vec<(u32, u32)> {
    let mut size = vec![1u32; idom.len()];
    for i in (1..idom.len()).rev() {
        size[idom[i] as usize] += size[i];
    }
    // Children take their numbers in order from what is left of their parent's.
    let mut next = vec![1u32; idom.len()];
    let mut out = vec![(0, size[0] - 1); idom.len()];
    for i in 1..idom.len() {
        let parent = idom[i] as usize;
        let first = out[parent].0 + next[parent];
        next[parent] += size[i];
        out[i] = (first, first + size[i] - 1);
    }
    out
}

fn dominates(tree: &[(u32, u32)], a: u32, b: u32) -> bool {
    let (a, b) = (tree[a as usize], tree[b as usize]);
    a.0 <= b.0 && b.1 <= a.1
}

/// A place: block, and instruction from 1; parameters have 0.
type Place = (u32, u32);

/// Where each register is defined.
fn definitions(f: &MFunc) -> Result<Vec<Option<Place>>, String> {
    let mut defs: Vec<Option<Place>> = vec![None; f.vregs as usize];
    let mut define = |v: VReg, place: Place| match defs.get_mut(v.0 as usize) {
        None => Err(format!("v{} of {}", v.0, f.vregs)),
        Some(Some(_)) => Err(format!("v{} is defined twice", v.0)),
        Some(d) => {
            *d = Some(place);
            Ok(())
        }
    };
    for (i, MBlock { params, insts, .. }) in f.blocks.iter().enumerate() {
        for &p in params {
            define(p, (i as u32, 0))?;
        }
        for (k, inst) in insts.iter().enumerate() {
            for &d in &inst.defs {
                define(d, (i as u32, k as u32 + 1))?;
            }
        }
    }
    Ok(defs)
}

fn used(
    defs: &[Option<Place>],
    tree: &[(u32, u32)],
    uses: &[VReg],
    at: Place,
) -> Result<(), String> {
    for &u in uses {
        let Some(Some(def)) = defs.get(u.0 as usize) else {
            return Err(format!("v{} is not defined", u.0));
        };
        let before = match def.0 == at.0 {
            true => def.1 < at.1,
            false => dominates(tree, def.0, at.0),
        };
        if !before {
            return Err(format!("v{} is defined in block {} only", u.0, def.0));
        }
    }
    Ok(())
}

/// Numbers of operands, fixed registers, offsets.
fn operands(f: &MFunc, m: &MInst, first: bool) -> Check {
    let (fixed_uses, fixed_defs) = match &m.abi {
        Some(abi) => (abi.uses.len(), abi.defs.len()),
        None => (0, 0),
    };
    let (defs, uses) = match m.op {
        MOp::Isa(op) => {
            let count = |r: Role| op.roles().iter().filter(|x| **x == r).count();
            let (d, u, t) = (count(Role::Def), count(Role::Use), count(Role::Tied));
            (d + t, u + t + if m.cond == Cond::Al { 0 } else { d })
        }
        MOp::Args | MOp::Call | MOp::Ret => (fixed_defs, fixed_uses),
        MOp::TailCall | MOp::TailCallReg => (fixed_defs, fixed_uses),
        MOp::CallReg => (fixed_defs, fixed_uses + 1),
        MOp::Copy | MOp::HighHalf => (1, 1),
        MOp::PutHigh => (1, 2),
        MOp::Const | MOp::FloatConst | MOp::DoubleConst | MOp::SymAddr | MOp::InArg => (1, 0),
        MOp::OutLoad | MOp::OutAddr => (1, 0),
        MOp::InStore | MOp::OutArg | MOp::TrapIfZero | MOp::BranchZero => (0, 1),
        MOp::TrapIf | MOp::Jump | MOp::Branch | MOp::Trap => (0, 0),
        MOp::Switch => (m.defs.len().min(1), 1),
    };
    if (m.defs.len(), m.uses.len()) != (defs, uses) {
        let (d, u) = (m.defs.len(), m.uses.len());
        return Err(format!(
            "{:?} with {d} defs and {u} uses, not {defs} and {uses}",
            m.op
        ));
    }
    let has_abi = matches!(m.op, MOp::Args | MOp::Call | MOp::CallReg | MOp::Ret) || m.leaves();
    if has_abi != m.abi.is_some() {
        return Err(format!("{:?}: fixed registers", m.op));
    }
    if (m.op == MOp::Args) != first {
        return Err("the incoming arguments are not first, or not there".into());
    }
    if matches!(m.op, MOp::SymAddr | MOp::Call | MOp::TailCall) != m.sym.is_some() {
        return Err(format!("{:?}: symbol", m.op));
    }
    if matches!(m.op, MOp::Call | MOp::CallReg) {
        if !f.has_calls {
            return Err("a call in a function without calls".into());
        }
        lost(m)?;
    }
    let first = m.abi.as_ref().and_then(|abi| abi.uses.first());
    if m.op == MOp::TailCallReg && first != Some(&Reg::R12) {
        return Err("a call through a register that is restored before".into());
    }
    files(f, m)?;
    area(f, m)
}

/// Each operand is in a register of the file that its place is of; a copy stays in one.
fn files(f: &MFunc, m: &MInst) -> Check {
    let floats =
        |vs: &[VReg]| -> SmallVec<[bool; 4]> { vs.iter().map(|v| f.is_float(*v)).collect() };
    let (defs, uses) = (floats(&m.defs), floats(&m.uses));
    let fixed = |regs: &[Reg], values: &[bool]| {
        let first = values.len() - regs.len();
        values[..first].iter().all(|float| !float)
            && regs
                .iter()
                .zip(&values[first..])
                .all(|(r, float)| r.is_float() == *float)
    };
    let ok = match (m.op, &m.abi) {
        (MOp::Isa(op), _) => {
            let places = || op.roles().iter().zip(isa::table::classes(op));
            let of = |without: Role| {
                let named = places().filter(move |p| *p.0 != without);
                named.map(|p| *p.1 != Class::Core)
            };
            // What a definition keeps where the condition fails stands behind the operands.
            let kept = places().filter(|p| *p.0 == Role::Def && m.cond != Cond::Al);
            let kept = kept.map(|p| *p.1 != Class::Core);
            of(Role::Use).eq(defs.iter().copied())
                && of(Role::Def).chain(kept).eq(uses.iter().copied())
                && places().all(|p| *p.1 != Class::Double || f.float_class == Class::Double)
        }
        (_, Some(abi)) => fixed(&abi.uses, &uses) && fixed(&abi.defs, &defs),
        (MOp::Copy, _) => defs == uses,
        (MOp::FloatConst, _) => defs[0],
        (MOp::DoubleConst | MOp::HighHalf | MOp::PutHigh, _) => {
            let all = defs.iter().chain(&uses).all(|float| *float);
            all && f.float_class == Class::Double
        }
        _ => !defs.contains(&true) && !uses.contains(&true),
    };
    match ok || on(Bug::FilesUnchecked) {
        true => Ok(()),
        false => Err(format!("{:?}: an operand of another register file", m.op)),
    }
}

/// A call says of every register that a callee may change that it does (AAPCS, 6.1.1).
fn lost(m: &MInst) -> Check {
    let Some(abi) = &m.abi else { return Ok(()) };
    let defs = abi
        .defs
        .iter()
        .fold(RegSet::EMPTY, |s, &r| s.or(RegSet::of(r)));
    let kept = RegSet::CALLER_SAVED.minus(defs.or(abi.clobbers));
    if kept.is_empty() {
        Ok(())
    } else {
        Err(format!("{:?} that keeps {kept}", m.op))
    }
}

/// Offsets within the stack areas, codes of traps, conditions.
fn area(f: &MFunc, m: &MInst) -> Check {
    let conditional = |c: Cond| c != Cond::Al;
    let zero_test = |c: Cond| matches!(c, Cond::Eq | Cond::Ne);
    let kind = |imm: i32| u8::try_from(imm).is_ok_and(|c| TrapKind::from_code(c).is_some());
    let within = |size: u32| m.imm >= 0 && m.imm % 4 == 0 && m.imm as u32 + 4 <= size;
    let ok = match m.op {
        MOp::InArg | MOp::InStore => within(f.in_bytes),
        MOp::OutArg | MOp::OutLoad | MOp::OutAddr => within(f.out_bytes),
        MOp::TrapIf => kind(m.imm) && conditional(m.cond),
        MOp::TrapIfZero => kind(m.imm) && zero_test(m.cond),
        MOp::Trap => kind(m.imm),
        MOp::Branch => conditional(m.cond),
        MOp::BranchZero => zero_test(m.cond),
        MOp::Isa(_) => true,
        MOp::DoubleConst => m.cond == Cond::Al && isa::fits(Op::VmovIF64, m.imm, false),
        MOp::HighHalf | MOp::PutHigh => m.cond == Cond::Al && !m.s,
        MOp::Args | MOp::Copy | MOp::Const | MOp::FloatConst | MOp::SymAddr | MOp::CallReg => {
            m.cond == Cond::Al && !m.s
        }
        MOp::Call => m.cond == Cond::Al,
        MOp::Jump | MOp::Switch | MOp::Ret | MOp::TailCall | MOp::TailCallReg => {
            m.cond == Cond::Al && !m.s
        }
    };
    if ok {
        Ok(())
    } else {
        Err(format!("{:?}: {} {:?}", m.op, m.imm, m.cond))
    }
}

/// Which flags mean something here.
#[derive(Clone, Copy, Default)]
struct Flags {
    n_z: bool,
    c: bool,
    v: bool,
}

impl Flags {
    fn has(self, cond: Cond) -> bool {
        match cond {
            Cond::Eq | Cond::Ne | Cond::Mi | Cond::Pl => self.n_z,
            Cond::Hs | Cond::Lo => self.c,
            Cond::Vs | Cond::Vc => self.v,
            Cond::Hi | Cond::Ls => self.c && self.n_z,
            Cond::Ge | Cond::Lt | Cond::Gt | Cond::Le => self.n_z && self.v,
            Cond::Al => true,
        }
    }

    /// Checks what an instruction reads, then does what it writes.
    fn step(&mut self, m: &MInst) -> Check {
        let reads_condition = match m.op {
            MOp::Isa(_) | MOp::TrapIf | MOp::Branch => true,
            MOp::TrapIfZero | MOp::BranchZero => false,
            MOp::Args | MOp::Copy | MOp::Const | MOp::FloatConst | MOp::SymAddr => false,
            MOp::DoubleConst | MOp::HighHalf | MOp::PutHigh => false,
            MOp::InArg | MOp::InStore => false,
            MOp::OutArg | MOp::OutLoad | MOp::OutAddr | MOp::Call | MOp::CallReg => false,
            MOp::Jump | MOp::Switch | MOp::Ret | MOp::Trap => false,
            MOp::TailCall | MOp::TailCallReg => false,
        };
        if reads_condition && !self.has(m.cond) {
            return Err(format!("{:?} on flags that are not there", m.cond));
        }
        match m.op {
            MOp::Isa(op) => self.isa(op.sem(), m),
            MOp::Call if m.s => {
                *self = Flags {
                    n_z: true,
                    c: true,
                    v: true,
                };
                Ok(())
            }
            MOp::TrapIfZero | MOp::BranchZero | MOp::Switch | MOp::Call | MOp::CallReg => {
                *self = Flags::default();
                Ok(())
            }
            MOp::Args | MOp::Copy | MOp::Const | MOp::FloatConst | MOp::SymAddr => Ok(()),
            MOp::DoubleConst | MOp::HighHalf | MOp::PutHigh => Ok(()),
            MOp::InArg | MOp::InStore => Ok(()),
            MOp::OutArg | MOp::OutLoad | MOp::OutAddr | MOp::TrapIf => Ok(()),
            MOp::Jump | MOp::Branch | MOp::Ret | MOp::Trap => Ok(()),
            MOp::TailCall | MOp::TailCallReg => Ok(()),
        }
    }

    fn isa(&mut self, sem: Sem, m: &MInst) -> Check {
        let alu = match sem {
            Sem::AluI(alu) | Sem::AluR(alu) | Sem::TestI(alu) | Sem::TestR(alu) => Some(alu),
            _ => None,
        };
        let carry_in = sem == Sem::Rrx || alu.is_some_and(Alu::reads_carry);
        if carry_in && !self.c {
            return Err(format!("{:?} without a carry", m.op));
        }
        if !m.s && !sem.is_test() {
            return Ok(());
        }
        let sums = alu.is_some_and(|alu| match alu {
            Alu::Add | Alu::Sub | Alu::Rsb | Alu::Adc | Alu::Sbc => true,
            Alu::And | Alu::Orr | Alu::Eor | Alu::Bic | Alu::Orn | Alu::Mov | Alu::Mvn => false,
        });
        // A comparison of floats sets them all.
        let sums = sums || sem == Sem::Vfp(Vfp::Flags);
        let set = Flags {
            n_z: true,
            c: sums,
            v: sums,
        };
        // Where the condition fails the flags are what they were.
        *self = match m.cond {
            Cond::Al => set,
            _ => Flags {
                n_z: true,
                c: self.c && sums,
                v: self.v && sums,
            },
        };
        Ok(())
    }
}
