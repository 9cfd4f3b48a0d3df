// What makes the desk's pages pleasant. None of them needs it.
"use strict";

const REFRESH_MS = 30000;
const byId = (id) => document.getElementById(id);
const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const isField = (element) => element && element.matches("input:not([type=checkbox]), select, textarea");

// Times as this browser's clock shows them.
function localTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

// Another look at this very page, or null where there is none to be had.
async function lookAgain() {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!response.ok) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}

// The list is replaced and nothing else, so what is typed in a field stays; where the focus was in
// the list, it comes back to the same ticket.
async function refreshList() {
  const page = await lookAgain();
  const [old, fresh] = [byId("list"), page && page.getElementById("list")];
  if (fresh) {
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(fresh);
    localTimes(fresh);
    const again = focused && [...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
    if (again) again.focus({ preventScroll: true });
  }
  const said = fresh ? `Updated at ${clock(new Date())}.` : "Not updated: signed out, or no answer.";
  byId("fresh").textContent = said;
}

// A ticket is not replaced under the eyes of who reads it: they are told, and asked.
let newer = null;
async function watchTicket() {
  const page = await lookAgain();
  const fresh = page && page.getElementById("ticket");
  if (fresh && fresh.dataset.version !== byId("ticket").dataset.version) {
    newer = fresh;
    byId("changed").hidden = false;
  }
}

function showChange() {
  const ticket = byId("ticket");
  for (const part of ticket.querySelectorAll("[data-live]")) {
    const fresh = newer.querySelector(`[data-live=${part.dataset.live}]`);
    if (fresh) part.replaceWith(document.importNode(fresh, true));
  }
  ticket.dataset.version = newer.dataset.version;
  for (const field of document.querySelectorAll("#answer [name=version]")) field.value = newer.dataset.version;
  localTimes(ticket);
  byId("changed").hidden = true;
  byId("main").focus();
}

function keepFresh(look, whileTyping) {
  let looked = Date.now();
  const due = () => {
    const typing = isField(document.activeElement) && !whileTyping;
    if (document.hidden || typing || Date.now() - looked < REFRESH_MS) return;
    looked = Date.now();
    look();
  };
  setInterval(due, 1000);
  document.addEventListener("visibilitychange", due);
}

// What is being written survives a look elsewhere in this tab, until it is sent.
function keepDraft(box, sent) {
  const place = `desk-draft:${location.pathname}`;
  if (sent) sessionStorage.removeItem(place);
  if (!box.value && !box.readOnly) box.value = sessionStorage.getItem(place) || "";
  box.addEventListener("input", () => {
    if (box.value) sessionStorage.setItem(place, box.value);
    else sessionStorage.removeItem(place);
  });
}

function countCharacters(counter) {
  const box = byId(counter.dataset.counts);
  const most = Number(box.dataset.most);
  const show = () => {
    const count = [...box.value.replaceAll("\r\n", "\n")].length;
    const over = count > most;
    counter.classList.toggle("over", over);
    counter.textContent = over ? `${count - most} characters too many: ${most} fit.` : `${count} of ${most} characters.`;
  };
  box.addEventListener("input", show);
  show();
}

function moveInList(step) {
  const links = [...document.querySelectorAll("#list tbody a")];
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  if (next) next.focus();
}

const go = (element) => element && element.click();
const SHORTCUTS = {
  j: () => moveInList(1),
  k: () => moveInList(-1),
  u: () => go(byId("up") || document.querySelector(".brand")),
  n: () => go(document.querySelector(".top nav a")),
  a: () => byId("comment") && byId("comment").focus(),
  r: () => (byId("list") && byId("fresh") ? refreshList() : location.reload()),
  "/": () => byId("find").select(),
  "?": () => {
    const list = document.querySelector("#shortcuts details");
    list.open = !list.open;
    if (list.open) list.scrollIntoView({ block: "end" });
  },
};

function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea") && event.target.form) {
    event.target.form.requestSubmit();
    return;
  }
  if (event.key === "Escape" && isField(event.target)) event.target.blur();
  const off = localStorage.getItem("desk-shortcuts") === "off";
  if (off || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  const act = Object.hasOwn(SHORTCUTS, event.key) && SHORTCUTS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

function offerShortcuts() {
  byId("shortcuts").hidden = false;
  const box = byId("shortcuts-on");
  box.checked = localStorage.getItem("desk-shortcuts") !== "off";
  box.addEventListener("change", () => localStorage.setItem("desk-shortcuts", box.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
}

// Said once: not again when the page is reloaded.
function forgetDone() {
  const url = new URL(location.href);
  if (!url.searchParams.has("done")) return [];
  const done = url.searchParams.getAll("done");
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
  return done;
}

const done = forgetDone();
localTimes(document);
if (done.includes("sign_out")) sessionStorage.clear();
if (byId("shortcuts")) offerShortcuts();
if (byId("comment")) keepDraft(byId("comment"), done.includes("comment"));
document.querySelectorAll("[data-counts]").forEach(countCharacters);
if (byId("fresh")) {
  byId("fresh").textContent = "Refreshes by itself.";
  keepFresh(refreshList, false);
}
if (byId("ticket")) {
  // It takes nothing away from who is typing, and who answers should know.
  keepFresh(watchTicket, true);
  byId("show-change").addEventListener("click", showChange);
}
// What a page says first of all is read, and seen.
const refused = document.querySelector(".notice.refused");
if (refused) refused.scrollIntoView({ block: "center" });
