//! The emitted code as an [`Engine`]: calls by the standard, the outside world at its import stubs, and the watch over
//! everything that a function must leave alone.
//!
//! In: a program and a [`Core`]. Out: outcomes, memory, globals, import calls, and violations: callee-saved
//! registers, the stack pointer, the caller's frame, bytes outside of the program's own data, a trap that the trap
//! table does not know. Invariant: a register or word that the standard does not define holds junk on entry.

use super::abi::{Convention, Results, Variant};
use super::link::{CANARY, Image, link};
use super::memory::{Kind, Map, Memory};
use super::{Core, LR, PC, Regs, SP, Stop};
use crate::engine::{Engine, Outcome, answer, copy, imported_global, mix};
use crate::program::{ImportFn, Info, Program, Sig, Ty, import_symbol};
use std::ops::Range;
use std::rc::Rc;
use thumbsmith::backend::symbols::numbered;
use thumbsmith::options::Base;
use thumbsmith::{Bounds, TrapKind};

/// Bytes of stack for a program.
pub const STACK: usize = 2 << 20;
/// Bytes below the stack limit that nobody may touch.
pub const GUARD: usize = 256;
/// Bytes at the top of the stack that no program finds as another left them: more than most ever use.
const FRESH: usize = 64 << 10;
/// Bytes of the caller's frame above arguments and results that nobody may touch.
const ABOVE: usize = 128;
/// Bytes of the frame that an import is taken to have.
const CALLEE: u32 = 128;
/// Offset of the first import stub; the return address is offset 0.
const FIRST_STUB: u32 = 16;
/// `UDF #0xfe`, which fills the stub region: a code that no trap has.
pub const STUB: u16 = 0xdefe;
/// Offset in RAM of the first imported global; the stack limit is at offset 0.
pub(super) const FIRST_GLOBAL: usize = 8;

/// Address of the stub of an import, with the Thumb bit.
pub(super) fn stub(map: Map, import: usize) -> u32 {
    (map.base(Kind::Stubs) + FIRST_STUB + 2 * import as u32) | 1
}

/// Bytes at the start of RAM that are the firmware's own variables: the stack limit, imported globals, and the sizes
/// of an imported memory.
pub(super) fn firmware_bytes(info: &Info) -> usize {
    let outside = info.memory().is_some_and(|m| m.import.is_some());
    FIRST_GLOBAL + 8 * (info.imported_globals() + usize::from(outside))
}

/// Address of what a module imports as the memory or a variable beside it.
pub(super) fn outside_memory(map: Map, info: &Info, symbol: &str) -> Option<u32> {
    let memory = info.memory().filter(|m| m.import.is_some())?;
    let sizes = map.base(Kind::Ram) + (FIRST_GLOBAL + 8 * info.imported_globals()) as u32;
    let places = [
        ("", map.base(Kind::Linear)),
        ("_pages", sizes),
        ("_max_pages", sizes + 4),
    ];
    let found = places
        .into_iter()
        .find(|(suffix, _)| memory.symbol(suffix).as_deref() == Some(symbol));
    found.map(|(_, at)| at)
}

/// Where a linear memory is.
struct Place {
    address: u32,
    /// Bytes that are reserved.
    bytes: usize,
    /// Address of its current size in pages.
    pages: Option<u32>,
}

/// The core registers that a call may change, but for PC (AAPCS32, 6.1.1).
pub const CHANGED: [usize; 6] = [0, 1, 2, 3, 12, LR];
/// The registers of the FPU that it may change: the rest keep what they hold (AAPCS32, 6.1.2).
pub const CHANGED_SINGLES: Range<usize> = 0..16;

/// Something that is called: its address with the Thumb bit, type and convention.
struct Entry {
    address: u32,
    sig: Sig,
    convention: Convention,
}

impl Entry {
    fn new(address: u32, sig: &Sig, variant: Variant) -> Entry {
        Entry {
            address,
            sig: sig.clone(),
            convention: Convention::of(sig, variant),
        }
    }
}

