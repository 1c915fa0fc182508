//! Everything the dashboard says, in one place per language.
//!
//! A language is one constant of [`Texts`]; the compiler sees to it that none lacks a
//! text. Numbers and names come in through functions, because languages order words
//! differently.

mod english;
mod korean;

use leptos::prelude::*;

/// The languages there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    English,
    Korean,
}

impl Language {
    /// The code of BCP 47.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Reads a code, with or without a region.
    pub(crate) fn read(code: &str) -> Option<Self> {
        let primary = code.split(['-', '_']).next().unwrap_or_default();
        [Self::English, Self::Korean].into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The first language of an `Accept-Language` header that there is; browsers
    /// list them by preference.
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

/// The texts of one language.
pub(crate) struct Texts {
    pub(crate) search: &'static str,
}

/// The texts of `language`.
pub(crate) fn texts_of(language: Language) -> &'static Texts {
    match language {
        Language::English => &english::TEXTS,
        Language::Korean => &korean::TEXTS,
    }
}

/// The texts of the reader's language.
pub(crate) fn texts() -> &'static Texts {
    use_context().unwrap_or(&english::TEXTS)
}
