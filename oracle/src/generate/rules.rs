//! Family `rules`: for each rewrite and lowering rule of the compiler its pattern, and near misses of it.
//!
//! In: the rule tables themselves, so a new rule is hunted the day it is written. A function computes one pattern:
//! values are parameters, some of them narrowed so that the rule's facts can hold; constants are drawn until the
//! rule's condition holds. A near miss differs from the pattern in one place ([`super::near`]), or its condition fails by
//! one constant or one fact. Commutative operands stand either way round. Some patterns stand in a function of their
//! own that takes the constants as arguments: then they are seen only once it was inlined, after other rules had their turn.
//! One function of seven is about the facts that conditions of rules ask for ([`super::facts`]).

use super::body::{Body, Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::table::{NAMES, ROWS, Row};
use super::{Shape, facts, near, surroundings};
use crate::program::{Sig, Ty};
use thumbsmith::ir::{self, Op};
use thumbsmith::opt::rule::{self, Bindings, Expr as Condition, FactOf, Pat};
use wasm_encoder::Instruction;

/// Draws of the constants before a condition is given up.
const TRIES: usize = 60;

fn style() -> Style {
    Style {
        exprs: vec![(3, Expr::Get), (1, Expr::Const)],
        stmts: vec![(1, Stmt::Set)],
        depth: 1,
        body: (0, 0),
        operators: 200,
        longs: 50,
        tame: 100,
    }
}

/// Makes a module of the family.
pub fn make(draw: &mut Draw<'_>) -> Draft {
    let mut draft = surroundings(
        draw,
        &Shape {
            imports: 0,
            globals: 0,
            memory: 0,
        },
    );
    let style = style();
    let rewrites = thumbsmith::opt::rules::table().all();
    let lowerings = thumbsmith::backend::rules::table().all();
    for _ in 0..draw.range(16, 32) {
        if draw.chance(15) {
            facts::one(draw, &mut draft, &style);
            continue;
        }
        let n = draw.below(rewrites.len() + lowerings.len());
        let (pattern, condition) = match rewrites.get(n) {
            Some(r) => (&r.pattern, &r.condition),
            None => {
                let r = &lowerings[n - rewrites.len()];
                (&r.pattern, &r.condition)
            }
        };
        let condition = condition.as_ref();
        match draw.below(8) {
            0 => {
                let all = misses(pattern);
                if !all.is_empty() {
                    let miss = &all[draw.below(all.len())];
                    one(draw, &mut draft, &style, miss, condition, true);
                }
            }
            1 if condition.is_some() => one(draw, &mut draft, &style, pattern, condition, false),
            _ => one(draw, &mut draft, &style, pattern, condition, true),
        }
    }
    draft
}

/// Near misses of a pattern that WebAssembly can express.
pub fn misses(pattern: &Pat) -> Vec<Pat> {
    let mut all = near::misses(pattern);
    all.retain(expressible);
    all
}

/// How a value of the pattern is made, which decides what is known about it.
#[derive(Clone, Copy)]
enum Source {
    /// A parameter: nothing is known.
    Plain,
    /// A parameter and a mask.
    Masked(u64),
    /// A parameter's low byte, sign-extended.
    Byte,
    /// A comparison: 0 or 1.
    Bool,
    /// A parameter with bits set.
    Raised(u64),
    /// A parameter and a mask, and then a sum: a range with ends of either sign.
    Moved(u64, i64),
}

/// The values and constants of one function.
#[derive(Clone)]
struct Scene {
    width: u32,
    sources: Vec<Source>,
    consts: Vec<u64>,
    /// The first parameter that holds a constant, if constants are arguments: all as i32, then all as i64.
    late: Option<u32>,
    /// The local that holds a value, once it was made, and its type.
    made: Vec<Option<(u32, Ty)>>,
}

impl Bindings for Scene {
    fn constant(&self, c: u8) -> u64 {
        self.consts.get(c as usize).copied().unwrap_or(0)
    }

    fn fact(&self, fact: FactOf, v: u8) -> u64 {
        let all = if self.width == 64 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        let least = 1 << (self.width - 1);
        let known = match self
            .sources
            .get(v as usize)
            .copied()
            .unwrap_or(Source::Plain)
        {
            Source::Plain => [0, 0, 0, all, least, least - 1],
            Source::Masked(m) => [!m & all, 0, 0, m, 0, m],
            Source::Byte => [0, 0, 0, all, all - 127, 127],
            Source::Bool => [all - 1, 0, 0, 1, 0, 1],
            Source::Raised(m) => [0, m, m, all, least, least - 1],
            Source::Moved(m, by) => {
                let (low, high) = (by as u64 & all, m.wrapping_add(by as u64) & all);
                match low <= high {
                    true => [0, 0, low, high, low, high],
                    false => [0, 0, 0, all, low, high],
                }
            }
        };
        match fact {
            FactOf::Zeros => known[0],
            FactOf::Ones => known[1],
            FactOf::Umin => known[2],
            FactOf::Umax => known[3],
            FactOf::Smin => known[4],
            FactOf::Smax => known[5],
        }
    }
}

/// Adds a function that computes a pattern, whose condition holds or fails as wished if draws can make it so.
fn one(
    draw: &mut Draw<'_>,
    draft: &mut Draft,
    style: &Style,
    pattern: &Pat,
    condition: Option<&Condition>,
    holds: bool,
) {
    let ty = operand_type(pattern).unwrap_or_else(|| draw.pick(&[Ty::I32, Ty::I32, Ty::I64]));
    let mut scene = scene(draw, ty, condition, holds);
    let result = result_type(pattern, ty);
    let other = if ty == Ty::I32 { Ty::I64 } else { Ty::I32 };
    let mut sig = Sig {
        params: vec![ty, ty, ty, other],
        results: vec![result],
    };
    let outer = sig.clone();
    if draw.chance(20) {
        scene.late = Some(sig.params.len() as u32);
        for ty in [Ty::I32, Ty::I64] {
            sig.params.extend(scene.consts.iter().map(|_| ty));
        }
    }
    let mut writer = Writer {
        body: Body::new(draw, draft, style, sig),
        scene,
    };
    writer.emit(pattern, ty);
    if writer.body.draw.chance(15) {
        // The pattern's value is used twice, or one of its parts lives on.
        writer.body.leaf(result);
        writer.body.combine(result);
    }
    let Writer { body, scene } = writer;
    let ready = body.finish(scene.late.is_none());
    let cost = ready.cost;
    draft.funcs.push(ready);
    if scene.late.is_some() {
        let inner = (draft.imports.len() + draft.funcs.len() - 1) as u32;
        let mut caller = Body::new(draw, draft, style, outer.clone());
        for i in 0..outer.params.len() as u32 {
            caller.op(Instruction::LocalGet(i));
        }
        for ty in [Ty::I32, Ty::I64] {
            for c in &scene.consts {
                caller.op(number(ty.wrap(*c), ty));
            }
        }
        caller.op(Instruction::Call(inner));
        let mut ready = caller.finish(true);
        ready.cost += cost;
        draft.funcs.push(ready);
    }
}

fn number(value: u64, ty: Ty) -> Instruction<'static> {
    match ty {
        Ty::I32 => Instruction::I32Const(value as i32),
        Ty::I64 => Instruction::I64Const(value as i64),
    }
}

