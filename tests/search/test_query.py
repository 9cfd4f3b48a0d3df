"""Tests of queries: pages, cursors, tickets that have changed, and highlights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from itsm_app import config
from itsm_app.search import candidates, matches, tokens
from itsm_app.storage import search_index
from itsm_app.storage.models import Ticket
from itsm_app.storage.search_index import Place

from ..support.exhaustive import exhaustive
from .conftest import Store


def page(store: Store, text: str, **parameters: Any) -> tuple[list[str], str | None]:
    """Return the ids on a page, and the cursor of the next page."""
    response = store.client.get("/tickets", query_string={"q": text, **parameters})
    assert response.status_code == 200, response.json
    ids = [each["ticket_id"] for each in response.json["tickets"]]
    return ids, response.json.get("next_cursor")


def pages(
    store: Store, text: str, limit: int, between: Callable[[], Any] = lambda: None
) -> list[list[str]]:
    """Return the ids on all pages. Call a function between two pages."""
    found: list[list[str]] = []
    ids, cursor = page(store, text, limit=limit)
    while cursor:
        found.append(ids)
        between()
        ids, cursor = page(store, text, limit=limit, cursor=cursor)
    return [*found, ids]


def shards(tickets: list[str]) -> set[int]:
    return {Place(each, "").shard for each in tickets}


@pytest.fixture
def tickets(store: Store) -> list[str]:
    """Create tickets in all shards, and return those with both words, newest first."""
    found: list[str] = []
    while len(found) < 8 or len(shards(found)) < search_index.SHARDS:
        store.create("The red door")
        found.insert(0, store.create(f"The red lift {len(found)}"))
        store.create("The blue lift")
    store.process()
    while store.records():
        store.process()
    return found


@pytest.mark.parametrize("limit", [3, *map(exhaustive, (1, 7, 100))])
def test_pages_have_each_ticket_once_while_tickets_are_created(
    store: Store, tickets: list[str], limit: int
) -> None:
    def create() -> None:
        store.create("A red lift")
        store.process()

    found = pages(store, "lift red", limit, create)
    assert [len(each) for each in found[:-1]] == [limit] * (len(found) - 1)
    assert [*chain(*found)] == tickets
    newest, *_ = page(store, "lift red")
    assert len([each for each in newest if each not in tickets]) == min(10, len(found) - 1)


@pytest.mark.exhaustive
def test_full_page_reads_more_tickets_than_one_request_can_return(store: Store) -> None:
    tickets: list[str] = []
    for _ in range(101):
        tickets.insert(0, store.create("The lift"))
    while store.records():
        store.process()
    assert pages(store, "lift", 100) == [tickets[:100], tickets[100:]]


def test_search_goes_on_after_it_has_read_as_many_pages_as_it_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words are frequent, but only the oldest and the newest ticket have both."""
    texts = ["The red lift", *["The red door", "The blue lift"] * 15, "The red lift"]
    created = [store.create(text) for text in texts]
    while store.records():
        store.process()
    assert pages(store, "red lift", 10) == [[created[-1], created[0]]]
    for name, value in (("MAX_PAGES", 9), ("FIRST_PAGE", 1), ("MAX_PAGE", 1)):
        monkeypatch.setattr(candidates, name, value)
    found = pages(store, "red lift", 10)
    assert [*chain(*found)] == [created[-1], created[0]]
    assert [] in found[:-1]
    assert len(found) < 40
    ids, cursor = page(store, "red lift", limit=1)
    assert (ids, bool(cursor)) == ([created[-1]], True)


def test_merged_tickets_are_both_found(store: Store) -> None:
    """The duplicate is closed, and keeps its texts."""
    survivor, duplicate = store.create("The red lift"), store.create("The red lift, again")
    response = store.client.patch(f"/tickets/{duplicate}", json={"duplicate_of": survivor})
    number = response.json["ticket_number"]
    store.process()
    assert store.search("red lift") == [duplicate, survivor]
    assert store.search("again") == [duplicate]
    assert store.search(number) == [duplicate]


@pytest.mark.exhaustive
def test_ticket_with_an_outdated_posting_takes_no_place_on_a_page(
    store: Store, tickets: list[str]
) -> None:
    for each in tickets[1::2]:
        Ticket(each).update(actions=[Ticket.issue_description.set("x")])
    assert pages(store, "red lift", 2)[0] == tickets[:4:2]
    assert [*chain(*pages(store, "red lift", 2))] == tickets[::2]


