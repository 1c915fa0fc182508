//! Validates the host name of a call. A page that reaches this server by DNS rebinding uses its own public name,
//! which is not one of this server's.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Suffixes that do not exist in public DNS: RFC 6762, 8375, 6761, ICANN's `.internal`, and those of Kubernetes.
const PRIVATE: [&str; 6] = [".internal", ".local", ".svc", ".cluster.local", ".home.arpa", ".localhost"];

/// Validates the value of `Host` or `:authority`; `public` accepts the names of `--public-url`. Returns it in lower
/// case with its port, if any; an empty value counts as absent.
///
/// # Errors
/// The text is no host and port, or the name is none of this server. The reason quotes at most 255 characters.
pub fn checked(text: &[u8], public: impl Fn(&str) -> bool) -> Result<Option<String>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the header Host is not text".to_owned())?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let shown: String = text.chars().take(255).collect();
    let (name, port) = split(text).ok_or_else(|| format!("Host {shown:?} is not a host and port"))?;
    if !is_private(&name) && !public(&name) {
        return Err(format!(
            "{shown:?} is not a name of this server: a page of another site may have redirected it here; \
             if the name is right, start the server with --public-url http://{name} (or https), or LOGBOOM_PUBLIC_URL"
        ));
    }
    Ok(Some(match port {
        "" => name,
        port => format!("{name}:{port}"),
    }))
}

/// The name in lower case without a trailing dot, and the digits of the port; empty without one. `None` for other texts.
pub fn split(text: &str) -> Option<(String, &str)> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let well_formed = match name.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').and_then(without_zone).is_some(),
        None => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
    };
    (well_formed && port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5).then_some((name, port))
}

/// An IPv6 address without its zone.
fn without_zone(address: &str) -> Option<Ipv6Addr> {
    address.split('%').next()?.parse().ok()
}

/// Whether public DNS cannot resolve the name.
pub fn is_private(name: &str) -> bool {
    name.starts_with('[')
        || name.parse::<Ipv4Addr>().is_ok()
        || !name.contains('.')
        || PRIVATE
            .iter()
            .any(|ending| name.strip_suffix(ending).is_some_and(|label| !label.is_empty() && !label.ends_with('.')))
}

/// Whether the name always means the local machine.
pub fn is_loopback(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || (name.starts_with('[') && without_zone(address).is_some_and(|address| address.is_loopback()))
}
