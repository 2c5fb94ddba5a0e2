//! Names the rewrite that is guilty of a difference, by bisecting the compiler's fuel.
//!
//! In: a case that differs. Out: the last rewrite done under the smallest fuel that still differs. Invariant: both sides
//! of the boundary were judged: with that much fuel it differs, with one unit less it does not. A case that
//! differs without any rewrite is the fault of what every level runs: translation, lowering, allocation, layout.

use super::{Wanted, differs};
use crate::check::{self, Judge};
use crate::reduce::Candidate;
use thumbsmith::Options;

/// The guilty rewrite, in words.
pub(super) fn guilty(
    judge: &mut Judge,
    options: &Options,
    case: &Candidate,
    wanted: Wanted,
) -> String {
    let with = |fuel: u64| Options {
        fuel: Some(fuel),
        ..options.clone()
    };
    let used = match check::stats(&case.wasm, options) {
        Some(stats) => stats.fuel_used,
        None => return "the compiler itself".into(),
    };
    if differs(judge, &with(0), case, wanted) {
        return "no rewrite: translation, lowering, allocation or emission".into();
    }
    let (mut right, mut wrong) = (0, used);
    if !differs(judge, &with(wrong), case, wanted) {
        return "unknown: differs only without a fuel limit".into();
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
    format!("{} (rewrite {wrong} of {used})", name.unwrap_or("unnamed"))
}
