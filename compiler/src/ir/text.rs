//! The IR as text: what `--emit ir` shows, what tests are written in, what [`super::parse`] reads.
//!
//! In: a function or a module. Out: text, derived from the rows of the operations. Blocks come in reverse
//! post-order and values are numbered as they are printed; nothing unreachable or unused is shown.
//! Invariant: parsing the text gives a function that prints the same. Checked by round trips of every pass.
//!
//! ```text
//! func @clamp(i32) -> (i32) {
//! b0(v0: i32):
//!   v1 = const.i32 500
//!   v2 = lt_s v1, v0
//!   br v2, b1(v1), b1(v0)
//! b1(v3: i32):
//!   return v3
//! }
//! ```
//!
//! An operation whose type the row leaves open has its type as suffix. Immediates stand last, as [`ImmKind`] says.

use super::cfg::Cfg;
use super::floats::Fp;
use super::func::{Block, Func, Node, TermOp, Value};
use super::module::{
    Base, Data, Elem, ElemMode, ExprOp, FuncDecl, Global, GlobalInit, Import, MACHINE, Memory,
    Module, Table, TypeDecl,
};
use super::ops::{ImmKind, Op, Sig, SymKind, Ty, memory_of};
use super::order::Order;
use crate::trap::TrapKind;
use std::fmt::Write;

/// Text of a function. With `locs`, each operation ends in the byte offset that it comes from.
pub fn function(f: &Func, name: &str, locs: bool) -> String {
    let mut out = String::new();
    write_function(&mut out, f, name, "", locs);
    out
}

/// Text of a module: what it imports, holds and defines, in index order.
pub fn module(m: &Module, locs: bool) -> String {
    let mut out = String::new();
    for mem in &m.memories {
        memory(&mut out, mem);
    }
    for g in &m.globals {
        global(&mut out, m, g);
    }
    for t in &m.types {
        type_decl(&mut out, t);
    }
    for t in &m.tables {
        table(&mut out, m, t);
    }
    for e in &m.elems {
        elem(&mut out, m, e);
    }
    for d in &m.data {
        data(&mut out, m, d);
    }
    if let Some(s) = m.start {
        let _ = writeln!(out, "start f{s}");
    }
    for (i, d) in m.funcs.iter().enumerate() {
        declaration(&mut out, d, i, locs);
    }
    out
}

fn type_decl(out: &mut String, t: &TypeDecl) {
    let (params, results) = (list(&t.ty.params), list(&t.ty.results));
    let _ = writeln!(
        out,
        "type {params} -> {results} id {} area {}",
        t.id, t.area
    );
}

fn table(out: &mut String, m: &Module, t: &Table) {
    out.push_str("table ");
    imported(out, t.import.as_ref());
    let _ = write!(out, "{} {} {}", t.min, t.max, init(m, t.init));
    if t.grows {
        out.push_str(" grows");
    }
    if let Some(contents) = &t.contents {
        items(out, m, contents);
    }
    exports(out, &t.exports);
    out.push('\n');
}

fn elem(out: &mut String, m: &Module, e: &Elem) {
    out.push_str("elem ");
    let _ = match e.mode {
        ElemMode::Active(t, at) => write!(out, "active table{t} {}", init(m, at)),
        ElemMode::Passive => write!(out, "passive"),
        ElemMode::Declared => write!(out, "declared"),
    };
    items(out, m, &e.items);
    if let Some(g) = e.left {
        let _ = write!(out, " left g{g}");
    }
    out.push('\n');
}

fn items(out: &mut String, m: &Module, items: &[GlobalInit]) {
    let all: Vec<_> = items.iter().map(|&i| init(m, i)).collect();
    let _ = write!(out, " ({})", all.join(", "));
}

fn imported(out: &mut String, import: Option<&Import>) {
    if let Some(i) = import {
        let (m, f) = (quoted(i.module.as_bytes()), quoted(i.field.as_bytes()));
        let _ = write!(out, "import {m} {f} ");
    }
}

