//! The dashboard's files, and their metadata computed at the start.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The dashboard's files, loaded once: a few hundred kilobytes.
#[derive(Debug, Default)]
pub(crate) struct Site {
    files: BTreeMap<String, Stored>,
    version: String,
}

#[derive(Debug, Clone, Default)]
struct Stored {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    etag: String,
}

/// One file, ready to be served.
#[derive(Debug)]
pub(super) struct File {
    stored: Stored,
    pub(super) etag: String,
    pub(super) content_type: &'static str,
}

/// The encoding of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Coded(&'static str),
}

impl File {
    /// The smallest encoding that the client accepts.
    pub(super) fn body(self, accepted: &str) -> (Bytes, Encoding) {
        let accepts = |name| {
            accepted.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next() == Some(name) && parts.next() != Some("q=0")
            })
        };
        match (self.stored.brotli, self.stored.gzip) {
            (Some(bytes), _) if accepts("br") => (bytes, Encoding::Coded("br")),
            (_, Some(bytes)) if accepts("gzip") => (bytes, Encoding::Coded("gzip")),
            _ => (self.stored.plain, Encoding::Plain),
        }
    }
}

impl Site {
    /// Collects files by path; `x.br` and `x.gz` are encodings of `x`.
    pub(crate) fn new<'a>(found: impl IntoIterator<Item = (String, Cow<'a, [u8]>)>) -> Self {
        let mut all: BTreeMap<String, Bytes> =
            found.into_iter().map(|(path, bytes)| (path, Bytes::from(bytes.into_owned()))).collect();
        let names: BTreeSet<String> = all.keys().cloned().collect();
        let mut files = BTreeMap::new();
        let mut version = Sha256::new();
        for name in &names {
            let form = name.strip_suffix(".br").or_else(|| name.strip_suffix(".gz"));
            if form.is_some_and(|plain| names.contains(plain)) {
                continue;
            }
            let plain = all.remove(name).unwrap_or_default();
            let digest = Sha256::digest(&plain);
            version.update(name.as_bytes());
            version.update(digest);
            let stored = Stored {
                brotli: all.remove(&format!("{name}.br")),
                gzip: all.remove(&format!("{name}.gz")),
                etag: format!("\"{}\"", model::hex::encode(&digest[..12])),
                plain,
            };
            files.insert(name.clone(), stored);
        }
        Self { files, version: model::hex::encode(&version.finalize()[..8]) }
    }

    /// The hash of this set of files.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Whether the WebAssembly of the dashboard is included.
    #[cfg(any(test, not(feature = "embed-site")))]
    pub(crate) fn has_program(&self) -> bool {
        self.files.keys().any(|name| name.ends_with(".wasm"))
    }

    pub(super) fn get(&self, path: &str) -> Option<File> {
        let stored = self.files.get(path)?.clone();
        Some(File { etag: stored.etag.clone(), stored, content_type: content_type(path) })
    }

    /// The files outside of any folder, such as `favicon.svg`.
    pub(super) fn root_files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str).filter(|name| !name.contains('/'))
    }

    /// The files embedded in the program.
    #[cfg(feature = "embed-site")]
    pub(crate) fn embedded() -> Self {
        #[derive(rust_embed::RustEmbed)]
        #[folder = "$LOGBOOM_SITE_AT_BUILD"]
        struct Embedded;
        Self::new(Embedded::iter().filter_map(|path| Embedded::get(&path).map(|file| (path.into_owned(), file.data))))
    }

    /// The files in a folder; empty if it does not exist.
    ///
    /// # Errors
    /// A file cannot be read.
    #[cfg(not(feature = "embed-site"))]
    pub(crate) fn in_folder(root: &std::path::Path) -> std::io::Result<Self> {
        let mut found = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(name) = path.strip_prefix(root)
                    // Not a socket or a pipe, which cannot be read like a file.
                    && path.is_file()
                {
                    let name = name.to_string_lossy().replace('\\', "/");
                    found.push((name, Cow::Owned(std::fs::read(&path)?)));
                }
            }
        }
        Ok(Self::new(found))
    }
}

/// Whether the file was split off the main WebAssembly. Split files work only with the main file of the same build.
pub(super) fn is_split(path: &str) -> bool {
    path.strip_prefix("pkg/")
        .is_some_and(|name| ["split_", "chunk_", "__wasm_split"].iter().any(|prefix| name.starts_with(prefix)))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let file = |name: &str, text: &'static [u8]| (name.to_owned(), Cow::Borrowed(text));
        Site::new([file("pkg/a.js", b"plain"), file("pkg/a.js.br", b"brotli"), file("favicon.svg", b"<svg/>")])
    }

    #[test]
    fn the_smallest_accepted_form_is_chosen() {
        let body = |accepted: &str| site().get("pkg/a.js").unwrap().body(accepted);
        assert_eq!(body("gzip, br"), (Bytes::from_static(b"brotli"), Encoding::Coded("br")));
        assert_eq!(body("gzip"), (Bytes::from_static(b"plain"), Encoding::Plain));
        assert_eq!(body("br;q=0"), (Bytes::from_static(b"plain"), Encoding::Plain));
    }

    #[test]
    fn compressed_forms_are_no_files_of_their_own() {
        assert!(site().get("pkg/a.js.br").is_none());
        assert_eq!(site().root_files().collect::<Vec<_>>(), ["favicon.svg"]);
        assert!(!site().has_program());
    }

    #[test]
    fn only_what_was_split_off_fits_one_program_alone() {
        for name in ["pkg/split_system_page_1.wasm", "pkg/chunk_4.wasm", "pkg/__wasm_split.______.js"] {
            assert!(is_split(name), "{name}");
        }
        for name in ["pkg/logboom.wasm", "pkg/logboom.js", "pkg/logboom.css", "favicon.svg", "split_here"] {
            assert!(!is_split(name), "{name}");
        }
    }
}
