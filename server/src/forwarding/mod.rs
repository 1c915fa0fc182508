//! Forwarding: starts the sinks that flags and configuration files define.
//!
//! | file | content |
//! |---|---|
//! | `command_line` | whether an option was given on the command line |
//! | `own` | whether an address is this server's own |
//! | `replays` | sending the records of a day once more |

mod command_line;
mod own;
mod replays;

use std::{collections::HashSet, net::SocketAddr, sync::Arc};

use anyhow::bail;
use model::{
    Query,
    api::SinkView,
    time::{self, Nanos},
};
use pipeline::{
    Document, Error, Json, Kind, Result,
    follow::{self, Address, FollowerStatus, Followers},
};
use serde::Deserialize;
use sinks::{Definition, target_of};

pub(crate) use command_line::is_on_command_line;
pub(crate) use own::is_own;
pub(crate) use replays::{NewReplay, Restoring, replay_view, start_replays};

/// Sinks in the files of `--config-dir`: `{"url": "…"}`. They are not stored, so neither the API nor the dashboard can
/// define one.
pub(crate) const SINK: Kind =
    Kind { name: "sink", format: 1, plural: "sinks", most_bytes: 8 << 10, most_documents: 100, check: check_document };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkDocument {
    url: String,
}

fn read_document(name: &str, body: &Json) -> Result<Definition> {
    let document: SinkDocument = body.read()?;
    Definition::parse(&format!("{name}={}", document.url))
}

fn check_document(name: &str, body: &Json) -> Result<()> {
    read_document(name, body).map(drop)
}

/// The sinks of the flags and of the files.
///
/// # Errors
/// Two have the same name, or a secret of one cannot be read.
pub(crate) fn definitions(flags: &[Definition], files: &[Document]) -> anyhow::Result<Vec<Definition>> {
    let mut definitions = flags.to_vec();
    for document in files {
        definitions.push(read_document(&document.name, &document.body)?);
    }
    let mut names = HashSet::new();
    for definition in &definitions {
        if !names.insert(definition.name.as_str()) {
            bail!("two sinks are called {}; give one of them another name", definition.name);
        }
        // Reads the secrets, so that a missing file is known at the start.
        definition.build("")?;
    }
    if is_on_command_line("--sink") {
        for definition in flags.iter().filter(|definition| definition.has_plain_secret) {
            tracing::warn!(
                sink = definition.name,
                "the password of the sink is on the command line, where other users of the machine may read it; set \
                 {} instead",
                definition.password_variable()
            );
        }
    }
    Ok(definitions)
}

/// Starts the sinks.
///
/// # Errors
/// A sink sends to this server, or the stored cursors cannot be read.
pub(crate) async fn start(
    definitions: Vec<Definition>,
    store_id: &str,
    addresses: &[SocketAddr],
    options: &follow::Options,
) -> anyhow::Result<Arc<Followers>> {
    for definition in &definitions {
        if let Some((host, port)) = definition.address()
            && is_own(&host, port, addresses).await
        {
            bail!(
                "the sink {} sends to {host}:{port}, which is this server: every record would return; name another \
                 destination",
                definition.name
            );
        }
    }
    let followers = definitions.into_iter().map(|definition| follower(definition, store_id.to_owned()));
    let followers = followers.collect::<Result<_>>()?;
    Ok(Followers::start(followers, options).await?)
}

fn follower(definition: Definition, own: String) -> Result<follow::Definition> {
    let query = Query::parse(&definition.query).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(follow::Definition {
        name: definition.name.clone(),
        target: address(&definition),
        query_text: definition.query.clone(),
        query,
        start: definition.start,
        build: Arc::new(move || definition.build(&own)),
    })
}

/// Earlier versions stored it with more parameters.
fn address(definition: &Definition) -> Address {
    Address::new(definition.target.clone(), target_of)
}

/// The sinks, for the API and the page System.
pub(crate) fn views(followers: &Followers) -> Vec<SinkView> {
    followers.status().into_iter().map(view).collect()
}

fn view(status: FollowerStatus) -> SinkView {
    let at = |time: Option<Nanos>| time.map(time::format_rfc3339);
    SinkView {
        name: status.name,
        target: status.target,
        query: status.query,
        state: status.state.name().to_owned(),
        records: status.records,
        refused: status.refused,
        behind_records: status.behind.map(|behind| behind.records),
        behind_bytes: status.behind.map(|behind| behind.bytes),
        behind_is_more: status.behind.is_some_and(|behind| behind.is_lower_bound),
        waiting_since: at(status.waiting_since),
        deleted_at: at(status.deleted_at),
        acknowledged: at(status.acknowledged),
        error: status.error,
    }
}
