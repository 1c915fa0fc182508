//! Observes whether an element is on or near the screen.

use leptos::{html::ElementType, prelude::*};
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};

use crate::effect::effect;

/// The margin that counts as near: a screen or two.
const MARGIN: &str = "1500px 0px";

/// Calls `call` whenever the element comes near, until the current owner is cleaned up.
pub(super) fn watch<E>(element: NodeRef<E>, call: impl Fn() + Clone + 'static)
where
    E: ElementType + 'static,
    E::Output: JsCast + Clone + AsRef<Element> + 'static,
{
    changes(element, move |is_near| {
        if is_near {
            call();
        }
    });
}

/// Calls `call` whenever the element comes near or moves away.
pub(super) fn changes<E>(element: NodeRef<E>, call: impl Fn(bool) + Clone + 'static)
where
    E: ElementType + 'static,
    E::Output: JsCast + Clone + AsRef<Element> + 'static,
{
    // Runs in the browser only.
    effect(move |_| {
        let Some(element) = element.get() else { return };
        let element: Element = AsRef::<Element>::as_ref(&element).clone();
        let Ok(Some(scroller)) = element.closest(".scroller") else { return };
        let call = call.clone();
        let callback = Closure::<dyn Fn(js_sys::Array)>::new(move |entries: js_sys::Array| {
            // Only the latest entry is current.
            if let Some(entry) = entries.pop().dyn_ref::<IntersectionObserverEntry>() {
                call(entry.is_intersecting());
            }
        });
        let options = IntersectionObserverInit::new();
        options.set_root(Some(&scroller));
        options.set_root_margin(MARGIN);
        let Ok(observer) = IntersectionObserver::new_with_options(callback.as_ref().unchecked_ref(), &options) else {
            return;
        };
        observer.observe(&element);
        // Neither type is `Send`, and the browser has one thread.
        let kept = StoredValue::new_local((observer, callback));
        on_cleanup(move || {
            let _ = kept.try_update_value(|(observer, _)| observer.disconnect());
        });
    });
}
