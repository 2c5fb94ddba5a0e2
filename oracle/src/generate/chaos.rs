//! Family `chaos`: modules of the other families under decisions that the compiler's own heuristics never take.
//!
//! In: decisions. Out: a module, sometimes rewritten by wasm-mutate into one that means the same, and options: any stream of
//! choices, any set of optimizations left out, any list of passes that the compiler's table admits, fuel that ends
//! anywhere. Invariant: the options are legal, so whatever goes wrong is the compiler's fault.

use super::draw::Draw;
use super::{Family, Made};
use crate::program::is_valid;
use thumbsmith::choices::Source;
use thumbsmith::pipeline::{PASSES, Pass, check_order};
use thumbsmith::{Options, optimizations};
use wasm_mutate::WasmMutate;

/// Families whose modules are compiled this way: those that are not made of one large function.
const MODULES: [Family; 10] = [
    Family::Ops,
    Family::Pressure,
    Family::Control,
    Family::Memory,
    Family::Calls,
    Family::Tables,
    Family::Rules,
    Family::Real,
    Family::Floats,
    Family::Whole,
];

/// Percent of modules that wasm-mutate rewrites: it takes longer than everything else together.
const MUTATED: usize = 6;
/// Work that wasm-mutate may do for one rewrite, in its own units.
const MUTATION_FUEL: u64 = 200;
/// Most optional passes in a list.
const PASSES_MOST: usize = 7;

/// Makes a module of the family, from those of `among` that it knows, of all that it knows if there are none.
pub fn make(draw: &mut Draw<'_>, among: &[Family]) -> Option<Made> {
    let known = MODULES.into_iter().filter(|f| among.contains(f));
    let families: Vec<Family> = match known.collect() {
        list if Vec::is_empty(&list) => MODULES.to_vec(),
        list => list,
    };
    let family = draw.pick(&families);
    let rewrites = if draw.chance(MUTATED) {
        draw.range(1, 4)
    } else {
        0
    };
    let seed = draw.bits();
    let mut made = family.make(draw, among)?;
    for n in 0..rewrites {
        if let Some(wasm) = rewritten(&made.wasm, seed.wrapping_add(n as u64)) {
            made.wasm = wasm;
            made.foreign = true;
        }
    }
    Some(made)
}

/// The module after one rewrite that keeps its meaning; `None` if none was found.
fn rewritten(wasm: &[u8], seed: u64) -> Option<Vec<u8>> {
    let mut mutate = WasmMutate::default();
    mutate
        .seed(seed)
        .fuel(MUTATION_FUEL)
        .preserve_semantics(true);
    let mut all = mutate.run(wasm).ok()?;
    let wasm = all.next()?.ok()?;
    is_valid(&wasm).then_some(wasm)
}

/// Options as no level has them, for the CPU, level, bounds and stack check of `base`.
pub fn options(draw: &mut Draw<'_>, base: Options) -> Options {
    let choices = match draw.below(3) {
        0 => base.choices,
        1 => Source::Seed(draw.bits()),
        _ => {
            let n = draw.below(256);
            Source::Bytes((0..n).map(|_| draw.below(256) as u8).collect())
        }
    };
    let share = draw.pick(&[0, 0, 5, 20, 50, 90]);
    let names = optimizations::names().into_iter();
    Options {
        choices,
        without: names.filter(|_| draw.chance(share)).collect(),
        passes: draw.chance(75).then(|| passes(draw)),
        fuel: draw
            .chance(15)
            .then(|| draw.pick(&[0, 1, 3, 10, 30, 100, 300]) + draw.below(10) as u64),
        ..base
    }
}

/// Rewrites to be left out: all decisions, or about half of them and of the groups of rules. What another rewrite does
/// first hides what a rule does, so that some conditions only show their limits without it.
pub fn without_others(draw: &mut Draw<'_>) -> Vec<String> {
    if draw.chance(50) {
        return optimizations::DECISIONS
            .iter()
            .map(|d| (*d).to_owned())
            .collect();
    }
    let is_pass = |name: &String| PASSES.iter().any(|p| p.name == name);
    let names = optimizations::names().into_iter();
    let others = names.filter(|name| !is_pass(name));
    others.filter(|_| draw.chance(50)).collect()
}

/// A list of passes that the table admits: those that code needs, and others in any number, order and place.
fn passes(draw: &mut Draw<'_>) -> Vec<String> {
    let (optional, mut list): (Vec<&Pass>, Vec<&Pass>) =
        PASSES.iter().partition(|p| p.is_optional());
    for _ in 0..draw.below(PASSES_MOST + 1) {
        let pass = draw.pick(&optional);
        // Where it may stand: tried from a drawn place on, so that each legal place can be met.
        let from = draw.below(list.len() + 1);
        let places = (from..=list.len()).chain(0..from);
        let with = |at: usize| {
            let mut longer = list.clone();
            longer.insert(at, pass);
            longer
        };
        let legal = places.map(with).find(|longer| check_order(longer).is_ok());
        list = legal.unwrap_or(list);
    }
    list.iter().map(|p| p.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::HashSet;

    #[test]
    fn lists_of_passes_are_legal_and_differ() {
        let wasm = wat::parse_str("(module (func (export \"f\")))").expect("text parses");
        let (mut lists, mut repeated, mut left_out) = (HashSet::new(), 0, HashSet::new());
        for seed in 0..400 {
            let bytes = Random::new(seed).bytes(600);
            let options = options(&mut Draw::new(&bytes), Options::default());
            if let Err(e) = thumbsmith::compile(&wasm, &options) {
                panic!("{:?} without {:?}: {e}", options.passes, options.without);
            }
            left_out.extend(options.without);
            if let Some(list) = options.passes {
                let distinct: HashSet<_> = list.iter().collect();
                repeated += usize::from(distinct.len() < list.len());
                lists.insert(list);
            }
        }
        assert!(lists.len() > 150, "only {} different lists", lists.len());
        assert!(repeated > 50, "only {repeated} lists repeat a pass");
        let all = optimizations::names();
        assert!(all.iter().all(|name| left_out.contains(name)));
        let turned = |list: &Vec<String>| {
            let at = |name: &str| list.iter().position(|p| p == name);
            at("ranges").zip(at("simplify")).is_some_and(|(r, s)| r < s)
        };
        assert!(lists.iter().any(turned), "no order but the table's");
    }
}
