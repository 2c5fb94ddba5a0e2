//! The executor on small programs in text: results, faults, IT blocks, and cycles counted by hand.

use thumbsmith::Cpu;
use thumbsmith::isa::exec::{Bus, BusFault, Machine, Stop};
use thumbsmith::isa::{Cond, Op, Place, encode, encode_sized, parse_sized};

/// 64 KiB of memory at address 0.
struct Memory(Vec<u8>);

impl Bus for Memory {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let at = address as usize;
        let bytes = self
            .0
            .get(at..at + size as usize)
            .ok_or(BusFault { address })?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
    }

    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        let at = address as usize;
        let bytes = self
            .0
            .get_mut(at..at + size as usize)
            .ok_or(BusFault { address })?;
        bytes.copy_from_slice(&value.to_le_bytes()[..size as usize]);
        Ok(())
    }
}

const START: u32 = 0x1000;

/// Assembles lines separated by `;` at [`START`]. Returns the memory and the address of the end.
fn assemble(program: &str) -> (Memory, u32) {
    let mut memory = Memory(vec![0; 0x1_0000]);
    let mut at = START;
    let mut left = 0;
    for line in program.split(';') {
        let (inst, size) = parse_sized(line).unwrap();
        let place = match left {
            0 => Place::Outside,
            1 => Place::Last,
            _ => Place::Inside,
        };
        left = if inst.op == Op::It {
            4 - inst.imm.trailing_zeros()
        } else {
            left.saturating_sub(1)
        };
        let encoded = match size {
            Some(size) => encode_sized(&inst, Cpu::CortexM7F, place, size),
            None => encode(&inst, Cpu::CortexM7F, place),
        };
        for hw in encoded.unwrap().halfwords() {
            memory.store(at, 2, u32::from(*hw)).unwrap();
            at += 2;
        }
    }
    (memory, at)
}

/// A core at the start of the program, with the stack at the top of memory.
fn core(cpu: Cpu) -> Machine {
    let mut machine = Machine::new(cpu);
    machine.r[13] = 0x1_0000;
    machine.r[15] = START;
    machine
}

fn run(program: &str, cpu: Cpu) -> (Machine, Result<(), Stop>) {
    let (mut memory, end) = assemble(program);
    let mut machine = core(cpu);
    let result = machine.run(&mut memory, end, 1_000_000);
    (machine, result)
}

#[test]
fn a_loop_sums() {
    let (machine, result) = run(
        "movs r0, #0; movs r1, #100; adds r0, r0, r1; subs r1, #1; bne .-4",
        Cpu::CortexM3,
    );
    assert_eq!((result, machine.r[0]), (Ok(()), 5050));
    assert_eq!(machine.instructions, 2 + 3 * 100);
    // Two moves; 100 additions and subtractions; 99 taken branches and one not taken.
    assert_eq!(machine.cycles, 2 + 200 + 99 * 3 + 1);
}

#[test]
fn a_call_returns_through_the_stack() {
    let program =
        "movs r0, #5; bl .+6; b .+10; push {r4, lr}; movs r4, #3; muls r0, r4, r0; pop {r4, pc}";
    let (machine, result) = run(program, Cpu::CortexM3);
    assert_eq!(
        (result, machine.r[0], machine.r[4], machine.r[13]),
        (Ok(()), 15, 0, 0x1_0000)
    );
    // movs 1, bl 3, push 3, movs 1, muls 1, pop 3 + 2, b 3.
    assert_eq!(machine.cycles, 17);
}

#[test]
fn cycles_by_hand() {
    for (program, m3, m4) in [
        ("nop", 1, 1),
        // An address that is ready overlaps with the load before it; one that is loaded does not.
        (
            "mov r1, sp; subs r1, #64; ldr r0, [r1]; ldr r2, [r1, #4]; ldr r3, [r1, #8]",
            6,
            6,
        ),
        ("mov r1, sp; subs r1, #64; ldr r2, [r1]; ldr r2, [r2]", 6, 6),
        (
            "mov r1, sp; subs r1, #64; str r0, [r1]; str r0, [r1, r2]",
            5,
            5,
        ),
        (
            "umull r0, r1, r2, r3; smlal r0, r1, r2, r3; mla r0, r1, r2, r3",
            11,
            3,
        ),
        ("mul r0, r1, r2; mls r0, r1, r2, r3", 3, 2),
        ("push {r0, r1, r2}; pop {r0, r1, r2}", 8, 8),
        // IT is free after 16 bits, and the instruction that is skipped takes a cycle.
        ("cmp r0, #0; ite eq; moveq r1, #1; movne r1, #2", 3, 3),
        ("cmp.w r0, #0; ite eq; moveq r1, #1; movne r1, #2", 4, 4),
        ("cbz r0, .+4; nop; cbnz r0, .+4; nop", 5, 5),
        // 0 / 0 is the shortest, 2^32 - 1 by one the longest.
        ("udiv r0, r1, r2", 2, 2),
        ("movs r2, #1; mvn r1, #0; udiv r0, r1, r2", 14, 14),
        ("movs r2, #1; mvn r1, #0; sdiv r0, r1, r2", 5, 5),
    ] {
        for (cpu, expected) in [(Cpu::CortexM3, m3), (Cpu::CortexM4, m4)] {
            let (machine, result) = run(program, cpu);
            assert_eq!(
                (result, machine.cycles),
                (Ok(()), expected),
                "{program} on {}",
                cpu.name()
            );
        }
    }
}

