//! The parameters of a file sink.

use std::path::{Path, PathBuf};

use model::Record;
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};
use url::Url;

use super::names::{FILE_BYTES, FOLDER_BYTES, NAME_BYTES, bound};
use crate::{
    parameters::{Parameters, decode},
    template::{Period, Template},
};

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// One JSON document per line.
    #[default]
    Ndjson,
    /// Time, address, port and packet between tabs, as the log microservice S2 wrote its file.
    S2,
}

/// The compression of files that are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Compression {
    Zstd,
    Gzip,
}

impl Compression {
    /// The ending of compressed files, without the dot.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }
}

/// A file sink as a user defined it.
#[derive(Debug, Clone)]
pub(super) struct Options {
    path: Template,
    /// Whether the path has fields, so that its names may be too long.
    has_fields: bool,
    /// The folder before the first field. The sink's own files are there.
    pub(super) folder: PathBuf,
    /// The path as the user wrote it. It names the sink's own files.
    pub(super) text: String,
    pub(super) format: Format,
    /// The size limit of a file in bytes.
    pub(super) rotate: Option<u64>,
    pub(super) compression: Option<Compression>,
    /// After which a file gets no more records, if the path has a date.
    pub(super) period: Option<Period>,
}

/// The smallest size limit: less would make a file for each batch.
const LEAST_ROTATE: u64 = 4096;

impl Options {
    /// # Errors
    /// `Invalid` if the path or a parameter cannot be read.
    pub(super) fn read(url: &Url, parameters: &mut Parameters) -> Result<Self> {
        let text = decode(url.path())?;
        let is_file = Path::new(&text).file_name().is_some() && !text.ends_with('/');
        if !text.starts_with('/') || !is_file || text.contains('\0') {
            return Err(Error::invalid(format!(
                "{text}: expected the absolute path of a file, such as /var/log/{{service}}.log"
            )));
        }
        let path = Template::parse(&text)?;
        let fixed = &text[..text.find('{').unwrap_or(text.len())];
        let folder = PathBuf::from(&fixed[..=fixed.rfind('/').unwrap_or(0)]);
        let format = parameters.parse("format", "ndjson or s2", |text| match text {
            "ndjson" => Some(Format::Ndjson),
            "s2" => Some(Format::S2),
            _ => None,
        })?;
        let rotate = parameters.parse("rotate", "a size from 4KiB up, such as 100MB", |text| {
            size(text).filter(|bytes| *bytes >= LEAST_ROTATE)
        })?;
        let compression = parameters.parse("compress", "zstd or gzip", |text| match text {
            "zstd" => Some(Compression::Zstd),
            "gzip" => Some(Compression::Gzip),
            _ => None,
        })?;
        let period = path.period();
        let has_fields = text.contains('{');
        check_names(&text, &folder, rotate.is_some() || compression.is_some())?;
        if compression.is_some() && rotate.is_none() && period.is_none() {
            return Err(Error::invalid(format!(
                "compress applies to files that are complete: add rotate=100MB, or {{yyyy}}-{{MM}}-{{dd}} to {text}"
            )));
        }
        Ok(Self { path, has_fields, folder, text, format: format.unwrap_or_default(), rotate, compression, period })
    }

    /// Appends the path of the file of a record to an empty text.
    pub(super) fn path_of(&self, record: &Record, path: &mut String) {
        self.path.render_into(record, path);
        if self.has_fields {
            bound(path, self.folder.as_os_str().len());
        }
    }
}

/// Checks the names without fields. Those with fields are cut when they are too long.
fn check_names(text: &str, folder: &Path, is_renamed: bool) -> Result<()> {
    let bytes = folder.as_os_str().len();
    if bytes > FOLDER_BYTES {
        return Err(Error::invalid(format!(
            "the folder of the files has {bytes} bytes; it may have at most {FOLDER_BYTES}: name one with a shorter path"
        )));
    }
    let mut names = text.split('/').peekable();
    while let Some(name) = names.next() {
        let is_file = names.peek().is_none();
        let most = if is_file && is_renamed { FILE_BYTES } else { NAME_BYTES };
        let bytes = name.len();
        if bytes > most && !name.contains('{') {
            return Err(Error::invalid(format!(
                "a name in the path of the files has {bytes} bytes; it may have at most {most}: shorten {name}"
            )));
        }
    }
    Ok(())
}

/// Parses a number of bytes with an optional unit, such as `100MB` or `64KiB`.
fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, parameters: &str) -> Result<Options> {
        let url = Url::parse(&format!("file://{path}")).unwrap();
        Options::read(&url, &mut Parameters::read(parameters).unwrap())
    }

    #[test]
    fn the_folder_is_the_path_before_the_first_field() {
        for (path, folder) in [
            ("/var/log/{service}-{dd}.log", "/var/log/"),
            ("/var/log/x-{service}/{dd}.log", "/var/log/"),
            ("/var/log/all.log", "/var/log/"),
            ("/all.log", "/"),
            ("/my%20logs/{dd}", "/my logs/"),
        ] {
            assert_eq!(read(path, "").unwrap().folder, Path::new(folder), "{path}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("100MB", Some(100_000_000)),
            ("64KiB", Some(65536)),
            ("2 GiB", Some(2 << 30)),
            ("5000", Some(5000)),
            ("MB", None),
            ("1.5MB", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn errors_name_the_parameter_and_what_is_expected() {
        for (path, parameters, error) in [
            ("/a/{host}.log", "", "{host} is not a field"),
            ("/a/", "", "absolute path of a file"),
            ("/a.log", "format=csv", "format=csv: expected ndjson or s2"),
            ("/a.log", "rotate=1", "rotate=1: expected a size"),
            ("/a.log", "compress=lz4", "compress=lz4: expected zstd or gzip"),
            ("/a.log", "compress=zstd", "add rotate="),
        ] {
            let found = read(path, parameters).unwrap_err();
            assert!(found.message.contains(error), "{path}?{parameters}: {found}");
        }
        assert!(read("/a-{yyyy}-{MM}-{dd}.log", "compress=zstd").is_ok());
    }

    #[test]
    fn fixed_names_that_no_file_system_takes_are_refused() {
        let name = |bytes: usize| "a".repeat(bytes);
        let folders = |count: usize| format!("{}/", name(99)).repeat(count);
        for (path, parameters, error) in [
            (format!("/{}", name(255)), "", None),
            (format!("/{}", name(256)), "", Some("has 256 bytes; it may have at most 255")),
            (format!("/{}", name(229)), "rotate=1MB", None),
            (format!("/{}", name(230)), "rotate=1MB", Some("has 230 bytes; it may have at most 229")),
            (format!("/{}/{{dd}}.log", name(256)), "", Some("at most 255")),
            (format!("/{{dd}}/{}.log", name(256)), "", Some("at most 255")),
            (format!("/{}{{dd}}.log", name(256)), "", None),
            (format!("/{}a.log", folders(7)), "", None),
            (format!("/{}a.log", folders(50)), "", Some("the folder of the files has 5001 bytes")),
        ] {
            let found = read(&path, parameters).err().map(|found| found.message);
            assert_eq!(found.is_some(), error.is_some(), "{path}: {found:?}");
            assert!(found.unwrap_or_default().contains(error.unwrap_or_default()), "{path}");
        }
    }
}
