//! Decoding and validating a module.
//!
//! In: the bytes of a WebAssembly binary. Out: a [`Module`] and its [`Bodies`], or both in one. Everything that the
//! specification's validation refuses is refused, with function and byte offset: here, and in a body when it is taken; so
//! are features that the compiler does not have. Nothing here optimizes. Guarded by the `malformed` tests and the fuzz targets.

use super::bodies::Bodies;
use super::constant::constant;
use super::references::{self, Outside};
use super::sizes::MAX_PAGES;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{
    Base, Data, Elem, ElemMode, Entry, FuncDecl, FuncType, Global, GlobalInit, Import, Memory,
    Module, Table, Ty, TypeDecl,
};
use crate::options::Options;
use wasmparser as wp;

/// Decodes, validates and translates a module.
///
/// # Errors
/// `Malformed`, `Invalid`, `Unsupported` or `Limit`, with function and byte offset.
pub fn decode(wasm: &[u8], options: &Options) -> Result<Module> {
    let (mut module, mut bodies) = open(wasm, options)?;
    for (i, decl) in module.funcs.iter_mut().enumerate() {
        // What the compiler added has its body.
        decl.body = bodies.take(i as u32)?.or(decl.body.take());
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
        memory_base: options.memory_base,
        memory_max: options.memory_max,
        outside: Outside::default(),
        func_types: Vec::new(),
        funcref_globals: Vec::new(),
        funcref_tables: Vec::new(),
    };
    let mut validator = wp::Validator::new_with_features(options.features);
    let mut parser = wp::Parser::new(0);
    parser.set_features(options.features);
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
        // A function's address, or a handle of the host.
        wp::ValType::FUNCREF | wp::ValType::EXTERNREF => Ok(Ty::I32),
        wp::ValType::Ref(_) => Err(unsupported(
            &format!("type {t}: references other than funcref and externref are"),
            offset,
        )),
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
    memory_exports: Vec<(u32, String)>,
    memory_base: Base,
    memory_max: Option<u64>,
    outside: Outside,
    /// By function: its type in the binary.
    func_types: Vec<u32>,
    /// By global, and by table: whether it holds references to functions.
    funcref_globals: Vec<bool>,
    funcref_tables: Vec<bool>,
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
                for item in r.into_iter_with_offsets() {
                    let (at, t) = item.map_err(malformed)?;
                    let init = match &t.init {
                        wp::TableInit::RefNull => GlobalInit::NULL,
                        wp::TableInit::Expr(e) => constant(&mut self.module, e)?,
                    };
                    self.table(t.ty, None, init, at)?;
                }
                Ok(())
            }
            P::MemorySection(r) => {
                for item in r.into_iter_with_offsets() {
                    let (at, ty) = item.map_err(malformed)?;
                    self.memory(ty, None, at)?;
                }
                Ok(())
            }
            P::GlobalSection(r) => {
                for item in r.into_iter_with_offsets() {
                    let (at, g) = item.map_err(malformed)?;
                    let init = constant(&mut self.module, &g.init_expr)?;
                    self.global(g.ty, None, init, at)?;
                }
                Ok(())
            }
            P::ExportSection(r) => self.exports(r),
            P::StartSection { func, .. } => {
                self.module.start = Some(func);
                Ok(())
            }
            P::ElementSection(r) => self.elements(r),
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
        let at = r.range().start;
        for group in r {
            for sub in group.map_err(malformed)?.into_types() {
                self.types.push(match sub.composite_type.inner {
                    wp::CompositeInnerType::Func(f) => Some(f),
                    _ => None,
                });
            }
        }
        // By number: the first of its equals in the binary.
        let mut firsts: Vec<usize> = Vec::new();
        for (i, t) in self.types.iter().enumerate() {
            // What has types that the compiler does not have is refused where it is used.
            let (Some(t), Ok(ty)) = (t, self.func_type(i as u32, at)) else {
                self.outside.numbers.push(u32::MAX);
                continue;
            };
            let id = references::type_id(t);
            let types = &mut self.module.types;
            let equal = |(known, &first): (&TypeDecl, &usize)| {
                known.id == id && self.types[first].as_ref() == Some(t)
            };
            let known = types.iter().zip(&firsts).position(equal);
            let number = known.unwrap_or(types.len());
            if known.is_none() {
                types.push(TypeDecl { ty, id, area: 0 });
                firsts.push(i);
            }
            self.outside.numbers.push(number as u32);
        }
        Ok(())
    }

    fn func_type(&self, index: u32, at: u64) -> Result<FuncType> {
        func_type(&self.types, index, at)
    }

    fn function(&mut self, ty: u32, import: Option<Import>, at: u64) -> Result<()> {
        let index = self.module.funcs.len() as u32;
        self.func_types.push(ty);
        let number = self.outside.numbers.get(ty as usize).copied();
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
            entry: Entry {
                type_number: number.unwrap_or(u32::MAX),
                ..Entry::default()
            },
        });
        Ok(())
    }

    fn table(
        &mut self,
        ty: wp::TableType,
        import: Option<Import>,
        init: GlobalInit,
        at: u64,
    ) -> Result<()> {
        value_type(wp::ValType::Ref(ty.element_type), at)?;
        if ty.table64 || ty.shared {
            return Err(unsupported("64-bit and shared tables are", at));
        }
        if ty.initial > u64::from(references::MOST) {
            return Err(
                Error::new(ErrorKind::Limit, format!("table of {} entries", ty.initial))
                    .at(at)
                    .help(format!("at most {} entries", references::MOST)),
            );
        }
        let min = ty.initial as u32;
        self.funcref_tables.push(ty.element_type.is_func_ref());
        self.module.tables.push(Table {
            min,
            max: ty
                .maximum
                .map_or(u32::MAX, |m| m.min(u32::MAX.into()) as u32),
            init,
            import,
            exports: Vec::new(),
            grows: false,
            contents: None,
        });
        Ok(())
    }

    fn elements(&mut self, r: wp::ElementSectionReader<'a>) -> Result<()> {
        for item in r {
            let e = item.map_err(malformed)?;
            let at = e.range.start;
            let items = match e.items {
                wp::ElementItems::Functions(r) => r
                    .into_iter()
                    .map(|f| f.map(GlobalInit::Func).map_err(malformed))
                    .collect::<Result<Vec<_>>>()?,
                wp::ElementItems::Expressions(ty, r) => {
                    value_type(wp::ValType::Ref(ty), at)?;
                    let items = r.into_iter().map(|e| e.map_err(malformed));
                    items
                        .map(|e| constant(&mut self.module, &e?))
                        .collect::<Result<Vec<_>>>()?
                }
            };
            let mode = match e.kind {
                wp::ElementKind::Active {
                    table_index,
                    offset_expr,
                } => {
                    let to = constant(&mut self.module, &offset_expr)?;
                    ElemMode::Active(table_index.unwrap_or(0), to)
                }
                wp::ElementKind::Passive => ElemMode::Passive,
                wp::ElementKind::Declared => ElemMode::Declared,
            };
            self.module.elems.push(Elem {
                mode,
                items,
                left: None,
                at: at as u32,
            });
        }
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
                wp::TypeRef::Memory(ty) => self.memory(ty, Some(import), at)?,
                wp::TypeRef::Table(ty) => self.table(ty, Some(import), GlobalInit::NULL, at)?,
                wp::TypeRef::Tag(_) => return Err(unsupported("exception tags are", at)),
            }
        }
        Ok(())
    }

    fn memory(&mut self, ty: wp::MemoryType, import: Option<Import>, at: u64) -> Result<()> {
        let out = [
            (ty.memory64, "64-bit memories"),
            (ty.shared, "shared memories: threads"),
        ];
        if let Some((_, what)) = out.iter().find(|(is, _)| *is) {
            return Err(unsupported(&format!("{what} are"), at));
        }
        let base = match self.module.memories.is_empty() {
            true => self.memory_base,
            false => Base::Symbol,
        };
        let page_log2 = ty.page_size_log2.unwrap_or(16);
        let reserved = import.is_none() && base == Base::Symbol;
        // What an object reserves has a size that is a word; what lies elsewhere may be all of the address space.
        let most = match (page_log2, reserved) {
            (16, true) => MAX_PAGES,
            (16, false) => MAX_PAGES + 1,
            _ => u64::from(u32::MAX),
        };
        if ty.initial > most {
            return Err(
                Error::new(ErrorKind::Limit, format!("memory of {} pages", ty.initial))
                    .at(at)
                    .help(format!("at most {most} pages")),
            );
        }
        // Sizes that change are words.
        let changing = if page_log2 == 16 {
            MAX_PAGES
        } else {
            u64::from(u32::MAX)
        };
        let mut max = match (ty.maximum, &import) {
            (Some(max), _) => max.min(changing),
            (None, Some(_)) => changing,
            // Without a maximum nothing says how much to reserve: the memory cannot grow.
            (None, None) if self.memory_max.is_none() => ty.initial,
            (None, None) => changing,
        };
        if let (Some(bytes), None) = (self.memory_max, &import) {
            max = max.min(bytes >> page_log2);
            if bytes >> page_log2 < ty.initial {
                return Err(Error::new(
                    ErrorKind::Options,
                    format!(
                        "a memory begins with {} bytes, more than --memory-max {bytes}",
                        ty.initial << page_log2
                    ),
                )
                .at(at)
                .help("link the module with a smaller memory"));
            }
        }
        self.module.memories.push(Memory {
            import,
            base,
            page_log2,
            min_pages: ty.initial as u32,
            max_pages: max.max(ty.initial) as u32,
            grows: false,
            pages_global: None,
            limit_global: None,
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
        self.funcref_globals
            .push(ty.content_type == wp::ValType::FUNCREF);
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

    fn exports(&mut self, r: wp::ExportSectionReader<'a>) -> Result<()> {
        for item in r.into_iter_with_offsets() {
            let (at, e) = item.map_err(malformed)?;
            let name = e.name.to_owned();
            match e.kind {
                wp::ExternalKind::Func | wp::ExternalKind::FuncExact => {
                    self.module.funcs[e.index as usize].exports.push(name)
                }
                wp::ExternalKind::Global => {
                    self.module.globals[e.index as usize].exports.push(name)
                }
                wp::ExternalKind::Memory => self.memory_exports.push((e.index, name)),
                wp::ExternalKind::Table => self.module.tables[e.index as usize].exports.push(name),
                wp::ExternalKind::Tag => return Err(unsupported("exception tags are", at)),
            }
        }
        Ok(())
    }

    fn data(&mut self, r: wp::DataSectionReader<'a>) -> Result<()> {
        for item in r {
            let d = item.map_err(malformed)?;
            let (mut memory, mut offset) = (0, None);
            match d.kind {
                wp::DataKind::Active {
                    offset_expr,
                    memory_index,
                } => {
                    memory = memory_index;
                    offset = Some(constant(&mut self.module, &offset_expr)?);
                }
                wp::DataKind::Passive => {}
            }
            self.module.data.push(Data {
                offset,
                memory,
                length_global: None,
                bytes: d.data.to_vec(),
                at: d.range.start as u32,
            });
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
        for (memory, name) in std::mem::take(&mut self.memory_exports) {
            self.module.memories[memory as usize].exports.push(name);
        }
        self.outside.shared = self.shares_references();
        let outside = std::mem::take(&mut self.outside);
        let bodies = Bodies::new(&mut self.module, self.types, self.bodies, outside, options)?;
        Ok((self.module, bodies))
    }

    /// Whether references to functions may come from others, or go to them.
    fn shares_references(&self) -> bool {
        let m = &self.module;
        let funcref = |ty: &u32| {
            let ty = self.types.get(*ty as usize).and_then(Option::as_ref);
            ty.is_some_and(|t| {
                let all = t.params().iter().chain(t.results());
                all.into_iter().any(|t| *t == wp::ValType::FUNCREF)
            })
        };
        let mut funcs = m.funcs.iter().zip(&self.func_types);
        let mut globals = m.globals.iter().zip(&self.funcref_globals);
        let mut tables = m.tables.iter().zip(&self.funcref_tables);
        tables.any(|(t, funcref)| *funcref && t.is_shared())
            || globals.any(|(g, funcref)| *funcref && (g.import.is_some() || !g.exports.is_empty()))
            || funcs.any(|(f, ty)| (f.import.is_some() || !f.exports.is_empty()) && funcref(ty))
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
