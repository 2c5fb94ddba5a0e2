//! The command line as a user meets it: outputs, names, streams, errors, and files that are whole or untouched.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ADD: &str = "(module (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))";
const BROKEN: &str = "(module (func (export \"add\") (result i32) (i64.const 1)))";

/// A folder of its own, which goes when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("cli-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn put(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), contents).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_thumbsmith"));
        c.args(args).current_dir(&self.0);
        c
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs what must succeed, quietly.
    fn ok(&self, args: &[&str]) -> Vec<u8> {
        let out = self.run(args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.success() && errors.is_empty(),
            "{args:?}: {errors}"
        );
        out.stdout
    }

    /// Runs what must fail with status 1, nothing on standard output and one message; gives the message.
    fn fails(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let errors = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{args:?}: {errors}");
        assert!(out.stdout.is_empty(), "{args:?}");
        assert!(!errors.contains("panicked"), "{errors}");
        errors
    }

    fn with_stdin(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn symbols(object: &[u8]) -> Vec<String> {
    use object::{Object, ObjectSymbol};
    let file = object::File::parse(object).unwrap();
    file.symbols()
        .filter_map(|s| s.name().ok().map(str::to_owned))
        .collect()
}

#[test]
fn outputs_go_where_they_should() {
    let p = Place::new("outputs");
    p.put("m.wat", ADD);
    p.put("n.wasm", wat::parse_str(ADD).unwrap());
    p.ok(&["compile", "m.wat"]);
    p.ok(&["compile", "n.wasm", "-o", "other.o"]);
    p.ok(&["compile", "m.wat", "--emit", "asm,header,ir"]);
    p.ok(&["compile", "m.wat", "--emit", "asm", "-o", "text"]);
    p.ok(&[
        "compile",
        "m.wat",
        "-o",
        "x.obj",
        "--emit",
        "obj,header=deep.h",
        "--emit",
        "ir",
    ]);
    let all = [
        "deep.h", "m.h", "m.ir", "m.o", "m.s", "m.wat", "n.wasm", "other.o", "text", "x.ir",
        "x.obj",
    ];
    assert_eq!(p.files(), all);
    assert_eq!(p.get("m.s"), p.get("text"));
    assert_eq!(p.get("m.o"), p.get("x.obj"));
    assert_eq!(p.get("m.h"), p.get("deep.h"));
    assert!(p.get("m.o").starts_with(b"\x7fELF"));
    let asm = String::from_utf8(p.get("m.s")).unwrap();
    assert!(asm.contains("bx lr") && asm.contains("@ wasm 0x"), "{asm}");
    assert!(!p.get("m.ir").is_empty());
}

#[test]
fn ir_is_in_the_form_that_the_pass_leaves() {
    let p = Place::new("forms");
    p.put("m.wat", ADD);
    let shown = |args: &[&str]| {
        let mut all = vec!["compile", "m.wat", "--emit", "ir=shown"];
        all.extend(args);
        p.ok(&all);
        String::from_utf8(p.get("shown")).unwrap()
    };
    let last_ir = shown(&["--after", "simplify-words"]);
    assert_eq!(shown(&[]), last_ir);
    assert!(last_ir.contains("func @"), "{last_ir}");
    let lowered = shown(&["--after", "lower"]);
    assert!(
        lowered.contains("mfunc @") && !lowered.contains(":r0"),
        "{lowered}"
    );
    let allocated = shown(&["--after", "regalloc"]);
    assert!(
        allocated.contains("mfunc @") && allocated.contains(":r0"),
        "{allocated}"
    );
    for pass in ["emit", "finish"] {
        let code = shown(&["--after", pass]);
        assert!(code.contains("code @") && code.contains("bx lr"), "{code}");
    }
}

#[test]
fn streams_are_a_dash() {
    let p = Place::new("streams");
    let wasm = wat::parse_str(ADD).unwrap();
    for input in [&wasm[..], ADD.as_bytes()] {
        let out = p.with_stdin(&["compile", "-"], input);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        assert!(out.stdout.starts_with(b"\x7fELF"));
        assert!(symbols(&out.stdout).contains(&"module_init".to_owned()));
        let out = p.with_stdin(
            &[
                "compile",
                "-",
                "-o",
                "file.o",
                "--emit",
                "obj,asm=-",
                "--name",
                "in",
            ],
            input,
        );
        assert!(String::from_utf8(out.stdout).unwrap().contains("in_init:"));
        assert!(symbols(&p.get("file.o")).contains(&"in_init".to_owned()));
    }
    assert_eq!(p.files(), ["file.o"]);
    // A closed pipe is an error like any other.
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut c = p.command(&["compile", "-", "--emit", "obj=left.o,asm=-"]);
    let mut child = c
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&wasm).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).starts_with("thumbsmith: file: cannot write -"));
    assert_eq!(p.files(), ["file.o"]);
}

