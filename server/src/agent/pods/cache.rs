//! The pods that are known, and the state of the API server.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;

use super::{
    PODS,
    error::{ApiError, Kind},
    pod::Pod,
};
use crate::agent::status::{Input, MetadataView};

/// How long a deleted pod is kept, because its last lines may not have been read yet.
const KEPT: Duration = Duration::from_secs(300);

/// The pods of the API server. It is filled by a task and read by the input.
#[derive(Debug)]
pub(in crate::agent) struct Pods {
    inner: Mutex<Inner>,
    status: Arc<Input>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By uid.
    known: BTreeMap<String, Known>,
    state: State,
    /// There are more pods than are kept; logged once.
    is_too_many: bool,
}

#[derive(Debug)]
struct Known {
    pod: Arc<Pod>,
    /// When it was deleted.
    deleted: Option<Instant>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum State {
    /// No answer yet.
    #[default]
    Connecting,
    /// The pods are known and watched.
    Up,
    Failing(ApiError),
}

impl Pods {
    pub(in crate::agent) fn new(status: Arc<Input>) -> Arc<Self> {
        describe_gauge!("logboom_agent_kubernetes_up", "Whether the API server is reached and watched.");
        describe_gauge!("logboom_agent_kubernetes_pods", "Pods whose metadata is known.");
        describe_counter!("logboom_agent_kubernetes_failures_total", "Failed attempts to use the API server.");
        describe_counter!("logboom_agent_kubernetes_unknown_total", "Records without metadata of their pod.");
        describe_counter!("logboom_agent_kubernetes_excluded_total", "Lines of pods that are left out.");
        let pods = Self { inner: Mutex::default(), status };
        pods.show(&pods.inner.lock());
        Arc::new(pods)
    }

    /// The pod of a log file. `uid` is empty if the path does not contain it.
    pub(in crate::agent) fn find(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<Pod>> {
        let inner = self.inner.lock();
        if !uid.is_empty() {
            return inner.known.get(uid).map(|known| Arc::clone(&known.pod));
        }
        // The newest of several with one name, such as those of a StatefulSet.
        let named = inner.known.values().filter(|Known { pod, .. }| pod.name == name && pod.namespace == namespace);
        let newest = named.max_by_key(|known| (known.deleted.is_none(), known.deleted));
        newest.map(|known| Arc::clone(&known.pod))
    }

    /// Whether a pod that is not known may be known soon.
    pub(in crate::agent) fn is_learning(&self) -> bool {
        !matches!(self.inner.lock().state, State::Failing(_))
    }

    /// The list of all pods. Those that are not in it were deleted.
    pub(super) fn replace(&self, pods: Vec<Pod>) {
        let mut inner = self.inner.lock();
        for (uid, known) in &mut inner.known {
            if pods.iter().all(|pod| pod.uid != *uid) {
                known.deleted.get_or_insert_with(Instant::now);
            }
        }
        for pod in pods {
            inner.insert(pod);
        }
        inner.forget(Instant::now());
        self.show(&inner);
    }

    /// A pod was added or modified.
    pub(super) fn seen(&self, pod: Pod) {
        let mut inner = self.inner.lock();
        inner.forget(Instant::now());
        inner.insert(pod);
        self.show(&inner);
    }

    pub(super) fn deleted(&self, pod: &Pod) {
        let mut inner = self.inner.lock();
        inner.forget(Instant::now());
        if let Some(known) = inner.known.get_mut(&pod.uid) {
            known.deleted = Some(Instant::now());
        }
        self.show(&inner);
    }

    /// The API server answers, for the pods of `node` if it is named. Logs a change of the state.
    pub(super) fn is_up(&self, node: Option<&str>) {
        let mut inner = self.inner.lock();
        if inner.state != State::Up {
            let pods = inner.living();
            tracing::info!(pods, "--kubernetes: the pods of the API server are known and watched");
            if let (0, Some(node)) = (pods, node) {
                tracing::warn!(node, "--kubernetes: the API server knows no pod on this node; check --kubernetes-node");
            }
            inner.state = State::Up;
        }
        self.show(&inner);
    }

    /// The API server cannot be used. Logs a change of the kind of error; known pods are kept.
    pub(super) fn failed(&self, error: &ApiError) {
        counter!("logboom_agent_kubernetes_failures_total", "reason" => error.kind.name()).increment(1);
        // The next list follows at once.
        if error.kind == Kind::Gone {
            return;
        }
        let mut inner = self.inner.lock();
        let is_new = !matches!(&inner.state, State::Failing(last) if last.kind == error.kind);
        if is_new {
            let message = &error.message;
            tracing::warn!("--kubernetes: records of new pods get no metadata, retrying: {message}");
        }
        inner.state = State::Failing(error.clone());
        self.show(&inner);
    }

    /// Updates the status page and the metrics.
    fn show(&self, inner: &Inner) {
        let pods = inner.living();
        let (state, error) = match &inner.state {
            State::Connecting => ("connecting", None),
            State::Up => ("up", None),
            State::Failing(error) => ("failing", Some(error.message.clone())),
        };
        gauge!("logboom_agent_kubernetes_up").set(f64::from(u8::from(state == "up")));
        gauge!("logboom_agent_kubernetes_pods").set(pods as f64);
        self.status.metadata(MetadataView { state: state.to_owned(), pods: pods as u64, error });
    }
}

impl Inner {
    fn living(&self) -> usize {
        self.known.values().filter(|known| known.deleted.is_none()).count()
    }

