//! The errors of the API server, by what an operator can do about them.

/// Why the API server could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) kind: Kind,
    /// With the way out.
    pub(super) message: String,
}

/// The kinds of errors; a change of the kind is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file of the options cannot be used.
    Options,
    /// 401.
    Token,
    /// 403.
    Forbidden,
    /// 410: the version is too old to be watched from.
    Gone,
    /// No answer, or a busy server.
    Unavailable,
    /// An answer that is none of the API.
    Unexpected,
}

impl Kind {
    /// The name in the metric.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Token => "token",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::Unavailable => "unavailable",
            Self::Unexpected => "unexpected",
        }
    }
}

impl ApiError {
    pub(super) fn options(message: String) -> Self {
        Self { kind: Kind::Options, message }
    }
}
