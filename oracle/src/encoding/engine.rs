//! The two sides of the comparison of single instructions: the executor's memory, and unicorn with one core's model.
//!
//! In: a state of registers and flags, and where the code stands. Out: the state after it. Invariant: both have the same
//! code and data before each run; unicorn forgets translations whenever code changes.

use crate::arm::unicorn::{NUMBERS, open, set_fpu, singles};
use thumbsmith::Cpu;
use thumbsmith::isa::exec::{Bus, BusFault, Flags, Machine};
use thumbsmith::isa::{Class, Reg};
use unicorn_engine::{Context, Prot, RegisterARM, Unicorn, uc_error};

/// Where code starts.
pub(super) const CODE: u32 = 0x0010_0000;
/// Where data starts.
pub(super) const DATA: u32 = 0x2000_0000;
/// Bytes of each.
pub(super) const SIZE: u32 = 0x1_0000;
/// Where the instructions under test stand, in the middle of the code: 256 bytes.
pub(super) const PLACE: u32 = CODE + SIZE / 2;
/// The bit DN of FPSCR.
const DEFAULT_NAN: u64 = 1 << 25;

/// Memory of the executor, the same as unicorn's: code that can be read, data that can be written too.
pub struct Memory {
    pub(super) code: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) written: Option<(u32, u32)>,
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
pub struct Reference {
    pub(super) cpu: Cpu,
    pub(super) engine: Unicorn<'static, ()>,
    clean: Context,
}

impl Reference {
    /// Unicorn as this core, with the code in place.
    pub(super) fn new(cpu: Cpu, memory: &Memory) -> Result<Reference, uc_error> {
        let mut engine = open(cpu)?;
        engine.mem_map(CODE.into(), SIZE.into(), Prot::READ | Prot::EXEC)?;
        engine.mem_map(DATA.into(), SIZE.into(), Prot::READ | Prot::WRITE)?;
        engine.mem_write(CODE.into(), &memory.code)?;
        let clean = engine.context_init()?;
        Ok(Reference { cpu, engine, clean })
    }

    /// Writes the code and data that may have changed since the last time, and forgets translations.
    pub(super) fn load(&mut self, memory: &Memory) -> Result<(), uc_error> {
        let code = &memory.code[(PLACE - CODE) as usize..][..256];
        self.engine.mem_write(PLACE.into(), code)?;
        self.engine.mem_write(DATA.into(), &memory.data)?;
        self.engine.ctl_flush_tb()
    }

    /// Runs from `at` to `until`, or at most `count` instructions if it is not zero. Returns the state after it.
    pub(super) fn run(
        &mut self,
        state: &State,
        at: u32,
        until: u32,
        count: usize,
    ) -> Result<(State, Result<(), uc_error>), uc_error> {
        if let Some(fpu) = &state.fpu {
            let mode = if fpu.default_nan { DEFAULT_NAN } else { 0 };
            set_fpu(&mut self.engine, &fpu.s, (nzcv(fpu.flags) | mode) as u32)?;
        }
        for (register, value) in NUMBERS[..15].iter().zip(state.r) {
            self.engine.reg_write(*register, value.into())?;
        }
        self.engine
            .reg_write(RegisterARM::XPSR, nzcv(state.flags) | 1 << 24)?;
        let result = self
            .engine
            .emu_start(u64::from(at | 1), u64::from(until), 0, count);
        let mut after = State {
            r: [0; 16],
            flags: Flags::default(),
            fpu: None,
        };
        for (register, value) in NUMBERS[..15].iter().zip(&mut after.r) {
            *value = self.engine.reg_read(*register)? as u32;
        }
        after.r[15] = self.engine.pc_read()? as u32 & !1;
        // The low two bits of SP are always zero (Arm v7-M manual, B1.4.1); not in unicorn.
        after.r[13] &= !3;
        after.flags = flags(self.engine.reg_read(RegisterARM::XPSR)?);
        if state.fpu.is_some() {
            after.fpu = Some(self.fpu()?);
        }
        if result.is_err() {
            // A fault inside an IT block leaves the block's state behind.
            self.engine.context_restore(&self.clean)?;
        }
        Ok((after, result))
    }

    fn fpu(&self) -> Result<Fpu, uc_error> {
        let fpscr = self.engine.reg_read(RegisterARM::FPSCR)?;
        Ok(Fpu {
            s: singles(&self.engine)?,
            flags: flags(fpscr),
            default_nan: fpscr & DEFAULT_NAN != 0,
        })
    }
}

/// Flags in the bits of XPSR and of FPSCR.
fn nzcv(f: Flags) -> u64 {
    let bits = [f.n, f.z, f.c, f.v];
    bits.iter().fold(0, |v, b| v << 1 | u64::from(*b)) << 28
}

fn flags(bits: u64) -> Flags {
    let bit = |n: u32| bits >> n & 1 != 0;
    Flags {
        n: bit(31),
        z: bit(30),
        c: bit(29),
        v: bit(28),
    }
}

/// Registers with PC, and flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    pub(super) r: [u32; 16],
    pub(super) flags: Flags,
    /// For instructions of the FPU.
    pub(super) fpu: Option<Fpu>,
}

/// Registers of the FPU; flags and the mode of NaNs of FPSCR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fpu {
    pub(super) s: [u32; 32],
    pub(super) flags: Flags,
    pub(super) default_nan: bool,
}

impl State {
    /// Lets a machine be in this state, outside of IT blocks.
    pub(super) fn put(&self, machine: &mut Machine) {
        machine.r = self.r;
        machine.flags = self.flags;
        machine.it = 0;
        if let Some(fpu) = self.fpu {
            (machine.s, machine.fpscr, machine.default_nan) = (fpu.s, fpu.flags, fpu.default_nan);
        }
    }

    /// The state of a machine that was put in another, of the same registers.
    pub(super) fn of(machine: &Machine, before: &State) -> State {
        State {
            r: machine.r,
            flags: machine.flags,
            fpu: before.fpu.map(|_| Fpu {
                s: machine.s,
                flags: machine.fpscr,
                default_nan: machine.default_nan,
            }),
        }
    }

    /// What is in a register, if the state has it; the flags of FPSCR as one of them.
    pub(super) fn get(&self, reg: Reg) -> Option<u32> {
        match (reg.number(Class::Single), &self.fpu) {
            (None, Some(fpu)) if reg == Reg::FPSCR => Some(nzcv(fpu.flags) as u32),
            (None, _) => self.r.get(reg.0 as usize).copied(),
            (Some(n), fpu) => fpu.map(|fpu| fpu.s[n as usize]),
        }
    }
}
