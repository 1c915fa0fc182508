//! What the path of a container's log tells: namespace, pod and container.
//!
//! | path | made by |
//! |---|---|
//! | `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log` | the kubelet |
//! | `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` | the kubelet, symbolic links to the first |

use std::path::Path;

use crate::agent::records::Origin;

/// What all records of the file have in common. A path of another form gives the name of the file as the service.
pub(super) fn origin(path: &Path) -> Origin {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default().to_owned()
    };
    let (file, container) = (name(Some(path)), name(path.parent()));
    let pod = name(path.parent().and_then(Path::parent));
    let stem = file.split('.').next().unwrap_or_default();
    if let [namespace, pod, uid] = pod.split('_').collect::<Vec<_>>()[..] {
        return named(namespace, pod, &container)
            .with("kubernetes.pod_uid", uid)
            .with("kubernetes.restart_count", if is_number(stem) { stem } else { "" });
    }
    // The names of pods and namespaces have no underscore, so the pieces are certain.
    let stem = file.strip_suffix(".log").unwrap_or(&file);
    if let [pod, namespace, rest] = stem.split('_').collect::<Vec<_>>()[..]
        && let Some((container, id)) = rest.rsplit_once('-')
    {
        return named(namespace, pod, container).with("container.id", id);
    }
    Origin::new(stem)
}

fn named(namespace: &str, pod: &str, container: &str) -> Origin {
    Origin::new(container)
        .with("kubernetes.namespace", namespace)
        .with("kubernetes.pod", pod)
        .with("kubernetes.container", container)
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
            ("/var/log/other.log".to_owned(), "other", String::new()),
        ] {
            let origin = origin(Path::new(&path));
            let found: Vec<String> = origin.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!((origin.service.as_str(), found.join(" ")), (service, attributes), "{path}");
        }
    }
}
