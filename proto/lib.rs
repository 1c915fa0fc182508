//! The wire format: every message and service of `proto/` as generated code. The `.proto` files document the
//! messages. Only the optimisations for small messages are hand-written.

#![allow(missing_docs, clippy::all, clippy::unwrap_used)]

pub mod codec;
pub mod gathered;

/// The contract with one record per call, `LoggerService.Logger`.
pub mod logger {
    tonic::include_proto!("logger_service");
}

/// The native contract, `logboom.v1`.
pub mod v1 {
    tonic::include_proto!("logboom.v1");
}

/// The format of batches in a queue. Not a public contract.
pub mod internal {
    tonic::include_proto!("logboom.internal");
}

/// The encoded descriptors of all of the above, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
