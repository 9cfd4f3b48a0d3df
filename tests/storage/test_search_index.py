"""Tests of the search index on each DynamoDB: what a ticket's changes leave in the table."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.search import indexing
from itsm_app.search.indexing import Indexed
from itsm_app.storage import items, search_index, search_table
from itsm_app.storage.search_index import SearchItem


@pytest.fixture
def _search(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "SEARCH_TABLE", SearchItem.Meta.table_name)
    search_table.create()


def state(ticket: str, rebuild: str | None = None) -> Indexed:
    return indexing.indexed(items.read(ticket), rebuild)


def found(client: FlaskClient, text: str) -> list[str]:
    response = client.get("/tickets", query_string={"q": text})
    return [each["ticket_id"] for each in response.json["tickets"]]


def listed(ticket: str) -> list[Any]:
    return [(each.tokens, each.rebuild) for each in search_index.tokens_of(ticket).values()]


@pytest.mark.usefixtures("_search")
def test_index_follows_a_ticket_from_its_creation_to_its_deletion(
    client: FlaskClient, caller: str
) -> None:
    word, later = (f"w{uuid4().hex}" for _ in range(2))
    # The postings take several requests.
    text = " ".join([word, *(f"{word[:20]}{number}" for number in range(60))])
    body = {"caller_id": caller, "issue_description": text[:1000]}
    ticket = str(client.post("/tickets", json=body).json["ticket_id"])
    first = state(ticket)
    for _ in range(2):
        indexing.apply(None, first)
        assert found(client, word) == [ticket]
        assert listed(ticket) == [(first.tokens, None)]
    client.post(f"/tickets/{ticket}/comments", json={"comment": later})
    second = state(ticket)
    indexing.apply(first, second)
    assert found(client, f"{word} {later} {caller[-4:]}") == [ticket]
    assert listed(ticket) == [(second.tokens, None)]
    indexing.apply(second, first)
    assert listed(ticket) == [(first.tokens, None)]
    assert found(client, later) == []
    search_index.write_postings(first.place, put=[], delete=[word])
    rebuilt = state(ticket, rebuild="r")
    indexing.apply(second, rebuilt)
    assert listed(ticket) == [(second.tokens, "r")]
    assert found(client, f"{word} {later}") == [ticket]
    no_words = rebuilt._replace(tokens=set())
    for before, after in ((rebuilt, no_words), (None, no_words)):
        indexing.apply(before, after)
        assert listed(ticket) == [(None, "r")]
    indexing.apply(no_words, second)
    indexing.apply(second, None)
    indexing.apply(no_words, None)
    assert listed(ticket) == []
    assert found(client, word) == []


@pytest.mark.usefixtures("_search")
def test_positions_are_read_page_by_page_newest_first() -> None:
    token = uuid4().hex
    places = [search_index.Place.of("shared-id", f"2026-01-0{day}") for day in range(1, 4)]
    for each in places:
        search_index.write_postings(each, [token], [])
    newest_first = [each.position for each in reversed(places)]
    shard = places[0].shard
    page, has_more = search_index.positions(token, shard, "~", 2)
    assert (page, has_more) == (newest_first[:2], True)
    assert search_index.positions(token, shard, page[-1], 2) == (newest_first[2:], False)
    assert search_index.positions(token, shard, newest_first[2], 2) == ([], False)
    assert search_index.positions(token, (shard + 1) % 4, "~", 2) == ([], False)
