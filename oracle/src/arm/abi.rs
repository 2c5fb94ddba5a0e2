//! The procedure call standard, from the caller's side (AAPCS32, 6.4, 6.5 and 7.1).
//!
//! In: a signature and values. Out: which register or stack word carries each argument, and how results come back.
//! This is written from the standard alone and shares nothing with the compiler's own rules, which it checks.

use super::Regs;
use crate::engine::Values;
use crate::program::{Sig, Ty};
use thumbsmith::Cpu;
use thumbsmith::options::Feature;

/// Words of registers of the FPU that carry arguments: s0-s15 (AAPCS32, 6.1.2 and 7.1.2).
const SINGLES: usize = 16;
/// Most members of a homogeneous aggregate that comes back in registers (AAPCS32, 7.1.2).
const MEMBERS: usize = 4;

/// A variant of the standard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// All values in core registers and on the stack (AAPCS32, 6.4 and 6.5).
    Base,
    /// Floats in registers of the FPU (AAPCS32, 7.1).
    Vfp,
}

impl Variant {
    /// The one that code of a CPU follows: floats are in registers of the FPU where there is one.
    pub fn of(cpu: Cpu) -> Variant {
        match cpu.has(Feature::Fpv4Sp) {
            true => Variant::Vfp,
            false => Variant::Base,
        }
    }

    /// Whether a value of this type is a candidate for a register of the FPU.
    fn takes(self, ty: Ty) -> bool {
        self == Variant::Vfp && matches!(ty, Ty::F32 | Ty::F64)
    }
}

/// Where the first word of a value is; the second, if it has two, is behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The core register with this number.
    Core(usize),
    /// The `s` register with this number; d0 is s0 and s1.
    Single(usize),
    /// This word of the arguments on the stack.
    Stack(usize),
}

/// Where a call's values travel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Convention {
    /// Place of each parameter.
    pub params: Vec<Place>,
    /// Number of stack words that the arguments take, padded to eight bytes.
    pub stack_words: usize,
    /// How results come back.
    pub results: Results,
}

/// How results come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Results {
    /// None, or one, or a homogeneous aggregate of floats: the place of each.
    Registers(Vec<Place>),
    /// A structure whose address is in r0: the byte offset of each result, and the size.
    Indirect(Vec<u32>, u32),
}

impl Results {
    fn of(types: &[Ty], variant: Variant) -> Results {
        let alike = types.iter().all(|ty| *ty == types[0]);
        match types {
            [] => Results::Registers(Vec::new()),
            [first, ..] if variant.takes(*first) && alike && types.len() <= MEMBERS => {
                let words = (0..types.len()).map(|n| n * first.words());
                Results::Registers(words.map(Place::Single).collect())
            }
            [_] => Results::Registers(vec![Place::Core(0)]),
            _ => structure(types),
        }
    }

    /// Bytes of the structure that the caller gives room for; 0 if there is none.
    pub fn size(&self) -> u32 {
        match self {
            Results::Registers(_) => 0,
            Results::Indirect(_, size) => *size,
        }
    }
}

impl Place {
    /// The register of the word `word` words behind this, if it is in one.
    fn register(self, word: usize, regs: &mut Regs) -> Option<&mut u32> {
        match self {
            Place::Core(n) => regs.r.get_mut(n + word),
            Place::Single(n) => regs.s.get_mut(n + word),
            Place::Stack(_) => None,
        }
    }

    /// A value at this place; `stack` gives words of the stack. `None` if they do not lie in memory.
    fn get(self, ty: Ty, regs: &Regs, stack: &impl Fn(usize) -> Option<u32>) -> Option<u64> {
        let word = |word: usize| match self {
            Place::Core(n) => Some(regs.r[n + word]),
            Place::Single(n) => Some(regs.s[n + word]),
            Place::Stack(n) => stack(n + word),
        };
        let low = u64::from(word(0)?);
        match ty.words() {
            1 => Some(low),
            _ => Some(low | u64::from(word(1)?) << 32),
        }
    }
}

impl Convention {
    /// The convention for a signature in a variant.
    pub fn of(sig: &Sig, variant: Variant) -> Convention {
        let results = Results::of(&sig.results, variant);
        let mut free = Free {
            // A hidden address takes the first core register.
            core: usize::from(matches!(results, Results::Indirect(..))),
            singles: [true; SINGLES],
            stack: 0,
        };
        let place = |ty: &Ty| match variant.takes(*ty) {
            true => free.single(ty.words()),
            false => free.core(ty.words()),
        };
        Convention {
            params: sig.params.iter().map(place).collect(),
            stack_words: free.stack.next_multiple_of(2),
            results,
        }
    }

