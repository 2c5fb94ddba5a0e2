//! What the oracle knows about a module before running it.
//!
//! In: a WebAssembly binary. Out: its observable surface: exports, imports, globals, memory. Invariant: only what
//! the compiler's current scope can express gets through (numbers and references, no imported table);
//! everything else is an error that says so, so that "nothing was compared" is never mistaken for "equal".

use std::collections::HashMap;
use thumbsmith::Options;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator, WasmFeatures};

/// A value type of the observable surface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// 32-bit integer; carried zero-extended in a `u64`.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float, carried as its bits, zero-extended.
    F32,
    /// 64-bit float, carried as its bits.
    F64,
}

impl Ty {
    /// As WebAssembly's text format spells it.
    pub fn name(self) -> &'static str {
        match self {
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
        }
    }

    /// Width in 32-bit words.
    pub fn words(self) -> usize {
        match self {
            Ty::I32 | Ty::F32 => 1,
            Ty::I64 | Ty::F64 => 2,
        }
    }

    /// `bits` cut to the width of the type.
    pub fn wrap(self, bits: u64) -> u64 {
        match self {
            Ty::I32 | Ty::F32 => u64::from(bits as u32),
            Ty::I64 | Ty::F64 => bits,
        }
    }

    /// As the compiler declares it.
    pub(crate) fn of(ty: thumbsmith::ir::Ty) -> Ty {
        use thumbsmith::ir;
        match ty {
            ir::Ty::I64 => Ty::I64,
            ir::Ty::F32 => Ty::F32,
            ir::Ty::F64 => Ty::F64,
            ir::Ty::I32 | ir::Ty::Void | ir::Ty::Pair => Ty::I32,
        }
    }

    pub(crate) fn from_parser(ty: wasmparser::ValType) -> Result<Ty, String> {
        match ty {
            wasmparser::ValType::I32 => Ok(Ty::I32),
            wasmparser::ValType::I64 => Ok(Ty::I64),
            wasmparser::ValType::F32 => Ok(Ty::F32),
            wasmparser::ValType::F64 => Ok(Ty::F64),
            other => Err(format!("values of type {other} are not compared yet")),
        }
    }
}

/// A function type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sig {
    /// Parameter types in order.
    pub params: Vec<Ty>,
    /// Result types in order.
    pub results: Vec<Ty>,
}

/// An imported function.
#[derive(Clone, Debug)]
pub struct ImportFn {
    /// Module name of the import.
    pub module: String,
    /// Field name of the import.
    pub field: String,
    /// Its type.
    pub sig: Sig,
}

/// An exported function.
#[derive(Clone, Debug)]
pub struct ExportFn {
    /// The export's name, which is its symbol in the object.
    pub name: String,
    /// Index in the module's function index space.
    pub func: u32,
    /// Its type.
    pub sig: Sig,
}

/// The name under which a generator exports the global that bounds the running time of a call.
pub const FUEL: &str = "fuel";

/// A global of the module.
#[derive(Clone, Debug)]
pub struct Global {
    /// Value type.
    pub ty: Ty,
    /// Whether it may be set.
    pub mutable: bool,
    /// Module and field, if it is imported.
    pub import: Option<(String, String)>,
    /// Name of its first export, if any.
    pub export: Option<String>,
    /// Whether it is a reference, which the module alone sees.
    pub reference: bool,
}

/// A table of the module.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// Whether it holds functions, of which only is seen whether they are null.
    pub funcref: bool,
    /// Name of its first export, if any.
    pub export: Option<String>,
}

impl Global {
    /// The data symbol that the firmware sees, if the global is visible.
    pub fn symbol(&self) -> Option<String> {
        match (&self.import, &self.export) {
            (Some((m, f)), _) => Some(import_symbol(m, f)),
            (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        }
    }
}

/// A linear memory of the module.
#[derive(Clone, Debug)]
pub struct MemoryInfo {
    /// Module and field, if it is imported.
    pub import: Option<(String, String)>,
    /// Binary logarithm of the bytes of a page.
    pub page_log2: u32,
    /// Initial size in pages.
    pub min: u64,
    /// Declared maximum in pages.
    pub max: Option<u64>,
    /// Whether the host may touch it by WebAssembly's own rules.
    pub exported: bool,
}

/// Pages that a memory from outside has more than it must, if its import names no maximum.
const SPARE: u64 = 2;

impl MemoryInfo {
    /// The greatest size in pages of a memory that the oracle gives a module.
    pub fn limit(&self) -> u64 {
        self.max.unwrap_or(self.min + SPARE)
    }

    /// Whether its size may change while the module runs.
    pub fn changes(&self) -> bool {
        self.max != Some(self.min)
    }

