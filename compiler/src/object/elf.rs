//! The relocatable ELF file.
//!
//! In: a [`Compiled`] module. Out: the bytes of an ET_REL file, EABI5, one section a function, `$t` and `$d` mapping
//! symbols (ELF for the Arm Architecture, 5.5.5), Thumb bits on function symbols, build attributes. Linear memory has a
//! section of its own without contents; data lies in flash and is copied by `NAME_init`. The section
//! `.debug_thumbsmith_traps` is not loaded; it holds a pair of words for each trap: the address of its UDF, and the byte
//! offset of the operator in the WebAssembly binary. Its name makes it debug information to linkers: it stays when unused
//! sections are collected, and keeps none of them (the address of a trap whose function went is 0).

use super::names::symbol;
use super::{TRAP_SECTION, attributes};
use crate::backend::code::{Code, RelocKind};
use crate::backend::symbols::{self, SymbolKind};
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{Base, GlobalInit};
use crate::options::{Bounds, Options};
use crate::pipeline::Compiled;
use crate::seeded::{Bug, on};
use object::write::{
    Object, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolScope, elf,
};

/// Bytes in front of a function's code.
fn before(code: &Code) -> u32 {
    4 * code.id.is_some() as u32
}

struct Writer<'a> {
    c: &'a Compiled,
    options: &'a Options,
    obj: Object<'static>,
    /// ELF symbol by symbol number.
    ids: Vec<Option<SymbolId>>,
    /// References in flash: section, byte offset, and what they refer to.
    references: Vec<(SectionId, u64, SymbolKind)>,
}

/// Writes the object file.
///
/// # Errors
/// `Internal`, if the file cannot be written.
pub fn write(c: &Compiled, options: &Options) -> Result<Vec<u8>> {
    let mut obj = Object::new(BinaryFormat::Elf, Architecture::Arm, Endianness::Little);
    obj.flags = FileFlags::Elf {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_flags: elf::EF_ARM_EABI_VER5,
    };
    let mut w = Writer {
        c,
        options,
        obj,
        ids: vec![None; c.symbols.kinds.len()],
        references: Vec::new(),
    };
    w.symbols();
    w.tables();
    for (kind, code) in &c.functions {
        w.function(kind, code)?;
    }
    w.traps()?;
    let id = w.obj.add_section(
        Vec::new(),
        b".ARM.attributes".to_vec(),
        SectionKind::Metadata,
    );
    w.obj.section_mut(id).flags = SectionFlags::Elf {
        sh_type: elf::SHT_ARM_ATTRIBUTES,
        sh_flags: Default::default(),
    };
    w.obj.append_section_data(
        id,
        &attributes::section(options.cpu, c.module.passes_floats()),
        1,
    );
    w.obj
        .write()
        .map_err(|e| Error::new(ErrorKind::Internal, format!("object file: {e}")))
}

