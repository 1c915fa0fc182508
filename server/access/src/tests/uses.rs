//! The last uses of keys.

use testkit::faulty::{FaultyStore, Mode};

use super::*;
use crate::{key_use::KEY_USE, keys::KEY};

/// The last use of the only key: the time and the address.
async fn last(access: &Access) -> (Option<String>, Option<String>) {
    let view = access.keys().list().await.unwrap().remove(0);
    (view.last_used, view.last_address)
}

fn used(time: &str, address: &str) -> (Option<String>, Option<String>) {
    (Some(time.to_owned()), Some(address.to_owned()))
}

/// Waits until the use of a key is stored with this part.
async fn stored(world: &World, id: &str, part: &str) {
    let is_stored = async || {
        let document = world.documents.get(&KEY_USE, id).await.unwrap();
        document.is_some_and(|document| document.body.as_str().contains(part))
    };
    soon(async {
        while !is_stored().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_list_has_the_last_use_to_the_minute_and_a_use_changes_no_key() {
    let world = World::new();
    let access = world.guarded().await;
    let created = key(&access, &[Scope::Write]).await;
    assert_eq!(last(&access).await, (None, None));
    let version = world.documents.list(&KEY).await.unwrap().version;
    let use_it = |address: [u8; 4]| {
        access.decide(&Caller { address: address.into(), secret: Some(&created.secret), ..caller() }).unwrap();
    };
    use_it([10, 0, 0, 1]);
    assert_eq!(last(&access).await, used("2026-09-21T14:13:20.000Z", "10.0.0.1"));
    world.pass(59 * SECOND);
    use_it([10, 0, 0, 2]);
    assert_eq!(last(&access).await, used("2026-09-21T14:13:20.000Z", "10.0.0.1"));
    world.pass(SECOND);
    use_it([10, 0, 0, 3]);
    assert_eq!(last(&access).await, used("2026-09-21T14:14:20.000Z", "10.0.0.3"));
    // A wrong secret with the same public part is no use.
    world.pass(HOUR);
    with_key(&access, &format!("lb_{}_{}", created.id, "x".repeat(32))).unwrap_err();
    assert_eq!(last(&access).await, used("2026-09-21T14:14:20.000Z", "10.0.0.3"));
    stored(&world, &created.id, "10.0.0.3").await;
    assert_eq!(world.documents.list(&KEY).await.unwrap().version, version);
}

#[tokio::test]
async fn of_several_nodes_the_newest_use_stays_also_across_a_restart() {
    let world = World::new();
    let one = world.guarded().await;
    let created = key(&one, &[Scope::Write]).await;
    let two = world.node(Posture::Network).await;
    let use_it = |node: &Access, address: [u8; 4]| {
        node.decide(&Caller { address: address.into(), secret: Some(&created.secret), ..caller() }).unwrap();
    };
    use_it(&one, [10, 0, 0, 1]);
    stored(&world, &created.id, "10.0.0.1").await;
    world.pass(2 * 60 * SECOND);
    use_it(&two, [10, 0, 0, 2]);
    stored(&world, &created.id, "10.0.0.2").await;
    let newest = used("2026-09-21T14:15:20.000Z", "10.0.0.2");
    for node in [&one, &two, &world.node(Posture::Network).await] {
        assert_eq!(last(node).await, newest);
    }
    // The clock of the other node is behind.
    world.pass(-10 * 60 * SECOND);
    use_it(&one, [10, 0, 0, 3]);
    one.parts.shared.store_uses().await;
    assert_eq!(last(&two).await, newest);
}

#[tokio::test]
async fn a_use_goes_with_its_key_and_one_that_comes_later_is_swept() {
    let world = World::new();
    let access = world.guarded().await;
    let (one, other) = (key(&access, &[Scope::Write]).await, key(&access, &[Scope::Write]).await);
    for created in [&one, &other] {
        with_key(&access, &created.secret).unwrap();
        stored(&world, &created.id, "10.0.0.7").await;
    }
    access.keys().revoke(&one.id).await.unwrap();
    let names = async || {
        let uses = world.documents.list(&KEY_USE).await.unwrap().documents;
        uses.into_iter().map(|document| document.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, std::slice::from_ref(&other.id));
    // As another node does that has not yet learned of the revocation.
    world.put(&KEY_USE, &one.id, "{\"time\":1,\"address\":\"10.0.0.7\"}").await;
    assert_eq!(access.keys().list().await.unwrap().len(), 1);
    access.keys().revoke(&other.id).await.unwrap();
    assert!(names().await.is_empty());
}

#[tokio::test]
async fn a_store_that_is_away_costs_no_call_and_the_use_is_stored_later() {
    let store = FaultyStore::new(Arc::new(testkit::memory::MemoryStore::new()));
    let world = World { documents: store.documents(), ..World::new() };
    // Without its task, a node stores uses only where the test does.
    world.stop.cancel();
    let access = world.guarded().await;
    let created = key(&access, &[Scope::Write]).await;
    store.read_documents.set(Mode::Fail(pipeline::Error::unavailable("the database is away")));
    with_key(&access, &created.secret).unwrap();
    access.parts.shared.store_uses().await;
    store.read_documents.set(Mode::Healthy);
    assert!(world.documents.get(&KEY_USE, &created.id).await.unwrap().is_none());
    access.parts.shared.store_uses().await;
    stored(&world, &created.id, "10.0.0.7").await;
    let version = world.documents.list(&KEY_USE).await.unwrap().version;
    access.parts.shared.store_uses().await;
    assert_eq!(world.documents.list(&KEY_USE).await.unwrap().version, version, "once is enough");
}
