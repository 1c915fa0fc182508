//! Counts the store again and again, and compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{Nanos, TimeRange};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    COUNT, DELETED, Hour, Kept, Line, LossLedger, SHEET, State, Summary, Totals,
    balance::{Counted, compare},
    counting::{hours_of_store, stored_in},
    deleted::{self, Taken},
    document::{Count, Sheet, counts, hour_of_sheet, sheets},
};
use crate::{
    Documents, ErrorClass, Expected, Json, LogStore, Result, Supervisor,
    events::{LedgerGauges, LossFound},
    hold,
};

/// The pause between two rounds, at least.
const PAUSE: Duration = Duration::from_secs(15);
/// A round is followed by a pause of at least this many times its length, so that it takes little of the machine.
const SHARE: u32 = 20;
/// The limit of hours of a round.
const HOURS: usize = 24;
/// An hour is counted once nothing was noted of it for so long,
const QUIET: Nanos = 20 * 1_000_000_000;
/// or, while records of it keep coming, this long after its last count.
const BUSY: Nanos = 600 * 1_000_000_000;
/// An hour that does not change is counted at the first round of a process, and again after this time.
const AGAIN: Nanos = 6 * Hour::WIDTH;
/// The lease runs out so long after its holder is gone.
const LEASE: Duration = Duration::from_secs(60);
const LEASE_NAME: &str = "loss-ledger";
/// The hours of one question to the store.
const SPAN: i64 = 24;

/// What an [`Auditor`] works with.
#[derive(Clone)]
pub struct Needs {
    pub ledger: LossLedger,
    pub store: Arc<dyn LogStore>,
    pub documents: Arc<dyn Documents>,
    pub kept: Kept,
    /// This process, for people.
    pub holder: String,
}

/// Compares what was received with what the store has.
#[derive(Clone)]
pub struct Auditor {
    needs: Arc<Needs>,
}

impl Auditor {
    pub fn new(needs: Needs) -> Self {
        Self { needs: Arc::new(needs) }
    }

    /// Starts the task `loss-audit`, which ends with `stop`. Of all nodes of a store, one at a time counts.
    pub fn start(&self, supervisor: &Supervisor, stop: CancellationToken) -> JoinHandle<()> {
        let (auditor, token) = (self.clone(), stop.clone());
        supervisor.spawn("loss-audit", stop, move || {
            let (auditor, token) = (auditor.clone(), token.clone());
            async move { auditor.run(&token).await }
        })
    }

    /// The lines of the hours from `from` up to and without `to`, counted now.
    ///
    /// # Errors
    /// `Invalid` for hours with too many services together.
    pub async fn lines(&self, from: Hour, to: Hour) -> Result<Vec<Line>> {
        let first = from.max(Hour::oldest(self.now()));
        let notes = self.notes(|hour| first <= hour && hour < to).await?;
        let mut stored = Stored::new();
        let mut next = first;
        while next < to {
            let end = Hour(next.0 + SPAN).min(to);
            stored.extend(self.count(next, end).await?);
            next = end;
        }
        self.compare(&notes, stored).await
    }

    /// What the newest counts say. Counts nothing.
    pub async fn summary(&self) -> Result<Summary> {
        Ok(Summary::of(&counts(&*self.needs.documents).await?))
    }

    fn now(&self) -> Nanos {
        self.needs.ledger.shared.clock.now()
    }

