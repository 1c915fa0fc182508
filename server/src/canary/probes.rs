//! Sends a record through a door, as a client would.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tonic::transport::{Channel, Endpoint};
use wire::{logger::logger_client::LoggerClient, v1::log_service_client::LogServiceClient};

use super::records;
use crate::{commands::client::Server, listeners::Addresses};

/// The time limit of sending one record.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The content types of requests.
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

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
    Elasticsearch,
    Loki,
    Otlp,
    Grpc,
    GrpcSingle,
    GrpcOtlp,
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
            Self::Elasticsearch => "elasticsearch",
            Self::Loki => "loki",
            Self::Otlp => "otlp",
            Self::Grpc => "grpc",
            Self::GrpcSingle => "grpc single",
            Self::GrpcOtlp => "otlp grpc",
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
    // OTLP and gRPC also answer on the main port.
    let first = |some: &[SocketAddr]| some.first().copied().unwrap_or(main);
    let mut kinds = vec![
        (Kind::Json, main),
        (Kind::Put, main),
        (Kind::Elasticsearch, main),
        (Kind::Loki, main),
        (Kind::Otlp, first(&addresses.otlp)),
        (Kind::Grpc, first(&addresses.grpc)),
        (Kind::GrpcSingle, first(&addresses.grpc)),
        (Kind::GrpcOtlp, first(&addresses.grpc)),
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
        match self.kind {
            Kind::Json => self.post("/api/v1/push", JSON, records::json(message).to_string()).await.map(drop),
            Kind::Put => self.post("/put", JSON, records::json(message).to_string()).await.map(drop),
            Kind::Elasticsearch => {
                let answer = self.post("/_bulk", LINES, records::bulk(message)).await?;
                check(&answer, "/items/0/create/error/reason")
            }
            Kind::Loki => self.post("/loki/api/v1/push", JSON, records::loki(message)?.to_string()).await.map(drop),
            Kind::Otlp => {
                let answer = self.post("/v1/logs", JSON, records::otlp_json(message).to_string()).await?;
                check(&answer, "/partialSuccess/errorMessage")
            }
            Kind::Grpc => self.push(message).await,
            Kind::GrpcSingle => self.push_single(message).await,
            Kind::GrpcOtlp => self.export(message).await,
            Kind::Tcp => self.stream(format!("{}\n", records::json(message)).as_bytes()).await,
            Kind::Syslog => self.stream(format!("{}\n", records::syslog(message)).as_bytes()).await,
            Kind::SyslogUdp => self.datagram(records::syslog(message).as_bytes()).await,
            Kind::Gelf => self.stream(format!("{}\0", records::gelf(message)).as_bytes()).await,
            Kind::GelfUdp => self.datagram(records::gelf(message).to_string().as_bytes()).await,
            Kind::Fluent => self.stream(&records::fluent(message)?).await,
        }
    }

    /// Posts a body, and returns the body of the answer.
    async fn post(&self, path: &str, content_type: &str, body: String) -> anyhow::Result<String> {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.post(url).header("content-type", content_type).body(body);
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{status}: {}", answer.text().await.unwrap_or_default());
        }
        Ok(answer.text().await.map_err(reqwest::Error::without_url)?)
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        Ok(Endpoint::from_shared(format!("http://{}", self.address))?.connect().await?)
    }

    async fn push(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LogServiceClient::new(self.channel().await?);
        let answer = client.push(records::push(message)).await.map_err(refusal)?.into_inner();
        if let Some(rejection) = answer.rejected.first() {
            bail!("{}", rejection.reason);
        }
        Ok(())
    }

    async fn push_single(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LoggerClient::new(self.channel().await?);
        let answer = client.send_log(records::single(message)).await.map_err(refusal)?.into_inner();
        if !answer.success {
            bail!("the answer is no success");
        }
        Ok(())
    }

    async fn export(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LogsServiceClient::new(self.channel().await?);
        let answer = client.export(records::otlp(message)).await.map_err(refusal)?.into_inner();
        if let Some(partial) = answer.partial_success {
            bail!("{}", partial.error_message);
        }
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

/// Checks an answer in JSON whose status is a success: these protocols refuse single records in the body.
///
/// # Errors
/// There is a reason at the JSON pointer `reason`, or the answer is not JSON.
fn check(answer: &str, reason: &str) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_str(answer).context("the answer is not JSON")?;
    match answer.pointer(reason).and_then(Value::as_str) {
        Some(reason) => bail!("{reason}"),
        None => Ok(()),
    }
}

fn refusal(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{}", status.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    }

    #[test]
    fn every_door_that_is_on_has_a_probe_at_its_address() {
        let always = |grpc: u16, otlp: u16| {
            [
                ("http", 1),
                ("put", 1),
                ("elasticsearch", 1),
                ("loki", 1),
                ("otlp", otlp),
                ("grpc", grpc),
                ("grpc single", grpc),
                ("otlp grpc", grpc),
            ]
        };
        let mut addresses = Addresses { main: address(1), grpc: Vec::new(), otlp: Vec::new(), doors: Vec::new() };
        let found = |addresses: &Addresses| {
            probes(addresses).iter().map(|probe| (probe.name(), probe.address.port())).collect::<Vec<_>>()
        };
        assert_eq!(found(&addresses), always(1, 1));
        addresses.grpc = vec![address(2), address(3)];
        addresses.otlp = vec![address(4)];
        addresses.doors = vec![("tcp", address(5)), ("gelf", address(6)), ("gelf", address(7))];
        let mut expected = always(2, 4).to_vec();
        expected.extend([("tcp", 5), ("gelf", 6), ("gelf udp", 6)]);
        assert_eq!(found(&addresses), expected);
    }

    #[test]
    fn a_refusal_under_a_status_of_success_is_found() {
        let bulk = "/items/0/create/error/reason";
        let otlp = "/partialSuccess/errorMessage";
        for (answer, pointer, refused) in [
            (r#"{"errors":false,"items":[{"create":{"status":201}}]}"#, bulk, None),
            (
                r#"{"errors":true,"items":[{"create":{"status":400,"error":{"reason":"too long"}}}]}"#,
                bulk,
                Some("too long"),
            ),
            ("{}", otlp, None),
            (r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too long"}}"#, otlp, Some("too long")),
            ("<html>", otlp, Some("the answer is not JSON")),
        ] {
            let found = check(answer, pointer).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), refused, "{answer}");
        }
    }
}
