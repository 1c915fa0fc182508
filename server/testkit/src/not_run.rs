//! What a run leaves out, said where it is seen.

use std::{collections::BTreeSet, io::Write as _};

use parking_lot::Mutex;

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says once in a process that something was not tested, because something is missing here.
/// `scripts/test.sh` repeats it in the last lines of a run.
pub fn not_run(what: &str) {
    if SAID.lock().insert(what.to_owned()) {
        // Past the test runner, which shows what a passing test prints to nobody.
        let _ = std::io::stderr().write_all(format!("\nNOT RUN: {what}\n").as_bytes());
    }
}