/// Emitted code on a core.
pub struct Machine<C: Core> {
    core: C,
    memory: Memory,
    image: Image,
    info: Info,
    entries: Vec<Rc<Entry>>,
    imports: Vec<Rc<Entry>>,
    globals: Vec<Option<u32>>,
    init: Rc<Entry>,
    /// What calls follow.
    variant: Variant,
    places: Vec<Place>,
    /// Where linear memory is, for programs that do not say.
    home: u32,
    /// Whether the program has its first memory where this machine's is, by an address or because addresses are the machine's.
    fixed: bool,
    log: Vec<u64>,
    import_calls: u64,
    /// Whether an import may call back, and how often one did since the program was loaded.
    free: bool,
    called_back: u64,
    junk: u64,
    violations: Vec<String>,
    trap_offset: Option<u32>,
}

impl<C: Core> Machine<C> {
    /// A machine around a core.
    pub fn new(core: C) -> Machine<C> {
        Machine::at(Map::SPARSE, core)
    }

    /// A machine around a core, with its regions where `map` says.
    pub fn at(map: Map, core: C) -> Machine<C> {
        let mut memory = Memory::new(map, [4096, 256 << 10, 64 << 10, 64 << 10, STACK]);
        fill_stubs(&mut memory);
        memory.bytes_mut(Kind::Stack).fill(0xa3);
        memory.bytes_mut(Kind::Stack)[..GUARD].fill(CANARY);
        Machine {
            core,
            memory,
            image: Image::default(),
            info: Info::default(),
            entries: Vec::new(),
            imports: Vec::new(),
            globals: Vec::new(),
            init: Rc::new(Entry::new(0, &Sig::default(), Variant::Base)),
            variant: Variant::Base,
            places: Vec::new(),
            home: map.base(Kind::Linear),
            fixed: false,
            log: Vec::new(),
            import_calls: 0,
            free: false,
            called_back: 0,
            junk: 0,
            violations: Vec::new(),
            trap_offset: None,
        }
    }

    /// Room for the first linear memory in bytes, known once a program is loaded.
    pub fn memory_capacity(&self) -> Option<u64> {
        let pages = |log2: u32| (self.image.linear >> log2) << log2;
        self.info.memory().map(|m| pages(m.page_log2) as u64)
    }

    /// The core.
    pub fn core(&self) -> &C {
        &self.core
    }

    /// The core, to change.
    pub fn core_mut(&mut self) -> &mut C {
        &mut self.core
    }

    /// How often an import called back into an export since the program was loaded.
    pub fn called_back(&self) -> u64 {
        self.called_back
    }

    /// The byte offset in the binary that the trap table has for the last trap.
    pub fn trap_offset(&self) -> Option<u32> {
        self.trap_offset
    }

    /// Bytes of the region of stubs that the loaded program uses.
    pub fn stub_bytes(&self) -> usize {
        FIRST_STUB as usize + 2 * self.info.imports.len()
    }

    /// The linked program.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// First address of a region.
    fn base(&self, kind: Kind) -> u32 {
        self.memory.map().base(kind)
    }

    /// Another core, which needs an image of its own next.
    pub(super) fn replace_core(&mut self, core: C) {
        self.core = core;
    }

    /// Size in bytes of the code and constants of the loaded program.
    pub fn code_size(&self) -> usize {
        self.image.code.len()
    }

    fn linked(map: Map, program: &Program) -> Result<Image, String> {
        let info = &program.info;
        let name = &program.options.name;
        let limit = format!("{name}_stack_limit");
        let external = |symbol: &str| {
            if symbol == limit {
                return Some(map.base(Kind::Ram));
            }
            let function = info
                .imports
                .iter()
                .position(|f| import_symbol(&f.module, &f.field) == symbol);
            let global = || {
                info.globals
                    .iter()
                    .position(|g| g.import.is_some() && g.symbol().as_deref() == Some(symbol))
            };
            function
                .map(|f| stub(map, f))
                .or_else(|| global().map(|g| map.base(Kind::Ram) + (FIRST_GLOBAL + 8 * g) as u32))
                .or_else(|| outside_memory(map, info, symbol))
        };
        link(
            &program.object,
            map,
            &format!("{name}_memory"),
            firmware_bytes(info),
            &external,
        )
    }

    /// Puts linear memory where the program has it: from address 0 if its addresses are the machine's.
    fn place_linear(&mut self, program: &Program) {
        let at = match program.options.memory_base {
            Base::Identity => 0,
            Base::Symbol | Base::Address(_) => self.home,
        };
        self.memory.place(Kind::Linear, at);
    }