    /// Puts arguments into registers; `stack` takes each word that goes to the stack, by its number.
    pub fn pass(
        &self,
        sig: &Sig,
        args: &[u64],
        regs: &mut Regs,
        mut stack: impl FnMut(usize, u32),
    ) {
        for ((ty, place), value) in sig.params.iter().zip(&self.params).zip(args) {
            for word in 0..ty.words() {
                let bits = (value >> (32 * word)) as u32;
                match (place.register(word, regs), *place) {
                    (Some(register), _) => *register = bits,
                    (None, Place::Stack(n)) => stack(n + word, bits),
                    (None, Place::Core(_) | Place::Single(_)) => {}
                }
            }
        }
    }

    /// The arguments that a callee finds; `stack` gives words of the stack. `None` if they do not lie in memory.
    pub fn arguments(
        &self,
        sig: &Sig,
        regs: &Regs,
        stack: impl Fn(usize) -> Option<u32>,
    ) -> Option<Values> {
        let places = sig.params.iter().zip(&self.params);
        places.map(|(ty, p)| p.get(*ty, regs, &stack)).collect()
    }

    /// The results that a caller finds; `structure` reads a value from the structure at a byte offset. `None` if they do not
    /// lie in memory.
    pub fn results(
        &self,
        sig: &Sig,
        regs: &Regs,
        structure: impl Fn(u32, Ty) -> Option<u64>,
    ) -> Option<Values> {
        let types = sig.results.iter();
        match &self.results {
            Results::Registers(places) => {
                let places = types.zip(places);
                places.map(|(ty, p)| p.get(*ty, regs, &|_| None)).collect()
            }
            Results::Indirect(offsets, _) => {
                let places = types.zip(offsets);
                places.map(|(ty, at)| structure(*at, *ty)).collect()
            }
        }
    }

    /// Puts results that come back in registers there.
    pub fn give(&self, sig: &Sig, values: &[u64], regs: &mut Regs) {
        let Results::Registers(places) = &self.results else {
            return;
        };
        for ((ty, place), value) in sig.results.iter().zip(places).zip(values) {
            for word in 0..ty.words() {
                if let Some(register) = place.register(word, regs) {
                    *register = (value >> (32 * word)) as u32;
                }
            }
        }
    }
}

/// What arguments have not taken yet.
struct Free {
    /// Next core register, 4 if there is none (NCRN).
    core: usize,
    /// Registers of the FPU, word by word.
    singles: [bool; SINGLES],
    /// Next word of the stack, which all share (NSAA).
    stack: usize,
}

impl Free {
    /// The place of an argument for core registers (AAPCS32, 6.5, C.3 to C.8).
    fn core(&mut self, words: usize) -> Place {
        let first = self.core.next_multiple_of(words);
        if first + words <= 4 {
            self.core = first + words;
            return Place::Core(first);
        }
        // Once an argument is on the stack, no later one goes back to a core register.
        self.core = 4;
        self.stack(words)
    }

    /// The place of an argument for registers of the FPU (AAPCS32, 7.1.2, C.1.vfp and C.2.vfp): the lowest that are free, also
    /// those that the alignment of a double left between others.
    fn single(&mut self, words: usize) -> Place {
        let mut firsts = (0..SINGLES).step_by(words);
        if let Some(first) = firsts.find(|n| self.singles[*n..n + words] == [true; 2][..words]) {
            self.singles[first..first + words].fill(false);
            return Place::Single(first);
        }
        // Once one is on the stack, no later one goes to a register, even if some are free.
        self.singles.fill(false);
        self.stack(words)
    }

