//! Decoding and validating a module.
//!
//! In: the bytes of a WebAssembly binary. Out: a [`Module`] and its [`Bodies`], or both in one. Everything that the
//! specification's validation refuses is refused, with function and byte offset: here, and in a body when it is taken; so
//! are features that the compiler does not have. Nothing here optimizes. Guarded by the `malformed` tests and the fuzz targets.

use super::bodies::Bodies;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{Data, FuncDecl, FuncType, Global, GlobalInit, Import, Memory, Module, Ty};
use crate::options::Options;
use wasmparser as wp;

/// The largest memory: one page less than the address space, so that its size in bytes fits a word.
const MAX_PAGES: u64 = 65535;

/// Decodes, validates and translates a module.
///
/// # Errors
/// `Malformed`, `Invalid`, `Unsupported` or `Limit`, with function and byte offset.
pub fn decode(wasm: &[u8], options: &Options) -> Result<Module> {
    let (mut module, mut bodies) = open(wasm, options)?;
    for (i, decl) in module.funcs.iter_mut().enumerate() {
        decl.body = bodies.take(i as u32)?;
    }
    Ok(module)
}

/// Decodes and validates everything but function bodies: those wait beside the module.
///
/// # Errors
/// As [`decode`], except for what the bodies give when they are taken.
pub fn open<'a>(wasm: &'a [u8], options: &Options) -> Result<(Module, Bodies<'a>)> {
    let mut d = Decoder {
        module: Module::default(),
        types: Vec::new(),
        bodies: Vec::new(),
        memory_exports: Vec::new(),
    };
    let mut validator = wp::Validator::new_with_features(wp::WasmFeatures::all());
    let mut parser = wp::Parser::new(0);
    parser.set_features(wp::WasmFeatures::all());
    for payload in parser.parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        if let wp::Payload::Version {
            encoding: wp::Encoding::Component,
            ..
        } = payload
        {
            return Err(unsupported("components", 0).help("compile the core module inside it"));
        }
        if let wp::ValidPayload::Func(func, body) = validator.payload(&payload).map_err(invalid)? {
            d.bodies.push((func, body));
        }
        d.payload(payload)?;
    }
    d.finish(options)
}

/// The error for input that does not decode.
pub(super) fn malformed(e: wp::Error) -> Error {
    Error::new(ErrorKind::Malformed, one_line(e.message())).at(e.offset())
}

/// A message without its line breaks.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error for input that does not validate.
pub(super) fn invalid(e: wp::Error) -> Error {
    Error::new(ErrorKind::Invalid, one_line(e.message())).at(e.offset())
}

/// The error for what the compiler does not have.
pub(super) fn unsupported(what: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} not supported")).at(offset)
}

/// A WebAssembly type as it is declared.
pub(super) fn value_type(t: wp::ValType, offset: u64) -> Result<Ty> {
    match t {
        wp::ValType::I32 => Ok(Ty::I32),
        wp::ValType::I64 => Ok(Ty::I64),
        wp::ValType::F32 => Ok(Ty::F32),
        wp::ValType::F64 => Ok(Ty::F64),
        wp::ValType::V128 => Err(unsupported("type v128: vectors are", offset)),
        wp::ValType::Ref(_) => Err(unsupported(&format!("type {t}: references are"), offset)),
    }
}

type Body<'a> = (
    wp::FuncToValidate<wp::ValidatorResources>,
    wp::FunctionBody<'a>,
);

struct Decoder<'a> {
    module: Module,
    types: Vec<Option<wp::FuncType>>,
    bodies: Vec<Body<'a>>,
    memory_exports: Vec<String>,
}

