//! Several instances in one simulated machine.
//!
//! In: modules, in the order of a script. Out: their exports, called as a firmware calls them. Each module is compiled under a
//! prefix of its own and linked behind those before it; what it imports is what earlier ones export, by address: code calls
//! code. The module `spectest` of the specification's tests is the machine's own: functions that do nothing, a memory, globals.
//! Invariant: the types of imports are matched before anything is compiled, as a linker cannot.

use super::types::{Extern, Named, Surface, matches, signature, value};
use crate::arm::abi::{Convention, Variant};
use crate::arm::link::{Image, link};
use crate::arm::machine::{CHANGED, CHANGED_SINGLES, GUARD, STUB};
use crate::arm::memory::{Kind, Map, Memory, PAGE};
use crate::arm::unicorn::UnicornCore;
use crate::arm::{Core, LR, PC, Regs, SP, Stop};
use crate::program::{Sig, Ty, import_symbol};
use crate::qemu::board::Board;
use crate::qemu::record::{Recorder, Script};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::time::Duration;
use thumbsmith::backend::symbols::numbered;
use thumbsmith::{ErrorKind, Options, TrapKind};
use wasmparser::ValType;

/// Where instances lie, and how much room there is.
#[derive(Clone, Copy)]
pub struct Room {
    map: Map,
    /// Bytes of each region, in the order of [`Kind::ALL`].
    sizes: [usize; 5],
    /// Most entries of a table that declares no maximum.
    entries: u32,
}

impl Room {
    /// More than any script needs, on a simulator that maps what it is asked to.
    pub const WHOLE: Room = Room {
        map: Map::SPARSE,
        sizes: [4096, 12 << 20, 192 << 20, 192 << 20, 1 << 20],
        entries: 1 << 16,
    };

    /// All of a board.
    pub fn of(board: &Board) -> Room {
        let mut sizes = board.room;
        sizes[Kind::Stubs as usize] = 4096;
        Room {
            map: board.map,
            sizes,
            entries: 1 << 10,
        }
    }
}

/// Most bytes of a memory that declares no maximum; and less and less, for when that does not fit beside the module's other
/// memories and behind those of other modules.
const MOST: [u64; 8] = [
    832 << 16,
    24 << 16,
    16 << 16,
    6 << 16,
    4 << 16,
    3 << 16,
    2 << 16,
    1 << 16,
];
/// A call takes no longer.
const LIMIT: Duration = Duration::from_secs(20);
/// Functions of `spectest`: nothing happens in them.
const PRINTS: [(&str, &[ValType]); 7] = [
    ("print", &[]),
    ("print_i32", &[ValType::I32]),
    ("print_i64", &[ValType::I64]),
    ("print_f32", &[ValType::F32]),
    ("print_f64", &[ValType::F64]),
    ("print_i32_f32", &[ValType::I32, ValType::F32]),
    ("print_f64_f64", &[ValType::F64, ValType::F64]),
];
/// Globals of `spectest`.
const GLOBALS: [(&str, ValType, u64); 4] = [
    ("global_i32", ValType::I32, 666),
    ("global_i64", ValType::I64, 666),
    ("global_f32", ValType::F32, 0x4426_a666),
    ("global_f64", ValType::F64, 0x4084_d4cc_cccc_cccd),
];

/// Why a module has no instance.
#[derive(Clone, Debug)]
pub enum Missing {
    /// The compiler or the harness does not have what it needs.
    Unsupported(String),
    /// The compiler says it is malformed or invalid.
    Refused(String),
    /// An import is not there, or has another type.
    Unlinkable(String),
    /// Its initialization trapped.
    Trapped(TrapKind),
    /// The machine did something that no module can, or an object cannot be linked.
    Broken(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::Unsupported(what) => write!(f, "unsupported: {what}"),
            Missing::Refused(what) => write!(f, "refused: {what}"),
            Missing::Unlinkable(what) => write!(f, "does not link: {what}"),
            Missing::Trapped(kind) => write!(f, "initialization traps: {}", kind.text()),
            Missing::Broken(what) => write!(f, "broken: {what}"),
        }
    }
}

/// How a call ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Ended {
    /// With the bits of its results.
    Returned(Vec<u64>),
    /// By a trap.
    Trapped(TrapKind),
    /// As no call may.
    Broken(String),
}

