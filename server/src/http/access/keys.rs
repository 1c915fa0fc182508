//! `/api/v1/keys`: keys of senders and readers.

use std::collections::BTreeMap;

use access::{Need, NewKey, Principal, ReadTerms, Scope, WriteTerms};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{FixedOffset, Offset as _, Utc};
use model::{access_views::KeyView, time::parse_timestamp};
use pipeline::Error;
use serde::{Deserialize, Serialize};

use super::body;
use crate::{
    gate::Routes,
    http::{parameters::NoParameters, problem::Problem},
    state::AccessState,
};

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/keys", Need::Admin, list).post("/api/v1/keys", Need::Admin, create).delete(
        "/api/v1/keys/{id}",
        Need::Admin,
        revoke,
    )
}

async fn list(State(state): State<AccessState>, _: NoParameters) -> Result<Json<Vec<KeyView>>, Problem> {
    Ok(Json(state.access.keys().list().await?))
}

/// A key to create.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKeyBody {
    name: String,
    scopes: Vec<Scope>,
    /// The service of all records, whatever the sender writes.
    service: Option<String>,
    /// Attributes of all records.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// The doors that take the key; empty for all.
    #[serde(default)]
    doors: Vec<String>,
    records_per_second: Option<u32>,
    bytes_per_day: Option<u64>,
    /// The only records that the key reads, in the query language.
    filter: Option<String>,
    /// Fields that the key does not see.
    #[serde(default)]
    hidden: Vec<String>,
    /// A time of RFC 3339.
    expires: Option<String>,
}

impl NewKeyBody {
    fn key(self) -> Result<NewKey, Error> {
        let Self { name, scopes, service, fields, doors, records_per_second, bytes_per_day, filter, hidden, .. } = self;
        Ok(NewKey {
            name,
            scopes,
            write: WriteTerms { service, fields, doors, records_per_second, bytes_per_day },
            read: ReadTerms { filter, hidden },
            expires: self.expires.as_deref().map(millis).transpose()?,
        })
    }
}

/// Milliseconds since the Unix epoch.
fn millis(text: &str) -> Result<i64, Error> {
    let utc: FixedOffset = Utc.fix();
    let time = parse_timestamp(text, utc);
    let time = time.ok_or_else(|| {
        Error::invalid(format!("expires: {text:?} is not a time; write it as 2027-01-02T03:04:05Z, or leave it out"))
    })?;
    Ok(time.div_euclid(1_000_000))
}

/// A new key. The secret is not stored, so it is sent this once.
#[derive(Serialize)]
struct CreatedView {
    id: String,
    secret: String,
}

async fn create(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    new: Result<Json<NewKeyBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let key = body(new)?.key()?;
    let access::Created { id, secret } = state.access.keys().create(key, principal.name()).await?;
    let mut response = (StatusCode::CREATED, Json(CreatedView { id, secret })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn revoke(State(state): State<AccessState>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    state.access.keys().revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_in_milliseconds() {
        assert_eq!(millis("2027-01-02T03:04:05.678Z").unwrap(), 1_798_859_045_678);
        let error = millis("90 days").unwrap_err().message;
        assert!(error.contains("expires") && error.contains("2027-01-02T03:04:05Z"), "{error}");
    }
}
