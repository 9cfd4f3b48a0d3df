// For pages with forms: the Back button never sends a form again, and never shows a text that was sent.
"use strict";

// Keep the unsent text of a form in this tab. The page that follows the form forgets the text.
function keepText(form) {
  const draftKey = `desk-draft:${form.dataset.draft}${location.search}`;
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  const draft = JSON.parse(sessionStorage.getItem(draftKey)) || {};
  for (const field of fields.filter((field) => field.value === field.defaultValue && draft[field.name])) {
    field.value = draft[field.name];
    field.dispatchEvent(new Event("input"));
  }
  form.addEventListener("input", () => {
    const texts = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    sessionStorage.setItem(draftKey, JSON.stringify(texts));
  });
}

if (done.includes("create")) {
  Object.keys(sessionStorage).filter((name) => name.startsWith("desk-draft:new")).forEach((name) => sessionStorage.removeItem(name));
}
document.querySelectorAll("form[data-draft]").forEach(keepText);
// A page that answers a form becomes an ordinary page in the history of the browser.
history.replaceState(history.state, "", location.href);
// The browser can keep a complete page for the Back button. Load the page again instead.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
