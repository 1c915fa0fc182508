//! Encrypted ways to both servers, whose certificates are checked.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use testkit::servers::{postgres::Postgres, rabbitmq::RabbitMq};

use crate::{
    load::a_fresh_record_gets_through,
    node::{Node, refused},
};

/// Writes an authority, and a certificate for `localhost` with its key.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("authority.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_servers_are_reached_by_tls_and_strangers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();

    let server = Postgres::start().await.unwrap();
    let database = server.fresh_database().await;
    server.own(folder.path()).unwrap();
    server.own(&folder.path().join("server.key")).unwrap();
    fs::set_permissions(file("server.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for (name, value) in [("ssl_cert_file", file("server.pem")), ("ssl_key_file", file("server.key"))] {
        server.sql(&format!("alter system set {name} = '{value}'")).await.unwrap();
    }
    server.sql("alter system set ssl = on").await.unwrap();
    server.sql("select pg_reload_conf()").await.unwrap();

    let mut broker = RabbitMq::start().await.unwrap();
    let port = broker.add_tls_listener(&file("authority.pem"), &file("server.pem"), &file("server.key")).await.unwrap();

    let plain = broker.fresh_queue();
    let queue = plain
        .replace("amqp://", "amqps://")
        .replace(&broker.address().unwrap().to_string(), &format!("localhost:{port}"));
    let store = format!("{}?sslmode=verify-full", database.replace("127.0.0.1", "localhost"));
    let trust = [("SSL_CERT_FILE", file("authority.pem"))];
    let mut node = Node::start_with(&queue, &store, &trust).await;
    a_fresh_record_gets_through(&node.url, "encrypted").await;
    let encrypted = "select count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid) \
                     where ssl and application_name = 'logboom'";
    assert_eq!(server.sql(encrypted).await.unwrap().trim(), "t");
    node.stop().await;

    // A server whose certificate nobody vouches for is refused, and no password is logged.
    for (queue, store, about) in [(&queue, &database, "amqps://"), (&plain, &store, "postgresql")] {
        let log = refused(queue, store).await;
        assert!(log.to_lowercase().contains("certificate"), "{about}: {log}");
        let password = database.split(':').nth(2).unwrap().split('@').next().unwrap();
        assert!(!log.contains(password) && !log.contains("guest:guest"), "{log}");
    }
}
