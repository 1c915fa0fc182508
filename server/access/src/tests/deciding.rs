//! Who is let in, in each state.

use super::*;
use crate::{Need, PrincipalKind, RefusalClass, State};

#[tokio::test]
async fn on_loopback_without_an_admin_everybody_may_everything() {
    let world = World::new();
    let access = world.node(Posture::Loopback).await;
    assert_eq!(access.state(), State::Open);
    let wrong = format!("lb_aaaaaaaa_{}", "b".repeat(32));
    for secret in [None, Some("changeme"), Some(&*wrong)] {
        let principal = access.decide(&Caller { secret, ..caller() }).unwrap();
        assert_eq!((principal.name(), principal.kind()), ("open", PrincipalKind::Open));
        assert!(principal.may(Need::Admin).is_ok() && principal.sight().is_whole());
    }
}

#[tokio::test]
async fn on_loopback_a_call_through_a_proxy_is_refused_unless_open_is_given() {
    let world = World::new();
    let forwarded = Caller { forwarded: true, ..caller() };
    let refusal = world.node(Posture::Loopback).await.decide(&forwarded).unwrap_err();
    // A door answers that the sender should try again.
    assert_eq!((refusal.class, refusal.retry_after), (RefusalClass::Closed, Some(crate::CLOSED_RETRY)));
    assert!(["proxy", "--open", "logboom user add"].iter().all(|part| refusal.message.contains(part)), "{refusal}");
    world.node(Posture::Open).await.decide(&forwarded).unwrap();
    world.guarded().await;
    let refusal = world.node(Posture::Loopback).await.decide(&forwarded).unwrap_err();
    assert_eq!(refusal.class, RefusalClass::Unknown);
}

#[tokio::test]
async fn while_open_a_valid_key_keeps_its_sight_and_terms_and_gets_every_power() {
    for posture in [Posture::Loopback, Posture::Open] {
        let world = World::new();
        let access = world.node(posture).await;
        let read = ReadTerms { filter: Some("service:shop".into()), hidden: Vec::new() };
        let created = access.keys().create(NewKey { read, ..new_key(&[Scope::Read]) }, "open").await.unwrap();
        assert_eq!(access.state(), State::Open);
        let principal = with_key(&access, &created.secret).unwrap();
        assert_eq!(principal.name(), format!("key lb_{} (shop)", created.id));
        assert!(principal.may(Need::Admin).is_ok() && !principal.sight().is_whole());
        access.keys().revoke(&created.id).await.unwrap();
        assert!(principal.revoked().is_cancelled());
        assert_eq!(with_key(&access, &created.secret).unwrap().name(), "open");
    }
}

#[tokio::test]
async fn on_a_network_without_an_admin_everything_is_closed_also_for_keys_and_rules() {
    let world = World::new();
    let access = world.node_with(world.options(Posture::Network, &["write=0.0.0.0/0"])).await;
    let created = key(&access, &[Scope::Write]).await;
    assert_eq!(access.state(), State::Closed);
    for refusal in [access.decide(&caller()).unwrap_err(), with_key(&access, &created.secret).unwrap_err()] {
        assert_eq!(refusal.class, RefusalClass::Closed);
        assert!(refusal.retry_after.is_some());
        let ways = ["printed", "LOGBOOM_ADMIN_PASSWORD_FILE", "logboom user add"];
        assert!(ways.iter().all(|way| refusal.message.contains(way)), "{refusal}");
    }
    access.users().add(user("root", Role::Admin)).await.unwrap();
    assert_eq!(access.state(), State::Guarded);
    with_key(&access, &created.secret).unwrap().may(Need::Write("tcp")).unwrap();
    access.decide(&caller()).unwrap().may(Need::Write("tcp")).unwrap();
}

