//! A module of sweeps that is loaded: its calls, each compared with the model.
//!
//! In: sweeps and where their accesses are in the binary. Out: counts, or what a call did that it must not. What is compared: how it
//! ended; where it trapped, the byte offset of exactly the access that the rule refuses; where it faulted, the address of exactly that
//! access; how many accesses were done before, what they loaded, every byte of memory and of what is mapped behind it, and that
//! nothing beside the module's data was touched.

use super::judge::{Case, Figures};
use super::model::{End, Model};
use super::module::{DONE, GROW, SUM};
use super::operator::Operator;
use super::sweep::Sweep;
use crate::arm::machine::Machine;
use crate::arm::memory::{Kind, Map};
use crate::arm::unicorn::{Missed, UnicornCore};
use crate::engine::{Engine, Outcome};
use crate::program::Info;
use crate::random::Random;
use crate::reference::Reference;
use std::ops::Range;
use thumbsmith::TrapKind;

/// The memory grows before one call of so many.
const GROWS: u64 = 32;

/// A module that is loaded.
pub struct Stage<'a> {
    /// What it was compiled from.
    pub case: &'a Case,
    /// Its surface.
    pub info: &'a Info,
    /// Where it runs.
    pub machine: &'a mut Machine<UnicornCore>,
    /// Where that missed.
    pub missed: &'a Missed,
    /// Who is asked too.
    pub reference: Option<&'a mut Reference>,
    /// What must be.
    pub model: Model,
    /// What ran.
    pub figures: Figures,
    /// Where arguments come from.
    pub random: Random,
}

