//! The attributes of a pod.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::agent::records::Origin;

/// The label or annotation of a pod whose logs are left out, with the value `false`. The input from Docker has the same.
const ENABLE: &str = "logboom.enable";
/// The labels with the name of the application, the best one first.
const NAMES: [&str; 2] = ["app.kubernetes.io/name", "app"];
/// The label with the hash that a Deployment appends to the names of its ReplicaSets.
const HASH: &str = "pod-template-hash";
/// Labels that controllers add: they repeat the name of the pod or of its owner, or are hashes.
const NOT_ATTRIBUTES: [&str; 8] = [
    HASH,
    "pod-template-generation",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
    "statefulset.kubernetes.io/pod-name",
];
/// The most labels that become attributes.
const LABELS: usize = 32;

/// A pod of the API, as far as it is of use.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
struct Annotations {
    #[serde(rename = "logboom.enable")]
    enable: Option<String>,
    /// The uid of a static pod on its node, where the uid of the object is that of its mirror.
    #[serde(rename = "kubernetes.io/config.mirror")]
    mirror: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    kind: String,
    name: String,
    #[serde(default)]
    controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: String,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    ephemeral_containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: String,
    #[serde(default)]
    image: String,
}

/// What is known of a pod.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::agent) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    /// As in the paths of its log files.
    pub(super) uid: String,
    /// Its logs are left out.
    pub(in crate::agent) is_excluded: bool,
    /// The service, which may be empty, and the attributes of all containers.
    origin: Origin,
    /// By the name of the container.
    images: BTreeMap<String, String>,
}

impl From<Object> for Pod {
    fn from(Object { metadata, spec }: Object) -> Self {
        let label = |name: &str| metadata.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let service = NAMES.iter().find_map(|name| label(name)).unwrap_or_default();
        let (kind, workload) = workload(&metadata.owner_references, label(HASH));
        let mut origin = Origin::new(service)
            .with("kubernetes.node", &spec.node_name)
            .with("kubernetes.workload", workload)
            .with("kubernetes.workload_kind", kind);
        let is_attribute = |name: &str| !name.starts_with("logboom.") && !NOT_ATTRIBUTES.contains(&name);
        for (name, value) in metadata.labels.iter().filter(|(name, _)| is_attribute(name)).take(LABELS) {
            origin = origin.with_label(&format!("kubernetes.labels.{name}"), value);
        }
        let containers = spec.containers.into_iter().chain(spec.init_containers).chain(spec.ephemeral_containers);
        let enable = metadata.annotations.enable.as_deref().into_iter().chain(label(ENABLE));
        Self {
            is_excluded: enable.into_iter().any(|value| value.eq_ignore_ascii_case("false")),
            origin,
            images: containers.map(|container| (container.name, container.image)).collect(),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.annotations.mirror.unwrap_or(metadata.uid),
        }
    }
}

impl Pod {
    /// Adds its attributes to those of a container of it. The service becomes the name of the application, if a label
    /// has it.
    pub(in crate::agent) fn describe(&self, container: &str, mut origin: Origin) -> Origin {
        if !self.origin.service.is_empty() {
            origin.service = self.origin.service.clone();
        }
        origin.attributes.extend(self.origin.attributes.iter().cloned());
        origin.with("container.image.name", self.images.get(container).map(String::as_str).unwrap_or_default())
    }
}