#[tokio::test]
async fn the_first_user_is_an_admin_unless_a_key_is_one() {
    let world = World::new();
    let access = world.node(Posture::Loopback).await;
    let error = access.users().add(user("kim", Role::Editor)).await.unwrap_err();
    assert!(error.message.contains("logboom user add NAME --role admin"), "{error}");
    assert_eq!((error.class, access.state()), (pipeline::ErrorClass::Conflict, State::Open));
    let open = access.decide(&caller()).unwrap();
    let created = key(&access, &[Scope::Admin]).await;
    assert_eq!(access.state(), State::Guarded);
    // Callers from the time when it was open lose their access.
    assert!(open.revoked().is_cancelled());
    let principal = with_key(&access, &created.secret).unwrap();
    assert!(principal.may(Need::Admin).is_ok() && !principal.revoked().is_cancelled());
    access.users().add(user("kim", Role::Editor)).await.unwrap();
}

#[tokio::test]
async fn a_key_of_the_open_time_loses_its_powers_and_keeps_its_own() {
    let world = World::new();
    let access = world.node(Posture::Loopback).await;
    let created = key(&access, &[Scope::Write]).await;
    let before = with_key(&access, &created.secret).unwrap();
    access.users().add(user("root", Role::Admin)).await.unwrap();
    let after = with_key(&access, &created.secret).unwrap();
    assert!(before.revoked().is_cancelled() && !after.revoked().is_cancelled());
    assert!(after.may(Need::Read).is_err() && after.may(Need::Write("json")).is_ok());
}

#[tokio::test]
async fn the_first_credential_counts_and_a_wrong_key_is_not_skipped() {
    let world = World::new();
    world.guarded().await;
    let access = world.node_with(world.options(Posture::Network, &["read=10.0.0.0/8"])).await;
    let (token, valid) = (session(&access, "root").await, key(&access, &[Scope::Write]).await);
    let wrong = format!("lb_{}_{}", valid.id, "x".repeat(32));
    let all = Caller { secret: Some(&valid.secret), session: Some(&token), certificate: Some("web-1"), ..caller() };
    let key_name = format!("key lb_{} (shop)", valid.id);
    for (caller, name) in [
        (all, "user root"),
        (Caller { secret: Some(&wrong), ..all }, "user root"),
        (Caller { session: None, ..all }, &*key_name),
        (Caller { session: Some("stale"), ..all }, &key_name),
        (Caller { session: Some("stale"), secret: None, ..all }, "certificate web-1"),
        (Caller { session: Some("stale"), secret: None, certificate: None, ..all }, "anonymous"),
        // A secret that is no key of ours in form is one of somebody else.
        (Caller { session: None, secret: Some("hunter22"), ..all }, "certificate web-1"),
        (Caller { session: None, secret: Some("hunter22"), certificate: None, ..all }, "anonymous"),
    ] {
        assert_eq!(access.decide(&caller).unwrap().name(), name);
    }
    for (caller, part) in [
        (Caller { secret: Some(&wrong), session: None, ..all }, format!("the key lb_{} is unknown", valid.id)),
        (
            Caller { address: [11, 0, 0, 1].into(), secret: Some("hunter22"), ..super::caller() },
            "is no key of this server".to_owned(),
        ),
        // The rules are about the caller, and the address is that of a proxy.
        (Caller { forwarded: true, ..super::caller() }, "its address is not known".to_owned()),
        (Caller { address: [11, 0, 0, 1].into(), ..super::caller() }, "log in, or send a key".to_owned()),
        (
            Caller { address: [11, 0, 0, 1].into(), session: Some("stale"), ..super::caller() },
            "the session has ended".to_owned(),
        ),
    ] {
        let refusal = access.decide(&caller).unwrap_err();
        assert_eq!(refusal.class, RefusalClass::Unknown);
        assert!(refusal.message.contains(&part), "{refusal}");
        assert!(!refusal.message.contains("xxxx") && !refusal.message.contains("hunter22"), "{refusal}");
    }
}

#[tokio::test]
async fn a_certificate_may_write_and_no_more() {
    let world = World::new();
    let access = world.guarded().await;
    let principal = access.decide(&Caller { certificate: Some("web-1"), ..caller() }).unwrap();
    assert_eq!(principal.kind(), PrincipalKind::Certificate);
    principal.may(Need::Write("syslog")).unwrap();
    assert_eq!(principal.may(Need::Read).unwrap_err().class, RefusalClass::Forbidden);
}

