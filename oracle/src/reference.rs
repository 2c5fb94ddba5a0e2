//! The reference engine: wasmtime, compiled fast rather than well.
//!
//! In: a program; it runs the module behind a dispatcher (see [`crate::dispatch`]). Out: what the specification says.
//! Invariant: no optimization and the single-pass allocator, so that the reference shares as little as possible
//! with an optimizing compiler. A stack overflow is [`TrapKind::StackExhausted`], whose point differs between engines:
//! the comparison treats it as the end of what can be said.

use crate::dispatch;
use crate::engine::{Engine, Outcome, answer, copy, imported_global};
use crate::program::{Info, MemoryInfo, Program, Ty};
use std::sync::Arc;
use thumbsmith::TrapKind;
use wasmtime::{
    Caller, Config, ExternType, Func, FuncType, Instance, Memory, MemoryTypeBuilder, Module,
    OperatorCost, OptLevel, RegallocAlgorithm, Store, StoreLimits, StoreLimitsBuilder, Trap, Val,
    ValType, VariableOperatorCost,
};

/// What the host's functions see.
struct Host {
    limits: StoreLimits,
    info: Arc<Info>,
    log: Vec<u64>,
    calls: u64,
    /// Whether an import may call back.
    free: bool,
}

struct Running {
    store: Store<Host>,
    instance: Option<Instance>,
    dispatch: Option<Func>,
    memories: Vec<Memory>,
}

/// wasmtime behind the engine trait.
pub struct Reference {
    name: &'static str,
    engine: wasmtime::Engine,
    fuel: Option<u64>,
    module: Option<(Module, Arc<Info>, Option<u64>)>,
    running: Option<Running>,
    params: Vec<Val>,
    results: Vec<Val>,
}

impl Reference {
    /// A reference whose every call may use `fuel` units (about one for each operator); `None` trusts the
    /// program to end, which is faster and right for generated modules.
    ///
    /// # Errors
    /// Text of the engine if its configuration is refused on this host.
    pub fn new(fuel: Option<u64>) -> Result<Reference, String> {
        let how = (OptLevel::None, RegallocAlgorithm::SinglePass);
        Reference::configured("wasmtime", how, fuel)
    }

    /// The same reference with its optimizer and its other allocator: where it says something else than [`Reference::new`],
    /// it is the reference that is wrong.
    ///
    /// # Errors
    /// As [`Reference::new`].
    pub fn optimizing(fuel: Option<u64>) -> Result<Reference, String> {
        let how = (OptLevel::Speed, RegallocAlgorithm::Backtracking);
        Reference::configured("wasmtime, optimizing", how, fuel)
    }

    fn configured(
        name: &'static str,
        (level, allocator): (OptLevel, RegallocAlgorithm),
        fuel: Option<u64>,
    ) -> Result<Reference, String> {
        let mut config = Config::new();
        // A range costs what one access does, or fuel would run out before its bounds are checked.
        let cost = OperatorCost {
            variable: VariableOperatorCost {
                memory_copy_per_byte: 0,
                memory_fill_per_byte: 0,
                memory_init_per_byte: 0,
                table_copy_per_element: 0,
                table_fill_per_element: 0,
                table_init_per_element: 0,
                table_grow_per_element: 0,
                ..VariableOperatorCost::default()
            },
            ..OperatorCost::default()
        };
        config
            .cranelift_opt_level(level)
            .cranelift_regalloc_algorithm(allocator)
            .cranelift_debug_verifier(false)
            .cranelift_nan_canonicalization(true)
            .consume_fuel(fuel.is_some())
            .operator_cost(cost)
            .generate_address_map(false)
            .wasm_backtrace_max_frames(None)
            .memory_init_cow(false)
            .wasm_custom_page_sizes(true)
            .wasm_extended_const(true)
            .wasm_multi_memory(true)
            .max_wasm_stack(256 << 10);
        let engine = wasmtime::Engine::new(&config).map_err(|e| e.to_string())?;
        Ok(Reference {
            name,
            engine,
            fuel,
            module: None,
            running: None,
            params: Vec::new(),
            results: Vec::new(),
        })
    }