#[test]
fn the_prefix_is_the_stem_made_an_identifier() {
    let p = Place::new("prefix");
    for (file, prefix) in [
        ("gust_mix.wat", "gust_mix"),
        ("my-filter.v2.wat", "my_filter_v2"),
        ("3d.wat", "_3d"),
        ("größe.wat", "gr__e"),
    ] {
        p.put(file, ADD);
        let object = p.ok(&["compile", file, "-o", "-"]);
        let init = format!("{prefix}_init");
        assert!(
            symbols(&object).contains(&init),
            "{file}: {:?}",
            symbols(&object)
        );
    }
    p.put("m.wat", ADD);
    assert!(
        symbols(&p.ok(&["compile", "m.wat", "-o", "-", "--name", "fw"]))
            .contains(&"fw_init".to_owned())
    );
    assert!(
        p.fails(&["compile", "m.wat", "--name", "a b"])
            .contains("not a C identifier")
    );
    assert!(
        p.fails(&["compile", "m.wat", "--name", ""])
            .contains("not a C identifier")
    );
}

#[test]
fn targets_choose_the_core() {
    let p = Place::new("targets");
    p.put("m.wat", ADD);
    let cpu = |args: &[&str]| {
        let mut all = vec!["compile", "m.wat", "-o", "-"];
        all.extend(args);
        let object = p.ok(&all);
        let text = String::from_utf8_lossy(&object).into_owned();
        let at = text.find("cortex-m").unwrap();
        text[at..].split('\0').next().unwrap().to_owned()
    };
    assert_eq!(cpu(&[]), "cortex-m3");
    assert_eq!(cpu(&["--cpu", "cortex-m7"]), "cortex-m7");
    assert_eq!(cpu(&["--target", "thumbv7m-none-eabi"]), "cortex-m3");
    assert_eq!(cpu(&["--target", "thumbv7em-none-eabi"]), "cortex-m4");
    assert_eq!(
        cpu(&["--target=thumbv7em-none-eabi", "--cpu=cortex-m7"]),
        "cortex-m7"
    );
    assert_eq!(cpu(&["--target", "thumbv8m.main-none-eabi"]), "cortex-m33");
    for (args, says) in [
        (&["--target", "thumbv6m-none-eabihf"][..], "unknown target"),
        (&["--target", "thumbv6m-none-eabi"], "unknown target"),
        (
            &["--target", "thumbv7m-none-eabi", "--cpu", "cortex-m4"],
            "not a core of target",
        ),
        (&["--cpu", "cortex-m0"], "cortex-m33"),
        (&["-O", "9"], "possible values: 0, 1, 2, 3, s, z"),
        (
            &["--bounds", "maybe"],
            "possible values: check, mask, mpu, none",
        ),
        (&["--emit", "exe"], "unknown output `exe`"),
        (&["--emit", "obj="], "names no file"),
        (&["--after", "polish"], "possible values: "),
        (
            &["--emit", "ir", "--after", "simplify", "-O", "0"],
            "does not run at -O 0",
        ),
        (&["--frobnicate"], "--frobnicate"),
    ] {
        let mut all = vec!["compile", "m.wat"];
        all.extend(args);
        let said = p.fails(&all);
        assert!(said.contains(says), "{args:?}: {said}");
    }
    assert_eq!(p.files(), ["m.wat"]);
}

#[test]
fn levels_and_modes_reach_the_compiler() {
    let p = Place::new("levels");
    let loads = "(module (memory 1) (func $f (export \"f\") (param i32) (result i32)
        (i32.add (i32.load (local.get 0)) (call $f (local.get 0)))))";
    p.put("m.wat", loads);
    let asm = |args: &[&str]| {
        let mut all = vec!["compile", "m.wat", "--emit", "asm=-"];
        all.extend(args);
        String::from_utf8(p.ok(&all)).unwrap()
    };
    assert!(asm(&[]).contains("udf.n #4") && asm(&[]).contains("udf.n #5"));
    assert!(!asm(&["--bounds", "none"]).contains("udf.n #4"));
    assert!(!asm(&["--no-stack-check"]).contains("udf.n #5"));
    assert_ne!(asm(&["-O0"]), asm(&["-O2"]));
    for level in ["0", "1", "2", "3", "s", "z"] {
        assert!(asm(&["-O", level]).contains("m_init:"));
    }
}

