//! The wire: every message and service of `proto/`, compiled to Rust. What the messages mean
//! is written in the `.proto` files. By hand is only what makes small ones cheap.

#![allow(missing_docs, clippy::all, clippy::unwrap_used)]

pub mod codec;
pub mod gathered;

/// The one-call contract, `LoggerService.Logger`.
pub mod logger {
    tonic::include_proto!("logger_service");
}

/// The native contract, `logboom.v1`.
pub mod v1 {
    tonic::include_proto!("logboom.v1");
}

/// How a batch travels through a queue. Not a public contract.
pub mod internal {
    tonic::include_proto!("logboom.internal");
}

/// The encoded descriptors of all of the above, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
