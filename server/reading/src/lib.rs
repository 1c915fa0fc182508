//! Reading: the queries of the HTTP API, S1's calls and the dashboard.
//!
//! | file | content |
//! |---|---|
//! | `reader` | records: a page, all matches, one record, its neighbours, its fields' values |
//! | `sight` | what of the records the caller may see |
//! | `tail` | live tails |
//! | `histogram` | counts over time |
//! | `patterns` | the kinds of messages, and which of them are new |
//! | `figures` | the state of the server and its traffic, once or as a stream |
//! | `deletion` | what a deletion would remove |
//! | `letters` | dead letters: list, show, replay, delete |
//! | `loss_ledger` | what became of the received records, by hour and service |
//! | `parts` | parts that are set aside because they are damaged |
//! | `redaction` | what a redaction rule would have changed |
//! | `views` | saved views |
//! | `kinds` | which kinds of documents there are |
//! | `transfer` | documents: export and import |
//! | `query`, `range`, `cursor` | parameters shared by the queries: the query, the time range, the page |
//!
//! - A door parses its protocol, calls a method here, and writes the answer in its protocol.
//!   It never calls the store's reading methods (`server/tests/architecture.rs`), so all doors
//!   mean the same by a query, a range and a limit.
//! - Each question takes the sight of the caller by `seen_by`, which every type here has that reads for callers. A door
//!   never asks without it (`server/tests/architecture.rs`).
//! - Parameters come as text and are checked here. An error names the parameter.
//! - Every response is limited: pages by [`model::limits::PAGE_RECORDS`], the rest by the constants at the head of each
//!   file. Unlimited results are streams.
//! - Nothing here knows HTTP, gRPC or the dashboard.

mod cursor;
mod deletion;
mod figures;
mod histogram;
mod kinds;
mod letters;
mod loss_ledger;
mod parts;
mod patterns;
mod query;
mod range;
mod reader;
mod redaction;
mod sight;
mod tail;
mod transfer;
mod views;

pub use deletion::open_ends;
pub use figures::Figures;
pub use kinds::KINDS;
pub use letters::{LetterFilter, LetterPage, Letters, Replayed, WholeLetter};
pub use loss_ledger::Losses;
pub use parts::Parts;
pub use query::{compiled, hints, parse_query};
pub use range::{Clock, DefaultRange, RangeText};
pub use reader::Reader;
pub use sight::need_whole_sight;
pub use tail::Tail;
pub use transfer::{Imported, Refused, Transfer};
pub use views::Views;
