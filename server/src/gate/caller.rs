//! From where a call comes, for the audit.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use access::presented::named_client;
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

use crate::audit::Source;

/// The source of a call of this peer.
pub(super) fn source_of(peer: IpAddr, headers: &HeaderMap) -> Source {
    Source::new(peer, named_client(peer, headers))
}

/// The source of a call. One of the admin socket has no address.
pub(crate) fn source_of_call(parts: &Parts) -> Source {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or_else(Source::default, |ConnectInfo(peer)| source_of(peer.ip(), &parts.headers))
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(source_of_call(parts))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn source(peer: Option<&str>, forwarded: Option<&str>) -> (Option<String>, Option<String>) {
        let mut request = Request::builder().uri("/");
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        let Source { address, forwarded } = Source::from_request_parts(&mut parts, &()).await.unwrap();
        (address.map(|address| address.to_string()), forwarded.map(|address| address.to_string()))
    }

    #[tokio::test]
    async fn the_peer_and_the_client_that_a_proxy_names_are_kept_apart() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(source(Some("203.0.113.9:5"), None).await, (some("203.0.113.9"), None));
        assert_eq!(source(Some("[::ffff:10.0.0.7]:5"), None).await, (some("10.0.0.7"), None));
        let proxied = source(Some("10.0.0.7:5"), Some("198.51.100.4, 203.0.113.9")).await;
        assert_eq!(proxied, (some("10.0.0.7"), some("203.0.113.9")));
        // A peer of the internet is no proxy of this network.
        assert_eq!(source(Some("203.0.113.9:5"), Some("10.0.0.1")).await, (some("203.0.113.9"), None));
        assert_eq!(source(None, Some("10.0.0.1")).await, (None, None));
    }
}
