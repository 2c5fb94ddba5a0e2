//! Inlining: calls of small functions, and of functions called once, become their bodies.
//!
//! In: a function, bodies of its callees, already simplified. Out: the function with some calls replaced. The block of
//! the call is cut behind it; the callee's blocks stand between, its parameters are the operands, its returns jump to
//! the rest with the results. Nothing is renamed in the caller but the projections of the call.

use crate::ir::{Args, Block, Edge, Func, Node, Op, Term, TermOp, Ty, Value};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// How many nodes a function has that are worth counting: everything but constants and parameters.
pub fn size(f: &Func) -> usize {
    let pinned: usize = f.blocks.iter().map(|b| b.insts.len() + 1).sum();
    let floating = f
        .nodes
        .iter()
        .filter(|n| !matches!(n.op, Op::Const | Op::Param | Op::Proj) && f_floats(n.op))
        .count();
    pinned + floating
}

fn f_floats(op: Op) -> bool {
    op.class() == crate::ir::Class::Float
}

/// Inlines every call for which `body` gives one. Returns whether anything changed.
pub fn inline(f: &mut Func, mut body: impl FnMut(u32) -> Option<std::rc::Rc<Func>>) -> bool {
    let mut renamed: FxHashMap<Value, Value> = FxHashMap::default();
    // (call, result) to the value that stands for it.
    let mut results: FxHashMap<(Value, i64), Value> = FxHashMap::default();
    // Calls that became bodies, and the parameters of those.
    let mut gone: Vec<Value> = Vec::new();
    let mut b = 0;
    while b < f.blocks.len() {
        let at = f.blocks[b]
            .insts
            .iter()
            .position(|&v| f.node(v).op == Op::Call);
        let mut from = at;
        // Look at each call of the block in turn; a cut leaves the later ones to the block behind it.
        while let Some(i) = from {
            let call = f.blocks[b].insts[i];
            if let Some(callee) = body(f.node(call).imm as u32) {
                gone.push(call);
                gone.extend(splice(f, Block(b as u32), i, &callee, &mut results));
                break;
            }
            from = f.blocks[b].insts[i + 1..]
                .iter()
                .position(|&v| f.node(v).op == Op::Call)
                .map(|k| i + 1 + k);
        }
        b += 1;
    }
    if gone.is_empty() {
        return false;
    }
    for (i, n) in f.nodes.iter().enumerate() {
        if n.op == Op::Proj
            && let Some(&v) = results.get(&(n.args[0], n.imm))
        {
            renamed.insert(Value(i as u32), v);
        }
    }
    rename(f, &renamed);
    for v in renamed
        .keys()
        .chain(results.keys().map(|(call, _)| call))
        .chain(&gone)
    {
        bury(f, *v);
    }
    true
}

/// A node that nothing uses any more becomes a constant, which may stand anywhere.
fn bury(f: &mut Func, v: Value) {
    let n = &mut f.nodes[v.0 as usize];
    let ty = if n.ty == Ty::I64 { Ty::I64 } else { Ty::I32 };
    *n = Node {
        op: Op::Const,
        ty,
        args: Args::new(),
        imm: 0,
        loc: 0,
    };
}

/// Replaces values everywhere.
fn rename(f: &mut Func, renamed: &FxHashMap<Value, Value>) {
    let new = |v: &mut Value| {
        while let Some(&n) = renamed.get(v) {
            *v = n;
        }
    };
    for n in &mut f.nodes {
        n.args.iter_mut().for_each(new);
    }
    for b in &mut f.blocks {
        b.term.args.iter_mut().for_each(new);
        b.term
            .edges
            .iter_mut()
            .flat_map(|e| e.args.iter_mut())
            .for_each(new);
    }
}

