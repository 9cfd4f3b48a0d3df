"""Tests of the desk's lists in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..support.browser import Browser, chromium
from ..support.desk import AGENT, ANNA, BOB
from ..support.desk_server import Open, Server, run_server
from ..support.layout import HIDDEN_FOCUS, hidden_focus, page_faults

pytestmark = pytest.mark.browser

CALLERS = ("+442079460018", "maria.k@example.com", "bartholomew.featherston@example.com")
TEXTS = (
    "My printer is on fire 🔥 and the whole floor smells of it. I pulled the plug, but it burns.",
    "Laptop won't wake from sleep after the last update",
    "המסך שלי שחור מאז הבוקר, ואי אפשר להתחבר (error 0x80070005)",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with 30 open tickets of all kinds."""
    with run_server(tmp_path_factory.mktemp("dynamodb")) as server:
        for number in range(30):
            body: dict[str, Any] = {
                "caller_id": CALLERS[number % 3],
                "issue_description": TEXTS[number % 3],
            }
            if number in (4, 11):
                body["handover"] = {"reason": "asks for a person"}
            key = ANNA if number % 5 == 0 else AGENT
            ticket = server.request("POST", "/tickets", key, json=body)["ticket_id"]
            if number % 6 == 1:
                server.request("POST", f"/tickets/{ticket}/comments", AGENT, json={"comment": "?"})
            if number % 7 == 2:
                change = {"assignee": "bob", "priority": "urgent", "comment": "Please wait"}
                server.request("PATCH", f"/tickets/{ticket}", BOB, json=change)
            if number % 9 == 3:
                change = {"assignee": "anna.b", "status": "resolved"}
                server.request("PATCH", f"/tickets/{ticket}", json=change)
                server.request("POST", f"/tickets/{ticket}/comments", AGENT, json={"comment": "!"})
            if number in (6, 8):
                change = {"assignee": CALLERS[2], "comment": "Please wait"}
                server.request("PATCH", f"/tickets/{ticket}", json=change)
            server.set_age(ticket, 7 + 50 * number)
        for caller in CALLERS:
            server.await_search(caller, 10)
        yield server


def active(browser: Browser) -> str:
    """Return the link or the value of the element with the focus."""
    element = browser.driver.switch_to.active_element
    return str(element.get_attribute("href") or element.get_attribute("value") or "")


def type_keys(browser: Browser, text: str) -> None:
    browser.driver.switch_to.active_element.send_keys(text)


def listed(browser: Browser) -> list[str]:
    """Return the ids of the tickets in the list."""
    html = browser.driver.execute_script("return document.getElementById('list').innerHTML")
    return re.findall(r'rowheader"><a href="/desk/tickets/([\w-]{36})', html)


def reply(server: Server, ticket: str, **body: Any) -> None:
    body = {"comment": "Any news?", **body}
    server.request("POST", f"/tickets/{ticket}/comments", AGENT, json=body)


def visible_unread(browser: Browser) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#list .unread:not([hidden])')]"
        ".map((mark) => mark.closest('a').pathname.split('/').pop())"
    )
    return list(browser.driver.execute_script(script))


def test_pages_fit_every_width_and_are_accessible(desk: Server, tmp_path: Path) -> None:
    pages = {
        "queue": "/desk",
        "waiting": "/desk?view=waiting",
        "mine": "/desk?view=mine",
        "newest": "/desk?view=open&order=newest&assignee=none",
        "empty": "/desk?view=closed",
        "problem": "/desk?problem=ticket",
        "find": "/desk/find?q=maria.k@example.com",
        "words": "/desk/find?q=please+printer",
        "nothing": "/desk/find?q=nobody@example.com",
        "search": "/desk/find",
        "new": "/desk/new",
        "stats": "/desk/stats",
        "canned": "/desk/canned-answers",
        "notice": "/desk/notice",
    }
    found: list[str] = []
    with chromium(desk.url, tmp_path / "profile") as browser:
        browser.go("/desk")
        found += page_faults(browser, "sign-in")
        browser.sign_in(ANNA)
        for name, path in pages.items():
            browser.go(path)
            found += page_faults(browser, name)
        browser.go("/desk")
        browser.driver.execute_script("document.querySelector('#list [name=ticket]').click()")
        for details in ("alerts", "shortcuts"):
            browser.find(f"#{details} summary").click()
        found += page_faults(browser, "selected")
        browser.set_width(1440)
        browser.press("Close…")
        found += page_faults(browser, "confirmation")
        browser.press("Cancel")
        browser.find("#list [name=ticket]").click()
        browser.press("Resolve")
        found += page_faults(browser, "results")
    assert "\n".join(sorted(set(found))) == ""


