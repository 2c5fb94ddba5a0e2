//! Emission: machine IR and its allocation become linear code with physical registers.
//!
//! In: an [`MFunc`] and an [`Allocation`]. Out: [`Item`]s, frame included. Frame, from the stack pointer up: outgoing
//! area, spill slots, saved registers; then the
//! caller's outgoing area, which holds the stack arguments. A function that saves nothing and keeps nothing on the stack
//! has no prologue. Nothing emitted for an edit touches the flags.

use super::code::{Item, Kind, Label, Literal};
use super::mir::{MFunc, MInst, MOp, Symbol, VReg};
use crate::isa::{self, Class, Cond, Inst, Op as I, Reg, RegSet, Role};
use crate::regalloc::{Allocation, Edit, Loc};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;

/// Largest offset that loads and stores take from the stack pointer.
const REACH: u32 = 4092;
/// Largest offset that VLDR and VSTR take.
const FLOAT_REACH: u32 = 1020;
/// Greatest immediate of ADDW and SUBW.
const PLAIN: u32 = 4095;

/// The frame of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Registers pushed at entry; `lr` among them if any.
    pub saved: RegSet,
    /// Registers of the FPU pushed below them: neighbours, as VPUSH has them.
    pub saved_floats: RegSet,
    /// Bytes below them.
    pub local: u32,
    /// Offset of the spill slots.
    slots_at: u32,
    /// Offset of the spill slots for registers of the FPU.
    float_slots_at: u32,
    /// Bytes that are pushed for a moment: where an access is out of an immediate's reach, where registers of the FPU are exchanged.
    borrows: u32,
    /// Whether literals at the end of the function are near enough for registers of the FPU.
    near: bool,
}

/// Bytes of a register of the FPU, as a function uses them.
fn float_bytes(f: &MFunc) -> u32 {
    match f.float_class {
        Class::Double => 8,
        Class::Core | Class::Single => 4,
    }
}

/// The callee-saved registers of the FPU that a function has to push: whole `d` registers, from the first to the last that it
/// uses any of.
fn saved_floats(a: &Allocation) -> RegSet {
    let used = a.used.and(RegSet::FLOAT_CALLEE_SAVED);
    let Some(first) = used.iter().next() else {
        return RegSet::EMPTY;
    };
    let last = Reg(63 - used.0.leading_zeros() as u8);
    let lost = 2 * u8::from(on(Bug::FloatSaveLost) && last.0 > first.0 + 4);
    (first.0 & !1..=(last.0 | 1) - lost).fold(RegSet::EMPTY, |s, n| s.or(RegSet::of(Reg(n))))
}

impl Frame {
    /// Decides the frame.
    pub fn new(f: &MFunc, a: &Allocation) -> Frame {
        let mut saved = a.used.and(RegSet::CALLEE_SAVED);
        if on(Bug::CalleeSaveLost) && saved.len() > 4 {
            saved.remove(Reg::R11);
        }
        if f.has_calls || a.used.contains(Reg::LR) || !saved.is_empty() {
            saved.insert(Reg::LR);
        }
        let saved_floats = saved_floats(a);
        let overlap = if on(Bug::SlotsOverlap) { 4 } else { 0 };
        let slots_at = f.out_bytes.saturating_sub(overlap);
        let float_slots_at = match on(Bug::FloatSlotsOverlap) {
            true => slots_at,
            false => slots_at + 4 * a.slots,
        };
        let mut local = float_slots_at + float_bytes(f) * a.float_slots;
        // The stack pointer is a multiple of 8 at calls (AAPCS, 6.2.1.2).
        let total = local + 4 * (saved.len() + saved_floats.len()) as u32;
        if !total.is_multiple_of(8) && f.has_calls && !(on(Bug::FrameOdd) && a.slots > 0) {
            let r3_returns = f.blocks.iter().filter_map(|b| b.insts.last()).any(|i| {
                (i.op == MOp::Ret || i.leaves() && !on(Bug::TailPadding))
                    && i.abi.as_ref().is_some_and(|a| a.uses.contains(&Reg(3)))
            });
            if local == 0 && (!r3_returns || on(Bug::ResultPopped)) {
                // A register more to push and pop is shorter than moving the stack pointer.
                saved.insert(Reg(3));
            } else {
                local += 4;
            }
        }
        let mut frame = Frame {
            saved,
            saved_floats,
            local,
            slots_at,
            float_slots_at,
            borrows: 0,
            near: true,
        };
        frame.near = frame.has_near_literals(f, a);
        frame.borrows = frame.most_borrowed(f, a);
        frame
    }