#[test]
fn it_blocks_take_both_sides() {
    for (value, expected) in [(3, [1, 0, 1]), (9, [0, 2, 0])] {
        let program = "cmp r4, #5; itet lt; movlt r0, #1; movge r1, #2; movlt r2, #1";
        let (mut memory, end) = assemble(program);
        let mut machine = core(Cpu::CortexM3);
        machine.r[4] = value;
        machine.step(&mut memory).unwrap();
        machine.step(&mut memory).unwrap();
        assert_eq!(machine.it_condition(), Some(Cond::Lt));
        machine.run(&mut memory, end, 10).unwrap();
        assert_eq!(
            (machine.r[..3].to_vec(), machine.it),
            (expected.to_vec(), 0)
        );
        // Moves inside the block keep the flags.
        assert_eq!(machine.flags.holds(Cond::Lt), value < 5);
    }
}

#[test]
fn traps_and_faults_leave_registers_alone() {
    for (program, stop) in [
        ("movs r0, #7; udf #4", Stop::Udf(4)),
        ("movs r0, #7; udf #300", Stop::Udf(300)),
        ("movs r0, #7; bkpt #2", Stop::Bkpt(2)),
        ("movs r0, #7; ldrd r0, r1, [r0]", Stop::Unaligned(7)),
        ("movs r0, #7; ldmia r0!, {r1, r2}", Stop::Unaligned(7)),
        ("movs r0, #7; strd r0, r1, [r0, #4]", Stop::Unaligned(11)),
        ("movs r0, #7; vldr s0, [r0]", Stop::Unaligned(7)),
        ("movs r0, #7; vstr d0, [r0, #8]", Stop::Unaligned(15)),
        (
            "movs r0, #7; stmdb r0!, {r1, r2}",
            Stop::Unaligned(0xffff_ffff),
        ),
        (
            "movs r0, #7; ldr r1, [r0, #-8]",
            Stop::Bus(BusFault {
                address: 0xffff_ffff,
            }),
        ),
        ("movs r0, #6; bx r0", Stop::State(6)),
        ("movs r0, #7; b .", Stop::Limit),
    ] {
        let (machine, result) = run(
            &program.replace("b .", "b .+0").replace(".+0+", ".+"),
            Cpu::CortexM4F,
        );
        assert_eq!(result, Err(stop), "{program}");
        assert!(machine.r[0] == 7 || stop == Stop::State(6), "{program}");
        assert_eq!(machine.r[15], START + 2);
    }
}

#[test]
fn unaligned_words_and_halfwords_are_fine() {
    let program = "movw r0, #8193; mvn r1, #0; str r1, [r0]; ldrh r2, [r0, #3]; ldr r3, [r0, #2]";
    let (machine, result) = run(program, Cpu::CortexM3);
    assert_eq!((result, machine.r[2], machine.r[3]), (Ok(()), 0xff, 0xffff));
}

#[test]
fn what_a_core_does_not_have_is_undefined() {
    let program = "smmul r0, r1, r2";
    assert_eq!(run(program, Cpu::CortexM4).1, Ok(()));
    assert!(matches!(
        run(program, Cpu::CortexM3).1,
        Err(Stop::Undefined(_))
    ));
    for (program, cores) in [
        ("vadd.f32 s0, s1, s2", [false, true, true, true]),
        ("vldr d0, [sp, #-8]", [false, true, true, true]),
        ("vrintz.f32 s0, s1", [false, false, true, true]),
        ("vadd.f64 d0, d1, d2", [false, false, false, true]),
    ] {
        let all = [
            Cpu::CortexM4,
            Cpu::CortexM4F,
            Cpu::CortexM33F,
            Cpu::CortexM7F,
        ];
        assert_eq!(all.map(|cpu| run(program, cpu).1.is_ok()), cores);
    }
}

