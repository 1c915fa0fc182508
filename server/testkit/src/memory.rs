//! The reference engines.
