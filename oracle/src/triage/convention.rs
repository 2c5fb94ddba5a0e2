//! Whether the calling convention is wrong.
//!
//! In: a case, and options under which it differs. Out: the guilty convention, if a module differs too that does nothing but hand
//! on. Invariant: of the case, that module has the types of functions alone, so that it can be wrong by nothing else of it.

use super::culprit::{Culprit, What};
use crate::check::{Ask, Judge};
use crate::compare::Step;
use crate::program::{Sig, Ty};
use crate::reduce::Cause;
use thumbsmith::Options;

/// The calling convention, if functions of the module's types that only hand on what they get are wrong too, or calls of them.
pub(super) fn find(judge: &mut Judge, cause: &Cause, options: &Options) -> Option<Culprit> {
    let (text, steps) = handing_on(&function_types(&cause.case.wasm));
    let wasm = wat::parse_str(text).ok()?;
    // A run that ends but is given up would count as one that differs.
    let hurried = judge.hurry(false);
    let said = judge.judge("triage", &wasm, options, &steps, Ask::THOROUGH);
    judge.hurry(hurried);
    let kind = said.err()?.difference.kind.name();
    Some(Culprit {
        pass: "lower".into(),
        what: What::Place("calling convention".into()),
        how: format!("functions that only hand on what they get are wrong too ({kind})"),
    })
}

/// The types of functions that a module declares, without those that have references.
fn function_types(wasm: &[u8]) -> Vec<Sig> {
    let sections = wasmparser::Parser::new(0)
        .parse_all(wasm)
        .map_while(Result::ok);
    let list = |types: &[wasmparser::ValType]| -> Option<Vec<Ty>> {
        types.iter().map(|t| Ty::from_parser(*t).ok()).collect()
    };
    let sig = |ty: wasmparser::FuncType| {
        Some(Sig {
            params: list(ty.params())?,
            results: list(ty.results())?,
        })
    };
    sections
        .filter_map(|p| match p {
            wasmparser::Payload::TypeSection(reader) => Some(reader),
            _ => None,
        })
        .flat_map(|reader| reader.into_iter_err_on_gc_types().map_while(Result::ok))
        .filter_map(sig)
        .collect()
}

/// A module whose functions hand on what they get, and what to call. For each type, an import of it is called; for each of its
/// parameters there is a function that returns it before all results of the type, and one that calls that.
fn handing_on(types: &[Sig]) -> (String, Vec<Step>) {
    let list = |types: &[Ty]| types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" ");
    let (mut imports, mut functions, mut steps) = (String::new(), String::new(), Vec::new());
    for (t, sig) in types.iter().enumerate() {
        let params = format!("(param {})", list(&sig.params));
        // Words that differ in every byte, and from argument to argument.
        let words = |k: u64| 0x0123_4567_89ab_cdef_u64.rotate_left(4) ^ k << 8 ^ k << 40;
        let args = || (0..).map(words).zip(&sig.params);
        let operands: String = args().map(|(word, ty)| constant(*ty, word)).collect();
        let results: String = (1..)
            .zip(&sig.results)
            .map(|(k, ty)| constant(*ty, k))
            .collect();
        let mut export = |head: &str, types: &[Ty], body: &str, args: Vec<u64>| {
            let results = list(types);
            functions += &format!("(func {head} (result {results}) {body})");
            steps.push(Step::Call(steps.len(), args));
        };
        imports += &format!(
            "(import \"env\" \"i{t}\" (func $i{t} {params} (result {})))",
            list(&sig.results)
        );
        let named = |name: String| format!("${name} (export \"{name}\")");
        let call = format!("{operands} (call $i{t})");
        export(&named(format!("m{t}")), &sig.results, &call, Vec::new());
        let given = || args().map(|(word, ty)| ty.wrap(word)).collect();
        for (k, ty) in sig.params.iter().enumerate() {
            // More than one result is returned in memory, whose address takes a register.
            let more = sig.results.len() > 1;
            let types: Vec<Ty> = std::iter::once(*ty)
                .chain(sig.results.iter().filter(|_| more).copied())
                .collect();
            let rest = if more { &results } else { "" };
            let name = format!("h{t}_{k}");
            let head = format!("{} {params}", named(name.clone()));
            export(&head, &types, &format!("(local.get {k}) {rest}"), given());
            let call = format!("{operands} (call ${name})");
            export(&named(format!("c{t}_{k}")), &types, &call, Vec::new());
        }
    }
    (format!("(module {imports}{functions})"), steps)
}

/// The text of a constant.
fn constant(ty: Ty, bits: u64) -> String {
    let bits = ty.wrap(bits);
    match ty {
        Ty::I32 | Ty::I64 => format!("({}.const {bits})", ty.name()),
        Ty::F32 => format!("(f32.reinterpret_i32 (i32.const {bits}))"),
        Ty::F64 => format!("(f64.reinterpret_i64 (i64.const {bits}))"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_handed_on() {
        let sig = |params: &[Ty], results: &[Ty]| Sig {
            params: params.to_vec(),
            results: results.to_vec(),
        };
        let all = [Ty::I32, Ty::I64, Ty::F32, Ty::F64];
        let types = [
            sig(&[], &[]),
            sig(&all, &[]),
            sig(&all, &[Ty::F32]),
            sig(&all, &all),
        ];
        let (text, steps) = handing_on(&types);
        let wasm = wat::parse_str(text).expect("text parses");
        wasmparser::validate(&wasm).expect("valid");
        // A call of each import, and of each parameter's two functions.
        assert_eq!(steps.len(), types.len() + 3 * 2 * all.len());
        assert_eq!(function_types(&wasm).len(), 20);
    }
}