/// Where something that is exported lies.
#[derive(Clone, Debug)]
struct Place {
    ty: Extern,
    /// Address: of code with the Thumb bit, of a variable, of a memory.
    address: u32,
    /// For a memory: where its size in pages and its greatest size are, if they are variables.
    sizes: (Option<u32>, Option<u32>),
}

/// An instance.
#[derive(Default)]
pub struct Instance {
    exports: FxHashMap<String, Place>,
}

/// What gives the instance that modules import from under a name; nothing, if there is none of that name.
pub type Find<'a> = &'a dyn Fn(&str) -> Result<Option<Rc<Instance>>, Missing>;

/// All instances of a script on one core.
pub struct World {
    core: Recorder<UnicornCore>,
    memory: Memory,
    room: Room,
    /// How modules are compiled, but for their names and sizes.
    options: Options,
    /// Bytes used of each region.
    used: [usize; 5],
    /// Most bytes of the memories of each module that can grow, where that is known.
    most: Vec<Option<u64>>,
    /// For each module so far its memories that can grow: where their size is kept, and the logarithm of a page's.
    memories: Vec<Vec<(u32, u32)>>,
    spectest: Rc<Instance>,
}

impl World {
    /// An empty machine, for modules compiled with these options.
    ///
    /// # Errors
    /// Text of the simulator.
    pub fn new(options: Options, room: Room) -> Result<World, String> {
        let mut memory = Memory::new(room.map, room.sizes);
        for pair in memory.bytes_mut(Kind::Stubs).chunks_exact_mut(2) {
            pair.copy_from_slice(&STUB.to_le_bytes());
        }
        let mut world = World {
            core: Recorder::new(UnicornCore::new(options.cpu, LIMIT)?),
            memory,
            room,
            options,
            used: [0; 5],
            most: Vec::new(),
            memories: Vec::new(),
            spectest: Rc::default(),
        };
        let limit = room.map.base(Kind::Stack) + GUARD as u32;
        world.variable(limit);
        world.spectest = Rc::new(world.spectest());
        Ok(world)
    }

    /// The same room without what this world has not used.
    pub fn snug(&self) -> Room {
        let mut room = self.room;
        for kind in [Kind::Code, Kind::Ram, Kind::Linear] {
            room.sizes[kind as usize] = self.used[kind as usize].next_multiple_of(PAGE);
        }
        room
    }

    /// The bytes that the largest memory of each module has grown to, of those that can.
    pub fn reached(&self) -> Vec<Option<u64>> {
        let size = |&(at, page): &(u32, u32)| u64::from(self.memory.word(at).unwrap_or(0)) << page;
        let of = |list: &Vec<_>| list.iter().map(size).max();
        self.memories.iter().map(of).collect()
    }

    /// Gives memories no more than these bytes, module by module: what the same script makes of them elsewhere.
    pub fn limit(&mut self, most: &[Option<u64>]) {
        self.most = most.to_vec();
    }

    /// Writes down what runs from here on.
    pub fn record(&mut self) {
        let (stubs, ram) = (self.memory.bytes(Kind::Stubs), self.memory.bytes(Kind::Ram));
        self.core.begin(0, stubs.len(), ram.len(), 1);
    }

    /// What ran since [`record`](World::record). Code never changes where it lies: it may all be there from the start.
    pub fn recorded(&mut self) -> Script {
        let code = &self.memory.bytes(Kind::Code)[..self.used[Kind::Code as usize]];
        let mut script = self.core.end();
        script.code = code.to_vec();
        script.code.resize(code.len().next_multiple_of(4), 0);
        script
    }

    /// The module `spectest`.
    pub fn outside(&self) -> Rc<Instance> {
        self.spectest.clone()
    }

    /// A new word of RAM; gives its address.
    fn variable(&mut self, value: u32) -> u32 {
        let at = self.room.map.base(Kind::Ram) + self.used[Kind::Ram as usize] as u32;
        self.memory.write(at, &value.to_le_bytes());
        self.used[Kind::Ram as usize] += 4;
        at
    }

