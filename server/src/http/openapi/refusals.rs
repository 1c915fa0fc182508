//! The refusals that each call may get, whatever it does: by its need, in the format of its protocol.

use access::Need;
use serde_json::{Map, Value, json};

/// Refusals of the gate, and of a server that is busy or in trouble.
const OF_ALL: [(u16, &str); 5] = [
    (401, "The server does not know the caller: there are no credentials, or they are wrong or have expired."),
    (403, "The caller may not make this call, or its filter leaves it out."),
    (429, "The caller's limit or the server's is reached for now. Try again after `Retry-After` seconds."),
    (500, "The server has failed. Its log has the reason."),
    (503, "A part of the server is not available. Try again after `Retry-After` seconds."),
];
/// Refusals of bodies with records.
const OF_BODIES: [(u16, &str); 4] = [
    (400, "The body is not of its format, or does not match its `Content-Encoding`, or no record of it can be stored."),
    (408, "The body did not arrive within 60 s, or stalled for 15 s."),
    (413, "The body has more than 8 MiB after decompression. Split it."),
    (415, "The body's content type or encoding is unknown. Use gzip, zstd, deflate or br."),
];

/// Of a call below `/api/v1`, and of one whose path has a variable part.
const UNREADABLE: &str = "A parameter is unknown or invalid, or a part of the path does not read.";
/// Of every call, before anything else is looked at. It is a problem document, whatever the protocol of the call.
const MISDIRECTED: &str = "The `Host` is not a name of this server. Calls that read and calls of browsers are checked.";

/// The schemas of refusals.
pub(super) fn schemas() -> [(&'static str, Value); 3] {
    let hints = json!({
        "type": "array",
        "items": { "$ref": "#/components/schemas/QueryHint" },
        "description": "Queries to try instead, if the query is invalid.",
    });
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "format": "int32" });
    let reason =
        json!({ "type": "object", "required": ["type", "reason"], "properties": { "type": text, "reason": text } });
    [
        (
            "Problem",
            json!({
                "type": "object",
                "description": "Why a call failed (RFC 9457).",
                "required": ["title", "status", "detail"],
                "properties": {
                    "title": { "type": "string", "description": "The name of the status." },
                    "status": number,
                    "detail": { "type": "string", "description": "What is wrong, the limit and the way out." },
                    "hints": hints,
                },
                "examples": [
                    { "title": "Bad Request", "status": 400, "detail": "limit is 0; it may be 1 to 10000" },
                ],
            }),
        ),
        (
            "ElasticsearchError",
            json!({
                "type": "object",
                "description": "Why a call failed, in the format of Elasticsearch.",
                "required": ["error", "status"],
                "properties": { "error": reason, "status": number },
            }),
        ),
        (
            "OtlpStatus",
            json!({
                "type": "object",
                "description": "Why a call failed: `google.rpc.Status`.",
                "required": ["code", "message"],
                "properties": { "code": number, "message": text },
            }),
        ),
    ]
}

/// Adds the refusals that the handler does not name, and to all of them body and headers.
pub(super) fn add(responses: &mut Map<String, Value>, need: Need, path: &str) {
    let of_all: &[_] = if need == Need::Nothing { &[] } else { &OF_ALL };
    let of_bodies: &[_] = if matches!(need, Need::Write(_)) { &OF_BODIES } else { &[] };
    for (status, reason) in of_all.iter().chain(of_bodies) {
        responses.entry(status.to_string()).or_insert_with(|| json!({ "description": reason }));
    }
    if path.starts_with("/api/v1/") || path.contains('{') {
        responses.entry("400").or_insert_with(|| json!({ "description": UNREADABLE }));
    }
    responses.entry("421").or_insert_with(|| json!({ "description": MISDIRECTED, "content": problem() }));
    let refusals = responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (status, response) in refusals {
        if response.get("content").is_none() {
            response["content"] = content(need);
        }
        if let Some(header) = header(status).filter(|_| need != Need::Nothing) {
            response["headers"] = header;
        }
    }
}

fn body(schema: &str) -> Value {
    json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } })
}

fn problem() -> Value {
    json!({ "application/problem+json": body("Problem") })
}

fn content(need: Need) -> Value {
    match need {
        Need::Write("elastic") => json!({ "application/json": body("ElasticsearchError") }),
        // A call without a content type gets a problem document.
        Need::Write("otlp") => json!({
            "application/json": body("OtlpStatus"),
            "application/x-protobuf": {},
            "application/problem+json": body("Problem"),
        }),
        _ => problem(),
    }
}

/// `Retry-After` is left out where nobody knows when a retry helps.
fn header(status: &str) -> Option<Value> {
    match status {
        "401" => Some(json!({
            "www-authenticate": {
                "required": true,
                "schema": { "type": "string" },
                "description": "The schemes that the call takes.",
            },
        })),
        "429" | "503" => Some(json!({
            "retry-after": { "schema": { "type": "integer", "minimum": 1 }, "description": "Seconds." },
        })),
        _ => None,
    }
}
