//! The call graph: who calls whom, in which order to look at functions, who is recursive.
//!
//! In: what each function of a module calls. Out: [`CallGraph`]. Strongly connected components come from Tarjan's algorithm, which
//! gives callees before callers.

use crate::ir::{Func, Node, Op, TermOp};

/// Calls between the functions of a module.
pub struct CallGraph {
    /// By function: distinct functions it calls.
    pub callees: Vec<Vec<u32>>,
    /// By function: number of call sites in functions that are reached.
    pub sites: Vec<u32>,
    /// Functions reached from the roots, callees before callers.
    pub order: Vec<u32>,
    /// By function: whether it may come back to itself.
    pub recursive: Vec<bool>,
}

impl CallGraph {
    /// Finds everything reached from the roots. `calls` names for each function those that it calls, one entry a site.
    pub fn new(calls: &[Vec<u32>], roots: &[u32]) -> CallGraph {
        let n = calls.len();
        let distinct = |calls: &Vec<u32>| {
            let mut callees = calls.clone();
            callees.sort_unstable();
            callees.dedup();
            callees
        };
        let mut g = CallGraph {
            callees: calls.iter().map(distinct).collect(),
            sites: vec![0; n],
            order: Vec::new(),
            recursive: vec![false; n],
        };
        g.components(roots);
        for &f in &g.order {
            for &c in &calls[f as usize] {
                g.sites[c as usize] += 1;
            }
        }
        g
    }

    fn components(&mut self, roots: &[u32]) {
        let n = self.callees.len();
        let (mut index, mut low) = (vec![u32::MAX; n], vec![0u32; n]);
        let mut on_stack = vec![false; n];
        let (mut stack, mut next) = (Vec::new(), 0u32);
        for &root in roots {
            let mut work: Vec<(u32, usize)> = vec![(root, 0)];
            while let Some((f, i)) = work.last_mut() {
                let v = *f as usize;
                if *i == 0 && index[v] == u32::MAX {
                    (index[v], low[v]) = (next, next);
                    next += 1;
                    stack.push(*f);
                    on_stack[v] = true;
                } else if *i == 0 {
                    work.pop();
                    continue;
                }
                if let Some(&c) = self.callees[v].get(*i) {
                    *i += 1;
                    if index[c as usize] == u32::MAX {
                        work.push((c, 0));
                    } else if on_stack[c as usize] {
                        low[v] = low[v].min(index[c as usize]);
                        self.recursive[v] |= c as usize == v;
                    }
                    continue;
                }
                work.pop();
                if let Some(&(p, _)) = work.last() {
                    low[p as usize] = low[p as usize].min(low[v]);
                }
                if low[v] == index[v] {
                    self.finish_component(v as u32, &mut stack, &mut on_stack);
                }
            }
        }
    }

    fn finish_component(&mut self, root: u32, stack: &mut Vec<u32>, on_stack: &mut [bool]) {
        let start = stack.iter().rposition(|&f| f == root).unwrap_or(0);
        let many = stack.len() - start > 1;
        for f in stack.drain(start..) {
            on_stack[f as usize] = false;
            self.recursive[f as usize] |= many;
            self.order.push(f);
        }
    }
}

/// The functions that a body calls, one entry a site.
pub fn called<'a>(
    f: &'a Func,
    extra: &'a dyn Fn(&Node) -> Option<u32>,
) -> impl Iterator<Item = u32> + 'a {
    let calls = f.nodes.iter().filter_map(move |n| match n.op {
        Op::Call => Some(n.imm as u32),
        _ => extra(n),
    });
    let tails = f.blocks.iter().filter_map(|b| match b.term.op {
        TermOp::TailCall(callee) => Some(callee),
        TermOp::TailCallIndirect(_) | TermOp::Return | TermOp::Trap(_) => None,
        TermOp::Jump | TermOp::Br | TermOp::Switch => None,
    });
    calls.chain(tails)
}
