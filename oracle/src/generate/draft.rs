//! A module while it is being made: types, imports, globals, memory, functions; then its bytes.

use crate::engine::CALLS_BACK;
use crate::program::{FUEL, Sig, Ty};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, HeapType,
    Ieee32, Ieee64, ImportSection, Instruction, MemorySection, MemoryType, Module, RefType,
    StartSection, TableSection, TableType, TypeSection, ValType,
};

/// A function that is ready.
pub struct Ready {
    /// Its type.
    pub sig: Sig,
    /// Types of its locals past the parameters.
    pub locals: Vec<Ty>,
    /// Its operators, without the last `end`.
    pub code: Vec<Instruction<'static>>,
    /// At most this many operators run in one call, those of callees included.
    pub cost: u64,
    /// Whether it is exported under its number.
    pub exported: bool,
}

/// A global of the module.
#[derive(Clone, Copy)]
pub struct GlobalDraft {
    /// Value type.
    pub ty: Ty,
    /// Whether it may be set.
    pub mutable: bool,
    /// Initial value, of those that are not imported.
    pub value: u64,
    /// Whether it comes from outside. Imported ones come first.
    pub imported: bool,
    /// Whether it is exported.
    pub exported: bool,
}

/// A memory behind the first one, whose segment is active.
pub struct MemoryDraft {
    /// Initial size in pages.
    pub min: u64,
    /// Maximum in pages.
    pub max: u64,
    /// Whether its pages are bytes.
    pub small_pages: bool,
    /// Offset and bytes of a data segment.
    pub data: (u32, Vec<u8>),
}

/// A table of the module.
#[derive(Clone)]
pub struct TableDraft {
    /// Whether it holds functions, and not handles of the host.
    pub funcref: bool,
    /// Entries at the start.
    pub min: u32,
    /// The most that it may have.
    pub max: Option<u32>,
    /// Whether it is exported.
    pub exported: bool,
    /// The type of the functions that it is there for.
    pub sig: Sig,
    /// How many of its first entries are such functions in a tame module, whatever runs.
    pub callable: u32,
}

/// An element segment of the module.
#[derive(Clone)]
pub struct ElemDraft {
    /// The table and the place that it is copied to at the start.
    pub active: Option<(u32, u32)>,
    /// Whether it holds functions.
    pub funcref: bool,
    /// The type of its functions, if it is passive.
    pub sig: Sig,
    /// Functions by index, or null.
    pub items: Vec<Option<u32>>,
    /// Whether an operator reads it.
    pub used: bool,
    /// Whether an operator drops it.
    pub dropped: bool,
}

impl ElemDraft {
    /// A segment that fills a table at the start.
    pub fn active(table: u32, at: u32, items: Vec<Option<u32>>) -> ElemDraft {
        ElemDraft {
            active: Some((table, at)),
            ..ElemDraft::passive(true, Sig::default(), items)
        }
    }

    /// A segment for `table.init`.
    pub fn passive(funcref: bool, sig: Sig, items: Vec<Option<u32>>) -> ElemDraft {
        ElemDraft {
            active: None,
            funcref,
            sig,
            items,
            used: false,
            dropped: false,
        }
    }
}

