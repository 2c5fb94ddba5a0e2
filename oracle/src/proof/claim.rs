//! Claims: what a rule says, as terms.
//!
//! In: a rewrite rule or a lowering rule, as data. Out: for each way to give its pattern types, a [`Claim`]: for all
//! values and constants, and all facts that hold of the values, if the condition holds then the pattern and what the
//! rule makes of it are equal, and what it emits can be encoded. Invariant: a claim evaluated on numbers is what the
//! compiler computes on them (its evaluators of operations, conditions and facts); checked by [`super::concrete`].

use super::machine::{self, Operands};
use super::meaning::{Widths, meaning};
use super::solver::Query;
use super::term::{Arena, Bin, Term};
use thumbsmith::backend::rules::{LowerRule, Operand, Template};
use thumbsmith::ir::{Op, Sig, Ty};
use thumbsmith::isa::{self, Role};
use thumbsmith::opt::rule::{self, Expr, FactOf, Func, Pat, Res, Rule};
use thumbsmith::opt::typing;

/// A rule of either table.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Of the optimizer.
    Rewrite(&'a Rule),
    /// Of instruction selection.
    Lower(&'a LowerRule),
}

impl<'a> Subject<'a> {
    /// Every rule of the compiler, in the order of [`thumbsmith::rules`].
    pub fn all() -> Vec<Subject<'static>> {
        let rewrites = thumbsmith::opt::rules::table().all().iter();
        let lowerings = thumbsmith::backend::rules::table().all().iter();
        rewrites
            .map(Subject::Rewrite)
            .chain(lowerings.map(Subject::Lower))
            .collect()
    }

    /// The rule's name.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Rewrite(r) => r.name,
            Subject::Lower(r) => r.name,
        }
    }

    /// What it matches.
    pub fn pattern(self) -> &'a Pat {
        match self {
            Subject::Rewrite(r) => &r.pattern,
            Subject::Lower(r) => &r.pattern,
        }
    }

    /// When.
    pub fn condition(self) -> Option<&'a Expr> {
        match self {
            Subject::Rewrite(r) => r.condition.as_ref(),
            Subject::Lower(r) => r.condition.as_ref(),
        }
    }

    /// Ways to give the pattern types under which the compiler applies the rule.
    pub fn typings(self) -> Vec<Typing> {
        let types: &[Ty] = match self {
            Subject::Rewrite(_) => &[Ty::I32, Ty::I64],
            // Lowering sees words only.
            Subject::Lower(_) => &[Ty::I32],
        };
        let mut all = Vec::new();
        let ops = count(self.pattern());
        for n in 0..types.len().pow(ops) {
            let shared = (0..ops).map(|i| types[n / types.len().pow(i) % types.len()]);
            let Some(typing) = Typing::of(self.pattern(), shared.collect()) else {
                continue;
            };
            let applies = match self {
                Subject::Rewrite(r) => {
                    let var = |v: u8| typing.vars[v as usize].unwrap_or(Ty::Void);
                    typing::fits(&r.result, typing.result, &var)
                }
                Subject::Lower(_) => true,
            };
            if applies && !all.contains(&typing) {
                all.push(typing);
            }
        }
        all
    }
}

/// Operations of a pattern.
fn count(p: &Pat) -> u32 {
    match p {
        Pat::Var(_) | Pat::Const(_) | Pat::Lit(_) => 0,
        Pat::Op(_, args) => 1 + args.iter().map(count).sum::<u32>(),
    }
}

/// Types of a pattern's parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typing {
    /// The `T` of the row of each operation, operations in the order of the text; `Void` where the row has none.
    pub shared: Vec<Ty>,
    /// Types of values, by number.
    pub vars: Vec<Option<Ty>>,
    /// The type of the pattern's result.
    pub result: Ty,
    /// The type at whose width expressions are computed.
    pub operand: Ty,
}

impl Typing {
    /// The typing in which operations share these types, if there is one.
    fn of(pattern: &Pat, mut shared: Vec<Ty>) -> Option<Typing> {
        let Pat::Op(op, args) = pattern else {
            return None;
        };
        let mut vars = vec![None; 8];
        let result = returned(*op, shared[0]);
        assign(pattern, result, &mut shared, &mut 0, &mut vars)?;
        // As the matcher's `operand_width` says.
        let operand = match op.arg_sigs().contains(&Sig::T) {
            true => shared[0],
            false => match (op.arg_sigs().first()?, args.first()?) {
                (Sig::I, _) => Ty::I32,
                (Sig::L, _) => Ty::I64,
                _ => return None,
            },
        };
        Some(Typing {
            shared,
            vars,
            result,
            operand,
        })
    }

