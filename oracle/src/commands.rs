//! What each command does, and what it prints.
//!
//! In: arguments as they were declared. Out: whether all is well, or text that says why it could not be done.

use crate::{HuntArgs, Outcome, Target};
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use thumbsmith::options::by_name;
use thumbsmith::{Bounds, Cpu, Level, Options};
use thumbsmith_oracle::check::{Ask, CALLS, Direct, Judge, Setup, Voice};
use thumbsmith_oracle::compare::Step;
use thumbsmith_oracle::generate::Family;
use thumbsmith_oracle::hunt::{Hunt, run, write_report};
use thumbsmith_oracle::program::Info;
use thumbsmith_oracle::proof::{Proof, Subject, results};
use thumbsmith_oracle::qemu::board::Board;
use thumbsmith_oracle::{
    bench, bounds, floats, gate, ledger, packages, plan, reduce, regression, replay, seeds, spec,
    speed, triage,
};

fn named<T: Copy>(
    what: &str,
    names: &[String],
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Vec<T>, String> {
    names
        .iter()
        .map(|n| by_name(what, n, all, name).map_err(|e| e.to_string()))
        .collect()
}

pub fn hunt(args: &HuntArgs) -> Outcome {
    let voice = |n: &String| Voice::named(n).ok_or_else(|| format!("no voice `{n}`"));
    let family = |n: &String| Family::named(n).ok_or_else(|| format!("no family `{n}`"));
    let direct: Vec<Direct> = match args.families.as_slice() {
        [] => Direct::TURNS.to_vec(),
        some => {
            let wanted = |d: &Direct| some.iter().any(|n| n == d.name());
            Direct::TURNS.into_iter().filter(wanted).collect()
        }
    };
    let families = args
        .families
        .iter()
        .filter(|n| Direct::named(n).is_none())
        .map(family)
        .collect::<Result<Vec<_>, _>>()?;
    let modules = args.families.is_empty() || !families.is_empty();
    let voices: Vec<Voice> = args.voices.iter().map(voice).collect::<Result<_, _>>()?;
    let setup = Setup {
        families,
        cpus: named("cpu", &args.cpu, &Cpu::ALL, Cpu::name)?,
        levels: named("level", &args.level, &Level::ALL, Level::name)?,
        bounds: named("bounds", &args.bounds, &Bounds::ALL, Bounds::name)?,
        qemu: args
            .qemu
            .unwrap_or(u64::from(voices.contains(&Voice::Qemu))),
        voices,
        unasked: args.unasked.iter().map(voice).collect::<Result<_, _>>()?,
    };
    let clock = || {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |d| d.as_nanos() as u64)
    };
    let hunt = Hunt {
        setup,
        direct,
        modules,
        seconds: args.seconds,
        cpu_seconds: args.cpu_seconds,
        functions: args.functions,
        until_rules: args.until_rules,
        seed: args.seed.unwrap_or_else(clock),
        threads: args.threads.unwrap_or_else(cores),
        first: args.first,
        out: args.out.clone(),
        status: !args.json,
    };
    let bag = run(&hunt);
    for report in bag.differences.values() {
        eprintln!("{report}");
    }
    let mut summary = bag.json();
    summary["seed"] = json!(hunt.seed);
    summary["threads"] = json!(hunt.threads);
    summary["cpu_seconds"] = json!(seeds::cpu_seconds());
    let guilty = bag.differences.values().map(|r| r.guilty.as_deref());
    summary["guilty"] = json!(guilty.collect::<Vec<_>>());
    if let (true, Some(out)) = (args.triage, &args.out) {
        let mut judge = judge_with(args.qemu.is_some())?;
        let causes = triage::sorted(&mut judge, bag.differences.values(), out);
        let causes = causes.map_err(|e| format!("{}: {e}", out.display()))?;
        for (cause, cases) in &causes {
            eprintln!("{}: {}", out.join(cause).display(), cases.join(", "));
        }
        summary["causes"] = json!(causes);
    }
    if args.stats {
        eprint!("{}", bag.statistics());
        for wrong in bag.degenerate() {
            eprintln!("{wrong}");
        }
    }
    println!("{summary}");
    Ok(bag.clean() && (!args.stats || bag.degenerate().is_empty()))
}

