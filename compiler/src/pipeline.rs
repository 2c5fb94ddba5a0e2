//! The pipeline: every pass is one row.
//!
//! In: a WebAssembly binary. Out: a [`Compiled`] module. A row names the pass, the levels that run it, what must have
//! run before it, and the function that does it; the optimization levels are columns of this table, not other
//! paths. The order constraints are checked before anything runs.

use crate::backend::code::Code;
use crate::backend::mir::{MFunc, MOp, Symbol};
use crate::backend::symbols::{self, SymbolKind, Symbols};
use crate::backend::{self, abi, code, emit, finish, layout, lower};
use crate::choices::Choices;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::verify::{Stage, verify};
use crate::ir::{self, Cfg, Func, FuncType, Module, Op, Ty};
use crate::opt::{self, address::GlobalLayout, schedule::Schedule, simplify::Known};
use crate::options::{Level, Options};
use crate::regalloc::{self, Allocation};
use crate::{helpers, init};

/// The state of one function on its way.
pub struct Unit {
    /// Index in the module.
    pub index: u32,
    /// Name for messages.
    pub name: String,
    /// Its type.
    pub ty: FuncType,
    /// SSA, up to lowering.
    pub func: Func,
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
    choices: Choices,
    hits: Vec<u64>,
    lower_hits: Vec<u64>,
    symbols: Symbols,
    globals: GlobalLayout,
    helpers: Option<u32>,
    /// Text of functions after the pass that was asked for.
    dump: Option<(String, String)>,
    /// Bodies after passes, if they were asked for.
    kept: Option<Vec<Kept>>,
}

/// What a pass left, by symbol.
pub(crate) struct Kept {
    pub(crate) pass: &'static str,
    pub(crate) stage: Stage,
    pub(crate) bodies: Vec<(SymbolKind, Func)>,
}

/// What is wanted beside the code.
#[derive(Default)]
pub(crate) struct Request<'a> {
    /// The pass whose result is wanted as text.
    pub(crate) dump: Option<&'a str>,
    /// Whether code is wanted as text.
    pub(crate) listing: bool,
    /// Whether the bodies after every pass are wanted.
    pub(crate) keep: bool,
    /// Whether every function with a body is compiled, and nothing else; otherwise whatever exports and
    /// initialization reach.
    pub(crate) every: bool,
}

type Run = fn(&mut Unit, &mut Cx<'_>) -> Result<()>;

/// A row of the table.
pub struct Pass {
    /// Name.
    pub name: &'static str,
    /// Levels that run it, as in `Level::name`.
    pub levels: &'static str,
    /// Passes that must stand before it.
    pub after: &'static [&'static str],
    /// How far the IR is when it has run; `None` if its result is no IR.
    pub gives: Option<Stage>,
    run: Run,
}

impl Pass {
    /// How far the IR must be: as the passes that stand before it in the table leave it.
    fn takes(&self) -> Stage {
        let before = PASSES.iter().take_while(|p| p.name != self.name);
        before
            .filter_map(|p| p.gives)
            .max()
            .unwrap_or(Stage::Source)
    }
}

/// The name under which the IR before all passes can be asked for.
pub const TRANSLATE: &str = "translate";

const ALL: &str = "0123sz";

/// The pass whose result is machine IR.
const LOWER: &str = "lower";
/// The pass whose result is code.
const LAYOUT: &str = "layout";

/// The passes of a function, in order. Whole-module passes come before: see [`compile`].
pub const PASSES: &[Pass] = &[
    Pass {
        name: "simplify",
        levels: "123sz",
        after: &[],
        gives: Some(Stage::Source),
        run: simplify,
    },
    Pass {
        name: "wide",
        levels: ALL,
        after: &[],
        gives: Some(Stage::Words),
        run: wide,
    },
    Pass {
        name: "simplify-words",
        levels: "123sz",
        after: &["wide"],
        gives: Some(Stage::Words),
        run: simplify,
    },
    Pass {
        name: "address",
        levels: ALL,
        after: &["wide"],
        gives: Some(Stage::Machine),
        run: addresses,
    },
    Pass {
        name: LOWER,
        levels: ALL,
        after: &["address"],
        gives: None,
        run: lower_func,
    },
    Pass {
        name: "regalloc",
        levels: ALL,
        after: &["lower"],
        gives: None,
        run: allocate,
    },
    Pass {
        name: "emit",
        levels: ALL,
        after: &["regalloc"],
        gives: None,
        run: emit_func,
    },
    Pass {
        name: "finish",
        levels: ALL,
        after: &["emit"],
        gives: None,
        run: finish_func,
    },
    Pass {
        name: LAYOUT,
        levels: ALL,
        after: &["finish"],
        gives: None,
        run: layout_func,
    },
];

