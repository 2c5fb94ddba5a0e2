//! The executor over the instruction table against unicorn: every form, 10,000 random states each.
//!
//! A form gives random instructions; each runs in many random states, alone or as the one instruction of an IT
//! block. Registers, flags, PC, memory and whether it faulted must agree. What unicorn does not notice (words at
//! unaligned addresses) is not asked of it: there the executor must fault.

use thumbsmith::Cpu;
use thumbsmith::isa::exec::{Bus, BusFault, Flags, Machine, Stop};
use thumbsmith::isa::form::{Form, Rule};
use thumbsmith::isa::table::FORMS;
use thumbsmith::isa::{
    Addr, Cond, Inst, Op, Place, Reg, Sem, encode, encode_sized, reads_flags, writes, writes_flags,
};
use unicorn_engine::{Arch, ArmCpuModel, Context, Mode, Prot, RegisterARM, Unicorn, uc_error};

const CODE: u32 = 0x0010_0000;
const DATA: u32 = 0x2000_0000;
const SIZE: u32 = 0x1_0000;

/// Where the instructions under test stand, in the middle of the code: 256 bytes.
const PLACE: u32 = CODE + SIZE / 2;

/// Instructions of a form, and states of each: 10,000 in all.
const INSTRUCTIONS: usize = 50;
const STATES: usize = 200;

/// Splitmix64: the same stream on every host.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    }

    fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }

    /// A word: often at a boundary, small, or with few bits.
    fn word(&mut self) -> u32 {
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

/// Memory of the executor, the same as unicorn's: code that can be read, data that can be written too.
struct Memory {
    code: Vec<u8>,
    data: Vec<u8>,
    written: Option<(u32, u32)>,
}

impl Bus for Memory {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let region = if address >= DATA {
            (&self.data, DATA)
        } else {
            (&self.code, CODE)
        };
        let at = address.wrapping_sub(region.1) as usize;
        let bytes = region
            .0
            .get(at..at + size as usize)
            .ok_or(BusFault { address })?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
    }

    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        let at = address.wrapping_sub(DATA) as usize;
        let bytes = self
            .data
            .get_mut(at..at + size as usize)
            .ok_or(BusFault { address })?;
        bytes.copy_from_slice(&value.to_le_bytes()[..size as usize]);
        let (low, high) = self.written.unwrap_or((address, address));
        self.written = Some((low.min(address), high.max(address + size)));
        Ok(())
    }
}

/// Unicorn with one core's model.
struct Reference {
    cpu: Cpu,
    engine: Unicorn<'static, ()>,
    clean: Context,
}

const REGISTERS: [RegisterARM; 15] = [
    RegisterARM::R0,
    RegisterARM::R1,
    RegisterARM::R2,
    RegisterARM::R3,
    RegisterARM::R4,
    RegisterARM::R5,
    RegisterARM::R6,
    RegisterARM::R7,
    RegisterARM::R8,
    RegisterARM::R9,
    RegisterARM::R10,
    RegisterARM::R11,
    RegisterARM::R12,
    RegisterARM::SP,
    RegisterARM::LR,
];

impl Reference {
    fn new(cpu: Cpu, memory: &Memory) -> Reference {
        let model = match cpu {
            Cpu::CortexM3 => ArmCpuModel::CORTEX_M3,
            Cpu::CortexM4 => ArmCpuModel::CORTEX_M4,
            Cpu::CortexM7 => ArmCpuModel::CORTEX_M7,
            Cpu::CortexM33 => ArmCpuModel::CORTEX_M33,
        };
        let mut engine = Unicorn::new(Arch::ARM, Mode::THUMB).unwrap();
        engine.ctl_set_cpu_model(model as i32).unwrap();
        engine
            .mem_map(CODE.into(), SIZE.into(), Prot::READ | Prot::EXEC)
            .unwrap();
        engine
            .mem_map(DATA.into(), SIZE.into(), Prot::READ | Prot::WRITE)
            .unwrap();
        engine.mem_write(CODE.into(), &memory.code).unwrap();
        let clean = engine.context_init().unwrap();
        Reference { cpu, engine, clean }
    }

