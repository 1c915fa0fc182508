//! Parts that more than one page uses.

mod clipboard;
mod icons;
mod preferences;

pub(crate) use clipboard::copy_text;
pub(crate) use icons::{Icon, IconName, Logo};
pub(crate) use preferences::{LanguageToggle, ThemeToggle, next_theme};
