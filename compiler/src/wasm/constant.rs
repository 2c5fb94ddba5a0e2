//! Constant expressions: initial values of globals and offsets of segments.
//!
//! In: an expression that validation admits (specification, 3.4.13, with the proposal "extended constant expressions"). Out:
//! its bits where they are known, else what `NAME_init` has to read or compute. Invariant: whatever is known here
//! is folded, so that an expression that remains names a global whose value only the firmware knows.

use super::decode::{malformed, unsupported};
use crate::error::Result;
use crate::ir::{ExprOp, GlobalInit, Module, Op, Ty, eval};
use crate::seeded::{Bug, on};
use wasmparser as wp;

/// Most steps of an expression: more than any toolchain makes.
const LIMIT: usize = 10_000;

/// The value of a constant expression. What is left to compute is added to the module's expressions.
///
/// # Errors
/// `Malformed`, `Unsupported` for values that the compiler does not have, or `Limit`.
pub fn constant(module: &mut Module, e: &wp::ConstExpr<'_>) -> Result<GlobalInit> {
    let mut r = e.get_operators_reader();
    let mut steps: Vec<ExprOp> = Vec::new();
    loop {
        let (op, at) = r.read_with_offset().map_err(malformed)?;
        if steps.len() > LIMIT {
            use crate::error::{Error, ErrorKind};
            return Err(Error::new(ErrorKind::Limit, "constant expression too long").at(at));
        }
        match op {
            wp::Operator::I32Const { value } => {
                steps.push(ExprOp::Const(Ty::I32, value as u32 as u64));
            }
            wp::Operator::I64Const { value } => steps.push(ExprOp::Const(Ty::I64, value as u64)),
            wp::Operator::F32Const { value } => {
                steps.push(ExprOp::Const(Ty::I32, value.bits().into()));
            }
            wp::Operator::F64Const { value } => steps.push(ExprOp::Const(Ty::I64, value.bits())),
            wp::Operator::RefNull { .. } => steps.push(ExprOp::Const(Ty::I32, 0)),
            wp::Operator::RefFunc { function_index } => steps.push(ExprOp::Func(function_index)),
            wp::Operator::GlobalGet { global_index } => steps.push(global(module, global_index)),
            wp::Operator::I32Add | wp::Operator::I64Add => binary(&mut steps, Op::Add),
            wp::Operator::I32Sub | wp::Operator::I64Sub => binary(&mut steps, Op::Sub),
            wp::Operator::I32Mul | wp::Operator::I64Mul => binary(&mut steps, Op::Mul),
            wp::Operator::End => return Ok(finish(module, steps)),
            op => {
                let name = super::translate::mnemonic(&op);
                return Err(unsupported(
                    &format!("constant expression with {name} is"),
                    at,
                ));
            }
        }
    }
}

/// A global as a step: its bits if they are known, the import if it is a copy of one.
fn global(module: &Module, index: u32) -> ExprOp {
    match module.globals.get(index as usize) {
        Some(g) if g.import.is_none() => match g.init {
            GlobalInit::Const(bits) => ExprOp::Const(g.ty.bits(), bits),
            GlobalInit::Global(of) => ExprOp::Global(of),
            GlobalInit::Func(f) => ExprOp::Func(f),
            GlobalInit::Expr(_) => ExprOp::Global(index),
        },
        _ => ExprOp::Global(index),
    }
}

fn binary(steps: &mut Vec<ExprOp>, op: Op) {
    if let [.., ExprOp::Const(ty, a), ExprOp::Const(_, b)] = steps[..] {
        let args = match op == Op::Sub && on(Bug::ConstantDifference) {
            true => [b, a],
            false => [a, b],
        };
        let mut bits = eval::eval(op, ty, ty, &args, 0).unwrap_or(0);
        if on(Bug::ConstantProduct) && op == Op::Mul {
            bits &= 0xffff_ffff;
        }
        steps.truncate(steps.len() - 2);
        steps.push(ExprOp::Const(ty, bits));
    } else {
        steps.push(ExprOp::Binary(op));
    }
}

fn finish(module: &mut Module, steps: Vec<ExprOp>) -> GlobalInit {
    match steps[..] {
        [ExprOp::Const(_, bits)] => GlobalInit::Const(bits),
        [ExprOp::Global(g)] => GlobalInit::Global(g),
        [ExprOp::Func(f)] => GlobalInit::Func(f),
        _ => {
            module.exprs.push(steps);
            GlobalInit::Expr(module.exprs.len() as u32 - 1)
        }
    }
}
