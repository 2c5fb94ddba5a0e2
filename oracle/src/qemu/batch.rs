//! A batch: scripts in, what a board left after each segment out.
//!
//! In: scripts for one board. Out: for each script a [`Saw`] a segment, and for one segment a dump of its memory, if it was
//! asked for. `driver.c` is compiled once a process and place of its data; it and this file share one format, written down here. Invariant: a
//! script whose results are not complete has none: that QEMU ended, or hung, is never taken for agreement.

use super::board::Board;
use super::record::{GUARDED, Script, Segment};
use crate::arm::machine::STACK;
use crate::arm::memory::Kind;
use crate::arm::{PC, Regs, SP, Stop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// First word of a case: `CASE`.
const MAGIC: u32 = 0x4553_4143;
/// Reloads of a 24-bit timer at 25 MHz after which a segment counts as endless: ten seconds.
const TICKS: u32 = 15;
/// Segments of which the driver holds what it saw, if half of its data is enough for so many.
const SAWS: u32 = 256;
/// How long a batch may go on without a result before QEMU counts as hung.
const SILENCE: Duration = Duration::from_secs(120);
/// The oldest QEMU that faults as the cores do.
const VERSION: (u32, u32) = (7, 2);
/// The emulator.
const QEMU: &str = "qemu-system-arm";
/// What to do if it is missing.
const ADVICE: &str = "install the Debian package qemu-system-arm";
/// The frame of an exception could not be written: MMFSR.MSTKERR, BFSR.STKERR.
const NO_FRAME: u32 = 0x1010;
/// UFSR.UNDEFINSTR.
const UNDEFINED: u32 = 1 << 16;
/// Number of the exception UsageFault.
const USAGE_FAULT: u32 = 6;
/// Number of the exception SysTick.
const SYSTICK: u32 = 15;

/// What a board left after a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saw {
    /// Number of the exception that ended it.
    exception: u32,
    /// The configurable fault status register.
    status: u32,
    /// The register file.
    pub regs: Regs,
    /// Hash of RAM and the caller's part of the stack.
    small: u32,
    /// Hash of the linear memory and the guarded stack, where it was computed.
    large: u32,
}

/// Memory after a segment.
#[derive(Clone, Default, Debug)]
pub struct Dump {
    /// RAM, as long as the script's.
    pub ram: Vec<u8>,
    /// The linear memory.
    pub linear: Vec<u8>,
    /// The stack from SP to its top.
    pub stack: Vec<u8>,
    /// The bottom of the stack.
    pub guard: Vec<u8>,
}

/// What a board left of a script.
#[derive(Clone, Debug)]
pub struct Heard {
    /// One for each segment.
    pub saws: Vec<Saw>,
    /// Memory after the segment that was asked for.
    pub dump: Option<Dump>,
}

impl Saw {
    /// Why the segment ended, in the words of a core. `half` reads a program's code.
    pub fn stop(&self, home: u32, half: impl Fn(u32) -> Option<u16>) -> Stop {
        let pc = self.regs[PC];
        if self.exception == SYSTICK {
            return Stop::Timeout;
        }
        if self.exception == USAGE_FAULT && self.status == UNDEFINED {
            match half(pc) {
                _ if pc == home => return Stop::Until,
                Some(word) if word & 0xff00 == 0xde00 => return Stop::Udf(word & 0xff),
                Some(_) | None => {}
            }
        }
        Stop::Fault(self.fault())
    }

    /// What kind of fault it was, in the names of the manual (Arm v7-M manual, B3.2.15).
    fn fault(&self) -> String {
        const BITS: [(u32, &str); 16] = [
            (0, "IACCVIOL"),
            (1, "DACCVIOL"),
            (3, "MUNSTKERR"),
            (4, "MSTKERR"),
            (7, "MMARVALID"),
            (8, "IBUSERR"),
            (9, "PRECISERR"),
            (10, "IMPRECISERR"),
            (11, "UNSTKERR"),
            (12, "STKERR"),
            (15, "BFARVALID"),
            (16, "UNDEFINSTR"),
            (17, "INVSTATE"),
            (18, "INVPC"),
            (19, "NOCP"),
            (24, "UNALIGNED"),
        ];
        let bits = BITS.iter().filter(|(n, _)| self.status >> n & 1 == 1);
        let names: Vec<&str> = bits.map(|(_, name)| *name).collect();
        let kind = match self.exception {
            3 => "HardFault",
            4 => "MemManage",
            5 => "BusFault",
            USAGE_FAULT => "UsageFault",
            _ => "exception",
        };
        let at = match self.status & NO_FRAME {
            0 => format!(" at {:#x}", self.regs[PC]),
            _ => format!(" with SP {:#x}", self.regs[SP]),
        };
        format!("{kind} {}{at}", names.join(" "))
    }