/// One instruction on the first operands' bits, `s1` and `s2` or `d1` and `d2`; the bits of `s0` or `d0`.
fn float(text: &str, operands: [u64; 2], default_nan: bool) -> u64 {
    let (mut memory, _) = assemble(text);
    let mut machine = core(Cpu::CortexM7F);
    machine.default_nan = default_nan;
    // What reads `s` registers is given its operands there, all else in `d` registers.
    let single = text.contains(" s1");
    for (n, x) in operands.into_iter().enumerate() {
        if single {
            machine.s[n + 1] = x as u32;
        } else {
            (machine.s[2 * n + 2], machine.s[2 * n + 3]) = (x as u32, (x >> 32) as u32);
        }
    }
    machine.step(&mut memory).unwrap();
    let high = if text.contains(" d0") {
        machine.s[1]
    } else {
        0
    };
    u64::from(high) << 32 | u64::from(machine.s[0])
}

/// What a NaN becomes: with FPSCR as after reset, and with DN set.
#[test]
fn nans_by_hand() {
    let (quiet, signalling) = (0xffc1_2345, 0x7f81_2345);
    let (nan, infinity, one) = (0x7fc0_0000, 0x7f80_0000, 0x3f80_0000);
    for (text, operands, as_it_comes) in [
        ("vadd.f32 s0, s1, s2", [one, quiet], quiet),
        ("vadd.f32 s0, s1, s2", [quiet, signalling], 0x7fc1_2345),
        ("vsub.f32 s0, s1, s2", [infinity, infinity], nan),
        ("vsqrt.f32 s0, s1", [0xbf80_0000, 0], nan),
        ("vrintz.f32 s0, s1", [signalling, 0], 0x7fc1_2345),
        ("vminnm.f32 s0, s1, s2", [signalling, one], 0x7fc1_2345),
        ("vcvt.f64.f32 d0, s1", [quiet, 0], 0xfff8_2468_a000_0000),
        (
            "vcvt.f32.f64 s0, d1",
            [0x7ff4_0000_3fff_ffff, 0],
            0x7fe0_0001,
        ),
    ] {
        let default = if text.contains("d0") {
            0x7ff8 << 48
        } else {
            nan
        };
        assert_eq!(float(text, operands, false), as_it_comes, "{text}");
        assert_eq!(float(text, operands, true), default, "{text}");
    }
    // A number wins over a quiet NaN; signs, moves and selection are of bits.
    for (text, operands, result) in [
        ("vmaxnm.f32 s0, s1, s2", [quiet, one], one),
        ("vneg.f32 s0, s1", [signalling, 0], 0xff81_2345),
        ("vabs.f32 s0, s1", [quiet, 0], 0x7fc1_2345),
        ("vmov.f32 s0, s1", [signalling, 0], signalling),
        ("vseleq.f32 s0, s1, s2", [one, signalling], signalling),
        ("vcvt.s32.f32 s0, s1", [quiet, 0], 0),
    ] {
        for default in [false, true] {
            assert_eq!(float(text, operands, default), result, "{text}");
        }
    }
}

#[test]
fn floats_by_hand() {
    let double = |x: f64| x.to_bits();
    for (text, operands, result) in [
        (
            "vadd.f64 d0, d1, d2",
            [double(0.1), double(0.2)],
            double(0.1 + 0.2),
        ),
        (
            "vminnm.f64 d0, d1, d2",
            [double(0.0), double(-0.0)],
            double(-0.0),
        ),
        ("vrinta.f64 d0, d1", [double(2.5), 0], double(3.0)),
        ("vrintn.f64 d0, d1", [double(2.5), 0], double(2.0)),
        ("vrintp.f64 d0, d1", [double(-0.5), 0], double(-0.0)),
        (
            "vcvt.s32.f64 s0, d1",
            [double(-2.9), 0],
            -2i32 as u32 as u64,
        ),
        (
            "vcvtr.s32.f64 s0, d1",
            [double(-2.9), 0],
            -3i32 as u32 as u64,
        ),
        ("vcvt.u32.f64 s0, d1", [double(-1.0), 0], 0),
        ("vcvt.u32.f64 s0, d1", [double(5e9), 0], u32::MAX.into()),
        (
            "vcvt.f64.u32 d0, s1",
            [u32::MAX.into(), 0],
            double(4294967295.0),
        ),
        ("vcvt.f32.s32 s0, s1", [0xfeff_ffff, 0], 0xcb80_0000),
        ("vmov.f64 d0, #-1.5", [0, 0], double(-1.5)),
    ] {
        assert_eq!(float(text, operands, false), result, "{text}");
    }
}

