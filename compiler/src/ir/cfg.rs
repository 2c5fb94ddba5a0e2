//! The control flow graph: predecessors, reverse post-order, dominator tree, loops.
//!
//! In: a function. Out: [`Cfg`], valid until blocks or edges change. Unreachable blocks are in no order and no tree.
//! Control flow that comes from WebAssembly is reducible, so a loop is a header that dominates the source of an edge to
//! it, and a block's immediate dominator is the deepest block that dominates all its forward predecessors. Ancestors in the
//! dominator tree are found by jump pointers (Myers, "An applicative random-access stack"), and loops around loops by
//! disjoint sets, so that everything here is nearly linear however deep a hostile module nests.

use super::func::{Block, Func};

/// What is known about the shape of a function.
#[derive(Clone, Debug)]
pub struct Cfg {
    /// Reachable blocks in reverse post-order; the entry first.
    pub rpo: Vec<Block>,
    /// Place in `rpo` by block; `u32::MAX` if unreachable.
    pub order: Vec<u32>,
    /// Where the predecessors of each block begin in `pred`; one more at the end.
    pred_start: Vec<u32>,
    pred: Vec<Block>,
    /// Immediate dominator by block; of the entry and of unreachable blocks: themselves.
    pub idom: Vec<Block>,
    /// Depth in the dominator tree by block.
    pub dom_depth: Vec<u32>,
    /// By block: an ancestor in the dominator tree, chosen so that any ancestor is a logarithm of steps away.
    jump: Vec<Block>,
    /// Header of the innermost loop by block, if any.
    pub header: Vec<Option<Block>>,
    /// How many loops a block is in.
    pub loop_depth: Vec<u32>,
    /// By loop header: the header of the loop around it.
    pub parent: Vec<Option<Block>>,
}

impl Cfg {
    /// Computes everything.
    pub fn new(f: &Func) -> Cfg {
        let n = f.blocks.len();
        let rpo = reverse_post_order(f);
        let mut order = vec![u32::MAX; n];
        for (i, &b) in rpo.iter().enumerate() {
            order[b.0 as usize] = i as u32;
        }
        let (pred_start, pred) = predecessors(f, &rpo);
        let mut cfg = Cfg {
            rpo,
            order,
            pred_start,
            pred,
            idom: (0..n as u32).map(Block).collect(),
            dom_depth: vec![0; n],
            jump: vec![Func::ENTRY; n],
            header: vec![None; n],
            loop_depth: vec![0; n],
            parent: vec![None; n],
        };
        cfg.dominators();
        cfg.loops();
        cfg
    }

    /// Reachable predecessors of a block, one entry an edge, in reverse post-order.
    pub fn preds(&self, b: Block) -> &[Block] {
        let (from, to) = (
            self.pred_start[b.0 as usize],
            self.pred_start[b.0 as usize + 1],
        );
        &self.pred[from as usize..to as usize]
    }

    /// Whether the block can be reached.
    pub fn is_reachable(&self, b: Block) -> bool {
        self.order[b.0 as usize] != u32::MAX
    }

