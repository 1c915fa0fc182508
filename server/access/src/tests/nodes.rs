//! Several nodes on one store of documents.

use testkit::faulty::{FaultyStore, Mode};

use super::*;
use crate::RefusalClass;

#[tokio::test]
async fn what_one_node_revokes_ends_on_the_others() {
    let world = World::new();
    let (one, two) = (world.guarded().await, world.node(Posture::Network).await);
    let (created, token) = (key(&one, &[Scope::Read]).await, session(&one, "root").await);
    let fresh = async |caller: Caller<'_>| two.decide_fresh(&caller).await.unwrap();
    let by_key = fresh(Caller { secret: Some(&created.secret), ..caller() }).await;
    let by_session = fresh(Caller { session: Some(&token), ..caller() }).await;
    one.keys().revoke(&created.id).await.unwrap();
    soon(by_key.revoked().cancelled()).await;
    one.users().set_password("root", password("another password")).await.unwrap();
    soon(by_session.revoked().cancelled()).await;
    assert_eq!(with_key(&two, &created.secret).unwrap_err().class, RefusalClass::Unknown);
    assert_eq!(with_session(&two, &token).unwrap_err().class, RefusalClass::Unknown);
}

#[tokio::test]
async fn a_panic_of_the_task_that_follows_changes_restarts_it_alone() {
    let world = World::new();
    let one = world.guarded().await;
    let supervisor = Supervisor::default();
    let (documents, options) = (Arc::clone(&world.documents), world.options(Posture::Network, &[]));
    let two = Access::open(documents, options, &supervisor, world.stop.clone()).await.unwrap();
    let created = key(&one, &[Scope::Read]).await;
    let principal = two.decide_fresh(&Caller { secret: Some(&created.secret), ..caller() }).await.unwrap();
    assert!(supervisor.panic_in("access"));
    while supervisor.tasks()[0].restarts == 0 {
        // Its decisions go on meanwhile.
        with_key(&two, &created.secret).unwrap();
        tokio::task::yield_now().await;
    }
    one.keys().revoke(&created.id).await.unwrap();
    soon(principal.revoked().cancelled()).await;
}

#[tokio::test]
async fn what_another_node_has_just_made_is_looked_for() {
    let world = World::new();
    // Without its task, a node learns of nothing by itself.
    world.stop.cancel();
    let (one, two) = (world.node(Posture::Network).await, world.node(Posture::Network).await);
    one.users().add(user("root", Role::Admin)).await.unwrap();
    let token = session(&one, "root").await;
    let by_session = Caller { session: Some(&token), ..caller() };
    assert_eq!(two.decide(&by_session).unwrap_err().class, RefusalClass::Closed);
    assert_eq!(two.decide_fresh(&by_session).await.unwrap().name(), "user root");
    let created = key(&one, &[Scope::Read]).await;
    let by_key = Caller { secret: Some(&created.secret), ..caller() };
    assert_eq!(two.decide(&by_key).unwrap_err().class, RefusalClass::Unknown);
    two.decide_fresh(&by_key).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn looks_for_unknown_callers_are_ten_a_second_and_shared() {
    let world = World::new();
    world.stop.cancel();
    let access = world.guarded().await;
    let wrong = format!("lb_aaaaaaaa_{}", "b".repeat(32));
    let unknown = Caller { secret: Some(&wrong), ..caller() };
    let before = tokio::time::Instant::now();
    for _ in 0..3 {
        access.decide_fresh(&unknown).await.unwrap_err();
    }
    assert_eq!(before.elapsed(), Duration::from_millis(200));
    let many = async {
        tokio::join!(access.decide_fresh(&unknown), access.decide_fresh(&unknown), access.decide_fresh(&unknown))
    };
    many.await.0.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_millis(300));
    // A key that is known by its public part, and a text that is none, are not looked for.
    let created = key(&access, &[Scope::Read]).await;
    let wrong = format!("lb_{}_{}", created.id, "x".repeat(32));
    for secret in [&*wrong, "changeme"] {
        access.decide_fresh(&Caller { secret: Some(secret), ..caller() }).await.unwrap_err();
    }
    access.decide_fresh(&caller()).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_millis(300));
}

