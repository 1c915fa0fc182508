//! Phone numbers: international ones, and national ones in the usual forms.

use std::ops::Range;

use super::{
    addresses::is_apart,
    groups::{digits, groups},
};

/// In this order: international; Korean mobile; with an area code in parentheses; North American; national, which
/// begins with 0 and has separators.
pub(super) const EXPRESSION: &str = concat!(
    r"\+[1-9](?:[ .()/-]{0,3}[0-9]){6,14}",
    "|01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}",
    r"|\((?:0[0-9]{1,4}|[2-9][0-9]{2})\) ?[0-9]{3,4}[ .-]?[0-9]{3,4}",
    r"|[2-9][0-9]{2}[.-][0-9]{3}[.-][0-9]{4}",
    "|0[1-9][0-9]{0,3}[ ./-](?:[0-9]{2,8}[ ./-]?){1,4}",
);

/// Seven digits.
pub(super) const FILTER: &str = "[0-9](?:[ .()/-]{0,3}[0-9]){6}";

/// The digits of a national number.
const NATIONAL: std::ops::RangeInclusive<usize> = 9..=11;

/// The part of the candidate that is a phone number.
pub(super) fn number(text: &str, candidate: Range<usize>) -> Option<Range<usize>> {
    let number = &text[candidate.clone()];
    let is_mobile = number.starts_with("01") && (10..=11).contains(&digits(number).count()) && !number.contains('/');
    let span = match number.as_bytes().first()? {
        b'0' if !is_mobile => national(text, candidate)?,
        _ => candidate,
    };
    is_apart(text, &span, b'.').then_some(span)
}

/// The longest national number at the start of the candidate: groups with the same separator. A date is shorter.
fn national(text: &str, candidate: Range<usize>) -> Option<Range<usize>> {
    let groups = groups(text, candidate);
    let first = groups.first()?;
    let separator = groups.get(1)?.separator;
    let (mut total, mut end) = (first.digits(), None);
    for group in groups.iter().skip(1).take_while(|group| group.separator == separator) {
        total += group.digits();
        if NATIONAL.contains(&total) {
            end = Some(group.span.end);
        }
    }
    Some(first.span.start..end?)
}

/// The digits, and the plus sign. Korean numbers are national, because both forms are usual.
pub(super) fn canonical(number: &str) -> String {
    let plain: String = number.chars().filter(|letter| letter.is_ascii_digit() || *letter == '+').collect();
    match plain.strip_prefix("+82") {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => plain,
    }
}
