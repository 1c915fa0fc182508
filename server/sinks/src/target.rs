//! The target of a sink: where it sends to. How it sends is no part of it.

use crate::parameters::Parameters;

/// The parameters that name a place in the destination. All others, such as `ca`, `compress` and `rotate`, change how
/// records are sent, so they may be corrected under the same name of a sink.
const PLACES: &[&str] = &["tenant"];

/// The target of a URL without user information: the scheme and the host in lower case, the port unless it is that of
/// the scheme, the path, and `tenant`. Earlier versions kept more parameters in a target; of such a text, this is the target
/// that the same URL has now.
pub fn target_of(url: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let authority: &str = match scheme.as_str() {
        // It may only be `localhost`.
        "file" => "",
        scheme if scheme.ends_with("https") => authority.strip_suffix(":443").unwrap_or(&authority),
        scheme if scheme.ends_with("http") => authority.strip_suffix(":80").unwrap_or(&authority),
        _ => &authority,
    };
    let path = if matches!(path, "/" | "\\") { "" } else { path };
    // What cannot be read is not the tenant, whose letters need no encoding.
    let places = Parameters::read(parameters).map(|parameters| parameters.to_text(PLACES)).unwrap_or_default();
    format!("{scheme}://{authority}{path}{places}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_where_records_go_and_not_how() {
        for (target, urls) in [
            (
                "tcp+tls://host:1",
                &[
                    "tcp+tls://HOST:1",
                    "TCP+tls://host:1/",
                    "tcp+tls://host:1?ca=/nope.pem",
                    "tcp+tls://host:1?fields=ecs",
                ][..],
            ),
            (
                "file:///logs/{Service}.log",
                &[
                    "file:///logs/{Service}.log?rotate=100MB&compress=zstd",
                    "file:///logs/{Service}.log?format=s2",
                    "file://localhost/logs/{Service}.log",
                ],
            ),
            (
                "elasticsearch+https://host/Prefix/logs-{yyyy}",
                &["elasticsearch+https://host:443/Prefix/logs-{yyyy}?action=create&compress=gzip"],
            ),
            ("loki+http://host?tenant=Shop", &["loki+http://Host:80/?tenant=Shop", "loki+http://host?x=1&tenant=Shop"]),
            ("logboom+http://[::1]:4317", &["logboom+http://[::1]:4317/?compress=zstd"]),
            // Values of earlier versions are not encoded.
            ("tcp+tls://host:1", &["tcp+tls://host:1?ca=/a&ca=/b%zz"]),
        ] {
            for url in urls {
                assert_eq!(target_of(url), target, "{url}");
                assert_eq!(target_of(target), target);
            }
        }
    }

    #[test]
    fn another_place_is_another_target() {
        let urls = [
            "http://host/logs",
            "http://host/Logs",
            "http://host/logs/",
            "https://host/logs",
            "http://host:443/logs",
            "http://other/logs",
            "loki+http://host/logs",
            "loki+http://host/logs?tenant=a",
            "loki+http://host/logs?tenant=A",
            "tcp://host:80",
            "tcp://host:443",
            "file:///a.log",
            "file:///b.log",
        ];
        let mut targets: Vec<_> = urls.iter().map(|url| target_of(url)).collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), urls.len(), "{targets:?}");
    }
}
