//! What a sweep must do, by the specification's rule and by what docs/memory.md promises of the other modes.
//!
//! In: a description and arguments. Out: how the call ends, and in the model what it leaves. Invariant: an address is computed
//! in 64 bits, without a look at how the compiler does it.

use super::module::{SEGMENT, WIDE, WORD, segment_start};
use super::operator::Operator;
use super::sweep::{Form, Sweep};
use crate::program::Ty;
use std::ops::Range;
use thumbsmith::Bounds;

/// A memory and the two globals beside it.
#[derive(Clone)]
pub struct Model {
    /// All bytes that may be accessed in some mode: at least those that are reserved.
    pub bytes: Vec<u8>,
    /// Current size in bytes.
    pub size: u64,
    /// Greatest size in bytes.
    pub most: u64,
    /// Bytes of a page.
    pub page: u64,
    /// The mode.
    pub bounds: Bounds,
    /// Whether nothing is mapped behind `bytes`.
    pub alone: bool,
    /// Accesses that were done.
    pub done: u32,
    /// What they loaded.
    pub sum: u32,
    /// Accesses that were done or tried.
    pub tried: u64,
}

/// How a call ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It returns.
    Returned,
    /// The access of this number in its function traps.
    Trapped(usize),
    /// Nothing stops the access to this range, from the beginning of memory, but that nothing is mapped there.
    Fault(Range<u64>),
    /// Something else of the machine is accessed, of which nothing is promised.
    Elsewhere,
}

/// Where an access goes.
type Place = Result<Range<usize>, Option<Range<u64>>>;

impl Model {
    /// The range that an access touches; `Err` says what happens instead: a trap, or an access outside.
    fn place(&self, index: u32, offset: u32, width: u32, bulk: bool) -> Place {
        let (start, width) = (u64::from(index) + u64::from(offset), u64::from(width));
        let wrapped = start & 0xffff_ffff;
        let (start, end) = match self.bounds {
            Bounds::Check if start + width > self.size => return Err(None),
            Bounds::Check => (start, start + width),
            Bounds::Mask => {
                let start = start & (self.most - 1);
                match bulk {
                    true => (start, (start + width).min(self.most)),
                    false => (start, start + width),
                }
            }
            Bounds::Mpu | Bounds::None if width == 0 => (0, 0),
            Bounds::Mpu | Bounds::None if wrapped + width > self.bytes.len() as u64 => {
                return Err(Some(wrapped..wrapped + width));
            }
            Bounds::Mpu | Bounds::None => (wrapped, wrapped + width),
        };
        Ok(start as usize..end as usize)
    }

    /// One access.
    fn access(
        &mut self,
        sweep: &Sweep,
        operator: Operator,
        index: u32,
    ) -> Result<(), Option<Range<u64>>> {
        let width = operator.width();
        let word = self.done.wrapping_mul(WORD.0).wrapping_add(WORD.1);
        let place = self.place(index, sweep.offset, width, operator.bulk());
        // The range of a segment is checked in every mode, before a byte moves.
        let copied = place.as_ref().map_or(width as usize, Range::len);
        if matches!(operator, Operator::Init(_)) && segment_start(width) + copied > SEGMENT.len() {
            return Err(None);
        }
        let at = place?;
        match operator {
            Operator::Load(ty, _, signed, _) => {
                let value = self.bytes[at]
                    .iter()
                    .rev()
                    .fold(0, |v, b| v << 8 | u64::from(*b));
                let unused = 64 - 8 * width;
                let value = match signed {
                    true => ((value << unused) as i64 >> unused) as u64,
                    false => value,
                };
                let value = ty.wrap(value);
                let folded = (value as u32).wrapping_add(((value >> 32) as u32).wrapping_mul(3));
                self.sum = self.sum.rotate_left(5).wrapping_add(folded);
            }
            Operator::Store(ty, ..) => {
                let value = match ty {
                    Ty::I32 | Ty::F32 => u64::from(word),
                    Ty::I64 | Ty::F64 => u64::from(word).wrapping_mul(WIDE),
                };
                let bytes = value.to_le_bytes();
                self.bytes[at].copy_from_slice(&bytes[..width as usize]);
            }
            Operator::Fill(_) => self.bytes[at].fill(word as u8),
            Operator::CopyTo(_) | Operator::CopyFrom(_) => {
                let first = self.place(0, 0, width, true)?;
                let (to, from) = match operator {
                    Operator::CopyTo(_) => (at, first),
                    _ => (first, at),
                };
                let length = to.len().min(from.len());
                self.bytes
                    .copy_within(from.start..from.start + length, to.start);
            }
            Operator::Init(_) => {
                let from = &SEGMENT[segment_start(width)..];
                let length = at.len();
                self.bytes[at].copy_from_slice(&from[..length]);
            }
        }
        self.done = self.done.wrapping_add(1);
        Ok(())
    }

    /// Grows by so many pages, if there is room; gives what `memory.grow` does.
    pub fn grow(&mut self, pages: u32) -> u32 {
        let before = self.size / self.page;
        let size = self.size + u64::from(pages) * self.page;
        if size > self.most {
            return u32::MAX;
        }
        self.size = size;
        before as u32
    }

    /// One call.
    pub fn call(&mut self, sweep: &Sweep, [mut at, mut left, third]: [u32; 3]) -> End {
        if let Form::Counted(from, ..) = sweep.form {
            at = from;
        }
        loop {
            if matches!(sweep.form, Form::Growing) && left == third {
                self.grow(1);
            }
            let index = match sweep.form {
                Form::Sum(c) => at.wrapping_add(c),
                Form::Shifted(c) => at << c,
                Form::Masked(c) => (at & 15).wrapping_add(c),
                Form::Constant(c) => c,
                Form::Counter
                | Form::Below(_)
                | Form::Counted(..)
                | Form::Twice
                | Form::Growing => at,
            };
            let skipped = matches!(sweep.form, Form::Below(limit) if at >= limit);
            let accesses = sweep.accesses().enumerate().filter(|_| !skipped);
            for (number, operator) in accesses {
                self.tried += 1;
                match self.access(sweep, operator, index) {
                    Ok(()) => {}
                    Err(None) => return End::Trapped(number),
                    Err(Some(range)) if self.alone => return End::Fault(range),
                    Err(Some(_)) => return End::Elsewhere,
                }
            }
            at = at.wrapping_add(1);
            left = left.wrapping_sub(1);
            let more = match sweep.form {
                Form::Counted(_, end, true) => at != end,
                Form::Counted(_, end, false) => at < end,
                _ => left != 0,
            };
            if !more {
                return End::Returned;
            }
        }
    }
}