LONG = "word " * 30
# Texts, what is searched for, and the match, with the highlights in brackets.
HIGHLIGHTS = [
    ("The lift", "lift", "The [lift]"),
    ("Lift LIFT lifts", "lift", "[Lift] [LIFT] lifts"),
    ("A\nlift\twith\u00a0doors", "lift", "A [lift] with doors"),
    ("Cafe\u0301s", "cafés", "[Cafe\u0301s]"),
    ("Call 030/1234567 now", "4567", "Call [030/1234567] now"),
    ("Call 030/1234567 now", "30 1234567", "Call [030/1234567] now"),
    ("東京都の電源", "京都", "東[京都]の電源"),
    ("東京都の電源", "東京都", "[東京都]の電源"),
    ("東京都の電源", "京", "東[京]都の電源"),
    ("東京都の電源", "東京 京都", "[東京都]の電源"),
    ("東京東京東京", "東京東", "[東京東]京東京"),
    ("ㅋㅋㅋㅋ", "ㅋㅋㅋ", "[ㅋㅋㅋ]ㅋ"),
    ("ㅋㅋㅋㅋ", "ㅋㅋ", "[ㅋㅋㅋㅋ]"),
    (LONG + "lift " + LONG, "lift", "…" + LONG[-35:] + "[lift] " + LONG[:120] + "…"),
    ("x" * 60 + "東" + "x" * 90, "東", "…" + "x" * 40 + "[東]" + "x" * 90),
    ("x" * 60 + "東" + "x" * 190, "東", "…" + "x" * 40 + "[東]" + "x" * 119 + "…"),
    ("lift " + "x" * 200 + " lift", "lift", "[lift] " + "x" * 155 + "…"),
    ("x" * 200, "x" * 200, "[" + "x" * 160 + "]…"),
    ("x" * 40, "x" * 41, "[" + "x" * 40 + "]"),
]


@pytest.mark.parametrize(("text", "query", "expected"), HIGHLIGHTS)
def test_match_shows_where_the_words_are(text: str, query: str, expected: str) -> None:
    ticket = Ticket(caller_id="a", issue_description=text)
    ((found_in, shown, highlights),) = matches.find(ticket, tokens.of_query(query))
    assert found_in == "description"
    for start, end in reversed(highlights):
        shown = f"{shown[:start]}[{shown[start:end]}]{shown[end:]}"
    assert shown == expected


def test_result_has_the_first_matches_of_many(store: Store) -> None:
    ticket = store.create("A lift", "lift")
    for number in range(3):
        body = {"comment": f"lift {number}"}
        store.client.post(f"/tickets/{ticket}/comments", json=body)
    store.process()
    response = store.client.get("/tickets", query_string={"q": "lift 2"})
    (found,) = response.json["tickets"]
    assert [each["text"] for each in found["matches"]] == ["lift", "A lift", "lift 0"]


def test_with_a_caller_secret_the_plain_id_finds_the_callers_tickets(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts that contain the number are found, too, and a page has each ticket once."""
    monkeypatch.setattr(config, "CALLER_SECRET", "s" * 32)
    expected: list[str] = []
    for number in range(3):
        expected.insert(0, store.create("It rains in", "+15550142"))
        expected.insert(0, store.create(f"Call +1 555 0142 back, {number}", "+15550143"))
        store.create("It rains in", "+15550144")
    expected.insert(0, store.create("My number is +15550142", "+15550142"))
    while store.records():
        store.process()
    for limit in (2, 100):
        assert [*chain(*pages(store, "+15550142", limit))] == expected
    pseudonym = Ticket.get(expected[0]).caller_id
    assert store.search(pseudonym) == [expected[0], *expected[2::2]]
    assert store.search("+15550149") == []
    # A part of the number is only found in texts.
    assert store.search("0142") == [expected[0], *expected[1::2]]
    (match,) = store.client.get("/tickets?q=%2B15550142").json["tickets"][0]["matches"]
    assert (match["found_in"], match["text"]) == ("caller", pseudonym)
    assert match["highlights"] == [{"start": 0, "end": len(pseudonym)}]
    assert store.search("a\x00") == []
