//! Numbers and texts in bytes, and a frame with a checksum.

/// The bytes are not an index of this version, or are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the index of a block is damaged")]
pub struct Damaged;

/// The compression of a frame.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Fast enough for every record, and close to the higher levels on sorted texts.
const LEVEL: i32 = 1;
/// Compression, checksum and plain length.
const HEAD: usize = 1 + 4 + 4;

/// Appends a number in 1 to 10 bytes, seven bits each, the lowest first.
pub(crate) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends the length of a text and its bytes.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what [`put_number`] and [`put_text`] wrote.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Damaged)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    /// A number that is a length or an index.
    pub(crate) fn size(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| Damaged)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'b [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, Damaged> {
        let length = self.size()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }
}

/// Compresses into a frame with a checksum.
pub(crate) fn pack(plain: &[u8]) -> Vec<u8> {
    // Compressing into memory does not fail; a plain frame is as good if it did.
    let (compression, body) = match zstd::bulk::compress(plain, LEVEL) {
        Ok(compressed) if compressed.len() < plain.len() => (ZSTD, compressed),
        _ => (PLAIN, plain.to_vec()),
    };
    let mut frame = Vec::with_capacity(HEAD + body.len());
    frame.push(compression);
    frame.extend(crc32c::crc32c(&body).to_le_bytes());
    frame.extend((plain.len() as u32).to_le_bytes());
    frame.extend(body);
    frame
}

/// Reverses [`pack`] for at most `most` plain bytes.
pub(crate) fn unpack(frame: &[u8], most: usize) -> Result<Vec<u8>, Damaged> {
    let (&compression, rest) = frame.split_first().ok_or(Damaged)?;
    let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
    let (length, body) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    // The length is checked before anything is allocated for it.
    if length > most || crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return Err(Damaged);
    }
    let plain = match compression {
        PLAIN => body.to_vec(),
        ZSTD => zstd::bulk::decompress(body, length).map_err(|_| Damaged)?,
        _ => return Err(Damaged),
    };
    if plain.len() == length { Ok(plain) } else { Err(Damaged) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(numbers in prop::collection::vec(any::<u64>(), 0..20), text in ".{0,20}") {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put_number(*number, &mut bytes));
            put_text(&text, &mut bytes);
            let mut reader = Reader::new(&bytes);
            for number in numbers {
                prop_assert_eq!(reader.number(), Ok(number));
            }
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn a_frame_comes_back_and_damage_is_found(
            plain in prop::collection::vec(0..4_u8, 0..300),
            place in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let mut frame = pack(&plain);
            prop_assert_eq!(unpack(&frame, plain.len()), Ok(plain.clone()));
            if !plain.is_empty() {
                prop_assert_eq!(unpack(&frame, plain.len() - 1), Err(Damaged));
            }
            // The first byte alone has no checksum; another compression fails by itself or is not known.
            let place = 1 + place.index(frame.len() - 1);
            frame[place] ^= 1u8 << bit;
            prop_assert_eq!(unpack(&frame, 1 << 20), Err(Damaged));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpack(&bytes, 1 << 16);
            let mut reader = Reader::new(&bytes);
            while !reader.is_at_end() && reader.text().is_ok() {}
        }
    }
}