fn module(file: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    wat::parse_bytes(&bytes)
        .map(|b| b.into_owned())
        .map_err(|e| format!("{}: {e}", file.display()))
}

fn target(target: &Target) -> Result<Options, String> {
    let mut options = Options {
        name: "m".into(),
        verify: true,
        ..Options::default()
    };
    if let Some(cpu) = &target.cpu {
        options.cpu = by_name("cpu", cpu, &Cpu::ALL, Cpu::name).map_err(|e| e.to_string())?;
    }
    if let Some(level) = &target.level {
        options.level =
            by_name("level", level, &Level::ALL, Level::name).map_err(|e| e.to_string())?;
    }
    if let Some(bounds) = &target.bounds {
        options.bounds =
            by_name("bounds", bounds, &Bounds::ALL, Bounds::name).map_err(|e| e.to_string())?;
    }
    Ok(options)
}

/// A judge, which asks QEMU of each module at once if it is told to.
pub fn judge_with(qemu: bool) -> Result<Judge, String> {
    let mut judge = Judge::new()?;
    if qemu {
        judge.listen(true)?;
    }
    Ok(judge)
}

pub fn check(
    mut judge: Judge,
    file: &Path,
    asked: &Target,
    calls: usize,
    seed: u64,
    out: Option<&Path>,
) -> Outcome {
    let wasm = module(file)?;
    let info = Info::read(&wasm)?;
    if let Some(case) = written_case(file) {
        return check_case(&mut judge, file, &case);
    }
    let steps = plan::steps(&info, &wasm, seed, calls, None);
    let stem = file
        .file_stem()
        .map_or_else(|| "module".into(), |s| s.to_string_lossy().into_owned());
    let levels = if asked.level.is_some() {
        vec![target(asked)?.level]
    } else {
        Level::ALL.to_vec()
    };
    let mut clean = true;
    for level in levels {
        let options = Options {
            level,
            ..target(asked)?
        };
        if let Err(mut report) = judge.judge(&stem, &wasm, &options, &steps, Ask::THOROUGH) {
            report.guilty = judge.blame(&report);
            println!("{report}");
            clean = false;
            if let Some(out) = out {
                write_report(out, &report).map_err(|e| e.to_string())?;
            }
        }
    }
    judge.settle(true)?;
    let tally = &judge.counts.tally;
    let heard = match judge.counts.qemu.cases {
        0 => String::new(),
        n => format!(", {n} modules in QEMU"),
    };
    let traps: u64 = tally.traps.iter().sum();
    println!(
        "{}: {} functions, {} executions compared, {traps} traps, {} ended early{heard}: {}",
        file.display(),
        info.exports.len(),
        tally.executions,
        tally.void,
        if clean { "no difference" } else { "DIFFERENT" },
    );
    // A check that compared nothing is no success, unless there was nothing to call.
    Ok(clean && (tally.executions > 0 || info.exports.is_empty()))
}

/// Judges an input of a check without a module.
pub fn check_part(file: &Path, part: &str) -> Outcome {
    let check = Direct::named(part).ok_or_else(|| format!("there is no check `{part}`"))?;
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    match Judge::new()?.direct(check, &bytes) {
        Ok(()) => println!("{}: no difference", file.display()),
        Err(report) => {
            println!("{report}");
            return Ok(false);
        }
    }
    Ok(true)
}

/// The case that a file says, if it says what is done with its module.
fn written_case(file: &Path) -> Option<regression::Case> {
    let text = std::fs::read_to_string(file).ok()?;
    regression::Case::parse(&text).ok()
}

