//! The answer to a bulk request of Elasticsearch.

use std::{borrow::Cow, time::Duration};

use doors::elastic::{Action, Kind};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::Outcome;

const CREATED: u16 = 201;

/// The answer to a bulk request.
#[derive(Serialize)]
pub(super) struct BulkAnswer<'a> {
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<u64>,
    errors: bool,
    items: Vec<Item<'a>>,
}

impl<'a> BulkAnswer<'a> {
    /// `is_brief`: as [`Filter::is_brief`].
    pub(super) fn new(actions: &'a [Action], outcome: &'a Outcome, took: Duration, is_brief: bool) -> Self {
        Self {
            took: (!is_brief).then_some(took.as_millis() as u64),
            errors: !outcome.rejected.is_empty(),
            items: items(actions, outcome, is_brief),
        }
    }
}

/// The fields of the answer that the client wants.
/// Source: <https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options>.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The wanted fields of the answer. Only the filters of Filebeat have an effect.
    #[serde(default)]
    #[param(example = "errors,items.*.error,items.*.status")]
    filter_path: String,
}

impl Filter {
    /// Whether the client wants nothing but the status and the error of each item, as Filebeat and the sinks of
    /// another Logboom do. Other filters have no effect: the answer then has more than was asked for.
    pub(super) fn is_brief(&self) -> bool {
        const WANTED: [&str; 5] =
            ["errors", "items.*.status", "items.*.error", "items.*.error.type", "items.*.error.reason"];
        let has = |path| self.filter_path.split(',').any(|wanted| wanted == path);
        self.filter_path.split(',').all(|path| WANTED.contains(&path))
            && has("errors")
            && has("items.*.status")
            && (has("items.*.error") || (has("items.*.error.type") && has("items.*.error.reason")))
    }
}

/// The result of an action, keyed by its kind.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Item<'a> {
    Index(Done<'a>),
    Create(Done<'a>),
    Update(Done<'a>),
    Delete(Done<'a>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Done<'a> {
    Brief { status: u16 },
    Created(Created<'a>),
    Refused(RefusedItem<'a>),
}

/// The result of one document. It cannot be retrieved by this id.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_id")]
    id: Cow<'a, str>,
    #[serde(rename = "_version")]
    version: u8,
    result: &'static str,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(rename = "_seq_no")]
    seq_no: u8,
    #[serde(rename = "_primary_term")]
    primary_term: u8,
    status: u16,
}

#[derive(Serialize)]
struct Shards {
    total: u8,
    successful: u8,
    failed: u8,
}

#[derive(Serialize)]
struct RefusedItem<'a> {
    #[serde(rename = "_index", skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    id: Option<Option<&'a str>>,
    status: u16,
    error: Reason<'a>,
}

#[derive(Serialize)]
struct Reason<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'a str,
}

impl<'a> Created<'a> {
    /// `request` generates the ids of documents without one.
    pub(super) fn new(action: &'a Action, request: Uuid, place: usize) -> Self {
        let id = match &action.id {
            Some(id) => Cow::Borrowed(id.as_str()),
            None => Cow::Owned(format!("{}-{place}", request.simple())),
        };
        let shards = Shards { total: 1, successful: 1, failed: 0 };
        Self {
            index: &action.index,
            id,
            version: 1,
            result: "created",
            shards,
            seq_no: 0,
            primary_term: 1,
            status: CREATED,
        }
    }
}

fn items<'a>(actions: &'a [Action], outcome: &'a Outcome, is_brief: bool) -> Vec<Item<'a>> {
    let request = Uuid::now_v7();
    let mut rejected = outcome.rejected.iter().peekable();
    let item = |(place, action): (usize, &'a Action)| {
        let (item, fault): (fn(Done<'a>) -> Item<'a>, _) = match action.kind {
            Kind::Index => (Item::Index, "document_parsing_exception"),
            Kind::Create => (Item::Create, "document_parsing_exception"),
            Kind::Update => (Item::Update, "illegal_argument_exception"),
            Kind::Delete => (Item::Delete, "illegal_argument_exception"),
        };
        item(match rejected.next_if(|rejection| rejection.index == place) {
            None if is_brief => Done::Brief { status: CREATED },
            None => Done::Created(Created::new(action, request, place)),
            Some(rejection) => Done::Refused(RefusedItem {
                index: (!is_brief).then_some(action.index.as_str()),
                id: (!is_brief).then_some(action.id.as_deref()),
                status: 400,
                error: Reason { kind: fault, reason: &rejection.reason },
            }),
        })
    };
    actions.iter().enumerate().map(item).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_answers_each_action_in_its_place() {
        let action = |kind, id: &str| Action { kind, index: "i".into(), id: Some(id.into()) };
        let actions = [action(Kind::Index, "a"), action(Kind::Delete, "b"), action(Kind::Create, "c")];
        let rejected = vec![pipeline::normalise::Rejection { index: 1, reason: "no".into() }];
        let outcome = Outcome { accepted: 2, rejected, repeated: false };
        let items = serde_json::to_value(items(&actions, &outcome, false)).unwrap();
        assert_eq!((&items[0]["index"]["status"], &items[0]["index"]["_id"]), (&json!(201), &json!("a")));
        assert_eq!(
            (&items[1]["delete"]["status"], &items[1]["delete"]["error"]["reason"]),
            (&json!(400), &json!("no"))
        );
        assert_eq!(items[2]["create"]["result"], json!("created"));
        let brief = BulkAnswer::new(&actions, &outcome, Duration::from_secs(1), true);
        let error = json!({ "type": "illegal_argument_exception", "reason": "no" });
        assert_eq!(
            serde_json::to_value(brief).unwrap(),
            json!({ "errors": true, "items": [
                { "index": { "status": 201 } },
                { "delete": { "status": 400, "error": error } },
                { "create": { "status": 201 } },
            ]})
        );
    }

    #[test]
    fn an_answer_is_brief_if_the_filter_wants_status_and_error_only() {
        for (filter_path, is_brief) in [
            ("errors,items.*.error,items.*.status", true),
            ("errors,items.*.status,items.*.error.type,items.*.error.reason", true),
            ("errors,items.*.status", false),
            ("errors,items.*.error", false),
            ("took,errors,items.*.error,items.*.status", false),
            ("-items.*.error,errors", false),
            ("", false),
        ] {
            assert_eq!(Filter { filter_path: filter_path.into() }.is_brief(), is_brief, "{filter_path}");
        }
    }
}
