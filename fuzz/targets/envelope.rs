//! The queue's messages: any bytes are a batch or an error, and a batch reads as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(batch) = pipeline::envelope::decode(bytes) {
        let again = pipeline::envelope::decode(&pipeline::envelope::encode(&batch));
        assert_eq!(again.ok().as_ref(), Some(&batch));
    }
});
