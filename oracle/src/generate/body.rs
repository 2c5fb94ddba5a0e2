//! The type-directed builder of function bodies that all families share.
//!
//! In: decisions, a module under construction, weights. Out: one function, valid by construction. Invariants: an
//! expression of type `t` leaves exactly one `t`; every loop counts a local of its own down; a call in a loop is made only
//! if the product of iterations and the callee's cost stays bounded; unless the module is wild, divisors are
//! never zero, quotients never overflow and addresses stay inside the memory.

mod access;
mod bulk;
mod convert;
mod flow;
mod reference;

use super::draft::{Draft, Ready, constant};
use super::draw::Draw;
use super::table::{Partial, Row, of_type_among, saturating};
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, Instruction};

/// What an expression may be made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Expr {
    Const,
    Get,
    Tee,
    Op,
    SameTwice,
    Load,
    Global,
    Size,
    Grow,
    Call,
    Select,
    If,
    Block,
    Table,
    SetUnderGet,
}

/// What a statement may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Stmt {
    Set,
    SetGlobal,
    Store,
    Bulk,
    Drop,
    If,
    Block,
    Loop,
    SwapLoop,
    WideLoop,
    Machine,
    Table,
    Call,
    BrIf,
    Br,
    Return,
    Unreachable,
    Deep,
}

/// Weights and limits of a family.
#[derive(Clone)]
pub struct Style {
    /// Expression menu; the first entry must be terminal.
    pub exprs: Vec<(u32, Expr)>,
    /// Statement menu.
    pub stmts: Vec<(u32, Stmt)>,
    /// Deepest nesting of expressions.
    pub depth: usize,
    /// Statements of a body: fewest and most.
    pub body: (usize, usize),
    /// Most operators that one function may hold.
    pub operators: usize,
    /// Share of i64 among new values, in percent.
    pub longs: usize,
    /// Share of floats among new values, in percent.
    pub floats: usize,
    /// Share of operators picked that are total, or made total, even in wild modules.
    pub tame: usize,
}

struct Label {
    types: Vec<Ty>,
    is_loop: bool,
}

/// One function under construction.
pub struct Body<'d, 'a, 'm> {
    /// Decisions.
    pub draw: &'d mut Draw<'a>,
    /// The module it will be part of.
    pub draft: &'m mut Draft,
    /// Weights.
    pub style: &'m Style,
    sig: Sig,
    locals: Vec<Ty>,
    /// Locals that only what made them may write: the counters of loops, the ranges of bulk operators.
    fixed: Vec<u32>,
    labels: Vec<Label>,
    code: Vec<Instruction<'static>>,
    iterations: u64,
    cost: u64,
    nesting: usize,
}

/// Most operators that one call may run.
pub const MOST_STEPS: u64 = 3_000;

impl<'d, 'a, 'm> Body<'d, 'a, 'm> {
    /// An empty function of this type.
    pub fn new(draw: &'d mut Draw<'a>, draft: &'m mut Draft, style: &'m Style, sig: Sig) -> Self {
        let locals = sig.params.clone();
        let labels = vec![Label {
            types: sig.results.clone(),
            is_loop: false,
        }];
        Body {
            draw,
            draft,
            style,
            sig,
            locals,
            fixed: Vec::new(),
            labels,
            code: Vec::new(),
            iterations: 1,
            cost: 0,
            nesting: 0,
        }
    }

    /// The finished function.
    pub fn finish(self, exported: bool) -> Ready {
        let params = self.sig.params.len();
        Ready {
            locals: self.locals[params..].to_vec(),
            sig: self.sig,
            code: self.code,
            cost: self.cost + 1,
            exported,
        }
    }

    /// Appends an operator.
    pub fn op(&mut self, instruction: Instruction<'static>) {
        self.cost += self.iterations;
        self.code.push(instruction);
    }

    /// A type for a new value.
    pub fn ty(&mut self) -> Ty {
        if self.style.floats > 0 && self.draw.chance(self.style.floats) {
            return self.draw.pick(&[Ty::F32, Ty::F64]);
        }
        if self.draw.chance(self.style.longs) {
            Ty::I64
        } else {
            Ty::I32
        }
    }

    /// A new local.
    pub fn local(&mut self, ty: Ty) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    /// Parameter number `n` among those of the type, counted round.
    pub fn param(&self, n: usize, ty: Ty) -> Option<u32> {
        let all: Vec<u32> = (0..self.sig.params.len() as u32)
            .filter(|p| self.sig.params[*p as usize] == ty)
            .collect();
        (!all.is_empty()).then(|| all[n % all.len()])
    }

