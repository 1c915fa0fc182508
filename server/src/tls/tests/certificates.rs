//! Files: what is wrong with them, and how a change takes effect.

use std::os::unix::fs::symlink;

use pipeline::supervisor::TaskState;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    testing::until,
    tls::{Pinned, acceptor::Look, files::Paths},
};

fn refusal(files: &Files) -> String {
    Tls::check(&files.options()).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_the_start() {
    let files = Files::new();
    let good = files.authority.sign(|_| ());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let damaged = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let large = vec![b'\n'; (1 << 20) + 1];
    for (file, content, option, reason) in [
        ("own.pem", good.key.as_bytes(), "--tls-cert", "no certificate in this file"),
        ("own.pem", b"\x30\x82", "--tls-cert", "openssl x509 -inform der"),
        ("own.pem", b"", "--tls-cert", "not PEM"),
        ("own.pem", damaged.as_bytes(), "--tls-cert", "not PEM"),
        ("own.pem", no_certificate.as_bytes(), "--tls-cert", "not X.509"),
        ("own.pem", &large, "--tls-cert", "larger than 1 MiB"),
        ("own.key", good.certificate.as_bytes(), "--tls-key", "no private key in this file"),
        ("own.key", b"\x30\x82", "--tls-key", "openssl pkey -inform der"),
        ("own.key", encrypted.as_bytes(), "--tls-key", "openssl pkey -in"),
        ("own.key", good.key.as_bytes(), "--tls-key", "does not fit"),
    ] {
        files.put(&files.authority.sign(|_| ()));
        files.write(file, content);
        let error = refusal(&files);
        let path = files.folder.path().join(file).display().to_string();
        assert!(error.starts_with(&format!("{option} {path}: ")) && error.contains(reason), "{error}");
    }
    std::fs::remove_file(files.folder.path().join("own.key")).unwrap();
    assert!(refusal(&files).contains("own.key: cannot be read: No such file"), "{}", refusal(&files));
    std::fs::create_dir(files.folder.path().join("own.key")).unwrap();
    assert!(refusal(&files).contains("own.key: is not a file"), "{}", refusal(&files));
    files.folder.close().unwrap();
    let files = Files::new();
    let options = files.with_clients_of(&Authority::new());
    files.write("clients.pem", "none");
    let error = Tls::check(&options).unwrap_err().to_string();
    assert!(error.starts_with("--tls-client-ca ") && error.contains("clients.pem: not PEM"), "{error}");
    assert!(Tls::open(&TlsOptions::default()).unwrap().is_none());
}

#[test]
fn a_certificate_out_of_its_time_is_used_with_a_warning() {
    let files = Files::new();
    files.put(&files.authority.sign(|wanted| {
        wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }));
    let paths = Paths::of(&files.options()).unwrap();
    let identity = paths.parse(&paths.read(), &ring::default_provider()).unwrap();
    let year = |year: i64| (year - 1970) * 365 * 86_400 * 1_000_000_000;
    assert_eq!(identity.expires(), 1_609_459_200);
    assert_eq!(identity.warning(year(2020) + year(1971) / 2), None);
    let early = identity.warning(year(2019)).unwrap();
    assert!(early.contains("not valid before 2020-01-01"), "{early}");
    let late = identity.warning(year(2022)).unwrap();
    assert!(late.contains("expired at 2021-01-01"), "{late}");
    assert!(Tls::open(&files.options()).unwrap().is_some());
}

#[tokio::test]
async fn new_connections_get_a_renewed_certificate_and_open_ones_go_on() {
    let files = Files::new();
    let tls = open(&files.options());
    let served = serve(&tls).await;
    let client = files.client(None, &[]);
    let mut before = connect(&client, served.address).await.unwrap();
    assert_eq!(tls.check_now(), Look::Unchanged);

    let renewed = files.authority.sign(|_| ());
    files.put(&renewed);
    assert_eq!(tls.check_now(), Look::Replaced);
    assert_eq!(tls.check_now(), Look::Unchanged);
    let after = connect(&client, served.address).await.unwrap();
    assert_eq!(shown(&after), der(&renewed.certificate));
    assert_ne!(shown(&before), shown(&after));
    assert!(call(&mut before).await.is_ok(), "an open connection goes on");

    // One file is new and the other is not yet, as between two steps of a renewal.
    let next = files.authority.sign(|_| ());
    files.write("own.pem", &next.certificate);
    let Look::Kept(reason) = tls.check_now() else { panic!("it does not fit") };
    assert!(reason.contains("does not fit"), "{reason}");
    assert_eq!(tls.check_now(), Look::Unchanged, "reported once");
    assert_eq!(shown(&connect(&client, served.address).await.unwrap()), der(&renewed.certificate));
    std::fs::remove_file(files.folder.path().join("own.key")).unwrap();
    assert!(matches!(tls.check_now(), Look::Kept(reason) if reason.contains("cannot be read")));
    files.write("own.key", &next.key);
    assert_eq!(tls.check_now(), Look::Replaced);
    assert_eq!(shown(&connect(&client, served.address).await.unwrap()), der(&next.certificate));
    drop((before, after));
    served.stop().await;
}

#[tokio::test]
async fn connections_of_client_certificates_end_with_their_authority_and_others_go_on() {
    let (files, clients) = (Files::new(), Authority::new());
    let tls = open(&files.with_clients_of(&clients));
    let served = serve(&tls).await;
    let own = clients.sign(|_| ());
    let mut known = connect(&files.client(Some(&own), &[]), served.address).await.unwrap();
    let mut other = connect(&files.client(None, &[]), served.address).await.unwrap();
    assert!(call(&mut known).await.is_ok() && call(&mut other).await.is_ok());
    files.put(&files.authority.sign(|_| ()));
    assert_eq!(tls.check_now(), Look::Replaced);
    assert!(call(&mut known).await.is_ok(), "its authority is still there");
    files.write("clients.pem", &Authority::new().pem);
    assert_eq!(tls.check_now(), Look::Replaced);
    assert_eq!(known.read(&mut [0]).await.unwrap(), 0);
    assert!(call(&mut other).await.is_ok());
    drop((known, other));
    served.stop().await;
}

#[test]
fn a_swapped_symbolic_link_is_seen_also_if_times_and_lengths_are_the_same() {
    let files = Files::new();
    let path = |name: &str| files.folder.path().join(name);
    // As Kubernetes mounts a secret: own.pem -> ..data/own.pem, ..data -> ..1
    let pairs = [files.authority.sign(|_| ()), files.authority.sign(|_| ())];
    for (name, pair) in ["..1", "..2"].iter().zip(&pairs) {
        std::fs::create_dir(path(name)).unwrap();
        files.write(&format!("{name}/own.pem"), &pair.certificate);
        files.write(&format!("{name}/own.key"), &pair.key);
    }
    symlink("..1", path("..data")).unwrap();
    for name in ["own.pem", "own.key"] {
        std::fs::remove_file(path(name)).unwrap();
        symlink(format!("..data/{name}"), path(name)).unwrap();
    }
    let tls = open(&files.options());
    assert!(tls.is_own(&der(&pairs[0].certificate)) && !tls.is_own(&der(&pairs[1].certificate)));
    symlink("..2", path("..new")).unwrap();
    std::fs::rename(path("..new"), path("..data")).unwrap();
    assert_eq!(tls.check_now(), Look::Replaced);
    assert!(tls.is_own(&der(&pairs[1].certificate)));
    assert!(tls.is_own(&der(&pairs[0].certificate)), "another process may not have seen it yet");
}

#[tokio::test]
async fn a_panic_of_the_task_restarts_it_and_changes_are_followed() {
    let files = Files::new();
    let tls = open(&files.options());
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    tls.watch(&supervisor, &stop);
    // The restarted task begins with a look at the files.
    let renewed = files.authority.sign(|_| ());
    files.put(&renewed);
    assert!(supervisor.panic_in("tls"));
    until("the task has panicked", || supervisor.tasks()[0].restarts == 1).await;
    until("the change is followed", || tls.is_own(&der(&renewed.certificate))).await;
    let task = &supervisor.tasks()[0];
    assert_eq!((task.state, task.restarts), (TaskState::Running, 1));
    stop.cancel();
}

#[tokio::test]
async fn the_own_client_trusts_the_own_certificate_alone() {
    let files = Files::new();
    // Neither its authority nor its name is one that a client would trust here.
    files.put(&files.authority.sign(|wanted| wanted.not_after = rcgen::date_time_ymd(2021, 1, 1)));
    let tls = open(&files.options());
    let pinned = Pinned::new(&tls);
    let served = serve(&tls).await;
    assert!(call(&mut pinned.connect(served.address).await.unwrap()).await.unwrap().contains("secure: true"));
    let http2 = pinned.connect_http2(served.address).await.unwrap();
    assert_eq!(http2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    // The same authority, and another key.
    let other = Files { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
    other.put(&files.authority.sign(|_| ()));
    let stranger = serve(&open(&other.options())).await;
    assert!(pinned.connect(stranger.address).await.is_err());

    // A listener of another process may be the first to use a renewed certificate.
    let renewed = files.authority.sign(|_| ());
    files.put(&renewed);
    let worker = serve(&open(&files.options())).await;
    assert_eq!(shown(&pinned.connect(worker.address).await.unwrap()), der(&renewed.certificate));
    drop(http2);
    for served in [served, stranger, worker] {
        served.stop().await;
    }
}
