//! The executor over the instruction table against unicorn, an instruction at a time.
//!
//! In: an instruction of a form and random states. Out: nothing, or what is wrong. It is encoded, must read back as itself,
//! and runs alone or as the one instruction of an IT block: registers, flags, PC, memory and whether it faulted must
//! agree, and the table's `reads` and `writes` must name all that it depends on and changes. What unicorn does not
//! notice (words at unaligned addresses) is not asked of it: there the executor must fault.
//! The test `isa_semantics` runs every form; [`Bench::check`] lets bytes choose.

mod case;
mod engine;
mod floats;

use case::Case;
pub(crate) use case::{MISREAD, misread};
use engine::{CODE, DATA, Memory, Reference, SIZE, State};
use thumbsmith::Cpu;
use thumbsmith::isa::exec::{Flags, Machine, Stop};
use thumbsmith::isa::form::{Form, Rule};
use thumbsmith::isa::table::FORMS;
use thumbsmith::isa::{
    Cond, Inst, Op, Place, Reg, Sem, encode_sized, reads, reads_flags, writes, writes_flags,
};
use unicorn_engine::uc_error;

/// Instructions that one input makes at most, and states of each.
const INSTRUCTIONS: usize = 24;
const STATES: usize = 3;
/// States of one of the FPU, where more depends on what the operands are.
const FLOAT_STATES: usize = 10;

/// Splitmix64: the same stream on every host.
pub struct Random(u64);

impl Random {
    /// A stream from a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 32 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    }

    /// A number below `n`, which must not be zero.
    pub fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }

    /// Any flags.
    pub(super) fn flags(&mut self) -> Flags {
        let f = self.next();
        Flags {
            n: f & 1 != 0,
            z: f & 2 != 0,
            c: f & 4 != 0,
            v: f & 8 != 0,
        }
    }

    /// A word: often at a boundary, small, or with few bits.
    pub(super) fn word(&mut self) -> u32 {
        let r = self.next();
        match self.below(8) {
            0 => [
                0, 1, 2, 31, 32, 33, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
            ][r as usize % 12],
            1 => [u32::MAX, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0x8000_0001][r as usize % 5],
            2 => r >> self.below(32),
            3 => ((r as i32) >> self.below(32)) as u32,
            4 => 1 << (r & 31),
            _ => r,
        }
    }
}

/// Both sides, for every core.
pub struct Bench {
    memory: Memory,
    references: Vec<Reference>,
}

/// An instruction to try.
#[derive(Clone, Copy)]
pub struct Trial {
    /// The form that it is encoded in.
    pub form: &'static Form,
    /// The instruction.
    pub inst: Inst,
    /// Whether it stands in an IT block for its condition.
    pub in_it: bool,
    /// Which core.
    pub cpu: Cpu,
}

impl Trial {
    /// A trial that these random bits choose; none if they are no instruction of the form on this core.
    pub fn new(form: &'static Form, cpu: Cpu, random: &mut Random) -> Option<Trial> {
        if !form.exists_on(cpu) {
            return None;
        }
        let may = !form.pattern.has(b'c') && !form.has(Rule::Outside);
        let in_it = may && random.below(3) == 0;
        let cond = in_it.then(|| Cond::ALL[random.below(14) as usize]);
        let inst = form.sample(random.next(), cond)?;
        Some(Trial {
            form,
            inst,
            in_it,
            cpu,
        })
    }

    /// The same with another immediate, if the encoder takes it in this size. A sample is an instruction that the
    /// decoder accepts; this finds immediates that the encoder accepts and changes.
    fn with_other_immediate(self, random: &mut Random) -> Option<Trial> {
        let old = self.inst.imm;
        let imm = match random.below(6) {
            0 => old.wrapping_neg(),
            1 => old.wrapping_add(1),
            2 => old.wrapping_sub(1),
            3 => 32,
            4 => old.wrapping_mul(2),
            _ => random.word() as i32,
        };
        let inst = Inst { imm, ..self.inst };
        let place = match self.in_it {
            true => Place::Last,
            false => Place::Outside,
        };
        encode_sized(&inst, self.cpu, place, self.form.size()).ok()?;
        Some(Trial { inst, ..self })
    }
}

