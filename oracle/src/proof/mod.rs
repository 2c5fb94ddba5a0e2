//! Proofs that the rules of the compiler hold.
//!
//! In: the tables of rewrite and lowering rules, as data. Out: for each rule a verdict of the solver, kept in
//! `ci/proofs.json`. A rule becomes claims ([`claim`]) in a language of bit vectors ([`term`]); what operations and
//! instructions mean there is said once more ([`meaning`], [`machine`]), on purpose: the compiler's own evaluators check
//! it ([`concrete`]), so that neither can drift alone. Invariant: what is committed was asked of the rules as they
//! stand.

pub mod claim;
pub mod concrete;
pub mod machine;
pub mod meaning;
pub mod mutate;
pub mod prove;
pub mod results;
pub mod solver;
pub mod term;

pub use claim::Subject;
pub use prove::{Proof, Verdict};
