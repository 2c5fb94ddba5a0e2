//! The interpreter: executes functions of a module at any stage of the pipeline.
//!
//! In: a [`Module`] whose bodies [`super::verify`] accepts, all at one stage. Out: results, memory and globals, or why it
//! stopped. Each floating node is computed where [`super::order`] places it, by [`eval`], which is also what folding uses;
//! so a pass is wrong exactly if executing before it and after it differs. Invariant: every execution ends, by
//! [`Limits`]; calls use no stack of the host.
//!
//! Addresses. Linear memory starts at machine address 0, so that address arithmetic means the same before and
//! after symbols appear; sums wrap at 2^32 at every stage, and an access outside of what is reserved is a
//! [`Stop::Fault`]. Global variables and constant data lie elsewhere: accesses outside of linear memory are operations of
//! their own, so their addresses may coincide with those of linear memory without harm. [`Space`] gives each symbol
//! an address from [`SYMBOLS`] on, with gaps between them. So do tables and element segments; functions, whose addresses are
//! references, lie from [`FUNCTIONS`] on, each behind the word that tells its type. Every linear memory starts at 0: an
//! access says which one it means.

use super::eval::{eval, sext};
use super::func::{Block, Func, Node, TermOp, Value};
use super::module::{Entry, GlobalInit, MACHINE, Module};
use super::ops::{Op, SymKind, Ty, memory_of};
use super::order::Order;
use super::{Cfg, Class};
use crate::seeded::{Bug, on};
use crate::trap::TrapKind;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Values of parameters and results: an `i32` zero-extended; after 64-bit values are split, words.
pub type Values = SmallVec<[u64; 4]>;

/// Why execution stopped before it was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A trap of the specification, and the byte offset it comes from.
    Trap(TrapKind, u32),
    /// What no program may do: an access outside of everything, a call of what is not there.
    Fault(String),
    /// The limit on steps.
    Fuel,
}

/// Limits that make every execution end.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes and terminators executed; counted down.
    pub steps: u64,
    /// Calls within calls; deeper is [`TrapKind::StackExhausted`].
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            steps: u64::MAX,
            depth: 100_000,
        }
    }
}

/// What changes while a module runs.
#[derive(Clone, Default, Debug)]
pub struct State {
    /// The first linear memory, as large as it can become.
    pub memory: Vec<u8>,
    /// The other linear memories, in order.
    pub others: Vec<Vec<u8>>,
    /// Values of the globals by index.
    pub globals: Vec<u64>,
    /// Words of tables and segments that are variables; as many as [`Space::variables`] says.
    pub words: Vec<u32>,
}

/// The world outside of the module.
pub trait Host {
    /// Calls an imported function. Arguments and results are as at the call: words if 64-bit values are split.
    ///
    /// # Errors
    /// Why execution ends here.
    fn call(&mut self, func: u32, args: &[u64], state: &mut State) -> Result<Values, Stop>;
}

/// Lowest address of a symbol outside of linear memory.
pub const SYMBOLS: u32 = 0x8000_0000;
/// Bytes between symbols, where no access is right.
const GAP: u32 = 64;
/// Lowest address of a function.
pub const FUNCTIONS: u32 = 0x7000_0000;
/// Bytes from a function to the next.
const FUNCTION: u32 = 16;
/// Entries of a table that the module does not define.
const IMPORTED: u32 = 64;

/// Where symbols outside of linear memory are, and what they hold.
#[derive(Clone, Default, Debug)]
pub struct Space {
    /// By symbol number (`sym`'s immediate above bit 32): its address.
    base: FxHashMap<u32, u32>,
    /// Words that are globals: by address, the global and which of its words.
    globals: FxHashMap<u32, (u32, u32)>,
    /// Constant data: address and words, in order of address.
    data: Vec<(u32, Vec<u32>)>,
    /// Passive data segments: address and bytes, in order of address.
    segments: Vec<(u32, Vec<u8>)>,
    /// Tables and segments that are variables: address, first word of the state, and how many.
    areas: Vec<(u32, u32, u32)>,
    /// By function: the word that tells its type, if it has one.
    ids: Vec<Option<u32>>,
    /// What tables that others define hold first: word of the state, and value.
    given: Vec<(u32, u32)>,
}

