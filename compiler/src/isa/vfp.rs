//! What each [`Vfp`] does to a [`Machine`](super::exec::Machine).
//!
//! In: an instruction whose condition holds. Out: registers, flags, memory changed. Invariant: one arm a meaning, as the
//! operation sections of the Arm manuals say (v7-M, A7.7; v8-M, C2.4); memory is read and addresses are checked before
//! anything is written. Checked against another simulator on every form.

use super::exec::{Bus, Stop};
use super::semantics::{Running, aligned};
use super::{Addr, Cond, Precision, Reg, Vfp, float};
use crate::seeded::{Bug, on};

impl<B: Bus> Running<'_, B> {
    /// Executes an operation of the floating-point extension.
    pub(super) fn vfp(&mut self, vfp: Vfp) -> Result<(), Stop> {
        let default = self.machine.default_nan;
        match vfp {
            Vfp::Arith(op, p) => {
                let (a, b) = (self.float(1), self.float(2));
                self.set_float(0, float::arith(op, p, a, b, default));
            }
            Vfp::Sqrt(p) => self.set_float(0, float::root(p, self.float(1), default)),
            Vfp::Neg(p) => self.set_float(0, self.float(1) ^ p.sign()),
            Vfp::Abs(p) => self.set_float(0, self.float(1) & !p.sign()),
            Vfp::Move(_) => self.set_float(0, self.float(1)),
            Vfp::Const(Precision::F32) => self.set_float(0, self.inst.imm as u32 as u64),
            Vfp::Const(Precision::F64) => {
                self.set_float(0, float::widen(self.inst.imm as u32 as u64, false));
            }
            Vfp::Round(rounding, p) => {
                self.set_float(0, float::round(rounding, p, self.float(1), default));
            }
            Vfp::Compare(p) => {
                self.machine.fpscr = float::compare(p, self.float(0), self.float(1));
            }
            Vfp::CompareZero(p) => self.machine.fpscr = float::compare(p, self.float(0), 0),
            Vfp::Flags => self.machine.flags = self.machine.fpscr,
            Vfp::Select(cond, _) => {
                let cond = match cond {
                    Cond::Gt if on(Bug::SelectGreater) => Cond::Ge,
                    cond => cond,
                };
                let place = if self.machine.flags.holds(cond) { 1 } else { 2 };
                self.set_float(0, self.float(place));
            }
            Vfp::ToInt {
                signed,
                rounding,
                from,
            } => {
                let value = float::to_int(from, self.float(1), signed, rounding);
                self.set_float(0, value.into());
            }
            Vfp::FromInt { signed, to } => {
                self.set_float(0, float::from_int(to, self.float(1) as u32, signed));
            }
            Vfp::Widen => self.set_float(0, float::widen(self.float(1), default)),
            Vfp::Narrow => self.set_float(0, float::narrow(self.float(1), default)),
            Vfp::FromCore => self.set_float(0, self.get(1).into()),
            Vfp::ToCore => self.set(0, self.float(1) as u32),
            Vfp::FromPair => {
                let (low, high) = match on(Bug::PairExchanged) {
                    true => (2, 1),
                    false => (1, 2),
                };
                let pair = u64::from(self.get(high)) << 32 | u64::from(self.get(low));
                self.set_float(0, pair);
            }
            Vfp::ToPair => self.set_pair(self.float(2)),
            Vfp::Load(p, addr) => {
                let address = aligned(self.float_address(addr))?;
                let low = self.bus.load(address, 4)?;
                let high = match p {
                    Precision::F32 => 0,
                    Precision::F64 => self.bus.load(address.wrapping_add(4), 4)?,
                };
                self.set_float(0, u64::from(high) << 32 | u64::from(low));
            }
            Vfp::Store(p) => {
                let address = aligned(self.float_address(Addr::Offset))?;
                self.bus.store(address, 4, self.float(0) as u32)?;
                if p == Precision::F64 {
                    let high = (self.float(0) >> 32) as u32;
                    self.bus.store(address.wrapping_add(4), 4, high)?;
                }
            }
            Vfp::Push => self.store_many(Reg::SP, true, true)?,
            Vfp::Pop => self.load_many(Reg::SP, false, true)?,
        }
        Ok(())
    }

    /// The bits in the register at a place of the operand list.
    fn float(&self, place: usize) -> u64 {
        self.machine.read(self.inst.regs[place])
    }

    fn set_float(&mut self, place: usize, bits: u64) {
        self.machine.write(self.inst.regs[place], bits);
    }

    /// The address of an access: the base is the operand after the register, or the aligned PC.
    fn float_address(&self, addr: Addr) -> u32 {
        match addr {
            Addr::Literal => self.literal(),
            Addr::Offset | Addr::Index | Addr::Pre | Addr::Post => {
                self.get(1).wrapping_add(self.inst.imm as u32)
            }
        }
    }
}
