//! What happens to the database. The queue is there, so clients notice nothing.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use parking_lot::RwLock;
use testkit::{
    chaos::Proxy,
    servers::{postgres::Postgres, rabbitmq::RabbitMq},
};

use crate::{
    load::{Load, recovers},
    node::Node,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_the_database_loses_and_doubles_nothing() {
    let mut server = Postgres::start().await.unwrap();
    let direct = server.address().unwrap();
    let proxy = Proxy::start(direct).await.unwrap();
    let database = server.fresh_database().await;
    let name = database.rsplit('/').next().unwrap().to_owned();
    let store = database.replace(&direct.to_string(), &proxy.address().to_string());
    let queue = RabbitMq::shared().await.fresh_queue();
    let mut node = Node::start(&queue, &store).await;
    let urls = Arc::new(RwLock::new(vec![node.url.clone()]));

    for fault in ["cut", "slow", "swallowed", "killed", "stopped", "read-only", "migrated"] {
        let load = Load::start(&format!("database-{fault}"), &urls, 0);
        load.goes_on(500).await;
        match fault {
            "cut" => {
                proxy.cut();
                load.goes_on(500).await;
                proxy.restore();
            }
            "slow" => {
                proxy.slow(Duration::from_millis(40));
                load.goes_on(500).await;
                proxy.restore();
            }
            "swallowed" => {
                proxy.black_hole();
                load.goes_on(500).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                proxy.restore();
            }
            "killed" => {
                server.kill().await.unwrap();
                load.goes_on(500).await;
                server.restart().await.unwrap();
            }
            "stopped" => {
                server.stop().await.unwrap();
                load.goes_on(500).await;
                server.restart().await.unwrap();
            }
            "read-only" => {
                let set = format!("alter database {name} set default_transaction_read_only = on");
                server.sql(&set).await.unwrap();
                end_sessions(&server, &name).await;
                load.goes_on(500).await;
                server.sql(&format!("alter database {name} reset default_transaction_read_only")).await.unwrap();
                end_sessions(&server, &name).await;
            }
            _ => {
                // A node that starts brings the schema up to date, and finds that it is.
                let mut other = Node::start(&queue, &store).await;
                load.goes_on(500).await;
                other.stop().await;
            }
        }
        recovers(load, &mut node).await;
    }
    node.stop().await;
}

async fn end_sessions(server: &Postgres, database: &str) {
    let end = format!("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{database}'");
    server.sql(&end).await.unwrap();
}

/// A small disk of its own for the database's tables.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Nothing where this process may not mount anything.
    fn mount(folder: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(folder).output();
        mounted.ok().filter(|output| output.status.success()).map(|_| Self(folder))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=512m"]).arg(self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_database_is_waited_out() {
    let folder = tempfile::Builder::new().prefix("logboom-small-disk-").tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        testkit::not_run("a full disk of the database, because mounting a small one takes root");
        return;
    };
    let tables = folder.path().join("tables");
    std::fs::create_dir(&tables).unwrap();
    let server = Postgres::start().await.unwrap();
    server.own(&tables).unwrap();
    server.sql(&format!("create tablespace small location '{}'", tables.display())).await.unwrap();
    let store = server.fresh_database().await;
    let name = store.rsplit('/').next().unwrap();
    server.sql(&format!("alter database {name} set default_tablespace = small")).await.unwrap();

    let mut node = Node::start(&RabbitMq::shared().await.fresh_queue(), &store).await;
    let urls = Arc::new(RwLock::new(vec![node.url.clone()]));
    let load = Load::start("full-disk", &urls, 4_000);
    no_space_is_said(&node).await;
    // The queue takes it meanwhile.
    load.goes_on(200).await;
    disk.grow();
    recovers(load, &mut node).await;
    node.stop().await;
    drop(node);
    drop(server);
}

/// The same answer from the database without a disk to fill: for whoever is not root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_its_disk_is_full_is_waited_out() {
    let server = Postgres::shared().await;
    let store = server.fresh_database().await;
    let mut node = Node::start(&RabbitMq::shared().await.fresh_queue(), &store).await;
    let urls = Arc::new(RwLock::new(vec![node.url.clone()]));
    let load = Load::start("says-full-disk", &urls, 0);
    load.goes_on(200).await;
    // Every transaction that stores something ends with a row in this table.
    let full = "create function full_disk() returns trigger language plpgsql as $$ begin \
                raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; \
                end $$; \
                create trigger full_disk before insert on logboom.blocks for each statement execute function full_disk()";
    server.sql_in(&store, full).await.unwrap();
    no_space_is_said(&node).await;
    // The queue takes it meanwhile.
    load.goes_on(200).await;
    server.sql_in(&store, "drop trigger full_disk on logboom.blocks").await.unwrap();
    recovers(load, &mut node).await;
    node.stop().await;
}

async fn no_space_is_said(node: &Node) {
    let reported = async {
        while !node.log().contains("No space left on device") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::node::PATIENCE, reported).await.unwrap();
}
