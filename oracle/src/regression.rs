//! The text form of a case: how differences are written down, and how `regressions/` is kept.
//!
//! One `.wat` file a bug, readable and valid as text by itself:
//!
//! ```text
//! ;; found-by: hunt ops
//! ;; guilty: lower
//! ;; options: cortex-m3 -O2 check choices=heuristic
//! (module ...)
//! ;; set global0 0x5
//! ;; call f0 0x1 0x2 => 0x3
//! ;; call f0 0x1 0x0 => trap integer divide by zero
//! ```
//!
//! A line `;; init` instead of calls says that the difference shows when the module is initialized.
//! Values are hexadecimal, zero-extended. `=>` holds what the reference says; replay compares it again with the
//! reference, so a wrong file is noticed, then with the emitted code on every CPU and level.

use crate::check::Report;
use crate::compare::Step;
use crate::engine::Outcome;
use crate::program::Info;
use thumbsmith::choices::Source;
use thumbsmith::options::{Base, by_name, memory_base};
use thumbsmith::{Bounds, Cpu, Level, Options, TrapKind};

/// A case with its history and expectations.
#[derive(Clone, Debug)]
pub struct Case {
    /// Who found it.
    pub found_by: String,
    /// The pass or rule to blame; `unknown` until somebody knows.
    pub guilty: String,
    /// The options it was found under.
    pub options: Options,
    /// The module.
    pub wasm: Vec<u8>,
    /// Its text.
    pub text: String,
    /// The steps.
    pub steps: Vec<Step>,
    /// For each step the expected outcome; `None` for steps that are not calls, or not known yet.
    pub expected: Vec<Option<Outcome>>,
}

/// Options in one line.
pub fn options_text(o: &Options) -> String {
    let choices = match &o.choices {
        Source::Heuristic => "heuristic".to_owned(),
        Source::Seed(seed) => format!("seed:{seed:#x}"),
        Source::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("bytes:{hex}")
        }
    };
    let stack = if o.stack_check {
        ""
    } else {
        " stack-check=off"
    };
    let place = match o.memory_base {
        Base::Symbol => String::new(),
        Base::Address(at) => format!(" memory-base={at:#x}"),
        Base::Identity => " memory-base=identity".to_owned(),
    };
    let fuel = o.fuel.map_or(String::new(), |n| format!(" fuel={n}"));
    let without = match o.without.as_slice() {
        [] => String::new(),
        names => format!(" without={}", names.join(",")),
    };
    let passes = match &o.passes {
        None => String::new(),
        Some(names) => format!(" passes={}", names.join(",")),
    };
    format!(
        "{} -O{} {} choices={choices}{stack}{place}{fuel}{without}{passes}",
        o.cpu.name(),
        o.level.name(),
        o.bounds.name()
    )
}

/// Options from their line.
///
/// # Errors
/// Text that names the word that is not understood.
pub fn parse_options(text: &str) -> Result<Options, String> {
    let mut options = Options {
        name: "m".into(),
        // As hunts do: what a check of the compiler found is found by it again.
        verify: true,
        ..Options::default()
    };
    for word in text.split_whitespace() {
        let bad = || format!("options: `{word}` is not understood");
        if let Some(level) = word.strip_prefix("-O") {
            options.level =
                by_name("level", level, &Level::ALL, Level::name).map_err(|e| e.to_string())?;
        } else if let Some(choices) = word.strip_prefix("choices=") {
            options.choices = parse_choices(choices).ok_or_else(bad)?;
        } else if word == "stack-check=off" {
            options.stack_check = false;
        } else if let Some(place) = word.strip_prefix("memory-base=") {
            options.memory_base = memory_base(place).map_err(|e| e.to_string())?;
        } else if let Some(fuel) = word.strip_prefix("fuel=") {
            options.fuel = Some(fuel.parse().map_err(|_| bad())?);
        } else if let Some(names) = word.strip_prefix("without=") {
            options.without = names.split(',').map(str::to_owned).collect();
        } else if let Some(names) = word.strip_prefix("passes=") {
            options.passes = Some(names.split(',').map(str::to_owned).collect());
        } else if let Ok(cpu) = by_name("cpu", word, &Cpu::ALL, Cpu::name) {
            options.cpu = cpu;
        } else {
            options.bounds =
                by_name("bounds", word, &Bounds::ALL, Bounds::name).map_err(|_| bad())?;
        }
    }
    Ok(options)
}

