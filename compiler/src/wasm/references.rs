//! What is known of references before bodies are translated: the closed world of tables, segments and address-taken functions.
//!
//! In: a decoded module and what the scan of its bodies saw. Out: [`References`], and in the module: which tables never change
//! (their contents), how far the others can grow, which functions references may enter and how, and the stack area that
//! functions share which call each other in their own place. Nothing here makes nodes. Guarded by the oracle's family `tables`.

use super::scan::{Access, Scan};
use crate::backend::abi::{Variant, argument_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{
    Elem, ElemMode, Entry, FuncType, Global, GlobalInit, Module, Table, Ty, TypeDecl, parse,
};
use crate::options::Options;
use crate::seeded::{Bug, on};
use wasmparser as wp;

/// Filling and copying of runs of references, as functions that a module gets if it needs them.
const HELPERS: &str = include_str!("tables.ir");
/// The most entries of a table that room is made for without being asked.
const ROOM: u32 = 1 << 16;
/// The most entries of a table.
pub(super) const MOST: u32 = 1 << 24;
/// Number of a type that the compiler does not have.
const NONE: u32 = u32::MAX;

/// A function as references see it.
pub(super) struct Func {
    pub(super) ty: FuncType,
    pub(super) entry: Entry,
    pub(super) import: bool,
}

/// What decoding says of references.
#[derive(Default)]
pub(super) struct Outside {
    /// By type of the binary: its number in [`Module::types`].
    pub(super) numbers: Vec<u32>,
    /// Whether references to functions may come from others, or go to them.
    pub(super) shared: bool,
}

/// What translation needs to know of tables and references.
#[derive(Default)]
pub(super) struct References {
    outside: Outside,
    pub(super) tables: Vec<Table>,
    pub(super) elems: Vec<Elem>,
    pub(super) types: Vec<TypeDecl>,
    pub(super) funcs: Vec<Func>,
    /// Functions that something refers to.
    referenced: Vec<u32>,
    /// The helper that fills, and the one that copies.
    pub(super) fill: u32,
    pub(super) copy: u32,
}

/// What entries of a table may be.
pub(super) struct Reach<'a> {
    /// Functions; `None` if they may be anything.
    funcs: Option<std::borrow::Cow<'a, [u32]>>,
    /// Whether an entry may be null.
    pub(super) null: bool,
}

impl Reach<'_> {
    /// Whether an entry may be a function of another type.
    pub(super) fn differs(&self, ty: u32, all: &[Func]) -> bool {
        let other = |f: &u32| all[*f as usize].entry.type_number != ty;
        self.funcs.as_ref().is_none_or(|fs| fs.iter().any(other))
    }
}

/// Which functions of the type that a call names are in reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// None: the call always traps.
    None,
    /// This one.
    One(u32),
    /// Several, or unknown ones.
    Many,
}

/// The word that tells a type from others: its digits to base 7 where they fit, parameters, 0, results; else a hash.
pub(super) fn type_id(t: &wp::FuncType) -> u32 {
    let digit = |t: &wp::ValType| match *t {
        wp::ValType::I32 => 1,
        wp::ValType::I64 => 2,
        wp::ValType::F32 => 3,
        wp::ValType::F64 => 4,
        wp::ValType::FUNCREF => 5,
        _ => 6u32,
    };
    let params = t.params().iter().map(digit);
    let digits: Vec<u32> = params
        .chain([0])
        .chain(t.results().iter().map(digit))
        .collect();
    let exact = digits
        .iter()
        .try_fold(0u32, |n, d| n.checked_mul(7)?.checked_add(*d));
    let hash = || {
        digits
            .iter()
            .fold(0x811c_9dc5u32, |h, d| (h ^ d).wrapping_mul(0x0100_0193))
    };
    exact
        .filter(|n| n >> 31 == 0)
        .unwrap_or_else(|| hash() | 1 << 31)
}

