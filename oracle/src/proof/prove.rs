//! Proving a rule: from its claims to a verdict.
//!
//! In: a rule, a time limit. Out: a [`Proof`]. The solver is asked for a counterexample of each claim; where it runs out of
//! time, the values of a bound constant are taken one by one (after the solver has shown that there are no
//! others), and where that does not help the claim is tried at smaller widths. Invariant: a verdict is never better than
//! the worst of the rule's claims, and a rule without claims is an exception, not a success.

use super::claim::{Claim, Subject, Typing};
use super::meaning::Widths;
use super::solver::{Answer, Model, Query, ask};
use super::term::{Arena, Bin, Term, mask};

/// How well a rule is known to hold, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// For all values, constants and facts.
    Proven,
    /// For all of them at a smaller width of an i32, given here in bits (an i64 is twice as wide).
    Width(u32),
    /// Not by the solver: the evaluating tests alone speak for it.
    Exception,
    /// It does not hold.
    Refuted,
}

impl Verdict {
    /// The verdict in the file of results.
    pub fn text(self) -> String {
        match self {
            Verdict::Proven => "proven".into(),
            Verdict::Width(w) => format!("width {w}"),
            Verdict::Exception => "exception".into(),
            Verdict::Refuted => "refuted".into(),
        }
    }

    /// The verdict that this is the text of.
    pub fn named(text: &str) -> Option<Verdict> {
        let all = SMALL.iter().map(|w| Verdict::Width(w.word));
        [Verdict::Proven, Verdict::Exception, Verdict::Refuted]
            .into_iter()
            .chain(all)
            .find(|v| v.text() == text)
    }

    fn worse(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Width(a), Verdict::Width(b)) => Verdict::Width(a.min(b)),
            _ => self.max(other),
        }
    }
}

/// A rule's verdict and where it comes from.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The verdict.
    pub verdict: Verdict,
    /// By typing: types, and how.
    pub how: Vec<String>,
    /// Where it fails: the typing, and the values of the claim's variables.
    pub counterexample: Option<(Typing, Model)>,
}

/// Smaller widths, the widest first.
pub const SMALL: [Widths; 2] = [Widths { word: 16, long: 32 }, Widths { word: 8, long: 16 }];

/// What came of one claim.
enum Outcome {
    Holds(String),
    Fails(Model),
    Open,
}

/// Proves or refutes a rule, each question to the solver taking at most so many milliseconds.
///
/// # Errors
/// Text, if the solver is not there or complains.
pub fn prove(subject: Subject<'_>, milliseconds: u64) -> Result<Proof, String> {
    let mut proof = Proof {
        verdict: Verdict::Proven,
        how: Vec::new(),
        counterexample: None,
    };
    let typings = subject.typings();
    if typings.is_empty() {
        proof.verdict = Verdict::Exception;
        proof.how.push("no types fit it".into());
    }
    for typing in &typings {
        let (verdict, how, model) = one(subject, typing, milliseconds)?;
        proof.verdict = proof.verdict.worse(verdict);
        proof.how.push(format!("{}{how}", typing.text()));
        if let Some(model) = model {
            proof.counterexample.get_or_insert((typing.clone(), model));
        }
    }
    Ok(proof)
}

fn one(
    subject: Subject<'_>,
    typing: &Typing,
    milliseconds: u64,
) -> Result<(Verdict, String, Option<Model>), String> {
    let claim = match Claim::new(subject, typing, Widths::REAL) {
        Ok(claim) => claim,
        // What cannot be stated cannot be built or encoded either.
        Err(e) => return Ok((Verdict::Refuted, format!(": {e}"), Some(Model::new()))),
    };
    match decide(&claim, milliseconds)? {
        Outcome::Holds(how) => return Ok((Verdict::Proven, how, None)),
        Outcome::Fails(model) => return Ok((Verdict::Refuted, String::new(), Some(model))),
        Outcome::Open => {}
    }
    for widths in SMALL {
        let Ok(claim) = Claim::new(subject, typing, widths) else {
            continue;
        };
        if let Outcome::Holds(how) = decide(&claim, milliseconds)? {
            let verdict = Verdict::Width(widths.word);
            return Ok((
                verdict,
                format!(" at {} bits{how}", widths.of(typing.operand)),
                None,
            ));
        }
    }
    Ok((Verdict::Exception, " undecided".into(), None))
}

/// Decides one claim.
fn decide(claim: &Claim, milliseconds: u64) -> Result<Outcome, String> {
    let negation = claim.negation();
    let query = |fixed: Vec<(Term, u64)>| Query {
        fixed,
        ..claim.query(&negation)
    };
    match ask(&[query(Vec::new())], milliseconds)?.pop() {
        Some(Answer::Unsat) => return Ok(Outcome::Holds(String::new())),
        Some(Answer::Sat(model)) => return Ok(Outcome::Fails(model)),
        Some(Answer::Unknown) | None => {}
    }
    for (number, c) in claim.consts.iter().enumerate() {
        let values = few(claim.arena.width(*c));
        if !complete(claim, *c, &values, milliseconds)? {
            continue;
        }
        for products in [false, true] {
            let all: Vec<Query<'_>> = values
                .iter()
                .map(|v| Query {
                    products,
                    ..query(vec![(*c, *v)])
                })
                .collect();
            match by_cases(&all, milliseconds)? {
                Outcome::Holds(_) => {
                    let (n, which) = (values.len(), number + 1);
                    return Ok(Outcome::Holds(format!(
                        " by {n} values of constant {which}"
                    )));
                }
                Outcome::Fails(model) => return Ok(Outcome::Fails(model)),
                Outcome::Open => {}
            }
        }
    }
    Ok(Outcome::Open)
}

/// Queries asked at once, so that one that is left open ends the rest.
const GROUP: usize = 16;

/// Whether no query can be satisfied.
fn by_cases(queries: &[Query<'_>], milliseconds: u64) -> Result<Outcome, String> {
    for group in queries.chunks(GROUP) {
        for (answer, query) in ask(group, milliseconds)?.into_iter().zip(group) {
            match answer {
                Answer::Unsat => {}
                Answer::Unknown => return Ok(Outcome::Open),
                Answer::Sat(mut model) => {
                    for (var, value) in &query.fixed {
                        model.insert(query.arena.symbol(*var), *value);
                    }
                    return Ok(Outcome::Fails(model));
                }
            }
        }
    }
    Ok(Outcome::Holds(String::new()))
}

/// Values that constants are often restricted to: amounts, powers of two and their neighbours.
fn few(width: u32) -> Vec<u64> {
    let mut values: Vec<u64> = (0..u64::from(width)).collect();
    for i in 0..width {
        let power = 1u64 << i;
        values.extend([
            power,
            power.wrapping_sub(1),
            power.wrapping_add(1),
            power.wrapping_neg(),
        ]);
    }
    values.iter_mut().for_each(|v| *v &= mask(width));
    values.sort_unstable();
    values.dedup();
    values
}

/// Whether what is assumed leaves the constant no other values.
fn complete(claim: &Claim, c: Term, values: &[u64], milliseconds: u64) -> Result<bool, String> {
    let mut arena: Arena = claim.arena.clone();
    let mut all = claim.assumed.clone();
    for v in values {
        let v = arena.value(*v, arena.width(c));
        let same = arena.bin(Bin::Eq, c, v);
        let other = arena.not(same);
        all.push(other);
    }
    let query = Query {
        arena: &arena,
        all,
        fixed: Vec::new(),
        products: false,
    };
    Ok(ask(&[query], milliseconds)?.pop() == Some(Answer::Unsat))
}
