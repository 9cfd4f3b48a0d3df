"""Tests of places: the queue and the position of a ticket agree with its other fields."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.storage import items
from itsm_app.tickets import erasure, places
from itsm_app.tickets.imports import import_item

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply

PLACE = ("queue", "queue_position")
HANDOVER = {"reason": "asks", "summary": "Says the secret word", "contact_id": "secret-contact"}


def item_of(ticket: str) -> items.Item:
    item = items.read_item(ticket)
    assert item
    return item


def without_place(item: items.Item) -> items.Item:
    return {name: value for name, value in item.items() if name not in PLACE}


def change(client: FlaskClient, ticket: str, **fields: Any) -> None:
    assert client.patch(f"/tickets/{ticket}", json=fields).status_code == 200


def comment(client: FlaskClient, ticket: str, **fields: Any) -> None:
    body = {"comment": "Hello?", **fields}
    assert client.post(f"/tickets/{ticket}/comments", json=body).status_code == 200


@ON_MOTO
@pytest.mark.parametrize("state", ["resolved", "waiting"])
def test_priority_that_changes_between_read_and_write_decides_the_place(
    client: FlaskClient, ticket: str, faults: FaultyDynamoDB, state: str
) -> None:
    if state == "resolved":
        change(client, ticket, status="resolved")
    else:
        comment(client, ticket, handover=HANDOVER)

    def change_priority_first(engine: FaultyDynamoDB) -> Any:
        change(client, ticket, priority="urgent")
        return apply(engine)

    faults.faults.extend([apply, change_priority_first])
    change(client, ticket, status="in_progress", assignee="anna")
    item = item_of(ticket)
    assert item["priority"] == {"S": "urgent"}
    assert item == places.with_place(without_place(item))


@pytest.mark.parametrize("status", ["open", "resolved", "closed"])
def test_erasure_keeps_the_place_and_erases_notes_and_hand_overs(
    client: FlaskClient, caller: str, status: str
) -> None:
    body = {"caller_id": caller, "issue_description": "x", "handover": HANDOVER}
    ticket = client.post("/tickets", json=body).json["ticket_id"]
    change(client, ticket, comment="A secret note", visibility="internal", priority="high")
    if status != "open":
        change(client, ticket, status=status)
    before = item_of(ticket)
    assert erasure.erase(ticket, {caller})
    item = item_of(ticket)
    assert "secret" not in str(item)
    assert {name: item.get(name) for name in PLACE} == {name: before.get(name) for name in PLACE}
    (note,), (handover,) = item["notes"]["L"], item["handovers"]["L"]
    assert note["M"]["comment_text"] == {"S": erasure.ERASED}
    assert handover["M"].keys() == {"handover_id", "requested_at", "requested_by"}
    assert handover["M"]["handover_id"] != before["handovers"]["L"][0]["M"]["handover_id"]
    shown = client.get(f"/tickets/{ticket}").json
    assert shown["handover"]["status"] == ("waiting" if status == "open" else "taken")


@pytest.mark.parametrize("fields", [{}, {"assignee": "anna"}, {"status": "resolved"}])
def test_import_gives_a_ticket_of_an_earlier_release_a_place(
    client: FlaskClient, ticket: str, fields: dict[str, str]
) -> None:
    if fields:
        change(client, ticket, **fields)
    stored = item_of(ticket)
    older = without_place(stored) | {"ticket_id": {"S": f"{ticket}-older"}}
    assert import_item(older) == "imported"
    imported = item_of(f"{ticket}-older")
    assert {name: imported.get(name) for name in PLACE} == {
        name: stored.get(name) for name in PLACE
    }
    assert import_item(older) == "unchanged"


def test_import_places_a_ticket_with_the_priority_of_another_system(
    client: FlaskClient, ticket: str
) -> None:
    older = without_place(item_of(ticket)) | {"priority": {"S": "critical"}}
    assert import_item(older | {"ticket_id": {"S": f"{ticket}-other"}}) == "imported"
    assert item_of(f"{ticket}-other")["queue_position"]["S"].startswith("3 ")


def test_import_keeps_notes_hand_overs_and_the_wait(client: FlaskClient, ticket: str) -> None:
    comment(client, ticket, handover=HANDOVER)
    change(client, ticket, comment="A secret note", visibility="internal")
    copy = item_of(ticket) | {"ticket_id": {"S": f"{ticket}-copy"}}
    assert import_item(copy) == "imported"
    assert item_of(f"{ticket}-copy") == copy
    shown = client.get(f"/tickets/{ticket}-copy").json
    assert shown["handover"] == client.get(f"/tickets/{ticket}").json["handover"]
    assert [each.get("visibility") for each in shown["comments"]] == [None, "internal"]
