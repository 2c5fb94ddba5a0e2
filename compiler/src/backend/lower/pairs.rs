//! Which pairs of words are one double in a register of the FPU.
//!
//! In: a function for a core whose FPU has doubles, after 64-bit values were split. Out: pairs of words, named by the low one, that
//! are kept whole: arguments and results in `d` registers, parameters of blocks, selections. What the FPU computes is whole anyway;
//! words of it that stand side by side as an operand of the FPU are the value itself again. As with files
//! ([`super::banks`]) any choice is right: words of what is whole are taken out where it is defined, and words that are none are put
//! together where they are used.

use super::Lower;
use super::vfp;
use crate::backend::abi::Place;
use crate::ir::{Block, Fp, Func, Node, Op, Ty, Value};
use crate::isa::{Class, Op as I, Reg};
use crate::seeded::{Bug, on};
use rustc_hash::{FxHashMap, FxHashSet};

/// Most rounds of the search; if it has not come to rest then, nothing is kept whole.
const ROUNDS: u32 = 12;

/// The words of each double that is kept whole, by the low one.
#[derive(Default)]
pub(super) struct Pairs {
    high: FxHashMap<Value, Value>,
    low: FxHashMap<Value, Value>,
}

impl Pairs {
    /// The high word of the pair whose low word this is.
    pub fn high(&self, low: Value) -> Option<Value> {
        self.high.get(&low).copied()
    }

    /// Whether two words are such a pair.
    pub fn has(&self, low: Value, high: Value) -> bool {
        self.high(low) == Some(high)
    }

    /// The low word of the pair that a word is of.
    pub fn of(&self, word: Value) -> Option<Value> {
        let low = self.low.get(&word).copied();
        low.or_else(|| self.high.contains_key(&word).then_some(word))
    }

    /// Whether a word is the high one of a pair.
    pub fn is_high(&self, word: Value) -> bool {
        self.low.contains_key(&word)
    }

    fn insert(&mut self, low: Value, high: Value) {
        self.high.insert(low, high);
        self.low.insert(high, low);
    }

    fn remove(&mut self, low: Value) {
        if let Some(high) = self.high.remove(&low) {
            self.low.remove(&high);
        }
    }
}

/// For each word of an operation's operands, where split: the operand that it begins, if it does.
pub(super) fn operands(n: &Node) -> impl Iterator<Item = (usize, Ty)> {
    let row = Fp::from_imm(n.imm).map_or(&[][..], |fp| fp.row().operands);
    row.iter().scan(0, |at, &ty| {
        let first = *at;
        *at += ty.words() as usize;
        Some((first, ty))
    })
}

impl Lower<'_, '_> {
    /// Decides for all pairs.
    pub(super) fn choose_pairs(&mut self) {
        if self.native.is_empty() || !self.has_doubles() {
            return;
        }
        self.find_pairs();
        for round in 0.. {
            if round == ROUNDS {
                self.pairs = Pairs::default();
            }
            let gains = self.gains();
            let worse: Vec<Value> = (self.pairs.high.keys().copied())
                .filter(|low| gains.get(low).is_none_or(|gain| *gain <= 0.0))
                .collect();
            if worse.is_empty() {
                break;
            }
            worse.into_iter().for_each(|low| self.pairs.remove(low));
        }
        for (&low, &high) in &self.pairs.high {
            self.native[low.0 as usize] = false;
            self.native[high.0 as usize] = false;
            let condition = self.f.node(low).args.first().copied();
            if self.f.node(low).op == Op::Select {
                self.shared.extend(condition);
            }
        }
    }

    /// Whether two words are a double that the FPU has just computed.
    fn computed(&self, low: Value, high: Value) -> Option<Value> {
        let (l, h) = (self.f.node(low), self.f.node(high));
        let same = l.op == Op::Lo && h.op == Op::Hi && l.args == h.args;
        l.args.first().copied().filter(|x| same && self.in_fpu(*x))
    }