/// A module under construction.
#[derive(Default)]
pub struct Draft {
    pub(super) types: Vec<Sig>,
    /// Types of imported functions.
    pub imports: Vec<Sig>,
    /// Functions in order; the index space continues after the imports.
    pub funcs: Vec<Ready>,
    /// Minimum and maximum pages of memory.
    pub memory: Option<(u64, Option<u64>)>,
    /// Whether the memory is exported.
    pub memory_exported: bool,
    /// Whether the memory comes from outside.
    pub memory_imported: bool,
    /// Whether the memory's pages are bytes.
    pub small_pages: bool,
    /// Memories behind the first one.
    pub others: Vec<MemoryDraft>,
    /// Passive data segments; their numbers follow those of the active ones.
    pub passive: Vec<Vec<u8>>,
    /// Initial values that are more than constants: the global, and the operators.
    pub extended: Vec<(u32, Vec<Instruction<'static>>)>,
    /// An immutable i32 from outside: offsets of data segments cancel it out.
    pub outside: Option<u32>,
    /// The global that bounds the running time, if one does.
    pub fuel: Option<u32>,
    /// Globals in order.
    pub globals: Vec<GlobalDraft>,
    /// Data segments: offset and bytes.
    pub data: Vec<(u32, Vec<u8>)>,
    /// Tables in order.
    pub tables: Vec<TableDraft>,
    /// Element segments in order.
    pub elems: Vec<ElemDraft>,
    /// Globals behind the others that refer to a function: which, and whether they may change.
    pub references: Vec<(u32, bool)>,
    /// Of the functions, how many of the first may be referred to; all if nothing is said.
    pub leaves: Option<usize>,
    /// Functions that code refers to, which a segment must declare.
    pub referred: Vec<u32>,
    /// Number of the start function among `funcs`.
    pub start: Option<usize>,
    /// Whether functions may trap.
    pub wild: bool,
    /// Whether some imports call back into exports.
    pub calls_back: bool,
}

/// The encoder's name of a type.
pub fn val_type(ty: Ty) -> ValType {
    match ty {
        Ty::I32 => ValType::I32,
        Ty::I64 => ValType::I64,
        Ty::F32 => ValType::F32,
        Ty::F64 => ValType::F64,
    }
}

/// The operator that makes these bits.
pub fn constant(ty: Ty, bits: u64) -> Instruction<'static> {
    match ty {
        Ty::I32 => Instruction::I32Const(bits as i32),
        Ty::I64 => Instruction::I64Const(bits as i64),
        Ty::F32 => Instruction::F32Const(Ieee32::new(bits as u32)),
        Ty::F64 => Instruction::F64Const(Ieee64::new(bits)),
    }
}

impl Draft {
    /// The index of a function type, made on first use.
    pub fn type_index(&mut self, sig: &Sig) -> u32 {
        let at = self.types.iter().position(|s| s == sig).unwrap_or_else(|| {
            self.types.push(sig.clone());
            self.types.len() - 1
        });
        at as u32
    }

    /// The type of a function of the index space.
    pub fn sig(&self, index: usize) -> &Sig {
        match index.checked_sub(self.imports.len()) {
            Some(defined) => &self.funcs[defined].sig,
            None => &self.imports[index],
        }
    }

    /// How many functions of the index space may be referred to: those that call through no table, so that every call ends.
    pub fn leaves(&self) -> usize {
        self.imports.len() + self.leaves.unwrap_or(self.funcs.len())
    }

    /// Functions of this type that may be referred to, imported ones among them.
    pub fn referable(&self, sig: &Sig) -> Vec<u32> {
        (0..self.leaves() as u32)
            .filter(|f| self.sig(*f as usize) == sig)
            .collect()
    }

    /// Globals that refer to functions of this type.
    pub fn funcref_globals(&self, sig: &Sig) -> Vec<u32> {
        let all = self.references.iter().enumerate();
        let of = all.filter(|(_, (f, _))| self.sig(*f as usize) == sig);
        of.map(|(i, _)| (self.globals.len() + i) as u32).collect()
    }

    /// Passive segments that may go to a table.
    pub fn passive(&self, t: &TableDraft) -> Vec<u32> {
        let all = self.elems.iter().enumerate();
        let fits = |e: &ElemDraft| e.active.is_none() && e.funcref == t.funcref && e.sig == t.sig;
        let live = |e: &ElemDraft| fits(e) && (self.wild || !e.dropped);
        all.filter(|(_, e)| live(e))
            .map(|(i, _)| i as u32)
            .collect()
    }

    /// Says that code refers to a function.
    pub fn refer(&mut self, func: u32) {
        if !self.referred.contains(&func) {
            self.referred.push(func);
        }
    }

    /// The cost of calling any function of a type.
    pub fn deepest(&self, sig: &Sig) -> u64 {
        let costs = self.referable(sig).into_iter();
        costs.map(|f| self.cost(f as usize)).max().unwrap_or(0)
    }

    /// The cost of calling a function of the index space.
    pub fn cost(&self, index: usize) -> u64 {
        // An import costs what its bookkeeping costs in operators, and what it calls back.
        let import = if self.calls_back { 1000 } else { 200 };
        index
            .checked_sub(self.imports.len())
            .map_or(import, |defined| self.funcs[defined].cost)
    }

