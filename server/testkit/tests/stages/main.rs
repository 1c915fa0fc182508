//! The pipeline's stages on the reference engines, and the reference engines
//! themselves.

#![allow(clippy::unwrap_used)]

mod contract;
