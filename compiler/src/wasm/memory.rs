//! Accesses to linear memory: the bounds strategy.
//!
//! In: a load, store, `memory.size` or `memory.grow`. Out: IR in which the address that was checked is the address
//! that is used: a check yields the value that the access takes as operand. The size of memory is a constant where
//! nothing grows it, else a global. Guarded by the oracle's `memory` family with everything outside unmapped.

use super::numeric;
use super::translate::Translator;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{Memory, Op, Ty, Value};
use crate::options::{Bounds, Options};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use wasmparser as wp;

/// How memory is accessed.
pub struct Accesses {
    bounds: Bounds,
    min_bytes: u64,
    max_pages: u32,
    min_pages: u32,
    /// Global with the current size in pages, if that can change.
    pages: Option<u32>,
    /// Size for `mask` mode.
    mask: u64,
}

impl Accesses {
    /// Decides for a module.
    ///
    /// # Errors
    /// `Options` if the bounds mode is `mask` and the size is no power of two.
    pub fn new(memory: Option<&Memory>, options: &Options) -> Result<Accesses> {
        let Some(m) = memory else {
            return Ok(Accesses {
                bounds: options.bounds,
                min_bytes: 0,
                max_pages: 0,
                min_pages: 0,
                pages: None,
                mask: 0,
            });
        };
        if options.bounds == Bounds::Mask && !m.max_bytes().is_power_of_two() {
            return Err(Error::new(
                ErrorKind::Options,
                format!(
                    "bounds mode `mask` needs a memory of a power of two, not {} pages",
                    m.max_bytes() >> 16
                ),
            )
            .help("change the memory's size, or use --bounds check"));
        }
        Ok(Accesses {
            bounds: options.bounds,
            min_bytes: m.min_bytes(),
            min_pages: m.min_pages,
            max_pages: if m.grows { m.max_pages } else { m.min_pages },
            pages: m.pages_global,
            mask: m.max_bytes().wrapping_sub(1),
        })
    }

    /// Translates a memory operator; `false` if it is none.
    pub fn operator(&self, t: &mut Translator<'_>, op: &wp::Operator<'_>) -> bool {
        if let Some((op, convert, arg)) = numeric::load(op) {
            let addr = t.pop();
            let (addr, offset) = self.address(t, addr, arg.offset as u32, op);
            let convert = match (op, convert) {
                (Op::Load16S, Op::ExtendS) if on(Bug::NarrowLoadZeroed) => Op::ExtendU,
                _ => convert,
            };
            let ty = if op == Op::Load64 { Ty::I64 } else { Ty::I32 };
            let v = t.pin(op, ty, &[addr], offset as i64);
            let v = if convert == Op::Wrap {
                v
            } else {
                t.float(convert, Ty::I64, &[v])
            };
            t.push(v);
            return true;
        }
        if let Some((op, wrap, arg)) = numeric::store(op) {
            let (v, addr) = (t.pop(), t.pop());
            let v = if wrap {
                t.float(Op::Wrap, Ty::I32, &[v])
            } else {
                v
            };
            let (addr, offset) = self.address(t, addr, arg.offset as u32, op);
            t.pin(op, Ty::Void, &[addr, v], offset as i64);
            return true;
        }
        match op {
            wp::Operator::MemorySize { .. } => {
                let v = self.size_in_pages(t);
                t.push(v);
                true
            }
            wp::Operator::MemoryGrow { .. } => {
                let delta = t.pop();
                let v = self.grow(t, delta);
                t.push(v);
                true
            }
            _ => false,
        }
    }

    fn size_in_pages(&self, t: &mut Translator<'_>) -> Value {
        match self.pages {
            Some(g) => t.pin(Op::GlobalGet, Ty::I32, &[], g as i64),
            None => t.iconst(Ty::I32, self.min_pages as u64),
        }
    }

