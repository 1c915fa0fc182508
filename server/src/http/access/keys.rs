//! `/api/v1/keys`: keys of senders and readers.

use std::collections::BTreeMap;

use access::{Need, NewKey, Principal, ReadTerms, Scope, WriteTerms};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{FixedOffset, Offset as _, Utc};
use model::{access_views::KeyView, time::parse_timestamp};
use pipeline::Error;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::body;
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    http::{
        parameters::{NoParameters, Path},
        problem::Problem,
    },
    state::AccessState,
};

#[derive(OpenApi)]
#[openapi(paths(list, create, revoke))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/keys", Need::Admin, list).post("/api/v1/keys", Need::Admin, create).delete(
        "/api/v1/keys/{id}",
        Need::Admin,
        revoke,
    )
}

/// The keys, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "access",
    responses(
        (status = 200, description = "The keys.", body = Vec<KeyView>, example = json!([{
            "id": "ab12cd34",
            "name": "shop",
            "scopes": ["write"],
            "service": "shop",
            "doors": ["otlp"],
            "created": "2026-11-30T09:15:04.120000000Z",
            "created_by": "user kim",
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(State(state): State<AccessState>, _: NoParameters) -> Result<Json<Vec<KeyView>>, Problem> {
    Ok(Json(state.access.keys().list().await?))
}

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewKey)]
#[serde(deny_unknown_fields)]
struct NewKeyBody {
    /// For people: 1 to 64 bytes.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// At least one.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// The service of all records, whatever the sender writes.
    service: Option<String>,
    /// Attributes of all records.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// The doors that take the key; empty for all.
    #[serde(default)]
    doors: Vec<String>,
    /// Past this, the answer is 429.
    #[schema(minimum = 1)]
    records_per_second: Option<u32>,
    /// Past this, the answer is 429.
    #[schema(minimum = 1)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct CreatedView {
    /// The public part.
    id: String,
    /// The whole key.
    secret: String,
}

/// Makes a key. Its secret is in this answer alone.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "access",
    request_body(content = NewKeyBody, example = json!({
        "name": "shop",
        "scopes": ["write"],
        "service": "shop",
        "fields": { "env": "production" },
        "doors": ["otlp"],
        "records_per_second": 5000,
        "expires": "2027-06-01T00:00:00Z",
    })),
    responses(
        (status = 201, description = "The key.", body = CreatedView, example = json!({
            "id": "ab12cd34",
            "secret": "lb_ab12cd34_0123456789abcdef0123456789abcdef",
        })),
        (status = 400, description = "A field is unknown or invalid, or the body has more than 64 KiB."),
    ),
)]
async fn create(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    new: Result<Json<NewKeyBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let key = body(new)?.key()?;
    let name = key.name.clone();
    let access::Created { id, secret } = state.access.keys().create(key, principal.name()).await?;
    audit::note(&state.audit, &principal, source, Action::KeyCreated, format!("lb_{id} ({name})"));
    let mut response = (StatusCode::CREATED, Json(CreatedView { id, secret })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Revokes a key. It is refused at once, and its open calls end.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/{id}",
    tag = "access",
    params(("id" = String, Path, description = "The `id` of the key.", example = "ab12cd34")),
    responses(
        (status = 204, description = "It is revoked."),
        (status = 404, description = "There is no key with this id."),
        (status = 409, description = "It is the last key of an admin, and no user is an admin."),
    ),
)]
async fn revoke(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.access.keys().revoke(&id).await?;
    audit::note(&state.audit, &principal, source, Action::KeyRevoked, format!("lb_{id}"));
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
