//! QEMU in system mode: the voice that faults where the cores do.
//!
//! In: programs that other voices have been found to agree about. They run once more on unicorn, linked to a board's memory
//! and compared with the reference; that run is written down as a script of register files (`record`), and a board runs
//! many scripts in one process (`batch`, `driver.c`). Out: a report for each script where the board left another register,
//! another byte of RAM, of the stack in use or of linear memory, or stopped elsewhere; `explain` makes of that what the
//! reference and the board say about the program. Invariants: equal means equal to a run that the reference agreed
//! with; what is not compared (no board, too large) is counted; without QEMU there is an error, never silence.

pub mod batch;
pub mod board;
pub mod explain;
pub mod record;
#[cfg(test)]
mod tests;

use crate::arm::machine::Machine;
use crate::arm::memory::Kind as Region;
use crate::arm::unicorn::UnicornCore;
use crate::arm::{PC, Regs, Stop};
use crate::check::{Judge, Report};
use crate::compare::{Difference, Kind, Step, Tally, lockstep};
use crate::engine::Engine;
use crate::program::{Info, Program};
use crate::reference::Reference;
use batch::{Folder, Heard, Saw};
use board::Board;
use explain::{Apart, Replayed};
use record::{Recorder, Script};
use std::time::Duration;
use thumbsmith::Options;

/// Linear memory is compared after every so many runs, and after the last.
const EVERY: usize = 16;
/// Scripts after which a batch is full.
const BATCH: usize = 2_000;
/// Bytes of scripts after which a batch is full.
pub(crate) const BATCH_BYTES: usize = 48 << 20;
/// After this long a run of the recorded core counts as endless.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Fuel of the reference where a difference is explained, in operators.
const FUEL: u64 = 20_000_000;

/// How much was compared.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Programs that a board ran.
    pub cases: u64,
    /// Calls of their exports.
    pub executions: u64,
    /// Runs between two acts of the host, each compared.
    pub runs: u64,
    /// Programs that do not fit on the board, or that the reference says nothing about.
    pub left_out: u64,
    /// Programs for a CPU without a board.
    pub no_board: u64,
}

impl Counts {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Counts) {
        self.cases += other.cases;
        self.executions += other.executions;
        self.runs += other.runs;
        self.left_out += other.left_out;
        self.no_board += other.no_board;
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "cases": self.cases,
            "executions": self.executions,
            "runs": self.runs,
            "left_out": self.left_out,
            "no_board": self.no_board,
        })
    }
}

/// A program that waits for its batch.
struct Waiting {
    board: Board,
    origin: String,
    program: Program,
    steps: Vec<Step>,
    script: Script,
}

/// The machine that records for one board.
struct Recording {
    board: Board,
    machine: Machine<Recorder<UnicornCore>>,
}

/// QEMU's boards.
pub struct Voice {
    folder: Folder,
    recordings: Vec<Recording>,
    waiting: Vec<Waiting>,
    bytes: usize,
    at_once: bool,
    /// How much was compared since they were taken.
    pub counts: Counts,
}

impl Recording {
    /// Loads a program and gets ready to write down its runs.
    fn begin(&mut self, program: &Program, every: usize) -> Result<(), String> {
        self.machine.load(program)?;
        let (code, stubs) = (self.machine.code_size(), self.machine.stub_bytes());
        let ram = self.machine.image().ram.len();
        self.machine.core_mut().begin(code, stubs, ram, every);
        Ok(())
    }

    /// What was written down, without what nothing was compared with.
    fn end(&mut self, calls: usize) -> Script {
        let mut script = self.machine.core_mut().end();
        script.cut(calls);
        script
    }
}

/// Takes all steps on one engine.
fn take_steps(engine: &mut dyn Engine, steps: &[Step]) {
    engine.instantiate();
    for step in steps {
        match step {
            Step::Set(global, value) => engine.set_global(*global, *value),
            Step::Call(export, args) => drop(engine.call(*export, args)),
        }
    }
}

