//! The fallback for records that do not reach the server.

mod line;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
};

use parking_lot::Mutex;
use wire::v1::Record;

use crate::{batch::Producer, error::BuildError};

/// The fallback for records that do not reach the server, as lines of JSON that the server can read later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fallback {
    /// The standard error of the process.
    #[default]
    Stderr,
    /// Appends to a file, which is created if necessary. Its size is unlimited.
    File(PathBuf),
    /// Drops them; they are counted as [`lost`](crate::Stats::lost).
    Drop,
}

/// An open fallback.
#[derive(Debug)]
pub(crate) enum Sink {
    Stderr,
    File(Mutex<File>),
    Drop,
}

/// The result of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) records: usize,
    /// The number of records that could not be written.
    pub(crate) lost: usize,
}

impl Sink {
    /// Opens the file of a file fallback for appending; creates it if necessary.
    pub(crate) fn open(fallback: &Fallback) -> Result<Self, BuildError> {
        match fallback {
            Fallback::Stderr => Ok(Self::Stderr),
            Fallback::File(path) => match OpenOptions::new().create(true).append(true).open(path) {
                Ok(file) => Ok(Self::File(Mutex::new(file))),
                Err(source) => Err(BuildError::Fallback { path: path.clone(), source }),
            },
            Fallback::Drop => Ok(Self::Drop),
        }
    }

    /// Writes the records at once, each as one line with the reason.
    pub(crate) fn write<'a>(
        &self,
        producer: &Producer,
        records: impl IntoIterator<Item = (&'a Record, &'a str)>,
    ) -> Written {
        let records = records.into_iter();
        if matches!(self, Self::Drop) {
            let count = records.count();
            return Written { records: count, lost: count };
        }
        let (mut lines, mut written) = (Vec::new(), Written { records: 0, lost: 0 });
        for (record, reason) in records {
            written.records += 1;
            if line::write(producer, record, reason, &mut lines).is_err() {
                written.lost += 1;
            }
        }
        let kept = match self {
            Self::Stderr => io::stderr().lock().write_all(&lines),
            Self::File(file) => file.lock().write_all(&lines),
            Self::Drop => Ok(()),
        };
        // A failed write can only be counted.
        if kept.is_err() { Written { lost: written.records, ..written } } else { written }
    }
}
