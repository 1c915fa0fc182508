//! Stack traces of Java, Python, Go and Node.js with 2 to 60 lines, each in one record.
//!
//! A function is always at the same line of the same file, as in a program that fails again and again.

use std::fmt::Write as _;

use super::{Sample, templates::WORDS};
use crate::random::SplitMix;

/// The fewest and the most lines of a trace.
pub(super) const LINES: (u32, u32) = (2, 60);
const PACKAGES: [&str; 8] = ["orders", "billing", "auth", "search", "media", "pricing", "shipping", "core"];
const CLASSES: [&str; 16] = [
    "Controller",
    "Service",
    "Repository",
    "Gateway",
    "Mapper",
    "Validator",
    "Dispatcher",
    "Handler",
    "Interceptor",
    "Scheduler",
    "Publisher",
    "Consumer",
    "Transaction",
    "Session",
    "Cache",
    "Client",
];
const METHODS: [&str; 16] = [
    "place", "find", "store", "apply", "resolve", "load", "submit", "invoke", "process", "retry", "commit", "encode",
    "decode", "open", "close", "run",
];
const REASONS: [&str; 8] = [
    "the connection was reset by the peer",
    "no stock is left",
    "the lock was not acquired in time",
    "an unexpected state",
    "the payload is too large",
    "the key does not exist",
    "the account is suspended",
    "the reply was cut off",
];
const ERRORS: [&str; 8] =
    ["IllegalState", "Timeout", "Validation", "Connection", "Conflict", "NotFound", "Quota", "Protocol"];

/// Appends a trace of so many lines.
type Language = fn(&mut SplitMix, u32, &mut String);

const LANGUAGES: [Language; 4] = [java, python, go, node];

/// A place in a program.
struct Frame {
    package: &'static str,
    class: &'static str,
    method: &'static str,
    line: u32,
}

impl Frame {
    /// Few functions are in many traces, and many in few.
    fn pick(random: &mut SplitMix) -> Self {
        let function = random.below(45) * random.below(45);
        Self {
            package: PACKAGES[function as usize % PACKAGES.len()],
            class: CLASSES[function as usize / 8 % CLASSES.len()],
            method: METHODS[function as usize / 128 % METHODS.len()],
            line: 20 + function * 37 % 400,
        }
    }
}

pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    (sample.level, sample.severity) = if random.per_mille(800) { ("error", 17) } else { ("warn", 13) };
    let lines = LINES.0 + random.below(LINES.1 - LINES.0 + 1);
    let language = random.pick(&LANGUAGES);
    language(random, lines, &mut sample.message);
}

// Writing into memory cannot fail, so the results below are ignored.

fn java(random: &mut SplitMix, lines: u32, text: &mut String) {
    let header = |random: &mut SplitMix, text: &mut String| {
        let (error, reason, word) = (random.pick(&ERRORS), random.pick(&REASONS), random.pick(&WORDS));
        let _ = write!(text, "com.acme.shop.{error}Exception: {reason} ({word}-{})", random.below(1_000));
    };
    header(random, text);
    // Long traces have a cause.
    let cause = if lines > 12 { lines / 2 } else { lines };
    for line in 1..lines {
        if line == cause {
            text.push_str("\nCaused by: ");
            header(random, text);
        } else if line > cause && line == lines - 1 {
            let _ = write!(text, "\n\t... {cause} more");
        } else {
            let Frame { package, class, method, line } = Frame::pick(random);
            let _ = write!(text, "\n\tat com.acme.shop.{package}.{class}.{method}({class}.java:{line})");
        }
    }
}

fn python(random: &mut SplitMix, lines: u32, text: &mut String) {
    text.push_str("Traceback (most recent call last):");
    for line in 1..lines - 1 {
        let Frame { package, class, method, line: place } = Frame::pick(random);
        // Every other line is the code of the place before.
        let _ = if line % 2 == 1 {
            write!(text, "\n  File \"/srv/shop/{package}/{class}.py\", line {place}, in {method}")
        } else {
            write!(text, "\n    return self.{package}.{method}(request, timeout={place})")
        };
    }
    let (error, reason) = (random.pick(&ERRORS), random.pick(&REASONS));
    let _ = write!(text, "\n{error}Error: {reason}: {}", random.below(1_000));
}

fn go(random: &mut SplitMix, lines: u32, text: &mut String) {
    let _ = write!(text, "panic: {}: {}", random.pick(&ERRORS), random.pick(&REASONS));
    let goroutine = random.below(4_000);
    let _ = write!(text, "\ngoroutine {goroutine} [running]:");
    for line in 2..lines {
        let Frame { package, class, method, line: place } = Frame::pick(random);
        // Every other line is the file of the function before.
        let _ = if line % 2 == 0 {
            write!(text, "\nshop.example/{package}.(*{class}).{method}(0xc000{:06x})", random.below(1 << 24))
        } else {
            write!(text, "\n\t/src/shop/{package}/{class}.go:{place} +0x{:x}", place * 3)
        };
    }
}

fn node(random: &mut SplitMix, lines: u32, text: &mut String) {
    let (error, reason, word) = (random.pick(&ERRORS), random.pick(&REASONS), random.pick(&WORDS));
    let _ = write!(text, "{error}Error: {reason} while reading '{word}'");
    for _ in 1..lines {
        let Frame { package, class, method, line } = Frame::pick(random);
        let _ = write!(text, "\n    at {class}.{method} (/app/dist/{package}/{class}.js:{line}:{})", 3 + line % 40);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{kind::CorpusKind, tests::corpus},
        *,
    };

    #[test]
    fn a_trace_has_2_to_60_lines_in_one_of_four_languages() {
        let corpus = corpus(CorpusKind::Stack);
        let mut lengths = BTreeMap::<u32, u32>::new();
        let mut languages = BTreeMap::<&str, u32>::new();
        for number in 0..20_000 {
            let message = corpus.sample(number).message;
            *lengths.entry(message.lines().count() as u32).or_default() += 1;
            let language = match message.split([' ', '.', ':']).next() {
                Some("com") => "java",
                Some("Traceback") => "python",
                Some("panic") => "go",
                _ => "node",
            };
            *languages.entry(language).or_default() += 1;
            assert!(message.trim() == message && message.len() < 8_000, "{message}");
        }
        assert_eq!(lengths.keys().copied().collect::<Vec<_>>(), (LINES.0..=LINES.1).collect::<Vec<_>>());
        assert!(languages.values().all(|count| (4_600..5_400).contains(count)), "{languages:?}");
    }
}
