//! Text to IR: the inverse of [`super::text`].
//!
//! In: text. Out: a function or a module. A value may be defined anywhere in a function, before or after its uses:
//! floating ones have no place. Invariant: nothing here panics; a text that parses may still be wrong, which
//! [`super::verify`] says. Errors give line and column and what was expected.

pub use super::cursor::ParseError;
use super::cursor::{Cursor, Spot, error_at};
use super::floats::Fp;
use super::func::{Args, Block, Edge, Func, Node, Term, TermOp, Value};
use super::module::{
    Base, Data, Elem, ElemMode, Entry, ExprOp, FuncDecl, FuncType, Global, GlobalInit, Import,
    MACHINE, Memory, Module, Table, TypeDecl,
};
use super::ops::{Class, ImmKind, Op, Sig, SymKind, Ty};
use super::text::{has_suffix, term_name};
use crate::trap::TrapKind;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

type Result<T> = std::result::Result<T, ParseError>;

/// Parses a text that holds one function; gives its name too.
///
/// # Errors
/// Line, column and what was expected.
pub fn function(text: &str) -> Result<(String, Func)> {
    let mut found = module(text)?.funcs.into_iter().filter_map(|d| {
        let name = d.name.clone().unwrap_or_default();
        d.body.map(|f| (name, f))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => error_at((1, 1), "expected one function with a body"),
    }
}

/// Parses a module.
///
/// # Errors
/// Line, column and what was expected.
pub fn module(text: &str) -> Result<Module> {
    let mut m = Module::default();
    let mut lines = Cursor::lines(text);
    while let Some(mut c) = lines.next() {
        match c.peek() {
            "memory" => memory_line(&mut m, c)?,
            "global" => global(&mut m, c)?,
            "data" => data(&mut m, c)?,
            "type" => type_decl(&mut m, c)?,
            "table" => table(&mut m, c)?,
            "elem" => elem(&mut m, c)?,
            "start" => {
                c.word();
                m.start = Some(c.numbered("f", "a function such as `f0`")?);
                c.end()?;
            }
            "import" | "dropped" | "func" => {
                let head = declaration(c)?;
                let mut decl = head.decl;
                if head.open {
                    decl.body = Some(body(&mut lines, &head.body_type, head.spot)?);
                }
                m.funcs.push(decl);
            }
            _ => {
                return c.expected(
                    "`func`, `import`, `memory`, `global`, `data`, `type`, `table`, `elem` or `start`",
                );
            }
        }
    }
    Ok(m)
}

fn memory_line(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let import = import(&mut c)?;
    let min_pages = c.number_in(0, u32::MAX.into())? as u32;
    let max_pages = c.number_in(min_pages.into(), u32::MAX.into())? as u32;
    let page_log2 = match c.take_word("page") {
        true => match c.number_in(1, 65536)? {
            1 => 0,
            65536 => 16,
            _ => return c.expected("a page size of 1 or 65536"),
        },
        false => 16,
    };
    let base = if c.take_word("at") {
        Base::Address(c.number_in(0, u32::MAX.into())? as u32)
    } else if c.take_word("identity") {
        Base::Identity
    } else {
        Base::Symbol
    };
    let [pages_global, limit_global] = ["grows", "limit"].map(|word| match c.take_word(word) {
        true => c.numbered("g", "a global such as `g0`").map(Some),
        false => Ok(None),
    });
    let (pages_global, limit_global) = (pages_global?, limit_global?);
    let exports = exports(&mut c)?;
    m.memories.push(Memory {
        import,
        base,
        page_log2,
        min_pages,
        max_pages,
        grows: pages_global.is_some(),
        pages_global,
        limit_global,
        exports,
    });
    c.end()
}

fn global(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let import = import(&mut c)?;
    let mutable = c.take_word("mut");
    let ty = declared_type(&mut c)?;
    let init = init(m, &mut c, ty.bits())?;
    let exports = exports(&mut c)?;
    m.globals.push(Global {
        ty,
        mutable,
        import,
        exports,
        init,
    });
    c.end()
}

fn data(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let memory = match c.is_numbered("m") {
        true => c.numbered("m", "a memory")?,
        false => 0,
    };
    let offset = match c.take_word("passive") {
        true => None,
        false => Some(init(m, &mut c, Ty::I32)?),
    };
    let length_global = match c.take_word("length") {
        true => Some(c.numbered("g", "a global such as `g0`")?),
        false => None,
    };
    let bytes = c.quoted()?;
    m.data.push(Data {
        offset,
        memory,
        length_global,
        bytes,
        at: 0,
    });
    c.end()
}

fn type_decl(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let ty = signature(&mut c)?;
    let mut field = |name: &str| match c.take_word(name) {
        true => c.number_in(0, u32::MAX.into()).map(|n| n as u32),
        false => Ok(0),
    };
    let (id, area) = (field("id")?, field("area")?);
    m.types.push(TypeDecl { ty, id, area });
    c.end()
}

fn table(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let import = import(&mut c)?;
    let min = c.number_in(0, u32::MAX.into())? as u32;
    let max = c.number_in(min.into(), u32::MAX.into())? as u32;
    let start = init(m, &mut c, Ty::I32)?;
    let grows = c.take_word("grows");
    let contents = match c.clone().take("(") {
        true => Some(listed(&mut c, |c| init(m, c, Ty::I32))?),
        false => None,
    };
    let exports = exports(&mut c)?;
    m.tables.push(Table {
        min,
        max,
        init: start,
        import,
        exports,
        grows,
        contents,
    });
    c.end()
}

fn elem(m: &mut Module, mut c: Cursor<'_>) -> Result<()> {
    c.word();
    let mode = match c.word() {
        "active" => {
            let table = c.numbered("table", "a table such as `table0`")?;
            ElemMode::Active(table, init(m, &mut c, Ty::I32)?)
        }
        "passive" => ElemMode::Passive,
        "declared" => ElemMode::Declared,
        _ => return c.expected("`active`, `passive` or `declared`"),
    };
    let items = listed(&mut c, |c| init(m, c, Ty::I32))?;
    let left = match c.take_word("left") {
        true => Some(c.numbered("g", "a global such as `g0`")?),
        false => None,
    };
    m.elems.push(Elem {
        mode,
        items,
        left,
        at: 0,
    });
    c.end()
}

fn init(m: &mut Module, c: &mut Cursor<'_>, ty: Ty) -> Result<GlobalInit> {
    if c.is_numbered("f") {
        return Ok(GlobalInit::Func(c.numbered("f", "a function")?));
    }
    if c.is_numbered("g") {
        return Ok(GlobalInit::Global(c.numbered("g", "a global")?));
    }
    if c.take("(") {
        let mut steps = Vec::new();
        while !c.take(")") {
            steps.push(expression_step(c)?);
        }
        m.exprs.push(steps);
        return Ok(GlobalInit::Expr(m.exprs.len() as u32 - 1));
    }
    Ok(GlobalInit::Const(bits(c, ty)?))
}

/// A step of a constant expression: `i32:5`, `g0` or an operation.
fn expression_step(c: &mut Cursor<'_>) -> Result<ExprOp> {
    if c.is_numbered("g") {
        return Ok(ExprOp::Global(c.numbered("g", "a global")?));
    }
    if c.is_numbered("f") {
        return Ok(ExprOp::Func(c.numbered("f", "a function")?));
    }
    let binary = [Op::Add, Op::Sub, Op::Mul].into_iter();
    if let Some(op) = binary.into_iter().find(|op| c.peek() == op.text()) {
        c.word();
        return Ok(ExprOp::Binary(op));
    }
    let ty = value_type(c)?;
    c.need(":")?;
    Ok(ExprOp::Const(ty, bits(c, ty)?))
}

/// A constant of a type: any number that its bits can mean, signed or unsigned.
fn bits(c: &mut Cursor<'_>, ty: Ty) -> Result<u64> {
    let n = if ty == Ty::I32 { 32 } else { 64 };
    let v = c.number_in(-(1 << (n - 1)), (1 << n) - 1)?;
    Ok(v as u64 & ty.mask())
}

fn import(c: &mut Cursor<'_>) -> Result<Option<Import>> {
    if !c.take_word("import") {
        return Ok(None);
    }
    Ok(Some(Import {
        module: text(c)?,
        field: text(c)?,
    }))
}

fn text(c: &mut Cursor<'_>) -> Result<String> {
    let spot = c.spot();
    match String::from_utf8(c.quoted()?) {
        Ok(s) => Ok(s),
        Err(_) => error_at(spot, "expected UTF-8 in quotes"),
    }
}

fn exports(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while c.take_word("export") {
        names.push(text(c)?);
    }
    Ok(names)
}

fn ty_named(name: &str) -> Option<Ty> {
    let all = [Ty::Void, Ty::I32, Ty::I64, Ty::Pair];
    all.into_iter().find(|t| t.name() == name)
}

fn value_type(c: &mut Cursor<'_>) -> Result<Ty> {
    match ty_named(c.peek()) {
        Some(t @ (Ty::I32 | Ty::I64)) => {
            c.word();
            Ok(t)
        }
        _ => c.expected("`i32` or `i64`"),
    }
}

/// The type of a parameter, a result or a global as it is declared.
fn declared_type(c: &mut Cursor<'_>) -> Result<Ty> {
    match [Ty::F32, Ty::F64]
        .into_iter()
        .find(|t| t.name() == c.peek())
    {
        Some(t) => {
            c.word();
            Ok(t)
        }
        None => value_type(c),
    }
}

/// What stands between parentheses, with commas.
fn listed<T>(
    c: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut out = Vec::new();
    c.need("(")?;
    while !c.take(")") {
        if !out.is_empty() {
            c.need(",")?;
        }
        out.push(item(c)?);
    }
    Ok(out)
}

fn signature(c: &mut Cursor<'_>) -> Result<FuncType> {
    let params = listed(c, declared_type)?;
    c.need("->")?;
    let results = listed(c, declared_type)?;
    Ok(FuncType { params, results })
}

/// The first line of a function.
struct Head {
    decl: FuncDecl,
    body_type: FuncType,
    open: bool,
    spot: Spot,
}

fn declaration(mut c: Cursor<'_>) -> Result<Head> {
    let spot = c.spot();
    let import = import(&mut c)?;
    let dropped = c.take_word("dropped");
    if !c.take_word("func") {
        return c.expected("`func`");
    }
    let name = Some(c.symbol()?);
    let body_type = signature(&mut c)?;
    let ty = match c.take_word("type") {
        true => signature(&mut c)?,
        false => body_type.clone(),
    };
    let entry = entry(&mut c)?;
    let exports = exports(&mut c)?;
    let open = import.is_none() && !dropped;
    if open {
        c.need("{")?;
    }
    c.end()?;
    let decl = FuncDecl {
        ty,
        import,
        exports,
        name,
        body: None,
        offset: 0,
        entry,
    };
    Ok(Head {
        decl,
        body_type,
        open,
        spot,
    })
}

fn entry(c: &mut Cursor<'_>) -> Result<Entry> {
    let type_number = match c.is_numbered("type") {
        true => c.numbered("type", "a type such as `type1`")?,
        false => 0,
    };
    let (referenced, thunk) = (c.take_word("referenced"), c.take_word("thunk"));
    let mut field = |name: &str| match c.take_word(name) {
        true => c.number_in(0, u32::MAX.into()).map(|n| Some(n as u32)),
        false => Ok(None),
    };
    Ok(Entry {
        type_number,
        referenced,
        thunk,
        id: field("id")?,
        area: field("area")?.unwrap_or(0),
    })
}

/// A use of a value that may be defined later.
type Use = (u32, Spot);

/// An edge as written.
struct Way {
    to: u32,
    spot: Spot,
    args: Vec<Use>,
}

/// A terminator as written.
struct End {
    op: TermOp,
    args: Vec<Use>,
    ways: Vec<Way>,
    loc: u32,
}

/// A body while it is read: names that are known, uses that wait for them.
struct Body {
    f: Func,
    values: FxHashMap<u32, Value>,
    blocks: FxHashMap<u32, Block>,
    uses: Vec<(Value, Vec<Use>)>,
    ends: Vec<End>,
}

fn body<'a>(
    lines: &mut impl Iterator<Item = Cursor<'a>>,
    ty: &FuncType,
    spot: Spot,
) -> Result<Func> {
    let mut b = Body {
        f: Func {
            results: ty.results.clone(),
            nodes: Vec::new(),
            blocks: Vec::new(),
        },
        values: FxHashMap::default(),
        blocks: FxHashMap::default(),
        uses: Vec::new(),
        ends: Vec::new(),
    };
    loop {
        let Some(mut c) = lines.next() else {
            return error_at(spot, "expected `}` at the end of the function");
        };
        if c.take("}") {
            c.end()?;
            break;
        }
        b.line(c)?;
    }
    if b.blocks.is_empty() || b.ends.len() < b.blocks.len() {
        return error_at(spot, "expected blocks that each end in a terminator");
    }
    b.finish(ty, spot)
}

