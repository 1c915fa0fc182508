//! The web origin of a call.

use std::{fmt, str::FromStr};

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Position, Url};

use super::{FETCH_SITE, host};

/// A web origin: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    /// In lower case without a trailing dot; IPv6 in brackets.
    host: String,
    /// The default port of the scheme if none is given.
    port: u16,
}

impl Origin {
    /// The origin of a URL.
    fn of(url: &Url) -> Option<Self> {
        let scheme = url.scheme().to_owned();
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        (matches!(&*scheme, "http" | "https") && !host.is_empty()).then_some(Self {
            scheme,
            host,
            port: url.port_or_known_default()?,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether a browser on this origin sends this `Host`.
    pub(super) fn is_at(&self, named: &str) -> bool {
        // A proxy may change the scheme, so only the name is compared.
        let port = match named.rsplit_once(':') {
            Some((name, port)) if name == self.host => port.parse().ok(),
            _ if named == self.host => self.default_port(),
            _ => return false,
        };
        port == Some(self.port)
    }

    fn default_port(&self) -> Option<u16> {
        match &*self.scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        }
    }

    /// Whether the page is served by the local machine.
    pub(super) fn is_loopback(&self) -> bool {
        host::is_loopback(&self.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if Some(self.port) == self.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Parses a command line option: an origin without a path.
impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Err("any web page could then read and change every log; name the origins, each as in \
                        https://ops.example.com"
                .to_owned());
        }
        let hint =
            || format!("{text:?} is not an origin; write only scheme, host and port, as in https://ops.example.com");
        let url = Url::parse(text.trim()).map_err(|_| hint())?;
        let alone = url.username().is_empty() && url.password().is_none() && &url[Position::BeforePath..] == "/";
        Self::of(&url).filter(|_| alone).ok_or_else(hint)
    }
}

/// The source of a call.
pub(super) enum Source<'a> {
    /// No page, an own page, or a URL typed by the user.
    Own,
    /// A page with permission to read and change.
    Friend(&'a HeaderValue),
    /// A page without permission, by its origin or by `Sec-Fetch-Site`.
    Foreign(String),
}

impl<'a> Source<'a> {
    /// `known` returns whether the pages of an origin may call.
    pub(super) fn of(headers: &'a HeaderMap, known: impl Fn(&Origin) -> bool) -> Self {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => {
                let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
                match site {
                    None | Some(b"same-origin" | b"none") => Self::Own,
                    Some(site) => Self::Foreign(format!("another site ({})", String::from_utf8_lossy(site))),
                }
            }
            (Some(value), None) if read(value).is_some_and(|origin| known(&origin)) => Self::Friend(value),
            (Some(value), _) => Self::Foreign(format!("{:?}", String::from_utf8_lossy(value.as_bytes()))),
        }
    }

    /// # Errors
    /// The reason, and the option that permits it.
    pub(super) fn may_change(&self) -> Result<(), String> {
        match self {
            Self::Own | Self::Friend(_) => Ok(()),
            Self::Foreign(origin) => Err(format!(
                "a page of origin {origin} may not call this server; to allow it, start the server with \
                 --cors-origin and that origin, or, if it is this server's own address, with --public-url"
            )),
        }
    }

    /// The origin whose pages may read the response.
    pub(super) fn reader(&self) -> Option<&'a HeaderValue> {
        match self {
            Self::Friend(origin) => Some(origin),
            Self::Own | Self::Foreign(_) => None,
        }
    }
}

/// The value of the header `Origin`; `None` for `null`.
fn read(value: &HeaderValue) -> Option<Origin> {
    value.to_str().ok()?.parse().ok()
}
