//! A module as the reducer sees it: sections as they were, function bodies as operator sequences to edit.
//!
//! In: a module. Out: the same module with one edit, by number; the numbers enumerate every edit. Validity is not this
//! file's concern: an edit that breaks the types is thrown away by the validator before anything runs, which
//! is cheaper than reasoning about stacks here.

use super::structure::Segment;
use std::rc::Rc;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, DataCountSection, Encode, ExportKind, ExportSection, Function, FunctionSection,
    Instruction, RawSection, SectionId, TypeSection, ValType,
};
use wasmparser::{Operator, Parser, Payload};

/// What an edit needs to know about an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `block`, `loop` or `if`.
    Open,
    /// `else`.
    Else,
    /// `end`.
    End,
    /// `i32.const`.
    I32(i32),
    /// `i64.const`.
    I64(i64),
    /// `f32.const`, by its bits.
    F32(u32),
    /// `f64.const`, by its bits.
    F64(u64),
    /// Reads a local.
    Get(u32),
    /// Writes a local.
    Set(u32),
    /// Writes a local and leaves the value.
    Tee(u32),
    /// Does nothing but drop a value.
    Idle,
    /// Anything else.
    Other,
}

/// One operator: its encoding, and its class.
#[derive(Clone)]
struct Op {
    bytes: Rc<[u8]>,
    class: Class,
}

impl Op {
    fn new(instruction: &Instruction<'_>, class: Class) -> Op {
        let mut bytes = Vec::new();
        instruction.encode(&mut bytes);
        Op {
            bytes: bytes.into(),
            class,
        }
    }

    fn i32(n: i32) -> Op {
        Op::new(&Instruction::I32Const(n), Class::I32(n))
    }

    fn i64(n: i64) -> Op {
        Op::new(&Instruction::I64Const(n), Class::I64(n))
    }

    fn f32(bits: u32) -> Op {
        Op::new(
            &Instruction::F32Const(f32::from_bits(bits).into()),
            Class::F32(bits),
        )
    }

    fn f64(bits: u64) -> Op {
        Op::new(
            &Instruction::F64Const(f64::from_bits(bits).into()),
            Class::F64(bits),
        )
    }

    /// The constant of a type that has these bits; a reference is null.
    fn constant(ty: ValType, bits: u64) -> Option<Op> {
        match ty {
            ValType::I32 => Some(Op::i32(bits as i32)),
            ValType::I64 => Some(Op::i64(bits as i64)),
            ValType::F32 => Some(Op::f32(bits as u32)),
            ValType::F64 => Some(Op::f64(bits)),
            ValType::Ref(r) if r.nullable => {
                let null = Instruction::RefNull(r.heap_type);
                Some(Op::new(&null, Class::Idle))
            }
            ValType::Ref(_) | ValType::V128 => None,
        }
    }

    fn end() -> Op {
        Op::new(&Instruction::End, Class::End)
    }

    fn get(n: u32) -> Op {
        Op::new(&Instruction::LocalGet(n), Class::Get(n))
    }

    /// A constant is progress over what it replaces, a smaller constant over a larger one.
    fn weight(&self) -> u64 {
        match self.class {
            Class::End => 1,
            Class::I32(n) => 10 + u64::from(32 - n.unsigned_abs().leading_zeros()),
            Class::I64(n) => 10 + u64::from(64 - n.unsigned_abs().leading_zeros()),
            Class::F32(n) => 10 + u64::from(n.count_ones()),
            Class::F64(n) => 10 + u64::from(n.count_ones()),
            Class::Get(n) => 11 + u64::from(n.min(8)),
            Class::Idle => 5,
            Class::Open | Class::Else | Class::Set(_) | Class::Tee(_) | Class::Other => 80,
        }
    }
}

/// One function's locals and operators, the final `end` included.
#[derive(Clone)]
struct Body {
    locals: Vec<ValType>,
    code: Vec<Op>,
}

/// Parameters and results of a function type.
type Signature = (Vec<ValType>, Vec<ValType>);

