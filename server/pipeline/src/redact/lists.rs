//! Fields within lists. The doors keep a list as JSON text in one attribute, so `users.password` may be in `users`.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use model::Text;
use serde_json::Value;

use super::rules::{Place, Rule};

/// The rules for fields that may be in the JSON text of an attribute, by the attribute's name.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<Text, Vec<Inner>, RandomState>);

/// A field within a list.
#[derive(Debug)]
struct Inner {
    rule: usize,
    /// The last part of its name.
    leaf: Text,
}

/// A list that has a field of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) rule: usize,
    /// The values of the field.
    pub(super) secrets: Vec<Arc<str>>,
}

impl Lists {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut lists: HashMap<Text, Vec<Inner>, RandomState> = HashMap::default();
        for (rule, place) in rules.iter().enumerate().flat_map(|(index, rule)| rule.places().map(move |at| (index, at)))
        {
            let Place::Attribute(name) = place else { continue };
            let leaf = name.rsplit('.').next().unwrap_or_default();
            for (end, _) in name.match_indices('.') {
                lists.entry(name[..end].into()).or_default().push(Inner { rule, leaf: leaf.into() });
            }
        }
        Self(lists)
    }

    /// Whether the attribute may be a list with a field of a rule.
    pub(super) fn may_have(&self, name: &str, text: &str) -> bool {
        !self.0.is_empty() && text.trim_start().starts_with(['[', '{']) && self.0.contains_key(name)
    }

    /// The first rule of which the field is in the text, at any depth. A text that is no JSON has the field if it has
    /// its name, or escapes.
    pub(super) fn find(&self, name: &str, text: &str) -> Option<Listed> {
        if !self.may_have(name, text) {
            return None;
        }
        let inner = self.0.get(name)?;
        let Ok(json) = serde_json::from_str::<Value>(text) else {
            let unread = inner.iter().find(|inner| text.contains(&*inner.leaf) || text.contains('\\'))?;
            return Some(Listed { rule: unread.rule, secrets: Vec::new() });
        };
        let mut found: Option<Listed> = None;
        for Inner { rule, leaf } in inner {
            let mut secrets = Vec::new();
            if add_values(&json, leaf, false, &mut secrets) {
                found.get_or_insert(Listed { rule: *rule, secrets: Vec::new() }).secrets.extend(secrets);
            }
        }
        found
    }
}

/// Adds the texts and numbers of the fields with this last name, and of what is below them. Returns whether there is a
/// value.
fn add_values(json: &Value, leaf: &str, is_inside: bool, secrets: &mut Vec<Arc<str>>) -> bool {
    let mut has_value = false;
    match json {
        Value::Array(items) => items.iter().for_each(|item| has_value |= add_values(item, leaf, is_inside, secrets)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_leaf = key.strip_suffix(leaf).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                has_value |= add_values(value, leaf, is_inside || is_leaf, secrets);
            }
        }
        Value::Null => {}
        _ if !is_inside => {}
        Value::Bool(_) => has_value = true,
        Value::Number(number) => {
            secrets.push(number.to_string().into());
            has_value = true;
        }
        Value::String(text) => {
            secrets.push(text.as_str().into());
            has_value = !text.is_empty();
        }
    }
    has_value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(rules: &[&str]) -> Lists {
        Lists::new(&rules.iter().map(|rule| Rule::parse(rule).unwrap()).collect::<Vec<Rule>>())
    }

    #[test]
    fn a_field_is_found_at_any_depth_of_a_list() {
        let lists = lists(&["key=any in key", "pw=any in users.password,a.b.pin", "mail=email in users.mail"]);
        for (name, text, expected) in [
            ("users", r#"[{"password":"hunter2"},{"password":1234}]"#, Some((1, &["hunter2", "1234"][..]))),
            ("users", r#" [{"x":[{"pass\u0077ord":["hunter2",true]}]}]"#, Some((1, &["hunter2"]))),
            ("users", r#"[{"x.password":"hunter2","mail":"m"}]"#, Some((1, &["hunter2", "m"]))),
            ("users", r#"[{"mail":"m"}]"#, Some((2, &["m"]))),
            ("users", r#"[{"name":"password"},{"password":null},{"password":""}]"#, None),
            ("users", r#"[{"passwords":"x"}]"#, None),
            ("users", r#"[{"password":"cut of"#, Some((1, &[]))),
            ("users", "[info] all is well", None),
            ("users", "password", None),
            ("a", r#"{"b":{"pin":1}}"#, Some((1, &["1"]))),
            ("a.b", r#"[{"pin":1}]"#, Some((1, &["1"]))),
            ("other", r#"[{"password":"x"}]"#, None),
            ("key", r#"[{"password":"x"}]"#, None),
        ] {
            let found = lists.find(name, text);
            let secrets = |secrets: &[&str]| secrets.iter().map(|secret| Arc::from(*secret)).collect();
            let expected = expected.map(|(rule, values)| Listed { rule, secrets: secrets(values) });
            assert_eq!(found, expected, "{name}: {text}");
        }
    }
}
