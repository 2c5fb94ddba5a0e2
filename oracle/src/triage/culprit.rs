//! What is guilty inside of the guilty pass.
//!
//! In: a reduced case with its difference, what bisecting fuel said, and what each pass left. Out: a [`Culprit`]: a pass or
//! room, and in it a rewrite (fuel names it), a lowering rule (without it the difference is gone, or numbers refute it), the
//! fact of an operation (numbers refute it), the words of a check that failed, or a place: the instruction whose
//! encoding is not what was asked for, else the operator that the case is about. Invariant: the strongest evidence that
//! there is decides, in that order; a place is the weakest, and says so by its sort.

use super::about;
use super::claims;
use super::convention;
use super::verdict::Party;
use super::words;
use crate::arm::link::link;
use crate::arm::memory::{self, Map};
use crate::check;
use crate::compare::{Difference, Kind};
use crate::encoding::misread;
use crate::objects;
use crate::reduce::Cause;
use crate::reduce::blame::Guilty;
use crate::statics::StaticJudge;
use crate::{check::Judge, proof::Subject};
use thumbsmith::Options;
use thumbsmith::backend::code;
use thumbsmith::ir::{Node, Op};
use thumbsmith::isa::{self, Inst, Place};
use thumbsmith::pipeline::{Gives, PASSES};
use thumbsmith::stages::{self, Form};

/// What is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A rewrite or decision without which the difference is gone.
    Rewrite(String),
    /// A rule of instruction selection.
    Rule(String),
    /// What is believed of an operation's result.
    Fact(String),
    /// The words of a check that failed, without what depends on the case.
    Check(String),
    /// An operator or instruction.
    Place(String),
}

/// Who is guilty, as finely as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// The pass, or the room where it is no pass.
    pub pass: String,
    /// What inside of it.
    pub what: What,
    /// How that is known.
    pub how: String,
}

impl What {
    /// The sort of evidence, in a word.
    pub fn sort(&self) -> &'static str {
        match self {
            What::Rewrite(_) => "rewrite",
            What::Rule(_) => "rule",
            What::Fact(_) => "fact",
            What::Check(_) => "check",
            What::Place(_) => "place",
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            What::Rewrite(name) | What::Rule(name) | What::Fact(name) => name,
            What::Check(name) | What::Place(name) => name,
        }
    }
}

/// Comparisons of which one says that the other does not hold, operands exchanged where they are ordered.
const COMPLEMENTS: [(Op, Op); 3] = [(Op::Ne, Op::Eq), (Op::LeS, Op::LtS), (Op::LeU, Op::LtU)];

impl Culprit {
    /// What reports of one cause share. A rewrite, rule or fact is the same wherever it is applied, everything else belongs
    /// to its pass.
    pub fn key(&self) -> String {
        let name = self.what.name();
        let key = match &self.what {
            // A checker says what is wrong with an allocation, not which decision made it so: one decision is refused in
            // many words.
            _ if self.pass == "regalloc" => self.pass.clone(),
            // Operations that differ in a width share what is known of them, comparisons with their complement.
            What::Fact(_) => {
                let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
                let complement = COMPLEMENTS.iter().find(|(not, _)| not.text() == name);
                format!("fact-{}", complement.map_or(name, |(_, op)| op.text()))
            }
            What::Rewrite(_) | What::Rule(_) => format!("{}-{name}", self.what.sort()),
            // A pass is the same wherever it stands in the list: `simplify`, `simplify-inlined`.
            What::Check(_) | What::Place(_) => {
                let pass = self.pass.split('-').next().unwrap_or_default();
                format!("{pass}-{name}")
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        key.chars()
            .map(|c| if plain(c) { c } else { '_' })
            .take(80)
            .collect()
    }
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pass, name) = (&self.pass, self.what.name());
        match &self.what {
            What::Rewrite(_) => write!(f, "{pass}: rewrite {name}"),
            What::Rule(_) => write!(f, "{pass}: rule {name}"),
            What::Fact(_) => write!(f, "{pass}: fact of {name}"),
            What::Check(_) => write!(f, "{pass}: {name}"),
            What::Place(_) => write!(f, "{pass}: at {name}"),
        }
    }
}

