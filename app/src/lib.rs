//! The dashboard: its pages, server functions and live streams.
//!
//! Rendered on the server first (feature `ssr`), then hydrated in the browser (feature `hydrate`). The server
//! provides a [`backend::Backend`] by context. Pages send requests through `server_functions` and receive live data
//! through `live`. The URL holds everything that the user has selected (`state`); `texts` holds all texts.

// A page is one deep type; its layout exceeds the default recursion limit.
#![recursion_limit = "512"]
// The component macro makes every component `pub`.
#![allow(unreachable_pub)]
// A closure inside `view!` is type-erased there. A path to a function is not, and adds code to the WebAssembly
// bundle.
#![allow(clippy::redundant_closure)]
// Code that runs only in the browser is still compiled and tested for the server.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod access_note;
pub mod backend;
mod components;
mod effect;
#[cfg(feature = "ssr")]
pub mod external;
mod live;
pub mod pages;
mod preferences;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
mod router;
mod server_functions;
#[cfg(feature = "ssr")]
mod shell;
mod state;
mod texts;
mod title;

#[cfg(feature = "ssr")]
pub use components::origin_of;
pub use pages::App;
#[cfg(feature = "ssr")]
pub use request::{Secure, request_extension, request_head};
#[cfg(feature = "ssr")]
pub use router::{Dashboard, Listed, dashboard, listed};
#[cfg(feature = "ssr")]
pub use shell::{SitePath, shell};
