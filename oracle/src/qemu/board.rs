//! The boards: which machine of QEMU has which CPU, where its memory is, and what the memory protection unit lets through.
//!
//! In: a CPU. Out: a [`Board`], or none if QEMU has no machine for it that the driver starts on. Invariant: what the driver
//! owns (`driver.ld`) and what programs own do not meet, which a test holds against the table.

use super::record::Script;
use crate::arm::machine::STACK;
use crate::arm::memory::{Kind, Map};
use thumbsmith::Cpu;
use thumbsmith::options::Feature;

/// One machine of QEMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Board {
    /// What it runs.
    pub cpu: Cpu,
    /// Its name on QEMU's command line.
    pub machine: &'static str,
    /// Where the regions of a program are.
    pub map: Map,
    /// Most bytes of each region, in the order of [`Kind::ALL`].
    pub room: [usize; 5],
    /// Where the driver has its data, and how many bytes of them.
    pub data: (u32, u32),
}

/// Stubs, code and RAM are in static memory and the linear memory in the PSRAM of an MPS2 board (Arm application notes
/// AN385, AN386, AN500: memory map).
const fn mps2(cpu: Cpu, machine: &'static str, psram: u32) -> Board {
    Board {
        cpu,
        machine,
        map: Map([0x001f_0000, 0x0020_0000, 0x2000_0000, psram, 0x2020_0000]),
        room: [64 << 10, 2 << 20, 2 << 20, 16 << 20, STACK],
        data: (0x0010_0000, 512 << 10),
    }
}

/// A board with 64 MiB of memory in one piece, for what no other has room for: seven eighths for the linear memory, data
/// behind it. Nothing is executed there by itself (Arm v7-M manual, B3.1), so code shares the 64 KiB of static memory with
/// the driver (Microsemi, SmartFusion2 microcontroller subsystem user guide, UG0331: memory map).
pub const LARGE: Board = Board {
    cpu: Cpu::CortexM3,
    machine: "emcraft-sf2",
    map: Map([
        0x2000_4000,
        0x2000_8000,
        0xa3c0_0000,
        0xa000_0000,
        0xa3e0_0000,
    ]),
    room: [4 << 10, 32 << 10, 2 << 20, 56 << 20, STACK],
    data: (0x2000_0000, 16 << 10),
};

/// Every board; QEMU's M4 and M7 have the FPU, which the driver enables for programs that are to have it. A Cortex-M33 has
/// none: its machines start in the secure state, with another memory map and another kind of protection unit.
pub const BOARDS: [Board; 5] = [
    mps2(Cpu::CortexM3, "mps2-an385", 0x2100_0000),
    mps2(Cpu::CortexM4, "mps2-an386", 0x2100_0000),
    mps2(Cpu::CortexM7, "mps2-an500", 0x6000_0000),
    mps2(Cpu::CortexM4F, "mps2-an386", 0x2100_0000),
    mps2(Cpu::CortexM7F, "mps2-an500", 0x6000_0000),
];

/// One region of the unit: base, attributes and size (Arm v7-M manual, B3.5.8 and B3.5.9); zeroes are no region.
pub type Protection = [u32; 2];

impl Board {
    /// The board with this CPU.
    pub fn of(cpu: Cpu) -> Option<Board> {
        BOARDS.into_iter().find(|b| b.cpu == cpu)
    }

    /// Whether programs have an FPU.
    pub fn fpu(&self) -> bool {
        self.cpu.has(Feature::Fpv4Sp)
    }

    /// Whether a program fits.
    pub fn fits(&self, script: &Script) -> bool {
        sizes(script)
            .iter()
            .zip(self.room)
            .all(|(size, room)| *size <= room)
    }

    /// The regions of the protection unit for a program: its own memory and nothing else, to the next eighth of a power
    /// of two.
    pub fn protection(&self, script: &Script) -> [Protection; 5] {
        let mut out = [[0; 2]; 5];
        for (kind, size) in Kind::ALL.into_iter().zip(sizes(script)) {
            if size > 0 {
                out[kind as usize] = [self.map.base(kind), attributes(kind, size)];
            }
        }
        out
    }
}

/// Bytes that a program uses of each region.
fn sizes(script: &Script) -> [usize; 5] {
    let (code, ram) = (script.code.len(), script.ram.len());
    [script.stubs, code, ram, script.linear_size, STACK]
}

/// RASR: normal memory; stubs and code can be executed and not written, the rest the other way round.
fn attributes(kind: Kind, size: usize) -> u32 {
    const NORMAL: u32 = 1 << 17;
    const ENABLE: u32 = 1;
    let whole = size.next_power_of_two().max(256);
    let used = size.div_ceil(whole / 8);
    let disabled = 0xff << used & 0xff;
    let access = match kind.writable() {
        // No execution; everybody reads and writes.
        true => 1 << 28 | 3 << 24,
        // Only the driver writes.
        false => 2 << 24,
    };
    access | NORMAL | disabled << 8 | (whole.trailing_zeros() - 1) << 1 | ENABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_is_disabled() {
        let fields = |size| {
            let rasr = attributes(Kind::Ram, size);
            (1usize << ((rasr >> 1 & 31) + 1), rasr >> 8 & 0xff)
        };
        assert_eq!(fields(65536), (65536, 0));
        assert_eq!(fields(3 << 16), (4 << 16, 0xc0));
        assert_eq!(fields(1), (256, 0xfe));
        assert_eq!(fields(65544), (131072, 0xe0));
        assert_eq!(attributes(Kind::Code, 256) >> 24 & 0x17, 2);
        assert_eq!(attributes(Kind::Ram, 256) >> 24 & 0x17, 0x13);
    }

    #[test]
    fn programs_and_the_driver_do_not_meet() {
        for board in BOARDS.into_iter().chain([LARGE]) {
            let mut taken = vec![(0, 64 << 10), board.data];
            for kind in Kind::ALL {
                let (base, room) = (board.map.base(kind), board.room[kind as usize] as u32);
                assert!(base.is_multiple_of(room.next_power_of_two()), "{board:?}");
                taken.push((base, room));
            }
            taken.sort_unstable();
            for pair in taken.windows(2) {
                assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{board:?}: {pair:x?}");
            }
        }
    }
}
