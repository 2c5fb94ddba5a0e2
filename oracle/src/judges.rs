//! The judges judged: what they must notice, made on purpose.
//!
//! In: bytes. Out: nothing, or what a judge lets pass. Two engines that say what they are told take the same steps
//! through the comparison; then one of them is told one thing else, and the comparison must say of which kind it is. The
//! static judge gets code that is wrong in one way ([`crate::statics::cases`]). Invariant: one thing is spoiled at a time,
//! so that no other rule of a judge covers for the one that is asked about.

use crate::compare::{Kind, Step, Tally, lockstep};
use crate::engine::{Engine, Outcome, Values};
use crate::generate::draw::Draw;
use crate::program::{ExportFn, Global, Info, MemoryInfo, Program, Sig, Ty};
use crate::random::Random;
use crate::statics::cases;
use thumbsmith::{Options, TrapKind};

/// Comparisons that one input makes.
const COMPARISONS: usize = 48;
/// Bytes of the memory that is compared.
const MEMORY: usize = 4096;

/// What an engine says about one step.
#[derive(Clone)]
struct Said {
    outcome: Outcome,
    memory: Vec<u8>,
    globals: [u64; 2],
    imports: Vec<u64>,
    violations: Vec<String>,
}

/// An engine that says what it was told, a step after the other.
struct Told {
    steps: Vec<Said>,
    at: usize,
}

impl Told {
    fn now(&self) -> &Said {
        &self.steps[self.at]
    }
}

impl Engine for Told {
    fn name(&self) -> String {
        "told".into()
    }
    fn load(&mut self, _: &Program) -> Result<(), String> {
        Ok(())
    }
    fn instantiate(&mut self) -> Outcome {
        self.at = 0;
        self.now().outcome.clone()
    }
    fn call(&mut self, _: usize, _: &[u64]) -> Outcome {
        self.at += 1;
        self.now().outcome.clone()
    }
    fn memory(&mut self, _: usize) -> &[u8] {
        &self.steps[self.at].memory
    }
    fn write_memory(&mut self, _: u32, _: &[u8]) -> bool {
        false
    }
    fn global(&mut self, global: usize) -> u64 {
        self.now().globals[global]
    }
    fn table(&mut self, _: usize) -> Vec<u32> {
        Vec::new()
    }
    fn set_global(&mut self, _: usize, _: u64) {}
    fn import_log(&self) -> &[u64] {
        &self.now().imports
    }
    fn violations(&mut self) -> Vec<String> {
        self.now().violations.clone()
    }
}

/// Judges the judges on what the bytes make.
///
/// # Errors
/// Text that says what was not noticed.
pub fn judge(bytes: &[u8]) -> Result<(), String> {
    // A stream of its own: one input goes through everything that a judge may have lost.
    let seed = Draw::new(bytes).bits();
    let stream = Random::new(seed).bytes(COMPARISONS * 256);
    let mut draw = Draw::new(&stream);
    for _ in 0..COMPARISONS {
        comparison(&mut draw)?;
    }
    (0..cases::count()).try_for_each(cases::judge)
}

/// A module of one function, two globals and a memory, all visible.
fn program() -> Program {
    let global = |ty, name: &str| Global {
        ty,
        mutable: true,
        import: None,
        export: Some(name.into()),
        reference: false,
    };
    let info = Info {
        exports: vec![ExportFn {
            name: "f".into(),
            func: 0,
            sig: Sig::default(),
        }],
        globals: vec![global(Ty::I32, "a"), global(Ty::I64, "b")],
        memories: vec![MemoryInfo {
            import: None,
            page_log2: 16,
            min: 1,
            max: None,
            exported: true,
        }],
        defined: 1,
        ..Info::default()
    };
    Program {
        wasm: Vec::new(),
        info,
        object: Vec::new(),
        options: Options::default(),
        memory_limit: None,
    }
}

fn said(draw: &mut Draw<'_>) -> Said {
    let outcome = match draw.chance(25) {
        true => Outcome::Trapped(draw.pick(&KINDS)),
        false => Outcome::Returned((0..draw.range(1, 3)).map(|_| draw.bits()).collect()),
    };
    Said {
        outcome,
        memory: vec![draw.below(256) as u8; MEMORY],
        globals: [draw.bits() & 0xffff_ffff, draw.bits()],
        imports: (0..draw.below(5)).map(|_| draw.bits()).collect(),
        violations: Vec::new(),
    }
}

