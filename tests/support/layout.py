"""Scripts that return the layout faults of a page in a browser, each as a list of texts."""

from __future__ import annotations

from .browser import Browser

WIDTHS = range(320, 1921, 40)
# The widths and the color schemes for axe-core.
AXE_WIDTHS = (320, 640, 1440)
SCHEMES = ("light", "dark")

# Texts whose words break, are cut off or lie over other texts, except texts that end with "…" and
# texts for screen readers. A "word" here also is an e-mail address or a ticket number. A word may
# break only if it is longer than its column. The column of a cell is the row or the table, unless
# the table has columns of a fixed width.
BROKEN_TEXTS = r"""
const found = [], rects = [];
scrollTo(0, 0);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const range = document.createRange();
const blocks = 'p, li, dd, dt, h1, h2, h3, blockquote, figcaption, div, section, table, td, th';
const contentWidth = (block) => {
  const style = getComputedStyle(block);
  return block.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
};
const columnWidth = (element) => {
  let block = element.closest(blocks);
  const cell = element.closest('td, th');
  const table = cell && cell.closest('table');
  if (table && getComputedStyle(table).tableLayout !== 'fixed')
    block = getComputedStyle(cell).display === 'table-cell' ? table : cell.parentElement;
  return contentWidth(block || document.body);
};
const isHidden = (element) => {
  for (let each = element; each; each = each.parentElement)
    if (getComputedStyle(each).clipPath !== 'none') return true;
  return !element.checkVisibility() || element.closest('option, datalist, textarea, .skip');
};
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement;
  if (isHidden(parent)) continue;
  const cut = parent.closest('.snippet, #list :is(td.caller, td.assignee bdi, td.last bdi)');
  for (const word of node.data.matchAll(/[^\s]+/gu)) {
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const parts = [...range.getClientRects()].filter((each) => each.width > 0);
    const lines = new Set(parts.map((each) => Math.round(each.top / 8)));
    // A URL may also break between its parts.
    const length = parts.reduce((sum, each) => sum + each.width, 0);
    const mayBreak = length > columnWidth(parent) || word[0].includes('://');
    if (lines.size > 1 && !mayBreak) found.push(`broken: ${word[0]}`);
    const box = range.getBoundingClientRect();
    if (!cut && (box.left < -1 || box.right > innerWidth + 1)) found.push(`outside: ${word[0]}`);
    for (let clip = parent; clip !== document.body && !cut; clip = clip.parentElement) {
      if (getComputedStyle(clip).overflowX === 'visible') continue;
      const edge = clip.getBoundingClientRect();
      if (box.right > edge.right + 1 || box.left < edge.left - 1) found.push(`cut: ${word[0]}`);
    }
    // A word on two lines has a box on each line.
    if (!cut) rects.push(...parts.map((part) => [word[0], part, parent]));
  }
}
for (const control of document.querySelectorAll('input, select, button')) {
  if (control.checkVisibility() && control.type !== 'hidden' && !control.matches('.hidden'))
    rects.push([control.name || control.textContent, control.getBoundingClientRect(), control]);
}
for (const [i, [a, r, p]] of rects.entries()) for (const [b, s, q] of rects.slice(i + 1)) {
  if (p.contains(q) || q.contains(p)) continue;
  const width = Math.min(r.right, s.right) - Math.max(r.left, s.left);
  const height = Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top);
  if (width > 2 && height > 6) found.push(`overlap: ${a} and ${b}`);
}
const width = document.documentElement.scrollWidth;
if (width > innerWidth) found.push(`the page is ${width} px wide`);
const search = document.getElementById('find');
if (search && search.getBoundingClientRect().width < 200) found.push('narrow search field');
return [...new Set(found)];
"""
# Targets that are smaller than 24 by 24 px: "Target Size (Minimum)" in WCAG 2.2. A link in a
# sentence is exempt there.
SMALL_TARGETS = """
const isInSentence = (link) => link.matches('a') && [...link.parentElement.childNodes]
  .some((node) => node.nodeType === Node.TEXT_NODE && /[\\p{L}\\p{N}]/u.test(node.data));
return [...document.querySelectorAll('a, button, input, select, textarea, summary')]
  .filter((each) => each.checkVisibility() && each.type !== 'hidden')
  .filter((each) => !each.matches('.skip, .hidden') && !isInSentence(each))
  .map((each) => [each, (each.closest('label') || each).getBoundingClientRect()])
  .filter(([each, box]) => box.width < 24 || box.height < 24)
  .map(([each, box]) => `small: ${each.outerHTML.slice(0, 80)}: ${box.width} by ${box.height}`);
"""
# Whether the element with the focus is under another element, or outside of the window.
HIDDEN_FOCUS = """
const element = document.activeElement, box = element.getBoundingClientRect();
const [x, y] = [box.left + Math.min(box.width / 2, 20), box.top + box.height / 2];
const top = document.elementFromPoint(x, y);
const isSeen = top && (element.contains(top) || top.contains(element) || top.closest('label'));
return isSeen || element === document.body ? '' : element.outerHTML.slice(0, 90);
"""
# Controls that overlap or are cut off, and short texts that break.
CONTROL_FAULTS = """
const found = [];
const name = (e) => `${e.tagName} ${(e.id || e.name || e.textContent).trim().slice(0, 30)}`;
const isShown = (e) => e.checkVisibility({visibilityProperty: true}) && !e.closest(".hidden");
const selector = "button, .button, input:not([type=hidden]), select, textarea, summary";
const boxes = [...document.querySelectorAll("main :is(" + selector + ")")].filter(isShown);
const width = document.documentElement.clientWidth;
for (const box of boxes) {
  const r = box.getBoundingClientRect();
  if (r.left < 0 || r.right > width + 0.5) found.push(`${name(box)} leaves the window`);
  const isCut = box.matches("button, .button") && box.scrollWidth > box.clientWidth + 1;
  if (isCut) found.push(`${name(box)} is cut off`);
  for (const other of boxes) {
    const o = other.getBoundingClientRect();
    if (other === box || box.contains(other) || other.contains(box)) continue;
    const x = Math.min(r.right, o.right) - Math.max(r.left, o.left);
    const y = Math.min(r.bottom, o.bottom) - Math.max(r.top, o.top);
    if (x > 1 && y > 1) found.push(`${name(box)} overlaps ${name(other)}`);
  }
}
for (const whole of document.querySelectorAll("main :is(.whole, .number, time, .status)")) {
  if (!isShown(whole)) continue;
  const height = whole.getBoundingClientRect().height;
  const space = (whole.closest("p, li, dd, h1, th, td") || whole.parentElement).clientWidth;
  whole.style.whiteSpace = "nowrap";
  whole.style.maxWidth = "none";
  const line = whole.getBoundingClientRect();
  whole.style.whiteSpace = whole.style.maxWidth = "";
  if (line.width <= space && height > line.height + 1) found.push(`${name(whole)} is broken`);
}
if (document.documentElement.scrollWidth > width) found.push("the page is too wide");
return found;
"""


