//! The messages of a block once more, so that a text is counted and found without reading the records.
//!
//! The messages are sorted by likeness, by their words without digits, and cut into pages. A page holds few kinds of
//! messages: it compresses to about a sixth, and a rare text is in one page instead of all of them. Each page has a set
//! of its own ([`messages`](crate::messages)), so that most pages are not read.
//!
//! A page is a frame (`bytes.rs`) with the number of rows; for each row its ordinal in the block and the number of its
//! service (two bytes each, the lowest first) and its level class (one byte); for each row the length of its message;
//! the messages.

use model::query::Needle;

use crate::{
    bytes::{Damaged, Reader, pack, put_number, unpack},
    messages::Builder,
};

/// The most rows of a page.
pub const PAGE_ROWS: usize = 4_096;
/// A page ends with the row that reaches so many bytes of messages.
const PAGE_BYTES: usize = 4 << 20;
/// The most plain bytes of a page that are read: far more than are written.
const READ_BYTES: usize = 40 << 20;
/// A quarter of the bits of a page's set may be set: there are many sets, and each is read to skip a small page.
const SPARSE: usize = 4;
/// The bytes of a message that decide where it is sorted.
const KEY_BYTES: usize = 64;

/// A message of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'m> {
    /// The record's place in the order of positions.
    pub ordinal: u16,
    /// The number of its service in the block.
    pub service: u16,
    /// The index of its level class.
    pub class: u8,
    pub message: &'m str,
}

/// A line that contains the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub ordinal: u16,
    pub service: u16,
    pub class: u8,
}

/// The pages of a block, and the sets of their messages.
#[derive(Debug)]
pub struct Written {
    pub pages: Vec<Vec<u8>>,
    /// For [`Sets::read`](crate::messages::Sets::read): one set for each page.
    pub sets: Vec<u8>,
}

