//! Scenes: the constants of a rule's pattern and how its values are made, drawn at the limits of the rule's condition.
//!
//! In: a condition, a type. Out: constants, and for each value the operators that narrow a parameter, whose facts are asked
//! of the compiler itself. One conjunct of the condition is picked and is met exactly, by one, or missed by one, while the
//! others hold: there a condition that is too weak or a fact that is off shows, and nowhere else. Invariant: derived
//! from the condition alone, so that a rule has its limits the day it is written.
//!
//! The search is a walk: as long as a conjunct is not as wished, one constant or one value that occurs in it is changed by
//! the distance that is missing, by the bits in which its sides differ, or anew.

use super::draw::Draw;
use crate::program::Ty;
use crate::random::Random;
use thumbsmith::ir::{self, Op};
use thumbsmith::opt::facts::{self, Fact};
use thumbsmith::opt::rule::{self, Bin, Bindings, Expr, FactOf, Func};

/// Steps of one walk.
const STEPS: usize = 48;
/// Most steps by which a constant is moved to where a condition ends.
const PUSHED: usize = 16;
/// Walks before a wish is given up.
const WALKS: usize = 3;
/// Bytes of decisions for the walks: they come from a stream of their own, so that a case does not run out of bytes.
const BYTES: usize = 1536;
/// Most values and most constants of a pattern.
pub const MOST: usize = 6;

/// How a value is made of a parameter, which decides what is known about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A parameter: nothing is known.
    Plain,
    /// `eqz`: 0 or 1.
    Bool,
    /// Its low byte, sign-extended.
    Byte,
    /// Its low halfword, sign-extended.
    Half,
    /// Shifted right so far, signed: a range around zero.
    Down(u64),
    /// `((p & and) | or) + add`: known bits, or a range that ends anywhere.
    Shaped {
        /// Bits that stay.
        and: u64,
        /// Bits that are set.
        or: u64,
        /// What is added.
        add: u64,
    },
}

impl Source {
    /// The operators and their constants, in order; those with one operand have none.
    pub fn steps(self, ty: Ty) -> Vec<(Op, Option<u64>)> {
        let all = ty.wrap(u64::MAX);
        match self {
            Source::Plain => Vec::new(),
            Source::Bool => vec![(Op::Eq, Some(0))],
            Source::Byte => vec![(Op::Sext8, None)],
            Source::Half => vec![(Op::Sext16, None)],
            Source::Down(k) => vec![(Op::ShrS, Some(k))],
            Source::Shaped { and, or, add } => {
                let parts = [(Op::And, and, all), (Op::Or, or, 0), (Op::Add, add, 0)];
                let needed = parts.into_iter().filter(|(_, c, neutral)| c != neutral);
                needed.map(|(op, c, _)| (op, Some(c))).collect()
            }
        }
    }

    /// What the compiler knows of the value.
    pub fn fact(self, ty: Ty) -> Fact {
        let of_ty = match ty.words() {
            1 => ir::Ty::I32,
            _ => ir::Ty::I64,
        };
        if self == Source::Bool {
            return Fact::unsigned(of_ty, 0, 1);
        }
        let mut fact = Fact::top(of_ty);
        for (op, constant) in self.steps(ty) {
            let second = Fact::constant(of_ty, constant.unwrap_or(0));
            let operands = [&fact, &second];
            let given = 1 + usize::from(constant.is_some());
            fact = facts::of(op, of_ty, of_ty, 0, &operands[..given]);
        }
        fact
    }
}

/// The values and constants of one pattern.
#[derive(Clone)]
pub struct Scene {
    /// The type that the operands share.
    pub ty: Ty,
    /// By value: how it is made.
    pub sources: [Source; MOST],
    /// The constants.
    pub consts: [u64; MOST],
    facts: [Fact; MOST],
}

impl Bindings for Scene {
    fn constant(&self, c: u8) -> u64 {
        self.consts.get(c as usize).copied().unwrap_or(0)
    }

