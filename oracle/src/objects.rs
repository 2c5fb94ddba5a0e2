//! The object file judged by itself: modules that are all surface.
//!
//! In: bytes. Out: nothing, or what is wrong. The bytes make a module with many imports, exports, globals and segments under names
//! that linkers, assemblers and C compilers mind ([`made`]), and options. What its names must become is computed here from the module
//! alone, by the rules of `docs/abi.md`: the compiler must refuse exactly the modules whose names meet; the object must
//! define exactly the promised symbols, with their types, sizes and Thumb bits, leave nothing else undefined, link, and say
//! where each of its traps is; the header must declare the same symbols. Invariant: nothing runs: what code does is judged elsewhere.

mod made;

use crate::arm::link::{Image, link};
use crate::arm::memory::{Kind, Map};
use crate::generate::draw::Draw;
use crate::program::{Info, import_symbol};
use crate::statics::StaticJudge;
use made::made;
use object::read::elf::ElfFile32;
use object::{LittleEndian, Object, ObjectSymbol, elf};
use std::collections::{BTreeMap, BTreeSet};
use thumbsmith::object::names;
use thumbsmith::{Bounds, Cpu, ErrorKind, Level, Options, TrapKind};

/// What a symbol stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Thing {
    Function,
    /// A variable of so many bytes.
    Variable(u64),
}

/// The symbols that a module promises, and those that it needs.
#[derive(Debug, Default)]
struct Surface {
    defined: BTreeMap<String, Thing>,
    needed: BTreeMap<String, Thing>,
    /// Symbols that need two types, or are needed and defined.
    clash: Option<String>,
    /// The symbol of an import for each other name under which it is exported: the header declares it again.
    again: Vec<String>,
}

/// The prefix of modules here.
const PREFIX: &str = "m";

impl Surface {
    fn needs(&mut self, info: &Info) {
        let mut types = BTreeMap::new();
        for import in &info.imports {
            let name = import_symbol(&import.module, &import.field);
            let kind = format!("{:?}", import.sig);
            if types
                .insert(name.clone(), kind.clone())
                .is_some_and(|k| k != kind)
            {
                self.clash = Some(name.clone());
            }
            self.needed.insert(name, Thing::Function);
        }
        for global in &info.globals {
            let Some((module, field)) = &global.import else {
                continue;
            };
            let name = import_symbol(module, field);
            let kind = format!("{:?}", global.ty);
            if types
                .insert(name.clone(), kind.clone())
                .is_some_and(|k| k != kind)
            {
                self.clash = Some(name.clone());
            }
            self.needed
                .insert(name, Thing::Variable(4 * global.ty.words() as u64));
        }
    }

    fn defines(&mut self, made: &made::Surface, info: &Info) {
        for (name, func) in &made.functions {
            let import = info.imports.get(*func as usize);
            if import.is_some_and(|i| import_symbol(&i.module, &i.field) == *name) {
                continue;
            }
            self.defined.insert(name.clone(), Thing::Function);
        }
        for (name, index) in &made.globals {
            let global = &info.globals[*index as usize];
            match &global.import {
                Some((m, f)) if import_symbol(m, f) == *name => {}
                Some((m, f)) => self.again.push(import_symbol(m, f)),
                None => {
                    let size = 4 * global.ty.words() as u64;
                    self.defined.insert(name.clone(), Thing::Variable(size));
                }
            }
        }
    }

    /// Symbols by the rules of the ABI, and why they cannot all stand, if so.
    fn new(made: &made::Surface, info: &Info) -> Surface {
        let mut s = Surface::default();
        s.needs(info);
        s.defines(made, info);
        let own =
            ["init", "memory", "memory_pages", "stack_limit"].map(|n| format!("{PREFIX}_{n}"));
        let all: Vec<&String> = s.defined.keys().chain(s.needed.keys()).collect();
        let taken = all.iter().find(|n| own.contains(n)).map(|n| (*n).clone());
        let both = s
            .defined
            .keys()
            .find(|n| s.needed.contains_key(*n))
            .cloned();
        s.clash = s.clash.or(taken).or(both);
        s.defined.insert(format!("{PREFIX}_init"), Thing::Function);
        if let Some(memory) = info.memory() {
            let grown = memory.max.filter(|most| made.grows && *most > memory.min);
            let bytes = grown.unwrap_or(memory.min) << 16;
            s.defined
                .insert(format!("{PREFIX}_memory"), Thing::Variable(bytes));
            if grown.is_some() {
                let pages = format!("{PREFIX}_memory_pages");
                s.defined.insert(pages, Thing::Variable(4));
            }
        }
        s
    }
}

