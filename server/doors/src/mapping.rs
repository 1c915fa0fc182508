//! Which of a record's fields is its message, its time, its level: the usual names of
//! every common logger, and those a client says.

use model::Text;
use pipeline::normalise::RawRecord;

/// What a field's name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Message,
    Time,
    Level,
    Service,
    Node,
    TraceId,
    SpanId,
    Attribute,
}

impl Role {
    /// The roles that a client may name fields for, with the word of their parameter.
    pub const NAMED: [(Self, &'static str); 7] = [
        (Self::Message, "message"),
        (Self::Time, "time"),
        (Self::Level, "level"),
        (Self::Service, "service"),
        (Self::Node, "node"),
        (Self::TraceId, "trace_id"),
        (Self::SpanId, "span_id"),
    ];

    /// By the names of pino, bunyan, winston, Serilog, logback, zap, slog, Docker, GELF and
    /// the Elastic Common Schema.
    pub fn usual(name: &str) -> Self {
        match name {
            "message" | "msg" | "@message" | "log" | "body" | "@m" | "short_message" => Self::Message,
            "time" | "timestamp" | "@timestamp" | "ts" | "@t" | "datetime" | "date" => Self::Time,
            "level" | "severity" | "lvl" | "@l" | "levelname" | "log.level" | "severityText" | "loglevel" => {
                Self::Level
            }
            "service" | "service.name" | "app" | "application" => Self::Service,
            "node" | "host" | "hostname" | "host.name" | "instance" => Self::Node,
            "trace_id" | "traceId" | "traceid" | "trace.id" | "@tr" => Self::TraceId,
            "span_id" | "spanId" | "spanid" | "span.id" | "@sp" => Self::SpanId,
            _ => Self::Attribute,
        }
    }
}

/// That of clients who say nothing.
pub static USUAL: Mapping = Mapping::usual();

/// What a client says about its fields.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Names with a role; a role that has one of its own loses its usual ones.
    names: Vec<(Text, Role)>,
    /// For records that name none.
    pub service: Text,
    pub node: Text,
    pub level: Text,
}

impl Mapping {
    /// The usual names, and nothing else.
    pub const fn usual() -> Self {
        const NOTHING: Text = Text::const_new("");
        Self { names: Vec::new(), service: NOTHING, node: NOTHING, level: NOTHING }
    }

    /// Gives a field's name a role.
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
        if self.names.iter().any(|(_, role)| *role == usual) { Role::Attribute } else { usual }
    }

    /// Fills in what a record does not say.
    pub(crate) fn complete(&self, record: &mut RawRecord) {
        complete(record, &self.service, &self.node, &self.level);
    }
}

/// Fills in what a record does not say of itself and what is around it does.
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
