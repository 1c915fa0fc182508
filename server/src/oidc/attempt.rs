//! A log-in that has begun: what the browser keeps in a cookie until the provider sends it back.
//!
//! The cookie binds the answer to the browser that has asked. It is neither signed nor encrypted: each value in it is
//! the browser's own, and one who can write the cookies of a browser needs none of them. Over TLS its name has the
//! prefix `__Host-`, so that a neighbour in the domain cannot set it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// How long a log-in may take, in seconds.
pub(crate) const ATTEMPT_SECONDS: u64 = 600;
/// The limit of the text in the cookie, in bytes. Browsers keep 4 KiB with the name and attributes.
const TEXT_BYTES: usize = 3_800;

/// A log-in that has begun. It has no `Debug`, because of its secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Comes back with the answer.
    pub(crate) state: String,
    /// Comes back in the ID token.
    pub(super) nonce: String,
    /// Proves to the provider that the code is for this server (PKCE).
    pub(super) verifier: String,
    /// The path to go to afterwards.
    pub(crate) next: String,
    /// Seconds since the Unix epoch.
    pub(super) begun: i64,
}

impl Attempt {
    /// As the value of a cookie.
    pub(crate) fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the value of a cookie; `None` if it is none of ours, or older than ten minutes `now`.
    pub(crate) fn read(text: &str, now: i64) -> Option<Self> {
        if text.len() > TEXT_BYTES {
            return None;
        }
        let attempt: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let age = now.saturating_sub(attempt.begun);
        // The clocks of two nodes differ a little.
        let is_fresh = (-60..=i64::try_from(ATTEMPT_SECONDS).unwrap_or(i64::MAX)).contains(&age);
        (is_fresh && !attempt.state.is_empty()).then_some(attempt)
    }
}

#[cfg(test)]
impl Attempt {
    pub(super) fn sample(nonce: &str, begun: i64) -> Self {
        let [state, nonce, verifier, next] = ["state", nonce, "verifier", "/"].map(str::to_owned);
        Self { state, nonce, verifier, next, begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_back_for_ten_minutes() {
        let attempt =
            Attempt { next: format!("/{}", "a".repeat(1_999)), ..Attempt::sample("n".repeat(43).as_str(), 1_000) };
        let text = attempt.write();
        assert!(text.len() <= TEXT_BYTES, "{}", text.len());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        for (now, counts) in
            [(1_000, true), (950, true), (1_600, true), (1_601, false), (900, false), (i64::MIN, false)]
        {
            assert_eq!(Attempt::read(&text, now).is_some_and(|read| read == attempt), counts, "{now}");
        }
    }

    #[test]
    fn other_texts_are_no_attempt() {
        let empty = Attempt { state: String::new(), ..Attempt::sample("nonce", 1_000) }.write();
        for text in ["", "e30", "!", "AAAA", &empty, &"A".repeat(5_000)] {
            assert!(Attempt::read(text, 1_000).is_none(), "{text:.20}");
        }
    }
}
