//! Comparisons of floats with constants, as comparisons of their bits.
//!
//! In: a comparison of a value with a constant. Out: the same by operations on integers, where it is one range of bits: the bits
//! of positive floats lie in the order of the floats, those of negative ones in the opposite order, and NaNs lie beyond the
//! infinity of either sign (IEEE 754-2019, 3.4). Where it would be two ranges, nothing: a helper is shorter then. Checked by the tests of this
//! file on every range's ends, and by the oracle's family `floats`.

use super::editor::Editor;
use crate::ir::floats::Relation;
use crate::ir::{Fp, Node, Op, Ty, Value};
use crate::seeded::{Bug, on};

/// The name of the decision.
const NAME: &str = "compare-bits";

/// What a comparison with a constant asks of the bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bits {
    /// Always false, or always true.
    Known(bool),
    /// They are these, or are not.
    Are(u64, bool),
    /// All but the sign are zero, or are not.
    Zero(bool),
    /// They lie from the first to the last.
    Within(u64, u64),
}

/// The bits of a width that matter.
struct Format {
    sign: u64,
    infinity: u64,
}

impl Format {
    fn of(ty: Ty) -> Format {
        match ty {
            Ty::F64 => Format {
                sign: 1 << 63,
                infinity: 0x7ff << 52,
            },
            _ => Format {
                sign: 1 << 31,
                infinity: 0xff << 23,
            },
        }
    }

    /// What it means for bits that they stand in a relation to a constant; `None` if it is no one range.
    fn ask(&self, relation: Relation, constant: u64) -> Option<Bits> {
        let magnitude = constant & !self.sign;
        if magnitude > self.infinity {
            return Some(Bits::Known(relation == Relation::Ne));
        }
        let (zero, negative) = (magnitude == 0, constant & self.sign != 0);
        let end = match on(Bug::BitsOfNan) {
            true => self.sign - 1,
            false => self.infinity,
        };
        let from = |first: u64, last: u64| match first <= last {
            true => Bits::Within(first, last),
            false => Bits::Known(false),
        };
        match relation {
            Relation::Eq | Relation::Ne => {
                let equal = relation == Relation::Eq;
                Some(match zero {
                    true => Bits::Zero(equal),
                    false => Bits::Are(constant, equal),
                })
            }
            // Greater than zero is greater than a zero of either sign.
            Relation::Gt if zero || !negative => Some(from(magnitude + 1, end)),
            Relation::Ge if !zero && !negative => Some(from(magnitude, end)),
            Relation::Lt if zero || negative => {
                Some(from(self.sign | (magnitude + 1), self.sign | end))
            }
            Relation::Le if !zero && negative => Some(from(constant, self.sign | end)),
            Relation::Gt | Relation::Ge | Relation::Lt | Relation::Le => None,
        }
    }
}

/// The relation that holds of the operands in the other order.
fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Eq | Relation::Ne => relation,
        Relation::Lt => Relation::Gt,
        Relation::Le => Relation::Ge,
        Relation::Gt => Relation::Lt,
        Relation::Ge => Relation::Le,
    }
}

/// Whether a comparison of bits costs less than one of floats: always than a helper's; than an instruction of the FPU only where the
/// value comes from memory, and so is in a core register.
fn is_cheaper(e: &Editor<'_>, fp: Fp, x: Value) -> bool {
    let compares = fp.feature().is_some_and(|f| e.cpu.has(f));
    !compares || matches!(e.f.node(x).op, Op::Load32 | Op::Load64)
}

/// A comparison of floats by operations on integers; `None` where it is none, or one that a helper or the FPU does better.
pub(super) fn compare(e: &mut Editor<'_>, n: &Node) -> Option<Value> {
    let fp = Fp::from_imm(n.imm)?;
    let row = fp.row();
    let relation = row.relation?;
    let &[a, b] = n.args.as_slice() else {
        return None;
    };
    let (x, constant, relation) = match (e.f.as_const(a), e.f.as_const(b)) {
        (_, Some(c)) => (a, c, relation),
        (Some(c), None) => (b, c, mirrored(relation)),
        (None, None) => return None,
    };
    let ask = Format::of(row.operands[0]).ask(relation, constant)?;
    let known = matches!(ask, Bits::Known(_));
    if !known && !is_cheaper(e, fp, x) {
        return None;
    }
    if !e.choices.allows(NAME) || !e.choices.fuel(NAME) {
        return None;
    }
    let ty = e.f.ty(x);
    let (op, left, right) = match ask {
        Bits::Known(known) => return Some(e.iconst(Ty::I32, known.into())),
        Bits::Are(bits, equal) => (equality(equal), x, bits),
        Bits::Zero(equal) => {
            let one = e.iconst(ty, 1);
            let doubled = e.make(Op::Shl, ty, &[x, one], 0, n.loc);
            (equality(equal), doubled, 0)
        }
        Bits::Within(first, last) => {
            let first_bits = e.iconst(ty, first.wrapping_neg());
            let above = e.make(Op::Add, ty, &[x, first_bits], 0, n.loc);
            (Op::LtU, above, last - first + 1)
        }
    };
    let right = e.iconst(ty, right);
    Some(e.make(op, Ty::I32, &[left, right], 0, n.loc))
}

fn equality(equal: bool) -> Op {
    if equal { Op::Eq } else { Op::Ne }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::floats::ALL;

    /// Whether bits are what is asked.
    fn holds(ask: Bits, format: &Format, x: u64) -> bool {
        match ask {
            Bits::Known(known) => known,
            Bits::Are(bits, equal) => (x == bits) == equal,
            Bits::Zero(equal) => (x & !format.sign == 0) == equal,
            Bits::Within(first, last) => (first..=last).contains(&x),
        }
    }

    #[test]
    fn bits_answer_as_floats_do() {
        let mut one_range = 0;
        for fp in ALL.iter().filter(|fp| fp.row().relation.is_some()) {
            let row = fp.row();
            let relation = row.relation.expect("a comparison");
            let format = Format::of(row.operands[0]);
            let (sign, infinity) = (format.sign, format.infinity);
            let magnitudes = [
                0,
                1,
                infinity / 2,
                infinity - 1,
                infinity,
                infinity + 1,
                sign - 1,
            ];
            let corners = magnitudes.iter().flat_map(|m| [*m, m | sign]);
            let constants: Vec<u64> = corners.collect();
            for &c in &constants {
                let Some(ask) = format.ask(relation, c) else {
                    continue;
                };
                one_range += 1;
                let near = constants
                    .iter()
                    .flat_map(|x| (0..5).map(|d| x.wrapping_add(d).wrapping_sub(2)));
                for x in near.map(|x| x & (sign | (sign - 1))) {
                    let told = (row.eval)(&[x, c]) == 1;
                    assert_eq!(holds(ask, &format, x), told, "{} {x:#x} {c:#x}", row.name);
                }
            }
        }
        // Of 14 constants: 4 NaNs for all six relations, 10 for two, 6 for two, 4 for two.
        assert_eq!(one_range, 2 * (24 + 20 + 12 + 8));
    }
}