    fn spectest(&mut self) -> Instance {
        let mut exports = FxHashMap::default();
        for (i, (name, params)) in PRINTS.iter().enumerate() {
            let ty = wasmparser::FuncType::new(params.iter().copied(), []);
            let place = Place {
                ty: Extern::Func(ty),
                address: (self.room.map.base(Kind::Stubs) + 16 + 2 * i as u32) | 1,
                sizes: (None, None),
            };
            exports.insert((*name).to_owned(), place);
        }
        for (name, ty, bits) in GLOBALS {
            let address = self.variable(bits as u32);
            self.variable((bits >> 32) as u32);
            let place = Place {
                ty: Extern::Global(ty, false),
                address,
                sizes: (None, None),
            };
            exports.insert(name.to_owned(), place);
        }
        let place = Place {
            ty: Extern::Memory(1, Some(2), 16),
            address: self.room.map.base(Kind::Linear),
            sizes: (Some(self.variable(1)), Some(self.variable(2))),
        };
        self.used[Kind::Linear as usize] = 2 << 16;
        exports.insert("memory".to_owned(), place);
        // Its size, its greatest size, its entries.
        let address = self.variable(10);
        for word in [20].into_iter().chain([0; 20]) {
            self.variable(word);
        }
        let place = Place {
            ty: Extern::Table(10, Some(20), ValType::FUNCREF),
            address,
            sizes: (Some(address), None),
        };
        exports.insert("table".to_owned(), place);
        Instance { exports }
    }

    /// The type of an export as an import sees it now.
    fn current(&self, place: &Place) -> Extern {
        match (&place.ty, place.sizes.0.and_then(|at| self.memory.word(at))) {
            (Extern::Memory(_, max, page), Some(pages)) => {
                Extern::Memory(pages.into(), *max, *page)
            }
            (Extern::Table(_, max, ty), Some(entries)) => Extern::Table(entries.into(), *max, *ty),
            (ty, _) => ty.clone(),
        }
    }

    /// Compiles, links and initializes a module. `find` gives what modules of a name export.
    ///
    /// # Errors
    /// Why there is no instance.
    pub fn instantiate(&mut self, wasm: &[u8], find: Find<'_>) -> Result<Instance, Missing> {
        let number = self.memories.len();
        let name = format!("i{number}");
        self.memories.push(Vec::new());
        let (surface, image) = self.fitted(wasm, number, &name, find)?;
        self.place(&image)?;
        let sizes = surface.pages.iter().zip(0..).filter_map(|(page, memory)| {
            let symbol = format!("{}_pages", numbered(&name, memory));
            Some((*image.symbols.get(&symbol)?, *page))
        });
        self.memories[number] = sizes.collect();
        let instance = self.exports(&surface, &image, &name, find)?;
        let init = image.symbols.get(&format!("{name}_init")).copied();
        match self.call(init.unwrap_or(0), &Sig::default(), &[]) {
            Ended::Returned(_) => Ok(instance),
            Ended::Trapped(kind) => Err(Missing::Trapped(kind)),
            Ended::Broken(what) => Err(Missing::Broken(what)),
        }
    }

    /// Links a module with as much memory as it is known to need, else with as much as fits.
    fn fitted(
        &self,
        wasm: &[u8],
        number: usize,
        name: &str,
        find: Find<'_>,
    ) -> Result<(Surface, Image), Missing> {
        let known = self.most.get(number).copied().flatten();
        // Less than another of its memories begins with is an error here.
        let known = known.and_then(|most| self.linked(wasm, name, most, find).ok());
        if let Some(linked) = known.filter(|l| self.fits(&l.1)) {
            return Ok(linked);
        }
        for most in MOST {
            let linked = self.linked(wasm, name, most, find)?;
            if self.fits(&linked.1) {
                return Ok(linked);
            }
        }
        let what = "more memory than the machine has";
        Err(Missing::Unsupported(what.into()))
    }

    /// Compiles a module and links it for where it goes.
    fn linked(
        &self,
        wasm: &[u8],
        name: &str,
        most: u64,
        find: Find<'_>,
    ) -> Result<(Surface, Image), Missing> {
        let options = Options {
            name: name.to_owned(),
            memory_max: Some(most),
            table_max: Some(self.room.entries),
            ..self.options.clone()
        };
        let compiled = thumbsmith::compile(wasm, &options);
        if let Err(e) = &compiled
            && matches!(e.kind, ErrorKind::Malformed | ErrorKind::Invalid)
        {
            return Err(Missing::Refused(e.to_string()));
        }
        let surface = Surface::read(wasm).map_err(Missing::Refused)?;
        let imports = self.imports(&surface, find)?;
        let object = compiled
            .map_err(|e| Missing::Unsupported(e.message.clone()))?
            .object;
        let limit = format!("{name}_stack_limit");
        let external = |symbol: &str| match symbol == limit {
            true => Some(self.room.map.base(Kind::Ram)),
            false => imports.get(symbol).copied(),
        };
        let memory = format!("{name}_memory");
        let image = link(&object, self.map(), &memory, 0, &external).map_err(Missing::Broken)?;
        Ok((surface, image))
    }