impl<'a> Decoder<'a> {
    fn payload(&mut self, payload: wp::Payload<'a>) -> Result<()> {
        use wp::Payload as P;
        match payload {
            P::TypeSection(r) => self.type_section(r),
            P::ImportSection(r) => self.imports(r),
            P::FunctionSection(r) => {
                for item in r.into_iter_with_offsets() {
                    let (at, ty) = item.map_err(malformed)?;
                    self.function(ty, None, at)?;
                }
                Ok(())
            }
            P::TableSection(r) => {
                // A table that nothing uses is what linkers leave behind; uses are refused where they stand.
                for t in r {
                    t.map_err(malformed)?;
                }
                Ok(())
            }
            P::MemorySection(r) => {
                for item in r.into_iter_with_offsets() {
                    let (at, ty) = item.map_err(malformed)?;
                    self.memory(ty, at)?;
                }
                Ok(())
            }
            P::GlobalSection(r) => {
                for item in r.into_iter_with_offsets() {
                    let (at, g) = item.map_err(malformed)?;
                    let init = self.const_expr(&g.init_expr)?;
                    self.global(g.ty, None, init, at)?;
                }
                Ok(())
            }
            P::ExportSection(r) => self.exports(r),
            P::StartSection { func, .. } => {
                self.module.start = Some(func);
                Ok(())
            }
            P::ElementSection(r) if r.count() > 0 => {
                Err(unsupported("element segments: tables are", r.range().start))
            }
            P::DataSection(r) => self.data(r),
            P::CustomSection(r) => {
                // A broken custom section is no error (specification, 5.5.3): the names it gives are dropped.
                if let wp::KnownCustom::Name(names) = r.as_known() {
                    let _ = self.names(names);
                }
                Ok(())
            }
            P::TagSection(r) if r.count() > 0 => {
                Err(unsupported("exception tags are", r.range().start))
            }
            _ => Ok(()),
        }
    }

