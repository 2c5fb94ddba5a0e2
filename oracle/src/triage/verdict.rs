//! Who says what, and who is to blame.
//!
//! In: a reduced case. Out: what each voice says to its steps, and the [`Party`] that the voices speak against. Invariant: a
//! voice is only believed against others that share nothing with it: two simulators against the compiler, the
//! reference and the interpreter of the untouched IR against everything after them.

use crate::check::Judge;
use crate::compare::Difference;
use crate::regression::Case;

/// A voice and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who speaks.
    pub name: String,
    /// What it says, a line a call; or why it says nothing.
    pub says: Vec<String>,
}

/// Who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The compiler.
    Compiler,
    /// Unicorn.
    Simulator,
    /// The table of instructions, or its executor.
    Table,
    /// An interpreter of what stands between passes.
    Interpreter,
    /// A checker: the comparison, the static judge, or the checker of allocations.
    Checker,
    /// The reference.
    Reference,
    /// The oracle: the voices agree, and yet it differed.
    Harness,
}

impl Party {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Party::Compiler => "compiler",
            Party::Simulator => "simulator",
            Party::Table => "table",
            Party::Interpreter => "interpreter",
            Party::Checker => "checker",
            Party::Reference => "reference",
            Party::Harness => "harness",
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Party::Compiler => "the compiler",
            Party::Simulator => "the simulator (unicorn), against everybody else",
            Party::Table => {
                "the table of instructions or its executor, against the simulators of others"
            }
            Party::Interpreter => {
                "an interpreter of what stands between passes: emitted code does what the reference says"
            }
            Party::Checker => {
                "a checker of the oracle or the compiler: it lets pass what is wrong, or refuses what is right"
            }
            Party::Reference => "the reference (wasmtime): it does not agree with itself",
            Party::Harness => "the oracle itself: all voices agree",
        }
    }
}

/// What every voice says to the steps of a case: wasmtime twice, unicorn, executor, then each stage of the compiler.
pub(super) fn voices(judge: &mut Judge, case: &Case) -> Vec<Voice> {
    let said = judge.answers(&case.wasm, &case.options, &case.steps);
    let split = |lines: Vec<String>| {
        let name = lines.first().and_then(|l| l.split_once(": "));
        let name = name.map_or("?", |n| n.0).to_owned();
        let prefix = format!("{name}: ");
        let says = lines
            .iter()
            .map(|l| l.strip_prefix(&prefix).unwrap_or(l).to_owned())
            .collect();
        Voice { name, says }
    };
    match said {
        Ok(all) => all.into_iter().map(split).collect(),
        Err(why) => vec![Voice {
            name: "nobody".into(),
            says: vec![why],
        }],
    }
}

/// A board that says nothing, and why.
pub(super) fn silent(why: String) -> Voice {
    Voice {
        name: "qemu".into(),
        says: vec![why],
    }
}

/// What QEMU's board says beside unicorn, if there is a board and QEMU is installed.
pub(super) fn board(judge: &mut Judge, case: &Case) -> Voice {
    let had = judge.qemu.is_some();
    if !had && let Err(why) = judge.listen(true) {
        return silent(format!("not asked: {why}"));
    }
    let said = judge.board_says(&case.wasm, &case.options, &case.steps);
    if !had {
        judge.qemu = None;
    }
    match said {
        Ok(Some(line)) => silent(line),
        Ok(None) => silent("not asked".into()),
        Err(why) => silent(format!("says nothing: {why}")),
    }
}

