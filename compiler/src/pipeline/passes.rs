//! What each pass of the table does to one function.
//!
//! In: a [`Unit`] in the form that the pass before left, and what passes share. Out: the unit in the pass's own form; what it
//! had before is given up. Invariant: passes know nothing of units: a function here hands a pass what it asks for, and
//! decides nothing but what the budget and the options decide.

use super::{Cx, Unit};
use crate::backend::abi::{self, Variant};
use crate::backend::mir::{MFunc, MOp};
use crate::backend::symbols::SymbolKind;
use crate::backend::{emit, finish, layout, lower};
use crate::error::{Error, ErrorKind, Result};
use crate::helpers;
use crate::ir::{Cfg, Func, Op};
use crate::opt::simplify::Known;
use crate::opt::{self, inline, schedule::Schedule};
use crate::regalloc::{self, Allocation};
use crate::seeded::{Bug, on};

pub(super) fn simplify(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    simplify_with(u, cx, &Known::default())
}

fn simplify_with(u: &mut Unit, cx: &mut Cx<'_>, known: &Known) -> Result<()> {
    let convert = Some(cx.budget.convert);
    u.func = opt::simplify::simplify(
        &u.func,
        known,
        &mut cx.choices,
        &mut cx.hits,
        convert,
        cx.options.cpu,
    );
    Ok(())
}

pub(super) fn inline_calls(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let mut total = inline::size(&u.func);
    let me = u.kind.clone();
    let Cx {
        module,
        bodies,
        graph,
        budget,
        choices,
        ..
    } = cx;
    u.inlined = inline::inline(&mut u.func, |callee| {
        if graph.recursive[callee as usize] || me == SymbolKind::Func(callee) {
            return None;
        }
        let body = bodies[callee as usize].as_ref()?;
        let size = inline::size(body);
        let alone =
            graph.sites[callee as usize] == 1 && module.funcs[callee as usize].exports.is_empty();
        let limit = if alone { budget.once } else { budget.small };
        let wanted = size <= limit && total + size <= budget.total;
        if !choices.flip(wanted) || size > budget.once || !choices.fuel("inline") {
            return None;
        }
        total += size;
        Some(body.clone())
    });
    Ok(())
}

pub(super) fn simplify_inlined(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    if u.inlined { simplify(u, cx) } else { Ok(()) }
}

pub(super) fn ranges(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let known = opt::ranges::analyze(&u.func, &mut cx.choices);
    if known.is_empty() {
        return Ok(());
    }
    simplify_with(u, cx, &known)
}

pub(super) fn wide(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let rewrite = cx.rewrites();
    u.func = opt::wide::widen(
        &u.func,
        cx.module,
        &mut cx.choices,
        &mut cx.hits,
        rewrite,
        cx.options.cpu,
    );
    Ok(())
}

pub(super) fn addresses(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    opt::address::lower_addresses(&mut u.func, &cx.globals, &cx.module.memories);
    Ok(())
}

pub(super) fn lower_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
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
    let area = match u.kind {
        SymbolKind::Func(i) => cx.module.funcs[i as usize].entry.area,
        SymbolKind::Thunk(i) => {
            let number = cx.module.funcs[i as usize].entry.type_number;
            cx.module.types.get(number as usize).map_or(0, |t| t.area)
        }
        _ => 0,
    };
    let sig = abi::within(&u.ty, area, Variant::of(cx.options.cpu));
    u.mir = lower::lower(&u.func, &cfg, &sched, &sig, &u.name, &mut lcx)?;
    u.func = Func::new(&[], &[]);
    Ok(())
}

pub(super) fn allocate(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.allocation = regalloc::allocate(&u.mir, &mut cx.choices)?;
    if cx.options.verify {
        regalloc::check(&u.mir, &u.allocation)?;
    }
    Ok(())
}

pub(super) fn emit_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    let frame = emit::Frame::new(&u.mir, &u.allocation);
    let bytes = if cx.options.stack_check {
        cx.stack_check(u, frame.deepest())
    } else {
        0
    };
    let check = (bytes > 0).then(|| (cx.symbols.get(SymbolKind::StackLimit), bytes));
    u.items = emit::emit(&u.mir, &u.allocation, frame, check);
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

pub(super) fn finish_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.items = finish::finish(
        std::mem::take(&mut u.items),
        cx.options.cpu,
        &mut cx.choices,
    );
    Ok(())
}

pub(super) fn layout_func(u: &mut Unit, cx: &mut Cx<'_>) -> Result<()> {
    u.code = layout::layout(&u.items, cx.options.cpu, &u.name, cx.listing)?;
    u.code.frame = u.frame.map_or(0, |f| f.bytes());
    u.code.id = match u.kind {
        SymbolKind::Func(i) | SymbolKind::Thunk(i) => {
            let entry = &cx.module.funcs[i as usize].entry;
            let entered = entry.thunk == matches!(u.kind, SymbolKind::Thunk(_));
            let lost = on(Bug::ThunkWithoutId) && entry.thunk;
            entry.id.filter(|_| entered && !lost)
        }
        _ => None,
    };
    u.items = Vec::new();
    Ok(())
}
