//! A module in the middle of the backend as a core: the machine that runs emitted code runs what each pass left.
//!
//! In: functions as machine IR, allocated, as linear code or as bytes, all before there is an object. Out: the same voice
//! as an object in a simulator: calls by the standard, imports at their stubs, the watch over registers, stack and
//! data. Addresses of functions, variables and constants are given here, since the linker knows only objects; bytes get
//! their relocations by the linker's own code. Invariant: nothing of the object is used, so what differs here is not
//! the object's fault.

use super::executor::{ExecutorCore, View};
use super::link::{CANARY, GAP, Image, apply};
use super::machine::{FIRST_GLOBAL, GUARD, Machine, STUB, firmware_bytes, outside_memory, stub};
use super::memory::{Kind, Map, Memory};
use super::{Core, LR, PC, Regs, Stop};
use crate::program::Program;
use object::elf;
use rustc_hash::FxHashMap;
use thumbsmith::Bounds;
use thumbsmith::backend::code::{self, Code, RelocKind};
use thumbsmith::backend::interp::Interp;
use thumbsmith::backend::linear::{self, Halt, Linear};
use thumbsmith::backend::mir::Symbol;
use thumbsmith::backend::symbols::{SymbolKind, text};
use thumbsmith::backend::verify;
use thumbsmith::ir::floats::{ALL, Relation};
use thumbsmith::ir::ops::SymKind;
use thumbsmith::ir::{Fp, GlobalInit};
use thumbsmith::keep::reference;
use thumbsmith::regalloc;
use thumbsmith::softfloat::{self, HELPERS, Helper};
use thumbsmith::stages::{Backend, Form, MachineStage};

/// Instructions after which a run counts as endless.
const LIMIT: u64 = 30_000_000;
/// The largest linear memory that is made room for.
const MEMORY_LIMIT: u64 = 1 << 30;
/// What the names of these voices begin with; the pass follows.
pub const VOICE: &str = "code after ";
/// Bytes between functions.
const BETWEEN: u32 = 16;

/// What runs the functions of a stage.
enum Body {
    Nothing,
    Mir(Box<Interp>),
    Linear(Box<Linear>),
    Bytes(Box<ExecutorCore>),
}

/// The functions of a module as one pass of the backend left them.
pub struct StageCore {
    pass: &'static str,
    body: Body,
    /// By address: the helper of floats that is entered there. It is served by what it is said to compute.
    helpers: FxHashMap<u32, &'static Helper>,
}

impl StageCore {
    /// A core without functions.
    pub fn empty() -> StageCore {
        StageCore {
            pass: "nothing",
            body: Body::Nothing,
            helpers: FxHashMap::default(),
        }
    }
}

/// Text that says where a function of this stage breaks an invariant of its form, if one does.
pub fn broken(stage: &MachineStage) -> Option<String> {
    let judge = |form: &Form| match form {
        Form::Virtual(f) => verify::verify(f),
        Form::Allocated(f, a) => regalloc::check(f, a).map_err(|e| e.to_string()),
        Form::Linear(items) => code::verify(items),
        Form::Ir(_) | Form::Code(_) => Ok(()),
    };
    let found = |(kind, form): &(SymbolKind, Form)| {
        let what = judge(form).err()?;
        Some(format!("{kind:?}: {what}"))
    };
    stage.functions.iter().find_map(found)
}

impl Machine<StageCore> {
    /// Takes the functions of a stage instead of what was loaded before.
    ///
    /// # Errors
    /// Text that says what does not fit, or is nowhere.
    pub fn load_stage(
        &mut self,
        backend: &Backend,
        stage: &MachineStage,
        program: &Program,
    ) -> Result<(), String> {
        let places = Places::new(backend, stage, program)?;
        let core = StageCore {
            pass: stage.pass,
            body: places.body(program, stage)?,
            helpers: places.helpers(),
        };
        let image = places.image(stage)?;
        self.replace_core(core);
        self.load_image(image, program)
    }
}

/// Where everything is.
struct Places<'a> {
    backend: &'a Backend,
    /// Functions with the Thumb bit.
    at: FxHashMap<SymbolKind, u32>,
    image: Image,
}

