//! A page of messages, decompressed.

use std::{cell::OnceCell, ops::Range};

use pipeline::{Error, Result};

use super::lengths::Lengths;

/// The messages of a page.
pub struct Page<'p> {
    lengths: Lengths<'p>,
    bytes: &'p [u8],
    /// The end of each message; decoded on first use.
    ends: OnceCell<Vec<u32>>,
    /// The bytes as text, once they are known to be UTF-8.
    text: OnceCell<&'p str>,
}

fn damaged() -> Error {
    Error::corrupt("a page of its messages is damaged")
}

impl<'p> Page<'p> {
    /// A page with the encoding `DELTA_LENGTH_BYTE_ARRAY` and so many messages, none of them null.
    ///
    /// # Errors
    /// `Corrupt` if the lengths cannot be told from the bytes.
    pub fn new(page: &'p [u8], messages: usize) -> Result<Self> {
        let (lengths, bytes) = Lengths::split(page, messages).ok_or_else(damaged)?;
        Ok(Self { lengths, bytes, ends: OnceCell::new(), text: OnceCell::new() })
    }

    /// The number of messages.
    pub fn len(&self) -> usize {
        self.lengths.count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all messages, one after the other. Damaged bytes need not be UTF-8, and more may follow the last
    /// message.
    pub fn bytes(&self) -> &'p [u8] {
        self.bytes
    }

    /// The end of each message in [`Self::bytes`]; a message starts at the end of the one before it.
    ///
    /// # Errors
    /// `Corrupt` if the lengths are damaged.
    pub fn ends(&self) -> Result<&[u32]> {
        if let Some(ends) = self.ends.get() {
            return Ok(ends);
        }
        let ends = self.lengths.ends(self.bytes.len()).ok_or_else(damaged)?;
        Ok(self.ends.get_or_init(|| ends))
    }

    /// The place of a message in [`Self::bytes`].
    ///
    /// # Errors
    /// `Corrupt` if the lengths are damaged.
    pub fn range(&self, message: usize) -> Result<Range<usize>> {
        let ends = self.ends()?;
        let end = *ends.get(message).ok_or_else(|| Error::internal("a page has fewer messages"))? as usize;
        let start = message.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
        Ok(start..end)
    }

    /// A message.
    ///
    /// # Errors
    /// `Corrupt` if it is not UTF-8, or the lengths are damaged.
    pub fn message(&self, message: usize) -> Result<&'p str> {
        let range = self.range(message)?;
        match self.text.get() {
            Some(text) => text.get(range).ok_or_else(damaged),
            None => {
                let bytes = self.bytes.get(range).ok_or_else(damaged)?;
                simdutf8::basic::from_utf8(bytes).map_err(|_| damaged())
            }
        }
    }

    /// Checks all messages at once, which costs less than checking each of them in [`Self::message`].
    ///
    /// # Errors
    /// `Corrupt` if a message is not UTF-8, or the lengths are damaged.
    pub fn check(&self) -> Result<()> {
        if self.text.get().is_some() {
            return Ok(());
        }
        let end = self.ends()?.last().map_or(0, |end| *end as usize);
        let bytes = self.bytes.get(..end).ok_or_else(damaged)?;
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| damaged())?;
        // Nothing else was set since.
        let _ = self.text.set(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four messages of 2, 0, 3 and 2 bytes: the deltas -2, 3 and -1, less the least one, take three bits each.
    const LENGTHS: &[u8] = &[0x80, 1, 4, 4, 4, 3, 3, 0, 0, 0, 0b0110_1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn of(bytes: &[u8]) -> Vec<u8> {
        [LENGTHS, bytes].concat()
    }

    #[test]
    fn messages_are_told_apart_by_their_lengths() {
        let bytes = of("ab한cdrest".as_bytes());
        for is_checked in [false, true] {
            let page = Page::new(&bytes, 4).unwrap();
            if is_checked {
                page.check().unwrap();
            }
            assert_eq!((page.len(), page.bytes()), (4, "ab한cdrest".as_bytes()));
            assert_eq!(page.ends().unwrap(), [2, 2, 5, 7]);
            let messages: Vec<&str> = (0..4).map(|message| page.message(message).unwrap()).collect();
            assert_eq!(messages, ["ab", "", "한", "cd"]);
            assert_eq!(page.range(1).unwrap(), 2..2);
        }
    }

    #[test]
    fn a_damaged_page_is_an_error() {
        assert!(Page::new(&of(b"abcdefg"), 5).is_err() && Page::new(&LENGTHS[..12], 4).is_err());
        let short = of(b"abcdef");
        assert!(Page::new(&short, 4).unwrap().ends().is_err());
        let not_text = of(b"ab\xffcdef");
        let page = Page::new(&not_text, 4).unwrap();
        assert!(page.message(0).is_ok() && page.message(2).is_err());
        assert!(page.check().is_err());
        // A character that two messages share.
        let shared = of("a한한".as_bytes());
        let page = Page::new(&shared, 4).unwrap();
        assert!(page.message(0).is_err());
        assert!(page.check().is_ok() && page.message(0).is_err() && page.message(1).is_err());
    }
}
