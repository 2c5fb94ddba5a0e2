//! The trait that every voice of the oracle speaks, and the model of the outside world that all of them share.
//!
//! An engine loads a [`Program`], runs its initialization, then calls exports one after the other; memory and
//! globals live on between calls. Invariant: imports are answered by [`answer`], a pure function of (import,
//! number of import calls before, arguments), so that two engines that make the same calls see the same world. An answer may
//! begin with a call of an export: then what that returns is logged behind the import's arguments, and its trap is the caller's.

use crate::program::{Info, Outside, Program, Ty};
use smallvec::SmallVec;
use thumbsmith::TrapKind;

/// Results of a call, zero-extended to 64 bits each.
pub type Values = SmallVec<[u64; 4]>;

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It returned these results.
    Returned(Values),
    /// It trapped as the specification says.
    Trapped(TrapKind),
    /// The machine did something that no WebAssembly program can: a wild access, an invalid instruction.
    Fault(String),
    /// Nothing can be said: the reference ran out of its budget.
    Void(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Returned(values) if values.is_empty() => write!(f, "returned"),
            Outcome::Returned(values) => {
                let list: Vec<_> = values.iter().map(|v| format!("{v:#x}")).collect();
                write!(f, "returned {}", list.join(" "))
            }
            Outcome::Trapped(kind) => write!(f, "trap {}", kind.text()),
            Outcome::Fault(what) => write!(f, "fault: {what}"),
            Outcome::Void(what) => write!(f, "void: {what}"),
        }
    }
}

/// One voice: something that can run a program.
pub trait Engine {
    /// Who speaks, for reports.
    fn name(&self) -> String;

    /// Prepares the program; nothing runs yet.
    ///
    /// # Errors
    /// Text that says why this engine cannot run the program.
    fn load(&mut self, program: &Program) -> Result<(), String>;

    /// Starts afresh: memory and globals get their initial contents and the start function runs.
    fn instantiate(&mut self) -> Outcome;

    /// Calls export number `export` (see [`Info::exports`]).
    fn call(&mut self, export: usize, args: &[u64]) -> Outcome;

    /// A linear memory at its current size, by index.
    fn memory(&mut self, memory: usize) -> &[u8];

    /// Writes into the first linear memory from outside; `false` if the bytes do not lie within its current size.
    fn write_memory(&mut self, at: u32, bytes: &[u8]) -> bool;

    /// Value of a visible global.
    fn global(&mut self, global: usize) -> u64;

    /// Entries of a visible table: 0 for null, else a handle, or 1 for a function.
    fn table(&mut self, table: usize) -> Vec<u32>;

    /// Sets a visible mutable global from outside.
    fn set_global(&mut self, global: usize, value: u64);

    /// Import calls since the last `instantiate` or `call` began: for each its number, then its arguments, then what the
    /// export returned that it called back.
    fn import_log(&self) -> &[u64];

    /// Violations of the machine's contract seen in the last `instantiate` or `call`.
    fn violations(&mut self) -> Vec<String>;

    /// Violations that are looked for once, when all calls are done.
    fn finish(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What the outside world does when an import is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Results in order.
    pub results: Values,
    /// A byte that the host writes at this address modulo the memory's size, if it may see the memory.
    pub store: Option<(u32, u8)>,
    /// An export that the host calls before it answers, and its arguments.
    pub call: Option<(usize, Values)>,
    /// Bytes of memory that the host copies: to, from, how many.
    pub copy: Option<[u32; 3]>,
    /// A settable global (by position in [`Info::settable_by_imports`], modulo its length) and its new value.
    pub set: Option<(usize, u64)>,
}

/// A 64-bit mixer (the finalizer of splitmix64); good enough to make every input bit matter.
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Imports from a module of this name call back into exports.
pub const CALLS_BACK: &str = "back";

/// Copies within a memory, as `memory.copy` does; nothing where it would reach outside.
pub fn copy(memory: &mut [u8], [to, from, bytes]: [u32; 3]) {
    let (to, from, bytes) = (to as usize, from as usize, bytes as usize);
    if to.max(from) + bytes <= memory.len() {
        memory.copy_within(from..from + bytes, to);
    }
}

/// The model of the outside world. `nth` counts import calls since instantiation, so that two equal calls in a
/// row give different answers and a compiler that merges them is caught. `free` says whether the host may call back: it is
/// not within a call back already, nor within initialization, when there is nothing to call yet.
pub fn answer(info: &Info, import: usize, nth: u64, args: &[u64], free: bool) -> Answer {
    if let Outside::Silent(copying) = &info.outside {
        let copy = |at: usize| args.get(at).map_or(0, |a| *a as u32);
        return Answer {
            results: info.imports[import].sig.results.iter().map(|_| 0).collect(),
            copy: copying
                .contains(&import)
                .then(|| [copy(0), copy(1), copy(2)]),
            ..Answer::default()
        };
    }
    let mut h = mix(0x5851_f42d_4c95_7f2d ^ nth ^ (import as u64) << 32);
    for (i, a) in args.iter().enumerate() {
        h = mix(h ^ a.wrapping_add(i as u64));
    }
    // Every fourth value is small or extreme: dense random words never reach the interesting corners.
    let value = |h: u64, i: usize, ty: &Ty| {
        let bits = mix(h ^ (i as u64 + 1));
        ty.wrap(match bits >> 60 {
            0 | 1 => bits & 7,
            2 => !(bits & 3),
            3 => 1 << (bits & 63),
            _ => bits,
        })
    };
    let back = free && !info.exports.is_empty() && info.imports[import].module == CALLS_BACK;
    let call = (back && h & 0x300 != 0).then(|| {
        let export = (h >> 16) as usize % info.exports.len();
        let types = info.exports[export].sig.params.iter().enumerate();
        (export, types.map(|(i, ty)| value(!h, i, ty)).collect())
    });
    let types = info.imports[import].sig.results.iter().enumerate();
    let results = types.map(|(i, ty)| value(h, i, ty));
    let exported = info.memory().is_some_and(|m| m.exported && m.min > 0);
    Answer {
        results: results.collect(),
        call,
        copy: None,
        store: (exported && h & 3 == 0).then_some(((h >> 8) as u32, (h >> 40) as u8)),
        set: (h & 0x70 == 0 && !info.settable_by_imports().is_empty())
            .then_some(((h >> 8) as usize & 0xffff, mix(h))),
    }
}

/// The value of an imported global before anything runs.
pub fn imported_global(index: usize, ty: Ty) -> u64 {
    ty.wrap(mix(0x0123_4567 + index as u64))
}