/// Checks the order constraints of the table.
///
/// # Errors
/// `Internal`, naming the row.
pub fn check_order(passes: &[&Pass]) -> Result<()> {
    for (i, p) in passes.iter().enumerate() {
        for a in p.after {
            let known = PASSES.iter().any(|q| q.name == *a);
            let runs = PASSES.iter().any(|q| q.name == *a && q.levels == ALL);
            let before = passes[..i].iter().any(|q| q.name == *a);
            if !known || !before && (runs || passes.iter().any(|q| q.name == *a)) {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("pass {} must stand after {a}", p.name),
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a dump that no pass can give.
fn check_dump(name: &str) -> Result<()> {
    let can = |p: &&Pass| p.gives.is_some() || [LOWER, LAYOUT].contains(&p.name);
    let all: Vec<&str> = std::iter::once(TRANSLATE)
        .chain(PASSES.iter().filter(can).map(|p| p.name))
        .collect();
    if all.contains(&name) {
        return Ok(());
    }
    let what = format!("nothing can be shown after `{name}`");
    Err(Error::new(ErrorKind::Options, what).help(format!("one of: {}", all.join(", "))))
}

fn runs_at(levels: &str, level: Level) -> bool {
    levels.contains(level.name())
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
    let passes = passes_of(options.level)?;
    let module = crate::wasm::decode(wasm, options)?;
    compile_module(module, options, &passes, &request).map(|(c, _)| c)
}

/// The passes of a level, their order checked.
///
/// # Errors
/// As [`check_order`].
pub(crate) fn passes_of(level: Level) -> Result<Vec<&'static Pass>> {
    let runs = |p: &&Pass| runs_at(p.levels, level);
    let passes: Vec<_> = PASSES.iter().filter(runs).collect();
    check_order(&passes)?;
    Ok(passes)
}

/// Compiles a module with these passes.
///
/// # Errors
/// Any kind; see [`Error`].
pub(crate) fn compile_module(
    mut module: Module,
    options: &Options,
    passes: &[&'static Pass],
    request: &Request<'_>,
) -> Result<(Compiled, Vec<Kept>)> {
    if let Some(d) = request.dump {
        check_dump(d)?;
    }
    let own = module.funcs.len();
    let nodes = module.funcs.iter().flat_map(|f| &f.body);
    let mut nodes = nodes.flat_map(|b| &b.nodes);
    let helpers = match nodes.any(|n| helpers::is_division(n.op) && n.ty == Ty::I64) {
        true => Some(helpers::add(&mut module)?),
        false => None,
    };
    let globals = GlobalLayout::new(&module);
    let image = init::image(&module);
    let mut bodies: Vec<Option<Func>> = module.funcs.iter_mut().map(|f| f.body.take()).collect();
    let mut cx = Cx {
        module: &module,
        options,
        choices: Choices::new(options.choices.clone(), options.fuel),
        hits: vec![0; opt::rules::all().len()],
        lower_hits: vec![0; crate::backend::rules::all().len()],
        symbols: Symbols::default(),
        globals,
        helpers,
        dump: request.dump.map(|d| (d.to_owned(), String::new())),
        kept: request.keep.then(Vec::new),
    };
    let mut functions = Vec::new();
    let mut reached = if request.every {
        Reached::every(&bodies[..own], &mut cx.symbols)
    } else {
        Reached::new(&module, &mut cx.symbols)
    };
    while let Some(kind) = reached.next(&module, &cx.symbols) {
        let (ty, func) = match &kind {
            SymbolKind::Func(i) => match bodies[*i as usize].take() {
                Some(f) => (module.funcs[*i as usize].ty.clone(), f),
                None => continue,
            },
            SymbolKind::Wrapper(i) => init::export_wrapper(&module, *i),
            SymbolKind::Init => init::init_function(&module, &image),
            SymbolKind::Memory
            | SymbolKind::Globals
            | SymbolKind::Global(_)
            | SymbolKind::StackLimit
            | SymbolKind::Data(_) => continue,
        };
        let listing = request.listing || request.dump == Some(LAYOUT);
        let mut unit = Unit::new(&kind, ty, func, &cx, listing);
        cx.run(&mut unit, &kind, passes)?;
        functions.push((kind, unit.code));
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
        image,
        hits: (hits, lower_hits),
        fuel_used: choices.used(),
        last_rewrite: choices.last(),
        dump: dump.map(|d| d.1),
        module,
    };
    Ok((compiled, kept.unwrap_or_default()))
}

impl Unit {
    fn new(kind: &SymbolKind, ty: FuncType, func: Func, cx: &Cx<'_>, listing: bool) -> Unit {
        let mut code = Code::default();
        if listing {
            code.listing.push((0, 0, String::new()));
        }
        Unit {
            index: match kind {
                SymbolKind::Func(i) | SymbolKind::Wrapper(i) => *i,
                _ => u32::MAX,
            },
            name: symbols::text(kind, cx.module, &cx.options.name),
            ty,
            func,
            mir: MFunc::default(),
            allocation: Allocation::default(),
            items: Vec::new(),
            frame: None,
            code,
        }
    }
}

/// The functions still to compile: exports first, then whatever a symbol names.
struct Reached {
    seen: usize,
    end: usize,
}

impl Reached {
    fn new(module: &Module, symbols: &mut Symbols) -> Reached {
        for (i, f) in module.funcs.iter().enumerate() {
            if !f.exports.is_empty() && f.import.is_none() {
                symbols.get(if f.ty.results.len() > 1 {
                    SymbolKind::Wrapper(i as u32)
                } else {
                    SymbolKind::Func(i as u32)
                });
            }
        }
        symbols.get(SymbolKind::Init);
        Reached {
            seen: 0,
            end: usize::MAX,
        }
    }

    /// The functions with bodies, and nothing that they name.
    fn every(bodies: &[Option<Func>], symbols: &mut Symbols) -> Reached {
        for (i, _) in bodies.iter().enumerate().filter(|(_, b)| b.is_some()) {
            symbols.get(SymbolKind::Func(i as u32));
        }
        Reached {
            seen: 0,
            end: symbols.kinds.len(),
        }
    }

    fn next(&mut self, _: &Module, symbols: &Symbols) -> Option<SymbolKind> {
        self.seen += 1;
        let kinds = &symbols.kinds[..self.end.min(symbols.kinds.len())];
        kinds.get(self.seen - 1).cloned()
    }
}

impl Cx<'_> {
    /// Runs the passes on one function.
    fn run(&mut self, unit: &mut Unit, kind: &SymbolKind, passes: &[&'static Pass]) -> Result<()> {
        let name = unit.name.clone();
        let context = |index: u32, e: Error| match index {
            u32::MAX => e,
            _ => e.in_function(index, Some(&name)),
        };
        let index = unit.index;
        // A list that does not begin at the beginning is given what the passes before would have left.
        let given = passes.first().map_or(Stage::Source, |p| p.takes());
        self.after(TRANSLATE, Some(given), kind, unit)
            .map_err(|e| context(index, e))?;
        for p in passes {
            (p.run)(unit, self)
                .and_then(|()| self.after(p.name, p.gives, kind, unit))
                .map_err(|e| context(index, e))?;
        }
        Ok(())
    }

    /// What is done after every pass: checks, the dump, and keeping the body.
    fn after(
        &mut self,
        pass: &'static str,
        stage: Option<Stage>,
        kind: &SymbolKind,
        unit: &Unit,
    ) -> Result<()> {
        if self.options.verify {
            let found = match stage {
                Some(stage) => verify(&unit.func, stage, Some(self.module)),
                None if pass == LOWER => backend::verify::verify(&unit.mir),
                None => Ok(()),
            };
            found.map_err(|e| {
                let name = &unit.name;
                Error::new(ErrorKind::Internal, format!("{name} after {pass}: {e}"))
            })?;
        }
        if let Some((_, text)) = self.dump.as_mut().filter(|(name, _)| name == pass) {
            if pass == LAYOUT {
                text.push_str(&format!("{}:\n", unit.name));
                for (_, _, line) in &unit.code.listing {
                    text.push_str(&format!("  {line}\n"));
                }
                return Ok(());
            }
            let kinds = &self.symbols.kinds;
            let name = |s: Symbol| {
                let kind = kinds.get(s.0 as usize)?;
                Some(symbols::text(kind, self.module, &self.options.name))
            };
            text.push_str(&match stage {
                Some(_) => ir::text::function(&unit.func, &unit.name, true),
                None => backend::mir_text::function(&unit.mir, &name),
            });
        }
        if let (Some(kept), Some(stage)) = (&mut self.kept, stage) {
            let at = match kept.iter().position(|k| k.pass == pass) {
                Some(at) => at,
                None => {
                    kept.push(Kept {
                        pass,
                        stage,
                        bodies: Vec::new(),
                    });
                    kept.len() - 1
                }
            };
            kept[at].bodies.push((kind.clone(), unit.func.clone()));
        }
        Ok(())
    }

    fn rewrites(&self) -> bool {
        self.options.level != Level::O0
    }
}

fn simplify(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.func = opt::simplify::simplify(
        &u.func,
        &Known::default(),
        &mut cx.choices,
        &mut cx.hits,
        true,
    );
    Ok(())
}

fn wide(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let rewrite = cx.rewrites();
    u.func = opt::wide::widen(&u.func, cx.module, &mut cx.choices, &mut cx.hits, rewrite);
    Ok(())
}

fn addresses(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let rewrite = cx.rewrites();
    u.func =
        opt::address::lower_addresses(&u.func, &cx.globals, &mut cx.choices, &mut cx.hits, rewrite);
    Ok(())
}

fn lower_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let cfg = Cfg::new(&u.func);
    let sched = Schedule::new(&u.func, &cfg, &mut cx.choices);
    if cx.options.verify {
        sched
            .verify(&u.func, &cfg)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("schedule: {e}")))?;
    }
    let base = cx.helpers;
    let find = |op: Op| helpers::index(op, base?);
    let mut lcx = lower::Context {
        module: cx.module,
        options: cx.options,
        symbols: &mut cx.symbols,
        choices: &mut cx.choices,
        hits: &mut cx.lower_hits,
        helpers: &find,
    };
    let sig = abi::internal(&u.ty);
    u.mir = lower::lower(&u.func, &cfg, &sched, &sig, &u.name, &mut lcx)?;
    u.func = Func::new(&[], &[]);
    Ok(())
}

fn allocate(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.allocation = regalloc::allocate(&u.mir, &mut cx.choices)?;
    if cx.options.verify {
        regalloc::check(&u.mir, &u.allocation)?;
    }
    Ok(())
}

fn emit_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let frame = emit::Frame::new(&u.mir, &u.allocation);
    let bytes = frame.bytes();
    let check = (cx.options.stack_check && bytes > 0)
        .then(|| (cx.symbols.get(SymbolKind::StackLimit), bytes));
    u.items = emit::emit(&u.mir, &u.allocation, frame, check)?;
    debug_assert!(
        u.mir.has_calls
            || !u
                .mir
                .blocks
                .iter()
                .flat_map(|b| &b.insts)
                .any(|i| i.op == MOp::Call)
    );
    u.frame = Some(frame);
    u.mir = MFunc::default();
    u.allocation = Allocation::default();
    Ok(())
}

fn finish_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.items = finish::finish(
        std::mem::take(&mut u.items),
        cx.options.cpu,
        &mut cx.choices,
    );
    Ok(())
}

fn layout_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let listing = !u.code.listing.is_empty();
    u.code = layout::layout(&u.items, cx.options.cpu, &u.name, listing)?;
    u.code.frame = u.frame.map_or(0, |f| f.bytes());
    u.items = Vec::new();
    Ok(())
}
