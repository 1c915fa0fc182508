//! Sends a record through a door, as a client would.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tonic::transport::{Channel, Endpoint, Uri};
use wire::{logger::logger_client::LoggerClient, v1::log_service_client::LogServiceClient};

use super::records;
use crate::{commands::client::Server, listeners::Addresses, tls::Pinned};

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
    /// For an address with TLS.
    tls: Option<Pinned>,
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

    fn is_datagram(self) -> bool {
        matches!(self, Self::SyslogUdp | Self::GelfUdp)
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
    let pinned = addresses.tls.as_ref().map(Pinned::new);
    let http = pinned.as_ref().and_then(https_client).unwrap_or_else(Server::client);
    let main = addresses.main;
    // OTLP and gRPC also answer on the main port.
    let first = |some: &[SocketAddr]| some.first().copied().unwrap_or(main);
    let mut kinds = vec![
        (Kind::Json, main, pinned.is_some()),
        (Kind::Put, main, pinned.is_some()),
        (Kind::Elasticsearch, main, pinned.is_some()),
        (Kind::Loki, main, pinned.is_some()),
        (Kind::Otlp, first(&addresses.otlp), pinned.is_some()),
        (Kind::Grpc, first(&addresses.grpc), pinned.is_some()),
        (Kind::GrpcSingle, first(&addresses.grpc), pinned.is_some()),
        (Kind::GrpcOtlp, first(&addresses.grpc), pinned.is_some()),
    ];
    // The canary proves no secrets.
    for (name, listening) in addresses.doors.iter().filter(|(name, _)| !addresses.with_secret.contains(name)) {
        for kind in Kind::of_door(name) {
            // An address with TLS has no datagrams.
            if kinds.iter().all(|(known, ..)| known != kind) && !(listening.tls && kind.is_datagram()) {
                kinds.push((*kind, listening.address, listening.tls));
            }
        }
    }
    let probe = |(kind, address, tls): (Kind, SocketAddr, bool)| Probe {
        kind,
        address: reachable(address),
        http: http.clone(),
        tls: pinned.clone().filter(|_| tls),
    };
    kinds.into_iter().map(probe).collect()
}

/// A client that trusts this server's own certificate. `None` cannot be: the configuration is this program's own.
fn https_client(pinned: &Pinned) -> Option<reqwest::Client> {
    let config = pinned.config().ok()?;
    // A proxy of the environment is for other machines, and would meet another certificate.
    // No redirect may take the secret elsewhere.
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().redirect(Policy::none()).build().ok()
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
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{path}", self.address);
        let request = self.http.post(url).header("content-type", content_type).body(body);
        let request = request.bearer_auth(access::internal_secret());
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{status}: {}", answer.text().await.unwrap_or_default());
        }
        Ok(answer.text().await.map_err(reqwest::Error::without_url)?)
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        // The scheme is that of the inner connection, which `connector` encrypts.
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        let Some(pinned) = self.tls.clone() else { return Ok(endpoint.connect().await?) };
        let address = self.address;
        let connector = tower::service_fn(move |_: Uri| {
            let pinned = pinned.clone();
            async move { pinned.connect_http2(address).await.map(TokioIo::new) }
        });
        Ok(endpoint.connect_with_connector(connector).await?)
    }

    async fn push(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LogServiceClient::new(self.channel().await?);
        let answer = client.push(authorized(records::push(message))).await.map_err(refusal)?.into_inner();
        if let Some(rejection) = answer.rejected.first() {
            bail!("{}", rejection.reason);
        }
        Ok(())
    }

    async fn push_single(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LoggerClient::new(self.channel().await?);
        let answer = client.send_log(authorized(records::single(message))).await.map_err(refusal)?.into_inner();
        if !answer.success {
            bail!("the answer is no success");
        }
        Ok(())
    }

    async fn export(&self, message: &str) -> anyhow::Result<()> {
        let mut client = LogsServiceClient::new(self.channel().await?);
        let answer = client.export(authorized(records::otlp(message))).await.map_err(refusal)?.into_inner();
        if let Some(partial) = answer.partial_success {
            bail!("{}", partial.error_message);
        }
        Ok(())
    }

    async fn stream(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match &self.tls {
            None => send_all(TcpStream::connect(self.address).await.context("cannot connect")?, bytes).await,
            Some(pinned) => send_all(pinned.connect(self.address).await.context("cannot connect")?, bytes).await,
        }
    }

    async fn datagram(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let any: IpAddr =
            if self.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.send_to(bytes, self.address).await?;
        Ok(())
    }
}

/// A gRPC call with the secret of this program. Doors without secrets trust this machine.
fn authorized<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Ok(value) = format!("Bearer {}", access::internal_secret()).parse() {
        request.metadata_mut().insert("authorization", value);
    }
    request
}

async fn send_all(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) -> anyhow::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    Ok(())
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
    use crate::streams::StreamAddress;

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
        let mut addresses = Addresses {
            main: address(1),
            grpc: Vec::new(),
            otlp: Vec::new(),
            doors: Vec::new(),
            with_secret: Vec::new(),
            tls: None,
        };
        let found = |addresses: &Addresses| {
            probes(addresses).iter().map(|probe| (probe.name(), probe.address.port())).collect::<Vec<_>>()
        };
        assert_eq!(found(&addresses), always(1, 1));
        addresses.grpc = vec![address(2), address(3)];
        addresses.otlp = vec![address(4)];
        let door = |tls: bool, port: u16| StreamAddress { tls, address: address(port) };
        addresses.doors = vec![("tcp", door(false, 5)), ("gelf", door(true, 6)), ("gelf", door(false, 7))];
        let mut expected = always(2, 4).to_vec();
        // Datagrams are not encrypted.
        expected.extend([("tcp", 5), ("gelf", 6), ("gelf udp", 7)]);
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
