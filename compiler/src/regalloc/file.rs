//! Register files, and a function as one of them sees it.
//!
//! In: an `MFunc` whose values are in registers of the core and of the FPU, and later the allocations of its parts. Out: one part a
//! file, which is a machine function with the operands of that file alone, and the allocation of the whole. Invariant: instruction,
//! block and value numbers of a part are those of the whole, so allocations of parts lie side by side: they share no register
//! and no slot, and edits of one file may come before or after those of the other. In a part registers are numbered from 0.
//!
//! No instruction ties operands of different files, so ties stay what they are in a part.

use super::{Allocation, internal};
use crate::backend::mir::{Abi, MBlock, MEdge, MFunc, MInst, VReg};
use crate::error::Result;
use crate::isa::{Class, Reg, RegSet};
use crate::seeded::{Bug, on};
use smallvec::SmallVec;

/// Most registers that a file has.
pub(super) const MOST: usize = 32;

/// A register file as the allocator sees it, its registers numbered from 0.
#[derive(Debug)]
pub(super) struct File {
    /// What its registers are outside of the allocator.
    class: Class,
    /// Registers that may hold values.
    pub allocatable: RegSet,
    /// Those of them that a function must preserve (AAPCS32, 6.1.1 and 6.1.2).
    pub callee_saved: RegSet,
    /// Registers that narrow encodings reach.
    low: RegSet,
    /// The register that is saved with any other.
    link: RegSet,
}

/// r0-r12 and lr.
pub(super) static CORE: File = File {
    class: Class::Core,
    allocatable: RegSet::ALLOCATABLE,
    callee_saved: RegSet::CALLEE_SAVED,
    low: RegSet(0x00ff),
    link: RegSet::of(Reg::LR),
};

/// s0-s31.
pub(super) static SINGLE: File = File {
    class: Class::Single,
    allocatable: RegSet(0xffff_ffff),
    callee_saved: RegSet(0xffff_0000),
    low: RegSet(0xffff_ffff),
    link: RegSet::EMPTY,
};

/// d0-d15: a float of 32 bits is in the lower half.
pub(super) static DOUBLE: File = File {
    class: Class::Double,
    allocatable: RegSet(0xffff),
    callee_saved: RegSet(0xff00),
    low: RegSet(0xffff),
    link: RegSet::EMPTY,
};

/// What is known when a register is chosen for a value.
pub(super) struct Wish {
    /// Whether the value stays in its register across a call.
    pub crosses: bool,
    /// How many operand places would be shorter with the value in a low register.
    pub low: u8,
    /// Registers that the next fixed uses want.
    pub avoid: RegSet,
    /// Registers written so far.
    pub used: RegSet,
    /// Whether the function calls anything.
    pub calls: bool,
}

