//! Triage of an input of a check without a module.
//!
//! In: the check and bytes on which it fails. Out: as few bytes as fail in the same way, what the check says about them, who is
//! to blame, and a key. Invariant: bytes are only taken away as long as the words of the check stay, so that one defect is
//! not exchanged for another on the way.

use super::claims;
use super::culprit::{Culprit, What};
use super::page;
use super::verdict::Party;
use super::words;
use crate::check::{Direct, Judge};
use crate::compare::Kind;
use crate::encoding::MISREAD;
use crate::optimizer;
use serde_json::{Value, json};
use std::path::Path;
use thumbsmith::ir::Op;
use thumbsmith::isa;
use thumbsmith::pipeline::PASSES;

/// What a triage of bytes found: an input of a check without a module, as small as it gets.
pub struct DirectTriage {
    /// The check.
    pub check: Direct,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub says: String,
    /// Who is to blame.
    pub party: Party,
    /// Who is guilty.
    pub culprit: Culprit,
}

/// Triages an input of a check without a module: bytes are taken away as long as it fails in the same way.
///
/// # Errors
/// Text, if it does not fail.
pub fn direct(judge: &mut Judge, check: Direct, bytes: &[u8]) -> Result<DirectTriage, String> {
    let mut says = |bytes: &[u8]| judge.direct(check, bytes).err().map(|r| r.difference.got);
    let mut found = says(bytes).ok_or("the check does not fail on this input")?;
    let (party, culprit) = blame(check, &found);
    let mut best = bytes.to_vec();
    let mut size = best.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < best.len() {
            let mut less = best.clone();
            less.drain(at..(at + size).min(best.len()));
            match says(&less).filter(|text| blame(check, text).1.key() == culprit.key()) {
                Some(text) => (best, found) = (less, text),
                None => at += size,
            }
        }
        size /= 2;
    }
    let culprit = match check {
        Direct::Optimizer => rewrite(&best, culprit),
        Direct::Regalloc | Direct::Object | Direct::Judges | Direct::Encoding => culprit,
    };
    Ok(DirectTriage {
        check,
        bytes: best,
        says: found,
        party,
        culprit,
    })
}

/// The rewrite behind what the optimizer's check found, or the fact that it believed; what was known before, where it is none.
fn rewrite(bytes: &[u8], known: Culprit) -> Culprit {
    let Some(name) = optimizer::guilty(bytes) else {
        return match claims::fact(Op::ALL) {
            Some(wrong) => Culprit {
                what: What::Fact(wrong.name),
                how: wrong.example,
                ..known
            },
            None => known,
        };
    };
    let (what, how) = match (claims::rule(&[name]), claims::fact(Op::ALL)) {
        (Some(wrong), _) => (What::Rewrite(wrong.name), wrong.example),
        (None, Some(wrong)) => (
            What::Fact(wrong.name),
            format!("believed by {name}: {}", wrong.example),
        ),
        (None, None) => (What::Rewrite(name.to_owned()), "fuel names it".to_owned()),
    };
    Culprit { what, how, ..known }
}

/// Who is guilty, as the text of a check says.
fn blame(check: Direct, text: &str) -> (Party, Culprit) {
    let culprit = |pass: &str, what| Culprit {
        pass: pass.to_owned(),
        what,
        how: text.to_owned(),
    };
    match check {
        Direct::Judges => {
            let said = What::Check(words::plain(text));
            (Party::Checker, culprit("judges", said))
        }
        Direct::Regalloc
            if ["checker", "verifier"]
                .iter()
                .any(|c| text.contains(&format!("the {c} accepts"))) =>
        {
            (
                Party::Checker,
                culprit("checker", What::Check("accepts what is wrong".into())),
            )
        }
        Direct::Regalloc => (
            Party::Compiler,
            culprit("regalloc", What::Check(words::plain(text))),
        ),
        Direct::Object => (
            Party::Compiler,
            culprit("object", What::Check(words::plain(text))),
        ),
        Direct::Optimizer => {
            let named = PASSES
                .iter()
                .find(|p| text.starts_with(&format!("{}:", p.name)));
            let pass = match named {
                Some(pass) => pass.name.to_owned(),
                None => words::pass(&Kind::Compiler, text),
            };
            // "PASS: KIND at ...", or what the compiler's own checks say.
            let words = match named {
                Some(_) => text.split(' ').nth(1).unwrap_or("check").to_owned(),
                None => words::plain(text),
            };
            (Party::Compiler, culprit(&pass, What::Check(words)))
        }
        Direct::Encoding => {
            // "Op form `text` on CPU: what".
            let name = text.split(' ').next().unwrap_or("none");
            let op = isa::Op::ALL.iter().find(|op| format!("{op:?}") == name);
            let op = op.map_or(name.to_lowercase(), |op| words::executed(*op));
            let misread = text.split_once(MISREAD).and_then(|t| t.1.split_once(':'));
            match misread {
                Some((what, _)) => {
                    let what = What::Place(what.trim().to_owned());
                    (Party::Compiler, culprit("layout", what))
                }
                None if text.contains("is not encoded") => {
                    (Party::Compiler, culprit("layout", What::Place(op)))
                }
                None => (Party::Table, culprit("isa", What::Place(op))),
            }
        }
    }
}

impl DirectTriage {
    /// What inputs of one cause share.
    pub fn key(&self) -> String {
        self.culprit.key()
    }

    /// The command that shows it again, from inside the folder.
    pub fn repro(&self) -> String {
        format!("oracle check --check {} case.bin", self.check.name())
    }

    /// The files of its folder.
    pub fn files(&self) -> Vec<&'static str> {
        vec!["report.txt", "report.html", "case.bin"]
    }

    /// What tables of triages are made of.
    pub fn json(&self) -> Value {
        json!({
            "key": self.key(), "pass": self.culprit.pass, "sort": self.culprit.what.sort(),
            "name": self.culprit.what.name(), "party": self.party.name(), "files": self.files(),
        })
    }

    /// The report.
    pub fn text(&self) -> String {
        page::plain(&self.sections())
    }

    fn sections(&self) -> Vec<page::Section> {
        let what = format!(
            "check      {}\nto blame   {}\nguilty     {}\nkey        {}\nbytes      {}\n",
            self.check.name(),
            self.party.text(),
            self.culprit,
            self.key(),
            self.bytes.len()
        );
        let hex: Vec<String> = self
            .bytes
            .chunks(32)
            .map(|line| line.iter().map(|b| format!("{b:02x}")).collect())
            .collect();
        vec![
            page::Section {
                title: "What differs",
                body: what,
            },
            page::Section {
                title: "The check says",
                body: self.says.trim_end().to_owned() + "\n",
            },
            page::Section {
                title: "Input",
                body: hex.join("\n") + "\n",
            },
            page::Section {
                title: "Again",
                body: format!("{}    # in this folder; status 1\n", self.repro()),
            },
        ]
    }
}

/// Writes what a triage of bytes found into a folder, as input and report.
///
/// # Errors
/// Those of the file system.
pub fn write_direct(dir: &Path, t: &DirectTriage) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("case.bin"), &t.bytes)?;
    let sections = t.sections();
    std::fs::write(dir.join("report.txt"), page::plain(&sections))?;
    std::fs::write(dir.join("report.html"), page::html(&t.key(), &sections))
}
