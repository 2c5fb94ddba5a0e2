//! What each [`Sem`] does to a [`Machine`].
//!
//! In: an instruction whose condition holds, its address, memory. Out: registers, flags, memory changed; a jump
//! reported. Invariant: one arm a meaning, as the operation sections of the Arm v7-M manual (A7.7) say; operands are
//! read before anything is written. Checked against another simulator on every form.

use super::alu::{Flagged, compute, divide, saturate, shift_c, shifted};
use super::cycles::quotient_bits;
use super::exec::{Bus, Machine, Outcome, Stop};
use super::imm::modified_imm_carry;
use super::{Addr, Alu, Class, Inst, Reg, Sem, ShiftKind, Size};
use crate::seeded::{Bug, on};

/// An instruction that is being executed.
pub(super) struct Running<'a, B: Bus> {
    pub(super) machine: &'a mut Machine,
    pub(super) bus: &'a mut B,
    pub(super) inst: &'a Inst,
    /// Its address.
    address: u32,
    outcome: &'a mut Outcome,
}

impl Machine {
    /// Executes an instruction at `address`; PC is past it already.
    pub(super) fn execute<B: Bus>(
        &mut self,
        inst: &Inst,
        address: u32,
        bus: &mut B,
        outcome: &mut Outcome,
    ) -> Result<(), Stop> {
        Running {
            machine: self,
            bus,
            inst,
            address,
            outcome,
        }
        .execute()
    }
}