    fn fact(&self, fact: FactOf, v: u8) -> u64 {
        let Some(known) = self.facts.get(v as usize) else {
            return 0;
        };
        self.ty.wrap(match fact {
            FactOf::Zeros => known.zeros,
            FactOf::Ones => known.ones,
            FactOf::Umin => known.umin,
            FactOf::Umax => known.umax,
            FactOf::Smin => known.smin as u64,
            FactOf::Smax => known.smax as u64,
        })
    }
}

impl Scene {
    /// A scene for a pattern of this type, in which the condition holds, or fails in one conjunct, if a walk gets there.
    pub fn draw(draw: &mut Draw<'_>, ty: Ty, condition: Option<&Expr>, holds: bool) -> Scene {
        let bytes = Random::new(draw.bits()).bytes(BYTES);
        let mut draw = Draw::new(&bytes);
        let mut walk = Walk {
            draw: &mut draw,
            width: 32 * ty.words() as u32,
        };
        let mut conjuncts = Vec::new();
        if let Some(condition) = condition {
            split(condition, &mut conjuncts);
        }
        let mut scene = walk.fresh(ty);
        for _ in 0..WALKS {
            if conjuncts.is_empty() {
                break;
            }
            if walk.reaches(&mut scene, &conjuncts, holds) {
                if holds {
                    walk.push(&mut scene, &conjuncts);
                }
                break;
            }
            scene = walk.fresh(ty);
        }
        scene
    }

    fn set_source(&mut self, v: usize, source: Source) {
        self.sources[v] = source;
        self.facts[v] = source.fact(self.ty);
    }
}

/// How many conjuncts a condition has.
pub fn conjuncts(condition: &Expr) -> usize {
    let mut all = Vec::new();
    split(condition, &mut all);
    all.len()
}

/// The conjuncts of a condition.
fn split<'e>(condition: &'e Expr, out: &mut Vec<&'e Expr>) {
    match condition {
        Expr::Bin(Bin::Land, left, right) => {
            split(left, out);
            split(right, out);
        }
        other => out.push(other),
    }
}

/// The values and constants that occur in an expression.
fn names(e: &Expr, values: &mut Vec<usize>, consts: &mut Vec<usize>) {
    match e {
        Expr::Lit(_) | Expr::Width => {}
        Expr::Const(c) => consts.push(usize::from(*c).min(MOST - 1)),
        Expr::Fact(_, v) => values.push(usize::from(*v).min(MOST - 1)),
        Expr::Not(x) | Expr::Neg(x) => names(x, values, consts),
        Expr::Bin(_, x, y) => {
            names(x, values, consts);
            names(y, values, consts);
        }
        Expr::Call(_, args) => args.iter().for_each(|a| names(a, values, consts)),
    }
}