/// Bytes of addresses that a function takes.
fn extent(form: &Form) -> u32 {
    match form {
        Form::Ir(_) | Form::Virtual(_) | Form::Allocated(..) => 4,
        Form::Linear(items) => linear::extent(items),
        Form::Code(code) => code.bytes.len() as u32,
    }
}

/// The word in front of a function that references enter.
fn entry_id(backend: &Backend, kind: &SymbolKind) -> Option<u32> {
    let (SymbolKind::Func(f) | SymbolKind::Thunk(f)) = kind else {
        return None;
    };
    let entry = &backend.module.funcs[*f as usize].entry;
    entry.id.filter(|_| reference(&backend.module, *f) == *kind)
}

impl<'a> Places<'a> {
    fn new(
        backend: &'a Backend,
        stage: &MachineStage,
        program: &Program,
    ) -> Result<Places<'a>, String> {
        let mut places = Places {
            backend,
            at: FxHashMap::default(),
            image: Image::default(),
        };
        // The word that tells a function's type stands between it and the one before.
        let mut end = Map::SPARSE.base(Kind::Code) + BETWEEN;
        for (kind, form) in &stage.functions {
            places.at.insert(kind.clone(), end | 1);
            end = (end + extent(form) + BETWEEN).next_multiple_of(4);
        }
        places.image.code = vec![0; (end - Map::SPARSE.base(Kind::Code)) as usize];
        for (i, words) in backend.data.iter().enumerate() {
            let at = Map::SPARSE.base(Kind::Code) + places.image.code.len() as u32;
            places.at.insert(SymbolKind::Data(i as u32), at);
            let bytes = words.iter().flat_map(|w| w.to_le_bytes());
            places.image.code.extend(bytes);
        }
        for (i, data) in backend.module.data.iter().enumerate() {
            let at = Map::SPARSE.base(Kind::Code) + places.image.code.len() as u32;
            places.at.insert(SymbolKind::Segment(i as u32), at);
            places.image.code.extend_from_slice(&data.bytes);
            let end = places.image.code.len().next_multiple_of(4);
            places.image.code.resize(end, 0);
        }
        places.helper_stubs();
        for (kind, _) in &stage.functions {
            if let Some(id) = entry_id(backend, kind) {
                let start = (places.at[kind] & !1) - Map::SPARSE.base(Kind::Code);
                let before = start as usize - 4..start as usize;
                places.image.code[before].copy_from_slice(&id.to_le_bytes());
            }
        }
        places.variables(program);
        places.references();
        places.linear_memory(program)?;
        places.names(program);
        Ok(places)
    }

    /// A place for each helper of floats that the functions name.
    fn helper_stubs(&mut self) {
        for kind in &self.backend.symbols {
            if matches!(kind, SymbolKind::Float(_)) {
                let at = Map::SPARSE.base(Kind::Code) + self.image.code.len() as u32;
                self.at.insert(kind.clone(), at | 1);
                self.image.code.extend(STUB.to_le_bytes());
                self.image.code.extend(STUB.to_le_bytes());
            }
        }
    }

    fn helpers(&self) -> FxHashMap<u32, &'static Helper> {
        let helper = |(kind, at): (&SymbolKind, &u32)| match kind {
            SymbolKind::Float(i) => Some((at & !1, &HELPERS[*i as usize])),
            _ => None,
        };
        self.at.iter().filter_map(helper).collect()
    }

    /// Globals: imported ones where the machine has them, the module's own behind them, each by itself.
    fn variables(&mut self, program: &Program) {
        let module = &self.backend.module;
        let limit = Map::SPARSE.base(Kind::Ram);
        self.at.insert(SymbolKind::StackLimit, limit);
        for i in 0..program.info.imports.len() {
            self.at
                .insert(SymbolKind::Func(i as u32), stub(Map::SPARSE, i));
        }
        let reserve = firmware_bytes(&program.info);
        self.image.ram = vec![CANARY; reserve.next_multiple_of(GAP)];
        let size = self.backend.globals.size.max(4) as usize;
        self.variable(SymbolKind::Globals, size);
        for i in self.own_symbols() {
            let (global, kind) = (&module.globals[i], SymbolKind::Global(i as u32));
            if let Some(import) = &global.import {
                let beside = outside_memory(Map::SPARSE, &program.info, &import.symbol());
                let at = Map::SPARSE.base(Kind::Ram) + (FIRST_GLOBAL + 8 * i) as u32;
                self.at.insert(kind, beside.unwrap_or(at));
            } else {
                self.variable(kind, 4 * global.ty.words() as usize);
            }
        }
        for i in 1..module.memories.len() {
            let bytes = module.memories[i].reserved_bytes() as usize + slack(program);
            self.variable(SymbolKind::Memory(i as u32), bytes);
        }
        let end = self.image.ram.len() + GAP;
        self.image.ram.resize(end, CANARY);
    }

    /// Tables and segments: in flash, or each a variable by itself.
    fn references(&mut self) {
        let module = &self.backend.module;
        for (i, t) in module.tables.iter().enumerate() {
            let kind = SymbolKind::Table(i as u32);
            match &t.contents {
                Some(contents) => self.constant(kind, contents),
                None => self.variable(kind, t.bytes().max(4) as usize),
            }
        }
        for (i, e) in module.elems.iter().enumerate() {
            let kind = SymbolKind::Elem(i as u32);
            match e.is_constant() {
                true => self.constant(kind, &e.items),
                false => self.variable(kind, 4 * e.items.len()),
            }
        }
    }

    fn constant(&mut self, kind: SymbolKind, items: &[GlobalInit]) {
        let at = Map::SPARSE.base(Kind::Code) + self.image.code.len() as u32;
        self.at.insert(kind, at);
        for item in items {
            let word = match *item {
                GlobalInit::Const(bits) => bits as u32,
                GlobalInit::Func(f) => {
                    let kind = reference(&self.backend.module, f);
                    self.at.get(&kind).copied().unwrap_or(0)
                }
                GlobalInit::Global(_) | GlobalInit::Expr(_) => 0,
            };
            self.image.code.extend(word.to_le_bytes());
        }
    }

    /// Globals that have symbols of their own.
    fn own_symbols(&self) -> Vec<usize> {
        let places = self.backend.globals.place.iter().enumerate();
        let own = places.filter(|(_, place)| place.0 != SymKind::Globals as u32);
        own.map(|(i, _)| i).collect()
    }

    fn variable(&mut self, kind: SymbolKind, size: usize) {
        let ram = &mut self.image.ram;
        let start = (ram.len() + GAP).next_multiple_of(8);
        ram.resize(start, CANARY);
        ram.resize(start + size, 0);
        self.image.owned.push(start..start + size);
        self.at
            .insert(kind, Map::SPARSE.base(Kind::Ram) + start as u32);
    }

    fn linear_memory(&mut self, program: &Program) -> Result<(), String> {
        let memories = &self.backend.module.memories;
        let bytes = memories.first().map_or(0, |m| m.reserved_bytes());
        let most = memories.iter().map(|m| m.max_bytes()).max();
        if most.is_some_and(|bytes| bytes > MEMORY_LIMIT) {
            return Err(format!("memory of {} pages is too large", bytes >> 16));
        }
        let slack = if bytes > 0 { slack(program) } else { 0 };
        self.image.linear = bytes as usize + slack;
        self.at
            .insert(SymbolKind::Memory(0), Map::SPARSE.base(Kind::Linear));
        Ok(())
    }

    /// The names under which a machine looks for what the program shows.
    fn names(&mut self, program: &Program) {
        let module = &self.backend.module;
        for export in &program.info.exports {
            let decl = &module.funcs[export.func as usize];
            let kind = match decl.exports_body() {
                true => SymbolKind::Func(export.func),
                false => SymbolKind::Wrapper(export.func),
            };
            if let Some(&at) = self.at.get(&kind) {
                self.image.symbols.insert(export.name.clone(), at);
            }
        }
        let globals = self.own_symbols().into_iter();
        let globals = globals.map(|i| SymbolKind::Global(i as u32));
        let memories = (0..module.memories.len()).map(|i| SymbolKind::Memory(i as u32));
        let tables = module.tables.iter().enumerate();
        let tables = tables.filter(|(_, t)| t.is_shared());
        let tables = tables.map(|(i, _)| SymbolKind::Table(i as u32));
        let all = globals.chain(memories).chain(tables);
        for kind in all.chain([SymbolKind::Init]) {
            if let Some(&at) = self.at.get(&kind) {
                let name = text(&kind, module, &program.options.name);
                self.image.symbols.insert(name, at);
            }
        }
    }

    fn address(&self, s: Symbol) -> Option<u32> {
        let kind = self.backend.symbols.get(s.0 as usize)?;
        self.at.get(kind).copied()
    }

    fn body(&self, program: &Program, stage: &MachineStage) -> Result<Body, String> {
        let cpu = program.options.cpu;
        let address = |s: Symbol| self.address(s);
        let (mut mir, mut items, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (kind, form) in &stage.functions {
            let entry = self.at[kind] & !1;
            match form {
                Form::Virtual(f) => mir.push((entry, f.clone(), None)),
                Form::Allocated(f, a) => mir.push((entry, f.clone(), Some(a.clone()))),
                Form::Linear(code) => items.push((entry, code.as_slice())),
                Form::Code(_) => bytes += 1,
                Form::Ir(_) => return Err("IR is no code".into()),
            }
        }
        let limit = Map::SPARSE.base(Kind::Stack) + GUARD as u32;
        Ok(match (mir.is_empty(), items.is_empty(), bytes) {
            (false, true, 0) => Body::Mir(Box::new(Interp::new(cpu, mir, limit, &address)?)),
            (true, false, 0) => Body::Linear(Box::new(Linear::new(cpu, &items, &address)?)),
            (true, true, _) => Body::Bytes(Box::new(ExecutorCore::new(cpu, LIMIT))),
            _ => return Err("functions in several forms".into()),
        })
    }

    /// The image, with bytes in place and relocated.
    fn image(mut self, stage: &MachineStage) -> Result<Image, String> {
        for (kind, form) in &stage.functions {
            if let Form::Code(code) = form {
                let at = self.at[kind] & !1;
                self.place(at, code).map_err(|e| format!("{kind:?}: {e}"))?;
            }
        }
        Ok(self.image)
    }

    fn place(&mut self, at: u32, code: &Code) -> Result<(), String> {
        let start = (at - Map::SPARSE.base(Kind::Code)) as usize;
        let end = start + code.bytes.len();
        self.image.code[start..end].copy_from_slice(&code.bytes);
        for r in &code.relocs {
            let kind = match r.kind {
                RelocKind::Abs32 => elf::R_ARM_ABS32,
                RelocKind::Call => elf::R_ARM_THM_PC22,
                RelocKind::Jump => elf::R_ARM_THM_JUMP24,
                RelocKind::MovwAbs => elf::R_ARM_THM_MOVW_ABS_NC,
                RelocKind::MovtAbs => elf::R_ARM_THM_MOVT_ABS,
            };
            let target = self.address(r.symbol);
            let target = target.ok_or_else(|| format!("symbol {} is nowhere", r.symbol.0))?;
            let bytes = &mut self.image.code[start..end];
            apply(kind, bytes, r.offset as usize, target, at + r.offset)?;
        }
        for &(offset, _, wasm) in &code.traps {
            self.image.traps.insert(at + offset, wasm);
        }
        Ok(())
    }
}

