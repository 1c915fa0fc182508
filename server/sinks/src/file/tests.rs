use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime},
};

use model::{Position, Record, RecordId, Severity, StoredRecord, Value, time::parse_timestamp};
use pipeline::{BatchId, ErrorClass};
use tempfile::TempDir;

use super::{handles::OPEN_FILES, *};

const TIME: &str = "2026-01-02T03:04:05.678Z";

fn record(service: &str, message: &str, time: &str) -> Record {
    let time = parse_timestamp(time, chrono::FixedOffset::east_opt(0).unwrap()).unwrap();
    Record {
        id: RecordId(1),
        time,
        observed_time: time,
        severity: Severity::INFO,
        level: "info".into(),
        service: service.into(),
        node: "".into(),
        message: message.into(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    }
}

fn batch(id: u8, records: impl IntoIterator<Item = Record>) -> Outgoing {
    let records = records.into_iter().enumerate();
    let records = records.map(|(n, record)| StoredRecord { position: Position(n as i64), record }).collect();
    Outgoing { id: BatchId([id; 16]), records }
}

/// A batch with one record for each pair of service and message.
fn of(id: u8, records: &[(&str, &str)]) -> Outgoing {
    batch(id, records.iter().map(|(service, message)| record(service, message, TIME)))
}

fn sink_at(folder: &Path, template: &str, parameters: &str, clock: Clock) -> FileSink {
    let url = Url::parse(&format!("file://{}/{template}", folder.display())).unwrap();
    FileSink::with_options(Options::read(&url, &mut Parameters::read(parameters).unwrap()).unwrap(), clock)
}

fn sink(folder: &TempDir, template: &str, parameters: &str) -> FileSink {
    sink_at(folder.path(), template, parameters, Clock::system())
}

async fn send(sink: &mut FileSink, batch: &Outgoing) -> String {
    let Sent { refused, mark } = sink.send(batch).await.unwrap();
    let mark = mark.unwrap();
    assert!(refused.is_empty() && mark.len() < 1024);
    mark
}

/// The text of a file, decompressed.
fn text(path: &Path) -> String {
    let file = File::open(path).unwrap();
    let mut text = String::new();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap(),
        Some("gz") => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        _ => { file }.read_to_string(&mut text).unwrap(),
    };
    text
}

/// The messages of each file by its path in the folder, without the sink's own files.
fn messages(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with(".logboom~") {
                let of_line = |line: &str| {
                    let document: serde_json::Value = serde_json::from_str(line).unwrap();
                    document["message"].as_str().unwrap().to_owned()
                };
                found.insert(name, text(&path).lines().map(of_line).collect());
            }
        }
    }
    found
}

fn expected(files: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    files.iter().map(|(name, of_file)| ((*name).to_owned(), texts(of_file))).collect()
}

async fn compressed(sink: &FileSink) {
    let running = sink.writer.lock().unwrap().take_compression();
    if let Some(running) = running {
        running.await.unwrap();
    }
}

#[tokio::test]
async fn records_are_lines_of_the_file_of_their_service_and_day_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(&folder, "logs/{service}/{yyyy}-{MM}-{dd}.log", "");
    sink.open(None).await.unwrap();
    let records = [
        record("a", "1", TIME),
        record("b", "2", TIME),
        record("a", "3", "2026-01-03T00:00:00Z"),
        record("a", "4", TIME),
        record("../b", "5", TIME),
    ];
    send(&mut sink, &batch(1, records)).await;
    send(&mut sink, &of(2, &[("a", "6"), ("b", "7")])).await;
    let files = [
        ("logs/a/2026-01-02.log", &["1", "4", "6"][..]),
        ("logs/a/2026-01-03.log", &["3"]),
        ("logs/b/2026-01-02.log", &["2", "7"]),
        ("logs/.._b/2026-01-02.log", &["5"]),
    ];
    assert_eq!(messages(folder.path()), expected(&files));
}

#[tokio::test]
async fn more_files_than_may_be_open_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(&folder, "{service}.log", "");
    sink.open(None).await.unwrap();
    let services = 3 * OPEN_FILES;
    for id in 0..3 {
        let records = (0..2 * services).map(|n| record(&format!("s{}", n % services), &format!("{id} {n}"), TIME));
        send(&mut sink, &batch(id, records)).await;
    }
    let found = messages(folder.path());
    assert_eq!(found.len(), services);
    for n in 0..services {
        let expected: Vec<_> = (0..3).flat_map(|id| [format!("{id} {n}"), format!("{id} {}", n + services)]).collect();
        assert_eq!(found[&format!("s{n}.log")], expected);
    }
    assert!(sink.writer.lock().unwrap().open_files() <= OPEN_FILES);
}

