//! Records as the parameters of an `insert`.
//!
//! A `COPY` ends with a packet of five bytes, which waits 40 ms for TCP's acknowledgement of the previous one. A
//! statement with parameters has no such end, and costs the same.

use sqlx::{
    Encode, PgConnection, Postgres, Result, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, types::Oid},
};

use crate::{
    attributes,
    piece::Piece,
    types::{Instant, JSONB_VERSION, JsonText, Uuid},
};

/// The limits of one statement, in records and in approximate bytes: the server holds all parameters in memory, twice.
const RECORDS: usize = 4_000;
const BYTES: usize = 4 << 20;

/// Stores the records.
///
/// # Errors
/// The server's error if it refuses a row. The transaction must be rolled back, at least to a savepoint.
pub(crate) async fn store(connection: &mut PgConnection, pieces: &[Piece<'_>]) -> Result<()> {
    for statement in statements(pieces) {
        insert(connection, &statement).await?;
    }
    Ok(())
}

/// The pieces, split by the limits of a statement.
fn statements<'b>(pieces: &[Piece<'b>]) -> Vec<Vec<Piece<'b>>> {
    let mut statements = vec![Vec::new()];
    let (mut records, mut bytes) = (0, 0);
    for piece in pieces {
        let mut begin = piece.places.start;
        for (place, record) in (piece.places.start..).zip(piece.records()) {
            records += 1;
            bytes += record.weight();
            if records >= RECORDS || bytes >= BYTES {
                (records, bytes) = (0, 0);
                push(&mut statements, piece.part(begin..place + 1));
                statements.push(Vec::new());
                begin = place + 1;
            }
        }
        push(&mut statements, piece.part(begin..piece.places.end));
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

fn push<'b>(statements: &mut [Vec<Piece<'b>>], piece: Piece<'b>) {
    if let Some(last) = statements.last_mut().filter(|_| !piece.places.is_empty()) {
        last.push(piece);
    }
}

async fn insert(connection: &mut PgConnection, pieces: &[Piece<'_>]) -> Result<()> {
    let count = pieces.iter().map(|piece| piece.places.len()).sum();
    let mut columns = Columns::with_capacity(count);
    for piece in pieces {
        for (position, record) in (piece.first..).zip(piece.records()) {
            columns.push(position, record);
        }
    }
    sqlx::query(include_str!("../queries/insert_records.sql"))
        .bind(columns.times)
        .bind(columns.positions)
        .bind(columns.observed_times)
        .bind(columns.ids)
        .bind(columns.nanos)
        .bind(columns.severities)
        .bind(columns.levels)
        .bind(columns.services)
        .bind(columns.nodes)
        .bind(columns.messages)
        .bind(columns.trace_ids)
        .bind(columns.span_ids)
        .bind(columns.attributes)
        .execute(connection)
        .await?;
    Ok(())
}

/// The parameters, one list per column.
struct Columns<'r> {
    times: Vec<Instant>,
    positions: Vec<i64>,
    observed_times: Vec<i64>,
    ids: Vec<Uuid>,
    nanos: Vec<i16>,
    severities: Vec<i16>,
    levels: Vec<&'r str>,
    services: Vec<&'r str>,
    nodes: Vec<&'r str>,
    messages: Vec<&'r str>,
    trace_ids: Vec<Option<&'r [u8]>>,
    span_ids: Vec<Option<&'r [u8]>>,
    attributes: Vec<Attributes<'r>>,
}

impl<'r> Columns<'r> {
    fn with_capacity(count: usize) -> Self {
        Self {
            times: Vec::with_capacity(count),
            positions: Vec::with_capacity(count),
            observed_times: Vec::with_capacity(count),
            ids: Vec::with_capacity(count),
            nanos: Vec::with_capacity(count),
            severities: Vec::with_capacity(count),
            levels: Vec::with_capacity(count),
            services: Vec::with_capacity(count),
            nodes: Vec::with_capacity(count),
            messages: Vec::with_capacity(count),
            trace_ids: Vec::with_capacity(count),
            span_ids: Vec::with_capacity(count),
            attributes: Vec::with_capacity(count),
        }
    }

    fn push(&mut self, position: i64, record: &'r model::Record) {
        let (time, nanos) = Instant::split(record.time);
        self.times.push(time);
        self.positions.push(position);
        self.observed_times.push(record.observed_time);
        self.ids.push(Uuid(record.id));
        self.nanos.push(nanos);
        self.severities.push(i16::from(record.severity.number()));
        self.levels.push(&record.level);
        self.services.push(&record.service);
        self.nodes.push(&record.node);
        self.messages.push(&record.message);
        self.trace_ids.push(record.trace_id.as_ref().map(|id| &id[..]));
        self.span_ids.push(record.span_id.as_ref().map(|id| &id[..]));
        self.attributes.push(Attributes(&record.attributes));
    }
}

/// Encodes a record's attributes as `jsonb` into the driver's buffer.
#[derive(Debug, Clone, Copy)]
struct Attributes<'r>(&'r [(model::Text, model::Value)]);

impl Type<Postgres> for Attributes<'_> {
    fn type_info() -> PgTypeInfo {
        JsonText::type_info()
    }
}

impl PgHasArrayType for Attributes<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3807))
    }
}

impl Encode<'_, Postgres> for Attributes<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.push(JSONB_VERSION);
        attributes::encode(self.0, buffer);
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_by_records_and_by_bytes_and_keep_every_position() {
        let small = testkit::records::batch(1, 10_000);
        let large = testkit::records::long_messages(2, 9, 1 << 20);
        let few = testkit::records::batch(3, 3);
        let mut first = 0;
        let pieces: Vec<_> = [&few, &small, &few, &large, &few]
            .into_iter()
            .map(|batch| {
                first += batch.records.len() as i64;
                Piece { batch, places: 0..batch.records.len(), first: first - batch.records.len() as i64 }
            })
            .collect();
        let statements = statements(&pieces);
        let sizes: Vec<usize> =
            statements.iter().map(|pieces| pieces.iter().map(|piece| piece.places.len()).sum()).collect();
        assert_eq!(sizes, [4_000, 4_000, 2_010, 4, 4]);
        let positions: Vec<i64> = statements
            .iter()
            .flatten()
            .flat_map(|piece| piece.first..piece.first + piece.places.len() as i64)
            .collect();
        assert!(positions == (0..first).collect::<Vec<_>>());
        let records: Vec<_> = statements.iter().flatten().flat_map(Piece::records).collect();
        let all: Vec<_> = pieces.iter().flat_map(Piece::records).collect();
        assert!(records == all);
    }
}
