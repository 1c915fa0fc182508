//! Errors of the command line. They quote the value that they are about, and that may be a URL with a password.

use clap::{
    Error,
    error::{ContextKind, ContextValue},
};

/// The error without users and passwords of URLs.
pub(super) fn without_secrets(mut error: Error) -> Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(quoted)) = error.get(kind) {
            let hidden = without_user_info(quoted);
            error.insert(kind, ContextValue::String(hidden));
        }
    }
    error
}

/// The text, with the user and the password of a URL in it replaced by `…`. A password may contain everything, so the
/// last `@` ends it.
fn without_user_info(text: &str) -> String {
    let hidden = || {
        let (before, rest) = text.split_once("://")?;
        let (_, after) = rest.rsplit_once('@')?;
        Some(format!("{before}://…@{after}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Cli;

    #[test]
    fn no_error_quotes_a_password() {
        for line in [
            "logboom --sink es=http://kim:s3cret@host:notaport/",
            "logboom --sink es=http://kim:s3c/ret@more@host/",
            "logboom --sink tcp://kim:s3cret@host:5000",
            "logboom agent --to http://kim:s3cret@host:notaport",
            "logboom http://kim:s3cret@host",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).map(|_| ()).unwrap_err();
            let shown = without_secrets(error).to_string();
            assert!(!shown.contains("s3c") && !shown.contains("kim"), "{line}: {shown}");
            assert!(shown.contains("error:"), "{line}: {shown}");
        }
    }

    #[test]
    fn other_texts_stay() {
        for (text, expected) in [
            ("es=http://kim:a/b@c@host:1/?x=y", "es=http://…@host:1/?x=y"),
            ("http://host/a", "http://host/a"),
            ("kim@host", "kim@host"),
            ("", ""),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }
}
