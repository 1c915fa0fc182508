// The set-up page: copies the token of the printed address into the form, and removes it from the address bar. It also
// chooses the networks when somebody writes some.
// Browsers do not send the part of an address after "#". An attempt that fails loads the page again without it, so the
// token is kept for this tab.
const KEY = "logboom-setup-token";

function fill() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  const token = given ?? sessionStorage.getItem(KEY);
  const field = document.querySelector("#token input");
  if (token && field) {
    field.value = token;
    // A token that was refused is shown, so that another one can be pasted.
    field.closest("label").hidden = !document.querySelector("[role=alert]");
  }
}

fill();
// The address may be given to a page that is open already; it is not loaded again then.
addEventListener("hashchange", fill);

// Whoever writes networks wants to let them in.
document.querySelector("input[name=write]")?.addEventListener("input", () => {
  document.querySelector("input[value=networks]").checked = true;
});
