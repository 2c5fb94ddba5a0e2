//! Triage: from a case that differs to its cause, unattended.
//!
//! In: a case, or the input of a check without a module. Out: a [`Triage`], and by [`write()`] a folder with everything that
//! somebody needs who was not there: the reduced module, what each voice says, who is to blame, the guilty pass and
//! rewrite, the IR before and after, a trace with the first difference marked, which options fail, a key that equal causes
//! share, and the regression file. Invariant: everything in it was run on the reduced case under the options in it, so
//! that the one line it gives shows the same again; nothing depends on time or on the order of a hash.

mod page;
mod trace;
mod verdict;

use crate::check::{Ask, Direct, Judge};
use crate::compare::Difference;
use crate::reduce::{self, blame::Guilty};
use crate::regression::Case;
pub use page::text;
use std::path::Path;
use thumbsmith::{Bounds, Cpu, Level, Options, pipeline};
pub use trace::Trace;
pub use verdict::{Party, Voice};

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
    /// The guilty pass, where what passes leave tells.
    pub pass: Option<String>,
    /// The guilty rewrite.
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
    let small = reduce::cause(judge, case)?;
    let case = small.case;
    let options = case.options.clone();
    let voices = verdict::voices(judge, &case);
    let party = verdict::party(&small.difference, &voices, small.pass.as_deref());
    let forms = forms(&case, small.pass.as_deref(), &small.guilty);
    let trace = trace::of(&case, &healthy(&options, &small.guilty));
    Ok(Triage {
        operators: operators(&case.wasm),
        matrix: matrix(judge, &case, Ask::again(&small.difference)),
        difference: small.difference,
        voices,
        party,
        pass: small.pass,
        rewrite: small.guilty,
        forms,
        trace,
        case,
    })
}

impl Triage {
    /// What differences of one cause share: what differs, the guilty pass, and the guilty rewrite or, where there is none, the
    /// instruction at which the trace leaves the right one.
    pub fn key(&self) -> String {
        let pass = self.pass.as_deref().unwrap_or("unknown");
        let what = match (&self.rewrite, &self.trace) {
            (Guilty::Rewrite { name, .. }, _) => (*name).to_owned(),
            (_, Some(trace)) => trace.marked_mnemonic().unwrap_or("call").to_owned(),
            (_, None) => self.difference.kind.name().to_owned(),
        };
        format!("{pass}-{what}").replace(['/', ' '], "_")
    }

    /// The command that shows the difference again, from inside the folder.
    pub fn repro(&self) -> String {
        "oracle check case.wat".to_owned()
    }
}

/// Operators of all functions of a module, the final `end`s aside.
fn operators(wasm: &[u8]) -> usize {
    let bodies = wasmparser::Parser::new(0)
        .parse_all(wasm)
        .filter_map(|p| match p {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
    bodies
        .filter_map(|b| b.get_operators_reader().ok())
        .map(|r| r.into_iter().count().saturating_sub(1))
        .sum()
}

/// Options under which the same module is right: without the guilty rewrite, or at the lowest level.
fn healthy(options: &Options, guilty: &Guilty) -> Options {
    match guilty {
        Guilty::Rewrite { number, .. } => Options {
            fuel: Some(number - 1),
            ..options.clone()
        },
        Guilty::NoRewrite | Guilty::Compiler | Guilty::Unlimited => Options {
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
fn forms(case: &Case, pass: Option<&str>, guilty: &Guilty) -> Option<Forms> {
    let pass = pass?;
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
        Guilty::NoRewrite | Guilty::Compiler | Guilty::Unlimited => {
            let all = pipeline::dumps(Some(&case.options));
            let at = all.iter().position(|p| *p == pass)?;
            let previous = all[at.checked_sub(1)?];
            (
                (format!("before {pass}"), format!("after {pass}")),
                text(previous, &case.options)?,
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

/// What a triage of bytes found: an input of a check without a module, as small as it gets.
pub struct DirectTriage {
    /// The check.
    pub check: Direct,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub says: String,
}

/// Triages an input of a check without a module: bytes are taken away as long as it fails.
///
/// # Errors
/// Text, if it does not fail.
pub fn direct(judge: &mut Judge, check: Direct, bytes: &[u8]) -> Result<DirectTriage, String> {
    let mut says = |bytes: &[u8]| judge.direct(check, bytes).err().map(|r| r.difference.got);
    let mut found = says(bytes).ok_or("the check does not fail on this input")?;
    let mut best = bytes.to_vec();
    let mut size = best.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < best.len() {
            let mut less = best.clone();
            less.drain(at..(at + size).min(best.len()));
            match says(&less) {
                Some(text) => (best, found) = (less, text),
                None => at += size,
            }
        }
        size /= 2;
    }
    Ok(DirectTriage {
        check,
        bytes: best,
        says: found,
    })
}

/// Writes what a triage of bytes found into a folder, as input and report.
///
/// # Errors
/// Those of the file system.
pub fn write_direct(dir: &Path, t: &DirectTriage) -> std::io::Result<()> {
    let dir = dir.join(t.check.name());
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("case.bin"), &t.bytes)?;
    let again = format!("oracle triage --check {} case.bin", t.check.name());
    std::fs::write(
        dir.join("report.txt"),
        format!(
            "{}

{again}
",
            t.says
        ),
    )
}

/// Writes a folder: `report.txt`, `report.html`, `case.wat` (which is the regression file), `case.wasm`, and the forms.
///
/// # Errors
/// Those of the file system.
pub fn write(dir: &Path, t: &Triage) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("report.txt"), page::text(t))?;
    std::fs::write(dir.join("report.html"), page::html(t))?;
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
