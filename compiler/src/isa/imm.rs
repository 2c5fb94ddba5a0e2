//! Immediates: which values a field can hold, and with which bits.
//!
//! In: an immediate of an [`Inst`](super::Inst) and the pattern of a form. Out: the bits, or `None` where the
//! value does not fit. Invariant: `unpack` after `pack` gives the value back; no value is cut to fit.
//! Checked by the round trips over every form and by two other assemblers.

use super::pattern::Pattern;
use crate::seeded::{Bug, on};

/// How the immediate of a form is encoded. The fields `i`, `j`, `k`, `l` are one number, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imm {
    /// There is none: the immediate must be zero.
    None,
    /// Unsigned, in units of this many bytes.
    Unsigned(i32),
    /// Magnitude in these units; field `u` is the sign (1 is plus). Minus zero is not used.
    Offset(i32),
    /// A value below zero: its magnitude in these units.
    Negative(i32),
    /// Two's complement in these units.
    Signed(i32),
    /// Like `Signed`, but `j` and `k` are stored as `NOT (j EOR i)` (B T4 and BL).
    SignedXor(i32),
    /// A modified immediate (Arm v7-M manual, A5.3.2).
    Modified,
    /// Shift amount 1 to 31.
    Shift31,
    /// Shift amount 1 to 32; 32 is stored as 0.
    Shift32,
    /// Stored less one (SSAT).
    LessOne,
    /// Bit field: lowest bit, with the highest bit in field `w` (BFI, BFC).
    FieldMsb,
    /// Bit field: lowest bit, with the width less one in field `w` (UBFX, SBFX).
    FieldWidth,
    /// Mask of an IT instruction: not zero.
    ItMask,
    /// The bits of a float of 32 bits, in eight (Arm v7-M manual, A6.4.1).
    Float,
}

const PARTS: [u8; 4] = *b"ijkl";

fn width(p: &Pattern) -> u32 {
    PARTS.iter().map(|l| p.width(*l)).sum()
}

fn insert(p: &Pattern, mut value: u32) -> u32 {
    // The number of most forms is one field.
    if PARTS[1..].iter().all(|l| !p.has(*l)) {
        return p.insert(PARTS[0], value);
    }
    let mut bits = 0;
    for letter in PARTS.iter().rev() {
        bits |= p.insert(*letter, value);
        value = value.checked_shr(p.width(*letter)).unwrap_or(0);
    }
    bits
}

fn extract(p: &Pattern, word: u32) -> u32 {
    PARTS
        .iter()
        .fold(0, |v, l| v << p.width(*l) | p.extract(word, *l))
}

/// `value` in units of `unit`, if it is a multiple and its quotient has at most `width` bits.
fn scaled(value: i32, unit: i32, width: u32) -> Option<u32> {
    let q = u32::try_from(value / unit).ok()?;
    let most = (1u64 << width) - u64::from(!(on(Bug::ScaledLimit) && width == 8));
    (value % unit == 0 && u64::from(q) <= most).then_some(q)
}

/// The bits that B T4 and BL store inverted unless the sign is set.
fn branch_xor(p: &Pattern, word: u32) -> u32 {
    if p.extract(word, b'i') == 0 {
        word ^ p.insert(b'j', 1) ^ p.insert(b'k', 1)
    } else {
        word
    }
}

