//! Execution with made-up operations: a second judge of allocations, and a judge of the checker.
//!
//! In: an `MFunc`, with or without an [`Allocation`], and a seed that picks the path. Out: what was observable: a
//! digest of each executed instruction with the operand values that it read. Each operation computes an arbitrary
//! function of its operands (a hash), so two executions are alike only if each instruction reads the same values.
//!
//! The allocated side acts as hardware would: fixed operands are read from the fixed registers whatever the
//! allocation says, a tied operand is read from the register of the result, clobbers destroy, early results are
//! written before operands are read.

use super::{Allocation, Edit, Loc, allocate, check, internal, testgen};
use crate::backend::mir::{MFunc, MInst, VReg};
use crate::choices::{Choices, Source};
use crate::error::Result;
use crate::isa::{Reg, RegSet};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Makes a function from some of the bytes, allocates it with choices from the others, checks the result and
/// compares execution on a few paths: the whole of a fuzz target.
///
/// # Errors
/// What failed: allocation, the checker, or execution (then the checker has accepted a wrong allocation).
pub fn judge(bytes: &[u8]) -> Result<()> {
    let (choices, function) = bytes.split_at(bytes.len() / 3);
    let f = testgen::function(function);
    let source = match choices.first() {
        Some(0..128) => Source::Bytes(choices.into()),
        Some(_) | None => Source::Heuristic,
    };
    let a = allocate(&f, &mut Choices::new(source, None))?;
    check(&f, &a)?;
    if differs(&f, &a) {
        return internal(&f, "execution differs and the checker accepts");
    }
    Ok(())
}

/// Whether execution of the allocation differs from that of the function on one of a few paths.
pub fn differs(f: &MFunc, a: &Allocation) -> bool {
    const STEPS: usize = 400;
    (0..4).any(|seed| run_virtual(f, seed, STEPS) != run_allocated(f, a, seed, STEPS))
}

/// Executes the function itself for at most `steps` instructions.
pub fn run_virtual(f: &MFunc, seed: u64, steps: usize) -> Vec<u64> {
    let mut run = Run::new(seed, steps);
    let mut env = vec![0u64; f.vregs as usize];
    let mut b = 0;
    'blocks: loop {
        let block = &f.blocks[b];
        for inst in &block.insts {
            let uses: Vec<u64> = inst.uses.iter().map(|u| env[u.0 as usize]).collect();
            match run.step(inst, &uses) {
                Step::Stop => break 'blocks,
                Step::Results(results) => {
                    for (d, r) in inst.defs.iter().zip(results) {
                        env[d.0 as usize] = r;
                    }
                }
            }
        }
        let Some(k) = run.choose(block.succs.len()) else {
            break;
        };
        let edge = &block.succs[k];
        let args: Vec<u64> = edge.args.iter().map(|a| env[a.0 as usize]).collect();
        b = edge.to.0 as usize;
        for (p, v) in f.blocks[b].params.iter().zip(args) {
            env[p.0 as usize] = v;
        }
    }
    run.trace
}

/// Executes the allocation for at most `steps` instructions. The allocation may be wrong, but its indexes
/// must be in range.
pub fn run_allocated(f: &MFunc, a: &Allocation, seed: u64, steps: usize) -> Vec<u64> {
    let mut run = Run::new(seed, steps);
    let definitions: BTreeMap<VReg, &MInst> = f
        .blocks
        .iter()
        .flat_map(|b| &b.insts)
        .filter_map(|i| Some((*i.defs.first()?, i)))
        .collect();
    let mut machine = Machine {
        regs: [0; REGS],
        slots: [a.slots, a.float_slots].map(|n| vec![0; n as usize]),
    };
    (0..REGS).for_each(|r| machine.regs[r] = digest(&("junk", r)));
    let mut b = 0;
    'blocks: loop {
        let block = &f.blocks[b];
        let mut edits = a.edits[b].iter().peekable();
        for (i, inst) in block.insts.iter().enumerate() {
            while let Some((_, edit)) = edits.next_if(|e| e.0 == i as u32) {
                machine.edit(edit, &definitions, &run);
            }
            let omitted = a.is_omitted(b as u32, i as u32);
            let (defs, uses) = a.operands(b as u32, i as u32, inst);
            let uses = if omitted {
                vec![]
            } else {
                machine.operands(inst, defs, uses)
            };
            match run.step(inst, &uses) {
                Step::Stop => break 'blocks,
                Step::Results(_) if omitted => {}
                Step::Results(results) => machine.write(inst, defs, &results),
            }
        }
        match run.choose(block.succs.len()) {
            Some(k) => b = block.succs[k].to.0 as usize,
            None => break,
        }
    }
    run.trace
}

/// Numbers of registers: to the last of the FPU's, `d15`.
const REGS: usize = Reg::d(15).0 as usize + 1;

