//! Severities as words: level names, and the decorations that loggers add.

use super::Severity;

/// The length of the longest level name.
const LONGEST: usize = 16;

/// Parses the word of a level field. Accepted forms, in this order:
///
/// - the names of the usual loggers, in any case;
/// - OpenTelemetry's short names with a number, `WARN2` to `FATAL4`;
/// - a name with an offset in the style of Go's slog, `ERROR+2`, and its `Level(5)`;
/// - a name within a longer word, `LOG_ERR` or `Level.SEVERE`; the most severe name counts.
///
/// Surrounding blanks and punctuation, as in `[ERROR]` or `warn:`, are ignored.
pub(super) fn severity(word: &str) -> Option<Severity> {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter.is_ascii());
    let number =
        name(word).or_else(|| short_name(word)).or_else(|| with_offset(word)).or_else(|| within_longer_word(word))?;
    Some(Severity(number))
}

/// Words of winston (its npm, cli and syslog sets), log4j, java.util.logging, Python, RFC 5424,
/// Serilog, .NET, Go, Android, Ruby and Google Cloud. The numbers of the syslog words follow
/// OpenTelemetry's table; winston puts `verbose` above `debug`.
fn name(word: &str) -> Option<u8> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trac" | b"trc" | b"t" | b"silly" | b"finest" | b"all" => 1,
        b"finer" => 3,
        b"debug" | b"debu" | b"dbg" | b"dbug" | b"d" | b"fine" => 5,
        b"verbose" | b"verb" | b"vrb" | b"v" | b"config" => 6,
        b"info" | b"information" | b"informational" | b"inf" | b"i" | b"log" | b"default" => 9,
        b"http" | b"access" | b"data" | b"input" => 9,
        b"notice" | b"note" | b"n" | b"success" | b"help" | b"prompt" => 10,
        b"warn" | b"warning" | b"warnings" | b"wrn" | b"w" | b"alert_warning" | b"caution" => 13,
        b"error" | b"errors" | b"err" | b"erro" | b"eror" | b"e" => 17,
        b"severe" | b"fail" | b"failed" | b"failure" | b"exception" => 17,
        b"critical" | b"crit" | b"crt" | b"c" | b"fault" => 18,
        b"alert" => 19,
        b"fatal" | b"fata" | b"ftl" | b"f" | b"emerg" | b"emergency" | b"disaster" => 21,
        b"panic" | b"pani" | b"dpanic" | b"assert" | b"wtf" => 21,
        _ => return None,
    })
}

/// `WARN2`: the class, and the grade in it. For other names, such as PostgreSQL's `DEBUG5`, the number does not grade
/// the severity.
fn short_name(word: &str) -> Option<u8> {
    let text = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let grade = word.get(text.len()..).filter(|digits| !digits.is_empty())?;
    let lowest = name(text)?;
    Some(match grade {
        "1" | "2" | "3" | "4" if lowest % 4 == 1 => lowest + grade.parse::<u8>().ok()? - 1,
        _ => lowest,
    })
}

/// `ERROR+2`, `DEBUG-4` and `Level(5)`: slog's levels are four apart, like OpenTelemetry's classes, and its INFO is
/// 0.
fn with_offset(word: &str) -> Option<u8> {
    let (base, offset) = match word.get(..6).filter(|start| start.eq_ignore_ascii_case("level(")) {
        Some(_) => (Severity::INFO.0, word.get(6..)?),
        None => {
            let (text, offset) = word.split_at(word.find(['+', '-'])?);
            (name(text)?, offset)
        }
    };
    let offset: i64 = offset.parse().ok()?;
    Some(Severity::nearest(offset.saturating_add(base.into())).0)
}

/// The most severe of several names in one word. Single letters do not count as names.
fn within_longer_word(word: &str) -> Option<u8> {
    let parts = word.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|part| part.len() > 2 && part.len() < word.len()).filter_map(name).max()
}

#[cfg(test)]
mod tests {
    use crate::{LevelClass, Severity};

    #[test]
    fn words_of_the_usual_loggers_are_known() {
        for (words, class) in [
            ("silly trace TRACE finest", LevelClass::Trace),
            ("debug verbose Debug DBG fine config D V DEBU", LevelClass::Debug),
            ("info http Information notice log I N default", LevelClass::Info),
            ("warn warning WARN WRN W caution", LevelClass::Warn),
            ("error err Error severe crit critical alert E C ERRO exception fault", LevelClass::Error),
            ("fatal emerg emergency panic FATAL F dpanic FATA assert", LevelClass::Fatal),
        ] {
            for word in words.split(' ') {
                assert_eq!(Severity::from_word(word).map(Severity::class), Some(class), "{word}");
            }
        }
        for unknown in ["", "loud", "9", "a word that is far too long", "ERRÖR", "x-y", "+", "level(", "e_w", "1234"] {
            assert_eq!(Severity::from_word(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn numbers_offsets_and_what_is_around_a_name_are_read() {
        for (word, number) in [
            ("  Warn\n", 13),
            // OpenTelemetry's short names.
            ("TRACE3", 3),
            ("DEBUG2", 6),
            ("info4", 12),
            ("WARN1", 13),
            ("WARN2", 14),
            ("ERROR3", 19),
            ("FATAL4", 24),
            // Grades of other loggers.
            ("ERROR5", 17),
            ("DEBUG5", 5),
            ("verbose2", 6),
            // slog and zap.
            ("ERROR+2", 19),
            ("ERROR+99", 24),
            ("WARN+1", 14),
            ("INFO+2", 11),
            ("INFO-4", 5),
            ("DEBUG+1", 6),
            ("DEBUG-4", 1),
            ("DEBUG-99999999999", 1),
            ("Level(5)", 14),
            ("Level(-4)", 5),
            ("LEVEL(8)", 17),
            // Decorations.
            ("[ERROR]", 17),
            ("error:", 17),
            ("<warn>", 13),
            ("(I)", 9),
            ("\"Critical\"", 18),
            ("[WARN2]", 14),
            // Within a longer word.
            ("LOG_ERR", 17),
            ("E_USER_WARNING", 13),
            ("Level.SEVERE", 17),
            ("LogLevel.Error", 17),
            ("critical error", 18),
            ("app/error", 17),
        ] {
            assert_eq!(Severity::from_word(word).map(Severity::number), Some(number), "{word}");
        }
    }
}