/// Two nodes without their tasks. Only the first one knows of the session.
async fn apart() -> (World, Arc<FaultyStore>, Access, String) {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let world = World { documents: store.documents(), ..World::new() };
    world.stop.cancel();
    let one = world.guarded().await;
    let two = world.node(Posture::Network).await;
    let token = session(&one, "root").await;
    (world, store, two, token)
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_looked_for_is_told_to_try_again() {
    let (_world, store, node, token) = apart().await;
    let by_session = Caller { session: Some(&token), ..caller() };
    for mode in [Mode::Hang, Mode::Fail(pipeline::Error::unavailable("the database is away"))] {
        store.read_documents.set(mode);
        let before = tokio::time::Instant::now();
        // Who has waited for the look of another caller is told the same.
        let (one, two) = tokio::join!(node.decide_fresh(&by_session), node.decide_fresh(&by_session));
        for refusal in [one.unwrap_err(), two.unwrap_err()] {
            assert_eq!((refusal.class, refusal.retry_after), (RefusalClass::Closed, Some(crate::CLOSED_RETRY)));
            assert!(refusal.message.contains("the database does not answer"), "{refusal}");
        }
        assert!(before.elapsed() < Duration::from_millis(2_200), "{:?}", before.elapsed());
    }
    store.read_documents.set(Mode::Healthy);
    assert_eq!(node.decide_fresh(&by_session).await.unwrap().name(), "user root");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_takes_nobody_along() {
    let (_world, store, node, token) = apart().await;
    let wrong = format!("lb_aaaaaaaa_{}", "b".repeat(32));
    let (first, second) = (Caller { secret: Some(&wrong), ..caller() }, Caller { session: Some(&token), ..caller() });
    store.read_documents.set(Mode::Hang);
    let gone = tokio::time::timeout(Duration::from_secs(1), node.decide_fresh(&first));
    let restored = async {
        tokio::time::sleep(Duration::from_millis(1_001)).await;
        store.read_documents.set(Mode::Healthy);
    };
    let (gone, found, ()) = tokio::join!(gone, node.decide_fresh(&second), restored);
    assert!(gone.is_err(), "it was given up");
    assert_eq!(found.unwrap().name(), "user root");
}

#[tokio::test(start_paused = true)]
async fn many_at_once_are_found_by_one_look() {
    let (_world, store, node, token) = apart().await;
    let secrets: Vec<_> = (0..200).map(|number| format!("lb_a{number:07}_{}", "b".repeat(32))).collect();
    let before = store.read_documents.calls();
    let mut looks = tokio::task::JoinSet::new();
    for secret in secrets {
        let node = node.clone();
        looks.spawn(async move { node.decide_fresh(&Caller { secret: Some(&secret), ..caller() }).await.is_err() });
    }
    // All wait before the first look ends.
    tokio::task::yield_now().await;
    let found = node.decide_fresh(&Caller { session: Some(&token), ..caller() }).await;
    assert_eq!(found.unwrap().name(), "user root");
    assert!(looks.join_all().await.into_iter().all(|is_refused| is_refused));
    let calls = store.read_documents.calls() - before;
    assert!(calls <= 10, "{calls} calls for 201 callers");
}

#[tokio::test]
async fn the_task_is_on_the_list_and_ends_with_the_stop() {
    let world = World::new();
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let options = world.options(Posture::Loopback, &[]);
    Access::open(Arc::clone(&world.documents), options, &supervisor, stop.clone()).await.unwrap();
    let task = || supervisor.tasks().into_iter().find(|task| task.name == "access").unwrap();
    assert_eq!(task().state, pipeline::supervisor::TaskState::Running);
    stop.cancel();
    soon(async {
        while task().state == pipeline::supervisor::TaskState::Running {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((task().state, task().restarts), (pipeline::supervisor::TaskState::Ended, 0));
}