    /// Whether code is so short that every load into a register of the FPU reaches the literals behind it.
    fn has_near_literals(&self, f: &MFunc, a: &Allocation) -> bool {
        let mut insts = f.blocks.iter().flat_map(|b| &b.insts);
        if !insts.any(|i| i.op == MOp::FloatConst && !i.is_cheap()) {
            return true;
        }
        let items = emit_with(f, a, *self, None, Pool::All);
        let bytes: u32 = items.iter().map(Item::most_bytes).sum();
        bytes <= FLOAT_LITERAL_REACH && size(f, a) < FEW
    }

    /// Bytes that are pushed for a moment at most. Edits are asked for exchanges, and the farthest places for the reach of
    /// their accesses; loads of core registers need no other one.
    fn most_borrowed(&self, f: &MFunc, a: &Allocation) -> u32 {
        let mut edits = a.edits.iter().flatten();
        if edits.any(|(_, e)| matches!(e, Edit::Swap(x, _) if x.is_float())) {
            return 8;
        }
        let insts = || f.blocks.iter().flat_map(|b| &b.insts);
        // The bits of a float whose literal would be too far come from a register of the core.
        if !f.float.is_empty() && (self.local > FLOAT_REACH || !self.near) {
            return 4;
        }
        let incoming = insts().filter(|i| i.writes_incoming());
        let farthest = incoming.map(|i| i.imm as u32 + self.bytes()).max();
        4 * u32::from(farthest.unwrap_or(self.local) > REACH)
    }

    /// Bytes of stack the function keeps.
    pub fn bytes(&self) -> u32 {
        self.local + 4 * (self.saved.len() + self.saved_floats.len()) as u32
    }

    /// Bytes of stack the function uses at most, without its calls.
    pub fn deepest(&self) -> u32 {
        self.bytes() + self.borrows
    }
}

/// Functions of fewer instructions than this may have a literal pool at their end.
const FEW: usize = 700;
/// Bytes of a function that a load from its pool reaches across, less than the encoding has for alignment.
const LITERAL_REACH: u32 = 4080;
/// The same for a load into a register of the FPU, less what a stack check takes.
const FLOAT_LITERAL_REACH: u32 = 960;

/// Which constants may lie in a literal pool at the end of the function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pool {
    None,
    Core,
    All,
}

/// What happens to a place of the frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Load,
    Store,
}

impl Access {
    /// The instruction for a register.
    fn op(self, r: Reg) -> I {
        match (self, r.class()) {
            (Access::Load, Class::Core) => I::LdrI,
            (Access::Load, Class::Single) => I::VldrS,
            (Access::Load, Class::Double) => I::VldrD,
            (Access::Store, Class::Core) => I::StrI,
            (Access::Store, Class::Single) => I::VstrS,
            (Access::Store, Class::Double) => I::VstrD,
        }
    }
}

/// The register as an operand of a class: of a `d` register that holds a float of 32 bits, its lower half.
fn of_class(r: Reg, class: Class) -> Reg {
    match (class, r.number(Class::Double)) {
        (Class::Single, Some(n)) => Reg::s(2 * n),
        _ => r,
    }
}

/// The upper half of a `d` register.
fn upper_half(r: Reg) -> Reg {
    r.number(Class::Double).map_or(r, |n| Reg::s(2 * n + 1))
}

struct Emit<'a> {
    f: &'a MFunc,
    a: &'a Allocation,
    frame: Frame,
    /// The symbol of the stack limit and the bytes to check for, if the function checks.
    stack_check: Option<(Symbol, u32)>,
    out: Vec<Item>,
    /// Trap pads to put at the end: label, kind, origin.
    pads: Vec<(Label, u8, u32)>,
    next_label: u32,
    loc: u32,
    pool: Pool,
    /// By virtual register: where it is defined, for rematerialization.
    defs: rustc_hash::FxHashMap<VReg, (u32, u32)>,
}

