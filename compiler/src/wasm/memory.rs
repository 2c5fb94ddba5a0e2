//! Accesses to linear memory: the bounds strategy.
//!
//! In: a load, store, `memory.size` or `memory.grow`. Out: IR in which the address that was checked is the address
//! that is used: a check yields the value that the access takes as operand. The size of a memory is a constant where
//! nothing grows it, else a global. Guarded by the oracle's `memory` family with everything outside unmapped.

use super::numeric;
use super::translate::Translator;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{Data, Memory, Module, Op, Ty, Value};
use crate::options::{Bounds, Options};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use wasmparser as wp;

/// How memories are accessed.
pub struct Accesses {
    pub(super) bounds: Bounds,
    pub(super) memories: Vec<Access>,
    /// By data segment.
    pub(super) segments: Vec<Segment>,
}

/// How one memory is accessed.
pub(super) struct Access {
    /// Its number.
    index: u32,
    /// Binary logarithm of the bytes of a page.
    page_log2: u32,
    pub(super) min_bytes: u64,
    max_pages: u32,
    min_pages: u32,
    /// Global with the current size in pages, if that can change.
    pages: Option<u32>,
    /// Global with the greatest size in pages, if only that knows it.
    limit: Option<u32>,
    /// Size for `mask` mode.
    pub(super) mask: u64,
}

/// What `memory.init` may copy.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// Length in bytes; none if it is active: it is dropped when the module is instantiated.
    pub(super) length: u32,
    /// Global with the current length, if something drops it.
    pub(super) global: Option<u32>,
}

impl Segment {
    fn new(d: &Data) -> Segment {
        let passive = d.offset.is_none() || on(Bug::ActiveSegmentLives);
        Segment {
            length: if passive { d.bytes.len() as u32 } else { 0 },
            global: d.length_global,
        }
    }
}

impl Accesses {
    /// Decides for a module.
    ///
    /// # Errors
    /// `Options` if the bounds mode is `mask` and the size of a memory is not fixed, or no power of two.
    pub fn new(module: &Module, options: &Options) -> Result<Accesses> {
        let accesses = module.memories.iter().zip(0..);
        Ok(Accesses {
            bounds: options.bounds,
            memories: accesses
                .map(|(m, i)| Access::new(m, i, options.bounds))
                .collect::<Result<_>>()?,
            segments: module.data.iter().map(Segment::new).collect(),
        })
    }

    /// Translates a memory operator; `false` if it is none.
    pub fn operator(&self, t: &mut Translator<'_>, op: &wp::Operator<'_>) -> bool {
        if let Some((op, convert, arg)) = numeric::load(op) {
            let Some(m) = self.target(&arg) else {
                return false;
            };
            let addr = t.pop();
            let (addr, offset) = self.address(m, t, addr, arg.offset as u32, op);
            let convert = match (op, convert) {
                (Op::Load16S, Op::ExtendS) if on(Bug::NarrowLoadZeroed) => Op::ExtendU,
                _ => convert,
            };
            let ty = if op == Op::Load64 { Ty::I64 } else { Ty::I32 };
            let v = t.pin(op, ty, &[addr], m.offset(offset));
            let v = if convert == Op::Wrap {
                v
            } else {
                t.float(convert, Ty::I64, &[v])
            };
            t.push(v);
            return true;
        }
        if let Some((op, wrap, arg)) = numeric::store(op) {
            let Some(m) = self.target(&arg) else {
                return false;
            };
            let (v, addr) = (t.pop(), t.pop());
            let v = if wrap {
                t.float(Op::Wrap, Ty::I32, &[v])
            } else {
                v
            };
            let (addr, offset) = self.address(m, t, addr, arg.offset as u32, op);
            t.pin(op, Ty::Void, &[addr, v], m.offset(offset));
            return true;
        }
        match op {
            wp::Operator::MemorySize { mem } => {
                let v = self.memories[*mem as usize].size_in_pages(t);
                t.push(v);
                true
            }
            wp::Operator::MemoryGrow { mem } => {
                let delta = t.pop();
                let other = on(Bug::GrowsFirstMemory);
                let m = &self.memories[if other { 0 } else { *mem as usize }];
                let v = m.grow(t, delta);
                t.push(v);
                true
            }
            op => self.bulk(t, op),
        }
    }

    /// The memory of an access; `None` if it goes to an array.
    fn target(&self, arg: &wp::MemArg) -> Option<&Access> {
        match arg.target {
            wp::MemArgTarget::Memory(m) => self.memories.get(m as usize),
            wp::MemArgTarget::Array(_) => None,
        }
    }

