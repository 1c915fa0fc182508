//! Named zones after a time.

use super::reader::Reader;

/// Parses everything after a time: a named zone, an offset followed by a name as in Go (`+0900 KST m=+0.1`), or a
/// bracketed zone as in Java (`+09:00[Asia/Seoul]`). An offset takes precedence; a name after it is ignored.
pub(super) fn read(text: &[u8]) -> Option<i64> {
    // Zone names are short; a whole message is not a zone.
    const LONGEST: usize = 64;
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?.trim();
    let text = text.split_once(" m=").map_or(text, |(zone, _)| zone.trim_end());
    let (name, place) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, place)) => (name.trim_end(), Some(place)),
        None => (text, None),
    };
    if name.is_empty() {
        return place.and_then(offset_of);
    }
    let mut reader = Reader { bytes: name.as_bytes() };
    if let Some(offset) = reader.offset() {
        return (reader.bytes.is_empty() || is_name(reader.bytes)).then_some(offset);
    }
    // `GMT+0900`
    let sign = name.find(['+', '-']).filter(|_| !name.contains('/'));
    match sign.map(|sign| name.split_at(sign)) {
        Some((base, offset)) if offset_of(base) == Some(0) => {
            let mut reader = Reader { bytes: offset.as_bytes() };
            reader.offset().filter(|_| reader.bytes.is_empty())
        }
        _ => offset_of(name),
    }
}

/// Whether the text is a blank and an abbreviation, or the repeated offset.
fn is_name(text: &[u8]) -> bool {
    const LONGEST: usize = 6;
    let name = text.trim_ascii_start();
    let letters = |letter: &u8| letter.is_ascii_uppercase();
    let digits = |letter: &u8| letter.is_ascii_digit() || b"+-".contains(letter);
    (1..=LONGEST).contains(&name.len())
        && name.len() < text.len()
        && (name.iter().all(letters) || name.iter().all(digits))
}

/// The offset in seconds ahead of UTC of a zone name or abbreviation, in any case. Only zones with a fixed offset are
/// known. `IST`, `CST` and `BST` are ambiguous, and zones with daylight saving time are excluded.
pub fn offset_of(name: &str) -> Option<i64> {
    const LONGEST: usize = 20;
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    let minutes = match &*lower {
        b"z" | b"utc" | b"gmt" | b"ut" | b"wet" | b"etc/utc" | b"etc/gmt" => 0,
        b"cet" | b"west" | b"wat" | b"africa/lagos" => 60,
        b"cest" | b"eet" | b"cat" | b"sast" | b"africa/johannesburg" => 120,
        b"eest" | b"msk" | b"eat" | b"europe/moscow" | b"europe/istanbul" | b"africa/nairobi" | b"asia/riyadh" => 180,
        b"asia/dubai" => 240,
        b"pkt" | b"asia/karachi" | b"asia/tashkent" => 300,
        b"asia/kolkata" | b"asia/calcutta" | b"asia/colombo" => 330,
        b"asia/kathmandu" => 345,
        b"asia/dhaka" => 360,
        b"wib" | b"ict" | b"asia/bangkok" | b"asia/jakarta" | b"asia/ho_chi_minh" => 420,
        b"hkt" | b"sgt" | b"awst" | b"asia/shanghai" | b"asia/hong_kong" | b"asia/singapore" | b"asia/taipei"
        | b"asia/manila" | b"australia/perth" => 480,
        b"kst" | b"jst" | b"asia/seoul" | b"asia/tokyo" | b"asia/pyongyang" => 540,
        b"acst" => 570,
        b"aest" | b"australia/brisbane" => 600,
        b"acdt" => 630,
        b"aedt" => 660,
        b"nzst" => 720,
        b"nzdt" => 780,
        b"brt" | b"art" | b"america/sao_paulo" | b"america/buenos_aires" => -180,
        b"edt" => -240,
        b"est" | b"cdt" | b"america/bogota" | b"america/lima" => -300,
        b"mdt" => -360,
        b"mst" | b"pdt" | b"america/phoenix" => -420,
        b"pst" | b"akdt" => -480,
        b"akst" => -540,
        b"hst" | b"pacific/honolulu" => -600,
        _ => return None,
    };
    Some(minutes * 60)
}