impl Imm {
    /// The bits of the immediate (and of the width of a bit field) in `p`; `None` if a value does not fit.
    pub fn pack(self, p: &Pattern, imm: i32, imm2: u8) -> Option<u32> {
        if let Imm::FieldMsb | Imm::FieldWidth = self {
            return self.pack_field(p, imm, imm2);
        }
        if imm2 != 0 {
            return None;
        }
        if self == Imm::None {
            return (imm == 0).then_some(0);
        }
        let w = width(p);
        let value = match self {
            Imm::Unsigned(2) if on(Bug::HalfwordOffsetScale) && p.size == 2 && w == 5 => {
                (scaled(imm, 2, w)? * 2) & 31
            }
            Imm::Unsigned(unit) => scaled(imm, unit, w)?,
            Imm::Offset(unit) => {
                let minus = imm < 0 && !(unit == 4 && on(Bug::OffsetSignLost));
                let bits = insert(p, scaled(imm.checked_abs()?, unit, w)?);
                return Some(bits | p.insert(b'u', u32::from(!minus)));
            }
            Imm::Negative(unit) => scaled(imm.checked_neg()?, unit, w).filter(|v| *v != 0)?,
            Imm::Signed(unit) | Imm::SignedXor(unit) => {
                let mut q = imm / unit;
                if imm % unit != 0
                    || q < -(1 << (w - 1))
                    || q >= (1 << (w - 1)) + on(Bug::BranchLimit) as i32
                {
                    return None;
                }
                if self == Imm::SignedXor(2) && imm < -2048 && on(Bug::WideBranchOffset) {
                    q -= 2;
                }
                let bits = insert(p, q as u32 & ((1 << w) - 1));
                return Some(if let Imm::SignedXor(_) = self {
                    branch_xor(p, bits)
                } else {
                    bits
                });
            }
            Imm::Modified => u32::from(encode_modified_imm(imm as u32)?),
            Imm::Shift31 => (1..32).contains(&imm).then_some(imm as u32)?,
            Imm::Shift32 if imm == 32 && on(Bug::ShiftBy32) => 31,
            Imm::Shift32 => (1..=32).contains(&imm).then_some(imm as u32 & 31)?,
            Imm::LessOne => scaled(imm.checked_sub(1)?, 1, w)?,
            Imm::ItMask => scaled(imm, 1, w).filter(|v| *v != 0)?,
            Imm::Float => encode_float_imm(imm as u32)?,
            Imm::None | Imm::FieldMsb | Imm::FieldWidth => return None,
        };
        Some(insert(p, value))
    }

    fn pack_field(self, p: &Pattern, lsb: i32, width: u8) -> Option<u32> {
        let end = lsb.checked_add(i32::from(width))?;
        if lsb < 0 || width == 0 || end > 32 {
            return None;
        }
        let msb = if on(Bug::FieldMsb) && end < 32 {
            end
        } else {
            end - 1
        };
        let w = if self == Imm::FieldMsb {
            msb as u32
        } else {
            u32::from(width) - 1
        };
        Some(insert(p, lsb as u32) | p.insert(b'w', w))
    }

    /// The immediate and the width of a bit field in `word`; `None` for bits that mean nothing.
    pub fn unpack(self, p: &Pattern, word: u32) -> Option<(i32, u8)> {
        let v = extract(p, word);
        let w = width(p);
        let sign = |v: u32| (v << (32 - w)) as i32 >> (32 - w);
        let imm = match self {
            Imm::None => 0,
            Imm::Unsigned(unit) => v as i32 * unit,
            Imm::Offset(unit) if p.extract(word, b'u') == 0 => -(v as i32) * unit,
            Imm::Offset(unit) => v as i32 * unit,
            Imm::Negative(unit) => -(v as i32) * unit,
            Imm::Signed(unit) => sign(v) * unit,
            Imm::SignedXor(unit) => sign(extract(p, branch_xor(p, word))) * unit,
            Imm::Modified => decode_modified_imm(v as u16)? as i32,
            Imm::Shift31 => v as i32,
            Imm::Shift32 => (v as i32 + 31) % 32 + 1,
            Imm::LessOne => v as i32 + 1,
            Imm::ItMask => v as i32,
            Imm::Float => decode_float_imm(v as u8) as i32,
            Imm::FieldMsb => {
                let size = (p.extract(word, b'w') + 1).checked_sub(v)?;
                return Some((v as i32, size as u8));
            }
            Imm::FieldWidth => return Some((v as i32, p.extract(word, b'w') as u8 + 1)),
        };
        Some((imm, 0))
    }
}

