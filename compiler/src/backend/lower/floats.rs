//! Lowering of operations on floats: calls of the helpers of [`crate::softfloat`].
//!
//! A helper takes and gives values as the base AAPCS puts them, so a call of it is one of a function of the module. One that
//! compares leaves its answer in the flags, and the call says that it sets them.

use super::Lower;
use super::calls::Callee;
use super::compare::FlagInsts;
use super::vfp;
use crate::backend::abi;
use crate::backend::mir::{Abi, MInst, MOp};
use crate::backend::symbols::SymbolKind;
use crate::ir::floats::{Relation, Row};
use crate::ir::{Fp, FuncType, Node, Op, Ty, Value};
use crate::isa::{Cond, RegSet};
use crate::options::FloatHelpers;
use crate::seeded::{Bug, on};
use crate::softfloat::HELPERS;

/// The condition that holds on the flags that a comparison leaves, where floats are so related: as VCMP and VMRS leave
/// them (Arm v7-M manual, A2.5.1).
pub(super) fn condition(relation: Relation) -> Cond {
    match relation {
        Relation::Eq => Cond::Eq,
        Relation::Ne => Cond::Ne,
        Relation::Lt => Cond::Mi,
        Relation::Le if on(Bug::FloatFlags) => Cond::Le,
        Relation::Le => Cond::Ls,
        Relation::Gt => Cond::Gt,
        Relation::Ge if on(Bug::FloatGreater) => Cond::Pl,
        Relation::Ge => Cond::Ge,
    }
}

/// The function of the run-time ABI that compares for a relation, and the condition under which that holds (RTABI32, 4.1.2,
/// table 4): Z is set where both are equal, C is clear where the first is less, of the `r` functions where the second is.
fn aeabi_comparison(relation: Relation, ty: Ty) -> (&'static str, Cond) {
    let (single, double, cond) = match relation {
        Relation::Eq => ("__aeabi_cfcmpeq", "__aeabi_cdcmpeq", Cond::Eq),
        Relation::Ne => ("__aeabi_cfcmpeq", "__aeabi_cdcmpeq", Cond::Ne),
        Relation::Lt => ("__aeabi_cfcmple", "__aeabi_cdcmple", Cond::Lo),
        Relation::Le => ("__aeabi_cfcmple", "__aeabi_cdcmple", Cond::Ls),
        Relation::Gt => ("__aeabi_cfrcmple", "__aeabi_cdrcmple", Cond::Lo),
        Relation::Ge => ("__aeabi_cfrcmple", "__aeabi_cdrcmple", Cond::Ls),
    };
    (if ty == Ty::F32 { single } else { double }, cond)
}

/// The type of a row's helper.
fn signature(row: &Row) -> abi::Signature {
    let ty = FuncType {
        params: row.operands.to_vec(),
        results: match row.relation {
            Some(_) => Vec::new(),
            None => vec![row.result],
        },
    };
    abi::internal(&ty, abi::Variant::Base)
}

impl Lower<'_, '_> {
    /// An operation on floats that is needed as a value.
    pub(super) fn float_operation(&mut self, v: Value, n: &Node) {
        let Some(row) = Fp::from_imm(n.imm).map(Fp::row) else {
            debug_assert!(false, "verified");
            return;
        };
        if row.relation.is_some() {
            if let Some(d) = self.needed(v)
                && let Some(flags) = self.float_compare(n)
            {
                let zero = self.fresh();
                self.boolean_of(zero, flags, d);
            }
            return;
        }
        if let Some(vfp) = vfp::instruction(n, self.cx.options.cpu) {
            return self.vfp_operation(v, n, vfp);
        }
        let words = if n.ty == Ty::I32 { 1 } else { 2 };
        if (0..words).all(|w| self.word(v, w).is_none()) {
            return;
        }
        let callee = Callee::Symbol(self.helper(row));
        self.call_with(v, &n.args, callee, &signature(row), words);
    }

    /// Whether a node compares floats, and nothing but one condition needs to know.
    pub(super) fn is_float_condition(&self, v: Value) -> bool {
        let n = self.f.node(v);
        let compares = |fp: Fp| fp.row().relation.is_some();
        n.op == Op::Fp && self.may_enter(v) && Fp::from_imm(n.imm).is_some_and(compares)
    }

    /// A comparison: the call that sets the flags, and the condition that says whether it holds. `None` if it is none.
    pub(super) fn float_compare(&mut self, n: &Node) -> Option<(FlagInsts, Cond)> {
        let row = Fp::from_imm(n.imm)?.row();
        let relation = row.relation?;
        if vfp::instruction(n, self.cx.options.cpu).is_some() {
            return self.vfp_compare(n);
        }
        let (callee, cond) = match self.cx.options.float_helpers {
            FloatHelpers::Own => (SymbolKind::Float(row.helper), condition(relation)),
            FloatHelpers::Aeabi => {
                let (function, cond) = aeabi_comparison(relation, row.operands[0]);
                (SymbolKind::Aeabi(function), cond)
            }
        };
        let call = self.flag_call(callee, row, &n.args);
        Some((FlagInsts::from_iter([call]), cond))
    }

    /// Who computes a row.
    fn helper(&self, row: &Row) -> SymbolKind {
        match (
            self.cx.options.float_helpers,
            HELPERS[row.helper as usize].aeabi,
        ) {
            (FloatHelpers::Aeabi, Some(function)) => SymbolKind::Aeabi(function),
            (FloatHelpers::Aeabi | FloatHelpers::Own, _) => SymbolKind::Float(row.helper),
        }
    }

    fn flag_call(&mut self, callee: SymbolKind, row: &Row, args: &[Value]) -> MInst {
        self.has_calls = true;
        let mut call = MInst::new(MOp::Call, &[], &[]);
        call.s = true;
        let clobbers = match (self.variant, &callee) {
            (abi::Variant::Vfp, SymbolKind::Aeabi(_)) => {
                RegSet::CALLER_SAVED.or(RegSet::FLOAT_CALLER_SAVED)
            }
            _ => RegSet::CALLER_SAVED,
        };
        call.sym = Some(self.cx.symbols.get(callee));
        let mut regs = Abi {
            clobbers,
            ..Abi::default()
        };
        let stores = self.pass(
            &mut call,
            &mut regs,
            args,
            &signature(row).params,
            MOp::OutArg,
        );
        debug_assert!(stores.is_empty(), "a comparison takes at most four words");
        call.abi = Some(Box::new(regs));
        call
    }
}
