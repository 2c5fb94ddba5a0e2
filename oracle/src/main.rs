//! The command `oracle`: hunt, check, reduce, replay, seeds, prove, run. Declarations only; [`commands`] does it.

mod commands;

use clap::{Args, Parser, Subcommand};
use commands::{
    bench_table, check, check_ledger, check_part, compile_speed, cores, hunt, judge_floats,
    judge_with, list_unproven, memory_bounds, pass_gate, play_packages, prove_rules, reduce_file,
    replay_all, run_export, seed_table, specification, triage_file, triage_table,
};
use std::path::PathBuf;
use std::process::ExitCode;
use thumbsmith_oracle::check::CALLS;
use thumbsmith_oracle::{gate, seeds, spec};

/// Compiling, here as in the command `thumbsmith`, makes and drops many small vectors.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Differential oracle of Thumbsmith: emitted code in a simulator beside wasmtime.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generates modules and compares until time is up; exit status 1 on a mismatch.
    Hunt(HuntArgs),
    /// Judges a module of your own: every export with generated arguments.
    Check {
        /// The module, `.wasm` or `.wat`.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
        /// Argument vectors for each function.
        #[arg(long, default_value_t = CALLS)]
        calls: usize,
        /// Seed of the arguments.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Folder for the report of a mismatch.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Ask QEMU's boards too.
        #[arg(long)]
        qemu: bool,
        /// The file is an input of this check without a module.
        #[arg(long)]
        check: Option<String>,
    },
    /// Shrinks a mismatch (a case that `hunt` wrote, or a module) and prints the regression file.
    Reduce {
        /// The case, `.wat` with step lines, or a module.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
        /// Where to write the regression file; standard output without it.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Ask QEMU's boards too: for a mismatch that only they see.
        #[arg(long)]
        qemu: bool,
    },
    /// From a mismatch to its cause: reduces it, asks every voice, names pass and rewrite, and leaves a folder with a
    /// report (text and HTML), a trace, the forms before and after, and the regression file.
    Triage {
        /// The case, `.wat` with step lines, or a module; with --check an input of that check.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
        /// The check that the bytes are an input of: lowering, or one without a module.
        #[arg(long)]
        check: Option<String>,
        /// Where folders are made, each by its key.
        #[arg(short, long, default_value = "triage")]
        output: PathBuf,
        /// Print one JSON object instead of the report.
        #[arg(long)]
        json: bool,
    },
    /// Replays every regression on every CPU and level.
    Replay {
        /// Folder of regression files.
        #[arg(default_value = "regressions")]
        dir: PathBuf,
        /// Ask QEMU's boards too.
        #[arg(long)]
        qemu: bool,
    },
    /// Hunts each seeded bug in a process of its own and reports which were found and how fast.
    Seeds {
        /// CPU seconds for each bug.
        #[arg(long, default_value_t = 600.0)]
        seconds: f64,
        /// Only these bugs: numbers, and ranges `A..B` with both ends.
        #[arg(long, value_delimiter = ',', value_parser = span)]
        only: Vec<(u16, u16)>,
        /// Hunt again without the family that found it, and without the voice, for up to so many CPU seconds each: does
        /// anybody else?
        #[arg(long, num_args = 0..=1, default_missing_value = "60")]
        without: Option<f64>,
        /// Keep results in this file: rows that are hunted take the place of those in it.
        #[arg(long)]
        results: Option<PathBuf>,
        /// Instead: so many short hunts for each bug, and a triage of what each finds first.
        #[arg(long, conflicts_with = "without")]
        triage: Option<u64>,
        /// Hunt nothing: print the page of the results in the file, with --triage that of the triages.
        #[arg(long, requires = "results")]
        markdown: bool,
        /// Bugs hunted at the same time.
        #[arg(long, default_value_t = 1)]
        jobs: usize,
        /// Print one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Measures the workloads of the corpus: bytes, instructions and modelled cycles on Cortex-M3.
    Bench {
        /// The repository.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// Write the table to ci/baseline.json.
        #[arg(long)]
        bless: bool,
    },
    /// The specification's own tests as Thumb-2: every assertion of the scripts, against what the script says. Exit status 1
    /// if one does not hold or cannot be judged.
    Spec {
        /// Collections of scripts; all without it.
        #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(
            spec::SUITES.iter().map(|s| s.name)))]
        suite: Vec<String>,
        /// Only scripts of this name.
        #[arg(long)]
        script: Option<String>,
        /// CPUs to compile for.
        #[arg(
            long,
            value_delimiter = ',',
            default_values_t = spec::cpus().into_iter().map(|c| c.name().to_owned())
        )]
        cpu: Vec<String>,
        /// Levels to compile at.
        #[arg(long, value_delimiter = ',', default_value = "0,2,z")]
        level: Vec<String>,
        /// Run them on QEMU's boards, which must leave the same registers and memory.
        #[arg(long)]
        qemu: bool,
    },
    /// Operators on floats as Thumb-2, each on millions of operands, against the host. Exit status 1 if a result is wrong.
    Floats {
        /// Operands of each operator.
        #[arg(long, default_value_t = 10_000_000)]
        operands: u64,
        /// All operands, too, of operators that have one of 32 bits: forty minutes of CPU time and more.
        #[arg(long)]
        every: bool,
        /// The CPU to compile for.
        #[arg(long, default_value = "cortex-m3")]
        cpu: String,
    },
    /// Modules that nobody here wrote, from packages that `ci/packages` fetched: each does what its scene says, as Thumb-2
    /// and in wasmtime. Exit status 1 if one differs.
    Packages {
        /// The folder of scenes.
        #[arg(long, default_value = "corpus/packages")]
        scenes: PathBuf,
        /// The folder with the packages' files.
        #[arg(long, default_value = "target/packages")]
        files: PathBuf,
        /// Only scenes of these names.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// CPUs to compile for.
        #[arg(long, value_delimiter = ',', default_value = "cortex-m3")]
        cpu: Vec<String>,
        /// Levels to compile at.
        #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,s,z")]
        level: Vec<String>,
    },
    /// Accesses around every bound of memories of every shape, against the specification's rule. Exit status 1 if one is not
    /// exactly as it says.
    Memory {
        /// At least so many accesses.
        #[arg(long, default_value_t = gate::ACCESSES)]
        accesses: u64,
        /// CPUs to compile for; all without it.
        #[arg(long, value_delimiter = ',')]
        cpu: Vec<String>,
        /// Levels to compile at; all without it.
        #[arg(long, value_delimiter = ',')]
        level: Vec<String>,
        /// Bounds modes to compile with; all without it.
        #[arg(long, value_delimiter = ',')]
        bounds: Vec<String>,
        /// Number of the first module.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Worker threads.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Compile speed and peak memory on a module of at least a megabyte made of copies of a kernel. One core.
    Speed {
        /// The module to copy.
        #[arg(default_value = "corpus/kernels/fixed.wasm")]
        file: PathBuf,
        /// Least size in bytes.
        #[arg(long, default_value_t = 1_100_000)]
        size: usize,
        /// The level; 2 without it.
        #[arg(long)]
        level: Option<String>,
        /// Write the large module here, so that the compiler alone can be measured on it.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// What a change must pass beside the tests: regressions, corpus, every rule observed, a differential run, size and speed.
    Gate {
        /// The repository.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// Distinct functions of the differential run.
        #[arg(long, default_value_t = 120_000)]
        functions: u64,
        /// Executions that it must reach.
        #[arg(long, default_value_t = 1_000_000)]
        executions: u64,
        /// Modules of it that QEMU's boards must have run.
        #[arg(long, default_value_t = 1_000)]
        qemu: u64,
        /// Seed of the run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// What a release needs besides: every optimization on and off, and its row in docs/optimizations.md; operators on
        /// floats on all operands, which takes forty minutes of CPU time; all accesses of `memory`.
        #[arg(long)]
        release: bool,
        /// Only these parts.
        #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(gate::PARTS.map(|p| p.name)))]
        only: Vec<String>,
    },
    /// Checks docs/optimizations.md: a row for each optimization, its evidence, its effect in bytes and cycles.
    Ledger {
        /// The repository.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// Write the effects that are measured.
        #[arg(long)]
        bless: bool,
    },
    /// Proves the rules of the compiler by z3, and keeps the results in ci/proofs.json; exit status 1 if one does not hold.
    Prove {
        /// The repository.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// All rules; without it only those that changed since they were proven.
        #[arg(long)]
        all: bool,
        /// Only these rules.
        #[arg(long, value_delimiter = ',', conflicts_with = "all")]
        rule: Vec<String>,
        /// Time limit of each question to the solver.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Ask nothing: print the rules that are not proven at full width.
        #[arg(long, conflicts_with_all = ["all", "rule"])]
        list: bool,
    },
    /// Calls one export and prints each engine's answer.
    Run {
        /// The module, `.wasm` or `.wat`.
        file: PathBuf,
        /// The export.
        export: String,
        /// Arguments, decimal or hexadecimal.
        #[arg(allow_negative_numbers = true)]
        args: Vec<String>,
        #[command(flatten)]
        target: Target,
        /// Ask QEMU's board too.
        #[arg(long)]
        qemu: bool,
    },
}

#[derive(Args)]
struct HuntArgs {
    /// Wall time; 0 is no limit.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// CPU time; 0 is no limit.
    #[arg(long, default_value_t = 0.0)]
    cpu_seconds: f64,
    /// Stop after so many functions.
    #[arg(long, default_value_t = 0)]
    functions: u64,
    /// Stop once every rule of the compiler was observed.
    #[arg(long)]
    until_rules: bool,
    /// Start of the random streams; the clock without it.
    #[arg(long)]
    seed: Option<u64>,
    /// Families to draw from; `regalloc`, `encoding`, `optimizer`, `object` and `judges` are checks of those parts alone.
    #[arg(long, value_delimiter = ',')]
    families: Vec<String>,
    /// CPUs to compile for.
    #[arg(long, value_delimiter = ',')]
    cpu: Vec<String>,
    /// Levels to compile at.
    #[arg(long, value_delimiter = ',')]
    level: Vec<String>,
    /// Bounds modes to compile with.
    #[arg(long, value_delimiter = ',')]
    bounds: Vec<String>,
    /// Voices to ask, each about every module: unicorn, executor, interpreter, stages, statics, qemu, checks.
    #[arg(long, value_delimiter = ',')]
    voices: Vec<String>,
    /// Voices not to ask.
    #[arg(long, value_delimiter = ',')]
    unasked: Vec<String>,
    /// Worker threads; all cores without it.
    #[arg(long)]
    threads: Option<usize>,
    /// Give one module of so many to QEMU's boards too, in batches.
    #[arg(long, num_args = 0..=1, default_missing_value = "50", value_name = "SHARE")]
    qemu: Option<u64>,
    /// Stop at the first mismatch.
    #[arg(long)]
    first: bool,
    /// Folder for mismatches.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Triage each distinct mismatch when the hunt is over: a folder for each cause, under which its duplicates collapse.
    #[arg(long, requires = "out")]
    triage: bool,
    /// No status line.
    #[arg(long)]
    json: bool,
    /// Print how good each family's modules were; exit status 1 if one degenerates.
    #[arg(long)]
    stats: bool,
}

#[derive(Args)]
struct Target {
    /// The CPU.
    #[arg(long)]
    cpu: Option<String>,
    /// The level; every level where a command tries several.
    #[arg(long)]
    level: Option<String>,
    /// The bounds mode.
    #[arg(long)]
    bounds: Option<String>,
}

type Outcome = Result<bool, String>;

fn main() -> ExitCode {
    // The seeded bug is this process's own affair: the compiler itself never reads the environment.
    if let Some(number) = std::env::var("SEED_BUG").ok().and_then(|n| n.parse().ok()) {
        seeds::activate(number);
    }
    let done = match Cli::parse().command {
        Command::Hunt(args) => hunt(&args),
        Command::Check {
            file,
            target,
            calls,
            seed,
            out,
            qemu,
            check: None,
        } => judge_with(qemu)
            .and_then(|judge| check(judge, &file, &target, calls, seed, out.as_deref())),
        Command::Check {
            file,
            check: Some(part),
            ..
        } => check_part(&file, &part),
        Command::Reduce {
            file,
            target,
            output,
            qemu,
        } => {
            judge_with(qemu).and_then(|judge| reduce_file(judge, &file, &target, output.as_deref()))
        }
        Command::Triage {
            file,
            target,
            check,
            output,
            json,
        } => triage_file(&file, &target, check.as_deref(), &output, json),
        Command::Replay { dir, qemu } => replay_all(&dir, qemu),
        Command::Seeds {
            results: Some(path),
            markdown: true,
            triage,
            ..
        } => seeds::kept(&path).map(|rows| {
            let page = match triage {
                Some(_) => seeds::triaged::page(&rows),
                None => seeds::table::page(&rows),
            };
            print!("{page}");
            !rows.is_empty()
        }),
        Command::Seeds {
            seconds,
            only,
            jobs,
            json,
            without,
            results,
            triage,
            markdown: _,
        } => {
            let plan = seeds::Plan {
                seconds,
                only,
                jobs,
                without,
            };
            match triage {
                Some(hunts) => triage_table(&plan, hunts, results.as_deref()),
                None => seed_table(&plan, results.as_deref(), json),
            }
        }
        Command::Bench { root, bless } => bench_table(&root, bless),
        Command::Speed {
            file,
            size,
            level,
            keep,
        } => compile_speed(&file, size, level, keep.as_deref()),
        Command::Spec {
            suite,
            script,
            cpu,
            level,
            qemu,
        } => specification(&suite, script.as_deref(), &cpu, &level, qemu),
        Command::Floats {
            operands,
            every,
            cpu,
        } => judge_floats(operands, every, &cpu),
        Command::Packages {
            scenes,
            files,
            only,
            cpu,
            level,
        } => play_packages(&scenes, &files, &only, &cpu, &level),
        Command::Memory {
            accesses,
            cpu,
            level,
            bounds,
            seed,
            threads,
        } => memory_bounds(accesses, [&cpu, &level, &bounds], seed, threads),
        Command::Gate {
            root,
            functions,
            executions,
            qemu,
            seed,
            release,
            only,
        } => pass_gate(
            &root,
            &gate::Demand {
                functions,
                executions,
                qemu,
                seed,
                threads: cores(),
                release,
                only,
            },
        ),
        Command::Ledger { root, bless } => check_ledger(&root, bless),
        Command::Prove {
            root, list: true, ..
        } => list_unproven(&root),
        Command::Prove {
            root,
            all,
            rule,
            seconds,
            list: false,
        } => prove_rules(&root, all, &rule, seconds),
        Command::Run {
            file,
            export,
            args,
            target,
            qemu,
        } => judge_with(qemu).and_then(|judge| run_export(judge, &file, &export, &args, &target)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("oracle: {text}");
            ExitCode::from(2)
        }
    }
}

/// A number, or two with `..` between.
fn span(text: &str) -> Result<(u16, u16), String> {
    let number = |n: &str| n.parse().map_err(|_| format!("`{n}` is no number"));
    match text.split_once("..") {
        Some((first, last)) => Ok((number(first)?, number(last)?)),
        None => number(text).map(|n| (n, n)),
    }
}
