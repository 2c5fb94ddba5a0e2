//! Every rule is judged by evaluating both sides: rewrite rules with the evaluator of the IR, lowering rules with the
//! executor of the instruction table. Nobody writes a test for a rule; a rule that was never instantiated fails.

mod draw;

use draw::Random;
use std::collections::BTreeMap;
use thumbsmith::Cpu;
use thumbsmith::backend::mir::{MInst, MOp};
use thumbsmith::backend::rules::{self as lowering, LowerRule, Operand};
use thumbsmith::choices::{Choices, Source};
use thumbsmith::ir::eval::eval;
use thumbsmith::ir::{Args, Func, Node, Op, Sig, Ty, Value};
use thumbsmith::isa::exec::{Bus, BusFault, Machine};
use thumbsmith::isa::{self, Inst, Place, Reg, Role};
use thumbsmith::opt::editor::Editor;
use thumbsmith::opt::facts::Fact;
use thumbsmith::opt::matcher::{Graph, width};
use thumbsmith::opt::rule::{Pat, Rule};
use thumbsmith::opt::rules as rewrites;

/// Instances of a rule after which it is believed.
const ENOUGH: u32 = 400;
/// Attempts to find instances.
const ATTEMPTS: u32 = 60_000;
/// Operand tuples for each instance.
const TUPLES: usize = 12;

/// A pattern being turned into nodes.
struct Instance<'a, 'b> {
    e: &'a mut Editor<'b>,
    random: &'a mut Random,
    vars: Vec<Option<Value>>,
    consts: Vec<Option<u64>>,
    /// Possible values of each variable, by node number.
    values: BTreeMap<u32, Vec<u64>>,
    drawn: Vec<u64>,
}

impl Instance<'_, '_> {
    /// A variable of this type with what is known of it: the values it may have.
    fn variable(&mut self, ty: Ty) -> Value {
        let bits = width(ty);
        let r = &mut *self.random;
        let (fact, values) = match r.below(5) {
            0 => (Fact::top(ty), (0..TUPLES).map(|_| r.value(bits)).collect()),
            1 => {
                let v: Vec<u64> = (0..=r.below(2) as u64).collect();
                (Fact::unsigned(ty, 0, v.len() as u64 - 1), v)
            }
            mode => {
                let near = r.related(bits, &self.drawn);
                let n = 1 + r.below(4);
                let one = |r: &mut Random| match mode {
                    2 => near.wrapping_add(r.below(9) as u64).wrapping_sub(4),
                    3 => r.next() >> (64 - 1 - r.below(bits as usize - 1)),
                    _ => r.related(bits, &[near]),
                };
                let v: Vec<u64> = (0..n).map(|_| one(r) & ty.mask()).collect();
                let facts = v.iter().map(|&v| Fact::constant(ty, v));
                let all = facts.reduce(|a, b| a.union(&b)).expect("there is one");
                (all.refine(ty), v)
            }
        };
        let block = Func::ENTRY;
        let v = self.e.param(block, ty, fact);
        self.values.insert(v.0, values);
        v
    }

    /// The type of the `T` of a row whose result is not `T`: what an operand has, or any.
    fn type_of_operands(&mut self, op: Op, args: &[Pat]) -> Ty {
        let typed = op
            .arg_sigs()
            .iter()
            .zip(args)
            .filter(|(s, _)| **s == Sig::T);
        for (_, a) in typed {
            match a {
                Pat::Var(v) => {
                    if let Some(v) = self.vars[*v as usize] {
                        return self.e.f.ty(v);
                    }
                }
                Pat::Op(op, _) => match op.ret_sig() {
                    Sig::I => return Ty::I32,
                    Sig::L => return Ty::I64,
                    Sig::T | Sig::P | Sig::V | Sig::A => {}
                },
                Pat::Const(_) | Pat::Lit(_) => {}
            }
        }
        self.random.pick(&[Ty::I32, Ty::I64])
    }

    /// Operands of an operation whose result has this type; `None` if types or order do not fit.
    fn operands(&mut self, op: Op, args: &[Pat], ty: Ty) -> Option<Args> {
        let t = match op.ret_sig() {
            Sig::T => ty,
            _ => self.type_of_operands(op, args),
        };
        let mut out = Args::new();
        for (sig, a) in op.arg_sigs().iter().zip(args) {
            let want = match sig {
                Sig::T => t,
                Sig::I => Ty::I32,
                Sig::L => Ty::I64,
                Sig::P => Ty::Pair,
                Sig::V | Sig::A => return None,
            };
            let shift = matches!(op, Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr);
            out.push(self.build(a, want, shift && out.len() == 1)?);
        }
        Some(out)
    }

