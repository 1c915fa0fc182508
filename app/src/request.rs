//! What the server knows about the request of a page or a server function, beside its headers.

use http::request::Parts;
use leptos::prelude::with_context;

/// An extension of a request that came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secure;

/// An extension of the current request, such as the principal that the server has recognised. Call it before the first
/// await, because the context may be gone after it.
pub fn request_extension<T: Clone + Send + Sync + 'static>() -> Option<T> {
    request_head(|parts| parts.extensions.get::<T>().cloned()).flatten()
}

/// Reads the head of the current request, if there is one; as [`request_extension`].
pub fn request_head<T>(read: impl FnOnce(&Parts) -> T) -> Option<T> {
    with_context::<Parts, _>(read)
}

#[cfg(test)]
mod tests {
    use leptos::prelude::{Owner, provide_context};

    use super::*;

    #[test]
    fn an_extension_is_found_only_where_the_server_has_put_it() {
        assert_eq!(request_extension::<Secure>(), None, "without an owner");
        Owner::new().with(|| {
            assert_eq!(request_extension::<Secure>(), None, "without a request");
            let (mut parts, ()) = http::Request::new(()).into_parts();
            provide_context(parts.clone());
            assert_eq!(request_extension::<Secure>(), None);
            parts.extensions.insert(Secure);
            provide_context(parts);
            assert_eq!(request_extension(), Some(Secure));
        });
    }
}