    /// The name of the double that two words are, computed or kept whole.
    pub(super) fn whole(&self, low: Value, high: Value) -> Option<Value> {
        let kept = self.pairs.has(low, high).then_some(low);
        self.computed(low, high).or(kept)
    }

    /// The name of the double whose sign is changed in these words, and the instruction for that.
    pub(super) fn sign_changed(&self, low: Value, high: Value) -> Option<(I, Value)> {
        let changed = self.f.node(high);
        let op = match self.sign_change(changed)? {
            I::VnegF32 => I::VnegF64,
            _ => I::VabsF64,
        };
        Some((op, self.whole(low, self.bare(changed.args[0]))?))
    }

    /// Pairs that come in registers of the FPU, pairs that are its operands, and what they are chosen from.
    fn find_pairs(&mut self) {
        let singles = self.singles();
        let mut found: Vec<(Value, Value)> = self.received();
        found.retain(|(low, high)| !singles.contains(low) && !singles.contains(high));
        for (i, n) in self.f.nodes.iter().enumerate() {
            let scheduled = self.sched.place[i].is_some();
            if n.op == Op::Fp && scheduled && vfp::instruction(n, self.cx.options.cpu).is_some() {
                let doubles = operands(n).filter(|(_, ty)| *ty == Ty::F64);
                found.extend(doubles.map(|(k, _)| (n.args[k], n.args[k + 1])));
            }
        }
        for &b in &self.cfg.rpo {
            let term = &self.f.block(b).term;
            let places = self.places_of_terminator(term.op);
            let sent = whole_places(&places).map(|k| (term.args[k], term.args[k + 1]));
            found.extend(sent.filter(|(low, _)| self.f.node(self.bare(*low)).op == Op::Select));
            for edge in &term.edges {
                let params = &self.f.block(edge.to).params;
                for k in 1..params.len() {
                    let (low, high) = (self.bare(edge.args[k - 1]), self.bare(edge.args[k]));
                    if self.computed(low, high).is_some() {
                        found.push((params[k - 1], params[k]));
                    }
                }
            }
        }
        let mut params = FxHashMap::default();
        for &b in &self.cfg.rpo {
            let own = self.f.block(b).params.iter().enumerate();
            params.extend(own.map(|(k, p)| (*p, (b, k))));
        }
        while let Some((low, high)) = found.pop() {
            let (low, high) = (self.bare(low), self.bare(high));
            if low == high || self.pairs.of(low).is_some() || self.pairs.of(high).is_some() {
                continue;
            }
            if let Some(sources) = self.may_pair(low, high, &params) {
                self.pairs.insert(low, high);
                found.extend(sources);
            }
        }
    }

    /// Whether two words can be kept as one double; if so, the pairs that it is chosen from.
    fn may_pair(
        &self,
        low: Value,
        high: Value,
        params: &FxHashMap<Value, (Block, usize)>,
    ) -> Option<Vec<(Value, Value)>> {
        let (l, h) = (self.f.node(low), self.f.node(high));
        match (l.op, h.op) {
            (Op::Param, Op::Param) => {
                let (b, k) = *params.get(&low)?;
                let other = params.get(&high).filter(|p| p.0 == b)?.1;
                if b == Func::ENTRY {
                    let whole = is_whole(self.sig.params.get(k)?, self.sig.params.get(other)?);
                    return whole.then(Vec::new);
                }
                // A block stands there once for each of its edges.
                let mut preds = self.cfg.preds(b).to_vec();
                preds.dedup();
                let edges = preds.iter().flat_map(|p| &self.f.block(*p).term.edges);
                let edges = edges.filter(|e| e.to == b);
                Some(edges.map(|e| (e.args[k], e.args[other])).collect())
            }
            (Op::Proj, Op::Proj) if l.args == h.args => {
                let sig = self.callee(self.f.node(l.args[0]))?;
                let place = |n: &Node| sig.results.get(n.imm as usize);
                let in_registers = sig.struct_words.is_none();
                (in_registers && is_whole(place(l)?, place(h)?)).then(Vec::new)
            }
            (Op::Select, Op::Select) if l.args[0] == h.args[0] => {
                let place = |v: Value| self.sched.place[v.0 as usize];
                let arms = (1..3).map(|k| (l.args[k], h.args[k])).collect();
                (place(low) == place(high)).then_some(arms)
            }
            _ => None,
        }
    }

