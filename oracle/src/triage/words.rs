//! Texts of failed checks, without what depends on the case.
//!
//! In: what a check or a panic said. Out: its words, in which numbers, registers, names of functions and everything in
//! brackets are gone; the pass that it speaks of; the place in the source that panicked. Invariant: two reports of one
//! check about two programs give the same words, two checks give others.

use crate::compare::Kind;
use thumbsmith::pipeline::PASSES;

/// Words that are kept.
const MOST: usize = 9;

/// The place in the source that a text names, without line and column: lines move.
fn place(text: &str) -> Option<&str> {
    let at = text.find("src/")?;
    let rest = &text[at + 4..];
    let end = rest.find(".rs")?;
    Some(&rest[..end])
}

/// The words of a text that do not depend on the case.
pub(super) fn plain(text: &str) -> String {
    if text.contains("panicked") {
        let said = text.split_once(": ").map_or("", |s| s.1);
        return format!(
            "panic {} {}",
            place(text).unwrap_or("somewhere"),
            sieve(said)
        )
        .trim()
        .to_owned();
    }
    let line = text.lines().next().unwrap_or_default();
    // Errors of a module end with the function that they are in.
    sieve(line.split(", in function").next().unwrap_or_default())
}

fn sieve(text: &str) -> String {
    let mut depth = 0;
    let mut quoted = false;
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '"' | '`' => quoted = !quoted,
            _ if depth > 0 || quoted => {}
            _ => kept.push(c),
        }
    }
    let word = |w: &&str| {
        let plain = w.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let register = ["sp", "lr", "pc"].contains(&plain);
        plain.len() > 1 && !register && plain.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    // Who is spoken of stands before the colon; what is wrong behind it.
    let kept = kept.rsplit(": ").next().unwrap_or_default();
    let words: Vec<&str> = kept.split_whitespace().filter(word).take(MOST).collect();
    let trim = |w: &&str| {
        w.trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .to_owned()
    };
    words.iter().map(trim).collect::<Vec<_>>().join(" ")
}

/// The pass or room that a failed check speaks of.
pub(super) fn pass(kind: &Kind, text: &str) -> String {
    // The allocator was given what lowering should not have left.
    if text.contains("never defined") {
        return "lower".into();
    }
    if text.contains("register allocation") {
        return "regalloc".into();
    }
    if text.contains("schedule: ") {
        return "lower".into();
    }
    if let Some(p) = PASSES
        .iter()
        .find(|p| text.contains(&format!("after {}:", p.name)))
    {
        return p.name.into();
    }
    if text.contains("after translate:") {
        return "translate".into();
    }
    if let (true, Some(place)) = (text.contains("panicked"), place(text)) {
        let rooms = [
            ("wasm/", "translate"),
            ("init", "translate"),
            ("opt/wide", "wide"),
            ("opt/address", "address"),
            ("opt/schedule", "lower"),
            ("opt/", "simplify"),
            ("backend/lower", "lower"),
            ("backend/emit", "emit"),
            ("backend/finish", "finish"),
            ("backend/layout", "layout"),
            ("regalloc/", "regalloc"),
            ("isa/", "layout"),
            ("object/", "object"),
        ];
        let room = rooms.iter().find(|(start, _)| place.starts_with(start));
        return room.map_or("compiler", |r| r.1).to_owned();
    }
    match kind {
        Kind::Link => "object",
        Kind::Static => "layout",
        Kind::Refused => "translate",
        _ => "layout",
    }
    .to_owned()
}

/// A mnemonic without its condition and width.
pub(super) fn mnemonic(text: &str) -> String {
    text.split('.').next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_the_case_is_gone() {
        let a = "internal error: register allocation of f3: block 6, instruction 1: v32 is read in r10, which holds []";
        let b = "internal error: register allocation of m_init: block 0, instruction 12: v2 is read in lr, which holds [v9, v8]";
        assert_eq!(plain(a), plain(b));
        assert_eq!(plain(a), "is read in which holds");
        assert_eq!(plain(&format!("{b}, in function 25 (m.div_u64)")), plain(a));
        assert_ne!(
            plain(a),
            plain("internal error: register allocation of f3: block 6: no store of v3")
        );
        assert_eq!(pass(&Kind::Compiler, a), "regalloc");
        let panic = "panicked at compiler/src/backend/layout.rs:12:7: index out of bounds: the len is 3 but the index is 4";
        assert_eq!(pass(&Kind::Compiler, panic), "layout");
        assert!(
            plain(panic).starts_with("panic backend/layout"),
            "{}",
            plain(panic)
        );
        assert_eq!(
            pass(
                &Kind::Compiler,
                "internal error: f2 after wide: block 3 is odd"
            ),
            "wide"
        );
    }
}
