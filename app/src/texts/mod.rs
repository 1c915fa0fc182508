//! All texts of the dashboard, one file per language.
//!
//! A language is one constant of [`Texts`], so the compiler rejects a missing text. Texts with numbers or names are
//! functions, because word order differs between languages.

#[cfg(feature = "ssr")]
pub(crate) mod access;
#[cfg(feature = "ssr")]
pub(crate) mod audit;
#[cfg(feature = "ssr")]
pub(crate) mod connect;
#[cfg(feature = "ssr")]
pub(crate) mod deletions;
mod english;
#[cfg(feature = "ssr")]
pub(crate) mod entrance;
mod fields;
#[cfg(feature = "ssr")]
pub(crate) mod forwarding;
#[cfg(feature = "ssr")]
pub(crate) mod help;
mod korean;
#[cfg(feature = "ssr")]
pub(crate) mod ledger;
#[cfg(feature = "ssr")]
pub(crate) mod losses;
#[cfg(feature = "ssr")]
pub(crate) mod redaction;
#[cfg(feature = "ssr")]
pub(crate) mod replays;

use leptos::prelude::*;

pub(crate) use crate::state::histogram::grouped;
pub(crate) use fields::Texts;

/// The supported languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    English,
    Korean,
}

impl Language {
    /// The BCP 47 code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Parses a code, with or without a region.
    pub(crate) fn read(code: &str) -> Option<Self> {
        let primary = code.split(['-', '_']).next().unwrap_or_default();
        [Self::English, Self::Korean].into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The first supported language of an `Accept-Language` header. Quality values are ignored, because browsers list
    /// languages by preference.
    #[cfg(any(feature = "ssr", test))]
    pub(crate) fn accepted(header: &str) -> Self {
        let codes = header.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        codes.filter_map(Self::read).next().unwrap_or_default()
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::English => Self::Korean,
            Self::Korean => Self::English,
        }
    }
}

/// The texts of `language`.
pub(crate) fn texts_of(language: Language) -> &'static Texts {
    match language {
        Language::English => &english::TEXTS,
        Language::Korean => &korean::TEXTS,
    }
}

/// The texts in the language of the context; English without one.
pub(crate) fn texts() -> &'static Texts {
    use_context().unwrap_or(&english::TEXTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_of_the_browser_is_taken() {
        for (header, language) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Language::Korean),
            ("de-DE,de;q=0.9,en;q=0.8,ko;q=0.7", Language::English),
            ("fr", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