impl Bench {
    /// Engines with random code and data.
    ///
    /// # Errors
    /// Text of an engine that does not start on this host.
    pub fn new() -> Result<Bench, String> {
        let mut random = Random::new(6);
        let memory = Memory {
            code: (0..SIZE).map(|_| random.next() as u8).collect(),
            data: (0..SIZE).map(|_| random.next() as u8).collect(),
            written: None,
        };
        let references: Result<_, uc_error> = Cpu::ALL
            .iter()
            .map(|cpu| Reference::new(*cpu, &memory))
            .collect();
        let references = references.map_err(|e| format!("unicorn: {e:?}"))?;
        Ok(Bench { memory, references })
    }

    /// Runs an instruction in so many random states.
    ///
    /// # Errors
    /// Text that says what differs, from which state.
    pub fn run(
        &mut self,
        trial: &Trial,
        states: usize,
        random: &mut Random,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let Trial {
            form,
            inst,
            in_it,
            cpu,
        } = *trial;
        let named = |e: String| {
            format!(
                "{:?} {} `{inst}` on {}: {e}",
                form.op,
                form.name,
                cpu.name()
            )
        };
        let memory = &mut self.memory;
        let Some(reference) = self.references.iter_mut().find(|r| r.cpu == cpu) else {
            return Err(named("no engine".into()));
        };
        let case = Case::write(form, inst, in_it, cpu, memory, random).map_err(named)?;
        let mut machine = Machine::new(cpu);
        reference
            .load(memory)
            .map_err(|e| named(format!("unicorn: {e:?}")))?;
        for state in 0..states {
            let before = case.state(random);
            let mut done = Ok(());
            if state == 0 {
                done = reads_are_complete(&case, &mut machine, memory, &before, random);
            }
            done.and_then(|()| compare(&case, &mut machine, memory, reference, &before, counts))
                .map_err(|e| named(format!("from {before:x?}\n {e}")))?;
        }
        Ok(())
    }

    /// Instructions chosen by bytes, eight bytes each, in a few states.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn check(&mut self, bytes: &[u8]) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for chunk in bytes.chunks_exact(8).take(INSTRUCTIONS) {
            let word = chunk.iter().fold(0, |w, b| w << 8 | u64::from(*b));
            let form = &FORMS[(word >> 48) as usize % FORMS.len()];
            let cores: Vec<Cpu> = Cpu::ALL
                .into_iter()
                .filter(|cpu| form.exists_on(*cpu))
                .collect();
            let cpu = cores[(word >> 45) as usize % cores.len()];
            let mut random = Random::new(word);
            let Some(mut trial) = Trial::new(form, cpu, &mut random) else {
                continue;
            };
            if random.below(2) == 0 {
                match trial.with_other_immediate(&mut random) {
                    Some(other) => trial = other,
                    None => continue,
                }
            }
            let states = match form.op.sem() {
                Sem::Vfp(_) => FLOAT_STATES,
                _ => STATES,
            };
            self.run(&trial, states, &mut random, &mut counts)?;
        }
        Ok(counts)
    }
}

/// All but PC: core registers, those of the FPU, and the flags of FPSCR.
fn registers() -> impl Iterator<Item = Reg> {
    let singles = (0..32).map(Reg::s);
    (0..15).map(Reg).chain(singles).chain([Reg::FPSCR])
}

/// How often what happened.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// States run.
    pub states: usize,
    /// Ran to the end on both sides.
    pub ran: usize,
    /// Accesses outside of memory, on both sides.
    pub faulted: usize,
    /// Unaligned words that only the executor notices.
    pub unaligned: usize,
    /// Traps, on both sides.
    pub traps: usize,
    /// Jumps to an address without the Thumb bit.
    pub not_thumb: usize,
}

