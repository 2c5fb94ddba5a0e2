//! Which values of a function are computed into registers of the FPU.
//!
//! In: a function whose floats are words, and its signature. Out: by value, whether its definition leaves it in a register of the
//! FPU. What the FPU computes and what is passed in its registers is there; what it does not matter to (parameters of blocks, selections,
//! changes of signs) is where fewer moves between the files are, weighed by how often blocks run. Either is right: a value
//! that is wanted in the other file is moved there once, where it is defined.

use super::Lower;
use super::{pairs, vfp};
use crate::backend::abi::{self, Place, Signature};
use crate::ir::{Block, Edge, Func, Node, Op, TermOp, Ty, Value};

/// Most rounds of the search; values that have not come to rest then stay in the core.
const ROUNDS: usize = 12;

/// What moves decide for a value that may be in either file.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// Definitions and uses in the FPU minus those in the core, each as often as its block runs.
    balance: f32,
}

impl Lower<'_, '_> {
    /// Whether a value is left in a register of the FPU by its definition.
    pub(super) fn in_fpu(&self, v: Value) -> bool {
        self.native.get(v.0 as usize).copied().unwrap_or(false)
    }

    /// Decides for all values.
    pub(super) fn choose_banks(&mut self) {
        if self.variant == abi::Variant::Base || !self.meets_fpu() {
            return;
        }
        let mut either = vec![false; self.f.nodes.len()];
        self.native = vec![false; self.f.nodes.len()];
        for (i, n) in self.f.nodes.iter().enumerate() {
            let v = Value(i as u32);
            self.native[i] = self.is_fixed(v, n);
            either[i] = !self.native[i] && self.may_be_in_either(v, n);
        }
        self.settle(&mut either);
    }

