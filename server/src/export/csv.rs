//! Comma-separated values, RFC 4180.
//!
//! Spreadsheets execute cells that start like a formula, and any client could log one. Such a cell is prefixed with
//! `'`, which makes spreadsheets show it as text. Plain numbers are unchanged.

use std::borrow::Cow;

use bytes::Bytes;
use csv::WriterBuilder;
use model::api::RecordView;
use pipeline::Result;

use super::{attributes, failed};

pub(super) const COLUMNS: [&str; 11] = [
    "id",
    "time",
    "observed_time",
    "level",
    "severity",
    "service",
    "node",
    "message",
    "trace_id",
    "span_id",
    "attributes",
];

pub(crate) fn encode(records: impl Iterator<Item = RecordView>, header: bool) -> Result<Bytes> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    if header {
        writer.write_record(COLUMNS).map_err(failed)?;
    }
    for view in records {
        let (severity, attributes) = (view.severity.to_string(), attributes(&view)?);
        let row: [&str; COLUMNS.len()] = [
            &view.id,
            &view.time,
            &view.observed_time,
            &view.level,
            &severity,
            &view.service,
            &view.node,
            &view.message,
            view.trace_id.as_deref().unwrap_or_default(),
            view.span_id.as_deref().unwrap_or_default(),
            &attributes,
        ];
        writer.write_record(row.map(escape_formula).iter().map(|cell| cell.as_bytes())).map_err(failed)?;
    }
    writer.into_inner().map(Bytes::from).map_err(failed)
}

/// Prevents a cell from being interpreted as a formula.
pub(super) fn escape_formula(cell: &str) -> Cow<'_, str> {
    // Spreadsheets skip leading blanks, and treat the full-width forms of East Asian input alike.
    let first = cell.trim_start().chars().next();
    let formula = cell.starts_with(['\t', '\r', '\n'])
        || first.is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c));
    if formula && !is_number(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Whether the cell is just a number, such as `-5` or `+1.5e-3`.
fn is_number(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::escape_formula;

    #[test]
    fn no_cell_is_a_formula() {
        let formulas = [
            "=1+1",
            "=cmd|' /C calc'!A0",
            "+1+1",
            "-2+3",
            "-",
            "--5",
            "+cmd",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "-inf",
            "-1,000",
            "-1 of 5",
            "- item",
            "\u{ff1d}1+1",
            "\tplain",
        ];
        for cell in formulas {
            assert_eq!(escape_formula(cell), format!("'{cell}"));
        }
        for cell in ["", "plain", "a=b", "-5", "+5", "-1.5", "-1.5e-3", "5", "'quoted'", "{\"a\":\"=1\"}", " padded"] {
            assert_eq!(escape_formula(cell), cell);
        }
    }
}
