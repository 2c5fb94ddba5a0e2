//! What a difference is told in: everything that is needed to see it again.
//!
//! In: a difference, and the case in which it showed. Out: text, a key, who noticed.

use crate::check::{Direct, Voice};
use crate::compare::{Difference, Step};
use crate::program::Info;
use thumbsmith::Options;

/// A case that failed: all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which generator or file it came from.
    pub origin: String,
    /// The module.
    pub wasm: Vec<u8>,
    /// What it was compiled with.
    pub options: Options,
    /// The steps up to the one that differs.
    pub steps: Vec<Step>,
    /// What differs.
    pub difference: Difference,
    /// The pass to blame, or [`stage::OBJECT`]; `None` until [`Judge::blame`] was asked.
    pub guilty: Option<String>,
}

impl Report {
    /// A key that equal causes tend to share: what differs, where it came from, level and bounds mode.
    pub fn key(&self) -> String {
        let o = &self.options;
        format!(
            "{}-{}-O{}-{}",
            self.difference.kind.name(),
            self.origin,
            o.level.name(),
            o.bounds.name()
        )
    }
}

impl Report {
    /// Who noticed: a voice, or a check of a part, by name.
    pub fn found_by(&self) -> &'static str {
        match Direct::named(&self.origin) {
            Some(direct) => direct.name(),
            None => Voice::of(&self.difference).name(),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (d, o) = (&self.difference, &self.options);
        writeln!(
            f,
            "{} differs: {} against wasmtime",
            d.kind.name(),
            d.engine
        )?;
        writeln!(f, "  from      {}", self.origin)?;
        writeln!(f, "  options   {}", crate::regression::options_text(o))?;
        match (d.step, Info::read(&self.wasm)) {
            (Some(step), Ok(info)) if step < self.steps.len() => {
                writeln!(
                    f,
                    "  step {step}: {}",
                    crate::regression::step_text(&self.steps[step], &info)
                )?;
            }
            _ => writeln!(f, "  before the first call")?,
        }
        if let Some(guilty) = &self.guilty {
            writeln!(f, "  guilty    {guilty}")?;
        }
        writeln!(f, "  expected  {}", d.expected)?;
        write!(f, "  got       {}", d.got)
    }
}
