//! Errors of the gRPC doors: the class of an error becomes a status code.
//!
//! OpenTelemetry's clients retry `RESOURCE_EXHAUSTED` only where it carries
//! `RetryInfo`, so every retryable error does
//! (<https://opentelemetry.io/docs/specs/otlp/#failures>).

use pipeline::{Error, ErrorClass};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The code that a class of errors is told as.
pub(crate) fn code(class: ErrorClass) -> Code {
    match class {
        ErrorClass::Invalid => Code::InvalidArgument,
        ErrorClass::NotFound => Code::NotFound,
        ErrorClass::Conflict => Code::Aborted,
        ErrorClass::Overloaded => Code::ResourceExhausted,
        ErrorClass::Unavailable => Code::Unavailable,
        ErrorClass::Corrupt => Code::DataLoss,
        ErrorClass::Internal => Code::Internal,
    }
}

/// The status of an error, with the delay after which to try again.
pub(crate) fn status(error: &Error) -> Status {
    match error.retry_after {
        Some(delay) => {
            let details = ErrorDetails::with_retry_info(Some(delay));
            Status::with_error_details(code(error.class), error.message.clone(), details)
        }
        None => Status::new(code(error.class), error.message.clone()),
    }
}
