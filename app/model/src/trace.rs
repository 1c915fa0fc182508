//! Trace and span ids in the text forms of clients and other tools. Ingest and search use the same parser, so
//! `trace_id:` finds an id in whatever form it was sent.

/// Parses an id of `N` bytes: hexadecimal in any case, with or without hyphens or `0x`, or padded Base64 in either
/// alphabet.
///
/// A 16-byte id may be sent as 8 bytes by tracers older than OpenTelemetry; they become the low half.
pub fn parse_id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.trim();
    match from_hex(text) {
        Some((bytes, length)) => exact(bytes.get(..length)?),
        // Without padding it could be any word of that length.
        None if text.ends_with('=') => from_base64(text),
        None => None,
    }
}

/// Parses Base64 of exactly `N` bytes in either alphabet, with or without padding.
pub fn from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let letters = text.trim_end_matches('=');
    let padding = text.len() - letters.len();
    if letters.len() != (N * 8).div_ceil(6) || (padding != 0 && text.len() != N.div_ceil(3) * 4) {
        return None;
    }
    let mut id = [0; N];
    let (mut bits, mut held, mut place) = (0_u32, 0, 0);
    for letter in letters.bytes() {
        bits = bits << 6 | u32::from(sextet(letter)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            *id.get_mut(place)? = (bits >> held) as u8;
            bits &= (1 << held) - 1;
            place += 1;
        }
    }
    // Surplus bits in the last letter mean that the text is not Base64 of an id.
    (bits == 0).then_some(id)
}

fn sextet(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Two digits per byte, and the number of bytes; `None` if the text is not hexadecimal or too long.
fn from_hex(text: &str) -> Option<([u8; 16], usize)> {
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let mut bytes = [0; 16];
    // Nearly every id comes as plain digits.
    if let Some(plain) = bytes.get_mut(..text.len() / 2)
        && hex::decode_to_slice(text, plain).is_ok()
    {
        return Some((bytes, text.len() / 2));
    }
    let (mut digits, mut count) = ([0; 32], 0);
    for digit in text.bytes().filter(|byte| *byte != b'-') {
        *digits.get_mut(count)? = digit;
        count += 1;
    }
    hex::decode_to_slice(digits.get(..count)?, bytes.get_mut(..count / 2)?).ok()?;
    Some((bytes, count / 2))
}

/// Converts bytes of exactly the length of the id, or 8 bytes for an id of 16.
pub fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut id = [0; N];
    match bytes.len() {
        length if length == N => id.copy_from_slice(bytes),
        8 if N == 16 => id[8..].copy_from_slice(bytes),
        _ => return None,
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

    #[test]
    fn ids_are_read_in_every_usual_form() {
        for (text, id) in [
            ("0af7651916cd43dd8448eb211c80319c", Some(TRACE)),
            ("0AF7651916CD43DD8448EB211C80319C", Some(TRACE)),
            ("0af76519-16cd-43dd-8448-eb211c80319c", Some(TRACE)),
            ("0AF76519-16CD-43DD-8448-EB211C80319C", Some(TRACE)),
            ("0x0af7651916cd43dd8448eb211c80319c", Some(TRACE)),
            (" 0af7651916cd43dd8448eb211c80319c\n", Some(TRACE)),
            ("CvdlGRbNQ92ESOshHIAxnA==", Some(TRACE)),
            ("8448eb211c80319c", Some(TRACE & u128::from(u64::MAX))),
            ("+/+/+/+/+/+/+/+/+/+/+w==", Some(0xfbff_bffb_ffbf_fbff_bffb_ffbf_fbff_bffb)),
            ("-_-_-_-_-_-_-_-_-_-_-w==", Some(0xfbff_bffb_ffbf_fbff_bffb_ffbf_fbff_bffb)),
            ("CvdlGRbNQ92ESOshHIAxnA", None),
            ("CvdlGRbNQ92ESOshHIAxnA=", None),
            ("CvdlGRbNQ92ESOshHIAxnB==", None),
            ("0af7651916cd43dd8448eb211c80319", None),
            ("0af7651916cd43dd8448eb211c80319c00", None),
            ("req-17", None),
            ("", None),
            ("==", None),
            ("é", None),
        ] {
            assert_eq!(parse_id::<16>(text).map(u128::from_be_bytes), id, "{text}");
        }
        for (text, id) in [
            ("EEE19B7EC3C1B174", Some(0xeee1_9b7e_c3c1_b174)),
            ("7uGbfsPBsXQ=", Some(0xeee1_9b7e_c3c1_b174)),
            ("7uGbfsPBsXQ", None),
            ("0af7651916cd43dd8448eb211c80319c", None),
        ] {
            assert_eq!(parse_id::<8>(text).map(u64::from_be_bytes), id, "{text}");
        }
        assert_eq!(from_base64::<16>("CvdlGRbNQ92ESOshHIAxnA"), Some(TRACE.to_be_bytes()));
        assert_eq!(from_base64::<8>("7uGbfsPBsXQ"), Some(0xeee1_9b7e_c3c1_b174_u64.to_be_bytes()));
    }
}
