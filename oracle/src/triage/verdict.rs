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
    /// The reference.
    Reference,
    /// The oracle: the voices agree, and yet it differed.
    Harness,
}

impl Party {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Party::Compiler => "the compiler",
            Party::Simulator => "the simulator (unicorn), against everybody else",
            Party::Table => "the table of instructions or its executor, against everybody else",
            Party::Reference => "the reference (wasmtime), against everybody else",
            Party::Harness => "the oracle itself: all voices agree",
        }
    }
}

/// What every voice says to the steps of a case: wasmtime, unicorn, executor, then each stage of the compiler.
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

/// Who is to blame, by what the voices say.
pub(super) fn party(difference: &Difference, voices: &[Voice], pass: Option<&str>) -> Party {
    // Checks of the compiler itself, of its objects and of its code speak of nobody else.
    if !difference.kind.is_behaviour() {
        return Party::Compiler;
    }
    let [reference, unicorn, executor, stages @ ..] = voices else {
        return Party::Compiler;
    };
    let first = stages.first();
    let untouched_agrees = first.is_none_or(|s| s.says == reference.says);
    match (
        unicorn.says == reference.says,
        executor.says == reference.says,
    ) {
        (true, true) if pass.is_none() && stages.iter().all(|s| s.says == reference.says) => {
            Party::Harness
        }
        (false, true) => Party::Simulator,
        (true, false) => Party::Table,
        // What every stage of the compiler says, the untouched one too, and both simulators: the odd one is the reference.
        (false, false)
            if !untouched_agrees
                && unicorn.says == executor.says
                && stages.iter().all(|s| s.says == unicorn.says) =>
        {
            Party::Reference
        }
        _ => Party::Compiler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Kind;

    fn said(list: [&str; 5]) -> Vec<Voice> {
        let names = ["wasmtime", "unicorn", "executor", "translate", "lower"];
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
        let blame = |list, pass| party(&d, &said(list), pass);
        assert_eq!(
            blame(["1", "2", "2", "1", "2"], Some("lower")),
            Party::Compiler
        );
        assert_eq!(
            blame(["1", "2", "2", "1", "1"], Some("layout")),
            Party::Compiler
        );
        assert_eq!(blame(["1", "2", "1", "1", "1"], None), Party::Simulator);
        assert_eq!(blame(["1", "1", "2", "1", "1"], None), Party::Table);
        assert_eq!(
            blame(["1", "2", "2", "2", "2"], Some("translate")),
            Party::Reference
        );
        assert_eq!(blame(["1", "1", "1", "1", "1"], None), Party::Harness);
        let own = Difference {
            kind: Kind::Static,
            ..d.clone()
        };
        assert_eq!(
            party(&own, &said(["1", "1", "1", "1", "1"]), None),
            Party::Compiler
        );
    }
}
