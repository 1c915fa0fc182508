//! Addresses of people and machines: e-mail, IPv4, IPv6.

use std::{net::Ipv6Addr, ops::Range};

/// The part of a candidate that is an e-mail address.
///
/// The candidate may have letters of all scripts. Korean particles follow an address without a space, so its ASCII part
/// counts if that is an address, and otherwise the whole.
pub(super) fn email(text: &str, candidate: Range<usize>) -> Option<Range<usize>> {
    let address = &text[candidate.clone()];
    let at = address.find('@')?;
    let (name, domain) = (&address[..at], &address[at + 1..]);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+'-".contains(&byte);
    let start = at - name.bytes().rev().take_while(|byte| is_name(*byte)).count();
    let ascii = domain.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte)).count();
    let start = start + name[start..].len() - name[start..].trim_start_matches(['\'', '.']).len();
    match domain_end(&domain[..ascii]) {
        Some(end) if start < at => Some(candidate.start + start..candidate.start + at + 1 + end),
        _ if address.is_ascii() => None,
        _ => domain_end(domain).map(|end| candidate.start..candidate.start + at + 1 + end),
    }
}

/// The end of the longest part that is a domain: two labels, of which the last has letters alone, and two of them.
/// Versions such as `react@18.2.0` have none.
fn domain_end(domain: &str) -> Option<usize> {
    let mut domain = domain;
    loop {
        let (rest, last) = domain.rsplit_once('.')?;
        let is_top = last.starts_with("xn--") || (last.chars().count() >= 2 && last.chars().all(char::is_alphabetic));
        if is_top && !rest.is_empty() && !rest.ends_with('.') {
            return Some(domain.len());
        }
        domain = rest;
    }
}

/// The candidate, if it is an IPv4 address and not a part of something longer, such as a version.
pub(super) fn ipv4(text: &str, candidate: Range<usize>) -> Option<Range<usize>> {
    let is_octet = |part: &str| part.parse::<u16>().is_ok_and(|number| number < 256);
    let is_address = text[candidate.clone()].split('.').all(is_octet);
    (is_address && is_apart(text, &candidate, b'.')).then_some(candidate)
}

/// The part of the candidate that is an IPv6 address.
pub(super) fn ipv6(text: &str, candidate: Range<usize>) -> Option<Range<usize>> {
    let whole = &text[candidate.clone()];
    let mut address = whole.trim_end_matches('.');
    if address.ends_with(':') && !address.ends_with("::") {
        address = &address[..address.len() - 1];
    }
    let start = match address.starts_with(':') && !address.starts_with("::") {
        true => 1,
        false => 0,
    };
    let span = candidate.start + start..candidate.start + address.len();
    let address = text.get(span.clone())?;
    // `a::b` is rather a path of a program.
    let has_digit = address.bytes().any(|byte| byte.is_ascii_digit());
    (has_digit && address.parse::<Ipv6Addr>().is_ok() && is_apart(text, &span, b':')).then_some(span)
}

/// Whether no ASCII letter or digit touches the span, also not behind a separator.
pub(super) fn is_apart(text: &str, span: &Range<usize>, separator: u8) -> bool {
    let bytes = text.as_bytes();
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_more = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let before = |places: usize| span.start.checked_sub(places).and_then(|place| bytes.get(place));
    let after = |places: usize| bytes.get(span.end + places);
    let goes_on =
        (before(1) == Some(&separator) && is_more(before(2))) || (after(0) == Some(&separator) && is_more(after(1)));
    !is_word(before(1)) && !is_word(after(0)) && !goes_on
}
