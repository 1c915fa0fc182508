//! RFC 3164's tag and host, the sources of service and node.

use std::net::IpAddr;

/// The maximum length of a tag. The RFC has 32 bytes; Docker's may contain a container id.
const LONGEST: usize = 128;
/// The maximum length of a host name in DNS.
const LONGEST_HOST: usize = 253;

/// Words that start a text, as in `Error: disk full`. They are not programs.
const EXCLAMATIONS: [&str; 16] = [
    "alert",
    "attention",
    "caution",
    "crit",
    "critical",
    "debug",
    "emerg",
    "emergency",
    "err",
    "error",
    "exception",
    "fatal",
    "info",
    "notice",
    "warn",
    "warning",
];

/// The program of a message, its process, and the text after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) process: Option<&'a str>,
    pub(super) text: &'a str,
}

/// Parses a tag at the start of a text: `name:` or `name[process]:`.
///
/// By the RFC a tag ends at the first character that is not a letter or digit, so any word could be a tag. Here,
/// - a name starts with a letter, a digit, `/` or `_`, continues with these, `-`, `.`, `+`, `@` and parentheses,
///   contains a letter, and has no blanks;
/// - a process is in brackets and has no blanks;
/// - a colon follows. Without a process, a blank, JSON or the end of the text must follow, so that `CEF:0|`,
///   `http://` and `C:\` are text;
/// - without a process, a name is neither a level (`Error: …`) nor an address.
pub(super) fn read(text: &str) -> Option<Tag<'_>> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+@()".contains(&byte);
    let end = text.bytes().take(LONGEST + 1).position(|byte| !is_name(byte)).filter(|end| *end > 0)?;
    let (name, rest) = text.split_at(end);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric() || "/_".contains(letter));
    if !begins || !name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    if let Some(process) = rest.strip_prefix('[') {
        let (process, behind) = process.split_once("]:").filter(|(process, _)| is_process(process))?;
        return Some(Tag { name, process: Some(process), text: without_blank(behind) });
    }
    let behind = rest.strip_prefix(':')?;
    let is_end = behind.is_empty() || behind.starts_with([' ', '\t', '\n', '{']) || behind.starts_with("@cee:");
    let is_word = EXCLAMATIONS.iter().any(|word| name.eq_ignore_ascii_case(word));
    (is_end && !is_word && !is_address(name)).then(|| Tag { name, process: None, text: without_blank(behind) })
}

fn is_process(process: &str) -> bool {
    (1..=LONGEST).contains(&process.len())
        && !process.contains(|letter: char| letter.is_whitespace() || "[]".contains(letter))
}

/// The text without one leading blank.
pub(super) fn without_blank(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

/// Whether a word can be a host without a tag after it: an address, or a name of letters, digits, `-`, `_` and `.`
/// that starts with a letter or digit and contains a letter.
pub(super) fn is_host(word: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    is_address(word)
        || ((1..=LONGEST_HOST).contains(&word.len())
            && word.as_bytes()[0].is_ascii_alphanumeric()
            && word.bytes().all(is_name)
            && word.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// Whether a word before a tag can be its host: [`is_host`], or several of them joined by relays, as in `source@host`
/// and `relay/host`.
pub(super) fn is_host_of_tag(word: &str) -> bool {
    is_host(word) || word.split(['/', '@']).all(is_host)
}

/// Whether a word is an IP address, optionally with an interface: `fe80::1%eth0`.
pub(super) fn is_address(word: &str) -> bool {
    let word = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    word.split('%').next().is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// Whether a text starts with a Cisco mnemonic: `%SYS-5-CONFIG_I: …`.
pub(super) fn is_mnemonic(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('%') else { return false };
    let end = rest.find([':', ' ']).unwrap_or(rest.len());
    let is_severity = |part: &str| part.len() == 1 && part.as_bytes()[0].is_ascii_digit();
    rest.starts_with(|letter: char| letter.is_ascii_uppercase()) && rest[..end].split('-').skip(1).any(is_severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_name_and_a_colon() {
        for (text, name, process, behind) in [
            ("su: 'su root' failed", "su", None, "'su root' failed"),
            ("sshd[123]: Accepted", "sshd", Some("123"), "Accepted"),
            ("sshd(pam_unix)[123]: opened", "sshd(pam_unix)", Some("123"), "opened"),
            ("/usr/sbin/cron[1]: (root) CMD", "/usr/sbin/cron", Some("1"), "(root) CMD"),
            ("postfix/smtpd[1]: connect", "postfix/smtpd", Some("1"), "connect"),
            ("docker/5f2c3d[1]: x", "docker/5f2c3d", Some("1"), "x"),
            ("dnsmasq-dhcp[9]:DHCPACK", "dnsmasq-dhcp", Some("9"), "DHCPACK"),
            ("app[web.1]: x", "app", Some("web.1"), "x"),
            ("kernel: [  12.345] usb", "kernel", None, "[  12.345] usb"),
            ("shop:", "shop", None, ""),
            ("shop:  indented", "shop", None, " indented"),
            ("shop:{\"msg\":1}", "shop", None, "{\"msg\":1}"),
            ("shop:@cee:{}", "shop", None, "@cee:{}"),
            ("error[7]: x", "error", Some("7"), "x"),
            ("user@1000.service: x", "user@1000.service", None, "x"),
        ] {
            assert_eq!(read(text), Some(Tag { name, process, text: behind }), "{text}");
        }
    }

    #[test]
    fn free_text_is_no_tag() {
        let long = format!("{}: x", "a".repeat(LONGEST + 1));
        for text in [
            "",
            ":",
            ": x",
            "user abc logged in",
            "user abc: logged in",
            "two words[12]: x",
            "Error: disk full",
            "WARNING: disk full",
            "CEF:0|Vendor|Product",
            "LEEF:1.0|Vendor",
            "http://a.example/",
            "C:\\path",
            "10.0.0.1: x",
            "123: x",
            "12:34:56 x",
            "a=b: c",
            "a,b: c",
            "item[12] is bad",
            "item[a b]: x",
            "item[]: x",
            "%SYS-5-CONFIG_I: x",
            "-: x",
            "로그인: x",
            "level:error",
            &long,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for word in
            ["web-1", "MikroTik", "fw1.example.com", "mk_home", "10.0.0.1", "2001:db8::1", "fe80::1%eth0", "3com"]
        {
            assert!(is_host(word), "{word}");
        }
        for word in ["", "-", "42", "date=2026", "a,b", "(x)", "{\"a\":1}", "CEF:0|a", "user:", "로그인", "-x", "a/b"]
        {
            assert!(!is_host(word), "{word}");
        }
        assert!(is_host_of_tag("src@web-1/relay") && !is_host_of_tag("/usr/bin") && !is_host_of_tag("42"));
    }

    #[test]
    fn a_mnemonic_has_a_severity() {
        for text in
            ["%SYS-5-CONFIG_I: x", "%ASA-6-302013: x", "%ASA-session-6-302013: x", "%PKT_INFRA-LINK-3-UPDOWN : x"]
        {
            assert!(is_mnemonic(text), "{text}");
        }
        for text in ["", "%", "%d items", "%SYS: 5-5-5", "SYS-5-CONFIG_I: x", "%20-5-x"] {
            assert!(!is_mnemonic(text), "{text}");
        }
    }
}
