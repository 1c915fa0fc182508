//! Secrets of a sink: from its URL, from a file that the URL names, or from environment variables that belong to its
//! name. A key for Logboom comes from a file or from `LOGBOOM_KEY`.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use pipeline::{Error, Result};

/// The most bytes of a file with a secret.
const SECRET_BYTES: u64 = 64 << 10;
/// The most bytes of a file with certificates.
const CA_BYTES: u64 = 1 << 20;
/// The variable with a key for Logboom; with `_FILE` after it, the path of a file with the key.
const KEY_VARIABLE: &str = "LOGBOOM_KEY";

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
        (None, Some(path)) => return in_file(&file_variable, Path::new(&path)).map(Some),
        (Some(_), Some(_)) => {
            return Err(Error::invalid(format!("{variable} and {file_variable} are both set; set one of them")));
        }
    };
    one_line(variable, &text).map(Some)
}

/// The secret in a file, without the newline at its end. `option` names what holds the path.
pub(crate) fn in_file(option: &str, path: &Path) -> Result<String> {
    let text = read(path, SECRET_BYTES)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()))
        .map_err(|why| unusable(option, path, &why, "the secret"))?;
    one_line(option, &text)
}

/// Certificates in a file, as PEM.
pub(crate) fn certificates(option: &str, path: &Path) -> Result<Vec<u8>> {
    read(path, CA_BYTES).map_err(|why| unusable(option, path, &why, "certificates in PEM"))
}

fn unusable(option: &str, path: &Path, why: &str, what: &str) -> Error {
    Error::invalid(format!("{option}: the file {} cannot be used: {why}; name a file with {what}", path.display()))
}

fn one_line(source: &str, text: &str) -> Result<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.contains(|character: char| character.is_control()) {
        return Err(Error::invalid(format!("the secret of {source} is empty or has more than one line")));
    }
    Ok(text.to_owned())
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > most {
        return Err(format!("it is longer than {most} bytes"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

/// Where a key for Logboom comes from. Its value is read when it is needed, so a corrected file counts without a
/// restart.
#[derive(Debug, Clone)]
pub struct Key(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The file of an option.
    File(PathBuf),
    /// `LOGBOOM_KEY`, or the file of `LOGBOOM_KEY_FILE`.
    Variable,
}

impl Key {
    /// The key in the file of the option `--key-file`; without the option the one of `LOGBOOM_KEY` or
    /// `LOGBOOM_KEY_FILE`; `None` without any of them.
    pub fn given(key_file: Option<&Path>) -> Option<Self> {
        Self::given_in(key_file, &|name| env::var(name).ok())
    }

    fn given_in(key_file: Option<&Path>, environment: Environment<'_>) -> Option<Self> {
        if let Some(path) = key_file {
            return Some(Self(Source::File(path.to_owned())));
        }
        let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
        (is_set(KEY_VARIABLE) || is_set(&format!("{KEY_VARIABLE}_FILE"))).then_some(Self(Source::Variable))
    }

    /// The key itself.
    ///
    /// # Errors
    /// `Invalid` if it cannot be read or is not one line; the error names the option, never the key.
    pub fn read(&self) -> Result<String> {
        self.read_in(&|name| env::var(name).ok())
    }

    fn read_in(&self, environment: Environment<'_>) -> Result<String> {
        match &self.0 {
            Source::File(path) => in_file("--key-file", path),
            Source::Variable => {
                let set = |name: &str| environment(name).filter(|value| !value.is_empty());
                secret(KEY_VARIABLE, &set)?
                    .ok_or_else(|| Error::invalid(format!("{KEY_VARIABLE} is empty; set it, or use --key-file")))
            }
        }
    }
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
    fn a_key_comes_from_the_option_or_a_variable_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "lb_file\r\n").unwrap();
        let path = file.path().to_str().unwrap();
        let none = |_: &str| None;
        let plain = |name: &str| (name == "LOGBOOM_KEY").then(|| "lb_variable".to_owned());
        let in_file = |name: &str| (name == "LOGBOOM_KEY_FILE").then(|| path.to_owned());
        // Compose files set variables to nothing.
        let empty = |name: &str| (name == "LOGBOOM_KEY").then(String::new);
        assert!(Key::given_in(None, &none).is_none());
        assert!(Key::given_in(None, &empty).is_none());
        let cases: [(Option<&Path>, Environment<'_>, &str); 3] =
            [(Some(file.path()), &plain, "lb_file"), (None, &plain, "lb_variable"), (None, &in_file, "lb_file")];
        for (option, environment, expected) in cases {
            let key = Key::given_in(option, environment).unwrap();
            assert_eq!(key.read_in(environment).unwrap(), expected);
            assert!(!format!("{key:?}").contains("lb_"), "{key:?}");
        }
        let both = |name: &str| plain(name).or_else(|| in_file(name));
        let error = Key::given_in(None, &both).unwrap().read_in(&both).unwrap_err().to_string();
        assert!(error.contains("LOGBOOM_KEY and LOGBOOM_KEY_FILE are both set"), "{error}");
        let missing = Key::given_in(Some(Path::new("/does/not/exist")), &none).unwrap();
        let error = missing.read_in(&none).unwrap_err().to_string();
        assert!(error.contains("--key-file: the file /does/not/exist cannot be used"), "{error}");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let found = info(None, None)
            .credentials("es", &|name| (name == "LOGBOOM_SINK_ES_TOKEN_FILE").then(|| "/does/not/exist".to_owned()));
        let error = found.unwrap_err().to_string();
        assert!(error.contains("LOGBOOM_SINK_ES_TOKEN_FILE") && error.contains("/does/not/exist"), "{error}");
    }
}
