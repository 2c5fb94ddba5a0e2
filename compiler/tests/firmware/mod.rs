//! A firmware around compiled modules: builds it with a C toolchain, links it, runs it in QEMU.
//!
//! In: modules in text form, and C that calls them through the emitted headers. Out: what the firmware printed, and
//! the operator in the WebAssembly binary that each trap of it stands for. The tools are required: a missing one is a
//! failed test, not a skipped one.

mod cases;
pub use cases::{CASES, Case};

use object::{Object, ObjectSection, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use thumbsmith::options::FloatHelpers;
use thumbsmith::{Bounds, Cpu, Level, Options};

/// A C compiler and a linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// clang and lld.
    Llvm,
    /// arm-none-eabi-gcc and GNU ld.
    Gnu,
}

impl Toolchain {
    pub const ALL: [Toolchain; 2] = [Toolchain::Llvm, Toolchain::Gnu];

    /// The compiler's command with the flags for a core, floats in registers of its FPU if it has one, and every warning an
    /// error.
    pub fn cc(self, cpu: Cpu, language: &str) -> Command {
        let mut c = match self {
            Toolchain::Llvm => Command::new("clang-19"),
            Toolchain::Gnu => Command::new("arm-none-eabi-gcc"),
        };
        if self == Toolchain::Llvm {
            c.arg(format!("--target={}", cpu.triple()));
        }
        let float = if cpu == cpu.without_fpu() {
            "soft"
        } else {
            "hard"
        };
        c.arg(format!("-mcpu={}", cpu.without_fpu().name()));
        c.arg(format!("-mfloat-abi={float}"));
        c.args(["-mthumb", "-ffreestanding", "-O1"]);
        c.args(["-Wall", "-Wextra", "-Werror", "-x", language]);
        c
    }

    fn linker(self) -> Command {
        Command::new(match self {
            Toolchain::Llvm => "ld.lld-19",
            Toolchain::Gnu => "arm-none-eabi-ld",
        })
    }
}

/// A folder of its own that goes when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Result<Output, String> {
    let out = command
        .output()
        .map_err(|e| format!("{command:?} does not start: {e}; see ci/test for what to install"))?;
    if out.status.success() {
        Ok(out)
    } else {
        Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        ))
    }
}

/// A module of a firmware.
pub struct Part<'a> {
    pub name: &'a str,
    pub wat: &'a str,
}

/// How to compile the modules and link the firmware.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    pub tools: Toolchain,
    pub cpu: Cpu,
    pub level: Level,
    pub bounds: Bounds,
    pub float_helpers: FloatHelpers,
}

/// What a firmware did.
pub struct Ran {
    /// Lines that it printed, without those about traps' addresses.
    pub lines: Vec<String>,
    /// For each trap: the byte of the WebAssembly binary that its address stands for, or none if the table has no
    /// such address.
    pub trapped: Vec<Option<u8>>,
}

/// Builds and runs a firmware in a folder.
///
/// # Errors
/// Text, if anything does not compile, link or run to its end.
pub fn firmware(dir: &Path, parts: &[Part<'_>], c: &str, build: Build) -> Result<Ran, String> {
    let path = |name: &str| dir.join(name);
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).map_err(|e| e.to_string());
    let mut link = build.tools.linker();
    link.args(["--gc-sections", "-T"])
        .arg(manifest("tests/firmware/mps2.ld"));
    link.arg("-o").arg(path("image.elf"));
    let mut binaries = Vec::new();
    for p in parts {
        let wasm = wat::parse_str(p.wat).map_err(|e| e.to_string())?;
        let options = Options {
            cpu: build.cpu,
            level: build.level,
            bounds: build.bounds,
            float_helpers: build.float_helpers,
            name: p.name.into(),
            ..Options::default()
        };
        let out = thumbsmith::compile(&wasm, &options).map_err(|e| e.to_string())?;
        write(&format!("{}.o", p.name), &out.object)?;
        write(&format!("{}.h", p.name), out.header.as_bytes())?;
        link.arg(path(&format!("{}.o", p.name)));
        binaries.push(wasm);
    }
    write("main.c", format!("{PRELUDE}{c}").as_bytes())?;
    for (source, object) in [
        (path("main.c"), "main.o"),
        (manifest("tests/firmware/start.c"), "start.o"),
    ] {
        run(build
            .tools
            .cc(build.cpu, "c")
            .arg("-I")
            .arg(dir)
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(path(object)))?;
        link.arg(path(object));
    }
    if build.float_helpers == FloatHelpers::Aeabi {
        let asked = run(Toolchain::Gnu
            .cc(build.cpu, "c")
            .arg("-print-libgcc-file-name"))?;
        link.arg(String::from_utf8_lossy(&asked.stdout).trim());
    }
    run(&mut link)?;
    let printed = qemu(build.cpu, &path("image.elf"))?;
    let traps = traps(&path("image.elf"))?;
    let mut ran = Ran {
        lines: Vec::new(),
        trapped: Vec::new(),
    };
    for line in printed.lines() {
        let Some(at) = line.strip_prefix("trap at=") else {
            ran.lines.push(line.into());
            continue;
        };
        let at = u32::from_str_radix(at, 16).map_err(|e| e.to_string())?;
        let offset = traps.iter().find(|t| t.0 == at).map(|t| t.1 as usize);
        // Only one module of a firmware traps in these tests: the first.
        ran.trapped
            .push(offset.and_then(|o| binaries[0].get(o).copied()));
    }
    Ok(ran)
}

