//! A linker of one object: places sections, resolves symbols, applies relocations (ELF for the Arm Architecture).
//!
//! In: a relocatable object and the addresses of what it does not define. Out: an [`Image`]: bytes for each region,
//! addresses of symbols, the trap table. It is deliberately a second implementation beside GNU ld and lld: a wrong
//! addend, a lost Thumb bit or an out-of-range branch shows here on every single function. Every relocation
//! type that it does not know is an error.

use super::memory::{Kind, Map};
use object::elf;
use object::read::elf::ElfFile32;
use object::{
    LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use thumbsmith::object::names;

/// Space left between two writable sections; filled with [`CANARY`].
pub(super) const GAP: usize = 32;
/// The byte that fills space which nobody may write.
pub const CANARY: u8 = 0xc5;
/// Name of the section that maps traps to WebAssembly offsets.
pub const TRAP_SECTION: &str = ".debug_thumbsmith_traps";

/// A linked program.
#[derive(Default)]
pub struct Image {
    /// Code and constants, from the base of [`Kind::Code`].
    pub code: Vec<u8>,
    /// Writable data and the gaps between, from the base of [`Kind::Ram`].
    pub ram: Vec<u8>,
    /// Ranges of `ram` that the program owns.
    pub owned: Vec<std::ops::Range<usize>>,
    /// Size of the linear memory's section in bytes; 0 if there is none.
    pub linear: usize,
    /// Initial contents of the linear memory, if its section is not zero-initialized.
    pub linear_data: Vec<u8>,
    /// Addresses of defined symbols, with the Thumb bit on functions.
    pub symbols: FxHashMap<String, u32>,
    /// Names of all functions by address, of those that nobody else sees too.
    pub functions: BTreeMap<u32, String>,
    /// Address of a trapping instruction to byte offset in the WebAssembly binary.
    pub traps: BTreeMap<u32, u32>,
}

impl Image {
    /// Bytes of the writable section that begins at an address; 0 if none does.
    pub fn owned_at(&self, map: Map, address: u32) -> usize {
        let start = address.wrapping_sub(map.base(Kind::Ram)) as usize;
        let section = self.owned.iter().find(|owned| owned.start == start);
        section.map_or(0, |owned| owned.len())
    }

    /// Ranges of RAM that nobody may write: between the first `reserved` bytes, the program's data, and the end.
    pub fn gaps(&self, reserved: usize) -> Vec<std::ops::Range<usize>> {
        let mut at = reserved;
        let mut gaps = Vec::with_capacity(self.owned.len() + 1);
        for owned in &self.owned {
            gaps.push(at..owned.start);
            at = owned.end;
        }
        gaps.push(at..self.ram.len());
        gaps
    }
}

/// What the object leaves undefined, by name: address with the Thumb bit where it is a function.
pub type Externals<'a> = &'a dyn Fn(&str) -> Option<u32>;

type Elf<'a> = ElfFile32<'a, LittleEndian>;

/// Links one object to the addresses of `map`. `memory` is the name of the linear memory's symbol, whose section goes to its own region;
/// `reserve` bytes at the start of RAM stay free for the firmware's own variables.
///
/// # Errors
/// Text that names the symbol, section or relocation that cannot be linked.
pub fn link(
    object: &[u8],
    map: Map,
    memory: &str,
    reserve: usize,
    externals: Externals<'_>,
) -> Result<Image, String> {
    let elf = Elf::parse(object).map_err(|e| format!("object does not parse: {e}"))?;
    let mut image = Image {
        ram: vec![CANARY; reserve.next_multiple_of(GAP)],
        ..Image::default()
    };
    let homes = place(&elf, map, memory, &mut image)?;
    symbols(&elf, &homes, &mut image)?;
    relocate(&elf, map, &homes, externals, &mut image)?;
    Ok(image)
}

/// The name that a symbol stands for.
fn said(symbol: &object::read::elf::ElfSymbol32<'_, '_, LittleEndian>) -> Result<String, String> {
    let bytes = symbol
        .name_bytes()
        .map_err(|e| format!("symbol name: {e}"))?;
    names::name(bytes).ok_or_else(|| format!("symbol {bytes:x?} is that of no name"))
}

/// Where a section went: its address, or none for those that are only read by tools.
type Homes = FxHashMap<usize, u32>;

fn flags(section: &object::read::elf::ElfSection32<'_, '_, LittleEndian>) -> u64 {
    match section.flags() {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.0,
        _ => 0,
    }
}

fn place(elf: &Elf<'_>, map: Map, memory: &str, image: &mut Image) -> Result<Homes, String> {
    let linear = elf
        .symbols()
        .find(|s| s.name() == Ok(memory) && s.is_definition());
    let linear_section = linear.as_ref().and_then(|s| s.section_index());
    let mut homes = Homes::default();
    for section in elf.sections() {
        let index = section.index();
        let name = section.name().unwrap_or("?").to_owned();
        let flags = flags(&section);
        if flags & elf::SHF_ALLOC.0 == 0 {
            continue;
        }
        let size =
            usize::try_from(section.size()).map_err(|_| format!("section {name} is too large"))?;
        let data = section.data().map_err(|e| format!("section {name}: {e}"))?;
        if Some(index) == linear_section {
            let at = linear.as_ref().map_or(0, |s| s.address());
            if at != 0 || flags & elf::SHF_WRITE.0 == 0 {
                return Err(format!(
                    "{memory} must begin its own writable section, not lie at {at:#x} of {name}"
                ));
            }
            image.linear = size;
            image.linear_data = data.to_vec();
            homes.insert(index.0, map.base(Kind::Linear));
            continue;
        }
        let (bytes, base, fill) = if flags & elf::SHF_WRITE.0 != 0 {
            (&mut image.ram, map.base(Kind::Ram), CANARY)
        } else {
            (&mut image.code, map.base(Kind::Code), 0)
        };
        let align = (section.align() as usize).max(1);
        let gap = if fill == CANARY { GAP } else { 0 };
        let at = (bytes.len() + gap).next_multiple_of(align);
        bytes.resize(at, fill);
        bytes.extend_from_slice(data);
        bytes.resize(at + size, 0);
        if fill == CANARY {
            image.owned.push(at..at + size);
        }
        homes.insert(index.0, base + at as u32);
    }
    image.ram.resize(image.ram.len() + GAP, CANARY);
    Ok(homes)
}

/// Address of a defined symbol without and with its Thumb bit.
fn address(
    symbol: &object::read::elf::ElfSymbol32<'_, '_, LittleEndian>,
    homes: &Homes,
) -> Option<(u32, bool)> {
    let home = homes.get(&symbol.section_index()?.0)?;
    let value = symbol.address() as u32;
    let function = symbol.elf_symbol().st_type() == elf::STT_FUNC;
    // The Thumb bit of a function symbol is bit 0 of its value (ELF for the Arm Architecture, 5.5.3).
    let thumb = function && value & 1 == 1;
    Some((home.wrapping_add(value & !u32::from(thumb)), thumb))
}

fn symbols(elf: &Elf<'_>, homes: &Homes, image: &mut Image) -> Result<(), String> {
    for symbol in elf
        .symbols()
        .filter(|s| s.elf_symbol().st_type() == elf::STT_FUNC)
    {
        if let (Ok(name), Some((at, _))) = (said(&symbol), address(&symbol, homes)) {
            image.functions.entry(at).or_insert(name);
        }
    }
    for symbol in elf.symbols().filter(|s| s.is_definition() && s.is_global()) {
        let name = said(&symbol)?;
        if let Some((at, thumb)) = address(&symbol, homes) {
            if symbol.elf_symbol().st_type() == elf::STT_FUNC && !thumb {
                return Err(format!("function {name} has no Thumb bit"));
            }
            let twice = format!("symbol {name} is defined twice");
            let before = image.symbols.insert(name, at | u32::from(thumb));
            if before.is_some() {
                return Err(twice);
            }
        }
    }
    Ok(())
}

fn relocate(
    elf: &Elf<'_>,
    map: Map,
    homes: &Homes,
    externals: Externals<'_>,
    image: &mut Image,
) -> Result<(), String> {
    for section in elf.sections() {
        let name = section.name().unwrap_or("?").to_owned();
        let home = homes.get(&section.index().0).copied();
        let mut table = match home {
            None if name == TRAP_SECTION => {
                section.data().map_err(|e| format!("{name}: {e}"))?.to_vec()
            }
            None => continue,
            Some(_) => Vec::new(),
        };
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                return Err(format!("{name}: relocation of another format"));
            };
            let RelocationTarget::Symbol(index) = relocation.target() else {
                return Err(format!("{name}+{offset:#x}: relocation without a symbol"));
            };
            let symbol = elf
                .symbol_by_index(index)
                .map_err(|e| format!("{name}+{offset:#x}: {e}"))?;
            let text = said(&symbol).unwrap_or_else(|_| "?".into());
            let target = match address(&symbol, homes) {
                Some((at, thumb)) => at | u32::from(thumb),
                None => externals(&text)
                    .ok_or_else(|| format!("{name}+{offset:#x}: undefined symbol {text}"))?,
            };
            let (bytes, at, place) = match home {
                Some(address) => locate(image, map, address, offset as usize)?,
                None => (&mut table, offset as usize, 0),
            };
            apply(r_type, bytes, at, target, place)
                .map_err(|e| format!("{name}+{offset:#x} to {text}: {e}"))?;
        }
        for pair in table.chunks_exact(8) {
            let word =
                |i: usize| u32::from_le_bytes([pair[i], pair[i + 1], pair[i + 2], pair[i + 3]]);
            image.traps.insert(word(0) & !1, word(4));
        }
    }
    Ok(())
}

