//! The part of the records that a caller may see: a filter that holds for every answer, and fields that no answer shows.
//!
//! A query is joined with the filter ([`Sight::apply`]), and hidden fields are removed from each record
//! ([`Sight::hide`]). A query that names a hidden field is refused: its matches would tell the values.
//!
//! A hidden name is read as a query reads the name of a field, and hides what is below it too: `user` hides `user.name`.
//! The name of a built-in field also hides the attributes of that name: `trace_id` hides `trace_id.original`. Lists are
//! kept as JSON text in one attribute, so an attribute above a hidden name is removed if it holds such text, and a
//! query cannot test it. `client.packet` has all fields of a record once more, so it is hidden with any other field.
//!
//! Audit records are left out for everybody but admins ([`Sight::without_audit`]). That is no limit like a filter: a
//! sight without one is whole, also if it leaves them out.

use std::sync::Arc;

use crate::{
    Query, Record, Value, audit,
    query::{Expr, Field},
};

/// The attribute in which the TCP door keeps a packet as it came.
const PACKET: &str = "client.packet";

/// What a caller may see. The default sees everything and costs nothing. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sight {
    /// The filter and the hidden fields; `None` without any.
    terms: Option<Arc<Terms>>,
    /// Whether audit records are left out.
    without_audit: bool,
}

#[derive(Debug, PartialEq)]
struct Terms {
    filter: Option<Query>,
    hidden: Vec<Hidden>,
}

/// A hidden field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hidden {
    field: Field,
    /// The attributes of this key and below it are hidden.
    key: String,
}

/// The query names a field that is hidden, or may hold one that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field {0} is hidden from you, or holds a field that is; leave it out")]
pub struct HiddenField(pub String);

/// The name cannot be that of a hidden field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unhideable {
    #[error("hidden has an empty name; leave it out")]
    Empty,
    #[error("hidden names {0}, which every record shows; name another field, or limit the records by a filter")]
    Always(String),
}

impl Sight {
    /// Sees the records that match `filter`, without the `hidden` fields. The caller compiles the regular expressions of
    /// the filter ([`Query::compile`]).
    ///
    /// A name that [`Sight::check_hidden`] refuses makes a sight without any record, because it cannot be obeyed.
    pub fn new(filter: Option<Query>, hidden: Vec<String>) -> Self {
        // A filter for everything is none.
        let filter = filter.filter(|filter| filter.expr != Expr::All);
        if filter.is_none() && hidden.is_empty() {
            return Self::default();
        }
        let read: Result<Vec<Hidden>, Unhideable> = hidden.iter().map(|name| Hidden::read(name)).collect();
        let terms = match read {
            Ok(mut hidden) => {
                if !hidden.is_empty() {
                    hidden.push(Hidden { field: Field::Attribute(PACKET.to_owned()), key: PACKET.to_owned() });
                }
                Terms { filter, hidden }
            }
            Err(_) => Terms { filter: Some(Query { expr: Expr::nothing() }), hidden: Vec::new() },
        };
        Self::of(terms)
    }

    fn of(terms: Terms) -> Self {
        Self { terms: Some(Arc::new(terms)), without_audit: false }
    }

    /// Sees the same without audit records: the sight of everybody who is no admin.
    #[must_use]
    pub fn without_audit(&self) -> Self {
        Self { terms: self.terms.clone(), without_audit: true }
    }

    /// Whether it sees audit records, as far as they match the filter.
    pub fn sees_audit(&self) -> bool {
        !self.without_audit
    }

    /// Checks names for [`Sight::new`].
    ///
    /// # Errors
    /// The first name that cannot be hidden: an empty one, `id` and `level`.
    pub fn check_hidden(names: &[String]) -> Result<(), Unhideable> {
        names.iter().try_for_each(|name| Hidden::read(name).map(drop))
    }

    /// Whether neither a filter nor a hidden field limits it. Audit records may be left out.
    pub fn is_whole(&self) -> bool {
        self.terms.is_none()
    }

    /// Whether it sees every record with every field, audit records too.
    pub fn sees_everything(&self) -> bool {
        self.is_whole() && self.sees_audit()
    }

