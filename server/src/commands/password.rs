//! Reads a password: from a file, the standard input or the terminal.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

/// The most bytes that are read.
const PASSWORD_BYTES: u64 = 4 << 10;
const TERMINAL: &str = "/dev/tty";

/// Where the password comes from; by default it is asked for on the terminal.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PasswordSource {
    /// A file with the password.
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub password_file: Option<PathBuf>,

    /// Read the password from the standard input.
    #[arg(long)]
    pub password_stdin: bool,
}

impl PasswordSource {
    /// # Errors
    /// There is no password, or it cannot be read. The error does not contain it.
    pub(super) async fn read(&self) -> anyhow::Result<String> {
        if let Some(path) = &self.password_file {
            let file = File::open(path).with_context(|| format!("--password-file {}", path.display()))?;
            return one_line(file).with_context(|| format!("--password-file {}", path.display()));
        }
        if self.password_stdin {
            return one_line(std::io::stdin()).context("--password-stdin");
        }
        ask_twice(Path::new(TERMINAL)).await
    }
}

/// The one line of a text.
fn one_line(source: impl std::io::Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(PASSWORD_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= PASSWORD_BYTES,
        "there are more than {PASSWORD_BYTES} bytes; give the password alone"
    );
    let text = String::from_utf8(bytes).ok().context("it is not UTF-8")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ensure!(!line.is_empty(), "it is empty; give the password in one line");
    ensure!(!line.contains(['\n', '\r']), "it has more than one line; give the password alone");
    Ok(line.to_owned())
}

/// Asks on the terminal, without showing what is typed.
async fn ask_twice(terminal: &Path) -> anyhow::Result<String> {
    let silence = Silence::begin(terminal)?;
    let (done, asked) = oneshot::channel();
    let path = terminal.to_owned();
    // A thread of its own: the end of the program does not wait for it, so a signal ends the question.
    std::thread::Builder::new().name("password".to_owned()).spawn(move || {
        let _ = done.send(read_twice(&path));
    })?;
    let password = tokio::select! {
        password = asked => password.context("the question ended early")?,
        signal = crate::shutdown::requested() => Err(anyhow::anyhow!("{signal}: nothing was changed")),
    };
    drop(silence);
    password
}

fn read_twice(terminal: &Path) -> anyhow::Result<String> {
    let mut output = File::options().write(true).open(terminal)?;
    let mut input = BufReader::new(File::open(terminal)?.take(2 * PASSWORD_BYTES));
    let mut ask = |question: &str| -> anyhow::Result<String> {
        write!(output, "{question}: ")?;
        output.flush()?;
        let mut line = String::new();
        let read = input.read_line(&mut line)?;
        writeln!(output)?;
        ensure!(read > 0, "there was no password");
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    };
    let password = ask("Password")?;
    ensure!(!password.is_empty(), "the password is empty; nothing was changed");
    if ask("The same password again")? != password {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(password)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin(terminal: &Path) -> anyhow::Result<Self> {
        let no_terminal = "there is no terminal to ask for the password on; use --password-file or --password-stdin";
        let terminal = File::options().read(true).write(true).open(terminal).context(no_terminal)?;
        let before = tcgetattr(&terminal).context(no_terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // There is nothing left to do if the terminal is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        for (text, password) in [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("a b \r\n", "a b "), ("비밀\n", "비밀")]
        {
            assert_eq!(one_line(text.as_bytes()).unwrap(), password);
        }
        let long = "x".repeat(PASSWORD_BYTES as usize + 1);
        for (text, part) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"s3cret\nmore", "more than one line"),
            (b"s3cret\n\n", "more than one line"),
            (b"\xff", "not UTF-8"),
            (long.as_bytes(), "more than 4096 bytes"),
        ] {
            let error = one_line(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn without_a_terminal_the_error_names_the_other_ways() {
        for path in ["/does/not/exist", "/dev/null"] {
            let error = ask_twice(Path::new(path)).await.unwrap_err();
            assert!(format!("{error:#}").contains("--password-stdin"), "{error:#}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file\n").unwrap();
        let source = PasswordSource { password_file: Some(file.path().to_owned()), password_stdin: false };
        assert_eq!(source.read().await.unwrap(), "from a file");
    }
}
