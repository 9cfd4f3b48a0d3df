"""Tests of the desk in a real Chromium, with the embedded DynamoDB engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.browser import Browser, chromium
from ..support.desk import AGENT, ANNA, BOB
from ..support.desk_server import Open, Server, run_server
from ..support.layout import BROKEN_TEXTS

pytestmark = pytest.mark.browser

# The age in minutes, the caller and the description of each ticket.
CALLS = [
    (190, "+15550100", "My printer is on fire 🔥 and the whole floor smells of it. I pulled the"
     " plug, but the display still says PC LOAD LETTER, whatever that means."),
    (1500, "+442079460018", "Laptop won't wake from sleep after the last update"),
    (47, "+97225550134", "המסך שלי שחור מאז הבוקר, ואי אפשר להתחבר (error 0x80070005)"),
    (22, "maria.k@example.com", "Outlook asks for my password every five minutes"),
    (21, "+15550188", "Please reset my password"),
    (9, "+302105550142", "Δεν ανάβει η κάμερα στην αίθουσα συσκέψεων"),
    (2, "+15550100", "The new printer is offline"),
]  # fmt: skip
WIDTHS = (360, 768, 1440)
SCHEMES = ("light", "dark")


@pytest.mark.parametrize("javascript", [True, False])
def test_desk_user_works_on_a_ticket_from_open_to_closed(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    ticket = server.create_ticket(description="The lift is stuck")
    with open_browser(javascript=javascript) as browser:
        browser.sign_in(ANNA)
        browser.select("Order", "Newest first")
        browser.press("Apply")
        browser.find(f'a[href$="{ticket}"]').click()
        browser.wait(lambda: browser.path().endswith(ticket))
        browser.press("Assign to me")
        assert "The ticket is now assigned to you." in browser.text()
        browser.select("Status", "Set to in progress")
        browser.select("Priority", "High")
        browser.press("Save changes")
        assert "The status is now in progress. The priority is now high." in browser.text()
        browser.type("Answer", "Somebody is on the way.\nPlease stay calm.")
        browser.press("Send answer")
        assert "Your answer was added." in browser.text()
        assert browser.value("Answer") == ""
        server.request("POST", f"/tickets/{ticket}/comments", AGENT, json={"comment": "It moves!"})
        browser.press("Resolve")
        assert "This ticket has changed since" in browser.text()
        assert "It moves!" in browser.text()
        browser.press("Resolve")
        browser.select("Status", "Close…")
        browser.press("Save changes")
        assert "This is final" in browser.text()
        browser.press("Cancel")
        assert server.ticket(ticket)["status"] == "resolved"
        assert browser.value("Status") == "closed"
        browser.press("Save changes")
        browser.press("Close ticket")
        assert "This ticket is closed and cannot be changed." in browser.text()
    stored = server.ticket(ticket)
    assert [stored["status"], stored["priority"], stored["assignee"]] == [
        "closed",
        "high",
        "anna.b",
    ]
    assert stored["comments"][0]["comment_text"] == "Somebody is on the way.\nPlease stay calm."


def test_exactly_one_of_two_concurrent_users_gets_the_ticket(
    server: Server, open_browser: Open
) -> None:
    with open_browser() as first, open_browser() as second:
        first.sign_in(ANNA)
        second.sign_in(BOB)
        for _ in range(5):
            ticket = server.create_ticket()
            for browser in (first, second):
                browser.go(f"/desk/tickets/{ticket}")
            threads = [
                threading.Thread(target=browser.press, args=("Assign to me",))
                for browser in (first, second)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            texts = [browser.text() for browser in (first, second)]
            winners = ["The ticket is now assigned to you." in text for text in texts]
            losers = ["This ticket has changed since" in text for text in texts]
            assert sorted(winners) == [False, True]
            assert losers == [not won for won in winners]
            stored = server.ticket(ticket)
            assert stored["assignee"] == ("anna.b" if winners[0] else "bob")
            assert len(stored["history"]) == 1
            assert "Take over" in (second if winners[0] else first).buttons()


def test_answer_draft_survives_other_changes(server: Server, open_browser: Open) -> None:
    ticket = server.create_ticket()
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        browser.type("Answer", "Half of a")
        browser.press("Assign to me")
        assert browser.value("Answer") == "Half of a"
        change = {"comment": "Hurry"}
        server.request("PATCH", f"/tickets/{ticket}", BOB, json=change)
        browser.driver.execute_script("watchTicket()")
        browser.wait(lambda: browser.find("#changed").is_displayed())
        assert "Hurry" not in browser.text()
        browser.buttons()["Show the current ticket"].click()
        assert "Hurry" in browser.text()
        browser.field("Answer").send_keys("n answer")
        browser.press("Send answer")
        assert "Your answer was added." in browser.text()
    assert server.ticket(ticket)["comments"][-1]["comment_text"] == "Half of an answer"


def test_queue_refresh_keeps_the_text_and_focus_of_the_search_field(
    server: Server, open_browser: Open
) -> None:
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go("/desk?order=newest")
        browser.type("Find tickets by number, caller or words", "+155")
        ticket = server.create_ticket()
        browser.driver.execute_script("refreshList()")
        browser.find(f'a[href$="{ticket}"]')
        assert browser.find("#find").get_property("value") == "+155"
        assert browser.driver.switch_to.active_element.get_attribute("id") == "find"
        assert "Updated at" in browser.text()


def test_link_from_another_site_opens_the_ticket(server: Server, open_browser: Open) -> None:
    ticket = f"/desk/tickets/{server.create_ticket()}"
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.driver.get(f"{server.url.replace('127.0.0.1', 'localhost')}/desk/sign-in")
        browser.driver.execute_script("location.href = arguments[0]", server.url + ticket)
        browser.wait(lambda: "Assign to me" in browser.buttons())
        assert browser.path() == ticket


def test_keyboard_shortcuts_work_on_every_page(server: Server, open_browser: Open) -> None:
    tickets = [server.create_ticket(), server.create_ticket()]
    with open_browser() as browser:

        def type_keys(text: str) -> None:
            browser.driver.switch_to.active_element.send_keys(text)

        browser.sign_in(ANNA)
        browser.go("/desk?order=newest")
        type_keys("jjkj")
        type_keys("\n")
        browser.wait(lambda: browser.path().endswith(tickets[0]))
        type_keys("a")
        type_keys("jur/?")
        assert browser.value("Answer") == "jur/?"
        type_keys("\ue00c")
        type_keys("u")
        browser.wait(lambda: browser.path() == "/desk")
        type_keys("?")
        assert "next or previous ticket" in browser.find("#shortcuts").text
        browser.find("#shortcuts-on").click()
        type_keys("n")
        browser.find("#shortcuts-on").click()
        type_keys("n")
        browser.wait(lambda: browser.path() == "/desk/new")


def create_tickets(server: Server) -> list[str]:
    """Create the tickets of `CALLS` and return their ids. The first ticket is in progress."""
    ids = [server.create_ticket(caller, text) for _, caller, text in CALLS]

    def patch(number: int, key: str, **change: str) -> None:
        server.request("PATCH", f"/tickets/{ids[number]}", key, json=change)

    def add_comment(text: str) -> None:
        server.request("POST", f"/tickets/{ids[0]}/comments", AGENT, json={"comment": text})

    patch(0, ANNA, priority="urgent")
    add_comment("It is out now, but I still need to print 40 badges before noon.")
    patch(0, ANNA, assignee="anna.b", status="in_progress")
    patch(0, ANNA, comment="Use the printer on floor 3, room 3.14.\nA new one comes today.")
    add_comment("תודה רבה! Thank you, that works.")
    patch(1, BOB, priority="high", assignee="bob")
    patch(4, BOB, priority="low")
    for ticket_id, (minutes, _, _) in zip(ids, CALLS, strict=True):
        server.set_age(ticket_id, minutes)
    return ids


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Server]:
    """A new server without tickets of other tests, for the accessibility checks."""
    with run_server(tmp_path / "dynamodb") as server:
        yield server


def test_every_page_is_accessible_and_fits_every_width(gallery: Server, tmp_path: Path) -> None:
    """No page violates a rule of axe-core or is wider than the window."""
    tickets = create_tickets(gallery)
    gallery.await_search("+15550100", 2)
    notice = {"text": "E-mail is down. We are working on it.", "minutes": 60}
    gallery.request("PUT", "/notice", ANNA, json={**notice, "ticket_number": tickets[0]})
    pages = {
        "queue": "/desk",
        "empty": "/desk?status=open&assignee=zoe",
        "ticket": f"/desk/tickets/{tickets[0]}",
        "done": f"/desk/tickets/{tickets[1]}?done=priority",
        "find": "/desk/find?q=%2B15550100",
        "misheard": "/desk/find?q=1234-5678-9012",
        "new": "/desk/new",
        "stats": "/desk/stats",
        "canned": "/desk/canned-answers",
        "notice": "/desk/notice",
        "error": "/desk/tickets/none",
        "no-page": "/desk/none",
    }
    found: list[str] = []

    def inspect(browser: Browser, name: str) -> None:
        for width in WIDTHS:
            for scheme in SCHEMES:
                browser.set_width(width)
                browser.set_color_scheme(scheme)
                where = f"{name}-{width}-{scheme}"
                found.extend(f"{where}: {violation}" for violation in browser.violations())
                if browser.overflow():
                    found.append(f"{where} is wider than the window")
                browser.screenshot(where)

    with chromium(gallery.url, tmp_path / "profile") as browser:
        browser.go("/desk")
        inspect(browser, "sign-in")
        browser.type("Your key", AGENT)
        browser.press("Sign in")
        inspect(browser, "refused")
        browser.sign_in(ANNA)
        for name, path in pages.items():
            browser.go(path)
            inspect(browser, name)
        browser.go("/desk")
        browser.find("#shortcuts summary").click()
        inspect(browser, "shortcuts")
        browser.go(f"/desk/tickets/{tickets[3]}")
        browser.type("Answer", "Which version of Outlook is it?")
        gallery.request("PATCH", f"/tickets/{tickets[3]}", BOB, json={"assignee": "bob"})
        browser.press("Send answer")
        inspect(browser, "changed")
        browser.select("Status", "Close…")
        browser.press("Send answer")
        inspect(browser, "close")
        browser.press("Close ticket")
        inspect(browser, "closed")
    assert found == []


def test_axe_core_reports_injected_violations(open_browser: Open) -> None:
    with open_browser() as browser:
        browser.go("/desk")
        script = "document.querySelector('label').remove(); document.documentElement.lang = ''"
        browser.driver.execute_script(script)
        rules = {violation.partition(":")[0] for violation in browser.violations()}
        assert rules >= {"label", "html-has-lang"}


@pytest.mark.parametrize(
    ("text", "css", "fault"),
    [
        ("The badge printer", "word-break: break-all; width: 4rem", "broken: badge"),
        ("Mail maria.k@example.com", "word-break: break-all; width: 12rem", "broken: maria.k@"),
        ("W" * 200, "overflow-wrap: anywhere; width: 12rem", ""),
        ("maria.k@example.com", "overflow-wrap: anywhere; width: 5rem", ""),
        ("Badge", "position: absolute; left: -20px", "outside: Badge"),
        ("The badge", "white-space: nowrap; overflow: hidden; width: 3rem", "cut: badge"),
    ],
)
def test_layout_check_reports_injected_faults(
    open_browser: Open, text: str, css: str, fault: str
) -> None:
    script = """
        const text = document.createElement('p');
        text.style.cssText = arguments[1];
        text.className = 'comment caller';
        text.textContent = arguments[0];
        document.getElementById('main').replaceChildren(text);
    """
    with open_browser() as browser:
        browser.go("/desk")
        browser.driver.execute_script(script, text, css)
        found = browser.driver.execute_script(BROKEN_TEXTS)
        assert [each.startswith(fault) for each in found[:1]] == ([True] if fault else [])


def test_hostile_text_runs_no_script_and_breaks_no_page(server: Server, open_browser: Open) -> None:
    hostile = "<script>document.title='!'</script><img src=x onerror=\"document.title='!'\">"
    texts = [hostile, "a\u202eb" * 300, "W" * 1000, "\U0001f525" * 1000, "Z" + "\u0335" * 999]
    with open_browser() as browser:
        browser.sign_in(ANNA)
        for text in texts:
            # The API rejects caller ids with control or format characters.
            caller = "".join(filter(str.isprintable, text))[:100]
            ticket = server.create_ticket(caller, text)
            server.request("POST", f"/tickets/{ticket}/comments", AGENT, json={"comment": text})
            server.request("PATCH", f"/tickets/{ticket}", json={"assignee": text[:100]})
            for path in (f"/desk/tickets/{ticket}", "/desk?order=newest"):
                for width in WIDTHS:
                    browser.set_width(width)
                    browser.go(path)
                    assert browser.overflow() == 0
                    assert browser.driver.title.endswith("Service desk")
        messages = browser.console_messages()
        assert [entry for entry in messages if "Security Policy" in entry["message"]] == []
