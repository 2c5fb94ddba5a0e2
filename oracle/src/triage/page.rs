//! The report, as text for a terminal and as one self-contained HTML page.
//!
//! In: a [`Triage`]. Out: the same sections in both forms, from one list. Invariant: nothing in the page is fetched from
//! elsewhere, and every text in it is escaped.

use super::Triage;
use crate::regression::options_text;
use similar::TextDiff;
use std::fmt::Write;

/// A section: its title, and its lines as they are.
pub(super) struct Section {
    /// Above it.
    pub(super) title: &'static str,
    /// Its lines.
    pub(super) body: String,
}

pub(super) fn sections(t: &Triage) -> Vec<Section> {
    let mut all = vec![
        Section {
            title: "What differs",
            body: differs(t),
        },
        Section {
            title: "Case",
            body: t.case.print(),
        },
        Section {
            title: "Voices",
            body: voices(t),
        },
        Section {
            title: "Options",
            body: matrix(t),
        },
    ];
    if let Some(trace) = &t.trace {
        all.push(Section {
            title: "Trace",
            body: trace.excerpt(),
        });
    }
    if let Some(forms) = &t.forms {
        let diff = TextDiff::from_lines(&forms.before, &forms.after);
        let mut unified = diff.unified_diff();
        let unified = unified
            .context_radius(4)
            .header(&forms.before_name, &forms.after_name);
        all.push(Section {
            title: "Before and after",
            body: unified.to_string(),
        });
    }
    all.push(Section {
        title: "Again",
        body: format!(
            "{}    # in this folder; status 1\ncp case.wat regressions/{}.wat    # the regression, with the reference's answers\n",
            t.repro(),
            t.key()
        ),
    });
    all
}

fn differs(t: &Triage) -> String {
    let d = &t.difference;
    let mut out = String::new();
    let step = d
        .step
        .map_or("initialization".into(), |s| format!("step {s}"));
    let _ = writeln!(
        out,
        "kind       {} at {step}, said by {}",
        d.kind.name(),
        d.engine
    );
    let _ = writeln!(out, "expected   {}", d.expected);
    let _ = writeln!(out, "got        {}", d.got);
    let _ = writeln!(out, "to blame   {}", t.party.text());
    let _ = writeln!(out, "guilty     {}", t.culprit);
    let _ = writeln!(
        out,
        "because    {}",
        t.culprit.how.lines().next().unwrap_or_default()
    );
    let _ = writeln!(out, "fuel says  {}", t.rewrite);
    let _ = writeln!(out, "operators  {}", t.operators);
    let _ = writeln!(out, "key        {}", t.key());
    out
}

/// Voices that say the same, together.
fn voices(t: &Triage) -> String {
    let mut out = String::new();
    let mut groups: Vec<(&[String], Vec<&str>)> = Vec::new();
    for v in &t.voices {
        match groups.iter_mut().find(|g| g.0 == v.says) {
            Some(group) => group.1.push(&v.name),
            None => groups.push((&v.says, vec![&v.name])),
        }
    }
    for (says, names) in groups {
        let _ = writeln!(out, "{}:", names.join(", "));
        for line in says {
            let _ = writeln!(out, "    {line}");
        }
    }
    out
}

/// A row a CPU and level, a letter a bounds mode: `X` differs, `.` does not.
fn matrix(t: &Triage) -> String {
    let mut out = format!("found under: {}\n", options_text(&t.case.options));
    let plain = t.case.options.stack_check;
    let mut line = String::new();
    for (o, fails) in t.matrix.iter().filter(|(o, _)| o.stack_check == plain) {
        let name = format!("{} -O{}", o.cpu.name(), o.level.name());
        if name != line {
            if !line.is_empty() {
                out.push('\n');
            }
            let _ = write!(out, "{name:16}");
            line = name;
        }
        let mark = if *fails { "X" } else { "." };
        let _ = write!(out, " {}:{mark}", o.bounds.name());
    }
    out.push('\n');
    for (o, fails) in t.matrix.iter().filter(|(o, _)| o.stack_check != plain) {
        let word = if o.stack_check { "with" } else { "without" };
        let _ = writeln!(
            out,
            "{word} the stack check: {}",
            if *fails { "X" } else { "." }
        );
    }
    out
}

/// The report for a terminal.
pub fn text(t: &Triage) -> String {
    plain(&sections(t))
}

/// Sections for a terminal.
pub(super) fn plain(sections: &[Section]) -> String {
    let mut out = String::new();
    for s in sections {
        let _ = write!(out, "== {}\n\n{}\n", s.title, s.body);
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}

/// How a line is shown: what was added, taken away, or marked.
fn class(line: &str) -> Option<&'static str> {
    match line.as_bytes() {
        [b'+', ..] => Some("add"),
        [b'-', ..] => Some("del"),
        [b'=', b'>', ..] => Some("mark"),
        _ => None,
    }
}

/// Sections as a page with this title.
pub(super) fn html(title: &str, sections: &[Section]) -> String {
    let key = escape(title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{key}</title>\n<style>\n\
         body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}\n\
         pre {{ background: #f5f5f2; border: 1px solid #ddd; border-radius: 4px; overflow-x: auto; padding: .8rem; }}\n\
         .add {{ background: #dff5df; }} .del {{ background: #fbe0e0; }} .mark {{ background: #fff0b3; font-weight: bold; }}\n\
         @media (prefers-color-scheme: dark) {{ body {{ background: #1b1b1b; color: #ddd; }} \
         pre {{ background: #262626; border-color: #444; }} .add {{ background: #173f17; }} .del {{ background: #4a1c1c; }} \
         .mark {{ background: #5a4a00; }} }}\n\
         </style></head><body>\n<h1>{key}</h1>\n"
    );
    for s in sections {
        let _ = write!(out, "<h2>{}</h2>\n<pre>", escape(s.title));
        for line in s.body.lines() {
            match class(line) {
                Some(class) => {
                    let _ = writeln!(out, "<span class=\"{class}\">{}</span>", escape(line));
                }
                None => {
                    let _ = writeln!(out, "{}", escape(line));
                }
            }
        }
        out += "</pre>\n";
    }
    out + "</body></html>\n"
}
