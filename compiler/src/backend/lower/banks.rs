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
use smallvec::SmallVec;

/// Most rounds of the search; values that have not come to rest then stay in the core.
const ROUNDS: usize = 12;

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
        let computed = |n: &Node| vfp::instruction(n, self.cx.options.cpu);
        let nodes = self.f.nodes.iter();
        let computed = nodes.map(|n| computed(n).is_some_and(|found| !found.compares()));
        self.native = computed.collect();
        let nodes = self.f.nodes.iter();
        let mut either: Vec<bool> = nodes.map(|n| self.may_be_in_either(n)).collect();
        let params = &self.f.block(Func::ENTRY).params;
        params.iter().for_each(|p| either[p.0 as usize] = false);
        for (p, place) in params.iter().zip(&self.sig.params) {
            self.native[p.0 as usize] = is_float(place);
        }
        self.results_in_fpu();
        self.settle(&mut either);
    }

    /// Results of calls are where the convention has them.
    fn results_in_fpu(&mut self) {
        for (i, n) in self.f.nodes.iter().enumerate() {
            let Some(sig) = self.callee(n).filter(|s| s.struct_words.is_none()) else {
                continue;
            };
            let float = (0..).zip(&sig.results).filter(|(_, place)| is_float(place));
            for (word, _) in float {
                if let Some(named) = self.words.get(&(Value(i as u32), word)) {
                    self.native[named.0 as usize] = true;
                }
            }
        }
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
                if either[i] && (*weight <= 0.0 || round == ROUNDS) {
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
                    false => self.convention(n.imm as u32),
                })
            }
            Op::CallIndirect => Some(self.convention_of_type(n.imm as u32)),
            _ => None,
        }
    }

    /// The signature of a function of the module.
    pub(super) fn convention(&self, function: u32) -> Signature {
        let decl = &self.cx.module.funcs[function as usize];
        abi::within(&decl.ty, decl.entry.area, self.variant)
    }

    /// The signature of functions that are called by reference.
    pub(super) fn convention_of_type(&self, number: u32) -> Signature {
        let t = &self.cx.module.types[number as usize];
        abi::within(&t.ty, t.area, self.variant)
    }

    fn may_be_in_either(&self, n: &Node) -> bool {
        match n.op {
            Op::Param => true,
            Op::Select => n.ty == Ty::I32,
            _ => self.sign_change(n).is_some(),
        }
    }

    /// By value: definitions and uses in the FPU minus those in the core, each as often as its block runs.
    fn weights(&self, either: &[bool]) -> Vec<f32> {
        let mut weights = vec![0.0; either.len()];
        let mut add = |v: Value, float: bool, often: f32| {
            weights[self.bare(v).0 as usize] += if float { often } else { -often };
        };
        for (i, n) in self.f.nodes.iter().enumerate() {
            let v = Value(i as u32);
            let Some(block) = self.sched.place[i] else {
                continue;
            };
            let often = self.often(block);
            let first = usize::from(pairs::is_transparent(n));
            for (&a, float) in n.args.iter().zip(self.reads_fpu(v, n)).skip(first) {
                add(a, float, often);
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
        let reference = Place::Reg(crate::isa::Reg::R12);
        match op {
            TermOp::Return => self.sig.results.clone(),
            TermOp::TailCall(f) => self.convention(f).params,
            TermOp::TailCallIndirect(t) => {
                let params = self.convention_of_type(t).params;
                std::iter::once(reference).chain(params).collect()
            }
            TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Trap(_) => Vec::new(),
        }
    }

    /// By operand of a node: whether it is read from a register of the FPU, as a word.
    pub(super) fn reads_fpu(&self, v: Value, n: &Node) -> SmallVec<[bool; 4]> {
        let mut reads = SmallVec::from_elem(false, n.args.len());
        match n.op {
            Op::Fp if vfp::instruction(n, self.cx.options.cpu).is_some() => {
                for (k, ty) in pairs::operands(n) {
                    reads[k] = ty != Ty::F64;
                }
            }
            Op::Fp => {}
            Op::Call | Op::CallIndirect => {
                let params = self.callee(n).map(|s| s.params).unwrap_or_default();
                let first = usize::from(n.op == Op::CallIndirect);
                for (read, place) in reads.iter_mut().skip(first).zip(&params) {
                    *read = is_float(place);
                }
            }
            _ => {
                reads.fill(self.in_fpu(v));
                if n.op == Op::Select {
                    reads[0] = false;
                }
            }
        }
        reads
    }

    /// An estimate of how often a block runs.
    pub(super) fn often(&self, b: Block) -> f32 {
        8f32.powi(self.cfg.loop_depth[b.0 as usize].min(8) as i32)
    }
}

/// Whether a place is a register of the FPU.
pub(super) fn is_float(place: &Place) -> bool {
    match place {
        Place::Reg(r) => r.is_float(),
        Place::Stack(_) => false,
    }
}