impl File {
    /// The file of the FPU's registers in a function.
    pub fn of_floats(f: &MFunc) -> &'static File {
        match f.float_class {
            Class::Double => &DOUBLE,
            Class::Core | Class::Single => &SINGLE,
        }
    }

    /// How many registers may hold values.
    pub fn len(&self) -> usize {
        self.allocatable.len()
    }

    /// Registers that a value costs no save in.
    pub fn unsaved(&self) -> RegSet {
        self.allocatable.minus(self.callee_saved).minus(self.link)
    }

    /// Registers in which fixed uses start from the lowest.
    fn arguments(&self) -> RegSet {
        self.unsaved().and(self.low)
    }

    /// The cheapest of `allowed`: saved registers cost a store and a load when they are used first, high registers cost wide
    /// encodings.
    pub fn cheapest(&self, allowed: RegSet, wish: &Wish) -> Reg {
        let classes = self.classes(wish);
        let class = classes
            .into_iter()
            .map(|c| c.and(allowed))
            .find(|c| !c.is_empty())
            .unwrap_or(allowed);
        // Fixed uses start at the lowest, so others take these registers from the highest downwards.
        if class.minus(self.arguments()).is_empty() {
            Reg(63 - class.0.leading_zeros() as u8)
        } else {
            Reg(class.0.trailing_zeros() as u8)
        }
    }

    /// Classes of registers, cheapest first.
    fn classes(&self, wish: &Wish) -> [RegSet; 8] {
        let arguments = self.arguments();
        let low = self.callee_saved.and(self.low);
        let high = self.callee_saved.minus(self.low);
        let spare = self.unsaved().minus(self.low);
        let saved = wish.used.and(self.callee_saved);
        // Where anything is pushed, or a call is made, the link register is pushed as well and so costs nothing.
        let pushed = wish.calls || !saved.is_empty() || !wish.used.and(self.link).is_empty();
        let link = if pushed { self.link } else { RegSet::EMPTY };
        let others = arguments.minus(wish.avoid);
        if wish.crosses {
            return [
                saved.and(self.low),
                low,
                saved,
                high,
                others,
                arguments,
                spare,
                self.link,
            ];
        }
        let spare = spare.or(link);
        if wish.low == 0 {
            return [
                spare,
                others,
                arguments,
                saved,
                low,
                self.link,
                high,
                RegSet::EMPTY,
            ];
        }
        let (first, second) = match wish.low > 2 && !link.is_empty() {
            true => (low, spare),
            false => (spare, low),
        };
        [
            others,
            saved.and(self.low),
            arguments,
            first,
            saved,
            second,
            self.link,
            high,
        ]
    }

    /// Whether a register is of this file.
    fn has(&self, r: Reg) -> bool {
        r.number(self.class).is_some()
    }

    /// A register of the file, numbered from 0.
    fn inside(&self, r: Reg) -> Option<Reg> {
        r.number(self.class).map(Reg)
    }

    /// A register numbered from 0, as it is outside.
    fn outside(&self, r: Reg) -> Reg {
        self.class.reg(r.0).unwrap_or(r)
    }

    fn set_inside(&self, set: RegSet) -> RegSet {
        let touched = |n: &u8| {
            let outside = self.outside(Reg(*n));
            !set.and(RegSet::of(outside)).is_empty()
        };
        (0..self.class.count())
            .filter(touched)
            .fold(RegSet::EMPTY, |s, n| s.or(RegSet::of(Reg(n))))
    }

    fn holds(&self, f: &MFunc, v: VReg) -> bool {
        f.is_float(v) == (self.class != Class::Core)
    }

    /// What a function is to this file alone.
    pub fn part(&self, f: &MFunc) -> Result<MFunc> {
        let mut blocks = Vec::with_capacity(f.blocks.len());
        for block in &f.blocks {
            let params = block.params.iter().copied();
            let insts = block.insts.iter().map(|i| self.instruction(f, i));
            let succs = block.succs.iter().map(|e| self.edge(f, e));
            blocks.push(MBlock {
                params: params.filter(|p| self.holds(f, *p)).collect(),
                insts: insts.collect::<Result<_>>()?,
                succs: succs.collect::<Result<_>>()?,
                preds: block.preds.clone(),
                loop_depth: block.loop_depth,
                cold: block.cold,
            });
        }
        Ok(MFunc {
            name: f.name.clone(),
            blocks,
            vregs: f.vregs,
            float: Vec::new(),
            float_class: Class::Core,
            out_bytes: f.out_bytes,
            in_bytes: f.in_bytes,
            has_calls: f.has_calls,
        })
    }

    fn edge(&self, f: &MFunc, edge: &MEdge) -> Result<MEdge> {
        let Some(to) = f.blocks.get(edge.to.0 as usize) else {
            return internal(f, "an edge to nowhere");
        };
        let both = edge.args.iter().zip(&to.params);
        let kept = both.filter(|(_, p)| self.holds(f, **p));
        Ok(MEdge {
            to: edge.to,
            args: kept.map(|(a, _)| *a).collect(),
        })
    }

    fn instruction(&self, f: &MFunc, inst: &MInst) -> Result<MInst> {
        let mut part = inst.clone();
        part.defs.retain(|d| self.holds(f, *d));
        part.uses.retain(|u| self.holds(f, *u));
        if let Some(abi) = &inst.abi {
            let fixed = |regs: &[Reg], values: &[VReg]| -> Result<SmallVec<[Reg; 4]>> {
                let first = values.len().checked_sub(regs.len());
                let Some(values) = first.map(|n| &values[n..]) else {
                    return internal(f, "fewer operands than fixed registers");
                };
                if regs
                    .iter()
                    .zip(values)
                    .any(|(r, v)| self.has(*r) != self.holds(f, *v))
                {
                    return internal(f, "a fixed register of another file");
                }
                Ok(regs.iter().filter_map(|r| self.inside(*r)).collect())
            };
            part.abi = Some(Box::new(Abi {
                uses: fixed(&abi.uses, &inst.uses)?,
                defs: fixed(&abi.defs, &inst.defs)?,
                clobbers: self.set_inside(abi.clobbers),
            }));
        }
        Ok(part)
    }

    /// Adds the allocation of this file's part to that of the whole function, which has those of other files so far.
    pub fn join(&self, f: &MFunc, part: &Allocation, whole: &mut Allocation) {
        for (b, block) in f.blocks.iter().enumerate() {
            let edits = part.edits[b].iter();
            whole.edits[b].extend(edits.map(|(i, e)| (*i, e.renamed(|r| self.outside(r)))));
            whole.edits[b].sort_by_key(|e| e.0);
            let mut regs = part.regs[b].iter();
            for (i, inst) in block.insts.iter().enumerate() {
                let start = whole.starts[b][i] as usize;
                for (k, v) in inst.defs.iter().chain(&inst.uses).enumerate() {
                    if self.holds(f, *v)
                        && let Some(&r) = regs.next()
                    {
                        whole.regs[b][start + k] = self.outside(r);
                    }
                }
            }
        }
        whole.omitted.extend_from_slice(&part.omitted);
        whole.omitted.sort_unstable();
        match self.class {
            Class::Core => whole.slots = part.slots,
            Class::Single | Class::Double => whole.float_slots = part.slots,
        }
        let lost = self.class != Class::Core && on(Bug::FloatUseLost);
        for r in part.used.iter().filter(|_| !lost) {
            whole.used.insert(self.outside(r));
        }
    }

    /// What the allocation of a function is to this file alone.
    ///
    /// # Errors
    /// If an operand or an edit has a register of another file than its value.
    pub fn part_of(&self, f: &MFunc, whole: &Allocation) -> Result<Allocation> {
        let mut part = Allocation {
            omitted: whole.omitted.clone(),
            slots: match self.class {
                Class::Core => whole.slots,
                Class::Single | Class::Double => whole.float_slots,
            },
            used: self.set_inside(whole.used),
            ..Allocation::default()
        };
        part.omitted
            .retain(|&(b, i)| whole.defines(f, b, i, |v| self.holds(f, v)));
        for (b, block) in f.blocks.iter().enumerate() {
            let (mut regs, mut starts) = (Vec::new(), Vec::new());
            for (i, inst) in block.insts.iter().enumerate() {
                starts.push(regs.len() as u32);
                let (defs, uses) = whole.operands(b as u32, i as u32, inst);
                let values = inst.defs.iter().chain(&inst.uses);
                for (v, r) in values.zip(defs.iter().chain(uses)) {
                    match (self.holds(f, *v), self.inside(*r)) {
                        (true, Some(r)) => regs.push(r),
                        (true, None) if part.is_omitted(b as u32, i as u32) => regs.push(Reg(0)),
                        (true, None) => {
                            return internal(f, format!("v{} is in {r}, of another file", v.0));
                        }
                        (false, _) => {}
                    }
                }
            }
            let mut edits = Vec::new();
            for &(at, edit) in &whole.edits[b] {
                let named = edit.registers();
                if named.iter().all(|r| self.has(*r)) {
                    edits.push((at, edit.renamed(|r| self.inside(r).unwrap_or(r))));
                } else if named.iter().any(|r| self.has(*r)) {
                    return internal(f, format!("{edit:?} between files"));
                }
            }
            part.edits.push(edits);
            part.regs.push(regs);
            part.starts.push(starts);
        }
        Ok(part)
    }
}

/// An allocation in which nothing is allocated yet, with room for all operands.
pub(super) fn empty(f: &MFunc) -> Allocation {
    let mut whole = Allocation::default();
    for block in &f.blocks {
        let (mut starts, mut end) = (Vec::with_capacity(block.insts.len()), 0);
        for inst in &block.insts {
            starts.push(end as u32);
            end += inst.defs.len() + inst.uses.len();
        }
        whole.edits.push(Vec::new());
        whole.starts.push(starts);
        whole.regs.push(vec![Reg::R0; end]);
    }
    whole
}
