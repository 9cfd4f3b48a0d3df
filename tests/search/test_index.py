"""Tests that the search index has exactly what the tickets have, after each change of a ticket."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from itsm_app.changes import processing
from itsm_app.search import check, tokens
from itsm_app.storage import canned_answers, items, notice, search_index
from itsm_app.storage.models import Ticket
from itsm_app.storage.search_index import Place
from itsm_app.tickets import erasure

from ..support.exhaustive import exhaustive
from .conftest import Store, differences

CALLER = "+442079460018"


def comment(store: Store, ticket: str) -> None:
    handover = {"reason": "angry", "summary": "technician"}
    body = {"comment": "The Café is closed", "handover": handover}
    assert store.client.post(f"/tickets/{ticket}/comments", json=body).status_code == 200


def note(store: Store, ticket: str) -> None:
    body = {"comment": "Internal 東京都", "visibility": "internal"}
    assert store.client.patch(f"/tickets/{ticket}", json=body).status_code == 200


def merge(store: Store, ticket: str) -> None:
    survivor = store.create("The survivor", CALLER)
    body = {"duplicate_of": survivor}
    assert store.client.patch(f"/tickets/{ticket}", json=body).status_code == 200


def change_description(store: Store, ticket: str) -> None:
    Ticket(ticket).update(actions=[Ticket.issue_description.set("Stairs")])


def change_caller(store: Store, ticket: str) -> None:
    Ticket(ticket).update(actions=[Ticket.caller_id.set("+15550188")])


def erase(store: Store, ticket: str) -> None:
    assert erasure.erase(ticket, {str(Ticket.get(ticket).caller_id)})


def delete(store: Store, ticket: str) -> None:
    Ticket(ticket).delete()


def expire(store: Store, ticket: str) -> None:
    Ticket(ticket).update(actions=[Ticket.expires_at.set(1)])
    store.engine._next_cleanup = 0
    store.create("Another ticket")
    (removed,) = [each for each in store.records() if each["eventName"] == "REMOVE"]
    assert removed["userIdentity"]["type"] == "Service"


def replace(store: Store, ticket: str) -> None:
    """Store a new ticket in place of an expired ticket with the same id."""
    item = items.read_item(ticket)
    Ticket(ticket).delete()
    items.put_item_if_missing({**item, "created_at": {"S": "2026-02-09T12:20:25.343883Z"}})


# Each change, the queries that find the ticket after it, and those that do not.
CHANGES: dict[Callable[[Store, str], None], tuple[str, str]] = {
    comment: ("lift cafe technician angry 0018", "stairs"),
    note: ("東京 internal", "customer"),
    merge: ("lift 0018", "survivor"),
    change_description: ("stairs cafe", "lift"),
    change_caller: ("15550188 stairs", "0018"),
    replace: ("stairs 0188", "lift"),
    erase: ("", "stairs cafe 東京 technician 0188"),
    delete: ("", "stairs erased"),
}
STEPS = [comment, note, change_description, change_caller, replace, erase]


@pytest.mark.parametrize("steps", [STEPS, [merge, delete], [expire]], ids=["all", "delete", "x"])
def test_index_follows_each_change(store: Store, steps: list[Any]) -> None:
    ticket = store.create("The lift is stuck", CALLER)
    store.process()
    assert store.search("lift stuck") == [ticket]
    for step in steps:
        step(store, ticket)
        store.process()
        assert differences() == [], step
        found, missing = CHANGES.get(step, ("", "lift"))
        for text in found.split():
            assert ticket in store.search(text), (step, text)
        for text in missing.split():
            assert ticket not in store.search(text), (step, text)


def index_text() -> str:
    """Return everything that the index contains."""
    found = [
        (each.partition, each.position, sorted(each.tokens or ())) for each in search_index.scan()
    ]
    return str(sorted(found))


def place_of(ticket: str) -> Place:
    return Place.of(ticket, str(Ticket.get(ticket).created_at))


PRIVATE = ("wolkenkuckucksheim", "technician", "京都", "79460018")


@pytest.mark.parametrize("end", [erase, delete, expire])
def test_index_has_nothing_of_a_ticket_that_is_gone(
    store: Store, end: Callable[[Store, str], None]
) -> None:
    ticket = store.create("Wolkenkuckucksheim", CALLER)
    comment(store, ticket)
    note(store, ticket)
    store.process()
    text = index_text()
    assert [each for each in PRIVATE if each not in text] == []
    end(store, ticket)
    store.process()
    text = index_text()
    assert [each for each in PRIVATE if each in text] == []
    assert (ticket in text) is (end is erase)
    assert differences() == []


@pytest.mark.parametrize("stride", [4, exhaustive(1)])
def test_repeated_changes_lead_to_the_same_index(store: Store, stride: int) -> None:
    """Lambda repeats a batch from the first unfinished change on, and can end in any call."""
    first, second = store.create("The lift is stuck", CALLER), store.create("No power")
    for step in STEPS:
        step(store, first)
    comment(store, second)
    delete(store, second)
    records = store.process()
    assert len(records) > len(STEPS)
    expected = index_text()
    for start in range(0, len(records), stride):
        for each in (records[start : start + 1], records[start:]):
            assert processing.process(each, lambda: inf) == ([], 0)
        assert index_text() == expected
    assert differences() == []


def test_rebuild_reaches_a_ticket_without_words(store: Store) -> None:
    """Tickets of release 0.1 have no number."""
    ticket = store.create("?!", "?")
    Ticket(ticket).update(actions=[Ticket.ticket_number.remove()])
    store.process()
    assert items.touch(ticket, "rebuild 1")
    store.process()
    assert [each.rebuild for each in search_index.tokens_of(ticket).values()] == ["rebuild 1"]
    assert differences() == []
    change_description(store, ticket)
    store.process()
    assert store.search("stairs") == [ticket]
    Ticket(ticket).update(actions=[Ticket.issue_description.set("?")])
    store.process()
    assert differences() == []
    delete(store, ticket)
    store.process()
    assert ticket not in index_text()


def test_ticket_with_too_many_tokens_is_deleted_from_the_index(store: Store) -> None:
    """The list of the tokens would be larger than 400 KB."""
    ticket = store.create("The lift")
    store.process()
    numbers = " ".join(f"{10**14 + number * 7919}," for number in range(2500))
    Ticket(ticket).update(actions=[Ticket.issue_description.set(numbers)])
    store.forget()
    delete(store, ticket)
    store.process()
    assert ticket not in index_text()


# What is wrong with the index, and what the check finds: missing, extra and unlisted postings.
PLANTED: dict[str, tuple[int, int, int]] = {
    "missing posting": (1, 0, 0),
    "extra posting": (0, 1, 1),
    "other posting": (1, 1, 1),
    "unlisted token": (0, 0, 1),
    "extra token": (0, 1, 0),
    "posting of no ticket": (0, 1, 1),
    "tokens of no ticket": (0, 1, 0),
    "posting at another time": (0, 1, 1),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_check_finds_every_kind_of_difference(store: Store, kind: str) -> None:
    tickets = [store.create("The lift"), store.create("The stairs")]
    store.process()
    place = place_of(tickets[0])
    if kind in ("missing posting", "other posting"):
        search_index.write_postings(place, [], ["lift"])
    if kind in ("extra posting", "other posting"):
        search_index.write_postings(place, ["other"], [])
    if kind == "unlisted token":
        search_index.remove_tokens(place, ["lift"])
    if kind == "extra token":
        search_index.add_tokens(place, ["secret"], None)
    if kind.endswith("no ticket"):
        place = Place.of("no-ticket", place.position[:27])
    if kind == "posting at another time":
        place = Place.of(tickets[0], "2026-02-09T12:20:25.343883Z")
    if kind in ("posting of no ticket", "posting at another time"):
        search_index.write_postings(place, ["lift"], [])
    if kind == "tokens of no ticket":
        search_index.add_tokens(place, ["lift"], None)
    assert differences() == [(place.ticket_id, *PLANTED[kind])]


def test_check_waits_for_changes_that_are_processed_meanwhile(store: Store) -> None:
    ticket = store.create("The lift")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        store.process()

    assert check.check(wait).differences == []
    assert waits == [check.WAIT_SECONDS]
    assert store.search("lift") == [ticket]


def test_check_names_tickets_that_cannot_be_read(store: Store) -> None:
    tickets = [store.create("The lift"), store.create("The stairs")]
    store.process()
    item: dict[str, Any] = {"ticket_id": {"S": tickets[0]}}
    Ticket.connection().connection.client.put_item(TableName=Ticket.Meta.table_name, Item=item)
    report = check.check(wait=lambda _: None)
    assert (report.tickets, report.differences) == (2, [])
    assert report.unreadable == [tickets[0]]


def test_check_counts_tickets_and_postings(store: Store) -> None:
    ticket = store.create("The lift")
    assert canned_answers.replace([], seen_revision=0)
    assert notice.replace({"text": "The lift"}, seen_revision=0)
    store.process()
    number = str(Ticket.get(ticket).ticket_number)
    postings = {"the", "lift"} | tokens.of_number("+15550100") | tokens.of_number(number)
    assert check.check() == (1, len(postings), [], [])
