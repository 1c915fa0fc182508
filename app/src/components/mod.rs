//! Components shared by several pages.

mod awaited;
mod bars;
mod clipboard;
mod frame;
mod icons;
mod origin;
mod preferences;
mod spark;

pub(crate) use awaited::{awaited, loading, notice};
pub(crate) use bars::{HEIGHT, bar, chart};
pub(crate) use clipboard::copy_text;
pub(crate) use frame::{Page, TopBar};
pub(crate) use icons::{Icon, IconName, Logo};
pub(crate) use origin::origin;
#[cfg(feature = "ssr")]
pub use origin::origin_of;
pub(crate) use preferences::{LanguageToggle, ThemeToggle, next_theme};
pub(crate) use spark::spark;
