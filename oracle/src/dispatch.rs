//! Gives a module one exported dispatcher in place of its exported functions.
//!
//! In: a valid module and its surface. Out: the same module with one exported function, `dispatch(index, a0, a1 ...)`,
//! whose parameters and results are all i64, with memory and visible globals exported under names of its own.
//! Why: the reference compiler pays 55 us for each exported function; behind one dispatcher a module of many
//! functions costs a third. Sections that need no change are copied byte for byte, so that what runs is what
//! was compiled. The result is validated in the tests of this file and, on every run, by the reference engine.

use crate::program::{Info, Ty};
use wasm_encoder::{Encode, Function, Instruction, RawSection, Section, SectionId, ValType};
use wasmparser::{Parser, Payload};

/// Export name of the dispatcher.
pub const DISPATCH: &str = "dispatch";
/// Export name of the first memory.
pub const MEMORY: &str = "memory";

/// Export name of memory `index`.
pub fn memory_name(index: usize) -> String {
    match index {
        0 => MEMORY.to_owned(),
        n => format!("{MEMORY}{n}"),
    }
}

/// Export name of global `index`.
pub fn global_name(index: usize) -> String {
    format!("global{index}")
}

/// Export name of table `index`.
pub fn table_name(index: usize) -> String {
    format!("table{index}")
}

/// Arity of the dispatcher: the most parameters and the most results of any export.
pub fn arity(info: &Info) -> (usize, usize) {
    let most =
        |f: fn(&crate::program::ExportFn) -> usize| info.exports.iter().map(f).max().unwrap_or(0);
    (most(|e| e.sig.params.len()), most(|e| e.sig.results.len()))
}

/// Sections in binary order that this rewriting has to meet even where the module has none.
const ORDER: [SectionId; 13] = [
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];

/// Rewrites the module.
///
/// # Errors
/// Text of the parser if the module is malformed.
pub fn wrap(wasm: &[u8], info: &Info) -> Result<Vec<u8>, String> {
    let mut found: [Option<&[u8]>; 14] = [None; 14];
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|e| e.to_string())?;
        if matches!(payload, Payload::CustomSection(_)) {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            found[id as usize] = Some(&wasm[range.start as usize..range.end as usize]);
        }
    }
    let types = count(found[SectionId::Type as usize])?;
    let (params, results) = arity(info);
    let mut module = wasm_encoder::Module::new();
    for id in ORDER {
        let old = found[id as usize];
        let data = match id {
            SectionId::Type => append(old, &type_entry(params, results))?,
            SectionId::Function => append(old, &leb(types))?,
            SectionId::Code => append(old, &body(info, params, results))?,
            SectionId::Export => exports(info),
            _ => match old {
                Some(bytes) => bytes.to_vec(),
                None => continue,
            },
        };
        module.section(&RawSection {
            id: id as u8,
            data: &data,
        });
    }
    Ok(module.finish())
}

fn leb(n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    n.encode(&mut out);
    out
}

fn count(section: Option<&[u8]>) -> Result<u32, String> {
    match section {
        Some(bytes) => wasmparser::BinaryReader::new(bytes, 0)
            .read_var_u32()
            .map_err(|e| e.to_string()),
        None => Ok(0),
    }
}

/// A vector section with one more entry.
fn append(section: Option<&[u8]>, entry: &[u8]) -> Result<Vec<u8>, String> {
    let n = count(section)?;
    let mut out = leb(n + 1);
    if let Some(bytes) = section {
        let mut reader = wasmparser::BinaryReader::new(bytes, 0);
        reader.read_var_u32().map_err(|e| e.to_string())?;
        out.extend_from_slice(&bytes[reader.original_position() as usize..]);
    }
    out.extend_from_slice(entry);
    Ok(out)
}

fn type_entry(params: usize, results: usize) -> Vec<u8> {
    let mut out = vec![0x60];
    let mut list = vec![ValType::I32];
    list.resize(params + 1, ValType::I64);
    list.encode(&mut out);
    vec![ValType::I64; results].encode(&mut out);
    out
}