/// How far a condition is from its limit: 0 and more where it holds, 0 where it only just does, -1 where it just fails.
pub fn margin(e: &Expr, width: u32, scene: &Scene) -> i128 {
    let value = |e: &Expr| rule::eval(e, width, scene);
    let unsigned = |e: &Expr| i128::from(value(e));
    let signed = |e: &Expr| i128::from((value(e) << (64 - width)) as i64 >> (64 - width));
    let either = |holds: bool| if holds { 0 } else { -1 };
    let apart = |x: &Expr, y: &Expr| {
        let bits = i128::from((value(x) ^ value(y)).count_ones());
        bits.min((signed(x) - signed(y)).abs())
    };
    let top = (1i128 << (width - 1)) - 1;
    match e {
        Expr::Bin(Bin::Land, x, y) => match margin(x, width, scene) {
            failed if failed < 0 => failed,
            held => held.min(margin(y, width, scene)),
        },
        Expr::Bin(Bin::Lor, x, y) => margin(x, width, scene).max(margin(y, width, scene)),
        Expr::Bin(Bin::Eq, x, y) => -apart(x, y),
        Expr::Bin(Bin::Ne, x, y) => apart(x, y) - 1,
        Expr::Bin(Bin::Lt, x, y) => unsigned(y) - unsigned(x) - 1,
        Expr::Bin(Bin::Le, x, y) => unsigned(y) - unsigned(x),
        Expr::Bin(Bin::Gt, x, y) => unsigned(x) - unsigned(y) - 1,
        Expr::Bin(Bin::Ge, x, y) => unsigned(x) - unsigned(y),
        Expr::Call(Func::Slt, args) => signed(&args[1]) - signed(&args[0]) - 1,
        Expr::Call(Func::Sle, args) => signed(&args[1]) - signed(&args[0]),
        Expr::Call(Func::SaddOk, args) => {
            let sum = signed(&args[0]) + signed(&args[1]);
            (top - sum).min(sum + top + 1)
        }
        Expr::Call(Func::UaddOk, args) => 2 * top + 1 - unsigned(&args[0]) - unsigned(&args[1]),
        Expr::Call(Func::Pow2, args) => -(i128::from(value(&args[0]).count_ones()) - 1).abs(),
        Expr::Call(Func::LowMask, args) => {
            let x = value(&args[0]);
            let holes = x & x.wrapping_add(1);
            -i128::from(holes.count_ones().max(u32::from(x == 0)))
        }
        // What is no comparison only holds or fails.
        Expr::Call(Func::Ctz | Func::Clz | Func::Mask | Func::Asr, _)
        | Expr::Bin(
            Bin::Add | Bin::Sub | Bin::Mul | Bin::And | Bin::Or | Bin::Xor | Bin::Shl | Bin::Shr,
            ..,
        )
        | Expr::Lit(_)
        | Expr::Const(_)
        | Expr::Width
        | Expr::Not(_)
        | Expr::Neg(_)
        | Expr::Fact(..) => either(value(e) != 0),
    }
}

/// Where one conjunct is to end up.
#[derive(Clone, Copy)]
enum Wish {
    Holds,
    Exactly(i128),
}

impl Wish {
    /// What is between a margin and the wish: 0 where it is met.
    fn gap(self, margin: i128) -> i128 {
        match self {
            Wish::Holds => margin.min(0),
            Wish::Exactly(wanted) => margin - wanted,
        }
    }
}

struct Walk<'d, 'a> {
    draw: &'d mut Draw<'a>,
    width: u32,
}

impl Walk<'_, '_> {
    fn fresh(&mut self, ty: Ty) -> Scene {
        let mut scene = Scene {
            ty,
            sources: [Source::Plain; MOST],
            consts: [0; MOST],
            facts: [Source::Plain.fact(ty); MOST],
        };
        for v in 0..MOST {
            if self.draw.chance(75) {
                let source = self.source(ty);
                scene.set_source(v, source);
            }
        }
        // Where sums wrap, conditions that forget it hold by chance only.
        let least = 1u64 << (self.width - 1);
        let extreme = self.draw.chance(30);
        for c in 0..MOST {
            scene.consts[c] = match extreme {
                true => ty.wrap(self.draw.pick(&[least, least - 1, u64::MAX, 0])),
                false => self.number(ty, &scene.consts[..c]),
            };
        }
        scene
    }

    /// Changes the scene until one conjunct is at its limit and the others hold; tells whether it got there.
    fn reaches(&mut self, scene: &mut Scene, conjuncts: &[&Expr], holds: bool) -> bool {
        let chosen = self.draw.below(conjuncts.len());
        let wish = match (holds, self.draw.below(8)) {
            (true, 0..=3) => Wish::Exactly(0),
            (true, 4) => Wish::Exactly(1),
            (true, _) => Wish::Holds,
            (false, 0) => Wish::Exactly(-2),
            (false, _) => Wish::Exactly(-1),
        };
        let wishes: Vec<Wish> = (0..conjuncts.len())
            .map(|i| if i == chosen { wish } else { Wish::Holds })
            .collect();
        let missed = |scene: &Scene, width: u32| -> Vec<(usize, i128)> {
            let gaps = conjuncts.iter().zip(&wishes);
            let gaps = gaps.map(|(e, wish)| wish.gap(margin(e, width, scene)));
            gaps.enumerate().filter(|(_, gap)| *gap != 0).collect()
        };
        let mut open = missed(scene, self.width);
        for _ in 0..STEPS {
            if open.is_empty() {
                return true;
            }
            let (at, gap) = open[self.draw.below(open.len())];
            let before = scene.clone();
            self.change(scene, conjuncts[at], gap);
            let now = missed(scene, self.width);
            // A step that leaves more open than before is taken back, mostly.
            if now.len() > open.len() && !self.draw.chance(20) {
                *scene = before;
            } else {
                open = now;
            }
        }
        open.is_empty()
    }

