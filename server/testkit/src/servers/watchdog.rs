//! Ends a server when its test process ends.
//!
//! `Drop` does not run for a static, an abort or a kill, so each server has a small shell that waits on a pipe from the
//! test process. A word on the pipe means that the server ended cleanly. End-of-file, which the kernel causes however
//! the process dies, means that the server was orphaned: the shell then ends it and removes its folder. A pipe instead
//! of polling the parent's pid: it is immediate, and pids are reused.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// Arguments: the pid and the folder. `QUIT` ends PostgreSQL without a checkpoint but releases its shared memory, and
/// ends Erlang at once.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
word=
read -r word
[ "$word" = ended ] && exit 0
kill -QUIT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.5
done
kill -KILL "$1" 2>/dev/null
for _ in 1 2 3 4 5 6; do
    rm -rf -- "$2" 2>/dev/null && break
    sleep 0.5
done
"#;

/// Watches one process.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts watching.
    pub(super) fn watch(folder: &Path, server: &Child) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog", &server.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            // Inherited streams of the test process would stay open after its end.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        child.map(Self).context("cannot start the watchdog shell")
    }

    /// Stops watching: the process has ended and been reaped.
    pub(super) fn release(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"ended\n");
        }
        let _ = self.0.wait();
    }
}
