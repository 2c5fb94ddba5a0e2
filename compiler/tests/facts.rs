//! The claim of the facts: for all operand values within their facts, the result is within the fact of the node. And that
//! they stay sharp: a fact that says less makes no code wrong, so nothing else would notice but the size of some code.

mod draw;

use draw::{Random, mask};
use thumbsmith::ir::eval::{eval, sext};
use thumbsmith::ir::{Class, Op, Sig, Ty};
use thumbsmith::opt::facts::{Fact, of};
use thumbsmith::opt::matcher::width;

/// Random operand facts for each operation and width.
const CASES: usize = 6_000;
/// Values tried of each operand fact.
const VALUES: usize = 5;

fn contains(f: &Fact, ty: Ty, v: u64) -> bool {
    let s = sext(v, width(ty)) as i64;
    v & f.zeros == 0
        && !v & f.ones == 0
        && (f.umin..=f.umax).contains(&v)
        && (f.smin..=f.smax).contains(&s)
}

/// An operand: what is known, and values that it may have.
struct Operand {
    fact: Fact,
    values: Vec<u64>,
}

fn constants(ty: Ty, values: Vec<u64>) -> Operand {
    let facts = values.iter().map(|&v| Fact::constant(ty, v));
    let all = facts.reduce(|a, b| a.union(&b)).expect("there is one");
    Operand {
        fact: all.refine(ty),
        values,
    }
}

/// A range, unsigned or signed: its ends, their neighbours, and values between.
fn range(ty: Ty, r: &mut Random) -> Operand {
    let bits = width(ty);
    let (a, b) = (r.value(bits), r.value(bits));
    let signed = r.below(2) == 0;
    let key = |v: u64| if signed { v ^ 1 << (bits - 1) } else { v };
    let (lo, hi) = (key(a).min(key(b)), key(a).max(key(b)));
    let fact = match signed {
        true => Fact::signed(ty, sext(key(lo), bits) as i64, sext(key(hi), bits) as i64),
        false => Fact::unsigned(ty, lo, hi),
    };
    let span = hi - lo;
    let between = |r: &mut Random| lo + r.next() % span.saturating_add(1).max(1);
    let values = [lo, hi, lo + span.min(1), hi - span.min(1), between(r)];
    Operand {
        fact,
        values: values.into_iter().map(key).collect(),
    }
}

/// Known bits: values that agree on them.
fn bits(ty: Ty, r: &mut Random) -> Operand {
    let n = width(ty);
    let (known, value) = (r.value(n), r.value(n));
    let fact = Fact {
        zeros: known & !value | !mask(n),
        ones: known & value,
        ..Fact::top(ty)
    };
    let any = |r: &mut Random| value & known | r.value(n) & !known;
    Operand {
        fact: fact.refine(ty),
        values: (0..VALUES).map(|_| any(r) & mask(n)).collect(),
    }
}

fn operand(ty: Ty, r: &mut Random) -> Operand {
    let n = width(ty);
    match r.below(6) {
        0 => constants(ty, vec![r.value(n)]),
        1 => {
            let near = r.value(n);
            let one = |r: &mut Random| r.related(n, &[near]);
            constants(ty, (0..3).map(|_| one(r)).collect())
        }
        2 => Operand {
            fact: Fact::top(ty),
            values: (0..VALUES).map(|_| r.value(n)).collect(),
        },
        3 => bits(ty, r),
        _ => range(ty, r),
    }
}

/// Types of operands and result for a width; `None` if the operation has pairs or does not depend on it.
fn types(op: Op, t: Ty) -> Option<(Vec<Ty>, Ty)> {
    let one = |s: &Sig| match s {
        Sig::T => Some(t),
        Sig::I => Some(Ty::I32),
        Sig::L => Some(Ty::I64),
        Sig::P | Sig::V | Sig::A => None,
    };
    let args = op.arg_sigs().iter().map(one).collect::<Option<Vec<_>>>()?;
    Some((args, one(&op.ret_sig())?))
}

/// Checks one node; how many values were evaluated.
fn check(op: Op, args: &[Ty], ty: Ty, operands: &[Operand], r: &mut Random) -> usize {
    let facts: Vec<Fact> = operands.iter().map(|o| o.fact).collect();
    for (o, &t) in operands.iter().zip(args) {
        for &v in &o.values {
            assert!(contains(&o.fact, t, v), "{v:#x} is not in {:x?}", o.fact);
        }
    }
    let fact = of(op, ty, args[0], 0, &facts.iter().collect::<Vec<_>>());
    let tuples = VALUES * operands.len();
    for _ in 0..tuples {
        let a: Vec<u64> = operands.iter().map(|o| r.pick(&o.values)).collect();
        let v = eval(op, ty, args[0], &a, 0).expect("it floats");
        assert!(
            contains(&fact, ty, v),
            "{} {} of {a:x?} is {v:#x}, not in {fact:x?}\n  operands {facts:x?}",
            op.text(),
            args[0].name()
        );
    }
    tuples
}

fn floating() -> impl Iterator<Item = (Op, Vec<Ty>, Ty)> {
    let ops = Op::ALL.iter().filter(|o| o.class() == Class::Float);
    ops.flat_map(|&op| {
        let wide = op.arg_sigs().contains(&Sig::T);
        let widths: &[Ty] = if wide {
            &[Ty::I32, Ty::I64]
        } else {
            &[Ty::I32]
        };
        widths
            .iter()
            .filter_map(move |&t| types(op, t).map(|(a, r)| (op, a, r)))
    })
    .filter(|(_, args, _)| !args.is_empty())
}

