//! What the compiler claims, held against numbers.
//!
//! In: names of rules that fired in a case, and operations that occur in it. Out: the first claim of these that numbers refute: a rule
//! whose two sides differ where its condition holds, or the fact of an operation's result that its value breaks although
//! the facts of its operands hold. Invariant: what is said to be refuted was computed by the compiler's own evaluators, so a
//! claim is never refuted by another opinion about what it means. A claim that is not refuted is not proven by that.

use crate::proof::Subject;
use crate::proof::claim::{Typing, const_name, fact_name, var_name};
use crate::proof::concrete::Instance;
use crate::proof::solver::Model;
use crate::random::Random;
use thumbsmith::ir::eval::{eval, sext};
use thumbsmith::ir::{Class, Op, Sig, Ty};
use thumbsmith::opt::facts::{self, Fact};
use thumbsmith::opt::rule::FactOf;

/// Numbers tried for each way to type a rule.
const TRIES: usize = 30_000;
/// Numbers tried for each operation and type: what is known of operands takes some finding.
const FACT_TRIES: usize = 60_000;

/// A claim that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuted {
    /// The rule's name, or the operation's.
    pub name: String,
    /// Numbers for which it does not hold.
    pub example: String,
}

/// The width of a type; nothing for what is no number.
fn width(ty: Ty) -> Option<u32> {
    match ty {
        Ty::I32 => Some(32),
        Ty::I64 => Some(64),
        Ty::Void | Ty::Pair | Ty::F32 | Ty::F64 => None,
    }
}

/// A fact that holds of a value: as tight as it gets, or looser in any way.
fn around(random: &mut Random, ty: Ty, bits: u32, v: u64) -> Fact {
    let mask = u64::MAX >> (64 - bits);
    let signed = sext(v, bits) as i64;
    let least = if bits == 32 {
        i64::from(i32::MIN)
    } else {
        i64::MIN
    };
    let most = if bits == 32 {
        i64::from(i32::MAX)
    } else {
        i64::MAX
    };
    let other = random.number(bits, v);
    let far = sext(other, bits) as i64;
    let near = (random.word() % 4) as i64;
    let fact = match random.word() % 7 {
        0 => Fact::constant(ty, v),
        1 => Fact::unsigned(ty, v.min(other), v.max(other)),
        2 => Fact::signed(ty, signed.min(far), signed.max(far)),
        3 => Fact::signed(
            ty,
            signed.saturating_sub(near).max(least),
            signed.saturating_add(near).min(most),
        ),
        4 => Fact::unsigned(
            ty,
            v.saturating_sub(near as u64),
            v.saturating_add(near as u64).min(mask),
        ),
        5 => {
            let known = random.word() & mask;
            let top = Fact::top(ty);
            Fact {
                zeros: top.zeros | !v & known,
                ones: v & known,
                ..top
            }
        }
        _ => Fact::top(ty),
    };
    fact.refine(ty)
}

/// Whether a fact holds of a value.
fn holds(f: &Fact, bits: u32, v: u64) -> bool {
    let signed = sext(v, bits) as i64;
    v & f.zeros == 0
        && v & f.ones == f.ones
        && (f.umin..=f.umax).contains(&v)
        && (f.smin..=f.smax).contains(&signed)
}

/// Numbers for everything that a rule under these types may ask for. Facts hold of the values.
fn model(random: &mut Random, typing: &Typing) -> Model {
    let mut model = Model::new();
    let mut last = 0;
    let bits = width(typing.operand).unwrap_or(32);
    for c in 0..6 {
        last = random.number(bits, last);
        model.insert(const_name(c), last);
    }
    for (v, ty) in typing.vars.iter().enumerate() {
        let Some((ty, bits)) = ty.and_then(|ty| Some((ty, width(ty)?))) else {
            continue;
        };
        last = random.number(bits, last);
        model.insert(var_name(v as u8), last);
        let fact = around(random, ty, bits, last);
        let numbers = [
            (FactOf::Zeros, fact.zeros),
            (FactOf::Ones, fact.ones),
            (FactOf::Umin, fact.umin),
            (FactOf::Umax, fact.umax),
            (FactOf::Smin, fact.smin as u64),
            (FactOf::Smax, fact.smax as u64),
        ];
        for (of, n) in numbers {
            model.insert(fact_name(of, v as u8), n);
        }
    }
    model
}

