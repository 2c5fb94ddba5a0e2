//! The solver: z3 as a process that reads SMT-LIB and ends.
//!
//! In: queries, each a set of one-bit terms that are to be true together. Out: for each an [`Answer`]. Each query has a
//! fresh state and a time limit of its own. Invariant: only a line that says `unsat` counts as a proof; a solver that is
//! not there, dies or complains is an error, never an answer.

use super::term::{Arena, Term};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// Values of variables by name.
pub type Model = BTreeMap<String, u64>;

/// What the solver says of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing satisfies it.
    Unsat,
    /// This does.
    Sat(Model),
    /// It ran out of time.
    Unknown,
}

/// A query.
pub struct Query<'a> {
    /// Where its terms are.
    pub arena: &'a Arena,
    /// What is to be true together.
    pub all: Vec<Term>,
    /// Variables that are replaced by constants.
    pub fixed: Vec<(Term, u64)>,
    /// Whether left shifts are written as products by powers of two, which the solver can add up where the amounts are
    /// fixed.
    pub products: bool,
}

impl Query<'_> {
    /// Its text: declarations, definitions, assertions.
    pub fn text(&self) -> String {
        let mut roots = self.all.clone();
        roots.extend(self.fixed.iter().map(|f| f.0));
        let mut out = self.arena.smt(&roots, self.products);
        for (var, value) in &self.fixed {
            let (name, width) = (self.arena.symbol(*var), self.arena.width(*var));
            out = out.replace(
                &format!("(declare-const {name} (_ BitVec {width}))"),
                &format!("(define-fun {name} () (_ BitVec {width}) (_ bv{value} {width}))"),
            );
        }
        for t in &self.all {
            out += &format!("(assert (= {} #b1))\n", self.arena.symbol(*t));
        }
        out
    }

    /// Names of its variables.
    fn names(&self) -> Vec<&str> {
        self.arena.vars(&self.all).iter().map(|v| v.0).collect()
    }
}

/// What separates the answers in the solver's output.
const MARK: &str = "end-of-query";

/// Asks all queries in turn, each for at most so many milliseconds.
///
/// # Errors
/// Text, if z3 is not there, or says what is no answer.
pub fn ask(queries: &[Query<'_>], milliseconds: u64) -> Result<Vec<Answer>, String> {
    let mut script = String::new();
    for q in queries {
        script += &format!(
            "(reset)\n(set-option :produce-models true)\n(set-option :timeout {milliseconds})\n(set-logic QF_BV)\n{}",
            q.text()
        );
        script += "(check-sat)\n";
        let names = q.names();
        if !names.is_empty() {
            script += &format!("(get-value ({}))\n", names.join(" "));
        }
        script += &format!("(echo \"{MARK}\")\n");
    }
    let output = run(&script)?;
    let mut parts = output.split(MARK);
    queries
        .iter()
        .map(|_| answer(parts.next().unwrap_or_default()))
        .collect()
}

fn run(script: &str) -> Result<String, String> {
    let mut child = Command::new("z3")
        .args(["-in", "-smt2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("z3, of the Debian package of this name: {e}"))?;
    let mut input = child.stdin.take().ok_or("z3 has no input")?;
    let script = script.to_owned();
    // Its answers must be read while it is still being asked.
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = child.wait_with_output().map_err(|e| format!("z3: {e}"))?;
    let written = writer.join().map_err(|_| "the writer to z3 died")?;
    written.map_err(|e| format!("z3 stopped reading: {e}"))?;
    String::from_utf8(output.stdout).map_err(|e| format!("z3: {e}"))
}

/// The answer that one part of the output is.
fn answer(text: &str) -> Result<Answer, String> {
    let text = text.trim_start_matches(|c: char| c == '"' || c.is_whitespace());
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.trim() {
        "unsat" => Ok(Answer::Unsat),
        "unknown" | "timeout" => Ok(Answer::Unknown),
        "sat" => Ok(Answer::Sat(model(rest)?)),
        _ => Err(format!("z3 says: {text}")),
    }
}

/// Reads `((x #x01) (y #b1))`.
fn model(text: &str) -> Result<Model, String> {
    let words: Vec<&str> = text
        .split(|c: char| c == '(' || c == ')' || c == '"' || c.is_whitespace())
        .filter(|w| !w.is_empty())
        .collect();
    words
        .chunks(2)
        .map(|pair| {
            let [name, value] = pair else {
                return Err(format!("z3 gives a value to nothing: {text}"));
            };
            let number = match (value.strip_prefix("#x"), value.strip_prefix("#b")) {
                (Some(hex), _) => u64::from_str_radix(hex, 16),
                (_, Some(bits)) => u64::from_str_radix(bits, 2),
                _ => return Err(format!("`{value}` is no vector of bits")),
            };
            let number = number.map_err(|e| format!("{value}: {e}"))?;
            Ok(((*name).to_owned(), number))
        })
        .collect()
}
