//! Bytes make a module of IR and a list of passes; what each pass leaves must do what there was before.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(report) = thumbsmith_oracle::check::optimizer(data) {
        panic!("{report}");
    }
});