/// The step of a call; initialization is 0 and has none.
fn step_of(call: usize, steps: &[Step]) -> Option<usize> {
    let is_call = |(_, s): &(usize, &Step)| matches!(s, Step::Call(..));
    let calls = steps.iter().enumerate().filter(is_call);
    calls.map(|(at, _)| at).nth(call.checked_sub(1)?)
}

/// The first segment after which a board is apart, and how it stopped there.
pub(crate) fn first_apart(board: &Board, script: &Script, heard: &Heard) -> Option<(usize, Stop)> {
    let home = board.map.base(Region::Stubs);
    let pairs = heard.saws.iter().zip(&script.segments).enumerate();
    for (n, (saw, segment)) in pairs {
        let stop = saw.stop(home, |pc| script.half(board.map, pc));
        if !saw.agrees(segment, &stop) {
            return Some((n, stop));
        }
    }
    None
}

impl Voice {
    /// The boards. With `at_once` each program is a batch of its own, and its difference is known when it was heard.
    ///
    /// # Errors
    /// Text that says which tool is missing, and what to do.
    pub fn new(at_once: bool) -> Result<Voice, String> {
        batch::driver(&board::BOARDS[0])?;
        Ok(Voice {
            folder: Folder::new()?,
            recordings: Vec::new(),
            waiting: Vec::new(),
            bytes: 0,
            at_once,
            counts: Counts::default(),
        })
    }

    /// Whether enough programs wait for a batch to be worth its start.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// The machine that records for a board, made on first use.
    fn recording(&mut self, board: Board) -> Result<&mut Recording, String> {
        let at = match self.recordings.iter().position(|r| r.board == board) {
            Some(at) => at,
            None => {
                let core = UnicornCore::new(board.cpu, TIME_LIMIT)?;
                let machine = Machine::at(board.map, Recorder::new(core));
                self.recordings.push(Recording { board, machine });
                self.recordings.len() - 1
            }
        };
        Ok(&mut self.recordings[at])
    }

    /// Takes a program that other voices agree about; `reference` has it loaded.
    ///
    /// # Errors
    /// The difference, if it is known at once: on unicorn at the board's addresses, or on a board that is asked at once.
    pub fn hear(
        &mut self,
        origin: &str,
        program: &Program,
        steps: &[Step],
        reference: &mut dyn Engine,
    ) -> Result<(), Box<Difference>> {
        let Some(board) = Board::of(program.options.cpu) else {
            self.counts.no_board += 1;
            return Ok(());
        };
        let broken = |got: String| {
            Box::new(Difference {
                kind: Kind::Link,
                step: None,
                engine: explain::name(board.cpu),
                expected: "a program that runs on the board".into(),
                got,
            })
        };
        let recording = self.recording(board).map_err(broken)?;
        recording.begin(program, EVERY).map_err(broken)?;
        let mut tally = Tally::default();
        let others: &mut [&mut dyn Engine] = &mut [&mut recording.machine];
        let judged = lockstep(program, steps, reference, others, &mut tally);
        // Whatever ended the comparison early is not in the script.
        let silent = tally.executions == 0 && tally.void > 0;
        let calls = if silent { 0 } else { tally.executions + 1 };
        let script = recording.end(calls as usize);
        judged?;
        // Runs within runs are not what a script can say.
        if recording.machine.called_back() > 0 {
            self.counts.left_out += 1;
            return Ok(());
        }
        if script.segments.is_empty() || !board.fits(&script) {
            self.counts.left_out += 1;
            return Ok(());
        }
        self.bytes += script.size();
        self.waiting.push(Waiting {
            board,
            origin: origin.to_owned(),
            program: program.clone(),
            steps: steps.to_vec(),
            script,
        });
        if !self.at_once {
            return Ok(());
        }
        let found = self.settle().map_err(broken)?;
        found
            .into_iter()
            .next()
            .map_or(Ok(()), |report| Err(Box::new(report.difference)))
    }

