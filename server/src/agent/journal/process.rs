//! The process `journalctl`, which reads the journal.

use std::{io, path::Path, process::Stdio, time::Duration};

use pipeline::{Error, Result};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const PROGRAM: &str = "journalctl";
/// The limit of a call that ends by itself.
const CALL: Duration = Duration::from_secs(10);
/// The most bytes of its error messages that are kept.
const MESSAGE_BYTES: u64 = 4096;

/// A running `journalctl`. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    output: ChildStdout,
}

impl Process {
    /// Follows the journal after the cursor, or from its start. `folder`: a journal elsewhere than in the usual place.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be started.
    pub(super) fn follow(folder: Option<&Path>, cursor: Option<&str>) -> Result<Self> {
        let mut command = command(folder);
        command.args(["--output=export", "--follow", "--all", "--no-tail"]);
        if let Some(cursor) = cursor {
            command.arg(format!("--after-cursor={cursor}"));
        }
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let output = child.stdout.take().ok_or_else(|| Error::internal(format!("{PROGRAM} has no output")))?;
        Ok(Self { child, output })
    }

    /// Reads what there is within the time; false if that is nothing.
    ///
    /// # Errors
    /// `Unavailable` if the process has ended.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>, within: Duration) -> Result<bool> {
        match timeout(within, self.output.read_buf(buffer)).await {
            Err(_) => Ok(false),
            Ok(Ok(0)) => Err(self.ended().await),
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) => Err(failed(&error)),
        }
    }

    async fn ended(&mut self) -> Error {
        let mut message = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            let read = async { stderr.take(MESSAGE_BYTES).read_to_string(&mut message).await };
            // A message is not worth a failure.
            let _ = timeout(CALL, read).await;
        }
        let status = match timeout(CALL, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            _ => "an unknown status".to_owned(),
        };
        Error::unavailable(format!("{PROGRAM} ended with {status}: {}", message.trim()))
    }
}

/// Reads one entry, to see whether the journal can be read.
///
/// # Errors
/// `Unavailable` if `journalctl` is missing or fails.
pub(super) async fn check(folder: Option<&Path>) -> Result<()> {
    let mut command = command(folder);
    let output = command.args(["--output=cat", "--lines=1", "--quiet"]).output();
    let output = timeout(CALL, output).await;
    let output = output.map_err(|_| Error::unavailable(format!("{PROGRAM} does not end within {CALL:?}")))?;
    let output = output.map_err(|error| failed(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(Error::unavailable(format!("{PROGRAM} ended with {}: {}", output.status, message.trim())))
}

fn command(folder: Option<&Path>) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--no-pager").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(folder) = folder {
        command.arg(format!("--directory={}", folder.display()));
    }
    command
}

fn failed(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::unavailable(format!("there is no {PROGRAM} in PATH; install systemd, or leave --journald out"));
    }
    Error::unavailable(format!("{PROGRAM} cannot be read: {error}"))
}