/// What the C of a test may use of `start.c`.
const PRELUDE: &str = "#include <stdint.h>
void show(const char *name, uint64_t value);
uint32_t catch (void (*f)(void));
void stop(void) __attribute__((noreturn));
extern uint32_t stack_bottom[];
int main(void);
";

pub fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// QEMU's machine with a core, if there is one whose memory is where the firmware's is.
pub fn board(cpu: Cpu) -> Option<&'static str> {
    match cpu.without_fpu() {
        Cpu::CortexM3 => Some("mps2-an385"),
        Cpu::CortexM4 => Some("mps2-an386"),
        Cpu::CortexM7 => Some("mps2-an500"),
        _ => None,
    }
}

/// Runs an image until it stops itself, but no longer than a minute.
fn qemu(cpu: Cpu, image: &Path) -> Result<String, String> {
    let board = board(cpu).ok_or_else(|| format!("no board with {}", cpu.name()))?;
    let log = image.with_extension("log");
    let out = std::fs::File::create(&log).map_err(|e| e.to_string())?;
    let both = out.try_clone().map_err(|e| e.to_string())?;
    let mut child = Command::new("qemu-system-arm")
        .args([
            "-M",
            board,
            "-nographic",
            "-monitor",
            "none",
            "-serial",
            "none",
        ])
        .args(["-semihosting", "-kernel"])
        .arg(image)
        .stdin(std::process::Stdio::null())
        .stdout(out)
        .stderr(both)
        .spawn()
        .map_err(|e| {
            format!("qemu-system-arm does not start: {e}; see ci/test for what to install")
        })?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if start.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            let _ = child.wait();
            return Err("the firmware did not stop within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("QEMU: {status}: {text}"))
    }
}

/// The trap table of a linked image: pairs of address and byte offset in the WebAssembly binary.
fn traps(image: &Path) -> Result<Vec<(u32, u32)>, String> {
    let bytes = std::fs::read(image).map_err(|e| e.to_string())?;
    let file = object::File::parse(&*bytes).map_err(|e| e.to_string())?;
    let Some(section) = file.section_by_name(thumbsmith::object::TRAP_SECTION) else {
        return Ok(Vec::new());
    };
    let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let data = section.data().map_err(|e| e.to_string())?;
    Ok(data
        .chunks_exact(8)
        .map(|p| (word(p), word(&p[4..])))
        .collect())
}

/// Names of the symbols that a linked image has.
pub fn symbols(image: &Path) -> Vec<String> {
    let bytes = std::fs::read(image).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    file.symbols()
        .filter_map(|s| s.name().ok().map(str::to_owned))
        .collect()
}

impl Case {
    /// Builds and runs the firmware and compares.
    ///
    /// # Errors
    /// Text that says what differs, or what failed.
    pub fn judge(&self, dir: &Path, build: Build) -> Result<(), String> {
        let ran = firmware(dir, self.parts, self.c, build)?;
        let printed: String = ran.lines.iter().map(|l| format!("{l}\n")).collect();
        if printed != self.prints {
            return Err(format!("printed\n{printed}instead of\n{}", self.prints));
        }
        let traps: Vec<Option<u8>> = self.traps.iter().map(|&t| Some(t)).collect();
        if ran.trapped != traps {
            return Err(format!(
                "trapped at operators {:x?} instead of {traps:x?}",
                ran.trapped
            ));
        }
        Ok(())
    }
}
