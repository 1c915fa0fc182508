//! Users and their sessions.

use pipeline::ErrorClass;

use super::*;
use crate::{Need, RefusalClass, State, passwords::Turn};

#[tokio::test]
async fn a_user_logs_in_and_the_session_has_the_role_and_terms() {
    let world = World::new();
    let access = world.guarded().await;
    let read = ReadTerms { filter: Some("service:shop".into()), hidden: vec!["user".into()] };
    access.users().add(NewUser { read, ..user("kim", Role::Viewer) }).await.unwrap();
    let token = session(&access, "kim").await;
    let principal = with_session(&access, &token).unwrap();
    assert_eq!((principal.name(), principal.user()), ("user kim", Some("kim")));
    assert!(principal.may(Need::Read).is_ok() && principal.may(Need::Edit).is_err());
    assert!(!principal.sight().is_whole());
    let views = access.sessions().list().await.unwrap();
    assert_eq!((&*views[0].user, &*views[0].address, &*views[0].agent), ("kim", "10.0.0.7", "Browser/1"));
    assert_eq!(Some(&*views[0].id), principal.session());
    assert!(!world.stored().await.contains(&token));
    let users = access.users().list().await.unwrap();
    assert_eq!(
        users.iter().map(|user| (&*user.name, &*user.role)).collect::<Vec<_>>(),
        [("kim", "viewer"), ("root", "admin")]
    );
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_an_impossible_one_get_the_same_answer() {
    let world = World::new();
    let access = world.guarded().await;
    let mut messages = Vec::new();
    for (name, password) in [("root", "wrong password"), ("nobody", PASSWORD), ("a/b\n", PASSWORD), ("", PASSWORD)] {
        let refusal = access.users().log_in(name, password, address()).await.unwrap_err();
        assert_eq!(refusal.class, RefusalClass::Unknown);
        messages.push(refusal.message);
    }
    messages.dedup();
    assert_eq!(messages, ["the name or the password is wrong; check both"]);
}

#[tokio::test]
async fn after_five_failures_the_right_password_is_refused_until_the_wait_is_over() {
    let world = World::new();
    let access = world.guarded().await;
    for _ in 0..5 {
        access.users().log_in("root", "wrong password", address()).await.unwrap_err();
    }
    let refusal = access.users().log_in("root", PASSWORD, address()).await.unwrap_err();
    assert_eq!((refusal.class, refusal.retry_after), (RefusalClass::TooMany, Some(Duration::from_secs(1))));
    // Failures of others do not lock a user out.
    access.users().log_in("root", PASSWORD, IpAddr::from([10, 9, 9, 9])).await.unwrap();
    world.pass(SECOND);
    log_in(&access, "root").await;
    access.users().log_in("root", "wrong password", address()).await.unwrap_err();
    log_in(&access, "root").await;
}

#[tokio::test]
async fn log_ins_that_get_no_turn_push_no_failures_out() {
    let world = World::new();
    let access = world.guarded().await;
    let slow = &access.parts.shared.slow;
    for _ in 0..5 {
        access.users().log_in("root", "wrong password", address()).await.unwrap_err();
    }
    let passwords = &access.parts.shared.passwords;
    let turns = [passwords.turn(Turn::Other).await.unwrap(), passwords.turn(Turn::Other).await.unwrap()];
    let mut waiting: Vec<_> = (0..16).map(|_| Box::pin(passwords.turn(Turn::Other))).collect();
    for turn in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, turn).await.is_err(), "it waits");
    }
    for _ in 0..20 {
        let refusal = access.users().log_in("nobody", PASSWORD, IpAddr::from([10, 9, 9, 9])).await.unwrap_err();
        assert_eq!(refusal.class, RefusalClass::TooMany);
    }
    drop((turns, waiting));
    // Neither the name nor the address has failed: none of the attempts was counted.
    for _ in 0..5 {
        slow.attempt("nobody", IpAddr::from([10, 9, 9, 9]), world.now()).unwrap();
    }
    let refusal = access.users().log_in("root", PASSWORD, address()).await.unwrap_err();
    assert_eq!(refusal.class, RefusalClass::TooMany);
}