    fn build(&mut self, p: &Pat, want: Ty, amount: bool) -> Option<Value> {
        match p {
            Pat::Var(i) => match self.vars[*i as usize] {
                Some(v) => (self.e.f.ty(v) == want).then_some(v),
                None => {
                    let v = self.variable(want);
                    self.vars[*i as usize] = Some(v);
                    Some(v)
                }
            },
            Pat::Const(i) => {
                let bits = width(want);
                let c = match self.consts[*i as usize] {
                    Some(c) => c,
                    // Amounts are below the width before any rule is tried.
                    None if amount => self.random.below(bits as usize) as u64,
                    None => self.random.related(bits, &self.drawn),
                };
                self.consts[*i as usize] = Some(c);
                self.drawn.push(c);
                (c & !want.mask() == 0).then(|| self.e.iconst(want, c))
            }
            Pat::Lit(v) => Some(self.e.iconst(want, *v as u64)),
            Pat::Op(op, args) => {
                let ty = match op.ret_sig() {
                    Sig::T => want,
                    Sig::I => Ty::I32,
                    Sig::L => Ty::I64,
                    Sig::P => Ty::Pair,
                    Sig::V | Sig::A => return None,
                };
                if ty != want {
                    return None;
                }
                let args = self.operands(*op, args, ty)?;
                Some(self.e.make(*op, ty, &args, 0, 0))
            }
        }
    }
}

/// Values of all nodes of a function of floating nodes, operands before users.
fn evaluate(f: &Func, params: &BTreeMap<u32, u64>) -> Vec<u64> {
    let mut out: Vec<u64> = Vec::with_capacity(f.nodes.len());
    for (i, n) in f.nodes.iter().enumerate() {
        out.push(match params.get(&(i as u32)) {
            Some(&v) => v,
            None => value_of(f, n, &out),
        });
    }
    out
}

fn value_of(f: &Func, n: &Node, values: &[u64]) -> u64 {
    let args: Vec<u64> = n.args.iter().map(|a| values[a.0 as usize]).collect();
    let arg_ty = n.args.first().map_or(n.ty, |&a| f.ty(a));
    eval(n.op, n.ty, arg_ty, &args, n.imm).expect("only floating nodes")
}

/// An editor that rewrites nothing, with a block to put nodes in.
fn editor<'a>(choices: &'a mut Choices, hits: &'a mut [u64]) -> Editor<'a> {
    let mut e = Editor::new(Vec::new(), 64, choices, hits, false, Cpu::CortexM3);
    e.f.add_block();
    e
}

/// Tries to make one instance of a rewrite rule; compares both sides. The width of its operands, if it matched.
fn rewrite_once(index: u16, rule: &Rule, random: &mut Random) -> Option<u32> {
    let mut choices = Choices::new(Source::Heuristic, None);
    let mut hits = vec![0; rewrites::table().all().len()];
    let mut e = editor(&mut choices, &mut hits);
    let root = rule.root();
    let Pat::Op(_, args) = &rule.pattern else {
        unreachable!("a rule's pattern is an operation")
    };
    let ty = match root.ret_sig() {
        Sig::T => random.pick(&[Ty::I32, Ty::I64]),
        Sig::L => Ty::I64,
        _ => Ty::I32,
    };
    let mut i = Instance {
        e: &mut e,
        random,
        vars: vec![None; rule.vars.len()],
        consts: vec![None; rule.consts.len()],
        values: BTreeMap::new(),
        drawn: Vec::new(),
    };
    let args = i.operands(root, args, ty)?;
    let values = std::mem::take(&mut i.values);
    let node = Node {
        op: root,
        ty,
        args,
        imm: 0,
        loc: 0,
    };
    let result = e.apply_rule(index, &node)?;
    assert_eq!(e.f.ty(result), ty, "{}: type of the result", rule.name);
    for _ in 0..TUPLES {
        let params = values.iter().map(|(&p, v)| (p, random.pick(v))).collect();
        let all = evaluate(&e.f, &params);
        let (left, right) = (value_of(&e.f, &node, &all), all[result.0 as usize]);
        assert_eq!(
            left, right,
            "{}\n  gives {right:#x} instead of {left:#x} where values are {params:x?} in {:#?}",
            rule.text, e.f.nodes
        );
    }
    Some(width(e.f.ty(node.args[0])))
}

#[test]
fn rewrite_rules_hold() {
    let mut random = Random(1);
    let mut silent = Vec::new();
    let mut instances = 0;
    for (i, rule) in rewrites::table().all().iter().enumerate() {
        let mut count = 0;
        for _ in 0..ATTEMPTS {
            count += u32::from(rewrite_once(i as u16, rule, &mut random).is_some());
            if count == ENOUGH {
                break;
            }
        }
        if count < 20 {
            silent.push(format!("{} ({count})", rule.name));
        }
        instances += count;
    }
    println!(
        "{} rewrite rules, {instances} instances",
        rewrites::table().all().len()
    );
    assert!(silent.is_empty(), "too few instances of {silent:?}");
}

/// Code alone, at address 0.
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

/// The core that has every instruction of a rule.
const CPU: Cpu = Cpu::CortexM4;
/// First register of temporaries and of the result.
const FIRST_TEMP: u8 = 4;
/// Registers of temporaries, taken in turns: no rule needs one for longer.
const TEMPS: u8 = 8;

/// The register of the result of instruction `k` of a rule.
fn temp(k: u8) -> Reg {
    Reg(FIRST_TEMP + k % TEMPS)
}