/// Judges the object and the header of the module that the bytes make. Returns how many symbols were compared; 0 if the
/// module is rightly refused.
///
/// # Errors
/// Text that says what object or header hold instead of what the module says.
pub fn judge(bytes: &[u8]) -> Result<usize, String> {
    let mut draw = Draw::new(bytes);
    let options = Options {
        cpu: draw.pick(&Cpu::ALL),
        level: draw.pick(&Level::ALL),
        bounds: draw.pick(&[Bounds::Check, Bounds::Check, Bounds::Mpu, Bounds::None]),
        name: PREFIX.into(),
        stack_check: !draw.chance(30),
        ..Options::default()
    };
    let made = made(&mut draw);
    let text = || {
        let options = crate::regression::options_text(&options);
        let module = wasmprinter::print_bytes(&made.wasm).unwrap_or_default();
        format!("({options})\n{module}")
    };
    let info = Info::read(&made.wasm).map_err(|e| format!("{e} {}", text()))?;
    let surface = Surface::new(&made, &info);
    let output = match (thumbsmith::compile(&made.wasm, &options), &surface.clash) {
        (Err(e), Some(_)) if e.kind == ErrorKind::Options => {
            return Ok(0);
        }
        (Err(e), _) => return Err(format!("{e} {}", text())),
        (Ok(_), Some(name)) => {
            return Err(format!("accepted, but {name:?} meets another {}", text()));
        }
        (Ok(output), None) => output,
    };
    let judged = inside(&output, &surface, &made, &options);
    judged.map_err(|e| format!("{e} {}", text()))
}

fn inside(
    output: &thumbsmith::Output,
    surface: &Surface,
    made: &made::Surface,
    options: &Options,
) -> Result<usize, String> {
    let mut needed = surface.needed.clone();
    if options.stack_check {
        needed.insert(format!("{PREFIX}_stack_limit"), Thing::Variable(4));
    }
    let compared = symbols(&output.object, surface, &needed)?;
    let memory = format!("{PREFIX}_memory");
    let image = link(&output.object, Map::SPARSE, &memory, 0, &|name| {
        needed.get(name).map(|thing| match thing {
            Thing::Function => Map::SPARSE.base(Kind::Stubs) | 1,
            Thing::Variable(_) => Map::SPARSE.base(Kind::Ram),
        })
    })?;
    traps(&image, made, options)?;
    StaticJudge::default().judge(&output.object, options.cpu)?;
    header(&output.header, surface, &needed)?;
    Ok(compared)
}

/// The symbol table against what is promised.
fn symbols(
    object: &[u8],
    surface: &Surface,
    needed: &BTreeMap<String, Thing>,
) -> Result<usize, String> {
    let elf = ElfFile32::<LittleEndian>::parse(object).map_err(|e| e.to_string())?;
    let mut defined = BTreeSet::new();
    for symbol in elf.symbols().filter(|s| s.is_global()) {
        let bytes = symbol.name_bytes().map_err(|e| e.to_string())?;
        let name =
            names::name(bytes).ok_or_else(|| format!("symbol {bytes:x?} is that of no name"))?;
        if symbol.is_undefined() {
            if !needed.contains_key(&name) {
                return Err(format!(
                    "symbol {name:?} is undefined, and nothing imports it"
                ));
            }
            continue;
        }
        let kind = symbol.elf_symbol().st_type();
        let (size, thumb) = (symbol.size(), symbol.address() & 1 == 1);
        let right = match surface.defined.get(&name) {
            None => {
                return Err(format!(
                    "symbol {name:?} is defined, and nothing exports it"
                ));
            }
            Some(Thing::Function) => kind == elf::STT_FUNC && thumb && size > 0,
            Some(Thing::Variable(bytes)) => kind == elf::STT_OBJECT && !thumb && size == *bytes,
        };
        if !right {
            let thing = surface.defined.get(&name);
            return Err(format!(
                "symbol {name:?} is {kind:?} of {size} bytes at {:#x}, not {thing:?}",
                symbol.address()
            ));
        }
        if !defined.insert(name.clone()) {
            return Err(format!("symbol {name:?} is defined twice"));
        }
    }
    match surface.defined.keys().find(|n| !defined.contains(*n)) {
        Some(name) => Err(format!("symbol {name:?} is not defined")),
        None => Ok(defined.len()),
    }
}

