//! A helper in the executor over the instruction table.
//!
//! In: code, an entry, operands. Out: the bits of the result, and what the call cost. Every call checks that r4-r11 and SP come
//! back as they were, and memory refuses anything but the frame.

use thumbsmith::Cpu;
use thumbsmith::isa::Cond;
use thumbsmith::isa::exec::{Bus, BusFault, Machine};
use thumbsmith::softfloat::{Helper, Kind, helpers};

/// Where code lies.
pub const CODE: u32 = 0x1000;
const STACK: u32 = 0x2000_0000;
const FRAME: u32 = 256;
const RETURN: u32 = 0x00f0_0000;

/// The conditions of a comparison, by the place of their bit in its outcome: equal, less, greater, at most, at least, unordered.
pub const CONDITIONS: [Cond; 6] = [Cond::Eq, Cond::Mi, Cond::Gt, Cond::Ls, Cond::Ge, Cond::Vs];

/// Code that can be read, and a frame that can be written.
struct Memory {
    code: Vec<u8>,
    stack: [u8; FRAME as usize],
}

impl Memory {
    fn at(&mut self, address: u32, size: u32) -> Result<&mut [u8], BusFault> {
        let (bytes, base) = match address >= STACK {
            true => (&mut self.stack[..], STACK),
            false => (&mut self.code[..], CODE),
        };
        let at = address.wrapping_sub(base) as usize;
        bytes
            .get_mut(at..at + size as usize)
            .ok_or(BusFault { address })
    }
}

impl Bus for Memory {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let bytes = self.at(address, size)?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
    }
    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        if address < STACK {
            return Err(BusFault { address });
        }
        let bytes = self.at(address, size)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..size as usize]);
        Ok(())
    }
}

/// A helper in its machine.
pub struct Bench {
    pub helper: &'static Helper,
    machine: Machine,
    memory: Memory,
    entry: u32,
    skipped: u64,
}

impl Bench {
    /// The helper as this library makes it.
    pub fn new(helper: &'static Helper) -> Bench {
        let made = helpers(&[helper], Cpu::CortexM3).unwrap_or_else(|e| panic!("{e:?}"));
        Bench::of(helper, made.code.bytes, made.entries[0])
    }

    /// Bytes for address 0x1000, entered at this offset.
    pub fn of(helper: &'static Helper, code: Vec<u8>, entry: u32) -> Bench {
        Bench {
            helper,
            machine: Machine::new(Cpu::CortexM3),
            memory: Memory {
                code,
                stack: [0; FRAME as usize],
            },
            entry: CODE + entry,
            skipped: 0,
        }
    }

    /// Bytes of code.
    pub fn size(&self) -> usize {
        self.memory.code.len()
    }

    /// Instructions executed by all calls: those started, and of them those whose condition held.
    pub fn instructions(&self) -> [u64; 2] {
        let started = self.machine.instructions;
        [started, started - self.skipped]
    }

    fn run(&mut self) -> Result<(), String> {
        let m = &mut self.machine;
        for _ in 0..5000 {
            if m.r[15] == RETURN {
                return Ok(());
            }
            let fails = m.it_condition().is_some_and(|c| !m.flags.holds(c));
            self.skipped += u64::from(fails);
            m.step(&mut self.memory)
                .map_err(|stop| format!("{stop} at {:#x}", m.r[15]))?;
        }
        Err("it does not return".into())
    }

    /// Calls it with operands in AAPCS's registers; a comparison's result has a bit for each of [`CONDITIONS`].
    ///
    /// # Errors
    /// What went wrong, if it did not return or changed what is not its own.
    pub fn call(&mut self, operands: [u64; 2]) -> Result<u64, String> {
        let m = &mut self.machine;
        m.r[..4].copy_from_slice(&[0x5555_5555, 0xaaaa_aaaa, 0x3333_3333, 0xcccc_cccc]);
        let mut at = 0;
        for (kind, value) in self.helper.operands.iter().zip(operands) {
            m.r[at] = value as u32;
            if kind.words() == 2 {
                m.r[at + 1] = (value >> 32) as u32;
            }
            at += kind.words();
        }
        for (i, r) in m.r[4..13].iter_mut().enumerate() {
            *r = 0xdead_0000 + i as u32;
        }
        (m.r[13], m.r[14], m.r[15]) = (STACK + FRAME, RETURN | 1, self.entry);
        self.run()?;
        let m = &self.machine;
        let kept = (4..12).all(|i| m.r[i] == 0xdead_0000 + i as u32 - 4);
        if !kept || m.r[13] != STACK + FRAME {
            return Err("a register of the caller is changed".into());
        }
        Ok(match self.helper.result {
            Kind::F64 | Kind::I64 => u64::from(m.r[1]) << 32 | u64::from(m.r[0]),
            Kind::F32 | Kind::I32 => u64::from(m.r[0]),
            Kind::Order => (0..).zip(CONDITIONS).fold(0, |bits, (i, cond)| {
                bits | u64::from(m.flags.holds(cond)) << i
            }),
        })
    }
}
