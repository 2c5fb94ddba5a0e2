//! The lowering rules: one line each, a pattern over floating nodes and the instructions that compute it.
//!
//! A line is `name: pattern => instructions if condition`. Patterns and conditions are those of [`crate::opt::rule`].
//! Instructions are separated by `;`; each is `[t =] Op operands`, where `Op` is a name of the instruction table
//! (`Op.s` sets the flags), operands are names of the pattern or of earlier instructions, `#expr` is an immediate (a second
//! one the width of a field) and `lsl expr` and its kind a shift of the last register. The last instruction gives the
//! result. A rule with an immediate applies only if the instruction can have it, so no rule states ranges again.
//! A pattern looks only into operands that stand in the same block and that nothing else uses.
//! Order matters within one root operation: the first that matches wins.

use super::mir::{MInst, MOp};
use crate::isa::{self, Op, Shift, ShiftKind};
use crate::opt::matcher::{Bound, View};
use crate::opt::rule::{self, Expr, Pat, parse_expr, parse_pattern};
use crate::opt::ruleset::{Group, Line, Table};
use crate::options::Cpu;
use std::sync::OnceLock;

#[rustfmt::skip]
pub(crate) const GROUPS: &[Group] = &[
    ("sums", &[
        "add-imm: (add x C) => AddI x #C",
        "add-imm-neg: (add x C) => SubI x #{-C}",
        "mla: (add a (mul x y)) => Mla x y a",
        "add-lsl: (add x (shl y K)) => AddR x y lsl K",
        "add-lsr: (add x (shr_u y K)) => AddR x y lsr K if K > 0",
        "add-asr: (add x (shr_s y K)) => AddR x y asr K if K > 0",
        "uxtab: (add x (and y 255)) => Uxtab x y",
        "uxtah: (add x (and y 0xffff)) => Uxtah x y",
        "sxtab: (add x (sext8 y)) => Sxtab x y",
        "sxtah: (add x (sext16 y)) => Sxtah x y",
        "add: (add x y) => AddR x y",
        "rsb-imm: (sub C x) => RsbI x #C",
        "mls: (sub a (mul x y)) => Mls x y a",
        "sub-lsl: (sub x (shl y K)) => SubR x y lsl K",
        "sub-lsr: (sub x (shr_u y K)) => SubR x y lsr K if K > 0",
        "sub-asr: (sub x (shr_s y K)) => SubR x y asr K if K > 0",
        "rsb-lsl: (sub (shl y K) x) => RsbR x y lsl K",
        "sub: (sub x y) => SubR x y",
    ]),
    ("products", &[
        "mul-pow2-plus-one: (mul x C) => AddR x x lsl {ctz(C - 1)} if C > 2 && pow2(C - 1)",
        "mul-pow2-minus-one: (mul x C) => RsbR x x lsl {ctz(C + 1)} if C + 1 > 2 && pow2(C + 1)",
        "mul: (mul x y) => Mul x y",
    ]),
    ("logic", &[
        "uxtb: (and x 255) => Uxtb x",
        "uxth: (and x 0xffff) => Uxth x",
        "ubfx: (and (shr_u x K) C) => Ubfx x #K #{N - clz(C)} if low_mask(C) && K > 0 && K + N - clz(C) <= N",
        "and-imm: (and x C) => AndI x #C",
        "bic-imm: (and x C) => BicI x #{!C}",
        "ubfx-low: (and x C) => Ubfx x #0 #{N - clz(C)} if low_mask(C)",
        "bfc-high: (and x C) => Bfc x #{ctz(!C)} #{N - clz(!C) - ctz(!C)} if C != -1 && low_mask(!C >> ctz(!C))",
        "bic: (and x (xor y -1)) => BicR x y",
        "and-lsl: (and x (shl y K)) => AndR x y lsl K",
        "and-lsr: (and x (shr_u y K)) => AndR x y lsr K if K > 0",
        "and-asr: (and x (shr_s y K)) => AndR x y asr K if K > 0",
        "and: (and x y) => AndR x y",
        "bfi: (or (and x A) (and y B)) => Bfi x y #0 #{N - clz(B)} if low_mask(B) && A == !B && B != -1",
        "bfi-shl: (or (and x A) (shl (and y B) K)) => Bfi x y #K #{N - clz(B)} if low_mask(B) && A == !(B << K) && K + N - clz(B) <= N",
        "pack-top: (or (and x A) (shl y K)) => Bfi x y #K #{N - K} if K > 0 && A == mask(K)",
        "orr-imm: (or x C) => OrrI x #C",
        "orn-imm: (or x C) => OrnI x #{!C}",
        "orn: (or x (xor y -1)) => OrnR x y",
        "orr-lsl: (or x (shl y K)) => OrrR x y lsl K",
        "orr-lsr: (or x (shr_u y K)) => OrrR x y lsr K if K > 0",
        "orr-asr: (or x (shr_s y K)) => OrrR x y asr K if K > 0",
        "orr: (or x y) => OrrR x y",
        "mvn: (xor x -1) => MvnR x",
        "eor-imm: (xor x C) => EorI x #C",
        "eor-lsl: (xor x (shl y K)) => EorR x y lsl K",
        "eor-lsr: (xor x (shr_u y K)) => EorR x y lsr K if K > 0",
        "eor-asr: (xor x (shr_s y K)) => EorR x y asr K if K > 0",
        "eor: (xor x y) => EorR x y",
    ]),
    ("shifts", &[
        // A register amount counts by its low byte, and shifts of 32 and more shift everything out.
        "lsl-imm: (shl x K) => LslI x #K if K > 0",
        "ubfx-shifts: (shr_u (shl x A) B) => Ubfx x #{B - A} #{N - B} if B >= A && B > 0",
        "lsr-imm: (shr_u x K) => LsrI x #K if K > 0",
        "sbfx-shifts: (shr_s (shl x A) B) => Sbfx x #{B - A} #{N - B} if B >= A && B > 0",
        "asr-imm: (shr_s x K) => AsrI x #K if K > 0",
        "ror-imm: (rotr x K) => RorI x #K if K > 0",
        "rol-imm: (rotl x K) => RorI x #{N - K} if K > 0",
        "lsl-masked: (shl x (and y 31)) => k = AndI y #31; LslR x k",
        "lsl: (shl x y) => k = AndI y #31; LslR x k",
        "lsr: (shr_u x y) => k = AndI y #31; LsrR x k",
        "asr: (shr_s x y) => k = AndI y #31; AsrR x k",
        "ror: (rotr x y) => RorR x y",
        "rol: (rotl x y) => k = RsbI y #32; RorR x k",
    ]),
    ("division", &[
        "udiv: (div_u x y) => Udiv x y",
        "sdiv: (div_s x y) => Sdiv x y",
        "urem: (rem_u x y) => q = Udiv x y; Mls q y x",
        "srem: (rem_s x y) => q = Sdiv x y; Mls q y x",
    ]),
    ("bits", &[
        "clz: (clz x) => Clz x",
        "ctz: (ctz x) => r = Rbit x; Clz r",
        "sbfx8: (sext8 (shr_u x K)) => Sbfx x #K #8 if K > 0 && K + 8 <= N",
        "sext8: (sext8 x) => Sxtb x",
        "sbfx16: (sext16 (shr_u x K)) => Sbfx x #K #16 if K > 0 && K + 16 <= N",
        "sext16: (sext16 x) => Sxth x",
        "popcnt: (popcnt x) => a = LsrI x #1; b = AndI a #0x55555555; c = SubR x b; d = AndI c #0x33333333; e = LsrI c #2; f = AndI e #0x33333333; g = AddR d f; h = AddR g g lsr 4; i = AndI h #0x0f0f0f0f; j = AddR i i lsl 8; k = AddR j j lsl 16; LsrI k #24",
    ]),
    ("comparisons", &[
        // Those that are not here make flags and a conditional move.
        "eq-zero: (eq x 0) => z = Clz x; LsrI z #5",
        "eq: (eq x y) => d = SubR x y; z = Clz d; LsrI z #5",
        "ne-zero: (ne x 0) => d = SubI.s x #1; SbcR x d",
        "lt-zero: (lt_s x 0) => LsrI x #31",
    ]),
];

