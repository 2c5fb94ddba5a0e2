//! How good a family's modules are: whether it degenerates.
//!
//! In: what the judge saw of each module. Out: a row a family, and what is wrong with those below [`THRESHOLDS`]. A family
//! degenerates silently: modules that trap in every call, values that nothing uses, the same function again and again, or
//! patterns that the compiler's rules no longer meet all still compare equal. Invariant: the thresholds are the only place
//! that says how good is good enough; a family of which too few modules were seen is not judged.

use crate::generate::Family;
use rustc_hash::{FxHashSet, FxHasher};
use serde_json::{Value, json};
use std::hash::Hasher;
use wasmparser::{Parser, Payload};

/// What was seen of one family.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Modules compared to the end.
    pub modules: u64,
    /// Of those, modules that trapped at once: whose initialization, or more than three calls of four, trapped.
    pub trapped: u64,
    /// Exported functions compared.
    pub functions: u64,
    /// Calls compared.
    pub executions: u64,
    /// Operators of the modules.
    pub operators: u64,
    /// Instructions that the compiler made of them: what nothing uses is not among these.
    pub instructions: u64,
    /// Bodies looked at for whether they are distinct: two of each module.
    sampled: u64,
    /// Hashes of those.
    distinct: FxHashSet<u64>,
    /// Rules of the compiler that fired.
    pub rules: FxHashSet<&'static str>,
}

/// What a family must keep: one row each.
struct Threshold {
    family: Family,
    /// Most modules of a hundred that may trap at once.
    trapped: u64,
    /// Fewest instructions of a hundred operators.
    kept: u64,
    /// Fewest distinct bodies of a hundred.
    distinct: u64,
    /// Fewest rules that must fire.
    rules: usize,
}

const fn row(family: Family, trapped: u64, kept: u64, distinct: u64, rules: usize) -> Threshold {
    Threshold {
        family,
        trapped,
        kept,
        distinct,
        rules,
    }
}

/// About half of what each family does; distinct bodies and rules, two thirds; of traps, three times as many.
#[rustfmt::skip]
const THRESHOLDS: &[Threshold] = &[
    row(Family::Ops, 5, 100, 70, 85),
    row(Family::Pressure, 5, 44, 80, 90),
    row(Family::Control, 5, 18, 80, 75),
    row(Family::Memory, 25, 38, 80, 80),
    row(Family::Calls, 5, 50, 80, 80),
    row(Family::Tables, 8, 25, 70, 60),
    row(Family::Rules, 5, 44, 50, 120),
    row(Family::Scale, 5, 20, 70, 60),
    row(Family::Smith, 50, 15, 70, 70),
    row(Family::Chaos, 5, 45, 80, 105),
    row(Family::Real, 5, 25, 70, 80),
    row(Family::Floats, 10, 50, 70, 60),
    row(Family::Whole, 5, 74, 80, 85),
];

/// Modules from which on a family is judged.
pub const ENOUGH: u64 = 60;

/// Operators of a module, and the hashes of its bodies.
fn bodies(wasm: &[u8]) -> (u64, Vec<u64>) {
    let (mut operators, mut hashes) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        if let Payload::CodeSectionEntry(body) = payload {
            let mut hasher = FxHasher::default();
            let range = body.range();
            hasher.write(&wasm[range.start as usize..range.end as usize]);
            hashes.push(crate::engine::mix(hasher.finish()));
            if let Ok(mut reader) = body.get_operators_reader() {
                while !reader.eof() && reader.read().is_ok() {
                    operators += 1;
                }
            }
        }
    }
    (operators, hashes)
}

/// What the judge counted while it judged one module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// Exported functions.
    pub functions: u64,
    /// Calls compared.
    pub executions: u64,
    /// Of those, calls that trapped.
    pub traps: u64,
    /// Instructions made.
    pub instructions: u64,
    /// Rules that fired.
    pub rules: &'a [&'static str],
}

