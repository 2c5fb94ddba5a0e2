//! The boards agree on what is right, and see what unicorn does not.

use super::board::{BOARDS, Board};
use super::*;
use crate::arm::memory::{Kind as Region, Memory};
use crate::arm::{Core, LR, PC, SP};
use crate::check::{Judge, Setup};
use crate::random::Random;
use thumbsmith::Cpu;

/// Runs `code` on unicorn with RAM that begins with 0, 1, 2, ... and an import's stub in r1; gives what was written down.
fn recorded(board: &Board, code: &[u16], r0: u32) -> Script {
    let mut memory = Memory::new(
        board.map,
        [4096, 4096, 4096, 65536, crate::arm::machine::STACK],
    );
    let base = |kind| board.map.base(kind);
    for pair in memory.bytes_mut(Region::Stubs).chunks_exact_mut(2) {
        pair.copy_from_slice(&crate::arm::machine::STUB.to_le_bytes());
    }
    for (to, word) in memory.bytes_mut(Region::Code).chunks_exact_mut(2).zip(code) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    for (n, byte) in memory.bytes_mut(Region::Ram)[..64].iter_mut().enumerate() {
        *byte = n as u8;
    }
    let unicorn = UnicornCore::new(board.cpu, TIME_LIMIT).expect("unicorn starts");
    let mut core = Recorder::new(unicorn);
    core.begin(code.len() * 2, 16, 64, 1);
    core.attach(&mut memory).expect("unicorn maps");
    let mut regs = Regs {
        r: std::array::from_fn(|n| 0x1111_1111 * n as u32),
        ..Regs::default()
    };
    if board.fpu() {
        regs.s = std::array::from_fn(|n| 0x3f80_0001 + n as u32 * 0x0080_0000);
        // NaNs with a payload.
        (regs.s[15], regs.s[31]) = (0x7fa1_2345, 0xffc0_0007);
    }
    regs[0] = r0;
    regs[SP] = base(Region::Stack) + crate::arm::machine::STACK as u32 - 64;
    regs[LR] = base(Region::Stubs) | 1;
    regs[PC] = base(Region::Code);
    // An import without arguments or results, for code that calls r1.
    regs[1] = (base(Region::Stubs) + 8) | 1;
    while core.run(&mut regs, &mut memory, base(Region::Stubs)) == Stop::Udf(0xfe) {
        regs[PC] = regs[LR] & !1;
    }
    core.end()
}

/// What the board says beside unicorn: nothing, or how it stopped.
fn said(board: &Board, script: &Script) -> Option<Stop> {
    let folder = Folder::new().expect("a folder");
    let (mut heard, text) = batch::run(&folder, board, &[script], Some(0)).expect("QEMU runs");
    let heard = heard
        .pop()
        .flatten()
        .unwrap_or_else(|| panic!("no results: {text}"));
    assert_eq!(heard.dump.as_ref().map(|d| d.ram.len()), Some(64));
    first_apart(board, script, &heard).map(|(_, stop)| stop)
}

