//! The mark of the sender's own threads.
//!
//! Sending a record makes events: of h2, hyper, tower and whatever they call next year.
//! If these were sent, each would make the next. They are told by the thread they come
//! from and not by their targets, so that the same libraries can be watched where the
//! program itself uses them.

use std::cell::Cell;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the current thread, for as long as it lives.
pub(crate) fn mark() {
    OWN.set(true);
}

/// Whether the current thread belongs to a sender: to any layer's, because two layers
/// would otherwise send each other's events.
pub(crate) fn is_current() -> bool {
    OWN.get()
}