    /// Whether there is room for a linked module.
    fn fits(&self, image: &Image) -> bool {
        let sizes = [
            (Kind::Code, image.code.len()),
            (Kind::Ram, image.ram.len()),
            (Kind::Linear, image.linear),
        ];
        let end = |kind: Kind| self.used[kind as usize].next_multiple_of(64);
        let room =
            |&(kind, size): &(Kind, usize)| end(kind) + size <= self.room.sizes[kind as usize];
        sizes.iter().all(room)
    }

    /// Where the next module goes.
    fn map(&self) -> Map {
        let base = |kind: Kind| {
            let used = self.used[kind as usize].next_multiple_of(64);
            self.room.map.base(kind) + used as u32
        };
        Map(Kind::ALL.map(base))
    }

    /// Symbols of imports and their addresses.
    fn imports(
        &self,
        surface: &Surface,
        find: Find<'_>,
    ) -> Result<FxHashMap<String, u32>, Missing> {
        let mut symbols = FxHashMap::default();
        for import in &surface.imports {
            let what = format!("{}.{}", import.module, import.name);
            let from = find(&import.module)?;
            let place = from.as_ref().and_then(|i| i.exports.get(&import.name));
            let Some(place) = place else {
                return Err(Missing::Unlinkable(format!("unknown import {what}")));
            };
            if import.ty == Extern::Other {
                return Err(Missing::Unsupported(format!("import {what} of its kind")));
            }
            if !matches(&self.current(place), &import.ty) {
                return Err(Missing::Unlinkable(format!(
                    "import {what} has another type"
                )));
            }
            let symbol = import_symbol(&import.module, &import.name);
            let sizes = match place.ty {
                Extern::Memory(..) => place.sizes,
                _ => (None, None),
            };
            for (suffix, at) in [("_pages", sizes.0), ("_max_pages", sizes.1)] {
                if let Some(at) = at {
                    symbols.insert(format!("{symbol}{suffix}"), at);
                }
            }
            symbols.insert(symbol, place.address);
        }
        Ok(symbols)
    }

    /// Copies a linked module to where it was linked for.
    fn place(&mut self, image: &Image) -> Result<(), Missing> {
        let map = self.map();
        let parts = [
            (Kind::Code, &image.code, image.code.len()),
            (Kind::Ram, &image.ram, image.ram.len()),
            (Kind::Linear, &image.linear_data, image.linear),
        ];
        for (kind, bytes, size) in parts {
            let start = (map.base(kind) - self.room.map.base(kind)) as usize;
            let region = self.memory.bytes_mut(kind);
            let Some(room) = region.get_mut(start..start + size) else {
                return Err(Missing::Unsupported(
                    "more memory than the machine has".into(),
                ));
            };
            room[..bytes.len()].copy_from_slice(bytes);
            self.used[kind as usize] = start + size;
        }
        self.core.attach(&mut self.memory).map_err(Missing::Broken)
    }

    fn exports(
        &self,
        surface: &Surface,
        image: &Image,
        name: &str,
        find: Find<'_>,
    ) -> Result<Instance, Missing> {
        let mut instance = Instance::default();
        for export in &surface.exports {
            let import = surface.imports.iter().find(|i| same_kind(i, export));
            let symbol = |s: &str| image.symbols.get(s).copied();
            let place = match (import, symbol(&export.name), &export.ty) {
                // What is exported as it was imported is where it was: the object has no symbol of its own for it.
                (Some(import), None, _)
                | (Some(import), _, Extern::Memory(..) | Extern::Table(..) | Extern::Global(..)) => {
                    find(&import.module)?.and_then(|i| i.exports.get(&import.name).cloned())
                }
                (None, _, Extern::Memory(..)) => {
                    let memory = numbered(name, export.index);
                    symbol(&memory).map(|address| Place {
                        ty: export.ty.clone(),
                        address,
                        sizes: (
                            symbol(&format!("{memory}_pages")),
                            symbol(&format!("{memory}_max_pages")),
                        ),
                    })
                }
                (_, Some(address), Extern::Table(..)) => Some(Place {
                    ty: export.ty.clone(),
                    address,
                    sizes: (Some(address), None),
                }),
                (_, Some(address), Extern::Func(_) | Extern::Global(..)) => Some(Place {
                    ty: export.ty.clone(),
                    address,
                    sizes: (None, None),
                }),
                (_, _, Extern::Other) | (None, None, _) => None,
            };
            match place {
                Some(place) => instance.exports.insert(export.name.clone(), place),
                None if export.ty == Extern::Other => continue,
                None => {
                    let what = format!("the object lacks {}", export.name);
                    return Err(Missing::Broken(what));
                }
            };
        }
        Ok(instance)
    }

