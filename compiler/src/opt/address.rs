//! Addresses of linear memory and globals become machine addresses.
//!
//! In: accesses whose operand is an address of linear memory, and globals by number. Out: the same function, in place, with
//! accesses whose operand is a sum with a `sym`, so that sharing, motion and addressing modes see the base. The value that a
//! check yields stays the operand of the sum: no rule separates them. A constant address takes a base near it,
//! shared by its neighbours; a constant added to an address that needs no check joins the offset.

use crate::ir::ops::{SymKind, memory_of};
use crate::ir::{Base, Func, MACHINE, Memory, Module, Node, Op, Ty, Value};
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
            let seen = module.memory_of_global(i as u32).is_some();
            if g.import.is_some() || !g.exports.is_empty() || seen {
                layout.place.push((SymKind::Global as u32 + i as u32, 0));
            } else {
                layout.place.push((SymKind::Globals as u32, layout.size));
                layout.size += match on(Bug::GlobalsOverlap) {
                    true => 4,
                    false => 4 * g.ty.words(),
                };
            }
        }
        layout
    }
}

/// The immediate of a `sym`.
pub fn sym_imm(symbol: u32, offset: u32) -> i64 {
    (symbol as i64) << 32 | offset as i64
}

/// Largest offset of the immediate forms of loads and stores.
const REACH: u32 = 0xfff;

/// Rewrites all accesses of a function of words.
pub fn lower_addresses(f: &mut Func, globals: &GlobalLayout, memories: &[Memory]) {
    let symbol = |memory: u32| match memories.get(memory as usize) {
        Some(m) if m.base == Base::Identity => None,
        _ if on(Bug::FirstMemoryBase) => Some(SymKind::Memory as u32),
        _ => Some(SymKind::of_memory(memory)),
    };
    for b in 0..f.blocks.len() {
        for k in 0..f.blocks[b].insts.len() {
            let v = f.blocks[b].insts[k];
            let n = f.node(v);
            if n.op.is_load() || n.op.is_store() {
                let (addr, offset, memory) = (n.args[0], n.imm as u32, memory_of(n.imm));
                if memory == MACHINE {
                    continue;
                }
                let (base, offset) = match symbol(memory) {
                    Some(symbol) => address(f, symbol, addr, offset),
                    None => (addr, offset),
                };
                let lost = on(Bug::OffsetLost) && offset >= 0x800;
                let n = &mut f.nodes[v.0 as usize];
                n.args[0] = base;
                n.imm = (memory as i64) << 32 | if lost { offset & 0x7ff } else { offset } as i64;
            } else if matches!(n.op, Op::MemoryCopy | Op::MemoryFill) {
                let (to, from, copies) = (n.imm as u32, memory_of(n.imm), n.op == Op::MemoryCopy);
                for (k, memory) in [(0, to), (1, from)].into_iter().take(1 + copies as usize) {
                    if memory == MACHINE {
                        continue;
                    }
                    if let Some(symbol) = symbol(memory) {
                        let base = sym(f, symbol, 0);
                        let sum = f.float(Op::Add, Ty::I32, &[base, f.node(v).args[k]]);
                        f.nodes[v.0 as usize].args[k] = sum;
                    }
                }
            } else if matches!(n.op, Op::GlobalGet | Op::GlobalSet) {
                let (symbol, offset) = globals.place[n.imm as u32 as usize];
                let offset = offset + 4 * (n.imm >> 32) as u32;
                let near = offset & !REACH;
                let base = sym(f, symbol, near);
                let n = &mut f.nodes[v.0 as usize];
                n.op = if n.op == Op::GlobalGet {
                    Op::GlobalLoad
                } else {
                    Op::GlobalStore
                };
                n.args.insert(0, base);
                n.imm = (offset - near) as i64;
            }
        }
    }
}

fn sym(f: &mut Func, symbol: u32, offset: u32) -> Value {
    let v = f.float(Op::Sym, Ty::I32, &[]);
    f.nodes[v.0 as usize].imm = sym_imm(symbol, offset);
    v
}

/// Base and offset of an access to linear memory. Everything is modulo 2^32, as machine addresses are.
fn address(f: &mut Func, memory: u32, addr: Value, offset: u32) -> (Value, u32) {
    if let Some(c) = f.as_const(unguarded(f, addr)) {
        let at = (c as u32).wrapping_add(offset);
        // The checks before it still stand; the address is known all the same.
        return (sym(f, memory, at & !REACH), at & REACH);
    }
    let (addr, offset) = match f.node(addr) {
        Node {
            op: Op::Add, args, ..
        } if f.as_const(args[1]).is_some() => (
            args[0],
            offset.wrapping_add(f.as_const(args[1]).unwrap_or(0) as u32),
        ),
        _ => (addr, offset),
    };
    let near = if offset <= REACH - 4 { 0 } else { offset };
    let base = sym(f, memory, near);
    (f.float(Op::Add, Ty::I32, &[base, addr]), offset - near)
}

fn unguarded(f: &Func, mut v: Value) -> Value {
    while matches!(f.node(v).op, Op::Guard | Op::Assume) {
        v = f.node(v).args[0];
    }
    v
}