fn splice(
    f: &mut Func,
    b: Block,
    at: usize,
    callee: &Func,
    results: &mut FxHashMap<(Value, i64), Value>,
) -> Vec<Value> {
    let call = f.block(b).insts[at];
    let rest = f.add_block();
    let data = f.block_mut(b);
    let after = data.insts.split_off(at + 1);
    data.insts.pop();
    let term = std::mem::replace(
        &mut data.term,
        Term::trap(crate::trap::TrapKind::Unreachable, 0),
    );
    let d = f.block_mut(rest);
    (d.insts, d.term) = (after, term);
    for (i, &ty) in callee.results.iter().enumerate() {
        let p = f.add_param(rest, ty);
        results.insert((call, i as i64), p);
    }
    let args = f.node(call).args.clone();
    copy_body(f, b, rest, callee, &args)
}

/// Puts a call at the end of a block, for a terminator that is one; gives its results.
fn call_in_block(
    f: &mut Func,
    block: Block,
    term: &Term,
    args: &[Value],
    results: &[Ty],
) -> Vec<Value> {
    let (op, imm) = match term.op {
        TermOp::TailCall(callee) => (Op::Call, callee),
        TermOp::TailCallIndirect(ty) => (Op::CallIndirect, ty),
        TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Return | TermOp::Trap(_) => {
            unreachable!("no call")
        }
    };
    let call = f.pin(block, op, Ty::Void, args, i64::from(imm), term.loc);
    let result = |(i, &ty): (usize, &Ty)| {
        let v = f.float(Op::Proj, ty, &[call]);
        f.nodes[v.0 as usize].imm = i as i64;
        v
    };
    results.iter().enumerate().map(result).collect()
}

/// Copies the callee's blocks; its entry is appended to `b`, its returns jump to `rest`. Returns the copies of its
/// parameters, which nothing uses.
fn copy_body(f: &mut Func, b: Block, rest: Block, callee: &Func, args: &[Value]) -> Vec<Value> {
    let blocks: Vec<Block> = (0..callee.blocks.len())
        .map(|i| if i == 0 { b } else { f.add_block() })
        .collect();
    // Nodes refer only to earlier nodes or to parameters, except through parameters; so number them first.
    let base = f.nodes.len() as u32;
    let entry = &callee.blocks[0].params;
    let map = |v: Value| Value(base + v.0);
    for n in &callee.nodes {
        let mut n = n.clone();
        n.args = n.args.iter().map(|&a| map(a)).collect::<Args>();
        if n.op == Op::Param {
            n.imm = blocks[n.imm as usize].0 as i64;
        }
        f.add_node(n);
    }
    let renamed: FxHashMap<Value, Value> =
        entry.iter().zip(args).map(|(&p, &a)| (map(p), a)).collect();
    let value = |v: Value| renamed.get(&map(v)).copied().unwrap_or(map(v));
    for n in &mut f.nodes[base as usize..] {
        n.args
            .iter_mut()
            .for_each(|a| *a = renamed.get(a).copied().unwrap_or(*a));
    }
    for (i, d) in callee.blocks.iter().enumerate() {
        let to = blocks[i];
        let insts: Vec<Value> = d.insts.iter().map(|&v| map(v)).collect();
        if i > 0 {
            f.block_mut(to).params = d.params.iter().map(|&p| map(p)).collect();
        }
        f.block_mut(to).insts.extend(insts);
        let targs: SmallVec<[Value; 2]> = d.term.args.iter().map(|&a| value(a)).collect();
        f.block_mut(to).term = match d.term.op {
            TermOp::Return => Term {
                loc: d.term.loc,
                ..Term::jump(rest, targs)
            },
            // What was called in the place of the callee is called by the caller, for whom more comes after it.
            TermOp::TailCall(_) | TermOp::TailCallIndirect(_) => {
                let results = call_in_block(f, to, &d.term, &targs, &callee.results);
                Term::jump(rest, results)
            }
            op => {
                let edge = |e: &Edge| Edge {
                    to: blocks[e.to.0 as usize],
                    args: e.args.iter().map(|&a| value(a)).collect(),
                };
                Term {
                    op,
                    args: targs,
                    edges: d.term.edges.iter().map(edge).collect(),
                    loc: d.term.loc,
                }
            }
        };
    }
    renamed.into_keys().collect()
}
