//! Adds to each operation what follows from its route: its name, its access and its refusals.

use access::Need;
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use super::refusals;
use crate::gate::Declared;

/// Completes the operations. One without a route stays as it is: a test finds it.
pub(super) fn complete(document: &mut Value, declared: &[Declared]) {
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.extend(refusals::schemas().map(|(name, schema)| (name.to_owned(), schema)));
    }
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, calls) in paths {
        let Some(calls) = calls.as_object_mut() else { continue };
        for (method, operation) in calls {
            let Some(operation) = operation.as_object_mut() else { continue };
            operation.insert("operationId".to_owned(), name(method, path).into());
            let found = declared.iter().find(|declared| is_of(declared, method, path));
            if let Some(Declared { need, .. }) = found {
                add_access(operation, *need, path);
            }
        }
    }
    without_links(document);
}

/// Whether a route is that of an operation.
pub(super) fn is_of(declared: &Declared, method: &str, path: &str) -> bool {
    let is_method = declared.method.as_ref().is_none_or(|of_route| of_route.as_str().eq_ignore_ascii_case(method));
    is_method && template(&declared.path) == path
}

/// The path of a route as the document has it: OpenAPI knows no parameter that takes the rest of a path.
pub(super) fn template(path: &str) -> String {
    path.replace("{*", "{")
}

/// A name that no other operation has, such as `get_api_v1_logs_id`.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn add_access(operation: &mut Map<String, Value>, need: Need, path: &str) {
    operation.insert("x-logboom-access".to_owned(), need.to_string().into());
    operation.insert("security".to_owned(), security(need));
    let described = operation.entry("description").or_insert_with(|| "".into());
    let separator = if described.as_str().is_none_or(str::is_empty) { "" } else { "\n\n" };
    let text = format!("{}{separator}**Access:** {}", described.as_str().unwrap_or_default(), sentence(need));
    *described = text.into();
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        refusals::add(responses, need, path);
        require_etags(responses);
    }
}

/// A header of an answer is optional unless the document says so, and the macros cannot say it.
fn require_etags(responses: &mut Map<String, Value>) {
    for etag in responses.values_mut().filter_map(|response| response.pointer_mut("/headers/etag")) {
        etag["required"] = true.into();
    }
}

fn sentence(need: Need) -> String {
    match need {
        Need::Nothing => "for everybody, without credentials.".to_owned(),
        Need::Write(door) => format!(
            "for admins, for keys with the scope `write` (those that are limited to doors need `{door}` among them), \
             and for the networks that may write without a key."
        ),
        Need::Read => {
            "for all users, for keys with the scope `read` or `admin`, and for the networks that may read without one."
                .to_owned()
        }
        Need::Edit => "for editors and admins, and for keys with the scope `admin`.".to_owned(),
        Need::Admin => "for admins, and for keys with the scope `admin`.".to_owned(),
    }
}

fn security(need: Need) -> Value {
    match need {
        Need::Nothing => json!([]),
        _ => json!([{ "key": [] }, { "basic": [] }, { "session": [] }]),
    }
}

/// Takes the links of rustdoc out of all descriptions.
fn without_links(value: &mut Value) {
    let link = Regex::new(r"\[(`[^`\]]+`)\](?:\([^)]*\))?");
    if let Ok(link) = link {
        replace_links(value, &link);
    }
}

fn replace_links(value: &mut Value, link: &Regex) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "description" || name == "summary" => {
                        *text = link.replace_all(text, |found: &Captures<'_>| found[1].to_owned()).into_owned();
                    }
                    field => replace_links(field, link),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace_links(value, link)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_follow_from_the_route() {
        assert_eq!(name("get", "/api/v1/logs/{id}/context"), "get_api_v1_logs_id_context");
        assert_eq!(name("post", "/{index}/_bulk"), "post_index_bulk");
        assert_eq!(template("/api/v1/parts/aside/{*name}"), "/api/v1/parts/aside/{name}");
    }

    #[test]
    fn links_of_rustdoc_become_plain_names() {
        let mut value = json!({ "description": "As [`A::b`] and [`c`](crate::c), [x](y).", "enum": ["[`d`]"] });
        without_links(&mut value);
        assert_eq!(value, json!({ "description": "As `A::b` and `c`, [x](y).", "enum": ["[`d`]"] }));
    }
}
