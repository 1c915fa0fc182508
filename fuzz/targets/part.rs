#![no_main]

use fuzz_targets::PART as TARGET;

libfuzzer_sys::fuzz_target!(init: begin(), |bytes: &[u8]| (TARGET.run)(bytes));

fn begin() {
    TARGET.write_seeds();
    // Parquet's reader panics over some damage. The engine catches that, and libFuzzer's own hook
    // would end the process before it can; what is not caught ends it all the same.
    std::panic::set_hook(Box::new(|_| ()));
}