    /// Writes the code and data that may have changed since the last time, and forgets translations.
    fn load(&mut self, memory: &Memory) {
        let code = &memory.code[(PLACE - CODE) as usize..][..256];
        self.engine.mem_write(PLACE.into(), code).unwrap();
        self.engine.mem_write(DATA.into(), &memory.data).unwrap();
        self.engine.ctl_flush_tb().unwrap();
    }

    /// Runs from `at` to `until`, or at most `count` instructions if it is not zero. Returns the state after it.
    fn run(
        &mut self,
        state: &State,
        at: u32,
        until: u32,
        count: usize,
    ) -> (State, Result<(), uc_error>) {
        for (register, value) in REGISTERS.iter().zip(state.r) {
            self.engine.reg_write(*register, value.into()).unwrap();
        }
        let f = state.flags;
        let bits = [f.n, f.z, f.c, f.v]
            .iter()
            .fold(0, |v, b| v << 1 | u64::from(*b));
        self.engine
            .reg_write(RegisterARM::XPSR, bits << 28 | 1 << 24)
            .unwrap();
        let result = self
            .engine
            .emu_start(u64::from(at | 1), u64::from(until), 0, count);
        let mut after = State {
            r: [0; 16],
            flags: Flags::default(),
        };
        for (register, value) in REGISTERS.iter().zip(&mut after.r) {
            *value = self.engine.reg_read(*register).unwrap() as u32;
        }
        after.r[15] = self.engine.pc_read().unwrap() as u32 & !1;
        // The low two bits of SP are always zero (Arm v7-M manual, B1.4.1); not in unicorn.
        after.r[13] &= !3;
        let bits = self.engine.reg_read(RegisterARM::XPSR).unwrap();
        let bit = |n: u32| bits >> n & 1 != 0;
        after.flags = Flags {
            n: bit(31),
            z: bit(30),
            c: bit(29),
            v: bit(28),
        };
        if result.is_err() {
            // A fault inside an IT block leaves the block's state behind.
            self.engine.context_restore(&self.clean).unwrap();
        }
        (after, result)
    }
}

/// Registers with PC, and flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    r: [u32; 16],
    flags: Flags,
}

/// An instruction in its surroundings.
struct Case {
    inst: Inst,
    /// Where the code starts and ends.
    start: u32,
    end: u32,
    /// How many instructions there are.
    count: usize,
    /// Whether it may not come to the end, so that instructions are counted.
    jumps: bool,
}

impl Case {
    /// Writes the code of the instruction in this form somewhere into `memory`: after an IT instruction if it
    /// has a condition that is not its own, before the block if it is IT.
    fn write(
        form: &Form,
        inst: Inst,
        in_it: bool,
        cpu: Cpu,
        memory: &mut Memory,
        random: &mut Random,
    ) -> Case {
        let mut code = Vec::new();
        let place = if in_it { Place::Last } else { Place::Outside };
        let mut count = 1;
        if in_it {
            let it = Inst {
                cond: inst.cond,
                ..Inst::new(Op::It, &[], 8)
            };
            code.extend_from_slice(encode(&it, cpu, Place::Outside).unwrap().halfwords());
            count += 1;
        }
        code.extend_from_slice(
            encode_sized(&inst, cpu, place, form.size())
                .unwrap()
                .halfwords(),
        );
        if inst.op == Op::It {
            // The block moves r8.. to r0.., so that the registers show what was executed.
            let others = 4 - inst.imm.trailing_zeros();
            for n in 0..others {
                let same = n == 0 || (inst.imm >> (4 - n) ^ inst.cond as i32) & 1 == 0;
                let cond = if same { inst.cond } else { inst.cond.invert() };
                let regs = [Reg(n as u8), Reg(n as u8 + 8)];
                let mov = Inst {
                    cond,
                    ..Inst::new(Op::MovR, &regs, 0)
                };
                let place = if n + 1 == others {
                    Place::Last
                } else {
                    Place::Inside
                };
                code.extend_from_slice(encode(&mov, cpu, place).unwrap().halfwords());
                count += 1;
            }
        }
        let start = PLACE + random.below(64) * 2;
        let offset = (start - CODE) as usize;
        for (slot, hw) in memory.code[offset..].chunks_exact_mut(2).zip(&code) {
            slot.copy_from_slice(&hw.to_le_bytes());
        }
        let jumps = inst.op.sem().is_branch() || writes(&inst).contains(Reg::PC);
        Case {
            inst,
            start,
            end: start + 2 * code.len() as u32,
            count,
            jumps,
        }
    }

