//! The rule language: rewrites as data.
//!
//! A rule is one line of text: `name: pattern => result if condition`. Patterns and results are s-expressions over the
//! floating operations; lower-case names are values, names in capitals are constants, numbers are themselves. In a
//! result, `{...}` is a constant computed from bound constants and facts; conditions use the same expressions:
//!
//! ```text
//! or-and-same: (and (or x A) A) => A
//! shl-shl: (shl (shl x A) B) => (shl x {A + B}) if A + B < N
//! ```
//!
//! Expressions are computed modulo 2^N, N being the width of the rule's operands; comparisons are unsigned.
//! Functions: see [`Func`]. Everything that must know a rule (matching, its generator, its proof) reads this form.

use super::ruleset::Line;
use crate::ir::Op;

/// A pattern.
#[derive(Clone, PartialEq, Debug)]
pub enum Pat {
    /// Any value; the same value wherever the name stands.
    Var(u8),
    /// Any constant; the same everywhere.
    Const(u8),
    /// This constant, sign-extended to the width.
    Lit(i64),
    /// An operation.
    Op(Op, Vec<Pat>),
}

/// A result.
#[derive(Clone, PartialEq, Debug)]
pub enum Res {
    /// A bound value.
    Var(u8),
    /// A constant.
    Expr(Expr),
    /// An operation.
    Op(Op, Vec<Res>),
}

/// An expression over constants and facts.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A number, sign-extended to the width.
    Lit(i64),
    /// A bound constant.
    Const(u8),
    /// The width in bits.
    Width,
    /// A binary operator.
    Bin(Bin, Box<Expr>, Box<Expr>),
    /// `!x`: bits inverted.
    Not(Box<Expr>),
    /// `-x`.
    Neg(Box<Expr>),
    /// A function of expressions.
    Call(Func, Vec<Expr>),
    /// A fact of a bound value.
    Fact(FactOf, u8),
}

/// Binary operators; comparisons and logic give 0 or 1.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bin {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Land,
    Lor,
}

/// Functions of expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Func {
    /// Whether it is a power of two.
    Pow2,
    /// Number of trailing zeros.
    Ctz,
    /// Number of leading zeros.
    Clz,
    /// The low bits: `mask(k)` has the `k` lowest bits set; all if `k >= N`.
    Mask,
    /// Whether the signed sum does not overflow.
    SaddOk,
    /// Whether the unsigned sum does not overflow.
    UaddOk,
    /// Signed less.
    Slt,
    /// Signed less or equal.
    Sle,
    /// Arithmetic right shift.
    Asr,
    /// Whether it is a contiguous run of ones from bit 0 (not zero).
    LowMask,
}

/// Facts of a value, modulo 2^N.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactOf {
    /// Bits known to be zero.
    Zeros,
    /// Bits known to be one.
    Ones,
    /// Unsigned minimum.
    Umin,
    /// Unsigned maximum.
    Umax,
    /// Signed minimum.
    Smin,
    /// Signed maximum.
    Smax,
}

/// A rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// Its line.
    pub text: &'static str,
    /// What it matches: always an operation.
    pub pattern: Pat,
    /// When.
    pub condition: Option<Expr>,
    /// What it makes.
    pub result: Res,
    /// Names of values, by number.
    pub vars: Vec<&'static str>,
    /// Names of constants, by number.
    pub consts: Vec<&'static str>,
}

impl Rule {
    /// The operation at the root of the pattern.
    pub fn root(&self) -> Op {
        match self.pattern {
            Pat::Op(op, _) => op,
            Pat::Var(_) | Pat::Const(_) | Pat::Lit(_) => unreachable!("checked when parsed"),
        }
    }
}

