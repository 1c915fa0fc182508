//! The dashboard: its pages, and the doors it reads logs through.
//!
//! Rendered on the server first (feature `ssr`), then taken over in the browser
//! (feature `hydrate`). The server hands in a [`backend::Backend`] by context; what
//! the pages ask for goes through `server_functions`, what is live comes in through
//! `live`. Everything a reader chose is in the URL (`state`), everything he reads is
//! in `texts`.

// A page is one deep type; its layout takes the compiler more steps than the default.
#![recursion_limit = "512"]
// The component macro makes every component `pub`.
#![allow(unreachable_pub)]
// A closure that stands in the view itself loses its type there; a name for one does not,
// and costs the browser code of its own.
#![allow(clippy::redundant_closure)]
// What only the browser runs is still compiled, and tested, for the server.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

pub mod backend;
mod components;
mod effect;
mod live;
pub mod pages;
mod preferences;
#[cfg(feature = "ssr")]
mod router;
mod server_functions;
#[cfg(feature = "ssr")]
mod shell;
mod state;
mod texts;
mod title;

pub use pages::App;
#[cfg(feature = "ssr")]
pub use router::{Dashboard, dashboard};
#[cfg(feature = "ssr")]
pub use shell::{SitePath, shell};
