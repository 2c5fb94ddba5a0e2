//! The calling conventions.
//!
//! In: a function type. Out: where each 32-bit word of the operands and results is. Arguments follow AAPCS32 (section 6.5):
//! `r0`-`r3`, then the stack; a 64-bit argument starts at an even register and at a multiple of 8. With an FPU floats are in
//! `s0`-`s15` instead (6.5 with the rules for co-processor registers, C.1.cp to C.3.cp), a double in two of them that are a `d` register.
//! One result is in `r0`, or `r0` and `r1`, or in `s0`, or `s0` and `s1`. Several results come in two ways: between functions of the
//! module in registers as if they were arguments and then on the stack behind the arguments; at exports and imports as C returns a
//! struct, through a pointer passed in `r0`; but up to four floats of one type are returned in registers (6.1.2.1).

use crate::ir::{FuncType, Ty};
use crate::isa::Reg;
use crate::options::{Cpu, Feature};
use crate::seeded::{Bug, on};

/// Which procedure call standard holds (AAPCS32, section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// Floats are passed as integers of their size: the base standard.
    Base,
    /// Floats are passed in registers of the FPU: the VFP variant.
    Vfp,
}

impl Variant {
    /// The standard of code for a core.
    pub fn of(cpu: Cpu) -> Variant {
        match cpu.has(Feature::Fpv4Sp) {
            true => Variant::Vfp,
            false => Variant::Base,
        }
    }

    /// Whether a value of this type is passed in registers of the FPU.
    pub fn in_fpu(self, ty: Ty) -> bool {
        self == Variant::Vfp && matches!(ty, Ty::F32 | Ty::F64)
    }

    /// Whether results come back in registers of the FPU where C has a struct: two to four floats of one type, a homogeneous
    /// aggregate (AAPCS32, 6.1.2.1).
    pub fn is_homogeneous(self, results: &[Ty]) -> bool {
        let first = results.first().copied().unwrap_or(Ty::Void);
        (2..=4).contains(&results.len())
            && self.in_fpu(first)
            && results.iter().all(|t| *t == first)
    }
}

/// Where a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a register.
    Reg(Reg),
    /// At this byte offset from the stack pointer at the call.
    Stack(u32),
}

/// Where everything is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// The words of the parameters in order.
    pub params: Vec<Place>,
    /// The words of the results in order.
    pub results: Vec<Place>,
    /// Bytes of the stack area at the call, a multiple of 8.
    pub stack_bytes: u32,
    /// If results go through a pointer in `r0`: byte offsets of the result words from it.
    pub struct_words: Option<Vec<u32>>,
    /// Size of that struct in bytes.
    pub struct_bytes: u32,
}

/// Where the next values go: registers that are taken, bytes of the stack that are.
struct Places {
    variant: Variant,
    /// The next register of the core; 4 once one value went to the stack, and then all do (AAPCS32, rules C.3 and C.6).
    core: u32,
    /// Registers `s0`-`s15` that are free, a bit each: holes that doubles leave are filled (A.2.cp, C.1.cp).
    singles: u32,
    /// Bytes.
    stack: u32,
}

impl Places {
    /// Nothing is taken but `core` registers of the core.
    fn after(core: u32, variant: Variant) -> Places {
        Places {
            variant,
            core,
            singles: 0xffff,
            stack: 0,
        }
    }

    /// The places of the words of an argument.
    fn argument(&mut self, ty: Ty, out: &mut Vec<Place>) {
        let words = ty.words();
        if self.variant.in_fpu(ty) {
            match self.in_singles(words) {
                Some(first) => {
                    out.extend((0..words).map(|w| Place::Reg(Reg::s((first + w) as u8))))
                }
                None => self.on_stack(words, out),
            }
            return;
        }
        if words == 2 && !(on(Bug::PairMisaligned) && self.stack == 0) {
            self.core = self.core.next_multiple_of(2);
        }
        if self.core + words <= 4 {
            out.extend((0..words).map(|w| Place::Reg(Reg((self.core + w) as u8))));
            self.core += words;
        } else {
            self.core = 4;
            self.on_stack(words, out);
        }
    }

