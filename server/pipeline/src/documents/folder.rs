//! Documents that are given as files at start.
//!
//! Every `*.json` file of a folder and of the folders below it is read, in the format of exports.
//! Names that begin with a dot are skipped: Kubernetes mounts configuration as links into a folder `..data`, and each
//! file would be found twice.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Document, Kind, Version,
    file::{self, FILE_BYTES},
};
use crate::{Error, Result};

/// The maximum number of files in a folder.
const FILES: usize = 1_000;
/// The maximum number of folders read, because links can form a cycle.
const FOLDERS: usize = 1_000;

/// The documents of a folder, by kind and name.
#[derive(Debug, Clone, Default)]
pub struct Files {
    documents: HashMap<&'static str, BTreeMap<String, Document>>,
}

impl Files {
    /// Reads a folder.
    ///
    /// # Errors
    /// `Invalid`, naming the file and the place in it: for an unreadable file, past the limits, for a kind that is not
    /// in `kinds`, and for a document that is in two files.
    pub fn read(folder: &Path, kinds: &[&'static Kind]) -> Result<Self> {
        let mut files = Self::default();
        for path in json_files(folder)? {
            let name = path.display();
            let text = content(&path)?;
            let entries = file::read(&text, kinds).map_err(|error| Error::invalid(format!("{name}: {error}")))?;
            for file::Entry { kind, name: document, body } in entries {
                let of_kind = files.documents.entry(kind.name).or_default();
                if let Some(other) = of_kind.get(&document) {
                    let other = other.file.as_deref().unwrap_or_default();
                    return Err(Error::invalid(format!(
                        "the document {document:?} of kind {} is in two files, {other} and {name}; remove one of the \
                         two",
                        kind.name
                    )));
                }
                if of_kind.len() == kind.most_documents {
                    return Err(Error::invalid(format!(
                        "{name}: there are more than {} {} in the files, which is the limit of kind {}; remove some",
                        kind.most_documents, kind.plural, kind.name
                    )));
                }
                let file: Arc<str> = name.to_string().into();
                let found = Document { name: document.clone(), version: Version(0), body, file: Some(file) };
                of_kind.insert(document, found);
            }
        }
        Ok(files)
    }

    /// The number of documents.
    pub fn count(&self) -> usize {
        self.documents.values().map(BTreeMap::len).sum()
    }

    pub(super) fn get(&self, kind: &Kind, name: &str) -> Option<&Document> {
        self.documents.get(kind.name)?.get(name)
    }

    /// By name.
    pub fn list(&self, kind: &Kind) -> impl Iterator<Item = &Document> {
        self.documents.get(kind.name).into_iter().flat_map(BTreeMap::values)
    }
}

/// The files, sorted, so that errors are the same at each start.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders, mut looked) = (Vec::new(), vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        looked += 1;
        if looked > FOLDERS {
            return Err(Error::invalid(format!(
                "{}: there are more than {FOLDERS} folders; remove some, or a link that leads back up",
                folder.display()
            )));
        }
        let unreadable = |error| Error::invalid(format!("{}: cannot be read: {error}", folder.display()));
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        if files.len() > FILES {
            return Err(Error::invalid(format!(
                "{}: there are more than {FILES} files; merge some, since a file may hold many documents",
                folder.display()
            )));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads a file up to the limit: [`file::read`] refuses longer ones.
fn content(path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(FILE_BYTES as u64 + 1).read_to_end(&mut text));
    read.map_err(|error| Error::invalid(format!("{}: cannot be read: {error}", path.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::unchecked;

    const NOTE: Kind =
        Kind { name: "note", format: 1, plural: "notes", most_bytes: 40, most_documents: 2, check: unchecked };

    fn file(names: &[&str]) -> String {
        let documents: Vec<String> =
            names.iter().map(|name| format!("{{\"kind\": \"note\", \"name\": {name:?}, \"document\": 1}}")).collect();
        format!("{{\"format\": 1, \"documents\": [{}]}}", documents.join(",\n"))
    }

    fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn every_json_file_below_the_folder_is_read_and_hidden_ones_are_not() {
        let folder = folder(&[
            ("b.json", file(&["x"])),
            ("deep/er/a.json", file(&["a/b"])),
            ("..data/b.json", file(&["x"])),
            (".hidden.json", "{".to_owned()),
            ("README.md", "{".to_owned()),
        ]);
        let files = Files::read(folder.path(), &[&NOTE]).unwrap();
        assert_eq!(files.count(), 2);
        assert_eq!(files.list(&NOTE).map(|document| document.name.as_str()).collect::<Vec<_>>(), ["a/b", "x"]);
        let document = files.get(&NOTE, "a/b").unwrap();
        assert!(document.file.as_deref().unwrap().ends_with("deep/er/a.json"));
    }

    #[test]
    fn an_error_names_the_file_and_the_place_in_it() {
        for (files, parts) in [
            (&[("a.json", file(&["x"])), ("b.json", file(&["y", "x"]))][..], &["\"x\"", "a.json", "b.json"][..]),
            (&[("a.json", file(&["x", "y"])), ("b.json", file(&["z"]))], &["b.json", "more than 2 notes", "kind note"]),
            (&[("a.json", "{\n}".to_owned())], &["a.json: missing field `format` at line 2"]),
            (&[("a.json", file(&["x"]).replace("note", "nope"))], &["a.json: document 1", "the kinds are note"]),
        ] {
            let folder = folder(files);
            let error = Files::read(folder.path(), &[&NOTE]).unwrap_err();
            assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        }
        let error = Files::read(Path::new("/nowhere/at/all"), &[&NOTE]).unwrap_err();
        assert!(error.message.contains("/nowhere/at/all"), "{error}");
    }
}
