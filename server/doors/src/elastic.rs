//! Elasticsearch bulk requests: pairs of an action line and a document line.
//!
//! The index becomes the attribute `index`. Without its trailing date or number, it is also the service of documents
//! that have none.
//! Source: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>.

use std::borrow::Cow;

use model::{Text, Value, limits};
use pipeline::{Error, Result, normalise::RawRecord};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    Decoded, fields,
    lines::lines,
    mapping::USUAL,
    wrong_door::{self, Door},
};

/// A parsed bulk request.
#[derive(Debug, Default)]
pub struct Bulk {
    /// The documents to index; their places are indexes into `actions`.
    pub decoded: Decoded,
    /// The actions, in order.
    pub actions: Vec<Action>,
}

/// One action of a bulk request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub kind: Kind,
    pub index: Text,
    /// The id that the client chose, if any.
    pub id: Option<Text>,
}

/// The kind of an action. Only additions are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Index,
    Create,
    Update,
    Delete,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// `{"index":{"_index":"logs","_id":"1"}}`
#[derive(Deserialize)]
struct ActionLine<'a> {
    #[serde(borrow)]
    index: Option<Target<'a>>,
    create: Option<Target<'a>>,
    update: Option<Target<'a>>,
    delete: Option<Target<'a>>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow, default, rename = "_index", deserialize_with = "id_text")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_id", deserialize_with = "id_text")]
    id: Option<Cow<'a, str>>,
}

/// A string, or the text of a number: Elasticsearch accepts both for ids.
fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Cow<'de, str>>, D::Error> {
    let Some(value) = Option::<&RawValue>::deserialize(deserializer)? else { return Ok(None) };
    Ok(match value.get().as_bytes() {
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => Some(Cow::Borrowed(&value.get()[1..=text.len()])),
        [b'"', ..] => Some(Cow::Owned(serde_json::from_str(value.get()).map_err(D::Error::custom)?)),
        [b'-' | b'0'..=b'9', ..] => Some(Cow::Borrowed(value.get())),
        _ => None,
    })
}

/// Parses a bulk request. `index` is the index of the URL, for action lines without one.
///
/// # Errors
/// `Invalid` if the request is empty or an action line cannot be parsed: the boundaries of all later documents are
/// then unknown.
pub fn decode(body: &[u8], index: &str) -> Result<Bulk> {
    wrong_door::check(body, Door::Elasticsearch)?;
    let mut bulk = Bulk::default();
    let mut lines = lines(body).enumerate();
    while let Some((number, line)) = lines.next() {
        let (kind, target) = action(line).ok_or_else(|| {
            Error::invalid(format!(
                "line {}: expected an action for the next line, such as {{\"create\":{{}}}}",
                number + 1
            ))
        })?;
        let own = target.index.as_deref().filter(|own| !own.is_empty()).unwrap_or(index);
        let action = Action { kind, index: Text::new(own), id: target.id.as_deref().map(Text::new) };
        let place = bulk.actions.len();
        if place >= limits::RECORDS_PER_BATCH * 2 {
            // Refuses the whole request; until here actions were refused one by one.
            return Err(Error::invalid(format!(
                "the request has more than {} actions; the limit is {}; send several requests",
                limits::RECORDS_PER_BATCH * 2,
                limits::RECORDS_PER_BATCH
            )));
        }
        let document = if kind == Kind::Delete { None } else { lines.next() };
        bulk.decoded.take(place, || match (kind, document) {
            (Kind::Index | Kind::Create, Some((_, document))) => record(document, &action.index),
            (Kind::Index | Kind::Create, None) => Err("the line with the document is missing".to_owned()),
            (Kind::Update | Kind::Delete, _) => {
                Err(format!("{} is not supported: logs are append-only; use create or index", kind.name()))
            }
        });
        bulk.actions.push(action);
    }
    Ok(bulk)
}

/// Parses a single document.
///
/// # Errors
/// `Invalid` if it is empty, or meant for another endpoint.
pub fn decode_one(document: &[u8], index: &str) -> Result<Decoded> {
    wrong_door::check(document, Door::Elasticsearch)?;
    if wrong_door::recognise(document) == Some(Door::Elasticsearch) {
        return Err(Error::invalid("this is a bulk request, but the endpoint takes one document; POST it to /_bulk"));
    }
    let mut decoded = Decoded::default();
    decoded.take(0, || record(document, index));
    Ok(decoded)
}

fn record(document: &[u8], index: &str) -> std::result::Result<RawRecord, String> {
    let mut record = fields::read_json(document, &USUAL)?;
    if !index.is_empty() {
        if record.service.is_empty() {
            record.service = Text::new(service_of(index));
        }
        record.attributes.push((Text::const_new("index"), Value::Text(Text::new(index))));
    }
    Ok(record)
}