/// A section in order.
#[derive(Clone)]
enum Section {
    Raw(u8, Vec<u8>),
    Types(Vec<Signature>),
    /// By function of the module: its type.
    Functions(Vec<u32>),
    Exports(Vec<(String, ExportKind, u32)>),
    Code,
}

/// A module to edit.
#[derive(Clone)]
pub struct Module {
    sections: Vec<Section>,
    bodies: Vec<Body>,
    /// Imported functions, which come before the module's own.
    imports: usize,
}

/// Longest run of operators that one edit takes away or replaces.
const LONGEST: usize = 24;
/// Ways to replace an operator by drops: one to eight of them, then nothing, an i32 or an i64.
const DROPS: usize = 24;
/// How far apart two operators may be that one edit takes away.
const REACH: usize = 24;

/// What stays of a block that is taken away.
#[derive(Clone, Copy)]
enum Kept {
    /// What is in it.
    All,
    /// Its first arm, after a `drop` of the condition.
    Then,
    /// Its second arm, after a `drop` of the condition.
    Else,
}

/// Ways to take a block away.
const UNWRAPPED: [Kept; 3] = [Kept::All, Kept::Then, Kept::Else];

/// What a run of operators is replaced by.
fn replacements() -> [Option<Op>; 7] {
    let drop = Op::new(&Instruction::Drop, Class::Idle);
    [
        None,
        Some(Op::i32(0)),
        Some(Op::i64(0)),
        Some(Op::i32(1)),
        Some(Op::get(0)),
        Some(Op::get(1)),
        Some(drop),
    ]
}

