//! The form of a column by its first values.

use super::{Form, LEAST_BYTES, MOST_BYTES, MOST_DIGITS, POWERS, is_prefix};

/// The number of values that are looked at.
pub(crate) const LOOKED_AT: usize = 256;
/// The number of them of which the others may have the form.
const FIRST: usize = 8;
/// The number of values without the form, of [`LOOKED_AT`].
const MOST_OTHERS: usize = 6;

/// The form that nearly all of these texts have, or none.
///
/// Several forms may fit: eight decimal digits are also hexadecimal. The one that most texts have is chosen.
pub(crate) fn of_texts<'t>(texts: impl Iterator<Item = &'t str>) -> Form {
    let texts: Vec<&str> = texts.take(LOOKED_AT).collect();
    let mut candidates: Vec<Form> = Vec::new();
    for form in texts.iter().take(FIRST).flat_map(|text| of_text(text)) {
        if !candidates.contains(&form) {
            candidates.push(form);
        }
    }
    let counted = candidates.into_iter().filter_map(|form| Some((fitting(&form, &texts)?, form)));
    counted.max_by_key(|(count, form)| (*count, preference(form))).map_or(Form::Plain, |(_, form)| form)
}

/// The form that nearly all of these floats have, or none.
pub(crate) fn of_floats(values: impl Iterator<Item = f64>) -> Form {
    // The number of floats by the least scale that they have.
    let (mut counts, mut all) = ([0_usize; POWERS.len()], 0_usize);
    for value in values.take(LOOKED_AT) {
        all += 1;
        let scale =
            (0..).zip(&mut counts).find(|(scale, _)| Form::Decimal { scale: *scale }.to_decimal(value).is_some());
        if let Some((_, count)) = scale {
            *count += 1;
        }
    }
    let mut fitting = 0_usize;
    for (scale, count) in (0..).zip(counts) {
        fitting += count;
        if all > 0 && all - fitting <= most_others(all) {
            return Form::Decimal { scale };
        }
    }
    Form::Plain
}

fn most_others(all: usize) -> usize {
    all * MOST_OTHERS / LOOKED_AT
}

/// The number of texts with the form; `None` if too many have another.
fn fitting(form: &Form, texts: &[&str]) -> Option<usize> {
    let (mut buffer, most_others) = ([0; 64], most_others(texts.len()));
    let mut others = 0_usize;
    for text in texts {
        if form.to_bytes(text, &mut buffer).is_none() && form.to_number(text).is_none() {
            others += 1;
            if others > most_others {
                return None;
            }
        }
    }
    Some(texts.len() - others)
}

/// Numbers that follow one another take less than bytes.
fn preference(form: &Form) -> u8 {
    match form {
        Form::Plain | Form::Decimal { .. } => 0,
        Form::Hex { .. } => 1,
        Form::Number { .. } => 2,
        Form::Uuid | Form::Ipv4 | Form::Time { .. } => 3,
    }
}

/// The forms that the text may have.
fn of_text(text: &str) -> impl Iterator<Item = Form> {
    let bytes = text.len() / 2;
    let hex = (usize::from(LEAST_BYTES)..=usize::from(MOST_BYTES)).contains(&bytes);
    let hex = (hex && text.len() == 2 * bytes).then_some(Form::Hex { bytes: bytes as u8 });
    let digits = match text.len() {
        20 => Some(0),
        length @ 22..=30 => Some((length - 21) as u8),
        _ => None,
    };
    let time = digits.map(|digits| Form::Time { digits });
    let number = prefix_of(text).map(|prefix| Form::Number { prefix: prefix.to_owned() });
    [hex, time, number].into_iter().flatten().chain([Form::Uuid, Form::Ipv4])
}

/// What is before the number at the end of a text: the longest without a leading zero.
fn prefix_of(text: &str) -> Option<&str> {
    let digits = text.bytes().rev().take(MOST_DIGITS).take_while(u8::is_ascii_digit).count();
    let (before, number) = text.split_at(text.len() - digits);
    let zeros = number.bytes().take_while(|digit| *digit == b'0').count().min(digits.saturating_sub(1));
    text.get(..before.len() + zeros).filter(|prefix| digits > 0 && is_prefix(prefix))
}
