//! Which passes run, and in which order.
//!
//! In: options. Out: rows of the table of passes: those of the level, or of the list that the options name. Invariant: the
//! order constraints hold for what is given, so a pass finds what it needs; the oracle runs any other order there is.

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::pipeline::{ALL, PASSES, Pass, Phase};

/// Checks the order constraints of the table, for the passes that run, and that no pass leaves an earlier form than the
/// one before it. A constraint on a pass that runs more than once is about the first time.
///
/// # Errors
/// `Internal`, naming the row.
pub fn check_order(passes: &[&Pass]) -> Result<()> {
    let fail = |what: String| Err(Error::new(ErrorKind::Internal, what));
    for (i, p) in passes.iter().enumerate() {
        for a in p.after {
            let Some(row) = PASSES.iter().find(|q| q.name == *a) else {
                return fail(format!(
                    "pass {} must stand after {a}, which there is not",
                    p.name
                ));
            };
            let stands = passes.iter().position(|q| q.name == *a);
            if stands.is_some_and(|k| k > i) || stands.is_none() && row.levels == ALL {
                return fail(format!("pass {} must stand after {a}", p.name));
            }
        }
        if i > 0 && (passes[i - 1].phase == Phase::Late && p.phase == Phase::Early) {
            return fail(format!(
                "pass {} is early, and stands after late ones",
                p.name
            ));
        }
        if let Some(q) = passes[..i].iter().find(|q| q.gives > p.gives) {
            return fail(format!("pass {} must stand before {}", p.name, q.name));
        }
    }
    Ok(())
}

/// The passes that run under these options: those of the level, or of the plan that the options name. Their order is
/// checked.
///
/// # Errors
/// As [`check_order`]; [`ErrorKind::Options`] if the plan names no pass, leaves out one that code needs, runs one of
/// those twice, or has another order than the table admits.
pub(crate) fn passes_of(options: &Options) -> Result<Vec<&'static Pass>> {
    let Some(plan) = &options.passes else {
        let passes: Vec<_> = PASSES.iter().filter(|p| p.runs(options)).collect();
        check_order(&passes)?;
        return Ok(passes);
    };
    let refuse = |what: String| {
        let names: Vec<_> = PASSES.iter().map(|p| p.name).collect();
        Error::new(ErrorKind::Options, what).help(format!("passes are: {}", names.join(", ")))
    };
    let named = |name: &String| {
        let row = PASSES.iter().find(|p| p.name == name);
        row.ok_or_else(|| refuse(format!("no pass `{name}`")))
    };
    let passes = plan.iter().map(named).collect::<Result<Vec<_>>>()?;
    let times = |p: &Pass| passes.iter().filter(|q| q.name == p.name).count();
    if let Some(p) = PASSES.iter().find(|p| !p.is_optional() && times(p) != 1) {
        return Err(refuse(format!("pass {} must run once", p.name)));
    }
    check_order(&passes).map_err(|e| refuse(e.message))?;
    let left_out = |p: &&Pass| options.without.iter().any(|w| w == p.name);
    Ok(passes.into_iter().filter(|p| !left_out(p)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: &str = "wide,address,lower,regalloc,emit,finish,layout";

    fn names(list: &str, without: &[&str]) -> std::result::Result<Vec<&'static str>, String> {
        let options = Options {
            passes: Some(list.split(',').map(str::to_owned).collect()),
            without: without.iter().map(|w| (*w).to_owned()).collect(),
            ..Options::default()
        };
        let passes = passes_of(&options).map_err(|e| {
            assert_eq!(e.kind, ErrorKind::Options, "{e}");
            e.message
        })?;
        Ok(passes.into_iter().map(|p| p.name).collect())
    }

    #[test]
    fn legal_lists_run_as_they_are() {
        for early in ["", "inline,", "ranges,simplify,ranges,inline,inline,"] {
            let list = format!("{early}{NEEDED}");
            assert_eq!(names(&list, &[]).expect("legal").join(","), list);
        }
        let list = format!("ranges,simplify,ranges,{NEEDED}");
        let left = names(&list, &["ranges"]).expect("legal").join(",");
        assert_eq!(left, format!("simplify,{NEEDED}"));
    }

    #[test]
    fn other_lists_are_refused() {
        let refused = |list: &str, what: &str| {
            let error = names(list, &[]).expect_err("not legal");
            assert!(error.contains(what), "{list}: {error}");
        };
        refused(&format!("nonsense,{NEEDED}"), "no pass `nonsense`");
        refused(&format!("{NEEDED},layout"), "layout must run once");
        refused("simplify", "wide must run once");
        refused(&format!("{NEEDED},simplify"), "simplify is early");
        refused(
            &format!("{NEEDED},simplify-words"),
            "must stand before lower",
        );
        refused(&format!("simplify-words,{NEEDED}"), "must stand after wide");
        refused(
            "address,wide,lower,regalloc,emit,finish,layout",
            "address must stand after wide",
        );
    }
}
