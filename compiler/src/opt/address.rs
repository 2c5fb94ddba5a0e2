//! Addresses of linear memory and globals become machine addresses.
//!
//! In: accesses whose operand is an address of linear memory, and globals by number. Out: accesses whose operand is
//! a sum with a `sym`, so that sharing, motion and addressing modes see the base. The value that a check yields stays the
//! operand of the sum: no rule separates them. A constant address takes a base near it, shared by its neighbours.

use super::editor::Editor;
use crate::choices::Choices;
use crate::ir::ops::SymKind;
use crate::ir::{Args, Block, Cfg, Edge, Func, Module, Node, Op, Term, Ty, Value};
use crate::seeded::{Bug, on};

/// Where global variables are.
#[derive(Clone, Debug, Default)]
pub struct GlobalLayout {
    /// By global: the symbol number of a `sym`, and the byte offset from it.
    pub place: Vec<(u32, u32)>,
    /// Bytes of the module's own variables.
    pub size: u32,
}

impl GlobalLayout {
    /// Globals that others see get symbols of their own; the rest lie side by side.
    pub fn new(module: &Module) -> GlobalLayout {
        let mut layout = GlobalLayout::default();
        for (i, g) in module.globals.iter().enumerate() {
            let pages = module.memory.as_ref().and_then(|m| m.pages_global) == Some(i as u32);
            if g.import.is_some() || !g.exports.is_empty() || pages {
                layout.place.push((SymKind::Global as u32 + i as u32, 0));
            } else {
                layout.place.push((SymKind::Globals as u32, layout.size));
                layout.size += 4 * g.ty.words();
            }
        }
        layout
    }
}

/// Rewrites all accesses of a function.
pub fn lower_addresses(
    old: &Func,
    globals: &GlobalLayout,
    choices: &mut Choices,
    hits: &mut [u64],
    rewrite: bool,
) -> Func {
    let cfg = Cfg::new(old);
    let mut a = Addresses {
        old,
        globals,
        e: Editor::new(old.results.clone(), choices, hits, rewrite),
        map: vec![None; old.nodes.len()],
    };
    let mut blocks = vec![Block(0); old.blocks.len()];
    for &b in &cfg.rpo {
        let n = a.e.f.add_block();
        blocks[b.0 as usize] = n;
        for &p in &old.block(b).params {
            a.map[p.0 as usize] = Some(a.e.param(n, Ty::I32, super::facts::Fact::top(Ty::I32)));
        }
    }
    for &b in &cfg.rpo {
        let n = blocks[b.0 as usize];
        let d = old.block(b);
        for &v in &d.insts {
            a.pinned(n, v);
        }
        let args = d.term.args.iter().map(|&v| a.value(v)).collect();
        let edges = d.term.edges.iter();
        let edges = edges
            .map(|e| Edge {
                to: blocks[e.to.0 as usize],
                args: e.args.iter().map(|&v| a.value(v)).collect(),
            })
            .collect();
        a.e.f.block_mut(n).term = Term {
            op: d.term.op,
            args,
            edges,
            loc: d.term.loc,
        };
    }
    a.e.f
}

struct Addresses<'a, 'b> {
    old: &'a Func,
    globals: &'a GlobalLayout,
    e: Editor<'b>,
    map: Vec<Option<Value>>,
}

/// The immediate of a `sym`.
pub fn sym_imm(symbol: u32, offset: u32) -> i64 {
    (symbol as i64) << 32 | offset as i64
}

impl Addresses<'_, '_> {
    fn value(&mut self, v: Value) -> Value {
        let mut stack = vec![v];
        while let Some(&top) = stack.last() {
            if self.map[top.0 as usize].is_some() {
                stack.pop();
                continue;
            }
            let n = self.old.node(top);
            let before = stack.len();
            stack.extend(
                n.args
                    .iter()
                    .copied()
                    .filter(|a| self.map[a.0 as usize].is_none()),
            );
            if stack.len() == before {
                stack.pop();
                let args: Args = n
                    .args
                    .iter()
                    .map(|a| self.map[a.0 as usize].expect("operands first"))
                    .collect();
                self.map[top.0 as usize] = Some(self.e.make(n.op, n.ty, &args, n.imm, n.loc));
            }
        }
        self.map[v.0 as usize].expect("just made")
    }

    fn sym(&mut self, symbol: u32, offset: u32) -> Value {
        self.e
            .make(Op::Sym, Ty::I32, &[], sym_imm(symbol, offset), 0)
    }

    /// Base and offset of an access to linear memory.
    fn address(&mut self, addr: Value, offset: u32) -> (Value, u32) {
        if let Some(c) = self.e.f.as_const(self.unguarded(addr)) {
            let at = (c as u32).wrapping_add(offset);
            // The checks before it still stand; the address is known all the same.
            return (self.sym(SymKind::Memory as u32, at & !0xfff), at & 0xfff);
        }
        let near = if offset <= 0xfff - 4 { 0 } else { offset };
        let base = self.sym(SymKind::Memory as u32, near);
        let sum = self.e.make(Op::Add, Ty::I32, &[base, addr], 0, 0);
        (sum, offset - near)
    }

    fn unguarded(&self, mut v: Value) -> Value {
        while matches!(self.e.f.node(v).op, Op::Guard | Op::Assume) {
            v = self.e.f.node(v).args[0];
        }
        v
    }

    fn pinned(&mut self, block: Block, v: Value) {
        let n = self.old.node(v);
        let mut args: Args = n.args.iter().map(|&a| self.value(a)).collect();
        let mut node = n.clone();
        if n.op.is_load() || n.op.is_store() {
            let (base, offset) = self.address(args[0], n.imm as u32);
            args[0] = base;
            node.imm = offset as i64;
            if on(Bug::OffsetLost) && offset >= 0x800 {
                node.imm = (offset & 0x7ff) as i64;
            }
        } else if matches!(n.op, Op::GlobalGet | Op::GlobalSet) {
            let (symbol, offset) = self.globals.place[n.imm as u32 as usize];
            let offset = offset + 4 * (n.imm >> 32) as u32;
            let near = offset & !0xfff;
            args.insert(0, self.sym(symbol, near));
            node.op = if n.op == Op::GlobalGet {
                Op::GlobalLoad
            } else {
                Op::GlobalStore
            };
            node.imm = (offset - near) as i64;
        }
        let new = self.e.pin(block, Node { args, ..node });
        self.map[v.0 as usize] = Some(new);
    }
}
