//! Keys from creation to their end.

use pipeline::ErrorClass;

use super::*;
use crate::{Need, RefusalClass, keys::KEY};

#[tokio::test]
async fn a_key_is_shown_once_and_stored_as_a_hash() {
    let world = World::new();
    let access = world.guarded().await;
    let created = key(&access, &[Scope::Write, Scope::Write, Scope::Read]).await;
    assert_eq!(created.secret.len(), 44);
    assert!(created.secret.starts_with(&format!("lb_{}_", created.id)));
    let stored = world.stored().await;
    assert!(stored.contains(&created.id) && !stored.contains(&created.secret[12..]), "{stored}");
    assert!(!stored.contains(PASSWORD));
    let views = access.keys().list().await.unwrap();
    assert_eq!((&*views[0].id, &views[0].scopes), (&*created.id, &vec!["write".to_owned(), "read".to_owned()]));
    assert_eq!((&*views[0].created, &*views[0].created_by), ("2026-09-21T14:13:20.000Z", "user root"));
}

#[tokio::test]
async fn a_key_may_what_its_scopes_and_doors_say() {
    let world = World::new();
    let access = world.guarded().await;
    let write = WriteTerms { doors: vec!["otlp".into(), "grpc".into()], ..WriteTerms::default() };
    let created = access.keys().create(NewKey { write, ..new_key(&[Scope::Write]) }, "user root").await.unwrap();
    let principal = with_key(&access, &created.secret).unwrap();
    principal.may(Need::Write("otlp")).unwrap();
    for need in [Need::Write("json"), Need::Read, Need::Edit, Need::Admin] {
        let refusal = principal.may(need).unwrap_err();
        assert_eq!(refusal.class, RefusalClass::Forbidden);
        assert!(refusal.message.contains(&created.id) && !refusal.message.contains(&created.secret), "{refusal}");
    }
    let reader = with_key(&access, &key(&access, &[Scope::Read]).await.secret).unwrap();
    assert!(reader.may(Need::Read).is_ok() && reader.may(Need::Edit).is_err());
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_its_calls_end() {
    let world = World::new();
    let access = world.guarded().await;
    let (one, other) = (key(&access, &[Scope::Read]).await, key(&access, &[Scope::Read]).await);
    let (principal, kept) = (with_key(&access, &one.secret).unwrap(), with_key(&access, &other.secret).unwrap());
    access.keys().revoke(&format!("lb_{}", one.id)).await.unwrap();
    assert!(principal.revoked().is_cancelled() && !kept.revoked().is_cancelled());
    assert_eq!(with_key(&access, &one.secret).unwrap_err().class, RefusalClass::Unknown);
    for id in [&*one.id, "", "no\nname"] {
        assert_eq!(access.keys().revoke(id).await.unwrap_err().class, ErrorClass::NotFound);
    }
}

#[tokio::test]
async fn a_key_that_has_not_changed_keeps_its_principal() {
    let world = World::new();
    let access = world.guarded().await;
    let created = key(&access, &[Scope::Read]).await;
    let before = with_key(&access, &created.secret).unwrap();
    key(&access, &[Scope::Write]).await;
    access.users().add(user("kim", Role::Viewer)).await.unwrap();
    assert_eq!(with_key(&access, &created.secret).unwrap().place(), before.place());
}

#[tokio::test]
async fn an_expired_key_opens_nothing_and_its_calls_end() {
    let world = World::new();
    let access = world.guarded().await;
    let expires = Some(world.now() / 1_000_000 + 5_000);
    let created = access.keys().create(NewKey { expires, ..new_key(&[Scope::Read]) }, "user root").await.unwrap();
    let principal = with_key(&access, &created.secret).unwrap();
    assert_eq!(access.parts.shared.expire().await, Duration::from_secs(5));
    world.pass(5 * SECOND - 1);
    with_key(&access, &created.secret).unwrap();
    world.pass(1);
    let refusal = with_key(&access, &created.secret).unwrap_err();
    assert!(refusal.message.contains(&format!("lb_{} has expired", created.id)), "{refusal}");
    access.parts.shared.work.notify_one();
    soon(principal.revoked().cancelled()).await;
}

#[tokio::test]
async fn the_last_admin_key_can_go_only_when_there_is_another_admin() {
    let world = World::new();
    let access = world.node(Posture::Network).await;
    let (one, two) = (key(&access, &[Scope::Admin]).await, key(&access, &[Scope::Admin]).await);
    access.keys().revoke(&one.id).await.unwrap();
    let error = access.keys().revoke(&two.id).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("is the last admin") && error.message.contains("logboom user add"), "{error}");
    access.users().add(user("root", Role::Admin)).await.unwrap();
    access.keys().revoke(&two.id).await.unwrap();
}

#[tokio::test]
async fn a_filter_that_does_not_read_is_refused_and_once_stored_shows_nothing() {
    let world = World::new();
    let access = world.guarded().await;
    let read = |filter: &str| ReadTerms { filter: Some(filter.to_owned()), hidden: Vec::new() };
    let error = access.keys().create(NewKey { read: read("a:("), ..new_key(&[Scope::Read]) }, "x").await.unwrap_err();
    assert!(error.class == ErrorClass::Invalid && error.message.starts_with("filter: "), "{error}");
    let good = NewKey { read: read("service:/sh.p/"), ..new_key(&[Scope::Read]) };
    let created = access.keys().create(good, "user root").await.unwrap();
    let record = record_of("shop");
    assert!(with_key(&access, &created.secret).unwrap().sight().shows(&record));
    let text = world.documents.get(&KEY, &created.id).await.unwrap().unwrap().body;
    world.put(&KEY, &created.id, &text.as_str().replace("/sh.p/", "/sh(/")).await;
    access.parts.shared.refresh(&KEY).await.unwrap();
    let principal = with_key(&access, &created.secret).unwrap();
    assert!(!principal.sight().shows(&record) && !principal.sight().is_whole());
}

fn record_of(service: &str) -> model::Record {
    let raw = pipeline::normalise::RawRecord {
        service: service.into(),
        message: "m".into(),
        ..pipeline::normalise::RawRecord::default()
    };
    pipeline::normalise::Normaliser::default().record(raw, 1).unwrap()
}