impl Module {
    /// Reads a valid module; `None` if a part of it is out of the reducer's scope.
    pub fn read(wasm: &[u8]) -> Option<Module> {
        let mut module = Module {
            sections: Vec::new(),
            bodies: Vec::new(),
            imports: crate::program::Info::read(wasm).ok()?.imports.len(),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::CodeSectionStart { .. } => module.sections.push(Section::Code),
                Payload::CodeSectionEntry(body) => module.bodies.push(read_body(wasm, &body)?),
                Payload::ExportSection(reader) => {
                    let mut exports = Vec::new();
                    for export in reader {
                        let export = export.ok()?;
                        let kind = RoundtripReencoder.export_kind(export.kind).ok()?;
                        exports.push((export.name.to_owned(), kind, export.index));
                    }
                    module.sections.push(Section::Exports(exports));
                }
                Payload::TypeSection(reader) => {
                    let mut types = Vec::new();
                    for ty in reader.into_iter_err_on_gc_types() {
                        let ty = ty.ok()?;
                        let list = |all: &[wasmparser::ValType]| {
                            let each = all.iter().map(|t| RoundtripReencoder.val_type(*t).ok());
                            each.collect::<Option<Vec<_>>>()
                        };
                        types.push((list(ty.params())?, list(ty.results())?));
                    }
                    module.sections.push(Section::Types(types));
                }
                Payload::FunctionSection(reader) => {
                    let list: Result<Vec<u32>, _> = reader.into_iter().collect();
                    module.sections.push(Section::Functions(list.ok()?));
                }
                // It is made anew of the data section, which edits may take away.
                Payload::CustomSection(_) | Payload::DataCountSection { .. } => {}
                other => {
                    if let Some((id, range)) = other.as_section() {
                        let bytes = wasm[range.start as usize..range.end as usize].to_vec();
                        module.sections.push(Section::Raw(id, bytes));
                    }
                }
            }
        }
        Some(module)
    }

    /// The module's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = wasm_encoder::Module::new();
        for section in &self.sections {
            match section {
                Section::Raw(id, data) => {
                    out.section(&RawSection { id: *id, data });
                }
                Section::Exports(list) => {
                    let mut exports = ExportSection::new();
                    for (name, kind, index) in list {
                        exports.export(name, *kind, *index);
                    }
                    out.section(&exports);
                }
                Section::Types(list) => {
                    let mut types = TypeSection::new();
                    for (params, results) in list {
                        types
                            .ty()
                            .function(params.iter().copied(), results.iter().copied());
                    }
                    out.section(&types);
                }
                Section::Functions(list) => {
                    let mut functions = FunctionSection::new();
                    for ty in list {
                        functions.function(*ty);
                    }
                    out.section(&functions);
                }
                Section::Code => {
                    if let Some(count) = self.segments() {
                        out.section(&DataCountSection { count });
                    }
                    let mut code = CodeSection::new();
                    for body in &self.bodies {
                        let mut function =
                            Function::new_with_locals_types(body.locals.iter().copied());
                        for op in &body.code {
                            function.raw(op.bytes.iter().copied());
                        }
                        code.function(&function);
                    }
                    out.section(&code);
                }
            }
        }
        out.finish()
    }

    /// Number of data segments, if there is a section of them.
    fn segments(&self) -> Option<u32> {
        let data = self.sections.iter().find_map(|s| match s {
            Section::Raw(id, bytes) if *id == SectionId::Data as u8 => Some(bytes),
            _ => None,
        })?;
        let mut reader = wasmparser::BinaryReader::new(data, 0);
        reader.read_var_u32().ok()
    }

    /// Keeps only these exported functions.
    pub fn keep_function_exports(&mut self, names: &[String]) {
        for section in &mut self.sections {
            if let Section::Exports(list) = section {
                list.retain(|(name, kind, _)| *kind != ExportKind::Func || names.contains(name));
            }
        }
    }

    /// What the edits make smaller.
    pub fn weight(&self) -> u64 {
        let size = |s: &Section| match s {
            Section::Raw(_, bytes) => bytes.len(),
            Section::Types(list) => list.iter().map(|t| 2 + t.0.len() + t.1.len()).sum(),
            Section::Functions(list) => list.len(),
            Section::Exports(_) | Section::Code => 0,
        };
        let sections: usize = self.sections.iter().map(size).sum();
        let body =
            |b: &Body| b.code.iter().map(Op::weight).sum::<u64>() + 20 * b.locals.len() as u64;
        let exports: usize = self
            .sections
            .iter()
            .map(|s| {
                if let Section::Exports(l) = s {
                    l.len()
                } else {
                    0
                }
            })
            .sum();
        self.bodies.iter().map(body).sum::<u64>() + sections as u64 + 10 * exports as u64
    }

    /// The modules in which a segment is replaced by one of its parts, by a constant or by a local; a statement is dropped.
    pub fn replaced(&self, segment: &Segment) -> Vec<Module> {
        let Some(body) = self.bodies.get(segment.body) else {
            return Vec::new();
        };
        let run = segment.from..segment.to;
        if body.code.get(run.clone()).is_none() {
            return Vec::new();
        }
        let mut instead: Vec<Vec<Op>> = Vec::new();
        for &(from, to) in &segment.parts {
            instead.extend(body.code.get(from..to).map(<[Op]>::to_vec));
        }
        match segment.ty {
            None => instead.push(Vec::new()),
            Some(wasmparser::ValType::I32) => {
                instead.extend([vec![Op::i32(0)], vec![Op::i32(1)]]);
            }
            Some(wasmparser::ValType::I64) => {
                instead.extend([vec![Op::i64(0)], vec![Op::i64(1)]]);
            }
            Some(ty) => {
                let ty = RoundtripReencoder.val_type(ty).ok();
                let zero = ty.and_then(|ty| Op::constant(ty, 0));
                instead.extend(zero.map(|op| vec![op]));
            }
        }
        if segment.ty.is_some() {
            instead.extend([vec![Op::get(0)], vec![Op::get(1)]]);
        }
        let put = |ops: Vec<Op>| {
            let mut next = self.clone();
            next.bodies[segment.body].code.splice(run.clone(), ops);
            next
        };
        let weight = self.weight();
        let all = instead.into_iter().map(put);
        all.filter(|next| next.weight() < weight).collect()
    }

    fn signature(&self, func: u32) -> Option<&Signature> {
        let types = self.sections.iter().find_map(|s| match s {
            Section::Types(list) => Some(list),
            _ => None,
        })?;
        let functions = self.sections.iter().find_map(|s| match s {
            Section::Functions(list) => Some(list),
            _ => None,
        })?;
        // Imports come first, and are as many as bodies do not account for.
        types.get(*functions.get(self.own(func)?)? as usize)
    }

    /// The number of a function's body.
    fn own(&self, func: u32) -> Option<usize> {
        (func as usize).checked_sub(self.imports)
    }

    /// Number of a function's parameters.
    pub(super) fn params(&self, func: u32) -> Option<usize> {
        Some(self.signature(func)?.0.len())
    }

    /// Number of bodies.
    pub(super) fn bodies(&self) -> usize {
        self.bodies.len()
    }

    /// Number of a body's own locals.
    pub(super) fn locals(&self, body: usize) -> usize {
        self.bodies.get(body).map_or(0, |b| b.locals.len())
    }

    /// Gives a function another type, added behind the others.
    fn retyped(mut self, func: u32, signature: Signature) -> Option<Module> {
        let own = self.own(func)?;
        let mut ty = None;
        for section in &mut self.sections {
            match section {
                Section::Types(list) => {
                    let known = list.iter().position(|t| *t == signature);
                    ty = Some(known.unwrap_or(list.len()) as u32);
                    if known.is_none() {
                        list.push(signature.clone());
                    }
                }
                Section::Functions(list) => *list.get_mut(own)? = ty?,
                Section::Raw(..) | Section::Exports(_) | Section::Code => {}
            }
        }
        Some(self)
    }

    /// The module in which a function is nothing but this expression.
    pub(super) fn only(&self, segment: &Segment, func: u32) -> Option<Module> {
        let ty = RoundtripReencoder.val_type(segment.ty?).ok()?;
        let params = self.signature(func)?.0.clone();
        let mut next = self.clone();
        let body = next.bodies.get_mut(segment.body)?;
        let mut code = body.code.get(segment.from..segment.to)?.to_vec();
        code.push(Op::end());
        body.code = code;
        next.retyped(func, (params, vec![ty]))
    }

    /// The module in which a body returns zeros instead of going on with this operator; nothing if it has no such operator,
    /// or a result has no constant.
    pub(super) fn ended(&self, body: usize, at: usize) -> Option<Module> {
        let results = self.signature((body + self.imports) as u32)?.1.clone();
        let mut next = self.clone();
        let code = &mut next.bodies.get_mut(body)?.code;
        if at + 1 >= code.len() {
            return None;
        }
        code.truncate(at);
        let count = |class| code.iter().filter(|op| op.class == class).count();
        let open = (count(Class::Open) + 1).checked_sub(count(Class::End))?;
        for ty in results {
            code.push(Op::constant(ty, 0)?);
        }
        code.push(Op::new(&Instruction::Return, Class::Idle));
        code.extend(std::iter::repeat_n(Op::end(), open));
        Some(next)
    }

    /// The module in which a body has a constant where it reads a local that it never writes.
    pub(super) fn with_constant(&self, body: usize, local: u32, value: u64) -> Option<Module> {
        let mut next = self.clone();
        let own = next.bodies.get_mut(body)?;
        let writes = |op: &Op| matches!(op.class, Class::Set(n) | Class::Tee(n) if n == local);
        let func = (body + self.imports) as u32;
        let ty = *self.signature(func)?.0.get(local as usize)?;
        let constant = Op::constant(ty, value)?;
        if own.code.iter().any(writes) {
            return None;
        }
        let reads = |op: &Op| matches!(op.class, Class::Get(n) if n == local);
        let mut seen = false;
        for op in own.code.iter_mut().filter(|op| reads(op)) {
            *op = constant.clone();
            seen = true;
        }
        seen.then_some(next)
    }

    /// The module in which a function has no such parameter; nothing if its body names it.
    pub(super) fn without_parameter(&self, body: usize, func: u32, local: u32) -> Option<Module> {
        let (mut params, results) = self.signature(func)?.clone();
        if local as usize >= params.len() {
            return None;
        }
        params.remove(local as usize);
        let mut next = self.clone();
        next.bodies.get_mut(body)?.renumbered(local)?;
        next.retyped(func, (params, results))
    }

    /// The module in which a body has no such local (counted from its first own one); nothing if it names it.
    pub(super) fn without_local(&self, body: usize, params: u32, local: u32) -> Option<Module> {
        let mut next = self.clone();
        let own = next.bodies.get_mut(body)?;
        own.renumbered(params + local)?;
        if local as usize >= own.locals.len() {
            return None;
        }
        own.locals.remove(local as usize);
        Some(next)
    }

    /// The module with edit number `number`; `None` if there is no such edit any more.
    pub fn edited(&self, mut number: usize) -> Option<Module> {
        for index in 0..self.sections.len() {
            // A whole section, or one export.
            let parts = match &self.sections[index] {
                Section::Raw(..) => 1,
                Section::Exports(list) => list.len(),
                Section::Types(_) | Section::Functions(_) | Section::Code => 0,
            };
            if number < parts {
                return Some(self.without_part(index, number));
            }
            number -= parts;
        }
        for index in 0..self.bodies.len() {
            let runs = self.bodies[index].edits();
            if number < runs {
                let mut next = self.clone();
                self.bodies[index].edit(number, &mut next.bodies[index]);
                return Some(next);
            }
            number -= runs;
        }
        None
    }

    fn without_part(&self, index: usize, part: usize) -> Module {
        let mut next = self.clone();
        match &mut next.sections[index] {
            Section::Exports(list) => {
                list.remove(part);
            }
            Section::Raw(..) | Section::Types(_) | Section::Functions(_) | Section::Code => {
                next.sections.remove(index);
            }
        }
        next
    }
}

