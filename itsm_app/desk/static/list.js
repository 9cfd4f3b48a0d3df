// The list of tickets: refresh, unread marks and selection.
"use strict";

// The ids of tickets whose comments were read in this browser, with the time up to which.
const READ_KEY = "desk-read";
const MAX_READ = 2000;

const list = () => byId("list");
const ticketLinks = () => [...document.querySelectorAll("#list tbody th a")];
const idOf = (link) => decodeURIComponent(new URL(link.href).pathname.split("/").pop());
const boxes = () => [...document.querySelectorAll("#list [name=ticket]")];

function stored(storage, key, fallback) {
  try {
    return JSON.parse(storage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

// Return the element of `root` that corresponds to a link or a checkbox of the replaced list.
function counterpart(root, element) {
  if (element.matches("[name=ticket]")) {
    const id = element.value.split("@")[0];
    return [...root.querySelectorAll("[name=ticket]")].find((box) => box.value.startsWith(`${id}@`));
  }
  const href = element.getAttribute("href");
  return [...root.querySelectorAll("a")].find((link) => href && link.getAttribute("href") === href);
}

// Replace an element by the same element of the new page. Keep the focus on the same control.
function replacePart(id, page) {
  const [oldPart, newPart] = [byId(id), page.getElementById(id)];
  const focused = oldPart.contains(document.activeElement) ? document.activeElement : null;
  oldPart.replaceWith(newPart);
  const next = focused && counterpart(newPart, focused);
  if (next) next.focus({ preventScroll: true });
}

// Replace the list and the views, so that text in the fields stays.
async function refreshList(isAsked) {
  const page = await fetchPage();
  if (!page || !page.getElementById("list")) {
    byId("fresh").textContent = "Not updated: you are signed out, or the server does not respond.";
    if (isAsked) byId("announcement").textContent = byId("fresh").textContent;
    return;
  }
  const before = new Set(ticketLinks().map(idOf));
  const selected = boxes().filter((box) => box.checked);
  const shownAt = list().querySelector("[name=shown_at]").value;
  replacePart("views", page);
  replacePart("list", page);
  document.title = page.title;
  const changed = selected.filter((box) => !select(box));
  // The selected rows are as they were when the earlier list was shown.
  if (changed.length < selected.length) list().querySelector("[name=shown_at]").value = shownAt;
  const key = "#bulk [name=idempotency_key]";
  document.querySelector(key).value = page.querySelector(key).value;
  showList();
  byId("fresh").textContent = `Updated at ${formatTime(new Date())}.`;
  announce(before, changed.length, isAsked);
}

// Select the same row in the new list, if the ticket has not changed.
function select(oldBox) {
  const box = boxes().find((each) => each.value === oldBox.value);
  if (box) box.checked = true;
  return Boolean(box);
}

function announce(before, deselected, isAsked) {
  const plural = (count, text) => `${count} ${text}${count === 1 ? "" : "s"}`;
  const ids = ticketLinks().map(idOf);
  const added = ids.filter((id) => !before.has(id)).length;
  const gone = before.size + added - ids.length;
  const parts = [];
  if (added) parts.push(plural(added, "new ticket"));
  if (gone) parts.push(`${plural(gone, "ticket")} left the list`);
  if (deselected) parts.push(`${plural(deselected, "selected ticket")} changed and ${deselected === 1 ? "is" : "are"} not selected any more`);
  if (parts.length) byId("announcement").textContent = `The list was refreshed: ${parts.join(", ")}.`;
  else if (isAsked) byId("announcement").textContent = `The list is up to date, ${formatTime(new Date())}.`;
}

function showList() {
  showLocalTimes(list());
  showUnread();
  showSelection();
  rememberList();
}

// A ticket that was opened in this browser counts as read up to its newest comment.
function markRead() {
  const ticket = byId("ticket");
  const id = ticket.dataset.ticketId || decodeURIComponent(location.pathname.split("/").pop());
  // The version ends with the time of the newest change.
  const at = ticket.dataset.version.replace(/^\d+\./, "");
  const read = Object.entries(stored(localStorage, READ_KEY, {})).filter(([each]) => each !== id);
  read.push([id, at]);
  localStorage.setItem(READ_KEY, JSON.stringify(Object.fromEntries(read.slice(-MAX_READ))));
}

const isRead = (id, at) => (stored(localStorage, READ_KEY, {})[id] || "") >= at;

function showUnread() {
  for (const link of ticketLinks()) {
    const mark = link.querySelector(".unread");
    if (mark) mark.hidden = isRead(idOf(link), mark.dataset.at);
    link.closest("tr").classList.toggle("new", Boolean(mark && !mark.hidden));
  }
}

function showSelection() {
  const bar = byId("bar");
  if (!bar) return;
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  bar.hidden = !all.length;
  byId("select-all").hidden = false;
  const box = byId("select-all").querySelector("input");
  box.checked = count > 0 && count === all.length;
  box.indeterminate = count > 0 && count < all.length;
  byId("select-all").querySelector("span").textContent = count ? `${count} selected` : "Select all";
  bar.classList.toggle("chosen", count > 0);
}

function toggleSelection() {
  const row = document.activeElement.closest("#list tr");
  const box = row && row.querySelector("[name=ticket]");
  if (box) box.click();
}

function moveInList(step) {
  const links = ticketLinks();
  const row = document.activeElement.closest("#list tbody tr");
  const index = row ? links.indexOf(row.querySelector("th a")) : -1;
  const next = links[index < 0 ? (step > 0 ? 0 : links.length - 1) : index + step];
  if (next) next.focus();
}

if (byId("ticket")) {
  showPosition();
  markRead();
  new MutationObserver(markRead).observe(byId("ticket"), { attributeFilter: ["data-version"] });
}
if (byId("fresh")) {
  restorePosition();
  showList();
  byId("fresh").textContent = "Refreshes automatically.";
  byId("bulk").addEventListener("change", (event) => {
    if (event.target.closest("#select-all")) for (const box of boxes()) box.checked = event.target.checked;
    showSelection();
  });
  // Enter on a checkbox would press the first button of the form.
  byId("bulk").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[type=checkbox]")) event.preventDefault();
  });
  window.addEventListener("storage", (event) => event.key === READ_KEY && showUnread());
  // The Back button can show a page as it was left.
  window.addEventListener("pageshow", (event) => event.persisted && refreshList(false));
  refreshRegularly(() => refreshList(false), false);
} else if (list()) {
  rememberList();
}
