//! The definition of a sink: `NAME=URL`.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::Query;
use pipeline::{
    Error, ErrorClass, Result,
    follow::{Sink, Start},
};
use url::{Host, Url};

use crate::{
    destination::Destination,
    kinds::{self, Accepts, KINDS, Kind},
    parameters::{Parameters, decode},
    secrets::{self, Credentials, Environment, Key, UserInfo, variable_prefix},
    target::target_of,
    via::Via,
};

/// The most characters of a name.
const NAME: usize = 64;
const EXAMPLE: &str = "es=elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}?query=level>=warn";
/// Without a name and a query, so that [`Definition::parse_unfiltered`] accepts it, too.
const URL_EXAMPLE: &str = "elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}";

/// A sink as a user defined it, checked.
#[derive(Clone)]
pub struct Definition {
    /// 1 to 64 of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// What the cursor belongs to: the URL by [`target_of`], which leaves out secrets, `query`, `from`, and parameters
    /// that change how records are sent.
    pub target: String,
    /// The filter in the query language; empty for all records.
    pub query: String,
    pub start: Start,
    /// Whether the URL itself contains a password or a key.
    pub has_plain_secret: bool,
    kind: &'static Kind,
    /// Without user information.
    url: Url,
    user_info: UserInfo,
    files: Files,
    /// For another Logboom, if nothing else proves who this is.
    default_key: Option<Key>,
    /// The parameters of the kind.
    parameters: Parameters,
}

/// The files that a URL names.
#[derive(Clone, Default)]
struct Files {
    /// `key-file`: the key or the token for the destination.
    key: Option<PathBuf>,
    /// `ca`: the certificates to trust instead of the system's.
    ca: Option<PathBuf>,
}

impl Files {
    /// Takes the parameters that all kinds over HTTP and gRPC have.
    fn take(parameters: &mut Parameters, kind: &Kind) -> Self {
        let mut path = |name, is_known: bool| is_known.then(|| parameters.take(name)).flatten().map(PathBuf::from);
        Self { key: path("key-file", !kind.accepts.is_empty()), ca: path("ca", kind.transport == "https") }
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("target", &self.target)
            .field("query", &self.query)
            .field("start", &self.start)
            .field("has_plain_secret", &self.has_plain_secret)
            .finish_non_exhaustive()
    }
}

