//! Everything a caller may ask for, typed.

use crate::error::{Error, ErrorKind, Result};
pub use crate::ir::Base;
pub use wasmparser::WasmFeatures;

/// A supported core.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Cpu {
    #[default]
    CortexM3,
    CortexM4,
    CortexM7,
    CortexM33,
    /// With the single-precision FPU.
    CortexM4F,
    /// With the double-precision FPU.
    CortexM7F,
    /// With the single-precision FPU.
    CortexM33F,
}

/// What some cores have and others lack.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Feature {
    /// The DSP extension (Arm v7-M manual, A7.4.4).
    Dsp,
    /// The floating-point extension with arithmetic of 32 bits: FPv4-SP (Arm v7-M manual, A2.5).
    Fpv4Sp,
    /// What FPv5 adds to it: selection, rounding to an integral float, minimum and maximum.
    Fpv5Sp,
    /// The same with arithmetic of 64 bits.
    Fpv5Dp,
}

impl Cpu {
    /// Every core.
    pub const ALL: [Cpu; 7] = [
        Cpu::CortexM3,
        Cpu::CortexM4,
        Cpu::CortexM7,
        Cpu::CortexM33,
        Cpu::CortexM4F,
        Cpu::CortexM7F,
        Cpu::CortexM33F,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Cpu::CortexM3 => "cortex-m3",
            Cpu::CortexM4 => "cortex-m4",
            Cpu::CortexM7 => "cortex-m7",
            Cpu::CortexM33 => "cortex-m33",
            Cpu::CortexM4F => "cortex-m4f",
            Cpu::CortexM7F => "cortex-m7f",
            Cpu::CortexM33F => "cortex-m33f",
        }
    }

    /// The same core without its FPU; itself if it has none.
    pub fn without_fpu(self) -> Cpu {
        match self {
            Cpu::CortexM4F => Cpu::CortexM4,
            Cpu::CortexM7F => Cpu::CortexM7,
            Cpu::CortexM33F => Cpu::CortexM33,
            Cpu::CortexM3 | Cpu::CortexM4 | Cpu::CortexM7 | Cpu::CortexM33 => self,
        }
    }

    /// The target that it belongs to, as rustc spells it.
    pub fn triple(self) -> &'static str {
        match self {
            Cpu::CortexM3 => "thumbv7m-none-eabi",
            Cpu::CortexM4 | Cpu::CortexM7 => "thumbv7em-none-eabi",
            Cpu::CortexM33 => "thumbv8m.main-none-eabi",
            Cpu::CortexM4F | Cpu::CortexM7F => "thumbv7em-none-eabihf",
            Cpu::CortexM33F => "thumbv8m.main-none-eabihf",
        }
    }

    /// The core that a target triple and, where given, a CPU ask for; the first of a triple's cores without one.
    ///
    /// # Errors
    /// [`ErrorKind::Options`] if the triple is not supported or is not the CPU's.
    pub fn of_triple(triple: &str, cpu: Option<Cpu>) -> Result<Cpu> {
        let refuse =
            |why: String, help: String| Err(Error::new(ErrorKind::Options, why).help(help));
        let mut cores = Cpu::ALL.into_iter().filter(|c| c.triple() == triple);
        match (cores.next(), cpu) {
            (Some(first), None) => Ok(first),
            (Some(_), Some(cpu)) if cpu.triple() == triple => Ok(cpu),
            (Some(_), Some(cpu)) => refuse(
                format!("{} is not a core of target `{triple}`", cpu.name()),
                format!("its target is {}", cpu.triple()),
            ),
            (None, _) => {
                let mut all: Vec<_> = Cpu::ALL.iter().map(|c| c.triple()).collect();
                all.dedup();
                refuse(
                    format!("unknown target `{triple}`"),
                    format!("one of: {}", all.join(", ")),
                )
            }
        }
    }

    /// Whether the core has it.
    pub fn has(self, feature: Feature) -> bool {
        match feature {
            Feature::Dsp => self != Cpu::CortexM3,
            Feature::Fpv4Sp => self != self.without_fpu(),
            Feature::Fpv5Sp => matches!(self, Cpu::CortexM7F | Cpu::CortexM33F),
            Feature::Fpv5Dp => self == Cpu::CortexM7F,
        }
    }
}

/// How much to optimize, and for what.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Level {
    O0,
    O1,
    #[default]
    O2,
    O3,
    Os,
    Oz,
}

impl Level {
    /// Every level.
    pub const ALL: [Level; 6] = [
        Level::O0,
        Level::O1,
        Level::O2,
        Level::O3,
        Level::Os,
        Level::Oz,
    ];

    /// The value of `-O`.
    pub fn name(self) -> &'static str {
        match self {
            Level::O0 => "0",
            Level::O1 => "1",
            Level::O2 => "2",
            Level::O3 => "3",
            Level::Os => "s",
            Level::Oz => "z",
        }
    }

    /// Whether size decides where size and speed disagree.
    pub fn for_size(self) -> bool {
        matches!(self, Level::Os | Level::Oz)
    }
}

