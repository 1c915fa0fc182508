//! Numbers of payment cards: 13 to 19 digits with the checksum of Luhn (ISO/IEC 7812-1).

use std::ops::Range;

use super::groups::{Group, digits, groups, is_in_hex};

const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Finds the numbers of cards in a run of digits: without separators, or in groups with the same separator, of which
/// the first has 4 digits.
pub(super) fn cards(text: &str, run: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
    let groups = groups(text, run);
    let mut first = 0;
    while let Some(group) = groups.get(first) {
        let is_decimal = |group: Option<&Group>| group.is_some_and(|group| group.separator == Some(b'.'));
        let alone = !is_decimal(Some(group)) && !is_decimal(groups.get(first + 1)) && is_card(text, &group.span);
        if alone && !is_in_hex(text, &group.span) {
            found(group.span.clone());
            first += 1;
        } else if let Some(last) = in_groups(text, &groups, first) {
            found(group.span.start..groups[last].span.end);
            first = last + 1;
        } else {
            first += 1;
        }
    }
}

/// The last group of a card that begins with this group. The longest card counts.
fn in_groups(text: &str, groups: &[Group], first: usize) -> Option<usize> {
    let start = groups.get(first).filter(|group| group.digits() == 4)?;
    let separator = groups.get(first + 1)?.separator;
    let (mut total, mut longest) = (4, None);
    for (index, group) in groups.iter().enumerate().skip(first + 1) {
        total += group.digits();
        if group.separator != separator || group.digits() > 7 || total > *DIGITS.end() {
            break;
        }
        if is_card(text, &(start.span.start..group.span.end)) {
            longest = Some(index);
        }
        // Only the last group may be short.
        if group.digits() < 4 {
            break;
        }
    }
    longest
}

/// Whether the digits of the span are the number of a card. No issuer of cards begins with 0, 1 or 7, but times do.
fn is_card(text: &str, span: &Range<usize>) -> bool {
    let number = &text[span.clone()];
    let count = digits(number).count();
    DIGITS.contains(&count) && !matches!(digits(number).next(), None | Some(0 | 1 | 7)) && is_checked(number)
}

/// Whether the last digit is the checksum. Separators are skipped.
fn is_checked(number: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighed = digits(number).rev().enumerate();
    weighed.map(|(place, digit)| if place % 2 == 1 { doubled(digit) } else { digit }).sum::<u32>().is_multiple_of(10)
}
