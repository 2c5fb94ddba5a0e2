//! Choices: every decision that may not change meaning is asked here.
//!
//! In: a [`Source`]. Out: answers. Invariant: any stream of answers gives correct code, so the
//! fuzzer may drive it; the heuristic is the answer when nothing else does. Fuel is the other half: a rewrite
//! asks [`Choices::fuel`] first, so that bisecting the limit names the rewrite that broke a program.

use rustc_hash::FxHashSet;

/// Where answers come from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Source {
    /// Always the heuristic's own answer.
    #[default]
    Heuristic,
    /// Bytes in order, then the heuristic.
    Bytes(Vec<u8>),
    /// A pseudo-random stream from a seed.
    Seed(u64),
}

/// The state of one compilation's choices.
#[derive(Clone, Debug)]
pub struct Choices {
    source: Source,
    at: usize,
    state: u64,
    fuel: Option<u64>,
    used: u64,
    last: Option<&'static str>,
    off: FxHashSet<&'static str>,
}

impl Choices {
    /// Choices from `source`, with at most `fuel` rewrites.
    pub fn new(source: Source, fuel: Option<u64>) -> Choices {
        let state = match source {
            Source::Seed(s) => s.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            Source::Heuristic | Source::Bytes(_) => 0,
        };
        Choices {
            source,
            at: 0,
            state,
            fuel,
            used: 0,
            last: None,
            off: FxHashSet::default(),
        }
    }

    /// The same, without the rewrites and decisions of these names.
    pub fn without(self, off: FxHashSet<&'static str>) -> Choices {
        Choices { off, ..self }
    }

    /// Whether a rewrite or decision of this name may be made.
    pub fn allows(&self, what: &str) -> bool {
        self.off.is_empty() || !self.off.contains(what)
    }

    /// Picks one of `n` equally right answers; the heuristic's is `best`.
    pub fn pick(&mut self, n: usize, best: usize) -> usize {
        debug_assert!(best < n);
        match &self.source {
            Source::Heuristic => best,
            Source::Bytes(b) => match b.get(self.at) {
                Some(&x) => {
                    self.at += 1;
                    (best + x as usize) % n
                }
                None => best,
            },
            Source::Seed(_) => {
                // xorshift64: good enough to scatter decisions, and the same on every host.
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                // Three quarters of the answers stay with the heuristic so that programs keep their shape.
                if self.state >> 60 < 12 {
                    best
                } else {
                    (self.state >> 20) as usize % n
                }
            }
        }
    }

    /// A yes-or-no choice; the heuristic's answer is `best`.
    pub fn flip(&mut self, best: bool) -> bool {
        self.pick(2, best as usize) == 1
    }

    /// Whether only the heuristic answers (so that costly alternatives need not be prepared).
    pub fn is_heuristic(&self) -> bool {
        self.source == Source::Heuristic
    }

    /// Asks to do one more rewrite, named for the report of a bisection. `false`: leave things as they are.
    pub fn fuel(&mut self, what: &'static str) -> bool {
        match self.fuel {
            Some(limit) if self.used >= limit => false,
            _ if !self.allows(what) => false,
            _ => {
                self.used += 1;
                self.last = Some(what);
                true
            }
        }
    }

    /// Rewrites done so far.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The name of the last rewrite done.
    pub fn last(&self) -> Option<&'static str> {
        self.last
    }
}
