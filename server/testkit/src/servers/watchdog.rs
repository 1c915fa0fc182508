//! What ends a server when its test process ends.
//!
//! `Drop` does not run for a static, an abort or a kill, so each server has a small
//! shell that waits on a pipe from the test process. A word says that the server has
//! ended properly; the end of the pipe, which the kernel brings about however the
//! process dies, says that it was left behind: the shell then ends it and removes its
//! folder. A pipe and not a poll of the parent's pid: it is instant, and pids return.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// Arguments: the pid and the folder. `QUIT` ends PostgreSQL without a checkpoint but
/// with its shared memory released, and Erlang at once.
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

/// Watches over one process.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts watching.
    pub(super) fn watch(folder: &Path, server: &Child) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog", &server.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            // The streams of the test process would be held open past its end.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        child.map(Self).context("cannot start the watchdog shell")
    }

    /// Stops watching: the process has ended and been waited for.
    pub(super) fn release(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"ended\n");
        }
        let _ = self.0.wait();
    }
}