#[tokio::test]
async fn what_a_crash_left_behind_is_truncated_in_every_file() {
    let first: &[(&str, &str)] = &[("a", "a1"), ("b", "b1"), ("c", "c1")];
    let second: &[(&str, &str)] = &[("a", "a2"), ("c", "c2"), ("new", "new2"), ("a", "a3")];
    // The bytes of each file that the crash left of the second batch.
    for (left_of_a, left_of_c, left_of_new) in [
        (0, 0, 0),
        (7, 0, 0),
        (usize::MAX, 0, 0),
        (usize::MAX, 3, 0),
        (usize::MAX, usize::MAX, 1),
        (usize::MAX, usize::MAX, usize::MAX),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut sink = sink(&folder, "{service}.log", "");
        sink.open(None).await.unwrap();
        let mark = send(&mut sink, &of(1, first)).await;
        let before = |name: &str| fs::metadata(path(name)).map_or(0, |metadata| metadata.len() as usize);
        let before = [before("a.log"), before("c.log"), before("new.log")];
        send(&mut sink, &of(2, second)).await;
        drop(sink);
        for ((name, before), left) in
            ["a.log", "c.log", "new.log"].iter().zip(before).zip([left_of_a, left_of_c, left_of_new])
        {
            let mut bytes = fs::read(path(name)).unwrap();
            bytes.truncate(before.saturating_add(left));
            File::options().write(true).open(path(name)).unwrap().set_len(bytes.len() as u64).unwrap();
        }
        let mut sink = self::sink(&folder, "{service}.log", "");
        sink.open(Some(&mark)).await.unwrap();
        let restored = [("a.log", &["a1"][..]), ("b.log", &["b1"]), ("c.log", &["c1"]), ("new.log", &[])];
        assert_eq!(messages(folder.path()), expected(&restored));
        let mark = send(&mut sink, &of(2, second)).await;
        drop(sink);
        let written =
            [("a.log", &["a1", "a2", "a3"][..]), ("b.log", &["b1"]), ("c.log", &["c1", "c2"]), ("new.log", &["new2"])];
        let mut sink = self::sink(&folder, "{service}.log", "");
        sink.open(Some(&mark)).await.unwrap();
        assert_eq!(messages(folder.path()), expected(&written));
    }
}

#[tokio::test]
async fn the_first_batch_is_also_written_once() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut sink = sink(&folder, "{service}.log", "");
        sink.open(None).await.unwrap();
        send(&mut sink, &of(1, &[("a", "1")])).await;
        // Without a new start, too.
        send(&mut sink, &of(1, &[("a", "1")])).await;
    }
    assert_eq!(messages(folder.path()), expected(&[("a.log", &["1"])]));
}

#[tokio::test]
async fn a_mark_that_is_not_of_the_last_batch_or_the_one_before_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(&folder, "{service}.log", "");
    sink.open(None).await.unwrap();
    let first = send(&mut sink, &of(1, &[("a", "1")])).await;
    for id in 2..4 {
        send(&mut sink, &of(id, &[("a", "2")])).await;
    }
    for mark in [None, Some(first.as_str()), Some("{}")] {
        sink.open(mark).await.unwrap();
    }
    assert_eq!(messages(folder.path()), expected(&[("a.log", &["1", "2", "2"])]));
}

#[tokio::test]
async fn a_file_that_another_process_takes_away_is_created_again_and_never_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut sink = sink(&folder, "x/{service}.log", "");
    sink.open(None).await.unwrap();
    let mark = send(&mut sink, &of(1, &[("a", "1")])).await;
    fs::remove_dir_all(path("x")).unwrap();
    let before = mark;
    let mark = send(&mut sink, &of(2, &[("a", "2")])).await;
    assert_eq!(messages(folder.path()), expected(&[("x/a.log", &["2"])]));
    // logrotate's `create`, after the last batch.
    fs::rename(path("x/a.log"), path("x/a.log.1")).unwrap();
    fs::write(path("x/a.log"), "{\"message\":\"other\"}\n".repeat(100)).unwrap();
    sink.open(Some(&before)).await.unwrap();
    assert_eq!(messages(folder.path())["x/a.log"].len(), 100);
    // logrotate's `copytruncate`.
    sink.open(Some(&mark)).await.unwrap();
    File::create(path("x/a.log")).unwrap();
    send(&mut sink, &of(3, &[("a", "3")])).await;
    // The own files, too.
    for entry in fs::read_dir(path("x")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry != path("x/a.log") {
            fs::remove_file(entry).unwrap();
        }
    }
    send(&mut sink, &of(4, &[("a", "4")])).await;
    assert_eq!(messages(folder.path())["x/a.log"], ["3", "4"]);
}

