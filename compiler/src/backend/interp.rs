//! The interpreter of the machine IR, over virtual registers or over an allocation of it.
//!
//! In: functions that [`verify`](super::verify) accepts, with or without an [`Allocation`], the address at which each is
//! entered, and the addresses of symbols. Out: registers and memory changed, and where control left the functions.
//! It has no operations of its own but those that become instructions later: an instruction of the table is put into a
//! machine with its operands in registers, and [`Machine::perform`] says what it does.
//!
//! Between functions it is a machine: arguments and results are in the registers and at the stack offsets that the
//! operations name, so that imports and callers outside are served as emitted code serves them. A call of what is
//! not here leaves with PC there and LR at [`Interp::RESUME`]; entering there goes on. Within a function, values are
//! virtual registers, or, under an allocation, what the hardware would have: fixed operands are read from the
//! fixed registers whatever the allocation says, tied operands from the register of the result, and a call leaves
//! junk in what it destroys. Saving registers, frames and stack checks come with emission, so a callee's registers come
//! back by themselves, and the stack ends at a number of calls. Flags that an operation may destroy are destroyed.
//! Invariant: every execution ends, by its limit; calls use no stack of the host.

use super::linear::{Halt, scramble};
use super::mir::{Abi, MFunc, MInst, MOp, Symbol, VReg};
use crate::isa::exec::{Bus, BusFault, Machine};
use crate::isa::{self, Cond, Inst, Op, Reg, RegSet, Role};
use crate::options::Cpu;
use crate::regalloc::{Allocation, Edit, Loc};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::rc::Rc;

/// Calls within calls; deeper is [`TrapKind::StackExhausted`].
const DEPTH: usize = 100_000;

/// Values: of 32 bits, or of 64 in a `d` register.
type Words = SmallVec<[u64; 4]>;
type Regs = SmallVec<[Reg; 4]>;

/// A function made ready.
struct Function {
    mir: MFunc,
    allocation: Option<Allocation>,
    /// Where each value is defined that an edit makes again.
    definitions: FxHashMap<VReg, (u32, u32)>,
}

/// A call in progress.
struct Frame {
    function: Rc<Function>,
    block: u32,
    inst: u32,
    /// By virtual register, if there is no allocation.
    values: Vec<u64>,
    /// Spill slots, if there is one: those of the core, then those of the FPU.
    slots: Vec<u64>,
    /// Registers at entry.
    entry: [u32; 16],
    /// Those of the FPU.
    floats: [u32; 32],
}

/// Functions made ready to run.
pub struct Interp {
    machine: Machine,
    functions: FxHashMap<u32, Rc<Function>>,
    symbols: FxHashMap<Symbol, u32>,
    /// The lowest stack address that may be used.
    stack_limit: u32,
    frames: Vec<Frame>,
    /// Frames of runs that were put aside, the last on top.
    suspended: Vec<Vec<Frame>>,
    junk: u32,
}

/// A function to be made ready: the even address at which it is entered, what it is, and where its values are.
pub type Entry = (u32, MFunc, Option<Allocation>);

impl Interp {
    /// The return address of calls of what is not here, without the Thumb bit.
    pub const RESUME: u32 = 0xffff_fff0;

    /// Makes functions ready. `address` gives symbols, functions with the Thumb bit.
    ///
    /// # Errors
    /// Text that names a symbol that is nowhere.
    pub fn new(
        cpu: Cpu,
        functions: Vec<Entry>,
        stack_limit: u32,
        address: &dyn Fn(Symbol) -> Option<u32>,
    ) -> Result<Interp, String> {
        let mut symbols = FxHashMap::default();
        let all = functions.iter().flat_map(|f| &f.1.blocks);
        for s in all.flat_map(|b| &b.insts).filter_map(|i| i.sym) {
            let at = address(s).ok_or_else(|| format!("symbol {} is nowhere", s.0))?;
            symbols.insert(s, at);
        }
        let ready = |(entry, mir, allocation)| (entry, Rc::new(Function::new(mir, allocation)));
        Ok(Interp {
            machine: Machine::new(cpu),
            functions: functions.into_iter().map(ready).collect(),
            symbols,
            stack_limit,
            frames: Vec::new(),
            suspended: Vec::new(),
            junk: 0x6a09_e667,
        })
    }

