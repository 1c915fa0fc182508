//! The status page: plain HTML, light or dark as the browser prefers. It reloads itself.

use std::fmt::Write as _;

use bytesize::ByteSize;

use super::{
    health::{DestinationView, Health},
    status::InputView,
};

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Logboom agent</title>
<style>
:root { color-scheme: light dark; --line: #d0d7de; --bad: #b3261e; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --bad: #ff7b72; --good: #3fb950; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.failing, .trouble { color: var(--bad); }
.up { color: var(--good); }
</style>
</head>
<body>
<h1>Logboom agent</h1>
"#;

/// The page of this state.
pub(super) fn render(health: &Health) -> String {
    let mut page = HEAD.to_owned();
    for trouble in &health.troubles {
        let _ = writeln!(page, "<p class=\"trouble\" role=\"alert\">{}</p>", escape(trouble));
    }
    let waiting = &health.waiting;
    let records = waiting.records.map_or_else(|| "being counted".to_owned(), |records| records.to_string());
    let bytes = waiting.bytes.map_or_else(|| "being counted".to_owned(), |bytes| ByteSize(bytes).to_string());
    let disk = format!("{} of {}", ByteSize(waiting.disk_bytes), ByteSize(waiting.disk_limit));
    page.push_str("<table>\n");
    for (id, name, value) in [
        ("waiting", "Records that wait", records),
        ("bytes", "Their size in memory", bytes),
        ("age", "Age of the oldest one", format!("{:.1} s", waiting.seconds)),
        ("disk", "Disk space", disk),
        ("delivered", "Delivered records", health.delivered.to_string()),
        ("refused", "Refused records (refused.ndjson)", health.refused.to_string()),
        ("dropped", "Dropped records", health.dropped.to_string()),
    ] {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td class=\"number\" data-testid=\"{id}\">{value}</td></tr>"
        );
    }
    page.push_str("</table>\n<table>\n<tr><th scope=\"col\">Destination</th><th scope=\"col\">State</th>");
    page.push_str("<th scope=\"col\">Delivered since the start</th><th scope=\"col\">Last acknowledged</th></tr>\n");
    for DestinationView { to, state, delivered, error, acknowledged } in &health.destinations {
        let error = error.as_deref().map(|error| format!("<br>{}", escape(error))).unwrap_or_default();
        let acknowledged = acknowledged.as_deref().unwrap_or("never");
        let _ = writeln!(
            page,
            "<tr data-testid=\"destination\"><td>{}</td><td class=\"{state}\">{state}{error}</td>\
             <td class=\"number\">{delivered}</td><td>{acknowledged}</td></tr>",
            escape(to)
        );
    }
    page.push_str("</table>\n");
    if !health.inputs.is_empty() {
        inputs(&mut page, &health.inputs);
    }
    page.push_str("<p><a href=\"/metrics\">Metrics</a> · <a href=\"/healthz\">State as JSON</a></p>\n");
    page.push_str("</body>\n</html>\n");
    page
}

fn inputs(page: &mut String, inputs: &[InputView]) {
    page.push_str("<table>\n<tr><th scope=\"col\">Input</th><th scope=\"col\">Files or containers</th>");
    page.push_str("<th scope=\"col\">Records since the start</th><th scope=\"col\">Not read yet</th></tr>\n");
    for InputView { input, sources, records, lag_bytes, lag_seconds, error, metadata } in inputs {
        let lag = match (lag_bytes, lag_seconds) {
            (Some(bytes), _) => ByteSize(*bytes).to_string(),
            (None, Some(seconds)) => format!("{seconds:.1} s behind"),
            (None, None) => "unknown".to_owned(),
        };
        let error = error.as_deref().map(|error| format!("<br><span class=\"failing\">{}</span>", escape(error)));
        let metadata = metadata.as_ref().map(|view| {
            let class = if view.error.is_some() { "failing" } else { "" };
            format!("<br><span class=\"{class}\" data-testid=\"metadata\">{}</span>", escape(&view.text()))
        });
        let _ = writeln!(
            page,
            "<tr data-testid=\"input\"><td>{}{}{}</td><td class=\"number\">{sources}</td>\
             <td class=\"number\">{records}</td><td class=\"number\">{lag}</td></tr>",
            escape(input),
            error.unwrap_or_default(),
            metadata.unwrap_or_default()
        );
    }
    page.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{health::WaitingView, status::MetadataView};

    #[test]
    fn texts_of_others_are_escaped() {
        let waiting = WaitingView { records: None, bytes: Some(1), seconds: 0.0, disk_bytes: 0, disk_limit: 1 << 30 };
        let destination = DestinationView {
            to: "tcp://<b>".into(),
            state: "failing".into(),
            delivered: 7,
            error: Some("<script>".into()),
            acknowledged: None,
        };
        let troubles = vec!["a & b".into()];
        let metadata = Some(MetadataView { state: "failing".into(), pods: 7, error: Some("<i>".into()) });
        let input =
            InputView { input: "file".into(), sources: 2, lag_bytes: Some(2048), metadata, ..InputView::default() };
        let (destinations, inputs) = (vec![destination], vec![input]);
        let health = Health { delivered: 1, refused: 2, dropped: 3, waiting, destinations, inputs, troubles };
        let page = render(&health);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;") && page.contains("tcp://&lt;b&gt;"));
        assert!(page.contains("a &amp; b") && page.contains("being counted") && page.contains("1.0 GiB"), "{page}");
        assert!(page.contains("2.0 KiB"), "{page}");
        assert!(page.contains("metadata of 7 pods, API server failing: &lt;i&gt;"), "{page}");
    }
}