impl State {
    /// A linear memory by number.
    pub fn linear(&self, memory: u32) -> Option<&Vec<u8>> {
        match memory {
            0 => Some(&self.memory),
            k => self.others.get(k as usize - 1),
        }
    }

    /// A linear memory by number, to change.
    pub fn linear_mut(&mut self, memory: u32) -> Option<&mut Vec<u8>> {
        match memory {
            0 => Some(&mut self.memory),
            k => self.others.get_mut(k as usize - 1),
        }
    }
}

/// The reference to a function.
fn reference(func: u32) -> u32 {
    FUNCTIONS + FUNCTION * func + FUNCTION / 2 + 1
}

/// The bits of a reference that is known before anything runs; 0 for one that initialization fills in.
fn known(item: &GlobalInit) -> u32 {
    match *item {
        GlobalInit::Const(bits) => bits as u32,
        GlobalInit::Func(f) => reference(f),
        GlobalInit::Global(_) | GlobalInit::Expr(_) => 0,
    }
}

impl Space {
    /// Lays out symbols. `places` says for each global its symbol number and byte offset; `data` holds the words
    /// of each constant.
    pub fn new(module: &Module, places: &[(u32, u32)], data: &[Vec<u32>]) -> Space {
        let mut s = Space::default();
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        for (g, &(symbol, offset)) in module.globals.iter().zip(places) {
            let end = offset + 4 * g.ty.words();
            match sizes.iter_mut().find(|(k, _)| *k == symbol) {
                Some((_, size)) => *size = (*size).max(end),
                None => sizes.push((symbol, end)),
            }
        }
        let mut at = SYMBOLS;
        for (symbol, size) in sizes {
            s.base.insert(symbol, at);
            at += size + GAP;
        }
        for (i, (g, (symbol, offset))) in module.globals.iter().zip(places).enumerate() {
            for word in 0..g.ty.words() {
                let address = s.base[symbol] + offset + 4 * word;
                s.globals.insert(address, (i as u32, word));
            }
        }
        for (i, words) in data.iter().enumerate() {
            s.base.insert(SymKind::Data as u32 + i as u32, at);
            s.data.push((at, words.clone()));
            at = at.saturating_add(4 * words.len() as u32 + GAP);
        }
        for (i, d) in module.data.iter().enumerate() {
            s.base.insert(SymKind::Segment as u32 + i as u32, at);
            s.segments.push((at, d.bytes.clone()));
            at = at.saturating_add((d.bytes.len() as u32).next_multiple_of(4) + GAP);
        }
        s.references(module, at);
        s
    }

    /// Lays out functions, tables and segments, from an address on.
    fn references(&mut self, module: &Module, mut at: u32) {
        for (i, f) in module.funcs.iter().enumerate() {
            self.ids.push(f.entry.id);
            for kind in [SymKind::Func, SymKind::Thunk] {
                self.base
                    .insert(kind as u32 + i as u32, reference(i as u32));
            }
        }
        for (i, t) in module.tables.iter().enumerate() {
            self.base.insert(SymKind::Table as u32 + i as u32, at);
            at = match (&t.contents, &t.import) {
                (Some(contents), _) => self.constant(at, contents),
                (None, None) => self.area(at, t.bytes() / 4),
                (None, Some(_)) => {
                    let most = t.max.min(t.min.max(IMPORTED));
                    let first = self.variables();
                    self.given.extend([(first, t.min), (first + 1, most)]);
                    self.area(at, 2 + most)
                }
            };
        }
        for (i, e) in module.elems.iter().enumerate() {
            self.base.insert(SymKind::Elem as u32 + i as u32, at);
            at = match e.is_constant() {
                true => self.constant(at, &e.items),
                false => self.area(at, e.items.len() as u32),
            };
        }
    }

