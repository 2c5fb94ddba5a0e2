//! One executable section: its code and data by the mapping symbols, and its instructions.
//!
//! In: a section of an object. Out: [`Section`], and [`Code`]: each instruction with its offset and IT state. Invariant:
//! mapping symbols cover the section without gaps (ELF for the Arm Architecture, 5.5.5); an instruction lies wholly
//! in one range of code; bits are legal only if the table writes the same bits for this CPU at this place.

use super::{ItState, Word, place};
use object::read::elf::{ElfFile32, ElfSection32};
use object::{
    LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
};
use rustc_hash::FxHashMap;
use thumbsmith::isa::decode::is_wide;
use thumbsmith::isa::{Cond, Inst, Op, decode, encode_sized};

/// A relocation as the judge sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Whether its symbol's address is a multiple of four, as far as the object tells.
    pub aligned: bool,
}

/// A section with code.
pub(super) struct Section {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Start and end of each range, and whether it is code; in order.
    pub ranges: Vec<(u32, u32, bool)>,
    /// Relocations by offset.
    pub targets: FxHashMap<u32, Target>,
    /// Offsets where functions begin.
    pub entries: Vec<u32>,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Offset in the section.
    pub at: u32,
    pub inst: Inst,
    /// Size in bytes.
    pub size: u32,
    /// The state of the IT block in which it stands; 0 outside.
    pub it: ItState,
}

impl Item {
    /// Whether what follows it may be reached from it although it jumps.
    pub fn conditional(&self) -> bool {
        self.inst.cond != Cond::Al && self.inst.op != Op::It
    }
}

/// The instructions of a section.
pub(super) struct Code {
    pub items: Vec<Item>,
    /// By halfword of the section: the instruction that begins there.
    starts: Vec<Option<u32>>,
}

impl Code {
    /// The number of the instruction that begins at an offset.
    pub fn at(&self, offset: i64) -> Option<usize> {
        let half = usize::try_from(offset).ok().filter(|o| o % 2 == 0)? / 2;
        self.starts.get(half).copied().flatten().map(|i| i as usize)
    }
}

impl Section {
    /// Reads a section.
    ///
    /// # Errors
    /// Text, if the object is malformed.
    pub fn read(
        elf: &ElfFile32<'_, LittleEndian>,
        part: &ElfSection32<'_, '_, LittleEndian>,
    ) -> Result<Section, String> {
        let name = part.name().unwrap_or("?").to_owned();
        let bytes = part.data().map_err(|e| format!("{name}: {e}"))?.to_vec();
        let (mut marks, mut entries) = (Vec::new(), Vec::new());
        for symbol in elf
            .symbols()
            .filter(|s| s.section_index() == Some(part.index()))
        {
            let at = symbol.address() as u32;
            match symbol.name().unwrap_or("") {
                "$t" => marks.push((at, true)),
                "$d" => marks.push((at, false)),
                _ if symbol.elf_symbol().st_type() == object::elf::STT_FUNC => {
                    entries.push(at & !1);
                }
                _ => {}
            }
        }
        marks.sort_unstable();
        if marks.first().is_none_or(|m| m.0 != 0) {
            return Err(format!("{name}: no mapping symbol at its start"));
        }
        let end = bytes.len() as u32;
        let ends = marks.iter().skip(1).map(|m| m.0).chain([end]);
        let ranges: Vec<_> = marks.iter().zip(ends).map(|(m, e)| (m.0, e, m.1)).collect();
        let mut targets = FxHashMap::default();
        for (offset, relocation) in part.relocations() {
            let RelocationFlags::Elf { .. } = relocation.flags() else {
                return Err(format!("{name}: relocation of another format"));
            };
            let RelocationTarget::Symbol(index) = relocation.target() else {
                return Err(format!("{name}+{offset:#x}: relocation without a symbol"));
            };
            let symbol = elf.symbol_by_index(index).map_err(|e| e.to_string())?;
            let home = symbol
                .section_index()
                .and_then(|i| elf.section_by_index(i).ok());
            let aligned = home.is_some_and(|s| s.align() % 4 == 0) && symbol.address() % 4 == 0;
            targets.insert(offset as u32, Target { aligned });
        }
        Ok(Section {
            name,
            bytes,
            ranges,
            targets,
            entries,
        })
    }

