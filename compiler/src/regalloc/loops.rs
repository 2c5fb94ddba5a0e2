//! The loops of a function, found from its retreating edges.
//!
//! In: [`Facts`] (blocks in reverse post-order). Out: [`Loops`]: the innermost loop of each block and the nesting.
//! A loop is named by its head: the target of an edge that comes from the head itself or from a later block.
//! In an irreducible region the walk stops at blocks before the head, so nesting is then only an estimate;
//! nothing but quality depends on it. Near-linear: each block joins the set of its loop once (union-find).

use super::facts::{Facts, NONE};

/// Loop nesting of the blocks.
pub(super) struct Loops {
    /// Per block, the head of the innermost loop around it ([`NONE`] outside of loops; a head is in its own loop).
    pub inner: Vec<u32>,
    /// Per loop head, the head of the loop around that loop.
    pub outer: Vec<u32>,
    /// Per block, how many loops it is in.
    pub depth: Vec<u32>,
    /// The greatest depth.
    pub max_depth: u32,
}

impl Loops {
    /// Finds the loops.
    pub fn new(facts: &Facts) -> Loops {
        let n = facts.blocks() as usize;
        let mut loops = Loops {
            inner: vec![NONE; n],
            outer: vec![NONE; n],
            depth: vec![0; n],
            max_depth: 0,
        };
        let mut leader: Vec<u32> = (0..n as u32).collect();
        let mut queued = vec![NONE; n];
        let mut work = Vec::new();
        for head in (0..n as u32).rev() {
            if !facts.is_loop_head(head) {
                continue;
            }
            loops.inner[head as usize] = head;
            queued[head as usize] = head;
            let latches = facts.preds(head).iter().filter(|&&(p, _)| p >= head);
            for &(latch, _) in latches {
                enqueue(&mut leader, &mut queued, &mut work, latch, head);
            }
            while let Some(x) = work.pop() {
                leader[x as usize] = head;
                if loops.inner[x as usize] == x {
                    loops.outer[x as usize] = head;
                } else {
                    loops.inner[x as usize] = head;
                }
                for &(p, _) in facts.preds(x).iter().filter(|&&(p, _)| p < x) {
                    enqueue(&mut leader, &mut queued, &mut work, p, head);
                }
            }
        }
        for b in 0..n {
            let head = loops.inner[b];
            loops.depth[b] = if head == NONE {
                0
            } else if head as usize != b {
                loops.depth[head as usize]
            } else {
                match loops.outer[b] {
                    NONE => 1,
                    outer => loops.depth[outer as usize] + 1,
                }
            };
            loops.max_depth = loops.max_depth.max(loops.depth[b]);
        }
        loops
    }

    /// Whether the edge from `b` to `s` leaves the innermost loop of `b`.
    pub fn leaves(&self, b: u32, s: u32) -> bool {
        let (depth, head) = (self.depth[b as usize], self.inner[b as usize]);
        if depth == 0 {
            return false;
        }
        let mut at = self.inner[s as usize];
        while at != NONE && self.depth[at as usize] > depth {
            at = self.outer[at as usize];
        }
        at != head
    }
}

/// Queues the outermost set found so far around `block`, if it lies behind `head` and is not queued yet.
fn enqueue(leader: &mut [u32], queued: &mut [u32], work: &mut Vec<u32>, block: u32, head: u32) {
    let mut at = block;
    while leader[at as usize] != at {
        leader[at as usize] = leader[leader[at as usize] as usize];
        at = leader[at as usize];
    }
    if at > head && queued[at as usize] != head {
        queued[at as usize] = head;
        work.push(at);
    }
}
