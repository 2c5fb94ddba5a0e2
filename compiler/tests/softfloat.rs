//! The helpers of soft float against the host's arithmetic, in the executor over the instruction table.
//!
//! Every pair of a list of corners, and random ones: uniform bits, close exponents, few significand bits, nearly cancelling. The
//! result's bits must be the host's (NaN canonical), r4-r11 and SP must be preserved, and nothing outside of the frame touched.

#[path = "softfloat/bench.rs"]
mod bench;
#[path = "softfloat/expected.rs"]
mod expected;
#[path = "softfloat/libgcc.rs"]
mod libgcc;
#[path = "softfloat/operands.rs"]
mod operands;
#[path = "softfloat/seeded.rs"]
mod seeded;

use bench::Bench;
use expected::expected;
use operands::{Random, corners};
use thumbsmith::softfloat::{FILES, HELPERS, Helper};

fn check(bench: &mut Bench, operands: [u64; 2]) -> Result<(), String> {
    let wanted = expected(bench.helper.name, operands);
    let [a, b] = operands;
    let said = match bench.call(operands) {
        Ok(got) if got == wanted => return Ok(()),
        Ok(got) => format!("{got:#x}, not {wanted:#x}"),
        Err(said) => said,
    };
    Err(format!("{} {a:#x} {b:#x}: {said}", bench.helper.name))
}

/// Operands from everywhere: corners, then so many random ones.
fn judge(bench: &mut Bench, random: usize) -> Result<(), String> {
    let kind = bench.helper.operands[0];
    let binary = bench.helper.operands.len() == 2;
    let corners = corners(kind);
    for &a in &corners {
        for &b in if binary { &corners[..] } else { &[0] } {
            check(bench, [a, b])?;
        }
    }
    let mut state = Random(0x1234_5678_9abc_def1);
    for _ in 0..random {
        let operands = match binary {
            true => state.pair(kind),
            false => [state.one(kind), 0],
        };
        check(bench, operands)?;
    }
    Ok(())
}

macro_rules! files {
    ($($test:ident $file:literal;)*) => {
        $(#[test]
        fn $test() {
            let of = |h: &&Helper| h.file == $file;
            for helper in HELPERS.iter().filter(of) {
                judge(&mut Bench::new(helper), 30_000).unwrap_or_else(|said| panic!("{said}"));
            }
        })*
        #[test]
        fn no_file_is_left_out() {
            let tested = [$($file),*];
            assert_eq!(FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), tested);
        }
    };
}

files! {
    sums_of_f32 "f32_add.s";
    products_of_f32 "f32_mul.s";
    quotients_of_f32 "f32_div.s";
    sums_of_f64 "f64_add.s";
    products_of_f64 "f64_mul.s";
    quotients_of_f64 "f64_div.s";
    order_of_f32 "f32_order.s";
    order_of_f64 "f64_order.s";
    floats_from_integers "from_int.s";
    integers_from_floats "to_int.s";
    between_floats "between.s";
    rounding_to_integers "round.s";
    square_roots "sqrt.s";
}

#[test]
#[ignore = "some minutes"]
fn a_million_random_operands_of_each() {
    for helper in HELPERS {
        judge(&mut Bench::new(helper), 1_000_000).unwrap_or_else(|said| panic!("{said}"));
    }
}
