//! Modules that nobody here wrote: packages of a registry that bring WebAssembly along.
//!
//! In: scenes, and a folder with the packages' files (`ci/packages` fetches them). Out: [`Played`]: what was compared, or the
//! first difference. A module is compiled for a CPU at a level, and wasmtime and unicorn take the lines of its scene together:
//! results, traps, the whole memory and what is exported are compared after every call. What a scene says that it expects is
//! asked of wasmtime: a scene whose inputs mean nothing fails. Imports answer zeros and touch nothing, but where a scene says that
//! one copies memory.

pub mod scene;

use crate::arm::machine::Machine;
use crate::arm::unicorn::UnicornCore;
use crate::compare;
use crate::engine::{Engine, Outcome};
use crate::program::{Info, Outside, Program, Ty};
use crate::reference::Reference;
use scene::{Line, Scene, Value};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use thumbsmith::{Cpu, Level, Options};

/// Bytes that a memory may grow by where a scene says nothing.
const ROOM: u64 = 4 << 20;
/// After how much a call in unicorn counts as endless.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of a scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Calls that were compared.
    pub calls: u64,
    /// Expectations that hold.
    pub expected: u64,
    /// Bytes of code.
    pub code: u64,
}

/// Every scene of a folder, by the name of its file.
///
/// # Errors
/// Text that names the file, and its line.
pub fn scenes(folder: &Path) -> Result<Vec<(String, Scene)>, String> {
    let place = |path: &Path, e: String| format!("{}: {e}", path.display());
    let files = std::fs::read_dir(folder).map_err(|e| place(folder, e.to_string()))?;
    let mut all = Vec::new();
    for file in files {
        let path = file.map_err(|e| place(folder, e.to_string()))?.path();
        if path.extension().is_none_or(|e| e != "scene") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|e| place(&path, e.to_string()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        all.push((
            name.into_owned(),
            Scene::parse(&text).map_err(|e| place(&path, e))?,
        ));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// The module that a scene is about.
///
/// # Errors
/// Text that says which file is missing and what brings it.
pub fn module(files: &Path, scene: &Scene) -> Result<Vec<u8>, String> {
    let path = files.join(&scene.package.0).join(&scene.file);
    std::fs::read(&path).map_err(|e| format!("{}: {e}; `ci/packages` fetches it", path.display()))
}

/// Plays a scene with a module compiled for a CPU at a level.
///
/// # Errors
/// Text that names the line and says what differs, what is not as the scene says, or why it cannot be played.
pub fn play(scene: &Scene, wasm: &[u8], cpu: Cpu, level: Level) -> Result<Played, String> {
    let mut info = Info::read(wasm)?;
    let copying = |(module, field): &(String, String)| {
        let mut imports = info.imports.iter();
        let found = imports.position(|i| i.module == *module && i.field == *field);
        found.ok_or_else(|| format!("nothing is imported as `{field}` of `{module}`"))
    };
    let copying = scene
        .copying
        .iter()
        .map(copying)
        .collect::<Result<_, _>>()?;
    info.outside = Outside::Silent(copying);
    let memory = info.memory().ok_or("the module has no memory")?;
    let most = scene
        .memory
        .unwrap_or((memory.min << memory.page_log2) + ROOM);
    let options = Options {
        cpu,
        level,
        name: "m".into(),
        memory_max: Some(most),
        ..Options::default()
    };
    let output = thumbsmith::compile(wasm, &options).map_err(|e| e.to_string())?;
    let mut machine = Machine::new(UnicornCore::new(cpu, PATIENCE)?);
    let mut program = Program {
        wasm: wasm.to_vec(),
        info,
        object: output.object,
        options,
        memory_limit: None,
    };
    machine.load(&program)?;
    program.memory_limit = machine.memory_capacity();
    let mut reference = Reference::optimizing(None)?;
    reference.load(&program)?;
    let mut stage = Stage {
        program: &program,
        reference,
        machine,
        names: HashMap::new(),
        played: Played {
            code: output.stats.code_bytes as u64,
            ..Played::default()
        },
    };
    stage.open()?;
    for (at, line) in &scene.lines {
        stage
            .take(*at, line)
            .map_err(|e| format!("line {at}: {e}"))?;
    }
    Ok(stage.played)
}

/// Both engines, and what has a name.
struct Stage<'a> {
    program: &'a Program,
    reference: Reference,
    machine: Machine<UnicornCore>,
    names: HashMap<String, u64>,
    played: Played,
}

impl Stage<'_> {
    fn open(&mut self) -> Result<(), String> {
        let (expected, got) = (self.reference.instantiate(), self.machine.instantiate());
        self.compare(0, &expected, &got)
    }

    fn compare(&mut self, at: usize, expected: &Outcome, got: &Outcome) -> Result<(), String> {
        let engines: (&mut dyn Engine, &mut dyn Engine) = (&mut self.reference, &mut self.machine);
        let difference = match compare::judge(self.program, engines, at, (expected, got)) {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(format!("nothing can be compared: {expected}")),
            Err(difference) => difference,
        };
        let kind = difference.kind.name();
        let (expected, got) = (difference.expected, difference.got);
        Err(format!("{kind}: wasmtime {expected}; unicorn {got}"))
    }

    fn take(&mut self, at: usize, line: &Line) -> Result<(), String> {
        match line {
            Line::Write(place, data) => {
                let (place, bytes) = (self.bits(place, Ty::I32)? as u32, data.bytes());
                let written = self.reference.write_memory(place, &bytes)
                    && self.machine.write_memory(place, &bytes);
                written
                    .then_some(())
                    .ok_or_else(|| "outside of the memory".into())
            }
            Line::Call(name, export, args) => self.call(at, name.as_ref(), export, args),
            Line::Load(name, place) => {
                let place = self.bits(place, Ty::I32)? as usize;
                let word = self.reference.memory(0).get(place..place + 4);
                let word = word.ok_or("outside of the memory")?;
                let word = word.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
                self.names.insert(name.clone(), word);
                Ok(())
            }
            Line::Global(name, export) => {
                let globals = &self.program.info.globals;
                let is = |g: &crate::program::Global| g.export.as_ref() == Some(export);
                let global = globals.iter().position(is).ok_or("no such global")?;
                let value = self.reference.global(global);
                self.names.insert(name.clone(), value);
                Ok(())
            }
            Line::Expect(a, b) => {
                let (a, b) = (self.bits(a, Ty::I64)?, self.bits(b, Ty::I64)?);
                self.held(a == b, || format!("{a:#x} is not {b:#x}"))
            }
            Line::Holds(place, data) => {
                let (place, bytes) = (self.bits(place, Ty::I32)? as usize, data.bytes());
                let there = self.reference.memory(0).get(place..place + bytes.len());
                let there = there.ok_or("outside of the memory")?.to_vec();
                self.held(there == bytes, || format!("memory holds {there:x?}"))
            }
        }
    }

    fn held(&mut self, held: bool, what: impl Fn() -> String) -> Result<(), String> {
        self.played.expected += u64::from(held);
        held.then_some(()).ok_or_else(what)
    }

    /// The bits of a value of this type.
    fn bits(&self, value: &Value, ty: Ty) -> Result<u64, String> {
        Ok(match (value, ty) {
            (Value::Is(bits), ty) => ty.wrap(*bits),
            (Value::Float(float), Ty::F32) => u64::from((*float as f32).to_bits()),
            (Value::Float(float), _) => float.to_bits(),
            (Value::Named(name, add), ty) => {
                let known = self
                    .names
                    .get(name)
                    .ok_or_else(|| format!("`{name}` has no value"))?;
                ty.wrap(known.wrapping_add(*add))
            }
        })
    }

    fn call(
        &mut self,
        at: usize,
        name: Option<&String>,
        export: &str,
        args: &[Value],
    ) -> Result<(), String> {
        let info = &self.program.info;
        let export = info
            .export_named(export)
            .ok_or_else(|| format!("no export `{export}`"))?;
        let params = &info.exports[export].sig.params;
        if params.len() != args.len() {
            return Err(format!("{} arguments, not {}", params.len(), args.len()));
        }
        let bits = args.iter().zip(params).map(|(a, ty)| self.bits(a, *ty));
        let bits: Vec<u64> = bits.collect::<Result<_, _>>()?;
        let expected = self.reference.call(export, &bits);
        let got = self.machine.call(export, &bits);
        self.compare(at, &expected, &got)?;
        self.played.calls += 1;
        match (name, &expected) {
            (None, _) => Ok(()),
            (Some(name), Outcome::Returned(values)) => {
                let value = values.first().ok_or("it gives nothing")?;
                self.names.insert(name.clone(), *value);
                Ok(())
            }
            (Some(_), other) => Err(other.to_string()),
        }
    }
}
