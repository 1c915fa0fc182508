//! The terms of a key or a user: their checks, and the sight that they make.

use std::collections::BTreeMap;

use model::{Query, Sight, limits, query::Expr};
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::DOORS;

/// The maximum number of fixed fields of a key.
const FIELDS: usize = 32;
/// The maximum size of the value of a fixed field in bytes.
const VALUE_BYTES: usize = 4096;
/// The maximum number of hidden fields.
const HIDDEN: usize = 64;
/// The attributes of Logboom itself. A sender that sets one could have its records taken for others.
const RESERVED: &str = "logboom.";

/// What holds for the records that a key sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteTerms {
    /// The service of every record, whatever was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Attributes of every record; they replace what was sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The doors that it may use, of [`DOORS`]; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_second: Option<u32>,
    /// For each day in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
}

/// What holds for the records that a key or user reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadTerms {
    /// A query: only the records that match it are seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The names of the fields that are not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

impl WriteTerms {
    /// # Errors
    /// `Invalid`, naming the field and the limit.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(service) = &self.service {
            check_text("service", service, limits::NAME_BYTES)?;
        }
        if self.fields.len() > FIELDS {
            return Err(Error::invalid(format!("fields: there are {}; the limit is {FIELDS}", self.fields.len())));
        }
        for (key, value) in &self.fields {
            check_text("fields: a name", key, limits::KEY_BYTES)?;
            if key.starts_with(RESERVED) {
                return Err(Error::invalid(format!("fields: {key} is Logboom's own; choose another name")));
            }
            if value.len() > VALUE_BYTES {
                return Err(Error::invalid(format!(
                    "fields: the value of {key} has {} bytes; the limit is {VALUE_BYTES}",
                    value.len()
                )));
            }
        }
        if let Some(unknown) = self.doors.iter().find(|door| !DOORS.contains(&door.as_str())) {
            return Err(Error::invalid(format!(
                "doors: there is no door {unknown:?}; use some of {}",
                DOORS.join(", ")
            )));
        }
        for (field, is_zero) in [
            ("records_per_second", self.records_per_second == Some(0)),
            ("bytes_per_day", self.bytes_per_day == Some(0)),
        ] {
            if is_zero {
                return Err(Error::invalid(format!("{field} is 0; leave out the scope write instead")));
            }
        }
        // More would not fit into the numbers of JSON that clients of the API have.
        for (field, limit, is_over) in [
            (
                "records_per_second",
                i64::from(i32::MAX),
                self.records_per_second.is_some_and(|n| i32::try_from(n).is_err()),
            ),
            ("bytes_per_day", i64::MAX, self.bytes_per_day.is_some_and(|n| i64::try_from(n).is_err())),
        ] {
            if is_over {
                return Err(Error::invalid(format!("{field} is at most {limit}; leave it out for no limit")));
            }
        }
        Ok(())
    }
}

impl ReadTerms {
    pub(crate) fn is_empty(&self) -> bool {
        self.filter.is_none() && self.hidden.is_empty()
    }

    /// Checks the terms.
    ///
    /// # Errors
    /// `Invalid`, naming the field and the reason.
    pub async fn check(&self) -> Result<()> {
        self.sight().await.map(drop)
    }

    /// Checks the terms, and makes the sight. Regular expressions are compiled off the async threads.
    ///
    /// # Errors
    /// `Invalid`, naming the field and the reason.
    pub(crate) async fn sight(&self) -> Result<Sight> {
        if self.hidden.len() > HIDDEN {
            return Err(Error::invalid(format!(
                "hidden: there are {} fields; the limit is {HIDDEN}",
                self.hidden.len()
            )));
        }
        for name in &self.hidden {
            check_text("hidden: a name", name, limits::KEY_BYTES)?;
        }
        Sight::check_hidden(&self.hidden).map_err(|error| Error::invalid(error.to_string()))?;
        let Some(text) = &self.filter else { return Ok(Sight::new(None, self.hidden.clone())) };
        let mut query = Query::parse(text).map_err(|error| Error::invalid(format!("filter: {error}")))?;
        if query.has_patterns() {
            let compile = move || query.compile().map(|()| query);
            let compiled = tokio::task::spawn_blocking(compile).await;
            query = compiled
                .map_err(|error| Error::internal(format!("compiling a filter failed: {error}")))?
                .map_err(|error| Error::invalid(format!("filter: {error}")))?;
        }
        Ok(Sight::new(Some(query), self.hidden.clone()))
    }

