//! The proofs of the rules: that what is committed is of the rules as they stand, that terms mean what the compiler
//! computes, and that wrong rules are refuted.

use std::path::Path;
use thumbsmith::backend::rules::LowerRule;
use thumbsmith::ir::eval::eval;
use thumbsmith::ir::{Class, Op, Sig, Ty};
use thumbsmith::isa::exec::{Flags, Machine};
use thumbsmith::isa::{self, Role, Shift, ShiftKind};
use thumbsmith::opt::rule::Rule;
use thumbsmith_oracle::proof::claim::{Claim, Subject, Typing};
use thumbsmith_oracle::proof::concrete::{CPU, Instance, execute, in_first_registers};
use thumbsmith_oracle::proof::machine::{Operands, effect};
use thumbsmith_oracle::proof::meaning::{Widths, meaning};
use thumbsmith_oracle::proof::mutate::{self, Change};
use thumbsmith_oracle::proof::results;
use thumbsmith_oracle::proof::solver::{Answer, Model, Query, ask};
use thumbsmith_oracle::proof::term::{Arena, Bin, Term};
use thumbsmith_oracle::random::Random;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Boundaries, numbers near one of those before, or anything.
fn number(random: &mut Random, bits: u32, before: &[u64]) -> u64 {
    let pick = random.word() as usize % before.len().max(1);
    random.number(bits, before.get(pick).copied().unwrap_or(1))
}

#[test]
fn results_are_of_the_rules_as_they_stand() {
    let rows = results::read(root()).expect("the file of results");
    let subjects = Subject::all();
    let problems = results::problems(&rows, &subjects);
    assert!(
        problems.is_empty(),
        "{}\n`oracle prove` proves what changed",
        problems.join("\n")
    );
    assert_eq!(rows.len(), subjects.len());
}

#[test]
fn the_documentation_lists_the_exceptions() {
    let rows = results::read(root()).expect("the file of results");
    let page = std::fs::read_to_string(root().join("docs/proofs.md")).expect("the page");
    let list = results::exceptions(&rows);
    assert!(page.contains(&list), "docs/proofs.md lacks:\n{list}");
}

#[test]
fn terms_mean_to_the_solver_what_they_mean_here() {
    let mut random = Random::new(1);
    let mut queries = Vec::new();
    for width in [1, 8, 32, 33, 64] {
        let mut t = Arena::default();
        let mut terms = Vec::new();
        for _ in 0..40 {
            let (a, b) = (
                number(&mut random, width, &[]),
                number(&mut random, width, &[3]),
            );
            let (x, y) = (t.value(a, width), t.value(b, width));
            terms.extend(Bin::ALL.map(|op| t.bin(op, x, y)));
            let c = t.bin(Bin::Ult, x, y);
            terms.extend([t.not(x), t.neg(x), t.ite(c, x, y), t.truth(x)]);
            terms.extend([
                t.signed(x, 64),
                t.unsigned(x, 64),
                t.extract(x, width - 1, width / 2),
            ]);
            if width <= 32 {
                terms.push(t.concat(x, y));
            }
        }
        let values = t.eval(&terms, &|_| 0);
        let mut all_same = t.value(1, 1);
        for (term, value) in terms.iter().zip(values) {
            let same = t.is(*term, value);
            all_same = t.bin(Bin::And, all_same, same);
        }
        let other = t.not(all_same);
        queries.push((t, other));
    }
    for products in [false, true] {
        let asked: Vec<Query<'_>> = queries
            .iter()
            .map(|(arena, other)| Query {
                arena,
                all: vec![*other],
                fixed: Vec::new(),
                products,
            })
            .collect();
        let answers = ask(&asked, 60_000).expect("z3");
        assert_eq!(answers, vec![Answer::Unsat; asked.len()]);
    }
}

#[test]
fn operations_mean_what_the_compiler_computes() {
    let mut random = Random::new(2);
    let mut compared = 0;
    for op in Op::ALL
        .iter()
        .copied()
        .filter(|o| o.class() == Class::Float)
    {
        for shared in [Ty::I32, Ty::I64] {
            let ty = |sig: Sig| match sig {
                Sig::T => shared,
                Sig::I => Ty::I32,
                Sig::L => Ty::I64,
                Sig::P => Ty::Pair,
                Sig::V | Sig::A => Ty::Void,
            };
            let types: Vec<Ty> = op.arg_sigs().iter().map(|s| ty(*s)).collect();
            let result = ty(op.ret_sig());
            if types.contains(&Ty::Void) || types.is_empty() {
                continue;
            }
            let mut t = Arena::default();
            let names: Vec<String> = (0..types.len()).map(|i| format!("x{i}")).collect();
            let operands: Vec<Term> = names
                .iter()
                .zip(&types)
                .map(|(n, ty)| t.var(n, Widths::REAL.of(*ty)))
                .collect();
            let term = meaning(&mut t, op, result, &operands, Widths::REAL);
            let term = term.unwrap_or_else(|| panic!("{} has no meaning", op.text()));
            for _ in 0..500 {
                let mut values = Vec::new();
                for ty in &types {
                    values.push(number(&mut random, Widths::REAL.of(*ty), &values));
                }
                let want = eval(op, result, types[0], &values, 0).expect("it floats");
                let at = |n: &str| values[names.iter().position(|m| m == n).expect("a name")];
                let got = t.eval(&[term], &at)[0];
                assert_eq!(got, want, "{} {shared:?} of {values:x?}", op.text());
                compared += 1;
            }
        }
    }
    assert!(compared > 40_000, "only {compared} evaluations");
}

