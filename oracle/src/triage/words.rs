//! Texts of failed checks, without what depends on the case.
//!
//! In: what a check or a panic said. Out: its words, in which numbers, registers, names of functions and everything in
//! brackets are gone; the pass that it speaks of; the place in the source that panicked. Invariant: two reports of one
//! check about two programs give the same words, two checks give others.

use crate::compare::Kind;
use thumbsmith::isa::{Op, Sem};
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
    // The encoder says what is wrong with an instruction, not which decision asked for it: one is refused in many words.
    if text.contains(": layout of ") && text.contains('`') {
        return "cannot be encoded".into();
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
        let register = ["sp", "lr", "pc"].contains(w);
        w.len() > 1 && !register && w.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    // Operations of the machine IR.
    let name = |w: &&str| w.len() > 2 && w.chars().all(|c| c.is_ascii_alphabetic());
    let those = |part: &str, of: &dyn Fn(&&str) -> bool| {
        let all = part.split_whitespace();
        let trimmed = all.map(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
        let words: Vec<&str> = trimmed.filter(of).take(MOST).collect();
        words.join(" ")
    };
    // Who is spoken of stands before the colon; what is wrong behind it, where that is words.
    let mut parts = kept.rsplit(": ");
    let said = those(parts.next().unwrap_or_default(), &word);
    match said.is_empty() {
        true => those(parts.next().unwrap_or_default(), &name),
        false => said,
    }
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

/// What an operation of the table is called where the table or its executor is to blame. Operations of the floating-point
/// extension that share a row of the executor share its name, whatever their precision and condition.
pub(super) fn executed(op: Op) -> String {
    match op.sem() {
        Sem::Vfp(vfp) => {
            let row = format!("{vfp:?}").to_lowercase();
            let end = row.find(|c: char| !c.is_ascii_alphanumeric());
            // With zero is compared as with anything.
            let row = row[..end.unwrap_or(row.len())].trim_end_matches("zero");
            format!("float {row}")
        }
        _ => mnemonic(op.mnemonic()),
    }
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
        let odd = "internal error: m.f after lower: block 0, instruction 8: InStore: 0 Al, in function 1 (m.f)";
        assert_eq!(plain(odd), "InStore");
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
