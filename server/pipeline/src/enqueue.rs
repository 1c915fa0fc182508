//! The enqueue stage: merges small submissions into batches and publishes them.