    /// An existing local of the type, if any; `writable` leaves out those that are fixed.
    fn some_local(&mut self, ty: Ty, writable: bool) -> Option<u32> {
        let all: Vec<u32> = (0..self.locals.len() as u32)
            .filter(|&l| self.locals[l as usize] == ty && !(writable && self.fixed.contains(&l)))
            .collect();
        (!all.is_empty()).then(|| all[self.draw.below(all.len())])
    }

    /// A local that may be written: an existing one, or a new one.
    pub fn target(&mut self, ty: Ty) -> u32 {
        let fresh = self.locals.len() < 6 || self.draw.chance(15);
        match self.some_local(ty, true) {
            Some(l) if !fresh => l,
            _ => self.local(ty),
        }
    }

    fn full(&self) -> bool {
        self.code.len() > self.style.operators || self.draw.exhausted() || self.cost > MOST_STEPS
    }

    /// A constant.
    pub fn constant(&mut self, ty: Ty) {
        let bits = self.draw.value(ty);
        self.op(constant(ty, bits));
    }

    /// A leaf: mostly a local, else a constant.
    pub fn leaf(&mut self, ty: Ty) {
        match self.some_local(ty, false) {
            Some(l) if !self.draw.chance(25) => self.op(Instruction::LocalGet(l)),
            _ => self.constant(ty),
        }
    }

    /// An expression of type `ty` at most `depth` deep.
    pub fn expr(&mut self, ty: Ty, depth: usize) {
        if depth == 0 || self.full() {
            return self.leaf(ty);
        }
        match self.draw.weighted(&self.style.exprs) {
            Expr::Const => self.constant(ty),
            Expr::Get => self.leaf(ty),
            Expr::Tee => {
                self.expr(ty, depth - 1);
                let l = self.target(ty);
                self.op(Instruction::LocalTee(l));
            }
            Expr::Op => self.operator(ty, depth),
            Expr::SameTwice => self.same_twice(ty, depth),
            Expr::Load => self.load(ty, depth),
            Expr::Global => self.global_get(ty),
            Expr::Size => self.memory_size(ty, false, depth),
            Expr::Grow => self.memory_size(ty, true, depth),
            Expr::Call => self.call_value(ty, depth),
            Expr::Select => {
                self.expr(ty, depth - 1);
                self.expr(ty, depth - 1);
                self.condition(depth - 1);
                self.op(Instruction::Select);
            }
            Expr::If => self.if_value(ty, depth),
            Expr::Block => self.block_value(ty, depth),
            Expr::Table => self.table(Some(ty), depth),
            Expr::SetUnderGet => self.set_under_get(ty, depth),
        }
    }

    fn operator(&mut self, ty: Ty, depth: usize) {
        let rows: Vec<&'static Row> = of_type_among(ty, self.style.floats > 0).collect();
        let row = self.draw.pick(&rows);
        match row.operands {
            [one] => self.expr(*one, depth - 1),
            [left, right] => {
                self.operand(*left, depth - 1);
                self.operand(*right, depth - 1);
            }
            _ => unreachable!("operators have one or two operands"),
        }
        self.apply(row);
    }

    /// An operand: a constant more often than elsewhere.
    fn operand(&mut self, ty: Ty, depth: usize) {
        if self.draw.chance(20) {
            self.constant(ty)
        } else {
            self.expr(ty, depth)
        }
    }

    fn same_twice(&mut self, ty: Ty, depth: usize) {
        let rows = of_type_among(ty, self.style.floats > 0).filter(|r| r.operands.len() == 2);
        let rows: Vec<&'static Row> = rows.collect();
        let row = self.draw.pick(&rows);
        let operand = row.operands[0];
        let l = match self.some_local(operand, false) {
            Some(l) => l,
            None => {
                self.expr(operand, depth - 1);
                let l = self.local(operand);
                self.op(Instruction::LocalSet(l));
                l
            }
        };
        self.op(Instruction::LocalGet(l));
        self.op(Instruction::LocalGet(l));
        self.apply(row);
    }

    /// The operator itself, with its operands on the stack, made total unless the module is wild.
    pub fn apply(&mut self, row: &'static Row) {
        let tame = !self.draft.wild || self.draw.chance(self.style.tame);
        match row.partial {
            Partial::Range if tame && self.draw.chance(50) => {
                return self.op(saturating(row).instruction.clone());
            }
            Partial::Range if tame => self.bring_into_range(row),
            Partial::Zero | Partial::ZeroOrOverflow if tame => self.guard_divisor(row),
            Partial::Total | Partial::Zero | Partial::ZeroOrOverflow | Partial::Range => {}
        }
        self.op(row.instruction.clone());
    }

