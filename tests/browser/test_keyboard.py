"""Test that each task of the desk works by keyboard alone. These tests never click."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ..support.browser import Browser
from ..support.desk import AGENT, ANNA
from ..support.desk_server import Open, Server
from ..support.layout import HIDDEN_FOCUS

pytestmark = pytest.mark.browser

BOTH = pytest.mark.parametrize("javascript", [True, False])
# More stops than any page has.
MAX_STOPS = 150


class Keyboard:
    """The keyboard of a person who sees where the focus is."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        # Without motion, nothing is still moving when the focus arrives.
        browser.set_color_scheme("light")
        browser.set_width(1440)

    def type(self, *keys: str) -> None:
        self.browser.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, css: str, key: str = Keys.TAB) -> None:
        """Press Tab until the focus is on this element. The focus must be visible all the way."""
        script = "return document.activeElement.matches(arguments[0])"
        for _ in range(MAX_STOPS):
            self.type(key)
            assert self.browser.driver.execute_script(HIDDEN_FOCUS) == ""
            if self.browser.driver.execute_script(script, css):
                return
        raise AssertionError(f"Tab does not reach {css}")

    def open(self, *keys: str) -> None:
        """Press keys that open another page, and wait for the page."""
        page = self.browser.driver.find_element(By.TAG_NAME, "html")
        self.type(*keys)
        self.browser.wait(lambda: page != self.browser.driver.find_element(By.TAG_NAME, "html"))
        script = "return document.readyState"
        self.browser.wait(lambda: self.browser.driver.execute_script(script) == "complete")


def sign_in(browser: Browser, path: str) -> Keyboard:
    """Sign in by keyboard, and open a page of the desk."""
    browser.go("/desk")
    keyboard = Keyboard(browser)
    keyboard.tab_to("#key")
    keyboard.type(ANNA)
    keyboard.open(Keys.ENTER)
    browser.go(path)
    return keyboard


def create(server: Server, **more: Any) -> str:
    body = {"caller_id": "+15550144", "issue_description": "The lift is stuck", **more}
    return str(server.request("POST", "/tickets", AGENT, json=body)["ticket_id"])


@BOTH
def test_takes_a_handover(server: Server, open_browser: Open, javascript: bool) -> None:
    ticket = create(server, handover={"summary": "Wants a person"})
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, "/desk?view=waiting")
        keyboard.tab_to(f'#list a[href*="{ticket}"]')
        keyboard.open(Keys.ENTER)
        assert "Wants a person" in browser.find("section.handover").text
        keyboard.tab_to("section.handover button")
        keyboard.open(Keys.ENTER)
        assert "The ticket is now assigned to you." in browser.text()
    stored = server.ticket(ticket)
    assert (stored["assignee"], stored["handover"]["status"]) == ("anna.b", "taken")


@BOTH
def test_writes_an_internal_note_and_an_answer(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    ticket = create(server)
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, f"/desk/tickets/{ticket}")
        keyboard.tab_to("[name=visibility]")
        keyboard.type(Keys.ARROW_RIGHT)
        keyboard.tab_to("#comment")
        keyboard.type("The caller is angry.")
        keyboard.tab_to("#send")
        keyboard.open(Keys.ENTER)
        assert "Your internal note was added." in browser.text()
        keyboard.tab_to("#comment")
        keyboard.type("Somebody is on the way.")
        keyboard.tab_to("[name=priority]")
        keyboard.type("Urgent")
        keyboard.tab_to("#send")
        keyboard.open(Keys.ENTER)
        assert "Your answer was added." in browser.text()
    stored = server.ticket(ticket)
    assert [(each["visibility"], each["comment_text"]) for each in stored["comments"]] == [
        ("internal", "The caller is angry."),
        ("public", "Somebody is on the way."),
    ]
    assert stored["priority"] == "urgent"