    /// Moves one constant up or down as far as the condition goes on to hold: an equality has its limits there.
    fn push(&mut self, scene: &mut Scene, conjuncts: &[&Expr]) {
        let (mut values, mut consts) = (Vec::new(), Vec::new());
        conjuncts
            .iter()
            .for_each(|e| names(e, &mut values, &mut consts));
        if consts.is_empty() || !self.draw.chance(40) {
            return;
        }
        let c = self.draw.pick(&consts);
        let by = self.draw.pick(&[1, u64::MAX]);
        for _ in 0..PUSHED {
            let before = scene.consts[c];
            scene.consts[c] = scene.ty.wrap(before.wrapping_add(by));
            let held = |e: &&Expr| rule::eval(e, self.width, scene) != 0;
            if !conjuncts.iter().all(held) {
                scene.consts[c] = before;
                return;
            }
        }
    }

    /// Changes one name of an expression so that its margin may move by `-gap`.
    fn change(&mut self, scene: &mut Scene, e: &Expr, gap: i128) {
        let (mut values, mut consts) = (Vec::new(), Vec::new());
        names(e, &mut values, &mut consts);
        if values.is_empty() && consts.is_empty() {
            return;
        }
        let n = self.draw.below(values.len() + consts.len());
        let differing = match e {
            Expr::Bin(_, x, y) => {
                rule::eval(x, self.width, scene) ^ rule::eval(y, self.width, scene)
            }
            _ => 1 << self.draw.below(self.width as usize),
        };
        match values.get(n) {
            Some(&v) => self.change_value(scene, v, gap as u64, differing),
            None => self.change_const(scene, consts[n - values.len()], gap as u64, differing),
        }
    }

    fn change_const(&mut self, scene: &mut Scene, c: usize, gap: u64, differing: u64) {
        let ty = scene.ty;
        let old = scene.consts[c];
        let new = match self.draw.below(9) {
            0 | 1 => old.wrapping_add(gap),
            2 | 3 => old.wrapping_sub(gap),
            4 => old ^ differing,
            // Only some of the bits in which the sides differ: the others may be the point.
            5 => old | differing,
            6 => old ^ 1 << self.draw.below(self.width as usize),
            _ => self.number(ty, &scene.consts),
        };
        scene.consts[c] = ty.wrap(new);
    }

    fn change_value(&mut self, scene: &mut Scene, v: usize, gap: u64, differing: u64) {
        let ty = scene.ty;
        let choice = self.draw.below(8);
        let new = match (scene.sources[v], choice) {
            (Source::Shaped { and, or, add }, 0..=3) => Source::Shaped {
                and,
                or,
                add: ty.wrap(match choice {
                    0 | 1 => add.wrapping_add(gap),
                    _ => add.wrapping_sub(gap),
                }),
            },
            (Source::Shaped { and, or, add }, 4) => Source::Shaped {
                and: and ^ differing & ty.wrap(u64::MAX),
                or,
                add,
            },
            (Source::Shaped { and, or, add }, 5) => Source::Shaped {
                and,
                or: or ^ differing & ty.wrap(u64::MAX),
                add,
            },
            _ => self.source(ty),
        };
        scene.set_source(v, new);
    }

