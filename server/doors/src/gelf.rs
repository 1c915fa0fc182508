//! GELF, Graylog's format: JSON objects, over UDP in chunks and compressed, over TCP terminated by a zero byte.
//!
//! `short_message` is the message, `full_message` an attribute, `host` the node, `level` a syslog severity.
//! Additional fields lose their underscore, unless the name is already taken. The service is the field `_service`,
//! `_service_name`, `_app`, `_application`, `_application_name`, `_container_name` or `facility`. Source:
//! <https://go2docs.graylog.org/current/getting_in_log_data/gelf.html>.

use std::{
    collections::HashMap,
    io::Read as _,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use compact_str::format_compact;
use flate2::read::{GzDecoder, ZlibDecoder};
use model::{LevelNumbers, Text, Value};
use pipeline::normalise::RawRecord;

use crate::{
    fields,
    mapping::{Mapping, Role},
    stream::{Ends, Frame, MESSAGE_BYTES, Protocol, too_long},
};

/// Fields that name the service, in order of precedence.
const SERVICES: [&str; 7] =
    ["service", "service_name", "app", "application", "application_name", "container_name", "facility"];

/// Fields that provide the message if `short_message` is missing.
const INSTEAD: [&str; 3] = ["message", "full_message", "_message"];

/// The field names of the format.
static MAPPING: LazyLock<Mapping> = LazyLock::new(|| {
    let mut mapping = Mapping::usual();
    for (name, role) in [
        ("short_message", Role::Message),
        ("timestamp", Role::Time),
        // Read separately, as a syslog severity.
        ("level", Role::Attribute),
        ("host", Role::Node),
        ("_trace_id", Role::TraceId),
        ("_span_id", Role::SpanId),
        ("", Role::Service),
    ] {
        mapping.name(name, role);
    }
    mapping
});

/// Parses one message, compressed or not.
///
/// # Errors
/// A reason for the client.
pub fn record(message: &[u8]) -> Result<RawRecord, String> {
    let plain;
    let json = match message {
        [0x1f, 0x8b, ..] => {
            plain = inflate(GzDecoder::new(message))?;
            &plain
        }
        [0x78, ..] => {
            plain = inflate(ZlibDecoder::new(message))?;
            &plain
        }
        json => json,
    };
    let mut record = fields::read_json(json, &MAPPING)?;
    if record.message.is_empty() {
        let message = INSTEAD.iter().find_map(|name| record.attributes.iter().position(|(key, _)| key == name));
        record.message = message.map(|place| record.attributes.remove(place).1.to_string()).unwrap_or_default();
    }
    if record.message.is_empty() {
        return Err("short_message: missing; a GELF message must have one".into());
    }
    let mut level = None;
    record.attributes.retain(|(key, value)| match (key.as_str(), value) {
        // The version of the format is dropped; another value belongs to the application.
        ("version", version) => !matches!(version.to_string().as_str(), "1" | "1.0" | "1.1"),
        ("level", value) => {
            level = Some(value.clone());
            false
        }
        _ => true,
    });
    remove_underscores(&mut record.attributes);
    if let Some(level) = level
        && !record.set_level(&level, LevelNumbers::Syslog)
    {
        record.level = format_compact!("{level}");
    }
    let service = SERVICES.iter().find_map(|name| record.attributes.iter().position(|(key, _)| key == name));
    if let Some(place) = service {
        record.service = format_compact!("{}", record.attributes.remove(place).1);
    }
    Ok(record)
}

/// Renames `_user_id` to `user_id`, unless the name is already taken.
fn remove_underscores(attributes: &mut [(Text, Value)]) {
    let mut plain: Vec<Text> =
        attributes.iter().filter(|(key, _)| !key.starts_with('_')).map(|(key, _)| key.clone()).collect();
    plain.sort_unstable();
    for (key, _) in attributes {
        let name = key.strip_prefix('_').filter(|name| !name.is_empty());
        if let Some(name) = name.filter(|name| plain.binary_search_by(|other| other.as_str().cmp(name)).is_err()) {
            *key = Text::new(name);
        }
    }
}

fn inflate(compressed: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let most = MESSAGE_BYTES as u64 + 1;
    compressed.take(most).read_to_end(&mut plain).map_err(|error| format!("it cannot be decompressed: {error}"))?;
    if plain.len() > MESSAGE_BYTES {
        return Err(too_long(MESSAGE_BYTES));
    }
    Ok(plain)
}

/// The decoder of a stream of messages, each terminated by a zero byte or, with some clients, a newline.
#[derive(Debug, Default)]
pub struct Stream {
    ends: Ends,
}

impl Protocol for Stream {
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String> {
        while !frame.is_full() {
            let end = |rest: &[u8]| memchr::memchr2(b'\0', b'\n', rest);
            let Some(message) = self.ends.next(bytes, end)? else { return Ok(()) };
            if !message.trim_ascii().is_empty() {
                frame.take(record(&message));
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        if !bytes.trim_ascii().is_empty() {
            frame.take(record(bytes));
        }
        bytes.clear();
    }
}

/// Maximum number of chunks per message.
const CHUNKS: usize = 128;
/// Time limit for all chunks of a message to arrive, from the specification.
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of incomplete messages, and of their bytes.
const WAITING: usize = 4096;
const WAITING_BYTES: usize = 32 << 20;

/// Reassembles messages from several datagrams.
#[derive(Debug, Default)]
pub struct Chunks {
    waiting: HashMap<[u8; 8], Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    chunks: Vec<Option<Vec<u8>>>,
    missing: usize,
    bytes: usize,
}

impl Chunks {
    /// Adds a datagram. Returns `None` while its message is incomplete.
    ///
    /// # Errors
    /// A reason for the client.
    pub fn read(&mut self, datagram: &[u8], now: Instant) -> Option<Result<RawRecord, String>> {
        let Some(chunk) = datagram.strip_prefix(&[0x1e, 0x0f]) else { return Some(record(datagram)) };
        match self.chunk(chunk, now) {
            Ok(None) => None,
            Ok(Some(message)) => Some(record(&message)),
            Err(reason) => Some(Err(reason)),
        }
    }

    fn chunk(&mut self, chunk: &[u8], now: Instant) -> Result<Option<Vec<u8>>, String> {
        let header = chunk.split_first_chunk::<8>().and_then(|(id, rest)| Some((*id, rest.split_first_chunk::<2>()?)));
        let Some((id, ([place, count], data))) = header else {
            return Err("a chunk is shorter than its header".into());
        };
        let (place, count) = (usize::from(*place), usize::from(*count));
        if count == 0 || count > CHUNKS || place >= count {
            return Err(format!("a chunk has number {place} of {count}; at most {CHUNKS} are allowed"));
        }
        self.drop_expired(now);
        if self.waiting.len() >= WAITING || self.bytes + data.len() > WAITING_BYTES {
            return Err("too many messages are incomplete and wait for chunks".into());
        }
        let waiting = self.waiting.entry(id).or_insert_with(|| Waiting {
            since: now,
            chunks: vec![None; count],
            missing: count,
            bytes: 0,
        });
        let slot = waiting.chunks.get_mut(place).filter(|slot| slot.is_none());
        // Datagrams may arrive twice.
        let Some(slot) = slot else { return Ok(None) };
        *slot = Some(data.to_vec());
        waiting.missing -= 1;
        waiting.bytes += data.len();
        self.bytes += data.len();
        if waiting.missing > 0 {
            return Ok(None);
        }
        let Some(whole) = self.waiting.remove(&id) else { return Ok(None) };
        self.bytes -= whole.bytes;
        Ok(Some(whole.chunks.into_iter().flatten().flatten().collect()))
    }

    /// Drops expired messages if space is short.
    fn drop_expired(&mut self, now: Instant) {
        if self.waiting.len() < WAITING / 2 && self.bytes < WAITING_BYTES / 2 {
            return;
        }
        let bytes = &mut self.bytes;
        self.waiting.retain(|_, waiting| {
            let stays = now.duration_since(waiting.since) < PATIENCE;
            if !stays {
                *bytes -= waiting.bytes;
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };
    use pipeline::normalise::RawTime;
    use proptest::prelude::*;

    use super::*;
    use crate::stream::feed;

    const MESSAGE: &str = r#"{"version":"1.1","host":"a1","short_message":"short","full_message":"long","timestamp":1385053862.3072,
        "level":3,"_user_id":9001,"_container_name":"shop","facility":"f","_trace_id":"5b8efff798038103d269b633813fc60c"}"#;

    #[test]
    fn its_fields_find_their_places() {
        let record = record(MESSAGE.as_bytes()).unwrap();
        assert_eq!((record.message.as_str(), record.node.as_str(), record.service.as_str()), ("short", "a1", "shop"));
        assert_eq!((record.level.as_str(), record.severity), ("err", Some(17)));
        assert_eq!(record.time, RawTime::Text("1385053862.3072".into()));
        let keys: Vec<_> = record.attributes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["full_message", "user_id", "facility"]);
    }

    #[test]
    fn no_field_is_lost() {
        for (fields, expected) in [
            (r#""_id":"a-1""#, "id=a-1"),
            (r#""_id":"a-1","id":"b-2""#, "_id=a-1|id=b-2"),
            (r#""_user":1,"user":2"#, "_user=1|user=2"),
            (r#""file":"a.c","line":7,"_file":"b.c""#, "file=a.c|line=7|_file=b.c"),
            (r#""facility":"f","_service":"shop""#, "facility=f"),
            (r#""_":1,"__x":2"#, "_=1|_x=2"),
            (r#""_level":"x","_version":"1.1","_timestamp":5"#, "level=x|version=1.1|timestamp=5"),
            (r#""version":"2.3.0""#, "version=2.3.0"),
            (r#""version":"1.1""#, ""),
            (r#""_http":{"status":500}"#, "http.status=500"),
            (r#""full_message":"long""#, "full_message=long"),
        ] {
            let record = record(format!(r#"{{"short_message":"m",{fields}}}"#).as_bytes()).unwrap();
            let attributes: Vec<_> = record.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!((record.message.as_str(), attributes.join("|").as_str()), ("m", expected), "{fields}");
        }
        let stated = record(br#"{"short_message":"m","level":2000000}"#).unwrap();
        assert_eq!((stated.level.as_str(), stated.severity), ("2000000", None));
        for message in [r#"{"full_message":"m"}"#, r#"{"message":"m"}"#, r#"{"short_message":"","_message":"m"}"#] {
            assert_eq!(record(message.as_bytes()).unwrap().message, "m", "{message}");
        }
    }

    #[test]
    fn compressed_and_chunked_messages_read() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(MESSAGE.as_bytes()).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(MESSAGE.as_bytes()).unwrap();
        let expected = record(MESSAGE.as_bytes());
        for message in [gzip.finish().unwrap(), zlib.finish().unwrap()] {
            assert_eq!(record(&message), expected);
            let mut chunks = Chunks::default();
            let count = message.len().div_ceil(50) as u8;
            let mut read = Vec::new();
            for (place, data) in message.chunks(50).enumerate().collect::<Vec<_>>().into_iter().rev() {
                let datagram = [&[0x1e, 0x0f][..], b"8 bytes!", &[place as u8, count], data].concat();
                assert!(read.is_empty());
                read.extend(chunks.read(&datagram, Instant::now()));
                // A repeated chunk changes nothing while others are missing.
                if read.is_empty() {
                    read.extend(chunks.read(&datagram, Instant::now()));
                }
            }
            assert_eq!(read, std::slice::from_ref(&expected));
            assert!(chunks.waiting.is_empty() && chunks.bytes == 0);
        }
    }

    #[test]
    fn chunks_that_wait_in_vain_are_let_go() {
        let mut chunks = Chunks::default();
        let begin = Instant::now();
        let datagram = |number: u64| [&[0x1e, 0x0f][..], &number.to_be_bytes(), &[0, 2], &[b'x'; 100]].concat();
        for number in 0..WAITING as u64 {
            assert!(chunks.read(&datagram(number), begin).is_none());
        }
        assert!(chunks.read(&datagram(u64::MAX), begin).is_some_and(|read| read.is_err()));
        assert!(chunks.read(&datagram(u64::MAX), begin + PATIENCE).is_none());
        assert_eq!((chunks.waiting.len(), chunks.bytes), (1, 100));
    }

    #[test]
    fn what_does_not_read_is_explained() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; MESSAGE_BYTES * 4]).unwrap();
        for (message, word) in [
            (&b"{\"host\":\"a\"}"[..], "short_message"),
            (b"7", "object"),
            (b"\x1f\x8bnonsense", "decompress"),
            (&bomb.finish().unwrap(), "longer"),
        ] {
            let error = record(message).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let mut chunks = Chunks::default();
        for chunk in [
            &b"\x1e\x0f1"[..],
            b"\x1e\x0f8 bytes!\x02\x02x",
            b"\x1e\x0f8 bytes!\x00\x00x",
            b"\x1e\x0f8 bytes!\x00\xffx",
        ] {
            assert!(chunks.read(chunk, Instant::now()).is_some_and(|read| read.is_err()), "{chunk:?}");
        }
    }

    proptest! {
        #[test]
        fn any_datagrams_are_messages_or_errors(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8), chunked in any::<bool>()) {
            let mut chunks = Chunks::default();
            for mut datagram in datagrams {
                if chunked {
                    datagram.splice(0..0, [0x1e, 0x0f]);
                }
                let _ = chunks.read(&datagram, Instant::now());
            }
        }

        #[test]
        fn pieces_do_not_matter(messages in prop::collection::vec("[a-z한]{1,12}", 1..6), pieces in prop::collection::vec(1usize..9, 0..40)) {
            let stream: String = messages.iter().map(|message| format!("{}\0", serde_json::json!({"short_message": message}))).collect();
            let frame = feed(&mut Stream::default(), stream.as_bytes(), &pieces).unwrap();
            let read: Vec<_> = frame.records.into_iter().map(|record| record.message).collect();
            prop_assert_eq!(read, messages);
        }
    }
}
