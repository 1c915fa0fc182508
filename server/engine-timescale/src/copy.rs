//! Records in PostgreSQL's binary `COPY` format
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").

use std::ops::Range;

use pipeline::Batch;
use sqlx::{PgConnection, Result};

use crate::{
    attributes,
    types::{Instant, JSONB_VERSION},
};

/// The columns, in the order in which [`push_row`] writes them.
const STATEMENT: &str = "copy logboom.logs (time, position, observed_time, id, time_ns, severity, level, service, node, \
                         message, trace_id, span_id, attributes) from stdin (format binary)";
const COLUMNS: i16 = 13;

/// The signature, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands where the next row would say how many columns it has.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// How much is encoded before it is sent.
const CHUNK: usize = 128 << 10;

/// Some records of a batch, and the position of the first of them.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'b> {
    pub(crate) batch: &'b Batch,
    pub(crate) places: Range<usize>,
    pub(crate) first: i64,
}

/// Copies the records into the table.
///
/// # Errors
/// The server's, where it refuses a row: nothing of this call is then stored, and the
/// transaction has to be rolled back, at least to a savepoint.
pub(crate) async fn copy(connection: &mut PgConnection, pieces: &[Piece<'_>]) -> Result<()> {
    let mut copy = connection.copy_in_raw(STATEMENT).await?;
    let mut buffer = Vec::with_capacity(CHUNK * 2);
    buffer.extend_from_slice(HEADER);
    for piece in pieces {
        let records = piece.batch.records.get(piece.places.clone()).unwrap_or_default();
        for (position, record) in (piece.first..).zip(records) {
            push_row(&mut buffer, position, record);
            if buffer.len() >= CHUNK {
                copy.send(&buffer[..]).await?;
                buffer.clear();
            }
        }
    }
    buffer.extend_from_slice(&TRAILER);
    copy.send(&buffer[..]).await?;
    copy.finish().await?;
    Ok(())
}

fn push_row(out: &mut Vec<u8>, position: i64, record: &model::Record) {
    let (time, nanos) = Instant::split(record.time);
    out.extend_from_slice(&COLUMNS.to_be_bytes());
    push(out, &time.to_wire());
    push(out, &position.to_be_bytes());
    push(out, &record.observed_time.to_be_bytes());
    push(out, &record.id.to_bytes());
    push(out, &nanos.to_be_bytes());
    push(out, &i16::from(record.severity.number()).to_be_bytes());
    push(out, record.level.as_bytes());
    push(out, record.service.as_bytes());
    push(out, record.node.as_bytes());
    push(out, record.message.as_bytes());
    push_or_null(out, record.trace_id.as_ref().map(|id| &id[..]));
    push_or_null(out, record.span_id.as_ref().map(|id| &id[..]));

    // The length is known only afterwards.
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(JSONB_VERSION);
    attributes::encode(&record.attributes, out);
    let length = length_of(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&length);
}

fn push(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&length_of(field));
    out.extend_from_slice(field);
}

fn push_or_null(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        Some(field) => push(out, field),
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}

/// A field's length as the format wants it. Fields are far smaller than 2 GiB: see
/// `model::limits`.
fn length_of(field: &[u8]) -> [u8; 4] {
    (field.len() as i32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_its_length_and_its_bytes() {
        let mut out = Vec::new();
        push(&mut out, b"ab");
        push_or_null(&mut out, None);
        assert_eq!(out, [0, 0, 0, 2, b'a', b'b', 255, 255, 255, 255]);
        assert_eq!(HEADER.len(), 19);
        assert_eq!(TRAILER, [255, 255]);
    }
}
