//! The archive: the records of whole days as files in a folder or an S3 bucket, beside the store.
//!
//! ```text
//! <root>/2026-11-21/manifest.json
//! <root>/2026-11-21/<uuid>.parquet
//! ```
//!
//! | file | content |
//! |---|---|
//! | `location` | the URL of an archive |
//! | `day`, `manifest` | a UTC day; the list of its parts |
//! | `place` | [`Archive`]: its objects, and which days it holds |
//! | `write` | writes a day, or the late records of a day |
//! | `known` | which records a day has already |
//! | `fetch`, `local` | downloads a part; decodes the downloaded file |
//! | `remove` | removes records from a day |
//! | `check`, `read`, `expire` | verifies, reads and deletes days |
//!
//! - A day counts from the manifest that names its parts. The manifest is written last and replaced atomically, so a
//!   reader sees a day whole, without its late records or with them, but never half of it.
//! - Objects of a day that its manifest does not name are the rest of an interrupted attempt. Readers ignore them, and
//!   the next attempt deletes them.
//! - A part has the format of package `parts`. Positions and ids are those of the store.
//! - One process at a time writes to an archive; the caller holds a lease.

mod check;
mod day;
mod expire;
mod fetch;
mod known;
mod local;
mod location;
mod manifest;
mod place;
mod read;
mod remove;
mod write;

pub use check::DayReport;
pub use day::Day;
pub use location::Location;
pub use manifest::{Manifest, PartEntry};
pub use place::Archive;
pub use remove::DayRemoval;
pub use write::{NewDay, Written};
