//! The executors of what the backend's passes leave, on functions that a reader can follow: machine IR over virtual
//! registers, the same with an allocation, and linear code.

use thumbsmith::backend::interp::Interp;
use thumbsmith::backend::linear::{Halt, Linear, extent};
use thumbsmith::backend::mir::Symbol;
use thumbsmith::backend::{alloc_text, code, code_text, mir_text, verify};
use thumbsmith::isa::exec::{Bus, BusFault};
use thumbsmith::{Cpu, TrapKind, regalloc};

/// Some memory at [`BASE`], with the stack at its upper end.
struct Flat(Vec<u8>);

const BASE: u32 = 0x2000_0000;
const BYTES: u32 = 4096;
const SP: u32 = BASE + BYTES - 64;
/// Where callers outside are, and an import.
const BACK: u32 = 0x0700_0000;
const IMPORT: u32 = 0x0700_0100;
/// Where functions are entered, one after the other.
const CODE: u32 = 0x0800_0000;

impl Flat {
    fn at(&mut self, address: u32, size: u32) -> Result<&mut [u8], BusFault> {
        let at = address.wrapping_sub(BASE) as usize;
        let place = self.0.get_mut(at..at.wrapping_add(size as usize));
        place.ok_or(BusFault { address })
    }
}

impl Bus for Flat {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let mut word = [0; 4];
        word[..size as usize].copy_from_slice(self.at(address, size)?);
        Ok(u32::from_le_bytes(word))
    }

    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        let bytes = value.to_le_bytes();
        self.at(address, size)?
            .copy_from_slice(&bytes[..size as usize]);
        Ok(())
    }
}

/// Functions under test, in one of the forms.
enum Program {
    Mir(Interp),
    Linear(Linear),
}

/// Symbol 0 is the import, 1 the memory, from 2 on the functions.
fn address(s: Symbol, entries: &[u32]) -> Option<u32> {
    match s.0 {
        0 => Some(IMPORT | 1),
        1 => Some(BASE),
        n => entries.get(n as usize - 2).map(|e| e | 1),
    }
}

impl Program {
    fn mir(texts: &[&str]) -> Program {
        let entries: Vec<u32> = (0..texts.len()).map(|i| CODE + 4 * i as u32).collect();
        let function = |text: &&str| {
            let f = mir_text::parse(text).unwrap_or_else(|e| panic!("{e}"));
            verify::verify(&f).unwrap_or_else(|e| panic!("{e}\n{text}"));
            f
        };
        let all = entries.iter().zip(texts.iter().map(function));
        let all = all.map(|(e, f)| (*e, f, None)).collect();
        Program::interp(all, &entries)
    }

    fn allocated(texts: &[&str]) -> Program {
        let entries: Vec<u32> = (0..texts.len()).map(|i| CODE + 4 * i as u32).collect();
        let function = |text: &&str| alloc_text::parse(text).unwrap_or_else(|e| panic!("{e}"));
        let all = entries.iter().zip(texts.iter().map(function));
        let all = all.map(|(e, (f, a))| (*e, f, Some(a))).collect();
        Program::interp(all, &entries)
    }

    fn interp(all: Vec<thumbsmith::backend::interp::Entry>, entries: &[u32]) -> Program {
        let limit = BASE + 256;
        let made = Interp::new(Cpu::CortexM3, all, limit, &|s| address(s, entries));
        Program::Mir(made.unwrap_or_else(|e| panic!("{e}")))
    }

    fn linear(texts: &[&str]) -> Program {
        let parse = |text: &&str| code_text::parse(text).unwrap_or_else(|e| panic!("{e}")).1;
        let all: Vec<_> = texts.iter().map(parse).collect();
        let mut entries = Vec::new();
        let mut at = CODE;
        for items in &all {
            entries.push(at);
            at += extent(items);
        }
        let functions: Vec<_> = entries
            .iter()
            .copied()
            .zip(all.iter().map(Vec::as_slice))
            .collect();
        let made = Linear::new(Cpu::CortexM3, &functions, &|s| address(s, &entries));
        Program::Linear(made.unwrap_or_else(|e| panic!("{e}")))
    }

