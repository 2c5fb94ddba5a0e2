//! Lowering of operations on floats to instructions of the FPU.
//!
//! In: nodes whose operands and results are wanted in registers of the FPU. Out: instructions of the floating-point extension (Arm
//! v7-M manual, A2.5), where the core has them for the width; the others are calls of helpers ([`super::floats`]). A value
//! that is wanted in the other register file than the one it is computed in is moved once, where it is defined.

use super::Lower;
use super::compare::FlagInsts;
use super::floats::condition;
use crate::backend::mir::{MInst, MOp, VReg};
use crate::ir::{Fp, Node, Op, Ty, Value};
use crate::isa::{self, Cond, Op as I};
use crate::options::{Cpu, Feature};
use crate::seeded::{Bug, on};
use smallvec::smallvec;

/// How the FPU computes an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vfp {
    /// One instruction.
    One(I),
    /// An instruction that gives the number where one operand is a NaN: the NaN has to be made.
    Extremum(I),
    /// A comparison.
    Compare,
}

impl Vfp {
    /// Whether it leaves its result in the flags.
    pub fn compares(self) -> bool {
        self == Vfp::Compare
    }
}

/// How the FPU of a core computes a node; `None` if it does not.
pub(super) fn instruction(n: &Node, cpu: Cpu) -> Option<Vfp> {
    let (feature, vfp) = of_operation(Fp::from_imm(n.imm)?)?;
    (n.op == Op::Fp && cpu.has(feature)).then_some(vfp)
}

/// The instruction for an operation, and what a core needs to have it.
fn of_operation(fp: Fp) -> Option<(Feature, Vfp)> {
    use Feature::{Fpv4Sp, Fpv5Sp};
    let zero = match on(Bug::NearestTruncates) {
        true => I::VrintzF32,
        false => I::VrintnF32,
    };
    let (feature, op) = match fp {
        Fp::F32Add => (Fpv4Sp, I::VaddF32),
        Fp::F32Sub => (Fpv4Sp, I::VsubF32),
        Fp::F32Mul => (Fpv4Sp, I::VmulF32),
        Fp::F32Div => (Fpv4Sp, I::VdivF32),
        Fp::F32Sqrt => (Fpv4Sp, I::VsqrtF32),
        Fp::F32Ceil => (Fpv5Sp, I::VrintpF32),
        Fp::F32Floor => (Fpv5Sp, I::VrintmF32),
        Fp::F32Trunc => (Fpv5Sp, I::VrintzF32),
        Fp::F32Nearest => (Fpv5Sp, zero),
        Fp::F32ConvertI32S => (Fpv4Sp, I::VcvtF32S32),
        Fp::F32ConvertI32U => (Fpv4Sp, I::VcvtF32U32),
        Fp::I32TruncSatF32S => (Fpv4Sp, I::VcvtS32F32),
        Fp::I32TruncSatF32U => (Fpv4Sp, I::VcvtU32F32),
        Fp::F32Min => return Some((Fpv5Sp, Vfp::Extremum(I::VminnmF32))),
        Fp::F32Max => return Some((Fpv5Sp, Vfp::Extremum(I::VmaxnmF32))),
        Fp::F32Eq | Fp::F32Ne | Fp::F32Lt | Fp::F32Le | Fp::F32Gt | Fp::F32Ge => {
            return Some((Fpv4Sp, Vfp::Compare));
        }
        _ => return None,
    };
    Some((feature, Vfp::One(op)))
}

/// Functions of fewer nodes than this are taken to have their literal pool near enough for VLDR.
const NEAR: usize = 250;

impl Lower<'_, '_> {
    /// A new register of the FPU.
    pub(super) fn fresh_float(&mut self) -> VReg {
        let r = self.fresh();
        self.float.resize(r.0 as usize + 1, false);
        self.float[r.0 as usize] = true;
        r
    }

    /// Whether a register is one of the FPU.
    pub(super) fn is_float(&self, r: VReg) -> bool {
        self.float.get(r.0 as usize).copied().unwrap_or(false)
    }

    /// The register of the FPU that holds a value, a word or a float of 32 bits; from here on it is needed there.
    pub(super) fn float_reg(&mut self, v: Value) -> VReg {
        let v = self.bare(v);
        if let Some(c) = self.f.as_const(v) {
            return self.constant_of(c as i32, true);
        }
        if let Some(&r) = self.floats.get(&v) {
            return r;
        }
        let r = self.fresh_float();
        self.floats.insert(v, r);
        r
    }

    /// Like [`Self::float_reg`], but a constant is made right here.
    pub(super) fn float_here(&mut self, v: Value) -> VReg {
        match self.as_const(v) {
            Some(c) => self.constant_here_of(c, true),
            None => self.float_reg(v),
        }
    }