    /// Whether this is what the recorded core left. `stop` is [`Saw::stop`].
    pub fn agrees(&self, segment: &Segment, stop: &Stop) -> bool {
        self.regs == segment.after
            && *stop == segment.stop
            && self.small == segment.small
            && segment.large.is_none_or(|h| h == self.large)
    }
}

/// A folder that goes when this does.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, for temporary files.
    ///
    /// # Errors
    /// Text, if it cannot be made.
    pub fn new() -> Result<Folder, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("thumbsmith-qemu-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost if it stays: the system clears its temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The driver for a board as an ELF file, made on first use; checks the version of QEMU too.
///
/// # Errors
/// Text that says which tool is missing or too old, and what to do.
pub fn driver(board: &Board) -> Result<Arc<[u8]>, String> {
    type Made = BTreeMap<(u32, u32), Result<Arc<[u8]>, String>>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().map_err(|e| e.to_string())?;
    let build = || version().and_then(|()| build(board.data));
    made.entry(board.data).or_insert_with(build).clone()
}

/// Runs a tool to its end; its standard output.
fn tool(dir: &Path, name: &str, args: &[&str], advice: &str) -> Result<String, String> {
    let run = Command::new(name).args(args).current_dir(dir).output();
    let output = run.map_err(|e| format!("{name}: {e}; {advice}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{name}: {}; {advice}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn version() -> Result<(), String> {
    let text = tool(Path::new("."), QEMU, &["--version"], ADVICE)?;
    let numbers = text.split("version ").nth(1).unwrap_or("");
    let mut parts = numbers.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= VERSION => Ok(()),
        _ => Err(format!(
            "{QEMU} must be {}.{} or newer, and is: {}; {ADVICE}",
            VERSION.0,
            VERSION.1,
            text.lines().next().unwrap_or("?")
        )),
    }
}

fn build(data: (u32, u32)) -> Result<Arc<[u8]>, String> {
    let folder = Folder::new()?;
    let dir = folder.0.as_path();
    let put = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).map_err(|e| format!("{name}: {e}"))
    };
    put("driver.c", include_str!("driver.c"))?;
    put("driver.ld", include_str!("driver.ld"))?;
    let sizes = [
        format!("-DTICKS={TICKS}"),
        format!("-DGUARD={GUARDED}"),
        format!("-DMAGIC={MAGIC}u"),
        format!("-DSAWS={}", (data.1 / 512).min(SAWS)),
    ];
    let mut args = vec![
        "--target=thumbv7m-none-eabi",
        "-mcpu=cortex-m3",
        "-O2",
        "-ffreestanding",
        "-fno-builtin",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        "driver.c",
    ];
    args.extend(sizes.iter().map(String::as_str));
    tool(
        dir,
        "clang-19",
        &args,
        "install the Debian package clang-19",
    )?;
    let (at, size) = (
        format!("--defsym=data_at={}", data.0),
        format!("--defsym=data_size={}", data.1),
    );
    let args = [
        &at,
        &size,
        "-T",
        "driver.ld",
        "driver.o",
        "-o",
        "driver.elf",
    ];
    tool(dir, "ld.lld-19", &args, "install the Debian package lld-19")?;
    let elf = std::fs::read(dir.join("driver.elf")).map_err(|e| format!("driver.elf: {e}"))?;
    Ok(elf.into())
}

/// The words of a segment: register file, the caller's stack, for a board with an FPU its registers, then what the host
/// wrote before it.
fn segment_words(board: &Board, segment: &Segment, out: &mut Vec<u8>) {
    let word = |w: u32, out: &mut Vec<u8>| out.extend_from_slice(&w.to_le_bytes());
    for r in segment.before.r {
        word(r, out);
    }
    // Thumb state; the flags are junk, the same as on other cores.
    word(segment.before[12] & 0xf800_0000 | 0x0100_0000, out);
    word(segment.caller, out);
    if board.fpu() {
        for s in segment.before.s {
            word(s, out);
        }
        word(segment.before.fpscr(), out);
    }
    word(segment.patches.len() as u32, out);
    for (at, bytes) in &segment.patches {
        word(*at, out);
        word(bytes.len() as u32, out);
        out.extend_from_slice(bytes);
    }
}

/// A case as the driver reads it (`struct header` and what follows).
fn encode(board: &Board, script: &Script, dump: Option<usize>, out: &mut Vec<u8>) {
    let base = |kind| board.map.base(kind);
    let stack = base(Kind::Stack);
    let mut words = vec![
        MAGIC,
        script.code.len() as u32,
        script.ram.len() as u32,
        script.linear_size as u32,
        script.linear.len() as u32,
        script.segments.len() as u32,
        script.every as u32,
        dump.map_or(u32::MAX, |n| n as u32),
        u32::from(board.fpu()),
        base(Kind::Code),
        base(Kind::Ram),
        base(Kind::Linear),
        stack,
        stack + STACK as u32,
    ];
    words.extend(board.protection(script).into_iter().flatten());
    for part in [
        &words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        &script.code,
        &script.ram,
        &script.linear,
    ] {
        out.extend_from_slice(part);
    }
    for segment in &script.segments {
        segment_words(board, segment, out);
    }
}