    /// Gives each call from here on so much fuel, if it is bounded by fuel at all.
    pub fn set_fuel(&mut self, units: u64) {
        self.fuel = self.fuel.map(|_| units);
    }

    fn outcome(result: Result<(), wasmtime::Error>) -> Result<(), Outcome> {
        let error = match result {
            Ok(()) => return Ok(()),
            Err(e) => e,
        };
        Err(match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached) => Outcome::Trapped(TrapKind::Unreachable),
            Some(Trap::IntegerDivisionByZero) => Outcome::Trapped(TrapKind::DivideByZero),
            Some(Trap::BadConversionToInteger) => Outcome::Trapped(TrapKind::InvalidConversion),
            Some(Trap::IntegerOverflow) => Outcome::Trapped(TrapKind::IntegerOverflow),
            Some(Trap::MemoryOutOfBounds) => Outcome::Trapped(TrapKind::OutOfBounds),
            // The engine has one kind for a call past the end of a table and for an access there.
            Some(Trap::TableOutOfBounds) => Outcome::Trapped(TrapKind::TableOutOfBounds),
            Some(Trap::IndirectCallToNull) => Outcome::Trapped(TrapKind::UninitializedElement),
            Some(Trap::BadSignature) => Outcome::Trapped(TrapKind::IndirectCallType),
            Some(Trap::StackOverflow) => Outcome::Trapped(TrapKind::StackExhausted),
            _ => Outcome::Void(format!("{error:#}")),
        })
    }

    fn refuel(store: &mut Store<Host>, fuel: Option<u64>) {
        if let Some(units) = fuel {
            // Fuel is configured exactly when `fuel` is set, so this cannot fail.
            let _ = store.set_fuel(units);
        }
    }
}

/// A memory that a module imports: no larger than it must be, and able to grow to its limit.
fn outside_memory(store: &mut Store<Host>, info: &MemoryInfo) -> wasmtime::Result<Memory> {
    let mut ty = MemoryTypeBuilder::new();
    ty.min(info.min)
        .max(Some(info.limit()))
        .page_size_log2(info.page_log2 as u8);
    Memory::new(store, ty.build()?)
}

fn val_type(ty: Ty) -> ValType {
    match ty {
        Ty::I32 => ValType::I32,
        Ty::I64 => ValType::I64,
        Ty::F32 => ValType::F32,
        Ty::F64 => ValType::F64,
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        other => unreachable!("the surface admits numbers only, not {other:?}"),
    }
}

fn val(ty: Ty, bits: u64) -> Val {
    match ty {
        Ty::I32 => Val::I32(bits as i32),
        Ty::I64 => Val::I64(bits as i64),
        Ty::F32 => Val::F32(bits as u32),
        Ty::F64 => Val::F64(bits),
    }
}

/// Calls an export from within an import, and logs what it returns.
fn call_back(
    caller: &mut Caller<'_, Host>,
    info: &Info,
    export: usize,
    args: &[u64],
) -> Result<(), wasmtime::Error> {
    let Some(dispatch) = caller
        .get_export(dispatch::DISPATCH)
        .and_then(|e| e.into_func())
    else {
        return Ok(());
    };
    let (params, results) = dispatch::arity(info);
    let mut given = vec![Val::I64(0); params + 1];
    given[0] = Val::I32(export as i32);
    for (slot, value) in given[1..].iter_mut().zip(args) {
        *slot = Val::I64(*value as i64);
    }
    let mut returned = vec![Val::I64(0); results];
    caller.data_mut().free = false;
    let outcome = dispatch.call(&mut *caller, &given, &mut returned);
    let host = caller.data_mut();
    host.free = true;
    outcome?;
    let count = info.exports[export].sig.results.len();
    host.log.extend(returned[..count].iter().map(bits));
    Ok(())
}

