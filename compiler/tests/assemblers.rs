//! The table of encodings against two assemblers: our text must become our bits, and what a core does not have
//! must be refused for that core.
//!
//! Needs `llvm-mc-19` and `arm-none-eabi-as`; without them the test fails.

use object::{Object, ObjectSection};
use std::path::PathBuf;
use std::process::{Command, Output};
use thumbsmith::Cpu;
use thumbsmith::isa::form::Rule;
use thumbsmith::isa::table::FORMS;
use thumbsmith::isa::{Cond, Dialect, Inst, Op, Place, encode, encode_sized};
use thumbsmith::options::Feature;

/// Splitmix64: the same stream on every host.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    }
}

/// A line of assembly and the halfwords that we say it is.
struct Line {
    text: String,
    halfwords: Vec<u16>,
}

/// Random instructions of every form that the core has; their text forces the size of the form, or leaves it to
/// the assembler.
fn lines(cpu: Cpu, dialect: Dialect, each: usize, sized: bool) -> Vec<Line> {
    let mut random = Random(4);
    let mut lines = Vec::new();
    for form in FORMS.iter().filter(|f| f.exists_on(cpu)) {
        let mut seen = 0;
        for n in 0..each * 40 {
            let in_it = (n % 4 == 0).then(|| Cond::ALL[random.next() as usize % 14]);
            let place = if in_it.is_some() {
                Place::Last
            } else {
                Place::Outside
            };
            let Some(inst) = form.sample(random.next(), in_it) else {
                continue;
            };
            let mul = inst.op == Op::Mul && form.size() == 4 && in_it.is_some();
            if mul && dialect == Dialect::Llvm {
                // `llvm-mc` has no MUL.W, so that a wide one in an IT block cannot be forced.
                continue;
            }
            if let Some(cond) = in_it {
                lines.push(it(cond));
            }
            let (text, encoded) = match sized {
                true => (
                    inst.text_sized(cpu, place, form.size(), dialect),
                    encode_sized(&inst, cpu, place, form.size()),
                ),
                false => (
                    thumbsmith::isa::Text {
                        inst: &inst,
                        form: None,
                        dialect,
                        target: None,
                    }
                    .to_string(),
                    encode(&inst, cpu, place),
                ),
            };
            lines.push(Line {
                text,
                halfwords: encoded.unwrap().halfwords().to_vec(),
            });
            lines.extend(block(&inst));
            seen += 1;
            if seen == each {
                break;
            }
        }
        assert!(
            seen >= each.min(8),
            "{:?} {} gave {seen} instructions",
            form.op,
            form.name
        );
    }
    lines
}

/// The IT instruction before one conditional instruction.
fn it(cond: Cond) -> Line {
    let inst = Inst {
        cond,
        ..Inst::new(Op::It, &[], 8)
    };
    let encoded = encode(&inst, Cpu::CortexM3, Place::Outside).unwrap();
    Line {
        text: inst.to_string(),
        halfwords: encoded.halfwords().to_vec(),
    }
}

/// The instructions that an IT instruction wants after it: NOPs under its conditions.
fn block(inst: &Inst) -> Vec<Line> {
    let others = if inst.op == Op::It {
        4 - inst.imm.trailing_zeros()
    } else {
        0
    };
    let nop = |n: u32| {
        let same = n == 0 || (inst.imm >> (4 - n) ^ inst.cond as i32) & 1 == 0;
        let cond = if same { inst.cond } else { inst.cond.invert() };
        Line {
            text: format!("nop{}", cond.suffix()),
            halfwords: vec![0xbf00],
        }
    };
    (0..others).map(nop).collect()
}

/// Runs an assembler on lines of assembly. Returns where the object is, and what the assembler said.
fn assemble(name: &str, lines: &[Line], cpu: Cpu, dialect: Dialect) -> (PathBuf, Output) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = directory.join(format!("{name}.s"));
    let object = directory.join(format!("{name}.o"));
    let text: String = lines.iter().map(|l| format!("{}\n", l.text)).collect();
    // The directives stand on one line so that line n of the list is line n + 1 of the file.
    std::fs::write(
        &source,
        format!(".syntax unified; .thumb; .text; .balign 4\n{text}"),
    )
    .unwrap();
    let _ = std::fs::remove_file(&object);
    let core = format!("-mcpu={}", cpu.without_fpu().name());
    let fpu = match cpu {
        _ if cpu.has(Feature::Fpv5Dp) => "fpv5-d16",
        _ if cpu.has(Feature::Fpv5Sp) => "fpv5-sp-d16",
        _ if cpu.has(Feature::Fpv4Sp) => "fpv4-sp-d16",
        _ => "softvfp",
    };
    let mut command = match dialect {
        Dialect::Gnu => {
            let mut command = Command::new("arm-none-eabi-as");
            command.arg(format!("-mfpu={fpu}"));
            command
        }
        Dialect::Llvm => {
            let mut command = Command::new("llvm-mc-19");
            let triple = cpu.without_fpu().triple();
            command
                .arg(format!("-triple={triple}"))
                .arg("-filetype=obj");
            // These cores have the FPU by default.
            if fpu == "softvfp" {
                command.arg("-mattr=-fpregs");
            }
            command
        }
    };
    command.arg(core).arg("-o").arg(&object).arg(&source);
    let output = command.output().unwrap_or_else(|e| {
        panic!(
            "cannot run {:?}: {e}; install llvm-19 and binutils-arm-none-eabi",
            command.get_program()
        )
    });
    (object, output)
}