#[tokio::test]
async fn a_change_of_a_user_ends_the_sessions_of_that_user_alone() {
    let world = World::new();
    let access = world.guarded().await;
    access.users().add(user("kim", Role::Editor)).await.unwrap();
    for change in ["password", "role", "filter", "removal"] {
        let (token, other) = (session(&access, "kim").await, session(&access, "root").await);
        let (principal, kept) = (with_session(&access, &token).unwrap(), with_session(&access, &other).unwrap());
        let users = access.users();
        match change {
            "password" => users.set_password("kim", password(PASSWORD)).await.unwrap(),
            "role" => users.change("kim", Some(Role::Viewer), None, None).await.unwrap(),
            "filter" => users.change("kim", None, Some(Some("service:shop".into())), None).await.unwrap(),
            _ => users.remove("kim").await.unwrap(),
        }
        assert!(principal.revoked().is_cancelled() && !kept.revoked().is_cancelled(), "{change}");
        assert_eq!(with_session(&access, &token).unwrap_err().class, RefusalClass::Unknown, "{change}");
        with_session(&access, &other).unwrap();
        access.sessions().end_of("root").await.unwrap();
        assert!(kept.revoked().is_cancelled());
        assert_eq!(access.sessions().list().await.unwrap(), [], "{change}");
    }
}

#[tokio::test]
async fn a_session_of_before_a_change_is_void_even_if_its_document_is_left() {
    let world = World::new();
    let access = world.guarded().await;
    let user = log_in(&access, "root").await;
    access.users().set_password("root", password("another password")).await.unwrap();
    // The log-in was before the change, the session begins after it.
    let token = access.sessions().begin(&user, address(), "").await.unwrap();
    assert_eq!(with_session(&access, &token).unwrap_err().class, RefusalClass::Unknown);
    // Nor does a new user of the same name revive it.
    access.users().add(super::user("spare", Role::Admin)).await.unwrap();
    access.users().remove("root").await.unwrap();
    access.users().add(super::user("root", Role::Admin)).await.unwrap();
    let token = access.sessions().begin(&user, address(), "").await.unwrap();
    with_session(&access, &token).unwrap_err();
}

#[tokio::test]
async fn the_last_admin_cannot_be_removed_or_demoted() {
    let world = World::new();
    let access = world.guarded().await;
    for error in [
        access.users().remove("root").await.unwrap_err(),
        access.users().change("root", Some(Role::Editor), None, None).await.unwrap_err(),
    ] {
        assert_eq!(error.class, ErrorClass::Conflict);
        assert!(error.message.contains("root is the last admin"), "{error}");
    }
    access.users().change("root", Some(Role::Admin), None, None).await.unwrap();
    access.users().add(user("kim", Role::Admin)).await.unwrap();
    access.users().change("root", Some(Role::Viewer), None, None).await.unwrap();
    access.users().remove("root").await.unwrap();
    access.users().remove("kim").await.unwrap_err();
    assert_eq!(access.state(), State::Guarded);
}

#[tokio::test]
async fn two_changes_of_one_user_at_once_are_both_made() {
    let world = World::new();
    let (one, two) = (world.guarded().await, world.node(Posture::Loopback).await);
    one.users().add(user("kim", Role::Viewer)).await.unwrap();
    let (left, right) = tokio::join!(
        one.users().change("kim", None, Some(Some("service:shop".into())), None),
        two.users().change("kim", None, None, Some(vec!["card".into()])),
    );
    left.unwrap();
    right.unwrap();
    let kim = || async { one.users().list().await.unwrap().remove(0) };
    assert_eq!(
        (kim().await.filter.as_deref(), &kim().await.hidden[..]),
        (Some("service:shop"), &["card".to_owned()][..])
    );
    let error = one.users().change("kim", Some(Role::Editor), None, None).await.unwrap_err();
    assert!(error.message.contains("--no-filter") && error.message.contains("hidden []"), "{error}");
    one.users().change("kim", Some(Role::Editor), Some(None), Some(Vec::new())).await.unwrap();
    assert_eq!((kim().await.role, kim().await.filter), ("editor".to_owned(), None));
}

