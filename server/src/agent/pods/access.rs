//! Where the API server is, and how it is called.

use std::{
    env,
    path::{Path, PathBuf},
};

use url::Url;

use crate::config::{InputOptions, KubernetesApi};

/// The folder of the ServiceAccount in a pod.
/// Reference: <https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// An API server and the pods of interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Access {
    /// The base address, such as `https://10.96.0.1:443`.
    pub(super) url: Url,
    /// The file with the bearer token. It is read for each call, because the kubelet replaces it.
    pub(super) token: Option<PathBuf>,
    /// The file with the certificates to trust; `None`: those of the system.
    pub(super) certificates: Option<PathBuf>,
    /// The node of the pods; `None`: all nodes.
    pub(super) node: Option<String>,
}

impl Access {
    /// The API server of the options, or that of the pod in which the agent runs. `None` if there is none.
    pub(in crate::agent) fn find(options: &InputOptions) -> Option<Self> {
        Self::from(options, |name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(options: &InputOptions, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let node = options.kubernetes_node.clone().or_else(|| variable("NODE_NAME")).or_else(|| options.node.clone());
        let token = options.kubernetes_token_file.clone();
        let certificates = options.kubernetes_ca_file.clone();
        match &options.kubernetes_api {
            Some(KubernetesApi::Off) => None,
            // The token of the pod is not sent to another address.
            Some(KubernetesApi::At(url)) => Some(Self { url: url.clone(), token, certificates, node }),
            None => {
                let url = in_cluster(&variable("KUBERNETES_SERVICE_HOST")?, &variable("KUBERNETES_SERVICE_PORT")?)?;
                let file = |name| Path::new(SERVICE_ACCOUNT).join(name);
                Some(Self { url, token: Some(file("token")), certificates: Some(file("ca.crt")), node })
            }
        }
    }

    /// The address for messages.
    pub(in crate::agent) fn name(&self) -> String {
        format!("the API server {}", self.url.origin().ascii_serialization())
    }
}

/// The address in the variables of a pod. The host may be an IPv6 address without brackets.
fn in_cluster(host: &str, port: &str) -> Option<Url> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Url::parse(&format!("https://{host}:{port}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_that_of_the_options_or_of_the_pod() {
        let pod = [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "443")];
        let six = [("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "6443")];
        let named = |node: &str| InputOptions { node: Some(node.into()), ..InputOptions::default() };
        let at = |url: &str| InputOptions {
            kubernetes_api: Some(KubernetesApi::At(Url::parse(url).unwrap())),
            ..InputOptions::default()
        };
        let off = InputOptions { kubernetes_api: Some(KubernetesApi::Off), ..InputOptions::default() };
        let own = InputOptions { kubernetes_node: Some("own".into()), ..named("shown") };
        for (options, variables, expected) in [
            (InputOptions::default(), &[][..], None),
            (InputOptions::default(), &pod[..1], None),
            (InputOptions::default(), &pod[..], Some(("https://10.96.0.1/", true, None))),
            (named("n1"), &six[..], Some(("https://[fd00::1]:6443/", true, Some("n1")))),
            (own.clone(), &pod[..], Some(("https://10.96.0.1/", true, Some("own")))),
            (off, &pod[..], None),
            (at("http://127.0.0.1:8001/x"), &pod[..], Some(("http://127.0.0.1:8001/x", false, None))),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let found = Access::from(&options, variable);
            let found = found.as_ref().map(|access| {
                (access.url.as_str(), access.token.is_some() && access.certificates.is_some(), access.node.as_deref())
            });
            assert_eq!(found, expected, "{options:?}");
        }
        let variable = |name: &str| (name == "NODE_NAME").then(|| "variable".to_owned());
        let options = InputOptions { node: Some("shown".into()), ..at("https://api.example.com") };
        assert_eq!(Access::from(&options, variable).unwrap().node.as_deref(), Some("variable"));
    }
}