fn action(line: &[u8]) -> Option<(Kind, Target<'_>)> {
    let line: ActionLine<'_> = serde_json::from_slice(line).ok()?;
    let kinds = [
        (Kind::Index, line.index),
        (Kind::Create, line.create),
        (Kind::Update, line.update),
        (Kind::Delete, line.delete),
    ];
    kinds.into_iter().find_map(|(kind, target)| Some((kind, target?)))
}

/// The index without its trailing date or counter: `shop-2026.11.21`, `.ds-shop-000001` and `shop-8.1.0-2026.11.21`
/// belong to the service `shop`.
fn service_of(index: &str) -> &str {
    let mut name = index.strip_prefix(".ds-").unwrap_or(index);
    while let Some((before, last)) = name.rsplit_once(['-', '_'])
        && !before.is_empty()
        && last.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
    {
        name = before;
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<Bulk> {
        decode(body.as_bytes(), "of-the-path")
    }

    #[test]
    fn documents_follow_their_actions() {
        let bulk = read(concat!(
            "{\"index\":{\"_index\":\"shop-2026.11.21\",\"_id\":\"7\"}}\n{\"message\":\"a\",\"@timestamp\":\"2026-01-01T00:00:00Z\"}\n",
            "{\"create\":{}}\n{\"message\":\"b\",\"service\":{\"name\":\"own\"}}\n",
            "{\"delete\":{\"_id\":\"7\"}}\n",
            "{\"update\":{\"_id\":\"7\"}}\n{\"doc\":{}}\n",
            "{\"create\":{}}\nbroken\n",
            "{\"create\":{}}",
        ))
        .unwrap();
        assert_eq!(bulk.actions.len(), 6);
        assert_eq!(
            bulk.actions[0],
            Action { kind: Kind::Index, index: "shop-2026.11.21".into(), id: Some("7".into()) }
        );
        let records: Vec<_> =
            bulk.decoded.records.iter().map(|record| (record.message.as_str(), record.service.as_str())).collect();
        assert_eq!(records, [("a", "shop"), ("b", "own")]);
        assert_eq!(bulk.decoded.records[1].attributes, [(Text::from("index"), Value::Text("of-the-path".into()))]);
        assert_eq!(bulk.decoded.places, [0, 1]);
        let refused: Vec<_> = bulk.decoded.rejections.iter().map(|rejection| rejection.index).collect();
        assert_eq!(refused, [2, 3, 4, 5]);
    }

    #[test]
    fn an_action_names_its_target_by_text_or_number() {
        for (target, index, id) in [
            (r#"{"_index":"shop","_id":"7"}"#, "shop", Some("7")),
            (r#"{"_index":"sh\u006fp","_id":7}"#, "shop", Some("7")),
            (r#"{"_index":null,"_id":null,"pipeline":null}"#, "of-the-path", None),
            ("{}", "of-the-path", None),
        ] {
            let bulk = read(&format!("{{\"index\":{target}}}\n{{\"message\":\"m\"}}")).unwrap();
            let expected = Action { kind: Kind::Index, index: index.into(), id: id.map(Text::new) };
            assert_eq!(bulk.actions, [expected], "{target}");
        }
    }

    #[test]
    fn services_are_found_in_names_of_indices() {
        for (index, service) in [
            ("shop", "shop"),
            ("shop-2026.11.21", "shop"),
            ("filebeat-8.1.0-2026.11.21-000001", "filebeat"),
            (".ds-logs-shop-default-2026.11.21-000001", "logs-shop-default"),
            ("2026.11.21", "2026.11.21"),
            ("web_api_2026", "web_api"),
            ("", ""),
        ] {
            assert_eq!(service_of(index), service);
        }
    }

    #[test]
    fn what_is_no_bulk_request_is_explained() {
        for (body, word) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("{\"message\":\"a\"}\n{\"message\":\"b\"}", "line 1"),
            ("{\"create\":{}}\n{}\n7\n{}", "line 3"),
            ("{\"streams\":[]}", "/loki/api/v1/push"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.message.contains(word), "{body}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_actions_or_an_error(lines in prop::collection::vec(prop_oneof![
            Just("{\"create\":{}}".to_owned()), Just("{\"delete\":{\"_id\":\"a\"}}".to_owned()), Just("{\"message\":\"m\"}".to_owned()), ".{0,20}",
        ], 0..8)) {
            if let Ok(bulk) = read(&lines.join("\n")) {
                prop_assert_eq!(bulk.decoded.records.len() + bulk.decoded.rejections.len(), bulk.actions.len());
            }
        }
    }
}
