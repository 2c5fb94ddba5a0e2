//! A small deterministic random stream (xorshift64*), the same on every host.

/// The stream.
pub struct Random(u64);

impl Random {
    /// A stream from a seed; nearby seeds give unrelated streams.
    pub fn new(seed: u64) -> Random {
        Random(crate::engine::mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) | 1)
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(n + 8);
        while out.len() < n {
            out.extend_from_slice(&self.word().to_le_bytes());
        }
        out.truncate(n);
        out
    }

    /// A number of `bits` bits, of 1 to 64: a boundary, one beside or opposite `near`, or anything.
    pub fn number(&mut self, bits: u32, near: u64) -> u64 {
        let pick = self.word();
        let shift = self.word() % u64::from(bits);
        let v = match (pick >> 32) % 12 {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (bits - 1),
            3 => 1 << shift,
            4 => (1 << shift) - 1,
            5 => shift,
            6 => near.wrapping_add(1),
            7 => near.wrapping_sub(1),
            8 => !near,
            9 => near,
            10 => u64::from(bits).wrapping_sub(near),
            _ => self.word() >> shift,
        };
        v & (u64::MAX >> (64 - bits))
    }
}
