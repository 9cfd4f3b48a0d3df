"""Tests of the search field of the desk if the search is on. `test_pages.py` has those without."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from itertools import count
from typing import Any

import pytest
from flask import Flask

from itsm_app.desk import find_views
from itsm_app.search import query
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import AGENT, Desk
from ..support.exhaustive import one_per_path
from ..tickets.test_retention import set_expiry
from .test_hostile_text import HOSTILE

pytestmark = ON_MOTO

Index = Callable[[str], None]
FileTicket = Callable[..., str]


def find(desk: Desk, text: str, **more: str) -> Any:
    return desk.client.get("/desk/find", query_string={"q": text, **more})


def shown(page: str) -> list[str]:
    """Return the ids of the tickets in the list."""
    return re.findall(r'rowheader"><a href="/desk/tickets/([\w-]{36})"', page)


def matches(page: str) -> list[tuple[str, str]]:
    """Return where each match is, and its text as HTML."""
    return re.findall(r"<li><b>([^<]*):</b> <bdi>(.*?)</bdi></li>", page)


@pytest.fixture
def file_ticket(desk_app: Flask) -> FileTicket:
    """Return a function that creates a ticket. The tickets have the same numbers in each run."""
    keys = count()

    def file_ticket(text: str = "My printer is on fire", caller: str = "+15550100") -> str:
        key = str(next(keys))
        body = {"caller_id": caller, "issue_description": text, "idempotency_key": key}
        response = desk_app.test_client().post("/tickets", json=body, headers={"x-api-key": AGENT})
        return str(response.json["ticket_id"])

    return file_ticket


@pytest.fixture
def ticket(file_ticket: FileTicket, index: Index) -> str:
    ticket = file_ticket()
    index(ticket)
    return ticket


def test_number_and_id_open_the_ticket(anna: Desk, ticket: str) -> None:
    number = Ticket.get(ticket).ticket_number
    for text in (number, number.replace("-", ""), f" {number.replace('-', ' ')} ", ticket):
        response = find(anna, text)
        assert (response.status_code, response.location) == (303, f"/desk/tickets/{ticket}")


def test_results_show_where_the_words_are(
    anna: Desk,
    file_ticket: FileTicket,
    index: Index,
    change: Callable[..., None],
    call: Callable[..., None],
) -> None:
    ticket = file_ticket("The café's printer is on fire", "+15550188")
    call(ticket, comment="Printer & fax", handover={"reason": "printer"})
    change(ticket, comment="A printer from 2019", visibility="internal", priority="high")
    change(ticket, assignee="bob")
    index(ticket)
    page = find(anna, "PRINTER").text
    assert shown(page) == [ticket]
    assert matches(page) == [
        ("Description", "The café&#39;s <mark>printer</mark> is on fire"),
        ("Comment", "<mark>Printer</mark> &amp; fax"),
        ("Internal note", "A <mark>printer</mark> from 2019"),
    ]
    for text in ("High", "<bdi>bob</bdi>", "<bdi>+15550188</bdi>", "Results for <bdi>PRINTER"):
        assert text in page
    number = Ticket.get(ticket).ticket_number
    assert matches(find(anna, "0188").text) == [("Caller", "+<mark>15550188</mark>")]
    assert matches(find(anna, number[-4:]).text) == [("Number", f"<mark>{number}</mark>")]
    assert matches(find(anna, "cafe 2019").text) == [
        ("Description", "The <mark>café</mark>&#39;s printer is on fire"),
        ("Internal note", "A printer from <mark>2019</mark>"),
    ]


def test_hand_over_is_named(
    anna: Desk, file_ticket: FileTicket, index: Index, call: Callable[..., None]
) -> None:
    ticket = file_ticket()
    call(ticket, handover={"summary": "Wants a technician"})
    index(ticket)
    page = find(anna, "technician").text
    assert matches(page) == [("Hand-over", "Wants a <mark>technician</mark>")]


def test_results_have_pages_newest_first(anna: Desk, file_ticket: FileTicket, index: Index) -> None:
    tickets = [file_ticket(f"Lift {number}") for number in range(12)]
    for each in tickets:
        index(each)
    page = find(anna, "lift").text
    assert shown(page) == tickets[::-1][:10]
    assert '<span class="count">10+</span>' in page
    assert "First page" not in page
    (url,) = re.findall(r'rel="next" href="([^"]*)"', page)
    page = anna.get(unescape(url)).text
    assert shown(page) == tickets[1::-1]
    assert '<span class="count">2</span>' in page
    assert "First page" in page
    assert "Next page" not in page


def test_page_without_results_leads_to_older_tickets(
    anna: Desk, file_ticket: FileTicket, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [file_ticket("The lift") for _ in range(8)]
    for each in tickets:
        index(each)
    for each in tickets[2:]:
        Ticket(each).update(actions=[Ticket.issue_description.set("x")])
    monkeypatch.setattr(query, "MAX_READS", 1)
    monkeypatch.setattr(find_views, "PAGE_RESULTS", "2")
    page = find(anna, "lift").text
    assert shown(page) == []
    assert "Older tickets were not searched yet." in page
    assert "Nothing found" not in page
    (url,) = re.findall(r'rel="next" href="([^"]*)"', page)
    (url,) = re.findall(r'rel="next" href="([^"]*)"', anna.get(unescape(url)).text)
    Ticket(tickets[1]).update(actions=[Ticket.issue_description.set("x")])
    Ticket(tickets[0]).update(actions=[Ticket.issue_description.set("x")])
    page = anna.get(unescape(url)).text
    assert "End of the list." in page
    assert "First page" in page


@pytest.mark.parametrize(
    ("text", "status", "sentence", "new_caller"),
    [
        ("", 200, "Enter a ticket number, a caller, or words.", None),
        (" \u200b", 200, "Enter a ticket number, a caller, or words.", None),
        ("no <b>", 200, "No ticket has all words and numbers of <bdi>no &lt;b&gt;</bdi>", ""),
        ("+15550000", 200, "No ticket has all words", "%2B15550000"),
        ("zoe@example.com", 200, "No ticket has all words", "zoe@example.com"),
        ("?!", 400, "The search text must have a letter or a digit.", ""),
        ("x" * 201, 400, "The search text must be a text of 1 to 200 characters", ""),
        ("1234-5678-9012", 400, "This is not a valid ticket number.", ""),
        # A digit is missing.
        ("1234-5678-901", 400, "This is not a valid ticket number.", ""),
        ("9017", 200, "No ticket has all words", "9017"),
    ],
)
def test_page_without_tickets_gives_advice(
    anna: Desk, ticket: str, text: str, status: int, sentence: str, new_caller: str | None
) -> None:
    response = find(anna, text)
    assert response.status_code == status
    assert sentence in response.text
    assert "The last four or more digits" in response.text
    assert ("Nothing found" in response.text) is (new_caller is not None)
    assert ("New ticket for this caller" in response.text) is bool(new_caller)
    if new_caller:
        assert f"/desk/new?caller_id={new_caller}" in response.text


@pytest.mark.parametrize(
    ("text", "is_misheard"),
    [
        ("1234-5678-9012", True),
        ("123456789012", True),
        ("+123456789012", False),
        ("89012", False),
    ],
)
def test_wrong_ticket_number_shows_its_error_and_what_was_found(
    anna: Desk, file_ticket: FileTicket, index: Index, text: str, is_misheard: bool
) -> None:
    ticket = file_ticket("Call me back", "+123456789012")
    index(ticket)
    response = find(anna, text)
    assert response.status_code == 200
    assert shown(response.text) == [ticket]
    assert ("This is not a valid ticket number." in response.text) is is_misheard


def test_cursor_of_another_search_is_rejected(anna: Desk, ticket: str) -> None:
    response = find(anna, "printer", cursor="x")
    assert response.status_code == 400
    assert "The link leads to a page of another list" in response.text


def test_expired_ticket_is_not_found(anna: Desk, ticket: str) -> None:
    assert shown(find(anna, "printer").text) == [ticket]
    set_expiry(ticket, 0)
    assert "Nothing found" in find(anna, "printer").text


def test_search_field_says_what_it_finds(anna: Desk, ticket: str) -> None:
    for path in ("/desk", "/desk/find", f"/desk/tickets/{ticket}"):
        page = anna.get(path).text
        assert 'placeholder="Number, caller or words"' in page
        assert "Find tickets by number, caller or words" in page


def test_search_field_without_a_search_index(anna: Desk) -> None:
    page = anna.get("/desk").text
    assert 'placeholder="Number or caller"' in page


@pytest.mark.parametrize("name", one_per_path(HOSTILE, lambda name: name in ("script", "bidi")))
def test_results_escape_hostile_text_in_every_field(
    anna: Desk,
    file_ticket: FileTicket,
    index: Index,
    call: Callable[..., None],
    change: Callable[..., None],
    name: str,
) -> None:
    text, short = HOSTILE[name], HOSTILE[name][:90]
    ticket = file_ticket(f"lift {text}"[:1000])
    caller = f"lift {short}"
    call(ticket, comment=f"{text[:300]} lift {text}"[:1000], handover={"summary": f"lift {short}"})
    change(ticket, comment=f"{text} lift {text}", visibility="internal", assignee=short)
    # Earlier releases stored caller ids with control and format characters.
    Ticket.get(ticket).update(actions=[Ticket.caller_id.set(caller)])
    index(ticket)
    pages = {text: find(anna, text) for text in ("lift", f"lift {short}", f"{short}")}
    assert shown(pages["lift"].text) == [ticket]
    for searched, response in pages.items():
        page = response.text
        assert response.status_code in (200, 400), searched
        assert "<script>" not in page
        assert "<img" not in page
        assert not re.search(r"<[^>]*\sonfocus=", re.sub(r'"[^"]*"', '""', page))
        assert "111111111" not in page
        assert len(response.data) < 50_000
        # A control character for the text direction must not affect the text after its element.
        for line in (line for line in page.split("\n") if "\u202e" in line):
            within = r'<bdi[^>]*>[^<]*(</?mark>[^<]*)*\u202e|dir="auto"|value="'
            assert re.search(within, line), (searched, line)


def test_full_page_of_the_longest_texts_is_under_50_kb(
    anna: Desk, file_ticket: FileTicket, index: Index, call: Callable[..., None]
) -> None:
    for _ in range(11):
        ticket = file_ticket('"' * 400 + " lift " + '"' * 400, "lift" + '"' * 90)
        call(ticket, comment='"' * 400 + " lift " + '"' * 400)
        Ticket(ticket).update(actions=[Ticket.assignee.set('"' * 100)])
        index(ticket)
    page = find(anna, "lift")
    assert len(shown(page.text)) == 10
    assert len(matches(page.text)) == 30
    assert len(page.data) < 50_000
