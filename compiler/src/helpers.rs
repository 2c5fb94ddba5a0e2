//! Runtime helpers: functions that the compiler adds to a module that needs them.
//!
//! In: a module whose 64-bit values are split. Out: the same, with the helpers that its operations call. They are
//! written in WebAssembly (`helpers.wat`) and go through the same pipeline as everything else; what is not called is
//! dropped like any function that nothing reaches.

use crate::error::{Error, ErrorKind, Result};
use crate::ir::{MACHINE, Module, Op, Ty};
use crate::options::{Bounds, Options};
use crate::seeded::{Bug, on};
use std::sync::OnceLock;

/// The helpers as a module in text, which exports nothing.
pub const SOURCE: &str = include_str!("helpers.wat");

/// The operations that are calls, and the helpers' names: functions of two 64-bit numbers, and of machine addresses.
pub const HELPERS: [(Op, &str); 6] = [
    (Op::DivU64, "div_u64"),
    (Op::DivS64, "div_s64"),
    (Op::RemU64, "rem_u64"),
    (Op::RemS64, "rem_s64"),
    (Op::MemoryCopy, "memory_copy"),
    (Op::MemoryFill, "memory_fill"),
];

/// Seeded bugs in the text of the helpers: what stands for what.
const WRONG: &[(Bug, &str, &str)] = &[
    (
        Bug::CopyOnlyForward,
        "(i32.ge_u (i32.sub (local.get $to) (local.get $from)) (local.get $n))",
        "(i32.const 1)",
    ),
    (
        Bug::CopyOddBytes,
        "(i32.load8_u (i32.add (local.get $from) (local.get $n)))",
        "(i32.load8_u (local.get $from))",
    ),
    (
        Bug::FillValueWide,
        "(i32.and (local.get $v) (i32.const 255))",
        "(local.get $v)",
    ),
    (
        Bug::FillBlockShort,
        "(i32.store offset=12 (local.get $to) (local.get $v))",
        "",
    ),
];

fn library() -> Result<&'static Module> {
    static LIBRARY: OnceLock<Result<Module>> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            const AGAIN: &str = "(br_if $again (i32.lt_u (local.get $r) (i32.const 0x10000)))";
            let mut source = match on(Bug::CorrectedOnce) {
                true => SOURCE.replace(AGAIN, "(br $done)"),
                false => SOURCE.to_owned(),
            };
            for (bug, right, wrong) in WRONG {
                if on(*bug) {
                    source = source.replace(right, wrong);
                }
            }
            let wasm = wat::parse_str(source)
                .map_err(|e| Error::new(ErrorKind::Internal, format!("helpers: {e}")))?;
            let options = Options {
                bounds: Bounds::None,
                ..Options::default()
            };
            let mut m = crate::wasm::decode(&wasm, &options)?;
            for f in m.funcs.iter_mut().filter_map(|f| f.body.as_mut()) {
                // The callers have checked: a guard here is its operand.
                for n in f.nodes.iter_mut().filter(|n| n.op == Op::Guard) {
                    n.op = Op::Assume;
                    n.args.truncate(1);
                    n.imm = 0;
                }
                for n in f.nodes.iter_mut().filter(|n| n.op.access_bytes().is_some()) {
                    n.imm |= i64::from(MACHINE) << 32;
                }
            }
            Ok(m)
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// Whether an operation is a call of a helper after 64-bit values are split, or may become one.
pub fn is_call(op: Op, ty: Ty) -> bool {
    let divides = matches!(op, Op::DivS | Op::DivU | Op::RemS | Op::RemU);
    divides && ty == Ty::I64 || HELPERS.iter().any(|h| h.0 == op)
}

/// Adds all helpers to a module; returns the index of the first.
///
/// # Errors
/// `Internal`, if the helpers do not compile.
pub fn add(module: &mut Module) -> Result<u32> {
    let base = module.funcs.len() as u32;
    for f in &library()?.funcs {
        let mut f = f.clone();
        for n in f
            .body
            .iter_mut()
            .flat_map(|b| b.nodes.iter_mut())
            .filter(|n| n.op == Op::Call)
        {
            n.imm += base as i64;
        }
        module.funcs.push(f);
    }
    Ok(base)
}

/// The index of the helper of an operation, in a module whose helpers start at `base`.
pub fn index(op: Op, base: u32) -> Option<u32> {
    let (_, name) = HELPERS.iter().find(|h| h.0 == op)?;
    let at = library()
        .ok()?
        .funcs
        .iter()
        .position(|f| f.name.as_deref() == Some(name))?;
    Some(base + at as u32)
}
