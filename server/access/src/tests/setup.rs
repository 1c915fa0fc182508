//! The first admin.

use pipeline::ErrorClass;

use super::*;
use crate::{Need, RefusalClass, State};

async fn token_of(access: &Access) -> String {
    access.setup().token().await.unwrap().unwrap().token
}

#[tokio::test]
async fn nodes_share_one_token_and_it_makes_one_admin() {
    let world = World::new();
    let (one, two) = (world.node(Posture::Network).await, world.node(Posture::Network).await);
    let token = token_of(&one).await;
    assert_eq!(token_of(&two).await, token);
    let wrong = two.setup().finish("wrong", user("root", Role::Admin), &[]).await.unwrap_err();
    assert!(wrong.class == ErrorClass::Invalid && wrong.message.starts_with("token: "), "{wrong}");
    // A field that is wrong can be corrected: the token is still there.
    let short = NewUser { password: password("short"), ..user("root", Role::Admin) };
    assert!(two.setup().finish(&token, short, &[]).await.unwrap_err().message.starts_with("password has 5 bytes"));
    // Whatever role was given.
    two.setup().finish(&token, user("root", Role::Viewer), &[]).await.unwrap();
    assert_eq!(two.state(), State::Guarded);
    assert!(two.setup().token().await.unwrap().is_none());
    assert_eq!(two.users().list().await.unwrap()[0].role, "admin");
    let again = one.setup().finish(&token, user("kim", Role::Admin), &[]).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::Invalid);
    assert_eq!(two.users().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_set_up_lets_in_the_networks_that_it_names_and_no_others() {
    for write in [&[][..], &["10.0.0.0/8"]] {
        let world = World::new();
        let (one, two) = (world.node(Posture::Network).await, world.node(Posture::Network).await);
        let token = token_of(&one).await;
        let wrong =
            one.setup().finish(&token, user("root", Role::Admin), &["10.0.0.0/33".to_owned()]).await.unwrap_err();
        assert!(wrong.class == ErrorClass::Invalid && wrong.message.contains("write: \"10.0.0.0/33\""), "{wrong}");
        let networks: Vec<String> = write.iter().map(|network| (*network).to_owned()).collect();
        one.setup().finish(&token, user("root", Role::Admin), &networks).await.unwrap();
        assert_eq!(one.networks().get().await.unwrap().write, networks);
        soon(async {
            while two.state() != State::Guarded || two.decide(&caller()).is_ok() == write.is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for node in [&one, &two] {
            let may = |need| node.decide(&caller()).is_ok_and(|principal| principal.may(need).is_ok());
            assert_eq!((may(Need::Write("json")), may(Need::Read)), (!write.is_empty(), false));
            let stranger = Caller { address: [192, 168, 0, 1].into(), ..caller() };
            assert_eq!(node.decide(&stranger).unwrap_err().class, RefusalClass::Unknown);
        }
    }
}

#[tokio::test]
async fn a_set_up_that_fails_leaves_no_networks_and_can_be_tried_again() {
    let world = World::new();
    let before = world.node(Posture::Network).await;
    before.users().add(user("root", Role::Admin)).await.unwrap();
    before.users().add(user("kim", Role::Viewer)).await.unwrap();
    world.documents.delete(&crate::user_document::USER, "root", Expected::Any, None).await.unwrap();
    // A closed server, on which the name is taken: the admin cannot be stored.
    let access = world.node(Posture::Network).await;
    let token = token_of(&access).await;
    let networks = ["10.0.0.0/8".to_owned()];
    let error = access.setup().finish(&token, user("kim", Role::Admin), &networks).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(access.networks().get().await.unwrap().write.is_empty());
    assert_eq!(access.state(), State::Closed);
    assert!(access.setup().finish(&token, user("lee", Role::Admin), &networks).await.unwrap());
    assert_eq!(access.networks().get().await.unwrap().write, networks);
}

#[tokio::test]
async fn of_two_at_once_one_finishes() {
    let world = World::new();
    let (one, two) = (world.node(Posture::Network).await, world.node(Posture::Network).await);
    let token = token_of(&one).await;
    let (left, right) = tokio::join!(
        one.setup().finish(&token, user("kim", Role::Admin), &[]),
        two.setup().finish(&token, user("lee", Role::Admin), &[]),
    );
    assert_ne!(left.is_ok(), right.is_ok());
    assert_eq!(one.users().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_valid_for_an_hour_and_not_once_there_is_an_admin() {
    let world = World::new();
    let access = world.node(Posture::Network).await;
    let old = token_of(&access).await;
    world.pass(HOUR - SECOND);
    let same = access.setup().token().await.unwrap().unwrap();
    assert_eq!((same.token, same.left), (old.clone(), Duration::from_secs(1)));
    world.pass(SECOND);
    let late = access.setup().finish(&old, user("root", Role::Admin), &[]).await.unwrap_err();
    assert!(late.message.contains("older than an hour"), "{late}");
    let token = token_of(&access).await;
    assert_ne!(token, old);
    key(&access, &[Scope::Admin]).await;
    let error = access.setup().finish(&token, user("root", Role::Admin), &[]).await.unwrap_err();
    assert!(error.class == ErrorClass::Conflict && error.message.contains("there is an admin already"), "{error}");
    assert!(world.node(Posture::Loopback).await.setup().token().await.unwrap().is_none());
}

#[tokio::test]
async fn the_admin_of_the_password_file_is_added_once() {
    let world = World::new();
    let access = world.node(Posture::Network).await;
    assert!(access.users().ensure_admin("admin", password(PASSWORD)).await.unwrap());
    assert_eq!(access.state(), State::Guarded);
    assert!(!access.users().ensure_admin("admin", password("another password")).await.unwrap());
    log_in(&access, "admin").await;
    let refusal = access.users().log_in("admin", "another password", address()).await.unwrap_err();
    assert_eq!(refusal.class, RefusalClass::Unknown);
}

#[tokio::test]
async fn a_user_without_the_role_is_not_made_admin_by_the_password_file() {
    let world = World::new();
    let access = world.node(Posture::Network).await;
    access.users().add(user("root", Role::Admin)).await.unwrap();
    access.users().add(user("admin", Role::Viewer)).await.unwrap();
    world.documents.delete(&crate::user_document::USER, "root", Expected::Any, None).await.unwrap();
    let error = access.users().ensure_admin("admin", password(PASSWORD)).await.unwrap_err();
    assert!(error.class == ErrorClass::Conflict && error.message.contains("admin already"), "{error}");
    assert_eq!(access.users().list().await.unwrap()[0].role, "viewer");
}
