//! What the helpers should give, by the host's arithmetic.
//!
//! In: the name of a helper and the bits of its operands. Out: the bits of its result, NaN canonical. Rust's operators on floats
//! and its `as` round and saturate as WebAssembly's do; minimum and maximum are written out, because the host's may choose
//! either zero.

use std::cmp::Ordering;

const NAN32: u64 = 0x7fc0_0000;
const NAN64: u64 = 0x7ff8 << 48;

fn single(v: f32) -> u64 {
    if v.is_nan() {
        NAN32
    } else {
        u64::from(v.to_bits())
    }
}

fn double(v: f64) -> u64 {
    if v.is_nan() { NAN64 } else { v.to_bits() }
}

/// The conditions that hold: equal, less, greater, at most, at least, unordered.
fn order(ordering: Option<Ordering>) -> u64 {
    match ordering {
        Some(Ordering::Equal) => 0b011001,
        Some(Ordering::Less) => 0b001010,
        Some(Ordering::Greater) => 0b010100,
        None => 0b100000,
    }
}

macro_rules! least {
    ($a:expr, $b:expr, $less:tt, $zero:tt) => {{
        let (a, b) = ($a, $b);
        if a == b {
            // Only zeros are equal and differ in bits: their signs decide.
            if (a.is_sign_negative() $zero b.is_sign_negative()) { a } else { b }
        } else if a.is_nan() || a $less b { a } else { b }
    }};
}

/// The result of a helper.
pub fn expected(name: &str, [x, y]: [u64; 2]) -> u64 {
    let (a, b) = (f32::from_bits(x as u32), f32::from_bits(y as u32));
    let (c, d) = (f64::from_bits(x), f64::from_bits(y));
    match name {
        "f32_add" => single(a + b),
        "f32_sub" => single(a - b),
        "f32_mul" => single(a * b),
        "f32_div" => single(a / b),
        "f64_add" => double(c + d),
        "f64_sub" => double(c - d),
        "f64_mul" => double(c * d),
        "f64_div" => double(c / d),
        "f32_cmp" => order(a.partial_cmp(&b)),
        "f64_cmp" => order(c.partial_cmp(&d)),
        "f32_min" => single(least!(a, b, <, >)),
        "f32_max" => single(least!(a, b, >, <)),
        "f64_min" => double(least!(c, d, <, >)),
        "f64_max" => double(least!(c, d, >, <)),
        "f32_ceil" => single(a.ceil()),
        "f32_floor" => single(a.floor()),
        "f32_trunc" => single(a.trunc()),
        "f32_nearest" => single(a.round_ties_even()),
        "f32_sqrt" => single(a.sqrt()),
        "f64_ceil" => double(c.ceil()),
        "f64_floor" => double(c.floor()),
        "f64_trunc" => double(c.trunc()),
        "f64_nearest" => double(c.round_ties_even()),
        "f64_sqrt" => double(c.sqrt()),
        "f32_to_i32" => u64::from(a as i32 as u32),
        "f32_to_u32" => u64::from(a as u32),
        "f32_to_i64" => a as i64 as u64,
        "f32_to_u64" => a as u64,
        "f64_to_i32" => u64::from(c as i32 as u32),
        "f64_to_u32" => u64::from(c as u32),
        "f64_to_i64" => c as i64 as u64,
        "f64_to_u64" => c as u64,
        "f32_from_i32" => single(x as i32 as f32),
        "f32_from_u32" => single(x as u32 as f32),
        "f32_from_i64" => single(x as i64 as f32),
        "f32_from_u64" => single(x as f32),
        "f64_from_i32" => double(f64::from(x as i32)),
        "f64_from_u32" => double(f64::from(x as u32)),
        "f64_from_i64" => double(x as i64 as f64),
        "f64_from_u64" => double(x as f64),
        "f64_from_f32" => double(f64::from(a)),
        "f32_from_f64" => single(c as f32),
        name => panic!("nothing is known of {name}"),
    }
}
