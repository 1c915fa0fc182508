//! Words pasted from a log or another tool that look like a field test. `fd12::1`, `main.go:60` and `C:\path` have
//! the form `name:value`. A search for a field named `main.go` would return no result and no explanation.

/// The likely meaning of a word of the form `name:value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pasted {
    /// Only text: an IPv6 or MAC address, a fingerprint, a Windows path.
    Text,
    /// Text or a field test: a host and port, a file and line, a digest.
    Either,
}

/// Suffixes of host names. A dot alone does not make a host, because `http.status:500` must stay a field test.
const HOST_ENDINGS: &str = " localhost localdomain local internal intra corp lan svc home arpa test example invalid \
    com net org edu gov int info biz io dev app cloud ai co me tv xyz tech \
    kr jp cn tw hk sg in uk us ca au nz de fr nl be ch at it es pt se no dk fi pl cz ru ua tr br mx za eu ";

/// Suffixes of source files.
const FILE_ENDINGS: &str = " rs go java kt kts scala groovy py pyx rb php pl pm lua js jsx ts tsx mjs cjs mts vue svelte \
    c cc cpp cxx h hh hpp hxx m mm cs fs vb swift dart ex exs erl hs ml clj cljs sh bash ps1 sql html css \
    yml yaml toml json xml proto tf ";

/// Digests that are written with their name in front.
const DIGESTS: &str = " md5 sha1 sha256 sha384 sha512 blake3 ";

/// Classifies `word`, which has no blanks. `name` is the length of the name before the colon. `None` for an ordinary
/// field test.
pub(super) fn classify(word: &str, name: usize) -> Option<Pasted> {
    // A sentence or a stack trace continues after an address.
    let word = word.trim_end_matches([',', ';', '.', ')', ']', '\'']);
    let (name, value) = (word.get(..name)?, word.get(name + 1..)?);
    if is_hex_groups(word) || name.len() == 1 && (value.starts_with('\\') || is_drive(name, value)) {
        return Some(Pasted::Text);
    }
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after = &value[digits..];
    let ending = name.rsplit(['.', '@']).next().unwrap_or(name);
    let is_place = digits > 0
        && name.contains('.')
        && is_listed(FILE_ENDINGS, ending)
        && after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit()).is_empty();
    let is_host = name == ending && ending == "localhost"
        || (name.contains(['.', '@']) && is_listed(HOST_ENDINGS, ending))
        // A numbered machine or container: `kafka-0:9092`.
        || name.rsplit_once('-').is_some_and(|(_, number)| !number.is_empty() && is_digits(number));
    let is_port = (2..=5).contains(&digits) && (after.is_empty() || after.starts_with('/'));
    let is_digest = value.len() >= 16 && is_hex(value) && is_listed(DIGESTS, name);
    (is_place || is_host && is_port || is_digest).then_some(Pasted::Either)
}

/// Whether the word has at least four groups of hexadecimal digits between colons, or fewer with a `::`: IPv6 (also
/// with a zone or a prefix length), MAC addresses, fingerprints.
fn is_hex_groups(word: &str) -> bool {
    let address = word.split(['%', '/']).next().unwrap_or(word);
    let groups = address.split(':');
    let last_is_v4 = address.rsplit(':').next().is_some_and(|last| last.parse::<std::net::Ipv4Addr>().is_ok());
    let count = groups.clone().count();
    let hex = groups.filter(|group| group.len() <= 4 && is_hex(group)).count();
    (count >= 4 || address.contains("::")) && hex + usize::from(last_is_v4) == count
}

fn is_drive(name: &str, value: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && value.starts_with('/')
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the blank-separated list contains `word`, case-insensitively.
fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| !listed.is_empty() && listed.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_from_a_log_is_told_from_a_test_of_a_field() {
        for (words, expected) in [
            (
                "fd12:3456:789a::1 fe80::1ff:fe23:4567:890a fe80::1%eth0 fd00::/8 abcd:ef01:2345:6789:abcd:ef01:2345:6789 \
                 aa:bb:cc:dd:ee:ff aa:bb:cc:dd:ee:ff:00:11 AA:BB:CC:DD ffff::10.1.2.3 c::1, C:\\Users\\a.txt c:\\x C:/x D:\\",
                Some(Pasted::Text),
            ),
            (
                "main.go:60 main.rs:60:12 Foo.java:42) a/b/main.cpp:7, App.tsx:1 localhost:8080 localhost:8080/api \
                 db-1.example.com:5432 kafka-0:9092 root@host.local:22 redis.prod.svc:6379 api.internal:80. \
                 sha256:9f86d081884c7d659a2feaa0c55ad015",
                Some(Pasted::Either),
            ),
            (
                "service:api http.status:500 status:500 user.id:17 path:C:\\Users a:b:c k:12:30 file:main.go \
                 duration_ms:12 http.status_code:200 host:8080 version:1.2.3 sha256:short net:ab request.io:a b:/x \
                 localhost:x id:0190a1b2-c3d4",
                None,
            ),
        ] {
            for word in words.split_whitespace() {
                let name = word.find(':').unwrap();
                let got = classify(word, name);
                assert_eq!(got, expected, "{word}");
            }
        }
    }
}
