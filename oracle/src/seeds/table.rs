//! The tables of seeded bugs: a summary as JSON, and the page `docs/seeds.md`.
//!
//! In: what became of each bug. Out: text. Invariant: everything but the words around the tables is derived from the rows,
//! so the page says what was measured; a bug that was not hunted is not counted as found.

use super::{Sought, Without};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use thumbsmith::seeded::BUGS;

/// CPU seconds of the bugs that were found, in order.
fn times(list: &[Sought]) -> Vec<f64> {
    let found = list.iter().filter(|s| s.found);
    let mut times: Vec<f64> = found.map(|s| s.cpu_seconds).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// By class: how many were found, of how many.
fn classes(list: &[Sought]) -> BTreeMap<&'static str, (usize, usize)> {
    let mut all: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for sought in list {
        let (found, total) = all
            .entry(sought.seed().map_or("", |s| s.class))
            .or_default();
        *found += usize::from(sought.found);
        *total += 1;
    }
    all
}

/// By name of who found a bug first: how many those are, and the numbers of those that nobody else finds.
pub fn only(
    list: &[Sought],
    of: fn(&Sought) -> (&str, Option<&Without>),
) -> BTreeMap<&str, (usize, Vec<u16>)> {
    let mut all: BTreeMap<&str, (usize, Vec<u16>)> = BTreeMap::new();
    for sought in list.iter().filter(|s| s.found) {
        let (name, without) = of(sought);
        let (first, only) = all.entry(name).or_default();
        *first += 1;
        if without.is_some_and(|w| w.instead.is_none()) {
            only.push(sought.number);
        }
    }
    all
}

/// Which family or check found it, and what happened without that.
fn family(sought: &Sought) -> (&str, Option<&Without>) {
    (&sought.family, sought.without_family.as_ref())
}

/// Which voice or check found it, and what happened without that.
fn voice(sought: &Sought) -> (&str, Option<&Without>) {
    (&sought.voice, sought.without_voice.as_ref())
}

/// The results as one JSON object.
pub fn json(list: &[Sought]) -> Value {
    let times = times(list);
    let slow = list.iter().filter(|s| s.found && s.cpu_seconds > 15.0);
    json!({
        "bugs": list.len(),
        "found": times.len(),
        "missed": list.iter().filter(|s| !s.found).map(|s| s.number).collect::<Vec<_>>(),
        "median_seconds": times.get(times.len() / 2),
        "slowest_seconds": times.last(),
        "slow": slow.map(|s| s.number).collect::<Vec<_>>(),
        "classes": classes(list),
        "only_family": numbers(list, family),
        "only_voice": numbers(list, voice),
        "rows": list.iter().map(Sought::json).collect::<Vec<_>>(),
    })
}

fn numbers(list: &[Sought], of: fn(&Sought) -> (&str, Option<&Without>)) -> Value {
    let all = only(list, of).into_iter();
    json!(
        all.map(|(name, (_, only))| (name, only))
            .collect::<BTreeMap<_, _>>()
    )
}

const HEAD: &str = "\
# Seeded bugs

Written by `oracle seeds --results FILE --markdown`. Each bug is a row of `compiler/src/seeded.rs` and is hunted in a process of
its own, one thread, seed 1. CPU seconds depend on the machine and on what else runs; functions judged until then do not. `family`
is who made the case in which it showed first, `voice` who noticed (see [fuzzing.md](fuzzing.md)); `regalloc`, `encoding`
and `judges` are checks of parts and both.
";

/// The page.
pub fn page(list: &[Sought]) -> String {
    let mut out = HEAD.to_owned();
    let times = times(list);
    let at = |n: usize| times.get(n).copied().unwrap_or(0.0);
    let _ = write!(
        out,
        "\nOf {} bugs {} were hunted, in {} classes, and {} found; median {:.2} s, slowest {:.2} s.\n\n| class | found |\n|---|---|\n",
        BUGS.len(),
        list.len(),
        classes(list).len(),
        times.len(),
        at(times.len() / 2),
        at(times.len().saturating_sub(1)),
    );
    for (class, (found, total)) in classes(list) {
        let _ = writeln!(out, "| {class} | {found} of {total} |");
    }
    out += "\n| bug | class | stage | family | voice | functions | CPU s |\n|---|---|---|---|---|---|---|\n";
    for s in list {
        let Some(seed) = s.seed() else { continue };
        let _ = write!(
            out,
            "| {} {} | {} | {} | ",
            seed.number, seed.name, seed.class, seed.stage
        );
        let _ = match s.found {
            true => writeln!(
                out,
                "{} | {} | {} | {:.2} |",
                s.family, s.voice, s.functions, s.cpu_seconds
            ),
            false => writeln!(
                out,
                "not found | | {} | {:.2} |",
                s.functions, s.cpu_seconds
            ),
        };
    }
    sole(&mut out, list, "Families", family);
    sole(&mut out, list, "Voices", voice);
    out
}

/// Who found how many bugs first, and which of them nobody else finds.
fn sole(
    out: &mut String,
    list: &[Sought],
    title: &str,
    of: fn(&Sought) -> (&str, Option<&Without>),
) {
    let asked: Vec<f64> = list
        .iter()
        .filter_map(|s| of(s).1)
        .map(|w| w.cpu_seconds)
        .collect();
    if asked.is_empty() {
        return;
    }
    let longest = asked.iter().copied().fold(0.0, f64::max);
    let _ = write!(
        out,
        "\n## {title}\n\n{} bugs were hunted again without the one that found them first, for up to {longest:.0} CPU s.\n\n\
         | who | finds first | and nobody else finds |\n|---|---|---|\n",
        asked.len()
    );
    for (name, (first, numbers)) in only(list, of) {
        let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
        let _ = writeln!(out, "| {name} | {first} | {} |", numbers.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Without;
    use super::{Sought, json, page};
    use thumbsmith::seeded::BUGS;

    fn rows() -> Vec<Sought> {
        let row = |(i, seed): (usize, &thumbsmith::seeded::Seed)| Sought {
            number: seed.number,
            found: i > 0,
            cpu_seconds: i as f64,
            family: if i < 10 { "ops" } else { "rules" }.to_owned(),
            without_family: Some(Without {
                instead: (i % 2 == 0).then(|| "control".to_owned()),
                cpu_seconds: 1.0,
            }),
            ..Sought::default()
        };
        BUGS.iter().take(20).enumerate().map(row).collect()
    }

    #[test]
    fn what_is_derived_is_right() {
        let rows = rows();
        let all = json(&rows);
        assert_eq!(all["found"], 19);
        assert_eq!(all["missed"], serde_json::json!([BUGS[0].number]));
        assert_eq!(all["median_seconds"], 10.0);
        let only = |name: &str| all["only_family"][name].as_array().map(Vec::len);
        assert_eq!((only("ops"), only("rules")), (Some(5), Some(5)));
        assert!(page(&rows).contains("| 1 DivZeroGuardLost | traps | translate | not found |"));
    }

    #[test]
    fn rows_read_back() {
        for row in rows() {
            let again = Sought::from_json(&row.json()).expect("a row");
            assert_eq!(again.json(), row.json());
        }
    }
}