    fn stack(&mut self, words: usize) -> Place {
        let first = self.stack.next_multiple_of(words);
        self.stack = first + words;
        Place::Stack(first)
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
    use Place::{Core, Single, Stack};
    use Ty::{F32, F64, I32, I64};

    fn convention(params: &[Ty], results: &[Ty], variant: Variant) -> Convention {
        let sig = Sig {
            params: params.to_vec(),
            results: results.to_vec(),
        };
        Convention::of(&sig, variant)
    }

    /// Core registers are 0-3, stack words from 4 on.
    fn base(params: &[Ty], results: &[Ty]) -> (Vec<usize>, usize) {
        let c = convention(params, results, Variant::Base);
        let number = |place: &Place| match place {
            Core(n) => *n,
            Stack(n) => 4 + n,
            Single(n) => panic!("s{n} in the base variant"),
        };
        (c.params.iter().map(number).collect(), c.stack_words)
    }

    #[test]
    fn arguments_follow_the_standard() {
        assert_eq!(base(&[I32, I64, I32], &[]), (vec![0, 2, 4], 2));
        assert_eq!(
            base(&[I32, I32, I32, I64, I32], &[I32]),
            (vec![0, 1, 2, 4, 6], 4)
        );
        assert_eq!(
            base(&[I64, I32, I64, I32, I64], &[]),
            (vec![0, 2, 4, 6, 8], 6)
        );
        // The hidden address shifts everything, and leaves a hole before the pair.
        assert_eq!(base(&[I32, I64], &[I32, I64]), (vec![1, 2], 0));
        assert_eq!(base(&[I64, I64], &[I32, I32]), (vec![2, 4], 2));
        // Floats are as integers of their size.
        assert_eq!(base(&[F32, F64, F32], &[F64]), (vec![0, 2, 4], 2));
        assert_eq!(base(&[I32, F64], &[F32, F32]), (vec![1, 2], 0));
    }

    #[test]
    fn floats_fill_holes_and_share_the_stack() {
        let places = |params: &[Ty], results: &[Ty]| {
            let c = convention(params, results, Variant::Vfp);
            (c.params, c.stack_words)
        };
        assert_eq!(
            places(&[F32, F64, F32, I32, F32], &[]),
            (vec![Single(0), Single(2), Single(1), Core(0), Single(4)], 0)
        );
        // Seven doubles and a float leave a hole of one word, which no double fits: then none is filled any more.
        let seven = |rest: &[Ty]| {
            let all: Vec<Ty> = [F64; 7].into_iter().chain(rest.iter().copied()).collect();
            let (params, words) = places(&all, &[]);
            (params[7..].to_vec(), words)
        };
        assert_eq!(
            seven(&[F32, F64, F32, I32, I64]),
            (vec![Single(14), Stack(0), Stack(2), Core(0), Core(2)], 4)
        );
        assert_eq!(seven(&[F32, F32, F32]).0[1..], [Single(15), Stack(0)]);
        // Integers on the stack leave the FPU's registers, and take their turn on the stack.
        assert_eq!(
            places(&[I64, I64, I32, F32, I64, F64], &[]),
            (
                vec![Core(0), Core(2), Stack(0), Single(0), Stack(2), Single(2)],
                4
            )
        );
        let mut many = vec![F64; 9];
        many.extend([I64, I32, I64, F32, I32]);
        assert_eq!(
            places(&many, &[]).0[8..],
            [Stack(0), Core(0), Core(2), Stack(2), Stack(4), Stack(5)]
        );
        // The hidden address takes a core register only.
        assert_eq!(
            places(&[F32, I32], &[F32, F64]),
            (vec![Single(0), Core(1)], 0)
        );
        assert_eq!(places(&[I32], &[F32, F32]), (vec![Core(0)], 0));
    }

    #[test]
    fn results_are_laid_out_as_a_structure() {
        let base = |types: &[Ty]| convention(&[], types, Variant::Base).results;
        let vfp = |types: &[Ty]| convention(&[], types, Variant::Vfp).results;
        let indirect = |offsets: &[u32], size| Results::Indirect(offsets.to_vec(), size);
        let registers = |places: &[Place]| Results::Registers(places.to_vec());
        for both in [base, vfp] {
            assert_eq!(both(&[I32, I64, I32]), indirect(&[0, 8, 16], 24));
            assert_eq!(both(&[I32, I32]), indirect(&[0, 4], 8));
            assert_eq!(both(&[F32, F64]), indirect(&[0, 8], 16));
            assert_eq!(both(&[F32, I32]), indirect(&[0, 4], 8));
            assert_eq!(both(&[F32; 5]), indirect(&[0, 4, 8, 12, 16], 20));
            assert_eq!(both(&[I64]), registers(&[Core(0)]));
            assert_eq!(both(&[]), registers(&[]));
        }
        assert_eq!(base(&[F64]), registers(&[Core(0)]));
        assert_eq!(base(&[F64; 2]), indirect(&[0, 8], 16));
        assert_eq!(vfp(&[F32]), registers(&[Single(0)]));
        assert_eq!(
            vfp(&[F32; 3]),
            registers(&[Single(0), Single(1), Single(2)])
        );
        assert_eq!(vfp(&[F64]), registers(&[Single(0)]));
        let four = [Single(0), Single(2), Single(4), Single(6)];
        assert_eq!(vfp(&[F64; 4]), registers(&four));
    }
}
