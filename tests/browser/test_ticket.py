"""Tests of the ticket page in a real Chromium: one form, notes, canned answers, merging, widths."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ..support.desk import AGENT, ANNA, BOB
from ..support.desk_server import Open, Server
from ..support.layout import hidden_focus, page_faults

pytestmark = pytest.mark.browser

SUMMARY = (
    "Caller cannot print badges. Restarted the printer twice. Wants a person, because the fair"
    " opens at noon. Call back on +44 20 7946 0018 or mail bartholomew.featherston@example.com."
)
# Callers with an e-mail address that is longer than a line of a phone, and one that is not.
CALLERS = ("maria.konstantinopoulou@customer-service.example.com", "maria.k@example.com")
EMAIL = "bartholomew.featherston@example.com"
URL = "https://intranet.example.com/printers/floor-3?status=offline&since=today"
LONG_WORD = "W" * 200
# Amazon Connect uses UUIDs.
CONTACT = "8f1d2c3b-4a59-4e6f-9b7a-0c1d2e3f4a5b"


def patch(server: Server, ticket: str, key: str, **change: Any) -> None:
    server.request("PATCH", f"/tickets/{ticket}", key, json=change)


def number_of(server: Server, ticket: str) -> str:
    return str(server.ticket(ticket)["ticket_number"])


def create_rich_ticket(server: Server, caller: str = CALLERS[0]) -> str:
    """Create a ticket whose page has every part, and return its id."""
    older = [server.create_ticket(caller, text) for text in ("Badge printer is slow", "No toner")]
    patch(server, older[0], BOB, status="resolved")
    body = {
        "caller_id": caller,
        "issue_description": f"The badge printer on floor 3 does not print. See {URL} for its"
        f" status. {LONG_WORD}",
        "follow_up_of": number_of(server, older[0]),
    }
    ticket = str(server.request("POST", "/tickets", ANNA, json=body)["ticket_id"])

    def say(text: str, **more: Any) -> None:
        path = f"/tickets/{ticket}/comments"
        server.request("POST", path, AGENT, json={"comment": text, **more})

    say(f"It is like ticket {number_of(server, older[1])}. Mail me: {caller}")
    patch(server, ticket, BOB, priority="urgent", assignee="bob", status="in_progress")
    patch(server, ticket, BOB, comment=f"Please try the printer on floor 2, or mail {EMAIL}.")
    patch(server, ticket, BOB, comment=f"No spare part. Ask {EMAIL}.", visibility="internal")
    say(f"Extraordinarily disappointing: {EMAIL} is unknown. {LONG_WORD}")
    patch(server, ticket, BOB, status="resolved")
    say("Not any more. תודה.", handover={"reason": f"asks for {EMAIL}", "contact_id": CONTACT})
    patch(server, ticket, BOB, assignee=EMAIL)
    say(
        "I need somebody now.",
        handover={"reason": "fair opens at noon", "summary": SUMMARY, "contact_id": CONTACT},
    )
    return ticket


@pytest.mark.parametrize("javascript", [True, False])
def test_one_form_sends_answer_status_priority_and_assignee(
    server: Server,
    open_browser: Open,
    javascript: bool,
) -> None:
    ticket = server.create_ticket()
    with open_browser(javascript=javascript) as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        assert browser.find("#send").text == "Save changes"
        browser.find("[value=internal]").click()
        assert not browser.find(".take").is_displayed()
        browser.find("[value=public]").click()
        assert browser.find(".take").is_displayed()
        browser.type("Answer", "Take the stairs.")
        assert browser.find("#send").text == "Send answer"
        browser.select("Priority", "High")
        browser.type("Assignee", "bob")
        browser.press("Send answer")
        assert browser.value("Answer") == ""
        browser.find("[value=internal]").click()
        browser.type("Note", "The caller is angry.")
        assert browser.find("#send").text == "Add internal note"
        browser.press("Add internal note")
        assert "The caller does not see the note." in browser.text()
        assert browser.find(".comment.note .kind").text == "Internal note"
    stored = server.ticket(ticket)
    assert [stored["status"], stored["priority"], stored["assignee"]] == [
        "in_progress",
        "high",
        "bob",
    ]
    agent_view = server.request("GET", f"/tickets/{ticket}", AGENT)
    assert [each["comment_text"] for each in agent_view["comments"]] == ["Take the stairs."]


def test_back_shows_no_text_that_was_sent_and_sends_nothing_again(
    server: Server,
    open_browser: Open,
) -> None:
    ticket = server.create_ticket()
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        browser.type("Answer", "Sent once")
        browser.press("Send answer")
        browser.driver.back()
        browser.wait(lambda: browser.value("Answer") == "")
        browser.driver.forward()
        browser.wait(lambda: "Sent once" in browser.text())
        assert browser.value("Answer") == ""
        # An outdated form is answered directly. Reloading that page must not send the form again.
        browser.type("Answer", "Rejected")
        patch(server, ticket, BOB, priority="low")
        browser.press("Send answer")
        assert "This ticket has changed since" in browser.text()
        browser.driver.refresh()
        browser.wait(lambda: "This ticket has changed since" not in browser.text())
        assert browser.value("Answer") == "Rejected"
        browser.go("/desk/new")
        browser.type("Caller", "+15550123")
        browser.type("Description", "Created once")
        browser.go("/desk")
        browser.driver.back()
        browser.wait(lambda: browser.path() == "/desk/new")
        assert browser.value("Description") == "Created once"
        browser.press("Create ticket")
        browser.driver.back()
        browser.wait(lambda: browser.path() == "/desk/new")
        assert browser.value("Description") == ""
    assert len(server.ticket(ticket)["comments"]) == 1


def test_unsent_text_stays_while_the_ticket_is_taken(
    server: Server,
    open_browser: Open,
) -> None:
    ticket = server.create_ticket()
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        browser.find("[value=internal]").click()
        browser.type("Note", "Half a")
        browser.press("Assign to me")
        assert "The ticket is now assigned to you." in browser.text()
        assert browser.value("Note") == "Half a"
        browser.select("Priority", "Urgent")
        browser.find("details.merge > summary").click()
        browser.type("Number of the other ticket", "1655")
        browser.go(f"/desk/tickets/{ticket}")
        assert (browser.value("Note"), browser.value("Priority")) == ("Half a", "urgent")
        assert browser.value("Number of the other ticket") == "1655"
        browser.type("Number of the other ticket", "")
        browser.press("Add internal note")
        assert (browser.value("Answer"), browser.value("Priority")) == ("", "urgent")
        browser.type("Answer", "Lost")
        browser.press("Sign out")
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        assert browser.value("Answer") == ""


def test_canned_answers_are_inserted_by_keyboard_alone(
    server: Server,
    open_browser: Open,
) -> None:
    ticket = server.create_ticket("+15550177")
    with open_browser() as browser:

        def type_keys(*keys: str) -> None:
            browser.driver.switch_to.active_element.send_keys(*keys)

        def focused() -> str:
            return str(browser.driver.switch_to.active_element.get_attribute("id"))

        browser.sign_in(ANNA)
        browser.go("/desk/canned-answers")
        for name, text in [
            ("Call back", "We call {caller} back."),
            ("Password reset", "Ticket {number}: the new password is on its way."),
        ]:
            browser.type("Name", name)
            browser.type("Text", text)
            browser.press("Add canned answer")
            assert "The canned answer was added." in browser.text()
        browser.go(f"/desk/tickets/{ticket}")
        browser.find("#comment").send_keys("Hello! ", Keys.CONTROL, "/")
        browser.wait(
            lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, "[role=option]")) == 2
        )
        assert focused() == "canned-input"
        type_keys(Keys.ARROW_DOWN, Keys.ARROW_UP)
        assert browser.find("[aria-selected=true]").text.startswith("Call back")
        assert browser.violations() == []
        browser.screenshot("canned-menu")
        type_keys("pass", Keys.ENTER)
        browser.wait(lambda: focused() == "comment")
        text = f"Hello! Ticket {number_of(server, ticket)}: the new password is on its way."
        assert browser.value("Answer") == text
        type_keys(" ", Keys.CONTROL, "/")
        browser.wait(lambda: focused() == "canned-input")
        type_keys(Keys.ESCAPE)
        browser.wait(lambda: focused() == "comment")
        type_keys(Keys.CONTROL, Keys.ENTER)
        browser.wait(lambda: "Your answer was added." in browser.text())
    assert server.ticket(ticket)["comments"][0]["comment_text"] == f"{text} "


@pytest.mark.parametrize("javascript", [True, False])
def test_a_duplicate_is_merged_by_keyboard_alone(
    server: Server,
    open_browser: Open,
    javascript: bool,
) -> None:
    survivor, duplicate = server.create_ticket("+15550166"), server.create_ticket("+15550166")
    with open_browser(javascript=javascript) as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{duplicate}")
        browser.type("Answer", "Please use the other ticket.")
        browser.find(".merge summary").send_keys(Keys.ENTER)
        browser.find("#duplicate_of").send_keys(number_of(server, survivor))
        page = browser.find("html")
        browser.find("#duplicate_of").send_keys(Keys.ENTER)
        browser.wait(lambda: page != browser.driver.find_element(By.TAG_NAME, "html"))
        browser.wait(lambda: "This is final" in browser.text())
        assert "Please use the other ticket." in browser.text()
        browser.screenshot("merge-confirmation")
        browser.press("Cancel")
        assert browser.value("Answer") == "Please use the other ticket."
        browser.press("Close as duplicate")
        browser.press("Close as duplicate")
        assert f"closed as a duplicate of {number_of(server, survivor)}" in browser.text()
        browser.press(number_of(server, survivor))
        assert browser.path().endswith(number_of(server, survivor))
        assert number_of(server, duplicate) in browser.find(".related").text
    comments = server.ticket(duplicate)["comments"]
    assert [each["comment_text"] for each in comments] == ["Please use the other ticket."]


def test_ticket_pages_fit_every_width_and_are_accessible(
    server: Server, open_browser: Open
) -> None:
    """Nothing overlaps, is cut off or breaks at widths from 320 to 1920 pixels."""
    found: list[str] = []
    with open_browser() as browser:
        browser.sign_in(ANNA)
        for caller in CALLERS:
            ticket = create_rich_ticket(server, caller)
            browser.go(f"/desk/tickets/{ticket}")
            browser.find(".merge summary").click()
            found += page_faults(browser, "ticket")
        # A ticket that changed since the page was shown.
        browser.find("[value=internal]").click()
        browser.type("Note", f"See {URL} or ask {EMAIL}.")
        patch(server, ticket, BOB, comment=f"Ask {EMAIL}", visibility="internal")
        browser.press("Add internal note")
        found += page_faults(browser, "changed")
        duplicate = server.create_ticket(caller, f"Please mail {EMAIL} instead of {caller}")
        browser.go(f"/desk/tickets/{duplicate}")
        browser.type("Answer", f"We use the other ticket. Please mail {EMAIL}.")
        browser.find(".merge summary").click()
        browser.type("Number of the other ticket", "1234-5678-9012")
        browser.press("Close as duplicate")
        found += page_faults(browser, "wrong-number")
        browser.type("Number of the other ticket", number_of(server, ticket))
        browser.press("Close as duplicate")
        found += page_faults(browser, "merge-confirmation")
        browser.press("Close as duplicate")
        found += page_faults(browser, "merged")
        browser.press(number_of(server, ticket))
        found += page_faults(browser, "survivor")
    assert "\n".join(found) == ""


def test_pages_of_canned_answers_fit_every_width_and_are_accessible(
    server: Server, open_browser: Open
) -> None:
    ticket = server.create_ticket(CALLERS[1])
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go("/desk/canned-answers")
        browser.type("Name", f"Mail to {EMAIL}")
        browser.type("Text", f"{{caller}}, please mail {EMAIL} about {{number}}. See {URL}")
        browser.press("Add canned answer")
        found = page_faults(browser, "canned")
        browser.find("#canned-answers a").click()
        browser.wait(lambda: browser.path() != "/desk/canned-answers")
        browser.find(".delete summary").click()
        found += page_faults(browser, "canned-edit")
        browser.go(f"/desk/canned-answers?ticket={ticket}")
        found += page_faults(browser, "canned-for-ticket")
    assert "\n".join(found) == ""


def test_focus_is_never_hidden_on_the_ticket_page(server: Server, open_browser: Open) -> None:
    path = f"/desk/tickets/{create_rich_ticket(server)}"
    found: list[str] = []
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.set_color_scheme("light")
        for width in (360, 1440):
            browser.set_width(width)
            browser.go(path)
            found += [f"{width} px: {each}" for each in hidden_focus(browser)]
    assert found == []


def test_ticket_page_announces_a_change_and_the_refresh(server: Server, open_browser: Open) -> None:
    ticket = server.create_ticket()
    with open_browser() as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        region = browser.find("#announcement")
        assert (region.aria_role, region.text) == ("status", "")
        patch(server, ticket, BOB, comment="A change")
        browser.driver.execute_script("return watchTicket()")
        assert "This ticket has changed." in region.text
        browser.find("#show-change").send_keys(Keys.ENTER)
        assert (
            str(region.get_property("textContent")).strip().endswith("The current ticket is shown.")
        )
        assert browser.driver.switch_to.active_element.get_attribute("id") == "main"


def test_every_shortcut_has_a_control_that_tab_reaches(server: Server, open_browser: Open) -> None:
    tickets = [server.create_ticket("+15550155", f"Shortcut {number}") for number in range(3)]
    server.await_search("+15550155", 3)
    # What j, k, x, u, "/", n, a, r and "?" do, and Ctrl+/.
    controls = {
        "/desk/find?q=%2B15550155": ["#list th a", "#find", ".top nav a", "#shortcuts summary"],
        "/desk?view=open": ["#list th a", "#list [name=ticket]", "#refresh"],
        "ticket": ["#next", "#previous", "#up", "#comment", "#insert-canned", "#show-change"],
    }
    with open_browser() as browser:
        browser.sign_in(ANNA)
        for path, selectors in controls.items():
            if path == "ticket":
                browser.go("/desk/find?q=%2B15550155")
                browser.find(f'#list a[href*="{tickets[1]}"]').click()
                browser.find("#insert-canned")
                # A change, so that the page can be refreshed.
                patch(server, tickets[1], BOB, priority="low")
                browser.driver.execute_script("return watchTicket()")
            reached = dict.fromkeys(selectors, False)
            browser.driver.execute_script("document.getElementById('main').focus(); scrollTo(0, 0)")
            count = len(browser.driver.find_elements(By.CSS_SELECTOR, "a, button, input, select"))
            for _ in range(count + 10):
                browser.driver.switch_to.active_element.send_keys(Keys.TAB)
                for selector in selectors:
                    script = "return document.activeElement.matches(arguments[0])"
                    reached[selector] |= browser.driver.execute_script(script, selector)
            assert reached == dict.fromkeys(selectors, True), path