/// A register operand of an instruction of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// A value that the pattern bound.
    Var(u8),
    /// The result of an earlier instruction of the rule.
    Temp(u8),
}

/// An instruction of a rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    /// The operation.
    pub op: Op,
    /// Whether it sets the flags.
    pub s: bool,
    /// Its uses, in role order.
    pub uses: Vec<Operand>,
    /// Its immediate.
    pub imm: Option<Expr>,
    /// The width of its field.
    pub imm2: Option<Expr>,
    /// The shift of its last register.
    pub shift: Option<(ShiftKind, Expr)>,
}

/// A lowering rule.
#[derive(Clone, PartialEq, Debug)]
pub struct LowerRule {
    /// Its name.
    pub name: &'static str,
    /// Its line.
    pub text: &'static str,
    /// What it computes.
    pub pattern: Pat,
    /// When.
    pub condition: Option<Expr>,
    /// How; the last one gives the result, the ones before it temporaries in order.
    pub insts: Vec<Template>,
}

impl Line for LowerRule {
    fn parse(text: &'static str) -> Result<LowerRule, String> {
        parse(text)
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn pattern(&self) -> &Pat {
        &self.pattern
    }
}

/// Parses a line.
///
/// # Errors
/// What is wrong, in words.
pub fn parse(text: &'static str) -> Result<LowerRule, String> {
    let (name, rest) = text.split_once(':').ok_or("no name")?;
    let (pattern, rest) = rest.split_once("=>").ok_or("no =>")?;
    let (insts, condition) = match rest.split_once(" if ") {
        Some((i, c)) => (i, Some(c)),
        None => (rest, None),
    };
    let (mut vars, mut consts) = (Vec::new(), Vec::new());
    let pattern = parse_pattern(pattern, &mut vars, &mut consts)?;
    let bound = (vars.len(), consts.len());
    let condition = condition
        .map(|c| parse_expr(c, &mut vars, &mut consts))
        .transpose()?;
    let mut temps: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for inst in insts.split(';') {
        let (temp, body) = match inst.split_once(" = ") {
            Some((t, b)) => (Some(t.trim()), b),
            None => (None, inst),
        };
        out.push(template(body, &mut vars, &mut consts, &temps)?);
        temps.extend(temp);
    }
    if out.len() != temps.len() + 1 {
        return Err(format!(
            "{name}: every instruction but the last needs a name"
        ));
    }
    if (vars.len(), consts.len()) != bound {
        return Err(format!("{name}: a name that the pattern does not bind"));
    }
    Ok(LowerRule {
        name: name.trim(),
        text,
        pattern,
        condition,
        insts: out,
    })
}

fn template(
    body: &'static str,
    vars: &mut Vec<&'static str>,
    consts: &mut Vec<&'static str>,
    temps: &[&str],
) -> Result<Template, String> {
    let mut words = words(body).into_iter();
    let op = words.next().ok_or("no operation")?;
    let (op, s) = match op.strip_suffix(".s") {
        Some(o) => (o, true),
        None => (op, false),
    };
    let op = Op::ALL
        .iter()
        .copied()
        .find(|o| o.name() == op)
        .ok_or_else(|| format!("`{op}` is no instruction"))?;
    let mut t = Template {
        op,
        s,
        uses: Vec::new(),
        imm: None,
        imm2: None,
        shift: None,
    };
    while let Some(w) = words.next() {
        let mut expr = |w: &'static str| {
            let w = w
                .strip_prefix('{')
                .and_then(|w| w.strip_suffix('}'))
                .unwrap_or(w);
            parse_expr(w, vars, consts)
        };
        let kind = match w {
            "lsl" => Some(ShiftKind::Lsl),
            "lsr" => Some(ShiftKind::Lsr),
            "asr" => Some(ShiftKind::Asr),
            "ror" => Some(ShiftKind::Ror),
            _ => None,
        };
        if let Some(kind) = kind {
            t.shift = Some((kind, expr(words.next().ok_or("a shift without amount")?)?));
        } else if let Some(e) = w.strip_prefix('#') {
            let e = Some(expr(e)?);
            if t.imm.is_none() {
                t.imm = e
            } else {
                t.imm2 = e
            }
        } else if let Some(i) = vars.iter().position(|v| *v == w) {
            t.uses.push(Operand::Var(i as u8));
        } else if let Some(i) = temps.iter().position(|v| *v == w) {
            t.uses.push(Operand::Temp(i as u8));
        } else {
            return Err(format!("`{w}` is not bound"));
        }
    }
    Ok(t)
}