fn parse_choices(text: &str) -> Option<Source> {
    if text == "heuristic" {
        return Some(Source::Heuristic);
    }
    if let Some(seed) = text.strip_prefix("seed:") {
        return Some(Source::Seed(number(seed)?));
    }
    let hex = text.strip_prefix("bytes:")?;
    if !hex.is_ascii() || hex.len() % 2 == 1 {
        return None;
    }
    let byte = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
    Some(Source::Bytes(
        (0..hex.len()).step_by(2).map(byte).collect::<Option<_>>()?,
    ))
}

/// A number as people write it: decimal, negative, or hexadecimal.
pub fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    text.parse::<u64>()
        .ok()
        .or_else(|| text.parse::<i64>().ok().map(|n| n as u64))
}

/// One step in one line. An export whose name is not one word is written as `#` and its number.
pub fn step_text(step: &Step, info: &Info) -> String {
    match step {
        Step::Set(global, value) => format!("set global{global} {value:#x}"),
        Step::Call(export, args) => {
            let name = info.exports.get(*export).map_or("?", |e| e.name.as_str());
            let plain = !name.is_empty()
                && !name.starts_with('#')
                && name.chars().all(|c| c.is_ascii_graphic());
            let name = if plain {
                name.to_owned()
            } else {
                format!("#{export}")
            };
            let args: String = args.iter().map(|a| format!(" {a:#x}")).collect();
            format!("call {name}{args}")
        }
    }
}

fn parse_step(text: &str, info: &Info) -> Option<Step> {
    let mut words = text.split_whitespace();
    match words.next()? {
        "set" => {
            let global = words.next()?.strip_prefix("global")?.parse().ok()?;
            info.settable_globals().contains(&global).then_some(())?;
            Some(Step::Set(
                global,
                info.globals[global].ty.wrap(number(words.next()?)?),
            ))
        }
        "call" => {
            let name = words.next()?;
            let export = match name.strip_prefix('#') {
                Some(index) => index.parse().ok()?,
                None => info.export_named(name)?,
            };
            let params = &info.exports.get(export)?.sig.params;
            let args: Vec<u64> = words.map(number).collect::<Option<_>>()?;
            (args.len() == params.len()).then_some(())?;
            Some(Step::Call(
                export,
                params.iter().zip(args).map(|(ty, a)| ty.wrap(a)).collect(),
            ))
        }
        _ => None,
    }
}

fn outcome_text(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Returned(values) => Some(
            values
                .iter()
                .map(|v| format!("{v:#x}"))
                .collect::<Vec<_>>()
                .join(" "),
        ),
        Outcome::Trapped(kind) => Some(format!("trap {}", kind.text())),
        Outcome::Fault(_) | Outcome::Void(_) => None,
    }
}

fn parse_outcome(text: &str) -> Option<Outcome> {
    match text.trim().strip_prefix("trap ") {
        Some(kind) => TrapKind::ALL
            .iter()
            .find(|k| k.text() == kind)
            .map(|k| Outcome::Trapped(*k)),
        None => Some(Outcome::Returned(
            text.split_whitespace().map(number).collect::<Option<_>>()?,
        )),
    }
}

impl Case {
    /// The case of a fresh report, without expectations.
    pub fn from_report(report: &Report) -> Case {
        Case {
            found_by: format!("hunt {}", report.origin),
            guilty: report.guilty.clone().unwrap_or_else(|| "unknown".into()),
            options: report.options.clone(),
            text: wasmprinter::print_bytes(&report.wasm).unwrap_or_default(),
            wasm: report.wasm.clone(),
            steps: report.steps.clone(),
            expected: vec![None; report.steps.len()],
        }
    }

    /// Reads a case.
    ///
    /// # Errors
    /// Text that names the line that is not understood.
    pub fn parse(text: &str) -> Result<Case, String> {
        Case::of(wat::parse_str(text).map_err(|e| e.to_string())?, text)
    }

