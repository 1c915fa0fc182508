//! Metadata of pods from the API server of Kubernetes, for the input `--kubernetes`.
//!
//! One task lists the pods of the node and then watches them. It fills a cache, which the input reads. No record depends
//! on it: without an API server, records have the attributes from the path of their file.
//!
//! | file | content |
//! |---|---|
//! | `access` | the address of the API server, the token and the certificates |
//! | `answers` | the answers of the API |
//! | `api` | the calls of the API, and the meaning of their statuses |
//! | `cache` | the known pods, by the names in the paths of log files |
//! | `error` | why the API server could not be used |
//! | `pod` | the attributes of a pod |
//! | `watch` | the task: list, watch, and try again |

mod access;
mod answers;
mod api;
mod cache;
mod error;
#[cfg(test)]
mod panics;
mod pod;
mod watch;

use std::{sync::Arc, time::Duration};

use pipeline::Supervisor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) use self::{access::Access, cache::Pods, pod::Pod};

/// The most pods that are kept. A node has a few hundred at most; more come without the name of a node.
const PODS: usize = 2000;
/// The waits between attempts to reach the API server.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Starts the task that keeps the cache up to date.
pub(super) fn start(
    access: Access,
    pods: Arc<Pods>,
    supervisor: &Supervisor,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let ended = stop.clone();
    let follow = move || {
        let (access, pods, stop) = (access.clone(), Arc::clone(&pods), ended.clone());
        async move {
            stop.run_until_cancelled(watch::run(&access, &pods)).await;
        }
    };
    supervisor.spawn("kubernetes pods", stop.clone(), follow)
}

/// Asks the API server for one pod.
///
/// # Errors
/// The reason and the way out.
pub(super) async fn check(access: &Access) -> Result<(), String> {
    let answer = async { api::Api::new(access).await?.list("", 1).await };
    answer.await.map(drop).map_err(|error| error.message)
}
