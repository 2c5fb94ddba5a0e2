//! Names the rewrite that is guilty of a difference, by bisecting the compiler's fuel.
//!
//! In: a case that differs. Out: the last rewrite done under the smallest fuel that still differs. Invariant: both sides
//! of the boundary were judged: with that much fuel it differs, with one unit less it does not. A case that
//! differs without any rewrite is the fault of what every level runs: translation, lowering, allocation, layout.

use super::{Wanted, differs};
use crate::check::{self, Judge};
use crate::reduce::Candidate;
use thumbsmith::Options;

/// More rewrites than a case that was worth reducing makes, where they cannot be counted.
const MOST: u64 = 1 << 20;

/// What bisecting the fuel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guilty {
    /// It differs without any rewrite.
    NoRewrite,
    /// It differs only without a limit of fuel.
    Unlimited,
    /// With this rewrite it differs, and without it does not.
    Rewrite {
        /// Its name.
        name: &'static str,
        /// Which rewrite of the compilation it is, counted from 1.
        number: u64,
        /// Rewrites in all.
        of: u64,
    },
}

impl std::fmt::Display for Guilty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Guilty::NoRewrite => f.write_str("no rewrite: what every level does"),
            Guilty::Unlimited => f.write_str("unknown: differs only without a fuel limit"),
            Guilty::Rewrite { name, number, of } => write!(f, "{name} (rewrite {number} of {of})"),
        }
    }
}

/// The guilty rewrite.
pub(super) fn guilty(
    judge: &mut Judge,
    options: &Options,
    case: &Candidate,
    wanted: Wanted,
) -> Guilty {
    let with = |fuel: u64| Options {
        fuel: Some(fuel),
        ..options.clone()
    };
    // A compiler that fails may do so in a check, and come to its end without it.
    let unchecked = Options {
        verify: false,
        ..options.clone()
    };
    let stats = |fuel: Option<u64>| {
        let limited = |o: &Options| Options { fuel, ..o.clone() };
        check::stats(&case.wasm, &limited(options))
            .or_else(|| check::stats(&case.wasm, &limited(&unchecked)))
    };
    let used = stats(options.fuel).map(|s| s.fuel_used);
    if differs(judge, &with(0), case, wanted) {
        return Guilty::NoRewrite;
    }
    let (mut right, mut wrong) = (0, used.unwrap_or(MOST));
    if !differs(judge, &with(wrong), case, wanted) {
        return Guilty::Unlimited;
    }
    while wrong - right > 1 {
        let middle = right + (wrong - right) / 2;
        if differs(judge, &with(middle), case, wanted) {
            wrong = middle;
        } else {
            right = middle;
        }
    }
    let name = stats(Some(wrong)).and_then(|s| s.last_rewrite);
    Guilty::Rewrite {
        name: name.unwrap_or("unnamed"),
        number: wrong,
        of: used.unwrap_or(wrong),
    }
}