    /// `memory.grow` (specification, 4.4.7): the old size, or -1 and no change.
    fn grow(&self, t: &mut Translator<'_>, delta: Value) -> Value {
        let pages = self.size_in_pages(t);
        let max = t.iconst(Ty::I32, self.max_pages as u64);
        let room = t.float(Op::Sub, Ty::I32, &[max, pages]);
        let within = match (on(Bug::GrowToLimit), on(Bug::GrowSigned)) {
            (true, _) => Op::LtU,
            (_, true) => Op::LeS,
            (false, false) => Op::LeU,
        };
        let fits = t.float(within, Ty::I32, &[delta, room]);
        if let Some(g) = self.pages {
            let sum = t.float(Op::Add, Ty::I32, &[pages, delta]);
            let new = t.float(Op::Select, Ty::I32, &[fits, sum, pages]);
            t.pin(Op::GlobalSet, Ty::Void, &[new], g as i64);
        }
        let failed = t.iconst(Ty::I32, u32::MAX as u64);
        let pages = match on(Bug::GrowReturnsNewSize) {
            true => t.float(Op::Add, Ty::I32, &[pages, delta]),
            false => pages,
        };
        t.float(Op::Select, Ty::I32, &[fits, pages, failed])
    }

    /// The operand and offset of an access: the address after what the bounds mode does to it.
    fn address(&self, t: &mut Translator<'_>, addr: Value, offset: u32, op: Op) -> (Value, u32) {
        let bytes = match on(Bug::ReachWithoutSize) {
            true => 1,
            false => op.access_bytes().expect("an access"),
        };
        match self.bounds {
            Bounds::None | Bounds::Mpu => (addr, offset),
            Bounds::Mask => {
                let offset = t.iconst(Ty::I32, offset as u64);
                let sum = t.float(Op::Add, Ty::I32, &[addr, offset]);
                let mask = t.iconst(Ty::I32, self.mask);
                if on(Bug::MaskBeforeOffset) {
                    let masked = t.float(Op::And, Ty::I32, &[addr, mask]);
                    return (t.float(Op::Add, Ty::I32, &[masked, offset]), 0);
                }
                (t.float(Op::And, Ty::I32, &[sum, mask]), 0)
            }
            Bounds::Check => (self.check(t, addr, offset as u64 + bytes as u64), offset),
        }
    }

    /// `addr`, after a trap unless `addr + reach` is within memory. No sum of this can overflow: `reach` is
    /// compared with the size first where it may be larger.
    fn check(&self, t: &mut Translator<'_>, addr: Value, reach: u64) -> Value {
        let one = t.iconst(Ty::I32, 1);
        let limit = match self.pages {
            None if reach + on(Bug::ReachIsSize) as u64 > self.min_bytes => {
                return t.guard(addr, one, TrapKind::OutOfBounds);
            }
            None => t.iconst(Ty::I32, self.min_bytes - reach),
            Some(_) if reach > (self.max_pages as u64) << 16 => {
                return t.guard(addr, one, TrapKind::OutOfBounds);
            }
            Some(_) if on(Bug::GrownSizeIgnored) && reach <= self.min_bytes => {
                t.iconst(Ty::I32, self.min_bytes - reach)
            }
            Some(_) => {
                let pages = self.size_in_pages(t);
                let sixteen = t.iconst(Ty::I32, 16);
                let size = t.float(Op::Shl, Ty::I32, &[pages, sixteen]);
                let reach_value = t.iconst(Ty::I32, reach);
                if reach > self.min_bytes && !on(Bug::SmallMemoryUnchecked) {
                    let small = t.float(Op::LtU, Ty::I32, &[size, reach_value]);
                    t.guard(addr, small, TrapKind::OutOfBounds);
                }
                t.float(Op::Sub, Ty::I32, &[size, reach_value])
            }
        };
        let bad = t.float(Op::LtU, Ty::I32, &[limit, addr]);
        t.guard(addr, bad, TrapKind::OutOfBounds)
    }
}
