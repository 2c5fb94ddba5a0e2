//! Bugs planted in the helpers' text, each of which the operands of this test must find.
//!
//! In: a row of [`BUGS`]. Out: whether a helper of its file is refused. The text replaced must stand exactly once, so that a row
//! cannot miss its place.

use super::bench::Bench;
use super::judge;
use thumbsmith::Cpu;
use thumbsmith::softfloat::{FILES, HELPERS, assemble};

/// What is wrong, in which file, the text replaced, by what.
const BUGS: &[(&str, &str, &str, &str)] = &[
    (
        "an alignment by more than a word forgets what falls below",
        "f64_add.s",
        "  it ne\n  orrne r5, r5, #1\n",
        "",
    ),
    (
        "a sum half way between two numbers is rounded up",
        "f32_add.s",
        "  adc r0, r1, #0\n  it eq\n  biceq r0, r0, #1\n",
        "  adc r0, r1, #0\n",
    ),
    (
        "the sum of two negative zeros is positive",
        "f32_add.s",
        "  andeq r0, r0, r1\n",
        "  moveq r0, #0\n",
    ),
    (
        "a subnormal product is zero",
        "f32_mul.s",
        "  cmp r2, #25\n",
        "  cmp r2, #1\n",
    ),
    (
        "the product's lowest word does not count",
        "f64_mul.s",
        "  cmp r5, #0\n  it ne\n  orrne r12, r12, #1\n",
        "",
    ),
    (
        "a quotient is rounded by the remainder, not twice the remainder",
        "f32_div.s",
        "f32_div_smaller:\n  lsls r0, r0, #1\n",
        "f32_div_smaller:\n",
    ),
    (
        "a quotient that is one too small stays so",
        "f64_div.s",
        "  adcs r12, r12, r7, lsl #27\n",
        "  adds r12, r12, r7, lsl #27\n",
    ),
    (
        "a subnormal quotient forgets its remainder",
        "f64_div.s",
        "  it ne\n  movne r7, #1\n",
        "  it ne\n  movne r7, #0\n",
    ),
    (
        "zeros of different sign are not equal",
        "f32_order.s",
        "  beq f32_cmp_done\n",
        "",
    ),
    (
        "the lower words decide as signed integers",
        "f64_order.s",
        "  ite hi\n  movhi r2, #2\n  movls r2, #0\n",
        "  ite gt\n  movgt r2, #2\n  movle r2, #0\n",
    ),
    (
        "the smaller of two zeros is the second",
        "f32_order.s",
        "  orrs r2, r0, r1\n  bmi f32_min_negative\n",
        "  ands r2, r0, r1\n  bmi f32_min_negative\n",
    ),
    (
        "an integer half way between two floats is rounded up",
        "from_int.s",
        "  it eq\n  biceq r0, r0, #1\nf32_from_done:\n",
        "f32_from_done:\n",
    ),
    (
        "an integer's lower word does not count",
        "from_int.s",
        "  it ne\n  orrne r12, r12, #1\n",
        "",
    ),
    (
        "saturation goes one too far",
        "to_int.s",
        "  add r0, r1, r0, lsr #31\n",
        "  add r0, r1, r0, lsr #30\n",
    ),
    (
        "an f64 just above the half of an f32's last place is a tie",
        "between.s",
        "  it ne\n  orrne r2, r2, #1\n",
        "",
    ),
    (
        "a NaN keeps its payload",
        "round.s",
        "  bls f32_round_done\n",
        "  b f32_round_done\n",
    ),
    (
        "the nearest integer of a half is one",
        "round.s",
        "  it hi\n  orrhi r0, r0, #0x3f800000\n",
        "  it hs\n  orrhs r0, r0, #0x3f800000\n",
    ),
    (
        "a root that is one too small stays so",
        "sqrt.s",
        "  blt f64_sqrt_more\n",
        "",
    ),
];

#[test]
fn planted_bugs_are_found() {
    let mut missed = Vec::new();
    for (what, file, from, to) in BUGS {
        let text = FILES.iter().find(|(name, _)| name == file);
        let text = text.unwrap_or_else(|| panic!("no file {file}")).1;
        assert_eq!(text.matches(from).count(), 1, "the place of: {what}");
        let text = text.replace(from, to);
        let mut of_file = HELPERS.iter().filter(|h| h.file == *file);
        let found = of_file.any(|helper| {
            let made = assemble(file, &text, &[helper.name], Cpu::CortexM3, false);
            let made = made.unwrap_or_else(|e| panic!("{what}: {e:?}"));
            let mut bench = Bench::of(helper, made.code.bytes, made.entries[0]);
            judge(&mut bench, 30_000).is_err()
        });
        if !found {
            missed.push(*what);
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
