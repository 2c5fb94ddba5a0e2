//! The executor: instructions run as the manual says, with exact flags, faults and modelled cycles.
//!
//! In: a [`Machine`] and a [`Bus`]. Out: the state after each step, or why it stopped. Invariant: what an
//! instruction does follows from its [`Sem`] alone, and what is executed is what the decoder reads from memory,
//! so that it judges encodings too. It faults where real cores do and some simulators do not: two or more words, or a float,
//! at an address that is not a multiple of four. Checked against another simulator on every form.

use super::cycles::{Context, cycles};
use super::decode::{decode, is_wide};
use super::encode::{Place, encode_sized};
use super::{Class, Cond, Inst, Reg, Sem};
use crate::options::Cpu;
use rustc_hash::FxHashMap;
use std::fmt;

/// An access that memory refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BusFault {
    /// The address of the access.
    pub address: u32,
}

/// Memory as the core sees it. `size` is 1, 2 or 4 bytes; values are little-endian; addresses need not be aligned.
pub trait Bus {
    /// Reads, zero-extended.
    ///
    /// # Errors
    /// If not all bytes can be read.
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault>;
    /// Writes the low bytes of `value`.
    ///
    /// # Errors
    /// If not all bytes can be written.
    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault>;
    /// Reads a halfword of code.
    ///
    /// # Errors
    /// If it cannot be executed.
    fn fetch(&mut self, address: u32) -> Result<u16, BusFault> {
        self.load(address, 2).map(|v| v as u16)
    }
}

/// Why execution stopped. PC is at the instruction; registers are as before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// UDF with this immediate.
    Udf(u32),
    /// BKPT with this immediate.
    Bkpt(u32),
    /// Memory refused an access.
    Bus(BusFault),
    /// Two or more words, or a float, at an address that is not a multiple of four.
    Unaligned(u32),
    /// Bits that are no instruction of the table, or one that may not stand where it does in an IT block.
    Undefined(u32),
    /// A jump to an address without the Thumb bit.
    State(u32),
    /// The limit of instructions was reached.
    Limit,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Udf(n) => write!(f, "trap {n}"),
            Stop::Bkpt(n) => write!(f, "breakpoint {n}"),
            Stop::Bus(fault) => write!(f, "access to {:#x} refused", fault.address),
            Stop::Unaligned(a) => write!(f, "unaligned access of words at {a:#x}"),
            Stop::Undefined(word) => write!(f, "undefined instruction {word:#x}"),
            Stop::State(a) => write!(f, "jump to {a:#x} without the Thumb bit"),
            Stop::Limit => f.write_str("too many instructions"),
        }
    }
}

impl From<BusFault> for Stop {
    fn from(fault: BusFault) -> Stop {
        Stop::Bus(fault)
    }
}

/// The flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Flags {
    pub n: bool,
    pub z: bool,
    pub c: bool,
    pub v: bool,
}

impl Flags {
    /// Whether a condition holds (Arm v7-M manual, A7.3.1).
    pub fn holds(self, cond: Cond) -> bool {
        match cond {
            Cond::Eq => self.z,
            Cond::Ne => !self.z,
            Cond::Hs => self.c,
            Cond::Lo => !self.c,
            Cond::Mi => self.n,
            Cond::Pl => !self.n,
            Cond::Vs => self.v,
            Cond::Vc => !self.v,
            Cond::Hi => self.c && !self.z,
            Cond::Ls => !self.c || self.z,
            Cond::Ge => self.n == self.v,
            Cond::Lt => self.n != self.v,
            Cond::Gt => !self.z && self.n == self.v,
            Cond::Le => self.z || self.n != self.v,
            Cond::Al => true,
        }
    }
}

/// A decoded instruction with what it was decoded under.
#[derive(Clone, Copy, Debug)]
struct Decoded {
    inst: Inst,
    size: u32,
    it: u8,
}

/// The state of a core.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `r0`-`r14`, and in `r[15]` the address of the next instruction (even).
    pub r: [u32; 16],
    /// `s0`-`s31`.
    pub s: [u32; 32],
    /// N, Z, C, V.
    pub flags: Flags,
    /// Those of FPSCR (Arm v7-M manual, A2.5).
    pub fpscr: Flags,
    /// Bit DN of FPSCR: every NaN that arithmetic gives is the default one. Clear after reset.
    pub default_nan: bool,
    /// ITSTATE (Arm v7-M manual, A7.3.3): condition base and mask; 0 outside of IT blocks.
    pub it: u8,
    /// Instructions started, those whose condition failed included.
    pub instructions: u64,
    /// Cycles by the model of [`cycles`].
    pub cycles: u64,
    /// The core whose cycles are counted and whose instructions exist.
    pub cpu: Cpu,
    previous: Option<(Inst, u32)>,
    /// Decoded code, and where its pages are by the upper bits of their addresses.
    pages: Vec<Page>,
    numbers: FxHashMap<u32, usize>,
    /// The page used last: upper bits of its address, and where it is.
    current: (u32, usize),
}

/// Decoded instructions of 256 bytes of code.
type Page = Box<[Option<Decoded>; 128]>;

/// What `current` is before any page: upper bits that no address has.
const NO_PAGE: (u32, usize) = (u32::MAX, 0);

/// What one instruction did.
#[derive(Default)]
pub(super) struct Outcome {
    /// Where a jump goes (with the Thumb bit removed), if there is one.
    pub jump: Option<u32>,
    /// The width of a division's quotient.
    pub quotient_bits: u32,
}

