//! The key of `LOGBOOM_KEY`, which goes with each call to the server if it is set.

use std::{env, sync::LazyLock};

use anyhow::{Context as _, Result, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

const VARIABLE: &str = "LOGBOOM_KEY";

static KEY: LazyLock<Option<String>> =
    LazyLock::new(|| env::var(VARIABLE).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()));

/// The value of the header, made once: calls are counted in hundreds of thousands.
static METADATA: LazyLock<Option<MetadataValue<Ascii>>> = LazyLock::new(|| {
    let mut value = MetadataValue::try_from(format!("Bearer {}", KEY.as_deref()?)).ok()?;
    value.set_sensitive(true);
    Some(value)
});

/// Checks that the key can be sent.
///
/// # Errors
/// It has characters that no header can carry.
pub(crate) fn check() -> Result<()> {
    if KEY.is_some() && METADATA.is_none() {
        bail!("{VARIABLE} has characters that no header can carry");
    }
    Ok(())
}

/// The headers of an HTTP client.
///
/// # Errors
/// As [`check`].
pub(crate) fn headers() -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = KEY.as_deref() {
        let value = HeaderValue::try_from(format!("Bearer {key}"));
        let mut value = value.with_context(|| format!("{VARIABLE} has characters that no header can carry"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// A gRPC request with the key.
pub(crate) fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = &*METADATA {
        request.metadata_mut().insert("authorization", value.clone());
    }
    request
}
