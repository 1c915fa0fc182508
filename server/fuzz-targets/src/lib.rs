//! Fuzz targets: whatever bytes are on the disk or come from a client, no reader panics, hangs or
//! invents a record.
//!
//! `make fuzz` runs them by libFuzzer for as long as one likes: `fuzz/` has a program for each, in a
//! workspace of its own, because that build instruments everything. `tests/smoke.rs` runs them
//! with a fixed number of inputs in each test run.

use std::{env, fs, path::Path};

pub mod doors;
pub mod entrance;
pub mod envelope;
pub mod frame;
pub mod lookup;
pub mod messages;
pub mod part;

/// A function of any bytes, which panics where they bring something to light.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs to begin with; others are made of them.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Whether the code below catches panics of a library, so that only one that comes out of
    /// `run` is a finding.
    pub catches_panics: bool,
}

impl Target {
    /// Writes each seed to a file of the folder `FUZZ_SEEDS`, if that is set: libFuzzer reads its
    /// inputs from files.
    pub fn write_seeds(&self) {
        let Some(folder) = env::var_os("FUZZ_SEEDS") else { return };
        for (number, seed) in (self.seeds)().iter().enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{number:03}")), seed).expect("a folder to write to");
        }
    }
}

pub const DOORS: Target = Target { name: "doors", run: doors::run, seeds: doors::seeds, catches_panics: false };
pub const ENTRANCE: Target =
    Target { name: "entrance", run: entrance::run, seeds: entrance::seeds, catches_panics: false };
pub const ENVELOPE: Target =
    Target { name: "envelope", run: envelope::run, seeds: envelope::seeds, catches_panics: false };
pub const FRAME: Target = Target { name: "frame", run: frame::run, seeds: frame::seeds, catches_panics: false };
pub const LOOKUP: Target = Target { name: "lookup", run: lookup::run, seeds: lookup::seeds, catches_panics: false };
pub const MESSAGES: Target =
    Target { name: "messages", run: messages::run, seeds: messages::seeds, catches_panics: false };
pub const PART: Target = Target { name: "part", run: part::run, seeds: part::seeds, catches_panics: true };