    /// Calls the first function; imports return the sum of r0 and r1. Gives r0.
    fn call(&mut self, args: &[u32], bus: &mut Flat) -> Result<u32, Halt> {
        let mut regs = [0x5eed_0000; 16];
        regs[..args.len()].copy_from_slice(args);
        (regs[13], regs[14], regs[15]) = (SP, BACK | 1, CODE);
        let before = regs;
        loop {
            let halt = match self {
                Program::Mir(p) => p.run(&mut regs, bus, 10_000),
                Program::Linear(p) => p.run(&mut regs, bus, 10_000),
            };
            match halt {
                Halt::Outside if regs[15] == IMPORT => {
                    regs[0] = regs[0].wrapping_add(regs[1]);
                    for r in [1, 2, 3, 12] {
                        regs[r] = 0xdead_0000;
                    }
                    regs[15] = regs[14] & !1;
                    regs[14] = 0xdead_0001;
                }
                Halt::Outside => break,
                other => return Err(other),
            }
        }
        assert_eq!(regs[15], BACK, "it came back");
        assert_eq!(regs[4..12], before[4..12], "callee-saved registers");
        assert_eq!(regs[13], SP);
        Ok(regs[0])
    }
}

fn memory() -> Flat {
    Flat(vec![0; BYTES as usize])
}

fn trap(kind: TrapKind) -> Result<u32, Halt> {
    Err(Halt::Trap(kind.code()))
}

/// A loop, a value kept where a condition fails, and flags between instructions that leave them alone.
const LOOP: &str = "mfunc @f vregs 11 in 0 out 0
b0:
  v0, v1 = Args abi({} {r0, r1} {})
  v2 = Const #0
  Jump b1(v0, v2)
b1(v3, v4):
  v5 = AddR v4, v3
  CmpR v5, v1
  v6 = Copy v5
  v7 = MovR.hi v1, v6
  v8 = SubI.s v3 #1
  Branch.ne b2(), b3()
b2:
  Jump b1(v8, v7)
b3:
  v9, v10 = Umull v7, v7
  Ret v9 abi({r0} {} {})
end
";

#[test]
fn virtual_registers_hold_values() {
    let mut f = Program::mir(&[LOOP]);
    // 4 + 3 + 2 + 1, never more than the second argument.
    assert_eq!(f.call(&[4, 100], &mut memory()), Ok(100));
    assert_eq!(f.call(&[4, 8], &mut memory()), Ok(64));
    assert_eq!(f.call(&[1, 100], &mut memory()), Ok(1));
}

#[test]
fn calls_go_by_registers_and_the_stack() {
    let caller = "mfunc @caller vregs 6 in 0 out 8 calls
b0:
  v0 = Args abi({} {r0} {})
  OutArg v0 #4
  v1 = Const #7
  v2 = Call v1 s3 abi({r1} {r2} {r0, r1, r3, r12, r14})
  v3 = OutLoad #0
  v4 = AddR v2, v3
  v5 = Call v4, v0 s0 abi({r0, r1} {r0} {r1, r2, r3, r12, r14})
  Ret v5 abi({r0} {} {})
end
";
    let callee = "mfunc @callee vregs 4 in 8 out 0
b0:
  v0 = Args abi({} {r1} {})
  v1 = InArg #4
  v2 = Mul v0, v1
  v3 = Const #1000
  InStore v3
  Ret v2 abi({r2} {} {})
end
";
    let mut f = Program::mir(&[caller, callee]);
    assert_eq!(f.call(&[3], &mut memory()), Ok(21 + 1000 + 3));
}

#[test]
fn memory_tables_and_traps() {
    let text = "mfunc @f vregs 8 in 0 out 0
b0:
  v0, v1 = Args abi({} {r0, r1} {})
  TrapIfZero.eq v1 #2
  CmpI v0 #3
  TrapIf.hs #4
  v2 = SymAddr #16 s1
  StrR v1, v2, v0 lsl 2
  Switch v0 b1(), b2(), b3()
b1:
  Trap #1
b2:
  v3 = LdrbI v2 #5
  Ret v3 abi({r0} {} {})
b3:
  v4 = LdrR v2, v0 lsl 2
  v5 = Const #8
  v6, v7 = LdrPre v2 #8
  Ret v6 abi({r0} {} {})
end
";
    let mut f = Program::mir(&[text]);
    assert_eq!(f.call(&[0, 0], &mut memory()), trap(TrapKind::DivideByZero));
    assert_eq!(f.call(&[3, 1], &mut memory()), trap(TrapKind::OutOfBounds));
    assert_eq!(f.call(&[0, 1], &mut memory()), trap(TrapKind::Unreachable));
    assert_eq!(f.call(&[1, 0xabcd], &mut memory()), Ok(0xab));
    assert_eq!(f.call(&[2, 0xabcd], &mut memory()), Ok(0xabcd));
}

