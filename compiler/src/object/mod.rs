//! Object files: relocatable ELF, and the C header that goes with it.

mod attributes;
pub mod elf;
pub mod header;
pub mod names;

/// The section with the table of traps; see [`elf`].
pub const TRAP_SECTION: &str = ".debug_thumbsmith_traps";