    fn constant(&mut self, at: u32, items: &[GlobalInit]) -> u32 {
        self.data.push((at, items.iter().map(known).collect()));
        at.saturating_add(4 * items.len() as u32 + GAP)
    }

    fn area(&mut self, at: u32, words: u32) -> u32 {
        self.areas.push((at, self.variables(), words));
        at.saturating_add(4 * words + GAP)
    }

    /// How many words of the state tables and segments are.
    pub fn variables(&self) -> u32 {
        self.areas.last().map_or(0, |a| a.1 + a.2)
    }

    /// The words of the state before anything runs.
    pub fn words(&self) -> Vec<u32> {
        let mut words = vec![0; self.variables() as usize];
        for &(at, value) in &self.given {
            words[at as usize] = value;
        }
        words
    }

    /// Entries of a table whose size may change.
    fn table(&self, state: &State, table: u32) -> Vec<u32> {
        let base = self.base.get(&(SymKind::Table as u32 + table));
        let Some(first) = base.and_then(|at| self.variable(*at)) else {
            return Vec::new();
        };
        let size = state.words.get(first).copied().unwrap_or(0) as usize;
        let entries = state.words.get(first + 2..first + 2 + size);
        entries.map_or_else(Vec::new, <[u32]>::to_vec)
    }

    /// The word of the state at an address.
    fn variable(&self, address: u32) -> Option<usize> {
        let i = self.areas.partition_point(|a| a.0 <= address);
        let &(at, first, count) = self.areas.get(i.checked_sub(1)?)?;
        let word = (address - at) / 4;
        ((address - at).is_multiple_of(4) && word < count).then_some((first + word) as usize)
    }

    /// The function to which a reference refers.
    fn function(&self, address: u32) -> Option<u32> {
        let func = address.checked_sub(FUNCTIONS)? / FUNCTION;
        let known = (func as usize) < self.ids.len();
        (known && reference(func) == address).then_some(func)
    }

    /// The value of a `sym`.
    fn address(&self, imm: i64) -> Option<u32> {
        let (symbol, offset) = ((imm >> 32) as u32, imm as u32);
        if SymKind::memory(symbol).is_some() {
            return Some(offset);
        }
        Some(self.base.get(&symbol)?.wrapping_add(offset))
    }

    fn load(&self, state: &State, address: u32) -> Option<u32> {
        if let Some(&(g, word)) = self.globals.get(&address) {
            return Some((state.globals[g as usize] >> (32 * word)) as u32);
        }
        if let Some(word) = self.variable(address) {
            return state.words.get(word).copied();
        }
        if let Some(func) = self.function(address.wrapping_add(Entry::ID_BEFORE)) {
            return self.ids[func as usize];
        }
        let i = self.data.partition_point(|(at, _)| *at <= address);
        let (at, words) = self.data.get(i.checked_sub(1)?)?;
        let offset = address - at;
        words
            .get(offset as usize / 4)
            .copied()
            .filter(|_| offset.is_multiple_of(4))
    }

    /// Bytes of a passive segment.
    fn constants(&self, address: u32, bytes: usize) -> Option<&[u8]> {
        let i = self.segments.partition_point(|(at, _)| *at <= address);
        let (at, content) = self.segments.get(i.checked_sub(1)?)?;
        let start = (address - at) as usize;
        content.get(start..start.checked_add(bytes)?)
    }

    fn store(&self, state: &mut State, address: u32, value: u32) -> Option<()> {
        if let Some(word) = self.variable(address) {
            *state.words.get_mut(word)? = value;
            return Some(());
        }
        let &(g, word) = self.globals.get(&address)?;
        let global = &mut state.globals[g as usize];
        let shift = 32 * word;
        *global = *global & !(0xffff_ffff << shift) | u64::from(value) << shift;
        Some(())
    }
}