fn exports(info: &Info) -> Vec<u8> {
    let mut section = wasm_encoder::ExportSection::new();
    let index = (info.imports.len() + info.defined) as u32;
    section.export(DISPATCH, wasm_encoder::ExportKind::Func, index);
    for memory in 0..info.memories.len() {
        let kind = wasm_encoder::ExportKind::Memory;
        section.export(&memory_name(memory), kind, memory as u32);
    }
    for g in info.visible_globals() {
        section.export(&global_name(g), wasm_encoder::ExportKind::Global, g as u32);
    }
    for t in info.visible_tables() {
        section.export(&table_name(t), wasm_encoder::ExportKind::Table, t as u32);
    }
    // `Section::encode` writes the size first; the content begins after it.
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
    let skipped = reader
        .read_var_u32()
        .map(|_| reader.original_position() as usize)
        .unwrap_or(0);
    debug_assert_eq!(section.id(), SectionId::Export as u8);
    bytes.split_off(skipped)
}

/// The dispatcher's body with its size: a branch table over one block for each export.
fn body(info: &Info, params: usize, results: usize) -> Vec<u8> {
    let n = info.exports.len() as u32;
    let mut code = Function::new(info.most_results_locals());
    for _ in 0..=n {
        code.instruction(&Instruction::Block(wasm_encoder::BlockType::Empty));
    }
    code.instruction(&Instruction::LocalGet(0));
    code.instruction(&Instruction::BrTable((0..n).collect::<Vec<_>>().into(), n));
    for export in &info.exports {
        code.instruction(&Instruction::End);
        for (i, ty) in export.sig.params.iter().enumerate() {
            code.instruction(&Instruction::LocalGet(i as u32 + 1));
            for instruction in from_bits(*ty) {
                code.instruction(instruction);
            }
        }
        code.instruction(&Instruction::Call(export.func));
        spread(&mut code, &export.sig.results, params, results);
        code.instruction(&Instruction::Return);
    }
    code.instruction(&Instruction::End);
    code.instruction(&Instruction::Unreachable);
    code.instruction(&Instruction::End);
    let mut out = Vec::new();
    code.encode(&mut out);
    out
}

/// What makes a value of 64 bits.
fn from_bits(ty: Ty) -> &'static [Instruction<'static>] {
    match ty {
        Ty::I32 => &[Instruction::I32WrapI64],
        Ty::I64 => &[],
        Ty::F32 => &[Instruction::I32WrapI64, Instruction::F32ReinterpretI32],
        Ty::F64 => &[Instruction::F64ReinterpretI64],
    }
}

/// What makes 64 bits of a value.
fn to_bits(ty: Ty) -> &'static [Instruction<'static>] {
    match ty {
        Ty::I32 => &[Instruction::I64ExtendI32U],
        Ty::I64 => &[],
        Ty::F32 => &[Instruction::I32ReinterpretF32, Instruction::I64ExtendI32U],
        Ty::F64 => &[Instruction::I64ReinterpretF64],
    }
}

/// Turns the results on the stack into exactly `results` words of i64. Locals past the parameters hold them meanwhile.
fn spread(code: &mut Function, sig: &[Ty], params: usize, results: usize) {
    let first = params as u32 + 1;
    for (i, ty) in sig.iter().enumerate().rev() {
        for instruction in to_bits(*ty) {
            code.instruction(instruction);
        }
        code.instruction(&Instruction::LocalSet(first + i as u32));
    }
    for i in 0..results {
        if i < sig.len() {
            code.instruction(&Instruction::LocalGet(first + i as u32));
        } else {
            code.instruction(&Instruction::I64Const(0));
        }
    }
}

impl Info {
    fn most_results_locals(&self) -> Vec<(u32, ValType)> {
        vec![(arity(self).1 as u32, ValType::I64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapped_module_is_valid_and_keeps_its_sections() {
        let wasm = wat::parse_str(
            r#"(module (import "env" "f" (func (param i64) (result i32 i64)))
              (memory 1 2) (global (export "g") (mut i64) (i64.const 5)) (data (i32.const 8) "abc")
              (func (export "a") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
              (func (export "b")) (export "c" (func 0)))"#,
        )
        .expect("text parses");
        let info = Info::read(&wasm).expect("in scope");
        assert_eq!(
            (info.exports.len(), info.imports.len(), info.defined),
            (3, 1, 2)
        );
        let wrapped = wrap(&wasm, &info).expect("wraps");
        wasmparser::validate(&wrapped).expect("valid");
        let text = wasmprinter::print_bytes(&wrapped).expect("prints");
        assert!(
            text.contains("\"abc\"") && text.contains("br_table"),
            "{text}"
        );
    }

    #[test]
    fn a_module_with_nothing_in_it_is_wrapped_too() {
        let wasm = wat::parse_str("(module)").expect("text parses");
        let wrapped = wrap(&wasm, &Info::read(&wasm).expect("in scope")).expect("wraps");
        wasmparser::validate(&wrapped).expect("valid");
    }
}
