//! The browser's entry: takes over the page that the server has rendered.
#![cfg(target_arch = "wasm32")]
// The pages are one deep type, whose layout takes the compiler more steps than usual.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // A page in a file of its own is there only after a while.
    leptos::mount::hydrate_lazy(app::App);
}
