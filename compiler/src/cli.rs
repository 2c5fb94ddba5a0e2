//! The command line: one declaration from which parser, help and errors come.
//!
//! In: arguments. Out: a plan (which outputs go where), then calls of the library. What is declared here in a table
//! of the library (CPUs, levels, bounds modes, passes) is taken from there.

use crate::files::{self, STANDARD};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use thumbsmith::options::{Base, FloatHelpers, by_name, memory_base};
use thumbsmith::{Bounds, Cpu, Error, ErrorKind, Level, Options, Result, object, pipeline};
use thumbsmith::{report, stages};

/// An optimizing ahead-of-time compiler from WebAssembly to ARM Thumb-2 (Cortex-M).
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile a WebAssembly module to a relocatable ELF object.
    ///
    /// The object defines every export under its own name, NAME_init (call it once before anything else) and
    /// NAME_memory (the linear memory). It leaves undefined the module's imports (those from `env` by their field's
    /// name, others as <module>_<field>) and NAME_stack_limit, a word that the firmware defines: the lowest
    /// address that the stack may reach. Link it like any other object.
    #[command(after_help = examples(), after_long_help = examples())]
    Compile(Box<Compile>),
}

fn examples() -> &'static str {
    "Examples:
  thumbsmith compile filter.wasm                         filter.o for a Cortex-M3
  thumbsmith compile filter.wat --emit asm=-             its assembly, on the terminal
  thumbsmith compile app.wasm -o app.o --emit obj,header --cpu cortex-m4 -O s
  thumbsmith compile app.wat --emit ir=- --after wide    the IR after the pass `wide`"
}

/// A parser of the names in a table, whose help lists them.
fn named<T: Copy + Send + Sync + 'static>(
    what: &'static str,
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|&v| name(v)))
        .try_map(move |text: String| by_name(what, &text, all, name))
}

#[derive(Args)]
struct Compile {
    /// The module, binary (.wasm) or text (.wat); `-` is standard input.
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// Where the object goes, or the one output of --emit; `-` is standard output [default: IN with the
    /// output's extension].
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// The core to compile for [default: cortex-m3, or what --target says].
    #[arg(long, value_parser = named("CPU", &Cpu::ALL, Cpu::name))]
    cpu: Option<Cpu>,

    /// The target as rustc spells it: thumbv7m-none-eabi (Cortex-M3), thumbv7em-none-eabi (M4, M7) or
    /// thumbv8m.main-none-eabi (M33).
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// How much to optimize: 0 for the shortest compilation, 2 for speed at a fair size, 3 for speed, s for
    /// size, z for the smallest code.
    #[arg(short = 'O', value_name = "LEVEL", default_value = Level::default().name(),
          value_parser = named("level", &Level::ALL, Level::name))]
    level: Level,

    /// What an access outside of linear memory does: trap (check), wrap around (mask, sizes that are powers of two
    /// only), fault in the memory protection unit that the firmware sets up (mpu), or whatever happens (none).
    #[arg(long, value_name = "MODE", default_value = Bounds::default().name(),
          value_parser = named("bounds mode", &Bounds::ALL, Bounds::name))]
    bounds: Bounds,

    /// Most bytes that a memory of the module may have, whatever it declares, and what a memory may grow to that declares no
    /// maximum [default: the maximum that the module declares; without one it cannot grow].
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory_max: Option<u64>,

    /// Where the first memory is: at NAME_memory, which the object reserves (symbol), at a machine address (such as
    /// 0x20010000), or nowhere: its addresses are machine addresses (identity).
    #[arg(long, value_name = "PLACE", default_value = "symbol", value_parser = memory_base)]
    memory_base: Base,

    /// Let other modules import the memories that this one exports, and grow them: reserve their maximum and define
    /// NAME_memory_pages and NAME_memory_max_pages.
    #[arg(long)]
    memory_open: bool,
    /// The most entries that a table can grow to, and room for so many [default: what the module says, up to 65536; a
    /// table without such a limit cannot grow].
    #[arg(long, value_name = "ENTRIES")]
    table_max: Option<u32>,

    /// Prefix of the symbols that the module does not name itself [default: the stem of IN].
    #[arg(long)]
    name: Option<String>,

    /// What to write, separated by commas: obj, asm (with WebAssembly offsets), ir (see --after), header (C).
    /// Each may say where to, as in asm=- or header=include/app.h.
    #[arg(long, value_name = "KIND[=PATH]", value_delimiter = ',', default_value = "obj",
          value_parser = parse_emit)]
    emit: Vec<Emit>,

    /// The pass after which --emit ir shows the functions: as IR, from `lower` on as machine IR, as an allocation of it, or
    /// as code with labels [default: the last before `lower`].
    #[arg(long, value_name = "PASS", value_parser = PossibleValuesParser::new(pipeline::dumps(None)))]
    after: Option<String>,

    /// Who computes with floats where the core has no instruction: the object itself (own), or the functions of the run-time
    /// ABI where it has one (aeabi), for firmware that has the toolchain's library anyway. That may be less exact.
    #[arg(long, value_name = "WHO", default_value = FloatHelpers::default().name(),
          value_parser = named("float helpers", &FloatHelpers::ALL, FloatHelpers::name))]
    float_helpers: FloatHelpers,

    /// Leave out the check for an exhausted stack.
    #[arg(long)]
    no_stack_check: bool,

    /// Leave these optimizations out, separated by commas: to see what one brings, or whether it is to blame. A wrong name
    /// lists them all.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    without: Vec<String>,

    /// Print bytes of code and of stack, function by function, on standard error.
    #[arg(long)]
    report: bool,
}

