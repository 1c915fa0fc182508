//! The browser's entry point: hydrates the page that the server has rendered.
#![cfg(target_arch = "wasm32")]
// The pages are one deep type; its layout exceeds the default recursion limit.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // Hydrates asynchronously, because the code of a lazy page is loaded first.
    leptos::mount::hydrate_lazy(app::App);
}
