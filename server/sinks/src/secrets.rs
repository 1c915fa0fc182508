//! Secrets of a sink: from its URL, or from environment variables that belong to its name.

use std::{fmt, fs};

use pipeline::{Error, Result};

/// The most bytes of a file with a secret.
const SECRET_BYTES: u64 = 64 << 10;

/// The value of an environment variable, if it is set.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a sink proves who it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) enum Credentials {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    ApiKey(String),
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(…)",
            Self::ApiKey(_) => "ApiKey(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

/// The user information of a URL.
#[derive(Clone, Default)]
pub(crate) struct UserInfo {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

impl UserInfo {
    /// Adds the secrets of the environment variables `LOGBOOM_SINK_<NAME>_PASSWORD`, `_API_KEY` and `_TOKEN`, or of
    /// the files that the same variables with `_FILE` name.
    ///
    /// # Errors
    /// `Invalid` if a file cannot be read, or if there are two secrets; it names the variable, never the value.
    pub(crate) fn credentials(&self, name: &str, environment: Environment<'_>) -> Result<Credentials> {
        let prefix = variable_prefix(name);
        let password_variable = format!("{prefix}PASSWORD");
        let password = secret(&password_variable, environment)?;
        let api_key = secret(&format!("{prefix}API_KEY"), environment)?;
        let token = secret(&format!("{prefix}TOKEN"), environment)?;
        if password.is_some() && self.password.is_some() {
            return Err(Error::invalid(format!(
                "sink {name}: the URL has a password, and so has {password_variable}; keep the variable"
            )));
        }
        let password = password.or_else(|| self.password.clone());
        match (self.user.clone(), password, api_key, token) {
            (None, None, None, None) => Ok(Credentials::None),
            (Some(user), Some(password), None, None) => Ok(Credentials::Basic { user, password }),
            (None, None, Some(key), None) => Ok(Credentials::ApiKey(key)),
            (None, None, None, Some(token)) => Ok(Credentials::Bearer(token)),
            (None, Some(_), None, None) => Err(Error::invalid(format!(
                "sink {name}: there is a password but no user; write the user into the URL, as in https://user@host"
            ))),
            (Some(_), None, None, None) => Err(Error::invalid(format!(
                "sink {name}: the URL has a user but no password; set {password_variable} or {password_variable}_FILE"
            ))),
            _ => Err(Error::invalid(format!(
                "sink {name}: use one of a user with {prefix}PASSWORD, {prefix}API_KEY and {prefix}TOKEN, not several"
            ))),
        }
    }
}

/// `LOGBOOM_SINK_<NAME>_`, in upper case, `-` as `_`.
pub(crate) fn variable_prefix(name: &str) -> String {
    format!("LOGBOOM_SINK_{}_", name.to_ascii_uppercase().replace('-', "_"))
}

/// The secret of one variable, or of the file that the variable with `_FILE` names. Without the newline at its end.
fn secret(variable: &str, environment: Environment<'_>) -> Result<Option<String>> {
    let file_variable = format!("{variable}_FILE");
    let text = match (environment(variable), environment(&file_variable)) {
        (None, None) => return Ok(None),
        (Some(text), None) => text,
        (None, Some(path)) => read(&path).map_err(|why| {
            Error::invalid(format!(
                "{file_variable}: the file {path} cannot be used: {why}; name a file with the secret"
            ))
        })?,
        (Some(_), Some(_)) => {
            return Err(Error::invalid(format!("{variable} and {file_variable} are both set; set one of them")));
        }
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.contains(|character: char| character.is_control()) {
        return Err(Error::invalid(format!("the secret of {variable} is empty or has more than one line")));
    }
    Ok(Some(text.to_owned()))
}

fn read(path: &str) -> Result<String, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > SECRET_BYTES {
        return Err(format!("it is longer than {SECRET_BYTES} bytes"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(user: Option<&str>, password: Option<&str>) -> UserInfo {
        UserInfo { user: user.map(str::to_owned), password: password.map(str::to_owned) }
    }

    #[test]
    fn variables_of_the_name_give_the_secret() {
        let basic = Credentials::Basic { user: "u".into(), password: "s3cret".into() };
        let cases = [
            (info(None, None), None, Credentials::None),
            (info(Some("u"), Some("s3cret")), None, basic.clone()),
            (info(Some("u"), None), Some("LOGBOOM_SINK_MY_ES_PASSWORD"), basic),
            (info(None, None), Some("LOGBOOM_SINK_MY_ES_API_KEY"), Credentials::ApiKey("s3cret".into())),
            (info(None, None), Some("LOGBOOM_SINK_MY_ES_TOKEN"), Credentials::Bearer("s3cret".into())),
        ];
        for (info, variable, expected) in cases {
            let found = info.credentials("my-es", &|name| (Some(name) == variable).then(|| "s3cret\n".to_owned()));
            assert!(found.as_ref().ok() == Some(&expected), "{variable:?}: {found:?}");
            assert!(!format!("{found:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_file_gives_the_secret_without_its_last_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "from a file\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let found = info(None, None)
            .credentials("es", &|name| (name == "LOGBOOM_SINK_ES_TOKEN_FILE").then(|| path.clone()))
            .unwrap();
        assert!(found == Credentials::Bearer("from a file".into()));
    }

    #[test]
    fn what_does_not_fit_together_is_refused_without_the_secret() {
        let cases: [(UserInfo, &[&str], &str); 6] = [
            (info(Some("u"), None), &[], "LOGBOOM_SINK_ES_PASSWORD"),
            (info(None, None), &["PASSWORD"], "no user"),
            (info(Some("u"), Some("s3cret")), &["PASSWORD"], "the URL has a password"),
            (info(Some("u"), Some("s3cret")), &["TOKEN"], "not several"),
            (info(None, None), &["TOKEN", "API_KEY"], "not several"),
            (info(None, None), &["TOKEN", "TOKEN_FILE"], "both set"),
        ];
        for (info, variables, part) in cases {
            let names: Vec<_> = variables.iter().map(|end| format!("LOGBOOM_SINK_ES_{end}")).collect();
            let found =
                info.credentials("es", &|name| names.iter().any(|set| set == name).then(|| "s3cret".to_owned()));
            let error = found.unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let found = info(None, None)
            .credentials("es", &|name| (name == "LOGBOOM_SINK_ES_TOKEN_FILE").then(|| "/does/not/exist".to_owned()));
        let error = found.unwrap_err().to_string();
        assert!(error.contains("LOGBOOM_SINK_ES_TOKEN_FILE") && error.contains("/does/not/exist"), "{error}");
    }
}
