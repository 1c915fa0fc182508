//! Reports skipped tests visibly.

use std::{collections::BTreeSet, io::Write as _};

use parking_lot::Mutex;

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Reports once per process that something was not tested because a dependency is missing. `scripts/test.sh` repeats it
/// at the end of a run.
pub fn not_run(what: &str) {
    if SAID.lock().insert(what.to_owned()) {
        // Bypasses the test runner, which captures the output of passing tests.
        let _ = std::io::stderr().write_all(format!("\nNOT RUN: {what}\n").as_bytes());
    }
}
