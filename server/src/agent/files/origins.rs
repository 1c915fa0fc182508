//! Finds the service and the attributes that all records of a file share, from the path of the file.

use std::{path::Path, sync::Arc, time::Duration};

use metrics::counter;

use super::kubernetes;
use crate::agent::{
    pods::{Pod, Pods},
    records::Origin,
};

/// How long a new file waits for the metadata of its pod. Records of other files do not wait.
const WAIT: Duration = Duration::from_secs(1);

/// Where the origin of a file comes from.
#[derive(Debug, Clone)]
pub(in crate::agent) enum Origins {
    /// `--file`: the service is the name of the file.
    Names,
    /// `--kubernetes`: from the path, and from the API server if there is one.
    Pods(Option<Arc<Pods>>),
}

impl Origins {
    /// Whether the file can be read: it has the metadata of its pod, or does not wait for it any more. `age`: the time
    /// since the file was found.
    pub(super) fn is_ready(&self, path: &Path, age: Duration) -> bool {
        match self {
            Self::Pods(Some(pods)) => age >= WAIT || !pods.is_learning() || !is_unknown(pods, path),
            Self::Pods(None) | Self::Names => true,
        }
    }

    /// The origin of the lines that were read, which are counted; `None` if they are left out.
    pub(super) fn of(&self, path: &Path, text: &[u8]) -> Option<Origin> {
        let pods = match self {
            Self::Names => return Some(named(path)),
            Self::Pods(pods) => pods,
        };
        let Some(log) = kubernetes::container_log(path) else { return Some(named(path)) };
        let origin = log.origin();
        let Some(pods) = pods else { return Some(origin) };
        let lines = || memchr::memchr_iter(b'\n', text).count() as u64;
        match pods.find(log.namespace, log.pod, log.uid) {
            Some(pod) if pod.is_excluded => {
                counter!("logboom_agent_kubernetes_excluded_total").increment(lines());
                None
            }
            Some(pod) => Some(Pod::describe(&pod, log.container, origin)),
            None => {
                counter!("logboom_agent_kubernetes_unknown_total").increment(lines());
                Some(origin)
            }
        }
    }
}

fn is_unknown(pods: &Pods, path: &Path) -> bool {
    kubernetes::container_log(path).is_some_and(|log| pods.find(log.namespace, log.pod, log.uid).is_none())
}

/// The service is the same for `shop.log` and `shop.log.1`.
pub(super) fn named(path: &Path) -> Origin {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Origin::new(name.split('.').find(|part| !part.is_empty()).unwrap_or(name))
}