    /// Makes the divisor on top of the stack harmless, whatever it and the dividend are.
    fn guard_divisor(&mut self, row: &Row) {
        let wide = row.operands[0] == Ty::I64;
        let constant = |v: i64| {
            if wide {
                Instruction::I64Const(v)
            } else {
                Instruction::I32Const(v as i32)
            }
        };
        let (or, and) = if wide {
            (Instruction::I64Or, Instruction::I64And)
        } else {
            (Instruction::I32Or, Instruction::I32And)
        };
        let shift = if wide {
            Instruction::I64ShrS
        } else {
            Instruction::I32ShrS
        };
        match row.partial {
            Partial::Total | Partial::Range => {}
            Partial::Zero => {
                self.op(constant(1));
                self.op(or);
            }
            // A divisor that is odd and not -1, or a dividend that cannot be the minimum.
            Partial::ZeroOrOverflow if self.draw.chance(50) => {
                self.op(constant(if wide { i64::MAX } else { i64::from(i32::MAX) }));
                self.op(and);
                self.op(constant(1));
                self.op(or);
            }
            Partial::ZeroOrOverflow => {
                let divisor = self.local(row.operands[1]);
                self.op(constant(1));
                self.op(or);
                self.op(Instruction::LocalSet(divisor));
                self.op(constant(1));
                self.op(shift);
                self.op(Instruction::LocalGet(divisor));
            }
        }
    }

    /// `local.get p`, then something that changes `p`, then both used: the value read first must survive.
    fn set_under_get(&mut self, ty: Ty, depth: usize) {
        let Some(l) = self.some_local(ty, true) else {
            return self.leaf(ty);
        };
        self.op(Instruction::LocalGet(l));
        self.expr(ty, depth - 1);
        if self.draw.chance(50) {
            self.op(Instruction::LocalTee(l));
        } else {
            self.op(Instruction::LocalSet(l));
            self.op(Instruction::LocalGet(l));
        }
        self.combine(ty);
    }

    /// A total operator over two values of the type that keeps both visible.
    pub fn combine(&mut self, ty: Ty) {
        let op = match (ty, self.draw.below(3)) {
            (Ty::I32, 0) => Instruction::I32Sub,
            (Ty::I32, 1) => Instruction::I32Xor,
            (Ty::I32, _) => Instruction::I32Add,
            (Ty::I64, 0) => Instruction::I64Sub,
            (Ty::I64, 1) => Instruction::I64Xor,
            (Ty::I64, _) => Instruction::I64Add,
            (Ty::F32, 0) => Instruction::F32Sub,
            (Ty::F32, 1) => Instruction::F32Mul,
            (Ty::F32, _) => Instruction::F32Add,
            (Ty::F64, 0) => Instruction::F64Sub,
            (Ty::F64, 1) => Instruction::F64Mul,
            (Ty::F64, _) => Instruction::F64Add,
        };
        self.op(op);
    }

    fn global_get(&mut self, ty: Ty) {
        let all: Vec<u32> = (0..self.draft.globals.len() as u32)
            .filter(|&g| self.draft.globals[g as usize].ty == ty)
            .collect();
        match all.as_slice() {
            [] => self.leaf(ty),
            some => {
                let g = self.draw.pick(some);
                self.op(Instruction::GlobalGet(g));
            }
        }
    }

    /// Functions that may be called here without running too long.
    fn callees(&self) -> Vec<u32> {
        let total = self.draft.imports.len() + self.draft.funcs.len();
        let fits =
            |i: &u32| self.cost + self.iterations * self.draft.cost(*i as usize) < MOST_STEPS;
        (0..total as u32).filter(fits).collect()
    }

    /// Calls a function: arguments, the call; its results are on the stack.
    fn call(&mut self, index: u32, depth: usize) -> Vec<Ty> {
        let sig = self.draft.sig(index as usize).clone();
        for ty in &sig.params {
            self.expr(*ty, depth);
        }
        self.cost += self.iterations * self.draft.cost(index as usize);
        self.op(Instruction::Call(index));
        sig.results
    }

    fn call_value(&mut self, ty: Ty, depth: usize) {
        let menu: Vec<u32> = self
            .callees()
            .into_iter()
            .filter(|i| self.draft.sig(*i as usize).results.first() == Some(&ty))
            .collect();
        if menu.is_empty() {
            return self.leaf(ty);
        }
        let index = self.draw.pick(&menu);
        let results = self.call(index, depth - 1);
        self.keep(&results[1..]);
    }

    /// Takes values off the stack into locals, so that they stay visible.
    fn keep(&mut self, types: &[Ty]) {
        for ty in types.iter().rev() {
            let l = self.target(*ty);
            self.op(Instruction::LocalSet(l));
        }
    }

