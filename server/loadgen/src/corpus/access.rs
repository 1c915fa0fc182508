//! Access log lines of nginx in the format `combined`, as unparsed messages.

use std::fmt::Write as _;

use model::time::format_rfc3339;

use super::Sample;
use crate::random::SplitMix;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const METHODS: [&str; 8] = ["GET", "GET", "GET", "GET", "GET", "POST", "POST", "HEAD"];
const STATUSES: [u16; 12] = [200, 200, 200, 200, 200, 200, 206, 301, 304, 404, 404, 502];
const USERS: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
const PAGES: [&str; 16] = [
    "/",
    "/index.html",
    "/favicon.ico",
    "/robots.txt",
    "/login",
    "/logout",
    "/cart",
    "/checkout",
    "/api/v1/products",
    "/api/v1/orders",
    "/api/v1/users/me",
    "/assets/app.4f2c91.js",
    "/assets/app.81be03.css",
    "/assets/logo.svg",
    "/blog/2026/11/how-we-log",
    "/search",
];
const REFERRERS: [&str; 8] = [
    "-",
    "-",
    "-",
    "https://shop.example/",
    "https://shop.example/cart",
    "https://shop.example/search?q=tea",
    "https://www.google.com/",
    "https://news.example/item?id=48211",
];
const AGENTS: [&str; 10] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "curl/8.14.1",
    "kube-probe/1.34",
    "python-requests/2.32.5",
];

/// Separates the draws of clients from those of records.
const CLIENTS: u64 = 0x6163_6365_7373_2d63;

pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    // The line is unparsed, so its status determines no level.
    (sample.level, sample.severity) = ("info", 9);
    // Few clients send many requests, and many send few.
    let client = random.below(200) * random.below(200);
    let [a, b, c, d, ..] = SplitMix::of(CLIENTS, client.into()).next().to_be_bytes();
    let user = if random.per_mille(50) { random.pick(&USERS) } else { "-" };
    let time = format_rfc3339(sample.time);
    let month = time[5..7].parse::<usize>().ok().and_then(|month| MONTHS.get(month - 1)).unwrap_or(&MONTHS[0]);
    let (year, day, clock) = (&time[..4], &time[8..10], &time[11..19]);
    let (method, page) = (random.pick(&METHODS), random.pick(&PAGES));
    let line = &mut sample.message;
    // Writing into memory cannot fail.
    let _ = write!(
        line,
        "{}.{b}.{c}.{d} - {user} [{day}/{month}/{year}:{clock} +0000] \"{method} {page}",
        a.clamp(11, 222)
    );
    let _ = match random.below(4) {
        0 => write!(line, "?page={}", random.below(60)),
        1 => write!(line, "?id={}&v={}", random.below(500_000), random.below(9)),
        _ => Ok(()),
    };
    let bytes = random.below(300) * random.below(300);
    let (status, referrer, agent) = (random.pick(&STATUSES), random.pick(&REFERRERS), random.pick(&AGENTS));
    let _ = write!(line, " HTTP/1.1\" {status} {bytes} \"{referrer}\" \"{agent}\"");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{kind::CorpusKind, tests::corpus};

    #[test]
    fn a_line_is_in_the_combined_format_and_has_the_time_of_its_record() {
        let corpus = corpus(CorpusKind::Access);
        let mut clients = BTreeSet::new();
        for number in 0..20_000 {
            let sample = corpus.sample(number);
            let line = &sample.message;
            assert!((75..340).contains(&line.len()), "{line}");
            assert!(line.contains(" [14/Nov/2023:22:"), "{line}");
            let quoted: Vec<_> = line.split('"').collect();
            assert_eq!(quoted.len(), 7, "{line}");
            let after = quoted[2].split_whitespace().map(str::parse::<u32>);
            assert!(quoted[1].ends_with(" HTTP/1.1") && after.filter(Result::is_ok).count() == 2, "{line}");
            clients.insert(line.split(' ').next().map(str::to_owned));
        }
        assert!((5_000..15_000).contains(&clients.len()), "{}", clients.len());
    }
}
