//! Addresses to which a user is sent: those of this server alone.

/// The limit of an address to go to, in bytes.
const BYTES: usize = 2_000;

/// The address, if it is one of this server: a path. A browser reads `//host` and `/\host` as another host.
pub fn local_path(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_path && is_plain && next.len() <= BYTES).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_followed() {
        for next in ["/", "/system/access", "/?q=level%3Aerror&range=1h", "/view/a%2Fb"] {
            assert_eq!(local_path(next), Some(next), "{next}");
        }
        let long = format!("/{}", "a".repeat(BYTES));
        for next in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
            "/a b",
            &long,
        ] {
            assert_eq!(local_path(next), None, "{next}");
        }
    }
}