#[tokio::test]
async fn with_open_everybody_may_everything_although_there_are_users() {
    let world = World::new();
    world.guarded().await;
    let access = world.node(Posture::Open).await;
    assert_eq!(access.state(), State::Open);
    access.decide(&caller()).unwrap().may(Need::Admin).unwrap();
    Access::everybody().decide(&caller()).unwrap().may(Need::Admin).unwrap();
}

#[tokio::test]
async fn damaged_documents_never_open_a_server() {
    for (kind, name) in
        [(&crate::user_document::USER, "root"), (&crate::keys::KEY, "aaaaaaaa"), (&crate::keys::KEY, "short")]
    {
        let world = World::new();
        world.put(kind, name, "{\"role\": \"emperor\"}").await;
        for posture in [Posture::Loopback, Posture::Network] {
            assert_eq!(world.node(posture).await.state(), State::Guarded, "{name}");
        }
    }
}

#[tokio::test]
async fn an_admin_that_vanishes_or_expires_leaves_the_server_guarded() {
    let world = World::new();
    let access = world.node(Posture::Loopback).await;
    let expires = Some(world.now() / 1_000_000 + 1_000);
    access.keys().create(NewKey { expires, ..new_key(&[Scope::Admin]) }, "open").await.unwrap();
    world.pass(HOUR);
    assert_eq!(world.node(Posture::Loopback).await.state(), State::Guarded);
    let id = access.keys().list().await.unwrap().remove(0).id;
    world.documents.delete(&crate::keys::KEY, &id, Expected::Any, None).await.unwrap();
    access.parts.shared.refresh_all().await.unwrap();
    assert!(access.parts.shared.known().keys.is_empty());
    assert_eq!(access.state(), State::Guarded);
}

#[tokio::test]
async fn an_agent_takes_its_fixed_keys_and_has_no_documents() {
    let world = World::new();
    let (_, shaped) = crate::secret::new_key();
    let plain = "a-secret-of-20-bytes".to_owned();
    let agent = Access::fixed(&[shaped.clone(), plain.clone()], world.options(Posture::Network, &[])).unwrap();
    assert_eq!(agent.state(), State::Guarded);
    assert_eq!(with_key(&agent, &shaped).unwrap().name(), format!("key {}", &shaped[..11]));
    let principal = with_key(&agent, &plain).unwrap();
    assert_eq!(principal.name(), "key 2");
    assert!(principal.may(Need::Write("fluent")).is_ok() && principal.may(Need::Read).is_err());
    let other = format!("{}{}", &shaped[..43], if shaped.ends_with('x') { 'y' } else { 'x' });
    for wrong in [plain.replace('2', "3"), other] {
        let refusal = with_key(&agent, &wrong).unwrap_err();
        assert_eq!(refusal.class, RefusalClass::Unknown);
        assert!(refusal.message.contains("--accept-key-file") && !refusal.message.contains(&wrong), "{refusal}");
    }
    agent.users().list().await.unwrap_err();
    assert!(agent.setup().token().await.unwrap().is_none());

    let closed = Access::fixed(&[], world.options(Posture::Network, &[])).unwrap();
    let refusal = closed.decide(&caller()).unwrap_err();
    assert_eq!(refusal.class, RefusalClass::Closed);
    assert!(refusal.message.contains("this agent is closed"), "{refusal}");
    assert_eq!(Access::fixed(&[], world.options(Posture::Loopback, &[])).unwrap().state(), State::Open);
    for (key, part) in [("short", "key 1 has 5 bytes"), ("a secret of 20 bytes", "key 1 has blanks")] {
        let error = Access::fixed(&[key.to_owned()], world.options(Posture::Loopback, &[])).err().unwrap();
        assert!(error.message.contains(part) && !error.message.contains(key), "{error}");
    }
}
