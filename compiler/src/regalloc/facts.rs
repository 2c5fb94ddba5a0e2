//! Facts about a machine function that every stage of the allocator asks for, in dense arrays.
//!
//! In: an `MFunc`. Out: [`Facts`]: where each value is defined and what kind it is, the edges into each block,
//! a linear numbering of all positions.
//! Invariant: what is indexed later is in range here. The allocator runs on functions that the verifier has
//! accepted; the checks below are those whose failure would otherwise be an index out of bounds or an edge
//! without a place for its moves, and they answer with an error.

use super::file::File;
use super::internal;
use crate::backend::mir::{MFunc, MInst, VReg};
use crate::error::Result;
use crate::isa::RegSet;
use crate::seeded::{self, Bug};

/// "No block", "no instruction", "no value".
pub(super) const NONE: u32 = u32::MAX;

/// A bit of [`Facts::kind`]: the value can be made again anywhere.
pub(super) const REMAT: u8 = 1;
/// A bit of [`Facts::kind`]: making the value again costs no more than a move.
pub(super) const CHEAP: u8 = 2;
/// A bit of [`Facts::kind`]: the value is a block parameter.
pub(super) const PARAM: u8 = 4;

/// Dense facts about values, blocks and edges.
pub(super) struct Facts<'a> {
    /// The function.
    pub f: &'a MFunc,
    /// The registers for its values.
    pub file: &'static File,
    /// Per value, the block that defines it.
    pub def_block: Vec<u32>,
    /// Per value, the index of its defining instruction; [`NONE`] for parameters.
    pub def_inst: Vec<u32>,
    /// Per value, bits of what it is.
    pub kind: Vec<u8>,
    /// Per value, how many operand places would be shorter if it were in a low register (saturating).
    pub low: Vec<u8>,
    /// Per block, the number of its entry position; its instruction `i` has `base + 1 + i`, its end
    /// `base + 1 + len`.
    pub base: Vec<u32>,
    pred_start: Vec<u32>,
    pred_edges: Vec<(u32, u32)>,
}