/// Every entry of the table of traps is an `UDF` of a trap: its kind, and the offset that the entry gives.
///
/// # Errors
/// Text that names the entry.
pub fn trap_table(image: &Image) -> Result<Vec<(TrapKind, u32)>, String> {
    let entry = |(address, offset): (&u32, &u32)| {
        let base = Map::SPARSE.base(Kind::Code);
        let at = address.wrapping_sub(base) as usize;
        let half = image
            .code
            .get(at..at + 2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]));
        let kind = half
            .filter(|h| h & 0xff00 == 0xde00)
            .map(|h| (h & 0xff) as u8);
        let Some(kind) = kind.and_then(TrapKind::from_code) else {
            return Err(format!("the trap at {address:#x} is {half:x?}"));
        };
        Ok((kind, *offset))
    };
    image.traps.iter().map(entry).collect()
}

/// Every entry of the table of traps is a trap that the module can have, from an operator of the module.
fn traps(image: &Image, made: &made::Surface, options: &Options) -> Result<(), String> {
    for (kind, offset) in trap_table(image)? {
        // The stack is checked before the first operator.
        let expected = match kind {
            TrapKind::StackExhausted => options.stack_check,
            TrapKind::Unreachable
            | TrapKind::DivideByZero
            | TrapKind::IntegerOverflow
            | TrapKind::InvalidConversion
            | TrapKind::UndefinedElement
            | TrapKind::UninitializedElement
            | TrapKind::IndirectCallType
            | TrapKind::TableOutOfBounds
            | TrapKind::OutOfBounds => made.traps.get(&offset) == Some(&kind),
        };
        if !expected {
            let says = made.traps.get(&offset);
            return Err(format!(
                "a trap is {kind:?} from byte {offset:#x}, where the module has {says:?}"
            ));
        }
    }
    Ok(())
}

/// The symbol that a line of the header declares.
fn declared(line: &str) -> Option<String> {
    let line = line.strip_suffix(';')?;
    if line.starts_with("struct ") && line.ends_with('}') {
        return None;
    }
    if let Some((_, label)) = line.split_once(" THUMBSMITH_SYMBOL(\"") {
        return unescaped(label.strip_suffix("\")")?);
    }
    let until = line.find(['(', '[']).unwrap_or(line.len());
    let name = line[..until].rsplit(' ').next()?;
    Some(name.to_owned())
}

/// The name whose symbol a label gives.
fn unescaped(label: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = label.bytes();
    while let Some(b) = rest.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let digit = |b: u8| char::from(b).to_digit(8);
        let next = rest.next()?;
        match digit(next) {
            None => out.push(next),
            Some(high) => {
                let (middle, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                out.push(u8::try_from(high << 6 | middle << 3 | low).ok()?);
            }
        }
    }
    names::name(&out)
}

/// The header declares what the object defines and needs, each under all its names.
fn header(text: &str, surface: &Surface, needed: &BTreeMap<String, Thing>) -> Result<(), String> {
    let lines = text.lines().filter(|l| !l.starts_with(['#', '/', '}']));
    let mut found: Vec<String> = lines.filter_map(declared).collect();
    let names = surface.defined.keys().chain(needed.keys());
    let mut wanted: Vec<&String> = names.chain(&surface.again).collect();
    found.sort();
    wanted.sort();
    match found.iter().eq(wanted.iter().copied()) {
        true => Ok(()),
        false => Err(format!(
            "the header declares {found:?}, not {wanted:?}\n{text}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn objects_hold_what_modules_say() {
        let (mut compared, mut refused) = (0, 0);
        for seed in 0..600 {
            let bytes = Random::new(seed).bytes(40 + seed as usize % 700);
            match judge(&bytes).unwrap_or_else(|e| panic!("seed {seed}: {e}")) {
                0 => refused += 1,
                n => compared += n,
            }
        }
        assert!(compared > 2_000, "only {compared} symbols were compared");
        assert!(
            (20..400).contains(&refused),
            "{refused} modules were refused"
        );
        judge(&[]).expect("no bytes are a module too");
    }

    #[test]
    fn labels_of_the_header_read_back() {
        assert_eq!(declared("void f(void);").as_deref(), Some("f"));
        assert_eq!(
            declared("extern uint8_t m_memory[];").as_deref(),
            Some("m_memory")
        );
        let line = r#"uint32_t a_b(void) THUMBSMITH_SYMBOL("a\"\012b");"#;
        assert_eq!(declared(line).as_deref(), Some("a\"\nb"));
        let line = r#"extern uint32_t a_b THUMBSMITH_SYMBOL("a\300\200\303\244");"#;
        assert_eq!(declared(line).as_deref(), Some("a\0ä"));
        assert_eq!(
            declared("struct f_results { uint32_t r0; uint32_t r1; };"),
            None
        );
    }
}
