"""Tests of the processing of changes: repetition, throttling, time-outs and parked changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app.changes.processing import MAX_ATTEMPTS, MIN_SECONDS
from itsm_app.search import check
from itsm_app.storage import canned_answers, notice, search_index
from itsm_app.storage.items import Item
from itsm_app.storage.models import Ticket
from itsm_app.storage.retry import MAX_ATTEMPTS as REQUEST_ATTEMPTS

from ..conftest import ON_MOTO, Log
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, answer, at, refuse
from ..support.moto_stream import MotoStream

pytestmark = ON_MOTO

CALLER = "+15550100"
SECRET = "Wolkenkuckucksheim"


def create(client: FlaskClient, text: str, caller: str = CALLER) -> str:
    body = {"caller_id": caller, "issue_description": text}
    return str(client.post("/tickets", json=body).json["ticket_id"])


def search(client: FlaskClient, text: str) -> list[str]:
    response = client.get("/tickets", query_string={"q": text})
    return [each["ticket_id"] for each in response.json["tickets"]]


def differences() -> list[Any]:
    return check.check(wait=lambda _: None).differences


def numbers(stream: MotoStream) -> list[str]:
    return [each["dynamodb"]["SequenceNumber"] for each in stream.records()]


def put(item: Item) -> None:
    """Store an item, which can be no valid ticket."""
    Ticket.connection().connection.client.put_item(TableName=Ticket.Meta.table_name, Item=item)


def poison(ticket: str) -> None:
    """Store a ticket without a description."""
    item = {"caller_id": SECRET, "created_at": "2026-11-25T00:00:00.000000Z"}
    put({name: {"S": value} for name, value in {**item, "ticket_id": ticket}.items()})


def test_changes_are_processed_in_order(client: FlaskClient, stream: MotoStream) -> None:
    tickets = [create(client, "The lift"), create(client, "The stairs")]
    client.post(f"/tickets/{tickets[0]}/comments", json={"comment": "No power"})
    assert canned_answers.replace([], 0)
    assert notice.replace({"text": "The lift"}, 0)
    assert len(stream.records()) == 5
    assert stream.process() == ([], 0)
    assert stream.records() == []
    assert search(client, "lift power") == tickets[:1]
    assert differences() == []


@pytest.mark.parametrize("operation", [exhaustive("UpdateItem"), "BatchWriteItem"])
def test_throttled_change_is_repeated_and_blocks_only_its_ticket(
    client: FlaskClient, stream: MotoStream, faults: FaultyDynamoDB, log: Log, operation: str
) -> None:
    tickets = [create(client, "The lift"), create(client, "The stairs")]
    client.post(f"/tickets/{tickets[0]}/comments", json={"comment": "No power"})
    expected = numbers(stream)
    throttled = at(operation, refuse("ThrottlingException"))
    faults.faults.extend([throttled] * REQUEST_ATTEMPTS)
    assert stream.process() == ([expected[0], expected[2]], 0)
    assert numbers(stream) == expected
    assert search(client, "stairs") == [tickets[1]]
    assert search(client, "power") == []
    (line,) = log.lines("change_delayed")
    assert line["cause"] == "ThrottlingException"
    assert stream.process() == ([], 0)
    assert search(client, "power") == [tickets[0]]
    assert differences() == []
    assert search_index.parked() == []


def test_items_that_dynamodb_did_not_process_are_sent_again(
    client: FlaskClient, stream: MotoStream, faults: FaultyDynamoDB
) -> None:
    create(client, "The lift")
    (record,) = stream.records()
    key = {"partition": {"S": "lift#0"}, "position": {"S": "x"}}
    left = {"UnprocessedItems": {"SEARCH": [{"PutRequest": {"Item": key}}]}}
    table = search_index.SearchItem.Meta.table_name
    body = json.dumps(left).replace("SEARCH", table).encode()
    faults.faults.append(at("BatchWriteItem", answer(body)))
    faults.operations.clear()
    faults.bodies.clear()
    assert stream.process() == ([], 0)
    assert faults.operations == ["UpdateItem", "BatchWriteItem", "BatchWriteItem"]
    assert faults.bodies[-1]["RequestItems"] == {table: [{"PutRequest": {"Item": key}}]}
    assert record


def test_rest_of_a_batch_is_left_if_there_is_too_little_time(
    client: FlaskClient, stream: MotoStream
) -> None:
    for number in range(4):
        create(client, f"Lift {number}")
    rest = numbers(stream)[1:]
    seconds = iter([MIN_SECONDS, MIN_SECONDS - 1, 0, 0])
    assert stream.process(lambda: next(seconds)) == (rest, 0)
    assert numbers(stream) == rest
    assert len(search(client, "lift")) == 1
    assert stream.process(lambda: MIN_SECONDS) == ([], 0)
    assert len(search(client, "lift")) == 4


def test_change_that_fails_repeatedly_is_parked(
    client: FlaskClient, stream: MotoStream, log: Log
) -> None:
    ticket = create(client, "The lift")
    stream.process()
    poison(ticket)
    create(client, "The stairs")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "No power"})
    Ticket(ticket).update(actions=[Ticket.assignee.set(SECRET)])
    expected = numbers(stream)
    failed = [expected[0], *expected[2:]]
    for _ in range(MAX_ATTEMPTS - 1):
        # Later changes of the ticket wait.
        assert stream.process() == (failed, 0)
        assert numbers(stream) == expected
        assert len(search(client, "stairs")) == 1
        assert search_index.parked() == []
    assert stream.process() == (failed[1:], 1)
    (parked,) = search_index.parked()
    assert (parked.position, parked.consumer, parked.ticket_id) == (expected[0], "search", ticket)
    assert parked.reason.startswith("AttributeError in tokens.py, line ")
    # The later changes of the ticket fail too.
    while stream.records():
        stream.process()
    assert {each.ticket_id for each in search_index.parked()} == {ticket}
    lines = log.lines("change_failed") + log.lines("change_parked")
    assert {line["attempts"] for line in lines} == {1, 2, 3}
    for text in (log.text, str([each.attribute_values for each in search_index.parked()])):
        assert SECRET not in text
    assert ticket not in log.text


def test_repaired_ticket_is_indexed_again(client: FlaskClient, stream: MotoStream) -> None:
    ticket = create(client, "The lift")
    stream.process()
    (found,) = Ticket.scan()
    poison(ticket)
    while stream.records():
        stream.process()
    found.issue_description = "The stairs"
    put(found.to_item())
    assert stream.process() == ([], 0)
    assert (search(client, "stairs"), search(client, "lift")) == ([ticket], [])
    assert differences() == []


def test_change_that_cannot_be_parked_is_repeated(
    client: FlaskClient, stream: MotoStream, faults: FaultyDynamoDB
) -> None:
    poison("broken")
    expected = numbers(stream)
    for _ in range(MAX_ATTEMPTS - 1):
        assert stream.process() == (expected, 0)
    faults.faults.append(at("PutItem", refuse("AccessDeniedException")))
    assert stream.process() == (expected, 0)
    assert stream.process() == ([], 1)
    assert [each.ticket_id for each in search_index.parked()] == ["broken"]


def test_change_that_dynamodb_does_not_accept_is_parked(
    client: FlaskClient, stream: MotoStream, faults: FaultyDynamoDB
) -> None:
    ticket = create(client, SECRET)
    rejected = answer(
        b'{"__type": "com.amazonaws.dynamodb.v20120810#ValidationException",'
        b' "message": "' + SECRET.encode() + b'"}',
        400,
    )
    faults.faults.extend([at("UpdateItem", rejected)] * MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        outcome = stream.process()
    assert outcome == ([], 1)
    (parked,) = search_index.parked()
    assert (parked.ticket_id, parked.reason) == (ticket, "ValidationException")