    /// The range of data that holds all of these bytes.
    pub fn data(&self, start: i64, size: u32) -> Option<(u32, u32)> {
        let (start, end) = (
            u32::try_from(start).ok()?,
            u32::try_from(start + i64::from(size)).ok()?,
        );
        self.ranges
            .iter()
            .find(|r| !r.2 && r.0 <= start && end <= r.1)
            .map(|r| (r.0, r.1))
    }

    /// The halfword at an offset.
    pub fn half(&self, at: u32) -> Option<u16> {
        let bytes = self.bytes.get(at as usize..at as usize + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// The word at an offset.
    pub fn word(&self, at: u32) -> Option<u32> {
        Some(u32::from(self.half(at)?) | u32::from(self.half(at.checked_add(2)?)?) << 16)
    }
}

/// The instruction that bits are, if they are legal for the CPU at their place.
pub(super) fn legal(word: &Word) -> Option<Inst> {
    let hw = match word.wide {
        true => [(word.bits >> 16) as u16, word.bits as u16],
        false => [word.bits as u16, 0],
    };
    let cond = (word.it & 15 != 0).then(|| {
        *Cond::ALL
            .get(usize::from(word.it >> 4))
            .unwrap_or(&Cond::Al)
    });
    let (inst, size) = decode(&hw, cond).ok()?;
    // The decoder knows every CPU, and takes each place in an IT block for the last.
    let again = encode_sized(&inst, word.cpu, place(word.it), size).ok()?;
    (again.halfwords() == &hw[..size as usize / 2]).then_some(inst)
}

/// The state after an instruction.
fn advance(it: ItState) -> ItState {
    if it & 7 == 0 {
        0
    } else {
        it & 0xe0 | it << 1 & 0x1f
    }
}

/// Decodes every range of code; `known` says what bits are.
///
/// # Errors
/// Findings by offset.
pub(super) fn decode_all(
    section: &Section,
    known: &mut dyn FnMut(u32, bool, ItState) -> Option<Inst>,
) -> Result<Code, Vec<(u32, String)>> {
    let mut code = Code {
        items: Vec::new(),
        starts: vec![None; section.bytes.len().div_ceil(2)],
    };
    let mut found = Vec::new();
    for &(start, end, _) in section.ranges.iter().filter(|r| r.2) {
        let (mut at, mut it) = (start, 0);
        while at < end {
            let first = section.half(at).filter(|_| at % 2 == 0);
            let wide = first.is_some_and(is_wide);
            let second = if wide { section.half(at + 2) } else { Some(0) };
            let size = if wide { 4 } else { 2 };
            let (Some(first), Some(second), true) = (first, second, at + size <= end) else {
                found.push((at, "an instruction is cut short".into()));
                break;
            };
            let bits = match wide {
                true => u32::from(first) << 16 | u32::from(second),
                false => u32::from(first),
            };
            let Some(inst) = known(bits, wide, it) else {
                found.push((at, format!("{bits:x} is not legal here for this CPU")));
                (at, it) = (at + size, advance(it));
                continue;
            };
            code.starts[at as usize / 2] = Some(code.items.len() as u32);
            code.items.push(Item { at, inst, size, it });
            it = match inst.op {
                Op::It => (inst.cond as u8) << 4 | inst.imm as u8,
                _ => advance(it),
            };
            at += size;
        }
        if it & 15 != 0 {
            found.push((end, "an IT block reaches over the end of the code".into()));
        }
    }
    if found.is_empty() {
        Ok(code)
    } else {
        Err(found)
    }
}
