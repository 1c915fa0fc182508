//! An archive in a bucket of a real S3 server: moto, which `scripts/setup.sh test` installs.

use std::{
    env,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use archive::{Archive, Location};

use super::{
    days::{day, oldest_first, read, write},
    removal::{remove, with_secrets, without_secrets},
};

const DEADLINE: Duration = Duration::from_secs(60);

struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program: `LOGBOOM_MOTO`, or that among the installed tools.
fn find_moto() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let tools = cache.map(|cache| cache.join("logboom/tools/moto/bin/moto_server"));
    env::var_os("LOGBOOM_MOTO").map(PathBuf::from).or(tools).filter(|program| program.is_file())
}

impl Moto {
    async fn start() -> Option<Self> {
        let program = find_moto()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let moto = Self { child: command.spawn().unwrap(), address: format!("http://127.0.0.1:{port}") };
        let end = Instant::now() + DEADLINE;
        let client = reqwest::Client::new();
        // Creating the bucket also shows that it is ready.
        while client.put(format!("{}/logs", moto.address)).send().await.is_err() {
            assert!(Instant::now() < end, "moto is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(moto)
    }
}

/// Runs this test binary again with the variables of S3, which a process should not change of its own.
fn run_again(endpoint: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "s3::a_bucket_takes_and_gives_days", "--nocapture"])
        .env("AWS_ENDPOINT", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("LOGBOOM_TEST_BUCKET", "logs");
    command
}

#[tokio::test]
async fn a_bucket_takes_and_gives_days() {
    let Ok(bucket) = env::var("LOGBOOM_TEST_BUCKET") else {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Some(moto) = Moto::start().await else {
            testkit::not_run("the archive in S3: no moto_server; run scripts/setup.sh test");
            return;
        };
        let mut command = run_again(&moto.address);
        let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
        assert!(status.success());
        // A server that is gone is an error that a retry may resolve.
        let address = moto.address.clone();
        drop(moto);
        let mut command = run_again(&address);
        command.env("LOGBOOM_TEST_IS_GONE", "1");
        let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
        assert!(status.success());
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let location = Location::parse(&format!("s3://{bucket}/some/prefix")).unwrap();
    let archive = Archive::create(&location, scratch.path().join("scratch")).unwrap();
    if env::var_os("LOGBOOM_TEST_IS_GONE").is_some() {
        let error = archive.days().await.unwrap_err();
        assert!(error.is_retryable() && error.message.contains("s3://logs/some/prefix"), "{error}");
        return;
    }
    assert_eq!(archive.days().await.unwrap(), []);
    let early = with_secrets(1, 3000);
    let late = with_secrets(5001, 500);
    let both = oldest_first([early.clone(), late].concat());
    write(&archive, &early, 3000).await.unwrap();
    let newest_first: Vec<_> = both.iter().rev().cloned().collect();
    write(&archive, &newest_first, 6000).await.unwrap();
    assert_eq!(archive.days().await.unwrap(), [day()]);
    let report = archive.check(day()).await.unwrap();
    assert_eq!((report.problems, report.unlisted), (Vec::new(), 0));
    assert_eq!(read(&archive).await.unwrap(), both);
    assert_eq!(remove(&archive, "service:secret").await.unwrap(), 1000 + 167);
    assert_eq!(read(&archive).await.unwrap(), without_secrets(&both));
    let report = archive.check(day()).await.unwrap();
    assert_eq!((report.problems, report.unlisted), (Vec::new(), 0));
    assert_eq!(archive.expire(day().earlier(-1)).await.unwrap(), [day()]);
    assert_eq!(archive.folders().await.unwrap(), []);
}
