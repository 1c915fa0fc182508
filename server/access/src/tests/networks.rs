//! The networks that may write without a key, as admins set them.

use super::*;
use crate::{Need, PrincipalKind, RefusalClass, anonymous_document::ANONYMOUS};

fn networks(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn at(address: [u8; 4]) -> Caller<'static> {
    Caller { address: address.into(), ..caller() }
}

#[tokio::test]
async fn a_network_may_write_and_no_more_beside_those_of_the_command_line() {
    let world = World::new();
    world.guarded().await;
    let access = world.node_with(world.options(Posture::Network, &["read=172.16.0.0/12"])).await;
    let view = access.networks().set(&networks(&["10.1.2.3/8", "192.168.0.7"])).await.unwrap();
    assert_eq!(view.write, ["10.0.0.0/8", "192.168.0.7/32"]);
    assert_eq!(view.options, ["read=172.16.0.0/12"]);
    assert_eq!(access.networks().get().await.unwrap(), view);
    for (address, write, read) in [
        ([10, 9, 9, 9], true, false),
        ([192, 168, 0, 7], true, false),
        ([192, 168, 0, 8], false, false),
        ([172, 16, 0, 1], false, true),
    ] {
        let may = |need| access.decide(&at(address)).is_ok_and(|principal| principal.may(need).is_ok());
        assert_eq!((may(Need::Write("tcp")), may(Need::Read)), (write, read), "{address:?}");
        assert!(!may(Need::Edit) && !may(Need::Admin));
    }
    let principal = access.decide(&at([10, 0, 0, 1])).unwrap();
    assert_eq!((principal.name(), principal.kind()), ("anonymous", PrincipalKind::Anonymous));
    let refusal = access.decide(&Caller { forwarded: true, ..at([10, 0, 0, 1]) }).unwrap_err();
    assert!(refusal.message.contains("its address is not known"), "{refusal}");
}

#[tokio::test]
async fn a_change_counts_on_all_nodes_and_ends_the_calls_of_those_who_came_in_before() {
    let world = World::new();
    let (one, two) = (world.guarded().await, world.node(Posture::Network).await);
    one.networks().set(&networks(&["10.0.0.0/8"])).await.unwrap();
    let let_in = async || loop {
        match two.decide(&caller()) {
            Ok(principal) => break principal,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let principal = soon(let_in()).await;
    // What changes nothing ends nothing.
    one.networks().set(&networks(&["10.0.0.0/8"])).await.unwrap();
    key(&one, &[Scope::Write]).await;
    two.parts.shared.refresh_all().await.unwrap();
    assert!(!principal.revoked().is_cancelled());
    one.networks().set(&[]).await.unwrap();
    soon(principal.revoked().cancelled()).await;
    assert_eq!(two.decide(&caller()).unwrap_err().class, RefusalClass::Unknown);
    assert!(one.networks().get().await.unwrap().write.is_empty());
}

#[tokio::test]
async fn a_damaged_list_lets_nobody_in_and_can_be_replaced() {
    let world = World::new();
    let access = world.guarded().await;
    for text in ["{\"write\": 1}", "{\"write\": [\"10.0.0.0/8\", \"everybody\"]}"] {
        world.put(&ANONYMOUS, crate::anonymous_document::NETWORKS, text).await;
        access.parts.shared.refresh(&ANONYMOUS).await.unwrap();
        access.decide(&caller()).unwrap_err();
        assert!(access.networks().get().await.unwrap().write.is_empty());
        access.networks().set(&networks(&["10.0.0.0/8"])).await.unwrap();
        access.decide(&caller()).unwrap();
    }
}