    /// The symbol of an imported memory, or of a variable beside it that ends so.
    pub fn symbol(&self, suffix: &str) -> Option<String> {
        let (module, field) = self.import.as_ref()?;
        Some(import_symbol(module, field) + suffix)
    }
}

/// The observable surface of a module.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// Imported functions in index order.
    pub imports: Vec<ImportFn>,
    /// Exported functions in export order.
    pub exports: Vec<ExportFn>,
    /// All globals in index order.
    pub globals: Vec<Global>,
    /// Linear memories in index order. Only the first may be imported.
    pub memories: Vec<MemoryInfo>,
    /// All tables in index order.
    pub tables: Vec<TableInfo>,
    /// Number of functions defined in the module.
    pub defined: usize,
    /// What imports do.
    pub outside: Outside,
}

/// What imports do when they are called.
#[derive(Clone, Debug, Default)]
pub enum Outside {
    /// What [`crate::engine::answer`] draws.
    #[default]
    Drawn,
    /// They answer zeros and touch nothing, but that those of these numbers copy memory: to, from, bytes.
    Silent(Vec<usize>),
}

/// The symbol of an import: its field for module `env`, else `module_field`.
pub fn import_symbol(module: &str, field: &str) -> String {
    if module == "env" {
        field.to_owned()
    } else {
        format!("{module}_{field}")
    }
}

/// A validator of everything that modules of the oracle may use: sizes of pages are not among what it takes by itself.
pub fn validator() -> Validator {
    Validator::new_with_features(WasmFeatures::all())
}

/// Whether a module is valid.
pub fn is_valid(wasm: &[u8]) -> bool {
    validator().validate_all(wasm).is_ok()
}