/// Passes whose every change asks for fuel, or is shared and folded as the editor does it.
pub(super) fn edits(pass: &str) -> bool {
    let row = PASSES.iter().find(|p| p.name == pass);
    row.is_some_and(|p| matches!(p.gives, Gives::Ir(_)) && pass != "address")
}

/// Whether a pass makes this rewrite. Fuel names the last one that the difference needs, which may only have brought code
/// before a pass that gets it wrong.
fn makes(pass: &str, rewrite: &str) -> bool {
    rewrite != "inline" || pass == "inline"
}

/// Decisions that no fuel counts, and the passes that make them. `hoist` is none of them: it moves what floats, which the
/// verifier sees where it goes too far; else it only brings other operands before what `lower` gets wrong.
fn decisions(pass: &str) -> &'static [&'static str] {
    match pass {
        "finish" => &["jumps", "narrow"],
        _ if edits(pass) => &["share"],
        _ => &[],
    }
}

/// Who is guilty.
pub(super) fn find(
    judge: &mut Judge,
    cause: &Cause,
    party: Party,
    marked: Option<&str>,
) -> Culprit {
    if let Some(found) = elsewhere(cause, party, marked, judge.is_behind_another()) {
        return found;
    }
    let options = match &cause.guilty {
        Guilty::Rewrite { number, .. } => Options {
            fuel: Some(*number),
            ..cause.case.options.clone()
        },
        Guilty::NoRewrite | Guilty::Unlimited => cause.case.options.clone(),
    };
    let pass = pass(cause);
    if let Guilty::Rewrite { name, number, of } = &cause.guilty
        && edits(&pass)
        && makes(&pass, name)
    {
        let how = format!("it is rewrite {number} of {of}");
        return rewrite(cause, &pass, name, &how);
    }
    if let Some(found) = decided(judge, cause, &options, &pass) {
        return found;
    }
    if edits(&pass)
        && let Some(wrong) = claims::fact(&operations(cause))
    {
        return Culprit {
            pass,
            what: What::Fact(wrong.name),
            how: wrong.example,
        };
    }
    if pass == "lower"
        && let Some(found) =
            lowered(judge, cause, &options).or_else(|| convention::find(judge, cause, &options))
    {
        return found;
    }
    checked(cause, &options, &pass).unwrap_or_else(|| place(cause, &options, pass, marked))
}

/// Who is guilty where it is not the compiler.
fn elsewhere(cause: &Cause, party: Party, marked: Option<&str>, behind: bool) -> Option<Culprit> {
    // What nobody reads as an instruction has no name.
    let known = marked.filter(|m| !m.starts_with("0x"));
    let at = || {
        if behind {
            return "what is left of another program".into();
        }
        let text = known.unwrap_or("call");
        let op = isa::Op::ALL.iter().find(|op| op.mnemonic() == text);
        op.map_or_else(|| words::mnemonic(text), |op| words::executed(*op))
    };
    let (pass, place, how) = match party {
        Party::Simulator => (
            "unicorn",
            at(),
            "the instruction at which it leaves the executor",
        ),
        Party::Table => (
            "isa",
            at(),
            "the instruction at which the executor leaves unicorn",
        ),
        Party::Harness => ("oracle", at(), "nobody differs"),
        Party::Interpreter => (
            "interpreter",
            about::room(&cause.case.wasm),
            "only the interpreter differs",
        ),
        Party::Reference => (
            "reference",
            about::operator(&cause.case.wasm),
            "the reference does not agree with itself",
        ),
        Party::Checker | Party::Compiler => return None,
    };
    Some(Culprit {
        pass: pass.to_owned(),
        what: What::Place(place),
        how: how.to_owned(),
    })
}

/// The check that failed, or that the static judge makes of the object besides.
fn checked(cause: &Cause, options: &Options, pass: &str) -> Option<Culprit> {
    let check = |pass: String, text: String| Culprit {
        pass,
        what: What::Check(words::plain(&text)),
        how: text,
    };
    if let Some(text) = check_says(&cause.difference, cause.broken.as_deref()) {
        // A value whose block is gone says that control was changed wrongly, as a wrong answer does.
        if edits(pass) && text.contains("stands in no block") {
            return Some(Culprit {
                pass: pass.to_owned(),
                what: What::Place(about::CONTROL.to_owned()),
                how: text,
            });
        }
        return Some(check(pass.to_owned(), text));
    }
    if edits(pass) || pass == "lower" || pass == "translate" {
        return None;
    }
    if pass == "object"
        && let Some(text) = trap_table(cause, options)
    {
        return Some(check(pass.to_owned(), text));
    }
    // The pass is the one that the static judge's own finding would be laid to.
    let text = statics(&cause.case.wasm, options)?;
    Some(check(words::pass(&Kind::Static, &text), text))
}