    /// The first of free `s` registers; once there are none, later floats find none either (C.2.cp).
    fn in_singles(&mut self, words: u32) -> Option<u32> {
        let bits = (1 << words) - 1;
        let fits = |first: &u32| self.singles >> first & bits == bits;
        let first = (0..16).step_by(words as usize).find(fits);
        match first {
            Some(first) => self.singles &= !(bits << first),
            None if on(Bug::FloatAfterStack) => {}
            None => self.singles = 0,
        }
        if on(Bug::FloatHoles) && words == 2 {
            let below = first.map_or(0, |f| (1 << f) - 1);
            self.singles &= !below;
        }
        first
    }

    fn on_stack(&mut self, words: u32, out: &mut Vec<Place>) {
        if !on(Bug::StackPairMisaligned) {
            self.stack = self.stack.next_multiple_of(4 * words);
        }
        out.extend((0..words).map(|w| Place::Stack(self.stack + 4 * w)));
        self.stack += 4 * words;
    }

    /// The places of the words of a result among several, as close to each other as they come.
    fn result(&mut self, ty: Ty, out: &mut Vec<Place>) {
        if self.variant.in_fpu(ty)
            && let Some(first) = self.in_singles(ty.words())
        {
            out.extend((0..ty.words()).map(|w| Place::Reg(Reg::s((first + w) as u8))));
            return;
        }
        for _ in 0..ty.words() {
            if self.core < 4 && !self.variant.in_fpu(ty) {
                out.push(Place::Reg(Reg(self.core as u8)));
                self.core += 1;
            } else {
                out.push(Place::Stack(self.stack));
                self.stack += 4;
            }
        }
    }
}

/// Bytes of the stack area that arguments take.
pub fn argument_bytes(ty: &FuncType, variant: Variant) -> u32 {
    params(ty, 0, variant, &mut Signature::default())
}

/// The convention inside the module.
pub fn internal(ty: &FuncType, variant: Variant) -> Signature {
    within(ty, 0, variant)
}

/// The convention inside the module where callers have at least `area` bytes of stack for arguments: results on the stack
/// stand behind that. Functions that call each other in their own place share one area, so that each finds its results
/// where the first one's caller looks for them.
pub fn within(ty: &FuncType, area: u32, variant: Variant) -> Signature {
    let mut s = Signature::default();
    let own = params(ty, 0, variant, &mut s);
    let mut places = Places::after(0, variant);
    places.stack = match on(Bug::TailResults) {
        true => own,
        false => own.max(area),
    };
    for &t in &ty.results {
        places.result(t, &mut s.results);
    }
    s.stack_bytes = places.stack.max(area).next_multiple_of(8);
    s
}

/// The convention at exports and imports.
pub fn external(ty: &FuncType, variant: Variant) -> Signature {
    if ty.results.len() < 2 || variant.is_homogeneous(&ty.results) {
        return internal(ty, variant);
    }
    let mut s = Signature::default();
    s.stack_bytes = params(ty, 1, variant, &mut s).next_multiple_of(8);
    let (mut words, mut at) = (Vec::new(), 0u32);
    for t in &ty.results {
        if !on(Bug::StructMisaligned) {
            at = at.next_multiple_of(4 * t.words());
        }
        words.extend((0..t.words()).map(|w| at + 4 * w));
        at += 4 * t.words();
    }
    let align = 4 * ty.results.iter().map(|t| t.words()).max().unwrap_or(1);
    s.struct_words = Some(words);
    s.struct_bytes = at.next_multiple_of(align);
    s
}

/// Places the parameters after `first` registers that are taken; returns the end of the stack area.
fn params(ty: &FuncType, first: u32, variant: Variant, s: &mut Signature) -> u32 {
    let mut places = Places::after(first, variant);
    for &t in &ty.params {
        places.argument(t, &mut s.params);
    }
    places.stack
}
