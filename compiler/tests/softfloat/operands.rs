//! Operands for the helpers: corners of each type, and random ones near each other.
//!
//! In: a type, or the state of a generator. Out: bits.

use thumbsmith::softfloat::Kind;

/// Bits of fraction and of exponent.
pub fn format(kind: Kind) -> (u32, u32) {
    match kind {
        Kind::F32 => (23, 8),
        Kind::F64 => (52, 11),
        Kind::I32 | Kind::I64 | Kind::Order => panic!("{kind:?} is no float"),
    }
}

/// The corners of a type.
pub fn corners(kind: Kind) -> Vec<u64> {
    match kind {
        Kind::F32 | Kind::F64 => floats(kind),
        Kind::I32 => integers(32),
        Kind::I64 => integers(64),
        Kind::Order => Vec::new(),
    }
}

/// Ends of subnormal and normal numbers, infinities, NaNs with and without payload, quiet and signalling, powers of two and
/// their neighbours and halves, at distances where an alignment, a word or an integer type ends.
fn floats(kind: Kind) -> Vec<u64> {
    let (fraction, exponent) = format(kind);
    let (one, most) = (1u64 << fraction, (1u64 << exponent) - 1);
    let bias = most / 2;
    let mut list = vec![0, 1, 2, 3, one / 2, one - 1];
    list.extend([most * one - 1, most * one, most * one + 1]);
    list.extend([
        most * one + one / 2,
        most * one + one / 2 + 5,
        most * one + one - 1,
    ]);
    let near = [bias - 2, bias - 1, bias, bias + 1, bias + 2];
    let far = [
        1,
        2,
        bias / 2,
        bias / 2 + 1,
        bias + bias / 2,
        most - 2,
        most - 1,
    ];
    let widths = [
        22, 23, 24, 25, 30, 31, 32, 33, 51, 52, 53, 54, 55, 62, 63, 64,
    ];
    let below = [23, 24, 25, 26, 32, 53, 54].map(|d| bias - d);
    // Where f64 ends in the subnormal numbers of f32, and below.
    let tiny = [126, 127, 140, 149, 150].map(|d| bias.saturating_sub(d));
    let exponents = near
        .into_iter()
        .chain(far)
        .chain(widths.map(|d| bias + d))
        .chain(below)
        .chain(tiny);
    for e in exponents {
        list.extend([e * one, e * one + 1, e * one + one - 1, e * one + one / 2]);
        list.push(e * one + one / 2 + one / 4 + 1);
        // The top bit of an f64's lower word, and some bit of an f32's fraction.
        list.push(e * one + (1 << (fraction * 3 / 5)));
    }
    let sign = 1u64 << (fraction + exponent);
    list.iter().flat_map(|v| [*v, *v | sign]).collect()
}

/// Around powers of two, and what rounds up, down or to even in either float.
fn integers(bits: u32) -> Vec<u64> {
    let mut list = vec![0, 3, 5, 7];
    for k in 0..bits {
        let one = 1u64 << k;
        list.extend([one, one.wrapping_sub(1), one + 1]);
        for below in [23, 24, 25, 52, 53, 54] {
            let Some(half) = k.checked_sub(below).map(|s| 1u64 << s) else {
                continue;
            };
            list.extend([one + half, one + half - 1, one + half + 1, one + 3 * half]);
            list.push(one - half);
        }
    }
    let mask = u64::MAX >> (64 - bits);
    list.iter()
        .flat_map(|v| [*v & mask, v.wrapping_neg() & mask])
        .collect()
}

/// Random numbers: xorshift with a multiplier.
pub struct Random(pub u64);

impl Random {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One operand: any bits; few bits of fraction; or of a magnitude that an integer of 64 bits comes near to.
    pub fn one(&mut self, kind: Kind) -> u64 {
        let (v, pick) = (self.bits(), self.bits() >> 32);
        if let Kind::I32 | Kind::I64 = kind {
            let v = v >> (64 - 32 * kind.words());
            let few = v & (u64::MAX << (pick >> 16 & 63));
            return [v, v >> (pick >> 8 & 63), few][(pick % 3) as usize];
        }
        let (fraction, exponent) = format(kind);
        let (all, one) = (u64::MAX >> (63 - fraction - exponent), 1u64 << fraction);
        let bias = (1u64 << (exponent - 1)) - 1;
        let near = (v & (one - 1))
            | ((bias - 4 + (pick >> 8) % 80) * one)
            | (v & 1 << 63) >> (63 - fraction - exponent);
        let few = !((one - 1) >> (pick >> 20 & 7));
        [v & all, near, v & few & all, near & few | v & one][(pick % 4) as usize]
    }

    /// Two of a float: any; exponents near each other; few bits of fraction; nearly the opposite; around the least.
    pub fn pair(&mut self, kind: Kind) -> [u64; 2] {
        let (fraction, exponent) = format(kind);
        let (all, one) = (u64::MAX >> (63 - fraction - exponent), 1u64 << fraction);
        let (a, b, pick) = (self.bits() & all, self.bits() & all, self.bits() >> 32);
        let near = (a & !(one - 1))
            .wrapping_add((self.bits() >> 40) % 80 * one)
            .wrapping_sub(40 * one);
        match pick % 5 {
            0 => [a, b],
            1 => [
                a,
                ((near ^ (b & !(all >> 1))) & all & !(one - 1)) | (b & (one - 1)),
            ],
            2 => {
                let few = !((one - 1) >> (pick >> 8 & 7));
                [a & few, ((near & !(one - 1)) | (b & (one - 1))) & few & all]
            }
            3 => {
                let step = (self.bits() >> 61).wrapping_sub(3);
                [
                    a,
                    (a ^ (((all >> 1) + 1) * (pick >> 8 & 1))).wrapping_add(step) & all,
                ]
            }
            _ => [
                (a & (all >> 1) & !(all / 4 + 1)) | (all / 8 / one * one),
                b & !(all / 4 + 1),
            ],
        }
    }

    /// Two normal floats whose exponents are within 40 of each other and of that of 1.
    pub fn ordinary(&mut self, kind: Kind) -> [u64; 2] {
        let (fraction, exponent) = format(kind);
        let bias = (1u64 << (exponent - 1)) - 1;
        let base = bias - 20 + self.bits() % 41;
        let mut one = || {
            let bits = self.bits();
            let e = base - 20 + (self.bits() >> 32) % 41;
            (bits & 1) << (fraction + exponent) | e << fraction | bits >> (64 - fraction)
        };
        [one(), one()]
    }
}
