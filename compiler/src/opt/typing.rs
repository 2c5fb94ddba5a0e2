//! Types of what a rule makes.
//!
//! In: a result, the types of the values that the pattern bound. Out: whether the result can stand for a node of a type,
//! and the type of each of its terms. Patterns match values of both widths, so a result may not fit where its pattern
//! did. The editor builds results by these answers, and the proofs of the rules read them.

use super::rule::Res;
use crate::ir::eval::sext;
use crate::ir::{Op, Sig, Ty};
use smallvec::SmallVec;

/// Whether a result has the type wanted: a value that is a truth to one operation may be 64 bits wide to another.
pub fn fits(r: &Res, want: Ty, var: &impl Fn(u8) -> Ty) -> bool {
    match r {
        Res::Var(v) => var(*v) == want,
        Res::Expr(_) => true,
        Res::Op(op, args) => op.arg_sigs().iter().zip(args).all(|(sig, a)| match sig {
            Sig::I => fits(a, Ty::I32, var),
            Sig::L => fits(a, Ty::I64, var),
            Sig::P => fits(a, Ty::Pair, var),
            Sig::T if op.ret_sig() == Sig::T => fits(a, want, var),
            Sig::T | Sig::V | Sig::A => true,
        }),
    }
}

/// Type of a term, found from below; `None` for constants.
fn type_of(r: &Res, var: &impl Fn(u8) -> Ty) -> Option<Ty> {
    match r {
        Res::Var(v) => Some(var(*v)),
        Res::Expr(_) => None,
        Res::Op(op, args) => match op.ret_sig() {
            Sig::I => Some(Ty::I32),
            Sig::L => Some(Ty::I64),
            Sig::P => Some(Ty::Pair),
            Sig::V | Sig::A => Some(Ty::I32),
            Sig::T => shared(*op, args, var),
        },
    }
}

/// The type of the operands that are `T` in the operation's row, if one of them has a type of its own.
fn shared(op: Op, args: &[Res], var: &impl Fn(u8) -> Ty) -> Option<Ty> {
    let mut typed = op.arg_sigs().iter().zip(args);
    typed.find_map(|(s, a)| (*s == Sig::T).then(|| type_of(a, var)).flatten())
}

/// Types of the operands of an operation of a result that is made where `want` is wanted.
pub fn operands(op: Op, args: &[Res], want: Ty, var: &impl Fn(u8) -> Ty) -> SmallVec<[Ty; 4]> {
    let t = match op.ret_sig() {
        Sig::T => Some(want),
        _ => shared(op, args, var),
    };
    let one = |(sig, a): (&Sig, &Res)| match sig {
        Sig::T => t.unwrap_or(want),
        Sig::I => Ty::I32,
        Sig::L => Ty::I64,
        Sig::P => Ty::Pair,
        Sig::V | Sig::A => type_of(a, var).unwrap_or(want),
    };
    op.arg_sigs().iter().zip(args).map(one).collect()
}

/// The type of an operation's result where `want` is wanted.
pub fn made(op: Op, want: Ty) -> Ty {
    match op.ret_sig() {
        Sig::T | Sig::A | Sig::V => want,
        Sig::I => Ty::I32,
        Sig::L => Ty::I64,
        Sig::P => Ty::Pair,
    }
}

/// The constant that an expression computed at width `n` is where `ty` is wanted: one of another width than the rule's
/// operands (a 0 or 1 of a comparison) is its own.
pub fn constant(value: u64, n: u32, ty: Ty) -> u64 {
    if n == 32 && ty == Ty::I64 {
        sext(value, 32)
    } else {
        value & ty.mask()
    }
}