fn read_body(wasm: &[u8], body: &wasmparser::FunctionBody<'_>) -> Option<Body> {
    let mut locals = Vec::new();
    for local in body.get_locals_reader().ok()? {
        let (n, ty) = local.ok()?;
        let ty = RoundtripReencoder.val_type(ty).ok()?;
        locals.resize(locals.len() + n as usize, ty);
    }
    let mut code = Vec::new();
    let mut reader = body.get_operators_reader().ok()?;
    while !reader.eof() {
        let start = reader.original_position() as usize;
        let class = match reader.read().ok()? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => Class::Open,
            Operator::Else => Class::Else,
            Operator::End => Class::End,
            Operator::I32Const { value } => Class::I32(value),
            Operator::I64Const { value } => Class::I64(value),
            Operator::F32Const { value } => Class::F32(value.bits()),
            Operator::F64Const { value } => Class::F64(value.bits()),
            Operator::LocalGet { local_index } => Class::Get(local_index),
            Operator::LocalSet { local_index } => Class::Set(local_index),
            Operator::LocalTee { local_index } => Class::Tee(local_index),
            Operator::Drop | Operator::Nop => Class::Idle,
            // The editor treats all the rest alike; whether an edit of it makes sense, the validator says.
            _ => Class::Other,
        };
        code.push(Op {
            bytes: wasm.get(start..reader.original_position() as usize)?.into(),
            class,
        });
    }
    Some(Body { locals, code })
}