/// Draws sources and constants until the condition holds. If it is to fail, one of them is then drawn anew until it does.
fn scene(draw: &mut Draw<'_>, ty: Ty, condition: Option<&Condition>, holds: bool) -> Scene {
    let width = 32 * ty.words() as u32;
    let met = |scene: &Scene| condition.is_none_or(|c| rule::eval(c, width, scene) != 0);
    let mut scene = Scene {
        width,
        sources: Vec::new(),
        consts: Vec::new(),
        late: None,
        made: vec![None; 8],
    };
    for _ in 0..TRIES {
        scene.sources = (0..8).map(|_| source(draw)).collect();
        scene.consts = constants(draw, ty);
        if met(&scene) {
            break;
        }
    }
    if holds {
        return scene;
    }
    for _ in 0..TRIES {
        let mut near = scene.clone();
        let at = draw.below(near.consts.len());
        let c = near.consts[at];
        near.consts[at] = ty.wrap(match draw.below(4) {
            0 => c.wrapping_add(1),
            1 => c.wrapping_sub(1),
            _ => c ^ 1 << draw.below(width as usize),
        });
        if draw.chance(30) {
            near = scene.clone();
            let at = draw.below(near.sources.len());
            near.sources[at] = source(draw);
        }
        if !met(&near) {
            return near;
        }
    }
    scene
}

fn source(draw: &mut Draw<'_>) -> Source {
    match draw.below(10) {
        9 => {
            let mask = draw.pick(&[1, 3, 0xff, 0xffff, 0x7f, 0x1ff]);
            Source::Moved(
                mask,
                draw.pick(&[-1, 1, -128, -127, -0x8000, -0x7fff, -256, 1 << 16]),
            )
        }
        0..=3 => Source::Plain,
        4 => Source::Byte,
        5 => Source::Bool,
        6 => Source::Raised(draw.pick(&[1, 8, 0xff, 0x100, 0x4000_0000])),
        _ => Source::Masked(draw.pick(&[0xff, 0xffff, 0x7fff, 1, 3, 0x1f, 0xf0, 0x7fff_ffff])),
    }
}