/// The kind and the name of the workload; both are empty if there is none. The kubelet owns static pods, which have none.
fn workload<'a>(owners: &'a [Owner], hash: Option<&str>) -> (&'a str, &'a str) {
    let Some(owner) = owners.iter().find(|owner| owner.controller && owner.kind != "Node") else {
        return ("", "");
    };
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
    match deployment.filter(|_| owner.kind == "ReplicaSet") {
        Some(deployment) => ("Deployment", deployment),
        None => (&owner.kind, &owner.name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: Value, spec: Value) -> Pod {
        let mut object = json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "u"}, "spec": spec});
        object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        serde_json::from_value::<Object>(object).unwrap().into()
    }

    fn described(pod: &Pod, container: &str) -> (String, String) {
        let origin = pod.describe(container, Origin::new(container));
        let attributes: Vec<String> = origin.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (origin.service.to_string(), attributes.join(" "))
    }

    #[test]
    fn the_service_is_the_label_with_the_name_of_the_application() {
        for (labels, service) in [
            (json!({"app.kubernetes.io/name": "shop", "app": "other"}), "shop"),
            (json!({"app": "shop"}), "shop"),
            (json!({"app": ""}), "nginx"),
            (json!({"team": "a"}), "nginx"),
        ] {
            assert_eq!(described(&pod(json!({"labels": labels}), json!({})), "nginx").0, service, "{labels}");
        }
    }

    #[test]
    fn labels_node_and_image_are_attributes() {
        let metadata = json!({"labels": {
            "app": "shop", "empty": "", "logboom.enable": "true", "pod-template-hash": "7d9f", "controller-uid": "1",
            "topology.kubernetes.io/zone": "a"
        }});
        let spec = json!({
            "nodeName": "n1",
            "containers": [{"name": "nginx", "image": "nginx:1"}], "initContainers": [{"name": "init", "image": "busybox"}]
        });
        let pod = pod(metadata, spec);
        let common = "kubernetes.node=n1 kubernetes.labels.app=shop kubernetes.labels.topology.kubernetes.io/zone=a";
        assert!(!pod.is_excluded);
        assert_eq!(described(&pod, "nginx").1, format!("{common} container.image.name=nginx:1"));
        assert_eq!(described(&pod, "init").1, format!("{common} container.image.name=busybox"));
        assert_eq!(described(&pod, "other").1, common);
    }

    #[test]
    fn many_labels_are_cut_off() {
        let labels: serde_json::Map<String, Value> = (0..100).map(|n| (format!("l{n:03}"), json!("x"))).collect();
        let attributes = described(&pod(json!({"labels": labels}), json!({})), "c").1;
        assert_eq!(attributes.split(' ').count(), LABELS);
    }

    #[test]
    fn the_workload_is_the_controller_and_a_deployment_above_its_replica_set() {
        let hashed = json!({"pod-template-hash": "7d9f"});
        for (kind, name, controller, labels, expected) in [
            ("ReplicaSet", "web-front-7d9f", true, hashed.clone(), "web-front Deployment"),
            ("ReplicaSet", "web-7d9f", true, json!({}), "web-7d9f ReplicaSet"),
            ("ReplicaSet", "own", true, hashed.clone(), "own ReplicaSet"),
            ("StatefulSet", "db", true, json!({}), "db StatefulSet"),
            ("DaemonSet", "agent", true, json!({}), "agent DaemonSet"),
            ("Job", "backup-29", true, json!({}), "backup-29 Job"),
            ("Node", "n1", true, json!({}), ""),
            ("Other", "x", false, json!({}), ""),
        ] {
            let owners = json!([{"kind": kind, "name": name, "controller": controller}]);
            let pod = pod(json!({"labels": labels, "ownerReferences": owners}), json!({}));
            let values: Vec<String> = pod.origin.attributes.iter().map(|(_, value)| value.to_string()).collect();
            assert_eq!(values.join(" "), expected, "{kind} {name}");
        }
    }

    #[test]
    fn a_label_or_an_annotation_leaves_a_pod_out() {
        for (metadata, is_excluded) in [
            (json!({}), false),
            (json!({"labels": {"logboom.enable": "False"}}), true),
            (json!({"annotations": {"logboom.enable": "false"}}), true),
            (json!({"labels": {"logboom.enable": "false"}, "annotations": {"logboom.enable": "true"}}), true),
            (json!({"annotations": {"logboom.enable": "true"}}), false),
        ] {
            assert_eq!(pod(metadata.clone(), json!({})).is_excluded, is_excluded, "{metadata}");
        }
    }

    #[test]
    fn a_static_pod_has_the_uid_of_its_log_files() {
        let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "hash", "other": "x"}});
        assert_eq!(pod(mirror, json!({})).uid, "hash");
        assert_eq!(pod(json!({}), json!({})).uid, "u");
    }
}