/// Emits a function. Its constants lie in a literal pool where every load reaches it whatever later passes leave: few
/// instructions may be many bytes, since each access far from the stack pointer takes several.
pub fn emit(
    f: &MFunc,
    a: &Allocation,
    frame: Frame,
    stack_check: Option<(Symbol, u32)>,
) -> Vec<Item> {
    let pool = match (frame.near, size(f, a) < FEW) {
        (true, true) => Pool::All,
        (false, true) => Pool::Core,
        (_, false) => Pool::None,
    };
    let items = emit_with(f, a, frame, stack_check, pool);
    let bytes: u32 = items.iter().map(Item::most_bytes).sum();
    if pool > Pool::None && bytes > LITERAL_REACH && !on(Bug::LiteralOutOfReach) {
        return emit_with(f, a, frame, stack_check, Pool::None);
    }
    items
}

/// Instructions and edits of a function.
fn size(f: &MFunc, a: &Allocation) -> usize {
    let blocks = f.blocks.iter().zip(&a.edits);
    blocks
        .map(|(b, e)| b.insts.len() + e.len() + b.succs.len())
        .sum()
}

fn emit_with(
    f: &MFunc,
    a: &Allocation,
    frame: Frame,
    stack_check: Option<(Symbol, u32)>,
    pool: Pool,
) -> Vec<Item> {
    let mut e = Emit {
        f,
        a,
        frame,
        stack_check,
        out: Vec::with_capacity(size(f, a) + 8),
        pads: Vec::new(),
        next_label: f.blocks.len() as u32,
        loc: 0,
        pool,
        defs: Default::default(),
    };
    e.find_remats();
    e.prologue();
    for b in 0..f.blocks.len() as u32 {
        e.block(b);
    }
    for (label, kind, loc) in std::mem::take(&mut e.pads) {
        e.loc = loc;
        e.push(Kind::Label(label));
        e.push(Kind::Trap(kind));
    }
    e.out
}

