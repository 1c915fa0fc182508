//! Secrets are compared in constant time, and never by `==`: the time of an answer would tell how much of a guess is right.
//!
//! The rule sees names: what is called a secret, a token, a hash and the like stands on no side of `==` and `!=`, unless
//! it is on the list of comparisons that no caller can use.

use std::path::Path;

use regex::Regex;

use super::{paths::code, program_texts};

/// The folders whose sources hold what callers present.
const FOLDERS: [&str; 5] = ["access/src", "doors/src/fluent", "src/gate", "src/http", "src/streams"];
/// The names of secrets, and of what is made of them.
const NAMES: [&str; 10] =
    ["secret", "token", "password", "hash", "digest", "nonce", "verifier", "cookie", "shared_key", "hidden_part"];
/// Comparisons that tell a caller nothing: two stored documents, and two fields of one form.
const BUT: [(&str, &str); 2] =
    [("access/src/known.rs", "old.hash == hash"), ("src/http/session.rs", "password != form.get")];

/// The comparisons of secrets in a source.
fn compared_in(source: &str) -> Vec<String> {
    let comparison = Regex::new(r"[\w.:&*?()]*\s*(?:==|!=)\s*[\w.:&*?]*").expect("a pattern");
    let word = Regex::new(r"\w+").expect("a pattern");
    let code = code(source);
    let is_of_secret = |text: &&str| {
        let words: Vec<&str> = word.find_iter(text).map(|word| word.as_str()).collect();
        words.iter().any(|word| NAMES.contains(word)) && !words.contains(&"len")
    };
    comparison.find_iter(&code).map(|found| found.as_str().trim()).filter(is_of_secret).map(str::to_owned).collect()
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut excused = Vec::new();
    for (file, source) in FOLDERS.iter().flat_map(|folder| program_texts(server, folder)) {
        for found in compared_in(&source) {
            let exception = BUT.iter().find(|(name, text)| *name == file && found.contains(text));
            assert!(
                exception.is_some(),
                "{file} compares a secret by `{found}`; use subtle's ct_eq, as in access/src/secret.rs"
            );
            excused.extend(exception);
        }
    }
    for exception in &BUT {
        assert!(excused.contains(&exception), "{exception:?} does not occur any more: remove it");
    }
}

#[test]
fn comparisons_of_secrets_are_found_however_they_are_written() {
    for (source, is_found) in [
        ("if setup.token == given {", true),
        ("if given!=&self.secret {", true),
        ("known.hash ==\n    secret::hash(given)", true),
        ("(caller.secret.as_deref() == Some(x))", true),
        ("if secret.len() == 44 {", false),
        ("bool::from(secret.as_bytes().ct_eq(known))", false),
        ("let token = a == b;", false),
        ("// token == given", false),
        ("fn f() {}\n#[cfg(test)]\nmod tests {\n token == given", false),
    ] {
        assert_eq!(!compared_in(source).is_empty(), is_found, "{source}");
    }
}
