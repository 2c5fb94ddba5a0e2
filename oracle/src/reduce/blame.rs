//! Names the rewrite that is guilty of a difference, by bisecting the compiler's fuel.
//!
//! In: a case that differs. Out: the last rewrite done under the smallest fuel that still differs. Invariant: both sides
//! of the boundary were judged: with that much fuel it differs, with one unit less it does not. A case that
//! differs without any rewrite is the fault of what every level runs: translation, lowering, allocation, layout.

use super::{Wanted, differs};
use crate::check::{self, Judge};
use crate::reduce::Candidate;
use thumbsmith::Options;

/// What bisecting the fuel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guilty {
    /// The compiler fails before it can be asked.
    Compiler,
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
            Guilty::Compiler => f.write_str("the compiler itself"),
            Guilty::NoRewrite => {
                f.write_str("no rewrite: translation, lowering, allocation or emission")
            }
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
    let used = match check::stats(&case.wasm, options) {
        Some(stats) => stats.fuel_used,
        None => return Guilty::Compiler,
    };
    if differs(judge, &with(0), case, wanted) {
        return Guilty::NoRewrite;
    }
    let (mut right, mut wrong) = (0, used);
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
    let name = check::stats(&case.wasm, &with(wrong)).and_then(|s| s.last_rewrite);
    Guilty::Rewrite {
        name: name.unwrap_or("unnamed"),
        number: wrong,
        of: used,
    }
}
