//! Fills a message template.

use super::templates::{ENDINGS, OPENINGS, PATHS, RARE, WORDS};
use crate::random::SplitMix;

/// Appends a message of the plain corpus.
pub(super) fn write(random: &mut SplitMix, message: &mut String) {
    if random.per_mille(1) {
        fill(RARE, &WORDS, random, message);
    } else {
        fill(random.pick(&OPENINGS), &WORDS, random, message);
        fill(random.pick(&ENDINGS), &WORDS, random, message);
    }
}

/// Appends a template: `{n}` becomes a number, `{h}` eight hexadecimal digits, `{p}` a path, `{w}` one of the words.
pub(super) fn fill(template: &str, words: &[&str], random: &mut SplitMix, message: &mut String) {
    let mut rest = template;
    while let Some(place) = rest.find('{') {
        message.push_str(&rest[..place]);
        match rest.as_bytes().get(place + 1) {
            Some(b'n') => push_number(random, message),
            Some(b'h') => push_hex(random.next() as u32, message),
            Some(b'p') => message.push_str(random.pick(&PATHS)),
            _ => message.push_str(random.pick(words)),
        }
        rest = &rest[place + 3..];
    }
    message.push_str(rest);
}

/// A number of one to four digits; short ones are more frequent than uniform.
fn push_number(random: &mut SplitMix, message: &mut String) {
    let bits = random.next();
    let bound = [10, 100, 1_000, 10_000][(bits & 3) as usize];
    push_decimal((bits >> 8) % bound, message);
}

/// Appends decimal digits, cheaper than `format!`.
fn push_decimal(mut value: u64, text: &mut String) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}

fn push_hex(bits: u32, text: &mut String) {
    let mut digits = [0; 8];
    let _ = hex::encode_to_slice(bits.to_be_bytes(), &mut digits);
    text.extend(digits.map(char::from));
}
