//! A core that writes down what it is asked to run, so that a board can be asked the same later.
//!
//! In: the runs that a machine makes on another core. Out: a [`Script`]: the image as it was before the first run, and a
//! [`Segment`] for each run: what the host changed in memory since the run before, the register file, and what the core
//! left. Calling standard, imports and checks stay in the machine: a script holds register files and bytes only.
//! Invariant: a segment holds all that a run depends on, if the runs before it left what the recorded core left.

use crate::arm::machine::{GUARD, STUB};
use crate::arm::memory::{Kind, Map, Memory};
use crate::arm::{Core, PC, Regs, SP, Stop};

/// Bytes at the bottom of the stack that are compared: an exception of a board may write its frame of 32 bytes, aligned to 8,
/// below the stack pointer of a program that has used its stack to the limit.
pub const GUARDED: usize = GUARD - 64;

/// Bytes that the host wrote, and where.
pub type Patch = (u32, Vec<u8>);

/// One run of a core.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Number of the call that it is a part of; initialization is 0.
    pub call: usize,
    /// What the host wrote before it.
    pub patches: Vec<Patch>,
    /// The register file at its start.
    pub before: Regs,
    /// SP at the start of the call: what lies above is the caller's, and compared. Below are frames, in which words that
    /// nobody wrote hold what was left there, on a board the frames of its exceptions too.
    pub caller: u32,
    /// Why it ended.
    pub stop: Stop,
    /// The register file at its end.
    pub after: Regs,
    /// Hash of RAM and the caller's part of the stack at its end.
    pub small: u32,
    /// Hash of the linear memory and the guarded stack at its end, where it is compared.
    pub large: Option<u32>,
}

/// All that a board needs to run a program as it was run before.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Code and constants.
    pub code: Vec<u8>,
    /// Bytes of the region of stubs that are in use.
    pub stubs: usize,
    /// RAM before initialization.
    pub ram: Vec<u8>,
    /// Bytes of the linear memory's region.
    pub linear_size: usize,
    /// The linear memory before initialization, without zeroes at its end.
    pub linear: Vec<u8>,
    /// The linear memory is hashed after each segment whose number (from 1) is a multiple of this.
    pub every: usize,
    /// The runs.
    pub segments: Vec<Segment>,
}

impl Script {
    /// Drops everything from call number `calls` on (initialization is 0), and from the first that left the program's memory,
    /// about which nothing was compared.
    pub fn cut(&mut self, calls: usize) {
        let wild = |s: &&Segment| matches!(s.stop, Stop::Fault(_) | Stop::Timeout);
        let wild = self.segments.iter().find(wild).map(|s| s.call);
        let end = wild.map_or(calls, |call| call.min(calls));
        self.segments.retain(|s| s.call < end);
    }

    /// The halfword of the program's code or stubs at an address.
    pub fn half(&self, map: Map, pc: u32) -> Option<u16> {
        let stub = pc.wrapping_sub(map.base(Kind::Stubs)) as usize;
        if stub < self.stubs {
            return Some(STUB);
        }
        let at = pc.wrapping_sub(map.base(Kind::Code)) as usize;
        let bytes = self.code.get(at..at.checked_add(2)?)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let patches = self.segments.iter().flat_map(|s| &s.patches);
        let patched: usize = patches.map(|(_, bytes)| bytes.len()).sum();
        self.code.len() + self.ram.len() + self.linear.len() + patched + 256 * self.segments.len()
    }

    /// How many calls are in it, initialization among them.
    pub fn calls(&self) -> usize {
        self.segments.last().map_or(0, |s| s.call + 1)
    }
}

/// One step of the hash that host and board compute: a bijection of the state for each word, so that a single word that
/// differs always shows. `bytes` is a multiple of four.
pub fn hash(state: u32, bytes: &[u8]) -> u32 {
    bytes.chunks_exact(4).fold(state, |h, w| {
        let word = u32::from_le_bytes([w[0], w[1], w[2], w[3]]);
        (h.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9)
    })
}

/// The part of the stack that is in use: from SP to the top; nothing if SP is not on the stack.
pub fn in_use(memory: &Memory, sp: u32) -> &[u8] {
    let stack = memory.bytes(Kind::Stack);
    let at = sp.wrapping_sub(memory.map().base(Kind::Stack)) as usize;
    match sp.is_multiple_of(4) {
        true => stack.get(at..).unwrap_or(&[]),
        false => &[],
    }
}

/// What memory held after the last run.
#[derive(Default)]
struct Shadow {
    ram: Vec<u8>,
    linear: Vec<u8>,
}

/// A core that writes down its runs.
pub struct Recorder<C: Core> {
    inner: C,
    script: Option<Script>,
    shadow: Shadow,
}

impl<C: Core> Recorder<C> {
    /// Runs on `inner`; nothing is recorded yet.
    pub fn new(inner: C) -> Recorder<C> {
        Recorder {
            inner,
            script: None,
            shadow: Shadow::default(),
        }
    }

    /// Records from here on: `code`, `stubs` and `ram` are the sizes of what is in use, and `every` as in [`Script`].
    pub fn begin(&mut self, code: usize, stubs: usize, ram: usize, every: usize) {
        self.script = Some(Script {
            code: vec![0; code],
            stubs,
            ram: vec![0; ram.next_multiple_of(4)],
            every,
            ..Script::default()
        });
    }

