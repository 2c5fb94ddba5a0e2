//! What a reduced case is about, where nothing better than that is known of its cause.
//!
//! In: a case, and the pass that gets it wrong. Out: a name for the place: an instruction that a trace marks, an operation that
//! selection was given, else the most telling group of operators that the module still has, else its most telling section.
//! Invariant: a name depends on what the pass works on, never on widths, numbers or the order in a module, so that two cases of one
//! defect are about the same.

use super::culprit::edits;
use super::words;
use crate::reduce::Cause;
use thumbsmith::Options;
use thumbsmith::ir::{self, Node, Op};
use thumbsmith::stages;

/// The place of a defect in a pass. `marked`: the mnemonic at which a trace of the case leaves the right one.
pub(super) fn place(cause: &Cause, options: &Options, pass: &str, marked: Option<&str>) -> String {
    let split = match pass {
        "wide" => split(cause, options),
        _ => None,
    };
    let about = split.unwrap_or_else(|| operator(&cause.case.wasm));
    match (pass, marked) {
        // All that these passes add: what is pushed and where slots are; addresses.
        ("emit", _) => "frame".to_owned(),
        ("address", _) => "access".to_owned(),
        // Code was right until symbols and relocations were put to it.
        ("object", _) => "symbols".to_owned(),
        // A division is a call as well.
        ("layout" | "finish", None) if CALLS.contains(&about.as_str()) => "call".to_owned(),
        ("lower", _) if !["br_table", TAIL_CALL].contains(&about.as_str()) => {
            // Whoever initializes data and globals accesses them.
            word_operation(cause, options).unwrap_or_else(|| match about.as_str() {
                "data" | "globals" => "access".to_owned(),
                _ => about,
            })
        }
        ("layout" | "finish" | "regalloc", Some(marked)) => words::mnemonic(marked),
        (pass, _) if edits(pass) && JUMPS.contains(&about.as_str()) => CONTROL.to_owned(),
        // Nothing ran yet but what the sections say.
        ("translate", _) if cause.difference.step.is_none() && !starts(&cause.case.wasm) => {
            section(&cause.case.wasm).to_owned()
        }
        ("translate", _) => room(&cause.case.wasm),
        _ => about,
    }
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

/// What the split of 64-bit values is about before everything else: helpers get and give words of doubles, and
/// accesses of eight bytes are two.
const WIDENED: &[(&str, &[&str])] = &[
    ("float", CONVERSIONS),
    ("float", &["F32", "F64"]),
    ("access", LOADS),
    ("access", STORES),
];

/// What the split of 64-bit values is about: what is computed of pairs is its own work, which calls and control only hand on. Where
/// there are none it has only copied: every pass rewrites by the same editor.
fn split(cause: &Cause, options: &Options) -> Option<String> {
    let narrow = |n: &Node| matches!(n.ty, ir::Ty::I32 | ir::Ty::Void);
    let all = stages::stages(&cause.case.wasm, options, None).ok()?;
    let before = all.iter().take_while(|b| b.pass != "wide");
    let mut bodies = before.flat_map(|b| b.module.funcs.iter().filter_map(|f| f.body.as_ref()));
    if bodies.all(|b| b.nodes.iter().all(narrow)) {
        return Some("editor".to_owned());
    }
    let pairs = GROUPS.iter().filter(|(name, _)| name.starts_with("i64"));
    let groups: Vec<_> = WIDENED.iter().chain(pairs).copied().collect();
    telling(&cause.case.wasm, &groups).map(str::to_owned)
}

/// Groups of [`GROUPS`] that are control, and their common name.
const JUMPS: &[&str] = &["br_table", "loop", "branch"];
pub(super) const CONTROL: &str = "control";

/// Groups of [`GROUPS`] that end as calls.
const CALLS: &[&str] = &["call", "i64.div", "indirect call"];

/// The rooms of translation, the same for both widths. What a reduced case still has besides is what it is about: control is
/// around many accesses, but no access has to be around control; functions that tables hold may end in tail calls, which
/// need no operator on tables.
const TRANSLATED: &[(&str, &[&str])] = &[
    ("bulk", BULK),
    ("table", TABLES),
    (TAIL_CALL, &["ReturnCall"]),
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
pub(super) fn room(wasm: &[u8]) -> String {
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