    /// Flexible values start in the FPU, and leave it one round after the other where that costs more.
    fn settle(&mut self, either: &mut [bool]) {
        for (native, either) in self.native.iter_mut().zip(&*either) {
            *native |= either;
        }
        for round in 0.. {
            let weights = self.weights(either);
            let mut moved = false;
            for (i, weight) in weights.iter().enumerate() {
                if either[i] && (weight.balance <= 0.0 || round == ROUNDS) {
                    (either[i], self.native[i]) = (false, false);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        for (native, _) in self.native.iter_mut().zip(&*either).filter(|(_, e)| **e) {
            *native = self.cx.choices.flip(true);
        }
    }

    /// Whether anything in the function has to do with the FPU.
    fn meets_fpu(&self) -> bool {
        let nodes = self.f.nodes.iter().enumerate();
        let mut scheduled = nodes.filter(|(i, _)| self.sched.place[*i].is_some());
        let in_registers = |s: &Signature| s.params.iter().chain(&s.results).any(is_float);
        in_registers(self.sig)
            || scheduled.any(|(_, n)| match n.op {
                Op::Fp => vfp::instruction(n, self.cx.options.cpu).is_some(),
                Op::Call | Op::CallIndirect => self.callee(n).is_some_and(|s| in_registers(&s)),
                _ => false,
            })
    }

    /// The signature of what a node calls.
    pub(super) fn callee(&self, n: &Node) -> Option<Signature> {
        let module = self.cx.module;
        match n.op {
            Op::Call => {
                let decl = &module.funcs[n.imm as usize];
                Some(match decl.import.is_some() {
                    true => abi::external(&decl.ty, self.variant),
                    false => abi::within(&decl.ty, decl.entry.area, self.variant),
                })
            }
            Op::CallIndirect => {
                let t = &module.types[n.imm as usize];
                Some(abi::within(&t.ty, t.area, self.variant))
            }
            _ => None,
        }
    }

    /// Whether a value's definition can only leave it in the FPU.
    fn is_fixed(&self, v: Value, n: &Node) -> bool {
        match n.op {
            Op::Fp => {
                vfp::instruction(n, self.cx.options.cpu).is_some_and(|found| !found.compares())
            }
            Op::Proj => {
                let call = self.f.node(n.args[0]);
                let results = self.callee(call).filter(|s| s.struct_words.is_none());
                results.is_some_and(|s| s.results.get(n.imm as usize).is_some_and(is_float))
            }
            Op::Param => {
                let params = &self.f.block(Func::ENTRY).params;
                let at = params.iter().position(|p| *p == v);
                at.is_some_and(|k| self.sig.params.get(k).is_some_and(is_float))
            }
            _ => false,
        }
    }

    fn may_be_in_either(&self, v: Value, n: &Node) -> bool {
        match n.op {
            Op::Param => !self.f.block(Func::ENTRY).params.contains(&v),
            Op::Select => n.ty == Ty::I32,
            _ => self.sign_change(n).is_some(),
        }
    }

    /// How the places of definitions and uses speak for and against the FPU.
    fn weights(&self, either: &[bool]) -> Vec<Weight> {
        let mut weights = vec![Weight::default(); either.len()];
        let mut add = |v: Value, float: bool, often: f32| {
            weights[self.bare(v).0 as usize].balance += if float { often } else { -often };
        };
        for (i, n) in self.f.nodes.iter().enumerate() {
            let v = Value(i as u32);
            let Some(block) = self.sched.place[i] else {
                continue;
            };
            let often = self.often(block);
            for (k, &a) in n.args.iter().enumerate() {
                if !(k == 0 && pairs::is_transparent(n)) {
                    add(a, self.reads_fpu(v, n, k), often);
                }
            }
            if either[i] {
                let values = if n.op == Op::Select {
                    &n.args[1..]
                } else {
                    &n.args[..]
                };
                for &a in values.iter().filter(|a| self.as_const(**a).is_none()) {
                    add(v, self.in_fpu(self.bare(a)), often);
                }
            }
        }
        for &b in &self.cfg.rpo {
            let (term, often) = (&self.f.block(b).term, self.often(b));
            let places = self.places_of_terminator(term.op);
            for (k, &a) in term.args.iter().enumerate() {
                add(a, places.get(k).is_some_and(is_float), often);
            }
            for edge in &term.edges {
                self.edge_weights(edge, often, &mut add);
            }
        }
        weights
    }

    fn edge_weights(&self, edge: &Edge, often: f32, add: &mut impl FnMut(Value, bool, f32)) {
        for (&p, &a) in self.f.block(edge.to).params.iter().zip(&edge.args) {
            if self.as_const(a).is_none() && self.bare(a) != p {
                add(a, self.in_fpu(p), often);
                add(p, self.in_fpu(self.bare(a)), often);
            }
        }
    }

    /// Where the operands of a terminator go: those of the switch and of conditions to registers of the core.
    pub(super) fn places_of_terminator(&self, op: TermOp) -> Vec<Place> {
        let module = self.cx.module;
        let reference = Place::Reg(crate::isa::Reg::R12);
        match op {
            TermOp::Return => self.sig.results.clone(),
            TermOp::TailCall(f) => {
                let decl = &module.funcs[f as usize];
                abi::within(&decl.ty, decl.entry.area, self.variant).params
            }
            TermOp::TailCallIndirect(t) => {
                let t = &module.types[t as usize];
                let params = abi::within(&t.ty, t.area, self.variant).params;
                std::iter::once(reference).chain(params).collect()
            }
            TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Trap(_) => Vec::new(),
        }
    }

    /// Whether operand `k` of a node is read from a register of the FPU.
    pub(super) fn reads_fpu(&self, v: Value, n: &Node, k: usize) -> bool {
        match n.op {
            Op::Fp => {
                let single = |o: &(usize, Ty)| o.0 == k && o.1 != Ty::F64;
                vfp::instruction(n, self.cx.options.cpu).is_some()
                    && pairs::operands(n).any(|o| single(&o))
            }
            Op::Select => k > 0 && self.in_fpu(v),
            Op::Call => self
                .callee(n)
                .is_some_and(|s| s.params.get(k).is_some_and(is_float)),
            Op::CallIndirect => {
                k > 0
                    && self
                        .callee(n)
                        .is_some_and(|s| s.params.get(k - 1).is_some_and(is_float))
            }
            _ => self.in_fpu(v),
        }
    }

    /// An estimate of how often a block runs.
    pub(super) fn often(&self, b: Block) -> f32 {
        8f32.powi(self.cfg.loop_depth[b.0 as usize].min(8) as i32)
    }
}

/// Whether a place is a register of the FPU.
pub(super) fn is_float(place: &Place) -> bool {
    match place {
        Place::Reg(r) => r.number(crate::isa::Class::Core).is_none(),
        Place::Stack(_) => false,
    }
}
