// The ticket page: unsent text, and changes by others.
"use strict";

const answerForm = byId("answer");
const draftKey = `desk-draft:${byId("ticket").dataset.ticketId}`;
const CHANGES = ["status", "priority", "assignee", "duplicate_of", "take_on_answer"];

// Return what was entered and is not sent yet.
function readDraft() {
  const { comment, visibility, status, priority, assignee, seen_priority, seen_assignee } = answerForm.elements;
  const { duplicate_of, take_on_answer } = answerForm.elements;
  const draft = {};
  if (comment && comment.value) draft.comment = comment.value;
  if (visibility && visibility.value === "internal") draft.visibility = "internal";
  if (status.value) draft.status = status.value;
  if (priority.value !== seen_priority.value) draft.priority = priority.value;
  if (assignee.value !== seen_assignee.value) draft.assignee = assignee.value;
  if (duplicate_of && duplicate_of.value) draft.duplicate_of = duplicate_of.value;
  if (take_on_answer && !take_on_answer.checked) draft.take_on_answer = false;
  return draft;
}

function storeDraft(draft) {
  if (Object.keys(draft).length) sessionStorage.setItem(draftKey, JSON.stringify(draft));
  else sessionStorage.removeItem(draftKey);
}

function storedDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(draftKey)) || {};
  } catch {
    return {};
  }
}

function enter(draft) {
  for (const [name, value] of Object.entries(draft)) {
    const field = answerForm.elements[name];
    const isOffered = field && (!field.options || [...field.options].some((option) => option.value === value));
    if (!isOffered) continue;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
    // The fields for merging are in a box. The radio buttons are a list without `closest`.
    const box = field instanceof Element && field.closest("details");
    if (box) box.open = true;
  }
  const { comment } = answerForm.elements;
  if (comment) comment.dispatchEvent(new Event("input"));
}

// Keep what was entered while this tab shows other pages. Forget what was sent.
function keepDraft() {
  if (done.length) {
    const { comment, visibility } = storedDraft();
    const wasSent = done.includes("comment") || done.includes("note");
    storeDraft(wasSent || !comment ? {} : { comment, ...(visibility && { visibility }) });
  }
  if (!answerForm) return;
  const keeps = Object.assign(document.createElement("input"), { type: "hidden", name: "keeps_draft", value: "1" });
  answerForm.append(keeps);
  if (!("entered" in answerForm.dataset)) enter(storedDraft());
  // The field for merging belongs to the form, but is elsewhere on the page.
  for (const name of ["input", "change"]) byId("ticket").addEventListener(name, () => storeDraft(readDraft()));
}

// Show a notice if the ticket has changed. Do not replace the ticket while somebody reads it.
let newTicket = null;
async function watchTicket() {
  const page = await fetchPage();
  const ticket = page && page.getElementById("ticket");
  if (ticket && ticket.dataset.version !== byId("ticket").dataset.version) {
    newTicket = ticket;
    byId("shown").textContent = "";
    byId("changed").hidden = false;
  }
}

function showNewTicket() {
  const ticket = byId("ticket");
  const draft = answerForm ? readDraft() : {};
  for (const oldPart of ticket.querySelectorAll("[data-live]")) {
    const newPart = newTicket.querySelector(`[data-live=${oldPart.dataset.live}]`);
    if (newPart) oldPart.replaceWith(document.importNode(newPart, true));
  }
  ticket.dataset.version = newTicket.dataset.version;
  if (answerForm) enter(Object.fromEntries(CHANGES.filter((name) => name in draft).map((name) => [name, draft[name]])));
  showLocalTimes(ticket);
  byId("changed").hidden = true;
  byId("shown").textContent = "The current ticket is shown.";
  byId("main").focus();
}

keepDraft();
// Also while typing: the notice replaces no text, and is most useful to somebody who answers.
refreshRegularly(watchTicket, true);
byId("show-change").addEventListener("click", showNewTicket);