#[tokio::test]
async fn a_large_file_is_renamed_and_compressed() {
    for (compress, ending) in [("", ""), ("&compress=zstd", ".zst"), ("&compress=gzip", ".gz")] {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = sink(&folder, "{service}.log", &format!("rotate=4KiB{compress}"));
        sink.open(None).await.unwrap();
        // Two lines fit.
        let long = "x".repeat(1900);
        let mut mark = String::new();
        for id in 0..7 {
            mark = send(&mut sink, &of(id, &[("a", &format!("{id}{long}")), ("b", "small")])).await;
        }
        compressed(&sink).await;
        sink.open(Some(&mark)).await.unwrap();
        compressed(&sink).await;
        let found = messages(folder.path());
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        let numbered: Vec<_> = (1..=3).map(|n| format!("a~{n}.log{ending}")).collect();
        assert_eq!(
            names,
            [&["a.log"][..], &numbered.iter().map(String::as_str).collect::<Vec<_>>(), &["b.log"]].concat()
        );
        let order = numbered.iter().map(String::as_str).chain(["a.log"]).flat_map(|name| &found[name]);
        let expected: Vec<_> = (0..7).map(|id| format!("{id}{long}")).collect();
        assert_eq!(order.collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_crash_after_a_renaming_truncates_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(&folder, "{service}.log", "rotate=4KiB");
    let long = "x".repeat(3000);
    sink.open(None).await.unwrap();
    let mark = send(&mut sink, &of(1, &[("a", &long)])).await;
    send(&mut sink, &of(2, &[("a", "2"), ("a", &long)])).await;
    drop(sink);
    let mut sink = self::sink(&folder, "{service}.log", "rotate=4KiB");
    sink.open(Some(&mark)).await.unwrap();
    send(&mut sink, &of(2, &[("a", "2"), ("a", &long)])).await;
    assert_eq!(messages(folder.path()), expected(&[("a.log", &["2", &long]), ("a~1.log", &[&long])]));
}

#[tokio::test]
async fn a_past_day_is_compressed_after_a_quiet_hour_and_late_records_start_a_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(0));
    let clock = { Arc::clone(&now) };
    let clock = || {
        let clock = Arc::clone(&clock);
        Clock::from_fn(move || clock.load(Ordering::Relaxed))
    };
    let at = |text: &str| parse_timestamp(text, chrono::FixedOffset::east_opt(0).unwrap()).unwrap();
    let set = |text: &str| now.store(at(text), Ordering::Relaxed);
    // The file system knows only the real time.
    let written = |name: &str, text: &str| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at(text) as u64);
        File::options().write(true).open(folder.path().join(name)).unwrap().set_modified(at).unwrap();
    };
    let template = "{service}-{yyyy}-{MM}-{dd}.log";
    let mut sink = sink_at(folder.path(), template, "compress=zstd", clock());
    let day = |id, time: &str| batch(id, [record("a", &id.to_string(), time)]);
    set("2026-01-02T23:59:00Z");
    sink.open(None).await.unwrap();
    send(&mut sink, &day(1, "2026-01-02T23:59:00Z")).await;
    written("a-2026-01-02.log", "2026-01-02T23:59:00Z");
    set("2026-01-03T00:30:00Z");
    send(&mut sink, &day(2, "2026-01-03T00:30:00Z")).await;
    assert_eq!(messages(folder.path()).keys().collect::<Vec<_>>(), ["a-2026-01-02.log", "a-2026-01-03.log"]);
    // The sink knows the files of the past day also after a new start.
    let mark = send(&mut sink, &day(3, "2026-01-03T00:31:00Z")).await;
    written("a-2026-01-03.log", "2026-01-03T00:31:00Z");
    drop(sink);
    let mut sink = sink_at(folder.path(), template, "compress=zstd", clock());
    sink.open(Some(&mark)).await.unwrap();
    set("2026-01-03T01:30:00Z");
    send(&mut sink, &day(4, "2026-01-03T01:30:00Z")).await;
    compressed(&sink).await;
    let files = [("a-2026-01-02~1.log.zst", &["1"][..]), ("a-2026-01-03.log", &["2", "3", "4"])];
    assert_eq!(messages(folder.path()), expected(&files));
    // A late record, and an hour later.
    written("a-2026-01-03.log", "2026-01-03T01:30:00Z");
    send(&mut sink, &day(5, "2026-01-02T20:00:00Z")).await;
    written("a-2026-01-02.log", "2026-01-03T01:30:00Z");
    set("2026-01-03T03:00:00Z");
    send(&mut sink, &day(6, "2026-01-03T03:00:00Z")).await;
    compressed(&sink).await;
    let files = [
        ("a-2026-01-02~1.log.zst", &["1"][..]),
        ("a-2026-01-02~2.log.zst", &["5"]),
        ("a-2026-01-03.log", &["2", "3", "4", "6"]),
    ];
    assert_eq!(messages(folder.path()), expected(&files));
}

