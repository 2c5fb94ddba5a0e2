//! The pipeline: every pass is one row.
//!
//! In: a WebAssembly binary. Out: a [`Compiled`] module. A row names the pass, the levels that run it, what must have
//! run before it, and the function that does it; the optimization levels are columns of this table, not other
//! paths. The order constraints are checked before anything runs. Functions are taken callees first, twice: early passes
//! leave SSA that callers may inline, late passes turn it into code, so that a caller knows how much stack its callees need.

mod passes;

use crate::backend::abi::Variant;
use crate::backend::code::{self, Code};
use crate::backend::mir::{MFunc, MOp, Symbol};
use crate::backend::symbols::{SymbolKind, Symbols, text};
use crate::backend::{self, alloc_text, code_text, emit, mir_text};
use crate::budget::Budget;
use crate::choices::Choices;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::verify::{Stage, verify};
use crate::ir::{self, Func, FuncType, Module, Node, Op, Ty};
use crate::opt::callgraph::{CallGraph, called};
use crate::opt::{self, address::GlobalLayout};
use crate::optimizations;
use crate::options::{Level, Options};
pub use crate::plan::check_order;
pub(crate) use crate::plan::passes_of;
use crate::regalloc::Allocation;
use crate::stages::Form;
use crate::wasm::Bodies;
use crate::{helpers, init, keep, softfloat};
use std::rc::Rc;

/// The state of one function on its way.
pub struct Unit {
    /// What it is.
    pub kind: SymbolKind,
    /// Name for messages.
    pub name: String,
    /// Its type.
    pub ty: FuncType,
    /// SSA, up to lowering.
    pub func: Func,
    /// Whether inlining changed it.
    inlined: bool,
    mir: MFunc,
    allocation: Allocation,
    items: Vec<code::Item>,
    frame: Option<emit::Frame>,
    /// Machine code, at the end.
    pub code: Code,
}

/// What passes share.
pub struct Cx<'a> {
    module: &'a Module,
    options: &'a Options,
    budget: Budget,
    choices: Choices,
    hits: Vec<u64>,
    lower_hits: Vec<u64>,
    symbols: Symbols,
    globals: GlobalLayout,
    helpers: Option<u32>,
    /// Bodies after the early passes, by function.
    bodies: Vec<Option<Rc<Func>>>,
    graph: CallGraph,
    /// By function: bytes of stack that a caller must have checked for.
    depth: Vec<u32>,
    listing: bool,
    /// Place of the pass that was asked for, and text of functions after it.
    dump: Option<(usize, String)>,
    /// Bodies after passes, those that were asked for.
    keep: Keep,
    kept: Vec<Kept>,
    /// How many functions of the module are compiled, if nothing else is.
    own: Option<u32>,
}

/// What a pass left, by symbol.
pub(crate) struct Kept {
    /// Place of the pass in the list: a name may occur more than once.
    at: usize,
    pub(crate) pass: &'static str,
    pub(crate) gives: Gives,
    pub(crate) bodies: Vec<(SymbolKind, Form)>,
}

/// Which passes' results are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Keep {
    /// None.
    #[default]
    Nothing,
    /// Those that are IR.
    Ir,
    /// Those of the backend.
    Backend,
}

/// What is wanted beside the code.
#[derive(Default)]
pub(crate) struct Request<'a> {
    /// The pass whose result is wanted as text.
    pub(crate) dump: Option<&'a str>,
    /// Whether code is wanted as text.
    pub(crate) listing: bool,
    /// The passes after which bodies are wanted.
    pub(crate) keep: Keep,
    /// Whether the module's own functions are compiled, each of them, and nothing else: no helpers, no wrappers, no
    /// initialization.
    pub(crate) every: bool,
}

/// When a pass runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// While callers may still inline the function.
    Early,
    /// On the way to code.
    Late,
}

/// What a pass leaves, in the order in which a function goes through it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Gives {
    /// IR, this far.
    Ir(Stage),
    /// Machine IR over virtual registers.
    MachineIr,
    /// An allocation beside the machine IR.
    Allocation,
    /// Linear code: instructions with labels.
    Linear,
    /// Bytes.
    Code,
}