    /// Runs from PC until control leaves the functions, for at most `limit` instructions of the machine IR. Registers are
    /// those of the machine.
    pub fn run(&mut self, regs: &mut [u32; 16], bus: &mut impl Bus, limit: u64) -> Halt {
        self.machine.r = *regs;
        let begun = match regs[15] {
            Interp::RESUME => self.returned(),
            at => {
                self.frames.clear();
                self.enter(at)
            }
        };
        let mut halt = begun.err();
        let mut left = limit;
        let halt = loop {
            match (halt, left) {
                (Some(halt), _) => break halt,
                (None, 0) => break Halt::Limit,
                (None, _) => halt = self.step(bus).err(),
            }
            left -= 1;
        };
        *regs = self.machine.r;
        halt
    }

    /// Puts the run aside that has left by a call of what is not here: another one comes between.
    pub fn suspend(&mut self) {
        self.suspended.push(std::mem::take(&mut self.frames));
    }

    /// Takes up what was put aside last.
    pub fn resume(&mut self) {
        self.frames = self.suspended.pop().unwrap_or_default();
    }

    /// The machine: flags, and the registers of the FPU.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Goes to an address: into a function, or out.
    fn enter(&mut self, at: u32) -> Result<(), Halt> {
        self.machine.r[15] = at;
        let Some(function) = self.functions.get(&at).cloned() else {
            return Err(Halt::Outside);
        };
        let f = &function.mir;
        let entry = self.machine.r;
        let sp = entry[13].wrapping_sub(f.out_bytes.next_multiple_of(8));
        if self.frames.len() >= DEPTH || sp > entry[13] || sp < self.stack_limit {
            return Err(Halt::Trap(TrapKind::StackExhausted.code()));
        }
        self.machine.r[13] = sp;
        let slots = function.allocation.as_ref();
        let slots = slots.map_or(0, |a| a.slots + a.float_slots);
        let values = match function.allocation {
            Some(_) => 0,
            None => f.vregs,
        };
        let values = vec![0; values as usize];
        let slots = (0..slots).map(|_| self.junk().into()).collect();
        self.frames.push(Frame {
            function,
            block: 0,
            inst: 0,
            values,
            slots,
            entry,
            floats: self.machine.s,
        });
        Ok(())
    }

    fn junk(&mut self) -> u32 {
        self.junk = self
            .junk
            .wrapping_mul(0x0019_660d)
            .wrapping_add(0x3c6e_f35f);
        self.junk
    }

    /// Executes one instruction with the edits before it.
    fn step(&mut self, bus: &mut impl Bus) -> Result<(), Halt> {
        let Some(frame) = self.frames.last() else {
            return Err(Halt::Outside);
        };
        let function = Rc::clone(&frame.function);
        let (b, i) = (frame.block, frame.inst);
        let Some(inst) = function.mir.blocks[b as usize].insts.get(i as usize) else {
            return fault("control runs past the end of a block");
        };
        if let Some(a) = &function.allocation {
            let edits = &a.edits[b as usize];
            let first = edits.partition_point(|e| e.0 < i);
            for (_, edit) in edits[first..].iter().take_while(|e| e.0 == i) {
                self.edit(&function, *edit, bus)?;
            }
            if a.is_omitted(b, i) {
                self.next();
                return Ok(());
            }
        }
        let uses = self.uses(&function, inst, (b, i));
        let defs = self.execute(&function, inst, &uses, bus)?;
        if let Some(defs) = defs {
            self.define(&function, inst, (b, i), &defs);
            self.next();
        }
        Ok(())
    }

