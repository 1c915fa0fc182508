//! Options of what `logboom agent` reads by itself.

use std::path::PathBuf;

use clap::Args;
use url::Url;

use crate::files::{Format, Multiline};

/// The logs that an agent reads by itself.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct InputOptions {
    /// Follows files: each new line is a record, or a JSON object with one; may be given several times. A file is read
    /// from its start, and then from where the agent was, also after rotation. Example: /var/log/nginx/*.log
    #[arg(long = "file", env = "LOGBOOM_FILE", value_name = "GLOB", value_delimiter = '\n', value_parser = parse_glob,
          help_heading = "Reading")]
    pub files: Vec<glob::Pattern>,

    /// Follows the logs of Kubernetes' containers on this node. The default pattern is that of the kubelet.
    #[arg(long, env = "LOGBOOM_KUBERNETES", value_name = "GLOB", num_args = 0..=1,
          default_missing_value = "/var/log/pods/*/*/*.log", value_parser = parse_glob, help_heading = "Reading")]
    pub kubernetes: Option<glob::Pattern>,

    /// The API server for --kubernetes, as the source of labels, workload, node and image; by default that of the pod in
    /// which the agent runs. Without one, or while it does not answer, records have what is in the path of their file.
    /// "off" asks none. http:// is for `kubectl proxy`.
    #[arg(long, env = "LOGBOOM_KUBERNETES_API", value_name = "URL", value_parser = parse_api, help_heading = "Reading")]
    pub kubernetes_api: Option<KubernetesApi>,

    /// The file with the token for the URL of --kubernetes-api. It is read again for each call.
    #[arg(
        long,
        env = "LOGBOOM_KUBERNETES_TOKEN_FILE",
        value_name = "FILE",
        requires = "kubernetes_api",
        help_heading = "Reading"
    )]
    pub kubernetes_token_file: Option<PathBuf>,

    /// The file with the certificates to trust for the URL of --kubernetes-api; by default those of the system.
    #[arg(
        long,
        env = "LOGBOOM_KUBERNETES_CA_FILE",
        value_name = "FILE",
        requires = "kubernetes_api",
        help_heading = "Reading"
    )]
    pub kubernetes_ca_file: Option<PathBuf>,

    /// The Kubernetes node whose pods the API server is asked for; by default the environment variable NODE_NAME, or
    /// --node. Without a name, pods of all nodes are asked for, at most 2000.
    #[arg(long, env = "LOGBOOM_KUBERNETES_NODE", value_name = "NAME", help_heading = "Reading")]
    pub kubernetes_node: Option<String>,

    /// Follows the logs of all Docker containers, by the socket of the daemon.
    #[arg(long, env = "LOGBOOM_DOCKER", value_name = "SOCKET", num_args = 0..=1,
          default_missing_value = "unix:///var/run/docker.sock", value_parser = parse_socket, help_heading = "Reading")]
    pub docker: Option<PathBuf>,

    /// The name of a container that is not read; may be given several times. The label logboom.enable=false of a
    /// container has the same effect.
    #[arg(long, env = "LOGBOOM_DOCKER_EXCLUDE", value_name = "NAME", value_delimiter = ',', help_heading = "Reading")]
    pub docker_exclude: Vec<String>,

    /// Follows the systemd journal, by the program journalctl. A folder, such as /host/var/log/journal, is that of a
    /// journal in another place.
    #[arg(long, env = "LOGBOOM_JOURNALD", value_name = "DIR", num_args = 0..=1, default_missing_value = "true",
          value_parser = parse_journal, help_heading = "Reading")]
    pub journald: Option<JournalFolder>,

    /// Joins lines to records, such as stack traces: java, python, go, node, dotnet, or start: and a regular expression
    /// for the first line of each record, such as start:^[0-9]{4}-. A record has at most 1000 lines and 256 KiB, and is
    /// complete 1 s after its last line.
    #[arg(long, env = "LOGBOOM_MULTILINE", value_name = "PRESET|start:REGEX", help_heading = "Reading")]
    pub multiline: Option<Multiline>,

    /// The name of this machine in records that name none; by default its host name. In a pod, give the name of the
    /// Kubernetes node.
    #[arg(long, env = "LOGBOOM_NODE", value_name = "NAME", help_heading = "Reading")]
    pub node: Option<String>,
}

/// The folder of a journal; `None`: the usual place.
#[derive(Debug, Clone, Default)]
pub(crate) struct JournalFolder(pub(crate) Option<PathBuf>);

/// The API server of `--kubernetes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KubernetesApi {
    /// None is asked.
    Off,
    At(Url),
}

impl InputOptions {
    /// The format of lines of files.
    pub(crate) fn lines(&self) -> Format {
        Format { is_cri: false, multiline: self.multiline.clone() }
    }

    /// The format of lines of containers.
    pub(crate) fn containers(&self) -> Format {
        Format { is_cri: true, multiline: self.multiline.clone() }
    }
}

fn parse_glob(text: &str) -> Result<glob::Pattern, String> {
    let pattern = glob::Pattern::new(text)
        .map_err(|error| format!("{text:?} is no pattern of paths: {error}; write it as /var/log/nginx/*.log"))?;
    // A checkpoint must mean the same file in every working directory.
    if text.starts_with('/') { Ok(pattern) } else { Err(format!("{text:?} is not absolute; begin it with /")) }
}

fn parse_api(text: &str) -> Result<KubernetesApi, String> {
    if text == "off" {
        return Ok(KubernetesApi::Off);
    }
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none() =>
        {
            Ok(KubernetesApi::At(url))
        }
        _ => Err(format!("{text:?} is no address of an API server; write it as https://10.96.0.1:443, or off")),
    }
}

fn parse_socket(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.starts_with('/') {
        return Ok(path.into());
    }
    Err(format!("{text:?} is no Unix socket; write it as unix:///var/run/docker.sock"))
}

fn parse_journal(text: &str) -> Result<JournalFolder, String> {
    match text {
        // The option without a value, and how an environment variable turns it on.
        "true" => Ok(JournalFolder(None)),
        folder if folder.starts_with('/') => Ok(JournalFolder(Some(folder.into()))),
        _ => Err(format!("{text:?} is not absolute; begin it with /, or give no folder")),
    }
}