    /// Takes an image instead of what was loaded before.
    pub(super) fn load_image(&mut self, image: Image, program: &Program) -> Result<(), String> {
        self.image = image;
        self.info = program.info.clone();
        self.variant = Variant::of(program.options.cpu);
        self.place_linear(program);
        self.fixed = match program.options.memory_base {
            Base::Symbol => false,
            Base::Address(at) => at == self.home,
            Base::Identity => true,
        };
        if let Some(m) = self
            .info
            .memory()
            .filter(|m| m.import.is_some() || self.fixed)
        {
            // What wraps may end some bytes behind the memory, which its section has room for (docs/memory.md).
            let behind = 8 * usize::from(program.options.bounds == Bounds::Mask);
            self.image.linear = (m.limit() << m.page_log2) as usize + behind;
        }
        self.resolve(program)?;
        let stubs = self.stub_bytes();
        if stubs > self.memory.bytes(Kind::Stubs).len() {
            self.memory.resize(Kind::Stubs, stubs, false);
            fill_stubs(&mut self.memory);
        }
        self.memory.resize(Kind::Code, self.image.code.len(), false);
        self.memory.resize(Kind::Ram, self.image.ram.len(), false);
        self.memory.resize(Kind::Linear, self.image.linear, true);
        self.memory.bytes_mut(Kind::Code)[..self.image.code.len()]
            .copy_from_slice(&self.image.code);
        self.junk = 0;
        self.called_back = 0;
        self.core.attach(&mut self.memory)
    }

    /// Finds the addresses of everything that the image must define.
    fn resolve(&mut self, program: &Program) -> Result<(), String> {
        let name = &program.options.name;
        let symbols = &self.image.symbols;
        let need = |symbol: &str| {
            symbols
                .get(symbol)
                .copied()
                .ok_or_else(|| format!("the object lacks {symbol}"))
        };
        self.entries.clear();
        for export in &self.info.exports {
            let address = need(&export.name)?;
            let entry = Entry::new(address, &export.sig, self.variant);
            self.entries.push(Rc::new(entry));
        }
        let variant = self.variant;
        let stub = |f: &ImportFn| Rc::new(Entry::new(0, &f.sig, variant));
        self.imports = self.info.imports.iter().map(stub).collect();
        self.globals.clear();
        for (i, global) in self.info.globals.iter().enumerate() {
            self.globals.push(match (&global.import, global.symbol()) {
                (Some(_), _) => Some(self.base(Kind::Ram) + (FIRST_GLOBAL + 8 * i) as u32),
                (None, Some(symbol)) => Some(need(&symbol)?),
                (None, None) => None,
            });
        }
        let init = need(&format!("{name}_init"))?;
        self.init = Rc::new(Entry::new(init, &Sig::default(), self.variant));
        self.places.clear();
        let (map, image) = (self.memory.map(), &self.image);
        for (i, memory) in self.info.memories.iter().enumerate() {
            let symbol = numbered(name, i as u32);
            let outside = |suffix: &str| {
                let symbol = memory.symbol(suffix)?;
                outside_memory(map, &self.info, &symbol)
            };
            let fixed =
                (self.fixed && i == 0 && memory.import.is_none()).then(|| map.base(Kind::Linear));
            let place = match outside("").or(fixed) {
                Some(address) => Place {
                    address,
                    bytes: image.linear,
                    pages: outside("_pages").or(symbols.get(&format!("{symbol}_pages")).copied()),
                },
                None if memory.min > 0 || symbols.contains_key(&symbol) => Place {
                    address: need(&symbol)?,
                    bytes: match i {
                        0 => image.linear,
                        _ => image.owned_at(map, need(&symbol)?),
                    },
                    pages: symbols.get(&format!("{symbol}_pages")).copied(),
                },
                None => Place {
                    address: 0,
                    bytes: 0,
                    pages: None,
                },
            };
            if (place.bytes as u64) < memory.min << memory.page_log2 {
                return Err(format!("{symbol} has only {} bytes", place.bytes));
            }
            self.places.push(place);
        }
        Ok(())
    }

