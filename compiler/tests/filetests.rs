//! The file tests: each file under `tests/files` is a module as text, what is done with it, and what comes out.
//!
//! ```text
//! ; passes: simplify        names of the pipeline's table, in order; `run` executes instead
//! ; options: -O2 cortex-m3 check
//! func @f(i32) -> (i32) {
//! ...
//! }
//! ----
//! the text after the last pass
//! ```
//!
//! With `; run: f 1 2` lines instead of passes the interpreter calls functions, and the output is what they return. With
//! `BLESS=1` the outputs are written anew, to be read before they are committed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use thumbsmith::ir::interp::{Host, Limits, Program, Space, State, Stop, Values};
use thumbsmith::ir::verify::{Stage, verify};
use thumbsmith::ir::{Module, parse};
use thumbsmith::options::by_name;
use thumbsmith::{Bounds, Cpu, Level, Options, stages};

const LINE: &str = "----\n";

/// The lines `; key: value` of a file.
fn headers<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|l| l.strip_prefix("; "));
    let found = lines.filter_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
    found.collect()
}

fn options(text: &str) -> Options {
    let mut o = Options {
        name: "m".into(),
        verify: true,
        ..Options::default()
    };
    for word in headers(text, "options").iter().flat_map(|l| l.split(' ')) {
        if let Some(level) = word.strip_prefix("-O") {
            o.level = by_name("level", level, &Level::ALL, Level::name).expect("a level");
        } else if let Ok(cpu) = by_name("cpu", word, &Cpu::ALL, Cpu::name) {
            o.cpu = cpu;
        } else {
            o.bounds = by_name("bounds", word, &Bounds::ALL, Bounds::name).expect("an option");
        }
    }
    o
}

/// An outside world in which every import returns its number of arguments and their sum.
struct World<'a>(&'a Module, String);

impl Host for World<'_> {
    fn call(&mut self, func: u32, args: &[u64], _: &mut State) -> Result<Values, Stop> {
        let _ = writeln!(self.1, "  calls f{func} {args:?}");
        let decl = &self.0.funcs[func as usize];
        let sum = args.iter().fold(0u64, |a, b| a.wrapping_add(*b));
        let results = decl.ty.results.iter().zip([args.len() as u64, sum]);
        Ok(results.map(|(ty, v)| v & ty.mask()).collect())
    }
}

/// Executes the calls of a file one after the other, in one instance.
fn execute(module: &Module, calls: &[&str]) -> String {
    for d in &module.funcs {
        if let Some(f) = &d.body {
            verify(f, Stage::Source, Some(module)).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let program = Program::new(module, Space::new(module, &[], &[]));
    let mut memories = (module.memories.iter()).map(|m| vec![0; m.max_bytes() as usize]);
    let mut state = State {
        memory: memories.next().unwrap_or_default(),
        others: memories.collect(),
        globals: vec![0; module.globals.len()],
        words: program.words(),
    };
    let mut out = String::new();
    for call in calls {
        let mut words = call.split(' ');
        let name = words.next();
        let named = |d: &thumbsmith::ir::FuncDecl| d.name.as_deref() == name;
        let func = module.funcs.iter().position(named).expect("a function");
        let args: Vec<u64> = words.map(|w| w.parse().expect("a number")).collect();
        let mut world = World(module, String::new());
        let mut limits = Limits {
            steps: 10_000,
            depth: 100,
        };
        let result = program.call(&mut state, func as u32, &args, &mut world, &mut limits);
        let _ = match result {
            Ok(values) => writeln!(out, "{call} => {:?}", values.as_slice()),
            Err(stop) => writeln!(out, "{call} => {stop:?}"),
        };
        out.push_str(&world.1);
    }
    out
}

fn output(text: &str) -> String {
    let module = match parse::module(text) {
        Ok(m) => m,
        Err(e) => return format!("error {e}\n"),
    };
    let runs = headers(text, "run");
    if !runs.is_empty() {
        return execute(&module, &runs);
    }
    let passes: Vec<&str> = headers(text, "passes")
        .iter()
        .flat_map(|l| l.split(' '))
        .collect();
    match stages::run(module, &options(text), &passes) {
        Ok(text) => text,
        Err(e) => format!("error {e}\n"),
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "ir"));
    paths.sort();
    paths
}

#[test]
fn files_give_what_they_say() {
    let bless = std::env::var_os("BLESS").is_some();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let all = files(&dir);
    let mut wrong = String::new();
    for path in &all {
        let text = std::fs::read_to_string(path).expect("readable");
        let (input, expected) = text.split_once(LINE).unwrap_or((&text, ""));
        let got = output(input);
        if got == expected {
            continue;
        }
        if bless {
            std::fs::write(path, format!("{input}{LINE}{got}")).expect("writable");
        } else {
            let name = path.display();
            let _ = writeln!(wrong, "{name}\n--- expected\n{expected}--- got\n{got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(all.len() >= 15, "only {} files", all.len());
}