/// Judges a case as it is written: its own steps, under its own options.
fn check_case(judge: &mut Judge, file: &Path, case: &regression::Case) -> Outcome {
    let name = file.display().to_string();
    let ask = |judge: &mut Judge| {
        judge.judge(&name, &case.wasm, &case.options, &case.steps, Ask::THOROUGH)
    };
    let mut verdict = ask(judge);
    if verdict.is_ok() {
        judge.behind_another(true);
        verdict = ask(judge);
        judge.behind_another(false);
        if verdict.is_err() {
            println!(
                "{name}: differs only behind another program, of which a voice keeps something"
            );
        }
    }
    match verdict {
        Ok(()) => println!("{name}: no difference"),
        Err(mut report) => {
            report.guilty = judge.blame(&report);
            println!("{report}");
            return Ok(false);
        }
    }
    Ok(true)
}

/// The case of a file: as it says, or with steps made for its module under the options asked for, if that differs.
fn case_of(judge: &mut Judge, file: &Path, asked: &Target) -> Result<regression::Case, String> {
    let wasm = module(file)?;
    if let Some(case) = written_case(file) {
        return Ok(case);
    }
    let steps = plan::steps(&Info::read(&wasm)?, &wasm, 0, CALLS, None);
    match judge.judge("check", &wasm, &target(asked)?, &steps, Ask::THOROUGH) {
        Ok(()) => Err("the module does not differ under these options".into()),
        Err(report) => Ok(regression::Case::from_report(&report)),
    }
}

/// Finds the cause of what differs in a file and leaves a folder.
pub fn triage_file(
    file: &Path,
    asked: &Target,
    check: Option<&str>,
    out: &Path,
    as_json: bool,
) -> Outcome {
    let print = |text: String, mut row: serde_json::Value, dir: &Path| {
        row["seconds"] = json!(seeds::cpu_seconds());
        match as_json {
            true => println!("{row}"),
            false => println!("{text}{}", dir.display()),
        }
    };
    let mut judge = Judge::new()?;
    let failed = |e: std::io::Error| format!("{}: {e}", out.display());
    let case = match check {
        None => case_of(&mut judge, file, asked)?,
        Some(name) => {
            let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            match Direct::named(name) {
                Some(direct) => {
                    let found = triage::direct(&mut judge, direct, &bytes)?;
                    let dir = out.join(found.key());
                    triage::write_direct(&dir, &found).map_err(failed)?;
                    print(found.text(), found.json(), &dir);
                    return Ok(true);
                }
                None if name == "lowering" => match judge.generated(&bytes, &Setup::default()) {
                    Ok(()) => return Err("the input shows no difference".into()),
                    Err(report) => regression::Case::from_report(&report),
                },
                None => return Err(format!("there is no check `{name}`")),
            }
        }
    };
    let found = triage::triage(&mut judge, &case)?;
    let dir = out.join(found.key());
    triage::write(&dir, &found).map_err(failed)?;
    print(triage::text(&found), found.json(), &dir);
    Ok(true)
}

