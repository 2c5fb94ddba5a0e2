//! Bytes make a machine function; its allocation, and the checker on spoiled ones, must agree with execution.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(report) = thumbsmith_oracle::check::regalloc(data) {
        panic!("{report}");
    }
});
