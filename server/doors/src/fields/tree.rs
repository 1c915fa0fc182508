//! JSON text of composite values: lists, and objects that are the message. Keeps the order of fields and the digits
//! of numbers.

use std::fmt;

use compact_str::{CompactString, format_compact};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::name::Name;
use crate::{
    json_text,
    mapping::{Mapping, Role},
};

/// Fields of an object `log` in the Elastic Common Schema, which is not a message.
const OF_LOGS: [&str; 6] = ["level", "logger", "file", "origin", "offset", "syslog"];

#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Large(u64),
    Float(f64),
    /// The original digits.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(CompactString, Node)>),
}

/// Reads a list.
pub(super) fn list<'de, A: SeqAccess<'de>>(sequence: A) -> Result<Node, A::Error> {
    NodeVisitor.visit_seq(sequence)
}

/// The JSON text of the object that is the message of a record without another: the one of highest rank.
pub(super) fn message<'de, D: Deserializer<'de>>(object: D, mapping: &Mapping) -> Option<String> {
    let root = Node::deserialize(object).ok()?;
    let wanted = [Role::Message, Role::SecondMessage, Role::Payload];
    let found = wanted.into_iter().find_map(|role| root.find(role, "", mapping))?;
    found.to_json().ok()
}

impl Node {
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Whether a number in it may have had more digits than a float can hold.
    pub(super) fn is_inexact(&self) -> bool {
        match self {
            Self::Float(number) => number.abs() >= super::reading::EXACT,
            Self::List(values) => values.iter().any(Self::is_inexact),
            Self::Object(fields) => fields.iter().any(|(_, value)| value.is_inexact()),
            _ => false,
        }
    }

    fn find(&self, wanted: Role, path: &str, mapping: &Mapping) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find_map(|(name, value)| {
            let Self::Object(inner) = value else { return None };
            let path = if path.is_empty() { name.clone() } else { format_compact!("{path}.{name}") };
            let is_of_logs = || inner.is_empty() || inner.iter().any(|(name, _)| OF_LOGS.contains(&name.as_str()));
            match mapping.role(&path) == wanted && (wanted == Role::Message || !is_of_logs()) {
                true => Some(value),
                false => value.find(wanted, &path, mapping),
            }
        })
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Large(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Number(digits) => match RawValue::from_string(digits.clone()) {
                Ok(number) => number.serialize(serializer),
                Err(_) => serializer.serialize_str(digits),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Large(value), Node::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(match json_text::marked_number(text) {
            Some(number) => Node::Number(number.to_owned()),
            None => Node::Text(text.to_owned()),
        })
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Node, E> {
        Ok(Node::Text(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Node::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            fields.push((name, map.next_value()?));
        }
        Ok(Node::Object(fields))
    }
}
