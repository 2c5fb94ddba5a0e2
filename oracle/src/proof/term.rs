//! Terms: the language in which rules are stated for the solver.
//!
//! In: variables, constants and operations on bit vectors of 1 to 64 bits; a truth is a vector of one bit. Out: the
//! value of a term under an assignment, and its text in SMT-LIB. Invariants: equal terms are one term; the evaluator
//! here and the text mean the same. The first is by construction; the second is checked by a test that asks the
//! solver for the value of every operation on boundary operands.

use std::collections::HashMap;
use std::fmt::Write;

/// A term of an [`Arena`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Term(u32);

/// An operation on two vectors of one width. Comparisons give one bit, the others the width of their operands.
/// Division by zero gives all ones, and a shift by the width or more shifts everything out, as in SMT-LIB.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bin {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    Lshr,
    Ashr,
    Udiv,
    Sdiv,
    Eq,
    Ult,
    Ule,
    Slt,
    Sle,
}

impl Bin {
    /// Every one.
    pub const ALL: [Bin; 16] = [
        Bin::Add,
        Bin::Sub,
        Bin::Mul,
        Bin::And,
        Bin::Or,
        Bin::Xor,
        Bin::Shl,
        Bin::Lshr,
        Bin::Ashr,
        Bin::Udiv,
        Bin::Sdiv,
        Bin::Eq,
        Bin::Ult,
        Bin::Ule,
        Bin::Slt,
        Bin::Sle,
    ];

    /// Its name in SMT-LIB, and whether it is a predicate there.
    fn text(self) -> (&'static str, bool) {
        match self {
            Bin::Add => ("bvadd", false),
            Bin::Sub => ("bvsub", false),
            Bin::Mul => ("bvmul", false),
            Bin::And => ("bvand", false),
            Bin::Or => ("bvor", false),
            Bin::Xor => ("bvxor", false),
            Bin::Shl => ("bvshl", false),
            Bin::Lshr => ("bvlshr", false),
            Bin::Ashr => ("bvashr", false),
            Bin::Udiv => ("bvudiv", false),
            Bin::Sdiv => ("bvsdiv", false),
            Bin::Eq => ("=", true),
            Bin::Ult => ("bvult", true),
            Bin::Ule => ("bvule", true),
            Bin::Slt => ("bvslt", true),
            Bin::Sle => ("bvsle", true),
        }
    }

