//! What bytes mean: a module, options, steps, and who is asked.
//!
//! In: bytes of a fuzzer or of the hunt's stream, and restrictions. Out: a [`Case`]. Invariant: the same bytes and
//! restrictions are the same case, on every host.

use crate::arm::memory::{Kind, Map};
use crate::check::{Ask, Stages, Voice};
use crate::compare::Step;
use crate::generate::draw::Draw;
use crate::generate::{Family, Made, chaos};
use crate::plan;
use crate::program::Info;
use thumbsmith::choices::Source;
use thumbsmith::options::Base;
use thumbsmith::{Bounds, Cpu, Level, Options};

/// Restrictions of a hunt; empty lists mean everything.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Families to draw from.
    pub families: Vec<Family>,
    /// CPUs to compile for.
    pub cpus: Vec<Cpu>,
    /// Levels to compile at.
    pub levels: Vec<Level>,
    /// Bounds modes to compile with.
    pub bounds: Vec<Bounds>,
    /// Voices that are asked, each about every module; all of them, some about samples, if empty.
    pub voices: Vec<Voice>,
    /// Voices that are not asked at all.
    pub unasked: Vec<Voice>,
    /// One module of so many is given to QEMU, by a judge that listens to it; none for 0.
    pub qemu: u64,
}

impl Setup {
    /// Whether this voice may be asked.
    fn hears(&self, voice: Voice) -> bool {
        (self.voices.is_empty() || self.voices.contains(&voice)) && !self.unasked.contains(&voice)
    }
}

/// Calls of each function with parameters.
pub const CALLS: usize = 12;

/// Percent of modules of the family `rules` that are compiled without many of the other rewrites.
const ALONE: usize = 33;

/// One generated module of so many is also given to the executor, which is slower than the rest together.
const EXECUTOR_SHARE: u64 = 8;

/// One generated module of so many is also given to the interpreter of the IR, which costs a second compilation.
const IR_SHARE: u64 = 8;

/// One generated module of so many is also run as one of the backend's passes left it: each pass gets its turn.
const BACKEND_SHARE: u64 = 64;

/// What bytes mean.
pub struct Case {
    /// The family.
    pub family: Family,
    /// The module.
    pub made: Made,
    /// What it is compiled with.
    pub options: Options,
    /// What is done with it.
    pub steps: Vec<Step>,
    /// How it is judged.
    pub ask: Ask,
}

impl Case {
    /// The case that these bytes mean; the first byte chooses the family. `None` if they mean none.
    pub fn from_bytes(bytes: &[u8], setup: &Setup) -> Option<Case> {
        let (first, rest) = bytes.split_first()?;
        let family = Family::drawn(*first, &setup.families);
        let mut draw = Draw::new(rest);
        let mut options = options(&mut draw, setup);
        match family {
            Family::Chaos => options = chaos::options(&mut draw, options),
            Family::Rules if draw.chance(ALONE) => {
                options.without = chaos::without_others(&mut draw)
            }
            _ => {}
        }
        let made = family.make(&mut draw, &setup.families)?;
        let info = Info::read(&made.wasm).ok()?;
        if info.symbol_clash().is_some() {
            return None;
        }
        // `mask` wraps at a size that must be a fixed power of two.
        let maskable = info
            .memories
            .iter()
            .all(|m| m.max == Some(m.min) && m.min.is_power_of_two());
        if options.bounds == Bounds::Mask && !maskable {
            options.bounds = Bounds::Check;
        }
        if draw.chance(5) && info.memory().is_some_and(|m| m.max.is_some()) {
            // An address that is not checked could meet another region there.
            options.memory_base = match options.bounds == Bounds::Check && draw.chance(30) {
                true => Base::Identity,
                // Where the machine has it: the base is a constant.
                false => Base::Address(Map::SPARSE.base(Kind::Linear)),
            };
        }
        let seed = bytes.chunks(8).fold(0, |h, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            crate::engine::mix(h ^ u64::from_le_bytes(word))
        });
        let steps = plan::steps(&info, &made.wasm, seed, CALLS, made.fuel);
        // Every verifier, and the allocation checker's proof of every function: also in builds without debug assertions.
        options.verify |= setup.hears(Voice::Checks);
        let (ask, at_symbol) = (asked(seed, setup), options.memory_base == Base::Symbol);
        Some(Case {
            family,
            made,
            options,
            steps,
            // Boards have their memory elsewhere.
            ask: Ask {
                qemu: ask.qemu && at_symbol,
                ..ask
            },
        })
    }
}

/// Who is asked about the case with this number: the voices that were chosen, or the slower ones about samples.
fn asked(number: u64, setup: &Setup) -> Ask {
    let rest = number / (EXECUTOR_SHARE * IR_SHARE);
    let all = setup.voices.is_empty();
    let is = |voice| setup.hears(voice);
    Ask {
        bounded: true,
        executor: is(Voice::Executor) && (!all || number.is_multiple_of(EXECUTOR_SHARE)),
        ir: is(Voice::Interpreter) && (!all || (number / EXECUTOR_SHARE).is_multiple_of(IR_SHARE)),
        backend: match (is(Voice::Stages), all) {
            (true, true) => backend_stages(rest),
            (true, false) => Stages::One(rest),
            (false, _) => Stages::None,
        },
        unicorn: is(Voice::Unicorn),
        statics: is(Voice::Statics),
        checks: is(Voice::Checks),
        qemu: is(Voice::Qemu)
            && setup.qemu > 0
            && crate::engine::mix(number).is_multiple_of(setup.qemu),
    }
}

/// The pass of the backend that a case with this number judges, if it judges one.
fn backend_stages(number: u64) -> Stages {
    match number.is_multiple_of(BACKEND_SHARE) {
        true => Stages::One(number / BACKEND_SHARE),
        false => Stages::None,
    }
}

fn options(draw: &mut Draw<'_>, setup: &Setup) -> Options {
    fn pick<T: Copy>(draw: &mut Draw<'_>, chosen: &[T], all: &[T]) -> T {
        draw.pick(if chosen.is_empty() { all } else { chosen })
    }
    let bounds = match draw.below(10) {
        n @ 0..=2 if setup.bounds.is_empty() => [Bounds::Mask, Bounds::Mpu, Bounds::None][n],
        _ if setup.bounds.is_empty() => Bounds::Check,
        _ => draw.pick(&setup.bounds),
    };
    let choices = match draw.below(4) {
        0 => Source::Seed(draw.bits()),
        1 => {
            let n = draw.below(64);
            Source::Bytes((0..n).map(|_| draw.below(256) as u8).collect())
        }
        _ => Source::Heuristic,
    };
    Options {
        cpu: pick(draw, &setup.cpus, &Cpu::ALL),
        level: pick(draw, &setup.levels, &Level::ALL),
        bounds,
        name: "m".into(),
        stack_check: !draw.chance(10),
        choices,
        ..Options::default()
    }
}
