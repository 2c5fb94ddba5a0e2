//! Triage: from a case that differs to its cause, unattended.
//!
//! In: a case, or the input of a check without a module. Out: a [`Triage`], and by [`write()`] a folder with everything that
//! somebody needs who was not there: the reduced module, what each voice says, who is to blame, the guilty pass and
//! rewrite, the IR before and after, a trace with the first difference marked, which options fail, a key that equal causes
//! share, and the regression file. Invariant: everything in it was run on the reduced case under the options in it, so
//! that the one line it gives shows the same again; nothing depends on time or on the order of a hash.

mod about;
mod claims;
mod convention;
mod culprit;
mod direct;
mod page;
mod trace;
mod verdict;
mod words;

use crate::check::{Ask, Direct, Judge, Report, quietly};
use crate::compare::{Difference, Step};
use crate::random::Random;
use crate::reduce::{self, Cause, blame::Guilty};
use crate::regression::Case;
pub use culprit::{Culprit, What};
pub use direct::{DirectTriage, direct, write_direct};
pub use page::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use thumbsmith::helpers::{self, HELPERS};
use thumbsmith::ir::Sig;
use thumbsmith::{Bounds, Cpu, Level, Options, pipeline};
pub use trace::Trace;
pub use verdict::{Party, Voice};
use wasmparser::Operator;

/// Divisions by each helper together, to see whether one is wrong by itself.
const DIVISIONS: usize = 1024;

/// Everything that is known about a difference.
pub struct Triage {
    /// The reduced case with the reference's answers.
    pub case: Case,
    /// What differs.
    pub difference: Difference,
    /// Number of operators of the reduced module.
    pub operators: usize,
    /// What each voice says, the reference first.
    pub voices: Vec<Voice>,
    /// Who is to blame.
    pub party: Party,
    /// Who is guilty: the pass, and what inside of it.
    pub culprit: Culprit,
    /// What bisecting the fuel says.
    pub rewrite: Guilty,
    /// Options under which it was tried, and whether it differs under them.
    pub matrix: Vec<(Options, bool)>,
    /// The text of the functions before and after what is guilty, and what the two are.
    pub forms: Option<Forms>,
    /// The failing call, instruction by instruction.
    pub trace: Option<Trace>,
}

/// Two texts of the same functions.
pub struct Forms {
    /// What the first is.
    pub before_name: String,
    /// The first.
    pub before: String,
    /// What the second is.
    pub after_name: String,
    /// The second.
    pub after: String,
}

/// Triages a case that differs.
///
/// # Errors
/// Text, if it does not differ or its module is out of the oracle's scope.
pub fn triage(judge: &mut Judge, case: &Case) -> Result<Triage, String> {
    let triaged = triaged(judge, case);
    judge.hurry(false);
    judge.behind_another(false);
    triaged
}

fn triaged(judge: &mut Judge, case: &Case) -> Result<Triage, String> {
    let mut cause = reduce::cause(judge, case);
    if cause.is_err() {
        judge.behind_another(true);
        cause = reduce::cause(judge, case);
        judge.behind_another(cause.is_ok());
    }
    let small = match cause {
        Ok(small) => small,
        // What only a board sees, only a board shows again.
        Err(why) if judge.qemu.is_none() => {
            judge.listen(true).map_err(|no| format!("{why}; {no}"))?;
            reduce::cause(judge, case)?
        }
        Err(why) => return Err(why),
    };
    let small = divided(judge, &small).unwrap_or(small);
    let mut case = small.case.clone();
    let options = case.options.clone();
    let mut voices = verdict::voices(judge, &case);
    // A compiler that panics does so for everybody who asks it again.
    let board = quietly(|| verdict::board(judge, &case));
    let board = board.unwrap_or_else(|_| verdict::silent("there is no object".into()));
    let party = verdict::party(&small.difference, &voices, &board, small.pass.as_deref());
    voices.push(board);
    let trace = match party {
        Party::Simulator | Party::Table => quietly(|| trace::lockstep(&case)),
        _ => quietly(|| trace::of(&case, &small.difference, &healthy(&options, &small.guilty))),
    };
    let trace = trace.ok().flatten();
    let marked = trace.as_ref().and_then(Trace::marked_mnemonic);
    let encoder = match party {
        Party::Table => quietly(|| culprit::encoder(&small, &options))
            .ok()
            .flatten(),
        _ => None,
    };
    let (party, culprit) = match encoder {
        Some(culprit) => (Party::Compiler, culprit),
        None => (
            party,
            quietly(|| culprit::find(judge, &small, party, marked))?,
        ),
    };
    case.guilty = culprit.to_string();
    Ok(Triage {
        operators: operators(&case.wasm),
        matrix: matrix(judge, &case, Ask::again(&small.difference)),
        forms: quietly(|| forms(&case, &culprit.pass, &small.guilty))
            .ok()
            .flatten(),
        difference: small.difference,
        voices,
        party,
        culprit,
        rewrite: small.guilty,
        trace,
        case,
    })
}