impl Body {
    fn line(&mut self, mut c: Cursor<'_>) -> Result<()> {
        let open = self.ends.len() < self.f.blocks.len();
        if c.is_numbered("b") {
            if open {
                return c.expected("a terminator before the next block");
            }
            return self.label(c);
        }
        if !open {
            return c.expected("a block such as `b0():`");
        }
        if let Some(op) = terminator(c.peek()) {
            return self.terminator(c, op);
        }
        let name = match c.is_numbered("v") {
            true => {
                let spot = c.spot();
                let n = c.numbered("v", "a value")?;
                c.need("=")?;
                Some((n, spot))
            }
            false => None,
        };
        self.node(c, name)
    }

    fn define(&mut self, (name, spot): Use, v: Value) -> Result<()> {
        match self.values.insert(name, v) {
            None => Ok(()),
            Some(_) => error_at(spot, format!("v{name} is defined twice")),
        }
    }

    fn label(&mut self, mut c: Cursor<'_>) -> Result<()> {
        let spot = c.spot();
        let name = c.numbered("b", "a block")?;
        let block = self.f.add_block();
        if self.blocks.insert(name, block).is_some() {
            return error_at(spot, format!("b{name} is defined twice"));
        }
        let params = listed(&mut c, |c| {
            let spot = c.spot();
            let name = c.numbered("v", "a parameter such as `v0: i32`")?;
            c.need(":")?;
            Ok(((name, spot), value_type(c)?))
        })?;
        for (name, ty) in params {
            let v = self.f.add_param(block, ty);
            self.define(name, v)?;
        }
        c.need(":")?;
        c.end()
    }