    /// The types in words.
    pub fn text(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for ty in self.shared.iter().filter(|t| **t != Ty::Void) {
            names.push(ty.name());
        }
        names.dedup();
        if names.is_empty() {
            names.push(self.operand.name());
        }
        names.join("/")
    }
}

/// The type of an operation's result, its `T` being this.
fn returned(op: Op, shared: Ty) -> Ty {
    typing::made(op, shared)
}

/// The type of an operand.
fn wanted(sig: Sig, shared: Ty) -> Option<Ty> {
    match sig {
        Sig::T => Some(shared),
        Sig::I => Some(Ty::I32),
        Sig::L => Some(Ty::I64),
        Sig::P => Some(Ty::Pair),
        Sig::V | Sig::A => None,
    }
}

/// Gives types to values below a part of which `want` is wanted; `None` if something has two.
fn assign(
    p: &Pat,
    want: Ty,
    shared: &mut [Ty],
    at: &mut usize,
    vars: &mut [Option<Ty>],
) -> Option<()> {
    match p {
        Pat::Var(v) => {
            let slot = &mut vars[*v as usize];
            (*slot.get_or_insert(want) == want).then_some(())
        }
        Pat::Const(_) | Pat::Lit(_) => Some(()),
        Pat::Op(op, args) => {
            let own = shared[*at];
            if returned(*op, own) != want {
                return None;
            }
            let row = op.arg_sigs();
            if !row.contains(&Sig::T) && op.ret_sig() != Sig::T {
                // Its row has no `T`: all choices of one are the same.
                shared[*at] = Ty::Void;
            }
            *at += 1;
            for (sig, a) in row.iter().zip(args) {
                assign(a, wanted(*sig, own)?, shared, at, vars)?;
            }
            Some(())
        }
    }
}

/// What a rule says under one typing.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The types, in words.
    pub types: String,
    /// Its terms.
    pub arena: Arena,
    /// Bound constants, by number.
    pub consts: Vec<Term>,
    /// What is assumed: one bit each.
    pub assumed: Vec<Term>,
    /// The condition, which is assumed too: one bit.
    pub condition: Option<Term>,
    /// The value of the pattern.
    pub left: Term,
    /// The value of what the rule makes.
    pub right: Term,
    /// What must hold besides their being equal: one bit each.
    pub required: Vec<Term>,
}

impl Claim {
    /// The claim of a rule under a typing.
    ///
    /// # Errors
    /// Why the rule cannot be stated, in words: it is not well typed, or emits what has no meaning as terms.
    pub fn new(subject: Subject<'_>, typing: &Typing, widths: Widths) -> Result<Claim, String> {
        if let Subject::Lower(_) = subject
            && widths != Widths::REAL
        {
            return Err("instructions have one width".into());
        }
        let mut s = Scope {
            t: Arena::default(),
            widths,
            typing,
            subject,
            consts: Vec::new(),
            assumed: Vec::new(),
            required: Vec::new(),
        };
        let left = s.pattern(subject.pattern(), typing.result, &mut 0)?;
        let mut condition = None;
        if let Some(c) = subject.condition() {
            let c = s.expr(c)?;
            let holds = s.t.truth(c);
            s.assumed.push(holds);
            condition = Some(holds);
        }
        let right = match subject {
            Subject::Rewrite(r) => s.result(&r.result, typing.result)?,
            Subject::Lower(r) => s.instructions(r)?,
        };
        if s.t.width(left) != s.t.width(right) {
            return Err("the result has another width than the pattern".into());
        }
        let consts = s.consts.iter().flatten().copied().collect();
        Ok(Claim {
            types: typing.text(),
            consts,
            assumed: s.assumed,
            condition,
            left,
            right,
            required: s.required,
            arena: s.t,
        })
    }

    /// The terms with one more: whether the claim is false.
    pub fn negation(&self) -> (Arena, Term) {
        let mut t = self.arena.clone();
        let mut holds = t.bin(Bin::Eq, self.left, self.right);
        for r in &self.required {
            holds = t.bin(Bin::And, holds, *r);
        }
        let fails = t.not(holds);
        (t, fails)
    }

