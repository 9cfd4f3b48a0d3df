// The position in a list: back to the same row, and on to the next ticket.
"use strict";

// The last list in this tab: its URL, its title, and the links of its tickets.
const LIST_KEY = "desk-list";
const ROW = "#row=";

function rememberList() {
  const url = new URL(location.href);
  for (const name of MESSAGE_PARAMETERS) url.searchParams.delete(name);
  const links = ticketLinks().map((link) => link.getAttribute("href"));
  // The heading of a search also has the number of tickets.
  const title = [...byId("title").childNodes].filter((node) => !node.classList?.contains("count"));
  const text = title.map((node) => node.textContent).join("").trim();
  sessionStorage.setItem(LIST_KEY, JSON.stringify({ url: url.pathname + url.search, title: text, links }));
}

// Return the list that contains the ticket of a path, and the index of the ticket.
function listWith(id) {
  const last = stored(sessionStorage, LIST_KEY, null);
  const index = last ? last.links.findIndex((href) => idOf(new URL(href, location.href)) === id) : -1;
  return index < 0 ? null : { ...last, index };
}

// Focus the ticket from which the person comes. If it left the list, focus the row in its place.
function restorePosition() {
  if (!location.hash.startsWith(ROW)) return;
  const id = decodeURIComponent(location.hash.slice(ROW.length));
  history.replaceState(null, "", location.pathname + location.search);
  const links = ticketLinks();
  const before = listWith(id);
  const link = links.find((each) => idOf(each) === id) || links[Math.min(before ? before.index : 0, links.length - 1)];
  if (!link) return;
  link.focus({ preventScroll: true });
  link.closest("tr").scrollIntoView({ block: "center" });
}

function link(id, text, href) {
  const element = document.createElement(href ? "a" : "span");
  element.id = id;
  element.textContent = text;
  if (href) element.href = href;
  return element;
}

// Lead from the ticket page to the row of the ticket, and to the tickets before and after it.
function showPosition() {
  const id = byId("ticket").dataset.ticketId || decodeURIComponent(location.pathname.split("/").pop());
  const last = listWith(id);
  if (!last || !byId("up")) return;
  byId("up").href = `${last.url}${ROW}${encodeURIComponent(id)}`;
  byId("up").textContent = last.title;
  const steps = document.createElement("span");
  steps.className = "steps";
  steps.append(
    link("previous", "Previous", last.links[last.index - 1]),
    link("place", `${last.index + 1} of ${last.links.length}`),
    link("next", "Next", last.links[last.index + 1]),
  );
  byId("up").after(" ", steps);
  byId("place").setAttribute("role", "status");
}

function openNeighbour(which) {
  const neighbour = byId(which);
  if (neighbour && neighbour.href) neighbour.click();
  else if (neighbour) byId("place").textContent = which === "next" ? "This is the last ticket of the list page." : "This is the first ticket of the list page.";
}