    fn node(&mut self, mut c: Cursor<'_>, name: Option<Use>) -> Result<()> {
        let start = c.clone();
        let (op, ty) = operation(&mut c)?;
        let before = match op.imm_kind() {
            ImmKind::Func => Some(i64::from(c.numbered("f", "a function such as `f0`")?)),
            ImmKind::Type => Some(i64::from(c.numbered("t", "a type such as `t0`")?)),
            ImmKind::Fp => Some(fp(&mut c)?),
            _ => None,
        };
        let args = operands(&mut c)?;
        if op.arity().is_some_and(|n| n != args.len()) {
            let n = op.arity().unwrap_or(0);
            return start.expected(&format!("{n} operands of {}", op.text()));
        }
        let imm = match before {
            Some(imm) => imm,
            None => immediate(&mut c, op, ty)?,
        };
        let loc = offset(&mut c)?;
        c.end()?;
        let v = self.f.add_node(Node {
            op,
            ty,
            args: Args::new(),
            imm,
            loc,
        });
        match name {
            Some(name) => self.define(name, v)?,
            None if ty == Ty::Void => {}
            None => return start.expected("a name such as `v1 =` for the value"),
        }
        if op.class() == Class::Pin {
            let block = self.f.blocks.len() - 1;
            self.f.blocks[block].insts.push(v);
        }
        self.uses.push((v, args));
        Ok(())
    }