/// What follows VCMP and VMRS, and what a selection takes.
#[test]
fn comparisons_of_floats() {
    let (one, two, nan) = (1.0f32.to_bits(), 2.0f32.to_bits(), f32::NAN.to_bits());
    for (a, b, holding) in [
        (one, two, "ne lo mi vc ls lt le"),
        (one, one, "eq hs pl vc ls ge le"),
        (two, one, "ne hs pl vc hi ge gt"),
        (one, nan, "ne hs pl vs hi lt le"),
    ] {
        let program = "vcmp.f32 s1, s2; vmrs apsr_nzcv, fpscr; vselgt.f32 s0, s1, s2";
        let (mut memory, end) = assemble(program);
        let mut machine = core(Cpu::CortexM33F);
        (machine.s[1], machine.s[2]) = (a, b);
        machine.run(&mut memory, end, 3).unwrap();
        let conds = Cond::ALL[..14].iter();
        let holds: Vec<_> = conds
            .filter(|c| machine.flags.holds(**c))
            .map(|c| c.suffix())
            .collect();
        assert_eq!(holds.join(" "), holding);
        let first = holding.ends_with("gt");
        assert_eq!(machine.s[0], if first { a } else { b });
    }
}

#[test]
fn registers_of_the_fpu_come_back_from_the_stack() {
    let program = "vpush {d8, d9}; vmov d8, r0, r1; vmov d9, r1, r0; vldr s0, [sp, #8]; \
                   vpop {d8, d9}; vmov r2, s17; vldr d1, [pc, #-16]";
    let (mut memory, end) = assemble(program);
    let mut machine = core(Cpu::CortexM4F);
    for n in 0..32 {
        machine.s[n] = 100 + n as u32;
    }
    machine.run(&mut memory, end, 10).unwrap();
    assert_eq!(machine.s[16..20], [116, 117, 118, 119]);
    assert_eq!(
        (machine.s[0], machine.r[2], machine.r[13]),
        (118, 117, 0x1_0000)
    );
    // The literal is the code itself.
    let low = memory.load(end - 16, 4).unwrap();
    assert_eq!(machine.s[2], low);
    // Pushing and popping two doubles 5 each, transfers 2, 2 and 1, loads 2 and 3.
    assert_eq!(machine.cycles, 20);
}

#[test]
fn cycles_of_the_fpu() {
    for (program, cycles) in [
        ("vadd.f32 s0, s1, s2; vmul.f32 s0, s0, s2", 2),
        ("vdiv.f32 s0, s1, s2", 14),
        ("vsqrt.f32 s0, s1", 14),
        ("vsqrt.f64 d0, d1", 28),
        ("vstr s0, [sp, #-4]; vldr s1, [sp, #-4]", 4),
        ("vstr d0, [sp, #-8]; vldr d1, [sp, #-8]", 6),
        ("vcmp.f32 s0, #0.0; vmrs apsr_nzcv, fpscr", 2),
    ] {
        let (machine, result) = run(program, Cpu::CortexM7F);
        assert_eq!((result, machine.cycles), (Ok(()), cycles), "{program}");
    }
}

#[test]
fn a_jump_in_the_middle_of_an_it_block_is_undefined() {
    let (mut memory, end) = assemble("itt eq; moveq r0, #1; beq .+8");
    let mut machine = core(Cpu::CortexM3);
    machine.flags.z = true;
    machine.run(&mut memory, end, 2).unwrap_err();
    // The same branch after ITTT has another instruction after it.
    memory.store(START, 2, 0xbf02).unwrap();
    let mut machine = core(Cpu::CortexM3);
    machine.flags.z = true;
    let stop = machine.run(&mut memory, end, 10);
    assert!(matches!(stop, Err(Stop::Undefined(_))), "{stop:?}");
}

#[test]
fn it_is_fast_enough_for_benchmarks() {
    let program = "movw r1, #65535; ldr r2, [sp, #-4]; adds r0, r0, r2; eor r0, r0, r1, lsl #3; subs r1, #1; bne .-12";
    let (mut memory, end) = assemble(program);
    let mut machine = core(Cpu::CortexM3);
    let start = std::time::Instant::now();
    machine.run(&mut memory, end, 10_000_000).unwrap();
    let rate = machine.instructions as f64 / start.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.1} million instructions a second");
    assert_eq!(machine.instructions, 1 + 65_535 * 5);
    assert!(rate > 1.0, "{rate} million instructions a second");
}