    /// The operand and offset of an access: the address after what the bounds mode does to it.
    fn address(
        &self,
        m: &Access,
        t: &mut Translator<'_>,
        addr: Value,
        offset: u32,
        op: Op,
    ) -> (Value, u32) {
        let bytes = match on(Bug::ReachWithoutSize) {
            true => 1,
            false => op.access_bytes().expect("an access"),
        };
        match self.bounds {
            Bounds::None | Bounds::Mpu => (addr, offset),
            Bounds::Mask => {
                let offset = t.iconst(Ty::I32, offset as u64);
                let sum = t.float(Op::Add, Ty::I32, &[addr, offset]);
                let mask = t.iconst(Ty::I32, m.mask);
                if on(Bug::MaskBeforeOffset) {
                    let masked = t.float(Op::And, Ty::I32, &[addr, mask]);
                    return (t.float(Op::Add, Ty::I32, &[masked, offset]), 0);
                }
                (t.float(Op::And, Ty::I32, &[sum, mask]), 0)
            }
            Bounds::Check => {
                let other = on(Bug::FirstMemoryChecked);
                let m = if other { &self.memories[0] } else { m };
                let reach = match on(Bug::ReachWraps) && m.index > 0 {
                    true => offset.wrapping_add(bytes) as u64,
                    false => offset as u64 + bytes as u64,
                };
                (m.check(t, addr, reach), offset)
            }
        }
    }
}

impl Access {
    fn new(m: &Memory, index: u32, bounds: Bounds) -> Result<Access> {
        let fixed = m.import.is_none() || !m.grows;
        if bounds == Bounds::Mask && !(fixed && m.max_bytes().is_power_of_two()) {
            let what = match (fixed, m.page_log2) {
                (false, _) => "one whose size is not fixed".to_owned(),
                (true, 16) => format!("{} pages", m.max_bytes() >> 16),
                (true, _) => format!("{} bytes", m.max_bytes()),
            };
            return Err(Error::new(
                ErrorKind::Options,
                format!("bounds mode `mask` needs a memory of a power of two, not {what}"),
            )
            .help("change the memory's size, or use --bounds check"));
        }
        Ok(Access {
            index,
            page_log2: m.page_log2,
            min_bytes: m.min_bytes(),
            min_pages: m.min_pages,
            max_pages: if m.grows { m.max_pages } else { m.min_pages },
            pages: m.pages_global.filter(|_| m.grows),
            limit: m.limit_global.filter(|_| m.import.is_some()),
            mask: m.max_bytes().wrapping_sub(1),
        })
    }

    /// The immediate of an access at an offset.
    fn offset(&self, offset: u32) -> i64 {
        (self.index as i64) << 32 | offset as i64
    }

    fn size_in_pages(&self, t: &mut Translator<'_>) -> Value {
        match self.pages {
            Some(g) => t.pin(Op::GlobalGet, Ty::I32, &[], g as i64),
            None => t.iconst(Ty::I32, self.min_pages as u64),
        }
    }

    /// The current size in bytes of a memory whose size can change: it is less than 4 GiB.
    pub(super) fn changing_size(&self, t: &mut Translator<'_>) -> Option<Value> {
        self.pages?;
        let pages = self.size_in_pages(t);
        let page_log2 = match on(Bug::PagesAreLarge) {
            true => 16,
            false => self.page_log2,
        };
        if page_log2 == 0 {
            return Some(pages);
        }
        let shift = t.iconst(Ty::I32, page_log2 as u64);
        Some(t.float(Op::Shl, Ty::I32, &[pages, shift]))
    }

    /// `memory.grow` (specification, 4.4.7): the old size, or -1 and no change.
    fn grow(&self, t: &mut Translator<'_>, delta: Value) -> Value {
        let pages = self.size_in_pages(t);
        let max = match self.limit {
            Some(g) => t.pin(Op::GlobalGet, Ty::I32, &[], g as i64),
            None => t.iconst(Ty::I32, self.max_pages as u64),
        };
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

    /// `addr`, after a trap unless `addr + reach` is within memory. No sum of this can overflow: `reach` is
    /// compared with the size first where it may be larger.
    fn check(&self, t: &mut Translator<'_>, addr: Value, reach: u64) -> Value {
        let one = t.iconst(Ty::I32, 1);
        let limit = match self.pages {
            None if reach + on(Bug::ReachIsSize) as u64 > self.min_bytes => {
                return t.guard(addr, one, TrapKind::OutOfBounds);
            }
            None if on(Bug::EndRoundedUp) => {
                t.iconst(Ty::I32, self.min_bytes.next_multiple_of(4) - reach)
            }
            None => t.iconst(Ty::I32, self.min_bytes - reach),
            Some(_) if reach > (self.max_pages as u64) << self.page_log2 => {
                return t.guard(addr, one, TrapKind::OutOfBounds);
            }
            Some(_) if on(Bug::GrownSizeIgnored) && reach <= self.min_bytes => {
                t.iconst(Ty::I32, self.min_bytes - reach)
            }
            Some(_) => {
                let size = self.changing_size(t).expect("it can change");
                let reach_value = t.iconst(Ty::I32, reach);
                let forgotten = on(Bug::SmallMemoryUnchecked)
                    || on(Bug::EmptyMemoryUnchecked) && self.min_bytes == 0;
                if reach > self.min_bytes && !forgotten {
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