/// Runs one state through both. Returns what is wrong.
fn compare(
    case: &Case,
    machine: &mut Machine,
    memory: &mut Memory,
    reference: &mut Reference,
    before: &State,
    counts: &mut Counts,
) -> Result<(), String> {
    before.put(machine);
    memory.written = None;
    let ours = (0..case.count).try_for_each(|_| machine.step(memory));
    counts.states += 1;
    match ours {
        Err(Stop::Unaligned(_)) => {
            counts.unaligned += 1;
            return Ok(());
        }
        // Unicorn jumps first and faults at the next instruction.
        Err(Stop::State(_)) => {
            counts.not_thumb += 1;
            return Ok(());
        }
        _ => {}
    }
    let count = if case.jumps { case.count } else { 0 };
    let (after, theirs) = reference
        .run(before, case.start, case.end, count)
        .map_err(|e| format!("unicorn: {e:?}"))?;
    match (ours, theirs) {
        (Ok(()), Ok(())) => counts.ran += 1,
        // The target is outside of the code, and unicorn wants to go on there.
        (Ok(()), Err(_)) if case.jumps && machine.r[15].wrapping_sub(CODE) >= SIZE => {
            counts.ran += 1
        }
        (Err(Stop::Bus(_)), Err(e)) if e != uc_error::INSN_INVALID && e != uc_error::EXCEPTION => {
            counts.faulted += 1;
            return Ok(());
        }
        (Err(Stop::Udf(_)), Err(uc_error::INSN_INVALID | uc_error::EXCEPTION))
        | (Err(Stop::Bkpt(_)), Err(uc_error::EXCEPTION)) => {
            counts.traps += 1;
            return Ok(());
        }
        (ours, theirs) => return Err(format!("executor {ours:?}, unicorn {theirs:?}")),
    }
    let got = State::of(machine, before);
    if got != after {
        return Err(format!("executor {got:x?}\n unicorn {after:x?}"));
    }
    let allowed = writes(&case.inst);
    let changed = registers().filter(|r| got.get(*r) != before.get(*r));
    if case.inst.op != Op::It && changed.into_iter().any(|r| !allowed.contains(r)) {
        return Err("a register changed that `writes` does not name".into());
    }
    if got.flags != before.flags && !writes_flags(&case.inst) {
        return Err("flags changed without `writes_flags`".into());
    }
    let (low, high) = memory.written.unwrap_or((DATA, DATA));
    let (low, high) = (low.saturating_sub(8).max(DATA), (high + 8).min(DATA + SIZE));
    // Sixteen `d` registers, and eight bytes on both sides.
    let mut bytes = [0; 144];
    let bytes = &mut bytes[..(high - low) as usize];
    reference
        .engine
        .mem_read(low.into(), bytes)
        .map_err(|e| format!("unicorn: {e:?}"))?;
    if bytes != &memory.data[(low - DATA) as usize..(high - DATA) as usize] {
        return Err(format!("memory differs between {low:#x} and {high:#x}"));
    }
    Ok(())
}

/// Whether the result stays the same when everything that the instruction does not read is changed.
fn reads_are_complete(
    case: &Case,
    machine: &mut Machine,
    memory: &mut Memory,
    before: &State,
    random: &mut Random,
) -> Result<(), String> {
    let read = reads(&case.inst);
    let mut run = |state: &State| {
        state.put(machine);
        let data = memory.data.clone();
        let result = (0..case.count).try_for_each(|_| machine.step(memory));
        let memory_after = std::mem::replace(&mut memory.data, data);
        (result, State::of(machine, state), memory_after)
    };
    let mut other = *before;
    for reg in (0..13).chain([14]).map(Reg).filter(|r| !read.contains(*r)) {
        other.r[reg.0 as usize] = random.next();
    }
    let opposite = |f: Flags| Flags {
        n: !f.n,
        z: !f.z,
        c: !f.c,
        v: !f.v,
    };
    if !reads_flags(&case.inst) {
        other.flags = opposite(other.flags);
    }
    if let Some(fpu) = &mut other.fpu {
        let mut others = fpu.s.iter_mut().zip(0..);
        others
            .by_ref()
            .filter(|(_, n)| !read.contains(Reg::s(*n)))
            .for_each(|(s, _)| *s = random.next());
        if !read.contains(Reg::FPSCR) {
            fpu.flags = opposite(fpu.flags);
        }
    }
    let (a, b) = (run(before), run(&other));
    if (a.0, &a.2) != (b.0, &b.2) {
        return Err("depends on more than `reads` says".into());
    }
    if a.0.is_err() || case.inst.cond != Cond::Al {
        return Ok(());
    }
    match writes(&case.inst)
        .iter()
        .find(|reg| a.1.get(*reg) != b.1.get(*reg))
    {
        Some(reg) => Err(format!("{reg} depends on more than `reads` says")),
        None => Ok(()),
    }
}