    /// The query for a counterexample, from what [`Claim::negation`] gave.
    pub fn query<'a>(&self, (arena, fails): &'a (Arena, Term)) -> Query<'a> {
        let mut all = self.assumed.clone();
        all.push(*fails);
        Query {
            arena,
            all,
            fixed: Vec::new(),
            products: false,
        }
    }
}

/// A claim under construction.
struct Scope<'a> {
    t: Arena,
    widths: Widths,
    typing: &'a Typing,
    subject: Subject<'a>,
    consts: Vec<Option<Term>>,
    assumed: Vec<Term>,
    required: Vec<Term>,
}

/// The name of the variable of a value.
pub fn var_name(v: u8) -> String {
    format!("x{v}")
}

/// The name of the variable of a bound constant.
pub fn const_name(c: u8) -> String {
    format!("c{c}")
}

/// The name of the variable of a fact.
pub fn fact_name(f: FactOf, v: u8) -> String {
    let f = match f {
        FactOf::Zeros => "zeros",
        FactOf::Ones => "ones",
        FactOf::Umin => "umin",
        FactOf::Umax => "umax",
        FactOf::Smin => "smin",
        FactOf::Smax => "smax",
    };
    format!("{f}{v}")
}

impl Scope<'_> {
    fn var(&mut self, v: u8) -> Result<Term, String> {
        let ty = self.typing.vars[v as usize].ok_or("a value that the pattern does not bind")?;
        Ok(self.t.var(&var_name(v), self.widths.of(ty)))
    }

    /// A part of the pattern, of type `want`; `at` counts operations.
    fn pattern(&mut self, p: &Pat, want: Ty, at: &mut usize) -> Result<Term, String> {
        let width = self.widths.of(want);
        match p {
            Pat::Var(v) => self.var(*v),
            Pat::Const(c) => Ok(self.constant(*c, width)),
            Pat::Lit(n) => Ok(self.t.value(*n as u64, width)),
            Pat::Op(op, args) => {
                let own = self.typing.shared[*at];
                *at += 1;
                let mut operands = Vec::new();
                for (i, (sig, a)) in op.arg_sigs().iter().zip(args).enumerate() {
                    let want = wanted(*sig, own).ok_or("an operand of no type")?;
                    let term = self.pattern(a, want, at)?;
                    if i == 1 && is_shift(*op) && matches!(a, Pat::Const(_)) {
                        // The editor makes constant amounts smaller than the width.
                        let limit = self
                            .t
                            .value(u64::from(self.widths.of(want)), self.t.width(term));
                        let below = self.t.bin(Bin::Ult, term, limit);
                        self.assumed.push(below);
                    }
                    operands.push(term);
                }
                meaning(&mut self.t, *op, want, &operands, self.widths)
                    .ok_or_else(|| format!("{} does not float", op.text()))
            }
        }
    }

    /// A bound constant: the same number wherever it stands, so within each width that it has.
    fn constant(&mut self, c: u8, width: u32) -> Term {
        let at = c as usize;
        self.consts.resize(self.consts.len().max(at + 1), None);
        let known = *self.consts[at].get_or_insert_with(|| self.t.var(&const_name(c), width));
        if width < self.t.width(known) {
            let low = self.t.unsigned(known, width);
            let back = self.t.unsigned(low, self.t.width(known));
            let same = self.t.bin(Bin::Eq, back, known);
            self.assumed.push(same);
        }
        self.t.unsigned(known, width)
    }

    fn fact(&mut self, f: FactOf, v: u8) -> Result<Term, String> {
        if let Subject::Lower(_) = self.subject {
            return Err("instruction selection has no facts".into());
        }
        let n = self.widths.of(self.typing.operand);
        let x = self.var(v)?;
        let width = self.t.width(x);
        let fact = self.t.var(&fact_name(f, v), width);
        let holds = match f {
            FactOf::Zeros => {
                let clash = self.t.bin(Bin::And, x, fact);
                self.t.is(clash, 0)
            }
            FactOf::Ones => {
                let there = self.t.bin(Bin::And, x, fact);
                self.t.bin(Bin::Eq, there, fact)
            }
            FactOf::Umin => self.t.bin(Bin::Ule, fact, x),
            FactOf::Umax => self.t.bin(Bin::Ule, x, fact),
            FactOf::Smin => self.t.bin(Bin::Sle, fact, x),
            FactOf::Smax => self.t.bin(Bin::Sle, x, fact),
        };
        if !self.assumed.contains(&holds) {
            self.assumed.push(holds);
        }
        Ok(match f {
            FactOf::Zeros if n > width => {
                // Bits above the width are known to be zero.
                let above = self.t.value(u64::MAX, n - width);
                self.t.concat(above, fact)
            }
            FactOf::Zeros | FactOf::Ones | FactOf::Umin | FactOf::Umax => self.t.unsigned(fact, n),
            FactOf::Smin | FactOf::Smax => self.t.signed(fact, n),
        })
    }

    /// An expression, at the width of the rule's operands.
    fn expr(&mut self, e: &Expr) -> Result<Term, String> {
        let n = self.widths.of(self.typing.operand);
        Ok(match e {
            Expr::Lit(v) => self.t.value(*v as u64, n),
            Expr::Const(c) => {
                let known = self.consts.get(*c as usize).copied().flatten();
                let known = known.ok_or("a constant that the pattern does not bind")?;
                self.t.unsigned(known, n)
            }
            Expr::Width => self.t.value(u64::from(n), n),
            Expr::Not(x) => {
                let x = self.expr(x)?;
                self.t.not(x)
            }
            Expr::Neg(x) => {
                let x = self.expr(x)?;
                self.t.neg(x)
            }
            Expr::Fact(f, v) => self.fact(*f, *v)?,
            Expr::Bin(op, x, y) => {
                let (x, y) = (self.expr(x)?, self.expr(y)?);
                binary(&mut self.t, *op, x, y)
            }
            Expr::Call(f, args) => {
                let args: Vec<Term> = args
                    .iter()
                    .map(|a| self.expr(a))
                    .collect::<Result<_, _>>()?;
                call(&mut self.t, *f, &args)
            }
        })
    }

    /// A part of a rewrite's result, where `want` is wanted.
    fn result(&mut self, r: &Res, want: Ty) -> Result<Term, String> {
        let width = self.widths.of(want);
        let term = match r {
            Res::Var(v) => self.var(*v)?,
            Res::Expr(e) => {
                let value = self.expr(e)?;
                // A narrower one is sign-extended, as `typing::constant` says.
                self.t.signed(value, width)
            }
            Res::Op(op, args) => {
                let types = self.typing;
                let var = |v: u8| types.vars[v as usize].unwrap_or(Ty::Void);
                let mut operands = Vec::new();
                for (a, ty) in args.iter().zip(typing::operands(*op, args, want, &var)) {
                    operands.push(self.result(a, ty)?);
                }
                let made = typing::made(*op, want);
                meaning(&mut self.t, *op, made, &operands, self.widths)
                    .ok_or_else(|| format!("{} does not float", op.text()))?
            }
        };
        match self.t.width(term) == width {
            true => Ok(term),
            false => Err(format!("a part of the result is no {}", want.name())),
        }
    }

    /// The value of the last instruction of a lowering rule.
    fn instructions(&mut self, r: &LowerRule) -> Result<Term, String> {
        let mut temps: Vec<Term> = Vec::new();
        // Nothing is known of the carry before the first.
        let mut carry = self.t.var("carry", 1);
        for (k, template) in r.insts.iter().enumerate() {
            let done = self.instruction(template, &temps, carry, k)?;
            if template.s {
                carry = done.flags[2];
            }
            temps.push(done.value);
        }
        temps.pop().ok_or_else(|| "no instruction".into())
    }

    fn instruction(
        &mut self,
        i: &Template,
        temps: &[Term],
        carry: Term,
        k: usize,
    ) -> Result<machine::Effect, String> {
        let mut uses = i.uses.iter();
        let mut regs = Vec::new();
        for role in i.op.roles() {
            regs.push(match role {
                Role::Def => None,
                Role::Use | Role::Tied => match uses.next().ok_or("too few operands")? {
                    Operand::Var(v) => Some(self.var(*v)?),
                    Operand::Temp(t) => Some(temps[*t as usize]),
                },
            });
        }
        if uses.next().is_some() {
            return Err("too many operands".into());
        }
        let imm = i.imm.as_ref().map(|e| self.expr(e)).transpose()?;
        let imm2 = i.imm2.as_ref().map(|e| self.expr(e)).transpose()?;
        if let (Some(imm), Some(imm2)) = (imm, imm2) {
            let exists = machine::field_exists(&mut self.t, imm, imm2);
            self.required.push(exists);
        }
        let shift = match &i.shift {
            Some((kind, e)) => {
                let amount = self.expr(e)?;
                let exists = machine::shift_exists(&mut self.t, *kind, amount);
                self.required.push(exists);
                Some((*kind, amount))
            }
            None => None,
        };
        let operands = Operands {
            regs: &regs,
            imm,
            imm2,
            shift,
            carry,
        };
        machine::effect(&mut self.t, i.op.sem(), &operands, &format!("unknown{k}"))
            .ok_or_else(|| format!("{} has no meaning as a term", isa::Op::name(i.op)))
    }
}

