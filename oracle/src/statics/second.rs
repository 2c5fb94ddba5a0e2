//! A second opinion on legality: LLVM's disassembler on every different instruction that was judged.
//!
//! In: instructions with CPU and place. Out: those that it calls invalid or undefined. The table of encodings judges with
//! what the compiler itself believes; this voice shares nothing with it. Invariant: every instruction was given to the
//! tool, in an IT block where it stood in one; a tool that is missing or fails is an error, never a pass.

use super::{Word, place};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use thumbsmith::Cpu;
use thumbsmith::isa::Place;

/// The disassembler.
const TOOL: &str = "llvm-mc-19";
/// `NOP`, which ends a block in which the instruction is not the last.
const NOP: u16 = 0xbf00;

/// Instructions that LLVM rejects, one line each.
///
/// # Errors
/// Text, if the tool is not there or fails.
pub fn rejected<'a>(words: impl Iterator<Item = &'a Word>) -> Result<Vec<String>, String> {
    let words: Vec<&Word> = words.collect();
    let mut found = Vec::new();
    for cpu in Cpu::ALL {
        let mine: Vec<&Word> = words.iter().copied().filter(|w| w.cpu == cpu).collect();
        if !mine.is_empty() {
            found.extend(ask(cpu, &mine)?);
        }
    }
    Ok(found)
}

/// One line for the tool: the bytes in order, an IT before them if they stand in a block.
fn line(word: &Word) -> String {
    let mut halves = Vec::new();
    let cond = u16::from(word.it >> 4);
    match place(word.it) {
        Place::Outside => {}
        Place::Last => halves.push(NOP | cond << 4 | 8),
        Place::Inside => halves.push(NOP | cond << 4 | (cond & 1) << 3 | 4),
    }
    if word.wide {
        halves.push((word.bits >> 16) as u16);
    }
    halves.push(word.bits as u16);
    if place(word.it) == Place::Inside {
        halves.push(NOP);
    }
    // An IT is given its whole block, or the next line would be taken for that.
    if place(word.it) == Place::Outside && !word.wide && word.bits & 0xff00 == 0xbf00 {
        let mask = word.bits & 0xf;
        let block = if mask == 0 {
            0
        } else {
            4 - mask.trailing_zeros()
        };
        halves.extend((0..block).map(|_| NOP));
    }
    let mut text = String::from("[");
    for half in halves {
        let [low, high] = half.to_le_bytes();
        let _ = write!(text, "{low:#04x} {high:#04x} ");
    }
    text + "]\n"
}

fn ask(cpu: Cpu, words: &[&Word]) -> Result<Vec<String>, String> {
    let text: String = words.iter().map(|w| line(w)).collect();
    let mut child = Command::new(TOOL)
        .args(["--disassemble", "--triple=thumbv7m-none-eabi"])
        .arg(format!("-mcpu={}", cpu.without_fpu().name()))
        .args((cpu == cpu.without_fpu()).then_some("-mattr=-fpregs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{TOOL}: {e}; ci/test installs it"))?;
    // The tool reads everything before it writes; the pipe is closed when `stdin` goes.
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    stdin
        .write_all(text.as_bytes())
        .map_err(|e| format!("{TOOL}: {e}"))?;
    drop(stdin);
    let out = child
        .wait_with_output()
        .map_err(|e| format!("{TOOL}: {e}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    let mut found = Vec::new();
    for warning in said.lines().filter(|l| l.contains("encoding")) {
        let number = warning
            .split(':')
            .nth(1)
            .and_then(|n| n.parse::<usize>().ok());
        let word = number.and_then(|n| words.get(n.checked_sub(1)?));
        let word = word.ok_or_else(|| format!("{TOOL} said: {warning}"))?;
        let what = warning.rsplit(": ").next().unwrap_or(warning);
        found.push(format!(
            "{TOOL} for {}: {:x} (IT state {:#x}): {what}",
            cpu.name(),
            word.bits,
            word.it
        ));
    }
    if !out.status.success() && found.is_empty() {
        return Err(format!("{TOOL} failed: {said}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_rejects_what_a_core_lacks_and_what_is_undefined() {
        let word = |cpu, bits, it| Word {
            cpu,
            bits,
            wide: bits > 0xffff,
            it,
        };
        let right = [
            word(Cpu::CortexM4, 0xfa43_f084, 0),
            word(Cpu::CortexM3, 0x3001, 0),
            word(Cpu::CortexM3, 0x2001, 0x08),
            word(Cpu::CortexM3, 0x2001, 0x14),
            // Blocks of one to four, before what cannot stand in one.
            word(Cpu::CortexM3, 0xbfa8, 0),
            word(Cpu::CortexM3, 0xd125, 0),
            word(Cpu::CortexM3, 0xbf04, 0),
            word(Cpu::CortexM3, 0xd125, 0),
            word(Cpu::CortexM3, 0xbf01, 0),
            word(Cpu::CortexM3, 0xd125, 0),
            word(Cpu::CortexM4F, 0xee30_0a20, 0),
            word(Cpu::CortexM33F, 0xfe00_0a20, 0),
            word(Cpu::CortexM7F, 0xee31_0b02, 0),
        ];
        assert_eq!(rejected(right.iter()), Ok(Vec::new()));
        let wrong = [
            // SXTAB on a core without it, ADD to SP in a form without it, MUL by SP, IT in an IT block.
            word(Cpu::CortexM3, 0xfa43_f084, 0),
            word(Cpu::CortexM3, 0xfb01_f00d, 0),
            word(Cpu::CortexM3, 0xbf08, 0x08),
            // VADD.F32 without an FPU, VSEL.F32 without FPv5, VADD.F64 without doubles.
            word(Cpu::CortexM4, 0xee30_0a20, 0),
            word(Cpu::CortexM4F, 0xfe00_0a20, 0),
            word(Cpu::CortexM33F, 0xee31_0b02, 0),
        ];
        for w in &wrong {
            assert_eq!(rejected([w].into_iter()).map(|f| f.len()), Ok(1), "{w:?}");
        }
    }
}
