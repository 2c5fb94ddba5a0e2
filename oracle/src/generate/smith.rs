//! Family `smith`: wasm-smith's modules, cut down to the compiler's scope.
//!
//! Traps are mostly disallowed, since otherwise four calls of five end at once; every function is exported, and
//! so is the global that bounds the running time, which the host refills before each call. Half of the calls use it up,
//! which is a trap that both sides must meet at the same point. No start function: it would use it up too.

use super::Made;
use super::draw::Draw;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};

/// Loop iterations and calls that one call may make.
const FUEL: u32 = 300;

fn config(wild: bool) -> Config {
    Config {
        allow_floats: false,
        allowed_instructions: InstructionKinds::new(&[
            InstructionKind::NumericInt,
            InstructionKind::Parametric,
            InstructionKind::Variable,
            InstructionKind::MemoryInt,
            InstructionKind::Control,
        ]),
        allow_start_export: false,
        bulk_memory_enabled: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        disallow_traps: !wild,
        exceptions_enabled: false,
        export_everything: true,
        extended_const_enabled: false,
        gc_enabled: false,
        generate_custom_sections: false,
        max_imports: 0,
        max_funcs: 24,
        min_funcs: 8,
        max_globals: 6,
        max_instructions: 150,
        max_memories: 1,
        min_memories: 1,
        max_memory32_bytes: 2 << 16,
        memory_max_size_required: true,
        memory64_enabled: false,
        memory_offset_choices: MemoryOffsetChoices(95, 4, 1),
        max_tables: 0,
        max_elements: 0,
        max_element_segments: 0,
        max_tags: 0,
        max_data_segments: 4,
        min_types: 6,
        max_types: 16,
        max_values: 6,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// Makes a module of the family; `None` if the bytes give none in scope.
pub fn make(draw: &mut Draw<'_>) -> Option<Made> {
    let wild = draw.chance(10);
    let mut module = Module::new(config(wild), draw.unstructured()).ok()?;
    let fuel = module.ensure_termination(FUEL).ok()?;
    let wasm = export_global(&module.to_bytes(), fuel)?;
    Some(Made {
        wasm,
        fuel: Some((fuel, FUEL)),
        foreign: true,
    })
}

/// The module with exports named as an object file can name them, and one more: the global that carries fuel.
fn export_global(wasm: &[u8], index: u32) -> Option<Vec<u8>> {
    use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
    let mut module = wasm_encoder::Module::new();
    let mut done = false;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload.ok()?;
        if let wasmparser::Payload::ExportSection(reader) = payload {
            let mut section = wasm_encoder::ExportSection::new();
            for (i, export) in reader.into_iter().enumerate() {
                let export = export.ok()?;
                let kind = RoundtripReencoder.export_kind(export.kind).ok()?;
                // One name for each thing: the fuel is exported already, under a name of its own.
                if kind != wasm_encoder::ExportKind::Global || export.index != index {
                    section.export(&format!("e{i}"), kind, export.index);
                }
            }
            section.export(
                crate::program::FUEL,
                wasm_encoder::ExportKind::Global,
                index,
            );
            module.section(&section);
            done = true;
        } else if let Some((id, range)) = payload.as_section() {
            let data = &wasm[range.start as usize..range.end as usize];
            module.section(&wasm_encoder::RawSection { id, data });
        }
    }
    done.then(|| module.finish())
}