struct Machine {
    regs: [u64; REGS],
    /// Those of the core, and those of the FPU.
    slots: [Vec<u64>; 2],
}

impl Machine {
    /// A place; a slot of the FPU's where that is asked for.
    fn place(&mut self, loc: Loc, float: bool) -> &mut u64 {
        match loc {
            Loc::Reg(r) => &mut self.regs[r.0 as usize],
            Loc::Slot(s) => &mut self.slots[usize::from(float)][s as usize],
        }
    }

    fn edit(&mut self, edit: &Edit, definitions: &BTreeMap<VReg, &MInst>, run: &Run) {
        match *edit {
            Edit::Move { from, to } => {
                let float = edit.registers().iter().any(|r| r.is_float());
                *self.place(to, float) = *self.place(from, float);
            }
            Edit::Remat { value, to } => {
                self.regs[to.0 as usize] = definitions
                    .get(&value)
                    .map_or(0, |inst| run.result(inst, &[], 0));
            }
            Edit::Swap(x, y) => self.regs.swap(x.0 as usize, y.0 as usize),
        }
    }

    /// Reads the operands as the hardware would, after writing early results.
    fn operands(&mut self, inst: &MInst, defs: &[Reg], uses: &[Reg]) -> Vec<u64> {
        if inst.is_early_clobber() {
            defs.iter()
                .for_each(|d| self.regs[d.0 as usize] = digest(&"early"));
        }
        let mut from = uses.to_vec();
        for (d, u) in inst.tied() {
            from[u] = defs[d];
        }
        if let Some(abi) = &inst.abi {
            let free = from.len() - abi.uses.len();
            from[free..].copy_from_slice(&abi.uses);
        }
        let moved = |k: usize, r: &Reg| {
            // The target of a call is overwritten when the arguments are put in place.
            let free = inst
                .abi
                .as_ref()
                .map_or(uses.len(), |abi| uses.len() - abi.uses.len());
            k < free && inst.abi.as_ref().is_some_and(|abi| abi.uses.contains(r))
        };
        let read = |(k, r): (usize, &Reg)| {
            if moved(k, r) {
                digest(&"moved")
            } else {
                self.regs[r.0 as usize]
            }
        };
        from.iter().enumerate().map(read).collect()
    }

    fn write(&mut self, inst: &MInst, defs: &[Reg], results: &[u64]) {
        let mut to = defs.to_vec();
        if let Some(abi) = &inst.abi {
            // Of a `d` register the loss of a half.
            for r in 0..REGS as u8 {
                if !abi.clobbers.and(RegSet::of(Reg(r))).is_empty() {
                    self.regs[r as usize] = digest(&("clobbered", r));
                }
            }
            to.copy_from_slice(&abi.defs);
        }
        for (r, &word) in to.iter().zip(results) {
            self.regs[r.0 as usize] = word;
        }
    }
}

enum Step {
    Stop,
    Results(Vec<u64>),
}

struct Run {
    trace: Vec<u64>,
    /// Digest of the last instruction, with the seed: picks the path.
    state: u64,
    left: usize,
    seed: u64,
    /// Words stored into the incoming area.
    incoming: BTreeMap<i32, u64>,
}

impl Run {
    fn new(seed: u64, steps: usize) -> Run {
        Run {
            trace: Vec::new(),
            state: seed,
            left: steps,
            seed,
            incoming: BTreeMap::new(),
        }
    }

    fn step(&mut self, inst: &MInst, uses: &[u64]) -> Step {
        if self.left == 0 {
            return Step::Stop;
        }
        self.left -= 1;
        // Rematerializable instructions are not observable, so that copies of them are not either.
        if !(inst.is_rematerializable() && inst.uses.is_empty()) {
            self.state = digest(&(self.state, operation(inst), uses));
            self.trace.push(self.state);
        }
        if let ([word], true) = (uses, inst.writes_incoming()) {
            self.incoming.insert(inst.imm, *word);
        }
        Step::Results(
            (0..inst.defs.len())
                .map(|k| self.result(inst, uses, k))
                .collect(),
        )
    }

    fn result(&self, inst: &MInst, uses: &[u64], k: usize) -> u64 {
        let incoming = if inst.reads_incoming() {
            self.incoming.get(&inst.imm)
        } else {
            None
        };
        let time = if inst.abi.is_some() { self.state } else { 0 };
        digest(&(operation(inst), uses, k, incoming, time))
    }

    fn choose(&self, n: usize) -> Option<usize> {
        (self.state ^ self.seed)
            .rotate_left(17)
            .checked_rem(n as u64)
            .map(|k| k as usize)
    }
}

fn operation(inst: &MInst) -> u64 {
    digest(&(inst.op, inst.cond, inst.imm, inst.imm2, inst.sym))
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