/// An operation with its operands as slots of the frame.
struct Step {
    op: Op,
    ty: Ty,
    arg_ty: Ty,
    /// Type of the last operand: what a store or `global.set` writes.
    value_ty: Ty,
    args: SmallVec<[u32; 4]>,
    imm: i64,
    /// Where the result goes.
    slot: u32,
    loc: u32,
    /// For calls: results that are used, and where they go.
    results: Vec<(u32, u32)>,
}

struct Way {
    to: u32,
    args: Vec<u32>,
}

struct Code {
    steps: Vec<Step>,
    params: Vec<u32>,
    term: TermOp,
    term_args: SmallVec<[u32; 4]>,
    ways: Vec<Way>,
    loc: u32,
}

/// A function made ready.
struct Ready {
    blocks: Vec<Code>,
    slots: u32,
}

/// A module made ready to run.
pub struct Program {
    funcs: Vec<Option<Ready>>,
    space: Space,
}

impl Program {
    /// Makes all bodies of a module ready.
    pub fn new(module: &Module, space: Space) -> Program {
        let ready = |f: &Func| Ready::new(f, &space);
        Program {
            funcs: module
                .funcs
                .iter()
                .map(|d| d.body.as_ref().map(ready))
                .collect(),
            space,
        }
    }

    /// The words of tables and segments before anything runs; see [`State::words`].
    pub fn words(&self) -> Vec<u32> {
        self.space.words()
    }

    /// Entries of a table that others see.
    pub fn table(&self, state: &State, table: u32) -> Vec<u32> {
        self.space.table(state, table)
    }

    /// Adds a function that the module's index space does not have; gives its number for [`Self::call`].
    pub fn add(&mut self, f: &Func) -> u32 {
        self.funcs.push(Some(Ready::new(f, &self.space)));
        self.funcs.len() as u32 - 1
    }

    /// Calls a function.
    ///
    /// # Errors
    /// Why it did not return.
    pub fn call(
        &self,
        state: &mut State,
        func: u32,
        args: &[u64],
        host: &mut dyn Host,
        limits: &mut Limits,
    ) -> Result<Values, Stop> {
        let mut m = Machine {
            program: self,
            state,
            host,
            limits,
            slots: Vec::new(),
            frames: Vec::new(),
        };
        m.enter(func, args, 0)?;
        m.run()
    }
}

impl Ready {
    fn new(f: &Func, space: &Space) -> Ready {
        let cfg = Cfg::new(f);
        let order = Order::new(f, &cfg);
        let mut slot = vec![u32::MAX; f.nodes.len()];
        let mut slots = 0;
        let mut give = |v: Value| {
            slot[v.0 as usize] = slots;
            slots += 1;
        };
        for &b in &cfg.rpo {
            f.block(b).params.iter().copied().for_each(&mut give);
            order.blocks[b.0 as usize]
                .iter()
                .copied()
                .for_each(&mut give);
        }
        let mut results: FxHashMap<Value, Vec<(u32, u32)>> = FxHashMap::default();
        for v in order.blocks.iter().flatten() {
            let n = f.node(*v);
            if n.op == Op::Proj {
                let one = (n.imm as u32, slot[v.0 as usize]);
                results.entry(n.args[0]).or_default().push(one);
            }
        }
        let at = |v: &Value| slot[v.0 as usize];
        let step = |v: &Value| {
            let n: &Node = f.node(*v);
            // Projections are written by their call, symbols are constants by now.
            let (op, imm) = match n.op {
                Op::Proj => return None,
                Op::Sym => match space.address(n.imm) {
                    Some(a) => (Op::Const, i64::from(a)),
                    None => (Op::Sym, n.imm),
                },
                op => (op, n.imm),
            };
            Some(Step {
                op,
                ty: n.ty,
                arg_ty: n.args.first().map_or(n.ty, |&a| f.ty(a)),
                value_ty: n.args.last().map_or(n.ty, |&a| f.ty(a)),
                args: n.args.iter().map(at).collect(),
                imm,
                slot: at(v),
                loc: n.loc,
                results: results.get(v).cloned().unwrap_or_default(),
            })
        };
        let block = |b: &Block| {
            let d = f.block(*b);
            Code {
                steps: order.blocks[b.0 as usize].iter().filter_map(step).collect(),
                params: d.params.iter().map(at).collect(),
                term: d.term.op,
                term_args: d.term.args.iter().map(at).collect(),
                ways: (d.term.edges.iter())
                    .map(|e| Way {
                        to: cfg.order[e.to.0 as usize],
                        args: e.args.iter().map(at).collect(),
                    })
                    .collect(),
                loc: d.term.loc,
            }
        };
        Ready {
            blocks: cfg.rpo.iter().map(block).collect(),
            slots,
        }
    }
}