/// Constants, each related to one before it more often than not: conditions speak of sums, complements, neighbours.
fn constants(draw: &mut Draw<'_>, ty: Ty) -> Vec<u64> {
    let width = 32 * ty.words() as u64;
    let mut out: Vec<u64> = Vec::with_capacity(4);
    for _ in 0..4 {
        let before = if out.is_empty() {
            0
        } else {
            out[draw.below(out.len())]
        };
        let shift = draw.below(width as usize) as u64;
        out.push(ty.wrap(match draw.below(16) {
            0..=4 => shift,
            5 => before.wrapping_add(1),
            6 => before.wrapping_sub(1),
            7 => !before,
            8 => before,
            9 => width.wrapping_sub(before),
            10 => (1 << shift) - 1,
            11 => 1 << shift,
            12 => !(before << (shift % 8)),
            13 => (1_u64 << (before % width)).wrapping_sub(1),
            _ if ty == Ty::I32 => u64::from(draw.word()),
            _ => draw.long(),
        }));
    }
    out
}

/// The row of an operation at a type; `None` if no single operator of WebAssembly is it.
fn row(op: Op, ty: Ty) -> Option<&'static Row> {
    let short = if ty == Ty::I32 { "I32" } else { "I64" };
    let name = match op {
        Op::Wrap => "I32WrapI64".to_owned(),
        Op::ExtendS => "I64ExtendI32S".to_owned(),
        Op::ExtendU => "I64ExtendI32U".to_owned(),
        Op::Sext8 => format!("{short}Extend8S"),
        Op::Sext16 => format!("{short}Extend16S"),
        Op::Sext32 => "I64Extend32S".to_owned(),
        other => format!("{short}{other:?}"),
    };
    NAMES.iter().position(|n| *n == name).map(|at| &ROWS[at])
}

/// The comparison that a minimum or maximum is made of, and whether it keeps the first operand when that holds.
fn extremum(op: Op) -> Option<(Op, bool)> {
    match op {
        Op::MinS => Some((Op::LtS, true)),
        Op::MaxS => Some((Op::LtS, false)),
        Op::MinU => Some((Op::LtU, true)),
        Op::MaxU => Some((Op::LtU, false)),
        _ => None,
    }
}

/// Whether there are operators for all of it.
pub fn expressible(pattern: &Pat) -> bool {
    match pattern {
        Pat::Var(_) | Pat::Const(_) | Pat::Lit(_) => true,
        Pat::Op(op, args) => {
            let known = row(*op, Ty::I32).is_some() || *op == Op::Select || extremum(*op).is_some();
            known && args.iter().all(expressible)
        }
    }
}

/// The type of the operands that share one, where the pattern decides it: a comparison's result is an i32.
fn operand_type(pattern: &Pat) -> Option<Ty> {
    let Pat::Op(op, args) = pattern else {
        return None;
    };
    args.iter()
        .zip(op.arg_sigs())
        .find_map(|(arg, sig)| match (sig, arg) {
            (ir::Sig::T, Pat::Op(inner, _)) => match inner.ret_sig() {
                ir::Sig::I => Some(Ty::I32),
                ir::Sig::L => Some(Ty::I64),
                _ => operand_type(arg),
            },
            _ => None,
        })
}

fn result_type(pattern: &Pat, ty: Ty) -> Ty {
    match pattern {
        Pat::Op(op, _) => match op.ret_sig() {
            ir::Sig::I => Ty::I32,
            ir::Sig::L => Ty::I64,
            _ => ty,
        },
        Pat::Var(_) | Pat::Const(_) | Pat::Lit(_) => ty,
    }
}

/// Writes a pattern's operators.
struct Writer<'d, 'a, 'm> {
    body: Body<'d, 'a, 'm>,
    scene: Scene,
}

