//! Files that are complete: their numbered names, and the list of those to compress.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use model::Nanos;
use serde::{Deserialize, Serialize};

use super::{handles::sync_folder, options::Compression};

/// The maximum number of files that wait for the end of their day. Further ones are not compressed.
const WAITING: usize = 10_000;

/// The next numbered name of a file: `goods~3.log` for `goods.log`, if `goods~2.log` or `goods~2.log.zst` exists.
pub(super) fn numbered(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let text = |part: Option<&OsStr>| part.and_then(OsStr::to_str).unwrap_or_default().to_owned();
    let stem = format!("{}~", text(path.file_stem()));
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let rest = name.strip_prefix(&stem)?;
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = rest.split_at(digits);
            let is_ours = rest.strip_prefix(&ending).is_some_and(|rest| matches!(rest, "" | ".zst" | ".gz"));
            if is_ours { number.parse::<u64>().ok() } else { None }
        });
        last = last.max(number.unwrap_or(0));
    }
    Ok(folder.join(format!("{stem}{}{ending}", last.saturating_add(1))))
}

/// The files that are or will be complete. Stored in `.logboom~<hash of the path>.files`, as JSON, when it changes.
#[derive(Debug, Default)]
pub(super) struct Register {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    /// The ends of their days, in nanoseconds since the Unix epoch.
    #[serde(default)]
    waiting: BTreeMap<PathBuf, Nanos>,
    /// Renamed, to be compressed.
    #[serde(default)]
    complete: BTreeMap<PathBuf, Compression>,
}

impl Register {
    /// Reads the register. One that is missing or damaged is empty: its files only stay uncompressed.
    pub(super) fn read(path: PathBuf) -> io::Result<Self> {
        let content = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "list of files to compress is damaged, starting a new one");
                Content::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, content })
    }

    /// Adds files with the ends of their days.
    pub(super) fn add_waiting<'a>(&mut self, files: impl Iterator<Item = (&'a Path, Nanos)>) -> io::Result<()> {
        let mut changed = false;
        for (path, end) in files {
            if self.content.waiting.get(path) != Some(&end)
                && (self.content.waiting.len() < WAITING || self.content.waiting.contains_key(path))
            {
                self.content.waiting.insert(path.to_owned(), end);
                changed = true;
            }
        }
        if changed { self.save() } else { Ok(()) }
    }

    /// The files whose day ended before `now`.
    pub(super) fn ended(&self, now: Nanos) -> Vec<PathBuf> {
        let ended = self.content.waiting.iter().filter(|(_, end)| **end < now);
        ended.map(|(path, _)| path.clone()).collect()
    }

    /// Moves a file to those that are complete, under its new name. Called before it is renamed,
    /// under the same lock.
    pub(super) fn complete(&mut self, path: &Path, renamed: PathBuf, compression: Compression) -> io::Result<()> {
        self.content.complete.insert(renamed, compression);
        self.content.waiting.remove(path);
        self.save()
    }

    pub(super) fn forget_waiting(&mut self, path: &Path) -> io::Result<()> {
        if self.content.waiting.remove(path).is_some() { self.save() } else { Ok(()) }
    }

    /// A file to compress, except for `failed` ones.
    pub(super) fn next_complete(&self, failed: &HashSet<PathBuf>) -> Option<(PathBuf, Compression)> {
        let mut files = self.content.complete.iter().filter(|(path, _)| !failed.contains(*path));
        files.next().map(|(path, compression)| (path.clone(), *compression))
    }

    /// Removes a file that has been compressed.
    pub(super) fn forget_complete(&mut self, path: &Path) -> io::Result<()> {
        if self.content.complete.remove(path).is_some() { self.save() } else { Ok(()) }
    }

    fn save(&self) -> io::Result<()> {
        let temporary = self.path.with_extension("files~");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&self.content)?)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        sync_folder(self.path.parent().unwrap_or(Path::new("/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_are_not_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("goods.log");
        for (existing, next) in [
            ("goods.log", "goods~1.log"),
            ("goods~1.log", "goods~2.log"),
            ("goods~9.log.zst", "goods~10.log"),
            ("goods~12.log.gz", "goods~13.log"),
            ("goods~20.txt", "goods~13.log"),
            ("goods~20.log.zst~", "goods~13.log"),
            ("goods-b~40.log", "goods~13.log"),
        ] {
            fs::write(folder.path().join(existing), "").unwrap();
            assert_eq!(numbered(&path).unwrap(), folder.path().join(next), "{existing}");
        }
        assert_eq!(numbered(&folder.path().join("plain")).unwrap(), folder.path().join("plain~1"));
    }

    #[test]
    fn the_register_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.files");
        let mut register = Register::read(path.clone()).unwrap();
        register.add_waiting([(Path::new("/a"), 5), (Path::new("/b"), 9)].into_iter()).unwrap();
        register.complete(Path::new("/b"), "/b~1".into(), Compression::Gzip).unwrap();
        let register = Register::read(path.clone()).unwrap();
        assert_eq!((register.ended(5), register.ended(6)), (vec![], vec![PathBuf::from("/a")]));
        assert_eq!(register.next_complete(&HashSet::new()), Some(("/b~1".into(), Compression::Gzip)));
        fs::write(&path, "{").unwrap();
        assert_eq!(Register::read(path).unwrap().content, Content::default());
    }
}
