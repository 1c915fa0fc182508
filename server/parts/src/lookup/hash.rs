//! Hashes of values. They are part of the format: another hash of a value would be another version of it.

use twox_hash::XxHash64;

/// A field whose values are in the lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'k> {
    Trace,
    Span,
    Service,
    Node,
    /// An attribute by its key.
    Attribute(&'k str),
}

/// The seed for the keys of attributes. Seeds of other fields are small numbers, which a hash of a key practically never
/// is.
const ATTRIBUTES: u64 = 1;
/// They tell an integer and a float with the same bits apart.
const INTEGERS: u64 = 0x6a09_e667_f3bc_c908;
const FLOATS: u64 = 0xbb67_ae85_84ca_a73b;
/// Up to this number, all integers are floats, and floats that are integers print as them.
const EXACT: u64 = 1 << 53;

impl Field<'_> {
    /// The seed of the hashes of its values.
    pub(super) fn seed(self) -> u64 {
        match self {
            Self::Trace => 2,
            Self::Span => 3,
            Self::Service => 4,
            Self::Node => 5,
            Self::Attribute(key) => XxHash64::oneshot(ATTRIBUTES, key.as_bytes()),
        }
    }
}

/// The hash of the bytes of an id.
pub(super) fn bytes(seed: u64, bytes: &[u8]) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

/// The hash of a text. Values with the same text form have the same hash where that costs little: a text that is an integer
/// has that of the integer.
pub(super) fn text(seed: u64, text: &str) -> u64 {
    integer_of(text).map_or_else(|| bytes(seed, text.as_bytes()), |number| integer(seed, number))
}

pub(super) fn boolean(seed: u64, value: bool) -> u64 {
    let text = if value { "true" } else { "false" };
    bytes(seed, text.as_bytes())
}

pub(super) fn integer(seed: u64, value: i64) -> u64 {
    mixed(seed ^ INTEGERS ^ value as u64)
}

/// The hash of a float. Each float has a text form of its own, so its bits stand for it. A float that is a whole number and
/// prints as one has the hash of the integer.
pub(super) fn float(seed: u64, value: f64) -> u64 {
    let whole = value as i64;
    let is_integer = value.abs() <= EXACT as f64 && whole as f64 == value && (whole != 0 || value.is_sign_positive());
    if is_integer { integer(seed, whole) } else { mixed(seed ^ FLOATS ^ value.to_bits()) }
}

/// The hashes of all values with this text form.
pub(super) fn of_text_form(seed: u64, text: &str) -> Vec<u64> {
    let mut hashes = vec![self::text(seed, text)];
    // Beyond, a float prints as an integer that it may not be equal to.
    if integer_of(text).is_none_or(|number| number.unsigned_abs() > EXACT) {
        let float = text.parse().ok().filter(|float: &f64| float.is_finite() && float.to_string() == text);
        hashes.extend(float.map(|float| self::float(seed, float)));
    }
    hashes
}

/// The integer with this text form.
pub(super) fn integer_of(text: &str) -> Option<i64> {
    let is_canonical = match text.strip_prefix('-').unwrap_or(text).as_bytes() {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19,
        _ => false,
    };
    if is_canonical { text.parse().ok() } else { None }
}

/// The finaliser of SplitMix64: each bit of the input changes half of the output. Numbers are most of the values of a wide
/// record, and this takes a third of the time of a hash of their text.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use model::Value;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_stay_as_they_are() {
        // Files hold them.
        assert_eq!(Field::Attribute("").seed(), XxHash64::oneshot(1, b""));
        // The first outputs of SplitMix64 from the seed 0.
        assert_eq!(mixed(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mixed(0x3c6e_f372_fe94_f82a), 0x6e78_9e6a_a1b9_65f4);
        let seed = Field::Attribute("order").seed();
        let hashes = [text(seed, "a"), integer(seed, 1), float(seed, 1.5), boolean(seed, true), text(seed ^ 1, "a")];
        let distinct: std::collections::HashSet<u64> = hashes.into_iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn a_text_stands_for_the_values_of_all_types_with_this_text_form() {
        for (text, count) in [
            ("", 1),
            ("true", 1),
            ("u17", 1),
            ("NaN", 1),
            ("inf", 1),
            ("1e3", 1),
            ("+17", 1),
            ("017", 1),
            ("1.50", 1),
            ("17", 1),
            ("-1", 1),
            ("0", 1),
            ("-0", 2),
            ("1.5", 2),
            ("9007199254740992", 1),
            ("9007199254740993", 1),
            ("9007199254740994", 2),
            ("9223372036854775808", 1),
            ("100000000000000000000", 2),
        ] {
            assert_eq!(of_text_form(7, text).len(), count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_value_is_found_by_its_text_form(
            float in prop_oneof![
                prop::num::f64::ANY.prop_filter("finite", |float| float.is_finite()),
                any::<i64>().prop_map(|number| number as f64),
                any::<i32>().prop_map(|number| f64::from(number) / 100.0),
                (0_u64..8).prop_map(|more| (EXACT + more) as f64),
                Just(-0.0),
            ],
            number in prop_oneof![any::<i64>(), any::<i8>().prop_map(i64::from)],
            word in "[-+]?[0-9]{0,3}[.e]?[0-9a-z]{0,3}",
        ) {
            for value in [Value::Float(float), Value::Int(number), Value::Int(float as i64), Value::Text(word.into())] {
                let hash = match &value {
                    Value::Float(value) => super::float(7, *value),
                    Value::Int(value) => integer(7, *value),
                    Value::Text(value) => text(7, value),
                    Value::Bool(value) => boolean(7, *value),
                };
                prop_assert!(of_text_form(7, &value.to_string()).contains(&hash), "{value:?}");
            }
        }
    }
}
