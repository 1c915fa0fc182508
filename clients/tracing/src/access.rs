//! Key and certificates: how the server knows this client, and this client the server.

use std::fmt;

use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use crate::error::BuildError;

/// The environment variable with the key of a builder without one.
pub(crate) const VARIABLE: &str = "LOGBOOM_KEY";

/// Bytes of a key. Those of the server have 44.
const KEY_BYTES: usize = 256;
const KEY_BOUNDS: &str = "1 to 256 visible ASCII characters, such as lb_…";
const HEADER: &str = "-----BEGIN ";

/// A text that no `Debug` shows.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// PEM, as given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) ca: Option<String>,
    pub(crate) client: Option<(String, Secret)>,
}

/// The value of the header `authorization`, from the given key, or else from the environment, where an empty key is
/// none. An error never has the key.
pub(crate) fn authorization(
    given: Option<Secret>,
    environment: Option<String>,
) -> Result<Option<MetadataValue<Ascii>>, BuildError> {
    let environment = environment.filter(|key| !key.is_empty()).map(Secret);
    let option = if given.is_some() { "key" } else { VARIABLE };
    let Some(Secret(key)) = given.or(environment) else { return Ok(None) };
    let invalid = || BuildError::Option { option, value: "not a key".to_owned(), bounds: KEY_BOUNDS };
    if !(1..=KEY_BYTES).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid());
    }
    let mut value = MetadataValue::try_from(format!("Bearer {key}")).map_err(|_| invalid())?;
    // Keeps it out of the `Debug` of requests, and out of the compression state of HTTP/2.
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Encrypts the connections of an `https` endpoint. Trusts the given authority, or else those of the system.
pub(crate) fn encrypted(endpoint: Endpoint, certificates: &Certificates) -> Result<Endpoint, BuildError> {
    let mut config = match &certificates.ca {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem("ca_certificate", ca)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let Some((certificate, Secret(key))) = &certificates.client {
        let (certificate, key) = (pem("client_certificate", certificate)?, pem("client_certificate", key)?);
        config = config.identity(Identity::from_pem(certificate, key));
    }
    endpoint.tls_config(config).map_err(|error| {
        let mut reason = String::new();
        // A `String` takes everything.
        let _ = crate::text::write_chain(&mut reason, &error);
        BuildError::Tls { reason }
    })
}

/// The text, if it is PEM. An error never has the text, which may be a private key.
fn pem<'a>(option: &'static str, text: &'a str) -> Result<&'a str, BuildError> {
    if text.contains(HEADER) {
        return Ok(text);
    }
    Err(BuildError::Option { option, value: "no PEM".to_owned(), bounds: "the text of a PEM file" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(given: Option<&str>, environment: Option<&str>) -> Result<Option<String>, String> {
        authorization(given.map(Secret::new), environment.map(str::to_owned))
            .map(|value| value.map(|value| value.to_str().unwrap().to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_given_key_comes_before_that_of_the_environment() {
        assert_eq!(key(None, None), Ok(None));
        assert_eq!(key(None, Some("")), Ok(None));
        assert_eq!(key(None, Some("lb_two")), Ok(Some("Bearer lb_two".into())));
        assert_eq!(key(Some("lb_one"), Some("lb_two")), Ok(Some("Bearer lb_one".into())));
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        let refused = |option| Err(format!("{option} is not a key; it may be {KEY_BOUNDS}"));
        for wrong in ["", "secret with blanks", "secret\n", "sécret", &"s".repeat(257)] {
            assert_eq!(key(Some(wrong), Some("lb_two")), refused("key"));
        }
        assert_eq!(key(None, Some("secret\n")), refused("LOGBOOM_KEY"));
    }

    #[test]
    fn no_debug_shows_a_key() {
        let value = authorization(Some(Secret::new("lb_hidden")), None).unwrap().unwrap();
        let certificates = Certificates { ca: None, client: Some((String::new(), Secret::new("hidden"))) };
        let builder = crate::builder("https://a").key("lb_hidden").client_certificate("", "hidden");
        let shown = format!("{value:?} {certificates:?} {builder:?}");
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn what_is_no_pem_is_refused_without_a_word_of_it() {
        let refused = |ca: Option<&str>, client: Option<(&str, &str)>| {
            let certificates = Certificates {
                ca: ca.map(str::to_owned),
                client: client.map(|(certificate, key)| (certificate.to_owned(), Secret::new(key))),
            };
            encrypted(Endpoint::from_static("https://a"), &certificates).unwrap_err().to_string()
        };
        assert_eq!(refused(Some("/etc/ca.pem"), None), "ca_certificate is no PEM; it may be the text of a PEM file");
        let ca = Some("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
        let client = refused(ca, Some(("-----BEGIN CERTIFICATE-----", "hidden")));
        assert_eq!(client, "client_certificate is no PEM; it may be the text of a PEM file");
        let broken = "-----BEGIN CERTIFICATE-----\nhidden?\n-----END CERTIFICATE-----\n";
        let reason = refused(Some(broken), None);
        assert!(reason.starts_with("the certificates cannot be used: "), "{reason}");
        assert!(!reason.contains("hidden"), "{reason}");
    }
}
