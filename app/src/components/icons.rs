//! The logo and the icons as inline SVG: no request, and the text's colour.

use leptos::prelude::*;

/// A log boom: a chain of floating logs, bowed by the current it holds back.
#[component]
pub(crate) fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
            <g fill="none" stroke="currentColor" stroke-width="4.6" stroke-linecap="round">
                <path d="M4.6 8.4 7.4 14.6" />
                <path d="M11 20.4 16 22.6" class="logo-middle" />
                <path d="M20.4 20.6 24 15.4" />
                <path d="M26.4 9.8 27.4 7.4" />
            </g>
        </svg>
    }
}

/// The available icons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IconName {
    Search,
    Plus,
    Minus,
    Copy,
    Theme,
    Question,
    ArrowDown,
    Bookmark,
    Close,
    Column,
    Download,
    Fields,
    Leave,
}

/// A line icon, 16 by 16.
#[component]
pub(crate) fn Icon(name: IconName) -> impl IntoView {
    let path = match name {
        IconName::Search => "M7 12.2A5.2 5.2 0 1 0 7 1.8a5.2 5.2 0 0 0 0 10.4ZM10.8 10.8l3.6 3.6",
        IconName::Plus => "M8 3.2v9.6M3.2 8h9.6",
        IconName::Minus => "M3.2 8h9.6",
        IconName::Copy => "M5.6 5.6h7.6v7.6H5.6zM10.4 5.4V2.8H2.8v7.6h2.6",
        IconName::Theme => "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12M8 5l4.8-1M8 8h6M8 11l4.8 1",
        IconName::Question => "M5.6 6a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.9-1.1 1.7M8 12.4v.3",
        IconName::Bookmark => "M4 2.4h8v11.2L8 10.4l-4 3.2z",
        IconName::Close => "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
        IconName::Column => "M2.4 2.8h11.2v10.4H2.4zM6.2 2.8v10.4M9.8 2.8v10.4",
        IconName::Download => "M8 2.4v7.4M4.8 6.8 8 10l3.2-3.2M2.8 13.2h10.4",
        IconName::Fields => "M2.4 3.6h11.2M4.4 8h7.2M6.4 12.4h3.2",
        IconName::Leave => "M6.4 13.2H2.8V2.8h3.6M6.2 8h7M10.4 5.2 13.2 8l-2.8 2.8",
        IconName::ArrowDown => "M8 3v10M3.8 8.8 8 13l4.2-4.2",
    };
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d=path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
        </svg>
    }
}