    /// A way to make a value.
    fn source(&mut self, ty: Ty) -> Source {
        let width = self.width as usize;
        let low = |bits: usize| ty.wrap((1u64 << bits.min(63)) - 1);
        match self.draw.below(15) {
            0 => Source::Byte,
            1 => Source::Half,
            2 => Source::Bool,
            3 => Source::Down(self.draw.range(1, width - 1) as u64),
            4 => Source::Shaped {
                and: ty.wrap(u64::MAX),
                or: self
                    .draw
                    .pick(&[1, 8, 0xff, 0x100, 1 << (width - 1), 1 << (width - 2)]),
                add: 0,
            },
            5 => Source::Shaped {
                and: ty.wrap(self.draw.long()),
                or: 0,
                add: 0,
            },
            6 | 7 => Source::Shaped {
                and: low(self.draw.range(1, width - 1)),
                or: 0,
                add: 0,
            },
            8 => Source::Shaped {
                and: self.draw.pick(&[0xf0, 0xff, 0x7f, 0x1f, 0x7fff]),
                or: self.draw.pick(&[1, 8, 0x100]),
                add: 0,
            },
            _ => {
                let any = self.draw.range(1, width - 1);
                let and = low(self.draw.pick(&[1, 1, 2, 7, 8, 9, 15, 16, any, any]));
                let by = match self.draw.below(6) {
                    // It ends at zero or beside it, or has zero in its middle.
                    0 => and.wrapping_neg(),
                    1 => and.wrapping_neg().wrapping_add(1),
                    2 => !(and >> 1),
                    _ => self.number(ty, &[and, and.wrapping_neg()]),
                };
                let by = ty.wrap(by);
                Source::Shaped {
                    and,
                    or: 0,
                    add: by,
                }
            }
        }
    }

    /// A constant, related to one before it more often than not: conditions speak of sums, complements, neighbours, limits.
    fn number(&mut self, ty: Ty, others: &[u64]) -> u64 {
        let width = u64::from(self.width);
        let before = match others {
            [] => 0,
            some => self.draw.pick(some),
        };
        let shift = self.draw.below(self.width as usize) as u64;
        let least = 1u64 << (width - 1);
        ty.wrap(match self.draw.below(18) {
            0..=4 => shift,
            5 => before.wrapping_add(1),
            6 => before.wrapping_sub(1),
            7 => !before,
            8 => before.wrapping_neg(),
            9 => width.wrapping_sub(before),
            10 => (1 << shift) - 1,
            11 => 1 << shift,
            12 => !(before << (shift % 8)),
            13 => (1_u64 << (before % width)).wrapping_sub(1),
            14 | 15 => self.draw.pick(&[least, least - 1, u64::MAX, 0, least + 1]),
            _ if ty == Ty::I32 => u64::from(self.draw.word()),
            _ => self.draw.long(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the rules with a condition, nearly all get scenes in which it holds, and scenes in which it just fails.
    #[test]
    fn walks_reach_both_sides_of_conditions() {
        let rewrites = thumbsmith::opt::rules::table().all();
        let lowerings = thumbsmith::backend::rules::table().all();
        let conditions = rewrites
            .iter()
            .filter_map(|r| Some((r.name, r.condition.as_ref()?)))
            .chain(
                lowerings
                    .iter()
                    .filter_map(|r| Some((r.name, r.condition.as_ref()?))),
            );
        let bytes = Random::new(3).bytes(1 << 16);
        let mut draw = Draw::new(&bytes);
        let mut seen = 0;
        for (name, condition) in conditions {
            let mut sides = [0; 3];
            for i in 0..40 {
                let scene = Scene::draw(&mut draw, Ty::I32, Some(condition), i % 4 != 0);
                let margin = margin(condition, 32, &scene);
                let held = rule::eval(condition, 32, &scene) != 0;
                assert_eq!(held, margin >= 0, "{name}: margin {margin}");
                sides[0] += u32::from(held);
                sides[1] += u32::from(margin == 0);
                sides[2] += u32::from(margin == -1);
            }
            assert!(sides.iter().all(|n| *n > 0), "{name}: {sides:?}");
            assert!(sides[0] >= 15, "{name}: {sides:?}");
            seen += 1;
        }
        assert!(seen >= 60, "only {seen} conditions");
    }
}