impl Writer<'_, '_, '_> {
    /// Leaves one value of the type that the pattern makes where its shared type is `ty`.
    fn emit(&mut self, pattern: &Pat, ty: Ty) {
        match pattern {
            Pat::Var(v) => self.value(*v as usize, ty),
            Pat::Const(c) => match self.scene.late {
                Some(first) => {
                    let all = self.scene.consts.len() as u32;
                    let wide = if ty == Ty::I64 { all } else { 0 };
                    let at = first + wide + u32::from(*c);
                    self.body.op(Instruction::LocalGet(at));
                }
                None => {
                    let value = self.scene.constant(*c);
                    self.constant(value, ty);
                }
            },
            Pat::Lit(n) => self.constant(*n as u64, ty),
            Pat::Op(op, args) => self.operation(*op, args, ty),
        }
    }

    fn constant(&mut self, value: u64, ty: Ty) {
        self.body.op(number(value, ty));
    }

    /// A value of the pattern: made where it is first needed, read from its local afterwards.
    fn value(&mut self, v: usize, ty: Ty) {
        if let Some(Some((local, made))) = self.scene.made.get(v).copied()
            && made == ty
        {
            return self.body.op(Instruction::LocalGet(local));
        }
        // Each value has a parameter of its own where there are enough: facts then belong to it alone.
        match self.body.param(v, ty) {
            Some(p) => self.body.op(Instruction::LocalGet(p)),
            None => self.body.constant(ty),
        }
        let source = self.scene.sources.get(v).copied().unwrap_or(Source::Plain);
        let apply = |writer: &mut Self, op: Op| {
            if let Some(row) = row(op, ty) {
                writer.body.op(row.instruction.clone());
            }
        };
        match source {
            Source::Plain => {}
            Source::Masked(m) => {
                self.constant(m, ty);
                apply(self, Op::And);
            }
            Source::Raised(m) => {
                self.constant(m, ty);
                apply(self, Op::Or);
            }
            Source::Moved(m, by) => {
                self.constant(m, ty);
                apply(self, Op::And);
                self.constant(by as u64, ty);
                apply(self, Op::Add);
            }
            Source::Byte => apply(self, Op::Sext8),
            Source::Bool if ty == Ty::I32 => self.body.op(Instruction::I32Eqz),
            Source::Bool => {
                self.body.op(Instruction::I64Eqz);
                self.body.op(Instruction::I64ExtendI32U);
            }
        }
        let local = self.body.local(ty);
        self.body.op(Instruction::LocalTee(local));
        if let Some(slot) = self.scene.made.get_mut(v) {
            *slot = Some((local, ty));
        }
    }

    fn operation(&mut self, op: Op, args: &[Pat], ty: Ty) {
        if op == Op::Select {
            self.emit(&args[1], ty);
            self.emit(&args[2], ty);
            let inner = operand_type(&args[0]).unwrap_or(ty);
            self.emit(
                &args[0],
                if matches!(args[0], Pat::Op(..)) {
                    inner
                } else {
                    Ty::I32
                },
            );
            return self.body.op(Instruction::Select);
        }
        if let Some((compare, first)) = extremum(op) {
            return self.extremum(compare, first, args, ty);
        }
        let Some(row) = row(op, ty) else {
            return self.body.leaf(ty);
        };
        let commutes = matches!(
            op,
            Op::Add | Op::Mul | Op::And | Op::Or | Op::Xor | Op::Eq | Op::Ne
        );
        let turned = commutes && self.body.draw.chance(25);
        let order: Vec<usize> = if turned {
            vec![1, 0]
        } else {
            (0..args.len()).collect()
        };
        for i in order {
            let wanted = row.operands[i];
            // A nested comparison has operands of its own; their type is free unless the pattern says.
            let inner = match &args[i] {
                Pat::Op(nested, _)
                    if nested.ret_sig() == ir::Sig::I
                        && nested.arg_sigs().contains(&ir::Sig::T) =>
                {
                    operand_type(&args[i]).unwrap_or(ty)
                }
                _ => wanted,
            };
            self.emit(&args[i], inner);
        }
        let harmless = match args.get(1) {
            Some(Pat::Lit(n)) => *n != 0 && *n != -1,
            _ => false,
        };
        if harmless {
            self.body.op(row.instruction.clone());
        } else {
            self.body.apply(row);
        }
    }

    /// `select` over a comparison, both operands held in locals.
    fn extremum(&mut self, compare: Op, first: bool, args: &[Pat], ty: Ty) {
        let held = [self.body.local(ty), self.body.local(ty)];
        for (arg, local) in args.iter().zip(held) {
            self.emit(arg, ty);
            self.body.op(Instruction::LocalSet(local));
        }
        let order = if first { [0, 1] } else { [1, 0] };
        for i in order.into_iter().chain([0, 1]) {
            self.body.op(Instruction::LocalGet(held[i]));
        }
        if let Some(row) = row(compare, ty) {
            self.body.op(row.instruction.clone());
        }
        self.body.op(Instruction::Select);
    }
}
