//! Bytes make a module and options; the emitted code must do what wasmtime does.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(report) = thumbsmith_oracle::check::lowering(data) {
        panic!("{report}");
    }
});