/// Whether the second operand is an amount.
pub fn is_shift(op: Op) -> bool {
    matches!(op, Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr)
}

/// A binary operator of the rule language; comparisons and logic give 0 or 1 at the same width.
fn binary(t: &mut Arena, op: rule::Bin, x: Term, y: Term) -> Term {
    let width = t.width(x);
    let direct = |t: &mut Arena, op: Bin, x, y| {
        let r = t.bin(op, x, y);
        t.unsigned(r, width)
    };
    match op {
        rule::Bin::Add => direct(t, Bin::Add, x, y),
        rule::Bin::Sub => direct(t, Bin::Sub, x, y),
        rule::Bin::Mul => direct(t, Bin::Mul, x, y),
        rule::Bin::And => direct(t, Bin::And, x, y),
        rule::Bin::Or => direct(t, Bin::Or, x, y),
        rule::Bin::Xor => direct(t, Bin::Xor, x, y),
        rule::Bin::Shl => direct(t, Bin::Shl, x, y),
        rule::Bin::Shr => direct(t, Bin::Lshr, x, y),
        rule::Bin::Eq => direct(t, Bin::Eq, x, y),
        rule::Bin::Ne => {
            let same = t.bin(Bin::Eq, x, y);
            let differ = t.not(same);
            t.unsigned(differ, width)
        }
        rule::Bin::Lt => direct(t, Bin::Ult, x, y),
        rule::Bin::Le => direct(t, Bin::Ule, x, y),
        rule::Bin::Gt => direct(t, Bin::Ult, y, x),
        rule::Bin::Ge => direct(t, Bin::Ule, y, x),
        rule::Bin::Land | rule::Bin::Lor => {
            let op = if op == rule::Bin::Land {
                Bin::And
            } else {
                Bin::Or
            };
            let (x, y) = (t.truth(x), t.truth(y));
            let r = t.bin(op, x, y);
            t.unsigned(r, width)
        }
    }
}