impl Gives {
    /// How far the IR is; `None` if it is no IR.
    pub fn stage(self) -> Option<Stage> {
        match self {
            Gives::Ir(stage) => Some(stage),
            Gives::MachineIr | Gives::Allocation | Gives::Linear | Gives::Code => None,
        }
    }
}

type Run = fn(&mut Unit, &mut Cx<'_>) -> Result<()>;

/// A row of the table.
pub struct Pass {
    /// Name.
    pub name: &'static str,
    /// When it runs.
    pub phase: Phase,
    /// Levels that run it, as in `Level::name`.
    pub levels: &'static str,
    /// Passes that must stand before it, where they run at all. What stands before it in the table only because code
    /// becomes better that way is not named: any order that these admit is right.
    pub after: &'static [&'static str],
    /// What it leaves.
    pub gives: Gives,
    run: Run,
}

impl Pass {
    /// Whether it runs under these options.
    pub(crate) fn runs(&self, options: &Options) -> bool {
        let left_out = options.without.iter().any(|w| w == self.name);
        self.levels.contains(options.level.name()) && !left_out
    }

    /// Whether code is right without it.
    pub fn is_optional(&self) -> bool {
        self.levels != ALL
    }

    /// How far the IR must be: as the passes that stand before it in the table leave it.
    fn takes(&self) -> Stage {
        let before = PASSES.iter().take_while(|p| p.name != self.name);
        before
            .filter_map(|p| p.gives.stage())
            .max()
            .unwrap_or(Stage::Source)
    }
}

/// The name under which the IR before all passes can be asked for.
pub const TRANSLATE: &str = "translate";

pub(crate) const ALL: &str = "0123sz";
const OPT: &str = "123sz";
const FULL: &str = "23sz";

const SOURCE: Gives = Gives::Ir(Stage::Source);
const WORDS: Gives = Gives::Ir(Stage::Words);
const MACHINE: Gives = Gives::Ir(Stage::Machine);

const fn pass(
    name: &'static str,
    phase: Phase,
    levels: &'static str,
    after: &'static [&'static str],
    gives: Gives,
    run: Run,
) -> Pass {
    Pass {
        name,
        phase,
        levels,
        after,
        gives,
        run,
    }
}

/// The passes, in order. Translation comes before them.
#[rustfmt::skip]
pub const PASSES: &[Pass] = &[
    pass("simplify", Phase::Early, OPT, &[], SOURCE, passes::simplify),
    pass("inline", Phase::Early, OPT, &[], SOURCE, passes::inline_calls),
    pass("simplify-inlined", Phase::Early, OPT, &["inline"], SOURCE, passes::simplify_inlined),
    pass("ranges", Phase::Early, FULL, &[], SOURCE, passes::ranges),
    pass("wide", Phase::Late, ALL, &[], WORDS, passes::wide),
    pass("address", Phase::Late, ALL, &["wide"], MACHINE, passes::addresses),
    pass("simplify-words", Phase::Late, OPT, &["wide", "address"], MACHINE, passes::simplify),
    pass("lower", Phase::Late, ALL, &["address"], Gives::MachineIr, passes::lower_func),
    pass("regalloc", Phase::Late, ALL, &["lower"], Gives::Allocation, passes::allocate),
    pass("emit", Phase::Late, ALL, &["regalloc"], Gives::Linear, passes::emit_func),
    pass("finish", Phase::Late, ALL, &["emit"], Gives::Linear, passes::finish_func),
    pass("layout", Phase::Late, ALL, &["finish"], Gives::Code, passes::layout_func),
];

/// The passes after which a dump can be had, in order: those that run under these options, or all.
pub fn dumps(options: Option<&Options>) -> Vec<&'static str> {
    let runs = match options {
        Some(options) => passes_of(options).unwrap_or_default(),
        None => PASSES.iter().collect(),
    };
    let can = |p: &&Pass| p.gives != Gives::Code;
    let rows = runs.into_iter().filter(can).map(|p| p.name);
    let mut names: Vec<_> = std::iter::once(TRANSLATE).chain(rows).collect();
    let mut seen = rustc_hash::FxHashSet::default();
    names.retain(|n| seen.insert(*n));
    names
}

/// Whether this pass makes code.
fn is_layout(name: &str) -> bool {
    PASSES
        .iter()
        .any(|p| p.name == name && p.gives == Gives::Code)
}