impl Info {
    /// Reads the surface of a valid module.
    ///
    /// # Errors
    /// Text that names what is malformed, or what the oracle cannot observe.
    pub fn read(wasm: &[u8]) -> Result<Info, String> {
        let mut info = Info::default();
        let mut types: Vec<Result<Sig, String>> = Vec::new();
        let mut funcs: Vec<u32> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            info.payload(payload.map_err(|e| e.to_string())?, &mut types, &mut funcs)?;
        }
        Ok(info)
    }

    fn payload(
        &mut self,
        payload: Payload<'_>,
        types: &mut Vec<Result<Sig, String>>,
        funcs: &mut Vec<u32>,
    ) -> Result<(), String> {
        let text = |e: wasmparser::BinaryReaderError| e.to_string();
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    types.push(sig(&ty.map_err(text)?));
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.import(import.map_err(text)?, types, funcs)?;
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    funcs.push(ty.map_err(text)?);
                    self.defined += 1;
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    self.tables.push(TableInfo {
                        funcref: table.map_err(text)?.ty.element_type.is_func_ref(),
                        export: None,
                    });
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.add_memory(memory.map_err(text)?, None)?;
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    let ty = global.map_err(text)?.ty;
                    self.global(ty, None)?;
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    self.export(export.map_err(text)?, types, funcs)?;
                }
            }
            // Sections that change nothing about the surface: code, data, start, custom.
            _ => {}
        }
        Ok(())
    }

    fn add_memory(
        &mut self,
        memory: wasmparser::MemoryType,
        import: Option<(String, String)>,
    ) -> Result<(), String> {
        if memory.memory64 || memory.shared {
            return Err("only 32-bit memories are compared".into());
        }
        if !self.memories.is_empty() && (import.is_some() || memory.maximum.is_none()) {
            return Err("a second memory is compared if it has a maximum of its own".into());
        }
        self.memories.push(MemoryInfo {
            import,
            page_log2: memory.page_size_log2.unwrap_or(16),
            min: memory.initial,
            max: memory.maximum,
            exported: false,
        });
        Ok(())
    }

    fn global(
        &mut self,
        ty: wasmparser::GlobalType,
        import: Option<(String, String)>,
    ) -> Result<(), String> {
        let reference = matches!(ty.content_type, wasmparser::ValType::Ref(_));
        if reference && import.is_some() {
            return Err("imported references are not compared yet".into());
        }
        self.globals.push(Global {
            ty: match reference {
                true => Ty::I32,
                false => Ty::from_parser(ty.content_type)?,
            },
            reference,
            mutable: ty.mutable,
            import,
            export: None,
        });
        Ok(())
    }

    fn import(
        &mut self,
        import: wasmparser::Import<'_>,
        types: &[Result<Sig, String>],
        funcs: &mut Vec<u32>,
    ) -> Result<(), String> {
        let names = (import.module.to_owned(), import.name.to_owned());
        match import.ty {
            TypeRef::Func(ty) => {
                funcs.push(ty);
                let sig = types
                    .get(ty as usize)
                    .ok_or("type index out of range")?
                    .clone()?;
                self.imports.push(ImportFn {
                    module: names.0,
                    field: names.1,
                    sig,
                });
                Ok(())
            }
            TypeRef::Global(ty) => self.global(ty, Some(names)),
            TypeRef::Memory(ty) => self.add_memory(ty, Some(names)),
            other => Err(format!(
                "imports of this kind are not compared yet: {other:?}"
            )),
        }
    }

    fn export(
        &mut self,
        export: wasmparser::Export<'_>,
        types: &[Result<Sig, String>],
        funcs: &[u32],
    ) -> Result<(), String> {
        match export.kind {
            ExternalKind::Func => {
                let ty = *funcs
                    .get(export.index as usize)
                    .ok_or("function index out of range")?;
                let sig = types
                    .get(ty as usize)
                    .ok_or("type index out of range")?
                    .clone()?;
                self.exports.push(ExportFn {
                    name: export.name.to_owned(),
                    func: export.index,
                    sig,
                });
            }
            ExternalKind::Memory => {
                if let Some(memory) = self.memories.get_mut(export.index as usize) {
                    memory.exported = true;
                }
            }
            ExternalKind::Global => {
                let global = self
                    .globals
                    .get_mut(export.index as usize)
                    .ok_or("global index out of range")?;
                if global.reference {
                    return Err("exported references are not compared yet".into());
                }
                global.export.get_or_insert_with(|| export.name.to_owned());
            }
            ExternalKind::Table => {
                let table = self
                    .tables
                    .get_mut(export.index as usize)
                    .ok_or("table index out of range")?;
                table.export.get_or_insert_with(|| export.name.to_owned());
            }
            other => {
                return Err(format!(
                    "exports of this kind are not compared yet: {other:?}"
                ));
            }
        }
        Ok(())
    }

    /// The first memory.
    pub fn memory(&self) -> Option<&MemoryInfo> {
        self.memories.first()
    }

    /// Indices of the tables that the host may read: those that are exported.
    pub fn visible_tables(&self) -> Vec<usize> {
        (0..self.tables.len())
            .filter(|&i| self.tables[i].export.is_some())
            .collect()
    }

    /// Indices of the globals that the host may read: exported or imported.
    pub fn visible_globals(&self) -> Vec<usize> {
        (0..self.globals.len())
            .filter(|&i| self.globals[i].symbol().is_some())
            .collect()
    }

    /// Indices of the globals that the host may set.
    pub fn settable_globals(&self) -> Vec<usize> {
        self.visible_globals()
            .into_iter()
            .filter(|&i| self.globals[i].mutable)
            .collect()
    }

    /// Of those, the ones that imports set: what bounds a call's running time only the host fills, between calls.
    pub fn settable_by_imports(&self) -> Vec<usize> {
        let fuel = |i: &usize| self.globals[*i].export.as_deref() == Some(FUEL);
        let all = self.settable_globals().into_iter();
        all.filter(|i| !fuel(i)).collect()
    }

    /// How many globals are imported; they come first.
    pub fn imported_globals(&self) -> usize {
        self.globals.iter().filter(|g| g.import.is_some()).count()
    }

    /// Export number by name.
    pub fn export_named(&self, name: &str) -> Option<usize> {
        self.exports.iter().position(|e| e.name == name)
    }

    /// Names that occur twice among the symbols of exports, imports and globals: such a module cannot be linked.
    pub fn symbol_clash(&self) -> Option<String> {
        let mut seen: HashMap<String, ()> = HashMap::new();
        let funcs = self.exports.iter().map(|e| e.name.clone());
        let imports = self
            .imports
            .iter()
            .map(|i| import_symbol(&i.module, &i.field));
        let globals = self.globals.iter().filter_map(Global::symbol);
        let memories = self.memories.iter().filter_map(|m| m.symbol(""));
        let tables = self.tables.iter().filter_map(|t| t.export.clone());
        let globals = globals.chain(tables);
        funcs
            .chain(memories)
            .chain(imports)
            .chain(globals)
            .find(|s| seen.insert(s.clone(), ()).is_some())
    }
}

fn sig(ty: &wasmparser::FuncType) -> Result<Sig, String> {
    let list = |types: &[wasmparser::ValType]| {
        types
            .iter()
            .map(|t| Ty::from_parser(*t))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Sig {
        params: list(ty.params())?,
        results: list(ty.results())?,
    })
}

/// A module ready to be judged: binary, surface, and the object that the compiler made of it.
#[derive(Clone)]
pub struct Program {
    /// The WebAssembly binary, as the compiler saw it.
    pub wasm: Vec<u8>,
    /// Its surface.
    pub info: Info,
    /// The relocatable object.
    pub object: Vec<u8>,
    /// What it was compiled with.
    pub options: Options,
    /// Bytes that the object has room for where its first memory has no maximum; the reference may not grow beyond them.
    pub memory_limit: Option<u64>,
}