fn memory(out: &mut String, mem: &Memory) {
    out.push_str("memory ");
    imported(out, mem.import.as_ref());
    let _ = write!(out, "{} {}", mem.min_pages, mem.max_pages);
    if mem.page_log2 != 16 {
        let _ = write!(out, " page {}", 1u64 << mem.page_log2);
    }
    match mem.base {
        Base::Symbol => {}
        Base::Address(at) => {
            let _ = write!(out, " at {at:#x}");
        }
        Base::Identity => out.push_str(" identity"),
    }
    for (word, global) in [("grows", mem.pages_global), ("limit", mem.limit_global)] {
        if let Some(g) = global {
            let _ = write!(out, " {word} g{g}");
        }
    }
    exports(out, &mem.exports);
    out.push('\n');
}

fn data(out: &mut String, m: &Module, d: &Data) {
    let _ = match (d.offset, d.memory) {
        (Some(offset), 0) => write!(out, "data {}", init(m, offset)),
        (Some(offset), k) => write!(out, "data m{k} {}", init(m, offset)),
        (None, _) => write!(out, "data passive"),
    };
    if let Some(g) = d.length_global {
        let _ = write!(out, " length g{g}");
    }
    let _ = writeln!(out, " {}", quoted(&d.bytes));
}

fn global(out: &mut String, m: &Module, g: &Global) {
    out.push_str("global ");
    imported(out, g.import.as_ref());
    if g.mutable {
        out.push_str("mut ");
    }
    let _ = write!(out, "{} {}", g.ty.name(), init(m, g.init));
    exports(out, &g.exports);
    out.push('\n');
}

fn init(m: &Module, i: GlobalInit) -> String {
    match i {
        GlobalInit::Const(c) => c.to_string(),
        GlobalInit::Global(g) => format!("g{g}"),
        GlobalInit::Expr(e) => {
            let step = |s: &ExprOp| match s {
                ExprOp::Const(ty, c) => format!("{}:{c}", ty.name()),
                ExprOp::Global(g) => format!("g{g}"),
                ExprOp::Func(f) => format!("f{f}"),
                ExprOp::Binary(op) => op.text().to_owned(),
            };
            let steps = m.exprs.get(e as usize).map_or(&[][..], Vec::as_slice);
            let steps: Vec<_> = steps.iter().map(step).collect();
            format!("({})", steps.join(" "))
        }
        GlobalInit::Func(f) => format!("f{f}"),
    }
}

fn exports(out: &mut String, names: &[String]) {
    for n in names {
        let _ = write!(out, " export {}", quoted(n.as_bytes()));
    }
}

fn declaration(out: &mut String, d: &FuncDecl, index: usize, locs: bool) {
    let name = match &d.name {
        Some(n) => n.clone(),
        None => format!("f{index}"),
    };
    let mut tail = String::new();
    let e = &d.entry;
    if e.type_number != 0 {
        let _ = write!(tail, " type{}", e.type_number);
    }
    for (word, _) in [("referenced", e.referenced), ("thunk", e.thunk)]
        .iter()
        .filter(|w| w.1)
    {
        let _ = write!(tail, " {word}");
    }
    if let Some(id) = e.id {
        let _ = write!(tail, " id {id}");
    }
    if e.area != 0 {
        let _ = write!(tail, " area {}", e.area);
    }
    exports(&mut tail, &d.exports);
    let signature = format!("{} -> {}", list(&d.ty.params), list(&d.ty.results));
    match (&d.import, &d.body) {
        (Some(i), _) => {
            let (m, f) = (quoted(i.module.as_bytes()), quoted(i.field.as_bytes()));
            let _ = writeln!(
                out,
                "import {m} {f} func {}{signature}{tail}",
                symbol(&name)
            );
        }
        (None, None) => {
            let _ = writeln!(out, "dropped func {}{signature}{tail}", symbol(&name));
        }
        (None, Some(f)) => {
            let declared = d.ty.bits();
            let words = f.param_types() != declared.params || f.results != declared.results;
            if words || declared != d.ty {
                tail = format!(" type {signature}{tail}");
            }
            write_function(out, f, &name, &tail, locs);
        }
    }
}

