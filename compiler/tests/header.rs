//! The header as C and as C++, with both compilers, every warning an error; and the build attributes as tools read them.

// Other tests use what this one does not.
#[allow(dead_code, unused_imports)]
mod firmware;

use firmware::{Folder, Toolchain, run};
use std::process::Command;
use thumbsmith::object::names;
use thumbsmith::{Cpu, Options};

/// Names that are no identifiers, meet after they are made ones, are words of C or C++, or library functions.
const NAMES: &[&str] = &[
    "a-b",
    "a_b",
    "a.b",
    "a b",
    "1st",
    "class",
    "int",
    "template",
    "uint32_t",
    "memcpy",
    "printf",
    "main",
    "größe",
    "$dollar",
    "_start",
    "a_b_2",
    "__cplusplus_",
    "and",
    "asm",
    "tab\there",
    "name_results",
    "wasm_int",
    "log",
    "exp",
    "",
    "zero\0byte",
    "$t",
    "$d.1",
];

fn module() -> Vec<u8> {
    let mut text = String::from(
        "(module (import \"env\" \"host-call\" (func (param i64 i32) (result i64)))
         (import \"env\" \"new\" (func (result i32 i64)))
         (import \"sys-tem\" \"get\" (func))
         (import \"env\" \"limit\" (global i32))
         (import \"env\" \"delete\" (global (mut i64)))
         (memory (export \"memory\") 1 2)
         (func (export \"grow\") (result i32) (memory.grow (i32.const 1)))
         (global (export \"variable\") (mut i64) (i64.const 1))
         (global (export \"volatile\") i32 (i32.const 1))
         (export \"limit again\" (global 0)) (export \"\\00\" (global 0))
         (export \"import again\" (func 1))\n",
    );
    for (i, name) in NAMES.iter().enumerate() {
        let ty = [
            "(param i32 i64)",
            "(result i64) (i64.const 1)",
            "(param i64) (result i32 i64 i32) (i32.const 1) (i64.const 2) (i32.const 3)",
        ];
        text += &format!(
            "(func (export \"{}\") {})\n",
            name.replace('\t', "\\t").replace('\0', "\\00"),
            ty[i % 3]
        );
    }
    wat::parse_str(text + ")").unwrap()
}

#[test]
fn headers_are_c_and_cpp() {
    let options = Options {
        name: "1 odd-name".into(),
        ..Options::default()
    };
    let out = thumbsmith::compile(&module(), &options).unwrap();
    let dir = Folder::new("header");
    let header = dir.0.join("m.h");
    std::fs::write(&header, &out.header).unwrap();
    let twice = format!("#include \"{0}\"\n#include \"{0}\"\n", header.display());
    for (language, standard) in [("c", "-std=c99"), ("c", "-std=c17"), ("c++", "-std=c++17")] {
        let source = dir.0.join("main");
        std::fs::write(&source, &twice).unwrap();
        for tools in Toolchain::ALL {
            let mut c = tools.cc(Cpu::CortexM3, language);
            run(c.args(["-fsyntax-only", standard]).arg(&source))
                .unwrap_or_else(|e| panic!("{e}\n{}", out.header));
        }
    }
    let declared = out
        .header
        .lines()
        .filter(|l| l.contains("THUMBSMITH_SYMBOL(\""))
        .count();
    assert!(
        declared > 15,
        "names were expected to need labels:\n{}",
        out.header
    );
}

/// Every export is a global function symbol with its name as it stands in the module.
#[test]
fn exports_keep_their_names() {
    use object::{Object, ObjectSymbol};
    let out = thumbsmith::compile(&module(), &Options::default()).unwrap();
    let file = object::File::parse(&*out.object).unwrap();
    let defined: Vec<_> = file
        .symbols()
        .filter(|s| s.is_global() && s.is_definition())
        .filter_map(|s| names::name(s.name_bytes().unwrap()))
        .collect();
    let others = [
        "import again",
        "grow",
        "variable",
        "volatile",
        "module_init",
        "module_memory",
        "module_memory_pages",
    ];
    let mut want: Vec<String> = NAMES.iter().chain(&others).map(|s| s.to_string()).collect();
    let mut got = defined.clone();
    want.sort();
    got.sort();
    assert_eq!(got, want);
    let mut undefined: Vec<_> = file
        .symbols()
        .filter(|s| s.is_undefined())
        .filter_map(|s| s.name().ok())
        .collect();
    undefined.retain(|n| !n.is_empty());
    undefined.sort();
    // The one import that code of the module calls: the others are asked of no firmware.
    assert!(undefined.contains(&"new"), "{undefined:?}");
}

#[test]
fn tools_read_the_object() {
    let dir = Folder::new("attributes");
    let path = dir.0.join("m.o");
    for (cpu, arch) in [
        (Cpu::CortexM3, "v7"),
        (Cpu::CortexM4, "v7E-M"),
        (Cpu::CortexM7, "v7E-M"),
        (Cpu::CortexM33, "v8-M.mainline"),
        (Cpu::CortexM4F, "v7E-M"),
        (Cpu::CortexM7F, "v7E-M"),
        (Cpu::CortexM33F, "v8-M.mainline"),
    ] {
        let options = Options {
            cpu,
            ..Options::default()
        };
        let out = thumbsmith::compile(&module(), &options).unwrap();
        std::fs::write(&path, &out.object).unwrap();
        // Symbols of names that no object can hold are no UTF-8.
        let text = |c: &mut Command| {
            String::from_utf8_lossy(&run(c.arg(&path)).unwrap().stdout).into_owned()
        };
        let gnu = text(Command::new("arm-none-eabi-readelf").arg("-Ah"));
        for line in [
            format!("Tag_CPU_name: \"{}\"", cpu.without_fpu().name()),
            format!("Tag_CPU_arch: {arch}"),
            "Tag_CPU_arch_profile: Microcontroller".into(),
            "REL (Relocatable file)".into(),
            "Version5 EABI".into(),
        ] {
            assert!(gnu.contains(&line), "no `{line}` in\n{gnu}");
        }
        let llvm = text(Command::new("llvm-readelf-19").arg("-A"));
        assert!(llvm.contains(cpu.without_fpu().name()), "{llvm}");
        let code = text(Command::new("llvm-objdump-19").arg("-d"));
        assert!(
            code.contains("bx\tlr") && !code.contains("<unknown>"),
            "{code}"
        );
    }
}

/// What is said of floats is what GCC says of its own object for the same core.
#[test]
fn attributes_of_floats_are_those_of_gcc() {
    let dir = Folder::new("attributes-of-floats");
    let path = |name: &str| dir.0.join(name);
    std::fs::write(path("main.c"), "float f(float x) { return x; }").unwrap();
    let wat = r#"(module (func (export "f") (param f32) (result f32) (local.get 0)))"#;
    for cpu in Cpu::ALL {
        let options = Options {
            cpu,
            ..Options::default()
        };
        let ours = thumbsmith::compile(&wat::parse_str(wat).unwrap(), &options).unwrap();
        std::fs::write(path("ours.o"), &ours.object).unwrap();
        let mut cc = Toolchain::Gnu.cc(cpu, "c");
        cc.arg("-c").arg(path("main.c"));
        run(cc.arg("-o").arg(path("gcc.o"))).unwrap();
        let lines = |name: &str| -> Vec<String> {
            let mut readelf = Command::new("arm-none-eabi-readelf");
            let out = run(readelf.arg("-A").arg(path(name))).unwrap();
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            // WebAssembly does not see exceptions.
            let told = |l: &&str| l.contains("FP") && !l.contains("FP_exceptions");
            text.lines().filter(told).map(str::to_owned).collect()
        };
        assert!(lines("gcc.o").len() > 1);
        assert_eq!(lines("ours.o"), lines("gcc.o"), "{}", cpu.name());
    }
}

/// Firmware that passes floats in registers of the FPU links what passes none, and is kept from linking what passes them
/// otherwise.
#[test]
fn firmware_with_an_fpu_links_what_passes_no_floats() {
    let dir = Folder::new("variants");
    let path = |name: &str| dir.0.join(name);
    std::fs::write(path("main.c"), "float twice(float x) { return x + x; }").unwrap();
    let mut cc = Toolchain::Gnu.cc(Cpu::CortexM4F, "c");
    run(cc
        .arg("-c")
        .arg(path("main.c"))
        .arg("-o")
        .arg(path("main.o")))
    .unwrap();
    let texts = [
        (
            "(module (func (export \"f\") (param i32) (result i32) (i32.trunc_sat_f32_s (f32.convert_i32_s (local.get 0)))))",
            [true, true],
        ),
        (
            "(module (func (export \"f\") (param f32) (result f32) (local.get 0)))",
            [false, true],
        ),
        (
            "(module (import \"env\" \"f\" (func (result f64))))",
            [false, true],
        ),
    ];
    let cores = [Cpu::CortexM4, Cpu::CortexM4F];
    let all = texts.iter().flat_map(|(wat, links)| {
        let both = cores.into_iter().zip(*links);
        both.map(move |(cpu, links)| (wat, cpu, links))
    });
    for (wat, cpu, links) in all {
        let options = Options {
            cpu,
            ..Options::default()
        };
        let wasm = wat::parse_str(wat).unwrap();
        let object = thumbsmith::compile(&wasm, &options).unwrap().object;
        std::fs::write(path("m.o"), object).unwrap();
        let mut ld = Command::new("arm-none-eabi-ld");
        ld.args(["-r", "-o"]).arg(path("both.o"));
        let linked = run(ld.arg(path("main.o")).arg(path("m.o")));
        assert_eq!(linked.is_ok(), links, "{} {wat}: {linked:?}", cpu.name());
    }
}
