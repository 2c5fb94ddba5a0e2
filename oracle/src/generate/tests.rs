//! What every family must keep, whatever else changes.

use super::table::NAMES;
use super::*;
use crate::compare::Step;
use crate::engine::{Engine, Outcome};
use crate::plan;
use crate::program::{Info, Program, validator};
use crate::random::Random;
use crate::reference::Reference;
use std::collections::HashMap;

const MODULES: u64 = 60;

fn sample(family: Family) -> Vec<Vec<u8>> {
    let made = |seed: u64| {
        family
            .make(&mut Draw::new(&Random::new(seed).bytes(8192)), &[])
            .map(|m| m.wasm)
    };
    (0..MODULES).filter_map(made).collect()
}

fn operators(modules: &[Vec<u8>]) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for wasm in modules {
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            if let wasmparser::Payload::CodeSectionEntry(body) =
                payload.expect("made modules parse")
            {
                for op in body.get_operators_reader().expect("code parses") {
                    let text = format!("{:?}", op.expect("operator parses"));
                    let name = text.split([' ', '{']).next().unwrap_or_default().to_owned();
                    *count.entry(name).or_default() += 1;
                }
            }
        }
    }
    count
}

#[test]
fn modules_are_valid_and_the_same_bytes_give_the_same_module() {
    for family in Family::ALL {
        let modules = sample(family);
        assert!(
            modules.len() as u64 >= MODULES * 9 / 10,
            "{}: only {} modules",
            family.name(),
            modules.len()
        );
        for wasm in &modules {
            if let Err(e) = validator().validate_all(wasm) {
                panic!(
                    "{}: {e}\n{}",
                    family.name(),
                    wasmprinter::print_bytes(wasm).unwrap_or_default()
                );
            }
            crate::program::Info::read(wasm).expect("in scope");
        }
        assert_eq!(
            modules,
            sample(family),
            "{} is not deterministic",
            family.name()
        );
    }
}

#[test]
fn scale_passes_the_limits_it_is_there_for() {
    let (mut long, mut targets, mut params, mut results, mut locals) = (0, 0, 0, 0, 0);
    for wasm in sample(Family::Scale) {
        for export in Info::read(&wasm).expect("in scope").exports {
            params = params.max(export.sig.params.len());
            results = results.max(export.sig.results.len());
        }
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("made modules parse")
            else {
                continue;
            };
            let groups = body.get_locals_reader().expect("locals parse").into_iter();
            let count: u32 = groups.map(|group| group.expect("locals parse").0).sum();
            locals = locals.max(count);
            let ops = body.get_operators_reader().expect("code parses");
            let ops: Vec<_> = ops.into_iter().map(|op| op.expect("code parses")).collect();
            long += usize::from(ops.len() > 2_000);
            for op in ops {
                if let wasmparser::Operator::BrTable { targets: table } = op {
                    targets = targets.max(table.len());
                }
            }
        }
    }
    assert!(
        long >= 10,
        "only {long} functions of more than 2,000 operators"
    );
    assert!(targets >= 256 && params >= 64 && results >= 32 && locals >= 1_000);
}

#[test]
fn no_bytes_give_a_small_valid_module() {
    for family in Family::ALL {
        if let Some(made) = family.make(&mut Draw::new(&[]), &[]) {
            wasmparser::validate(&made.wasm).expect("valid");
            assert!(
                made.wasm.len() < 4000,
                "{}: {} bytes",
                family.name(),
                made.wasm.len()
            );
        }
    }
}

