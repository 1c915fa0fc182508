//! The head of the document.

use serde_json::{Value, json};

const DESCRIPTION: &str = "\
Logboom receives log records, stores them, and answers questions about them.

**Access.** A server that is open, such as one on loopback that has no users, needs no credentials. Others take a key \
or a user's session. Each call names what it needs, in its description and as `x-logboom-access`: `nothing`, `read`, \
`edit`, `admin`, or `write through` the name of a door. A caller with a filter or hidden fields sees only its part of \
the records. What concerns all records is refused to it with 403.

**Parameters.** A call below `/api/v1` refuses a parameter that it does not know with 400, so a misspelt one never \
changes the question. A body refuses unknown fields in the same way, except for records, whose fields are free.

**Errors.** Most are problem documents (RFC 9457, `application/problem+json`): `detail` names what is wrong, the limit \
and the way out. Elasticsearch's and OpenTelemetry's calls answer in the formats of their protocols. 429 and 503 can \
be tried again after `Retry-After` seconds.

**Streams.** Calls of the group `live` do not end by themselves.";

/// The groups of calls, in the order of their use.
const TAGS: [(&str, &str); 11] = [
    ("send", "Doors for records. A record is durable when its call is answered with success."),
    ("search", "Questions about records, answered at once."),
    ("live", "Streams that do not end by themselves: records and figures, as they come."),
    ("losses", "What could not be stored, what is missing, and the ledger of all received records."),
    ("documents", "What users write: saved views, and the export and import of them."),
    ("forwarding", "Sinks, which get the records, and replays of a day."),
    ("deletions", "Records that are deleted for good, by a filter."),
    ("redaction", "Rules that change records before they are stored."),
    ("access", "Keys, users and sessions."),
    ("server", "The state of the server."),
    ("compatible", "Calls of other programs' clients, in their formats."),
];

/// Adds what is not of any single call.
pub(super) fn add(document: &mut Value) {
    document["info"] = json!({
        "title": "Logboom",
        "summary": "Logs in, questions out.",
        "description": DESCRIPTION,
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/", "description": "The server that sent this document." }]);
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect();
    document["components"]["securitySchemes"] = json!({
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "lb_ab12cd34_…",
            "description": "A key, made with `logboom key add` or by `POST /api/v1/keys`. The headers `X-Api-Key` and \
                            `Authorization: ApiKey` take it, too.",
        },
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "Any name, and a key as the password; or the key as the name, without a password.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "logboom",
            "description": "A browser's session, begun on the page `/login`. The name ends in `-` and the port if the \
                            server has another one than 80 or 443; over TLS it begins with `__Host-`.",
        },
    });
}
