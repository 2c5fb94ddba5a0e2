//! Modules for [`super`]: little code, much around it.
//!
//! In: decisions. Out: a valid module, and what its binary says about itself: exports, whether memory grows, where
//! operators that trap stand. Invariant: exports have different names, as validation demands; all else may meet.

use crate::generate::draw::Draw;
use std::collections::{BTreeMap, BTreeSet};
use thumbsmith::TrapKind;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemArg, MemorySection,
    MemoryType, Module, NameMap, NameSection, StartSection, TypeSection, ValType,
};
use wasmparser::{Operator, Parser, Payload};

/// A module, and what it says.
pub struct Surface {
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// Names of exported functions, with their indices.
    pub functions: Vec<(String, u32)>,
    /// Names of exported globals, with their indices.
    pub globals: Vec<(String, u32)>,
    /// Whether an operator grows the memory.
    pub grows: bool,
    /// Operators that may trap, by byte offset.
    pub traps: BTreeMap<u32, TrapKind>,
}

/// Names that something may mind: of C, of assemblers, of ELF, of the compiler itself.
const NAMES: &[&str] = &[
    "f", "g", "main", "int", "class", "memcpy", "a-b", "a_b", "a b", "a\"b", "a\\b", "\u{e9}",
    "1st", ".text", "m.f", "m_f", "x.1", "line\n1", "_start", "for", "uint32_t", "m_init_",
    "wasm_int", "a_b_2", "r0", "sp", "m.memory", "env_f",
];

/// Names that the compiler takes for itself, and those that no symbol may have.
const TAKEN: &[&str] = &[
    "m_init",
    "m_memory",
    "m_memory_pages",
    "m_stack_limit",
    "$t",
    "$d.1",
    "",
    "a\0b",
];

fn name(draw: &mut Draw<'_>) -> String {
    match draw.below(24) {
        0..=12 => draw.pick(NAMES).to_owned(),
        13 if draw.chance(20) => draw.pick(TAKEN).to_owned(),
        _ => format!("name{}", draw.below(1000)),
    }
}

fn ty(draw: &mut Draw<'_>) -> ValType {
    draw.pick(&[ValType::I32, ValType::I32, ValType::I64])
}

type Type = (Vec<ValType>, Vec<ValType>);

/// What is around the functions while a module is made.
struct Plan {
    types: Vec<Type>,
    /// Types of functions by index, imported ones first.
    funcs: Vec<usize>,
    imported: usize,
    globals: Vec<GlobalType>,
    memory: Option<u64>,
}

