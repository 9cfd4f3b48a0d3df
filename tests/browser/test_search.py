"""Tests of the search in a browser: `flask run` follows the tickets with its search index."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ..support.browser import Browser, chromium
from ..support.desk import AGENT, ANNA
from ..support.desk_server import SEARCH_SECONDS, Open, Server
from ..support.layout import hidden_focus, page_faults
from .test_keyboard import BOTH, sign_in

pytestmark = pytest.mark.browser

FIELD = "Find tickets by number, caller or words"
LONG = "The toner " + "W" * 120 + " is empty, and the printer says so. " * 4
# Texts of all directions, and longer ones than a row has room for.
TEXTS = {
    "issue_description": f"Toner {LONG}",
    "comment": f"\u05d4\u05d8\u05d5\u05e0\u05e8 Toner 0x80070005 \u05e8\u05d9\u05e7 {LONG}",
    "note": f"{'Please order a new one. ' * 5} Toner, https://example.com/{'toner/' * 30}",
}


def create_long_ticket(server: Server) -> None:
    body = {"caller_id": "toner@example.com", "issue_description": TEXTS["issue_description"]}
    ticket = server.request("POST", "/tickets", AGENT, json=body)["ticket_id"]
    path = f"/tickets/{ticket}"
    server.request("POST", f"{path}/comments", AGENT, json={"comment": TEXTS["comment"]})
    note = {"comment": TEXTS["note"], "visibility": "internal", "assignee": "w" * 100}
    server.request("PATCH", path, json=note)


def results(browser: Browser) -> list[str]:
    """Return the URLs of the results."""
    links = browser.driver.find_elements(By.CSS_SELECTOR, "#list tbody th a")
    return [str(each.get_attribute("href")) for each in links]


@BOTH
def test_word_of_an_answer_finds_its_ticket_within_5_seconds(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    ticket = server.create_ticket()
    word = f"quokka{javascript}"
    with open_browser(javascript=javascript) as browser:
        browser.sign_in(ANNA)
        browser.go(f"/desk/tickets/{ticket}")
        browser.type("Answer", f"Ask for the {word}!")
        browser.press("Send answer")
        deadline = monotonic() + SEARCH_SECONDS
        browser.type(FIELD, word.upper())
        browser.press("Find")
        while not results(browser):
            assert monotonic() < deadline
            browser.press("Find")
        assert results(browser) == [f"{server.url}/desk/tickets/{ticket}"]
        (mark,) = browser.driver.find_elements(By.TAG_NAME, "mark")
        assert mark.text == word
        assert f"Comment: Ask for the {word}!" in browser.text()


@BOTH
def test_keyboard_finds_and_opens_a_ticket(
    server: Server, open_browser: Open, javascript: bool
) -> None:
    word = f"numbat{javascript}"
    tickets = [server.create_ticket(description=f"{word} {number}") for number in range(3)]
    server.await_search(word, 3)
    with open_browser(javascript=javascript) as browser:
        keyboard = sign_in(browser, "/desk")
        if javascript:
            keyboard.type("/")
        else:
            keyboard.tab_to("#find")
        keyboard.type(word)
        keyboard.open(Keys.ENTER)
        assert [each.rpartition("/")[2] for each in results(browser)] == tickets[::-1]
        if javascript:
            keyboard.type("jj")
        else:
            keyboard.tab_to(f'#list a[href*="{tickets[1]}"]')
        keyboard.open(Keys.ENTER)
        assert browser.path().endswith(tickets[1])
        if javascript:
            assert browser.find("#up").text == f"Results for {word}"
            keyboard.open("j")
            assert browser.path().endswith(tickets[0])
            keyboard.open("u")
            assert browser.path() == "/desk/find"


def test_results_fit_every_width_and_are_accessible(server: Server, tmp_path: Path) -> None:
    for _ in range(11):
        create_long_ticket(server)
    server.await_search("toner", 10)
    found: list[str] = []
    with chromium(server.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        browser.go("/desk/find?q=toner")
        assert len(results(browser)) == 10
        found += page_faults(browser, "results")
        found += hidden_focus(browser)
        browser.press("Next page")
        assert len(results(browser)) == 1
        assert "First page" in browser.buttons()
        for name, query in {"nothing": "wombat", "advice": "", "misheard": "123456789012"}.items():
            browser.go(f"/desk/find?q={query}")
            found += page_faults(browser, name)
    assert "\n".join(sorted(set(found))) == ""
