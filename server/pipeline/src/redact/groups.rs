//! Numbers that are written in groups of digits, and Korean resident registration numbers.

use std::ops::Range;

/// Digits without a separator among them.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) span: Range<usize>,
    /// What separates it from the group before; `None` for the first.
    pub(super) separator: Option<u8>,
}

impl Group {
    pub(super) fn digits(&self) -> usize {
        self.span.len()
    }
}

/// The groups of a run of digits with single separators.
pub(super) fn groups(text: &str, run: Range<usize>) -> Vec<Group> {
    let bytes = text.as_bytes();
    let mut groups: Vec<Group> = Vec::new();
    let mut separator = None;
    for place in run {
        let byte = bytes[place];
        match groups.last_mut() {
            _ if !byte.is_ascii_digit() => separator = Some(byte),
            Some(last) if last.span.end == place => last.span.end += 1,
            _ => groups.push(Group { span: place..place + 1, separator: separator.take() }),
        }
    }
    groups
}

/// The letters on each side that are looked at. A long word is looked at for each number in it.
const AROUND: usize = 64;

/// Whether ASCII letters touch the span and all of them together are hexadecimal: it is a part of a hash or an id.
pub(super) fn is_in_hex(text: &str, span: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let before = bytes[..span.start].iter().rev().take(AROUND).take_while(|byte| byte.is_ascii_alphanumeric());
    let after = bytes[span.end..].iter().take(AROUND).take_while(|byte| byte.is_ascii_alphanumeric());
    let mut around = before.chain(after).peekable();
    around.peek().is_some() && around.all(u8::is_ascii_hexdigit)
}

/// The ASCII digits of a text, as numbers.
pub(super) fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> {
    text.bytes().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0'))
}

/// Finds Korean resident registration numbers in a run of digits: `YYMMDD-GNNNNNC` or 13 digits.
///
/// The last digit is a checksum in numbers given before October 2020. Later ones, also those that replace older ones,
/// have none. The form with a hyphen is specific enough, so the checksum does not count there. 13 digits alone may be
/// a time or an id, so they need the checksum, or a birth since then.
pub(super) fn resident_numbers(text: &str, run: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
    let groups = groups(text, run);
    let mut index = 0;
    while let Some(group) = groups.get(index) {
        let pair = groups.get(index + 1).filter(|next| matches!(next.separator, Some(b'-' | b' ')));
        let (span, is_whole, is_written) = match pair {
            Some(next) if group.digits() == 6 && next.digits() == 7 => (group.span.start..next.span.end, true, true),
            _ => (group.span.clone(), group.digits() == 13 && group.separator != Some(b'.'), false),
        };
        let is_number = is_whole && {
            let numbers: Vec<u32> = digits(&text[span.clone()]).collect();
            is_born(&numbers) && (is_written || is_checked(&numbers) || is_born_without(&numbers))
        };
        if is_number && !is_in_hex(text, &span) {
            found(span);
            index += usize::from(is_written);
        }
        index += 1;
    }
}

/// Whether the number begins with a date, and the seventh digit tells century, sex and nationality.
fn is_born(numbers: &[u32]) -> bool {
    let &[_, _, month_tens, month, day_tens, day, kind, ..] = numbers else { return false };
    (1..=12).contains(&(month_tens * 10 + month)) && (1..=31).contains(&(day_tens * 10 + day)) && kind <= 9
}

/// Whether the person was born since October 2020.
fn is_born_without(numbers: &[u32]) -> bool {
    let &[tens, year, month_tens, month, _, _, kind, ..] = numbers else { return false };
    matches!(kind, 3 | 4 | 7 | 8) && tens * 1000 + year * 100 + month_tens * 10 + month >= 2010
}

/// Whether the last digit is the checksum; foreigners have one of their own.
fn is_checked(numbers: &[u32]) -> bool {
    const WEIGHTS: [u32; 12] = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let Some((check, first)) = numbers.split_last() else { return false };
    let sum: u32 = first.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let is_foreign = numbers.get(6).is_some_and(|kind| (5..=8).contains(kind));
    let base = if is_foreign { 13 } else { 11 };
    (base - sum % 11) % 10 == *check
}
