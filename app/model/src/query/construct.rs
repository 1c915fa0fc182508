//! Builds queries in code. The result is always canonical.

use super::{Expr, Field, Query, Test, term};

impl Query {
    /// Matches the records that both queries match.
    pub fn and(self, other: Self) -> Self {
        Self { expr: Expr::and([self.expr, other.expr]) }
    }

    /// Matches the records that either query matches.
    pub fn or(self, other: Self) -> Self {
        Self { expr: Expr::or([self.expr, other.expr]) }
    }

    /// Matches the records that this query does not match.
    #[allow(clippy::should_implement_trait, reason = "named like `and` and `or`")]
    pub fn not(self) -> Self {
        Self { expr: Expr::not(self.expr) }
    }

    /// Matches the messages that contain `text`; all records if it is empty.
    pub fn contains(text: &str) -> Self {
        Self { expr: Expr::contains(text) }
    }

    /// The meaning of `field:"value"`: the level's class or word, text in the message, or the exact value of any
    /// other field.
    pub fn field_equals(field: Field, value: &str) -> Self {
        Self { expr: term::any_of(field, vec![value.to_owned()]) }
    }

    /// Matches the records that have the field.
    pub fn field_exists(field: Field) -> Self {
        Self { expr: Expr::Field(field, Test::Exists) }
    }

    /// The expressions that must all hold for a match, for prefilters. Empty for a query that matches everything.
    pub fn required(&self) -> &[Expr] {
        match &self.expr {
            Expr::All => &[],
            Expr::And(operands) => operands,
            other => std::slice::from_ref(other),
        }
    }

    /// Texts that the message of every matching record contains, case-insensitively. May be empty.
    pub fn required_texts(&self) -> impl Iterator<Item = &str> {
        self.required().iter().filter_map(|expr| match expr {
            Expr::Contains(text) | Expr::Field(Field::Message, Test::Prefix(text)) => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Expr {
    /// Matches no record: the negation of [`Expr::All`].
    pub fn nothing() -> Self {
        Self::Not(Box::new(Self::All))
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Not(inner) if **inner == Self::All)
    }

    /// The conjunction of the operands; matches everything if there are none.
    pub fn and(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for operand in operands {
            match operand {
                Self::All => {}
                Self::And(inner) => flat.extend(inner),
                nothing if nothing.is_nothing() => return nothing,
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.remove(0),
            _ => Self::And(flat),
        }
    }

    /// The disjunction of the operands; matches nothing if there are none.
    pub fn or(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for operand in operands {
            match operand {
                Self::All => return Self::All,
                Self::Or(inner) => flat.extend(inner),
                nothing if nothing.is_nothing() => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::nothing(),
            1 => flat.remove(0),
            _ => Self::Or(flat),
        }
    }

    /// The negation.
    #[allow(clippy::should_implement_trait, reason = "named like `and` and `or`")]
    pub fn not(operand: Self) -> Self {
        match operand {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The message contains `text`; matches everything if it is empty.
    pub fn contains(text: &str) -> Self {
        if text.is_empty() { Self::All } else { Self::Contains(text.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Query {
        Query::contains(text)
    }

    #[test]
    fn what_is_built_is_canonical() {
        let (a, b, c) = (word("a"), word("b"), word("c"));
        for (built, printed) in [
            (a.clone().and(b.clone()).and(c.clone()), "a b c"),
            (a.clone().and(b.clone().or(c.clone())), "a (b OR c)"),
            (a.clone().not().not(), "a"),
            (Query::default().and(a.clone()), "a"),
            (Query::default().or(a.clone()), "*"),
            (Query::default().not(), "-*"),
            (Query::default().not().and(a.clone()), "-*"),
            (Query::default().not().or(a.clone()), "a"),
            (a.and(b).not(), "-(a b)"),
            (Query::field_equals(Field::Service, "my api"), "service:\"my api\""),
            (Query::field_equals(Field::Level, "WARNING"), "level:warn"),
            (Query::field_equals(Field::Level, "http").not(), "-level:http"),
            (Query::field_equals(Field::Message, "x y"), "\"x y\""),
            (Query::field_equals(Field::Attribute("level".into()), "3"), "attr.level:3"),
            (Query::field_exists(Field::TraceId), "trace_id:*"),
        ] {
            assert_eq!(built.to_string(), printed);
            assert_eq!(Query::parse(printed), Ok(built));
        }
    }

    #[test]
    fn what_a_match_requires_is_told() {
        let texts = |text| Query::parse(text).unwrap().required_texts().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(texts("a \"b c\" level:error -d (e OR f)"), ["a", "b c"]);
        assert_eq!(texts("a OR b"), Vec::<String>::new());
        assert_eq!(texts(""), Vec::<String>::new());
        assert_eq!(Query::default().required().len(), 0);
    }
}