/// Bytes behind a memory: an access that wraps by its mask may end past the last byte.
fn slack(program: &Program) -> usize {
    match program.options.bounds {
        Bounds::Mask => 8,
        Bounds::Check | Bounds::Mpu | Bounds::None => 0,
    }
}

impl Core for StageCore {
    fn name(&self) -> String {
        format!("{VOICE}{}", self.pass)
    }

    fn attach(&mut self, memory: &mut Memory) -> Result<(), String> {
        match &mut self.body {
            Body::Bytes(core) => core.attach(memory),
            Body::Nothing | Body::Mir(_) | Body::Linear(_) => Ok(()),
        }
    }

    fn suspend(&mut self) {
        match &mut self.body {
            Body::Mir(interp) => interp.suspend(),
            Body::Bytes(core) => core.suspend(),
            Body::Nothing | Body::Linear(_) => {}
        }
    }

    fn resume(&mut self) {
        match &mut self.body {
            Body::Mir(interp) => interp.resume(),
            Body::Bytes(core) => core.resume(),
            Body::Nothing | Body::Linear(_) => {}
        }
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        loop {
            let stop = self.run_to_helper(regs, memory, until);
            let entered = matches!(stop, Stop::Udf(_) | Stop::Fault(_));
            match self.helpers.get(&regs[PC]).filter(|_| entered) {
                Some(helper) => serve(helper, regs),
                None => return stop,
            }
        }
    }
}