    /// Calls an exported function.
    ///
    /// # Errors
    /// Why it cannot be called: what is missing in the harness.
    pub fn invoke(
        &mut self,
        instance: &Instance,
        name: &str,
        args: &[u64],
    ) -> Result<Ended, String> {
        let place = instance.exports.get(name).ok_or("no such export")?;
        let Extern::Func(ty) = &place.ty else {
            return Err("the export is no function".into());
        };
        let sig = signature(ty).ok_or("values of a kind that is not passed yet")?;
        Ok(self.call(place.address, &sig, args))
    }

    /// The bits of an exported global.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn global(&self, instance: &Instance, name: &str) -> Result<u64, String> {
        let place = instance.exports.get(name).ok_or("no such export")?;
        let Extern::Global(ty, _) = &place.ty else {
            return Err("the export is no global".into());
        };
        let ty = value(*ty).ok_or("a global of a kind that is not read")?;
        self.read(place.address, ty)
            .ok_or_else(|| "a global outside of everything".into())
    }

    fn read(&self, at: u32, ty: Ty) -> Option<u64> {
        let low = u64::from(self.memory.word(at)?);
        match ty.words() {
            1 => Some(low),
            _ => Some(low | u64::from(self.memory.word(at.wrapping_add(4))?) << 32),
        }
    }

    /// Calls code by the standard.
    fn call(&mut self, address: u32, sig: &Sig, args: &[u64]) -> Ended {
        let variant = Variant::of(self.options.cpu);
        let convention = Convention::of(sig, variant);
        let size = convention.results.size().next_multiple_of(8);
        let top =
            self.room.map.base(Kind::Stack) + self.room.sizes[Kind::Stack as usize] as u32 - 64;
        let sp = (top - convention.stack_words as u32 * 4 - size) & !7;
        let structure = sp + convention.stack_words as u32 * 4;
        let home = self.room.map.base(Kind::Stubs);
        let mut regs = Regs::default();
        regs.r.fill(0x5eed_5eed);
        if variant == Variant::Vfp {
            regs.s.fill(0x5eed_5eed);
        }
        (regs[SP], regs[LR], regs[PC]) = (sp, home | 1, address & !1);
        if size > 0 {
            regs[0] = structure;
        }
        convention.pass(sig, args, &mut regs, |n, word| {
            self.memory.write(sp + n as u32 * 4, &word.to_le_bytes());
        });
        loop {
            match self.core.run(&mut regs, &mut self.memory, home) {
                Stop::Until => break,
                Stop::Udf(code) if (home..home + 4096).contains(&regs[PC]) => {
                    if code != STUB & 0xff {
                        return Ended::Broken(format!("UDF #{code} among the stubs"));
                    }
                    // An import of the machine's own: it gives nothing and destroys what it may.
                    let back = regs[LR] & !1;
                    for r in CHANGED {
                        regs[r] = 0x0bad_0bad;
                    }
                    if variant == Variant::Vfp {
                        regs.s[CHANGED_SINGLES].fill(0x0bad_0bad);
                    }
                    regs[PC] = back;
                }
                Stop::Udf(code) => {
                    let kind = u8::try_from(code).ok().and_then(TrapKind::from_code);
                    return match kind {
                        Some(kind) => Ended::Trapped(kind),
                        None => Ended::Broken(format!("UDF #{code} at {:#x}", regs[PC])),
                    };
                }
                Stop::Fault(what) => return Ended::Broken(what),
                Stop::Timeout => return Ended::Broken("still running after the limit".into()),
            }
        }
        let results = convention.results(sig, &regs, |at, ty| self.read(structure + at, ty));
        results.map_or_else(
            || Ended::Broken("results outside of the stack".into()),
            |values| Ended::Returned(values.to_vec()),
        )
    }
}

/// Whether an export is what an import brought.
fn same_kind(import: &Named, export: &Named) -> bool {
    let kind = |e: &Extern| std::mem::discriminant(e);
    kind(&import.ty) == kind(&export.ty) && import.index == export.index
}
