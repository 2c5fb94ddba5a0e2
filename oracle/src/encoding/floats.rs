//! Floats for operands: those at which operations differ more often than chance would bring them.
//!
//! In: random bits. Out: bits of floats. Invariant: any bits can come, and NaNs of both kinds come often.

use super::Random;

/// Floats of 32 bits at which operations differ: zeros, the ends of subnormal and normal numbers, halves, ends of integers,
/// infinities, and NaNs of both kinds.
const FLOATS: [u32; 28] = [
    0,
    1,
    0x007f_ffff,
    0x0080_0000,
    0x3eff_ffff,
    0x3f00_0000,
    0x3f00_0001,
    0x3f80_0000,
    0x3f80_0001,
    0x3fc0_0000,
    0x4020_0000,
    0x4060_0000,
    0x4afe_ffff,
    0x4b00_0000,
    0x4b00_0001,
    0x4eff_ffff,
    0x4f00_0000,
    0x4f00_0001,
    0x4f7f_ffff,
    0x4f80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7f80_0001,
    0x7faf_5555,
    0x7fbf_ffff,
    0x7fc0_0000,
    0x7fc1_2345,
    0x7fff_ffff,
];

/// What only floats of 64 bits have: the ends of their subnormal numbers and of those of 32 bits, ends of integers, middles
/// between floats of 32 bits, and payloads that these do not have.
const DOUBLES: [u64; 20] = [
    1,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x36a8_0000_0000_0000,
    0x380f_ffff_e000_0000,
    0x380f_ffff_f000_0000,
    0x3ff0_0000_1000_0000,
    0x3ff0_0000_3000_0000,
    0x3ff0_0000_1000_0001,
    0x41df_ffff_ffc0_0000,
    0x41df_ffff_ffff_ffff,
    0x41ef_ffff_ffe0_0000,
    0x41ef_ffff_fff0_0000,
    0x4330_0000_0000_0001,
    0x47ef_ffff_efff_ffff,
    0x47ef_ffff_f000_0000,
    0x7ff0_0000_0000_0001,
    0x7ff8_0000_1fff_ffff,
];

impl Random {
    /// A float of 32 bits: one at which operations differ, of magnitudes that meet, or any bits.
    pub(super) fn float(&mut self) -> u32 {
        let sign = self.next() & 1 << 31;
        match self.below(8) {
            0..4 => FLOATS[self.next() as usize % FLOATS.len()] | sign,
            4..6 => {
                (0x3f80_0000 + (self.below(80) << 23)).wrapping_sub(40 << 23)
                    | self.next() >> 9
                    | sign
            }
            _ => self.next(),
        }
    }

    /// A float of 64 bits.
    pub(super) fn double(&mut self) -> u64 {
        let sign = u64::from(self.next() & 1) << 63;
        let low = u64::from(self.next());
        match self.below(8) {
            0..2 => DOUBLES[self.next() as usize % DOUBLES.len()] | sign,
            2..5 => widened(self.float()) ^ u64::from(self.below(3) == 0),
            5 => {
                (0x3d70 + u64::from(self.below(80)) * 16) << 48
                    | u64::from(self.next()) << 20
                    | low & 0xf_ffff
                    | sign
            }
            _ => u64::from(self.next()) << 32 | low,
        }
    }
}

/// A float of 32 bits as one of 64, bits of a NaN too.
fn widened(bits: u32) -> u64 {
    match f32::from_bits(bits) {
        x if x.is_nan() => {
            u64::from(bits >> 31) << 63 | 0x7ff << 52 | u64::from(bits & 0x7f_ffff) << 29
        }
        x => f64::from(x).to_bits(),
    }
}