    /// Words beside each other in registers of the FPU: of parameters and of results of calls.
    fn received(&self) -> Vec<(Value, Value)> {
        let params = &self.f.block(Func::ENTRY).params;
        let own = whole_places(&self.sig.params)
            .filter_map(|k| Some((*params.get(k)?, *params.get(k + 1)?)));
        let mut found: Vec<(Value, Value)> = own.collect();
        for (i, n) in self.f.nodes.iter().enumerate() {
            let call = Value(i as u32);
            let Some(sig) = self.callee(n).filter(|s| s.struct_words.is_none()) else {
                continue;
            };
            let word = |k: usize| self.words.get(&(call, k as u32)).copied();
            found.extend(whole_places(&sig.results).filter_map(|k| word(k).zip(word(k + 1))));
        }
        found
    }

    /// Words that the FPU reads, or computes from, as such.
    fn singles(&self) -> FxHashSet<Value> {
        let mut found = FxHashSet::default();
        for (i, n) in self.f.nodes.iter().enumerate() {
            let v = Value(i as u32);
            let calls = matches!(n.op, Op::Call | Op::CallIndirect);
            if self.sched.place[i].is_some() && !calls {
                let read = n.args.iter().zip(self.reads_fpu(v, n));
                found.extend(read.filter(|(_, read)| *read).map(|(a, _)| self.bare(*a)));
            }
        }
        for &b in &self.cfg.rpo {
            for edge in &self.f.block(b).term.edges {
                let to = self.f.block(edge.to).params.iter().zip(&edge.args);
                found.extend(
                    to.filter(|(p, _)| self.in_fpu(**p))
                        .map(|(_, a)| self.bare(*a)),
                );
            }
        }
        found
    }

    /// What is gained by keeping each pair whole: moves between the files that it saves, less those that it costs, each as often
    /// as its block runs. A selection whose words are needed by themselves cannot be kept whole.
    fn gains(&self) -> FxHashMap<Value, f32> {
        let mut gains: FxHashMap<Value, f32> = FxHashMap::default();
        let mut add = |v: Value, gain: f32| {
            if let Some(low) = self.pairs.of(self.bare(v)) {
                let alone = gain < 0.0 && self.f.node(low).op == Op::Select;
                *gains.entry(low).or_default() += if alone { f32::NEG_INFINITY } else { gain };
            }
        };
        for (i, n) in self.f.nodes.iter().enumerate() {
            let Some(block) = self.sched.place[i] else {
                continue;
            };
            let v = Value(i as u32);
            let often = self.often(block);
            let mut whole = Vec::new();
            if n.op == Op::Fp && vfp::instruction(n, self.cx.options.cpu).is_some() {
                whole.extend(operands(n).filter(|o| o.1 == Ty::F64).map(|o| o.0));
            } else if let Some(sig) = self.callee(n) {
                let first = usize::from(n.op == Op::CallIndirect);
                whole.extend(whole_places(&sig.params).map(|k| k + first));
            }
            if n.op == Op::Select && self.pairs.of(v).is_some() {
                if let Some(high) = self.pairs.high(v) {
                    let h = self.f.node(high);
                    for k in 1..3 {
                        self.use_of_pair((n.args[k], h.args[k]), often, &mut add);
                        add(v, self.source(n.args[k], h.args[k]) * often);
                    }
                }
                continue;
            }
            let first = usize::from(is_transparent(n));
            self.uses(&n.args[first..], &whole, often, &mut add);
        }
        for &b in &self.cfg.rpo {
            let (term, often) = (&self.f.block(b).term, self.often(b));
            let places = self.places_of_terminator(term.op);
            let whole: Vec<usize> = whole_places(&places).collect();
            self.uses(&term.args, &whole, often, &mut add);
            for edge in &term.edges {
                let params = &self.f.block(edge.to).params;
                for (k, &p) in params.iter().enumerate() {
                    match self.pairs.high(p).and_then(|high| behind(params, k, high)) {
                        Some(other) => {
                            let (low, high) = (edge.args[k], edge.args[other]);
                            self.use_of_pair((low, high), often, &mut add);
                            add(p, self.source(low, high) * often);
                        }
                        None if self.pairs.is_high(p) => {}
                        None => add(edge.args[k], -often / 2.0),
                    }
                }
            }
        }
        // What comes as one register stays one.
        let results = self.pairs.high.keys();
        let results = results.filter(|low| self.f.node(**low).op == Op::Proj);
        for &low in self.f.block(Func::ENTRY).params.iter().chain(results) {
            add(low, f32::INFINITY);
        }
        gains
    }