/// Makes a module.
pub fn made(draw: &mut Draw<'_>) -> Surface {
    let types: Vec<Type> = (0..draw.range(1, 4))
        .map(|_| {
            let list = |draw: &mut Draw<'_>, most| {
                (0..draw.below(most)).map(|_| ty(draw)).collect::<Vec<_>>()
            };
            (list(draw, 5), list(draw, 3))
        })
        .collect();
    let mut plan = Plan {
        types,
        funcs: Vec::new(),
        imported: 0,
        globals: Vec::new(),
        memory: draw.chance(70).then(|| 1 + draw.below(2) as u64),
    };
    let mut module = Module::new();
    let mut section = TypeSection::new();
    for (params, results) in &plan.types {
        section
            .ty()
            .function(params.iter().copied(), results.iter().copied());
    }
    let start_type = plan.types.len() as u32;
    section.ty().function([], []);
    module.section(&section);
    plan.types.push((Vec::new(), Vec::new()));
    imports(draw, &mut plan, &mut module);
    let defined = draw.range(1, 8);
    let mut section = FunctionSection::new();
    for n in 0..defined {
        let kind = if n == 0 {
            start_type as usize
        } else {
            draw.below(plan.types.len())
        };
        plan.funcs.push(kind);
        section.function(kind as u32);
    }
    module.section(&section);
    if let Some(pages) = plan.memory {
        let mut section = MemorySection::new();
        section.memory(MemoryType {
            minimum: pages,
            maximum: Some(pages + draw.below(3) as u64),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        module.section(&section);
    }
    globals(draw, &mut plan, &mut module);
    let (functions, exported) = exports(draw, &plan, &mut module);
    if draw.chance(30) {
        module.section(&StartSection {
            function_index: plan.imported as u32,
        });
    }
    let grows = code(draw, &plan, &mut module);
    data(draw, &plan, &mut module);
    names(draw, &plan, &mut module);
    let wasm = module.finish();
    Surface {
        traps: traps(&wasm),
        wasm,
        functions,
        globals: exported,
        grows,
    }
}

fn imports(draw: &mut Draw<'_>, plan: &mut Plan, module: &mut Module) {
    let mut section = ImportSection::new();
    let from = |draw: &mut Draw<'_>| draw.pick(&["env", "env", "dev", "m", "a-b"]);
    for _ in 0..draw.below(6) {
        let kind = draw.below(plan.types.len());
        section.import(from(draw), &name(draw), EntityType::Function(kind as u32));
        plan.funcs.push(kind);
        plan.imported += 1;
    }
    for _ in 0..draw.below(3) {
        let global = GlobalType {
            val_type: ty(draw),
            mutable: draw.chance(50),
            shared: false,
        };
        section.import(from(draw), &name(draw), EntityType::Global(global));
        plan.globals.push(global);
    }
    if !section.is_empty() {
        module.section(&section);
    }
}

fn globals(draw: &mut Draw<'_>, plan: &mut Plan, module: &mut Module) {
    let mut section = GlobalSection::new();
    for _ in 0..draw.below(6) {
        let global = GlobalType {
            val_type: ty(draw),
            mutable: draw.chance(60),
            shared: false,
        };
        let value = match global.val_type {
            ValType::I64 => ConstExpr::i64_const(draw.long() as i64),
            _ => ConstExpr::i32_const(draw.word() as i32),
        };
        section.global(global, &value);
        plan.globals.push(global);
    }
    if !section.is_empty() {
        module.section(&section);
    }
}

type Exported = Vec<(String, u32)>;

fn exports(draw: &mut Draw<'_>, plan: &Plan, module: &mut Module) -> (Exported, Exported) {
    let (mut functions, mut globals, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut section = ExportSection::new();
    for _ in 0..draw.range(1, 12) {
        let name = name(draw);
        if !used.insert(name.clone()) {
            continue;
        }
        match draw.below(10) {
            0 if plan.memory.is_some() => {
                section.export(&name, ExportKind::Memory, 0);
            }
            1..=3 if !plan.globals.is_empty() => {
                let index = draw.below(plan.globals.len()) as u32;
                section.export(&name, ExportKind::Global, index);
                globals.push((name, index));
            }
            n => {
                // Imports are exported too, but seldom.
                let first = if n == 9 { 0 } else { plan.imported };
                let index = draw.range(first, plan.funcs.len() - 1) as u32;
                section.export(&name, ExportKind::Func, index);
                functions.push((name, index));
            }
        }
    }
    module.section(&section);
    (functions, globals)
}

fn constant(draw: &mut Draw<'_>, ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I64 => Instruction::I64Const(draw.long() as i64),
        _ => Instruction::I32Const(draw.word() as i32),
    }
}

/// Bodies: calls of what stands before, globals, memory, traps. Says whether memory grows.
fn code(draw: &mut Draw<'_>, plan: &Plan, module: &mut Module) -> bool {
    let mut grows = false;
    let mut section = CodeSection::new();
    for index in plan.imported..plan.funcs.len() {
        let (params, results) = &plan.types[plan.funcs[index]];
        let mut body = Function::new([]);
        for _ in 0..draw.below(6) {
            match draw.below(8) {
                0 | 1 if index > 0 => call(draw, plan, index, &mut body),
                2 | 3 if !plan.globals.is_empty() => {
                    let g = draw.below(plan.globals.len());
                    if plan.globals[g].mutable {
                        body.instruction(&constant(draw, plan.globals[g].val_type));
                        body.instruction(&Instruction::GlobalSet(g as u32));
                    }
                }
                4 | 5 if plan.memory.is_some() => {
                    let at = MemArg {
                        offset: u64::from(draw.word()),
                        align: 0,
                        target: Default::default(),
                        ordering: None,
                    };
                    match params.iter().position(|t| *t == ValType::I32) {
                        Some(p) => body.instruction(&Instruction::LocalGet(p as u32)),
                        None => body.instruction(&Instruction::I32Const(0)),
                    };
                    body.instruction(&Instruction::I32Const(7));
                    body.instruction(&Instruction::I32Store(at));
                }
                6 if plan.memory.is_some() && draw.chance(40) => {
                    grows = true;
                    body.instruction(&Instruction::I32Const(1));
                    body.instruction(&Instruction::MemoryGrow(0));
                    body.instruction(&Instruction::Drop);
                }
                7 if params.first() == Some(&ValType::I32) => {
                    for op in [
                        Instruction::LocalGet(0),
                        Instruction::LocalGet(0),
                        Instruction::I32DivU,
                        Instruction::If(wasm_encoder::BlockType::Empty),
                        Instruction::Unreachable,
                        Instruction::End,
                    ] {
                        body.instruction(&op);
                    }
                }
                _ => {
                    body.instruction(&Instruction::Nop);
                }
            }
        }
        for ty in results {
            body.instruction(&constant(draw, *ty));
        }
        body.instruction(&Instruction::End);
        section.function(&body);
    }
    module.section(&section);
    grows
}

fn call(draw: &mut Draw<'_>, plan: &Plan, index: usize, body: &mut Function) {
    let callee = draw.below(index);
    let (params, results) = &plan.types[plan.funcs[callee]];
    for ty in params {
        body.instruction(&constant(draw, *ty));
    }
    body.instruction(&Instruction::Call(callee as u32));
    for _ in results {
        body.instruction(&Instruction::Drop);
    }
}

fn data(draw: &mut Draw<'_>, plan: &Plan, module: &mut Module) {
    if plan.memory.is_none() {
        return;
    }
    let mut section = DataSection::new();
    for _ in 0..draw.below(5) {
        let bytes: Vec<u8> = (0..draw.below(40)).map(|_| draw.below(256) as u8).collect();
        let at = draw.pick(&[0, 3, 16, 255, 4096, 0xff00]);
        section.active(0, &ConstExpr::i32_const(at), bytes);
    }
    module.section(&section);
}

/// Names for tools: they may be anything, and the same.
fn names(draw: &mut Draw<'_>, plan: &Plan, module: &mut Module) {
    let mut functions = NameMap::new();
    for index in 0..plan.funcs.len() {
        if draw.chance(60) {
            functions.append(index as u32, &name(draw));
        }
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    module.section(&section);
}

/// Operators that may trap, by byte offset.
fn traps(wasm: &[u8]) -> BTreeMap<u32, TrapKind> {
    let mut traps = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        let Ok(reader) = body.get_operators_reader() else {
            continue;
        };
        for (op, offset) in reader.into_iter_with_offsets().map_while(Result::ok) {
            let kind = match op {
                Operator::Unreachable => TrapKind::Unreachable,
                Operator::I32DivU => TrapKind::DivideByZero,
                Operator::I32Store { .. } => TrapKind::OutOfBounds,
                _ => continue,
            };
            traps.insert(offset as u32, kind);
        }
    }
    traps
}
