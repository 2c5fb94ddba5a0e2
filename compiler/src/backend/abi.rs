//! The calling conventions.
//!
//! In: a function type. Out: where each 32-bit word of the operands and results is. Arguments follow AAPCS (section 6.5):
//! `r0`-`r3`, then the stack; a 64-bit argument starts at an even register and at a multiple of 8. One result is in
//! `r0`, or `r0` and `r1`. Several results come in two ways: between functions of the module in `r0`-`r3` and then on
//! the stack behind the arguments; at exports and imports as C returns a struct, through a pointer passed in `r0`.

use crate::ir::FuncType;
use crate::isa::Reg;
use crate::seeded::{Bug, on};

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

/// Bytes of the stack area that arguments take.
pub fn argument_bytes(ty: &FuncType) -> u32 {
    params(ty, 0, &mut Signature::default())
}

/// The convention inside the module.
pub fn internal(ty: &FuncType) -> Signature {
    within(ty, 0)
}

/// The convention inside the module where callers have at least `area` bytes of stack for arguments: results on the stack
/// stand behind that. Functions that call each other in their own place share one area, so that each finds its results
/// where the first one's caller looks for them.
pub fn within(ty: &FuncType, area: u32) -> Signature {
    let mut s = Signature::default();
    let own = params(ty, 0, &mut s);
    let end = match on(Bug::TailResults) {
        true => own,
        false => own.max(area),
    };
    let words: u32 = ty.results.iter().map(|t| t.words()).sum();
    let mut at = end;
    for w in 0..words {
        s.results.push(if w < 4 {
            Place::Reg(Reg(w as u8))
        } else {
            at += 4;
            Place::Stack(at - 4)
        });
    }
    s.stack_bytes = at.max(area).next_multiple_of(8);
    s
}

/// The convention at exports and imports.
pub fn external(ty: &FuncType) -> Signature {
    if ty.results.len() < 2 {
        return internal(ty);
    }
    let mut s = Signature::default();
    s.stack_bytes = params(ty, 1, &mut s).next_multiple_of(8);
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
fn params(ty: &FuncType, first: u32, s: &mut Signature) -> u32 {
    let (mut reg, mut stack) = (first, 0u32);
    for t in &ty.params {
        let words = t.words();
        if words == 2 && !(on(Bug::PairMisaligned) && stack == 0) {
            reg = reg.next_multiple_of(2);
        }
        // Once an argument is on the stack, all later ones are (AAPCS, rule C.3 and C.6).
        if reg + words <= 4 {
            s.params
                .extend((0..words).map(|w| Place::Reg(Reg((reg + w) as u8))));
            reg += words;
        } else {
            reg = 4;
            if !on(Bug::StackPairMisaligned) {
                stack = stack.next_multiple_of(4 * words);
            }
            s.params
                .extend((0..words).map(|w| Place::Stack(stack + 4 * w)));
            stack += 4 * words;
        }
    }
    stack
}
