//! Bytes make a module with many names; its object and header must hold what it says.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(report) = thumbsmith_oracle::check::object(data) {
        panic!("{report}");
    }
});
