"""Tests of the door for flows of Amazon Connect, with events as the Lambda gets them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from itsm_app import config
from itsm_app.api import optional_requests
from itsm_app.config import InvalidSetting
from itsm_app.connect.door import Door
from itsm_app.storage import items
from itsm_app.storage.export_format import from_line, to_line
from itsm_app.storage.models import Ticket
from itsm_app.tickets import erasure

from ..conftest import ON_MOTO, Log, shared_app
from ..support import contact_tries
from ..support.contact_tries import Try
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, at, refuse
from . import contact_events
from .contact_events import (
    ANNA,
    BOBS,
    CARL,
    CASES,
    CONTACT,
    INSTANCE,
    LONG,
    OLD,
    OTHER_INSTANCE,
    PRINTER,
    Case,
    changed,
    comparable,
    event,
    ticket_id,
)

pytestmark = [ON_MOTO, pytest.mark.usefixtures("engine")]

WORDS = {"issue_description": "It rains in"}
# One case for each path through the door.
FAST = {
    "voice",
    "new caller",
    "caller is an object",
    "no endpoint",
    "address 'anonymous'",
    "task",
    "status",
    "list",
    "list by status",
    "withheld list",
    "empty list",
    "create",
    "create with a step",
    "create with a key",
    "comment",
    "hand over a ticket",
    "hand over a new problem",
    "hand over nothing",
    "another caller",
    "unknown operation",
    "unknown instance",
    "only a name",
    "misheard",
}
FIRST_TRIES = {each.label for each in contact_tries.TRIES[:: len(contact_tries.TRIES) // 3]}


@pytest.fixture(autouse=True)
def _stored(engine: str) -> None:
    contact_events.store()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(config, "CONNECT_INSTANCES", f"{INSTANCE}, {INSTANCE[:-2]}00,")
    return Door(shared_app())


def respond(door: Door, event: Any) -> dict[str, str]:
    """Send an event, and check that Amazon Connect accepts the response."""
    response = door.respond(event, "request-1")
    assert all(type(each) is str for pair in response.items() for each in pair)
    assert len(json.dumps(response)) <= 32_000
    return response


@pytest.mark.parametrize(
    "case",
    one_per_path(CASES, lambda case: case.label in FAST),
    ids=lambda case: case.label,
)
def test_event_gets_exactly_this_response(door: Door, case: Case) -> None:
    assert comparable(respond(door, case.event)) == case.response


TOLD = {"notice": "E-mail is down", "notice_ends_at": "NOW"}
SPOKEN = "E-mail is down. "


@pytest.mark.parametrize(
    "label",
    one_per_path(
        [
            "voice",
            "new caller",
            "no endpoint",
            "list",
            "empty list",
            "withheld list",
            "create",
            "create, withheld",
        ],
        lambda label: label in ("voice", "no endpoint", "list", "create"),
    ),
)
def test_responses_have_the_notice_and_say_it_first(door: Door, label: str) -> None:
    (case,) = [each for each in CASES if each.label == label]
    client = shared_app().test_client()
    posted = client.put("/notice", json={"text": "E-mail is down", "minutes": 5})
    assert posted.status_code == 200
    expected = {**case.response, **TOLD, "say": SPOKEN + case.response["say"]}
    assert comparable(respond(door, case.event)) == expected
    ended = client.delete("/notice")
    assert ended.json == {}
    assert "notice" not in respond(door, case.event)


def test_caller_joins_the_incident_of_the_notice(door: Door) -> None:
    client = shared_app().test_client()
    sent = event("create_ticket", issue_description="No e-mail", join_notice="true")
    rejected = respond(door, sent)
    assert (rejected["code"], rejected["retryable"]) == ("no_notice", "false")
    assert rejected["say"].startswith("There is no known problem that you can join.")
    posted = {"text": "x" * 300, "minutes": 5, "ticket_number": BOBS}
    assert client.put("/notice", json=posted).status_code == 200
    joined, plain = (
        respond(door, event("create_ticket", issue_description="No e-mail", join_notice=each))
        for each in ("true", "false")
    )
    assert joined["notice_ticket_number"] == BOBS
    assert joined["say"].startswith("x" * 300 + ". I have created a ticket")
    number = joined["ticket_number"]
    assert client.get(f"/tickets/{number}").json["parent"] == BOBS
    assert client.get(f"/tickets/{BOBS}").json["children"] == [number]
    assert "parent" not in client.get(f"/tickets/{plain['ticket_number']}").json
    status = respond(door, event("get_ticket_status", ticket_number=number))
    assert BOBS not in status.values()
    wrong = respond(door, event("create_ticket", issue_description="x", join_notice="yes"))
    assert wrong["code"] == "invalid_field"
    assert "`join_notice` must be true or false" in wrong["error"]


def test_table_is_complete() -> None:
    assert len(CASES) >= 60
    labels = {case.label for case in CASES}
    assert len(labels) == len(CASES)
    assert labels >= FAST
    assert len(contact_tries.TRIES) >= 200


@pytest.mark.parametrize(
    "attempt",
    one_per_path(contact_tries.TRIES, lambda each: each.label in FIRST_TRIES),
    ids=lambda each: each.label,
)
def test_caller_cannot_become_another_caller(door: Door, attempt: Try) -> None:
    contact_tries.check(attempt, respond(door, attempt.event))


@pytest.mark.parametrize(
    ("customer", "data", "verified"),
    [
        (ANNA, {}, "number"),
        ("anonymous", {}, "none"),
        (ANNA, {"InitiationMethod": "WEBRTC_API"}, "none"),
        (ANNA, {"Channel": "TASK"}, "none"),
    ],
)
def test_only_the_telephone_network_verifies_a_caller(
    door: Door, customer: str, data: dict[str, str], verified: str
) -> None:
    """The parameters, which a model can fill in, do not."""
    claims = {"caller_verified": "pin", "X-Caller-Verified": "pin"}
    created = respond(door, changed(event("create_ticket", customer, **WORDS, **claims), **data))
    number = created["ticket_number"]
    sent = event("add_ticket_comment", customer, ticket_number=number, comment="x", **claims)
    added = respond(door, changed(sent, **data))
    assert (created["ok"], added["ok"]) == ("true", "true")
    ticket = Ticket.get(ticket_id(number))
    assert ticket.caller_verified == verified
    assert [each["caller_verified"] for each in ticket.comments] == [verified]
    assert "verified" not in json.dumps([created, added])


def test_redacts_what_a_caller_says(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "REDACT", "cards,passwords")
    said = "My password is sunshine, my card is 4111 1111 1111 1111"
    redacted = "My password is [password], my card is [card]"
    created = respond(door, event("create_ticket", issue_description=said))
    number = created["ticket_number"]
    added = respond(door, event("add_ticket_comment", ticket_number=number, comment=said))
    handed = respond(door, event("hand_over", ticket_number=number, summary=said))
    assert (added["ok"], handed["ok"]) == ("true", "true")
    ticket = Ticket.get(ticket_id(number))
    assert (ticket.issue_description, ticket.comments[0]["comment_text"]) == (redacted, redacted)
    assert ticket.handovers[0]["summary"] == redacted
    stored = json.dumps(Ticket.connection().scan())
    assert "sunshine" not in stored
    assert "1111" not in stored


def test_without_the_setting_every_event_is_rejected() -> None:
    for sent in (event("begin_call"), {"Name": "ContactFlowEvent"}):
        response = respond(Door(shared_app()), sent)
        assert (response["code"], response["request_id"]) == ("unknown_instance", "request-1")


@pytest.mark.parametrize("arn", ["x", INSTANCE[:40], f"{INSTANCE}*", f"{INSTANCE} {INSTANCE}"])
def test_rejects_a_malformed_setting(monkeypatch: pytest.MonkeyPatch, arn: str) -> None:
    monkeypatch.setattr(config, "CONNECT_INSTANCES", f"{INSTANCE},{arn}")
    with pytest.raises(InvalidSetting, match="Entry 2 of CONNECT_INSTANCES is malformed"):
        Door(shared_app())


NEW = event("create_ticket", **WORDS)


@pytest.mark.parametrize(
    "sent", [NEW, event("hand_over", issue_description="It rains in", reason="Upset")]
)
def test_three_attempts_create_one_ticket(
    door: Door, faults: FaultyDynamoDB, sent: dict[str, Any]
) -> None:
    """The first response is lost after the write, as if Amazon Connect had not waited for it."""
    faults.faults.append(apply_and_drop)
    responses = [respond(door, sent) for _ in range(3)]
    assert len({each["ticket_number"] for each in responses}) == 1
    assert [each["replayed"] for each in responses] == ["false", "true", "true"]
    listed = respond(door, event("list_recent_tickets", status="open"))
    assert listed["ticket_count"] == "2"


@pytest.mark.parametrize("operation", ["create_ticket", "hand_over"])
def test_tells_of_similar_tickets(door: Door, operation: str) -> None:
    sent = event(operation, issue_description="The printer is on fire again")
    response = respond(door, sent)
    spoken = response["possible_duplicate_1_spoken_number"]
    prefix = "possible_duplicate_1_"
    assert {name: text for name, text in response.items() if "possible_" in name} == {
        "possible_duplicates": "1",
        f"{prefix}number": PRINTER,
        f"{prefix}spoken_number": spoken,
        f"{prefix}status": "open",
        f"{prefix}issue_description": "My printer is on fire",
        f"{prefix}created_at": OLD.format(1),
    }
    sentence = f"You already have a similar ticket, number {spoken}."
    assert (sentence in response["say"]) is (operation == "create_ticket")


def test_does_not_speak_of_a_ticket_without_a_number(door: Door) -> None:
    ticket = Ticket(
        ticket_id="old",
        caller_id=ANNA,
        issue_description="No coffee",
        created_at=OLD.format(6),
        updated_at=OLD.format(6),
    )
    assert items.put_new(ticket)
    response = respond(door, event("create_ticket", issue_description="No coffee"))
    assert response["possible_duplicate_1_created_at"] == OLD.format(6)
    assert "possible_duplicate_1_number" not in response
    assert "similar" not in response["say"]


def test_three_attempts_add_one_comment(door: Door) -> None:
    sent = event("add_ticket_comment", ticket_number=PRINTER, comment="It is out", step="3")
    assert [respond(door, sent)["replayed"] for _ in range(3)] == ["false", "true", "true"]
    assert len(items.read(ticket_id(PRINTER)).comments) == 2


def test_next_step_and_next_contact_write_again(door: Door) -> None:
    steps = [{**NEW["Details"]["Parameters"], "step": step} for step in ("1", "2")]
    events = [{**NEW, "Details": {**NEW["Details"], "Parameters": step}} for step in steps]
    events.append(changed(events[0], ContactId="another-contact"))
    assert len({respond(door, each)["ticket_number"] for each in events}) == 3


def test_handover_reaches_the_desk_with_the_contact(door: Door) -> None:
    sent = event("hand_over", ticket_number=PRINTER, reason="Upset", summary="Tried all")
    respond(door, sent)
    ticket = items.read(ticket_id(PRINTER))
    (handover,) = ticket.handovers
    assert (handover["contact_id"], handover["requested_by"]) == (CONTACT, "connect")
    assert (handover["reason"], handover["summary"]) == ("Upset", "Tried all")
    assert ticket.comments[-1]["comment_text"] == "The caller asks for a person."
    status = respond(door, event("get_ticket_status", ticket_number=PRINTER))
    assert (status["ticket_handover"], status["ticket_latest_comment_by"]) == ("waiting", "caller")
    assert respond(door, event("begin_call"))["ticket_2_handover"] == "waiting"


def begin(door: Door, contact: str, caller: str = ANNA) -> list[str]:
    """Begin a call. Return the answers that the call tells."""
    response = respond(door, changed(event("begin_call", caller), ContactId=contact))
    count = int(response["answer_count"])
    return [response[f"answer_{number}_text"] for number in range(1, count + 1)]


def add_answers(*texts: str) -> None:
    ticket = items.read(ticket_id(PRINTER))
    ticket.comments = [contact_events.answer(text, second) for second, text in enumerate(texts, 5)]
    assert items.replace(ticket, ticket)


def test_answer_is_told_once_and_again_in_the_same_call(door: Door) -> None:
    assert [begin(door, each) for each in "aab"] == [["Use the stairs"]] * 2 + [[]]
    add_answers("Use the stairs", "It is out")
    assert [begin(door, each) for each in "ccd"] == [["It is out"]] * 2 + [[]]
    add_answers("Use the stairs", "It is out", "3", "4", "5")
    version = items.read(ticket_id(PRINTER)).version
    assert [begin(door, each) for each in "eef"] == [["3", "4", "5"]] * 2 + [[]]
    assert items.read(ticket_id(PRINTER)).version == version


def test_only_the_newest_answers_are_told(door: Door) -> None:
    add_answers("1", "2", "3", "4")
    assert [begin(door, each) for each in "ab"] == [["2", "3", "4"], []]


def test_answer_is_told_again_if_it_was_not_marked(
    door: Door, faults: FaultyDynamoDB, log: Log
) -> None:
    faults.faults.append(at("UpdateItem", refuse("ThrottlingException")))
    assert [begin(door, each) for each in "abc"] == [["Use the stairs"]] * 2 + [[]]
    (line,) = log.lines("answers_not_marked")
    assert line["cause"] == "ThrottlingException"
    assert faults.operations.count("UpdateItem") == 2


def test_answer_is_not_marked_if_time_is_short(
    door: Door, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setattr(optional_requests, "LAST_START_SECONDS", 0)
    assert [begin(door, each) for each in "ab"] == [["Use the stairs"]] * 2
    assert [line["cause"] for line in log.lines("answers_not_marked")] == ["late"] * 2


def test_two_calls_at_the_same_time_do_not_overwrite_each_other(
    door: Door, faults: FaultyDynamoDB
) -> None:
    """The second call begins between the read and the write of the first call."""
    other: list[list[str]] = []

    def begin_other(engine: FaultyDynamoDB) -> Any:
        other.append(begin(door, "other"))
        return apply(engine)

    faults.faults.append(at("UpdateItem", begin_other))
    assert begin(door, "first") == ["Use the stairs"]
    assert other == [["Use the stairs"]]
    assert items.read(ticket_id(PRINTER)).told_contact_id == "other"


def test_export_keeps_what_was_told_and_erasure_removes_the_contact(door: Door) -> None:
    begin(door, "a")
    add_answers("Use the stairs", "It is out")
    begin(door, "b")
    item = items.read_item(ticket_id(PRINTER))
    assert from_line(to_line(item)) == item
    assert item["told_until"]["S"] == OLD.format(6)
    assert item["told_before"]["S"] == OLD.format(5)
    assert erasure.erase(ticket_id(PRINTER), {ANNA})
    erased = items.read(ticket_id(PRINTER))
    assert (erased.told_contact_id, erased.told_until) == (None, OLD.format(6))


def test_long_texts_are_cut(door: Door) -> None:
    response = respond(door, event("begin_call", CARL))
    assert response["ticket_1_number"] == LONG
    assert response["answer_1_text"].endswith("\U0001f525…")
    assert response["answer_1_text"].startswith("\U0001f525" * 400)
    assert response["say"].count("…") == 2


def test_failing_dynamodb_gets_a_spoken_response(door: Door, faults: FaultyDynamoDB) -> None:
    faults.faults.extend([refuse("ThrottlingException")] * 3)
    response = respond(door, NEW)
    assert (response["code"], response["retryable"]) == ("storage_unavailable", "true")
    assert response["say"] == contact_events.UNAVAILABLE


def test_log_line_is_that_of_a_request_without_personal_data(door: Door, log: Log) -> None:
    respond(door, NEW)
    respond(door, event("create_ticket", issue_description="rains" * 500, word="secret"))
    respond(door, changed(NEW, InstanceARN=OTHER_INSTANCE))
    lines = log.lines("request")
    assert [(each["operation"], each["status"]) for each in lines] == [
        ("create_ticket", 200),
        ("create_ticket", 400),
        (None, 403),
    ]
    assert {(each["key"], each["route"]) for each in lines} == {("connect", "ContactFlowEvent")}
    for word in ("rain", "secret", ANNA[1:], CONTACT, "d9d1"):
        assert word not in log.text
