//! The manifest of a day: the list of its parts.

use model::Nanos;
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::day::Day;

/// The version of the layout of a manifest. A newer one is refused.
const FORMAT: u32 = 1;

/// The parts of one archived day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout of this file.
    pub format: u32,
    pub day: Day,
    /// 1 for the first manifest of the day; one more each time late records are added or records are removed.
    pub version: u64,
    /// The id of the store that the records are from.
    pub store: String,
    /// Records of the day with positions up to this one are archived.
    pub position: i64,
    /// The sum of the parts' records.
    pub records: u64,
    #[serde(with = "rfc3339")]
    pub created_at: Nanos,
    /// In the order in which they were written.
    pub parts: Vec<PartEntry>,
    /// The SHA-256 of this manifest as JSON with an empty checksum.
    checksum: String,
}

/// One part of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// The file name within the day's folder.
    pub name: String,
    pub bytes: u64,
    pub records: u64,
    /// The time of its oldest record.
    #[serde(with = "rfc3339")]
    pub first_time: Nanos,
    /// The time of its newest record.
    #[serde(with = "rfc3339")]
    pub last_time: Nanos,
    /// Of the file, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    pub(crate) fn new(
        day: Day,
        version: u64,
        store: String,
        position: i64,
        created_at: Nanos,
        parts: Vec<PartEntry>,
    ) -> Self {
        let records = parts.iter().map(|part| part.records).sum();
        let checksum = String::new();
        Self { format: FORMAT, day, version, store, position, records, created_at, parts, checksum }
    }

    /// As JSON with its checksum.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let checked = Self { checksum: self.sum()?, ..self.clone() };
        serde_json::to_vec_pretty(&checked).map_err(|error| Error::internal(format!("no manifest as JSON: {error}")))
    }

    /// # Errors
    /// `Corrupt` if it is damaged, is of a newer format, or does not belong to `day`.
    pub(crate) fn decode(bytes: &[u8], day: Day) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let damaged = |reason: &str| Error::corrupt(format!("the manifest of {day} is damaged: {reason}"));
        let head: Head = serde_json::from_slice(bytes).map_err(|error| damaged(&error.to_string()))?;
        if head.format > FORMAT {
            return Err(Error::corrupt(format!(
                "the manifest of {day} has format {}; this program reads up to {FORMAT}: use a newer one",
                head.format
            )));
        }
        let mut manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error.to_string()))?;
        let checksum = std::mem::take(&mut manifest.checksum);
        if manifest.sum()? != checksum {
            return Err(damaged("its checksum differs"));
        }
        if manifest.day != day {
            return Err(damaged(&format!("it is that of {}", manifest.day)));
        }
        Ok(manifest)
    }

    fn sum(&self) -> Result<String> {
        let bare = Self { checksum: String::new(), ..self.clone() };
        let bytes =
            serde_json::to_vec(&bare).map_err(|error| Error::internal(format!("no manifest as JSON: {error}")))?;
        Ok(model::hex::encode(&Sha256::digest(bytes)))
    }
}

/// Times as text with nine fractional digits.
mod rfc3339 {
    use chrono::DateTime;
    use model::Nanos;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&model::time::format_rfc3339(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
        time.timestamp_nanos_opt().ok_or_else(|| D::Error::custom("a time outside of the years 1677 to 2262"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_of_a_manifest_is_found() {
        let day = Day::of(1_700_000_000_000_000_000);
        let part = PartEntry {
            name: "a.parquet".to_owned(),
            bytes: 7,
            records: 3,
            first_time: day.start() + 1,
            last_time: day.start() + 2,
            sha256: "00".to_owned(),
        };
        let manifest = Manifest::new(day, 1, "store".to_owned(), 42, day.start(), vec![part]);
        let bytes = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(&bytes, day).unwrap(), manifest);
        assert!(Manifest::decode(&bytes, day.earlier(1)).is_err());
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            // A change may be in white space, and then it changes nothing.
            let read = Manifest::decode(&changed, day);
            assert!(read.is_err() || read.is_ok_and(|read| read == manifest), "byte {place}");
        }
        let newer = String::from_utf8(bytes).unwrap().replace("\"format\": 1", "\"format\": 2");
        assert!(Manifest::decode(newer.as_bytes(), day).unwrap_err().message.contains("newer"));
    }
}
