//! Lowering of calls, arguments and returns by the calling conventions.

use super::Lower;
use super::banks::is_float;
use crate::backend::abi::{self, Place, Signature, Variant};
use crate::backend::mir::{Abi, MInst, MOp, VReg};
use crate::backend::symbols::SymbolKind;
use crate::ir::{FuncType, Node, Op, TermOp, Ty, Value};
use crate::isa::{Reg, RegSet};
use crate::seeded::{Bug, on};

/// What is called.
pub(super) enum Callee {
    /// The function of this symbol.
    Symbol(SymbolKind),
    /// What this refers to.
    Reference(Value),
}

impl Lower<'_, '_> {
    /// The incoming arguments, at the top of the entry block.
    pub(super) fn arguments(&mut self) {
        let mut regs = Abi::default();
        let mut args = MInst::new(MOp::Args, &[], &[]);
        let (f, sig) = (self.f, self.sig);
        let mut floats = Vec::new();
        f.blocks[0].params.iter().for_each(|&p| self.cross(p));
        for (&p, &place) in f.blocks[0].params.iter().zip(&sig.params) {
            if let Place::Reg(reg) = place
                && is_float(&place)
            {
                floats.push((reg, p));
                continue;
            }
            let Some(r) = self.needed(p) else { continue };
            match place {
                Place::Reg(reg) => {
                    regs.defs.push(reg);
                    args.defs.push(r);
                }
                Place::Stack(offset) => {
                    let mut m = MInst::new(MOp::InArg, &[r], &[]);
                    m.imm = offset as i32;
                    self.emit(m);
                }
            }
        }
        for (reg, r) in self.receive(&floats) {
            regs.defs.push(reg);
            args.defs.push(r);
        }
        args.abi = Some(Box::new(regs));
        self.emit(args);
    }

    /// The return, with results in their places.
    pub(super) fn ret(&mut self, values: &[Value]) {
        let mut regs = Abi::default();
        let mut ret = MInst::new(MOp::Ret, &[], &[]);
        let results = &self.sig.results;
        let stores = self.pass(&mut ret, &mut regs, values, results, MOp::InStore);
        ret.abi = Some(Box::new(regs));
        self.emit(ret);
        self.emit_all(stores);
    }

    /// Makes an instruction use values where they have registers to be in. Returns what puts the others into their places on
    /// the stack, by the operation `store`.
    pub(super) fn pass(
        &mut self,
        inst: &mut MInst,
        regs: &mut Abi,
        values: &[Value],
        places: &[Place],
        store: MOp,
    ) -> Vec<MInst> {
        let mut stores = Vec::new();
        let mut floats = Vec::new();
        for (&v, &place) in values.iter().zip(places) {
            match place {
                Place::Reg(reg) if is_float(&place) => floats.push((reg, v)),
                Place::Reg(reg) => {
                    regs.uses.push(reg);
                    inst.uses.push(self.reg_here(v));
                }
                Place::Stack(offset) => {
                    let r = self.reg_here(v);
                    let mut m = MInst::new(store, &[], &[r]);
                    m.imm = offset as i32;
                    stores.push(m);
                }
            }
        }
        for (reg, r) in self.send(&floats) {
            regs.uses.push(reg);
            inst.uses.push(r);
        }
        stores
    }

    pub(super) fn call(&mut self, v: Value, n: &Node) {
        let Some(sig) = self.callee(n) else { return };
        let decl = &self.cx.module.funcs[n.imm as usize];
        let words = decl.ty.results.iter().map(|t| t.words()).sum();
        let callee = Callee::Symbol(SymbolKind::Func(n.imm as u32));
        self.call_with(v, &n.args, callee, &sig, words);
    }

    /// A call by reference.
    pub(super) fn call_indirect(&mut self, v: Value, n: &Node) {
        let Some(sig) = self.callee(n) else { return };
        let t = &self.cx.module.types[n.imm as usize];
        let words = t.ty.results.iter().map(|t| t.words()).sum();
        self.call_with(v, &n.args[1..], Callee::Reference(n.args[0]), &sig, words);
    }

    /// A call in the place of the function: stack arguments go where its own are, which has room for them.
    pub(super) fn tail_call(&mut self, op: TermOp, args: &[Value]) {
        let (m, sig, first) = match op {
            TermOp::TailCallIndirect(t) => (MOp::TailCallReg, self.convention_of_type(t), 1),
            TermOp::TailCall(f) => (MOp::TailCall, self.convention(f), 0),
            TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Return | TermOp::Trap(_) => return,
        };
        let mut regs = Abi::default();
        let mut call = MInst::new(m, &[], &[]);
        for &reference in &args[..first] {
            regs.uses.push(Reg::R12);
            call.uses.push(self.reg_here(reference));
        }
        let args = &args[first..];
        let stores = self.pass(&mut call, &mut regs, args, &sig.params, MOp::InStore);
        if let TermOp::TailCall(f) = op {
            call.sym = Some(self.cx.symbols.get(SymbolKind::Func(f)));
        }
        call.abi = Some(Box::new(regs));
        self.emit(call);
        self.emit_all(stores);
    }