    fn eval(self, x: u64, y: u64, width: u32) -> u64 {
        let (sx, sy) = (signed(x, width), signed(y, width));
        match self {
            Bin::Add => x.wrapping_add(y),
            Bin::Sub => x.wrapping_sub(y),
            Bin::Mul => x.wrapping_mul(y),
            Bin::And => x & y,
            Bin::Or => x | y,
            Bin::Xor => x ^ y,
            Bin::Shl if y >= u64::from(width) => 0,
            Bin::Shl => x << y,
            Bin::Lshr if y >= u64::from(width) => 0,
            Bin::Lshr => x >> y,
            Bin::Ashr => (sx >> y.min(63)) as u64,
            Bin::Udiv => x.checked_div(y).unwrap_or(u64::MAX),
            Bin::Sdiv if y == 0 => {
                if sx < 0 {
                    1
                } else {
                    u64::MAX
                }
            }
            Bin::Sdiv => sx.wrapping_div(sy) as u64,
            Bin::Eq => u64::from(x == y),
            Bin::Ult => u64::from(x < y),
            Bin::Ule => u64::from(x <= y),
            Bin::Slt => u64::from(sx < sy),
            Bin::Sle => u64::from(sx <= sy),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Node {
    Var(String),
    Const(u64),
    Not(Term),
    Bin(Bin, Term, Term),
    /// The second where the first, one bit, is 1; else the third.
    Ite(Term, Term, Term),
    /// Bits from the second number down to the third.
    Extract(Term, u32, u32),
    Zext(Term),
    Sext(Term),
    /// High part, low part.
    Concat(Term, Term),
}

/// The lowest `width` bits, 1 to 64.
pub fn mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

fn signed(x: u64, width: u32) -> i64 {
    ((x << (64 - width)) as i64) >> (64 - width)
}

/// Terms that know of each other.
#[derive(Clone, Default, Debug)]
pub struct Arena {
    nodes: Vec<(Node, u32)>,
    known: HashMap<(Node, u32), Term>,
}

impl Arena {
    fn put(&mut self, node: Node, width: u32) -> Term {
        debug_assert!((1..=64).contains(&width), "{node:?} is {width} bits wide");
        let key = (node, width);
        if let Some(t) = self.known.get(&key) {
            return *t;
        }
        let t = Term(self.nodes.len() as u32);
        self.nodes.push(key.clone());
        self.known.insert(key, t);
        t
    }

    /// Width in bits.
    pub fn width(&self, t: Term) -> u32 {
        self.nodes[t.0 as usize].1
    }

    /// The variable of this name; the name is a symbol of SMT-LIB.
    pub fn var(&mut self, name: &str, width: u32) -> Term {
        self.put(Node::Var(name.to_owned()), width)
    }

    /// A constant, cut to the width.
    pub fn value(&mut self, value: u64, width: u32) -> Term {
        self.put(Node::Const(value & mask(width)), width)
    }

    /// An operation.
    pub fn bin(&mut self, op: Bin, x: Term, y: Term) -> Term {
        let width = self.width(x);
        assert_eq!(width, self.width(y), "{op:?} of operands of two widths");
        self.put(Node::Bin(op, x, y), if op.text().1 { 1 } else { width })
    }

    /// All bits inverted; of a truth its negation.
    pub fn not(&mut self, x: Term) -> Term {
        let width = self.width(x);
        self.put(Node::Not(x), width)
    }

    /// Two's complement.
    pub fn neg(&mut self, x: Term) -> Term {
        let zero = self.value(0, self.width(x));
        self.bin(Bin::Sub, zero, x)
    }

    /// `yes` where `c` is true, else `no`.
    pub fn ite(&mut self, c: Term, yes: Term, no: Term) -> Term {
        let width = self.width(yes);
        assert_eq!(width, self.width(no), "a choice of two widths");
        assert_eq!(self.width(c), 1, "a choice by more than one bit");
        self.put(Node::Ite(c, yes, no), width)
    }

    /// Bits `high` down to `low`.
    pub fn extract(&mut self, x: Term, high: u32, low: u32) -> Term {
        assert!(
            low <= high && high < self.width(x),
            "bits that are not there"
        );
        if low == 0 && high + 1 == self.width(x) {
            return x;
        }
        self.put(Node::Extract(x, high, low), high - low + 1)
    }

    /// `high` above `low`.
    pub fn concat(&mut self, high: Term, low: Term) -> Term {
        let width = self.width(high) + self.width(low);
        self.put(Node::Concat(high, low), width)
    }

    /// Zero-extended, or cut, to a width.
    pub fn unsigned(&mut self, x: Term, width: u32) -> Term {
        self.resize(x, width, Node::Zext(x))
    }

    /// Sign-extended, or cut, to a width.
    pub fn signed(&mut self, x: Term, width: u32) -> Term {
        self.resize(x, width, Node::Sext(x))
    }

    fn resize(&mut self, x: Term, width: u32, extension: Node) -> Term {
        if width <= self.width(x) {
            return self.extract(x, width - 1, 0);
        }
        self.put(extension, width)
    }

    /// Whether it is not zero.
    pub fn truth(&mut self, x: Term) -> Term {
        if self.width(x) == 1 {
            return x;
        }
        let zero = self.value(0, self.width(x));
        let is_zero = self.bin(Bin::Eq, x, zero);
        self.not(is_zero)
    }

    /// Whether it equals a number.
    pub fn is(&mut self, x: Term, value: u64) -> Term {
        let value = self.value(value, self.width(x));
        self.bin(Bin::Eq, x, value)
    }

    /// Variables below these terms: names and widths, in order of first use.
    pub fn vars(&self, roots: &[Term]) -> Vec<(&str, u32)> {
        let used = self.reached(roots);
        let nodes = self.nodes.iter().zip(used).filter(|(_, used)| *used);
        nodes
            .filter_map(|((node, width), _)| match node {
                Node::Var(name) => Some((name.as_str(), *width)),
                _ => None,
            })
            .collect()
    }

    fn reached(&self, roots: &[Term]) -> Vec<bool> {
        let mut used = vec![false; self.nodes.len()];
        for t in roots {
            used[t.0 as usize] = true;
        }
        // Operands stand before what uses them.
        for i in (0..self.nodes.len()).rev() {
            if !used[i] {
                continue;
            }
            let mut mark = |t: &Term| used[t.0 as usize] = true;
            match &self.nodes[i].0 {
                Node::Var(_) | Node::Const(_) => {}
                Node::Not(x) | Node::Extract(x, ..) | Node::Zext(x) | Node::Sext(x) => mark(x),
                Node::Bin(_, x, y) | Node::Concat(x, y) => {
                    mark(x);
                    mark(y);
                }
                Node::Ite(c, x, y) => {
                    mark(c);
                    mark(x);
                    mark(y);
                }
            }
        }
        used
    }

    /// Values of terms where variables have these.
    pub fn eval(&self, roots: &[Term], assign: &dyn Fn(&str) -> u64) -> Vec<u64> {
        let used = self.reached(roots);
        let mut values = vec![0u64; self.nodes.len()];
        for (i, (node, width)) in self.nodes.iter().enumerate() {
            if !used[i] {
                continue;
            }
            let v = |t: &Term| values[t.0 as usize];
            let value = match node {
                Node::Var(name) => assign(name),
                Node::Const(c) => *c,
                Node::Not(x) => !v(x),
                Node::Bin(op, x, y) => op.eval(v(x), v(y), self.width(*x)),
                Node::Ite(c, x, y) => v(if v(c) != 0 { x } else { y }),
                Node::Extract(x, _, low) => v(x) >> low,
                Node::Zext(x) => v(x),
                Node::Sext(x) => signed(v(x), self.width(*x)) as u64,
                Node::Concat(x, y) => v(x) << self.width(*y) | v(y),
            };
            values[i] = value & mask(*width);
        }
        roots.iter().map(|t| values[t.0 as usize]).collect()
    }

    /// Declarations and definitions, after which [`Arena::symbol`] names each of these terms. With `products` a left
    /// shift is written as a product by a power of two, which is the same.
    pub fn smt(&self, roots: &[Term], products: bool) -> String {
        let used = self.reached(roots);
        let mut out = String::new();
        for (i, (node, width)) in self.nodes.iter().enumerate() {
            if !used[i] {
                continue;
            }
            let name = self.symbol(Term(i as u32));
            let done = match node {
                Node::Const(_) => Ok(()),
                Node::Var(_) => writeln!(out, "(declare-const {name} (_ BitVec {width}))"),
                _ => writeln!(
                    out,
                    "(define-fun {name} () (_ BitVec {width}) {})",
                    match node {
                        Node::Bin(Bin::Shl, x, k) if products => {
                            let (x, k) = (self.symbol(*x), self.symbol(*k));
                            format!("(bvmul {x} (bvshl (_ bv1 {width}) {k}))")
                        }
                        _ => self.body(node, *width),
                    }
                ),
            };
            debug_assert!(done.is_ok(), "a string can be written to");
        }
        out
    }

    fn body(&self, node: &Node, width: u32) -> String {
        let s = |t: &Term| self.symbol(*t);
        let more = |x: &Term| width - self.width(*x);
        match node {
            Node::Var(name) => name.clone(),
            Node::Const(c) => format!("(_ bv{c} {width})"),
            Node::Not(x) => format!("(bvnot {})", s(x)),
            Node::Bin(op, x, y) => match op.text() {
                (op, false) => format!("({op} {} {})", s(x), s(y)),
                (op, true) => format!("(ite ({op} {} {}) #b1 #b0)", s(x), s(y)),
            },
            Node::Ite(c, x, y) => format!("(ite (= {} #b1) {} {})", s(c), s(x), s(y)),
            Node::Extract(x, high, low) => format!("((_ extract {high} {low}) {})", s(x)),
            Node::Zext(x) => format!("((_ zero_extend {}) {})", more(x), s(x)),
            Node::Sext(x) => format!("((_ sign_extend {}) {})", more(x), s(x)),
            Node::Concat(x, y) => format!("(concat {} {})", s(x), s(y)),
        }
    }

    /// How the text names a term.
    pub fn symbol(&self, t: Term) -> String {
        match &self.nodes[t.0 as usize] {
            (Node::Var(name), _) => name.clone(),
            (node @ Node::Const(_), width) => self.body(node, *width),
            _ => format!("t{}", t.0),
        }
    }
}
