//! What a level may spend beyond which passes it runs: a row a level.
//!
//! In: a level. Out: limits of size for inlining and if-conversion. Invariant: any limits give right code.

use crate::opt::simplify::IfConversion;
use crate::options::Level;

/// What differs between levels beyond which passes run.
pub(crate) struct Budget {
    /// Largest function that is inlined wherever it is called.
    pub(crate) small: usize,
    /// Largest function that is inlined where it is called once.
    pub(crate) once: usize,
    /// Largest function after inlining.
    pub(crate) total: usize,
    /// If-conversion.
    pub(crate) convert: IfConversion,
}

impl Budget {
    /// The budget of a level.
    pub(crate) fn of(level: Level) -> Budget {
        let convert = |nodes, selects| IfConversion { nodes, selects };
        match level {
            Level::O0 | Level::O1 => Budget {
                small: 4,
                once: 40,
                total: 1000,
                convert: convert(2, 1),
            },
            Level::O2 => Budget {
                small: 14,
                once: 400,
                total: 4000,
                convert: convert(4, 2),
            },
            Level::O3 => Budget {
                small: 40,
                once: 1000,
                total: 8000,
                convert: convert(6, 3),
            },
            Level::Os => Budget {
                small: 8,
                once: 200,
                total: 2000,
                convert: convert(3, 2),
            },
            Level::Oz => Budget {
                small: 5,
                once: 100,
                total: 1000,
                convert: convert(2, 1),
            },
        }
    }
}
