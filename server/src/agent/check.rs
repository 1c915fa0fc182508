//! `logboom agent check`: looks at a running agent, or at the options of one that is to run.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use reqwest::StatusCode;
use rustix::fs::{Access, access};
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use super::{
    destinations::definition,
    health::{Health, Readiness},
    inputs,
};
use crate::{
    commands::{client::Server, credentials::Credentials, printable},
    config::{AgentCheckOptions, To},
};

/// The limit of each connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Prints one line for each finding.
///
/// # Errors
/// Something is not well.
pub(crate) async fn run(options: &AgentCheckOptions) -> anyhow::Result<()> {
    match &options.server {
        Some(url) => running(url, &options.credentials).await,
        None => configured(options).await,
    }
}

async fn running(url: &Url, credentials: &Credentials) -> anyhow::Result<()> {
    let server = Server::new(url.clone(), credentials.clone());
    let answer = server.connect()?.get(url.join("/healthz")?).timeout(CONNECT).send().await;
    let answer = answer
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("{url} cannot be reached; name a running agent by --server"))?;
    // One that delivers nothing answers 503, with its state.
    let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let answer = if refused { server.checked(answer).await? } else { answer };
    let answer = answer.bytes().await.map_err(reqwest::Error::without_url)?;
    if let Ok(Readiness { ready }) = serde_json::from_slice(&answer) {
        print("the agent shows details only to callers who may read; start it with --anonymous read=127.0.0.1/32");
        ensure!(ready, "the agent does not take records");
        return Ok(());
    }
    let health: Health = serde_json::from_slice(&answer).with_context(|| format!("{url} is no agent"))?;
    let Health { delivered, refused, dropped, waiting, .. } = &health;
    let records = waiting.records.map_or_else(|| "an unknown number of".to_owned(), |records| records.to_string());
    print(&format!(
        "{delivered} records delivered, {refused} refused, {dropped} dropped; {records} wait, the oldest for {:.0} s",
        waiting.seconds
    ));
    for destination in &health.destinations {
        let error = destination.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        print(&format!("{} is {}{error}", destination.to, destination.state));
    }
    for input in &health.inputs {
        let lag = input.lag_bytes.map(|bytes| format!(", {bytes} bytes not read yet")).unwrap_or_default();
        let error = input.error.as_deref().map(|error| format!("; {error}")).unwrap_or_default();
        print(&format!("--{}: {} sources, {} records{lag}{error}", input.input, input.sources, input.records));
        if let Some(metadata) = &input.metadata {
            print(&format!("--{}: {}", input.input, metadata.text()));
        }
    }
    for trouble in &health.troubles {
        print(trouble);
    }
    ensure!(health.troubles.is_empty(), "the agent does not take or deliver records; see above");
    ensure!(health.delivers(), "no destination takes records; see above");
    Ok(())
}

async fn configured(options: &AgentCheckOptions) -> anyhow::Result<()> {
    inputs::validate(&options.inputs)?;
    let (mut reachable, mut broken, mut unreadable) = (0, 0, 0);
    match writable(&options.data) {
        Ok(()) => print(&format!("--data {} can be written", options.data.display())),
        Err(error) => {
            broken += 1;
            print(&format!("--data {} cannot be written: {error}", options.data.display()));
        }
    }
    for (index, To(url)) in options.to.iter().enumerate() {
        let definition = definition(index, url)?.with_default_key(options.credentials.key());
        let target = &definition.target;
        // Reads the secrets.
        definition.build("")?;
        let reached = match definition.address() {
            Some((host, port)) => match timeout(CONNECT, TcpStream::connect((host.as_str(), port))).await {
                Ok(connected) => connected.map(drop),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {CONNECT:?}"))),
            },
            None => writable(folder(target)),
        };
        match reached {
            Ok(()) => {
                reachable += 1;
                print(&format!("{target} can be reached"));
            }
            Err(error) => print(&format!("{target} cannot be reached: {error}")),
        }
    }
    for finding in inputs::check(&options.inputs).await {
        unreadable += usize::from(!finding.is_well);
        print(&finding.text);
    }
    ensure!(broken == 0, "the data folder cannot be written; name another by --data");
    if reachable == 0 {
        bail!("no destination can be reached; check --to");
    }
    ensure!(unreadable == 0, "an input cannot be read, or the metadata of pods; see above");
    Ok(())
}

/// The folder of a sink to files: the path up to its first part that depends on the record.
fn folder(target: &str) -> &Path {
    let path = target.strip_prefix("file://").unwrap_or(target);
    let path = path.split(['{', '?']).next().unwrap_or(path);
    Path::new(path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder }))
}

/// Whether files can be made in the folder, or the folder itself where it is missing.
fn writable(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        let probe = folder.join(format!(".logboom-check-{}", std::process::id()));
        fs::write(&probe, b"")?;
        return fs::remove_file(&probe);
    }
    let absolute = std::path::absolute(folder)?;
    let above = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if !above.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is no folder", above.display())));
    }
    Ok(access(above, Access::WRITE_OK | Access::EXEC_OK)?)
}

fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{}", printable::text(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_sink_to_files_ends_before_what_depends_on_the_record() {
        for (target, expected) in [
            ("file:///var/log/all/{service}-{yyyy}.log", "/var/log/all"),
            ("file:///var/log/{service}/x.log?rotate=1MB", "/var/log"),
            ("file:///all.log", "/"),
        ] {
            assert_eq!(folder(target), Path::new(expected));
        }
    }

    #[test]
    fn a_folder_is_writable_if_it_or_its_parent_is() {
        let temporary = tempfile::tempdir().unwrap();
        writable(temporary.path()).unwrap();
        writable(&temporary.path().join("a/b")).unwrap();
        fs::write(temporary.path().join("file"), "").unwrap();
        let error = writable(&temporary.path().join("file/b")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
    }
}