/// A kind of output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Obj,
    Asm,
    Ir,
    Header,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Obj, Kind::Asm, Kind::Ir, Kind::Header];

    /// Name on the command line, and extension of the file.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Kind::Obj => ("obj", "o"),
            Kind::Asm => ("asm", "s"),
            Kind::Ir => ("ir", "ir"),
            Kind::Header => ("header", "h"),
        }
    }

    fn name(self) -> &'static str {
        self.row().0
    }
}

/// One output that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Emit {
    kind: Kind,
    to: Option<PathBuf>,
}

/// A number of bytes, decimal or hexadecimal, or with a suffix such as `64K` or `1M`.
fn parse_bytes(text: &str) -> Result<u64> {
    let units = [("K", 10), ("M", 20)];
    let unit = units
        .iter()
        .find_map(|(u, shift)| Some((text.strip_suffix(u)?, *shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let fits = number.ok().filter(|n| *n <= u64::from(u32::MAX) >> shift);
    fits.map(|n| n << shift).ok_or_else(|| {
        Error::new(
            ErrorKind::Options,
            format!("`{text}` is no number of bytes below 4 GiB"),
        )
        .help("such as 16384, 0x4000 or 16K")
    })
}

fn parse_emit(text: &str) -> Result<Emit> {
    let (kind, to) = match text.split_once('=') {
        Some((_, "")) => {
            return Err(Error::new(
                ErrorKind::Options,
                format!("`{text}` names no file"),
            ));
        }
        Some((kind, path)) => (kind, Some(PathBuf::from(path))),
        None => (text, None),
    };
    let kind = by_name("output", kind, &Kind::ALL, Kind::name)?;
    Ok(Emit { kind, to })
}

impl Cli {
    /// Does what the arguments say.
    ///
    /// # Errors
    /// Any kind; see [`Error`].
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Compile(c) => c.run(),
        }
    }
}

impl Compile {
    fn run(&self) -> Result<()> {
        let options = self.options()?;
        let outputs = self.outputs()?;
        let wants = |kind| outputs.iter().any(|(k, _)| *k == kind);
        let after = if wants(Kind::Ir) {
            Some(self.dump(&options)?)
        } else {
            None
        };
        let wasm = files::read(&self.input)?;
        let compiled = pipeline::compile(&wasm, &options, after, wants(Kind::Asm))?;
        let contents = outputs
            .iter()
            .map(|(kind, path)| {
                let bytes = match kind {
                    Kind::Obj => object::elf::write(&compiled, &options)?,
                    Kind::Asm => report::listing(&compiled, &options).into_bytes(),
                    Kind::Ir => compiled.dump.clone().unwrap_or_default().into_bytes(),
                    Kind::Header => object::header::text(&compiled.module, &options).into_bytes(),
                };
                Ok((path.clone(), bytes))
            })
            .collect::<Result<Vec<_>>>()?;
        files::write(&contents)?;
        if self.report {
            eprint!("{}", report::sizes(&compiled, &options));
        }
        Ok(())
    }

    fn options(&self) -> Result<Options> {
        let cpu = match (&self.target, self.cpu) {
            (None, cpu) => cpu.unwrap_or_default(),
            (Some(triple), cpu) => Cpu::of_triple(triple, cpu)?,
        };
        Ok(Options {
            cpu,
            level: self.level,
            bounds: self.bounds,
            table_max: self.table_max,
            name: self.module_name()?,
            stack_check: !self.no_stack_check,
            memory_max: self.memory_max,
            memory_base: self.memory_base,
            memory_open: self.memory_open,
            float_helpers: self.float_helpers,
            without: self.without.clone(),
            ..Options::default()
        })
    }

    /// The pass after which the IR is shown.
    fn dump(&self, options: &Options) -> Result<&str> {
        let all = pipeline::dumps(Some(options));
        match &self.after {
            Some(after) if all.contains(&after.as_str()) => Ok(after),
            Some(after) => Err(Error::new(
                ErrorKind::Options,
                format!("pass `{after}` does not run at -O {}", self.level.name()),
            )
            .help(format!("one of: {}", all.join(", ")))),
            None => Ok(stages::ir_passes(options)
                .pop()
                .unwrap_or(pipeline::TRANSLATE)),
        }
    }

    /// The prefix: as given, which must be a C identifier; or the input's stem made one.
    fn module_name(&self) -> Result<String> {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_with_digit = |n: &str| n.starts_with(|c: char| c.is_ascii_digit());
        if let Some(name) = &self.name {
            if name.is_empty() || !name.chars().all(letter) || starts_with_digit(name) {
                return Err(Error::new(
                    ErrorKind::Options,
                    format!("`{name}` is not a C identifier"),
                )
                .help("--name takes letters, digits and underscores, no digit first"));
            }
            return Ok(name.clone());
        }
        let stem = self.input.file_stem().map(|s| s.to_string_lossy());
        let stem = match &stem {
            Some(s) if s != STANDARD => s,
            _ => return Ok(Options::default().name),
        };
        let mut name: String = stem
            .chars()
            .map(|c| if letter(c) { c } else { '_' })
            .collect();
        if starts_with_digit(&name) {
            name.insert(0, '_');
        }
        Ok(name)
    }

    /// Where each output goes.
    fn outputs(&self) -> Result<Vec<(Kind, PathBuf)>> {
        let mut out: Vec<(Kind, PathBuf)> = Vec::new();
        let only = self.emit.len() == 1;
        for e in &self.emit {
            let takes_output = e.to.is_none() && (only || e.kind == Kind::Obj);
            let path = match (&e.to, &self.output) {
                (Some(path), _) => path.clone(),
                (None, Some(path)) if takes_output => path.clone(),
                (None, Some(path)) => beside(path, e.kind),
                (None, None) => beside(&self.input, e.kind),
            };
            let taken = out.iter().any(|(_, p)| *p == path);
            if taken || path == self.input && path.as_os_str() != STANDARD {
                let what = if taken { "two outputs" } else { "the output" };
                let and = if taken { "" } else { " over the input" };
                return Err(Error::new(
                    ErrorKind::Options,
                    format!("{what} would go to {}{and}", path.display()),
                )
                .help("say where to with --emit KIND=PATH"));
            }
            out.push((e.kind, path));
        }
        let used = self.emit.iter().any(|e| e.to.is_none());
        if let Some(o) = self.output.as_ref().filter(|_| !used) {
            return Err(Error::new(
                ErrorKind::Options,
                format!(
                    "nothing goes to {}: every --emit says where to",
                    o.display()
                ),
            )
            .help("leave out -o"));
        }
        Ok(out)
    }
}

/// The path with the kind's extension; standard output beside standard input and output.
fn beside(path: &Path, kind: Kind) -> PathBuf {
    if path.as_os_str() == STANDARD {
        path.to_owned()
    } else {
        path.with_extension(kind.row().1)
    }
}
