//! Each supervised task of the program has a test that makes it panic. A new task without one fails here.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod covered;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use testkit::servers::free_port;

/// Stands in for the program that reads the journal, which a machine may not have.
const JOURNALCTL: &str = "#!/bin/sh\ncase \"$*\" in *--follow*) exec tail -f /dev/null --pid=$PPID ;; esac\n";
/// Long enough for a machine that compiles beside.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the program when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program with everything on that has a task, and waits until its tasks are there.
async fn walk(program: &str, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("journalctl");
    fs::write(&script, JOURNALCTL).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args([program, "--data", "data", "--listen", &address, "--distributor", "127.0.0.1:1"]);
    for door in ["grpc", "otlp", "tcp", "syslog", "gelf", "fluent"] {
        command.args([format!("--{door}-listen"), "127.0.0.1:0".to_owned()]);
    }
    write_certificate(folder.path());
    for (option, value) in [("cert", "own.pem"), ("key", "own.key")] {
        command.arg(format!("--tls-{option}")).arg(folder.path().join(value));
    }
    command.args(["--http-redirect", "127.0.0.1:0"]);
    for option in options {
        command.arg(option.replace("FOLDER", &folder.path().display().to_string()));
    }
    let log = folder.path().join("log");
    command.env("PATH", path_with(folder.path())).env("LOGBOOM_SITE", folder.path()).current_dir(folder.path());
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let begun = Instant::now();
    loop {
        let metrics = metrics(&address).await.unwrap_or_default();
        if covered::are_all_there(program, &metrics) {
            return;
        }
        let said = || fs::read_to_string(&log).unwrap_or_default();
        assert!(running.0.try_wait().unwrap().is_none(), "{program} has ended:\n{}", said());
        assert!(begun.elapsed() < PATIENCE, "some tasks of {program} did not start:\n{metrics}\n{}", said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A certificate for TLS, which has a task of its own.
fn write_certificate(folder: &Path) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("own.pem"), own.cert.pem()).unwrap();
    fs::write(folder.join("own.key"), own.signing_key.serialize_pem()).unwrap();
}

fn path_with(folder: &Path) -> std::ffi::OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&others))).unwrap()
}

async fn metrics(address: &str) -> reqwest::Result<String> {
    // Fails only where it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5));
    // The certificate is nobody's.
    let client = client.tls_danger_accept_invalid_certs(true).build()?;
    client.get(format!("https://{address}/metrics")).send().await?.text().await
}

#[test]
fn each_test_that_the_table_names_is_there() {
    covered::check_tests();
}

#[tokio::test]
async fn a_test_makes_each_task_of_the_server_panic() {
    walk("serve", &["--sink", "a=file://FOLDER/out.ndjson", "--archive", "file://FOLDER/archive", "--canary", "1h"])
        .await;
}

#[tokio::test]
async fn a_test_makes_each_task_of_an_agent_panic() {
    walk(
        "agent",
        &[
            "--to",
            "http://127.0.0.1:1",
            "--file",
            "FOLDER/files/*",
            "--kubernetes",
            "FOLDER/pods/*",
            "--kubernetes-api",
            "http://127.0.0.1:1",
            "--docker",
            "FOLDER/docker.sock",
            "--journald",
            "FOLDER",
        ],
    )
    .await;
}
