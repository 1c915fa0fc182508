//! Tests of the private servers: start, kill, restart and cleanup.

use testkit::servers::{postgres::Postgres, rabbitmq::RabbitMq};

#[tokio::test]
async fn a_killed_postgres_comes_back_with_what_it_had_committed() {
    let mut server = Postgres::start().await.unwrap();
    server.sql("create table kept (n int); insert into kept values (7)").await.unwrap();
    server.kill().await.unwrap();
    assert!(server.sql("select 1").await.is_err());
    server.restart().await.unwrap();
    assert_eq!(server.sql("select n from kept").await.unwrap().trim(), "7");
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(server.sql("select n from kept").await.unwrap().trim(), "7");
}

#[tokio::test]
async fn every_caller_gets_a_database_of_its_own() {
    let server = Postgres::shared().await;
    let (one, other) = (server.fresh_database().await, server.fresh_database().await);
    assert_ne!(one, other);
    if server.has_timescale() {
        server.fresh_database_with_timescale().await;
    }
}

#[tokio::test]
async fn a_killed_broker_comes_back_on_the_same_port() {
    let mut broker = RabbitMq::start().await.unwrap();
    let address = broker.address().unwrap();
    assert!(broker.control(&["version"]).await.unwrap().starts_with(char::is_numeric));
    broker.kill().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    broker.restart().await.unwrap();
    tokio::net::TcpStream::connect(address).await.unwrap();
    assert_ne!(broker.fresh_queue(), broker.fresh_queue());
}