/// Whether QEMU did what unicorn did; nothing if it said nothing.
fn board_agrees(board: &Voice) -> Option<bool> {
    let line = board.says.first()?;
    // Where unicorn itself differs from the reference, the board has not been asked.
    let heard = !line.starts_with("unicorn");
    match (
        line.contains(": as unicorn"),
        heard && line.contains(" where "),
    ) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Whether one interpreter differs and everything that others run is right: that of IR, or that of machine IR, which runs what
/// `lower` and `regalloc` leave. What `emit` and later passes leave is run by others: where that differs too, a defect hides.
fn alone(stages: &[Voice], reference: &Voice) -> bool {
    let differs = |s: &&Voice| s.says != reference.says;
    let ir = |s: &Voice| s.name.starts_with("IR after");
    let machine = |s: &Voice| ["lower", "regalloc"].iter().any(|p| s.name.ends_with(p));
    let odd: Vec<&Voice> = stages.iter().filter(differs).collect();
    !odd.is_empty() && (odd.iter().all(|s| ir(s)) || odd.iter().all(|s| machine(s)))
}

/// Who is to blame, by what the voices say.
pub(super) fn party(
    difference: &Difference,
    voices: &[Voice],
    board: &Voice,
    pass: Option<&str>,
) -> Party {
    // Checks of the compiler itself, of its objects and of its code speak of nobody else.
    if !difference.kind.is_behaviour() {
        return Party::Compiler;
    }
    let [reference, optimizing, unicorn, executor, stages @ ..] = voices else {
        return Party::Compiler;
    };
    if optimizing.says != reference.says {
        return Party::Reference;
    }
    let unaligned = executor.says.iter().any(|line| line.contains("aligned"));
    let object = (
        unicorn.says == reference.says,
        executor.says == reference.says,
    );
    match (object, board_agrees(board)) {
        ((true, true), Some(false)) => Party::Compiler,
        ((true, true), _) if alone(stages, reference) => Party::Interpreter,
        ((true, true), _) if stages.iter().any(|s| s.says != reference.says) => Party::Compiler,
        ((true, true), _) if pass.is_none_or(|p| p == crate::stage::OBJECT) => Party::Harness,
        ((true, true), _) => Party::Compiler,
        // Two simulators that share nothing agree; the executor shares its table with the compiler.
        ((false, true), Some(true)) => Party::Table,
        ((false, true), _) => Party::Simulator,
        // Unicorn never faults on what is not aligned, cores and boards do.
        ((true, false), Some(false)) => Party::Compiler,
        ((true, false), _) if unaligned => Party::Compiler,
        ((true, false), _) => Party::Table,
        ((false, false), _) => Party::Compiler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Kind;

    fn said(list: [&str; 6]) -> Vec<Voice> {
        let names = [
            "wasmtime",
            "wasmtime, optimizing",
            "unicorn",
            "executor",
            "IR after translate",
            "code after lower",
        ];
        let voice = |(name, says): (&str, &str)| Voice {
            name: name.into(),
            says: vec![says.into()],
        };
        names.into_iter().zip(list).map(voice).collect()
    }

    #[test]
    fn the_odd_voice_is_to_blame() {
        let d = Difference {
            kind: Kind::Result,
            step: Some(0),
            engine: "unicorn".into(),
            expected: "1".into(),
            got: "2".into(),
        };
        let board = |line: &str| Voice {
            name: "qemu".into(),
            says: vec![line.into()],
        };
        let silent = board("not asked");
        let same = board("qemu cortex-m3: as unicorn, in every register");
        let other = board("qemu cortex-m3: fault: UNALIGNED where wasmtime says 1");
        let blame = |list, pass, board: &Voice| party(&d, &said(list), board, pass);
        let of = |list, pass| blame(list, pass, &silent);
        assert_eq!(
            of(["1", "1", "2", "2", "1", "2"], Some("lower")),
            Party::Compiler
        );
        assert_eq!(
            of(["1", "1", "2", "2", "1", "1"], Some("layout")),
            Party::Compiler
        );
        // Translation is wrong: everything after it agrees, against a reference that agrees with itself.
        assert_eq!(
            of(["1", "1", "2", "2", "2", "2"], Some("translate")),
            Party::Compiler
        );
        assert_eq!(
            of(["1", "2", "2", "2", "2", "2"], Some("translate")),
            Party::Reference
        );
        assert_eq!(of(["1", "1", "2", "1", "1", "1"], None), Party::Simulator);
        assert_eq!(
            blame(["1", "1", "2", "1", "1", "1"], None, &same),
            Party::Table
        );
        assert_eq!(of(["1", "1", "1", "2", "1", "1"], None), Party::Table);
        assert_eq!(
            of(["1", "1", "1", "fault: not aligned", "1", "1"], None),
            Party::Compiler
        );
        assert_eq!(
            blame(["1", "1", "1", "1", "1", "1"], None, &other),
            Party::Compiler
        );
        assert_eq!(
            of(["1", "1", "1", "1", "1", "2"], Some("lower")),
            Party::Interpreter
        );
        assert_eq!(of(["1", "1", "1", "1", "1", "1"], None), Party::Harness);
        let own = Difference {
            kind: Kind::Static,
            ..d.clone()
        };
        let all = said(["1", "1", "1", "1", "1", "1"]);
        assert_eq!(party(&own, &all, &silent, None), Party::Compiler);
    }
}