pub fn reduce_file(
    mut judge: Judge,
    file: &Path,
    asked: &Target,
    output: Option<&Path>,
) -> Outcome {
    let case = case_of(&mut judge, file, asked)?;
    let case = reduce::reduce(&mut judge, &case)?;
    match output {
        Some(path) => {
            std::fs::write(path, case.print()).map_err(|e| format!("{}: {e}", path.display()))?
        }
        None => print!("{}", case.print()),
    }
    Ok(true)
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub fn bench_table(root: &Path, bless: bool) -> Outcome {
    let table = bench::table(&bench::workloads(&root.join("corpus"))?)?;
    println!(
        "{:24} {:>8} {:>12} {:>12}",
        "workload", "bytes", "instructions", "cycles"
    );
    for (name, c) in &table {
        println!(
            "{name:24} {:8} {:12} {:12}",
            c.bytes, c.instructions, c.cycles
        );
    }
    if bless {
        let text = format!("{:#}\n", bench::to_json(&table));
        std::fs::write(root.join("ci/baseline.json"), text).map_err(|e| e.to_string())?;
    }
    Ok(!table.is_empty())
}

pub fn compile_speed(
    file: &Path,
    size: usize,
    level: Option<String>,
    keep: Option<&Path>,
) -> Outcome {
    let asked = Target {
        cpu: None,
        level,
        bounds: None,
    };
    let big = speed::enlarge(&module(file)?, size)?;
    if let Some(path) = keep {
        std::fs::write(path, &big).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let s = speed::measure(&big, target(&asked)?.level, 5)?;
    println!(
        "{} bytes in {:.3} CPU s: {:.2} MB/s; peak memory {:.1} MB, {:.0} times the module",
        s.bytes,
        s.seconds,
        s.bytes as f64 / s.seconds / 1e6,
        s.peak as f64 / 1e6,
        s.peak as f64 / s.bytes as f64
    );
    Ok(true)
}

pub fn check_ledger(root: &Path, bless: bool) -> Outcome {
    let workloads = bench::workloads(&root.join("corpus"))?;
    let (page, wrong) = ledger::check(root, &workloads)?;
    for line in &wrong {
        println!("{line}");
    }
    if bless {
        let path = root.join(ledger::PAGE);
        std::fs::write(&path, page).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(wrong.is_empty())
}

pub fn pass_gate(root: &Path, demand: &gate::Demand) -> Outcome {
    let mut printed = 0;
    let report = gate::gate(root, demand, &mut |report| {
        for (name, what) in &report.parts[printed..] {
            println!("{name}: {what}");
        }
        printed = report.parts.len();
    })?;
    for failure in &report.failures {
        println!("FAILED {failure}");
    }
    let parts = report.parts.len();
    println!(
        "{} passed, {} failed",
        parts.saturating_sub(report.failures.len()),
        report.failures.len()
    );
    Ok(report.failures.is_empty())
}

pub fn replay_all(dir: &Path, qemu: bool) -> Outcome {
    let mut judge = Judge::new()?;
    if qemu {
        judge.listen(false)?;
    }
    let mut done = replay::replay(&mut judge, dir)?;
    let found = judge.settle(true)?;
    done.failures.extend(found.iter().map(ToString::to_string));
    for failure in &done.failures {
        println!("{failure}");
    }
    println!(
        "{}",
        json!({
            "files": done.files,
            "runs": done.runs,
            "qemu": judge.counts.qemu.json(),
            "failures": done.failures.len(),
        })
    );
    Ok(done.failures.is_empty())
}

pub fn seed_table(plan: &seeds::Plan, results: Option<&Path>, as_json: bool) -> Outcome {
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut rows = match results {
        Some(path) => seeds::kept(path)?,
        None => Vec::new(),
    };
    let mut lost = None;
    let found = seeds::hunt_all(&exe, plan, &mut |result| {
        if !as_json {
            println!("{result}");
        }
        // Kept at once, so that a run that is broken off has not been for nothing.
        if let Some(path) = results {
            rows = seeds::merge(std::mem::take(&mut rows), vec![result.clone()]);
            lost = lost.take().or(seeds::keep(path, &rows).err());
        }
    })?;
    if let Some(e) = lost {
        return Err(e);
    }
    println!("{}", seeds::table::json(&found));
    Ok(found.iter().all(|r| r.found))
}

/// Triages what hunts for seeded bugs find, and prints the figures.
pub fn triage_table(plan: &seeds::Plan, hunts: u64, results: Option<&Path>) -> Outcome {
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut rows = results.map_or(Ok(Vec::new()), seeds::kept)?;
    let mut lost = None;
    let found = seeds::triaged::triage_all(&exe, plan, hunts, &mut |sought| {
        println!(
            "{:4} {}",
            sought.number,
            sought.seed().map_or("", |s| s.name)
        );
        for row in &sought.triaged {
            println!("{row}");
        }
        if let Some(path) = results {
            rows = seeds::merge_triaged(std::mem::take(&mut rows), std::slice::from_ref(sought));
            lost = lost.take().or(seeds::keep(path, &rows).err());
        }
    })?;
    if let Some(e) = lost {
        return Err(e);
    }
    for (what, figure) in seeds::triaged::figures(&found) {
        println!("{what:50} {figure}");
    }
    Ok(found.iter().any(|s| !s.triaged.is_empty()))
}

pub fn list_unproven(root: &Path) -> Outcome {
    print!("{}", results::exceptions(&results::read(root)?));
    Ok(true)
}

pub fn prove_rules(root: &Path, all: bool, only: &[String], seconds: u64) -> Outcome {
    let subjects = Subject::all();
    for name in only {
        if !subjects.iter().any(|s| s.name() == name) {
            return Err(format!("no rule `{name}`"));
        }
    }
    let old = if results::path(root).exists() {
        results::read(root)?
    } else {
        Vec::new()
    };
    let wanted = |s: Subject<'_>, row: Option<&results::Row>| match (all, only) {
        (true, _) => true,
        (false, []) => row.is_none_or(|r| r.hash != results::hash(s)),
        (false, some) => some.iter().any(|n| n == s.name()),
    };
    let each = |s: Subject<'_>, proof: &Proof| {
        println!(
            "{:24} {:10} {}",
            s.name(),
            proof.verdict.text(),
            proof.how.join(", ")
        );
        if let Some((_, model)) = &proof.counterexample {
            println!("    where {model:x?}");
        }
    };
    let rows = results::update(&old, &subjects, &wanted, seconds * 1000, &each)?;
    results::write(root, &rows)?;
    let problems = results::problems(&rows, &subjects);
    for problem in &problems {
        println!("FAILED {problem}");
    }
    print!("{}", results::exceptions(&rows));
    Ok(problems.is_empty())
}

pub fn run_export(
    mut judge: Judge,
    file: &Path,
    export: &str,
    args: &[String],
    asked: &Target,
) -> Outcome {
    let wasm = module(file)?;
    let info = Info::read(&wasm)?;
    let at = info
        .export_named(export)
        .ok_or_else(|| format!("no exported function `{export}`"))?;
    let params = &info.exports[at].sig.params;
    if params.len() != args.len() {
        return Err(format!("`{export}` takes {} arguments", params.len()));
    }
    let number = |(text, ty): (&String, &thumbsmith_oracle::program::Ty)| {
        regression::number(text)
            .map(|n| ty.wrap(n))
            .ok_or_else(|| format!("`{text}` is no number"))
    };
    let values = args
        .iter()
        .zip(params)
        .map(number)
        .collect::<Result<_, _>>()?;
    let (options, steps) = (target(asked)?, [Step::Call(at, values)]);
    let answers = judge.answers(&wasm, &options, &steps)?;
    for line in answers.iter().flatten() {
        println!("{line}");
    }
    if let Some(line) = judge.board_says(&wasm, &options, &steps)? {
        println!("{line}");
    }
    Ok(true)
}

/// Judges the operators on floats, and prints a line for each.
pub fn judge_floats(operands: u64, every: bool, cpu: &str) -> Outcome {
    let cpu = by_name("CPU", cpu, &Cpu::ALL, Cpu::name).map_err(|e| e.to_string())?;
    let all = floats::judge_all(cpu, operands, every);
    for (name, judged) in &all {
        match judged {
            Ok(n) => println!("{name:20} {n} right"),
            Err(e) => println!("{name:20} WRONG {e}"),
        }
    }
    Ok(all.iter().all(|(_, judged)| judged.is_ok()))
}

/// Plays the scenes of packages, one at a time, and prints what was compared.
pub fn play_packages(
    scenes: &Path,
    files: &Path,
    only: &[String],
    cpus: &[String],
    levels: &[String],
) -> Outcome {
    let cpus = named("CPU", cpus, &Cpu::ALL, Cpu::name)?;
    let levels = named("level", levels, &Level::ALL, Level::name)?;
    let all = packages::scenes(scenes)?;
    let chosen = |name: &String| only.is_empty() || only.contains(name);
    let (mut played, mut failed) = (0, 0);
    for (name, scene) in all.iter().filter(|(name, _)| chosen(name)) {
        let wasm = packages::module(files, scene).map_err(|e| format!("{name}: {e}"))?;
        for (&cpu, &level) in cpus.iter().flat_map(|c| levels.iter().map(move |l| (c, l))) {
            let place = format!("{name:16} {} -O{}", cpu.name(), level.name());
            match packages::play(scene, &wasm, cpu, level) {
                Ok(all) => println!(
                    "{place}: {} calls compared, {} answers known, {} bytes of code",
                    all.calls, all.expected, all.code
                ),
                Err(e) => {
                    failed += 1;
                    println!("{place}: FAILED {e}");
                }
            }
            played += 1;
        }
    }
    println!("{played} played, {failed} failed");
    Ok(failed == 0 && played > 0)
}

/// Sweeps over the bounds of memories, and prints how much and how fast.
pub fn memory_bounds(
    accesses: u64,
    [cpus, levels, modes]: [&[String]; 3],
    first: u64,
    threads: usize,
) -> Outcome {
    let plan = bounds::Plan {
        accesses,
        bounds: named("bounds", modes, &Bounds::ALL, Bounds::name)?,
        cpus: named("CPU", cpus, &Cpu::ALL, Cpu::name)?,
        levels: named("level", levels, &Level::ALL, Level::name)?,
        first,
        threads,
    };
    let began = Instant::now();
    let done = plan.run()?;
    for line in &done.wrong {
        println!("wrong: {line}");
    }
    let (seconds, mut row) = (began.elapsed().as_secs_f64(), done.figures.json());
    row["seconds"] = json!(seconds.round());
    row["accesses per second"] = json!((done.figures.accesses as f64 / seconds).round());
    println!("{row}");
    Ok(done.wrong.is_empty())
}

/// Runs scripts of the specification, one at a time, and prints what held.
pub fn specification(
    suites: &[String],
    script: Option<&str>,
    cpus: &[String],
    levels: &[String],
    qemu: bool,
) -> Outcome {
    let cpus = named("CPU", cpus, &Cpu::ALL, Cpu::name)?;
    let levels = named("level", levels, &Level::ALL, Level::name)?;
    let scripts = |name: &str| script.is_none_or(|s| s == name);
    if qemu {
        return specification_on_boards(suites, &scripts, &cpus, &levels);
    }
    let mut all = spec::Counts::default();
    let chosen = |s: &&spec::Suite| suites.is_empty() || suites.iter().any(|n| n == s.name);
    for suite in spec::SUITES.iter().filter(chosen) {
        let counts = suite.run(&scripts, &cpus, &levels)?;
        let (held, wrong) = (counts.total(), counts.wrong.len());
        println!("{:18} {held:7} held, {wrong} wrong", suite.name);
        all.add(counts);
    }
    for (kind, n) in &all.held {
        println!("  {kind:18} {n}");
    }
    let mut wrong = all.wrong;
    wrong.sort();
    wrong.dedup();
    for line in wrong.iter().take(200) {
        println!("  wrong {line}");
    }
    match all.held.is_empty() {
        true => Err("no script asserted anything".into()),
        false => Ok(wrong.is_empty()),
    }
}

/// Runs scripts of the specification on QEMU's boards, and prints what was compared.
fn specification_on_boards(
    suites: &[String],
    chosen: &dyn Fn(&str) -> bool,
    cpus: &[Cpu],
    levels: &[Level],
) -> Outcome {
    let selected = |s: &&spec::Suite| suites.is_empty() || suites.iter().any(|n| n == s.name);
    let suites: Vec<&spec::Suite> = spec::SUITES.iter().filter(selected).collect();
    let (mut calls, mut agree) = (0, true);
    for &cpu in cpus {
        let board =
            Board::of(cpu).ok_or_else(|| format!("QEMU has no board with {}", cpu.name()))?;
        for &level in levels {
            let counts = spec::boards::all(&suites, chosen, &board, level)?;
            println!(
                "{} -O{}: {} calls of {} scripts as in unicorn, {} have no room, {} wrong",
                cpu.name(),
                level.name(),
                counts.calls,
                counts.scripts,
                counts.left_out,
                counts.wrong.len()
            );
            for line in &counts.wrong {
                println!("  wrong {line}");
            }
            for line in &counts.reasons {
                println!("  no room {line}");
            }
            calls += counts.calls;
            agree &= counts.wrong.is_empty();
        }
    }
    match calls {
        0 => Err("no script ran anything".into()),
        _ => Ok(agree),
    }
}