    fn next(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.inst += 1;
        }
    }

    fn edit(&mut self, function: &Function, edit: Edit, bus: &mut impl Bus) -> Result<(), Halt> {
        match edit {
            Edit::Move { from, to } => {
                let bits = match (from, to) {
                    (Loc::Reg(r), _) => self.machine.read(r),
                    (Loc::Slot(s), Loc::Reg(r)) => *self.slot(function, s, r)?,
                    (Loc::Slot(_), Loc::Slot(_)) => return fault("a move of two slots"),
                };
                match (from, to) {
                    (_, Loc::Reg(r)) => self.machine.write(r, bits),
                    (Loc::Reg(r), Loc::Slot(s)) => *self.slot(function, s, r)? = bits,
                    (Loc::Slot(_), Loc::Slot(_)) => {}
                }
            }
            Edit::Swap(x, y) => {
                let (a, b) = (self.machine.read(x), self.machine.read(y));
                self.machine.write(x, b);
                self.machine.write(y, a);
            }
            Edit::Remat { value, to } => {
                let Some(&(b, i)) = function.definitions.get(&value) else {
                    return fault("a value is made again that nothing can make");
                };
                let inst = &function.mir.blocks[b as usize].insts[i as usize];
                let made = self.execute(function, inst, &[], bus)?;
                let word = made.and_then(|d| d.first().copied()).unwrap_or(0);
                self.machine.write(to, word);
            }
        }
        Ok(())
    }

    /// A spill slot of the file that a register is of.
    fn slot(&mut self, function: &Function, slot: u32, of: Reg) -> Result<&mut u64, Halt> {
        let first = match &function.allocation {
            Some(a) if of.is_float() => a.slots,
            _ => 0,
        };
        let frame = self.frames.last_mut();
        let place = frame.and_then(|f| f.slots.get_mut((first + slot) as usize));
        place.ok_or_else(|| Halt::Fault(format!("there is no slot {slot}")))
    }

    /// What the instruction reads.
    fn uses(&mut self, function: &Function, inst: &MInst, (b, i): (u32, u32)) -> Words {
        let Some(a) = &function.allocation else {
            let values = self.frames.last().map_or(&[][..], |f| &f.values);
            return inst.uses.iter().map(|u| values[u.0 as usize]).collect();
        };
        let (defs, uses) = a.operands(b, i, inst);
        if inst.is_early_clobber() {
            for d in defs {
                let junk = self.junk();
                self.machine.write(*d, junk.into());
            }
        }
        let mut from = Regs::from_slice(uses);
        for (d, u) in inst.tied() {
            from[u] = defs[d];
        }
        if let Some(abi) = &inst.abi {
            let free = from.len() - abi.uses.len();
            from[free..].copy_from_slice(&abi.uses);
        }
        from.iter().map(|r| self.machine.read(*r)).collect()
    }

    /// Puts results where they go.
    fn define(&mut self, function: &Function, inst: &MInst, (b, i): (u32, u32), words: &[u64]) {
        match (&function.allocation, &inst.abi) {
            (None, _) => {
                if let Some(frame) = self.frames.last_mut() {
                    for (d, &word) in inst.defs.iter().zip(words) {
                        frame.values[d.0 as usize] = word;
                    }
                }
            }
            (Some(_), Some(abi)) => self.put(&abi.defs, words),
            (Some(a), None) => self.put(a.operands(b, i, inst).0, words),
        }
    }

    fn put(&mut self, regs: &[Reg], words: &[u64]) {
        for (r, &word) in regs.iter().zip(words) {
            self.machine.write(*r, word);
        }
    }

    fn get(&self, regs: &[Reg]) -> Words {
        regs.iter().map(|r| self.machine.read(*r)).collect()
    }

    /// Byte `imm` of the incoming stack area, and of the outgoing one.
    fn areas(&self, imm: i32) -> (u32, u32) {
        let entry = self.frames.last().map_or(0, |f| f.entry[13]);
        let offset = imm as u32;
        (
            entry.wrapping_add(offset),
            self.machine.r[13].wrapping_add(offset),
        )
    }

    /// The results of an instruction; `None` if control went elsewhere.
    fn execute(
        &mut self,
        function: &Function,
        inst: &MInst,
        uses: &[u64],
        bus: &mut impl Bus,
    ) -> Result<Option<Words>, Halt> {
        let (incoming, outgoing) = self.areas(inst.imm);
        let first = uses.first().copied().unwrap_or(0) as u32;
        let tested = (first == 0) == (inst.cond == Cond::Eq);
        let one = |word: u32| Ok(Some(Words::from_slice(&[word.into()])));
        let abi = inst.abi.as_deref();
        match inst.op {
            MOp::Isa(op) => self.isa(op, inst, uses, bus).map(Some),
            MOp::Args => Ok(Some(abi.map_or_else(Words::new, |a| self.get(&a.defs)))),
            MOp::Copy => Ok(Some(Words::from_slice(&[uses[0]]))),
            MOp::Const | MOp::FloatConst => one(inst.imm as u32),
            MOp::DoubleConst => {
                let double = f64::from(f32::from_bits(inst.imm as u32));
                Ok(Some(Words::from_slice(&[double.to_bits()])))
            }
            MOp::HighHalf => one((uses[0] >> 32) as u32),
            MOp::PutHigh => {
                let low = u64::from(first);
                Ok(Some(Words::from_slice(&[uses[1] << 32 | low])))
            }
            MOp::SymAddr => one(self.address(inst)?.wrapping_add(inst.imm as u32)),
            MOp::InArg => one(load(bus, incoming)?),
            MOp::OutLoad if on(Bug::MachineResults) && inst.imm >= 8 => {
                one(load(bus, outgoing.wrapping_sub(4))?)
            }
            MOp::OutLoad => one(load(bus, outgoing)?),
            MOp::OutAddr => one(outgoing),
            MOp::InStore => store(bus, incoming, first),
            MOp::OutArg => store(bus, outgoing, first),
            MOp::Call => {
                let to = self.address(inst)?;
                self.call(abi, to, uses)
            }
            MOp::CallReg => self.call(abi, first, uses.get(1..).unwrap_or(&[])),
            MOp::TrapIf if !self.machine.flags.holds(inst.cond) => Ok(Some(Words::new())),
            MOp::TrapIf | MOp::Trap => Err(Halt::Trap(inst.imm as u8)),
            MOp::TrapIfZero => {
                scramble(&mut self.machine.flags);
                match tested {
                    true => Err(Halt::Trap(inst.imm as u8)),
                    false => Ok(Some(Words::new())),
                }
            }
            MOp::Jump => self.go(function, 0),
            MOp::Branch => {
                let way = usize::from(!self.machine.flags.holds(inst.cond));
                self.go(function, way)
            }
            MOp::BranchZero => {
                scramble(&mut self.machine.flags);
                self.go(function, usize::from(!tested))
            }
            MOp::Switch => {
                scramble(&mut self.machine.flags);
                self.go(function, first as usize)
            }
            MOp::Ret => {
                if let Some(abi) = abi {
                    self.put(&abi.uses, uses);
                }
                self.leave()
            }
            MOp::TailCall => {
                let to = self.address(inst)?;
                self.tail_call(abi, to, uses)
            }
            MOp::TailCallReg => self.tail_call(abi, first, uses),
        }
    }

    fn address(&self, inst: &MInst) -> Result<u32, Halt> {
        let at = inst.sym.and_then(|s| self.symbols.get(&s).copied());
        at.ok_or_else(|| Halt::Fault("an address of no symbol".into()))
    }

    /// An instruction of the table: a machine executes it with the operand of place `k` in the `k`th register of its class.
    fn isa(&mut self, op: Op, m: &MInst, uses: &[u64], bus: &mut impl Bus) -> Result<Words, Halt> {
        let (roles, classes) = (op.roles(), isa::table::classes(op));
        let place = |k: usize| classes[k].reg(k as u8).unwrap_or(Reg::R0);
        let mut inst = Inst {
            cond: m.cond,
            s: m.s,
            imm2: m.imm2,
            shift: m.shift,
            ..Inst::new(op, &[], m.imm)
        };
        for (k, r) in inst.regs.iter_mut().take(roles.len()).enumerate() {
            *r = place(k);
        }
        let saved = (self.machine.r, self.machine.s);
        let mut operands = uses.iter();
        let (reads, keeps): (Vec<_>, Vec<_>) =
            (0..roles.len()).partition(|&k| roles[k] != Role::Def);
        // What a definition keeps where the condition fails stands behind the operands.
        let kept = keeps.iter().filter(|_| m.cond != Cond::Al);
        for (&k, &bits) in reads.iter().chain(kept).zip(&mut operands) {
            self.machine.write(place(k), bits);
        }
        self.machine.it = 0;
        let done = self.machine.perform(&inst, 4, bus);
        let defined = |k: &usize| roles[*k] != Role::Use;
        let results = (0..roles.len()).filter(defined);
        let results = results.map(|k| self.machine.read(place(k))).collect();
        (self.machine.r, self.machine.s) = saved;
        done?;
        Ok(results)
    }

    /// Takes an edge.
    fn go(&mut self, function: &Function, way: usize) -> Result<Option<Words>, Halt> {
        let Some(frame) = self.frames.last_mut() else {
            return Err(Halt::Outside);
        };
        let block = &function.mir.blocks[frame.block as usize];
        let Some(edge) = block.succs.get(way) else {
            return fault(&format!("way {way} of {}", block.succs.len()));
        };
        (frame.block, frame.inst) = (edge.to.0, 0);
        if function.allocation.is_none() {
            let args: Words = edge
                .args
                .iter()
                .map(|a| frame.values[a.0 as usize])
                .collect();
            let params = &function.mir.blocks[edge.to.0 as usize].params;
            for (p, word) in params.iter().zip(args) {
                frame.values[p.0 as usize] = word;
            }
        }
        Ok(None)
    }

    /// Puts the arguments of a call in place and goes there.
    fn call(&mut self, abi: Option<&Abi>, to: u32, args: &[u64]) -> Result<Option<Words>, Halt> {
        if to & 1 == 0 {
            return fault(&format!("a call of {to:#x}, without the Thumb bit"));
        }
        if let Some(abi) = abi {
            self.put(&abi.uses, args);
        }
        self.machine.r[14] = Interp::RESUME | 1;
        self.enter(to & !1)?;
        Ok(None)
    }

    /// Goes to a function in the place of the innermost one, whose caller it returns to.
    fn tail_call(
        &mut self,
        abi: Option<&Abi>,
        to: u32,
        args: &[u64],
    ) -> Result<Option<Words>, Halt> {
        if to & 1 == 0 {
            return fault(&format!("a call of {to:#x}, without the Thumb bit"));
        }
        let Some(frame) = self.frames.pop() else {
            return Err(Halt::Outside);
        };
        self.restore(&frame);
        self.machine.r[14] = frame.entry[14];
        if let Some(abi) = abi {
            self.put(&abi.uses, args);
        }
        scramble(&mut self.machine.flags);
        self.enter(to & !1)?;
        Ok(None)
    }

    /// Gives registers that a callee preserves what they had at entry.
    fn restore(&mut self, frame: &Frame) {
        for r in RegSet::CALLEE_SAVED.iter().chain([Reg::SP]) {
            self.machine.r[r.0 as usize] = frame.entry[r.0 as usize];
        }
        self.machine.s[16..].copy_from_slice(&frame.floats[16..]);
    }

    /// Ends the innermost call. What a callee preserves has its value again; who emits code has to see to that.
    fn leave(&mut self) -> Result<Option<Words>, Halt> {
        let Some(frame) = self.frames.pop() else {
            return Err(Halt::Outside);
        };
        self.restore(&frame);
        let back = frame.entry[14];
        if back & 1 == 0 {
            return fault(&format!("a return to {back:#x}, without the Thumb bit"));
        }
        self.machine.r[15] = back & !1;
        if back & !1 != Interp::RESUME {
            return Err(Halt::Outside);
        }
        self.returned()?;
        Ok(None)
    }

    /// Goes on after the call at which the innermost function stands.
    fn returned(&mut self) -> Result<(), Halt> {
        let Some(frame) = self.frames.last() else {
            return fault("a return from a call that nobody made");
        };
        let function = Rc::clone(&frame.function);
        let (b, i) = (frame.block, frame.inst);
        let inst = &function.mir.blocks[b as usize].insts[i as usize];
        if let Some(abi) = &inst.abi {
            let results = self.get(&abi.defs);
            for r in abi.clobbers.iter() {
                let junk = self.junk();
                self.machine.write(r, junk.into());
            }
            self.define(&function, inst, (b, i), &results);
        }
        if !inst.s {
            scramble(&mut self.machine.flags);
        }
        self.next();
        Ok(())
    }
}

fn fault<T>(what: &str) -> Result<T, Halt> {
    Err(Halt::Fault(what.to_owned()))
}

fn refused(fault: BusFault) -> Halt {
    Halt::from(crate::isa::exec::Stop::Bus(fault))
}

fn load(bus: &mut impl Bus, address: u32) -> Result<u32, Halt> {
    bus.load(address, 4).map_err(refused)
}

fn store(bus: &mut impl Bus, address: u32, word: u32) -> Result<Option<Words>, Halt> {
    bus.store(address, 4, word).map_err(refused)?;
    Ok(Some(Words::new()))
}

impl Function {
    fn new(mir: MFunc, allocation: Option<Allocation>) -> Function {
        let mut definitions = FxHashMap::default();
        for (b, block) in mir.blocks.iter().enumerate() {
            for (i, inst) in block.insts.iter().enumerate() {
                if inst.is_rematerializable() {
                    definitions.insert(inst.defs[0], (b as u32, i as u32));
                }
            }
        }
        Function {
            mir,
            allocation,
            definitions,
        }
    }
}