/// Refuses a dump that no pass can give.
fn check_dump(name: &str) -> Result<()> {
    let all = dumps(None);
    if all.contains(&name) || is_layout(name) {
        return Ok(());
    }
    let what = format!("no IR can be shown after `{name}`");
    Err(Error::new(ErrorKind::Options, what).help(format!("one of: {}", all.join(", "))))
}

/// A compiled module, before it becomes an object file.
pub struct Compiled {
    /// The module: its functions' bodies are gone.
    pub module: Module,
    /// Functions with their symbols, in order.
    pub functions: Vec<(SymbolKind, Code)>,
    /// The symbols.
    pub symbols: Symbols,
    /// Where global variables lie.
    pub globals: GlobalLayout,
    /// Tables and element segments that code names or others see.
    pub references: Vec<SymbolKind>,
    /// Contents of memory at the start.
    pub image: Vec<init::Chunk>,
    /// Rewrite rules' and lowering rules' hits.
    pub hits: (Vec<u64>, Vec<u64>),
    /// Rewrites done.
    pub fuel_used: u64,
    /// The last rewrite.
    pub last_rewrite: Option<&'static str>,
    /// The dump that was asked for.
    pub dump: Option<String>,
}

/// Compiles a module. `dump` names a pass whose result is wanted as text.
///
/// # Errors
/// Any kind; see [`Error`].
pub fn compile(
    wasm: &[u8],
    options: &Options,
    dump: Option<&str>,
    listing: bool,
) -> Result<Compiled> {
    let request = Request {
        dump,
        listing,
        ..Request::default()
    };
    compile_module(
        read(wasm, options)?,
        options,
        &passes_of(options)?,
        &request,
    )
    .map(|(c, _)| c)
}

/// A module to compile. Bodies stand in it, or wait to be translated when it is their turn.
pub(crate) struct Input<'a> {
    pub(crate) module: Module,
    pub(crate) waiting: Option<Bodies<'a>>,
}

/// Decodes a module but for its bodies, and checks that an object can hold its names.
///
/// # Errors
/// As [`compile`].
pub(crate) fn read<'a>(wasm: &'a [u8], options: &Options) -> Result<Input<'a>> {
    let (module, bodies) = crate::wasm::open(wasm, options)?;
    crate::object::names::check(&module, options)?;
    Ok(Input {
        module,
        waiting: Some(bodies),
    })
}

impl Input<'_> {
    /// Whether any function may call a helper.
    fn calls_helpers(&self) -> bool {
        let calls = |n: &Node| helpers::is_call(n.op, n.ty);
        let mut bodies = self.module.funcs.iter().flat_map(|f| &f.body);
        let waits =
            |w: &Bodies<'_>| (0..self.module.funcs.len()).any(|f| !w.helpers(f as u32).is_empty());
        bodies.any(|b| b.nodes.iter().any(calls)) || self.waiting.as_ref().is_some_and(waits)
    }
}