    /// Sees only what both see.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = match (&self.terms, &other.terms) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(one), Some(two)) => {
                let filter = match (&one.filter, &two.filter) {
                    (Some(one), Some(two)) => Some(one.clone().and(two.clone())),
                    (one, two) => one.as_ref().or(two.as_ref()).cloned(),
                };
                let hidden = [&one.hidden[..], &two.hidden[..]].concat();
                Self::of(Terms { filter, hidden })
            }
        };
        Self { without_audit: self.without_audit || other.without_audit, ..both }
    }

    /// The query for the records that match both the filter and `query`. Keep the original for hints and for what is
    /// shown to the user.
    ///
    /// # Errors
    /// The first field of `query` that is hidden. A word is a test of the message.
    pub fn apply(&self, mut query: Query) -> Result<Query, HiddenField> {
        if let Some(terms) = &self.terms {
            terms.check_expr(&query.expr)?;
            if let Some(filter) = &terms.filter {
                // The filter is first: it is cheap more often than the query of a stranger.
                query = filter.clone().and(query);
            }
        }
        Ok(if self.without_audit { query.and(audit::query().not()) } else { query })
    }

    /// Checks a field of which values are asked for.
    ///
    /// # Errors
    /// It is hidden.
    pub fn check(&self, field: &Field) -> Result<(), HiddenField> {
        self.terms.as_ref().map_or(Ok(()), |terms| terms.check(field))
    }

    /// Whether the record is one that it sees: the filter lets it through, and it is no audit record that is left out.
    pub fn shows(&self, record: &Record) -> bool {
        let filter = self.terms.as_ref().and_then(|terms| terms.filter.as_ref());
        filter.is_none_or(|filter| filter.matches(record)) && !(self.without_audit && audit::is_audit(record))
    }

    /// Removes the hidden fields. Ask [`Sight::shows`] before: the filter may test a hidden field.
    pub fn hide(&self, record: &mut Record) {
        let Some(terms) = &self.terms else { return };
        for hidden in &terms.hidden {
            match &hidden.field {
                Field::Service => record.service = Default::default(),
                Field::Node => record.node = Default::default(),
                Field::Message => record.message = String::new(),
                Field::TraceId => record.trace_id = None,
                Field::SpanId => record.span_id = None,
                // The others cannot be hidden.
                Field::Level | Field::Id | Field::Attribute(_) => {}
            }
            record.attributes.retain(|(key, value)| !hidden.hides(key, value));
        }
    }
}

impl Terms {
    fn check_expr(&self, expr: &Expr) -> Result<(), HiddenField> {
        match expr {
            Expr::All => Ok(()),
            Expr::And(operands) | Expr::Or(operands) => operands.iter().try_for_each(|expr| self.check_expr(expr)),
            Expr::Not(operand) => self.check_expr(operand),
            Expr::Contains(_) => self.check(&Field::Message),
            Expr::Field(field, _) => self.check(field),
        }
    }

    fn check(&self, field: &Field) -> Result<(), HiddenField> {
        match self.hidden.iter().any(|hidden| hidden.forbids(field)) {
            true => Err(HiddenField(field.name().into_owned())),
            false => Ok(()),
        }
    }
}

impl Hidden {
    fn read(name: &str) -> Result<Self, Unhideable> {
        let field = Field::parse_name(name).ok_or(Unhideable::Empty)?;
        let key = match &field {
            Field::Level | Field::Id => return Err(Unhideable::Always(name.to_owned())),
            Field::Attribute(key) => key.clone(),
            built_in => built_in.name().into_owned(),
        };
        Ok(Self { field, key })
    }

    /// Whether a query must not test the field.
    fn forbids(&self, field: &Field) -> bool {
        match field {
            Field::Attribute(key) => is_within(key, &self.key) || is_within(&self.key, key),
            built_in => *built_in == self.field,
        }
    }

    /// Whether the attribute is removed from a record.
    fn hides(&self, key: &str, value: &Value) -> bool {
        is_within(key, &self.key)
            || is_within(&self.key, key) && matches!(value, Value::Text(text) if text.starts_with(['[', '{']))
    }
}

