//! Simpler options under which a case still differs.
//!
//! In: options and a test. Out: options from which nothing more can be taken: fuel, choices, the list of passes, what is left out,
//! CPU, level and bounds mode that are not the plainest; first each as a whole, then name by name. Invariant: every step was tested.

use thumbsmith::choices::Source;
use thumbsmith::pipeline::PASSES;
use thumbsmith::{Bounds, Cpu, Level, Options};

/// Sets a level, unless it is this one of less already.
fn lower(o: &mut Options, level: Level, less: &[Level]) {
    if o.level != Level::O0 && !less.contains(&o.level) {
        o.level = level;
    }
}

/// Takes from the options what the test does not need.
pub(super) fn simpler(mut best: Options, test: &mut dyn FnMut(&Options) -> bool) -> Options {
    let mut accept = |best: &mut Options, next: Options| {
        let better = next != *best && test(&next);
        if better {
            *best = next;
        }
        better
    };
    let whole: [fn(&mut Options); 9] = [
        |o| o.passes = None,
        |o| o.without = Vec::new(),
        |o| o.choices = Source::Heuristic,
        |o| o.fuel = None,
        |o| o.bounds = Bounds::default(),
        |o| o.cpu = Cpu::default(),
        |o| o.level = Level::O0,
        |o| lower(o, Level::O1, &[]),
        |o| lower(o, Level::O2, &[Level::O1]),
    ];
    for take in whole {
        let mut next = best.clone();
        take(&mut next);
        accept(&mut best, next);
    }
    let mut at = 0;
    while at < best.without.len() {
        let mut next = best.clone();
        next.without.remove(at);
        at += usize::from(!accept(&mut best, next));
    }
    let optional = |name: &str| PASSES.iter().any(|p| p.name == name && p.is_optional());
    let mut at = 0;
    while let Some(name) = best.passes.as_ref().and_then(|list| list.get(at)) {
        let mut next = best.clone();
        let taken = optional(name) && {
            if let Some(list) = &mut next.passes {
                list.remove(at);
            }
            accept(&mut best, next)
        };
        at += usize::from(!taken);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_stays() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let from = Options {
            passes: Some(names(
                "ranges,simplify,inline,ranges,wide,address,lower,regalloc,emit,finish,layout",
            )),
            without: names("hoist,share,narrow"),
            choices: Source::Seed(3),
            fuel: Some(7),
            ..Options::default()
        };
        let has = |list: &[String], name: &str| list.iter().any(|n| n == name);
        let mut test = |o: &Options| {
            has(&o.without, "share") && o.passes.as_ref().is_some_and(|p| has(p, "inline"))
        };
        let to = simpler(from, &mut test);
        assert_eq!(to.without, ["share"]);
        assert_eq!(
            to.passes,
            Some(names(
                "inline,wide,address,lower,regalloc,emit,finish,layout"
            ))
        );
        assert_eq!((to.choices, to.fuel), (Source::Heuristic, None));
    }
}
