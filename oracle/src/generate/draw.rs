//! Where the generators' decisions come from: a stream of bytes.
//!
//! In: bytes of a fuzzer or of a random stream. Out: numbers, picks, interesting integers. Invariant: once the bytes
//! are used up every answer is the smallest one, so each menu lists something that ends the recursion first.

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
