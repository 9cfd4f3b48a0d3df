// For pages with forms: the Back button never sends a form again, and never shows a text that was sent.
"use strict";

// A page that answers a form becomes an ordinary page in the history of the browser.
history.replaceState(history.state, "", location.href);
// The browser can keep a complete page for the Back button. Load the page again instead.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
