//! The files with certificates and the key: read, checked, and compared with what is in use.
//!
//! A change is seen by the content of the files. Their times would miss a file that is replaced by a symbolic link
//! (Kubernetes, certbot) or twice within one tick of the clock. The files are small, so reading them is cheap.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Nanos, time};
use rustls::{
    InconsistentKeys, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject as _},
    },
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::config::TlsOptions;

/// The limit of a file. A chain has a few KiB, and a bundle of all public authorities has 250.
const FILE_BYTES: u64 = 1 << 20;
/// The limit of a client's name, as of a common name in RFC 5280 and of a DNS name.
const NAME_BYTES: usize = 255;
const NANOS: Nanos = 1_000_000_000;

/// Where the files are.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// What is in the files, or why one cannot be read.
pub(super) struct Contents {
    certificate: Result<Vec<u8>, String>,
    key: Result<Vec<u8>, String>,
    client_ca: Option<Result<Vec<u8>, String>>,
}

/// What the files mean. It has a private key, so there is no `Debug`.
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    /// The authorities of client certificates.
    pub(super) clients: Option<Arc<RootCertStore>>,
    /// When the certificate begins and ends to be valid.
    validity: (Nanos, Nanos),
}

impl Paths {
    /// `None` without TLS.
    pub(super) fn of(options: &TlsOptions) -> Option<Self> {
        Some(Self {
            certificate: options.tls_cert.clone()?,
            key: options.tls_key.clone()?,
            client_ca: options.tls_client_ca.clone(),
        })
    }

    pub(super) fn read(&self) -> Contents {
        Contents {
            certificate: read(&self.certificate),
            key: read(&self.key),
            client_ca: self.client_ca.as_deref().map(read),
        }
    }

    /// Checks the contents.
    ///
    /// # Errors
    /// The option, the file, and what is wrong with it.
    pub(super) fn parse(&self, contents: &Contents, provider: &CryptoProvider) -> Result<Identity, String> {
        let in_certificate = named("--tls-cert", &self.certificate);
        let in_key = named("--tls-key", &self.key);
        let chain = contents.certificate.as_deref().map_err(String::clone).and_then(certificates);
        let chain = chain.map_err(&in_certificate)?;
        let validity = validity(&chain[0]).map_err(&in_certificate)?;
        let key = contents.key.as_deref().map_err(String::clone).and_then(private_key).map_err(&in_key)?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => in_key(format!(
                "the key does not fit the first certificate of {}; name the key with which it was requested, and put \
                 the server's own certificate first",
                self.certificate.display()
            )),
            rustls::Error::InvalidCertificate(reason) => {
                in_certificate(format!("the first certificate cannot be used: {reason:?}"))
            }
            error => in_key(format!("the key cannot be used: {error}")),
        })?;
        let clients = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(content)) => {
                let parsed = content.as_deref().map_err(String::clone).and_then(authorities);
                Some(Arc::new(parsed.map_err(named("--tls-client-ca", path))?))
            }
            _ => None,
        };
        Ok(Identity { certified: Arc::new(certified), clients, validity })
    }

    /// The certificate's file, for messages.
    pub(super) fn certificate(&self) -> std::path::Display<'_> {
        self.certificate.display()
    }
}

impl Contents {
    /// Equal for the same authorities of clients.
    pub(super) fn authorities(&self) -> Option<[u8; 32]> {
        let content = self.client_ca.as_ref()?.as_ref().ok()?;
        Some(Sha256::digest(content).into())
    }

    /// Equal for the same contents, and for the same errors.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for content in [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten() {
            let (kind, bytes) = match content {
                Ok(bytes) => (0u8, bytes.as_slice()),
                Err(error) => (1u8, error.as_bytes()),
            };
            digest.update([kind]);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
        digest.finalize().into()
    }
}

impl Identity {
    /// The server's own certificate.
    pub(super) fn leaf(&self) -> CertificateDer<'static> {
        self.certified.cert[0].clone()
    }

    /// When the certificate ends to be valid, in seconds since 1970.
    pub(super) fn expires(&self) -> Nanos {
        self.validity.1 / NANOS
    }

    /// What clients will object to at this time. It is no error: a clock may be wrong, and a server that answers can be
    /// repaired more easily than one that does not start.
    pub(super) fn warning(&self, now: Nanos) -> Option<String> {
        let (begins, ends) = self.validity;
        if now < begins {
            return Some(format!("the certificate is not valid before {}", time::format_rfc3339(begins)));
        }
        (now > ends).then(|| format!("the certificate has expired at {}", time::format_rfc3339(ends)))
    }
}

/// Puts the option and the file before a reason.
fn named(option: &'static str, path: &Path) -> impl Fn(String) -> String {
    move |reason| format!("{option} {}: {reason}", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is larger than {} MiB; name a file with certificates alone", FILE_BYTES >> 20));
    }
    Ok(bytes)
}

/// The certificates of a file, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(damaged)?;
    match found.is_empty() {
        false => Ok(found),
        true if is_pem(pem) => Err("no certificate in this file: it has no block BEGIN CERTIFICATE".to_owned()),
        true => Err("not PEM; if it is DER, convert it: openssl x509 -inform der -in FILE -out FILE.pem".to_owned()),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") => {
            "the key is encrypted; write it without a passphrase: openssl pkey -in FILE -out FILE.key".to_owned()
        }
        PemError::NoItemsFound if is_pem(pem) => {
            "no private key in this file: it has no block BEGIN PRIVATE KEY".to_owned()
        }
        PemError::NoItemsFound => {
            "not PEM; if it is DER, convert it: openssl pkey -inform der -in FILE -out FILE.key".to_owned()
        }
        error => damaged(error),
    })
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (place, certificate) in (1..).zip(certificates(pem)?) {
        roots.add(certificate).map_err(|error| format!("certificate {place} of this file cannot be used: {error}"))?;
    }
    Ok(roots)
}

fn damaged(error: PemError) -> String {
    format!("not PEM: {error}")
}

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed)
}

/// The begin and the end of a certificate's validity.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Result<(Nanos, Nanos), String> {
    let parsed = parsed(certificate).ok_or("the first certificate cannot be read: it is not X.509")?;
    let validity = parsed.validity();
    let nanos = |seconds: i64| seconds.saturating_mul(NANOS);
    Ok((nanos(validity.not_before.timestamp()), nanos(validity.not_after.timestamp())))
}

/// The name of a client: the common name of the certificate's subject, else its first DNS name. Names that are empty,
/// too long or not printable are none: they end up in logs.
pub(super) fn client_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = parsed(certificate)?;
    let common = parsed.subject().iter_common_name().find_map(|name| usable(name.as_str().ok()?));
    let dns = || {
        let names = parsed.subject_alternative_name().ok()??;
        names.value.general_names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => usable(name),
            _ => None,
        })
    };
    common.or_else(dns)
}

fn usable(name: &str) -> Option<String> {
    let name = name.trim();
    let is_fit = !name.is_empty() && name.len() <= NAME_BYTES && !name.chars().any(char::is_control);
    is_fit.then(|| name.to_owned())
}
