//! Function bodies on their way to SSA.
//!
//! In: a decoded module and its bodies as bytes. Out: what each body calls, at once; its [`Func`], when it is asked for.
//! So functions can be taken callees first while only those that were taken have nodes. Invariant: every body is
//! validated, whether anything asks for it or not ([`Bodies::finish`]). Guarded by the `malformed` tests.

use super::references::{Outside, References};
use super::scan::{Scan, scan};
use super::translate::{self, Context};
use crate::error::Result;
use crate::ir::{Func, Module, Op};
use crate::options::Options;
use rustc_hash::FxHashSet;
use wasmparser as wp;

/// A body that was scanned, not yet validated.
struct Body<'a> {
    func: wp::FuncToValidate<wp::ValidatorResources>,
    bytes: wp::FunctionBody<'a>,
    scan: Scan,
}

/// What the bodies of a module change of memories and data segments, by index.
#[derive(Default)]
pub(super) struct Changes {
    /// Memories that something grows.
    pub(super) grown: FxHashSet<u32>,
    /// Data segments that something drops.
    pub(super) dropped: FxHashSet<u32>,
}

/// The bodies of a module that are not translated yet.
pub struct Bodies<'a> {
    context: Context,
    /// By function; `None` for imports and for what was taken.
    waiting: Vec<Option<Body<'a>>>,
    allocations: wp::FuncValidatorAllocations,
}

impl<'a> Bodies<'a> {
    /// Scans all bodies and decides how memory is accessed; the module may get a global that counts its pages.
    ///
    /// # Errors
    /// `Malformed`, `Limit`, or `Options` if the bounds mode does not fit the memory.
    pub(super) fn new(
        module: &mut Module,
        types: Vec<Option<wp::FuncType>>,
        bodies: Vec<(
            wp::FuncToValidate<wp::ValidatorResources>,
            wp::FunctionBody<'a>,
        )>,
        outside: Outside,
        options: &Options,
    ) -> Result<Bodies<'a>> {
        let mut waiting: Vec<_> = module.funcs.iter().map(|_| None::<Body<'a>>).collect();
        let mut changes = Changes::default();
        for (func, bytes) in bodies {
            let index = func.index;
            let name = module.func_name(index);
            let scan = scan(&bytes).map_err(|e| e.in_function(index, name))?;
            module.funcs[index as usize].offset = bytes.range().start as u32;
            changes.grown.extend(&scan.grown);
            changes.dropped.extend(&scan.dropped);
            waiting[index as usize] = Some(Body { func, bytes, scan });
        }
        let mut scans: Vec<_> = (waiting.iter_mut())
            .map(|w| w.as_mut().map(|b| &mut b.scan))
            .collect();
        let references = References::decide(module, outside, &mut scans, options)?;
        Ok(Bodies {
            context: Context::new(module, types, references, &changes, options)?,
            waiting,
            allocations: wp::FuncValidatorAllocations::default(),
        })
    }

    /// The functions that a waiting body calls, one entry a site. They may be out of range: it is not validated.
    pub fn calls(&self, index: u32) -> &[u32] {
        self.body(index).map_or(&[], |b| &b.scan.calls)
    }

    /// What helpers do for a waiting body, one entry a site: 64-bit divisions, copies, fills.
    pub fn helpers(&self, index: u32) -> &[Op] {
        self.body(index).map_or(&[], |b| &b.scan.helpers)
    }

    fn body(&self, index: u32) -> Option<&Body<'a>> {
        self.waiting.get(index as usize)?.as_ref()
    }

    /// Takes a body: validates and translates it. `None` if it does not wait here.
    ///
    /// # Errors
    /// `Malformed`, `Invalid`, `Unsupported` or `Limit`, with function and byte offset.
    pub fn take(&mut self, index: u32) -> Result<Option<Func>> {
        let Some(body) = self.waiting.get_mut(index as usize).and_then(Option::take) else {
            return Ok(None);
        };
        let mut validator = body
            .func
            .into_validator(std::mem::take(&mut self.allocations));
        let f = translate::function(
            &self.context,
            &mut validator,
            index,
            &body.bytes,
            &body.scan,
        )
        .map_err(|e| e.in_function(index, self.context.name(index)))?;
        self.allocations = validator.into_allocations();
        debug_assert!(
            body.scan.covers(&f),
            "function {index} calls what the scan did not see"
        );
        Ok(Some(f))
    }

    /// Validates what nothing asked for.
    ///
    /// # Errors
    /// As [`Bodies::take`].
    pub fn finish(mut self) -> Result<()> {
        for index in 0..self.waiting.len() as u32 {
            self.take(index)?;
        }
        Ok(())
    }
}
