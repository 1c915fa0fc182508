//! Another Logboom: gRPC `logboom.v1.LogService/Push`.
//!
//! The id of the batch goes along, so the receiver stores a batch once, however often it is sent.

use std::time::Duration;

use async_trait::async_trait;
use model::{Record, StoredRecord, Value, limits};
use pipeline::{BatchId, Error, Result, follow::Refused};
use tonic::{
    Code, Request, Status,
    codec::CompressionEncoding,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tonic_types::StatusExt as _;
use wire::v1::{self, PushRequest, attribute, log_service_client::LogServiceClient};

use crate::{
    client::{self, overloaded, unavailable},
    destination::Destination,
    parameters::Parameters,
    parts::{Deliver, InParts, Limits},
};

/// Half of what the server takes, because the sizes are estimates.
const PART: Limits = Limits { records: limits::RECORDS_PER_BATCH, bytes: limits::BATCH_BYTES / 2 };
const KEEP_ALIVE: Duration = Duration::from_secs(30);

pub(crate) struct Logboom {
    endpoint: Endpoint,
    compression: Option<CompressionEncoding>,
    /// Made with the first batch, because it needs a runtime and a definition is parsed without one.
    client: Option<LogServiceClient<Channel>>,
    /// Scheme, host and port, for errors.
    name: String,
    authorization: Option<MetadataValue<Ascii>>,
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
        let authorization = client::authorization(&to.credentials).map(MetadataValue::try_from).transpose();
        let mut authorization = authorization
            .map_err(|_| Error::invalid(format!("{name}: the secret has characters that no header can carry")))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
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
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(unusable)?;
        }
        let compression = compression.flatten();
        let inner = Self { endpoint, compression, client: None, name, authorization, timeout: to.timing.request };
        Ok(InParts::new(inner, PART))
    }

    fn client(&mut self) -> &mut LogServiceClient<Channel> {
        let (endpoint, compression) = (&self.endpoint, self.compression);
        self.client.get_or_insert_with(|| {
            let client = LogServiceClient::new(endpoint.connect_lazy());
            compression.into_iter().fold(client, LogServiceClient::send_compressed)
        })
    }

    /// The error of a status. The server's own texts name the way out.
    fn refusal(&self, status: &Status) -> Error {
        let reason = client::shortened(status.message());
        let text = format!("{} answered {:?}: {reason}", self.name, status.code());
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Error::invalid(text),
            Code::ResourceExhausted => overloaded(text, after),
            Code::Unauthenticated | Code::PermissionDenied => {
                unavailable(format!("{text}; check the user, the password or the token of the sink"))
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

#[async_trait]
impl Deliver for Logboom {
    async fn deliver(&mut self, id: BatchId, records: &[StoredRecord]) -> Result<Vec<Refused>> {
        let mut request = Request::new(PushRequest {
            batch_id: id.0.to_vec(),
            records: records.iter().map(|stored| wire_record(&stored.record)).collect(),
            ..PushRequest::default()
        });
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        let answer = tokio::time::timeout(self.timeout, self.client().push(request))
            .await
            .map_err(|_| unavailable(format!("{}: no answer in {:?}; is it overloaded?", self.name, self.timeout)))?
            .map_err(|status| self.refusal(&status))?;
        let rejected = answer.into_inner().rejected.into_iter();
        let refused = |v1::Rejection { index, reason }| Refused { index: index as usize, reason };
        Ok(rejected.map(refused).collect())
    }
}

fn wire_record(record: &Record) -> v1::Record {
    let attribute = |(key, value): &(model::Text, Value)| v1::Attribute {
        key: key.to_string(),
        value: Some(match value {
            Value::Bool(value) => attribute::Value::Boolean(*value),
            Value::Int(value) => attribute::Value::Integer(*value),
            Value::Float(value) => attribute::Value::Number(*value),
            Value::Text(text) => attribute::Value::Text(text.to_string()),
        }),
    };
    v1::Record {
        time_unix_nano: record.time,
        severity: record.severity.number().into(),
        level: record.level.to_string(),
        service: record.service.to_string(),
        node: record.node.to_string(),
        message: record.message.clone(),
        attributes: record.attributes.iter().map(attribute).collect(),
        trace_id: record.trace_id.map(Vec::from).unwrap_or_default(),
        span_id: record.span_id.map(Vec::from).unwrap_or_default(),
    }
}
