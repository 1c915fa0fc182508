//! `LoggerService.Logger/SendLog`: one record per call, answered when it is durable.
//!
//! Concurrent calls are merged into batches behind [`Ingest::push`].

use model::Text;
use pipeline::{
    admit::{Ingest, Submission},
    normalise::{RawRecord, RawTime},
};
use tonic::{Request, Response, Status};
use wire::logger::{LogRequest, LogResponse, logger_server::Logger};

use super::{principal, status::status};

pub(super) struct LoggerDoor {
    ingest: Ingest,
}

impl LoggerDoor {
    pub(super) fn new(ingest: Ingest) -> Self {
        Self { ingest }
    }
}

#[tonic::async_trait]
impl Logger for LoggerDoor {
    async fn send_log(&self, request: Request<LogRequest>) -> Result<Response<LogResponse>, Status> {
        let sender = principal(&request)?.sender().clone();
        let LogRequest { node, timestamp, level, message } = request.into_inner();
        let record = RawRecord {
            time: if timestamp.is_empty() { RawTime::Missing } else { RawTime::Text(timestamp) },
            level: level.into(),
            node: node.into(),
            message,
            ..RawRecord::default()
        };
        let submission =
            Submission { batch_id: None, producer: Text::const_new("grpc SendLog"), records: vec![record], sender };
        let accepted = self.ingest.push(submission).await.map_err(|error| status(&error))?;
        match accepted.rejected.into_iter().next() {
            Some(rejection) => Err(Status::invalid_argument(rejection.reason)),
            None => Ok(Response::new(LogResponse { success: true })),
        }
    }
}