/// What a helper of floats does: its result, junk in all else that it may change, and back.
fn serve(helper: &Helper, regs: &mut Regs) {
    let of = |fp: &&Fp| HELPERS[fp.row().helper as usize].name == helper.name;
    let (mut words, mut at) = ([0; 4], 0);
    for kind in helper.operands {
        for _ in 0..kind.words() {
            words[at] = u64::from(regs[at]);
            at += 1;
        }
    }
    let words = &words[..at];
    let value = |fp: &Fp| fp.eval(words).unwrap_or(0);
    for (r, junk) in [
        (0, 0x5bd1_e995),
        (1, 0x27d4_eb2f),
        (2, 0x1656_67b1),
        (3, 0x9e37_79b1),
    ] {
        regs[r] ^= junk;
    }
    regs[12] ^= 0x85eb_ca77;
    if helper.result == softfloat::Kind::Order {
        let holds = |relation| {
            let mut all = ALL.iter().filter(of);
            all.any(|fp| fp.row().relation == Some(relation) && value(fp) == 1)
        };
        // The flags that VCMP and VMRS leave, where a run takes its flags from.
        let nzcv = match (
            holds(Relation::Eq),
            holds(Relation::Lt),
            holds(Relation::Gt),
        ) {
            (true, _, _) => 0b0110,
            (_, true, _) => 0b1000,
            (_, _, true) => 0b0010,
            (false, false, false) => 0b0011,
        };
        regs[12] = regs[12] & 0x0fff_ffff | nzcv << 28;
    } else if let Some(fp) = ALL.iter().find(of) {
        let bits = value(fp);
        regs[0] = bits as u32;
        if helper.result.words() == 2 {
            regs[1] = (bits >> 32) as u32;
        }
    }
    regs[PC] = regs[LR] & !1;
}