/// Runs one instruction with random operands in the executor and as terms; whether it can be encoded.
fn instruction(op: isa::Op, random: &mut Random) -> Option<bool> {
    let reads = op.roles().iter().filter(|r| **r != Role::Def).count();
    let mut drawn = Vec::new();
    for _ in 0..reads {
        drawn.push(number(random, 32, &drawn));
    }
    let imm = number(random, 32, &drawn) & [0x1f, 0xfff, u64::MAX][random.word() as usize % 3];
    let mut inst = in_first_registers(op, imm as i32);
    inst.s = random.word().is_multiple_of(2);
    inst.imm2 = [0, (random.word() % 33) as u8][random.word() as usize % 2];
    if random.word().is_multiple_of(2) {
        let kinds = [
            ShiftKind::Lsl,
            ShiftKind::Lsr,
            ShiftKind::Asr,
            ShiftKind::Ror,
        ];
        inst.shift = Shift {
            kind: kinds[random.word() as usize % 4],
            amount: (random.word() % 34) as u8,
        };
    }
    let mut t = Arena::default();
    let mut values = drawn.iter();
    let regs: Vec<Option<Term>> = op
        .roles()
        .iter()
        .map(|r| match r {
            Role::Def => None,
            Role::Use | Role::Tied => values.next().map(|v| t.value(*v, 32)),
        })
        .collect();
    let carry = random.word() % 2;
    let operands = Operands {
        regs: &regs,
        imm: Some(t.value(imm, 32)),
        imm2: Some(t.value(inst.imm2.into(), 32)),
        shift: Some((inst.shift.kind, t.value(inst.shift.amount.into(), 32))),
        carry: t.value(carry, 1),
    };
    let done = effect(&mut t, op.sem(), &operands, "unknown")?;
    let mut machine = Machine::new(CPU);
    machine.flags = Flags {
        c: carry != 0,
        ..Flags::default()
    };
    let values: Vec<u32> = drawn.iter().map(|v| *v as u32).collect();
    let Ok(got) = execute(&mut machine, &inst, &values) else {
        return Some(false);
    };
    assert_eq!(
        t.eval(&[done.value], &|_| 0)[0],
        u64::from(got),
        "{inst} of {values:x?}"
    );
    let f = machine.flags;
    let flags = [f.n, f.z, f.c, f.v];
    for (term, flag) in done.flags.into_iter().zip(flags) {
        // What is not known is a variable.
        if inst.s && t.vars(&[term]).is_empty() {
            assert_eq!(
                t.eval(&[term], &|_| 0)[0],
                u64::from(flag),
                "flags of {inst} of {values:x?}"
            );
        }
    }
    Some(true)
}

#[test]
fn instructions_mean_what_the_executor_does() {
    let mut random = Random::new(3);
    let mut with_terms = 0;
    for op in isa::Op::ALL.iter().copied() {
        let mut ran = 0;
        let mut stated = false;
        for _ in 0..4000 {
            match instruction(op, &mut random) {
                None => break,
                Some(encoded) => {
                    stated = true;
                    ran += u32::from(encoded);
                }
            }
        }
        assert!(!stated || ran >= 20, "{op:?} ran {ran} times");
        with_terms += u32::from(stated);
    }
    assert!(
        with_terms >= 55,
        "only {with_terms} instructions have terms"
    );
}

/// Numbers for every variable of a claim.
fn draw(claim: &Claim, random: &mut Random) -> Model {
    let mut roots = vec![claim.left, claim.right];
    roots.extend(&claim.assumed);
    let mut before = Vec::new();
    let mut model = Model::new();
    for (name, width) in claim.arena.vars(&roots) {
        let v = number(random, width, &before);
        before.push(v);
        model.insert(name.to_owned(), v);
    }
    model
}

