//! Lowering of calls, arguments and returns by the calling conventions.

use super::Lower;
use crate::backend::abi::{self, Place, Signature};
use crate::backend::mir::{Abi, MInst, MOp, VReg};
use crate::backend::symbols::SymbolKind;
use crate::ir::{FuncType, Node, Op, Ty, Value};
use crate::isa::{Reg, RegSet};
use crate::seeded::{Bug, on};

impl Lower<'_, '_> {
    /// The incoming arguments, at the top of the entry block.
    pub(super) fn arguments(&mut self) {
        let mut regs = Abi::default();
        let mut args = MInst::new(MOp::Args, &[], &[]);
        let (f, sig) = (self.f, self.sig);
        for (&p, &place) in f.blocks[0].params.iter().zip(&sig.params) {
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
        args.abi = Some(Box::new(regs));
        self.emit(args);
    }

    /// The return, with results in their places.
    pub(super) fn ret(&mut self, values: &[Value]) {
        let mut regs = Abi::default();
        let mut ret = MInst::new(MOp::Ret, &[], &[]);
        let mut stores = Vec::new();
        for (&v, &place) in values.iter().zip(&self.sig.results) {
            let r = self.reg_here(v);
            match place {
                Place::Reg(reg) => {
                    regs.uses.push(reg);
                    ret.uses.push(r);
                }
                Place::Stack(offset) => {
                    let mut m = MInst::new(MOp::InStore, &[], &[r]);
                    m.imm = offset as i32;
                    stores.push(m);
                }
            }
        }
        ret.abi = Some(Box::new(regs));
        self.emit(ret);
        self.emit_all(stores);
    }

    pub(super) fn call(&mut self, v: Value, n: &Node) {
        let decl = &self.cx.module.funcs[n.imm as usize];
        let sig = if decl.import.is_some() {
            abi::external(&decl.ty)
        } else {
            abi::internal(&decl.ty)
        };
        let words = decl.ty.results.iter().map(|t| t.words()).sum();
        self.call_with(v, &n.args, SymbolKind::Func(n.imm as u32), &sig, words);
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
        let callee = SymbolKind::Func(index);
        self.call_with(v, &n.args, callee, &abi::internal(&ty), 2);
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
        let callee = SymbolKind::Func(index);
        self.call_with(v, &n.args, callee, &abi::internal(&ty), 0);
    }

    pub(super) fn call_with(
        &mut self,
        v: Value,
        args: &[Value],
        callee: SymbolKind,
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
        let mut call = MInst::new(MOp::Call, &[], &[]);
        call.sym = Some(self.cx.symbols.get(callee));
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
        for (&a, &place) in args.iter().zip(&sig.params) {
            match place {
                Place::Reg(reg) => {
                    let r = self.reg_here(a);
                    regs.uses.push(reg);
                    call.uses.push(r);
                }
                Place::Stack(offset) => {
                    let r = self.reg_here(a);
                    let mut m = MInst::new(MOp::OutArg, &[], &[r]);
                    m.imm = offset as i32;
                    stores.push(m);
                }
            }
        }
        let mut loads = Vec::new();
        for w in 0..result_words {
            let place = match &sig.struct_words {
                Some(offsets) => Place::Stack(struct_at + offsets[w as usize]),
                None => sig.results[w as usize],
            };
            let named: Option<VReg> = self.word(v, w);
            match (place, named) {
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
        regs.clobbers = regs
            .defs
            .iter()
            .fold(RegSet::CALLER_SAVED, |s, &r| s.minus(RegSet::of(r)));
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