impl Machine {
    /// The bits of a register of any class, the upper ones 0 in one of 32 bits; `r15` is as the field holds it.
    pub fn read(&self, reg: Reg) -> u64 {
        match (reg.number(Class::Single), reg.number(Class::Double)) {
            (Some(n), _) => self.s[n as usize].into(),
            (_, Some(n)) => {
                let low = 2 * n as usize;
                u64::from(self.s[low + 1]) << 32 | u64::from(self.s[low])
            }
            _ => self.r[reg.0 as usize].into(),
        }
    }

    /// Writes a register of any class.
    pub fn write(&mut self, reg: Reg, bits: u64) {
        match (reg.number(Class::Single), reg.number(Class::Double)) {
            (Some(n), _) => self.s[n as usize] = bits as u32,
            (_, Some(n)) => {
                let low = 2 * n as usize;
                (self.s[low], self.s[low + 1]) = (bits as u32, (bits >> 32) as u32);
            }
            _ => self.r[reg.0 as usize] = bits as u32,
        }
    }

    /// A core with all registers zero.
    pub fn new(cpu: Cpu) -> Machine {
        Machine {
            r: [0; 16],
            s: [0; 32],
            flags: Flags::default(),
            fpscr: Flags::default(),
            default_nan: false,
            it: 0,
            instructions: 0,
            cycles: 0,
            cpu,
            previous: None,
            pages: Vec::new(),
            numbers: FxHashMap::default(),
            current: NO_PAGE,
        }
    }

    /// Forgets decoded instructions. To be called after code was changed.
    pub fn forget_code(&mut self) {
        self.pages.clear();
        self.numbers.clear();
        self.current = NO_PAGE;
    }

    /// The condition that the IT block gives to the next instruction, if it stands in one.
    pub fn it_condition(&self) -> Option<Cond> {
        let cond = Cond::ALL
            .get(usize::from(self.it >> 4))
            .copied()
            .unwrap_or(Cond::Al);
        (self.it & 15 != 0).then_some(cond)
    }

    /// Runs until PC is `until` or something stops it, for at most `limit` instructions.
    ///
    /// # Errors
    /// Why it stopped before.
    pub fn run(&mut self, bus: &mut impl Bus, until: u32, limit: u64) -> Result<(), Stop> {
        for _ in 0..limit {
            if self.r[15] == until {
                return Ok(());
            }
            self.step(bus)?;
        }
        if self.r[15] == until {
            Ok(())
        } else {
            Err(Stop::Limit)
        }
    }

    /// Executes one instruction.
    ///
    /// # Errors
    /// Why it could not; then registers and flags are unchanged, and memory is unless the fault was in the
    /// middle of several words.
    pub fn step(&mut self, bus: &mut impl Bus) -> Result<(), Stop> {
        let Decoded { inst, size, .. } = self.decoded(bus)?;
        self.perform(&inst, size, bus)
    }

    /// Executes an instruction that stands at PC and is `size` bytes long, without reading it from memory: for code that
    /// has no bytes yet. Its condition is its own.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn perform(&mut self, inst: &Inst, size: u32, bus: &mut impl Bus) -> Result<(), Stop> {
        let executed = self.flags.holds(inst.cond) || inst.op.sem() == Sem::It;
        let saved = (self.r, self.flags, self.it);
        self.r[15] = self.r[15].wrapping_add(size);
        // Advance before executing: IT sets the state anew.
        self.it = if self.it & 7 == 0 {
            0
        } else {
            self.it & 0xe0 | self.it << 1 & 0x1f
        };
        let mut outcome = Outcome::default();
        if executed && let Err(stop) = self.execute(inst, saved.0[15], bus, &mut outcome) {
            (self.r, self.flags, self.it) = saved;
            return Err(stop);
        }
        let context = Context {
            cpu: self.cpu,
            previous: self.previous.as_ref().map(|(inst, size)| (inst, *size)),
            executed,
            taken: outcome.jump.is_some(),
            quotient_bits: outcome.quotient_bits,
        };
        self.cycles += u64::from(cycles(inst, &context));
        self.instructions += 1;
        self.previous = Some((*inst, size));
        if let Some(to) = outcome.jump {
            self.r[15] = to;
        }
        Ok(())
    }
}

impl Machine {
    /// The instruction at PC, from the cache or from memory.
    fn decoded(&mut self, bus: &mut impl Bus) -> Result<Decoded, Stop> {
        let pc = self.r[15];
        let in_it = self.it_condition();
        if self.current.0 != pc >> 8 {
            let page = *self.numbers.entry(pc >> 8).or_insert_with(|| {
                self.pages.push(Box::new([None; 128]));
                self.pages.len() - 1
            });
            self.current = (pc >> 8, page);
        }
        let slot = &mut self.pages[self.current.1][(pc >> 1 & 127) as usize];
        if let Some(decoded) = slot
            && decoded.it == self.it
        {
            return Ok(*decoded);
        }
        let first = bus.fetch(pc)?;
        let second = if is_wide(first) {
            bus.fetch(pc.wrapping_add(2))?
        } else {
            0
        };
        let hw = [first, second];
        let (inst, size) = decode(&hw, in_it).map_err(|e| Stop::Undefined(e.word))?;
        let place = match self.it & 15 {
            0 => Place::Outside,
            8 => Place::Last,
            _ => Place::Inside,
        };
        // The decoder knows every core and takes the place for the last of its block.
        encode_sized(&inst, self.cpu, place, size)
            .map_err(|_| Stop::Undefined(u32::from(first) << 16 | u32::from(second)))?;
        let decoded = Decoded {
            inst,
            size,
            it: self.it,
        };
        *slot = Some(decoded);
        Ok(decoded)
    }
}
