//! Sends a record through a door, as a client would.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use wire::v1::{self, PushRequest, log_service_client::LogServiceClient};

use super::SERVICE;
use crate::{commands::client::Server, listeners::Addresses};

/// The time limit of sending one record.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One door.
pub(super) struct Probe {
    kind: Kind,
    address: SocketAddr,
    http: reqwest::Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Put,
    Grpc,
    Otlp,
    Tcp,
    Syslog,
    SyslogUdp,
    Gelf,
    GelfUdp,
    Fluent,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "http",
            Self::Put => "put",
            Self::Grpc => "grpc",
            Self::Otlp => "otlp",
            Self::Tcp => "tcp",
            Self::Syslog => "syslog",
            Self::SyslogUdp => "syslog udp",
            Self::Gelf => "gelf",
            Self::GelfUdp => "gelf udp",
            Self::Fluent => "fluent",
        }
    }

    /// The kinds of a door other than HTTP and gRPC.
    fn of_door(name: &str) -> &'static [Self] {
        match name {
            "tcp" => &[Self::Tcp],
            "syslog" => &[Self::Syslog, Self::SyslogUdp],
            "gelf" => &[Self::Gelf, Self::GelfUdp],
            "fluent" => &[Self::Fluent],
            _ => &[],
        }
    }
}

/// The doors that are on, each at its first address.
pub(super) fn probes(addresses: &Addresses) -> Vec<Probe> {
    let http = Server::client();
    let main = addresses.main;
    let first = |some: &[SocketAddr]| some.first().copied().unwrap_or(main);
    let mut kinds = vec![
        (Kind::Json, main),
        (Kind::Put, main),
        (Kind::Grpc, first(&addresses.grpc)),
        (Kind::Otlp, first(&addresses.otlp)),
    ];
    for (name, address) in &addresses.doors {
        for kind in Kind::of_door(name) {
            if kinds.iter().all(|(known, _)| known != kind) {
                kinds.push((*kind, *address));
            }
        }
    }
    kinds.into_iter().map(|(kind, address)| Probe { kind, address: reachable(address), http: http.clone() }).collect()
}

/// The address at which this host reaches a listener of all interfaces.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Probe {
    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Sends a record with this message. Where the protocol answers, its answer is waited for.
    ///
    /// # Errors
    /// The door cannot be reached, or refuses the record.
    pub(super) async fn send(&self, message: &str) -> anyhow::Result<()> {
        let late = |_| Err(anyhow::anyhow!("no answer within {TIMEOUT:?}"));
        timeout(TIMEOUT, self.send_now(message)).await.unwrap_or_else(late)
    }

    async fn send_now(&self, message: &str) -> anyhow::Result<()> {
        let record = json!({"service": SERVICE, "level": "debug", "message": message});
        match self.kind {
            Kind::Json => self.post("/api/v1/push", &record).await,
            Kind::Put => self.post("/put", &record).await,
            Kind::Otlp => self.post("/v1/logs", &otlp(message)).await,
            Kind::Grpc => self.push(message).await,
            Kind::Tcp => self.stream(format!("{record}\n").as_bytes()).await,
            Kind::Syslog => self.stream(format!("{}\n", syslog(message)).as_bytes()).await,
            Kind::SyslogUdp => self.datagram(syslog(message).as_bytes()).await,
            Kind::Gelf => self.stream(format!("{}\0", gelf(message)).as_bytes()).await,
            Kind::GelfUdp => self.datagram(gelf(message).to_string().as_bytes()).await,
            Kind::Fluent => self.stream(&fluent(message)?).await,
        }
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.post(url).header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{status}: {}", answer.text().await.unwrap_or_default());
        }
        Ok(())
    }

    async fn push(&self, message: &str) -> anyhow::Result<()> {
        let record = v1::Record { message: message.to_owned(), level: "debug".to_owned(), ..v1::Record::default() };
        let request = PushRequest { service: SERVICE.to_owned(), records: vec![record], ..PushRequest::default() };
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", self.address))?;
        let mut client = LogServiceClient::new(endpoint.connect().await?);
        client.push(request).await.map_err(|status| anyhow::anyhow!("{}", status.message()))?;
        Ok(())
    }

    async fn stream(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address).await.context("cannot connect")?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        Ok(())
    }

    async fn datagram(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let any: IpAddr =
            if self.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.send_to(bytes, self.address).await?;
        Ok(())
    }
}

/// An RFC 5424 message of facility user and severity debug.
fn syslog(message: &str) -> String {
    format!("<15>1 - - {SERVICE} - - - {message}")
}

fn gelf(message: &str) -> serde_json::Value {
    json!({"version": "1.1", "host": SERVICE, "_service": SERVICE, "level": 7, "short_message": message})
}

fn otlp(message: &str) -> serde_json::Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]},
        "scopeLogs": [{"logRecords": [{"severityNumber": 5, "body": {"stringValue": message}}]}],
    }]})
}

/// The message mode of Fluentd's forward protocol: tag, time, record.
fn fluent(message: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    rmp::encode::write_array_len(&mut bytes, 3)?;
    rmp::encode::write_str(&mut bytes, SERVICE)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    rmp::encode::write_uint(&mut bytes, now)?;
    rmp::encode::write_map_len(&mut bytes, 2)?;
    for (key, value) in [("service", SERVICE), ("message", message)] {
        rmp::encode::write_str(&mut bytes, key)?;
        rmp::encode::write_str(&mut bytes, value)?;
    }
    Ok(bytes)
}
