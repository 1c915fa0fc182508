//! The export format of the systemd journal.
//!
//! An entry is a list of fields and ends with an empty line. A field is `NAME=text` and a newline, or the name, a
//! newline, the length as 64 bits in little-endian order, the bytes and a newline.
//! Format: <https://systemd.io/JOURNAL_EXPORT_FORMATS/>

/// The most bytes of a field; longer ones are left out.
const FIELD_BYTES: usize = 1 << 20;
/// The most bytes of an entry; fields after them are left out.
const ENTRY_BYTES: usize = 2 << 20;

/// Cuts a stream into entries.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// The fields of the entry up to now.
    entry: Vec<u8>,
    /// How much of a field that is too long follows.
    skip: u64,
    /// Everything up to the next newline is a part of a field that is too long.
    is_skipping_line: bool,
}

/// One field of an entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// What is at the beginning of some bytes.
enum Next<'a> {
    /// More bytes are needed.
    Incomplete,
    /// The end of an entry.
    End,
    /// A field, and its length with everything around it.
    Field(Field<'a>, usize),
    /// A binary field that is too long: the length of its beginning, and of the rest.
    Long(usize, u64),
}

impl Decoder {
    /// Adds the next bytes of the stream.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete entry in the same format, with its empty line. Its fields have at most 1 MiB each, and 2 MiB
    /// together.
    pub fn next_entry(&mut self) -> Option<Vec<u8>> {
        let mut taken = 0;
        let entry = loop {
            let rest = &self.bytes[taken..];
            if self.skip > 0 {
                let skipped = rest.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                (taken, self.skip) = (taken + skipped, self.skip - skipped as u64);
                if self.skip > 0 {
                    break None;
                }
                continue;
            }
            if self.is_skipping_line {
                match memchr::memchr(b'\n', rest) {
                    Some(end) => (taken, self.is_skipping_line) = (taken + end + 1, false),
                    None => {
                        taken = self.bytes.len();
                        break None;
                    }
                }
                continue;
            }
            match next(rest) {
                Next::Incomplete => {
                    // A line or a name without an end.
                    if rest.len() > FIELD_BYTES + 1024 && memchr::memchr(b'\n', rest).is_none() {
                        self.is_skipping_line = true;
                        continue;
                    }
                    break None;
                }
                Next::End => {
                    taken += 1;
                    if !self.entry.is_empty() {
                        self.entry.push(b'\n');
                        break Some(std::mem::take(&mut self.entry));
                    }
                }
                Next::Field(field, length) => {
                    if field.value.len() <= FIELD_BYTES && self.entry.len() + length <= ENTRY_BYTES {
                        self.entry.extend_from_slice(&rest[..length]);
                    }
                    taken += length;
                }
                Next::Long(length, rest) => (taken, self.skip) = (taken + length, rest),
            }
        };
        self.bytes.drain(..taken);
        entry
    }
}

/// The fields of an entry, in order.
pub fn fields(mut entry: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while let Next::Field(field, length) = next(entry) {
        fields.push(field);
        entry = &entry[length..];
    }
    fields
}

/// The lengths of complete entries, one after another.
pub fn lengths(bytes: &[u8]) -> Vec<usize> {
    let (mut lengths, mut length, mut begin) = (Vec::new(), 0, 0);
    loop {
        match next(&bytes[begin + length..]) {
            Next::Field(_, field) => length += field,
            Next::End => {
                lengths.push(length + 1);
                (begin, length) = (begin + length + 1, 0);
            }
            Next::Incomplete | Next::Long(..) => return lengths,
        }
    }
}

fn next(bytes: &[u8]) -> Next<'_> {
    let Some(end) = memchr::memchr(b'\n', bytes) else { return Next::Incomplete };
    let line = &bytes[..end];
    if line.is_empty() {
        return Next::End;
    }
    if let Some(equals) = memchr::memchr(b'=', line) {
        return Next::Field(Field { name: &line[..equals], value: &line[equals + 1..] }, end + 1);
    }
    let Some(length) = bytes.get(end + 1..end + 9).and_then(|length| length.try_into().ok()) else {
        return Next::Incomplete;
    };
    let length = u64::from_le_bytes(length);
    let begin = end + 9;
    match usize::try_from(length).ok().filter(|length| *length <= FIELD_BYTES) {
        None => Next::Long(begin, length.saturating_add(1)),
        Some(length) => match bytes.get(begin..begin + length) {
            Some(value) if bytes.len() > begin + length => Next::Field(Field { name: line, value }, begin + length + 1),
            _ => Next::Incomplete,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `journalctl --output=export --all`.
    const JOURNAL: &[u8] = include_bytes!("journal.export");

    fn entries(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::default();
        let mut entries = Vec::new();
        for piece in bytes.chunks(size) {
            decoder.add(piece);
            entries.extend(std::iter::from_fn(|| decoder.next_entry()));
        }
        entries
    }

    fn value<'a>(entry: &'a [u8], name: &str) -> Option<&'a [u8]> {
        fields(entry).into_iter().find(|field| field.name == name.as_bytes()).map(|field| field.value)
    }

    #[test]
    fn a_real_journal_is_read_however_it_arrives() {
        for size in [1, 100, 1 << 20] {
            let entries = entries(JOURNAL, size);
            assert_eq!(entries.len(), 3);
            assert_eq!(value(&entries[0], "MESSAGE"), Some(&b"order 7 is paid"[..]));
            assert_eq!(value(&entries[1], "MESSAGE"), Some(&b"two\nlines\n\nand a blank one"[..]));
            assert_eq!(value(&entries[2], "MESSAGE"), Some(&b"bytes \x01\xff = \n"[..]));
            assert!(entries.iter().all(|entry| value(entry, "__CURSOR").is_some()));
            assert_eq!(entries.concat(), JOURNAL);
            assert_eq!(lengths(JOURNAL), entries.iter().map(Vec::len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn fields_that_are_too_long_are_left_out() {
        let long = FIELD_BYTES + 1;
        let mut bytes = b"A=1\nBINARY\n".to_vec();
        bytes.extend_from_slice(&(long as u64).to_le_bytes());
        bytes.extend(std::iter::repeat_n(b'\n', long + 1));
        bytes.extend_from_slice(format!("LINE={}\nB=2\n\nC=3\n\n", "x".repeat(FIELD_BYTES * 2)).as_bytes());
        for size in [1000, usize::MAX] {
            assert_eq!(entries(&bytes, size), [b"A=1\nB=2\n\n".to_vec(), b"C=3\n\n".to_vec()]);
        }
    }
}