/// The host's side of import number `index`.
fn import(store: &mut Store<Host>, info: &Info, index: usize) -> Func {
    let sig = &info.imports[index].sig;
    let list = |types: &[Ty]| types.iter().map(|t| val_type(*t)).collect::<Vec<_>>();
    let ty = FuncType::new(store.engine(), list(&sig.params), list(&sig.results));
    Func::new(
        store,
        ty,
        move |mut caller: Caller<'_, Host>, params, results| {
            let args: Vec<u64> = params.iter().map(bits).collect();
            let info = caller.data().info.clone();
            let host = caller.data_mut();
            host.log.push(index as u64);
            host.log.extend_from_slice(&args);
            let reply = answer(&info, index, host.calls, &args, host.free);
            host.calls += 1;
            if let Some((export, args)) = &reply.call {
                call_back(&mut caller, &info, *export, args)?;
            }
            for ((slot, value), ty) in results
                .iter_mut()
                .zip(&reply.results)
                .zip(&info.imports[index].sig.results)
            {
                *slot = val(*ty, *value);
            }
            let memory = caller.get_export(dispatch::MEMORY);
            if let Some(memory) = memory.and_then(|e| e.into_memory()) {
                let data = memory.data_mut(&mut caller);
                if let Some((address, byte)) = reply.store {
                    let at = address as usize % data.len();
                    data[at] = byte;
                }
                if let Some(range) = reply.copy {
                    copy(data, range);
                }
            }
            if let Some((which, value)) = reply.set {
                let settable = info.settable_by_imports();
                let g = settable[which % settable.len()];
                if let Some(global) = caller
                    .get_export(&dispatch::global_name(g))
                    .and_then(|e| e.into_global())
                {
                    global.set(&mut caller, val(info.globals[g].ty, value))?;
                }
            }
            Ok(())
        },
    )
}

impl Engine for Reference {
    fn name(&self) -> String {
        self.name.into()
    }

    fn load(&mut self, program: &Program) -> Result<(), String> {
        self.running = None;
        let wrapped = dispatch::wrap(&program.wasm, &program.info)?;
        let module = Module::new(&self.engine, wrapped).map_err(|e| format!("{e:#}"))?;
        self.module = Some((module, Arc::new(program.info.clone()), program.memory_limit));
        Ok(())
    }