    /// A 64-bit division: a call of the module's own helper.
    pub(super) fn helper_call(&mut self, v: Value, n: &Node) {
        if self.word(v, 0).is_none() && self.word(v, 1).is_none() {
            return;
        }
        let Some(index) = (self.cx.helpers)(n.op) else {
            debug_assert!(false, "helpers are added before lowering");
            return;
        };
        let ty = FuncType {
            params: vec![Ty::I64; 2],
            results: vec![Ty::I64],
        };
        debug_assert!(matches!(
            n.op,
            Op::DivU64 | Op::DivS64 | Op::RemU64 | Op::RemS64
        ));
        let callee = Callee::Symbol(SymbolKind::Func(index));
        self.call_with(v, &n.args, callee, &abi::internal(&ty, self.variant), 2);
    }

    /// Bytes are moved or filled: a call of the module's own helper.
    pub(super) fn bulk_call(&mut self, v: Value, n: &Node) {
        let Some(index) = (self.cx.helpers)(n.op) else {
            debug_assert!(false, "helpers are added before lowering");
            return;
        };
        let ty = FuncType {
            params: vec![Ty::I32; 3],
            results: Vec::new(),
        };
        let callee = Callee::Symbol(SymbolKind::Func(index));
        self.call_with(v, &n.args, callee, &abi::internal(&ty, self.variant), 0);
    }

    pub(super) fn call_with(
        &mut self,
        v: Value,
        args: &[Value],
        callee: Callee,
        sig: &Signature,
        result_words: u32,
    ) {
        self.has_calls = true;
        let mut area = sig.stack_bytes;
        let struct_at = area;
        if sig.struct_words.is_some() {
            area = (area + sig.struct_bytes).next_multiple_of(8);
        }
        self.out_bytes = self.out_bytes.max(area);
        // The object's own helpers on floats leave the FPU alone.
        let leaves_fpu = matches!(callee, Callee::Symbol(SymbolKind::Float(_)));
        let mut call = match callee {
            Callee::Symbol(kind) => {
                let mut call = MInst::new(MOp::Call, &[], &[]);
                call.sym = Some(self.cx.symbols.get(kind));
                call
            }
            Callee::Reference(r) => {
                let r = self.reg_here(r);
                MInst::new(MOp::CallReg, &[], &[r])
            }
        };
        let mut regs = Abi::default();
        let mut stores = Vec::new();
        if sig.struct_words.is_some() {
            let pointer = self.fresh();
            let mut m = MInst::new(MOp::OutAddr, &[pointer], &[]);
            m.imm = struct_at as i32;
            stores.push(m);
            regs.uses.push(Reg::R0);
            call.uses.push(pointer);
        }
        stores.extend(self.pass(&mut call, &mut regs, args, &sig.params, MOp::OutArg));
        let mut loads = Vec::new();
        let mut floats = Vec::new();
        for w in 0..result_words {
            let place = match &sig.struct_words {
                Some(offsets) => Place::Stack(struct_at + offsets[w as usize]),
                None => sig.results[w as usize],
            };
            let named: Option<VReg> = self.word(v, w);
            match (place, named) {
                (Place::Reg(reg), _) if is_float(&place) => {
                    floats.extend(self.words.get(&(v, w)).map(|&word| (reg, word)));
                }
                (Place::Reg(reg), named) => {
                    let r = named.unwrap_or_else(|| self.fresh());
                    regs.defs.push(reg);
                    call.defs.push(r);
                }
                (Place::Stack(offset), Some(r)) => {
                    let mut m = MInst::new(MOp::OutLoad, &[r], &[]);
                    m.imm = offset as i32;
                    loads.push(m);
                }
                (Place::Stack(_), None) => {}
            }
        }
        for (reg, r) in self.receive(&floats) {
            regs.defs.push(reg);
            call.defs.push(r);
        }
        let mut lost = RegSet::CALLER_SAVED;
        if self.variant == Variant::Vfp && !leaves_fpu && !on(Bug::CallKeepsFloats) {
            lost = lost.or(RegSet::FLOAT_CALLER_SAVED);
        }
        regs.clobbers = regs.defs.iter().fold(lost, |s, &r| s.minus(RegSet::of(r)));
        if on(Bug::CallKeepsR12) {
            regs.clobbers.remove(Reg::R12);
        }
        if on(Bug::CallKeepsLr) {
            regs.clobbers.remove(Reg::LR);
        }
        call.abi = Some(Box::new(regs));
        self.emit_all(loads);
        self.emit(call);
        self.emit_all(stores);
    }
}