    /// What was recorded since [`begin`](Recorder::begin).
    pub fn end(&mut self) -> Script {
        self.script.take().unwrap_or_default()
    }

    /// The image, and what the stack holds, before the first run.
    fn first(&mut self, memory: &Memory, sp: u32) -> Vec<Patch> {
        let Some(script) = &mut self.script else {
            return Vec::new();
        };
        let size = script.code.len();
        script
            .code
            .copy_from_slice(&memory.bytes(Kind::Code)[..size]);
        let size = script.ram.len();
        script.ram.copy_from_slice(&memory.bytes(Kind::Ram)[..size]);
        let linear = memory.bytes(Kind::Linear);
        script.linear_size = linear.len();
        let used = linear.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        script.linear = linear[..used].to_vec();
        let guard = memory.bytes(Kind::Stack)[..GUARD].to_vec();
        let stubs = memory.bytes(Kind::Stubs)[..script.stubs].to_vec();
        vec![
            (memory.map().base(Kind::Stubs), stubs),
            (memory.map().base(Kind::Stack), guard),
            (sp, in_use(memory, sp).to_vec()),
        ]
    }

    /// What the host changed since the last run: of RAM and linear memory what differs; of the stack all that it wrote,
    /// since words that nobody uses are not the same on a board, and one that is written with what it held is.
    fn changed(&self, memory: &mut Memory, sp: u32, goes_on: bool) -> Vec<Patch> {
        let mut patches = Vec::new();
        for (kind, old) in [
            (Kind::Ram, &self.shadow.ram),
            (Kind::Linear, &self.shadow.linear),
        ] {
            let new = &memory.bytes(kind)[..old.len()];
            differences(memory.map().base(kind), old, new, &mut patches);
        }
        let written = memory.written();
        if !goes_on {
            patches.push((sp, in_use(memory, sp).to_vec()));
            return patches;
        }
        for (address, size) in written {
            if let Some((Kind::Stack, at)) = memory.locate(address, size) {
                patches.push((address, memory.bytes(Kind::Stack)[at..at + size].to_vec()));
            }
        }
        patches
    }

    fn remember(&mut self, memory: &mut Memory, ram: usize) {
        let refill = |to: &mut Vec<u8>, from: &[u8]| {
            to.clear();
            to.extend_from_slice(from);
        };
        refill(&mut self.shadow.ram, &memory.bytes(Kind::Ram)[..ram]);
        refill(&mut self.shadow.linear, memory.bytes(Kind::Linear));
        memory.written();
    }
}

/// Ranges where two equally long buffers differ, with the bytes of the new one; near ones are one.
fn differences(base: u32, old: &[u8], new: &[u8], patches: &mut Vec<Patch>) {
    const BLOCK: usize = 256;
    for (n, (a, b)) in old.chunks(BLOCK).zip(new.chunks(BLOCK)).enumerate() {
        if a == b {
            continue;
        }
        let differ = |i: &usize| a[*i] != b[*i];
        if let (Some(from), Some(to)) = ((0..a.len()).find(differ), (0..a.len()).rfind(differ)) {
            patches.push((base + (n * BLOCK + from) as u32, b[from..=to].to_vec()));
        }
    }
}

/// Hash of RAM and the caller's part of the stack.
pub fn small(memory: &Memory, ram: usize, caller: u32) -> u32 {
    let ram = hash(0, &memory.bytes(Kind::Ram)[..ram]);
    hash(ram, in_use(memory, caller))
}

/// Hash of the linear memory and the guarded stack.
pub fn large(memory: &Memory) -> u32 {
    let guard = &memory.bytes(Kind::Stack)[..GUARDED];
    hash(hash(0, memory.bytes(Kind::Linear)), guard)
}

impl<C: Core> Core for Recorder<C> {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn attach(&mut self, memory: &mut Memory) -> Result<(), String> {
        self.inner.attach(memory)
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        let Some((ram, every, last)) = self.script.as_ref().map(|s| {
            let last = s.segments.last().map(|l| (l.call, l.after[PC], l.caller));
            (s.ram.len(), s.every, last)
        }) else {
            return self.inner.run(regs, memory, until);
        };
        // A run that ended at an import's stub goes on; everything else ended a call.
        let stub = |pc: u32| pc != until && matches!(memory.locate(pc, 2), Some((Kind::Stubs, _)));
        let goes_on = last.is_some_and(|(_, pc, _)| stub(pc));
        let (call, caller) = match last {
            None => (0, regs[SP]),
            Some((call, _, caller)) if goes_on => (call, caller),
            Some((call, ..)) => (call + 1, regs[SP]),
        };
        let patches = match last {
            None => self.first(memory, regs[SP]),
            Some(_) => self.changed(memory, regs[SP], goes_on),
        };
        let before = *regs;
        let stop = self.inner.run(regs, memory, until);
        self.remember(memory, ram);
        if let Some(script) = &mut self.script {
            let due = (script.segments.len() + 1).is_multiple_of(every);
            script.segments.push(Segment {
                call,
                patches,
                before,
                caller,
                stop: stop.clone(),
                after: *regs,
                small: small(memory, ram, caller),
                large: due.then(|| large(memory)),
            });
        }
        stop
    }
}
