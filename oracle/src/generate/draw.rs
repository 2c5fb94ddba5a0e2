//! Where the generators' decisions come from: a stream of bytes.
//!
//! In: bytes of a fuzzer or of a random stream. Out: numbers, picks, interesting integers. Invariant: once the bytes
//! are used up every answer is the smallest one, so each menu lists something that ends the recursion first.

use crate::program::Ty;
use arbitrary::Unstructured;

/// A source of decisions.
pub struct Draw<'a> {
    bytes: Unstructured<'a>,
}

impl<'a> Draw<'a> {
    /// Decisions from these bytes.
    pub fn new(bytes: &'a [u8]) -> Draw<'a> {
        Draw {
            bytes: Unstructured::new(bytes),
        }
    }

    /// The bytes that are left, for a generator of another crate.
    pub fn unstructured(&mut self) -> &mut Unstructured<'a> {
        &mut self.bytes
    }

    /// Whether no bytes are left.
    pub fn exhausted(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number below `n`, which must not be zero.
    pub fn below(&mut self, n: usize) -> usize {
        self.bytes.int_in_range(0..=n - 1).unwrap_or(0)
    }

    /// A number of the range, both ends included.
    pub fn range(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True in about `percent` of a hundred cases; false once the bytes are used up.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.bytes
            .int_in_range(0..=99_u8)
            .is_ok_and(|n| usize::from(n) >= 100 - percent)
    }

    /// One of a menu.
    pub fn pick<T: Copy>(&mut self, menu: &[T]) -> T {
        menu[self.below(menu.len())]
    }

    /// One of a menu, by weight; the first with a weight once the bytes are used up.
    pub fn weighted<T: Copy>(&mut self, menu: &[(u32, T)]) -> T {
        let total: u32 = menu.iter().map(|(w, _)| w).sum();
        let mut n = self.below(total.max(1) as usize) as u32;
        for (weight, item) in menu {
            if n < *weight {
                return *item;
            }
            n -= weight;
        }
        menu[menu.len() - 1].1
    }

    /// 64 bits, dense.
    pub fn bits(&mut self) -> u64 {
        self.bytes.arbitrary().unwrap_or(0)
    }

    /// A 32-bit integer that sits on or beside a boundary more often than not.
    pub fn word(&mut self) -> u32 {
        match self.below(10) {
            0 | 1 => self.pick(&WORDS),
            2 => self.below(17) as u32,
            3 => (self.below(17) as u32).wrapping_neg(),
            4 => 1 << self.below(32),
            5 => (1_u32 << self.below(32)).wrapping_sub(1),
            6 => !(1 << self.below(32)),
            7 => {
                self.below(256) as u32
                    * self.pick(&[1, 0x100, 0x0001_0001, 0x0101_0101, 0x0100_0100, 0x00ab_0000])
            }
            8 => self.below(65536) as u32,
            _ => self.bits() as u32,
        }
    }

    /// A 64-bit integer with interesting halves.
    pub fn long(&mut self) -> u64 {
        match self.below(8) {
            0 => self.below(66) as u64,
            1 => i64::from(self.word() as i32) as u64,
            2 => u64::from(self.word()),
            3 => u64::from(self.word()) << 32,
            4 => 1 << self.below(64),
            5 => (1_u64 << self.below(64)).wrapping_sub(1),
            6 => self.bits(),
            _ => u64::from(self.word()) << 32 | u64::from(self.word()),
        }
    }
}

impl Draw<'_> {
    /// The bits of a value.
    pub fn value(&mut self, ty: Ty) -> u64 {
        match ty {
            Ty::I32 => self.word().into(),
            Ty::I64 => self.long(),
            Ty::F32 => self.single().into(),
            Ty::F64 => self.double(),
        }
    }

    /// The bits of a float of 32 bits: ordinary numbers, numbers that meet exactly, ends of ranges, anything.
    pub fn single(&mut self) -> u32 {
        let double = match self.below(4) {
            0 => return self.pick(&SINGLES) | (self.below(2) as u32) << 31,
            1 => return self.bits() as u32,
            _ => f64::from_bits(self.double()),
        };
        (double as f32).to_bits()
    }

    /// The bits of a float of 64 bits.
    pub fn double(&mut self) -> u64 {
        let sign = (self.below(2) as u64) << 63;
        match self.below(8) {
            0 => self.pick(&DOUBLES) | sign,
            1 => self.bits(),
            // Whole numbers and halves, whose sums and quotients meet.
            2 => (self.below(33) as f64 / 2.0).to_bits() | sign,
            // Beside an end of a conversion's range, and beside a power of two.
            3 => {
                let power = self.pick(&[31, 32, 63, 64]);
                self.beside(power) | sign
            }
            4 => {
                let power = self.below(128) as i32 - 64;
                self.beside(power) | sign
            }
            // Exponents near 1.0, so that sums and products stay numbers.
            5 => (self.bits() >> 12 | (1015 + self.below(16) as u64) << 52) | sign,
            6 => f64::from(self.word() as i32).to_bits(),
            _ => f64::from_bits(self.single_of_range()).to_bits() | sign,
        }
    }

    /// A number some units in the last place from a power of two, of 24, 53 or 32 bits.
    fn beside(&mut self, power: i32) -> u64 {
        let unit = self.pick(&[1_u64, 1 << 29, 1 << 21]);
        let steps = self.below(5) as u64;
        let bits = 2f64.powi(power).to_bits();
        bits.wrapping_add(unit * steps).wrapping_sub(2 * unit)
    }

    /// A double that a float of 32 bits holds or rounds, near its least and greatest.
    fn single_of_range(&mut self) -> u64 {
        let exponent = self.pick(&[-150, -149, -127, -126, -125, 126, 127, 128]);
        let bits = self.bits() >> 12;
        bits & !((1 << self.below(30)) - 1) | ((1023 + exponent) as u64) << 52
    }
}

/// Magnitudes of floats of 32 bits: zero, the least, the greatest subnormal, the least normal, 0.5, 1, its neighbours, 2, 2^23,
/// 2^24, 2^31, 2^32, 2^63, 2^64, the greatest, infinity, quiet NaN, signalling NaN.
const SINGLES: [u32; 20] = [
    0,
    1,
    0x007f_ffff,
    0x0080_0000,
    0x3f00_0000,
    0x3f80_0000,
    0x3f7f_ffff,
    0x3f80_0001,
    0x4000_0000,
    0x4b00_0000,
    0x4b80_0000,
    0x4f00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0x5f80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0x3fc0_0000,
];

/// The same of 64 bits, with 2^52, 2^53 and the limits of 32-bit floats.
const DOUBLES: [u64; 20] = [
    0,
    1,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3fef_ffff_ffff_ffff,
    0x3ff0_0000_0000_0001,
    0x4330_0000_0000_0000,
    0x4340_0000_0000_0000,
    0x41e0_0000_0000_0000,
    0x41f0_0000_0000_0000,
    0x43e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0x47ef_ffff_e000_0000,
    0x36a0_0000_0000_0000,
];

/// Boundaries of 32-bit arithmetic and of Thumb-2 immediates.
const WORDS: [u32; 24] = [
    0,
    1,
    2,
    u32::MAX,
    0x8000_0000,
    0x7fff_ffff,
    0x8000_0001,
    31,
    32,
    33,
    63,
    64,
    0xff,
    0x100,
    0x7f,
    0x80,
    0xffff,
    0x1_0000,
    0x7fff,
    0x8000,
    4095,
    4096,
    0xff00_ff00,
    0xffff_ff00,
];
