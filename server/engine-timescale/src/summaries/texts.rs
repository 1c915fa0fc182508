//! Finds texts in the pages of sorted messages.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::Arc,
};

use futures::TryStreamExt;
use indexes::{
    Damaged,
    messages::{Sets, Text},
    positions::Positions,
    texts::Page,
    values,
};
use model::query::Needle;
use pipeline::{Error, Result};
use sqlx::Row;
use tokio::task::JoinHandle;

use super::Head;
use crate::{error::classify, session::Session};

/// The blocks whose pages are read by one statement.
const BLOCKS: usize = 64;
/// The pages that a thread searches at once, and the threads of one answer.
const PAGES: usize = 16;
const THREADS: usize = 2;
/// A block with more records to look up is read from its first record to its last.
const POSITIONS: usize = 4_096;

/// What is wanted of the matching records of a service and level class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    Number,
    Positions,
}

/// The records of a block that contain the texts.
#[derive(Debug, Default)]
pub(crate) struct InBlock {
    /// By pair ([`values::pair_of`]), of those whose number is wanted.
    pub(crate) numbers: HashMap<u32, u64>,
    /// Of those whose positions are wanted.
    pub(crate) positions: Vec<i64>,
}

/// The records that contain all texts, by the first position of their block. `wanted` is by pair; what it does not list
/// is wanted by position. A block is absent if it has too many such positions, or cannot be searched: then its records
/// have to be read.
pub(crate) async fn matching(
    session: &mut Session,
    blocks: &[(&Head, Vec<Wanted>)],
    texts: &[&str],
) -> Result<HashMap<i64, InBlock>> {
    let shared: Arc<[String]> = texts.iter().map(|text| (*text).to_owned()).collect();
    let texts: Vec<Text> = texts.iter().map(|text| Text::of(text)).collect();
    let mut found = HashMap::new();
    for some in blocks.chunks(BLOCKS) {
        let mut search = Search::prepare(session, some, &texts).await?;
        search.run(session, &shared).await?;
        found.extend(search.blocks.into_iter().filter_map(|(first, block)| Some((first, block.finish()?))));
    }
    Ok(found)
}

/// The search of some blocks.
struct Search {
    blocks: HashMap<i64, Block>,
    /// The pages to read: their blocks and numbers.
    firsts: Vec<i64>,
    pages: Vec<i16>,
}

/// A block while it is searched.
struct Block {
    places: Positions,
    wanted: Arc<[Wanted]>,
    /// The pages that are still to be searched.
    pages: usize,
    numbers: HashMap<u32, u64>,
    /// `None` if it cannot be searched.
    ordinals: Option<Vec<u16>>,
}

/// What one page has.
#[derive(Default)]
struct OfPage {
    numbers: HashMap<u32, u64>,
    ordinals: Vec<u16>,
}

/// A page to search.
struct Task {
    first: i64,
    page: Vec<u8>,
    wanted: Arc<[Wanted]>,
}

type Job = JoinHandle<Vec<(i64, std::result::Result<OfPage, Damaged>)>>;

impl Search {
    /// Finds the pages that may contain all texts.
    async fn prepare(session: &mut Session, some: &[(&Head, Vec<Wanted>)], texts: &[Text]) -> Result<Self> {
        let firsts: Vec<i64> = some.iter().map(|(head, _)| head.first).collect();
        let wanted: HashMap<i64, &Vec<Wanted>> = some.iter().map(|(head, wanted)| (head.first, wanted)).collect();
        let query = sqlx::query(include_str!("../../queries/select_page_sets.sql")).bind(firsts);
        let rows = query.fetch_all(session.connection()?).await.map_err(classify)?;
        let mut search = Self { blocks: HashMap::new(), firsts: Vec::new(), pages: Vec::new() };
        for row in &rows {
            let first: i64 = row.try_get(0).map_err(classify)?;
            let places = Positions::read(row.try_get(1).map_err(classify)?);
            let sets = Sets::read(row.try_get(2).map_err(classify)?);
            let (Ok(places), Ok(sets), Some(wanted)) = (places, sets, wanted.get(&first)) else {
                tracing::warn!("the pages of the block at position {first} cannot be read; its records are");
                continue;
            };
            let before = search.pages.len();
            for page in 0..sets.len() {
                if texts.iter().all(|text| sets.may_contain(page, text))
                    && let Ok(page) = i16::try_from(page)
                {
                    search.firsts.push(first);
                    search.pages.push(page);
                }
            }
            let block = Block {
                places,
                wanted: wanted.as_slice().into(),
                pages: search.pages.len() - before,
                numbers: HashMap::new(),
                ordinals: Some(Vec::new()),
            };
            search.blocks.insert(first, block);
        }
        Ok(search)
    }

