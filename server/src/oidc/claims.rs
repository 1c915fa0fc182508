//! What the claims of a token tell about a person.

use serde_json::Value;

/// The claims with a name for people, the best one first.
const LABELS: [&str; 4] = ["preferred_username", "email", "name", "sub"];

/// The groups of a person; `None` if the claims have none of this name. `name` is that of a claim, or a path such as
/// `realm_access.roles`. A claim may be a list of texts, one text, or an object whose keys are the groups.
pub(super) fn groups<'c>(claims: &'c Value, name: &str) -> Option<Vec<&'c str>> {
    // Anybody can write any address that the provider has not verified. Without an address there is nothing to verify: the
    // user info may have it.
    let has_email = claims.get("email").is_some_and(|email| !email.is_null());
    if name == "email" && has_email && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Some(Vec::new());
    }
    // Names may have dots, as in https://example.com/groups.
    let found = claims.get(name).or_else(|| name.split('.').try_fold(claims, |value, part| value.get(part)));
    match found? {
        Value::Null => None,
        Value::String(group) => Some(vec![group]),
        Value::Array(groups) => Some(groups.iter().filter_map(Value::as_str).collect()),
        Value::Object(groups) => Some(groups.keys().map(String::as_str).collect()),
        Value::Bool(_) | Value::Number(_) => Some(Vec::new()),
    }
}

/// The name for people.
pub(super) fn label(claims: &Value) -> &str {
    let texts = LABELS.iter().filter_map(|name| claims.get(name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
}

/// Adds the claims of `more` that `claims` does not have. Whether an address is verified is said by whom the address is
/// from.
pub(super) fn merge(claims: &mut Value, more: Value) {
    let (Value::Object(claims), Value::Object(more)) = (claims, more) else { return };
    if claims.get("email").is_none_or(Value::is_null) {
        claims.remove("email_verified");
    }
    for (name, value) in more {
        if claims.get(&name).is_none_or(Value::is_null) {
            claims.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_found_as_providers_send_them() {
        let claims = json!({
            "groups": ["ops", 7, "dev"], "hd": "example.com", "realm_access": { "roles": ["admin"] },
            "https://example.com/groups": ["dotted"], "urn:roles": { "ops": {}, "dev": {} }, "none": null, "number": 7,
        });
        let cases: [(&str, Option<&[&str]>); 9] = [
            ("groups", Some(&["dev", "ops"])),
            ("hd", Some(&["example.com"])),
            ("realm_access.roles", Some(&["admin"])),
            ("https://example.com/groups", Some(&["dotted"])),
            ("urn:roles", Some(&["dev", "ops"])),
            ("number", Some(&[])),
            ("none", None),
            ("missing", None),
            ("realm_access.missing", None),
        ];
        for (name, expected) in cases {
            let mut groups = groups(&claims, name);
            if let Some(groups) = &mut groups {
                groups.sort_unstable();
            }
            assert_eq!(groups.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn an_address_counts_only_if_the_provider_has_verified_it() {
        for (verified, counts) in
            [(json!(true), true), (json!(false), false), (json!("true"), false), (Value::Null, false)]
        {
            let claims = json!({ "email": "kim@example.com", "email_verified": verified });
            assert_eq!(groups(&claims, "email").unwrap().len(), usize::from(counts), "{claims}");
        }
    }

    #[test]
    fn an_address_that_the_token_does_not_have_is_asked_for_and_has_to_be_verified() {
        for (token, info, expected) in [
            (json!({}), json!({ "email": "kim@example.com", "email_verified": true }), Some(1)),
            (json!({ "email": null }), json!({ "email": "kim@example.com", "email_verified": true }), Some(1)),
            (json!({}), json!({ "email": "kim@example.com", "email_verified": false }), Some(0)),
            // What the token says of no address is not said of this one.
            (json!({ "email_verified": true }), json!({ "email": "kim@example.com" }), Some(0)),
            (json!({ "email_verified": true }), json!({}), None),
        ] {
            let mut claims = token;
            assert_eq!(groups(&claims, "email"), None, "{claims}");
            merge(&mut claims, info);
            assert_eq!(groups(&claims, "email").map(|groups| groups.len()), expected, "{claims}");
        }
    }

    #[test]
    fn a_label_is_the_best_name_and_what_a_token_says_is_not_replaced() {
        let mut claims = json!({ "sub": "1", "email": "kim@example.com", "groups": null });
        assert_eq!(label(&claims), "kim@example.com");
        merge(&mut claims, json!({ "sub": "2", "preferred_username": "kim", "groups": ["ops"] }));
        assert_eq!((label(&claims), &claims["sub"], &claims["groups"]), ("kim", &json!("1"), &json!(["ops"])));
        assert_eq!(label(&json!({ "name": " ", "sub": "1" })), "1");
        assert_eq!(label(&json!({})), "");
    }
}
