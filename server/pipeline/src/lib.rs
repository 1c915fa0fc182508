//! The pipeline: what happens to a record between the door and the screen.
//!
//! ```text
//! door → normalise → admit → enqueue → QUEUE → consume → STORE → live → subscribers
//!                                                          └──── query ──→ readers
//! ```
//!
//! The pipeline owns the ports: [`Queue`], and of a store [`Log`], [`Ask`], [`DeadLetters`],
//! [`Documents`] and [`Leases`]. The engines implement them and know nothing of each other.
//! What must always hold:
//!
//! - C1: a client sees success only after [`Queue::publish`] has returned, and that
//!   returns only once the batch is durable.
//! - C2: delivery is at least once; [`Log::append`] commits a batch together with
//!   its id, so a redelivery changes nothing.
//! - C3: the tail is fed from [`Log::follow`], never from the doors, so it shows
//!   stored records only, in the order of [`Position`](model::Position).
//! - C4: every buffer here has a bound, bytes that are not yet decoded included; past it the
//!   caller gets [`ErrorClass::Overloaded`].
//! - C5: what cannot be stored becomes a [`DeadLetter`], counted and listed.
//! - C6: a failing batch is retried or set aside; the loop goes on.
//! - C10: the [`loss_ledger`] shows as missing what was received and is neither stored, nor a
//!   duplicate, refused, dead, deleted by a user or in flight.

pub mod admit;
pub mod ask;
mod audit;
pub mod backoff;
pub mod batch;
pub mod bodies;
pub mod clock;
pub mod consume;
pub mod dead_letters;
pub mod deletion;
pub mod documents;
mod enqueue;
pub mod envelope;
pub mod error;
pub mod events;
pub mod follow;
mod formats;
mod hour;
mod in_flight;
mod jobs;
pub mod lease;
pub mod live;
pub mod log;
pub mod loss_ledger;
pub mod normalise;
pub mod queue;
mod rates;
pub mod redact;
pub mod relay;
pub mod replay;
mod sender;
pub mod store;
mod submission;
pub mod supervisor;
mod tally;
mod terms;

pub use ask::{Ask, Context, Cursor, SearchPage, SearchRequest};
pub use batch::{Batch, BatchId, Block};
pub use dead_letters::{
    DeadLetter, DeadLetterBounds, DeadLetterFilter, DeadLetterHead, DeadLetterRequest, DeadLetters, DeadLettersStatus,
    NewDeadLetter,
};
pub use documents::{Document, Documents, Expected, Json, Kind, Listing, Version};
pub use error::{Error, ErrorClass, Result};
pub use lease::{Lease, Leases, hold, holder, lease_lost};
pub use log::{Appended, Log, PartAside, ReadLimit, Removal, RemovalStep, StoreStatus};
pub use queue::{Content, Delivery, Queue, QueueStatus, Receipt, Space};
pub use sender::Sender;
pub use store::LogStore;
pub use supervisor::Supervisor;
pub use tally::Tally;
pub use terms::Terms;

pub use model::TimeRange;
