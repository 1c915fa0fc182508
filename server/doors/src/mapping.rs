//! Maps field names to roles: the usual names of common loggers, and names set by the client.

use model::Text;
use pipeline::normalise::RawRecord;

/// The role of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Message,
    /// The message if there is no field of role `Message`.
    SecondMessage,
    /// An attribute; the message if there is no other.
    Hint,
    /// An object that is the message if there is no other.
    Payload,
    Time,
    /// Nanoseconds that complement a time in seconds.
    Nanos,
    Level,
    Service,
    Node,
    TraceId,
    SpanId,
    Attribute,
}

impl Role {
    /// The roles for which a client may set field names, with the names of their parameters.
    pub const NAMED: [(Self, &'static str); 7] = [
        (Self::Message, "message"),
        (Self::Time, "time"),
        (Self::Level, "level"),
        (Self::Service, "service"),
        (Self::Node, "node"),
        (Self::TraceId, "trace_id"),
        (Self::SpanId, "span_id"),
    ];

    /// The role of a usual name of pino, bunyan, winston, Serilog, logback, log4j, zap, slog, Python, .NET, Docker,
    /// GELF, the journal, Google Cloud, OpenTelemetry and the Elastic Common Schema.
    pub fn usual(name: &str) -> Self {
        // Bytes, because the compiler then matches on the length first.
        match name.as_bytes() {
            b"message"
            | b"msg"
            | b"@message"
            | b"@m"
            | b"_msg"
            | b"short_message"
            | b"Message"
            | b"Msg"
            | b"MESSAGE"
            | b"textPayload"
            | b"jsonPayload.message"
            | b"jsonPayload.msg" => Self::Message,
            b"log" | b"body" | b"event.original" | b"RenderedMessage" => Self::SecondMessage,
            b"event" | b"error.message" | b"err.message" => Self::Hint,
            b"jsonPayload" | b"protoPayload" => Self::Payload,
            b"time"
            | b"timestamp"
            | b"@timestamp"
            | b"ts"
            | b"@t"
            | b"datetime"
            | b"date"
            | b"Time"
            | b"Timestamp"
            | b"asctime"
            | b"timeMillis"
            | b"instant.epochSecond"
            | b"timestamp.seconds"
            | b"timestampSeconds"
            | b"timeUnixNano"
            | b"time_unix_nano"
            | b"__REALTIME_TIMESTAMP"
            | b"_SOURCE_REALTIME_TIMESTAMP" => Self::Time,
            b"instant.nanoOfSecond" | b"timestamp.nanos" | b"timestampNanos" => Self::Nanos,
            b"level"
            | b"severity"
            | b"lvl"
            | b"@l"
            | b"levelname"
            | b"levelName"
            | b"level_name"
            | b"level.name"
            | b"log.level"
            | b"log_level"
            | b"loglevel"
            | b"logLevel"
            | b"LogLevel"
            | b"Level"
            | b"Severity"
            | b"severityText"
            | b"severity_text"
            | b"SeverityText"
            | b"severityNumber"
            | b"severity_number"
            | b"SeverityNumber"
            | b"levelno"
            | b"level_value"
            | b"PRIORITY"
            | b"syslog_severity"
            | b"syslog_severity_code"
            | b"log.syslog.severity.name"
            | b"log.syslog.severity.code"
            | b"detected_level" => Self::Level,
            b"service" | b"service.name" | b"app" | b"application" => Self::Service,
            b"node" | b"host" | b"hostname" | b"host.name" | b"instance" => Self::Node,
            b"trace_id" | b"traceId" | b"traceid" | b"trace.id" | b"@tr" => Self::TraceId,
            b"span_id" | b"spanId" | b"spanid" | b"span.id" | b"@sp" => Self::SpanId,
            _ => Self::Attribute,
        }
    }

    /// The role that a client can name, whose usual names include this one.
    fn client_role(self) -> Self {
        match self {
            Self::SecondMessage | Self::Hint | Self::Payload => Self::Message,
            Self::Nanos => Self::Time,
            other => other,
        }
    }
}

/// The mapping of clients that set no names.
pub static USUAL: Mapping = Mapping::usual();

/// A client's settings for its fields.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Names with roles. A role with a name here loses its usual names.
    names: Vec<(Text, Role)>,
    /// Defaults for records that lack the field.
    pub service: Text,
    pub node: Text,
    pub level: Text,
}

impl Mapping {
    /// Only the usual names.
    pub const fn usual() -> Self {
        const NOTHING: Text = Text::const_new("");
        Self { names: Vec::new(), service: NOTHING, node: NOTHING, level: NOTHING }
    }

    /// Assigns a role to a field name.
    pub fn name(&mut self, name: &str, role: Role) {
        self.names.push((Text::from(name), role));
    }

    pub fn role(&self, name: &str) -> Role {
        if self.names.is_empty() {
            return Role::usual(name);
        }
        if let Some((_, role)) = self.names.iter().find(|(own, _)| own == name) {
            return *role;
        }
        let usual = Role::usual(name);
        if self.names.iter().any(|(_, role)| *role == usual.client_role()) { Role::Attribute } else { usual }
    }

    /// Fills in missing fields of a record.
    pub(crate) fn complete(&self, record: &mut RawRecord) {
        complete(record, &self.service, &self.node, &self.level);
    }
}

/// Fills in missing fields of a record from its context.
pub(crate) fn complete(record: &mut RawRecord, service: &str, node: &str, level: &str) {
    for (own, given) in [(&mut record.service, service), (&mut record.node, node), (&mut record.level, level)] {
        if own.is_empty() && !given.is_empty() {
            *own = Text::new(given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_client_takes_the_place_of_the_usual_ones() {
        let mut mapping = Mapping::usual();
        assert_eq!(mapping.role("msg"), Role::Message);
        mapping.name("text", Role::Message);
        mapping.name("title", Role::Message);
        for (name, role) in [
            ("text", Role::Message),
            ("title", Role::Message),
            ("msg", Role::Attribute),
            ("level", Role::Level),
            ("other", Role::Attribute),
        ] {
            assert_eq!(mapping.role(name), role, "{name}");
        }
    }
}