impl<'a> Facts<'a> {
    /// Collects the facts.
    pub fn new(f: &'a MFunc, file: &'static File) -> Result<Facts<'a>> {
        let values = f.vregs as usize;
        let mut facts = Facts {
            f,
            file,
            def_block: vec![NONE; values],
            def_inst: vec![NONE; values],
            kind: vec![0; values],
            low: vec![0; values],
            base: Vec::with_capacity(f.blocks.len() + 1),
            pred_start: vec![0; f.blocks.len() + 1],
            pred_edges: Vec::new(),
        };
        let remakes_incoming = seeded::on(Bug::IncomingRemade)
            || !f
                .blocks
                .iter()
                .any(|b| b.insts.iter().any(MInst::writes_incoming));
        let mut position = 0u32;
        for (b, block) in f.blocks.iter().enumerate() {
            facts.base.push(position);
            position += block.insts.len() as u32 + 2;
            for &p in &block.params {
                facts.define(p, b as u32, NONE, PARAM)?;
            }
            for (i, inst) in block.insts.iter().enumerate() {
                facts.instruction(inst, b as u32, i as u32, remakes_incoming)?;
            }
            if !block.insts.last().is_some_and(MInst::is_terminator) {
                return internal(f, format!("block {b} does not end in a terminator"));
            }
        }
        facts.base.push(position);
        facts.edges()?;
        Ok(facts)
    }

    fn define(&mut self, v: VReg, block: u32, inst: u32, kind: u8) -> Result<()> {
        match self.def_block.get(v.0 as usize) {
            Some(&NONE) => {}
            Some(_) => return internal(self.f, format!("v{} is defined twice", v.0)),
            None => return internal(self.f, format!("v{} is out of range", v.0)),
        }
        self.def_block[v.0 as usize] = block;
        self.def_inst[v.0 as usize] = inst;
        self.kind[v.0 as usize] = kind;
        Ok(())
    }

    fn instruction(&mut self, inst: &MInst, b: u32, i: u32, remakes_incoming: bool) -> Result<()> {
        let remat = inst.is_rematerializable()
            && inst.uses.is_empty()
            && inst.defs.len() == 1
            && inst.abi.is_none()
            && (remakes_incoming || !inst.reads_incoming());
        let cheap = remat && inst.is_cheap();
        let kind = if remat { REMAT } else { 0 } | if cheap { CHEAP } else { 0 };
        for &d in &inst.defs {
            self.define(d, b, i, kind)?;
        }
        if inst.uses.iter().any(|u| u.0 >= self.f.vregs) {
            return internal(
                self.f,
                format!("instruction {i} of block {b} uses a value out of range"),
            );
        }
        if inst.prefers_low() {
            for v in inst.defs.iter().chain(&inst.uses) {
                let low = &mut self.low[v.0 as usize];
                *low = low.saturating_add(1);
            }
        }
        let ties = inst.tied();
        if ties
            .iter()
            .any(|&(d, u)| d >= inst.defs.len() || u >= inst.uses.len())
        {
            return internal(
                self.f,
                format!("instruction {i} of block {b} lacks a tied operand"),
            );
        }
        let Some(abi) = &inst.abi else { return Ok(()) };
        let (mut uses, mut defs) = (RegSet::EMPTY, RegSet::EMPTY);
        abi.uses.iter().for_each(|&r| uses.insert(r));
        abi.defs.iter().for_each(|&r| defs.insert(r));
        let fits = uses.len() == abi.uses.len()
            && defs.len() == abi.defs.len()
            && uses.or(defs).minus(self.file.allocatable).is_empty()
            && abi.uses.len() <= inst.uses.len()
            && abi.defs.len() == inst.defs.len()
            && ties.is_empty();
        if !fits {
            return internal(
                self.f,
                format!("instruction {i} of block {b} has inconsistent fixed registers"),
            );
        }
        Ok(())
    }

    /// Lists the edges into each block and checks that each edge has a place for its moves.
    fn edges(&mut self) -> Result<()> {
        let f = self.f;
        for (b, block) in f.blocks.iter().enumerate() {
            for edge in &block.succs {
                match f.blocks.get(edge.to.0 as usize) {
                    Some(to) if to.params.len() == edge.args.len() && edge.to.0 != 0 => {}
                    _ => {
                        return internal(
                            f,
                            format!("an edge out of block {b} does not fit its target"),
                        );
                    }
                }
                if edge.args.iter().any(|a| a.0 >= f.vregs) {
                    return internal(
                        f,
                        format!("an edge out of block {b} passes a value out of range"),
                    );
                }
                self.pred_start[edge.to.0 as usize + 1] += 1;
            }
        }
        for b in 0..f.blocks.len() {
            self.pred_start[b + 1] += self.pred_start[b];
        }
        let mut fill = self.pred_start.clone();
        self.pred_edges = vec![(0, 0); self.pred_start[f.blocks.len()] as usize];
        for (b, block) in f.blocks.iter().enumerate() {
            for (k, edge) in block.succs.iter().enumerate() {
                let at = &mut fill[edge.to.0 as usize];
                self.pred_edges[*at as usize] = (b as u32, k as u32);
                *at += 1;
            }
        }
        for b in 1..f.blocks.len() {
            let preds = self.preds(b as u32);
            if !preds.iter().any(|&(p, _)| p < b as u32) {
                return internal(f, format!("block {b} is not in reverse post-order"));
            }
            let movable = |&(p, _): &(u32, u32)| {
                let p = &f.blocks[p as usize];
                p.succs.len() == 1
                    && p.insts
                        .last()
                        .is_some_and(|t| t.uses.is_empty() && t.defs.is_empty())
            };
            if preds.len() > 1 && !preds.iter().all(movable) {
                return internal(f, format!("an edge into block {b} is critical"));
            }
        }
        Ok(())
    }

    /// Number of blocks.
    pub fn blocks(&self) -> u32 {
        self.f.blocks.len() as u32
    }

    /// The edges into a block: (block that it leaves, its index among the successors of that block).
    pub fn preds(&self, b: u32) -> &[(u32, u32)] {
        let (from, to) = (self.pred_start[b as usize], self.pred_start[b as usize + 1]);
        &self.pred_edges[from as usize..to as usize]
    }

    /// Whether some edge into the block comes from itself or from a later block.
    pub fn is_loop_head(&self, b: u32) -> bool {
        self.preds(b).iter().any(|&(p, _)| p >= b)
    }

    /// Whether the value can be made again.
    pub fn is_remat(&self, v: u32) -> bool {
        self.kind[v as usize] & REMAT != 0
    }

    /// Whether the value is a parameter of block `b`.
    pub fn is_param_of(&self, v: u32, b: u32) -> bool {
        self.kind[v as usize] & PARAM != 0 && self.def_block[v as usize] == b
    }

    /// The position number of the end of a block, where the moves of its out-edges happen.
    pub fn end(&self, b: u32) -> u32 {
        self.base[b as usize + 1] - 1
    }
}