/// The first of these rules that numbers refute.
pub fn rule(names: &[&str]) -> Option<Refuted> {
    let mut random = Random::new(1);
    let named = |s: &Subject<'_>| names.contains(&s.name());
    for subject in Subject::all().into_iter().filter(named) {
        for typing in &subject.typings() {
            for _ in 0..TRIES {
                let model = model(&mut random, typing);
                let instance = Instance {
                    subject,
                    typing,
                    model: &model,
                };
                if !instance.possible() || !instance.condition() {
                    continue;
                }
                let (left, right) = (instance.left(), instance.right());
                match right {
                    Ok(None) => {}
                    Ok(Some(right)) if right == left => {}
                    Ok(Some(right)) => {
                        return Some(Refuted {
                            name: subject.name().to_owned(),
                            example: format!(
                                "{left:#x} becomes {right:#x} where {}",
                                said(&model, typing)
                            ),
                        });
                    }
                    Err(why) => {
                        return Some(Refuted {
                            name: subject.name().to_owned(),
                            example: format!("{why} where {}", said(&model, typing)),
                        });
                    }
                }
            }
        }
    }
    None
}

/// The values and constants of a model, in words.
fn said(model: &Model, typing: &Typing) -> String {
    let vars = (0..typing.vars.len()).filter(|v| typing.vars[*v].is_some());
    let names = vars.map(|v| var_name(v as u8));
    let all = names.chain((0..2).map(const_name));
    let list = all.filter_map(|n| Some(format!("{n}={:#x}", model.get(&n)?)));
    list.collect::<Vec<_>>().join(" ")
}

/// The first of these operations whose fact numbers refute.
pub fn fact(ops: &[Op]) -> Option<Refuted> {
    let mut random = Random::new(2);
    for op in ops {
        for own in [Ty::I32, Ty::I64] {
            if let Some(example) = wrong_fact(*op, own, &mut random) {
                return Some(Refuted {
                    name: op.text().to_owned(),
                    example,
                });
            }
        }
    }
    None
}

fn wrong_fact(op: Op, own: Ty, random: &mut Random) -> Option<String> {
    let ty = |sig: &Sig| match sig {
        Sig::T => own,
        Sig::I => Ty::I32,
        Sig::L => Ty::I64,
        Sig::P => Ty::Pair,
        Sig::V | Sig::A => Ty::Void,
    };
    let result = ty(&op.ret_sig());
    let bits = width(result)?;
    let types: Vec<Ty> = op.arg_sigs().iter().map(ty).collect();
    let first = types.first().copied().unwrap_or(result);
    let widths: Option<Vec<u32>> = types.iter().map(|t| width(*t)).collect();
    if op.class() != Class::Float {
        // What memory gives is any value of its width.
        let value = match op {
            Op::Load8U => 0xff,
            Op::Load16U => 0xffff,
            _ => return None,
        };
        let facts = vec![Fact::ANYTHING; types.len()];
        let fact = facts::of(op, result, first, 0, &facts.iter().collect::<Vec<_>>());
        return (!holds(&fact, bits, value)).then(|| format!("{value:#x} may be loaded"));
    }
    let widths = widths?;
    for _ in 0..FACT_TRIES {
        let mut near = 0;
        let mut values = Vec::new();
        let mut known = Vec::new();
        for (ty, bits) in types.iter().zip(&widths) {
            near = random.number(*bits, near);
            values.push(near);
            known.push(around(random, *ty, *bits, near));
        }
        let Some(value) = eval(op, result, first, &values, 0) else {
            continue;
        };
        let fact = facts::of(op, result, first, 0, &known.iter().collect::<Vec<_>>());
        if !holds(&fact, bits, value & (u64::MAX >> (64 - bits))) {
            return Some(format!(
                "of {values:x?} it is {value:#x}, which is said not to be from {known:x?}"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_not_refuted() {
        assert_eq!(rule(&thumbsmith::rules()), None);
        let ops: Vec<Op> = Op::ALL.to_vec();
        assert_eq!(fact(&ops), None);
    }
}