fn append(code: &mut Vec<u8>, inst: &Inst) {
    let wide = isa::encode_wide(inst, CPU, Place::Outside);
    let encoded = wide.or_else(|_| isa::encode(inst, CPU, Place::Outside));
    let encoded = encoded.unwrap_or_else(|e| panic!("{inst}: {e:?}"));
    for hw in encoded.halfwords() {
        code.extend_from_slice(&hw.to_le_bytes());
    }
}

/// Code of a rule: variables in `r0` and up, results of the instructions from [`FIRST_TEMP`] on.
fn assemble(rule: &LowerRule, insts: &[MInst]) -> Vec<u8> {
    let mut code = Vec::new();
    for (k, (m, t)) in insts.iter().zip(&rule.insts).enumerate() {
        let MOp::Isa(op) = m.op else {
            panic!("{}: {:?}", rule.name, m.op)
        };
        let def = temp(k as u8);
        let mut uses = t.uses.iter().map(|o| match o {
            Operand::Var(i) => Reg(*i),
            Operand::Temp(i) => {
                assert!(k - usize::from(*i) < TEMPS.into(), "{}", rule.name);
                temp(*i)
            }
        });
        let mut regs = Vec::new();
        for role in op.roles() {
            regs.push(match role {
                Role::Def => def,
                Role::Use => uses.next().expect("a use for each role"),
                Role::Tied => {
                    let from = uses.next().expect("a use for each role");
                    append(&mut code, &Inst::new(isa::Op::MovR, &[def, from], 0));
                    def
                }
            });
        }
        assert!(uses.next().is_none(), "{}: too many operands", rule.name);
        let mut inst = Inst::new(op, &regs, m.imm);
        (inst.s, inst.imm2, inst.shift) = (m.s, m.imm2, m.shift);
        append(&mut code, &inst);
    }
    code
}

/// Tries to make one instance of a lowering rule; compares what its instructions compute. Whether it matched.
fn lower_once(rule: &LowerRule, random: &mut Random) -> bool {
    let mut choices = Choices::new(Source::Heuristic, None);
    let mut hits = vec![0; rewrites::table().all().len()];
    let mut e = editor(&mut choices, &mut hits);
    let Pat::Op(root, args) = &rule.pattern else {
        unreachable!("a rule's pattern is an operation")
    };
    let mut i = Instance {
        e: &mut e,
        random,
        vars: vec![None; 6],
        consts: vec![None; 6],
        values: BTreeMap::new(),
        drawn: Vec::new(),
    };
    // Lowering sees words only.
    let Some(args) = i.operands(*root, args, Ty::I32) else {
        return false;
    };
    let node = Node {
        op: *root,
        ty: Ty::I32,
        args,
        imm: 0,
        loc: 0,
    };
    if e.f.nodes.iter().any(|n| n.ty != Ty::I32) {
        return false;
    }
    let graph = Graph {
        f: &e.f,
        facts: &[],
        enter: &|_| true,
    };
    let found = graph.matches_pattern(&rule.pattern, rule.condition.as_ref(), &node);
    let Some(bound) = found else { return false };
    let Some(insts) = lowering::instantiate(rule, &bound, CPU) else {
        return false;
    };
    let code = assemble(rule, &insts);
    let mut machine = Machine::new(CPU);
    let end = code.len() as u32;
    let mut bus = Code(code);
    for _ in 0..TUPLES {
        let is_param = |v: &Value| e.f.node(*v).op == Op::Param;
        let params: BTreeMap<u32, u64> = (0..e.f.nodes.len() as u32)
            .filter(|v| is_param(&Value(*v)))
            .map(|v| (v, random.value(32)))
            .collect();
        let all = evaluate(&e.f, &params);
        machine.r = [0xdead_beef; 16];
        for (k, v) in bound.vars.iter().enumerate().take(FIRST_TEMP as usize) {
            machine.r[k] = all[v.0 as usize] as u32;
        }
        machine.r[15] = 0;
        machine.run(&mut bus, end, 100).expect("the code runs");
        let got = machine.r[temp(insts.len() as u8 - 1).0 as usize];
        let want = value_of(&e.f, &node, &all) as u32;
        assert_eq!(
            got, want,
            "{}\n  computes {got:#x} instead of {want:#x} where values are {params:x?} in {:#?}\n{insts:#?}",
            rule.text, e.f.nodes
        );
    }
    true
}

#[test]
fn lowering_rules_hold() {
    let mut random = Random(2);
    let mut silent = Vec::new();
    let mut instances = 0;
    for rule in lowering::table().all() {
        let mut count = 0;
        for _ in 0..ATTEMPTS {
            count += u32::from(lower_once(rule, &mut random));
            if count == ENOUGH {
                break;
            }
        }
        if count < 20 {
            silent.push(format!("{} ({count})", rule.name));
        }
        instances += count;
    }
    println!(
        "{} lowering rules, {instances} instances",
        lowering::table().all().len()
    );
    assert!(silent.is_empty(), "too few instances of {silent:?}");
}