#[tokio::test]
async fn s2_lines_have_the_time_the_client_and_its_packet() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(&folder, "all.log", "format=s2");
    sink.open(None).await.unwrap();
    let mut packet = record("a", "m", TIME);
    packet.attributes = vec![
        ("client.address".into(), Value::Text("10.0.0.7".into())),
        ("client.packet".into(), Value::Text("{\"uri\":\"/logs\",\n\t\"params\":\"a\\nb\"}".into())),
        ("client.port".into(), Value::Int(40123)),
    ];
    send(&mut sink, &batch(1, [packet, record("goods", "other door", TIME)])).await;
    let text = text(&folder.path().join("all.log"));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0], [TIME, "10.0.0.7", "40123", "{\"uri\":\"/logs\",  \"params\":\"a\\nb\"}"]);
    assert_eq!(lines[1][..3], [TIME, "-", "-"]);
    let document: serde_json::Value = serde_json::from_str(lines[1][3]).unwrap();
    assert_eq!((document["message"].as_str(), lines.len()), (Some("other door"), 2));
}

#[tokio::test]
async fn a_record_with_long_fields_stops_no_sink() {
    let folder = tempfile::tempdir().unwrap();
    let template = "{service}/{service}{node}{level}/{service}-{node}-{level}.log";
    let mut sink = sink(&folder, template, "rotate=4KiB&compress=zstd");
    sink.open(None).await.unwrap();
    let (long, text) = ("s".repeat(200), "x".repeat(3000));
    let of_node = |message: &str, node: &str| {
        let long =
            Record { node: node.repeat(200).into(), level: "l".repeat(100).into(), ..record(&long, message, TIME) };
        [long, record("short", message, TIME)]
    };
    // The third batch has the file of the first one renamed and compressed.
    for (id, message, node) in [(1, text.as_str(), "n"), (2, "2", "m"), (3, text.as_str(), "n")] {
        send(&mut sink, &batch(id, of_node(message, node))).await;
        compressed(&sink).await;
    }
    let found = messages(folder.path());
    let (short, long): (Vec<_>, Vec<_>) = found.iter().partition(|(name, _)| name.starts_with("short/"));
    assert_eq!(short.iter().map(|(_, messages)| messages.len()).sum::<usize>(), 3);
    let names: Vec<_> = long.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    assert_eq!((long.len(), names.iter().filter(|name| name.ends_with("~1.log.zst")).count()), (3, 1), "{names:?}");
    let mut written: Vec<_> = long.into_iter().flat_map(|(_, messages)| messages.clone()).collect();
    written.sort_unstable();
    assert_eq!(written, ["2", text.as_str(), text.as_str()]);
}

/// A small disk.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this process may not mount anything.
    fn mount(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder).output();
        mounted.ok().filter(|output| output.status.success()).map(|_| Self(folder.to_owned()))
    }

    fn grow(&self) {
        assert!(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_waited_out_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        testkit::not_run("a full disk of a file sink, because mounting a small one takes root");
        return;
    };
    let mut sink = sink(&folder, "{service}.log", "");
    sink.open(None).await.unwrap();
    let mark = send(&mut sink, &of(1, &[("a", "1"), ("b", "1")])).await;
    let large = "x".repeat(900_000);
    let too_large = of(2, &[("a", "2"), ("b", &large), ("c", &large)]);
    for _ in 0..2 {
        let error = sink.send(&too_large).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded, "{error}");
        assert!(error.message.contains("full") && error.message.contains(".log"), "{error}");
        assert_eq!(messages(folder.path()), expected(&[("a.log", &["1"]), ("b.log", &["1"]), ("c.log", &[])]));
        sink.open(Some(&mark)).await.unwrap();
    }
    disk.grow();
    send(&mut sink, &too_large).await;
    let files = [("a.log", &["1", "2"][..]), ("b.log", &["1", &large]), ("c.log", &[&large])];
    assert_eq!(messages(folder.path()), expected(&files));
}
