//! The optimizer: SSA to SSA.

pub mod address;
pub mod bulk;
pub mod callgraph;
pub mod editor;
pub mod facts;
mod float_bits;
pub mod inline;
pub mod matcher;
pub mod params;
pub mod ranges;
pub mod rule;
pub mod rules;
pub mod ruleset;
pub mod schedule;
pub mod simplify;
pub mod typing;
pub mod wide;
