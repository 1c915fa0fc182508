//! The lengths at the start of a page of texts.

use crate::deltas::Deltas;

/// The packed lengths of the messages of a page.
pub(super) struct Lengths<'p>(Deltas<'p>);

impl<'p> Lengths<'p> {
    /// Splits a page with `count` messages into their lengths and their bytes. `None` if the page is damaged.
    ///
    /// Visits the headers of the blocks only.
    pub(super) fn split(page: &'p [u8], count: usize) -> Option<(Self, &'p [u8])> {
        let lengths = Deltas::of(page).filter(|lengths| lengths.count == count)?;
        let bytes = lengths.after()?;
        Some((Self(lengths), bytes))
    }

    /// The number of messages.
    pub(super) fn count(&self) -> usize {
        self.0.count
    }

    /// The end of each message in `bytes` bytes. `None` if the lengths are damaged.
    pub(super) fn ends(&self, bytes: usize) -> Option<Vec<u32>> {
        let bytes = u32::try_from(bytes).ok()?;
        let (mut ends, mut end) = (Vec::with_capacity(self.count()), 0_u32);
        self.0.each(self.count(), |length| {
            end = u32::try_from(length).ok()?.checked_add(end).filter(|end| *end <= bytes)?;
            ends.push(end);
            Some(())
        })?;
        Some(ends)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::deltas;

    /// The lengths as Parquet's writers write them.
    fn packed(lengths: &[u32], miniblocks: usize) -> Vec<u8> {
        let lengths: Vec<i64> = lengths.iter().map(|length| i64::from(*length)).collect();
        deltas::tests::packed(&lengths, miniblocks)
    }

    proptest! {
        #[test]
        fn lengths_are_read_as_they_were_written(
            lengths in vec(prop_oneof![0..3_u32, 100..200_u32, 0..1_000_000_u32], 0..600),
            miniblocks in prop::sample::select(vec![1_usize, 2, 4]),
            more in vec(any::<u8>(), 0..9),
        ) {
            let mut page = packed(&lengths, miniblocks);
            let start = page.len();
            page.extend(&more);
            let (read, bytes) = Lengths::split(&page, lengths.len()).unwrap();
            prop_assert_eq!(bytes, &page[start..]);
            prop_assert_eq!(read.count(), lengths.len());
            let total: u32 = lengths.iter().sum();
            let ends: Vec<u32> = lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }).collect();
            prop_assert_eq!(read.ends(total as usize), Some(ends));
            // Messages that are longer than the page has bytes.
            prop_assert!(total == 0 || read.ends(total as usize - 1).is_none());
            prop_assert!(Lengths::split(&page, lengths.len() + 1).is_none());
            prop_assert!(Lengths::split(&page[..start - 1], lengths.len()).is_none());
        }

        #[test]
        fn any_bytes_are_lengths_or_damaged(
            header in prop::option::of(prop::sample::select(vec![1_usize, 2, 4])),
            bytes in vec(any::<u8>(), 0..300),
            count in 0..700_usize,
        ) {
            let mut page = Vec::new();
            if let Some(miniblocks) = header {
                page.extend_from_slice(&packed(&vec![0; count], miniblocks)[..5.min(count + 2)]);
            }
            page.extend(bytes);
            if let Some((lengths, bytes)) = Lengths::split(&page, count)
                && let Some(ends) = lengths.ends(bytes.len())
            {
                prop_assert_eq!(ends.len(), count);
                prop_assert!(ends.is_sorted() && ends.last().is_none_or(|last| *last as usize <= bytes.len()));
            }
        }
    }
}