/// What the case is about, in the words of the pass.
fn place(cause: &Cause, options: &Options, pass: String, marked: Option<&str>) -> Culprit {
    if pass == "layout"
        && let Some(found) = encoder(cause, options)
    {
        return found;
    }
    let name = about::place(cause, options, &pass, marked);
    Culprit {
        pass,
        what: What::Place(name),
        how: "no rewrite: what the case is about".into(),
    }
}

/// The pass: as running what passes leave says, or as the text of a failed check says.
fn pass(cause: &Cause) -> String {
    match &cause.pass {
        Some(pass) => pass.clone(),
        None => words::pass(&cause.difference.kind, &cause.difference.got),
    }
}

/// The text of the check that failed, if one did.
fn check_says(d: &Difference, broken: Option<&str>) -> Option<String> {
    match d.kind {
        Kind::Compiler | Kind::Refused | Kind::Link | Kind::Static => Some(d.got.clone()),
        Kind::Result | Kind::Trap | Kind::Fault | Kind::Memory => broken.map(str::to_owned),
        Kind::Global | Kind::Table | Kind::Imports | Kind::Contract => broken.map(str::to_owned),
    }
}

/// A rewrite that fuel names. Where numbers refute it, that is said; where it only believed a wrong fact, that fact is guilty.
fn rewrite(cause: &Cause, pass: &str, name: &str, how: &str) -> Culprit {
    let culprit = |what, how: String| Culprit {
        pass: pass.to_owned(),
        what,
        how,
    };
    if let Some(wrong) = claims::rule(&[name]) {
        return culprit(
            What::Rewrite(wrong.name),
            format!("{how}; {}", wrong.example),
        );
    }
    let mut ops = operations(cause);
    // What is only known of an operation that was never made shows in what was decided by it.
    if name.ends_with("-by-range") {
        ops.extend(Op::ALL);
    }
    if let Some(wrong) = claims::fact(&ops) {
        let how = format!("believed by {name}: {}", wrong.example);
        return culprit(What::Fact(wrong.name), how);
    }
    culprit(What::Rewrite(name.to_owned()), how.to_owned())
}

/// Operations of the functions, as they were before and after every pass over IR, and as they would have been without the
/// guilty rewrite: it may have taken the one away that it believed something wrong of.
fn operations(cause: &Cause) -> Vec<Op> {
    let all = |o: &Options| stages::stages(&cause.case.wasm, o, None).unwrap_or_default();
    let without = match &cause.guilty {
        Guilty::Rewrite { number, .. } => all(&Options {
            fuel: Some(number - 1),
            ..cause.case.options.clone()
        }),
        Guilty::NoRewrite | Guilty::Unlimited => Vec::new(),
    };
    let mut ops: Vec<Op> = Vec::new();
    for between in all(&cause.case.options).into_iter().chain(without) {
        let bodies = between.module.funcs.iter().filter_map(|f| f.body.as_ref());
        ops.extend(bodies.flat_map(|b| b.nodes.iter().map(|n: &Node| n.op)));
    }
    ops.sort_by_key(|op| *op as usize);
    ops.dedup();
    ops
}

/// A decision that no fuel counts, without which the difference is gone.
fn decided(judge: &mut Judge, cause: &Cause, options: &Options, pass: &str) -> Option<Culprit> {
    let gone = |judge: &mut Judge, name: &str| {
        let mut less = options.clone();
        less.without.push(name.to_owned());
        !cause.differs(judge, &less)
    };
    let name = decisions(pass).iter().find(|name| gone(judge, name))?;
    Some(Culprit {
        pass: pass.to_owned(),
        what: What::Rewrite((*name).to_owned()),
        how: "left out, the difference is gone".into(),
    })
}

