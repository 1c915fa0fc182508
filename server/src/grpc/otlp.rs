//! OTLP over gRPC: `opentelemetry.proto.collector.logs.v1.LogsService/Export`.

use doors::otlp;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_server::LogsService,
};
use pipeline::admit::{Ingest, Submission};
use tonic::{Request, Response, Status};

use super::{principal, producer, status::status};

pub(super) struct OtlpDoor {
    ingest: Ingest,
}

impl OtlpDoor {
    pub(super) fn new(ingest: Ingest) -> Self {
        Self { ingest }
    }
}

#[tonic::async_trait]
impl LogsService for OtlpDoor {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let producer = producer("otlp grpc", request.remote_addr());
        let sender = principal(&request)?.sender().clone();
        let records = otlp::records(request.into_inner()).map_err(|error| status(&error))?;
        if records.is_empty() {
            return Ok(Response::new(ExportLogsServiceResponse::default()));
        }
        let submission = Submission { batch_id: None, producer, records, sender };
        let accepted = self.ingest.push(submission).await.map_err(|error| status(&error))?;
        let first =
            accepted.rejected.first().map(|rejection| format!("record {}: {}", rejection.index, rejection.reason));
        Ok(Response::new(partial_success(accepted.rejected.len(), first)))
    }
}

/// The response to a request with `rejected` refused records. Full success leaves the field unset
/// (<https://opentelemetry.io/docs/specs/otlp/#partial-success>).
pub(crate) fn partial_success(rejected: usize, reason: Option<String>) -> ExportLogsServiceResponse {
    let partial_success = (rejected > 0).then(|| ExportLogsPartialSuccess {
        rejected_log_records: rejected as i64,
        error_message: reason.unwrap_or_default(),
    });
    ExportLogsServiceResponse { partial_success }
}
