//! Patterns: kinds of messages, found by the Drain algorithm.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    time::{Duration, Instant},
};

use logdrain::{Mask, Miner, builtin_masks};
use model::{
    Query, StoredRecord,
    api::{PatternView, PatternsView, RecordView},
    pattern::{Piece, pieces},
    query::Expr,
    time,
};
use pipeline::{Error, Result, SearchRequest, TimeRange};

use crate::reader::Reader;

/// The limit of newest matches to analyse, and the page size.
const RECORDS: usize = 50_000;
const PAGE: usize = 5_000;
/// The time limits of the analysis, and of finding new patterns.
const TIME_LIMIT: Duration = Duration::from_secs(4);
const COMPARISON: Duration = Duration::from_secs(4);
/// The limit of returned patterns.
const LISTED: usize = 200;
/// The compared prefix of a message in bytes.
const COMPARED: usize = 512;
/// The steps of a pattern's counts over time, and the limit of listed services.
const STEPS: usize = 30;
const SERVICES: usize = 4;
/// The limit of texts in a pattern's query, and the minimum length of a text in bytes: shorter ones occur in most
/// messages.
const TEXTS: usize = 8;
const TEXT_BYTES: usize = 3;

/// The statistics of one pattern.
struct Group {
    count: u64,
    levels: BTreeMap<String, u64>,
    services: Vec<String>,
    times: Vec<i64>,
    example: StoredRecord,
}

impl Reader {
    /// The patterns of the newest matches, and for each, whether it is absent in `compare`.
    pub async fn patterns(&self, query: &Query, range: TimeRange, compare: Option<TimeRange>) -> Result<PatternsView> {
        let miner = miner()?;
        let mut groups: HashMap<u64, Group> = HashMap::new();
        let mut view = PatternsView { complete: true, ..PatternsView::default() };
        let mut back_to = range.to;
        let began = Instant::now();
        let mut request = SearchRequest::new(query.clone(), range, PAGE);
        loop {
            request.patience = Some(TIME_LIMIT.saturating_sub(began.elapsed()).max(Duration::from_millis(100)));
            let page = self.ask.search(&request).await?;
            view.records += page.records.len() as u64;
            back_to = page.records.last().map_or(back_to, |stored| stored.record.time);
            // Takes some milliseconds per page.
            page.records.into_iter().for_each(|stored| add(&miner, &mut groups, stored));
            let Some(next) = page.next else { break };
            if view.records as usize >= RECORDS || began.elapsed() >= TIME_LIMIT {
                view.complete = false;
                break;
            }
            request.cursor = Some(next);
        }
        view.searched_back_to = time::format_rfc3339(back_to);
        let newest = groups.values().flat_map(|group| &group.times).max().copied().unwrap_or(back_to);
        // Drain separates messages by length; clusters of one kind are merged here.
        let mut kinds: BTreeMap<String, Group> = BTreeMap::new();
        for (id, group) in groups {
            let Some(cluster) = miner.cluster(id) else { continue };
            match kinds.entry(collapsed(without_key_words(cluster.template()))) {
                Entry::Vacant(place) => drop(place.insert(group)),
                Entry::Occupied(place) => place.into_mut().absorb(group),
            }
        }
        let mut found: Vec<(Expr, PatternView)> =
            kinds.into_iter().map(|(template, group)| pattern_view(&template, group, back_to, newest)).collect();
        found.sort_by(|(_, one), (_, other)| {
            other.count.cmp(&one.count).then_with(|| one.template.cmp(&other.template))
        });
        if let Some(compare) = compare {
            self.compare(query, compare, &mut found).await?;
        }
        found.sort_by_key(|(_, pattern)| pattern.is_new != Some(true));
        view.patterns = found.into_iter().take(LISTED).map(|(_, pattern)| pattern).collect();
        Ok(view)
    }

    /// Determines for each pattern whether it is absent in `range`; rarest first, within the time limit, because rare
    /// patterns are most likely new.
    async fn compare(&self, query: &Query, range: TimeRange, found: &mut [(Expr, PatternView)]) -> Result<()> {
        let began = Instant::now();
        // Without any match in the range, all patterns would be new, which is useless.
        let any = SearchRequest { patience: Some(COMPARISON), ..SearchRequest::new(query.clone(), range, 1) };
        if self.ask.search(&any).await?.records.is_empty() {
            return Ok(());
        }
        for (texts, pattern) in found.iter_mut().rev() {
            let left = COMPARISON.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            if pattern.query.is_empty() {
                continue;
            }
            let asked = Query { expr: Expr::And(vec![query.expr.clone(), texts.clone()]) };
            let request = SearchRequest { patience: Some(left), ..SearchRequest::new(asked, range, 1) };
            let page = self.ask.search(&request).await?;
            pattern.is_new = match (page.records.is_empty(), page.next) {
                (false, _) => Some(false),
                (true, None) => Some(true),
                (true, Some(_)) => None,
            };
        }
        Ok(())
    }

    /// The time of the oldest match, to about a second, by binary search.
    pub async fn first_seen(&self, query: &Query) -> Result<Option<String>> {
        const BUCKETS: i64 = 1000;
        let now = self.clock.now();
        let mut range = TimeRange { from: 0, to: now.saturating_add(1) };
        loop {
            let bucket = ((range.to - range.from) / BUCKETS).max(1);
            let timeline = self.timeline(query, range, bucket).await?;
            let first = timeline.counts.iter().position(|counts| counts.iter().any(|count| *count > 0));
            let Some(first) = first else { return Ok(None) };
            let from = timeline.start.saturating_add(bucket.saturating_mul(first as i64)).max(range.from);
            if bucket <= 1_000_000_000 {
                return Ok(Some(time::format_rfc3339(from)));
            }
            range = TimeRange { from, to: from.saturating_add(bucket).min(range.to) };
        }
    }
}