/// The cause in what a case divides by, where selection is all that it could be laid to: helpers are a module like others,
/// translated and rewritten, which nobody runs by itself before selection calls it.
fn divided(judge: &mut Judge, cause: &Cause) -> Option<Cause> {
    if cause.pass.as_deref() != Some("lower") {
        return None;
    }
    // Those of memory work on machine addresses, which a module by itself has none of.
    let divisions = HELPERS.iter().filter(|(op, _)| op.ret_sig() == Sig::P);
    let divisions: Vec<&str> = divisions.map(|(_, name)| *name).collect();
    let exports: String = divisions
        .iter()
        .map(|name| format!("(export \"{name}\" (func ${name}))"))
        .collect();
    let text = helpers::SOURCE.replacen("(module", &format!("(module {exports}"), 1);
    let mut random = Random::new(3);
    // Of all lengths, with zeros below: digits of quotients that are guessed too large are rare among others.
    let mut number = || {
        let (word, by) = (random.word(), random.word() % 64);
        [word, word >> by, word << by][random.word() as usize % 3]
    };
    let call = |n: usize| Step::Call(n % divisions.len(), vec![number(), number().max(1)]);
    let case = Case {
        options: cause.case.options.clone(),
        steps: (0..DIVISIONS).map(call).collect(),
        expected: vec![None; DIVISIONS],
        wasm: wat::parse_str(&text).ok()?,
        text,
        found_by: cause.case.found_by.clone(),
        guilty: "unknown".into(),
    };
    reduce::cause(judge, &case).ok()
}

impl Triage {
    /// What differences of one cause share.
    pub fn key(&self) -> String {
        self.culprit.key()
    }

    /// The files of its folder.
    pub fn files(&self) -> Vec<&'static str> {
        let mut files = vec!["report.txt", "report.html", "case.wat", "case.wasm"];
        if self.forms.is_some() {
            files.extend(["before.txt", "after.txt"]);
        }
        if self.trace.is_some() {
            files.push("trace.txt");
        }
        files
    }

    /// What tables of triages are made of.
    pub fn json(&self) -> Value {
        json!({
            "key": self.key(), "pass": self.culprit.pass, "sort": self.culprit.what.sort(),
            "name": self.culprit.what.name(), "party": self.party.name(), "operators": self.operators,
            "files": self.files(),
        })
    }

    /// The command that shows the difference again, from inside the folder.
    pub fn repro(&self) -> String {
        "oracle check case.wat".to_owned()
    }
}