/// The rule of instruction selection that is guilty, if one is.
fn lowered(judge: &mut Judge, cause: &Cause, options: &Options) -> Option<Culprit> {
    let fired = check::stats(&cause.case.wasm, options)?.rules_fired;
    let lowers = |name: &str| {
        Subject::all()
            .iter()
            .any(|s| s.name() == name && matches!(s, Subject::Lower(_)))
    };
    let fired: Vec<&str> = fired
        .iter()
        .map(|(name, _)| *name)
        .filter(|n| lowers(n))
        .collect();
    let culprit = |name: String, how: String| Culprit {
        pass: "lower".into(),
        what: What::Rule(name),
        how,
    };
    if let Some(wrong) = claims::rule(&fired) {
        return Some(culprit(wrong.name, wrong.example));
    }
    let gone = |judge: &mut Judge, name: &str| {
        let mut less = options.clone();
        less.without.push(name.to_owned());
        !cause.differs(judge, &less)
    };
    let name = fired.into_iter().find(|name| gone(judge, name))?;
    Some(culprit(
        name.to_owned(),
        "left out, the difference is gone".into(),
    ))
}

/// The encoder, if it does not make of an instruction what was asked for: then the table that decodes is right, although the
/// executor, which decodes by it, speaks against everybody else.
pub(super) fn encoder(cause: &Cause, options: &Options) -> Option<Culprit> {
    let name = misencoded(cause, options)?;
    Some(Culprit {
        pass: "layout".into(),
        what: What::Place(name),
        how: "the instruction is not encoded as it was asked for".into(),
    })
}

/// Displacements of branches on both sides of what each encoding reaches.
const DISPLACEMENTS: [i32; 12] = [
    -0x10_0000, -0x8000, -2050, -2048, -258, -256, -4, 254, 256, 2046, 2048, 0x8000,
];

/// The instructions that an item may stand for.
fn instructions(item: &code::Item) -> Vec<Inst> {
    let branches = |op, cond| {
        let to = |&d: &i32| Inst {
            cond,
            ..Inst::new(op, &[], d)
        };
        DISPLACEMENTS.iter().map(to).collect()
    };
    match &item.kind {
        code::Kind::Inst(inst) => vec![*inst],
        code::Kind::Branch(cond, _) => branches(isa::Op::B, *cond),
        code::Kind::Call(_) => branches(isa::Op::Bl, isa::Cond::Al),
        code::Kind::TailCall(_) => branches(isa::Op::B, isa::Cond::Al),
        code::Kind::Label(_)
        | code::Kind::HalfAddress(..)
        | code::Kind::BranchZero(..)
        | code::Kind::Load(..)
        | code::Kind::Table(..)
        | code::Kind::Trap(_) => Vec::new(),
    }
}

/// The operation whose instruction is read back from its bytes as another one.
fn misencoded(cause: &Cause, options: &Options) -> Option<String> {
    let backend = stages::backend(&cause.case.wasm, options).ok()?;
    let finished = backend.stages.iter().find(|s| s.pass == "finish")?;
    for (_, form) in &finished.functions {
        let Form::Linear(items) = form else { continue };
        for inst in &items.iter().flat_map(instructions).collect::<Vec<_>>() {
            // A branch has its condition in itself.
            let conditional =
                inst.cond != isa::Cond::Al && !matches!(inst.op, isa::Op::It | isa::Op::B);
            let place = if conditional {
                Place::Last
            } else {
                Place::Outside
            };
            let Ok(encoded) = isa::encode(inst, options.cpu, place) else {
                continue;
            };
            let in_it = conditional.then_some(inst.cond);
            if let Some((what, _)) = misread(inst, encoded.halfwords(), in_it) {
                return Some(what);
            }
        }
    }
    None
}

/// What is wrong with the table of traps of the linked object.
fn trap_table(cause: &Cause, options: &Options) -> Option<String> {
    let object = thumbsmith::compile(&cause.case.wasm, options).ok()?.object;
    let linear = format!("{}_memory", options.name);
    let image = link(&object, Map::SPARSE, &linear, 0, &|_| {
        Some(Map::SPARSE.base(memory::Kind::Ram))
    });
    objects::trap_table(&image.ok()?).err()
}

/// What the static judge says of the object.
fn statics(wasm: &[u8], options: &Options) -> Option<String> {
    let object = thumbsmith::compile(wasm, options).ok()?.object;
    StaticJudge::default().judge(&object, options.cpu).err()
}
