//! The scan before translation: which locals a loop assigns, and what the body calls.
//!
//! In: a function body, not validated. Out: for each loop, in order of appearance, the sorted locals that its body sets. Loop
//! headers then get parameters for exactly these, without a second pass. Calls are those that translation makes nodes
//! for, or a few more: code behind a block that never ends is taken to be alive. Work is bounded: nested loops hand
//! their sets outward, so a limit on the total keeps hostile nesting from growing quadratically.

use super::decode::malformed;
use crate::error::{Error, ErrorKind, Result};
use crate::helpers;
use crate::ir::{Func, Node, Op};
use wasmparser as wp;

/// Most entries over all loops of a function.
const LIMIT: usize = 4_000_000;

/// What the scan found.
#[derive(Default)]
pub struct Scan {
    /// Locals assigned in each loop, sorted.
    pub loops: Vec<Vec<u32>>,
    /// Memories that are grown.
    pub grown: Vec<u32>,
    /// Data segments that are dropped.
    pub dropped: Vec<u32>,
    /// Functions called, one entry a site.
    pub calls: Vec<u32>,
    /// What helpers do, one entry a site: divisions of 64-bit values, copies, fills.
    pub helpers: Vec<Op>,
    /// Functions that are referred to.
    pub refs: Vec<u32>,
    /// Functions that are called in the place of this one.
    pub tail_calls: Vec<u32>,
    /// Calls through tables.
    pub indirect: Vec<Site>,
    /// Tables that are accessed, and how.
    pub tables: Vec<(u32, Access)>,
    /// Element segments that are read (`false`) or dropped.
    pub elems: Vec<(u32, bool)>,
    /// Operators that fill or copy tables.
    pub fills: usize,
}

/// A call through a table: the table, the type of the binary, and whether it is in the place of the function.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub table: u32,
    pub ty: u32,
    pub tail: bool,
}

/// What is done with a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Its entries or its size are read.
    Read,
    /// Its entries change.
    Changed,
    /// Its size changes too.
    Grown,
}

impl Scan {
    /// Whether translation made no more calls, of helpers too, than were seen.
    pub fn covers(&self, f: &Func) -> bool {
        let count = |what: &dyn Fn(&Node) -> bool| f.nodes.iter().filter(|n| what(n)).count();
        let helped = |n: &Node| helpers::is_call(n.op, n.ty);
        count(&|n| n.op == Op::Call) <= self.calls.len() && count(&helped) <= self.helpers.len()
    }

    /// What an operator does with tables and references.
    fn references(&mut self, op: &wp::Operator<'_>) {
        use wp::Operator as O;
        let mut site = |table, ty, tail| self.indirect.push(Site { table, ty, tail });
        match *op {
            O::RefFunc { function_index } => self.refs.push(function_index),
            O::CallIndirect {
                type_index,
                table_index,
            } => {
                site(table_index, type_index, false);
                self.tables.push((table_index, Access::Read));
            }
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                site(table_index, type_index, true);
                self.tables.push((table_index, Access::Read));
            }
            O::ReturnCall { function_index } => {
                self.calls.push(function_index);
                self.tail_calls.push(function_index);
            }
            O::TableGet { table } | O::TableSize { table } => {
                self.tables.push((table, Access::Read))
            }
            O::TableSet { table } => self.tables.push((table, Access::Changed)),
            O::TableFill { table } => {
                self.fills += 1;
                self.tables.push((table, Access::Changed));
            }
            O::TableGrow { table } => {
                self.fills += 1;
                self.tables.push((table, Access::Grown));
            }
            O::TableCopy {
                dst_table,
                src_table,
            } => {
                self.fills += 1;
                let both = [(dst_table, Access::Changed), (src_table, Access::Read)];
                self.tables.extend(both);
            }
            O::TableInit { elem_index, table } => {
                self.fills += 1;
                self.tables.push((table, Access::Changed));
                self.elems.push((elem_index, false));
            }
            O::ElemDrop { elem_index } => self.elems.push((elem_index, true)),
            _ => {}
        }
    }
}

/// Scans a body.
///
/// # Errors
/// `Malformed`, or `Limit` if loops assign too many locals in all.
pub fn scan(body: &wp::FunctionBody<'_>) -> Result<Scan> {
    let mut out = Scan::default();
    // For each open block: the number of its loop, if it is one.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut inside: Vec<usize> = Vec::new();
    let mut total = 0;
    // How many blocks are open around code behind a jump, if it is such code.
    let mut dead: Option<usize> = None;
    let mut ops = body.get_operators_reader().map_err(malformed)?;
    while !ops.eof() {
        let op = ops.read().map_err(malformed)?;
        if dead.is_none() {
            out.references(&op);
        }
        match op {
            wp::Operator::Block { .. } | wp::Operator::If { .. } => open.push(None),
            wp::Operator::Loop { .. } => {
                open.push(Some(out.loops.len()));
                inside.push(out.loops.len());
                out.loops.push(Vec::new());
            }
            wp::Operator::LocalSet { local_index } | wp::Operator::LocalTee { local_index } => {
                if let Some(&l) = inside.last() {
                    let set = &mut out.loops[l];
                    if set.last() != Some(&local_index) {
                        set.push(local_index);
                    }
                }
            }
            wp::Operator::MemoryGrow { mem } => out.grown.push(mem),
            wp::Operator::DataDrop { data_index } => out.dropped.push(data_index),
            wp::Operator::MemoryCopy { .. } | wp::Operator::MemoryInit { .. } if dead.is_none() => {
                out.helpers.push(Op::MemoryCopy)
            }
            wp::Operator::MemoryFill { .. } if dead.is_none() => out.helpers.push(Op::MemoryFill),
            wp::Operator::Call { function_index } if dead.is_none() => {
                out.calls.push(function_index)
            }
            wp::Operator::I64DivS if dead.is_none() => out.helpers.push(Op::DivS64),
            wp::Operator::I64DivU if dead.is_none() => out.helpers.push(Op::DivU64),
            wp::Operator::I64RemS if dead.is_none() => out.helpers.push(Op::RemS64),
            wp::Operator::I64RemU if dead.is_none() => out.helpers.push(Op::RemU64),
            wp::Operator::Unreachable
            | wp::Operator::Br { .. }
            | wp::Operator::BrTable { .. }
            | wp::Operator::ReturnCall { .. }
            | wp::Operator::ReturnCallIndirect { .. }
            | wp::Operator::Return => dead = dead.or(Some(open.len())),
            wp::Operator::Else => dead = dead.filter(|&d| d != open.len()),
            wp::Operator::End => {
                dead = dead.filter(|&d| d != open.len());
                if let Some(Some(l)) = open.pop() {
                    inside.pop();
                    let mut set = std::mem::take(&mut out.loops[l]);
                    set.sort_unstable();
                    set.dedup();
                    total += set.len();
                    if total > LIMIT {
                        return Err(Error::new(ErrorKind::Limit, "loops assign too many locals")
                            .at(ops.original_position())
                            .help("split the function"));
                    }
                    if let Some(&outer) = inside.last() {
                        out.loops[outer].extend_from_slice(&set);
                    }
                    out.loops[l] = set;
                }
            }
            _ => {}
        }
    }
    Ok(out)
}