    /// The bytes of the module. Exported functions are called `f0`, `f1` and so on by their number.
    pub fn encode(mut self) -> Vec<u8> {
        let imports: Vec<u32> = self
            .imports
            .clone()
            .iter()
            .map(|s| self.type_index(s))
            .collect();
        let sigs: Vec<Sig> = self.funcs.iter().map(|f| f.sig.clone()).collect();
        let funcs: Vec<u32> = sigs.iter().map(|s| self.type_index(s)).collect();
        let mut module = Module::new();
        let mut types = TypeSection::new();
        for sig in &self.types {
            let list = |types: &[Ty]| types.iter().map(|t| val_type(*t)).collect::<Vec<_>>();
            types.ty().function(list(&sig.params), list(&sig.results));
        }
        module.section(&types);
        self.encode_imports(&mut module, &imports);
        let mut section = FunctionSection::new();
        for ty in &funcs {
            section.function(*ty);
        }
        module.section(&section);
        self.encode_tables(&mut module);
        let mut memories = MemorySection::new();
        if let Some(ty) = self.memory_type().filter(|_| !self.memory_imported) {
            memories.memory(ty);
        }
        for m in &self.others {
            memories.memory(memory_type(m.min, Some(m.max), m.small_pages));
        }
        if !memories.is_empty() {
            module.section(&memories);
        }
        self.encode_globals(&mut module);
        self.encode_exports(&mut module);
        if let Some(start) = self.start {
            module.section(&StartSection {
                function_index: (self.imports.len() + start) as u32,
            });
        }
        self.encode_elements(&mut module);
        if !self.passive.is_empty() {
            module.section(&DataCountSection {
                count: (self.active() + self.passive.len()) as u32,
            });
        }
        let mut code = CodeSection::new();
        for func in &self.funcs {
            let mut body =
                Function::new_with_locals_types(func.locals.iter().map(|t| val_type(*t)));
            for instruction in &func.code {
                body.instruction(instruction);
            }
            body.instruction(&Instruction::End);
            code.function(&body);
        }
        module.section(&code);
        let mut data = DataSection::new();
        for (offset, bytes) in &self.data {
            let offset = self.offset(*offset);
            data.active(0, &offset, bytes.iter().copied());
        }
        for (m, memory) in self.others.iter().enumerate() {
            let offset = self.offset(memory.data.0);
            data.active(m as u32 + 1, &offset, memory.data.1.iter().copied());
        }
        for bytes in &self.passive {
            data.passive(bytes.iter().copied());
        }
        if !data.is_empty() {
            module.section(&data);
        }
        module.finish()
    }

    /// Number of active data segments, which come first.
    pub fn active(&self) -> usize {
        self.data.len() + self.others.len()
    }

    /// Bytes of a data segment: active ones, first those of the first memory, come before passive ones.
    pub fn segment_length(&self, index: usize) -> u32 {
        let others = self.others.iter().map(|memory| &memory.data.1);
        let mut all = self.data.iter().map(|segment| &segment.1).chain(others);
        let length = match index.checked_sub(self.active()) {
            Some(passive) => self.passive.get(passive),
            None => all.nth(index),
        };
        length.map_or(0, |bytes| bytes.len() as u32)
    }

    /// Initial size of a memory in bytes.
    pub fn bytes(&self, memory: u32) -> u32 {
        let (pages, small) = match memory.checked_sub(1) {
            None => (self.memory.map_or(0, |m| m.0), self.small_pages),
            Some(n) => (
                self.others[n as usize].min,
                self.others[n as usize].small_pages,
            ),
        };
        (pages << if small { 0 } else { 16 }) as u32
    }

    fn memory_type(&self) -> Option<MemoryType> {
        let (min, max) = self.memory?;
        Some(memory_type(min, max, self.small_pages))
    }

    /// The offset of a data segment.
    fn offset(&self, at: u32) -> ConstExpr {
        match self.outside {
            None => ConstExpr::i32_const(at as i32),
            // What comes from outside is taken away from itself.
            Some(g) => ConstExpr::extended([
                Instruction::GlobalGet(g),
                Instruction::GlobalGet(g),
                Instruction::I32Const(at as i32),
                Instruction::I32Sub,
                Instruction::I32Sub,
            ]),
        }
    }

    fn encode_imports(&self, module: &mut Module, types: &[u32]) {
        let mut section = ImportSection::new();
        for (i, ty) in types.iter().enumerate() {
            // Both ways of naming an import's symbol are used.
            let (from, field) = if self.calls_back && i % 3 == 0 {
                (CALLS_BACK, format!("call{i}"))
            } else if i % 2 == 0 {
                ("env", format!("host{i}"))
            } else {
                ("dev", format!("io{i}"))
            };
            section.import(from, &field, EntityType::Function(*ty));
        }
        for (i, global) in self.globals.iter().enumerate().filter(|(_, g)| g.imported) {
            section.import(
                "env",
                &format!("hostvar{i}"),
                EntityType::Global(global_type(global)),
            );
        }
        if let Some(ty) = self.memory_type().filter(|_| self.memory_imported) {
            section.import("env", "hostmemory", EntityType::Memory(ty));
        }
        if !section.is_empty() {
            module.section(&section);
        }
    }

