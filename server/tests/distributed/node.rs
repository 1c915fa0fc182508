//! One running program.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use testkit::servers::free_port;

/// Long enough for a machine that compiles beside.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A node on private ports; ends when it is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    /// Host and port of gRPC alone.
    pub(crate) grpc: String,
    /// Host and port of OTLP over HTTP alone.
    pub(crate) otlp: String,
    folder: TempDir,
}

impl Node {
    /// Starts the program on these servers and waits until it is ready.
    pub(crate) async fn start(queue: &str, store: &str) -> Self {
        Self::start_with(queue, store, &[]).await
    }

    /// As [`Node::start`], with more in its environment.
    pub(crate) async fn start_with(queue: &str, store: &str, environment: &[(&str, String)]) -> Self {
        let mut node = Self::spawn(queue, store, environment);
        node.until_ready().await;
        node
    }

    fn spawn(queue: &str, store: &str, environment: &[(&str, String)]) -> Self {
        let folder = tempfile::Builder::new().prefix("logboom-node-").tempdir().unwrap();
        let [address, grpc, otlp] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_logboom"))
            .args(["serve", "--listen", &address, "--grpc-listen", &grpc, "--otlp-listen", &otlp])
            .args(["--queue", queue, "--store", store])
            .arg("--data")
            .arg(
                environment
                    .iter()
                    .find(|(name, _)| *name == "LOGBOOM_DATA")
                    .map_or_else(|| folder.path().join("data"), |(_, data)| PathBuf::from(data)),
            )
            // The pages are not looked at here.
            .env("LOGBOOM_SITE", folder.path())
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{address}"), grpc, otlp, folder }
    }

    /// Waits until queue and store can be used.
    pub(crate) async fn until_ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        let client = client(Duration::from_secs(5));
        let ready = async {
            loop {
                let ended = self.child.try_wait().unwrap();
                assert!(ended.is_none(), "the node ended: {ended:?}; it said:\n{}", self.log());
                if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, ready).await;
        assert!(waited.is_ok(), "the node is not ready within {PATIENCE:?}; it said:\n{}", self.log());
    }

    /// What the node said about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The most memory that the program has had so far.
    pub(crate) fn peak_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Waits until the program has nothing to do.
    pub(crate) async fn until_idle(&self) {
        let spent = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
            // Behind the name: utime and stime, in hundredths of a second.
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let (mut before, mut idle) = (spent(), 0);
        while idle < 4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let now = spent();
            idle = if now <= before + 2 { idle + 1 } else { 0 };
            before = now;
        }
    }

    /// As by power loss.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator does it; waits for the end, which must be a success.
    pub(crate) async fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let status = tokio::time::timeout(PATIENCE, ended).await.unwrap();
        assert!(status.success(), "{status}; it said:\n{}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program on servers that it should not accept, and gives what it says to that,
/// before it ends or while it waits for them.
pub(crate) async fn refused(queue: &str, store: &str) -> String {
    let mut node = Node::spawn(queue, store, &[]);
    let reported = async {
        while !node.log().to_lowercase().contains("certificate") && node.child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(20), reported).await;
    node.log()
}

/// A client whose calls take no longer than this.
pub(crate) fn client(timeout: Duration) -> reqwest::Client {
    // Fails only where it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(timeout).build().unwrap()
}
