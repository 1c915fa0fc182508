//! Marks the sender's own threads.
//!
//! Sending a record causes events of h2, hyper, tower and others. If these were sent, each would cause the next. They
//! are recognised by their thread and not by their targets, so that the same libraries are logged when the program
//! itself uses them.

use std::cell::Cell;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the current thread permanently.
pub(crate) fn mark() {
    OWN.set(true);
}

/// Whether the current thread belongs to a sender of any layer, because two layers would otherwise send each other's
/// events.
pub(crate) fn is_current() -> bool {
    OWN.get()
}
