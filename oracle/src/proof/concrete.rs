//! Rules on numbers: what the compiler itself computes.
//!
//! In: a rule, its types, numbers for its values, constants and facts. Out: whether it applies, the value of its pattern
//! and of what it makes, by the compiler's evaluator of operations, evaluator of expressions, encoder and executor.
//! Nothing of [`super::term`] is used here: this is the other witness, which says whether a counterexample is one and
//! whether claims mean what the compiler does.

use super::claim::{Subject, Typing, const_name, fact_name, is_shift, var_name};
use super::solver::Model;
use thumbsmith::Cpu;
use thumbsmith::backend::mir::MOp;
use thumbsmith::backend::rules::{LowerRule, Operand, instantiate};
use thumbsmith::ir::eval::{eval, sext};
use thumbsmith::ir::{Sig, Ty};
use thumbsmith::isa::exec::{Bus, BusFault, Machine};
use thumbsmith::isa::{self, Inst, Place, Reg, Role, encode, encode_wide};
use thumbsmith::opt::matcher::{Bound, width};
use thumbsmith::opt::rule::{self, Bindings, Expr, FactOf, Pat, Res};
use thumbsmith::opt::typing;

/// The core that has every instruction of a rule.
pub const CPU: Cpu = Cpu::CortexM4;

/// A rule with numbers.
pub struct Instance<'a> {
    /// The rule.
    pub subject: Subject<'a>,
    /// Its types.
    pub typing: &'a Typing,
    /// Numbers by the names of [`super::claim`]; what is missing is 0.
    pub model: &'a Model,
}

impl Bindings for Instance<'_> {
    fn constant(&self, c: u8) -> u64 {
        self.number(&const_name(c))
    }

    fn fact(&self, f: FactOf, v: u8) -> u64 {
        let ty = self.ty(v);
        let value = self.number(&fact_name(f, v)) & ty.mask();
        match f {
            FactOf::Zeros => value | !ty.mask(),
            FactOf::Ones | FactOf::Umin | FactOf::Umax => value,
            FactOf::Smin | FactOf::Smax => sext(value, width(ty)),
        }
    }
}

impl Instance<'_> {
    fn number(&self, name: &str) -> u64 {
        self.model.get(name).copied().unwrap_or(0)
    }

    fn ty(&self, v: u8) -> Ty {
        self.typing.vars[v as usize].unwrap_or(Ty::Void)
    }

    fn var(&self, v: u8) -> u64 {
        self.number(&var_name(v)) & self.ty(v).mask()
    }

    fn operand_width(&self) -> u32 {
        width(self.typing.operand)
    }

    /// Whether the condition holds.
    pub fn condition(&self) -> bool {
        let condition = self.subject.condition();
        condition.is_none_or(|c| rule::eval(c, self.operand_width(), self) != 0)
    }

    /// Whether the numbers are ones that the compiler could have: amounts below the width, constants within their
    /// types, facts that hold of the values.
    pub fn possible(&self) -> bool {
        let facts = self.subject.condition().is_none_or(|c| self.facts_hold(c));
        let result = match self.subject {
            Subject::Rewrite(r) => self.result_facts_hold(&r.result),
            Subject::Lower(_) => true,
        };
        let root = self.typing.result;
        facts && result && self.constants_fit(self.subject.pattern(), root, false, &mut 0)
    }

    fn result_facts_hold(&self, r: &Res) -> bool {
        match r {
            Res::Var(_) => true,
            Res::Expr(e) => self.facts_hold(e),
            Res::Op(_, args) => args.iter().all(|a| self.result_facts_hold(a)),
        }
    }

    fn facts_hold(&self, e: &Expr) -> bool {
        match e {
            Expr::Lit(_) | Expr::Const(_) | Expr::Width => true,
            Expr::Not(x) | Expr::Neg(x) => self.facts_hold(x),
            Expr::Bin(_, x, y) => self.facts_hold(x) && self.facts_hold(y),
            Expr::Call(_, args) => args.iter().all(|a| self.facts_hold(a)),
            Expr::Fact(f, v) => {
                let (x, fact) = (self.var(*v), self.fact(*f, *v));
                let signed = sext(x, width(self.ty(*v))) as i64;
                match f {
                    FactOf::Zeros => x & fact == 0,
                    FactOf::Ones => x & fact == fact,
                    FactOf::Umin => fact <= x,
                    FactOf::Umax => x <= fact,
                    FactOf::Smin => fact as i64 <= signed,
                    FactOf::Smax => signed <= fact as i64,
                }
            }
        }
    }

    fn constants_fit(&self, p: &Pat, want: Ty, amount: bool, at: &mut usize) -> bool {
        match p {
            Pat::Var(_) | Pat::Lit(_) => true,
            Pat::Const(c) => {
                let c = self.constant(*c);
                c & !want.mask() == 0 && (!amount || c < u64::from(width(want)))
            }
            Pat::Op(op, args) => {
                let own = self.typing.shared[*at];
                *at += 1;
                let operands = op.arg_sigs().iter().zip(args).enumerate();
                let mut fit = operands.map(|(i, (sig, a))| {
                    self.constants_fit(a, wanted(*sig, own), i == 1 && is_shift(*op), at)
                });
                fit.all(|f| f)
            }
        }
    }

    /// The value of the pattern.
    pub fn left(&self) -> u64 {
        self.pattern(self.subject.pattern(), self.typing.result, &mut 0)
    }

    fn pattern(&self, p: &Pat, want: Ty, at: &mut usize) -> u64 {
        match p {
            Pat::Var(v) => self.var(*v),
            Pat::Const(c) => self.constant(*c) & want.mask(),
            Pat::Lit(n) => *n as u64 & want.mask(),
            Pat::Op(op, args) => {
                let own = self.typing.shared[*at];
                *at += 1;
                let types: Vec<Ty> = op.arg_sigs().iter().map(|s| wanted(*s, own)).collect();
                let operands = types.iter().zip(args);
                let values: Vec<u64> = operands.map(|(ty, a)| self.pattern(a, *ty, at)).collect();
                let first = types.first().copied().unwrap_or(want);
                eval(*op, want, first, &values, 0).unwrap_or(0)
            }
        }
    }

    /// The value of what the rule makes.
    ///
    /// # Errors
    /// Why an instruction cannot be encoded; `Ok(None)` if the compiler would not take the rule for this immediate.
    pub fn right(&self) -> Result<Option<u64>, String> {
        match self.subject {
            Subject::Rewrite(r) => Ok(Some(self.result(&r.result, self.typing.result))),
            Subject::Lower(r) => self.run(r),
        }
    }

    fn result(&self, r: &Res, want: Ty) -> u64 {
        match r {
            Res::Var(v) => self.var(*v),
            Res::Expr(e) => {
                let n = self.operand_width();
                typing::constant(rule::eval(e, n, self), n, want)
            }
            Res::Op(op, args) => {
                let types = typing::operands(*op, args, want, &|v| self.ty(v));
                let operands = types.iter().zip(args);
                let values: Vec<u64> = operands.map(|(ty, a)| self.result(a, *ty)).collect();
                let (made, first) = (typing::made(*op, want), types.first().copied());
                eval(*op, made, first.unwrap_or(want), &values, 0).unwrap_or(0)
            }
        }
    }

    fn run(&self, r: &LowerRule) -> Result<Option<u64>, String> {
        let consts: Vec<u64> = (0..6).map(|c| self.constant(c)).collect();
        let Some(insts) = instantiate(r, &Bound::constants(&consts), CPU) else {
            return Ok(None);
        };
        let mut machine = Machine::new(CPU);
        let mut temps: Vec<u32> = Vec::new();
        for (m, template) in insts.iter().zip(&r.insts) {
            let values: Vec<u32> = template
                .uses
                .iter()
                .map(|o| match o {
                    Operand::Var(v) => self.var(*v) as u32,
                    Operand::Temp(t) => temps[*t as usize],
                })
                .collect();
            let MOp::Isa(op) = m.op else {
                return Err("no instruction of the core".into());
            };
            let mut inst = in_first_registers(op, m.imm);
            (inst.s, inst.imm2, inst.shift) = (m.s, m.imm2, m.shift);
            temps.push(execute(&mut machine, &inst, &values)?);
        }
        Ok(temps.pop().map(u64::from))
    }
}