    fn terminator(&mut self, mut c: Cursor<'_>, op: TermOp) -> Result<()> {
        c.word();
        let op = match op {
            TermOp::Trap(_) => {
                let Some(kind) = TrapKind::from_name(c.peek()) else {
                    return c.expected("a trap kind such as `Unreachable`");
                };
                c.word();
                TermOp::Trap(kind)
            }
            TermOp::TailCall(_) => TermOp::TailCall(c.numbered("f", "a function such as `f0`")?),
            TermOp::TailCallIndirect(_) => {
                TermOp::TailCallIndirect(c.numbered("t", "a type such as `t0`")?)
            }
            TermOp::Jump | TermOp::Br | TermOp::Switch | TermOp::Return => op,
        };
        let args = operands(&mut c)?;
        let mut ways = Vec::new();
        while c.is_numbered("b") {
            let spot = c.spot();
            let to = c.numbered("b", "a block")?;
            let args = listed(&mut c, value_use)?;
            ways.push(Way { to, spot, args });
            if !c.take(",") {
                break;
            }
        }
        let loc = offset(&mut c)?;
        c.end()?;
        self.ends.push(End {
            op,
            args,
            ways,
            loc,
        });
        Ok(())
    }

    fn value(&self, (name, spot): Use) -> Result<Value> {
        match self.values.get(&name) {
            Some(&v) => Ok(v),
            None => error_at(spot, format!("v{name} is not defined")),
        }
    }

