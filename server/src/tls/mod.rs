//! TLS on every listener, by rustls.
//!
//! | file | content |
//! |---|---|
//! | `files` | the certificate, the key and the authorities: read, checked, and compared with what is in use |
//! | `acceptor` | handshakes, and the change to a renewed certificate |
//! | `stream` | a connection with TLS or without, and what is known about its client |
//! | `pinned` | a client for this server's own listeners, which trusts its certificate alone |
//! | `redirect` | the listener without TLS that sends browsers to https |
//!
//! A request that came over TLS has `app::Secure` in its extensions, and `ClientCertificate` if its client has shown
//! one.
//!
//! TLS is a property of a listener and not of its socket, so workers inherit the same sockets with it and without.

mod acceptor;
mod files;
mod pinned;
mod redirect;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use acceptor::Tls;
pub(crate) use pinned::Pinned;
pub(crate) use redirect::Redirect;
pub(crate) use stream::{Opened, Validity};