/// What happens at an access outside of linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Bounds {
    /// Every access is checked and traps, as the specification says.
    #[default]
    Check,
    /// Addresses wrap at the size of memory, which must be a power of two.
    Mask,
    /// The memory protection unit faults; no check is emitted.
    Mpu,
    /// No check: the module is trusted.
    None,
}

impl Bounds {
    /// Every mode.
    pub const ALL: [Bounds; 4] = [Bounds::Check, Bounds::Mask, Bounds::Mpu, Bounds::None];

    /// The value of `--bounds`.
    pub fn name(self) -> &'static str {
        match self {
            Bounds::Check => "check",
            Bounds::Mask => "mask",
            Bounds::Mpu => "mpu",
            Bounds::None => "none",
        }
    }
}

/// Who computes with floats where the core has no instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FloatHelpers {
    /// The compiler's own helpers, in the object: exact.
    #[default]
    Own,
    /// The run-time ABI's functions where it has one; the toolchain's library brings them.
    Aeabi,
}

impl FloatHelpers {
    /// Each.
    pub const ALL: [FloatHelpers; 2] = [FloatHelpers::Own, FloatHelpers::Aeabi];

    /// The value of `--float-helpers`.
    pub fn name(self) -> &'static str {
        match self {
            FloatHelpers::Own => "own",
            FloatHelpers::Aeabi => "aeabi",
        }
    }
}

/// Options of one compilation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The core to compile for.
    pub cpu: Cpu,
    /// The optimization level.
    pub level: Level,
    /// The bounds mode.
    pub bounds: Bounds,
    /// What modules may use: one that is valid only with more is refused as invalid.
    pub features: WasmFeatures,
    /// The most entries that a table may grow to, instead of what the module says.
    pub table_max: Option<u32>,
    /// Prefix of all symbols that the module's text does not name.
    pub name: String,
    /// Whether functions check for stack exhaustion.
    pub stack_check: bool,
    /// Most bytes that a memory of the module may have, whatever it declares; `None` is what it declares.
    pub memory_max: Option<u64>,
    /// Where the first memory is.
    pub memory_base: Base,
    /// Whether other modules may import the memories that this one exports, and grow them.
    pub memory_open: bool,
    /// Who computes with floats where the core has no instruction.
    pub float_helpers: FloatHelpers,
    /// Verify the IR, the machine IR and the allocation between passes.
    pub verify: bool,
    /// Where decisions that do not change meaning come from.
    pub choices: crate::choices::Source,
    /// How many rewrites may happen before passes stop; `None` is no limit.
    pub fuel: Option<u64>,
    /// Optimizations that are left out: names of [`crate::optimizations::names`].
    pub without: Vec<String>,
    /// The passes to run, in order, by the names of [`crate::pipeline::PASSES`]; `None` is those of the level. Passes that
    /// every level runs occur once, others any number of times, in any order that the table admits.
    pub passes: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cpu: Cpu::default(),
            level: Level::default(),
            bounds: Bounds::default(),
            features: WasmFeatures::all(),
            table_max: None,
            name: "module".into(),
            stack_check: true,
            memory_max: None,
            memory_base: Base::default(),
            memory_open: false,
            float_helpers: FloatHelpers::default(),
            verify: cfg!(debug_assertions),
            choices: crate::choices::Source::Heuristic,
            fuel: None,
            without: Vec::new(),
            passes: None,
        }
    }
}

/// The base that `--memory-base` names: `symbol`, `identity` or a machine address.
///
/// # Errors
/// [`ErrorKind::Options`] if it is none of these.
pub fn memory_base(text: &str) -> Result<Base> {
    match text {
        "symbol" => return Ok(Base::Symbol),
        "identity" => return Ok(Base::Identity),
        _ => {}
    }
    let at = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let refuse = |_| {
        let what = format!("`{text}` is no place of a memory");
        Error::new(ErrorKind::Options, what)
            .help("symbol, identity, or an address such as 0x20000000")
    };
    match at.map_err(refuse)? {
        at if at.is_multiple_of(8) => Ok(Base::Address(at)),
        _ => Err(Error::new(
            ErrorKind::Options,
            format!("memory at {text} is not aligned"),
        )
        .help("use a multiple of 8")),
    }
}

/// Finds the row of a table whose name is `text`.
///
/// # Errors
/// [`ErrorKind::Options`], naming the values that there are.
pub fn by_name<T: Copy>(
    what: &str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T> {
    all.iter()
        .copied()
        .find(|v| name(*v) == text)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|v| name(*v)).collect();
            Error::new(ErrorKind::Options, format!("unknown {what} `{text}`"))
                .help(format!("one of: {}", names.join(", ")))
        })
}
