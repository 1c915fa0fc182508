//! Users of an identity provider.

use pipeline::ErrorClass;

use super::*;
use crate::{ExternalLogIn, ExternalPerson, Granted, Need, Renewal, State, user_document::USER};

const LIFE: Duration = Duration::from_secs(12 * 3600);

fn person(subject: &str, label: &str) -> ExternalPerson {
    ExternalPerson { issuer: ISSUER.to_owned(), subject: subject.to_owned(), label: label.to_owned() }
}

fn granted(role: Role) -> Option<Granted> {
    Some(Granted { role, read: ReadTerms::default(), life: LIFE })
}

fn filtered(filter: &str) -> Option<Granted> {
    let read = ReadTerms { filter: Some(filter.to_owned()), ..ReadTerms::default() };
    Some(Granted { role: Role::Viewer, read, life: LIFE })
}

async fn outcome(access: &Access, person: ExternalPerson, granted: Option<Granted>) -> ExternalLogIn {
    access.users().log_in_external(person, granted).await.unwrap()
}

/// The token of a new session.
async fn enter(access: &Access, person: ExternalPerson, granted: Option<Granted>) -> String {
    match outcome(access, person, granted).await {
        ExternalLogIn::Done(user, _) => access.sessions().begin(&user, address(), "Browser/1").await.unwrap(),
        refused => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn a_person_becomes_a_user_with_the_rights_of_the_log_in() {
    let world = World::new();
    let access = world.guarded().await;
    let token = enter(&access, person("1", "lee@id.example"), filtered("service:shop")).await;
    let principal = with_session(&access, &token).unwrap();
    let hash = principal.user().unwrap().strip_prefix("oidc:").unwrap();
    assert_eq!(principal.name(), format!("user lee@id.example (OIDC {hash})"));
    assert_eq!(principal.name(), format!("user {}", person("1", "lee@id.example").unique_name()));
    assert_eq!((principal.label(), hash.len()), (Some("lee@id.example"), 16));
    // Whoever takes the same name at the provider is told apart.
    assert_ne!(person("2", "lee@id.example").unique_name(), person("1", "lee@id.example").unique_name());
    assert!(principal.may(Need::Read).is_ok() && principal.may(Need::Edit).is_err() && !principal.sight().is_whole());
    let users = access.users().list().await.unwrap();
    let external = users.iter().find_map(|user| user.external.as_ref()).unwrap();
    assert_eq!(
        (&*external.issuer, &*external.subject, &*external.label),
        ("https://id.example", "1", "lee@id.example")
    );
    assert_eq!(access.sessions().list().await.unwrap()[0].user, "lee@id.example");
    // The same rights and another name: it is the same user, and the first session goes on.
    let second = enter(&access, person("1", "lee.kim@id.example"), filtered("service:shop")).await;
    assert_eq!(with_session(&access, &token).unwrap().user(), with_session(&access, &second).unwrap().user());
    assert_eq!(access.users().list().await.unwrap().len(), 2);
    // Other rights end the sessions that have the old ones.
    let third = enter(&access, person("1", "lee.kim@id.example"), granted(Role::Editor)).await;
    assert!(with_session(&access, &token).is_err() && with_session(&access, &second).is_err());
    assert!(with_session(&access, &third).unwrap().may(Need::Edit).is_ok());
}

#[tokio::test]
async fn a_user_with_a_password_is_never_taken_over_and_no_password_opens_an_external_one() {
    let world = World::new();
    let access = world.guarded().await;
    let token = enter(&access, person("1", "root"), granted(Role::Viewer)).await;
    let viewer = with_session(&access, &token).unwrap();
    assert!(viewer.name().starts_with("user root (OIDC ") && viewer.may(Need::Admin).is_err(), "{}", viewer.name());
    let own = session(&access, "root").await;
    assert!(with_session(&access, &own).unwrap().may(Need::Admin).is_ok());
    let name = viewer.user().unwrap();
    for password in ["", PASSWORD] {
        assert!(access.users().log_in(name, password, IpAddr::from([10, 9, 9, 9])).await.is_err());
    }
    let error = access.users().add(user(name, Role::Viewer)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "no other user can have the name");
    // Another provider with the same subject is somebody else.
    let other = ExternalPerson { issuer: "https://other.example".to_owned(), ..person("1", "root") };
    let ExternalLogIn::Done(other, _) = outcome(&access, other, granted(Role::Editor)).await else { panic!() };
    assert_ne!(Some(other.name()), viewer.user());
}

#[tokio::test]
async fn rights_and_passwords_of_external_users_are_not_changed_here() {
    let world = World::new();
    let access = world.guarded().await;
    let token = enter(&access, person("1", "lee@id.example"), granted(Role::Viewer)).await;
    let name = with_session(&access, &token).unwrap().user().unwrap().to_owned();
    let users = access.users();
    for error in [
        users.set_password(&name, password("another horse")).await.unwrap_err(),
        users.change(&name, Some(Role::Admin), None, None).await.unwrap_err(),
    ] {
        assert_eq!(error.class, ErrorClass::Invalid);
        let parts = ["lee@id.example", "https://id.example", "--oidc-role"];
        assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
    }
    users.remove(&name).await.unwrap();
    assert!(with_session(&access, &token).is_err());
}

#[tokio::test]
async fn without_a_group_nobody_gets_in_and_the_sessions_end() {
    let world = World::new();
    let access = world.guarded().await;
    assert_eq!(outcome(&access, person("1", "lee"), None).await, ExternalLogIn::NoRights { was_user: false });
    let token = enter(&access, person("1", "lee"), granted(Role::Editor)).await;
    assert_eq!(outcome(&access, person("1", "lee"), None).await, ExternalLogIn::NoRights { was_user: true });
    assert!(with_session(&access, &token).is_err());
    assert_eq!(access.users().list().await.unwrap().len(), 1);
    assert!(access.sessions().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_in_says_what_it_has_changed_of_the_rights() {
    let world = World::new();
    let access = world.guarded().await;
    for (label, rights, expected) in [
        ("lee", granted(Role::Viewer), Renewal::Added),
        ("lee", granted(Role::Viewer), Renewal::Same),
        // Another name is no other right.
        ("kim", granted(Role::Viewer), Renewal::Same),
        ("kim", filtered("service:shop"), Renewal::Changed),
        ("kim", granted(Role::Editor), Renewal::Changed),
    ] {
        let done = outcome(&access, person("1", label), rights).await;
        assert!(matches!(done, ExternalLogIn::Done(_, renewal) if renewal == expected), "{done:?}");
    }
}

#[tokio::test]
async fn people_of_a_provider_that_is_not_configured_have_no_session_and_are_no_other_admin() {
    for issuer in [None, Some("https://new.example".to_owned())] {
        let world = World::new();
        let access = world.guarded().await;
        let token = enter(&access, person("1", "kim"), granted(Role::Admin)).await;
        with_session(&access, &token).unwrap();
        let options = Options { issuer, ..world.options(Posture::Loopback, &[]) };
        let after = world.node_with(options.clone()).await;
        assert!(with_session(&after, &token).is_err());
        let error = after.users().remove("root").await.unwrap_err();
        assert!(error.class == ErrorClass::Conflict && error.message.contains("last admin"), "{error}");
        // A node that still has the provider counts it.
        access.users().remove("root").await.unwrap();
        // The rest of an admin keeps a server guarded, and the way in is the password file.
        let alone = world.node_with(options).await;
        assert_eq!(alone.state(), State::Guarded);
        assert!(alone.users().ensure_admin("admin", password(PASSWORD)).await.unwrap());
    }
}

#[tokio::test]
async fn the_first_user_is_an_admin_and_guards_the_server_once_there_is_one() {
    for posture in [Posture::Network, Posture::Loopback] {
        let world = World::new();
        let access = world.node(posture).await;
        let before = access.state();
        assert_ne!(before, State::Guarded);
        for role in [Role::Viewer, Role::Editor] {
            assert_eq!(outcome(&access, person("1", "lee"), granted(role)).await, ExternalLogIn::NoAdminYet);
        }
        assert_eq!(access.state(), before);
        let token = enter(&access, person("2", "kim"), granted(Role::Admin)).await;
        assert_eq!(access.state(), State::Guarded);
        assert!(with_session(&access, &token).unwrap().may(Need::Admin).is_ok());
        enter(&access, person("1", "lee"), granted(Role::Viewer)).await;
    }
}

#[tokio::test]
async fn the_last_admin_loses_the_sessions_and_the_server_stays_guarded() {
    for lost in [None, granted(Role::Viewer)] {
        let world = World::new();
        let access = world.node(Posture::Loopback).await;
        let token = enter(&access, person("1", "kim"), granted(Role::Admin)).await;
        assert_eq!(outcome(&access, person("1", "kim"), lost.clone()).await, ExternalLogIn::LastAdmin);
        assert!(with_session(&access, &token).is_err());
        // A node that starts now finds an admin, too.
        assert_eq!(world.node(Posture::Loopback).await.state(), State::Guarded);
        enter(&access, person("2", "lee"), granted(Role::Admin)).await;
        let after = outcome(&access, person("1", "kim"), lost.clone()).await;
        assert_eq!(matches!(after, ExternalLogIn::Done(..)), lost.is_some(), "{after:?}");
    }
}

#[tokio::test]
async fn a_session_ends_some_hours_after_the_log_in_however_much_it_is_used() {
    let world = World::new();
    let access = world.guarded().await;
    let token = enter(&access, person("1", "lee"), granted(Role::Viewer)).await;
    for _ in 0..11 {
        world.pass(HOUR);
        with_session(&access, &token).unwrap();
        access.parts.shared.renew_used().await;
    }
    world.pass(HOUR);
    assert!(with_session(&access, &token).is_err());
}

#[tokio::test]
async fn a_person_past_a_limit_or_a_user_who_is_another_person_is_an_error() {
    let world = World::new();
    let access = world.guarded().await;
    for (issuer, subject) in [("", "1"), ("https://id.example", ""), ("https://id.example", &*"1".repeat(1_025))] {
        let person = ExternalPerson { issuer: issuer.to_owned(), ..person(subject, "lee") };
        let error = access.users().log_in_external(person, granted(Role::Viewer)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
    }
    let error = access.users().log_in_external(person("1", "lee"), filtered("level:(")).await.unwrap_err();
    assert!(error.class == ErrorClass::Invalid && error.message.contains("filter"), "{error}");
    let token = enter(&access, person("1", "lee"), granted(Role::Viewer)).await;
    let name = with_session(&access, &token).unwrap().user().unwrap().to_owned();
    let stored = world.documents.get(&USER, &name).await.unwrap().unwrap();
    world.put(&USER, &name, &stored.body.as_str().replace("id.example", "other.example")).await;
    let error = access.users().log_in_external(person("1", "lee"), granted(Role::Viewer)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Corrupt);
}