impl Stage<'_> {
    fn memory(&self) -> usize {
        self.case.shape.index() as usize
    }

    /// Begins with a memory of its first size, full of what nothing else holds where the host can write it.
    ///
    /// # Errors
    /// Text that says why it does not start.
    pub fn begin(&mut self) -> Result<(), String> {
        let memory = self.memory();
        let sizes = self.case.shape.sizes();
        let there = (memory == 0).then(|| self.random.bytes(sizes.least as usize));
        let there = there.unwrap_or_default();
        let engines: [Option<&mut dyn Engine>; 2] = [
            Some(&mut *self.machine),
            self.reference.as_deref_mut().map(|r| r as &mut dyn Engine),
        ];
        for engine in engines.into_iter().flatten() {
            match engine.instantiate() {
                Outcome::Returned(_) => {}
                other => return Err(format!("it does not start: {other}")),
            }
            if !engine.write_memory(0, &there) {
                return Err("the host cannot write the memory".into());
            }
        }
        let model = &mut self.model;
        model.bytes = self.machine.reserved(memory).to_vec();
        (model.size, model.done, model.sum) = (sizes.least, 0, 0);
        Ok(())
    }

    /// Now and then a page more, and another beginning once there is no more.
    fn grow(&mut self) -> Result<(), String> {
        let Some(grow) = self.info.export_named(GROW) else {
            return Ok(());
        };
        if !self.random.word().is_multiple_of(GROWS) {
            return Ok(());
        }
        let room = ((self.model.most - self.model.size) / self.model.page) as u32;
        let pages = match self.random.word() % 8 {
            // More than there is room for, as a number without a sign and with one.
            0 => room + 1,
            1 => u32::MAX,
            _ if room == 0 => return self.begin(),
            pick => pick as u32 % room + 1,
        };
        let before = self.model.grow(pages);
        let expected = Outcome::Returned([u64::from(before)].into_iter().collect());
        let got = self.machine.call(grow, &[u64::from(pages)]);
        if let Some(reference) = &mut self.reference {
            reference.call(grow, &[u64::from(pages)]);
        }
        match got == expected {
            true => Ok(()),
            false => Err(format!("grow {pages}: {expected}, not {got}")),
        }
    }

    /// Calls one function around the bound of the memory as it is.
    ///
    /// # Errors
    /// Text that names the function and the call, and what is not as it must be.
    pub fn sweep(&mut self, n: usize, sweep: &Sweep, offsets: &[u32]) -> Result<(), String> {
        let place = |e: String| {
            let (form, offset, known) = (sweep.form, sweep.offset, sweep.known);
            let operator = sweep.operator.text();
            format!("sweep{n} ({operator}, {form:?}, offset {offset:#x}, known {known}): {e}")
        };
        for turn in 0.. {
            self.grow()?;
            let Some(&args) = sweep.calls(self.model.size, &mut self.random).get(turn) else {
                break;
            };
            self.call(n, sweep, args, offsets).map_err(|e| {
                place(format!(
                    "called with {args:x?} in {} bytes: {e}",
                    self.model.size
                ))
            })?;
        }
        match self.machine.strays().as_slice() {
            [] => Ok(()),
            found => Err(place(found.join("; "))),
        }
    }

    fn call(
        &mut self,
        n: usize,
        sweep: &Sweep,
        args: [u32; 3],
        offsets: &[u32],
    ) -> Result<(), String> {
        // Only beside other data of the module is there an access of which nothing is promised.
        let before = (!self.model.alone).then(|| self.model.clone());
        let size = self.model.size;
        let end = self.model.call(sweep, args);
        if let (End::Elsewhere, Some(before)) = (&end, before) {
            self.model = before;
            return Ok(());
        }
        let words = args.map(u64::from);
        self.missed.set(None);
        let got = self.machine.call(n, &words);
        self.figures.calls += 1;
        let right = match (&end, &got) {
            (End::Returned, Outcome::Returned(_)) => Ok(()),
            (End::Trapped(access), Outcome::Trapped(TrapKind::OutOfBounds)) => {
                self.figures.traps += 1;
                let (named, there) = (self.machine.trap_offset(), offsets[*access]);
                match named == Some(there) {
                    true => Ok(()),
                    false => Err(format!(
                        "the trap names {named:x?}, not the access at {there:#x}"
                    )),
                }
            }
            (End::Fault(range), Outcome::Fault(_)) => {
                self.figures.faults += 1;
                self.fault(sweep, range)
            }
            _ => Err(format!("{end:?}, not {got}")),
        };
        right?;
        let found = self.machine.violations();
        if !found.is_empty() {
            return Err(found.join("; "));
        }
        let model = &self.model;
        for (global, word, what) in [(DONE, model.done, "accesses"), (SUM, model.sum, "sum")] {
            let got = self.machine.global(global as usize) as u32;
            if got != word {
                return Err(format!("{what}: {word:#x}, not {got:#x} ({end:?})"));
            }
        }
        let bytes = self.machine.reserved(self.memory());
        if bytes != model.bytes {
            let at = bytes.iter().zip(&model.bytes).position(|(a, b)| a != b);
            let at = at.unwrap_or(bytes.len().min(model.bytes.len()));
            return Err(format!("byte {at:#x} of memory is wrong ({end:?})"));
        }
        self.agrees(n, &words, &end, size)
    }

    /// Whether the fault was at the access to `range`. What that wrote of itself before is anybody's.
    fn fault(&mut self, sweep: &Sweep, range: &Range<u64>) -> Result<(), String> {
        let address = self.missed.get().ok_or("a fault that is no access")?;
        let bytes = self.machine.reserved(0);
        let at = u64::from(address.wrapping_sub(Map::SPARSE.base(Kind::Linear)));
        let within = range.contains(&at) || range.contains(&(at + (1 << 32)));
        if !within || at < bytes.len() as u64 {
            return Err(format!("a fault at {at:#x} of memory, not in {range:x?}"));
        }
        let there = |n: u64| n.min(bytes.len() as u64) as usize;
        let mut spoilt = |from: u64, to: u64| {
            let range = there(from)..there(to);
            self.model.bytes[range.clone()].copy_from_slice(&bytes[range]);
        };
        spoilt(range.start, range.end);
        if range.end > 1 << 32 {
            spoilt(0, range.end - (1 << 32));
        }
        if let Operator::CopyFrom(n) = sweep.operator {
            spoilt(0, u64::from(n));
        }
        Ok(())
    }

    /// What wasmtime says of the same call, if it is asked.
    fn agrees(&mut self, n: usize, args: &[u64], end: &End, size: u64) -> Result<(), String> {
        let Some(reference) = &mut self.reference else {
            return Ok(());
        };
        self.figures.references += 1;
        let said = reference.call(n, args);
        let same = match (end, &said) {
            (End::Returned, Outcome::Returned(_)) => true,
            (End::Trapped(_), Outcome::Trapped(kind)) => *kind == TrapKind::OutOfBounds,
            _ => false,
        };
        let state = [DONE, SUM].map(|global| reference.global(global as usize) as u32);
        match same && state == [self.model.done, self.model.sum] {
            true => Ok(()),
            false => Err(format!(
                "wasmtime: {said} {state:x?} of {size} bytes, and the rule {end:?}"
            )),
        }
    }
}