    /// Resolves everything that was used before it was known.
    fn finish(mut self, ty: &FuncType, spot: Spot) -> Result<Func> {
        if self.f.param_types() != ty.params {
            return error_at(spot, "the first block's parameters are not the function's");
        }
        for (v, uses) in std::mem::take(&mut self.uses) {
            let args: Result<Args> = uses.into_iter().map(|u| self.value(u)).collect();
            self.f.nodes[v.0 as usize].args = args?;
        }
        for (i, end) in std::mem::take(&mut self.ends).into_iter().enumerate() {
            let args: Result<SmallVec<[Value; 2]>> =
                end.args.into_iter().map(|u| self.value(u)).collect();
            let mut edges: SmallVec<[Edge; 2]> = smallvec![];
            for w in end.ways {
                let Some(&to) = self.blocks.get(&w.to) else {
                    return error_at(w.spot, format!("b{} is not defined", w.to));
                };
                let args: Result<_> = w.args.into_iter().map(|u| self.value(u)).collect();
                edges.push(Edge { to, args: args? });
            }
            self.f.blocks[i].term = Term {
                op: end.op,
                args: args?,
                edges,
                loc: end.loc,
            };
        }
        Ok(self.f)
    }
}

fn value_use(c: &mut Cursor<'_>) -> Result<Use> {
    let spot = c.spot();
    Ok((c.numbered("v", "a value such as `v0`")?, spot))
}

/// Values with commas between; the comma after the last one is taken too.
fn operands(c: &mut Cursor<'_>) -> Result<Vec<Use>> {
    let mut out = Vec::new();
    while c.is_numbered("v") {
        out.push(value_use(c)?);
        if !c.take(",") {
            break;
        }
    }
    Ok(out)
}

/// `@0x2f`, the byte offset in the binary, if it is there.
fn offset(c: &mut Cursor<'_>) -> Result<u32> {
    match c.take("@") {
        true => Ok(c.number_in(0, u32::MAX.into())? as u32),
        false => Ok(0),
    }
}

fn terminator(word: &str) -> Option<TermOp> {
    let any_trap = TermOp::Trap(TrapKind::Unreachable);
    let all = [TermOp::Jump, TermOp::Br, TermOp::Switch, TermOp::Return];
    let tails = [TermOp::TailCall(0), TermOp::TailCallIndirect(0)];
    let mut all = all.into_iter().chain([any_trap]).chain(tails);
    all.find(|&t| term_name(t) == word)
}