def test_shows_12_rows_at_full_width(desk: Server, open_browser: Open, tmp_path: Path) -> None:
    with chromium(desk.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        browser.set_width(1440)
        script = (
            "return [...document.querySelectorAll('#list tbody tr')]"
            ".filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"
        )
        assert browser.driver.execute_script(script) >= 12
        for width in (1440, 1920):
            browser.set_width(width)
            table = browser.find("#list table").rect
            assert table["width"] >= width - 48


def test_focus_is_never_hidden(desk: Server, tmp_path: Path) -> None:
    found: list[str] = []
    lists = ("/desk", "/desk?view=open&order=oldest", "/desk/find?q=%2B442079460018")
    others = ("/desk/new", "/desk/stats", "/desk/canned-answers", "/desk/notice")
    with chromium(desk.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        # Without motion, nothing is still moving when the test looks.
        browser.set_color_scheme("light")
        for width in (360, 1440):
            for path in (*lists, *others):
                browser.set_width(width)
                browser.go(path)
                hidden = hidden_focus(browser)
                found += [f"{path} at {width} px: {each}" for each in hidden]
    assert "\n".join(sorted(set(found))) == ""


def test_new_replies_are_marked_until_the_ticket_was_opened(
    server: Server, open_browser: Open
) -> None:
    replied, other = server.create_ticket(), server.create_ticket()
    reply(server, replied)
    server.request("PATCH", f"/tickets/{other}", json={"comment": "Please wait"})
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go("/desk?view=open")
        assert replied in visible_unread(browser)
        assert other not in visible_unread(browser)
        row = browser.find(f'a[href*="{replied}"]')
        assert "New reply" in row.accessible_name
        row.click()
        browser.go("/desk?view=open")
        assert replied not in visible_unread(browser)
        reply(server, replied)
        browser.driver.execute_script("return refreshList()")
        assert replied in visible_unread(browser)
        # The mark belongs to the browser.
        with open_browser() as second:
            second.sign_in(ANNA)
            second.go(f"/desk/tickets/{replied}")
            second.go("/desk?view=open")
            assert replied not in visible_unread(second)
        # A ticket that changes while it is open counts as read when its change is shown.
        browser.go(f"/desk/tickets/{replied}")
        reply(server, replied)
        browser.driver.execute_script("return watchTicket()")
        browser.buttons()["Show the current ticket"].click()
        browser.go("/desk?view=open")
        assert replied not in visible_unread(browser)


def test_up_returns_to_the_view_the_page_and_the_row(desk: Server, tmp_path: Path) -> None:
    with chromium(desk.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        browser.go("/desk?view=open&priority=normal")
        ids = listed(browser)
        type_keys(browser, "jjj")
        assert ids[2] in active(browser)
        type_keys(browser, "\n")
        browser.wait(lambda: browser.path().endswith(ids[2]))
        assert browser.find("#up").text == "Open tickets"
        assert browser.find("#place").text == f"3 of {len(ids)}"
        type_keys(browser, "j")
        browser.wait(lambda: browser.path().endswith(ids[3]))
        browser.press("Next")
        assert browser.path().endswith(ids[4])
        type_keys(browser, "k")
        browser.wait(lambda: browser.path().endswith(ids[3]))
        type_keys(browser, "u")
        browser.wait(lambda: browser.path() == "/desk")
        assert urlsplit(browser.driver.current_url).query == "view=open&priority=normal"
        assert ids[3] in active(browser)
        assert browser.driver.execute_script(HIDDEN_FOCUS) == ""
        # At the ends of the page, the ticket page says so.
        browser.find(f'a[href*="{ids[0]}"]').click()
        type_keys(browser, "k")
        assert "first ticket of the list page" in browser.find("#place").text
        type_keys(browser, "u")
        browser.wait(lambda: browser.path() == "/desk")
        # A ticket that left the list leaves the focus at its place.
        browser.find(f'a[href*="{ids[1]}"]').click()
        desk.request("PATCH", f"/tickets/{ids[1]}", json={"priority": "high"})
        type_keys(browser, "u")
        browser.wait(lambda: browser.path() == "/desk")
        assert ids[2] in active(browser)
        # A list of search results is a list too.
        browser.go("/desk/find?q=maria.k@example.com")
        found = listed(browser)
        browser.find(f'a[href*="{found[0]}"]').click()
        assert browser.find("#up").text == "Results for maria.k@example.com"
        browser.press("Results for maria.k@example.com")
        assert browser.path() == "/desk/find"


def test_refresh_keeps_selection_and_focus_and_announces_changes(
    server: Server, open_browser: Open
) -> None:
    tickets = [server.create_ticket(description=f"Selected {number}") for number in range(2)]
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go("/desk?view=open&order=newest")
        for ticket in tickets:
            browser.find(f'input[value^="{ticket}"]').click()
        assert "2 selected" in browser.text()
        server.create_ticket()
        reply(server, tickets[0], handover={})
        browser.driver.execute_script("return refreshList()")
        said = browser.find("#announcement")
        assert said.aria_role == "status"
        text = str(said.get_property("textContent"))
        assert "1 new ticket" in text
        assert "1 selected ticket changed and is not selected any more" in text
        assert "1 selected" in browser.text()
        assert tickets[1] in active(browser)
        assert re.match(r"\(\d+\) Open tickets · Service desk", browser.driver.title)
        type_keys(browser, "r")
        browser.wait(
            lambda: "up to date" in str(browser.find("#announcement").get_property("textContent"))
        )


@pytest.mark.parametrize("javascript", [True, False])
def test_changes_several_tickets_by_keyboard(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    tickets = [server.create_ticket(description=f"Several {number}") for number in range(4)]
    with open_browser(javascript=javascript) as browser:
        browser.set_width(1440)
        browser.sign_in(ANNA)
        browser.go("/desk?view=open&order=newest")
        for ticket in tickets[:3]:
            box = browser.find(f'input[value^="{ticket}"]')
            browser.driver.execute_script("arguments[0].focus()", box)
            type_keys(browser, " ")
        server.request("PATCH", f"/tickets/{tickets[0]}", BOB, json={"comment": "Mine"})
        browser.type("Assign to", "bob")
        type_keys(browser, "\n")
        browser.wait(lambda: "2 of 3 tickets assigned." in browser.text())
        assert "Left alone: the ticket has changed" in browser.text()
        assert [server.ticket(each).get("assignee") for each in tickets] == [
            None, "bob", "bob", None,
        ]  # fmt: skip
        if javascript:
            assert "results=" not in browser.driver.current_url
            type_keys(browser, "jx")
            assert "1 selected" in browser.text()
            type_keys(browser, "x")
        browser.find(f'input[value^="{tickets[3]}"]').click()
        browser.press("Close…")
        assert "Close 1 ticket?" in browser.text()
        assert "Several 3" in browser.text()
        browser.press("Cancel")
        assert server.ticket(tickets[3])["status"] == "open"
        browser.find(f'input[value^="{tickets[3]}"]').click()
        browser.press("Close…")
        browser.press("Close 1 ticket")
        assert "1 of 1 ticket closed." in browser.text()
        browser.press("Resolve")
        assert "Select 1 to 25 tickets first." in browser.text()
    assert server.ticket(tickets[3])["status"] == "closed"


def test_select_all_selects_the_page(desk: Server, tmp_path: Path) -> None:
    with chromium(desk.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        browser.find("#select-all input").click()
        assert "25 selected" in browser.text()
        # Enter on a checkbox presses no button.
        type_keys(browser, "\n")
        assert "25 selected" in browser.text()
        browser.find("#list [name=ticket]").click()
        assert "24 selected" in browser.text()


RECORD_NOTIFICATIONS = """
window.shown = [];
const permission = localStorage.getItem('test-permission') || 'granted';
window.Notification = class extends EventTarget {
  constructor(text) { super(); window.shown.push(text); }
  static permission = permission;
  static async requestPermission() { window.shown.push('asked'); return permission; }
};
"""


def test_notifications_are_off_until_a_person_turns_them_on(
    server: Server, open_browser: Open
) -> None:
    mine, waiting = server.create_ticket(), server.create_ticket()
    server.request("PATCH", f"/tickets/{mine}", json={"assignee": "anna.b"})
    reply(server, mine)
    with open_browser() as browser:

        def shown() -> list[str]:
            browser.driver.execute_script("return checkNews()")
            return list(browser.driver.execute_script("return window.shown.splice(0)"))

        browser.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": RECORD_NOTIFICATIONS}
        )
        browser.sign_in(ANNA)
        browser.find("#alerts summary").click()
        for name in ("sound", "system"):
            assert not browser.find(f"#alert-{name}").is_selected()
        assert browser.driver.execute_script("return window.shown") == []
        browser.driver.execute_script("localStorage.removeItem('desk-known-news')")
        browser.find("#alert-system").click()
        browser.wait(lambda: "Turned on" in browser.find("#alert-hint").text)
        # What was there before is not news.
        assert shown() == ["asked"]
        reply(server, mine)
        reply(server, waiting, handover={"summary": "Secret"})
        numbers = [server.ticket(each)["ticket_number"] for each in (waiting, mine)]
        expected = [f"New hand-over: ticket {numbers[0]}", f"New reply: ticket {numbers[1]}"]
        assert shown() == expected
        assert shown() == []
        # A reply that was read in this browser is no news.
        reply(server, mine)
        browser.go(f"/desk/tickets/{mine}")
        assert browser.find("#alert-system").is_selected()
        assert shown() == []
        browser.find("#alerts summary").click()
        browser.find("#alert-sound").click()
        browser.find("#alert-system").click()
        reply(server, mine)
        assert shown() == []
        browser.driver.execute_script("localStorage.setItem('test-permission', 'denied')")
        browser.driver.refresh()
        browser.find("#alerts summary").click()
        browser.find("#alert-system").click()
        browser.wait(lambda: "blocks notifications" in browser.find("#alert-hint").text)
        assert not browser.find("#alert-system").is_selected()
        messages = browser.console_messages()
        assert [each for each in messages if "Security Policy" in each["message"]] == []


def test_browser_opens_the_desk_at_the_root_path(server: Server, open_browser: Open) -> None:
    with open_browser() as browser:
        browser.go("/")
        assert browser.path() == "/desk/sign-in"
