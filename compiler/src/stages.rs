//! The module between passes: for the interpreters, for tests, for blame.
//!
//! In: a module, or its text. Out: its functions as they are after a pass, as IR ([`Between`]) or in the forms of the
//! backend ([`Backend`]). Invariant: the passes are those of the
//! pipeline's table, run by the same code with the same decisions as when an object is made.

use crate::backend::code::{Code, Item};
use crate::backend::mir::MFunc;
use crate::backend::symbols::SymbolKind;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::verify::Stage;
use crate::ir::{Func, Module};
use crate::opt::address::GlobalLayout;
use crate::options::Options;
use crate::pipeline::{
    Compiled, Gives, Input, Keep, Kept, PASSES, Pass, Request, TRANSLATE, compile_module,
    passes_of, read,
};
use crate::regalloc::Allocation;

/// A function in the form in which a pass left it.
#[derive(Clone, Debug)]
pub enum Form {
    /// IR.
    Ir(Func),
    /// Machine IR over virtual registers.
    Virtual(MFunc),
    /// Machine IR and where its values are.
    Allocated(MFunc, Allocation),
    /// Instructions with labels.
    Linear(Vec<Item>),
    /// Bytes with relocations.
    Code(Code),
}

/// The functions of a module after one pass of the backend.
#[derive(Debug)]
pub struct MachineStage {
    /// The pass: a name of [`PASSES`].
    pub pass: &'static str,
    /// Functions by symbol, in the order in which they were made; all in one form.
    pub functions: Vec<(SymbolKind, Form)>,
}

/// The module in the backend: what its functions are after each pass that is past the IR.
pub struct Backend {
    /// The module; its functions have no bodies.
    pub module: Module,
    /// Symbols by number, as the functions name them.
    pub symbols: Vec<SymbolKind>,
    /// Where global variables lie.
    pub globals: GlobalLayout,
    /// Words of the constants that initialization copies, by number.
    pub data: Vec<Vec<u32>>,
    /// After each pass, in order.
    pub stages: Vec<MachineStage>,
}

/// The module after one pass, as the interpreter takes it.
pub struct Between {
    /// The pass: [`TRANSLATE`] or a name of [`PASSES`].
    pub pass: &'static str,
    /// How far its functions are.
    pub stage: Stage,
    /// The module; functions that nothing reaches have no body.
    pub module: Module,
    /// What `NAME_init` does.
    pub init: Func,
    /// By global: symbol number and byte offset (see [`GlobalLayout`](crate::opt::address::GlobalLayout)).
    pub places: Vec<(u32, u32)>,
    /// Words of the constants that `init` copies, by number.
    pub data: Vec<Vec<u32>>,
}

/// Compiles a module and gives it as it was after every pass whose result is IR, or after `only` one.
/// The decisions are those of [`crate::compile`], since it is the same run.
///
/// # Errors
/// As [`crate::compile`].
pub fn stages(wasm: &[u8], options: &Options, only: Option<&str>) -> Result<Vec<Between>> {
    let (compiled, kept) = kept(wasm, options, Keep::Ir)?;
    Ok(betweens(&compiled, kept, only))
}

/// Compiles a module and gives its functions as they were after every pass of the backend. The decisions are those of
/// [`crate::compile`], since it is the same run.
///
/// # Errors
/// As [`crate::compile`].
pub fn backend(wasm: &[u8], options: &Options) -> Result<Backend> {
    let (compiled, kept) = kept(wasm, options, Keep::Backend)?;
    let stage = |k: Kept| MachineStage {
        pass: k.pass,
        functions: k.bodies,
    };
    Ok(Backend {
        module: compiled.module,
        symbols: compiled.symbols.kinds,
        globals: compiled.globals,
        data: compiled.image.into_iter().map(|c| c.words).collect(),
        stages: kept.into_iter().map(stage).collect(),
    })
}

