//! How many instructions the helpers execute beside those of libgcc.
//!
//! In: the library of `arm-none-eabi-gcc` for ARMv7-M without FPU, linked to a flat image. Out: a table, and a failure where a
//! helper executes more than it may: 1.15 times as many for sums, products, conversions and comparisons, as many for quotients.

use super::bench::{Bench, CODE};
use super::expected::expected;
use super::operands::Random;
use object::{Object, ObjectSymbol};
use std::path::Path;
use std::process::Command;
use thumbsmith::softfloat::{HELPERS, Helper, Kind};

/// Our name, libgcc's, and how many times its instructions are allowed. Comparisons are those that leave flags.
const PAIRS: &[(&str, &str, f64)] = &[
    ("f32_add", "__aeabi_fadd", 1.15),
    ("f32_sub", "__aeabi_fsub", 1.15),
    ("f32_mul", "__aeabi_fmul", 1.15),
    ("f32_div", "__aeabi_fdiv", 1.0),
    ("f64_add", "__aeabi_dadd", 1.15),
    ("f64_sub", "__aeabi_dsub", 1.15),
    ("f64_mul", "__aeabi_dmul", 1.15),
    ("f64_div", "__aeabi_ddiv", 1.0),
    ("f32_cmp", "__aeabi_cfcmple", 1.15),
    ("f64_cmp", "__aeabi_cdcmple", 1.15),
    ("f32_from_i32", "__aeabi_i2f", 1.15),
    ("f32_from_u32", "__aeabi_ui2f", 1.15),
    ("f32_from_i64", "__aeabi_l2f", 1.15),
    ("f32_from_u64", "__aeabi_ul2f", 1.15),
    ("f64_from_i32", "__aeabi_i2d", 1.15),
    ("f64_from_u32", "__aeabi_ui2d", 1.15),
    ("f64_from_i64", "__aeabi_l2d", 1.15),
    ("f64_from_u64", "__aeabi_ul2d", 1.15),
    ("f32_to_i32", "__aeabi_f2iz", 1.15),
    ("f32_to_u32", "__aeabi_f2uiz", 1.15),
    ("f32_to_i64", "__aeabi_f2lz", 1.15),
    ("f32_to_u64", "__aeabi_f2ulz", 1.15),
    ("f64_to_i32", "__aeabi_d2iz", 1.15),
    ("f64_to_u32", "__aeabi_d2uiz", 1.15),
    ("f64_to_i64", "__aeabi_d2lz", 1.15),
    ("f64_to_u64", "__aeabi_d2ulz", 1.15),
    ("f64_from_f32", "__aeabi_f2d", 1.15),
    ("f32_from_f64", "__aeabi_d2f", 1.15),
];

fn ran(program: &str, arguments: &[&str]) -> String {
    let made = Command::new(program).args(arguments).output();
    let made = made.unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{program}: {said}");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// The functions of libgcc at address [`CODE`], and where each of [`PAIRS`] starts in them.
fn image() -> (Vec<u8>, Vec<u32>) {
    let library = ran(
        "arm-none-eabi-gcc",
        &["-mcpu=cortex-m3", "-mthumb", "-print-libgcc-file-name"],
    );
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (elf, flat) = (dir.join("libgcc.elf"), dir.join("libgcc.bin"));
    let (elf, flat) = (elf.to_string_lossy(), flat.to_string_lossy());
    let base = format!("-Ttext={CODE:#x}");
    let mut arguments = vec![&*base, "-e", PAIRS[0].1, "-o", &elf];
    for (_, name, _) in PAIRS {
        arguments.extend(["-u", name]);
    }
    arguments.push(&library);
    ran("arm-none-eabi-ld", &arguments);
    ran(
        "arm-none-eabi-objcopy",
        &["-O", "binary", "-j", ".text", &elf, &flat],
    );
    let read = |path: &str| std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let bytes = read(&elf);
    let file = object::File::parse(&*bytes).expect("the linker makes an ELF file");
    let address = |name| {
        let symbol = file.symbols().find(|s| s.name() == Ok(name));
        symbol.map_or_else(|| panic!("no {name}"), |s| s.address() as u32 & !1)
    };
    let entries = PAIRS.iter().map(|(_, name, _)| address(name) - CODE);
    (read(&flat), entries.collect())
}

/// Operands: any bits; or ordinary numbers, whose exponents are within 40 of each other and of that of 1.
fn operands(helper: &Helper, random: &mut Random, ordinary: bool) -> [u64; 2] {
    let kind = helper.operands[0];
    match kind {
        Kind::I32 | Kind::I64 if ordinary => [random.one(kind), 0],
        Kind::F32 | Kind::F64 if ordinary => random.ordinary(kind),
        _ => [
            random.bits() >> (64 - 32 * kind.words()),
            random.bits() >> (64 - 32 * kind.words()),
        ],
    }
}

/// Instructions of a call on average: started, and of them those whose condition held. What an arithmetic helper returns must be
/// what is expected, unless it is no number: both counts are of the same work.
fn average(bench: &mut Bench, ordinary: bool) -> [f64; 2] {
    const CALLS: u32 = 20_000;
    let mut random = Random(0x9abc_def1_1234_5678);
    let before = bench.instructions();
    let name = bench.helper.name;
    for _ in 0..CALLS {
        let operands = operands(bench.helper, &mut random, ordinary);
        let called = bench.call(operands);
        let got = called.unwrap_or_else(|said| panic!("{name} {operands:x?}: {said}"));
        let wanted = expected(name, operands);
        let number = match bench.helper.result {
            Kind::F32 => !f32::from_bits(wanted as u32).is_nan(),
            Kind::F64 => !f64::from_bits(wanted).is_nan(),
            Kind::I32 | Kind::I64 | Kind::Order => false,
        };
        assert!(!number || got == wanted, "{name} {operands:x?}: {got:#x}");
    }
    let after = bench.instructions();
    [0, 1].map(|i| (after[i] - before[i]) as f64 / f64::from(CALLS))
}

#[test]
#[ignore = "needs arm-none-eabi-gcc"]
fn executed_instructions_beside_libgcc() {
    let (flat, entries) = image();
    let mut over = Vec::new();
    println!("{:20}{:34}{:34}", "", "any bits", "ordinary numbers");
    println!(
        "{:13} bytes{}",
        "",
        "   ours libgcc ratio (of those done)".repeat(2)
    );
    for helper in HELPERS {
        let mut ours = Bench::new(helper);
        let mut pairs = PAIRS.iter().zip(&entries);
        let pair = pairs.find(|((name, ..), _)| *name == helper.name);
        let mut line = format!("{:13} {:5}", helper.name, ours.size());
        for ordinary in [false, true] {
            let count = average(&mut ours, ordinary);
            line += &format!(" {:6.1}", count[0]);
            let Some(((_, _, limit), entry)) = pair else {
                line += &" ".repeat(29);
                continue;
            };
            let theirs = average(&mut Bench::of(helper, flat.clone(), *entry), ordinary);
            let ratio = [0, 1].map(|i| count[i] / theirs[i]);
            line += &format!(
                " {:6.1} {:5.2} ({:4.2})         ",
                theirs[0], ratio[0], ratio[1]
            );
            if ratio.iter().any(|r| r > limit) {
                over.push((helper.name, ordinary, ratio));
            }
        }
        println!("{}", line.trim_end());
    }
    assert!(over.is_empty(), "too many instructions: {over:?}");
}
