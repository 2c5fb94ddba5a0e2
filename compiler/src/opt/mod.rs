//! The optimizer: SSA to SSA.

pub mod editor;
pub mod facts;
pub mod params;
pub mod rule;
pub mod rules;
pub mod simplify;
pub mod wide;