impl Body {
    /// Numbers locals as if this one were gone; nothing if an operator names it.
    fn renumbered(&mut self, gone: u32) -> Option<()> {
        for op in &mut self.code {
            let (Class::Get(n) | Class::Set(n) | Class::Tee(n)) = op.class else {
                continue;
            };
            if n == gone {
                return None;
            }
            let now = n - u32::from(n > gone);
            *op = match op.class {
                Class::Set(_) => Op::new(&Instruction::LocalSet(now), Class::Set(now)),
                Class::Tee(_) => Op::new(&Instruction::LocalTee(now), Class::Tee(now)),
                _ => Op::get(now),
            };
        }
        Some(())
    }

    fn longest(&self) -> usize {
        self.code.len().min(LONGEST)
    }

    /// Number of edits: the whole body, runs by each replacement, pairs, blocks, locals, constants.
    fn edits(&self) -> usize {
        let n = self.code.len();
        1 + n * self.longest() * replacements().len()
            + n * (REACH + DROPS)
            + UNWRAPPED.len() * n
            + self.locals.len()
            + 3 * n
    }

    fn edit(&self, mut number: usize, next: &mut Body) {
        let n = self.code.len();
        if number == 0 {
            next.code = vec![Op::new(&Instruction::Unreachable, Class::Idle), Op::end()];
            next.locals.clear();
            return;
        }
        number -= 1;
        let menu = replacements();
        let runs = n * self.longest() * menu.len();
        if number < runs {
            // Long runs first: they take the most away at once.
            let length = self.longest() - number / (n * menu.len());
            let at = number / menu.len() % n;
            let end = (at + length).min(n.saturating_sub(1)).max(at);
            next.code.splice(at..end, menu[number % menu.len()].clone());
            return;
        }
        number -= runs;
        if number < n * REACH {
            return self.drop_pair(number / REACH, number % REACH + 2, next);
        }
        number -= n * REACH;
        if number < n * DROPS {
            return self.consume(number / DROPS, number % DROPS, next);
        }
        number -= n * DROPS;
        if number < UNWRAPPED.len() * n {
            let (at, how) = (number / UNWRAPPED.len(), number % UNWRAPPED.len());
            return self.unwrap_block(at, UNWRAPPED[how], next);
        }
        number -= UNWRAPPED.len() * n;
        if number < self.locals.len() {
            return self.drop_local(number, next);
        }
        number -= self.locals.len();
        self.smaller_constant(number / 3, number % 3, next);
    }

