//! The differential oracle: runs what the compiler emitted beside what the specification says, and compares.
//!
//! This crate links unicorn, which is GPL-2.0; the compiler never depends on it.

pub mod allocation;
pub mod arm;
pub mod bench;
pub mod bounds;
pub mod case;
pub mod check;
pub mod compare;
pub mod counts;
pub mod direct;
pub mod dispatch;
pub mod encoding;
pub mod engine;
pub mod floats;
pub mod gate;
pub mod generate;
pub mod hunt;
pub mod irgen;
pub mod judges;
pub mod ledger;
pub mod objects;
pub mod optimizer;
pub mod packages;
pub mod plan;
pub mod program;
pub mod proof;
pub mod qemu;
pub mod random;
pub mod reduce;
pub mod reference;
pub mod regression;
pub mod replay;
pub mod report;
pub mod seeds;
pub mod spec;
pub mod speed;
pub mod stage;
pub mod statics;
pub mod statistics;
pub mod triage;
pub mod voice;
