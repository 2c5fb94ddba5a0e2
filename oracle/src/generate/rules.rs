//! Family `rules`: for each rewrite and lowering rule of the compiler its pattern, and near misses of it.
//!
//! In: the rule tables themselves, so a new rule is hunted the day it is written. A function computes one pattern:
//! values are parameters, some of them narrowed so that the rule's facts can hold; constants and facts are drawn at the
//! limits of the rule's condition, where it only just holds or just fails ([`super::scene`]). A near miss differs from the
//! pattern in one place ([`super::near`]). Commutative operands stand either way round. Some patterns stand in a function of their
//! own that takes the constants as arguments: then they are seen only once it was inlined, after other rules had their turn.
//! One function of seven is about the facts that conditions of rules ask for ([`super::facts`]).

use super::body::{Body, Expr, Stmt, Style};
use super::draft::Draft;
use super::draw::Draw;
use super::scene::{MOST, Scene, Source};
use super::table::{NAMES, ROWS, Row};
use super::{Shape, facts, near, scene, surroundings};
use crate::program::{Sig, Ty};
use std::sync::OnceLock;
use thumbsmith::ir::{self, Op};
use thumbsmith::opt::rule::{Bindings, Expr as Condition, Pat};
use wasm_encoder::Instruction;

/// How often a rule with a condition is taken for one without, and how often more for each conjunct: each may be wrong.
const CONDITIONAL: u32 = 2;

fn style() -> Style {
    Style {
        exprs: vec![(3, Expr::Get), (1, Expr::Const)],
        stmts: vec![(1, Stmt::Set)],
        depth: 1,
        body: (0, 0),
        operators: 200,
        longs: 50,
        floats: 0,
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
    for _ in 0..draw.range(16, 32) {
        if draw.chance(22) {
            facts::one(draw, &mut draft, &style);
            continue;
        }
        let (pattern, condition) = draw.weighted(patterns());
        match draw.below(8) {
            0 => {
                let all = misses(pattern);
                if !all.is_empty() {
                    let miss = &all[draw.below(all.len())];
                    one(draw, &mut draft, &style, miss, condition, true);
                }
            }
            1 | 2 if condition.is_some() => {
                one(draw, &mut draft, &style, pattern, condition, false)
            }
            _ => one(draw, &mut draft, &style, pattern, condition, true),
        }
    }
    draft
}

/// What a rule matches, and when.
type Guarded = (&'static Pat, Option<&'static Condition>);

/// The patterns of both tables, with how often each is taken.
fn patterns() -> &'static [(u32, Guarded)] {
    static ALL: OnceLock<Vec<(u32, Guarded)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let rewrites = thumbsmith::opt::rules::table().all().iter();
        let lowerings = thumbsmith::backend::rules::table().all().iter();
        let rewrites = rewrites.map(|r| (&r.pattern, r.condition.as_ref()));
        let all = rewrites.chain(lowerings.map(|r| (&r.pattern, r.condition.as_ref())));
        let weigh = |rule: Guarded| match rule.1 {
            Some(condition) => (CONDITIONAL + scene::conjuncts(condition) as u32, rule),
            None => (1, rule),
        };
        all.map(weigh).collect()
    })
}

/// Near misses of a pattern that WebAssembly can express.
pub fn misses(pattern: &Pat) -> Vec<Pat> {
    let mut all = near::misses(pattern);
    all.retain(expressible);
    all
}

/// The locals of one function that hold what a pattern names.
struct Held {
    /// The first parameter that holds a constant, if constants are arguments: all as i32, then all as i64.
    late: Option<u32>,
    /// The local that holds a value, once it was made, and its type.
    made: [Option<(u32, Ty)>; MOST],
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
    let scene = Scene::draw(draw, ty, condition, holds);
    let mut held = Held {
        late: None,
        made: [None; MOST],
    };
    let result = result_type(pattern, ty);
    let other = if ty == Ty::I32 { Ty::I64 } else { Ty::I32 };
    let mut sig = Sig {
        params: vec![ty, ty, ty, other],
        results: vec![result],
    };
    let outer = sig.clone();
    if draw.chance(20) {
        held.late = Some(sig.params.len() as u32);
        for ty in [Ty::I32, Ty::I64] {
            sig.params.extend(scene.consts.iter().map(|_| ty));
        }
    }
    let mut writer = Writer {
        body: Body::new(draw, draft, style, sig),
        scene,
        held,
    };
    writer.emit(pattern, ty);
    if writer.body.draw.chance(15) {
        // The pattern's value is used twice, or one of its parts lives on.
        writer.body.leaf(result);
        writer.body.combine(result);
    }
    let Writer { body, scene, held } = writer;
    let ready = body.finish(held.late.is_none());
    let cost = ready.cost;
    draft.funcs.push(ready);
    if held.late.is_some() {
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
    super::draft::constant(ty, value)
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
    held: Held,
}

impl Writer<'_, '_, '_> {
    /// Leaves one value of the type that the pattern makes where its shared type is `ty`.
    fn emit(&mut self, pattern: &Pat, ty: Ty) {
        match pattern {
            Pat::Var(v) => self.value(*v as usize, ty),
            Pat::Const(c) => match self.held.late {
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
        if let Some(Some((local, made))) = self.held.made.get(v).copied()
            && made == ty
        {
            return self.body.op(Instruction::LocalGet(local));
        }
        // Each value has a parameter of its own where there are enough: facts then belong to it alone.
        match self.body.param(v, ty) {
            Some(p) => self.body.op(Instruction::LocalGet(p)),
            None => self.body.constant(ty),
        }
        let source = self.scene.sources.get(v).copied();
        let source = source.unwrap_or(Source::Plain);
        for (op, constant) in source.steps(ty) {
            if let Some(c) = constant {
                self.constant(c, ty);
            }
            if let Some(row) = row(op, ty) {
                self.body.op(row.instruction.clone());
            }
        }
        if source == Source::Bool && ty == Ty::I64 {
            self.body.op(Instruction::I64ExtendI32U);
        }
        let local = self.body.local(ty);
        self.body.op(Instruction::LocalTee(local));
        if let Some(slot) = self.held.made.get_mut(v) {
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
