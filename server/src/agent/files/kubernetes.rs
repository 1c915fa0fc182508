//! What the path of a container's log tells: namespace, pod and container.
//!
//! | path | made by |
//! |---|---|
//! | `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log` | the kubelet |
//! | `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` | the kubelet, symbolic links to the first |

use std::path::Path;

use crate::agent::records::Origin;

/// The container of a log file. A part that is not in the path is empty.
pub(super) struct ContainerLog<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) container: &'a str,
    pub(super) uid: &'a str,
    restarts: &'a str,
    id: &'a str,
}

impl ContainerLog<'_> {
    /// The container is the service.
    pub(super) fn origin(&self) -> Origin {
        Origin::new(self.container)
            .with("kubernetes.namespace", self.namespace)
            .with("kubernetes.pod", self.pod)
            .with("kubernetes.container", self.container)
            .with("kubernetes.pod_uid", self.uid)
            .with("kubernetes.restart_count", self.restarts)
            .with("container.id", self.id)
    }
}

/// `None` if the path has another form.
pub(super) fn container_log(path: &Path) -> Option<ContainerLog<'_>> {
    fn name(path: Option<&Path>) -> &str {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
    }
    let (file, container) = (name(Some(path)), name(path.parent()));
    let folder = name(path.parent().and_then(Path::parent));
    if let [namespace, pod, uid] = folder.split('_').collect::<Vec<_>>()[..] {
        let stem = file.split('.').next().unwrap_or_default();
        let restarts = if is_number(stem) { stem } else { "" };
        return Some(ContainerLog { namespace, pod, container, uid, restarts, id: "" });
    }
    // The names of pods and namespaces have no underscore, so the pieces are certain.
    let [pod, namespace, rest] = file.strip_suffix(".log").unwrap_or(file).split('_').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (container, id) = rest.rsplit_once('-')?;
    Some(ContainerLog { namespace, pod, container, uid: "", restarts: "", id })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_pod_and_container_are_in_the_path() {
        let id = "0123456789abcdef".repeat(4);
        for (path, service, attributes) in [
            (
                "/var/log/pods/shop_web-7d9f-x2x_0a1b-2c/nginx-proxy/3.log".to_owned(),
                "nginx-proxy",
                "kubernetes.namespace=shop kubernetes.pod=web-7d9f-x2x kubernetes.container=nginx-proxy \
                 kubernetes.pod_uid=0a1b-2c kubernetes.restart_count=3"
                    .to_owned(),
            ),
            (
                format!("/var/log/containers/web-7d9f_shop_nginx-proxy-{id}.log"),
                "nginx-proxy",
                format!(
                    "kubernetes.namespace=shop kubernetes.pod=web-7d9f kubernetes.container=nginx-proxy container.id={id}"
                ),
            ),
        ] {
            let origin = container_log(Path::new(&path)).unwrap().origin();
            let found: Vec<String> = origin.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!((origin.service.as_str(), found.join(" ")), (service, attributes), "{path}");
        }
        assert!(container_log(Path::new("/var/log/other.log")).is_none());
    }
}