    /// At most `most` statements.
    pub fn stmts(&mut self, most: usize, depth: usize) {
        if self.nesting > 5 {
            return;
        }
        self.nesting += 1;
        for _ in 0..self.draw.below(most + 1) {
            if self.full() || self.stmt(depth) {
                break;
            }
        }
        self.nesting -= 1;
    }

    /// One statement. Whether it ends the block: what follows is unreachable.
    pub fn stmt(&mut self, depth: usize) -> bool {
        match self.draw.weighted(&self.style.stmts) {
            Stmt::Set => self.set(depth),
            Stmt::SetGlobal => self.set_global(depth),
            Stmt::Store => self.store(depth),
            Stmt::Bulk => self.bulk(depth),
            Stmt::Drop => {
                let ty = self.ty();
                self.expr(ty, depth);
                self.op(Instruction::Drop);
            }
            Stmt::If => self.if_stmt(depth),
            Stmt::Block => {
                self.op(Instruction::Block(BlockType::Empty));
                self.open(&[], false);
                self.stmts(3, depth);
                self.close();
            }
            Stmt::Loop => self.counted_loop(depth),
            Stmt::SwapLoop => self.swap_loop(2..=4, depth),
            Stmt::WideLoop => self.swap_loop(5..=9, depth),
            Stmt::Machine => self.machine(depth),
            Stmt::Table => self.table(None, depth),
            Stmt::Call => {
                let menu = self.callees();
                if !menu.is_empty() {
                    let index = self.draw.pick(&menu);
                    let results = self.call(index, depth);
                    self.keep(&results);
                }
            }
            Stmt::BrIf => self.br_if(depth),
            Stmt::Br => return self.br(depth),
            Stmt::Return => return self.ret(depth),
            Stmt::Unreachable => {
                if self.draft.wild && self.labels.len() > 1 {
                    self.op(Instruction::Unreachable);
                    return true;
                }
            }
            Stmt::Deep => self.deep(depth),
        }
        false
    }

    fn set(&mut self, depth: usize) {
        let ty = self.ty();
        self.expr(ty, depth);
        let l = self.target(ty);
        self.op(Instruction::LocalSet(l));
    }

    fn set_global(&mut self, depth: usize) {
        let menu: Vec<u32> = (0..self.draft.globals.len() as u32)
            .filter(|g| self.draft.globals[*g as usize].mutable)
            .collect();
        if !menu.is_empty() {
            let g = self.draw.pick(&menu);
            let ty = self.draft.globals[g as usize].ty;
            self.expr(ty, depth);
            self.op(Instruction::GlobalSet(g));
        }
    }

    /// Many values on the operand stack at once, folded only when all are there.
    fn deep(&mut self, depth: usize) {
        let ty = self.ty();
        let n = self.draw.range(4, 18);
        for _ in 0..n {
            self.expr(ty, depth.min(2));
        }
        for _ in 1..n {
            self.combine(ty);
        }
        let l = self.target(ty);
        self.op(Instruction::LocalSet(l));
    }

    /// The results: each folds locals, so that what the body computed is seen.
    pub fn results(&mut self, folded: usize) {
        let types = self.sig.results.clone();
        for ty in types {
            self.leaf(ty);
            let all: Vec<u32> = (0..self.locals.len() as u32)
                .filter(|l| self.locals[*l as usize] == ty)
                .collect();
            let skip = all.len().saturating_sub(folded);
            for l in &all[skip..] {
                self.op(Instruction::LocalGet(*l));
                self.rotate_xor(ty);
            }
        }
    }

    /// `rotl(a, 5) ^ b` with `b` on top: order matters, and nothing cancels.
    fn rotate_xor(&mut self, ty: Ty) {
        let l = self.local(ty);
        self.op(Instruction::LocalSet(l));
        let (to, back) = match ty {
            Ty::I32 | Ty::I64 => (None, None),
            Ty::F32 => (
                Some(Instruction::I32ReinterpretF32),
                Some(Instruction::F32ReinterpretI32),
            ),
            Ty::F64 => (
                Some(Instruction::I64ReinterpretF64),
                Some(Instruction::F64ReinterpretI64),
            ),
        };
        to.iter().for_each(|op| self.op(op.clone()));
        let (five, rotate, xor) = match ty {
            Ty::I32 | Ty::F32 => (
                Instruction::I32Const(5),
                Instruction::I32Rotl,
                Instruction::I32Xor,
            ),
            Ty::I64 | Ty::F64 => (
                Instruction::I64Const(5),
                Instruction::I64Rotl,
                Instruction::I64Xor,
            ),
        };
        self.op(five);
        self.op(rotate);
        self.op(Instruction::LocalGet(l));
        to.iter().for_each(|op| self.op(op.clone()));
        self.op(xor);
        back.iter().for_each(|op| self.op(op.clone()));
    }
}
