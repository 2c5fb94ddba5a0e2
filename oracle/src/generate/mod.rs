//! Generators: bytes to modules, one file a family.
//!
//! In: decisions. Out: a valid module in the compiler's scope whose every call ends. Invariants, checked by the tests of
//! this file: the same bytes give the same module; every module validates; a family neither traps too often nor loses
//! the operators that it is there for. Nine modules of ten are tame: no call of theirs traps.

pub mod body;
pub mod calls;
pub mod chaos;
pub mod control;
pub mod donor;
pub mod draft;
pub mod draw;
pub mod facts;
pub mod floats;
pub mod memory;
pub mod near;
pub mod ops;
pub mod pressure;
pub mod real;
pub mod rules;
pub mod scale;
pub mod scene;
pub mod smith;
pub mod specification;
pub mod table;
pub mod tables;
pub mod whole;

use crate::program::{Sig, Ty};
use body::{Body, Style};
use draft::{Draft, GlobalDraft};
use draw::Draw;

/// A made module.
pub struct Made {
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// The exported global that bounds its running time and must be set before each call, and to what.
    pub fuel: Option<(u32, u32)>,
    /// Whether another crate had a hand in it, so that it may leave the compiler's scope.
    pub foreign: bool,
}

/// A family of modules: one row each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum Family {
    Ops,
    Pressure,
    Control,
    Memory,
    Calls,
    Tables,
    Rules,
    Scale,
    Smith,
    Chaos,
    Real,
    Floats,
    Whole,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 13] = [
        Family::Ops,
        Family::Pressure,
        Family::Control,
        Family::Memory,
        Family::Calls,
        Family::Tables,
        Family::Rules,
        Family::Scale,
        Family::Smith,
        Family::Chaos,
        Family::Real,
        Family::Floats,
        Family::Whole,
    ];

    /// The family that a byte chooses of `among`, of all if that is empty. A module of `scale` costs as much as fifty
    /// others: it is one of 64. The others share the rest alike, but for the two whose functions cost a third of others:
    /// `ops` has two shares, and `rules`, which has some two hundred rules to show, four.
    pub fn drawn(byte: u8, among: &[Family]) -> Family {
        const OTHERS: [Family; 16] = [
            Family::Ops,
            Family::Rules,
            Family::Pressure,
            Family::Control,
            Family::Rules,
            Family::Memory,
            Family::Calls,
            Family::Tables,
            Family::Ops,
            Family::Rules,
            Family::Smith,
            Family::Chaos,
            Family::Real,
            Family::Rules,
            Family::Floats,
            Family::Whole,
        ];
        let wanted = |family: &Family| among.is_empty() || among.contains(family);
        let others: Vec<Family> = OTHERS.into_iter().filter(wanted).collect();
        match (byte, others.len()) {
            (_, 0) => Family::Scale,
            (252..=255, _) if wanted(&Family::Scale) => Family::Scale,
            (_, n) => others[byte as usize % n],
        }
    }

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ops => "ops",
            Family::Pressure => "pressure",
            Family::Control => "control",
            Family::Memory => "memory",
            Family::Calls => "calls",
            Family::Tables => "tables",
            Family::Rules => "rules",
            Family::Scale => "scale",
            Family::Smith => "smith",
            Family::Chaos => "chaos",
            Family::Real => "real",
            Family::Floats => "floats",
            Family::Whole => "whole",
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Makes a module; `None` if the bytes do not make one (only wasm-smith may say so). `among` are the families that may
    /// be drawn from, all if it is empty: one that is left out has no part in the others' modules either.
    pub fn make(self, draw: &mut Draw<'_>, among: &[Family]) -> Option<Made> {
        let own = |draft: Draft| {
            Some(Made {
                wasm: draft.encode(),
                fuel: None,
                foreign: false,
            })
        };
        match self {
            Family::Ops => own(ops::make(draw)),
            Family::Pressure => own(pressure::make(draw)),
            Family::Control => own(control::make(draw)),
            Family::Memory => own(memory::make(draw)),
            Family::Calls => own(calls::make(draw)),
            Family::Tables => own(tables::make(draw)),
            Family::Rules => own(rules::make(draw)),
            Family::Scale => own(scale::make(draw)),
            Family::Smith => smith::make(draw),
            Family::Chaos => chaos::make(draw, among),
            Family::Real => Some(real::make(draw)),
            Family::Floats => own(floats::make(draw)),
            Family::Whole => own(whole::make(draw)),
        }
    }
}

/// What surrounds the functions of a module.
pub struct Shape {
    /// Most imported functions.
    pub imports: usize,
    /// Most globals.
    pub globals: usize,
    /// Percent of modules that have a memory.
    pub memory: usize,
}

/// A module without functions: wild or tame, with globals, memory, data and imports as the shape says.
pub fn surroundings(draw: &mut Draw<'_>, shape: &Shape) -> Draft {
    let mut draft = Draft {
        wild: draw.chance(10),
        ..Draft::default()
    };
    for _ in 0..draw.below(shape.imports + 1) {
        let sig = sig(draw, 6, 3, 40);
        draft.imports.push(sig);
    }
    let imported = draw.below(shape.globals / 2 + 1);
    for i in 0..draw.below(shape.globals + 1) {
        let ty = if draw.chance(50) { Ty::I64 } else { Ty::I32 };
        let value = draw.long();
        let (mutable, exported) = (!draw.chance(25), draw.chance(50));
        draft.globals.push(GlobalDraft {
            ty,
            mutable,
            value,
            imported: i < imported,
            exported,
        });
    }
    if draw.chance(shape.memory) {
        let min = draw.pick(&[1, 1, 1, 2]);
        let max = draw.pick(&[Some(min), Some(min + 1), Some(min + 2), Some(min)]);
        draft.memory = Some((min, max));
        draft.memory_exported = draw.chance(50);
        for _ in 0..draw.below(4) {
            let bytes: Vec<u8> = (0..draw.below(24)).map(|_| draw.below(256) as u8).collect();
            let room = (min as usize) << 16;
            let at = match draft.data.last() {
                // Inside the one before, or over its end.
                Some((before, long)) if draw.chance(40) => {
                    *before as usize + draw.below(long.len() + 1)
                }
                _ => draw.pick(&[0, 1, 16, 255, 4096, 0x7ff8, room - 24]),
            };
            draft.data.push((at.min(room - 24) as u32, bytes));
        }
    }
    draft
}

/// A random function type.
pub fn sig(draw: &mut Draw<'_>, params: usize, results: usize, longs: usize) -> Sig {
    let mut list = |most: usize, least: usize| -> Vec<Ty> {
        let n = draw.range(least.min(most), most);
        (0..n)
            .map(|_| if draw.chance(longs) { Ty::I64 } else { Ty::I32 })
            .collect()
    };
    Sig {
        params: list(params, 0),
        results: list(results, 1),
    }
}

/// A function of the shared builder: statements by the style, then results that fold what was computed.
pub fn function(draw: &mut Draw<'_>, draft: &mut Draft, style: &Style, sig: Sig) {
    let mut body = Body::new(draw, draft, style, sig);
    let (least, most) = style.body;
    for _ in 0..body.draw.range(least, most) {
        if body.stmt(style.depth) {
            break;
        }
    }
    body.results(5);
    let ready = body.finish(true);
    draft.funcs.push(ready);
}

#[cfg(test)]
mod tests;