    /// Reads and searches the pages; reads on while threads search.
    async fn run(&mut self, session: &mut Session, texts: &Arc<[String]>) -> Result<()> {
        if self.pages.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(include_str!("../../queries/select_pages.sql"))
            .bind(std::mem::take(&mut self.firsts))
            .bind(std::mem::take(&mut self.pages));
        let mut rows = pin!(session.stream(query)?);
        let (mut jobs, mut tasks): (VecDeque<Job>, Vec<Task>) = (VecDeque::new(), Vec::new());
        loop {
            let row = rows.try_next().await?;
            let is_last = row.is_none();
            if let Some(row) = row {
                let first: i64 = row.try_get(0).map_err(classify)?;
                let Some(block) = self.blocks.get(&first) else { continue };
                let page: Vec<u8> = row.try_get(1).map_err(classify)?;
                tasks.push(Task { first, page, wanted: Arc::clone(&block.wanted) });
            }
            if tasks.len() == PAGES || (is_last && !tasks.is_empty()) {
                let (tasks, texts) = (std::mem::take(&mut tasks), Arc::clone(texts));
                jobs.push_back(tokio::task::spawn_blocking(move || scan(&tasks, &texts)));
            }
            while jobs.len() > THREADS || is_last {
                let Some(job) = jobs.pop_front() else { return Ok(()) };
                for (first, page) in job.await.map_err(|error| Error::internal(format!("a search ended: {error}")))? {
                    self.add(first, page);
                }
            }
        }
    }

    fn add(&mut self, first: i64, page: std::result::Result<OfPage, Damaged>) {
        let Some(block) = self.blocks.get_mut(&first) else { return };
        block.pages = block.pages.saturating_sub(1);
        match page {
            Ok(page) => {
                for (pair, number) in page.numbers {
                    *block.numbers.entry(pair).or_default() += number;
                }
                if let Some(ordinals) = &mut block.ordinals {
                    ordinals.extend(page.ordinals);
                    if ordinals.len() > POSITIONS {
                        block.ordinals = None;
                    }
                }
            }
            Err(error) => {
                tracing::warn!("a page of the block at position {first}: {error}; its records are read");
                block.ordinals = None;
            }
        }
    }
}

impl Block {
    fn finish(self) -> Option<InBlock> {
        // A page that is not there is like a damaged one.
        let ordinals = self.ordinals.filter(|_| self.pages == 0)?;
        let positions = ordinals.into_iter().map(|ordinal| self.places.get(ordinal)).collect::<Option<Vec<i64>>>()?;
        Some(InBlock { numbers: self.numbers, positions })
    }
}

fn scan(tasks: &[Task], texts: &[String]) -> Vec<(i64, std::result::Result<OfPage, Damaged>)> {
    let texts: Vec<Needle<'_>> = texts.iter().map(|text| Needle::new(text)).collect();
    tasks.iter().map(|task| (task.first, task.scan(&texts))).collect()
}

impl Task {
    fn scan(&self, texts: &[Needle<'_>]) -> std::result::Result<OfPage, Damaged> {
        let mut of_page = OfPage::default();
        for line in Page::read(&self.page)?.matches(texts) {
            let pair = values::pair_of(line.service, line.class);
            match self.wanted.get(pair as usize).copied().unwrap_or(Wanted::Positions) {
                Wanted::Nothing => {}
                Wanted::Number => *of_page.numbers.entry(pair).or_default() += 1,
                Wanted::Positions => of_page.ordinals.push(line.ordinal),
            }
        }
        Ok(of_page)
    }
}
