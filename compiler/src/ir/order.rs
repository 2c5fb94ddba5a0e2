//! One legal order of all nodes that a function needs: what the printer prints and the interpreter executes.
//!
//! In: a function that [`super::verify`] accepts, its shape. Out: by block the pinned nodes and the floating ones that
//! something observable needs, constants included; parameters are not listed. A floating node stands in the deepest
//! block that dominates its uses, right before its first use there, or at the end if only other blocks use it.
//! Invariant: operands come before users. This is no schedule (the backend has its own, which moves nodes out of
//! loops): it shares nothing with the pass that it helps to judge.

use super::cfg::Cfg;
use super::func::{Block, Func, Value};
use super::ops::Class;

const NONE: Block = Block(u32::MAX);

/// Nodes in order, by block.
pub struct Order {
    /// By block; empty for unreachable ones.
    pub blocks: Vec<Vec<Value>>,
    /// Whether a live node, a pinned node or a terminator uses the value.
    pub used: Vec<bool>,
}

impl Order {
    /// Orders a function.
    pub fn new(f: &Func, cfg: &Cfg) -> Order {
        let mut used = vec![false; f.nodes.len()];
        let live = live_floats(f, cfg, &mut used);
        let place = places(f, cfg, &live);
        let mut waiting: Vec<Vec<Value>> = vec![Vec::new(); f.blocks.len()];
        for &v in &live {
            waiting[place[v.0 as usize].0 as usize].push(v);
        }
        let mut done = vec![false; f.nodes.len()];
        let mut blocks = vec![Vec::new(); f.blocks.len()];
        for &b in &cfg.rpo {
            let out = &mut blocks[b.0 as usize];
            for &v in &f.block(b).insts {
                for &a in &f.node(v).args {
                    emit(f, &place, b, a, &mut done, out);
                }
                out.push(v);
            }
            for a in term_uses(f, b).chain(std::mem::take(&mut waiting[b.0 as usize])) {
                emit(f, &place, b, a, &mut done, out);
            }
        }
        Order { blocks, used }
    }
}

/// Values that the terminator of a block uses, those of its edges included.
pub fn term_uses(f: &Func, b: Block) -> impl Iterator<Item = Value> + '_ {
    let t = &f.block(b).term;
    let edges = t.edges.iter().flat_map(|e| e.args.iter().copied());
    t.args.iter().copied().chain(edges)
}

/// Floating nodes that something pinned or a terminator needs, operands first.
fn live_floats(f: &Func, cfg: &Cfg, used: &mut [bool]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut stack: Vec<(Value, usize)> = Vec::new();
    for &b in &cfg.rpo {
        let pinned = f.block(b).insts.iter();
        let roots = pinned
            .flat_map(|&v| f.node(v).args.iter().copied())
            .chain(term_uses(f, b));
        for root in roots {
            if std::mem::replace(&mut used[root.0 as usize], true) || !f.floats(root) {
                continue;
            }
            stack.push((root, 0));
            while let Some((v, next)) = stack.last_mut() {
                let args = &f.node(*v).args;
                match args.get(*next) {
                    Some(&a) => {
                        *next += 1;
                        if !std::mem::replace(&mut used[a.0 as usize], true) && f.floats(a) {
                            stack.push((a, 0));
                        }
                    }
                    None => {
                        out.push(*v);
                        stack.pop();
                    }
                }
            }
        }
    }
    out
}

/// The deepest block that dominates all uses, for each live floating node.
fn places(f: &Func, cfg: &Cfg, live: &[Value]) -> Vec<Block> {
    let mut place = vec![NONE; f.nodes.len()];
    let meet = |place: &mut Vec<Block>, v: Value, b: Block| {
        let p = &mut place[v.0 as usize];
        *p = if *p == NONE {
            b
        } else {
            cfg.common_dominator(*p, b)
        };
    };
    for &b in &cfg.rpo {
        for &v in &f.block(b).insts {
            for &a in &f.node(v).args {
                meet(&mut place, a, b);
            }
        }
        for a in term_uses(f, b) {
            meet(&mut place, a, b);
        }
    }
    for &v in live.iter().rev() {
        let b = place[v.0 as usize];
        for &a in &f.node(v).args {
            meet(&mut place, a, b);
        }
    }
    place
}

/// Appends a value to its block `b` if it floats there and is not there yet, its operands first.
fn emit(f: &Func, place: &[Block], b: Block, root: Value, done: &mut [bool], out: &mut Vec<Value>) {
    let here = |v: Value| f.node(v).op.class() == Class::Float && place[v.0 as usize] == b;
    if !here(root) || std::mem::replace(&mut done[root.0 as usize], true) {
        return;
    }
    let mut stack = vec![(root, 0)];
    while let Some((v, next)) = stack.last_mut() {
        match f.node(*v).args.get(*next) {
            Some(&a) => {
                *next += 1;
                if here(a) && !std::mem::replace(&mut done[a.0 as usize], true) {
                    stack.push((a, 0));
                }
            }
            None => {
                out.push(*v);
                stack.pop();
            }
        }
    }
}
