//! The static judge: what no simulator notices about emitted code, and what no run has to reach.
//!
//! In: an object and the CPU that it is for. Out: nothing, or what is wrong, by section and offset. Three questions: is every
//! instruction legal for exactly this CPU and not UNPREDICTABLE where it stands ([`section`]); does every way through the
//! code stay on instructions, in and out of IT blocks, tables and literals ([`flow`]); does every access to
//! more than one word go to an address that is known to be a multiple of four ([`aligned`]). Invariant: each byte of an
//! executable section is judged, as code or as data that code refers to; an object without code is an error.

mod aligned;
pub mod cases;
mod flow;
pub mod second;
mod section;
#[cfg(test)]
mod tests;

use object::elf;
use object::read::elf::ElfFile32;
use object::{LittleEndian, Object, ObjectSection, SectionFlags};
use rustc_hash::FxHashMap;
use section::Section;
use thumbsmith::Cpu;
use thumbsmith::isa::{Inst, Place};

/// How an instruction stands: in no IT block, or in one with this state (Arm v7-M manual, A7.3.3).
pub type ItState = u8;

/// Bits, where they stand, and for which CPU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Word {
    /// The CPU.
    pub cpu: Cpu,
    /// The bits; a 32-bit instruction has its first halfword on top.
    pub bits: u32,
    /// Whether there are 32 of them.
    pub wide: bool,
    /// The state of the IT block.
    pub it: ItState,
}

/// The judge; it remembers every different instruction that it has seen, so that they can be given to other tools.
#[derive(Default)]
pub struct StaticJudge {
    seen: FxHashMap<Word, Option<Inst>>,
}

/// How much was judged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Sections with code.
    pub sections: u64,
    /// Instructions.
    pub instructions: u64,
}

impl StaticJudge {
    /// Judges an object.
    ///
    /// # Errors
    /// One line for each finding, or why the object cannot be read.
    pub fn judge(&mut self, object: &[u8], cpu: Cpu) -> Result<Judged, String> {
        let elf = ElfFile32::<LittleEndian>::parse(object)
            .map_err(|e| format!("object does not parse: {e}"))?;
        let mut judged = Judged::default();
        let mut found = Vec::new();
        for part in elf.sections() {
            let flags = match part.flags() {
                SectionFlags::Elf { sh_flags, .. } => sh_flags.0,
                _ => 0,
            };
            if flags & elf::SHF_EXECINSTR.0 == 0 || part.size() == 0 {
                continue;
            }
            let read = Section::read(&elf, &part)?;
            judged.sections += 1;
            let decoded = section::decode_all(&read, &mut |bits, wide, it| {
                let word = Word {
                    cpu,
                    bits,
                    wide,
                    it,
                };
                *self
                    .seen
                    .entry(word)
                    .or_insert_with(|| section::legal(&word))
            });
            let findings = decoded.and_then(|code| {
                judged.instructions += code.items.len() as u64;
                flow::judge(&read, &code)?;
                aligned::judge(&read, &code)
            });
            if let Err(list) = findings {
                found.extend(
                    list.into_iter()
                        .map(|(at, text)| format!("{}+{at:#x}: {text}", read.name)),
                );
            }
        }
        match found.is_empty() {
            true if judged.instructions == 0 => Err("the object has no code".into()),
            true => Ok(judged),
            false => Err(found.join("; ")),
        }
    }

    /// Every different instruction that was judged legal.
    pub fn seen(&self) -> impl Iterator<Item = &Word> {
        self.seen
            .iter()
            .filter_map(|(word, inst)| inst.is_some().then_some(word))
    }
}

/// Findings in one section: offset and text.
type Findings = Result<(), Vec<(u32, String)>>;

/// Where the IT state puts an instruction.
fn place(it: ItState) -> Place {
    match it & 15 {
        0 => Place::Outside,
        8 => Place::Last,
        _ => Place::Inside,
    }
}