impl<B: Bus> Running<'_, B> {
    fn execute(&mut self) -> Result<(), Stop> {
        let i = self.inst;
        match i.op.sem() {
            Sem::AluI(alu) => self.set_flagged(self.computed_imm(alu, 1)),
            Sem::AluR(alu) => self.set_flagged(self.computed_reg(alu, 1)),
            Sem::TestI(alu) => self.flags(self.computed_imm(alu, 0)),
            Sem::TestR(alu) => self.flags(self.computed_reg(alu, 0)),
            Sem::ShiftI(kind) => self.shift(kind, i.imm as u32),
            Sem::ShiftR(kind) => {
                let mask = if on(Bug::ExecutorShift) { 0x1f } else { 0xff };
                self.shift(kind, self.get(2) & mask);
            }
            Sem::Rrx => self.rrx(),
            Sem::Movt => self.set(0, self.get(0) & 0xffff | (i.imm as u32) << 16),
            Sem::Mul => {
                self.set_flagged(Flagged::plain(self.get(1).wrapping_mul(self.get(2))));
            }
            Sem::Mla => {
                let product = self.get(1).wrapping_mul(self.get(2));
                self.set(0, self.get(3).wrapping_add(product));
            }
            Sem::Mls => {
                let product = self.get(1).wrapping_mul(self.get(2));
                self.set(0, self.get(3).wrapping_sub(product));
            }
            Sem::MulLong { signed, accumulate } => self.mul_long(signed, accumulate),
            Sem::Umaal => {
                let sum = u64::from(self.get(0)) + u64::from(self.get(1));
                self.set_pair(u64::from(self.get(2)) * u64::from(self.get(3)) + sum);
            }
            Sem::Smmul => {
                let product = i64::from(self.get(1) as i32) * i64::from(self.get(2) as i32);
                self.set(0, (product >> 32) as u32);
            }
            Sem::MulHalf { accumulate } => {
                let half = |place| self.get(place) as i16 as u32;
                let addend = if accumulate { self.get(3) } else { 0 };
                self.set(0, half(1).wrapping_mul(half(2)).wrapping_add(addend));
            }
            Sem::Div { signed } => self.div(signed),
            Sem::Clz => self.set(0, self.get(1).leading_zeros()),
            Sem::Rbit => self.set(0, self.get(1).reverse_bits()),
            Sem::Rev => self.set(0, self.get(1).swap_bytes()),
            Sem::Rev16 => self.set(0, self.get(1).swap_bytes().rotate_left(16)),
            Sem::Revsh => self.set(0, (self.get(1) as u16).swap_bytes() as i16 as u32),
            Sem::Extend(size) => self.set(0, size.extend(self.rotated(1))),
            Sem::ExtendAdd(size) => {
                self.set(0, self.get(1).wrapping_add(size.extend(self.rotated(2))));
            }
            Sem::FieldGet { signed } => self.field_get(signed),
            Sem::FieldPut => self.field_put(self.get(1)),
            Sem::FieldClear => self.field_put(0),
            Sem::Saturate { signed } => {
                let (value, _) = shifted(self.get(1), i.shift, false);
                self.set(0, saturate(value, i.imm as u32, signed));
            }
            Sem::Adr => self.set(0, self.literal()),
            Sem::Load(size, addr) => self.load(size, addr)?,
            Sem::Store(size, addr) => self.store(size, addr)?,
            Sem::LoadDual => self.load_dual()?,
            Sem::StoreDual => self.store_dual()?,
            Sem::LoadMany { before, writeback } => self.load_many(i.regs[0], before, writeback)?,
            Sem::StoreMany { before, writeback } => {
                self.store_many(i.regs[0], before, writeback)?
            }
            Sem::Push => self.store_many(Reg::SP, true, true)?,
            Sem::Pop => self.load_many(Reg::SP, false, true)?,
            Sem::Branch => self.branch(),
            Sem::Call => {
                self.branch();
                self.link();
            }
            Sem::CallReg => {
                self.jump(self.get(0))?;
                self.link();
            }
            Sem::BranchReg => self.jump(self.get(0))?,
            Sem::CompareBranch { zero } if (self.get(0) == 0) == zero => self.branch(),
            Sem::CompareBranch { .. } => {}
            Sem::TableBranch { wide } => self.table_branch(wide)?,
            // Its encoding is ITSTATE.
            Sem::It => self.machine.it = (i.cond as u8) << 4 | i.imm as u8,
            Sem::Nop => {}
            Sem::Udf => return Err(Stop::Udf(i.imm as u32)),
            Sem::Bkpt => return Err(Stop::Bkpt(i.imm as u32)),
            Sem::Vfp(vfp) => self.vfp(vfp)?,
        }
        Ok(())
    }

    /// The register at a place of the operand list; PC reads as the instruction's address + 4.
    pub(super) fn get(&self, place: usize) -> u32 {
        self.reg(self.inst.regs[place])
    }

    pub(super) fn reg(&self, reg: Reg) -> u32 {
        match reg.number(Class::Single) {
            Some(n) => self.machine.s[n as usize],
            None if reg == Reg::PC => self.address.wrapping_add(4),
            None => self.machine.r[reg.0 as usize],
        }
    }

    pub(super) fn set(&mut self, place: usize, value: u32) {
        self.put(self.inst.regs[place], value);
    }

    /// Writes a register that is not PC. The low two bits of SP are always zero (B1.4.1).
    pub(super) fn put(&mut self, reg: Reg, value: u32) {
        match reg.number(Class::Single) {
            Some(n) => self.machine.s[n as usize] = value,
            None if reg == Reg::SP => self.machine.r[13] = value & !3,
            None => self.machine.r[reg.0 as usize] = value,
        }
    }

    /// Writes a loaded value, which is a jump if the register is PC.
    fn put_loaded(&mut self, reg: Reg, value: u32) -> Result<(), Stop> {
        if reg == Reg::PC {
            return self.jump(value);
        }
        self.put(reg, value);
        Ok(())
    }

    fn jump(&mut self, target: u32) -> Result<(), Stop> {
        if target & 1 == 0 {
            return Err(Stop::State(target));
        }
        self.outcome.jump = Some(target & !1);
        Ok(())
    }

    fn set_flagged(&mut self, result: Flagged) {
        self.set(0, result.value);
        if self.inst.s {
            self.flags(result);
        }
    }

    fn flags(&mut self, result: Flagged) {
        let f = &mut self.machine.flags;
        f.n = result.value >> 31 != 0;
        f.z = result.value == 0;
        f.c = result.carry.unwrap_or(f.c);
        f.v = result.overflow.unwrap_or(f.v);
    }

    /// An operation on the register at `place` and the immediate.
    fn computed_imm(&self, alu: Alu, place: usize) -> Flagged {
        let imm = self.inst.imm as u32;
        let a = if alu.is_binary() { self.get(place) } else { 0 };
        compute(alu, a, imm, modified_imm_carry(imm), self.machine.flags.c)
    }

    /// An operation on the register at `place` and the shifted one after it, or on that one alone.
    fn computed_reg(&self, alu: Alu, place: usize) -> Flagged {
        let carry = self.machine.flags.c;
        let (a, b) = match alu.is_binary() {
            true => (self.get(place), self.get(place + 1)),
            false => (0, self.get(place)),
        };
        let (b, shifter) = shifted(b, self.inst.shift, carry);
        compute(alu, a, b, Some(shifter), carry)
    }

    fn rotated(&self, place: usize) -> u32 {
        self.get(place)
            .rotate_right(u32::from(self.inst.shift.amount))
    }

    /// The aligned PC plus the immediate.
    pub(super) fn literal(&self) -> u32 {
        super::literal_base(self.address).wrapping_add(self.inst.imm as u32)
    }

    fn shift(&mut self, kind: ShiftKind, amount: u32) {
        let (value, carry) = shift_c(self.get(1), kind, amount, self.machine.flags.c);
        self.set_flagged(Flagged {
            value,
            carry: Some(carry),
            overflow: None,
        });
    }

    fn rrx(&mut self) {
        let x = self.get(1);
        let value = u32::from(self.machine.flags.c) << 31 | x >> 1;
        self.set_flagged(Flagged {
            value,
            carry: Some(x & 1 != 0),
            overflow: None,
        });
    }

    fn field_get(&mut self, signed: bool) {
        let (lsb, width) = (self.inst.imm as u32, u32::from(self.inst.imm2));
        let top = self.get(1) << (32 - lsb - width);
        let value = if signed {
            (top as i32 >> (32 - width)) as u32
        } else {
            top >> (32 - width)
        };
        self.set(0, value);
    }

    fn field_put(&mut self, value: u32) {
        let (lsb, width) = (self.inst.imm as u32, u32::from(self.inst.imm2));
        let ones = u32::MAX >> (32 - width);
        self.set(0, self.get(0) & !(ones << lsb) | (value & ones) << lsb);
    }

    fn mul_long(&mut self, signed: bool, accumulate: bool) {
        let (a, b) = (self.get(2), self.get(3));
        let product = match signed {
            true => (i64::from(a as i32) * i64::from(b as i32)) as u64,
            false => u64::from(a) * u64::from(b),
        };
        let old = u64::from(self.get(1)) << 32 | u64::from(self.get(0));
        self.set_pair(product.wrapping_add(if accumulate { old } else { 0 }));
    }

    /// Writes the low word to the first operand and the high word to the second.
    pub(super) fn set_pair(&mut self, value: u64) {
        self.set(0, value as u32);
        self.set(1, (value >> 32) as u32);
    }

    fn div(&mut self, signed: bool) {
        let (a, b) = (self.get(1), self.get(2));
        self.outcome.quotient_bits = match signed {
            true => quotient_bits((a as i32).unsigned_abs(), (b as i32).unsigned_abs()),
            false => quotient_bits(a, b),
        };
        self.set(0, divide(a, b, signed));
    }

    /// The address of a single access, and what the base becomes if it is written back.
    fn effective(&self, addr: Addr) -> (u32, Option<u32>) {
        let sum = || self.get(1).wrapping_add(self.inst.imm as u32);
        match addr {
            Addr::Offset => (sum(), None),
            Addr::Index => {
                let (index, _) = shifted(self.get(2), self.inst.shift, false);
                (self.get(1).wrapping_add(index), None)
            }
            Addr::Pre => (sum(), Some(sum())),
            Addr::Post => (self.get(1), Some(sum())),
            Addr::Literal => (self.literal(), None),
        }
    }

    fn load(&mut self, size: Size, addr: Addr) -> Result<(), Stop> {
        let (address, base) = self.effective(addr);
        let value = size.extend(self.bus.load(address, size.bytes())?);
        if let Some(base) = base {
            self.set(1, base);
        }
        self.put_loaded(self.inst.regs[0], value)
    }

    fn store(&mut self, size: Size, addr: Addr) -> Result<(), Stop> {
        let (address, base) = self.effective(addr);
        self.bus.store(address, size.bytes(), self.get(0))?;
        if let Some(base) = base {
            self.set(1, base);
        }
        Ok(())
    }

    fn load_dual(&mut self) -> Result<(), Stop> {
        let address = aligned(self.get(2).wrapping_add(self.inst.imm as u32))?;
        let low = self.bus.load(address, 4)?;
        let high = self.bus.load(address.wrapping_add(4), 4)?;
        self.set(0, low);
        self.set(1, high);
        Ok(())
    }

    fn store_dual(&mut self) -> Result<(), Stop> {
        let address = aligned(self.get(2).wrapping_add(self.inst.imm as u32))?;
        self.bus.store(address, 4, self.get(0))?;
        self.bus.store(address.wrapping_add(4), 4, self.get(1))?;
        Ok(())
    }

    /// The lowest address of a list's words, and what the base becomes if it is written back.
    fn words(&self, base: Reg, before: bool) -> Result<(u32, u32), Stop> {
        let (start, bytes) = (self.reg(base), self.inst.list.len() as u32 * 4);
        let low = start.wrapping_sub(bytes);
        let (address, end) = if before {
            (low, low)
        } else {
            (start, start.wrapping_add(bytes))
        };
        Ok((aligned(address)?, end))
    }

    pub(super) fn load_many(
        &mut self,
        base: Reg,
        before: bool,
        writeback: bool,
    ) -> Result<(), Stop> {
        let (mut address, end) = self.words(base, before)?;
        let mut values = [0; 32];
        for value in &mut values[..self.inst.list.len()] {
            *value = self.bus.load(address, 4)?;
            address = address.wrapping_add(4);
        }
        if writeback {
            self.put(base, end);
        }
        for (reg, value) in self.inst.list.iter().zip(values) {
            self.put_loaded(reg, value)?;
        }
        Ok(())
    }

    pub(super) fn store_many(
        &mut self,
        base: Reg,
        before: bool,
        writeback: bool,
    ) -> Result<(), Stop> {
        let (mut address, end) = self.words(base, before)?;
        for reg in self.inst.list.iter() {
            self.bus.store(address, 4, self.reg(reg))?;
            address = address.wrapping_add(4);
        }
        if writeback {
            self.put(base, end);
        }
        Ok(())
    }

    fn branch(&mut self) {
        let target = self
            .address
            .wrapping_add(4)
            .wrapping_add(self.inst.imm as u32);
        self.outcome.jump = Some(target);
    }

    /// The return address, with the Thumb bit: PC is past the instruction already.
    fn link(&mut self) {
        self.put(Reg::LR, self.machine.r[15] | 1);
    }

    fn table_branch(&mut self, wide: bool) -> Result<(), Stop> {
        let (scale, size) = if wide { (2, 2) } else { (1, 1) };
        let entry = self.get(0).wrapping_add(self.get(1).wrapping_mul(scale));
        let halfwords = self.bus.load(entry, size)?;
        self.outcome.jump = Some(self.address.wrapping_add(4).wrapping_add(2 * halfwords));
        Ok(())
    }
}

/// The address, if words of a list or pair or of a register of the FPU may be there (Arm v7-M manual, A3.2.1).
pub(super) fn aligned(address: u32) -> Result<u32, Stop> {
    if address & 3 == 0 || on(Bug::AlignmentForgotten) {
        Ok(address)
    } else {
        Err(Stop::Unaligned(address))
    }
}