#[test]
fn what_unicorn_accepts_and_a_core_does_not_is_a_fault() {
    const BX_LR: u16 = 0x4770;
    let ldrd = [0xe9d0, 0x2300, BX_LR]; // ldrd r2, r3, [r0]
    let strd = [0xe9c0, 0x2300, BX_LR]; // strd r2, r3, [r0]
    let ldm = [0xe890, 0x000c, BX_LR]; // ldm.w r0, {r2, r3}
    let stm = [0xe880, 0x000c, BX_LR]; // stm.w r0, {r2, r3}
    let ldr = [0x6802, BX_LR]; // ldr r2, [r0]
    for board in BOARDS {
        let ram = board.map.base(Region::Ram);
        for code in [&ldrd[..], &strd, &ldm, &stm, &ldr] {
            let script = recorded(&board, code, ram + 8);
            assert_eq!(said(&board, &script), None, "{board:?} {code:x?} aligned");
            for off in 1..4 {
                let script = recorded(&board, code, ram + 8 + off);
                assert_eq!(script.segments[0].stop, Stop::Until, "unicorn accepts");
                match said(&board, &script) {
                    None if code == ldr => {}
                    Some(Stop::Fault(text)) if code != ldr => {
                        assert!(text.contains("UNALIGNED"), "{text}");
                    }
                    other => panic!("{board:?} {code:x?} + {off}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn everything_outside_of_a_program_faults() {
    let board = BOARDS[0];
    // The driver, its vectors, peripherals, and what lies behind the RAM in use.
    for at in [0, 0x2010_0000, 0x4000_4000, 0xe000_ed28, 0x2000_1000] {
        let mut script = recorded(&board, &[0x6802, 0x4770], board.map.base(Region::Ram));
        script.segments[0].before[0] = at;
        let stop = said(&board, &script);
        // The unit, or what is only for privileged code whatever the unit says (Arm v7-M manual, B3.1).
        let kind = match at {
            0xe000_ed28 => "BusFault PRECISERR",
            _ => "MemManage DACCVIOL",
        };
        assert!(
            matches!(&stop, Some(Stop::Fault(text)) if text.contains(kind)),
            "{at:#x}: {stop:?}"
        );
    }
    // A store into code, and an endless loop.
    let mut script = recorded(&board, &[0x6002, 0x4770], board.map.base(Region::Ram));
    script.segments[0].before[0] = board.map.base(Region::Code);
    assert!(matches!(said(&board, &script), Some(Stop::Fault(_))));
    script.code = vec![0xfe, 0xe7];
    assert_eq!(said(&board, &script), Some(Stop::Timeout));
}

#[test]
fn what_lies_below_the_stack_pointer_does_not_last() {
    // A value kept below SP while an import runs: nothing writes there in unicorn, exceptions do on a core.
    let wrong = [
        0xb510, // push {r4, lr}
        0xf84d, 0x0c08, // str r0, [sp, #-8]
        0x4788, // blx r1
        0xf85d, 0x0c08, // ldr r0, [sp, #-8]
        0xbd10, // pop {r4, pc}
    ];
    let right = [0xb511, 0x4788, 0xbd11]; // push {r0, r4, lr}, pop {r0, r4, pc}
    for board in BOARDS {
        let script = recorded(&board, &right, 0x1234);
        assert_eq!((script.segments.len(), script.calls()), (2, 1));
        assert_eq!(said(&board, &script), None);
        let script = recorded(&board, &wrong, 0x1234);
        assert_eq!(script.segments[1].after[0], 0x1234, "unicorn keeps it");
        assert_eq!(said(&board, &script), Some(Stop::Until));
    }
}

#[test]
fn registers_of_the_fpu_come_and_go_with_every_run() {
    let right = [
        0xb510, // push {r4, lr}
        0xee30, 0x0a20, // vadd.f32 s0, s0, s1
        0xee77, 0x7aaf, // vadd.f32 s15, s15, s31: both are NaNs
        0xee88, 0x9a20, // vdiv.f32 s18, s16, s1
        0x4788, // blx r1
        0xeef1, 0xfa10, // vmrs apsr_nzcv, fpscr: junk of the call
        0xbf48, // it mi
        0x3201, // addmi r2, #1
        0xee19, 0x3a10, // vmov r3, s18
        0xbd10, // pop {r4, pc}
    ];
    for board in BOARDS.into_iter().filter(Board::fpu) {
        let script = recorded(&board, &right, 0x1234);
        let (first, last) = (&script.segments[0], &script.segments[1]);
        assert_eq!(first.after.s[15], 0x7fc0_0000, "NaNs are the default one");
        assert_ne!(first.after.s[18], first.before.s[18]);
        assert_eq!(last.after[3], first.after.s[18]);
        assert_eq!(said(&board, &script), None, "{board:?}");
        // Each register is given to each segment, and compared after it.
        for s in 0..32 {
            let mut other = script.clone();
            other.segments[1].before.s[s] ^= 1;
            assert!(said(&board, &other).is_some(), "{board:?} s{s}");
        }
    }
}

#[test]
fn boards_have_the_fpu_that_programs_are_to_have() {
    let add = [0xee30, 0x0a20, 0x4770]; // vadd.f32 s0, s0, s1
    let double = [0xee31, 0x0b02, 0x4770]; // vadd.f64 d0, d1, d2
    // vldr s2, [r0] and vpush {s2}, at an address that is no multiple of four
    let load = [0xed90, 0x1a00, 0x4770];
    for board in BOARDS {
        let ram = board.map.base(Region::Ram);
        let stop = |code: &[u16], r0: u32| match said(&board, &recorded(&board, code, r0)) {
            Some(Stop::Fault(text)) => text,
            other => format!("{other:?}"),
        };
        match board.cpu {
            Cpu::CortexM4F | Cpu::CortexM7F => {
                assert_eq!(stop(&add, 0), "None");
                assert_eq!(stop(&load, ram + 4), "None");
                assert!(stop(&load, ram + 6).contains("UNALIGNED"));
            }
            _ => assert!(stop(&add, 0).contains("UsageFault NOCP"), "{board:?}"),
        }
        if board.cpu == Cpu::CortexM4F {
            assert!(stop(&double, 0).contains("UNDEFINSTR"));
        }
    }
}

#[test]
fn generated_programs_agree() {
    let mut judge = Judge::new().expect("engines start");
    judge.listen(false).expect("QEMU is there");
    let setup = Setup {
        cpus: BOARDS.iter().map(|b| b.cpu).collect(),
        qemu: 1,
        ..Setup::default()
    };
    let mut random = Random::new(7);
    for _ in 0..300 {
        if let Err(report) = judge.generated(&random.bytes(12 << 10), &setup) {
            panic!("{report}");
        }
    }
    let found = judge.settle(true).expect("QEMU runs");
    assert!(found.is_empty(), "{}", found[0]);
    let counts = judge.counts.qemu;
    assert!(
        counts.cases > 200 && counts.executions > 2_000,
        "{counts:?}"
    );
}