impl References {
    /// Decides for a module; `scans` are those of its bodies, by function.
    ///
    /// # Errors
    /// `Limit` for what there is no room for.
    pub(super) fn decide(
        module: &mut Module,
        outside: Outside,
        scans: &mut [Option<&mut Scan>],
        options: &Options,
    ) -> Result<References> {
        let mut r = References {
            outside,
            ..References::default()
        };
        if module
            .types
            .iter()
            .enumerate()
            .any(|(i, t)| module.types[..i].iter().any(|u| u.id == t.id))
        {
            return Err(
                Error::new(ErrorKind::Limit, "two function types have one identity")
                    .help("change the order of parameters of one"),
            );
        }
        let named = r.tables(module, scans, options);
        r.referenced(module, scans, &named);
        r.tables.clone_from(&module.tables);
        r.funcs = funcs(module);
        r.areas(module, scans, Variant::of(options.cpu));
        r.entries(module, scans);
        r.elems.clone_from(&module.elems);
        r.types.clone_from(&module.types);
        r.funcs = funcs(module);
        r.helpers(module, scans)?;
        // Calls that have one target only are calls of that.
        for scan in scans.iter_mut().flatten() {
            let sites = scan
                .indirect
                .iter()
                .map(|s| r.target(s.table, r.number(s.ty)));
            let direct: Vec<u32> = sites
                .filter_map(|t| match t {
                    Target::One(f) => Some(f),
                    Target::None | Target::Many => None,
                })
                .collect();
            scan.calls.extend(direct);
            let helpers = [r.fill, r.copy].repeat(scan.fills);
            scan.calls.extend(helpers);
        }
        Ok(r)
    }

    /// The number of a type of the binary.
    pub(super) fn number(&self, ty: u32) -> u32 {
        self.outside
            .numbers
            .get(ty as usize)
            .copied()
            .unwrap_or(NONE)
    }

    /// What is known of tables and segments. Gives which tables anything names.
    fn tables(
        &mut self,
        module: &mut Module,
        scans: &[Option<&mut Scan>],
        options: &Options,
    ) -> Vec<bool> {
        let mut named: Vec<bool> = module.tables.iter().map(Table::is_shared).collect();
        let mut changed = named.clone();
        let uses = scans.iter().flatten().flat_map(|s| &s.tables);
        for &(table, access) in uses {
            let Some(t) = module.tables.get_mut(table as usize) else {
                continue;
            };
            named[table as usize] = true;
            changed[table as usize] |= access != Access::Read;
            t.grows |= access == Access::Grown;
        }
        for t in &mut module.tables {
            t.max = match options.table_max {
                Some(most) => t.max.min(most).max(t.min),
                None if t.max <= ROOM => t.max,
                None => t.min,
            };
            if !t.grows && !t.is_shared() {
                t.max = t.min;
            }
        }
        for (i, &changed) in changed.iter().enumerate() {
            if !changed
                || on(Bug::TableSetFixed)
                    && !module.tables[i].grows
                    && !module.tables[i].is_shared()
            {
                module.tables[i].contents = contents(module, i as u32);
            }
        }
        let segments = scans.iter().flatten().flat_map(|s| &s.elems);
        let mut uses = vec![(false, false); module.elems.len()];
        for &(elem, drop) in segments {
            if let Some(u) = uses.get_mut(elem as usize) {
                *u = (u.0 || !drop, u.1 || drop);
            }
        }
        for (e, used) in module.elems.iter_mut().zip(uses) {
            if used == (true, true) && e.mode == ElemMode::Passive {
                e.left = Some(module.globals.len() as u32);
                module.globals.push(Global {
                    ty: Ty::I32,
                    mutable: true,
                    import: None,
                    exports: Vec::new(),
                    init: GlobalInit::Const(e.items.len() as u64),
                });
            }
        }
        named
    }