    async fn run(&self, stop: &CancellationToken) {
        let gauges = LedgerGauges::register();
        let mut known = Known::default();
        loop {
            let started = Instant::now();
            if let Err(error) = self.round(&mut known, &gauges, stop).await {
                tracing::debug!("the loss ledger is not compared now: {error}");
            }
            let pause = PAUSE.max(started.elapsed() * SHARE);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn round(&self, known: &mut Known, gauges: &LedgerGauges, stop: &CancellationToken) -> Result<()> {
        let Needs { store, holder, documents, .. } = &*self.needs;
        let leases = store.leases();
        // A round that is stopped gives its lease back, so that the next process need not wait for it to run out.
        let audit = async |_| stop.run_until_cancelled(self.audit(known)).await;
        if let Some(Some(audited)) = hold(&*leases, LEASE_NAME, holder, LEASE, audit).await? {
            audited?;
        }
        gauges.set(&Summary::of(&counts(&**documents).await?));
        Ok(())
    }

    /// Counts the hours that are due, and notes the results.
    async fn audit(&self, known: &mut Known) -> Result<()> {
        let now = self.now();
        let first = *known.first.get_or_insert(now);
        if known.refreshed.is_none_or(|time| now - time >= AGAIN) {
            known.hours = hours_of_store(&*self.needs.store, now).await?;
            known.refreshed = Some(now);
            self.forget(Hour::oldest(now)).await?;
        }
        let notes = self.notes(|_| true).await?;
        let Notes { sheets, counts, deleted, .. } = &notes;
        let mut due: Vec<(Nanos, Hour)> = Vec::new();
        let noted = sheets.keys().chain(counts.keys()).chain(deleted.keys());
        let hours: BTreeSet<Hour> = known.hours.iter().chain(noted).copied().collect();
        let is_kept = |hour: &Hour| *hour >= Hour::oldest(now) && self.needs.kept.keeps(*hour, "", now);
        for hour in hours.into_iter().filter(is_kept) {
            let counted = counts.get(&hour).map_or(0, |count| count.counted);
            let noted = notes.last_note(hour);
            let wait = if noted < counted { AGAIN } else { BUSY };
            if counted < first || now - counted >= wait || (noted >= counted && now - noted >= QUIET) {
                due.push((counted, hour));
            }
        }
        due.sort_unstable();
        let mut hours: Vec<Hour> = due.into_iter().take(HOURS).map(|(_, hour)| hour).collect();
        hours.sort_unstable();
        let mut stored = Stored::new();
        let counted = self.count_all(&hours, &mut stored).await;
        // What was counted before an error is kept: an hour that can never be counted does not hide those before it.
        let lines = self.compare(&notes, stored).await?;
        for of_hour in lines.chunk_by(|before, after| before.hour == after.hour) {
            self.keep(of_hour, &notes).await?;
        }
        counted
    }

    /// Counts hours, which are sorted.
    ///
    /// # Errors
    /// `Invalid` if one of them has too many services. The hours before it are counted.
    async fn count_all(&self, hours: &[Hour], stored: &mut Stored) -> Result<()> {
        // One question for consecutive hours: each one reads all parts that overlap it.
        for span in hours.chunk_by(|before, after| before.next() == *after) {
            let (Some(first), Some(last)) = (span.first(), span.last()) else { continue };
            match self.count(*first, last.next()).await {
                Err(error) if error.class == ErrorClass::Invalid && span.len() > 1 => {
                    for hour in span {
                        stored.extend(self.count(*hour, hour.next()).await?);
                    }
                }
                counted => stored.extend(counted?),
            }
        }
        Ok(())
    }

    /// Counts each hour from `from` up to and without `to`.
    ///
    /// # Errors
    /// `Invalid` if they have too many services together.
    async fn count(&self, from: Hour, to: Hour) -> Result<Stored> {
        let range = TimeRange { from: from.start(), to: to.start() };
        let mut stored = stored_in(&*self.needs.store, range).await?;
        Ok((from.0..to.0).map(Hour).map(|hour| (hour, stored.remove(&hour).unwrap_or_default())).collect())
    }

    /// Writes the count of an hour, of which these are the lines.
    async fn keep(&self, lines: &[Line], notes: &Notes) -> Result<()> {
        let compared = || lines.iter().filter(|line| line.state != State::Expired);
        let Some(Line { hour, .. }) = compared().next() else {
            // What was missing before retention came stays known.
            return Ok(());
        };
        let count = Count {
            counted: notes.now,
            most: compared().map(|line| (line.service.clone(), line.most)).collect(),
            totals: Totals::of(compared()),
            uncertain: lines.iter().any(|line| line.state == State::Uncertain),
        };
        let (missing, known) = (count.totals.missing, notes.counts.get(hour).map_or(0, |count| count.totals.missing));
        if missing > known {
            LossFound { hour: *hour, missing, lines }.emit();
        }
        let body = Json::from_value(&count)?;
        self.needs.documents.put(&COUNT, &hour.to_string(), &body, Expected::Any, None).await?;
        Ok(())
    }

    /// Everything that was noted and counted about these hours. It must be read before the store is counted: what arrives
    /// meanwhile is then stored and not noted, which is a surplus and no loss.
    async fn notes(&self, wanted: impl Fn(Hour) -> bool) -> Result<Notes> {
        let now = self.now();
        let sheets = self.sheets(&wanted).await?;
        let counts = counts(&*self.needs.documents).await?;
        let deleted = deleted::notes(&*self.needs.documents, &wanted).await?;
        let kept_from = self.kept_from(&sheets, &counts, now).await?;
        Ok(Notes { now, sheets, counts, deleted, kept_from })
    }

    /// Compares the hours that were counted after the notes were read.
    async fn compare(&self, notes: &Notes, stored: Stored) -> Result<Vec<Line>> {
        // Once more: a deletion that began meanwhile was noted before it removed anything. And once for all hours,
        // because each time reads the notes of all deletions.
        let deleted = deleted::notes(&*self.needs.documents, |hour| stored.contains_key(&hour)).await?;
        let mut lines = Vec::new();
        for (hour, stored) in stored {
            let sheets = notes.sheets.get(&hour).map(Vec::as_slice).unwrap_or_default();
            let most = notes.counts.get(&hour).map(|count| count.most.clone()).unwrap_or_default();
            let is_kept = |service: &str| hour >= notes.kept_from && self.needs.kept.keeps(hour, service, notes.now);
            let taken = Taken::of(notes.deleted.get(&hour), deleted.get(&hour));
            lines.extend(compare(hour, sheets, Counted { stored, most, taken }, is_kept, notes.now));
        }
        Ok(lines)
    }

    /// The sheets of all nodes by hour; of this process, what is in memory.
    async fn sheets(&self, wanted: &impl Fn(Hour) -> bool) -> Result<BTreeMap<Hour, Vec<Sheet>>> {
        let Needs { ledger, documents, .. } = &*self.needs;
        let settled = ledger.settle();
        let own = ledger.shared.pages.lock().sheets(settled, wanted);
        let written = sheets(&**documents, wanted).await?;
        let by_name: BTreeMap<String, (Hour, Sheet)> =
            written.into_iter().chain(own).map(|(hour, name, sheet)| (name, (hour, sheet))).collect();
        let mut by_hour: BTreeMap<Hour, Vec<Sheet>> = BTreeMap::new();
        for (hour, sheet) in by_name.into_values() {
            by_hour.entry(hour).or_default().push(sheet);
        }
        Ok(by_hour)
    }

    /// The hour before which retention by bytes may have deleted records.
    async fn kept_from(
        &self,
        sheets: &BTreeMap<Hour, Vec<Sheet>>,
        counts: &BTreeMap<Hour, Count>,
        now: Nanos,
    ) -> Result<Hour> {
        let beginning = Hour(i64::MIN);
        if !self.needs.kept.bytes {
            return Ok(beginning);
        }
        let Some(oldest) = hours_of_store(&*self.needs.store, now).await?.first().copied() else {
            return Ok(Hour::of(now).next());
        };
        let was_older = sheets.keys().chain(counts.keys()).any(|hour| *hour < oldest);
        // Whole days are deleted, so the oldest one that is left may be a part of what it was.
        Ok(if was_older { Hour((oldest.0.div_euclid(24) + 1) * 24) } else { beginning })
    }

    /// Deletes the documents of older hours.
    async fn forget(&self, oldest: Hour) -> Result<()> {
        let documents = &self.needs.documents;
        let hour_of_sheet: fn(&str) -> Option<Hour> = hour_of_sheet;
        for (kind, hour_of) in [(&SHEET, hour_of_sheet), (&DELETED, deleted::last_hour), (&COUNT, Hour::parse)] {
            for document in documents.list(kind).await?.documents {
                if hour_of(&document.name).is_none_or(|hour| hour < oldest) {
                    documents.delete(kind, &document.name, Expected::Any, None).await?;
                }
            }
        }
        Ok(())
    }
}

/// The numbers of stored records of the hours that were counted, by service.
type Stored = BTreeMap<Hour, BTreeMap<String, u64>>;

/// What the rounds of this process know.
#[derive(Debug, Default)]
struct Known {
    /// Of which the store has records.
    hours: BTreeSet<Hour>,
    refreshed: Option<Nanos>,
    /// The time of this process's first round. What became of records while no process looked is not known, so hours
    /// that were counted before are due.
    first: Option<Nanos>,
}

/// What is known before the store is counted.
struct Notes {
    now: Nanos,
    /// Of all nodes.
    sheets: BTreeMap<Hour, Vec<Sheet>>,
    counts: BTreeMap<Hour, Count>,
    /// What deletions took.
    deleted: deleted::Notes,
    /// Before it, retention by bytes may have deleted records.
    kept_from: Hour,
}

impl Notes {
    /// When something was last noted of the hour.
    fn last_note(&self, hour: Hour) -> Nanos {
        let sheets = self.sheets.get(&hour).into_iter().flatten().map(last_note);
        let deleted = self.deleted.get(&hour).into_iter().flat_map(BTreeMap::values).map(|deleted| deleted.noted);
        sheets.chain(deleted).max().unwrap_or(0)
    }
}

fn last_note(sheet: &Sheet) -> Nanos {
    sheet.services.values().chain(&sheet.others).map(|entry| entry.last).max().unwrap_or(0)
}
