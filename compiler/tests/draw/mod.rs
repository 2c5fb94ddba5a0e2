//! Random values that sit on boundaries, the same on every host: for tests that judge by evaluating.

// Each test binary uses a part of this.
#![allow(dead_code)]

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A value of `bits` bits: corners, small numbers, powers of two and masks with their neighbours, or anything.
    pub fn value(&mut self, bits: u32) -> u64 {
        let power = 1u64 << self.below(bits as usize);
        let v = match self.below(10) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (bits - 1),
            3 => (1 << (bits - 1)) - 1,
            4 => self.below(bits as usize) as u64,
            5 => power,
            6 => power.wrapping_sub(1),
            7 => (power.wrapping_sub(1)) ^ u64::MAX,
            8 => self.next() >> self.below(64),
            _ => self.next(),
        };
        let near = match self.below(8) {
            0 => v.wrapping_add(1),
            1 => v.wrapping_sub(1),
            2 => v.wrapping_neg(),
            _ => v,
        };
        near & mask(bits)
    }

    /// A value that is related to one of those drawn before.
    pub fn related(&mut self, bits: u32, before: &[u64]) -> u64 {
        if before.is_empty() {
            return self.value(bits);
        }
        let v = self.pick(before);
        let n = u64::from(bits);
        let r = match self.below(14) {
            0 => v,
            1 => v.wrapping_add(1),
            2 => v.wrapping_sub(1),
            3 => v.wrapping_neg(),
            4 => !v,
            5 => n.wrapping_sub(v),
            6 => n.wrapping_sub(1).wrapping_sub(v),
            7 => v << self.below(bits as usize),
            8 => !(v << self.below(bits as usize)),
            9 => v.checked_shl(v as u32).unwrap_or(0),
            10 => (1u64.checked_shl(v as u32).unwrap_or(0)).wrapping_sub(1),
            _ => return self.value(bits),
        };
        r & mask(bits)
    }
}

/// The low bits.
pub fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}
