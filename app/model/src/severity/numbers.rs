//! Numeric severities: each logger family has its own scale, which the field name identifies.

use super::Severity;

/// The scale of a numeric level field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelNumbers {
    /// `level` and similar, distinguished by size: below 0 Go's slog, 0 to 7 syslog, up to 99 pino and bunyan, up to
    /// 999 Monolog, above log4j.
    Level,
    /// `severityNumber`: OpenTelemetry's 1 to 24.
    OpenTelemetry,
    /// `PRIORITY` of the journal and GELF's `level`: 0 (emergency) to 7 (debug).
    Syslog,
    /// `severity`: Google Cloud's 100 to 800; below 8 syslog's, 8 to 24 OpenTelemetry's.
    Google,
    /// `levelno`: 10 to 50, where 30 is a warning.
    Python,
    /// `level_value` of logstash-logback-encoder: 5000 to 50000.
    Java,
    /// `LogLevel` of .NET: 0 (trace) to 5 (critical).
    Dotnet,
}

/// Thresholds: the lowest number of each severity.
type Steps = &'static [(i64, u8)];

const PINO: Steps = &[(i64::MIN, 1), (10, 1), (20, 5), (30, 9), (40, 13), (50, 17), (60, 21), (70, 24)];
const PYTHON: Steps = &[(i64::MIN, 1), (10, 5), (20, 9), (30, 13), (40, 17), (50, 21), (60, 24)];
const MONOLOG: Steps =
    &[(i64::MIN, 5), (100, 5), (200, 9), (250, 10), (300, 13), (400, 17), (500, 18), (550, 19), (600, 21)];
const GOOGLE: Steps =
    &[(i64::MIN, 9), (100, 5), (200, 9), (300, 10), (400, 13), (500, 17), (600, 18), (700, 19), (800, 21)];
const LOG4J: Steps = &[(i64::MIN, 1), (5_000, 1), (10_000, 5), (20_000, 9), (30_000, 13), (40_000, 17), (50_000, 21)];
/// OpenTelemetry numbers of the syslog severities 0 to 7.
const SYSLOG: [(u8, &str); 8] = [
    (21, "emerg"),
    (19, "alert"),
    (18, "crit"),
    (17, "err"),
    (13, "warning"),
    (10, "notice"),
    (9, "info"),
    (5, "debug"),
];

impl LevelNumbers {
    /// The scale of the field with this name, dotted if nested.
    pub fn of_field(name: &str) -> Self {
        match name {
            "severityNumber" | "severity_number" | "SeverityNumber" => Self::OpenTelemetry,
            "PRIORITY" | "syslog_severity_code" | "log.syslog.severity.code" => Self::Syslog,
            "severity" | "Severity" => Self::Google,
            "levelno" | "level.no" | "record.level.no" => Self::Python,
            "level_value" => Self::Java,
            "LogLevel" => Self::Dotnet,
            _ => Self::Level,
        }
    }

    /// The severity of a number, and its display word: syslog's own, else the class. `None` for numbers that are no
    /// level. A number between two named levels is interpolated within the class of the lower one.
    pub fn read(self, number: i64) -> Option<(Severity, &'static str)> {
        let severity = match (self, number) {
            (Self::OpenTelemetry, 1..=24) | (Self::Google, 8..=24) => Severity::nearest(number),
            (Self::OpenTelemetry, _) => return None,
            (Self::Dotnet, 0..=5) => [1, 5, 9, 13, 17, 21].get(usize::try_from(number).ok()?).copied().map(Severity)?,
            (Self::Level | Self::Syslog | Self::Google, 0..=7) => {
                let (severity, word) = SYSLOG.get(usize::try_from(number).ok()?)?;
                return Some((Severity(*severity), word));
            }
            (Self::Google, 100..=999) => step(GOOGLE, number),
            (Self::Python, 1..=99) => step(PYTHON, number),
            (_, ..0) => Severity::nearest(number.saturating_add(Severity::INFO.0.into())),
            (_, ..100) => step(PINO, number),
            (_, ..1_000) => step(MONOLOG, number),
            (_, ..=1_000_000) => step(LOG4J, number),
            _ => return None,
        };
        Some((severity, severity.class().name()))
    }

    /// Parses a number sent as text: `"50"`, `"40.0"`.
    pub fn read_text(self, text: &str) -> Option<(Severity, &'static str)> {
        let text = text.trim();
        // Most levels are words.
        if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return None;
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        self.read(whole.parse().ok().filter(|_| is_whole)?)
    }
}