#[test]
fn results_lie_within_the_facts() {
    let mut r = Random(3);
    let (mut ops, mut evaluated) = (0, 0);
    for (op, args, ty) in floating() {
        ops += 1;
        for _ in 0..CASES {
            let operands: Vec<Operand> = args.iter().map(|&t| operand(t, &mut r)).collect();
            evaluated += check(op, &args, ty, &operands, &mut r);
        }
    }
    println!("{ops} operations and widths, {evaluated} values");
    assert!(ops > 60 && evaluated > 2_000_000);
}

#[test]
fn facts_of_corner_constants_hold_their_results() {
    let mut r = Random(4);
    for (op, args, ty) in floating().filter(|(_, args, _)| args.len() <= 2) {
        let corners = |t: Ty| {
            let n = width(t);
            let least = 1u64 << (n - 1);
            let small = [0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0xffff, 0x1_0000];
            let large = [
                least,
                least - 1,
                least + 1,
                mask(n),
                mask(n) - 1,
                !0x7f & mask(n),
            ];
            small.into_iter().chain(large).collect::<Vec<_>>()
        };
        for a in corners(args[0]) {
            for &b in corners(args[0])
                .iter()
                .filter(|&&b| args.len() == 2 || b == 0)
            {
                let operands: Vec<Operand> = [a, b]
                    .iter()
                    .zip(&args)
                    .map(|(&v, &t)| constants(t, vec![v]))
                    .collect();
                check(op, &args, ty, &operands, &mut r);
            }
        }
    }
}

#[test]
fn narrow_loads_and_guards_are_within_their_facts() {
    for (op, bits, signed) in [
        (Op::Load8U, 8, false),
        (Op::Load8S, 8, true),
        (Op::Load16U, 16, false),
        (Op::Load16S, 16, true),
        (Op::Load32, 32, false),
    ] {
        let fact = of(op, Ty::I32, Ty::I32, 0, &[&Fact::top(Ty::I32)]);
        for v in 0..=mask(bits.min(16)) {
            let v = if signed { sext(v, bits) & mask(32) } else { v };
            assert!(contains(&fact, Ty::I32, v), "{} {v:#x}", op.text());
        }
    }
    let small = Fact::unsigned(Ty::I64, 3, 9);
    let any = Fact::top(Ty::I32);
    assert_eq!(of(Op::Guard, Ty::I64, Ty::I64, 4, &[&small, &any]), small);
    assert_eq!(of(Op::Assume, Ty::I64, Ty::I64, 0, &[&small]), small);
}

#[test]
fn union_and_intersection_keep_what_they_should() {
    let mut r = Random(5);
    for ty in [Ty::I32, Ty::I64] {
        for _ in 0..20_000 {
            let (a, b) = (operand(ty, &mut r), operand(ty, &mut r));
            let (any, both) = (a.fact.union(&b.fact), a.fact.intersect(&b.fact, ty));
            for &v in a.values.iter().chain(&b.values) {
                assert!(contains(&any, ty, v), "{v:#x} lost from {any:x?}");
                let in_both = contains(&a.fact, ty, v) && contains(&b.fact, ty, v);
                assert!(
                    !in_both || contains(&both, ty, v),
                    "{v:#x} lost from {both:x?}"
                );
            }
        }
    }
}

/// How much a fact says, in bits: those known, and what each range leaves out.
fn bits_said(f: &Fact, ty: Ty) -> u64 {
    let n = width(ty);
    let open = |span: u64| u64::BITS - (span & mask(n)).leading_zeros();
    let known = ((f.zeros | f.ones) & mask(n)).count_ones();
    let ranges = [
        f.umax.wrapping_sub(f.umin),
        f.smax.wrapping_sub(f.smin) as u64,
    ];
    u64::from(known + ranges.map(|span| n - open(span)).iter().sum::<u32>())
}

/// What the facts of random operands say about each operation's result, and what unions, intersections and refinement say.
fn sharpness() -> String {
    let mut out = String::new();
    for (op, args, ty) in floating() {
        let mut r = Random(6);
        let mut said = 0;
        for _ in 0..CASES {
            let operands: Vec<Operand> = args.iter().map(|&t| operand(t, &mut r)).collect();
            let facts: Vec<&Fact> = operands.iter().map(|o| &o.fact).collect();
            said += bits_said(&of(op, ty, args[0], 0, &facts), ty);
        }
        out += &format!("{} {} {said}\n", op.text(), args[0].name());
    }
    for ty in [Ty::I32, Ty::I64] {
        let mut r = Random(7);
        let (mut any, mut both) = (0, 0);
        for _ in 0..CASES {
            let (a, b) = (operand(ty, &mut r).fact, operand(ty, &mut r).fact);
            any += bits_said(&a.union(&b), ty);
            both += bits_said(&a.intersect(&b, ty), ty);
        }
        out += &format!("union {0} {any}\nintersection {0} {both}\n", ty.name());
    }
    out
}

/// `BLESS=1` writes what is true now, which a change that makes facts sharper commits.
#[test]
fn facts_say_as_much_as_they_did() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/facts.txt");
    let now = sharpness();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &now).expect("written");
    }
    let before = std::fs::read_to_string(path).expect("it is in the repository");
    let (before, now): (Vec<_>, Vec<_>) = (before.lines().collect(), now.lines().collect());
    assert!(before.len() > 60);
    for (before, now) in before.iter().zip(&now) {
        assert_eq!(
            before, now,
            "operation, type, bits; BLESS=1 if that is right"
        );
    }
    assert_eq!(before.len(), now.len());
}
