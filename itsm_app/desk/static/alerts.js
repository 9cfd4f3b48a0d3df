// Optional sound and notifications for new hand-overs and for new replies to the own tickets.
"use strict";

const NEWS_MS = 30000;
// The news that the tabs of this browser already know.
const KNOWN_KEY = "desk-known-news";
const isOn = (name) => localStorage.getItem(`desk-alert-${name}`) === "on";
let audio = null;

// A browser plays a sound only after a click or a key on the page.
function beep() {
  audio ??= new AudioContext();
  audio.resume();
  for (const [frequency, start] of [[660, 0], [880, 0.18]]) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.15, audio.currentTime + start);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + start + 0.16);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + start);
    tone.stop(audio.currentTime + start + 0.18);
  }
}

// The notification has no words of the caller: a locked screen shows it too.
function notify(item) {
  const notification = new Notification(item.text, { tag: item.key });
  notification.addEventListener("click", () => {
    window.focus();
    location.href = `${byId("alerts").dataset.news.replace(/news$/, "tickets/")}${encodeURIComponent(item.id)}`;
  });
}

async function fetchNews() {
  try {
    const response = await fetch(byId("alerts").dataset.news, { redirect: "error" });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function checkNews() {
  const news = await fetchNews();
  if (!news) return;
  const items = [
    ...news.handovers.map((each) => ({ ...each, text: `New hand-over: ticket ${each.number}` })),
    ...news.replies.map((each) => ({ ...each, text: `New reply: ticket ${each.number}` })),
  ].map((each) => ({ id: each.ticket_id, at: each.at, text: each.text, key: `${each.text} ${each.at}` }));
  const known = stored(localStorage, KNOWN_KEY, null);
  localStorage.setItem(KNOWN_KEY, JSON.stringify(items.map((item) => item.key)));
  const added = known ? items.filter((item) => !known.includes(item.key) && !isRead(item.id, item.at)) : [];
  if (!added.length) return;
  if (isOn("sound")) beep();
  if (isOn("system") && Notification.permission === "granted") added.forEach(notify);
  byId("alert-hint").textContent = added.map((item) => item.text).join(". ");
}

function checkNewsRegularly() {
  let last = Date.now();
  setInterval(() => {
    if (Date.now() - last < NEWS_MS || !(isOn("sound") || isOn("system"))) return;
    last = Date.now();
    checkNews();
  }, 1000);
}

// What counts as news begins when the first of the two checkboxes is turned on.
async function turn(name, checkbox) {
  if (name === "system" && checkbox.checked && (await Notification.requestPermission()) !== "granted") {
    checkbox.checked = false;
    byId("alert-hint").textContent = "The browser blocks notifications of this site. Allow them in the settings of the browser, then try again.";
    return;
  }
  if (!isOn("sound") && !isOn("system")) localStorage.removeItem(KNOWN_KEY);
  localStorage.setItem(`desk-alert-${name}`, checkbox.checked ? "on" : "off");
  byId("alert-hint").textContent = checkbox.checked ? "Turned on in this browser." : "Turned off in this browser.";
  if (checkbox.checked && name === "sound") beep();
  if (checkbox.checked) checkNews();
}

if (byId("alerts")) {
  for (const name of ["sound", "system"]) {
    const checkbox = byId(`alert-${name}`);
    checkbox.checked = isOn(name);
    checkbox.addEventListener("change", () => turn(name, checkbox));
  }
  checkNewsRegularly();
}
