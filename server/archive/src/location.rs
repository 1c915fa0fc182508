//! The URL of an archive.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use pipeline::{Error, Result};
use url::Url;

/// Where an archive is: `file:///path` or `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(pub(crate) Place);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    /// The prefix has no slash at its ends and may be empty.
    Bucket {
        bucket: String,
        prefix: String,
    },
}

impl Location {
    /// Parses a URL.
    ///
    /// # Errors
    /// `Invalid` if it has another scheme, or an element that an archive does not have, such as a password.
    pub fn parse(text: &str) -> Result<Self> {
        let forms = "write file:///path or s3://bucket/prefix";
        // The URL is not repeated: it may hold a password.
        let url =
            Url::parse(text).map_err(|error| Error::invalid(format!("no URL of an archive ({error}); {forms}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid(
                "the URL of an archive holds no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
            return Err(Error::invalid(format!(
                "the URL of an archive has no port, ? or #; {forms}, and the endpoint of S3 in AWS_ENDPOINT"
            )));
        }
        match (url.scheme(), url.host_str().unwrap_or_default()) {
            ("file", "") => {
                let path =
                    url.to_file_path().map_err(|()| Error::invalid(format!("the path is not absolute; {forms}")))?;
                Ok(Self(Place::Folder(path)))
            }
            ("file", host) => Err(Error::invalid(format!("file://{host}… names a host; write file:///path"))),
            ("s3", "") => Err(Error::invalid("the URL names no bucket; write s3://bucket/prefix")),
            ("s3", bucket) => {
                let prefix = percent_decode_str(url.path().trim_matches('/')).decode_utf8();
                let prefix = prefix.map_err(|_| Error::invalid("the prefix of the bucket is not UTF-8"))?;
                Ok(Self(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.into_owned() }))
            }
            (scheme, _) => Err(Error::invalid(format!("{scheme}: is not the scheme of an archive; {forms}"))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(path) => write!(f, "{}", path.display()),
            Place::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_read_or_refused_with_a_hint() {
        for (text, printed) in [
            ("file:///var/log%20s/archive", "/var/log s/archive"),
            ("s3://logs/a/b/", "s3://logs/a/b"),
            ("s3://logs", "s3://logs/"),
        ] {
            assert_eq!(Location::parse(text).unwrap().to_string(), printed);
        }
        for (text, hint) in [
            ("/var/log", "file:///path"),
            ("file://host/path", "names a host"),
            ("s3:///prefix", "names no bucket"),
            ("s3://key:secret@logs/", "AWS_SECRET_ACCESS_KEY"),
            ("s3://logs/?region=eu", "AWS_ENDPOINT"),
            ("gs://logs/", "s3://bucket/prefix"),
        ] {
            let error = Location::parse(text).unwrap_err().message;
            assert!(error.contains(hint) && !error.contains("key:"), "{text}: {error}");
        }
    }
}