/// Bytes of the results, taken from the front.
struct Results<'a>(&'a [u8]);

impl<'a> Results<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(front)
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn saw(&mut self, fpu: bool) -> Option<Saw> {
        let (exception, status) = (self.word()?, self.word()?);
        let mut regs = Regs::default();
        for r in &mut regs.r {
            *r = self.word()?;
        }
        let (small, large) = (self.word()?, self.word()?);
        for s in regs.s.iter_mut().filter(|_| fpu) {
            *s = self.word()?;
        }
        Some(Saw {
            exception,
            status,
            regs,
            small,
            large,
        })
    }

    /// The results of one script.
    fn heard(&mut self, board: &Board, script: &Script, dump: Option<usize>) -> Option<Heard> {
        let mut heard = Heard {
            saws: Vec::with_capacity(script.segments.len()),
            dump: None,
        };
        for n in 0..script.segments.len() {
            let saw = self.saw(board.fpu())?;
            if Some(n) == dump {
                let used = board.map.base(Kind::Stack) + STACK as u32;
                let used = used.wrapping_sub(saw.regs[SP]) as usize;
                let on_it = used <= STACK && saw.regs[SP].is_multiple_of(4);
                heard.dump = Some(Dump {
                    ram: self.take(script.ram.len())?.to_vec(),
                    linear: self.take(script.linear_size)?.to_vec(),
                    stack: self.take(if on_it { used } else { 0 })?.to_vec(),
                    guard: self.take(GUARDED)?.to_vec(),
                });
            }
            heard.saws.push(saw);
        }
        Some(heard)
    }
}

/// Runs scripts on a board, in order; `dump` asks for memory after that segment of each. The list is as long as that of
/// the scripts; from the first `None` on nothing ran, and the text says why.
///
/// # Errors
/// Text of a tool that is missing, or of the file system.
pub fn run(
    folder: &Folder,
    board: &Board,
    scripts: &[&Script],
    dump: Option<usize>,
) -> Result<(Vec<Option<Heard>>, String), String> {
    let path = |name: &str| folder.0.join(name);
    let text = |name: &'static str| move |e: std::io::Error| format!("{name}: {e}");
    let mut bytes = Vec::new();
    for script in scripts {
        encode(board, script, dump, &mut bytes);
    }
    std::fs::write(path("driver.elf"), driver(board)?).map_err(text("driver.elf"))?;
    std::fs::write(path("batch.in"), &bytes).map_err(text("batch.in"))?;
    std::fs::write(path("batch.out"), []).map_err(text("batch.out"))?;
    let said = boot(folder, board)?;
    let bytes = std::fs::read(path("batch.out")).map_err(text("batch.out"))?;
    let mut results = Results(&bytes);
    let heard = scripts.iter().map(|s| results.heard(board, s, dump));
    let mut heard: Vec<_> = heard.collect();
    let complete = heard.iter().take_while(|h| h.is_some()).count();
    heard.truncate(complete);
    heard.resize(scripts.len(), None);
    Ok((heard, said))
}

/// Runs the driver to its end; what QEMU said.
fn boot(folder: &Folder, board: &Board) -> Result<String, String> {
    let log = std::fs::File::create(folder.0.join("log")).map_err(|e| format!("log: {e}"))?;
    let again = log.try_clone().map_err(|e| format!("log: {e}"))?;
    let mut child = Command::new(QEMU)
        .args(["-M", board.machine, "-kernel", "driver.elf"])
        .args(["-display", "none", "-serial", "none", "-monitor", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(again)
        .spawn()
        .map_err(|e| format!("{QEMU}: {e}; {ADVICE}"))?;
    let (mut last, mut size) = (Instant::now(), 0);
    let mut wait = Duration::from_millis(1);
    let mut note = String::new();
    while child
        .try_wait()
        .map_err(|e| format!("{QEMU}: {e}"))?
        .is_none()
    {
        let written = std::fs::metadata(folder.0.join("batch.out")).map_or(0, |m| m.len());
        if written != size {
            (last, size) = (Instant::now(), written);
        }
        if last.elapsed() > SILENCE {
            note = format!(
                "{QEMU} was ended after {} s of silence; ",
                SILENCE.as_secs()
            );
            child.kill().map_err(|e| format!("{QEMU}: {e}"))?;
            child.wait().map_err(|e| format!("{QEMU}: {e}"))?;
            break;
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(50));
    }
    let log = std::fs::read(folder.0.join("log")).map_err(|e| format!("log: {e}"))?;
    // A lock-up prints the registers first; the reason stands at the top.
    let first: Vec<_> = String::from_utf8_lossy(&log)
        .lines()
        .take(3)
        .map(str::to_owned)
        .collect();
    Ok(format!("{note}{}", first.join(" ")))
}
