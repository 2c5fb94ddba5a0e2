//! The procedure call standard, from the caller's side (AAPCS32, 6.4 and 6.5; base standard).
//!
//! In: a signature and values. Out: which register or stack word carries each argument, and how results come back.
//! This is written from the standard alone and shares nothing with the compiler's own rules, which it checks.

use crate::program::{Sig, Ty};

/// Where a call's values travel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Convention {
    /// Place of each parameter: word number 0-3 is a register, from 4 on the stack word `n - 4`.
    pub params: Vec<usize>,
    /// Number of stack words that the arguments take, padded to eight bytes.
    pub stack_words: usize,
    /// How results come back.
    pub results: Results,
}

/// How results come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Results {
    /// None, or one in r0, or r0 and r1.
    Registers,
    /// A structure whose address is in r0: the byte offset of each result, and the size.
    Indirect(Vec<u32>, u32),
}

impl Convention {
    /// The convention for a signature.
    pub fn of(sig: &Sig) -> Convention {
        let results = match sig.results.len() {
            0 | 1 => Results::Registers,
            _ => structure(&sig.results),
        };
        // A hidden address takes the first core register.
        let mut core = usize::from(results != Results::Registers);
        let mut stack = 0;
        let mut params = Vec::with_capacity(sig.params.len());
        for ty in &sig.params {
            let words = ty.words();
            core = core.next_multiple_of(words);
            if core + words <= 4 {
                params.push(core);
                core += words;
            } else {
                // Once an argument is on the stack, no later one goes back to a register.
                core = 4;
                stack = usize::next_multiple_of(stack, words);
                params.push(4 + stack);
                stack += words;
            }
        }
        Convention {
            params,
            stack_words: stack.next_multiple_of(2),
            results,
        }
    }
}

/// Natural alignment, in order (AAPCS32, 5.3 "Composite types").
fn structure(results: &[Ty]) -> Results {
    let mut at = 0;
    let mut align = 4;
    let offsets = results.iter().map(|ty| {
        let size = ty.words() as u32 * 4;
        align = align.max(size);
        at = u32::next_multiple_of(at, size);
        at += size;
        at - size
    });
    let offsets: Vec<u32> = offsets.collect();
    Results::Indirect(offsets, at.next_multiple_of(align))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ty::{I32, I64};

    fn places(params: &[Ty], results: &[Ty]) -> (Vec<usize>, usize) {
        let c = Convention::of(&Sig {
            params: params.to_vec(),
            results: results.to_vec(),
        });
        (c.params, c.stack_words)
    }

    #[test]
    fn arguments_follow_the_standard() {
        assert_eq!(places(&[I32, I64, I32], &[]), (vec![0, 2, 4], 2));
        assert_eq!(
            places(&[I32, I32, I32, I64, I32], &[I32]),
            (vec![0, 1, 2, 4, 6], 4)
        );
        assert_eq!(
            places(&[I64, I32, I64, I32, I64], &[]),
            (vec![0, 2, 4, 6, 8], 6)
        );
        // The hidden address shifts everything, and leaves a hole before the pair.
        assert_eq!(places(&[I32, I64], &[I32, I64]), (vec![1, 2], 0));
        assert_eq!(places(&[I64, I64], &[I32, I32]), (vec![2, 4], 2));
    }

    #[test]
    fn results_are_laid_out_as_a_structure() {
        let c = Convention::of(&Sig {
            params: vec![],
            results: vec![I32, I64, I32],
        });
        assert_eq!(c.results, Results::Indirect(vec![0, 8, 16], 24));
        let c = Convention::of(&Sig {
            params: vec![],
            results: vec![I32, I32],
        });
        assert_eq!(c.results, Results::Indirect(vec![0, 4], 8));
    }
}