#[test]
fn families_hold_the_operators_they_are_there_for() {
    let ops = operators(&sample(Family::Ops));
    for name in NAMES {
        assert!(
            ops.get(*name).copied().unwrap_or(0) >= 5,
            "ops: {name} is rare"
        );
    }
    let need = |family: Family, names: &[&str], least: usize| {
        let found = operators(&sample(family));
        for name in names {
            let n = found.get(*name).copied().unwrap_or(0);
            assert!(n >= least, "{}: {name} only {n} times", family.name());
        }
    };
    need(
        Family::Control,
        &[
            "Block", "Loop", "If", "Else", "Br", "BrIf", "BrTable", "Return", "Select",
        ],
        100,
    );
    need(
        Family::Pressure,
        &["LocalGet", "LocalSet", "LocalTee", "Call", "Select"],
        200,
    );
    let accesses = [
        "I32Load",
        "I32Load8S",
        "I32Load8U",
        "I32Load16S",
        "I32Load16U",
        "I64Load",
        "I64Load8S",
        "I64Load8U",
        "I64Load16S",
        "I64Load16U",
        "I64Load32S",
        "I64Load32U",
        "I32Store",
        "I32Store8",
        "I32Store16",
        "I64Store",
        "I64Store8",
        "I64Store16",
        "I64Store32",
        "MemorySize",
        "MemoryGrow",
    ];
    need(Family::Memory, &accesses, 20);
    need(Family::Calls, &["Call", "GlobalGet", "GlobalSet"], 200);
    let references = [
        "CallIndirect",
        "ReturnCall",
        "ReturnCallIndirect",
        "RefFunc",
        "RefNull",
        "RefIsNull",
        "TableGet",
        "TableSet",
        "TableSize",
        "TableGrow",
        "TableFill",
        "TableCopy",
        "TableInit",
        "ElemDrop",
        "TypedSelect",
    ];
    need(Family::Tables, &references, 5);
    let whole = [
        "F64Load",
        "I64Store",
        "MemoryCopy",
        "MemoryInit",
        "MemoryGrow",
        "CallIndirect",
        "ReturnCall",
        "ReturnCallIndirect",
        "TableSet",
        "TableGrow",
        "RefFunc",
        "GlobalSet",
    ];
    need(Family::Whole, &whole, 5);
    need(Family::Scale, &["Block", "Loop", "BrTable", "Br"], 10);
}

/// Calls of a family's modules that returned, trapped, ran out of fuel.
fn outcomes(family: Family, reference: &mut Reference) -> (u64, u64, u64) {
    let (mut returned, mut trapped, mut void) = (0, 0, 0);
    for seed in 0..MODULES {
        let Some(made) = family.make(&mut Draw::new(&Random::new(seed).bytes(8192)), &[]) else {
            continue;
        };
        let info = Info::read(&made.wasm).expect("in scope");
        let steps = plan::steps(&info, &made.wasm, seed, 10, made.fuel);
        let options = thumbsmith::Options::default();
        let program = Program {
            wasm: made.wasm,
            info,
            object: Vec::new(),
            options,
            memory_limit: None,
        };
        reference.load(&program).expect("valid");
        if reference.instantiate() != Outcome::Returned(Default::default()) {
            trapped += 1;
            continue;
        }
        for step in steps {
            match step {
                Step::Set(global, value) => reference.set_global(global, value),
                Step::Call(export, args) => match reference.call(export, &args) {
                    Outcome::Returned(_) => returned += 1,
                    Outcome::Trapped(_) => trapped += 1,
                    Outcome::Void(_) | Outcome::Fault(_) => void += 1,
                },
            }
        }
    }
    (returned, trapped, void)
}

#[test]
fn calls_end_and_few_of_them_trap() {
    let mut reference = Reference::new(Some(0)).expect("wasmtime starts");
    for family in Family::ALL {
        // About one operator is one unit; no call of ours may need more than the builder's own bound by much. A range of
        // bytes or entries costs its length, also one that is too long and traps.
        reference.set_fuel(match family {
            Family::Memory | Family::Tables | Family::Chaos | Family::Whole => 1 << 34,
            _ => 200_000,
        });
        let (returned, trapped, void) = outcomes(family, &mut reference);
        eprintln!(
            "{}: {returned} returned, {trapped} trapped, {void} without end",
            family.name()
        );
        let least = match family {
            Family::Smith => 1_000,
            Family::Scale => 600,
            Family::Ops
            | Family::Pressure
            | Family::Control
            | Family::Memory
            | Family::Calls
            | Family::Tables
            | Family::Rules
            | Family::Chaos
            | Family::Real
            | Family::Whole => 4_000,
            // One of six functions is of constants alone: it has no arguments, and is called four times.
            Family::Floats => 3_000,
        };
        assert!(
            returned >= least,
            "{}: only {returned} calls returned",
            family.name()
        );
        assert_eq!(void, 0, "{}: calls without end", family.name());
        let share = trapped * 100 / (returned + trapped);
        let most = match family {
            Family::Smith => 60,
            // Wild modules of this family are about bounds.
            Family::Memory => 25,
            _ => 20,
        };
        assert!(share <= most, "{}: {share} % of calls trap", family.name());
    }
}

#[test]
fn every_rule_has_near_misses() {
    let mut misses = 0;
    for subject in crate::proof::Subject::all() {
        let (name, pattern) = (subject.name(), subject.pattern());
        assert!(rules::expressible(pattern), "{name} cannot be expressed");
        let near = rules::misses(pattern);
        assert!(
            !near.is_empty() || subject.condition().is_some(),
            "{name} has no near miss"
        );
        assert!(!near.contains(pattern), "{name} is its own near miss");
        misses += near.len();
    }
    assert!(misses >= 500, "only {misses} near misses");
}