/// Gives a module of IR as it is after every pass whose result is IR, [`TRANSLATE`] first. Its functions are as translation
/// would have left them, or as anything else made them that [`crate::ir::verify`] accepts at
/// [`Stage::Source`](crate::ir::verify::Stage::Source). Also the name of the last rewrite, for bisecting by fuel.
///
/// # Errors
/// As [`crate::compile`].
pub fn after_each(
    module: Module,
    options: &Options,
) -> Result<(Vec<Between>, Option<&'static str>)> {
    let request = Request {
        keep: Keep::Ir,
        ..Request::default()
    };
    let input = Input {
        module,
        waiting: None,
    };
    let (compiled, kept) = compile_module(input, options, &passes_of(options)?, &request)?;
    let last = compiled.last_rewrite;
    Ok((betweens(&compiled, kept, None), last))
}

fn betweens(compiled: &Compiled, kept: Vec<Kept>, only: Option<&str>) -> Vec<Between> {
    let wanted = |k: &Kept| only.is_none_or(|o| o == k.pass);
    let kept = kept.into_iter().filter(wanted);
    let between = |k: Kept| match k.gives {
        Gives::Ir(stage) => Some(Between::new(k.pass, stage, k.bodies, compiled)),
        Gives::MachineIr | Gives::Allocation | Gives::Linear | Gives::Code => None,
    };
    kept.filter_map(between).collect()
}

fn kept(wasm: &[u8], options: &Options, keep: Keep) -> Result<(Compiled, Vec<Kept>)> {
    let request = Request {
        keep,
        ..Request::default()
    };
    let passes = passes_of(options)?;
    compile_module(read(wasm, options)?, options, &passes, &request)
}

impl Between {
    fn new(
        pass: &'static str,
        stage: Stage,
        bodies: Vec<(SymbolKind, Form)>,
        compiled: &Compiled,
    ) -> Between {
        let mut between = Between {
            pass,
            stage,
            module: compiled.module.clone(),
            init: Func::new(&[], &[]),
            places: compiled.globals.place.clone(),
            data: compiled.image.iter().map(|c| c.words.clone()).collect(),
        };
        for (kind, form) in bodies {
            let Form::Ir(f) = form else { continue };
            match kind {
                SymbolKind::Func(i) => between.module.funcs[i as usize].body = Some(f),
                SymbolKind::Init => between.init = f,
                // The interpreter calls functions as functions of the module do.
                SymbolKind::Wrapper(_)
                | SymbolKind::Thunk(_)
                | SymbolKind::Table(_)
                | SymbolKind::Elem(_)
                | SymbolKind::Memory(_)
                | SymbolKind::Globals
                | SymbolKind::Global(_)
                | SymbolKind::StackLimit
                | SymbolKind::Float(_)
                | SymbolKind::FloatText(_)
                | SymbolKind::Aeabi(_)
                | SymbolKind::Data(_)
                | SymbolKind::Segment(_) => {}
            }
        }
        between
    }
}

/// Runs some passes, in this order, on every function of a module whose functions are as far as the first pass
/// wants them. Gives the text of what the last one made.
///
/// # Errors
/// `Options` if there is no such pass, or its result has no text; else as [`crate::compile`].
pub fn run(module: Module, options: &Options, passes: &[&str]) -> Result<String> {
    let named = |name: &&str| match PASSES.iter().find(|p| p.name == *name) {
        Some(p) => Ok(p),
        None => Err(Error::new(ErrorKind::Options, format!("no pass `{name}`"))),
    };
    let list = passes
        .iter()
        .map(named)
        .collect::<Result<Vec<&'static Pass>>>()?;
    let request = Request {
        dump: Some(passes.last().copied().unwrap_or(TRANSLATE)),
        every: true,
        ..Request::default()
    };
    let input = Input {
        module,
        waiting: None,
    };
    let (compiled, _) = compile_module(input, options, &list, &request)?;
    Ok(compiled.dump.unwrap_or_default())
}

/// Names of the passes that run under these options and whose results are IR, in order, [`TRANSLATE`] first.
pub fn ir_passes(options: &Options) -> Vec<&'static str> {
    let passes = passes_of(options).unwrap_or_default();
    let ir = passes.iter().filter(|p| p.gives.stage().is_some());
    std::iter::once(TRANSLATE)
        .chain(ir.map(|p| p.name))
        .collect()
}