#[tokio::test]
async fn two_admins_that_remove_each_other_leave_one() {
    let world = World::new();
    let (one, two) = (world.guarded().await, world.node(Posture::Loopback).await);
    one.users().add(user("kim", Role::Admin)).await.unwrap();
    let (left, right) = tokio::join!(one.users().remove("root"), two.users().remove("kim"));
    assert!(left.is_err() || right.is_err());
    assert!(one.users().list().await.unwrap().iter().any(|user| user.role == "admin"));
}

#[tokio::test]
async fn errors_about_users_name_the_field() {
    let world = World::new();
    let access = world.guarded().await;
    let read = ReadTerms { filter: Some("a:(".into()), hidden: Vec::new() };
    for (new, class, part) in [
        (user("a b", Role::Viewer), ErrorClass::Invalid, "name: \"a b\""),
        (user("root", Role::Viewer), ErrorClass::Conflict, "there is a user root already"),
        (
            NewUser { password: password("short"), ..user("kim", Role::Viewer) },
            ErrorClass::Invalid,
            "password has 5 bytes",
        ),
        (NewUser { read: read.clone(), ..user("kim", Role::Viewer) }, ErrorClass::Invalid, "filter: "),
        (NewUser { read, ..user("kim", Role::Admin) }, ErrorClass::Invalid, "the role is admin"),
    ] {
        let error = access.users().add(new).await.unwrap_err();
        assert!(error.class == class && error.message.contains(part), "{error}");
        assert!(!error.message.contains("short"));
    }
    for name in ["nobody", "a/b", ""] {
        for error in [
            access.users().remove(name).await.unwrap_err(),
            access.users().set_password(name, password(PASSWORD)).await.unwrap_err(),
            access.users().change(name, Some(Role::Viewer), None, None).await.unwrap_err(),
        ] {
            assert_eq!(error.class, ErrorClass::NotFound);
        }
    }
}

#[tokio::test]
async fn a_session_lives_for_thirty_days_after_its_last_use() {
    let world = World::new();
    let access = world.guarded().await;
    let token = session(&access, "root").await;
    let principal = with_session(&access, &token).unwrap();
    for _ in 0..3 {
        world.pass(29 * DAY);
        with_session(&access, &token).unwrap();
        access.parts.shared.renew_used().await;
        access.parts.shared.refresh(&crate::session_document::SESSION).await.unwrap();
    }
    // A renewal does not end the open calls.
    assert!(!principal.revoked().is_cancelled());
    world.pass(30 * DAY);
    assert_eq!(with_session(&access, &token).unwrap_err().class, RefusalClass::Unknown);
    access.parts.shared.expire().await;
    assert!(principal.revoked().is_cancelled());
    assert!(!world.stored().await.contains("Browser/1"));
}

#[tokio::test]
async fn a_use_is_written_at_most_once_an_hour() {
    let world = World::new();
    // No task takes the renewals: they are looked at here.
    world.stop.cancel();
    let access = world.guarded().await;
    let token = session(&access, "root").await;
    let asked = || {
        with_session(&access, &token).unwrap();
        std::mem::take(&mut *access.parts.shared.renewals.lock()).len()
    };
    world.pass(HOUR - 1);
    assert_eq!(asked(), 0);
    world.pass(1);
    assert_eq!((asked(), asked()), (1, 0));
    // It was not written, so it is asked for again, a minute later.
    world.pass(60 * SECOND);
    assert_eq!((asked(), asked()), (1, 0));
}

#[tokio::test]
async fn the_oldest_session_of_a_user_ends_with_the_twenty_first() {
    let world = World::new();
    let access = world.guarded().await;
    let mut tokens = Vec::new();
    for _ in 0..21 {
        tokens.push(session(&access, "root").await);
        world.pass(SECOND);
    }
    with_session(&access, &tokens[0]).unwrap_err();
    for token in &tokens[1..] {
        with_session(&access, token).unwrap();
    }
    let id = with_session(&access, &tokens[1]).unwrap().session().unwrap().to_owned();
    access.sessions().end(&id).await.unwrap();
    with_session(&access, &tokens[1]).unwrap_err();
    assert_eq!(access.sessions().end(&id).await.unwrap_err().class, ErrorClass::NotFound);
    assert_eq!(access.sessions().list().await.unwrap().len(), 19);
}