    /// Finds the functions that something refers to which may be alive.
    fn referenced(&mut self, module: &mut Module, scans: &[Option<&mut Scan>], named: &[bool]) {
        let mut initialized = vec![false; module.elems.len()];
        for &(elem, drop) in scans.iter().flatten().flat_map(|s| &s.elems) {
            if let Some(i) = initialized.get_mut(elem as usize) {
                *i |= !drop;
            }
        }
        let used = |&(e, initialized): &(&Elem, bool)| match e.mode {
            // Initialization copies what is not part of a table that never changes.
            ElemMode::Active(t, _) => {
                initialized || named[t as usize] || module.tables[t as usize].contents.is_none()
            }
            ElemMode::Passive => true,
            // Code that copies from it names it, although nothing is left of it.
            ElemMode::Declared => initialized,
        };
        let tables = module
            .tables
            .iter()
            .zip(named)
            .filter(|t| *t.1)
            .map(|t| t.0.init);
        let items = module
            .elems
            .iter()
            .zip(initialized)
            .filter(used)
            .flat_map(|(e, _)| e.items.iter().copied());
        let globals = module.globals.iter().map(|g| g.init);
        let all = tables.chain(items).chain(globals);
        let mut found: Vec<u32> = all
            .filter_map(|i| match i {
                GlobalInit::Func(f) => Some(f),
                GlobalInit::Const(_) | GlobalInit::Global(_) | GlobalInit::Expr(_) => None,
            })
            .collect();
        found.extend(scans.iter().flatten().flat_map(|s| &s.refs));
        found.sort_unstable();
        found.dedup();
        found.retain(|f| (*f as usize) < module.funcs.len());
        for &f in &found {
            module.funcs[f as usize].entry.referenced = true;
        }
        self.referenced = found;
    }

    /// Gives functions that call each other in their own place one stack area.
    fn areas(&mut self, module: &mut Module, scans: &[Option<&mut Scan>], variant: Variant) {
        let tails = |s: &Scan| !s.tail_calls.is_empty() || s.indirect.iter().any(|i| i.tail);
        if !scans.iter().flatten().any(|s| tails(s)) {
            return;
        }
        let n = module.funcs.len();
        let mut class: Vec<usize> = (0..n + module.types.len()).collect();
        let mut join = |a: usize, b: usize| {
            let (a, b) = (root(&class, a), root(&class, b));
            class[a] = b;
        };
        for (i, scan) in scans.iter().enumerate() {
            let Some(scan) = scan else { continue };
            for &f in scan.tail_calls.iter().filter(|f| (**f as usize) < n) {
                if module.funcs[f as usize].import.is_none() {
                    join(i, f as usize);
                }
            }
            for site in scan.indirect.iter().filter(|s| s.tail) {
                let ty = self.number(site.ty);
                if (ty as usize) < module.types.len() {
                    join(i, n + ty as usize);
                }
                if let Target::One(f) = self.target(site.table, ty) {
                    join(i, f as usize);
                }
            }
        }
        for (i, f) in module.funcs.iter().enumerate() {
            // Where all references are known, calls by reference have the area of what they may reach.
            let reached = f.entry.referenced && f.import.is_none() && !self.outside.shared;
            if reached {
                join(i, n + f.entry.type_number as usize);
            }
        }
        let own = |i: usize| match i.checked_sub(n) {
            None if module.funcs[i].import.is_some() => 0,
            None => argument_bytes(&module.funcs[i].ty, variant),
            Some(t) => argument_bytes(&module.types[t].ty, variant),
        };
        let mut most = vec![0; class.len()];
        for i in 0..class.len() {
            let c = root(&class, i);
            most[c] = most[c].max(own(i));
        }
        let area = |i: usize| match most[root(&class, i)] {
            most if most > own(i) && !on(Bug::TailAreaOwn) => most,
            _ => 0,
        };
        let areas: Vec<u32> = (0..class.len()).map(area).collect();
        for (f, &area) in module.funcs.iter_mut().zip(&areas) {
            if f.import.is_none() {
                f.entry.area = area;
            }
        }
        for (t, &area) in module.types.iter_mut().zip(&areas[n..]) {
            t.area = if self.outside.shared { 0 } else { area };
        }
    }

    /// Decides which functions have the word that tells their type, and which are entered through thunks.
    fn entries(&mut self, module: &mut Module, scans: &[Option<&mut Scan>]) {
        let asks = |s: &super::scan::Site| {
            let ty = self.number(s.ty);
            let known = (s.table as usize) < self.tables.len() && ty != NONE;
            known
                && self.target(s.table, ty) == Target::Many
                && self.reach(s.table).differs(ty, &self.funcs)
        };
        let sites = scans.iter().flatten().flat_map(|s| &s.indirect);
        let wanted = self.outside.shared || sites.into_iter().any(asks);
        let types = &module.types;
        for f in module.funcs.iter_mut().filter(|f| f.entry.referenced) {
            if wanted {
                f.entry.id = Some(types[f.entry.type_number as usize].id);
            }
            let convention = match f.import {
                Some(_) => wanted || f.ty.results.len() > 1,
                None => self.outside.shared && f.entry.area > 0,
            };
            f.entry.thunk = convention;
        }
    }

