// Insert a canned answer into the answer box, by keyboard or with the mouse.
"use strict";

const cannedLink = byId("canned");

// Return the canned answers, with the placeholders filled in for this ticket, or null.
async function fetchCannedAnswers() {
  try {
    const response = await fetch(cannedLink.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!response.ok) return null;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return [...page.querySelectorAll("#canned-answers li")].map((item) => ({
      name: item.querySelector("[data-name]").textContent,
      text: item.querySelector("[data-text]").textContent,
    }));
  } catch {
    return null;
  }
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A combobox in a dialog: "Combobox Pattern", ARIA Authoring Practices Guide.
class Menu {
  constructor(box) {
    this.box = box;
    this.answers = [];
    this.index = 0;
    this.list = element("ul", { role: "listbox", id: "canned-list", "aria-label": "Canned answers" });
    this.status = element("p", { role: "status", class: "soft" });
    this.input = element("input", {
      type: "text", role: "combobox", id: "canned-input", "aria-expanded": "true", "aria-autocomplete": "list",
      "aria-controls": "canned-list", autocomplete: "off", dir: "auto",
    });
    const close = element("button", { type: "button" }, "Close");
    const heading = element("label", { for: "canned-input" }, "Insert a canned answer");
    const manage = element("a", { href: new URL(cannedLink.href).pathname, target: "_blank" }, "Edit the canned answers");
    this.dialog = element("dialog", { class: "card canned-menu", "aria-label": "Insert a canned answer" }, heading,
      this.input, this.status, this.list, element("p", { class: "buttons" }, close, manage));
    document.body.append(this.dialog);
    close.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => box.focus());
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
  }

  async open() {
    this.range = [this.box.selectionStart, this.box.selectionEnd];
    this.input.value = "";
    this.status.textContent = "Loading…";
    this.list.replaceChildren();
    this.dialog.showModal();
    this.input.focus();
    this.answers = await fetchCannedAnswers();
    this.show();
  }

  show() {
    const words = this.input.value.toLowerCase().split(/\s+/);
    const has = ({ name, text }) => words.every((word) => `${name} ${text}`.toLowerCase().includes(word));
    this.found = (this.answers || []).filter(has);
    this.list.replaceChildren(...this.found.map((answer, index) => this.option(answer, index)));
    this.select(0);
    this.status.textContent = this.answers
      ? `${this.found.length} of ${this.answers.length} canned answers.`
      : "The canned answers are not available. Close this menu and try again.";
  }

  option({ name, text }, index) {
    const option = element("li", { role: "option", id: `canned-${index}` }, element("b", { dir: "auto" }, name), " ",
      element("span", { dir: "auto", class: "soft" }, text));
    option.addEventListener("click", () => this.insert(index));
    return option;
  }

  select(index) {
    this.index = Math.max(0, Math.min(index, this.found.length - 1));
    for (const [position, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(position === this.index));
    }
    const selected = this.list.children[this.index];
    if (selected) {
      this.input.setAttribute("aria-activedescendant", selected.id);
      selected.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  insert(index) {
    const answer = this.found[index];
    if (!answer) return;
    this.dialog.close();
    this.box.setRangeText(answer.text, ...this.range, "end");
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  onKey(event) {
    const moves = { ArrowDown: this.index + 1, ArrowUp: this.index - 1, Home: 0, End: Infinity };
    const isInText = this.input.value && (event.key === "Home" || event.key === "End");
    if (event.key === "Enter") this.insert(this.index);
    else if (event.key in moves && !isInText) this.select(moves[event.key]);
    else return;
    event.preventDefault();
    // Not also a shortcut of the page.
    event.stopPropagation();
  }
}

if (cannedLink) {
  const menu = new Menu(byId("comment"));
  const button = element("button", { type: "button", id: "insert-canned", "aria-haspopup": "dialog" }, "Insert canned answer ",
    element("kbd", {}, "Ctrl+/"));
  button.addEventListener("click", () => menu.open());
  cannedLink.replaceWith(button);
  menu.box.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    menu.open();
  });
}
