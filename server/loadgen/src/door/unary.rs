//! The gRPC doors with one response per call.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use tonic::{Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use wire::{codec::Encoded, logger::LogResponse, v1::PushResponse};

use super::{Fate, Parcel};
use crate::key;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryMethod {
    Push,
    SendLog,
    Otlp,
}

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct UnaryDoor {
    client: Grpc<Channel>,
    method: UnaryMethod,
}

impl UnaryDoor {
    pub(crate) fn new(channel: Channel, method: UnaryMethod) -> Self {
        Self { client: Grpc::new(channel), method }
    }

    pub(crate) async fn send(&mut self, parcel: &Parcel) -> Fate {
        let answer = match self.method {
            UnaryMethod::Push => self.push(parcel).await,
            UnaryMethod::SendLog => self.send_log(parcel).await,
            UnaryMethod::Otlp => self.export(parcel).await,
        };
        answer.unwrap_or_else(|status| Fate::from_status(&status))
    }

    async fn push(&mut self, parcel: &Parcel) -> Result<Fate, Status> {
        let path = PathAndQuery::from_static("/logboom.v1.LogService/Push");
        self.ready().await?;
        let request = key::request(parcel.body.clone());
        let answer = self.client.unary(request, path, Encoded::<PushResponse>::default()).await?.into_inner();
        Ok(Fate::Acknowledged { refused: answer.rejected.iter().map(|rejection| rejection.index).collect() })
    }

    async fn send_log(&mut self, parcel: &Parcel) -> Result<Fate, Status> {
        let path = PathAndQuery::from_static("/LoggerService.Logger/SendLog");
        self.ready().await?;
        let request = key::request(parcel.body.clone());
        let answer = self.client.unary(request, path, Encoded::<LogResponse>::default()).await?.into_inner();
        Ok(if answer.success {
            Fate::Acknowledged { refused: Vec::new() }
        } else {
            Fate::Refused { reason: "success is false".to_owned() }
        })
    }

    async fn export(&mut self, parcel: &Parcel) -> Result<Fate, Status> {
        let path = PathAndQuery::from_static("/opentelemetry.proto.collector.logs.v1.LogsService/Export");
        self.ready().await?;
        let request = key::request(parcel.body.clone());
        let answer =
            self.client.unary(request, path, Encoded::<ExportLogsServiceResponse>::default()).await?.into_inner();
        // The response does not identify the refused records.
        Ok(match answer.partial_success {
            None => Fate::Acknowledged { refused: Vec::new() },
            Some(partial) => Fate::Refused { reason: partial.error_message },
        })
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.client.ready().await.map_err(|error| Status::unavailable(format!("not connected: {error}")))
    }
}