    /// Runs all programs that wait, a batch a board.
    ///
    /// # Errors
    /// Text of a tool that is missing, or of the file system.
    pub fn settle(&mut self) -> Result<Vec<Report>, String> {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let mut reports = Vec::new();
        for board in board::BOARDS {
            let (mut mine, rest) = waiting
                .into_iter()
                .partition::<Vec<_>, _>(|w| w.board == board);
            waiting = rest;
            while !mine.is_empty() {
                let done = self.batch(&board, &mine, &mut reports)?;
                mine.drain(..done);
            }
        }
        Ok(reports)
    }

    /// Runs programs until one stops the board, if one does; how many are judged.
    fn batch(
        &mut self,
        board: &Board,
        programs: &[Waiting],
        reports: &mut Vec<Report>,
    ) -> Result<usize, String> {
        let scripts: Vec<_> = programs.iter().map(|w| &w.script).collect();
        let (heard, said) = batch::run(&self.folder, board, &scripts, None)?;
        for (n, (heard, w)) in heard.iter().zip(programs).enumerate() {
            self.counts.cases += 1;
            let Some(heard) = heard else {
                let got = format!("the board stopped before this case ended: {said}");
                reports.push(w.report(Kind::Fault, None, "a case that ends".into(), got));
                return Ok(n + 1);
            };
            self.counts.executions += w.script.calls().saturating_sub(1) as u64;
            self.counts.runs += heard.saws.len() as u64;
            if let Some((first, _)) = first_apart(board, &w.script, heard) {
                reports.push(self.explain(w, first)?);
            }
        }
        Ok(programs.len())
    }

    /// What a program does otherwise on the board. `first` is a segment after which it is apart.
    fn explain(&mut self, w: &Waiting, first: usize) -> Result<Report, String> {
        // Again, alone, with all of memory compared after each run; then with a dump where it is apart.
        let recording = self.recording(w.board)?;
        recording.begin(&w.program, 1)?;
        take_steps(&mut recording.machine, &w.steps);
        let script = recording.end(w.script.calls());
        let step = |n: usize| step_of(script.segments.get(n).map_or(0, |s| s.call), &w.steps);
        let run = |folder, dump| -> Result<Option<Heard>, String> {
            let (mut heard, _) = batch::run(folder, &w.board, &[&script], dump)?;
            Ok(heard.pop().flatten())
        };
        let alone = run(&self.folder, None)?;
        let apart = alone.and_then(|h| first_apart(&w.board, &script, &h));
        let Some((segment, _)) = apart else {
            let got = "something else, but not where the case runs alone".to_owned();
            let expected = "what unicorn left".to_owned();
            return Ok(w.report(Kind::Contract, step(first), expected, got));
        };
        let heard = run(&self.folder, Some(segment))?;
        let again = heard
            .as_ref()
            .and_then(|h| first_apart(&w.board, &script, h));
        let (
            Some((again, stop)),
            Some(Heard {
                saws,
                dump: Some(dump),
            }),
        ) = (again, heard)
        else {
            return Err("the board gives no dump".into());
        };
        if again != segment {
            return Err("the board does not do the same twice".into());
        }
        let saw = saws[segment].clone();
        let (expected, got) = states(&script, segment, &saw, &stop);
        let apart = Apart {
            segment,
            saw,
            stop,
            dump,
        };
        let core = UnicornCore::new(w.board.cpu, TIME_LIMIT)?;
        let mut machine = Machine::at(w.board.map, Replayed::new(core, w.board.cpu, apart));
        machine.load(&w.program)?;
        let mut reference = Reference::new(Some(FUEL))?;
        reference.load(&w.program)?;
        let others: &mut [&mut dyn Engine] = &mut [&mut machine];
        let mut tally = Tally::default();
        let judged = lockstep(&w.program, &w.steps, &mut reference, others, &mut tally);
        Ok(match judged {
            Err(d) => {
                let got = format!("{} (unicorn says what wasmtime says)", d.got);
                w.report(d.kind, d.step, d.expected, got)
            }
            // Nothing that the program shows, but the voices disagree.
            Ok(()) => w.report(Kind::Contract, step(segment), expected, got),
        })
    }
}

