//! Maps error classes to gRPC status codes.
//!
//! OpenTelemetry clients retry `RESOURCE_EXHAUSTED` only with `RetryInfo`, so every retryable error has it
//! (<https://opentelemetry.io/docs/specs/otlp/#failures>).

use pipeline::{Error, ErrorClass};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The status code of an error class.
pub(crate) fn code(class: ErrorClass) -> Code {
    match class {
        ErrorClass::Invalid => Code::InvalidArgument,
        ErrorClass::Forbidden => Code::PermissionDenied,
        ErrorClass::NotFound => Code::NotFound,
        ErrorClass::Conflict => Code::Aborted,
        ErrorClass::Overloaded => Code::ResourceExhausted,
        ErrorClass::Unavailable => Code::Unavailable,
        ErrorClass::Corrupt => Code::DataLoss,
        ErrorClass::Internal => Code::Internal,
    }
}

/// The status of an error, with its retry delay.
pub(crate) fn status(error: &Error) -> Status {
    match error.retry_after {
        Some(delay) => {
            let details = ErrorDetails::with_retry_info(Some(delay));
            Status::with_error_details(code(error.class), error.message.clone(), details)
        }
        None => Status::new(code(error.class), error.message.clone()),
    }
}
