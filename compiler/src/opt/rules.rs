//! The rewrite rules: one line each, in the language of [`super::rule`].
//!
//! Constants stand on the right of commutative operations and shift amounts are below the width before any rule is
//! tried; folding of constants needs no rule. Order matters within one root operation: the first that matches wins.
//! Every rule is judged by `rewrite_rules_hold`, which evaluates both sides, and proven by `oracle prove`.

use super::rule::Rule;
use super::ruleset::{Group, Table};
use std::sync::OnceLock;

/// The rules, in groups that can be left out.
#[rustfmt::skip]
pub(crate) const GROUPS: &[Group] = &[
    ("identities", &[
        "add-zero: (add x 0) => x",
        "sub-zero: (sub x 0) => x",
        "sub-self: (sub x x) => 0",
        "sub-const: (sub x C) => (add x {-C})",
        "mul-zero: (mul x 0) => 0",
        "mul-one: (mul x 1) => x",
        "mul-pow2: (mul x C) => (shl x {ctz(C)}) if pow2(C)",
        "and-zero: (and x 0) => 0",
        "and-ones: (and x -1) => x",
        "and-self: (and x x) => x",
        "and-known: (and x C) => x if (C | zeros(x)) == -1",
        "or-zero: (or x 0) => x",
        "or-ones: (or x -1) => -1",
        "or-self: (or x x) => x",
        "or-known: (or x C) => x if (C & !ones(x)) == 0",
        "xor-zero: (xor x 0) => x",
        "xor-self: (xor x x) => 0",
        "shl-zero: (shl x 0) => x",
        "shr-s-zero: (shr_s x 0) => x",
        "shr-u-zero: (shr_u x 0) => x",
        "rotl-zero: (rotl x 0) => x",
        "rotr-zero: (rotr x 0) => x",
        "div-u-one: (div_u x 1) => x",
        "div-s-one: (div_s x 1) => x",
        "rem-u-one: (rem_u x 1) => 0",
        "rem-s-one: (rem_s x 1) => 0",
    ]),
    ("reassociation", &[
        "add-add: (add (add x A) B) => (add x {A + B})",
        "sub-from-add: (sub A (add x B)) => (sub {A - B} x)",
        "add-sub-const: (add (sub A x) B) => (sub {A + B} x)",
        "and-and: (and (and x A) B) => (and x {A & B})",
        "or-or: (or (or x A) B) => (or x {A | B})",
        "xor-xor: (xor (xor x A) B) => (xor x {A ^ B})",
        "add-sub: (add (sub x y) y) => x",
        "sub-add: (sub (add x y) y) => x",
    ]),
    ("shifts", &[
        "shl-shl: (shl (shl x A) B) => (shl x {A + B}) if A + B < N",
        "shl-shl-out: (shl (shl x A) B) => 0 if A + B >= N",
        "shr-u-shr-u: (shr_u (shr_u x A) B) => (shr_u x {A + B}) if A + B < N",
        "shr-u-shr-u-out: (shr_u (shr_u x A) B) => 0 if A + B >= N",
        "shr-s-shr-s: (shr_s (shr_s x A) B) => (shr_s x {A + B}) if A + B < N",
        "shr-s-shr-s-out: (shr_s (shr_s x A) B) => (shr_s x {N - 1}) if A + B >= N",
        "shr-s-positive: (shr_s x A) => (shr_u x A) if sle(0, smin(x))",
        "shl-shr-u: (shr_u (shl x A) A) => (and x {mask(N - A)})",
        "shr-u-shl: (shl (shr_u x A) A) => (and x {!mask(A)})",
        "shr-s-shl: (shl (shr_s x A) A) => (and x {!mask(A)})",
        "shl-shr-s-fits: (shr_s (shl x A) A) => x if sle(asr(1 << (N - 1), A), smin(x)) && sle(smax(x), mask(N - 1 - A))",
        "shl-shr-s-8: (shr_s (shl x A) A) => (sext8 x) if A == N - 8",
        "shl-shr-s-16: (shr_s (shl x A) A) => (sext16 x) if A == N - 16",
        "shr-s-add: (shr_s (add (shl x A) B) A) => (add (shr_s (shl x A) A) {asr(B, A)}) if (B & mask(A)) == 0 && sadd_ok(smin(x) << A, B) && sadd_ok(smax(x) << A, B) && asr(smin(x) << A, A) == smin(x) && asr(smax(x) << A, A) == smax(x)",
    ]),
    ("extensions", &[
        "sext8-fits: (sext8 x) => x if sle(-128, smin(x)) && sle(smax(x), 127)",
        "sext16-fits: (sext16 x) => x if sle(-32768, smin(x)) && sle(smax(x), 32767)",
        "sext8-and: (sext8 (and x C)) => (sext8 x) if (C & 255) == 255",
        "sext16-and: (sext16 (and x C)) => (sext16 x) if (C & 0xffff) == 0xffff",
        "wrap-extend-s: (wrap (extend_s x)) => x",
        "wrap-extend-u: (wrap (extend_u x)) => x",
    ]),
    ("comparisons", &[
        "eq-self: (eq x x) => 1",
        "ne-self: (ne x x) => 0",
        "lt-s-self: (lt_s x x) => 0",
        "lt-u-self: (lt_u x x) => 0",
        "le-s-self: (le_s x x) => 1",
        "le-u-self: (le_u x x) => 1",
        "eq-add: (eq (add x A) B) => (eq x {B - A})",
        "ne-add: (ne (add x A) B) => (ne x {B - A})",
        "eq-xor: (eq (xor x y) 0) => (eq x y)",
        "ne-xor: (ne (xor x y) 0) => (ne x y)",
        "eq-sub: (eq (sub x y) 0) => (eq x y)",
        "ne-sub: (ne (sub x y) 0) => (ne x y)",
        "not-eq: (eq (eq x y) 0) => (ne x y)",
        "not-ne: (eq (ne x y) 0) => (eq x y)",
        "not-lt-s: (eq (lt_s x y) 0) => (le_s y x)",
        "not-lt-u: (eq (lt_u x y) 0) => (le_u y x)",
        "not-le-s: (eq (le_s x y) 0) => (lt_s y x)",
        "not-le-u: (eq (le_u x y) 0) => (lt_u y x)",
        "bool-ne-zero: (ne x 0) => x if umax(x) <= 1",
        "bool-eq-one: (eq x 1) => x if umax(x) <= 1",
        "le-s-const: (le_s x C) => (lt_s x {C + 1}) if C != mask(N - 1)",
        "le-u-const: (le_u x C) => (lt_u x {C + 1}) if C != -1",
        "const-le-s: (le_s C x) => (lt_s {C - 1} x) if C != 1 << (N - 1)",
        "const-le-u: (le_u C x) => (lt_u {C - 1} x) if C != 0",
        "lt-u-one: (lt_u x 1) => (eq x 0)",
        "zero-lt-u: (lt_u 0 x) => (ne x 0)",
    ]),
    ("selects", &[
        "select-same: (select c x x) => x",
        "select-bool: (select c 1 0) => c if umax(c) <= 1",
        "select-not: (select (eq c 0) x y) => (select c y x)",
        "select-ne-zero: (select (ne c 0) x y) => (select c x y)",
        "select-min-s: (select (lt_s x y) x y) => (min_s x y)",
        "select-max-s: (select (lt_s x y) y x) => (max_s x y)",
        "select-min-u: (select (lt_u x y) x y) => (min_u x y)",
        "select-max-u: (select (lt_u x y) y x) => (max_u x y)",
        "select-min-s-le: (select (le_s x y) x y) => (min_s x y)",
        "select-max-s-le: (select (le_s x y) y x) => (max_s x y)",
        "select-min-u-le: (select (le_u x y) x y) => (min_u x y)",
        "select-max-u-le: (select (le_u x y) y x) => (max_u x y)",
        "select-min-s-const: (select (lt_s x A) x B) => (min_s x B) if B + 1 == A && slt(B, A)",
        "select-max-s-const: (select (lt_s A x) x B) => (max_s x B) if A + 1 == B && slt(A, B)",
        "select-max-s-below: (select (lt_s x A) B x) => (max_s x B) if B + 1 == A && slt(B, A)",
        "select-min-s-above: (select (lt_s A x) B x) => (min_s x B) if A + 1 == B && slt(A, B)",
    ]),
    ("extremes", &[
        "min-s-fits: (min_s x C) => x if sle(smax(x), C)",
        "max-s-fits: (max_s x C) => x if sle(C, smin(x))",
        "min-u-fits: (min_u x C) => x if umax(x) <= C",
        "max-u-fits: (max_u x C) => x if C <= umin(x)",
        "min-s-below: (min_s x C) => C if sle(C, smin(x))",
        "max-s-above: (max_s x C) => C if sle(smax(x), C)",
        "add-min-s: (add (min_s x A) B) => (min_s (add x B) {A + B}) if sadd_ok(smin(x), B) && sadd_ok(smax(x), B) && sadd_ok(A, B)",
        "add-max-s: (add (max_s x A) B) => (max_s (add x B) {A + B}) if sadd_ok(smin(x), B) && sadd_ok(smax(x), B) && sadd_ok(A, B)",
    ]),
];

/// The table, parsed once.
pub fn table() -> &'static Table<Rule> {
    static TABLE: OnceLock<Table<Rule>> = OnceLock::new();
    TABLE.get_or_init(|| Table::new(GROUPS))
}
