//! Inputs: which exports are called with which arguments, in which order.
//!
//! In: a module's surface and a seed. Out: steps. Arguments sit on boundaries more often than not, and relate to each
//! other: equal, one apart, negated, one the shift amount of the other.

use crate::compare::Step;
use crate::generate::draw::Draw;
use crate::program::{Info, Ty};
use crate::random::Random;

/// Steps for every export: about `each` calls of a function with parameters, two of one without.
/// `fuel` names the global that has to be refilled before each call, and its value.
pub fn steps(info: &Info, seed: u64, each: usize, fuel: Option<(u32, u32)>) -> Vec<Step> {
    let mut random = Random::new(seed);
    let bytes = random.bytes(info.exports.len() * each * 48 + 64);
    let mut draw = Draw::new(&bytes);
    let settable: Vec<usize> = info
        .settable_globals()
        .into_iter()
        .filter(|g| fuel.is_none_or(|(f, _)| f as usize != *g))
        .collect();
    let mut steps = Vec::new();
    for (export, function) in info.exports.iter().enumerate() {
        let times = if function.sig.params.is_empty() {
            2
        } else {
            each
        };
        for _ in 0..times {
            if !settable.is_empty() && draw.chance(6) {
                let global = draw.pick(&settable);
                let value = value(&mut draw, info.globals[global].ty);
                steps.push(Step::Set(global, value));
            }
            if let Some((global, units)) = fuel {
                steps.push(Step::Set(global as usize, u64::from(units)));
            }
            steps.push(Step::Call(
                export,
                arguments(&mut draw, &function.sig.params),
            ));
        }
    }
    steps
}

fn value(draw: &mut Draw<'_>, ty: Ty) -> u64 {
    match ty {
        Ty::I32 => u64::from(draw.word()),
        Ty::I64 => draw.long(),
    }
}

/// The least value and -1, or a value and 0, in turns for each type: what division traps on, which chance rarely pairs.
fn extremes(draw: &mut Draw<'_>, types: &[Ty]) -> Vec<u64> {
    let zero = draw.chance(50);
    let mut turn = [draw.chance(20), draw.chance(20)];
    let mut out = Vec::with_capacity(types.len());
    for ty in types {
        let (least, second) = match ty {
            Ty::I32 => (1 << 31, &mut turn[0]),
            Ty::I64 => (1 << 63, &mut turn[1]),
        };
        out.push(ty.wrap(match (*second, zero) {
            (false, false) => least,
            (true, false) => u64::MAX,
            (false, true) => value(draw, *ty),
            (true, true) => 0,
        }));
        *second = !*second;
    }
    out
}

/// One argument vector.
fn arguments(draw: &mut Draw<'_>, types: &[Ty]) -> Vec<u64> {
    if draw.chance(6) {
        return extremes(draw, types);
    }
    let mut args: Vec<u64> = Vec::with_capacity(types.len());
    for ty in types {
        let related = if args.is_empty() { 0 } else { draw.below(12) };
        let base = if args.is_empty() {
            0
        } else {
            args[draw.below(args.len())]
        };
        args.push(ty.wrap(match related {
            1 | 2 => base,
            3 => base.wrapping_add(1),
            4 => base.wrapping_neg(),
            5 => !base,
            6 => base.wrapping_sub(1),
            _ => value(draw, *ty),
        }));
    }
    args
}
