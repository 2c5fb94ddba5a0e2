//! What is guilty inside of the guilty pass.
//!
//! In: a reduced case with its difference, what bisecting fuel said, and what each pass left. Out: a [`Culprit`]: a pass or
//! room, and in it a rewrite (fuel names it), a lowering rule (without it the difference is gone, or numbers refute it), the
//! fact of an operation (numbers refute it), the words of a check that failed, or a place: the instruction whose
//! encoding is not what was asked for, else the operator that the case is about. Invariant: the strongest evidence that
//! there is decides, in that order; a place is the weakest, and says so by its sort.

use super::claims;
use super::verdict::Party;
use super::words;
use crate::arm::link::link;
use crate::arm::memory::{self, Map};
use crate::check::{self, Ask};
use crate::compare::{Difference, Kind, Step};
use crate::encoding::misread;
use crate::objects;
use crate::program::{Info, Ty};
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

impl Culprit {
    /// What reports of one cause share. A rewrite, rule or fact is the same wherever it is applied, everything else belongs
    /// to its pass.
    pub fn key(&self) -> String {
        let name = self.what.name();
        let key = match &self.what {
            // A checker says what is wrong with an allocation, not which decision made it so: one decision is refused in
            // many words.
            _ if self.pass == "regalloc" => self.pass.clone(),
            // Operations that differ in a width share what is known of them.
            What::Fact(_) => {
                format!(
                    "fact-{}",
                    name.trim_end_matches(|c: char| c.is_ascii_digit())
                )
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
fn edits(pass: &str) -> bool {
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
            lowered(judge, cause, &options).or_else(|| convention(judge, cause, &options))
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
            room(&cause.case.wasm),
            "only the interpreter differs",
        ),
        Party::Reference => (
            "reference",
            operator(&cause.case.wasm),
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
                what: What::Place(CONTROL.to_owned()),
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
    let split = match pass.as_str() {
        "wide" => telling(&cause.case.wasm, WIDENED),
        _ => None,
    };
    let about = split.map_or_else(|| operator(&cause.case.wasm), str::to_owned);
    let name = match (pass.as_str(), marked) {
        // All that these passes add: what is pushed and where slots are; addresses.
        ("emit", _) => "frame".to_owned(),
        ("address", _) => "access".to_owned(),
        // Code was right until symbols and relocations were put to it.
        ("object", _) => "symbols".to_owned(),
        // A division is a call as well.
        ("layout" | "finish", None) if CALLS.contains(&about.as_str()) => "call".to_owned(),
        ("lower", _) if !["br_table", TAIL_CALL].contains(&about.as_str()) => {
            word_operation(cause, options).unwrap_or(about)
        }
        ("layout" | "finish" | "regalloc", Some(marked)) => words::mnemonic(marked),
        (pass, _) if edits(pass) && JUMPS.contains(&about.as_str()) => CONTROL.to_owned(),
        // Nothing ran yet but what the sections say.
        ("translate", _) if cause.difference.step.is_none() && !starts(&cause.case.wasm) => {
            section(&cause.case.wasm).to_owned()
        }
        ("translate", _) => room(&cause.case.wasm),
        _ => about,
    };
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

/// The calling convention, if functions of the exports' types that only hand on what they get are wrong too.
fn convention(judge: &mut Judge, cause: &Cause, options: &Options) -> Option<Culprit> {
    let info = Info::read(&cause.case.wasm).ok()?;
    let (mut text, mut steps) = ("(module".to_owned(), Vec::new());
    for export in &info.exports {
        let params = &export.sig.params;
        let types = |list: &[Ty]| list.iter().map(type_name).collect::<Vec<_>>().join(" ");
        let mut function = |results: &[Ty], body: String| {
            // Words that differ in every byte, and from argument to argument.
            let args = (0..params.len() as u64)
                .map(|k| 0x0123_4567_89ab_cdef_u64.rotate_left(4) ^ k << 8 ^ k << 40);
            let args = args.zip(params).map(|(word, ty)| ty.wrap(word));
            text += &format!(
                "(func (export \"f{}\") (param {}) (result {}) {body})",
                steps.len(),
                types(params),
                types(results)
            );
            steps.push(Step::Call(steps.len(), args.collect()));
        };
        for (k, ty) in params.iter().enumerate() {
            function(&[*ty], format!("local.get {k}"));
        }
        let constants = export.sig.results.iter().zip(1..);
        let constants = constants.map(|(ty, k)| format!("{}.const {k} ", type_name(ty)));
        function(&export.sig.results, constants.collect());
    }
    let wasm = wat::parse_str(text + ")").ok()?;
    let said = judge.judge("triage", &wasm, options, &steps, Ask::THOROUGH);
    let wrong = said.err()?;
    Some(Culprit {
        pass: "lower".into(),
        what: What::Place("calling convention".into()),
        how: format!(
            "a function that only hands on what it gets: {}, not {}",
            wrong.difference.got, wrong.difference.expected
        ),
    })
}

fn type_name(ty: &Ty) -> &'static str {
    match ty {
        Ty::I32 => "i32",
        Ty::I64 => "i64",
        Ty::F32 => "f32",
        Ty::F64 => "f64",
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

/// Operations of words that selection writes sequences for, the most telling first; those of the helpers for division count as
/// well.
const SEQUENCES: &[(&str, &[Op])] = &[
    ("select", &[Op::Select]),
    ("shift of pairs", &[Op::Shl64, Op::ShrU64, Op::ShrS64]),
    ("compare of pairs", &[Op::LtU64, Op::LtS64]),
    (
        "product of pairs",
        &[Op::MulWideU, Op::MulWideS, Op::MulAddU, Op::MulAddS],
    ),
    ("sum of pairs", &[Op::Add64, Op::Sub64]),
    ("float", &[Op::Fp]),
    ("extremum", &[Op::MinS, Op::MaxS, Op::MinU, Op::MaxU]),
    (
        "access",
        &[
            Op::Load8U,
            Op::Load8S,
            Op::Load16U,
            Op::Load16S,
            Op::Load32,
            Op::Store8,
            Op::Store16,
            Op::Store32,
        ],
    ),
    (
        "compare",
        &[Op::Eq, Op::Ne, Op::LtS, Op::LtU, Op::LeS, Op::LeU],
    ),
    ("call", &[Op::Call, Op::CallIndirect]),
];

/// The most telling operation that instruction selection was given.
fn word_operation(cause: &Cause, options: &Options) -> Option<String> {
    let last = stages::ir_passes(options).pop()?;
    let all = stages::stages(&cause.case.wasm, options, Some(last)).ok()?;
    let bodies = all
        .iter()
        .flat_map(|b| b.module.funcs.iter().filter_map(|f| f.body.as_ref()));
    let ops: Vec<Op> = bodies.flat_map(|b| b.nodes.iter().map(|n| n.op)).collect();
    let found = SEQUENCES
        .iter()
        .find(|(_, list)| list.iter().any(|op| ops.contains(op)));
    found.map(|(name, _)| (*name).to_owned())
}

/// Groups of operators by their names in `wasmparser`, the most telling first: what a case is about.
const GROUPS: &[(&str, &[&str])] = &[
    ("br_table", &["BrTable"]),
    (TAIL_CALL, &["ReturnCall"]),
    ("bulk", BULK),
    ("indirect call", &["CallIndirect"]),
    ("table", TABLES),
    ("grow", &["MemoryGrow"]),
    // Helpers that divide are full of shifts: whoever shifts himself is believed first.
    ("i64.shift", &["I64Sh", "I64Rot"]),
    ("i64.div", &["I64Div", "I64Rem"]),
    ("i32.div", &["I32Div", "I32Rem"]),
    ("call", &["Call"]),
    ("load", LOADS),
    ("loop", &["Loop"]),
    ("store", STORES),
    ("conversion", CONVERSIONS),
    ("float", &["F32", "F64"]),
    ("i64.mul", &["I64Mul"]),
    (
        "i64.compare",
        &["I64Eq", "I64Ne", "I64Lt", "I64Gt", "I64Le", "I64Ge"],
    ),
    ("i64.extend", &["I64Extend"]),
    (
        "i64",
        &[
            "I64Add",
            "I64Sub",
            "I64And",
            "I64Or",
            "I64Xor",
            "I64Clz",
            "I64Ctz",
            "I64Popcnt",
        ],
    ),
    ("select", &["Select"]),
    ("branch", &["If", "BrIf", "Br"]),
    ("i32.shift", &["I32Sh", "I32Rot"]),
    (
        "i32.compare",
        &["I32Eq", "I32Ne", "I32Lt", "I32Gt", "I32Le", "I32Ge"],
    ),
    ("i32.mul", &["I32Mul"]),
    ("i32", &["I32"]),
    ("global", &["GlobalGet", "GlobalSet"]),
];

/// A function that initialization calls.
const START: &str = "start";
/// Calls that leave nothing of their caller behind.
const TAIL_CALL: &str = "tail call";
/// Operators on ranges of memory.
const BULK: &[&str] = &["MemoryFill", "MemoryCopy", "MemoryInit", "DataDrop"];
/// Loads of every type.
const LOADS: &[&str] = &["I32Load", "I64Load"];
/// Stores of every type.
const STORES: &[&str] = &["I32Store", "I64Store"];
/// Operators on tables, calls through them among these.
const TABLES: &[&str] = &["Table", "ElemDrop", "CallIndirect"];
/// Conversions between floats and integers, and between floats.
const CONVERSIONS: &[&str] = &[
    "I32Trunc",
    "I64Trunc",
    "F32Convert",
    "F64Convert",
    "F32Demote",
    "F64Promote",
];

/// What the split of 64-bit values is about before everything else: helpers get and give words of doubles, and accesses of
/// eight bytes are two.
const WIDENED: &[(&str, &[&str])] = &[
    ("float", CONVERSIONS),
    ("float", &["F32", "F64"]),
    ("access", LOADS),
    ("access", STORES),
];

/// Groups of [`GROUPS`] that are control, and their common name.
const JUMPS: &[&str] = &["br_table", "loop", "branch"];
const CONTROL: &str = "control";

/// Groups of [`GROUPS`] that end as calls.
const CALLS: &[&str] = &["call", "i64.div", "indirect call"];

/// The rooms of translation, the same for both widths. What a reduced case still has besides is what it is about: control is
/// around many accesses, but no access has to be around control.
const TRANSLATED: &[(&str, &[&str])] = &[
    (TAIL_CALL, &["ReturnCall"]),
    ("bulk", BULK),
    ("table", TABLES),
    ("memory size", &["MemoryGrow", "MemorySize"]),
    ("access", LOADS),
    ("access", STORES),
    (CONTROL, &["BrTable", "BrIf", "Br", "Loop", "If", "Block"]),
    ("call", &["Call"]),
    ("division", &["I32Div", "I32Rem", "I64Div", "I64Rem"]),
    ("conversion", CONVERSIONS),
    ("float", &["F32", "F64"]),
    ("reference", &["Ref"]),
];

/// The most telling group of operators in a module, or the most telling section where there is none.
pub(super) fn operator(wasm: &[u8]) -> String {
    telling(wasm, GROUPS)
        .unwrap_or_else(|| section(wasm))
        .to_owned()
}

/// The room of translation that a module is about, or its most telling section.
fn room(wasm: &[u8]) -> String {
    telling(wasm, TRANSLATED)
        .unwrap_or_else(|| section(wasm))
        .to_owned()
}

/// Whether a module calls a function of its own before anybody else does.
fn starts(wasm: &[u8]) -> bool {
    section(wasm) == START
}

/// The first of these groups that occurs in a module.
fn telling(wasm: &[u8], groups: &[(&'static str, &[&str])]) -> Option<&'static str> {
    let bodies = wasmparser::Parser::new(0)
        .parse_all(wasm)
        .filter_map(|p| match p {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
            _ => None,
        });
    let names: Vec<String> = bodies
        .flat_map(|r| r.into_iter().filter_map(Result::ok))
        .map(|op| format!("{op:?}"))
        .map(|text| text.split([' ', '{']).next().unwrap_or_default().to_owned())
        .filter(|name| !name.ends_with("Const"))
        .map(|name| accessed(&name).unwrap_or(name))
        .collect();
    let belongs =
        |name: &str, p: &str| name == p || name.len() > 3 && p.len() > 2 && name.starts_with(p);
    let occurs = |list: &&[&str]| names.iter().any(|n| list.iter().any(|p| belongs(n, p)));
    let found = groups.iter().find(|(_, list)| occurs(list));
    found.map(|(group, _)| *group)
}

/// A float is loaded and stored as an integer.
fn accessed(name: &str) -> Option<String> {
    let access = name.strip_prefix('F')?;
    let is = access.ends_with("Load") || access.ends_with("Store");
    is.then(|| format!("I{access}"))
}

/// What a module without telling operators is about: the most telling section that it has.
fn section(wasm: &[u8]) -> &'static str {
    use wasmparser::Payload;
    let rank = |p: &Payload<'_>| match p {
        Payload::StartSection { .. } => Some((0, START)),
        Payload::DataSection(_) => Some((1, "data")),
        Payload::ElementSection(_) => Some((2, "elements")),
        Payload::GlobalSection(_) => Some((3, "globals")),
        Payload::TableSection(_) => Some((4, "tables")),
        Payload::MemorySection(_) => Some((5, "memory")),
        Payload::ExportSection(_) => Some((6, "exports")),
        _ => None,
    };
    let all = wasmparser::Parser::new(0)
        .parse_all(wasm)
        .map_while(Result::ok);
    let telling = all.filter_map(|p| rank(&p)).min();
    telling.map_or("nothing", |(_, name)| name)
}
