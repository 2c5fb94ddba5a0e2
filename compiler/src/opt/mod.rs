//! The optimizer: SSA to SSA.

pub mod address;
pub mod editor;
pub mod facts;
pub mod matcher;
pub mod params;
pub mod rule;
pub mod rules;
pub mod schedule;
pub mod simplify;
pub mod wide;