impl Line for Rule {
    fn parse(text: &'static str) -> Result<Rule, String> {
        parse(text)
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn pattern(&self) -> &Pat {
        &self.pattern
    }
}

/// Parses a rule.
///
/// # Errors
/// What is wrong, in words; rules are part of the program, so a test that parses them all is enough.
pub fn parse(text: &'static str) -> Result<Rule, String> {
    let (name, rest) = text.split_once(':').ok_or("no name")?;
    let (pattern, rest) = rest.split_once("=>").ok_or("no =>")?;
    let (result, condition) = match rest.split_once(" if ") {
        Some((r, c)) => (r, Some(c)),
        None => (rest, None),
    };
    let mut p = Parser {
        toks: Vec::new(),
        at: 0,
        vars: Vec::new(),
        consts: Vec::new(),
    };
    p.start(pattern);
    let pattern = p.pattern()?;
    p.done()?;
    if !matches!(pattern, Pat::Op(..)) {
        return Err("the pattern is no operation".into());
    }
    let bound = (p.vars.len(), p.consts.len());
    p.start(result);
    let result = p.result()?;
    p.done()?;
    let condition = match condition {
        Some(c) => {
            p.start(c);
            let e = p.expr(0)?;
            p.done()?;
            Some(e)
        }
        None => None,
    };
    if (p.vars.len(), p.consts.len()) != bound {
        return Err(format!("{name}: a name that the pattern does not bind"));
    }
    Ok(Rule {
        name: name.trim(),
        text,
        pattern,
        condition,
        result,
        vars: p.vars,
        consts: p.consts,
    })
}

/// Parses a pattern alone, binding its names.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_pattern(
    text: &'static str,
    vars: &mut Vec<&'static str>,
    consts: &mut Vec<&'static str>,
) -> Result<Pat, String> {
    with_parser(text, vars, consts, Parser::pattern)
}

/// Parses an expression alone, over names bound before.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_expr(
    text: &'static str,
    vars: &mut Vec<&'static str>,
    consts: &mut Vec<&'static str>,
) -> Result<Expr, String> {
    with_parser(text, vars, consts, |p| p.expr(0))
}

fn with_parser<T>(
    text: &'static str,
    vars: &mut Vec<&'static str>,
    consts: &mut Vec<&'static str>,
    what: impl FnOnce(&mut Parser) -> Result<T, String>,
) -> Result<T, String> {
    let mut p = Parser {
        toks: Vec::new(),
        at: 0,
        vars: std::mem::take(vars),
        consts: std::mem::take(consts),
    };
    p.start(text);
    let r = what(&mut p)?;
    p.done()?;
    (*vars, *consts) = (p.vars, p.consts);
    Ok(r)
}

struct Parser {
    toks: Vec<&'static str>,
    at: usize,
    vars: Vec<&'static str>,
    consts: Vec<&'static str>,
}

fn index(names: &mut Vec<&'static str>, name: &'static str) -> u8 {
    match names.iter().position(|n| *n == name) {
        Some(i) => i as u8,
        None => {
            names.push(name);
            names.len() as u8 - 1
        }
    }
}

impl Parser {
    fn start(&mut self, text: &'static str) {
        self.toks.clear();
        self.at = 0;
        let b = text.as_bytes();
        let mut i = 0;
        while i < b.len() {
            let start = i;
            if b[i].is_ascii_whitespace() {
                i += 1;
                continue;
            }
            if b[i].is_ascii_alphanumeric() || b[i] == b'_' {
                while i < b.len() && (b[i].is_ascii_alphanumeric() || b[i] == b'_') {
                    i += 1;
                }
            } else {
                let two = text.get(i..i + 2).unwrap_or("");
                i += if ["&&", "||", "==", "!=", "<=", ">=", "<<", ">>"].contains(&two) {
                    2
                } else {
                    1
                };
            }
            self.toks.push(&text[start..i]);
        }
    }