    /// The case of a module, with the comment lines of `text`.
    ///
    /// # Errors
    /// As [`Case::parse`].
    pub fn of(wasm: Vec<u8>, text: &str) -> Result<Case, String> {
        let info = Info::read(&wasm)?;
        let mut says = false;
        let mut case = Case {
            found_by: "unknown".into(),
            guilty: "unknown".into(),
            options: Options {
                name: "m".into(),
                verify: true,
                ..Options::default()
            },
            wasm,
            text: String::new(),
            steps: Vec::new(),
            expected: Vec::new(),
        };
        for line in text.lines() {
            let Some(comment) = line.strip_prefix(";; ") else {
                case.text.push_str(line);
                case.text.push('\n');
                continue;
            };
            if let Some(who) = comment.strip_prefix("found-by: ") {
                case.found_by = who.to_owned();
            } else if let Some(what) = comment.strip_prefix("guilty: ") {
                case.guilty = what.to_owned();
            } else if let Some(options) = comment.strip_prefix("options: ") {
                case.options = parse_options(options)?;
            } else if comment == "init" {
                says = true;
            } else if comment.starts_with("call ") || comment.starts_with("set ") {
                let (left, right) = match comment.split_once("=>") {
                    Some((left, right)) => (left, Some(right)),
                    None => (comment, None),
                };
                case.steps.push(
                    parse_step(left, &info).ok_or_else(|| format!("not understood: {comment}"))?,
                );
                let expected = match right {
                    Some(text) => Some(
                        parse_outcome(text).ok_or_else(|| format!("not understood: {comment}"))?,
                    ),
                    None => None,
                };
                case.expected.push(expected);
                says |= comment.starts_with("call ");
            }
        }
        if says {
            Ok(case)
        } else {
            Err("neither a call nor `;; init`: nothing to compare".into())
        }
    }

    /// Writes the case.
    pub fn print(&self) -> String {
        let info = Info::read(&self.wasm).unwrap_or_default();
        let mut out = format!(
            ";; found-by: {}\n;; guilty: {}\n",
            self.found_by, self.guilty
        );
        out += &format!(";; options: {}\n", options_text(&self.options));
        out += self.text.trim_end();
        out.push('\n');
        if self.steps.is_empty() {
            out += ";; init\n";
        }
        for (i, step) in self.steps.iter().enumerate() {
            out += &format!(";; {}", step_text(step, &info));
            if let Some(text) = self
                .expected
                .get(i)
                .and_then(Option::as_ref)
                .and_then(outcome_text)
            {
                out += &format!(" => {text}");
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#";; found-by: a test
;; guilty: nobody
;; options: cortex-m7 -Oz mask choices=seed:0x2a stack-check=off fuel=9 without=inline,hoist passes=ranges,simplify,ranges,wide,address,lower,regalloc,emit,finish,layout
(module
  (func (export "a b") (param i32) (result i32) (local.get 0))
  (func (export "f") (param i64) (result i32) (i32.div_u (i32.const 1) (i32.wrap_i64 (local.get 0))))
  (global (export "g") (mut i32) (i32.const 0)))
;; set global0 0xffffffff
;; call #0 0x7 => 0x7
;; call f 0x100000000 => trap integer divide by zero
;; call f 0x2
"#;

    #[test]
    fn a_case_prints_as_it_was_read() {
        let case = Case::parse(TEXT).expect("understood");
        assert_eq!(case.print(), TEXT);
        assert_eq!(case.options.level, Level::Oz);
        assert_eq!(case.options.choices, Source::Seed(42));
        assert_eq!(
            case.expected[2],
            Some(Outcome::Trapped(TrapKind::DivideByZero))
        );
        assert_eq!(case.expected[3], None);
        assert_eq!(
            Case::parse(&case.print()).expect("understood").steps,
            case.steps
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let with = |from: &str, to: &str| Case::parse(&TEXT.replace(from, to)).map(|_| ());
        assert!(with("call f 0x2", "call h 0x2").is_err_and(|e| e.contains("call h 0x2")));
        assert!(with("call f 0x2", "call f").is_err());
        assert!(with("=> 0x7", "=> seven").is_err());
        assert!(with("global0", "global1").is_err());
        assert!(with("cortex-m7", "cortex-m99").is_err_and(|e| e.contains("cortex-m99")));
        assert!(with("seed:0x2a", "bytes:0").is_err());
        let silent: String = TEXT
            .lines()
            .filter(|l| !l.contains("call "))
            .map(|l| format!("{l}\n"))
            .collect();
        assert!(Case::parse(&silent).is_err_and(|e| e.contains("nothing to compare")));
        assert!(Case::parse(&format!("{silent};; init\n")).is_ok());
    }

    #[test]
    fn negative_and_decimal_numbers_are_numbers() {
        assert_eq!(number("-1"), Some(u64::MAX));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(number("0x10"), Some(16));
        assert_eq!(number("ten"), None);
    }
}
