//! Decodes rows of `logboom.logs` to records.

use model::{
    Position, Query, Record, Severity, StoredRecord, Text,
    query::{Expr, Field},
};
use pipeline::{Cursor, Error, Result};
use sqlx::{Row, postgres::PgRow};

use crate::{
    attributes,
    error::classify,
    types::{Instant, JsonText, Uuid},
};

/// The columns of [`stored_record`], in its order.
pub(crate) const COLUMNS: &str = "time, time_ns, position, observed_time, id, severity, level, service, node, message, \
                                  trace_id, span_id, attributes";

/// The sort order of all searches.
pub(super) const NEWEST_FIRST: &str = "order by time desc, time_ns desc, position desc";

/// The columns of [`stored_record`]. Large columns that neither the query nor `fields` need are replaced by an empty
/// text.
pub(crate) fn columns_for<'f>(query: &Query, fields: impl IntoIterator<Item = &'f Field>) -> String {
    let (mut message, mut attributes) = (false, false);
    let mut note = |field: &Field| match field {
        Field::Message => message = true,
        Field::Attribute(_) => attributes = true,
        _ => {}
    };
    fields.into_iter().for_each(&mut note);
    visit(&query.expr, &mut note);
    let message = if message { "message" } else { "''::text" };
    let attributes = if attributes { "attributes" } else { "'{}'::jsonb" };
    format!(
        "time, time_ns, position, observed_time, id, severity, level, service, node, {message}, trace_id, span_id, \
         {attributes}"
    )
}

fn visit(expr: &Expr, note: &mut impl FnMut(&Field)) {
    match expr {
        Expr::All => {}
        Expr::And(operands) | Expr::Or(operands) => operands.iter().for_each(|operand| visit(operand, note)),
        Expr::Not(operand) => visit(operand, note),
        Expr::Contains(_) => note(&Field::Message),
        Expr::Field(field, _) => note(field),
    }
}

/// Decodes a row of [`COLUMNS`].
///
/// # Errors
/// `Corrupt` if another program has written the row.
pub(crate) fn stored_record(row: &PgRow) -> Result<StoredRecord> {
    let text = |column: usize| row.try_get::<&str, _>(column).map_err(classify);
    let time: Instant = row.try_get(0).map_err(classify)?;
    let nanos: i16 = row.try_get(1).map_err(classify)?;
    let position: i64 = row.try_get(2).map_err(classify)?;
    let id: Uuid = row.try_get(4).map_err(classify)?;
    let severity: i16 = row.try_get(5).map_err(classify)?;
    let JsonText(json) = row.try_get(12).map_err(classify)?;
    let corrupt = |what: &str| Error::corrupt(format!("the record at position {position} cannot be decoded: {what}"));
    let severity = u8::try_from(severity).ok().and_then(Severity::new).ok_or_else(|| corrupt("its severity"))?;
    let record = Record {
        id: id.0,
        time: time.join(nanos),
        observed_time: row.try_get(3).map_err(classify)?,
        severity,
        level: Text::from(text(6)?),
        service: Text::from(text(7)?),
        node: Text::from(text(8)?),
        message: text(9)?.to_owned(),
        attributes: attributes::decode(json).map_err(|error| corrupt(&error.to_string()))?,
        trace_id: row.try_get(10).map_err(classify)?,
        span_id: row.try_get(11).map_err(classify)?,
    };
    Ok(StoredRecord { position: Position(position), record })
}

/// The cursor of a record in newest-first order.
pub(super) fn cursor_of(stored: &StoredRecord) -> Cursor {
    Cursor { time: stored.record.time, position: stored.position }
}
