//! The module of sweeps over one memory.
//!
//! In: a shape and sweeps. Out: the binary, and for each sweep the byte offsets of its accesses, which a trap must name. Every access
//! that is done counts one in a global; what loads give goes into another, so that both are there when an access
//! traps. What a store writes follows from the count, so no two write the same.

use super::body::body;
use super::shape::{Home, Shape};
use super::sweep::Sweep;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// Least and greatest size of a memory in bytes.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Before it grows.
    pub least: u64,
    /// After it grew.
    pub most: u64,
}

/// Bytes of a passive segment.
pub const SEGMENT: [u8; 37] = *b"no two of its ranges are the same 123";
/// Where in the segment a copy of so many bytes begins.
pub fn segment_start(bytes: u32) -> usize {
    SEGMENT.len().saturating_sub(bytes as usize)
}

/// Factor and summand that make a word of a count.
pub const WORD: (u32, u32) = (0x9e37_79b1, 0x85eb_ca6b);
/// Factor that makes two words of one.
pub const WIDE: u64 = 0x9e37_79b9_7f4a_7c15;
/// Name under which the module exports the function that grows its memory.
pub const GROW: &str = "grow";
/// Bytes of the memory that stands before a second one.
pub const FIRST: u32 = 64;

/// Globals: how many accesses were done, and what they loaded.
pub const DONE: u32 = 0;
/// See [`DONE`].
pub const SUM: u32 = 1;

/// A module, and where the accesses of each of its functions are in it.
pub struct Made {
    /// The binary.
    pub wasm: Vec<u8>,
    /// Byte offsets of the accesses by function.
    pub offsets: Vec<Vec<u32>>,
}

fn memory_type(page_log2: u32, min: u32, max: u32) -> MemoryType {
    MemoryType {
        minimum: min.into(),
        maximum: Some(max.into()),
        memory64: false,
        shared: false,
        page_size_log2: (page_log2 != 16).then_some(page_log2),
    }
}

/// Makes the module of some sweeps: each is exported under its number.
///
/// # Errors
/// Text, if what was made does not parse.
pub fn make(shape: &Shape, sweeps: &[Sweep]) -> Result<Made, String> {
    let (mut types, mut funcs) = (TypeSection::new(), FunctionSection::new());
    let (mut imports, mut memories) = (ImportSection::new(), MemorySection::new());
    let (mut globals, mut exports) = (GlobalSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    types.ty().function([ValType::I32; 3], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    let ty = memory_type(shape.page_log2, shape.min, shape.max);
    if shape.home == Home::Second {
        memories.memory(memory_type(0, FIRST, FIRST));
    }
    match shape.home {
        Home::Imported => {
            imports.import("env", "outside", EntityType::Memory(ty));
        }
        Home::Own | Home::Second | Home::Address => {
            memories.memory(ty);
        }
    }
    for (global, name) in [(DONE, "done"), (SUM, "sum")] {
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(0));
        exports.export(name, ExportKind::Global, global);
    }
    let mut places = Vec::new();
    for (n, sweep) in sweeps.iter().enumerate() {
        let (instructions, accesses) = body(sweep, shape.index());
        let mut function = Function::new([(1, ValType::I64)]);
        for instruction in &instructions {
            function.instruction(instruction);
        }
        code.function(&function);
        funcs.function(0);
        exports.export(&format!("sweep{n}"), ExportKind::Func, n as u32);
        places.push(accesses);
    }
    if shape.grows() {
        let mut function = Function::new([]);
        let grow = [I::LocalGet(0), I::MemoryGrow(shape.index()), I::End];
        grow.iter().for_each(|i| {
            function.instruction(i);
        });
        code.function(&function);
        funcs.function(1);
        exports.export(GROW, ExportKind::Func, sweeps.len() as u32);
    }
    let mut data = DataSection::new();
    data.passive(SEGMENT);
    let mut module = Module::new();
    module.section(&types);
    if !imports.is_empty() {
        module.section(&imports);
    }
    module.section(&funcs);
    if !memories.is_empty() {
        module.section(&memories);
    }
    module.section(&globals).section(&exports);
    module.section(&DataCountSection { count: 1 });
    module.section(&code).section(&data);
    let wasm = module.finish();
    let offsets = offsets(&wasm, &places).map_err(|e| e.to_string())?;
    Ok(Made { wasm, offsets })
}

/// The byte offsets of operators that are given by their number in each function.
fn offsets(wasm: &[u8], places: &[Vec<usize>]) -> wasmparser::Result<Vec<Vec<u32>>> {
    let mut all = Vec::new();
    let mut functions = places.iter();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::CodeSectionEntry(body) = payload? else {
            continue;
        };
        let Some(numbers) = functions.next() else {
            break;
        };
        let mut starts = Vec::new();
        for item in body.get_operators_reader()?.into_iter_with_offsets() {
            starts.push(item?.1 as u32);
        }
        all.push(numbers.iter().map(|&n| starts[n]).collect());
    }
    Ok(all)
}