def layout_faults(browser: Browser, name: str) -> list[str]:
    """Return what overlaps, is cut off, breaks or is small at any width from 320 to 1920 px."""
    found = []
    for width in WIDTHS:
        browser.set_width(width)
        for script in (BROKEN_TEXTS, CONTROL_FAULTS, SMALL_TARGETS):
            found += [
                f"{name} at {width} px: {each}" for each in browser.driver.execute_script(script)
            ]
    return found


def page_faults(browser: Browser, name: str) -> list[str]:
    """Return the layout faults at every width, and what axe-core finds in both color schemes."""
    found = layout_faults(browser, name)
    for width in AXE_WIDTHS:
        browser.set_width(width)
        for scheme in SCHEMES:
            browser.set_color_scheme(scheme)
            where = f"{name}-{width}-{scheme}"
            found += [f"{where}: {each}" for each in browser.violations()]
            browser.screenshot(where)
    return found


def hidden_focus(browser: Browser) -> list[str]:
    """Press Tab and then Shift+Tab through the whole page. Return where the focus is hidden."""
    found = []
    count = "return document.querySelectorAll('a, button, input, select, textarea, summary').length"
    for key in ("\ue004", "\ue008\ue004"):
        for _ in range(browser.driver.execute_script(count)):
            browser.driver.switch_to.active_element.send_keys(key)
            found.append(browser.driver.execute_script(HIDDEN_FOCUS))
    return [each for each in found if each]
