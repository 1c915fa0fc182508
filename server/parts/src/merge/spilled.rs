//! Counts the attributes without a column in the parts.
//!
//! An attribute that is rare in a small part, or beyond the limit of one, may be frequent enough for a column in the merged
//! part. As for dictionaries, blocks of rows from all parts are looked at.

use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasher as _,
    sync::Arc,
};

use foldhash::fast::RandomState;
use model::Text;
use pipeline::Result;

use super::recurring::{MOST_PARTS, blocks};
use crate::{
    reader::{Footer, Part},
    reading::Reading,
    rest::{Cell, Raw, RestValues},
    schema::Kind,
};

/// The number of names from which on those that are too rare for a column are forgotten. They stay in the maps.
const MOST_NAMES: usize = 65_536;

/// An attribute of one type in the rest of the parts.
pub(super) struct Spilled {
    pub(super) key: Text,
    pub(super) kind: Kind,
    /// About the number of its values.
    pub(super) values: usize,
    /// Whether they rarely repeat.
    pub(super) is_spread: bool,
}

/// What the blocks show of an attribute.
#[derive(Default)]
struct Seen {
    /// In the blocks of the current part.
    in_part: usize,
    values: f64,
    count: usize,
    distinct: HashSet<u64, RandomState>,
}

/// The attributes in the rest of the parts.
///
/// `pause` as in [`merge`](super::merge).
pub(super) fn spilled(
    parts: &[Arc<Part>],
    footers: &[Arc<Footer>],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Spilled>> {
    let (hasher, mut all) = (RandomState::default(), 0);
    let mut seen: HashMap<Box<str>, [Seen; 4], RandomState> = HashMap::default();
    let step = parts.len().div_ceil(MOST_PARTS).max(1);
    let looked_at = parts.len().div_ceil(step);
    for (part, footer) in parts.iter().zip(footers).step_by(step) {
        let rest = footer.columns.rest();
        if rest.is_none() {
            continue;
        }
        let mut looked = 0;
        for (group, rows) in blocks(footer, looked_at) {
            pause()?;
            looked += rows.len();
            let reading = Reading { columns: rest.columns(), batch_rows: rows.len(), ..Reading::default() };
            for batch in part.read(footer, group, std::slice::from_ref(&rows), reading)? {
                let batch = batch?;
                let count = |_: usize, key: &str, value: Raw<'_>| {
                    let of_key = match seen.get_mut(key) {
                        Some(of_key) => of_key,
                        None => seen.entry(key.into()).or_default(),
                    };
                    let (kind, hash) = hashed(value, &hasher);
                    let own = &mut of_key[kind as usize];
                    own.in_part += 1;
                    own.count += 1;
                    own.distinct.insert(hash);
                };
                RestValues::of(&batch, rest)?.each(count)?;
            }
            all += rows.len();
            if seen.len() > MOST_NAMES {
                // An attribute with a column is in one of about 512 rows. A quarter of that allows for chance.
                let least = 2 + all / 2_048;
                seen.retain(|_, of_key| of_key.iter().map(|own| own.count).sum::<usize>() >= least);
            }
        }
        let share = part.info.rows as f64 / looked.max(1) as f64;
        for own in seen.values_mut().flatten() {
            own.values += std::mem::take(&mut own.in_part) as f64 * share;
        }
    }
    let mut spilled = Vec::new();
    for (key, of_key) in seen {
        let of_kinds = [Kind::Text, Kind::Int, Kind::Float, Kind::Bool].into_iter().zip(of_key);
        spilled.extend(of_kinds.filter(|(_, own)| own.count > 0).map(|(kind, own)| Spilled {
            key: Text::from(&*key),
            kind,
            values: own.values as usize,
            is_spread: kind != Kind::Bool && own.distinct.len() * 2 > own.count,
        }));
    }
    Ok(spilled)
}

fn hashed(value: Raw<'_>, hasher: &RandomState) -> (Kind, u64) {
    match value {
        Raw::Cell(Cell::Text(text)) => (Kind::Text, hasher.hash_one(text)),
        Raw::Hex(bytes) => (Kind::Text, hasher.hash_one(bytes)),
        Raw::Cell(Cell::Int(number)) => (Kind::Int, hasher.hash_one(number)),
        Raw::Cell(Cell::Float(number)) => (Kind::Float, hasher.hash_one(number.to_bits())),
        Raw::Cell(Cell::Bool(value)) => (Kind::Bool, hasher.hash_one(value)),
    }
}
