//! Operators on tables and references: calls through tables, tail calls, and what reads or changes a table.
//!
//! In: decisions, tables of the module. Out: operators that keep their results in locals. Invariant: in a tame module an index
//! stays among the entries that are functions of the table's own type, and ranges stay inside.

use super::super::draft::TableDraft;
use super::Body;
use crate::program::{Sig, Ty};
use wasm_encoder::{BlockType, HeapType, Instruction, RefType};

impl Body<'_, '_, '_> {
    fn table_draft(&self, table: u32) -> TableDraft {
        self.draft.tables[table as usize].clone()
    }

    /// Whether what comes next may trap.
    fn loose(&mut self) -> bool {
        match self.draft.wild {
            true => self.draw.chance(40),
            false => self.draw.chance(1),
        }
    }

    /// A number below `most`, which is not 0; near it or anywhere if that is loose.
    fn entry_below(&mut self, most: u32, around: u32) {
        if self.loose() {
            let near = around
                .wrapping_add(self.draw.below(4) as u32)
                .wrapping_sub(2);
            let far = [0x7fff_ffff, 0x8000_0000, u32::MAX, 0x4000_0000, 0x4000_0001];
            match self.draw.below(4) {
                0 => self.op(Instruction::I32Const(near as i32)),
                1 => {
                    let far = self.draw.pick(&far);
                    self.op(Instruction::I32Const(far as i32));
                }
                2 => {
                    self.leaf(Ty::I32);
                    self.op(Instruction::I32Const(around.wrapping_add(2) as i32));
                    self.op(Instruction::I32RemU);
                }
                _ => self.leaf(Ty::I32),
            }
            return;
        }
        if self.draw.chance(30) {
            let n = self.draw.below(most as usize);
            return self.op(Instruction::I32Const(n as i32));
        }
        self.leaf(Ty::I32);
        self.op(Instruction::I32Const(most as i32));
        self.op(Instruction::I32RemU);
    }

    /// A call through a table: arguments, index, call; its results go into locals.
    pub fn call_table(&mut self, table: u32) {
        let results = self.before_call(table);
        let (sig, ty) = self.called(table);
        self.op(Instruction::CallIndirect {
            type_index: ty,
            table_index: table,
        });
        debug_assert_eq!(sig.results, results);
        self.keep(&results);
    }

    /// The type that a call through a table names: that of its functions, seldom another one with the same parameters.
    fn called(&mut self, table: u32) -> (Sig, u32) {
        let sig = self.table_draft(table).sig;
        let ty = self.draft.type_index(&sig);
        (sig, ty)
    }

    fn before_call(&mut self, table: u32) -> Vec<Ty> {
        let t = self.table_draft(table);
        for ty in &t.sig.params {
            self.expr(*ty, 1);
        }
        self.cost += self.iterations * self.draft.deepest(&t.sig);
        self.entry_below(t.callable.max(1), t.min);
        t.sig.results
    }

    /// A tail call through a table, at the end of a function with its results.
    pub fn return_call_table(&mut self, table: u32) {
        self.before_call(table);
        let (_, ty) = self.called(table);
        self.op(Instruction::ReturnCallIndirect {
            type_index: ty,
            table_index: table,
        });
    }

    /// A tail call of a function, at the end of a function with its results.
    pub fn return_call(&mut self, index: u32) {
        let sig = self.draft.sig(index as usize).clone();
        for ty in &sig.params {
            self.expr(*ty, 1);
        }
        self.cost += self.iterations * self.draft.cost(index as usize);
        self.op(Instruction::ReturnCall(index));
    }

    /// Ends the arm of an `if` with a tail call of `index`, whose first argument is a depth that ends it; the others are of
    /// these types.
    pub fn go_on(&mut self, index: u32, params: &[Ty], by: Option<(u32, u32)>) {
        self.op(Instruction::LocalGet(0));
        self.op(Instruction::I32Const(1));
        self.op(Instruction::I32Sub);
        for ty in &params[1..] {
            self.expr(*ty, 1);
        }
        match by {
            None => self.op(Instruction::ReturnCall(index)),
            Some((table, entry)) => {
                let sig = Sig {
                    params: params.to_vec(),
                    results: self.sig.results.clone(),
                };
                let type_index = self.draft.type_index(&sig);
                self.op(Instruction::I32Const(entry as i32));
                self.op(Instruction::ReturnCallIndirect {
                    type_index,
                    table_index: table,
                });
            }
        }
    }

    /// A reference that a table may hold.
    fn reference(&mut self, t: &TableDraft) {
        if !t.funcref {
            return self.op(Instruction::RefNull(HeapType::EXTERN));
        }
        let own = self.draft.referable(&t.sig);
        let globals = self.draft.funcref_globals(&t.sig);
        match (self.loose(), own.is_empty()) {
            (true, _) | (_, true) => match self.draw.below(2) {
                0 if self.draft.leaves() > 0 => {
                    let f = self.draw.below(self.draft.leaves()) as u32;
                    self.draft.refer(f);
                    self.op(Instruction::RefFunc(f));
                }
                _ => self.op(Instruction::RefNull(HeapType::FUNC)),
            },
            (false, false) if !globals.is_empty() && self.draw.chance(30) => {
                let g = self.draw.pick(&globals);
                self.op(Instruction::GlobalGet(g));
            }
            (false, false) if self.draw.chance(25) => {
                let (a, b) = (self.draw.pick(&own), self.draw.pick(&own));
                self.draft.refer(a);
                self.draft.refer(b);
                self.op(Instruction::RefFunc(a));
                self.op(Instruction::RefFunc(b));
                self.leaf(Ty::I32);
                self.op(Instruction::TypedSelect(RefType::FUNCREF.into()));
            }
            (false, false) => {
                let f = self.draw.pick(&own);
                self.draft.refer(f);
                self.op(Instruction::RefFunc(f));
            }
        }
    }

    /// Whether an entry is null, in a local.
    pub fn is_null(&mut self, table: u32) {
        let t = self.table_draft(table);
        self.entry_below(t.min.max(1), t.min);
        self.op(Instruction::TableGet(table));
        self.op(Instruction::RefIsNull);
        self.keep(&[Ty::I32]);
    }

    /// The start of a range and its length, inside of `most` entries; the length is left in a local, and the start on the
    /// stack. Gives that local.
    fn entries(&mut self, most: u32) -> u32 {
        let count = self.local(Ty::I32);
        if self.loose() {
            self.entry_below(most.max(1), most);
            self.op(Instruction::LocalSet(count));
            self.entry_below(most.max(1), most);
            return count;
        }
        let n = self.draw.below(most as usize + 1) as u32;
        self.op(Instruction::I32Const(n as i32));
        self.op(Instruction::LocalSet(count));
        self.entry_below(most - n + 1, most - n + 1);
        count
    }

    /// Parameter number `n`, brought near a size more often than not: below it, or also at it and past it.
    fn near(&mut self, n: u32, size: u32) {
        self.op(Instruction::LocalGet(n));
        let past = self.draw.pick(&[0, 0, 1, 2, 2]);
        if self.draw.chance(93) {
            self.op(Instruction::I32Const((size + past).max(1) as i32));
            self.op(Instruction::I32RemU);
        }
    }

    /// One operator on a table, with parameters as operands; one that changes it only if it may.
    pub fn one_operator(&mut self, table: u32, changes: bool) {
        let t = self.table_draft(table);
        let which = match changes {
            true => self.draw.below(8),
            false => self.draw.pick(&[0, 7]),
        };
        match which {
            0 | 1 if t.funcref => {
                for ty in &t.sig.params {
                    self.leaf(*ty);
                }
                self.near(0, t.min);
                self.cost += self.draft.deepest(&t.sig);
                let (_, ty) = self.called(table);
                self.op(Instruction::CallIndirect {
                    type_index: ty,
                    table_index: table,
                });
                self.keep(&t.sig.results);
            }
            2 => {
                self.near(0, t.min);
                self.reference(&t);
                self.op(Instruction::TableSet(table));
            }
            3 => {
                self.reference(&t);
                self.near(0, t.max.unwrap_or(t.min) - t.min);
                self.op(Instruction::TableGrow(table));
                self.keep(&[Ty::I32]);
            }
            4 => {
                self.near(0, t.min);
                self.reference(&t);
                self.near(1, t.min);
                self.op(Instruction::TableFill(table));
            }
            5 => {
                let all = self.draft.tables.iter().enumerate();
                let same = |o: &TableDraft| o.funcref == t.funcref;
                let menu: Vec<u32> = all.filter(|o| same(o.1)).map(|o| o.0 as u32).collect();
                let from = self.draw.pick(&menu);
                let source = self.table_draft(from).min;
                self.near(0, t.min);
                self.near(1, source);
                self.near(2, t.min.min(source));
                self.op(Instruction::TableCopy {
                    src_table: from,
                    dst_table: table,
                });
            }
            6 => {
                let all = 0..self.draft.elems.len() as u32;
                let elems = &self.draft.elems;
                let menu: Vec<u32> = all
                    .filter(|e| elems[*e as usize].funcref == t.funcref)
                    .collect();
                if menu.is_empty() {
                    return;
                }
                let elem = self.draw.pick(&menu);
                let long = self.draft.elems[elem as usize].items.len() as u32;
                if self.draw.chance(30) {
                    // Only sometimes, and then for ever.
                    self.op(Instruction::LocalGet(2));
                    self.op(Instruction::I32Const(7));
                    self.op(Instruction::I32And);
                    self.op(Instruction::I32Eqz);
                    self.op(Instruction::If(BlockType::Empty));
                    self.op(Instruction::ElemDrop(elem));
                    self.op(Instruction::End);
                }
                self.near(0, t.min);
                self.near(1, long);
                self.near(2, t.min.min(long));
                self.op(Instruction::TableInit {
                    elem_index: elem,
                    table,
                });
            }
            _ => {
                self.near(0, t.min);
                self.op(Instruction::TableGet(table));
                self.op(Instruction::RefIsNull);
                self.keep(&[Ty::I32]);
            }
        }
        if self.draw.chance(50) {
            self.op(Instruction::TableSize(table));
            self.keep(&[Ty::I32]);
        }
    }

    /// An operator that changes a table, or reads its size.
    pub fn change_table(&mut self, table: u32) {
        let t = self.table_draft(table);
        match self.draw.below(8) {
            0 => {
                self.op(Instruction::TableSize(table));
                self.keep(&[Ty::I32]);
            }
            1 if t.min > 0 => {
                self.entry_below(t.min, t.min);
                self.reference(&t);
                self.op(Instruction::TableSet(table));
            }
            2 => {
                self.reference(&t);
                let n = self.draw.below(4);
                match self.draw.chance(80) {
                    true => self.op(Instruction::I32Const(n as i32)),
                    false => self.leaf(Ty::I32),
                }
                self.op(Instruction::TableGrow(table));
                self.keep(&[Ty::I32]);
            }
            3 => {
                let count = self.entries(t.min);
                self.reference(&t);
                self.op(Instruction::LocalGet(count));
                self.op(Instruction::TableFill(table));
            }
            4 | 5 => {
                let all = self.draft.tables.iter().enumerate();
                let same = |o: &TableDraft| o.funcref == t.funcref && o.sig == t.sig;
                let menu: Vec<u32> = all.filter(|o| same(o.1)).map(|o| o.0 as u32).collect();
                let from = self.draw.pick(&menu);
                let source = self.table_draft(from);
                let most = t.min.min(source.callable);
                let count = self.entries(most);
                let loose = self.loose();
                match loose {
                    true => self.entry_below(source.min.max(1), source.min),
                    false => self.op(Instruction::I32Const(0)),
                }
                self.op(Instruction::LocalGet(count));
                self.op(Instruction::TableCopy {
                    src_table: from,
                    dst_table: table,
                });
            }
            6 => {
                let menu = self.draft.passive(&t);
                if menu.is_empty() {
                    return;
                }
                let elem = self.draw.pick(&menu);
                let long = self.draft.elems[elem as usize].items.len() as u32;
                let most = t.min.min(long);
                let count = self.entries(most);
                match self.loose() {
                    true => self.entry_below(long.max(1), long),
                    false => self.op(Instruction::I32Const(0)),
                }
                self.op(Instruction::LocalGet(count));
                self.op(Instruction::TableInit {
                    elem_index: elem,
                    table,
                });
                self.draft.elems[elem as usize].used = true;
            }
            _ => {
                let all = self.draft.elems.len();
                if all == 0 {
                    return;
                }
                let elem = self.draw.below(all) as u32;
                // What is read later in a tame module must not be gone.
                if self.draft.wild || !self.draft.elems[elem as usize].used && self.draw.chance(30)
                {
                    self.op(Instruction::ElemDrop(elem));
                    self.draft.elems[elem as usize].dropped = true;
                }
            }
        }
    }
}
