//! The header `Authorization` of a sink.
//!
//! After a refusal, the secret is read again before the next attempt, so a corrected file counts without a restart.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use parking_lot::Mutex;
use pipeline::{Error, Result};
use reqwest::header::HeaderValue;

use crate::{
    destination::{Destination, ReadAgain},
    secrets::Credentials,
};

/// The current value of the header.
pub(crate) struct Authorization {
    current: Mutex<Option<HeaderValue>>,
    /// The destination has refused it.
    is_refused: AtomicBool,
    /// Reads the secrets again; `None` if they cannot change.
    read_again: Option<ReadAgain>,
}

impl Authorization {
    /// # Errors
    /// `Invalid` if no header can carry the secret.
    pub(crate) fn new(to: &Destination) -> Result<Self> {
        let value = header(&to.credentials)
            .map_err(|error| Error::invalid(format!("{}: {error}", to.url.origin().ascii_serialization())))?;
        let (current, is_refused) = (Mutex::new(value), AtomicBool::new(false));
        Ok(Self { current, is_refused, read_again: to.read_again.clone() })
    }

    /// The value of the header, marked as sensitive. Reads a refused secret again. While it cannot be read, the old one
    /// is sent: the refusal of the destination is the reason that is shown.
    pub(crate) fn value(&self) -> Option<HeaderValue> {
        let mut current = self.current.lock();
        if self.is_refused.swap(false, Ordering::Relaxed)
            && let Some(read_again) = &self.read_again
            && let Ok(credentials) = read_again()
            && let Ok(value) = header(&credentials)
        {
            *current = value;
        }
        current.clone()
    }

    /// Hides the secret in a text of the destination, which may repeat what it got.
    pub(crate) fn hide(&self, text: String) -> String {
        let current = self.current.lock();
        let value = current.as_ref().and_then(|value| value.to_str().ok());
        match value.and_then(|value| value.split_once(' ')) {
            Some((_, secret)) if !secret.is_empty() => text.replace(secret, "…"),
            _ => text,
        }
    }

    /// Notes that the destination has refused the secret.
    pub(crate) fn refused(&self) {
        self.is_refused.store(true, Ordering::Relaxed);
    }
}

fn header(credentials: &Credentials) -> Result<Option<HeaderValue>, &'static str> {
    let text = match credentials {
        Credentials::None => return Ok(None),
        Credentials::Basic { user, password } => {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
        }
        Credentials::ApiKey(key) => format!("ApiKey {key}"),
        Credentials::Bearer(token) => format!("Bearer {token}"),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| "the secret has characters that no header can carry")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;

    #[test]
    fn each_way_to_prove_who_one_is_has_its_header() {
        for (credentials, expected) in [
            (Credentials::None, None),
            (Credentials::Basic { user: "u".into(), password: "p".into() }, Some("Basic dTpw")),
            (Credentials::ApiKey("k".into()), Some("ApiKey k")),
            (Credentials::Bearer("t".into()), Some("Bearer t")),
        ] {
            let value = header(&credentials).unwrap();
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), expected);
            assert!(value.is_none_or(|value| value.is_sensitive()));
        }
        assert!(header(&Credentials::Bearer("a\nb".into())).is_err());
    }

    #[test]
    fn a_refused_secret_is_read_again_and_kept_while_it_cannot_be_read() {
        let stored: Arc<Mutex<Result<Credentials>>> = Arc::new(Mutex::new(Err(Error::invalid("the file is missing"))));
        let source = Arc::clone(&stored);
        let url = Url::parse("http://host").unwrap();
        let mut to = Destination::new(url, Credentials::Bearer("old".into()));
        to.read_again = Some(Arc::new(move || source.lock().clone()));
        let authorization = Authorization::new(&to).unwrap();
        authorization.refused();
        assert_eq!(authorization.value().unwrap(), "Bearer old");
        assert_eq!(authorization.hide("Bearer old is unknown".to_owned()), "Bearer … is unknown");
        *stored.lock() = Ok(Credentials::Bearer("new".into()));
        assert_eq!(authorization.value().unwrap(), "Bearer old");
        authorization.refused();
        assert_eq!(authorization.value().unwrap(), "Bearer new");
        assert_eq!(authorization.value().unwrap(), "Bearer new");
    }
}