/// Sorts the lines, and writes their pages.
pub fn write(lines: Vec<Line<'_>>) -> Written {
    let mut keyed: Vec<(Vec<u8>, Line<'_>)> = lines.into_iter().map(|line| (key_of(line.message), line)).collect();
    keyed.sort_unstable_by(|(one_key, one), (other_key, other)| {
        one_key
            .cmp(other_key)
            .then_with(|| one.message.cmp(other.message))
            .then_with(|| one.ordinal.cmp(&other.ordinal))
    });
    let lines: Vec<Line<'_>> = keyed.into_iter().map(|(_, line)| line).collect();
    let (mut pages, mut builder) = (Vec::new(), Builder::new(SPARSE));
    let mut rest = &lines[..];
    while !rest.is_empty() {
        let (page, after) = rest.split_at(rows_of_page(rest));
        page.iter().for_each(|line| builder.add(line.message));
        builder.end_set();
        pages.push(pack(&plain_page(page)));
        rest = after;
    }
    Written { pages, sets: builder.finish() }
}

/// The number of the first lines that make a page.
fn rows_of_page(lines: &[Line<'_>]) -> usize {
    let mut bytes = 0;
    for (row, line) in lines.iter().enumerate().take(PAGE_ROWS) {
        bytes += line.message.len();
        if bytes >= PAGE_BYTES {
            return row + 1;
        }
    }
    lines.len().min(PAGE_ROWS)
}

fn plain_page(lines: &[Line<'_>]) -> Vec<u8> {
    let text: usize = lines.iter().map(|line| line.message.len()).sum();
    let mut plain = Vec::with_capacity(text + lines.len() * 7 + 10);
    put_number(lines.len() as u64, &mut plain);
    lines.iter().for_each(|line| plain.extend(line.ordinal.to_le_bytes()));
    lines.iter().for_each(|line| plain.extend(line.service.to_le_bytes()));
    lines.iter().for_each(|line| plain.push(line.class));
    lines.iter().for_each(|line| put_number(line.message.len() as u64, &mut plain));
    lines.iter().for_each(|line| plain.extend_from_slice(line.message.as_bytes()));
    plain
}

/// The words without a digit: numbers and ids tell messages of one kind apart.
fn key_of(message: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_BYTES);
    for word in message.split_ascii_whitespace() {
        if key.len() >= KEY_BYTES {
            break;
        }
        if !word.bytes().any(|byte| byte.is_ascii_digit()) {
            key.extend(word.bytes().take(KEY_BYTES));
            key.push(b' ');
        }
    }
    key
}

/// A page, decompressed.
#[derive(Debug)]
pub struct Page {
    rows: Vec<Match>,
    /// Where the message of each row ends.
    ends: Vec<usize>,
    text: String,
}

impl Page {
    /// Reads a page of [`write`].
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let plain = unpack(bytes, READ_BYTES)?;
        let mut reader = Reader::new(&plain);
        let count = reader.size()?;
        if count > PAGE_ROWS {
            return Err(Damaged);
        }
        let ordinals = reader.take(count * 2)?.as_chunks::<2>().0;
        let services = reader.take(count * 2)?.as_chunks::<2>().0;
        let classes = reader.take(count)?;
        let rows = ordinals.iter().zip(services).zip(classes).map(|((ordinal, service), class)| Match {
            ordinal: u16::from_le_bytes(*ordinal),
            service: u16::from_le_bytes(*service),
            class: *class,
        });
        let rows = rows.collect();
        let (mut ends, mut end) = (Vec::with_capacity(count), 0_usize);
        for _ in 0..count {
            end = end.checked_add(reader.size()?).ok_or(Damaged)?;
            ends.push(end);
        }
        let text = std::str::from_utf8(reader.take(end)?).map_err(|_| Damaged)?;
        if !reader.is_at_end() || ends.iter().any(|end| !text.is_char_boundary(*end)) {
            return Err(Damaged);
        }
        Ok(Self { rows, ends, text: text.to_owned() })
    }

    /// The lines that contain all of the texts; all lines without a text.
    pub fn matches(&self, texts: &[Needle<'_>]) -> Vec<Match> {
        let Some((first, others)) = texts.split_first() else { return self.rows.clone() };
        let (mut matches, mut row, mut from) = (Vec::new(), 0, 0);
        // All messages are searched at once, because most have no match.
        while let Some(found) = first.find(self.text.as_bytes(), from) {
            row += self.ends.get(row..).unwrap_or_default().partition_point(|end| *end <= found.start);
            let (Some(end), Some(matching)) = (self.ends.get(row), self.rows.get(row)) else { break };
            if found.end > *end {
                // Over the end of a message.
                from = found.start + 1;
                continue;
            }
            if others.iter().all(|text| text.is_in(self.message(row))) {
                matches.push(*matching);
            }
            from = *end;
        }
        matches
    }

    /// The lines of the page.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().enumerate().map(|(row, Match { ordinal, service, class })| Line {
            ordinal: *ordinal,
            service: *service,
            class: *class,
            message: self.message(row),
        })
    }

    fn message(&self, row: usize) -> &str {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(row).copied().unwrap_or_default();
        self.text.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::messages::{Sets, Text};

    fn lines(messages: &[String]) -> Vec<Line<'_>> {
        (0_u16..)
            .zip(messages)
            .map(|(ordinal, message)| Line { ordinal, service: ordinal % 7, class: (ordinal % 6) as u8, message })
            .collect()
    }

    fn read(written: &Written) -> Vec<Page> {
        written.pages.iter().map(|page| Page::read(page).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn every_line_comes_back_and_texts_are_found_as_in_each_message(
            messages in prop::collection::vec("[abAB1 éÉk\u{212a}]{0,6}", 0..60),
            texts in prop::collection::vec("[abB1éK ]{1,3}", 0..3),
        ) {
            let written = write(lines(&messages));
            let pages = read(&written);
            let mut all: Vec<Line<'_>> = pages.iter().flat_map(Page::lines).collect();
            all.sort_by_key(|line| line.ordinal);
            prop_assert_eq!(all, lines(&messages));
            let needles: Vec<Needle<'_>> = texts.iter().map(|text| Needle::new(text)).collect();
            let mut found: Vec<Match> = pages.iter().flat_map(|page| page.matches(&needles)).collect();
            found.sort_unstable();
            let expected: Vec<Match> = lines(&messages)
                .into_iter()
                .filter(|line| needles.iter().all(|needle| needle.is_in(line.message)))
                .map(|Line { ordinal, service, class, .. }| Match { ordinal, service, class })
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_damaged_page_is_refused(
            messages in prop::collection::vec("[ab]{0,6}", 1..20),
            place in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let mut page = write(lines(&messages)).pages.remove(0);
            let place = 1 + place.index(page.len() - 1);
            page[place] ^= 1u8 << bit;
            prop_assert!(Page::read(&page).is_err());
        }

        #[test]
        fn any_plain_bytes_are_read_without_a_panic(bytes in prop::collection::vec(0..9_u8, 0..60)) {
            if let Ok(page) = Page::read(&pack(&bytes)) {
                let _ = page.matches(&[Needle::new("a")]);
            }
        }
    }

    #[test]
    fn a_rare_text_is_in_one_page_and_its_set_says_so() {
        let messages: Vec<String> = (0..20_000)
            .map(|number| match number % 1_000 {
                0 => format!("quota nearly exhausted for tenant {number}"),
                rest if rest % 2 == 0 => format!("request {number} was answered in {} ms", number % 97),
                _ => format!("connection {number} was closed by its peer"),
            })
            .collect();
        let written = write(lines(&messages));
        let (pages, sets) = (read(&written), Sets::read(&written.sets).unwrap());
        assert_eq!((pages.len(), sets.len()), (20_000_usize.div_ceil(PAGE_ROWS), pages.len()));
        let text = Text::of("uota nearly exh");
        let kept: Vec<usize> = (0..pages.len()).filter(|page| sets.may_contain(*page, &text)).collect();
        assert!(kept.len() <= 2, "{kept:?}");
        let found: usize = kept.iter().map(|page| pages[*page].matches(&[Needle::new("UOTA nearly exh")]).len()).sum();
        assert_eq!(found, 20);
    }

    #[test]
    fn large_messages_make_pages_of_few_rows() {
        let messages = vec!["x".repeat(1 << 20); 9];
        let pages = read(&write(lines(&messages)));
        assert_eq!(pages.iter().map(|page| page.lines().count()).collect::<Vec<_>>(), [4, 4, 1]);
    }
}