/// Whether `key` is `above` or below it, as `user.name` is below `user`.
fn is_within(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LevelClass, RecordId, Text};

    fn sight(filter: &str, hidden: &[&str]) -> Sight {
        let filter = Query::parse(filter).unwrap();
        Sight::new(Some(filter), hidden.iter().map(|name| (*name).to_owned()).collect())
    }

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    fn record(service: &str, attributes: &[(&str, &str)]) -> Record {
        let mut attributes: Vec<(Text, Value)> =
            attributes.iter().map(|(key, value)| (Text::from(*key), Value::Text(Text::from(*value)))).collect();
        attributes.sort_by(|one, other| one.0.cmp(&other.0));
        Record {
            id: RecordId(7),
            time: 1,
            observed_time: 2,
            severity: LevelClass::Error.lowest(),
            level: "error".into(),
            service: service.into(),
            node: "n1".into(),
            message: "it failed".to_owned(),
            attributes,
            trace_id: Some([1; 16]),
            span_id: Some([2; 8]),
        }
    }

    fn keys(sight: &Sight, attributes: &[(&str, &str)]) -> Vec<String> {
        let mut record = record("shop", attributes);
        sight.hide(&mut record);
        record.attributes.into_iter().map(|(key, _)| key.into()).collect()
    }

    #[test]
    fn the_default_sees_everything_and_changes_nothing() {
        let record = record("shop", &[("a", "1")]);
        for sight in [Sight::default(), Sight::new(None, Vec::new()), sight("", &[]), sight("*", &[])] {
            assert!(sight.is_whole() && sight.shows(&record));
            assert_eq!(sight.apply(query("a:1 OR b")), Ok(query("a:1 OR b")));
            let mut shown = record.clone();
            sight.hide(&mut shown);
            assert_eq!(shown, record);
        }
    }

    #[test]
    fn a_query_is_joined_with_the_filter() {
        let shop = sight("service:shop OR service:cart", &[]);
        assert!(!shop.is_whole());
        for (asked, applied) in [
            ("", "service:shop OR service:cart"),
            ("timeout", "(service:shop OR service:cart) timeout"),
            ("service:other", "(service:shop OR service:cart) service:other"),
            ("a OR b", "(service:shop OR service:cart) (a OR b)"),
            ("-*", "-*"),
        ] {
            assert_eq!(shop.apply(query(asked)), Ok(query(applied)), "{asked}");
        }
        assert!(shop.shows(&record("shop", &[])) && !shop.shows(&record("other", &[])));
        // A query cannot widen what the filter shows.
        let widest = shop.apply(query("service:other OR * OR -service:shop")).unwrap();
        assert!(widest.matches(&record("cart", &[])) && !widest.matches(&record("other", &[])));
    }

    #[test]
    fn a_query_that_names_a_hidden_field_is_refused_by_name() {
        let sight = sight("tenant:acme", &["user", "card.number", "attr.level", "tenant"]);
        for (asked, field) in [
            ("user:kim", "user"),
            ("user:*", "user"),
            ("attr.user:kim", "user"),
            ("user.name:kim", "user.name"),
            ("a -(b (c OR user.name:/k/))", "user.name"),
            ("card.number>4", "card.number"),
            ("card.number.last:4*", "card.number.last"),
            ("card:/4/", "card"),
            ("_exists_:user", "user"),
            ("attr.level:x", "attr.level"),
            ("user=kim", "user"),
            ("tenant:other", "tenant"),
        ] {
            let error = sight.apply(query(asked)).unwrap_err();
            assert_eq!(error, HiddenField(field.to_owned()), "{asked}");
            assert!(error.to_string().contains(&format!("the field {field} is hidden")), "{error}");
        }
        for asked in
            ["User:kim", "users:kim", "user_id:7", "cards:1", "level:error", "\"user:kim\"", "user", "message:user"]
        {
            assert_eq!(sight.apply(query(asked)), Ok(query("tenant:acme").and(query(asked))), "{asked}");
        }
        assert!(sight.check(&Field::Attribute("user.name".into())).is_err() && sight.check(&Field::Level).is_ok());
    }

    #[test]
    fn a_hidden_message_cannot_be_searched_for_words() {
        let sight = sight("", &["message"]);
        for asked in ["timeout", "-timeout", "message:/t/", "level:error (a OR service:b)"] {
            assert_eq!(sight.apply(query(asked)), Err(HiddenField("message".to_owned())), "{asked}");
        }
        assert!(sight.apply(query("service:b level:error")).is_ok());
    }

    #[test]
    fn hidden_attributes_are_removed_with_all_below_them() {
        let hidden = sight("", &["user", "card.number"]);
        let attributes = [
            ("user", "kim"),
            ("user.name", "kim"),
            ("user.a.b", "kim"),
            ("users", "kim"),
            ("user_id", "7"),
            ("User", "7"),
            ("card", "visa"),
            ("card.number", "4"),
            ("card.number.last", "4"),
            ("card.numbers", "4"),
        ];
        assert_eq!(keys(&hidden, &attributes), ["User", "card", "card.numbers", "user_id", "users"]);
        // A list above a hidden name is one attribute.
        assert_eq!(keys(&hidden, &[("card", r#"[{"number":4}]"#), ("cards", "[]")]), ["cards"]);
        assert_eq!(keys(&hidden, &[("card", r#"{"number":4}"#)]), Vec::<String>::new());
    }

    #[test]
    fn a_packet_is_hidden_with_any_field() {
        let hidden = sight("", &["card"]);
        let attributes = [("client.address", "10.0.0.7"), ("client.packet", r#"{"card":4}"#), ("client.packet.x", "4")];
        assert_eq!(keys(&hidden, &attributes), ["client.address"]);
        for asked in ["client.packet:/4/", "attr.client.packet:*", "client.packet.x:4", "client:4"] {
            assert!(hidden.apply(query(asked)).is_err(), "{asked}");
        }
        assert!(hidden.check(&Field::Attribute(PACKET.into())).is_err());
        assert!(hidden.apply(query("client.address:10.0.0.7")).is_ok());
        // A filter alone hides no field.
        let filtered = sight("service:shop", &[]);
        assert_eq!(keys(&filtered, &attributes).len(), 3);
        assert!(filtered.apply(query("client.packet:/4/")).is_ok());
    }

    #[test]
    fn built_in_fields_are_emptied() {
        let hidden = sight("", &["service", "node", "message", "trace_id", "span_id"]);
        let mut shown = record("shop", &[("service.version", "1"), ("trace_id.original", "x"), ("traces", "1")]);
        hidden.hide(&mut shown);
        assert_eq!((&*shown.service, &*shown.node, &*shown.message), ("", "", ""));
        assert_eq!((shown.trace_id, shown.span_id), (None, None));
        assert_eq!(shown.attributes.len(), 1);
        // An invalid id is searched in the attribute that keeps it.
        assert!(hidden.apply(query("trace_id:req-17")).is_err());
        assert!(hidden.apply(query("attr.trace_id:7")).is_err());
    }

    #[test]
    fn what_cannot_be_hidden_is_refused_and_shows_nothing() {
        for name in ["", "attr.", "id", "level"] {
            let names = ["user".to_owned(), name.to_owned()];
            assert!(Sight::check_hidden(&names).unwrap_err().to_string().starts_with("hidden "), "{name}");
            let sight = Sight::new(None, names.to_vec());
            assert!(!sight.shows(&record("shop", &[])), "{name}");
            assert_eq!(sight.apply(Query::default()), Ok(Query { expr: Expr::nothing() }));
        }
        assert_eq!(Sight::check_hidden(&["attr.level".to_owned(), "attr.id".to_owned()]), Ok(()));
    }

    #[test]
    fn two_sights_together_see_what_both_see() {
        let (shop, hidden) = (sight("service:shop", &[]), sight("tenant:acme", &["user"]));
        let both = shop.and(&hidden);
        assert_eq!(both.apply(query("x")), Ok(query("service:shop tenant:acme x")));
        assert!(both.apply(query("user:kim")).is_err());
        assert!(shop.and(&Sight::default()) == shop && Sight::default().and(&shop) == shop);
        assert!(Sight::default().and(&Sight::default()).is_whole());
    }

    #[test]
    fn audit_records_are_left_out_without_a_limit_on_others() {
        let mut audit = record("logboom", &[]);
        audit.attributes = vec![("audit".into(), Value::Bool(true))];
        let others = [record("logboom", &[("level", "x")]), record("shop", &[("audit", "true")])];
        let (all, editor) = (Sight::default(), Sight::default().without_audit());
        assert!(all.sees_everything() && all.shows(&audit) && all.sees_audit());
        assert!(editor.is_whole() && !editor.sees_everything() && !editor.sees_audit());
        let limited = sight("service:logboom", &["user"]);
        for sight in [editor.clone(), limited.without_audit(), limited.and(&editor), editor.and(&limited)] {
            assert!(!sight.shows(&audit) && sight.shows(&others[0]), "{sight:?}");
            for asked in ["", "audit:true", "service:logboom OR *", "-shop"] {
                let applied = sight.apply(query(asked)).unwrap();
                assert!(!applied.matches(&audit), "{asked}");
            }
            assert!(sight.apply(query("")).unwrap().matches(&others[0]));
        }
        assert!(others.iter().all(|record| editor.shows(record)));
        assert_eq!(editor.apply(query("a OR b")), Ok(query("(a OR b) -(service:logboom audit:true)")));
        assert!(limited.shows(&audit), "an admin with a filter sees those that match");
    }
}
