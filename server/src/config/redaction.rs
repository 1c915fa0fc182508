//! Options of redaction.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use pipeline::redact::{Key, Redaction};

/// Options of redaction.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Redaction")]
pub(crate) struct RedactionOptions {
    /// What is taken out of records before anything of them is written: PRESET, or NAME=/regex/, then [in FIELD,…], then
    /// [mask|hash|drop]. May be given several times, and in the environment variable one per line. Presets: card, email,
    /// ipv4, ipv6, bearer, jwt, aws-key, krrn (Korean resident number), phone. Examples: card; email hash;
    /// pin=/pin=(\d{4})/; password=any in password drop. See docs/redaction.md.
    #[arg(long, env = "LOGBOOM_REDACT", value_name = "RULE", value_delimiter = '\n', hide_env_values = true)]
    pub redact: Vec<String>,

    /// A file with more rules, one per line; lines that begin with # are comments.
    #[arg(long, env = "LOGBOOM_REDACT_FILE", value_name = "FILE")]
    pub redact_file: Option<PathBuf>,

    /// A file with the key of the action hash, at least 16 bytes. Nodes and agents with the same file give equal values
    /// equal hashes.
    #[arg(long, env = "LOGBOOM_REDACT_KEY_FILE", value_name = "FILE")]
    pub redact_key_file: Option<PathBuf>,
}

impl RedactionOptions {
    /// Compiles the rules; `None` without one and without a key. Must be called after the metrics recorder is installed.
    ///
    /// # Errors
    /// A file cannot be read, or a rule or the key is wrong.
    pub(crate) fn build(&self) -> anyhow::Result<Option<Arc<Redaction>>> {
        let file = match &self.redact_file {
            Some(path) => fs::read_to_string(path).with_context(|| format!("--redact-file {}", path.display()))?,
            None => String::new(),
        };
        let key = match &self.redact_key_file {
            Some(path) => {
                let content = fs::read(path).with_context(|| format!("--redact-key-file {}", path.display()))?;
                Some(Key::new(&content).with_context(|| format!("--redact-key-file {}", path.display()))?)
            }
            None => None,
        };
        let given = self.redact.iter().map(String::as_str).chain(file.lines()).map(str::trim);
        let rules: Vec<&str> = given.filter(|rule| !rule.is_empty() && !rule.starts_with('#')).collect();
        if rules.is_empty() && key.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Redaction::new(rules, key)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    #[test]
    fn rules_come_from_options_and_a_file_without_its_comments() {
        let rules = file("# what people type\nemail hash\n\n  pin=/pin=(\\d{4})/  \n");
        let key = file("0123456789abcdef0123456789abcdef\n");
        let options = RedactionOptions {
            redact: vec!["card".to_owned(), " ".to_owned()],
            redact_file: Some(rules.path().to_owned()),
            redact_key_file: Some(key.path().to_owned()),
        };
        let redaction = options.build().unwrap().unwrap();
        let names: Vec<String> = redaction.views().into_iter().map(|view| view.name).collect();
        assert_eq!(names, ["card", "email", "pin"]);
        assert!(RedactionOptions::default().build().unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let missing = || Some(PathBuf::from("/no/such/file"));
        let short = file("short");
        for (options, hint) in [
            (RedactionOptions { redact_file: missing(), ..Default::default() }, "--redact-file /no/such/file"),
            (RedactionOptions { redact_key_file: missing(), ..Default::default() }, "--redact-key-file /no/such/file"),
            (RedactionOptions { redact_key_file: Some(short.path().to_owned()), ..Default::default() }, "at least 16"),
            (RedactionOptions { redact: vec!["email hash".to_owned()], ..Default::default() }, "--redact-key-file"),
            (RedactionOptions { redact: vec!["mail".to_owned()], ..Default::default() }, "card, email"),
        ] {
            let error = format!("{:#}", options.build().unwrap_err());
            assert!(error.contains(hint), "{error}");
        }
    }
}