/// Compiles a module with these passes.
///
/// # Errors
/// Any kind; see [`Error`].
pub(crate) fn compile_module(
    mut input: Input<'_>,
    options: &Options,
    passes: &[&'static Pass],
    request: &Request<'_>,
) -> Result<(Compiled, Vec<Kept>)> {
    if let Some(d) = request.dump {
        check_dump(d)?;
    }
    let own = request.every.then_some(input.module.funcs.len() as u32);
    let helpers = if input.calls_helpers() {
        Some(helpers::add(&mut input.module)?)
    } else {
        None
    };
    let Input {
        mut module,
        waiting,
    } = input;
    let bodies: Vec<_> = module
        .funcs
        .iter_mut()
        .map(|f| f.body.take().map(Rc::new))
        .collect();
    let image = init::image(&module);
    let roots = match own {
        Some(n) => (0..n).collect(),
        None => roots(&module),
    };
    let graph = CallGraph::new(&calls(&bodies, waiting.as_ref(), helpers), &roots);
    let mut cx = Cx {
        module: &module,
        options,
        budget: Budget::of(options.level),
        choices: Choices::new(options.choices.clone(), options.fuel)
            .without(optimizations::left_out(&options.without)?),
        hits: vec![0; opt::rules::table().all().len()],
        lower_hits: vec![0; crate::backend::rules::table().all().len()],
        symbols: Symbols::default(),
        globals: GlobalLayout::new(&module),
        helpers,
        depth: vec![0; bodies.len()],
        bodies,
        graph,
        listing: request.listing || request.dump.is_some_and(is_layout),
        dump: request.dump.map(|d| (place_of(d, passes), String::new())),
        keep: request.keep,
        kept: Vec::new(),
        own,
    };
    cx.early(passes, waiting)?;
    cx.graph = CallGraph::new(&calls(&cx.bodies, None, helpers), &roots);
    let mut functions = cx.late(passes, &image)?;
    let mut references = Vec::new();
    if own.is_none() {
        references = keep::referenced(&mut functions, &mut cx.symbols, &module);
        cx.float_helpers(&mut functions)?;
    }
    let Cx {
        choices,
        hits,
        lower_hits,
        symbols,
        globals,
        dump,
        kept,
        ..
    } = cx;
    let compiled = Compiled {
        functions,
        symbols,
        globals,
        references,
        image,
        hits: (hits, lower_hits),
        fuel_used: choices.used(),
        last_rewrite: choices.last(),
        dump: dump.map(|d| d.1),
        module,
    };
    Ok((compiled, kept))
}

/// The place after which a dump is taken: that of the last pass with the name, counted from 1; 0 is before all of them.
fn place_of(dump: &str, passes: &[&Pass]) -> usize {
    match passes.iter().rposition(|p| p.name == dump) {
        Some(at) => at + 1,
        None if dump == TRANSLATE => 0,
        None => usize::MAX,
    }
}

/// By function: the functions that it calls, one entry a site.
fn calls(
    bodies: &[Option<Rc<Func>>],
    waiting: Option<&Bodies<'_>>,
    helpers: Option<u32>,
) -> Vec<Vec<u32>> {
    let of = |(i, body): (usize, &Option<Rc<Func>>)| match (body, waiting) {
        (Some(f), _) => called(f, &|n| helper_of(n, helpers)).collect(),
        (None, Some(w)) => {
            let known = |&f: &u32| (f as usize) < bodies.len();
            let called = w.calls(i as u32).iter().copied().filter(known);
            let called_too = w.helpers(i as u32).iter();
            called
                .chain(called_too.filter_map(|&op| helpers::index(op, helpers?)))
                .collect()
        }
        (None, None) => Vec::new(),
    };
    bodies.iter().enumerate().map(of).collect()
}

/// Functions that something outside the module's code calls.
fn roots(module: &Module) -> Vec<u32> {
    let exported = module
        .funcs
        .iter()
        .enumerate()
        .filter(|(_, f)| !f.exports.is_empty());
    let referenced = |(_, f): &(usize, &ir::FuncDecl)| f.entry.referenced;
    let referenced = module.funcs.iter().enumerate().filter(referenced);
    exported
        .map(|(i, _)| i as u32)
        .chain(module.start)
        .chain(referenced.map(|(i, _)| i as u32))
        .collect()
}

/// The helper that an operation calls.
fn helper_of(n: &Node, base: Option<u32>) -> Option<u32> {
    let op = match n.op {
        Op::DivS if n.ty == Ty::I64 => Op::DivS64,
        Op::DivU if n.ty == Ty::I64 => Op::DivU64,
        Op::RemS if n.ty == Ty::I64 => Op::RemS64,
        Op::RemU if n.ty == Ty::I64 => Op::RemU64,
        op => op,
    };
    helpers::index(op, base?)
}

impl Cx<'_> {
    fn unit(&self, kind: SymbolKind, ty: FuncType, func: Func) -> Unit {
        Unit {
            name: text(&kind, self.module, &self.options.name),
            kind,
            ty,
            func,
            inlined: false,
            mir: MFunc::default(),
            allocation: Allocation::default(),
            items: Vec::new(),
            frame: None,
            code: Code::default(),
        }
    }

    fn run(&mut self, passes: &[&Pass], phase: Phase, unit: &mut Unit) -> Result<()> {
        let place = |e: Error, unit: &Unit| match unit.kind {
            SymbolKind::Func(i) | SymbolKind::Wrapper(i) | SymbolKind::Thunk(i) => {
                e.in_function(i, Some(&unit.name))
            }
            _ => e,
        };
        if phase == Phase::Early {
            // A list that does not begin at the beginning is given what the passes before would have left.
            let given = passes.first().map_or(Stage::Source, |p| p.takes());
            self.after(0, TRANSLATE, Gives::Ir(given), unit)
                .map_err(|e| place(e, unit))?;
        }
        let numbered = (1..).zip(passes);
        for (at, p) in numbered.filter(|(_, p)| p.phase == phase) {
            (p.run)(unit, self)
                .and_then(|()| self.after(at, p.name, p.gives, unit))
                .map_err(|e| place(e, unit))?;
        }
        Ok(())
    }

    /// What is done after every pass: checks, the dump, and keeping the body. `at` is its place, counted from 1.
    fn after(&mut self, at: usize, pass: &'static str, gives: Gives, unit: &Unit) -> Result<()> {
        if self.options.verify {
            let found = match gives {
                Gives::Ir(stage) => verify(&unit.func, stage, Some(self.module)),
                Gives::MachineIr => backend::verify::verify(&unit.mir),
                Gives::Linear => backend::code::verify(&unit.items),
                // The allocator's checker has run; layout asks the encoder about every instruction.
                Gives::Allocation | Gives::Code => Ok(()),
            };
            found.map_err(|e| {
                let name = &unit.name;
                Error::new(ErrorKind::Internal, format!("{name} after {pass}: {e}"))
            })?;
        }
        if self.dump.as_ref().is_some_and(|(place, _)| *place == at) {
            let text = self.text_of(gives, unit);
            if let Some((_, out)) = &mut self.dump {
                out.push_str(&text);
            }
        }
        let wanted = match self.keep {
            Keep::Nothing => false,
            Keep::Ir => gives.stage().is_some(),
            Keep::Backend => gives.stage().is_none(),
        };
        if wanted {
            let row = match self.kept.iter().position(|k| k.at == at) {
                Some(row) => row,
                None => {
                    self.kept.push(Kept {
                        at,
                        pass,
                        gives,
                        bodies: Vec::new(),
                    });
                    self.kept.len() - 1
                }
            };
            let form = match gives {
                Gives::Ir(_) => Form::Ir(unit.func.clone()),
                Gives::MachineIr => Form::Virtual(unit.mir.clone()),
                Gives::Allocation => Form::Allocated(unit.mir.clone(), unit.allocation.clone()),
                Gives::Linear => Form::Linear(unit.items.clone()),
                Gives::Code => Form::Code(unit.code.clone()),
            };
            self.kept[row].bodies.push((unit.kind.clone(), form));
        }
        Ok(())
    }

    /// What a pass left, as text.
    fn text_of(&self, gives: Gives, unit: &Unit) -> String {
        let kinds = &self.symbols.kinds;
        let name = |s: Symbol| {
            let kind = kinds.get(s.0 as usize)?;
            Some(text(kind, self.module, &self.options.name))
        };
        match gives {
            Gives::Ir(_) => ir::text::function(&unit.func, &unit.name, true),
            Gives::MachineIr => mir_text::function(&unit.mir, &name),
            Gives::Allocation => alloc_text::function(&unit.mir, &unit.allocation, &name),
            Gives::Linear => code_text::function(&unit.items, &unit.name, &name),
            Gives::Code => {
                let lines = unit.code.listing.iter().map(|l| format!("  {}\n", l.2));
                format!("{}:\n{}", unit.name, lines.collect::<String>())
            }
        }
    }

    fn take_body(&mut self, f: u32) -> Option<Func> {
        if self.own.is_some_and(|own| f >= own) {
            return None;
        }
        self.bodies[f as usize]
            .take()
            .map(|b| Rc::try_unwrap(b).unwrap_or_else(|b| (*b).clone()))
    }

    /// Runs the early passes over all functions that are reached; a body that waits is translated right before.
    fn early(&mut self, passes: &[&Pass], mut waiting: Option<Bodies<'_>>) -> Result<()> {
        for f in self.graph.order.clone() {
            let translated = match &mut waiting {
                Some(w) => w.take(f)?,
                None => None,
            };
            let Some(body) = translated.or_else(|| self.take_body(f)) else {
                continue;
            };
            let ty = self.module.funcs[f as usize].ty.clone();
            let mut unit = self.unit(SymbolKind::Func(f), ty, body);
            self.run(passes, Phase::Early, &mut unit)?;
            unit.func.compact();
            self.bodies[f as usize] = Some(Rc::new(unit.func));
        }
        waiting.map_or(Ok(()), Bodies::finish)
    }

    fn late(&mut self, passes: &[&Pass], image: &[init::Chunk]) -> Result<Vec<(SymbolKind, Code)>> {
        let mut out = Vec::new();
        for f in self.graph.order.clone() {
            let Some(body) = self.take_body(f) else {
                continue;
            };
            let ty = self.module.funcs[f as usize].ty.clone();
            self.finish_unit(passes, SymbolKind::Func(f), (ty, body), &mut out)?;
        }
        if self.own.is_some() {
            return Ok(out);
        }
        let module = self.module;
        for (i, f) in module.funcs.iter().enumerate() {
            if f.needs_wrapper() {
                let made = init::export_wrapper(module, i as u32, Variant::of(self.options.cpu));
                self.finish_unit(passes, SymbolKind::Wrapper(i as u32), made, &mut out)?;
            }
            if f.entry.thunk {
                let made = init::forwarder(&f.ty, i as u32);
                self.finish_unit(passes, SymbolKind::Thunk(i as u32), made, &mut out)?;
            }
        }
        self.finish_unit(
            passes,
            SymbolKind::Init,
            init::init_function(module, image),
            &mut out,
        )?;
        Ok(out)
    }

    fn finish_unit(
        &mut self,
        passes: &[&Pass],
        kind: SymbolKind,
        (ty, func): (FuncType, Func),
        out: &mut Vec<(SymbolKind, Code)>,
    ) -> Result<()> {
        self.symbols.get(kind.clone());
        let made = !matches!(kind, SymbolKind::Func(_));
        let mut unit = self.unit(kind, ty, func);
        // Functions of the module have been through the early passes.
        if made {
            self.run(passes, Phase::Early, &mut unit)?;
        }
        self.run(passes, Phase::Late, &mut unit)?;
        out.push((unit.kind, unit.code));
        Ok(())
    }

    /// Adds the helpers of floats that the code calls.
    fn float_helpers(&mut self, functions: &mut Vec<(SymbolKind, Code)>) -> Result<()> {
        let calls = functions.iter().flat_map(|(_, code)| &code.relocs);
        let wanted = calls.filter_map(|r| match self.symbols.kinds[r.symbol.0 as usize] {
            SymbolKind::Float(helper) => Some(helper),
            _ => None,
        });
        let mut wanted: Vec<u32> = wanted.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let made = softfloat::code_of(&wanted, self.options.cpu, self.listing)?;
        for (kind, code) in made {
            self.symbols.get(kind.clone());
            functions.push((kind, code));
        }
        Ok(())
    }

    fn rewrites(&self) -> bool {
        self.options.level != Level::O0
    }

    /// Bytes that a function checks the stack for at its entry, if it does. A function that only others of the
    /// module call is covered by their checks; one that may call itself is not.
    fn stack_check(&mut self, u: &Unit, frame: u32) -> u32 {
        let callee = |s: &SymbolKind| match s {
            SymbolKind::Func(i) => self.depth[*i as usize],
            SymbolKind::Float(_) => softfloat::STACK,
            _ => 0,
        };
        let calls = u
            .mir
            .blocks
            .iter()
            .flat_map(|b| &b.insts)
            .filter(|i| matches!(i.op, MOp::Call | MOp::TailCall))
            .filter_map(|i| i.sym);
        let need = frame
            + calls
                .map(|s| callee(&self.symbols.kinds[s.0 as usize]))
                .max()
                .unwrap_or(0);
        let covered = match u.kind {
            SymbolKind::Func(i) => {
                let f = &self.module.funcs[i as usize];
                // A caller by reference does not know what it calls.
                let outside = f.exports_body() || f.entry.referenced;
                !outside && !self.graph.recursive[i as usize]
            }
            _ => false,
        };
        if let (SymbolKind::Func(i), true) = (&u.kind, covered) {
            self.depth[*i as usize] = need;
            return 0;
        }
        need
    }
}