impl Writer<'_> {
    fn text(&self, kind: &SymbolKind) -> String {
        symbols::text(kind, &self.c.module, &self.options.name)
    }

    fn section(&mut self, name: String, kind: SectionKind) -> SectionId {
        self.obj.add_section(
            self.obj.segment_name(StandardSegment::Data).to_vec(),
            symbol(&name).into_owned(),
            kind,
        )
    }

    fn define(
        &mut self,
        name: &str,
        section: SectionId,
        value: u64,
        size: u64,
        ty: elf::SymbolType,
        global: bool,
    ) -> SymbolId {
        let bind = if global {
            elf::STB_GLOBAL
        } else {
            elf::STB_LOCAL
        };
        self.obj.add_symbol(Symbol {
            name: symbol(name).into_owned(),
            value,
            size,
            kind: object::SymbolKind::Unknown,
            scope: if global {
                SymbolScope::Dynamic
            } else {
                SymbolScope::Compilation
            },
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::Elf {
                st_info: bind | ty,
                st_other: elf::STV_DEFAULT.into(),
            },
        })
    }

    /// A mapping symbol.
    fn mark(&mut self, what: &str, section: SectionId, at: u64) {
        let id = self.define(what, section, at, 0, elf::STT_NOTYPE, false);
        // Its name is what no other symbol's may be.
        self.obj.symbol_mut(id).name = what.as_bytes().to_vec();
    }

    fn undefined(&mut self, name: &str) -> SymbolId {
        self.obj.add_symbol(Symbol {
            name: symbol(name).into_owned(),
            value: 0,
            size: 0,
            kind: object::SymbolKind::Unknown,
            scope: SymbolScope::Unknown,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::Elf {
                st_info: elf::STB_GLOBAL | elf::STT_NOTYPE,
                st_other: elf::STV_DEFAULT.into(),
            },
        })
    }

    fn absolute(&mut self, name: &str, value: u32) -> SymbolId {
        self.obj.add_symbol(Symbol {
            name: symbol(name).into_owned(),
            value: value.into(),
            size: 0,
            kind: object::SymbolKind::Unknown,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Absolute,
            flags: SymbolFlags::Elf {
                st_info: elf::STB_GLOBAL | elf::STT_OBJECT,
                st_other: elf::STV_DEFAULT.into(),
            },
        })
    }

    fn zeroed(&mut self, name: &str, size: u64, global: bool) -> SymbolId {
        let s = self.section(format!(".bss.{name}"), SectionKind::UninitializedData);
        self.obj.append_section_bss(s, size, 8);
        self.define(name, s, 0, size, elf::STT_OBJECT, global)
    }

    /// All symbols but those of functions with bodies.
    fn symbols(&mut self) {
        let c = self.c;
        for (i, kind) in c.symbols.kinds.iter().enumerate() {
            let name = self.text(kind);
            self.ids[i] = match kind {
                SymbolKind::Func(f) if c.module.funcs[*f as usize].import.is_some() => {
                    Some(self.undefined(&name))
                }
                SymbolKind::Aeabi(_) => Some(self.undefined(&name)),
                SymbolKind::Func(_)
                | SymbolKind::Float(_)
                | SymbolKind::FloatText(_)
                | SymbolKind::Wrapper(_)
                | SymbolKind::Thunk(_)
                | SymbolKind::Table(_)
                | SymbolKind::Elem(_)
                | SymbolKind::Init => None,
                SymbolKind::Memory(m) if c.module.memories[*m as usize].import.is_some() => {
                    Some(self.undefined(&name))
                }
                SymbolKind::Memory(_) => None,
                SymbolKind::Globals => {
                    Some(self.zeroed(&name, c.globals.size.max(4) as u64, false))
                }
                SymbolKind::Global(g) if c.module.globals[*g as usize].import.is_some() => {
                    Some(self.undefined(&name))
                }
                SymbolKind::Global(_) => None,
                SymbolKind::StackLimit => Some(self.undefined(&name)),
                SymbolKind::Data(n) => {
                    let bytes: Vec<u8> = c.image[*n as usize]
                        .words
                        .iter()
                        .flat_map(|w| w.to_le_bytes())
                        .collect();
                    let s = self.section(format!(".rodata.{name}"), SectionKind::ReadOnlyData);
                    self.obj.append_section_data(s, &bytes, 4);
                    Some(self.define(&name, s, 0, bytes.len() as u64, elf::STT_OBJECT, false))
                }
                SymbolKind::Segment(n) => {
                    let bytes = &c.module.data[*n as usize].bytes;
                    let s = self.section(format!(".rodata.{name}"), SectionKind::ReadOnlyData);
                    self.obj.append_section_data(s, bytes, 4);
                    Some(self.define(&name, s, 0, bytes.len() as u64, elf::STT_OBJECT, false))
                }
            };
        }
        // Every global that others may see, and memory, exist even if no code names them.
        for (g, global) in c.module.globals.iter().enumerate() {
            let kind = SymbolKind::Global(g as u32);
            let seen = c.module.memory_of_global(g as u32).is_some();
            if global.import.is_none() && (!global.exports.is_empty() || seen) {
                let id = self.zeroed(&self.text(&kind), 4 * global.ty.words() as u64, true);
                self.bind(&kind, id);
                for other in global.exports.iter().skip(1) {
                    self.alias(id, other);
                }
            }
        }
        for (i, m) in c.module.memories.iter().enumerate() {
            let kind = SymbolKind::Memory(i as u32);
            if let (Base::Address(at), None) = (m.base, &m.import) {
                self.absolute(&self.text(&kind), at);
            }
            if !m.is_reserved() {
                continue;
            }
            // An access that wraps by its mask may still end past the last byte.
            let slack = if self.options.bounds == Bounds::Mask {
                8
            } else {
                0
            };
            let id = self.zeroed(&self.text(&kind), m.reserved_bytes() + slack, true);
            self.bind(&kind, id);
        }
    }

    /// Tables and element segments: those that never change in flash, the others as variables.
    fn tables(&mut self) {
        let c = self.c;
        for kind in &c.references {
            let name = self.text(kind);
            let id = match kind {
                SymbolKind::Table(t) => {
                    let table = &c.module.tables[*t as usize];
                    match (&table.contents, &table.import) {
                        (Some(contents), _) => self.constant(&name, contents),
                        (None, Some(_)) => self.undefined(&name),
                        (None, None) => {
                            self.zeroed(&name, table.bytes().max(4).into(), table.is_shared())
                        }
                    }
                }
                SymbolKind::Elem(e) => {
                    let elem = &c.module.elems[*e as usize];
                    match elem.is_constant() {
                        true => self.constant(&name, &elem.items),
                        false => self.zeroed(&name, 4 * elem.items.len() as u64, false),
                    }
                }
                _ => continue,
            };
            self.bind(kind, id);
            if let SymbolKind::Table(t) = kind
                && c.module.tables[*t as usize].import.is_none()
            {
                for other in c.module.tables[*t as usize].exports.iter().skip(1) {
                    self.alias(id, other);
                }
            }
        }
    }

    /// References in flash.
    fn constant(&mut self, name: &str, items: &[GlobalInit]) -> SymbolId {
        let section = self.section(format!(".rodata.{name}"), SectionKind::ReadOnlyData);
        let mut bytes = Vec::new();
        for item in items {
            let bits = match *item {
                GlobalInit::Const(bits) => bits as u32,
                GlobalInit::Func(f) => {
                    let kind = crate::keep::reference(&self.c.module, f);
                    self.references.push((section, bytes.len() as u64, kind));
                    0
                }
                GlobalInit::Global(_) | GlobalInit::Expr(_) => 0,
            };
            bytes.extend(bits.to_le_bytes());
        }
        let size = bytes.len().max(4);
        bytes.resize(size, 0);
        self.obj.append_section_data(section, &bytes, 4);
        self.define(name, section, 0, size as u64, elf::STT_OBJECT, false)
    }

    fn bind(&mut self, kind: &SymbolKind, id: SymbolId) {
        if let Some(s) = self.c.symbols.find(kind) {
            self.ids[s.0 as usize] = Some(id);
        }
    }

    fn alias(&mut self, id: SymbolId, name: &str) {
        let s = self.obj.symbol(id);
        let (value, size, section) = (s.value, s.size, s.section.id());
        let ty = match s.flags {
            SymbolFlags::Elf { st_info, .. } => st_info.st_type(),
            _ => elf::STT_NOTYPE,
        };
        if let Some(section) = section {
            self.define(name, section, value, size, ty, true);
        }
    }

    /// The names under which others see a function.
    fn exported(&self, kind: &SymbolKind) -> Vec<String> {
        let f = match kind {
            SymbolKind::Func(i) => &self.c.module.funcs[*i as usize],
            SymbolKind::Wrapper(i) => &self.c.module.funcs[*i as usize],
            SymbolKind::Memory(_)
            | SymbolKind::Globals
            | SymbolKind::Global(_)
            | SymbolKind::StackLimit
            | SymbolKind::Init
            | SymbolKind::Float(_)
            | SymbolKind::FloatText(_)
            | SymbolKind::Aeabi(_)
            | SymbolKind::Thunk(_)
            | SymbolKind::Table(_)
            | SymbolKind::Elem(_)
            | SymbolKind::Data(_)
            | SymbolKind::Segment(_) => return Vec::new(),
        };
        let entered = match kind {
            SymbolKind::Wrapper(_) => f.needs_wrapper(),
            _ => f.exports_body(),
        };
        if entered {
            f.own_exports().cloned().collect()
        } else {
            Vec::new()
        }
    }

    fn function(&mut self, kind: &SymbolKind, code: &Code) -> Result<()> {
        let name = self.text(kind);
        let section = self.obj.add_section(
            Vec::new(),
            symbol(&format!(".text.{name}")).into_owned(),
            SectionKind::Text,
        );
        // References find the word that tells the type right in front of the code.
        let before = code.id.map_or(Vec::new(), |id| id.to_le_bytes().to_vec());
        let start_at = before.len() as u64;
        self.obj.append_section_data(section, &before, 4);
        self.obj.append_section_data(section, &code.bytes, 4);
        let size = code.bytes.len() as u64;
        let global = *kind == SymbolKind::Init;
        let thumb = !(on(Bug::ThumbBitLost) && global) as u64;
        let entry = start_at + thumb;
        let id = self.define(&name, section, entry, size, elf::STT_FUNC, global);
        if start_at > 0 {
            self.mark("$d", section, 0);
        }
        self.bind(kind, id);
        for (k, e) in self.exported(kind).iter().enumerate() {
            if k > 0 && on(Bug::SecondNameThumb) {
                self.define(e, section, start_at, size, elf::STT_FUNC, true);
                continue;
            }
            self.alias(id, e);
        }
        for (entry, offset) in &code.entries {
            let (name, value) = (self.text(entry), u64::from(offset | 1));
            let id = self.define(&name, section, value, 0, elf::STT_FUNC, false);
            self.bind(entry, id);
        }
        let mut at = 0;
        for &(start, end) in &code.data {
            if start > at || at == 0 {
                let at = start_at + at as u64;
                self.mark("$t", section, at);
            }
            if on(Bug::TableUnmarked) && (end as u64) < size {
                continue;
            }
            let start = start_at + start as u64;
            self.mark("$d", section, start);
            at = end;
        }
        if (at as u64) < size {
            let at = start_at + at as u64;
            self.mark("$t", section, at);
        }
        Ok(())
    }

    /// Relocations come last, when every symbol is there; so does the table of traps.
    fn traps(&mut self) -> Result<()> {
        let c = self.c;
        let sections: Vec<SectionId> = c
            .functions
            .iter()
            .map(|(k, _)| c.symbols.find(k).and_then(|s| self.ids[s.0 as usize]))
            .map(|id| id.and_then(|id| self.obj.symbol(id).section.id()))
            .collect::<Option<_>>()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a function has no section"))?;
        let mut table = Vec::new();
        let mut entries = Vec::new();
        for ((_, code), &section) in c.functions.iter().zip(&sections) {
            self.relocations(section, code)?;
            let base = self.obj.section_symbol(section);
            for &(offset, _, wasm) in &code.traps {
                entries.push((table.len() as u64, base));
                let offset = offset + before(code);
                let offset = offset + 2 * on(Bug::TrapEntryLate) as u32;
                table.extend(offset.to_le_bytes());
                table.extend(wasm.to_le_bytes());
            }
        }
        for (section, offset, kind) in std::mem::take(&mut self.references) {
            let number = c.symbols.find(&kind);
            let symbol = number.and_then(|s| self.ids[s.0 as usize]).ok_or_else(|| {
                Error::new(ErrorKind::Internal, format!("{kind:?} is not defined"))
            })?;
            self.relocation(section, offset, elf::R_ARM_ABS32, symbol)?;
        }
        let id = self.obj.add_section(
            Vec::new(),
            TRAP_SECTION.as_bytes().to_vec(),
            SectionKind::Metadata,
        );
        self.obj.section_mut(id).flags = SectionFlags::Elf {
            sh_type: elf::SHT_PROGBITS,
            sh_flags: Default::default(),
        };
        self.obj.append_section_data(id, &table, 4);
        for (offset, symbol) in entries {
            self.relocation(id, offset, elf::R_ARM_ABS32, symbol)?;
        }
        Ok(())
    }

    fn relocations(&mut self, section: SectionId, code: &Code) -> Result<()> {
        for r in &code.relocs {
            let symbol = self.ids[r.symbol.0 as usize].ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    format!("symbol {} is not defined", r.symbol.0),
                )
            })?;
            let ty = match r.kind {
                RelocKind::Abs32 => elf::R_ARM_ABS32,
                RelocKind::Call => elf::R_ARM_THM_PC22,
                RelocKind::Jump => elf::R_ARM_THM_JUMP24,
                RelocKind::MovwAbs => elf::R_ARM_THM_MOVW_ABS_NC,
                RelocKind::MovtAbs if on(Bug::HalfSwapped) => elf::R_ARM_THM_MOVW_ABS_NC,
                RelocKind::MovtAbs => elf::R_ARM_THM_MOVT_ABS,
            };
            let offset = u64::from(r.offset + before(code));
            self.relocation(section, offset, ty, symbol)?;
        }
        Ok(())
    }

    fn relocation(
        &mut self,
        section: SectionId,
        offset: u64,
        r_type: elf::RelocationType,
        symbol: SymbolId,
    ) -> Result<()> {
        self.obj
            .add_relocation(
                section,
                Relocation {
                    offset,
                    symbol,
                    addend: 0,
                    flags: RelocationFlags::Elf { r_type },
                },
            )
            .map_err(|e| Error::new(ErrorKind::Internal, format!("relocation: {e}")))
    }
}
