//! Tables and references in function bodies: calls by reference, tail calls, and what reads or changes a table.
//!
//! In: an operator. Out: IR over machine addresses outside of linear memory: a table is a run of words, a reference the
//! address of a function's code (or a handle of the host), null is 0. What is known of a table decides what a call through it
//! checks ([`super::references`]). Invariant: as for memory, the index that was checked is the one that is used. Guarded by
//! the oracle's family `tables`.

use super::references::{References, Target};
use super::translate::Translator;
use crate::error::Result;
use crate::ir::ops::SymKind;
use crate::ir::{ElemMode, Entry, FuncType, GlobalInit, Op, Table, Term, TermOp, Ty, Value};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use smallvec::SmallVec;
use wasmparser as wp;

/// What a call by reference goes to, after its checks.
enum Callee {
    /// This function.
    Func(u32),
    /// What this refers to.
    Reference(Value),
}

impl References {
    /// Translates an operator on tables or references; `false` if it is none.
    ///
    /// # Errors
    /// `Unsupported` for references to anything but functions and what the host knows.
    pub(super) fn operator(
        &self,
        t: &mut Translator<'_>,
        op: &wp::Operator<'_>,
        at: u64,
    ) -> Result<bool> {
        use wp::Operator as O;
        match *op {
            O::RefNull { hty } => {
                super::decode::value_type(
                    wp::RefType::new(true, hty).map_or(wp::ValType::V128, wp::ValType::Ref),
                    at,
                )?;
                let null = t.iconst(Ty::I32, 0);
                t.push(null);
            }
            O::RefIsNull => {
                let (r, null) = (t.pop(), t.iconst(Ty::I32, 0));
                let v = t.float(Op::Eq, Ty::I32, &[r, null]);
                t.push(v);
            }
            O::RefFunc { function_index } => {
                let v = self.function(t, function_index);
                t.push(v);
            }
            O::CallIndirect {
                type_index,
                table_index,
            } => self.call(t, table_index, self.number(type_index)),
            O::ReturnCall { function_index } => self.return_call(t, function_index),
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(t, table_index, self.number(type_index)),
            O::TableSize { table } => {
                let v = self.size(t, table);
                t.push(v);
            }
            O::TableGet { table } => {
                let index = t.pop();
                let place = self.checked_place(t, table, index, TrapKind::TableOutOfBounds);
                let v = t.pin(Op::GlobalLoad, Ty::I32, &[place], 0);
                t.push(v);
            }
            O::TableSet { table } => {
                let (v, index) = (t.pop(), t.pop());
                let place = self.checked_place(t, table, index, TrapKind::TableOutOfBounds);
                t.pin(Op::GlobalStore, Ty::Void, &[place, v], 0);
            }
            O::TableGrow { table } => {
                let (delta, value) = (t.pop(), t.pop());
                let v = self.grow(t, table, value, delta);
                t.push(v);
            }
            O::TableFill { table } => {
                let (count, value, start) = (t.pop(), t.pop(), t.pop());
                let size = self.size(t, table);
                let start = range(t, start, count, size);
                let place = self.place(t, table, start);
                t.pin(Op::Call, Ty::Void, &[place, value, count], self.fill.into());
            }
            O::TableCopy {
                dst_table,
                src_table,
            } => {
                let (count, from, to) = (t.pop(), t.pop(), t.pop());
                let (from_size, to_size) = (self.size(t, src_table), self.size(t, dst_table));
                let to = range(t, to, count, to_size);
                let from = match on(Bug::TableCopySource) {
                    true => from,
                    false => range(t, from, count, from_size),
                };
                let (to, from) = (self.place(t, dst_table, to), self.place(t, src_table, from));
                t.pin(Op::Call, Ty::Void, &[to, from, count], self.copy.into());
            }
            O::TableInit { elem_index, table } => self.init(t, table, elem_index),
            O::ElemDrop { elem_index } => {
                let elem = &self.elems[elem_index as usize];
                if let Some(g) = elem.left.filter(|_| !on(Bug::ElemKept)) {
                    let none = t.iconst(Ty::I32, 0);
                    t.pin(Op::GlobalSet, Ty::Void, &[none], g.into());
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn sym(&self, t: &mut Translator<'_>, imm: i64) -> Value {
        let v = t.float(Op::Sym, Ty::I32, &[]);
        t.f.nodes[v.0 as usize].imm = imm;
        v
    }

    /// A reference to a function.
    pub(super) fn function(&self, t: &mut Translator<'_>, func: u32) -> Value {
        let kind = match self.funcs[func as usize].entry.thunk {
            true => SymKind::Thunk,
            false => SymKind::Func,
        };
        self.sym(t, kind.imm(func))
    }

    fn header(&self, t: &mut Translator<'_>, table: u32, word: u32) -> Value {
        let base = self.sym(t, SymKind::Table.imm(table));
        t.pin(Op::GlobalLoad, Ty::I32, &[base], 4 * i64::from(word))
    }

    fn table(&self, table: u32) -> &Table {
        &self.tables[table as usize]
    }

    /// Entries that the table has.
    fn size(&self, t: &mut Translator<'_>, table: u32) -> Value {
        match self.table(table).is_sized() && !on(Bug::TableSizeConstant) {
            true => self.header(t, table, 0),
            false => t.iconst(Ty::I32, self.table(table).min.into()),
        }
    }

    /// The address of an entry.
    fn place(&self, t: &mut Translator<'_>, table: u32, index: Value) -> Value {
        let first = i64::from(self.table(table).first());
        let base = self.sym(t, SymKind::Table.imm(table) | first);
        entry(t, base, index)
    }

    /// The address of an entry, after a trap unless the table has it.
    fn checked_place(
        &self,
        t: &mut Translator<'_>,
        table: u32,
        index: Value,
        kind: TrapKind,
    ) -> Value {
        let size = self.size(t, table);
        let outside = match on(Bug::TableBoundSigned) && kind == TrapKind::TableOutOfBounds {
            true => Op::LeS,
            false => Op::LeU,
        };
        let bad = match on(Bug::TableEndEntered) && kind == TrapKind::UndefinedElement {
            true => t.float(Op::LtU, Ty::I32, &[size, index]),
            false => t.float(outside, Ty::I32, &[size, index]),
        };
        let index = t.guard(index, bad, kind);
        self.place(t, table, index)
    }

    /// `table.grow` (specification, 4.4.6): the old size, or -1 and no change.
    fn grow(&self, t: &mut Translator<'_>, table: u32, value: Value, delta: Value) -> Value {
        let old = self.size(t, table);
        let failed = t.iconst(Ty::I32, u32::MAX.into());
        let most = match (&self.table(table).import, self.table(table).is_sized()) {
            (Some(_), _) => self.header(t, table, 1),
            (None, true) => t.iconst(Ty::I32, self.table(table).max.into()),
            (None, false) => old,
        };
        let room = t.float(Op::Sub, Ty::I32, &[most, old]);
        let fits = match on(Bug::TableGrowToLimit) {
            true => t.float(Op::LtU, Ty::I32, &[delta, room]),
            false => t.float(Op::LeU, Ty::I32, &[delta, room]),
        };
        if self.table(table).is_sized() {
            let none = t.iconst(Ty::I32, 0);
            let added = t.float(Op::Select, Ty::I32, &[fits, delta, none]);
            let new = t.float(Op::Add, Ty::I32, &[old, added]);
            let base = self.sym(t, SymKind::Table.imm(table));
            t.pin(Op::GlobalStore, Ty::Void, &[base, new], 0);
            let place = self.place(t, table, old);
            if !on(Bug::GrownEntriesNull) {
                t.pin(Op::Call, Ty::Void, &[place, value, added], self.fill.into());
            }
        }
        t.float(Op::Select, Ty::I32, &[fits, old, failed])
    }

    fn init(&self, t: &mut Translator<'_>, table: u32, elem: u32) {
        let (count, from, to) = (t.pop(), t.pop(), t.pop());
        let e = &self.elems[elem as usize];
        let left = match (e.left, e.mode) {
            (Some(g), _) => t.pin(Op::GlobalGet, Ty::I32, &[], g.into()),
            (None, ElemMode::Passive) => t.iconst(Ty::I32, e.items.len() as u64),
            // Initialization has dropped it.
            (None, ElemMode::Active(..) | ElemMode::Declared) => t.iconst(Ty::I32, 0),
        };
        let size = self.size(t, table);
        let from = range(t, from, count, left);
        let to = match on(Bug::TableInitEnd) {
            true => to,
            false => range(t, to, count, size),
        };
        let base = self.sym(t, SymKind::Elem.imm(elem));
        let (to, from) = (self.place(t, table, to), entry(t, base, from));
        t.pin(Op::Call, Ty::Void, &[to, from, count], self.copy.into());
    }

    /// What a call through a table goes to: takes the index off the stack.
    fn callee(&self, t: &mut Translator<'_>, table: u32, ty: u32) -> Callee {
        let index = t.pop();
        let place = self.checked_place(t, table, index, TrapKind::UndefinedElement);
        let reach = self.reach(table);
        let target = self.target(table, ty);
        if let (Target::One(f), false, false) =
            (&target, reach.null, reach.differs(ty, &self.funcs))
        {
            return Callee::Func(*f);
        }
        let mut r = t.pin(Op::GlobalLoad, Ty::I32, &[place], 0);
        if reach.null && !on(Bug::NullCallUnchecked) {
            let null = t.iconst(Ty::I32, 0);
            let bad = t.float(Op::Eq, Ty::I32, &[r, null]);
            let kind = match on(Bug::NullCallKind) {
                true => TrapKind::IndirectCallType,
                false => TrapKind::UninitializedElement,
            };
            r = t.guard(r, bad, kind);
        }
        if reach.differs(ty, &self.funcs)
            && !(on(Bug::CallTypeUnchecked) && self.types[ty as usize].ty.params.len() > 1)
        {
            let bad = match target {
                Target::One(f) => {
                    let only = self.function(t, f);
                    t.float(Op::Ne, Ty::I32, &[r, only])
                }
                Target::None => t.iconst(Ty::I32, 1),
                Target::Many => {
                    let before = i64::from(Entry::ID_BEFORE.wrapping_neg());
                    let id = t.pin(Op::GlobalLoad, Ty::I32, &[r], before);
                    let want = t.iconst(Ty::I32, self.types[ty as usize].id.into());
                    t.float(Op::Ne, Ty::I32, &[id, want])
                }
            };
            r = t.guard(r, bad, TrapKind::IndirectCallType);
        }
        match target {
            Target::One(f) => Callee::Func(f),
            Target::None | Target::Many => Callee::Reference(r),
        }
    }

    /// A call, with its operands on the stack.
    fn call(&self, t: &mut Translator<'_>, table: u32, ty: u32) {
        let callee = self.callee(t, table, ty);
        let FuncType { params, results } = &self.types[ty as usize].ty;
        let mut args = t.pop_n(params.len());
        let call = match callee {
            Callee::Func(f) => t.pin(Op::Call, Ty::Void, &args, f.into()),
            Callee::Reference(r) => {
                args.insert(0, r);
                t.pin(Op::CallIndirect, Ty::Void, &args, ty.into())
            }
        };
        t.push_results(call, results);
    }

    fn return_call_indirect(&self, t: &mut Translator<'_>, table: u32, ty: u32) {
        if !self.leaves(table, ty) {
            self.call(t, table, ty);
            return t.return_();
        }
        let callee = self.callee(t, table, ty);
        let mut args = t.pop_n(self.types[ty as usize].ty.params.len());
        let op = match callee {
            Callee::Func(f) => TermOp::TailCall(f),
            Callee::Reference(r) => {
                args.insert(0, r);
                TermOp::TailCallIndirect(ty)
            }
        };
        leave(t, op, args);
    }

    /// A tail call. An import is called and then returned from: what it leaves on the stack is not the module's.
    fn return_call(&self, t: &mut Translator<'_>, func: u32) {
        if self.funcs[func as usize].import {
            t.call(func);
            return t.return_();
        }
        let count = self.funcs[func as usize].ty.params.len();
        let mut args = t.pop_n(count);
        if on(Bug::TailArguments) && count > 5 {
            args.swap(count - 1, count - 2);
            let types = |t: &Translator<'_>| (t.f.ty(args[count - 1]), t.f.ty(args[count - 2]));
            let (a, b) = types(t);
            if a != b {
                args.swap(count - 1, count - 2);
            }
        }
        leave(t, TermOp::TailCall(func), args);
    }
}

fn leave(t: &mut Translator<'_>, op: TermOp, args: Vec<Value>) {
    t.end_block(Term {
        op,
        args: SmallVec::from_vec(args),
        edges: SmallVec::new(),
        loc: 0,
    });
    t.stop();
}

/// The address of word `index` behind a base.
fn entry(t: &mut Translator<'_>, base: Value, index: Value) -> Value {
    let two = t.iconst(Ty::I32, 2);
    let offset = t.float(Op::Shl, Ty::I32, &[index, two]);
    t.float(Op::Add, Ty::I32, &[base, offset])
}

/// `start`, after a trap unless `count` entries from there are among `size`. No sum of this can overflow.
fn range(t: &mut Translator<'_>, start: Value, count: Value, size: Value) -> Value {
    let long = t.float(Op::LtU, Ty::I32, &[size, count]);
    let start = match on(Bug::RangeCountUnchecked) {
        true => start,
        false => t.guard(start, long, TrapKind::TableOutOfBounds),
    };
    let room = t.float(Op::Sub, Ty::I32, &[size, count]);
    let late = t.float(Op::LtU, Ty::I32, &[room, start]);
    t.guard(start, late, TrapKind::TableOutOfBounds)
}

/// The value of a global's initial value, if the global never changes and it is known.
pub(super) fn constant(
    t: &mut Translator<'_>,
    references: &References,
    init: GlobalInit,
) -> Option<Value> {
    match init {
        GlobalInit::Func(f) => Some(references.function(t, f)),
        GlobalInit::Const(_) | GlobalInit::Global(_) | GlobalInit::Expr(_) => None,
    }
}
