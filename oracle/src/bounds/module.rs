//! The module of sweeps over one memory.
//!
//! In: a shape and sweeps. Out: the binary, and for each sweep the byte offsets of its accesses, which a trap must name. Every access
//! that is done counts one in a global; what loads give goes into another, so that both are there when an access
//! traps. What a store writes follows from the count, so no two write the same.

use super::operator::Operator;
use super::shape::{Home, Shape};
use super::sweep::{Form, Sweep};
use crate::program::Ty;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction as I, MemArg, MemArgTarget, MemorySection, MemoryType, Module, TypeSection,
    ValType,
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

/// Locals of a sweep: its parameters, and one for a wide value.
const AT: u32 = 0;
const LEFT: u32 = 1;
const THIRD: u32 = 2;
const VALUE: u32 = 3;
/// Globals: how many accesses were done, and what they loaded.
pub const DONE: u32 = 0;
/// See [`DONE`].
pub const SUM: u32 = 1;

/// A function while it is made.
struct Body<'a> {
    sweep: &'a Sweep,
    memory: u32,
    code: Vec<I<'static>>,
    /// Where in the code the accesses are.
    accesses: Vec<usize>,
}

impl Body<'_> {
    fn add(&mut self, code: &[I<'static>]) {
        self.code.extend_from_slice(code);
    }

    fn i32(&mut self, value: u32) {
        self.code.push(I::I32Const(value as i32));
    }

    fn index(&mut self) {
        let (c, op) = match self.sweep.form {
            Form::Constant(c) => return self.i32(c),
            Form::Sum(c) => (c, I::I32Add),
            Form::Shifted(c) => (c, I::I32Shl),
            Form::Masked(c) => {
                self.add(&[I::LocalGet(AT), I::I32Const(15), I::I32And]);
                self.i32(c);
                return self.add(&[I::I32Add]);
            }
            _ => return self.add(&[I::LocalGet(AT)]),
        };
        self.add(&[I::LocalGet(AT)]);
        self.i32(c);
        self.add(&[op]);
    }

    /// A value that follows from the count.
    fn value(&mut self, ty: Ty) {
        self.add(&[I::GlobalGet(DONE)]);
        self.i32(WORD.0);
        self.add(&[I::I32Mul]);
        self.i32(WORD.1);
        self.add(&[I::I32Add]);
        let wide = [I::I64ExtendI32U, I::I64Const(WIDE as i64), I::I64Mul];
        match ty {
            Ty::I32 => {}
            Ty::F32 => self.add(&[I::F32ReinterpretI32]),
            Ty::I64 => self.add(&wide),
            Ty::F64 => {
                self.add(&wide);
                self.add(&[I::F64ReinterpretI64]);
            }
        }
    }

    /// One word of a value: its low one, and three times its high one.
    fn fold(&mut self, ty: Ty) {
        match ty {
            Ty::I32 => return,
            Ty::F32 => return self.add(&[I::I32ReinterpretF32]),
            Ty::F64 => self.add(&[I::I64ReinterpretF64]),
            Ty::I64 => {}
        }
        self.add(&[I::LocalTee(VALUE), I::I32WrapI64, I::LocalGet(VALUE)]);
        self.add(&[I::I64Const(32), I::I64ShrU, I::I32WrapI64]);
        self.add(&[I::I32Const(3), I::I32Mul, I::I32Add]);
    }

    fn access(&mut self, operator: Operator) {
        let mem = self.memory;
        let arg = |width: u32| MemArg {
            offset: u64::from(self.sweep.offset),
            align: self.sweep.align.min(width.trailing_zeros()),
            target: MemArgTarget::Memory(mem),
            ordering: None,
        };
        let (arg, mut last) = (arg(operator.width()), Vec::new());
        let instruction = match operator {
            Operator::Load(ty, _, _, make) => {
                self.add(&[I::GlobalGet(SUM), I::I32Const(5), I::I32Rotl]);
                self.index();
                last.push(ty);
                make(arg)
            }
            Operator::Store(ty, _, make) => {
                self.index();
                self.value(ty);
                make(arg)
            }
            Operator::Fill(_) => {
                self.index();
                self.value(Ty::I32);
                self.length();
                I::MemoryFill(mem)
            }
            Operator::CopyTo(_) | Operator::CopyFrom(_) => {
                if matches!(operator, Operator::CopyFrom(_)) {
                    self.i32(0);
                    self.index();
                } else {
                    self.index();
                    self.i32(0);
                }
                self.length();
                I::MemoryCopy {
                    src_mem: mem,
                    dst_mem: mem,
                }
            }
            Operator::Init(n) => {
                self.index();
                self.i32(segment_start(n) as u32);
                self.length();
                I::MemoryInit { mem, data_index: 0 }
            }
        };
        self.accesses.push(self.code.len());
        self.add(&[instruction]);
        for ty in last {
            self.fold(ty);
            self.add(&[I::I32Add, I::GlobalSet(SUM)]);
        }
        self.add(&[I::GlobalGet(DONE), I::I32Const(1), I::I32Add]);
        self.add(&[I::GlobalSet(DONE)]);
    }

    /// The length of a range.
    fn length(&mut self) {
        match self.sweep.known {
            true => self.i32(self.sweep.operator.width()),
            false => self.add(&[I::LocalGet(THIRD)]),
        }
    }

    fn make(&mut self) {
        let form = self.sweep.form;
        if let Form::Counted(from, ..) = form {
            self.i32(from);
            self.add(&[I::LocalSet(AT)]);
        }
        self.add(&[I::Loop(BlockType::Empty)]);
        if let Form::Growing = form {
            self.add(&[I::LocalGet(LEFT), I::LocalGet(THIRD), I::I32Eq]);
            self.add(&[I::If(BlockType::Empty), I::I32Const(1)]);
            self.add(&[I::MemoryGrow(self.memory), I::Drop, I::End]);
        }
        if let Form::Below(limit) = form {
            self.add(&[I::Block(BlockType::Empty), I::LocalGet(AT)]);
            self.i32(limit);
            self.add(&[I::I32GeU, I::BrIf(0)]);
        }
        for operator in self.sweep.accesses() {
            self.access(operator);
        }
        if let Form::Below(_) = form {
            self.add(&[I::End]);
        }
        self.add(&[I::LocalGet(AT), I::I32Const(1), I::I32Add]);
        if let Form::Counted(_, end, equal) = form {
            self.add(&[I::LocalTee(AT)]);
            self.i32(end);
            self.add(&[if equal { I::I32Ne } else { I::I32LtU }]);
        } else {
            self.add(&[I::LocalSet(AT), I::LocalGet(LEFT), I::I32Const(1)]);
            self.add(&[I::I32Sub, I::LocalTee(LEFT)]);
        }
        self.add(&[I::BrIf(0), I::End, I::End]);
    }
}

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
        let mut body = Body {
            sweep,
            memory: shape.index(),
            code: Vec::new(),
            accesses: Vec::new(),
        };
        body.make();
        let mut function = Function::new([(1, ValType::I64)]);
        for instruction in &body.code {
            function.instruction(instruction);
        }
        code.function(&function);
        funcs.function(0);
        exports.export(&format!("sweep{n}"), ExportKind::Func, n as u32);
        places.push(body.accesses);
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