/// Operators of all functions of a module. `end` and `else` only close what another operator opened: they are not counted.
fn operators(wasm: &[u8]) -> usize {
    let bodies = wasmparser::Parser::new(0)
        .parse_all(wasm)
        .filter_map(|p| match p {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
    bodies
        .filter_map(|b| b.get_operators_reader().ok())
        .flat_map(|r| r.into_iter().filter_map(Result::ok))
        .filter(|op| !matches!(op, Operator::End | Operator::Else))
        .count()
}

/// Options under which the same module is right: without the guilty rewrite, or at the lowest level.
fn healthy(options: &Options, guilty: &Guilty) -> Options {
    match guilty {
        Guilty::Rewrite { number, .. } => Options {
            fuel: Some(number - 1),
            ..options.clone()
        },
        Guilty::NoRewrite | Guilty::Unlimited => Options {
            level: Level::O0,
            choices: Default::default(),
            ..options.clone()
        },
    }
}

/// Every CPU, level and bounds mode, and the stack check off, everything else as in the case.
fn matrix(judge: &mut Judge, case: &Case, ask: Ask) -> Vec<(Options, bool)> {
    let mut tried = Vec::new();
    for cpu in Cpu::ALL {
        for level in Level::ALL {
            for bounds in Bounds::ALL {
                tried.push(Options {
                    cpu,
                    level,
                    bounds,
                    ..case.options.clone()
                });
            }
        }
    }
    tried.push(Options {
        stack_check: !case.options.stack_check,
        ..case.options.clone()
    });
    let fails = |o: Options| {
        let differs = judge
            .judge("triage", &case.wasm, &o, &case.steps, ask)
            .is_err();
        (o, differs)
    };
    tried.into_iter().map(fails).collect()
}

/// The functions as the guilty pass found and left them; where a rewrite is guilty, as the pass leaves them without and
/// with it.
fn forms(case: &Case, pass: &str, guilty: &Guilty) -> Option<Forms> {
    let text = |after: &str, options: &Options| {
        let compiled = pipeline::compile(&case.wasm, options, Some(after), false);
        compiled.ok().and_then(|c| c.dump)
    };
    let ((before_name, after_name), before, after) = match guilty {
        Guilty::Rewrite { number, name, .. } => {
            let with = |fuel| Options {
                fuel: Some(fuel),
                ..case.options.clone()
            };
            (
                (
                    format!("after {pass}, without {name}"),
                    format!("after {pass}, with {name}"),
                ),
                text(pass, &with(number - 1))?,
                text(pass, &with(*number))?,
            )
        }
        Guilty::NoRewrite | Guilty::Unlimited => {
            let mut all = pipeline::dumps(Some(&case.options));
            all.push("layout");
            let at = all.iter().position(|p| *p == pass)?;
            // Before translation there is the module.
            let before = match at.checked_sub(1) {
                Some(previous) => text(all[previous], &case.options)?,
                None => case.text.clone(),
            };
            (
                (format!("before {pass}"), format!("after {pass}")),
                before,
                text(pass, &case.options)?,
            )
        }
    };
    Some(Forms {
        before_name,
        before,
        after_name,
        after,
    })
}

/// Writes a folder.
type Writer = dyn Fn(&Path) -> std::io::Result<()>;

/// Triages what a hunt found, and writes a folder for each cause: of cases with one key, that of the smallest. By key, the
/// cases under it, by their own keys; cases that cannot be triaged stand under what keeps them from it.
///
/// # Errors
/// Those of the file system.
pub fn sorted<'a>(
    judge: &mut Judge,
    reports: impl Iterator<Item = &'a Report>,
    out: &Path,
) -> std::io::Result<BTreeMap<String, Vec<String>>> {
    let mut causes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut smallest: BTreeMap<String, usize> = BTreeMap::new();
    for report in reports {
        let (key, size, write): (String, usize, Box<Writer>) = match Direct::named(&report.origin) {
            Some(check) => match direct(judge, check, &report.wasm) {
                Ok(t) => (
                    t.key(),
                    t.bytes.len(),
                    Box::new(move |dir| write_direct(dir, &t)),
                ),
                Err(why) => (why, 0, Box::new(|_| Ok(()))),
            },
            None => match triage(judge, &Case::from_report(report)) {
                Ok(t) => (
                    t.key(),
                    t.case.wasm.len(),
                    Box::new(move |dir| self::write(dir, &t)),
                ),
                Err(why) => (why, 0, Box::new(|_| Ok(()))),
            },
        };
        causes.entry(key.clone()).or_default().push(report.key());
        if smallest.get(&key).is_none_or(|s| size < *s) {
            write(&out.join(&key))?;
            smallest.insert(key, size);
        }
    }
    Ok(causes)
}

/// Writes a folder: `report.txt`, `report.html`, `case.wat` (which is the regression file), `case.wasm`, and the forms.
///
/// # Errors
/// Those of the file system.
pub fn write(dir: &Path, t: &Triage) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("report.txt"), page::text(t))?;
    std::fs::write(
        dir.join("report.html"),
        page::html(&t.key(), &page::sections(t)),
    )?;
    std::fs::write(dir.join("case.wat"), t.case.print())?;
    std::fs::write(dir.join("case.wasm"), &t.case.wasm)?;
    if let Some(forms) = &t.forms {
        std::fs::write(dir.join("before.txt"), &forms.before)?;
        std::fs::write(dir.join("after.txt"), &forms.after)?;
    }
    if let Some(trace) = &t.trace {
        std::fs::write(dir.join("trace.txt"), trace.print(None))?;
    }
    Ok(())
}
