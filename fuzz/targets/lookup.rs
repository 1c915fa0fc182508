#![no_main]

use fuzz_targets::LOOKUP as TARGET;

libfuzzer_sys::fuzz_target!(init: TARGET.write_seeds(), |bytes: &[u8]| (TARGET.run)(bytes));
