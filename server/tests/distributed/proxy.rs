//! The proxy of the compose file, in front of nodes whose database is away.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use tempfile::TempDir;
use testkit::{
    chaos::Proxy,
    servers::{find_program, free_port, postgres::Postgres, rabbitmq::RabbitMq},
};
use wire::logger::{LogRequest, logger_client::LoggerClient};

use crate::{
    load::{Load, a_fresh_record_gets_through, count},
    node::{Node, PATIENCE, client},
};

/// A running HAProxy with the configuration that we ship; ends when it is dropped.
struct HaProxy {
    child: Child,
    url: String,
    grpc: String,
    otlp: String,
    statistics: String,
    folder: TempDir,
}

impl HaProxy {
    fn start(nodes: &[Node; 2]) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy.cfg");
        let mut text = std::fs::read_to_string(shipped).unwrap();
        let ports = [(); 4].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
        let [http, grpc, otlp, statistics] = &ports;
        let mut put = |name: &str, address: &str| {
            assert!(text.contains(name), "{name} is in the configuration");
            text = text.replace(name, address);
        };
        for (node, name) in nodes.iter().zip(["node-1", "node-2"]) {
            let main = node.url.trim_start_matches("http://");
            put(&format!(" {name}:3000"), &format!(" {main}"));
            // The checks of the other ports are answered on the main one.
            let port = main.rsplit(':').next().unwrap();
            put(&format!(" {name}:4317 check port 3000"), &format!(" {} check port {port}", node.grpc));
            put(&format!(" {name}:4318 check port 3000"), &format!(" {} check port {port}", node.otlp));
        }
        put("bind :3000", &format!("bind {http}"));
        put("bind :4317", &format!("bind {grpc}"));
        put("bind :4318", &format!("bind {otlp}"));
        text.push_str(&format!("\nlisten statistics\n    bind {statistics}\n    stats enable\n    stats uri /\n"));
        let folder = tempfile::Builder::new().prefix("logboom-haproxy-").tempdir().unwrap();
        let configuration = folder.path().join("haproxy.cfg");
        std::fs::write(&configuration, text).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let folders = ["/usr/sbin", "/usr/local/sbin"].map(Into::into);
        let child = Command::new(find_program("haproxy", &folders, "haproxy").unwrap())
            .args(["-db", "-f"])
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://{http}"),
            grpc: format!("http://{grpc}"),
            otlp: format!("http://{otlp}"),
            statistics: format!("http://{statistics}/;csv"),
            folder,
        }
    }

    /// Waits until the proxy has found each server of a backend in this state.
    async fn until(&self, backend: &str, state: &str) {
        let reached = async {
            loop {
                if self
                    .states(backend)
                    .await
                    .is_some_and(|states| states.len() == 2 && states.iter().all(|is| is == state))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(waited.is_ok(), "{backend} is not {state}; the proxy said:\n{}", log());
    }

    async fn states(&self, backend: &str) -> Option<Vec<String>> {
        let answer = client(Duration::from_secs(5)).get(&self.statistics).send().await.ok()?;
        let table = answer.text().await.ok()?;
        let servers = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let own = servers.filter(|row| row[0] == backend && row.get(1).is_some_and(|name| name.starts_with("node-")));
        // The eighteenth column, such as `UP` or `DOWN 1/2`.
        Some(own.map(|row| row[17].split(' ').next().unwrap().to_owned()).collect())
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one record of the service by each door that the proxy leads to. Gives how many.
async fn send_by_every_door(proxy: &HaProxy, service: &str) -> u64 {
    let http = client(Duration::from_secs(30));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos().to_string();
    let one = serde_json::json!({"service": service, "message": "by the proxy"});
    let otlp = serde_json::json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeLogs": [{"logRecords": [{"body": {"stringValue": "by the proxy"}}]}],
    }]});
    let loki = serde_json::json!({"streams": [{"stream": {"service": service}, "values": [[now, "by the proxy"]]}]});
    let bulk = format!("{}\n{one}\n", serde_json::json!({"index": {"_index": "logs"}}));
    let doors = [
        (&proxy.url, "/api/v1/push", one.to_string(), "application/json"),
        (&proxy.url, "/put", one.to_string(), "application/json"),
        (&proxy.url, "/v1/logs", otlp.to_string(), "application/json"),
        (&proxy.otlp, "/v1/logs", otlp.to_string(), "application/json"),
        (&proxy.url, "/loki/api/v1/push", loki.to_string(), "application/json"),
        (&proxy.url, "/_bulk", bulk.clone(), "application/x-ndjson"),
        (&proxy.url, "/logs-app/_bulk", bulk.clone(), "application/x-ndjson"),
        (&proxy.url, "/elasticsearch/_bulk", bulk, "application/x-ndjson"),
        (&proxy.url, "/logs-app/_doc", one.to_string(), "application/json"),
        (&proxy.url, "/logs-app/_doc/7", one.to_string(), "application/json"),
        (&proxy.url, "/logs-app/_create/8", one.to_string(), "application/json"),
    ];
    let mut sent = 0;
    for (address, path, body, kind) in doors {
        let push = http.post(format!("{address}{path}")).header("content-type", kind).body(body);
        let answer = push.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
        sent += 1;
    }
    for address in [&proxy.url, &proxy.grpc] {
        let mut logger = LoggerClient::connect(address.clone()).await.unwrap();
        let request = LogRequest {
            node: service.to_owned(),
            timestamp: String::new(),
            level: "info".to_owned(),
            message: "by the proxy".to_owned(),
        };
        assert!(logger.send_log(request).await.unwrap().into_inner().success, "SendLog at {address}");
        sent += 1;
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_proxy_records_are_taken_while_the_database_is_away() {
    let server = Postgres::start().await.unwrap();
    let direct = server.address().unwrap();
    let database = Proxy::start(direct).await.unwrap();
    let store = server.fresh_database().await.replace(&direct.to_string(), &database.address().to_string());
    let queue = RabbitMq::shared().await.fresh_queue();
    // The nodes listen on loopback and have no admin, and the calls come through the proxy.
    let open = [("LOGBOOM_OPEN", "true".to_owned())];
    let mut nodes = [Node::start_with(&queue, &store, &open).await, Node::start_with(&queue, &store, &open).await];
    let proxy = HaProxy::start(&nodes);
    for backend in ["read", "write", "write-grpc", "grpc", "otlp"] {
        proxy.until(backend, "UP").await;
    }
    let mut sent = send_by_every_door(&proxy, "doors-of-the-proxy").await;
    let load = Load::start("through-the-proxy", &Arc::new(RwLock::new(vec![proxy.url.clone()])), 0);
    load.goes_on(500).await;

    database.cut();
    proxy.until("read", "DOWN").await;
    sent += send_by_every_door(&proxy, "doors-of-the-proxy").await;
    load.goes_on(500).await;
    for backend in ["write", "write-grpc", "grpc", "otlp"] {
        assert_eq!(proxy.states(backend).await.unwrap(), ["UP", "UP"], "{backend}");
    }
    // Where nobody can read, a node says why.
    let answer = client(PATIENCE).get(format!("{}/readyz/read", proxy.url)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let ready: serde_json::Value = answer.json().await.unwrap();
    assert!(ready["ready"] == false && ready["store"]["trouble"].is_string() && ready["queue"].is_null(), "{ready}");
    let answer = client(PATIENCE).get(format!("{}/readyz/write", nodes[0].url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let ready: serde_json::Value = answer.json().await.unwrap();
    assert!(ready["ready"] == true && ready["store"].is_null(), "{ready}");

    database.restore();
    for node in &mut nodes {
        node.until_ready().await;
    }
    proxy.until("read", "UP").await;
    load.goes_on(500).await;
    load.verify().await;
    let stored = async {
        while count(&proxy.url, "doors-of-the-proxy").await < sent {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, stored).await.is_ok(), "not all that was taken is found");
    a_fresh_record_gets_through(&proxy.url, "fresh-through-the-proxy").await;
    assert_eq!(count(&proxy.url, "doors-of-the-proxy").await, sent, "each once");
}