@BOTH
def test_merges_a_duplicate(server: Server, open_browser: Open, javascript: bool) -> None:
    number = server.ticket(create(server))["ticket_number"]
    duplicate = create(server)
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, f"/desk/tickets/{duplicate}")
        keyboard.tab_to(".merge summary")
        keyboard.type(Keys.ENTER)
        keyboard.tab_to("#duplicate_of")
        keyboard.type(number)
        keyboard.tab_to(".merge button")
        keyboard.open(Keys.ENTER)
        keyboard.tab_to("[name=sure]")
        keyboard.open(Keys.ENTER)
        assert f"closed as a duplicate of {number}" in browser.text()
    assert server.ticket(duplicate)["duplicate_of"] == number


@BOTH
def test_resolves_five_tickets_at_once(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    tickets = [create(server) for _ in range(5)]
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, "/desk?view=open&order=newest")
        for ticket in reversed(tickets):
            keyboard.tab_to(f'#list input[value^="{ticket}"]')
            keyboard.type(Keys.SPACE)
        keyboard.tab_to("[value=resolve]", Keys.SHIFT + Keys.TAB)
        keyboard.open(Keys.ENTER)
        assert "5 of 5 tickets resolved." in browser.find("#results").text
    assert {server.ticket(ticket)["status"] for ticket in tickets} == {"resolved"}


@BOTH
def test_files_a_follow_up(server: Server, open_browser: Open, javascript: bool) -> None:
    ticket = create(server)
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, f"/desk/tickets/{ticket}")
        keyboard.tab_to("aside .button")
        keyboard.open(Keys.ENTER)
        keyboard.tab_to("#issue_description")
        keyboard.type(Keys.CONTROL + Keys.END)
        keyboard.type("It is stuck again")
        keyboard.tab_to("main form button")
        keyboard.open(Keys.ENTER)
        follow_up = server.ticket(browser.path().rpartition("/")[2])
    number = server.ticket(ticket)["ticket_number"]
    assert follow_up["follow_up_of"] == number
    assert follow_up["issue_description"] == f"Follow-up of {number}: It is stuck again"


def test_goes_to_the_next_and_the_previous_ticket(server: Server, open_browser: Open) -> None:
    newest, older = reversed([create(server), create(server)])
    with open_browser() as browser:
        keyboard = sign_in(browser, "/desk?view=open&order=newest")
        keyboard.tab_to("#list tbody a")
        keyboard.open(Keys.ENTER)
        assert browser.path().endswith(newest)
        keyboard.tab_to("#next")
        keyboard.open(Keys.ENTER)
        assert browser.path().endswith(older)
        keyboard.open("k")
        assert browser.path().endswith(newest)
        keyboard.open("j")
        assert browser.path().endswith(older)


@BOTH
def test_adds_a_canned_answer_and_finds_the_text_on_the_ticket_page(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    ticket = create(server)
    name = f"Stairs {javascript}"
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, "/desk/canned-answers")
        keyboard.tab_to("#name")
        keyboard.type(name)
        keyboard.tab_to("#text")
        keyboard.type("{caller}, take the stairs.")
        keyboard.tab_to(".add button")
        keyboard.open(Keys.ENTER)
        assert "The canned answer was added." in browser.text()
        browser.go(f"/desk/tickets/{ticket}")
        keyboard.tab_to("#comment")
        if javascript:
            keyboard.type(Keys.CONTROL, "/")
            browser.wait(lambda: browser.find("#canned-input").is_displayed())
            keyboard.type(name, Keys.ENTER)
            text = "+15550144, take the stairs."
            browser.wait(lambda: browser.find("#comment").get_property("value") == text)
            return
        # Without a script, the link opens the texts for copying in a tab.
        keyboard.tab_to("#canned")
        keyboard.type(Keys.ENTER)
        browser.wait(lambda: len(browser.driver.window_handles) == 2)
        browser.driver.switch_to.window(browser.driver.window_handles[-1])
        browser.wait(lambda: "+15550144, take the stairs." in browser.text())
