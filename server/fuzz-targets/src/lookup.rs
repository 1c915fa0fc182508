//! The reader of a part's lookup: with any bytes in its place, a question ends without a panic. Damage of a few bytes rules
//! out no value that the part has.

use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

use model::{Record, RecordId, Severity, Value};
use parts::{
    PartInfo,
    builder::Row,
    lookup::{Field, Probe, Wanted},
    reader::{Footers, Part},
    writer::{self, Effort},
};
use tempfile::TempDir;

/// A part, the bytes of its file, and the place of its lookup in them.
struct Written {
    folder: TempDir,
    info: PartInfo,
    content: Vec<u8>,
    place: Range<usize>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let base = RecordId::base(1, 0);
    let records: Vec<Record> = (0..300).map(record).collect();
    let rows: Vec<Row<'_>> =
        records.iter().zip(0..).map(|(record, position)| Row { record, position, id_base: base }).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let info = writer::write(folder.path(), "2026-01-02", &rows, Effort::Quick).expect("a part");
    let content = std::fs::read(info.file(folder.path())).expect("the part");
    let place = place(&content);
    Written { folder, info, content, place }
});

fn record(number: i64) -> Record {
    Record {
        id: RecordId::base(1, 0),
        time: 1_767_323_045_000_000_000 - number,
        observed_time: 0,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", number % 7).into(),
        node: "a1".into(),
        message: String::new(),
        attributes: vec![
            ("order".into(), Value::Int(number * 1_000)),
            ("seq".into(), Value::Int(number)),
            ("user".into(), Value::Text(format!("u{}", number % 90).into())),
        ],
        trace_id: (number % 2 == 0).then_some([number as u8; 16]),
        span_id: (number % 3 == 0).then(|| number.to_be_bytes()),
    }
}

/// The values of a record.
fn values(record: &Record) -> Vec<Probe> {
    let mut probes = vec![Probe::text(Field::Service, &record.service), Probe::text(Field::Node, &record.node)];
    probes.extend(record.trace_id.map(|id| Probe::id(Field::Trace, &id)));
    probes.extend(record.span_id.map(|id| Probe::id(Field::Span, &id)));
    let attributes = record.attributes.iter();
    probes.extend(attributes.map(|(key, value)| Probe::text(Field::Attribute(key), &value.to_string())));
    probes
}

/// The place of the lookup, from the metadata in the footer.
fn place(content: &[u8]) -> Range<usize> {
    let footer = String::from_utf8_lossy(content).into_owned();
    let (_, footer) = footer.rsplit_once("logboom.lookup").expect("a lookup");
    let number = |name: &str| -> usize {
        let (_, rest) = footer.split_once(name).expect("a location");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let (offset, bytes) = (number("\"offset\":"), number("\"bytes\":"));
    offset..offset + bytes
}

pub fn run(bytes: &[u8]) {
    let Some((from, damage)) = bytes.split_first_chunk::<2>() else { return };
    let Written { folder, info, content, place } = &*WRITTEN;
    let mut content = content.clone();
    let from = usize::from(u16::from_le_bytes(*from)) % place.len();
    for (byte, damage) in content[place.clone()].iter_mut().skip(from).zip(damage) {
        *byte = *damage;
    }
    std::fs::write(info.file(folder.path()), content).expect("the part");
    let part = Part::new(info.clone(), folder.path(), Arc::new(Footers::default()));
    for number in [0, 3, 6, 299] {
        let values = values(&record(number)).into_iter().map(|value| Wanted::Any(vec![value]));
        let slabs = part.slabs(&Wanted::And(values.collect()));
        // A checksum detects any change of so many bytes in a row. Of more, the fuzzer may find some with the right one.
        assert!(damage.len() > 4 || slabs.is_none_or(|slabs| slabs.of_group(0) & 1 == 1), "a record is ruled out");
    }
}

/// Damage of one byte at many places, of a few bytes, and of all from a place on; where, the first two bytes say.
pub fn seeds() -> Vec<Vec<u8>> {
    let end = WRITTEN.place.len() as u16;
    let at = |place: u16, damage: &[u8]| [&place.to_le_bytes()[..], damage].concat();
    let one = (0..end).step_by(29).chain((end - 200..end).step_by(3)).map(|place| at(place, &[0xff]));
    one.chain([
        at(0, b""),
        at(0, &[0; 16]),
        at(0, &[0xff; 4096]),
        at(end / 2, &[0x5a; 64]),
        // The length of the directory, and its checksum.
        at(end - 8, &[0xff; 4]),
        at(end - 8, &[0; 8]),
    ])
    .collect()
}