/// Traps of which the comparison says everything.
const KINDS: [TrapKind; 4] = [
    TrapKind::Unreachable,
    TrapKind::DivideByZero,
    TrapKind::IntegerOverflow,
    TrapKind::OutOfBounds,
];

/// The comparison of two engines of which the second says one thing else.
fn comparison(draw: &mut Draw<'_>) -> Result<(), String> {
    let program = program();
    let mut steps = vec![Said {
        outcome: Outcome::Returned(Values::new()),
        ..said(draw)
    }];
    for _ in 0..draw.range(1, 3) {
        steps.push(said(draw));
    }
    let calls = vec![Step::Call(0, Vec::new()); steps.len() - 1];
    let agree = |steps: &[Said], others: &[Said]| {
        let (mut a, mut b) = (
            Told {
                steps: steps.to_vec(),
                at: 0,
            },
            Told {
                steps: others.to_vec(),
                at: 0,
            },
        );
        lockstep(
            &program,
            &calls,
            &mut a,
            &mut [&mut b],
            &mut Tally::default(),
        )
    };
    if let Err(found) = agree(&steps, &steps) {
        return Err(format!(
            "the comparison finds a difference where there is none: {found:?}"
        ));
    }
    let mut others = steps.clone();
    let at = draw.range(1, others.len() - 1);
    let (kind, what) = spoil(draw, &mut others[at]);
    match agree(&steps, &others) {
        Err(found) if found.kind == kind => Ok(()),
        Err(found) => Err(format!("the comparison takes {what} for {:?}", found.kind)),
        Ok(()) => Err(format!("the comparison does not notice {what}")),
    }
}

/// Changes one thing; gives the kind of difference that it is, and what it is.
fn spoil(draw: &mut Draw<'_>, said: &mut Said) -> (Kind, String) {
    match draw.below(8) {
        0 | 1 => outcome(draw, said),
        2 => {
            // The ends are where an off-by-one would be.
            let at = match draw.below(4) {
                0 => draw.below(8),
                1 => MEMORY - 1 - draw.below(8),
                _ => draw.below(MEMORY),
            };
            said.memory[at] ^= 1 << draw.below(8);
            (Kind::Memory, format!("memory at {at:#x}"))
        }
        3 => {
            said.memory.truncate(MEMORY / 2);
            (Kind::Memory, "the size of memory".into())
        }
        4 | 5 => {
            let bit = draw.below(96);
            said.globals[bit.div_ceil(32).min(1)] ^= 1 << (bit % 64);
            (Kind::Global, format!("bit {bit} of the globals"))
        }
        6 => {
            let n = said.imports.len();
            match draw.below(3) {
                0 if n > 0 => said.imports.truncate(n - 1),
                1 if n > 0 => said.imports[draw.below(n)] ^= 1 << draw.below(64),
                _ => said.imports.push(draw.bits()),
            }
            (Kind::Imports, format!("import calls, of {n} words"))
        }
        _ => {
            said.violations.push("r4 was changed".into());
            (Kind::Contract, "a broken contract".into())
        }
    }
}

/// Another end of a call.
fn outcome(draw: &mut Draw<'_>, said: &mut Said) -> (Kind, String) {
    let before = said.outcome.clone();
    let other = KINDS[draw.below(KINDS.len())];
    let (kind, after) = match (&mut said.outcome, draw.below(4)) {
        (_, 0) => (Kind::Fault, Outcome::Fault("a wild access".into())),
        (Outcome::Returned(values), 1 | 2) => {
            let at = draw.below(values.len());
            values[at] ^= 1 << draw.below(64);
            (Kind::Result, Outcome::Returned(values.clone()))
        }
        (Outcome::Trapped(kind), 1 | 2) if *kind != other => (Kind::Trap, Outcome::Trapped(other)),
        (Outcome::Returned(_), _) => (Kind::Trap, Outcome::Trapped(other)),
        (_, _) => (Kind::Trap, Outcome::Returned(Values::new())),
    };
    said.outcome = after;
    let what = format!("a wrong {} ({} for {before})", kind.name(), said.outcome);
    (kind, what)
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::random::Random;

    #[test]
    fn the_judges_notice() {
        for seed in 0..300 {
            judge(&Random::new(seed).bytes(16)).unwrap_or_else(|e| panic!("{seed}: {e}"));
        }
    }
}
