//! Bit patterns of encodings: `"0001100mmmnnnddd"` parsed at compile time.
//!
//! In: 16 or 32 characters, most significant bit first, first halfword first; `0` and `1` are fixed, a letter is
//! a field. Out: [`Pattern`]: the fixed bits and the mask of each field. A field may lie in several places;
//! its bits are taken in order. Invariant: every bit is fixed or belongs to exactly one field, so that
//! `insert` and `extract` are inverse. A bad pattern does not compile.

/// A parsed bit pattern.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// Bits whose value is fixed.
    pub mask: u32,
    /// Values of the fixed bits.
    pub value: u32,
    /// Size in bytes: 2 or 4.
    pub size: u32,
    fields: [u32; 26],
    /// Widths of the fields in bits.
    widths: [u8; 26],
}

impl Pattern {
    /// Parses a pattern of 16 or 32 characters.
    pub const fn parse(text: &str) -> Pattern {
        let bytes = text.as_bytes();
        assert!(
            bytes.len() == 16 || bytes.len() == 32,
            "a pattern has 16 or 32 bits"
        );
        let mut p = Pattern {
            mask: 0,
            value: 0,
            size: bytes.len() as u32 / 8,
            fields: [0; 26],
            widths: [0; 26],
        };
        let mut i = 0;
        while i < bytes.len() {
            let bit = 1 << (bytes.len() - 1 - i);
            match bytes[i] {
                b'0' => p.mask |= bit,
                b'1' => {
                    p.mask |= bit;
                    p.value |= bit;
                }
                c => {
                    assert!(c.is_ascii_lowercase(), "a field is a lower-case letter");
                    p.fields[(c - b'a') as usize] |= bit;
                    p.widths[(c - b'a') as usize] += 1;
                }
            }
            i += 1;
        }
        p
    }

    /// Whether the word has the fixed bits.
    pub const fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }

    /// Width of a field in bits; 0 if there is no such field.
    pub const fn width(&self, letter: u8) -> u32 {
        self.widths[(letter - b'a') as usize] as u32
    }

    /// Whether there is such a field.
    pub const fn has(&self, letter: u8) -> bool {
        self.fields[(letter - b'a') as usize] != 0
    }

    /// The value of a field in `word`, gathered.
    pub fn extract(&self, word: u32, letter: u8) -> u32 {
        let (mut mask, mut out, mut at) = (self.fields[(letter - b'a') as usize], 0, 0);
        while mask != 0 {
            out |= (word >> mask.trailing_zeros() & 1) << at;
            at += 1;
            mask &= mask - 1;
        }
        out
    }

    /// The bits of a field with this value, scattered. Bits of `value` above the width are dropped: callers
    /// check the range first.
    pub fn insert(&self, letter: u8, value: u32) -> u32 {
        let mut mask = self.fields[(letter - b'a') as usize];
        if mask == 0 {
            return 0;
        }
        let low = mask.trailing_zeros();
        let bits = mask >> low;
        if bits & bits.wrapping_add(1) == 0 {
            return value << low & mask;
        }
        // A field in several places: a step is a run of bits.
        let (mut rest, mut out) = (value, 0);
        while mask != 0 {
            let low = mask.trailing_zeros();
            let run = (mask >> low).trailing_ones();
            let bits = (1 << run) - 1;
            out |= (rest & bits) << low;
            mask &= !(bits << low);
            rest >>= run;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_fields_gather_in_order() {
        let p = Pattern::parse("11110i01000snnnn0iiiddddiiiiiiii");
        assert_eq!(p.width(b'i'), 12);
        assert_eq!(p.insert(b'i', 0x801), 0x0400_0001);
        assert_eq!(p.extract(0x0400_7001, b'i'), 0xf01);
        assert!(p.matches(0xf100_0000) && !p.matches(0xf140_0000));
    }
}