/// A function of the rule language.
fn call(t: &mut Arena, f: Func, a: &[Term]) -> Term {
    let width = t.width(a[0]);
    let one = t.value(1, width);
    let result = match f {
        Func::Pow2 => {
            let less = t.bin(Bin::Sub, a[0], one);
            let both = t.bin(Bin::And, a[0], less);
            let (single, some) = (t.is(both, 0), t.truth(a[0]));
            t.bin(Bin::And, single, some)
        }
        Func::Ctz => super::meaning::trailing_zeros(t, a[0]),
        Func::Clz => super::meaning::leading_zeros(t, a[0]),
        Func::Mask => {
            let all = t.value(u64::MAX, width);
            // A shift by the width or more leaves nothing, whose complement is all.
            let above = t.bin(Bin::Shl, all, a[0]);
            t.not(above)
        }
        Func::SaddOk => {
            let sum = t.bin(Bin::Add, a[0], a[1]);
            let (x, y) = (t.bin(Bin::Xor, a[0], sum), t.bin(Bin::Xor, a[1], sum));
            let both = t.bin(Bin::And, x, y);
            let over = t.extract(both, width - 1, width - 1);
            t.not(over)
        }
        Func::UaddOk => {
            let sum = t.bin(Bin::Add, a[0], a[1]);
            t.bin(Bin::Ule, a[0], sum)
        }
        Func::Slt => t.bin(Bin::Slt, a[0], a[1]),
        Func::Sle => t.bin(Bin::Sle, a[0], a[1]),
        Func::Asr => t.bin(Bin::Ashr, a[0], a[1]),
        Func::LowMask => {
            let more = t.bin(Bin::Add, a[0], one);
            let both = t.bin(Bin::And, a[0], more);
            let (run, some) = (t.is(both, 0), t.truth(a[0]));
            t.bin(Bin::And, run, some)
        }
    };
    t.unsigned(result, width)
}