impl Definition {
    /// Parses `NAME=URL`.
    ///
    /// # Errors
    /// `Invalid`, with the name of the part, what is allowed, and no secret.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((name, url)) = text.trim().split_once('=') else {
            return Err(Error::invalid(format!("a sink is NAME=URL, as in {EXAMPLE}")));
        };
        check_name(name)?;
        Self::of_url(name, url, filter)
            .map_err(|error| Error { message: format!("sink {name}: {}", error.message), ..error })
    }

    /// Parses the URL of a destination that gets every record, from the oldest on. It takes neither `query` nor `from`.
    /// The name is a part of the variables with the secrets; the errors do not contain it.
    ///
    /// # Errors
    /// As [`Definition::parse`].
    pub fn parse_unfiltered(name: &str, url: &str) -> Result<Self> {
        check_name(name)?;
        Self::of_url(name, url, |_| Ok((String::new(), Start::Oldest)))
    }

    /// `filter` takes the parameters that choose the records.
    fn of_url(name: &str, text: &str, filter: impl FnOnce(&mut Parameters) -> Result<(String, Start)>) -> Result<Self> {
        let kind = kind_of(text)?;
        let wrong = |what: &str| Error::invalid(format!("{what}, as in {}", kind.example));
        let Parts { user_info, after_user, parameters } = Parts::of(text);
        if after_user.contains('#') || parameters.contains('#') {
            return Err(wrong("a URL of a sink has no part after `#`; write `#` as %23"));
        }
        // The kinds read the URL's path only after its parameters have been taken out of it.
        let url = Url::parse(&format!("{}://{after_user}", kind.transport))
            .map_err(|error| wrong(&format!("the host, the port or the path of the URL cannot be read: {error}")))?;
        if kind.transport != "file" && url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("the URL has no host"));
        }
        if kind.transport == "file" && url.host_str().is_some_and(|host| !host.is_empty()) {
            return Err(wrong("a path begins with three slashes"));
        }
        if kind.transport != "file" && url.path().contains('@') {
            // It may be the end of a password that contains a slash.
            return Err(wrong(
                "write `@` in a path as %40, and `/`, `?`, `#` and `@` in a password as %2F, %3F, %23, %40",
            ));
        }
        let user_info = read_user_info(user_info)?;
        if kind.accepts.is_empty() && user_info.user.is_some() {
            return Err(wrong("this kind of sink takes no user and no password"));
        }

        let target = target_of(&format!("{}://{after_user}?{parameters}", kind.scheme));
        let mut parameters = Parameters::read(parameters)?;
        let (query, start) = filter(&mut parameters)?;
        let rest = parameters.clone();
        // Built once to check the parameters and the path.
        (kind.build)(Destination::new(url.clone(), Credentials::None), &mut parameters)?;
        let files = Files::take(&mut parameters, kind);
        parameters.finish()?;

        Ok(Self {
            name: name.to_owned(),
            target,
            query,
            start,
            has_plain_secret: user_info.password.is_some(),
            kind,
            url,
            user_info,
            files,
            default_key: None,
            parameters: rest,
        })
    }

    /// The host and the port of the destination; `None` for a file.
    pub fn address(&self) -> Option<(String, u16)> {
        let host = self.url.host_str()?.trim_matches(['[', ']']);
        Some((host.to_owned(), self.url.port_or_known_default()?))
    }

    /// The environment variable that can hold the password; with `_FILE` after it, the path of a file that does.
    pub fn password_variable(&self) -> String {
        format!("{}PASSWORD", variable_prefix(&self.name))
    }

    /// Whether the destination is another Logboom, which recognises batches by their ids and orders records by time.
    pub fn is_logboom(&self) -> bool {
        self.kind.scheme.starts_with("logboom+")
    }

    /// Gives a key to a destination that is another Logboom and has no secret of its own. Others do not get it.
    #[must_use]
    pub fn with_default_key(mut self, key: Option<Key>) -> Self {
        self.default_key = key.filter(|_| self.is_logboom());
        self
    }

    /// Whether a secret is sent without encryption to another machine.
    ///
    /// # Errors
    /// As [`Definition::build`].
    pub fn exposes_secret(&self) -> Result<bool> {
        let is_loopback = match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => true,
        };
        let is_plain = self.kind.transport == "http" && !is_loopback;
        Ok(is_plain && self.credentials(&|name| env::var(name).ok())? != Credentials::None)
    }

    /// Whether the sink writes the packets of the door for JSON over TCP, which the door then has to keep.
    pub fn wants_packets(&self) -> bool {
        self.kind.transport == "file" && self.parameters.clone().take("format").as_deref() == Some("s2")
    }

    /// The definition for a replay: the same destination, except that a file sink writes files of its own, whose names
    /// end in `.replay-ID`. Two writers of one file would damage each other's lines.
    pub fn for_replay(&self, id: &str) -> Self {
        let mut definition = self.clone();
        if self.kind.transport == "file" {
            definition.url.set_path(&format!("{}.replay-{id}", self.url.path()));
        }
        definition
    }

    /// Builds the sink. Connects to nothing yet. `own` is the id of this store, 8 hexadecimal digits; sinks to other
    /// systems add it to the attribute `logboom.via` of each record.
    ///
    /// # Errors
    /// `Invalid` if a secret or the certificates cannot be read.
    pub fn build(&self, own: &str) -> Result<Box<dyn Sink>> {
        self.build_in(own, &|name| env::var(name).ok())
    }

    fn build_in(&self, own: &str, environment: Environment<'_>) -> Result<Box<dyn Sink>> {
        let in_sink = |error: Error| Error { message: format!("sink {}: {}", self.name, error.message), ..error };
        let mut destination = Destination::new(self.url.clone(), self.credentials(environment)?);
        let definition = self.clone();
        destination.read_again = Some(Arc::new(move || definition.credentials(&|name| env::var(name).ok())));
        let ca = self.files.ca.as_deref();
        destination.ca = ca.map(|path| secrets::certificates("ca", path)).transpose().map_err(in_sink)?;
        let sink = (self.kind.build)(destination, &mut self.parameters.clone()).map_err(in_sink)?;
        Ok(if self.kind.transport == "file" { sink } else { Box::new(Via::new(sink, own)) })
    }

    /// Reads the one secret that there is.
    ///
    /// # Errors
    /// `Invalid` if it cannot be read, if there are several, or if the protocol cannot carry it.
    fn credentials(&self, environment: Environment<'_>) -> Result<Credentials> {
        let own = self.user_info.credentials(&self.name, environment)?;
        let in_sink = |error: Error| Error { message: format!("sink {}: {}", self.name, error.message), ..error };
        let from_file = |path: &Path| secrets::in_file("key-file", path).map(|key| self.kind.key(key)).map_err(in_sink);
        let credentials = match (own, &self.files.key, &self.default_key) {
            (Credentials::None, Some(path), _) => from_file(path)?,
            (Credentials::None, None, Some(key)) => Credentials::Bearer(key.read()?),
            (_, Some(_), _) => {
                let variables = variable_prefix(&self.name);
                return Err(Error::invalid(format!(
                    "sink {}: use one of `key-file`, a user of the URL, and the variables {variables}…, not several",
                    self.name
                )));
            }
            (own, None, _) => own,
        };
        let needed = match credentials {
            Credentials::None => None,
            Credentials::Basic { .. } => Some((Accepts::Basic, "a user with a password")),
            Credentials::ApiKey(_) => Some((Accepts::ApiKey, "an API key; use a token")),
            Credentials::Bearer(_) => Some((Accepts::Bearer, "a token")),
        };
        if let Some((needed, text)) = needed
            && !self.kind.accepts.contains(&needed)
        {
            return Err(Error::invalid(format!("sink {}: {} does not take {text}", self.name, self.kind.scheme)));
        }
        Ok(credentials)
    }
}