    /// A state in which the instruction mostly does something: bases point into data, indexes are small.
    fn state(&self, random: &mut Random) -> State {
        let mut r = [0; 16];
        r.fill_with(|| random.word());
        let mut base = |reg: Reg, random: &mut Random| {
            let alignment = if random.below(8) == 0 { 0 } else { 3 };
            let anywhere = DATA + SIZE / 4 + random.below(SIZE / 2);
            r[reg.0 as usize] = anywhere & !alignment;
        };
        let regs = self.inst.regs;
        match self.inst.op.sem() {
            Sem::Load(_, Addr::Literal) => {}
            Sem::Load(_, addr) | Sem::Store(_, addr) => {
                base(regs[1], random);
                if addr == Addr::Index && random.below(16) != 0 {
                    r[regs[2].0 as usize] = random.below(1024);
                }
            }
            Sem::LoadDual | Sem::StoreDual => base(regs[2], random),
            Sem::LoadMany { .. } | Sem::StoreMany { .. } => base(regs[0], random),
            Sem::Push | Sem::Pop => base(Reg::SP, random),
            Sem::TableBranch { .. } => {
                base(regs[0], random);
                r[regs[1].0 as usize] = random.below(256);
            }
            Sem::CallReg | Sem::BranchReg => {
                r[regs[0].0 as usize] = (CODE + random.below(SIZE)) | 1
            }
            Sem::CompareBranch { .. } => {
                r[regs[0].0 as usize] &= random.next() >> (random.below(2) * 31)
            }
            _ => {}
        }
        // The low two bits of SP are always zero.
        r[13] &= !3;
        r[15] = self.start;
        let f = random.next();
        let flags = Flags {
            n: f & 1 != 0,
            z: f & 2 != 0,
            c: f & 4 != 0,
            v: f & 8 != 0,
        };
        State { r, flags }
    }
}

/// How often what happened.
#[derive(Default, Debug)]
struct Counts {
    states: usize,
    ran: usize,
    faulted: usize,
    unaligned: usize,
    traps: usize,
    not_thumb: usize,
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
    machine.r = before.r;
    machine.flags = before.flags;
    machine.it = 0;
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
    let (after, theirs) = reference.run(before, case.start, case.end, count);
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
    let got = State {
        r: machine.r,
        flags: machine.flags,
    };
    if got != after {
        return Err(format!("executor {got:x?}\n unicorn {after:x?}"));
    }
    let allowed = writes(&case.inst);
    let changed = (0..15)
        .map(Reg)
        .filter(|r| got.r[r.0 as usize] != before.r[r.0 as usize]);
    if case.inst.op != Op::It && changed.into_iter().any(|r| !allowed.contains(r)) {
        return Err("a register changed that `writes` does not name".into());
    }
    if got.flags != before.flags && !writes_flags(&case.inst) {
        return Err("flags changed without `writes_flags`".into());
    }
    let (low, high) = memory.written.unwrap_or((DATA, DATA));
    let (low, high) = (low.saturating_sub(8).max(DATA), (high + 8).min(DATA + SIZE));
    let mut bytes = [0; 128];
    let bytes = &mut bytes[..(high - low) as usize];
    reference.engine.mem_read(low.into(), bytes).unwrap();
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
) {
    let read = thumbsmith::isa::reads(&case.inst);
    let mut run = |state: &State| {
        machine.r = state.r;
        machine.flags = state.flags;
        machine.it = 0;
        let data = memory.data.clone();
        let result = (0..case.count).try_for_each(|_| machine.step(memory));
        let memory_after = std::mem::replace(&mut memory.data, data);
        (result, machine.r, machine.flags, memory_after)
    };
    let mut other = *before;
    for reg in (0..13).chain([14]).map(Reg).filter(|r| !read.contains(*r)) {
        other.r[reg.0 as usize] = random.next();
    }
    if !reads_flags(&case.inst) {
        other.flags.c = !other.flags.c;
        other.flags.z = !other.flags.z;
    }
    let (a, b) = (run(before), run(&other));
    assert_eq!(
        (a.0, &a.3),
        (b.0, &b.3),
        "`{}` depends on more than `reads` says",
        case.inst
    );
    if a.0.is_ok() {
        for reg in writes(&case.inst)
            .iter()
            .filter(|_| case.inst.cond == Cond::Al)
        {
            assert_eq!(
                a.1[reg.0 as usize], b.1[reg.0 as usize],
                "`{}`: {reg}",
                case.inst
            );
        }
    }
}

