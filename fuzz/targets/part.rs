#![no_main]

libfuzzer_sys::fuzz_target!(
    // Parquet's reader panics over some damage. The engine catches that, and libFuzzer's own hook
    // would end the process before it can; what is not caught ends it all the same.
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| (fuzz_targets::PART.run)(bytes)
);