    fn type_section(&mut self, r: wp::TypeSectionReader<'a>) -> Result<()> {
        for group in r {
            for sub in group.map_err(malformed)?.into_types() {
                self.types.push(match sub.composite_type.inner {
                    wp::CompositeInnerType::Func(f) => Some(f),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn func_type(&self, index: u32, at: u64) -> Result<FuncType> {
        func_type(&self.types, index, at)
    }

    fn function(&mut self, ty: u32, import: Option<Import>, at: u64) -> Result<()> {
        let index = self.module.funcs.len() as u32;
        let ty = self
            .func_type(ty, at)
            .map_err(|e| e.in_function(index, None))?;
        self.module.funcs.push(FuncDecl {
            ty,
            import,
            exports: Vec::new(),
            name: None,
            body: None,
            offset: 0,
        });
        Ok(())
    }

    fn imports(&mut self, r: wp::ImportSectionReader<'a>) -> Result<()> {
        for item in r.into_imports_with_offsets() {
            let (at, i) = item.map_err(malformed)?;
            let import = Import {
                module: i.module.to_owned(),
                field: i.name.to_owned(),
            };
            match i.ty {
                wp::TypeRef::Func(ty) | wp::TypeRef::FuncExact(ty) => {
                    self.function(ty, Some(import), at)?
                }
                wp::TypeRef::Global(ty) => {
                    self.global(ty, Some(import), GlobalInit::Const(0), at)?
                }
                wp::TypeRef::Memory(_) => {
                    return Err(unsupported("imported memories are", at).help(
                        "define the memory in the module; the firmware finds it as NAME_memory",
                    ));
                }
                wp::TypeRef::Table(_) => return Err(unsupported("tables are", at)),
                wp::TypeRef::Tag(_) => return Err(unsupported("exception tags are", at)),
            }
        }
        Ok(())
    }

    fn memory(&mut self, ty: wp::MemoryType, at: u64) -> Result<()> {
        if ty.memory64 || ty.shared || ty.page_size_log2.is_some() {
            return Err(unsupported(
                "64-bit, shared and custom-page-size memories are",
                at,
            ));
        }
        if self.module.memory.is_some() {
            return Err(unsupported("more than one memory is", at));
        }
        if ty.initial > MAX_PAGES {
            return Err(
                Error::new(ErrorKind::Limit, format!("memory of {} pages", ty.initial))
                    .at(at)
                    .help("at most 65535 pages"),
            );
        }
        self.module.memory = Some(Memory {
            min_pages: ty.initial as u32,
            // Without a declared maximum nothing says how much to reserve: the memory cannot grow.
            max_pages: ty.maximum.unwrap_or(ty.initial).min(MAX_PAGES) as u32,
            grows: false,
            pages_global: None,
            exports: Vec::new(),
        });
        Ok(())
    }

    fn global(
        &mut self,
        ty: wp::GlobalType,
        import: Option<Import>,
        init: GlobalInit,
        at: u64,
    ) -> Result<()> {
        let g = Global {
            ty: value_type(ty.content_type, at)?,
            mutable: ty.mutable,
            import,
            exports: Vec::new(),
            init,
        };
        self.module.globals.push(g);
        Ok(())
    }

    /// A constant expression: one constant or one `global.get`.
    fn const_expr(&self, e: &wp::ConstExpr<'a>) -> Result<GlobalInit> {
        let mut r = e.get_operators_reader();
        let mut value = GlobalInit::Const(0);
        let mut count = 0;
        loop {
            let (op, at) = r.read_with_offset().map_err(malformed)?;
            value = match op {
                wp::Operator::I32Const { value } => GlobalInit::Const(value as u32 as u64),
                wp::Operator::I64Const { value } => GlobalInit::Const(value as u64),
                wp::Operator::F32Const { value } => GlobalInit::Const(value.bits().into()),
                wp::Operator::F64Const { value } => GlobalInit::Const(value.bits()),
                wp::Operator::GlobalGet { global_index } => {
                    match self.module.globals.get(global_index as usize) {
                        Some(g) if g.import.is_none() => g.init,
                        _ => GlobalInit::Global(global_index),
                    }
                }
                wp::Operator::End if count == 1 => return Ok(value),
                op => {
                    return Err(unsupported(
                        &format!(
                            "constant expression with {} is",
                            super::translate::mnemonic(&op)
                        ),
                        at,
                    ));
                }
            };
            count += 1;
            if count > 1 {
                return Err(unsupported("extended constant expressions are", at));
            }
        }
    }

    fn exports(&mut self, r: wp::ExportSectionReader<'a>) -> Result<()> {
        for item in r.into_iter_with_offsets() {
            let (at, e) = item.map_err(malformed)?;
            let name = e.name.to_owned();
            // A memory's names are no symbols: any will do.
            let symbol = e.kind != wp::ExternalKind::Memory;
            if symbol && (name.contains('\0') || name.is_empty()) {
                return Err(
                    unsupported("an export name that is empty or has a zero byte is", at)
                        .help("object files cannot hold such a symbol; rename the export"),
                );
            }
            match e.kind {
                wp::ExternalKind::Func | wp::ExternalKind::FuncExact => {
                    self.module.funcs[e.index as usize].exports.push(name)
                }
                wp::ExternalKind::Global => {
                    self.module.globals[e.index as usize].exports.push(name)
                }
                wp::ExternalKind::Memory => self.memory_exports.push(name),
                wp::ExternalKind::Table => return Err(unsupported("exported tables are", at)),
                wp::ExternalKind::Tag => return Err(unsupported("exception tags are", at)),
            }
        }
        Ok(())
    }

    fn data(&mut self, r: wp::DataSectionReader<'a>) -> Result<()> {
        for item in r {
            let d = item.map_err(malformed)?;
            match d.kind {
                wp::DataKind::Active { offset_expr, .. } => {
                    let offset = self.const_expr(&offset_expr)?;
                    self.module.data.push(Data {
                        offset,
                        bytes: d.data.to_vec(),
                        at: d.range.start as u32,
                    });
                }
                wp::DataKind::Passive => {
                    return Err(unsupported("passive data segments are", d.range.start));
                }
            }
        }
        Ok(())
    }

    fn names(&mut self, names: wp::NameSectionReader<'a>) -> Result<()> {
        for sub in names {
            if let wp::Name::Function(map) = sub.map_err(malformed)? {
                for n in map {
                    let n = n.map_err(malformed)?;
                    if !n.name.is_empty() && !n.name.contains('\0') {
                        self.module.names.insert(n.index, n.name.to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, options: &Options) -> Result<(Module, Bodies<'a>)> {
        let names = std::mem::take(&mut self.module.names);
        for (i, f) in self.module.funcs.iter_mut().enumerate() {
            f.name = names.get(&(i as u32)).cloned();
        }
        if let Some(m) = &mut self.module.memory {
            m.exports = std::mem::take(&mut self.memory_exports);
        }
        let bodies = Bodies::new(&mut self.module, self.types, self.bodies, options)?;
        Ok((self.module, bodies))
    }
}

/// The function type at an index of the type section.
pub(super) fn func_type(types: &[Option<wp::FuncType>], index: u32, at: u64) -> Result<FuncType> {
    let Some(Some(t)) = types.get(index as usize) else {
        return Err(unsupported("a type that is no function type is", at));
    };
    let list = |ts: &[wp::ValType]| {
        ts.iter()
            .map(|&t| value_type(t, at))
            .collect::<Result<Vec<_>>>()
    };
    Ok(FuncType {
        params: list(t.params())?,
        results: list(t.results())?,
    })
}
