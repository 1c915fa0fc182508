//! The real program, on its own ports.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Long enough for a machine that compiles at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A server with a data folder; stopped when dropped.
pub(crate) struct Server {
    child: Option<Child>,
    folder: TempDir,
    arguments: Vec<String>,
    /// Port 0, which means any, before the first start.
    http: SocketAddr,
    grpc: SocketAddr,
    /// Headers of the requests, for a server that asks for a principal.
    headers: String,
}

/// The password of the administrator of [`Server::guarded`].
const PASSWORD: &str = "a long password of a test";

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with additional arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::new(arguments);
        server.run();
        server
    }

    /// A server with an administrator, as whom the test asks it.
    pub(crate) fn guarded() -> Self {
        let mut server = Self::new(&["--admin-password-file", "password"]);
        std::fs::write(server.folder.path().join("password"), PASSWORD).unwrap();
        server.run();
        let origin = format!("Origin: http://{}\r\n", server.http);
        let form = format!("name=admin&password={}", PASSWORD.replace(' ', "+"));
        server.headers = format!("{origin}Content-Type: application/x-www-form-urlencoded\r\n");
        let (head, _) = server.call("POST", "/login", form.as_bytes());
        let cookie = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default())
        });
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {head}"));
        server.headers = format!("{origin}Cookie: {cookie}\r\nContent-Type: application/json\r\n");
        server
    }

    /// Creates a key: its public part, and the secret.
    pub(crate) fn create_key(&self, scope: &str) -> (String, String) {
        let request = serde_json::json!({ "name": format!("of a test: {scope}"), "scopes": [scope] });
        let (head, body) = self.call("POST", "/api/v1/keys", request.to_string().as_bytes());
        assert!(head.contains(" 201 "), "{head}\n{body}");
        let created: Value = serde_json::from_str(&body).unwrap();
        (created["id"].as_str().unwrap().to_owned(), created["secret"].as_str().unwrap().to_owned())
    }

    pub(crate) fn revoke_key(&self, id: &str) {
        let (head, body) = self.call("DELETE", &format!("/api/v1/keys/{id}"), &[]);
        assert!(head.starts_with("HTTP/1.") && head.contains(" 20"), "{head}\n{body}");
    }

    /// A server that does not run yet, but has a fixed address.
    pub(crate) fn away() -> Self {
        let mut server = Self::new(&[]);
        // Recently free; the system reassigns such a port last.
        server.grpc = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
        server
    }

    fn new(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let folder = tempfile::Builder::new().prefix("logboom-tracing-").tempdir().unwrap();
        Self { child: None, folder, arguments, http: ANY, grpc: ANY, headers: String::new() }
    }

    /// Starts it on the same ports and folder, and waits until it is ready.
    pub(crate) fn run(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let program = program();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut child = Command::new(&program)
            .args(["serve", "--log", "warn"])
            .args(["--listen", &self.http.to_string(), "--grpc-listen", &self.grpc.to_string()])
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .args(&self.arguments)
            .current_dir(self.folder.path())
            // The pages are not tested here.
            .env("LOGBOOM_SITE", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(child);
        self.http =
            self.announced(&mut stdout, "dashboard").trim_matches('/').trim_start_matches("http://").parse().unwrap();
        // The main address first, then the one for gRPC only.
        self.grpc = self.announced(&mut stdout, "gRPC").rsplit(", ").next().unwrap().parse().unwrap();
        // A full pipe must not block the program.
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
    }

    /// The text after a word in the ready message.
    fn announced(&self, stdout: &mut impl BufRead, word: &str) -> String {
        let mut line = String::new();
        while stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(address) = line.trim().strip_prefix(word) {
                return address.trim().to_owned();
            }
            line.clear();
        }
        panic!("the server ended before it said its address; it said:\n{}", self.log());
    }

    /// Kills it, like a power loss.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The address to send records to.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// The address of its gRPC listener.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Waits until a service has `count` records, then returns all of them.
    pub(crate) fn records(&self, service: &str, least: usize) -> Vec<Record> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count = self.get(&format!("/api/v1/count?query=service:{service}"))["count"].as_u64().unwrap();
            if count >= least as u64 {
                return self.pages(service);
            }
            assert!(Instant::now() < deadline, "{count} of {least} records are there; {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The one record of a service with this message.
    pub(crate) fn record(&self, service: &str, message: &str) -> Record {
        let mut found = self.records(service, 1);
        found.retain(|record| record.message == message);
        assert_eq!(found.len(), 1, "{message}: {found:?}");
        found.remove(0)
    }

    fn pages(&self, service: &str) -> Vec<Record> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/api/v1/logs?query=service:{service}&limit=10000{cursor}"));
            records.extend(page["records"].as_array().unwrap().iter().map(Record::of));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return records,
            }
        }
    }

    /// Pushes lines of JSON.
    pub(crate) fn push(&self, lines: &[u8]) {
        let answer = self.ask("POST", "/api/v1/push", lines);
        assert_eq!(answer["rejected"], 0, "{answer}");
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &[])
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let (head, body) = self.call(method, path, body);
        assert!(head.contains(" 200 "), "{path}: {head}\n{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends an HTTP/1.0 request, where the end of the connection ends the response. Returns its head and its body.
    fn call(&self, method: &str, path: &str, body: &[u8]) -> (String, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let (host, headers) = (self.http, &self.headers);
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        (head.to_owned(), body.to_owned())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A record as returned by the server.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) level: String,
    pub(crate) severity: u64,
    pub(crate) node: String,
    pub(crate) message: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) time: String,
    pub(crate) attributes: BTreeMap<String, Value>,
}

impl Record {
    fn of(json: &Value) -> Self {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            level: text("level").unwrap(),
            severity: json["severity"].as_u64().unwrap(),
            node: text("node").unwrap(),
            message: text("message").unwrap(),
            trace_id: text("trace_id"),
            span_id: text("span_id"),
            time: text("time").unwrap(),
            attributes: json["attributes"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }
}

/// The program under test: from the environment, or the workspace's debug build.
fn program() -> PathBuf {
    if let Some(path) = env::var_os("LOGBOOM_PROGRAM") {
        return path.into();
    }
    // `target/debug/deps/this-test` and `target/debug/logboom`.
    let test = env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("logboom");
    assert!(
        program.is_file(),
        "there is no {}: build it with `cargo build -p server`, or name another one in LOGBOOM_PROGRAM",
        program.display()
    );
    program
}
