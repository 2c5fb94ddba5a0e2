//! Who can notice that something is wrong: the voices, and which of them a difference is from.
//!
//! In: a difference. Out: its [`Voice`]. Invariant: every difference of a module is from exactly one voice.

use crate::compare::{Difference, Kind};

/// Who can notice that something is wrong with a module's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Voice {
    /// Unicorn runs the object, beside the reference.
    Unicorn,
    /// The executor over the instruction table runs the object.
    Executor,
    /// The interpreter runs the IR after the last pass over it.
    Interpreter,
    /// Machine IR, allocation, linear code and bytes are run as the passes of the backend leave them.
    Stages,
    /// The static judge reads the object.
    Statics,
    /// A board of QEMU runs the object.
    Qemu,
    /// The compiler's own checks: verifiers, the allocation checker, everything that makes it fail or panic.
    Checks,
}

impl Voice {
    /// Every one.
    pub const ALL: [Voice; 7] = [
        Voice::Unicorn,
        Voice::Executor,
        Voice::Interpreter,
        Voice::Stages,
        Voice::Statics,
        Voice::Qemu,
        Voice::Checks,
    ];

    /// The name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Voice::Unicorn => "unicorn",
            Voice::Executor => "executor",
            Voice::Interpreter => "interpreter",
            Voice::Stages => "stages",
            Voice::Statics => "statics",
            Voice::Qemu => "qemu",
            Voice::Checks => "checks",
        }
    }

    /// The voice of this name.
    pub fn named(name: &str) -> Option<Voice> {
        Voice::ALL.into_iter().find(|v| v.name() == name)
    }

    /// The voice without which this one cannot speak.
    pub fn asks(self) -> Option<Voice> {
        match self {
            // What a call must preserve, a board's run is compared with unicorn's.
            Voice::Qemu => Some(Voice::Unicorn),
            Voice::Unicorn | Voice::Executor | Voice::Interpreter => None,
            Voice::Stages | Voice::Statics | Voice::Checks => None,
        }
    }

    /// Who noticed a difference of a module.
    pub fn of(difference: &Difference) -> Voice {
        match difference.kind {
            Kind::Compiler | Kind::Refused if !difference.is_inside() => Voice::Checks,
            Kind::Static => Voice::Statics,
            _ if difference.is_inside() => Voice::Stages,
            _ if difference.engine.starts_with("IR after") => Voice::Interpreter,
            _ if difference.engine.starts_with("executor") => Voice::Executor,
            _ if difference.engine.starts_with("qemu") => Voice::Qemu,
            _ => Voice::Unicorn,
        }
    }
}
