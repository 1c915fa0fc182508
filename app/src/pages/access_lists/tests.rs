use std::collections::BTreeMap;

use super::*;
use crate::backend::AccessAction;

const TIME: &str = "2026-01-02T03:04:05.678000000Z";

fn lists() -> AccessLists {
    let person = UserView {
        name: "kim".to_owned(),
        role: "viewer".to_owned(),
        filter: Some("service:<b>".to_owned()),
        hidden: vec!["password".to_owned()],
        created: TIME.to_owned(),
        external: None,
    };
    let external = ExternalView {
        label: "lee@id.example<h5>".to_owned(),
        issuer: "https://id.example".to_owned(),
        subject: "248289761001".to_owned(),
    };
    let colleague = UserView { name: "oidc:1".to_owned(), external: Some(external), ..person.clone() };
    let key = KeyView {
        id: "ab12cd34".to_owned(),
        name: "<i>shop".to_owned(),
        scopes: vec!["write".to_owned(), "read".to_owned()],
        service: Some("shop".to_owned()),
        fields: BTreeMap::from([("team".to_owned(), "payments".to_owned())]),
        doors: vec!["json".to_owned(), "otlp".to_owned()],
        records_per_second: Some(1_500),
        bytes_per_day: Some(2_000_000),
        filter: None,
        hidden: Vec::new(),
        created: TIME.to_owned(),
        created_by: "user kim".to_owned(),
        expires: None,
        last_used: Some("2026-02-03T04:05:06.000Z".to_owned()),
        last_address: Some("10.0.0.8".to_owned()),
    };
    let session = SessionView {
        id: "s1".to_owned(),
        user: "kim".to_owned(),
        address: "10.0.0.7".to_owned(),
        agent: "<script>".to_owned(),
        created: TIME.to_owned(),
        last_used: TIME.to_owned(),
        current: true,
    };
    AccessLists {
        user: Some("kim".to_owned()),
        people: vec![person, colleague],
        keys: vec![key],
        sessions: vec![session],
        networks: AnonymousView {
            write: vec!["10.0.0.0/8".to_owned(), "\"><h6>".to_owned()],
            options: vec!["read=::1/128".to_owned()],
        },
        doors: vec!["json", "otlp"],
        done: Some(AccessDone { action: AccessAction::KeyRevoked, name: "<u>".to_owned() }),
        error: Some("<s>".to_owned()),
    }
}

#[test]
fn the_lists_are_shown_and_what_comes_from_outside_is_escaped() {
    for language in [Language::English, Language::Korean] {
        let html = html(language, &lists());
        for part in [
            "lb_ab12cd34",
            "248289761001",
            &(of(language).external)("https://id.example"),
            "1,500",
            "2,000,000",
            "team=payments",
            "json, otlp",
            "10.0.0.7",
            "2026-02-03 04:05:06",
            &(of(language).used_from)("10.0.0.8"),
            "10.0.0.0/8, ",
            "read=::1/128",
            "2026-01-02 03:04:05",
            "name=\"id\" value=\"ab12cd34\"",
            "name=\"id\" value=\"s1\"",
            "name=\"name\" value=\"kim\"",
            "lee@id.example",
            of(language).you,
            of(language).current,
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        for raw in ["<script", "<i>", "<b>", "<u>", "<s>", "<h5>", "<h6>"] {
            assert!(!html.contains(raw), "{raw} in {html}");
        }
    }
}

#[test]
fn the_first_person_is_offered_as_an_admin() {
    let selected = |lists: &AccessLists| {
        let html = html(Language::English, lists);
        let add = html.split("data-testid=\"add-person\"").nth(1).unwrap().to_owned();
        let option = add.split("<option").find(|option| option.contains(" selected")).unwrap().to_owned();
        option.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(selected(&AccessLists::default()), "admin");
    assert_eq!(selected(&lists()), "viewer");
}

#[test]
fn each_action_has_a_code_and_a_sentence() {
    for code in [
        "person-added",
        "person-changed",
        "password-set",
        "person-removed",
        "key-revoked",
        "session-revoked",
        "networks-set",
    ] {
        let action = AccessAction::read(code).unwrap();
        assert_eq!(action.code(), code);
        for language in [Language::English, Language::Korean] {
            assert!((of(language).done)(action, "kim").contains("kim"));
        }
    }
    assert_eq!(AccessAction::read("other"), None);
}