    /// Replaces an operator by drops of its operands, and by a constant for its result.
    fn consume(&self, at: usize, how: usize, next: &mut Body) {
        if at + 1 < self.code.len() {
            let drop = Op::new(&Instruction::Drop, Class::Idle);
            let mut instead = vec![drop; how / 3 + 1];
            match how % 3 {
                0 => {}
                1 => instead.push(Op::i32(0)),
                _ => instead.push(Op::i64(0)),
            }
            next.code.splice(at..=at, instead);
        }
    }

    /// Takes away two operators with others between: a value and what consumes it.
    fn drop_pair(&self, at: usize, distance: usize, next: &mut Body) {
        if at + distance + 1 < self.code.len() {
            next.code.remove(at + distance);
            next.code.remove(at);
        }
    }

    /// Takes away a block's `block`, `loop` or `if` and its `end`, but not what is kept of what is between.
    fn unwrap_block(&self, at: usize, kept: Kept, next: &mut Body) {
        let mut depth = 0;
        let mut otherwise = None;
        for (i, op) in self.code.iter().enumerate().skip(at) {
            match op.class {
                Class::Open => depth += 1,
                Class::End => depth -= 1,
                Class::Else if depth == 1 => otherwise = Some(i),
                _ => {}
            }
            if depth > 0 {
                continue;
            }
            if i > at && i + 1 < self.code.len() {
                let arm = match (kept, otherwise) {
                    (Kept::Else, Some(middle)) => middle + 1..i,
                    (Kept::Else, None) => i..i,
                    (Kept::All | Kept::Then, middle) => at + 1..middle.unwrap_or(i),
                };
                let drop = Op::new(&Instruction::Drop, Class::Idle);
                let mut instead = match kept {
                    Kept::All => Vec::new(),
                    Kept::Then | Kept::Else => vec![drop],
                };
                instead.extend_from_slice(&self.code[arm]);
                next.code.splice(at..=i, instead);
            }
            return;
        }
    }

    /// Takes away the last local if nothing names it; the validator finds out.
    fn drop_local(&self, at: usize, next: &mut Body) {
        next.locals.remove(at);
    }

    fn smaller_constant(&self, at: usize, way: usize, next: &mut Body) {
        match self.code[at].class {
            Class::I32(n) => next.code[at] = Op::i32([0, 1, n / 2][way]),
            Class::I64(n) => next.code[at] = Op::i64([0, 1, n / 2][way]),
            Class::F32(_) => next.code[at] = Op::f32([0.0_f32, 1.0, -1.0][way].to_bits()),
            Class::F64(_) => next.code[at] = Op::f64([0.0_f64, 1.0, -1.0][way].to_bits()),
            Class::Open | Class::Else | Class::End | Class::Idle | Class::Other => {}
            Class::Get(_) | Class::Set(_) | Class::Tee(_) => {}
        }
    }
}
