//! The destinations of `--to`: the URLs of sinks, and plain URLs of another Logboom.

use std::{net::SocketAddr, sync::Arc};

use anyhow::bail;
use pipeline::{Error, Result, relay::Destination};
use sinks::{Definition, Key};

use crate::forwarding;

/// The URL of the sink that `--to` means: `http[s]://host:port` without a path is another Logboom.
///
/// # Errors
/// `Invalid` for parameters that need a store.
pub(crate) fn sink_url(text: &str) -> Result<String> {
    let text = text.trim();
    let (before, parameters) = text.split_once('?').unwrap_or((text, ""));
    for parameter in parameters.split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        if matches!(name, "query" | "from") {
            return Err(Error::invalid(format!(
                "parameter `{name}`: an agent sends everything it takes, from the oldest record on; leave it out"
            )));
        }
    }
    let Some((scheme, rest)) = before.split_once("://") else { return Ok(text.to_owned()) };
    let is_http = ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
    let has_path = rest.trim_end_matches('/').contains('/');
    Ok(if is_http && !has_path { format!("logboom+{text}") } else { text.to_owned() })
}

/// The sink of the `index`-th destination. Its name, `to1` and so on, is a part of the variables with its secrets.
///
/// # Errors
/// As [`Definition::parse_unfiltered`].
pub(crate) fn definition(index: usize, url: &str) -> Result<Definition> {
    Definition::parse_unfiltered(&format!("to{}", index + 1), url)
}

/// All destinations, in the order of the options; each as by [`sink_url`]. The key goes to those that are another
/// Logboom and have no secret of their own.
///
/// # Errors
/// Two are the same, one is this agent, or a secret cannot be read.
pub(super) async fn definitions(
    urls: &[&str],
    key: Option<&Key>,
    listening: &[SocketAddr],
) -> anyhow::Result<Vec<Definition>> {
    let is_on_command_line = forwarding::is_on_command_line("--to");
    let mut definitions: Vec<Definition> = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let definition = definition(index, url)?.with_default_key(key.cloned());
        if definitions.iter().any(|other| other.target == definition.target) {
            bail!("--to {} is given twice; give it once", definition.target);
        }
        if let Some((host, port)) = definition.address()
            && forwarding::is_own(&host, port, listening).await
        {
            bail!("--to {host}:{port} is this agent: every record would return; name another destination");
        }
        if definition.has_plain_secret && is_on_command_line {
            tracing::warn!(
                to = definition.target,
                "the password is on the command line, where other users of the machine may read it; set {} instead",
                definition.password_variable()
            );
        }
        // Reads the secrets, so that a missing file is known at the start.
        definition.build("")?;
        if definition.exposes_secret()? {
            tracing::warn!(
                to = definition.target,
                "the key or the password goes to another machine without encryption, where others on the way can read \
                 it; use https"
            );
        }
        definitions.push(definition);
    }
    Ok(definitions)
}

/// The destination of a definition. `own` is the id of this agent.
pub(super) fn destination(definition: Definition, own: &str) -> Destination {
    let own = own.to_owned();
    Destination { target: definition.target.clone(), build: Arc::new(move || definition.build(&own)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_is_a_logboom() {
        for (text, url) in [
            ("http://center:3000", "logboom+http://center:3000"),
            ("https://center/", "logboom+https://center/"),
            ("https://center?compress=zstd", "logboom+https://center?compress=zstd"),
            ("http://center:3000/api/v1/push", "http://center:3000/api/v1/push"),
            ("tcp://host:5000", "tcp://host:5000"),
            ("file:///var/log/all.ndjson", "file:///var/log/all.ndjson"),
        ] {
            assert_eq!(sink_url(text).unwrap(), url);
            definition(0, url).unwrap();
        }
    }

    #[test]
    fn an_error_suggests_only_what_an_agent_takes() {
        for (text, part) in [
            ("gopher://center", "`gopher` is unknown"),
            ("center:3000", "no known scheme"),
            ("tcp://host:1?compres=gzip", "`compres` is unknown here; allowed: fields"),
        ] {
            let error = definition(0, &sink_url(text).unwrap()).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
            for part in ["query", "from", "to1", "NAME"] {
                assert!(!error.message.contains(part), "{text}: {error}");
            }
            if let Some((_, example)) = error.message.split_once("as in ") {
                definition(0, &sink_url(example).unwrap()).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn the_agent_itself_and_a_destination_twice_are_refused() {
        let listening = ["127.0.0.1:3000".parse().unwrap()];
        for (urls, reason) in [
            (&["tcp://127.0.0.1:1", "tcp://127.0.0.1:1"][..], "twice"),
            (&["tcp://127.0.0.1:1", "tcp://127.0.0.1:1?fields=ecs"], "twice"),
            (&["logboom+http://localhost:3000"], "this agent"),
            (&["logboom+http://0.0.0.0:3000"], "this agent"),
        ] {
            let error = definitions(urls, None, &listening).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let others = definitions(&["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"], None, &listening).await.unwrap();
        assert_eq!(others.len(), 2);
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_read_ends_the_start_and_concerns_another_logboom_alone() {
        let key = Key::given(Some(std::path::Path::new("/does/not/exist")));
        let error = definitions(&["logboom+http://127.0.0.1:1"], key.as_ref(), &[]).await.unwrap_err().to_string();
        assert!(error.contains("--key-file: the file /does/not/exist cannot be used"), "{error}");
        assert!(definitions(&["tcp://127.0.0.1:1", "http://127.0.0.1:1/in"], key.as_ref(), &[]).await.is_ok());
    }
}
