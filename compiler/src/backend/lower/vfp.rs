//! Lowering of operations on floats to instructions of the FPU.
//!
//! In: nodes whose operands and results are wanted in registers of the FPU. Out: instructions of the floating-point extension (Arm
//! v7-M manual, A2.5), where the core has them for the width; the others are calls of helpers ([`super::floats`]). A value
//! that is wanted in the other register file than the one it is computed in is moved once, where it is defined.

use super::compare::FlagInsts;
use super::floats::condition;
use super::{Constant, Lower, pairs};
use crate::backend::abi::Variant;
use crate::backend::mir::{MInst, MOp, VReg};
use crate::ir::{Fp, Node, Op, Ty, Value};
use crate::isa::{self, Cond, Op as I, Reg};
use crate::options::{Cpu, Feature};
use crate::seeded::{Bug, on};
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeMap;

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
    let fp = Fp::from_imm(n.imm).filter(|_| n.op == Op::Fp)?;
    cpu.has(fp.feature()?).then(|| of_operation(fp))?
}

/// The instruction for an operation, on a core that computes it.
fn of_operation(fp: Fp) -> Option<Vfp> {
    let even = match on(Bug::NearestTruncates) {
        true => I::VrintzF32,
        false => I::VrintnF32,
    };
    let op = match fp {
        Fp::F32Add => I::VaddF32,
        Fp::F32Sub => I::VsubF32,
        Fp::F32Mul => I::VmulF32,
        Fp::F32Div => I::VdivF32,
        Fp::F32Sqrt => I::VsqrtF32,
        Fp::F32Ceil => I::VrintpF32,
        Fp::F32Floor => I::VrintmF32,
        Fp::F32Trunc => I::VrintzF32,
        Fp::F32Nearest => even,
        Fp::F32ConvertI32S => I::VcvtF32S32,
        Fp::F32ConvertI32U => I::VcvtF32U32,
        Fp::I32TruncSatF32S => I::VcvtS32F32,
        Fp::I32TruncSatF32U => I::VcvtU32F32,
        Fp::F64Add => I::VaddF64,
        Fp::F64Sub => I::VsubF64,
        Fp::F64Mul => I::VmulF64,
        Fp::F64Div => I::VdivF64,
        Fp::F64Sqrt => I::VsqrtF64,
        Fp::F64Ceil => I::VrintpF64,
        Fp::F64Floor => I::VrintmF64,
        Fp::F64Trunc => I::VrintzF64,
        Fp::F64Nearest => I::VrintnF64,
        Fp::F64ConvertI32S => I::VcvtF64S32,
        Fp::F64ConvertI32U => I::VcvtF64U32,
        Fp::I32TruncSatF64S => I::VcvtS32F64,
        Fp::I32TruncSatF64U => I::VcvtU32F64,
        Fp::F32Demote => I::VcvtF32F64,
        Fp::F64Promote => I::VcvtF64F32,
        Fp::F32Min => return Some(Vfp::Extremum(I::VminnmF32)),
        Fp::F32Max => return Some(Vfp::Extremum(I::VmaxnmF32)),
        Fp::F64Min => return Some(Vfp::Extremum(I::VminnmF64)),
        Fp::F64Max => return Some(Vfp::Extremum(I::VmaxnmF64)),
        Fp::F32Eq | Fp::F32Ne | Fp::F32Lt | Fp::F32Le | Fp::F32Gt | Fp::F32Ge => {
            return Some(Vfp::Compare);
        }
        Fp::F64Eq | Fp::F64Ne | Fp::F64Lt | Fp::F64Le | Fp::F64Gt | Fp::F64Ge => {
            return Some(Vfp::Compare);
        }
        // Between floats and integers of 64 bits.
        Fp::F32ConvertI64S | Fp::F32ConvertI64U | Fp::F64ConvertI64S | Fp::F64ConvertI64U => {
            return None;
        }
        Fp::I64TruncSatF32S | Fp::I64TruncSatF32U | Fp::I64TruncSatF64S | Fp::I64TruncSatF64U => {
            return None;
        }
    };
    Some(Vfp::One(op))
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
            return self.make(Constant::Single(c as i32));
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
            Some(c) => self.make_here(Constant::Single(c)),
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

    /// The register of a double, named by the node that computes it or by its low word; from here on it is needed.
    pub(super) fn double_of(&mut self, v: Value) -> VReg {
        if let Some(&r) = self.doubles.get(&v) {
            return r;
        }
        let r = self.fresh_float();
        self.doubles.insert(v, r);
        r
    }

    /// The register that holds two words as a double. If nothing does, it is put together right before what is being emitted.
    pub(super) fn double_here(&mut self, low: Value, high: Value) -> VReg {
        let (low, high) = (self.bare(low), self.bare(high));
        if let Some(whole) = self.whole(low, high) {
            return self.double_of(whole);
        }
        if let (Some(low), Some(high)) = (self.as_const(low), self.as_const(high)) {
            return self.make(Constant::Double(low, high));
        }
        if let Some((op, whole)) = self.sign_changed(low, high) {
            let a = self.double_of(whole);
            return self.put_before(MOp::Isa(op), &[a]);
        }
        let words = [self.reg_here(low), self.reg_here(high)];
        self.put_before(MOp::Isa(I::VmovDRR), &words)
    }

    /// The result of an instruction right before what is being emitted.
    fn put_before(&mut self, op: MOp, uses: &[VReg]) -> VReg {
        let d = self.fresh_float();
        self.before.push(MInst::new(op, &[d], uses));
        d
    }

    /// Moves a value to the other file, if it is needed there, right behind its definition.
    pub(super) fn cross(&mut self, v: Value) {
        if self.variant == Variant::Base {
            return;
        }
        if self.in_fpu(v) && self.f.node(v).ty != Ty::I32 {
            self.take_apart(v, (self.word(v, 0), self.word(v, 1)));
        } else if self.in_fpu(v) {
            if let Some(core) = self.needed(v) {
                let float = self.float_reg(v);
                self.emit(MInst::new(MOp::Isa(I::VmovRS), &[core], &[float]));
            }
        } else if let Some(float) = self.float_needed(v) {
            let core = self.reg(v);
            self.emit(MInst::new(MOp::Isa(I::VmovSR), &[float], &[core]));
        }
    }

    /// Moves the words of a pair that are needed to registers of the core.
    pub(super) fn take_words(&mut self, low: Value) {
        if let Some(high) = self.pairs.high(low) {
            self.take_apart(low, (self.needed(low), self.needed(high)));
        }
    }

    fn take_apart(&mut self, double: Value, words: (Option<VReg>, Option<VReg>)) {
        if words == (None, None) {
            return;
        }
        let d = self.double_of(double);
        let low = words.0.unwrap_or_else(|| self.fresh());
        let high = words.1.unwrap_or_else(|| self.fresh());
        let order = match on(Bug::WordsExchanged) {
            true => [high, low],
            false => [low, high],
        };
        self.emit(MInst::new(MOp::Isa(I::VmovRRD), &order, &[d]));
    }

    /// The registers of the FPU that words go to, with what is to be in each.
    pub(super) fn send(&mut self, words: &[(Reg, Value)]) -> Vec<(Reg, VReg)> {
        if !self.has_doubles() {
            let each = words.iter().map(|&(r, v)| (r, self.float_here(v)));
            return each.collect();
        }
        let mut out = Vec::new();
        for (d, low, high) in halves(words) {
            let r = match (low, high) {
                (Some(low), Some(high)) => self.join(low, high),
                (Some(one), None) => self.float_here(one),
                (None, Some(one)) => self.join(one, one),
                (None, None) => continue,
            };
            out.push((d, r));
        }
        out
    }

    /// Two words in one `d` register.
    fn join(&mut self, low: Value, high: Value) -> VReg {
        if low == high || self.in_fpu(self.bare(low)) || self.in_fpu(self.bare(high)) {
            let halves = [self.float_here(low), self.float_here(high)];
            return self.put_before(MOp::PutHigh, &halves);
        }
        self.double_here(low, high)
    }

    /// The registers of the FPU that words come in, with where they are to be; words that nothing needs are left out.
    pub(super) fn receive(&mut self, words: &[(Reg, Value)]) -> Vec<(Reg, VReg)> {
        if !self.has_doubles() {
            let each = words.iter();
            return each
                .filter_map(|&(r, v)| Some((r, self.float_needed(v)?)))
                .collect();
        }
        let mut out = Vec::new();
        for (d, low, high) in halves(words) {
            let whole = low.zip(high).filter(|(l, h)| self.pairs.has(*l, *h));
            let r = match whole {
                Some((low, _)) => {
                    self.take_words(low);
                    self.doubles.get(&low).copied()
                }
                None => {
                    let first = low.and_then(|v| self.float_needed(v));
                    match high.and_then(|v| self.float_needed(v)) {
                        None => first,
                        Some(upper) => {
                            let both = first.unwrap_or_else(|| self.fresh_float());
                            self.emit(MInst::new(MOp::HighHalf, &[upper], &[both]));
                            Some(both)
                        }
                    }
                }
            };
            out.extend(r.map(|r| (d, r)));
        }
        out
    }

    /// Whether registers of the FPU are doubles.
    pub(super) fn has_doubles(&self) -> bool {
        self.cx.options.cpu.has(Feature::Fpv5Dp)
    }

    /// A float of 32 bits in a register of the FPU. Where a register of the core has it in one short instruction, or no literal
    /// pool may be near, it comes from there.
    pub(super) fn emit_single(&mut self, r: VReg, c: i32) {
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

    /// A double in a register of the FPU.
    pub(super) fn emit_double(&mut self, r: VReg, low: i32, high: i32) {
        let value = f64::from_bits(u64::from(high as u32) << 32 | u64::from(low as u32));
        let single = (value as f32).to_bits() as i32;
        if f64::from(value as f32).to_bits() == value.to_bits()
            && isa::fits(I::VmovIF64, single, false)
        {
            let mut i = MInst::new(MOp::DoubleConst, &[r], &[]);
            i.imm = single;
            return self.emit(i);
        }
        let first = self.fresh();
        let second = match low == high {
            true => first,
            false => self.fresh(),
        };
        self.emit(MInst::new(MOp::Isa(I::VmovDRR), &[r], &[first, second]));
        if low != high {
            self.emit_constant(second, high);
        }
        self.emit_constant(first, low);
    }

    /// The registers of an operation's operands.
    fn operands(&mut self, n: &Node) -> SmallVec<[VReg; 2]> {
        pairs::operands(n)
            .map(|(k, ty)| match ty {
                Ty::F64 => self.double_here(n.args[k], n.args[k + 1]),
                _ => self.float_reg(n.args[k]),
            })
            .collect()
    }

    /// An operation whose result is a value.
    pub(super) fn vfp_operation(&mut self, v: Value, n: &Node, vfp: Vfp) {
        let wide = n.ty != Ty::I32;
        let d = match wide {
            true => self.doubles.get(&v).copied(),
            false => self.float_needed(v),
        };
        let Some(d) = d else { return };
        let args = self.operands(n);
        match vfp {
            Vfp::One(op) => self.emit(MInst::new(MOp::Isa(op), &[d], &args)),
            Vfp::Extremum(op) => {
                let number = self.fresh_float();
                let (sum, compare) = match wide {
                    true => (I::VaddF64, I::VcmpF64),
                    false => (I::VaddF32, I::VcmpF32),
                };
                // Unordered: the sum is the NaN.
                let mut nan = MInst::new(MOp::Isa(sum), &[d], &[args[0], args[1], number]);
                nan.cond = Cond::Vs;
                let first = MInst::new(MOp::Isa(op), &[number], &args);
                let compare = MInst::new(MOp::Isa(compare), &[], &args);
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
        let row = Fp::from_imm(n.imm)?.row();
        let wide = row.operands[0] == Ty::F64;
        let (op, with_zero) = match wide {
            true => (I::VcmpF64, I::VcmpZeroF64),
            false => (I::VcmpF32, I::VcmpZeroF32),
        };
        let words = row.operands[0].words() as usize;
        let second: SmallVec<[i32; 2]> = n.args[words..]
            .iter()
            .filter_map(|&a| self.as_const(a))
            .collect();
        // Zeros of both signs are equal.
        let zero = match second[..] {
            [high] => !wide && high & i32::MAX == 0,
            [0, high] => high & i32::MAX == 0,
            _ => false,
        };
        let compare = if zero {
            let a = match wide {
                true => self.double_here(n.args[0], n.args[1]),
                false => self.float_reg(n.args[0]),
            };
            MInst::new(MOp::Isa(with_zero), &[], &[a])
        } else {
            MInst::new(MOp::Isa(op), &[], &self.operands(n))
        };
        let flags = MInst::new(MOp::Isa(I::Vmrs), &[], &[]);
        Some((smallvec![compare, flags], condition(row.relation?)))
    }

    /// A selection of doubles, at the later of the selections of its words.
    pub(super) fn select_double(&mut self, v: Value) {
        let Some(low) = self.pairs.of(v) else { return };
        let (Some(d), Some(high)) = (self.doubles.get(&low).copied(), self.pairs.high(low)) else {
            return;
        };
        if !self.selected.insert(low) {
            return;
        }
        let (l, h) = (self.f.node(low), self.f.node(high));
        let (insts, cond) = self.flags(l.args[0]);
        let yes = self.double_here(l.args[1], h.args[1]);
        let no = self.double_here(l.args[2], h.args[2]);
        let mut m = MInst::new(MOp::Isa(I::VmovRF64), &[d], &[yes, no]);
        m.cond = cond;
        self.emit(m);
        self.emit_all(insts);
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

/// Words in registers of the FPU, by the `d` register that they are in: the lower half and the upper one.
fn halves(words: &[(Reg, Value)]) -> Vec<(Reg, Option<Value>, Option<Value>)> {
    let mut found: BTreeMap<Reg, (Option<Value>, Option<Value>)> = BTreeMap::new();
    for &(r, v) in words {
        let Some((d, upper)) = pairs::half(r) else {
            continue;
        };
        let both = found.entry(d).or_default();
        *(if upper { &mut both.1 } else { &mut both.0 }) = Some(v);
    }
    found.into_iter().map(|(d, (l, h))| (d, l, h)).collect()
}