/// The buffer, index and address of byte `offset` of the section at `address`.
fn locate(
    image: &mut Image,
    map: Map,
    address: u32,
    offset: usize,
) -> Result<(&mut Vec<u8>, usize, u32), String> {
    let place = address.wrapping_add(offset as u32);
    let mut homes = [
        (map.base(Kind::Code), &mut image.code),
        (map.base(Kind::Ram), &mut image.ram),
        (map.base(Kind::Linear), &mut image.linear_data),
    ];
    // The region that begins nearest below; linear memory may be the lowest.
    homes.sort_unstable_by_key(|(base, _)| *base);
    let home = homes.into_iter().rfind(|(base, _)| *base <= address);
    let (base, bytes) = home.ok_or("a section below all regions")?;
    Ok((bytes, (address - base) as usize + offset, place))
}

/// Applies one relocation at byte `at` of `bytes`. `target` is S with the Thumb bit as T; `place` is P.
/// The addend is in the instruction: ARM objects are REL (ELF for the Arm Architecture, 5.6.1).
pub(super) fn apply(
    r_type: elf::RelocationType,
    bytes: &mut [u8],
    at: usize,
    target: u32,
    place: u32,
) -> Result<(), String> {
    let span = bytes
        .get_mut(at..at + 4)
        .ok_or("relocation past the end of its section")?;
    let old = u32::from_le_bytes([span[0], span[1], span[2], span[3]]);
    // A 32-bit Thumb instruction is two halfwords, the first one first.
    let (hi, lo) = (old & 0xffff, old >> 16);
    let (s, t) = (target & !1, target & 1);
    let new = match r_type {
        elf::R_ARM_NONE => old,
        elf::R_ARM_ABS32 => s.wrapping_add(old) | t,
        elf::R_ARM_REL32 => (s.wrapping_add(old) | t).wrapping_sub(place),
        elf::R_ARM_PREL31 => {
            let addend = ((old << 1) as i32 >> 1) as u32;
            (old & 0x8000_0000) | ((s.wrapping_add(addend) | t).wrapping_sub(place) & 0x7fff_ffff)
        }
        elf::R_ARM_THM_PC22 | elf::R_ARM_THM_JUMP24 => {
            if t == 0 {
                return Err("branch to something that is not a Thumb function".into());
            }
            let distance = s.wrapping_add(branch_addend(hi, lo)).wrapping_sub(place);
            branch(hi, lo, distance)?
        }
        elf::R_ARM_THM_MOVW_ABS_NC => move_half(hi, lo, s.wrapping_add(move_addend(hi, lo)) | t),
        elf::R_ARM_THM_MOVT_ABS => move_half(hi, lo, s.wrapping_add(move_addend(hi, lo)) >> 16),
        other => return Err(format!("unknown relocation type {}", other.0)),
    };
    span.copy_from_slice(&new.to_le_bytes());
    Ok(())
}

