//! The checks of single parts of the compiler: bytes in, verdict out, without a module.
//!
//! In: which part, and bytes. Out: nothing, or the report of a difference with the bytes in the place of a module. Each part
//! has a file of its own that knows what its bytes mean.

use crate::check::{Judge, Report, Verdict, Voice, quietly};
use crate::compare::{Difference, Kind};
use crate::{allocation, encoding, judges, objects, optimizer};
use thumbsmith::Options;

/// A check of one part of the compiler by itself, without a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direct {
    /// The register allocator and its checker, by execution of made-up machine functions.
    Regalloc,
    /// Encoder, decoder and executor, by single instructions in unicorn.
    Encoding,
    /// The passes over IR, by execution of made-up modules of IR before and after each.
    Optimizer,
    /// Object file and header, by what modules with many names say about themselves.
    Object,
    /// The comparison and the static judge, by differences and code that are wrong on purpose.
    Judges,
}

impl Direct {
    /// Every one.
    pub const ALL: [Direct; 5] = [
        Direct::Regalloc,
        Direct::Encoding,
        Direct::Optimizer,
        Direct::Object,
        Direct::Judges,
    ];
    /// The checks in turn, as a hunt does them: judges and objects have the fewest ways to be wrong.
    pub const TURNS: [Direct; 10] = [
        Direct::Regalloc,
        Direct::Encoding,
        Direct::Optimizer,
        Direct::Regalloc,
        Direct::Encoding,
        Direct::Judges,
        Direct::Optimizer,
        Direct::Object,
        Direct::Regalloc,
        Direct::Encoding,
    ];

    /// The name on the command line, in reports, and of the fuzz target.
    pub fn name(self) -> &'static str {
        match self {
            Direct::Regalloc => "regalloc",
            Direct::Encoding => "encoding",
            Direct::Optimizer => "optimizer",
            Direct::Object => "object",
            Direct::Judges => "judges",
        }
    }

    /// The voice that it asks, where that is one of those that are asked about modules too.
    pub fn asks(self) -> Option<Voice> {
        match self {
            Direct::Encoding => Some(Voice::Unicorn),
            Direct::Regalloc | Direct::Optimizer | Direct::Object | Direct::Judges => None,
        }
    }

    /// The check of this name.
    pub fn named(name: &str) -> Option<Direct> {
        Direct::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl Judge {
    /// Judges one part of the compiler by itself on what the bytes make.
    ///
    /// # Errors
    /// The report of a difference, with the bytes in the place of a module.
    pub fn direct(&mut self, which: Direct, bytes: &[u8]) -> Verdict {
        *self.counts.families.entry(which.name()).or_default() += 1;
        let done = match which {
            Direct::Regalloc => quietly(|| allocation::judge(bytes).map(drop)),
            Direct::Optimizer => quietly(|| optimizer::judge(bytes).map(drop)),
            Direct::Object => quietly(|| objects::judge(bytes).map(drop)),
            Direct::Judges => quietly(|| judges::judge(bytes)),
            Direct::Encoding => {
                let bench = match self.bench.take() {
                    Some(bench) => Ok(bench),
                    None => encoding::Bench::new(),
                };
                bench.map_or_else(
                    |e| Ok(Err(e)),
                    |bench| {
                        let bench = self.bench.insert(bench);
                        quietly(|| bench.check(bytes).map(drop))
                    },
                )
            }
        };
        match done {
            Ok(Ok(())) => {
                self.counts.direct += 1;
                Ok(())
            }
            Ok(Err(got)) | Err(got) => Err(Box::new(Report {
                origin: which.name().to_owned(),
                wasm: bytes.to_vec(),
                options: Options::default(),
                steps: Vec::new(),
                difference: Difference {
                    kind: Kind::Compiler,
                    step: None,
                    engine: "thumbsmith".into(),
                    expected: "no difference on this input".into(),
                    got,
                },
                guilty: Some(which.name().to_owned()),
            })),
        }
    }
}
