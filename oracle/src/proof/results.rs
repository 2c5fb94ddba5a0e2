//! The file of results: what was proven of each rule, kept so that nobody has to ask the solver again.
//!
//! In: the rules, the file `ci/proofs.json`. Out: rows, and what is wrong with them. A row names a rule and a hash of
//! everything that the solver was asked about it: the rule's own form, its types, and the meaning of every operation and
//! instruction in it. Invariant: a row counts only while its hash is that of the rule as it stands; a rule without such a
//! row, and a row without a rule, are failures. A test holds the file to that without a solver.

use super::claim::{Claim, Subject};
use super::meaning::Widths;
use super::prove::{Proof, SMALL, Verdict, prove};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The rule's name.
    pub rule: String,
    /// What was asked, as 16 hexadecimal digits.
    pub hash: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How, by types.
    pub how: String,
}

impl Row {
    fn new(subject: Subject<'_>, proof: &Proof) -> Row {
        Row {
            rule: subject.name().into(),
            hash: hash(subject),
            verdict: proof.verdict,
            how: proof.how.join(", "),
        }
    }

    fn parse(value: &Value) -> Result<Row, String> {
        let text = |key: &str| {
            let text = value[key].as_str().map(str::to_owned);
            text.ok_or_else(|| format!("a row without `{key}`: {value}"))
        };
        let verdict = text("verdict")?;
        Ok(Row {
            rule: text("rule")?,
            hash: text("hash")?,
            verdict: Verdict::named(&verdict).ok_or_else(|| format!("no verdict `{verdict}`"))?,
            how: text("how")?,
        })
    }

    fn print(&self) -> String {
        let (rule, hash) = (json!(self.rule), json!(self.hash));
        let (verdict, how) = (json!(self.verdict.text()), json!(self.how));
        format!(r#"{{"rule": {rule}, "hash": {hash}, "verdict": {verdict}, "how": {how}}}"#)
    }
}

/// The hash of all that is asked about a rule, at the real and at the smaller widths: 64-bit FNV-1a.
pub fn hash(subject: Subject<'_>) -> String {
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for b in text.bytes().chain([0]) {
            h = (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for typing in subject.typings() {
        for widths in [Widths::REAL].into_iter().chain(SMALL) {
            match Claim::new(subject, &typing, widths) {
                Ok(claim) => add(&claim.query(&claim.negation()).text()),
                Err(e) => add(&e),
            }
        }
    }
    format!("{h:016x}")
}

/// Where the file is in the repository.
pub fn path(root: &Path) -> PathBuf {
    root.join("ci/proofs.json")
}

/// Reads the file.
///
/// # Errors
/// Text, if it is not there or no list of rows.
pub fn read(root: &Path) -> Result<Vec<Row>, String> {
    let path = path(root);
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|e| fail(&e))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| fail(&e))?;
    let rows = value.as_array().ok_or_else(|| fail(&"no list"))?;
    rows.iter()
        .map(|r| Row::parse(r).map_err(|e| fail(&e)))
        .collect()
}

/// Writes the file, a line a row.
///
/// # Errors
/// Text of the file system.
pub fn write(root: &Path, rows: &[Row]) -> Result<(), String> {
    let lines: Vec<String> = rows.iter().map(Row::print).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    std::fs::write(path(root), text).map_err(|e| format!("{}: {e}", path(root).display()))
}

/// What is wrong with rows, as they stand in the file, for these rules: one text each.
pub fn problems(rows: &[Row], subjects: &[Subject<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    for subject in subjects {
        let mut own = rows.iter().filter(|r| r.rule == subject.name());
        match (own.next(), own.next()) {
            (None, _) => out.push(format!("{}: never proven", subject.name())),
            (_, Some(_)) => out.push(format!("{}: two rows", subject.name())),
            (Some(row), None) if row.hash != hash(*subject) => {
                out.push(format!("{}: changed since it was proven", row.rule));
            }
            (Some(row), None) if row.verdict == Verdict::Refuted => {
                out.push(format!("{}: refuted", row.rule));
            }
            (Some(_), None) => {}
        }
    }
    let known = |r: &&Row| !subjects.iter().any(|s| s.name() == r.rule);
    out.extend(
        rows.iter()
            .filter(known)
            .map(|r| format!("{}: no such rule", r.rule)),
    );
    out
}

/// Rows that are not proven for all values, as a list for people; a line that counts them stands first.
pub fn exceptions(rows: &[Row]) -> String {
    let open: Vec<&Row> = rows
        .iter()
        .filter(|r| r.verdict != Verdict::Proven)
        .collect();
    let mut out = format!(
        "{} of {} rules are not proven at full width:\n",
        open.len(),
        rows.len()
    );
    for r in open {
        out += &format!("- {}: {} ({})\n", r.rule, r.verdict.text(), r.how);
    }
    out
}

/// Proves rules, all that `wanted` accepts, in parallel; the others keep their rows. `each` sees proofs as they come.
///
/// # Errors
/// Text, if the solver is not there or complains.
pub fn update(
    old: &[Row],
    subjects: &[Subject<'_>],
    wanted: &(dyn Fn(Subject<'_>, Option<&Row>) -> bool + Sync),
    milliseconds: u64,
    each: &(dyn Fn(Subject<'_>, &Proof) + Sync),
) -> Result<Vec<Row>, String> {
    let row = |subject: &Subject<'_>| {
        let before = old.iter().find(|r| r.rule == subject.name());
        match before {
            Some(row) if !wanted(*subject, before) => Ok(Some(row.clone())),
            None if !wanted(*subject, before) => Ok(None),
            _ => {
                let proof = prove(*subject, milliseconds)?;
                each(*subject, &proof);
                Ok(Some(Row::new(*subject, &proof)))
            }
        }
    };
    let rows: Result<Vec<Option<Row>>, String> = subjects.par_iter().map(row).collect();
    Ok(rows?.into_iter().flatten().collect())
}
