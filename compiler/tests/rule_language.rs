//! The language of conditions and constants in rules: each operator and function, at its corners, against values worked
//! out by hand. Rules are judged as they stand in the tables; this holds what no rule uses today to the same meaning.

use thumbsmith::opt::rule::{Bin, Bindings, Expr, FactOf, eval, parse_expr};

/// `A` and `B`, and facts of `x` that cannot be mistaken for each other.
struct Bound([u64; 2]);

impl Bindings for Bound {
    fn constant(&self, c: u8) -> u64 {
        self.0[c as usize]
    }
    fn fact(&self, f: FactOf, _: u8) -> u64 {
        match f {
            FactOf::Zeros => 0x10,
            FactOf::Ones => 0x20,
            FactOf::Umin => 0x30,
            FactOf::Umax => 0x40,
            FactOf::Smin => 0x50u64.wrapping_neg(),
            FactOf::Smax => 0x60,
        }
    }
}

fn parsed(text: &'static str) -> Expr {
    let (mut vars, mut consts) = (vec!["x"], vec!["A", "B"]);
    parse_expr(text, &mut vars, &mut consts).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn value(text: &'static str, n: u32, a: u64, b: u64) -> u64 {
    eval(&parsed(text), n, &Bound([a, b]))
}

const LEAST: u64 = 0x8000_0000;
const MOST: u64 = 0x7fff_ffff;
const ALL: u64 = 0xffff_ffff;

#[test]
fn operators_at_32_bits() {
    for (text, a, b, want) in [
        ("A + B", ALL, 2, 1),
        ("A - B", 1, 2, ALL),
        ("A * B", 0x1_0001, 0x1_0001, 0x2_0001),
        ("A & B", 12, 10, 8),
        ("A | B", 12, 10, 14),
        ("A ^ B", 12, 10, 6),
        ("A << B", 3, 31, LEAST),
        ("A << B", 3, 32, 0),
        ("A >> B", LEAST, 31, 1),
        ("A >> B", LEAST, 32, 0),
        ("A == B", 7, 7, 1),
        ("A == B", 7, 8, 0),
        ("A != B", 7, 7, 0),
        ("A != B", 7, 8, 1),
        ("A < B", 7, 7, 0),
        ("A < B", 7, LEAST, 1),
        ("A <= B", 7, 7, 1),
        ("A <= B", 8, 7, 0),
        ("A > B", 7, 7, 0),
        ("A > B", LEAST, 7, 1),
        ("A >= B", 7, 7, 1),
        ("A >= B", 7, 8, 0),
        ("A && B", 2, 4, 1),
        ("A && B", 2, 0, 0),
        ("A && B", 0, 4, 0),
        ("A || B", 0, 0, 0),
        ("A || B", 0, 4, 1),
        ("A || B", 2, 0, 1),
        ("!A", 0, 0, ALL),
        ("-A", 1, 0, ALL),
        ("N", 0, 0, 32),
    ] {
        assert_eq!(value(text, 32, a, b), want, "{text} of {a:#x}, {b:#x}");
    }
}

#[test]
fn functions_at_32_bits() {
    for (text, a, b, want) in [
        ("pow2(A)", 0, 0, 0),
        ("pow2(A)", LEAST, 0, 1),
        ("pow2(A)", 3, 0, 0),
        ("ctz(A)", 0, 0, 32),
        ("ctz(A)", 8, 0, 3),
        ("clz(A)", 0, 0, 32),
        ("clz(A)", 8, 0, 28),
        ("mask(A)", 0, 0, 0),
        ("mask(A)", 5, 0, 31),
        ("mask(A)", 32, 0, ALL),
        ("mask(A)", 200, 0, ALL),
        ("sadd_ok(A, B)", MOST, 0, 1),
        ("sadd_ok(A, B)", MOST, 1, 0),
        ("sadd_ok(A, B)", LEAST, 0, 1),
        ("sadd_ok(A, B)", LEAST, ALL, 0),
        ("uadd_ok(A, B)", ALL, 0, 1),
        ("uadd_ok(A, B)", ALL, 1, 0),
        ("slt(A, B)", ALL, 0, 1),
        ("slt(A, B)", 0, 0, 0),
        ("slt(A, B)", 0, ALL, 0),
        ("sle(A, B)", ALL, 0, 1),
        ("sle(A, B)", 0, 0, 1),
        ("sle(A, B)", 0, ALL, 0),
        ("asr(A, B)", LEAST, 31, ALL),
        ("asr(A, B)", LEAST, 200, ALL),
        ("asr(A, B)", MOST, 30, 1),
        ("low_mask(A)", 0, 0, 0),
        ("low_mask(A)", 1, 0, 1),
        ("low_mask(A)", 0xff, 0, 1),
        ("low_mask(A)", 0xfe, 0, 0),
        ("low_mask(A)", ALL, 0, 1),
        ("zeros(x)", 0, 0, 0x10),
        ("ones(x)", 0, 0, 0x20),
        ("umin(x)", 0, 0, 0x30),
        ("umax(x)", 0, 0, 0x40),
        ("smin(x)", 0, 0, 0xffff_ffb0),
        ("smax(x)", 0, 0, 0x60),
    ] {
        assert_eq!(value(text, 32, a, b), want, "{text} of {a:#x}, {b:#x}");
    }
}

#[test]
fn the_width_decides() {
    for (text, n, a, want) in [
        ("A + 1", 8, 0xff, 0),
        ("A + 1", 64, u64::MAX, 0),
        ("A + 1", 64, ALL, ALL + 1),
        ("sadd_ok(A, 1)", 8, 0x7f, 0),
        ("sadd_ok(A, 1)", 64, MOST, 1),
        ("sadd_ok(A, 1)", 64, i64::MAX as u64, 0),
        ("uadd_ok(A, 1)", 64, u64::MAX, 0),
        ("asr(A, 4)", 8, 0x80, 0xf8),
        ("clz(A)", 8, 1, 7),
        ("ctz(A)", 64, 0, 64),
        ("mask(A)", 64, 63, i64::MAX as u64),
        ("mask(A)", 64, 64, u64::MAX),
        ("low_mask(A)", 64, u64::MAX, 1),
        ("A << 40", 64, 1, 1 << 40),
        ("N", 64, 0, 64),
    ] {
        assert_eq!(value(text, n, a, 0), want, "{text} of {a:#x} at {n}");
    }
}

/// From loose to tight; operators of one level from the left. Outside of their range the right sides make no sense.
#[test]
fn operators_bind_as_in_rust() {
    let levels = [
        &[Bin::Lor] as &[Bin],
        &[Bin::Land],
        &[Bin::Eq, Bin::Ne, Bin::Lt, Bin::Le, Bin::Gt, Bin::Ge],
        &[Bin::Or, Bin::Xor],
        &[Bin::And],
        &[Bin::Shl, Bin::Shr],
        &[Bin::Add, Bin::Sub],
        &[Bin::Mul],
    ];
    let level = |op: Bin| levels.iter().position(|l| l.contains(&op));
    let whole = parsed("A || B && A == B | A & B << A + B * A");
    let mut e = &whole;
    for want in 0..levels.len() {
        let Expr::Bin(op, left, right) = e else {
            panic!("{e:?} is no operation")
        };
        assert_eq!(level(*op), Some(want));
        assert!(matches!(**left, Expr::Const(_)));
        e = right;
    }
    assert_eq!(value("A - B - 1", 32, 9, 3), 5);
    assert_eq!(value("A << B >> B", 32, LEAST + 1, 1), 1);
    assert_eq!(value("!A & B", 32, 1, 3), 2);
    assert_eq!(value("(A + B) * 2", 32, 1, 3), 8);
}