impl Statistics {
    /// Counts a module.
    pub fn count(&mut self, wasm: &[u8], seen: &Seen<'_>) {
        let (operators, hashes) = bodies(wasm);
        self.modules += 1;
        self.trapped += u64::from(seen.executions * 3 <= seen.traps * 4 && seen.functions > 0);
        self.functions += seen.functions;
        self.executions += seen.executions;
        self.operators += operators;
        self.instructions += seen.instructions;
        self.rules.extend(seen.rules);
        let whole = hashes.iter().fold(0, |h, b| crate::engine::mix(h ^ b));
        let count = hashes.len().max(1);
        let first = whole as usize % count;
        let second = (first + 1 + (whole >> 32) as usize % count.max(2).div_ceil(2)) % count;
        let picked = [Some(first), (second != first).then_some(second)];
        for hash in picked.into_iter().flatten().filter_map(|i| hashes.get(i)) {
            self.sampled += 1;
            self.distinct.insert(*hash);
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Statistics) {
        self.modules += other.modules;
        self.trapped += other.trapped;
        self.functions += other.functions;
        self.executions += other.executions;
        self.operators += other.operators;
        self.instructions += other.instructions;
        self.sampled += other.sampled;
        self.distinct.extend(&other.distinct);
        self.rules.extend(&other.rules);
    }

    fn trapped_share(&self) -> u64 {
        self.trapped * 100 / self.modules.max(1)
    }

    fn kept(&self) -> u64 {
        self.instructions * 100 / self.operators.max(1)
    }

    fn distinct_share(&self) -> u64 {
        match self.sampled {
            0 => 100,
            n => self.distinct.len() as u64 * 100 / n,
        }
    }

    /// What is wrong with a family that did this.
    pub fn degenerate(&self, family: Family) -> Vec<String> {
        let Some(t) = THRESHOLDS.iter().find(|t| t.family == family) else {
            return vec![format!("{}: no thresholds", family.name())];
        };
        if self.modules < ENOUGH {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        let mut demand = |holds: bool, text: String| {
            if !holds {
                wrong.push(format!("family {} degenerates: {text}", family.name()));
            }
        };
        let (trapped, kept, distinct) = (self.trapped_share(), self.kept(), self.distinct_share());
        demand(
            trapped <= t.trapped,
            format!(
                "{trapped} modules of 100 trap at once, at most {}",
                t.trapped
            ),
        );
        demand(
            kept >= t.kept,
            format!("{kept} instructions of 100 operators, at least {}", t.kept),
        );
        demand(
            distinct >= t.distinct,
            format!("{distinct} distinct bodies of 100, at least {}", t.distinct),
        );
        demand(
            self.rules.len() >= t.rules,
            format!("{} rules fired, at least {}", self.rules.len(), t.rules),
        );
        wrong
    }

    /// The row of a family in the table that `--stats` prints.
    pub fn line(&self, name: &str) -> String {
        format!(
            "{name:10} {:8} modules {:9} functions {:10} executions  trapped at once {:3} %  kept {:4} %  distinct {:3} %  rules {:3}",
            self.modules,
            self.functions,
            self.executions,
            self.trapped_share(),
            self.kept(),
            self.distinct_share(),
            self.rules.len(),
        )
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "modules": self.modules,
            "functions": self.functions,
            "executions": self.executions,
            "trapped_at_once_percent": self.trapped_share(),
            "kept_percent": self.kept(),
            "distinct_percent": self.distinct_share(),
            "rules": self.rules.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::check::{Ask, Judge, Stages};
    use crate::compare::Step;
    use crate::generate::Made;
    use thumbsmith::Options;

    /// What a generator that always makes this module looks like.
    fn always(text: &str) -> Vec<String> {
        let wasm = wat::parse_str(text).expect("text parses");
        let mut judge = Judge::new().expect("engines start");
        for _ in 0..ENOUGH {
            let case = Case {
                family: Family::Ops,
                made: Made {
                    wasm: wasm.clone(),
                    fuel: None,
                    foreign: false,
                },
                options: Options {
                    name: "m".into(),
                    ..Options::default()
                },
                steps: (0..40).map(|n| Step::Call(n % 20, vec![1])).collect(),
                ask: Ask {
                    bounded: true,
                    executor: false,
                    ir: false,
                    backend: Stages::None,
                    ..Ask::THOROUGH
                },
            };
            judge
                .case(&case)
                .expect("equal: that is what makes it silent");
        }
        judge.counts.statistics["ops"].degenerate(Family::Ops)
    }

    fn functions(body: impl Fn(u32) -> String) -> String {
        let each = |n| {
            let body = body(n);
            format!("(func (export \"f{n}\") (param i32) (result i32) {body})")
        };
        format!("(module {})", (0..20).map(each).collect::<String>())
    }

    #[test]
    fn a_degenerate_generator_is_caught() {
        let names = |wrong: &[String], what: &str| wrong.iter().any(|w| w.contains(what));
        let traps = always(&functions(|n| {
            format!("(drop (i32.const {n})) unreachable")
        }));
        assert!(names(&traps, "trap at once"), "{traps:?}");
        let mul = |n: u32| {
            let factor = n + 3;
            format!("(drop (i32.mul (i32.add (local.get 0) (i32.const {n})) (i32.const {factor})))")
        };
        let dropped = always(&functions(|n| {
            format!("{} (i32.const 0)", mul(n).repeat(9))
        }));
        assert!(
            names(&dropped, "instructions of 100 operators"),
            "{dropped:?}"
        );
        let same = always(&functions(|_| {
            "(i32.add (local.get 0) (i32.const 1))".into()
        }));
        assert!(names(&same, "distinct bodies"), "{same:?}");
        assert!(names(&same, "rules fired"), "{same:?}");
    }

    #[test]
    fn every_family_has_its_thresholds() {
        for family in Family::ALL {
            let rows = THRESHOLDS.iter().filter(|t| t.family == family).count();
            assert_eq!(rows, 1, "{}", family.name());
        }
    }
}