/// An operation's name with its suffix; gives the type of its result.
fn operation(c: &mut Cursor<'_>) -> Result<(Op, Ty)> {
    let word = c.peek();
    let (op, suffix) = match Op::from_text(word) {
        Some(op) => (op, None),
        None => {
            let split = word.rsplit_once('.');
            match split.and_then(|(w, t)| Some((Op::from_text(w)?, Some(ty_named(t)?)))) {
                Some(found) => found,
                None => return c.expected("an operation"),
            }
        }
    };
    if op.class() == Class::Param {
        return c.expected("an operation; parameters stand at their block");
    }
    let ty = match (op.ret_sig(), suffix) {
        (Sig::T | Sig::A, Some(t @ (Ty::I32 | Ty::I64))) if has_suffix(op) => t,
        (Sig::A, Some(Ty::Pair)) if op == Op::Fp => Ty::Pair,
        (Sig::T | Sig::A, _) => return c.expected("a type as suffix, `.i32` or `.i64`"),
        (_, Some(_)) => return c.expected("no suffix"),
        (Sig::I, None) => Ty::I32,
        (Sig::L, None) => Ty::I64,
        (Sig::P, None) => Ty::Pair,
        (Sig::V, None) => Ty::Void,
    };
    c.word();
    Ok((op, ty))
}

/// The number of an operation on floats.
fn fp(c: &mut Cursor<'_>) -> Result<i64> {
    let Some(fp) = Fp::named(c.peek()) else {
        return c.expected("an operation on floats such as `f32.add`");
    };
    c.word();
    Ok(fp as i64)
}

fn immediate(c: &mut Cursor<'_>, op: Op, ty: Ty) -> Result<i64> {
    match op.imm_kind() {
        ImmKind::None | ImmKind::Block | ImmKind::Func | ImmKind::Type | ImmKind::Fp => Ok(0),
        ImmKind::Bits => Ok(bits(c, ty)? as i64),
        ImmKind::Offset => {
            let memory = i64::from(memory(c, 0)?) << 32;
            match c.take("+") {
                true => Ok(memory | c.number_in(0, u32::MAX.into())? as i64),
                false => Ok(memory),
            }
        }
        ImmKind::Memory => Ok(i64::from(memory(c, 0)?)),
        ImmKind::Memories => {
            let to = memory(c, 0)?;
            Ok(i64::from(memory(c, to)?) << 32 | i64::from(to))
        }
        ImmKind::Trap => {
            let Some(kind) = TrapKind::from_name(c.peek()) else {
                return c.expected("a trap kind such as `OutOfBounds`");
            };
            c.word();
            Ok(i64::from(kind.code()))
        }
        ImmKind::Index => Ok(c.number_in(0, u32::MAX.into())? as i64),
        ImmKind::Global => {
            let start = c.clone();
            let (name, word) = match c.peek().split_once('.') {
                Some((name, word)) => (name, word),
                None => (c.peek(), "0"),
            };
            let number = name.strip_prefix('g').and_then(|n| n.parse::<u32>().ok());
            match (number, word.parse::<u8>()) {
                (Some(g), Ok(w @ 0..=1)) => {
                    c.word();
                    Ok(i64::from(w) << 32 | i64::from(g))
                }
                _ => start.expected("a global such as `g0`, or a word of it such as `g0.1`"),
            }
        }
        ImmKind::Sym => symbol(c),
    }
}

/// A memory by number, if one is named.
fn memory(c: &mut Cursor<'_>, usual: u32) -> Result<u32> {
    if c.take_word("machine") {
        return Ok(MACHINE);
    }
    match c.is_numbered("m") {
        true => c.numbered("m", "a memory such as `m1`"),
        false => Ok(usual),
    }
}

/// A symbol with an offset: `memory`, `globals+8`, `global3`, `data0+0x10`.
fn symbol(c: &mut Cursor<'_>) -> Result<i64> {
    let start = c.clone();
    let word = c.word();
    let many = SymKind::MANY.iter().find_map(|(kind, name)| {
        let index = word.strip_prefix(name)?.parse().ok()?;
        kind.number(index)
    });
    let kind = match word {
        "memory" => Some(SymKind::Memory as u32),
        "globals" => Some(SymKind::Globals as u32),
        _ => many,
    };
    let Some(kind) = kind else {
        return start.expected("a symbol: `memory`, `globals`, `global0` or `data0`");
    };
    let offset = match c.take("+") {
        true => c.number_in(0, u32::MAX.into())? as i64,
        false => 0,
    };
    Ok(i64::from(kind) << 32 | offset)
}