    /// Whether every way to `b` goes through `a`.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        a == self.ancestor(b, self.dom_depth[a.0 as usize])
    }

    /// The block at this depth of the dominator tree on the way up from `b`, or `b` if it is not deeper.
    fn ancestor(&self, mut b: Block, depth: u32) -> Block {
        while self.dom_depth[b.0 as usize] > depth {
            let jump = self.jump[b.0 as usize];
            b = if self.dom_depth[jump.0 as usize] >= depth {
                jump
            } else {
                self.idom[b.0 as usize]
            };
        }
        b
    }

    /// The deepest block that dominates both.
    pub fn common_dominator(&self, a: Block, b: Block) -> Block {
        let depth = self.dom_depth[a.0 as usize].min(self.dom_depth[b.0 as usize]);
        let (mut a, mut b) = (self.ancestor(a, depth), self.ancestor(b, depth));
        while a != b {
            // At equal depth both jump equally far.
            let (ja, jb) = (self.jump[a.0 as usize], self.jump[b.0 as usize]);
            (a, b) = if ja == jb {
                (self.idom[a.0 as usize], self.idom[b.0 as usize])
            } else {
                (ja, jb)
            };
        }
        a
    }

    /// Whether `b` is in the loop of `header`.
    pub fn in_loop(&self, b: Block, header: Block) -> bool {
        let mut h = self.header[b.0 as usize];
        while let Some(x) = h {
            if x == header {
                return true;
            }
            h = self.outer(x);
        }
        false
    }

    /// Header of the loop around the loop of `header`.
    pub fn outer(&self, header: Block) -> Option<Block> {
        self.parent[header.0 as usize]
    }

    /// Whether an edge goes back to a loop header.
    pub fn is_back_edge(&self, from: Block, to: Block) -> bool {
        self.order[to.0 as usize] <= self.order[from.0 as usize]
    }

    fn dominators(&mut self) {
        for i in 1..self.rpo.len() {
            let b = self.rpo[i];
            let forward = self
                .preds(b)
                .iter()
                .copied()
                .filter(|&p| !self.is_back_edge(p, b));
            let parent = forward
                .reduce(|x, y| self.common_dominator(x, y))
                .unwrap_or(Func::ENTRY);
            let depth = |b: Block| self.dom_depth[b.0 as usize];
            let one = self.jump[parent.0 as usize];
            let two = self.jump[one.0 as usize];
            let even = depth(parent) - depth(one) == depth(one) - depth(two);
            self.jump[b.0 as usize] = if even { two } else { parent };
            self.dom_depth[b.0 as usize] = depth(parent) + 1;
            self.idom[b.0 as usize] = parent;
        }
    }

    /// Finds loops innermost first: walks back from the sources of back edges to the header, stepping over
    /// inner loops through their headers.
    fn loops(&mut self) {
        let mut headers = Vec::new();
        // Disjoint sets: a block is in the set of the header of the outermost loop found so far around it.
        let mut around: Vec<Block> = (0..self.order.len() as u32).map(Block).collect();
        for &h in self.rpo.iter().rev() {
            let mut work: Vec<Block> = self
                .preds(h)
                .iter()
                .copied()
                .filter(|&p| self.is_back_edge(p, h) && self.dominates(h, p))
                .collect();
            if work.is_empty() {
                continue;
            }
            headers.push(h);
            while let Some(b) = work.pop() {
                let top = outermost(&mut around, b);
                if top == h {
                    continue;
                }
                if self.header[top.0 as usize] == Some(top) {
                    self.parent[top.0 as usize] = Some(h);
                } else {
                    self.header[top.0 as usize] = Some(h);
                }
                around[top.0 as usize] = h;
                work.extend(self.preds(top).iter().copied());
            }
            self.header[h.0 as usize] = Some(h);
        }
        // Outer loops were found last, so walk them first.
        for &h in headers.iter().rev() {
            self.loop_depth[h.0 as usize] =
                self.parent[h.0 as usize].map_or(0, |p| self.loop_depth[p.0 as usize]) + 1;
        }
        for &b in &self.rpo {
            if let Some(h) = self.header[b.0 as usize] {
                self.loop_depth[b.0 as usize] = self.loop_depth[h.0 as usize];
            }
        }
    }
}

/// The header of the outermost loop found so far around a block, or the block; halves the way for the next to ask.
fn outermost(around: &mut [Block], mut b: Block) -> Block {
    while around[b.0 as usize] != b {
        let next = around[around[b.0 as usize].0 as usize];
        around[b.0 as usize] = next;
        b = next;
    }
    b
}

/// Edges by target: where those of each block begin, and where they come from.
fn predecessors(f: &Func, rpo: &[Block]) -> (Vec<u32>, Vec<Block>) {
    let mut start = vec![0u32; f.blocks.len() + 2];
    // Counted two places on, so that filling the array moves each start to where it belongs.
    for &b in rpo {
        for s in f.succs(b) {
            start[s.0 as usize + 2] += 1;
        }
    }
    for i in 2..start.len() {
        start[i] += start[i - 1];
    }
    let mut pred = vec![Func::ENTRY; start[start.len() - 1] as usize];
    for &b in rpo {
        for s in f.succs(b) {
            let at = &mut start[s.0 as usize + 1];
            pred[*at as usize] = b;
            *at += 1;
        }
    }
    start.pop();
    (start, pred)
}

fn reverse_post_order(f: &Func) -> Vec<Block> {
    let mut seen = vec![false; f.blocks.len()];
    let mut post = Vec::with_capacity(f.blocks.len());
    // (block, next edge): edges are taken last to first, so that the first successor comes first in the order.
    let mut stack = vec![(Func::ENTRY, f.block(Func::ENTRY).term.edges.len())];
    seen[0] = true;
    while let Some((b, edge)) = stack.last_mut() {
        if *edge == 0 {
            post.push(*b);
            stack.pop();
            continue;
        }
        *edge -= 1;
        let s = f.block(*b).term.edges[*edge].to;
        if !std::mem::replace(&mut seen[s.0 as usize], true) {
            stack.push((s, f.block(s).term.edges.len()));
        }
    }
    post.reverse();
    post
}