    /// The register of the file that a place is of.
    pub(super) fn reg_in(&mut self, v: Value, float: bool) -> VReg {
        match float {
            true => self.float_here(v),
            false => self.reg_here(v),
        }
    }

    /// The register of the FPU of a value that is needed there, or none.
    pub(super) fn float_needed(&self, v: Value) -> Option<VReg> {
        self.floats.get(&v).copied()
    }

    /// The register that a value's definition is to leave it in, of the file where it is computed; none if nothing needs it.
    pub(super) fn home(&mut self, v: Value) -> Option<VReg> {
        self.cross(v);
        match self.in_fpu(v) {
            true => self.float_needed(v),
            false => self.needed(v),
        }
    }

    /// Moves a value to the other file, if it is needed there, right behind its definition.
    pub(super) fn cross(&mut self, v: Value) {
        if self.variant == crate::backend::abi::Variant::Base {
            return;
        }
        if self.in_fpu(v) {
            if let Some(core) = self.needed(v) {
                let float = self.float_reg(v);
                self.emit(MInst::new(MOp::Isa(I::VmovRS), &[core], &[float]));
            }
        } else if let Some(float) = self.float_needed(v) {
            let core = self.reg(v);
            self.emit(MInst::new(MOp::Isa(I::VmovSR), &[float], &[core]));
        }
    }

    /// A constant in a register of the FPU. Where a register of the core has it in one short instruction, or no literal pool may be
    /// near, it comes from there.
    pub(super) fn emit_float_constant(&mut self, r: VReg, c: i32) {
        let encoded = isa::fits(I::VmovIF32, c, false);
        if encoded || c != 0 && self.f.nodes.len() < NEAR {
            let mut i = MInst::new(MOp::FloatConst, &[r], &[]);
            i.imm = c;
            return self.emit(i);
        }
        let core = self.fresh();
        self.emit(MInst::new(MOp::Isa(I::VmovSR), &[r], &[core]));
        self.emit_constant(core, c);
    }

    /// An operation whose result is a value.
    pub(super) fn vfp_operation(&mut self, v: Value, n: &Node, vfp: Vfp) {
        let Some(d) = self.float_needed(v) else {
            return;
        };
        let args: Vec<VReg> = n.args.iter().map(|&a| self.float_reg(a)).collect();
        match vfp {
            Vfp::One(op) => self.emit(MInst::new(MOp::Isa(op), &[d], &args)),
            Vfp::Extremum(op) => {
                let number = self.fresh_float();
                // Unordered: the sum is the NaN.
                let mut nan = MInst::new(MOp::Isa(I::VaddF32), &[d], &[args[0], args[1], number]);
                nan.cond = Cond::Vs;
                let first = MInst::new(MOp::Isa(op), &[number], &args);
                let compare = MInst::new(MOp::Isa(I::VcmpF32), &[], &args);
                let flags = MInst::new(MOp::Isa(I::Vmrs), &[], &[]);
                match on(Bug::ExtremumNumber) {
                    true => self.emit(MInst {
                        defs: smallvec![d],
                        ..first
                    }),
                    false => self.emit_all([first, compare, flags, nan]),
                }
            }
            Vfp::Compare => debug_assert!(false, "a comparison has no register"),
        }
    }

    /// A comparison: what sets the flags, and the condition.
    pub(super) fn vfp_compare(&mut self, n: &Node) -> Option<(FlagInsts, Cond)> {
        let relation = Fp::from_imm(n.imm)?.row().relation?;
        let a = self.float_reg(n.args[0]);
        // Zeros of both signs are equal.
        let compare = match self.as_const(n.args[1]) {
            Some(0 | i32::MIN) => MInst::new(MOp::Isa(I::VcmpZeroF32), &[], &[a]),
            _ => {
                let b = self.float_reg(n.args[1]);
                MInst::new(MOp::Isa(I::VcmpF32), &[], &[a, b])
            }
        };
        let flags = MInst::new(MOp::Isa(I::Vmrs), &[], &[]);
        Some((smallvec![compare, flags], condition(relation)))
    }

    /// The instruction of the FPU for an operation on a word that changes its sign as a float.
    pub(super) fn sign_change(&self, n: &Node) -> Option<I> {
        let constant = self.as_const(*n.args.get(1)?);
        match (n.op, n.ty, constant) {
            (Op::Xor, Ty::I32, Some(i32::MIN)) => Some(I::VnegF32),
            (Op::And, Ty::I32, Some(i32::MAX)) => Some(I::VabsF32),
            _ => None,
        }
    }
}
