//! Another Logboom: gRPC `logboom.v1.LogService/Push`.
//!
//! The id of the batch goes along, so the receiver stores a batch once, however often it is sent.

mod message;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use model::{StoredRecord, limits};
use pipeline::{BatchId, Error, Result, follow::Refused};
use prost::Message as _;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::CompressionEncoding,
    codegen::http::uri::PathAndQuery,
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_types::StatusExt as _;
use wire::{
    codec::Encoded,
    v1::{self, PushRequest, PushResponse},
};

use crate::{
    authorization::Authorization,
    client::{self, overloaded, unavailable},
    destination::Destination,
    parameters::Parameters,
    parts::{Deliver, Encode, InParts, Limits},
};

/// Half of what the server takes, because the sizes are estimates.
const PART: Limits = Limits { records: limits::RECORDS_PER_BATCH, bytes: limits::BATCH_BYTES / 2 };
const PUSH: &str = "/logboom.v1.LogService/Push";
const KEEP_ALIVE: Duration = Duration::from_secs(30);

pub(crate) struct Logboom {
    endpoint: Endpoint,
    compression: Option<CompressionEncoding>,
    /// Made with the first batch, because it needs a runtime and a definition is parsed without one.
    client: Option<Grpc<Channel>>,
    /// Scheme, host and port, for errors.
    name: String,
    authorization: Authorization,
    /// For a whole call.
    timeout: Duration,
}

impl Logboom {
    pub(crate) fn new(to: &Destination, parameters: &mut Parameters) -> Result<InParts<Self>> {
        let compression = parameters.parse("compress", "zstd, gzip or none", |text| match text {
            "zstd" => Some(Some(CompressionEncoding::Zstd)),
            "gzip" => Some(Some(CompressionEncoding::Gzip)),
            "none" => Some(None),
            _ => None,
        })?;
        let name = to.url.origin().ascii_serialization();
        if to.url.path() != "/" {
            return Err(Error::invalid(format!("{name}: gRPC has no path; end the URL after the port")));
        }
        let authorization = Authorization::new(to)?;
        // Fails only if a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |error: tonic::transport::Error| {
            Error::invalid(format!("{name} cannot be used: {}", client::root_cause(&error)))
        };
        let mut endpoint = Endpoint::from_shared(name.clone())
            .map_err(unusable)?
            .connect_timeout(to.timing.connect)
            .http2_keep_alive_interval(KEEP_ALIVE);
        if to.url.scheme() == "https" {
            let tls = ClientTlsConfig::new();
            let tls = match &to.ca {
                Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
                None => tls.with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(unusable)?;
        }
        let compression = compression.flatten();
        let inner = Self { endpoint, compression, client: None, name, authorization, timeout: to.timing.request };
        Ok(InParts::new(inner, Arc::new(Requests), PART))
    }

    fn client(&mut self) -> &mut Grpc<Channel> {
        let (endpoint, compression) = (&self.endpoint, self.compression);
        self.client.get_or_insert_with(|| {
            let client = Grpc::new(endpoint.connect_lazy());
            compression.into_iter().fold(client, Grpc::send_compressed)
        })
    }

    async fn push(&mut self, request: Request<Bytes>) -> std::result::Result<PushResponse, Status> {
        let client = self.client();
        let not_ready = |error: tonic::transport::Error| Status::from_error(error.into());
        client.ready().await.map_err(not_ready)?;
        let answer = client.unary(request, PathAndQuery::from_static(PUSH), Encoded::<PushResponse>::default()).await?;
        Ok(answer.into_inner())
    }

    /// The error of a status. The server's own texts name the way out.
    fn refusal(&self, status: &Status) -> Error {
        let reason = self.authorization.hide(client::shortened(status.message()));
        let text = format!("{} answered {:?}: {reason}", self.name, status.code());
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Error::invalid(text),
            Code::ResourceExhausted => overloaded(text, after),
            Code::Unauthenticated | Code::PermissionDenied => {
                self.authorization.refused();
                unavailable(format!("{text}; check the user, the password, the token or the key of the sink"))
            }
            Code::Unimplemented | Code::NotFound => unavailable(format!("{text}; is this the gRPC port of a Logboom?")),
            _ => match std::error::Error::source(status) {
                Some(cause) => {
                    let (name, cause) = (&self.name, client::root_cause(cause));
                    unavailable(format!("{name} cannot be reached: {cause}; check the address, the port and TLS"))
                }
                None => Error { retry_after: after, ..unavailable(text) },
            },
        }
    }
}

/// [`PushRequest`].
struct Requests;

impl Encode for Requests {
    fn encode(&self, id: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
        let size: usize = records.iter().map(|stored| message::size(&stored.record)).sum();
        let mut body = Vec::with_capacity(size + 64);
        PushRequest { batch_id: id.0.to_vec(), ..PushRequest::default() }
            .encode(&mut body)
            .map_err(|error| Error::internal(error.to_string()))?;
        for stored in records {
            message::write(&stored.record, &mut body);
        }
        Ok(body.into())
    }
}

#[async_trait]
impl Deliver for Logboom {
    async fn deliver(&mut self, _: BatchId, _: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
        let mut request = Request::new(body);
        if let Some(value) = self.authorization.value()
            && let Ok(mut value) = MetadataValue::<Ascii>::try_from(value.as_bytes())
        {
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        let answer = tokio::time::timeout(self.timeout, self.push(request))
            .await
            .map_err(|_| unavailable(format!("{}: no answer in {:?}; is it overloaded?", self.name, self.timeout)))?
            .map_err(|status| self.refusal(&status))?;
        let rejected = answer.rejected.into_iter();
        let refused = |v1::Rejection { index, reason }| Refused { index: index as usize, reason };
        Ok(rejected.map(refused).collect())
    }
}
