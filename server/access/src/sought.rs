//! What callers who are not known have looked for, and the turn to look.

use std::{collections::HashSet, mem};

use parking_lot::Mutex;
use tokio::time::Instant;

/// The documents that one look reads one by one. If more are sought, it reads all.
pub(crate) const SOUGHT_MOST: usize = 64;

/// The name of a document that may exist by now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sought {
    Key(String),
    Session(String),
}

/// What is sought, and the turn to look for it.
#[derive(Default)]
pub(crate) struct Looks {
    pub(crate) turn: tokio::sync::Mutex<Last>,
    sought: Mutex<Collected>,
}

/// The last look.
#[derive(Default)]
pub(crate) struct Last {
    pub(crate) began: Option<Instant>,
    /// When a look last failed.
    pub(crate) failed: Option<Instant>,
}

#[derive(Default)]
struct Collected {
    sought: HashSet<Sought>,
    /// The numbers of the last look that began, and of the last one that ended.
    began: u64,
    ended: u64,
}

impl Looks {
    /// Notes what a caller seeks. Returns the number of the last look that does not have it.
    pub(crate) fn note(&self, sought: Vec<Sought>) -> u64 {
        let mut collected = self.sought.lock();
        for one in sought {
            // A look for more than the limit reads all, whatever their names are.
            if collected.sought.len() <= SOUGHT_MOST {
                collected.sought.insert(one);
            }
        }
        collected.began
    }

    /// Whether a look after this one has ended.
    pub(crate) fn has_ended_since(&self, number: u64) -> bool {
        self.sought.lock().ended > number
    }

    pub(crate) fn begin(&self) -> Look<'_> {
        let mut collected = self.sought.lock();
        collected.began += 1;
        Look { looks: self, number: collected.began, sought: mem::take(&mut collected.sought), has_ended: false }
    }
}

/// A look. If its caller goes away before it has ended, the next one has what it sought.
pub(crate) struct Look<'l> {
    looks: &'l Looks,
    number: u64,
    pub(crate) sought: HashSet<Sought>,
    pub(crate) has_ended: bool,
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        let mut collected = self.looks.sought.lock();
        if self.has_ended {
            collected.ended = self.number;
        } else {
            collected.sought.extend(self.sought.drain());
        }
    }
}