    fn instantiate(&mut self) -> Outcome {
        let Some((module, info, limit)) = &self.module else {
            return Outcome::Void("nothing loaded".into());
        };
        let mut limits = StoreLimitsBuilder::new();
        // Where a maximum is declared it is the limit, of every memory its own.
        let open = info.memory().is_some_and(|m| m.max.is_none());
        if let Some(bytes) = limit.filter(|_| open) {
            limits = limits.memory_size(bytes as usize);
        }
        let host = Host {
            limits: limits.build(),
            info: info.clone(),
            log: Vec::new(),
            calls: 0,
            free: false,
        };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limits);
        Self::refuel(&mut store, self.fuel);
        let mut externs = Vec::new();
        let (mut funcs, mut globals) = (0, 0);
        for needed in module.imports() {
            match needed.ty() {
                ExternType::Func(_) => {
                    externs.push(import(&mut store, info, funcs).into());
                    funcs += 1;
                }
                ExternType::Global(ty) => {
                    let value = val(
                        info.globals[globals].ty,
                        imported_global(globals, info.globals[globals].ty),
                    );
                    match wasmtime::Global::new(&mut store, ty, value) {
                        Ok(global) => externs.push(global.into()),
                        Err(e) => return Outcome::Void(format!("{e:#}")),
                    }
                    globals += 1;
                }
                ExternType::Memory(_) => match outside_memory(&mut store, &info.memories[0]) {
                    Ok(memory) => externs.push(memory.into()),
                    Err(e) => return Outcome::Void(format!("{e:#}")),
                },
                other => return Outcome::Void(format!("import of kind {other:?}")),
            }
        }
        let result = Instance::new(&mut store, module, &externs);
        let mut running = Running {
            store,
            instance: None,
            dispatch: None,
            memories: Vec::new(),
        };
        let outcome = match result {
            Ok(instance) => {
                running.dispatch = instance.get_func(&mut running.store, dispatch::DISPATCH);
                running.memories = (0..info.memories.len())
                    .map(dispatch::memory_name)
                    .filter_map(|name| instance.get_memory(&mut running.store, &name))
                    .collect();
                running.instance = Some(instance);
                Outcome::Returned(Default::default())
            }
            Err(e) => Self::outcome(Err(e))
                .err()
                .unwrap_or(Outcome::Void("no instance".into())),
        };
        let (params, results) = dispatch::arity(info);
        self.params = vec![Val::I64(0); params + 1];
        self.results = vec![Val::I64(0); results];
        self.running = Some(running);
        outcome
    }

    fn call(&mut self, export: usize, args: &[u64]) -> Outcome {
        let (Some(running), Some((_, info, _))) = (&mut self.running, &self.module) else {
            return Outcome::Void("nothing loaded".into());
        };
        let Some(dispatch) = running.dispatch else {
            return Outcome::Void("no instance".into());
        };
        let host = running.store.data_mut();
        host.log.clear();
        host.free = true;
        Self::refuel(&mut running.store, self.fuel);
        self.params[0] = Val::I32(export as i32);
        for (slot, value) in self.params[1..].iter_mut().zip(args) {
            *slot = Val::I64(*value as i64);
        }
        match Self::outcome(dispatch.call(&mut running.store, &self.params, &mut self.results)) {
            Ok(()) => {
                let n = info.exports[export].sig.results.len();
                Outcome::Returned(self.results[..n].iter().map(bits).collect())
            }
            Err(outcome) => outcome,
        }
    }

    fn memory(&mut self, memory: usize) -> &[u8] {
        let found = self.running.as_ref();
        match found.and_then(|r| Some((r.memories.get(memory)?, &r.store))) {
            Some((memory, store)) => memory.data(store),
            None => &[],
        }
    }

    fn write_memory(&mut self, at: u32, bytes: &[u8]) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        let memory = running.memories.first();
        memory.is_some_and(|m| m.write(&mut running.store, at as usize, bytes).is_ok())
    }

    fn global(&mut self, global: usize) -> u64 {
        let Some(Running {
            store,
            instance: Some(instance),
            ..
        }) = &mut self.running
        else {
            return 0;
        };
        match instance.get_global(&mut *store, &dispatch::global_name(global)) {
            Some(g) => bits(&g.get(store)),
            None => 0,
        }
    }

    fn table(&mut self, table: usize) -> Vec<u32> {
        let Some(Running {
            store,
            instance: Some(instance),
            ..
        }) = &mut self.running
        else {
            return Vec::new();
        };
        let Some(t) = instance.get_table(&mut *store, &dispatch::table_name(table)) else {
            return Vec::new();
        };
        let size = t.size(&*store);
        let entry = |i| match t.get(&mut *store, i) {
            Some(wasmtime::Ref::Func(f)) => u32::from(f.is_some()),
            Some(other) => u32::from(!other.is_null()),
            None => u32::MAX,
        };
        (0..size).map(entry).collect()
    }

    fn set_global(&mut self, global: usize, value: u64) {
        let (Some(running), Some((_, info, _))) = (&mut self.running, &self.module) else {
            return;
        };
        let Some(instance) = running.instance else {
            return;
        };
        if let Some(g) = instance.get_global(&mut running.store, &dispatch::global_name(global)) {
            // Only settable globals are ever set; the types agree by construction.
            let _ = g.set(&mut running.store, val(info.globals[global].ty, value));
        }
    }

    fn import_log(&self) -> &[u64] {
        match &self.running {
            Some(running) => &running.store.data().log,
            None => &[],
        }
    }

    fn violations(&mut self) -> Vec<String> {
        Vec::new()
    }
}
