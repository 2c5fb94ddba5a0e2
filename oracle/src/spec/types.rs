//! What modules import and export, and whether one fits the other.
//!
//! In: a binary. Out: its imports and exports with types. Matching is that of the specification (4.5.2 and "Import matching"):
//! the sizes of memories and tables are those at the time of linking, which the caller says.

use crate::program::{Sig, Ty};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};

/// The type of something that is imported or exported.
#[derive(Clone, PartialEq, Debug)]
pub enum Extern {
    /// A function.
    Func(FuncType),
    /// A global, and whether it is mutable.
    Global(ValType, bool),
    /// A memory: minimum, maximum, binary logarithm of the page.
    Memory(u64, Option<u64>, u32),
    /// A table: minimum, maximum, type of its elements.
    Table(u64, Option<u64>, ValType),
    /// What has no place here.
    Other,
}

/// One import or export.
#[derive(Clone, Debug)]
pub struct Named {
    /// Module, empty for an export.
    pub module: String,
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Extern,
    /// Index in the space of its kind.
    pub index: u32,
}

/// The surface of a module.
#[derive(Clone, Default, Debug)]
pub struct Surface {
    /// Imports in order.
    pub imports: Vec<Named>,
    /// Exports in order.
    pub exports: Vec<Named>,
    /// The size of a page of each memory, as its logarithm.
    pub pages: Vec<u32>,
}

#[derive(Default)]
struct Spaces {
    types: Vec<Option<FuncType>>,
    funcs: Vec<Extern>,
    globals: Vec<Extern>,
    memories: Vec<Extern>,
    tables: Vec<Extern>,
    tags: Vec<Extern>,
}

impl Spaces {
    fn func(&self, ty: u32) -> Extern {
        let found = self.types.get(ty as usize).cloned().flatten();
        found.map_or(Extern::Other, Extern::Func)
    }

    fn of(&mut self, kind: ExternalKind) -> &mut Vec<Extern> {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &mut self.funcs,
            ExternalKind::Global => &mut self.globals,
            ExternalKind::Memory => &mut self.memories,
            ExternalKind::Table => &mut self.tables,
            ExternalKind::Tag => &mut self.tags,
        }
    }
}

fn memory(m: wasmparser::MemoryType) -> Extern {
    match m.memory64 || m.shared {
        true => Extern::Other,
        false => Extern::Memory(m.initial, m.maximum, m.page_size_log2.unwrap_or(16)),
    }
}

fn table(t: wasmparser::TableType) -> Extern {
    Extern::Table(t.initial, t.maximum, ValType::Ref(t.element_type))
}

impl Surface {
    /// Reads a module.
    ///
    /// # Errors
    /// Text of the parser.
    pub fn read(wasm: &[u8]) -> Result<Surface, String> {
        let mut surface = Surface::default();
        let mut s = Spaces::default();
        for payload in Parser::new(0).parse_all(wasm) {
            surface
                .payload(&mut s, payload)
                .map_err(|e| e.to_string())?;
        }
        let page = |memory: &Extern| match memory {
            Extern::Memory(_, _, page) => *page,
            _ => 0,
        };
        surface.pages = s.memories.iter().map(page).collect();
        Ok(surface)
    }

    fn payload(
        &mut self,
        s: &mut Spaces,
        payload: wasmparser::Result<Payload<'_>>,
    ) -> wasmparser::Result<()> {
        match payload? {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for sub in group?.into_types() {
                        s.types.push(match sub.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(f) => Some(f),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    let (kind, ty) = match import.ty {
                        TypeRef::Func(t) | TypeRef::FuncExact(t) => (ExternalKind::Func, s.func(t)),
                        TypeRef::Global(g) => (
                            ExternalKind::Global,
                            Extern::Global(g.content_type, g.mutable),
                        ),
                        TypeRef::Memory(m) => (ExternalKind::Memory, memory(m)),
                        TypeRef::Table(t) => (ExternalKind::Table, table(t)),
                        TypeRef::Tag(_) => (ExternalKind::Tag, Extern::Other),
                    };
                    let space = s.of(kind);
                    self.imports.push(Named {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        ty: ty.clone(),
                        index: space.len() as u32,
                    });
                    space.push(ty);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    let ty = s.func(ty?);
                    s.funcs.push(ty);
                }
            }
            Payload::TableSection(reader) => {
                for t in reader {
                    s.tables.push(table(t?.ty));
                }
            }
            Payload::MemorySection(reader) => {
                for m in reader {
                    s.memories.push(memory(m?));
                }
            }
            Payload::GlobalSection(reader) => {
                for g in reader {
                    let ty = g?.ty;
                    s.globals.push(Extern::Global(ty.content_type, ty.mutable));
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    let found = s.of(export.kind).get(export.index as usize).cloned();
                    self.exports.push(Named {
                        module: String::new(),
                        name: export.name.to_owned(),
                        ty: found.unwrap_or(Extern::Other),
                        index: export.index,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether limits lie within those that an import asks for.
fn within(given: (u64, Option<u64>), wanted: (u64, Option<u64>)) -> bool {
    let most = match (given.1, wanted.1) {
        (_, None) => true,
        (Some(has), Some(may)) => has <= may,
        (None, Some(_)) => false,
    };
    given.0 >= wanted.0 && most
}

/// Whether what is there may be imported as what is wanted.
pub fn matches(given: &Extern, wanted: &Extern) -> bool {
    match (given, wanted) {
        (Extern::Memory(a, b, page), Extern::Memory(c, d, other)) => {
            page == other && within((*a, *b), (*c, *d))
        }
        (Extern::Table(a, b, ty), Extern::Table(c, d, other)) => {
            ty == other && within((*a, *b), (*c, *d))
        }
        (Extern::Other, _) | (_, Extern::Other) => false,
        (a, b) => a == b,
    }
}

/// The type of a value as the machine holds it; `None` if it is of a kind that has no place here. A reference is a word: the
/// address of a function, or a handle of the host.
pub fn value(ty: ValType) -> Option<Ty> {
    match ty {
        ValType::FUNCREF | ValType::EXTERNREF => Some(Ty::I32),
        other => Ty::from_parser(other).ok(),
    }
}

/// The type of a function as the machine calls it; `None` if a value is of a kind that is not called yet.
pub fn signature(ty: &FuncType) -> Option<Sig> {
    let list = |types: &[ValType]| {
        let each = types.iter().map(|t| value(*t));
        each.collect::<Option<Vec<_>>>()
    };
    Some(Sig {
        params: list(ty.params())?,
        results: list(ty.results())?,
    })
}