impl StageCore {
    /// Runs until control leaves the functions, or enters a helper of floats.
    fn run_to_helper(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        let halt = match &mut self.body {
            Body::Nothing => return Stop::Fault("nothing is loaded".into()),
            Body::Bytes(core) => return core.run(regs, memory, until),
            Body::Mir(interp) => {
                regs.put(interp.machine());
                let halt = interp.run(&mut regs.r, &mut View(memory), LIMIT);
                regs.s = interp.machine().s;
                halt
            }
            Body::Linear(linear) => {
                regs.put(linear.machine());
                let halt = linear.run(&mut regs.r, &mut View(memory), LIMIT);
                regs.s = linear.machine().s;
                halt
            }
        };
        let pc = regs[PC];
        match halt {
            Halt::Outside if pc == until => Stop::Until,
            Halt::Outside => match memory.locate(pc, 2) {
                // What stands there says the same to every core.
                Some((Kind::Stubs, _)) => Stop::Udf(memory.half(pc).unwrap_or(0) & 0xff),
                _ => Stop::Fault(format!("control goes to {pc:#x}")),
            },
            Halt::Trap(kind) => Stop::Udf(kind.into()),
            Halt::Fault(what) => Stop::Fault(what),
            Halt::Limit => Stop::Timeout,
        }
    }
}