#[test]
fn reports_tell_stack_and_size() {
    let p = Place::new("report");
    p.put(
        "m.wat",
        "(module (import \"env\" \"h\" (func $h (param i32)))
        (func (export \"leaf\") (param i32) (result i32) (local.get 0))
        (func $r (export \"rec\") (param i32) (call $h (local.get 0)) (call $r (local.get 0)))
        (func (export \"out\") (call $h (i32.const 1)) (call $h (i32.const 2))))",
    );
    let out = p.run(&["compile", "m.wat", "--report"]);
    assert!(out.status.success() && out.stdout.is_empty());
    let text = String::from_utf8(out.stderr).unwrap();
    let row = |name: &str| {
        let line = text
            .lines()
            .find(|l| l.ends_with(name))
            .unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(row("m.leaf")[1..4], ["1", "0", "0"]);
    assert_eq!(row("m.out")[3], "8+imp");
    assert_eq!(row("m.r")[3..5], ["no", "bound"]);
}

#[test]
fn errors_leave_old_files_alone() {
    let p = Place::new("errors");
    p.put("bad.wat", BROKEN);
    p.put("bad.o", "precious");
    p.put("m.wat", ADD);
    let before = p.files();
    let said = p.fails(&["compile", "bad.wat"]);
    assert!(
        said.starts_with("thumbsmith: invalid: ")
            && said.contains("function 0 (add)")
            && said.contains("at byte 0x"),
        "{said}"
    );
    assert!(
        p.fails(&["compile", "missing.wasm"])
            .contains("cannot read missing.wasm")
    );
    assert!(
        p.fails(&["compile", "m.wat", "-o", "no/such/folder/m.o"])
            .contains("cannot write")
    );
    assert!(
        p.fails(&["compile", "m.wat", "-o", "."])
            .contains("is a directory")
    );
    assert!(
        p.fails(&["compile", "m.wat", "-o", "m.wat"])
            .contains("over the input")
    );
    assert!(
        p.fails(&["compile", "m.wat", "--emit", "obj=x,asm=x"])
            .contains("two outputs")
    );
    assert!(
        p.fails(&["compile", "m.wat", "-o", "x", "--emit", "asm=y"])
            .contains("nothing goes to x")
    );
    // The second output cannot be written, so the first is not put in place.
    assert!(
        p.fails(&["compile", "m.wat", "--emit", "obj=new.o,asm=no/folder/m.s"])
            .contains("no/folder")
    );
    assert_eq!(p.files(), before);
    assert_eq!(p.get("bad.o"), b"precious");
}

#[test]
fn text_errors_have_a_position() {
    let p = Place::new("text");
    p.put("m.wat", "(module\n  (func (i32.frob)))");
    let said = p.fails(&["compile", "m.wat"]);
    assert!(
        said.starts_with("thumbsmith: malformed: ") && said.contains("m.wat:2:10"),
        "{said}"
    );
    p.put("m.wat", b"(module \xff)");
    assert!(p.fails(&["compile", "m.wat"]).contains("at byte 0x8"));
    p.put("m.wasm", "(module)");
    assert!(p.fails(&["compile", "m.wasm"]).contains("malformed"));
    p.put("empty.wasm", "");
    assert!(p.fails(&["compile", "empty.wasm"]).contains("at byte 0x0"));
}

#[test]
fn links_and_devices_stay_what_they_are() {
    let p = Place::new("links");
    p.put("m.wat", ADD);
    p.put("real.o", "old");
    std::os::unix::fs::symlink("real.o", p.0.join("link.o")).unwrap();
    p.ok(&["compile", "m.wat", "-o", "link.o"]);
    assert!(p.0.join("link.o").is_symlink());
    assert!(p.get("real.o").starts_with(b"\x7fELF"));
    p.ok(&["compile", "m.wat", "-o", "/dev/null"]);
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(!null.is_file(), "/dev/null was replaced");
    assert_eq!(p.files(), ["link.o", "m.wat", "real.o"]);
}

#[test]
fn help_teaches() {
    let p = Place::new("help");
    let help = String::from_utf8(p.ok(&["compile", "--help"])).unwrap();
    for word in [
        "NAME_init",
        "NAME_stack_limit",
        "thumbv8m.main-none-eabi",
        "cortex-m33",
        "simplify",
        "Examples:",
        "--report",
    ] {
        assert!(help.contains(word), "no {word} in\n{help}");
    }
    assert!(
        String::from_utf8(p.ok(&["--version"]))
            .unwrap()
            .starts_with("thumbsmith ")
    );
    assert!(p.fails(&[]).contains("Usage"));
    assert!(p.fails(&["compile"]).contains("<IN>"));
}

#[test]
fn memory_options_are_numbers_and_places() {
    let place = Place::new("memory");
    place.put(
        "m.wat",
        "(module (memory 1) (func (export \"grow\") (result i32) (memory.grow (i32.const 1))))",
    );
    for bytes in ["131072", "0x20000", "128K", "1M"] {
        place.ok(&["compile", "m.wat", "--memory-max", bytes]);
    }
    let said = place.fails(&["compile", "m.wat", "--memory-max", "4K"]);
    assert!(said.contains("more than --memory-max 4096"), "{said}");
    for at in ["symbol", "identity", "0x20010000"] {
        place.ok(&["compile", "m.wat", "--memory-base", at, "--memory-open"]);
    }
    for (option, wrong, part) in [
        ("--memory-max", "much", "no number of bytes"),
        ("--memory-max", "4096M", "no number of bytes"),
        ("--memory-base", "there", "no place of a memory"),
        ("--memory-base", "0x20010002", "not aligned"),
    ] {
        let out = place.run(&["compile", "m.wat", option, wrong]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(part), "{said}");
    }
}
