//! A client of this server's own listeners: it trusts the server's own certificate, and nothing else.
//!
//! The program calls its own addresses, such as 127.0.0.1, which the certificate need not name, and it may be signed by
//! an authority that this machine does not trust. Neither matters here: the certificate in use is known, so exactly
//! this one is accepted, by its bytes. The signature of the handshake is verified as always, so whoever answers also
//! has its key.

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::acceptor::{Look, Tls};

/// The protocol that gRPC needs.
const HTTP2: &[u8] = b"h2";

/// Connects to this server's own listeners.
#[derive(Debug, Clone)]
pub(crate) struct Pinned {
    tls: Tls,
}

impl Pinned {
    pub(crate) fn new(tls: &Tls) -> Self {
        Self { tls: tls.clone() }
    }

    /// The configuration for an HTTP client.
    ///
    /// # Errors
    /// Never with this program's cryptography, which has protocol versions.
    pub(crate) fn config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::clone(self.tls.provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let verifier = Arc::new(OwnCertificate { tls: self.tls.clone() });
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    /// Connects to a stream door.
    ///
    /// # Errors
    /// The address does not answer, or with another certificate.
    pub(crate) async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_for(address, &[]).await
    }

    /// Connects for gRPC.
    ///
    /// # Errors
    /// As [`Pinned::connect`].
    pub(crate) async fn connect_http2(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_for(address, &[HTTP2]).await
    }

    async fn connect_for(&self, address: SocketAddr, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.config().map_err(std::io::Error::other)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await
    }
}

#[derive(Debug)]
struct OwnCertificate {
    tls: Tls,
}

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Another worker may have seen a change of the files before this one.
        let renewed = || self.tls.check_now() == Look::Replaced && self.tls.is_own(end_entity);
        if self.tls.is_own(end_entity) || renewed() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.tls.provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.tls.provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.tls.provider().signature_verification_algorithms.supported_schemes()
    }
}