fn list(types: &[Ty]) -> String {
    let names: Vec<_> = types.iter().map(|t| t.name()).collect();
    format!("({})", names.join(", "))
}

/// Bytes in quotes; what is not printable ASCII as `\xx`.
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &b in bytes {
        match b {
            b'"' | b'\\' => {
                let _ = write!(out, "\\{b:02x}");
            }
            b' '..=b'~' => out.push(b as char),
            _ => {
                let _ = write!(out, "\\{b:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// Whether a name can stand without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '-');
    !name.is_empty() && name.chars().all(ok)
}

/// A function's name after `@`.
pub fn symbol(name: &str) -> String {
    if is_plain(name) {
        format!("@{name}")
    } else {
        format!("@{}", quoted(name.as_bytes()))
    }
}

/// The name of a `sym` with this immediate.
pub fn sym_text(imm: i64) -> String {
    let (kind, offset) = ((imm >> 32) as u32, imm as u32);
    let (kind, index) = SymKind::split(kind);
    let name = match (SymKind::MANY.iter().find(|m| m.0 == kind), kind) {
        (Some((_, many)), _) => format!("{many}{index}"),
        (None, SymKind::Memory) => "memory".to_owned(),
        (None, _) => "globals".to_owned(),
    };
    match offset {
        0 => name,
        o => format!("{name}+{o:#x}"),
    }
}

struct Printer<'a> {
    f: &'a Func,
    /// By value: its number in the text.
    numbers: Vec<u32>,
    blocks: Vec<u32>,
    next: u32,
    locs: bool,
    out: &'a mut String,
}

fn write_function(out: &mut String, f: &Func, name: &str, tail: &str, locs: bool) {
    let cfg = Cfg::new(f);
    let order = Order::new(f, &cfg);
    let (params, results) = (list(&f.param_types()), list(&f.results));
    let _ = writeln!(out, "func {}{params} -> {results}{tail} {{", symbol(name));
    let mut p = Printer {
        f,
        numbers: vec![u32::MAX; f.nodes.len()],
        blocks: cfg.order.clone(),
        next: 0,
        locs,
        out,
    };
    for &b in &cfg.rpo {
        p.block(b, &order);
    }
    out.push_str("}\n");
}

impl Printer<'_> {
    fn define(&mut self, v: Value) -> u32 {
        self.numbers[v.0 as usize] = self.next;
        self.next += 1;
        self.next - 1
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn values(&mut self, vs: &[Value]) {
        for (i, v) in vs.iter().enumerate() {
            let n = self.numbers[v.0 as usize];
            self.put(format_args!("{}v{n}", if i == 0 { "" } else { ", " }));
        }
    }

    fn loc(&mut self, loc: u32) {
        if self.locs && loc != 0 {
            self.put(format_args!(" @{loc:#x}"));
        }
        self.out.push('\n');
    }

    fn block(&mut self, b: Block, order: &Order) {
        let (f, n) = (self.f, self.blocks[b.0 as usize]);
        self.put(format_args!("b{n}("));
        for (i, &p) in f.block(b).params.iter().enumerate() {
            let k = self.define(p);
            let comma = if i == 0 { "" } else { ", " };
            self.put(format_args!("{comma}v{k}: {}", f.ty(p).name()));
        }
        self.out.push_str("):\n");
        for &v in &order.blocks[b.0 as usize] {
            self.node(v, order.used[v.0 as usize]);
        }
        self.term(b);
    }

    fn node(&mut self, v: Value, used: bool) {
        let n = self.f.node(v);
        self.out.push_str("  ");
        if n.ty != Ty::Void || used {
            let k = self.define(v);
            self.put(format_args!("v{k} = "));
        }
        self.out.push_str(n.op.text());
        if has_suffix(n.op) {
            self.put(format_args!(".{}", n.ty.name()));
        }
        match n.op.imm_kind() {
            ImmKind::Func => self.put(format_args!(" f{}", n.imm)),
            ImmKind::Fp => match Fp::from_imm(n.imm) {
                Some(fp) => self.put(format_args!(" {}", fp.row().name)),
                None => self.put(format_args!(" fp{}", n.imm)),
            },
            ImmKind::Type => self.put(format_args!(" t{}", n.imm)),
            _ => {}
        }
        if !n.args.is_empty() {
            self.out.push(' ');
            self.values(&n.args);
        }
        self.immediate(n);
        self.loc(n.loc);
    }

    fn immediate(&mut self, n: &Node) {
        match n.op.imm_kind() {
            ImmKind::None | ImmKind::Block | ImmKind::Func | ImmKind::Type | ImmKind::Fp => {}
            ImmKind::Bits => {
                let bits = if n.ty == Ty::I32 { 32 } else { 64 };
                let v = super::eval::sext(n.imm as u64, bits) as i64;
                self.put(format_args!(" {v}"));
            }
            ImmKind::Offset => {
                self.memory(memory_of(n.imm), true);
                if n.imm as u32 != 0 {
                    self.put(format_args!(" +{}", n.imm as u32));
                }
            }
            ImmKind::Memory => self.memory(n.imm as u32, true),
            ImmKind::Memories => {
                let (to, from) = (n.imm as u32, memory_of(n.imm));
                self.memory(to, to == from);
                if from != to {
                    self.memory(from, false);
                }
            }
            ImmKind::Trap => match TrapKind::from_code(n.imm as u8) {
                Some(k) => self.put(format_args!(" {}", k.name())),
                None => self.put(format_args!(" trap{}", n.imm)),
            },
            ImmKind::Index => self.put(format_args!(" {}", n.imm)),
            ImmKind::Global => {
                let comma = if n.args.is_empty() { "" } else { "," };
                self.put(format_args!("{comma} g{}", n.imm as u32));
                if n.imm >> 32 != 0 {
                    self.put(format_args!(".{}", n.imm >> 32));
                }
            }
            ImmKind::Sym => self.put(format_args!(" {}", sym_text(n.imm))),
        }
    }

    /// A memory by number, if it is not the first of those that there usually are.
    fn memory(&mut self, memory: u32, usual: bool) {
        match memory {
            0 if usual => {}
            MACHINE => self.put(format_args!(" machine")),
            k => self.put(format_args!(" m{k}")),
        }
    }

    fn term(&mut self, b: Block) {
        let t = &self.f.block(b).term;
        let name = term_name(t.op);
        self.put(format_args!("  {name}"));
        match t.op {
            TermOp::Trap(kind) => self.put(format_args!(" {}", kind.name())),
            TermOp::TailCall(f) => self.put(format_args!(" f{f}")),
            TermOp::TailCallIndirect(ty) => self.put(format_args!(" t{ty}")),
            TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Return => {}
        }
        if !t.args.is_empty() {
            self.out.push(' ');
            self.values(&t.args);
        }
        for (i, e) in t.edges.iter().enumerate() {
            let comma = if i > 0 || !t.args.is_empty() { "," } else { "" };
            let to = self.blocks[e.to.0 as usize];
            self.put(format_args!("{comma} b{to}("));
            self.values(&e.args);
            self.out.push(')');
        }
        self.loc(t.loc);
    }
}

/// Whether the text of an operation ends in the type of its result.
pub(super) fn has_suffix(op: Op) -> bool {
    matches!(op.ret_sig(), Sig::T | Sig::A)
}

/// The name of a terminator.
pub fn term_name(op: TermOp) -> &'static str {
    match op {
        TermOp::Jump => "jump",
        TermOp::Br => "br",
        TermOp::Switch => "switch",
        TermOp::Return => "return",
        TermOp::Trap(_) => "trap",
        TermOp::TailCall(_) => "tail_call",
        TermOp::TailCallIndirect(_) => "tail_call_indirect",
    }
}
