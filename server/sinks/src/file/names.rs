//! The limits of the file system on names. The fields of a record come from clients, so a name made from them may be too
//! long. It is cut then: an error would stop the sink, and every record behind this one would wait.

use crate::cut::{cut, with_digest};

/// The most bytes of a name on Linux and macOS: `NAME_MAX`.
pub(super) const NAME_BYTES: usize = 255;
/// What rotation and compression add to a name: `~` with 20 digits, `.zst`, and `~` for the temporary file.
const ADDED_BYTES: usize = 26;
/// The most bytes of the name of a file that may be renamed.
pub(super) const FILE_BYTES: usize = NAME_BYTES - ADDED_BYTES;
/// The most bytes of a path with its NUL: `PATH_MAX`.
const PATH_MAX: usize = if cfg!(target_os = "macos") { 1024 } else { 4096 };
/// The most bytes of the path of a file that may be renamed.
const PATH_BYTES: usize = PATH_MAX - 1 - ADDED_BYTES;
/// The most bytes of the folder before the first field, so that each name fits below it.
pub(super) const FOLDER_BYTES: usize = PATH_BYTES - NAME_BYTES;
/// The longest ending that a cut name keeps, with its dot, such as `.ndjson` or `.replay-3f2a9c01`.
const ENDING_BYTES: usize = 20;

/// Cuts the names of a path after its first `fixed` bytes, which are a folder of at most [`FOLDER_BYTES`]. The same path
/// always becomes the same, and two different paths stay different.
pub(super) fn bound(path: &mut String, fixed: usize) {
    let Some((folder, names)) = path.split_at_checked(fixed) else { return };
    // No name is longer than all of them.
    if names.len() <= FILE_BYTES {
        return;
    }
    let mut bounded = String::from(folder);
    let mut file = names;
    while let Some((name, rest)) = file.split_once('/') {
        bounded.push_str(&cut(name, NAME_BYTES));
        bounded.push('/');
        file = rest;
    }
    let (stem, ending) = ending_of(file);
    if file.len() <= FILE_BYTES {
        bounded.push_str(file);
    } else {
        bounded.push_str(&with_digest(stem, ending, file, FILE_BYTES));
    }
    if bounded.len() > PATH_BYTES {
        // Without the folders of fields. The digest of all names replaces them.
        bounded.truncate(fixed);
        bounded.push_str(&with_digest(stem, ending, names, FILE_BYTES));
    }
    *path = bounded;
}

/// The name of a file without its ending, and the ending, if it is short.
fn ending_of(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if name.len() - dot <= ENDING_BYTES => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(path: &str) -> String {
        let mut path = path.to_owned();
        bound(&mut path, "/logs/".len());
        path
    }

    #[test]
    fn names_that_fit_are_kept() {
        let (name, folder) = ("a".repeat(FILE_BYTES), "b".repeat(NAME_BYTES));
        let deep = format!("/logs/{folder}/{name}");
        for path in ["/logs/a.log", "/logs/a/b/c.log", deep.as_str(), &format!("/logs/{name}")[..]] {
            assert_eq!(bounded(path), path);
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = |letter: &str| letter.repeat(100);
        let name = format!("{}-{}-{}", long("a"), long("b"), long("c"));
        let many = vec![long("d"); 60].join("/");
        let accents = "é".repeat(300);
        let paths = [
            format!("{name}.log"),
            format!("{name}x.log"),
            format!("{name}.log.replay-3f2a9c01"),
            format!("{name}.log.replay-3f2a9c02"),
            format!("{name}/a.log"),
            format!("{name}x/a.log"),
            format!("{name}/{name}.log"),
            format!("{many}/a.log"),
            format!("{many}x/a.log"),
            format!("{many}/{name}.log"),
            format!("{accents}/{accents}"),
            format!("a.{}", long("a").repeat(3)),
        ];
        let mut found: Vec<_> = paths.iter().map(|path| bounded(&format!("/logs/{path}"))).collect();
        for (path, bounded) in paths.iter().zip(&found) {
            assert!(bounded.len() <= PATH_BYTES && bounded.starts_with("/logs/"), "{path}: {bounded}");
            let names: Vec<_> = bounded.split('/').collect();
            assert!(names.iter().all(|name| name.len() <= NAME_BYTES), "{path}: {bounded}");
            assert!(names.last().unwrap().len() <= FILE_BYTES, "{path}: {bounded}");
            let ending = [".log", ".replay-3f2a9c01"].into_iter().find(|ending| path.ends_with(*ending));
            assert!(bounded.ends_with(ending.unwrap_or_default()), "{path}: {bounded}");
            assert_eq!(self::bounded(&format!("/logs/{path}")), *bounded);
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), paths.len(), "{found:?}");
    }
}