#[test]
fn every_run_ends() {
    let endless = "mfunc @f vregs 0 in 0 out 0
b0:
  Args abi({} {} {})
  Jump b1()
b1:
  Jump b2()
b2:
  Jump b1()
end
";
    assert_eq!(
        Program::mir(&[endless]).call(&[], &mut memory()),
        Err(Halt::Limit)
    );
    let recursive = "mfunc @f vregs 0 in 0 out 16 calls
b0:
  Args abi({} {} {})
  Call s2 abi({} {} {r0, r1, r2, r3, r12, r14})
  Ret abi({} {} {})
end
";
    let mut f = Program::mir(&[recursive]);
    assert_eq!(f.call(&[], &mut memory()), trap(TrapKind::StackExhausted));
    let wild = "mfunc @f vregs 2 in 0 out 0
b0:
  v0 = Args abi({} {r0} {})
  v1 = LdrI v0
  Ret v1 abi({r0} {} {})
end
";
    let halt = Program::mir(&[wild]).call(&[16], &mut memory());
    assert_eq!(halt, Err(Halt::Fault("access to 0x10 refused".into())));
}

/// The sum of both arguments, of which the first waits in a slot while an import is called.
const ALLOCATED: &str = "mfunc @f vregs 5 in 0 out 0 calls slots 1 used {r0, r1, r4}
b0:
  v0:r0, v1:r1 = Args abi({} {r0, r1} {})
  Omit v2:r2 = Const #5
  slot0 = Move r0
  Swap r0, r1
  r1 = Remat v2
  v3:r0 = Call v1:r0, v2:r1 s0 abi({r0, r1} {r0} {r1, r2, r3, r12, r14})
  r4 = Move slot0
  v4:r4 = AddR v3:r0, v0:r4
  r0 = Move r4
  Ret v4:r0 abi({r0} {} {})
end
";

#[test]
fn an_allocation_is_executed_as_hardware_would() {
    let (f, a) = alloc_text::parse(ALLOCATED).expect("parses");
    verify::verify(&f).expect("right");
    regalloc::check(&f, &a).expect("right");
    // r4 is restored by who emits code; here it comes back by itself.
    assert_eq!(
        Program::allocated(&[ALLOCATED]).call(&[30, 4], &mut memory()),
        Ok(39)
    );
    for (from, to, wrong) in [
        // Whatever the allocation says, the argument is where the convention wants it.
        ("  Swap r0, r1\n", "", 30 + 5 + 30),
        ("r4 = Move slot0", "r4 = Move r0", 9 + 9),
        ("  r1 = Remat v2\n", "", 4 + 30 + 30),
    ] {
        let text = ALLOCATED.replacen(from, to, 1);
        let (f, a) = alloc_text::parse(&text).expect("parses");
        assert!(regalloc::check(&f, &a).is_err(), "{text}");
        assert_eq!(
            Program::allocated(&[&text]).call(&[30, 4], &mut memory()),
            Ok(wrong),
            "{text}"
        );
    }
    // What a call destroys is junk afterwards.
    let kept = ALLOCATED.replace("slot0 = Move r0", "r12 = Move r0");
    let kept = kept.replace("r4 = Move slot0", "r4 = Move r12");
    let mut kept = Program::allocated(&[&kept]);
    let mut call = || kept.call(&[30, 4], &mut memory()).expect("it returns");
    let (first, second) = (call(), call());
    assert_ne!(first, 39);
    // And other junk each time: a value that is always the same may be the right one by chance.
    assert_ne!(first, second);
}