/// The parts of a URL's text after the scheme.
struct Parts<'a> {
    /// Without the `@`.
    user_info: Option<&'a str>,
    /// The host, the port and the path.
    after_user: &'a str,
    /// What follows `?`.
    parameters: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = &rest[..rest.find(['/', '\\', '#']).unwrap_or(rest.len())];
        match authority.rfind('@') {
            Some(at) => Self { user_info: Some(&rest[..at]), after_user: &rest[at + 1..], parameters },
            None => Self { user_info: None, after_user: rest, parameters },
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if (1..=NAME).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    // A URL without a name has its own `=`, and maybe a password before it.
    let shown = if name.contains("://") || name.len() > NAME { "it".to_owned() } else { format!("`{name}`") };
    Err(Error::invalid(format!(
        "the name of a sink has 1 to {NAME} of a-z, 0-9, - and _; {shown} has not. A sink is NAME=URL, as in {EXAMPLE}"
    )))
}

/// The parameters `query` and `from`.
fn filter(parameters: &mut Parameters) -> Result<(String, Start)> {
    let query = parameters.take("query").unwrap_or_default();
    Query::parse(&query).map_err(|error| Error::invalid(format!("query={query}: {error}")))?;
    let start = parameters.parse("from", "now or start", |text| match text {
        "now" => Some(Start::Now),
        "start" => Some(Start::Oldest),
        _ => None,
    })?;
    Ok((query, start.unwrap_or_default()))
}

fn kind_of(text: &str) -> Result<&'static Kind> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.as_deref().and_then(kinds::find).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.scheme).collect();
        let shown = scheme.filter(|scheme| scheme.len() <= 32 && !scheme.contains([':', '@']));
        let problem = match shown {
            Some(scheme) => format!("the scheme `{scheme}` is unknown"),
            None => "the URL has no known scheme".to_owned(),
        };
        Error {
            class: ErrorClass::Invalid,
            retry_after: None,
            message: format!("{problem}; known: {}; as in {URL_EXAMPLE}", known.join(", ")),
        }
    })
}

fn read_user_info(text: Option<&str>) -> Result<UserInfo> {
    let Some(text) = text else { return Ok(UserInfo::default()) };
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(decode(password)?)),
        None => (text, None),
    };
    let user = Some(decode(user)?).filter(|user| !user.is_empty());
    Ok(UserInfo { user, password: password.filter(|password| !password.is_empty()) })
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