    fn peek(&self) -> &'static str {
        self.toks.get(self.at).copied().unwrap_or("")
    }

    fn next(&mut self) -> &'static str {
        let t = self.peek();
        self.at += 1;
        t
    }

    fn expect(&mut self, t: &str) -> Result<(), String> {
        let got = self.next();
        if got == t {
            Ok(())
        } else {
            Err(format!("expected `{t}`, found `{got}`"))
        }
    }

    fn done(&self) -> Result<(), String> {
        if self.at == self.toks.len() {
            Ok(())
        } else {
            Err(format!("`{}` after the end", self.peek()))
        }
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        let negative = self.peek() == "-";
        let t = self
            .toks
            .get(self.at + negative as usize)
            .copied()
            .unwrap_or("");
        if !t.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        self.at += 1 + negative as usize;
        let v = match t.strip_prefix("0x") {
            Some(h) => i64::from_str_radix(h, 16),
            None => t.parse(),
        }
        .map_err(|e| format!("{t}: {e}"))?;
        Ok(Some(if negative { -v } else { v }))
    }

    fn op(&mut self) -> Result<Op, String> {
        let t = self.next();
        Op::from_text(t).ok_or_else(|| format!("`{t}` is no operation"))
    }

    fn pattern(&mut self) -> Result<Pat, String> {
        if let Some(n) = self.number()? {
            return Ok(Pat::Lit(n));
        }
        if self.peek() != "(" {
            let t = self.next();
            return Ok(if t.starts_with(|c: char| c.is_ascii_uppercase()) {
                Pat::Const(index(&mut self.consts, t))
            } else {
                Pat::Var(index(&mut self.vars, t))
            });
        }
        self.next();
        let op = self.op()?;
        let mut args = Vec::new();
        while self.peek() != ")" {
            args.push(self.pattern()?);
        }
        self.next();
        if op.arity() != Some(args.len()) {
            return Err(format!("{} with {} operands", op.text(), args.len()));
        }
        Ok(Pat::Op(op, args))
    }

    fn result(&mut self) -> Result<Res, String> {
        if let Some(n) = self.number()? {
            return Ok(Res::Expr(Expr::Lit(n)));
        }
        match self.peek() {
            "(" => {
                self.next();
                let op = self.op()?;
                let mut args = Vec::new();
                while self.peek() != ")" {
                    args.push(self.result()?);
                }
                self.next();
                if op.arity() != Some(args.len()) {
                    return Err(format!("{} with {} operands", op.text(), args.len()));
                }
                Ok(Res::Op(op, args))
            }
            "{" => {
                self.next();
                let e = self.expr(0)?;
                self.expect("}")?;
                Ok(Res::Expr(e))
            }
            t if t.starts_with(|c: char| c.is_ascii_uppercase()) => Ok(Res::Expr(self.expr(9)?)),
            _ => {
                let t = self.next();
                Ok(Res::Var(index(&mut self.vars, t)))
            }
        }
    }

    /// Precedence climbing; `min` is the loosest level accepted.
    fn expr(&mut self, min: u8) -> Result<Expr, String> {
        let mut left = self.unary()?;
        loop {
            let (op, level) = match self.peek() {
                "||" => (Bin::Lor, 0),
                "&&" => (Bin::Land, 1),
                "==" => (Bin::Eq, 2),
                "!=" => (Bin::Ne, 2),
                "<" => (Bin::Lt, 2),
                "<=" => (Bin::Le, 2),
                ">" => (Bin::Gt, 2),
                ">=" => (Bin::Ge, 2),
                "|" => (Bin::Or, 3),
                "^" => (Bin::Xor, 3),
                "&" => (Bin::And, 4),
                "<<" => (Bin::Shl, 5),
                ">>" => (Bin::Shr, 5),
                "+" => (Bin::Add, 6),
                "-" => (Bin::Sub, 6),
                "*" => (Bin::Mul, 7),
                _ => return Ok(left),
            };
            if level < min {
                return Ok(left);
            }
            self.next();
            let right = self.expr(level + 1)?;
            left = Expr::Bin(op, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if let Some(n) = self.number()? {
            return Ok(Expr::Lit(n));
        }
        match self.next() {
            "(" => {
                let e = self.expr(0)?;
                self.expect(")")?;
                Ok(e)
            }
            "!" => Ok(Expr::Not(Box::new(self.unary()?))),
            "-" => Ok(Expr::Neg(Box::new(self.unary()?))),
            "N" => Ok(Expr::Width),
            t if t.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Ok(Expr::Const(index(&mut self.consts, t)))
            }
            t => self.call(t),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expr, String> {
        let fact = match name {
            "zeros" => Some(FactOf::Zeros),
            "ones" => Some(FactOf::Ones),
            "umin" => Some(FactOf::Umin),
            "umax" => Some(FactOf::Umax),
            "smin" => Some(FactOf::Smin),
            "smax" => Some(FactOf::Smax),
            _ => None,
        };
        self.expect("(")?;
        if let Some(f) = fact {
            let t = self.next();
            let v = index(&mut self.vars, t);
            self.expect(")")?;
            return Ok(Expr::Fact(f, v));
        }
        let (f, n) = match name {
            "pow2" => (Func::Pow2, 1),
            "ctz" => (Func::Ctz, 1),
            "clz" => (Func::Clz, 1),
            "mask" => (Func::Mask, 1),
            "sadd_ok" => (Func::SaddOk, 2),
            "uadd_ok" => (Func::UaddOk, 2),
            "slt" => (Func::Slt, 2),
            "sle" => (Func::Sle, 2),
            "asr" => (Func::Asr, 2),
            "low_mask" => (Func::LowMask, 1),
            _ => return Err(format!("`{name}` is no function")),
        };
        let mut args = vec![self.expr(0)?];
        while self.peek() == "," {
            self.next();
            args.push(self.expr(0)?);
        }
        self.expect(")")?;
        if args.len() != n {
            return Err(format!("{name} with {} operands", args.len()));
        }
        Ok(Expr::Call(f, args))
    }
}

/// What an expression may ask for.
pub trait Bindings {
    /// A bound constant, zero-extended.
    fn constant(&self, c: u8) -> u64;
    /// A fact of a bound value.
    fn fact(&self, f: FactOf, v: u8) -> u64;
}

/// The value of an expression at width `n` (32 or 64; smaller widths serve proofs).
pub fn eval(e: &Expr, n: u32, b: &impl Bindings) -> u64 {
    let mask = if n == 64 { u64::MAX } else { (1 << n) - 1 };
    let s = |x: u64| crate::ir::eval::sext(x, n) as i64;
    let r = match e {
        Expr::Lit(v) => *v as u64,
        Expr::Const(c) => b.constant(*c),
        Expr::Width => n as u64,
        Expr::Not(x) => !eval(x, n, b),
        Expr::Neg(x) => eval(x, n, b).wrapping_neg(),
        Expr::Fact(f, v) => b.fact(*f, *v),
        Expr::Bin(op, x, y) => {
            let x = eval(x, n, b);
            // The right side of && and || may only make sense if the left says so.
            match op {
                Bin::Land if x == 0 => return 0,
                Bin::Lor if x != 0 => return 1,
                _ => {}
            }
            bin(*op, x, eval(y, n, b), n)
        }
        Expr::Call(f, args) => {
            let a = |i: usize| eval(&args[i], n, b);
            match f {
                Func::Pow2 => a(0).is_power_of_two() as u64,
                Func::Ctz => a(0).trailing_zeros().min(n) as u64,
                Func::Clz => (a(0).leading_zeros() - (64 - n)) as u64,
                Func::Mask => {
                    let k = a(0);
                    if k >= n as u64 {
                        u64::MAX
                    } else {
                        (1 << k) - 1
                    }
                }
                Func::SaddOk => {
                    let sum = s(a(0)) as i128 + s(a(1)) as i128;
                    (sum >= -(1i128 << (n - 1)) && sum < 1i128 << (n - 1)) as u64
                }
                Func::UaddOk => (a(0) as u128 + a(1) as u128 <= mask as u128) as u64,
                Func::Slt => (s(a(0)) < s(a(1))) as u64,
                Func::Sle => (s(a(0)) <= s(a(1))) as u64,
                Func::Asr => (s(a(0)) >> a(1).min(63)) as u64,
                Func::LowMask => {
                    let x = a(0);
                    (x != 0 && x & x.wrapping_add(1) & mask == 0) as u64
                }
            }
        }
    };
    r & mask
}

fn bin(op: Bin, x: u64, y: u64, n: u32) -> u64 {
    match op {
        Bin::Add => x.wrapping_add(y),
        Bin::Sub => x.wrapping_sub(y),
        Bin::Mul => x.wrapping_mul(y),
        Bin::And => x & y,
        Bin::Or => x | y,
        Bin::Xor => x ^ y,
        Bin::Shl => {
            if y >= n as u64 {
                0
            } else {
                x << y
            }
        }
        Bin::Shr => {
            if y >= n as u64 {
                0
            } else {
                x >> y
            }
        }
        Bin::Eq => (x == y) as u64,
        Bin::Ne => (x != y) as u64,
        Bin::Lt => (x < y) as u64,
        Bin::Le => (x <= y) as u64,
        Bin::Gt => (x > y) as u64,
        Bin::Ge => (x >= y) as u64,
        Bin::Land => (x != 0 && y != 0) as u64,
        Bin::Lor => (x != 0 || y != 0) as u64,
    }
}