    /// The uses of operands, of which those at `whole` and behind them are read as doubles.
    fn uses(&self, args: &[Value], whole: &[usize], often: f32, add: &mut impl FnMut(Value, f32)) {
        let mut k = 0;
        while k < args.len() {
            if whole.contains(&k) && k + 1 < args.len() {
                self.use_of_pair((args[k], args[k + 1]), often, add);
                k += 2;
            } else {
                add(args[k], -often / 2.0);
                k += 1;
            }
        }
    }

    fn use_of_pair(
        &self,
        (low, high): (Value, Value),
        often: f32,
        add: &mut impl FnMut(Value, f32),
    ) {
        match self.pairs.has(self.bare(low), self.bare(high)) {
            true => add(low, often),
            false => {
                add(low, -often / 2.0);
                add(high, -often / 2.0);
            }
        }
    }

    /// What it is worth that a pair comes as these words.
    fn source(&self, low: Value, high: Value) -> f32 {
        let (low, high) = (self.bare(low), self.bare(high));
        let constant = self.as_const(low).is_some() && self.as_const(high).is_some();
        match constant {
            true => 0.0,
            false if self.whole(low, high).is_some() => 1.0,
            false if self.sign_changed(low, high).is_some() => 1.0,
            false => -1.0,
        }
    }
}

/// The place of a block's parameter that mostly stands right behind another one.
pub(super) fn behind(params: &[Value], k: usize, high: Value) -> Option<usize> {
    match params.get(k + 1) {
        Some(next) if *next == high => Some(k + 1),
        Some(_) if on(Bug::WordsApart) => Some(k + 1),
        _ => params.iter().position(|p| *p == high),
    }
}

/// Whether a node stands for its first operand, which is no use of it.
pub(super) fn is_transparent(n: &Node) -> bool {
    matches!(n.op, Op::Guard | Op::Assume)
}

/// The places that begin a `d` register whose other half is the next one.
fn whole_places(places: &[Place]) -> impl Iterator<Item = usize> {
    let pairs = places.windows(2).enumerate();
    pairs
        .filter(|(_, p)| is_whole(&p[0], &p[1]))
        .map(|(k, _)| k)
}

/// Whether two places are the halves of a `d` register.
fn is_whole(low: &Place, high: &Place) -> bool {
    let single = |place: &Place| match place {
        Place::Reg(r) => r.number(Class::Single),
        Place::Stack(_) => None,
    };
    matches!((single(low), single(high)), (Some(l), Some(h)) if l % 2 == 0 && h == l + 1)
}

/// The `d` register that an `s` register is half of, and whether it is the upper one.
pub(super) fn half(r: Reg) -> Option<(Reg, bool)> {
    let n = r.number(Class::Single)?;
    Some((Reg::d(n / 2), n % 2 == 1))
}