impl Emit<'_> {
    fn find_remats(&mut self) {
        if !self
            .a
            .edits
            .iter()
            .flatten()
            .any(|(_, e)| matches!(e, Edit::Remat { .. }))
        {
            return;
        }
        for (b, block) in self.f.blocks.iter().enumerate() {
            for (i, inst) in block.insts.iter().enumerate() {
                if inst.is_rematerializable() {
                    self.defs.insert(inst.defs[0], (b as u32, i as u32));
                }
            }
        }
    }

    fn push(&mut self, kind: Kind) {
        self.out.push(Item {
            kind,
            loc: self.loc,
        });
    }

    fn inst(&mut self, op: I, regs: &[Reg], imm: i32) {
        self.push(Kind::Inst(Inst::new(op, regs, imm)));
    }

    fn label(&mut self) -> Label {
        self.next_label += 1;
        Label(self.next_label - 1)
    }

    fn trap_pad(&mut self, kind: u8) -> Label {
        let l = self.label();
        self.pads.push((l, kind, self.loc));
        l
    }

    fn prologue(&mut self) {
        if let Some((limit, bytes)) = self.stack_check {
            self.check_stack(limit, bytes);
        }
        self.list(I::Push, self.frame.saved);
        self.list(I::Vpush, self.frame.saved_floats);
        self.add_in_parts(I::SubI, Reg::SP, self.frame.local);
    }

    /// Traps if less than `bytes` are left above the limit. Only r12 is free here, and lr is live.
    fn check_stack(&mut self, limit: Symbol, bytes: u32) {
        self.load_literal(Reg::R12, Literal::Addr(limit, 0));
        self.inst(I::LdrI, &[Reg::R12, Reg::R12], 0);
        self.add_in_parts(I::AddI, Reg::R12, bytes);
        self.inst(I::CmpR, &[Reg::SP, Reg::R12], 0);
        let pad = self.trap_pad(TrapKind::StackExhausted.code());
        self.push(Kind::Branch(Cond::Lo, pad));
    }

    /// Adds to or subtracts from a register (`op` says which). What no plain immediate holds goes by eight bits from the
    /// top at a time, each a modified immediate; the parts of a number of words are words.
    fn add_in_parts(&mut self, op: I, r: Reg, amount: u32) {
        let mut left = amount;
        while left > 0 {
            let part = if left <= PLAIN {
                left
            } else {
                left & 0xffu32 << (24 - left.leading_zeros())
            };
            self.inst(op, &[r, r], part as i32);
            left -= part;
            let first_only = match r {
                Reg::SP => Bug::FarFrame,
                _ => Bug::FarSymbolOffset,
            };
            if on(first_only) {
                break;
            }
        }
    }

    /// Gives the frame back; the return address is in `lr` again.
    fn leave(&mut self) {
        self.leave_locals();
        self.list(I::Pop, self.frame.saved);
    }

    /// Gives back what lies below the saved registers of the core.
    fn leave_locals(&mut self) {
        self.add_in_parts(I::AddI, Reg::SP, self.frame.local);
        self.list(I::Vpop, self.frame.saved_floats);
    }

    /// Pushes or pops registers, if there are any.
    fn list(&mut self, op: I, list: RegSet) {
        if !list.is_empty() {
            self.push(Kind::Inst(Inst {
                list,
                ..Inst::new(op, &[], 0)
            }));
        }
    }

    fn epilogue(&mut self) {
        self.leave_locals();
        if self.frame.saved.is_empty() {
            return self.inst(I::BxR, &[Reg::LR], 0);
        }
        let mut list = self.frame.saved;
        list.remove(Reg::LR);
        list.insert(Reg::PC);
        self.list(I::Pop, list);
    }

    fn block(&mut self, b: u32) {
        let (f, a) = (self.f, self.a);
        let block = &f.blocks[b as usize];
        self.push(Kind::Label(Label(b)));
        let mut edits = a.edits[b as usize].iter().peekable();
        for (i, inst) in block.insts.iter().enumerate() {
            self.loc = inst.loc;
            while let Some(&(_, e)) = edits.next_if(|(at, _)| *at as usize == i) {
                self.edit(e);
            }
            if !a.is_omitted(b, i as u32) {
                let (defs, uses) = a.operands(b, i as u32, inst);
                self.minst(b, inst, defs, uses);
            }
        }
    }

    fn edit(&mut self, e: Edit) {
        match e {
            Edit::Move {
                from: Loc::Reg(from),
                to: Loc::Reg(to),
            } => self.copy(to, from),
            Edit::Move {
                from: Loc::Slot(s),
                to: Loc::Reg(to),
            } => self.slot(Access::Load, to, s),
            Edit::Move {
                from: Loc::Reg(from),
                to: Loc::Slot(s),
            } => self.slot(Access::Store, from, s),
            Edit::Move { .. } => debug_assert!(false, "a move has at most one slot"),
            Edit::Remat { value, to } => {
                let Some(&(b, i)) = self.defs.get(&value) else {
                    return;
                };
                let f = self.f;
                let inst = &f.blocks[b as usize].insts[i as usize];
                self.minst(b, inst, &[to], &[]);
            }
            Edit::Swap(x, y) if x.is_float() => {
                let s = of_class(x, Class::Single)
                    .number(Class::Single)
                    .unwrap_or(0);
                self.list(I::Vpush, RegSet::of(Reg::d(s / 2)));
                self.copy(x, y);
                let half = if on(Bug::ExchangeOddHalf) { 0 } else { s % 2 };
                self.stack(Access::Load, y, 4 * u32::from(half));
                self.inst(I::AddI, &[Reg::SP, Reg::SP], 8);
            }
            Edit::Swap(x, y) => {
                for (d, o) in [(x, y), (y, x), (x, y)] {
                    self.inst(I::EorR, &[d, d, o], 0);
                }
            }
        }
    }

    /// Copies a register to another of its file.
    fn copy(&mut self, to: Reg, from: Reg) {
        let op = match to.class() {
            Class::Core => I::MovR,
            Class::Single => I::VmovRF32,
            Class::Double => I::VmovRF64,
        };
        self.inst(op, &[to, from], 0);
    }

    /// The address of a place in the frame.
    fn frame_address(&mut self, r: Reg, offset: u32) {
        if offset <= REACH {
            return self.inst(I::AddI, &[r, Reg::SP], offset as i32);
        }
        self.inst(I::Movw, &[r], (offset & 0xffff) as i32);
        if offset > 0xffff {
            self.inst(I::Movt, &[r], (offset >> 16) as i32);
        }
        self.inst(I::AddR, &[r, Reg::SP, r], 0);
    }

    /// Loads or stores a spill slot.
    fn slot(&mut self, access: Access, r: Reg, s: u32) {
        if on(Bug::SlotBelow) && self.a.slots == 1 && r.class() == Class::Core {
            return self.inst(access.op(r), &[r, Reg::SP], -8);
        }
        let offset = match r.class() {
            Class::Core => self.frame.slots_at + 4 * s,
            Class::Single | Class::Double => self.frame.float_slots_at + float_bytes(self.f) * s,
        };
        self.stack(access, r, offset);
    }

    /// Loads or stores a place of the frame.
    fn stack(&mut self, access: Access, r: Reg, offset: u32) {
        let (op, core) = (access.op(r), r.class() == Class::Core);
        if offset <= if core { REACH } else { FLOAT_REACH } {
            return self.inst(op, &[r, Reg::SP], offset as i32);
        }
        if access == Access::Load && core {
            // The destination holds the address first.
            self.frame_address(r, offset);
            return self.inst(op, &[r, r], 0);
        }
        let other = r == Reg::R0 && !on(Bug::BorrowedItself);
        self.borrow(if other { Reg(1) } else { Reg::R0 }, |e, t| {
            let pushed = if on(Bug::FarStoreOffset) { 0 } else { 4 };
            e.frame_address(t, offset + pushed);
            e.inst(op, &[r, t], 0);
        });
    }

    /// Does something with a register whose value waits on the stack.
    fn borrow(&mut self, r: Reg, work: impl FnOnce(&mut Self, Reg)) {
        self.list(I::Push, RegSet::of(r));
        work(self, r);
        self.list(I::Pop, RegSet::of(r));
    }

    /// Byte offset of the incoming stack area.
    fn incoming(&self, imm: i32) -> u32 {
        self.frame.bytes() + imm as u32
    }

    fn minst(&mut self, b: u32, m: &MInst, defs: &[Reg], uses: &[Reg]) {
        let f = self.f;
        let succ = |i: usize| Label(f.blocks[b as usize].succs[i].to.0);
        match m.op {
            MOp::Isa(op) => self.isa(op, m, defs, uses),
            MOp::Args => {}
            MOp::Copy => self.copy(defs[0], uses[0]),
            MOp::Const => self.constant(defs[0], m.imm),
            MOp::FloatConst => self.float_constant(defs[0], m.imm),
            MOp::DoubleConst => self.inst(I::VmovIF64, &[defs[0]], m.imm),
            MOp::HighHalf => {
                let single = of_class(defs[0], Class::Single);
                self.inst(I::VmovRF32, &[single, upper_half(uses[0])], 0);
            }
            MOp::PutHigh => {
                let single = of_class(uses[1], Class::Single);
                self.inst(I::VmovRF32, &[upper_half(defs[0]), single], 0);
            }
            MOp::SymAddr => {
                if let Some(s) = m.sym {
                    self.load_literal(defs[0], Literal::Addr(s, m.imm));
                }
            }
            MOp::InArg => self.stack(Access::Load, defs[0], self.incoming(m.imm)),
            MOp::InStore => self.stack(Access::Store, uses[0], self.incoming(m.imm)),
            MOp::OutArg => self.stack(Access::Store, uses[0], m.imm as u32),
            MOp::OutLoad => self.stack(Access::Load, defs[0], m.imm as u32),
            MOp::OutAddr => self.frame_address(defs[0], m.imm as u32),
            MOp::Call => {
                if let Some(s) = m.sym {
                    self.push(Kind::Call(s));
                }
            }
            MOp::CallReg => self.inst(I::BlxR, &[uses[0]], 0),
            MOp::TrapIf => {
                let pad = self.trap_pad(m.imm as u8);
                self.push(Kind::Branch(m.cond, pad));
            }
            MOp::TrapIfZero => {
                let pad = self.trap_pad(m.imm as u8);
                self.push(Kind::BranchZero(uses[0], m.cond == Cond::Eq, pad));
            }
            MOp::Jump => self.push(Kind::Branch(Cond::Al, succ(0))),
            MOp::Branch => {
                self.push(Kind::Branch(m.cond, succ(0)));
                self.push(Kind::Branch(Cond::Al, succ(1)));
            }
            MOp::BranchZero => {
                self.push(Kind::BranchZero(uses[0], m.cond == Cond::Eq, succ(0)));
                self.push(Kind::Branch(Cond::Al, succ(1)));
            }
            MOp::Switch => {
                let targets = f.blocks[b as usize]
                    .succs
                    .iter()
                    .map(|e| Label(e.to.0))
                    .collect();
                self.push(Kind::Table(uses[0], targets));
            }
            MOp::Ret => self.epilogue(),
            MOp::TailCall => {
                self.leave();
                if let Some(s) = m.sym {
                    self.push(Kind::TailCall(s));
                }
            }
            MOp::TailCallReg => {
                self.leave();
                self.inst(I::BxR, &[Reg::R12], 0);
            }
            MOp::Trap => self.push(Kind::Trap(m.imm as u8)),
        }
    }

    fn isa(&mut self, op: I, m: &MInst, defs: &[Reg], uses: &[Reg]) {
        let mut i = Inst::new(op, &[], m.imm);
        i.cond = m.cond;
        i.s = m.s;
        i.imm2 = m.imm2;
        i.shift = m.shift;
        let (mut d, mut u) = (0, 0);
        for (k, (role, class)) in op.roles().iter().zip(isa::table::classes(op)).enumerate() {
            let r = match role {
                Role::Def | Role::Tied => defs[d],
                Role::Use => uses[u],
            };
            i.regs[k] = of_class(r, *class);
            d += (*role != Role::Use) as usize;
            u += (*role != Role::Def) as usize;
        }
        self.push(Kind::Inst(i));
    }

    fn constant(&mut self, r: Reg, c: i32) {
        if isa::fits(I::MovI, c, false) {
            self.inst(I::MovI, &[r], c);
        } else if isa::fits(I::MvnI, !c, false) {
            self.inst(I::MvnI, &[r], !c);
        } else if c as u32 <= 0xffff {
            self.inst(I::Movw, &[r], c);
        } else {
            self.load_literal(r, Literal::Const(c as u32));
        }
    }

    /// A float of 32 bits.
    fn float_constant(&mut self, r: Reg, bits: i32) {
        let r = of_class(r, Class::Single);
        if isa::fits(I::VmovIF32, bits, false) {
            return self.inst(I::VmovIF32, &[r], bits);
        }
        if self.pool >= Pool::All {
            return self.push(Kind::Load(r, Literal::Const(bits as u32)));
        }
        self.borrow(Reg::R0, |e, t| {
            e.constant(t, bits);
            e.inst(I::VmovSR, &[r, t], 0);
        });
    }

    /// A word that needs two instructions: from the literal pool where the function is small enough for its loads to
    /// reach, which is as fast and smaller; else by MOVW and MOVT.
    fn load_literal(&mut self, r: Reg, l: Literal) {
        if self.pool >= Pool::Core {
            return self.push(Kind::Load(r, l));
        }
        match l {
            Literal::Const(c) => {
                self.inst(I::Movw, &[r], (c & 0xffff) as i32);
                let round = on(Bug::LiteralHalves) && c & 0x8000 != 0;
                let upper = (c >> 16).wrapping_add(round as u32) & 0xffff;
                self.inst(I::Movt, &[r], upper as i32);
            }
            Literal::Addr(s, offset) => {
                self.push(Kind::HalfAddress(Inst::new(I::Movw, &[r], 0), s));
                self.push(Kind::HalfAddress(Inst::new(I::Movt, &[r], 0), s));
                // The addend of a half address has only 16 bits, so an offset is added.
                self.add_in_parts(I::AddI, r, offset as u32);
            }
        }
    }
}
