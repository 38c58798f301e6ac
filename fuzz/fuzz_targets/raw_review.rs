#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(problem) = hotdesk_fuzz::raw(data, hotdesk_fuzz::OPTIMISED) {
        panic!("{problem}");
    }
});