    /// The sight of stored terms: nothing if they cannot be obeyed. `owner` is for the log.
    pub(crate) async fn stored_sight(&self, owner: &str) -> Sight {
        match self.sight().await {
            Ok(sight) => sight,
            Err(error) => {
                tracing::warn!(owner, "{owner} sees no records, because its terms do not read: {error}");
                nothing()
            }
        }
    }
}

/// Sees no record.
fn nothing() -> Sight {
    Sight::new(Some(Query { expr: Expr::nothing() }), Vec::new())
}

/// Checks a text that people give: 1 to `most` bytes, no control characters.
pub(crate) fn check_text(field: &str, text: &str, most: usize) -> Result<()> {
    let bytes = text.len();
    if bytes == 0 || bytes > most {
        return Err(Error::invalid(format!("{field} has {bytes} bytes; it may have 1 to {most}")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{field} has a control character; leave it out")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    #[test]
    fn errors_of_write_terms_name_the_field() {
        let fields = |key: &str, value: &str| WriteTerms {
            fields: BTreeMap::from([(key.to_owned(), value.to_owned())]),
            ..WriteTerms::default()
        };
        for (terms, part) in [
            (WriteTerms { service: Some(String::new()), ..WriteTerms::default() }, "service has 0 bytes"),
            (WriteTerms { service: Some("a\nb".into()), ..WriteTerms::default() }, "service has a control"),
            (fields("", "x"), "fields: a name has 0 bytes"),
            (fields("logboom.via", "x"), "logboom.via is Logboom's own"),
            (fields("a", &"x".repeat(4097)), "value of a has 4097 bytes; the limit is 4096"),
            (WriteTerms { doors: vec!["json".into(), "http".into()], ..WriteTerms::default() }, "no door \"http\""),
            (WriteTerms { records_per_second: Some(0), ..WriteTerms::default() }, "records_per_second is 0"),
            (
                WriteTerms { records_per_second: Some(1 << 31), ..WriteTerms::default() },
                "records_per_second is at most",
            ),
            (WriteTerms { bytes_per_day: Some(1 << 63), ..WriteTerms::default() }, "bytes_per_day is at most"),
            (WriteTerms { bytes_per_day: Some(0), ..WriteTerms::default() }, "bytes_per_day is 0"),
        ] {
            let error = terms.check().unwrap_err();
            assert!(error.class == ErrorClass::Invalid && error.message.contains(part), "{error}");
        }
        let doors = DOORS.map(str::to_owned).to_vec();
        WriteTerms { doors, records_per_second: Some(1), ..fields("env", "") }.check().unwrap();
    }

    #[tokio::test]
    async fn a_filter_that_does_not_read_is_an_error_that_names_it_and_once_stored_shows_nothing() {
        for (filter, hidden, part) in [
            ("level:(", vec![], "filter: "),
            ("a:/(/", vec![], "filter: "),
            ("", vec!["id".to_owned()], "hidden "),
            ("", vec![String::new()], "hidden: a name has 0 bytes"),
            ("", vec!["x".to_owned(); 65], "hidden: there are 65"),
        ] {
            let terms = ReadTerms { filter: Some(filter.to_owned()), hidden };
            let error = terms.sight().await.unwrap_err();
            assert!(error.class == ErrorClass::Invalid && error.message.starts_with(part), "{error}");
            assert_eq!(terms.stored_sight("key lb_a").await, nothing());
        }
        assert!(!nothing().is_whole());
        let terms = ReadTerms { filter: Some("service:/sh.p/".to_owned()), hidden: vec!["user".to_owned()] };
        assert!(!terms.sight().await.unwrap().is_whole());
        assert!(ReadTerms::default().sight().await.unwrap().is_whole());
    }
}