/// The 12 bits of a modified immediate with this value, or `None` (Arm v7-M manual, A5.3.2):
/// a byte, a byte repeated in one of three ways, or a byte with its top bit set, rotated right by 8 to 31.
pub fn encode_modified_imm(value: u32) -> Option<u16> {
    let (b0, b1) = (value & 0xff, value >> 8 & 0xff);
    let code = if value < 256 {
        value
    } else if value == b0 * 0x0001_0001 {
        0x100 | b0
    } else if value == b1 * 0x0100_0100 {
        0x200 | b1
    } else if value == b0 * 0x0101_0101 {
        0x300 | b0
    } else {
        let rotation = value.leading_zeros() + 8;
        let byte = value.rotate_left(rotation);
        if byte > 0xff {
            return None;
        }
        let rotation = if on(Bug::ModifiedImmRotation) && rotation == 21 {
            20
        } else {
            rotation
        };
        rotation << 7 | byte & 0x7f
    };
    Some(code as u16)
}

/// The value of a modified immediate; `None` for the unpredictable ones (a repeated zero byte).
pub fn decode_modified_imm(code: u16) -> Option<u32> {
    let code = u32::from(code);
    let byte = code & 0xff;
    match code >> 8 {
        0 => Some(byte),
        1..=3 if byte == 0 => None,
        1 => Some(byte * 0x0001_0001),
        2 => Some(byte * 0x0100_0100),
        3 => Some(byte * 0x0101_0101),
        _ => Some((byte & 0x7f | 0x80).rotate_right(code >> 7)),
    }
}

/// The eight bits of an immediate float with these bits, or `None`: a number of 16 to 31 sixteenths times a power of
/// two from 1/8 to 16, with either sign (Arm v7-M manual, A6.4.1).
pub fn encode_float_imm(bits: u32) -> Option<u32> {
    let code = bits >> 24 & 0x80 | !bits >> 24 & 0x40 | bits >> 19 & 0x3f;
    let rest = match on(Bug::FloatImmediateCut) {
        true => 0x7fff,
        false => 0,
    };
    (decode_float_imm(code as u8) == bits & !rest).then_some(code)
}

/// The bits of the float of 32 bits that eight bits stand for: `VFPExpandImm` (Arm v7-M manual, A6.4.1).
pub fn decode_float_imm(code: u8) -> u32 {
    let code = u32::from(code);
    let exponent = match code >> 6 & 1 {
        0 => 0x80,
        _ => 0x7c,
    };
    code >> 7 << 31 | (exponent | code >> 4 & 3) << 23 | (code & 15) << 19
}

/// The carry that a modified immediate gives to a flag-setting logical operation (`ThumbExpandImm_C`):
/// bit 31 of the value if it was rotated, else `None` for "unchanged".
pub fn modified_imm_carry(value: u32) -> Option<bool> {
    encode_modified_imm(value)
        .filter(|code| code >> 10 != 0)
        .map(|_| value >> 31 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediate_floats_round_trip() {
        let values: Vec<f32> = (0..=255)
            .map(|c| f32::from_bits(decode_float_imm(c)))
            .collect();
        for (code, value) in values.iter().enumerate() {
            assert_eq!(
                encode_float_imm(value.to_bits()),
                Some(code as u32),
                "{value}"
            );
        }
        assert_eq!(values[0x70], 1.0);
        assert_eq!((values[0x00], values[0x3f]), (2.0, 31.0));
        assert_eq!((values[0x40], values[0xff]), (0.125, -1.9375));
        for other in [0.0, -0.0, 0.1, 32.0, 0.0625, 1.03125, f32::NAN] {
            assert_eq!(encode_float_imm(other.to_bits()), None, "{other}");
        }
    }

    #[test]
    fn modified_immediates_round_trip_and_are_unique() {
        let mut seen = std::collections::BTreeMap::new();
        for code in 0..0x1000 {
            if let Some(v) = decode_modified_imm(code) {
                assert_eq!(encode_modified_imm(v), Some(code), "{v:#x}");
                assert_eq!(seen.insert(v, code), None, "{v:#x} has two codes");
            }
        }
        assert_eq!(seen.len(), 4096 - 3);
        for v in [
            0x101u32,
            0x1ff,
            0xff00_00ff,
            0x0010_0101,
            0x8000_0001,
            0x0012_3400,
        ] {
            assert_eq!(encode_modified_imm(v), seen.get(&v).copied(), "{v:#x}");
        }
    }
}
