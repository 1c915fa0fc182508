//! The generation of the stored formats that this process writes and reads.
//!
//! While a cluster is upgraded, two versions of Logboom share a queue and a store. So every stored format has a number:
//! a batch in its first byte ([`crate::envelope`]), a document in its text ([`crate::documents::Formatted`]). A version
//! reads all formats up to its own. What is newer waits for a newer node and is never dropped.

/// The formats of one version of Logboom, relative to this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(any(test, feature = "failpoints")), expect(dead_code, reason = "only tests run other generations"))]
pub(crate) enum Generation {
    /// Writes only what the version before could read.
    Previous,
    Current,
    /// Writes and reads one format more.
    Next,
}

/// The generation of this process.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn generation() -> Generation {
    Generation::Current
}

/// The generation of this process. Tests set `LOGBOOM_TEST_FORMATS` to `previous` or `next`.
#[cfg(feature = "failpoints")]
pub(crate) fn generation() -> Generation {
    static GENERATION: std::sync::OnceLock<Generation> = std::sync::OnceLock::new();
    *GENERATION.get_or_init(|| match std::env::var("LOGBOOM_TEST_FORMATS").as_deref() {
        Ok("previous") => Generation::Previous,
        Ok("next") => Generation::Next,
        _ => Generation::Current,
    })
}
