//! Inputs: which exports are called with which arguments, in which order.
//!
//! In: a module and a seed. Out: steps. Arguments sit on boundaries more often than not, or on and beside constants of the
//! function itself, where its comparisons turn, and relate to each other: equal, one apart, negated, one the shift amount
//! of the other.

use crate::compare::Step;
use crate::generate::draw::Draw;
use crate::program::{Info, Ty};
use crate::random::Random;
use wasmparser::{Operator, Parser, Payload};

/// Most constants of a function that are remembered.
const CONSTANTS: usize = 24;

/// By function with a body: constants that occur in it.
fn constants(wasm: &[u8]) -> Vec<Vec<u64>> {
    let of = |body: wasmparser::FunctionBody<'_>| {
        let mut found = Vec::new();
        let Ok(mut reader) = body.get_operators_reader() else {
            return found;
        };
        while found.len() < CONSTANTS && !reader.eof() {
            match reader.read() {
                Ok(Operator::I32Const { value }) => found.push(u64::from(value as u32)),
                Ok(Operator::I64Const { value }) => found.push(value as u64),
                Ok(Operator::F32Const { value }) => found.push(u64::from(value.bits())),
                Ok(Operator::F64Const { value }) => found.push(value.bits()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        found
    };
    let payloads = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let bodies = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(of(body)),
        _ => None,
    });
    bodies.collect()
}

/// Steps for every export: about `each` calls of a function with parameters, a sixth of that of one without.
/// `fuel` names the global that has to be refilled before each call, and its value.
pub fn steps(
    info: &Info,
    wasm: &[u8],
    seed: u64,
    each: usize,
    fuel: Option<(u32, u32)>,
) -> Vec<Step> {
    let constants = constants(wasm);
    let constants = |func: u32| {
        let body = (func as usize).checked_sub(info.imports.len());
        let found = body.and_then(|b| constants.get(b));
        found.map_or(&[][..], Vec::as_slice)
    };
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
            (each / 6).max(2)
        } else {
            each
        };
        for _ in 0..times {
            if !settable.is_empty() && draw.chance(6) {
                let global = draw.pick(&settable);
                let value = draw.value(info.globals[global].ty);
                steps.push(Step::Set(global, value));
            }
            if let Some((global, units)) = fuel {
                steps.push(Step::Set(global as usize, u64::from(units)));
            }
            steps.push(Step::Call(
                export,
                arguments(&mut draw, &function.sig.params, constants(function.func)),
            ));
        }
    }
    steps
}

/// The least value and -1, or a value and 0, in turns for each type: what division traps on, which chance rarely pairs.
fn extremes(draw: &mut Draw<'_>, types: &[Ty]) -> Vec<u64> {
    let zero = draw.chance(50);
    let mut turn = [draw.chance(20), draw.chance(20)];
    let mut out = Vec::with_capacity(types.len());
    for ty in types {
        let (least, second) = match ty {
            Ty::I32 | Ty::F32 => (1 << 31, &mut turn[0]),
            Ty::I64 | Ty::F64 => (1 << 63, &mut turn[1]),
        };
        out.push(ty.wrap(match (*second, zero) {
            (false, false) => least,
            (true, false) => u64::MAX,
            (false, true) => draw.value(*ty),
            (true, true) => 0,
        }));
        *second = !*second;
    }
    out
}

/// A constant of the function, its neighbour, its negative, or what is between two of them.
fn near(draw: &mut Draw<'_>, constants: &[u64]) -> u64 {
    let constant = draw.pick(constants);
    match draw.below(8) {
        0 => constant.wrapping_add(1),
        1 => constant.wrapping_sub(1),
        2 => constant.wrapping_neg(),
        3 => constant.wrapping_sub(draw.pick(constants)),
        _ => constant,
    }
}

/// One argument vector.
fn arguments(draw: &mut Draw<'_>, types: &[Ty], constants: &[u64]) -> Vec<u64> {
    if draw.chance(6) {
        return extremes(draw, types);
    }
    let mut args: Vec<u64> = Vec::with_capacity(types.len());
    for ty in types {
        // The first has nothing to relate to.
        let related = if args.is_empty() {
            7 + draw.below(6)
        } else {
            draw.below(12)
        };
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
            7 | 8 if !constants.is_empty() => near(draw, constants),
            _ => draw.value(*ty),
        }));
    }
    args
}