/// The severity of the step that contains the number, interpolated within its class.
fn step(steps: Steps, number: i64) -> Severity {
    let above = steps.partition_point(|(from, _)| *from <= number);
    let Some((from, severity)) = above.checked_sub(1).and_then(|place| steps.get(place)).copied() else {
        return Severity::INFO;
    };
    let Some((to, next)) = steps.get(above).copied() else { return Severity(severity) };
    // Within one class only: a number above error does not become fatal.
    let grades = i64::from(next.min((severity - 1) / 4 * 4 + 5)) - i64::from(severity);
    if from == i64::MIN {
        return Severity(severity);
    }
    Severity::nearest(i64::from(severity) + (number - from) * grades / (to - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_counts_in_its_own_way() {
        use LevelNumbers::*;
        for (family, number, severity, word) in [
            (Level, -8, 1, "trace"),
            (Level, -4, 5, "debug"),
            (Level, 0, 21, "emerg"),
            (Level, 3, 17, "err"),
            (Level, 4, 13, "warning"),
            (Level, 7, 5, "debug"),
            (Level, 8, 1, "trace"),
            (Level, 10, 1, "trace"),
            (Level, 15, 3, "trace"),
            (Level, 20, 5, "debug"),
            (Level, 25, 7, "debug"),
            (Level, 30, 9, "info"),
            (Level, 35, 11, "info"),
            (Level, 39, 12, "info"),
            (Level, 40, 13, "warn"),
            (Level, 45, 15, "warn"),
            (Level, 50, 17, "error"),
            (Level, 60, 21, "fatal"),
            (Level, 99, 24, "fatal"),
            (Level, 250, 10, "info"),
            (Level, 300, 13, "warn"),
            (Level, 400, 17, "error"),
            (Level, 600, 21, "fatal"),
            (Level, 10_000, 5, "debug"),
            (Level, 30_000, 13, "warn"),
            (Level, 40_000, 17, "error"),
            (OpenTelemetry, 1, 1, "trace"),
            (OpenTelemetry, 14, 14, "warn"),
            (OpenTelemetry, 24, 24, "fatal"),
            (Syslog, 0, 21, "emerg"),
            (Syslog, 3, 17, "err"),
            (Syslog, 5, 10, "notice"),
            (Syslog, 50, 17, "error"),
            (Google, 0, 21, "emerg"),
            (Google, 3, 17, "err"),
            (Google, 17, 17, "error"),
            (Google, 100, 5, "debug"),
            (Google, 200, 9, "info"),
            (Google, 300, 10, "info"),
            (Google, 400, 13, "warn"),
            (Google, 500, 17, "error"),
            (Google, 600, 18, "error"),
            (Google, 700, 19, "error"),
            (Google, 800, 21, "fatal"),
            (Python, 10, 5, "debug"),
            (Python, 20, 9, "info"),
            (Python, 25, 11, "info"),
            (Python, 30, 13, "warn"),
            (Python, 40, 17, "error"),
            (Python, 50, 21, "fatal"),
            (Java, 5_000, 1, "trace"),
            (Java, 20_000, 9, "info"),
            (Java, 30_000, 13, "warn"),
            (Java, 40_000, 17, "error"),
            (Dotnet, 0, 1, "trace"),
            (Dotnet, 2, 9, "info"),
            (Dotnet, 3, 13, "warn"),
            (Dotnet, 5, 21, "fatal"),
        ] {
            let read = family.read(number).map(|(severity, word)| (severity.number(), word));
            assert_eq!(read, Some((severity, word)), "{family:?} {number}");
            assert_eq!(family.read_text(&format!(" {number}.0")), family.read(number), "{family:?} {number}");
        }
        for (family, number) in [(OpenTelemetry, 0), (OpenTelemetry, 25), (Level, i64::MAX)] {
            assert_eq!(family.read(number), None, "{family:?} {number}");
        }
        for text in ["", "-", "warn", "1.5", "1.", "5x", "0x10", "99999999999999999999"] {
            assert_eq!(Level.read_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_number_is_too_odd() {
        use LevelNumbers::*;
        for family in [Level, OpenTelemetry, Syslog, Google, Python, Java, Dotnet] {
            for number in (-100..2_000).chain([i64::MIN, i64::MAX, 1_000_000]) {
                assert!(family.read(number).is_none_or(|(severity, _)| Severity::new(severity.number()).is_some()));
            }
        }
    }
}