/// Words separated by spaces outside of braces.
fn words(text: &'static str) -> Vec<&'static str> {
    let mut out = Vec::new();
    let (mut start, mut depth) = (None, 0);
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (c == ' ' && depth == 0, start) {
            (true, Some(s)) => {
                out.push(&text[s..i]);
                start = None;
            }
            (false, None) => start = Some(i),
            _ => {}
        }
    }
    out.extend(start.map(|s| &text[s..]));
    out
}

/// The instructions of a rule without registers, or `None` if one cannot be encoded for this core.
pub fn instantiate(r: &LowerRule, bound: &Bound, cpu: Cpu) -> Option<Vec<MInst>> {
    let view = View { bound, facts: &[] };
    let number = |e: &Expr| rule::eval(e, 32, &view) as u32;
    let mut out = Vec::with_capacity(r.insts.len());
    for t in &r.insts {
        let mut m = MInst::new(MOp::Isa(t.op), &[], &[]);
        m.s = t.s;
        if !isa::table::forms(t.op).iter().any(|f| f.exists_on(cpu)) {
            return None;
        }
        if let Some(e) = &t.imm {
            m.imm = number(e) as i32;
            m.imm2 = t.imm2.as_ref().map_or(0, |e| number(e) as u8);
            let field = matches!(t.op, Op::Ubfx | Op::Sbfx | Op::Bfi | Op::Bfc);
            if !field && !isa::fits(t.op, m.imm, t.s) {
                return None;
            }
        }
        if let Some((kind, e)) = &t.shift {
            m.shift = Shift {
                kind: *kind,
                amount: number(e) as u8,
            };
        }
        out.push(m);
    }
    Some(out)
}

/// The table, parsed once.
pub fn table() -> &'static Table<LowerRule> {
    static TABLE: OnceLock<Table<LowerRule>> = OnceLock::new();
    TABLE.get_or_init(|| Table::new(GROUPS))
}