    /// Memory, globals, stack and its limit as they are before initialization.
    fn reset(&mut self) {
        let stack = self.memory.bytes_mut(Kind::Stack);
        // A program that was given up may have left anything, which is no fault of this one; and what a program reads
        // without having written it must be the same whenever it runs.
        stack[..GUARD].fill(CANARY);
        stack[STACK - FRESH..].fill(CANARY);
        let linear = self.memory.bytes_mut(Kind::Linear);
        linear.fill(0);
        linear[..self.image.linear_data.len()].copy_from_slice(&self.image.linear_data);
        self.memory.bytes_mut(Kind::Ram)[..self.image.ram.len()].copy_from_slice(&self.image.ram);
        let limit = self.base(Kind::Stack) + GUARD as u32;
        self.memory
            .write(self.base(Kind::Ram), &limit.to_le_bytes());
        if let Some(m) = self.info.memory().filter(|m| m.import.is_some()) {
            for (suffix, pages) in [("_pages", m.min), ("_max_pages", m.limit())] {
                let symbol = m.symbol(suffix).unwrap_or_default();
                if let Some(at) = outside_memory(self.memory.map(), &self.info, &symbol) {
                    self.memory.write(at, &(pages as u32).to_le_bytes());
                }
            }
        }
        for i in 0..self.info.globals.len() {
            if self.info.globals[i].import.is_some() {
                let ty = self.info.globals[i].ty;
                self.write_global(i, imported_global(i, ty));
            }
        }
        self.import_calls = 0;
    }

    fn write_global(&mut self, global: usize, value: u64) {
        if let Some(at) = self.globals[global] {
            let bytes = value.to_le_bytes();
            self.memory
                .write(at, &bytes[..self.info.globals[global].ty.words() * 4]);
        }
    }

    fn read_value(&self, at: u32, ty: Ty) -> Option<u64> {
        let low = u64::from(self.memory.word(at)?);
        match ty {
            Ty::I32 | Ty::F32 => Some(low),
            Ty::I64 | Ty::F64 => Some(low | u64::from(self.memory.word(at.wrapping_add(4))?) << 32),
        }
    }