impl Judge {
    /// What a board says of these steps, beside unicorn at the same addresses; nothing if nobody listens.
    ///
    /// # Errors
    /// Text that says why the module cannot be compiled or run.
    pub fn board_says(
        &mut self,
        wasm: &[u8],
        options: &Options,
        steps: &[Step],
    ) -> Result<Option<String>, String> {
        let Some(voice) = &mut self.qemu else {
            return Ok(None);
        };
        let name = explain::name(options.cpu);
        let object = thumbsmith::compile(wasm, options)
            .map_err(|e| e.to_string())?
            .object;
        let program = Program {
            wasm: wasm.to_vec(),
            info: Info::read(wasm)?,
            object,
            options: options.clone(),
            memory_limit: None,
        };
        let mut reference = Reference::new(Some(FUEL))?;
        reference.load(&program)?;
        let heard = voice.hear("run", &program, steps, &mut reference);
        let counts = std::mem::take(&mut voice.counts);
        self.counts.qemu.add(&counts);
        Ok(Some(match heard {
            Err(d) => format!("{}: {} where wasmtime says {}", d.engine, d.got, d.expected),
            Ok(()) if counts.no_board > 0 => format!("{name}: QEMU has no board for it"),
            Ok(()) if counts.left_out > 0 => format!("{name}: nothing to compare, or too large"),
            Ok(()) => format!("{name}: as unicorn, in every register and byte of memory"),
        }))
    }

    /// Asks QEMU too from here on: of each module as it is judged (`at_once`), or many in a batch, whose differences
    /// [`Judge::settle`] gives.
    ///
    /// # Errors
    /// Text that says which tool is missing.
    pub fn listen(&mut self, at_once: bool) -> Result<(), String> {
        self.qemu = Some(Voice::new(at_once)?);
        Ok(())
    }

    /// Runs the modules that wait for QEMU: if they make a batch, or all of them; gives the differences.
    ///
    /// # Errors
    /// Text of a tool that fails.
    pub fn settle(&mut self, all: bool) -> Result<Vec<Report>, String> {
        let Some(voice) = &mut self.qemu else {
            return Ok(Vec::new());
        };
        let reports = match all || voice.is_full() {
            true => voice.settle()?,
            false => Vec::new(),
        };
        self.counts.qemu.add(&std::mem::take(&mut voice.counts));
        Ok(reports)
    }
}

/// What recorded core and board say about a segment, as far as they disagree.
fn states(script: &Script, segment: usize, saw: &Saw, stop: &Stop) -> (String, String) {
    let recorded = &script.segments[segment];
    let text = |stop: &Stop, mine: &Regs, other: &Regs| {
        let mut list = String::new();
        if mine[PC] != other[PC] {
            list = format!(" pc={:#x}", mine[PC]);
        }
        for (reg, value) in other.changes(mine) {
            list += &format!(" {reg}={value:#x}");
        }
        format!("{stop:?}{list}")
    };
    let expected = text(&recorded.stop, &recorded.after, &saw.regs);
    let got = text(stop, &saw.regs, &recorded.after);
    (format!("unicorn: {expected}"), got)
}

impl Waiting {
    fn report(&self, kind: Kind, step: Option<usize>, expected: String, got: String) -> Report {
        let end = step.map_or(0, |s| s + 1).min(self.steps.len());
        Report {
            origin: self.origin.clone(),
            wasm: self.program.wasm.clone(),
            options: self.program.options.clone(),
            steps: self.steps[..end].to_vec(),
            difference: Difference {
                kind,
                step,
                engine: explain::name(self.board.cpu),
                expected,
                got,
            },
            guilty: None,
        }
    }
}
