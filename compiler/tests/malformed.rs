//! Bad input: one clear error or a success, never a panic, in bounded time and memory.
//!
//! Arbitrary bytes, every truncation and every flipped bit of valid modules go through the library; modules
//! made to be hostile go through the command under limits of address space and stack, so that recursion over
//! the input shows.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use thumbsmith::{Bounds, Error, ErrorKind, Level, Options};

/// A module with one of everything that the compiler has.
const EVERYTHING: &str = r#"(module $all
    (import "env" "host" (func $host (param i32 i64) (result i64)))
    (import "env" "base" (global $base i32))
    (memory (export "memory") 1 2)
    (global $g (export "g") (mut i64) (i64.const 5))
    (data (i32.const 8) "hello") (data (global.get $base) "there")
    (func $start (global.set $g (i64.const 1)))
    (start $start)
    (func $two (export "two") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
    (func (export "f") (param $x i32) (param $y i64) (result i64)
        (local $i i32)
        (block $out (loop $top
            (br_if $out (i32.ge_u (local.get $i) (local.get $x)))
            (block $a (block $b (br_table $a $b $out (i32.and (local.get $i) (i32.const 3))))
                (local.set $y (i64.mul (local.get $y) (i64.load offset=3 (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (if (i32.eqz (memory.grow (i32.const 1))) (then (i32.store8 (local.get $i) (i32.const 7))) (else (nop)))
            (br $top)))
        (call $two (local.get $x) (call $host (i32.div_s (local.get $x) (local.get $i)) (local.get $y)))
        (drop)
        (i64.rem_u (i64.rotl (local.get $y) (i64.const 9)))
        (select (local.get $y) (i64.extend8_s (local.get $y)) (i32.clz (local.get $x)))
        (i64.add))
    (func (export "t") (param i32) (result i32) (if (local.get 0) (then (unreachable))) (i32.const 1) (return) (drop)))"#;

fn options() -> Options {
    Options {
        verify: true,
        ..Options::default()
    }
}

/// An error that a user can act on: of the input's, with a place, in one line before the help.
fn is_clear(e: &Error) -> Result<(), String> {
    let text = e.to_string();
    let lines = text.lines().count();
    let placed = e.offset.is_some()
        || e.function.is_some()
        || matches!(e.kind, ErrorKind::Options | ErrorKind::Unsupported);
    if e.kind == ErrorKind::Internal
        || e.kind == ErrorKind::Io
        || e.message.is_empty()
        || lines > 2
        || !placed
    {
        return Err(format!("not a clear error: {text}"));
    }
    Ok(())
}

/// Compiles whatever it is; anything but a success or a clear error fails.
fn survive(bytes: &[u8], options: &Options) -> Result<bool, String> {
    match thumbsmith::compile(bytes, options) {
        Ok(_) => Ok(true),
        Err(e) => is_clear(&e).map(|()| false),
    }
}

fn valid_modules() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let gust = wat::parse_file(corpus.join("gust_mix.wat")).unwrap();
    vec![gust, wat::parse_str(EVERYTHING).unwrap()]
}

#[test]
fn every_truncation_is_survived() {
    let (mut errors, mut total) = (0, 0);
    for module in valid_modules() {
        assert_eq!(survive(&module, &options()), Ok(true));
        for end in 0..module.len() {
            total += 1;
            errors += !survive(&module[..end], &options())
                .unwrap_or_else(|e| panic!("{end} bytes: {e}")) as u32;
        }
    }
    // What ends between sections may be a module of its own.
    assert!(
        total > 300 && errors > total * 9 / 10,
        "{errors} of {total}"
    );
}

#[test]
fn every_flipped_bit_is_survived() {
    let mut valid = 0;
    for module in valid_modules() {
        let mut bytes = module.clone();
        for bit in 0..8 * module.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            valid +=
                survive(&bytes, &options()).unwrap_or_else(|e| panic!("bit {bit}: {e}")) as u32;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert!(
        valid > 100,
        "most flips in constants and names are valid modules, not {valid}"
    );
}

/// A runner that makes the same cases every time.
fn runner(cases: u32, seed: u8) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(
        config,
        TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    )
}

#[test]
fn arbitrary_bytes_are_survived() {
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let check = |(header, body): (bool, Vec<u8>)| {
        let mut bytes = if header {
            b"\0asm\x01\0\0\0".to_vec()
        } else {
            Vec::new()
        };
        bytes.extend(body);
        survive(&bytes, &options()).map_err(TestCaseError::fail)?;
        Ok(())
    };
    runner(4000, 1).run(&(any::<bool>(), body), check).unwrap();
}

#[test]
fn mangled_modules_are_survived() {
    let modules = valid_modules();
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    let edits = prop::collection::vec(edit, 1..6);
    let how = (
        0..modules.len(),
        edits,
        0..Level::ALL.len(),
        0..Bounds::ALL.len(),
    );
    let check =
        |(m, edits, level, bounds): (usize, Vec<(prop::sample::Index, u8, u8)>, usize, usize)| {
            let mut bytes = modules[m].clone();
            for (at, value, kind) in edits {
                let i = 8 + at.index(bytes.len() - 8);
                match kind {
                    0 => bytes[i] = value,
                    1 => bytes.insert(i, value),
                    2 => drop(bytes.remove(i)),
                    _ => bytes.swap(i, 8 + value as usize % (modules[m].len() / 2)),
                }
                if bytes.len() < 16 {
                    break;
                }
            }
            let options = Options {
                level: Level::ALL[level],
                bounds: Bounds::ALL[bounds],
                ..options()
            };
            survive(&bytes, &options).map_err(TestCaseError::fail)?;
            Ok(())
        };
    runner(6000, 2).run(&how, check).unwrap();
}

fn leb(mut n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while n > 0x7f {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [vec![id], leb(contents.len() as u32), contents.to_vec()].concat()
}

/// A module of `copies` functions of one type with one body, the first of them exported, and a memory.
fn module(ty: &[u8], locals: &[u8], body: &[u8], copies: u32) -> Vec<u8> {
    let code = [locals, body, &[0x0b]].concat();
    let function = [leb(code.len() as u32), code].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[&[1], ty].concat()),
        section(3, &[leb(copies), vec![0; copies as usize]].concat()),
        section(5, &[1, 0, 1]),
        section(7, &[1, 1, b'f', 0, 0]),
        section(
            10,
            &[leb(copies), function.repeat(copies as usize)].concat(),
        ),
    ]
    .concat()
}

const UNARY: &[u8] = &[0x60, 1, 0x7f, 1, 0x7f];

fn body(body: &[&[u8]]) -> Vec<u8> {
    module(UNARY, &[0], &body.concat(), 1)
}

fn each(n: u32, f: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..n).flat_map(f).collect()
}

/// A type of `n` parameters and `n` results, all i32.
fn wide_type(n: u32) -> Vec<u8> {
    let list = [leb(n), vec![0x7f; n as usize]].concat();
    [vec![0x60], list.clone(), list].concat()
}

/// Name, module, and whether it must compile (rather than give an error). Without optimization, each of the nested
/// loops keeps a parameter of its own, all equal, and the checker of the allocation, which only debug builds run, knows
/// every one of them in every block: so there are fewer.
fn hostile(loops: usize) -> Vec<(&'static str, Vec<u8>, bool)> {
    let get: &[u8] = &[0x20, 0];
    let inc: &[u8] = &[0x20, 0, 0x41, 1, 0x6a, 0x21, 0];
    let many = |n: u32| [vec![1], leb(n), vec![0x7f]].concat();
    let table = |n: u32, target: &dyn Fn(u32) -> u32| {
        [vec![0x0e], leb(n), each(n + 1, |i| leb(target(i)))].concat()
    };
    vec![
        ("50,000 locals", module(UNARY, &many(49_999), get, 1), true),
        (
            "a million locals",
            module(UNARY, &many(1_000_000), get, 1),
            false,
        ),
        (
            "four billion locals",
            module(UNARY, &many(u32::MAX), get, 1),
            false,
        ),
        (
            "all locals used",
            module(
                UNARY,
                &many(49_999),
                &[
                    each(49_999, |i| [get, &[0x21], &leb(i + 1)].concat()),
                    each(49_999, |i| {
                        [&[0x20][..], &leb(i + 1), get, &[0x6a, 0x21, 0]].concat()
                    }),
                    get.to_vec(),
                ]
                .concat(),
                1,
            ),
            true,
        ),
        (
            "100,000 blocks",
            body(&[&[0x02, 0x40].repeat(100_000), &[0x0b].repeat(100_000), get]),
            true,
        ),
        (
            "nested loops",
            body(&[&[0x03, 0x40].repeat(loops), inc, &[0x0b].repeat(loops), get]),
            true,
        ),
        (
            "100,000 ifs",
            body(&[
                &[get, &[0x04, 0x40]].concat().repeat(100_000),
                inc,
                &[0x0b].repeat(100_000),
                get,
            ]),
            true,
        ),
        (
            "100,000 valued arms",
            body(&[
                &[get, &[0x04, 0x7f]].concat().repeat(100_000),
                get,
                &[&[0x05], get, &[0x0b]].concat().repeat(100_000),
            ]),
            true,
        ),
        (
            "branches out of all depths",
            body(&[
                &[0x02, 0x40].repeat(50_000),
                &each(20_000, |i| [get, &[0x0d], &leb(2 * i)].concat()),
                &[0x0b].repeat(50_000),
                get,
            ]),
            true,
        ),
        (
            "100,000 exits of a block",
            body(&[
                &[0x02, 0x40],
                &[inc, get, &[0x0d, 0]].concat().repeat(100_000),
                &[0x0b],
                get,
            ]),
            true,
        ),
        (
            "20,000 loops with back edges",
            body(&[
                &[0x03, 0x40].repeat(20_000),
                &[inc, get, &[0x0d, 0, 0x0b]].concat().repeat(20_000),
                get,
            ]),
            true,
        ),
        (
            "unreachable nesting",
            body(&[
                &[0x00],
                &[0x02, 0x40].repeat(100_000),
                &[0x0b].repeat(100_000),
            ]),
            true,
        ),
        (
            "65,000 entries of one target",
            body(&[&[0x02, 0x40], get, &table(65_000, &|_| 0), &[0x0b], get]),
            true,
        ),
        (
            "a million entries",
            body(&[&[0x02, 0x40], get, &table(1_000_000, &|_| 0), &[0x0b], get]),
            false,
        ),
        (
            "60,000 entries of 2,000 targets",
            body(&[
                &[0x02, 0x40].repeat(2_000),
                get,
                &table(60_000, &|i| i % 2_000),
                &[get, &[0x1a, 0x0b]].concat().repeat(2_000),
                get,
            ]),
            true,
        ),
        ("300,000 functions", module(UNARY, &[0], get, 300_000), true),
        (
            "a chain of 300,000 sums",
            body(&[get, &[get, &[0x73]].concat().repeat(300_000)]),
            true,
        ),
        (
            "300,000 operands at once",
            body(&[&get.repeat(300_000), &[0x6a].repeat(299_999)]),
            true,
        ),
        (
            "300,000 constants",
            body(&[
                get,
                &each(300_000, |i| {
                    [vec![0x41], leb(i * 7919 % (1 << 30)), vec![0x73]].concat()
                }),
            ]),
            true,
        ),
        (
            "30,000 divisions",
            body(&[get, &[get, &[0x6d]].concat().repeat(30_000)]),
            true,
        ),
        (
            "200,000 dependent loads",
            body(&[get, &[0x28, 2, 0].repeat(200_000)]),
            true,
        ),
        (
            "100,000 stores",
            body(&[
                &each(16_000, |i| [get, get, &[0x36, 2], &leb(4 * i)].concat()),
                get,
            ]),
            true,
        ),
        (
            "100,000 selects",
            body(&[get, &[get, get, &[0x1b]].concat().repeat(100_000)]),
            true,
        ),
        (
            "10,000 divisions of 64 bits",
            body(&[
                get,
                &[0xac],
                &[get, &[0xac, 0x7f]].concat().repeat(10_000),
                &[0xa7],
            ]),
            true,
        ),
        (
            "100,000 calls",
            body(&[get, &[0x10, 0].repeat(100_000)]),
            true,
        ),
        (
            "1,000 parameters and results",
            module(
                &wide_type(1000),
                &[0],
                &each(1000, |i| [vec![0x20], leb(i)].concat()),
                1,
            ),
            true,
        ),
        (
            "calls of 1,000 words",
            module(
                &wide_type(1000),
                &[0],
                &[each(1000, |i| [vec![0x20], leb(i)].concat()), vec![0x10, 0]].concat(),
                1,
            ),
            true,
        ),
        (
            "3,000 types of 1,000 words",
            [
                b"\0asm\x01\0\0\0".to_vec(),
                section(1, &[leb(3000), wide_type(1000).repeat(3000)].concat()),
            ]
            .concat(),
            true,
        ),
        (
            "a type of too many words",
            module(&wide_type(1_000_000), &[0], &[0x00], 1),
            false,
        ),
        (
            "a section that claims 4 GiB",
            b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f\x01".to_vec(),
            false,
        ),
        (
            "a count of four billion functions",
            b"\0asm\x01\0\0\0\x03\x05\xff\xff\xff\xff\x0f".to_vec(),
            false,
        ),
        (
            "a memory of 4 GiB",
            [
                b"\0asm\x01\0\0\0".to_vec(),
                section(5, &[1, 0, 0x80, 0x80, 4]),
            ]
            .concat(),
            false,
        ),
        (
            "100,000 globals",
            [
                b"\0asm\x01\0\0\0".to_vec(),
                section(
                    6,
                    &[leb(100_000), [0x7f, 1, 0x41, 0, 0x0b].repeat(100_000)].concat(),
                ),
            ]
            .concat(),
            true,
        ),
        (
            "100,000 data segments",
            [
                b"\0asm\x01\0\0\0".to_vec(),
                section(5, &[1, 0, 16]),
                section(
                    11,
                    &[
                        leb(100_000),
                        each(100_000, |i| {
                            [&[0, 0x41][..], &leb(i & 63), &[0x0b, 1, b'a']].concat()
                        }),
                    ]
                    .concat(),
                ),
            ]
            .concat(),
            true,
        ),
    ]
}

/// Runs the command on a module with 3 GiB of addresses, 512 KiB of stack and two minutes.
fn under_limits(dir: &Path, name: &str, module: &[u8], level: &str) -> Result<bool, String> {
    let (input, output) = (dir.join("m.wasm"), dir.join("m.o"));
    std::fs::write(&input, module).map_err(|e| e.to_string())?;
    let _ = std::fs::remove_file(&output);
    let start = Instant::now();
    let out = Command::new("bash")
        .args([
            "-c",
            "ulimit -v 3145728; ulimit -s 512; exec timeout 120 \"$@\"",
            "limits",
        ])
        .arg(env!("CARGO_BIN_EXE_thumbsmith"))
        .args(["compile", "-O", level])
        .arg(&input)
        .output()
        .map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let took = start.elapsed();
    let wrote = output.exists();
    match out.status.code() {
        Some(0) if wrote => Ok(true),
        Some(1)
            if !wrote
                && said.starts_with("thumbsmith: ")
                && said.lines().count() <= 2
                && !said.contains("internal") =>
        {
            Ok(false)
        }
        code => Err(format!(
            "{name} -O{level}: status {code:?} after {took:?}: {}",
            said.chars().take(500).collect::<String>()
        )),
    }
}

fn hostile_modules_at(level: &str, loops: usize) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("hostile-{level}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let start = Instant::now();
    let mut wrong = Vec::new();
    for (name, module, compiles) in hostile(loops) {
        match under_limits(&dir, name, &module, level) {
            Ok(done) if done == compiles => {}
            Ok(done) => wrong.push(format!("{name} -O{level}: compiled is {done}")),
            Err(e) => wrong.push(e),
        }
    }
    let _ = std::fs::remove_dir_all(&dir);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        start.elapsed() < Duration::from_secs(400),
        "{:?} in all",
        start.elapsed()
    );
}

#[test]
fn hostile_modules_are_bounded() {
    hostile_modules_at("2", 100_000);
}

#[test]
fn hostile_modules_are_bounded_without_optimization() {
    hostile_modules_at("0", 5_000);
}
