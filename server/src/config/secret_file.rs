//! Files with a secret: a password, or keys.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, bail, ensure};

/// The limit of such a file, in bytes.
const FILE_BYTES: u64 = 64 << 10;

/// The only line of a file. `option` names it in errors, which never contain what is in it.
///
/// # Errors
/// The file cannot be read, is empty or has several lines.
pub(crate) fn read_secret(option: &str, path: &Path) -> anyhow::Result<String> {
    let mut lines = read_secrets(option, path)?;
    ensure!(lines.len() == 1, "{option} {}: the file has {} lines; it must have one", path.display(), lines.len());
    Ok(lines.remove(0))
}

/// The lines of a file that are not empty; otherwise like [`read_secret`].
///
/// # Errors
/// The file cannot be read, is too large, or is empty.
pub(crate) fn read_secrets(option: &str, path: &Path) -> anyhow::Result<Vec<String>> {
    let named = || format!("{option} {}: the file cannot be read", path.display());
    let mut text = String::new();
    let file = fs::File::open(path).with_context(named)?;
    file.take(FILE_BYTES + 1).read_to_string(&mut text).with_context(named)?;
    if text.len() as u64 > FILE_BYTES {
        bail!("{option} {}: the file has more than {FILE_BYTES} bytes", path.display());
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "{option} {}: the file is empty; write the secret into it", path.display());
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_only_line_and_errors_name_the_option_and_not_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            read_secret("--admin-password-file", &path).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(read("correct horse\n").as_deref(), Ok("correct horse"));
        for (text, reason) in [("", "empty"), (" \n\n", "empty"), ("one\ntwo\n", "2 lines")] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("--admin-password-file") && error.contains(reason), "{error}");
            assert!(!error.contains("two"), "{error}");
        }
        assert!(read(&"x".repeat(70_000)).is_err_and(|error| error.contains("65536")));
        fs::remove_file(&path).unwrap();
        let error = read_secret("--accept-key-file", &path).unwrap_err();
        assert!(format!("{error:#}").contains("cannot be read"), "{error:#}");
    }
}