/// Assembles all lines and compares the halfwords one line after the other.
fn agree(name: &str, lines: &[Line], cpu: Cpu, dialect: Dialect) {
    let (object, output) = assemble(name, lines, cpu, dialect);
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said
        .lines()
        .filter(|l| !l.contains("arning"))
        .take(40)
        .collect();
    assert!(
        output.status.success(),
        "{name}: the assembler refuses:\n{}",
        said.join("\n")
    );
    let bytes = std::fs::read(object).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name(".text").unwrap();
    assert_eq!(
        section.relocations().count(),
        0,
        "{name}: something was left to the linker"
    );
    let data = section.data().unwrap();
    let theirs: Vec<u16> = data
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    let mut at = 0;
    let mut wrong = Vec::new();
    for line in lines {
        let n = line.halfwords.len();
        let got = theirs.get(at..at + n).unwrap_or(&[]);
        if got != line.halfwords {
            wrong.push(format!(
                "{}: ours {:04x?}, theirs {got:04x?}",
                line.text, line.halfwords
            ));
            // Stay in step where they chose another size.
            let wide = got
                .first()
                .is_some_and(|hw| thumbsmith::isa::decode::is_wide(*hw));
            at += if wide { 2 } else { 1 };
        } else {
            at += n;
        }
    }
    assert!(
        wrong.is_empty(),
        "{name}: {} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(60)].join("\n")
    );
    assert!(
        (at..at + 2).contains(&theirs.len()),
        "{name}: {} halfwords, not {at}",
        theirs.len()
    );
    assert!(lines.len() > 30_000, "{name}: only {} lines", lines.len());
}

#[test]
fn gnu_as_agrees() {
    for cpu in Cpu::ALL {
        agree(
            &format!("gnu-{}", cpu.name()),
            &lines(cpu, Dialect::Gnu, 200, true),
            cpu,
            Dialect::Gnu,
        );
    }
}

#[test]
fn gnu_as_takes_the_smallest_form_without_suffix() {
    let cpu = Cpu::CortexM7F;
    agree(
        "gnu-plain",
        &lines(cpu, Dialect::Gnu, 200, false),
        cpu,
        Dialect::Gnu,
    );
}

#[test]
fn llvm_mc_agrees() {
    for cpu in Cpu::ALL {
        let lines = lines(cpu, Dialect::Llvm, 200, true);
        agree(&format!("llvm-{}", cpu.name()), &lines, cpu, Dialect::Llvm);
    }
}

#[test]
fn assemblers_refuse_what_a_core_does_not_have() {
    let lacks = [
        (Feature::Dsp, Cpu::CortexM3, 8),
        (Feature::Fpv4Sp, Cpu::CortexM4, 30),
        (Feature::Fpv4Sp, Cpu::CortexM33, 30),
        (Feature::Fpv5Sp, Cpu::CortexM4F, 10),
        (Feature::Fpv5Dp, Cpu::CortexM4F, 30),
        (Feature::Fpv5Dp, Cpu::CortexM33F, 30),
    ];
    for (feature, cpu, least) in lacks {
        refused(feature, cpu, least * 5);
    }
}

/// Instructions that need a feature, on a core without it: we refuse them all, at least so many, and so do both assemblers.
fn refused(feature: Feature, cpu: Cpu, least: usize) {
    let mut random = Random(5);
    let mut lines = Vec::new();
    for form in FORMS.iter().filter(|f| f.has(Rule::Needs(feature))) {
        let sampled = (0..1000)
            .filter_map(|_| form.sample(random.next(), None))
            .take(5);
        for inst in sampled {
            encode(&inst, cpu, Place::Outside).unwrap_err();
            lines.push(Line {
                text: inst.to_string(),
                halfwords: Vec::new(),
            });
        }
    }
    assert!(lines.len() >= least, "{feature:?}: {}", lines.len());
    for dialect in [Dialect::Gnu, Dialect::Llvm] {
        let name = format!("{feature:?}-{}-{dialect:?}", cpu.name());
        let (_, output) = assemble(&name, &lines, cpu, dialect);
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        let taken: Vec<&str> = lines
            .iter()
            .enumerate()
            // GNU as does not ask for FPv5 at VMAXNM and VMINNM, nor for doubles at VCMP with zero.
            .filter(|(_, l)| {
                dialect == Dialect::Llvm || !l.text.contains("nm.") && !l.text.ends_with("#0.0")
            })
            .filter(|(n, _)| {
                let here = format!(":{}:", n + 2);
                !said
                    .lines()
                    .any(|l| l.contains(&here) && l.to_lowercase().contains("error"))
            })
            .map(|(_, line)| &*line.text)
            .collect();
        assert!(taken.is_empty(), "{name} takes {taken:?}");
    }
}