#[test]
fn claims_evaluate_to_what_the_compiler_computes() {
    let mut random = Random::new(4);
    let mut compared = 0;
    for subject in Subject::all() {
        for typing in subject.typings() {
            let claim = Claim::new(subject, &typing, Widths::REAL).expect("rules can be stated");
            for _ in 0..300 {
                let model = draw(&claim, &mut random);
                let instance = Instance {
                    subject,
                    typing: &typing,
                    model: &model,
                };
                let say = |t: Term| claim.arena.eval(&[t], &|n| model[n])[0];
                let name = subject.name();
                let possible = instance.possible() && instance.condition();
                let assumed = claim.assumed.iter().all(|a| say(*a) != 0);
                assert_eq!(
                    assumed, possible,
                    "{name}: what is assumed where {model:x?}"
                );
                if let Some(c) = claim.condition {
                    assert_eq!(say(c) != 0, instance.condition(), "{name} where {model:x?}");
                }
                if !possible {
                    continue;
                }
                assert_eq!(
                    say(claim.left),
                    instance.left(),
                    "{name}: pattern where {model:x?}"
                );
                match instance.right() {
                    Ok(Some(right)) => {
                        assert_eq!(say(claim.right), right, "{name}: result where {model:x?}");
                        compared += 1;
                    }
                    Ok(None) => {}
                    Err(e) => panic!("{name}: {e} where {model:x?}"),
                }
            }
        }
    }
    assert!(compared > 10_000, "only {compared} instances");
}

/// A mutant of a rule of either table.
enum Mutant {
    Rewrite(Rule),
    Lower(LowerRule),
}

impl Mutant {
    fn subject(&self) -> Subject<'_> {
        match self {
            Mutant::Rewrite(r) => Subject::Rewrite(r),
            Mutant::Lower(r) => Subject::Lower(r),
        }
    }
}

fn mutants() -> Vec<(Change, Mutant)> {
    let mut out = Vec::new();
    for subject in Subject::all() {
        match subject {
            Subject::Rewrite(r) => {
                let all = mutate::rewrite(r).into_iter();
                out.extend(all.map(|(c, r)| (c, Mutant::Rewrite(r))));
            }
            Subject::Lower(r) => {
                let all = mutate::lower(r).into_iter();
                out.extend(all.map(|(c, r)| (c, Mutant::Lower(r))));
            }
        }
    }
    out
}

/// What became of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Refuted, and the counterexample is one to the compiler's evaluators.
    Refuted,
    /// It cannot be stated: not well typed, or an operand that is not there.
    Malformed,
    /// It holds.
    Holds,
    /// Refuted, but only by an immediate that the instruction cannot have, with which the compiler never takes the rule.
    Unencodable,
    /// The solver ran out of time.
    Open,
}

/// What the compiler's own evaluators say of the difference that a model claims.
fn confirm(subject: Subject<'_>, typing: &Typing, model: &Model) -> Fate {
    let instance = Instance {
        subject,
        typing,
        model,
    };
    let name = subject.name();
    assert!(
        instance.possible() && instance.condition(),
        "a mutant of {name} is refuted where it does not apply: {model:x?}\n{subject:?}"
    );
    match instance.right() {
        Ok(Some(right)) => assert_ne!(
            right,
            instance.left(),
            "a mutant of {name} is refuted by what is no counterexample: {model:x?}\n{subject:?}"
        ),
        Ok(None) => return Fate::Unencodable,
        // It is taken, and then cannot be encoded.
        Err(_) => {}
    }
    Fate::Refuted
}

fn judge(subject: Subject<'_>) -> Fate {
    let mut fate = Fate::Malformed;
    for typing in subject.typings() {
        let Ok(claim) = Claim::new(subject, &typing, Widths::REAL) else {
            continue;
        };
        let negation = claim.negation();
        let answer = ask(&[claim.query(&negation)], 2_000).expect("z3").pop();
        match answer.expect("an answer") {
            Answer::Sat(model) => return confirm(subject, &typing, &model),
            Answer::Unsat if fate == Fate::Malformed => fate = Fate::Holds,
            Answer::Unsat => {}
            Answer::Unknown => fate = Fate::Open,
        }
    }
    fate
}

#[test]
fn wrong_rules_are_refuted() {
    let all = mutants();
    let fates: Vec<(Change, &'static str, Fate)> = all
        .iter()
        .map(|(change, m)| (*change, m.subject().name(), judge(m.subject())))
        .collect();
    for change in Change::ALL {
        let of = |fate: Fate| {
            let all = fates.iter().filter(move |f| f.0 == change && f.2 == fate);
            all.map(|f| f.1).collect::<Vec<_>>()
        };
        let [refuted, holds, open] = [Fate::Refuted, Fate::Holds, Fate::Open].map(of);
        let [malformed, unencodable] = [Fate::Malformed, Fate::Unencodable].map(|f| of(f).len());
        println!(
            "{change:?}: {} refuted, {malformed} malformed, {unencodable} unencodable, hold {holds:?}, open {open:?}",
            refuted.len(),
        );
        assert!(
            refuted.len() >= 50,
            "{change:?}: only {refuted:?} were refuted"
        );
        let others = holds.len() + open.len() + unencodable;
        assert!(
            5 * others <= refuted.len(),
            "{change:?}: hold {holds:?}, open {open:?}, {unencodable} unencodable"
        );
    }
}
