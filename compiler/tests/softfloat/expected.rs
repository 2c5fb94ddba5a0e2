//! What the helpers should give: what the IR's rows of float operations compute with the host's arithmetic.
//!
//! In: the name of a helper and the bits of its operands. Out: the bits of its result; of a comparison the conditions that hold.
//! The rows themselves are judged by another engine in hunts, and by the specification's tests.

use thumbsmith::ir::floats::{ALL, Relation, Row};
use thumbsmith::softfloat::HELPERS;

/// The conditions that hold, from the lowest bit on: equal, less, greater, at most, at least, unordered.
const CONDITIONS: [Relation; 5] = [
    Relation::Eq,
    Relation::Lt,
    Relation::Gt,
    Relation::Le,
    Relation::Ge,
];

/// The result of a helper.
pub fn expected(name: &str, operands: [u64; 2]) -> u64 {
    let rows = || {
        ALL.iter()
            .map(|fp| fp.row())
            .filter(|row| HELPERS[row.helper as usize].name == name)
    };
    let value = |row: &Row| (row.eval)(&operands[..row.operands.len()]);
    let Some(first) = rows().next() else {
        panic!("nothing is known of {name}");
    };
    if first.relation.is_none() {
        return value(first);
    }
    let holds = |relation| {
        let row = rows().find(|row| row.relation == Some(relation));
        row.is_some_and(|row| value(row) == 1)
    };
    let bits = CONDITIONS.iter().enumerate();
    let bits: u64 = bits.map(|(i, &r)| u64::from(holds(r)) << i).sum();
    match bits {
        0 => 1 << CONDITIONS.len(),
        bits => bits,
    }
}