    /// Adds the helpers, if anything needs them.
    fn helpers(&mut self, module: &mut Module, scans: &[Option<&mut Scan>]) -> Result<()> {
        let mut scans = scans.iter().flatten();
        if !scans.any(|s| s.fills > 0) {
            return Ok(());
        }
        let helpers = parse::module(HELPERS)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("helpers of tables: {e}")))?;
        self.fill = module.funcs.len() as u32;
        self.copy = self.fill + 1;
        module.funcs.extend(helpers.funcs);
        Ok(())
    }

    /// What entries of a table may be.
    pub(super) fn reach(&self, table: u32) -> Reach<'_> {
        let Some(contents) = &self.tables[table as usize].contents else {
            let all = std::borrow::Cow::Borrowed(self.referenced.as_slice());
            return Reach {
                funcs: (!self.outside.shared).then_some(all),
                null: true,
            };
        };
        let mut funcs: Vec<u32> = contents
            .iter()
            .filter_map(|i| match i {
                GlobalInit::Func(f) => Some(*f),
                GlobalInit::Const(_) | GlobalInit::Global(_) | GlobalInit::Expr(_) => None,
            })
            .collect();
        funcs.sort_unstable();
        funcs.dedup();
        if on(Bug::ReachForgetsLast) && funcs.len() > 2 {
            funcs.pop();
        }
        Reach {
            funcs: Some(funcs.into()),
            null: contents.contains(&GlobalInit::NULL)
                && !(on(Bug::LastNullForgotten) && contents.last() == Some(&GlobalInit::NULL)),
        }
    }

    /// Which functions of a type a call through a table may reach.
    pub(super) fn target(&self, table: u32, ty: u32) -> Target {
        if table as usize >= self.tables.len() {
            return Target::Many;
        }
        let Some(funcs) = self.reach(table).funcs else {
            return Target::Many;
        };
        let mut matching = funcs
            .iter()
            .filter(|f| self.funcs[**f as usize].entry.type_number == ty);
        match (matching.next(), matching.next()) {
            (None, _) => Target::None,
            (Some(&f), None) => Target::One(f),
            (Some(_), Some(_)) => Target::Many,
        }
    }

    /// Whether a tail call through a table can be one: not where it goes to an import, nor where results on the stack would
    /// stand elsewhere than others expect them.
    pub(super) fn leaves(&self, table: u32, ty: u32) -> bool {
        let words: u32 = self.types[ty as usize]
            .ty
            .results
            .iter()
            .map(|t| t.words())
            .sum();
        match self.target(table, ty) {
            Target::One(f) if self.funcs[f as usize].import => false,
            Target::One(_) | Target::None | Target::Many => !self.outside.shared || words <= 4,
        }
    }
}

fn root(class: &[usize], mut i: usize) -> usize {
    while class[i] != i {
        i = class[i];
    }
    i
}

fn funcs(module: &Module) -> Vec<Func> {
    let func = |f: &crate::ir::FuncDecl| Func {
        ty: f.ty.clone(),
        entry: f.entry,
        import: f.import.is_some(),
    };
    module.funcs.iter().map(func).collect()
}

/// What a table that nothing changes holds; `None` if that is known only when it is initialized.
fn contents(module: &Module, table: u32) -> Option<Vec<GlobalInit>> {
    let t = &module.tables[table as usize];
    let known = |i: &GlobalInit| !matches!(i, GlobalInit::Global(_));
    let mut out = vec![Some(t.init).filter(known)?; t.min as usize];
    for e in &module.elems {
        match e.mode {
            ElemMode::Active(to, GlobalInit::Const(at)) if to == table => {
                let at = usize::try_from(at).ok()?;
                let place = out.get_mut(at..at.checked_add(e.items.len())?)?;
                if !e.items.iter().all(known) {
                    return None;
                }
                if on(Bug::LaterSegmentLost) && place.iter().any(|p| *p != t.init) {
                    continue;
                }
                place.copy_from_slice(&e.items);
            }
            ElemMode::Active(to, _) if to == table => return None,
            ElemMode::Active(..) | ElemMode::Passive | ElemMode::Declared => {}
        }
    }
    Some(out)
}