    fn insert(&mut self, pod: Pod) {
        let is_full = self.known.len() >= PODS && !self.known.contains_key(&pod.uid);
        if !is_full {
            self.known.insert(pod.uid.clone(), Known { pod: Arc::new(pod), deleted: None });
        } else if !std::mem::replace(&mut self.is_too_many, true) {
            tracing::warn!(
                "--kubernetes: there are more than {PODS} pods, and the others get no metadata; name the node by \
                 --kubernetes-node"
            );
        }
    }

    /// Removes pods that were deleted long ago.
    fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| known.deleted.is_none_or(|deleted| now.duration_since(deleted) < KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{pods::pod::Object, status::Inputs};

    fn pod(name: &str, uid: &str) -> Pod {
        let metadata = serde_json::json!({"name": name, "namespace": "shop", "uid": uid});
        serde_json::from_value::<Object>(serde_json::json!({"metadata": metadata})).unwrap().into()
    }

    fn pods() -> (Arc<Pods>, Inputs) {
        let inputs = Inputs::default();
        (Pods::new(inputs.add("kubernetes")), inputs)
    }

    fn uid(pods: &Pods, name: &str, uid: &str) -> Option<String> {
        pods.find("shop", name, uid).map(|pod| pod.uid.clone())
    }

    #[test]
    fn a_deleted_pod_is_found_for_a_while_and_never_hides_its_successor() {
        let (pods, _) = pods();
        pods.replace(vec![pod("db-0", "old"), pod("web", "w")]);
        pods.seen(pod("db-0", "new"));
        pods.deleted(&pod("db-0", "old"));
        assert_eq!(uid(&pods, "db-0", "old").as_deref(), Some("old"));
        assert_eq!(uid(&pods, "db-0", "").as_deref(), Some("new"));
        // A list without a pod means that it was deleted.
        pods.replace(vec![pod("db-0", "new")]);
        assert_eq!(uid(&pods, "web", "w").as_deref(), Some("w"));
        assert_eq!(uid(&pods, "web", "other"), None);
        assert_eq!(pods.find("other", "web", ""), None);
        pods.inner.lock().forget(Instant::now() + KEPT);
        assert_eq!((uid(&pods, "web", "w"), uid(&pods, "db-0", "old")), (None, None));
        assert_eq!(uid(&pods, "db-0", "new").as_deref(), Some("new"));
    }

    #[test]
    fn the_number_of_pods_is_bounded() {
        let (pods, inputs) = pods();
        pods.replace((0..PODS + 10).map(|n| pod(&format!("p{n}"), &format!("u{n}"))).collect());
        let view = inputs.views().remove(0).metadata.unwrap();
        assert_eq!((view.pods, view.state.as_str()), (PODS as u64, "connecting"));
        pods.seen(pod("p0", "u0"));
        assert_eq!(pods.inner.lock().known.len(), PODS);
    }

    #[test]
    fn the_state_shows_the_newest_error_and_a_stale_version_is_none() {
        let (pods, inputs) = pods();
        let state = || inputs.views().remove(0).metadata.map(|view| (view.state, view.error)).unwrap();
        let error = |kind| ApiError { kind, message: format!("{kind:?}") };
        assert!(pods.is_learning());
        pods.is_up(None);
        pods.failed(&error(Kind::Gone));
        assert_eq!(state(), ("up".into(), None));
        pods.failed(&error(Kind::Forbidden));
        assert_eq!((state(), pods.is_learning()), (("failing".into(), Some("Forbidden".into())), false));
        pods.failed(&error(Kind::Unavailable));
        assert_eq!(state().1.as_deref(), Some("Unavailable"));
        pods.is_up(None);
        assert_eq!((state(), pods.is_learning()), (("up".into(), None), true));
    }
}
