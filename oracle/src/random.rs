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
}
