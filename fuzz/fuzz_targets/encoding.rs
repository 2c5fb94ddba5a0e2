//! Bytes choose instructions; encoder, decoder and executor must agree with unicorn.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(report) = thumbsmith_oracle::check::encoding(data) {
        panic!("{report}");
    }
});