/// The type of an operand of an operation whose `T` is `own`.
fn wanted(sig: Sig, own: Ty) -> Ty {
    match sig {
        Sig::T => own,
        Sig::I => Ty::I32,
        Sig::L => Ty::I64,
        Sig::P => Ty::Pair,
        Sig::V | Sig::A => Ty::Void,
    }
}

/// One instruction at address 0.
struct Code(Vec<u8>);

impl Bus for Code {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let at = address as usize;
        let bytes = self.0.get(at..at + size as usize);
        let bytes = bytes.ok_or(BusFault { address })?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
    }

    fn store(&mut self, address: u32, _: u32, _: u32) -> Result<(), BusFault> {
        Err(BusFault { address })
    }
}

/// Encodes one instruction, whose registers are `r0` and up, and runs it with these values of what it reads; the value of
/// its first register. Flags stay in the machine.
///
/// # Errors
/// Text, if it cannot be encoded or does not run.
pub fn execute(machine: &mut Machine, inst: &Inst, values: &[u32]) -> Result<u32, String> {
    let mut values = values.iter();
    for (i, role) in inst.op.roles().iter().enumerate() {
        machine.r[i] = match role {
            Role::Def => 0xdead_beef,
            Role::Use | Role::Tied => *values.next().ok_or("too few operands")?,
        };
    }
    let wide = encode_wide(inst, CPU, Place::Outside);
    let encoded = wide.or_else(|_| encode(inst, CPU, Place::Outside));
    let encoded = encoded.map_err(|e| e.to_string())?;
    let halfwords = encoded.halfwords().iter();
    let code: Vec<u8> = halfwords.flat_map(|h| h.to_le_bytes()).collect();
    machine.r[15] = 0;
    machine.forget_code();
    let end = code.len() as u32;
    machine
        .run(&mut Code(code), end, 1)
        .map_err(|e| e.to_string())?;
    Ok(machine.r[0])
}

/// The instruction with its registers `r0` and up.
pub fn in_first_registers(op: isa::Op, imm: i32) -> Inst {
    let regs: Vec<Reg> = (0..op.roles().len() as u8).map(Reg).collect();
    Inst::new(op, &regs, imm)
}