    fn junk(&mut self) -> u32 {
        self.junk = self.junk.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.junk) as u32
    }

    /// Calls `entry` by the standard, serves its imports, and judges what it leaves behind.
    fn enter(&mut self, entry: &Entry, args: &[u64]) -> Outcome {
        self.log.clear();
        self.violations.clear();
        let top = self.base(Kind::Stack) + STACK as u32;
        self.invoke(entry, args, top)
    }

    /// Calls `entry` from a frame that ends at `top`.
    fn invoke(&mut self, entry: &Entry, args: &[u64], top: u32) -> Outcome {
        let (sig, convention) = (&entry.sig, &entry.convention);
        let size = convention.results.size().next_multiple_of(8);
        let stack_bytes = convention.stack_words as u32 * 4;
        let above = (stack_bytes + size + ABOVE as u32) & !7;
        let floor = self.base(Kind::Stack) + GUARD as u32;
        if top.saturating_sub(above) < floor {
            return Outcome::Trapped(TrapKind::StackExhausted);
        }
        let sp = top - above;
        let structure = sp + stack_bytes;
        let end = (top - self.base(Kind::Stack)) as usize;
        let frame = end - above as usize;
        self.memory.bytes_mut(Kind::Stack)[frame..end].fill(CANARY);

        let mut regs = Regs::default();
        for r in &mut regs.r[..13] {
            *r = self.junk();
        }
        if self.variant == Variant::Vfp {
            self.spoil_singles(&mut regs, 0..32);
        }
        (regs[SP], regs[LR], regs[PC]) = (sp, self.base(Kind::Stubs) | 1, entry.address & !1);
        if size > 0 {
            regs[0] = structure;
        }
        convention.pass(sig, args, &mut regs, |n, word| {
            let written = self.memory.write(sp + n as u32 * 4, &word.to_le_bytes());
            debug_assert!(written, "arguments fit the caller's frame");
        });
        let (before, home) = (regs, self.base(Kind::Stubs));
        loop {
            match self.core.run(&mut regs, &mut self.memory, home) {
                Stop::Until => break,
                Stop::Udf(code) => match self.trapped(&mut regs, code) {
                    Some(outcome) => return outcome,
                    None => continue,
                },
                Stop::Fault(what) => return Outcome::Fault(what),
                // Not where: that depends on the clock.
                Stop::Timeout => {
                    return Outcome::Fault("still running after the time limit".into());
                }
            }
        }
        let own = frame + stack_bytes as usize..end;
        self.check_return(&before, &regs, own, convention);
        let read = |at: u32, ty| self.read_value(structure + at, ty);
        convention.results(sig, &regs, read).map_or_else(
            || Outcome::Fault("results do not lie in the frame".into()),
            Outcome::Returned,
        )
    }

    /// Fills registers of the FPU with junk.
    fn spoil_singles(&mut self, regs: &mut Regs, which: Range<usize>) {
        for s in &mut regs.s[which] {
            *s = self.junk();
        }
    }

    /// An undefined instruction: an import's stub (then the call goes on: `None`) or a trap.
    fn trapped(&mut self, regs: &mut Regs, code: u16) -> Option<Outcome> {
        let pc = regs[PC];
        if self
            .memory
            .locate(pc, 2)
            .is_some_and(|(kind, _)| kind == Kind::Stubs)
        {
            let index = pc.wrapping_sub(self.base(Kind::Stubs) + FIRST_STUB) as usize / 2;
            return if index < self.info.imports.len() {
                self.import(regs, index).err()
            } else {
                Some(Outcome::Fault(format!("jump into the stubs at {pc:#x}")))
            };
        }
        let kind = u8::try_from(code).ok().and_then(TrapKind::from_code);
        self.trap_offset = self.image.traps.get(&pc).copied();
        if kind.is_some() && !self.image.traps.is_empty() && !self.image.traps.contains_key(&pc) {
            self.violations
                .push(format!("the trap at {pc:#x} is not in the trap table"));
        }
        Some(match kind {
            Some(kind) => Outcome::Trapped(kind),
            None => Outcome::Fault(format!("UDF #{code} at {pc:#x} is no trap")),
        })
    }

    /// The outside world: reads arguments by the standard, answers, leaves junk in what a callee may destroy.
    fn import(&mut self, regs: &mut Regs, index: usize) -> Result<(), Outcome> {
        let stub = self.imports[index].clone();
        let (sig, convention) = (&stub.sig, &stub.convention);
        let sp = regs[SP];
        if !sp.is_multiple_of(8) {
            self.violations.push(format!(
                "SP is {sp:#x} at a call of import {index}: not a multiple of 8"
            ));
        }
        if regs[LR] & 1 == 0 {
            return Err(Outcome::Fault(format!(
                "import {index} called with return address {:#x}, not Thumb",
                regs[LR]
            )));
        }
        let lost = || Outcome::Fault(format!("arguments of import {index} do not lie in memory"));
        let stack = |n: usize| self.memory.word(sp.wrapping_add(n as u32 * 4));
        let args = convention.arguments(sig, regs, stack).ok_or_else(lost)?;
        self.log.push(index as u64);
        self.log.extend_from_slice(&args);
        let reply = answer(&self.info, index, self.import_calls, &args, self.free);
        self.import_calls += 1;
        if let Some((export, args)) = &reply.call {
            self.call_back(*export, args, sp)?;
        }
        let structure = regs[0];
        regs[PC] = regs[LR] & !1;
        for r in CHANGED {
            regs[r] = self.junk();
        }
        if self.variant == Variant::Vfp {
            self.spoil_singles(regs, CHANGED_SINGLES);
        }
        convention.give(sig, &reply.results, regs);
        if let Results::Indirect(offsets, _) = &convention.results {
            self.store_results(structure, offsets, sig, &reply.results)?;
        }
        self.side_effects(reply.store, reply.set);
        if let Some(range) = reply.copy {
            let size = self.memory_size(0);
            copy(&mut self.memory.bytes_mut(Kind::Linear)[..size], range);
        }
        self.spoil_below(sp);
        Ok(())
    }

    /// Calls an export from within an import, and logs what it returns.
    fn call_back(&mut self, export: usize, args: &[u64], sp: u32) -> Result<(), Outcome> {
        let entry = self.entries[export].clone();
        self.called_back += 1;
        self.free = false;
        self.core.suspend();
        let outcome = self.invoke(&entry, args, sp & !7);
        self.core.resume();
        self.free = true;
        match outcome {
            Outcome::Returned(values) => {
                self.log.extend_from_slice(&values);
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Fills the words below the stack pointer with junk, as a callee's frame does.
    fn spoil_below(&mut self, sp: u32) {
        let junk = self.junk().to_le_bytes();
        let floor = self.base(Kind::Stack) + GUARD as u32;
        let low = sp.saturating_sub(CALLEE).max(floor);
        let size = sp.saturating_sub(low) as usize;
        if let Some((Kind::Stack, at)) = self.memory.locate(low, size) {
            let below = &mut self.memory.bytes_mut(Kind::Stack)[at..at + size];
            below
                .chunks_mut(4)
                .for_each(|word| word.copy_from_slice(&junk[..word.len()]));
        }
    }

    fn store_results(
        &mut self,
        structure: u32,
        offsets: &[u32],
        sig: &Sig,
        values: &[u64],
    ) -> Result<(), Outcome> {
        let words = sig.results.iter().map(|ty| ty.words());
        let align = 4 * words.max().unwrap_or(1) as u32;
        if !structure.is_multiple_of(align) {
            self.violations.push(format!(
                "address {structure:#x} for an import's results is not aligned"
            ));
        }
        for ((offset, ty), value) in offsets.iter().zip(&sig.results).zip(values) {
            let bytes = value.to_le_bytes();
            let at = structure.wrapping_add(*offset);
            let home = self.memory.locate(at, ty.words() * 4).map(|(kind, _)| kind);
            if home != Some(Kind::Stack) {
                return Err(Outcome::Fault(format!(
                    "address {structure:#x} for an import's results is not on the stack"
                )));
            }
            self.memory.write(at, &bytes[..ty.words() * 4]);
        }
        Ok(())
    }

    fn side_effects(&mut self, store: Option<(u32, u8)>, set: Option<(usize, u64)>) {
        if let Some((address, byte)) = store {
            let size = self.memory_size(0);
            if size > 0 {
                self.memory.bytes_mut(Kind::Linear)[address as usize % size] = byte;
            }
        }
        if let Some((which, value)) = set {
            let settable = self.info.settable_by_imports();
            let g = settable[which % settable.len()];
            self.write_global(g, value);
        }
    }

    /// What the standard says a callee preserves (AAPCS32, 6.1.1 and 6.1.2), and the caller's frame above the arguments.
    fn check_return(
        &mut self,
        before: &Regs,
        after: &Regs,
        above: Range<usize>,
        convention: &Convention,
    ) {
        let mut kept = |file: &str, n: usize, before: u32, after: u32| {
            if before != after {
                let text = format!("{file}{n} was {before:#x} and is {after:#x}");
                self.violations.push(text);
            }
        };
        for r in 4..12 {
            kept("r", r, before[r], after[r]);
        }
        for s in CHANGED_SINGLES.end..32 {
            kept("s", s, before.s[s], after.s[s]);
        }
        if before[SP] != after[SP] {
            self.violations
                .push(format!("SP was {:#x} and is {:#x}", before[SP], after[SP]));
        }
        // The structure of results may hold anything in its padding; what lies behind it is the caller's.
        let own = convention.results.size() as usize;
        let frame = &self.memory.bytes(Kind::Stack)[above.start + own..above.end];
        if let Some(at) = frame.iter().position(|b| *b != CANARY) {
            self.violations.push(format!(
                "the caller's frame was written {at} bytes above what is passed in it"
            ));
        }
    }

    /// Bytes at the start of RAM that are the firmware's own variables.
    fn firmware(&self) -> usize {
        firmware_bytes(&self.info)
    }

    /// Bytes of a linear memory at its current size.
    fn memory_size(&self, memory: usize) -> usize {
        let places = self.places.get(memory).zip(self.info.memories.get(memory));
        let Some((place, info)) = places else {
            return 0;
        };
        let pages = place
            .pages
            .and_then(|at| self.memory.word(at))
            .map_or(info.min, u64::from);
        (pages << info.page_log2).min(place.bytes as u64) as usize
    }

    /// What was written beside the program's data and memories: between them, and beyond the stack.
    pub fn strays(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let ram = self.memory.bytes(Kind::Ram);
        for gap in self.image.gaps(self.firmware()) {
            if let Some(i) = ram
                .get(gap.clone())
                .and_then(|b| b.iter().position(|b| *b != CANARY))
            {
                found.push(format!(
                    "RAM between the program's data was written at +{:#x}",
                    gap.start + i
                ));
            }
        }
        if ram[..4] != (self.base(Kind::Stack) + GUARD as u32).to_le_bytes() {
            found.push("the firmware's stack limit was overwritten".into());
        }
        let guard = &mut self.memory.bytes_mut(Kind::Stack)[..GUARD];
        if guard.iter().any(|b| *b != CANARY) {
            guard.fill(CANARY);
            found.push("the stack was written below its limit".into());
        }
        found
    }

    /// All bytes that are reserved for a linear memory; of the first one, all that are mapped for it.
    pub fn reserved(&self, memory: usize) -> &[u8] {
        match (memory, self.places.get(memory)) {
            (0, _) => self.memory.bytes(Kind::Linear),
            (_, Some(place)) => {
                let start = place.address.wrapping_sub(self.base(Kind::Ram)) as usize;
                let ram = self.memory.bytes(Kind::Ram);
                ram.get(start..start + place.bytes).unwrap_or(&[])
            }
            (_, None) => &[],
        }
    }
}

fn fill_stubs(memory: &mut Memory) {
    for pair in memory.bytes_mut(Kind::Stubs).chunks_exact_mut(2) {
        pair.copy_from_slice(&STUB.to_le_bytes());
    }
}

impl<C: Core> Engine for Machine<C> {
    fn name(&self) -> String {
        self.core.name()
    }

    fn load(&mut self, program: &Program) -> Result<(), String> {
        self.place_linear(program);
        self.load_image(Self::linked(self.memory.map(), program)?, program)
    }

    fn instantiate(&mut self) -> Outcome {
        self.reset();
        self.free = false;
        self.enter(&self.init.clone(), &[])
    }

    fn call(&mut self, export: usize, args: &[u64]) -> Outcome {
        self.free = true;
        self.enter(&self.entries[export].clone(), args)
    }

    fn memory(&mut self, memory: usize) -> &[u8] {
        let size = self.memory_size(memory);
        self.reserved(memory).get(..size).unwrap_or(&[])
    }

    fn write_memory(&mut self, at: u32, bytes: &[u8]) -> bool {
        let end = at as usize + bytes.len();
        let address = self.base(Kind::Linear).wrapping_add(at);
        end <= self.memory_size(0) && self.memory.write(address, bytes)
    }

    fn global(&mut self, global: usize) -> u64 {
        let ty = self.info.globals[global].ty;
        self.globals[global]
            .and_then(|at| self.read_value(at, ty))
            .unwrap_or(0)
    }

    fn table(&mut self, table: usize) -> Vec<u32> {
        let t = &self.info.tables[table];
        let at = t.export.as_ref().and_then(|e| self.image.symbols.get(e));
        let Some(&at) = at else { return Vec::new() };
        let size = self.memory.word(at).unwrap_or(0).min(1 << 20);
        let word = |i: u32| self.memory.word(at + 8 + 4 * i).unwrap_or(u32::MAX);
        let seen = |i: u32| match (word(i), t.funcref) {
            (0, _) => 0,
            (_, true) => 1,
            (handle, false) => handle,
        };
        (0..size).map(seen).collect()
    }

    fn set_global(&mut self, global: usize, value: u64) {
        self.write_global(global, value);
    }

    fn import_log(&self) -> &[u64] {
        &self.log
    }

    fn violations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.violations)
    }

    fn finish(&mut self) -> Vec<String> {
        let mut found = self.strays();
        let beyond = |memory: usize| {
            let rest = self.reserved(memory).get(self.memory_size(memory)..);
            rest.is_some_and(|bytes| bytes.iter().any(|b| *b != 0))
        };
        // Without a memory its region is unused, and stays as it was.
        if (0..self.places.len().max(1)).any(beyond) {
            found.push("linear memory was written beyond its current size".into());
        }
        found
    }
}