/// A call in progress.
struct Frame {
    func: u32,
    block: u32,
    /// Next step of the block.
    step: usize,
    /// Where its slots start.
    base: usize,
}

struct Machine<'a> {
    program: &'a Program,
    state: &'a mut State,
    host: &'a mut dyn Host,
    limits: &'a mut Limits,
    slots: Vec<u64>,
    frames: Vec<Frame>,
}

/// How a run of steps ended.
enum Next {
    Go,
    /// A call was made: the new frame goes on.
    Called,
}

impl Machine<'_> {
    fn enter(&mut self, func: u32, args: &[u64], loc: u32) -> Result<(), Stop> {
        let Some(Some(ready)) = self.program.funcs.get(func as usize) else {
            return Err(Stop::Fault(format!("function {func} has no body")));
        };
        if self.frames.len() >= self.limits.depth {
            return Err(Stop::Trap(TrapKind::StackExhausted, loc));
        }
        let base = self.slots.len();
        self.slots.resize(base + ready.slots as usize, 0);
        if ready.blocks[0].params.len() != args.len() {
            return Err(Stop::Fault(format!(
                "function {func} takes other arguments"
            )));
        }
        for (&p, &a) in ready.blocks[0].params.iter().zip(args) {
            self.slots[base + p as usize] = a;
        }
        self.frames.push(Frame {
            func,
            block: 0,
            step: 0,
            base,
        });
        Ok(())
    }

    fn run(&mut self) -> Result<Values, Stop> {
        let program = self.program;
        let mut incoming: Vec<u64> = Vec::new();
        loop {
            let frame = self.frames.len() - 1;
            let Frame {
                func, block, base, ..
            } = self.frames[frame];
            let ready = program.funcs[func as usize].as_ref();
            let code = &ready.expect("entered").blocks[block as usize];
            if let Next::Called = self.steps(code, frame)? {
                continue;
            }
            let arg = |m: &Self, i: usize| m.slots[base + code.term_args[i] as usize];
            let way = match code.term {
                TermOp::Jump => 0,
                TermOp::Br => usize::from(arg(self, 0) == 0),
                TermOp::Switch => (arg(self, 0) as usize).min(code.ways.len() - 1),
                TermOp::Trap(kind) => return Err(Stop::Trap(kind, code.loc)),
                TermOp::TailCall(_) | TermOp::TailCallIndirect(_) => {
                    let n = code.term_args.len();
                    let args: Values = (0..n).map(|i| arg(self, i)).collect();
                    if let Some(values) = self.tail_call(code.term, &args, code.loc)? {
                        return Ok(values);
                    }
                    continue;
                }
                TermOp::Return => {
                    let n = code.term_args.len();
                    let values: Values = (0..n).map(|i| arg(self, i)).collect();
                    if self.leave(&values) {
                        return Ok(values);
                    }
                    continue;
                }
            };
            let way = &code.ways[way];
            incoming.clear();
            incoming.extend(way.args.iter().map(|&a| self.slots[base + a as usize]));
            let target = &ready.expect("entered").blocks[way.to as usize];
            for (&p, &v) in target.params.iter().zip(&incoming) {
                self.slots[base + p as usize] = v;
            }
            self.frames[frame].block = way.to;
            self.frames[frame].step = 0;
        }
    }

    /// Goes to a function in the place of the innermost one. Gives the results if that was the first, and it is over.
    fn tail_call(&mut self, op: TermOp, args: &[u64], loc: u32) -> Result<Option<Values>, Stop> {
        let (func, args) = match op {
            TermOp::TailCall(func) => (func, args),
            _ => (self.callee(args[0])?, &args[1..]),
        };
        if !matches!(self.program.funcs.get(func as usize), Some(Some(_))) {
            let values = self.host.call(func, args, self.state)?;
            return Ok(self.leave(&values).then_some(values));
        }
        if let Some(done) = self.frames.pop() {
            self.slots.truncate(done.base);
        }
        self.enter(func, args, loc)?;
        Ok(None)
    }

    /// The function to which a reference refers.
    fn callee(&self, reference: u64) -> Result<u32, Stop> {
        match self.program.space.function(reference as u32) {
            Some(func) => Ok(func),
            None => Err(Stop::Fault(format!("a call of {reference:#x}"))),
        }
    }

    /// Ends the innermost call; whether it was the first.
    fn leave(&mut self, values: &[u64]) -> bool {
        if let Some(done) = self.frames.pop() {
            self.slots.truncate(done.base);
        }
        let Some(frame) = self.frames.last_mut() else {
            return true;
        };
        let (func, block, step) = (frame.func, frame.block, frame.step);
        frame.step += 1;
        let base = frame.base;
        let ready = self.program.funcs[func as usize].as_ref();
        let call = &ready.expect("entered").blocks[block as usize].steps[step];
        self.results(call, base, values);
        false
    }

    fn results(&mut self, call: &Step, base: usize, values: &[u64]) {
        for &(index, slot) in &call.results {
            self.slots[base + slot as usize] = values.get(index as usize).copied().unwrap_or(0);
        }
    }

    /// Executes the steps of a block from where the frame stands.
    fn steps(&mut self, code: &Code, frame: usize) -> Result<Next, Stop> {
        let (start, base) = (self.frames[frame].step, self.frames[frame].base);
        let cost = (code.steps.len() - start) as u64 + 1;
        match self.limits.steps.checked_sub(cost) {
            Some(rest) => self.limits.steps = rest,
            None => return Err(Stop::Fuel),
        }
        for (i, s) in code.steps.iter().enumerate().skip(start) {
            let mut a = [0u64; 4];
            for (x, &slot) in a.iter_mut().zip(&s.args) {
                *x = self.slots[base + slot as usize];
            }
            let v = match eval(s.op, s.ty, s.arg_ty, &a[..s.args.len().min(4)], s.imm) {
                Some(v) => v,
                None if matches!(s.op, Op::Call | Op::CallIndirect) => {
                    self.frames[frame].step = i;
                    if self.call(s, base)? {
                        return Ok(Next::Called);
                    }
                    continue;
                }
                None => self.pinned(s, a)?,
            };
            self.slots[base + s.slot as usize] = v;
        }
        Ok(Next::Go)
    }

    /// Makes a call; `false` if the host did it and it is over.
    fn call(&mut self, s: &Step, base: usize) -> Result<bool, Stop> {
        let mut args: Values = (s.args.iter())
            .map(|&a| self.slots[base + a as usize])
            .collect();
        let func = match s.op {
            Op::CallIndirect => self.callee(args.remove(0))?,
            _ => s.imm as u32,
        };
        if let Some(Some(_)) = self.program.funcs.get(func as usize) {
            self.enter(func, &args, s.loc)?;
            return Ok(true);
        }
        let values = self.host.call(func, &args, self.state)?;
        self.results(s, base, &values);
        Ok(false)
    }

    /// Operations that read or change what is outside of the function.
    fn pinned(&mut self, s: &Step, a: [u64; 4]) -> Result<u64, Stop> {
        let bytes = s.op.access_bytes().unwrap_or(4) as usize;
        let address = (a[0] as u32).wrapping_add(s.imm as u32);
        let memory = memory_of(s.imm);
        let v = match s.op {
            Op::Guard if a[1] != 0 => {
                let kind = TrapKind::from_code(s.imm as u8).unwrap_or(TrapKind::Unreachable);
                return Err(Stop::Trap(kind, s.loc));
            }
            Op::Guard | Op::Assume => a[0],
            Op::Load8U | Op::Load16U | Op::Load32 | Op::Load64 => {
                self.load(memory, address, bytes)?
            }
            Op::Load8S => sext(self.load(memory, address, bytes)?, 8) & s.ty.mask(),
            Op::Load16S => {
                let bits = if on(Bug::InterpreterHalf) { 8 } else { 16 };
                sext(self.load(memory, address, bytes)?, bits) & s.ty.mask()
            }
            Op::Store8 | Op::Store16 | Op::Store32 | Op::Store64 => {
                self.place(memory, address, bytes)?
                    .copy_from_slice(&a[1].to_le_bytes()[..bytes]);
                0
            }
            Op::MemoryCopy => {
                let moved = self.bytes(memory, a[1] as u32, a[2] as usize)?.to_vec();
                self.place(s.imm as u32, a[0] as u32, moved.len())?
                    .copy_from_slice(&moved);
                0
            }
            Op::MemoryFill => {
                self.place(s.imm as u32, a[0] as u32, a[2] as usize)?
                    .fill(a[1] as u8);
                0
            }
            Op::GlobalGet => {
                let v = self.state.globals[s.imm as u32 as usize] >> (32 * (s.imm >> 32));
                v & s.ty.mask()
            }
            Op::GlobalSet => self.set_global(s, a[0]),
            Op::GlobalLoad => match self.program.space.load(self.state, address) {
                Some(w) => u64::from(w),
                None => return wild(address),
            },
            Op::GlobalStore => {
                for w in 0..s.value_ty.words() {
                    let (at, value) = (address.wrapping_add(4 * w), (a[1] >> (32 * w)) as u32);
                    if self.program.space.store(self.state, at, value).is_none() {
                        return wild(at);
                    }
                }
                0
            }
            op => {
                debug_assert!(op.class() == Class::Float || op == Op::Param);
                return Err(Stop::Fault(format!("{} cannot be executed", op.text())));
            }
        };
        Ok(v)
    }

    /// Sets a global or a word of it: a 64-bit global that is set by a word keeps its other word.
    fn set_global(&mut self, s: &Step, value: u64) -> u64 {
        let (index, word) = (s.imm as u32 as usize, s.imm >> 32);
        let global = &mut self.state.globals[index];
        *global = match (s.value_ty, word) {
            (Ty::I64, _) => value,
            (_, 0) => *global & !0xffff_ffff | value,
            (_, _) if on(Bug::InterpreterGlobalHigh) => value << 32,
            (_, _) => *global & 0xffff_ffff | value << 32,
        };
        0
    }

    fn place(&mut self, memory: u32, address: u32, bytes: usize) -> Result<&mut [u8], Stop> {
        let at = address as usize;
        let linear = self.state.linear_mut(memory);
        match linear.and_then(|m| m.get_mut(at..at + bytes)) {
            Some(place) => Ok(place),
            // No bytes are nowhere.
            None if bytes == 0 => Ok(&mut []),
            None => wild(address),
        }
    }

    fn bytes(&mut self, memory: u32, address: u32, bytes: usize) -> Result<&[u8], Stop> {
        if memory != MACHINE {
            return self.place(memory, address, bytes).map(|place| &*place);
        }
        match self.program.space.constants(address, bytes) {
            Some(place) => Ok(place),
            None if bytes == 0 => Ok(&[]),
            None => wild(address),
        }
    }

    fn load(&mut self, memory: u32, address: u32, bytes: usize) -> Result<u64, Stop> {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(self.bytes(memory, address, bytes)?);
        Ok(u64::from_le_bytes(word))
    }
}

fn wild<T>(address: u32) -> Result<T, Stop> {
    Err(Stop::Fault(format!("access to {address:#x}")))
}
