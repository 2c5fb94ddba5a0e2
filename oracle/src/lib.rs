//! The differential oracle: runs what the compiler emitted beside what the specification says, and compares.
//!
//! This crate links unicorn, which is GPL-2.0; the compiler never depends on it.

pub mod arm;
pub mod dispatch;
pub mod engine;
pub mod generate;
pub mod program;
pub mod random;
pub mod reference;