impl Group {
    fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.times.extend(other.times);
        for (level, count) in other.levels {
            *self.levels.entry(level).or_default() += count;
        }
        for service in other.services {
            if self.services.len() < SERVICES && !self.services.contains(&service) {
                self.services.push(service);
            }
        }
        if other.example.record.time > self.example.record.time {
            self.example = other.example;
        }
    }
}

/// The template with consecutive placeholders collapsed into one.
fn collapsed(template: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in template.split(' ') {
        if word != "<*>" || words.last() != Some(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}

fn miner() -> Result<Miner> {
    let masks: [Mask; 4] =
        [builtin_masks::uuid(), builtin_masks::hex32(), builtin_masks::email(), builtin_masks::ipv4()];
    Miner::builder()
        .masks(masks)
        .build()
        .map_err(|error| Error::internal(format!("cannot create the pattern miner: {error}")))
}

/// Prefixes the line with its first two words, without words that contain a digit. The miner's tree branches on the
/// first two words, so ids there, as in `order A-17 paid`, would each become a pattern. In the line itself constant
/// numbers are preserved.
fn with_key_words(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut key = || match words.next() {
        Some(word) if !word.contains(|letter: char| letter.is_ascii_digit()) => word,
        _ => "<*>",
    };
    format!("{} {} {line}", key(), key())
}

/// Reverses [`with_key_words`] on a template.
fn without_key_words(template: &str) -> &str {
    template.splitn(3, ' ').nth(2).unwrap_or_default()
}

fn add(miner: &Miner, groups: &mut HashMap<u64, Group>, stored: StoredRecord) {
    let record = &stored.record;
    let line = record.message.lines().next().unwrap_or_default();
    let line = line.get(..line.floor_char_boundary(COMPARED)).unwrap_or(line);
    let id = miner.add(&with_key_words(line)).cluster_id;
    let (class, service) = (record.severity.class().name(), record.service.to_string());
    let time = record.time;
    let group = groups.entry(id).or_insert_with(|| Group {
        count: 0,
        levels: BTreeMap::new(),
        services: Vec::new(),
        times: Vec::new(),
        example: stored,
    });
    group.count += 1;
    group.times.push(time);
    *group.levels.entry(class.to_owned()).or_default() += 1;
    if group.services.len() < SERVICES && !group.services.contains(&service) && !service.is_empty() {
        group.services.push(service);
    }
}

fn pattern_view(template: &str, group: Group, oldest: i64, newest: i64) -> (Expr, PatternView) {
    let texts = constant_texts(template, &group.example.record.message);
    let expr = match texts.len() {
        0 => Expr::All,
        1 => Expr::Contains(texts[0].clone()),
        _ => Expr::And(texts.into_iter().map(Expr::Contains).collect()),
    };
    let query = if expr == Expr::All { String::new() } else { Query { expr: expr.clone() }.to_string() };
    let mut spark = vec![0; STEPS];
    let width = (newest - oldest).max(1) as f64 + 1.0;
    for time in group.times {
        let place = ((time - oldest).max(0) as f64 / width * STEPS as f64) as usize;
        spark[place.min(STEPS - 1)] += 1;
    }
    let view = PatternView {
        template: template.to_owned(),
        query,
        count: group.count,
        levels: group.levels,
        services: group.services,
        spark,
        example: RecordView::from(&group.example),
        is_new: None,
    };
    (expr, view)
}

/// The longest constant texts of a template, as they occur in its messages.
fn constant_texts(template: &str, example: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for piece in pieces(template) {
        let Piece::Text(text) = piece else { continue };
        let text = text.trim();
        if example.contains(text) {
            texts.push(text);
        } else {
            // The miner normalises whitespace, so the text is split into words.
            texts.extend(text.split_whitespace().filter(|word| example.contains(word)));
        }
    }
    texts.retain(|text| text.len() >= TEXT_BYTES);
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    texts.truncate(TEXTS);
    texts.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_among_the_first_words_make_no_kinds_of_their_own() {
        let templates = |lines: &[String]| {
            let miner = miner().unwrap();
            let ids: std::collections::BTreeSet<u64> =
                lines.iter().map(|line| miner.add(&with_key_words(line)).cluster_id).collect();
            ids.into_iter()
                .map(|id| collapsed(without_key_words(miner.cluster(id).unwrap().template())))
                .collect::<Vec<_>>()
        };
        let of = |line: fn(u32) -> String| templates(&(0..300).map(line).collect::<Vec<_>>());
        assert_eq!(of(|n| format!("order A-{n} was paid")), ["order <*> was paid"]);
        assert_eq!(of(|n| format!("f9{n:x} accepted by worker {n}")), ["<*> accepted by worker <*>"]);
        assert_eq!(of(|n| format!("HTTP/1.1 404 for client {n}")), ["HTTP/1.1 404 for client <*>"]);
        assert_eq!(of(|_| "ready".to_owned()), ["ready"]);
        assert_eq!(templates(&["cache opened".into(), "cache closed".into()]), ["cache opened", "cache closed"]);
        assert_eq!(templates(&[String::new()]), [""]);
    }

    #[test]
    fn the_constant_texts_of_a_template_are_found_as_they_stand_in_a_message() {
        let example = "GET /orders/17  took 12 ms for a@b.c, a < b";
        let found = constant_texts("GET /orders/<*> took <*> ms for <email>, a < b", example);
        assert_eq!(found, ["GET /orders/", ", a < b", "ms for", "took"]);
        assert_eq!(constant_texts("<*>", "17"), Vec::<String>::new());
        assert_eq!(collapsed("a <*> <*> b <uuid> <*>"), "a <*> b <uuid> <*>");
    }
}