    fn encode_tables(&self, module: &mut Module) {
        let mut section = TableSection::new();
        for t in &self.tables {
            section.table(TableType {
                element_type: reference_type(t.funcref),
                table64: false,
                minimum: t.min.into(),
                maximum: t.max.map(u64::from),
                shared: false,
            });
        }
        if !section.is_empty() {
            module.section(&section);
        }
    }

    fn encode_elements(&self, module: &mut Module) {
        let mut section = ElementSection::new();
        for (i, e) in self.elems.iter().enumerate() {
            let all: Option<Vec<u32>> = e.items.iter().copied().collect();
            let exprs: Vec<ConstExpr> = e
                .items
                .iter()
                .map(|item| match item {
                    Some(f) => ConstExpr::ref_func(*f),
                    None if e.funcref => ConstExpr::ref_null(HeapType::FUNC),
                    None => ConstExpr::ref_null(HeapType::EXTERN),
                })
                .collect();
            // Both ways of writing a segment are used.
            let elements = match all {
                Some(funcs) if e.funcref && i % 2 == 0 => Elements::Functions(funcs.into()),
                _ => Elements::Expressions(reference_type(e.funcref), exprs.into()),
            };
            match e.active {
                Some((table, at)) => {
                    section.active(Some(table), &ConstExpr::i32_const(at as i32), elements);
                }
                None => {
                    section.passive(elements);
                }
            }
        }
        if !self.referred.is_empty() {
            section.declared(Elements::Functions(self.referred.clone().into()));
        }
        if !section.is_empty() {
            module.section(&section);
        }
    }

    fn encode_globals(&self, module: &mut Module) {
        let mut section = GlobalSection::new();
        let own = self.globals.iter().enumerate().filter(|(_, g)| !g.imported);
        for (i, global) in own {
            let extended = self.extended.iter().find(|e| e.0 == i as u32);
            let value = match (extended, global.ty) {
                (Some((_, steps)), _) => ConstExpr::extended(steps.iter().cloned()),
                (None, Ty::I32) => ConstExpr::i32_const(global.value as i32),
                (None, Ty::I64) => ConstExpr::i64_const(global.value as i64),
                (None, Ty::F32) => ConstExpr::f32_const(Ieee32::new(global.value as u32)),
                (None, Ty::F64) => ConstExpr::f64_const(Ieee64::new(global.value)),
            };
            section.global(global_type(global), &value);
        }
        for &(func, mutable) in &self.references {
            let ty = GlobalType {
                val_type: RefType::FUNCREF.into(),
                mutable,
                shared: false,
            };
            section.global(ty, &ConstExpr::ref_func(func));
        }
        if !section.is_empty() {
            module.section(&section);
        }
    }

    fn encode_exports(&self, module: &mut Module) {
        let mut section = ExportSection::new();
        for (i, _) in self.funcs.iter().enumerate().filter(|(_, f)| f.exported) {
            section.export(
                &format!("f{i}"),
                ExportKind::Func,
                (self.imports.len() + i) as u32,
            );
        }
        for (i, _) in self.tables.iter().enumerate().filter(|(_, t)| t.exported) {
            section.export(&format!("t{i}"), ExportKind::Table, i as u32);
        }
        if self.memory.is_some() && self.memory_exported {
            section.export("memory", ExportKind::Memory, 0);
        }
        for (i, _) in self
            .globals
            .iter()
            .enumerate()
            .filter(|(_, g)| g.exported && !g.imported)
        {
            let name = match self.fuel == Some(i as u32) {
                true => FUEL.to_owned(),
                false => format!("g{i}"),
            };
            section.export(&name, ExportKind::Global, i as u32);
        }
        module.section(&section);
    }
}

fn memory_type(minimum: u64, maximum: Option<u64>, small_pages: bool) -> MemoryType {
    MemoryType {
        minimum,
        maximum,
        memory64: false,
        shared: false,
        page_size_log2: small_pages.then_some(0),
    }
}

fn reference_type(funcref: bool) -> RefType {
    match funcref {
        true => RefType::FUNCREF,
        false => RefType::EXTERNREF,
    }
}

fn global_type(global: &GlobalDraft) -> GlobalType {
    GlobalType {
        val_type: val_type(global.ty),
        mutable: global.mutable,
        shared: false,
    }
}