/// What is computed stays the same or is not looked at: only the constraint that is named does not hold.
#[test]
fn the_allocation_checker_names_the_constraint() {
    for (edits, says) in [
        (
            &[("v2:r1 s0", "v2:r4 s0"), ("r1 = Remat", "r4 = Remat")] as &[_],
            "an operand is not in its fixed register",
        ),
        (
            &[
                ("v3:r0 = Call", "v3:r1 = Call"),
                ("AddR v3:r0", "AddR v3:r1"),
            ],
            "a result is not in its fixed register",
        ),
        (
            &[("v4:r4 =", "v4:r5 ="), ("r0 = Move r4", "r0 = Move r5")],
            "r5 is written and not in the set of used registers",
        ),
        (
            &[("v0:r0, v1:r1 = Args", "v0:r0, v1:r0 = Args")],
            "two results in one register",
        ),
        (
            &[("Swap r0, r1", "Swap r0, r0")],
            "Swap(r0, r0) is not possible",
        ),
        (&[("slot0 = Move r0", "slot1 = Move r0")], "is not possible"),
        (&[("Remat v2", "Remat v0")], "is not possible"),
        (&[("r4 = Move slot0", "r7 = Move slot0")], "is not possible"),
    ] {
        let text = edits.iter().fold(ALLOCATED.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let (f, a) = alloc_text::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let e = regalloc::check(&f, &a).expect_err(&text);
        assert!(e.to_string().contains(says), "{e}, expected {says}");
    }
}

const LINEAR: &str = "code @f
L0:
  push {r4, lr}
  cmp r0, #3
  Branch.hs L9
  Address movw r4, s1
  Address movt r4, s1
  Table r0, L1, L2, L3
L1:
  Call s3
  pop {r4, pc}
L2:
  Load r2, 0xdeadbeef
  BranchZero.eq r1, L9
  str r2, [r4, #4]!
  ldrh r0, [r4]
  pop {r4, pc}
L3:
  cmp r1, #7
  itte gt
  movgt r0, #1
  addgt r0, r0, #1
  movle r0, #9
  pop {r4, pc}
L9:
  Trap 4
end
";

/// Calls the import, and then returns by a register.
const SECOND: &str = "code @g
L0:
  mov r12, lr
  push {r4, r12}
  Call s0
  pop {r4, r12}
  bx r12
end
";

#[test]
fn linear_code_is_executed_over_labels() {
    let (_, items) = code_text::parse(LINEAR).expect("parses");
    code::verify(&items).expect("right");
    let mut f = Program::linear(&[LINEAR, SECOND]);
    assert_eq!(f.call(&[0, 5], &mut memory()), Ok(5));
    assert_eq!(f.call(&[1, 5], &mut memory()), Ok(0xbeef));
    assert_eq!(f.call(&[2, 8], &mut memory()), Ok(2));
    assert_eq!(f.call(&[2, 7], &mut memory()), Ok(9));
    assert_eq!(f.call(&[1, 0], &mut memory()), trap(TrapKind::OutOfBounds));
    assert_eq!(f.call(&[3, 1], &mut memory()), trap(TrapKind::OutOfBounds));
}

#[test]
fn linear_code_that_no_program_may_have_faults() {
    for (from, to, args, says) in [
        ("  Trap 4\n", "", [3, 1], "past the end"),
        (
            "Table r0, L1, L2, L3",
            "Table r0, L1, L2",
            [2, 1],
            "entry 2 of 2",
        ),
        ("addgt r0, r0", "addle r0, r0", [2, 8], "another condition"),
        ("itte gt", "itt gt", [2, 8], "outside of IT blocks"),
        (
            "ldrh r0, [r4]",
            "ldrh r0, [r1]",
            [1, 1],
            "access to 0x1 refused",
        ),
    ] {
        assert!(LINEAR.contains(from), "{from}");
        let text = LINEAR.replacen(from, to, 1);
        match Program::linear(&[&text, SECOND]).call(&args, &mut memory()) {
            Err(Halt::Fault(what)) => assert!(what.contains(says), "{to}: {what}"),
            other => panic!("{to}: {other:?}"),
        }
    }
    // Flags that layout may destroy are not there any more.
    let late = LINEAR.replacen(
        "  cmp r1, #7\n",
        "  cmp r1, #7\n  BranchZero.eq r1, L9\n",
        1,
    );
    assert_eq!(
        Program::linear(&[&late, SECOND]).call(&[2, 8], &mut memory()),
        Ok(9)
    );
}
