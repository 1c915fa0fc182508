//! Three PostgreSQL types in its binary wire format.

use std::time::Duration;

use model::{RecordId, time::Nanos};
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, types::Oid},
};

/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// A `timestamptz`: microseconds since 2000-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i64);

impl Instant {
    /// Before all times: `-infinity`.
    pub(crate) const BEFORE_ALL: Self = Self(i64::MIN);

    /// The time in microseconds, rounded down, and the remaining nanoseconds, 0 to 999.
    ///
    /// Never fails: PostgreSQL's range of years exceeds that of [`Nanos`].
    pub(crate) fn split(time: Nanos) -> (Self, i16) {
        (Self(time.div_euclid(1_000) - EPOCH), time.rem_euclid(1_000) as i16)
    }

    pub(crate) fn from_unix_micros(micros: i64) -> Self {
        Self(micros.saturating_sub(EPOCH))
    }

    pub(crate) fn unix_micros(self) -> i64 {
        self.0.saturating_add(EPOCH)
    }

    /// Reverses [`Instant::split`].
    pub(crate) fn join(self, nanos: i16) -> Nanos {
        let time = i128::from(self.unix_micros()) * 1_000 + i128::from(nanos);
        // Only rows from other programs can be out of range.
        time.clamp(i128::from(Nanos::MIN), i128::from(Nanos::MAX)) as Nanos
    }

    pub(crate) fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(by.as_micros() as u64))
    }

    pub(crate) fn to_wire(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Instant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Instant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.to_wire());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Instant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(i64::from_be_bytes(value.as_bytes()?.try_into()?)))
    }
}

/// A `uuid`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uuid(pub(crate) RecordId);

impl Type<Postgres> for Uuid {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl PgHasArrayType for Uuid {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2951))
    }
}

impl Encode<'_, Postgres> for Uuid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0.to_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Uuid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(RecordId::from_bytes(value.as_bytes()?.try_into()?)))
    }
}

/// The text of a `jsonb`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonText<'r>(pub(crate) &'r str);

/// The version byte of a binary `jsonb`; only 1 exists.
pub(crate) const JSONB_VERSION: u8 = 1;

impl Type<Postgres> for JsonText<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3802))
    }
}

impl<'r> Decode<'r, Postgres> for JsonText<'r> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.as_bytes()?.split_first() {
            Some((&JSONB_VERSION, text)) => Ok(Self(std::str::from_utf8(text)?)),
            _ => Err("a jsonb of a version that is not known".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_to_the_nanosecond() {
        for time in [i64::MIN, -1_001, -1, 0, 1, 999, 1_000, 1_792_000_000_123_456_789, i64::MAX] {
            let (instant, nanos) = Instant::split(time);
            assert!((0..1_000).contains(&nanos), "{time}");
            assert_eq!(instant.join(nanos), time);
        }
        assert_eq!(Instant::split(946_684_800_000_000_007), (Instant(0), 7));
    }
}
