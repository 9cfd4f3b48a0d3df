// Functions that make the desk's pages more comfortable. The pages also work without this script.
"use strict";

const REFRESH_MS = 30000;
// The parts of a URL that show the result of a form.
const MESSAGE_PARAMETERS = ["done", "results", "problem"];
const byId = (id) => document.getElementById(id);
const formatTime = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const isField = (element) => element && element.matches("input:not([type=checkbox]), select, textarea");

// Show the times of an element's <time> elements in the time zone and format of this browser.
function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

// Return the current version of this page, or null if the server does not return it.
async function fetchPage() {
  const url = new URL(location.href);
  for (const name of MESSAGE_PARAMETERS) url.searchParams.delete(name);
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!response.ok) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}

// Call `refresh` every 30 seconds while the page is visible.
function refreshRegularly(refresh, whileTyping) {
  let lastRefresh = Date.now();
  const refreshIfDue = () => {
    const isTyping = isField(document.activeElement) && !whileTyping;
    if (document.hidden || isTyping || Date.now() - lastRefresh < REFRESH_MS) return;
    lastRefresh = Date.now();
    refresh();
  };
  setInterval(refreshIfDue, 1000);
  document.addEventListener("visibilitychange", refreshIfDue);
}

// Count as the server does: characters, not UTF-16 units, and a line break as one character.
function countCharacters(counter) {
  const box = byId(counter.dataset.counts);
  const max = Number(box.dataset.max);
  const update = () => {
    const count = [...box.value.replaceAll("\r\n", "\n")].length;
    const isTooLong = count > max;
    counter.classList.toggle("over", isTooLong);
    counter.textContent = isTooLong
      ? `${count - max} characters too many. The limit is ${max.toLocaleString("en")} characters.`
      : `${count.toLocaleString("en")} of ${max.toLocaleString("en")} characters.`;
  };
  box.addEventListener("input", update);
  update();
}

const click = (element) => element && element.click();
const SHORTCUTS = {
  j: () => (byId("ticket") ? openNeighbour("next") : moveInList(1)),
  k: () => (byId("ticket") ? openNeighbour("previous") : moveInList(-1)),
  x: () => toggleSelection(),
  u: () => click(byId("up") || document.querySelector(".brand")),
  n: () => click(document.querySelector(".top nav a")),
  a: () => byId("comment") && byId("comment").focus(),
  r: () => (byId("fresh") ? refreshList(true) : location.reload()),
  "/": () => byId("find").select(),
  "?": () => {
    const list = document.querySelector("#shortcuts details");
    list.open = !list.open;
    if (list.open) list.scrollIntoView({ block: "end" });
  },
};

function onKeyDown(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea") && event.target.form) {
    event.target.form.requestSubmit();
    return;
  }
  if (event.key === "Escape" && isField(event.target)) event.target.blur();
  const areOff = localStorage.getItem("desk-shortcuts") === "off";
  if (areOff || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  const action = Object.hasOwn(SHORTCUTS, event.key) && SHORTCUTS[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

function addShortcuts() {
  byId("shortcuts").hidden = false;
  const checkbox = byId("shortcuts-on");
  checkbox.checked = localStorage.getItem("desk-shortcuts") !== "off";
  checkbox.addEventListener("change", () => localStorage.setItem("desk-shortcuts", checkbox.checked ? "on" : "off"));
  document.addEventListener("keydown", onKeyDown);
}

// Return the values of `done`. Remove messages from the URL, so that a reload shows no old message.
function takeDone() {
  const url = new URL(location.href);
  const done = url.searchParams.getAll("done");
  for (const name of MESSAGE_PARAMETERS) url.searchParams.delete(name);
  if (url.href !== location.href) history.replaceState(null, "", url);
  return done;
}

const done = takeDone();
showLocalTimes(document);
if (done.includes("sign_out")) sessionStorage.clear();
if (byId("shortcuts")) addShortcuts();
document.querySelectorAll("[data-counts]").forEach(countCharacters);
// An error message must be visible.
const errorNotice = document.querySelector(".notice.error");
if (errorNotice) errorNotice.scrollIntoView({ block: "center" });