#[test]
fn executor_agrees_with_unicorn() {
    let mut random = Random(6);
    let mut memory = Memory {
        code: (0..SIZE).map(|_| random.next() as u8).collect(),
        data: (0..SIZE).map(|_| random.next() as u8).collect(),
        written: None,
    };
    let mut references: Vec<_> = Cpu::ALL
        .iter()
        .map(|cpu| Reference::new(*cpu, &memory))
        .collect();
    let mut total = Counts::default();
    let mut failures = Vec::new();
    for form in &FORMS {
        let mut counts = Counts::default();
        let mut n = 0;
        while counts.states < INSTRUCTIONS * STATES {
            n += 1;
            let cpu = n % Cpu::ALL.len();
            let reference = &mut references[cpu];
            if form.has(Rule::Dsp) && !reference.cpu.has_dsp() {
                continue;
            }
            let own = form.pattern.has(b'c');
            let in_it = !own && !form.has(Rule::Outside) && n % 3 == 0;
            let cond = in_it.then(|| Cond::ALL[random.below(14) as usize]);
            let Some(inst) = form.sample(random.next(), cond) else {
                continue;
            };
            let case = Case::write(form, inst, in_it, reference.cpu, &mut memory, &mut random);
            let mut machine = Machine::new(reference.cpu);
            reference.load(&memory);
            for state in 0..STATES {
                let before = case.state(&mut random);
                if state == 0 {
                    reads_are_complete(&case, &mut machine, &mut memory, &before, &mut random);
                }
                if let Err(e) = compare(
                    &case,
                    &mut machine,
                    &mut memory,
                    reference,
                    &before,
                    &mut counts,
                ) {
                    failures.push(format!(
                        "{:?} {} `{inst}` on {}\n from {before:x?}\n {e}",
                        form.op,
                        form.name,
                        reference.cpu.name()
                    ));
                    break;
                }
            }
            if failures.len() > 12 {
                break;
            }
        }
        // Traps trap and jumps to random words miss the Thumb bit; all others mostly run.
        let special = matches!(form.op.sem(), Sem::Udf | Sem::Bkpt);
        let useful = if special { counts.traps } else { counts.ran };
        assert!(
            failures.len() > 12 || useful * 4 > counts.states,
            "{:?} {}: {counts:?}",
            form.op,
            form.name
        );
        total.states += counts.states;
        total.ran += counts.ran;
        total.faulted += counts.faulted;
        total.unaligned += counts.unaligned;
        total.traps += counts.traps;
        total.not_thumb += counts.not_thumb;
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{} forms, {total:?}", FORMS.len());
    assert!(total.states >= FORMS.len() * INSTRUCTIONS * STATES);
    assert!(total.unaligned > 1_000 && total.faulted > 1_000);
}
