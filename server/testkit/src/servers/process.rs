//! One server process, with its log and its watchdog.

use std::{
    fs::OpenOptions,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{TIMEOUT, watchdog::Watchdog};

/// A running server. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// `None` once the process has ended.
    watchdog: Option<Watchdog>,
    log: PathBuf,
}

impl Process {
    /// Starts a server that writes its standard streams to `log`. It has its own process group, so that an interrupt at
    /// the terminal reaches only the tests, and the watchdog ends the server. The watchdog removes `folder` if the
    /// server is orphaned.
    pub(super) fn start(command: &mut Command, log: &Path, folder: &Path) -> Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.with_context(|| format!("cannot write the server's log {}", log.display()))?;
        let errors = output.try_clone().context("cannot share the server's log")?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut process = Self { child, watchdog: None, log: log.to_path_buf() };
        process.watchdog = Some(Watchdog::watch(folder, &process.child)?);
        Ok(process)
    }

    /// Waits until `ready` returns true.
    ///
    /// # Errors
    /// The server ended before, or the timeout expired; with the end of its log.
    pub(super) async fn ready(&mut self, mut ready: impl AsyncFnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().context("cannot wait for the server")? {
                bail!("the server ended while starting: {status}\n{}", self.log_tail());
            }
            if ready().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the server was not ready within {TIMEOUT:?}\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends the signal, such as `TERM`, and waits until the process has ended.
    pub(super) async fn end(mut self, signal: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").arg(format!("-{signal}")).arg(&pid).status().context("cannot run kill")?;
        if !status.success() {
            bail!("kill -{signal} {pid} failed: {status}");
        }
        let deadline = Instant::now() + TIMEOUT;
        while self.child.try_wait().context("cannot wait for the server")?.is_none() {
            if Instant::now() > deadline {
                bail!("the server did not end within {TIMEOUT:?}\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The last lines of the log, for the error of a failed start.
    fn log_tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both are no-ops for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.release();
        }
    }
}