/// The offset that `BL` and `B.W` carry (encodings T1 of BL, T4 of B): S:I1:I2:imm10:imm11:0, 25 bits.
fn branch_addend(hi: u32, lo: u32) -> u32 {
    let s = hi >> 10 & 1;
    let i1 = !(lo >> 13 ^ s) & 1;
    let i2 = !(lo >> 11 ^ s) & 1;
    let value = s << 24 | i1 << 23 | i2 << 22 | (hi & 0x3ff) << 12 | (lo & 0x7ff) << 1;
    ((value << 7) as i32 >> 7) as u32
}

fn branch(hi: u32, lo: u32, distance: u32) -> Result<u32, String> {
    let signed = distance as i32;
    if !(-(1 << 24)..1 << 24).contains(&signed) || distance & 1 == 1 {
        return Err(format!("branch distance {signed} does not fit"));
    }
    let s = distance >> 24 & 1;
    let j1 = !(distance >> 23 ^ s) & 1;
    let j2 = !(distance >> 22 ^ s) & 1;
    let hi = (hi & 0xf800) | s << 10 | (distance >> 12 & 0x3ff);
    let lo = (lo & 0xd000) | j1 << 13 | j2 << 11 | (distance >> 1 & 0x7ff);
    Ok(hi | lo << 16)
}

/// The immediate of MOVW and MOVT (imm4:i:imm3:imm8), sign-extended as the addend rule says.
fn move_addend(hi: u32, lo: u32) -> u32 {
    let value = (hi & 15) << 12 | (hi >> 10 & 1) << 11 | (lo >> 12 & 7) << 8 | (lo & 0xff);
    value as u16 as i16 as i32 as u32
}

fn move_half(hi: u32, lo: u32, value: u32) -> u32 {
    let hi = (hi & 0xfbf0) | (value >> 12 & 15) | (value >> 11 & 1) << 10;
    let lo = (lo & 0x8f00) | (value >> 8 & 7) << 12 | (value & 0xff);
    hi | lo << 16
}
